"""Data sets: what they hold, how batches come out, and what is said when one is missing or broken."""

import errno
import gzip
import hashlib
import io
import os
import subprocess
import sys
import urllib.request
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import torch
from PIL import Image

from vae_helpers.data import NAMES, DataDamaged, DataNotFound, ImageSet, Split, check_images, load
from vae_helpers.data import online, shipped

REAL_DATA = os.environ.get("VAE_DATA")


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    monkeypatch.delenv("VAE_DATA", raising=False)
    monkeypatch.delenv("VAE_DATASET", raising=False)


def whole_tree(folder):
    return sorted((str(path), path.stat().st_size if path.is_file() else None) for path in folder.rglob("*"))


# --- splits and batches


@pytest.fixture
def split():
    """Ten images of 1×2×2; image i is i everywhere, and so are its label and its factor."""
    numbers = torch.arange(10)
    images = numbers.to(torch.uint8).view(10, 1, 1, 1).expand(10, 1, 2, 2).contiguous()
    return Split(images, 10, numbers, numbers.float().unsqueeze(1), ("number",))


def numbers_in(batches):
    return [number for x in batches for number in (x[:, 0, 0, 0] * 10).round().int().tolist()]


def test_split_says_what_it_holds(split):
    assert len(split) == 10 and split.shape == (1, 2, 2)
    assert repr(split) == "Split: 10 images 1×2×2, 10 classes, with factors"
    assert repr(split.subset(1)) == "Split: 1 image 1×2×2, 1 class, with factors"
    assert repr(Split.from_tensor(torch.zeros(1200, 3, 4, 5))) == "Split: 1,200 images 3×4×5, 1 class"
    assert repr(ImageSet(split, split.subset(2), ("a",), "mine")).splitlines()[0] == "ImageSet mine"


def test_as_float_is_a_copy_in_unit_range(split):
    x = split.as_float()
    assert x.dtype == torch.float32 and x.shape == (10, 1, 2, 2)
    assert torch.equal(x[:, 0, 0, 0], torch.arange(10) / 10)
    assert torch.equal(split.as_float([3, 5]), x[[3, 5]])
    floats = Split.from_tensor(x.clone())
    for whole in (floats.as_float(), floats.as_float(slice(5)), next(iter(floats.batches(5)))):
        whole += 1
    assert torch.equal(floats.images, x)


def test_white_becomes_exactly_one():
    images = torch.full((1, 1, 1, 1), 255, dtype=torch.uint8)
    assert Split(images, 255, torch.zeros(1, dtype=torch.int64)).as_float().item() == 1.0


@pytest.mark.parametrize(
    "which, expected",
    [
        (3, [0, 1, 2]),
        ([7, 2], [7, 2]),
        (torch.tensor([9]), [9]),
        (slice(8, None), [8, 9]),
        (torch.arange(10) > 7, [8, 9]),
        (np.array([1, 4]), [1, 4]),
    ],
)
def test_subset_takes_everything_along(split, which, expected):
    part = split.subset(which)
    assert numbers_in(part.batches(100)) == part.labels.tolist() == part.factors[:, 0].tolist() == expected
    assert part.maximum == 10 and part.factor_names == ("number",)


@pytest.mark.parametrize("which", [0, 11, -1])
def test_subset_of_too_many_or_none(split, which):
    with pytest.raises(ValueError, match="of 10 images"):
        split.subset(which)


def test_split_refuses_what_does_not_fit_together(split):
    with pytest.raises(ValueError, match="N, C, H, W"):
        Split(split.images[:, 0], 10, split.labels)
    with pytest.raises(ValueError, match="int64 labels"):
        Split(split.images, 10, split.labels[:9])
    with pytest.raises(ValueError, match="float32 factors"):
        Split(split.images, 10, split.labels, split.factors)
    with pytest.raises(ValueError, match="float64"):
        Split(split.images.double(), 10, split.labels)


def test_from_tensor_checks_images_and_takes_any_whole_labels():
    images = torch.rand(4, 1, 3, 3)
    assert Split.from_tensor(images).labels.tolist() == [0, 0, 0, 0]
    assert Split.from_tensor(images, torch.arange(4, dtype=torch.uint8)).labels.dtype == torch.int64
    assert torch.equal(next(iter(Split.from_tensor(images).batches(4))), images)
    with pytest.raises(ValueError, match="255"):
        Split.from_tensor(images * 255)
    with pytest.raises(ValueError, match="whole numbers"):
        Split.from_tensor(images, torch.rand(4))


@pytest.mark.parametrize("shuffle", [False, True])
def test_batches_hold_each_image_once(split, shuffle):
    batches = split.batches(4, shuffle=shuffle)
    shapes = [tuple(x.shape) for x in batches]
    assert shapes == [(4, 1, 2, 2), (4, 1, 2, 2), (2, 1, 2, 2)] and len(batches) == 3
    assert sorted(numbers_in(batches)) == list(range(10))
    assert all(x.dtype == torch.float32 and 0 <= x.min() and x.max() <= 1 for x in batches)


def test_batches_keep_the_order_unless_shuffled(split):
    assert numbers_in(split.batches(3)) == list(range(10))


def test_seeded_shuffles_repeat_and_epochs_differ(split):
    def two_epochs(seed):
        batches = split.batches(3, shuffle=True, generator=torch.Generator().manual_seed(seed))
        return numbers_in(batches), numbers_in(batches)

    first, second = two_epochs(0)
    assert first != second
    assert two_epochs(0) == (first, second)
    assert two_epochs(1) != (first, second)


def test_a_generator_leaves_the_global_one_alone(split):
    torch.manual_seed(0)
    numbers_in(split.batches(3, shuffle=True, generator=torch.Generator().manual_seed(5)))
    drawn = torch.rand(1)
    torch.manual_seed(0)
    assert torch.equal(drawn, torch.rand(1))


def test_drop_last(split):
    batches = split.batches(4, shuffle=True, drop_last=True)
    assert [len(x) for x in batches] == [4, 4] and len(batches) == 2
    assert len(split.batches(5, drop_last=True)) == 2


@pytest.mark.parametrize("shuffle", [False, True])
def test_labels_stay_with_their_images(split, shuffle):
    for x, y in split.batches(4, shuffle=shuffle, labels=True):
        assert y.dtype == torch.int64
        assert (x[:, 0, 0, 0] * 10).round().int().tolist() == y.tolist()


def test_batches_go_to_the_device(split):
    device = "cuda" if torch.cuda.is_available() else "meta"
    for x, y in split.batches(4, shuffle=True, device=device, labels=True):
        assert x.device.type == y.device.type == device and x.dtype == torch.float32


def test_batches_refuse_nonsense_at_once(split):
    for size in (0, -1, 2.5):
        with pytest.raises(ValueError, match="batch_size"):
            split.batches(size)
    with pytest.raises(ValueError, match="do not fill one batch"):
        split.batches(11, drop_last=True)
    with pytest.raises(TypeError, match="manual_seed"):
        split.batches(2, shuffle=True, generator=3)


# --- check_images


def test_good_images_pass():
    check_images(torch.rand(2, 1, 4, 4))
    check_images(torch.tensor([0.0, 1.0]).view(2, 1, 1, 1), (1, 1, 1))
    check_images(torch.rand(2, 3, 4, 5, requires_grad=True), torch.Size([3, 4, 5]))


GOOD = torch.rand(2, 1, 4, 4)
HOLED = GOOD.clone()
HOLED[0, 0, 0, :3] = torch.tensor([torch.nan, torch.nan, torch.inf])


@pytest.mark.parametrize(
    "images, said",
    [
        (GOOD.numpy(), ["numpy.ndarray", "torch.as_tensor(images)"]),
        ([GOOD[0], GOOD[1]], ["builtins.list", "torch.stack(images)"]),
        (GOOD[0], ["(1, 4, 4)", "3 dimensions", "unsqueeze"]),
        (GOOD[0, 0], ["2 dimensions", "images[None, None]"]),
        (GOOD.flatten(1), ["(2, 16)", "2 dimensions"]),
        (GOOD.expand(2, 3, 4, 4), ["3 channels where 1 is wanted"]),
        (torch.rand(2, 4, 4, 1), ["channels are last", "permute(0, 3, 1, 2)"]),
        (torch.rand(2, 1, 5, 4), ["5×4 pixels where 4×4"]),
        (GOOD[:0], ["empty"]),
        ((GOOD * 255).byte(), ["uint8", "images.float() / 255"]),
        (GOOD.double(), ["float64", "images.float()"]),
        (HOLED, ["2 values are NaN", "1 infinite"]),
        (torch.full_like(GOOD, torch.nan), ["32 values are NaN"]),
        (torch.full_like(GOOD, 200.0), ["[200, 200]", "images / 255"]),
        (torch.full_like(GOOD, -0.5), ["[-0.5, -0.5]", "images * 0.5 + 0.5"]),
        (torch.full_like(GOOD, 1.001), ["1.001", "clamp(0, 1)"]),
        (torch.full_like(GOOD, 1e4), ["[1e+04, 1e+04]"]),
    ],
)
def test_check_images_says_what_came_and_what_was_wanted(images, said):
    with pytest.raises(ValueError) as raised:
        check_images(images, (1, 4, 4))
    for words in ("float32 tensor of shape (N, 1, 4, 4)", "[0, 1]", *said):
        assert words in str(raised.value)


def test_check_images_names_all_faults_in_one_error():
    with pytest.raises(ValueError) as raised:
        check_images(HOLED.double().expand(2, 3, 4, 4) * 300, (1, 4, 4))
    for words in ("3 channels", "float64", "NaN", "values lie in"):
        assert words in str(raised.value)


# --- load: names


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


# --- the sets that come along


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


# --- MNIST and Fashion-MNIST: four tiny files in place of the real ones, and a network of our own


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


# --- the real ones


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


# --- a folder of one's own pictures


def save(folder, name, picture, **options):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, **options)


def grey_levels(folder, count=20, size=(40, 30)):
    for number in range(count):
        save(folder, f"{number:02}.png", Image.new("L", size, 10 * number))


def test_folder_without_classes(tmp_path):
    grey_levels(tmp_path / "own")
    data = load(str(tmp_path / "own"))
    assert data.name == "own" and data.classes == ("own",)
    assert data.train.images.shape == (18, 1, 28, 28) and data.test.images.shape == (2, 1, 28, 28)
    assert data.train.images.dtype == torch.uint8 and data.train.maximum == 255
    levels = torch.cat([data.train.images, data.test.images])[:, 0, 0, 0].tolist()
    assert sorted(levels) == [10 * number for number in range(20)] and levels != sorted(levels)


def test_folder_splits_alike_every_time_and_as_asked(tmp_path):
    grey_levels(tmp_path)
    images = load(tmp_path).train.images
    assert torch.equal(load(tmp_path).train.images, images)
    assert not torch.equal(load(tmp_path, seed=1).train.images, images)
    assert len(load(tmp_path, test_fraction=0.25).test) == 5
    assert len(load(tmp_path, test_fraction=0.999).train) == 1
    assert load(tmp_path, size=8, channels=3).train.shape == (3, 8, 8)


def test_subfolders_are_classes(tmp_path):
    save(tmp_path, "cat/deep/down/a.png", Image.new("L", (9, 9), 1))
    save(tmp_path, "cat/b.PNG", Image.new("L", (9, 9), 1))
    save(tmp_path, "ant/a.jpg", Image.new("L", (9, 9), 200))
    save(tmp_path, ".ipynb_checkpoints/a.png", Image.new("L", (9, 9)))
    save(tmp_path, "cat/._b.png", Image.new("L", (9, 9), 99))
    (tmp_path / "empty").mkdir()
    (tmp_path / "cat" / "notes.txt").write_text("not a picture")
    data = load(tmp_path, test_fraction=0.4)
    assert data.classes == ("ant", "cat")
    by_label = {int(x[0, 0, 0]): int(y) for s in data[:2] for x, y in zip(s.images, s.labels, strict=True)}
    assert by_label == {200: 0, 1: 1} and len(data.train) + len(data.test) == 3
    save(tmp_path, "loose.png", Image.new("L", (9, 9)))
    with pytest.warns(UserWarning, match="loose.png") as warned:
        assert len(load(tmp_path).train) == 2
    assert warned[0].filename == __file__


def in_mode(mode):
    """A picture of grey level 200 (1 bit: white) in some mode."""
    if mode == "1":
        return Image.new("1", (12, 12), 1)
    if mode == "I;16":
        return Image.fromarray(np.full((12, 12), 200 * 257, np.uint16))
    if mode == "F":
        return Image.fromarray(np.full((12, 12), 200 / 255, np.float32))
    return Image.new("L", (12, 12), 200).convert(mode)


@pytest.mark.parametrize(
    "mode, suffix",
    [("1", "png"), ("L", "png"), ("LA", "png"), ("P", "png"), ("P", "gif"), ("RGB", "png"), ("RGB", "webp")]
    + [("RGBA", "png"), ("I;16", "png"), ("I;16", "tif"), ("F", "tif"), ("CMYK", "tif"), ("YCbCr", "jpg")],
)
def test_every_mode_gives_its_grey_level(tmp_path, mode, suffix):
    for number in range(2):
        save(tmp_path, f"{number}.{suffix}", in_mode(mode))
    images = load(tmp_path).train.images
    assert images.shape == (1, 1, 28, 28)
    assert (images.int() - (255 if mode == "1" else 200)).abs().max() <= 1


def test_transparent_is_white(tmp_path):
    save(tmp_path, "rgba.png", Image.new("RGBA", (9, 9), (0, 0, 0, 0)))
    palette = Image.new("P", (9, 9), 1)
    palette.putpalette([10, 20, 30, 40, 50, 60])
    save(tmp_path, "palette.png", palette, transparency=1)
    data = load(tmp_path)
    assert (data.train.images == 255).all() and (data.test.images == 255).all()


def test_one_coloured_picture_makes_all_of_them_colour(tmp_path):
    grey_levels(tmp_path, count=4)
    assert load(tmp_path).train.shape == (1, 28, 28)
    save(tmp_path, "red.png", Image.new("RGB", (9, 9), (250, 10, 20)))
    data = load(tmp_path)
    everything = torch.cat([data.train.images, data.test.images])
    assert sorted(everything[:, :, 0, 0].tolist()) == [[n, n, n] for n in (0, 10, 20, 30)] + [[250, 10, 20]]
    assert load(tmp_path, channels=1).train.shape == (1, 28, 28)


@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_exif_orientation_is_followed(tmp_path, suffix):
    picture = Image.new("L", (640, 400), 0)
    picture.paste(255, (0, 0, 640, 200))  # white above, black below
    upside_down, quarter = Image.Exif(), Image.Exif()
    upside_down[0x0112], quarter[0x0112] = 3, 6
    save(tmp_path / "a_turned", f"1.{suffix}", picture, exif=upside_down)
    save(tmp_path / "b_quarter", f"1.{suffix}", picture, exif=quarter)
    data = load(tmp_path, size=16)
    by_label = {int(s.labels[0]): s.images[0, 0].int() for s in data[:2]}
    assert by_label[0][:7].max() < 5 and by_label[0][9:].min() > 250
    assert by_label[1][:, :7].max() < 5 and by_label[1][:, 9:].min() > 250


def test_crops_the_middle_and_resizes_smoothly(tmp_path):
    wide = Image.new("L", (90, 30), 0)
    wide.paste(255, (30, 0, 60, 30))
    tall_board = Image.fromarray((np.indices((560, 280)).sum(0) % 2 * 255).astype(np.uint8))
    save(tmp_path, "a_wide.png", wide)
    save(tmp_path, "b_board.png", tall_board)
    images = sorted((s.images[0] for s in load(tmp_path)[:2]), key=lambda image: image.float().mean())
    assert (images[0].int() - 127).abs().max() <= 3  # nearest neighbours would give black and white
    assert (images[1][:, 1:-1, 1:-1] == 255).all()


@pytest.fixture
def folder_with_broken(tmp_path):
    grey_levels(tmp_path, count=5)
    (tmp_path / "empty.png").touch()
    (tmp_path / "words.jpg").write_text("not a picture")
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8))
    save(tmp_path, "cut.png", noise)
    (tmp_path / "cut.png").write_bytes((tmp_path / "cut.png").read_bytes()[:1500])
    return tmp_path


def test_broken_pictures_are_all_named(folder_with_broken):
    with pytest.raises(DataDamaged) as raised:
        load(folder_with_broken)
    said = str(raised.value)
    named = ("empty.png: empty file", "words.jpg: not a picture", "cut.png: ")
    for words in ("3 of 8", *named, "skip_broken=True"):
        assert words in said


def test_broken_pictures_are_left_out_if_asked(folder_with_broken):
    with pytest.warns(UserWarning, match="(?s)3 of 8.*left out.*cut.png") as warned:
        data = load(folder_with_broken, skip_broken=True)
    assert len(data.train) + len(data.test) == 5 and warned[0].filename == __file__


def test_folder_without_pictures_says_what_is_there(tmp_path):
    with pytest.raises(ValueError, match="no files at all"):
        load(tmp_path)
    for name in ("a.heic", "b.HEIC", "c.txt"):
        (tmp_path / name).touch()
    with pytest.raises(ValueError, match="(?s)no pictures in .*2 .heic, 1 .txt.*[.]png"):
        load(tmp_path)


def test_too_few_pictures(tmp_path):
    grey_levels(tmp_path, count=1)
    with pytest.raises(ValueError, match="pictures in .*: 1; .*need one each"):
        load(tmp_path)


@pytest.mark.parametrize(
    "option", [{"size": 0}, {"size": 2.5}, {"channels": 2}, {"test_fraction": 0}, {"test_fraction": 1.5}]
)
def test_folder_options_out_of_range(tmp_path, option):
    grey_levels(tmp_path, count=3)
    with pytest.raises(ValueError, match=next(iter(option))):
        load(tmp_path, **option)


def test_unknown_folder_option(tmp_path):
    with pytest.raises(TypeError, match="sise"):
        load(tmp_path, sise=3)
