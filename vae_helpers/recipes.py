"""How each network in ``data/weights`` was trained, and the scores it reached.

``make weights`` trains them all anew, ``python -m vae_helpers.recipes pen_vae2`` one. The
same seed, machine and number of threads give the same weights; elsewhere the last digits differ.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from time import perf_counter

import torch

from vae_helpers import data, models, weights
from vae_helpers.evaluation import evaluate, grey_floor, log_likelihood
from vae_helpers.files import weights_folder
from vae_helpers.losses import bernoulli_nll, picture_nll
from vae_helpers.training import fit


@dataclass(frozen=True)
class Recipe:
    """All that ``make`` needs to train a network.

    ``preset`` is one of ``models.PRESETS``, ``dataset`` a name for ``data.load``.
    ``phases``: pairs (epochs, lr), one ``fit`` after the other, on the whole
    training set. ``beta``: weight of the KL; 1 for autoencoders, which have none.
    ``binarised``: learn from pixels 0 and 1, drawn anew in each batch, and be
    scored on test images that were drawn once. ``sigma``: the pixels' likelihood is a Gaussian of this
    spread around the picture; None: the Bernoulli.
    """

    name: str
    preset: str
    latent_dim: int
    phases: tuple[tuple[int, float], ...]
    dataset: str = "pen"
    beta: float = 1.0
    seed: int = 0
    batch_size: int = 128
    binarised: bool = False
    sigma: float | None = None

    def as_metadata(self):
        """The fields as a weights file holds them: a dict of texts, JSON but for the plain strings."""
        return as_texts({key: value for key, value in asdict(self).items() if value is not None})

    @property
    def nll(self):
        """−log p(x | z), a function of logits and images (N, C, H, W), nats per image: shape (N,)."""
        return bernoulli_nll if self.sigma is None else partial(picture_nll, sigma=self.sigma)


# A lower lr at the end lets the weights settle, which is worth about a nat. The epochs were chosen by looking at
# the loss on the test set: with two latents it rises again after some 80, with twenty it hardly falls any more.
RECIPES = {recipe.name: recipe for recipe in [
    Recipe("pen_ae2", "mlp2", 2, ((70, 1e-3), (5, 3e-4), (5, 1e-4))),
    Recipe("pen_ae20", "mlp", 20, ((80, 1e-3), (10, 3e-4), (10, 1e-4))),
    Recipe("pen_vae2", "vae2", 2, ((80, 1e-3), (10, 3e-4), (10, 1e-4))),
    Recipe("pen_vae20", "vae", 20, ((80, 1e-3), (10, 3e-4), (10, 1e-4))),
    Recipe("pen_vae2_beta4", "vae2", 2, ((80, 1e-3), (10, 3e-4), (10, 1e-4)), beta=4.0),
    Recipe("pen_vae2_beta10", "vae2", 2, ((80, 1e-3), (10, 3e-4), (10, 1e-4)), beta=10.0),
    Recipe("pen_vae2_seed1", "vae2", 2, ((80, 1e-3), (10, 3e-4), (10, 1e-4)), seed=1),
    Recipe("pen_vae20_beta4", "vae", 20, ((80, 1e-3), (10, 3e-4), (10, 1e-4)), beta=4.0),
    Recipe("pen_vae20_beta10", "vae", 20, ((80, 1e-3), (10, 3e-4), (10, 1e-4)), beta=10.0),
    Recipe("pen_vae20_seed1", "vae", 20, ((80, 1e-3), (10, 3e-4), (10, 1e-4)), seed=1),
    Recipe("mnist_vae2", "deep_vae2", 2, ((50, 1e-3), (20, 3e-4), (10, 1e-4)), dataset="mnist"),
    Recipe("mnist_vae20", "deep_vae", 20, ((60, 1e-3), (30, 3e-4), (20, 1e-4)), dataset="mnist", binarised=True),
    Recipe("fashion_vae2", "deep_vae2", 2, ((40, 1e-3), (10, 3e-4), (10, 1e-4)), dataset="fashion"),
    Recipe("fashion_vae20", "vae", 20, ((40, 1e-3), (10, 3e-4), (10, 1e-4)), dataset="fashion"),
    Recipe("fashion_vae64", "fashion_vae", 64, ((2, 1e-3), (1, 3e-4)), dataset="fashion"),
]}
# A Bernoulli is so broad around a grey level that eyes and mouth would hardly be worth their nats to it: hence sigma.
RECIPES |= {f"faces_vae{latents}": Recipe(f"faces_vae{latents}", "narrow_vae", latents,
                                          ((40, 2e-3), (20, 1e-3), (10, 3e-4)), dataset="faces", batch_size=16, sigma=0.2)
            for latents in (20, 30, 50)}
SCORED_BY_LOG_P = ("vae", "vae2", "deep_vae", "deep_vae2")  # a conv net would decode for minutes


def as_texts(values):
    """A dict of anything JSON can say as a dict of texts: strings as they are, the rest as JSON."""
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}


def train(recipe, image_set, progress=True):
    """A network trained as ``recipe`` says on ``image_set.train``, in eval mode."""
    split = image_set.train.binarised(None) if recipe.binarised else image_set.train
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        model = models.build(recipe.preset, recipe.latent_dim, shape=image_set.train.shape)
    model.to(memory_format=torch.channels_last)  # a third faster for large pictures; nothing changes for an MLP
    for number, (epochs, lr) in enumerate(recipe.phases):
        # a seed for each phase, lest each go through the images in the order of the one before
        fit(model, split, epochs, nll=recipe.nll, beta=recipe.beta, batch_size=recipe.batch_size, lr=lr,
            seed=1000 * recipe.seed + number, progress=progress)
    return model.to(memory_format=torch.contiguous_format)


def test_images(recipe, image_set):
    """The test images that a recipe's network is scored on: those of a binarised one drawn once, from seed 0."""
    return image_set.test.binarised(seed=0) if recipe.binarised else image_set.test


def scores(model, split, nll=bernoulli_nll, seed=0):
    """How well ``model`` does on all images of ``split``: a dict of floats, nats per image.

    Those of ``evaluation.evaluate``: ``test_nll``, ``test_rmse``, and of a VAE ``test_elbo``,
    ``test_kl`` and ``test_kl_per_latent``, a list of latent_dim; besides, ``test_floor``, the least
    that nll can be (0 for pixels 0 and 1). The noise in z is made from ``seed``.
    """
    now = evaluate(model, split, nll=nll, seed=seed)
    some = split.as_float(slice(1))
    # of a density the floor is that of the picture itself
    floor = grey_floor(split) if nll is bernoulli_nll else nll(torch.logit(some), some).item()
    found = {"test_nll": now.nll, "test_rmse": now.rmse, "test_floor": floor}
    if now.elbo is not None:
        found |= {"test_elbo": now.elbo, "test_kl": now.kl, "test_kl_per_latent": now.kl_per_latent}
    return found


def log_p(model, split, images=500, k=500):
    """log p(x) by ``k`` draws on ``images`` images spread over ``split``: ``test_log_p``, and its standard error.

    Grey levels are binarised first, from seed 0, since their cross-entropy is no likelihood.
    """
    some = split.binarised(seed=0).subset(slice(None, None, max(1, len(split) // images))).subset(slice(images))
    each = log_likelihood(model, some, k)
    return {"test_log_p": each.mean().item(), "test_log_p_error": each.std().item() / len(each) ** 0.5}


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
    split = test_images(recipe, image_set)
    found = scores(model, split, recipe.nll)
    if recipe.preset in SCORED_BY_LOG_P:
        found |= log_p(model, split)
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
        shown = [key for key in ("test_elbo", "test_log_p", "test_nll", "test_kl", "test_rmse") if key in found]
        said = ", ".join(f"{key[5:]} {float(found[key]):.3f}" for key in shown)
        print(f"{path.name}: {path.stat().st_size / 1e6:.2f} MB, {perf_counter() - begin:.0f} s, on test images {said}")


if __name__ == "__main__":
    main()
