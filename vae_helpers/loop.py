"""The loop inside ``fit``: steps, epochs, what is looked at between them, and a Stop that keeps all."""

from __future__ import annotations

import signal
import threading
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass

import torch

from vae_helpers import checkpoints
from vae_helpers.data import Split
from vae_helpers.history import last_losses
from vae_helpers.models import in_eval
from vae_helpers.noise import fork, noise_of_its_own, put, states
from vae_helpers.not_finite import LastGood, explain, finite, first_fault
from vae_helpers.runs import Stopped

LOOK_EVERY = 100  # steps: to read losses and copy weights at each would cost more than a small network's step


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


@dataclass
class Plan:
    """What ``fit`` was given for one run, checked and made ready."""

    batches: object  # one loop over it is an epoch
    order: torch.Generator  # of the images
    test: Split | None
    loss_fn: object  # (model, x) to the loss; of a VAE to nll, kl and, with free bits, what the loss charges for the KL
    optimizer: torch.optim.Optimizer
    callbacks: list  # called after each epoch
    live: list  # those with hooks
    device: torch.device
    home: torch.device  # where the model was before
    bar: object
    last_good: LastGood
    every: int  # epochs from checkpoint to checkpoint
    settings: dict | None  # by which a checkpoint knows its run
    noise: dict | None  # where the generators stood in the checkpoint
    order_then: torch.Tensor | None = None  # the state of ``order`` when the epoch began
    begin: float = 0.0  # by the clock, pauses and earlier calls left out


def train(run, plan):
    """The whole run, in whichever thread. A Stop ends it quietly, an error carries the history."""
    history = run.history
    plan.begin = time.perf_counter() - history.seconds
    try:
        with stop_after_this_step(run._stop), noise_of_its_own(history.seed, plan.device), plan.bar:
            tell(plan.live, "start", run, plan.device)
            try:
                for epoch in range(run.steps_done // history.steps_per_epoch, run.epochs):
                    _train_epoch(run, plan)
                    if plan.test is not None:
                        _measure(run, plan)
                    plan.bar.set_postfix_str(_figures(history))
                    for callback in plan.callbacks:
                        callback(run.model, history)
                    if (epoch + 1) % plan.every == 0:
                        _save(run, plan)
            except Stopped:
                _look(run, plan)
                history.interrupted = True
            _save(run, plan)
    except KeyboardInterrupt:
        history.interrupted = True
    except Exception as error:
        error.history = history
        error.add_note("The losses until then are in the error's `history`.")
        raise
    finally:
        history.seconds = _seconds(run, plan)
        run.model.to(plan.home).eval()


def _train_epoch(run, plan):
    """The steps of one epoch that are not done yet, then its means. Stopped, between two steps, after a Stop."""
    model, history, terms, beta = run.model, run.history, (), None

    def weighed(model, x):
        nonlocal terms, beta
        nll, kl, *charged = plan.loss_fn(model, x)
        beta = run._beta_now()  # once: a view may change it at any moment
        terms = [one.detach() for one in (nll, kl, *charged)]
        return nll + beta * (charged[0] if charged else kl)

    loss_fn = weighed if run.has_terms else plan.loss_fn
    model.train()  # each time: a callback may have left it in eval mode
    plan.order_then = plan.order.get_state()
    batches = iter(plan.batches)
    sizes = [len(next(batches)) for _ in range(run.steps_done % history.steps_per_epoch)]  # done before a Stop
    if plan.noise:  # after what these drew
        put(plan.noise, plan.device)
        plan.noise = None
    try:
        while len(sizes) < history.steps_per_epoch:
            if plan.live:
                _rest_if_paused(run, plan)
            run._before_step()
            x = next(batches)
            loss = train_step(model, x, plan.optimizer, loss_fn)
            run._record(len(x), (loss, *terms), beta)
            sizes.append(len(x))
            plan.bar.update()
            if plan.live:
                tell(plan.live, "after_step", run, plan.device)
            if run.steps_done % LOOK_EVERY == 0:
                _look(run, plan)
    finally:
        run._read()
    _look(run, plan)
    run._close_epoch(sizes)


def _look(run, plan):
    """Copy the weights if they and all losses so far are numbers; else give the last copy back: FloatingPointError."""
    run._read()
    history, steps = run.history, run._steps()
    at = first_fault(history.steps, plan.last_good.step)
    if at is None and finite(run.model):
        plan.last_good.keep(run.steps_done)
        return
    at = len(history.steps) if at is None else at
    fault = explain(_where(max(at, 1) if at == len(history.steps) else at + 1, history), steps, at, history.lr)
    plan.last_good.put_back()
    run._forget(at, history.images - _images(at, plan.batches))
    good = plan.last_good.step
    kept = "The model held NaN or infinity before the first step: build it anew"
    if plan.last_good.numbers:
        when = f"after {_where(good, history)}" if good else "the start"
        kept = f"The model has its weights of {when} back, the last that were known to be numbers"
    raise FloatingPointError(f"{fault}. {kept}.")


def _where(step, history):
    """The place of a step, counted from 1 through the whole run."""
    epoch, step = divmod(step - 1, history.steps_per_epoch)
    return f"step {step + 1} of epoch {epoch + 1}"


def _images(steps, batches):
    """How many images so many steps learn from."""
    epochs, rest = divmod(steps, len(batches))
    return epochs * len(batches.split) + rest * batches.batch_size


def _seconds(run, plan):
    return time.perf_counter() - plan.begin - run._rested


def _save(run, plan):
    """Write the checkpoint, unless there is to be none, or it holds this step already."""
    if run.checkpoint is None or run.saved_steps == run.steps_done:
        return
    run._read()
    history = run.history
    history.seconds = _seconds(run, plan)
    within = run.steps_done % history.steps_per_epoch
    generators = {"order": plan.order_then if within else plan.order.get_state()} | states(plan.device)
    fields = {name: value for name, value in asdict(history).items() if name != "steps"}
    checkpoints.write(
        checkpoints.Checkpoint(run.model.state_dict(), plan.optimizer.state_dict()["state"], generators, run._steps(),
                               fields, plan.settings),
        run.checkpoint,
    )
    run.saved_steps = run.steps_done


def _rest_if_paused(run, plan):
    """Between two steps: rest while the run is paused. In eval mode, for those who look at the model meanwhile."""
    if run._must_rest():
        run._read()
        run.model.eval()
        with fork(plan.device):  # the pause's draws are not the run's
            tell(plan.live, "idle", run, plan.device)
            run._rest()
    if not run.model.training:
        run.model.train()


def tell(callbacks, name, run, device):
    """Call that method of each live callback which has it. What it draws does not change the run."""
    with fork(device):
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


def _measure(run, plan):
    """Add an epoch's test losses to the history: under the same noise each time, without using up the training's."""
    history = run.history
    with noise_of_its_own(history.seed, plan.device):
        measured = mean_loss(run.model, plan.test, plan.loss_fn, device=plan.device)
    if run.has_terms:
        nll, kl, *charged = measured
        history.test_nll.append(nll)
        history.test_kl.append(kl)
        history.test_charged_kl += charged
        measured = nll + history.betas[-1] * (charged[0] if charged else kl)
    history.test.append(measured)


def _figures(history):
    train, test = last_losses(history)
    return f"train {train}{f', test {test}' if test else ''}"
