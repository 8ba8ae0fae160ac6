"""How fast a widget follows the hand in JupyterLab, and whether it still does while the kernel is at work.

Needs Chromium. A real mouse (Chromium's own input events) drags for five seconds, at up to 60 moves a
second, over the box that a case of ``tests/browser/widget_cases.py`` names. Counted in the page:

- A listener on the window, ahead of all others, notes when each ``pointermove`` was made
  (``event.timeStamp``: any wait before the page got it is in the figure).
- In every frame, after all that was asked for by ``requestAnimationFrame``, a checksum of the output
  (28 rows of a canvas, across its middle) is compared with the last one. A change is an update. Its time
  is counted from the oldest move not yet shown: moves that came before this frame, since the last update.

So the figure is "from the pointer event to the first frame that has been drawn with it". What comes after
the drawing is not in it: compositing, the screen, and on the other side the mouse's own cable. Reading
the canvas back is in it, and slows the widget a little, never the other way. A move that changes no
pixel makes the next update look later than it was. The hand sends 59 moves a second and does not
wait for the page; the page gets at most one a frame, so moves/s below 60 means frames that came late.
The floor, measured first: how often an empty page has a frame, and the same drag with a plain bar
that follows the pointer.
"""

from __future__ import annotations

import ast
import contextlib
import itertools
import json
import os
import platform
import statistics
import sys
import tempfile
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "browser"))

import lab as jupyterlab
import websocket
from widget_cases import CASES, SETUP, Drag

SECONDS = 5.0
PORT = jupyterlab.free_port()
PIXELS_A_MOVE = 5
BUSY = "import time\nend, n = time.time() + 8, 0\nwhile time.time() < end:\n    n += 1"


@dataclass(frozen=True)
class Timed:
    """A widget of ``widget_cases`` to be timed, or the same with another source."""

    name: str
    case: str
    shown: str  # CSS selector: the canvas whose changes are counted
    make: str = ""  # instead of the case's; assigns and displays
    area: Drag | None = None  # instead of the case's: press at the start, drag over the box up to the end


TIMED = [
    Timed("LatentPad, MLP", "LatentPad", ".vae-picture"),
    Timed(
        "LatentPad, conv",
        "LatentPad",
        ".vae-picture",
        make="""from vae_helpers.models import build
from vae_helpers.training import fit
conv = build("conv_vae")
fit(conv, data.train.subset(500), epochs=1, progress=False)
widgets.LatentPad(conv, data.test, classes=data.classes)""",
    ),
    Timed(
        "LatentSliders, 20 latents", "LatentSliders", ".vae-picture", area=Drag((0.1, 0.5), (0.9, 0.5), ".vae-track")
    ),
    Timed(
        "LatentSliders, faces",
        "LatentSliders",
        ".vae-picture",
        make="""import torch
from vae_helpers.models import Autoencoder, pretrained
decoder = torch.nn.Sequential(torch.nn.Linear(4, 30), *pretrained("faces_vae30").decoder)
widgets.LatentSliders(Autoencoder(None, decoder, 4, shape=(3, 128, 128)), names=["smile", "hair", "skin", "turn"])""",
        area=Drag((0.1, 0.5), (0.9, 0.5), ".vae-track"),
    ),
    Timed("DrawDigit", "DrawDigit", ".vae-plane > canvas", area=Drag((0.15, 0.15), (0.85, 0.85), ".vae-page")),
    Timed("KLPlay", "KLPlay", ".vae-plane > canvas"),
    Timed("BoundPlay", "BoundPlay", ".vae-plane > canvas"),
]

# Training without a view and under one, in turns: seconds each, the first pair not counted.
TRAINING = """import time
from vae_helpers.models import build
from vae_helpers.training import fit

def seconds(live):
    torch.manual_seed(0)
    model = build("vae2")
    views = [widgets.TrainingView(data.test, classes=data.classes)] * live
    display(*views)
    begin = time.perf_counter()
    fit(model, data.train, epochs=8, callbacks=views, progress=False).wait()
    return time.perf_counter() - begin

print([[seconds(live) for live in (False, True)] for _ in range(6)][1:])"""

FLOOR = """<body style="margin: 0"><canvas width="340" height="340"></canvas>
<script>
  const c = document.querySelector("canvas").getContext("2d");
  let at = null;
  const draw = () => { c.clearRect(0, 0, 340, 340); c.fillRect(at[0], 0, 9, 340); at = null; };
  addEventListener("pointermove", event => { if (!at) requestAnimationFrame(draw); at = [event.x, event.y]; });
</script>"""

FRAMES = """seconds => new Promise(done => {
  const start = performance.now();
  let frames = -1;
  const next = () => {
    frames++;
    if (performance.now() - start < 1000 * seconds) requestAnimationFrame(next); else done(frames / seconds);
  };
  requestAnimationFrame(next);
})"""

# From now on until `window.probe.stop()`, which gives the number of moves and the times of the updates in ms.
PROBE = """canvas => {
  const context = canvas.getContext("2d"), channel = new MessageChannel(), times = [];
  let moves = 0, noted = [], due = [], last = null, on = true;
  const rows = Math.min(28, canvas.height), top = Math.floor((canvas.height - rows) / 2);
  const checksum = () => { // of a band across the middle: to read a large canvas whole costs milliseconds
    const pixels = new Int32Array(context.getImageData(0, top, canvas.width, rows).data.buffer);
    let sum = 0;
    for (let i = 0; i < pixels.length; i++) sum = (31 * sum + pixels[i]) | 0;
    return sum;
  };
  const note = event => { moves++; noted.push(event.timeStamp); };
  window.addEventListener("pointermove", note, true);
  channel.port1.onmessage = () => {
    const now = performance.now(), sum = checksum();
    if (sum !== last && due.length) { times.push(now - due[0]); due = []; }
    last = sum;
  };
  const frame = () => {
    if (!on) return;
    due.push(...noted);
    noted = [];
    channel.port2.postMessage(0);
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
  window.probe = { stop() {
    on = false;
    window.removeEventListener("pointermove", note, true);
    return [moves, times];
  } };
}"""


def to_and_fro(way, low, high):
    """Where a ball is that has gone ``way`` between two walls; it starts at ``low``."""
    size = high - low
    if size == 0:
        return low
    way = way / abs(size) % 2
    return low + size * (way if way < 1 else 2 - way)


def drag(page, node, area, canvas):
    """Drag over ``area`` of ``node``; give back moves and updates a second, and the updates' times in ms."""
    box = node.bounding_box()
    (x0, y0), (x1, y1) = (
        (box["x"] + across * box["width"], box["y"] + down * box["height"]) for across, down in (area.start, area.end)
    )
    page.mouse.move(x0, y0)
    page.mouse.down()
    page.wait_for_timeout(300)
    canvas.evaluate(PROBE)
    page.wait_for_timeout(50)
    start, n = monotonic(), 0
    with mouse_of(page) as move:
        while (now := monotonic()) - start < SECONDS:
            n += 1
            # in rows, so that a drawing gets fresh ink with every move
            move(to_and_fro(PIXELS_A_MOVE * n, x0, x1), to_and_fro(0.13 * PIXELS_A_MOVE * n, y0, y1))
            sleep(max(0.0, start + n / 59 - monotonic()))  # 59: so that moves and frames drift past each other
        seconds = monotonic() - start
    page.wait_for_timeout(200)
    moves, times = page.evaluate("() => window.probe.stop()")
    page.mouse.up()
    return moves / seconds, len(times) / seconds, times


@contextlib.contextmanager
def mouse_of(page):
    """A mouse that does not wait for the page, as no mouse does: ``move(x, y)`` with the button down.

    Playwright's own waits until the page has taken each move. (A websocket to Chromium's debugging port.)
    """
    with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/json/list", timeout=10) as answer:
        found = [one for one in json.load(answer) if one["type"] == "page" and one["url"] == page.url]
    line = websocket.create_connection(found[0]["webSocketDebuggerUrl"], suppress_origin=True)
    numbers = itertools.count(1)

    def move(x, y):
        asked = {"type": "mouseMoved", "x": x, "y": y, "button": "left", "buttons": 1}
        line.send(json.dumps({"id": next(numbers), "method": "Input.dispatchMouseEvent", "params": asked}))

    try:
        yield move
    finally:
        line.close()


def row(name, kernel, moves, updates, times):
    if len(times) < 20:
        print(f"| {name} | {kernel} | {moves:.0f} | {updates:.0f} | – | – |", flush=True)
        return
    median, p95 = statistics.median(times), statistics.quantiles(times, n=20)[-1]
    print(f"| {name} | {kernel} | {moves:.0f} | {updates:.0f} | {median:.0f} | {p95:.0f} |", flush=True)


def floor(context):
    page = context.new_page()
    page.set_content(FLOOR)
    print(f"An empty page has {page.evaluate(FRAMES, 2):.0f} frames a second.\n")
    print("| widget | kernel | moves/s | updates/s | median ms | p95 ms |\n|---|---|---|---|---|---|")
    canvas = page.locator("canvas")
    row("(a plain page, a bar that follows)", "–", *drag(page, canvas, Drag((0.2, 0.2), (0.8, 0.8)), canvas))
    page.close()


def time_one(page, lab, timed, case):
    """Show one widget in a notebook of its own, and drag it twice."""
    name = f"timed-{TIMED.index(timed)}.ipynb"
    make = timed.make or case.make
    jupyterlab.write_notebook(lab, name, [SETUP, make, BUSY])
    jupyterlab.open_notebook(page, lab, name)
    jupyterlab.command(page, "filebrowser:hide-main")
    for source in (SETUP, make):
        jupyterlab.run_cell_containing(page, source, seconds=180)
    if failed := jupyterlab.errors(page):
        print(f"{timed.name}: skipped: {failed[0]}")
        return
    root = jupyterlab.cell_containing(page, make).locator(".vae-widget")
    area = timed.area or case.mouse
    node = root.locator(f"{area.on} >> visible=true").first
    canvas = root.locator(timed.shown).first
    canvas.wait_for()
    page.wait_for_timeout(1500)
    for kernel in ("idle", "busy"):
        node.evaluate("node => node.scrollIntoView({ block: 'center' })")
        if kernel == "busy":
            page.evaluate("i => { window.jupyterapp.shell.currentWidget.content.activeCellIndex = i; }", 2)
            jupyterlab.command(page, "notebook:run-cell")
            page.wait_for_function(f"() => !({jupyterlab.KERNEL_IS_IDLE})()", timeout=10_000)
            node.evaluate("node => node.scrollIntoView({ block: 'center' })")
        found = drag(page, node, area, canvas)
        if kernel == "busy" and page.evaluate(jupyterlab.KERNEL_IS_IDLE):
            kernel = "busy, not to the end"
        row(timed.name, kernel, *found)
        page.wait_for_timeout(500)
        jupyterlab.wait_until_idle(page, 60)


def time_training(page, lab):
    """How much longer a training takes under a live view that somebody looks at."""
    jupyterlab.write_notebook(lab, "timed-training.ipynb", [SETUP, TRAINING])
    jupyterlab.open_notebook(page, lab, "timed-training.ipynb")
    jupyterlab.run_cell_containing(page, SETUP, seconds=180)
    outputs = jupyterlab.run_cell_containing(page, TRAINING, seconds=600)
    pairs = ast.literal_eval([output["text"] for output in outputs if "text" in output][-1])
    alone, live = (statistics.median(times) for times in zip(*pairs, strict=True))
    ratios = sorted(b / a - 1 for a, b in pairs)
    print(f"\nTrainingView: {alone:.2f} s without, {live:.2f} s under it (medians of {len(pairs)}), "
          f"{statistics.median(ratios):+.0%}; pair by pair from {ratios[0]:+.0%} to {ratios[-1]:+.0%}.")


def main(names=()):
    executable = jupyterlab.chromium()
    if executable is None:
        sys.exit("no Chromium here (looked for chromium, chromium-browser, google-chrome)")
    from playwright.sync_api import sync_playwright

    cases = {case.name: case for case in CASES}
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        browser = stack.enter_context(sync_playwright()).chromium.launch(
            executable_path=executable, args=[*jupyterlab.CHROMIUM_FLAGS, f"--remote-debugging-port={PORT}"]
        )
        stack.callback(browser.close)
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        print(f"Chromium {browser.version}, {os.cpu_count()} cores, {platform.system()}; headless, software rendering.")
        floor(context)
        process, lab = jupyterlab.start_lab(folder)
        stack.callback(jupyterlab.stop_lab, process, lab)
        page, _ = jupyterlab.new_page(context)
        for timed in TIMED:
            if names and not any(name in timed.name for name in names):
                continue
            if timed.case not in cases:
                print(f"{timed.name}: skipped: tests/browser/widget_cases.py has no {timed.case}")
                continue
            time_one(page, lab, timed, cases[timed.case])
        if not names or "TrainingView" in names:
            time_training(page, lab)


if __name__ == "__main__":
    main(sys.argv[1:])
