"""MNIST and Fashion-MNIST: found, checked, fetched, or a word why not."""

import errno
import gzip
import hashlib
import io
import os
import urllib.request
from urllib.error import URLError

import numpy as np
import pytest
import torch
from PIL import Image

from vae_helpers.data import (
    DataNotFound,
    load,
    online,
)

REAL_DATA = os.environ.get("VAE_DATA")


pytestmark = pytest.mark.usefixtures("plain_environment")


def whole_tree(folder):
    return sorted((str(path), path.stat().st_size if path.is_file() else None) for path in folder.rglob("*"))


def idx(array):
    """The bytes of a raw file as MNIST's are."""
    shape = b"".join(n.to_bytes(4, "big") for n in array.shape)
    return bytes([0, 0, 8, array.ndim]) + shape + array.tobytes()


def tiny_files():
    rng = np.random.default_rng(0)
    files = {}
    for part, count in (("train", 7), ("t10k", 3)):
        files[f"{part}-images-idx3-ubyte"] = idx(rng.integers(0, 256, (count, 28, 28), np.uint8))
        files[f"{part}-labels-idx1-ubyte"] = idx(np.arange(count, dtype=np.uint8))
    return files


FILES = tiny_files()


def lay(folder, **changed):
    """Write the four raw files; ``train_images=b""`` changes one, None leaves it out."""
    raw = folder / "MNIST" / "raw"
    raw.mkdir(parents=True, exist_ok=True)
    for name, content in FILES.items():
        content = changed.get("_".join(name.split("-")[:2]), content)
        if content is not None:
            (raw / name).write_bytes(content)
    return folder


class Network:
    """Stands in for urllib: serves the tiny files, or fails as it is told."""

    def __init__(self, monkeypatch):
        from torchvision.datasets import MNIST

        self.bodies = {f"{name}.gz": gzip.compress(content) for name, content in FILES.items()}
        self.asked, self.error, self.dead = [], None, False
        md5 = [(name, hashlib.md5(body).hexdigest()) for name, body in self.bodies.items()]
        monkeypatch.setattr(MNIST, "resources", md5)
        monkeypatch.setattr(urllib.request, "urlopen", self)

    def __call__(self, request, *_, **__):
        url = getattr(request, "full_url", request)
        self.asked.append(url)
        if self.dead:
            raise URLError("Name or service not known")
        if self.error is not None and "t10k-images" in url:
            raise self.error
        body = self.bodies[url.rsplit("/", 1)[1]]
        response = io.BytesIO(body)
        response.url, response.length = url, len(body)
        return response


@pytest.fixture
def downloads(tmp_path, monkeypatch):
    """data/downloads of an empty clone, where the tiny files count as the genuine ones."""
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in FILES.items()}
    tiny = online.Source("MNIST", "MNIST", sums)
    monkeypatch.setattr(online, "SIZES", {name: len(content) for name, content in FILES.items()})
    monkeypatch.setattr(online, "SOURCES", {"mnist": tiny, "mnist32": tiny})
    folder = tmp_path / "clone" / "data" / "downloads"
    monkeypatch.setattr(online, "downloads_folder", lambda: folder)
    return folder


@pytest.fixture
def network(monkeypatch):
    return Network(monkeypatch)


@pytest.fixture
def no_network(network):
    network.dead = True
    return network


def assert_is_tiny(data):
    assert data.train.images.shape == (7, 1, 28, 28) and data.train.labels.tolist() == list(range(7))
    assert data.test.images.shape == (3, 1, 28, 28) and data.train.maximum == 255
    assert data.train.images.numpy().tobytes() == FILES["train-images-idx3-ubyte"][16:]


def test_finds_vae_data_first_and_writes_nothing_there(downloads, tmp_path, monkeypatch, network):
    monkeypatch.setenv("VAE_DATA", str(lay(tmp_path / "theirs")))
    before = whole_tree(tmp_path)
    assert_is_tiny(load("mnist"))
    assert whole_tree(tmp_path) == before and network.asked == []


def test_finds_downloads_without_vae_data(downloads, network):
    lay(downloads)
    assert_is_tiny(load("mnist"))
    assert network.asked == []


def test_root_is_the_only_place_looked_at(downloads, tmp_path, monkeypatch, no_network):
    monkeypatch.setenv("VAE_DATA", str(lay(tmp_path / "theirs")))
    lay(downloads)
    assert_is_tiny(load("mnist", root=lay(tmp_path / "root")))
    with pytest.raises(DataNotFound) as raised:
        load("mnist", root=tmp_path / "other")
    assert str(tmp_path / "other") in str(raised.value) and str(downloads) not in str(raised.value)


def test_mnist32_is_resized(downloads):
    data = load("mnist32", root=lay(downloads))
    assert data.name == "mnist32"
    assert data.train.shape == (1, 32, 32) and data.train.images.dtype == torch.uint8


def test_a_stale_processed_folder_is_not_read(downloads):
    processed = lay(downloads) / "MNIST" / "processed"
    processed.mkdir()
    for name in ("training.pt", "test.pt"):
        torch.save((torch.zeros(5, 28, 28, dtype=torch.uint8), torch.zeros(5)), processed / name)
    assert_is_tiny(load("mnist"))


@pytest.mark.parametrize(
    "content, said",
    [
        (FILES["train-images-idx3-ubyte"][:-1], "bytes, expected"),
        (FILES["train-images-idx3-ubyte"][:-1] + b"x", "SHA-256"),
        (b"", r"0 bytes, expected"),
    ],
)
def test_damaged_file_is_named_and_passed_over(downloads, tmp_path, monkeypatch, network, content, said):
    theirs = lay(tmp_path / "theirs", train_images=content)
    monkeypatch.setenv("VAE_DATA", str(theirs))
    before = whole_tree(theirs)
    lay(downloads)
    with pytest.warns(UserWarning, match=f"train-images-idx3-ubyte is damaged.*{said}") as warned:
        assert_is_tiny(load("mnist"))
    assert warned[0].filename == __file__ and str(theirs) in str(warned[0].message)
    assert whole_tree(theirs) == before and network.asked == []


def test_damaged_file_is_fetched_anew(downloads, network):
    lay(downloads, t10k_labels=b"cut", train_labels=None)
    with pytest.warns(UserWarning, match="t10k-labels"):
        assert_is_tiny(load("mnist"))
    assert len(network.asked) >= 4
    assert_is_tiny(load("mnist"))


def test_fetched_once_and_only_the_raw_files_are_kept(downloads, network):
    assert_is_tiny(load("mnist"))
    assert sorted(path.name for path in downloads.rglob("*") if path.is_file()) == sorted(FILES)
    assert [path.name for path in downloads.iterdir()] == ["MNIST"]
    network.asked.clear()
    assert_is_tiny(load("mnist"))
    assert network.asked == []


def test_vae_data_one_folder_too_deep_is_pointed_out(downloads, tmp_path, monkeypatch, no_network):
    monkeypatch.setenv("VAE_DATA", str(lay(tmp_path / "theirs") / "MNIST"))
    with pytest.raises(DataNotFound, match="name the folder around MNIST/raw, not one inside"):
        load("mnist")


def test_fetches_into_root_if_given(downloads, tmp_path, network):
    assert_is_tiny(load("mnist", root=tmp_path / "root"))
    assert (tmp_path / "root" / "MNIST" / "raw" / "train-images-idx3-ubyte").is_file()
    assert not downloads.exists()


def test_no_network(downloads, tmp_path, monkeypatch, no_network):
    theirs = lay(tmp_path / "theirs", train_images=b"12345", t10k_labels=None)
    monkeypatch.setenv("VAE_DATA", str(theirs))
    before = whole_tree(tmp_path)
    with pytest.warns(UserWarning), pytest.raises(DataNotFound) as raised:
        load("mnist")
    error, said = raised.value, str(raised.value)
    size = f"{len(FILES['train-images-idx3-ubyte']):,}"
    for words in (
        "MNIST is not on this computer",
        "Name or service not known",
        str(theirs / "MNIST" / "raw"),
        f"train-images-idx3-ubyte is damaged (5 bytes, expected {size})",
        "t10k-labels-idx1-ubyte is missing",
        f"there is no folder {downloads}",
        "connect to the internet and call load('mnist') again",
        "set VAE_DATA to a folder that has MNIST/raw",
        'load("pen"), which needs nothing',
    ):
        assert words in said
    assert isinstance(error, OSError) and error.__cause__ is not None
    assert whole_tree(tmp_path) == before  # not even the empty folder is left


def no_space(network):
    network.error = OSError(errno.ENOSPC, "No space left on device")


def no_rights(network):
    network.error = OSError(errno.EROFS, "Read-only file system")


def cut_short(network):
    network.bodies["t10k-images-idx3-ubyte.gz"] = network.bodies["t10k-images-idx3-ubyte.gz"][:-20]


def changed_at_the_source(network):
    """Another file, with the .gz sum that torchvision expects of it."""
    from torchvision.datasets import MNIST

    name, body = "t10k-labels-idx1-ubyte.gz", gzip.compress(idx(np.array([9, 9, 9], dtype=np.uint8)))
    network.bodies[name] = body
    MNIST.resources[[each for each, _ in MNIST.resources].index(name)] = (name, hashlib.md5(body).hexdigest())


def silent(network):
    network.error = TimeoutError("timed out")


@pytest.mark.parametrize(
    "befall, said",
    [
        (no_space, "(?s)No space left.*make room for 100 MB"),
        (no_rights, "(?s)Read-only.*that you may write to"),
        (cut_short, "(?s)corrupted.*connect to the internet"),
        (changed_at_the_source, "t10k-labels-idx1-ubyte came damaged .*SHA-256"),
        (silent, "(?s)timed out.*connect to the internet"),
    ],
)
def test_a_fetch_that_fails_leaves_all_as_it_was(downloads, network, befall, said):
    lay(downloads, train_images=None)
    before = whole_tree(downloads)
    befall(network)
    with pytest.raises(DataNotFound, match=said) as raised:
        load("mnist")
    assert raised.value.__cause__ is not None
    assert whole_tree(downloads) == before


def test_stop_while_fetching_leaves_nothing(downloads, tmp_path, network):
    network.error = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        load("mnist")
    assert any("t10k-images" in url for url in network.asked)
    assert whole_tree(tmp_path / "clone") == []


def test_fetch_waits_for_a_silent_network_only_so_long(downloads, network, monkeypatch):
    import socket

    seen = []

    def urlopen(*arguments):
        seen.append(socket.getdefaulttimeout())
        return network(*arguments)

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    load("mnist")
    assert seen and all(0 < seconds <= 60 for seconds in seen) and socket.getdefaulttimeout() is None


@pytest.fixture
def real(monkeypatch):
    """load, on the real files or not at all: it skips where there are none, and never fetches."""
    if REAL_DATA:
        monkeypatch.setenv("VAE_DATA", REAL_DATA)

    def load_real(name):
        if online.find(name) is None:
            pytest.skip("neither VAE_DATA nor data/downloads holds the real MNIST and Fashion-MNIST")
        return load(name)

    return load_real


TRAIN_COUNTS = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
TEST_COUNTS = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


@pytest.mark.real_data
@pytest.mark.parametrize(
    "name, sums, counts, first_class",
    [
        ("mnist", (1_567_298_545, 264_923_200), (TRAIN_COUNTS, TEST_COUNTS), "0"),
        ("fashion", (3_431_114_169, 573_469_082), ([6000] * 10, [1000] * 10), "T-shirt/top"),
    ],
)
def test_the_real_sets(real, name, sums, counts, first_class):
    data = real(name)
    assert data.train.images.shape == (60_000, 1, 28, 28) and data.test.images.shape == (10_000, 1, 28, 28)
    assert data.train.images.dtype == torch.uint8
    assert data.classes[0] == first_class and len(data.classes) == 10
    for split, total, count in zip((data.train, data.test), sums, counts, strict=True):
        assert split.images.sum() == total and split.labels.bincount().tolist() == count


@pytest.mark.real_data
def test_mnist32_is_as_pil_makes_it(real):
    from torchvision.transforms import Resize

    small, large = real("mnist").train, real("mnist32").train
    assert large.images.shape == (60_000, 1, 32, 32) and torch.equal(small.labels, large.labels)
    resize = Resize((32, 32))
    for index in range(0, 60_000, 600):
        pil = np.asarray(resize(Image.fromarray(small.images[index, 0].numpy())))
        assert np.abs(pil.astype(int) - large.images[index, 0].numpy()).max() <= 1
