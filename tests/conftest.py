"""What every test shares: slow tests on demand, a folder of its own for answers, no window for figures."""

import os

import pytest

os.environ["MPLBACKEND"] = "agg"  # before anything imports matplotlib


def pytest_addoption(parser):
    parser.addoption("--slow", action="store_true", help="run the slow tests too, as VAE_SLOW=1 does")


def pytest_collection_modifyitems(config, items):
    # browser tests last: Playwright keeps an event loop running in this process until the end
    items.sort(key=lambda item: "browser" in item.keywords)
    if config.getoption("--slow") or os.environ.get("VAE_SLOW") == "1":
        return
    skip = pytest.mark.skip(reason="slow: set VAE_SLOW=1 or give --slow to run it")
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(skip)


@pytest.fixture(autouse=True)
def answers_of_its_own(tmp_path, monkeypatch):
    """No test reads or overwrites the learner's answers, nor those of another test."""
    folder = tmp_path / "answers"
    monkeypatch.setenv("VAE_ANSWERS", str(folder))
    return folder


@pytest.fixture
def plain_environment(monkeypatch):
    """No word from outside about the data set, or where it lies."""
    monkeypatch.delenv("VAE_DATA", raising=False)
    monkeypatch.delenv("VAE_DATASET", raising=False)


@pytest.fixture
def seeded():
    """Torch's global generator at seed 0, and afterwards where it was."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield
