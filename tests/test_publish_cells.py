"""Cells as HTML, and widgets as a page takes them."""

import base64
import json
import re
from io import BytesIO

import nbformat
import pytest
from bs4 import BeautifulSoup
from ipywidgets import Widget
from PIL import Image

from publish.executed import FINER
from publish.figures import pack, webp
from publish.live import OF_ITS_OWN, WIDGET_STATE, WIDGET_VIEW, Live, script_of
from publish.render import Cells, markdown, mathml, name_of
from vae_helpers.widgets import LatentPad, Prediction, predict
from vae_helpers.widgets.prediction import compare

LIVE = Live(nbformat.v4.new_notebook())


def shown(*outputs, live=LIVE, **metadata):
    cell = nbformat.v4.new_code_cell("1 + 1", outputs=list(outputs), metadata=metadata)
    cells = Cells(live)
    return cells.html_of([cell]), cells


def display(data, **metadata):
    return nbformat.v4.new_output("display_data", data, metadata=metadata)


# --- text


def test_formulas_become_mathml():
    text = markdown(r"So $\sigma^2$ and" "\n\n" r"$$\mathbb E_q\big[\log p(x)\big]$$", {})
    assert text.count("<math") == 2 and 'display="block"' in text
    assert "$" not in text and "σ" in text


def test_a_formula_that_is_wrong_is_named():
    with pytest.raises(ValueError, match=r"not understood.*\n.*\\nosuchcommand"):
        mathml(r"\nosuchcommand{x}", display=True)


def test_anchors_are_jupyterlabs_and_no_two_are_one():
    ids = {}
    text = markdown("## 2 · A `name`\n\nWords.\n\n## Recap\n\n## Recap", ids)
    assert list(ids) == ["2-·-A-name", "Recap", "Recap-2"]
    assert all(f'id="{name}"' in text for name in ids)
    assert name_of("A b", {"A-b": 1, "A-b-2": 1}) == "A-b-3"


def test_links_to_notebooks_lead_to_their_pages():
    text = markdown("[a](01_x.ipynb) [b](02_y.ipynb#3-·-z) [c](https://example.org/n.ipynb?x)", {})
    assert re.findall('href="([^"]+)"', text)[:2] == ["01_x.html", "02_y.html#3-%C2%B7-z"]
    assert "n.ipynb?x" in text


def test_a_table_scrolls_by_itself():
    assert '<div class="scrolls"><table>' in markdown("| a |\n|---|\n| b |", {})


# --- code and outputs


def test_code_is_highlighted_and_imports_are_folded():
    plain, _ = shown()
    folded, _ = shown(tags=["setup"])
    assert 'class="mi"' in plain and "<details" not in plain
    assert "<summary>Imports</summary>" in folded


def test_printed_text_is_shown_as_it_is():
    text, _ = shown(nbformat.v4.new_output("stream", text="a < b & c\n"), display({"text/plain": "<Thing>"}))
    assert "a &lt; b &amp; c" in text and "&lt;Thing&gt;" in text


def figure(wide, high):
    """Such an output as a notebook that was run for the pages has it."""
    png = BytesIO()
    Image.new("RGB", (wide, high), "white").save(png, "PNG")
    described = {"image/png": {"alt": 'A "figure" <b>'}}
    output = display({"image/png": base64.b64encode(png.getvalue()).decode()}, **described)
    pack(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 + 1", outputs=[output])]))
    assert list(output.data) == ["image/webp"]
    return output


def test_a_figure_is_a_file_half_as_wide_as_its_pixels():
    text, cells = shown(figure(200 * FINER, 100 * FINER))
    (name,) = cells.images
    image = BeautifulSoup(text, "html.parser").img
    assert image["src"] == f"figures/{name}" and (image["width"], image["height"]) == ("200", "100")
    assert image["alt"] == 'A "figure" <b>'
    assert Image.open(BytesIO(cells.images[name])).size == (200 * FINER, 100 * FINER)


def test_a_drawing_is_kept_to_the_pixel():
    drawing = Image.new("L", (100, 100), 255)
    drawing.putpixel((3, 4), 7)
    assert Image.open(BytesIO(webp(drawing))).convert("L").tobytes() == drawing.tobytes()


def test_what_is_transparent_lies_on_white():
    assert Image.open(BytesIO(webp(Image.new("RGBA", (10, 10), (255, 0, 0, 0))))).getpixel((5, 5)) == (255, 255, 255)


def test_what_is_large_and_no_drawing_is_packed_smaller():
    photograph = Image.effect_noise((600, 600), 90).convert("RGB")
    exact = BytesIO()
    photograph.save(exact, "WEBP", lossless=True)
    assert len(webp(photograph)) < len(exact.getvalue())


def test_words_that_only_screen_readers_get_are_not_said_twice():
    text, _ = shown(display({"text/html": '<span class="figure-alt">Figure: x</span>'}))
    assert "Figure: x" not in text


# --- widgets


def state_of(widget):
    """A widget as nbclient stores it."""
    state, paths, buffers = {}, [], []
    for name, value in widget.get_state().items():
        if isinstance(value, (bytes, memoryview)):
            paths.append([name])
            buffers.append(bytes(value))
        else:
            state[name] = value
    data = [{"data": base64.b64encode(b).decode(), "encoding": "base64", "path": p} for p, b in zip(paths, buffers)]
    return {"state": state, "buffers": data}


def with_all_they_refer_to(widgets):
    """These widgets and the ones held by their traits. (ipywidgets' own list has closed ones too, of other tests.)"""
    found = {}
    waiting = list(widgets)
    while waiting:
        widget = waiting.pop()
        if widget.model_id not in found:
            found[widget.model_id] = widget
            waiting += [value for value in (getattr(widget, name) for name in widget.keys) if isinstance(value, Widget)]
    return found


def notebook_with(*widgets):
    """A notebook whose metadata hold these widgets, and all that they refer to."""
    known = {model_id: state_of(widget) for model_id, widget in with_all_they_refer_to(widgets).items()}
    return nbformat.v4.new_notebook(metadata={"widgets": {WIDGET_STATE: {"state": known}}})


@pytest.fixture
def pad(seeded):
    from vae_helpers.data import load
    from vae_helpers.models import build

    return LatentPad(build("vae2").eval(), load("pen").test.subset(50))


def view(widget):
    return display({WIDGET_VIEW: {"model_id": widget.model_id}, "text/plain": "x"})


def test_a_widget_goes_along_with_the_network_it_shows(pad):
    live = Live(notebook_with(pad))
    text, _ = shown(view(pad), live=live)
    place = BeautifulSoup(text, "html.parser").find(class_="live")
    assert (place["data-widget"], place["data-kind"]) == ("w1", "LatentPad")
    entry = live.models["w1"]
    assert entry["kind"] == "LatentPad" and entry["state"]["z"] == pad.z and "_esm" not in entry["state"]
    network = live.models[entry["state"]["decoder"].removeprefix("IPY_MODEL_")]
    assert network["state"]["layers"] == pad.decoder.layers
    (name,) = live.files
    assert network["buffers"]["weights"] == {"file": name}
    assert base64.b64decode(re.search(r'", "(.+)"\)', live.files[name])[1]) == pad.decoder.weights


def test_two_widgets_of_one_network_share_it(pad):
    other = LatentPad(pad._model, None)
    other.decoder = pad.decoder
    live = Live(notebook_with(pad, other))
    shown(view(pad), view(other), live=live)
    assert len(live.models) == 3 and len(live.files) == 1  # two pads and a network


def test_short_bytes_stay_on_the_page(pad):
    live = Live(notebook_with(pad))
    shown(view(pad), live=live)
    codes = live.models["w1"]["buffers"]["codes"]
    assert len(codes) < OF_ITS_OWN and base64.b64decode(codes) == pad.codes


def test_the_script_is_json_in_a_call(pad):
    live = Live(notebook_with(pad))
    shown(view(pad), live=live)
    given = json.loads(re.fullmatch(r"course\.widgets\((.*)\);\n", live.script(), flags=re.DOTALL)[1])
    assert given == json.loads(json.dumps(live.models))


def test_a_prediction_is_open_again_and_knows_its_replies():
    question = predict("Which?", ["PCA", "the net"], name="test_publish")
    question.guess = "the net"
    revealed = question.reveal("PCA", "It is.")
    live = Live(notebook_with(question))
    shown(view(question), live=live)
    (entry,) = live.models.values()
    assert entry["state"]["guess"] == entry["state"]["result"] == ""
    assert entry["replies"] == {guess: compare(guess, "PCA", "It is.", True) for guess in ("", "PCA", "the net")}
    assert entry["replies"]["the net"] == repr(revealed)


def test_the_answer_of_a_prediction_is_folded_and_tells_no_lie():
    question = predict("Which?", ["PCA", "the net"], name="test_publish")
    revealed = question.reveal("PCA", "It is.")
    live = Live(notebook_with(question))
    text, _ = shown(view(question), live=live)
    cell = nbformat.v4.new_code_cell("guess.reveal()", outputs=[display({"text/plain": repr(revealed)})])
    text = Cells(live).html_of([cell])
    assert BeautifulSoup(text, "html.parser").find("details", class_="answer")["data-reveals"] == "w1"
    assert "The answer: PCA. It is." in text and "No prediction was made" not in text


def test_somebody_elses_widget_is_said_to_need_the_notebook():
    nb = nbformat.v4.new_notebook(metadata={"widgets": {WIDGET_STATE: {"state": {"a": {"state": {"_model_name": "X"}}}}}})
    text, _ = shown(display({WIDGET_VIEW: {"model_id": "a"}}), live=Live(nb))
    assert "running notebook only" in text


def test_a_progress_bar_is_left_out():
    text, _ = shown(display({WIDGET_VIEW: {"model_id": "a"}, "text/plain": "  0%|          | 0/3 [00:00<?, ?it/s]"}))
    assert "outputs" not in text and "%|" not in text


# --- modules as classic scripts


def test_a_module_becomes_a_script_that_needs_no_server():
    script = script_of("Prediction", Prediction)
    assert script.startswith('course.kind("Prediction", () => {') and "export" not in script
    assert script.count("return {") >= 1


@pytest.mark.parametrize("source", ["import x from './x.js';\nexport default {};", "const a = 1;", "export const a = 1;\nexport default a;"])
def test_a_module_with_imports_is_refused(source):
    class Other:
        _esm, _css = source, ""

    with pytest.raises(ValueError, match="wanted is one `export default`, and no import"):
        script_of("Other", Other)
