"""A patient from the first click to the right diagnosis, while other cells stay usable."""

import pytest
from lab import cell_containing, cells, in_kernel, open_notebook, run_cell_containing, screenshots, wait_for, write_notebook

pytestmark = pytest.mark.browser

SETUP = """from vae_helpers.data import load
from vae_helpers.widgets import BreakIt
data = load("pen")"""
SHOW = """ward = BreakIt(data.train.subset(500), epochs=3)
ward"""
HERE = """number, key = ward._number("sigma_4"), "sigma_4" """


@pytest.fixture(scope="module")
def notebook(lab, page):
    write_notebook(lab, "ward.ipynb", [SETUP, SHOW, HERE])
    open_notebook(page, lab, "ward.ipynb")
    for source in (SETUP, SHOW, HERE):
        run_cell_containing(page, source)
    return page


def root(page):
    return cell_containing(page, "ward = BreakIt").locator(".vae-widget")


def test_from_the_click_to_the_diagnosis(notebook):
    page, widget = notebook, root(notebook)
    number = in_kernel(page, "number")
    diagnose, select = widget.get_by_role("button", name="Diagnose", exact=True), widget.get_by_role("combobox")
    assert diagnose.is_disabled() and not widget.get_by_role("table").is_visible()
    widget.get_by_role("button", name=f"Patient {number}", exact=True).click()
    page.wait_for_timeout(100)
    assert in_kernel(page, "1 + 1") == "2"  # the kernel answers while it trains
    row = widget.get_by_role("row").filter(has_text="σ at which the KL is least")
    wait_for(page, row.is_visible, 60, "the chart")
    assert "▼ low" in row.inner_text() and "0.84" in row.inner_text()
    assert widget.get_by_role("row").filter(has_text="▼").or_(widget.get_by_role("row").filter(has_text="▲")).count() >= 1

    select.select_option(label="β = 50")
    diagnose.focus()
    page.keyboard.press("Enter")
    wait_for(page, lambda: "No: that would show in “effective β”" in widget.inner_text(), 10, "the hint")
    select.select_option(label="σ⁴ in place of σ² in the KL")
    wait_for(page, lambda: in_kernel(page, "ward.guess") == "'sigma_4'", 5, "the guess in the kernel")
    diagnose.click()
    wait_for(page, lambda: "How to mend it" in widget.inner_text(), 10, "the verdict")
    screenshots(page, "break-it")
    assert not [output for cell in cells(page) for output in cell["outputs"] if output["output_type"] == "error"]


def test_what_was_found_stays_while_another_is_chosen(notebook):
    page, widget = notebook, root(notebook)
    number = int(in_kernel(page, "number"))
    other = number % 13 + 1
    widget.get_by_role("button", name=f"Patient {other}", exact=True).click()
    wait_for(page, lambda: in_kernel(page, f"{other} in ward.patients") == "True", 60, "the other patient")
    wait_for(page, lambda: "How to mend it" not in widget.inner_text(), 5, "the verdict to go")
    widget.get_by_role("button", name=f"Patient {number}", exact=True).click()
    wait_for(page, lambda: "How to mend it" in widget.inner_text(), 5, "the verdict again")
    assert in_kernel(page, "len(ward.patients)") == "2"
