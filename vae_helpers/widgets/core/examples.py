"""A few images of a split, one of each class, as the widgets offer them to be picked."""

from __future__ import annotations

import torch

from vae_helpers.widgets.core.codes import named


def examples_of(split, count=10):
    """Places in ``split`` of up to ``count`` images: the first of each class, then the first of the others."""
    labels = split.labels.tolist()
    first = {label: i for i, label in reversed(list(enumerate(labels)))}
    chosen = [first[label] for label in sorted(first)][:count]
    others = (i for i in range(len(labels)) if i not in set(chosen))
    return chosen + [i for i, _ in zip(others, range(count - len(chosen)))]


def pictures_of(split, which):
    """These images as bytes, 0 to 255, one after another: as ``picturesIn`` reads them."""
    return (split.as_float(which) * 255).round().to(torch.uint8).numpy().tobytes()


def names_of(split, which, classes=None):
    """What each of these images is called: the name of its class, or the label itself."""
    labels, names = named(split.labels[which], classes)
    return [names[label] for label in labels]
