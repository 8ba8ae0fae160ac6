"""DrawDigit: what MNIST's makers did to a digit, and what the kernel knows. The drawing itself is tested in browser/."""

import re
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
import torch
from torch import nn

from vae_helpers.data import load
from vae_helpers.data.sets import Split
from vae_helpers.models import build, encode
from vae_helpers.plots import alt_of
from vae_helpers.widgets import DrawDigit, draw_digit
from vae_helpers.widgets.core.examples import examples_of
from vae_helpers.widgets.draw_digit import centred_as_mnist


def mass_centre(page):
    at = torch.arange(28.0)
    return [(page.sum(1) * at).sum() / page.sum(), (page.sum(0) * at).sum() / page.sum()]


def box(page):
    """Rows and columns of the ink: first and last."""
    rows, columns = page.any(1).nonzero(), page.any(0).nonzero()
    return rows.min().item(), rows.max().item(), columns.min().item(), columns.max().item()


def bar(height, width, top, left, high, wide):
    ink = torch.zeros(height, width)
    ink[top : top + high, left : left + wide] = 1
    return ink


SEVEN = torch.maximum(bar(280, 280, 40, 30, 30, 120), bar(280, 280, 40, 120, 180, 30))
DRAWINGS = {
    "seven": SEVEN,
    "seven in a corner": SEVEN.roll((60, 130), (0, 1)),
    "one dot": bar(280, 280, 3, 200, 1, 1),
    "a thick dot": bar(280, 280, 100, 9, 24, 24),
    "a line along the border": bar(280, 280, 0, 0, 280, 20),
    "a whole page": torch.ones(280, 280),
    "lower than wide": bar(280, 280, 120, 10, 7, 261),
    "a page that is no square": bar(90, 133, 11, 20, 64, 31),
}


@pytest.mark.parametrize("name", DRAWINGS)
def test_ink_fills_a_box_of_twenty_and_its_mass_is_in_the_middle(name):
    page = centred_as_mnist(DRAWINGS[name])
    top, bottom, left, right = box(page)
    assert page.shape == (28, 28) and page.dtype == torch.float32
    assert 0 <= page.min() and page.max() <= 1 + 1e-6
    assert max(bottom - top, right - left) == 19
    assert all(abs(centre - 14) <= 0.5 + 1e-5 for centre in mass_centre(page))


def test_a_line_keeps_its_aspect_and_its_share_of_ink():
    page = centred_as_mnist(bar(280, 280, 60, 100, 160, 40))
    assert torch.allclose(page.sum(), torch.tensor(20.0 * 5))
    assert page.unique().tolist() == [0, 1]
    # 7 wide where 160 are 20: two pixels across get half of their ink
    thin = centred_as_mnist(bar(280, 280, 60, 100, 160, 7))
    assert thin.max() == pytest.approx(7 / 8)


def test_a_blank_page_stays_blank():
    assert torch.equal(centred_as_mnist(torch.zeros(280, 280)), torch.zeros(28, 28))


def test_neither_place_nor_scale_of_a_drawing_matters():
    page = centred_as_mnist(SEVEN)
    assert torch.equal(page, centred_as_mnist(SEVEN.roll((17, 90), (0, 1))))
    for factor in (2, 3):
        larger = SEVEN.repeat_interleave(factor, 0).repeat_interleave(factor, 1)
        assert torch.allclose(page, centred_as_mnist(larger), atol=1e-6)


def test_ink_far_from_its_box_s_middle_stays_on_the_page():
    ink = torch.maximum(bar(280, 280, 0, 0, 60, 280), bar(280, 280, 0, 0, 280, 3))
    page = centred_as_mnist(ink)
    scale = 20 / 280
    assert torch.allclose(page.sum(), ink.sum() * scale**2)


def test_a_digit_that_fits_already_is_left_as_it_is():
    """Most of ``pen``: drawn to fit MNIST's box, and centred as MNIST was."""
    same = 0
    for image in load("pen").test.as_float(slice(0, 100))[:, 0]:
        top, bottom, left, right = box(image)
        if max(bottom - top, right - left) == 19:
            page = centred_as_mnist(image)
            assert torch.allclose(page, image, atol=1e-6)
            same += 1
    assert same > 20


@pytest.mark.parametrize("ink", [torch.zeros(28), torch.zeros(0, 3), 255 * torch.ones(4, 4), torch.full((3, 3), float("nan"))])
def test_what_is_no_ink_is_refused(ink):
    with pytest.raises(ValueError, match=r"ink \(H, W\)"):
        centred_as_mnist(ink)


def test_the_pen_draws_strokes_as_wide_as_those_of_the_data():
    """Of a drawing between a third and three quarters of the page in height, once it is centred; pixels of 28."""
    script = (Path(draw_digit.__file__).parent / "ink.js").read_text(encoding="utf-8")
    pen = int(re.search(r"const PEN = (\d+);", script)[1])
    test = load("pen").test
    thickness = test.factors[:, test.factor_names.index("thickness")]
    low, high = thickness.quantile(0.05), thickness.quantile(0.95)
    assert low < pen * 20 / 210 and pen * 20 / 93 < high


# --- examples


def test_examples_are_one_of_each_class_then_others():
    labels = torch.tensor([3, 3, 1, 3, 1, 0])
    split = Split(torch.zeros(6, 1, 2, 2), 1, labels)
    assert examples_of(split) == [5, 2, 0, 1, 3, 4]
    assert examples_of(split, 2) == [5, 2]
    assert examples_of(split, 4) == [5, 2, 0, 1]


# --- the widget


@pytest.fixture(scope="module")
def split():
    return load("pen").test.subset(300)


@pytest.fixture(scope="module")
def models():
    torch.manual_seed(0)
    return {name: build(name) for name in ("vae", "vae2", "mlp2")}


def test_it_starts_with_an_example_and_its_code(models, split):
    for model in models.values():
        pad = DrawDigit(model, split)
        assert torch.equal(pad.image, split.as_float([examples_of(split)[0]]))
        assert torch.allclose(torch.tensor([pad.mu]), encode(model, pad.image), atol=6e-5)
        assert len(pad.logvar) == (0 if model is models["mlp2"] else model.latent_dim)


def test_it_says_the_same_in_every_run(models, split):
    assert repr(DrawDigit(models["vae2"], split)) == "DrawDigit: a VAE's Gaussian in latents 0 and 1, 300 codes"
    assert repr(DrawDigit(models["mlp2"], split)) == "DrawDigit: an autoencoder's code in latents 0 and 1, 300 codes"
    assert repr(DrawDigit(models["vae"], split, (4, 2))) == "DrawDigit: a VAE's Gaussian in latents 4 and 2, 300 codes"


def test_a_picture_from_a_cell_brings_its_code(models, split):
    pad = DrawDigit(models["vae2"], split)
    images = split.as_float([7])
    pad.image = images
    mu, logvar = models["vae2"].encoder(images)
    assert torch.equal(pad.image, images)
    assert torch.allclose(torch.tensor([pad.mu, pad.logvar]), torch.cat([mu, logvar]), atol=6e-5)
    pad.image = images[0, 0]
    assert torch.equal(pad.image, images)


def test_what_the_browser_sends_is_taken(models, split):
    """A message holds a memoryview, not bytes."""
    pad = DrawDigit(models["vae2"], split)
    image = torch.rand(1, 1, 28, 28)
    pad.set_state({"drawing": memoryview(image.numpy().tobytes()), "mu": [0.5, -0.25], "logvar": [-1.0, -2.0]})
    assert torch.equal(pad.image, image) and pad.mu == [0.5, -0.25]


@pytest.mark.parametrize(
    "image, phrase",
    [
        (torch.zeros(2, 1, 28, 28), "one picture"),
        (torch.zeros(28, 27), "one picture"),
        (torch.zeros(784), "one picture"),
        (255 * torch.ones(28, 28), "divide by its maximum"),
        (torch.full((28, 28), float("nan")), "values in"),
    ],
)
def test_a_picture_that_is_none_is_refused(models, split, image, phrase):
    pad = DrawDigit(models["vae2"], split)
    before = pad.drawing
    with pytest.raises(ValueError, match=phrase):
        pad.image = image
    assert pad.drawing == before


def test_what_it_cannot_show_is_named(models, split):
    with pytest.raises(ValueError, match="28×28.*3, 32, 32"):
        DrawDigit(build("mlp2", shape=(3, 32, 32)), split)
    with pytest.raises(ValueError, match="needs a split"):
        DrawDigit(models["vae2"], None)
    with pytest.raises(ValueError, match="this model has 1"):
        DrawDigit(build("vae2", latent_dim=1), split)
    with pytest.raises(ValueError, match="two different latents from 0 to 1"):
        DrawDigit(models["vae2"], split, (0, 2))
    with pytest.raises(ValueError, match="split holds images"):
        DrawDigit(models["vae2"], load("digits8").test)
    with pytest.raises(ValueError, match="28×28 float32"):
        DrawDigit(models["vae2"], split).drawing = b"abc"


def test_weights_that_are_no_numbers_are_named(split):
    model = build("vae2")
    nn.init.constant_(model.encoder[-1].mu.bias, float("nan"))
    with pytest.raises(ValueError, match="NaN"):
        DrawDigit(model, split)


def test_making_it_leaves_the_model_as_it_was(models, split):
    model = models["vae2"].train()
    DrawDigit(model, split).picture()
    plt.close("all")
    assert model.training and all(p.grad is None for p in model.parameters())


def test_a_stored_notebook_has_a_picture_with_its_text(models, split):
    for model, words in ((models["vae2"], "ellipses of one and two"), (models["mlp2"], "A point marks")):
        pad = DrawDigit(model, split)
        data, metadata = pad._repr_mimebundle_()
        assert data["image/png"] and words in metadata["image/png"]["alt"]
        assert not plt.get_fignums()


def test_the_picture_names_its_axes(models, split):
    figure = DrawDigit(models["vae"], split, (7, 3)).picture()
    plane = figure.axes[1]
    assert (plane.get_xlabel(), plane.get_ylabel()) == ("$z_{7}$", "$z_{3}$")
    assert "latents 7 and 3" in alt_of(figure)
    plt.close(figure)
