"""What ``fit`` minimises: the loss of an autoencoder, and the two terms of a VAE's with β, warm-up and free bits."""

from __future__ import annotations

import math

import torch

from vae_helpers.history import check_beta
from vae_helpers.losses import bernoulli_nll, free_bits_kl, kl_to_standard_normal
from vae_helpers.models import in_eval
from vae_helpers.noise import noise_of_its_own


def reconstruction_loss(model, x):
    """How badly ``model`` rebuilds ``x`` (N, C, H, W): nats per image, mean over the batch, shape ().

    Defined in notebook 01. For models whose output is logits.
    """
    return bernoulli_nll(model(x), x).mean()


def squared_error(model, x):
    """Squared error of the rebuilt pixels, summed over pixels, mean over the batch, shape ().

    Defined in notebook 01. For models whose output is pixels.
    """
    return (model(x) - x).square().flatten(1).sum(1).mean()


def elbo_terms(model, x):
    """The two terms of a VAE's loss on ``x`` (N, C, H, W), in nats per image, means over the batch.

    Defined in notebook 03. ``(nll, kl)``, both of shape (): −log p(x | z) at one draw z for each
    image, and KL(q(z | x) ‖ N(0, I)). The ELBO is −(nll + kl).
    """
    logits, mu, logvar = model(x)
    return bernoulli_nll(logits, x).mean(), kl_to_standard_normal(mu, logvar).mean()


def negative_elbo(model, x, beta=1.0):
    """nll + β · KL of a VAE on ``x`` (N, C, H, W), in nats per image, mean over the batch, shape ().

    Defined in notebook 03. At β = 1 it is the negative ELBO, at any other β
    the objective of the β-VAE (Higgins et al. 2017).
    """
    nll, kl = elbo_terms(model, x)
    return nll + beta * kl


def reconstruction_by(nll):
    """``reconstruction_loss`` under another likelihood: ``nll(output, x)`` gives nats per image, shape (N,)."""
    return reconstruction_loss if nll is bernoulli_nll else lambda model, x: nll(model(x), x).mean()


def terms_by(nll, free_bits):
    """``elbo_terms`` under another likelihood, ``nll(output, x)``: nats per image, shape (N,).

    With ``free_bits`` a third number follows: ``losses.free_bits_kl``, which
    then stands in the loss in place of the KL.
    """
    if nll is bernoulli_nll and not free_bits:
        return elbo_terms

    def terms(model, x):
        output, mu, logvar = model(x)
        both = nll(output, x).mean(), kl_to_standard_normal(mu, logvar).mean()
        return (*both, free_bits_kl(mu, logvar, free_bits)) if free_bits else both

    return terms


def check_kl(beta, warmup, free_bits, loss_of=None):
    """ValueError if these cannot act on the KL; ``loss_of`` says whose loss has no KL, None if there is one."""
    check_beta(beta, loss_of)
    for name, value in (("warmup", warmup), ("free_bits", free_bits)):
        if value != 0 and loss_of:
            raise ValueError(
                f"{name} acts on the KL in the default loss of a VAE; {loss_of} has no such term ({name}={value:g})"
            )
        if not (value >= 0 and math.isfinite(value)):
            raise ValueError(f"{name} must be 0 or more, and finite, not {value}")


def gives_mu_and_logvar(model, split, nll=bernoulli_nll):
    """Whether ``model`` is a VAE, by what it gives for one image: the class may be the learner's own.

    None if the model fails on it. ValueError if ``nll`` gives anything but one number for that image.
    """
    home = next(model.parameters()).device
    with in_eval(model), torch.no_grad(), noise_of_its_own(0, home):
        try:
            x = next(iter(split.batches(1, device=home)))
            output = model(x)
        except Exception:  # the first step meets it again, and there it is told with its history
            return None
        is_vae = isinstance(output, tuple) and len(output) == 3
        if nll is not bernoulli_nll:
            try:
                each = nll(output[0] if is_vae else output, x)
            except Exception:
                return is_vae
            shape = tuple(each.shape) if isinstance(each, torch.Tensor) else type(each).__name__
            if shape != (1,):
                raise ValueError(
                    "nll(output, x) must give one number for each image, shape (N,): nats, summed over its pixels, "
                    f"as losses.gaussian_nll does. For one image it gave {shape} where (1,) is wanted"
                )
    return is_vae
