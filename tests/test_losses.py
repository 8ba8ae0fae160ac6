"""The losses are the formulas: nats per image, against torch.distributions and by hand."""

import math

import pytest
import torch
from torch.distributions import Bernoulli, Normal

from vae_helpers.losses import bernoulli_nll, gaussian_nll, rmse

SHAPES = [(5, 1, 28, 28), (3, 3, 8, 8), (1, 1, 1, 1)]


@pytest.fixture
def draw():
    generator = torch.Generator().manual_seed(0)
    return lambda *shape: torch.randn(*shape, generator=generator)


# --- Bernoulli


@pytest.mark.parametrize("shape", SHAPES)
def test_bernoulli_nll_is_that_of_the_distribution(draw, shape):
    logits, x = 3 * draw(*shape), (draw(*shape) > 0).float()
    expected = -Bernoulli(logits=logits).log_prob(x).flatten(1).sum(1)
    got = bernoulli_nll(logits, x)
    assert got.shape == shape[:1]
    torch.testing.assert_close(got, expected)


def test_bernoulli_nll_of_grey_pixels_is_the_cross_entropy(draw):
    logits, x = draw(4, 1, 6, 6), torch.sigmoid(draw(4, 1, 6, 6))
    p = torch.sigmoid(logits)
    expected = -(x * p.log() + (1 - x) * (1 - p).log()).sum((1, 2, 3))
    torch.testing.assert_close(bernoulli_nll(logits, x), expected)


def test_bernoulli_nll_counts_nats_per_image():
    # a fair coin for each pixel
    for side in (1, 7, 28):
        nll = bernoulli_nll(torch.zeros(2, 1, side, side), torch.ones(2, 1, side, side))
        torch.testing.assert_close(nll, torch.full((2,), side**2 * math.log(2)))


@pytest.mark.parametrize("logit, pixel, nll", [(1e4, 1, 0), (-1e4, 0, 0), (1e4, 0, 1e4), (-1e4, 1, 1e4)])
def test_extreme_logits_overflow_nothing(logit, pixel, nll):
    logits = torch.full((1, 1, 1, 1), logit, requires_grad=True)
    loss = bernoulli_nll(logits, torch.full((1, 1, 1, 1), float(pixel)))
    loss.sum().backward()
    assert loss.item() == nll
    assert logits.grad.item() == (0 if nll == 0 else math.copysign(1, logit))


def test_gradient_of_bernoulli_nll_is_the_difference_of_the_pixels(draw):
    logits, x = draw(4, 1, 6, 6).requires_grad_(), torch.sigmoid(draw(4, 1, 6, 6))
    bernoulli_nll(logits, x).sum().backward()
    torch.testing.assert_close(logits.grad, torch.sigmoid(logits.detach()) - x)


# --- Gaussian


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("sigma", [0.1, 1, 3.5, torch.tensor(0.7)])
def test_gaussian_nll_is_that_of_the_distribution(draw, shape, sigma):
    mean, x = draw(*shape), draw(*shape)
    expected = -Normal(mean, sigma).log_prob(x).flatten(1).sum(1)
    got = gaussian_nll(mean, x, sigma)
    assert got.shape == shape[:1]
    torch.testing.assert_close(got, expected)


@pytest.mark.parametrize("shape", [(1, 1, 6, 6), (4, 1, 1, 1), (4, 1, 6, 6), (6,)])
def test_sigma_may_be_a_tensor_that_broadcasts(draw, shape):
    mean, x, sigma = draw(4, 1, 6, 6), draw(4, 1, 6, 6), draw(*shape).exp()
    expected = -Normal(mean, sigma.expand(4, 1, 6, 6)).log_prob(x).flatten(1).sum(1)
    torch.testing.assert_close(gaussian_nll(mean, x, sigma), expected)


def test_sigma_learns(draw):
    mean, x = draw(4, 1, 6, 6), draw(4, 1, 6, 6)
    best = (x - mean).square().mean().sqrt()  # where the likelihood is greatest
    sigma = best.clone().requires_grad_()
    gaussian_nll(mean, x, sigma).sum().backward()
    assert abs(sigma.grad.item()) < 1e-2
    sigma = (1.1 * best).requires_grad_()
    gaussian_nll(mean, x, sigma).sum().backward()
    assert sigma.grad.item() > 1


@pytest.mark.parametrize("sigma", [0.05, 0.5, 2])
def test_the_density_of_a_pixel_integrates_to_one(sigma):
    x = torch.linspace(0.3 - 12 * sigma, 0.3 + 12 * sigma, 20_001, dtype=torch.float64)
    density = torch.exp(-gaussian_nll(torch.full((20_001, 1, 1, 1), 0.3), x.view(-1, 1, 1, 1), sigma))
    assert torch.trapezoid(density, x).item() == pytest.approx(1, abs=1e-6)


def test_gaussian_nll_may_be_negative():
    assert gaussian_nll(torch.zeros(1, 1, 1, 1), torch.zeros(1, 1, 1, 1), 0.01).item() < -3


@pytest.mark.parametrize("nll", [bernoulli_nll, lambda mean, x: gaussian_nll(mean, x, 0.3)])
def test_nats_are_summed_over_the_pixels(draw, nll):
    y, x = draw(3, 1, 5, 5), torch.sigmoid(draw(3, 1, 5, 5))
    twice = nll(torch.cat([y, y], 3), torch.cat([x, x], 3))
    torch.testing.assert_close(twice, 2 * nll(y, x))


# --- RMSE


def test_rmse_is_one_root_over_everything(draw):
    x_hat, x = draw(5, 1, 4, 4), draw(5, 1, 4, 4)
    squares = [(a - b) ** 2 for a, b in zip(x_hat.flatten().tolist(), x.flatten().tolist())]
    got = rmse(x_hat, x)
    assert got.shape == ()
    assert got.item() == pytest.approx(math.sqrt(sum(squares) / len(squares)), rel=1e-5)


def test_rmse_is_no_mean_of_roots():
    x = torch.zeros(2, 1, 1, 1)
    assert rmse(torch.tensor([0.0, 1.0]).view(2, 1, 1, 1), x).item() == pytest.approx(math.sqrt(0.5))


def test_rmse_is_in_pixel_units():
    x = torch.full((3, 1, 8, 8), 0.4)
    assert rmse(x + 0.1, x).item() == pytest.approx(0.1, rel=1e-5)
    assert rmse(x, x).item() == 0
