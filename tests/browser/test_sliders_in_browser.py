"""A slider is dragged and stepped by keys, and the figure below it follows; what fails is said."""

import nbformat
import pytest
from lab import cell_containing, open_notebook, run_cell_containing, screenshots, set_theme, wait_for

pytestmark = pytest.mark.browser

SETUP = """import matplotlib.pyplot as plt
import torch
from vae_helpers import plots
from vae_helpers.widgets import explore
plots.use_course_style()"""
EXPLORE = """def draw(mu, n):
    z, height = torch.linspace(-6, 6, 300), 1 / (10 - n)
    _, ax = plt.subplots()
    ax.plot(z, height * torch.exp(-(z - mu)**2 / 2))
    plots.alt(ax, f"A hump at {mu}, number {n}.")

explore(draw, mu=(0.0, -3, 3), n=(2, 1, 10), labels={"mu": "μ"})"""
AFTER = "print(plt.get_fignums())"


@pytest.fixture(scope="module")
def notebook(lab, page):
    """A small notebook whose sliders are there."""
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in (SETUP, EXPLORE, AFTER)])
    nb.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}  # else JupyterLab asks which
    nbformat.write(nb, lab.course / "notebooks" / "sliders.ipynb")
    open_notebook(page, lab, "sliders.ipynb")
    for source in (SETUP, EXPLORE):
        run_cell_containing(page, source)
    return page


def cell(page):
    return cell_containing(page, "def draw")


def slider(page, number):
    return cell(page).get_by_role("slider").nth(number)


def picture(page):
    return cell(page).locator("img").get_attribute("src")


def said(page):
    """The text for screen readers under the figure."""
    return cell(page).locator(".figure-alt").inner_text()


def wait_for_text(page, text):
    cell(page).get_by_text(f"Figure: {text}", exact=True).wait_for(state="attached", timeout=10_000)


def active_cell(page):
    return page.evaluate("() => window.jupyterapp.shell.currentWidget.content.activeCellIndex")


@pytest.fixture
def at_rest(notebook):
    """Both sliders where they were at the start, one below 2, and the figure too."""
    slider(notebook, 1).press("Home")
    wait_for(notebook, lambda: said(notebook).endswith("number 1."), 10, "the second slider at its low end")
    return notebook


def test_the_figure_follows_while_a_slider_is_dragged(at_rest):
    before = picture(at_rest)
    box = slider(at_rest, 0).bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    at_rest.mouse.move(x, y)
    at_rest.mouse.down()
    at_rest.mouse.move(x + 80, y, steps=20)
    wait_for(at_rest, lambda: picture(at_rest) != before, 10, "another figure, the button still down")
    at_rest.mouse.move(x + 600, y, steps=20)
    wait_for_text(at_rest, "A hump at 3.0, number 1.")
    at_rest.mouse.up()
    assert cell(at_rest).locator("img").count() == 1


@pytest.mark.parametrize("key, text", [("ArrowRight", "-2.9"), ("ArrowUp", "-2.9"), ("ArrowLeft", "-3.0")])
def test_keys_move_the_slider_and_not_the_notebook(at_rest, key, text):
    slider(at_rest, 0).press("Home")
    wait_for_text(at_rest, "A hump at -3.0, number 1.")
    at = active_cell(at_rest)
    slider(at_rest, 0).press(key)
    wait_for_text(at_rest, f"A hump at {text}, number 1.")
    assert active_cell(at_rest) == at


def test_an_error_is_said_until_the_next_good_figure(at_rest):
    before = picture(at_rest)
    slider(at_rest, 1).press("End")  # the height is 1 / 0
    alert = cell(at_rest).get_by_role("alert")
    wait_for(at_rest, lambda: alert.count() == 1, 10, "the error under the sliders")
    assert "ZeroDivisionError" in alert.inner_text() and picture(at_rest) == before
    slider(at_rest, 1).press("ArrowLeft")
    wait_for(at_rest, lambda: alert.count() == 0, 10, "the end of the error")
    assert said(at_rest).endswith("number 9.") and picture(at_rest) != before


def test_no_figure_stays_open(at_rest):
    (output,) = run_cell_containing(at_rest, AFTER)
    assert output["text"].strip() == "[]"


def test_the_cell_run_again_has_one_figure_that_follows(at_rest):
    run_cell_containing(at_rest, EXPLORE)
    wait_for_text(at_rest, "A hump at 0.0, number 2.")
    slider(at_rest, 0).press("ArrowRight")
    wait_for_text(at_rest, "A hump at 0.1, number 2.")
    assert cell(at_rest).locator("img").count() == 1


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_name_and_readout_are_whole_in_both_themes(at_rest, theme):
    set_theme(at_rest, theme)
    screenshots(at_rest, f"sliders-{theme.split()[-1].lower()}")
    for part in cell(at_rest).locator(".widget-slider .widget-label, .widget-slider .widget-readout").all():
        width, needed = part.evaluate("part => [part.clientWidth, part.scrollWidth]")
        assert part.is_visible() and needed <= width, part.inner_text()
