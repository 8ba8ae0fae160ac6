"""Checks of notebook 09: decibels, the area under the ROC curve, a score without busyness."""

import math

import torch

from vae_helpers.checks.parameters import ask, between, combined, settle, uniform
from vae_helpers.checks.verdict import exercise, tensor


@exercise("09_psnr", "20 dB is an error of a tenth; 6 dB more halve it, whoever took the logarithm.")
def psnr(answer, generator):
    """``answer(x_hat, x)``, images (N, C, H, W) in [0, 1]: 10 log10(1 / mean squared error) of each, (N,)."""

    def case(n, channels, side):
        x = uniform(0.2, 0.8, (n, channels, side, side + 1), generator)
        strength = uniform(0.02, 0.2, (n, 1, 1, 1), generator)
        x_hat = (x + strength * uniform(-1, 1, x.shape, generator)).clamp(0, 1)
        square = (x_hat - x).double().square().flatten(1)
        mse, total = square.mean(1), square.sum(1)
        root, per_image = mse.sqrt(), "this is one number for the whole batch; wanted is one for each image"
        whole = square.mean()
        forms = [
            ("", -10 * mse.log10()),
            ("the sign is turned round: less error is more decibels, 10 log10(1 / mse)", 10 * mse.log10()),
            ("the factor is 10 where the mean of the *squares* is taken; 20 goes with its root", -20 * mse.log10()),
            ("this takes the root first: with the root of the mse the factor is 20, with the mse itself 10",
             -10 * root.log10()),
            ("this is the natural logarithm; decibels have log10", -10 * mse.log()),
            ("this is the logarithm to base 2; decibels have log10", -10 * mse.log2()),
            ("the factor 10 is missing: these are bels, tenths are wanted", -mse.log10()),
            ("this sums the squares over the pixels; take their mean", -10 * total.log10()),
            ("this is the mean squared error itself; wanted is 10 log10(1 / mse)", mse),
            ("this is the root of the mse; wanted is 10 log10(1 / mse)", root),
            ("the logarithm is missing: this is 1 / mse", 1 / mse),
            ("the peak is 1 here, as the pictures are in [0, 1], not 255", 10 * (255**2 / mse).log10()),
            ("this is of the mean absolute error; decibels are of the squared error",
             -10 * (x_hat - x).double().abs().flatten(1).mean(1).log10()),
            ("1 + mse is not 1 / mse: wanted is 10 log10(1 / mse)", 10 * torch.log10(1 + 1 / mse)),
            (per_image, -10 * whole.log10()),
            (per_image, (-10 * mse.log10()).mean()),
            (f"{per_image}, and 10 for the factor, not 20", -20 * whole.log10()),
            ("this is one number for each channel or pixel; take the mean over all but the first dimension",
             -10 * (x_hat - x).double().square().mean((2, 3)).log10()),
        ]
        return tensor(ask(answer, x_hat, x)), forms[0][1], [form for form in forms if form[0]]

    settle([case(4, 2, 6), case(5, 3, 5), case(3, 2, 8)],
           "the numbers are off: wanted is 10 log10(1 / mse), with the mse of each image by itself")


@exercise("09_auc", "No threshold was chosen: all of them are in it.")
def auc(answer, generator):
    """``answer(normal, abnormal)``, scores (n,) and (m,): P(abnormal > normal) + ½ P(equal) over all pairs, ()."""

    def case(n, m):
        # whole and half numbers, so that some are equal; overlapping, so that no two formulas agree
        while True:
            normal = uniform(0, 5, (n,), generator).round()
            abnormal = uniform(1.5, 6.5, (m,), generator).round()
            pairs = abnormal[:, None] - normal
            higher, lower, equal = (held(pairs, 0).double().sum() for held in (torch.gt, torch.lt, torch.eq))
            total = n * m
            area = (higher + equal / 2) / total
            k = min(n, m)
            same = abnormal[:k] - normal[:k]
            places = ((same > 0).double().sum() + (same == 0).double().sum() / 2) / k
            middle = torch.cat([normal, abnormal]).median()
            right = ((normal <= middle).double().sum() + (abnormal > middle).double().sum()) / (n + m)
            if equal >= 2 and len({round(v.item(), 4) for v in (area, places, right, 1 - area, higher / total)}) == 5:
                break
        found = (abnormal > middle).double().mean()
        wrong = [
            ("this is turned round: count where the *abnormal* score is the higher", 1 - area),
            ("equal scores count 0 here; they count ½", higher / total),
            ("equal scores count 1 here; they count ½", (higher + equal) / total),
            ("turned round, and equal scores do not count ½", lower / total),
            ("turned round, and equal scores do not count ½", (lower + equal) / total),
            ("this is not divided by the number of pairs, n · m", higher + equal / 2),
            ("this is not divided by the number of pairs, and equal scores do not count ½", higher),
            ("this is not divided by the number of pairs, and equal scores do not count ½", higher + equal),
            ("divide by the number of pairs, n · m, not by n + m", (higher + equal / 2) / (n + m)),
            ("divide by the number of pairs, n · m, not by n", (higher + equal / 2) / n),
            ("divide by the number of pairs, n · m, not by m", (higher + equal / 2) / m),
            ("this compares each score with the one at the same place alone; compare all n · m pairs", places),
            ("this compares each score with the one at the same place alone; compare all n · m pairs",
             (same > 0).double().mean()),
            ("this is the accuracy at one threshold; wanted is the share of pairs", right),
            ("this is the share of faults found at one threshold; wanted is the share of pairs", found),
            ("this is the difference of the mean scores; wanted is the share of pairs in the right order",
             abnormal.mean() - normal.mean()),
            ("this is Gini's 2 · AUC − 1; wanted is the AUC", 2 * area - 1),
            ("this is in percent; wanted is a share from 0 to 1", 100 * area),
            ("this gives one number for each abnormal score; average over both",
             ((pairs > 0).double() + (pairs == 0).double() / 2).mean(1)),
            ("this gives one number for each normal score; average over both",
             ((pairs > 0).double() + (pairs == 0).double() / 2).mean(0)),
            ("this gives one number for each pair; average over them",
             (pairs > 0).double() + (pairs == 0).double() / 2),
        ]
        return tensor(ask(answer, normal, abnormal)), area, wrong

    settle([case(between(7, 8, generator), between(10, 11, generator)), case(11, 8), case(9, 13)],
           "the number is off: wanted is the share of pairs with abnormal > normal, equal ones counted ½")


@exercise("09_complexity_free", "A byte is 5.5 nats: both lengths in one unit, and their difference means something.")
def complexity_free(answer, generator):
    """``answer(nll, kl, n_bytes)``, each (N,): nll + kl − n_bytes · 8 ln 2, nats, (N,)."""

    def case(n):
        nll, kl = uniform(80, 250, (n,), generator), uniform(10, 40, (n,), generator)
        n_bytes = uniform(70, 180, (n,), generator).round()
        loss, bits = (nll + kl).double(), 8 * n_bytes.double()
        forms = [
            ("", loss),
            ("the KL is missing: −ELBO is nll + kl", nll.double()),
            ("the nll is missing: −ELBO is nll + kl", kl.double()),
            ("the KL has the wrong sign: −ELBO is nll + kl", (nll - kl).double()),
            ("this has the ELBO; higher is to be stranger, so take −ELBO, nll + kl", -loss),
            ("this has −nll + kl; −ELBO is nll + kl", (kl - nll).double()),
        ]
        lengths = [
            ("", lambda loss: loss - bits * math.log(2)),
            ("the length is in bits here: times ln 2 makes them nats", lambda loss: loss - bits),
            ("the length is in bytes here: times 8, times ln 2 makes them nats", lambda loss: loss - bits / 8),
            ("the 8 is missing: a byte has 8 bits", lambda loss: loss - bits / 8 * math.log(2)),
            ("nats are bits times ln 2, not divided by it", lambda loss: loss - bits / math.log(2)),
            ("this divides the bytes by 8; a byte has 8 bits, so multiply",
             lambda loss: loss - bits / 64 * math.log(2)),
            ("this takes log10 of 2; a bit has ln 2 nats", lambda loss: loss - bits * math.log10(2)),
            ("log(8) for 8 log(2): a byte has 8 bits of ln 2 nats each", lambda loss: loss - bits / 8 * math.log(8)),
            ("the length is added; take it off", lambda loss: loss + bits * math.log(2)),
            ("the length is added, and in bits; take it off, in nats", lambda loss: loss + bits),
            ("this divides by the length; take it off", lambda loss: loss / (bits * math.log(2))),
            ("this divides by the length, in bytes; take it off, in nats", lambda loss: loss / (bits / 8)),
            ("this divides by the length, in bits; take it off, in nats", lambda loss: loss / bits),
            ("the length of the file is missing: take it off, in nats", lambda loss: loss),
            ("the sign of the whole is turned round: higher is to be stranger",
             lambda loss: bits * math.log(2) - loss),
            ("this goes to bits; wanted are nats", lambda loss: loss / math.log(2) - bits),
            ("this is the length of the file alone; wanted is −ELBO less that", lambda loss: bits * math.log(2)),
        ]
        mistakes = combined(forms, lengths)
        right = loss - bits * math.log(2)
        one = "this is one number for all pictures; wanted is one for each"
        mistakes += [(one, right.mean()), (one, right.sum())]
        return tensor(ask(answer, nll, kl, n_bytes)), right, mistakes

    settle([case(5), case(7), case(4)], "the numbers are off: wanted is nll + kl − n_bytes · 8 · ln 2, all in nats")
