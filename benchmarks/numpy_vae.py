"""What 201 epochs of notebook 07 cost: the VAE in NumPy, and the same net in torch, on scikit-learn's 8×8 digits.

64-16-2-16-64, batches of 32, Adam, float64 in both, one ε for each image and step. Torch trains with its own
autograd and its fused Adam. Both have one thread: at this size a second one only waits, in either. The arrays are so
small that what is measured is the cost of a call, not of arithmetic: this says nothing about larger nets. The two
take turns, some epochs each, so that what else the computer does hits both.
"""

from __future__ import annotations

import os
import platform
from time import perf_counter

import numpy as np
import torch
from sklearn.datasets import load_digits
from threadpoolctl import threadpool_limits
from torch import nn

from vae_helpers.losses import bernoulli_nll, kl_to_standard_normal
from vae_helpers.numpy_vae import VAE, Adam, parameters

EPOCHS, BATCH, LR = 201, 32, 0.003
IMAGES = 1_437  # as many as in the training part of the notebook
TURN = 3  # epochs in a row


class TorchVAE(nn.Module):
    """The net of notebook 07 in torch, in float64."""

    def __init__(self):
        super().__init__()
        self.encoder, self.mu, self.logvar = nn.Linear(64, 16), nn.Linear(16, 2), nn.Linear(16, 2)
        self.decoder, self.logits = nn.Linear(2, 16), nn.Linear(16, 64)
        self.double()

    def loss(self, x):
        """Negative ELBO in nats per image, the batch's mean."""
        h = self.encoder(x).relu()
        mu, logvar = self.mu(h), self.logvar(h)
        z = mu + (logvar / 2).exp() * torch.randn_like(mu)
        logits = self.logits(self.decoder(z).relu())
        return (bernoulli_nll(logits, x) + kl_to_standard_normal(mu, logvar)).mean()


def in_numpy(x):
    """A function that trains for one epoch."""
    rng = np.random.default_rng(0)
    model, optimizer = VAE(rng), Adam(LR)

    def epoch():
        order = rng.permutation(len(x))
        for start in range(0, len(x), BATCH):
            batch = x[order[start : start + BATCH]]
            model.forward(batch, rng.standard_normal((len(batch), 2)))
            model.backward()
            optimizer.step(parameters(model))

    return epoch


def in_torch(x):
    """The same, by autograd."""
    torch.manual_seed(0)
    x, model = torch.tensor(x), TorchVAE()
    optimizer = torch.optim.Adam(model.parameters(), lr=LR, fused=True)

    def epoch():
        for rows in torch.randperm(len(x)).split(BATCH):
            optimizer.zero_grad()
            model.loss(x[rows]).backward()
            optimizer.step()

    return epoch


def measure():
    """Seconds for ``EPOCHS`` epochs in each, by name."""
    x = load_digits().images.reshape(-1, 64)[:IMAGES] / 16
    ways = {"NumPy": in_numpy(x), "torch": in_torch(x)}
    seconds = dict.fromkeys(ways, 0.0)
    for epoch in ways.values():
        epoch()  # the first one warms up, and does not count
    for _ in range(EPOCHS // TURN):
        for name, epoch in ways.items():
            start = perf_counter()
            for _ in range(TURN):
                epoch()
            seconds[name] += perf_counter() - start
    return seconds


def main() -> None:
    """Print what 201 epochs cost in each."""
    with threadpool_limits(1):
        seconds = measure()
    print(f"\n{EPOCHS} epochs of a 64-16-2-16-64 VAE on {IMAGES:,} digits of 8×8, batches of {BATCH}")
    for name, cost in seconds.items():
        print(f"{name:6}  {cost:6.1f} s")
    print(f"torch / NumPy: {seconds['torch'] / seconds['NumPy']:.1f}")
    print(
        f"one thread, {os.cpu_count()} cores; NumPy {np.__version__}, torch {torch.__version__}, "
        f"Python {platform.python_version()}"
    )


if __name__ == "__main__":
    main()
