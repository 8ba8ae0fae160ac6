"""Images one after another as a moving picture: a GIF that plays in the notebook with no kernel and no widget.

``play(decode(model, morph(z_u, z_v, 30)), what="a 3 turns into an 8")`` in a notebook; ``moving_gif`` gives the
file itself, to be saved with ``Path("morph.gif").write_bytes(…)``.
"""

from __future__ import annotations

import base64
import html
from io import BytesIO
from itertools import pairwise
from numbers import Real

import numpy as np
from PIL import Image

from vae_helpers import plots

WANTED = 140  # pixels of the screen: about as high and as wide as a picture becomes
STEP = 0.01  # seconds: a GIF counts in these
FASTEST = 50  # frames a second: one that is to be shown for less than 0.02 s, browsers show for a tenth of a second
MOST = 600.0  # seconds: a GIF has room for a little more


def play(images, seconds=4.0, what="one image turns into another", again=True):
    """Show images (N, C, H, W) in [0, 1] (or uint8, 0 to 255), two or more, as a moving picture. Returns None.

    ``seconds``: what one pass takes. ``again=True``: forth and back, over and over; else once, and it
    stops at the last image.
    ``what`` is to be seen, in words: it becomes part of the alt text.

    The output is HTML with the GIF inside: so it plays in JupyterLab, in VS Code and in exported pages, and its
    alt text comes with it. Outside Jupyter nothing is shown: ``moving_gif`` gives the file.
    Raises what ``moving_gif`` does.
    """
    gif = moving_gif(images, seconds, again)
    try:
        from IPython import get_ipython
        from IPython.display import HTML, display
    except ImportError:
        return
    if get_ipython() is None:
        return
    way = "forth and back, over and over" if again else "once"
    text = html.escape(f"Moving picture: {what}, {len(images)} images, {seconds:g} seconds {way}.")
    inside = base64.b64encode(gif).decode("ascii")
    # to fold it away is the way to stop it, which a GIF has not (WCAG 2.2.2: pause, stop, hide)
    display(HTML(
        f'<details open><summary>Moving picture: {html.escape(what)} (fold away to stop it)</summary>'
        f'<img alt="{text}" src="data:image/gif;base64,{inside}"></details>'
    ))


def moving_gif(images, seconds=4.0, again=True):
    """The GIF that ``play`` shows, as bytes: each image enlarged by a whole number, digits as ink on paper.

    Grey levels are kept, to the 255th; a colour picture has 256 colours of its own. With ``again`` the N
    images make 2N − 2 frames, since neither end is shown twice. Frames take equally long, to the 0.01 s that a
    GIF counts in, and ``seconds`` together. Frames that are equal are stored as one that stays longer.

    ValueError for what are no images, for fewer than two, and for seconds in which a browser cannot show
    them all, 50 a second, or more than 600.
    """
    pixels = plots._pixels(images)
    if len(pixels) < 2:
        raise ValueError("one image alone does not move: two or more are wanted")
    order = [*range(len(pixels)), *range(len(pixels) - 2, 0, -1)] if again else list(range(len(pixels)))
    least = len(order) / FASTEST
    if not (isinstance(seconds, Real) and least <= seconds <= MOST):
        raise ValueError(f"seconds={seconds!r}: {len(order)} frames take from {least:g} seconds, {FASTEST} frames "
                         f"a second, up to {MOST:g}; give other seconds, or fewer images")
    scale = max(1, round(WANTED / max(pixels.shape[1:3])))
    frames = [_frame(one, scale) for one in pixels]
    # where each frame ends is rounded, not how long it takes: so no error adds up
    ends = [round(seconds / STEP * i / len(order)) for i in range(len(order) + 1)]
    buffer = BytesIO()
    frames[0].save(buffer, format="gif", save_all=True, append_images=[frames[i] for i in order[1:]],
                   duration=[10 * (b - a) for a, b in pairwise(ends)],  # in thousandths of a second
                   **({"loop": 0} if again else {}))
    return buffer.getvalue()


def _frame(pixels, scale):
    """One image (H, W) or (H, W, 3) in [0, 1] as PIL has it, ``scale`` pixels for one, with a palette."""
    levels = ((1 - pixels if pixels.ndim == 2 else pixels) * 255).round().astype(np.uint8)
    image = Image.fromarray(levels)
    if pixels.ndim == 3:
        image = image.quantize(256, dither=Image.Dither.NONE)
    return image.resize((scale * image.width, scale * image.height), Image.Resampling.NEAREST)
