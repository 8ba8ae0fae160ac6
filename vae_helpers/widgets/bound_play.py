"""log p(x) of notebook 03's toy, split into the ELBO and the gap while q moves."""

from __future__ import annotations

import matplotlib.pyplot as plt
import traitlets

from vae_helpers import plots
from vae_helpers.toy import GRID, log_gauss, log_joint, split_evidence
from vae_helpers.widgets.core.base import CourseWidget, module
from vae_helpers.widgets.ranges import number_in

RANGES = {"x": (-2, 4), "bend": (0, 1), "mu": (-3, 3), "sigma_q": (0.1, 2)}


class BoundPlay(CourseWidget):
    """Drag q = N(mu, sigma_q²) over the true posterior; log p(x) splits into ELBO and gap, in nats.

    The model is that of ``vae_helpers.toy``: ``bend`` 0 to 1 bends the decoder from a line to a bowl,
    ``sigma`` (0.3 to 1) is the decoder's standard deviation, ``x`` (−2 to 4) what was observed.

    ``play.split()`` gives log p(x), ELBO and gap. ``play.mu``, ``play.sigma_q``, ``play.bend`` and
    ``play.x`` may be set.
    """

    _esm = module("codes.js", "densities.js", "bells.js", "bound_play.js")

    x = traitlets.Float().tag(sync=True, echo_update=False)
    bend = traitlets.Float().tag(sync=True, echo_update=False)
    mu = traitlets.Float().tag(sync=True, echo_update=False)
    sigma_q = traitlets.Float().tag(sync=True, echo_update=False)
    sigma = traitlets.Float(read_only=True).tag(sync=True)
    home = traitlets.Dict().tag(sync=True)  # x, bend, mu and sigma_q, as at the start

    def __init__(self, x=1.0, bend=0.0, sigma=0.5, *, mu=0.0, sigma_q=0.8):
        self.set_trait("sigma", number_in("sigma", sigma, 0.3, 1))
        given = {"x": x, "bend": bend, "mu": mu, "sigma_q": sigma_q}
        home = {name: number_in(name, value, *RANGES[name]) for name, value in given.items()}
        super().__init__(home=home, **home)

    @traitlets.validate(*RANGES)
    def _fits(self, proposal):
        name = proposal["trait"].name
        return number_in(name, proposal["value"], *RANGES[name])

    def split(self):
        """log p(x), ELBO and gap, KL(q ‖ posterior): three numbers, in nats."""
        return tuple(part.item() for part in split_evidence(self.x, self.mu, self.sigma_q, self.bend, self.sigma))

    def describe(self):
        text = f"BoundPlay: x = {self.x:g}, bend {self.bend:g}, q = N({self.mu:g}, {self.sigma_q:g}²)"
        return text.replace("-", "−")

    def picture(self):
        fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), width_ratios=[3, 1])
        log_evidence, bound, gap = self.split()
        near = GRID.abs() < 5.2
        posterior = (log_joint(self.x, GRID, self.bend, self.sigma) - log_evidence).exp()[near]
        q = log_gauss(GRID, self.mu, self.sigma_q).exp()[near]
        left.fill_between(GRID[near], posterior, color="black", alpha=0.15, linewidth=0)
        left.plot(GRID[near], posterior, color="black", label="posterior")
        prior = log_gauss(GRID, 0.0, 1.0).exp()[near]
        left.plot(GRID[near], prior, "--", color="#888888", linewidth=1.2, label="prior")
        left.plot(GRID[near], q, label="q")
        blue = plots.PALETTE[0]
        for z, fill in ((self.mu, blue), (self.mu + self.sigma_q, "white")):
            left.plot(z, log_gauss(z, self.mu, self.sigma_q).exp(), "o", color=blue, markerfacecolor=fill,
                      markersize=9, markeredgewidth=2)
        shown = round(log_evidence, 3), round(bound, 3)  # and their difference, so that what is written adds up
        title = f"log p(x) {shown[0]:.3f} = ELBO {shown[1]:.3f} + gap {shown[0] - shown[1]:.3f}".replace("-", "−")
        left.set(xlabel="$z$", ylim=(0, None), title=title)
        left.legend(loc="upper left")
        floor = min(-6, 1.2 * bound - 1)
        fade = 0.3 * (bound - floor)  # it comes from minus infinity
        right.bar([0], [bound - floor - fade], bottom=floor + fade)
        for k in range(12):
            right.bar([0], [fade / 12], bottom=floor + k * fade / 12, color=blue, alpha=k / 12, linewidth=0)
        right.bar([0], [gap], bottom=bound, color=plots.PALETTE[1], hatch="///", edgecolor="white", linewidth=0)
        right.axhline(log_evidence, color="black")
        right.text(0, floor, "↓ −∞", ha="center", va="bottom")
        for name, value, side in (("ELBO", bound, "top"), ("log p(x)", log_evidence, "bottom")):
            right.text(0.5, value, f"{name}\n{value:.2f}".replace("-", "−"), va=side)
        right.set(ylim=(floor, max(0, log_evidence + 0.1)), xlim=(-0.7, 1.5), xticks=[], ylabel="nats",
                  title="ELBO and gap")
        plots.alt(left, f"q = N({self.mu:.2f}, {self.sigma_q:.2f}²) over the posterior of x = {self.x:g} "
                        f"at bend {self.bend:g}, "
                        f"and a bar: {title} nats.")
        return fig
