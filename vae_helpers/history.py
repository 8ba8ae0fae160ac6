"""What a run of ``fit`` leaves behind."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path

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
    nll + β · kl, train and test. If β changed during the epoch, as in a warm-up, it is the
    mean over its images, weighted with their KL, so that the sum holds. ``beta`` is
    the last that was set, to which a warm-up of ``warmup`` epochs rises.
    ``charged_kl`` and ``test_charged_kl``: with ``free_bits``, what the loss charges for the
    KL (``losses.free_bits_kl``): there the loss is nll + β · charged_kl, while ``kl``
    is the KL itself. Without free bits they are empty.
    ``steps_per_epoch``: of a whole epoch, since a run that was stopped has more
    steps than its whole epochs took. ``images``: learned from, repeats counted.
    ``seconds``: of the whole run, pauses not counted. ``interrupted``: by Stop. ``loss_name``, ``nll_name``
    ("" beside a loss of one's own), ``batch_size``, ``lr`` and ``seed`` are what ``fit`` was given.
    """

    steps: list[float] = field(default_factory=list)
    train: list[float] = field(default_factory=list)
    test: list[float] = field(default_factory=list)
    nll: list[float] = field(default_factory=list)
    kl: list[float] = field(default_factory=list)
    test_nll: list[float] = field(default_factory=list)
    test_kl: list[float] = field(default_factory=list)
    charged_kl: list[float] = field(default_factory=list)
    test_charged_kl: list[float] = field(default_factory=list)
    betas: list[float] = field(default_factory=list)
    beta: float = 1.0
    warmup: float = 0.0
    free_bits: float = 0.0
    loss_name: str = "reconstruction_loss"
    nll_name: str = "bernoulli_nll"
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

    def text(loss, nll, kl, charged):
        second = f"{charged[-1]:.{digits}f} for a KL of {kl[-1]:.{digits}f}" if charged else ""
        second = second or (f"{kl[-1]:.{digits}f} KL" if kl else "")
        terms = f" = {nll[-1]:.{digits}f} nll + {weight}{second}" if nll else ""
        return f"{loss[-1]:.{digits}f}{terms}" if loss else ""

    train = text(history.train, history.nll, history.kl, history.charged_kl)
    return train, text(history.test, history.test_nll, history.test_kl, history.test_charged_kl)


def mean(values, weights):
    """The mean of floats, each with its weight."""
    # from the first value on, so that the mean of equal ones is that very number
    first = values[0]
    return first + sum(w * (value - first) for value, w in zip(values, weights)) / sum(weights)
