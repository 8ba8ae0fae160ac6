"""Very long training on few images: made by ``make weights``, loaded by notebooks 05 and 08.

A homework sheet (source B: 400, 800 and 1,200 epochs) says that unseen images fail at 400 epochs
and are recovered by 800. Here a fast VAE learns 160 digits for 1,200 epochs, under that sheet's
loss and under two others, with three seeds each; and a narrow one 300 faces, with 20, 30 and 50 latents.
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
from torch.nn.functional import avg_pool2d

from vae_helpers import data, models
from vae_helpers.evaluation import evaluate
from vae_helpers.files import histories_folder, whole_file
from vae_helpers.losses import bernoulli_nll, gaussian_nll, picture_nll
from vae_helpers.mouths import mouth_curve
from vae_helpers.training import fit
from vae_helpers.weights import WeightsError


@dataclass(frozen=True)
class Setup:
    """What is trained, how long, and at which epochs it is measured and its pictures are kept.

    ``nll``: −log p(x | z) of logits and images, nats per image, shape (N,). ``beta``: in nats per image. ``smaller``:
    by how much pictures shrink before they are kept.
    """

    nll: object = bernoulli_nll
    beta: float = 1.0
    dataset: str = "pen"
    preset: str = "vae"
    latents: int = 64
    images: int = 160
    unseen: int = 500
    epochs: int = 1200
    batch: int = 16
    lr: float = 1e-3
    seeds: int = 3
    measured: tuple[int, ...] = (1, 2, 3, 5, 7, *range(10, 100, 10), *range(100, 1201, 20))
    pictured: tuple[int, ...] = (50, 400, 800, 1200)
    shown: int = 8
    smaller: int = 1


pixel_gaussian = partial(picture_nll, sigma=0.5**0.5)  # squared error, and a constant
faces_setup = partial(Setup, partial(picture_nll, sigma=0.2), dataset="faces", preset="narrow_vae", images=300, unseen=200,
                epochs=250, lr=2e-3, seeds=1, measured=(1, 2, 5, 10, 15, 25, *range(50, 251, 25)),
                pictured=(5, 25, 100, 250), smaller=2)
RUNS = {
    "B": Setup(pixel_gaussian, beta=1 / (16 * 64)),  # squared error summed, KL averaged over batch and latents
    "gaussian": Setup(pixel_gaussian),
    "bernoulli": Setup(),
    **{f"faces{latents}": faces_setup(latents=latents) for latents in (20, 30, 50)},
}


@dataclass
class LongRun:
    """One run over all its epochs. Curves (seeds, epochs measured); pictures uint8 of the first seed.

    ``rmse``: of reconstructions from μ, in pixel units. ``elbo``, ``nll`` and ``kl``: nats per image, at
    one draw of z, under the run's own likelihood; the ELBO is at β = 1, whatever β was trained with.
    ``mouth``, of faces alone: correlation of ``mouth_curve`` before and after, of reconstructions from μ.
    """

    name: str
    beta: float
    epochs: list[int]
    rmse: dict[str, torch.Tensor]  # "train" and "test"
    nll: dict[str, torch.Tensor]
    kl: dict[str, torch.Tensor]
    originals: dict[str, torch.Tensor]  # uint8 (shown, C, H, W)
    pictures: dict[str, dict[int, torch.Tensor]]  # by epoch
    mouth: dict[str, torch.Tensor] | None = None

    @property
    def elbo(self):
        return {which: -(self.nll[which] + self.kl[which]) for which in self.nll}

    def __repr__(self):
        setup = RUNS[self.name]
        return f"LongRun {self.name}: β = {self.beta:.3g}, {self.epochs[-1]:,} epochs on {setup.images} images"


def train(name, seed=0, epochs=None, progress=True):
    """Train as ``RUNS[name]`` says: a dict of tensors, as the file holds them. ``epochs``: fewer than it says."""
    setup = RUNS[name]
    everything = data.load(setup.dataset)
    splits = {"train": everything.train.subset(setup.images), "test": everything.test.subset(setup.unseen)}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = models.build(setup.preset, setup.latents, shape=splits["train"].shape)
    model.to(memory_format=torch.channels_last)  # a third faster for large pictures
    found = {f"{which} {what}": [] for which in splits for what in curves_of(setup)}
    shown = {which: split.as_float(slice(setup.shown)) for which, split in splits.items()}
    pictures = {}

    def measure(model, history):
        epoch = len(history.train)
        for which, split in splits.items():
            if epoch in setup.measured:
                now = evaluate(model, split, nll=setup.nll)
                for what in ("rmse", "nll", "kl"):
                    found[f"{which} {what}"].append(getattr(now, what))
                if setup.dataset == "faces":
                    found[f"{which} mouth"].append(_mouths_kept(model, split.as_float(slice(setup.unseen))))
            if epoch in setup.pictured:
                pictures[f"{which} {epoch}"] = _bytes(models.reconstruct(model, shown[which]), setup.smaller)

    fit(model, splits["train"], epochs or setup.epochs, nll=setup.nll, beta=setup.beta, batch_size=setup.batch,
        lr=setup.lr, seed=seed, callbacks=[measure], progress=progress)
    curves = {key: torch.tensor(values) for key, values in found.items()}
    return curves | pictures | {f"{which} originals": _bytes(x, setup.smaller) for which, x in shown.items()}


def curves_of(setup):
    """The names of what is measured along a run."""
    return ("rmse", "nll", "kl", "mouth") if setup.dataset == "faces" else ("rmse", "nll", "kl")


def _mouths_kept(model, x):
    """Correlation of the curves of the mouths in ``x`` and in its reconstructions: a float, NaN while these have none."""
    both = torch.stack([mouth_curve(x), mouth_curve(models.reconstruct(model, x))])
    both = both[:, both.isfinite().all(0)]
    return torch.corrcoef(both)[0, 1].item() if both.shape[1] > 2 else float("nan")


def make(names=tuple(RUNS), seeds=None, folder=None, progress=True):
    """Train all of ``names``, with so many seeds or as many as RUNS says; write a file for each; return the paths."""
    folder = histories_folder() if folder is None else Path(folder)
    paths = []
    for name in names:
        setup = RUNS[name]
        runs = [train(name, seed, progress=progress) for seed in range(seeds or setup.seeds)]
        curves = [key for key in runs[0] if key.split()[1] in curves_of(setup)]
        tensors = runs[0] | {key: torch.stack([run[key] for run in runs]) for key in curves}
        said = {"name": name, "beta": setup.beta, "epochs": setup.measured}
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
        both, setup = ("train", "test"), RUNS[name]
        curves = {what: {which: tensors[f"{which} {what}"] for which in both} for what in curves_of(setup)}
        pictures = {which: {epoch: tensors[f"{which} {epoch}"] for epoch in setup.pictured} for which in both}
        originals = {which: tensors[f"{which} originals"] for which in both}
        return LongRun(**said, **curves, originals=originals, pictures=pictures)
    except Exception as error:  # safetensors' own, a missing key, JSON
        said = f"{type(error).__name__}: {error}"
        raise WeightsError(f"{path} is damaged or no long run ({said}); fetch it again") from error


def _bytes(images, smaller=1):
    images = avg_pool2d(images, smaller)
    return (images.clamp(0, 1) * 255).round().to(torch.uint8).contiguous()


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
