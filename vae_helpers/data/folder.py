"""A folder of one's own pictures, of any size and kind, as a data set."""

from __future__ import annotations

import os
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import torch

from .errors import DataDamaged
from .sets import ImageSet, Split

SUFFIXES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".pgm", ".ppm")


def load_folder(folder, size=28, channels=None, test_fraction=0.1, seed=0, skip_broken=False) -> ImageSet:
    """Read all pictures below a folder; split them into train and test.

    Subfolders that hold pictures are the classes, in alphabetical order, as in
    torchvision's ImageFolder; without such, all pictures are of one class.
    Hidden files and folders are passed over. Each picture is turned as its EXIF
    orientation says, laid on white where it is transparent, cropped to the
    square in its middle, and resized with antialiasing.

    Args:
        folder: the folder.
        size: height and width in pixels that all pictures get.
        channels: 1 (grey) or 3 (colour); None: 1 if every pixel of every picture is
            grey, else 3.
        test_fraction: share of the pictures, over 0 and under 1, that ``test`` gets;
            either half gets one at least.
        seed: of the split and of the order, which are the same every time.
        skip_broken: leave out pictures that cannot be read, with a warning.

    Raises:
        ValueError: no pictures, fewer than two, or an option out of range.
        DataDamaged: pictures that cannot be read, each with its reason.
    """
    if not isinstance(size, int) or size < 1:
        raise ValueError(f"size must be a whole number of pixels, not {size!r}")
    if channels not in (None, 1, 3):
        raise ValueError(f"channels must be 1 (grey), 3 (colour) or None (look and see), not {channels!r}")
    if not 0 < test_fraction < 1:
        raise ValueError(f"test_fraction must lie between 0 and 1, not {test_fraction!r}")
    folder = Path(folder).absolute()
    found, classes = find_pictures(folder)
    pictures, labels, broken = [], [], []
    for path, label in found:
        try:
            pictures.append(read_picture(path, size, channels))
            labels.append(label)
        except Exception as error:  # a damaged file makes Pillow raise nearly anything
            broken.append(f"  {path.relative_to(folder)}: {_reason(error, path)}")
    if broken:
        _report(broken, len(found), folder, skip_broken)
    if len(pictures) < 2:
        raise ValueError(f"readable pictures in {folder}: {len(pictures)}; train and test need one each")
    return _split(stack(pictures, channels), torch.tensor(labels), classes, folder.name, test_fraction, seed)


def find_pictures(folder: Path) -> tuple[list[tuple[Path, int]], tuple[str, ...]]:
    """([(path, label), …], classes), in an order that is the same on every computer."""
    subfolders = [path for path in folder.iterdir() if path.is_dir() and path.name[0] != "."]
    subfolders.sort(key=lambda path: path.name)  # paths themselves sort otherwise on Windows
    loose = [path for path in _files(folder, deep=False) if _is_picture(path)]
    by_class = {sub.name: [path for path in _files(sub) if _is_picture(path)] for sub in subfolders}
    by_class = {name: paths for name, paths in by_class.items() if paths}
    if by_class and loose:
        warnings.warn(
            f"{folder} has a subfolder for each class; left out: {len(loose)} pictures beside these, "
            f"such as {loose[0].name}",
            stacklevel=5,
        )
    by_class = by_class or {folder.name: loose}
    found = [(path, label) for label, paths in enumerate(by_class.values()) for path in paths]
    if not found:
        kinds = Counter(path.suffix.lower() or "no suffix" for path in _files(folder))
        inside = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common(5)) or "no files at all"
        raise ValueError(f"no pictures in {folder}, which has {inside}. Pictures end in {' '.join(SUFFIXES)}")
    return found, tuple(by_class)


def _files(folder: Path, deep=True) -> list[Path]:
    """Files below a folder, sorted, without hidden ones; links to folders are followed."""
    files, seen = [], set()
    for here, subfolders, names in os.walk(folder, followlinks=True):
        if (real := os.path.realpath(here)) in seen:  # a link that leads back
            subfolders.clear()
            continue
        seen.add(real)
        subfolders[:] = [name for name in subfolders if deep and not name.startswith(".")]
        files += [Path(here, name) for name in names if not name.startswith(".")]
    return sorted(files, key=lambda path: path.parts)


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES


def read_picture(path, size: int, channels: int | None = None) -> np.ndarray:
    """One picture, by its path or as an open file, as uint8 (size, size) if it is grey, or (size, size, 3)."""
    from PIL import Image, ImageOps

    with Image.open(path) as picture:
        # a JPEG of 12 megapixels decodes several times as fast at half or a quarter of its size
        picture.draft(None, (2 * size, 2 * size))
        picture = ImageOps.exif_transpose(picture)
        picture = _eight_bits(picture)
        if channels == 1:
            picture = picture.convert("L")
        # crops to the middle square and resizes; Pillow's bilinear filter is antialiased
        picture = ImageOps.fit(picture, (size, size), method=Image.Resampling.BILINEAR)
    pixels = np.asarray(picture)
    grey = pixels.ndim == 3 and (pixels == pixels[..., :1]).all()  # grey, kept as colour
    return pixels[..., 0] if grey else pixels


def _eight_bits(picture):
    """A picture of any mode as one of mode L or RGB; what is transparent becomes white."""
    from PIL import Image

    mode = picture.mode
    if mode.startswith(("I", "F")):  # 16 or 32 bits a pixel: convert("L") would cut off, not scale
        levels = np.asarray(picture, dtype=np.float64)
        low, high = levels.min(), levels.max()
        white = 65535 if mode.startswith("I") else 1 if high <= 1 else 255
        if not 0 <= low <= high <= white:
            raise ValueError(f"grey levels {low:g} to {high:g} in mode {mode}; save it with 8 or 16 bits")
        return Image.fromarray(np.rint(levels * (255 / white)).astype(np.uint8))
    if mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        return Image.alpha_composite(white, picture).convert("RGB")
    return picture.convert("L" if mode in ("1", "L") else "RGB")


def stack(pictures: list[np.ndarray], channels: int | None) -> torch.Tensor:
    """uint8 (N, C, size, size) from pictures of which some may be grey, some not."""
    if channels is None:
        channels = 3 if any(pixels.ndim == 3 for pixels in pictures) else 1
    images = np.empty((len(pictures), channels, *pictures[0].shape[:2]), dtype=np.uint8)
    for image, pixels in zip(images, pictures, strict=True):
        image[:] = pixels if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
    return torch.from_numpy(images)


def _split(images, labels, classes, name, test_fraction, seed) -> ImageSet:
    count = len(images)
    tests = min(max(round(count * test_fraction), 1), count - 1)
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    both = Split(images, 255, labels)
    return ImageSet(both.subset(order[tests:]), both.subset(order[:tests]), classes, name)


def _reason(error: Exception, path: Path) -> str:
    if type(error).__name__ == "UnidentifiedImageError":
        return "empty file" if path.stat().st_size == 0 else "not a picture, or of an unknown kind"
    return str(error) or type(error).__name__


def _report(broken: list[str], count: int, folder: Path, skip: bool) -> None:
    head = f"{len(broken)} of {count} pictures in {folder} cannot be read"
    if skip:
        warnings.warn("\n".join([f"{head} and are left out:", *broken]), stacklevel=5)
        return
    what = "Delete them or save them anew, or leave them out: load(folder, skip_broken=True)"
    raise DataDamaged("\n".join([f"{head}:", *broken, what]))
