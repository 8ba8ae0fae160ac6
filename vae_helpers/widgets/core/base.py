"""What every widget of the course has: its JavaScript, a stable repr, and a picture for readers without a kernel."""

from __future__ import annotations

from pathlib import Path

import anywidget
import matplotlib.pyplot as plt

from vae_helpers import plots

CORE = Path(__file__).parent
STYLE = (CORE / "core.css").read_text(encoding="utf-8")


def module(*files):
    """One ES module: the core and ``files`` of the folder above it, one after another. No build step, no import."""
    paths = [CORE / name for name in ("net.js", "stage.js", "plane.js")] + [CORE.parent / name for name in files]
    return "\n".join(path.read_text(encoding="utf-8") for path in paths)


class CourseWidget(anywidget.AnyWidget):
    """A widget whose picture is computed in the browser; the kernel only mirrors its traits.

    A subclass sets ``_esm = module("its.js")``, says what it shows in ``describe``, and draws
    ``picture``: what stays in a stored notebook, with alt text.
    """

    _css = STYLE

    def describe(self):
        """One line that is the same in every run."""
        return type(self).__name__

    def picture(self):
        """A matplotlib figure, with alt text, for who reads the file without a kernel."""
        raise NotImplementedError

    def __repr__(self):
        return self.describe()

    def _repr_mimebundle_(self, **kwargs):
        data, *more = super()._repr_mimebundle_(**kwargs)
        # outranked by the live view wherever that can be shown
        with plt.style.context(plots.STYLE):
            figure = self.picture()
            (shown, how), _ = plots.outputs_of(figure, optimize=False)
        plt.close(figure)
        # (on Colab anywidget says here where the live view's code is)
        metadata = more[0] if more else {}
        return data | {"image/png": shown["image/png"]}, metadata | how["metadata"]
