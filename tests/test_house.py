"""How the house is built: which module stands on which, what an import costs, what the lock pins."""

import ast
import re
import subprocess
import sys
import tomllib

import pytest
from notebook_tools import ROOT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PACKAGE = ROOT / "vae_helpers"
SOURCES = sorted(PACKAGE.rglob("*.py"))

# A module imports from lower floors only, and from its own subpackage.
FLOORS = {
    "defects": 0,
    "diffusion": 0,
    "effective": 0,
    "files": 0,
    "layers": 0,
    "mouths": 0,
    "numpy_vae": 0,
    "strokes": 0,
    "answers": 1,
    "architectures": 1,
    "colab": 1,
    "completion": 1,
    "conditional": 1,
    "data": 1,
    "gaussians": 1,
    "history": 1,
    "latent": 1,
    "losses": 1,
    "noise": 1,
    "not_finite": 1,
    "weights": 1,
    "checkpoints": 2,
    "models": 2,
    "runs": 2,
    "toy": 2,
    "environment": 3,
    "evaluation": 3,
    "loop": 3,
    "objective": 3,
    "plots": 3,
    "detection": 4,
    "moving": 4,
    "training": 4,
    "checks": 5,
    "clinic": 5,
    "fooled": 5,
    "long_training": 5,
    "recipes": 5,
    "widgets": 6,
}

# What training needs stays light. (tqdm is not among them: torch itself imports it.)
LIGHT = ["architectures", "data", "evaluation", "gaussians", "history", "latent", "layers", "losses", "models"]
LIGHT += ["mouths", "strokes", "toy", "training"]
HEAVY = ["IPython", "PIL", "anywidget", "ipywidgets", "matplotlib"]
HEAVY += ["scipy", "sklearn", "torchinfo", "torchvision"]

ABSOLUTE_PATH = re.compile(r"(?<![\w.~])/(?:home|Users|root)/\w|\b[CD]:\\\w")


def module_of(file):
    """The module or subpackage directly under vae_helpers that a file belongs to; None for its __init__."""
    first = file.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return None if first == "__init__" else first


def parse(file):
    return ast.parse(file.read_text(encoding="utf-8"), file)


def imported_modules(file):
    """``(line, module)`` for each module of vae_helpers that a file imports, inside functions too."""
    package = ["vae_helpers", *file.relative_to(PACKAGE).parts[:-1]]
    for node in ast.walk(parse(file)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*above, *filter(None, [node.module])])
            names = [f"{origin}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            root, *inner = name.split(".")
            if root == "vae_helpers" and inner:
                yield node.lineno, inner[0]


def shown(file):
    return file.relative_to(ROOT).as_posix()


def tracked_files():
    try:
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no git repository here, so nothing is tracked")
    return [ROOT / name for name in listed.decode().split("\0") if name]


# --- the package -----------------------------------------------------------------


def test_every_module_has_its_floor():
    unknown = sorted({module_of(file) for file in SOURCES} - {None} - set(FLOORS))
    assert not unknown, f"add {', '.join(unknown)} to FLOORS in {shown(ROOT / 'tests' / 'test_house.py')}"


@pytest.mark.parametrize("file", SOURCES, ids=shown)
def test_a_module_imports_lower_floors_only(file):
    module = module_of(file)
    floor = FLOORS.get(module, -1)  # the package's own __init__ imports none
    wrong = [
        f"line {line} imports {other} (floor {FLOORS.get(other, 'unknown')})"
        for line, other in imported_modules(file)
        if other != module and FLOORS.get(other, 99) >= floor
    ]
    assert not wrong, f"{shown(file)} is on floor {floor}, and {'; '.join(wrong)}"


def test_importing_what_trains_loads_nothing_heavy():
    there = [name for name in LIGHT if (PACKAGE / f"{name}.py").exists() or (PACKAGE / name).is_dir()]
    modules = ", ".join(["vae_helpers", *(f"vae_helpers.{name}" for name in there)])
    source = f"import sys, {modules}; print(*[name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", source], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    loaded = done.stdout.split()
    assert not loaded, f"import {modules} loads {', '.join(loaded)}; import it where it is used"


@pytest.mark.parametrize("file", SOURCES, ids=shown)
def test_everything_public_has_a_docstring(file):
    tree = parse(file)
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    public = [node for node in tree.body if isinstance(node, kinds) and not node.name.startswith("_")]
    bare = [f"{node.name} (line {node.lineno})" for node in public if not ast.get_docstring(node)]
    if tree.body and not ast.get_docstring(tree):
        bare.insert(0, "the module itself")
    assert not bare, f"{shown(file)} lacks docstrings: {', '.join(bare)}"


# --- the repository --------------------------------------------------------------


def test_no_tracked_file_names_a_place_on_one_machine():
    wrong = []
    for file in tracked_files():
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except (UnicodeDecodeError, FileNotFoundError):  # pictures and weights; files just deleted
            continue
        for number, line in enumerate(lines, start=1):
            if str(ROOT) in line or ABSOLUTE_PATH.search(line):
                wrong.append(f"{shown(file)}, line {number}")
    assert not wrong, f"absolute paths of one machine in {'; '.join(wrong)}"


# --- dependencies ----------------------------------------------------------------


def declared():
    """What pyproject.toml asks for: the dependencies and those of the extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lists = [project["dependencies"], *project.get("optional-dependencies", {}).values()]
    return [Requirement(line) for lines in lists for line in lines]


def lock_lines():
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]


def test_pyproject_gives_lower_bounds_only():
    wrong = [str(one) for one in declared() if [spec.operator for spec in one.specifier] != [">="] or one.url]
    assert not wrong, f"pyproject.toml: wanted is `name>=version`, not {', '.join(wrong)}"


def test_the_lock_holds_versions_and_no_address():
    pinned = re.compile(r"[A-Za-z0-9._-]+(\[[\w,-]+\])?==[^\s;]+( ; .+)?")
    wrong = [line for line in lock_lines() if not pinned.fullmatch(line)]
    assert not wrong, f"requirements.txt: wanted is `name==version`, not {'; '.join(wrong)}"


def test_the_lock_pins_what_pyproject_asks_for():
    locked = {}
    for line in lock_lines():
        one = Requirement(line)
        locked.setdefault(canonicalize_name(one.name), []).append(next(iter(one.specifier)).version)
    wrong = [
        f"{one} (locked: {', '.join(locked.get(canonicalize_name(one.name), ['not at all']))})"
        for one in declared()
        if not all(one.specifier.contains(v) for v in locked.get(canonicalize_name(one.name), ["0"]))
    ]
    assert not wrong, f"`make lock` is due: requirements.txt does not fit {'; '.join(wrong)}"
