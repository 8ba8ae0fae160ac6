"""A plane of codes under the hand, and the picture that the decoder makes of each place on it."""

from __future__ import annotations

import copy

import matplotlib.pyplot as plt
import torch
import traitlets
from ipywidgets import widget_serialization

from vae_helpers import plots
from vae_helpers.models import decode
from vae_helpers.widgets.core.base import CourseWidget, module
from vae_helpers.widgets.core.codes import axes_of, codes_of, points, view_of
from vae_helpers.widgets.core.network import Network, decoder_of, is_vae
from vae_helpers.widgets.ranges import code_in

NODES = 15  # pictures in a row of the map


class LatentPad(CourseWidget):
    """Drag over the latent plane of ``model`` and see each place decoded, in the browser.

    ``split``: whose codes lie on the plane, coloured and named by class (its first 2,000 images).
    ``axes``: which two latents span the plane; needed where the model has more, the others stay 0.
    ``prior``: whether to draw the rings of N(0, I); by default for a VAE.

    ``pad.z`` is the code under the hand, ``latent_dim`` numbers: in the next cell,
    ``decode(model, torch.tensor([pad.z]))``. Setting it moves the pad.
    """

    _esm = module("codes.js", "latent.js", "latent_pad.js")

    decoder = traitlets.Instance(Network).tag(sync=True, **widget_serialization)
    shape = traitlets.List(traitlets.Int()).tag(sync=True)
    axes = traitlets.List(traitlets.Int()).tag(sync=True)
    codes = traitlets.Bytes().tag(sync=True)
    labels = traitlets.Bytes().tag(sync=True)
    classes = traitlets.List(traitlets.Unicode()).tag(sync=True)
    view = traitlets.List().tag(sync=True)
    home = traitlets.List(traitlets.Float()).tag(sync=True)
    prior = traitlets.Bool().tag(sync=True)
    background = traitlets.Enum(["codes", "manifold"], "codes").tag(sync=True, echo_update=False)
    z = traitlets.List(traitlets.Float()).tag(sync=True, echo_update=False)

    def __init__(self, model, split=None, axes=None, *, classes=None, prior=None):
        axes = axes_of(model, axes, "LatentPad")
        sent = codes_of(model, split, axes, classes)
        prior = is_vae(model) if prior is None else bool(prior)
        view = view_of(sent["codes"], prior)
        home = [0.0, 0.0] if prior or not sent["codes"] else points(sent["codes"]).median(0).values.tolist()
        z = [0.0] * model.latent_dim
        z[axes[0]], z[axes[1]] = home
        self._model = copy.deepcopy(model).eval()  # what the browser was sent, whatever becomes of the model
        super().__init__(decoder=decoder_of(model), shape=list(model.shape), axes=axes, view=view, home=home,
                         prior=prior, z=z, **sent)

    @traitlets.validate("z")
    def _z_fits(self, proposal):
        return code_in("z", proposal["value"], self._model.latent_dim)

    def describe(self):
        count = f"{len(self.labels):,} codes" if self.labels else "no codes"
        return f"LatentPad: latents {self.axes[0]} and {self.axes[1]}, {count}"

    def picture(self):
        fig, (left, right) = plt.subplots(1, 2, figsize=(10, 5))
        if self.labels:
            codes = torch.zeros(len(self.labels), self._model.latent_dim)
            codes[:, self.axes] = points(self.codes)
            plots.latent_scatter(codes, torch.tensor(list(self.labels)), self.classes, self.axes, ax=left)
        for radius in (1, 2, 3) if self.prior else ():
            plots.ellipse(torch.zeros(2), torch.ones(2), left, radius, color="0.4", linestyle="--", linewidth=1)
        here = [self.z[axis] for axis in self.axes]
        left.plot(*here, "o", color="black", markersize=13, markerfacecolor="none", markeredgewidth=2.5)
        left.set(xlim=self.view[0], ylim=self.view[1], title="Codes on the plane")
        plots.image_grid(self._map(), NODES, "The same plane, decoded", right, "decoded codes")
        plots.alt(left, f"Rings mark N(0, I) where it is drawn; the bold ring is at z = ({here[0]:.2f}, {here[1]:.2f}).")
        return fig

    def _map(self):
        """The decoded pictures (NODES², C, H, W) of a grid over the plane, from its top left."""
        (x0, x1), (y0, y1) = self.view
        middles = (torch.arange(NODES) + 0.5) / NODES
        z = torch.tensor(self.z).repeat(NODES**2, 1)
        z[:, self.axes[0]] = (x0 + middles * (x1 - x0)).repeat(NODES)
        z[:, self.axes[1]] = (y1 - middles * (y1 - y0)).repeat_interleave(NODES)
        return decode(self._model, z.to(next(self._model.parameters()).device))
