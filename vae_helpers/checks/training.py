"""Checks of notebook 05, training: the loss in nats per image, the β of a code, warm-up, free bits."""

import torch
from torch.nn import functional as F

from vae_helpers.checks.parameters import (
    OFF_BELOW_1,
    TO_LOGVAR,
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


def _kl(mu, logvar):
    return (mu**2 + logvar.exp() - logvar - 1) / 2


@exercise("05_nats_per_image", "In this unit a β of 1 is the bound itself, whatever batch, pixels and latents.")
def nats_per_image(answer, generator):
    """``answer(logits, x, mu, logvar)``, (N, 1, H, W) twice and (N, d) twice: −ELBO, the batch's mean, shape ().

    The last may be σ, σ² or logvar.
    """
    kind = spread_kind(answer, 3, "logvar")

    def case(least, side, d, low, high):
        n, pixels = between(least, least + 1, generator), side * (side + 1)
        logits = uniform(-3, 3, (n, 1, side, side + 1), generator)
        x = uniform(0.05, 0.95, logits.shape, generator)
        mu, logvar = uniform(0.5, 1.5, (n, d), generator), uniform(low, high, (n, d), generator)
        given = spread(kind, logvar)
        got = tensor(_loss(answer, logits, x, mu, given))

        bce, kl = _bce(logits, x), _kl(mu, logvar)
        per_image = bce.flatten(1).sum(1), kl.sum(1)
        nll, cost = (term.mean() for term in per_image)
        mistakes = [  # of both terms at once
            ("this is the ELBO, to be made large; a loss is made small: turn the sign round", -nll - cost),
            ("these are the images' own numbers; wanted is their mean, one number", sum(per_image)),
            ("the KL is left as one number for each image; average it over the batch", nll + per_image[1]),
            ("the cross-entropy is left as one number for each image; average it over the batch", per_image[0] + cost),
            ("the cross-entropy is averaged over all, the KL summed over all, as in source C: β is then "
             "pixels · batch, and every code collapses", bce.mean() + kl.sum()),
            ("the cross-entropy is summed over all, the KL averaged over all, as in source B: β is then "
             "1/(batch · latents), so that the KL hardly counts", bce.sum() + kl.mean()),
            ("both terms are means over everything, so that β is pixels/latents: sum over pixels and latents, average "
             "over the batch alone", bce.mean() + kl.mean()),
            ("both terms are summed over the batch too: divide by its size, else the loss grows with it",
             bce.sum() + kl.sum()),
            ("the whole is divided by the number of pixels: its β is 1, but these are no nats per image",
             (nll + cost) / pixels),
            ("784 pixels are written in; count those of x, or sum over them", bce.mean() * 784 + cost),
        ]
        recon_forms = [
            ("", bce),
            ("the cross-entropy is missing: this is the KL alone", torch.zeros_like(bce)),
            ("the sigmoid is applied twice: F.binary_cross_entropy_with_logits applies it itself",
             _bce(logits.sigmoid(), x)),
            ("the cross-entropy has the wrong sign: it is −Σ x log p + (1 − x) log(1 − p)", -bce),
            ("logits and x are exchanged: first the logits, then x", _bce(x, logits)),
            ("(1 − x) log(1 − p) is missing: black pixels count too", -x * F.logsigmoid(logits)),
            ("this is a squared error where the cross-entropy is wanted", (logits.sigmoid() - x) ** 2),
            ("this is a squared error, and of logits; the cross-entropy is wanted", (logits - x) ** 2),
        ]
        recon_sums = [
            ("", lambda values: values.sum() / n),
            ("the cross-entropy is averaged over the pixels; sum it over them", torch.mean),
            ("the cross-entropy is summed over the batch; average it over it", torch.sum),
            ("the cross-entropy is averaged over pixels and summed over the batch; wanted is the reverse",
             lambda values: values.sum() / pixels),
            ("the cross-entropy is summed over rows or columns alone; sum over all dimensions but one",
             lambda values: values.sum(-1).mean()),
            ("the cross-entropy is summed over rows or columns alone; sum over all dimensions but one",
             lambda values: values.sum(-2).mean()),
        ]

        def each(square=mu**2, var=logvar.exp(), log=logvar, one=1.0):
            return (square + var - log - one) / 2

        kl_forms = [
            ("", kl),
            ("the KL is missing: this is the loss of an autoencoder", torch.zeros_like(kl)),
            ("the ½ of the KL is missing: β is 2", 2 * kl),
            ("the KL has the wrong sign: it is added, a price for leaving the prior", -kl),
            ("the KL has the wrong sign, and lacks its ½", -2 * kl),
            ("in the KL, log σ² has the wrong sign: with + log σ² there is no lower bound", each(log=-logvar)),
            ("−log σ² is missing in the KL: nothing keeps σ from 0", each(log=0)),
            ("the KL has σ⁴ where σ² is wanted: σ² is squared once too often", each(var=logvar.exp() ** 2)),
            ("the −1 is missing in the KL: at μ = 0, σ = 1 it is 0", each(one=0)),
            ("μ² is missing in the KL: nothing keeps the means together", each(square=0)),
            ("in the KL, μ is not squared", each(square=mu)),
            ("mu and logvar are exchanged", _kl(given, TO_LOGVAR[kind](mu))),
        ]
        for text, wrong in misreadings(kind, logvar):
            kl_forms += [(text, each(var=wrong.exp(), log=wrong)),
                         (f"in the term σ², {text}", each(var=wrong.exp())),
                         (f"in the term log σ², {text}", each(log=wrong))]
        kl_sums = [
            ("", lambda values: values.sum() / n),
            ("the KL is summed over the batch; average it over it", torch.sum),
            ("the KL is averaged over the latents; sum it over them", torch.mean),
            ("the KL is averaged over the latents and summed over the batch; wanted is the reverse",
             lambda values: values.sum() / d),
        ]
        mistakes += _of_two_terms(nll, combined(recon_forms, recon_sums), cost, combined(kl_forms, kl_sums))
        return got, nll + cost, mistakes, got / (nll + cost) / n

    sizes = (4, 4, 3), (6, 6, 9), (8, 3, 5)  # no two alike, so that none passes for another
    *cases, shares = zip(*(case(*size, 0.3, 1.2) for size in sizes))
    off = "the number is off: cross-entropy summed over pixels, plus KL summed over latents, averaged over the batch"
    if all(alike(share, shares[0]) for share in shares):
        off = "this grows with the batch: it divides by a fixed number; divide by len(x)"
    nan = "a nan: is a log taken of logits? They are no probabilities; F.binary_cross_entropy_with_logits takes them"
    settle(list(zip(*cases)), off, nan)
    settle([unnamed(case(4, 5, 8, -2, -0.6)[:3])], OFF_BELOW_1)
    logits = 100 * torch.tensor([-1.0, 1]).expand(3, 1, 2, 2)
    x, codes = uniform(0.05, 0.95, logits.shape, generator), torch.full((3, 2), 0.5)
    require(tensor(_loss(answer, logits, x, codes, spread(kind, codes))).isfinite().all(),
            "right for small logits; but at ±100 the sigmoid is 0 or 1 in float32, and this is not finite. "
            "Use F.binary_cross_entropy_with_logits")


def _bce(logits, x):
    return F.binary_cross_entropy_with_logits(logits, x, reduction="none")


def _loss(answer, *inputs):
    try:
        return ask(answer, *inputs)
    except RuntimeError as error:
        require("between 0 and 1" not in str(error),
                "F.binary_cross_entropy takes probabilities, these are logits: use F.binary_cross_entropy_with_logits")
        raise


def _of_two_terms(one, mistakes_in_one, other, mistakes_in_other):
    """The mistakes of a sum of two terms: at most two slips at a time, the single ones first."""
    found = []
    for text_1, value_1 in [("", one), *mistakes_in_one]:
        for text_2, value_2 in [("", other), *mistakes_in_other]:
            text = ". Besides, ".join(filter(None, (text_1, text_2)))
            slips = bool(text) + text.count(". Besides, ")
            if 0 < slips <= 2:
                found.append((slips, text, value_1 + value_2))
    found.sort(key=lambda mistake: mistake[0])
    return [(text, value) for _, text, value in found]


@exercise("05_beta_of_code", "Two terms, what each is summed over, and no code can hide its β from you.")
def beta_of_code(answer, generator):
    """``answer(batch, pixels, latents)``: the β of source B's loss in nats per image, its decoder having σ² = ½.

    The loss: squared error summed over pixels and batch, plus the KL averaged over batch and latents.
    """

    def case(low):
        n, d = between(low, low + 1, generator), between(7, 11, generator)
        pixels = between(12, 20, generator)
        true = 1 / (n * d)
        forms = [
            ("", true),
            ("this is upside down: the squared error is summed over the batch, the KL averaged", n * d),
            ("the batch is forgotten: the squared error is summed over it, the KL averaged", 1 / d),
            ("the latents are forgotten: the KL is averaged over them, and nats are summed", 1 / n),
            ("the batch stands on the wrong side: the squared error is summed over it, the KL averaged", n / d),
            ("the latents stand on the wrong side: their mean makes the KL smaller", d / n),
            ("the pixels do not come in, since they are summed, as nats are; the latents do", 1 / (n * pixels)),
            ("the pixels do not come in: the squared error is summed over them, as nats are", true / pixels),
            ("the pixels do not come in: the squared error is summed over them, as nats are", pixels * true),
            ("pixels/latents is the β of a code whose terms are both means over everything; here the error is summed",
             pixels / d),
            ("pixels · batch is the β of source C, which averages the likelihood and sums the KL; B does the reverse",
             pixels * n),
            ("this counts the two terms as they stand; bring both to nats per image first", 1.0),
            ("the sign is turned round: β is above 0", -true),
        ]
        scales = [
            ("", lambda beta: beta),
            ("that is read at σ = 1; at σ² = ½ the squared error is −log p itself, but for a constant",
             lambda beta: beta / 2),
            ("the 2 is one too many: at σ² = ½, 1/(2σ²) is 1", lambda beta: 2 * beta),
        ]
        mistakes = combined(forms, scales)
        mistakes += [
            ("this is 0: `//` rounds down. Divide with `/`", 0.0),
            ("this is for a batch of 16 and 64 latents; take the numbers that are handed in", 1 / 1024),
        ]
        return tensor(ask(answer, n, pixels, d)), torch.tensor(true), mistakes

    settle([case(3), case(5), case(7)],
           "the number is off: divide the loss by what makes its first term nats per image; β is then the KL's weight")


@exercise("05_warm_up", "A β that starts at 0 lets the codes say something before they are charged for it.")
def warm_up(answer, generator):
    """``answer(step, steps, beta)``: the β of this step, rising from 0 at step 0 to ``beta`` at ``steps``, then level.

    ``steps`` of 0 is no warm-up.
    """

    def case(low):
        steps, beta = between(10, 20, generator), uniform(low, low + 0.5, (), generator).item()
        at = [0, 1, steps // 3, steps // 2, steps - 1, steps, steps + 1, 2 * steps, 3 * steps + 1]
        t = torch.tensor(at) / steps
        got = torch.stack([_beta(answer, step, steps, beta) for step in at])
        held = t.clamp(max=1)
        there = (t >= 1).float()
        mistakes = [
            ("this keeps rising: from step `steps` on it is to stay at beta", beta * t),
            ("β is beta from the first step on: nothing warms up", torch.full_like(t, beta)),
            ("this falls; it is to rise from 0 to beta", beta * (1 - held)),
            ("this falls; it is to rise from 0 to beta", beta * (1 - t)),
            ("this is 0 until the end: `//` rounds down. Divide with `/`", beta * there),
            ("this jumps once in `steps` steps: `//` rounds down. Divide with `/`, and stop at beta", beta * t.floor()),
            ("beta plays no part: this rises to 1", held),
            ("beta plays no part: this rises to 1, and on", t),
            ("this rises by 1/steps in a step until it meets beta; wanted is beta/steps, so as to be there at `steps`",
             t.clamp(max=beta)),
            ("this is one step early: at step 0 it is to be 0", beta * (t + 1 / steps).clamp(max=1)),
            ("this is one step early: at step 0 it is to be 0", beta * (t * steps + 1) / steps),
            ("this starts above 0: at step 0 it is to be 0", beta * ((t * steps + 1) / (steps + 1)).clamp(max=1)),
            ("this is at beta one step early: it is to be there at step `steps`",
             beta * (t * steps / (steps - 1)).clamp(max=1)),
            ("max stands where min is wanted: β is never above beta", beta * t.clamp(min=1)),
            ("after the rise this goes back to 0; it is to stay at beta", beta * t * (1 - there)),
            ("after the rise this goes back to 0; it is to stay at beta", beta * t * (t <= 1)),
            ("after the rise this is 1; it is to stay at beta", beta * t * (1 - there) + there),
            ("β is 0 all the time", 0 * t),
            ("the sign is turned round", -beta * held),
        ]
        return got, beta * held, mistakes

    cases = [case(0.3), case(2), case(3)]
    off = "the numbers are off: wanted is beta · step/steps, and beta from step `steps` on"
    if all(alike(got[[0, 5, 6, 7, 8]], true[[0, 5, 6, 7, 8]]) for got, true, _ in cases):
        off = "0 at step 0 and beta at the end are right, but the way there is no straight line"
    settle(cases, off)
    for step in (0, 1, 7):
        try:
            got = _beta(answer, step, 0, 2.5)
        except ZeroDivisionError:
            raise Mistake("right, but for steps = 0 it divides by zero: that is no warm-up, so beta at once") from None
        require(alike(got, 2.5),
                f"right, but for steps = 0 it gives {got:g} at step {step}: that is no warm-up, so beta at once")


def _beta(answer, step, steps, beta):
    return tensor(ask(answer, step, steps, beta), shape=()).double()


@exercise("05_free_bits", "Below the floor a latent costs the same whatever it holds: nothing pulls it to the prior.")
def free_bits(answer, generator):
    """``answer(mu, logvar, free)``, (N, d) twice and nats for each latent: Σⱼ max(free, batch mean of KLⱼ), ().

    The second may be σ, σ² or logvar.
    """
    kind = spread_kind(answer, 1, "logvar")

    def case(d, low, high, floor_at="middle"):
        n = between(6, 9, generator)
        # latents of little and of much KL, whose images straddle the floor: there the order of mean and max counts
        mu = uniform(0.2, 2.2, (n, d), generator) * torch.linspace(0.2, 1.3, d)
        logvar = uniform(low, high, (n, d), generator)
        right = _kl(mu, logvar)
        means = right.mean(0).sort().values
        free = {"middle": means[d // 2 - 1 : d // 2 + 1].mean(), "total": 1.1 * means.sum()}.get(floor_at, floor_at)
        free = torch.as_tensor(free)
        got = tensor(ask(answer, mu, spread(kind, logvar), free))

        def each(var=logvar.exp(), log=logvar):
            return (mu**2 + var - log - 1) / 2

        forms = [
            ("", right),
            ("the ½ of the KL is missing", 2 * right),
            ("the KL has σ⁴ where σ² is wanted: σ² is squared once too often", each(var=logvar.exp() ** 2)),
            ("in the KL, log σ² has the wrong sign: it is − log σ²", each(log=-logvar)),
        ]
        for text, wrong in misreadings(kind, logvar):
            forms += [(text, each(wrong.exp(), wrong)), (f"in the term σ², {text}", each(var=wrong.exp())),
                      (f"in the term log σ², {text}", each(log=wrong))]

        def floor(values):
            return values.clamp(min=free)

        one_each = "this is one number for each latent; sum them"
        reductions = [
            ("", lambda kl: floor(kl.mean(0)).sum()),
            ("the floor is set under each image's KL; average over the batch first, then take the max",
             lambda kl: floor(kl).mean(0).sum()),
            ("this is min where max is wanted: free bits are a floor under the KL",
             lambda kl: kl.mean(0).clamp(max=free).sum()),
            ("the floor is set under the whole KL; each latent has its own: max first, then the sum",
             lambda kl: floor(kl.sum(1).mean())),
            ("the floor is set under the whole KL; each latent has its own: max first, then the sum",
             lambda kl: kl.sum(1).mean().clamp(min=d * free)),
            ("the floor is set under each image's whole KL; it belongs under each latent's batch mean",
             lambda kl: floor(kl.sum(1)).mean()),
            ("this is the mean over the latents; sum them", lambda kl: floor(kl.mean(0)).mean()),
            ("max(0, KL − free) is a constant less: the same gradient, the value lower by d · free",
             lambda kl: (kl.mean(0) - free).clamp(min=0).sum()),
            ("free is subtracted, image by image: average over the batch first, then take max(free, KL)",
             lambda kl: (kl - free).clamp(min=0).sum(1).mean()),
            ("free is only subtracted, which changes no gradient: wanted is max(free, KL)",
             lambda kl: (kl.mean(0) - free).sum()),
            ("this is the KL over the whole batch; average it over the images before the max",
             lambda kl: floor(kl.sum(0)).sum()),
            ("this sums over the batch, a floor under each image's KL: average over the batch first",
             lambda kl: floor(kl).sum()),
            ("free plays no part: this is the KL as it was", lambda kl: kl.sum(1).mean()),
            ("free is added; wanted is max(free, KL)", lambda kl: (kl.mean(0) + free).sum()),
            ("below the floor a latent is to count `free`; here it counts 0",
             lambda kl: torch.where(kl.mean(0) > free, kl.mean(0), 0).sum()),
            (one_each, lambda kl: floor(kl.mean(0))),
            ("this is one number for each image: average over the batch, take the max, sum over latents",
             lambda kl: floor(kl).sum(1)),
            ("the mean goes over the latents; wanted is that over the batch, dim 0",
             lambda kl: floor(kl.mean(1)).sum()),
            ("this is one mean over images and latents; each latent has its own floor", lambda kl: floor(kl.mean())),
            ("these are the single numbers: average over the batch, take the max, sum over the latents", floor),
        ]
        mistakes = [("this is d · free, whatever the codes: has the KL its sign turned round?", d * free)]
        return got, floor(right.mean(0)).sum(), mistakes + combined(forms, reductions)

    off = "the number is off: wanted is max(free, batch mean of KLⱼ), summed over the latents j"
    # a floor above the sum of all: there one under the whole KL shows
    settle([case(4, 0.3, 1.2), case(6, 0.3, 1.2), case(5, 0.3, 1.2), case(3, 0.3, 1.2, "total")], off)
    settle([unnamed(case(4, -1.5, -0.3))], OFF_BELOW_1)
    settle([unnamed(case(4, -0.3, 0.1, 0.0))], "right, but with free = 0 wanted is the KL as it was")
    settle([unnamed(case(4, -0.3, 0.1, 30.0))], "right, but with every latent below the floor wanted is d · free")
