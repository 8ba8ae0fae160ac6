"""The VAEs of two sources, held against their published layers: C's on Fashion-MNIST, D's at 32×32. The deep MLPs."""

import math
from itertools import chain

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from vae_helpers.architectures import OnBoth
from vae_helpers.data import load
from vae_helpers.layers import Gaussian, Reshape
from vae_helpers.losses import bernoulli_nll, kl_to_standard_normal
from vae_helpers.models import build, encode, reconstruct


pytestmark = pytest.mark.usefixtures("seeded")


def table(layers, x):
    """Each layer's name, the shape of one image after it, and its parameters: as a model summary prints it."""
    rows = []
    for layer in layers:
        x = layer(x)
        rows.append((type(layer).__name__, list(x.shape[1:]), sum(p.numel() for p in layer.parameters())))
    return rows


def layer_texts(model):
    return {name: str(module) for name, module in model.named_modules() if not list(module.children())}


# --- C: 32-64-72-64, 64 latents

# the summary that the notebook prints; after its cut-off "Linear: 2-9", as the published code has it
C_ENCODER = [
    ("Conv2d", [32, 28, 28], 320), ("LeakyReLU", [32, 28, 28], 0),
    ("Conv2d", [64, 14, 14], 18_496), ("LeakyReLU", [64, 14, 14], 0),
    ("Conv2d", [72, 7, 7], 41_544), ("LeakyReLU", [72, 7, 7], 0),
    ("Conv2d", [64, 7, 7], 41_536), ("Flatten", [3136], 0),
]
C_HEAD = 200_768
C_DECODER = [
    ("Linear", [3136], 203_840), ("Reshape", [64, 7, 7], 0),
    ("ConvTranspose2d", [64, 7, 7], 36_928), ("LeakyReLU", [64, 7, 7], 0),
    ("ConvTranspose2d", [72, 13, 13], 41_544), ("LeakyReLU", [72, 13, 13], 0),
    ("ConvTranspose2d", [32, 27, 27], 20_768), ("LeakyReLU", [32, 27, 27], 0),
    ("ConvTranspose2d", [1, 28, 28], 513),
]


def published_c():
    """The modules of the published net, in its order: encoder, two heads, decoder."""
    encoder = [nn.Conv2d(1, 32, 3, 1, 1), nn.LeakyReLU(0.01), nn.Conv2d(32, 64, 3, 2, 1), nn.LeakyReLU(0.01)]
    encoder += [nn.Conv2d(64, 72, 3, 2, 1), nn.LeakyReLU(0.01), nn.Conv2d(72, 64, 3, 1, 1), nn.Flatten()]
    heads = [nn.Linear(3136, 64), nn.Linear(3136, 64)]
    decoder = [nn.Linear(64, 3136), nn.Unflatten(1, (64, 7, 7)), nn.ConvTranspose2d(64, 64, 3, 1, 1)]
    decoder += [nn.LeakyReLU(0.01), nn.ConvTranspose2d(64, 72, 3, 2, 1), nn.LeakyReLU(0.01)]
    decoder += [nn.ConvTranspose2d(72, 32, 3, 2, 0), nn.LeakyReLU(0.01)]
    decoder += [nn.ConvTranspose2d(32, 1, 4, 1, 1), nn.Sigmoid()]
    return encoder, heads, decoder


def test_the_layer_table_of_c_is_the_published_one():
    model = build("fashion_vae")
    *body, last = model.encoder
    assert table(body, torch.rand(1, 1, 28, 28)) == C_ENCODER
    assert isinstance(last, Gaussian) and [p.numel() for p in last.parameters()] == [C_HEAD - 64, 64] * 2
    assert table(model.decoder, torch.randn(1, 64)) == C_DECODER


def test_the_published_modules_of_c_give_the_same_table():
    """So that the table above is that of the code, and not of our transcription of a summary."""
    encoder, heads, decoder = published_c()
    assert table(encoder, torch.rand(1, 1, 28, 28)) == C_ENCODER
    assert [sum(p.numel() for p in head.parameters()) for head in heads] == [C_HEAD] * 2
    *rows, sigmoid = table(decoder, torch.randn(1, 64))
    assert [(name.replace("Unflatten", "Reshape"), *rest) for name, *rest in rows] == C_DECODER
    assert sigmoid == ("Sigmoid", [1, 28, 28], 0)


@torch.no_grad()
def test_with_the_weights_of_the_published_net_c_gives_its_pictures():
    """All but its sigmoid, which ``reconstruct`` and the loss hold: the one thing that we leave out."""
    model, (encoder, (mu_head, logvar_head), decoder) = build("fashion_vae"), published_c()
    theirs = nn.ModuleList([*encoder, mu_head, logvar_head, *decoder])
    for ours, its in zip(model.parameters(), theirs.parameters(), strict=True):
        assert ours.shape == its.shape
        ours.copy_(its)
    x = torch.rand(3, 1, 28, 28)
    features = nn.Sequential(*encoder)(x)
    mu, logvar = model.encoder(x)
    torch.testing.assert_close(mu, mu_head(features))
    torch.testing.assert_close(logvar, logvar_head(features))
    torch.testing.assert_close(reconstruct(model, x), nn.Sequential(*decoder)(mu))


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32), (1, 8, 12)], ids=str)
@pytest.mark.parametrize("latent_dim", [1, 64])
def test_c_takes_other_sizes(shape, latent_dim):
    logits, mu, logvar = build("fashion_vae", latent_dim, shape=shape)(torch.rand(2, *shape))
    assert logits.shape == (2, *shape) and mu.shape == logvar.shape == (2, latent_dim)


# --- D: 8-16-32-64 at 32×32, 20 latents


def published_d():
    """The modules that the published net calls, in its order: encoder, two heads, decoder. It calls no up-sampling."""

    def block(layer, channels):
        return [layer, nn.BatchNorm2d(channels), nn.LeakyReLU()]

    encoder = [block(nn.Conv2d(a, b, 4, 2, p), b) for a, b, p in ((1, 8, 1), (8, 16, 1), (16, 32, 1), (32, 64, 0))]
    heads = [[nn.Linear(128, 20), nn.LeakyReLU(), nn.Dropout(0.2)] for _ in range(2)]
    decoder = [block(nn.ConvTranspose2d(a, b, 4, 2, p), b) for a, b, p in ((64, 64, 0), (64, 32, 1), (32, 16, 1))]
    small = [nn.Linear(20, 64), nn.LeakyReLU(), nn.Dropout(0.2), nn.Unflatten(1, (64, 1, 1))]
    last = [nn.ConvTranspose2d(16, 1, 4, 2, 1), nn.Sigmoid()]
    return [*chain(*encoder), nn.Flatten(), nn.Linear(64, 128)], heads, [*small, *chain(*decoder), *last]


D_ENCODER = [[8, 16, 16], [16, 8, 8], [32, 4, 4], [64, 1, 1]]
D_DECODER = [[64, 4, 4], [32, 8, 8], [16, 16, 16], [1, 32, 32]]


@pytest.mark.parametrize("as_published", [False, True])
def test_the_shapes_of_d(as_published):
    model = build("vae32", as_published=as_published)
    down = table(list(model.encoder)[:12], torch.rand(2, 1, 32, 32))
    up = table(model.decoder, torch.randn(2, 20))
    assert model.shape == (1, 32, 32) and [shape for name, shape, _ in down if name == "Conv2d"] == D_ENCODER
    assert [shape for name, shape, _ in up if name == "ConvTranspose2d"] == D_DECODER


@torch.no_grad()
@pytest.mark.parametrize("training", [False, True])
def test_with_the_weights_of_the_published_net_d_gives_its_numbers(training):
    """In train mode too, with the same dropout drawn: all but the sigmoid, which the loss holds."""
    model, (encoder, heads, decoder) = build("vae32", as_published=True), published_d()
    theirs = nn.ModuleList([*encoder, heads[0][0], heads[1][0], *decoder]).train(training)
    for head in heads:
        nn.Sequential(*head).train(training)
    for ours, its in zip(model.parameters(), theirs.parameters(), strict=True):
        assert ours.shape == its.shape
        ours.copy_(its)
    model.train(training)
    x = torch.rand(8, 1, 32, 32)
    torch.manual_seed(1)
    features = nn.Sequential(*encoder)(x)
    mu, logvar = (nn.Sequential(*head)(features) for head in heads)
    pictures = nn.Sequential(*decoder)(mu + (logvar / 2).exp() * torch.randn_like(logvar))
    torch.manual_seed(1)
    logits, our_mu, our_logvar = model(x)
    torch.testing.assert_close(our_mu, mu)
    torch.testing.assert_close(our_logvar, logvar)
    torch.testing.assert_close(logits.sigmoid(), pictures)
    assert (our_mu == 0).any() == training


def test_the_layers_by_which_published_and_mended_d_differ():
    published, mended = build("vae32", as_published=True), build("vae32")
    assert layer_texts(published)["encoder.15.layers.0"] == str(nn.LeakyReLU())
    assert layer_texts(published)["encoder.15.layers.1"] == str(nn.Dropout(0.2))
    assert isinstance(published.encoder[15], OnBoth) and isinstance(published.encoder[14], Gaussian)
    without_heads = [str(layer) for layer in list(published.encoder)[:15]]
    between = [str(layer) for layer in mended.encoder]
    assert between.pop(14) == str(nn.LeakyReLU()) and between == without_heads
    assert str(published.decoder) == str(mended.decoder)
    assert [p.shape for p in published.parameters()] == [p.shape for p in mended.parameters()]


def test_the_published_heads_keep_sigma_from_falling_below_one():
    """Heads that say −20 for mu and log σ²: the mended net hands it on, the published one a hundredth of it."""
    found = {}
    for as_published in (False, True):
        model = build("vae32", as_published=as_published).eval()
        gaussian = next(layer for layer in model.encoder if isinstance(layer, Gaussian))
        with torch.no_grad():
            for head in (gaussian.mu, gaussian.logvar):
                head.weight.zero_()
                head.bias.fill_(-20)
            found[as_published] = model.encoder(torch.rand(2, 1, 32, 32))
    for wanted, numbers in ((-20.0, found[False]), (-0.2, found[True])):
        for part in numbers:
            torch.testing.assert_close(part, torch.full((2, 20), wanted))
    assert (found[True][1] / 2).exp().min() > 0.9 and (found[False][1] / 2).exp().max() < 1e-4


def test_the_published_heads_drop_one_number_in_five_in_train_mode_alone():
    model, x = build("vae32", as_published=True), torch.rand(200, 1, 32, 32)
    for part in model.train().encoder(x):  # 4,000 numbers: a standard error of 0.0063
        assert abs((part == 0).float().mean().item() - 0.2) < 5 * math.sqrt(0.2 * 0.8 / 4_000)
    assert not any((part == 0).any() for part in model.eval().encoder(x))
    assert not any((part == 0).any() for part in build("vae32").train().encoder(x))


def test_the_published_linear_layers_before_the_heads_are_but_one():
    """No activation between: for features h, what follows is affine. The mended net's is not."""
    h, k, zero = torch.randn(4, 64), torch.randn(4, 64), torch.zeros(4, 64)

    def bent(model, after):
        layers = list(model.encoder)[13:after]
        f = lambda h: nn.Sequential(*layers)(h)[0]
        return (f(h + k) - f(h) - f(k) + f(zero)).abs().max().item()

    assert bent(build("vae32", as_published=True), 15) < 1e-5 and bent(build("vae32"), 16) > 1e-3


@pytest.mark.parametrize("shape", [(1, 28, 28), (1, 32, 28), (3, 64, 64)])
def test_d_takes_pictures_of_32_alone(shape):
    with pytest.raises(ValueError, match="32×32.*mnist32.*pad") as raised:
        build("vae32", shape=shape)
    assert str(shape) in str(raised.value)


def test_d_takes_colour_and_other_latents():
    logits, mu, _ = build("vae32", 3, shape=(3, 32, 32))(torch.rand(2, 3, 32, 32))
    assert logits.shape == (2, 3, 32, 32) and mu.shape == (2, 3)


# --- the deep MLPs

DEEP = {"deep_vae": [784, 400, 400, 20], "deep_vae2": [784, 400, 200, 100, 2]}


@pytest.mark.parametrize("preset", DEEP)
def test_the_sizes_of_the_deep_nets(preset):
    model, sizes = build(preset), DEEP[preset]
    down = [m.in_features for m in model.encoder.modules() if isinstance(m, nn.Linear)]
    up = [(m.in_features, m.out_features) for m in model.decoder if isinstance(m, nn.Linear)]
    assert down == [*sizes[:-1], sizes[-2]]  # two heads
    assert up == list(zip(sizes[::-1], sizes[-2::-1]))
    assert isinstance(model.decoder[-1], Reshape) and isinstance(model.encoder[-1], Gaussian)


# --- all of them

MODELS = ["fashion_vae", "vae32", *DEEP]


@pytest.mark.parametrize("preset", MODELS)
def test_a_few_steps_on_pen_lower_the_loss(preset):
    model = build(preset)
    x = load("pen").train.as_float(slice(64))
    x = F.pad(x, (2, 2, 2, 2)) if model.shape[1] == 32 else x
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    losses = []
    for _ in range(10):
        optimizer.zero_grad()
        logits, mu, logvar = model(x)
        loss = (bernoulli_nll(logits, x) + kl_to_standard_normal(mu, logvar)).mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert math.isfinite(losses[-1]) and losses[-1] < 0.9 * losses[0]


@pytest.mark.parametrize("preset", ["vae32", "fashion_vae"])
@pytest.mark.parametrize("term", ["nll", "kl"])
def test_the_gradient_of_either_term_reaches_the_encoder(preset, term):
    model = build(preset)
    x = torch.rand(8, *model.shape)
    logits, mu, logvar = model(x)
    (bernoulli_nll(logits, x) if term == "nll" else kl_to_standard_normal(mu, logvar)).sum().backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in model.encoder[-1].parameters())
    assert all(p.grad is not None for p in model.encoder.parameters())


def test_codes_of_d_in_eval_mode_are_the_same_twice():
    model, x = build("vae32", as_published=True).train(), torch.rand(4, 1, 32, 32)
    assert torch.equal(encode(model, x), encode(model, x)) and model.training
