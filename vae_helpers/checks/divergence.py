"""Checks of notebook 04."""

import math

import torch

from vae_helpers.checks.parameters import (
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

PER_LATENT = [  # how numbers (N, d), one for each image and latent, may be brought together; the first is right
    ("", lambda values: values.sum(1)),
    ("this is the mean over the latents; they are independent, so their KLs add up", lambda values: values.mean(1)),
    ("this is the sum over the images; wanted is that over the latents, dim 1", lambda values: values.sum(0)),
    ("this is the mean over the images; wanted is the sum over the latents, dim 1", lambda values: values.mean(0)),
    ("this is one sum over images and latents; wanted is one number for each image", torch.sum),
    ("this is averaged over the batch already; wanted is one number for each image",
     lambda values: values.sum(1).mean()),
    ("this is one mean over all; sum over the latents, one number for each image", torch.mean),
    ("this is one number for each latent; sum them, one number for each image", lambda values: values),
]


def _probabilities(shape, generator):
    p = uniform(0.1, 1.1, shape, generator)
    return p / p.sum(-1, keepdim=True)


@exercise("04_discrete", "Nats above the least that coding p can cost: never below zero.")
def discrete_kl(answer, generator):
    """``answer(p, q)`` for two lists of probabilities (K,): KL(p ‖ q) in nats, shape (). p may hold zeros."""

    def case(k):
        p, q = _probabilities((2, k), generator)
        terms, reverse = p * (p / q).log(), (q * (q / p).log()).sum()
        true, entropy, cross = terms.sum(), -(p * p.log()).sum(), -(p * q.log()).sum()
        mistakes = [
            ("this is KL(q ‖ p): the arguments are exchanged. The mean is taken over p", reverse),
            ("these are the single terms; wanted is their sum", terms),
            ("the sign is turned round", -true),
            ("this is in bits; nats are wanted: take log, not log2", true / math.log(2)),
            ("this takes log10; the natural logarithm is wanted", true / math.log(10)),
            ("this is the cross-entropy; subtract the entropy of p", cross),
            ("the sign is turned round, and the entropy of p is missing: Σ p (log p − log q)", -cross),
            ("this is the entropy of p: q plays no part", entropy),
            ("this is minus the entropy of p: q plays no part", -entropy),
            ("entropy and cross-entropy are added; the difference is wanted", cross + entropy),
            ("the p in front is missing: each term counts with its probability", (p / q).log().sum()),
            ("the p in front is missing: each term counts with its probability", (p / q).log().mean()),
            ("this is a mean over the symbols; weighed with p, the terms are summed", terms.mean()),
            ("the weights are q's; the mean is taken over p", (q * (p / q).log()).sum()),
            ("the logarithm is missing: Σ p log(p/q)", (p * p / q).sum()),
            ("this is the log of a mean; wanted is the mean of the logs: Σ p log(p/q)", (p * p / q).sum().log()),
            ("this adds up both directions; wanted is KL(p ‖ q) alone", true + reverse),
            ("this averages both directions; wanted is KL(p ‖ q) alone", (true + reverse) / 2),
            ("the terms' absolute values are summed; a term may be negative", terms.abs().sum()),
        ]
        return tensor(ask(answer, p, q)), true, mistakes

    settle([case(k) for k in (4, 5, 6)], "the number is off: wanted is Σ p (log p − log q)")
    p, q = _probabilities((2, 5), generator)
    p[0] = 0
    p = p / p.sum()
    advice = "0 · log 0 counts as 0. Leave out the terms with p = 0, or use torch.xlogy"
    try:
        got = ask(answer, p, q)
    except (ArithmeticError, ValueError, RuntimeError) as error:
        raise Mistake(f"right, but {type(error).__name__} for a p that holds a zero: {advice}") from None
    got = tensor(got, shape=())
    require(not got.isnan(), f"right, but nan for a p that holds a zero: {advice}")
    require(alike(got, torch.special.xlogy(p, p / q).sum()), f"the number is off where p holds a zero: {advice}")


@exercise("04_kl", "This is the second term of the VAE's loss, and the most often miswritten line of it.")
def kl_to_normal(answer, generator):
    """``answer(mu, logvar)``, both (N, d): KL(N(μ, σ²) ‖ N(0, I)), (N,). The second may be σ, σ² or logvar."""
    kind = spread_kind(answer, 1, "logvar")

    def case(d, low, high):
        n = between(6, 9, generator)
        mu, logvar = uniform(0.5, 1.5, (n, d), generator), uniform(low, high, (n, d), generator)
        got = tensor(ask(answer, mu, spread(kind, logvar)))
        var, square = logvar.exp(), mu**2

        def each(square=square, var=var, log=logvar, one=1.0):
            return (square + var - log - one) / 2

        right = each()
        forms = [
            ("", right),
            ("the ½ is missing: this is twice the KL", 2 * right),
            ("the sign is turned round: a KL is never negative", -right),
            ("the ½ is missing and the sign is turned round", -2 * right),
            ("the log has the wrong sign: with + log σ² there is no lower bound, and σ runs to 0", each(log=-logvar)),
            ("two signs are wrong: it is σ² + μ² − 1 − log σ²", each(square=-square, one=-1)),
            ("μ² has the wrong sign: it costs to leave the middle", each(square=-square)),
            ("σ² has the wrong sign: it is + σ²", each(var=-var)),
            ("this is +1 where −1 is wanted: at μ = 0, σ = 1 the KL is 0", each(one=-1)),
            ("the −1 is missing: at μ = 0, σ = 1 the KL is 0", each(one=0)),
            ("−log σ² is missing: nothing keeps σ from 0", each(log=0)),
            ("μ² is missing: nothing keeps the means together", each(square=0)),
            ("σ² is missing: nothing keeps σ from growing", each(var=0)),
            ("μ is not squared", each(square=mu)),
            ("this is log σ where log σ² is wanted", each(log=logvar / 2)),
            ("this is σ where σ² is wanted", each(var=var.sqrt())),
            ("this is σ⁴ where σ² is wanted: σ² is squared once too often", each(var=var**2)),
            ("½ belongs before the logarithm too: ½ log σ²", each(log=2 * logvar)),
            ("½ belongs before μ² too", each(square=2 * square)),
            ("½ belongs before σ² too", each(var=2 * var)),
            ("½ belongs before every term: are the brackets missing?", (square + var) / 2 - logvar - 1),
            ("½ belongs before every term: are the brackets missing?", square / 2 + var - logvar - 1),
            ("½ belongs before the 1 too: ½ (μ² + σ² − log σ² − 1)", each(one=2)),
            ("the number of latents is subtracted in every latent; 1 in each is wanted", each(one=d)),
            ("this is KL(N(0, I) ‖ N(μ, σ²)): the arguments are exchanged", ((1 + square) / var + logvar - 1) / 2),
        ]
        for text, wrong in misreadings(kind, logvar):
            forms += [(text, each(var=wrong.exp(), log=wrong)), (f"in the term σ², {text}", each(var=wrong.exp())),
                      (f"in the term log σ², {text}", each(log=wrong))]
        mistakes = combined(forms, PER_LATENT)
        mistakes += [
            ("the −1 is subtracted once for an image; it belongs to every latent", right.sum(1) + (d - 1) / 2),
            ("the −1 stands outside the ½ and the sum: it belongs to every latent", right.sum(1) + d / 2 - 1),
        ]
        return got, right.sum(1), mistakes

    # not two latents: there ½ forgotten and a mean for the sum would make up for each other
    off = "the numbers are off: wanted is ½ (μ² + σ² − log σ² − 1), summed over the latents of each image"
    settle([case(3, 0.3, 1.2), case(5, 0.3, 1.2)], off)
    settle([unnamed(case(4, -1.5, -0.3))], OFF_BELOW_1)


@exercise("04_kl_normal", "With p at N(0, I) it falls back to the line before.")
def kl_two_normals(answer, generator):
    """``answer(mu_q, logvar_q, mu_p, logvar_p)``, all (N, d): KL(q ‖ p), (N,). The spreads may be σ, σ² or logvar."""
    kind_q, kind_p = spread_kind(answer, 1, "logvar"), spread_kind(answer, 3, "logvar")

    def case(d, low_q, low_p):
        n = between(6, 9, generator)
        mu_q, mu_p = uniform(-1.5, 1.5, (2, n, d), generator)
        lv_q, lv_p = (uniform(low, low + 0.7, (n, d), generator) for low in (low_q, low_p))
        got = tensor(ask(answer, mu_q, spread(kind_q, lv_q), mu_p, spread(kind_p, lv_p)))
        distance = (mu_q - mu_p) ** 2

        def each(lv_q=lv_q, lv_p=lv_p, distance=distance):
            return (lv_p - lv_q + (lv_q.exp() + distance) / lv_p.exp() - 1) / 2

        def parts(log=lv_p - lv_q, ratio=(lv_q - lv_p).exp(), shift=distance / lv_p.exp(), one=1.0):
            return (log + ratio + shift - one) / 2

        def to_normal(mu, lv):
            return (mu**2 + lv.exp() - lv - 1) / 2

        right, reverse, log = each(), each(lv_p, lv_q), lv_p - lv_q
        ratio, shift = (lv_q - lv_p).exp(), distance / lv_p.exp()
        forms = [
            ("", right),
            ("this is KL(p ‖ q): the arguments are exchanged. The mean is taken over q", reverse),
            ("the ½ is missing: this is twice the KL", 2 * right),
            ("the sign is turned round: a KL is never negative", -right),
            ("the ½ is missing and the sign is turned round", -2 * right),
            ("the logarithms are exchanged: it is log σ_p² − log σ_q²", parts(log=-log)),
            ("the −1 is missing: at q = p the KL is 0", parts(one=0)),
            ("this is +1 where −1 is wanted: at q = p the KL is 0", parts(one=-1)),
            ("the logarithms are missing: log σ_p² − log σ_q²", parts(log=0)),
            ("the distance of the means is missing: (μ_q − μ_p)²/σ_p²", parts(shift=0)),
            ("the ratio σ_q²/σ_p² is missing", parts(ratio=0)),
            ("σ_q² must be measured in p's spread too: are brackets missing before / σ_p²?", parts(ratio=lv_q.exp())),
            ("the distance of the means must be measured in p's spread: divide its square by σ_p² too",
             parts(shift=distance)),
            ("the distance of the means is divided by σ_q²; measure it in p's spread",
             parts(shift=distance / lv_q.exp())),
            ("the distance of the means is not squared", each(distance=mu_q - mu_p)),
            ("the distance of the means is not squared", each(distance=mu_p - mu_q)),
            ("the distance of the means is not squared", each(distance=(mu_p - mu_q).abs())),
            ("here the means are added: it is (μ_q − μ_p)²", each(distance=(mu_q + mu_p) ** 2)),
            ("this is μ_q² − μ_p² where (μ_q − μ_p)² is wanted", each(distance=mu_q**2 - mu_p**2)),
            ("this is log σ where log σ² is wanted: ½ (log σ_p² − log σ_q²)", parts(log=log / 2)),
            ("½ belongs before the logarithms too: ½ (log σ_p² − log σ_q²)", parts(log=2 * log)),
            ("½ belongs before the fraction too: (σ_q² + (μ_q − μ_p)²)/(2σ_p²)",
             parts(ratio=2 * ratio, shift=2 * shift)),
            ("½ belongs before the 1 too", parts(one=2)),
            ("the ratio of the spreads is upside down: it is σ_q²/σ_p²", parts(ratio=1 / ratio)),
            ("the whole fraction is that of KL(p ‖ q): divide by σ_p²",
             parts(ratio=1 / ratio, shift=distance / lv_q.exp())),
            ("the fraction has σ_q where σ_q² is wanted", parts(ratio=(lv_q / 2 - lv_p).exp())),
            ("the fraction is divided by σ_p; divide it by σ_p²",
             parts(ratio=(lv_q - lv_p / 2).exp(), shift=distance / (lv_p / 2).exp())),
            ("the fraction has σ_q/σ_p where σ_q²/σ_p² is wanted", parts(ratio=ratio.sqrt())),
            ("p plays no part: this is KL(q ‖ N(0, I))", to_normal(mu_q, lv_q)),
            ("q plays no part: this is KL(p ‖ N(0, I))", to_normal(mu_p, lv_p)),
            ("this is KL(q ‖ N(0, I)) − KL(p ‖ N(0, I)); the KL is no difference",
             to_normal(mu_q, lv_q) - to_normal(mu_p, lv_p)),
            ("this adds up both directions; wanted is KL(q ‖ p) alone", right + reverse),
            ("this averages both directions; wanted is KL(q ‖ p) alone", (right + reverse) / 2),
            ("the number of latents is subtracted in every latent; 1 in each is wanted", parts(one=d)),
        ]
        wrong_q, wrong_p = misreadings(kind_q, lv_q), misreadings(kind_p, lv_p)
        if kind_q == kind_p:
            forms += [(text, each(wrong_q, wrong_p)) for (text, wrong_q), (_, wrong_p) in zip(wrong_q, wrong_p)]
        for text, wrong in wrong_q:
            forms += [(f"for q, {text}", each(lv_q=wrong)),
                      (f"in the term σ_q², {text}", parts(ratio=(wrong - lv_p).exp())),
                      (f"in the term log σ_q², {text}", parts(log=lv_p - wrong))]
        for text, wrong in wrong_p:
            forms += [(f"for p, {text}", each(lv_p=wrong)),
                      (f"below the fraction, {text}",
                       parts(ratio=(lv_q - wrong).exp(), shift=distance / wrong.exp())),
                      (f"in the term log σ_p², {text}", parts(log=wrong - lv_q))]
        if kind_q == kind_p:
            for (text, bad_q), (_, bad_p) in zip(wrong_q, wrong_p):
                forms += [(f"in the logarithms, {text}", parts(log=bad_p - bad_q)),
                          (f"in the fraction, {text}",
                           parts(ratio=(bad_q - bad_p).exp(), shift=distance / bad_p.exp()))]
        mistakes = combined(forms, PER_LATENT)
        mistakes += [("the −1 belongs to every latent, before the sum", right.sum(1) + (d - 1) / 2)]
        return got, right.sum(1), mistakes

    off = "the numbers are off: wanted is ½ (log σ_p² − log σ_q² + (σ_q² + (μ_q − μ_p)²)/σ_p² − 1), summed over latents"
    settle([case(3, 0.2, 0.6), case(5, 0.6, 0.2)], off)  # not two latents, for the reason above
    settle([unnamed(case(4, -1.2, -1))], OFF_BELOW_1)


@exercise("04_monte_carlo", "An estimate without its error bar is a rumour.")
def kl_monte_carlo(answer, generator):
    """``answer(log_q, log_p)`` at S draws of q, both (S,): the estimate of KL(q ‖ p) and its standard error."""

    def case(s):
        log_q, ratio = uniform(-2, 1, s, generator), uniform(-0.5, 1.5, s, generator)
        log_p = log_q - ratio
        estimate, error = _pair(ask(answer, log_q, log_p))
        for_estimate = [
            ("the sign is turned round: KL(q ‖ p) averages log q − log p", -ratio.mean()),
            ("this is the sum; a mean over the draws is wanted", ratio.sum()),
            ("do not weigh with q: the draws came from q, so each counts alike", (log_q.exp() * ratio).sum()),
            ("do not weigh with q: the draws came from q, so each counts alike", (log_q.exp() * ratio).mean()),
            ("these are the single terms; their mean is wanted", ratio),
            ("the mean is taken of log q alone; log p is missing", log_q.mean()),
            ("the mean is taken of log p alone; log q is missing", log_p.mean()),
            ("log q and log p are added; the difference is wanted", (log_q + log_p).mean()),
            ("this is the log of a mean; wanted is the mean of the logs", ratio.exp().mean().log()),
            ("this is the mean of the ratio q/p; wanted is the mean of its log", ratio.exp().mean()),
            ("this is the mean of the ratio p/q; wanted is the mean of log q − log p", (-ratio).exp().mean()),
            ("this is the median; the mean is wanted", ratio.median()),
            ("the differences are squared; wanted is the mean of log q − log p", ratio.square().mean()),
            ("absolute differences are averaged; a term may be negative", ratio.abs().mean()),
        ]
        for_error = [
            (text, function(ratio.std(correction=c)))
            for text, function in [
                ("this is the spread of a single term; the mean's is smaller by √S", lambda spread: spread),
                ("this divides by S; the error of a mean falls with √S", lambda spread: spread / s),
                ("this is the square of the error: the root is missing", lambda spread: spread**2 / s),
                ("this divides the variance by √S: take its root first", lambda spread: spread**2 / s**0.5),
                ("this is the variance of a single term; wanted is the standard deviation over √S",
                 lambda spread: spread**2),
                ("this multiplies by √S; the error of a mean falls with it", lambda spread: spread * s**0.5),
            ]
            for c in (0, 1)
        ]
        for_error += [("this is the error of the mean of one log alone; take that of log q − log p",
                       log.std(correction=c) / s**0.5) for c in (0, 1) for log in (log_q, log_p)]
        wanted = [ratio.std(correction=c) / s**0.5 for c in (0, 1)]  # with S or with S − 1: both are in use
        swapped = alike(error, ratio.mean()) and any(alike(estimate, w) for w in wanted)
        return swapped, (estimate, ratio.mean(), for_estimate), [(error, w, for_error) for w in wanted]

    swapped, estimates, errors = zip(*(case(s) for s in (30, 45, 60)))
    require(not all(swapped), "the two are swapped: first the estimate, then its standard error")
    settle(estimates, "the estimate is off: wanted is the mean of log q − log p over the draws", what="the estimate")
    by_s, by_s_minus_1 = zip(*errors)
    if not all(alike(error, wanted) for error, wanted, _ in by_s):
        settle(by_s_minus_1, "the standard error is off: wanted is the standard deviation of log q − log p over √S",
               what="the standard error")


def _pair(got):
    """The estimate and its standard error as tensors."""
    require(got is not None and got is not Ellipsis, "your function gives back None: is a `return` missing?")
    try:
        estimate, error = got
    except (TypeError, ValueError):
        raise Mistake("wanted are two numbers, the estimate and its standard error: `return estimate, error`") from None
    return tensor(estimate, "the estimate"), tensor(error, "the standard error")


@exercise("04_kl_div", "Of distributions, and averaged over the batch alone, it cannot turn negative.")
def kl_div_call(answer, generator):
    """``answer(p, q)``, both (N, K) with rows that sum to 1: the mean over the rows of KL(p ‖ q), shape ()."""

    def case(n, k):
        p, q = _probabilities((2, n, k), generator)

        def kl_div(first, target):
            """What ``F.kl_div`` adds up."""
            return target * (target.log() - first)

        forms = [
            ("", kl_div(q.log(), p)),
            ("this is KL(q ‖ p): F.kl_div takes the logarithm of the model q first, the target p second",
             kl_div(p.log(), q)),
            ("q goes in as its logarithm: F.kl_div(q.log(), p, …)", kl_div(q, p)),
            ("p stands first and without log: the first is a logarithm, q.log(), and the second is p", kl_div(p, q)),
            ("q is a probability already, so no softmax: take q.log()", kl_div(q.log_softmax(1), p)),
            ("the sign is turned round", -kl_div(q.log(), p)),
            ("this is the cross-entropy; the entropy of p is missing", -p * q.log()),
        ]
        reductions = [
            ("", lambda values: values.sum() / n),
            ("this averages over the classes too, as F.kl_div's default does; take reduction='batchmean'", torch.mean),
            ("this sums over the rows too, as reduction='sum' does; take 'batchmean'", torch.sum),
            ("this is one number for each row; wanted is their mean", lambda values: values.sum(1)),
            ("this is one mean for each row; wanted is the sum over the classes, then the mean over the rows",
             lambda values: values.mean(1)),
            ("these are the single terms: sum over the classes, average over the rows", lambda values: values),
            ("this divides the sum by the number of classes, not by that of the rows", lambda values: values.sum() / k),
        ]
        return tensor(ask(answer, p, q)), kl_div(q.log(), p).sum() / n, combined(forms, reductions)

    settle([case(3, 8), case(5, 7), case(4, 9)], 'the number is off: F.kl_div(q.log(), p, reduction="batchmean")',
           nan="a nan: a logarithm of a logarithm? Only the first argument goes in as its log")
