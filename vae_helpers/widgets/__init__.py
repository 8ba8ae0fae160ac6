"""What the learner moves: one Python file for each widget, and one JavaScript file where it has its own."""

from vae_helpers.widgets.bound_play import BoundPlay
from vae_helpers.widgets.break_it import BreakIt
from vae_helpers.widgets.draw_digit import DrawDigit
from vae_helpers.widgets.gaussian_play import GaussianPlay
from vae_helpers.widgets.kl_play import KLPlay
from vae_helpers.widgets.latent_pad import LatentPad
from vae_helpers.widgets.latent_sliders import LatentSliders
from vae_helpers.widgets.morph import Morph
from vae_helpers.widgets.prediction import Prediction, predict
from vae_helpers.widgets.training_view import TrainingView
from vae_helpers.widgets.twin_pads import TwinPads

__all__ = [
    "BoundPlay", "BreakIt", "DrawDigit", "GaussianPlay", "KLPlay", "LatentPad", "LatentSliders", "Morph",
    "Prediction", "TrainingView", "TwinPads", "predict",
]
