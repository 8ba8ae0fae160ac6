"""The one exercise of notebook 00: it shows how a check works."""

import torch

from vae_helpers.checks.verdict import close, exercise, require, tensor


@exercise("00_brightness", "The mean over height and width is one number for each image.")
def brightness(answer, generator):
    """``answer(images)`` of images (N, C, H, W): their mean brightness, shape (N,)."""
    n = int(torch.randint(3, 9, (), generator=generator))
    images = torch.rand(n, 1, 28, 28, generator=generator)
    got = tensor(answer(images.clone()))
    require(not close(got, images.mean()),
            "this is one number for the whole batch; wanted is one for each image, shape (N,)")
    require(not close(got.squeeze(), images.sum((1, 2, 3))),
            "this is the sum over the pixels; the mean divides it by their number")
    require(not (got.dim() > 1 and close(got.squeeze(), images.mean((1, 2, 3)))),
            f"the numbers are right, the shape {tuple(got.shape)} is not: wanted ({n},), without dimensions of size 1")
    got = tensor(got, shape=(n,))
    require(close(got, images.mean((1, 2, 3))),
            "the numbers are not the means of the images; average over channel, height and width")
