"""Checks of the exercises: each draws fresh random inputs and names the mistake that was made.

``checks.rmse(my_rmse)`` gives a ``Verdict``: right, not yet (and why), or not
solved yet. It never raises, so that Run All goes on past an unsolved exercise,
and it keeps what was written in ``answers/``.
"""

from vae_helpers.checks.alarms import alarm, put_back
from vae_helpers.checks.autoencoder import conv_size, nearest_code, one_step, pictures, rmse, steady_codes
from vae_helpers.checks.bound import beta_of_sigma, bound, image_nll, log_mean
from vae_helpers.checks.distances import discriminator_loss, perceptual_distance
from vae_helpers.checks.divergence import discrete_kl, kl_div_call, kl_monte_carlo, kl_to_normal, kl_two_normals
from vae_helpers.checks.evaluation import active_units, grey_floor, importance_log_p
from vae_helpers.checks.faces import conv_side, freed_direction
from vae_helpers.checks.gaussian import (
    correlated_pair,
    gaussian_sample,
    log_density,
    mixture_log_density,
    score_gradient,
)
from vae_helpers.checks.latent import attribute_direction, class_mean, straight_path
from vae_helpers.checks.limits import add_noise, best_answer, straight_through
from vae_helpers.checks.measures import bridge, mixture_gain, slant
from vae_helpers.checks.numpy_vae import (
    diagnosis,
    kl_gradient,
    linear_backward,
    nats_per_latent,
    sample_backward,
    tanh_layer,
)
from vae_helpers.checks.shares import neighbours_agree, recognised, wilson
from vae_helpers.checks.training import beta_of_code, free_bits, nats_per_image, warm_up
from vae_helpers.checks.uses import auc, complexity_free, psnr
from vae_helpers.checks.verdict import Verdict
from vae_helpers.checks.welcome import brightness

__all__ = [
    "Verdict", "active_units", "add_noise", "alarm", "attribute_direction", "auc", "best_answer", "beta_of_code",
    "beta_of_sigma", "bound", "bridge", "brightness", "class_mean", "complexity_free", "conv_side", "conv_size",
    "correlated_pair", "diagnosis", "discrete_kl", "discriminator_loss", "free_bits", "freed_direction",
    "gaussian_sample", "grey_floor", "image_nll", "importance_log_p", "kl_div_call", "kl_gradient", "kl_monte_carlo",
    "kl_to_normal", "kl_two_normals", "linear_backward", "log_density", "log_mean", "mixture_gain",
    "mixture_log_density", "nats_per_image", "nats_per_latent", "nearest_code", "neighbours_agree", "one_step",
    "perceptual_distance", "pictures", "psnr", "put_back", "recognised", "rmse", "sample_backward", "score_gradient",
    "slant", "steady_codes", "straight_path", "straight_through", "tanh_layer", "warm_up", "wilson",
]
