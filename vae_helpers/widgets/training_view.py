"""A run of ``fit`` while it goes on: its curves, its pictures, its cloud, and a hand on it."""

from __future__ import annotations

import threading
import time

import numpy as np
import torch
import traitlets

from vae_helpers import plots
from vae_helpers.losses import kl_per_latent
from vae_helpers.models import decode, in_eval
from vae_helpers.widgets.core.base import CourseWidget, module
from vae_helpers.widgets.core.codes import as_split, named
from vae_helpers.widgets.ranges import BadValue

CURVES_EVERY, PICTURES_EVERY = 0.33, 1.0  # seconds: what a message costs is taken from the training
POINTS = 240  # of a curve: more than a screen can tell apart
SHOWN, CODED = 10, 500  # images rebuilt, images in the cloud


class TrainingView(CourseWidget):
    """Watch and steer a run of ``fit``: ``fit(model, train, callbacks=[view := TrainingView(test)])``, then ``view``.

    ``fit`` then trains in a thread and returns at once; ``history.wait()`` waits for its end.
    ``split``: a ``Split``, or images (N, C, H, W) in [0, 1]. Its first ten are shown rebuilt, the codes of
    its first 500 as a cloud: on two latents, the two of the largest KL where there are more.

    ``view.beta`` is the weight of the KL from the next step on, if the model is a VAE. The
    view takes no random numbers and changes no weight; under it a run ends bit for bit where it ends without.
    """

    _esm = module("codes.js", "training_view.js")

    state = traitlets.Enum(["waiting", "training", "paused", "finished", "stopped", "failed"], "waiting").tag(sync=True)
    message = traitlets.Unicode().tag(sync=True)
    awaited = traitlets.Bool().tag(sync=True)  # a cell waits for the end: no pause
    curves = traitlets.Bytes().tag(sync=True)  # float32 (k, n): step, then a row for each name
    names = traitlets.List(traitlets.Unicode()).tag(sync=True)
    kl = traitlets.List(traitlets.Float()).tag(sync=True)
    cloud = traitlets.Bytes().tag(sync=True)  # float32 (N, 2)
    axes = traitlets.List(traitlets.Int()).tag(sync=True)
    labels = traitlets.Bytes().tag(sync=True)
    classes = traitlets.List(traitlets.Unicode()).tag(sync=True)
    sheet = traitlets.Bytes().tag(sync=True)  # uint8: originals over reconstructions
    shape = traitlets.List(traitlets.Int()).tag(sync=True)  # of the sheet, (C, H, W)
    has_beta = traitlets.Bool().tag(sync=True)  # whether the loss has a KL that β weighs
    home_beta = traitlets.Float(1.0).tag(sync=True)  # that fit was given
    beta = traitlets.Float(1.0).tag(sync=True, echo_update=False)

    @property
    def run(self):
        """The ``Run`` that is shown, with ``pause()``, ``step()``, ``stop()``; None until a training has begun."""
        return self._run

    def __init__(self, split, *, classes=None):
        split = as_split(split)
        self._images = split.as_float(slice(CODED))
        labels, names = named(split.labels[:CODED], classes)
        self._run, self._lock = None, threading.RLock()
        super().__init__(labels=labels, classes=names,
                         message="Hand this view to fit: fit(model, train, callbacks=[view])")
        self._draw_sheet(None)
        self.on_msg(lambda _, content, buffers: self._obey(content.get("command")))

    # --- what fit calls, in the training's thread

    def start(self, run):
        """Called by ``fit`` before the first step."""
        if self._run is not None and not self._run.finished:
            raise ValueError("this view still shows a run: make another, TrainingView(test), or wait for its end")
        if tuple(self._images.shape[1:]) != tuple(run.model.shape):
            raise ValueError(
                f"this view has images of shape {tuple(self._images.shape[1:])}, the model takes {tuple(run.model.shape)}"
            )
        self._run, self._model = run, run.model
        self._numbers, self._speed, self._told_steps = np.zeros((0, 2 if run.has_terms else 1)), 0.0, 0
        self._told = self._pictured = time.perf_counter()
        with self._lock, self.hold_sync():
            self.kl, self.axes, self.cloud, self.curves = [], [], b"", b""  # of an earlier run
            self.has_beta, self.beta, self.home_beta = run.has_terms, run.beta, run.beta
        self._show(pictures=True)

    def after_step(self, run):
        """Called by ``fit`` after each step: mostly a look at the clock."""
        now = time.perf_counter()
        if now - self._told >= CURVES_EVERY:
            self._show(pictures=now - self._pictured >= PICTURES_EVERY)

    def idle(self, run):
        """Called by ``fit`` when a pause begins."""
        self._show(pictures=True)

    def end(self, run):
        """Called by ``fit`` at the end, whatever the end."""
        if run is self._run:  # not one that was refused because this view shows another
            self._show(pictures=True)

    # --- showing

    def _show(self, pictures):
        run, begin = self._run, time.perf_counter()
        with self._lock, self.hold_sync():
            self._draw_curves(run)
            if pictures:
                self._draw_pictures()
                self._pictured = begin
            steps, passed = run.steps_done - self._told_steps, begin - self._told
            if steps > 1 and passed > 0.05:  # an average over about a second; not of single steps
                speed = steps / passed
                self._speed = speed if not self._speed else 0.8 * self._speed + 0.2 * speed
            self.state, self.awaited = self._state_of(run), run.awaited
            self.message = self._words(run)
        self._told, self._told_steps = begin, run.steps_done

    def _draw_curves(self, run):
        loss, nll, kl = run.losses_since(len(self._numbers))
        fresh = np.array([nll, kl] if run.has_terms else [loss]).T
        self._numbers = np.concatenate([self._numbers, fresh])
        unit = "nats per image"
        if run.history.loss_name != "reconstruction_loss":
            unit = run.history.loss_name.replace("_", " ")
        self.names = ["nll (nats per image)", "KL (nats per image)"] if run.has_terms else [f"loss ({unit})"]
        table = self._numbers
        if len(table):
            edges = np.unique(np.linspace(0, len(table), min(len(table), POINTS) + 1).astype(int))
            means = np.add.reduceat(table, edges[:-1]) / np.diff(edges)[:, None]
            self.curves = np.vstack([edges[1:], means.T]).astype("<f4").tobytes()

    def _draw_pictures(self):
        device = next(self._model.parameters()).device
        x = self._images.to(device)
        with in_eval(self._model), torch.no_grad():
            code = self._model.encoder(x)
        z = code[0] if isinstance(code, tuple) else code
        if isinstance(code, tuple):
            kl = kl_per_latent(*code).mean(0)
            self.kl = kl.tolist() if kl.isfinite().all() else []  # JSON has no NaN
        if z.shape[1] > 1 and z.isfinite().all():
            first = torch.tensor(self.kl).argsort(descending=True, stable=True)[:2] if self.kl else torch.arange(2)
            self.axes = first.sort().values.tolist()
            self.cloud = z[:, self.axes].cpu().numpy().astype("<f4").tobytes()
        self._draw_sheet(decode(self._model, z[:SHOWN]))

    def _draw_sheet(self, rebuilt):
        rows = [self._images[:SHOWN]] + ([] if rebuilt is None else [rebuilt.cpu()])
        sheet = torch.cat([torch.cat(list(row), dim=2) for row in rows], dim=1)
        pixels = (sheet.clamp(0, 1).nan_to_num() * 255).round().to(torch.uint8).numpy().tobytes()
        self.shape, self.sheet = list(sheet.shape), pixels

    def _state_of(self, run):
        if run.error is not None:
            return "failed"
        if run.finished:
            return "stopped" if run.history.interrupted else "finished"
        return "paused" if run.paused else "training"

    def _words(self, run):
        """Where the run stands: step, speed, time left."""
        where = f"step {run.steps_done:,} of {run.total_steps:,}"
        if run.error is not None:
            return f"Ended by an error at {where}: {run.error}".split("\n")[0]
        if run.finished:
            return f"{'Stopped' if run.history.interrupted else 'Finished'} at {where}, {run.history.seconds:.0f} s"
        if run.paused or not self._speed:
            return where.capitalize()
        left = (run.total_steps - run.steps_done) / self._speed
        return f"{where.capitalize()}, {self._speed * run.history.batch_size:,.0f} images/s, {left:.0f} s left"

    # --- the learner's hand

    def _handle_msg(self, msg):
        with self._lock:  # the training's thread sets traits too
            super()._handle_msg(msg)

    def _obey(self, command):
        run = self._run
        if run is None or run.finished or command not in ("pause", "resume", "step", "stop"):
            return
        getattr(run, command)()
        if command == "resume":
            self.state = "training"

    @traitlets.validate("beta")
    def _beta_is_one(self, proposal):
        beta = float(proposal["value"])
        if not 0 <= beta < float("inf"):
            raise BadValue(f"beta must be 0 or more, and finite, not {beta}")
        return beta

    @traitlets.observe("beta")
    def _weigh(self, change):
        if self._run is not None and self._run.has_terms and not self._run.finished:
            self._run.beta = change["new"]

    def describe(self):
        return "TrainingView"

    def picture(self):
        with self._lock:  # the training's thread may be at it
            pixels = torch.frombuffer(bytearray(self.sheet), dtype=torch.uint8).view(self.shape)
        count = min(SHOWN, len(self._images))
        rows = pixels.unflatten(1, (-1, self._images.shape[2])).unflatten(3, (count, -1))  # (C, rows, H, n, W)
        rows = rows.permute(1, 3, 0, 2, 4)
        labels = ["test images", "rebuilt"][: len(rows)]
        title = "A live view: run the cell in JupyterLab to watch and steer"
        ax = plots.image_rows(dict(zip(labels, rows)), title=title)
        plots.alt(ax, "The live view also has curves of the loss, the KL of each latent and the cloud of codes.")
        return ax.figure
