"""Pictures that were uploaded with ``ipywidgets.FileUpload``, cut to the size that a network takes."""

from __future__ import annotations

from io import BytesIO

from .errors import DataDamaged
from .folder import read_picture, stack


def from_upload(files, size=28, channels=None):
    """Images float32 (N, C, size, size) in [0, 1] from the ``value`` of a ``FileUpload``.

    Each picture is turned, laid on white, cropped to the square in its middle and resized as ``load`` does with a folder.

    Args:
        files: the widget's ``value``: of each file its ``name`` and ``content``.
        size: height and width in pixels that all pictures get.
        channels: 1 (grey) or 3 (colour); None: 1 if every pixel of every picture is grey, else 3.

    Raises:
        ValueError: there is no file, or this is not the value of a FileUpload.
        DataDamaged: a file that cannot be read as a picture, by its name.
    """
    if not isinstance(files, (tuple, list)) or not all(isinstance(file, dict) and "content" in file for file in files):
        raise ValueError("give the `value` of a FileUpload, a tuple of files, each with its name and content")
    if not files:
        raise ValueError("no pictures uploaded yet: press Upload, choose some, and run this again")
    pictures = []
    for file in files:
        try:
            pictures.append(read_picture(BytesIO(file["content"]), size, channels))
        except Exception as error:  # a damaged file makes Pillow raise nearly anything
            name = file.get("name", "a file")
            reason = "not a picture, or of an unknown kind" if "identify" in str(error) else error
            raise DataDamaged(f"{name} cannot be read ({reason}). Upload pictures such as .png or .jpg") from error
    return stack(pictures, channels).float() / 255
