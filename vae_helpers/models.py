"""The networks: an encoder gives codes, or ``mu, logvar``; a decoder gives logits (the linear one gives pixels).

``output`` says which: the sigmoid of ``"logits"`` is the picture, ``"pixels"``
are the picture. ``decode`` and ``reconstruct`` know the difference.
"""

import json
from contextlib import contextmanager
from math import prod
from pathlib import Path

import torch
from torch import nn

from vae_helpers import weights
from vae_helpers.architectures import (
    OnBoth,
    conv32_decoder,
    conv32_encoder,
    conv_decoder,
    conv_encoder,
    faces_decoder,
    faces_encoder,
    fashion_decoder,
    fashion_encoder,
    mlp_decoder,
    mlp_encoder,
    narrow_decoder,
    narrow_encoder,
)
from vae_helpers.files import weights_folder
from vae_helpers.layers import Gaussian, Reshape, sample


class LinearAutoencoder(nn.Module):
    """One linear layer down to ``latent_dim`` numbers, one back: PCA's kin (C. Ryu's notes, 784-20-784).

    Defined in notebook 01. Takes and gives (N, C, H, W); its output is pixels,
    not logits, and is not held inside [0, 1].
    """

    output = "pixels"

    def __init__(self, latent_dim=20, shape=(1, 28, 28)):
        super().__init__()
        self.shape, self.latent_dim = tuple(shape), latent_dim
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(prod(shape), latent_dim))
        self.decoder = nn.Sequential(nn.Linear(latent_dim, prod(shape)), Reshape(shape))

    def forward(self, x):
        return self.decoder(self.encoder(x))


class Autoencoder(nn.Module):
    """An encoder and a decoder, end to end: (N, C, H, W) to codes (N, latent_dim) to logits (N, C, H, W).

    Defined in notebook 01. The sigmoid of the logits is the picture.
    """

    output = "logits"

    def __init__(self, encoder, decoder, latent_dim, shape=(1, 28, 28)):
        super().__init__()
        self.shape, self.latent_dim = tuple(shape), latent_dim
        self.encoder, self.decoder = encoder, decoder

    def forward(self, x):
        return self.decoder(self.encoder(x))


class VAE(nn.Module):
    """A variational autoencoder (Kingma & Welling 2013, arXiv 1312.6114): images (N, C, H, W) to ``logits, mu, logvar``.

    Defined in notebook 03. ``encoder`` gives ``mu, logvar``, both (N, latent_dim), as ``gaussian_encoder``
    makes it; ``decoder`` gives logits (N, C, H, W) of one draw z = μ + σε. It
    draws in eval mode too: for pictures take ``reconstruct``, which decodes μ.
    """

    output = "logits"

    def __init__(self, encoder, decoder, latent_dim, shape=(1, 28, 28)):
        super().__init__()
        self.shape, self.latent_dim = tuple(shape), latent_dim
        self.encoder, self.decoder = encoder, decoder

    def forward(self, x):
        mu, logvar = self.encoder(x)
        return self.decoder(sample(mu, logvar)), mu, logvar


def gaussian_encoder(encoder):
    """An encoder that ends in a linear layer, with a ``Gaussian`` layer of the same sizes in its place.

    Defined in notebook 02. The layers before it are shared with ``encoder``, not copied.
    """
    *body, last = encoder
    return nn.Sequential(*body, Gaussian(last.in_features, last.out_features))


PRESETS = {
    "linear": "784-20-784, no activation: C. Ryu's linear autoencoder",
    "mlp": "784-400-20 and back: twenty thousand images a second and more on two cores",
    "mlp2": "784-400-128-2 and back: one layer more, which a code of two numbers needs",
    "conv": "A. Behera's four convolutions of 32, 64, 64, 64 channels and their mirror, 2 latents",
    "vae": "mlp with a Gaussian layer for its last: the fast VAE, 20 latents",
    "vae2": "mlp2 with a Gaussian layer for its last: the fast VAE with a plane of codes, 2 latents",
    "conv_vae": "conv with a Gaussian layer for its last: A. Behera's VAE, 2 latents",
    "fashion_vae": "four 3×3 convolutions of 32, 64, 72, 64 channels, of a notebook on Fashion-MNIST, 64 latents",
    "vae32": "A. Nikhade's four 4×4 convolutions of 8, 16, 32, 64 channels, for pictures of 32×32, 20 latents",
    "deep_vae": "784-400-400-20 and back: a VAE with one hidden layer more than vae, 20 latents",
    "faces_vae": "five 4×4 convolutions of 32 to 256 channels, 1024 features, of lecture slides on faces, 64 latents",
    "narrow_vae": "five 4×4 convolutions of 16 to 64 channels, for pictures of 3×128×128, 30 latents: small and live",
    "deep_vae2": "784-400-200-100-2 and back: the deepest of the fast VAEs, for a plane of codes, 2 latents",
}
HIDDEN = {"mlp": (400,), "mlp2": (400, 128), "vae": (400,), "vae2": (400, 128)}
HIDDEN |= {"deep_vae": (400, 400), "deep_vae2": (400, 200, 100)}
LATENTS = {"linear": 20, "mlp": 20, "vae": 20, "deep_vae": 20, "vae32": 20, "fashion_vae": 64}  # the others: 2
LATENTS |= {"faces_vae": 64, "narrow_vae": 30}
SHAPES = {"vae32": (1, 32, 32), "faces_vae": (3, 128, 128), "narrow_vae": (3, 128, 128)}  # the others: (1, 28, 28)


def build(preset, latent_dim=None, as_published=False, shape=None):
    """A fresh network by name; ``PRESETS`` says what each is.

    ``latent_dim``: by default the one that ``PRESETS`` names. ``shape``: (C, H, W) of
    one image, by default (1, 28, 28), (1, 32, 32) for ``vae32``, (3, 128, 128) for the two of faces.
    ``as_published=True`` gives the published net with its faults, for the
    lessons that break and mend it. For ``conv`` and ``conv_vae``: dropout of one half in every
    block and a BAD block after the last layer; the mended net drops nothing
    (on a picture's way through two numbers dropout costs quality and time). For
    ``vae32``: leaky ReLU and dropout on μ and on log σ², and no activation before
    those two heads. The other presets have no faults to mend; their published
    training may (``losses.effective_beta``). Every net but ``linear`` ends in logits, where
    the published ones have a sigmoid: that changes no picture, and the loss no longer overflows.

    Weights are drawn from torch's global generator: call ``torch.manual_seed``
    first for the same net twice.
    """
    if preset not in PRESETS:
        raise ValueError(f"unknown preset {preset!r}: there are {', '.join(PRESETS)}")
    if latent_dim is None:
        latent_dim = LATENTS.get(preset, 2)
    if latent_dim < 1:
        raise ValueError(f"a code has one number at least: latent_dim cannot be {latent_dim}")
    if shape is None:
        shape = SHAPES.get(preset, (1, 28, 28))
    if preset == "linear":
        return LinearAutoencoder(latent_dim, shape)
    encoder, decoder = _coders(preset, latent_dim, as_published, shape)
    if "vae" not in preset:
        return Autoencoder(encoder, decoder, latent_dim, shape)
    encoder = gaussian_encoder(encoder)
    if preset == "vae32" and as_published:
        encoder.append(OnBoth(nn.LeakyReLU(), nn.Dropout(0.2)))
    return VAE(encoder, decoder, latent_dim, shape)


def _coders(preset, latent_dim, as_published, shape):
    """The encoder, ending in a linear layer, and the decoder of a preset; ValueError for a shape they cannot take."""
    if preset in HIDDEN:
        hidden = HIDDEN[preset]
        return mlp_encoder(latent_dim, shape, hidden), mlp_decoder(latent_dim, shape, hidden)
    if preset == "vae32":
        if tuple(shape[1:]) != (32, 32):
            raise ValueError(
                f"vae32 takes pictures of 32×32, not {shape}: load mnist32, or put a margin of two pixels "
                "around 28×28 with torch.nn.functional.pad(images, (2, 2, 2, 2))"
            )
        return conv32_encoder(latent_dim, shape, as_published), conv32_decoder(latent_dim, shape)
    if preset in ("faces_vae", "narrow_vae"):
        if tuple(shape[1:]) != (128, 128):
            raise ValueError(f'{preset} takes pictures of 128×128, not {shape}: load("faces"), or a folder with size=128')
        if preset == "faces_vae":
            return faces_encoder(latent_dim, shape), faces_decoder(latent_dim, shape)
        return narrow_encoder(latent_dim, shape), narrow_decoder(latent_dim, shape)
    if shape[1] % 4 or shape[2] % 4:
        raise ValueError(f"{preset} halves its pictures twice: height and width must be multiples of 4, not {shape}")
    if preset == "fashion_vae":
        return fashion_encoder(latent_dim, shape), fashion_decoder(latent_dim, shape)
    dropout = 0.5 if as_published else 0.0
    return conv_encoder(latent_dim, shape, dropout), conv_decoder(latent_dim, shape, dropout, as_published)


def pretrained(name, folder=None):
    """A trained network that the course ships, by the name of its file: float32, in eval mode.

    ``folder``: where ``name.safetensors`` lies, by default ``data/weights``.
    ``model.metadata`` is what the file says of itself, a dict of texts: how
    ``vae_helpers.recipes`` trained it (``preset``, ``dataset``, ``phases``, ``beta`` …)
    and the scores of these very weights on the test set (``test_elbo`` …).

    ValueError, with the names that there are, for any other; FileNotFoundError
    if there is none at all; WeightsError if the file is damaged or does not
    say which network it belongs to. Torch's global generator is left as it was.
    """
    folder = weights_folder() if folder is None else Path(folder)
    names = sorted(path.stem for path in folder.glob("*.safetensors"))
    if not names:
        raise FileNotFoundError(
            f"no trained networks in {folder}: fetch the folder again from the course's repository "
            "(`git checkout data/weights`), or `make weights` trains them anew"
        )
    if name not in names:
        raise ValueError(f"no trained network {name!r} in {folder}: there are {', '.join(names)}")
    path = folder / f"{name}.safetensors"
    metadata = weights.read_metadata(path)
    try:
        shape = tuple(json.loads(metadata["shape"]))
        with torch.random.fork_rng(devices=[]):
            model = build(metadata["preset"], int(metadata["latent_dim"]), shape=shape)
    except (KeyError, ValueError, TypeError) as error:
        raise weights.WeightsError(
            f"{path} does not say which network it belongs to ({type(error).__name__}: {error}). If you know it, "
            "build it, and weights.load puts the weights in"
        ) from error
    weights.load(model, path)
    model.metadata = metadata
    return model.eval()


@contextmanager
def in_eval(model):
    """Inside, ``model`` is in eval mode; afterwards each of its parts is in the mode it was in, after an error too."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


@torch.no_grad()
def encode(model, x):
    """Codes (N, latent_dim) of images (N, C, H, W), without gradient, in eval mode; of a VAE the means μ.

    Defined in notebook 01. Eval mode, since in train mode dropout and batch
    statistics give one image another code each time; the mode is put back.
    """
    was_training = model.training
    model.eval()
    z = model.encoder(x)
    model.train(was_training)
    return z[0] if isinstance(z, tuple) else z


@torch.no_grad()
def decode(model, z):
    """Pictures (N, C, H, W) of codes (N, latent_dim), in pixels, without gradient, in eval mode.

    Defined in notebook 01.
    """
    was_training = model.training
    model.eval()
    y = model.decoder(z)
    model.train(was_training)
    return torch.sigmoid(y) if model.output == "logits" else y


def reconstruct(model, x):
    """Images (N, C, H, W), through the bottleneck and back, in pixels. Defined in notebook 01."""
    return decode(model, encode(model, x))
