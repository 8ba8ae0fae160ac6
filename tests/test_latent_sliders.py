"""LatentSliders: what each latent carries, in which order, and what the kernel knows. Moving is tested in browser/."""

import matplotlib.pyplot as plt
import pytest
import torch
from torch import nn

from vae_helpers.data import load
from vae_helpers.losses import kl_to_standard_normal
from vae_helpers.models import build, encode
from vae_helpers.plots import alt_of
from vae_helpers.widgets import LatentSliders


@pytest.fixture(scope="module")
def split():
    return load("pen").test.subset(700)  # more than one batch


@pytest.fixture(scope="module")
def vae():
    """Twenty latents, the first of which is dead: always N(0, 1)."""
    torch.manual_seed(0)
    model = build("vae")
    with torch.no_grad():
        for layer in (model.encoder[-1].mu, model.encoder[-1].logvar):
            layer.weight *= 8
            layer.weight[5] *= 3
            layer.weight[0], layer.bias[0] = 0, 0
    return model.eval()


@pytest.fixture(scope="module")
def autoencoder():
    torch.manual_seed(0)
    return build("mlp").eval()


def test_bars_are_the_mean_kl_of_each_latent_and_they_add_up(vae, split):
    pad = LatentSliders(vae, split)
    with torch.no_grad():
        mu, logvar = vae.encoder(split.as_float())
    each = torch.distributions.kl_divergence(
        torch.distributions.Normal(mu, (logvar / 2).exp()), torch.distributions.Normal(0.0, 1.0)
    ).mean(0)
    assert torch.allclose(torch.tensor(pad.amounts), each, atol=1e-5)
    together = kl_to_standard_normal(mu, logvar).mean().item()
    assert sum(pad.amounts) == pytest.approx(together, abs=1e-4)
    assert f"{sum(pad.amounts):.2f} together" in pad.about


def test_the_largest_comes_first_and_the_dead_last(vae, split):
    pad = LatentSliders(vae, split)
    assert sorted(pad.order) == list(range(20)) and pad.order[0] == 5 and pad.order[-1] == 0
    assert [pad.amounts[i] for i in pad.order] == sorted(pad.amounts, reverse=True)
    assert pad.amounts[0] == 0 and pad.middle == [0.0] * 20 and pad.spread == [1.0] * 20
    figure = pad.picture()
    assert "1 of them dead" in alt_of(figure) and "dead" in [text.get_text() for text in figure.axes[1].texts]
    plt.close(figure)


def test_an_autoencoder_shows_the_spread_of_its_codes(autoencoder, split):
    pad = LatentSliders(autoencoder, split)
    codes = encode(autoencoder, split.as_float())
    assert torch.allclose(torch.tensor(pad.amounts), codes.std(0, correction=0), atol=1e-5)
    assert torch.allclose(torch.tensor(pad.middle), codes.mean(0), atol=6e-5)
    assert pad.spread == pad.amounts and pad.z == pad.middle
    assert "no KL" in pad.about and "nats" not in pad.about
    assert "standard deviation" in alt_of(figure := pad.picture())
    plt.close(figure)


def test_a_latent_that_never_changes_still_has_a_slider(split):
    model = build("mlp")
    with torch.no_grad():
        model.encoder[-1].weight[2] = 0
    pad = LatentSliders(model, split)
    assert pad.amounts[2] < 1e-6 and pad.spread[2] > 0 and pad.order[-1] == 2


def test_examples_are_the_codes_of_ten_classes(vae, split):
    pad = LatentSliders(vae, split, classes=[f"digit {i}" for i in range(10)])
    assert pad.example_names == [f"digit {i}" for i in range(10)]
    pixels = torch.frombuffer(bytearray(pad.examples), dtype=torch.uint8).reshape(10, 1, 28, 28) / 255
    assert torch.allclose(torch.tensor(pad.example_codes), encode(vae, pixels), atol=1e-4)


def test_without_a_split_the_test_half_of_the_data_in_use_serves(vae, monkeypatch):
    monkeypatch.delenv("VAE_DATASET", raising=False)
    data = load("pen")
    pad, given = LatentSliders(vae), LatentSliders(vae, data.test, classes=data.classes)
    assert pad.amounts == given.amounts and pad.example_names == given.example_names == list(data.classes)


@pytest.mark.parametrize("preset", ["mlp2", "vae2"])
def test_a_model_that_no_data_fits_has_sliders_without_bars(preset):
    pad = LatentSliders(build(preset, latent_dim=3, shape=(3, 8, 8)))
    assert pad.amounts == [] and pad.examples == b"" and pad.order == [0, 1, 2]
    assert pad.about.startswith("Give a split") and repr(pad) == "LatentSliders: 3 latents, no split"
    data, metadata = pad._repr_mimebundle_()
    assert data["image/png"] and "Sliders for 3 latents." in metadata["image/png"]["alt"]


def test_data_that_is_not_here_is_no_hindrance(vae, monkeypatch):
    def missing():
        raise FileNotFoundError("no MNIST")

    monkeypatch.setattr("vae_helpers.widgets.latent_sliders.load", missing)
    assert LatentSliders(vae).amounts == []


@pytest.mark.parametrize("d", [1, 64])
def test_from_one_latent_to_many(d, split):
    pad = LatentSliders(build("vae", latent_dim=d), split)
    assert repr(pad) == f"LatentSliders: {d} latent{'s' * (d > 1)}, sorted by KL over 700 images"
    assert len(pad.z) == len(pad.amounts) == d
    plt.close(pad.picture())


def test_a_code_from_a_cell_is_kept_as_it_is(vae, split):
    pad = LatentSliders(vae, split)
    pad.z = list(range(20))
    assert pad.z == [float(i) for i in range(20)]
    for wrong in ([0.0] * 19, [float("nan")] * 20, [float("inf")] + [0.0] * 19):
        with pytest.raises(ValueError, match="list of 20 numbers"):
            pad.z = wrong
    assert pad.z[3] == 3


def test_an_example_that_there_is_not_is_refused(vae, split):
    pad = LatentSliders(vae, split)
    pad.example = 9
    for wrong in (10, -2):
        with pytest.raises(ValueError, match="one of 10"):
            pad.example = wrong
    assert pad.example == 9


def test_what_it_cannot_show_is_named(vae, split):
    with pytest.raises(ValueError, match="split holds images"):
        LatentSliders(vae, load("digits8").test)
    model = build("vae2")
    nn.init.constant_(model.encoder[-1].mu.bias, float("nan"))
    with pytest.raises(ValueError, match="NaN"):
        LatentSliders(model, split)


def test_making_it_leaves_the_model_as_it_was(split):
    model = build("vae").train()
    LatentSliders(model, split)
    assert model.training and all(p.grad is None for p in model.parameters())


def test_a_stored_notebook_has_a_picture_with_its_text(vae, split):
    data, metadata = LatentSliders(vae, split)._repr_mimebundle_()
    assert data["image/png"] and "KL of each latent" in metadata["image/png"]["alt"]
    assert not plt.get_fignums()
