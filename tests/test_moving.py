"""Moving pictures: each frame is the image it was made of, all take the time that was said; in a kernel too."""

import base64
import html
import io
import re

import nbformat
import numpy as np
import pytest
import torch
from PIL import Image

from vae_helpers.moving import moving_gif, play

DRAW = torch.Generator().manual_seed(0)
DIGITS = torch.rand(7, 1, 28, 28, generator=DRAW)
ALL_GREYS = torch.stack([torch.arange(784).remainder(256).roll(k).view(1, 28, 28) / 255 for k in range(3)])
WIDE = torch.rand(4, 1, 14, 20, generator=DRAW)
LARGE = torch.rand(3, 1, 200, 160, generator=DRAW)
PHOTOS = torch.rand(5, 3, 8, 8, generator=DRAW)  # at most 64 colours each
BIG_PHOTOS = torch.nn.functional.interpolate(torch.rand(3, 3, 4, 4, generator=DRAW), 32, mode="bilinear")


def opened(gif):
    """The frames of a GIF as arrays (H, W, 3) of 0 to 255, how long each is shown in seconds, and how often all are."""
    image, frames, seconds = Image.open(io.BytesIO(gif)), [], []
    assert image.format == "GIF"
    for i in range(image.n_frames):
        image.seek(i)
        frames.append(np.asarray(image.convert("RGB")).astype(int))
        seconds.append(image.info["duration"] / 1000)
    return frames, seconds, image.info.get("loop", "once")


def as_shown(image, scale):
    """What a frame of one image should be, by torch: enlarged by ``scale``, (H, W, 3), 0 to 255, unrounded."""
    levels = 255 * (1 - image).expand(3, -1, -1) if len(image) == 1 else 255 * image
    return levels.permute(1, 2, 0).repeat_interleave(scale, 0).repeat_interleave(scale, 1).numpy()


# --- the file


@pytest.mark.parametrize("images, scale", [(DIGITS, 5), (ALL_GREYS, 5), (WIDE, 7), (LARGE, 1)],
                         ids=["digits", "all greys", "wide", "large"])
@pytest.mark.parametrize("again", [True, False])
def test_grey_levels_are_kept_in_every_frame(images, scale, again):
    n = len(images)
    frames, *_ = opened(moving_gif(images, again=again))
    order = [*range(n), *range(n - 2, 0, -1)] if again else range(n)
    assert len(frames) == len(order)
    for i, frame in zip(order, frames, strict=True):
        wanted = as_shown(images[i], scale)
        assert frame.shape == wanted.shape and np.abs(frame - wanted).max() <= 0.5 + 1e-4


@pytest.mark.parametrize("images, scale, mean, most", [(PHOTOS, 18, 0.3, 0.51), (BIG_PHOTOS, 4, 5, 40)],
                         ids=["64 colours", "1,024 colours"])
def test_colours_are_kept_as_far_as_256_of_them_go(images, scale, mean, most):
    """Errors in 255ths: rounding alone where there are no more than 256, else small in the mean."""
    frames, *_ = opened(moving_gif(images, again=False))
    assert len(frames) == len(images)
    for image, frame in zip(images, frames, strict=True):
        wanted = as_shown(image, scale)
        assert frame.shape == wanted.shape
        assert np.abs(frame - wanted).mean() <= mean and np.abs(frame - wanted).max() <= most


@pytest.mark.parametrize("n", [2, 3, 31])
@pytest.mark.parametrize("seconds", [4, 4.0, 1.27, np.float64(7.0)])
@pytest.mark.parametrize("again", [True, False])
def test_the_frames_take_the_seconds_together_and_equal_shares_of_them(n, seconds, again):
    images = torch.rand(n, 1, 4, 4, generator=DRAW)
    _, each, loop = opened(moving_gif(images, seconds, again))
    assert len(each) == (2 * n - 2 if again else n)
    assert sum(each) == pytest.approx(seconds, abs=1e-9)
    assert max(each) - min(each) < 0.0101  # a step of a GIF
    assert loop == (0 if again else "once")  # 0: without end


def test_images_that_do_not_change_stay_as_long_as_they_should():
    images = torch.zeros(6, 1, 4, 4)
    images[4:] = 1
    frames, each, _ = opened(moving_gif(images, seconds=3.0, again=False))
    assert each == pytest.approx([2.0, 1.0]) and frames[0].min() == 255 and frames[1].max() == 0


@pytest.mark.parametrize(
    "images",
    [DIGITS.numpy(), DIGITS[:, 0], (255 * DIGITS).round().byte(), DIGITS.double(), DIGITS.clone().requires_grad_()],
    ids=["numpy", "without channel", "uint8", "float64", "with gradient"],
)
def test_images_are_taken_as_they_come(images):
    assert moving_gif(images) == moving_gif(DIGITS)


def test_values_outside_the_unit_interval_are_clamped():
    assert moving_gif(4 * DIGITS - 2) == moving_gif((4 * DIGITS - 2).clamp(0, 1))


# --- what is refused


@pytest.mark.parametrize("make", [moving_gif, play])
@pytest.mark.parametrize("images, said", [
    (torch.zeros(4, 2, 8, 8), r"\(N, 1, H, W\).*\(4, 2, 8, 8\)"),
    (torch.zeros(4, 64), r"\(N, 1, H, W\).*\(4, 64\)"),
    (DIGITS[:0], "no images"),
    (DIGITS[:1], "two or more"),
])
def test_what_cannot_move(make, images, said):
    with pytest.raises(ValueError, match=said):
        make(images)


@pytest.mark.parametrize("seconds", [0, -1, 0.23, 601, float("nan"), float("inf"), "4", None])
def test_seconds_that_a_browser_does_not_keep(seconds):
    with pytest.raises(ValueError, match=r"12 frames take from 0.24 seconds, 50 frames a second, up to 600"):
        moving_gif(DIGITS, seconds)


@pytest.mark.parametrize("seconds", [0.24, 600])
def test_the_least_and_the_most_seconds_are_taken(seconds):
    _, each, _ = opened(moving_gif(DIGITS, seconds))
    assert sum(each) == pytest.approx(seconds) and min(each) >= 0.02 - 1e-9


# --- in a kernel and outside


def test_outside_a_kernel_nothing_is_shown(capsys):
    assert play(DIGITS) is None and capsys.readouterr().out == ""


SETUP = """
import torch
from vae_helpers.moving import play
images = torch.rand(7, 1, 28, 28, generator=torch.Generator().manual_seed(1))
"""
CELLS = [SETUP, "play(images, 3.0, what='a <3> & an 8')", "play(images, seconds=2.5, again=False)"]


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    """The outputs of each cell above, run in one notebook."""
    from nbclient import NotebookClient

    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in CELLS])
    where = {"metadata": {"path": str(tmp_path_factory.mktemp("notebook"))}}
    NotebookClient(nb, timeout=120, kernel_name="python3", resources=where).execute()
    return [[o for o in cell.outputs if o.output_type != "stream"] for cell in nb.cells]


PICTURE = re.compile(
    r'<details open><summary>(.*)</summary><img alt="([^"]*)" src="data:image/gif;base64,([A-Za-z0-9+/=]+)"></details>'
)


def test_it_is_the_gif_with_its_alt_text_and_can_be_folded_away(outputs):
    assert outputs[0] == []
    for cell, how in zip(outputs[1:], ({"seconds": 3.0}, {"seconds": 2.5, "again": False}), strict=True):
        (picture,) = cell
        images = torch.rand(7, 1, 28, 28, generator=torch.Generator().manual_seed(1))
        _, alt, gif = PICTURE.fullmatch(picture.data["text/html"]).groups()
        assert base64.b64decode(gif) == moving_gif(images, **how)
        assert len(alt) >= 30


def test_the_texts_say_what_is_seen_how_many_and_how_long(outputs):
    (title, there, _), (_, once, _) = (
        map(html.unescape, PICTURE.fullmatch(cell[0].data["text/html"]).groups()) for cell in outputs[1:]
    )
    assert title == "Moving picture: a <3> & an 8 (fold away to stop it)"
    assert there == "Moving picture: a <3> & an 8, 7 images, 3 seconds forth and back, over and over."
    assert once == "Moving picture: one image turns into another, 7 images, 2.5 seconds once."
