"""From one image to another: along the straight line of codes, on the sphere, and as a cross-fade of pixels."""

from __future__ import annotations

import copy

import matplotlib.pyplot as plt
import torch
import traitlets
from ipywidgets import widget_serialization

from vae_helpers import plots
from vae_helpers.models import decode, encode
from vae_helpers.widgets.core.base import CORE, STYLE, CourseWidget, module
from vae_helpers.widgets.core.codes import as_split, axes_of, codes_of, points, view_of
from vae_helpers.widgets.core.examples import examples_of, names_of
from vae_helpers.widgets.core.network import Network, decoder_of, is_vae
from vae_helpers.widgets.ranges import BadValue, code_in

FRAMES = 9  # of a filmstrip
OPPOSITE = 1e-3  # radians short of a half turn: codes have four decimals, so no path is told from another here


class Morph(CourseWidget):
    """The way from one image to another through the codes of ``model``, decoded in the browser.

    ``u``, ``v``: where it begins and ends: images (C, H, W) in [0, 1], which are encoded, or codes (latent_dim,).
    ``split``: with 2 latents its codes lie on a plane where both ends can be dragged; with more, ten of its images
    are there to choose the ends from. ``axes``: two latents for a plane where the model has more.

    ``morph.u`` and ``morph.v`` are the codes of both ends, ``latent_dim`` numbers each, ``morph.t`` from 0 to 1 is
    where between them; ``morph.z("straight")`` and ``morph.z("sphere")`` are the codes there. Setting u, v or t
    moves the widget.
    """

    _esm = module("codes.js", "examples.js", "latent.js", "morph.js")
    _css = STYLE + (CORE.parent / "morph.css").read_text(encoding="utf-8")

    decoder = traitlets.Instance(Network).tag(sync=True, **widget_serialization)
    shape = traitlets.List(traitlets.Int()).tag(sync=True)
    axes = traitlets.List(traitlets.Int()).tag(sync=True)  # empty: no plane
    codes = traitlets.Bytes().tag(sync=True)
    labels = traitlets.Bytes().tag(sync=True)
    classes = traitlets.List(traitlets.Unicode()).tag(sync=True)
    view = traitlets.List().tag(sync=True)
    prior = traitlets.Bool().tag(sync=True)
    frames = traitlets.Int(FRAMES).tag(sync=True)
    # images whose codes are known, for the cross-fade: an end that lies on such a code shows that image
    known = traitlets.List(traitlets.List(traitlets.Float())).tag(sync=True)
    known_pixels = traitlets.Bytes().tag(sync=True)  # uint8 (number of known images, C, H, W)
    choices = traitlets.List(traitlets.Unicode()).tag(sync=True)  # names of the last of them, to choose from
    start = traitlets.List().tag(sync=True)  # u and v at first
    u = traitlets.List(traitlets.Float()).tag(sync=True, echo_update=False)
    v = traitlets.List(traitlets.Float()).tag(sync=True, echo_update=False)
    t = traitlets.Float(0.0).tag(sync=True, echo_update=False)

    def __init__(self, model, u, v, split=None, axes=None, *, classes=None):
        self._model, split = copy.deepcopy(model).eval(), as_split(split)
        d = model.latent_dim
        axes = axes_of(model, axes, "Morph") if axes is not None or d == 2 else []
        (u, u_image), (v, v_image) = self._end(u, "u"), self._end(v, "v")
        given = [(z, image) for z, image in ((u, u_image), (v, v_image)) if image is not None]
        known, images = [z for z, _ in given], [image for _, image in given]
        sent, choices = codes_of(model, None, axes), []
        if split is not None and axes:
            sent = codes_of(model, split, axes, classes)
        elif split is not None:
            codes_of(model, split.subset(1), [0, 0])  # says it if the images do not fit
            few = examples_of(split)
            choices = names_of(split, few, classes)
            images.append(split.as_float(few))
            known += _tidy(encode(model, images[-1].to(next(model.parameters()).device)))
        pixels = torch.cat(images) if images else torch.zeros(0, *model.shape)
        prior = is_vae(model)
        super().__init__(
            decoder=decoder_of(model), shape=list(model.shape), axes=axes, prior=prior, **sent,
            view=_view(sent["codes"], prior, u, v, axes), choices=choices, start=[u, v], u=u, v=v, known=known,
            known_pixels=(255 * pixels).round().to(torch.uint8).numpy().tobytes(),
        )

    def _end(self, given, name):
        """The code of one end as a list, and its image (1, C, H, W) or None."""
        model, value = self._model, torch.as_tensor(given).detach()
        shape, d = tuple(model.shape), model.latent_dim
        if tuple(value.shape) in ((d,), (1, d)):
            z, image = value.reshape(1, d).float(), None
        elif tuple(value.shape) in (shape, (1, *shape)):
            image = value.reshape(1, *shape).cpu()
            if not image.is_floating_point() or not (image.min() >= 0 and image.max() <= 1):
                raise ValueError(f"{name} is an image whose pixels are not all in [0, 1]: take split.as_float([i])")
            image = image.float()
            z = encode(model, image.to(next(model.parameters()).device))
        else:
            raise ValueError(
                f"{name} is an image of shape {shape} or a code of {d} numbers for this model, "
                f"got shape {tuple(value.shape)}"
            )
        if not z.isfinite().all():
            raise ValueError(f"the code of {name} is not finite (NaN or infinite): {z.flatten().tolist()[:4]}")
        return _tidy(z)[0], image

    @traitlets.validate("u", "v")
    def _end_fits(self, proposal):
        return code_in(proposal["trait"].name, proposal["value"], self._model.latent_dim)

    @traitlets.validate("t")
    def _t_fits(self, proposal):
        if not 0 <= proposal["value"] <= 1:
            raise BadValue(f"t goes from 0 (start) to 1 (end), got {proposal['value']!r}")
        return proposal["value"]

    def z(self, how="straight"):
        """The code at ``t``, a list of ``latent_dim`` numbers: ``how`` is "straight" or "sphere"."""
        return _tidy(_path(self.u, self.v, [self.t], how))[0]

    def describe(self):
        if self.codes:
            where = f", on a plane of {len(self.labels):,} codes"
        else:
            where = f", {len(self.choices)} images to choose from" if self.choices else ""
        return f"Morph: between two codes of {len(self.u)} latents{where}"

    def picture(self):
        t = [k / (FRAMES - 1) for k in range(FRAMES)]
        device = next(self._model.parameters()).device
        paths = {how: _path(self.u, self.v, t, how) for how in ("straight", "sphere")}
        rows = {how: decode(self._model, z.float().to(device)).cpu() for how, z in paths.items()}
        ends = [self._image(z) for z in (self.u, self.v)]
        fade = torch.cat([(1 - each) * ends[0] + each * ends[1] for each in t])
        rows = {"straight line": rows["straight"], "on the sphere": rows["sphere"], "cross-fade": fade}
        if not self.axes:
            ax = plots.image_rows(rows)
        else:
            fig, (left, ax) = plt.subplots(1, 2, figsize=(9.4, 4), width_ratios=[1, 1.5])
            if self.labels:
                plots.latent_scatter(points(self.codes), torch.tensor(list(self.labels)), self.classes, ax=left)
            fine = [k / 60 for k in range(61)]
            for how, style in (("straight", "-"), ("sphere", "--")):
                z = _path(self.u, self.v, fine, how)[:, self.axes].T
                left.plot(*z, color="white", linewidth=5)
                left.plot(*z, style, color="black", linewidth=2, label=how)
            for name, z in (("u", self.u), ("v", self.v)):
                here = [z[axis] for axis in self.axes]
                left.plot(*here, "o", color="black", markersize=9, markeredgecolor="white")
                left.annotate(name, here, (7, 7), textcoords="offset points", weight="bold", size=12)
            left.set(xlim=self.view[0], ylim=self.view[1], aspect="equal", ylabel=f"$z_{{{self.axes[1]}}}$")
            left.set_xlabel(f"$z_{{{self.axes[0]}}}$   (solid: straight line, dashed: sphere)")
            plots.image_rows(rows, ax=ax)
        why = _why_straight(self.u, self.v)
        fallen = f" There is no path on the sphere, since {why}: that row shows the straight line." if why else ""
        plots.alt(ax, "Each row goes from the start at the left to the end at the right: decoded along the straight "
                      f"line of codes, decoded on the sphere, and the pixels of both ends mixed.{fallen}")
        return ax.figure

    def _image(self, z):
        """What the cross-fade takes for the code of one end: its image where that is known, else its decode."""
        if z in self.known:
            pixels = torch.frombuffer(bytearray(self.known_pixels), dtype=torch.uint8).reshape(-1, 1, *self.shape)
            return pixels[self.known.index(z)] / 255
        return decode(self._model, torch.tensor([z], device=next(self._model.parameters()).device)).cpu()


def _tidy(z):
    """Codes (N, d) as lists, with four decimals, as they stand in the next cell."""
    return [[round(x, 4) + 0.0 for x in row] for row in z.tolist()]


def _why_straight(u, v):
    """Why there is no path on the sphere from ``u`` to ``v``; "" if there is one."""
    u, v = (torch.tensor(z, dtype=torch.float64) for z in (u, v))
    if not (u.norm() > 1e-6 and v.norm() > 1e-6):
        return "a code at the origin has no direction"
    return "the two codes point in opposite directions" if (u / u.norm() + v / v.norm()).norm() < OPPOSITE else ""


def _path(u, v, t, how):
    """Codes (len(t), d), float64, from ``u`` to ``v``, both ends exact.

    On the sphere (Shoemake 1985, "slerp") the direction turns evenly, the norm goes evenly from |u| to |v|.
    """
    if how not in ("straight", "sphere"):
        raise ValueError(f'how is "straight" or "sphere", got {how!r}')
    fallen = _why_straight(u, v)
    u, v, t = (torch.tensor(x, dtype=torch.float64) for x in (u, v, t))
    t = t[:, None]
    z = u + t * (v - u)
    if how == "sphere" and not fallen:
        a, b = u.norm(), v.norm()
        angle = 2 * torch.atan2((u / a - v / b).norm(), (u / a + v / b).norm())
        if angle.sin() > 1e-6:
            turned = (((1 - t) * angle).sin() * u / a + (t * angle).sin() * v / b) / angle.sin()
        else:
            turned = (1 - t) * u / a + t * v / b
        z = ((1 - t) * a + t * b) * turned
    return torch.where(t <= 0, u, torch.where(t >= 1, v, z))


def _view(codes, prior, u, v, axes):
    """A square that holds the codes, both ends and the path on the sphere."""
    if not axes:
        return []
    low, high = torch.tensor(view_of(codes, prior)).T
    path = _path(u, v, [k / 20 for k in range(21)], "sphere")[:, axes].float()
    margin = 0.06 * (high - low).max()
    low = torch.minimum(low, path.min(0).values - margin)
    high = torch.maximum(high, path.max(0).values + margin)
    middle, half = (low + high) / 2, (high - low).max() / 2
    return torch.stack([middle - half, middle + half], dim=1).tolist()
