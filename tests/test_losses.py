"""The losses are the formulas: nats per image, against torch.distributions, SymPy, integrals, draws and by hand."""

import math

import mpmath
import numpy as np
import pytest
import sympy
import torch
from scipy import integrate, stats
from torch.distributions import Bernoulli, MultivariateNormal, Normal, kl_divergence

from vae_helpers.layers import sample
from vae_helpers.losses import (
    bernoulli_nll,
    elbo,
    gaussian_nll,
    kl_full,
    kl_normal,
    kl_per_latent,
    kl_to_standard_normal,
    rmse,
)
from vae_helpers.models import VAE, gaussian_encoder, mlp_decoder, mlp_encoder
from vae_helpers.training import elbo_terms, negative_elbo

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


# --- KL


@pytest.fixture
def exact(draw):
    """``draw`` in float64."""
    return lambda *shape: draw(*shape).double()


def positive_definite(exact, k):
    root = exact(k, k)
    return root @ root.T + 0.3 * torch.eye(k, dtype=torch.float64)


def number(value):
    return torch.tensor(value, dtype=torch.float64)


# μ_q, log σ_q², μ_p, log σ_p²: near and far, narrow in wide and wide in narrow
PAIRS = [(0.0, 0.0, 0.5, 0.3), (1.5, -2.0, -1.0, 1.0), (-0.7, 1.2, 0.3, -1.5), (3.0, -6.0, 3.0, 0.0)]
PAIRS += [(0.2, 0.5, 0.2, 0.5)]


def test_kl_per_latent_is_that_of_the_distribution(exact):
    mu, logvar = exact(5, 3), 2 * exact(5, 3)
    got = kl_per_latent(mu, logvar)
    assert got.shape == (5, 3)
    torch.testing.assert_close(got, kl_divergence(Normal(mu, (logvar / 2).exp()), Normal(number(0.0), number(1.0))))


def test_kl_to_standard_normal_sums_over_the_latents(exact):
    mu, logvar = exact(5, 3), 2 * exact(5, 3)
    full = MultivariateNormal(mu, torch.diag_embed(logvar.exp()))
    standard = MultivariateNormal(torch.zeros(3).double(), torch.eye(3).double())
    got = kl_to_standard_normal(mu, logvar)
    assert got.shape == (5,)
    torch.testing.assert_close(got, kl_divergence(full, standard))


def test_kl_normal_is_that_of_the_distribution(exact):
    mu_q, logvar_q, mu_p, logvar_p = exact(4, 5, 3)
    expected = kl_divergence(Normal(mu_q, (logvar_q / 2).exp()), Normal(mu_p, (logvar_p / 2).exp())).sum(1)
    got = kl_normal(mu_q, logvar_q, mu_p, logvar_p)
    assert got.shape == (5,)
    torch.testing.assert_close(got, expected)


def test_one_p_serves_all_images(exact):
    mu_q, logvar_q, mu_p, logvar_p = exact(5, 3), exact(5, 3), exact(3), exact(1)
    repeated = kl_normal(mu_q, logvar_q, mu_p.expand(5, 3), logvar_p.expand(5, 3))
    torch.testing.assert_close(kl_normal(mu_q, logvar_q, mu_p, logvar_p), repeated)


@pytest.mark.parametrize("k", [1, 2, 5])
def test_kl_full_is_that_of_the_distribution(exact, k):
    mu_q, mu_p = exact(2, k)
    cov_q, cov_p = positive_definite(exact, k), positive_definite(exact, k)
    got = kl_full(mu_q, cov_q, mu_p, cov_p)
    assert got.shape == ()
    torch.testing.assert_close(got, kl_divergence(MultivariateNormal(mu_q, cov_q), MultivariateNormal(mu_p, cov_p)))


@pytest.fixture(scope="module")
def symbolic_kl():
    """KL of two Gaussians on a line, integrated by SymPy: a function of μ_q, σ_q, μ_p, σ_p."""
    t, mu_q, mu_p = sympy.symbols("t mu_q mu_p", real=True)
    sigma_q, sigma_p = sympy.symbols("sigma_q sigma_p", positive=True)

    z = mu_q + sigma_q * t  # so that q dz is the standard normal's dt

    def log_normal(mu, sigma):
        return -sympy.log(2 * sympy.pi) / 2 - sympy.log(sigma) - (z - mu) ** 2 / (2 * sigma**2)

    density = sympy.exp(-(t**2) / 2) / sympy.sqrt(2 * sympy.pi)
    integrand = sympy.expand(density * (log_normal(mu_q, sigma_q) - log_normal(mu_p, sigma_p)))
    kl = sympy.integrate(integrand, (t, -sympy.oo, sympy.oo))
    assert not kl.has(sympy.Integral)
    return sympy.lambdify((mu_q, sigma_q, mu_p, sigma_p), kl, "math")


@pytest.mark.parametrize("mu_q, logvar_q, mu_p, logvar_p", PAIRS)
def test_the_kls_are_what_sympy_integrates(symbolic_kl, mu_q, logvar_q, mu_p, logvar_p):
    expected = symbolic_kl(mu_q, math.exp(logvar_q / 2), mu_p, math.exp(logvar_p / 2))
    got = kl_normal(*(number([v]) for v in (mu_q, logvar_q, mu_p, logvar_p)))
    assert got.item() == pytest.approx(expected, abs=1e-12)
    full = kl_full(number([mu_q]), number([[logvar_q]]).exp(), number([mu_p]), number([[logvar_p]]).exp())
    assert full.item() == pytest.approx(expected, abs=1e-12)
    to_standard = symbolic_kl(mu_q, math.exp(logvar_q / 2), 0, 1)
    assert kl_per_latent(number(mu_q), number(logvar_q)).item() == pytest.approx(to_standard, abs=1e-12)


def kl_by_quad(q, p):
    """KL of two frozen scipy distributions on a line."""
    low, high = q.mean() - 12 * q.std(), q.mean() + 12 * q.std()
    return integrate.quad(lambda z: q.pdf(z) * (q.logpdf(z) - p.logpdf(z)), low, high, epsabs=1e-11, epsrel=1e-11)[0]


@pytest.mark.parametrize("mu_q, logvar_q, mu_p, logvar_p", PAIRS)
def test_the_kls_are_integrals_to_eight_digits(mu_q, logvar_q, mu_p, logvar_p):
    q, p = stats.norm(mu_q, math.exp(logvar_q / 2)), stats.norm(mu_p, math.exp(logvar_p / 2))
    got = kl_normal(*(number([v]) for v in (mu_q, logvar_q, mu_p, logvar_p)))
    assert got.item() == pytest.approx(kl_by_quad(q, p), abs=1e-8)
    got = kl_per_latent(number(mu_q), number(logvar_q))
    assert got.item() == pytest.approx(kl_by_quad(q, stats.norm()), abs=1e-8)


def test_kl_full_is_an_integral_to_eight_digits(exact):
    mu_q, mu_p = exact(2, 2)
    cov_q, cov_p = positive_definite(exact, 2), positive_definite(exact, 2)
    q, p = (stats.multivariate_normal(m.numpy(), c.numpy()) for m, c in ((mu_q, cov_q), (mu_p, cov_p)))
    spread = 10 * cov_q.diagonal().sqrt()
    first, second = (np.linspace(m - s, m + s, 801) for m, s in zip(mu_q.tolist(), spread.tolist()))
    z = np.stack(np.meshgrid(first, second, indexing="ij"), -1)
    inside = q.pdf(z) * (q.logpdf(z) - p.logpdf(z))
    # Simpson's rule in both directions, 40 steps to a standard deviation
    expected = integrate.simpson(integrate.simpson(inside, x=second), x=first)
    assert kl_full(mu_q, cov_q, mu_p, cov_p).item() == pytest.approx(expected, abs=1e-8)


def within_five_standard_errors(values, expected):
    return abs(values.mean() - expected) < 5 * values.std() / math.sqrt(len(values))


def test_the_kls_are_means_over_draws_of_q(exact):
    generator = torch.Generator().manual_seed(0)
    mu_q, logvar_q, mu_p, logvar_p = exact(4, 3)
    q, p = Normal(mu_q, (logvar_q / 2).exp()), Normal(mu_p, (logvar_p / 2).exp())
    standard = Normal(torch.zeros(3).double(), torch.ones(3).double())
    z = q.mean + q.stddev * torch.randn(100_000, 3, generator=generator, dtype=torch.float64)
    log_q, log_p, log_standard = (one.log_prob(z).sum(1) for one in (q, p, standard))
    assert within_five_standard_errors(log_q - log_p, kl_normal(mu_q, logvar_q, mu_p, logvar_p))
    assert within_five_standard_errors(log_q - log_standard, kl_to_standard_normal(mu_q, logvar_q))
    # the other direction is not within reach of the errors: the test can tell
    assert not within_five_standard_errors(log_q - log_p, kl_normal(mu_p, logvar_p, mu_q, logvar_q))


def test_kl_full_is_a_mean_over_draws_of_q(exact):
    mu_q, mu_p = exact(2, 3)
    cov_q, cov_p = positive_definite(exact, 3), positive_definite(exact, 3)
    q, p = MultivariateNormal(mu_q, cov_q), MultivariateNormal(mu_p, cov_p)
    eps = torch.randn(100_000, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    z = mu_q + eps @ q.scale_tril.T
    values = q.log_prob(z) - p.log_prob(z)
    assert within_five_standard_errors(values, kl_full(mu_q, cov_q, mu_p, cov_p))
    assert not within_five_standard_errors(values, kl_full(mu_p, cov_p, mu_q, cov_q))


def test_a_kl_is_never_negative_and_zero_only_at_the_standard_normal():
    mu, logvar = torch.meshgrid(torch.arange(-30, 31).double() / 10, torch.arange(-60, 61).double() / 10, indexing="ij")
    kl = kl_per_latent(mu, logvar)
    zero = (mu == 0) & (logvar == 0)
    assert zero.sum() == 1 and (kl[zero] == 0).all() and (kl[~zero] > 1e-3).all()


def test_a_kl_of_two_is_never_negative_and_zero_only_when_they_are_equal(exact):
    mu_q, logvar_q, mu_p, logvar_p = exact(4, 500, 3)
    assert (kl_normal(mu_q, logvar_q, mu_p, logvar_p) > 1e-3).all()
    torch.testing.assert_close(kl_normal(mu_q, logvar_q, mu_q, logvar_q), torch.zeros(500).double(), rtol=0, atol=1e-14)
    # a little apart, in the mean or in the spread alone: a KL of second order
    for nearby in ((mu_q + 1e-3, logvar_q), (mu_q, logvar_q + 1e-3)):
        kl = kl_normal(mu_q, logvar_q, *nearby)
        assert (kl > 0).all() and kl.max() < 1e-3


@pytest.mark.parametrize("k", [1, 2, 5])
def test_a_full_kl_is_never_negative_and_zero_only_when_they_are_equal(exact, k):
    gaussians = [(exact(k), positive_definite(exact, k)) for _ in range(12)]
    kl = torch.stack([kl_full(*q, *p) for q in gaussians for p in gaussians]).view(12, 12)
    torch.testing.assert_close(kl.diagonal(), torch.zeros(12).double(), rtol=0, atol=1e-12)
    assert (kl[~torch.eye(12, dtype=torch.bool)] > 1e-3).all()


def test_a_kl_is_not_symmetric(exact):
    mu_q, logvar_q, mu_p, logvar_p = exact(4, 5, 3)
    there, back = kl_normal(mu_q, logvar_q, mu_p, logvar_p), kl_normal(mu_p, logvar_p, mu_q, logvar_q)
    assert ((there - back).abs() > 0.01).all()
    q, p = ((exact(3), positive_definite(exact, 3)) for _ in range(2))
    assert abs(kl_full(*q, *p) - kl_full(*p, *q)) > 0.01


def test_against_the_standard_normal_the_kls_are_one(exact):
    mu, logvar, zero = exact(5, 3), exact(5, 3), torch.zeros(3).double()
    expected = kl_to_standard_normal(mu, logvar)
    torch.testing.assert_close(kl_normal(mu, logvar, zero, zero), expected)
    full = [kl_full(m, lv.exp().diag(), zero, torch.eye(3).double()) for m, lv in zip(mu, logvar)]
    torch.testing.assert_close(torch.stack(full), expected)


def test_with_diagonal_covariances_kl_full_is_kl_normal(exact):
    mu_q, logvar_q, mu_p, logvar_p = exact(4, 4)
    got = kl_full(mu_q, logvar_q.exp().diag(), mu_p, logvar_p.exp().diag())
    torch.testing.assert_close(got, kl_normal(mu_q, logvar_q, mu_p, logvar_p))


def test_the_gradients_of_the_kls_are_finite_differences(exact):
    four = [exact(5, 3).requires_grad_() for _ in range(4)]
    assert torch.autograd.gradcheck(kl_per_latent, four[:2])
    assert torch.autograd.gradcheck(kl_to_standard_normal, four[:2])
    assert torch.autograd.gradcheck(kl_normal, four)
    full = [exact(3), positive_definite(exact, 3), exact(3), positive_definite(exact, 3)]
    assert torch.autograd.gradcheck(kl_full, [one.requires_grad_() for one in full])


@pytest.mark.parametrize("mu", [0.0, 1e3])
@pytest.mark.parametrize("logvar", [-80.0, 80.0])
def test_the_kl_of_an_extreme_variance_is_finite_in_float32(mu, logvar):
    where = [torch.tensor([[mu]], requires_grad=True), torch.tensor([[logvar]], requires_grad=True)]
    kl = kl_to_standard_normal(*where)
    expected = (mpmath.mpf(mu) ** 2 + mpmath.exp(logvar) - logvar - 1) / 2
    assert kl.dtype == torch.float32 and kl.item() == pytest.approx(float(expected), rel=1e-5)
    to_mu, to_logvar = torch.autograd.grad(kl.sum(), where)
    assert to_mu.item() == mu and to_logvar.item() == pytest.approx((math.exp(logvar) - 1) / 2, rel=1e-5)


@pytest.mark.parametrize("mu_p", [0.0, 1.0])
@pytest.mark.parametrize("logvar_q, logvar_p", [(-80.0, -80.0), (80.0, 80.0), (-80.0, 80.0)])
def test_the_kl_of_two_extreme_variances_is_finite_in_float32(mu_p, logvar_q, logvar_p):
    got = kl_normal(*(torch.tensor([[v]]) for v in (0.0, logvar_q, mu_p, logvar_p)))
    variance = mpmath.exp(logvar_p)
    expected = (logvar_p - logvar_q + (mpmath.exp(logvar_q) + mu_p**2) / variance - 1) / 2
    assert got.item() == pytest.approx(float(expected), rel=1e-5, abs=1e-5)


def test_a_kl_too_large_for_float32_is_infinite_and_no_nan():
    got = kl_normal(*(torch.tensor([[v]]) for v in (0.0, 80.0, 0.0, -80.0)))  # e¹⁶⁰
    assert got.item() == math.inf


# --- ELBO


def test_elbo_is_log_likelihood_minus_kl_of_each_image(exact):
    logits, x, mu, logvar = exact(5, 1, 4, 4), (exact(5, 1, 4, 4) > 0).double(), exact(5, 3), exact(5, 3)
    likelihood = Bernoulli(logits=logits).log_prob(x).sum((1, 2, 3))
    prior = Normal(number(0.0), number(1.0))
    expected = likelihood - kl_divergence(Normal(mu, (logvar / 2).exp()), prior).sum(1)
    got = elbo(logits, x, mu, logvar)
    assert got.shape == (5,)
    torch.testing.assert_close(got, expected)


@pytest.fixture(scope="module")
def tiny():
    """A VAE of one latent and four pixels, two of its pictures, and log p(x | z) of them as a function of z."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        shape = (1, 2, 2)
        model = VAE(gaussian_encoder(mlp_encoder(1, shape, (3,))), mlp_decoder(1, shape, (3,)), 1, shape).double()
    with torch.no_grad():
        for p in model.decoder.parameters():
            p *= 3  # else every z gives nearly the same picture, and the bound is tight
    x = torch.tensor([[1.0, 0.0, 0.0, 1.0], [1.0, 1.0, 0.0, 0.0]]).double().view(2, 1, 2, 2)

    @torch.no_grad()
    def log_likelihood(i, z):
        logits = model.decoder(number([[z]]))
        return Bernoulli(logits=logits).log_prob(x[i]).sum().item()

    return model, x, log_likelihood


def quad(f):
    # the ReLUs of the decoder bend the integrand, hence the tolerance
    return integrate.quad(f, -10, 10, points=[-2, -1, 0, 1, 2], epsabs=1e-9, epsrel=1e-9, limit=200)[0]


@pytest.mark.parametrize("i", [0, 1])
def test_the_elbo_is_a_lower_bound_and_what_it_lacks_is_the_kl_to_the_posterior(tiny, i):
    model, x, log_likelihood = tiny
    with torch.no_grad():
        mu, logvar = model.encoder(x[i : i + 1])
    prior, q = stats.norm(), stats.norm(mu.item(), math.exp(logvar.item() / 2))
    log_evidence = math.log(quad(lambda z: prior.pdf(z) * math.exp(log_likelihood(i, z))))
    # KL(q ‖ posterior), without the ELBO: by Bayes log p(z | x) = log p(z) + log p(x | z) − log p(x)
    gap = quad(lambda z: q.pdf(z) * (q.logpdf(z) - prior.logpdf(z) - log_likelihood(i, z) + log_evidence))

    n = 50_000
    mus, logvars = mu.expand(n, 1), logvar.expand(n, 1)
    with torch.no_grad():
        logits = model.decoder(sample(mus, logvars, torch.Generator().manual_seed(0)))
        values = elbo(logits, x[i : i + 1].expand(n, 1, 2, 2), mus, logvars)
    error = values.std().item() / math.sqrt(n)
    assert gap > 20 * error, "a gap too small to be told from the noise of the draws"
    assert values.mean().item() < log_evidence
    assert log_evidence - values.mean().item() == pytest.approx(gap, abs=5 * error)


def test_the_loss_is_minus_the_elbo_averaged(tiny):
    model, x, _ = tiny
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        logits, mu, logvar = model(x)
        bound = elbo(logits, x, mu, logvar).mean().item()
        torch.manual_seed(0)
        nll, kl = (one.item() for one in elbo_terms(model, x))
        torch.manual_seed(0)
        loss = negative_elbo(model, x).item()
    assert -(nll + kl) == pytest.approx(bound) and -loss == pytest.approx(bound)
