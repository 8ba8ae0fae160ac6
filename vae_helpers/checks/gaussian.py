"""Checks of notebook 02."""

import math

import torch

from vae_helpers.checks.parameters import (
    NAN,
    OFF_BELOW_1,
    alike,
    ask,
    between,
    combined,
    misreadings,
    settle,
    spread,
    spread_kind,
    uniform,
    unnamed,
)
from vae_helpers.checks.verdict import Mistake, exercise, require, tensor

LOG_2PI = math.log(2 * math.pi)
C = LOG_2PI / 2  # what −½ log 2π takes off


@exercise("02_log_density", "Every likelihood in this course is made of this line.")
def log_density(answer, generator):
    """``answer(x, mu, sigma)``: log N(x; μ, σ²) of each number, shape (N,). The third may be σ, σ² or logvar."""
    kind = spread_kind(answer, 2, "sigma")
    try:
        _log_densities(answer, kind, generator)
    except Mistake:
        raise
    except Exception as error:
        try:  # one μ and one σ for all x, so that math.log(sigma) is right too
            _log_densities(answer, kind, generator, one_spread=True)
        except Mistake:
            raise
        except Exception:
            raise error from None


def _log_densities(answer, kind, generator, one_spread=False):
    def case(low, high, at=None):
        n = between(5, 9, generator)
        x = uniform(0.5, 2, n, generator) if at is None else torch.full((n,), at)
        mu, logvar = (uniform(*ends, () if one_spread else n, generator) for ends in ((-1, 1), (low, high)))
        got = tensor(ask(answer, x, mu, spread(kind, logvar)))
        square, s = (x - mu) ** 2 / (2 * logvar.exp()), logvar / 2

        def formula(in_square=logvar, in_log=logvar):
            return -((x - mu) ** 2) / (2 * in_square.exp()) - in_log / 2 - C

        true = formula()
        forms = [
            ("", true),
            ("this is the density itself; wanted is its logarithm", true.exp()),
            ("the sign is turned round: this is −log N", -true),
            ("the square counts twice: ½ is missing before ((x − μ)/σ)²", true - square),
            ("the square must lower the density: its sign is wrong", true + 2 * square),
            ("the minus stands before the square alone; it belongs before all three terms", true + 2 * s + 2 * C),
            ("the term −log σ is missing: a wide bell is a low one", true + s),
            ("this is + log σ; a wide bell is a low one: − log σ", true + 2 * s),
            ("this is −log σ² where −log σ is wanted (or −½ log σ²)", true - s),
            ("this is −½ log σ where −log σ is wanted (or −½ log σ²)", true + s / 2),
            ("the constant −½ log 2π is missing, so that the area is not 1", true + C),
            ("the constant is −½ log 2π, with its ½", true - C),
            ("the constant has the wrong sign: it is −½ log 2π", true + 2 * C),
            ("½ is missing before log(2πσ²): it comes from a root", true - s - C),
            ("this is the square alone; −log σ and −½ log 2π are missing", -square),
            ("the difference x − μ is not squared", -(x - mu) / (2 * logvar.exp()) - s - C),
            ("the difference x − μ is not squared", -(x - mu) / (2 * s.exp()) - s - C),
            ("μ is missing: it is (x − μ)²", -(x**2) / (2 * logvar.exp()) - s - C),
            ("here μ is added: it is (x − μ)²", -((x + mu) ** 2) / (2 * logvar.exp()) - s - C),
        ]
        for text, wrong in misreadings(kind, logvar):
            forms += [(text, formula(wrong, wrong)), (f"in the square, {text}", formula(in_square=wrong)),
                      (f"in the term −log σ, {text}", formula(in_log=wrong))]
        forms += [("the square is divided by 2σ; divide it by 2σ²", formula(in_square=logvar / 2))]
        reductions = [
            ("", lambda values: values),
            ("this is the sum over all numbers; wanted is one log-density for each", torch.sum),
            ("this is the mean over all numbers; wanted is one log-density for each", torch.mean),
        ]
        return got, true, combined(forms, reductions)

    off = "the numbers are off: three terms are wanted, −½ ((x − μ)/σ)², −log σ and −½ log 2π"
    settle([case(0.3, 1.2), case(0.3, 1.2)], off)
    settle([unnamed(case(-1.2, -0.2))], OFF_BELOW_1)
    far = case(0.3, 1.2, at=200.0)
    require(far[0].isfinite().all(), "right near μ; at x = 200 the density rounds to 0 and its log is −inf. "
                                     "Simplify log(exp(…)) on paper first")
    settle([unnamed(far)], "right near μ, but off at x = 200: simplify log(exp(…)) on paper first")


@exercise("02_pair", "A matrix times round noise, plus the mean: that is every Gaussian there is.")
def correlated_pair(answer, generator):
    """``answer(eps, mu, sigma, rho)``: from ε (N, 2) draws with means μ (2,), spreads σ (2,) and correlation ρ."""
    kind = spread_kind(answer, 2, "sigma")
    # spreads so near to 1 that a covariance matrix with a slip in it mostly still has a Cholesky factor
    means, covariances = zip(*(_pair(answer, kind, uniform(0.15, 0.5, 2, generator), generator) for _ in range(2)))
    at_zero = "at ε = 0 the draw must be μ"
    settle(means, at_zero)
    settle(covariances, f"wanted is the {_told_apart(*covariances[0])}")
    mean, covariance = _pair(answer, kind, uniform(-2, -0.5, 2, generator), generator)
    settle([unnamed(mean)], f"right for σ > 1, but not for σ < 1: {at_zero}")
    settle([unnamed(covariance)], f"right for σ > 1; for σ < 1 wanted is the {_told_apart(*covariance)}")


def _told_apart(made, true, _):
    made, true = ([[round(value, 3) for value in row] for row in matrix.tolist()] for matrix in (made, true))
    return f"covariance matrix {true}, yours gives {made}"


def _pair(answer, kind, logvar, generator):
    """Two cases: what comes out at ε = 0, and the covariance of the draws."""
    mu = torch.cat([uniform(*ends, 1, generator) for ends in ((1, 1.5), (2, 2.5))])
    rho = uniform(0.3, 0.55, (), generator)
    # the map is affine: its value at 0 is the mean, and what it does to the axes is its matrix
    eps = torch.cat([torch.zeros(1, 2), torch.eye(2), torch.randn(4, 2, generator=generator)])

    def draws(eps):
        got = tensor(ask(answer, eps, mu, spread(kind, logvar), rho))
        require(not got.is_complex() and not got.isnan().any(), NAN)
        return tensor(got, shape=eps.shape).double()

    got = draws(eps)
    require(alike(got, draws(eps)),
            "two calls with one ε differ: make the draws from the ε you are given, not from new ones")
    require(alike(got[2:], draws(eps[2:])), "each draw must be made of its own row of ε alone")
    s1, s2 = spread("sigma", logvar).double()
    mu, rho, eps = mu.double(), rho.double(), eps.double()
    zero = 0 * rho
    mean = got[0], mu, [
        ("the mean is missing: at ε = 0 the draw must be μ", torch.zeros(2)),
        ("μ is scaled too: multiply ε first, then add μ", mu * torch.stack([s1, s2])),
        *[("ρ must weigh ε₁, not the first draw, which carries μ₁", mu + torch.stack([zero, rho * factor * mu[0]]))
          for factor in (1, s2, s2 / s1)],
        ("μ₁ is added to both numbers: the second gets μ₂", mu[:1].expand(2)),
        ("the two means are exchanged: μ₁ belongs to the first number", mu.flip(0)),
    ]
    matrix = (got[1:3] - got[0]).T
    require(not alike(got[0], mu) or alike(got - got[0], eps @ matrix.T),
            "each draw must be made of ε by sums and products with fixed numbers")

    def cov(v1, v2, beside):
        return torch.stack([v1, beside, beside, v2]).view(2, 2)

    def wanted(logvar):
        a, b = spread("sigma", logvar).double()
        return cov(a**2, b**2, rho * a * b)

    one, true = torch.ones_like(rho), wanted(logvar)
    lower, rest = torch.linalg.cholesky(true), (1 - rho**2).sqrt()

    def by_hand(a, b, first=s1):
        """z₁ = μ₁ + σ₁ε₁ and z₂ = μ₂ + aε₁ + bε₂."""
        return cov(first**2, a**2 + b**2, first * a)

    forgot = "the two are independent: ρ is not used"
    mistakes = [
        (forgot, cov(s1**2, s2**2, zero)),
        ("ρ and the spreads σ are not used: this only adds the mean", cov(one, one, zero)),
        ("the spreads σ are missing", cov(one, one, rho)),
        ("the correlation has the wrong sign: it is −ρ", cov(s1**2, s2**2, -rho * s1 * s2)),
        ("the covariance is ρ itself: ρ is the correlation, the covariance is ρσ₁σ₂", cov(s1**2, s2**2, rho)),
        ("the covariance is ρσ₁σ₂, with σ; here it is ρσ₁²σ₂²", cov(s1**2, s2**2, rho * s1**2 * s2**2)),
        ("on the diagonal of the covariance matrix stands σ², not σ", cov(s1, s2, rho * s1 * s2)),
        ("on the diagonal stands σ² and beside it ρσ₁σ₂; here they are σ and ρ", cov(s1, s2, rho)),
        ("eps @ L multiplies with the transpose: each draw is a row, so write eps @ L.T", lower.T @ lower),
        ("this multiplies with the covariance matrix itself; take its Cholesky factor", true @ true),
        ("the second spreads too far: to ρε₁ belongs √(1 − ρ²) ε₂, not ε₂ whole", by_hand(s2 * rho, s2)),
        ("√(1 − ρ) is not what is left: it is √(1 − ρ²)", by_hand(s2 * rho, s2 * (1 - rho).sqrt())),
        ("(1 − ρ) is not what is left: the squares must add up to 1, so √(1 − ρ²)", by_hand(s2 * rho, s2 * (1 - rho))),
        ("the root is missing: √(1 − ρ²)", by_hand(s2 * rho, s2 * rest**2)),
        ("(1 + ρ²) is not what is left: it is √(1 − ρ²)", by_hand(s2 * rho, s2 * (1 + rho**2).sqrt())),
        ("the second number lacks its σ₂", by_hand(rho, rest)),
        ("σ₂ belongs before both parts, ρε₁ and √(1 − ρ²) ε₂: are the brackets missing?", by_hand(s2 * rho, rest)),
        ("σ₂ belongs before both parts, ρε₁ and √(1 − ρ²) ε₂: are the brackets missing?", by_hand(rho, s2 * rest)),
        ("the second number takes σ₁ε₁; its spread is σ₂ for both parts: σ₂ (ρε₁ + √(1 − ρ²) ε₂)",
         by_hand(s1 * rho, s2 * rest)),
        ("ρσ₁σ₂ is the covariance; what stands before ε₁ is ρσ₂", by_hand(rho * s1 * s2, s2 * rest)),
        ("both numbers get σ₁: the second spreads by σ₂", by_hand(s1 * rho, s1 * rest)),
        ("the two σ are exchanged", cov(s2**2, s1**2, rho * s1 * s2)),
    ]
    for text, wrong in misreadings(kind, logvar):
        a, b = spread("sigma", wrong).double()
        mistakes += [(text, wanted(wrong)), (f"{text}. Besides, {forgot}", cov(a**2, b**2, zero))]
    mistakes += [("ε is multiplied by σ²; a draw is μ + σε", wanted(2 * logvar))]
    return mean, (matrix @ matrix.T, true, mistakes)


DRAWS = 4_000  # the standard deviation of so many draws is known to about 1 %


@exercise("02_sample", "This is the line that made the variational autoencoder trainable.")
def gaussian_sample(answer, generator):
    """``answer(mu, logvar)``: a draw for each image and latent, shape (N, d). The second may be σ, σ² or logvar."""
    d = between(3, 5, generator)
    mu = uniform(2, 3, (DRAWS, d), generator)
    kind = spread_kind(answer, 1, "logvar")
    # far enough from one another that no two of the slips below come near each other in all latents
    logvar = torch.linspace(0.25, 1.3, d) + uniform(0, 0.05, d, generator)
    got, again = (_draws(answer, mu, kind, logvar) for _ in range(2))
    require(not alike(got, mu), "these are the means; there is no noise in them")
    require(not alike(got, again), "two calls give the same draws: ε must be drawn anew in each")
    noise = got - mu
    require(not alike(noise, noise[:1].expand_as(noise)),
            "one ε serves the whole batch: every image gets the same noise. Draw ε in the shape of mu")
    no_mean = _near(got.mean(0), 0, got.std(0))
    scaled = (got if no_mean else noise) / (got if no_mean else noise).std(0)
    require(not alike(scaled, scaled[:, :1].expand_as(scaled)),
            "one ε serves all latents of an image: they move in step. Draw ε in the shape of mu")
    require(not no_mean, "the mean is missing: z = μ + σε")
    made = noise.std(0)
    from_zero = scaled.min() >= 0 and scaled.max() < 3.7 and _near(noise.mean(0), 3**0.5 * made, made)
    require(not from_zero, "all noise lies on one side of μ: torch.rand is uniform, torch.randn is the Gaussian")
    require(_near(noise.mean(0), 0, made), "the mean of many draws is not μ: z = μ + σε, with ε of mean 0")
    # the test of Kolmogorov and Smirnov: for Gaussian noise the distance is about 0.01, and never 0.03
    steps = torch.arange(1, scaled.numel() + 1) / scaled.numel()
    distance = (torch.special.ndtr(scaled.flatten().sort().values) - steps).abs().max()
    require(distance < 0.03, "the mean is right, but the noise is not Gaussian: take torch.randn for ε")
    sigma = spread("sigma", logvar)
    if not _about(made, sigma):
        _name_the_spread(made, sigma, kind, logvar)
    narrow = _draws(answer, mu, kind, -logvar) - mu
    require(_about(narrow.std(0), spread("sigma", -logvar)), OFF_BELOW_1)
    _gradient_passes(answer, mu[:3], spread(kind, logvar).expand(3, d))


def _draws(answer, mu, kind, logvar):
    got = tensor(ask(answer, mu, spread(kind, logvar).expand_as(mu).contiguous()))
    require(not got.is_complex() and not got.isnan().any(), NAN)
    return tensor(got, shape=mu.shape).detach().double()


def _name_the_spread(made, sigma, kind, logvar):
    """Raise the Mistake that gives draws of standard deviations ``made`` where ``sigma`` was wanted."""
    slips = [(text, spread("sigma", wrong)) for text, wrong in misreadings(kind, logvar)]
    slips += [("σ is missing: ε is added as it is; z = μ + σε", torch.ones_like(sigma)),
              ("this multiplies ε by σ²; a draw is μ + σε", sigma**2),
              ("this multiplies ε by √σ; a draw is μ + σε", sigma.sqrt()),
              ("this divides ε by σ; a draw is μ + σε", 1 / sigma)]
    for text, other in slips:
        require(not _about(made, other), text)
    raise Mistake(f"the first latent spreads {made[0] / sigma[0]:.2f} times as far as it should: z = μ + σε")


def _about(made, sigma):
    """Within 7 % of the standard deviation: six of the errors that it has in ``DRAWS`` draws."""
    return bool(((made / sigma - 1).abs() < 0.07).all())


def _near(mean, wanted, sigma):
    """Within eight standard errors of the mean of ``DRAWS`` draws."""
    return bool(((mean - wanted).abs() < 8 * sigma / DRAWS**0.5).all())


def _gradient_passes(answer, mu, given):
    """A draw that torch cannot follow back to mu and its spread trains nothing. NumPy has no gradient to pass."""
    leaves = mu.clone().requires_grad_(), given.clone().requires_grad_()
    try:
        z = answer(*(leaf * 1 for leaf in leaves))  # as an encoder hands them over, so that mu += … is allowed
    except Exception:  # it has just drawn from plain numbers: NumPy refuses tensors with a gradient
        return
    if not isinstance(z, torch.Tensor):
        return
    gradients = torch.autograd.grad(z.sum(), leaves, allow_unused=True) if z.requires_grad else (None, None)
    passes = [gradient is not None and bool((gradient != 0).any()) for gradient in gradients]
    cause = "torch.normal, .sample(), detach and no_grad stop it. Write μ + σε (.rsample() does)"
    require(any(passes), f"the draws are right, but no gradient passes to mu and its spread: {cause}")
    require(passes[0], f"the draws are right, but no gradient passes to mu: {cause}")
    require(passes[1], f"the draws are right, but no gradient passes to the spread: {cause}")


@exercise("02_score", "The other estimator: it never asks for the slope of f, and pays for that in variance.")
def score_gradient(answer, generator):
    """``answer(f, mu, sigma, eps)``: the score-function estimate of d/dμ E f(z), shape (d,), from ε (S, d)."""
    kind = spread_kind(answer, 2, "sigma")

    def f(z):
        values = (torch.as_tensor(z) ** 2).sum(1) + torch.as_tensor(z)[:, 0]
        return values if isinstance(z, torch.Tensor) else values.numpy()

    def case(d, low, high):
        s = between(20, 40, generator)
        mu, logvar = uniform(-1.5, 1.5, d, generator), uniform(low, high, (), generator)
        eps = 0.3 + torch.randn(s, d, generator=generator)
        got = tensor(ask(answer, f, mu, spread(kind, logvar), eps))
        again = tensor(ask(answer, f, mu, spread(kind, logvar), eps))
        require(torch.equal(got, again), "two calls with one ε differ: use the `eps` that you are given, no new noise")
        sigma = spread("sigma", logvar)
        z = mu + sigma * eps
        value = f(z)[:, None]
        score = eps / sigma
        terms = value * score

        def estimate(logvar):
            sigma = spread("sigma", logvar)
            return (f(mu + sigma * eps)[:, None] * eps / sigma).mean(0)

        mistakes = [
            ("these are the single terms; wanted is their mean over the samples", terms),
            ("this is the sum over the samples; wanted is their mean", terms.sum(0)),
            ("this is one number; wanted is the mean over the samples for each coordinate of μ, shape (d,)",
             terms.mean()),
            ("this is one number; wanted is the mean over the samples for each coordinate of μ, shape (d,)",
             terms.sum()),
            ("this is the mean over the coordinates; wanted is the one over the samples", terms.mean(1)),
            ("this is the sum over the coordinates; wanted is the mean over the samples", terms.sum(1)),
            ("the sign is turned round: the score is +(z − μ)/σ²", -terms.mean(0)),
            ("this is (z − μ)/σ; the score is (z − μ)/σ², which is ε/σ", (terms * sigma).mean(0)),
            ("this divides by σ once too often: the score is (z − μ)/σ² = ε/σ", (terms / sigma).mean(0)),
            ("σ multiplies where it must divide: the score is (z − μ)/σ² = ε/σ", (terms * sigma**2).mean(0)),
            ("the score is (z − μ)/σ²: the −μ is missing", (value * z / sigma**2).mean(0)),
            ("this is the mean score, about 0: each term is weighed with f(z)", score.mean(0)),
            ("f is taken at ε; it must be taken at z = μ + σε", (f(eps)[:, None] * score).mean(0)),
            ("f is taken at μ; it must be taken at each z = μ + σε", (f(mu[None])[:, None] * score).mean(0)),
            ("this is the mean of f alone: each value is weighed with the score (z − μ)/σ²", value.mean()),
            ("this is the pathwise estimate, by the slope of f: the score function does without",
             2 * z.mean(0) + torch.eye(d)[0]),
            ("the mean of a product is wanted, not the product of the means", value.mean() * score.mean(0)),
            ("the mean of f is taken off first; a baseline is a good idea, but wanted is the plain estimate",
             ((value - value.mean()) * score).mean(0)),
        ]
        mistakes += [(text, estimate(wrong)) for text, wrong in misreadings(kind, logvar)]
        return got, terms.mean(0), mistakes

    off = "the numbers are off: average f(z) · (z − μ)/σ² over the samples, with z = μ + σε"
    settle([case(d, 0.4, 1.2) for d in (2, 3, 4)], off)
    settle([unnamed(case(3, -1.2, -0.4))], OFF_BELOW_1)


@exercise("02_mixture", "With more and more components this sum becomes the integral of the next notebook.")
def mixture_log_density(answer, generator):
    """``answer(x, weights, mu, sigma)``: log Σ P(m) N(x; μₘ, σₘ²) of each x, shape (N,)."""
    kind = spread_kind(answer, 3, "sigma")

    def case(m, low, high, at=None):
        n = between(5, 8, generator)
        x = uniform(-2, 2, n, generator) if at is None else torch.full((n,), at)
        weights = uniform(0.2, 1.2, m, generator)
        weights = weights / weights.sum()
        mu, logvar = uniform(-2, 2, m, generator), uniform(low, high, m, generator)
        got = tensor(ask(answer, x, weights, mu, spread(kind, logvar)))

        def mixed(in_square=logvar, in_log=logvar, half=0.5, constant=C):
            return (parts(in_square, in_log, half, constant) + weights.log()).logsumexp(1)

        def parts(in_square=logvar, in_log=logvar, half=0.5, constant=C):
            return -half * (x[:, None] - mu) ** 2 / in_square.exp() - in_log / 2 - constant

        def one_gaussian(sigma):
            return -((x - (weights * mu).sum()) ** 2) / (2 * sigma**2) - sigma.log() - C

        true, sigma, log_parts = mixed(), spread("sigma", logvar), parts()
        forms = [
            ("", true),
            ("this is the density; wanted is its logarithm", true.exp()),
            ("the sign is turned round: this is minus the log-density", -true),
            ("this averages the logarithms; the densities are summed first, then comes the log",
             (weights * log_parts).sum(1)),
            ("this adds up logarithms, which multiplies the densities: sum the densities, then take the log",
             (log_parts + weights.log()).sum(1)),
            ("this adds up logarithms, which multiplies the densities: sum the densities, then take the log",
             log_parts.sum(1)),
            ("the weights P(m) are missing", log_parts.logsumexp(1)),
            ("every component counts alike here; weigh each with its P(m)", log_parts.logsumexp(1) - math.log(m)),
            ("inside logsumexp stand logarithms: take the log of the weights", (log_parts + weights).logsumexp(1)),
            ("inside logsumexp a weight is an added log P(m), not a factor", (log_parts * weights).logsumexp(1)),
            ("inside logsumexp stand logarithms, not densities: log P(m) + log N",
             (log_parts.exp() * weights).logsumexp(1)),
            ("log P(m) has the wrong sign: it is added", (log_parts - weights.log()).logsumexp(1)),
            ("this is the likeliest component alone; all of them add up", (log_parts + weights.log()).amax(1)),
            ("this sums over the points; it must run over the components, one log-density for each x",
             (log_parts + weights.log()).logsumexp(0)),
            ("one number for all: the sum inside the log runs over the components alone",
             (log_parts + weights.log()).flatten().logsumexp(0)),
            ("these are the components' logarithms, each for itself: sum the densities, then take the log",
             log_parts + weights.log()),
        ]
        mean, square = (weights * mu).sum(), (weights * (logvar.exp() + mu**2)).sum()
        averages = [(weights * logvar.exp()).sum().sqrt(), (weights * sigma).sum(), (weights * logvar / 2).sum().exp(),
                    (square - mean**2).sqrt()]
        forms += [("this is one Gaussian: averaging the parameters is not mixing", one_gaussian(s)) for s in averages]
        for text, wrong in misreadings(kind, logvar):
            forms += [(text, mixed(wrong, wrong)), (f"in the square, {text}", mixed(in_square=wrong)),
                      (f"in the term −log σ, {text}", mixed(in_log=wrong))]
        forms += [
            ("½ is missing before ((x − μ)/σ)²", mixed(half=1)),
            ("the term −log σ is missing in the components", mixed(in_log=0 * logvar)),
            ("this is + log σ; a wide bell is a low one: − log σ", mixed(in_log=-logvar)),
            ("this is −log σ² where −log σ is wanted (or −½ log σ²)", mixed(in_log=2 * logvar)),
            ("the constant −½ log 2π is missing, so that the area is not 1", mixed(constant=0)),
            ("the constant is −½ log 2π, with its ½", mixed(constant=LOG_2PI)),
            ("½ is missing before log(2πσ²): it comes from a root", mixed(in_log=2 * logvar, constant=LOG_2PI)),
            ("in the components −log σ and −½ log 2π are missing", mixed(in_log=0 * logvar, constant=0)),
        ]
        reductions = [
            ("", lambda values: values),
            ("this sums over the points too; wanted is one log-density for each x", torch.sum),
            ("this is the mean over the points; wanted is one log-density for each x", torch.mean),
        ]
        return got, true, combined(forms, reductions)

    off = "the numbers are off: wanted is log Σ P(m) N(x; μₘ, σₘ²), the sum over the components"
    settle([case(2, 0.3, 1.2), case(3, 0.3, 1.2), case(4, 0.3, 1.2)], off)
    settle([unnamed(case(3, -0.8, -0.2))], OFF_BELOW_1)
    far = case(3, 0.3, 1.2, at=200.0)  # so far that every density underflows, in float64 too
    require(far[0].isfinite().all(), "right near the components; at x = 200 every density rounds to 0, and its log is "
                                     "−inf. Stay with logarithms: torch.logsumexp")
    settle([unnamed(far)], "right near the components, but off at x = 200: stay with logarithms, torch.logsumexp")
