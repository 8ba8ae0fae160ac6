"""What the learner moves: one Python file and one JavaScript file for each widget."""

from vae_helpers.widgets.prediction import Prediction, predict

__all__ = ["Prediction", "predict"]
