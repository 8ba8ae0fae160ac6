"""A Gaussian in the plane under the hand: z = μ + Lε, with the ε it is made of beside it."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import torch
import traitlets

from vae_helpers import plots
from vae_helpers.gaussians import covariance
from vae_helpers.widgets.core.base import CourseWidget, module
from vae_helpers.widgets.ranges import number_in, pair_in, plain

MU, SIGMA, RHO = (-3, 3), (0.1, 2), (-0.95, 0.95)
MARKED = 5  # points that are numbered in both planes


class GaussianPlay(CourseWidget):
    """Drag μ, σ₁, σ₂ and ρ of a Gaussian in the plane; the cloud z = μ + Lε follows, each ε as it was drawn.

    ``mu`` (2 numbers from −3 to 3), ``sigma`` (2, from 0.1 to 2) and ``rho`` (±0.95): what it starts with.
    ``n``: how many points; ``seed``: of their ε.

    ``play.z()`` are the points, (n, 2), and ``play.eps`` their ε. These may be set too, as
    may ``play.mu``, ``play.sigma`` and ``play.rho``. ``play.fresh``: whether each move draws new ε.
    """

    _esm = module("codes.js", "densities.js", "bells.js", "gaussian_play.js")

    mu = traitlets.List(traitlets.Float()).tag(sync=True, echo_update=False)
    sigma = traitlets.List(traitlets.Float()).tag(sync=True, echo_update=False)
    rho = traitlets.Float().tag(sync=True, echo_update=False)
    # ε, float32, n × 2; a browser's bytes come as a memoryview
    noise = traitlets.Bytes().tag(sync=True, echo_update=False, from_json=lambda value, widget: bytes(value))
    fresh = traitlets.Bool(False).tag(sync=True, echo_update=False)
    home = traitlets.Dict().tag(sync=True)  # as at the start, and its ε
    first_noise = traitlets.Bytes().tag(sync=True)

    def __init__(self, mu=(0.0, 0.0), sigma=(1.0, 1.0), rho=0.0, n=200, *, fresh=False, seed=0):
        if not isinstance(n, int) or not 10 <= n <= 2_000:
            raise ValueError(f"n={n!r}: wanted is a whole number from 10 to 2,000")
        eps = torch.randn(n, 2, generator=torch.Generator().manual_seed(seed))
        self._n = n
        home = {"mu": pair_in("mu", mu, MU, MU), "sigma": pair_in("sigma", sigma, SIGMA, SIGMA),
                "rho": number_in("rho", rho, *RHO), "fresh": bool(fresh)}
        super().__init__(noise=_sent(eps), first_noise=_sent(eps), home=home, **home)

    @traitlets.validate("mu")
    def _mu_fits(self, proposal):
        return pair_in("mu", proposal["value"], MU, MU)

    @traitlets.validate("sigma")
    def _sigma_fits(self, proposal):
        return pair_in("sigma", proposal["value"], SIGMA, SIGMA)

    @traitlets.validate("rho")
    def _rho_fits(self, proposal):
        return number_in("rho", proposal["value"], *RHO)

    @traitlets.validate("noise")
    def _noise_fits(self, proposal):
        noise = proposal["value"]
        if len(noise) != 8 * self._n or not np.isfinite(np.frombuffer(noise, "<f4")).all():
            raise ValueError(f"the ε of this widget are {self._n} pairs of finite numbers")
        return bytes(noise)

    @property
    def eps(self):
        """The ε in use, (n, 2)."""
        return torch.from_numpy(np.frombuffer(self.noise, "<f4").reshape(-1, 2).copy())

    @eps.setter
    def eps(self, eps):
        eps = torch.as_tensor(eps)
        if eps.shape != (self._n, 2):
            raise ValueError(f"wanted eps of shape {(self._n, 2)}, got {tuple(eps.shape)}")
        self.noise = _sent(eps)

    def z(self):
        """The points z = μ + Lε, (n, 2), with LLᵀ the covariance matrix."""
        return torch.tensor(self.mu) + self.eps @ torch.linalg.cholesky(covariance(*self.sigma, self.rho)).T

    def describe(self):
        return (f"GaussianPlay: μ = {plain(self.mu)}, σ = {plain(self.sigma)}, ρ = {self.rho:g}, "
                f"{self._n} points").replace("-", "−")

    def picture(self):
        fig, (left, right) = plt.subplots(1, 2, figsize=(8.2, 4.8), width_ratios=[1.7, 1])
        z, eps, cov = self.z(), self.eps, covariance(*self.sigma, self.rho)
        for ax, points, middle in ((left, z, self.mu), (right, eps, [0.0, 0.0])):
            ax.plot(*points[MARKED:].T, ".", markersize=4, alpha=0.5)
            for k, (x, y) in enumerate(points[:MARKED].tolist()):
                colour = plots.PALETTE[k + 1]
                ax.plot([middle[0], x], [middle[1], y], color="black", linewidth=1)
                ax.plot(x, y, "o", color=colour, markersize=13)
                ax.text(x, y - 0.02, k + 1, color=plots._ink_on(colour), size=9, ha="center", va="center_baseline")
            ax.set_aspect("equal")
        for radius, dash in ((1, "-"), (2, "--")):
            plots.ellipse(torch.tensor(self.mu), cov, left, radius, color="black", linewidth=1.4, linestyle=dash)
        for radius in (1, 2, 3):
            plots.ellipse(torch.zeros(2), torch.eye(2), right, radius, color="#888888", linewidth=1, linestyle="--")
        left.plot(*self.mu, "o", color="black", markersize=7)
        blue, (m1, m2), (s1, s2) = plots.PALETTE[0], self.mu, self.sigma
        for name, x, y, moved in (("$σ_1$", m1 + s1, m2, (8, -14)), ("$σ_2$", m1, m2 + s2, (-20, 6))):
            left.plot([m1, x], [m2, y], color=blue, linewidth=1.5)
            left.plot(x, y, "o", color=blue, markerfacecolor="white", markersize=8, markeredgewidth=2)
            left.annotate(name, (x, y), moved, textcoords="offset points", color=blue)
        left.text(0.98, 0.97, "solid: one σ, dashed: two", transform=left.transAxes, ha="right", va="top")
        left.set(xlim=(-5.2, 5.2), ylim=(-5.2, 5.2), xlabel="$z_1$", ylabel="$z_2$",
                 title="z = μ + Lε: drag it in JupyterLab")
        right.set(xlim=(-3.6, 3.6), ylim=(-3.6, 3.6), xlabel="$ε_1$", ylabel="$ε_2$", title="the same ε")
        plots.alt(left, f"{self._n} points z = μ + Lε with μ = {plain(self.mu)}, σ = {plain(self.sigma)}, "
                        f"ρ = {self.rho:g}, "
                        "and ellipses at one and two standard deviations; beside them the ε, "
                        f"round about the origin. {MARKED} points carry the same numbers in both.".replace("-", "−"))
        return fig


def _sent(eps):
    return eps.detach().cpu().numpy().astype("<f4").tobytes()
