"""Do the measures of strokes measure what they say, in pictures whose factors are known?"""

import math

import numpy as np
import pytest
import torch
from test_pen import lean

from vae_helpers.data import pen
from vae_helpers.strokes import slant, thickness


def bar(degrees=0.0, wide=4.0, size=64, scale=8):
    """One straight bar that leans so far, anti-aliased, (1, 1, size, size), as high as half the page."""
    fine = (torch.arange(size * scale) + 0.5) / scale - size / 2
    y, x = fine[:, None], fine[None]
    ink = ((x + math.tan(math.radians(degrees)) * y).abs() < wide / 2) & (y.abs() < size / 4)
    return torch.nn.functional.avg_pool2d(ink.float()[None, None], scale)


def drawn(n=200, seed=3, **held):
    return torch.as_tensor(pen.draw(n, seed, **held)[0]).float() / 255


@pytest.mark.parametrize("degrees", [-40, -10, 0, 25])
def test_a_bar_leans_as_it_was_drawn(degrees):
    assert slant(bar(degrees)).item() == pytest.approx(degrees, abs=0.1)


def test_slant_is_that_of_moments_in_numpy_and_where_the_ink_lies_is_nothing_to_it():
    x = drawn()
    np.testing.assert_allclose(slant(x.double()), lean(x[:, 0].double().numpy()), atol=1e-9)
    moved = torch.nn.functional.pad(x, (3, 9, 7, 1))
    torch.testing.assert_close(slant(moved), slant(x), atol=1e-3, rtol=0)
    torch.testing.assert_close(slant(x.flip(3)), -slant(x), atol=1e-3, rtol=0)


@pytest.mark.parametrize("wide", [2, 4, 7])
def test_a_long_bar_is_as_thick_as_it_was_drawn(wide):
    # 2 · 32w / (2 · 32 + 2w), the ends counted; the two corners of a pixel's diagonal cost a little
    assert thickness(bar(wide=wide)).item() == pytest.approx(64 * wide / (64 + 2 * wide), rel=0.03)


def test_both_see_what_was_drawn():
    for measure, name, low, high in ((slant, "slant", 0.0, 20.0), (thickness, "thickness", 2.0, 4.0)):
        less, more = (measure(drawn(**{name: value})) for value in (low, high))
        assert (more > less).float().mean() > 0.98, name
        assert (more - less).mean() > 0.6 * (high - low), name


@pytest.mark.parametrize("measure", [slant, thickness])
def test_the_gradient_is_a_number_on_a_page_that_is_mostly_paper(measure):
    x = (drawn(20) > 0.5).float().requires_grad_()
    (gradient,) = torch.autograd.grad(measure(x).sum(), x)
    assert gradient.isfinite().all() and (gradient.flatten(1).norm(dim=1) > 0).all()


def test_contrast_is_nothing_to_thickness_and_blur_is():
    x = drawn(20)
    torch.testing.assert_close(thickness(x / 2), thickness(x))
    assert (thickness(torch.nn.functional.avg_pool2d(x, 3, 1, 1)) > thickness(x)).all()


def test_an_empty_page_has_neither():
    blank = torch.zeros(1, 1, 8, 8)
    assert slant(blank).isnan() and thickness(blank).isnan()


@pytest.mark.parametrize("measure", [slant, thickness])
@pytest.mark.parametrize("x", [torch.rand(28, 28), torch.rand(2, 3, 28, 28), torch.ones(1, 1, 8, 8, dtype=torch.uint8),
                               np.zeros((1, 1, 8, 8))])
def test_other_things_are_refused(measure, x):
    with pytest.raises(ValueError, match="wanted are grey pictures"):
        measure(x)
