"""MNIST and Fashion-MNIST: found on this computer, or fetched through torchvision.

torchvision knows checksums of the .gz files that it downloads, and none of the
raw files that it reads: a raw file cut short by a full disk raises an assertion
there, and a changed one is taken as it is. So we keep sums of the raw files.
"""

from __future__ import annotations

import errno
import hashlib
import os
import socket
import sys
import tempfile
import warnings
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from ..files import downloads_folder
from .errors import DataNotFound
from .sets import ImageSet, Split
from .shipped import DIGITS


class Source(NamedTuple):
    """One data set of torchvision."""

    title: str
    kind: str  # the class in torchvision.datasets, which is the name of its folder too
    sums: dict[str, str]  # SHA-256 of each raw file


SIZES = {  # in bytes, alike for both
    "train-images-idx3-ubyte": 47_040_016,
    "train-labels-idx1-ubyte": 60_008,
    "t10k-images-idx3-ubyte": 7_840_016,
    "t10k-labels-idx1-ubyte": 10_008,
}

_MNIST = Source(
    "MNIST",
    "MNIST",
    {
        "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    },
)
_FASHION = Source(
    "Fashion-MNIST",
    "FashionMNIST",
    {
        "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    },
)
SOURCES = {"mnist": _MNIST, "mnist32": _MNIST, "fashion": _FASHION}


def load_online(name: str, root=None) -> ImageSet:
    """``mnist``, ``mnist32`` or ``fashion``: 60,000 + 10,000 images, checked against our sums.

    Looks in ``root`` if given, else in VAE_DATA and ``data/downloads``; fetches
    what is not there. Raises DataNotFound, with all that was tried, if it cannot.
    """
    from torchvision import datasets
    from torchvision.datasets.mnist import read_image_file, read_label_file

    source = SOURCES[name]
    raw = find(name, root) or _fetch(name, root)

    # The class datasets.MNIST would do as well, but where an old version left
    # processed/training.pt it reads that in place of the files that we checked.
    def read(part: str) -> Split:
        images = read_image_file(raw / f"{part}-images-idx3-ubyte").unsqueeze(1)
        if name == "mnist32":
            images = _resize(images, 32)
        return Split(images, 255, read_label_file(raw / f"{part}-labels-idx1-ubyte"))

    classes = tuple(datasets.FashionMNIST.classes) if name == "fashion" else DIGITS
    return ImageSet(read("train"), read("t10k"), classes, name)


def _resize(images, size: int):
    """As torchvision's Resize makes them of PIL images, to the grey level; all at once."""
    from torchvision.transforms.v2.functional import resize

    return resize(images, [size, size], antialias=True)


def find(name: str, root=None) -> Path | None:
    """The first folder with all four raw files as they should be; damaged ones are warned of."""
    for folder in _folders(root):
        raw = folder / SOURCES[name].kind / "raw"
        faults = _faults(raw, SOURCES[name])
        if not faults:
            return raw
        damaged = [f"{file} is {fault}" for file, fault in faults.items() if fault != "missing"]
        if damaged:
            warnings.warn(f"not loaded from {raw}: {'; '.join(damaged)}", stacklevel=5)
    return None


def _folders(root) -> list[Path]:
    if root is not None:
        return [Path(root).expanduser().absolute()]
    theirs = os.environ.get("VAE_DATA")
    return [*([Path(theirs).expanduser().absolute()] if theirs else []), downloads_folder()]


def _faults(raw: Path, source: Source) -> dict[str, str]:
    """What is wrong with each raw file; empty if nothing is."""
    faults = {}
    for file, size in SIZES.items():
        path = raw / file
        try:
            found = path.stat().st_size
            if found != size:
                faults[file] = f"damaged ({found:,} bytes, expected {size:,})"
                continue
            with path.open("rb") as stream:
                if hashlib.file_digest(stream, "sha256").hexdigest() != source.sums[file]:
                    faults[file] = f"damaged ({found:,} bytes as expected, but its SHA-256 sum is another)"
        except (FileNotFoundError, NotADirectoryError):
            faults[file] = "missing"
        except OSError as error:
            faults[file] = f"unreadable ({error.strerror})"
    return faults


def _fetch(name: str, root) -> Path:
    """Download into ``root`` or ``data/downloads``; give the folder of the raw files.

    All happens in a temporary folder inside; only whole, checked files move into
    place. An error or Stop on the way leaves things as they were.
    """
    from torchvision import datasets

    source, folder = SOURCES[name], _folders(root)[-1]
    raw = folder / source.kind / "raw"
    looked = [f"  {each / source.kind / 'raw'}: {_state(each, source)}" for each in _folders(root)]
    print(f"Fetching {source.title} into {raw} …", file=sys.stderr)
    new_folders = [path for path in (raw, *raw.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".fetching-") as part, _patience(seconds=30):
            getattr(datasets, source.kind)(part, download=True)
            fetched = Path(part, source.kind, "raw")
            faults = _faults(fetched, source)
            if faults:
                raise OSError("; ".join(f"{file} came {fault}" for file, fault in faults.items()))
            raw.mkdir(parents=True, exist_ok=True)
            for file in SIZES:
                os.replace(fetched / file, raw / file)
    except Exception as error:  # torchvision, urllib, gzip and the disk raise a dozen kinds
        raise DataNotFound(_what_happened(name, looked, folder, error)) from error
    finally:
        for path in new_folders:
            with suppress(OSError):  # not empty, and so not to be taken away again
                path.rmdir()
    return raw


@contextmanager
def _patience(seconds: float):
    """Give up on a silent network: urllib waits for ever unless told otherwise."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _what_happened(name: str, looked: list[str], folder: Path, error: Exception) -> str:
    source = SOURCES[name]
    reason = " ".join(str(error).split()) or type(error).__name__
    number = getattr(error, "errno", None)
    if number in (errno.ENOSPC, errno.EDQUOT):
        first = f"make room for 100 MB in {folder} and call load({name!r}) again"
    elif number in (errno.EACCES, errno.EPERM, errno.EROFS):
        first = f"make {folder} a folder that you may write to, or name another: load({name!r}, root=…)"
    else:
        first = f"connect to the internet and call load({name!r}) again"
    return "\n".join(
        [
            f"{source.title} is not on this computer, and fetching it failed: {reason}",
            "Looked in",
            *looked,
            "What to do, one of:",
            f"  - {first}",
            f"  - set VAE_DATA to a folder that has {source.kind}/raw with the four files in it",
            '  - use load("pen"), which needs nothing',
        ]
    )


def _state(folder: Path, source: Source) -> str:
    if not folder.is_dir():
        return f"there is no folder {folder}"
    faults = _faults(folder / source.kind / "raw", source)
    if list(faults.values()) == ["missing"] * len(SIZES):
        inside = folder.name in (source.kind, "raw")
        hint = f"; name the folder around {source.kind}/raw, not one inside"
        return "none of the four files" + hint * inside
    return "; ".join(f"{file} is {fault}" for file, fault in faults.items())
