"""Sliders above a figure that the kernel draws anew while one of them is dragged."""

from __future__ import annotations

import html
import math
from numbers import Integral, Real

import ipywidgets
import matplotlib.pyplot as plt
from IPython import get_ipython
from IPython.display import display

from vae_helpers import plots


class Sliders(ipywidgets.VBox):
    """A slider for each name, and under them a line for what goes wrong at a move."""

    def __init__(self, draw, sliders):
        self.draw, self.sliders, self.handles = draw, sliders, []
        self.trouble = ipywidgets.HTML(layout={"display": "none"})
        super().__init__([*sliders.values(), self.trouble])
        for slider in sliders.values():
            slider.observe(self._moved, "value")

    def __repr__(self):
        return f"Sliders: {', '.join(self.sliders)}"

    def drawn(self, optimize):
        """What is to be displayed of the figures for the sliders' values; none of them stays open."""
        try:
            # the browser counts 0.10000000000000009 from −3 on, and −0.0
            self.draw(**{name: round(slider.value, 10) + 0 for name, slider in self.sliders.items()})
            return [o for number in plt.get_fignums() for o in plots.outputs_of(plt.figure(number), optimize)]
        finally:
            plt.close("all")

    def _moved(self, change):
        said = ""
        try:
            outputs = self.drawn(optimize=False)
            if len(outputs) != len(self.handles):
                raise ValueError("draw has to open as many figures as at the start")
            for handle, (shown, how) in zip(self.handles, outputs):
                handle.update(shown, **how)
        except Exception as error:  # raised here, it would end in a log that nobody reads
            said = f"The figure stays as it was. {type(error).__name__}: {error}".splitlines()[0]
        self.trouble.layout.display = None if said else "none"
        self.trouble.value = said and f'<span role="alert">{html.escape(said)}</span>'


def explore(draw, labels=None, **sliders):
    """Set sliders above the figure of ``draw(**values)``, which is drawn anew at each move.

    ``sliders``: name=(start, low, high) or (start, low, high, step); whole numbers give whole
    numbers. ``labels``: what stands before a slider in place of its name, ``{"mu": "μ"}``.
    ``draw`` opens figures and does not show them. After a reload of the page, run the cell again.
    """
    if not sliders:
        raise ValueError("no slider: wanted is explore(draw, name=(start, low, high))")
    texts = {name: (labels or {}).get(name, name) for name in sliders}
    width = f"{max(map(len, texts.values())) + 2}ch"
    box = Sliders(draw, {name: _slider(name, of, texts[name], width) for name, of in sliders.items()})
    plots.show()  # what the cell drew before
    if get_ipython() is None:
        draw(**{name: of[0] for name, of in sliders.items()})
        return plots.show()
    if not (outputs := box.drawn(optimize=True)):
        raise ValueError("draw left no figure open: it is to open one, and not to show it")
    display(box)
    box.handles = [display(shown, display_id=True, **how) for shown, how in outputs]


def _slider(name, of, text, width):
    if not isinstance(of, (tuple, list)) or len(of) not in (3, 4) or not all(isinstance(v, Real) for v in of):
        raise ValueError(f"{name}={of!r}: wanted are numbers (start, low, high) or (start, low, high, step)")
    start, low, high = of[:3]
    if not -math.inf < low <= start <= high < math.inf or low == high:
        raise ValueError(f"{name}={of!r}: wanted are low < high and a start between them")
    whole = all(isinstance(v, Integral) for v in of)
    # the step that is not given: 1, or the power of ten that makes 50 to 500 of them
    step = of[3] if len(of) == 4 else 1 if whole else 10.0 ** math.floor(math.log10((high - low) / 50))
    if not 0 < step <= high - low:
        raise ValueError(f"{name}={of!r}: wanted is a step above 0 that fits between low and high")
    decimals = max(len(f"{v:.4f}".rstrip("0").partition(".")[2]) for v in (start, low, step))
    kind, form = (ipywidgets.IntSlider, "d") if whole else (ipywidgets.FloatSlider, f".{decimals}f")
    return kind(start, min=low, max=high, step=step, description=text, tooltip=text, readout_format=form,
                style={"description_width": width}, layout={"width": "min(100%, 32em)"})
