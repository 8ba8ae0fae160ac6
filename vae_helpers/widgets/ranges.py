"""Numbers that a widget takes: each within its range, or an error that names the range."""

from __future__ import annotations

import math

import traitlets


class BadValue(traitlets.TraitError, ValueError):
    """A value that a trait refuses. (A bare ValueError from the browser's side would be told, and yet kept.)"""


def number_in(name, value, low, high):
    """``value`` as a float from ``low`` to ``high``; BadValue, a ValueError, if it is something else."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not low <= number <= high:
        raise BadValue(f"{name}={value!r}: wanted is a number from {low:g} to {high:g}")
    return number


def pair_in(name, value, first, second):
    """Two numbers as a list, each within its range ``(low, high)``; BadValue, a ValueError, if they are something else."""
    try:
        pair = list(value)
    except TypeError:
        pair = []
    if len(pair) != 2:
        raise BadValue(f"{name}={value!r}: wanted are two numbers")
    return [number_in(f"{name}[{i}]", one, *limits) for i, (one, limits) in enumerate(zip(pair, (first, second)))]


def code_in(name, value, latent_dim):
    """``value`` as a list of ``latent_dim`` finite numbers; BadValue, a ValueError, if it is something else."""
    z = [float(v) for v in value]
    if len(z) != latent_dim or not all(map(math.isfinite, z)):
        raise BadValue(f"{name} is a list of {latent_dim} numbers, got {value!r}")
    return z


def plain(numbers):
    """Numbers as text, as short as they can be: ``(0, 0.5)``."""
    return f"({', '.join(f'{v:g}' for v in numbers)})"
