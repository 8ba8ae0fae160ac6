"""A prediction is answered by keyboard, and the kernel learns of it."""

import nbformat
import pytest
from lab import cell_containing, open_notebook, run_cell_containing, wait_for

pytestmark = pytest.mark.browser

CELLS = [
    "from vae_helpers.widgets import predict",
    'choice = predict("Which is it?", ["two", "three", "four"], name="test-choice")\nchoice',
    'number = predict("How many?", name="test-number")\nnumber',
    "print(repr(choice.guess), repr(number.guess))",
    'choice.reveal("three")',
]


@pytest.fixture(scope="module")
def notebook(lab, page):
    """A small notebook with two predictions, its first three cells run."""
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in CELLS])
    nb.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}  # else JupyterLab asks which
    nbformat.write(nb, lab.course / "notebooks" / "prediction.ipynb")
    open_notebook(page, lab, "prediction.ipynb")
    for source in CELLS[:3]:
        run_cell_containing(page, source)
    return page


def widget(page, text):
    """The prediction in the output of the cell that contains ``text``."""
    return cell_containing(page, text).locator(".vae-prediction")


def guesses(page):
    """What the kernel knows: both guesses, as printed."""
    return "".join(output["text"] for output in run_cell_containing(page, "print(repr(choice"))


def active_cell(page):
    return page.evaluate("() => window.jupyterapp.shell.currentWidget.content.activeCellIndex")


def cell_count(page):
    return page.evaluate("() => window.jupyterapp.shell.currentWidget.content.widgets.length")


def test_arrow_and_space_choose_an_option(notebook):
    first = widget(notebook, "Which is it?").get_by_role("radio").first
    first.focus()
    notebook.keyboard.press("Space")
    assert first.is_checked()
    notebook.keyboard.press("ArrowDown")
    second = widget(notebook, "Which is it?").get_by_label("three")
    assert second.is_checked()
    wait_for(notebook, lambda: guesses(notebook).startswith("'three'"), 10, "the guess in the kernel")


def test_keys_in_a_prediction_do_not_move_the_notebook(notebook):
    before = cell_count(notebook)
    field = widget(notebook, "How many?").get_by_role("textbox")
    field.focus()
    at = active_cell(notebook)
    notebook.keyboard.type("1200b")  # b would insert a cell
    notebook.keyboard.press("ArrowDown")
    assert field.input_value() == "1200b"
    assert (cell_count(notebook), active_cell(notebook)) == (before, at)
    notebook.keyboard.press("Backspace")
    wait_for(notebook, lambda: "'1200'" in guesses(notebook), 10, "the number in the kernel")


def test_the_answer_stands_beside_the_guess(notebook):
    run_cell_containing(notebook, "choice.reveal")
    status = widget(notebook, "Which is it?").get_by_role("status")
    wait_for(notebook, lambda: "You predicted" in status.inner_text(), 10, "the answer in the widget")
