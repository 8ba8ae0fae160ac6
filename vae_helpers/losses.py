"""What is minimised, and the rulers beside it.

One unit: nats per image, summed over pixels and latents. Functions that give
one number for each image return shape (N,): take ``.mean()`` for the batch.
"""

import math

import torch
from torch.nn import functional as F


def rmse(x_hat, x):
    """Root of the mean squared error over all pixels of all images: pixel units, shape ().

    Defined in notebook 01, as A. Behera's slides (2022), eq. 2, have it. ``x_hat``
    and ``x`` have one shape, (N, C, H, W). 0 is perfect; 0.1 is a tenth of the
    way from black to white.
    """
    return F.mse_loss(x_hat, x).sqrt()


def bernoulli_nll(logits, x):
    """−log p(x | z) of a Bernoulli decoder, nats per image, shape (N,).

    ``logits`` (N, C, H, W), before the sigmoid, any real number; ``x`` of the
    same shape in [0, 1]. For pixels strictly between 0 and 1 this is the cross-entropy
    ``−Σ x log p + (1 − x) log(1 − p)``: the loss in use everywhere, though a
    likelihood only for x in {0, 1}. Works on logits, so that nothing overflows.
    """
    return F.binary_cross_entropy_with_logits(logits, x, reduction="none").flatten(1).sum(1)


def gaussian_nll(mean, x, sigma):
    """−log p(x | z) of a Gaussian decoder with standard deviation ``sigma``, nats per image, shape (N,).

    ``mean`` and ``x`` (N, C, H, W); ``sigma`` > 0, a number or a tensor that
    broadcasts to ``x``. The squared error over 2σ², plus what makes it a
    density: ``Σ (x − mean)²/(2σ²) + log σ + ½ log 2π``. It may be negative.
    """
    sigma = torch.as_tensor(sigma, dtype=x.dtype, device=x.device)
    nll = ((x - mean) / sigma) ** 2 / 2 + sigma.log() + math.log(2 * math.pi) / 2
    return nll.flatten(1).sum(1)
