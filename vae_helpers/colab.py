"""What Google Colab lacks, and how it differs: the first cell of each notebook calls ``install`` there, and only there."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, version

from vae_helpers.files import root

# Colab's own, and not to be replaced under its feet: JupyterLab would bring another kernel and server along
NOT_THERE = {"ipykernel", "ipywidgets", "jupyterlab"}

DIFFERENCES = """The course is installed. What differs on Colab:
- Your answers and predictions live as long as this machine. To keep them, mount your Drive, and before
  anything else set os.environ["VAE_ANSWERS"] = "/content/drive/MyDrive/vae-answers".
- The versions are Colab's, not the course's: last digits, and seconds, may differ.
- Widgets need a network, and allow them when Colab asks. Where one does not show, its picture does.
- While a cell waits for a training, Colab too keeps its widgets waiting.
- No graphics card is needed: leave the runtime as it is."""


def lacking():
    """The packages that the course needs and this Python has not, as pyproject.toml names them."""
    project = tomllib.loads((root() / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = {re.split(r"[<>=!~ ;\[]", line)[0]: line for line in project["dependencies"]}
    return [line for name, line in names.items() if name not in NOT_THERE and not _has(name)]


def install():
    """Install what is lacking, and say what differs here. RuntimeError says what pip said if it fails."""
    wanted = lacking()
    if wanted:
        command = [sys.executable, "-m", "pip", "install", "--quiet", *wanted]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            said = (done.stderr.strip() or "pip said nothing").splitlines()[-1]
            raise RuntimeError(f"{', '.join(wanted)} could not be installed: {said}. Run this cell again")
    print(DIFFERENCES)


def _has(name):
    try:
        return bool(version(name))
    except PackageNotFoundError:
        return False
