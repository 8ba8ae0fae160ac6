"""Notebooks that have been run, with the states of their widgets; run again only where something has changed."""

from __future__ import annotations

import copy
import hashlib
import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
from nbclient import NotebookClient

from publish import HERE, NOTEBOOKS, ROOT, STORE
from publish.figures import pack
from vae_helpers.files import whole_file


CELL_SECONDS = 600
SIDE_BY_SIDE = min(4, os.cpu_count() or 1)  # notebooks at a time, each on one core
FINER = 2  # figures have so many pixels for each one that they are shown at: phones and projectors have them


def notebook_paths(names=()):
    """The notebooks in reading order; with ``names``, those whose file names start so."""
    return [path for path in sorted(NOTEBOOKS.glob("*.ipynb")) if not names or path.name.startswith(tuple(names))]


def run_all(paths):
    """Run those of the notebooks that have not been run as they are now: one on each core, four at most."""
    def run(path):
        nb = nbformat.read(path, as_version=4)
        if not (stored := _stored(path, nb)).exists():
            print(f"{path.name} is being run …", flush=True)
            start = time.perf_counter()
            try:
                ran = _run(nb)
            except Exception as error:
                error.add_note(f"in {path.name}")
                raise
            with whole_file(stored) as part:
                nbformat.write(ran, part)
            for old in set(STORE.glob(f"{path.stem}-*.ipynb")) - {stored}:
                old.unlink(missing_ok=True)
            print(f"{path.name} was run: {time.perf_counter() - start:.0f} s", flush=True)

    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        list(pool.map(run, paths))


def executed(path):
    """The notebook as it stands, its outputs and the states of its widgets from a run on the default data.

    Figures are ``image/webp``, their descriptions in the metadata of ``image/png``, where our plots put them.
    Text, tags and metadata are those of now; it runs again only if its code,
    the package, the data or the lock differ from those of the last run.
    ``metadata.recordings`` holds, for the id of each TrainingView, what it was
    told while it trained, a list of ``{"t": seconds, "state": …, "buffers": …}``,
    and for that of each BreakIt its ``recording()``.
    """
    run_all([path])
    nb = nbformat.read(path, as_version=4)
    run = nbformat.read(_stored(path, nb), as_version=4)
    for cell, ran in zip(_code(nb), _code(run), strict=True):
        cell.outputs, cell.execution_count = ran.outputs, ran.execution_count
    nb.metadata |= {name: run.metadata[name] for name in ("widgets", "recordings") if name in run.metadata}
    return nb


def _stored(path, nb):
    return STORE / f"{path.stem}-{_fingerprint(nb)}.ipynb"


def _code(nb):
    return [cell for cell in nb.cells if cell.cell_type == "code"]


def _fingerprint(nb):
    """What the outcome of a run hangs on, as 16 hexadecimal digits. (JavaScript and styles it does not.)"""
    digest = hashlib.sha256(sys.version.encode())
    for cell in _code(nb):
        digest.update(cell.source.encode() + b"\0")
    files = [ROOT / "requirements.txt", Path(__file__), HERE / "figures.py"]
    data = ROOT / "data"
    files += [file for file in data.rglob("*") if file.is_file() and "downloads" not in file.relative_to(data).parts]
    files += [file for suffix in ("py", "mplstyle") for file in (ROOT / "vae_helpers").rglob(f"*.{suffix}")]
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


def _run(nb):
    nb = copy.deepcopy(nb)
    nb.cells.append(nbformat.v4.new_code_cell(RECORD))
    with tempfile.TemporaryDirectory() as answers:
        environment = dict(os.environ, VAE_ANSWERS=str(Path(answers) / "answers"))
        for name in ("MPLBACKEND", "VAE_DATASET", "VAE_DATA"):  # figures reach the notebook, on the default data
            environment.pop(name, None)
        environment["OMP_NUM_THREADS"] = environment["MKL_NUM_THREADS"] = "1"
        environment["VAE_FIGURE_DPI"] = str(100 * FINER)
        client = _Recorder(
            nb,
            timeout=CELL_SECONDS,
            kernel_name="python3",
            resources={"metadata": {"path": answers}},  # what a cell saves collides with nothing
            store_widget_state=True,
            record_timing=False,
            coalesce_streams=True,
            extra_arguments=["--log-level=ERROR"],
        )
        client.execute(env=environment)
    recorded = [output.data[RECORDED] for output in nb.cells.pop().outputs if RECORDED in output.get("data", {})]
    nb.metadata["recordings"] = client.recordings | recorded[0]
    pack(nb)
    return nb
