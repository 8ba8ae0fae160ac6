"""The latent pad from Python's side, and what all widgets with a network share: bytes sent once, clear errors."""

import re

import numpy as np
import pytest
import torch
from torch import nn

from vae_helpers import plots
from vae_helpers.data import Split, load
from vae_helpers.layers import Reshape
from vae_helpers.models import Autoencoder, build, decode, encode, mlp_encoder
from vae_helpers.widgets import LatentPad
from vae_helpers.widgets.core.base import CORE
from vae_helpers.widgets.core.network import decoder_of, encoder_of, is_vae


@pytest.fixture(scope="module")
def digits():
    return load("pen").test.subset(200)


def model(preset="vae2", **how):
    torch.manual_seed(0)
    return build(preset, **how).eval()


def sent_codes(pad):
    return torch.from_numpy(np.frombuffer(pad.codes, "<f4").copy()).view(-1, 2)


def test_it_sends_the_codes_with_their_classes(digits):
    net = model()
    pad = LatentPad(net, digits, classes="abcdefghij")
    assert torch.equal(sent_codes(pad), encode(net, digits.as_float()))
    assert list(pad.labels) == digits.labels.tolist() and pad.classes == list("abcdefghij")
    assert repr(pad) == "LatentPad: latents 0 and 1, 200 codes"
    assert pad.z == [0.0, 0.0]


def test_images_will_do_for_a_split(digits):
    net = model()
    assert LatentPad(net, digits.as_float()).codes == LatentPad(net, digits).codes
    assert repr(LatentPad(net)) == "LatentPad: latents 0 and 1, no codes"


def test_no_more_than_2000_codes_are_sent():
    few = Split.from_tensor(torch.rand(1, 1, 28, 28).expand(2_100, -1, -1, -1))
    assert len(LatentPad(model(), few).labels) == 2_000


def test_nearly_all_codes_are_in_view_and_the_rings_of_a_vae(digits):
    pad = LatentPad(model(), digits)
    (x0, x1), (y0, y1) = pad.view
    assert pad.prior and x0 < -3 < 3 < x1 and y0 < -3 < 3 < y1
    pad = LatentPad(model("mlp2"), digits)
    low, high = torch.tensor(pad.view).T
    z = sent_codes(pad)
    assert not pad.prior and ((z > low) & (z < high)).all(1).float().mean() > 0.95
    assert high[0] - low[0] == pytest.approx(high[1] - low[1])  # one unit is as long on both axes


def test_an_autoencoders_pad_starts_among_its_codes(digits):
    net = model("mlp2")
    with torch.no_grad():
        net.encoder[-1].bias += 100
    pad = LatentPad(net, digits)
    assert torch.tensor(pad.z) == pytest.approx(sent_codes(pad).median(0).values)
    assert pad.view[0][0] < pad.z[0] < pad.view[0][1]


def test_of_many_latents_two_are_named_and_the_others_stay_0(digits):
    net = model("vae")
    pad = LatentPad(net, digits, axes=(3, 7))
    assert torch.equal(sent_codes(pad), encode(net, digits.as_float())[:, [3, 7]])
    assert pad.z == [0.0] * 20 and repr(pad).startswith("LatentPad: latents 3 and 7")


@pytest.mark.parametrize("z", [[0.0], [0.0, float("nan")], [0.0, 1.0, 2.0]])
def test_a_z_that_is_no_code_is_refused(z):
    pad = LatentPad(model())
    with pytest.raises(ValueError, match="a list of 2 numbers"):
        pad.z = z
    with pytest.raises(ValueError, match="a list of 2 numbers"):
        pad.set_state({"z": z})  # as the browser would
    assert pad.z == [0.0, 0.0]


def test_the_picture_shows_the_plane_decoded(digits):
    net = model("vae")
    pad = LatentPad(net, digits, axes=(3, 7))
    pad.z = [0.0] * 19 + [2.0]
    pictures = pad._map()
    (x0, x1), (_, y1) = pad.view
    corner = torch.zeros(1, 20)
    corner[0, 19], step = 2.0, (x1 - x0) / 15
    corner[0, 3], corner[0, 7] = x0 + step / 2, y1 - step / 2
    assert torch.allclose(pictures[0], decode(net, corner)[0], atol=1e-6)
    corner[0, 3] = x1 - step / 2
    assert torch.allclose(pictures[14], decode(net, corner)[0], atol=1e-6)


def test_what_is_displayed_holds_a_picture_with_alt_text(digits):
    before = plots.plt.get_fignums()
    data, metadata = LatentPad(model(), digits)._repr_mimebundle_()
    assert set(data) == {"application/vnd.jupyter.widget-view+json", "image/png", "text/plain"}
    assert data["text/plain"] == "LatentPad: latents 0 and 1, 200 codes"
    assert "plane of latents 0 and 1" in metadata["image/png"]["alt"]
    other = LatentPad(model("vae"), digits, axes=(3, 7))._repr_mimebundle_()[1]
    assert "plane of latents 3 and 7" in other["image/png"]["alt"]
    assert plots.plt.get_fignums() == before


def test_labels_of_any_kind_have_their_names():
    images = torch.rand(3, 1, 28, 28)
    pad = LatentPad(model(), Split.from_tensor(images, torch.tensor([300, 302, 300])))
    assert list(pad.labels) == [0, 1, 0] and pad.classes == ["300", "302"]
    pad = LatentPad(model(), Split.from_tensor(images, torch.tensor([-1, 4, 4])))
    assert list(pad.labels) == [0, 1, 1] and pad.classes == ["-1", "4"]
    for labels in ([0, 1, 3], [-1, 0, 1]):
        with pytest.raises(ValueError, match="3 names in classes, and labels from"):
            LatentPad(model(), Split.from_tensor(images, torch.tensor(labels)), classes="abc")


@pytest.mark.parametrize("preset", ["vae2", "mlp2"])
def test_one_image_has_a_view_too(preset):
    pad = LatentPad(model(preset), torch.rand(1, 1, 28, 28))
    assert all(high - low >= 1 and low < z < high for (low, high), z in zip(pad.view, pad.z, strict=True))


def test_colour_pictures_have_a_pad():
    net = build("mlp2", shape=(3, 8, 8)).eval()
    pad = LatentPad(net, torch.rand(4, 3, 8, 8))
    assert pad.shape == [3, 8, 8] and pad._map().shape == (225, 3, 8, 8)
    assert "image/png" in pad._repr_mimebundle_()[0]


# --- errors


@pytest.mark.parametrize("preset, d, cure", [("vae", 20, r"axes=\(0, 1\), or use LatentSliders"),
                                             ("vae", 1, "use LatentSliders")])
def test_a_plane_needs_two_latents(preset, d, cure):
    with pytest.raises(ValueError, match=f"this model has {d}: .*{cure}"):
        LatentPad(model(preset, latent_dim=d))


@pytest.mark.parametrize("axes", [(0, 0), (0, 2), (-1, 0), (0,), (0, 1, 2)])
def test_axes_are_two_latents_that_exist(axes):
    with pytest.raises(ValueError, match="two different latents from 0 to 1"):
        LatentPad(model(), axes=axes)


def test_weights_that_are_no_numbers_are_named(digits):
    net = model()
    with torch.no_grad():
        net.decoder[0].weight[0, 0] = float("nan")
    with pytest.raises(ValueError, match="weights of this model are not numbers"):
        LatentPad(net, digits)
    net = model()
    with torch.no_grad():
        net.encoder[1].weight[0, 0] = float("nan")
    with pytest.raises(ValueError, match="codes of this model are not numbers"):
        LatentPad(net, digits)


def test_a_layer_that_the_browser_cannot_run_is_named():
    decoder = nn.Sequential(nn.Linear(2, 784), nn.GELU(), nn.Unflatten(1, (1, 28, 28)))
    with pytest.raises(ValueError, match="the browser cannot run GELU"):
        LatentPad(Autoencoder(mlp_encoder(), decoder, 2))


def test_images_of_another_size_are_refused():
    with pytest.raises(ValueError, match=r"\(1, 8, 8\), this model takes \(1, 28, 28\)"):
        LatentPad(model(), torch.rand(5, 1, 8, 8))


# --- what is sent


def test_widgets_of_one_model_share_its_weights(digits):
    net = model()
    first, second = LatentPad(net, digits), LatentPad(net, digits)
    assert first.decoder is second.decoder
    assert first.get_state("decoder") == {"decoder": f"IPY_MODEL_{first.decoder.model_id}"}
    assert encoder_of(net) is encoder_of(net) and encoder_of(net) is not decoder_of(net)


def test_after_more_training_the_new_weights_are_sent_and_an_old_pad_keeps_its_own():
    net = model()
    before = LatentPad(net)
    kept = before.decoder.weights
    with torch.no_grad():
        net.decoder[0].weight += 1
    after = LatentPad(net)
    assert after.decoder is not before.decoder and after.decoder.weights != kept
    assert before.decoder.weights == kept


def test_weights_are_halves_unless_one_is_too_large():
    net = model()
    assert decoder_of(net).format == "float16"
    assert len(decoder_of(net).weights) == 2 * sum(p.numel() for p in net.decoder.parameters())
    with torch.no_grad():
        net.decoder[0].weight[0, 0] = 1e5
    assert decoder_of(net).format == "float32"
    assert len(decoder_of(net).weights) == 4 * sum(p.numel() for p in net.decoder.parameters())


def test_a_batch_norm_may_push_a_weight_beyond_a_half():
    decoder = nn.Sequential(nn.Linear(2, 64), nn.BatchNorm1d(64), Reshape((1, 8, 8))).eval()
    decoder[1].running_var.fill_(1e-9)
    nn.init.constant_(decoder[1].weight, 300)
    assert decoder_of(Autoencoder(mlp_encoder(2, (1, 8, 8)), decoder, 2, (1, 8, 8))).format == "float32"


def test_a_network_that_was_closed_is_sent_again():
    net = model()
    LatentPad(net).decoder.close()
    assert LatentPad(net).decoder.comm is not None


def test_a_pads_picture_is_of_the_weights_that_were_sent():
    net = model()
    pad = LatentPad(net)
    before = pad._map()
    with torch.no_grad():
        net.decoder[0].weight += 1
    assert torch.equal(pad._map(), before)


def test_parts_of_a_model_keep_their_modes():
    net = model("conv_vae").train()
    net.encoder[1].norm.eval()
    LatentPad(net, torch.rand(3, 1, 28, 28))
    assert net.training and not net.encoder[1].norm.training and net.encoder[1].dropout.training


def test_sending_leaves_the_model_as_it_was():
    net = model("conv_vae").train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    decoder_of(net), encoder_of(net)
    assert is_vae(net) and not is_vae(model("conv"))
    assert net.training and all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


# --- the files


def test_no_module_imports_or_asks_for_anything():
    for path in CORE.parent.rglob("*.js"):
        source = path.read_text(encoding="utf-8")
        assert not re.search(r"^\s*import\b|\bimport\(|\bfetch\(|https?://", source, re.MULTILINE), path.name


def test_a_widget_is_a_small_file():
    long = {path.name: n for path in CORE.parent.glob("*.js") if (n := len(path.read_text("utf-8").splitlines())) > 200}
    assert not long, f"over 200 lines: {long}"


def test_the_colours_of_classes_are_the_courses():
    source = (CORE.parent / "codes.js").read_text(encoding="utf-8")
    on_light = re.search(r"ON_LIGHT = \[(.*?)\]", source)[1]
    assert tuple(re.findall(r'"(#\w+)"', on_light)) == plots.PALETTE
