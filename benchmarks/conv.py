"""How fast a convolutional VAE trains, and what dropout costs on a CPU: A. Behera's net, variant by variant.

A mask of dropout is drawn number by number in one thread, ten million numbers for a batch; ``Dropout2d`` draws one
for a whole channel. Without dropout, channels last and bfloat16 let the processor multiply faster. The variants take turns.
"""

from __future__ import annotations

import statistics
from time import perf_counter

import torch
from torch import nn

from vae_helpers.data import load
from vae_helpers.models import build
from vae_helpers.training import negative_elbo

BATCH, STEPS, ROUNDS = 128, 6, 4


def whole_channels(model):
    """Dropout of whole channels in place of single numbers."""
    for name, module in list(model.named_modules()):
        if isinstance(module, nn.Dropout):
            parent = model.get_submodule(name.rpartition(".")[0])
            setattr(parent, name.rpartition(".")[2], nn.Dropout2d(module.p))
    return model


def stepper(model, fast=False):
    """A function that takes one training step; ``fast``: channels last, and products in bfloat16."""
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    if fast:
        model.to(memory_format=torch.channels_last)

    def step(x):
        x = x.to(memory_format=torch.channels_last) if fast else x
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=fast):
            loss = negative_elbo(model, x)
        loss.backward()
        optimizer.step()

    return step


def main() -> None:
    """Print images per second of each variant: medians over the rounds, and how many times the published net's."""
    torch.manual_seed(0)
    variants = {
        "as published, dropout 0.5": stepper(build("conv_vae", as_published=True).train()),
        "Dropout2d": stepper(whole_channels(build("conv_vae", as_published=True)).train()),
        "no dropout": stepper(build("conv_vae").train()),
        "Dropout2d, channels last, bf16": stepper(whole_channels(build("conv_vae", as_published=True)).train(), True),
        "no dropout, channels last, bf16": stepper(build("conv_vae").train(), True),
    }
    x = load("pen").train.as_float(slice(BATCH))
    rates = {name: [] for name in variants}
    for turn in range(ROUNDS + 1):
        for name, step in variants.items():
            start = perf_counter()
            for _ in range(STEPS):
                step(x)
            if turn:  # the first turn warms up
                rates[name].append(BATCH * STEPS / (perf_counter() - start))
    print(f"\nTraining A. Behera's conv VAE, batches of {BATCH}, {torch.get_num_threads()} threads: images per second")
    first = statistics.median(rates["as published, dropout 0.5"])
    for name, found in rates.items():
        median = statistics.median(found)
        print(f"{name:32}  {median:7,.0f}  ({min(found):,.0f} - {max(found):,.0f})  × {median / first:.2f}")


if __name__ == "__main__":
    main()
