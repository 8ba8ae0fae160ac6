"""Draw a digit, and see where the encoder puts it: a Gaussian of a VAE, a point of an autoencoder."""

from __future__ import annotations

import copy
import math

import matplotlib.pyplot as plt
import numpy as np
import torch
import traitlets
from ipywidgets import widget_serialization

from vae_helpers import plots
from vae_helpers.models import decode
from vae_helpers.widgets.core.base import CORE, STYLE, CourseWidget, module
from vae_helpers.widgets.core.codes import as_split, axes_of, codes_of, points, view_of
from vae_helpers.widgets.core.examples import examples_of, names_of, pictures_of
from vae_helpers.widgets.core.network import Network, decoder_of, encoder_of, is_vae
from vae_helpers.widgets.ranges import BadValue

SHAPE = (1, 28, 28)
FIELD, BOX, CENTRE = 28, 20, 14  # MNIST's page, the box of its digits, and the pixel of their centre of mass


def centred_as_mnist(ink):
    """A drawing (H, W) in [0, 1], 1 is ink, as MNIST's makers would have stored it: (28, 28), float32.

    Y. LeCun, C. Cortes and C. Burges say of their digits: scaled to fit a box of
    20×20 pixels, aspect kept, anti-aliased; then moved so that the centre of mass
    is the centre of the 28×28 field. Here a pixel is the exact mean of the area
    it covers, and the move is one of whole pixels that brings the centre of mass
    nearest to pixel (14, 14), counted from 0, as far as all ink stays on the page.
    No ink gives a blank page.
    """
    ink = np.asarray(ink, dtype=np.float64)
    if ink.ndim != 2 or 0 in ink.shape or not ((ink >= 0) & (ink <= 1)).all():
        raise ValueError(f"wanted is ink (H, W) with values in [0, 1], got shape {ink.shape}")
    page = np.zeros((FIELD, FIELD))
    rows, columns = ink.any(axis=1).nonzero()[0], ink.any(axis=0).nonzero()[0]
    if len(rows) == 0:
        return torch.from_numpy(page).float()
    cut = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = BOX / max(cut.shape)
    small = _shares(cut.shape[0], scale) @ cut @ _shares(cut.shape[1], scale).T
    top, left = (_place(small.sum(1 - axis), small.sum()) for axis in (0, 1))
    page[top : top + small.shape[0], left : left + small.shape[1]] = small
    return torch.from_numpy(page).float()


def _shares(size, scale):
    """(n, size): how much of each pixel of a side lies in each pixel of the scaled side, times ``scale``."""
    n = max(1, math.ceil(size * scale - 1e-9))
    target, source = np.arange(n)[:, None], np.arange(size)[None]
    overlap = np.minimum(source + 1, (target + 1) / scale) - np.maximum(source, target / scale)
    return scale * overlap.clip(0)


def _place(profile, mass):
    """Where a box begins whose ink is ``profile``, row by row, if its centre of mass is to lie at ``CENTRE``."""
    centre = (np.arange(len(profile)) * profile).sum() / mass
    return int(np.clip(math.floor(CENTRE - centre + 0.5), 0, FIELD - len(profile)))


class DrawDigit(CourseWidget):
    """Draw a digit, or pick an image of ``split``, and see its code among the codes of ``split``.

    Of a VAE one sees the Gaussian that the encoder gives, μ and the ellipses of one
    and two σ, and throws ε into it; of an autoencoder a point. Beside it the
    decoder's picture of μ. ``axes``: which two latents span the plane; the others
    take part unseen. Models of 28×28 grey pictures only.

    ``pad.image`` (1, 1, 28, 28) is what the encoder was given, ``pad.mu`` and
    ``pad.logvar`` (empty for an autoencoder) what it answered. Setting ``pad.image``
    shows another picture.
    """

    _esm = module("codes.js", "latent.js", "examples.js", "ink.js", "draw_digit.js")
    _css = STYLE + (CORE.parent / "draw_digit.css").read_text(encoding="utf-8")

    encoder = traitlets.Instance(Network).tag(sync=True, **widget_serialization)
    decoder = traitlets.Instance(Network).tag(sync=True, **widget_serialization)
    vae = traitlets.Bool().tag(sync=True)
    axes = traitlets.List(traitlets.Int()).tag(sync=True)
    codes = traitlets.Bytes().tag(sync=True)
    labels = traitlets.Bytes().tag(sync=True)
    classes = traitlets.List(traitlets.Unicode()).tag(sync=True)
    view = traitlets.List().tag(sync=True)
    examples = traitlets.Bytes().tag(sync=True)
    names = traitlets.List(traitlets.Unicode()).tag(sync=True)
    centred = traitlets.Bool(True).tag(sync=True, echo_update=False)
    # what comes from the browser is a memoryview
    drawing = traitlets.Bytes().tag(sync=True, echo_update=False, from_json=lambda value, _: bytes(value))
    mu = traitlets.List(traitlets.Float()).tag(sync=True, echo_update=False)
    logvar = traitlets.List(traitlets.Float()).tag(sync=True, echo_update=False)

    def __init__(self, model, split, axes=(0, 1), *, classes=None):
        if tuple(model.shape) != SHAPE:
            raise ValueError(f"DrawDigit draws grey pictures of 28×28, (1, 28, 28); this model takes {tuple(model.shape)}")
        if split is None:
            raise ValueError("DrawDigit needs a split, such as load().test: its codes are the map, its images the examples")
        split, axes = as_split(split), axes_of(model, None if model.latent_dim < 2 else axes, "DrawDigit")
        sent = codes_of(model, split, axes, classes)
        vae, which = is_vae(model), examples_of(split)
        self._model = copy.deepcopy(model).eval()  # as it is sent, whatever becomes of it
        first = split.as_float(which[:1])
        super().__init__(encoder=encoder_of(model), decoder=decoder_of(model), vae=vae, axes=axes,
                         view=view_of(sent["codes"], vae), examples=pictures_of(split, which),
                         names=names_of(split, which, classes), **self._given(first), **sent)

    @property
    def image(self):
        """What the encoder is given, (1, 1, 28, 28) in [0, 1]."""
        return torch.from_numpy(np.frombuffer(self.drawing, "<f4").reshape(1, *SHAPE).copy())

    @image.setter
    def image(self, image):
        image = torch.as_tensor(image, dtype=torch.float32).detach().cpu()
        if image.numel() != math.prod(SHAPE) or tuple(image.shape[-2:]) != SHAPE[1:]:
            raise ValueError(f"image is one picture, (1, 1, 28, 28), got {tuple(image.shape)}")
        if not ((image >= 0) & (image <= 1)).all():
            raise ValueError("image has values in [0, 1], 1 is ink: divide by its maximum")
        with self.hold_sync():
            for name, value in self._given(image.reshape(1, *SHAPE)).items():
                setattr(self, name, value)

    @torch.no_grad()
    def _given(self, image):
        """The traits that say what the encoder is given, and what it answers."""
        answer = self._model.encoder(image.to(next(self._model.parameters()).device))
        mu, logvar = answer if isinstance(answer, tuple) else (answer, None)
        return {"drawing": image.numpy().astype("<f4").tobytes(), "mu": _tidy(mu),
                "logvar": [] if logvar is None else _tidy(logvar)}

    @traitlets.validate("drawing")
    def _drawing_fits(self, proposal):
        if len(proposal["value"]) != 4 * math.prod(SHAPE):
            raise BadValue("drawing holds the bytes of 28×28 float32; set a picture by `image`")
        return proposal["value"]

    def describe(self):
        kind = "a VAE's Gaussian" if self.vae else "an autoencoder's code"
        return f"DrawDigit: {kind} in latents {self.axes[0]} and {self.axes[1]}, {len(self.labels):,} codes"

    def picture(self):
        fig, (left, middle, right) = plt.subplots(1, 3, figsize=(10, 4), width_ratios=[1, 1.6, 1])
        plots.image_grid(self.image, 1, "Draw here in JupyterLab …", left, "picture that the encoder is given")
        codes = torch.zeros(len(self.labels), len(self.mu))  # each in its column, so that the axes are named rightly
        codes[:, self.axes] = points(self.codes)
        plots.latent_scatter(codes, torch.tensor(list(self.labels)), self.classes, self.axes, ax=middle)
        mu = [self.mu[axis] for axis in self.axes]
        middle.plot(*mu, "o", color="black", markersize=6)
        if self.vae:
            for radius in (1, 2):
                variances = [math.exp(self.logvar[axis]) for axis in self.axes]
                plots.ellipse(mu, variances, middle, radius, color="black", linewidth=1.5)
        middle.set(xlim=self.view[0], ylim=self.view[1], title="… see its code …")
        z = torch.tensor([self.mu], device=next(self._model.parameters()).device)
        plots.image_grid(decode(self._model, z), 1, "… and what is decoded", right, "picture decoded from its code")
        shown = "A point, with ellipses of one and two standard deviations around it," if self.vae else "A point"
        plots.alt(middle, f"{shown} marks the code of the drawn digit, at ({mu[0]:.2f}, {mu[1]:.2f}).")
        return fig


def _tidy(numbers):
    """The one code (1, d) as a list that reads well."""
    if not numbers.isfinite().all():
        raise ValueError("the code of this picture is not a number (NaN or infinite): build and train the model anew")
    return [round(v, 4) for v in numbers[0].tolist()]
