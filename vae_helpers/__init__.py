"""What the notebooks define, kept for the notebooks after them.

Import the floor you need: ``from vae_helpers import layers, losses, models``.
Nothing heavy is imported here, so that ``import vae_helpers`` costs little.
"""
