"""Arithmetic of codes: paths between two, the mean of a class, the direction of an attribute, a grid over the plane.

Everything here is about tensors of codes (N, d), as ``models.encode`` gives them,
and knows no model: ``models.decode`` makes pictures of what comes back. Take the means μ
for codes, not draws: a draw has the noise of its image's posterior in it.

The four functions are defined in notebook 06. So that they stay as short as their
formulas, each begins with one call that checks what came, and says it where
something is wrong: ``check_path``, ``check_class``, ``check_attribute``, ``check_grid``.
"""

from __future__ import annotations

import math
from numbers import Integral, Real

import torch

# The same two bounds as in widgets/latent.js, so that Morph and morph agree on where there is no great circle.
SHORT = 1e-6  # a code no longer than this has no direction
OPPOSITE = 1e-3  # radians short of a half turn: nearer to it, rounding would choose the circle


def morph(z_u, z_v, n, how="linear"):
    """The way from code ``z_u`` to ``z_v`` in ``n`` equal steps: n + 1 codes, the first and the last exactly those two.

    Defined in notebook 06. Codes (d,) give (n + 1, d); batches (N, d) are paired off and give (n + 1, N, d).
    ``decode(model, morph(z_u, z_v, 10))`` is the morphing of A. Behera's slides (2022).

    ``"linear"``: along the straight line, z_u + (z_v − z_u) i / n: equal differences. ``"spherical"``: the
    direction turns along the great circle by equal angles, as slerp has it (Shoemake 1985; for codes White 2016,
    arXiv 1609.04468), while the norm goes from |z_u| to |z_v| in equal steps of its own (which is ours:
    slerp of codes of unequal norms goes evenly in neither). With
    equal norms the path stays on the sphere; codes of one direction give the straight line.

    ValueError where there is no one great circle, for a code at the origin and for two that point in
    opposite directions (within ``OPPOSITE``); for other shapes, NaN, and n below 1. Angles and norms are
    computed in float64; what comes back has the type and the device of ``z_u``.
    """
    check_path(z_u, z_v, n, how)
    u, v = z_u.cpu().double(), z_v.cpu().double()
    t = torch.arange(n + 1).double().view(-1, *[1] * u.dim()) / n
    z = u + t * (v - u)
    if how == "spherical":
        a, b = u.norm(dim=-1, keepdim=True), v.norm(dim=-1, keepdim=True)
        apart, together = (u / a - v / b).norm(dim=-1, keepdim=True), (u / a + v / b).norm(dim=-1, keepdim=True)
        turn = 2 * torch.atan2(apart, together) / math.pi  # in half turns; sinc(x) = sin(πx)/(πx), which is 1 at 0
        from_u, from_v = (1 - t) * torch.sinc((1 - t) * turn), t * torch.sinc(t * turn)
        z = (a + t * (b - a)) * (from_u * u / a + from_v * v / b) / torch.sinc(turn)
    z[0], z[-1] = u, v
    return z.to(z_u)


def mean_code(codes, labels, label):
    """The mean of the codes of one class, shape (d,): where style transfer goes to.

    Defined in notebook 06. A. Behera's slides (2022), eq. 14, mended: the sum there runs over the images
    of the class, Σ i / |S|, where their codes are meant, Σ encode(i) / |S|.

    ``codes`` (N, d); ``labels`` (N,), whole numbers or bools; ``label`` one of them. The mean may lie where
    no code of the class does. ValueError where no label is that one, and for other shapes and NaN.
    """
    check_class(codes, labels, label)
    return codes[labels == label].mean(0)


def attribute_vector(codes, attribute, how="means"):
    """The step in the codes' space that brings an attribute, shape (d,): add it to a code, or a part of it.

    Defined in notebook 06. ``codes`` (N, d). ``attribute`` (N,): bools, has it or has it not; or floats, a
    factor such as the slant, which is split at its median: above it, has it. (Of thirds, the highest against the
    lowest, on pen the vector is longer and points no better, and a third of the codes is lost.)

    ``"means"``: the mean of the codes that have it minus the mean of those that do not. ``"logistic"``: the normal
    of the plane by which logistic regression tells them apart (scikit-learn's, as it stands), as long as the
    difference of the means is along it. So a step of 1 is alike in both: from the one mean to
    the other, as seen along the vector. They differ where latents are correlated: the
    means go along with whatever comes with the attribute.

    ValueError where all images have the attribute or none has it, and for other shapes, types and NaN.
    """
    check_attribute(codes, attribute, how)
    has = attribute if attribute.dtype == torch.bool else attribute > attribute.median()
    step = codes[has].mean(0) - codes[~has].mean(0)
    if how == "logistic":
        from sklearn.linear_model import LogisticRegression

        fitted = LogisticRegression(max_iter=1000).fit(codes.detach().cpu().double().numpy(), has.cpu().numpy())
        normal = torch.as_tensor(fitted.coef_[0]).to(step)
        step = (step @ normal) / (normal @ normal) * normal
    return step


def manifold(n=20, low=0.05):
    """A grid of ``n`` × ``n`` codes over the plane of a model with two latents, shape (n·n, 2).

    Defined in notebook 06; the figure is that of Kingma & Welling 2013 (arXiv 1312.6114), appendix A. The same
    ``n`` quantiles of N(0, 1) on each axis, of evenly spaced probabilities from ``low`` to 1 − ``low``: so
    between neighbours on an axis lies the same share of the prior.

    Row by row from the top, each from left to right: z_0 grows to the right, z_1 upwards, as LatentPad has
    them. So ``plots.image_grid(decode(model, manifold(20)), 20)`` shows the plane.
    ValueError unless n is 2 or more and ``low`` between 0 and ½.
    """
    check_grid(n, low)
    quantiles = torch.special.ndtri(torch.linspace(low, 1 - low, n, dtype=torch.float64)).float()
    return torch.stack([quantiles.repeat(n), quantiles.flip(0).repeat_interleave(n)], dim=1)


# --- what is checked


def check_path(z_u, z_v, n, how):
    """ValueError unless there is a path of ``n`` steps from ``z_u`` to ``z_v``, as ``morph`` wants them."""
    _check_how(how, "linear", "spherical")
    if not _is_whole(n) or n < 1:
        raise ValueError(f"n is the number of steps, a whole number from 1 up, and n + 1 codes come back: not {n!r}")
    for name, z in (("z_u", z_u), ("z_v", z_v)):
        _check_numbers(name, z, "(d,) or (N, d)", (1, 2))
    if z_u.shape != z_v.shape:
        one = {-1: ": z_u.expand_as(z_v) takes one start for all", 1: ": z_v.expand_as(z_u) takes one end for all"}
        one = one.get(z_u.dim() - z_v.dim(), "") if z_u.shape[-1] == z_v.shape[-1] else ""
        raise ValueError(f"z_u and z_v must have one shape, not {tuple(z_u.shape)} and {tuple(z_v.shape)}{one}")
    if (z_u.dtype, z_u.device) != (z_v.dtype, z_v.device):
        raise ValueError(
            f"z_u is {z_u.dtype} on {z_u.device}, z_v is {z_v.dtype} on {z_v.device}: z_v.to(z_u) makes them alike"
        )
    if how == "spherical":
        _check_circle(z_u, z_v)


def check_class(codes, labels, label):
    """ValueError unless ``codes`` (N, d) are numbers, ``labels`` (N,) whole numbers, and ``label`` is among them."""
    _check_codes(codes)
    _check_one_each("labels", labels, codes)
    if labels.is_floating_point() or labels.is_complex():
        raise ValueError(f"labels must be whole numbers or bools, these are {labels.dtype}: labels.long() converts")
    if isinstance(label, torch.Tensor) and label.dim() == 0:
        label = label.item()
    if not isinstance(label, Real) or not (labels == label).any():
        there = labels.unique().tolist()
        shown = ", ".join(map(str, there[:12])) + (" …" if len(there) > 12 else "")
        raise ValueError(f"no code has the label {label!r}: there are {shown}")


def check_attribute(codes, attribute, how):
    """ValueError unless ``codes`` (N, d) fall into two by ``attribute`` (N,), as ``attribute_vector`` wants it."""
    _check_how(how, "means", "logistic")
    _check_codes(codes)
    _check_one_each("attribute", attribute, codes)
    if attribute.dtype == torch.bool:
        count = int(attribute.sum())
        if count in (0, len(codes)):
            none = "none of them has it" if count == 0 else "all of them have it"
            raise ValueError(f"an attribute parts the {len(codes):,} codes in two, and {none}")
        return
    if not attribute.is_floating_point():
        raise ValueError(
            f"attribute must be bools, or floats for a factor, not {attribute.dtype}: labels == 3 gives bools, "
            "attribute.float() is split at its median"
        )
    if not attribute.isfinite().all():
        raise ValueError(f"attribute has {int((~attribute.isfinite()).sum()):,} values that are NaN or infinite")
    middle = attribute.median()
    if not (attribute > middle).any():
        raise ValueError(
            f"attribute is split at its median, {middle.item():g}, and no value is above it: half of them or more are "
            "the highest. Say yourself who has it, with bools: attribute >= …"
        )


def check_grid(n, low):
    """ValueError unless ``n`` probabilities can be spaced between ``low`` and 1 − ``low``."""
    if not _is_whole(n) or n < 2:
        raise ValueError(f"n is the number of codes along each side, a whole number from 2 up, not {n!r}")
    if not isinstance(low, Real) or not 0 < low < 0.5:
        raise ValueError(f"low is the lowest probability, between 0 and 0.5 (at 0 lies infinity), not {low!r}")


def _check_codes(codes):
    _check_numbers("codes", codes, "(N, d)", (2,))


def _check_numbers(name, z, wanted, dimensions):
    if not isinstance(z, torch.Tensor):
        raise ValueError(f"{name} must be a tensor {wanted}, not {type(z).__name__}: torch.as_tensor makes one")
    if z.dim() not in dimensions or z.numel() == 0:
        raise ValueError(f"{name} must have shape {wanted} with one code and one latent at least, not {tuple(z.shape)}")
    if not z.is_floating_point():
        raise ValueError(f"{name} must be floats, not {z.dtype}: {name}.float() converts")
    if not z.isfinite().all():
        raise ValueError(f"{name} has {int((~z.isfinite()).sum()):,} of {z.numel():,} values that are NaN or infinite")


def _check_one_each(name, values, codes):
    if not isinstance(values, torch.Tensor):
        raise ValueError(f"{name} must be a tensor (N,), not {type(values).__name__}: torch.as_tensor makes one")
    if values.shape != codes.shape[:1]:
        raise ValueError(
            f"{len(codes):,} codes need {name} of shape ({len(codes)},), one for each, not {tuple(values.shape)}"
        )


def _check_circle(z_u, z_v):
    """ValueError unless one great circle goes through each pair of codes, the shorter way round."""
    u, v = (z.detach().cpu().double().reshape(-1, z.shape[-1]) for z in (z_u, z_v))
    a, b = u.norm(dim=1, keepdim=True), v.norm(dim=1, keepdim=True)
    for name, norm in (("z_u", a), ("z_v", b)):
        if (norm <= SHORT).any():
            which = _pair(name, norm <= SHORT, z_u)
            raise ValueError(f'{which} lies at the origin and has no direction: take "linear"')
    opposite = (u / a + v / b).norm(dim=1) < OPPOSITE
    if opposite.any():
        raise ValueError(
            f"{_pair('z_u', opposite, z_u)} and its z_v point in opposite directions, and all great circles through "
            'the one lead to the other: take "linear", or go by a third code'
        )


def _pair(name, bad, z_u):
    """``z_u``, or ``z_u[3]`` in a batch: the first that is bad."""
    return name if z_u.dim() == 1 else f"{name}[{int(bad.flatten().nonzero()[0])}]"


def _check_how(how, *known):
    if how not in known:
        raise ValueError(f"how is {' or '.join(map(repr, known))}, not {how!r}")


def _is_whole(n):
    return isinstance(n, Integral) and not isinstance(n, bool)
