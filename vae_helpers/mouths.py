"""A measure of the mouth in a face of ``faces``, from its pixels alone.

It knows no model and no factor, so it can judge whether a step in the space of codes made a face smile.
"""

import torch

ROWS, COLUMNS = slice(79, 101), slice(40, 88)  # where the mouths of these faces lie, however the head is turned


def mouth_curve(x):
    """How far the corners of the mouths in faces (N, 3, 128, 128) lie above the middle, in pixels: shape (N,).

    Above 0 in a smile. Defined in notebook 08. Lips have less green among their colours than skin and hair have; the
    pixels with the least are weighted by how much they lack, and a parabola is laid through them. The number is
    its rise from the middle to 16 pixels on either side, about where the corners are. Of the drawn faces it
    agrees with the factor ``mouth`` with r above 0.95.

    A picture with nothing of the kind gives NaN. ValueError for another shape.
    """
    if x.shape[1:] != (3, 128, 128) or not len(x):
        raise ValueError(f"faces have the shape (N, 3, 128, 128), not {tuple(x.shape)}")
    part = x[:, :, ROWS, COLUMNS]
    green = part[:, 1] / part.sum(1).clamp(min=1e-3)
    skin, lips = (green.flatten(1).quantile(q, dim=1)[:, None, None] for q in (0.6, 0.01))
    weight = ((skin - green) / (skin - lips) - 0.5).clamp(min=0)
    across = torch.linspace(-23.5, 23.5, 48) / 16
    powers = torch.stack([across**0, across, across**2])
    # normal equations of least squares for each face; a trace of a ridge, lest one be empty
    left = torch.einsum("in,bmn,jn->bij", powers, weight, powers) + 1e-6 * torch.eye(3)
    right = torch.einsum("in,bmn,m->bi", powers, weight, torch.arange(22.0))
    rise = -torch.linalg.solve(left, right)[:, 2]  # minus: rows grow downwards
    return torch.where((skin - lips)[:, 0, 0] > 0.005, rise, torch.nan)
