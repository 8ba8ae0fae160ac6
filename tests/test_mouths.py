"""The measure of the mouth: against the factor it does not know, and on pictures that have none."""

import numpy as np
import pytest
import torch
from torchvision.transforms.functional import gaussian_blur

from vae_helpers.data.faces import FACTORS, draw
from vae_helpers.mouths import mouth_curve

COLUMN = list(FACTORS)


def as_float(images):
    return torch.from_numpy(images).float() / 255


@pytest.fixture(scope="module")
def drawn():
    images, labels, factors = draw(300, seed=6)
    return as_float(images), labels, factors


def test_it_agrees_with_the_factor_that_it_does_not_know(drawn):
    x, labels, factors = drawn
    curve = mouth_curve(x).numpy()
    assert curve.shape == (300,) and np.corrcoef(curve, factors[:, COLUMN.index("mouth")])[0, 1] > 0.95
    assert ((curve > 0) == (labels == 1)).mean() > 0.95


def test_it_reads_blurred_faces_too(drawn):
    """A VAE's pictures are soft: the measure must not take a smile for a frown because of that."""
    x, labels, factors = drawn
    curve = mouth_curve(gaussian_blur(x, [13, 13], [2.0, 2.0])).numpy()
    assert np.corrcoef(curve, factors[:, COLUMN.index("mouth")])[0, 1] > 0.9
    assert (curve[labels == 1] > 0).mean() > 0.93 and (curve[labels == 0] < 0).mean() > 0.93


@pytest.mark.parametrize("name", [name for name in FACTORS if name not in ("mouth", "brows", "eyes")])
def test_no_other_factor_passes_for_a_smile(drawn, name):
    """What is left of the measure once the mouth has explained its part."""
    x, _, factors = drawn
    curve = mouth_curve(x).numpy().astype(float)
    mouth = factors[:, COLUMN.index("mouth")]
    left = curve - np.polyval(np.polyfit(mouth, curve, 3), mouth)
    assert abs(np.corrcoef(left, factors[:, COLUMN.index(name)])[0, 1]) < 0.35


def test_one_face_smiles_more_and_more():
    """The same four faces with every mouth: the curve rises with each step."""
    curves = torch.stack([mouth_curve(as_float(draw(4, 3, mouth=value)[0])) for value in np.linspace(-1, 1, 9)])
    assert (curves.diff(dim=0) > 0).all() and (curves[0] < -2).all() and (curves[-1] > 5).all()


def test_it_counts_pixels():
    """A drawn parabola of red on grey, 5 pixels higher at 16 pixels from the middle, but for its rounding to whole rows."""
    x = torch.full((2, 3, 128, 128), 0.5)
    for column in range(48, 80):
        row = 95 - round(5 * ((column - 63.5) / 16) ** 2)
        x[0, 1, row, column] = x[1, 1, 180 - row, column] = 0.1
    up, down = mouth_curve(x)
    assert up == pytest.approx(5, abs=0.5) and down == pytest.approx(-5, abs=0.5)


def test_a_picture_without_a_mouth_is_no_number():
    assert mouth_curve(torch.full((2, 3, 128, 128), 0.5)).isnan().all()
    assert mouth_curve(torch.zeros(1, 3, 128, 128)).isnan().all()


def test_one_bad_picture_spoils_no_other(drawn):
    x = drawn[0][:3].clone()
    whole = mouth_curve(x)
    x[1, 0, 90, 64] = torch.nan
    spoilt = mouth_curve(x)
    assert spoilt[1].isnan() and torch.equal(spoilt[[0, 2]], whole[[0, 2]])
    torch.testing.assert_close(mouth_curve(x.double())[0], whole[0].double(), rtol=1e-3, atol=1e-3)


def test_another_shape_is_told():
    with pytest.raises(ValueError, match=r"\(N, 3, 128, 128\), not \(2, 1, 28, 28\)"):
        mouth_curve(torch.rand(2, 1, 28, 28))
    with pytest.raises(ValueError, match=r"not \(0, 3, 128, 128\)"):
        mouth_curve(torch.rand(0, 3, 128, 128))
