"""Notebook 03's toy: one latent, one pixel, and every integral of the theory to ten digits.

    z ~ N(0, 1),   x | z ~ N(g(z), σ²),   g(z) = (1 − bend) z + bend z²

At bend 0 the decoder is a line and the posterior p(z | x) a Gaussian; at bend 1
it is a bowl, and two values of z explain one x equally well. Everything is in float64.
"""

import torch

from vae_helpers.gaussians import log_normal

# 0.01 apart: for smooth humps wider than a few steps the trapezoid rule is exact to rounding
GRID = torch.linspace(-20, 20, 4001, dtype=torch.float64)


def bent(z, bend):
    """The toy's decoder g(z), of the shape of ``z``. Defined in notebook 03."""
    return (1 - bend) * z + bend * z**2


def log_gauss(x, mean, sigma):
    """log N(x; mean, σ²) of single numbers, elementwise, in float64. Defined in notebook 03."""
    x, mean, sigma = (torch.as_tensor(v, dtype=torch.float64) for v in (x, mean, sigma))
    return log_normal(x[..., None], mean[..., None], 2 * sigma[..., None].log())


def log_joint(x, z, bend, sigma=0.5):
    """log p(x, z) = log p(z) + log p(x | z), of the shape of ``z``. Defined in notebook 03."""
    return log_gauss(z, 0.0, 1.0) + log_gauss(x, bent(z, bend), sigma)


def integrate(values):
    """∫ values dz over ``GRID`` by the trapezoid rule, shape (). Defined in notebook 03."""
    return torch.trapezoid(values, GRID)


def split_evidence(x, mu, sigma_q, bend, sigma=0.5):
    """log p(x), ELBO and KL(q ‖ p(z | x)) for q = N(mu, sigma_q²): three numbers, each by its own integral.

    Defined in notebook 03. (Their sum fits for any joint density: a wrong model is not noticed
    by that.) ``sigma_q`` between 0.05 and 2 and ``mu`` between −4
    and 4 keep q inside ``GRID`` and wider than its steps.
    """
    joint, log_q = log_joint(x, GRID, bend, sigma), log_gauss(GRID, mu, sigma_q)
    q, log_evidence = log_q.exp(), integrate(joint.exp()).log()
    bound = integrate(q * (joint - log_q))
    gap = integrate(q * (log_q - (joint - log_evidence)))
    return log_evidence, bound, gap
