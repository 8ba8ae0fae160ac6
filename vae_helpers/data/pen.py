"""``pen``: handwritten digits that we draw ourselves, with the factors that shaped them.

How a digit is drawn:

1. One of the ways to write it is chosen from ``glyphs.py``: a few strokes through
   control points. No hand is steady: the points move a little, and the head grows
   or shrinks against the belly.
2. The strokes become smooth curves (Catmull-Rom splines), sampled as a chain of
   points that lie closer together than pixels.
3. The chain gets its height and width in pixels, shrinks where it must to fit a
   box of 20 x 20 pixels once slanted, as MNIST's digits do, and a smooth warp bends it.
4. It is slanted, then rotated.
5. It is inked: a pixel's grey level depends on its distance to the nearest point of
   the chain, white within half the pen's thickness, with a soft edge.
6. It is moved so that its centre of mass lies at pixel (14, 14), as in MNIST, or
   as near as the page allows.

The six numbers that control this are the image's *generative factors*. They are
kept beside it, so that one can ask later which latent has found the slant. Nothing
here was fitted to MNIST's pixels; we looked at them to see how people write.
"""

from __future__ import annotations

from operator import index

import numpy as np

from ..files import whole_file
from .glyphs import GLYPHS

FACTORS = ("slant", "thickness", "width", "height", "rotation", "warp")
"""The columns of the factors, in this order:

- ``slant``: how far upright strokes lean to the right, degrees (its tangent is the shear),
- ``thickness``: width of the pen's line, from half grey to half grey, pixels,
- ``width``, ``height``: the inked digit's box before it is slanted and rotated, pixels,
- ``rotation``: degrees, clockwise,
- ``warp``: amplitude of the smooth warp, pixels.
"""

LIMITS = {  # what a factor can be held at; far beyond, a digit is none, or leaves the page
    "slant": (-45.0, 45.0),
    "thickness": (1.0, 6.0),
    "width": (6.0, 22.0),
    "height": (6.0, 22.0),
    "rotation": (-45.0, 45.0),
    "warp": (0.0, 3.0),
}

TRAIN, TEST = 10_000, 2_000
TRAIN_SEED, TEST_SEED = 1, 2

SIDE = 28  # pixels of an image, across and down
BOX = 19.4  # the box from half grey to half grey; its soft edge makes MNIST's 20 of it
CENTRE = 14.0  # where the centre of mass lies, in pixels counted from 0

_CHUNK = 500  # images that share one random stream; a multiple of ten
_JITTER = 0.037  # standard deviation of a control point's move, in heights of the digit
_STEP = 0.7  # pixels from one point of the chain to the next, about
_EDGE = 1.5  # pixels from black to white across the edge of a line


def draw(n, seed, labels=None, **held):
    """Draw ``n`` digits: images uint8 (n, 1, 28, 28), labels int64 (n,), factors float32 (n, 6).

    Args:
        n: how many.
        seed: a number from 0 up; the same seed draws the same images, and the first
            ones of a longer drawing are those of a shorter one.
        labels: the digits wanted, n of them or one for all. Without them every run
            of ten images holds each digit once, in random order.
        held: factors by name, held at one value for all images or at n values.
            The hands stay the same; only digits that would grow out of the box shrink.

    >>> images, labels, factors = draw(10, seed=0, labels=7, slant=20.0)
    >>> images.shape, factors[:, FACTORS.index("slant")].tolist() == [20.0] * 10
    ((10, 1, 28, 28), True)
    """
    n = index(n)
    if n < 0:
        raise ValueError(f"n is {n}: it cannot be negative")
    labels = None if labels is None else _checked_labels(labels, n)
    held = {name: _checked_factor(name, value, n) for name, value in held.items()}

    images = np.zeros((n, 1, SIDE, SIDE), np.uint8)
    digits = np.zeros(n, np.int64)
    factors = np.zeros((n, len(FACTORS)), np.float32)
    for start in range(0, n, _CHUNK):
        part = slice(start, min(start + _CHUNK, n))
        luck = _luck(seed, start // _CHUNK)
        luck = {name: values[: part.stop - start] for name, values in luck.items()}
        luck |= {name: values[part] for name, values in held.items()}
        digits[part] = luck["label"] if labels is None else labels[part]
        for points, curves, mine in _shared_out(digits[part], luck["variant"]):
            own = {name: values[mine] for name, values in luck.items()}
            chain, factors[start + mine] = _lay(curves @ _unsteady(points, own), own, held)
            images[start + mine, 0] = _ink(chain, factors[start + mine, 1], own["pressure"])
    return images, digits, factors


def make(path):
    """Draw the training and the test set and store them in ``path``, an ``.npz`` file."""
    arrays = {"factor_names": np.array(FACTORS)}
    for part, n, seed in (("train", TRAIN, TRAIN_SEED), ("test", TEST, TEST_SEED)):
        images, labels, factors = draw(n, seed)
        arrays |= {f"{part}_images": images, f"{part}_labels": labels, f"{part}_factors": factors}
    # given a path without .npz, savez would append it: hence the open file
    with whole_file(path) as unfinished, open(unfinished, "wb") as file:
        np.savez_compressed(file, **arrays)


def _checked_labels(labels, n):
    labels = np.asarray(labels)
    if labels.shape not in ((), (n,)):
        raise ValueError(f"labels have the shape {labels.shape}: give one digit, or n = {n} of them")
    if not np.isin(labels, np.arange(10)).all():
        raise ValueError("labels must be digits from 0 to 9")
    return np.broadcast_to(labels, n)


def _checked_factor(name, value, n):
    if name not in FACTORS:
        raise ValueError(f"there is no factor {name!r}: the factors are {', '.join(FACTORS)}")
    value = np.asarray(value, dtype=float)
    if value.shape not in ((), (n,)):
        raise ValueError(f"{name} has the shape {value.shape}: give one number, or n = {n} of them")
    low, high = LIMITS[name]
    if not ((low <= value) & (value <= high)).all():
        raise ValueError(f"{name} is {value}: it must lie between {low:g} and {high:g}")
    return np.broadcast_to(value, n)


def _luck(seed, chunk):
    """All that is random about one chunk of images, whatever is held: arrays of ``_CHUNK`` rows."""
    rng = np.random.default_rng([seed, chunk])
    return {
        # shuffled ten by ten, so that any number of images is balanced
        "label": rng.permuted(np.tile(np.arange(10), (_CHUNK // 10, 1)), axis=1).ravel(),
        "variant": rng.random(_CHUNK),
        "slant": np.clip(rng.normal(8, 13, _CHUNK), -30, 40),
        "thickness": np.clip(2.7 * np.exp(rng.normal(0, 0.28, _CHUNK)), 1.5, 4.5),
        "stretch": 1.1 * np.exp(rng.normal(0, 0.18, _CHUNK)),  # makes the width
        "height": np.clip(BOX - np.abs(rng.normal(0, 1, _CHUNK)), 16, BOX),
        "rotation": np.clip(rng.normal(0, 4, _CHUNK), -10, 10),  # small: it looks much like slant
        "warp": rng.uniform(0, 1.5, _CHUNK),
        "wave": rng.uniform(-1, 1, (_CHUNK, 2, 2)),  # phase and wavelength, for x and for y
        "jitter": rng.normal(0, _JITTER, (_CHUNK, _MOST_POINTS + 2, 2)),
        "proportion": rng.normal(0, [0.05, 0.13], (_CHUNK, 2)),  # the waist's height, the head's breadth
        "pressure": rng.normal(0, 0.08, (_CHUNK, 2)),
    }


def _shared_out(digits, chance):
    """For each way to write a digit: its points, its curves, and the images (m,) that are written so."""
    for digit, (weights, ways) in _WAYS.items():
        limits = np.cumsum(weights)[:-1] / np.sum(weights)
        way = np.searchsorted(limits, chance, side="right")
        for number, (points, curves) in enumerate(ways):
            mine = np.flatnonzero((digits == digit) & (way == number))
            if len(mine):
                yield points, curves, mine


def _unsteady(points, luck):
    """Control points (K, 2) as m unsteady hands set them, (m, K, 2)."""
    k, noise = len(points), luck["jitter"]
    # neighbours move alike: a curve shall be bent, not dented
    moved = points + (noise[:, :k] + 2 * noise[:, 1 : k + 1] + noise[:, 2 : k + 2]) / 6**0.5
    waist, breadth = luck["proportion"].T[:, :, None]
    down = np.pi * np.clip(moved[..., 1], 0, 1)
    middle = 0.3  # of most glyphs, across
    moved[..., 0] = middle + (moved[..., 0] - middle) * (1 + breadth * np.cos(down))
    moved[..., 1] += waist * np.sin(down)
    return moved


def _lay(unit, luck, held):
    """Lay chains (m, S, 2), in heights of the digit, on the page; see the top of this file, 3 and 4.

    Returns them in pixels from the centre of the page, and the factors (m, 6).
    """
    thickness, warp = luck["thickness"], luck["warp"]
    shear, turn = np.tan(np.radians(luck["slant"])), np.radians(luck["rotation"])
    low, high = unit.min(1), unit.max(1)
    unit = unit - (low + high)[:, None] / 2
    # a line reaches half its thickness beyond the points on both sides
    scale = (luck["height"] - thickness) / (high - low)[:, 1]
    x, y = unit[..., 0] * (scale * luck["stretch"])[:, None], unit[..., 1] * scale[:, None]

    wide = np.ptp(x - shear[:, None] * y, axis=1)
    if "thickness" in held:
        shrink = np.minimum(1, (BOX - thickness) / np.maximum(wide, 1))
    else:  # the line shrinks with the digit, as in MNIST
        shrink = np.minimum(1, BOX / (wide + thickness))
        thickness = thickness * shrink
    x, y = x * shrink[:, None], y * shrink[:, None]

    # one slow wave sways x on the way down, another sways y on the way across
    phase, length = np.pi * luck["wave"][..., 0, None], BOX / (0.75 + 0.25 * luck["wave"][..., 1, None])
    x, y = (
        x + warp[:, None] * np.sin(phase[:, 0] + 2 * np.pi * y / length[:, 0]),
        y + warp[:, None] * np.sin(phase[:, 1] + 2 * np.pi * x / length[:, 1]),
    )

    x, width = _boxed(x, thickness, luck["width"] if "width" in held else None)
    y, height = _boxed(y, thickness, luck["height"] if "height" in held else None)
    x = x - shear[:, None] * y  # y grows downwards: what is above the middle moves to the right
    cos, sin = np.cos(turn)[:, None], np.sin(turn)[:, None]
    chain = np.stack([cos * x - sin * y, sin * x + cos * y], axis=2)
    return chain, np.stack([luck["slant"], thickness, width, height, luck["rotation"], warp], axis=1)


def _boxed(x, thickness, size):
    """Centre coordinates (m, S) on 0, stretched if an inked ``size`` (m,) is asked for; with the size."""
    low, high = x.min(1), x.max(1)
    x = x - (low + high)[:, None] / 2
    if size is None:
        return x, high - low + thickness
    return x * ((size - thickness) / np.maximum(high - low, 1e-6))[:, None], size


def _ink(chain, thickness, pressure):
    """Ink chains (m, S, 2), given from the centre of the page: uint8 (m, 28, 28), centred by mass."""
    pixels = np.arange(SIDE)
    chain = chain + (SIDE - 1) / 2
    grey = _grey(chain, thickness, pressure)
    # the centre of mass is known once there is ink: ink once to find it, once to place it
    mass = grey.sum((1, 2))[:, None]
    centre = np.stack([grey.sum(1) @ pixels, grey.sum(2) @ pixels], axis=1) / mass
    # a long tail, as of a 7, could leave the page: then the digit moves only as far as it may
    reach = thickness[:, None] / 2 + 0.5
    move = np.clip(CENTRE - centre, reach - chain.min(1), SIDE - 1 - reach - chain.max(1))
    grey = _grey(chain + move[:, None], thickness, pressure)
    return np.rint(255 * grey).astype(np.uint8)


def _grey(chain, thickness, pressure):
    """Grey levels (m, 28, 28), from 0 to 1, of chains (m, S, 2) in pixels."""
    radius = thickness[:, None] / 2
    along = np.linspace(0, np.pi, chain.shape[1])
    pressed = radius * (1 + pressure[:, :1] * np.cos(along) + pressure[:, 1:] * np.cos(2 * along))
    # Squared distances split into x and y, hence two small arrays instead of one of all pairs.
    # Where the pen presses harder, its point counts as a little nearer.
    pixels = np.arange(SIDE)
    across = (chain[:, :, 0, None] - pixels) ** 2 - (pressed**2 - radius**2)[:, :, None]
    down = (chain[:, :, 1, None] - pixels) ** 2
    across, down = across.astype(np.float32), down.astype(np.float32)
    nearest = np.full((len(chain), SIDE, SIDE), np.inf, np.float32)
    square = np.empty_like(nearest)
    for s in range(chain.shape[1]):
        np.add(across[:, s, None, :], down[:, s, :, None], out=square)
        np.minimum(nearest, square, out=nearest)
    distance = np.sqrt(np.maximum(nearest, 0))
    ramp = np.clip(0.5 + (radius[:, :, None] - distance) / _EDGE, 0, 1)
    return ramp * ramp * (3 - 2 * ramp)


def _curves(strokes):
    """Control points (K, 2) of some strokes, and the matrix (S, K) that samples their curves.

    Splines are linear in their control points: ``matrix @ points`` draws the strokes
    through any points, and so through those of many unsteady hands at once.
    """
    number = {}  # equal points are one
    for point in (point for stroke in strokes for point in stroke):
        number.setdefault(point, len(number))
    points = np.array(list(number), dtype=float)
    rows = []
    for stroke in strokes:
        piece = []
        for k in map(number.get, stroke):
            if piece and piece[-1] == k:  # a corner: one curve ends here, another begins
                rows.append(_spline(piece, points))
                piece = []
            piece.append(k)
        rows.append(_spline(piece, points))
    return points, np.concatenate(rows)


def _spline(piece, points):
    """Rows (S, K) that sample a Catmull-Rom spline through ``points[piece]``, evenly spaced."""
    knots = np.eye(len(points))[piece]
    # a spline needs a neighbour on either side: mirror one beyond each end
    knots = np.concatenate([2 * knots[:1] - knots[1:2], knots, 2 * knots[-1:] - knots[-2:-1]])

    def rows(u):  # u runs from 0, the first point, to len(piece) - 1, the last
        i = np.minimum(u.astype(int), len(piece) - 2)
        t = (u - i)[:, None]
        a, b, c, d = (knots[i + j] for j in range(4))
        return b + t / 2 * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))

    fine = np.linspace(0, len(piece) - 1, 400)
    length = np.append(0, np.cumsum(np.hypot(*np.diff(rows(fine) @ points, axis=0).T)))
    count = max(2, round(length[-1] * BOX / _STEP))
    return rows(np.interp(np.linspace(0, length[-1], count), length, fine))


_WAYS = {
    digit: ([weight for weight, _ in ways], [_curves(strokes) for _, strokes in ways])
    for digit, ways in GLYPHS.items()
}
_MOST_POINTS = max(len(points) for _, ways in _WAYS.values() for points, _ in ways)
