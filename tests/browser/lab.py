"""Start JupyterLab on a copy of the course, open it in Chromium, run its notebooks.

Page functions take Playwright's ``page`` first; cells are told by a text in their source.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import nbformat

ROOT = Path(__file__).resolve().parent.parent.parent

# All cells stay in the page: JupyterLab otherwise drops those out of sight.
SETTINGS = {"@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"}}

# The plugin that asks whether to fetch news, and asks for updates; the flags of the server do not silence it.
PAGE_CONFIG = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}

CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"

# The notebook in front: its cells, as JupyterLab's own model has them.
CELLS = """() => {
  const panel = window.jupyterapp.shell.currentWidget;
  return panel.content.widgets.map((cell, index) => ({
    index,
    type: cell.model.type,
    source: cell.model.sharedModel.getSource(),
    count: cell.model.executionCount ?? null,
    outputs: cell.model.type === "code" ? cell.model.outputs.toJSON() : [],
  }));
}"""

KERNEL_IS_IDLE = """() => {
  const session = window.jupyterapp.shell.currentWidget?.sessionContext?.session;
  return session?.kernel?.status === "idle";
}"""

IN_KERNEL = """async ([code, value]) => {
  const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  const asked = { code, user_expressions: { value }, silent: true, store_history: false, stop_on_error: false };
  return (await kernel.requestExecute(asked).done).content;
}"""


@dataclass
class Lab:
    url: str
    token: str
    course: Path
    log: Path

    def written(self):
        return self.log.read_text(encoding="utf-8", errors="replace")


def chromium():
    """Where Chromium is, or None."""
    found = (shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome"))
    return next(filter(None, found), None)


def copy_of_the_course(folder):
    """Notebooks and the pictures they show: what a run changes there, changes a copy."""
    course = folder / "course"
    ignore = shutil.ignore_patterns(".ipynb_checkpoints", "runs", "downloads", "weights", "*.npz")
    for name in ("notebooks", "data"):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, course / name, ignore=ignore)
    for file in ROOT.glob("*.md"):
        shutil.copy(file, course)
    return course


def environment(folder):
    """The user's settings, workspaces, answers and data stay out of it; so does the network."""
    own = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        "IPYTHONDIR": "ipython",
        "VAE_ANSWERS": "answers",
    }
    variables = os.environ | {name: str(folder / value) for name, value in own.items()}
    for name in ("VAE_DATA", "VAE_DATASET", "MPLBACKEND", "JUPYTER_PATH", "JUPYTER_CONFIG_PATH"):
        variables.pop(name, None)
    return variables | {"PYTHONPATH": str(ROOT / "tests" / "no_network")}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start_lab(folder):
    """Start JupyterLab; give back the process and what is needed to reach it."""
    course = copy_of_the_course(folder)
    app_settings = folder / "app_settings"
    app_settings.mkdir()
    (app_settings / "overrides.json").write_text(json.dumps(SETTINGS), encoding="utf-8")
    (app_settings / "page_config.json").write_text(json.dumps(PAGE_CONFIG), encoding="utf-8")

    port, token = free_port(), secrets.token_hex(16)
    lab = Lab(f"http://127.0.0.1:{port}", token, course, folder / "jupyterlab.log")
    command = [sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root", "--ip=127.0.0.1"]
    command += [f"--port={port}", "--ServerApp.port_retries=0", f"--IdentityProvider.token={token}"]
    command += [f"--ServerApp.root_dir={course}", f"--LabApp.app_settings_dir={app_settings}"]
    command += ["--expose-app-in-browser"]
    with lab.log.open("w") as log:
        process = subprocess.Popen(command, env=environment(folder), cwd=course, stdout=log, stderr=log)

    deadline = time.monotonic() + 120
    while True:
        try:
            urllib.request.urlopen(f"{lab.url}/api?token={token}", timeout=5).close()
            return process, lab
        except (urllib.error.URLError, OSError):
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                raise RuntimeError(f"JupyterLab does not start:\n{lab.written()[-3000:]}") from None
            time.sleep(0.3)


def stop_lab(process, lab):
    """End the kernels, then the server."""
    request = urllib.request.Request(f"{lab.url}/api/shutdown?token={lab.token}", method="POST")
    try:
        urllib.request.urlopen(request, timeout=10).close()
        process.wait(30)
    except (OSError, subprocess.TimeoutExpired):
        process.kill()
        process.wait()


@dataclass
class Heard:
    """What a page said and asked while it was open."""

    console: list = field(default_factory=list)
    addresses: list = field(default_factory=list)

    def other_hosts(self, lab):
        """Addresses outside the server; ``data:`` and ``blob:`` stay within the page."""
        own = urlsplit(lab.url).netloc
        asked = (urlsplit(address) for address in self.addresses)
        return sorted({address.geturl() for address in asked if address.netloc and address.netloc != own})


def new_page(context):
    """A page, and what is heard from it."""
    page, heard = context.new_page(), Heard()

    def on_console(message):
        if message.type == "error":
            heard.console.append(f"{message.text} ({message.location.get('url', '')})")

    page.on("console", on_console)
    page.on("pageerror", lambda error: heard.console.append(f"uncaught: {error}"))
    page.on("request", lambda request: heard.addresses.append(request.url))
    page.on("websocket", lambda socket: heard.addresses.append(socket.url))
    return page, heard


# --- in the page ---------------------------------------------------------------


def open_notebook(page, lab, name):
    """Open ``name``, such as ``01_autoencoder.ipynb``, and wait until its kernel is there."""
    page.goto(f"{lab.url}/lab/tree/notebooks/{name}?token={lab.token}&reset")
    page.wait_for_function("() => window.jupyterapp", timeout=60_000)
    page.evaluate("() => window.jupyterapp.restored")
    in_front = "name => window.jupyterapp.shell.currentWidget?.context?.path?.endsWith(name)"
    page.wait_for_function(in_front, arg=name, timeout=60_000)
    page.evaluate("() => window.jupyterapp.shell.currentWidget.context.ready")
    wait_until_idle(page, 60)


def write_notebook(lab, name, sources):
    """A notebook of these code cells, in the lab's copy of the course."""
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    nb.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}  # else JupyterLab asks which
    nbformat.write(nb, lab.course / "notebooks" / name)


def wait_until_idle(page, seconds):
    page.wait_for_function(KERNEL_IS_IDLE, timeout=seconds * 1000)


def command(page, name, **arguments):
    """Start a command of JupyterLab, and do not wait for its end (some never tell)."""
    page.evaluate("([name, args]) => { window.jupyterapp.commands.execute(name, args); }", [name, arguments])


def cells(page):
    """The cells of the notebook: dictionaries with index, type, source, count and outputs."""
    return page.evaluate(CELLS)


def code(page):
    return [cell for cell in cells(page) if cell["type"] == "code" and cell["source"].strip()]


def first_line(cell):
    return f"cell {cell['index'] + 1}, `{cell['source'].strip().splitlines()[0]}`"


def errors(page):
    """One line for each cell whose output is an error."""
    return [
        f"{first_line(cell)}: {output['ename']}: {output['evalue']}"
        for cell in code(page)
        for output in cell["outputs"]
        if output["output_type"] == "error"
    ]


def run_all(page, seconds=300):
    """Clear every output, Run All, and wait for the last cell or the first error."""
    command(page, "notebook:clear-all-cell-outputs")
    page.wait_for_function(f"() => ({CELLS})().every(cell => cell.count === null)")
    command(page, "notebook:run-all-cells")
    wait_for(page, lambda: errors(page) or all(cell["count"] for cell in code(page)), seconds, "Run All")
    wait_until_idle(page, seconds)
    page.wait_for_timeout(1000)  # views and pictures of the last cells


def cell_containing(page, text):
    """The one cell whose source contains ``text``, as a locator."""
    return page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Notebook .jp-Cell").nth(_index(page, text))


def run_cell_containing(page, text, seconds=60):
    """Run the cell whose source contains ``text``, wait for its end, and give back its outputs."""
    index = _index(page, text)
    before = cells(page)[index]["count"]
    page.evaluate("i => { window.jupyterapp.shell.currentWidget.content.activeCellIndex = i; }", index)
    command(page, "notebook:run-cell")

    def has_run():
        return cells(page)[index]["count"] not in (None, before)

    wait_for(page, has_run, seconds, f"the cell with {text!r}")
    wait_until_idle(page, seconds)
    return cells(page)[index]["outputs"]


def in_kernel(page, expression, statement=""):
    """The repr of a Python expression, after a statement; no cell is run, nothing of the page is touched."""
    reply = page.evaluate(IN_KERNEL, [statement, expression])
    said = reply["user_expressions"]["value"] if reply["status"] == "ok" else reply
    if said["status"] != "ok":
        raise AssertionError(f"{statement or expression}: {said['ename']}: {said['evalue']}")
    return said["data"]["text/plain"]


def _index(page, text):
    found = [cell["index"] for cell in cells(page) if text in cell["source"]]
    if len(found) != 1:
        raise AssertionError(f"{len(found)} cells contain {text!r}; wanted is one")
    return found[0]


def wait_for(page, condition, seconds, what, every=200):
    """Ask ``condition()`` every so many milliseconds until it holds; AssertionError after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not done after {seconds} s")
        page.wait_for_timeout(every)


def set_theme(page, theme):
    """``JupyterLab Light``, ``JupyterLab Dark`` or ``JupyterLab Dark High Contrast``."""
    command(page, "apputils:change-theme", theme=theme)
    page.wait_for_function("theme => document.body.dataset.jpThemeName === theme", arg=theme)
    page.wait_for_timeout(500)  # canvases redraw


def screenshots(page, name):
    """Save the whole notebook, a screen at a time, to the folder VAE_SCREENSHOTS if that is set."""
    folder = os.environ.get("VAE_SCREENSHOTS")
    if not folder:
        return
    Path(folder).mkdir(parents=True, exist_ok=True)
    pane = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-WindowedPanel-outer")
    height, whole = pane.evaluate("pane => [pane.clientHeight, pane.scrollHeight]")
    step = height - 60  # an overlap, so that nothing is cut by every picture
    for n, top in enumerate(range(0, max(whole - 60, 1), step)):
        pane.evaluate("(pane, top) => { pane.scrollTop = top; }", top)
        page.wait_for_timeout(150)
        page.screenshot(path=f"{folder}/{name}-{n:02d}.png")
