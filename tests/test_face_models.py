"""The nets for faces: source B's shapes, stage by stage, and a narrow one that a browser can run live."""

from math import prod

import pytest
import torch
from torch import nn

from vae_helpers.losses import bernoulli_nll, kl_to_standard_normal
from vae_helpers.models import build


pytestmark = pytest.mark.usefixtures("seeded")


def sides(layers, x):
    """Channels and side of the picture behind each convolution."""
    found = []
    for layer in layers:
        x = layer(x)
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            found.append((x.shape[1], x.shape[2], x.shape[3]))
    return found


def test_the_slides_net_goes_to_1024_features_and_64_latents_and_back():
    model = build("faces_vae")
    down = [(32, 63, 63), (64, 30, 30), (128, 14, 14), (256, 6, 6), (256, 2, 2)]
    assert sides(model.encoder[:-1], torch.rand(1, 3, 128, 128)) == down
    assert prod(down[-1]) == model.encoder[-1].mu.in_features == 1024 and model.latent_dim == 64
    up = [(256, 6, 6), (128, 14, 14), (64, 30, 30), (32, 63, 63), (3, 128, 128)]
    assert sides(model.decoder, torch.randn(1, 64)) == up


def multiply_adds(layers, x):
    """Of a decoder for one picture: each weight of a transposed convolution meets each pixel that comes in."""
    total = 0
    for layer in layers:
        if isinstance(layer, nn.ConvTranspose2d):
            total += layer.weight.numel() * x.shape[2] * x.shape[3]
        elif isinstance(layer, nn.Linear):
            total += layer.weight.numel()
        x = layer(x)
    return total


@pytest.mark.parametrize("latent_dim", [20, 30, 50])
def test_the_narrow_net_is_small_enough_for_a_browser(latent_dim):
    model = build("narrow_vae", latent_dim).eval()
    assert multiply_adds(model.decoder, torch.randn(1, latent_dim)) < 10e6
    assert 0.1e6 < sum(p.numel() for p in model.parameters()) < 0.5e6
    logits, mu, logvar = model(torch.rand(2, 3, 128, 128))
    assert logits.shape == (2, 3, 128, 128) and mu.shape == logvar.shape == (2, latent_dim)


@pytest.mark.parametrize("preset", ["faces_vae", "narrow_vae"])
def test_it_learns(preset):
    model, x = build(preset, 8), torch.rand(2, 3, 128, 128)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    losses = []
    for _ in range(4):
        optimizer.zero_grad()
        logits, mu, logvar = model(x)
        loss = (bernoulli_nll(logits, x) + kl_to_standard_normal(mu, logvar)).mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    assert losses[-1] < losses[0] - 10


@pytest.mark.parametrize("preset", ["faces_vae", "narrow_vae"])
def test_other_sizes_are_refused_with_what_to_do(preset):
    with pytest.raises(ValueError, match=r"takes pictures of 128×128.*size=128"):
        build(preset, shape=(3, 64, 64))


@pytest.mark.parametrize("preset", ["faces_vae", "narrow_vae"])
def test_grey_faces_are_taken_too(preset):
    logits, mu, _ = build(preset, 5, shape=(1, 128, 128)).eval()(torch.rand(2, 1, 128, 128))
    assert logits.shape == (2, 1, 128, 128) and mu.shape == (2, 5)
