"""One truth: core/net.js gives in the browser what PyTorch gives, layer by layer and net by net."""

import base64

import pytest
import torch
from lab import ROOT
from torch import nn
from torch.nn import functional as F

from vae_helpers.data import load
from vae_helpers.layers import BAD, Gaussian, Reshape
from vae_helpers.models import PRESETS, build, pretrained
from vae_helpers.recipes import RECIPES
from vae_helpers.training import fit
from vae_helpers.widgets.core.pack import pack

pytestmark = pytest.mark.browser

NET = (ROOT / "vae_helpers" / "widgets" / "core" / "net.js").read_text(encoding="utf-8")
# hidden layers, mu and logvar: this times (1 + |value|); pixels, after the sigmoid: this
TOLERANCE = {"float32": 1e-4, "float16": 2e-3}

RUN = (
    """([layers, weights, dtype, inputs]) => {"""
    + NET
    + """
  const bytes = Uint8Array.from(atob(weights), c => c.charCodeAt(0));
  const net = new Net(layers, unpackWeights(new DataView(bytes.buffer), dtype));
  return inputs.map(x => Array.from(net.run(Float32Array.from(x))));
}"""
)


@pytest.fixture(scope="module")
def blank(context):
    page = context.new_page()
    yield page
    page.close()


def in_browser(page, module, x, dtype):
    layers, weights = pack(module, x.shape[1:], dtype)
    sent = [layers, base64.b64encode(weights).decode("ascii"), dtype, x.flatten(1).tolist()]
    return torch.tensor(page.evaluate(RUN, sent))


@torch.no_grad()
def in_torch(module, x):
    y = module.eval()(x)
    return torch.cat(y, 1) if isinstance(y, tuple) else y.flatten(1)


def unsettled(module):
    """Batch norms as after some training: else they would hardly do anything."""
    for norm in module.modules():
        if isinstance(norm, (nn.BatchNorm1d, nn.BatchNorm2d)):
            for values, low, high in ((norm.running_mean, -1, 1), (norm.running_var, 0.3, 2)):
                nn.init.uniform_(values, low, high)
            if norm.affine:
                nn.init.uniform_(norm.weight, 0.5, 2)
                nn.init.uniform_(norm.bias, -1, 1)
    return module


LAYERS = {
    "linear": (nn.Linear(7, 5), (7,)),
    "linear without bias": (nn.Linear(7, 5, bias=False), (7,)),
    "gaussian": (Gaussian(7, 3), (7,)),
    "relu": (nn.ReLU(), (9,)),
    "leaky relu": (nn.LeakyReLU(0.2), (9,)),
    "tanh": (nn.Tanh(), (9,)),
    "sigmoid": (nn.Sigmoid(), (9,)),
    "conv": (nn.Conv2d(3, 4, 3, padding=1), (3, 6, 5)),
    "conv, stride 2, even kernel": (nn.Conv2d(2, 3, 4, 2, 1), (2, 8, 6)),
    "conv, stride 3, no padding, no bias": (nn.Conv2d(2, 3, 5, 3, bias=False), (2, 13, 17)),
    "conv with more padding than kernel": (nn.Conv2d(1, 1, 2, 1, 3), (1, 3, 3)),
    "transposed": (nn.ConvTranspose2d(3, 2, 3, padding=1), (3, 5, 6)),
    "transposed, stride 2": (nn.ConvTranspose2d(3, 2, 3, 2, 1, output_padding=1), (3, 7, 4)),
    "transposed, stride 3, padding 2, no bias": (nn.ConvTranspose2d(2, 3, 4, 3, 2, 2, bias=False), (2, 5, 4)),
    "upsample": (nn.Upsample(scale_factor=2), (2, 3, 4)),
    "upsample by 3, bilinear": (nn.Upsample(scale_factor=3, mode="bilinear"), (2, 3, 4)),
    "upsample to a size": (nn.Upsample(size=(7, 10)), (1, 3, 4)),
    "batch norm by itself": (nn.BatchNorm2d(3), (3, 4, 4)),
    "batch norm without weights": (nn.BatchNorm2d(3, affine=False), (3, 4, 4)),
    "linear and batch norm": (nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5)), (6,)),
    "conv and batch norm": (nn.Sequential(nn.Conv2d(2, 3, 3, bias=False), nn.BatchNorm2d(3)), (2, 6, 6)),
    "transposed and batch norm": (nn.Sequential(nn.ConvTranspose2d(2, 3, 3), nn.BatchNorm2d(3)), (2, 4, 4)),
    "BAD": (nn.Sequential(nn.Conv2d(1, 4, 3), BAD(4)), (1, 8, 8)),
    "reshape": (nn.Sequential(nn.Linear(4, 8), Reshape((2, 2, 2)), nn.Conv2d(2, 3, 2)), (4,)),
}


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_gives_what_torch_gives(blank, name, dtype):
    torch.manual_seed(0)
    module, shape = LAYERS[name]
    unsettled(module).eval()
    x = 2 * torch.randn(4, *shape)
    wanted, got = in_torch(module, x), in_browser(blank, module, x, dtype)
    assert got.shape == wanted.shape
    assert ((got - wanted).abs() <= TOLERANCE[dtype] * (1 + wanted.abs())).all()


@pytest.fixture(scope="module")
def digits():
    data = load("pen")
    return data.train.subset(500), data.test.as_float()[:6]


def fitting(images, model):
    """Digits of 28×28 with a margin of paper where the model takes 32×32, enlarged and in colour where it takes faces."""
    if model.shape[1] > 32:
        tints = torch.tensor([1.0, 0.7, 0.4])[: model.shape[0]].view(1, -1, 1, 1)
        return F.interpolate(images, model.shape[1:]) * tints
    margin = (model.shape[1] - images.shape[2]) // 2
    return F.pad(images, (margin,) * 4)


@pytest.fixture(scope="module", params=PRESETS)
def trained(request, digits):
    """A net of this preset after a few steps: its weights, and its batch norms' averages, are no fresh draws."""
    torch.manual_seed(0)
    model = build(request.param)
    if request.param == "linear":
        return model.eval()
    if model.shape[1] > 32:  # larger nets: few images, many steps
        fit(model, fitting(digits[0].as_float(slice(64)), model), epochs=8, batch_size=16, progress=False)
        return model
    fit(model, fitting(digits[0].as_float(), model), epochs=3, progress=False)
    return model


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_an_encoder_gives_what_torch_gives(blank, trained, digits, dtype):
    x = fitting(digits[1], trained)
    wanted, got = in_torch(trained.encoder, x), in_browser(blank, trained.encoder, x, dtype)
    assert got.shape == wanted.shape
    assert ((got - wanted).abs() <= TOLERANCE[dtype] * (1 + wanted.abs())).all()


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_a_decoder_draws_what_torch_draws(blank, trained, dtype):
    torch.manual_seed(1)
    z = torch.randn(6, trained.latent_dim)
    decoder = trained.decoder
    if trained.output == "logits":
        decoder = nn.Sequential(*decoder, nn.Sigmoid())
    wanted, got = in_torch(decoder, z), in_browser(blank, decoder, z, dtype)
    assert wanted.std() > 0.01  # a picture, not a grey plane
    assert (got - wanted).abs().max() <= TOLERANCE[dtype]


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("name", RECIPES)
def test_a_shipped_net_rebuilds_what_torch_rebuilds(blank, digits, name, dtype):
    """Trained to the end: its weights are larger than after one epoch, and so are the errors of float16."""
    net = pretrained(name)
    x = load("faces").test.as_float(slice(6)) if RECIPES[name].dataset == "faces" else digits[1]
    decoder = nn.Sequential(*net.decoder, nn.Sigmoid())
    wanted, got = in_torch(net.encoder, x), in_browser(blank, net.encoder, x, dtype)
    # batch norm folded into the weights rounds them once more, and the sums over a face have thousands of terms
    room = 4 if RECIPES[name].dataset == "faces" and dtype == "float16" else 1
    assert ((got - wanted).abs() <= room * TOLERANCE[dtype] * (1 + wanted.abs())).all()
    z = wanted[:, : net.latent_dim]
    assert (in_browser(blank, decoder, z, dtype) - in_torch(decoder, z)).abs().max() <= TOLERANCE[dtype]
    hidden = decoder[:2]
    wanted, got = in_torch(hidden, z), in_browser(blank, hidden, z, dtype)
    assert ((got - wanted).abs() <= TOLERANCE[dtype] * (1 + wanted.abs())).all()


def test_float16_is_read_bit_by_bit(blank):
    """Every float16 that is a number, subnormal and negative ones too."""
    halves = torch.arange(-(2**15), 2**15, dtype=torch.int16).view(torch.float16)
    finite = halves[halves.isfinite()]
    weights = base64.b64encode(finite.numpy().tobytes()).decode("ascii")
    read = blank.evaluate(
        "([weights]) => {" + NET + " const bytes = Uint8Array.from(atob(weights), c => c.charCodeAt(0));"
        " return Array.from(unpackWeights(new DataView(bytes.buffer), 'float16')); }",
        [weights],
    )
    assert torch.equal(torch.tensor(read), finite.float())


def test_a_layer_unknown_to_the_browser_is_named(blank):
    with pytest.raises(Exception, match="no layer gelu in the browser"):
        blank.evaluate("() => {" + NET + " new Net([{kind: 'gelu', length: 1}], new Float32Array(0)); }")
