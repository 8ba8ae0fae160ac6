"""Sliders: what a cell shows at first, what a move changes, what is refused. Dragging is a matter for tests/browser."""

import base64
import copy
import html
import io

import ipywidgets
import matplotlib.pyplot as plt
import nbformat
import pytest
from notebook_tools import WIDGET_VIEW, tidy
from PIL import Image

from vae_helpers import plots
from vae_helpers.widgets import explore, sliders

# --- outside a kernel


@pytest.fixture(autouse=True)
def no_figure_is_left():
    yield
    left = plt.get_fignums()
    plt.close("all")
    assert not left


@pytest.fixture
def calls():
    """A drawing function that notes what it is called with, in ``calls.values``."""

    def draw(**values):
        draw.values.append(values)
        plt.subplots()

    draw.values = []
    return draw


@pytest.mark.filterwarnings("ignore:FigureCanvasAgg is non-interactive")
def test_outside_a_kernel_it_draws_once(calls):
    assert explore(calls, mu=(0.5, -3, 3), n=(2, 1, 10)) is None
    assert calls.values == [{"mu": 0.5, "n": 2}]


@pytest.mark.parametrize(
    "of",
    [
        (4.0, -3, 3),
        (-4.0, -3, 3),
        (0.0, 3, -3),
        (1.0, 1, 1),
        (0.0, 1),
        (0.0, -3, 3, 0.1, 5),
        (0.0, -3, float("inf")),
        (float("nan"), -3, 3),
        ("0", -3, 3),
        (0.0, -3, 3, 0.0),
        (0.0, -3, 3, -0.1),
        (0.0, -3, 3, 7.0),
        1.5,
        "abc",
        None,
    ],
)
def test_what_is_no_slider_is_named(of, calls):
    with pytest.raises(ValueError) as raised:
        explore(calls, fine=(0.0, -1, 1), mu=of)
    assert str(raised.value).startswith(f"mu={of!r}: wanted")
    assert calls.values == []


def test_no_sliders(calls):
    with pytest.raises(ValueError, match=r"explore\(draw, name=\(start, low, high\)\)"):
        explore(calls)


@pytest.mark.parametrize(
    "of, kind, step, form",
    [
        ((0.0, -3, 3), ipywidgets.FloatSlider, 0.1, ".1f"),
        ((1.0, 0.05, 3), ipywidgets.FloatSlider, 0.01, ".2f"),
        ((0.5, 0, 1, 0.25), ipywidgets.FloatSlider, 0.25, ".2f"),
        ((300.0, 200, 1200), ipywidgets.FloatSlider, 10.0, ".0f"),
        ((3, 1, 10), ipywidgets.IntSlider, 1, "d"),
        ((20, 0, 200, 20), ipywidgets.IntSlider, 20, "d"),
    ],
)
def test_steps_and_readout_fit_the_numbers(of, kind, step, form):
    slider = sliders._slider("mu", of, "μ", "3ch")
    assert type(slider) is kind and slider.continuous_update and slider.description == "μ"
    assert (slider.value, slider.min, slider.max) == of[:3]
    assert slider.step == pytest.approx(step) and slider.readout_format == form


def test_the_text_holds_the_names_and_no_address(calls):
    ours = {name: sliders._slider(name, (0.0, -1, 1), "μ", "3ch") for name in ("mu", "sigma")}
    assert repr(sliders.Sliders(calls, ours)) == "Sliders: mu, sigma"


# --- in a kernel

CELLS = {
    "setup": """
import matplotlib.pyplot as plt
from ipywidgets.widgets.widget import _instances
from vae_helpers import plots
from vae_helpers.widgets import explore, sliders
drawn = []

def draw(mu, n):
    drawn.append((mu, n))
    for i in range(2 if n == 9 else 1):
        _, ax = plt.subplots(figsize=(3, 2))
        ax.plot([0, mu])
        plots.alt(ax, f"A line up to {mu} & <n> = {n}.")
    if n == 7:
        raise ValueError("seven is <b>too</b> many\\nand more")
""",
    "first": 'explore(draw, mu=(0.0, -3, 3), n=(2, 1, 10), labels={"mu": "μ"})',
    "again": 'explore(draw, mu=(0.0, -3, 3), n=(2, 1, 10), labels={"mu": "μ"})',
    "the box": "box = [one for one in _instances.values() if isinstance(one, sliders.Sliders)][-1]; drawn.clear()",
    "move": "box.sliders['mu'].value = 1.5000000000000009  # as a browser counts",
    "no move": "box.sliders['mu'].value = 1.5000000000000009\nprint(drawn)",
    "wrong": "box.sliders['n'].value = 7\nprint(box.trouble.value, box.trouble.layout.display, plt.get_fignums())",
    "two": "box.sliders['n'].value = 9\nprint(box.trouble.value, plt.get_fignums())",
    "right": "box.sliders['n'].value = 3\nprint([box.trouble.value, box.trouble.layout.display], plt.get_fignums())",
    "pending": """
plt.subplots(figsize=(2, 2))[1].set_title("drawn before")
explore(lambda a: plots.alt(plt.subplots()[1], "The explored one"), a=(0.5, 0, 1))
""",
    "fails": "explore(lambda a: plt.subplots() and 1 / 0, a=(0.5, 0, 1))",
    "no figure": "explore(lambda a: None, a=(0.5, 0, 1))",
    "left": "print(plt.get_fignums())",
}


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    """The outputs of each cell above after all have run; the moves are those of the cell ``again``."""
    from nbclient import NotebookClient

    cells = [nbformat.v4.new_code_cell(source) for source in CELLS.values()]
    nb = nbformat.v4.new_notebook(cells=cells)
    where = {"metadata": {"path": str(tmp_path_factory.mktemp("notebook"))}}
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv("MPLBACKEND", raising=False)  # else figures would not reach the notebook
        NotebookClient(nb, timeout=120, kernel_name="python3", resources=where, allow_errors=True).execute()
    return dict(zip(CELLS, (cell.outputs for cell in nb.cells)))


def alt_text(output):
    return output.metadata["image/png"]["alt"]


def pixels(output):
    return Image.open(io.BytesIO(base64.b64decode(output.data["image/png"]))).convert("RGB").tobytes()


def printed(cell):
    return "".join(output.text for output in cell).strip()


def test_the_sliders_come_first_then_the_figure_then_its_text(outputs):
    box, picture, text = outputs["first"]
    assert WIDGET_VIEW in box.data and box.data["text/plain"] == "Sliders: mu, n"
    assert alt_text(picture) == "A line up to 0.0 & <n> = 2."
    assert f"Figure: {html.escape(alt_text(picture))}</span>" in text.data["text/html"]
    assert {o.output_type for o in outputs["first"]} == {"display_data"}, "the call has no value of its own"


def test_the_stored_notebook_keeps_the_figure_and_a_short_text(outputs):
    cell = nbformat.v4.new_code_cell(outputs=copy.deepcopy(outputs["first"]))
    stored = tidy(nbformat.v4.new_notebook(cells=[cell])).cells[0].outputs
    assert stored[0].data == {"text/plain": "Sliders: mu, n"}
    assert "image/png" in stored[1].data and len(stored) == 3


def test_the_outputs_are_those_of_show(outputs):
    figure, ax = plt.subplots()
    plots.alt(ax, "A line.")
    (data, how), (text, _) = plots.outputs_of(figure)
    plt.close(figure)
    for cell in ("first", "again"):  # at the start, and after moves
        _, picture, hidden = outputs[cell]
        assert set(picture.data) == set(data) and set(picture.metadata) == set(how["metadata"])
        assert hidden.data["text/plain"] == repr(text)


def test_a_move_changes_the_figure_and_its_text_where_they_stand(outputs):
    _, picture, text = outputs["again"]
    assert alt_text(picture) == "A line up to 1.5 & <n> = 3." and "up to 1.5" in text.data["text/html"]
    assert pixels(picture) != pixels(outputs["first"][1])
    assert outputs["move"] == []


def test_a_cell_run_again_leaves_the_earlier_figure_alone(outputs):
    assert alt_text(outputs["first"][1]) == "A line up to 0.0 & <n> = 2."


def test_where_nothing_moves_nothing_is_drawn(outputs):
    assert printed(outputs["no move"]) == "[(1.5, 2)]"


def test_an_error_is_one_line_under_the_sliders(outputs):
    said = printed(outputs["wrong"])
    assert 'role="alert"' in said and said.endswith("None []")
    assert "ValueError: seven is &lt;b&gt;too&lt;/b&gt; many<" in said and "and more" not in said


def test_another_number_of_figures_is_said(outputs):
    said = printed(outputs["two"])
    assert "as many figures as at the start" in said and said.endswith("[]")


def test_the_next_good_figure_clears_the_line(outputs):
    assert printed(outputs["right"]) == "['', 'none'] []"


def test_what_the_cell_drew_before_is_shown_before(outputs):
    pictures = [alt_text(o) for o in outputs["pending"] if "image/png" in o.data]
    assert pictures == ["drawn before", "The explored one"]


def test_what_fails_at_the_start_fails_in_the_cell(outputs):
    assert [o.get("ename") for o in outputs["fails"]] == ["ZeroDivisionError"]
    (error,) = outputs["no figure"]
    assert error.ename == "ValueError" and "not to show it" in error.evalue
    assert printed(outputs["left"]) == "[]"
