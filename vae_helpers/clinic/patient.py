"""``run``: one fault in an otherwise healthy VAE, trained for a few seconds and examined."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from vae_helpers.data import Split, load
from vae_helpers.clinic.catalogue import Fault, Net, fault_named
from vae_helpers.clinic.chart import BATCH, examine
from vae_helpers.history import History
from vae_helpers.losses import kl_per_latent
from vae_helpers.models import build, decode
from vae_helpers.noise import one_at_a_time
from vae_helpers.training import elbo_terms, fit, mean_loss

IMAGES, EPOCHS, LR = 3_000, 8, 2e-3  # two or three seconds on one thread
EXAMINED, SHOWN = 500, 10  # images


@dataclass
class Patient:
    """A VAE with a fault, trained: what there is to see and to measure.

    ``history``: the loss of each step as the patient's own code has it. ``nll``, ``kl``: after each epoch the
    two terms by the right formulas, in nats per image, on the same images. ``chart``: key of ``CHART`` → float.
    ``originals``, ``rebuilt``, ``samples``: pixels (10, C, H, W); ``kl_per_latent``: nats. ``ended``: the error
    that ended the training early, or "".
    """

    fault: Fault
    model: Net
    history: History
    nll: list[float] = field(default_factory=list)
    kl: list[float] = field(default_factory=list)
    chart: dict[str, float] = field(default_factory=dict)
    originals: torch.Tensor = None
    rebuilt: torch.Tensor = None
    samples: torch.Tensor = None
    kl_per_latent: list[float] = field(default_factory=list)
    ended: str = ""

    def __repr__(self):
        return "Patient"  # neither the fault, which is to be found, nor a number, which differs between machines


def run(key, split=None, seed=0, *, epochs=EPOCHS, callbacks=(), progress=False):
    """Train a VAE with the fault ``key`` of ``FAULTS`` on the first 3,000 images of ``split``; return the ``Patient``.

    ``split``: a ``Split``, or images (N, C, H, W) in [0, 1]; by default the training images of ``pen``.
    All patients of one seed begin with the same weights and see the same batches of 100. ``callbacks``, ``progress``:
    as for ``fit``. A loss that leaves the numbers is a result, not an error: see ``ended``. ValueError if there
    is no such fault. Torch's global generator is left as it was. Waits for a ``fit`` in another thread, as that for it.
    """
    with one_at_a_time:
        return _run(fault_named(key), split, seed, epochs, callbacks, progress)


def _run(fault, split, seed, epochs, callbacks, progress):
    split = load("pen").train if split is None else split
    split = split if isinstance(split, Split) else Split.from_tensor(split)
    split = split.subset(min(len(split), IMAGES))
    patient = Patient(fault, build_with(fault, split.shape, seed), History())
    few = split.subset(min(len(split), EXAMINED))

    def note_terms(model, history):
        with torch.random.fork_rng(devices=[]):  # these draws are not the training's
            torch.manual_seed(seed)
            nll, kl = mean_loss(model, few, elbo_terms)
        patient.nll.append(nll)
        patient.kl.append(kl)

    def trained_loss(model, x):
        return fault.loss(model, fault.data(x))

    try:
        patient.history = fit(patient.model, split, epochs, loss_fn=trained_loss, batch_size=BATCH, lr=LR, seed=seed,
                              callbacks=[note_terms, *callbacks], progress=progress)
    except FloatingPointError as error:
        patient.history, patient.ended = error.history, str(error)
    _look_at(patient, few.as_float(), seed)
    return patient


def build_with(fault, shape=(1, 28, 28), seed=0):
    """A fresh 784-400-20 VAE with that fault built in: the same weights for all faults of one seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        vae = build("vae", shape=shape)
    net = Net(vae.encoder, vae.decoder, vae.latent_dim, vae.shape)
    net.draw = fault.draw
    fault.change(net)
    return net


def _look_at(patient, x, seed):
    """Fill in what there is to see of a trained patient, on images ``x``, and its chart."""
    model, fault = patient.model, patient.fault
    patient.originals, x = x[:SHOWN], fault.data(x)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        mu, logvar = fault.encode(model, x)
        patient.rebuilt = decode(model, mu[:SHOWN])
        patient.samples = decode(model, torch.randn(SHOWN, model.latent_dim))
    patient.kl_per_latent = kl_per_latent(mu, logvar).mean(0).tolist()
    patient.chart = examine(model, fault, x, seed)
