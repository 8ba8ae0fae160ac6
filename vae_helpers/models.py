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
from vae_helpers.files import weights_folder
from vae_helpers.layers import BAD, Gaussian, Reshape, sample


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


def conv_encoder(latent_dim=2, shape=(1, 28, 28), dropout=0.5):
    """The encoder of A. Behera's slides (2022): four 3×3 convolutions, each with a BAD block.

    Defined in notebook 01. (N, C, H, W) to (N, latent_dim); H and W must be
    multiples of 4, since two of the convolutions halve them.
    """
    channels, strides = [shape[0], 32, 64, 64, 64], [1, 2, 2, 1]
    layers = []
    for c_in, c_out, stride in zip(channels, channels[1:], strides):
        layers += [nn.Conv2d(c_in, c_out, 3, stride, padding=1), BAD(c_out, dropout)]
    flat = 64 * (shape[1] // 4) * (shape[2] // 4)
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(flat, latent_dim))


def conv_decoder(latent_dim=2, shape=(1, 28, 28), dropout=0.5, as_published=False):
    """The mirror of ``conv_encoder``: (N, latent_dim) to logits (N, C, H, W).

    Defined in notebook 01. The published net has a BAD block after its last
    layer too, which zeroes half of the output pixels in training;
    ``as_published=True`` keeps it, for the lesson.
    """
    channels, strides = [64, 64, 64, 32, shape[0]], [1, 2, 2, 1]
    small = (64, shape[1] // 4, shape[2] // 4)
    layers = [nn.Linear(latent_dim, prod(small)), Reshape(small)]
    for c_in, c_out, stride in zip(channels, channels[1:], strides):
        conv = nn.ConvTranspose2d(c_in, c_out, 3, stride, padding=1, output_padding=stride - 1)
        layers += [conv, BAD(c_out, dropout)]
    return nn.Sequential(*(layers if as_published else layers[:-1]))


def mlp_encoder(latent_dim=2, shape=(1, 28, 28), hidden=(400, 128)):
    """Linear layers with ReLUs between: (N, C, H, W) to (N, latent_dim). Defined in notebook 01."""
    sizes = [prod(shape), *hidden]
    layers = [nn.Flatten()]
    for n_in, n_out in zip(sizes, sizes[1:]):
        layers += [nn.Linear(n_in, n_out), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(sizes[-1], latent_dim))


def mlp_decoder(latent_dim=2, shape=(1, 28, 28), hidden=(400, 128)):
    """The mirror of ``mlp_encoder``: (N, latent_dim) to logits (N, C, H, W). Defined in notebook 01."""
    sizes = [latent_dim, *reversed(hidden)]
    layers = []
    for n_in, n_out in zip(sizes, sizes[1:]):
        layers += [nn.Linear(n_in, n_out), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(sizes[-1], prod(shape)), Reshape(shape))


PRESETS = {
    "linear": "784-20-784, no activation: C. Ryu's linear autoencoder",
    "mlp": "784-400-20 and back: twenty thousand images a second and more on two cores",
    "mlp2": "784-400-128-2 and back: one layer more, which a code of two numbers needs",
    "conv": "A. Behera's four convolutions of 32, 64, 64, 64 channels and their mirror, 2 latents",
    "vae": "mlp with a Gaussian layer for its last: the fast VAE, 20 latents",
    "vae2": "mlp2 with a Gaussian layer for its last: the fast VAE with a plane of codes, 2 latents",
    "conv_vae": "conv with a Gaussian layer for its last: A. Behera's VAE, 2 latents",
}
TWINS = {"vae": "mlp", "vae2": "mlp2", "conv_vae": "conv"}


def build(preset, latent_dim=None, as_published=False, shape=(1, 28, 28)):
    """A fresh network by name; ``PRESETS`` says what each is.

    ``latent_dim``: by default the one that ``PRESETS`` names.
    ``as_published=True`` gives the published net with its faults, for the
    lessons that break and mend it: for ``conv`` dropout of one half in every
    block and a BAD block after the last layer. The mended net drops nothing
    (on a picture's way through two numbers dropout costs quality and time) and
    ends in logits; ``conv_vae`` likewise. The other presets have no faults to mend. ``shape``: (C, H, W) of one image.

    Weights are drawn from torch's global generator: call ``torch.manual_seed``
    first for the same net twice.
    """
    if preset not in PRESETS:
        raise ValueError(f"unknown preset {preset!r}: there are {', '.join(PRESETS)}")
    if preset in TWINS:
        twin = build(TWINS[preset], latent_dim, as_published, shape)
        return VAE(gaussian_encoder(twin.encoder), twin.decoder, twin.latent_dim, shape)
    if latent_dim is None:
        latent_dim = 20 if preset in ("linear", "mlp") else 2
    if latent_dim < 1:
        raise ValueError(f"a code has one number at least: latent_dim cannot be {latent_dim}")
    if preset == "linear":
        return LinearAutoencoder(latent_dim, shape)
    if preset in ("mlp", "mlp2"):
        hidden = (400,) if preset == "mlp" else (400, 128)
        encoder, decoder = mlp_encoder(latent_dim, shape, hidden), mlp_decoder(latent_dim, shape, hidden)
    else:
        if shape[1] % 4 or shape[2] % 4:
            raise ValueError(f"the conv net halves twice: height and width must be multiples of 4, not {shape}")
        dropout = 0.5 if as_published else 0.0
        encoder = conv_encoder(latent_dim, shape, dropout)
        decoder = conv_decoder(latent_dim, shape, dropout, as_published)
    return Autoencoder(encoder, decoder, latent_dim, shape)


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
