"""Log-densities of Gaussians, in nats: what the formulas of notebooks 02 to 04 are made of.

Where ``torch.distributions`` has the same, the tests hold these against it.
"""

import math

import torch


def log_normal(x, mu, logvar):
    """log N(x; μ, diag σ²), summed over the last dimension: (…, d) to (…).

    Defined in notebook 02. ``x``, ``mu`` and ``logvar`` broadcast against one another.
    (Times exp(−½ log σ²) before the square: neither value nor gradient overflows for very small σ.)
    """
    square = ((x - mu) * (-logvar / 2).exp()) ** 2
    return -((math.log(2 * math.pi) + logvar + square) / 2).sum(-1)


def covariance(sigma_1, sigma_2, rho):
    """The covariance matrix (2, 2) of a pair with standard deviations σ₁, σ₂ and correlation ρ in (−1, 1).

    Defined in notebook 02. Beside the diagonal stands the covariance ρσ₁σ₂.
    """
    beside = rho * sigma_1 * sigma_2
    return torch.tensor([[sigma_1**2, beside], [beside, sigma_2**2]])


def log_normal_full(x, mu, cov):
    """log N(x; μ, Σ) for points (…, k), a mean (k,) and a covariance matrix (k, k): shape (…).

    Defined in notebook 02. By the Cholesky factor L of Σ = LLᵀ: with ε = L⁻¹(x − μ) the exponent
    is −|ε|²/2 and the root of the determinant is the product of L's diagonal.
    """
    scale = torch.linalg.cholesky(cov)
    eps = torch.linalg.solve_triangular(scale, (x - mu).unsqueeze(-1), upper=False)
    log_volume = scale.diagonal().log().sum() + len(mu) * math.log(2 * math.pi) / 2
    return -(eps**2).sum((-2, -1)) / 2 - log_volume


def log_mixture(x, log_weights, mu, logvar):
    """log Σₘ P(m) N(x; μₘ, σₘ²) of points (N, d): shape (N,).

    Defined in notebook 02. ``log_weights`` (M,), the logarithms of weights that
    add up to 1; ``mu`` and ``logvar`` (M, d). Summed by ``logsumexp``, so that
    far out, where every density underflows, the logarithm does not.
    """
    return torch.logsumexp(log_weights + log_normal(x.unsqueeze(-2), mu, logvar), -1)
