"""``load``: names, the environment, the sets that come along."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from vae_helpers.data import NAMES, DataDamaged, DataNotFound, load, shipped


pytestmark = pytest.mark.usefixtures("plain_environment")


def test_importing_data_imports_nothing_heavy():
    code = "import sys, torch, numpy; before = set(sys.modules); import vae_helpers.data as _; "
    code += "print(*{name.split('.')[0] for name in set(sys.modules) - before})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    new = set(done.stdout.split())
    assert "vae_helpers" in new and not new & {"torchvision", "PIL", "sklearn", "scipy", "matplotlib"}


def test_unknown_name_lists_the_names_and_suggests_the_nearest():
    with pytest.raises(ValueError) as raised:
        load("mnsit")
    assert all(name in str(raised.value) for name in NAMES)
    assert "Did you mean 'mnist'?" in str(raised.value) and "folder" in str(raised.value)
    assert "VAE_DATASET" not in str(raised.value)


@pytest.mark.parametrize("name", ["no/such/folder", "./pen", Path("pen")])
def test_missing_folder_is_named(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="there is no folder") as raised:
        load(name)
    assert str(tmp_path / name) in str(raised.value)


def test_names_that_are_no_names(tmp_path):
    (tmp_path / "one.png").touch()
    with pytest.raises(ValueError, match="is a file"):
        load(tmp_path / "one.png")
    with pytest.raises(ValueError, match="no data set ''"):
        load("")
    with pytest.raises(TypeError, match="int"):
        load(3)


def test_environment_chooses_and_is_blamed(monkeypatch):
    monkeypatch.setenv("VAE_DATASET", "digits8")
    assert load().name == "digits8"
    monkeypatch.setenv("VAE_DATASET", "")
    assert load().name == "pen"
    monkeypatch.setenv("VAE_DATASET", "penn")
    with pytest.raises(ValueError, match="(?s)'pen'.*VAE_DATASET=penn"):
        load()


def test_environment_is_blamed_for_a_folder_too(tmp_path, monkeypatch):
    monkeypatch.setenv("VAE_DATASET", str(tmp_path))
    with pytest.raises(ValueError, match="no pictures") as raised:
        load()
    assert "VAE_DATASET" in raised.value.__notes__[0]


def test_a_name_beats_a_folder_of_that_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "digits8").mkdir()
    for number in range(3):
        Image.new("L", (9, 9), number).save(tmp_path / "digits8" / f"{number}.png")
    assert len(load("digits8").train) == len(load("DIGITS8").train) == 1437
    assert len(load("./digits8").train) == len(load(Path("digits8")).train) == 2
    with pytest.raises(TypeError, match=r"size.*load\(\"./digits8\""):
        load("digits8", size=8)


def test_digits8():
    data = load("digits8")
    assert data.train.images.shape == (1437, 1, 8, 8) and data.test.images.shape == (360, 1, 8, 8)
    assert data.train.maximum == data.train.images.max() == 16 and data.train.as_float().max() == 1
    assert data.train.images.dtype == torch.uint8 and data.classes == tuple("0123456789")
    assert data.train.images.sum() + data.test.images.sum() == 561_718
    assert max(data.test.labels.bincount()) - min(data.test.labels.bincount()) <= 2  # stratified
    again = load("digits8")
    assert torch.equal(again.test.images, data.test.images)
    assert torch.equal(again.test.labels, data.test.labels)


def test_pen():
    data = load()
    assert data.name == "pen" and data.classes == tuple("0123456789")
    for split, count in ((data.train, 10_000), (data.test, 2_000)):
        assert split.images.shape == (count, 1, 28, 28) and split.images.dtype == torch.uint8
        assert split.maximum == 255 and split.images.max() == 255
        assert split.factors.shape == (count, 6) and len(split.factor_names) == 6
        assert split.labels.unique().tolist() == list(range(10))


@pytest.fixture
def pen_file(tmp_path, monkeypatch):
    monkeypatch.setattr(shipped, "data_folder", lambda: tmp_path)
    return tmp_path / "pen.npz"


def pen_arrays(count=4):
    images, labels = np.zeros((count, 1, 28, 28), np.uint8), np.arange(count)
    arrays = {"images": images, "labels": labels, "factors": np.zeros((count, 6))}
    return {f"{part}_{key}": array for part in ("train", "test") for key, array in arrays.items()}


def test_missing_pen_file(pen_file):
    with pytest.raises(DataNotFound, match="git checkout data/pen.npz.*python -m vae_helpers.data") as raised:
        load("pen")
    assert str(pen_file) in str(raised.value)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-100]),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"<html>not found</html>"),
        lambda path: np.savez(path, x=np.zeros(3)),
        lambda path: np.savez(path, **pen_arrays() | {"train_images": np.array([{}], dtype=object)}),
        lambda path: np.savez(path, **pen_arrays() | {"train_images": np.zeros((4, 28, 28), np.uint8)}),
        lambda path: np.savez(path, **pen_arrays() | {"test_images": np.zeros((4, 1, 28, 28))}),
        lambda path: np.savez(path, **pen_arrays() | {"test_labels": np.arange(5)}),
        lambda path: np.savez(path, **pen_arrays() | {"test_labels": np.arange(4) + 20}),
        lambda path: np.savez(path, **pen_arrays() | {"train_factors": np.zeros((4, 2))}),
    ],
)
def test_damaged_pen_file(pen_file, spoil):
    np.savez(pen_file, **pen_arrays())
    assert len(load("pen").train) == 4
    spoil(pen_file)
    with pytest.raises(DataDamaged, match="git checkout data/pen.npz.*python -m vae_helpers.data") as raised:
        load("pen")
    assert str(pen_file) in str(raised.value) and isinstance(raised.value, OSError)


class Intruder:
    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)  # what a pickle asks for is done while it loads


def test_reading_pen_never_runs_code_from_the_file(pen_file, tmp_path):
    intruder = np.array([Intruder(tmp_path / "was_here")], dtype=object)
    np.savez(pen_file, **pen_arrays() | {"train_images": intruder})
    with pytest.raises(DataDamaged):
        load("pen")
    assert not (tmp_path / "was_here").exists()


def test_python_m_vae_helpers_data_draws_pen_again(pen_file, monkeypatch, capsys):
    from vae_helpers.data import __main__ as again

    monkeypatch.setattr(again, "make", lambda path: np.savez(path, **pen_arrays()))
    again.main()
    assert pen_file.is_file()
    assert str(pen_file) in capsys.readouterr().out
