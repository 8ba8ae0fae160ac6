"""Checks of the exercises: each draws fresh random inputs and names the mistake that was made.

``checks.rmse(my_rmse)`` gives a ``Verdict``: right, not yet (and why), or not
solved yet. It never raises, so that Run All goes on past an unsolved exercise,
and it keeps what was written in ``answers/``.
"""

from vae_helpers.checks.autoencoder import conv_size, nearest_code, one_step, pictures, rmse, steady_codes
from vae_helpers.checks.verdict import Verdict
from vae_helpers.checks.welcome import brightness

__all__ = [
    "Verdict", "brightness", "conv_size", "nearest_code", "one_step", "pictures", "rmse", "steady_codes",
]
