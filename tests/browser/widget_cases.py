"""The widgets that ``test_widgets_in_browser.py`` tries and ``benchmarks/widgets.py`` times: one entry each.

To add one, append a ``Case`` to ``CASES``. Its source runs after ``SETUP``, in one notebook with all the others.
"""

from __future__ import annotations

from dataclasses import dataclass

# The cell before all others: what every entry may use.
SETUP = """import torch
from IPython.display import display
from vae_helpers.data import load
from vae_helpers.models import pretrained
import vae_helpers.widgets as widgets

data = load("pen")
vae2, vae20 = pretrained("pen_vae2"), pretrained("pen_vae20")
ae2, ae20 = pretrained("pen_ae2"), pretrained("pen_ae20")"""


@dataclass(frozen=True)
class Drag:
    """Press on an element, move, let go. It must change ``Case.state``, by mouse and by finger."""

    start: tuple[float, float]  # where the button goes down: fractions of the element's width and height, from top left
    end: tuple[float, float]
    on: str = ".vae-plane > canvas"  # CSS selector within the widget; the first match that is visible is taken


@dataclass(frozen=True)
class Click:
    """Press a button. It must change ``Case.state`` at every press, by mouse and by finger."""

    name: str  # accessible name of the button: its text or its aria-label
    role: str = "button"


@dataclass(frozen=True)
class Keys:
    """A control that takes the keyboard. It is reached by Tab; Home and the arrows are tried."""

    name: str  # its accessible name
    number: str = ""  # Python expression, a float that the key moves, such as "pad.z[0]"; "": the control's own value
    step: float | None = 0.05  # how far one press of `key` moves it (Shift: ten times as far); None: it just moves
    home: float | None = 0.0  # what Home brings back; None where there is no home: then Shift is not tried either
    key: str = "ArrowRight"
    role: str = "slider"


@dataclass(frozen=True)
class Case:
    """One widget: how to make it, how to move it, and what must then change in the kernel and in the picture."""

    name: str  # unique, as the test is called
    variable: str  # the variable that holds the widget; unique too
    make: str  # source of the cell: assigns the variable; the variable on the last line displays it
    state: str  # Python expression whose printed value must change, such as "pad.z"
    mouse: Drag | Click
    keys: Keys
    set: str  # Python statement that moves the widget from the kernel, away from where it starts
    moves: str = "canvas"  # CSS selector: the canvases of which at least one must change when the state does


CASES = [
    Case(
        name="LatentPad",
        variable="pad",
        make="pad = widgets.LatentPad(vae2, data.test, classes=data.classes)\npad",
        state="pad.z",
        mouse=Drag((0.3, 0.3), (0.6, 0.5)),
        keys=Keys("z0 of the code", number="pad.z[0]", step=0.05, home=0.0),
        set="pad.z = [1.0, -1.0]",
    ),
    Case(
        name="TwinPads",
        variable="twins",
        make="twins = widgets.TwinPads(ae2, vae2, data.test, classes=data.classes)\ntwins",
        state="twins.at",
        mouse=Drag((0.3, 0.3), (0.6, 0.5)),
        keys=Keys("z0 of the code of the autoencoder", number="twins.at[0]", step=0.02, home=0.0),
        set="twins.at = [0.4, -0.4]",
    ),
    Case(
        name="Morph on a plane",
        variable="morph",
        make="morph = widgets.Morph(vae2, data.test.as_float()[0], data.test.as_float()[1], data.test)\nmorph",
        state="(morph.u, morph.v, morph.t)",
        mouse=Drag((0.3, 0.3), (0.6, 0.5)),
        keys=Keys("From start to end, t", number="morph.t", step=0.01, home=0.0),
        set="morph.t = 0.5",
    ),
    Case(
        name="Morph between twenty latents",
        variable="morph20",
        make="morph20 = widgets.Morph(vae20, data.test.as_float()[0], data.test.as_float()[1], data.test)\nmorph20",
        state="(morph20.u, morph20.v, morph20.t)",
        mouse=Click("Swap"),
        keys=Keys("From start to end, t", number="morph20.t", step=0.01, home=0.0),
        set="morph20.t = 0.5",
    ),
    Case(
        name="GaussianPlay",
        variable="cloud",
        make="cloud = widgets.GaussianPlay()\ncloud",
        state="(cloud.mu, cloud.sigma, cloud.rho)",
        mouse=Drag((0.5, 0.5), (0.65, 0.4)),
        keys=Keys("μ₁", number="cloud.mu[0]", step=0.05, home=0.0),
        set="cloud.mu = [1.0, -1.0]",
    ),
    Case(
        name="BoundPlay",
        variable="bound",
        make="bound = widgets.BoundPlay(bend=1.0)\nbound",
        state="(bound.mu, bound.sigma_q)",
        mouse=Drag((0.5, 0.3), (0.65, 0.3)),
        keys=Keys("μ of q", number="bound.mu", step=0.05, home=0.0),
        set="bound.mu = 1.0",
    ),
    Case(
        name="KLPlay",
        variable="kl",
        make="kl = widgets.KLPlay(q=(0, 1.5), humps=2)\nkl",
        state="kl.q",
        mouse=Drag((0.5, 0.1), (0.65, 0.1)),
        keys=Keys("μ of q", number="kl.q[0]", step=0.05, home=0.0),
        set="kl.q = [1.0, 1.0]",
    ),
    Case(
        name="LatentSliders",
        variable="sliders",
        make="sliders = widgets.LatentSliders(vae20, data.test, classes=data.classes)\nsliders",
        state="sliders.z",
        mouse=Drag((0.5, 0.5), (0.8, 0.5), on=".vae-track"),
        keys=Keys("z0", number="sliders.z[0]", step=0.05, home=0.0),
        set="sliders.z = [1.0] * 20",
    ),
    Case(
        name="LatentSliders, three knobs before a decoder",
        variable="knobs",
        make="""from torch import nn
from vae_helpers.models import Autoencoder

dial = nn.Linear(3, 20)
nn.init.orthogonal_(dial.weight, gain=2.0)
instrument = Autoencoder(None, nn.Sequential(dial, *vae20.decoder), 3)
knobs = widgets.LatentSliders(instrument, names=["slant", "thickness of the stroke", "width"])
knobs""",
        state="knobs.z",
        mouse=Drag((0.5, 0.5), (0.8, 0.5), on=".vae-track"),
        keys=Keys("thickness of the stroke", number="knobs.z[1]", step=0.05, home=0.0),
        set="knobs.z = [1.0, -1.0, 2.0]",
    ),
    Case(
        name="DrawDigit",
        variable="drawn",
        make="drawn = widgets.DrawDigit(vae2, data.test, classes=data.classes)\ndrawn",
        state="drawn.mu",
        mouse=Drag((0.2, 0.2), (0.6, 0.8), on=".vae-page"),
        keys=Keys("Pen", step=2.0, home=18.0),
        set="drawn.image = data.test.as_float([5])",
    ),
    Case(
        name="TrainingView, paused",
        variable="view",
        make="""from vae_helpers.models import build
from vae_helpers.training import fit

view = widgets.TrainingView(data.test, classes=data.classes)
torch.manual_seed(0)
history = fit(build("vae2"), data.train.subset(1000), epochs=1000, callbacks=[view])
while view.run is None:  # the training's thread has not come so far yet
    pass
view.run.pause()
view""",
        state="view.message",
        mouse=Click("Step"),
        keys=Keys("β", number="view.beta", step=0.1, home=1.0),
        set="view.run.step()",
    ),
    Case(
        name="BreakIt",
        variable="broken",
        make="""broken = widgets.BreakIt(data.train.subset(300), epochs=1)
broken.train(2), broken.train(3)  # nothing changes by itself while the tests look at it
broken.reset()
broken""",
        state="broken.chosen",
        mouse=Click("Patient 2"),
        keys=Keys("Your diagnosis", step=1.0, home=None, key="ArrowDown", role="combobox"),
        set="broken.chosen = 3",
    ),
]
