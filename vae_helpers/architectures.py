"""Encoders and decoders, layer by layer: plain functions that give an ``nn.Sequential``.

An encoder ends in a linear layer: images (N, C, H, W) to codes (N, latent_dim);
``models.gaussian_encoder`` puts a Gaussian layer in its place. A decoder gives
logits (N, C, H, W). ``models.build`` puts the two together, by name.
"""

from math import prod

from torch import nn

from vae_helpers.layers import BAD, Reshape


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


def fashion_encoder(latent_dim=64, shape=(1, 28, 28)):
    """The encoder of a public notebook on Fashion-MNIST: four 3×3 convolutions of 32, 64, 72, 64 channels.

    (N, C, H, W) to (N, latent_dim); H and W must be multiples of 4. Leaky ReLUs
    between; none after the last convolution, as published: what follows is linear too.
    """
    channels, strides = [shape[0], 32, 64, 72, 64], [1, 2, 2, 1]
    layers = []
    for c_in, c_out, stride in zip(channels, channels[1:], strides):
        layers += [nn.Conv2d(c_in, c_out, 3, stride, padding=1), nn.LeakyReLU()]
    flat = 64 * (shape[1] // 4) * (shape[2] // 4)
    return nn.Sequential(*layers[:-1], nn.Flatten(), nn.Linear(flat, latent_dim))


def fashion_decoder(latent_dim=64, shape=(1, 28, 28)):
    """The decoder of that notebook: (N, latent_dim) to logits (N, C, H, W).

    Its pictures grow 7, 7, 13, 27, 28: with no ``output_padding`` a transposed
    convolution of stride 2 leaves a row out, and a last kernel of 4 puts the one that lacks back.
    The published net ends in a sigmoid; here the loss holds it.
    """
    small = (64, shape[1] // 4, shape[2] // 4)
    return nn.Sequential(
        nn.Linear(latent_dim, prod(small)), Reshape(small),
        nn.ConvTranspose2d(64, 64, 3, stride=1, padding=1), nn.LeakyReLU(),
        nn.ConvTranspose2d(64, 72, 3, stride=2, padding=1), nn.LeakyReLU(),
        nn.ConvTranspose2d(72, 32, 3, stride=2, padding=0), nn.LeakyReLU(),
        nn.ConvTranspose2d(32, shape[0], 4, stride=1, padding=1),
    )


def conv32_encoder(latent_dim=20, shape=(1, 32, 32), as_published=False):
    """The encoder of A. Nikhade's post (2021): four 4×4 convolutions, 32×32 down to one pixel of 64 channels.

    (N, C, 32, 32) to (N, latent_dim). The published net has no activation between its
    last two linear layers, which are no more than one then; ``as_published=True``
    leaves it out. What the post puts on μ and log σ² is ``OnBoth``.
    """
    channels, paddings = [shape[0], 8, 16, 32, 64], [1, 1, 1, 0]
    layers = []
    for c_in, c_out, padding in zip(channels, channels[1:], paddings):
        layers += [nn.Conv2d(c_in, c_out, 4, stride=2, padding=padding), nn.BatchNorm2d(c_out), nn.LeakyReLU()]
    between = [] if as_published else [nn.LeakyReLU()]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(64, 128), *between, nn.Linear(128, latent_dim))


def conv32_decoder(latent_dim=20, shape=(1, 32, 32)):
    """The decoder of that post: (N, latent_dim) to logits (N, C, 32, 32), by four transposed convolutions.

    Left out are the published net's sigmoid, which the loss holds, and its up-sampling layers: it
    declares them and never calls them. Dropout of a fifth of the first layer's 64 features is no fault, and stays.
    """
    channels, paddings = [64, 64, 32, 16, shape[0]], [0, 1, 1, 1]
    layers = [nn.Linear(latent_dim, 64), nn.LeakyReLU(), nn.Dropout(0.2), Reshape((64, 1, 1))]
    for c_in, c_out, padding in zip(channels, channels[1:], paddings):
        layers += [nn.ConvTranspose2d(c_in, c_out, 4, stride=2, padding=padding), nn.BatchNorm2d(c_out), nn.LeakyReLU()]
    return nn.Sequential(*layers[:-2])


FACES = (32, 64, 128, 256, 256)  # channels
NARROW_IN, NARROW_OUT = (16, 24, 32, 48, 64), (64, 40, 32, 16, 12)


def faces_encoder(latent_dim=64, shape=(3, 128, 128)):
    """For lecture slides' VAE on 3×128×128: five 4×4 convolutions of stride 2 to 2×2×256 = 1024 features.

    (N, 3, 128, 128) to (N, latent_dim). The slides (source B) print 1024 features and 64 latents, not the layers: the
    convolutions are our reconstruction. Without padding the sides go 128, 63, 30, 14, 6, 2.
    """
    channels, layers = [shape[0], *FACES], []
    for c_in, c_out in zip(channels, channels[1:]):
        layers += [nn.Conv2d(c_in, c_out, 4, stride=2), nn.ReLU()]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(1024, latent_dim))


def faces_decoder(latent_dim=64, shape=(3, 128, 128)):
    """The mirror of ``faces_encoder``: (N, latent_dim) to logits (N, 3, 128, 128).

    The sides go 2, 6, 14, 30, 63, 128; the 63 wants one row more than a transposed convolution gives by itself.
    """
    channels = [*reversed(FACES), shape[0]]
    layers = [nn.Linear(latent_dim, 1024), nn.ReLU(), Reshape((256, 2, 2))]
    for number, (c_in, c_out) in enumerate(zip(channels, channels[1:])):
        layers += [nn.ConvTranspose2d(c_in, c_out, 4, stride=2, output_padding=int(number == 3)), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def narrow_encoder(latent_dim=30, shape=(3, 128, 128)):
    """Five 4×4 convolutions of stride 2 with batch norm, 16 to 64 channels: (N, 3, 128, 128) to (N, latent_dim)."""
    channels, layers = [shape[0], *NARROW_IN], []
    for c_in, c_out in zip(channels, channels[1:]):
        layers += [nn.Conv2d(c_in, c_out, 4, stride=2, padding=1), nn.BatchNorm2d(c_out), nn.LeakyReLU(0.1)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(64 * 4 * 4, latent_dim))


def narrow_decoder(latent_dim=30, shape=(3, 128, 128)):
    """The way back, (N, latent_dim) to logits (N, 3, 128, 128), in under ten million multiply-adds: live in a browser."""
    channels, layers = [*NARROW_OUT, shape[0]], [nn.Linear(latent_dim, 64 * 4 * 4), Reshape((64, 4, 4))]
    for c_in, c_out in zip(channels, channels[1:]):
        layers += [nn.BatchNorm2d(c_in), nn.LeakyReLU(0.1), nn.ConvTranspose2d(c_in, c_out, 4, stride=2, padding=1)]
    return nn.Sequential(*layers)


class OnBoth(nn.Module):
    """``layers`` after a Gaussian layer: on ``mu`` and on ``logvar``, each (N, latent_dim), one after the other.

    A fault, for the lesson that breaks and mends it: A. Nikhade's post (2021) has a leaky
    ReLU and dropout of a fifth here. Then σ hardly falls below 1, no mean is far below 0, and in
    train mode one number in five is 0.
    """

    def __init__(self, *layers):
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, gaussian):
        mu, logvar = gaussian
        return self.layers(mu), self.layers(logvar)
