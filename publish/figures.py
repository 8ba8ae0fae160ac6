"""Figures packed for the web: WebP, a fraction of the size of PNG."""

import base64
from io import BytesIO

from PIL import Image

LARGE = 100_000  # bytes


def pack(nb):
    """In the outputs of a notebook, put ``image/webp`` in place of each ``image/png``; their metadata stay."""
    for output in (output for cell in nb.cells for output in cell.get("outputs", [])):
        if png := output.get("data", {}).pop("image/png", None):
            output.data["image/webp"] = base64.b64encode(webp(Image.open(BytesIO(base64.b64decode(png))))).decode()


def webp(image):
    """On white, without loss; only what is more a photograph than a drawing, and large, is packed with a little."""
    image = image.convert("RGBA")
    image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    exact = _packed(image, lossless=True, quality=60)
    return exact if len(exact) < LARGE else min(exact, _packed(image, quality=90), key=len)


def _packed(image, **how):
    packed = BytesIO()
    image.save(packed, "WEBP", method=4, **how)
    return packed.getvalue()
