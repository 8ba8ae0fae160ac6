"""Checks of notebook 04."""

import math

import torch

from vae_helpers.checks.parameters import ask, between, misreadings, name_mistake, spread, spread_kind
from vae_helpers.checks.verdict import close, exercise, require, tensor


def _distributions(n, k, generator):
    p = 0.1 + torch.rand(n, k, generator=generator)
    return p / p.sum(1, keepdim=True)


@exercise("04_discrete", "Nats above the least that coding p can cost: never below zero.")
def discrete_kl(answer, generator):
    """``answer(p, q)`` for two lists of probabilities (K,): KL(p ‖ q) in nats, shape (). p may hold zeros."""
    k = between(3, 6, generator)
    p, q = _distributions(2, k, generator)
    got = tensor(ask(answer, p, q))
    true, reverse = (p * (p / q).log()).sum(), (q * (q / p).log()).sum()
    name_mistake(
        got,
        ("this is KL(q ‖ p): the arguments are exchanged. The mean is taken over p", reverse),
        ("these are the single terms; wanted is their sum", p * (p / q).log()),
        ("the sign is turned round", -true),
        ("this is in bits; nats are wanted: take log, not log2", true / math.log(2)),
        ("this is the cross-entropy; subtract the entropy of p", -(p * q.log()).sum()),
        ("this is the entropy of p: q plays no part", -(p * p.log()).sum()),
        ("the p in front is missing: each term counts with its probability", (p / q).log().sum()),
        ("this is a mean over the symbols; weighed with p, the terms are summed", (p * (p / q).log()).mean()),
        ("the weights are q's; the mean is taken over p", (q * (p / q).log()).sum()),
        ("here p and q are exchanged inside the log, so that the sign is turned round", (p * (q / p).log()).sum()),
        ("this adds up both directions; wanted is KL(p ‖ q) alone", true + reverse),
    )
    require(close(tensor(got, shape=()), true, atol=1e-5), "the number is off: Σ p (log p − log q)")
    p[0] = 0
    p = p / p.sum()
    got = tensor(ask(answer, p, q))
    require(not got.isnan().any(), "right, but nan for a p that holds a zero: 0 · log 0 counts as 0. Leave out the "
                                   "terms with p = 0, or use torch.xlogy")
    require(close(got, torch.special.xlogy(p, p / q).sum(), atol=1e-4), "the number is off where p holds a zero")


@exercise("04_kl", "This is the second term of the VAE's loss, and the most often miswritten line of it.")
def kl_to_normal(answer, generator):
    """``answer(mu, logvar)``, both (N, d): KL(N(μ, σ²) ‖ N(0, I)) of each image, (N,). The second may be σ, σ² or logvar."""
    n, d = between(4, 7, generator), between(2, 3, generator)
    mu = 0.5 + torch.rand(n, d, generator=generator)
    logvar = -0.5 - 1.5 * torch.rand(n, d, generator=generator)
    kind = spread_kind(answer, 1, "logvar")
    got = tensor(ask(answer, mu, spread(kind, logvar)))

    def each(in_var=logvar, in_log=logvar):
        return (mu**2 + in_var.exp() - in_log - 1) / 2

    var, true = logvar.exp(), each().sum(1)
    require(not got.isnan().any(), "a nan: is a logarithm taken of a negative number?")
    name_mistake(
        got,
        ("the ½ is missing: this is twice the KL", 2 * true),
        ("the sign is turned round: a KL is never negative", -true),
        ("the ½ is missing and the sign is turned round", -2 * true),
        ("the log has the wrong sign: with + log σ² there is no lower bound, and σ runs to 0",
         (mu**2 + var + logvar - 1).sum(1) / 2),
        ("two signs are wrong: it is σ² + μ² − 1 − log σ²", (1 + var - mu**2 - logvar).sum(1) / 2),
        ("μ² has the wrong sign: it costs to leave the middle", (-(mu**2) + var - logvar - 1).sum(1) / 2),
        ("σ² has the wrong sign", (mu**2 - var - logvar - 1).sum(1) / 2),
        ("this is +1 where −1 is wanted: at μ = 0, σ = 1 the KL is 0", (mu**2 + var - logvar + 1).sum(1) / 2),
        ("the −1 is missing: at μ = 0, σ = 1 the KL is 0", (mu**2 + var - logvar).sum(1) / 2),
        ("−log σ² is missing: nothing keeps σ from 0", (mu**2 + var - 1).sum(1) / 2),
        ("μ is not squared", (mu + var - logvar - 1).sum(1) / 2),
        ("this is log σ where log σ² is wanted", (mu**2 + var - logvar / 2 - 1).sum(1) / 2),
        ("this is σ where σ² is wanted", (mu**2 + var.sqrt() - logvar - 1).sum(1) / 2),
        ("this is the mean over the latents; they are independent, so their KLs add up", each().mean(1)),
        ("this is summed over the images; sum over the latents, dim 1, one number for each image", each().sum(0)),
        ("this is averaged over the images; sum over the latents, dim 1, one number for each image", each().mean(0)),
        ("this is one sum over images and latents; wanted is one number for each image", true.sum()),
        ("this is averaged over the batch already; wanted is one number for each image", true.mean()),
        ("this is one mean over images and latents; wanted is the sum over the latents, one for each image",
         each().mean()),
        ("this is one number for each latent; sum them, one number for each image", each()),
        ("this is KL(N(0, I) ‖ N(μ, σ²)): the arguments are exchanged",
         ((1 + mu**2) / var + logvar - 1).sum(1) / 2),
        ("the −1 is subtracted once for an image; it belongs to every latent", true + (d - 1) / 2),
    )
    for text, wrong in misreadings(kind, logvar):
        name_mistake(got, (text, each(wrong, wrong).sum(1)), (f"in the term σ²: {text}", each(in_var=wrong).sum(1)),
                     (f"in the term log σ²: {text}", each(in_log=wrong).sum(1)))
    require(close(tensor(got, shape=(n,)), true, atol=1e-5),
            "the numbers are off: ½ (μ² + σ² − log σ² − 1), summed over the latents of each image")


@exercise("04_kl_normal", "With p at N(0, I) it falls back to the line before.")
def kl_two_normals(answer, generator):
    """``answer(mu_q, logvar_q, mu_p, logvar_p)``, all (N, d): KL(q ‖ p), (N,). The spreads may be σ, σ² or logvar."""
    n, d = between(4, 7, generator), between(2, 3, generator)
    mu_q, mu_p = (torch.randn(n, d, generator=generator) for _ in range(2))
    lv_q, lv_p = (low - torch.rand(n, d, generator=generator) for low in (-0.2, 1.0))
    kind_q, kind_p = spread_kind(answer, 1, "logvar"), spread_kind(answer, 3, "logvar")
    got = tensor(ask(answer, mu_q, spread(kind_q, lv_q), mu_p, spread(kind_p, lv_p)))

    def each(lv_q=lv_q, lv_p=lv_p, swap=False):
        if swap:
            lv_q, lv_p = lv_p, lv_q
        return (lv_p - lv_q + (lv_q.exp() + (mu_q - mu_p) ** 2) / lv_p.exp() - 1) / 2

    true = each().sum(1)
    require(not got.isnan().any(), "a nan: is a logarithm taken of a negative number?")
    name_mistake(
        got,
        ("this is KL(p ‖ q): the arguments are exchanged. The mean is taken over q", each(swap=True).sum(1)),
        ("the ½ is missing: this is twice the KL", 2 * true),
        ("the sign is turned round: a KL is never negative", -true),
        ("the logarithms are exchanged: it is log σ_p² − log σ_q²", (each() - lv_p + lv_q).sum(1)),
        ("the −1 is missing: at q = p the KL is 0", (each() + 0.5).sum(1)),
        ("the −1 belongs to every latent", true + (d - 1) / 2),
        ("the distance of the means must be measured in p's spread: divide its square by σ_p² too",
         ((lv_p - lv_q + lv_q.exp() / lv_p.exp() + (mu_q - mu_p) ** 2 - 1) / 2).sum(1)),
        ("the distance of the means is divided by σ_q²; measure it in p's spread",
         ((lv_p - lv_q + lv_q.exp() / lv_p.exp() + (mu_q - mu_p) ** 2 / lv_q.exp() - 1) / 2).sum(1)),
        ("the distance of the means is not squared",
         ((lv_p - lv_q + (lv_q.exp() + mu_q - mu_p) / lv_p.exp() - 1) / 2).sum(1)),
        ("here the means are added: it is (μ_q − μ_p)²",
         ((lv_p - lv_q + (lv_q.exp() + (mu_q + mu_p) ** 2) / lv_p.exp() - 1) / 2).sum(1)),
        ("this is log σ where log σ² is wanted: ½ (log σ_p² − log σ_q²)", (each() - (lv_p - lv_q) / 4).sum(1)),
        ("the ratio of the spreads is upside down: it is σ_q²/σ_p²",
         ((lv_p - lv_q + lv_p.exp() / lv_q.exp() + (mu_q - mu_p) ** 2 / lv_p.exp() - 1) / 2).sum(1)),
        ("this is the mean over the latents; they are independent, so their KLs add up", each().mean(1)),
        ("this is summed over the images; sum over the latents, dim 1, one number for each image", each().sum(0)),
        ("this is one sum over images and latents; wanted is one number for each image", true.sum()),
        ("this is averaged over the batch already; wanted is one number for each image", true.mean()),
        ("this is one mean over everything; wanted is the sum over the latents, one for each image", each().mean()),
        ("this is one number for each latent; sum them, one number for each image", each()),
    )
    for (text, wrong_q), (_, wrong_p) in zip(misreadings(kind_q, lv_q), misreadings(kind_p, lv_p)):
        name_mistake(got, (text, each(wrong_q, wrong_p).sum(1)))
    require(close(tensor(got, shape=(n,)), true, rtol=1e-3, atol=1e-4),
            "the numbers are off: ½ (log σ_p² − log σ_q² + (σ_q² + (μ_q − μ_p)²)/σ_p² − 1), summed over the latents")


@exercise("04_monte_carlo", "An estimate without its error bar is a rumour.")
def kl_monte_carlo(answer, generator):
    """``answer(log_q, log_p)`` at S draws of q, both (S,): the estimate of KL(q ‖ p) and its standard error."""
    s = between(30, 60, generator)
    log_q = torch.randn(s, generator=generator)
    log_p = log_q - 0.4 - 0.5 * torch.randn(s, generator=generator)
    got = ask(answer, log_q, log_p)
    require(got is not None and got is not Ellipsis, "your function gives back None: is a `return` missing?")
    try:
        estimate, error = got
    except (TypeError, ValueError):
        require(False, "wanted are two numbers, the estimate and its standard error: `return estimate, error`")
    estimate, error = tensor(estimate, "the estimate"), tensor(error, "the standard error")
    ratio = log_q - log_p
    name_mistake(
        estimate,
        ("the sign is turned round: KL(q ‖ p) averages log q − log p", -ratio.mean()),
        ("this is the sum; a mean over the draws is wanted", ratio.sum()),
        ("do not weigh with q: the draws came from q, so each counts alike", (log_q.exp() * ratio).sum()),
        ("do not weigh with q: the draws came from q, so each counts alike", (log_q.exp() * ratio).mean()),
        ("these are the single terms; their mean is wanted", ratio),
        ("the mean is taken of log q alone; log p is missing", log_q.mean()),
        ("this is the log of a mean; wanted is the mean of the logs", ratio.exp().mean().log()),
        ("this is the mean of the ratio; wanted is the mean of its log", ratio.exp().mean()),
    )
    require(close(tensor(estimate, "the estimate", ()), ratio.mean(), atol=1e-5),
            "the estimate is off: the mean of log q − log p over the draws")
    for spread in (ratio.std(), ratio.std(correction=0)):
        name_mistake(
            error,
            ("this is the spread of a single term; the mean's is smaller by √S", spread),
            ("this divides by S; the error of a mean falls with √S", spread / s),
            ("this is the square of the error: the root is missing", spread**2 / s),
            ("this is the variance of a single term; wanted is the standard deviation over √S", spread**2),
            ("this multiplies by √S; the error of a mean falls with it", spread * s**0.5),
        )
    # with S − 1 or with S, both are in use
    require(close(tensor(error, "the standard error", ()), ratio.std() / s**0.5, rtol=0.02),
            "the standard error is off: the standard deviation of log q − log p over √S")


@exercise("04_kl_div", "Logarithms first, the target second, `batchmean`: now it cannot turn negative.")
def kl_div_call(answer, generator):
    """``answer(p, q)``, both (N, K) with rows that sum to 1: the mean over the rows of KL(p ‖ q), shape ()."""
    n, k = between(3, 6, generator), between(7, 9, generator)
    p, q = _distributions(n, k, generator), _distributions(n, k, generator)
    got = tensor(ask(answer, p, q))
    rows = (p * (p / q).log()).sum(1)
    reverse = (q * (q / p).log()).sum(1)
    raw, raw_reverse = p * (p.log() - q), q * (q.log() - p)
    name_mistake(
        got,
        ("this is KL(q ‖ p): F.kl_div takes the logarithm of the model q first, the target p second", reverse.mean()),
        ("q goes in as its logarithm: F.kl_div(q.log(), p, …)", raw.sum() / n),
        ("q goes in as its logarithm, and reduction='mean' divides by the classes too", raw.mean()),
        ("q goes in as its logarithm, and the batch is summed", raw.sum()),
        ("the first argument is a logarithm, q.log(), and the second is p", raw_reverse.sum() / n),
        ("the first argument is a logarithm, q.log(), the second is p; and reduction='mean' divides by the classes "
         "too", raw_reverse.mean()),
        ("reduction='mean', the default, divides by the number of classes too; take 'batchmean'", rows.sum() / (n * k)),
        ("reduction='mean' divides by the classes too, and this is KL(q ‖ p)", reverse.sum() / (n * k)),
        ("reduction='sum' leaves the batch summed; take 'batchmean'", rows.sum()),
        ("this is one number for each row; wanted is their mean", rows),
        ("the sign is turned round", -rows.mean()),
    )
    require(not got.isnan().any(), "a nan: a logarithm of a logarithm? Only the first argument goes in as its log")
    require(close(tensor(got, shape=()), rows.mean(), atol=1e-5),
            'the number is off: F.kl_div(q.log(), p, reduction="batchmean")')
