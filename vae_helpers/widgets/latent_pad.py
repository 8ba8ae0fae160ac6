"""A plane of codes under the hand, and the picture that the decoder makes of each place on it."""

from __future__ import annotations

import math

import matplotlib.pyplot as plt
import torch
import traitlets
from ipywidgets import widget_serialization

from vae_helpers import plots
from vae_helpers.models import decode
from vae_helpers.widgets.core.base import CourseWidget, module
from vae_helpers.widgets.core.codes import axes_of, codes_of, points, view_of
from vae_helpers.widgets.core.network import Network, decoder_of, is_vae


class LatentPad(CourseWidget):
    """Drag over the latent plane of ``model`` and see each place decoded, in the browser.

    ``split``: whose codes lie on the plane, coloured and named by class (its first 2,000 images).
    ``axes``: which two latents span the plane; needed where the model has more, the others stay 0.
    ``prior``: whether to draw the rings of N(0, I); by default for a VAE.

    ``pad.z`` is the code under the hand, ``latent_dim`` numbers: in the next cell,
    ``decode(model, torch.tensor([pad.z]))``. Setting it moves the pad.
    """

    _esm = module("codes.js", "latent_pad.js")

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
        self._model = model
        super().__init__(decoder=decoder_of(model), shape=list(model.shape), axes=axes, view=view, home=home,
                         prior=prior, z=z, **sent)

    @traitlets.validate("z")
    def _z_fits(self, proposal):
        z = [float(v) for v in proposal["value"]]
        if len(z) != self._model.latent_dim or not all(map(math.isfinite, z)):
            raise ValueError(f"z is a list of {self._model.latent_dim} numbers, got {proposal['value']!r}")
        return z

    def describe(self):
        count = f"{len(self.labels):,} codes" if self.labels else "no codes"
        return f"LatentPad: latents {self.axes[0]} and {self.axes[1]}, {count}"

    def picture(self):
        fig, (left, right) = plt.subplots(1, 2, figsize=(8.2, 4.6), width_ratios=[1.6, 1])
        if self.labels:
            labels = torch.tensor(list(self.labels))
            plots.latent_scatter(points(self.codes), labels, self.classes, ax=left)
        here = [self.z[axis] for axis in self.axes]
        left.plot(*here, "o", color="black", markersize=13, markerfacecolor="none", markeredgewidth=2.5)
        left.set(xlim=self.view[0], ylim=self.view[1], xlabel=f"$z_{{{self.axes[0]}}}$", title="Drag here in JupyterLab …")
        z = torch.tensor([self.z], device=next(self._model.parameters()).device)
        plots.image_grid(decode(self._model, z), 1, "… and see it decoded", right, "decoded picture")
        plots.alt(left, f"A ring marks z = ({here[0]:.2f}, {here[1]:.2f}), whose decoded picture is shown beside the plane.")
        return fig
