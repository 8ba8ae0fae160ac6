"""Checks of notebook 08, shares: of the faces recognised, of the neighbours that agree, and how sure a share is."""

import torch
from torch.nn import functional as F

from vae_helpers.checks.parameters import alike, ask, between, combined, settle, uniform
from vae_helpers.checks.verdict import Mistake, exercise, require, tensor


@exercise("08_recognised", "A blurred face may still be nearer to its own original than to anybody else's.")
def recognised(answer, generator):
    """``answer(originals, recovered)``, (N, C, H, W) each: the share of the recovered nearest to their own, ()."""

    def draw(channels):
        n = between(13, 17, generator)
        originals = uniform(0.1, 0.9, (n, channels, 3, 2), generator) * uniform(0.6, 1, (n, 1, 1, 1), generator)
        # more or less drawn to the mean face, and a few so much that they are beyond it, far from their own
        kept = torch.cat([torch.full((3,), -0.8), uniform(0.1, 0.7, (n - 3,), generator)]).view(-1, 1, 1, 1)
        mean = originals.mean(0)
        noise = uniform(-0.25, 0.25, originals.shape, generator)
        recovered = (mean + kept * (originals - mean) + noise).clamp(0, 1)
        places = torch.randperm(n, generator=generator)
        return originals[places], recovered[places]

    def case(pictures):
        originals, recovered = (x.double() for x in pictures)
        own = torch.arange(len(originals))
        apart = recovered[:, None] - originals
        square = apart.square().flatten(2).sum(2)

        def of(values):
            return values.argmin(1) == own

        def squares(reduce):
            return of((reduce(recovered)[:, None] - reduce(originals)).square().flatten(2).sum(2))

        dot = recovered.flatten(1) @ originals.flatten(1).T
        cosine = dot / originals.flatten(1).norm(dim=1)
        unsquared = "the differences are not squared, so those of both signs cancel: that compares the brightness alone"
        each_pixel = "the nearest is sought for each pixel apart: sum the squares over channels, rows and columns first"
        forms = [
            ("", of(square)),
            ("this is the other way round: for each recovered picture find the nearest original, not the reverse",
             square.argmin(0) == own),
            ("this takes the farthest original; the nearest has the smallest error: argmin", of(-square)),
            ("this is 1 for any pictures: hold each recovered one against all originals, not its own alone, nor the "
             "recovered ones", own == own),
            ("the differences count without a square; wanted is the squared error", of(apart.abs().flatten(2).sum(2))),
            *((unsquared, of(sign * apart.flatten(2).sum(2))) for sign in (1, -1)),
            (unsquared, of(apart.flatten(2).sum(2).abs())),
            ("the mean colour alone is compared: sum the squares over all pixels", squares(lambda x: x.mean((2, 3)))),
            ("the colours are averaged before the difference: sum the squares over the channels too",
             squares(lambda x: x.mean(1))),
            (each_pixel, apart.square().sum(2).argmin(1) == own[:, None, None]),
            (each_pixel, apart.square().argmin(1) == own[:, None, None, None]),
            ("the dot product is no distance; wanted is the smallest squared error", of(-dot)),
            ("the cosine forgets how bright a picture is; wanted is the smallest squared error", of(-cosine)),
        ]
        mistakes = [
            ("this is 0 for any pictures: hold the index of the nearest original against the picture's own",
             torch.zeros(())),
            ("these are the indices of the nearest: hold them against 0 to N − 1, and take the share",
             square.argmin(1)),
            ("this is the mean squared error; wanted is how many are nearest to their own",
             (recovered - originals).square().mean()),
        ]
        mistakes += combined(forms, _shares("recovered picture"))
        return of(square).double().mean(), mistakes

    def clear(pictures):
        originals, recovered = (x.double().flatten(1) for x in pictures)
        nearest = torch.cdist(recovered, originals).sort(1).values
        return bool((nearest[:, 1] - nearest[:, 0] > 1e-3).all())

    drawn = _told_apart(lambda: [draw(3) for _ in range(3)], case, clear)
    settle([(tensor(ask(answer, *pictures)), true, mistakes) for pictures, (true, mistakes) in drawn],
           "the number is off: for each recovered picture take, of all originals, the one with the least squared error")
    trivial = [("0", torch.zeros(())), ("1", torch.ones(()))]
    drawn = _told_apart(lambda: [draw(1), draw(1)], lambda pictures: (case(pictures)[0], trivial), clear)
    settle([(tensor(ask(answer, *pictures)), true, []) for pictures, (true, _) in drawn],
           "right in colour, but off for one channel alone")


@exercise("08_neighbours_agree", "It needs no training of its own: the codes alone say what lies together.")
def neighbours_agree(answer, generator):
    """``answer(codes, labels, k)``, (N, d), (N,): mean share of the k nearest others with a point's own label, ()."""

    def draw(k):
        n, d = between(17, 22, generator), between(3, 4, generator)
        labels = torch.randint(0, 3, (n,), generator=generator)
        middles = uniform(-1.2, 1.2, (3, d), generator) + 1
        return middles[labels] + torch.randn(n, d, generator=generator), labels, k

    def case(drawn):
        codes, labels, k = drawn
        z = codes.double()
        unit = F.normalize(z, dim=1)
        near, city = -torch.cdist(z, z), -torch.cdist(z, z, p=1)
        alike_by = [
            ("", near),
            ("these are the farthest; wanted are the nearest: largest=False", -near),
            ("the cosine is no distance: two points of one direction may lie far apart", unit @ unit.T),
            ("the dot product is no distance; wanted are the k with the smallest distance", z @ z.T),
            ("the differences are not squared; wanted is the Euclidean distance", city),
        ]
        itself = "the point itself counts among its neighbours, and always agrees: leave it out"
        mine = torch.eye(len(z)).bool()
        choices = [
            ("", lambda like: like.masked_fill(mine, -torch.inf).topk(k).indices),
            (itself, lambda like: like.masked_fill(mine, torch.inf).topk(k).indices),
            (itself, lambda like: like.masked_fill(mine, torch.inf).topk(k + 1).indices),
            ("these are k + 1 neighbours", lambda like: like.masked_fill(mine, -torch.inf).topk(k + 1).indices),
            ("these are k − 1 neighbours: with the point itself first, take k + 1 and drop that one",
             lambda like: like.masked_fill(mine, -torch.inf).topk(k - 1).indices),
            ("this is the one nearest alone; wanted are k",
             lambda like: like.masked_fill(mine, -torch.inf).topk(1).indices),
        ]
        chosen = labels[choices[0][1](near)]
        agree = (chosen == labels[:, None]).double()
        forms, twice = [("", agree)], []
        for text, neighbours in combined(alike_by, choices):
            (twice if "Besides" in text else forms).append((text, (labels[neighbours] == labels[:, None]).double()))
        voted = "this is the accuracy of the vote; wanted is the mean share, in which each neighbour counts"
        votes = F.one_hot(chosen, 3).sum(1)
        first = torch.stack([row[votes[i][row].argmax()] for i, row in enumerate(chosen)])  # of a tie, the nearest
        won = [votes.argmax(1) == labels, first == labels, agree.mean(1) > 0.5, agree.mean(1) >= 0.5]
        mistakes = [
            *((voted, value) for right in won for value in (right.double().mean(), right.sum())),
            ("this counts where one neighbour at least agrees; wanted is the mean share", agree.amax(1).mean()),
            ("this counts where all neighbours agree; wanted is the mean share", agree.amin(1).mean()),
            ("the neighbours play no part: these are all other points",
             (labels[:, None] == labels)[~mine].double().mean()),
        ]
        mistakes += combined(forms, [
            *_shares("neighbour"),
            ("this is divided by N alone; divide by k too", lambda mask: mask.sum() / len(mask)),
            ("this is divided by k alone; divide by N too", lambda mask: mask.sum() / mask.shape[1]),
            ("this is one share for each point; wanted is their mean", lambda mask: mask.double().mean(1)),
            ("this is one share for each place in the order; wanted is the mean over all",
             lambda mask: mask.double().mean(0)),
        ])
        mistakes += [(text, mask.mean()) for text, mask in twice]
        return agree.mean(), mistakes

    def clear(drawn):
        codes, _, k = drawn
        order = torch.cdist(codes.double(), codes.double()).sort(1).values  # the first is the point itself
        return bool((order[:, k + 1] - order[:, k] > 1e-3).all())

    drawn = _told_apart(lambda: [draw(k) for k in (3, 5, 4)], case, clear)
    settle([(tensor(ask(answer, *inputs)), true, mistakes) for inputs, (true, mistakes) in drawn],
           "the number is off: for each point take the k nearest others, and the share of them with the point's label")


def _shares(one):
    """The reductions of a mask to the share of its True, the right one first."""
    return [
        ("", lambda mask: mask.double().mean()),
        ("this is the count; divide it by how many there are", torch.sum),
        ("this is in per cent; wanted is a share from 0 to 1", lambda mask: 100 * mask.double().mean()),
        ("this is the share of the others: count where they are the same, not where they differ",
         lambda mask: 1 - mask.double().mean()),
        (f"this is one True or False for each {one}; wanted is their share, `.float().mean()`", lambda mask: mask),
    ]


def _told_apart(draw, case, clear):
    """Pairs (inputs, their case), drawn anew until all inputs are ``clear`` and the cases tell all mistakes apart.

    A share of few is one of few numbers, so that different formulas often agree. ``case`` makes (true, mistakes)
    of inputs. Of two mistakes at a time it only matters that they are not right.
    """
    for _ in range(1000):  # a handful is enough
        drawn = draw()
        if all(clear(inputs) for inputs in drawn):
            cases = [case(inputs) for inputs in drawn]
            if _differ(cases):
                break
    return list(zip(drawn, cases))


def _differ(cases):
    values = {}
    for slips in zip(*([("", true), *mistakes] for true, mistakes in cases)):
        text = slips[0][0]
        numbers = tuple(tuple(round(number, 6) for number in value.double().flatten().tolist()) for _, value in slips)
        known = values.get(numbers, text)
        if known == "" != text or (known != text and "Besides" not in known + text):
            return False
        values.setdefault(numbers, text)
    return True


@exercise("08_wilson", "At 20 of 20 it does not claim certainty: it ends at 1, but begins well below.")
def wilson(answer, generator):
    """``answer(hits, n)``: (low, high), the 95 % interval of a share by E. B. Wilson (1927), with z = 1.96."""
    z = 1.96
    cases = [(20, 20), (0, between(8, 30, generator))]
    for _ in range(8):
        n = between(6, 60, generator)
        cases.append((between(1, n - 1, generator), n))
    parts = [tensor(answer(*case)) for case in cases]
    require(len({part.shape for part in parts}) == 1, "wanted is the pair (low, high), whatever hits and n are")
    got = torch.tensor([part.tolist() for part in parts])
    hits, n = torch.tensor(cases).double().T
    p = hits / n

    def both(z=z, squared=None, top=None, inner=None, below=None, before=None):
        """Centre and half-width, with whatever is given in the place of what is right."""
        squared = z**2 if squared is None else squared
        below = 1 + squared / n if below is None else below
        inner = p * (1 - p) / n + squared / (4 * n**2) if inner is None else inner
        return ((p + squared / (2 * n) if top is None else top) / below,
                (z if before is None else before) / below * inner.sqrt())

    centre, half = both()
    true = torch.stack([centre - half, centre + half], 1)
    if alike(got, true):
        return
    spread, extra, below = p * (1 - p) / n, z**2 / (4 * n**2), 1 + z**2 / n
    plain = "this is the plain p ± 1.96 √(p(1 − p)/n): at 20 of 20 its width is 0, as if no other share were possible"
    brackets = "`/ 2 * n` and `/ 4 * n**2` multiply by n: they need brackets, z**2 / (2 * n) and z**2 / (4 * n**2)"
    by_n = "z² is divided by n wrongly under the root: it is z²/4n², n squared and 4 not"
    forms = [
        ("", (centre, half)),
        (plain, (p, z * spread.sqrt())),
        ("z = 1 gives 68 %; for 95 % z is 1.96", both(1)),
        ("z = 1.645 gives 90 %; for 95 % z is 1.96", both(1.645)),
        ("z = 2.576 gives 99 %; for 95 % z is 1.96", both(2.576)),
        ("z is rounded to 2; take 1.96", both(2)),
        ("z is not squared: it is z²/2n, z²/n and z²/4n²", both(squared=z)),
        ("z² is missing: it is z²/2n, z²/n and z²/4n², not 1/2n, 1/n and 1/4n²", both(squared=1)),
        ("z²/2n is missing in the centre, which is (p + z²/2n)/(1 + z²/n)", both(top=p)),
        ("z²/4n² is missing under the root", both(inner=spread)),
        ("1 + z²/n is missing: centre and half-width are both divided by it", both(below=torch.ones_like(p))),
        ("the centre is not divided by 1 + z²/n", (centre * below, half)),
        ("the half-width is not divided by 1 + z²/n", (centre, half * below)),
        ("the centre is p; wanted is (p + z²/2n)/(1 + z²/n), which is nearer to one half", (p, half)),
        ("z is missing before the root: the half-width is z/(1 + z²/n) times the root", both(before=1)),
        ("the square root is missing in the half-width", both(inner=(spread + extra) ** 2)),
        ("the root is taken of each term apart; it is one root, of the sum",
         both(inner=(spread.sqrt() + extra.sqrt()) ** 2)),
        (brackets, both(top=p + z**2 / 2 * n, inner=spread + z**2 / 4 * n**2)),
        (brackets, both(top=p + z**2 / 2 * n)),
        (brackets, both(inner=spread + z**2 / 4 * n**2)),
        ("z² is divided by n wrongly in the centre: it is z²/2n", both(top=p + z**2 / n)),
        ("z² is divided by n wrongly in the centre: it is z²/2n", both(top=p + z**2 / 2)),
        *((by_n, both(inner=spread + wrong)) for wrong in (n * extra, 4 * n * extra, extra / 4, 4 * extra)),
        ("z² is not divided by n below: it is 1 + z²/n", both(below=1 + z**2)),
        ("p(1 − p) is not divided by n under the root", both(inner=p * (1 - p) + extra)),
        ("this is Agresti and Coull's interval, Wilson's centre with a wider half-width",
         (centre, z * (centre * (1 - centre) / (n + z**2)).sqrt())),
    ]
    ends = [
        ("", lambda c, h: torch.stack([c - h, c + h], 1)),
        ("the ends are exchanged: low first, then high", lambda c, h: torch.stack([c + h, c - h], 1)),
        ("this is in per cent; wanted are shares from 0 to 1", lambda c, h: 100 * torch.stack([c - h, c + h], 1)),
        ("these are counts; wanted are shares: do not multiply by n",
         lambda c, h: torch.stack([c - h, c + h], 1) * n[:, None]),
        ("this is centre and half-width; wanted are the ends, centre ∓ half-width",
         lambda c, h: torch.stack([c, h], 1)),
        ("this is minus and plus the half-width; add the centre", lambda c, h: torch.stack([-h, h], 1)),
        ("this is the half-width alone; wanted are both ends, centre ∓ half-width", lambda c, h: h),
        ("this is the width alone; wanted are both ends, centre ∓ half-width", lambda c, h: 2 * h),
        ("this is the centre alone; wanted are both ends, centre ∓ half-width", lambda c, h: c),
        ("this is the low end alone; wanted are both", lambda c, h: c - h),
        ("this is the high end alone; wanted are both", lambda c, h: c + h),
    ]
    mistakes = combined(forms, [(text, lambda pair, make=make: make(*pair)) for text, make in ends])
    mistakes += [(plain, (p[:, None] + z * spread.sqrt()[:, None] * torch.tensor([-1, 1])).clamp(0, 1))]
    mistakes += _of_scipy(cases)
    if got.shape != true.shape:
        for text, value in mistakes:
            require(not alike(got, value), text)
        raise Mistake(f"wanted is the pair (low, high), your function gives the shape {tuple(parts[0].shape)}")
    settle([(got, true, mistakes)],
           "the ends are off: wanted is (p + z²/2n)/(1 + z²/n) ∓ z/(1 + z²/n) √(p(1 − p)/n + z²/4n²), with p = hits/n")


def _of_scipy(cases):
    """The two other intervals that ``scipy.stats.binomtest`` gives."""
    from scipy.stats import binomtest  # it takes a second to load, so only for a wrong answer

    ways = [("this is the exact interval of Clopper and Pearson, which is wider; wanted is Wilson's", "exact"),
            ("this is Wilson's interval with a correction for continuity; wanted is the one without", "wilsoncc")]
    return [(text, torch.tensor([list(binomtest(*case).proportion_ci(method=method)) for case in cases]))
            for text, method in ways]
