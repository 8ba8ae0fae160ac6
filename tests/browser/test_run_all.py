"""Run All in a real JupyterLab: nothing fails, every widget shows, and no other host is asked."""

import re
from dataclasses import dataclass
from typing import Any

import pytest
from lab import (
    ROOT,
    WIDGET_VIEW,
    Heard,
    code,
    errors,
    first_line,
    new_page,
    open_notebook,
    run_all,
    screenshots,
    set_theme,
)

pytestmark = pytest.mark.browser

NUMBERS = ("00", "01", "02", "03", "04", "05", "06", "07", "08", "09", "10")
NOTEBOOKS = [path.name for path in sorted((ROOT / "notebooks").glob("*.ipynb")) if path.name[:2] in NUMBERS]

FAULT = re.compile("Error displaying widget|Loading widget|model not found|Error rendering output")

# What the console may say: (pattern, why). Keep it short.
ALLOWED_IN_CONSOLE = ()

# For each cell the outputs as they stand in the page: text, and whether anything is drawn.
SHOWN = """() => [...document.querySelectorAll(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Cell")].map(
  cell => [...cell.querySelectorAll(".jp-OutputArea-output")].map(output => ({
    mime: output.dataset.mimeType ?? null,
    children: output.childElementCount,
    text: output.innerText,
  }))
)"""

# Pictures in the page without alternative text. Pictures in outputs of type image/png are not among
# them: JupyterLab 4.6 leaves out the alt text that their metadata hold.
IMAGES_WITHOUT_ALT = """() =>
  [...document.querySelectorAll(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Cell img")]
  .filter(image => !image.closest(".jp-RenderedImage") && !image.alt.trim())
  .map(image => image.outerHTML.slice(0, 100))"""


@dataclass
class Ran:
    """A notebook after Run All, in an open page."""

    name: str
    page: Any
    heard: Heard


@pytest.fixture(scope="module", params=NOTEBOOKS, ids=lambda name: name.removesuffix(".ipynb"))
def ran(request, lab, context):
    page, heard = new_page(context)
    open_notebook(page, lab, request.param)
    run_all(page)
    yield Ran(request.param, page, heard)
    page.close()


def missing_widgets(page):
    """Cells that display fewer widgets in the page than their outputs have views."""
    shown, missing = page.evaluate(SHOWN), []
    for cell in code(page):
        views = sum(WIDGET_VIEW in output.get("data", {}) for output in cell["outputs"])
        drawn = sum(output["mime"] is None and output["children"] > 0 for output in shown[cell["index"]])
        words = " ".join(output["text"] for output in shown[cell["index"]])
        fault = FAULT.search(words)
        if drawn < views or fault:
            said = fault[0] if fault else "no error shown"
            missing.append(f"{first_line(cell)}: {drawn} of {views} widgets, {said}")
    return missing


def test_every_cell_runs(ran):
    assert not errors(ran.page)
    waiting = [first_line(cell) for cell in code(ran.page) if not cell["count"]]
    assert not waiting, f"{ran.name}: these did not run: {'; '.join(waiting)}"
    counts = [cell["count"] for cell in code(ran.page)]
    assert counts == list(range(1, len(counts) + 1)), f"{ran.name}: not run in order: {counts}"


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_every_widget_is_displayed(ran, theme):
    set_theme(ran.page, theme)
    screenshots(ran.page, f"{ran.name.removesuffix('.ipynb')}-{theme.split()[-1].lower()}")
    assert not missing_widgets(ran.page)


def test_every_picture_has_alternative_text(ran):
    bare = [
        f"{first_line(cell)}: {kind}"
        for cell in code(ran.page)
        for output in cell["outputs"]
        for kind in output.get("data", {})
        if kind.startswith("image/") and not output["metadata"].get(kind, {}).get("alt")
    ]
    assert not bare + ran.page.evaluate(IMAGES_WITHOUT_ALT)


def test_no_dialog_and_no_question_is_in_the_way(ran):
    assert ran.page.locator(".jp-Dialog").count() == 0, ran.page.locator(".jp-Dialog").inner_text()
    toasts = ran.page.locator(".Toastify__toast").all_inner_texts()
    assert not toasts, f"JupyterLab asks: {toasts}"


def test_the_console_stays_quiet(ran):
    allowed = [re.compile(pattern) for pattern, why in ALLOWED_IN_CONSOLE]
    said = [line for line in ran.heard.console if not any(pattern.search(line) for pattern in allowed)]
    assert not said, f"{ran.name}: the browser's console has errors: {said}"


def test_the_page_asks_its_own_server_only(ran, lab):
    assert not ran.heard.other_hosts(lab)


def test_neither_server_nor_kernel_asks_another_host(ran, lab):
    """They run behind tests/no_network, which writes to the log whatever is asked for."""
    sign = "there is no network in this test"
    asked = [line for line in lab.written().splitlines() if sign in line]
    asked += [first_line(cell) for cell in code(ran.page) if sign in str(cell["outputs"])]
    assert not asked
