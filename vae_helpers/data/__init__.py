"""Data sets: ``load(name)`` gives an `ImageSet` of two `Split`, kept in memory.

=========  ==============================  ===============  ======================
name       what                            train + test     from
=========  ==============================  ===============  ======================
pen        digits drawn by us, factors     10,000 + 2,000   ``data/pen.npz``
digits8    scans of real digits, 8×8       1,437 + 360      scikit-learn
faces      cartoon faces, factors, 128×128 2,000 + 400      drawn the first time
mnist      handwritten digits, 28×28       60,000 + 10,000  ``VAE_DATA``, or fetched
mnist32    the same, resized to 32×32      60,000 + 10,000  as mnist
fashion    clothes, 28×28                  60,000 + 10,000  as mnist
*a path*   a folder of your own pictures   what is there    that folder
=========  ==============================  ===============  ======================
"""

from __future__ import annotations

import difflib
import os
from functools import partial
from pathlib import Path

from .check import check_images
from .errors import DataDamaged, DataNotFound
from .folder import load_folder
from .online import load_online
from .sets import Batches, ImageSet, Split
from .shipped import load_digits8, load_faces, load_pen
from .upload import from_upload

__all__ = ["NAMES", "Batches", "DataDamaged", "DataNotFound", "ImageSet", "Split", "check_images", "from_upload",
           "load"]

_SHIPPED = {"pen": load_pen, "digits8": load_digits8, "faces": load_faces}
_ONLINE = {name: partial(load_online, name) for name in ("mnist", "mnist32", "fashion")}

NAMES = (*_SHIPPED, *_ONLINE)


def load(name: str | os.PathLike | None = None, root=None, **folder_options) -> ImageSet:
    """Load a data set by name, or a folder of one's own pictures.

    >>> data = load("pen")  # doctest: +SKIP
    >>> for x in data.train.batches(128, shuffle=True):  # float32 (128, 1, 28, 28) in [0, 1]
    ...     ...

    Args:
        name: one of `NAMES` in upper or lower case, or the path of a folder.
            None takes the environment variable VAE_DATASET, or else ``"pen"``.
            A plain string that is a name always means the data set, even where a
            folder of that name lies about; a ``Path``, or a string with a slash
            such as ``"./pen"``, always means the folder.
        root: where MNIST and Fashion-MNIST are looked for and fetched to; None
            looks in VAE_DATA, which is never written to, then in
            ``data/downloads``, and fetches to there. No other set asks for it.
        folder_options: for a folder only: ``size=28``, ``channels=None``,
            ``test_fraction=0.1``, ``seed=0``, ``skip_broken=False``; see
            `folder.load_folder`.

    Raises:
        ValueError: no such data set, or a folder that cannot be made into one.
        DataNotFound: MNIST is not here and cannot be fetched. An OSError.
        DataDamaged: a file is broken. An OSError too.
    """
    origin = ""
    if name is None:
        chosen = os.environ.get("VAE_DATASET")
        name = chosen or "pen"
        origin = f" (from the environment variable VAE_DATASET={chosen})" if chosen else ""
    try:
        return _load(name, root, folder_options, origin)
    except (OSError, ValueError) as error:
        if origin and origin not in str(error):
            error.add_note(f"The data set was chosen by the environment variable VAE_DATASET={name}.")
        raise


def _load(name, root, folder_options, origin) -> ImageSet:
    known = name.lower() if isinstance(name, str) else None
    if known in NAMES:
        if folder_options:
            raise TypeError(
                f"{', '.join(folder_options)}: options for a folder of pictures, and {name!r} is a data set; "
                f'load("./{name}", …) would read a folder of that name'
            )
        return _SHIPPED[known]() if known in _SHIPPED else _ONLINE[known](root)
    if not isinstance(name, (str, os.PathLike)):
        raise TypeError(f"load takes a name or the path of a folder, not {type(name).__name__}")
    folder = Path(name).expanduser()
    if name and folder.is_dir():  # Path("") would be the current folder
        return load_folder(folder, **folder_options)
    raise ValueError(_unknown(name, folder) + origin)


def _unknown(name, folder: Path) -> str:
    known = ", ".join(NAMES)
    if folder.is_file():
        return f"{folder} is a file; load takes the folder that the pictures lie in, or a name: {known}"
    if isinstance(name, os.PathLike) or folder.name != str(name):
        return f"there is no folder {folder.absolute()}; load takes a folder that exists, or a name: {known}"
    near = difflib.get_close_matches(name.lower(), NAMES, n=1, cutoff=0.5)
    meant = f" Did you mean {near[0]!r}?" if near else ""
    return f"there is no data set {name!r}.{meant} The names are {known}; a folder of pictures is taken too"
