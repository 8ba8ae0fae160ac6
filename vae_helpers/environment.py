"""Is this machine ready? One line for each thing the course needs: OK, or what to do."""

from __future__ import annotations

import importlib
import importlib.metadata
import shutil
import sys
import tempfile

from vae_helpers.files import answers_folder, data_folder

AGAIN = "run `make lab` again, or `pip install -r requirements.txt`"


def report():
    """Print the lines; return nothing. Never raises: what is broken is a line, too."""
    for name, check in CHECKS.items():
        try:
            ok, said = check()
        except Exception as error:  # a check that breaks is news, not the end of the others
            ok, said = False, f"{type(error).__name__}: {error}; {AGAIN}"
        print(f"{'OK  ' if ok else 'FAIL'}  {name:<12} {said}")


def _python():
    version = ".".join(map(str, sys.version_info[:3]))
    ok = sys.version_info >= (3, 11)
    return ok, version if ok else f"{version}; install Python 3.11 or later, delete .venv and run `make lab` again"


def _torch():
    torch = importlib.import_module("torch")
    x = torch.ones(2, 2, requires_grad=True)
    (x @ x).sum().backward()  # a product and its gradient: an installation may import and still not compute
    threads = f"{torch.get_num_threads()} threads" if torch.get_num_threads() > 1 else "1 thread"
    return True, f"{torch.__version__} on {threads}"


def _torchvision():
    # its compiled operators fail to load where it does not belong to the installed torch
    torchvision = importlib.import_module("torchvision")
    importlib.import_module("torchvision.ops").nms
    return True, torchvision.__version__


def _packages():
    from packaging.requirements import Requirement

    faults, needs = [], [Requirement(line) for line in importlib.metadata.requires("vae-helpers")]
    needs = [need for need in needs if not need.marker or need.marker.evaluate({"extra": ""})]
    for need in needs:
        try:
            version = importlib.metadata.version(need.name)
        except importlib.metadata.PackageNotFoundError:
            faults.append(f"{need.name} is missing")
        else:
            if not need.specifier.contains(version, prereleases=True):
                faults.append(f"{need.name} is {version}, wanted {need.specifier}")
    return not faults, f"{'; '.join(faults)}; {AGAIN}" if faults else f"all {len(needs)} packages"


def _data():
    from vae_helpers.data import load

    pen = load("pen")
    return True, f"pen, {len(pen.train):,} + {len(pen.test):,} pictures"


def _real_data():
    from vae_helpers.data import online

    here = [name for name in ("mnist", "fashion") if online.find(name)]
    return True, f"{' and '.join(here)} are here" if here else "MNIST not fetched yet (not needed)"


def _space():
    folder = data_folder() if data_folder().is_dir() else "."
    free = shutil.disk_usage(folder).free / 2**30
    return free > 1, f"{free:.0f} GB free" if free > 1 else f"{free:.1f} GB free; the course wants 1 GB to work in"


def _answers():
    folder = answers_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        pass
    return True, f"your answers are kept in the folder {folder.name}/"


def _graphics():
    torch = importlib.import_module("torch")
    if torch.cuda.is_available():
        return True, f'{torch.cuda.get_device_name()}: use device="cuda"'
    if torch.backends.mps.is_available():
        return True, 'Apple graphics: use device="mps" (results may differ a little from the processor\'s)'
    return True, "no graphics card (not needed)"


CHECKS = {
    "Python": _python,
    "torch": _torch,
    "torchvision": _torchvision,
    "packages": _packages,
    "data": _data,
    "real data": _real_data,
    "disk": _space,
    "answers": _answers,
    "graphics": _graphics,
}
