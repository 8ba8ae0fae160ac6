"""Codes of images on a plane of two latents, as the widgets send and show them."""

from __future__ import annotations

import numpy as np
import torch

from vae_helpers.data import Split
from vae_helpers.models import encode, in_eval

MOST = 2_000  # points: more are slow to draw, and no clearer


def axes_of(model, axes, widget):
    """Two latents of ``model``, as a list; ValueError if they have to be named, or do not exist."""
    d = model.latent_dim
    if axes is None:
        if d == 2:
            return [0, 1]
        more = "name two, axes=(0, 1), or use LatentSliders" if d > 2 else "use LatentSliders"
        raise ValueError(f"{widget} shows a plane of two latents, and this model has {d}: {more}")
    axes = [int(axis) for axis in axes]
    if len(axes) != 2 or len(set(axes)) != 2 or not all(0 <= axis < d for axis in axes):
        raise ValueError(f"axes={tuple(axes)}: wanted are two different latents from 0 to {d - 1}")
    return axes


def as_split(images):
    """A ``Split``, or images (N, C, H, W) in [0, 1], as a ``Split``; None stays None."""
    return images if images is None or isinstance(images, Split) else Split.from_tensor(images)


def codes_of(model, split, axes, classes=None):
    """What is sent of a split's first images: ``codes`` (float32, N × 2) and ``labels`` (bytes), and ``classes`` (names).

    Of a VAE the codes are the means μ. No split: no codes.
    """
    if split is None:
        return {"codes": b"", "labels": b"", "classes": []}
    split = as_split(split)
    split = split.subset(min(len(split), MOST))
    if tuple(split.shape) != tuple(model.shape):
        raise ValueError(f"the split holds images of shape {split.shape}, this model takes {tuple(model.shape)}")
    device = next(model.parameters()).device
    with in_eval(model):
        codes = torch.cat([encode(model, x) for x in split.batches(250, device=device)]).cpu()[:, axes]
    if not codes.isfinite().all():
        raise ValueError("codes of this model are not numbers (NaN or infinite): build and train it anew")
    labels, names = named(split.labels, classes)
    return {"codes": codes.numpy().astype("<f4").tobytes(), "labels": labels, "classes": names}


def named(labels, classes=None):
    """Labels (N,) as a byte each, and the names that these count through: those in ``classes``, or the labels'."""
    present, small = labels.unique(return_inverse=True)
    low, high = present[0].item(), present[-1].item()
    if classes is not None and not 0 <= low <= high < len(classes):
        raise ValueError(
            f"there are {len(classes)} names in classes, and labels from {low} to {high}: wanted is a name for each, "
            "the first for label 0"
        )
    if len(present) > 256:
        raise ValueError(f"{len(present)} classes cannot be told apart by colour: show a split of fewer")
    if 0 <= low and high < 256:
        return labels.numpy().astype("u1").tobytes(), [str(n) for n in (classes or range(high + 1))]
    return small.numpy().astype("u1").tobytes(), [str(classes[n]) if classes else str(n) for n in present.tolist()]


def points(codes):
    """The codes (N, 2) that were sent as bytes, as a tensor."""
    return torch.from_numpy(np.frombuffer(codes, "<f4").reshape(-1, 2).copy())


def view_of(codes, prior):
    """``[[x low, high], [y low, high]]``: a square that holds nearly all codes, and N(0, I) if that is shown."""
    z = points(codes)
    if len(z) == 0:
        return [[-3.5, 3.5], [-3.5, 3.5]]
    low, high = z.quantile(0.005, dim=0), z.quantile(0.995, dim=0)
    if prior:
        low, high = low.clamp(max=-3.2), high.clamp(min=3.2)
    # codes may be all the same: some room then too
    middle, half = (low + high) / 2, (0.53 * (high - low).max()).clamp(min=0.5)
    return torch.stack([middle - half, middle + half], dim=1).tolist()
