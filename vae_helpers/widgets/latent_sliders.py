"""One slider for each latent, over a bar of its KL, and the picture that the decoder makes of them all."""

from __future__ import annotations

import copy

import matplotlib.pyplot as plt
import torch
import traitlets
from ipywidgets import widget_serialization

from vae_helpers import plots
from vae_helpers.data import load
from vae_helpers.losses import kl_per_latent
from vae_helpers.models import decode, encode, in_eval
from vae_helpers.widgets.core.base import CORE, STYLE, CourseWidget, module
from vae_helpers.widgets.core.codes import MOST, as_split
from vae_helpers.widgets.core.examples import examples_of, names_of, pictures_of
from vae_helpers.widgets.core.network import Network, decoder_of, is_vae
from vae_helpers.widgets.ranges import BadValue, code_in

DEAD = 0.01  # nats: a latent whose KL is smaller carries nothing
REACH = 3  # standard deviations that a slider goes to either side


class LatentSliders(CourseWidget):
    """A slider for each latent of ``model``, the one with the largest KL first, and the decoded picture beside them.

    ``split``: whose first 2,000 images give the KL of each latent, in nats, the bar behind
    its slider, and the examples; by default the test half of ``load()``, if its images fit.
    An autoencoder has no KL: its bars are the standard deviations of the codes, and its
    sliders go three of them to either side of the mean code; a VAE's from -3 to 3.

    ``names``: a list of texts, one for each latent, to be read in place of z0, z1 …; the
    sliders then keep the model's own order. ValueError for another number of them, for
    an empty one and for two alike.

    A model whose ``encoder`` is None, a decoder with knobs of one's own, has sliders from -3 to 3 and
    neither bars nor examples, and takes no split (ValueError).

    ``pad.z`` is the code, ``latent_dim`` numbers in the model's own order: in the next
    cell, ``decode(model, torch.tensor([pad.z]))``. Setting it moves the sliders.
    """

    _esm = module("examples.js", "latent_sliders.js")
    _css = STYLE + (CORE.parent / "latent_sliders.css").read_text(encoding="utf-8")

    decoder = traitlets.Instance(Network).tag(sync=True, **widget_serialization)
    shape = traitlets.List(traitlets.Int()).tag(sync=True)
    vae = traitlets.Bool().tag(sync=True)
    encodes = traitlets.Bool().tag(sync=True)
    names = traitlets.List(traitlets.Unicode()).tag(sync=True)
    order = traitlets.List(traitlets.Int()).tag(sync=True)
    amounts = traitlets.List(traitlets.Float()).tag(sync=True)
    dead_below = traitlets.Float(DEAD).tag(sync=True)
    middle = traitlets.List(traitlets.Float()).tag(sync=True)
    spread = traitlets.List(traitlets.Float()).tag(sync=True)
    about = traitlets.Unicode().tag(sync=True)
    examples = traitlets.Bytes().tag(sync=True)
    example_codes = traitlets.List().tag(sync=True)
    example_names = traitlets.List(traitlets.Unicode()).tag(sync=True)
    example = traitlets.Int(-1).tag(sync=True, echo_update=False)
    z = traitlets.List(traitlets.Float()).tag(sync=True, echo_update=False)

    def __init__(self, model, split=None, *, classes=None, names=None):
        split, d, encodes = as_split(split), model.latent_dim, model.encoder is not None
        names, vae = _named(names, d), encodes and is_vae(model)
        if not encodes:
            _check_alone(model, split, classes)
        elif split is None:
            split, classes = _default(model, classes)
        elif tuple(split.shape) != tuple(model.shape):
            raise ValueError(f"the split holds images of shape {split.shape}, this model takes {tuple(model.shape)}")
        sent = {"amounts": [], "middle": [0.0] * d, "spread": [1.0] * d}
        self._count = 0
        if split is not None:
            split = split.subset(min(len(split), MOST))
            which, self._count = examples_of(split), len(split)
            with in_eval(model):
                first = encode(model, split.as_float(which).to(next(model.parameters()).device))
            sent |= _measured(model, split, vae)
            sent |= {"examples": pictures_of(split, which), "example_names": names_of(split, which, classes),
                     "example_codes": [_tidy(code) for code in first]}
        amounts = torch.tensor(sent["amounts"] or [0.0] * d)
        self._model = copy.deepcopy(model).eval()  # as it is sent, whatever becomes of it
        order = range(d) if names else amounts.argsort(descending=True, stable=True).tolist()
        super().__init__(decoder=decoder_of(model), shape=list(model.shape), vae=vae, encodes=encodes, names=names,
                         about=self._about(vae, encodes, sent["amounts"]), order=list(order), z=sent["middle"], **sent)

    def _about(self, vae, encodes, amounts):
        if not encodes:
            return f"This model has no encoder: no image has a code, so no bars. Sliders: from −{REACH} to {REACH}."
        if not amounts:
            bars = "KL of each latent" if vae else "spread of each latent's codes"
            return f"Give a split whose images fit this model, and bars will show the {bars}."
        if not vae:
            return (f"Bar and last number: standard deviation of each latent's codes over {self._count:,} images (an "
                    f"autoencoder has no KL). Sliders: {REACH} of them to either side of the mean code.")
        return (f"Bar and last number: KL of each latent in nats, mean over {self._count:,} images, {sum(amounts):.2f} "
                f"together. Dead: under {DEAD} nats; the picture hardly depends on it.")

    @traitlets.validate("z")
    def _z_fits(self, proposal):
        return code_in("z", proposal["value"], self._model.latent_dim)

    @traitlets.validate("example")
    def _example_exists(self, proposal):
        if not -1 <= proposal["value"] < len(self.example_names):
            raise BadValue(f"example is one of {len(self.example_names)}, counted from 0, or -1 for none")
        return proposal["value"]

    def describe(self):
        by = "no split" if self.encodes else "no encoder"
        if self.amounts:
            how = "with their" if self.names else "sorted by"
            by = f"{how} {'KL' if self.vae else 'spread'} over {self._count:,} images"
        return f"LatentSliders: {self._latents()}, {by}"

    def _latents(self):
        """How many there are, and their names, if they have any."""
        named = f" ({', '.join(self.names)})" if self.names else ""
        return f"{len(self.z)} latent{'s' * (len(self.z) != 1)}{named}"

    def picture(self):
        d = len(self.z)
        fig, (left, right) = plt.subplots(1, 2, figsize=(8.2, max(3.0, 0.5 + 0.24 * d)), width_ratios=[1, 1.5])
        z = torch.tensor([self.z], device=next(self._model.parameters()).device)
        plots.image_grid(decode(self._model, z), 1, "decoded, in JupyterLab", left, "decoded picture")
        most = max(self.amounts, default=0) or 1
        for row, i in enumerate(self.order):
            at = 0.5 + (self.z[i] - self.middle[i]) / (2 * REACH * self.spread[i])
            right.plot([0, 1], [row, row], color="#999999", linewidth=1)
            if self.amounts:
                right.barh(row, self.amounts[i] / most, color=plots.PALETTE[0], alpha=0.35, height=0.8)
                dead = self.vae and self.amounts[i] < DEAD
                right.text(1.04, row, "dead" if dead else f"{self.amounts[i]:.2f}", va="center", size=9)
            right.plot(min(1, max(0, at)), row, "o", color="black", markersize=5)
        # a dollar sign would begin a formula
        names = [name.replace("$", r"\$") for name in self.names] or [f"$z_{{{i}}}$" for i in range(d)]
        right.set(yticks=range(d), yticklabels=[names[i] for i in self.order], xticks=[], xlim=(-0.03, 1.15),
                  ylim=(d - 0.5, -0.5), title="as you move these sliders")
        right.spines[:].set_visible(False)
        bars = ""
        if self.amounts:
            what = "the KL" if self.vae else "the standard deviation of the codes"
            unit = " nats" if self.vae else ""
            dead = sum(a < DEAD for a in self.amounts) if self.vae else 0
            by_size = "" if self.names else ", sorted"
            bars = (f", over bars of {what} of each latent{by_size}, from {max(self.amounts):.2f} down to "
                    f"{min(self.amounts):.2f}{unit}{f'; {dead} of them dead' if dead else ''}")
        plots.alt(right, f"Sliders for {self._latents()}{bars}.")
        return fig


def _named(names, latent_dim):
    """``names`` as a list, an empty one for None; ValueError unless they tell ``latent_dim`` latents apart."""
    if names is None:
        return []
    given = names if isinstance(names, (list, tuple)) else []
    texts = {" ".join(name.split()): None for name in given if isinstance(name, str) and name.strip()}
    if not len(given) == len(texts) == latent_dim:
        raise ValueError(f"names={names!r}: wanted is a list of {latent_dim} texts, one for each latent, none of "
                         "them empty and no two alike")
    return list(texts)


def _check_alone(model, split, classes):
    """ValueError unless a decoder without an encoder can be shown: without images, and with numbers that fit it."""
    if split is not None or classes is not None:
        raise ValueError("this model has no encoder, so no image has a code: give neither split nor classes")
    z = torch.zeros(1, model.latent_dim, device=next(model.parameters()).device)
    try:
        shape = tuple(decode(model, z).shape[1:])
    except RuntimeError as error:
        raise ValueError(f"the decoder does not take latent_dim={model.latent_dim} numbers: {error}") from error
    if shape != tuple(model.shape):
        raise ValueError(f"the decoder makes pictures of shape {shape}, and the model says shape={tuple(model.shape)}")


def _default(model, classes):
    """The test half of the data set in use and its class names, if its images fit ``model``; else None."""
    try:
        data = load()
    except OSError:  # the one that VAE_DATASET names is not here
        return None, classes
    if tuple(data.test.shape) != tuple(model.shape):
        return None, classes
    return data.test, classes or data.classes


@torch.no_grad()
def _measured(model, split, vae):
    """What each latent carries: KL of a VAE, standard deviation of an autoencoder's codes; and where its slider goes."""
    device = next(model.parameters()).device
    with in_eval(model):
        answers = [model.encoder(x) for x in split.batches(250, device=device)]
    d = model.latent_dim
    if vae:
        amounts = torch.cat([kl_per_latent(*answer) for answer in answers]).mean(0)
        middle, spread = torch.zeros(d), torch.ones(d)
    else:
        codes = torch.cat(answers)
        amounts, middle = codes.std(0, unbiased=False), codes.mean(0)
        spread = amounts.clamp(min=1e-3)
    if not (amounts.isfinite().all() and middle.isfinite().all()):
        raise ValueError("codes of this model are not numbers (NaN or infinite): build and train it anew")
    return {"amounts": amounts.tolist(), "middle": _tidy(middle), "spread": spread.tolist()}


def _tidy(numbers):
    """Numbers as they stand in the next cell."""
    return [round(v, 4) for v in numbers.tolist()]
