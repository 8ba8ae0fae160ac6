"""The networks: shapes, sizes, and what tells the published net from the mended one."""

import pytest
import torch
from torch import nn

from vae_helpers import models
from vae_helpers.layers import Gaussian
from vae_helpers.losses import bernoulli_nll, kl_to_standard_normal
from vae_helpers.models import PRESETS, VAE, build, decode, encode, gaussian_encoder, reconstruct

SHAPES = [(1, 28, 28), (3, 32, 32), (1, 8, 8)]
TWINS = {"vae": "mlp", "vae2": "mlp2", "conv_vae": "conv"}


@pytest.fixture(autouse=True)
def seeded():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def shapes_through(layers, x):
    """The shape of one image after each layer."""
    found = []
    for layer in layers:
        x = layer(x)
        found.append((type(layer).__name__, list(x.shape[1:])))
    return found


def parameters(module):
    return sum(p.numel() for p in module.parameters())


# --- shapes


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("latent_dim", [1, 2, 20])
@pytest.mark.parametrize("as_published", [False, True])
@pytest.mark.parametrize("preset", ["linear", "mlp", "mlp2", "conv"])
def test_shapes(preset, as_published, latent_dim, shape):
    model = build(preset, latent_dim, as_published, shape)
    x = torch.rand(3, *shape)
    assert model.encoder(x).shape == (3, latent_dim)
    assert model.decoder(torch.randn(3, latent_dim)).shape == model(x).shape == x.shape
    assert model.shape == shape and model.latent_dim == latent_dim


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("latent_dim", [1, 2, 20])
@pytest.mark.parametrize("as_published", [False, True])
@pytest.mark.parametrize("preset", TWINS)
def test_shapes_of_a_vae(preset, as_published, latent_dim, shape):
    model = build(preset, latent_dim, as_published, shape)
    x = torch.rand(3, *shape)
    logits, mu, logvar = model(x)
    assert logits.shape == model.decoder(torch.randn(3, latent_dim)).shape == x.shape
    assert mu.shape == logvar.shape == (3, latent_dim)
    assert model.shape == shape and model.latent_dim == latent_dim


LATENTS = [("linear", 20), ("mlp", 20), ("mlp2", 2), ("conv", 2), ("vae", 20), ("vae2", 2), ("conv_vae", 2)]
LATENTS += [("deep_vae", 20), ("deep_vae2", 2), ("fashion_vae", 64), ("vae32", 20), ("faces_vae", 64)]
LATENTS += [("narrow_vae", 30)]


@pytest.mark.parametrize("preset, latent_dim", LATENTS)
def test_a_preset_has_the_latents_that_its_text_names(preset, latent_dim):
    model = build(preset)
    assert model.latent_dim == encode(model, torch.rand(1, *model.shape)).shape[1] == latent_dim
    assert str(latent_dim) in PRESETS[preset]


def test_every_preset_is_built():
    assert {name for name, _ in LATENTS} == set(PRESETS)


ENCODER = [
    ("Conv2d", [32, 28, 28]), ("BAD", [32, 28, 28]),
    ("Conv2d", [64, 14, 14]), ("BAD", [64, 14, 14]),
    ("Conv2d", [64, 7, 7]), ("BAD", [64, 7, 7]),
    ("Conv2d", [64, 7, 7]), ("BAD", [64, 7, 7]),
    ("Flatten", [3136]), ("Linear", [2]),
]
DECODER = [
    ("Linear", [3136]), ("Reshape", [64, 7, 7]),
    ("ConvTranspose2d", [64, 7, 7]), ("BAD", [64, 7, 7]),
    ("ConvTranspose2d", [64, 14, 14]), ("BAD", [64, 14, 14]),
    ("ConvTranspose2d", [32, 28, 28]), ("BAD", [32, 28, 28]),
    ("ConvTranspose2d", [1, 28, 28]), ("BAD", [1, 28, 28]),
]


def test_the_conv_encoder_has_the_shapes_of_the_slides():
    """Slides 3 and 6 of A. Behera's talk (2022)."""
    assert shapes_through(build("conv", as_published=True).encoder, torch.rand(32, 1, 28, 28)) == ENCODER


def test_the_published_conv_decoder_has_the_shapes_of_the_slides():
    """Slides 7 and 11 of A. Behera's talk (2022)."""
    assert shapes_through(build("conv", as_published=True).decoder, torch.randn(32, 2)) == DECODER


def test_the_mended_conv_net_lacks_the_last_block_alone():
    model = build("conv")
    assert shapes_through(model.encoder, torch.rand(32, 1, 28, 28)) == ENCODER
    assert shapes_through(model.decoder, torch.randn(32, 2)) == DECODER[:-1]


def test_the_linear_autoencoder_is_784_20_784():
    model = build("linear")
    down = shapes_through(model.encoder, torch.rand(2, 1, 28, 28))
    up = shapes_through(model.decoder, torch.rand(2, 20))
    assert down == [("Flatten", [784]), ("Linear", [20])]
    assert up == [("Linear", [784]), ("Reshape", [1, 28, 28])]


# --- the published net and the mended one


def layer_texts(model):
    return {name: str(module) for name, module in model.named_modules() if not list(module.children())}


@pytest.mark.parametrize("preset", ["conv", "conv_vae"])
def test_the_layers_by_which_published_and_mended_differ(preset):
    published, mended = layer_texts(build(preset, as_published=True)), layer_texts(build(preset))
    gone = {name: text for name, text in published.items() if name not in mended}
    changed = {name: (published[name], text) for name, text in mended.items() if published[name] != text}
    assert gone == {
        "decoder.9.norm": str(nn.BatchNorm2d(1)),
        "decoder.9.activation": str(nn.LeakyReLU()),
        "decoder.9.dropout": str(nn.Dropout(0.5)),
    }
    blocks = [f"encoder.{i}" for i in (1, 3, 5, 7)] + [f"decoder.{i}" for i in (3, 5, 7)]
    dropouts = (str(nn.Dropout(0.5)), str(nn.Dropout(0.0)))
    assert changed == {f"{block}.dropout": dropouts for block in blocks}


@pytest.mark.parametrize("preset", ["linear", "mlp", "mlp2", "vae", "vae2", "deep_vae", "deep_vae2", "fashion_vae"])
def test_the_other_presets_have_no_fault_to_mend(preset):
    assert layer_texts(build(preset, as_published=True)) == layer_texts(build(preset))


def test_the_published_net_zeroes_half_of_its_output_pixels_in_train_mode():
    x = torch.rand(64, 1, 28, 28)
    zeros = (build("conv", as_published=True)(x) == 0).float().mean()
    assert 0.48 < zeros < 0.52
    assert (build("conv")(x) == 0).sum() == 0


def test_no_layer_of_the_mended_net_is_random():
    model, x = build("conv"), torch.rand(8, 1, 28, 28)
    assert torch.equal(model(x), model(x))


# --- sizes


def conv(c_in, c_out):
    return 3 * 3 * c_in * c_out + c_out


def bad(channels):
    return 2 * channels


def test_parameters_of_the_conv_net():
    model = build("conv")
    down = conv(1, 32) + bad(32) + conv(32, 64) + bad(64) + 2 * (conv(64, 64) + bad(64)) + 3136 * 2 + 2
    up = 2 * 3136 + 3136 + 2 * (conv(64, 64) + bad(64)) + conv(64, 32) + bad(32) + conv(32, 1)
    assert parameters(model.encoder) == down and parameters(model.decoder) == up
    assert parameters(build("conv", as_published=True)) == down + up + bad(1)


LAYERS = {"linear": [784, 20], "mlp": [784, 400, 20], "mlp2": [784, 400, 128, 2]}


@pytest.mark.parametrize("preset", LAYERS)
def test_parameters_of_the_linear_layers(preset):
    model, sizes, back = build(preset), LAYERS[preset], LAYERS[preset][::-1]
    assert parameters(model.encoder) == sum((a + 1) * b for a, b in zip(sizes, sizes[1:]))
    assert parameters(model.decoder) == sum((a + 1) * b for a, b in zip(back, back[1:]))


def test_the_linear_autoencoder_is_linear():
    model = build("linear")
    x, y, zero = torch.rand(1, 1, 28, 28), torch.rand(1, 1, 28, 28), torch.zeros(1, 1, 28, 28)
    torch.testing.assert_close(model(x + y) - model(y), model(x) - model(zero), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("preset", ["mlp", "mlp2", "conv"])
def test_the_other_nets_are_not(preset):
    model = build(preset).eval()
    x, y, zero = torch.rand(1, 1, 28, 28), torch.rand(1, 1, 28, 28), torch.zeros(1, 1, 28, 28)
    assert not torch.allclose(model(x + y) - model(y), model(x) - model(zero), rtol=1e-4, atol=1e-5)


# --- build


def test_the_global_seed_gives_the_same_net_twice():
    def net(seed):
        torch.manual_seed(seed)
        return torch.cat([p.flatten() for p in build("conv").parameters()])

    assert torch.equal(net(1), net(1)) and not torch.equal(net(1), net(2))


def test_an_unknown_preset_lists_those_that_are():
    with pytest.raises(ValueError) as raised:
        build("convnet")
    assert "'convnet'" in str(raised.value) and all(name in str(raised.value) for name in PRESETS)


@pytest.mark.parametrize("preset", ["conv", "conv_vae", "fashion_vae"])
@pytest.mark.parametrize("shape", [(1, 30, 28), (1, 28, 30), (3, 9, 9)])
def test_a_size_that_cannot_be_halved_twice(preset, shape):
    with pytest.raises(ValueError, match="multiples of 4") as raised:
        build(preset, shape=shape)
    assert str(shape) in str(raised.value)


# --- encode, decode, reconstruct

WAYS = [
    (lambda model: encode(model, torch.rand(4, 1, 28, 28)), "encoder"),
    (lambda model: decode(model, torch.randn(4, 2)), "decoder"),
    (lambda model: reconstruct(model, torch.rand(4, 1, 28, 28)), "encoder"),
    (lambda model: reconstruct(model, torch.rand(4, 1, 28, 28)), "decoder"),
]


@pytest.mark.parametrize("way, part", WAYS)
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("preset", ["conv", "conv_vae"])
def test_inside_is_eval_mode_and_the_mode_is_put_back(way, part, training, preset):
    model, seen = build(preset, as_published=True).train(training), []
    for module in getattr(model, part).modules():
        module.register_forward_hook(lambda module, *_: seen.append(module.training))
    way(model)
    assert seen and not any(seen)
    assert all(module.training is training for module in model.modules())


@pytest.mark.parametrize("way, part", WAYS)
@pytest.mark.parametrize("preset", ["conv", "conv_vae"])
def test_no_gradient_comes_out(way, part, preset):
    assert not way(build(preset)).requires_grad


def test_encode_gives_the_codes_of_eval_mode():
    model, x = build("conv", as_published=True), torch.rand(4, 1, 28, 28)
    model(torch.rand(32, 1, 28, 28))  # so that the running averages are some
    codes = encode(model, x)
    assert torch.equal(codes, encode(model, x)) and torch.equal(codes, model.eval().encoder(x))
    torch.testing.assert_close(codes[:1], encode(model, x[:1]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("preset", ["mlp", "mlp2", "conv"])
def test_decode_of_logits_gives_pixels(preset):
    model = build(preset, 2)
    z = 1000 * torch.randn(8, 2)
    pixels = decode(model, z)
    assert pixels.shape == (8, 1, 28, 28) and pixels.min() >= 0 and pixels.max() <= 1
    assert torch.equal(pixels, torch.sigmoid(model.eval().decoder(z)))


def test_decode_of_pixels_leaves_them_alone():
    model, z = build("linear", 2), 100 * torch.randn(8, 2)
    assert torch.equal(decode(model, z), model.decoder(z))
    assert decode(model, z).min() < 0


@pytest.mark.parametrize("preset", PRESETS)
def test_reconstruct_is_encode_then_decode(preset):
    model = build(preset)
    x = torch.rand(4, *model.shape)
    assert torch.equal(reconstruct(model, x), decode(model, encode(model, x)))


def test_every_network_says_what_its_output_is():
    assert models.LinearAutoencoder.output == "pixels" and models.Autoencoder.output == VAE.output == "logits"


@pytest.mark.parametrize("preset", ["mlp", "vae"])
def test_a_code_of_no_numbers_is_refused(preset):
    with pytest.raises(ValueError, match="one number at least"):
        build(preset, latent_dim=0)


# --- the VAE


@pytest.mark.parametrize("preset", ["mlp", "mlp2", "conv"])
def test_gaussian_encoder_shares_all_layers_but_the_last(preset):
    encoder = build(preset, 3, shape=(1, 8, 8)).encoder
    gaussian = gaussian_encoder(encoder)
    assert len(gaussian) == len(encoder) and all(a is b for a, b in zip(gaussian[:-1], encoder[:-1]))
    last, replaced = gaussian[-1], encoder[-1]
    assert isinstance(replaced, nn.Linear) and isinstance(last, Gaussian)
    assert last.mu.weight.shape == last.logvar.weight.shape == replaced.weight.shape
    assert parameters(gaussian) == parameters(encoder) + parameters(replaced)


def test_with_the_weights_of_the_last_layer_mu_is_the_code_of_before():
    encoder, x = build("mlp", 3, shape=(1, 8, 8)).encoder, torch.rand(4, 1, 8, 8)
    gaussian = gaussian_encoder(encoder)
    gaussian[-1].mu.load_state_dict(encoder[-1].state_dict())
    assert torch.equal(gaussian(x)[0], encoder(x))


@pytest.mark.parametrize("as_published", [False, True])
@pytest.mark.parametrize("preset, twin", TWINS.items())
def test_a_vae_is_its_twin_with_a_gaussian_layer_for_the_last(preset, twin, as_published):
    vae, plain = (layer_texts(build(name, as_published=as_published)) for name in (preset, twin))
    last = [name for name in plain if name.startswith("encoder.")][-1]
    linear = plain.pop(last)
    assert vae.pop(f"{last}.mu") == vae.pop(f"{last}.logvar") == linear
    assert vae == plain


@pytest.mark.parametrize("preset, head", [("vae", 400 * 20 + 20), ("vae2", 128 * 2 + 2), ("conv_vae", 3136 * 2 + 2)])
def test_a_vae_has_one_head_more_than_its_twin(preset, head):
    assert parameters(build(preset)) == parameters(build(TWINS[preset])) + head


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("preset", TWINS)
def test_a_vae_draws_anew_at_each_call_in_eval_mode_too(preset, training):
    model, x = build(preset).train(training), torch.rand(8, 1, 28, 28)
    (first, mu, logvar), (second, mu_again, logvar_again) = model(x), model(x)
    assert torch.equal(mu, mu_again) and torch.equal(logvar, logvar_again)
    assert not (first == second).all((1, 2, 3)).any()  # for each image


def test_a_vae_decodes_a_draw_of_its_own_gaussian():
    model, seen = build("vae2", shape=(1, 8, 8)).eval(), []
    with torch.no_grad():
        model.encoder[-1].mu.bias.copy_(torch.tensor([3.0, -2.0]))
        model.encoder[-1].logvar.bias.copy_(torch.tensor([-2.0, 1.0]))
    model.decoder.register_forward_pre_hook(lambda module, z: seen.append(z[0]))
    _, mu, logvar = model(torch.rand(1, 1, 8, 8).expand(20_000, 1, 8, 8))
    eps = (seen[0] - mu) / (logvar / 2).exp()
    # five standard errors: 1/√n of a mean, 1/√(2n) of a standard deviation
    assert (eps.mean(0).abs() < 5 / 20_000**0.5).all() and ((eps.std(0) - 1).abs() < 5 / 40_000**0.5).all()


def test_the_noise_of_a_vae_is_torchs_global_noise():
    model, x = build("vae2"), torch.rand(4, 1, 28, 28)
    torch.manual_seed(1)
    first = model(x)[0]
    torch.manual_seed(1)
    assert torch.equal(first, model(x)[0])


@pytest.mark.parametrize("term", ["nll", "kl"])
@pytest.mark.parametrize("preset", TWINS)
def test_the_gradient_of_either_term_reaches_both_heads_and_all_before(preset, term):
    model, x = build(preset), torch.rand(8, 1, 28, 28)
    logits, mu, logvar = model(x)
    (bernoulli_nll(logits, x) if term == "nll" else kl_to_standard_normal(mu, logvar)).sum().backward()
    last = model.encoder[-1]
    assert all(p.grad.abs().max() > 0 for p in last.parameters())
    assert all(p.grad is not None for p in model.encoder.parameters())
    assert (next(model.decoder.parameters()).grad is None) == (term == "kl")


@pytest.mark.parametrize("preset", TWINS)
def test_encode_of_a_vae_gives_the_means(preset):
    model, x = build(preset), torch.rand(4, 1, 28, 28)
    codes = encode(model, x)
    assert isinstance(codes, torch.Tensor) and torch.equal(codes, model.eval().encoder(x)[0])
    assert torch.equal(codes, model(x)[1])


@pytest.mark.parametrize("preset", TWINS)
def test_reconstruct_of_a_vae_decodes_the_means_and_draws_nothing(preset):
    model, x = build(preset), torch.rand(4, 1, 28, 28)
    before = torch.get_rng_state()
    pictures = reconstruct(model, x)
    assert torch.equal(pictures, reconstruct(model, x)) and torch.equal(before, torch.get_rng_state())
    model.eval()
    assert torch.equal(pictures, torch.sigmoid(model.decoder(model.encoder(x)[0])))


def test_without_its_noise_a_vae_is_an_autoencoder():
    model, x = build("vae"), torch.rand(4, 1, 28, 28)
    with torch.no_grad():
        model.encoder[-1].logvar.weight.zero_()
        model.encoder[-1].logvar.bias.fill_(-80)
    torch.testing.assert_close(torch.sigmoid(model(x)[0]), reconstruct(model, x))
