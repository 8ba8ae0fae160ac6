"""What of a network goes to the browser, and what cannot. That it gives PyTorch's numbers is tested in browser/."""

from math import prod

import numpy as np
import pytest
import torch
from torch import nn

from vae_helpers.layers import BAD, Gaussian, Reshape
from vae_helpers.models import PRESETS, build
from vae_helpers.widgets.core.pack import pack


def kinds(layers):
    return [layer["kind"] for layer in layers]


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_can_be_packed(preset):
    model = build(preset).eval()
    for part, shape in ((model.encoder, model.shape), (model.decoder, (model.latent_dim,))):
        layers, weights = pack(part, shape)
        assert layers and len(weights) % 2 == 0
        assert layers[-1]["length"] in (model.latent_dim, 2 * model.latent_dim, prod(model.shape))


def test_reshaping_and_dropout_are_left_out():
    module = nn.Sequential(nn.Flatten(), nn.Linear(12, 6), nn.Dropout(0.3), nn.ReLU(), Reshape((1, 2, 3)), nn.Identity())
    layers, _ = pack(module.eval(), (1, 3, 4))
    assert kinds(layers) == ["linear", "relu"]


def test_a_layer_after_a_reshape_knows_its_new_shape():
    layers, _ = pack(nn.Sequential(nn.Linear(3, 8), Reshape((2, 2, 2)), nn.Conv2d(2, 5, 1)), (3,))
    assert layers[1]["shape_in"] == [2, 2, 2] and layers[1]["shape_out"] == [5, 2, 2]


def test_batch_norm_behind_a_convolution_is_folded_and_elsewhere_is_a_layer():
    assert kinds(pack(nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)).eval(), (1, 5, 5))[0]) == ["conv"]
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.BatchNorm2d(2))
    assert kinds(pack(module.eval(), (1, 5, 5))[0]) == ["conv", "relu", "affine"]


def test_a_bad_block_is_norm_and_activation():
    assert kinds(pack(nn.Sequential(BAD(3)), (3, 4, 4))[0]) == ["affine", "leaky_relu"]


def test_a_gaussian_layer_gives_mu_then_logvar():
    gaussian = Gaussian(4, 2)
    layers, weights = pack(gaussian, (4,), "float32")
    assert layers[0]["length"] == 4
    numbers = np.frombuffer(weights, "<f4")
    assert np.allclose(numbers[:8], gaussian.mu.weight.detach().flatten())
    assert np.allclose(numbers[8:16], gaussian.logvar.weight.detach().flatten())
    assert np.allclose(numbers[16:], torch.cat([gaussian.mu.bias, gaussian.logvar.bias]).detach())


def test_our_layers_are_known_when_a_notebook_defines_them_itself():
    """Notebooks 01 and 02 define them in a cell, before the package is asked to show them."""
    import inspect

    space = {"nn": nn, "torch": torch}
    for layer in (BAD, Gaussian, Reshape):
        exec(inspect.getsource(layer), space)
    typed = nn.Sequential(nn.Linear(4, 8), space["Reshape"]((2, 2, 2)), space["BAD"](2), nn.Flatten(), space["Gaussian"](8, 3))
    ours = nn.Sequential(nn.Linear(4, 8), Reshape((2, 2, 2)), BAD(2), nn.Flatten(), Gaussian(8, 3))
    ours.load_state_dict(typed.state_dict())
    assert type(typed[1]) is not Reshape
    assert pack(typed.eval(), (4,)) == pack(ours.eval(), (4,))


def test_packing_leaves_the_model_as_it_was():
    model = build("conv").train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    pack(model.encoder, model.shape)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(module.training for module in model.modules())


def test_float16_halves_the_bytes():
    assert 2 * len(pack(nn.Linear(5, 3), (5,))[1]) == len(pack(nn.Linear(5, 3), (5,), "float32")[1])


@pytest.mark.parametrize(
    "module, shape, phrase",
    [
        (nn.Sequential(nn.Linear(2, 2), nn.GELU()), (2,), "cannot run GELU"),
        (nn.Conv2d(2, 2, 3, groups=2), (2, 5, 5), "Conv2d with groups"),
        (nn.Conv2d(1, 1, 3, dilation=2), (1, 9, 9), "Conv2d with groups and dilation"),
        (nn.Conv2d(1, 1, (3, 5)), (1, 9, 9), "Conv2d with kernel_size"),
        (nn.Conv2d(1, 1, 3, padding="same"), (1, 9, 9), "Conv2d with padding"),
        (nn.Conv2d(1, 1, 3, padding=1, padding_mode="reflect"), (1, 9, 9), "Conv2d with padding_mode"),
        (nn.Upsample(scale_factor=2, mode="bicubic"), (1, 4, 4), "Upsample with mode 'bicubic'"),
        (nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True), (1, 4, 4), "align_corners=True"),
        (nn.Upsample(scale_factor=1.5), (1, 4, 4), "no whole number"),
        (nn.BatchNorm2d(2, track_running_stats=False), (2, 4, 4), "no eval mode"),
    ],
)
def test_a_layer_that_the_browser_cannot_run_is_named(module, shape, phrase):
    with pytest.raises(ValueError, match=phrase) as caught:
        pack(module.eval(), shape)
    assert "it runs Linear, Conv2d" in str(caught.value)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused(value):
    layer = nn.Linear(2, 2)
    with torch.no_grad():
        layer.weight[0, 0] = value
    with pytest.raises(ValueError, match="not numbers"):
        pack(layer, (2,))


def test_a_weight_beyond_float16_is_refused_and_the_cure_named():
    layer = nn.Linear(2, 2)
    with torch.no_grad():
        layer.weight[0, 0] = 1e5
    with pytest.raises(ValueError, match="dtype='float32'"):
        pack(layer, (2,))
    pack(layer, (2,), "float32")


def test_an_unknown_dtype_is_refused():
    with pytest.raises(ValueError, match="float16 or float32"):
        pack(nn.Linear(2, 2), (2,), "float64")
