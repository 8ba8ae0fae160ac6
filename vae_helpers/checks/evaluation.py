"""Checks of notebook 05, evaluation: log p(x) by importance sampling, active units, the floor of the loss."""

import math

import torch
from torch.nn import functional as F

from vae_helpers.checks.parameters import ask, between, combined, settle, uniform
from vae_helpers.checks.verdict import Mistake, close, exercise, require, tensor


@exercise("05_importance_log_p", "With k = 1 it is a draw of the ELBO; with each more it comes closer to log p(x).")
def importance_log_p(answer, generator):
    """``answer(log_p_x_given_z, log_p_z, log_q_z)``, each (N, k) at draws of q: the estimate of log p(x), (N,)."""

    def case(k):
        n = between(3, 6, generator)
        log_lik, log_prior, log_q = (uniform(low, low + 2, (n, k), generator) for low in (-2, -1.5, -1))
        inside = log_lik + log_prior - log_q
        forms = [
            ("", inside),
            ("log q(z|x) is missing: divide by the density that the draws came from", log_lik + log_prior),
            ("log q(z|x) has the wrong sign: the weight is p(x|z) p(z) / q(z|x)", log_lik + log_prior + log_q),
            ("log p(z) is missing: the weight is p(x|z) p(z) / q(z|x)", log_lik - log_q),
            ("p(z) and q(z|x) are missing: right for draws of the prior, but these come from q", log_lik),
            ("log p(z) has the wrong sign: the weight is p(x|z) p(z) / q(z|x)", log_lik - log_prior - log_q),
            ("p(z)/q(z|x) is upside down: the weight is p(x|z) p(z) / q(z|x)", log_lik - log_prior + log_q),
            ("log p(x|z) is missing: the picture plays no part", log_prior - log_q),
        ]
        one_for_all = "this is one number for all; wanted is one for each image"
        over_images = "the sum goes over the images; the draws stand along dim 1"

        def estimate(values):
            return values.logsumexp(1) - math.log(k)

        reductions = [
            ("", estimate),
            ("this averages the logs, which is the ELBO; wanted is the log of the mean, logsumexp − log k",
             lambda values: values.mean(1)),
            ("log k is missing: this is the log of the weights' sum, wanted is that of their mean",
             lambda values: values.logsumexp(1)),
            ("this adds up the logs; wanted is the log of the weights' mean", lambda values: values.sum(1)),
            ("this is p(x); wanted is its logarithm", lambda values: estimate(values).exp()),
            ("this is the sum of the weights; wanted is the log of their mean", lambda values: values.exp().sum(1)),
            ("this is the best draw alone; wanted is the log of the mean over all", lambda values: values.amax(1)),
            (over_images, lambda values: values.logsumexp(0) - math.log(n)),
            (over_images, lambda values: values.logsumexp(0) - math.log(k)),
            (over_images, lambda values: values.logsumexp(0)),
            ("this averages logs, and over the images: wanted is the log of the mean over the draws, dim 1",
             lambda values: values.mean(0)),
            (one_for_all, lambda values: estimate(values).mean()),
            (one_for_all, lambda values: estimate(values).sum()),
            (one_for_all, lambda values: values.flatten().logsumexp(0) - math.log(n * k)),
            ("this is one number for all, and a mean of logs: that is the ELBO", torch.mean),
            ("this divides the logarithm by k; subtract log k", lambda values: values.logsumexp(1) / k),
            ("this subtracts k; subtract log k", lambda values: values.logsumexp(1) - k),
            ("here log k is added; dividing by k subtracts it", lambda values: values.logsumexp(1) + math.log(k)),
            ("this subtracts the log of the number of images; the mean goes over the k draws",
             lambda values: values.logsumexp(1) - math.log(n)),
            ("the sign is turned round: log p(x) is wanted, not −log p(x)", lambda values: -estimate(values)),
            ("these are the single log-weights: wanted is the log of their mean", lambda values: values),
        ]
        mistakes = combined(forms, reductions)
        mistakes += [
            ("p(z)/q(z|x) is averaged apart: each draw has its own weight, so add the logs before logsumexp",
             estimate(log_lik) + estimate(log_prior - log_q)),
            ("p(z)/q(z|x) is averaged apart: each draw has its own weight, so add the logs before logsumexp",
             estimate(log_lik) + (log_prior - log_q).mean(1)),
            ("the terms are averaged one by one: each draw has its own weight, so add the logs before logsumexp",
             estimate(log_lik) + estimate(log_prior) - estimate(log_q)),
        ]
        return tensor(ask(answer, log_lik, log_prior, log_q)), estimate(inside), mistakes, (log_lik, log_prior, log_q)

    cases = [case(k) for k in (8, 12, 15)]
    settle([named for *named, _ in cases],
           "the numbers are off: wanted is logsumexp over dim 1 of log p(x|z) + log p(z) − log q(z|x), less log k")
    _, true, _, (log_lik, log_prior, log_q) = cases[0]
    got = tensor(ask(answer, log_lik - 500, log_prior, log_q), shape=true.shape)
    require(got.isfinite().all(), "right for small numbers; but images have log-likelihoods of −500, whose exp is 0 in "
                                  "float32. Use torch.logsumexp")
    # float32 keeps four digits behind the point at −500
    require(bool((got + 500 - true).abs().max() < 0.01),
            "right for small numbers, but off at −500, where exp is 0 in float32: use torch.logsumexp")


@exercise("05_active_units", "The others say nothing about the picture: their μ is the same for every image.")
def active_units(answer, generator):
    """``answer(mu)``, (N, d): how many columns have a variance over the images above 0.01."""

    def case(wide, narrow, trapped, shifted, still):
        """Each argument: at least and at most how many latents of that kind."""
        n = between(50, 80, generator)
        kinds = [  # how many, their mean, the bounds of their standard deviation
            (wide, 0, (0.5, 1.2)),
            (narrow, 0, (0.16, 0.25)),  # a variance between 0.01 and 0.1
            (trapped, 0, (0.03, 0.07)),  # a standard deviation above 0.01, a variance below
            (shifted, 1.5, (0.001, 0.003)),  # dead, though its mean is not 0
            (still, 0, (0.001, 0.003)),
        ]
        columns = []
        for bounds, mean, spreads in kinds:
            for _ in range(between(*bounds, generator)):
                noise = torch.randn(n, generator=generator)
                noise = (noise - noise.mean()) / noise.std()
                columns.append(mean + uniform(*spreads, (), generator) * noise)
        d = len(columns)
        mu = torch.stack(columns, 1)[:, torch.randperm(d, generator=generator)]
        var = mu.var(0)
        active = var > 0.01
        forms = [
            ("", active),
            ("the variance is taken over the latents; wanted is that over the images, dim 0", mu.var(1) > 0.01),
            ("the standard deviation is held against 0.01; the threshold is for the variance, its square",
             mu.std(0) > 0.01),
            ("the standard deviation is taken, and over the latents; wanted is the variance over the images, dim 0",
             mu.std(1) > 0.01),
            ("this counts where the mean of |μ| is above 0.01; a dead latent may sit off the middle: take the variance",
             mu.abs().mean(0) > 0.01),
            ("this counts where the mean of μ is off 0; a dead latent may sit there too: take the variance",
             mu.mean(0).abs() > 0.01),
            ("this counts where the mean of μ is off 0; a dead latent may sit there too: take the variance",
             mu.mean(0) ** 2 > 0.01),
            ("this counts where the mean of μ² is above 0.01; the variance takes off the mean first: a dead latent may "
             "sit off the middle", mu.square().mean(0) > 0.01),
            ("this counts the dead ones; wanted are those above 0.01", var < 0.01),
            ("the variance is held against 0.1; the threshold is 0.01", var > 0.1),
            ("the variance is held against 0: noise alone is above that, so take 0.01", var > 0),
            ("this is one variance of all numbers; take that of each column", mu.var() > 0.01),
        ]
        counts = [
            ("", lambda mask: mask.sum()),
            ("this is a mask; count its True: `.sum()`", lambda mask: mask),
            ("this is the share of the active ones; wanted is their number", lambda mask: mask.double().mean()),
            ("these are the columns' indices; count them", lambda mask: torch.atleast_1d(mask).nonzero().flatten()),
            ("these are the columns' indices; count them", lambda mask: torch.atleast_1d(mask).nonzero()),
        ]
        mistakes = combined(forms, counts)
        mistakes += [(f"these are the {what} themselves; count the variances above 0.01", value)
                     for what, value in [("variances", var), ("variances", mu.var(0, correction=0)),
                                         ("standard deviations", mu.std(0))]]
        mistakes += [("the variances are added up; count those above 0.01", var.sum()),
                     ("this adds up the variances above 0.01; count them", var[active].sum())]
        return tensor(ask(answer, mu)), active.sum(), mistakes

    # more dead than active latents, then the reverse
    settle([case((1, 2), (2, 3), (2, 2), (3, 4), (3, 4)), case((3, 4), (4, 5), (1, 2), (1, 2), (1, 2))],
           "the number is off: wanted is how many columns have a variance over the images, dim 0, above 0.01")


@exercise("05_grey_floor", "No decoder gets below it, however long it trains: that part is the images' own.")
def grey_floor(answer, generator):
    """``answer(x)``, (N, 1, H, W) in [0, 1]: the mean over the images of their pixels' summed entropy in nats, ()."""

    def case(side):
        n = between(4, 7, generator)
        x = uniform(0.03, 0.97, (n, 1, side, side + 1), generator)
        white, black = -x * x.log(), -(1 - x) * (1 - x).log()
        share = x / x.sum((1, 2, 3), keepdim=True)
        forms = [
            ("", white + black),
            ("the sign is turned round: an entropy is not below 0", -white - black),
            ("−(1 − x) log(1 − x) is missing: a pixel may come out black too", white),
            ("−x log x is missing: a pixel may come out white too", black),
            ("this is in bits; nats are wanted: take log, not log2", (white + black) / math.log(2)),
            ("this takes log10; the natural logarithm is wanted", (white + black) / math.log(10)),
            ("x and 1 − x are exchanged under the logs: it is −x log x − (1 − x) log(1 − x)",
             -x * (1 - x).log() - (1 - x) * x.log()),
            ("these are the logs alone; weigh them with x and 1 − x", -x.log() - (1 - x).log()),
            ("the two terms are subtracted; wanted is their sum", white - black),
            ("x is no logit: the decoder that gives every pixel its own grey has x for its probabilities",
             F.binary_cross_entropy_with_logits(x, x, reduction="none")),
            ("this is the entropy of x.sigmoid(); x is a probability already",
             torch.special.entr(x.sigmoid()) + torch.special.entr((-x).sigmoid())),
            ("the pixels are no shares of one whole: each is a probability of its own, with an entropy of its own",
             torch.special.entr(share)),
            ("this is the variance of the pixels; wanted is their entropy", x * (1 - x)),
        ]
        reductions = [
            ("", lambda values: values.sum() / n),
            ("this is the mean over the pixels too; sum over them, then average over the images", torch.mean),
            ("this is the sum over the images too; average over them", torch.sum),
            ("this is one number for each image; wanted is their mean", lambda values: values.flatten(1).sum(1)),
            ("this is the mean over the pixels, for each image: sum over pixels, average over images",
             lambda values: values.flatten(1).mean(1)),
            ("the pixels are left apart: sum over them, then average over the images", lambda values: values.mean(0)),
            ("each number is left apart: sum over the pixels, then average over the images", lambda values: values),
            ("this sums over rows or columns alone: sum over all dimensions but the first",
             lambda values: values.sum(-1).mean()),
            ("this sums over rows or columns alone: sum over all dimensions but the first",
             lambda values: values.sum(-2).mean()),
        ]
        mistakes = combined(forms, reductions)
        middle = x.mean(0, keepdim=True)
        entropy = torch.special.entr(middle) + torch.special.entr(1 - middle)
        mistakes += [
            ("this is the entropy of the mean image; wanted is the mean of the images' own entropies", entropy.sum()),
            ("this is the entropy of the mean image, averaged over the pixels; wanted is that of each image, summed",
             entropy.mean()),
        ]
        return tensor(ask(answer, x)), (white + black).sum() / n, mistakes

    nan = "a nan: a log is taken of a number below 0, and x lies between 0 and 1"
    settle([case(side) for side in (4, 5, 6)],
           "the number is off: wanted is −x log x − (1 − x) log(1 − x), summed over pixels, mean over the images", nan)
    x = uniform(0.03, 0.97, (between(4, 7, generator), 1, 8, 8), generator)
    x[:, :, :3], x[:, :, 3] = 0, 1  # half of the pixels are black or white, as in MNIST
    advice = "0 · log 0 counts as 0. Take torch.xlogy, or torch.special.entr"
    try:
        got = ask(answer, x)
    except (ArithmeticError, ValueError, RuntimeError) as error:
        raise Mistake(f"right, but {type(error).__name__} for pixels of 0 and 1: {advice}") from None
    got = tensor(got, shape=())
    require(got.isfinite(), f"right, but {got:g} for pixels of 0 and 1: {advice}")
    true = (torch.special.entr(x) + torch.special.entr(1 - x)).sum() / len(x)
    require(close(got, true, rtol=1e-3), f"off by {abs(got / true - 1):.1%} where pixels are 0 or 1: is x clamped, or "
                                         f"moved, by too much? {advice}")
