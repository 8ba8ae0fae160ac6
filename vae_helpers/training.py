"""``train_step``, and ``fit`` around it: progress, history, seed, a Stop that keeps all, a thread under a live view."""

from __future__ import annotations

import math
import signal
import threading
import time
import weakref
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from vae_helpers.data import Split, check_images
from vae_helpers.history import History, Run, check_beta, last_losses
from vae_helpers.losses import bernoulli_nll, kl_to_standard_normal
from vae_helpers.models import in_eval


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


def mean_loss(model, split, loss_fn, batch_size=500, device="cpu"):
    """Mean of ``loss_fn`` over all images of ``split``, in its unit: a float.

    A list of floats, where ``loss_fn`` gives several numbers, as ``elbo_terms`` does.
    In eval mode, without gradient. ``model`` must be on ``device``.
    """
    total = 0.0
    with in_eval(model), torch.no_grad():
        for x in split.batches(batch_size, device=device):
            loss = loss_fn(model, x)
            loss = torch.stack(loss) if isinstance(loss, tuple) else loss
            total = total + loss.cpu().double() * len(x)
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
        Each is called as ``callback(model, history)`` after each epoch. One that
        has a method ``start`` is *live*: see below.

    Stop (Ctrl-C, or the square in JupyterLab) ends the run after the step in
    progress: weights and history are those of the last step, and a line says so.
    ValueError for images that the model cannot take; FloatingPointError, at the
    end of the epoch, if the loss is no longer finite. An error in the middle of
    a run carries what was recorded until then as its ``history``. RuntimeError if
    the model is being trained in a thread already.

    With a live callback the run trains in a thread of its own, without a bar, and
    ``fit`` returns at once. The history fills meanwhile; ``history.wait()`` waits
    for the end, and raises the error, if one ended the run; if nobody waits, it
    is printed. The callback may have these methods, which are called in that thread
    with the ``Run``: ``start(run)``; ``after_step(run)``; ``idle(run)``, when a pause
    begins, and after each single step in it; ``end(run)``, in any case.

    What these methods draw does not change the run, nor does what is drawn in a
    pause. But torch's global generator is one for all threads: while the run
    trains, it and other cells draw from the same numbers, and at its end
    the generator is put back. So a run in a thread repeats to the bit only if
    nothing else draws meanwhile, as in ``fit(…).wait()``. For the same reason use
    the model in other cells in a pause only: it is in eval mode then.
    """
    if any(run.model is model and not run.finished for run in _in_threads):
        raise RuntimeError(
            f"this {type(model).__name__} is being trained already: call wait() on the history of that run, or press "
            "Stop in its view, then fit again"
        )
    split, test = _checked(split, model, "split"), test if test is None else _checked(test, model, "test")
    if epochs < 0 or batch_size < 1:
        raise ValueError(f"epochs must be 0 or more and batch_size 1 or more, not {epochs} and {batch_size}")
    has_terms = loss_fn is None and _gives_mu_and_logvar(model, split)
    loss_of = None if has_terms else "your loss_fn" if loss_fn else f"the loss of this {type(model).__name__}"
    check_beta(beta, None if has_terms is None else loss_of)
    loss_fn = loss_fn or (negative_elbo if has_terms else reconstruction_loss)
    device, home = torch.device(device), next(model.parameters()).device
    model.to(device)
    if device.type == "cuda":
        device = next(model.parameters()).device  # with its number: each thread has a current GPU of its own
    callbacks = list(callbacks)
    live = [callback for callback in callbacks if callable(getattr(callback, "start", None))]
    history = History(
        loss_name=getattr(loss_fn, "__name__", type(loss_fn).__name__),
        batch_size=batch_size,
        lr=lr,
        seed=seed,
        steps_per_epoch=math.ceil(len(split) / batch_size),
        beta=beta,
    )
    run = Run(model, history, epochs, loss_of)
    order = torch.Generator().manual_seed(seed)
    plan = _Plan(
        batches=split.batches(batch_size, shuffle=True, generator=order, device=device),
        test=test,
        loss_fn=loss_fn,
        optimizer=torch.optim.Adam(model.parameters(), lr, fused=True),
        callbacks=[callback for callback in callbacks if callable(callback) or callback not in live],
        live=live,
        device=device,
        home=home,
        bar=_bar(run.total_steps, progress and not live),
    )
    if live:
        _in_threads.add(run)
        run._begin(lambda: _train(run, plan), [lambda one=one: _tell([one], "end", run, device) for one in live])
        return history
    _train(run, plan)
    if history.interrupted:
        print(run.stopped_where())
    return history


_in_threads = weakref.WeakSet()  # the runs that train in threads, or did


@dataclass
class _Plan:
    """What ``fit`` was given for one run, checked and made ready."""

    batches: object  # one loop over it is an epoch
    test: Split | None
    loss_fn: object
    optimizer: torch.optim.Optimizer
    callbacks: list  # called after each epoch
    live: list  # those with hooks
    device: torch.device
    home: torch.device  # where the model was before
    bar: object


def _train(run, plan):
    """The whole run, in whichever thread. A Stop ends it quietly, an error carries the history."""
    history, begin = run.history, time.perf_counter()
    try:
        with stop_after_this_step(run._stop), _noise_of_its_own(history.seed, plan.device), plan.bar:
            _tell(plan.live, "start", run, plan.device)
            for epoch in range(run.epochs):
                _train_epoch(run, plan, epoch)
                if plan.test is not None:
                    _measure(run, plan)
                plan.bar.set_postfix_str(_figures(history))
                for callback in plan.callbacks:
                    callback(run.model, history)
    except KeyboardInterrupt:
        history.interrupted = True
    except Exception as error:
        error.history = history
        error.add_note("The losses until then are in the error's `history`.")
        raise
    finally:
        history.seconds = time.perf_counter() - begin - run._rested
        run.model.to(plan.home).eval()


def _train_epoch(run, plan, epoch):
    """The steps of one epoch, then its means. KeyboardInterrupt, between two steps, after a Stop."""
    model, sizes, terms = run.model, [], ()

    def weighed(model, x):
        nonlocal terms
        nll, kl = elbo_terms(model, x)
        beta = run.beta  # once: a view may change it at any moment
        terms = nll.detach(), kl.detach(), beta
        return nll + beta * kl

    loss_fn = weighed if run.has_terms else plan.loss_fn
    model.train()  # each time: a callback may have left it in eval mode
    try:
        for x in plan.batches:
            if plan.live:
                _rest_if_paused(run, plan)
            run._before_step()
            loss = train_step(model, x, plan.optimizer, loss_fn)
            run._record(len(x), loss, terms)
            sizes.append(len(x))
            plan.bar.update()
            if plan.live:
                _tell(plan.live, "after_step", run, plan.device)
    finally:
        run._read()
    _check_finite(run.history.steps[-len(sizes):], epoch, run.history.lr)
    run._close_epoch(sizes)


def _rest_if_paused(run, plan):
    """Between two steps: rest while the run is paused. In eval mode, for those who look at the model meanwhile."""
    if run._must_rest():
        run._read()
        run.model.eval()
        with _fork(plan.device):  # the pause's draws are not the run's
            _tell(plan.live, "idle", run, plan.device)
            run._rest()
    if not run.model.training:
        run.model.train()


def _tell(callbacks, name, run, device):
    """Call that method of each live callback which has it. What it draws does not change the run."""
    with _fork(device):
        for callback in callbacks:
            if hook := getattr(callback, name, None):
                hook(run)


@contextmanager
def stop_after_this_step(stop=None):
    """Inside, Ctrl-C sets the event that is given instead of breaking a step in the middle.

    ``stop``: the event to set; None: a new one. A second Ctrl-C breaks at once, in
    case a step hangs. Python hands signals to the main thread alone: in another
    thread the event is there, and Ctrl-C never sets it.
    """
    stop = stop or threading.Event()
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
    home = next(model.parameters()).device
    try:
        with in_eval(model), torch.no_grad(), _noise_of_its_own(0, home):
            output = model(next(iter(split.batches(1, device=home))))
    except Exception:  # the first step meets it again, and there it is told with its history
        return None
    return isinstance(output, tuple) and len(output) == 3


@contextmanager
def _noise_of_its_own(seed, device):
    """Seed the generators that a run on ``device`` draws from, and no others; put them back afterwards."""
    with _fork(device):
        torch.default_generator.manual_seed(seed)
        if device.type == "cuda":
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        elif device.type != "cpu":
            getattr(torch, device.type).manual_seed(seed)
        yield


def _fork(device):
    """Put the generators that a run on ``device`` draws from back afterwards."""
    gpus = [] if device.type == "cpu" else [device]
    return torch.random.fork_rng(gpus, device_type=device.type if gpus else "cuda")


def _measure(run, plan):
    """Add an epoch's test losses to the history: under the same noise each time, without using up the training's."""
    history = run.history
    with _noise_of_its_own(history.seed, plan.device):
        measured = mean_loss(run.model, plan.test, elbo_terms if run.has_terms else plan.loss_fn, device=plan.device)
    if run.has_terms:
        nll, kl = measured
        history.test_nll.append(nll)
        history.test_kl.append(kl)
        measured = nll + history.betas[-1] * kl
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
    train, test = last_losses(history)
    return f"train {train}{f', test {test}' if test else ''}"
