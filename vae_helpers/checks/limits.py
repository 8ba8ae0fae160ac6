"""Checks of notebook 10, the limits: the best single answer, the straight-through gradient, all the noise at once."""

import torch

from vae_helpers.checks.parameters import alike, ask, between, combined, settle, uniform
from vae_helpers.checks.verdict import Mistake, exercise, require, tensor


@exercise("10_best_answer", "Squared error asks for the mean, absolute error for the median: the loss is the question.")
def best_answer(answer, generator):
    """``answer(values, weights)``, each (n,): the constants of least weighted squared and absolute error, a pair."""

    def case(n, scale):
        values, weights = _uneven(n, scale, generator)
        order = values.argsort()
        reached = weights[order].cumsum(0) / weights.sum()
        plain = "the weights play no part in the {}: wanted is the least *weighted* mean of errors"
        middle = (values.min() + values.max()) / 2
        squared = [
            ("", (weights * values).sum() / weights.sum()),
            (plain.format("first"), values.mean()),
            ("the first is not divided by the weights' sum, which need not be 1", (weights * values).sum()),
            ("the first is divided by n; divide by the sum of the weights", (weights * values).mean()),
            ("the first is the middle between least and largest; wanted is the weighted mean", middle),
            ("the first is the value of most weight; wanted is the weighted mean", values[weights.argmax()]),
            ("the first is a median: that is best for the absolute error", values.median()),
            ("the first is the root of the mean square; wanted is the weighted mean",
             ((weights * values**2).sum() / weights.sum()).sqrt()),
        ]
        absolute = [
            ("", values[order][(reached >= 0.5).nonzero()[0, 0]]),
            (plain.format("second"), values.median()),
            (plain.format("second"), values.quantile(0.5)),
            ("the second is the value of most weight; wanted is where half of the weight is reached",
             values[weights.argmax()]),
            ("the second is the middle between least and largest; wanted is the weighted median", middle),
            ("the second is a mean: that is best for the squared error", (weights * values).sum() / weights.sum()),
            ("the second is a mean: that is best for the squared error", values.mean()),
            ("the second takes the weights in their own order: sort them along with the values",
             values.sort().values[(weights.cumsum(0) / weights.sum() >= 0.5).nonzero()[0, 0]]),
            ("the second sorts the weights by themselves: sort them along with the values",
             values.sort().values[(weights.sort().values.cumsum(0) / weights.sum() >= 0.5).nonzero()[0, 0]]),
            ("the values are not sorted: half of the weight is reached along the line of values",
             values[(weights.cumsum(0) / weights.sum() >= 0.5).nonzero()[0, 0]]),
            ("the second is one value too early: half of the weight is to be reached",
             values[order][(reached >= 0.5).nonzero()[0, 0] - 1]),
            ("the second takes half of 1; half of the weights' sum is to be reached",
             values[order][(weights[order].cumsum(0) >= 0.5).nonzero()[0, 0]]),
            ("this is where half of the weight is reached, counted in places; wanted is the value there",
             (reached >= 0.5).nonzero()[0, 0]),
        ]
        got = ask(answer, values, weights)
        if isinstance(got, (tuple, list)):
            require(len(got) == 2, f"this is a {type(got).__name__} of {len(got)}; wanted is a pair")
            got = torch.stack([tensor(part, "your function", ()).double() for part in got])
        true = [squared[0][1], absolute[0][1]]
        mistakes = [("the two are exchanged: first the one for squared error, then that for absolute error",
                     _pair(true[1], true[0])),
                    ("this is the one for squared error alone; wanted is the pair", true[0]),
                    ("this is the one for absolute error alone; wanted is the pair", true[1])]
        both = [(". Besides, ".join(filter(None, [a, b])), _pair(first, second))
                for a, first in squared for b, second in absolute if a or b]
        both.sort(key=lambda mistake: "Besides" in mistake[0])
        return tensor(got), _pair(*true), mistakes + both

    settle([case(between(8, 11, generator), scale) for scale in (1.0, 2.0, 3.0)],
           "the numbers are off: wanted are the weighted mean and the weighted median")


def _pair(first, second):
    return torch.stack([first.double(), second.double()])


def _uneven(n, scale, generator):
    """Values (n,) and weights of sum ``scale``, such that weighted and plain answers differ, and half is no tie."""
    while True:
        values = uniform(0.5, 9.5, (n,), generator)
        weights = uniform(0.02, 1, (n,), generator) ** 3
        weights = scale * weights / weights.sum()
        order = values.argsort()
        reached = weights[order].cumsum(0) / scale
        at = int((reached >= 0.5).nonzero()[0, 0])
        if at == 0 or (reached - 0.5).abs().min() < 0.02:
            continue
        median = values[order][at]
        half = (weights.cumsum(0) / scale >= 0.5).nonzero()[0, 0]
        apart = (weights.sort().values.cumsum(0) / scale >= 0.5).nonzero()[0, 0]
        line = values[order]
        answers = torch.stack([median, line[at - 1], values[weights.argmax()], values.median(), line[half], line[apart],
                               values[half], values.mean(), (weights * values).sum() / scale, (line[0] + line[-1]) / 2])
        early = line[(scale * reached >= 0.5).nonzero()[0, 0]]
        # so that each mistake has an answer of its own
        if torch.pdist(answers[:, None]).min() > 0.02 and (scale == 1 or early < median):
            return values, weights


@exercise("10_straight_through", "The values are the codebook's, the gradient is that of z: as if nothing lay between.")
def straight_through(answer, generator):
    """``answer(z, codebook)``, (N, d) and (K, d): rows of the codebook, (N, d), with z's gradient; indices (N,)."""

    def asked(z, codebook):
        got = answer(z, codebook)
        require(got is not None and got is not Ellipsis, "your function gives back None: is a `return` missing?")
        require(not isinstance(got, torch.Tensor), "this is one tensor; wanted is the pair (z_q, index)")
        require(isinstance(got, (tuple, list)) and len(got) == 2,
                f"your function gives back a {type(got).__name__}; wanted is the pair (z_q, index)")
        z_q, index = (tensor(part, f"your function, for {name},") for part, name in zip(got, ("z_q", "the index")))
        require(not (index.is_floating_point() and not z_q.is_floating_point()),
                "the two are exchanged: first z_q, then the index")
        return z_q, index

    def case(d):
        n, k = between(5, 6, generator), between(8, 9, generator)
        while True:
            codebook = uniform(0.3, 2, (k, d), generator) * (1 - 2.0 * (torch.rand(k, d, generator=generator) < 0.5))
            z = 0.8 * codebook[torch.randperm(k, generator=generator)[:n]]
            z = z + 0.15 * torch.randn(n, d, generator=generator)
            distance = torch.cdist(z, codebook)
            true = distance.argmin(1)
            chosen = [
                ("this takes the farthest row; wanted is the nearest", distance.argmax(1)),
                ("this finds a z for each row of the codebook: argmin over the rows, dim 1", distance.argmin(0)),
                ("this takes the largest dot product; wanted is the nearest row", (z @ codebook.T).argmax(1)),
                ("this takes the smallest dot product; wanted is the nearest row", (z @ codebook.T).argmin(1)),
                ("this compares the first number alone; the distance is over all of them",
                 torch.cdist(z[:, :1], codebook[:, :1]).argmin(1)),
            ]
            seen = {tuple(index.tolist()) for _, index in [("", true), *chosen]}
            if len(seen) == len(chosen) + 1:  # each mistake has an answer of its own
                break
        z.requires_grad_(), codebook.requires_grad_()
        return z, codebook, *asked(z, codebook), true, chosen

    cases = [case(d) for d in (2, 3, 4)]
    settle([(index.double(), true.double(), [(text, value.double()) for text, value in chosen])
            for *_, index, true, chosen in cases],
           "the indices are off: wanted is the row of the codebook nearest to each z",
           what="your function, for the index,")
    one_hot = torch.nn.functional.one_hot
    settle([(z_q.detach(), codebook.detach()[true], [
        ("z_q is z itself: its values are to be rows of the codebook", z.detach()),
        ("z_q is one row too many: z is added, and not taken off again", z.detach() + codebook.detach()[true]),
        ("z_q is the difference of row and z; add z to it", codebook.detach()[true] - z.detach()),
        ("z_q is the difference of z and row; wanted is z + (row − z)", z.detach() - codebook.detach()[true]),
        ("z_q goes away from the row: add row − z, not z − row", 2 * z.detach() - codebook.detach()[true]),
        ("z_q is the middle of z and row; its values are to be the row's", (z.detach() + codebook.detach()[true]) / 2),
        ("z_q is one-hot; wanted are the rows that it points to", one_hot(true, len(codebook)).float()),
        ("these are indices; z_q has the rows of the codebook at them", true.float()),
        ("z_q is the whole codebook; wanted is one row for each z", codebook.detach()),
    ]) for z, codebook, z_q, _, true, _ in cases], "the values of z_q are off: they are rows of the codebook",
        what="your function, for z_q,")
    for z, codebook, z_q, *_ in cases:
        _require_straight(z, codebook, z_q, generator)


def _require_straight(z, codebook, z_q, generator):
    """Mistake unless the gradient of ``z_q`` reaches ``z`` unchanged, and the codebook not at all."""
    weight = uniform(0.5, 2, tuple(z_q.shape), generator)
    to_z = to_book = None
    if z_q.requires_grad:
        to_z, to_book = torch.autograd.grad((weight * z_q).sum(), (z, codebook), allow_unused=True)
    to_z = torch.zeros_like(z) if to_z is None else to_z
    moved = to_book is not None and not alike(to_book, torch.zeros_like(codebook))
    require(moved or not alike(to_z, torch.zeros_like(z)),
            "right values, but no gradient reaches z: z + (row − z).detach() has the row's value and z's slope")
    require(not moved or not alike(to_z, torch.zeros_like(z)),
            "right values, but the gradient goes to the codebook and not to z: z + (row − z).detach() turns that round")
    require(alike(to_z, weight) or not alike(to_z, 2 * weight),
            "the gradient reaches z twice over: detach row − z as a whole")
    require(alike(to_z, weight), "the gradient of z is changed on the way: z_q should have slope 1 in z")
    require(not moved, "the gradient goes to the codebook too: detach row − z as a whole")


@exercise("10_add_noise", "Any step of the noise in one line: so training may jump to a step at random.")
def add_noise(answer, generator):
    """``answer(z0, t, alpha_bar, eps)``, (N, d), (N,), (steps,), (N, d): √ᾱ_t z0 + √(1 − ᾱ_t) eps, (N, d)."""

    def case(n, d):
        steps = between(9, 12, generator)
        alpha_bar = uniform(0.15, 0.9, (steps,), generator).sort(descending=True).values
        z0, eps = uniform(0.5, 2, (n, d), generator), uniform(-2, -0.5, (n, d), generator)
        t = 1 + torch.randperm(steps - 2, generator=generator)[:n]
        a, ones = alpha_bar[t][:, None], torch.ones(n, 1)
        off = "this takes ᾱ of the {}: steps are counted from 0, so alpha_bar[t]"
        tables = [
            ("", a),
            (off.format("step before"), alpha_bar[t - 1][:, None]),
            (off.format("step after"), alpha_bar[t + 1][:, None]),
            ("this counts the steps from the other end: take alpha_bar[t]", alpha_bar.flip(0)[t][:, None]),
            ("the first step's ᾱ is taken for all: index alpha_bar with t", alpha_bar[t[0]] * ones),
            ("the mean of ᾱ is taken for all: index alpha_bar with t", alpha_bar.mean() * ones),
            ("ᾱ is multiplied up once more: it is the product over the steps already",
             alpha_bar.cumprod(0)[t][:, None]),
        ]
        forms = [
            ("", lambda a: a.sqrt() * z0 + (1 - a).sqrt() * eps),
            ("the roots are missing: ᾱ and 1 − ᾱ are variances", lambda a: a * z0 + (1 - a) * eps),
            ("the root of 1 − ᾱ is missing", lambda a: a.sqrt() * z0 + (1 - a) * eps),
            ("the root of ᾱ is missing", lambda a: a * z0 + (1 - a).sqrt() * eps),
            ("the weights are exchanged: √ᾱ stands with z0, √(1 − ᾱ) with eps",
             lambda a: (1 - a).sqrt() * z0 + a.sqrt() * eps),
            ("the noise's weight is 1 − √ᾱ; wanted is √(1 − ᾱ)", lambda a: a.sqrt() * z0 + (1 - a.sqrt()) * eps),
            ("the noise comes at full strength: its weight is √(1 − ᾱ)", lambda a: a.sqrt() * z0 + eps),
            ("z0 stays at full strength: its weight is √ᾱ", lambda a: z0 + (1 - a).sqrt() * eps),
            ("both weights are √ᾱ; that of the noise is √(1 − ᾱ)", lambda a: a.sqrt() * (z0 + eps)),
            ("the noise has the wrong sign", lambda a: a.sqrt() * z0 - (1 - a).sqrt() * eps),
            ("the noise is missing", lambda a: a.sqrt() * z0),
            ("z0 is missing", lambda a: (1 - a).sqrt() * eps),
            ("the squares are taken in place of the roots", lambda a: a**2 * z0 + (1 - a) ** 2 * eps),
            ("this is the way back, from z_t to z0; wanted is z_t",
             lambda a: (z0 - (1 - a).sqrt() * eps) / a.sqrt()),
        ]
        reductions = [(text, (lambda form: lambda a: form(a))(form)) for text, form in forms]
        try:
            got = ask(answer, z0, t, alpha_bar, eps)
        except RuntimeError as error:
            if "must match the size" in str(error):
                raise Mistake(f"{n} steps against codes ({n}, {d}) do not fit together: alpha_bar[t][:, None] makes "
                              "a column, one for each code") from None
            raise
        mistakes = combined(tables, reductions)
        if n == d:
            mistakes.append(("each latent has a ᾱ of its own, not each code: alpha_bar[t][:, None] makes a column",
                             alpha_bar[t].sqrt() * z0 + (1 - alpha_bar[t]).sqrt() * eps))
        return tensor(got), forms[0][1](a), mistakes

    shapes = [(4, 4), (5, 5), (6, 6)]  # square, so that a row in place of a column can be named
    settle([case(*shape) for shape in shapes],
           "the numbers are off: wanted is √ᾱ_t z0 + √(1 − ᾱ_t) eps, ᾱ_t = alpha_bar[t]")
    got, true, _ = case(5, 3)
    require(alike(got, true), "right where there are as many codes as latents, but off for others")
