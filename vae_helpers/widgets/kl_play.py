"""Two densities on one axis, and the KL of each from the other: by formula, by quadrature, by draws."""

from __future__ import annotations

import matplotlib.pyplot as plt
import torch
import traitlets

from vae_helpers import plots
from vae_helpers.gaussians import log_mixture
from vae_helpers.toy import log_gauss
from vae_helpers.widgets.core.base import CourseWidget, module
from vae_helpers.widgets.ranges import number_in, pair_in

MU, SIGMA_Q, SIGMA_P, WEIGHT = (-4, 4), (0.3, 4.5), (0.3, 2), (0.05, 0.95)
# wide and fine enough for every q and p that can be set, by the trapezoid rule
GRID = torch.linspace(-40, 40, 8001, dtype=torch.float64)
SIGNS = {"qp": "KL(q ‖ p)", "pq": "KL(p ‖ q)"}


class KLPlay(CourseWidget):
    """Drag two Gaussians, q and p, or a p of two humps; see both KLs, by formula, by a grid and by draws, in nats.

    ``p`` and ``q``: (μ, σ). ``humps``: 1, or 2 for a p with the hump ``second``, (μ, σ), of weight ``weight`` too;
    its first hump is then ``p``, by default that of notebook 04. ``shade``: ``"qp"`` or ``"pq"``, whose integrand
    is shaded.
    Means from −4 to 4, σ of q from 0.3 to 4.5, σ of p from 0.3 to 2, the weight from 0.05 to 0.95.

    ``play.kl()`` gives KL(q ‖ p) and KL(p ‖ q). All of it may be set.
    """

    _esm = module("codes.js", "densities.js", "bells.js", "kl_play.js")

    q = traitlets.List(traitlets.Float()).tag(sync=True, echo_update=False)
    p = traitlets.List(traitlets.Float()).tag(sync=True, echo_update=False)
    second = traitlets.List(traitlets.Float()).tag(sync=True, echo_update=False)
    weight = traitlets.Float().tag(sync=True, echo_update=False)
    humps = traitlets.Enum([1, 2], 1).tag(sync=True, echo_update=False)
    shade = traitlets.Enum(["qp", "pq"], "qp").tag(sync=True, echo_update=False)
    home = traitlets.Dict().tag(sync=True)  # all of these, as at the start

    def __init__(self, p=None, q=(1.5, 0.7), humps=1, *, second=(3.0, 0.8), weight=0.4, shade="qp"):
        if humps not in (1, 2):
            raise ValueError(f"humps={humps!r}: p has 1 hump or 2")
        if shade not in SIGNS:
            raise ValueError(f"shade={shade!r}: wanted is 'qp' for KL(q ‖ p), or 'pq' for KL(p ‖ q)")
        if p is None:
            p = (0.0, 1.0) if humps == 1 else (-3.0, 0.6)
        home = {"q": pair_in("q", q, MU, SIGMA_Q), "p": pair_in("p", p, MU, SIGMA_P), "humps": humps, "shade": shade,
                "second": pair_in("second", second, MU, SIGMA_P), "weight": number_in("weight", weight, *WEIGHT)}
        super().__init__(home=home, **home)

    @traitlets.validate("q")
    def _q_fits(self, proposal):
        return pair_in("q", proposal["value"], MU, SIGMA_Q)

    @traitlets.validate("p", "second")
    def _p_fits(self, proposal):
        return pair_in(proposal["trait"].name, proposal["value"], MU, SIGMA_P)

    @traitlets.validate("weight")
    def _weight_fits(self, proposal):
        return number_in("weight", proposal["value"], *WEIGHT)

    def _log_densities(self):
        humps = [(1.0, *self.p)] if self.humps == 1 else [(1 - self.weight, *self.p), (self.weight, *self.second)]
        weights, mu, sigma = torch.tensor(humps, dtype=torch.float64).T
        log_p = log_mixture(GRID[:, None], weights.log(), mu[:, None], 2 * sigma.log()[:, None])
        return log_gauss(GRID, *self.q), log_p

    def kl(self):
        """KL(q ‖ p) and KL(p ‖ q), in nats, by the trapezoid rule."""
        log_q, log_p = self._log_densities()
        return tuple(torch.trapezoid(a.exp() * (a - b), GRID).item() for a, b in ((log_q, log_p), (log_p, log_q)))

    def describe(self):
        q, p, second = (f"N({mu:g}, {sigma:g}²)" for mu, sigma in (self.q, self.p, self.second))
        p = p if self.humps == 1 else f"{1 - self.weight:g} · {p} + {self.weight:g} · {second}"
        return f"KLPlay: q = {q}, p = {p}".replace("-", "−")

    def picture(self):
        fig, (top, low) = plt.subplots(2, 1, figsize=(8, 4.8), sharex=True, height_ratios=[1.5, 1])
        near = GRID.abs() <= 7
        z, (log_q, log_p) = GRID[near], [log[near] for log in self._log_densities()]
        top.fill_between(z, log_p.exp(), color="black", alpha=0.15, linewidth=0)
        top.plot(z, log_p.exp(), color="black", label="p")
        top.plot(z, log_q.exp(), label="q")
        top.legend(loc="upper left")
        a, b = (log_q, log_p) if self.shade == "qp" else (log_p, log_q)
        term = (a.exp() * (a - b)).numpy()
        low.fill_between(z, term, where=term >= 0, color=plots.PALETTE[1], alpha=0.7, linewidth=0)
        blue = plots.PALETTE[0]
        low.fill_between(z, term, where=term < 0, color=blue, alpha=0.3, linewidth=0)
        low.fill_between(z, term, where=term < 0, facecolor="none", edgecolor=blue, hatch="/////", linewidth=0)
        low.plot(z, term, color="black", linewidth=1.2)
        low.axhline(0, color="#888888", linewidth=0.8)
        qp, pq = self.kl()
        title = f"KL(q ‖ p) = {qp:.3f} nats,  KL(p ‖ q) = {pq:.3f} nats"
        top.set(ylabel="density", ylim=(0, None), title=title)
        name = "q log(q/p)" if self.shade == "qp" else "p log(p/q)"
        low.set(xlabel="$z$", ylabel="nats per unit of $z$",
                title=f"{name}: orange adds, blue strokes subtract; the sum is {SIGNS[self.shade]}")
        plots.alt(top, f"The densities: {self.describe().removeprefix('KLPlay: ')}. {title}. "
                       f"Below, the integrand of {SIGNS[self.shade]}, with its parts above and below zero.")
        return fig
