"""The data sets that need no network: ``pen`` and ``faces``, drawn by us, and ``digits8``."""

from __future__ import annotations

import warnings
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch

from ..files import data_folder, downloads_folder, whole_file
from .errors import DataDamaged, DataNotFound
from .sets import ImageSet, Split

DIGITS = tuple("0123456789")

_DRAW_AGAIN = "`git checkout data/pen.npz` brings it back, `python -m vae_helpers.data` draws it again"


def pen_path() -> Path:
    """``data/pen.npz``."""
    return data_folder() / "pen.npz"


def load_pen() -> ImageSet:
    """Handwritten digits that we drew ourselves: 10,000 + 2,000 of 1×28×28, with factors.

    Raises DataNotFound or DataDamaged, with the way to get the file back.
    """
    from .pen import FACTORS

    path = pen_path()
    try:
        with np.load(path, allow_pickle=False) as file:
            train, test = (_pen_split(file, part, tuple(FACTORS)) for part in ("train", "test"))
    except FileNotFoundError as error:
        raise DataNotFound(f"{path} is missing: {_DRAW_AGAIN}") from error
    except Exception as error:  # a truncated zip raises whatever its reader stumbles over
        reason = f"{type(error).__name__}: {error}"
        raise DataDamaged(f"{path} is damaged, or not our file ({reason}): {_DRAW_AGAIN}") from error
    return ImageSet(train, test, DIGITS, "pen")


def _pen_split(file, part: str, names: tuple[str, ...]) -> Split:
    images = torch.from_numpy(file[f"{part}_images"])
    if images.dtype != torch.uint8 or images.shape[1:] != (1, 28, 28):
        raise ValueError(f"{part}_images are {images.dtype} {tuple(images.shape)}, not uint8 (N, 1, 28, 28)")
    labels = torch.from_numpy(file[f"{part}_labels"].astype(np.int64))
    if not 0 <= labels.min() <= labels.max() < len(DIGITS):
        raise ValueError(f"{part}_labels are not 0 to 9")
    factors = torch.from_numpy(file[f"{part}_factors"].astype(np.float32))
    return Split(images, 255, labels, factors, names)


def load_digits8() -> ImageSet:
    """scikit-learn's scans of real handwriting: 1,437 + 360 of 1×8×8, from 0 to 16.

    16 is white. A published lecture divides by 15: then some targets lie above 1,
    where the Bernoulli likelihood is not defined.
    """
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    digits = load_digits()
    images = torch.from_numpy(digits.images.astype(np.uint8)).unsqueeze(1)
    labels = torch.from_numpy(digits.target.astype(np.int64))
    everything = np.arange(len(labels))
    train, test = train_test_split(everything, test_size=360, stratify=digits.target, random_state=0)
    both = Split(images, 16, labels)
    return ImageSet(both.subset(train), both.subset(test), DIGITS, "digits8")


def faces_path() -> Path:
    """``data/downloads/faces.npz``: drawn once on this computer, 118 MB, ignored by git."""
    return downloads_folder() / "faces.npz"


def load_faces() -> ImageSet:
    """Cartoon faces that we draw ourselves, angry and happy: 2,000 + 400 of 3×128×128, with factors.

    The first time they are drawn, in some ten seconds, and kept in ``faces_path()``. A file there that
    is damaged, or from an earlier version of the drawing, is drawn anew. Where nothing can be written, they are drawn
    each time, with a warning.
    """
    from . import faces

    path = faces_path()
    arrays = _faces_kept(path, faces)
    if arrays is None:
        arrays = {"version": np.array(faces.VERSION)}
        for part, n, seed in (("train", faces.TRAIN, faces.TRAIN_SEED), ("test", faces.TEST, faces.TEST_SEED)):
            drawn = faces.draw(n, seed)
            arrays |= {f"{part}_{name}": array for name, array in zip(("images", "labels", "factors"), drawn, strict=True)}
        try:
            # given a path without .npz, savez would append it: hence the open file
            with whole_file(path) as unfinished, open(unfinished, "wb") as file:
                np.savez(file, **arrays)
        except OSError as error:
            warnings.warn(f"the faces are drawn, but could not be kept for the next time: {error}", stacklevel=2)
    return ImageSet(*(_faces_split(arrays, part, faces) for part in ("train", "test")), faces.CLASSES, "faces")


def _faces_split(arrays, part, faces):
    images, labels, factors = (torch.from_numpy(arrays[f"{part}_{name}"]) for name in ("images", "labels", "factors"))
    return Split(images, 255, labels, factors, tuple(faces.FACTORS))


def _faces_kept(path: Path, faces):
    """What an earlier call kept; None where there is nothing, or nothing that is whole and of this version."""
    with suppress(Exception), np.load(path, allow_pickle=False) as file:  # a truncated zip raises whatever it likes
        arrays = {name: file[name] for name in file.files}
        sizes = {"train": faces.TRAIN, "test": faces.TEST}
        wanted = {f"{part}_images": (n, 3, faces.SIDE, faces.SIDE) for part, n in sizes.items()}
        if arrays["version"] == faces.VERSION and all(arrays[name].shape == shape for name, shape in wanted.items()):
            for part in sizes:
                _faces_split(arrays, part, faces)  # it says if types or shapes do not fit
            return arrays
    return None
