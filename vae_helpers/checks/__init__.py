"""Checks of the exercises: each draws fresh random inputs and names the mistake that was made.

``checks.rmse(my_rmse)`` gives a ``Verdict``: right, not yet (and why), or not
solved yet. It never raises, so that Run All goes on past an unsolved exercise,
and it keeps what was written in ``answers/``.
"""

from vae_helpers.checks.autoencoder import conv_size, nearest_code, one_step, pictures, rmse, steady_codes
from vae_helpers.checks.bound import beta_of_sigma, bound, image_nll, log_mean
from vae_helpers.checks.divergence import discrete_kl, kl_div_call, kl_monte_carlo, kl_to_normal, kl_two_normals
from vae_helpers.checks.gaussian import (
    correlated_pair,
    gaussian_sample,
    log_density,
    mixture_log_density,
    score_gradient,
)
from vae_helpers.checks.verdict import Verdict
from vae_helpers.checks.welcome import brightness

__all__ = [
    "Verdict", "beta_of_sigma", "bound", "brightness", "conv_size", "correlated_pair", "discrete_kl",
    "gaussian_sample", "image_nll", "kl_div_call", "kl_monte_carlo", "kl_to_normal", "kl_two_normals", "log_density",
    "log_mean", "mixture_log_density", "nearest_code", "one_step", "pictures", "rmse", "score_gradient",
    "steady_codes",
]
