"""Measures of the strokes in a picture, from its pixels alone: how far they lean, how thick they are.

They know no model and no factor, so they can judge whether a step in the space of codes did what it was asked
to do. Ink is 1, paper is 0.
"""

import torch


def slant(x):
    """How far the ink of pictures (N, 1, H, W) leans to the right, in degrees: shape (N,).

    Written in an exercise of notebook 06. With m_ab the second central moment of the ink, a counted along a row and
    b down a column: arctan(−m_ab / m_bb), the shear that makes the ink's axis upright (MNIST digits are often
    deslanted so). A 7 leans by its shape alone: compare a digit with itself, or take many.

    A picture with no ink gives NaN. ValueError for another shape.
    """
    ink = _ink(x)
    down, along = (torch.arange(n, dtype=ink.dtype, device=ink.device) for n in ink.shape[1:])
    mass = ink.sum((1, 2))
    b = down - (ink.sum(2) @ down / mass)[:, None]
    a = along - (ink.sum(1) @ along / mass)[:, None]
    m_ab, m_bb = torch.einsum("nba,nb,na->n", ink, b, a), torch.einsum("nba,nb->n", ink, b**2)
    return torch.rad2deg(torch.atan(-m_ab / m_bb))


def thickness(x):
    """The width of the line in pictures (N, 1, H, W), in pixels: 2 × area / outline, shape (N,).

    The outline is the total variation, Σ |∇x|: of a shape of 0 and 1 it is about the length of the edge, and a long
    line of width w has an edge twice its length on w times its length of ink. Contrast cancels out. A
    blurred thin line has less outline for the same ink: blur counts as thickness.

    A picture without an edge gives NaN or infinity. ValueError for another shape.
    """
    ink = _ink(x)
    down, along = ink.diff(dim=1)[:, :, :-1], ink.diff(dim=2)[:, :-1]
    # not hypot: its gradient is NaN where both are 0, which most of a page is
    outline = torch.linalg.vector_norm(torch.stack([down, along]), dim=0)
    return 2 * ink.sum((1, 2)) / outline.sum((1, 2))


def _ink(x):
    if not isinstance(x, torch.Tensor) or x.dim() != 4 or x.shape[1] != 1 or not x.is_floating_point():
        raise ValueError(
            "wanted are grey pictures, a float tensor (N, 1, H, W) with ink 1, not "
            f"{tuple(x.shape) if isinstance(x, torch.Tensor) else type(x).__name__}"
        )
    return x[:, 0]
