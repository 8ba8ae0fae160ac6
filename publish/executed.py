"""Notebooks that have been run, with the states of their widgets; run again only where something has changed."""

from __future__ import annotations

import copy
import hashlib
import os
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

from publish import NOTEBOOKS, ROOT, STORE
from vae_helpers.files import whole_file


CELL_SECONDS = 600
FINER = 2  # figures have so many pixels for each one that they are shown at: phones and projectors have them


def notebook_paths(names=()):
    """The notebooks in reading order; with ``names``, those whose file names start so."""
    return [path for path in sorted(NOTEBOOKS.glob("*.ipynb")) if not names or path.name.startswith(tuple(names))]


def executed(path):
    """The notebook as it stands, its outputs and the states of its widgets from a run on the default data.

    Text, tags and metadata are those of now; it runs again only if its code,
    the package, the data or the lock differ from those of the last run.
    ``metadata.recordings`` holds, for the id of each TrainingView, what it was
    told while it trained, a list of ``{"t": seconds, "state": …, "buffers": …}``,
    and for that of each BreakIt its ``recording()``.
    """
    nb = nbformat.read(path, as_version=4)
    stored = STORE / f"{path.stem}-{_fingerprint(nb)}.ipynb"
    if not stored.exists():
        start = time.perf_counter()
        with whole_file(stored) as part:
            nbformat.write(_run(nb, path.parent), part)
        for old in set(STORE.glob(f"{path.stem}-*.ipynb")) - {stored}:
            old.unlink()
        print(f"{path.name} was run: {time.perf_counter() - start:.0f} s", flush=True)
    run = nbformat.read(stored, as_version=4)
    for cell, ran in zip(_code(nb), _code(run), strict=True):
        cell.outputs, cell.execution_count = ran.outputs, ran.execution_count
    nb.metadata = run.metadata
    return nb


def _code(nb):
    return [cell for cell in nb.cells if cell.cell_type == "code"]


def _fingerprint(nb):
    """What the outcome of a run hangs on, as 16 hexadecimal digits. (JavaScript and styles it does not.)"""
    digest = hashlib.sha256(sys.version.encode())
    for cell in _code(nb):
        digest.update(cell.source.encode() + b"\0")
    files = [ROOT / "requirements.txt", Path(__file__)]
    files += [file for file in (ROOT / "data").rglob("*") if "downloads" not in file.parts and file.is_file()]
    files += (ROOT / "vae_helpers").rglob("*.py")
    for file in sorted(files):
        digest.update(file.relative_to(ROOT).as_posix().encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]


class _Recorder(NotebookClient):
    """Runs a notebook and keeps what its TrainingViews said while they trained, for a page to play it again."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.recordings = {}

    def handle_comm_msg(self, outs, msg, cell_index):
        super().handle_comm_msg(outs, msg, cell_index)
        comm, data = msg["content"]["comm_id"], msg["content"]["data"]
        kind = self.widget_state.get(comm, {}).get("_anywidget_id", "")
        if kind.endswith(".TrainingView") and data.get("state"):
            state = {name: value for name, value in data["state"].items() if not name.startswith("_")}
            self.recordings.setdefault(comm, []).append(
                {"t": msg["header"]["date"].timestamp(), "state": state, "buffers": self._get_buffer_data(msg)})


# Run after all other cells: what of the notebook's widgets can be recorded for a page to play, but by the kernel only.
RECORDED = "application/x-recordings+json"
RECORD = f"""from IPython.display import display
from ipywidgets import Widget

recordings = {{each.model_id: each.recording() for each in list(globals().values())
              if isinstance(each, Widget) and hasattr(each, "recording")}}
display({{"{RECORDED}": recordings}}, raw=True)"""


def _run(nb, folder):
    nb = copy.deepcopy(nb)
    nb.cells.append(nbformat.v4.new_code_cell(RECORD))
    with tempfile.TemporaryDirectory() as answers:
        environment = dict(os.environ, VAE_ANSWERS=str(Path(answers) / "answers"))
        for name in ("MPLBACKEND", "VAE_DATASET", "VAE_DATA"):  # figures reach the notebook, on the default data
            environment.pop(name, None)
        environment["VAE_FIGURE_DPI"] = str(100 * FINER)
        client = _Recorder(
            nb,
            timeout=CELL_SECONDS,
            kernel_name="python3",
            resources={"metadata": {"path": str(folder)}},
            store_widget_state=True,
            record_timing=False,
            coalesce_streams=True,
            extra_arguments=["--log-level=ERROR"],
        )
        client.execute(env=environment)
    recorded = nb.cells.pop().outputs[0].data[RECORDED]
    nb.metadata["recordings"] = client.recordings | recorded
    return nb
