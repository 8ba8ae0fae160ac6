"""What is minimised, and the rulers beside it.

One unit: nats per image, summed over pixels and latents. Functions that give
one number for each image return shape (N,): take ``.mean()`` for the batch.
"""

import math

import torch
from torch.nn import functional as F

from vae_helpers import effective


def rmse(x_hat, x):
    """Root of the mean squared error over all pixels of all images: pixel units, shape ().

    Defined in notebook 01, as A. Behera's slides (2022), eq. 2, have it. ``x_hat``
    and ``x`` have one shape, (N, C, H, W). 0 is perfect; 0.1 is a tenth of the
    way from black to white.
    """
    return F.mse_loss(x_hat, x).sqrt()


def psnr(x_hat, x):
    """Peak signal-to-noise ratio of each image, in decibels, shape (N,): 10 log10(1 / mean squared error).

    Written in an exercise of notebook 09. ``x_hat`` and ``x`` (N, C, H, W) in [0, 1], so the peak is 1. 20 dB: a root
    mean squared error of 0.1; 6 dB more halve it. Infinite where the two are equal.
    """
    return -10 * (x_hat - x).square().flatten(1).mean(1).log10()


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


def picture_nll(logits, x, sigma):
    """``gaussian_nll`` around the picture of a decoder that gives logits, sigmoid(logits): nats per image, shape (N,)."""
    return gaussian_nll(torch.sigmoid(logits), x, sigma)


def kl_per_latent(mu, logvar):
    """KL(N(μ, σ²) ‖ N(0, 1)) of each image and latent, in nats, shape (N, d): ½ (μ² + σ² − log σ² − 1).

    Derived in notebook 04; Kingma & Welling 2013 (arXiv 1312.6114), appendix B.
    ``mu`` and ``logvar`` (N, d). Never negative, and 0 only at μ = 0, σ = 1.
    """
    return (mu**2 + logvar.exp() - logvar - 1) / 2


def kl_to_standard_normal(mu, logvar):
    """KL(q(z | x) ‖ N(0, I)) of each image, in nats, shape (N,): ``kl_per_latent`` summed over the latents.

    Derived in notebook 04. The latents are independent under both, so their KLs add.
    """
    return kl_per_latent(mu, logvar).sum(-1)


def free_bits_kl(mu, logvar, free_bits):
    """Σ_j max(``free_bits``, mean over the batch of KL_j), in nats, shape (): what free bits charge for the KL.

    Kingma et al. 2016 (arXiv 1606.04934), the objective with free bits, with each latent a group of its own.
    ``mu`` and ``logvar`` (N, d); ``free_bits`` of 0 or more, the nats that each latent may
    have for free: below them nothing pulls it to the prior. Never below d · ``free_bits``.
    """
    return kl_per_latent(mu, logvar).mean(0).clamp(min=free_bits).sum()


def kl_normal(mu_q, logvar_q, mu_p, logvar_p):
    """KL(q ‖ p) of two diagonal Gaussians, in nats, shape (N,): each argument (N, d), or broadcasts to it.

    Derived in notebook 04: ½ Σ (log σ_p² − log σ_q² + (σ_q² + (μ_q − μ_p)²) / σ_p² − 1).
    The order matters: the mean is taken over q.
    """
    shift = (mu_q - mu_p) * (-logvar_p / 2).exp()
    return ((logvar_p - logvar_q + shift**2 + (logvar_q - logvar_p).exp() - 1) / 2).sum(-1)


def kl_full(mu_q, cov_q, mu_p, cov_p):
    """KL(q ‖ p) of two Gaussians with full covariance matrices, in nats, shape ().

    Derived in notebook 04; eq. 11 of A. Behera's slides (2022). Means (k,),
    covariances (k, k), symmetric and positive definite:
    ½ (log |Σ_p| − log |Σ_q| − k + tr(Σ_p⁻¹ Σ_q) + (μ_q − μ_p)ᵀ Σ_p⁻¹ (μ_q − μ_p)).
    """
    shift = mu_q - mu_p
    trace = torch.linalg.solve(cov_p, cov_q).trace()
    square = shift @ torch.linalg.solve(cov_p, shift)
    return (torch.logdet(cov_p) - torch.logdet(cov_q) - len(mu_q) + trace + square) / 2


def elbo(logits, x, mu, logvar):
    """The evidence lower bound of each image, in nats, shape (N,): log p(x | z) − KL(q(z | x) ‖ N(0, I)).

    Defined in notebook 03. ``logits`` (N, C, H, W) come from one draw z of
    q = N(mu, exp(logvar)), so this is an unbiased estimate; ``x`` of the same shape.
    """
    return -bernoulli_nll(logits, x) - kl_to_standard_normal(mu, logvar)


def effective_beta(likelihood, reconstruction=None, kl=None, *, batch=None, pixels=None, latents=None,
                   sigma=None, error=None, factor=1.0, output="logits", seed=0):
    """The β that a VAE's code really trains with, once both of its terms are in nats per image: a float.

    Codes sum and average as they please, and so weigh the KL by 0.001 or by 78,400 without saying so.
    Two terms averaged over unlike numbers of things, as in
    ``F.binary_cross_entropy(x_hat, x) + kl.sum()``, are read off thus:

    >>> effective_beta("bernoulli", reconstruction="mean", kl="sum", batch=100, pixels=784)
    78400.0

    likelihood
        What the reconstruction is the −log p(x | z) of. ``"bernoulli"``: a cross-entropy.
        ``"gaussian"``: a squared error Σ (x − x̂)², which is 2σ² times the nll of a Gaussian, so that its weight
        depends on ``sigma``: 1, or √½, against which it counts as it stands. ``"rmse"``:
        the root of the mean squared error; its slope falls as it grows, so the current ``error`` is needed too.
    reconstruction, kl
        How each term is reduced: ``"sum"``, ``"mean"`` (over batch and pixels, or batch and latents), or what it
        is averaged over and not summed: ``"batch"``, ``"pixels"``, ``"latents"`` or a tuple of two. (A mean
        of what was summed already changes nothing: that is a sum.) Or both are the functions of the code:
        see below.
    batch, pixels, latents
        How many: ``pixels`` = C·H·W, or (C, H, W). Those that do not change β may be left out.
    factor
        What the code multiplies its KL with, divided by what it multiplies its reconstruction with.
        A KL that lacks its ½ has 2.

    Two functions, ``reconstruction(x_hat, x)`` and ``kl(mu, logvar)``, each giving one number, are measured: β is
    the ratio of their gradients to those of ``bernoulli_nll`` or ``gaussian_nll`` and of ``kl_to_standard_normal``,
    means over the batch, on random inputs from ``seed``. ``x_hat`` and ``x`` are (batch, pixels), or (batch, C, H, W)
    if ``pixels`` is (C, H, W); all three sizes are needed. For a cross-entropy
    ``output="pixels"`` gives it probabilities in place of logits. If a gradient is not
    proportional to the right one, since a sign is wrong, say, or σ⁴ stands for σ², no β describes the code:
    ValueError says what was found. It is raised for arguments that cannot be read, too.
    """
    sizes = {"batch": batch, "pixels": pixels, "latents": latents}
    effective.check_arguments(likelihood, reconstruction, kl, sizes, sigma, error, factor, output)
    if not callable(kl):
        return float(factor * effective.weight_from_sums(likelihood, reconstruction, kl, sizes, sigma, error))

    def nll_per_image(y, x):
        return (bernoulli_nll(y, x) if likelihood == "bernoulli" else gaussian_nll(y, x, sigma)).mean()

    def kl_per_image(mu, logvar):
        return kl_to_standard_normal(mu, logvar).mean()

    references = (nll_per_image, kl_per_image)
    beta = effective.weight_from_gradients(likelihood, reconstruction, kl, references, sizes, error, output, seed)
    return float(factor * beta)
