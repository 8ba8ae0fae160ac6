"""A VAE that is told the class: its label goes into the encoder and into the decoder."""

from math import prod

import torch
from torch import nn
from torch.nn import functional as F

from vae_helpers.layers import Gaussian, Reshape, sample


class ConditionalVAE(nn.Module):
    """A conditional VAE: images (N, C, H, W) and labels (N,) to ``logits, mu, logvar``, as ``models.VAE`` gives them.

    Defined in notebook 09. Kingma et al. 2014 (arXiv 1406.5298), model M2 with all labels known; Sohn, Lee & Yan 2015.
    The label, 0 to ``classes`` − 1, is joined as a one-hot vector to the pixels and to z, so its bound is one of
    log p(x | label), with the prior N(0, I) whatever the label. ``encode(x, labels)`` gives ``mu, logvar``, both
    (N, latent_dim); ``decode(z, labels)`` gives logits (N, C, H, W): ask for any class with any z.
    """

    def __init__(self, latent_dim=2, classes=10, shape=(1, 28, 28), hidden=400):
        super().__init__()
        self.shape, self.latent_dim, self.classes = tuple(shape), latent_dim, classes
        self.encoder = nn.Sequential(
            nn.Linear(prod(shape) + classes, hidden), nn.ReLU(),
            Gaussian(hidden, latent_dim))
        self.decoder = nn.Sequential(
            nn.Linear(latent_dim + classes, hidden), nn.ReLU(),
            nn.Linear(hidden, prod(shape)), Reshape(shape))

    def joined(self, numbers, labels):
        """(N, …) and labels (N,): each row flat, with its label's one-hot vector at its end."""
        one_hot = F.one_hot(labels, self.classes).to(numbers)
        return torch.cat([numbers.flatten(1), one_hot], dim=1)

    def encode(self, x, labels):
        """``mu, logvar`` of images (N, C, H, W) of these classes (N,), both (N, latent_dim)."""
        return self.encoder(self.joined(x, labels))

    def decode(self, z, labels):
        """Logits (N, C, H, W) of codes (N, latent_dim) as pictures of these classes (N,)."""
        return self.decoder(self.joined(z, labels))

    def forward(self, x, labels):
        mu, logvar = self.encode(x, labels)
        return self.decode(sample(mu, logvar), labels), mu, logvar
