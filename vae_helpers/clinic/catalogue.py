"""The faults themselves, each as short as it stands in the code that has it, and what a learner is told of it."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from vae_helpers.architectures import OnBoth
from vae_helpers.layers import BAD, sample
from vae_helpers.losses import bernoulli_nll, kl_per_latent
from vae_helpers.models import VAE, in_eval
from vae_helpers.training import negative_elbo


class Net(VAE):
    """``models.VAE`` in which the draw of z can be exchanged: ``draw(mu, logvar)``, by default ``layers.sample``."""

    draw = staticmethod(sample)

    def forward(self, x):
        mu, logvar = self.encoder(x)
        return self.decoder(self.draw(mu, logvar)), mu, logvar


# --- faults of the loss: loss(model, x) → shape (). The right one is training.negative_elbo.


def mean_nll(model, x):
    """Cross-entropy averaged over pixels and batch, KL summed over latents and batch: β = pixels · N."""
    logits, mu, logvar = model(x)
    return F.binary_cross_entropy_with_logits(logits, x) + kl_per_latent(mu, logvar).sum()


def mean_kl(model, x):
    """Cross-entropy summed over pixels and batch, KL averaged over latents and batch: β = 1 / (N · latents)."""
    logits, mu, logvar = model(x)
    return F.binary_cross_entropy_with_logits(logits, x, reduction="sum") + kl_per_latent(mu, logvar).mean()


def no_kl(model, x):
    """β = 0: an autoencoder whose codes are noisy, until it has silenced the noise."""
    return negative_elbo(model, x, beta=0)


def beta_50(model, x):
    """β = 50."""
    return negative_elbo(model, x, beta=50)


def sigma_4(model, x):
    """The variance is squared once too often: ½ Σ (μ² + σ⁴ − log σ² − 1)."""
    logits, mu, logvar = model(x)
    variance = logvar.exp()
    kl = (mu**2 + variance**2 - logvar - 1).sum(1) / 2
    return (bernoulli_nll(logits, x) + kl).mean()


def wrong_sign(model, x):
    """The log term is added: ½ Σ (μ² + σ² + log σ² − 1), which has no minimum."""
    logits, mu, logvar = model(x)
    kl = (mu**2 + logvar.exp() + logvar - 1).sum(1) / 2
    return (bernoulli_nll(logits, x) + kl).mean()


# --- faults of the draw: draw(mu, logvar) → z (N, latent_dim). The right one is layers.sample.


def logvar_as_sigma(mu, logvar):
    """log σ² taken for σ."""
    return mu + logvar * torch.randn_like(mu)


def one_epsilon(mu, logvar):
    """One ε for the whole batch."""
    return mu + (logvar / 2).exp() * torch.randn_like(mu[0])


# --- faults of the network: change(model), in place.


def leaky_heads(model):
    """Leaky ReLU and dropout after the heads."""
    model.encoder = nn.Sequential(model.encoder, OnBoth(nn.LeakyReLU(), nn.Dropout(0.2)))


def block_at_the_end(model):
    """Batch norm, leaky ReLU and dropout after the decoder's last layer."""
    model.decoder = nn.Sequential(model.decoder, BAD(model.shape[0], dropout=0.5))


def dropout_in_encoder(model):
    """Dropout before the Gaussian layer: no fault, as long as one encodes in eval mode."""
    *body, gaussian = model.encoder
    model.encoder = nn.Sequential(*body, nn.Dropout(0.5), gaussian)


# --- faults of the data: data(x) → x; and of the use: encode(model, x) → mu, logvar.


def up_to_16_15(x):
    """Pixels 0 … 16 divided by 15."""
    return x * 16 / 15


@torch.no_grad()
def encode_in_eval(model, x):
    """The right way: no gradient, and eval mode."""
    with in_eval(model):
        return model.encoder(x)


@torch.no_grad()
def encode_in_train(model, x):
    """No gradient, but train mode: dropout still drops."""
    with in_eval(model):
        return model.train().encoder(x)


def unchanged(thing):
    """No fault here."""
    return thing


@dataclass(frozen=True)
class Fault:
    """One fault: what it changes, by which measurement it is known, and what the learner is told.

    ``name``: what the learner picks. ``source``: where it was found (see the references of notebook 05).
    ``measure``: key of its own measurement in ``CHART``; ``lies``: the range, both ends included, in which
    this fault puts it. ``see``: how to see it; ``mend``: the cure. The functions are those that the
    fault changes; the others are the right ones.
    """

    key: str
    name: str
    source: str
    measure: str
    lies: tuple[float, float]
    see: str
    mend: str
    loss: Callable = negative_elbo
    draw: Callable = sample
    change: Callable = unchanged
    data: Callable = unchanged
    encode: Callable = encode_in_eval


INF = float("inf")

FAULTS = {fault.key: fault for fault in [
    Fault(
        "clean", "no fault: a healthy VAE", "this course", "beta", (0.99, 1.01),
        see="Every measurement lies in its healthy range; the loss is nll + KL.",
        mend="Nothing to mend.",
    ),
    Fault(
        "mean_nll", "reconstruction averaged over pixels and batch, KL summed", "C: Fashion-MNIST notebook",
        "beta", (1e3, INF), loss=mean_nll,
        see="The effective β is pixels × batch, 78,400 for 28×28 pixels and 100 images: every KL goes to 0, and all "
            "images are rebuilt as one grey mean.",
        mend="One unit for both terms, nats per image: sum over pixels and latents, average over the batch.",
    ),
    Fault(
        "mean_kl", "reconstruction summed, KL averaged over batch and latents", "B: lecture slides",
        "beta", (1e-5, 0.1), loss=mean_kl,
        see="The effective β is 1 / (batch × latents), a two-thousandth here: the reconstructions are sharp, the KL is "
            "high, and samples from N(0, I) are no digits. With β = 0 it looks the same; only the measured β tells.",
        mend="One unit for both terms, nats per image: sum over pixels and latents, average over the batch.",
    ),
    Fault(
        "no_kl", "no KL at all: β = 0", "any VAE with the second term forgotten", "beta", (0, 1e-6), loss=no_kl,
        see="The effective β is 0: the KL is high and the codes lie far from N(0, I), so samples are no digits.",
        mend="Add the KL to the loss, in nats per image.",
    ),
    Fault(
        "beta_50", "β = 50", "a β-VAE with its β too large", "beta", (10, 1e3), loss=beta_50,
        see="The effective β is 50: a nat of code would have to save 50 nats of reconstruction. Hardly any does, so "
            "the latents fall asleep.",
        mend="β = 1; where a larger one is wanted, raise it slowly and watch the KL of each latent.",
    ),
    Fault(
        "sigma_4", "σ⁴ in place of σ² in the KL", "A: lecture slides", "rest_sigma", (0.8, 0.88), loss=sigma_4,
        see="A latent that carries nothing rests where its own KL is least: at σ = 1 if the KL is right, here at "
            "2^(−1/4) = 0.84.",
        mend="½ Σ (μ² + σ² − log σ² − 1), with σ² = exp(logvar), not squared again.",
    ),
    Fault(
        "wrong_sign", "log σ² added in the KL, not subtracted", "A: lecture slides, as transcribed",
        "least_sigma", (0, 1e-8), loss=wrong_sign,
        see="The loss falls and falls, below 0 too: it has no lower bound, since log σ² has none. σ goes to 0, and "
            "each code shrinks to a point.",
        mend="½ Σ (μ² + σ² − log σ² − 1): the log term is what keeps σ from 0.",
    ),
    Fault(
        "logvar_as_sigma", "logvar used as σ: z = μ + logvar · ε", "B: lecture slides, which call log σ² “σ”",
        "noise", (0, 0.4), draw=logvar_as_sigma,
        see="The noise in z is not the σ that the KL is told of. At logvar = 0 the KL thinks σ = 1, which costs "
            "nothing, and there is no noise at all: the code gets through for free, and the bound looks too good.",
        mend="z = μ + exp(logvar / 2) · ε.",
    ),
    Fault(
        "leaky_heads", "leaky ReLU and dropout on μ and log σ²", "D: blog post on MNIST at 32×32",
        "below_zero", (0, 0.1), change=leaky_heads,
        see="Hardly any μ lies below 0, and hardly any σ below 1: half of the plane is out of reach.",
        mend="Nothing follows the two heads: μ and log σ² may be any number.",
    ),
    Fault(
        "block_at_the_end", "batch norm, activation and dropout after the last layer", "A: lecture slides",
        "zeroed", (0.3, 0.7), change=block_at_the_end,
        see="In training half of the output pixels are exactly 0, and no logit is much below 0: the paper never gets "
            "white.",
        mend="The decoder ends in its last linear or convolutional layer: its output is the logits.",
    ),
    Fault(
        "one_epsilon", "one ε for the whole batch", "A: lecture slides", "gradient_noise", (5, INF), draw=one_epsilon,
        see="The gradient is right on average, but its variance is many times as large: the errors of the images of a "
            "batch no longer cancel. The curves tremble, the pictures are nearly as good.",
        mend="torch.randn_like(mu): an ε for each image and latent.",
    ),
    Fault(
        "encode_in_train", "encoded in train mode, with dropout at work", "A: lecture slides",
        "two_encodings", (0.05, INF), change=dropout_in_encoder, encode=encode_in_train,
        see="Encode an image twice: the two codes differ. torch.no_grad() stops gradients, not dropout.",
        mend="model.eval() before encoding, model.train() before training on.",
    ),
    Fault(
        "bright_targets", "pixels scaled to 16/15: targets above 1", "E: lecture notes", "brightest", (1.05, INF),
        data=up_to_16_15,
        see="The brightest pixel that the loss is given is above 1. There cross-entropy has no minimum: the logit may "
            "grow for ever, and the loss falls with it.",
        mend="Divide by the largest value that a pixel can have: 16 where they go from 0 to 16.",
    ),
]}


def fault_named(key):
    """The ``Fault`` of that key; ValueError with the keys that there are, if it is none."""
    if isinstance(key, str) and key in FAULTS:
        return FAULTS[key]
    near = difflib.get_close_matches(str(key), FAULTS, n=1)
    meant = f" Did you mean {near[0]!r}?" if near else ""
    raise ValueError(f"there is no fault {key!r}.{meant} There are {', '.join(FAULTS)}")
