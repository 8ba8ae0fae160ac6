"""Layers that torch lacks, each defined in full in the notebook named in its docstring."""

import torch
from torch import nn


class BAD(nn.Module):
    """Batch norm, activation (leaky ReLU), dropout: the block of A. Behera's slides (2022).

    Defined in notebook 01. Shape (N, channels, H, W) in and out. In train mode
    a share ``dropout`` of the values is set to zero and the rest scaled up; in
    eval mode dropout is the identity and batch norm uses its running averages.
    """

    def __init__(self, channels, dropout=0.5):
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)
        self.activation = nn.LeakyReLU()
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        return self.dropout(self.activation(self.norm(x)))


class Reshape(nn.Module):
    """Give each element of the batch the shape ``shape``: (N, …) to (N, \\*shape).

    Defined in notebook 01. The counterpart of ``nn.Flatten``, which torch has.
    """

    def __init__(self, shape):
        super().__init__()
        self.shape = tuple(shape)

    def forward(self, x):
        return x.reshape(-1, *self.shape)


class Gaussian(nn.Module):
    """Two linear layers side by side: features (N, in_features) to ``mu, logvar``, each (N, latent_dim).

    Defined in notebook 02. ``logvar`` is log σ², any real number; nothing
    follows the two layers, since an activation there would put part of the
    Gaussians out of reach. The layer of A. Behera's slides (2022) draws the
    sample too; here ``sample`` does, so that mu and logvar can be looked at.
    """

    def __init__(self, in_features, latent_dim):
        super().__init__()
        self.mu = nn.Linear(in_features, latent_dim)
        self.logvar = nn.Linear(in_features, latent_dim)

    def forward(self, h):
        return self.mu(h), self.logvar(h)


def sample(mu, logvar, generator=None):
    """One draw z = μ + σε for each image and latent: shape of ``mu``, (N, latent_dim).

    Defined in notebook 02. The gradient passes to ``mu`` and ``logvar``
    (Kingma & Welling 2013, arXiv 1312.6114; Rezende et al. 2014, arXiv 1401.4082).
    ``generator``: where ε comes from; torch's global one by default.
    """
    eps = torch.randn(mu.shape, generator=generator, dtype=mu.dtype, device=mu.device)
    return mu + (logvar / 2).exp() * eps
