"""``train_step``, and ``fit`` around it: progress, history, seed, a Stop that keeps all."""

from __future__ import annotations

import json
import math
import signal
import threading
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch

from vae_helpers.data import Split, check_images
from vae_helpers.files import whole_file
from vae_helpers.losses import bernoulli_nll, kl_to_standard_normal


def reconstruction_loss(model, x):
    """How badly ``model`` rebuilds ``x`` (N, C, H, W): nats per image, mean over the batch, shape ().

    Defined in notebook 01. For models whose output is logits.
    """
    return bernoulli_nll(model(x), x).mean()


def squared_error(model, x):
    """Squared error of the rebuilt pixels, summed over pixels, mean over the batch, shape ().

    Defined in notebook 01. For models whose output is pixels.
    """
    return (model(x) - x).square().flatten(1).sum(1).mean()


def elbo_terms(model, x):
    """The two terms of a VAE's loss on ``x`` (N, C, H, W), in nats per image, means over the batch.

    Defined in notebook 03. ``(nll, kl)``, both of shape (): −log p(x | z) at one draw z for each
    image, and KL(q(z | x) ‖ N(0, I)). The ELBO is −(nll + kl).
    """
    logits, mu, logvar = model(x)
    return bernoulli_nll(logits, x).mean(), kl_to_standard_normal(mu, logvar).mean()


def negative_elbo(model, x, beta=1.0):
    """nll + β · KL of a VAE on ``x`` (N, C, H, W), in nats per image, mean over the batch, shape ().

    Defined in notebook 03. At β = 1 it is the negative ELBO, at any other β
    the objective of the β-VAE (Higgins et al. 2017).
    """
    nll, kl = elbo_terms(model, x)
    return nll + beta * kl


def train_step(model, x, optimizer, loss_fn):
    """One step on the batch ``x``: forward, backward, move; the loss before the move, shape ().

    Defined in notebook 01. ``loss_fn(model, x)`` gives the loss of the batch.
    """
    optimizer.zero_grad()
    loss = loss_fn(model, x)
    loss.backward()
    optimizer.step()
    return loss.detach()


@dataclass
class History:
    """What happened in a run of ``fit``. Losses are those of ``loss_fn``: nats per image by default.

    ``steps``: the loss of each step, before the step moved the weights.
    ``train``: for each whole epoch the mean over its images while they were
    learned from. ``test``: for each whole epoch the mean over the test images
    afterwards, in eval mode; empty if no test split was given. ``nll``, ``kl``,
    ``test_nll`` and ``test_kl``: the same means of a VAE's two terms, of which the
    loss is nll + ``beta`` · kl; empty for other losses.
    ``steps_per_epoch``: of a whole epoch, since a run that was stopped has more
    steps than its whole epochs took. ``images``: learned from, repeats counted.
    ``seconds``: of the whole run. ``interrupted``: by Stop. ``loss_name``,
    ``batch_size``, ``lr`` and ``seed`` are what ``fit`` was given.
    """

    steps: list[float] = field(default_factory=list)
    train: list[float] = field(default_factory=list)
    test: list[float] = field(default_factory=list)
    nll: list[float] = field(default_factory=list)
    kl: list[float] = field(default_factory=list)
    test_nll: list[float] = field(default_factory=list)
    test_kl: list[float] = field(default_factory=list)
    beta: float = 1.0
    loss_name: str = "reconstruction_loss"
    batch_size: int = 128
    lr: float = 1e-3
    seed: int = 0
    steps_per_epoch: int = 0
    images: int = 0
    seconds: float = 0.0
    interrupted: bool = False

    def __repr__(self):
        last = f", last train loss {self.train[-1]:.2f}{_sum(self.nll, self.kl, self.beta, 2)}" if self.train else ""
        test = f", test {self.test[-1]:.2f}{_sum(self.test_nll, self.test_kl, self.beta, 2)}" if self.test else ""
        stopped = ", stopped early" if self.interrupted else ""
        epochs = f"{len(self.train)} epoch{'s' * (len(self.train) != 1)}"
        return f"History: {epochs}, {len(self.steps)} step{'s' * (len(self.steps) != 1)}{last}{test}{stopped}"

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


def mean_loss(model, split, loss_fn, batch_size=500, device="cpu"):
    """Mean of ``loss_fn`` over all images of ``split``, in its unit: a float.

    A list of floats, where ``loss_fn`` gives several numbers, as ``elbo_terms`` does.
    In eval mode, without gradient. ``model`` must be on ``device``.
    """
    was_training = model.training
    model.eval()
    total = 0.0
    with torch.no_grad():
        for x in split.batches(batch_size, device=device):
            loss = loss_fn(model, x)
            loss = torch.stack(loss) if isinstance(loss, tuple) else loss
            total = total + loss.cpu().double() * len(x)
    model.train(was_training)
    return (total / len(split)).tolist()


def fit(model, split, epochs=10, *, test=None, loss_fn=None, beta=1.0, batch_size=128, lr=1e-3,
        seed=0, device="cpu", callbacks=(), progress=True):
    """Train ``model`` on ``split`` with Adam; return its ``History``.

    model
        Has ``shape``, the (C, H, W) of an image; is trained in place on
        ``device``, then brought back to where it was, in eval mode.
    split, test
        A ``Split``, or float32 images (N, C, H, W) in [0, 1]. ``test`` is
        measured after each epoch, never learned from.
    loss_fn
        ``loss_fn(model, x)`` → loss of the batch. By default nats per image:
        ``negative_elbo`` for a model that gives ``logits, mu, logvar``, as
        ``models.VAE`` does, else ``reconstruction_loss``.
    beta
        Weight of the KL in the default loss of a VAE, 0 or more. The bar then
        shows the loss and its two terms: loss = nll + β · KL.
    seed
        Of the order of the images and of all noise inside the model. Torch's
        global generator is left as it was, so two calls do not disturb each
        other. The same seed, machine and number of threads give the same weights.
    callbacks
        Each is called as ``callback(model, history)`` after each epoch.

    Stop (Ctrl-C, or the square in JupyterLab) ends the run after the step in
    progress: weights and history are those of the last step, and a line says so.
    ValueError for images that the model cannot take; FloatingPointError, at the
    end of the epoch, if the loss is no longer finite. An error in the middle of
    a run carries what was recorded until then as its ``history``.
    """
    split, test = _checked(split, model, "split"), test if test is None else _checked(test, model, "test")
    if epochs < 0 or batch_size < 1:
        raise ValueError(f"epochs must be 0 or more and batch_size 1 or more, not {epochs} and {batch_size}")
    both_terms = loss_fn is None and _gives_mu_and_logvar(model, split)
    if beta != 1 and both_terms is False:
        whose = "your loss_fn" if loss_fn else f"the loss of this {type(model).__name__}"
        raise ValueError(f"beta weighs the KL in the default loss of a VAE; {whose} has no such term (beta={beta:g})")
    if not (beta >= 0 and math.isfinite(beta)):
        raise ValueError(f"beta must be 0 or more, and finite, not {beta}")
    loss_fn = loss_fn or (negative_elbo if both_terms else reconstruction_loss)
    device, home = torch.device(device), next(model.parameters()).device
    model.to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr, fused=True)
    history = History(
        loss_name=getattr(loss_fn, "__name__", type(loss_fn).__name__),
        batch_size=batch_size,
        lr=lr,
        seed=seed,
        steps_per_epoch=math.ceil(len(split) / batch_size),
        beta=beta,
    )
    terms = []

    def loss_with_terms(model, x):
        nll, kl = elbo_terms(model, x)
        terms.append(torch.stack([nll, kl]).detach())
        return nll + beta * kl

    order = torch.Generator().manual_seed(seed)
    bar = _bar(epochs * history.steps_per_epoch, progress)
    begin = time.perf_counter()
    try:
        with stop_after_this_step() as stop, _noise_of_its_own(seed, device), bar:
            for epoch in range(epochs):
                model.train()  # each time: a callback may have left it in eval mode
                losses, sizes = [], []
                terms.clear()
                try:
                    for x in split.batches(batch_size, shuffle=True, generator=order, device=device):
                        losses.append(train_step(model, x, optimizer, loss_with_terms if both_terms else loss_fn))
                        sizes.append(len(x))
                        bar.update()
                        if stop.is_set() and len(sizes) < history.steps_per_epoch:
                            raise KeyboardInterrupt
                finally:
                    history.steps += torch.stack(losses).tolist() if losses else []
                    history.images += sum(sizes)
                losses = history.steps[-len(sizes):]
                _check_finite(losses, epoch, lr)
                history.train.append(sum(n * loss for n, loss in zip(sizes, losses)) / sum(sizes))
                if both_terms:
                    nll, kl = (torch.tensor(sizes).double() @ torch.stack(terms).cpu().double() / sum(sizes)).tolist()
                    history.nll.append(nll)
                    history.kl.append(kl)
                if test is not None:
                    _measure(history, model, test, elbo_terms if both_terms else loss_fn, beta, seed, device)
                bar.set_postfix_str(_figures(history))
                for callback in callbacks:
                    callback(model, history)
                if stop.is_set() and epoch + 1 < epochs:
                    raise KeyboardInterrupt
    except KeyboardInterrupt:
        history.interrupted = True
        print(
            f"Stopped after {len(history.steps)} steps, {len(history.train)} of {epochs} epochs whole: "
            "weights and history are those of the last step. Call fit again to train on from here."
        )
    except Exception as error:
        error.history = history
        error.add_note("The losses until then are in the error's `history`.")
        raise
    finally:
        history.seconds = time.perf_counter() - begin
        model.to(home).eval()
    return history


@contextmanager
def stop_after_this_step():
    """Inside, Ctrl-C sets the event that is given instead of breaking a step in the middle.

    A second Ctrl-C breaks at once, in case a step hangs. Python hands signals
    to the main thread alone: in another thread the event is there, never set.
    """
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = signal.getsignal(signal.SIGINT)

    def ask(signum, frame):
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    signal.signal(signal.SIGINT, ask)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)


def _checked(images, model, name):
    """``images`` as a Split that ``model`` can take, or a ValueError that says what came and what was wanted."""
    if not hasattr(model, "shape"):
        raise TypeError(
            f"this {type(model).__name__} does not say what it takes: set model.shape to the (channels, height, "
            "width) of one image, or wrap encoder and decoder in models.Autoencoder"
        )
    if not isinstance(images, Split):
        try:
            check_images(images, model.shape)
        except ValueError as error:
            error.add_note(f"These are the images given as `{name}`.")
            raise
        return Split.from_tensor(images)
    if tuple(images.shape) != tuple(model.shape):
        raise ValueError(
            f"{name} holds images of shape {tuple(images.shape)}, this {type(model).__name__} takes "
            f"{tuple(model.shape)} (channels, height, width): build it with shape={tuple(images.shape)}"
        )
    return images


def _gives_mu_and_logvar(model, split):
    """Whether ``model`` is a VAE, by what it gives for one image: the class may be the learner's own.

    None if the model fails on it.
    """
    home, was_training = next(model.parameters()).device, model.training
    model.eval()
    try:
        with torch.no_grad(), _noise_of_its_own(0, home):
            output = model(next(iter(split.batches(1, device=home))))
    except Exception:  # the first step meets it again, and there it is told with its history
        return None
    finally:
        model.train(was_training)
    return isinstance(output, tuple) and len(output) == 3


@contextmanager
def _noise_of_its_own(seed, device):
    """Seed the generators that a run on ``device`` draws from, and no others; put them back afterwards."""
    gpus = [] if device.type == "cpu" else [device]
    with torch.random.fork_rng(gpus, device_type=device.type if gpus else "cuda"):
        torch.default_generator.manual_seed(seed)
        if device.type == "cuda":
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        elif gpus:
            getattr(torch, device.type).manual_seed(seed)
        yield


def _measure(history, model, test, loss_fn, beta, seed, device):
    """Add an epoch's test losses to ``history``: under the same noise each time, and without using up the training's."""
    with _noise_of_its_own(seed, device):
        measured = mean_loss(model, test, loss_fn, device=device)
    if isinstance(measured, list):
        nll, kl = measured
        history.test_nll.append(nll)
        history.test_kl.append(kl)
        measured = nll + beta * kl
    history.test.append(measured)


def _check_finite(losses, epoch, lr):
    """FloatingPointError with the step at which the loss left the numbers."""
    for step, loss in enumerate(losses):
        if not math.isfinite(loss):
            raise FloatingPointError(
                f"the loss became {loss} at step {step + 1} of epoch {epoch + 1}: a smaller lr than {lr:g} "
                "is the usual cure. Build the model anew; its weights are no longer numbers."
            )


def _bar(total, progress):
    # at most five updates a second: in a notebook each one is a message to the browser
    from tqdm.auto import tqdm

    return tqdm(total=total, unit="step", mininterval=0.2, disable=not progress)


def _figures(history):
    test = f", test {history.test[-1]:.1f}{_sum(history.test_nll, history.test_kl, history.beta)}" if history.test else ""
    return f"train {history.train[-1]:.1f}{_sum(history.nll, history.kl, history.beta)}{test}"


def _sum(nll, kl, beta, digits=1):
    """The two terms of a VAE's last loss, as what the loss is the sum of; nothing for other losses."""
    weight = "" if beta == 1 else f"{beta:g} · "
    return f" = {nll[-1]:.{digits}f} nll + {weight}{kl[-1]:.{digits}f} KL" if nll else ""
