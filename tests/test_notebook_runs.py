"""What a notebook promises is true: kept definitions, solutions, and every stored output."""

import ast
import configparser
import difflib
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from notebook_tools import (
    NOTEBOOKS,
    ROOT,
    cards,
    code_cells,
    definitions,
    execute,
    keep_definitions,
    notebook_environment,
    notebook_paths,
    python_source,
    read,
    tags,
    where,
)

from publish.executed import executed
from vae_helpers.files import downloads_folder

PATHS = notebook_paths()
NO_NETWORK = ROOT / "tests" / "no_network"
CELL_SECONDS = 300
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

TRAINING_NOTEBOOKS = ["01", "02", "03", "04", "05", "06", "07", "08", "09", "10"]
REAL_DATA_NOTEBOOKS = {"mnist": ["01", "02", "03", "04", "05", "06"], "fashion": ["01", "05", "06"]}
REAL_DATA_FOLDERS = {"mnist": "MNIST", "fashion": "FashionMNIST"}


# --- define, then keep ---------------------------------------------------------


def without_docstrings(node):
    for inner in ast.walk(node):
        if not isinstance(inner, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        if ast.get_docstring(inner, clean=False) is not None:
            inner.body = inner.body[1:] or [ast.Pass()]
    return node


def package_definitions():
    """``{name: [(module, node), …]}`` of all that vae_helpers defines.

    Not the checks: they bear the names of what they check.
    """
    found = {}
    for file in sorted((ROOT / "vae_helpers").rglob("*.py")):
        module = file.relative_to(ROOT).as_posix()
        if module.startswith("vae_helpers/checks"):
            continue
        for name, node in definitions(file.read_text(encoding="utf-8")).items():
            found.setdefault(name, []).append((module, without_docstrings(node)))
    return found


def kept(paths=PATHS):
    return [
        pytest.param(path, nb, cell, name, node, id=f"{path.stem}-{name}")
        for path in paths
        for nb in [read(path)]
        for cell, name, node in keep_definitions(nb)
    ]


@pytest.mark.parametrize("path, nb, cell, name, node", kept())
def test_the_package_keeps_the_definition(path, nb, cell, name, node):
    here = f"{path.name}, {where(nb, cell)}"
    candidates = package_definitions().get(name)
    if not candidates:
        pytest.fail(f"{here}: tagged keep, but no module of vae_helpers defines {name}", pytrace=False)
    node = without_docstrings(node)
    if any(ast.dump(node) == ast.dump(other) for _, other in candidates):
        return
    module, other = candidates[0]
    difference = difflib.unified_diff(
        ast.unparse(other).splitlines(), ast.unparse(node).splitlines(), module, path.name, lineterm=""
    )
    pytest.fail("\n".join([f"{here}: {name} differs from {module}", *difference]), pytrace=False)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_a_cell_to_keep_defines_something(path):
    nb = read(path)
    for cell in code_cells(nb, "keep"):
        here = f"{path.name}, {where(nb, cell)}"
        assert definitions(python_source(cell)), f"{here}: tagged keep, but defines nothing"


# --- exercises -----------------------------------------------------------------


def namespace_above(nb, card):
    """What an exercise may use: the imports and the kept definitions above it, and nothing else."""
    namespace = {"__name__": "__main__"}
    for cell in nb.cells:
        if cell is card.cell:
            return namespace
        if cell.cell_type == "code" and {"setup", "keep"} & set(cell.metadata.get("tags", [])):
            execute(python_source(cell), f"<{where(nb, cell)}>", namespace)


def exercises():
    return [
        pytest.param(nb, card, id=f"{path.stem}-{card.number}")
        for path in PATHS
        for nb in [read(path)]
        for card in cards(nb)
        if card.stub and card.check_name and card.solution  # test_notebooks.py tells of the others
    ]


@pytest.fixture
def in_notebooks(monkeypatch):
    monkeypatch.chdir(NOTEBOOKS)
    monkeypatch.delenv("VAE_DATA", raising=False)
    monkeypatch.delenv("VAE_DATASET", raising=False)


@pytest.mark.parametrize("nb, card", exercises())
def test_the_stub_is_not_solved_yet(nb, card, in_notebooks):
    namespace = namespace_above(nb, card)
    execute(python_source(card.stub), "<stub>", namespace)
    verdict = execute(python_source(card.check), "<check>", namespace)
    assert verdict.ok is None, f"{where(nb, card.check)}: wanted is ok None for the stub, it says {verdict!r}"


@pytest.mark.parametrize("nb, card", exercises())
def test_the_solution_passes(nb, card, in_notebooks):
    namespace = namespace_above(nb, card)
    for attempt in range(5):  # a check draws fresh random inputs
        execute(card.solution, "<solution>", namespace)
        verdict = execute(python_source(card.check), "<check>", namespace)
        here = where(nb, card.solution_cell)
        assert verdict.ok is True, f"{here}: refused by its own check, run {attempt + 1} of 5: {verdict!r}"


# --- nbval -----------------------------------------------------------------------


def new_files():
    """Files that git neither tracks nor ignores, where notebooks might leave some; nothing where there is no git.

    Not the changed ones: somebody may be at work on the notebooks while the tests run.
    """
    command = ["git", "ls-files", "--others", "--exclude-standard", "notebooks", "data"]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return []
    return done.stdout.splitlines()


def without_network(environment):
    """For Python, the sockets; for other programs, proxies that answer nothing."""
    python_path = [str(NO_NETWORK), environment.get("PYTHONPATH")]
    proxies = dict.fromkeys(["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"], "http://127.0.0.1:9")
    return environment | proxies | {"PYTHONPATH": os.pathsep.join(filter(None, python_path))}


def nbval(path, capsys, answers, *options, keep_data=False, **variables):
    """Run nbval on a notebook in a process of its own; fail with the end of what it says."""
    environment = without_network(notebook_environment(answers, keep_data)) | variables
    command = [sys.executable, "-m", "pytest", *options, f"--nbval-cell-timeout={CELL_SECONDS}"]
    command += ["--nbval-sanitize-with", "tests/nbval_sanitize.cfg", "-p", "no:cacheprovider", "--color=no"]
    command += [str(path)]
    before, start = new_files(), time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    seconds, after = time.perf_counter() - start, new_files()

    conditions = " ".join(f"{name}={value}" for name, value in variables.items())
    with capsys.disabled():
        print(f"\n{path.name} {' '.join(options)} {conditions} {seconds:.1f} s", flush=True)
    if done.returncode:
        said = (done.stdout + done.stderr).splitlines()[-80:]
        pytest.fail("\n".join([f"{path.name}: nbval fails {conditions}. It ends:", *said]), pytrace=False)
    left = sorted(set(after) - set(before))
    assert not left, f"{path.name}: running it left files behind: {', '.join(left)}"


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_the_stored_outputs_are_what_the_notebook_prints(path, capsys, answers_of_its_own):
    nbval(path, capsys, answers_of_its_own, "--nbval")


# The many runs that follow use one thread, so that .ci/run has one going on each core. Two of one notebook may
# not go on at a time: they save files of the same names.


def sanitized():
    """What nbval replaces before it compares, as pairs of a pattern and a text."""
    config = configparser.RawConfigParser()
    config.read(ROOT / "tests" / "nbval_sanitize.cfg", encoding="utf-8")
    return [(re.compile(config[name]["regex"]), config[name]["replace"]) for name in config.sections()]


def compared(cell):
    """The texts that nbval compares of a cell: its streams, each whole, and the text of each value."""
    streams, values = {}, []
    for output in cell.outputs:
        if output.output_type == "stream":
            streams[output.name] = streams.get(output.name, "") + output.text
        else:
            values += [(kind, output.data[kind]) for kind in ("text/plain", "text/html") if kind in output.data]
    texts = [*streams.items(), *values]
    for pattern, replacement in sanitized():
        texts = [(kind, pattern.sub(replacement, text)) for kind, text in texts]
    return texts


@pytest.mark.slow
@pytest.mark.side_by_side
@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_with_one_thread_it_prints_the_same(path):
    """The run that the pages are made from has one thread; what it prints is compared as nbval does."""
    stored, ran = code_cells(read(path)), code_cells(executed(path))
    checked = [(cell, other) for cell, other in zip(stored, ran, strict=True) if "nbval-ignore-output" not in tags(cell)]
    assert len(checked) > len(stored) / 2
    wrong = [cell.source.splitlines()[0] for cell, other in checked if compared(cell) != compared(other)]
    assert not wrong, f"{path.name}: with one thread these print something else: {'; '.join(wrong)}"


class OtherSeed(ast.NodeTransformer):
    """Give every ``manual_seed(n)``, every ``default_rng(n)`` and every ``fit(…)`` another seed."""

    def __init__(self, seed):
        self.seed = seed

    def visit_Call(self, call):
        self.generic_visit(call)
        if getattr(call.func, "attr", "") in ("manual_seed", "default_rng"):
            call.args = [ast.BinOp(call.args[0], ast.Add(), ast.Constant(self.seed))]
        elif getattr(call.func, "id", "") == "fit":  # ours: not the method of that name that scikit-learn's have
            call.keywords.append(ast.keyword("seed", ast.Constant(self.seed)))
        return call


@pytest.mark.slow
@pytest.mark.side_by_side
@pytest.mark.parametrize("seed", [101, pytest.param(202, marks=pytest.mark.thorough)])
@pytest.mark.parametrize("path", notebook_paths(TRAINING_NOTEBOOKS), ids=lambda path: path.stem)
def test_with_other_seeds_it_prints_the_same(path, seed, capsys, answers_of_its_own, tmp_path):
    """What a compared cell claims is no accident of one seed.

    A cell tagged ``digits-of-its-seed`` prints a Monte Carlo estimate, its digits
    and all: with another seed it must run, and its assertions hold, but it prints other digits.
    """
    nb = read(path)
    for cell in code_cells(nb):
        cell.source = ast.unparse(OtherSeed(seed).visit(ast.parse(cell.source)))
    for cell in code_cells(nb, "digits-of-its-seed"):
        cell.metadata["tags"].append("nbval-ignore-output")
    copy = tmp_path / path.name
    nbformat.write(nb, copy)
    nbval(copy, capsys, answers_of_its_own, "--nbval", **ONE_THREAD)


def on_real_data():
    return [
        pytest.param(path, dataset, id=f"{path.stem}-{dataset}")
        for dataset, names in REAL_DATA_NOTEBOOKS.items()
        for path in notebook_paths(names)
    ]


@pytest.mark.real_data
@pytest.mark.side_by_side
@pytest.mark.parametrize("path, dataset", on_real_data())
def test_it_runs_on_real_data(path, dataset, capsys, answers_of_its_own):
    folder = Path(os.environ.get("VAE_DATA") or downloads_folder()) / REAL_DATA_FOLDERS[dataset]
    if not folder.is_dir():
        pytest.skip(f"{dataset} is not there: set VAE_DATA to the folder that holds {folder.name}/")
    nbval(path, capsys, answers_of_its_own, "--nbval-lax", keep_data=True, VAE_DATASET=dataset, **ONE_THREAD)


def test_the_network_is_shut():
    """The guard itself: a kernel started so cannot ask another host."""
    source = "import socket; socket.create_connection(('example.org', 80), timeout=5)"
    environment = without_network(dict(os.environ))
    done = subprocess.run([sys.executable, "-c", source], env=environment, capture_output=True, text=True)
    assert "there is no network in this test" in done.stderr, done.stderr or "example.org was reached"
