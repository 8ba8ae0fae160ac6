"""What the learner moves: one Python file for each widget, and one JavaScript file where it has its own."""

from vae_helpers.widgets.latent_pad import LatentPad
from vae_helpers.widgets.prediction import Prediction, predict
from vae_helpers.widgets.sliders import explore

__all__ = ["LatentPad", "Prediction", "explore", "predict"]
