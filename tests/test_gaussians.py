"""The log-densities of Gaussians, against torch.distributions, scipy and mpmath, and as what integrates to one."""

import math

import mpmath
import pytest
import torch
from scipy import integrate, stats
from torch.distributions import Categorical, Independent, MixtureSameFamily, MultivariateNormal, Normal

from vae_helpers.gaussians import covariance, log_mixture, log_normal, log_normal_full


@pytest.fixture
def draw():
    generator = torch.Generator().manual_seed(0)
    return lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)


def positive_definite(draw, k):
    root = draw(k, k)
    return root @ root.T + 0.3 * torch.eye(k, dtype=torch.float64)


def number(value):
    return torch.tensor(value, dtype=torch.float64)


# --- independent directions


@pytest.mark.parametrize("shape", [(1,), (3,), (5, 3), (4, 5, 3)])
def test_log_normal_is_that_of_the_distribution(draw, shape):
    x, mu, logvar = draw(*shape), draw(*shape), 2 * draw(*shape)
    expected = Independent(Normal(mu, (logvar / 2).exp()), 1).log_prob(x)
    got = log_normal(x, mu, logvar)
    assert got.shape == shape[:-1]
    torch.testing.assert_close(got, expected)


def test_log_normal_broadcasts(draw):
    x, mu, logvar = draw(7, 1, 3), draw(4, 3), draw(1)
    expected = Normal(mu, (logvar / 2).exp()).log_prob(x).sum(-1)
    got = log_normal(x, mu, logvar)
    assert got.shape == (7, 4)
    torch.testing.assert_close(got, expected)


@pytest.mark.parametrize("mu, logvar", [(0.0, 0.0), (-1.5, 2.0), (3.0, -4.0)])
def test_the_density_of_a_gaussian_integrates_to_one(mu, logvar):
    def density(x):
        return log_normal(number([x]), number([mu]), number([logvar])).exp().item()

    reach = 12 * math.exp(logvar / 2)
    total, _ = integrate.quad(density, mu - reach, mu + reach, points=[mu], epsabs=1e-10)
    assert total == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("logvar", [-80.0, 80.0])
def test_log_normal_of_an_extreme_variance_is_a_number_in_float32(logvar):
    variance = mpmath.exp(logvar)
    expected = -(mpmath.log(2 * mpmath.pi * variance) + mpmath.mpf(1.5) ** 2 / variance) / 2
    got = log_normal(torch.tensor([1.5]), torch.tensor([0.0]), torch.tensor([logvar]))
    assert got.dtype == torch.float32
    assert got.item() == pytest.approx(float(expected), rel=1e-5)


def test_gradients_of_log_normal_are_finite_differences(draw):
    where = [tensor.requires_grad_() for tensor in (draw(4, 3), draw(4, 3), draw(4, 3))]
    assert torch.autograd.gradcheck(log_normal, where)


# --- full covariance


def test_covariance_of_draws_that_are_correlated_by_hand():
    sigma_1, sigma_2, rho, n = 0.7, 2.5, -0.6, 400_000
    one, other = torch.randn(2, n, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    pair = torch.stack([sigma_1 * one, sigma_2 * (rho * one + math.sqrt(1 - rho**2) * other)])
    got = covariance(sigma_1, sigma_2, rho).double()
    variances = got.diagonal()
    # the variance of the product of two Gaussians of mean 0, so that five standard errors are known
    errors = ((variances[:, None] * variances + got**2) / n).sqrt()
    assert got.shape == (2, 2) and torch.equal(got, got.T)
    assert ((pair @ pair.T / n - got).abs() < 5 * errors).all()
    assert (got[0, 1] / variances.prod().sqrt()).item() == pytest.approx(rho)


@pytest.mark.parametrize("rho", [-0.999, 0.0, 0.5, 0.999])
def test_a_covariance_matrix_is_positive_definite(rho):
    assert torch.linalg.eigvalsh(covariance(0.3, 2.0, rho)).min() > 0


@pytest.mark.parametrize("k", [1, 2, 5])
@pytest.mark.parametrize("batch", [(), (6,), (2, 6)])
def test_log_normal_full_is_that_of_the_distribution(draw, k, batch):
    x, mu, cov = draw(*batch, k), draw(k), positive_definite(draw, k)
    got = log_normal_full(x, mu, cov)
    assert got.shape == batch
    torch.testing.assert_close(got, MultivariateNormal(mu, cov).log_prob(x))
    scipys = torch.as_tensor(stats.multivariate_normal(mu.numpy(), cov.numpy()).logpdf(x.numpy())).reshape(batch)
    torch.testing.assert_close(got, scipys)


def test_the_density_of_a_correlated_pair_integrates_to_one():
    mu, cov = torch.tensor([0.5, -1.0], dtype=torch.float64), covariance(0.4, 1.5, 0.9).double()

    def density(y, x):
        return log_normal_full(number([x, y]), mu, cov).exp().item()

    # along Σ's own slant: beyond six standard deviations lies less than 1e-8 of the whole
    total, _ = integrate.dblquad(
        density, 0.5 - 6 * 0.4, 0.5 + 6 * 0.4,
        lambda x: -1 + 0.9 * 1.5 * (x - 0.5) / 0.4 - 6 * 1.5 * math.sqrt(1 - 0.81),
        lambda x: -1 + 0.9 * 1.5 * (x - 0.5) / 0.4 + 6 * 1.5 * math.sqrt(1 - 0.81),
        epsabs=1e-6,
    )
    assert total == pytest.approx(1, abs=1e-6)


def test_a_diagonal_covariance_is_that_of_independent_directions(draw):
    x, mu, logvar = draw(6, 4), draw(4), draw(4)
    torch.testing.assert_close(log_normal_full(x, mu, logvar.exp().diag()), log_normal(x, mu, logvar))


def test_what_is_no_covariance_is_refused(draw):
    with pytest.raises(RuntimeError):
        log_normal_full(draw(3, 2), draw(2), covariance(1.0, 1.0, 1.5).double())


# --- mixtures


def test_log_mixture_is_that_of_the_distribution(draw):
    x, mu, logvar = 3 * draw(9, 2), draw(4, 2), draw(4, 2)
    log_weights = draw(4).log_softmax(0)
    components = Independent(Normal(mu, (logvar / 2).exp()), 1)
    expected = MixtureSameFamily(Categorical(logits=log_weights), components).log_prob(x)
    got = log_mixture(x, log_weights, mu, logvar)
    assert got.shape == (9,)
    torch.testing.assert_close(got, expected)


def test_a_mixture_integrates_to_one():
    log_weights = number([0.2, 0.5, 0.3]).log()
    mu, logvar = number([[-2.0], [0.0], [3.0]]), number([[-2.0], [0.5], [-4.0]])

    def density(x):
        return log_mixture(number([[x]]), log_weights, mu, logvar).exp().item()

    total, _ = integrate.quad(density, -20, 20, points=[-2, 0, 3], epsabs=1e-10)
    assert total == pytest.approx(1, abs=1e-9)


def test_a_mixture_of_one_is_the_one(draw):
    x, mu, logvar = draw(6, 3), draw(1, 3), draw(1, 3)
    torch.testing.assert_close(log_mixture(x, torch.zeros(1).double(), mu, logvar), log_normal(x, mu, logvar))


def test_far_out_where_every_density_underflows_the_logarithm_does_not():
    x, mu, logvar = torch.tensor([[100.0]]), torch.tensor([[-1.0], [2.0]]), torch.tensor([[0.0], [-1.0]])
    assert (log_normal(x[:, None], mu, logvar).exp() == 0).all()
    with mpmath.workdps(50):
        densities = [
            weight * mpmath.npdf(100, mean, mpmath.exp(mpmath.mpf(lv) / 2))
            for weight, mean, lv in ((mpmath.mpf("0.25"), -1, 0), (mpmath.mpf("0.75"), 2, -1))
        ]
        expected = float(mpmath.log(sum(densities)))
    got = log_mixture(x, torch.tensor([0.25, 0.75]).log(), mu, logvar)
    assert got.item() == pytest.approx(expected, rel=1e-6)


def test_a_component_without_weight_counts_for_nothing(draw):
    x, mu, logvar = draw(6, 2), draw(2, 2), draw(2, 2)
    alone = log_mixture(x, torch.tensor([0.0, -math.inf]).double(), mu, logvar)
    torch.testing.assert_close(alone, log_normal(x, mu[0], logvar[0]))
