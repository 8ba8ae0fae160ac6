"""``faces``: cartoon faces that we draw ourselves, from angry to happy, with the factors that shaped them.

How a face is drawn: every part of it, from the background to the hair, is a shape given by a signed distance, below 0
inside; a pixel takes the part's colour by as much as the shape covers it, one part over the other, for all faces of a
chunk at once. The plane has its origin in the middle of the picture; x goes from −1 on the left to 1, y from −1 at
the top to 1. Face and features are laid out in the head's own plane, which is tilted against it; turning the head
moves the features sideways over it.

The numbers in `FACTORS` are kept beside each picture. Everything else about a face (how far apart its eyes are, the
colours of shirt and background …) is luck that no factor tells.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from operator import index

import numpy as np

SIDE = 128
CLASSES = ("angry", "happy")
TRAIN, TEST = 2_000, 400
TRAIN_SEED, TEST_SEED = 1, 2
VERSION = 1  # of what is drawn: a cache of another one is drawn anew

FACTORS = {  # what each can be held at
    "mouth": (-1.0, 1.0),
    "brows": (-1.0, 1.0),
    "eyes": (0.0, 1.0),
    "skin": (0.0, 1.0),
    "hair": (0.0, 1.0),
    "hair_length": (0.0, 1.0),
    "width": (0.8, 1.2),
    "turn": (-1.0, 1.0),
    "tilt": (-15.0, 15.0),
    "light": (-1.0, 1.0),
}
"""The columns of the factors, in this order, and their limits:

- ``mouth``: how its corners curve, from −1, down, to 1, up,
- ``brows``: from −1, the inner ends down in a frown, to 1, raised,
- ``eyes``: how far they are open, from 0, a slit, to 1,
- ``skin``: from 0, light, to 1, dark,
- ``hair``: its colour, from 0, black, by brown and red to 1, blond,
- ``hair_length``: from 0, cropped, to 1, down to the shoulders,
- ``width``: of the head against its height, 1 in the mean,
- ``turn``: of the head, from −1, to the left of the picture, to 1,
- ``tilt``: of the head to the right, degrees,
- ``light``: where from: −1 left, 1 right.
"""

_CHUNK = 50  # faces that share one random stream, and are drawn at once
_SOFT = 1.5 * 2 / SIDE  # from out to in across an edge: one and a half pixels


def draw(n, seed, labels=None, **held):
    """Draw ``n`` faces: images uint8 (n, 3, 128, 128), labels int64 (n,), factors float32 (n, 10).

    Args:
        n: how many.
        seed: a number from 0 up; the same seed draws the same faces, and the first ones of a longer drawing are those
            of a shorter one.
        labels: 0 for angry, 1 for happy: n of them or one for all. Without them every pair has one of each.
        held: factors by name, held at one value for all faces or at n values. All else about a face stays the same.
    """
    n = index(n)
    if n < 0:
        raise ValueError(f"n is {n}: it cannot be negative")
    if labels is not None:
        labels = np.asarray(labels)
        if labels.shape not in ((), (n,)) or not np.isin(labels, (0, 1)).all():
            raise ValueError(f"labels must be 0 (angry) or 1 (happy), n = {n} of them or one for all")
        labels = np.broadcast_to(labels, n)
    held = {name: _checked(name, value, n) for name, value in held.items()}
    images = np.zeros((n, 3, SIDE, SIDE), np.uint8)
    kinds = np.zeros(n, np.int64)
    factors = np.zeros((n, len(FACTORS)), np.float32)

    def chunk(start):
        part = slice(start, min(start + _CHUNK, n))
        size = part.stop - start
        luck = _luck(seed, start // _CHUNK, None if labels is None else labels[part])
        luck = {name: values[:size] for name, values in luck.items()}
        luck |= {name: values[part] for name, values in held.items()}
        kinds[part] = luck["label"]
        factors[part] = np.stack([luck[name] for name in FACTORS], axis=1)
        images[part] = _paint({name: values.astype(np.float32) for name, values in luck.items()})

    with ThreadPoolExecutor(os.cpu_count()) as pool:  # NumPy lets go of Python's lock in its long loops
        list(pool.map(chunk, range(0, n, _CHUNK)))
    return images, kinds, factors


def _checked(name, value, n):
    if name not in FACTORS:
        raise ValueError(f"there is no factor {name!r}: the factors are {', '.join(FACTORS)}")
    value, (low, high) = np.asarray(value, dtype=float), FACTORS[name]
    if value.shape not in ((), (n,)):
        raise ValueError(f"{name} has the shape {value.shape}: give one number, or n = {n} of them")
    if not ((low <= value) & (value <= high)).all():
        raise ValueError(f"{name} is {value}: it must lie between {low:g} and {high:g}")
    return np.broadcast_to(value, n)


def _luck(seed, chunk, labels):
    """All that is random about one chunk of faces, held or not: arrays of ``_CHUNK`` rows."""
    rng = np.random.default_rng([seed, chunk])
    label = rng.permuted(np.tile([0, 1], (_CHUNK // 2, 1)), axis=1).ravel()
    if labels is not None:
        label[: len(labels)] = labels
    mood = np.where(label == 1, 1, -1) * rng.uniform(0.25, 1, _CHUNK)

    def near(centre, spread, low, high):
        return np.clip(rng.normal(centre, spread, _CHUNK), low, high)

    return {
        "label": label,
        # the three parts of the face agree in the main; each has some of its own
        "mouth": np.clip(0.85 * mood + near(0, 0.15, -0.4, 0.4), -1, 1),
        "brows": np.clip(0.75 * mood + near(0, 0.2, -0.5, 0.5), -1, 1),
        "eyes": np.clip(0.6 + 0.15 * mood + near(0, 0.16, -0.4, 0.4), 0, 1),
        "skin": rng.uniform(0, 1, _CHUNK),
        "hair": rng.uniform(0, 1, _CHUNK),
        "hair_length": rng.uniform(0, 1, _CHUNK),
        "width": near(1, 0.07, 0.85, 1.15),
        "turn": near(0, 0.4, -1, 1),
        "tilt": near(0, 5, -15, 15),
        "light": rng.uniform(-1, 1, _CHUNK),
        # luck alone
        "jaw": near(0, 0.1, -0.25, 0.25),
        "apart": near(0.245, 0.015, 0.2, 0.29),
        "eye_size": near(1, 0.08, 0.8, 1.2),
        "nose": near(1, 0.12, 0.7, 1.3),
        "mouth_width": near(0.24, 0.02, 0.19, 0.29),
        "parting": near(0, 0.35, -1, 1),
        "iris": rng.uniform(0, 1, _CHUNK),
        "shirt": rng.uniform(0, 1, _CHUNK),
        "wall": rng.uniform(0, 1, _CHUNK),
    }


# --- colours: (k, 3), from 0 to 1, between which a factor goes in a line

_SKINS = np.array([[1.00, 0.87, 0.77], [0.95, 0.76, 0.60], [0.80, 0.58, 0.42], [0.58, 0.38, 0.26], [0.40, 0.26, 0.18]])
_HAIRS = np.array([[0.10, 0.09, 0.10], [0.27, 0.17, 0.11], [0.48, 0.27, 0.14], [0.70, 0.36, 0.16], [0.90, 0.74, 0.42]])
_EYES = np.array([[0.25, 0.15, 0.08], [0.35, 0.42, 0.25], [0.30, 0.50, 0.65]])
_SHIRTS = np.array([[0.80, 0.30, 0.28], [0.90, 0.65, 0.25], [0.35, 0.60, 0.42], [0.28, 0.45, 0.70], [0.50, 0.38, 0.62]])
_WALLS = np.array([[0.93, 0.90, 0.82], [0.80, 0.88, 0.90], [0.86, 0.92, 0.84], [0.92, 0.85, 0.88]])


def _between(colours, at):
    """The colours (m, 3, 1, 1) at places ``at`` (m,) from 0, the first of ``colours``, to 1, the last."""
    places = np.linspace(0, 1, len(colours))
    channels = [np.interp(at, places, colours[:, c]) for c in range(3)]
    return np.stack(channels, axis=1).astype(np.float32)[:, :, None, None]


class _Canvas:
    """Pictures (m, 3, H, W) that shapes are laid on, one over the other."""

    def __init__(self, colour):
        self.pixels = np.broadcast_to(colour, (len(colour), 3, SIDE, SIDE)).copy()

    def lay(self, distance, colour, strength=1.0, within=None):
        """Lay ``colour`` where ``distance`` (m, H, W) is below 0; ``within``: only where that shape covers too."""
        cover = _cover(distance) * strength
        if within is not None:
            cover = cover * within
        self.pixels += cover[:, None] * (colour - self.pixels)


def _cover(distance):
    """How much of each pixel lies inside, from 0 to 1."""
    return np.clip(0.5 - distance / _SOFT, 0, 1)


def _ellipse(x, y, a, b):
    """About the signed distance to an ellipse of half axes ``a`` and ``b``: exact on the outline and near it."""
    inside = np.sqrt((x / a) ** 2 + (y / b) ** 2)
    slope = np.sqrt((x / a**2) ** 2 + (y / b**2) ** 2) + 1e-6
    return inside * (inside - 1) / slope


def _stroke(x, y, ends, thickness):
    """The signed distance to a line with round ends; ``ends`` x0, y0, x1, y1, each (m, 1, 1)."""
    x0, y0, x1, y1 = ends
    dx, dy = x1 - x0, y1 - y0
    along = np.clip(((x - x0) * dx + (y - y0) * dy) / (dx**2 + dy**2), 0, 1)
    return np.hypot(x - x0 - along * dx, y - y0 - along * dy) - thickness


def _paint(luck):
    """Faces from numbers, one of each for each face: uint8 (m, 3, H, W)."""
    f = {name: values[:, None, None] for name, values in luck.items()}
    grid = (np.arange(SIDE, dtype=np.float32) + 0.5) / SIDE * 2 - 1
    page_x, page_y = (plane[None] for plane in np.meshgrid(grid, grid))
    canvas = _Canvas(_between(_WALLS, luck["wall"]))
    canvas.pixels -= 0.06 * page_y  # lighter above

    skin, hair = _between(_SKINS, luck["skin"]), _between(_HAIRS, luck["hair"])
    # the head's own plane: tilted, about the neck
    angle = np.radians(f["tilt"])
    px, py = page_x, page_y - 0.55
    x, y = np.cos(angle) * px + np.sin(angle) * py, np.cos(angle) * py - np.sin(angle) * px + 0.57
    a, b = 0.50 * f["width"], 0.66
    narrow = x / (1 - (0.13 + f["jaw"]) * np.clip(y, -0.2, 1))  # a chin narrower than the brow
    head = _ellipse(narrow, y, a, b)
    shade = 1 + 0.16 * f["light"] * np.clip(x / a, -1, 1)

    _behind(canvas, f, page_x, page_y, x, y, a, hair, luck, skin)
    for side in (-1, 1):
        ear = _ellipse(x - side * 0.98 * a + 0.04 * f["turn"], y - 0.04, 0.075, 0.13)
        canvas.lay(ear, 0.9 * skin)
    canvas.lay(head, skin * shade[:, None])
    _features(canvas, f, x - 0.10 * f["turn"], y, skin, hair, luck, _cover(head))
    _hair(canvas, f, x, y, narrow, a, b, hair)
    return (np.clip(canvas.pixels, 0, 1) * 255 + 0.5).astype(np.uint8)


def _behind(canvas, f, page_x, page_y, x, y, a, hair, luck, skin):
    """What the head covers: long hair, neck and shirt."""
    length = f["hair_length"]
    back = _ellipse(x, y + 0.15 - 0.22 * length, a * (1.10 + 0.16 * length), 0.60 + 0.38 * length)
    canvas.lay(back, 0.85 * hair)
    canvas.lay(np.maximum(np.abs(page_x) - 0.19, 0.3 - page_y), 0.82 * skin)
    canvas.lay(_ellipse(page_x, page_y - 1.18, 0.78, 0.42), _between(_SHIRTS, luck["shirt"]))
    canvas.lay(_ellipse(page_x, page_y - 0.76, 0.20, 0.10), 0.82 * skin)


def _features(canvas, f, x, y, skin, hair, luck, face):
    """Cheeks, nose, eyes, brows and mouth, in the plane of the features, only on the ``face``."""
    dark = 0.25 * skin
    for side in (-1, 1):
        cheek = np.exp(-((x - side * 0.29) ** 2 + (y - 0.20) ** 2) / 0.014)
        blush = (0.16 + 0.16 * f["mouth"]) * cheek * face
        canvas.pixels += blush[:, None] * (np.array([0.93, 0.45, 0.42], np.float32)[:, None, None] - canvas.pixels)
    canvas.lay(_ellipse(x - 0.03 * f["turn"], y - 0.16, 0.062 * f["nose"], 0.042), 0.84 * skin, within=face)

    for side in (-1, 1):
        _eye(canvas, f, side * (x - side * f["apart"]), y + 0.05, side, skin, luck, face)
        # the inner end at u = −0.11, the outer at 0.12
        u = side * (x - side * f["apart"])
        frown, lift = f["brows"], 0.05 * f["brows"]
        inner, outer = -0.235 - 0.075 * frown - 0.4 * lift, -0.245 + 0.03 * frown - 0.4 * lift
        middle = (inner + outer) / 2 - 0.022 - 0.02 * np.maximum(frown, 0)
        zero = np.zeros_like(inner)
        for ends in ((zero - 0.12, inner, zero, middle), (zero, middle, zero + 0.13, outer)):
            canvas.lay(_stroke(u, y, ends, 0.024), 0.55 * hair, within=face)
    _mouth(canvas, f, x, y - 0.37, skin, dark, face)


def _eye(canvas, f, u, y, side, skin, luck, face):
    """One eye: ``u`` goes outwards from its middle."""
    size = f["eye_size"]
    wide, high = 0.105 * size, (0.018 + 0.062 * f["eyes"]) * size
    lid = _ellipse(u, y, wide, high)
    canvas.lay(_ellipse(u, y + 0.008, wide + 0.014, high + 0.016), 0.35 * skin, within=face)
    canvas.lay(lid, np.float32(0.97), within=face)
    opened = _cover(lid) * face
    look = u - 0.02 * side * f["turn"]
    canvas.lay(np.hypot(look, y) - 0.056 * size, _between(_EYES, luck["iris"]), within=opened)
    canvas.lay(np.hypot(look, y) - 0.028 * size, np.float32(0.05), within=opened)
    canvas.lay(np.hypot(u * side + 0.018, y + 0.02) - 0.012 * size, np.float32(1), within=opened)


def _mouth(canvas, f, x, y, skin, dark, face):
    """Two parabolas; between them, where the mouth is open, teeth above the dark."""
    curve, half = f["mouth"], f["mouth_width"] * (1 + 0.12 * np.abs(f["mouth"]))
    t = np.clip(x / half, -1, 1)
    arch = 1 - t**2
    upper = 0.13 * curve * (arch - 0.5)  # y grows downwards: the middle of a smile hangs
    opening = (0.012 + 0.10 * np.maximum(curve - 0.15, 0) + 0.045 * np.maximum(-curve - 0.35, 0)) * arch
    # how far above the upper edge, below the lower one, or beyond a corner; straightened by the slope of the curve
    steep = np.sqrt(1 + (0.26 * curve * t / half) ** 2)
    beyond = np.abs(x) - half
    gap = np.maximum(np.maximum(upper - y, y - upper - opening) / steep, beyond)
    lips = np.array([0.62, 0.24, 0.24], np.float32)[:, None, None] * (0.55 + 0.45 * skin)
    canvas.lay(gap - 0.022, lips, within=face)
    canvas.lay(gap, 0.5 * dark, within=face)
    teeth = np.maximum(gap, (y - upper - 0.55 * opening) / steep)
    canvas.lay(teeth + 0.004, np.float32(0.95), within=face * (opening > 0.02))


def _hair(canvas, f, x, y, narrow, a, b, hair):
    """What grows over the forehead: inside a cap a little larger than the head, above a line with a parting."""
    length = f["hair_length"]
    cap = _ellipse(narrow, y + 0.015, a + 0.035, b + 0.05)
    fringe = -0.40 + 0.10 * length
    line = fringe + 0.30 * (x / a - 0.6 * f["parting"]) ** 2 * (0.55 + 0.5 * length)
    # it leaves the eyes free, and comes down at the temples
    line = np.minimum(line, -0.27 + 2.5 * np.maximum(np.abs(x / a) - 0.78, 0))
    canvas.lay(np.maximum(cap, y - line), hair)
    shine = np.maximum(np.maximum(cap + 0.10, y - line + 0.05), np.abs(y + 0.52 + 0.25 * (x / a) ** 2) - 0.012)
    canvas.lay(shine, np.minimum(1.35 * hair + 0.06, 1), strength=0.5)
    for side in (-1, 1):  # long hair hangs down in front of the ears
        strand = _ellipse(x - side * (a + 0.03), y - 0.05 - 0.1 * length, 0.07 + 0.05 * length, 0.20 + 0.55 * length)
        canvas.lay(strand + 10 * np.maximum(0.45 - length, 0), 0.92 * hair)  # shorter hair has none
