"""β in nats per image: from sums and means, and measured by gradients, which must tell the same."""

import inspect
import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from vae_helpers import effective
from vae_helpers.losses import bernoulli_nll, effective_beta, gaussian_nll, kl_per_latent, kl_to_standard_normal, rmse

HALF = 0.5**0.5  # the sigma against which a squared error counts as it stands


def sizes(batch, pixels, latents):
    return {"batch": batch, "pixels": pixels, "latents": latents}


# What each source sums and averages, its sizes, and the β that follows by hand: 1 / 1024 as 1 / (16 · 64), say.
SOURCES = {
    "A, sigma 1": (("rmse", None, "sum"), sizes(32, 784, 2), {"sigma": 1, "error": 0.25}, 32 * 784 * 0.25),
    "A, its mean": (("rmse", "mean", "sum"), sizes(32, 784, 2), {"sigma": HALF, "error": 0.25}, 2 * 32 * 784 * 0.25),
    "B": (("gaussian", "sum", "mean"), sizes(16, 3 * 128 * 128, 64), {"sigma": HALF}, 1 / 1024),
    "B, sigma 1": (("gaussian", "sum", "mean"), sizes(16, 3 * 128 * 128, 64), {"sigma": 1}, 1 / 2048),
    "C": (("bernoulli", "mean", "sum"), sizes(100, 784, 64), {}, 78_400),
    "D": (("bernoulli", "sum", "sum"), sizes(64, 1024, 20), {}, 1),
    "E, its gradient": (("bernoulli", "sum", "sum"), sizes(8, 64, 2), {}, 1),
    "E, its report": (("bernoulli", "batch", "batch"), sizes(8, 64, 2), {"factor": 2}, 2),
    "ARENA": (("gaussian", "mean", "mean"), sizes(512, 784, 5), {"sigma": HALF, "factor": 0.1}, 0.1 * 784 / 5),
}


@pytest.mark.parametrize("name", SOURCES)
def test_the_sources(name):
    read, size, how, beta = SOURCES[name]
    assert effective_beta(*read, **size, **how) == pytest.approx(beta, rel=1e-12)


def test_the_sources_as_they_are_quoted():
    """The list's own figures, to the digits that it gives."""
    found = {name: effective_beta(*read, **size, **how) for name, (read, size, how, _) in SOURCES.items()}
    assert 6_250 < found["A, sigma 1"] < 6_350 and found["C"] == 78_400 and found["D"] == 1
    assert found["B"] == pytest.approx(1 / 1024) and found["B, sigma 1"] == pytest.approx(found["B"] / 2)
    assert round(found["ARENA"], 1) == 15.7 and found["E, its report"] == 2 * found["E, its gradient"]


# --- the same as functions, as the codes have them


def kl_sum(mu, logvar):
    return -0.5 * torch.sum(1 + logvar - mu**2 - logvar.exp())


def kl_mean(mu, logvar):
    return -0.5 * torch.mean(1 + logvar - mu.pow(2) - logvar.exp())


CODES = {
    "A, sigma 1": (lambda x_hat, x: nn.MSELoss()(x_hat, x).sqrt(), kl_sum, {}),
    "A, its mean": (rmse, kl_sum, {}),
    "B": (nn.MSELoss(reduction="sum"), kl_mean, {}),
    "B, sigma 1": (lambda x_hat, x: ((x_hat - x) ** 2).sum(), kl_mean, {}),
    "C": (F.binary_cross_entropy, lambda mu, logvar: kl_sum(mu, logvar).mean(), {"output": "pixels"}),
    "D": (nn.BCELoss(reduction="sum"), kl_sum, {"output": "pixels"}),
    "E, its gradient": (lambda y, x: F.binary_cross_entropy_with_logits(y, x, reduction="sum"), kl_sum, {}),
    "E, its report": (
        lambda y, t: -(t * (y + 1e-7).log() + (1 - t) * (1 - y + 1e-7).log()).sum() / len(y),
        lambda mu, logvar: -(1 + logvar - mu**2 - logvar.exp()).sum() / len(mu),
        {"output": "pixels"},
    ),
    "ARENA": (nn.MSELoss(), lambda mu, logvar: 0.1 * (mu**2 + logvar.exp() - 1 - logvar).mean() / 2, {"factor": 1}),
}


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("name", SOURCES)
def test_the_sources_by_gradients(name, seed):
    (likelihood, *_), size, how, beta = SOURCES[name]
    reconstruction, kl, more = CODES[name]
    how = {key: value for key, value in how.items() if key != "factor"} | more  # the code holds its factor itself
    if name.startswith("B"):
        size = size | {"pixels": 3 * 16 * 16}  # β does not depend on them, and the test's time does
    assert effective_beta(likelihood, reconstruction, kl, **size, **how, seed=seed) == pytest.approx(beta, rel=1e-4)


NLL_OVER = ["sum", "batch", "pixels", ("batch", "pixels"), "mean"]
KL_OVER = ["sum", "batch", "latents", ("latents", "batch"), "mean"]
DIMENSIONS = {"sum": (), "batch": 0, "pixels": 1, "latents": 1}


def reduced(values, over):
    """Values (batch, n), averaged over what is named and summed over the rest."""
    over = {"sum": (), "mean": ("batch", "pixels")}.get(over, (over,) if isinstance(over, str) else over)
    count = math.prod(values.shape[DIMENSIONS[name]] for name in over)
    return values.sum() / count


READINGS = [(likelihood, over) for likelihood in ("bernoulli", "gaussian") for over in NLL_OVER] + [("rmse", "mean")]


@pytest.mark.parametrize("kl_over", KL_OVER, ids=str)
@pytest.mark.parametrize("likelihood, nll_over", READINGS, ids=str)
def test_every_pair_of_reductions_is_read_as_it_is_measured(nll_over, kl_over, likelihood):
    size, factor = sizes(6, 10, 3), 0.7
    how = {"bernoulli": {}, "gaussian": {"sigma": 0.3}, "rmse": {"sigma": 0.3, "error": 0.2}}[likelihood]

    def reconstruction(y, x):
        if likelihood == "bernoulli":
            return reduced(F.binary_cross_entropy_with_logits(y, x, reduction="none"), nll_over)
        square = reduced((y - x) ** 2, nll_over)
        return square.sqrt() if likelihood == "rmse" else square

    def kl(mu, logvar):
        return factor * reduced(kl_per_latent(mu, logvar), kl_over)

    read = effective_beta(likelihood, nll_over, kl_over, **size, **how, factor=factor)
    assert read == pytest.approx(effective_beta(likelihood, reconstruction, kl, **size, **how), rel=1e-4)


@pytest.mark.parametrize("sigma", [0.1, 1, 3])
def test_the_losses_of_the_course_have_beta_one(sigma):
    kl, size = (lambda mu, logvar: kl_to_standard_normal(mu, logvar).mean()), sizes(7, (3, 4, 4), 5)
    bernoulli = effective_beta("bernoulli", lambda y, x: bernoulli_nll(y, x).mean(), kl, **size)
    gaussian = effective_beta("gaussian", lambda y, x: gaussian_nll(y, x, sigma).mean(), kl, **size, sigma=sigma)
    assert bernoulli == pytest.approx(1, rel=1e-5) and gaussian == pytest.approx(1, rel=1e-5)


def test_beta_says_which_multiple_of_the_elbo_it_is():
    """The gradient of a mean cross-entropy + KL summed is that of nll + β · KL, up to one factor."""
    generator = torch.Generator().manual_seed(0)
    x, y = (torch.rand(5, 8, generator=generator) for _ in range(2))
    leaves = [t.requires_grad_() for t in (y, *torch.randn(2, 5, 3, generator=generator).unbind())]
    y, mu, logvar = leaves
    code = F.binary_cross_entropy_with_logits(y, x) + kl_sum(mu, logvar)
    beta = effective_beta("bernoulli", "mean", "sum", batch=5, pixels=8)
    ours = bernoulli_nll(y, x).mean() + beta * kl_to_standard_normal(mu, logvar).mean()
    for theirs, mine in zip(torch.autograd.grad(code, leaves), torch.autograd.grad(ours, leaves)):
        torch.testing.assert_close(8 * theirs, mine)


def test_what_cancels_need_not_be_given():
    assert effective_beta("bernoulli", "sum", "sum") == effective_beta("bernoulli", "batch", "batch") == 1
    assert effective_beta("bernoulli", "mean", "batch", pixels=784) == 784
    assert effective_beta("bernoulli", "mean", "batch", pixels=(1, 28, 28)) == 784
    assert effective_beta("bernoulli", "mean", "mean", pixels=784, latents=20) == pytest.approx(39.2)


def test_a_root_for_each_image_is_weighed_as_one_for_the_batch():
    def by_image(x_hat, x):
        return (x_hat - x).square().mean(1).sqrt().mean()

    how = {"sigma": 1, "error": 0.1} | sizes(6, 4_000, 2)
    read = effective_beta("rmse", None, "sum", **how)
    # the errors of the images, and so their weights, differ by a part in √8000; their gradients still point one way
    assert effective_beta("rmse", by_image, kl_sum, **how) == pytest.approx(read, rel=5 / 8000**0.5)


def test_random_numbers_of_others_are_left_alone():
    before = torch.get_rng_state()
    effective_beta("bernoulli", F.binary_cross_entropy_with_logits, kl_sum, **sizes(4, 6, 2))
    assert torch.equal(before, torch.get_rng_state())


def test_it_measures_where_no_gradient_is_wanted():
    with torch.no_grad():
        assert effective_beta("bernoulli", "sum", "sum") == 1
        found = effective_beta("bernoulli", F.binary_cross_entropy_with_logits, kl_sum, **sizes(4, 6, 2))
    assert found == pytest.approx(24, rel=1e-4)


# --- what has no β


WRONG_KLS = {
    "σ⁴ stands where σ² belongs": lambda mu, logvar: (mu**2 + logvar.exp() ** 2 - logvar - 1).sum() / 2,
    "σ⁴ stands where σ² belongs, and log σ² is added": lambda mu, logvar: (mu**2 + logvar.exp() ** 2 + logvar).mean(),
    "log σ² is added where it is subtracted": lambda mu, logvar: (mu**2 + logvar.exp() + logvar - 1).sum(),
    "μ² is subtracted where it is added": lambda mu, logvar: (1 + logvar.exp() - mu**2 - logvar).sum() / 2,
    "σ² is missing": lambda mu, logvar: (mu**2 - logvar).sum(),
    "σ stands where σ² belongs": lambda mu, logvar: (mu**2 + (logvar / 2).exp() - logvar).mean(),
    "logvar is taken for σ": lambda mu, logvar: (mu**2 + logvar**2 - (logvar**2).log() - 1).sum() / 2,
    "logvar is taken for log σ": lambda mu, logvar: (mu**2 + (2 * logvar).exp() - 2 * logvar - 1).sum() / 2,
}
OTHER_KLS = {
    "points the other way": lambda mu, logvar: (1 + logvar - mu**2 - logvar.exp()).sum() / 2,
    "logvar points elsewhere": lambda mu, logvar: (mu**2 + logvar**2).sum(),
    "mu points elsewhere": lambda mu, logvar: (mu.abs() + logvar.exp() - logvar).sum(),
    "does not depend on mu": lambda mu, logvar: (logvar.exp() - logvar).sum(),
    "does not depend on logvar": lambda mu, logvar: (mu**2).sum(),
    "unlike: mu 6 and logvar 3 times": lambda mu, logvar: (2 * mu**2 + logvar.exp() - logvar).sum() / 2,
    "changes with its size": lambda mu, logvar: kl_sum(mu, logvar).sqrt(),
    "your KL gave nan": lambda mu, logvar: (mu**2 + logvar - logvar.log()).sum(),
    "is lost on the way": lambda mu, logvar: kl_sum(mu.detach(), logvar.detach()),
    r"gave shape \(3,\): wanted is one number": lambda mu, logvar: kl_to_standard_normal(mu, logvar),
    r"gave 3\.5: wanted is one number": lambda mu, logvar: 3.5,
    "your KL failed .RuntimeError": lambda mu, logvar: (mu @ logvar).sum(),
}


def measure(reconstruction=F.binary_cross_entropy_with_logits, kl=kl_sum, likelihood="bernoulli", **how):
    return effective_beta(likelihood, reconstruction, kl, **sizes(3, 6, 2), **how)


def test_the_measuring_of_the_tests_below_is_sound():
    assert measure() == pytest.approx(3 * 6, rel=1e-4)


@pytest.mark.parametrize("fault", WRONG_KLS)
def test_a_wrong_kl_is_refused_and_its_fault_named(fault):
    with pytest.raises(ValueError, match="gradient of your KL with respect to (mu|logvar) points .*cosine") as raised:
        measure(kl=WRONG_KLS[fault])
    assert f"in which {fault}." in str(raised.value)
    with pytest.raises(ValueError, match="with its sign turned round"):
        measure(kl=lambda mu, logvar: -WRONG_KLS[fault](mu, logvar))


def test_every_fault_that_can_be_named_is_tested():
    assert set(WRONG_KLS) == set(effective.FAULTY_KLS)


@pytest.mark.parametrize("said", OTHER_KLS)
def test_another_kl_is_refused(said):
    with pytest.raises(ValueError, match=said) as raised:
        measure(kl=OTHER_KLS[said])
    assert "KL" in str(raised.value) and "in which" not in str(raised.value)


@pytest.mark.parametrize(
    "said, wrong",
    [
        ('points elsewhere.*"pixels"', {"reconstruction": lambda y, x: F.binary_cross_entropy(y.clamp(0, 1), x)}),
        ('your reconstruction failed.*output="pixels"', {"reconstruction": nn.BCELoss()}),
        ('gave nan.*"pixels"', {"reconstruction": lambda y, x: -(x * y.log() + (1 - x) * (1 - y).log()).sum()}),
        ("is not finite", {"reconstruction": lambda y, x: bernoulli_nll(y, x).sum() + (y - y).abs().sqrt().sum()}),
        ('points elsewhere.*output="logits"', {"output": "pixels"}),
        ("points elsewhere", {"reconstruction": nn.MSELoss()}),
        ("points elsewhere", {"reconstruction": nn.L1Loss(), "likelihood": "gaussian", "sigma": 1}),
        ('"bernoulli"', {"likelihood": "gaussian", "sigma": 1}),
        ("points the other way", {"reconstruction": lambda y, x: -bernoulli_nll(y, x).sum()}),
        ("changes with its size.*error=…", {"reconstruction": rmse, "likelihood": "gaussian", "sigma": 1}),
        (r"gave shape \(3,\)", {"reconstruction": bernoulli_nll}),
    ],
)
def test_a_reconstruction_that_is_none_is_refused(said, wrong):
    with pytest.raises(ValueError, match=said) as raised:
        measure(**wrong)
    assert "your reconstruction" in str(raised.value)


@pytest.mark.parametrize(
    "said, arguments",
    [
        ("one of 'bernoulli', 'gaussian', 'rmse', not 'mse'", {"likelihood": "mse"}),
        ("two functions, or two reductions", {"kl": kl_sum}),
        ("has no sigma", {"sigma": 1}),
        ("say the decoder's sigma", {"likelihood": "gaussian"}),
        ("sigma must be above 0", {"likelihood": "gaussian", "sigma": 0}),
        ("sigma must be above 0", {"likelihood": "gaussian", "sigma": math.nan}),
        ("error must be above 0", {"likelihood": "rmse", "sigma": 1, "error": -0.1}),
        ("say error=…", {"likelihood": "rmse", "reconstruction": None, "sigma": 1}),
        ("matters to the likelihood \"rmse\" alone", {"likelihood": "gaussian", "sigma": 1, "error": 0.1}),
        ("is a mean: leave", {"likelihood": "rmse", "sigma": 1, "error": 0.1}),
        ("reconstruction='average': say 'sum', 'mean'", {"reconstruction": "average"}),
        ("reconstruction=None: say", {"reconstruction": None}),
        (r"reconstruction=\('latents',\): .*'batch' or 'pixels'", {"reconstruction": ("latents",)}),
        ("kl='pixels': .*'batch' or 'latents'", {"kl": "pixels"}),
        ("kl=2: say", {"kl": 2}),
        ("how many pixels", {"reconstruction": "mean", "kl": "batch"}),
        ("how many batch", {"reconstruction": "batch"}),
        ("batch must be a whole number from 1 up, not 0", {"batch": 0}),
        (r"pixels must be a whole number from 1 up, not \(1, 2\.5\)", {"pixels": (1, 2.5)}),
        ("latents must be a whole number from 1 up, not 2.5", {"latents": 2.5}),
        ("factor, .* 0 or more", {"factor": -1}),
        ("output is 'logits' or 'pixels', not 'grey'", {"output": "grey"}),
        ("how many latents", {"reconstruction": bernoulli_nll, "kl": kl_sum, "batch": 3, "pixels": 4}),
    ],
)
def test_arguments_that_cannot_be_read(said, arguments):
    arguments = {"likelihood": "bernoulli", "reconstruction": "sum", "kl": "sum"} | arguments
    with pytest.raises(ValueError, match=said):
        effective_beta(**arguments)


def test_the_example_in_the_docstring():
    line = next(line for line in inspect.getdoc(effective_beta).splitlines() if line.startswith(">>> "))
    assert eval(line[4:]) == 78_400
