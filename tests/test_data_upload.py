"""Pictures from a FileUpload: cut as those of a folder are, and one clear error for what is none."""

from io import BytesIO

import numpy as np
import pytest
import torch
from ipywidgets import FileUpload
from PIL import Image

from vae_helpers.data import DataDamaged, from_upload
from vae_helpers.data.folder import read_picture


def png(pixels):
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def uploaded(**contents):
    """The value of a FileUpload once the files are there: it hands out memoryviews."""
    return tuple({"name": name, "type": "image/png", "content": memoryview(data)} for name, data in contents.items())


def test_pictures_are_cut_and_scaled_as_those_of_a_folder(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (60, 40, 3), dtype=np.uint8)
    images = from_upload(uploaded(a=png(pixels), b=png(pixels[:40])), size=32, channels=3)
    assert images.shape == (2, 3, 32, 32) and images.dtype == torch.float32 and 0 <= images.min() <= images.max() <= 1
    (tmp_path / "a.png").write_bytes(png(pixels))
    assert np.array_equal(images[0].permute(1, 2, 0) * 255, read_picture(tmp_path / "a.png", 32, 3))


def test_grey_stays_grey_unless_colour_is_asked_for():
    grey = uploaded(a=png(np.full((9, 9), 51, np.uint8)))
    assert from_upload(grey).shape == (1, 1, 28, 28) and from_upload(grey, channels=3).shape == (1, 3, 28, 28)
    assert torch.equal(from_upload(grey), torch.full((1, 1, 28, 28), 0.2))


def test_what_is_no_picture_is_told_by_its_name():
    with pytest.raises(DataDamaged, match="letter.txt cannot be read .not a picture"):
        from_upload(uploaded(**{"letter.txt": b"Dear all"}))
    whole = png(np.random.default_rng(0).integers(0, 256, (60, 40, 3), dtype=np.uint8))
    with pytest.raises(DataDamaged, match="half.png cannot be read"):
        from_upload(uploaded(**{"half.png": whole[:3000]}))


def test_an_empty_upload_and_another_value_are_told():
    with pytest.raises(ValueError, match="press Upload"):
        from_upload(FileUpload().value)
    with pytest.raises(ValueError, match="the `value` of a FileUpload"):
        from_upload(["face.png"])
