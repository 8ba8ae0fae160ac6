"""The bound, log p(x), active units and the floor: against torch.distributions, quadrature and exact posteriors."""

import math
from functools import partial

import pytest
import torch
from torch import nn
from torch.distributions import Cauchy, ContinuousBernoulli, Laplace, MultivariateNormal, Normal, kl_divergence

from vae_helpers.data import Split, load, online
from vae_helpers.evaluation import active_units, evaluate, grey_floor, log_likelihood, log_likelihood_and_error
from vae_helpers.layers import Reshape
from vae_helpers.losses import bernoulli_nll, gaussian_nll, rmse
from vae_helpers.models import VAE, build, gaussian_encoder, mlp_decoder, mlp_encoder, reconstruct

SHAPE = (1, 2, 2)


def on_logits(logits, x, sigma=0.3):
    """A Gaussian around the sigmoid of the logits."""
    return gaussian_nll(logits.sigmoid(), x, sigma)


@pytest.fixture(scope="module")
def digits():
    return load("digits8").test


@pytest.fixture(scope="module")
def vae():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build("vae2", 3, shape=(1, 8, 8)).eval()


@pytest.fixture(scope="module")
def line():
    """A VAE of one latent on pictures of four pixels, whose encoder is far from the posterior."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(3)
        model = VAE(gaussian_encoder(mlp_encoder(1, SHAPE, (3,))), mlp_decoder(1, SHAPE, (3,)), 1, SHAPE)
        for p in model.decoder.parameters():
            p *= 3  # else every z gives nearly the same picture, and any encoder will do
        return model.eval()


BINARY = torch.tensor([[1.0, 0, 0, 1], [1, 1, 0, 0], [0, 0, 0, 0], [1, 1, 1, 1], [0, 1, 1, 0]]).view(5, *SHAPE)
GREYS = torch.rand(5, *SHAPE, generator=torch.Generator().manual_seed(1))


def by_quadrature(model, x, nll):
    """log ∫ p(z) p(x | z) dz of each image, in float64, by the trapezoid rule on a fine grid."""
    z = torch.linspace(-9, 9, 60_001, dtype=torch.float64)
    with torch.no_grad():
        logits = model.decoder.double()(z[:, None])
        log_joint = [Normal(0.0, 1.0).log_prob(z) - nll(logits, one.double().expand_as(logits)) for one in x]
    model.decoder.float()
    return torch.stack([(one + math.log(z[1] - z[0])).logsumexp(0) for one in log_joint])


def codes_decoded(model, call):
    """The z that ``call()`` has ``model.decoder`` decode, one tensor for each time."""
    seen = []
    hook = model.decoder.register_forward_hook(lambda module, args, output: seen.append(args[0]))
    try:
        call()
    finally:
        hook.remove()
    return seen


class Encoder(nn.Module):
    """μ = W x + shift and one σ, for tests that must know the posterior."""

    def __init__(self, weight, sigma, shift=0.0):
        super().__init__()
        self.weight, self.shift, self.logvar = nn.Parameter(weight), shift, 2 * math.log(sigma)

    def forward(self, x):
        mu = x.flatten(1) @ self.weight.T + self.shift
        return mu, torch.full_like(mu, self.logvar)


# --- evaluate


def test_evaluate_gives_the_means_of_the_terms(vae, digits):
    found, x = evaluate(vae, digits, seed=4), digits.as_float()
    with torch.no_grad():
        mu, logvar = vae.encoder(x)
        kl = kl_divergence(Normal(mu, (logvar / 2).exp()), Normal(0.0, 1.0)).mean(0)
        drawn = torch.cat(codes_decoded(vae, lambda: evaluate(vae, digits, seed=4))[1:])
        nll = bernoulli_nll(vae.decoder(drawn), x).mean().item()
    assert found.nll == pytest.approx(nll, rel=1e-6)
    assert found.kl_per_latent == pytest.approx(kl.tolist(), rel=1e-5) and found.kl == sum(found.kl_per_latent)
    assert found.elbo == -(found.nll + found.kl)
    assert found.rmse == pytest.approx(rmse(reconstruct(vae, x), x).item(), rel=1e-5)


def test_evaluate_draws_from_the_posterior(vae, digits):
    with torch.no_grad():
        mu, logvar = vae.encoder(digits.as_float())
    shown, drawn = codes_decoded(vae, lambda: evaluate(vae, digits))
    assert torch.equal(shown, mu)
    eps = (drawn - mu) / (logvar / 2).exp()
    assert abs(eps.mean()) < 5 / math.sqrt(eps.numel()) and abs(eps.var() - 1) < 5 * math.sqrt(2 / eps.numel())
    assert not torch.equal(eps[:1].expand_as(eps), eps), "one ε for all images"


def test_neither_the_batches_nor_a_tensor_for_a_split_change_the_numbers(vae):
    split = load("digits8").train  # more than 1,000: blocks of noise as well as batches
    whole = vars(evaluate(vae, split))
    for other in (evaluate(vae, split, batch_size=77), evaluate(vae, split.as_float(), batch_size=5000)):
        for name, number in vars(other).items():
            assert number == pytest.approx(whole[name], rel=1e-5), name


def test_evaluating_repeats_and_leaves_all_as_it_was(vae, digits):
    before = torch.get_rng_state()
    vae.train()
    vae.encoder[1].eval()
    modes = [module.training for module in vae.modules()]
    first = evaluate(vae, digits.binarised(None))
    assert evaluate(vae, digits.binarised(None)) == first == evaluate(vae, digits.binarised(0))
    log_likelihood(vae, digits.binarised(None).subset(5), 3)
    active_units(vae, digits)
    assert [module.training for module in vae.modules()] == modes
    assert torch.equal(before, torch.get_rng_state())
    assert evaluate(vae, digits, seed=1).nll != evaluate(vae, digits).nll
    vae.eval()


def test_evaluate_is_in_eval_mode(digits):
    model = build("conv_vae", shape=(1, 8, 8), as_published=True).train()  # dropout and batch norm
    assert evaluate(model, digits) == evaluate(model.eval(), digits)


def test_evaluate_takes_any_nll(vae, digits):
    found = evaluate(vae, digits, on_logits)
    drawn = torch.cat(codes_decoded(vae, lambda: evaluate(vae, digits))[1:])
    with torch.no_grad():
        expected = -Normal(vae.decoder(drawn).sigmoid(), 0.3).log_prob(digits.as_float()).sum((1, 2, 3)).mean()
    assert found.nll == pytest.approx(expected.item(), rel=1e-5) and found.kl == evaluate(vae, digits).kl


def test_an_autoencoder_has_an_nll_and_no_bound(digits):
    model, x = build("mlp", shape=(1, 8, 8)), digits.as_float()
    found = evaluate(model, digits)
    with torch.no_grad():
        assert found.nll == pytest.approx(bernoulli_nll(model(x), x).mean().item(), rel=1e-6)
    assert found.rmse == pytest.approx(rmse(reconstruct(model, x), x).item(), rel=1e-5)
    assert found.elbo is found.kl is None and found.kl_per_latent == []
    assert "no ELBO" in repr(found) and f"{found.nll:.2f}" in repr(found)


def test_pixels_are_no_logits(digits):
    linear, x = build("linear", shape=(1, 8, 8)), digits.as_float()
    with pytest.raises(ValueError, match="pixels: evaluate it with nll=.*gaussian_nll"):
        evaluate(linear, digits)
    found = evaluate(linear, digits, partial(gaussian_nll, sigma=0.5))
    assert found.rmse == pytest.approx(rmse(reconstruct(linear, x), x).item(), rel=1e-5)


def test_the_repr_says_the_sum(vae, digits):
    found = evaluate(vae, digits)
    expected = f"ELBO {found.elbo:.2f} nats per image = −(nll {found.nll:.2f} + kl {found.kl:.2f}), 3 latents"
    assert expected in repr(found)


# --- log_likelihood


@pytest.mark.parametrize("x, nll", [(BINARY, bernoulli_nll), (BINARY, on_logits), (GREYS, on_logits)])
def test_log_likelihood_is_the_integral_over_z(line, x, nll):
    expected = by_quadrature(line, x, nll)
    found, error = log_likelihood_and_error(line, x, 20_000, nll)
    assert found.shape == error.shape == (5,) and found.dtype == torch.float64
    assert (error < 0.05).all() and ((found - expected).abs() < 5 * error + 1e-5).all()
    # and one draw is not as good: the test can tell
    assert ((log_likelihood(line, x, 1, nll) - expected).abs() > 0.05).any()


def test_the_error_is_how_far_other_draws_lie(line):
    runs = [log_likelihood_and_error(line, BINARY, 2000, seed=seed) for seed in range(60)]
    spread = torch.stack([found for found, _ in runs]).std(0)
    stated = torch.stack([error for _, error in runs]).square().mean(0).sqrt()
    # a standard deviation from 60 runs is known to 9 %
    assert ((spread / stated - 1).abs() < 0.45).all()
    assert log_likelihood_and_error(line, BINARY, 1)[1].isnan().all()


def test_log_likelihood_rises_with_k_in_expectation_and_stays_below_the_integral(line):
    copies = 4000
    x = BINARY[1:2].expand(copies, *SHAPE)  # each copy has draws of its own
    runs = torch.stack([log_likelihood(line, x, k) for k in (1, 4, 16, 64)])
    mean, error = runs.mean(1), runs.std(1) / math.sqrt(copies)
    assert (mean.diff() > -3 * error[:-1]).all() and mean[3] - mean[0] > 20 * error[0]
    expected = by_quadrature(line, BINARY[1:2], bernoulli_nll).item()
    assert (mean < expected + 3 * error).all() and mean[0] < expected - 20 * error[0]
    # with one draw it is the ELBO
    found = evaluate(line, x, seed=1)
    assert mean[0].item() == pytest.approx(found.elbo, abs=5 * math.sqrt(2) * error[0].item())


def test_log_likelihood_is_the_formula(vae, digits):
    """Burda et al. 2015, eq. 8, by torch.distributions, at the codes that were decoded."""
    k, images = 4, digits.binarised().subset(6)
    z = torch.cat(codes_decoded(vae, lambda: log_likelihood(vae, images, k))[1:]).view(k, 6, 3)
    x = images.as_float()
    with torch.no_grad():
        mu, logvar = vae.encoder(x)
        log_p = torch.stack([-bernoulli_nll(vae.decoder(one), x) for one in z])
    log_prior = Normal(0.0, 1.0).log_prob(z).sum(-1)
    log_q = Normal(mu, (logvar / 2).exp()).log_prob(z).sum(-1)
    expected = (log_p + log_prior - log_q).double().logsumexp(0) - math.log(k)
    torch.testing.assert_close(log_likelihood(vae, images, k), expected, rtol=1e-6, atol=1e-4)


def test_where_q_is_the_posterior_one_draw_is_enough():
    """A linear decoder with orthogonal columns and Gaussian noise has a Gaussian posterior without correlation."""
    shape, sigma = (1, 3, 3), 0.4
    generator = torch.Generator().manual_seed(2)
    w = torch.linalg.qr(torch.randn(9, 2, generator=generator))[0] * 1.7
    variance = 1 / (1 + 1.7**2 / sigma**2)
    model = VAE(Encoder(w.T * variance / sigma**2, math.sqrt(variance)), nn.Linear(2, 9, bias=False), 2, shape)
    model.decoder.weight.data = w
    model.decoder, model.output = nn.Sequential(model.decoder, Reshape(shape)), "pixels"
    x = torch.rand(20, *shape, generator=generator)
    expected = MultivariateNormal(torch.zeros(9), w @ w.T + sigma**2 * torch.eye(9)).log_prob(x.flatten(1))
    nll = partial(gaussian_nll, sigma=sigma)
    torch.testing.assert_close(log_likelihood(model, x, 1, nll).float(), expected, rtol=1e-5, atol=1e-4)
    found, error = log_likelihood_and_error(model, x, 50, nll)
    torch.testing.assert_close(found.float(), expected, rtol=1e-5, atol=1e-4)
    assert (error < 1e-5).all()
    # another q has the same mean, and a variance
    model.encoder.logvar += 1
    found, error = log_likelihood_and_error(model, x, 5000, nll)
    assert (error > 1e-3).all() and ((found - expected).abs() < 5 * error).all()


def test_chunks_bound_the_memory_and_change_neither_draws_nor_numbers(vae, digits):
    images = digits.binarised().subset(7)
    whole = log_likelihood(vae, images, 20, batch_size=10_000)
    for size in (1, 13, 140):
        chunks = codes_decoded(vae, lambda: log_likelihood(vae, images, 20, batch_size=size))[1:]
        assert max(map(len, chunks)) == min(size, 140) and sum(map(len, chunks)) == 140
        torch.testing.assert_close(log_likelihood(vae, images, 20, batch_size=size), whole, rtol=1e-6, atol=1e-5)


def test_more_images_than_a_block_holds(line):
    """One draw of each image at a time then; images of one kind have one log p(x)."""
    x = BINARY.repeat(500, 1, 1, 1)
    found, error = log_likelihood_and_error(line, x, 300)
    assert ((found - by_quadrature(line, BINARY, bernoulli_nll).repeat(500)).abs() < 6 * error).float().mean() > 0.99


def test_a_smaller_k_has_the_first_draws_of_a_larger(vae, digits):
    images = digits.binarised().subset(7)
    few, many = (torch.cat(codes_decoded(vae, lambda: log_likelihood(vae, images, k))[1:]) for k in (3, 400))
    assert torch.equal(few, many[:21]) and len(many) == 2800
    assert len(many.unique(dim=0)) == 2800, "a draw was used twice"


def test_log_likelihood_repeats_with_its_seed(line):
    assert torch.equal(log_likelihood(line, BINARY, 5), log_likelihood(line, BINARY, 5))
    assert not torch.equal(log_likelihood(line, BINARY, 5), log_likelihood(line, BINARY, 5, seed=1))
    redrawn = Split.from_tensor(GREYS).binarised(None)
    assert torch.equal(log_likelihood(line, redrawn, 5, seed=3),
                       log_likelihood(line, Split.from_tensor(GREYS).binarised(3), 5, seed=3))


def test_a_float64_model_is_measured_in_float64(line):
    single, double = log_likelihood(line, BINARY, 50), log_likelihood(line.double(), BINARY, 50)
    assert evaluate(line, BINARY).elbo == pytest.approx(evaluate(line.float(), BINARY).elbo, rel=1e-5)
    torch.testing.assert_close(single, double, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("k", [0, -1, 2.5, "5", None])
def test_k_is_a_number_of_draws(line, k):
    with pytest.raises(ValueError, match="k must be a whole number of draws.* 1 or more"):
        log_likelihood(line, BINARY, k)


# --- what is a likelihood and what is none


def total(nll):
    return lambda output, x: nll(output, x).flatten(1).sum(1)


def of(distribution):
    return total(lambda output, x: -distribution(output).log_prob(x))


def scale(value):
    return torch.tensor(value, dtype=torch.float64)


SHAPES = [(1, 2, 2), (1, 28, 28), (3, 8, 8)]
DENSITIES = {f"gaussian {sigma:g}": partial(on_logits, sigma=sigma) for sigma in (1e-6, 1e-3, 0.1, 1, 1e3, 1e6)}
DENSITIES |= {
    "laplace": of(lambda output: Laplace(output.sigmoid(), scale(1e-3))),
    "cauchy": of(lambda output: Cauchy(output, scale(0.1))),
    "continuous bernoulli": of(lambda output: ContinuousBernoulli(logits=output)),
    "squared error times π": total(lambda output, x: math.pi * (output - x) ** 2),
}
LOSSES = {
    "squared error": (total(lambda output, x: (output.sigmoid() - x) ** 2), "1.77245 over all values"),  # √π
    "half of it": (total(lambda output, x: (output.sigmoid() - x) ** 2 / 2), "2.50663 over all values"),  # √(2π)
    "absolute error": (total(lambda output, x: (output.sigmoid() - x).abs()), "2 over all values"),
    "mean squared error": (lambda output, x: (output.sigmoid() - x).square().flatten(1).mean(1), "Sum over the pixels"),
    "mean cross-entropy": (lambda output, x: bernoulli_nll(output, x) / x[0].numel(), "Sum over the pixels"),
    "gaussian without its constant": (lambda output, x: on_logits(output, x) - 1.0, "no likelihood"),
    "σ from the picture itself": (
        lambda output, x: on_logits(output, x, (output.sigmoid() - x).square().mean((1, 2, 3), keepdim=True).sqrt()),
        "no likelihood",
    ),
}


class Flat(nn.Module):
    """A decoder that gives zeros in any shape: what is tested is the nll alone."""

    def __init__(self, shape):
        super().__init__()
        self.shape = shape

    def forward(self, z):
        return z.new_zeros(len(z), *self.shape)


def flat(shape):
    return VAE(Encoder(torch.zeros(1, math.prod(shape)), 1.0), Flat(shape), 1, shape)


def grey(shape, binary=False):
    x = torch.rand(2, *shape, generator=torch.Generator().manual_seed(0))
    return x.round() if binary else x


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", DENSITIES)
def test_a_density_is_taken(name, shape):
    for binary in (False, True):
        x = grey(shape, binary)
        found = log_likelihood(flat(shape), x, 2, DENSITIES[name])
        # q is the prior and the decoder deaf: log p(x) is −nll
        expected = -DENSITIES[name](torch.zeros_like(x), x)
        torch.testing.assert_close(found.float(), expected.float(), rtol=1e-5, atol=0.01)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_that_is_no_density_is_refused_with_the_number_found(name, binary, shape):
    nll, said = LOSSES[name]
    with pytest.raises(ValueError, match="no likelihood: .* where a density or a probability gives 1") as raised:
        log_likelihood(flat(shape), grey(shape, binary), 2, nll)
    assert said in str(raised.value)


@pytest.mark.parametrize(
    "nll",
    [bernoulli_nll, lambda output, x: bernoulli_nll(output, x), partial(bernoulli_nll)]
    + [total(lambda output, x: nn.functional.binary_cross_entropy(output.sigmoid(), x, reduction="none"))],
)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_cross_entropy_is_a_likelihood_for_pixels_0_and_1_alone(nll, shape):
    assert log_likelihood(flat(shape), grey(shape, binary=True), 2, nll).isfinite().all()
    x = grey(shape, binary=True)
    x[1, 0, 1, 1] = 0.99  # one grey pixel is enough
    with pytest.raises(ValueError, match="cross-entropy is no density.*Cunningham.*split.binarised()") as raised:
        log_likelihood(flat(shape), x, 2, nll)
    assert "gaussian_nll" in str(raised.value)
    assert log_likelihood(flat(shape), Split.from_tensor(x).binarised(), 2, nll).isfinite().all()


@pytest.mark.parametrize(
    "nll, gave",
    [
        (lambda output, x: bernoulli_nll(output, x).mean(), "()"),
        (lambda output, x: nn.functional.binary_cross_entropy_with_logits(output, x, reduction="none"), "1, 2, 2)"),
        (lambda output, x: 3.0, "()"),
    ],
)
def test_an_nll_gives_one_number_for_each_image(line, nll, gave):
    for call in (lambda: evaluate(line, BINARY, nll), lambda: log_likelihood(line, BINARY, 2, nll)):
        with pytest.raises(ValueError, match="one number for each image, shape") as raised:
            call()
        assert gave in str(raised.value)


# --- what all of them refuse

BAD = {
    "8×8 pixels where 2×2": torch.rand(2, 1, 8, 8),
    "3 channels": torch.rand(2, 3, 2, 2),
    "3 dimensions": torch.rand(2, 2, 2),
    "empty": torch.rand(0, *SHAPE),
    "NaN": torch.full((2, *SHAPE), math.nan),
    "values lie in": 2 * torch.ones(2, *SHAPE),
    "uint8": torch.ones(2, *SHAPE, dtype=torch.uint8),
    "torch.as_tensor": [[0.0]],
}
CALLS = [evaluate, log_likelihood, active_units]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("said", BAD)
def test_bad_images_are_refused(line, call, said):
    with pytest.raises(ValueError, match=said):
        call(line, BAD[said])


@pytest.mark.parametrize("said", list(BAD)[2:])
def test_bad_images_have_no_floor(said):
    with pytest.raises(ValueError, match=said):
        grey_floor(BAD[said])


@pytest.mark.parametrize("call", CALLS)
def test_a_bad_split_is_refused(line, call):
    labels = torch.zeros(2, dtype=torch.int64)
    with pytest.raises(ValueError, match="8×8 pixels where 2×2"):
        call(line, Split(torch.ones(2, 1, 8, 8, dtype=torch.uint8), 255, labels))
    with pytest.raises(ValueError, match="NaN"):  # which Split itself does not look for
        call(line, Split(BAD["NaN"], 1, labels))


@pytest.mark.parametrize("call", [log_likelihood, active_units])
def test_without_gaussians_there_is_nothing_to_measure(call):
    with pytest.raises(ValueError, match="wanted a VAE.*this Autoencoder gives codes alone"):
        call(build("mlp", 1, shape=SHAPE), BINARY)


@pytest.mark.parametrize("call", CALLS)
def test_a_model_without_encoder_and_decoder_is_refused(call):
    with pytest.raises(TypeError, match="this Linear has no encoder and decoder"):
        call(nn.Linear(4, 4), BINARY)


@pytest.mark.parametrize("call", CALLS)
def test_an_error_leaves_the_model_as_it_was(line, call):
    line.train()
    encoder, line.encoder = line.encoder, nn.Sequential(nn.Linear(3, 3))
    with pytest.raises(RuntimeError):
        call(line, BINARY)
    assert line.training and line.encoder[0].training
    line.encoder = encoder
    line.eval()


# --- active units


def test_active_units_are_those_whose_mean_moves():
    x = torch.tensor([[0.0, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]).view(5, *SHAPE)
    # each pixel has the variance 0.2 over these five; all μ are far from 0, which is no matter
    scales = [0.0, math.sqrt(0.009 / 0.2), math.sqrt(0.011 / 0.2), 3.0]
    weight = torch.zeros(5, 4)
    weight[:4, 0] = torch.tensor(scales)
    model = VAE(Encoder(weight, 1.0, shift=3.0), Flat(SHAPE), 5, SHAPE)
    found = active_units(model, Split.from_tensor(x))
    assert found.dtype == torch.bool and found.tolist() == [False, False, True, True, False]
    assert found.sum() == 2 and active_units(model, x, threshold=0.008, batch_size=2).sum() == 3
    with pytest.raises(ValueError, match="two images at least"):
        active_units(model, x[:1])


# --- the floor


def test_the_floor_is_the_cross_entropy_of_a_perfect_picture(digits):
    x = digits.as_float()
    logits = torch.logit(x.double(), eps=1e-12)
    assert grey_floor(digits) == pytest.approx(bernoulli_nll(logits, x.double()).mean().item(), rel=1e-6)
    assert grey_floor(digits) == pytest.approx(grey_floor(x))
    for other in (logits + 0.1, logits * 0.9):  # and any other picture costs more
        assert bernoulli_nll(other, x.double()).mean() > grey_floor(digits) + 0.01


def test_pixels_0_and_1_have_no_floor(digits):
    assert grey_floor(digits.binarised()) == grey_floor(digits.binarised(None)) == 0


@pytest.mark.real_data
@pytest.mark.parametrize("name, floor", [("mnist", 45.5), ("fashion", 189.9)])
def test_the_floors_of_the_real_sets(name, floor):
    if online.find(name) is None:
        pytest.skip(f"neither VAE_DATA nor data/downloads holds {name}")
    assert grey_floor(load(name).test) == pytest.approx(floor, abs=0.05)
