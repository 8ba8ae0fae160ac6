"""What every widget must do in JupyterLab: show itself, obey mouse, finger and keys, and leave nothing behind.

The widgets are in ``widget_cases.py``; all stand in one notebook.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Any

import pytest
from accessibility import WCAG
from axe_playwright_python.sync_playwright import Axe
from lab import (
    WIDGET_VIEW,
    cells,
    command,
    in_kernel,
    new_page,
    open_notebook,
    run_cell_containing,
    screenshots,
    set_theme,
    wait_for,
    wait_until_idle,
    write_notebook,
)
from widget_cases import CASES, SETUP, Drag

pytestmark = pytest.mark.browser

THEMES = ["JupyterLab Light", "JupyterLab Dark", "JupyterLab Dark High Contrast"]
WIDE = {"width": 1280, "height": 900}
PAGES = {"400 px wide": (400, 900, 1), "zoomed to 200 %": (640, 450, 2)}  # width, height, device pixels per CSS pixel
SCRATCH = "# more views"  # the last cell; tests put outputs under it, and take them away

# JupyterLab's body has no height and hides what overflows it: axe would take all text for hidden, and not look at it.
BODY_FOR_AXE = "html, body { height: 100% }"

# What a press of these does to a notebook whose cells have the focus: insert, delete, cut, paste, change, select.
LABS_OWN_KEYS = ["b", "a", "d", "d", "x", "z", "m", "y", "r", "j", "k", "1", "ArrowDown", "ArrowUp", "Enter"]

# Observers of size and mutation that are at work, with what they watch.
WATCH_OBSERVERS = """() => {
  window.observing = new Map();
  for (const name of ["MutationObserver", "ResizeObserver", "IntersectionObserver"]) {
    window[name] = class extends window[name] {
      observe(target, ...rest) {
        window.observing.set(this, [...(window.observing.get(this) ?? []), target]);
        return super.observe(target, ...rest);
      }
      disconnect() { window.observing.delete(this); return super.disconnect(); }
    };
  }
}"""

# How many watch the document or its body, or something of a widget that has left the page.
OBSERVERS = """() => [...window.observing.values()].flat().filter(
  at => at === document || at === document.body || at === document.documentElement
    || (!at.isConnected && (at.closest?.(".vae-widget") || String(at.className).includes("vae-")))).length"""

# Canvases that can be seen: a checksum of the pixels of each.
PIXELS = """(root, selector) => [...root.querySelectorAll(selector)]
  .filter(canvas => canvas.width && canvas.height && canvas.checkVisibility())
  .map(canvas => {
    const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    return new Int32Array(pixels.buffer).reduce((sum, pixel) => Math.imul(31, sum) + pixel | 0, canvas.width);
  })"""

# The same, once they have been the same for a while.
AT_REST = f"""async (root, selector) => {{
  const pixels = {PIXELS};
  for (let now = pixels(root, selector), n = 0; n < 150; n++) {{
    const before = String(now);
    await new Promise(done => setTimeout(done, 100));
    now = pixels(root, selector);
    if (String(now) === before) return now;
  }}
  throw new Error("the picture is never at rest");
}}"""

# For each canvas that can be seen, whether it has more than one colour.
DRAWN = """root => [...root.querySelectorAll("canvas")].filter(canvas => canvas.checkVisibility()).map(canvas => {
  const pixels = new Uint32Array(canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.buffer);
  return pixels.some(pixel => pixel !== pixels[0]);
})"""

# What has the focus: a name, and whether a ring around it, or around the part of the widget it is in, can be seen.
FOCUSED = """root => {
  const node = document.activeElement;
  if (!root.contains(node)) return null;
  let ring = false;
  for (let at = node; at !== root && !ring; at = at.parentElement) {
    const { outlineStyle, outlineWidth, outlineColor, opacity } = getComputedStyle(at);
    ring = opacity > 0 && outlineStyle !== "none" && parseFloat(outlineWidth) >= 2
      && !["transparent", "rgba(0, 0, 0, 0)"].includes(outlineColor);
  }
  return { name: node.ariaLabel || node.labels?.[0]?.innerText || node.innerText || node.outerHTML.slice(0, 80), ring };
}"""

# How many stops Tab should make: one a control, and one a group of radio buttons.
STOPS = """root => [...root.querySelectorAll("button, input, select, textarea, summary, a[href], [tabindex]")].filter(
  (node, _, all) => node.tabIndex >= 0 && !node.disabled && node.checkVisibility()
    && !(node.type === "radio" && node !== (all.find(other => other.name === node.name && other.checked) ?? node)))
  .length"""

# Parts that stick out of the widget sideways, and controls too small for a finger.
MISFITS = """root => {
  const faults = [], box = root.getBoundingClientRect(), room = root.closest(".jp-OutputArea-output");
  const said = node => node.ariaLabel || node.innerText?.slice(0, 30) || node.className || node.tagName;
  for (const [name, node] of [["widget", root], ["output", room]])
    if (node.scrollWidth > node.clientWidth)
      faults.push(`the ${name} is ${node.scrollWidth} px wide in ${node.clientWidth}`);
  const scrolls = node => node !== root
    && (/auto|scroll/.test(getComputedStyle(node).overflowX) || scrolls(node.parentElement));
  for (const node of root.querySelectorAll("*")) {
    const { left, right, width, height } = node.getBoundingClientRect();
    if (!width || !height || !node.checkVisibility() || node.closest(".vae-unseen")) continue;
    if ((left < box.left - 1 || right > box.right + 1) && !scrolls(node.parentElement))
      faults.push(`${said(node)} reaches from ${left} to ${right}, the widget from ${box.left} to ${box.right}`);
    if (!node.matches("button, input, select, textarea, summary, a[href], [tabindex]")) continue;
    const target = (node.closest("label") ?? node).getBoundingClientRect();
    if (target.width < 24 || target.height < 24) faults.push(`${said(node)} is ${target.width} by ${target.height} px`);
    if (node.matches("button") && node.scrollWidth > node.clientWidth) faults.push(`${said(node)} is cut off`);
  }
  return faults;
}"""

ADD_VIEWS = """([index, type, id, times]) => {
  const outputs = window.jupyterapp.shell.currentWidget.content.widgets[index].model.outputs;
  const view = { model_id: id, version_major: 2, version_minor: 0 };
  for (let i = 0; i < times; i++) outputs.add({ output_type: "display_data", data: { [type]: view }, metadata: {} });
}"""
CLEAR = "index => window.jupyterapp.shell.currentWidget.content.widgets[index].model.outputs.clear()"

NOTEBOOK = """() => {
  const { content } = window.jupyterapp.shell.currentWidget;
  return { active: content.activeCellIndex, mode: content.mode,
    cells: content.widgets.map(cell => [cell.model.id, cell.model.type, cell.model.sharedModel.getSource()]) };
}"""


@dataclass
class Shown:
    """A widget of the notebook, as the page and the kernel have it."""

    case: Any
    page: Any
    index: int

    @property
    def cell(self):
        return self.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Notebook .jp-Cell").nth(self.index)

    @property
    def root(self):
        return self.cell.locator(".vae-widget").first

    def state(self):
        """What the kernel has: ``case.state``, printed."""
        return in_kernel(self.page, self.case.state)

    def control(self, root=None):
        return (root or self.root).get_by_role(self.case.keys.role, name=self.case.keys.name, exact=True)

    def number(self):
        """The number that the keys move, as the kernel or else the page has it."""
        if self.case.keys.number:
            return float(in_kernel(self.page, f"float({self.case.keys.number})"))
        return float(self.control().evaluate("node => node.ariaValueNow ?? node.value"))

    def pixels(self, root=None):
        return (root or self.root).evaluate(PIXELS, self.case.moves)

    def rest(self):
        """Wait until nothing moves any more, in the page or in the kernel; give back the state and the pixels."""
        self.root.evaluate(AT_REST, self.case.moves)
        self.page.wait_for_timeout(100)  # as long as the page may keep news from the kernel
        return self.state(), self.pixels()

    def wait_for_move(self, before, how):
        """Wait until state and pixels both differ from what they were."""
        state, pixels = before
        name = f"{self.case.name}, {how}"
        wait_for(self.page, lambda: self.state() != state, 5, f"{name}: {self.case.state} in the kernel", every=60)
        wait_for(self.page, lambda: self.pixels() != pixels, 5, f"{name}: other pixels", every=60)

    def home(self):
        """Back to where Reset and Home bring it, so that no test depends on the one before."""
        reset = self.root.get_by_role("button", name="Reset", exact=True)
        if reset.count() and reset.is_enabled():
            reset.click()
        self.control().focus()
        if self.case.keys.home is not None:
            self.page.keyboard.press("Home")
        return self.rest()

    def way(self, steps=12):
        """Points in the page from the start to the end of ``case.mouse``; of a button its middle."""
        mouse = self.case.mouse
        if isinstance(mouse, Drag):
            node, (start, end) = self.root.locator(f"{mouse.on} >> visible=true").first, (mouse.start, mouse.end)
        else:
            node, steps = self.root.get_by_role(mouse.role, name=mouse.name, exact=True), 0
            start = end = (0.5, 0.5)
        node.evaluate("node => node.scrollIntoView({ block: 'center' })")
        box = node.bounding_box()

        def point(part):
            x, y = (a + part * (b - a) for a, b in zip(start, end, strict=True))
            return box["x"] + x * box["width"], box["y"] + y * box["height"]

        return [point(i / max(steps, 1)) for i in range(steps + 1)]


@pytest.fixture(scope="module")
def notebook(lab, context):
    """The notebook with every widget shown: page, what was heard, and the index of each widget's cell."""
    page, heard = new_page(context)
    page.add_init_script(f"({WATCH_OBSERVERS})()")
    write_notebook(lab, "widgets.ipynb", [SETUP, *(case.make for case in CASES), SCRATCH])
    open_notebook(page, lab, "widgets.ipynb")
    command(page, "filebrowser:hide-main")
    run_cell_containing(page, SETUP, seconds=120)
    for case in CASES:
        run_cell_containing(page, case.make)
    run_cell_containing(page, SCRATCH)  # trusted from now on, so that views may be put under it
    screenshots(page, "widgets")
    indices = {case.name: 1 + i for i, case in enumerate(CASES)}
    yield page, heard, indices
    page.close()


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def shown(request, notebook):
    page, _, indices = notebook
    widget = Shown(request.param, page, indices[request.param.name])
    failed = [output for output in cells(page)[widget.index]["outputs"] if output["output_type"] == "error"]
    assert not failed, failed
    return widget


@pytest.fixture
def scratch(notebook):
    """Shows more views of a widget under the last cell; they go when the test is over, or by calling with 0."""
    page, _, indices = notebook
    index = max(indices.values()) + 1
    area = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Notebook .jp-Cell").nth(index)

    def show(widget, times):
        if times == 0:
            page.evaluate(CLEAR, index)
        else:
            model_id = ast.literal_eval(in_kernel(page, f"{widget.case.variable}.model_id"))
            page.evaluate(ADD_VIEWS, [index, WIDGET_VIEW, model_id, times])
        built = area.locator(".vae-widget:has(button, input, canvas)")
        wait_for(page, lambda: built.count() == times, 30, f"{times} views of {widget.case.name}", every=50)
        return built

    yield show
    page.evaluate(CLEAR, index)


def go(widget, points, move):
    """Move along ``points``, and see the picture change after the first few and again after the last."""
    if not points:
        return
    for point in points[:4]:
        move(*point)
        widget.page.wait_for_timeout(10)
    widget.page.wait_for_timeout(100)
    pixels = widget.pixels()
    for point in points[4:]:
        move(*point)
        widget.page.wait_for_timeout(10)
    wait_for(widget.page, lambda: widget.pixels() != pixels, 5, f"{widget.case.name} follows all the way", every=60)


def drag(widget):
    page, (first, *others) = widget.page, widget.way()
    page.mouse.move(*first)
    page.mouse.down()
    go(widget, others, page.mouse.move)
    page.mouse.up()


def drag_by_finger(widget):
    cdp, (first, *others) = widget.page.context.new_cdp_session(widget.page), widget.way()

    def touch(kind, *point):
        points = [dict(zip("xy", point, strict=True))] if point else []
        cdp.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", *first)
    go(widget, others, lambda x, y: touch("touchMove", x, y))
    touch("touchEnd")
    cdp.detach()


# --- it is there -----------------------------------------------------------------


def test_it_is_shown(shown):
    assert shown.cell.locator(".vae-widget").count() == 1
    assert shown.root.get_attribute("role") == "group" and shown.root.get_attribute("aria-label")
    assert shown.root.get_by_role("alert").count() == 0, shown.root.get_by_role("alert").inner_text()
    shown.rest()
    drawn = shown.root.evaluate(DRAWN)
    assert drawn and all(drawn), f"blank canvases: {[i for i, good in enumerate(drawn) if not good]}"


# --- it moves --------------------------------------------------------------------


@pytest.mark.parametrize("hand", [drag, drag_by_finger], ids=["mouse", "finger"])
def test_a_hand_moves_it(shown, hand):
    before = shown.home()
    hand(shown)
    shown.wait_for_move(before, hand.__name__)


def test_keys_move_it(shown):
    keys, press = shown.case.keys, shown.page.keyboard.press
    shown.home()
    start = shown.number()
    if keys.home is not None:
        assert start == pytest.approx(keys.home, abs=1e-3)
    press(keys.key)
    wait_for(shown.page, lambda: shown.number() != start, 5, f"{keys.key} moves {keys.name}", every=60)
    if keys.step is not None:
        assert shown.number() - start == pytest.approx(keys.step, abs=1e-3)
    if keys.home is None:
        return
    press("Home")
    wait_for(shown.page, lambda: shown.number() == start, 5, "Home brings it back", every=60)
    press(f"Shift+{keys.key}")
    wait_for(shown.page, lambda: shown.number() != start, 5, f"Shift+{keys.key} moves {keys.name}", every=60)
    if keys.step is not None:
        assert shown.number() - start == pytest.approx(10 * keys.step, abs=1e-3)
    press("Home")
    wait_for(shown.page, lambda: shown.number() == start, 5, "Home brings it back", every=60)


def test_python_moves_it(shown):
    before, number, value = shown.home(), shown.number(), shown.control().evaluate("node => node.value")
    in_kernel(shown.page, "None", shown.case.set)
    shown.wait_for_move(before, shown.case.set)
    if shown.number() != number:
        assert shown.control().evaluate("node => node.value") != value, "the control stays where it was"


def test_a_second_view_follows(shown, scratch):
    shown.home()
    second = scratch(shown, 1)
    wait_for(shown.page, lambda: len(shown.pixels(second)) == len(shown.pixels()), 5, "the second view is drawn")
    shown.rest()
    before = shown.pixels(second)
    drag(shown)
    wait_for(shown.page, lambda: shown.pixels(second) != before, 5, "other pixels in the second view", every=60)
    shown.rest()
    if shown.case.keys.number:
        first, other = (shown.control(root).evaluate("node => node.value") for root in (shown.root, second))
        assert first == other


# --- keys and focus --------------------------------------------------------------


def test_tab_goes_through_every_control_and_each_shows_the_focus(shown):
    output = shown.root.locator("xpath=ancestor::*[contains(@class, 'jp-OutputArea-output')]")
    output.evaluate("node => { node.tabIndex = -1; node.focus(); }")
    stops, reached = [], False
    for _ in range(150):
        shown.page.keyboard.press("Tab")
        at = shown.root.evaluate(FOCUSED)
        if at is None:
            break
        stops.append(at)
        reached = reached or shown.control().evaluate("node => node === document.activeElement")
    wanted = shown.root.evaluate(STOPS)
    assert reached and len(stops) == wanted > 0, stops
    assert not [stop["name"] for stop in stops if not stop["ring"]], "no focus ring"


def test_jupyterlab_takes_none_of_its_keys(shown):
    shown.control().focus()
    shown.page.wait_for_timeout(50)
    before = shown.page.evaluate(NOTEBOOK)
    assert before["active"] == shown.index
    for key in LABS_OWN_KEYS:
        shown.page.keyboard.press(key)
    shown.page.wait_for_timeout(100)
    assert shown.page.evaluate(NOTEBOOK) == before
    assert shown.control().evaluate("node => node === document.activeElement")


def test_shift_enter_runs_its_cell_and_leaves_one_copy(shown):
    shown.home()
    count = cells(shown.page)[shown.index]["count"]
    shown.page.keyboard.press("Shift+Enter")
    wait_for(shown.page, lambda: cells(shown.page)[shown.index]["count"] not in (None, count), 30, "the cell ran")
    wait_until_idle(shown.page, 30)
    wait_for(shown.page, lambda: shown.root.locator("canvas").count() > 0, 10, "the new widget")
    before = shown.rest()
    assert shown.cell.locator(".vae-widget").count() == 1
    drag(shown)
    shown.wait_for_move(before, "after its cell ran again")


# --- how it looks ----------------------------------------------------------------


def axe_on(page):
    """What axe finds in all widgets: violations and passes, each a list of (CSS selector, rule, what is said)."""
    results = Axe().run(page, ".vae-widget", WCAG).response
    return {
        kind: [
            (node["target"][-1], rule["id"], f"{node['html'][:150]}: {node.get('failureSummary')}")
            for rule in results[kind]
            for node in rule["nodes"]
        ]
        for kind in ("violations", "passes")
    }


def by_cell(page, results):
    """``axe_on``'s results for each cell: index to list of "rule: what is said"."""
    cell_of = """targets => {
      const cells = [...document.querySelectorAll(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Notebook .jp-Cell")];
      return targets.map(target => cells.indexOf(document.querySelector(target).closest(".jp-Cell")));
    }"""
    grouped = {}
    indices = page.evaluate(cell_of, [target for target, _, _ in results])
    for index, (_, rule, said) in zip(indices, results, strict=True):
        grouped.setdefault(index, []).append(f"{rule}: {said}")
    return grouped


@pytest.fixture(scope="module")
def themes(notebook):
    """For each theme, for each widget: what axe finds, and the pixels of planes and of images."""
    page, _, indices = notebook
    page.add_style_tag(content=BODY_FOR_AXE)
    pane = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-WindowedPanel-outer")
    height = pane.locator(".jp-WindowedPanel-viewport").bounding_box()["height"]
    # all in sight at once: axe does not look at the colours of what is scrolled away
    page.set_viewport_size(WIDE | {"height": int(height) + 200})
    seen = {}
    for theme in THEMES:
        set_theme(page, theme)
        screenshots(page, f"widgets-{theme.removeprefix('JupyterLab ').replace(' ', '-').lower()}")
        pane.evaluate("pane => { pane.scrollTop = 0; }")
        found = {kind: by_cell(page, results) for kind, results in axe_on(page).items()}
        seen[theme] = {}
        for case in CASES:
            widget = Shown(case, page, indices[case.name])
            look = [widget.root.evaluate(AT_REST, part) for part in (".vae-plane > canvas", "canvas.vae-picture")]
            here = {kind: results.get(widget.index, []) for kind, results in found.items()}
            seen[theme][case.name] = here, *look
    set_theme(page, THEMES[0])
    page.set_viewport_size(WIDE)
    return seen


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("name", [case.name for case in CASES])
def test_axe_finds_nothing(themes, theme, name):
    found = themes[theme][name][0]
    assert not found["violations"]
    looked_at = {said.split(":")[0] for said in found["passes"]}
    assert looked_at >= {"color-contrast", "target-size"}, f"axe looked at {sorted(looked_at)} only"


@pytest.mark.parametrize("name", [case.name for case in CASES])
def test_planes_follow_the_theme_and_images_do_not(themes, name):
    (_, light_planes, light_images), (_, dark_planes, dark_images), *_ = (themes[theme][name] for theme in THEMES)
    assert len(light_planes) == len(dark_planes) and light_images == dark_images
    assert not [i for i, pair in enumerate(zip(light_planes, dark_planes, strict=True)) if len(set(pair)) == 1]


@pytest.mark.parametrize("how", PAGES)
def test_it_fits_a_small_page(shown, how):
    width, height, scale = PAGES[how]
    cdp = shown.page.context.new_cdp_session(shown.page)
    metrics = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": False}
    try:
        cdp.send("Emulation.setDeviceMetricsOverride", metrics)
        wait_for(shown.page, lambda: shown.page.evaluate("() => innerWidth") == width, 5, "the page is small", every=50)
        shown.page.wait_for_timeout(250)
        assert not shown.root.evaluate(MISFITS)
        assert all(shown.root.evaluate(DRAWN))
    finally:
        cdp.send("Emulation.clearDeviceMetricsOverride")
        shown.page.set_viewport_size(WIDE)
        cdp.detach()


# --- it leaves nothing behind ----------------------------------------------------


def listeners(page):
    """How many listeners window, document and body have; observers of the document; all listeners of the page."""
    cdp = page.context.new_cdp_session(page)
    cdp.send("HeapProfiler.collectGarbage")
    found = {}
    for name in ("window", "document", "document.body"):
        node = cdp.send("Runtime.evaluate", {"expression": name})["result"]["objectId"]
        found[name] = len(cdp.send("DOMDebugger.getEventListeners", {"objectId": node})["listeners"])
    found["observers"] = page.evaluate(OBSERVERS)
    cdp.send("Performance.enable")
    metrics = {metric["name"]: metric["value"] for metric in cdp.send("Performance.getMetrics")["metrics"]}
    cdp.detach()
    return found, metrics["JSEventListeners"]


def test_fifty_views_leave_no_listener_behind(shown, scratch):
    """None at all at window, document and body; among all others, of which JupyterLab has its own, not one a view."""
    for views in (2, 0):  # whatever is made once and for all
        scratch(shown, views)
    before, all_before = listeners(shown.page)
    for views in (25, 0, 25, 0):
        scratch(shown, views)
    after, all_after = listeners(shown.page)
    assert after == before
    assert all_after - all_before < 25, f"{all_after - all_before} listeners more than before"


def test_the_console_stays_quiet(notebook):
    _, heard, _ = notebook
    assert not heard.console, "\n".join(heard.console)
