"""Checks of notebook 08, formulas: the side of a convolution's picture, a direction freed from others."""

import torch
from torch.nn import functional as F

from vae_helpers.checks.parameters import ask, between, combined, settle, uniform, unnamed
from vae_helpers.checks.verdict import exercise, tensor


@exercise("08_conv_side", "Floor and all: every side of a net for faces can be read off before it runs.")
def conv_side(answer, generator):
    """``answer(side, kernel, stride, padding)``: the side of a convolution's picture, against torch's own."""
    # divided without a remainder, with one half over an odd and an even number, and with a third; the others are drawn
    cases = [(128, 4, 2, 1), (64, 3, 2, 1), (13, 3, 4, 0), (16, 3, 3, 0)]
    cases += [tuple(between(*r, generator) for r in ((9, 40), (2, 5), (1, 4), (0, 2))) for _ in range(14)]
    true = [F.conv2d(torch.empty(1, 1, n, n, device="meta"), torch.empty(1, 1, k, k, device="meta"),
                     stride=s, padding=p).shape[-1] for n, k, s, p in cases]
    got = [tensor(answer(*case), shape=()).item() for case in cases]
    wrong = [i for i in range(len(cases)) if not abs(got[i] - true[i]) < 1e-6]
    if not wrong:
        return
    n, k, s, p = torch.tensor(cases).double().T
    spaces = [
        ("", n + 2 * p - k),
        ("padding counts once; it lies on both sides", n + p - k),
        ("padding is subtracted; it makes the picture larger", n - 2 * p - k),
        ("padding is subtracted; it makes the picture larger", n - p - k),
        ("padding is left out", n - k),
        ("kernel is not subtracted", n + 2 * p),
        ("kernel is added; subtract it", n + 2 * p + k),
        ("kernel − 1 is subtracted; take off all of kernel", n + 2 * p - k + 1),
    ]
    to_nearest = "this rounds to the nearest; torch rounds down (`//`)"
    counts = [
        ("", lambda space: space // s + 1),
        ("the first place counts too: + 1 is missing", lambda space: space // s),
        ("this is not rounded down: what does not fit is left out, so `//`", lambda space: space / s + 1),
        ("this rounds up; torch rounds down (`//`)", lambda space: (space / s).ceil() + 1),
        (to_nearest, lambda space: (space / s).round() + 1),
        (to_nearest, lambda space: (space / s + 1).round()),
        (to_nearest, lambda space: (space / s + 0.5).floor() + 1),
        ("+ 1 is missing, and this is not rounded down (`//`)", lambda space: space / s),
        ("+ 1 is divided too; add it after the division", lambda space: (space + 1) // s),
        ("stride is left out", lambda space: space + 1),
        ("stride multiplies; divide by it", lambda space: space * s + 1),
        ("stride is subtracted; divide by it", lambda space: space - s + 1),
    ]
    mistakes = [("this is the transposed convolution's formula, which makes pictures larger", (n - 1) * s - 2 * p + k)]
    mistakes += combined(spaces, counts)
    side, kernel, stride, padding = cases[wrong[0]]
    case = (f"for side {side}, kernel {kernel}, stride {stride}, padding {padding} "
            f"torch gives {true[wrong[0]]}, you {got[wrong[0]]:g}")
    settle([(torch.tensor(got), torch.tensor(true), [(f"{case}: {text}", value) for text, value in mistakes])],
           f"{case}. Count the kernel's places: the first, and one more for each stride that fits")


@exercise("08_freed_direction", "A step along it goes nowhere along any of the others.")
def freed_direction(answer, generator):
    """``answer(direction, others)``, (d,) and (m, d): direction less its projection on the span of others, (d,)."""

    def case(m, d):
        direction, others = _leaning(m, d, generator)
        v, rows = direction.double(), others.double()
        basis = torch.linalg.qr(rows.T).Q
        onto, lengths = basis @ (basis.T @ v), rows.norm(dim=1)
        dots = rows @ v
        ones = torch.cat([rows, torch.ones(1, d).double()])
        undivided = "the dot product is not divided: the projection on u is (v·u)/(u·u) u"
        by_norm = "the dot product is divided by the norm; divide by its square: (v·u)/(u·u) u"
        orthogonal = "this is right for orthogonal rows alone; these are not: take off the projection on their span"
        one_by_one = "the rows are taken off one by one; not being orthogonal, each brings back some of the others"
        forms = [
            ("", onto),
            (orthogonal, dots / lengths**2 @ rows),
            *((one_by_one, v - _in_turn(v, order, 2)) for order in (rows, rows.flip(0))),
            *((undivided, value) for value in (dots @ rows, v - _in_turn(v, rows, 0), dots[0] * rows[0])),
            *((by_norm, value) for value in (dots / lengths @ rows, v - _in_turn(v, rows, 1))),
            ("the dot product is divided by v·v, that of direction; divide by that of the row", dots / (v @ v) @ rows),
            ("the first row alone is taken off; wanted are all", dots[0] / lengths[0] ** 2 * rows[0]),
            ("the last row alone is taken off; wanted are all", dots[-1] / lengths[-1] ** 2 * rows[-1]),
            ("the rows are summed or averaged into one; the result is orthogonal to that, not to each of them",
             rows.sum(0) @ v / rows.sum(0).square().sum() * rows.sum(0)),
            ("the rows themselves are taken off; take off the projection on their span", rows.sum(0)),
            ("the rows themselves are taken off; take off the projection on their span", rows.mean(0)),
            ("a constant is fitted along with the rows: fit_intercept=False", ones.T @ (torch.linalg.pinv(ones.T) @ v)),
        ]
        results = [
            ("", lambda part: v - part),
            ("this is the projection itself; take it off direction", lambda part: part),
            ("the projection is added; subtract it", lambda part: v + part),
            ("the sign is turned round: direction less its projection", lambda part: part - v),
            ("this is cut to length 1: keep the length that is left", lambda part: F.normalize(v - part, dim=0)),
            ("this has shape (d, 1): flatten it", lambda part: (v - part)[:, None]),
            ("this has shape (1, d): flatten it", lambda part: (v - part)[None]),
        ]
        mistakes = combined(forms, results)
        mistakes += [
            ("nothing is taken off: this is direction itself", v),
            ("direction is only cut to length 1: take off its projection on the span of others", F.normalize(v, dim=0)),
            ("this is one vector for each row; wanted is one, orthogonal to all",
             v - (dots / lengths**2)[:, None] * rows),
            ("this frees others from direction; wanted is the reverse", rows - (dots / (v @ v))[:, None] * v),
            ("these are the weights of the rows; their sum, so weighted, is what to take off",
             torch.linalg.pinv(rows.T) @ v),
        ]
        return tensor(ask(answer, direction, others)), v - onto, mistakes

    settle([case(2, between(5, 7, generator)), case(3, between(7, 9, generator)), case(4, 8)],
           "the numbers are off: wanted is direction less its projection on the span of others, orthogonal to each row")
    settle([unnamed(case(1, 5))], "right for several others, but off for one alone")


def _leaning(m, d, generator):
    """A direction (d,) and rows (m, d) of different lengths, far from orthogonal, and far from dependent."""
    while True:
        shared = torch.randn(d, generator=generator)
        others = torch.randn(m, d, generator=generator) + 0.7 * shared
        others = others * uniform(0.4, 1.6, (m, 1), generator)
        direction = torch.randn(d, generator=generator) + 0.7 * shared
        sizes = torch.linalg.svdvals(F.normalize(others, dim=1))
        left = direction - torch.linalg.pinv(others) @ (others @ direction)
        if sizes[-1] > 0.25 and (m == 1 or sizes[0] > 1.15) and left.norm() > 0.3 * direction.norm():
            return direction, others


def _in_turn(v, rows, power):
    """What is left of v when each row is taken off in turn, its dot product divided by this power of its norm."""
    for row in rows:
        v = v - v @ row / row.norm() ** power * row
    return v
