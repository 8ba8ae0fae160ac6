"""A measure of the mouth in a face of ``faces``, from its pixels alone.

It knows no model and no factor, so it can judge whether a step in the space of codes made a face smile.
"""

import torch

ROWS, COLUMNS = slice(79, 99), slice(48, 80)  # where these mouths lie, and little of jaw and hair beside them


def mouth_curve(x):
    """How far the corners of the mouths in faces (N, 3, 128, 128) lie above the middle, in pixels: shape (N,).

    Above 0 in a smile. Defined in notebook 08. Lips have less green among their colours than skin and hair have; the
    pixels with the least are weighted by how much they lack, and a parabola is laid through them. The number is
    its rise from the middle to 16 pixels on either side, about where the corners are. Of the drawn faces it
    agrees with the factor ``mouth`` with r above 0.95, and blurred by a Gaussian of 2 pixels with r above 0.9.

    A flat picture, or one with NaN in it, gives NaN. ValueError for another shape, or none.
    """
    if x.shape[1:] != (3, 128, 128) or not len(x):
        raise ValueError(f"faces have the shape (N, 3, 128, 128), not {tuple(x.shape)}")
    part = x[:, :, ROWS, COLUMNS]
    green = part[:, 1] / part.sum(1).clamp(min=1e-3)
    skin, lips = (green.flatten(1).quantile(q, dim=1)[:, None, None] for q in (0.6, 0.02))
    weight = ((skin - green) / (skin - lips) - 0.5).clamp(min=0)
    across = torch.linspace(-15.5, 15.5, 32).to(x) / 16
    powers = torch.stack([across**0, across, across**2])
    # normal equations of least squares for each face; a trace of a ridge, lest one be empty
    left = torch.einsum("in,bmn,jn->bij", powers, weight, powers) + 1e-6 * torch.eye(3).to(x)
    right = torch.einsum("in,bmn,m->bi", powers, weight, torch.arange(20.0).to(x))
    rise = -torch.linalg.solve(left, right)[:, 2]  # minus: rows grow downwards
    return torch.where((skin - lips)[:, 0, 0] > 0.005, rise, torch.nan)
