"""The objective of ``fit``: another likelihood, β that warms up, free bits; and what a history keeps of them."""

import dataclasses
import functools
import math

import pytest
import torch
from torch import nn
from torch.distributions import Normal, kl_divergence

from vae_helpers.losses import bernoulli_nll, free_bits_kl, gaussian_nll, kl_per_latent
from vae_helpers.models import build
from vae_helpers.objective import terms_by
from vae_helpers.training import History, elbo_terms, fit, negative_elbo

SHAPE = (1, 8, 8)
IMAGES = torch.rand(50, *SHAPE, generator=torch.Generator().manual_seed(0))
TEST = torch.rand(30, *SHAPE, generator=torch.Generator().manual_seed(1))

run = functools.partial(fit, batch_size=20, progress=False)


def net(preset="vae2", **how):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build(preset, shape=SHAPE, **how)


def away_from_the_prior():
    model = net()
    nn.init.ones_(model.encoder[-1].mu.bias)
    return model


def weights(model):
    return torch.cat([tensor.detach().double().flatten() for tensor in model.state_dict().values()])


class Steps:
    """A live callback that keeps the (loss, nll, kl) of each step."""

    def start(self, run):
        self.run = run

    def end(self, run):
        self.loss, self.nll, self.kl = run.losses_since(0)


def with_steps(model, *arguments, **how):
    seen = Steps()
    return run(model, *arguments, callbacks=[seen], **how).wait(), seen


# --- free bits


@pytest.mark.parametrize("free_bits", [0.0, 0.4, 5.0])
def test_free_bits_kl_is_the_larger_of_the_two_for_each_latent(free_bits):
    generator = torch.Generator().manual_seed(0)
    mu, logvar = torch.randn(2, 30, 4, generator=generator) * torch.tensor([0.1, 0.5, 1.0, 2.0])
    means = kl_divergence(Normal(mu, (logvar / 2).exp()), Normal(0.0, 1.0)).mean(0).tolist()
    assert min(means) < 0.4 < max(means) < 5
    found = free_bits_kl(mu, logvar, free_bits)
    assert found.shape == () and found.item() == pytest.approx(sum(max(free_bits, one) for one in means), rel=1e-5)


def test_nothing_pulls_a_latent_below_its_free_bits():
    mu, logvar = torch.tensor([[0.1, 2.0], [-0.1, 1.0]]).requires_grad_(), torch.zeros(2, 2).requires_grad_()
    free_bits_kl(mu, logvar, 0.3).backward()
    assert mu.grad[:, 0].tolist() == [0, 0] and mu.grad[:, 1].tolist() == [1.0, 0.5], "mean over the batch of μ"


def test_with_free_bits_the_history_keeps_both_the_kl_and_what_is_charged():
    history, steps = with_steps(away_from_the_prior(), IMAGES, 3, test=TEST, beta=2, free_bits=0.4)
    assert history.free_bits == 0.4 and len(history.charged_kl) == len(history.test_charged_kl) == 3
    for loss, nll, charged in (("train", "nll", "charged_kl"), ("test", "test_nll", "test_charged_kl")):
        sums = [n + 2 * c for n, c in zip(getattr(history, nll), getattr(history, charged))]
        assert getattr(history, loss) == pytest.approx(sums, rel=1e-6)
    assert all(c >= k - 1e-6 for c, k in zip(history.charged_kl, history.kl)) and min(history.charged_kl) >= 0.8 - 1e-6
    assert history.charged_kl[-1] > history.kl[-1] + 0.01
    assert steps.loss == history.steps and len(steps.kl) == 9


def test_the_charged_kl_of_the_test_images_is_that_of_the_terms():
    model = away_from_the_prior()
    history = run(model, IMAGES, 1, test=TEST, free_bits=0.4)
    with torch.no_grad():
        mu, logvar = model.encoder(TEST)
    assert history.test_kl == pytest.approx([kl_per_latent(mu, logvar).sum(1).mean().item()], rel=1e-5)
    assert history.test_charged_kl == pytest.approx([free_bits_kl(mu, logvar, 0.4).item()], rel=1e-5)


def test_free_bits_keep_latents_from_the_prior():
    images = IMAGES * torch.linspace(0, 1, 50).view(-1, 1, 1, 1)  # a brightness is worth a latent

    def kl_after_training(free_bits):
        model = away_from_the_prior()
        run(model, images, 60, lr=5e-3, beta=20, free_bits=free_bits)
        with torch.no_grad():
            return kl_per_latent(*model.encoder(images)).mean(0).max()

    assert kl_after_training(0) < 0.02
    assert kl_after_training(0.5) > 0.15


def test_what_is_shown_of_free_bits_is_the_sum_that_the_loss_is(capfd):
    history = fit(away_from_the_prior(), IMAGES, 1, test=TEST, batch_size=20, beta=4, free_bits=1)
    text = f"{history.nll[0]:.1f} nll + 4 · {history.charged_kl[0]:.1f} for a KL of {history.kl[0]:.1f}"
    assert f"train {history.train[0]:.1f} = {text}" in capfd.readouterr().err
    shown = History(train=[5.0], nll=[1.0], kl=[0.5], charged_kl=[2.0], betas=[2.0])
    assert "loss 5.00 = 1.00 nll + 2 · 2.00 for a KL of 0.50" in repr(shown)


# --- warm-up


@pytest.mark.parametrize("warmup, epochs", [(2, 3), (1.5, 3), (0.5, 1), (20, 2)])
def test_beta_rises_linearly_step_by_step(warmup, epochs):
    history, steps = with_steps(away_from_the_prior(), IMAGES, epochs, beta=4, warmup=warmup, lr=1e-4, test=TEST)
    betas = [4 * min(1, step / (3 * warmup)) for step in range(3 * epochs)]
    assert min(steps.kl) > 0.1
    assert steps.loss == pytest.approx([n + b * k for n, b, k in zip(steps.nll, betas, steps.kl)], rel=1e-6)
    assert history.beta == 4 and history.warmup == warmup and steps.run.beta == 4
    for epoch, beta in enumerate(history.betas):
        by_kl = [size * kl for size, kl in zip((20, 20, 10), steps.kl[3 * epoch :])]
        mine = sum(b * w for b, w in zip(betas[3 * epoch :], by_kl)) / sum(by_kl)
        assert beta == pytest.approx(mine)
    sums = [n + b * k for n, b, k in zip(history.nll, history.betas, history.kl)]
    assert history.train == pytest.approx(sums, rel=1e-6)
    sums = [n + b * k for n, b, k in zip(history.test_nll, history.betas, history.test_kl)]
    assert history.test == pytest.approx(sums, rel=1e-9)


def test_after_the_warm_up_beta_is_that_very_number():
    assert run(net(), IMAGES, 3, beta=0.3, warmup=1).betas[1:] == [0.3, 0.3]


def test_no_warm_up_and_no_free_bits_change_nothing():
    plain, other = net(), net()
    first, second = run(plain, IMAGES, 2, test=TEST), run(other, IMAGES, 2, test=TEST, warmup=0, free_bits=0.0)
    assert dataclasses.replace(first, seconds=0) == dataclasses.replace(second, seconds=0)
    assert torch.equal(weights(plain), weights(other)) and first.charged_kl == first.test_charged_kl == []


# --- another likelihood


def sigma_half(logits, x):
    return gaussian_nll(logits.sigmoid(), x, 0.5)


def test_a_likelihood_that_is_given_is_the_one_in_the_loss():
    model, by_hand = net(), net()

    def gaussian(model, x):
        logits, mu, logvar = model(x)
        kl = kl_divergence(Normal(mu, (logvar / 2).exp()), Normal(0.0, 1.0)).sum(1).mean()
        return -Normal(logits.sigmoid(), 0.5).log_prob(x).sum((1, 2, 3)).mean() + 3 * kl

    history = run(model, IMAGES, 2, test=TEST, nll=sigma_half, beta=3)
    expected = run(by_hand, IMAGES, 2, test=TEST, loss_fn=gaussian)
    assert history.steps == pytest.approx(expected.steps, rel=1e-4)
    assert history.test == pytest.approx(expected.test, rel=1e-4)
    assert (history.loss_name, history.nll_name) == ("negative_elbo", "sigma_half") and len(history.nll) == 2
    assert expected.nll_name == ""


def test_the_default_likelihood_by_name_is_the_default():
    assert terms_by(bernoulli_nll, 0.0) is elbo_terms
    plain, other = net(), net()
    first = run(plain, IMAGES, 2)
    second = run(other, IMAGES, 2, nll=lambda logits, x: bernoulli_nll(logits, x))
    assert first.steps == second.steps and torch.equal(weights(plain), weights(other))
    assert (first.nll_name, second.nll_name) == ("bernoulli_nll", "<lambda>")


def test_a_sigma_of_the_model_is_learned_with_it():
    model = net("vae")
    model.log_sigma = nn.Parameter(torch.zeros(()))
    history = run(
        model, IMAGES, 100, lr=1e-2,
        nll=lambda logits, x: gaussian_nll(logits.sigmoid(), x, model.log_sigma.exp()),
    )
    model.train()
    with torch.no_grad():
        error = (model(IMAGES)[0].sigmoid() - IMAGES).square().mean().sqrt().item()
    assert model.log_sigma.exp().item() == pytest.approx(error, rel=0.15), "the best σ is the root of the mean error²"
    assert history.train[-1] < history.train[0]


def test_autoencoders_take_a_likelihood_too():
    model, by_hand = net("mlp2"), net("mlp2")
    history = run(model, IMAGES, 2, test=TEST, nll=sigma_half)
    expected = run(by_hand, IMAGES, 2, test=TEST, loss_fn=lambda model, x: sigma_half(model(x), x).mean())
    assert history.steps == expected.steps and history.test == expected.test
    assert torch.equal(weights(model), weights(by_hand))
    assert (history.loss_name, history.nll_name, history.nll) == ("reconstruction_loss", "sigma_half", [])


@pytest.mark.parametrize("preset", ["vae2", "mlp2"])
@pytest.mark.parametrize(
    "nll, said",
    [
        (lambda logits, x: bernoulli_nll(logits, x).mean(), r"gave \(\) where"),
        (lambda logits, x: (logits - x) ** 2, r"gave \(1, 1, 8, 8\) where"),
        (lambda logits, x: 3.0, "gave float where"),
    ],
)
def test_a_likelihood_that_gives_no_number_for_each_image(preset, nll, said):
    model = net(preset)
    before = weights(model)
    with pytest.raises(ValueError, match=said):
        run(model, IMAGES, 1, nll=nll)
    assert torch.equal(before, weights(model))


def test_a_likelihood_that_fails_tells_its_own_error():
    def fails(logits, x):
        raise RuntimeError("no such likelihood")

    with pytest.raises(RuntimeError, match="no such likelihood") as caught:
        run(net(), IMAGES, 1, nll=fails)
    assert caught.value.history.steps == []


@pytest.mark.parametrize(
    "preset, how, said",
    [
        ("vae2", {"nll": sigma_half, "loss_fn": negative_elbo}, "either nll or a loss_fn"),
        ("vae2", {"warmup": 1, "loss_fn": negative_elbo}, r"your loss_fn has no such term \(warmup=1\)"),
        ("mlp2", {"warmup": 1}, r"this Autoencoder has no such term \(warmup=1\)"),
        ("mlp2", {"free_bits": 0.5}, r"this Autoencoder has no such term \(free_bits=0.5\)"),
        ("vae2", {"warmup": -1}, "warmup must be 0 or more, and finite, not -1"),
        ("vae2", {"warmup": math.inf}, "warmup must be 0 or more, and finite, not inf"),
        ("vae2", {"free_bits": math.nan}, "free_bits must be 0 or more, and finite, not nan"),
        ("vae2", {"free_bits": -0.1}, "free_bits must be 0 or more, and finite, not -0.1"),
    ],
)
def test_what_makes_no_objective(preset, how, said):
    model = net(preset)
    before = weights(model)
    with pytest.raises(ValueError, match=said):
        run(model, IMAGES, 1, **how)
    assert torch.equal(before, weights(model))
