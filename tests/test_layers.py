"""The layers that torch lacks."""

import math

import pytest
import torch
from scipy import stats
from torch import nn
from torch.nn import functional as F

from vae_helpers.layers import BAD, Gaussian, Reshape, sample


@pytest.fixture
def images():
    return torch.randn(16, 8, 10, 10, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def seeded():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


@pytest.mark.parametrize("channels, size", [(1, 28), (32, 14), (64, 7)])
def test_bad_keeps_the_shape(channels, size):
    x = torch.randn(4, channels, size, size)
    assert BAD(channels)(x).shape == x.shape


def test_bad_in_train_mode_zeroes_about_half(images, seeded):
    zeros = (BAD(8)(images) == 0).float().mean()
    assert 0.45 < zeros < 0.55  # 12,800 values: a standard deviation of 0.0044


def test_bad_in_train_mode_is_random(images, seeded):
    bad = BAD(8)
    assert not torch.equal(bad(images), bad(images))


def test_bad_zeroes_the_share_that_is_asked_for(images, seeded):
    zeros = (BAD(8, dropout=0.2)(images) == 0).float().mean()
    assert 0.17 < zeros < 0.23


def test_bad_scales_up_what_it_leaves(images, seeded):
    with_dropout, without = BAD(8, dropout=0.5)(images), BAD(8, dropout=0.0)(images)
    left = with_dropout != 0
    torch.testing.assert_close(with_dropout[left], 2 * without[left])


def test_bad_in_eval_mode_zeroes_nothing_and_is_steady(images):
    bad = BAD(8).eval()
    assert (bad(images) != 0).all()
    assert torch.equal(bad(images), bad(images))


def test_bad_in_train_mode_is_batch_norm_then_leaky_relu(images):
    mean = images.mean((0, 2, 3), keepdim=True)
    variance = images.var((0, 2, 3), keepdim=True, unbiased=False)
    expected = F.leaky_relu((images - mean) / (variance + 1e-5).sqrt(), 0.01)
    torch.testing.assert_close(BAD(8, dropout=0.0)(images), expected, rtol=1e-4, atol=1e-5)


def test_bad_in_eval_mode_uses_its_running_averages(images):
    bad = BAD(8)
    bad(3 * images + 1)
    norm = bad.eval().norm
    mean, variance = (average.view(1, 8, 1, 1) for average in (norm.running_mean, norm.running_var))
    expected = F.leaky_relu((images - mean) / (variance + norm.eps).sqrt(), 0.01)
    torch.testing.assert_close(bad(images), expected, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(bad(images), F.leaky_relu(images, 0.01), atol=0.1)


def test_bad_has_a_scale_and_a_shift_for_each_channel():
    assert sum(p.numel() for p in BAD(64).parameters()) == 2 * 64


def test_reshape_undoes_flatten(images):
    assert torch.equal(Reshape((8, 10, 10))(nn.Flatten()(images)), images)


def test_flatten_undoes_reshape():
    z = torch.randn(3, 24)
    assert torch.equal(nn.Flatten()(Reshape((2, 3, 4))(z)), z)


@pytest.mark.parametrize("shape", [(2, 3, 4), [2, 3, 4], torch.Size([2, 3, 4])])
def test_reshape_takes_any_sequence(shape):
    assert Reshape(shape)(torch.zeros(5, 24)).shape == (5, 2, 3, 4)


def test_reshape_refuses_what_does_not_fit():
    with pytest.raises(RuntimeError):
        Reshape((2, 3, 4))(torch.zeros(1, 25))


# --- the Gaussian layer


@pytest.mark.parametrize("in_features, latent_dim", [(1, 1), (400, 20), (3136, 2)])
def test_gaussian_gives_mu_and_logvar(in_features, latent_dim):
    mu, logvar = Gaussian(in_features, latent_dim)(torch.randn(5, in_features))
    assert mu.shape == logvar.shape == (5, latent_dim)


def test_gaussian_is_two_linear_layers_and_nothing_after_them(seeded):
    layer, h = Gaussian(6, 3), 100 * torch.randn(200, 6)
    mu, logvar = layer(h)
    torch.testing.assert_close(mu, h @ layer.mu.weight.T + layer.mu.bias)
    torch.testing.assert_close(logvar, h @ layer.logvar.weight.T + layer.logvar.bias)
    assert mu.min() < -1 and mu.max() > 1 and logvar.min() < -1 and logvar.max() > 1


def test_gaussian_has_a_weight_and_a_bias_for_each_number_that_it_gives():
    layer = Gaussian(128, 2)
    assert sum(p.numel() for p in layer.parameters()) == 2 * (128 + 1) * 2
    assert set(layer.state_dict()) == {"mu.weight", "mu.bias", "logvar.weight", "logvar.bias"}


def test_gaussian_draws_nothing(seeded):
    layer, h = Gaussian(6, 3), torch.randn(4, 6)
    before = torch.get_rng_state()
    first, second = layer(h), layer(h)
    assert all(torch.equal(a, b) for a, b in zip(first, second))
    assert torch.equal(before, torch.get_rng_state())


# --- the sample

DRAWS = 100_000
MU, LOGVAR = torch.tensor([-3.0, 0.0, 5.0]), torch.tensor([2.0, 0.0, -4.0])


@pytest.fixture(scope="module")
def draws():
    """Many draws of three latents, one image each."""
    mu, logvar = MU.double().expand(DRAWS, 3), LOGVAR.double().expand(DRAWS, 3)
    return sample(mu, logvar, torch.Generator().manual_seed(0))


def test_sample_has_the_mean_and_the_spread_of_its_gaussian(draws):
    sigma = torch.tensor([math.exp(lv / 2) for lv in LOGVAR.tolist()], dtype=torch.float64)
    # five standard errors: σ/√n of a mean, σ/√(2n) of a standard deviation
    assert ((draws.mean(0) - MU).abs() < 5 * sigma / math.sqrt(DRAWS)).all()
    assert ((draws.std(0) - sigma).abs() < 5 * sigma / math.sqrt(2 * DRAWS)).all()


@pytest.mark.parametrize("latent", [0, 1, 2])
def test_sample_has_the_shape_of_a_gaussian(draws, latent):
    normal = stats.norm(MU[latent].item(), math.exp(LOGVAR[latent].item() / 2))
    assert stats.kstest(draws[:, latent].numpy(), normal.cdf).pvalue > 1e-5


def test_each_image_and_each_latent_has_an_eps_of_its_own(draws):
    eps = (draws - draws.mean(0)) / draws.std(0)
    assert len(eps.flatten().unique()) > 0.999 * eps.numel()
    latents = eps.T @ eps / DRAWS - torch.eye(3, dtype=torch.float64)
    neighbours = (eps[1:] * eps[:-1]).mean(0)
    # a correlation of independent draws has a standard error of 1/√n
    assert latents.abs().max() < 5 / math.sqrt(DRAWS) and neighbours.abs().max() < 5 / math.sqrt(DRAWS)


def test_a_generator_gives_the_same_sample_again_and_leaves_the_global_one_alone():
    mu, logvar = torch.zeros(4, 3), torch.zeros(4, 3)
    before = torch.get_rng_state()
    generator = torch.Generator().manual_seed(5)
    first, second = sample(mu, logvar, generator), sample(mu, logvar, generator)
    assert not torch.equal(first, second)
    assert torch.equal(first, sample(mu, logvar, torch.Generator().manual_seed(5)))
    assert torch.equal(before, torch.get_rng_state())


def test_without_a_generator_eps_comes_from_the_global_one():
    mu, logvar = torch.zeros(4, 3), torch.zeros(4, 3)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        first = sample(mu, logvar)
        torch.manual_seed(5)
        assert torch.equal(first, sample(mu, logvar)) and not torch.equal(first, sample(mu, logvar))


def test_the_gradient_of_a_sample_passes_to_mu_and_logvar(seeded):
    mu = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    logvar = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    z = sample(mu, logvar)
    to_mu, to_logvar = torch.autograd.grad(z.sum(), [mu, logvar])
    assert torch.equal(to_mu, torch.ones_like(mu))
    torch.testing.assert_close(to_logvar, (z - mu).detach() / 2)  # z moves with σ, half as fast in its logarithm


def test_the_gradients_of_a_sample_are_finite_differences(seeded):
    mu, logvar = (torch.randn(4, 3, dtype=torch.float64, requires_grad=True) for _ in range(2))

    def with_the_same_eps(mu, logvar):
        return sample(mu, logvar, torch.Generator().manual_seed(3))

    assert torch.autograd.gradcheck(with_the_same_eps, [mu, logvar])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(1, 1), (5, 2), (3, 20)])
def test_a_sample_has_the_type_and_the_shape_of_mu(dtype, shape):
    z = sample(torch.zeros(shape, dtype=dtype), torch.zeros(shape, dtype=dtype))
    assert z.dtype == dtype and z.shape == shape


def test_in_float64_eps_has_all_its_digits():
    z = sample(torch.zeros(5, 2).double(), torch.zeros(5, 2).double())
    assert (z != z.float().double()).any()


def test_a_sample_of_an_extreme_spread_is_finite():
    mu, logvar = torch.ones(2, 1000), torch.tensor([[-80.0], [80.0]]).expand(2, 1000)
    narrow, wide = sample(mu, logvar, torch.Generator().manual_seed(0))
    assert torch.equal(narrow, mu[0])  # e⁻⁴⁰ is lost beside 1
    assert wide.isfinite().all() and wide.abs().max() > math.exp(40)
