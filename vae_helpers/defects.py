"""Faults that are drawn into normal pictures, in degrees: what a detector of the abnormal is tried on.

``damage(x, kind, severity, seed)``: severity 0 changes nothing, 1 is the worst. Where a fault lies is luck that
``seed`` alone decides: so the same fault grows at the same place. One kind, ``lean``, is no fault
at all: normal pictures of ``pen`` differ in just that. A detector should not mind it.
"""

import math
from numbers import Real

import torch

PEN = {
    "gap": "ink is missing from the stroke, up to 4.5 pixels around a place on it",
    "blot": "a blot of ink, up to 4 pixels around its middle",
    "scratch": "a straight line of ink across the picture, one pixel wide, up to full ink",
    "salt": "single pixels of full ink, up to 6 % of all",
    "cut": "the lower part is shifted sideways, up to 5 pixels",
    "lean": "a slant to the right, up to 15 degrees: no fault, digits do lean",
}
FACES = {
    "eye": "one eye is painted over in the colour of the skin, up to no trace of it",
    "scar": "a dark line over a cheek, up to opaque",
    "spot": "a green spot in the face, up to 7 pixels around its middle",
    "colours": "red and blue change places, up to wholly",
    "patch": "a square of 28 pixels from another place of the same picture, up to opaque",
}
KINDS = {1: PEN, 3: FACES}  # by the channels of a picture


def damage(x, kind, severity=1.0, seed=0):
    """A copy of pictures (N, C, H, W) in [0, 1] with a fault drawn into each; ``severity`` from 0, unchanged, to 1.

    ``kind``: one of ``PEN`` for one channel, such as (N, 1, 28, 28), or of ``FACES`` for (N, 3, 128, 128). The same
    pictures, kind and seed give the same faults, at the same places whatever the severity. ValueError, which says
    what there is, for others.
    """
    _check(x, kind, severity)
    if severity == 0:
        return x.clone()
    luck = torch.rand(len(x), 4, generator=torch.Generator().manual_seed(seed)).to(x)
    return _DRAWN[kind](x, float(severity), luck, seed).clamp(0, 1)


def _check(x, kind, severity):
    if not isinstance(x, torch.Tensor) or x.dim() != 4 or not x.is_floating_point() or len(x) == 0:
        what = f"{x.dtype} {tuple(x.shape)}" if isinstance(x, torch.Tensor) else type(x).__name__
        raise ValueError(f"wanted are pictures, a float tensor (N, C, H, W) in [0, 1], not {what}")
    known = KINDS.get(x.shape[1])
    if known is None:
        raise ValueError(f"faults are known for pictures of 1 channel (pen) and 3 (faces), not {x.shape[1]}")
    if kind not in known:
        raise ValueError(f"no fault {kind!r} for pictures of {x.shape[1]} channels: there are {', '.join(known)}")
    if kind == "eye" and tuple(x.shape[2:]) != (128, 128):
        raise ValueError(f"the eye is looked for in faces of 128×128 pixels, not {tuple(x.shape[2:])}")
    if isinstance(severity, bool) or not isinstance(severity, Real) or not 0 <= severity <= 1:
        raise ValueError(f"severity is a number from 0, unchanged, to 1, the worst, not {severity!r}")


# --- shapes: how much of each pixel they cover, (N, 1, H, W)


def _places(x):
    """Row and column of each pixel, (1, 1, H, 1) and (1, 1, 1, W)."""
    rows, columns = (torch.arange(n, dtype=x.dtype, device=x.device) for n in x.shape[2:])
    return rows.view(1, 1, -1, 1), columns.view(1, 1, 1, -1)


def _column(values):
    return values.view(-1, 1, 1, 1)


def _disc(x, row, column, radius):
    rows, columns = _places(x)
    return (radius - torch.hypot(rows - _column(row), columns - _column(column))).clamp(0, 1)


def _line(x, row, column, angle, width=1.0, length=math.inf):
    rows, columns = _places(x)
    down, right = rows - _column(row), columns - _column(column)
    across = (down * _column(angle.cos()) - right * _column(angle.sin())).abs()
    along = (down * _column(angle.sin()) + right * _column(angle.cos())).abs()
    return (width / 2 + 0.5 - across).clamp(0, 1) * (length / 2 + 0.5 - along).clamp(0, 1)


def _within(x, share, low, high):
    """A row or column for each image, between two parts of the side."""
    return (low + (high - low) * share) * (x.shape[2] - 1)


def _lay(x, cover, colour):
    return x + cover * (colour - x)


def _shifted(x, by):
    """Each row of pictures moved to the right by so many pixels, ``by`` (N, H): paper comes in from the side."""
    columns = torch.arange(x.shape[3], dtype=x.dtype, device=x.device) - by.view(len(x), 1, -1, 1)
    left = columns.floor()

    def at(place):
        inside = (place >= 0) & (place < x.shape[3])
        index = place.clamp(0, x.shape[3] - 1).long().expand(-1, x.shape[1], -1, -1)
        return x.gather(3, index) * inside

    return at(left) + (columns - left) * (at(left + 1) - at(left))


# --- pen


def _gap(x, severity, luck, seed):
    ink = x[:, 0].flatten(1)
    generator = torch.Generator().manual_seed(seed + 1)
    place = torch.multinomial(ink.cpu() ** 2 + 1e-6, 1, generator=generator)[:, 0].to(x)  # on the stroke
    return _lay(x, _disc(x, place // x.shape[3], place % x.shape[3], 4.5 * severity), 0.0)


def _blot(x, severity, luck, seed):
    return _lay(x, _disc(x, _within(x, luck[:, 0], 0.2, 0.8), _within(x, luck[:, 1], 0.2, 0.8), 4 * severity), 1.0)


def _scratch(x, severity, luck, seed):
    line = _line(x, _within(x, luck[:, 0], 0.3, 0.7), _within(x, luck[:, 1], 0.3, 0.7), math.pi * luck[:, 2])
    return _lay(x, severity * line, 1.0)


def _salt(x, severity, luck, seed):
    chance = torch.rand(x.shape, generator=torch.Generator().manual_seed(seed + 1)).to(x)
    return torch.where(chance < 0.06 * severity, 1.0, x)


def _cut(x, severity, luck, seed):
    below = torch.arange(x.shape[2], device=x.device) >= _within(x, luck[:, 0], 0.4, 0.6)[:, None]
    side = (luck[:, 1] < 0.5).to(x) * 2 - 1
    return _shifted(x, below * (5 * severity * side)[:, None])


def _lean(x, severity, luck, seed):
    up = (x.shape[2] - 1) / 2 - torch.arange(x.shape[2], dtype=x.dtype, device=x.device)
    return _shifted(x, (math.tan(math.radians(15 * severity)) * up).expand(len(x), -1))


# --- faces


def _eye(x, severity, luck, seed):
    left = (luck[:, 0] < 0.5)[:, None, None, None]
    turned = torch.where(left, x, x.flip(3))  # so that the eye is the left one
    skin = turned[:, :, 70:76, 40:56].mean((2, 3), keepdim=True)  # of the cheek
    # where the colour is unlike the skin's, in the window that the eye lies in
    unlike = (turned[:, :, 52:68, 36:60] - skin).abs().sum(1)
    mass = unlike.sum((1, 2))
    row = 52 + (unlike.sum(2) @ torch.arange(16.0).to(x)) / mass
    column = 36 + (unlike.sum(1) @ torch.arange(24.0).to(x)) / mass
    rows, columns = _places(x)
    away = torch.hypot((rows - _column(row)) / 8.5, (columns - _column(column)) / 12)
    painted = _lay(turned, severity * (4 * (1 - away) + 0.5).clamp(0, 1), skin)
    return torch.where(left, painted, painted.flip(3))


def _scar(x, severity, luck, seed):
    row, column = _within(x, luck[:, 0], 0.58, 0.66), _within(x, luck[:, 1], 0.32, 0.68)
    line = _line(x, row, column, math.pi * luck[:, 2], width=2.0, length=26.0)
    return _lay(x, severity * line, x.new_tensor([0.35, 0.08, 0.08]).view(1, 3, 1, 1))


def _spot(x, severity, luck, seed):
    spot = _disc(x, _within(x, luck[:, 0], 0.42, 0.72), _within(x, luck[:, 1], 0.35, 0.65), 7 * severity)
    return _lay(x, spot, x.new_tensor([0.2, 0.65, 0.3]).view(1, 3, 1, 1))


def _colours(x, severity, luck, seed):
    return _lay(x, severity, x.flip(1))


def _patch(x, severity, luck, seed):
    damaged, room = x.clone(), x.shape[2] - 28
    # from the middle band, where the face is, to any place in it
    corners = torch.stack([_within(x, luck[:, k], 0.25, 0.65).long().clamp(0, room) for k in range(4)], 1).tolist()
    for new, old, (a, b, c, d) in zip(damaged, x, corners):
        there = old[:, c : c + 28, d : d + 28]
        new[:, a : a + 28, b : b + 28] += severity * (there - old[:, a : a + 28, b : b + 28])
    return damaged


_DRAWN = {
    "gap": _gap, "blot": _blot, "scratch": _scratch, "salt": _salt, "cut": _cut, "lean": _lean,
    "eye": _eye, "scar": _scar, "spot": _spot, "colours": _colours, "patch": _patch,
}
