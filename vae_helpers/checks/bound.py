"""Checks of notebook 03."""

import math

import torch

from vae_helpers.checks.parameters import ask, between, misreadings, name_mistake, spread, spread_kind
from vae_helpers.checks.verdict import close, exercise, require, tensor

LOG_2PI = math.log(2 * math.pi)


@exercise("03_image_nll", "Squared error, in the unit in which it may be added to a KL.")
def image_nll(answer, generator):
    """``answer(mean, x, sigma)``: −log p(x | z) of a Gaussian decoder, shape (N,). σ may be σ, σ² or logvar."""
    n, side = between(3, 6, generator), between(4, 7, generator)
    mean, x = (torch.rand(n, 1, side, side, generator=generator) for _ in range(2))
    pixels = side * side
    logvar = 2 * (0.3 + 0.4 * torch.rand((), generator=generator)).log()
    kind = spread_kind(answer, 2, "sigma")
    got = tensor(ask(answer, mean, x, spread(kind, logvar).item()))
    square = (x - mean) ** 2

    def each(in_square=logvar, in_log=logvar):
        return square / (2 * in_square.exp()) + in_log / 2 + LOG_2PI / 2

    whole = each().flatten(1)
    true, error = whole.sum(1), square.flatten(1).sum(1)
    name_mistake(
        got,
        ("this is the mean over the pixels; wanted is their sum: independent pixels multiply, their logs add",
         whole.mean(1)),
        ("this is the sum over the batch too; wanted is one number for each image", true.sum()),
        ("this is one mean over images and pixels; wanted is the sum over the pixels, one number for each image",
         whole.mean()),
        ("this is averaged over the batch; wanted is one number for each image", true.mean()),
        ("the batch is summed and the pixels are left apart: sum over all dimensions but the first",
         each().sum(0)),
        ("each pixel is left apart: sum over all dimensions but the first", each()),
        ("the sign is turned round: this is +log p", -true),
        ("½ is missing before the square: (x − mean)²/(2σ²)", true + error / (2 * logvar.exp())),
        ("log σ is missing: without it a larger σ would always be better", true - pixels * logvar / 2),
        ("the log σ belongs to every pixel, before the sum", true - (pixels - 1) * logvar / 2),
        ("½ log 2π is missing, once for every pixel", true - pixels * LOG_2PI / 2),
        ("½ log 2π belongs to every pixel, before the sum", true - (pixels - 1) * LOG_2PI / 2),
        ("log σ and ½ log 2π belong to every pixel, before the sum",
         true - (pixels - 1) * (logvar / 2 + LOG_2PI / 2)),
        ("this is log σ² where log σ is wanted", true + pixels * logvar / 2),
        ("this is the square alone; a density has −log σ − ½ log 2π for every pixel too",
         error / (2 * logvar.exp())),
        ("the root of the squared error is no likelihood: leave the square as it is",
         error.sqrt() / (2 * logvar.exp()) + pixels * (logvar / 2 + LOG_2PI / 2)),
    )
    for text, wrong in misreadings(kind, logvar):
        name_mistake(got, (text, each(wrong, wrong).flatten(1).sum(1)),
                     (f"in the square: {text}", each(in_square=wrong).flatten(1).sum(1)),
                     (f"in the term log σ: {text}", each(in_log=wrong).flatten(1).sum(1)))
    require(close(tensor(got, shape=(n,)), true, rtol=1e-3),
            "the numbers are off: for every pixel (x − mean)²/(2σ²) + log σ + ½ log 2π, summed over an image's pixels")


@exercise("03_log_mean", "The plain Monte Carlo estimate of log p(x), safe from underflow.")
def log_mean(answer, generator):
    """``answer(log_likelihood)``: from log p(x | zₛ), (N, S) with zₛ from the prior, the estimate of log p(x), (N,)."""
    n, s = between(3, 6, generator), between(10, 20, generator)
    log_p = -2 - 2 * torch.rand(n, s, generator=generator)
    got = tensor(ask(answer, log_p))
    true = log_p.logsumexp(1) - math.log(s)
    name_mistake(
        got,
        ("this averages the logarithms: by Jensen that is too low. Average the likelihoods, then take the log",
         log_p.mean(1)),
        ("this is the sum of the likelihoods; the mean is wanted: subtract log S", log_p.logsumexp(1)),
        ("this adds up the logarithms; wanted is the log of the mean of the likelihoods", log_p.sum(1)),
        ("this is the mean likelihood; wanted is its logarithm", true.exp()),
        ("the mean is taken over the images; the samples stand along dim 1", log_p.logsumexp(0) - math.log(n)),
        ("this is one number for all; wanted is one for each image", log_p.flatten().logsumexp(0) - math.log(n * s)),
        ("this divides the logarithm by S; subtract log S", log_p.logsumexp(1) / s),
        ("here the log of S is added; dividing by S subtracts it", log_p.logsumexp(1) + math.log(s)),
        ("the sign is turned round: log p(x) is wanted, not −log p(x)", -true),
        ("this is the best sample's likelihood, not the mean", log_p.amax(1)),
        ("this takes off the log of the number of images; the mean goes over the samples",
         log_p.logsumexp(1) - math.log(n)),
    )
    require(close(tensor(got, shape=(n,)), true, atol=1e-5),
            "the numbers are off: log of the mean over dim 1 of exp(log-likelihood)")
    got = tensor(ask(answer, log_p - 500), shape=(n,))
    require(got.isfinite().all(), "right for small numbers; but images have log-likelihoods of −500, whose exp is 0 in "
                                  "float32. Use torch.logsumexp")
    require(close(got, true - 500, rtol=1e-4), "for log-likelihoods around −500 the numbers are off")


@exercise("03_elbo", "One draw of this number, with its sign turned, is what every VAE minimises.")
def bound(answer, generator):
    """``answer(log_likelihood, log_prior, log_q)``, each (N, S) at draws of q: the ELBO of each image, (N,)."""
    n, s = between(3, 6, generator), between(7, 12, generator)
    log_lik, log_prior, log_q = (
        low + torch.randn(n, s, generator=generator) for low in (-90.0, -4.0, 2.0)
    )
    got = tensor(ask(answer, log_lik, log_prior, log_q))
    inside = log_lik + log_prior - log_q
    true = inside.mean(1)
    name_mistake(
        got,
        ("the mean is taken over the images; the samples stand along dim 1", inside.mean(0)),
        ("this is one number for all; wanted is one for each image", inside.mean()),
        ("these are the single draws; wanted is their mean, one number for each image", inside),
        ("this is the sum over the draws; an expectation is their mean", inside.sum(1)),
        ("−log q is missing: without it q may shrink to a point for nothing", (log_lik + log_prior).mean(1)),
        ("log q has the wrong sign: the KL is E[log q − log p(z)], and it is subtracted",
         (log_lik + log_prior + log_q).mean(1)),
        ("the prior has the wrong sign: the KL is E[log q − log p(z)], and it is subtracted",
         (log_lik - log_prior - log_q).mean(1)),
        ("the KL is added here; it must be subtracted", (log_lik - log_prior + log_q).mean(1)),
        ("log p(z) is missing: nothing holds the codes near the prior", (log_lik - log_q).mean(1)),
        ("this is the reconstruction term alone", log_lik.mean(1)),
        ("this is the KL alone", (log_q - log_prior).mean(1)),
        ("the sign is turned round: this is the loss, the negative ELBO", -true),
        ("this is the log of a mean, a tighter bound than the ELBO (you will meet it below); wanted is the mean of "
         "the logs", inside.logsumexp(1) - math.log(s)),
        ("the draws came from q already: do not weigh them with q once more", (log_q.exp() * inside).sum(1)),
    )
    require(close(tensor(got, shape=(n,)), true, atol=1e-4),
            "the numbers are off: the mean over the draws of log p(x|z) + log p(z) − log q(z)")


@exercise("03_beta", "You can now read a β off any squared-error VAE.")
def beta_of_sigma(answer, generator):
    """``answer(sigma)``: the β for which Σ(x − x̂)² + β KL has the minima of −ELBO with a Gaussian decoder of spread σ."""
    logvar = 2 * (0.2 + 0.5 * torch.rand((), generator=generator)).log()
    kind = spread_kind(answer, 0, "sigma")
    got = tensor(ask(answer, spread(kind, logvar).item()))
    var = logvar.exp()
    name_mistake(
        got,
        ("½ is missing: the squared error comes with 1/(2σ²)", var),
        ("this is upside down: it is the weight of the squared error; divide both terms by it", 1 / (2 * var)),
        ("upside down, and ½ is missing: the squared error comes with 1/(2σ²); divide both terms by that", 1 / var),
        ("½ stands on the wrong side: multiply both terms by 2σ²", var / 2),
        ("this is 2σ where 2σ² is wanted", 2 * (logvar / 2).exp()),
    )
    for text, wrong in misreadings(kind, logvar):
        name_mistake(got, (text, 2 * wrong.exp()))
    require(close(tensor(got, shape=()), 2 * var), "the number is off: multiply 1/(2σ²) Σ(x − x̂)² + KL by whatever "
                                                   "makes the first term the bare squared error")
