"""How fast a small VAE trains: the usual data loader against `Split.batches`.

Both train the same 784-400-20 VAE on the same images. The usual loop asks a
torchvision data set for one PIL image after another, makes a tensor of each,
and stacks 128; ours indexes a tensor in memory, and steps with fused Adam.
The two take turns, so that what else the computer does hits both alike.
"""

from __future__ import annotations

import os
import platform
import statistics
from time import perf_counter

import torch
import torchvision
from PIL import Image
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader
from torchvision import datasets
from torchvision.transforms import ToTensor

from vae_helpers.data import load
from vae_helpers.data.online import find

BATCH = 128
TRAINING, LOADING = 3.0, 1.0  # seconds that a window takes, whatever else the computer does
ROUNDS = 7


class VAE(nn.Module):
    """784-400-20-400-784, as in PyTorch's own example."""

    def __init__(self):
        super().__init__()
        self.hidden, self.heads = nn.Linear(784, 400), nn.Linear(400, 40)
        self.decoder = nn.Sequential(nn.Linear(20, 400), nn.ReLU(), nn.Linear(400, 784))

    def loss(self, x):
        """Negative ELBO of images (N, 1, 28, 28): nats an image, averaged over the batch."""
        x = x.flatten(1)
        mu, logvar = self.heads(self.hidden(x).relu()).chunk(2, dim=1)
        z = mu + (logvar / 2).exp() * torch.randn_like(mu)
        nll = F.binary_cross_entropy_with_logits(self.decoder(z), x, reduction="sum")
        kl = (mu.square() + logvar.exp() - logvar - 1).sum() / 2
        return (nll + kl) / len(x)


class Pictures(torch.utils.data.Dataset):
    """A `Split` as the data sets of torchvision are: one PIL image at a time."""

    def __init__(self, split, transform):
        self.split, self.transform = split, transform

    def __len__(self):
        return len(self.split)

    def __getitem__(self, index):
        image = Image.fromarray(self.split.images[index, 0].numpy())
        return self.transform(image), int(self.split.labels[index])


def sources():
    """(name, torchvision-like data set, Split): MNIST if it is on this computer, else pen."""
    raw = find("mnist")
    if raw is None:
        split = load("pen").train
        return "pen", Pictures(split, ToTensor()), split
    return "MNIST", datasets.MNIST(raw.parent.parent, train=True, transform=ToTensor()), load("mnist").train


def endless(loop):
    """Batches of images for ever, epoch after epoch; a loader's labels are dropped."""
    while True:
        for batch in loop:
            yield batch[0] if isinstance(batch, (list, tuple)) else batch


def rate(batches, seconds, step=None):
    """Images per second that a window of so many seconds gets through."""
    count, start = 0, perf_counter()
    while (elapsed := perf_counter() - start) < seconds:
        x = next(batches)
        if step is not None:
            step(x)
        count += len(x)
    return count / elapsed


def learner(fused):
    """A function that takes one training step; the same initial weights each time."""
    torch.manual_seed(0)
    model = VAE()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=fused)

    def step(x):
        optimizer.zero_grad()
        model.loss(x).backward()
        optimizer.step()

    return step


def measure():
    """(name, {way: (training rates, loading rates)}) in images per second."""
    name, pictures, split = sources()
    ways = {
        "usual": (endless(DataLoader(pictures, batch_size=BATCH, shuffle=True)), learner(fused=None)),
        "ours": (endless(split.batches(BATCH, shuffle=True)), learner(fused=True)),
    }
    rates = {way: ([], []) for way in ways}
    for turn in range(ROUNDS + 1):
        for way, (batches, step) in ways.items():
            training, loading = rate(batches, TRAINING, step), rate(batches, LOADING)
            if turn:  # the first turn warms up
                rates[way][0].append(training)
                rates[way][1].append(loading)
    return name, rates


def main() -> None:
    """Print images per second: medians of several windows, with the smallest and the largest."""
    name, rates = measure()
    print(f"\nTraining a 784-400-20 VAE on {name}, batches of {BATCH}: images per second")
    print(f"{'':6}  {'training':>9}  {'(smallest - largest)':>20}  {'loading alone':>13}")
    medians = {}
    for way, (training, loading) in rates.items():
        medians[way] = statistics.median(training)
        spread = f"({min(training):,.0f} - {max(training):,.0f})"
        print(f"{way:6}  {medians[way]:9,.0f}  {spread:>20}  {statistics.median(loading):13,.0f}")
    print(f"ours / usual: {medians['ours'] / medians['usual']:.2f}")
    print(
        f"medians of {ROUNDS} windows of {TRAINING:g} s, taken in turns; {torch.get_num_threads()} threads, "
        f"{os.cpu_count()} cores; torch {torch.__version__}, torchvision {torchvision.__version__}, "
        f"Python {platform.python_version()}"
    )


if __name__ == "__main__":
    main()
