"""``History``: what a run of ``fit`` leaves behind. ``Run``: the handle on it while it trains in a thread."""

from __future__ import annotations

import ctypes
import json
import math
import threading
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch

from vae_helpers.files import whole_file


@dataclass
class History:
    """What happened in a run of ``fit``. Losses are those of ``loss_fn``: nats per image by default.

    ``steps``: the loss of each step, before the step moved the weights.
    ``train``: for each whole epoch the mean over its images while they were
    learned from. ``test``: for each whole epoch the mean over the test images
    afterwards, in eval mode; empty if no test split was given. ``nll``, ``kl``,
    ``test_nll`` and ``test_kl``: the same means of a VAE's two terms; empty for
    other losses. ``betas``: for each whole epoch the β of which the loss is
    nll + β · kl, train and test. If β was changed during the epoch, it is the mean
    over its images, weighted with their KL, so that the sum holds. ``beta`` is
    the last that was set.
    ``steps_per_epoch``: of a whole epoch, since a run that was stopped has more
    steps than its whole epochs took. ``images``: learned from, repeats counted.
    ``seconds``: of the whole run, pauses not counted. ``interrupted``: by Stop. ``loss_name``,
    ``batch_size``, ``lr`` and ``seed`` are what ``fit`` was given.
    """

    steps: list[float] = field(default_factory=list)
    train: list[float] = field(default_factory=list)
    test: list[float] = field(default_factory=list)
    nll: list[float] = field(default_factory=list)
    kl: list[float] = field(default_factory=list)
    test_nll: list[float] = field(default_factory=list)
    test_kl: list[float] = field(default_factory=list)
    betas: list[float] = field(default_factory=list)
    beta: float = 1.0
    loss_name: str = "reconstruction_loss"
    batch_size: int = 128
    lr: float = 1e-3
    seed: int = 0
    steps_per_epoch: int = 0
    images: int = 0
    seconds: float = 0.0
    interrupted: bool = False

    _run = None  # the Run, if it trains in a thread; not a field, so neither saved nor compared

    def __repr__(self):
        if self._run is not None and not self._run.finished:
            if self._run.paused:
                return f"History: paused at step {self._run.steps_done} of {self._run.total_steps}"
            return "History: training; wait() waits for the end"
        last, test = last_losses(self, digits=2)
        last = f", last train loss {last}" if last else ""
        test = f", test {test}" if test else ""
        stopped = ", stopped early" if self.interrupted else ""
        epochs = f"{len(self.train)} epoch{'s' * (len(self.train) != 1)}"
        return f"History: {epochs}, {len(self.steps)} step{'s' * (len(self.steps) != 1)}{last}{test}{stopped}"

    def __getstate__(self):
        return {name: value for name, value in vars(self).items() if name != "_run"}  # a copy trains nothing

    def wait(self):
        """Wait for the end of a run that trains under a live view; the history itself, at once if it has ended.

        A paused run goes on. Stop (Ctrl-C) ends it after the step in progress, as in ``fit``.
        An error that ended the run is raised here.
        """
        return self if self._run is None else self._run.wait()

    def save(self, path):
        """Write as JSON, whole or not at all; return the path."""
        with whole_file(path) as part:
            part.write_text(json.dumps(asdict(self)), encoding="utf-8")
        return Path(path)

    @classmethod
    def load(cls, path):
        """Read what ``save`` wrote; ValueError if the file is damaged or something else."""
        try:
            return cls(**json.loads(Path(path).read_text(encoding="utf-8")))
        except (ValueError, TypeError) as error:
            raise ValueError(f"{path} is damaged or no history ({error})") from error


class Run:
    """A run of ``fit`` while it trains in a thread of its own: how far it is, and how to steer it.

    A live callback is given it as ``start(run)``; ``fit`` itself makes it. Methods
    may be called from any thread, and after the run's end do nothing.

    ``model`` and ``history``: which it trains and fills. ``epochs`` and
    ``total_steps``: as planned. ``steps_done``: counted after each step.
    ``error``: the exception that ended the run, or None.
    """

    def __init__(self, model, history, epochs, loss_of):
        self.model, self.history, self.epochs = model, history, epochs
        self.total_steps, self.steps_done = epochs * history.steps_per_epoch, 0
        self.error = None
        self.has_terms = loss_of is None
        self._loss_of = loss_of  # whose loss it is that no β weighs
        self._stop = threading.Event()
        self._paused, self._single_steps, self._waiting = False, 0, 0
        self._change = threading.Condition()  # guards the line above and tells the thread of it
        self._thread, self._finished, self._over = None, False, threading.Event()
        self._rested = 0.0
        self._reading = threading.RLock()
        self._pending = []  # losses of the last steps, still tensors
        self._nll, self._kl, self._betas = [], [], []  # of each step, beside history.steps

    def __repr__(self):
        return f"Run: {self.steps_done} of {self.total_steps} steps"

    @property
    def beta(self):
        """Weight of the KL from the next step on; may be set. ValueError where there is no KL, or if it is no β."""
        return self.history.beta

    @beta.setter
    def beta(self, beta):
        check_beta(beta, self._loss_of)
        self.history.beta = float(beta)

    @property
    def paused(self):
        """Whether a pause was asked for; it begins after the step in progress (``idle`` tells)."""
        return self._paused and not self.stopped and not self.finished

    @property
    def stopped(self):
        """Whether a Stop was asked for. ``history.interrupted`` tells whether it cut the run short."""
        return self._stop.is_set()

    @property
    def finished(self):
        """Whether the training has ended, in whatever way: the model is back in eval mode, the history is complete."""
        return self._finished

    @property
    def awaited(self):
        """Whether someone waits for the run's end: then it cannot be paused."""
        return self._waiting > 0

    def pause(self):
        """Pause after the step in progress. While someone waits for the run's end it cannot be paused."""
        self._set_pause(True, 0)

    def resume(self):
        """Go on after a pause."""
        self._set_pause(False, 0)

    def step(self):
        """One step, then pause; called n times, n steps."""
        self._set_pause(True, self._single_steps + 1)

    def stop(self):
        """End the run after the step in progress; ``history.interrupted`` becomes True if steps are missing."""
        self._stop.set()
        with self._change:
            self._change.notify_all()

    def losses_since(self, i=0):
        """``(loss, nll, kl)`` of the steps from number ``i`` on (from 0): three lists of floats, nats per image.

        The latter two are empty if the loss is not that of a VAE. Each call waits
        for the device to finish: ten a second, no more.
        """
        with self._reading:
            self._read()
            return self.history.steps[i:], self._nll[i:], self._kl[i:]

    def wait(self, timeout=None):
        """Wait for the run's end, at most ``timeout`` seconds; return its history. See ``History.wait``."""
        if threading.current_thread() is self._thread:
            raise RuntimeError("a callback cannot wait for the run that calls it")
        with self._change:
            self._waiting += 1
        try:
            with self._change:
                self._paused, self._single_steps = False, 0
                self._change.notify_all()
            self._wait(timeout)
        except KeyboardInterrupt:
            self.stop()
            self._wait(None)  # for one step; a second Ctrl-C ends this, in case it hangs
            if self.history.interrupted:
                print(self.stopped_where())
        finally:
            with self._change:
                self._waiting -= 1
        if self._over.is_set():
            self._thread.join()
            if self.error is not None:
                raise self.error
        return self.history

    def stopped_where(self):
        """The line that tells how far a run came that was stopped."""
        history = self.history
        return (
            f"Stopped after {len(history.steps)} steps, {len(history.train)} of {self.epochs} epochs whole: "
            "weights and history are those of the last step. Call fit again to train on from here."
        )

    # What follows is for ``fit``.

    def _begin(self, train, ends):
        """Call ``train``, then each of ``ends``, in a thread of its own; the first error of theirs is the run's."""
        self.history._run = self
        let_idle_threads_go()
        # no daemon: one that still computes while Python shuts down may crash it
        self._thread = threading.Thread(target=self._work, args=(train, ends), name="fit", daemon=False)
        self._thread.start()

    def _work(self, train, ends):
        for part in (train, *ends):
            try:
                part()
            except BaseException as error:
                error.history = self.history
                if self.error is None:
                    self.error = error
            self._finished = True
        self._over.set()
        if self.error is not None and not self._waiting:
            raise self.error  # nobody waits for whom it could be raised: Python prints it

    def _wait(self, timeout):
        # Not Thread.join: before Python 3.13, interrupted, it takes a thread that works for one that has ended.
        # A fifth of a second at a time, since on Windows Ctrl-C does not interrupt a wait.
        end = math.inf if timeout is None else time.monotonic() + timeout
        while not self._over.is_set() and (left := end - time.monotonic()) > 0:
            self._over.wait(min(left, 0.2))

    def _set_pause(self, paused, single_steps):
        with self._change:
            if not self._waiting:
                self._paused, self._single_steps = paused, single_steps
                self._change.notify_all()

    def _must_rest(self):
        if not threading.main_thread().is_alive():  # Python ends, and waits for this thread
            self._stop.set()
        return self._paused and not self._single_steps and not self._stop.is_set()

    def _rest(self):
        """Block the training's thread while the run is paused."""
        begin = time.perf_counter()
        with self._change:
            while self._must_rest():
                self._change.wait(1.0)  # wakes now and then to see whether Python ends
        self._rested += time.perf_counter() - begin

    def _before_step(self):
        """KeyboardInterrupt if a Stop was asked for."""
        if self._stop.is_set():
            raise KeyboardInterrupt
        if self._single_steps:
            with self._change:
                self._single_steps = max(0, self._single_steps - 1)

    def _record(self, images, loss, terms):
        """Keep a step's loss, and ``terms``: its nll, kl and β, or () for other losses."""
        self.steps_done += 1
        self.history.images += images
        self._pending.append((loss, terms))

    def _read(self):
        """Move the losses of the last steps from the device into lists, in one copy."""
        with self._reading:
            fresh = self._pending[:]
            del self._pending[: len(fresh)]  # the training's thread may have added more meanwhile
            if not fresh:
                return
            numbers = torch.stack([number for loss, terms in fresh for number in (loss, *terms[:2])])
            rows = numbers.view(len(fresh), -1).tolist()
            self.history.steps += [row[0] for row in rows]
            if self.has_terms:
                self._nll += [row[1] for row in rows]
                self._kl += [row[2] for row in rows]
                self._betas += [terms[2] for _, terms in fresh]

    def _close_epoch(self, sizes):
        """Add the means of the epoch that has just ended; its batches held ``sizes`` images."""
        history, n = self.history, len(sizes)
        history.train.append(_mean(history.steps[-n:], sizes))
        if self.has_terms:
            nll, kl, betas = self._nll[-n:], self._kl[-n:], self._betas[-n:]
            history.nll.append(_mean(nll, sizes))
            history.kl.append(_mean(kl, sizes))
            by_kl = [size * one for size, one in zip(sizes, kl)]
            history.betas.append(_mean(betas, by_kl if sum(by_kl) > 0 else sizes))


def let_idle_threads_go():
    """End the threads that GNU OpenMP keeps for the calling thread; it makes new ones when it needs them.

    It counts the threads of all pools, and once these are more than the cores, a thread sleeps
    at each barrier in place of spinning: a small network then trains half as fast (4 epochs of
    ``vae2`` on two cores: 3.2 s in a second thread, 1.7 s in the first). Elsewhere: nothing.
    """
    try:
        with open("/proc/self/maps", encoding="utf-8") as maps:
            path = next(line.split()[-1] for line in maps if "libgomp" in line)
        ctypes.CDLL(path).omp_pause_resource_all(1)  # 1: omp_pause_soft, of OpenMP 5.0
    except (OSError, StopIteration, AttributeError):  # no Linux, another OpenMP, an old one
        pass


def check_beta(beta, loss_of=None):
    """ValueError if ``beta`` cannot weigh the KL; ``loss_of`` says whose loss has no KL, None if there is one."""
    if beta != 1 and loss_of:
        raise ValueError(f"beta weighs the KL in the default loss of a VAE; {loss_of} has no such term (beta={beta:g})")
    if not (beta >= 0 and math.isfinite(beta)):
        raise ValueError(f"beta must be 0 or more, and finite, not {beta}")


def last_losses(history, digits=1):
    """The last train and test loss as texts, a VAE's as the sum that it is; "" where there is none."""
    beta = history.betas[-1] if history.betas else history.beta  # histories of before there were betas
    weight = "" if beta == 1 else f"{beta:g} · "

    def text(loss, nll, kl):
        terms = f" = {nll[-1]:.{digits}f} nll + {weight}{kl[-1]:.{digits}f} KL" if nll else ""
        return f"{loss[-1]:.{digits}f}{terms}" if loss else ""

    train = text(history.train, history.nll, history.kl)
    return train, text(history.test, history.test_nll, history.test_kl)


def _mean(values, weights):
    # from the first value on, so that the mean of equal ones is that very number
    first = values[0]
    return first + sum(w * (value - first) for value, w in zip(values, weights)) / sum(weights)
