"""Checks of notebook 06, sums with codes: the straight path, the mean of a class, the direction of an attribute."""

import math

import torch

from vae_helpers.checks.parameters import alike, ask, between, combined, settle, uniform
from vae_helpers.checks.verdict import Mistake, exercise, require, tensor
from vae_helpers.latent import morph


@exercise("06_straight_path", "n steps and n + 1 codes: the first is u, the last v, and each step is as long.")
def straight_path(answer, generator):
    """``answer(u, v, n)``, (d,) twice and a number of steps: the codes u + (v − u) i/n, i from 0 to n, (n + 1, d)."""

    def case(n, d):
        u, v = uniform(0.3, 1.5, (d,), generator), uniform(-1.5, 0.5, (d,), generator)
        got = ask(answer, u, v, n)
        if isinstance(got, (list, tuple)) and got and isinstance(got[0], torch.Tensor):
            raise Mistake(f"this is a {type(got).__name__} of codes; `torch.stack` makes one tensor (n + 1, d) of them")
        i = torch.arange(n + 1.0)[:, None]
        t = i / n
        short = "v is missing: i goes from 0 to n, both included"
        neither = "both ends are missing: i goes from 0 to n, both included"
        times = [
            ("", t),
            ("these are n codes: n steps have n + 1 ends, so linspace(0, 1, n + 1)", torch.linspace(0, 1, n)[:, None]),
            ("these are n + 2 codes: n steps have n + 1 ends", torch.linspace(0, 1, n + 2)[:, None]),
            ("this stops short of v: divide i by n, not by n + 1", i / (n + 1)),
            (short, t[:-1]),
            (short, i[:-1] / (n + 1)),
            ("this goes one step beyond v", torch.arange(n + 2.0)[:, None] / n),
            ("u is missing: i starts at 0", t[1:]),
            ("u is missing: i starts at 0", (i + 1) / (n + 1)),
            (neither, t[1:-1]),
            (neither, (i[:-1] + 1) / (n + 1)),
            ("this is the one code halfway; wanted are n + 1", torch.tensor(0.5)),
            ("this is the one code halfway; wanted are n + 1", torch.tensor([[0.5]])),
            ("these are the two ends alone; wanted are n + 1 codes", torch.tensor([[0.0], [1.0]])),
            ("i is not divided by n: this goes on far beyond v", i),
            ("this stays at the start until the last code: `//` rounds down. Divide with `/`", i // n),
        ]
        angle = torch.arccos(torch.cosine_similarity(u, v, dim=0))
        sphere = "this goes round the sphere; wanted is the straight line, u + (v − u) i/n"
        ways = [
            ("", lambda t: u + t * (v - u)),
            ("this goes from v to u; wanted is the way from u to v", lambda t: v + t * (u - v)),
            ("the codes stand in columns; wanted is one in each row, (n + 1, d)",
             lambda t: (u + t * (v - u)).movedim(0, -1)),
            (sphere, lambda t: (((1 - t) * angle).sin() * u + (t * angle).sin() * v) / angle.sin()),
            ("both weights rise: that of u is 1 − t, which falls while that of v rises", lambda t: t * u + t * v),
            ("both weights fall: that of v is t, which rises while that of u falls", lambda t: (1 - t) * (u + v)),
            ("v is added to u; what is added is a part of the way there, v − u", lambda t: u + t * v),
            ("u is missing: this starts at the origin. Add (v − u) i/n to u", lambda t: t * (v - u)),
            ("u plays no part: this goes from the origin to v", lambda t: t * v),
            ("v plays no part: this goes from u to the origin", lambda t: (1 - t) * u),
            ("this goes away from v: the way there is v − u", lambda t: u - t * (v - u)),
            ("v has the wrong sign: the weights are 1 − t and t", lambda t: (1 - t) * u - t * v),
            ("this adds u + v; the way to v is v − u", lambda t: u + t * (u + v)),
            ("the way is cut to length 1: take v − u as it is", lambda t: u + t * (v - u) / (v - u).norm()),
            ("the squares of the weights add up to 1; so should the weights: 1 − t and t",
             lambda t: (1 - t).sqrt() * u + t.sqrt() * v),
            ("the steps are not equal: the weight of v is t = i/n", lambda t: u + t**2 * (v - u)),
            ("the steps are not equal: the weight of v is t = i/n", lambda t: u + t**2 * (3 - 2 * t) * (v - u)),
            ("the steps are not equal: the weight of v is t = i/n",
             lambda t: u + (1 - (math.pi * t).cos()) / 2 * (v - u)),
        ]
        return tensor(got), u + t * (v - u), [*combined(times, ways), (sphere, morph(u, v, n, "spherical"))]

    # never n + 1 = d: columns must not pass for rows
    cases = [case(4, between(6, 9, generator)), case(between(7, 9, generator), 5), case(between(5, 6, generator), 4)]
    settle(cases, "the numbers are off: wanted is u + (v − u) i/n, for i from 0 to n")
    got, true, _ = case(1, 4)
    require(alike(got, true), "right for more steps; but for n = 1 wanted are two codes, u and v themselves")


@exercise("06_class_mean", "What all codes of a class have in common stays, what each has of its own is averaged away.")
def class_mean(answer, generator):
    """``answer(codes, labels, label)``, (N, d), (N,) and one of the labels: the mean of the codes with it, (d,)."""

    def case(label, d):
        counts = {label: between(4, 6, generator), 1: between(7, 9, generator), 7: between(4, 6, generator)}
        labels = torch.cat([torch.full((count,), each) for each, count in counts.items()])
        labels = labels[torch.randperm(len(labels), generator=generator)]
        while labels[label] == label:  # the code at the place `label` is to be none of the class
            labels = labels.roll(1)
        codes = torch.randn(len(labels), d, generator=generator) + uniform(0.5, 1.5, (d,), generator)
        codes = codes + 0.2 * labels[:, None]  # the classes lie apart
        mine = codes[labels == label]
        middle = mine.mean(0)
        forms = [
            ("", mine),
            ("label plays no part: this is taken over the codes of all classes", codes),
            ("this is taken over the other classes: `==` picks those with the label", codes[labels != label]),
            ("labels are taken for indices: `labels == label` is the mask of the class", codes[labels]),
        ]
        reductions = [
            ("", lambda chosen: chosen.mean(0)),
            ("this is the sum; divide by how many codes there are", lambda chosen: chosen.sum(0)),
            ("the sum is divided by the number of all codes; divide by how many have the label",
             lambda chosen: chosen.sum(0) / len(codes)),
            ("this is one number, the mean over the latents too; average over the codes, dim 0", torch.mean),
            ("this is the mean over the latents; average over the codes, dim 0", lambda chosen: chosen.mean(1)),
            ("this has shape (1, d): leave out `keepdim`", lambda chosen: chosen.mean(0, keepdim=True)),
            ("this is the median; wanted is the mean", lambda chosen: chosen.median(0).values),
            ("this is the median; wanted is the mean", lambda chosen: chosen.quantile(0.5, dim=0)),
            ("these are the codes themselves; wanted is their mean", lambda chosen: chosen),
            ("this is the code nearest to the mean; wanted is the mean itself",
             lambda chosen: chosen[(chosen - chosen.mean(0)).norm(dim=1).argmin()]),
            ("the mean is cut to length 1: take it as it is", lambda chosen: chosen.mean(0) / chosen.mean(0).norm()),
        ]
        mistakes = [
            ("label is taken for an index: this is the code of one image, whatever its class", codes[label]),
            ("label is taken for an index: `labels == label` picks the codes of the class", codes[label].mean()),
            *combined(forms, reductions),
            ("the sum is divided by label; divide by how many codes have it", mine.sum(0) / label),
            ("the mean of all codes is taken off; wanted is the mean of the class itself", middle - codes.mean(0)),
            ("these are the codes less their mean; wanted is the mean", mine - middle),
        ]
        return tensor(ask(answer, codes, labels, label)), middle, mistakes

    settle([case(3, 5), case(9, 6), case(5, 3)],
           "the numbers are off: pick the codes whose label is the one wanted, and average over them, dim 0")


@exercise("06_attribute_direction", "Whatever comes with the attribute is in it too: means cannot tell the two apart.")
def attribute_direction(answer, generator):
    """``answer(codes, has)``, (N, d) and (N,) bools: mean of the codes that have it less that of the others, (d,)."""

    def case(d):
        few, many = between(5, 7, generator), between(9, 12, generator)
        has = (torch.arange(few + many) < few)[torch.randperm(few + many, generator=generator)]
        codes = torch.randn(few + many, d, generator=generator) + uniform(0.5, 1.5, (d,), generator)
        signs = torch.tensor([1, -1, 1, -1, 1])[:d]  # up along some latents, down along others
        codes = codes + has[:, None] * signs * uniform(1, 2, (d,), generator)
        true = codes[has].mean(0) - codes[~has].mean(0)
        chosen = [
            ("", (codes[has], codes[~has])),
            ("the sign is turned round: from those without to those that have it", (codes[~has], codes[has])),
            ("this is taken against all codes; take it against those that do not have it", (codes[has], codes)),
            ("this is taken from all codes; take it from those that have it", (codes, codes[~has])),
        ]
        index = has.long()
        for other in (1 - index, ~index):
            chosen.append(("`has` is taken for indices, 0 and 1; as bools it is a mask: codes[has]",
                           (codes[index], codes[other])))
        differences = [
            ("", lambda pair: pair[0].mean(0) - pair[1].mean(0)),
            ("only those that have it count here; take off the mean of those that do not",
             lambda pair: pair[0].mean(0)),
            ("only those without it count here; wanted is their mean taken off that of the others",
             lambda pair: pair[1].mean(0)),
            ("these are differences of sums; take means, since the groups are not equally large",
             lambda pair: pair[0].sum(0) - pair[1].sum(0)),
            ("the sums are divided by the number of all codes; each mean divides by its own group",
             lambda pair: (pair[0].sum(0) - pair[1].sum(0)) / len(codes)),
            ("the two means are added; subtract", lambda pair: pair[0].mean(0) + pair[1].mean(0)),
            ("this is half of it: the step goes from the one mean to the other",
             lambda pair: (pair[0].mean(0) - pair[1].mean(0)) / 2),
            ("the direction is cut to length 1: its length says how far the means are apart, keep it",
             lambda pair: torch.nn.functional.normalize(pair[0].mean(0) - pair[1].mean(0), dim=0)),
            ("this is one number, a mean over the latents too; average over the codes, dim 0",
             lambda pair: pair[0].mean() - pair[1].mean()),
            ("this has shape (1, d): leave out `keepdim`",
             lambda pair: pair[0].mean(0, keepdim=True) - pair[1].mean(0, keepdim=True)),
            ("these are medians; wanted are means", lambda pair: pair[0].median(0).values - pair[1].median(0).values),
            ("these are medians; wanted are means", lambda pair: pair[0].quantile(0.5, 0) - pair[1].quantile(0.5, 0)),
            ("this is the size of the step without its sign", lambda pair: (pair[0].mean(0) - pair[1].mean(0)).abs()),
            ("this is divided by the spread of the codes; keep the step in the codes' own unit",
             lambda pair: (pair[0].mean(0) - pair[1].mean(0)) / codes.std(0)),
        ]
        return tensor(ask(answer, codes, has)), true, combined(chosen, differences)

    settle([case(5), case(3), case(4)],
           "the numbers are off: wanted is the mean over the codes that have it, less the mean over those that do not")
