"""``fit``: trains a model, with history, seed, checkpoints, a Stop that keeps all, a live view in a thread."""

from __future__ import annotations

import math
import weakref
from contextlib import suppress
from functools import partial

import torch

from vae_helpers import checkpoints
from vae_helpers.data import Split, check_images
from vae_helpers.history import History
from vae_helpers.loop import Plan, mean_loss, stop_after_this_step, tell, train, train_step  # noqa: F401
from vae_helpers.losses import bernoulli_nll
from vae_helpers.noise import one_at_a_time, states
from vae_helpers.not_finite import LastGood
from vae_helpers.objective import (  # noqa: F401  (the losses and the step are found here too)
    check_kl,
    elbo_terms,
    gives_mu_and_logvar,
    negative_elbo,
    reconstruction_by,
    reconstruction_loss,
    squared_error,
    terms_by,
)
from vae_helpers.runs import Run


def fit(model, split, epochs=10, *, test=None, loss_fn=None, nll=bernoulli_nll, beta=1.0, warmup=0, free_bits=0.0,
        batch_size=128, lr=1e-3, seed=0, device="cpu", checkpoint=None, checkpoint_every=1, resume=False,
        callbacks=(), progress=True):
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
    nll
        The likelihood in the default loss: ``nll(output, x)`` → nats per image, shape (N,);
        ``output`` is what the model's decoder gives. Parameters of the model may be in it: with σ learned
        ``nll=lambda logits, x: gaussian_nll(logits.sigmoid(), x, model.log_sigma.exp())``.
    beta, warmup, free_bits
        In the default loss of a VAE, which is nll + β · KL. ``beta``: 0 or more. ``warmup``: the
        epochs, or part of one, over which β rises from 0 to ``beta``, a little with each step. ``free_bits``: nats
        that each latent has for free, by ``losses.free_bits_kl``, which then stands in place of the KL
        (on ``test`` too, by batches of 500).
    seed
        Of the order of the images and of all noise inside the model. Torch's
        global generator is left as it was, so two calls do not disturb each
        other. The same seed, machine and number of threads give the same weights.
    checkpoint, checkpoint_every, resume
        A path, ``.safetensors``: written every so many epochs, at the end, and at a Stop. With
        ``resume=True`` the same call goes on from there up to ``epochs`` in all, and ends to the bit where a
        run without a break ends; if there is no file yet, it begins. Without it, a file that is there is
        written over. ``loss_fn`` and ``nll`` are known again by their names, ``nll`` by the numbers it was made with too.
        ``weights.load`` reads the file too.
    callbacks
        Each is called as ``callback(model, history)`` after each epoch. One that
        has a method ``start`` is *live*: it is told of each step, and the run trains in a
        thread of its own: ``fit`` returns at once, and ``history.wait()`` waits for the end. See ``runs.Run``.

    Stop (Ctrl-C, or the square in JupyterLab) ends the run after the step in
    progress: weights and history are those of the last step, and a line says so.
    ValueError for images that the model cannot take, and for a checkpoint that is damaged or of other
    settings (``checkpoints.CheckpointError``). FloatingPointError if the loss is no longer finite: with the step,
    the term and the likely cause; the model then has the last weights back that were known to be
    numbers. OSError if a checkpoint cannot be written; the one before is untouched. An error in the middle of
    a run carries what was recorded until then as its ``history``. RuntimeError if
    the model is being trained in a thread already.
    """
    if any(run.model is model and not run.finished for run in _in_threads):
        raise RuntimeError(
            f"this {type(model).__name__} is being trained already: call wait() on the history of that run, or press "
            "Stop in its view, then fit again"
        )
    split, test = _checked(split, model, "split"), test if test is None else _checked(test, model, "test")
    if epochs < 0 or batch_size < 1:
        raise ValueError(f"epochs must be 0 or more and batch_size 1 or more, not {epochs} and {batch_size}")
    if loss_fn and nll is not bernoulli_nll:
        raise ValueError("nll is the likelihood in the default loss: give either nll or a loss_fn of your own")
    path = checkpoints.check_path(checkpoint, checkpoint_every, resume)
    has_terms = loss_fn is None and gives_mu_and_logvar(model, split, nll)
    loss_of = None if has_terms else "your loss_fn" if loss_fn else f"the loss of this {type(model).__name__}"
    check_kl(beta, warmup, free_bits, None if has_terms is None else loss_of)
    device, home = torch.device(device), next(model.parameters()).device
    history = History(
        loss_name=_name(loss_fn or (negative_elbo if has_terms else reconstruction_loss)),
        nll_name="" if loss_fn else _name(nll),
        batch_size=batch_size,
        lr=lr,
        seed=seed,
        steps_per_epoch=math.ceil(len(split) / batch_size),
        beta=beta,
        warmup=warmup,
        free_bits=free_bits,
    )
    settings = path and _settings(model, split, test, history, nll, device)
    found = _found(path, model, settings, history, epochs, device) if resume else None
    model.to(device)
    if device.type == "cuda":
        device = next(model.parameters()).device  # with its number: each thread has a current GPU of its own
    callbacks = list(callbacks)
    live = [callback for callback in callbacks if callable(getattr(callback, "start", None))]
    order = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(model.parameters(), lr, fused=True)
    history = found.history if found else history
    run = Run(model, history, epochs, loss_of)
    run.checkpoint = path
    if found:
        model.load_state_dict(found.weights)
        optimizer.load_state_dict(optimizer.state_dict() | {"state": _laid_out(found.adam, model)})
        order.set_state(found.generators["order"])
        run._put_steps(found.steps)
        run.saved_steps = run.steps_done
    plan = Plan(
        batches=split.batches(batch_size, shuffle=True, generator=order, device=device),
        order=order,
        test=test,
        loss_fn=terms_by(nll, free_bits) if has_terms else loss_fn or reconstruction_by(nll),
        optimizer=optimizer,
        callbacks=[callback for callback in callbacks if callable(callback) or callback not in live],
        live=live,
        device=device,
        home=home,
        bar=_bar(run, progress and not live),
        last_good=LastGood(model, run.steps_done),
        every=checkpoint_every,
        settings=settings,
        noise=found and found.generators,
    )
    if live:
        _in_threads.add(run)
        run._begin(lambda: train(run, plan), [lambda one=one: tell([one], "end", run, device) for one in live])
        return history
    with one_at_a_time:
        train(run, plan)
    if history.interrupted:
        print(run.stopped_where())
    return history


_in_threads = weakref.WeakSet()  # the runs that train in threads, or did


def _settings(model, split, test, history, nll, device):
    """What a run and one that goes on from its checkpoint have in common."""
    return {
        "network": checkpoints.network_text(model),
        "images": checkpoints.images_text(split),
        "test": checkpoints.images_text(test),
        "loss": history.loss_name,
        "nll": " ".join([history.nll_name, *map(str, _made_with(nll))]),
        "beta": history.beta,
        "warmup": history.warmup,
        "free_bits": history.free_bits,
        "batch_size": history.batch_size,
        "lr": history.lr,
        "seed": history.seed,
        "device": device.type,
    }


def _found(path, model, settings, history, epochs, device):
    """The checkpoint to go on from, checked; None if there is none yet. A line says which."""
    if not path.is_file():
        print(f"No checkpoint {path} yet: training begins.")
        return None
    found = checkpoints.read(path)
    checkpoints.check(found, path, model, settings, {"order": torch.Generator().get_state()} | states(device))
    try:
        found.history = History(**found.history | {"steps": [], "interrupted": False})
    except TypeError as error:
        raise checkpoints.CheckpointError(f"{path} holds no history ({error}). {checkpoints.CURE}") from error
    done, planned = len(found.steps["loss"]), epochs * history.steps_per_epoch
    if done > planned:
        raise ValueError(f"{path} is {done} steps on, epochs={epochs} are {planned}: ask for more epochs, or give "
                         "checkpoint another path")
    print(f"Going on from {path}: {done} of {planned} steps are done.")
    return found


def _laid_out(adam, model):
    """Adam's tensors, each laid out in memory as its parameter is (channels last, say).

    A file holds them row by row, and fused Adam pairs them with the weights in the order of memory.
    """
    parameters = list(model.parameters())

    def like(parameter, tensor):
        return torch.empty_like(parameter, dtype=tensor.dtype, requires_grad=False).copy_(tensor)

    return {number: {name: tensor if name == "step" else like(parameters[number], tensor)
                     for name, tensor in kept.items()} for number, kept in adam.items()}


def _made_with(function):
    """The numbers that a function was made with: σ in a partial, whose function is named too, or around a lambda."""
    found = []
    if isinstance(function, partial):
        inner = function.func
        return [_name(inner), *_made_with(inner), *_only_numbers([*function.args, *function.keywords.values()])]
    for cell in getattr(function, "__closure__", None) or ():
        with suppress(ValueError):  # one that is empty still
            found.append(cell.cell_contents)
    return _only_numbers(found)


def _only_numbers(values):
    return [one for one in values if isinstance(one, (int, float))]


def _name(function):
    return getattr(function, "__name__", type(function).__name__)


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


def _bar(run, progress):
    # at most five updates a second: in a notebook each one is a message to the browser
    from tqdm.auto import tqdm

    return tqdm(total=run.total_steps, initial=run.steps_done, unit="step", mininterval=0.2, disable=not progress)
