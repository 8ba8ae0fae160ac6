"""``Run``: the handle on a run of ``fit``, which fills its history and steers it while it trains in a thread."""

from __future__ import annotations

import ctypes
import math
import threading
import time

import torch

from vae_helpers.history import check_beta, mean


class Stopped(KeyboardInterrupt):
    """A Stop was asked for, and the step in progress is done: the run is whole up to there."""


class Run:
    """A run of ``fit`` while it trains in a thread of its own: how far it is, and how to steer it.

    ``fit`` makes it and hands it to each live callback, which may have these methods, called in
    that thread: ``start(run)``; ``after_step(run)``; ``idle(run)``, when a pause begins, and after each
    single step in it; ``end(run)``, in any case. There is no bar then. The history fills meanwhile; its
    ``wait()`` raises the error, if one ended the run; if nobody waits, it is printed.

    What these methods draw does not change the run, nor does what is drawn in a
    pause. But torch's global generator is one for all threads: while the run
    trains, it and other cells draw from the same numbers, and at its end
    the generator is put back. So a run in a thread repeats to the bit only if
    nothing else draws meanwhile, as in ``fit(…).wait()``. For the same reason use
    the model in other cells in a pause only: it is in eval mode then.

    The methods below may be called from any thread, and after the run's end do nothing.
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
        self._nll, self._kl, self._charged, self._betas = [], [], [], []  # of each step, beside history.steps
        self.checkpoint, self.saved_steps = None, None  # the file, and how many steps it holds

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

        ``kl`` is the KL itself, with free bits too. The latter two are empty if the
        loss is not that of a VAE. Each call waits for the device to finish: ten a second, no more.
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
        how = "Call fit again to train on from here."
        if self.saved_steps is not None:
            where = "here" if self.saved_steps == len(history.steps) else f"step {self.saved_steps}"
            how = f"{self.checkpoint} is written: the same call with resume=True goes on from {where}."
        return (
            f"Stopped after {len(history.steps)} steps, {len(history.train)} of {self.epochs} epochs whole: "
            f"weights and history are those of the last step. {how}"
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
        """Stopped if a Stop was asked for."""
        if self._stop.is_set():
            raise Stopped
        if self._single_steps:
            with self._change:
                self._single_steps = max(0, self._single_steps - 1)

    def _beta_now(self):
        """β of the next step: ``beta``, to which a warm-up rises linearly from 0 (Bowman et al. 2016, 1511.06349)."""
        steps = self.history.warmup * self.history.steps_per_epoch
        return self.beta if self.steps_done >= steps else self.beta * (self.steps_done / steps)

    def _record(self, images, numbers, beta):
        """Keep a step's ``numbers``: its loss; of a VAE its nll, kl and, with free bits, what is charged for it."""
        self.steps_done += 1
        self.history.images += images
        self._pending.append((numbers, beta))

    def _read(self):
        """Move the losses of the last steps from the device into lists, in one copy."""
        with self._reading:
            fresh = self._pending[:]
            del self._pending[: len(fresh)]  # the training's thread may have added more meanwhile
            if not fresh:
                return
            numbers = torch.stack([number for numbers, _ in fresh for number in numbers])
            rows = numbers.view(len(fresh), -1).tolist()
            for values, column in zip((self.history.steps, self._nll, self._kl, self._charged), zip(*rows)):
                values += column
            if self.has_terms:
                self._betas += [beta for _, beta in fresh]

    def _steps(self):
        """What is known of each step: a dict of lists, loss, nll, kl, charged and beta; empty where there is none."""
        values = (self.history.steps, self._nll, self._kl, self._charged, self._betas)
        return dict(zip(("loss", "nll", "kl", "charged", "beta"), values))

    def _put_steps(self, steps):
        """Go on after these steps, which ``_steps`` gave in a run before."""
        self.steps_done = len(steps["loss"])
        for name, values in self._steps().items():
            values[:] = steps[name]

    def _forget(self, step, images):
        """Forget the steps from number ``step`` on, which held that many ``images``."""
        with self._reading:
            for values in self._steps().values():
                del values[step:]
            self.steps_done = step
            self.history.images -= images

    def _close_epoch(self, sizes):
        """Add the means of the epoch that has just ended; its batches held ``sizes`` images."""
        history, n = self.history, len(sizes)
        history.train.append(mean(history.steps[-n:], sizes))
        if self.has_terms:
            nll, kl, charged, betas = self._nll[-n:], self._kl[-n:], self._charged[-n:], self._betas[-n:]
            history.nll.append(mean(nll, sizes))
            history.kl.append(mean(kl, sizes))
            if charged:
                history.charged_kl.append(mean(charged, sizes))
            by_kl = [size * one for size, one in zip(sizes, charged or kl)]
            history.betas.append(mean(betas, by_kl if sum(by_kl) > 0 else sizes))


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
