"""Very long training on few images, under three losses: made by ``make weights``, loaded by notebook 05.

A homework sheet (source B: 400, 800 and 1,200 epochs) says that unseen images fail at 400 epochs
and are recovered by 800. Here the same fast VAE learns 160 images for 1,200 epochs, under
that sheet's loss and under two others, with three seeds each.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from vae_helpers import data, models
from vae_helpers.evaluation import evaluate
from vae_helpers.files import histories_folder, whole_file
from vae_helpers.losses import bernoulli_nll, gaussian_nll
from vae_helpers.training import fit
from vae_helpers.weights import WeightsError

IMAGES, UNSEEN, EPOCHS, BATCH, LATENTS, SEEDS = 160, 500, 1200, 16, 64, 3
MEASURED = (1, 2, 3, 5, 7, *range(10, 100, 10), *range(100, EPOCHS + 1, 20))  # epochs
PICTURED, SHOWN = (50, 400, 800, 1200), 8  # epochs, images


def pixel_gaussian(logits, x):
    """−log p(x | z) of a Gaussian with σ² = ½ around the picture, shape (N,): squared error, and a constant."""
    return gaussian_nll(torch.sigmoid(logits), x, 0.5**0.5)


# name → (β in nats per image, −log p(x | z))
RUNS = {
    "B": (1 / (BATCH * LATENTS), pixel_gaussian),  # squared error summed, KL averaged over batch and latents
    "gaussian": (1.0, pixel_gaussian),
    "bernoulli": (1.0, bernoulli_nll),
}


@dataclass
class LongRun:
    """One loss over 1,200 epochs. Curves (seeds, epochs measured); pictures uint8 of the first seed.

    ``rmse``: of reconstructions from μ, in pixel units. ``elbo``, ``nll`` and ``kl``: nats per image, at
    one draw of z, under the run's own likelihood; the ELBO is at β = 1, whatever β was trained with.
    """

    name: str
    beta: float
    epochs: list[int]
    rmse: dict[str, torch.Tensor]  # "train" and "test"
    nll: dict[str, torch.Tensor]
    kl: dict[str, torch.Tensor]
    originals: dict[str, torch.Tensor]  # uint8 (8, 1, 28, 28)
    pictures: dict[str, dict[int, torch.Tensor]]  # by epoch

    @property
    def elbo(self):
        return {which: -(self.nll[which] + self.kl[which]) for which in self.nll}

    def __repr__(self):
        return f"LongRun {self.name}: β = {self.beta:.3g}, {self.epochs[-1]:,} epochs on {IMAGES} images"


def train(name, seed=0, epochs=EPOCHS, progress=True):
    """Train under the loss ``name`` of ``RUNS``: a dict of tensors, as the file holds them."""
    beta, nll = RUNS[name]
    pen = data.load("pen")
    splits = {"train": pen.train.subset(IMAGES), "test": pen.test.subset(UNSEEN)}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = models.build("vae", LATENTS)
    found = {f"{which} {what}": [] for which in splits for what in ("rmse", "nll", "kl")}
    shown = {which: split.as_float(slice(SHOWN)) for which, split in splits.items()}
    pictures = {}

    def measure(model, history):
        epoch = len(history.train)
        for which, split in splits.items():
            if epoch in MEASURED:
                now = evaluate(model, split, nll=nll)
                for what in ("rmse", "nll", "kl"):
                    found[f"{which} {what}"].append(getattr(now, what))
            if epoch in PICTURED:
                pictures[f"{which} {epoch}"] = _bytes(models.reconstruct(model, shown[which]))

    fit(model, splits["train"], epochs, nll=nll, beta=beta, batch_size=BATCH, seed=seed, callbacks=[measure],
        progress=progress)
    curves = {key: torch.tensor(values) for key, values in found.items()}
    return curves | pictures | {f"{which} originals": _bytes(x) for which, x in shown.items()}


def make(names=tuple(RUNS), seeds=SEEDS, folder=None, progress=True):
    """Train all of ``names`` with so many seeds; write one file for each; return the paths."""
    folder = histories_folder() if folder is None else Path(folder)
    paths = []
    for name in names:
        runs = [train(name, seed, progress=progress) for seed in range(seeds)]
        curves = [key for key in runs[0] if key.split()[1] in ("rmse", "nll", "kl")]
        tensors = runs[0] | {key: torch.stack([run[key] for run in runs]) for key in curves}
        said = {"name": name, "beta": RUNS[name][0], "epochs": MEASURED}
        paths.append(folder / f"long_{name}.safetensors")
        with whole_file(paths[-1]) as part:
            save_file(tensors, part, {"long_training": json.dumps(said)})
    return paths


def load(name, folder=None):
    """The stored ``LongRun`` of that name (one of ``RUNS``)."""
    if name not in RUNS:
        raise ValueError(f"no long run {name!r}: there are {', '.join(RUNS)}")
    path = (histories_folder() if folder is None else Path(folder)) / f"long_{name}.safetensors"
    if not path.is_file():
        raise FileNotFoundError(
            f"no long run at {path}: fetch the folder again from the course's repository (`git checkout "
            "data/histories`), or `python -m vae_helpers.long_training` trains it anew"
        )
    try:
        with safe_open(path, framework="pt") as file:
            said = json.loads(file.metadata()["long_training"])
            tensors = {key: file.get_tensor(key) for key in file.keys()}
        both = ("train", "test")
        curves = {what: {which: tensors[f"{which} {what}"] for which in both} for what in ("rmse", "nll", "kl")}
        pictures = {which: {epoch: tensors[f"{which} {epoch}"] for epoch in PICTURED} for which in both}
        originals = {which: tensors[f"{which} originals"] for which in both}
        return LongRun(**said, **curves, originals=originals, pictures=pictures)
    except Exception as error:  # safetensors' own, a missing key, JSON
        said = f"{type(error).__name__}: {error}"
        raise WeightsError(f"{path} is damaged or no long run ({said}); fetch it again") from error


def _bytes(images):
    return (images.clamp(0, 1) * 255).round().to(torch.uint8)


def main(arguments=None):
    """Make the runs named on the command line, or all."""
    parser = argparse.ArgumentParser(prog="python -m vae_helpers.long_training", description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(RUNS)}; all if none is given")
    names = parser.parse_args(arguments).names
    if unknown := [name for name in names if name not in RUNS]:
        parser.error(f"no long run {', '.join(unknown)}: there are {', '.join(RUNS)}")
    for name in names or RUNS:
        begin = perf_counter()
        (path,) = make([name])
        print(f"{path.name}: {path.stat().st_size / 1e6:.2f} MB, {perf_counter() - begin:.0f} s")


if __name__ == "__main__":
    main()
