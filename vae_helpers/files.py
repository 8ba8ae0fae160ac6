"""Where things lie on disk, and how a file is written whole or not at all."""

from __future__ import annotations

import os
import secrets
from contextlib import contextmanager, suppress
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def root() -> Path:
    """The folder that holds ``data/``: the clone, or else the current folder.

    The package is installed in editable form, so the clone is the folder above
    it; a copy installed from elsewhere works in the folder it was started in.
    """
    clone = _PACKAGE.parent
    return clone if (clone / "pyproject.toml").is_file() else Path.cwd()


def data_folder() -> Path:
    """``data/``: our own data sets, weights and histories."""
    return root() / "data"


def downloads_folder() -> Path:
    """``data/downloads``: what was fetched; git ignores it."""
    return data_folder() / "downloads"


def weights_folder() -> Path:
    """``data/weights/``: the trained networks that the course ships."""
    return data_folder() / "weights"


def histories_folder() -> Path:
    """``data/histories/``: runs too long for a notebook."""
    return data_folder() / "histories"


def answers_folder() -> Path:
    """``answers/``, or ``VAE_ANSWERS``: what the learner wrote; git ignores it."""
    return Path(os.environ.get("VAE_ANSWERS") or root() / "answers").expanduser()


@contextmanager
def whole_file(path):
    """Give a temporary path to write to; move it to ``path`` when all went well.

    The move is atomic, so that a full disk, an error or Stop in the middle
    leaves the old file as it was, and never half a new one.

    >>> with whole_file("weights.safetensors") as part:  # doctest: +SKIP
    ...     save_file(tensors, part)
    """
    path = Path(path).resolve()  # where a link leads, rather than a file in its place
    part = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.touch(exist_ok=False)
        yield part
        os.replace(part, path)
    except OSError as error:
        if type(error).__module__ != "builtins":
            raise  # an error with a name of its own says more than we could
        said = f"{path} was not written ({error.strerror or error}); what was there before is untouched"
        if isinstance(error, PermissionError):
            said += ". Is it open in another program, or in a folder that you may not write to?"
        raise (OSError(error.errno, said) if error.errno else OSError(said)) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
