"""The VAE in NumPy: every backward pass against autograd and central differences, each step against torch's."""

import ast
import subprocess
import sys

import numpy as np
import pytest
import torch
from notebook_tools import NOTEBOOKS, code_cells, definitions, read
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional as F

from vae_helpers import data, losses, numpy_vae
from vae_helpers.checks.numpy_vae import patient
from vae_helpers.numpy_vae import (
    KL,
    SGD,
    VAE,
    Adam,
    BernoulliNLL,
    GaussianHead,
    Linear,
    ReLU,
    Sample,
    Tanh,
    central_differences,
    check_gradients,
    parameters,
    relative_error,
    sigmoid,
    train,
)

SEEDS = range(5)
RIGHT = 1e-6  # what the notebook promises; autograd is met far closer
ENCODER = {"encoder.w", "encoder.b"}


@pytest.fixture(scope="module")
def digits():
    """scikit-learn's 8×8 digits, divided by 16: (1797, 64)."""
    return load_digits().images.reshape(-1, 64) / 16


def noise(rng, *shape):
    """Standard normal numbers, none within 0.01 of 0: there a ReLU has its kink, and no difference helps."""
    values = rng.standard_normal(shape)
    return values + 0.01 * np.sign(values)


def leaf(array):
    return torch.tensor(array, requires_grad=True)


# --- each layer: (layer, inputs, its like in torch, arrays of its own)


def linear(rng):
    layer = Linear(5, 3, rng)
    layer.b = noise(rng, 3)
    return layer, [noise(rng, 4, 5)], lambda x, w, b: F.linear(x, w.T, b), ["w", "b"]


def gaussian_head(rng):
    head = GaussianHead(5, 2, rng)

    def in_torch(h):
        return tuple(F.linear(h, torch.tensor(one.w.T), torch.tensor(one.b)) for one in (head.mu, head.logvar))

    return head, [noise(rng, 4, 5)], in_torch, []


LAYERS = {
    "Linear": linear,
    "ReLU": lambda rng: (ReLU(), [noise(rng, 4, 5)], torch.relu, []),
    "Tanh": lambda rng: (Tanh(), [noise(rng, 4, 5)], torch.tanh, []),
    "GaussianHead": gaussian_head,
}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_goes_back_as_autograd_does_and_as_differences_say(name, seed):
    rng = np.random.default_rng(seed)
    layer, inputs, in_torch, own = LAYERS[name](rng)
    arrays = [*inputs, *(getattr(layer, one) for one in own)]
    leaves = [leaf(array) for array in arrays]
    wanted = in_torch(*leaves)
    wanted = wanted if isinstance(wanted, tuple) else (wanted,)
    weights = [noise(rng, *one.shape) for one in wanted]  # the loss is Σ weight · output

    def forward():
        made = layer.forward(*inputs)
        return made if isinstance(made, tuple) else (made,)

    for made, theirs in zip(forward(), wanted, strict=True):
        np.testing.assert_allclose(made, theirs.detach(), rtol=1e-13, atol=1e-14)
    sum((torch.tensor(weight) * one).sum() for weight, one in zip(weights, wanted)).backward()
    gradients = [layer.backward(*weights), *(getattr(layer, f"d{one}") for one in own)]
    for array, gradient, theirs in zip(arrays, gradients, leaves, strict=True):
        assert gradient.shape == array.shape
        assert relative_error(gradient, theirs.grad.numpy()) < 1e-13
        pairs = {"it": (array, gradient)}

        def loss():
            return sum((weight * one).sum() for weight, one in zip(weights, forward()))

        assert check_gradients(loss, pairs)["it"] < RIGHT


@pytest.mark.parametrize("seed", SEEDS)
def test_the_head_leaves_the_gradients_of_both_its_layers(seed):
    rng = np.random.default_rng(seed)
    head, h, weights = GaussianHead(5, 2, rng), noise(rng, 4, 5), noise(rng, 2, 4, 2)
    head.forward(h)
    head.backward(*weights)
    for layer, weight in zip((head.mu, head.logvar), weights):
        np.testing.assert_allclose(layer.dw, h.T @ weight)
        np.testing.assert_allclose(layer.db, weight.sum(0))


@pytest.mark.parametrize("seed", SEEDS)
def test_sampling_goes_back_as_autograd_does(seed):
    rng = np.random.default_rng(seed)
    mu, logvar, eps, weight = noise(rng, 4, 6, 2)
    layer = Sample()
    leaves = leaf(mu), leaf(logvar)
    z = leaves[0] + (leaves[1] / 2).exp() * torch.tensor(eps)
    np.testing.assert_allclose(layer.forward(mu, logvar, eps), z.detach(), rtol=1e-13)
    (torch.tensor(weight) * z).sum().backward()
    gradients = layer.backward(weight)
    for gradient, one in zip(gradients, leaves, strict=True):
        assert relative_error(gradient, one.grad.numpy()) < 1e-13
    pairs = {"mu": (mu, gradients[0]), "logvar": (logvar, gradients[1])}
    assert max(check_gradients(lambda: (weight * layer.forward(mu, logvar, eps)).sum(), pairs).values()) < RIGHT


@pytest.mark.parametrize("seed", SEEDS)
def test_the_kl_is_that_of_notebook_04_and_goes_back_as_autograd_does(seed):
    mu, logvar = noise(np.random.default_rng(seed), 2, 6, 3)
    layer, leaves = KL(), (leaf(mu), leaf(logvar))
    theirs = losses.kl_to_standard_normal(*leaves).mean()
    assert layer.forward(mu, logvar) == pytest.approx(theirs.item(), rel=1e-13)
    theirs.backward()
    gradients = layer.backward()
    for gradient, one in zip(gradients, leaves, strict=True):
        assert relative_error(gradient, one.grad.numpy()) < 1e-13
    pairs = {"mu": (mu, gradients[0]), "logvar": (logvar, gradients[1])}
    assert max(check_gradients(lambda: layer.forward(mu, logvar), pairs).values()) < RIGHT


@pytest.mark.parametrize("seed", SEEDS)
def test_the_nll_is_the_bernoullis_and_goes_back_as_autograd_does(seed):
    rng = np.random.default_rng(seed)
    logits, x = 3 * noise(rng, 6, 9), rng.random((6, 9))
    layer, a = BernoulliNLL(), leaf(logits)
    theirs = losses.bernoulli_nll(a, torch.tensor(x)).mean()
    assert layer.forward(logits, x) == pytest.approx(theirs.item(), rel=1e-13)
    theirs.backward()
    gradient = layer.backward()
    assert relative_error(gradient, a.grad.numpy()) < 1e-13
    pairs = {"logits": (logits, gradient)}
    assert check_gradients(lambda: layer.forward(logits, x), pairs)["logits"] < RIGHT


def test_the_nll_is_exact_at_logits_of_a_thousand():
    logits = np.array([[-1000.0, 1000.0, -1000.0, 1000.0, 0.0]])
    x = np.array([[0.0, 1.0, 1.0, 0.0, 0.25]])
    layer = BernoulliNLL()
    with np.errstate(all="raise", under="ignore"):
        assert layer.forward(logits, x) == pytest.approx(2000 + np.log(2), rel=1e-15)
        np.testing.assert_array_equal(layer.backward(), [[0, 0, -1, 1, 0.25]])


def test_the_sigmoid_is_torchs_and_overflows_nowhere():
    logits = np.array([-1000.0, -700, -30, -1, 0, 1e-9, 1, 30, 700, 1000])
    with np.errstate(all="raise", under="ignore"):
        np.testing.assert_allclose(sigmoid(logits), torch.tensor(logits).sigmoid(), rtol=1e-14, atol=1e-16)


def test_initial_weights_have_the_variance_that_is_asked_for():
    rng = np.random.default_rng(0)
    for gain in (1, 2):
        layer = Linear(400, 300, rng, gain)
        assert layer.w.shape == (400, 300)
        assert layer.w.var() == pytest.approx(gain / 400, rel=0.03)  # six standard errors: √(2/120,000) each
        assert (layer.b == 0).all() and layer.b.shape == (300,)


# --- the model, beside torch


class TorchVAE(nn.Module):
    """The same net with the same weights, in float64."""

    def __init__(self, model):
        super().__init__()
        self.bend = {ReLU: torch.relu, Tanh: torch.tanh}[type(model.encoder_bend)]
        head = model.head
        for name, layer in {"encoder": model.encoder, "mu": head.mu, "logvar": head.logvar,
                            "decoder": model.decoder, "logits": model.logits}.items():
            copy = nn.Linear(*layer.w.shape, dtype=torch.float64)
            with torch.no_grad():
                copy.weight.copy_(torch.tensor(layer.w.T))
                copy.bias.copy_(torch.tensor(layer.b))
            setattr(self, name, copy)

    def forward(self, x, eps):
        x, eps = torch.tensor(x), torch.tensor(eps)
        h = self.bend(self.encoder(x))
        mu, logvar = self.mu(h), self.logvar(h)
        logits = self.logits(self.bend(self.decoder(mu + (logvar / 2).exp() * eps)))
        return losses.bernoulli_nll(logits, x).mean(), losses.kl_to_standard_normal(mu, logvar).mean()

    def gradient(self, name):
        """As our arrays are laid out: torch keeps a weight as (n_out, n_in)."""
        layer, kind = name.split(".")
        return {"w": lambda one: one.weight.grad.T, "b": lambda one: one.bias.grad}[kind](getattr(self, layer)).numpy()


KINDS = {"as published": {}, "tanh": {"bend": Tanh}, "more latents": {"latents": 5}, "wider": {"hidden": 24}}


def batch_of(digits, rng, model, size=20):
    return digits[rng.integers(len(digits), size=size)], rng.standard_normal((size, model.latents))


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("kind", KINDS)
def test_all_gradients_of_the_model_are_right(digits, kind, seed):
    rng = np.random.default_rng(seed)
    model = VAE(rng, **KINDS[kind])
    batch, eps = batch_of(digits, rng, model)
    theirs = TorchVAE(model)
    nll, kl = model.forward(batch, eps)
    their_nll, their_kl = theirs(batch, eps)
    assert (nll, kl) == (pytest.approx(their_nll.item(), rel=1e-13), pytest.approx(their_kl.item(), rel=1e-12))
    model.backward()
    (their_nll + their_kl).backward()
    pairs = parameters(model)
    assert len(pairs) == 10
    assert sum(array.size for array, _ in pairs.values()) == sum(p.numel() for p in theirs.parameters())
    for name, (_, gradient) in pairs.items():
        assert relative_error(gradient, theirs.gradient(name)) < 1e-12, name
    errors = check_gradients(lambda: sum(model.forward(batch, eps)), pairs)
    assert max(errors.values()) < RIGHT, errors


OPTIMIZERS = {
    "SGD": (lambda: SGD(0.032), lambda weights: torch.optim.SGD(weights, lr=0.032)),
    "Adam": (lambda: Adam(0.003), lambda weights: torch.optim.Adam(weights, lr=0.003)),
    "Adam of other betas": (lambda: Adam(0.01, (0.8, 0.95), 1e-5),
                            lambda weights: torch.optim.Adam(weights, lr=0.01, betas=(0.8, 0.95), eps=1e-5)),
}


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_hundred_steps_cost_what_they_cost_in_torch(digits, name, seed):
    rng = np.random.default_rng(seed)
    model = VAE(rng)
    theirs = TorchVAE(model)
    optimizer, their_optimizer = OPTIMIZERS[name][0](), OPTIMIZERS[name][1](theirs.parameters())
    worst, first, last = 0.0, None, None
    for _ in range(100):
        batch, eps = batch_of(digits, rng, model, size=32)
        ours, wanted = model.forward(batch, eps), theirs(batch, eps)
        model.backward()
        optimizer.step(parameters(model))
        their_optimizer.zero_grad()
        sum(wanted).backward()
        their_optimizer.step()
        worst = max(worst, *(abs(a - b.item()) for a, b in zip(ours, wanted, strict=True)))
        first, last = first or sum(ours), sum(ours)
    assert worst < 1e-9
    assert last < first - 5  # and they went somewhere


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_moves_numbers_of_any_size_as_torchs_does(name):
    rng = np.random.default_rng(0)
    arrays = {"a": rng.standard_normal((3, 4)), "b": 100 * rng.standard_normal(5), "c": np.zeros(2)}
    theirs = [torch.tensor(array) for array in arrays.values()]
    optimizer, their_optimizer = OPTIMIZERS[name][0](), OPTIMIZERS[name][1](theirs)
    for step in range(50):
        gradients = {key: rng.standard_normal(a.shape) * 10.0 ** rng.integers(-6, 3) for key, a in arrays.items()}
        gradients["c"] *= step % 2  # a gradient of exactly 0, such as that of a dead ReLU
        for one, gradient in zip(theirs, gradients.values()):
            one.grad = torch.tensor(gradient)
        optimizer.step({key: (arrays[key], gradients[key]) for key in arrays})
        their_optimizer.step()
    for ours, one in zip(arrays.values(), theirs):
        np.testing.assert_allclose(ours, one, rtol=1e-11, atol=1e-13)


# --- training


def test_training_learns_something_of_each_image(digits):
    rng = np.random.default_rng(0)
    model = VAE(rng)
    history = train(model, Adam(0.003), digits[:1400], digits[1400:], epochs=25, rng=rng)
    assert history.shape == (25, 4) and np.isfinite(history).all()
    mean = digits[:1400].mean(0).clip(1e-3, 1 - 1e-3)
    same_for_all = BernoulliNLL().forward(np.log(mean / (1 - mean))[None], digits[1400:])
    assert history[-1, 2:].sum() < same_for_all - 0.5
    assert history[-1, 3] > 0.5  # the codes say something


def test_the_history_holds_nll_and_kl_of_both_sets_in_nats_per_image(digits):
    rng = np.random.default_rng(0)
    model = VAE(rng)
    few, twice = digits[:40], np.concatenate([digits[40:70]] * 2)
    [[nll, kl, test_nll, test_kl]] = train(model, SGD(0.0), few, twice, epochs=1, rng=rng)
    mu, logvar = (torch.tensor(one) for one in model.encode(twice))
    assert test_kl == pytest.approx(losses.kl_to_standard_normal(mu, logvar).mean().item(), rel=1e-12)
    draws = [model.forward(twice, rng.standard_normal((60, 2)))[0] for _ in range(200)]
    assert abs(test_nll - np.mean(draws)) < 5 * np.std(draws)
    assert nll == pytest.approx(test_nll, rel=0.1) and kl == pytest.approx(test_kl, rel=0.2)


def test_training_is_a_function_of_its_seed(digits):
    def run(seed):
        rng = np.random.default_rng(seed)
        return train(VAE(rng), Adam(), digits[:90], digits[90:100], epochs=2, rng=rng)

    assert np.array_equal(run(0), run(0)) and not np.array_equal(run(0), run(1))


@pytest.mark.parametrize("size", [1, 32, 90, 1000])
def test_an_epoch_sees_every_image_once_whatever_the_batch(digits, size):
    seen = []

    class Witness(VAE):
        def backward(self):
            seen.append(self.nll.x)
            super().backward()

    rng = np.random.default_rng(0)
    train(Witness(rng), SGD(0.01), digits[:90], digits[:5], epochs=1, rng=rng, batch_size=size)
    shown = np.concatenate(seen)
    assert max(map(len, seen)) == min(size, 90) and shown.shape == (90, 64)
    assert sorted(map(tuple, shown)) == sorted(map(tuple, digits[:90]))


def test_the_digits_are_those_of_load():
    from sklearn.model_selection import train_test_split

    digits, theirs = load_digits(), data.load("digits8")
    x, x_test = train_test_split(digits.images.reshape(-1, 64) / 16, test_size=360, stratify=digits.target,
                                 random_state=0)
    for ours, split in ((x, theirs.train), (x_test, theirs.test)):
        np.testing.assert_array_equal(ours, split.as_float().flatten(1).numpy())


# --- the checker, and what it finds


def test_central_differences_put_back_what_they_move():
    array = np.array([[1.0, -2.0], [0.5, 3.0]])
    before = array.copy()
    gradient = central_differences(lambda: (array**3).sum(), array)
    np.testing.assert_allclose(gradient, 3 * before**2, rtol=1e-8)
    np.testing.assert_array_equal(array, before)


def test_the_relative_error_is_that_of_the_largest_number():
    assert relative_error(np.array([100.0, 1.0]), np.array([100.0, 2.0])) == 0.01
    assert relative_error(np.zeros(3), np.zeros(3)) == 0
    assert relative_error(np.zeros(3), np.array([0, 1e-20, 0])) == 1


WRONG = {  # patient: what the checker calls wrong
    0: set(),
    1: ENCODER | {"logvar.w", "logvar.b"},
    2: ENCODER | {"mu.w", "mu.b", "logvar.w", "logvar.b", "decoder.w", "decoder.b"},
    3: {"encoder.b", "mu.b", "logvar.b", "decoder.b", "logits.b"},
}


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("number", WRONG)
def test_the_checker_finds_what_was_planted(digits, number, seed):
    rng = np.random.default_rng(seed)
    model = patient(number, rng)
    batch, eps = batch_of(digits, rng, model)
    model.forward(batch, eps)
    model.backward()
    errors = check_gradients(lambda: sum(model.forward(batch, eps)), parameters(model))
    assert {name for name, error in errors.items() if error > RIGHT} == WRONG[number]
    assert all(error > 1e-3 for error in errors.values() if error > RIGHT)  # no matter of taste


def test_patients_start_alike_and_differ_in_backward_alone(digits):
    models = [patient(number, np.random.default_rng(3)) for number in range(4)]
    eps = np.random.default_rng(4).standard_normal((10, 2))
    assert len({model.forward(digits[:10], eps) for model in models}) == 1


def other_faults():
    """Slips of one's own: (layer of the model, its backward) and what must come out wrong."""
    def without_noise(layer, dz):
        return dz, np.zeros_like(dz)

    def kl_without_half(layer):
        n = len(layer.mu)
        return layer.mu / n, (layer.var - 1) / n

    def past_nothing(layer):
        return np.zeros_like(layer.mu), np.zeros_like(layer.mu)

    def summed(layer):
        return sigmoid(layer.logits) - layer.x

    heads = {"mu.w", "mu.b", "logvar.w", "logvar.b"}
    return {
        "no noise in the gradient": ("sample", without_noise, ENCODER | {"logvar.w", "logvar.b"}),
        "the KL's half": ("kl", kl_without_half, ENCODER | {"logvar.w", "logvar.b"}),
        "no road past the sample": ("kl", past_nothing, ENCODER | heads),
        "summed over the batch": ("nll", summed, ENCODER | heads | {"decoder.w", "decoder.b", "logits.w", "logits.b"}),
    }


@pytest.mark.parametrize("name", other_faults())
def test_the_checker_finds_other_slips(digits, name):
    which, backward, wrong = other_faults()[name]
    rng = np.random.default_rng(0)
    model = VAE(rng)
    batch, eps = batch_of(digits, rng, model)
    layer = getattr(model, which)
    layer.backward = lambda *given: backward(layer, *given)
    model.forward(batch, eps)
    model.backward()
    errors = check_gradients(lambda: sum(model.forward(batch, eps)), parameters(model))
    assert {key for key, error in errors.items() if error > RIGHT} == wrong


# --- bad input


@pytest.mark.parametrize(
    "spoil, said",
    [
        (lambda x: x * 16 / 15, "divide by the value that is white (16"),
        (lambda x: x * 16, "go from 0 to 16"),
        (lambda x: x - 0.1, "from -0.1"),
        (lambda x: np.where(x > 0.9, np.nan, x), "nan"),
        (lambda x: x.astype(np.float32), "not an array of float32"),
        (lambda x: (16 * x).astype(int), "not an array of int"),
        (lambda x: x.tolist(), "not a list"),
        (lambda x: torch.tensor(x), "not a Tensor"),
        (lambda x: x.reshape(-1, 8, 8), "x.reshape(len(x), -1) flattens"),
        (lambda x: x[:, :60], r"not (50, 60)"),
        (lambda x: x[:0], "not (0, 64)"),
    ],
)
@pytest.mark.parametrize("which", ["x", "x_test"])
def test_images_that_are_none_are_refused_before_anything_moves(digits, spoil, said, which):
    model = VAE(np.random.default_rng(0))
    before = model.encoder.w.copy()
    images = {"x": digits[:50], "x_test": digits[50:100]}
    images[which] = spoil(images[which])
    with pytest.raises(ValueError) as error:
        train(model, SGD(0.1), epochs=1, rng=np.random.default_rng(0), **images)
    assert said in str(error.value)
    np.testing.assert_array_equal(model.encoder.w, before)


def test_the_checker_refuses_what_it_cannot_judge():
    array, rng = np.ones(3), np.random.default_rng(0)
    with pytest.raises(ValueError, match="float32 has only seven"):
        check_gradients(lambda: 0.0, {"w": (array.astype(np.float32), array)})
    with pytest.raises(ValueError, match="w: the gradient must be float64, not list"):
        check_gradients(lambda: 0.0, {"w": (array, [1.0])})
    with pytest.raises(ValueError, match=r"has shape \(3,\), its gradient \(1,\)"):
        check_gradients(lambda: 0.0, {"w": (array, array[:1])})
    with pytest.raises(ValueError, match="draw ε once"):
        check_gradients(lambda: rng.standard_normal(), {"w": (array, array)})


@pytest.mark.parametrize("number", [4, -1, "1", 1.5, None])
def test_there_are_four_patients(number):
    with pytest.raises(ValueError, match="patients are 0"):
        patient(number, np.random.default_rng(0))


# --- the promise of the title


def test_it_is_numpy_alone():
    source = "import sys, vae_helpers.numpy_vae; print([m for m in ('torch', 'scipy', 'sklearn') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_notebook_names_no_torch_before_its_last_part():
    path = NOTEBOOKS / "07_numpy_vae.ipynb"
    if not path.exists():
        pytest.skip("notebook 07 is not there yet")
    sources = [cell.source for cell in code_cells(read(path))]
    [first] = [number for number, source in enumerate(sources) if source.startswith("import torch")]
    assert not [source for source in sources[:first] if "torch" in source]
    assert {"SGD", "Adam", "train"} <= set().union(*(definitions(source) for source in sources[:first]))


def test_the_definitions_are_under_150_lines():
    with open(numpy_vae.__file__, encoding="utf-8") as file:
        tree = ast.parse(file.read())
    shown = [node for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))
             and node.name not in ("check_pixels", "check_pairs")]
    lines = 0
    for node in shown:
        lines += node.end_lineno - node.lineno + 1
        for inner in ast.walk(node):
            if isinstance(inner, (ast.FunctionDef, ast.ClassDef)) and ast.get_docstring(inner):
                lines -= inner.body[0].end_lineno - inner.body[0].lineno + 1 + (len(inner.body) > 1)  # a blank one
    assert 100 < lines < 150
