"""Checks of notebook 03."""

import math

import torch

from vae_helpers.checks.parameters import (
    OFF_BELOW_1,
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
from vae_helpers.checks.verdict import exercise, require, tensor

LOG_2PI = math.log(2 * math.pi)
C = LOG_2PI / 2


@exercise("03_image_nll", "Squared error, in the unit in which it may be added to a KL.")
def image_nll(answer, generator):
    """``answer(mean, x, sigma)``: −log p(x | z) of a Gaussian decoder, shape (N,). σ may be σ, σ² or logvar."""
    kind = spread_kind(answer, 2, "sigma")

    def case(side, low, high):
        n = between(3, 6, generator)
        mean, x = (torch.rand(n, 1, side, side + 1, generator=generator) for _ in range(2))
        pixels = side * (side + 1)
        logvar = uniform(low, high, (), generator)
        got = tensor(ask(answer, mean, x, spread(kind, logvar)))

        def each(in_square=logvar, in_log=logvar):
            return (x - mean) ** 2 / (2 * in_square.exp()) + in_log / 2 + C

        right, s = each(), logvar / 2
        square = right - s - C
        true = right.flatten(1).sum(1)
        forms = [
            ("", right),
            ("the sign is turned round: this is +log p", -right),
            ("½ is missing before the square: (x − mean)²/(2σ²)", right + square),
            ("log σ is missing: without it a larger σ would always be better", right - s),
            ("this is −log σ where + log σ is wanted", right - 2 * s),
            ("this is log σ² where log σ is wanted (or ½ log σ²)", right + s),
            ("this is ½ log σ where log σ is wanted (or ½ log σ²)", right - s / 2),
            ("½ log 2π is missing, once for every pixel", right - C),
            ("the constants are counted for the pixels of the whole batch; wanted are those of one picture",
             square + n * (s + C)),
            ("the constant is ½ log 2π, with its ½", right + C),
            ("the constant has the wrong sign: it is + ½ log 2π", right - 2 * C),
            ("½ is missing before log(2πσ²): it comes from a root", right + s + C),
            ("this is the square alone; log σ and ½ log 2π are missing, for every pixel", square),
            ("this is the bare squared error: divide by 2σ², add log σ and ½ log 2π", (x - mean) ** 2),
            ("the difference x − mean is not squared", (x - mean) / (2 * logvar.exp()) + s + C),
            ("the difference x − mean is not squared", (mean - x) / (2 * logvar.exp()) + s + C),
            ("the difference x − mean is not squared", (x - mean).abs() / (2 * logvar.exp()) + s + C),
        ]
        for text, wrong in misreadings(kind, logvar):
            forms += [(text, each(wrong, wrong)), (f"in the square, {text}", each(in_square=wrong)),
                      (f"in the term log σ, {text}", each(in_log=wrong))]
        forms += [("the square is divided by 2σ; divide it by 2σ²", each(in_square=s))]
        reductions = [
            ("", lambda values: values.flatten(1).sum(1)),
            ("this is the mean over the pixels; sum them: independent pixels multiply, their logs add",
             lambda values: values.flatten(1).mean(1)),
            ("this is the sum over the batch too; wanted is one number for each image", torch.sum),
            ("this is one mean over all; sum over the pixels, one number for each image", torch.mean),
            ("this is averaged over the batch; wanted is one number for each image",
             lambda values: values.flatten(1).sum(1).mean()),
            ("the batch is summed, the pixels are left apart: sum over all dimensions but the first",
             lambda values: values.sum(0)),
            ("each pixel is left apart: sum over all dimensions but the first", lambda values: values),
            ("the rows are left apart: sum over all dimensions but the first", lambda values: values.sum(-1)),
            ("the columns are left apart: sum over all dimensions but the first", lambda values: values.sum(-2)),
        ]
        error = square.flatten(1).sum(1)
        mistakes = combined(forms, reductions)
        mistakes += [
            ("log σ belongs to every pixel, before the sum", true - (pixels - 1) * s),
            ("½ log 2π belongs to every pixel, before the sum", true - (pixels - 1) * C),
            ("log σ and ½ log 2π belong to every pixel, before the sum", true - (pixels - 1) * (s + C)),
            ("the square is averaged over the pixels; sum it, as log σ and ½ log 2π are summed",
             error / pixels + pixels * (s + C)),
            ("the root of the squared error is no likelihood: leave the square as it is",
             ((x - mean) ** 2).flatten(1).sum(1).sqrt() / (2 * logvar.exp()) + pixels * (s + C)),
        ]
        return got, true, mistakes

    off = "the numbers are off: for every pixel (x − mean)²/(2σ²) + log σ + ½ log 2π, summed over an image's pixels"
    settle([case(side, 0.3, 1.2) for side in (4, 6)], off)
    settle([unnamed(case(5, -2, -0.6))], OFF_BELOW_1)


@exercise("03_log_mean", "The plain Monte Carlo estimate of log p(x), safe from underflow.")
def log_mean(answer, generator):
    """``answer(log_likelihood)``: from log p(x | zₛ), (N, S) with zₛ from the prior, the estimate of log p(x), (N,)."""

    def case():
        n, s = between(3, 6, generator), between(10, 20, generator)
        log_p = uniform(-4, -2, (n, s), generator)
        true = log_p.logsumexp(1) - math.log(s)
        mistakes = [
            ("this averages the logarithms: by Jensen that is too low. Average the likelihoods, then take the log",
             log_p.mean(1)),
            ("this is the log of the likelihoods' sum; wanted is that of their mean: subtract log S",
             log_p.logsumexp(1)),
            ("this adds up the logarithms; wanted is the log of the mean of the likelihoods", log_p.sum(1)),
            ("this adds up the logarithms; wanted is the log of the mean of the likelihoods",
             log_p.sum(1) - math.log(s)),
            ("this is the mean likelihood; wanted is its logarithm", true.exp()),
            ("this is the sum of the likelihoods; wanted is the logarithm of their mean", log_p.exp().sum(1)),
            ("the mean is taken over the images; the samples stand along dim 1", log_p.logsumexp(0) - math.log(n)),
            ("the likelihoods are summed over the images; the samples stand along dim 1", log_p.logsumexp(0)),
            ("the likelihoods are summed over the images; the samples stand along dim 1",
             log_p.logsumexp(0) - math.log(s)),
            ("this averages logarithms, and over the images: wanted is the log of a mean over the samples, dim 1",
             log_p.mean(0)),
            ("this is one number for all; wanted is one for each image",
             log_p.flatten().logsumexp(0) - math.log(n * s)),
            ("this is one number for all; wanted is one for each image", true.mean()),
            ("this is one number for all; wanted is one for each image", true.sum()),
            ("this is one number for all, and a mean of logarithms: for each image take the log of the mean likelihood",
             log_p.mean()),
            ("this divides the logarithm by S; subtract log S", log_p.logsumexp(1) / s),
            ("this subtracts S; subtract log S", log_p.logsumexp(1) - s),
            ("here the log of S is added; dividing by S subtracts it", log_p.logsumexp(1) + math.log(s)),
            ("the sign is turned round: log p(x) is wanted, not −log p(x)", -true),
            ("this is the best sample's log-likelihood, not the log of the mean", log_p.amax(1)),
            ("this takes off the log of the number of images; the mean goes over the samples",
             log_p.logsumexp(1) - math.log(n)),
            ("this takes off the log of all N · S numbers; the mean goes over the S samples",
             log_p.logsumexp(1) - math.log(n * s)),
        ]
        return tensor(ask(answer, log_p)), true, mistakes, log_p

    cases = [case() for _ in range(2)]
    settle([named for *named, _ in cases],
           "the numbers are off: wanted is the log of the mean over dim 1 of exp(log-likelihood)")
    _, true, _, log_p = cases[0]
    got = tensor(ask(answer, log_p - 500), shape=true.shape)
    require(got.isfinite().all(), "right for small numbers; but images have log-likelihoods of −500, whose exp is 0 in "
                                  "float32. Use torch.logsumexp")
    # float32 keeps four digits behind the point at −500
    require(bool((got + 500 - true).abs().max() < 0.01), "right for small numbers, but off at −500, where exp is 0 in float32: use torch.logsumexp")


@exercise("03_elbo", "One draw of this number, with its sign turned, is what every VAE minimises.")
def bound(answer, generator):
    """``answer(log_likelihood, log_prior, log_q)``, each (N, S) at draws of q: the ELBO of each image, (N,)."""

    def case():
        n, s = between(3, 6, generator), between(7, 12, generator)
        log_lik, log_prior, log_q = (uniform(low, low + 3, (n, s), generator) for low in (-40, -6, 1))
        inside = log_lik + log_prior - log_q
        forms = [
            ("", inside),
            ("−log q is missing: without it q may shrink to a point for nothing", log_lik + log_prior),
            ("log q has the wrong sign: the KL is E[log q − log p(z)], and it is subtracted",
             log_lik + log_prior + log_q),
            ("the prior has the wrong sign: the KL is E[log q − log p(z)], and it is subtracted",
             log_lik - log_prior - log_q),
            ("the KL is added here; it must be subtracted", log_lik - log_prior + log_q),
            ("log p(z) is missing: nothing holds the codes near the prior", log_lik - log_q),
            ("this is the reconstruction term alone; the KL is missing", log_lik),
            ("log p(x|z) is missing: this is the KL alone", log_q - log_prior),
            ("log p(x|z) is missing: this is −KL alone", log_prior - log_q),
            ("the sign is turned round: this is the loss, the negative ELBO", -inside),
        ]
        reductions = [
            ("", lambda values: values.mean(1)),
            ("the mean is taken over the images; the samples stand along dim 1", lambda values: values.mean(0)),
            ("this is one number for all; wanted is one for each image", torch.mean),
            ("this is one number for all; wanted is one for each image", torch.sum),
            ("this is one number for all; wanted is one for each image", lambda values: values.sum(1).mean()),
            ("these are the single draws; wanted is their mean, one number for each image", lambda values: values),
            ("this is the sum over the draws; an expectation is their mean", lambda values: values.sum(1)),
            ("this is the sum over the images; wanted is the mean over the draws, dim 1",
             lambda values: values.sum(0)),
        ]
        log_of_mean = inside.logsumexp(1) - math.log(s)
        mistakes = combined(forms, reductions)
        mistakes += [
            ("this is the log of a mean, a tighter bound than the ELBO; wanted is the mean of the logs", log_of_mean),
            ("this is the log of a mean, a tighter bound than the ELBO, and one number for all", log_of_mean.mean()),
            ("this is the log of a sum; wanted is the mean of the logs", inside.logsumexp(1)),
            ("the draws came from q already: do not weigh them with q once more", (log_q.exp() * inside).sum(1)),
            ("the draws came from q already: do not weigh them with q once more", (log_q.exp() * inside).mean(1)),
        ]
        return tensor(ask(answer, log_lik, log_prior, log_q)), inside.mean(1), mistakes

    off = "the numbers are off: wanted is the mean over the draws of log p(x|z) + log p(z) − log q(z)"
    settle([case() for _ in range(2)], off)


@exercise("03_beta", "You can now read a β off any squared-error VAE.")
def beta_of_sigma(answer, generator):
    """``answer(sigma)``: the β for which Σ(x − x̂)² + β KL has the minima of −ELBO, the decoder's spread being σ."""
    kind = spread_kind(answer, 0, "sigma")

    def case(low, high):
        logvar = uniform(low, high, (), generator)
        var, sigma = logvar.exp(), (logvar / 2).exp()
        mistakes = [(text, 2 * wrong.exp()) for text, wrong in misreadings(kind, logvar)]
        mistakes += [
            ("½ is missing: the squared error comes with 1/(2σ²)", var),
            ("this is upside down: it is the weight of the squared error; divide both terms by it", 1 / (2 * var)),
            ("upside down, and ½ is missing: the squared error comes with 1/(2σ²); divide both terms by that", 1 / var),
            ("upside down, and the 2 stands above: the squared error comes with 1/(2σ²)", 2 / var),
            ("½ stands on the wrong side: multiply both terms by 2σ²", var / 2),
            ("this is 2σ where 2σ² is wanted", 2 * sigma),
            ("this is σ where 2σ² is wanted", sigma),
            ("the 2 is squared too: 2σ² is 2 · σ², not (2σ)²", 4 * var),
            ("this is the root of it: β is 2σ²", (2 * var).sqrt()),
            ("the sign is turned round: β is above 0", -2 * var),
        ]
        return tensor(ask(answer, spread(kind, logvar))), 2 * var, mistakes

    settle([case(0.3, 0.6), case(0.7, 1), case(1.1, 1.4)],
           "the number is off: multiply 1/(2σ²) Σ(x − x̂)² + KL by what makes the first term the bare squared error")
    settle([unnamed(case(-3, -0.5))], OFF_BELOW_1)
