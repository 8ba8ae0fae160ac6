"""Where the likelihood fools: scores of two data sets under two models, made by ``make weights`` for notebook 09.

A VAE that learned clothes finds digits more likely than clothes it has not seen (Nalisnick et al. 2018,
arXiv 1810.09136). Here 2,000 test images of Fashion-MNIST and of MNIST are scored by a model of each, in grey and in
black and white, and the length is kept that two compressors, which know no data set, give each picture.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass, fields
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from vae_helpers import data, models
from vae_helpers.files import histories_folder, whole_file
from vae_helpers.layers import sample
from vae_helpers.losses import bernoulli_nll, kl_to_standard_normal
from vae_helpers.weights import WeightsError

MODELS, IMAGES, COUNT = ("fashion_vae20", "mnist_vae20"), ("fashion", "mnist"), 2_000


@dataclass
class Scores:
    """One data set under one model: a number for each image in each field, float32 (2000,).

    ``grey``: −ELBO of the picture in grey levels, nats, by ``bernoulli_nll`` and one draw of z. ``floor``: the least
    that its nll can be, the entropy of its greys. ``nll`` and ``kl``: the two parts of −ELBO of the picture
    in black and white, drawn once (``Split.binarised``), whose floor is 0. ``png``: bytes of that picture as a PNG of
    one bit a pixel. ``code``: its length under ``code_length``, in nats.
    """

    grey: torch.Tensor
    floor: torch.Tensor
    nll: torch.Tensor
    kl: torch.Tensor
    png: torch.Tensor
    code: torch.Tensor

    @property
    def above_floor(self):
        """``grey`` less ``floor``."""
        return self.grey - self.floor

    @property
    def loss(self):
        """−ELBO of the picture in black and white."""
        return self.nll + self.kl

    @property
    def less_png(self):
        """``loss`` less the length of the PNG, in nats (Serrà et al. 2019, arXiv 1909.11480)."""
        return self.loss - self.png * 8 * math.log(2)

    @property
    def less_code(self):
        """``loss`` less ``code``: below 0, the model has the shorter description."""
        return self.loss - self.code


BY_MODEL = ("grey", "nll", "kl")  # the others know no model


def floors(x):
    """Σ −x log x − (1 − x) log(1 − x) of each image, (N, C, H, W) in [0, 1]: nats, shape (N,).

    ``evaluation.grey_floor`` is its mean over a data set.
    """
    return (torch.special.entr(x) + torch.special.entr(1 - x)).flatten(1).sum(1)


def png_bytes(x):
    """Bytes of each black and white picture, (N, 1, H, W) of 0 and 1, as a PNG of one bit a pixel: shape (N,)."""
    from PIL import Image

    sizes = []
    for picture in x[:, 0].bool().numpy():
        file = BytesIO()
        Image.fromarray(picture).save(file, "png", optimize=True)
        sizes.append(float(file.tell()))
    return torch.tensor(sizes)


def code_length(x):
    """−log of the probability that a compressor which adapts gives each picture, in nats: shape (N,).

    ``x``: (N, 1, H, W) of 0 and 1. Pixel by pixel, from the top left, p(ink) is guessed from how often ink came in
    this picture where the four pixels around that are known already (left, and three above) were the same: (ink + ½) /
    (seen + 1), by Krichevsky & Trofimov 1981. So it starts anew with each picture and knows no others; it is a
    likelihood, and Σ over all pictures of exp(−length) is 1.
    """
    pixels = x[:, 0].numpy().astype(int)
    n, height, width = pixels.shape
    paper = np.pad(pixels, ((0, 0), (1, 0), (1, 1)))
    around = paper[:, 1:, :-2] + 2 * paper[:, :-1, :-2] + 4 * paper[:, :-1, 1:-1] + 8 * paper[:, :-1, 2:]
    seen, which, length = np.full((n, 16, 2), 0.5), np.arange(n), np.zeros(n)
    for row in range(height):
        for column in range(width):
            context, pixel = around[:, row, column], pixels[:, row, column]
            counts = seen[which, context]
            length -= np.log(counts[which, pixel] / counts.sum(1))
            seen[which, context, pixel] += 1
    return torch.as_tensor(length).float()


@torch.no_grad()
def terms(model, x, seed=0):
    """``nll, kl`` of images (N, C, H, W) by one draw of z from ``seed``, nats, both (N,)."""
    mu, logvar = model.encoder(x)
    z = sample(mu, logvar, torch.Generator().manual_seed(seed))
    return bernoulli_nll(model.decoder(z), x), kl_to_standard_normal(mu, logvar)


def score(count=COUNT):
    """``Scores`` of the first ``count`` test images, by (model, images): makes what the file holds."""
    found = {}
    for images in IMAGES:
        split = data.load(images).test.subset(count)
        grey, binary = split.as_float(), split.binarised(seed=0).as_float()
        own = {"floor": floors(grey), "png": png_bytes(binary), "code": code_length(binary)}
        for name in MODELS:
            model = models.pretrained(name)
            nll, kl = terms(model, binary)
            found[name, images] = Scores(grey=sum(terms(model, grey)), nll=nll, kl=kl, **own)
    return found


def make(folder=None, count=COUNT):
    """Score anew, write ``fooled.safetensors`` (float16) into ``folder``, ``data/histories`` by default; its path."""
    tensors = {}
    for (model, images), scores in score(count).items():
        for field in fields(Scores):
            tensors[_key(field.name, model, images)] = getattr(scores, field.name).half()
    path = (histories_folder() if folder is None else Path(folder)) / "fooled.safetensors"
    with whole_file(path) as part:
        save_file(tensors, part)
    return path


def load(folder=None):
    """The stored ``Scores``, a dict by pairs such as ``("fashion_vae20", "mnist")``: the model, then the images."""
    path = (histories_folder() if folder is None else Path(folder)) / "fooled.safetensors"
    if not path.is_file():
        raise FileNotFoundError(
            f"no scores at {path}: fetch the folder again from the course's repository (`git checkout "
            "data/histories`), or `python -m vae_helpers.fooled` makes them anew"
        )
    try:
        tensors = load_file(path)
        return {(model, images): Scores(**{field.name: tensors[_key(field.name, model, images)].float()
                                           for field in fields(Scores)}) for model in MODELS for images in IMAGES}
    except Exception as error:  # safetensors' own, a missing key
        said = f"{type(error).__name__}: {error}"
        raise WeightsError(f"{path} is damaged or holds no such scores ({said}); fetch it again") from error


def _key(field, model, images):
    return f"{model} {images} {field}" if field in BY_MODEL else f"{images} {field}"


def main(arguments=None):
    """Score anew, and store it."""
    parser = argparse.ArgumentParser(prog="python -m vae_helpers.fooled", description=__doc__.split("\n")[0])
    parser.parse_args(arguments)
    path = make()
    print(f"{path.name}: {path.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
