"""Two planes of codes under one cursor: the holes of an autoencoder beside a VAE that has none."""

from __future__ import annotations

import copy
import math

import matplotlib.pyplot as plt
import torch
import traitlets
from ipywidgets import widget_serialization

from vae_helpers import plots
from vae_helpers.models import decode
from vae_helpers.widgets.core.base import CourseWidget, module
from vae_helpers.widgets.core.codes import codes_of, points, view_of
from vae_helpers.widgets.core.network import Network, decoder_of, is_vae
from vae_helpers.widgets.ranges import BadValue

SIDES = ("left", "right")


class TwinPads(CourseWidget):
    """Two models of 2 latents under one cursor, each with its picture, decoded in the browser.

    ``left``, ``right``: an autoencoder and a VAE, say; ``split``: whose codes lie on both planes, coloured and
    named by class (its first 2,000 images). ``titles``: the two names, by default what each model is.

    ``twins.at`` = [u, v] is the cursor, from -1 to 1 in both directions: the same place on both planes, each
    measured in its own view. ``twins.z_left`` and ``twins.z_right`` are the codes there, two numbers each: in
    the next cell, ``decode(left, torch.tensor([twins.z_left]))``. Setting ``at`` moves the cursor.
    """

    _esm = module("codes.js", "latent.js", "twin_pads.js")

    decoder_left = traitlets.Instance(Network).tag(sync=True, **widget_serialization)
    decoder_right = traitlets.Instance(Network).tag(sync=True, **widget_serialization)
    shape = traitlets.List(traitlets.Int()).tag(sync=True)
    codes_left = traitlets.Bytes().tag(sync=True)
    codes_right = traitlets.Bytes().tag(sync=True)
    labels = traitlets.Bytes().tag(sync=True)
    classes = traitlets.List(traitlets.Unicode()).tag(sync=True)
    view_left = traitlets.List().tag(sync=True)
    view_right = traitlets.List().tag(sync=True)
    titles = traitlets.List(traitlets.Unicode()).tag(sync=True)
    background = traitlets.Enum(["codes", "manifold"], "codes").tag(sync=True, echo_update=False)
    at = traitlets.List(traitlets.Float()).tag(sync=True, echo_update=False)

    def __init__(self, left, right, split, *, titles=None, classes=None):
        models = (left, right)
        for side, model in zip(SIDES, models):
            if model.latent_dim != 2:
                raise ValueError(
                    f"TwinPads shows two planes of 2 latents, and the {side} model has {model.latent_dim}: "
                    "take one built with latent_dim=2"
                )
        if split is None:
            raise ValueError("TwinPads shows the holes between codes: give the split whose codes to show, as data.test")
        vae = [is_vae(model) for model in models]
        sent = [codes_of(model, split, [0, 1], classes) for model in models]
        self._models = [copy.deepcopy(model).eval() for model in models]  # as they were sent
        super().__init__(
            decoder_left=decoder_of(left), decoder_right=decoder_of(right), shape=list(left.shape),
            codes_left=sent[0]["codes"], codes_right=sent[1]["codes"], labels=sent[0]["labels"],
            classes=sent[0]["classes"], view_left=view_of(sent[0]["codes"], vae[0]),
            view_right=view_of(sent[1]["codes"], vae[1]), titles=_titles(titles, vae), at=[0.0, 0.0],
        )

    @traitlets.validate("at")
    def _at_fits(self, proposal):
        at = [float(v) for v in proposal["value"]]
        if len(at) != 2 or not all(math.isfinite(v) and -1 <= v <= 1 for v in at):
            raise BadValue(f"at is [u, v], two numbers from -1 to 1 on both planes, got {proposal['value']!r}")
        return at

    @property
    def z_left(self):
        """The code under the cursor on the left plane, two numbers."""
        return self._z(self.view_left)

    @property
    def z_right(self):
        """The code under the cursor on the right plane, two numbers."""
        return self._z(self.view_right)

    def _z(self, view):
        return [round(low + (at + 1) / 2 * (high - low), 4) for at, (low, high) in zip(self.at, view)]

    def _gap(self, codes, view, z):
        """How far the nearest code is, in units of the plane's width."""
        away = (points(codes) - torch.tensor(z)).norm(dim=1).min().item()
        return away / (view[0][1] - view[0][0])

    def describe(self):
        return f"TwinPads: {self.titles[0]} beside {self.titles[1]}, {len(self.labels):,} codes each"

    def picture(self):
        fig, axes = plt.subplots(2, 2, figsize=(8, 6.2), height_ratios=[2.4, 1])
        labels = torch.tensor(list(self.labels))
        for k, side in enumerate(SIDES):
            model, title, (above, below) = self._models[k], self.titles[k], axes[:, k]
            codes, view, z = (getattr(self, f"{name}_{side}") for name in ("codes", "view", "z"))
            plots.latent_scatter(points(codes), labels, self.classes, title=title, ax=above)
            for radius in (1, 2, 3):
                plots.ellipse(torch.zeros(2), torch.ones(2), above, radius, color="0.4", linestyle="--", linewidth=1)
            above.plot(*z, "o", color="black", markersize=12, markerfacecolor="none", markeredgewidth=2.5)
            above.set(xlim=view[0], ylim=view[1], aspect="equal")
            here = torch.tensor([z], device=next(model.parameters()).device)
            plots.image_grid(decode(model, here), 1, f"z = ({z[0]:.2f}, {z[1]:.2f})", below, "decoded picture")
            plots.alt(above, f"A ring marks one place on the plane of the {title}, whose nearest code is "
                             f"{100 * self._gap(codes, view, z):.0f} % of the plane's width away.")
        return fig


def _titles(titles, vae):
    if titles is None:
        kinds = ["VAE" if each else "autoencoder" for each in vae]
        return kinds if kinds[0] != kinds[1] else [f"{side} {kind}" for side, kind in zip(SIDES, kinds)]
    titles = [titles] if isinstance(titles, str) else [str(title).strip() for title in titles]
    if len(titles) != 2 or titles[0] == titles[1] or not all(titles):
        raise ValueError(f'titles are two different names, as ("beta = 1", "beta = 10"), got {titles!r}')
    return titles
