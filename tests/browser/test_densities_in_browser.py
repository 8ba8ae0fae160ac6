"""One truth: densities.js gives in the browser what toy.py, losses.py and scipy give.

Its draws are Gaussian, and its best q is the best.
"""

import math
import random

import numpy as np
import pytest
import torch
from lab import ROOT
from scipy import optimize, stats

from vae_helpers.losses import kl_normal
from vae_helpers.toy import split_evidence
from vae_helpers.widgets import KLPlay

pytestmark = pytest.mark.browser

DENSITIES = (ROOT / "vae_helpers" / "widgets" / "densities.js").read_text(encoding="utf-8")
BOUND_LIMITS = {"mu": [-3, 3], "sigma": [0.1, 2]}
KL_LIMITS = {"mu": [-4, 4], "sigma": [0.3, 4.5]}


@pytest.fixture(scope="module")
def blank(context):
    page = context.new_page()

    def run(body, *given):
        return page.evaluate("(given) => {" + DENSITIES + body + "}", list(given))

    yield run
    page.close()


def closed(first, second):
    numbers = [v for mu, sigma in (first, second) for v in (mu, 2 * math.log(sigma))]
    return kl_normal(*torch.tensor(numbers, dtype=torch.float64)[:, None]).item()


# --- the toy of notebook 03

RNG = random.Random(0)
TOYS = [tuple(RNG.uniform(*ends) for ends in ((-2, 4), (-3, 3), (0.1, 2), (0, 1), (0.3, 1))) for _ in range(40)]
TOYS += [(x, mu, sigma_q, bend, 0.5) for x in (-2, 4) for mu in (-3, 3) for sigma_q in (0.1, 2) for bend in (0, 1)]


def test_the_parts_of_the_evidence_are_those_of_the_toy(blank):
    got = blank("return given[0].map(([x, mu, s, bend, noise]) => new ToyAt(x, bend, noise).split(mu, s));", TOYS)
    for case, parts in zip(TOYS, got, strict=True):
        wanted = [one.item() for one in split_evidence(*case)]
        assert [parts["evidence"], parts["bound"], parts["gap"]] == pytest.approx(wanted, rel=1e-12, abs=1e-9), case
        assert parts["reconstruction"] - parts["prior"] == pytest.approx(wanted[1], rel=1e-12, abs=1e-9), case
        assert parts["prior"] == pytest.approx(closed(case[1:3], (0, 1)), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("digits", [2, 3])
def test_the_parts_shown_add_up(blank, digits):
    pairs = blank("return given[0].map(([x, mu, s, bend, noise]) => new ToyAt(x, bend, noise).split(mu, s))"
                  ".map(parts => [parts, shownParts(parts, given[1])]);", TOYS, digits)
    for parts, shown in pairs:
        assert shown == pytest.approx(parts, abs=1.01 * 10**-digits)
        assert all(round(v, digits) == pytest.approx(v, abs=1e-9) for v in shown.values())
        assert shown["gap"] >= 0 and shown["evidence"] - shown["gap"] == pytest.approx(shown["bound"], abs=1e-9)
        assert shown["reconstruction"] - shown["prior"] == pytest.approx(shown["bound"], abs=1e-9)


def test_the_posterior_is_that_of_a_line(blank):
    z = np.linspace(-3, 3, 101)  # between the grid's places too
    got = blank("const toy = new ToyAt(1.5, 0, 0.5); return given[0].map(z => toy.posterior(z));", z.tolist())
    assert got == pytest.approx(stats.norm(1.2, 0.2**0.5).pdf(z), abs=1e-10)


@pytest.mark.parametrize("x, sigma", [(1.0, 0.5), (-2.0, 0.5), (3.0, 1.0), (0.0, 0.3)])
def test_the_best_q_of_a_line_is_its_posterior(blank, x, sigma):
    got = blank("return new ToyAt(given[0], 0, given[1]).best(given[2]);", x, sigma, BOUND_LIMITS)
    assert got == pytest.approx([x / (1 + sigma**2), sigma / math.sqrt(1 + sigma**2)], abs=1e-5)


@pytest.mark.parametrize("x, bend", [(1.0, 1.0), (3.0, 1.0), (1.0, 0.5), (-2.0, 1.0), (4.0, 0.2)])
def test_no_q_has_a_smaller_gap_than_the_best(blank, x, bend):
    mu, sigma = blank("return new ToyAt(given[0], given[1], 0.5).best(given[2]);", x, bend, BOUND_LIMITS)

    def gap(q):
        return split_evidence(x, q[0], math.exp(q[1]), bend)[2].item()

    bounds = [(-3, 3), (math.log(0.1), math.log(2))]
    starts = [(start, -0.7) for start in (-2, -1, 0, 1, 2)]
    found = [optimize.minimize(gap, start, method="Nelder-Mead", bounds=bounds).fun for start in starts]
    assert -3 <= mu <= 3 and 0.1 <= sigma <= 2
    assert gap((mu, math.log(sigma))) <= min(found) + 1e-7


# --- two densities

PAIRS = [((RNG.uniform(-4, 4), RNG.uniform(0.3, 4.5)), (RNG.uniform(-4, 4), RNG.uniform(0.3, 2))) for _ in range(40)]
PAIRS += [((4, 4.5), (-4, 0.3)), ((-4, 0.3), (4, 0.3)), ((1, 1), (1, 1))]


def test_of_two_gaussians_formula_and_quadrature_are_those_of_losses(blank):
    got = blank(
        "return given[0].map(([q, p]) => ({ ...new Target([[1, ...p]]).divergences(...q), "
        "formula: [klNormal(...q, ...p), klNormal(...p, ...q)] }));", PAIRS)
    for (q, p), found in zip(PAIRS, got, strict=True):
        wanted = [closed(q, p), closed(p, q)]
        assert found["formula"] == pytest.approx(wanted, rel=1e-11, abs=1e-12)
        assert [found["qp"], found["pq"]] == pytest.approx(wanted, rel=1e-9, abs=1e-6), (q, p)


def test_the_spread_of_the_log_ratio_is_that_of_its_formula(blank):
    # for p = N(0, 1) the log ratio is (sigma² − 1)/2 · ε² + mu · sigma · ε and a constant
    mu, sigma = 0.7, 1.6
    found = blank("return new Target([[1, 0, 1]]).divergences(...given[0]);", [mu, sigma])
    assert found["qpSpread"] == pytest.approx(math.sqrt((sigma**2 - 1) ** 2 / 2 + (mu * sigma) ** 2), rel=1e-6)
    a, b = (1 / sigma**2 - 1) / 2, -mu / sigma**2  # and under p: a z² + b z
    assert found["pqSpread"] == pytest.approx(math.sqrt(2 * a**2 + b**2), rel=1e-6)


MIXTURES = [((0.6, -3.0, 0.6), (0.4, 3.0, 0.8)), ((0.05, -4.0, 0.3), (0.95, 4.0, 0.3)),
            ((0.5, 0.0, 2.0), (0.5, 0.3, 0.3))]


def log_mixture(z, humps):
    return np.logaddexp.reduce([math.log(weight) + stats.norm(mu, sigma).logpdf(z) for weight, mu, sigma in humps])


@pytest.mark.parametrize("humps", MIXTURES)
@pytest.mark.parametrize("q", [(0.0, 1.5), (-3.0, 0.6), (4.0, 4.5), (0.0, 0.3)])
def test_of_two_humps_quadrature_is_that_of_a_finer_grid(blank, humps, q):
    # Simpson's rule in scipy, on pieces a tenth as wide
    from scipy.integrate import simpson

    z = np.linspace(-45, 45, 90_001)
    log_q, log_p = stats.norm(*q).logpdf(z), log_mixture(z, humps)
    wanted = [simpson(np.exp(log_q) * (log_q - log_p), x=z), simpson(np.exp(log_p) * (log_p - log_q), x=z)]
    found = blank("return new Target(given[0]).divergences(...given[1]);", humps, q)
    assert [found["qp"], found["pq"]] == pytest.approx(wanted, rel=1e-8, abs=1e-6)


def test_the_widget_in_python_has_the_same_numbers(blank):
    play = KLPlay(q=(0.5, 1.2), humps=2)
    humps = [[0.6, *play.p], [0.4, *play.second]]
    found = blank("return new Target(given[0]).divergences(...given[1]);", humps, play.q)
    assert play.kl() == pytest.approx((found["qp"], found["pq"]), abs=1e-9)


@pytest.mark.parametrize("humps", MIXTURES)
def test_least_kl_of_p_from_q_is_at_the_moments(blank, humps):
    weight, mu, sigma = np.array(humps).T
    mean = (weight * mu).sum()
    variance = (weight * (sigma**2 + mu**2)).sum() - mean**2
    got = blank("return new Target(given[0]).moments();", humps)
    assert got == pytest.approx([mean, math.sqrt(variance)], rel=1e-12)
    here, *others = blank(
        "const target = new Target(given[0]); return given[1].map(([mu, sigma]) => target.divergences(mu, sigma).pq);",
        humps, [got, *([got[0] + a, got[1] * b] for a, b in ((0.05, 1), (-0.05, 1), (0, 1.05), (0, 0.95)))])
    assert here < min(others)


def test_least_kl_of_q_from_p_seeks_the_deeper_of_two_valleys(blank):
    (left, right), humps = MIXTURES[0], MIXTURES[0]
    best = blank("return new Target(given[0]).seek(given[1]);", humps, KL_LIMITS)
    assert best == pytest.approx(left[1:], abs=0.01)
    value = blank("return new Target(given[0]).divergences(...given[1]).qp;", humps, best)
    assert value == pytest.approx(-math.log(0.6), abs=1e-3)
    # downhill from where q stands: the valley there
    for start, hump in (([-2, 1], left), ([2, 1], right)):
        found = blank("return new Target(given[0]).seek(given[1], given[2]);", humps, KL_LIMITS, start)
        assert found == pytest.approx(hump[1:], abs=0.01)


def test_least_kl_of_q_from_one_gaussian_is_that_gaussian(blank):
    found = blank("return new Target([[1, -1.3, 0.7]]).seek(given[0]);", KL_LIMITS)
    assert found == pytest.approx([-1.3, 0.7], abs=1e-5)


# --- draws


def test_the_draws_are_seeded_and_gaussian(blank):
    draw = "const dice = new Dice(given[0]); return Array.from({ length: 20000 }, () => dice.normal());"
    first, again, other = blank(draw, 1), blank(draw, 1), blank(draw, 2)
    assert first == again != other
    assert stats.kstest(first, "norm").pvalue > 1e-3
    assert abs(np.corrcoef(first[:-1], first[1:])[0, 1]) < 0.03


def test_draws_of_a_mixture_have_its_distribution(blank):
    humps = MIXTURES[0]
    z = blank("const dice = new Dice(3); return Array.from({ length: 20000 }, () => dice.from(given[0]));", humps)
    assert stats.kstest(z, lambda at: sum(w * stats.norm(mu, sigma).cdf(at) for w, mu, sigma in humps)).pvalue > 1e-3


def test_running_mean_and_error_are_those_of_numpy(blank):
    values = (1e3 + np.random.default_rng(0).normal(size=500)).tolist()
    mean, error, n = blank(
        "const r = new Running(); for (const v of given[0]) r.add(v); return [r.mean, r.error, r.n];", values)
    assert [mean, error] == pytest.approx([np.mean(values), np.std(values, ddof=1) / math.sqrt(500)], rel=1e-9)
    assert n == 500


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("q, humps", [((1.5, 0.7), [(1, 0, 1)]), ((0, 1.5), MIXTURES[0])])
def test_the_estimate_by_draws_is_within_five_errors_of_quadrature(blank, seed, q, humps):
    mean, error, wanted = blank(
        """const [seed, q, humps] = given, dice = new Dice(seed), running = new Running();
        for (let i = 0; i < 20000; i++) {
          const z = q[0] + q[1] * dice.normal();
          running.add(logGauss(z, ...q) - logMixture(z, humps));
        }
        return [running.mean, running.error, new Target(humps).divergences(...q).qp];""", seed, q, humps)
    assert 0 < error < 0.05 and abs(mean - wanted) < 5 * error
