"""Checks of notebook 02."""

import math

import torch

from vae_helpers.checks.parameters import ask, between, misreadings, name_mistake, spread, spread_kind
from vae_helpers.checks.verdict import close, exercise, require, tensor

LOG_2PI = math.log(2 * math.pi)


@exercise("02_log_density", "Every likelihood in this course is made of this line.")
def log_density(answer, generator):
    """``answer(x, mu, sigma)``: log N(x; μ, σ²) of each number, shape (N,). The third may be σ, σ² or logvar."""
    n = between(5, 9, generator)
    x, mu = 1 + torch.randn(n, generator=generator), torch.randn(n, generator=generator)
    logvar = -0.4 - 1.2 * torch.rand(n, generator=generator)
    kind = spread_kind(answer, 2, "sigma")
    got = tensor(ask(answer, x, mu, spread(kind, logvar)))

    def formula(in_square=logvar, in_log=logvar):
        return -((x - mu) ** 2) / (2 * in_square.exp()) - in_log / 2 - LOG_2PI / 2

    true, square = formula(), (x - mu) ** 2 / (2 * logvar.exp())
    require(not got.isnan().any(), "a nan: the log of a negative number is none. Take the square inside, not the log's")
    name_mistake(
        got,
        ("this is the density itself; wanted is its logarithm", true.exp()),
        ("the sign is turned round: this is −log N", -true),
        ("the square counts half: ½ is missing before ((x − μ)/σ)²", true - square),
        ("the square must lower the density: its sign is wrong", true + 2 * square),
        ("the term −log σ is missing: a wide bell is a low one", true + logvar / 2),
        ("this is + log σ; a wide bell is a low one: − log σ", true + logvar),
        ("this is −log σ² where −log σ is wanted (or −½ log σ²)", true - logvar / 2),
        ("the constant −½ log 2π is missing, so that the area is not 1", true + LOG_2PI / 2),
        ("the constant is −½ log 2π, with its ½", true - LOG_2PI / 2),
        ("the differences are not squared", -(x - mu) / (2 * logvar.exp()) - logvar / 2 - LOG_2PI / 2),
        ("this is the sum over all numbers; wanted is one log-density for each", true.sum()),
        ("this is the mean over all numbers; wanted is one log-density for each", true.mean()),
    )
    for text, wrong in misreadings(kind, logvar):
        name_mistake(got, (text, formula(wrong, wrong)), (f"in the square: {text}", formula(in_square=wrong)),
                     (f"in the term −log σ: {text}", formula(in_log=wrong)))
    require(close(tensor(got, shape=(n,)), true, atol=1e-5),
            "the numbers are off: three terms are wanted, −½ ((x − μ)/σ)², −log σ and −½ log 2π")


@exercise("02_pair", "A matrix times round noise, plus the mean: that is every Gaussian there is.")
def correlated_pair(answer, generator):
    """``answer(eps, mu, sigma, rho)``: from ε (N, 2) draws of the Gaussian with means μ (2,), spreads σ (2,), correlation ρ."""
    mu = 1 + torch.rand(2, generator=generator)
    logvar = 2 * (0.3 + torch.rand(2, generator=generator) * 0.5).log()
    rho = (0.3 + 0.5 * torch.rand((), generator=generator)).item()
    kind = spread_kind(answer, 2, "sigma")
    sigma, given = spread("sigma", logvar), spread(kind, logvar)
    # the map is affine: its value at 0 is the mean, and what it does to the axes is its matrix
    eps = torch.cat([torch.zeros(1, 2), torch.eye(2), torch.randn(4, 2, generator=generator)])
    got = tensor(ask(answer, eps, mu, given, rho), shape=eps.shape).double()
    again = tensor(ask(answer, eps, mu, given, rho), shape=eps.shape).double()
    require(close(got, again), "two calls with one ε differ: make the draws from the ε you are given, not from new ones")
    require(not close(got[0], torch.zeros(2)), "the mean is missing: at ε = 0 the draw must be μ")
    require(close(got[0], mu), "at ε = 0 the draw must be μ")
    matrix = (got[1:3] - got[0]).T
    require(close((got - got[0]) @ torch.eye(2).double(), eps.double() @ matrix.T, atol=1e-5),
            "each draw must come from its own row of ε, by sums and products with fixed numbers")
    made = matrix @ matrix.T

    def wanted(logvar, covariance=None):
        s1, s2 = spread("sigma", logvar).double()
        off = rho * s1 * s2 if covariance is None else covariance
        return torch.stack([torch.stack([s1**2, torch.as_tensor(off)]), torch.stack([torch.as_tensor(off), s2**2])])

    true = wanted(logvar)
    for text, wrong in misreadings(kind, logvar):
        name_mistake(made, (text, wanted(wrong)))
    s1, s2 = sigma.double()
    require(not close(made, wanted(logvar, 0.0)), "the two are independent: ρ is not used")
    require(not close(made, wanted(logvar, -rho * s1 * s2)), "the correlation has the wrong sign: it is −ρ")
    require(not close(made[0, 1], torch.tensor(rho)),
            "the covariance is ρ itself: ρ is the correlation, the covariance is ρσ₁σ₂")
    second = made[1, 1] / s2**2
    name_mistake(
        second,
        ("the second spreads too far: to ρε₁ belongs √(1 − ρ²) ε₂, not ε₂ whole", 1 + rho**2),
        ("√(1 − ρ) is not what is left: it is √(1 − ρ²)", rho**2 + 1 - rho),
        ("(1 − ρ) is not what is left: the squares must add up to 1, so √(1 − ρ²)", rho**2 + (1 - rho) ** 2),
        ("the root is missing: √(1 − ρ²)", rho**2 + (1 - rho**2) ** 2),
    )
    require(close(made, true, rtol=1e-3),
            f"wanted is the covariance matrix {_rows(true)}, yours gives {_rows(made)}")


def _rows(matrix):
    return str([[round(value, 3) for value in row] for row in matrix.tolist()])


@exercise("02_sample", "This is the line that made the variational autoencoder trainable.")
def gaussian_sample(answer, generator):
    """``answer(mu, logvar)``: a draw for each image and latent, shape (N, d). The second may be σ, σ² or logvar."""
    n, d = 4_000, between(3, 5, generator)
    mu = (2 + torch.rand(d, generator=generator)).expand(n, d).contiguous()
    logvar = (2 * (0.25 + 0.4 * torch.rand(d, generator=generator)).log()).expand(n, d).contiguous()
    kind = spread_kind(answer, 1, "logvar")
    given = spread(kind, logvar)
    got = tensor(ask(answer, mu, given), shape=(n, d)).detach().double()
    again = tensor(ask(answer, mu, given), shape=(n, d)).detach().double()
    sigma = spread("sigma", logvar)[0].double()
    require(not close(got, mu), "these are the means; there is no noise in them")
    require(not close(got, again), "two calls give the same draws: ε must be drawn anew in each")
    noise = (got - mu) / sigma
    require(not close(noise, noise[:1].expand_as(noise), atol=1e-3),
            "one ε serves the whole batch: every image gets the same noise. Draw ε in the shape of mu")
    require(not close(noise, noise[:, :1].expand_as(noise), atol=1e-3),
            "one ε serves all latents of an image: they move in step. Draw ε in the shape of mu")
    require(not _near(got.mean(0), torch.zeros(d), sigma), "the mean is missing: z = μ + σε")
    require(not _near(got.mean(0), mu[0] + sigma / 2, sigma) or _near(got.mean(0), mu[0], sigma),
            "the noise lies between 0 and 1: torch.rand is uniform, torch.randn is the Gaussian")
    require(_near(got.mean(0), mu[0], sigma), "the mean of many draws is not μ: z = μ + σε, with ε of mean 0")
    ratio = got.std(0) / sigma
    # the standard deviation of 4,000 draws is known to about 1 %
    for text, wrong in misreadings(kind, logvar):
        other = spread("sigma", wrong)[0].double() / sigma
        apart = (other - 1).abs().max() > 0.15
        require(not (apart and close(ratio, other, rtol=0.08) and not close(ratio, torch.ones(d), rtol=0.08)), text)
    require(not close(ratio, (logvar.exp() / spread("sigma", logvar))[0], rtol=0.08),
            "this multiplies ε by σ²; a draw is μ + σε")
    require(close(ratio, torch.ones(d), rtol=0.08),
            f"the first latent spreads {ratio[0]:.2f} times as far as it should: z = μ + σε")
    fourth = ((got - mu) / got.std(0)).pow(4).mean()
    require(fourth > 2.5, "mean and spread are right, but the draws have no tails: take torch.randn for ε")
    _gradient_passes(answer, mu, given)


def _near(value, wanted, sigma, n=4_000):
    """Within eight standard errors of the mean of ``n`` draws."""
    return bool(((value - wanted).abs() < 8 * sigma / n**0.5).all())


def _gradient_passes(answer, mu, given):
    """A draw that torch cannot follow back to mu and its spread trains nothing. NumPy has no gradient to pass."""
    mu, given = mu[:3].clone().requires_grad_(), given[:3].clone().requires_grad_()
    try:
        z = answer(mu, given)
    except (RuntimeError, TypeError, AttributeError):
        return
    if not isinstance(z, torch.Tensor):
        return
    require(z.requires_grad, "the numbers are right, but no gradient passes to mu: build z as mu + sigma * eps, "
                             "rather than letting torch.normal or .sample() draw it (.rsample() would do)")
    gradients = torch.autograd.grad(z.sum(), [mu, given], allow_unused=True)
    require(all(g is not None and g.abs().sum() > 0 for g in gradients),
            "no gradient passes to both mu and its spread: leave out detach and no_grad")


@exercise("02_score", "The other estimator: it never asks for the slope of f, and pays for that in variance.")
def score_gradient(answer, generator):
    """``answer(f, mu, sigma, eps)``: the score-function estimate of d/dμ E f(z), shape (d,), from ε (S, d)."""
    s, d = between(20, 40, generator), between(2, 4, generator)
    mu, sigma = torch.randn(d, generator=generator), (0.4 + torch.rand((), generator=generator) / 3).item()
    eps = 0.3 + torch.randn(s, d, generator=generator)

    def f(z):
        return (torch.as_tensor(z) ** 2).sum(1) + torch.as_tensor(z)[:, 0]

    z = mu + sigma * eps
    value = f(z)[:, None]
    terms = value * eps / sigma
    got = tensor(ask(answer, f, mu, sigma, eps))
    name_mistake(
        got,
        ("these are the single terms; wanted is their mean over the samples", terms),
        ("this is the sum over the samples; wanted is their mean", terms.sum(0)),
        ("this is one number; wanted is the mean over the samples for each coordinate of μ, shape (d,)", terms.mean()),
        ("this is the mean over the coordinates; wanted is the one over the samples", terms.mean(1)),
        ("the sign is turned round: the score is +(z − μ)/σ²", -terms.mean(0)),
        ("this is (z − μ)/σ; the score is (z − μ)/σ², which is ε/σ", (terms * sigma).mean(0)),
        ("this divides by σ² what is ε already: (z − μ)/σ² = ε/σ", (terms / sigma).mean(0)),
        ("the score is (z − μ)/σ²: the −μ is missing", (value * z / sigma**2).mean(0)),
        ("this is the mean score, about 0: each term is weighed with f(z)", (eps / sigma).mean(0)),
        ("f is taken at ε; it must be taken at z = μ + σε", (f(eps)[:, None] * eps / sigma).mean(0)),
        ("this is the pathwise estimate, by the slope of f: the score function does without",
         2 * z.mean(0) + torch.eye(d)[0]),
        ("the mean of a product is wanted, not the product of the means", value.mean() * (eps / sigma).mean(0)),
    )
    require(close(tensor(got, shape=(d,)), terms.mean(0), atol=1e-5),
            "the numbers are off: average f(z) · (z − μ)/σ² over the samples, with z = μ + σε")


@exercise("02_mixture", "With more and more components this sum becomes the integral of the next notebook.")
def mixture_log_density(answer, generator):
    """``answer(x, weights, mu, sigma)``: log Σ P(m) N(x; μₘ, σₘ²) of each x, shape (N,)."""
    n, m = between(5, 8, generator), between(2, 4, generator)
    x = 2 * torch.randn(n, generator=generator)
    weights = 0.2 + torch.rand(m, generator=generator)
    weights = weights / weights.sum()
    mu, logvar = 2 * torch.randn(m, generator=generator), -1 + torch.rand(m, generator=generator)
    kind = spread_kind(answer, 3, "sigma")
    got = tensor(ask(answer, x, weights, mu, spread(kind, logvar)))

    def parts(logvar, x=x):
        return -((x[:, None] - mu) ** 2 / logvar.exp() + logvar + LOG_2PI) / 2

    log_parts = parts(logvar)
    true = (log_parts + weights.log()).logsumexp(1)
    name_mistake(
        got,
        ("this is the density; wanted is its logarithm", true.exp()),
        ("this averages the logarithms; the densities are summed first, then comes the log",
         (weights * log_parts).sum(1)),
        ("this adds up logarithms, which multiplies the densities: sum the densities, then take the log",
         (log_parts + weights.log()).sum(1)),
        ("the weights P(m) are missing", log_parts.logsumexp(1)),
        ("every component counts alike here; weigh each with its P(m)", log_parts.logsumexp(1) - math.log(m)),
        ("inside logsumexp stand logarithms: take the log of the weights",
         (log_parts + weights).logsumexp(1)),
        ("this is the likeliest component alone; all of them add up", (log_parts + weights.log()).amax(1)),
        ("this is one Gaussian with the mean μ: averaging parameters is not mixing",
         -((x - (weights * mu).sum()) ** 2 / (weights * logvar.exp()).sum()
           + (weights * logvar.exp()).sum().log() + LOG_2PI) / 2),
        ("this sums over the points too; wanted is one log-density for each x", true.sum()),
    )
    for text, wrong in misreadings(kind, logvar):
        name_mistake(got, (text, (parts(wrong) + weights.log()).logsumexp(1)))
    require(close(tensor(got, shape=(n,)), true, atol=1e-5),
            "the numbers are off: log of Σ P(m) N(x; μₘ, σₘ²), the sum over the components")
    far = torch.full((1,), 60.0)  # every density underflows in float32
    got = tensor(ask(answer, far, weights, mu, spread(kind, logvar)))
    require(got.isfinite().all(), "right near the components; at x = 60 every density rounds to 0 and its log is −inf. "
                                  "Stay with logarithms: torch.logsumexp")
    require(close(got, (parts(logvar, far) + weights.log()).logsumexp(1), rtol=1e-3), "at x = 60 the number is off")
