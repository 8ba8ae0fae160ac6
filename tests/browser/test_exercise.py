"""An exercise as a learner does it in JupyterLab: a wrong answer, a right one, and the kept one after a fresh start."""

import nbformat
import pytest
from lab import open_notebook, run_cell_containing

pytestmark = pytest.mark.browser

IMPORTS = "import torch\nfrom vae_helpers import checks"
CLASS = """class Mine(torch.utils.data.Dataset):
    def __init__(self, images, labels):
        self.images, self.labels = images, labels

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        return self.images[i : i + 1].float(){scaled}, self.labels[i]
"""
CELLS = [
    IMPORTS,
    "def wrong(x_hat, x):\n    return ((x_hat - x) ** 2).mean()",
    "def raises(x_hat, x):\n    return (x_hat - y).mean()",
    "def right(x_hat, x):\n    return ((x_hat - x) ** 2).mean().sqrt()",
    "def stub(x_hat, x):\n    ...",
    CLASS.format(scaled="").replace("Mine", "Bytes"),
    CLASS.format(scaled=" / 255").replace("Mine", "Floats"),
    "class Stub(torch.utils.data.Dataset):\n    def __len__(self):\n        ...",
]
VERDICTS = [
    ("checks.rmse(wrong)", "the root is missing"),
    ("checks.rmse(raises)", "in your line `return (x_hat - y).mean()`"),
    ("checks.rmse(right)", "Right."),
    ("checks.rmse(stub)", "def right(x_hat, x):"),
    ("checks.pictures(Bytes)", "divide by 255"),
    ("checks.pictures(Floats)", "Right."),
    ("checks.pictures(Stub)", "class Floats"),
]


@pytest.fixture(scope="module")
def notebook(lab, page):
    sources = CELLS + [source for source, _ in VERDICTS]
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    nb.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}  # else JupyterLab asks which
    nbformat.write(nb, lab.course / "notebooks" / "exercise.ipynb")
    open_notebook(page, lab, "exercise.ipynb")
    for source in CELLS:
        run_cell_containing(page, source)
    return page


@pytest.mark.parametrize("source, said", VERDICTS)
def test_the_verdict_in_a_real_kernel(notebook, source, said):
    outputs = run_cell_containing(notebook, source)
    assert said in "".join(outputs[-1]["data"]["text/plain"]), outputs
