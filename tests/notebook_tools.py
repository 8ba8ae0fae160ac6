"""Read the notebooks of the course, and run them.

The tests import the functions. As a program it runs notebooks from top to
bottom and stores their outputs in place::

    python tests/notebook_tools.py              # all of them
    python tests/notebook_tools.py 00 01        # those whose names start so
"""

from __future__ import annotations

import argparse
import ast
import linecache
import os
import re
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import nbformat

from vae_helpers.files import whole_file

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
LANGUAGE_INFO = {
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "name": "python",
    "pygments_lexer": "ipython3",
}

CARD_TITLE = re.compile(r"^### Exercise (\d+) · (.+)$", re.MULTILINE)
MINUTES = re.compile(r"\d+ *minutes?\b")
DIFFICULTY = re.compile(r"difficulty ([1-5]) of 5", re.IGNORECASE)
PYTHON_FENCE = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


# --- reading ---------------------------------------------------------------


def notebook_paths(names=(), folder=NOTEBOOKS):
    """The notebooks in reading order; with ``names``, those whose file names start so."""
    paths = sorted(folder.glob("*.ipynb"))
    return [path for path in paths if not names or path.name.startswith(tuple(names))]


def read(path):
    return nbformat.read(path, as_version=4)


def tags(cell):
    return cell.metadata.get("tags", [])


def code_cells(nb, tag=None):
    """The code cells that hold anything; with ``tag``, those that carry it."""
    cells = [cell for cell in nb.cells if cell.cell_type == "code" and cell.source.strip()]
    return [cell for cell in cells if tag is None or tag in tags(cell)]


def markdown_cells(nb):
    return [cell for cell in nb.cells if cell.cell_type == "markdown"]


def code_lines(cell):
    """The lines of a code cell, blank ones and comments aside."""
    lines = [line.strip() for line in cell.source.splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def where(nb, cell):
    """How a message names a cell: its number, counted from 1 over all cells, and its first line."""
    number = next(n for n, other in enumerate(nb.cells, start=1) if other is cell)
    lines = cell.source.strip().splitlines() or ["(empty)"]
    return f"cell {number} ({cell.cell_type}), `{lines[0][:70]}`"


def python_source(cell):
    """The cell without magics (``%…``, ``!…``), which plain Python cannot parse."""
    lines = cell.source.splitlines()
    return "\n".join("" if line.startswith(("%", "!")) else line for line in lines)


def output_texts(cell):
    """Every text that the cell's outputs show: streams, plain text and HTML."""
    texts = []
    for output in cell.get("outputs", []):
        if output.output_type == "stream":
            texts.append(output.text)
        for kind in ("text/plain", "text/html", "text/markdown", "text/latex"):
            if kind in output.get("data", {}):
                texts.append(output.data[kind])
    return texts


# --- definitions that the package keeps --------------------------------------


def definitions(source):
    """Top-level functions and classes of a source, by name."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return {node.name: node for node in ast.parse(source).body if isinstance(node, kinds)}


def keep_definitions(nb):
    """``(cell, name, node)`` for every definition in a cell tagged ``keep``."""
    return [
        (cell, name, node)
        for cell in code_cells(nb, "keep")
        for name, node in definitions(python_source(cell)).items()
    ]


# --- exercises ---------------------------------------------------------------


@dataclass
class Card:
    """An exercise: its title cell and what follows it; None where that is missing."""

    cell: nbformat.NotebookNode
    number: int
    title: str
    stub: nbformat.NotebookNode | None = None
    check: nbformat.NotebookNode | None = None
    solution_cell: nbformat.NotebookNode | None = None

    @property
    def solution(self):
        """The Python source behind ``<details>``, or None."""
        fences = PYTHON_FENCE.findall(self.solution_cell.source) if self.solution_cell else []
        return "\n".join(fences) or None

    @property
    def check_name(self):
        """``name``, when the last line of the check cell is ``checks.name(…)``; else None."""
        body = ast.parse(python_source(self.check)).body if self.check else []
        match body[-1] if body else None:
            case ast.Expr(ast.Call(func=ast.Attribute(value=ast.Name("checks"), attr=name))):
                return name
        return None


def cards(nb):
    """The exercises of a notebook, in order.

    A card reaches to the next heading. In it come the stub, the check and the
    solution, in that order; other cells may stand between them.
    """
    found, card = [], None
    for cell in nb.cells:
        if cell.cell_type == "markdown":
            title = CARD_TITLE.search(cell.source)
            if title:
                card = Card(cell, int(title[1]), title[2].strip())
                found.append(card)
            elif re.match(r"#{1,3} ", cell.source):
                card = None
            elif card and card.check and not card.solution_cell and "<details" in cell.source:
                card.solution_cell = cell
        elif card and "exercise" in tags(cell) and not card.stub:
            card.stub = cell
        elif card and "check" in tags(cell) and card.stub and not card.check:
            card.check = cell
    return found


# --- running -----------------------------------------------------------------


def notebook_environment(answers, keep_data=False):
    """The environment in which a notebook runs for the record: default data, no answers yet."""
    environment = dict(os.environ, VAE_ANSWERS=str(answers))
    environment.pop("MPLBACKEND", None)  # else figures would not reach the notebook
    environment.pop("VAE_DATASET", None)
    if not keep_data:
        environment.pop("VAE_DATA", None)
    return environment


def _is_progress_bar(output):
    data = output.get("data", {})
    return WIDGET_VIEW in data and re.match(r" *\d+%\|", data.get("text/plain", "")) is not None


def tidy(nb):
    """Drop from a notebook that has run whatever a reader cannot use or git would see change."""
    nb.metadata = nbformat.from_dict({"kernelspec": KERNELSPEC, "language_info": LANGUAGE_INFO})
    for cell in nb.cells:
        cell.metadata.pop("execution", None)  # when it ran
        if cell.cell_type != "code":
            continue
        if "nbval-ignore-output" in tags(cell):
            # a progress bar is stored as it stood when it was shown, at 0 %: nothing to read later
            cell.outputs = [output for output in cell.outputs if not _is_progress_bar(output)]
        for output in cell.outputs:
            # the view names a model that lives in the kernel only: a reader would see "model not found"
            output.get("data", {}).pop(WIDGET_VIEW, None)
        cell.outputs = [output for output in cell.outputs if output.get("data") != {}]
    return nb


def execute(source, name, namespace):
    """Execute the source in ``namespace``; return the value of its last line if that is an expression.

    The source is given to linecache, so that ``inspect`` finds it as it does in a kernel.
    """
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    tree = ast.parse(source, name)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    try:
        exec(compile(tree, name, "exec"), namespace)
        return eval(compile(ast.Expression(last.value), name, "eval"), namespace) if last else None
    except NameError as error:
        error.add_note("Only the cells tagged setup or keep above the exercise are run here.")
        raise


def run(path, timeout=600):
    """Run a notebook from top to bottom and store it with its outputs, whole or not at all."""
    from nbclient import NotebookClient  # the tests that only read need no kernel

    nb = read(path)
    with tempfile.TemporaryDirectory() as answers:
        client = NotebookClient(
            nb,
            timeout=timeout,
            kernel_name=KERNELSPEC["name"],
            resources={"metadata": {"path": str(path.parent)}},
            store_widget_state=False,
            record_timing=False,
            coalesce_streams=True,
            extra_arguments=["--log-level=ERROR"],
        )
        client.execute(env=notebook_environment(answers))
    nbformat.validate(tidy(nb))
    with whole_file(path) as part:
        nbformat.write(nb, part)


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Run notebooks and store their outputs in place.")
    parser.add_argument("names", nargs="*", help="how the file names start, such as 01; default: all")
    paths = notebook_paths(parser.parse_args(arguments).names)
    if not paths:
        print("no notebook of that name")
        return 1
    failed = []
    for path in paths:
        start = time.perf_counter()
        try:
            run(path)
        except Exception as error:  # go on: one run should tell of all the notebooks that fail
            failed.append(path.name)
            print(f"{path.name} failed, and was left as it was:\n{error}")
        else:
            print(f"{path.name}: {time.perf_counter() - start:.1f} s", flush=True)
    if failed:
        print("failed:", ", ".join(failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
