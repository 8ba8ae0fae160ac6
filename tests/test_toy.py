"""The toy of notebook 03: every number against an integral, or a closed form, that does not use the toy's code.

``quad`` works on the formulas below, written once more with ``math``: so log p(x), the
ELBO and the gap come by two routes each, and that they add up is no tautology.
"""

import math
import random

import mpmath
import pytest
import torch
from scipy import integrate, optimize, stats
from torch.distributions import Normal, kl_divergence

from vae_helpers import toy
from vae_helpers.losses import kl_normal, kl_to_standard_normal
from vae_helpers.toy import GRID, bent, log_gauss, log_joint, split_evidence


def cases(n):
    """(x, mu, sigma_q, bend, sigma), drawn from the range in which the docstring warrants the digits."""
    rng = random.Random(0)
    for _ in range(n):
        yield (rng.uniform(-2, 5), rng.uniform(-4, 4), rng.uniform(0.05, 2), rng.uniform(0, 1), rng.uniform(0.3, 1))


CORNERS = [(x, mu, sigma_q, bend, 0.5)
           for x, bend in ((1.0, 0.0), (2.0, 1.0)) for mu in (-4.0, 4.0) for sigma_q in (0.05, 2.0)]
CASES = [*cases(20), *CORNERS]
each_case = pytest.mark.parametrize("x, mu, sigma_q, bend, sigma", CASES)


def number(value):
    return torch.tensor(value, dtype=torch.float64)


# --- the other route


def g(z, bend):
    return (1 - bend) * z + bend * z * z


def log_n(x, mean, sigma):
    return -(((x - mean) / sigma) ** 2) / 2 - math.log(sigma) - math.log(2 * math.pi) / 2


def joint_by_hand(x, z, bend, sigma):
    return log_n(z, 0, 1) + log_n(x, g(z, bend), sigma)


def quad(f, low, high, points):
    value, error = integrate.quad(f, low, high, points=points, epsabs=1e-12, epsrel=1e-11, limit=500)
    assert error < 1e-9 * max(1, abs(value)), "scipy itself is not sure enough"
    return value


def log_evidence_by_quad(x, bend, sigma):
    # the humps stand where g(z) = x, drawn towards 0 by the prior; where nothing fits, where g comes nearest to x
    nearest = [(bend - 1) / (2 * bend)] if bend else []
    root = (1 - bend) ** 2 + 4 * bend * x
    if bend and root > 0:
        nearest += [(bend - 1 + sign * math.sqrt(root)) / (2 * bend) for sign in (-1, 1)]
    points = sorted({0.0, *(z for z in [*nearest, x] if abs(z) < 13)})
    return math.log(quad(lambda z: math.exp(joint_by_hand(x, z, bend, sigma)), -14, 14, points))


def mean_under_q(f, mu, sigma_q):
    """E[f(z)] for z ~ N(mu, sigma_q²), as an integral over (z − mu)/sigma_q."""
    return quad(lambda t: math.exp(log_n(t, 0, 1)) * f(mu + sigma_q * t), -12, 12, [0])


# --- the parts


def test_bend_goes_from_a_line_to_a_bowl():
    z = torch.linspace(-3, 3, 13, dtype=torch.float64).view(13, 1)
    assert torch.equal(bent(z, 0), z) and torch.equal(bent(z, 1), z**2)
    expected = torch.tensor([[g(one, 0.3)] for one in z.flatten().tolist()], dtype=torch.float64)
    torch.testing.assert_close(bent(z, 0.3), expected)


@pytest.mark.parametrize("x, mean, sigma", [(0, 0, 1), (1.5, -2, 0.3), (-4.0, 2.5, 3)])
def test_log_gauss_is_that_of_scipy(x, mean, sigma):
    got = log_gauss(x, mean, sigma)
    assert got.shape == () and got.dtype == torch.float64
    assert got.item() == pytest.approx(stats.norm(mean, sigma).logpdf(x), rel=1e-13)


def test_log_gauss_goes_element_by_element():
    x, mean, sigma = torch.randn(4, 1), torch.randn(3), torch.rand(4, 3) + 0.1
    got = log_gauss(x, mean, sigma)
    assert got.shape == (4, 3) and got.dtype == torch.float64
    torch.testing.assert_close(got, Normal(mean.double(), sigma.double()).log_prob(x.double()))


@pytest.mark.parametrize("bend", [0, 0.4, 1])
def test_log_joint_is_the_prior_times_the_likelihood(bend):
    z = torch.linspace(-3, 3, 7, dtype=torch.float64)
    expected = [joint_by_hand(1.3, one, bend, 0.7) for one in z.tolist()]
    assert log_joint(1.3, z, bend, 0.7).tolist() == pytest.approx(expected, rel=1e-13)


def test_sigma_is_a_half_unless_it_is_given():
    assert torch.equal(log_joint(1.3, GRID, 0.4), log_joint(1.3, GRID, 0.4, 0.5))
    assert split_evidence(1.3, 0.5, 0.7, 0.4) == split_evidence(1.3, 0.5, 0.7, 0.4, 0.5)


@pytest.mark.parametrize("mean, sigma", [(0, 1), (-4, 2), (4, 0.05)])
def test_the_trapezoid_rule_is_exact_to_ten_digits(mean, sigma):
    density = log_gauss(GRID, mean, sigma).exp()
    moments = [toy.integrate(density * GRID**k).item() for k in range(4)]
    assert moments == pytest.approx([1, mean, mean**2 + sigma**2, mean**3 + 3 * mean * sigma**2], rel=1e-10, abs=1e-10)


# --- at bend 0 everything has a closed form


@pytest.mark.parametrize("x", [-3.0, 0.0, 0.7, 4.0])
@pytest.mark.parametrize("sigma", [0.3, 0.5, 1.0])
def test_a_line_has_a_gaussian_evidence(x, sigma):
    log_evidence, _, _ = split_evidence(x, 0.5, 1.0, 0, sigma)
    assert log_evidence.item() == pytest.approx(stats.norm(0, math.sqrt(1 + sigma**2)).logpdf(x), abs=1e-10)


@pytest.mark.parametrize("x", [-3.0, 0.0, 0.7, 4.0])
@pytest.mark.parametrize("sigma", [0.3, 0.5, 1.0])
def test_a_line_has_a_gaussian_posterior_at_which_the_gap_closes(x, sigma):
    mean, spread = x / (1 + sigma**2), sigma / math.sqrt(1 + sigma**2)
    log_evidence, bound, gap = split_evidence(x, mean, spread, 0, sigma)
    posterior = (log_joint(x, GRID, 0, sigma) - log_evidence).exp().numpy()
    assert posterior == pytest.approx(stats.norm(mean, spread).pdf(GRID.numpy()), abs=1e-10)
    assert gap.item() == pytest.approx(0, abs=1e-10)
    assert bound.item() == pytest.approx(log_evidence.item(), abs=1e-10)


@pytest.mark.parametrize("mu, sigma_q", [(0.0, 1.0), (-1.5, 0.2), (2.0, 1.7)])
def test_the_gap_of_a_line_is_the_kl_of_two_gaussians(mu, sigma_q):
    x, sigma = 1.2, 0.5
    posterior = Normal(number(x / (1 + sigma**2)), number(sigma / math.sqrt(1 + sigma**2)))
    _, _, gap = split_evidence(x, mu, sigma_q, 0, sigma)
    expected = kl_divergence(Normal(number(mu), number(sigma_q)), posterior)
    assert gap.item() == pytest.approx(expected.item(), rel=1e-10)
    ours = kl_normal(number([mu]), 2 * number([sigma_q]).log(), posterior.mean, posterior.variance.log())
    assert gap.item() == pytest.approx(ours.item(), rel=1e-10)


# --- log p(x) = ELBO + gap


@each_case
def test_evidence_bound_and_gap_are_those_of_quad_and_add_up(x, mu, sigma_q, bend, sigma):
    log_evidence = log_evidence_by_quad(x, bend, sigma)
    bound = mean_under_q(lambda z: joint_by_hand(x, z, bend, sigma) - log_n(z, mu, sigma_q), mu, sigma_q)
    gap = mean_under_q(
        lambda z: log_n(z, mu, sigma_q) - (joint_by_hand(x, z, bend, sigma) - log_evidence), mu, sigma_q
    )
    got = split_evidence(x, mu, sigma_q, bend, sigma)
    assert all(one.shape == () and one.dtype == torch.float64 for one in got)
    assert [one.item() for one in got] == pytest.approx([log_evidence, bound, gap], rel=0, abs=1e-8)
    # each from its own route: the toy's bound and quad's gap, and the other way round
    assert got[1].item() + gap == pytest.approx(got[0].item(), rel=0, abs=1e-8)
    assert bound + got[2].item() == pytest.approx(log_evidence, rel=0, abs=1e-8)


@pytest.mark.parametrize("x, mu, sigma_q, bend, sigma", [(1.0, 0.8, 0.4, 0.6, 0.5), (2.0, 1.3, 0.2, 1.0, 0.5)])
def test_the_three_numbers_are_those_of_mpmath(x, mu, sigma_q, bend, sigma):
    mp = mpmath.mp

    def log_pdf(y, mean, s):
        return -(((y - mean) / s) ** 2) / 2 - mp.log(s) - mp.log(2 * mp.pi) / 2

    def joint(z):
        return log_pdf(z, 0, 1) + log_pdf(x, (1 - bend) * z + bend * z**2, sigma)

    def q(z):
        return mp.exp(log_pdf(z, mu, sigma_q))

    with mp.workdps(25):
        humps = [-12, -4, -2, -1.4, -0.7, 0, 0.7, 1.4, 2, 4, 12]
        log_evidence = mp.log(mp.quad(lambda z: mp.exp(joint(z)), humps))
        around = [mu + k * sigma_q for k in (-14, -6, -2, 0, 2, 6, 14)]
        bound = mp.quad(lambda z: q(z) * (joint(z) - log_pdf(z, mu, sigma_q)), around)
        gap = mp.quad(lambda z: q(z) * (log_pdf(z, mu, sigma_q) - joint(z) + log_evidence), around)
    got = [one.item() for one in split_evidence(x, mu, sigma_q, bend, sigma)]
    assert got == pytest.approx([float(log_evidence), float(bound), float(gap)], abs=1e-10)


@each_case
def test_the_bound_is_reconstruction_minus_kl_to_the_prior(x, mu, sigma_q, bend, sigma):
    reconstruction = mean_under_q(lambda z: log_n(x, g(z, bend), sigma), mu, sigma_q)
    kl = kl_to_standard_normal(number([[mu]]), 2 * number([[sigma_q]]).log()).item()
    _, bound, _ = split_evidence(x, mu, sigma_q, bend, sigma)
    assert bound.item() == pytest.approx(reconstruction - kl, rel=0, abs=1e-8)


def test_the_bound_lies_below_whatever_q():
    found = [split_evidence(*case) for case in cases(200)]
    assert all(bound < log_evidence and gap > 0 for log_evidence, bound, gap in found)


# --- what no Gaussian q can close


def best_q(x, bend):
    """The gap of the best q that an optimiser finds from five starts."""
    def minus_bound(q):
        mu, log_sigma = q
        return -split_evidence(x, mu, math.exp(log_sigma), bend)[1].item()

    starts = [(mu, -0.7) for mu in (-2, -1, 0, 1, 2)]
    bounds = [(-4, 4), (math.log(0.05), math.log(2))]
    found = [optimize.minimize(minus_bound, start, method="Nelder-Mead", bounds=bounds) for start in starts]
    mu, log_sigma = min(found, key=lambda one: one.fun).x
    return split_evidence(x, mu, math.exp(log_sigma), bend)[2].item()


def test_the_best_q_closes_the_gap_of_a_line_and_not_that_of_a_bowl():
    assert best_q(2.0, bend=0) < 1e-6
    # two humps alike at ±√2, and one Gaussian: in one of them it misses half of the posterior
    assert best_q(2.0, bend=1) == pytest.approx(math.log(2), abs=0.05)


def test_no_q_at_all_closes_the_gap_of_a_bowl():
    gaps = [split_evidence(2.0, mu, sigma_q, 1)[2].item()
            for mu in torch.linspace(-4, 4, 33).tolist() for sigma_q in torch.linspace(0.05, 2, 14).tolist()]
    assert min(gaps) > 0.6


def test_two_values_of_z_explain_one_x_of_a_bowl_equally_well():
    posterior = log_joint(2.0, GRID, 1)
    torch.testing.assert_close(posterior, posterior.flip(0))
    at = GRID[posterior.argmax()].abs().item()
    assert 1.2 < at < math.sqrt(2) and log_joint(2.0, number(at), 1) > log_joint(2.0, number(0.0), 1) + 5
