"""LatentSliders: what each latent carries, in which order, and what the kernel knows. Moving is tested in browser/."""

import matplotlib.pyplot as plt
import pytest
import torch
from torch import nn

from vae_helpers.data import load
from vae_helpers.losses import kl_to_standard_normal
from vae_helpers.models import Autoencoder, build, decode, encode
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


# --- names

NAMES = ["slant", "thickness", "width"]


@pytest.fixture(scope="module")
def instrument(vae):
    """Three directions out of a code of the VAE, as a decoder of three numbers."""
    draw = torch.Generator().manual_seed(0)
    vectors, start = torch.randn(3, 20, generator=draw), torch.randn(20, generator=draw)
    dial = nn.Linear(3, 20)
    dial.weight.data, dial.bias.data = torch.stack(list(vectors), 1), start
    return Autoencoder(None, nn.Sequential(dial, *vae.decoder), 3)


def test_named_sliders_keep_the_order_of_the_model(vae, split):
    names = [f"factor {i}" for i in range(20)]
    pad, bare = LatentSliders(vae, split, names=tuple(names)), LatentSliders(vae, split)
    assert pad.order == list(range(20)) != bare.order and pad.names == names and bare.names == []
    assert pad.amounts == bare.amounts and pad.about == bare.about
    assert repr(pad).startswith("LatentSliders: 20 latents (factor 0, factor 1, ")
    assert repr(pad).endswith("factor 19), with their KL over 700 images")


def test_the_stored_picture_has_the_names(vae, split):
    names = [f"factor {i}" for i in range(19)] + ["5 $ a $"]
    figure = LatentSliders(vae, split, names=names).picture()
    figure.canvas.draw()  # a formula that is none is refused here
    assert [text.get_text().replace("\\", "") for text in figure.axes[1].get_yticklabels()] == names
    text = alt_of(figure)
    assert "20 latents (factor 0, factor 1, " in text and "KL of each latent, from" in text and "sorted" not in text
    plt.close(figure)


@pytest.mark.parametrize(
    "wrong",
    [NAMES[:2], [*NAMES, "height"], [*NAMES[:2], "slant"], [*NAMES[:2], " slant "], [*NAMES[:2], " "], [1, 2, 3],
     [*NAMES[:2], None], "abc", 3, []],
    ids=repr,
)
def test_names_that_do_not_tell_latents_apart_are_refused(instrument, wrong):
    with pytest.raises(ValueError, match="list of 3 texts, one for each latent") as raised:
        LatentSliders(instrument, names=wrong)
    assert repr(wrong) in str(raised.value)


# --- a decoder alone


def test_a_model_without_an_encoder_has_sliders_from_minus_three_to_three(instrument, monkeypatch):
    monkeypatch.setattr("vae_helpers.widgets.latent_sliders.load", lambda: pytest.fail("no data is wanted"))
    pad = LatentSliders(instrument, names=NAMES)
    assert pad.z == pad.middle == [0.0] * 3 and pad.spread == [1.0] * 3 and pad.order == [0, 1, 2]
    assert pad.amounts == [] and pad.examples == b"" and pad.example_names == [] and not pad.vae and not pad.encodes
    assert "no encoder" in pad.about and "from −3 to 3" in pad.about
    assert repr(pad) == "LatentSliders: 3 latents (slant, thickness, width), no encoder"
    assert repr(LatentSliders(instrument)) == "LatentSliders: 3 latents, no encoder"
    pad.z = [1, 2, 3]
    with pytest.raises(ValueError, match="list of 3 numbers"):
        pad.z = [0.0] * 20


def test_its_stored_picture_is_what_it_decodes(instrument):
    pad = LatentSliders(instrument, names=NAMES)
    pad.z = [1.0, -2.0, 0.5]
    figure = pad.picture()
    shown = torch.as_tensor(figure.axes[0].images[0].get_array())
    assert torch.allclose(shown, decode(instrument, torch.tensor([pad.z]))[0, 0].to(shown.dtype), atol=1e-6)
    dots = [line.get_xdata()[0] for line in figure.axes[1].lines if line.get_marker() == "o"]
    assert dots == pytest.approx([0.5 + v / 6 for v in pad.z])  # from end to end 0 to 1
    assert "3 latents (slant, thickness, width)." in alt_of(figure)
    plt.close(figure)


def test_images_for_a_model_without_an_encoder_are_refused(instrument, split):
    for given in ({"split": split}, {"split": split.as_float([0, 1])}, {"classes": list("0123456789")}):
        with pytest.raises(ValueError, match="neither split nor classes"):
            LatentSliders(instrument, **given)


def test_a_decoder_that_does_not_fit_its_model_is_refused(vae):
    with pytest.raises(ValueError, match="does not take latent_dim=4 numbers"):
        LatentSliders(Autoencoder(None, vae.decoder, 4))
    with pytest.raises(ValueError, match=r"shape \(1, 28, 28\), and the model says shape=\(1, 32, 32\)"):
        LatentSliders(Autoencoder(None, vae.decoder, 20, shape=(1, 32, 32)))


# --- and at the end


def test_making_it_leaves_the_model_as_it_was(split):
    model = build("vae").train()
    LatentSliders(model, split)
    assert model.training and all(p.grad is None for p in model.parameters())


def test_a_stored_notebook_has_a_picture_with_its_text(vae, split):
    data, metadata = LatentSliders(vae, split)._repr_mimebundle_()
    assert data["image/png"] and "KL of each latent" in metadata["image/png"]["alt"]
    assert not plt.get_fignums()
