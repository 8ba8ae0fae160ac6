"""``fit`` does what its docstring says: history, seed, Stop, input; and what it trains is worth training."""

import dataclasses
import functools
import json
import math
import os
import signal
import threading

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from vae_helpers.data import Split, load, online
from vae_helpers.losses import bernoulli_nll, kl_to_standard_normal, rmse
from vae_helpers.models import LinearAutoencoder, build, reconstruct
from vae_helpers.training import (
    History,
    elbo_terms,
    fit,
    mean_loss,
    negative_elbo,
    reconstruction_loss,
    squared_error,
    train_step,
)

SHAPE = (1, 8, 8)
REAL_DATA = os.environ.get("VAE_DATA")


def net(preset="mlp2", seed=0, **how):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build(preset, **{"shape": SHAPE} | how)


@pytest.fixture
def images():
    """Fifty images: with a batch size of 20 the last of three batches is half as large."""
    return torch.rand(50, *SHAPE, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def test_images():
    return torch.rand(30, *SHAPE, generator=torch.Generator().manual_seed(1))


run = functools.partial(fit, batch_size=20, progress=False)


def weights(model):
    return torch.cat([tensor.detach().double().flatten() for tensor in model.state_dict().values()])


# --- one step, and the losses


def test_train_step_does_what_sgd_does_by_hand(images):
    model = net()
    loss = reconstruction_loss(model, images)
    gradients = torch.autograd.grad(loss, list(model.parameters()))
    expected = [p.detach() - 0.1 * g for p, g in zip(model.parameters(), gradients)]
    returned = train_step(model, images, torch.optim.SGD(model.parameters(), lr=0.1), reconstruction_loss)
    for p, wanted in zip(model.parameters(), expected):
        torch.testing.assert_close(p.detach(), wanted)
    assert returned.shape == () and not returned.requires_grad
    assert returned.item() == pytest.approx(loss.item())


def test_train_step_forgets_the_gradient_before(images):
    model, other = net(), net()
    for p in model.parameters():
        p.grad = torch.full_like(p, 1e3)
    for one in (model, other):
        train_step(one, images, torch.optim.SGD(one.parameters(), lr=0.1), reconstruction_loss)
    assert torch.equal(weights(model), weights(other))


@pytest.mark.parametrize("side", [8, 28])
def test_the_loss_is_in_nats_per_image(side):
    model = net(shape=(1, side, side))
    nn.init.zeros_(model.decoder[-2].weight)
    nn.init.zeros_(model.decoder[-2].bias)
    history = run(model, torch.rand(50, 1, side, side), 1, lr=0.0)
    assert history.steps == pytest.approx([side**2 * math.log(2)] * 3, rel=1e-6)  # each pixel a fair coin
    assert history.train == pytest.approx([side**2 * math.log(2)], rel=1e-6)


def test_squared_error_is_summed_over_the_pixels_of_an_image(images):
    model = net("linear")
    expected = sum(((model(x[None]) - x) ** 2).sum().item() for x in images) / 50
    assert squared_error(model, images).item() == pytest.approx(expected, rel=1e-5)


def test_mean_loss_weighs_every_image_alike(images):
    model, split = net(), Split.from_tensor(images)
    expected = reconstruction_loss(model, images).item()
    assert mean_loss(model, split, reconstruction_loss, batch_size=33) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("training", [True, False])
def test_mean_loss_measures_in_eval_mode_and_puts_the_mode_back(images, training):
    model, seen = net("conv", as_published=True).train(training), []

    def loss_fn(model, x):
        seen.append((model.training, torch.is_grad_enabled()))
        return reconstruction_loss(model, x)

    mean_loss(model, Split.from_tensor(images), loss_fn)
    assert seen == [(False, False)] and model.training is training


# --- the loss of a VAE


def seeded(function, *arguments, **how):
    """What ``function`` gives when the noise of the model is that of seed 0."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return function(*arguments, **how)


def vae_away_from_the_prior():
    """So that the KL of its first steps is large enough to tell by which weight it enters."""
    model = net("vae2")
    nn.init.ones_(model.encoder[-1].mu.bias)
    return model


def test_elbo_terms_are_the_means_of_the_two_terms(images):
    model = net("vae2")
    logits, mu, logvar = seeded(model, images)
    nll, kl = seeded(elbo_terms, model, images)
    assert nll.shape == kl.shape == ()
    p = torch.sigmoid(logits)
    cross_entropy = -(images * p.log() + (1 - images) * (1 - p).log()).sum((1, 2, 3))
    q, prior = torch.distributions.Normal(mu, (logvar / 2).exp()), torch.distributions.Normal(0.0, 1.0)
    kls = torch.distributions.kl_divergence(q, prior).sum(1)
    torch.testing.assert_close([nll, kl], [cross_entropy.mean(), kls.mean()])


@pytest.mark.parametrize("beta", [0, 0.5, 1, 4])
def test_negative_elbo_weighs_the_kl_with_beta(images, beta):
    model = vae_away_from_the_prior()
    nll, kl = seeded(elbo_terms, model, images)
    torch.testing.assert_close(seeded(negative_elbo, model, images, beta), nll + beta * kl)
    torch.testing.assert_close(seeded(negative_elbo, model, images), nll + kl)


def test_train_step_takes_a_beta_by_partial(images):
    model = vae_away_from_the_prior()
    before = weights(model)
    nll, kl = seeded(elbo_terms, model, images)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    loss = seeded(train_step, model, images, optimizer, functools.partial(negative_elbo, beta=4))
    assert kl.item() > 0.5
    assert loss.item() == pytest.approx((nll + 4 * kl).item(), rel=1e-6)
    assert not torch.equal(before, weights(model))


def test_mean_loss_of_two_terms_is_a_list_in_which_every_image_weighs_alike(images):
    seen = []

    def two_numbers(model, x):
        seen.append(len(x))
        return x.mean(), x.flatten(1).sum(1).mean()

    got = mean_loss(net(), Split.from_tensor(images), two_numbers, batch_size=33)
    assert seen == [33, 17] and isinstance(got, list)
    assert got == pytest.approx([images.mean().item(), images.sum().item() / 50], rel=1e-5)


# --- what fit does


def test_the_loss_falls():
    model, split = net(), load("digits8").train
    history = fit(model, split, 5, progress=False)
    assert all(later < earlier for earlier, later in zip(history.train, history.train[1:]))
    assert history.train[-1] < 0.8 * history.steps[0]


def test_the_model_is_left_in_eval_mode(images):
    model = net("conv").train()
    run(model, images, 1)
    assert not any(module.training for module in model.modules())


def test_it_trains_in_train_mode_whatever_callbacks_do(images):
    modes = []

    def loss_fn(model, x):
        modes.append(model.training)
        return reconstruction_loss(model, x)

    run(net().eval(), images, 2, loss_fn=loss_fn, callbacks=[lambda model, history: model.eval()])
    assert modes == [True] * 6


@pytest.mark.parametrize("preset", ["mlp2", "conv"])
def test_the_same_seed_gives_the_same_weights(images, preset):
    def trained(seed):
        model = net(preset, as_published=True)  # the conv net with dropout, so that it draws numbers too
        return weights(model), run(model, images, 2, seed=seed).steps, weights(model)

    (start, steps, end), (start_again, steps_again, end_again) = trained(7), trained(7)
    assert torch.equal(start, start_again) and steps == steps_again and torch.equal(end, end_again)
    assert not torch.equal(start, end) and not torch.equal(end, trained(8)[2])


def test_torchs_global_generator_is_left_alone_and_not_asked(images):
    def trained():
        model = net("conv", as_published=True)
        before = torch.get_rng_state()
        run(model, images, 1)
        assert torch.equal(before, torch.get_rng_state())
        return weights(model)

    torch.manual_seed(1)
    first = trained()
    torch.manual_seed(2)
    assert torch.equal(first, trained())


def test_the_test_images_are_not_learned_from(images, test_images):
    alone, tested = net(), net()
    run(alone, images, 2)
    run(tested, images, 2, test=test_images)
    assert torch.equal(weights(alone), weights(tested))


def test_tensors_and_splits_are_taken_alike(images):
    from_tensor, from_split = net(), net()
    run(from_tensor, images, 1)
    run(from_split, Split.from_tensor(images), 1)
    assert torch.equal(weights(from_tensor), weights(from_split))


def test_no_epochs_change_nothing(images):
    model = net()
    before = weights(model)
    history = run(model, images, 0)
    assert history.steps == history.train == history.test == [] and history.images == 0
    assert torch.equal(before, weights(model)) and not model.training and not history.interrupted


def test_callbacks_are_called_after_each_epoch(images, test_images):
    model, calls = net(), []

    def first(given, history):
        calls.append(("first", given is model, len(history.steps), len(history.train), len(history.test)))

    def second(given, history):
        calls.append("second")

    run(model, images, 2, test=test_images, callbacks=(first, second))
    assert calls == [("first", True, 3, 1, 1), "second", ("first", True, 6, 2, 2), "second"]


def test_without_progress_nothing_is_printed(images, test_images, capfd):
    run(net(), images, 2, test=test_images)
    assert capfd.readouterr() == ("", "")


def test_progress_is_a_bar_of_all_steps(images, capfd):
    fit(net(), images, 2, batch_size=20)
    assert "6/6" in capfd.readouterr().err


# --- the history


def test_the_history_counts(images, test_images):
    history = run(net(), images, 4, test=test_images, lr=2e-3, seed=5)
    assert (len(history.steps), len(history.train), len(history.test)) == (12, 4, 4)
    assert history.images == 200 and history.steps_per_epoch == 3
    assert (history.batch_size, history.lr, history.seed) == (20, 2e-3, 5)
    assert history.seconds > 0 and not history.interrupted


def test_without_test_images_there_are_no_test_losses(images):
    assert run(net(), images, 2).test == []


def test_the_train_loss_is_the_mean_over_images_not_over_batches(images):
    history = run(net(), images, 2, lr=0.1)
    for epoch, train in enumerate(history.train):
        first, second, last = history.steps[3 * epoch : 3 * epoch + 3]
        assert train == pytest.approx((20 * first + 20 * second + 10 * last) / 50)
        assert train != pytest.approx((first + second + last) / 3, rel=1e-6)


def test_a_step_has_the_loss_before_it_moved(images):
    model = net()
    before = reconstruction_loss(model, images).item()
    assert run(model, images, 1, batch_size=50).steps == pytest.approx([before], rel=1e-5)


def test_the_test_loss_is_the_mean_in_eval_mode_after_the_epoch(images, test_images):
    model, expected = net("conv", as_published=True), []

    def measure(model, history):
        model.eval()
        with torch.no_grad():
            expected.append(reconstruction_loss(model, test_images).item())

    history = run(model, images, 2, test=test_images, callbacks=[measure])
    assert history.test == pytest.approx(expected, rel=1e-5)


class WithWeight:
    """A loss that is an object, without a ``__name__``."""

    def __call__(self, model, x):
        return reconstruction_loss(model, x)


@pytest.mark.parametrize(
    "loss_fn, name",
    [
        (reconstruction_loss, "reconstruction_loss"),
        (squared_error, "squared_error"),
        (WithWeight(), "WithWeight"),
        (functools.partial(squared_error), "partial"),
    ],
)
def test_the_history_names_the_loss(images, loss_fn, name):
    assert run(net(), images, 1, loss_fn=loss_fn).loss_name == name


@pytest.mark.parametrize(
    "history, text",
    [
        (History(), "History: 0 epochs, 0 steps"),
        (History(steps=[3.0, 2.0], train=[2.5]), "History: 1 epoch, 2 steps, last train loss 2.50"),
        (
            History(steps=[3.0, 2.0], train=[2.5], test=[2.25], seconds=3.21),
            "History: 1 epoch, 2 steps, last train loss 2.50, test 2.25",
        ),
        (History(steps=[3.0], interrupted=True), "History: 0 epochs, 1 step, stopped early"),
    ],
)
def test_the_text_of_a_history_holds_no_time_and_no_address(history, text):
    assert repr(history) == text


def test_a_history_comes_back_as_it_was_saved(images, test_images, tmp_path):
    history = run(net(), images, 2, test=test_images)
    path = history.save(tmp_path / "folder" / "history.json")
    assert path == tmp_path / "folder" / "history.json" and History.load(path) == history


def test_a_history_of_before_a_field_was_added_is_read(tmp_path):
    old = dataclasses.asdict(History(steps=[1.0]))
    del old["steps_per_epoch"]
    (tmp_path / "history.json").write_text(json.dumps(old))
    assert History.load(tmp_path / "history.json") == History(steps=[1.0])


@pytest.mark.parametrize("content", [b"", b'{"steps": [1.0', b"[1, 2]", b'{"colour": 3}', b"\xff\xfe\xff"])
def test_a_damaged_history(tmp_path, content):
    (tmp_path / "history.json").write_bytes(content)
    with pytest.raises(ValueError, match="history.json is damaged or no history"):
        History.load(tmp_path / "history.json")


def test_a_missing_history(tmp_path):
    with pytest.raises(FileNotFoundError, match="history.json"):
        History.load(tmp_path / "history.json")


# --- VAEs


def first_batches(model, n):
    """The terms, image by image, of the next ``n`` batches that go through ``model`` in train mode; (nll, kl) each."""
    seen = []

    def look(model, args, output):
        if model.training and len(seen) < n:
            logits, mu, logvar = (one.detach().double() for one in output)
            seen.append((bernoulli_nll(logits, args[0].double()), kl_to_standard_normal(mu, logvar)))

    model.register_forward_hook(look)
    return seen


def test_a_vae_learns_by_the_negative_elbo(images):
    by_default, by_name = net("vae2"), net("vae2")
    first, second = run(by_default, images, 2), run(by_name, images, 2, loss_fn=negative_elbo)
    assert first.loss_name == second.loss_name == "negative_elbo" and first.beta == second.beta == 1
    assert first.steps == second.steps and torch.equal(weights(by_default), weights(by_name))


class OwnVAE(nn.Module):
    """As a learner writes it: not of the course's class, but it gives ``logits, mu, logvar``."""

    shape = SHAPE

    def __init__(self, vae):
        super().__init__()
        self.vae = vae

    def forward(self, x):
        return self.vae(x)


def test_a_vae_of_ones_own_learns_alike(images, test_images):
    ours, own = net("conv_vae", as_published=True), OwnVAE(net("conv_vae", as_published=True))
    first, second = (run(model, images, 2, test=test_images, beta=4) for model in (ours, own))
    assert second.loss_name == "negative_elbo" and len(second.nll) == len(second.test_kl) == 2
    assert dataclasses.replace(first, seconds=0.0) == dataclasses.replace(second, seconds=0.0)
    assert torch.equal(weights(ours), weights(own))


def test_to_find_out_what_a_model_gives_changes_nothing(images):
    """Neither batch norm's averages, nor the mode, nor the global generator."""
    model = net("conv_vae", as_published=True).train()
    before, state, modes = weights(model), torch.get_rng_state(), [module.training for module in model.modules()]
    seen = []
    model.register_forward_pre_hook(lambda module, x: seen.append([m.training for m in module.modules()]))
    with pytest.raises(ValueError, match="beta must be"):
        run(model, images, 1, beta=-1)
    assert len(seen) == 1 and not any(seen[0])
    assert torch.equal(before, weights(model)) and torch.equal(state, torch.get_rng_state())
    assert [module.training for module in model.modules()] == modes


@pytest.mark.parametrize("beta", [1, 4])
def test_a_model_that_fails_tells_its_own_error(images, beta):
    def fails(module, x):
        raise RuntimeError("mat1 and mat2 do not fit")

    model = net("vae2")
    model.decoder.register_forward_pre_hook(fails)
    with pytest.raises(RuntimeError, match="do not fit") as caught:
        run(model, images, 1, beta=beta)
    assert caught.value.history.steps == []


def test_the_elbo_of_a_vae_rises():
    history = fit(net("vae"), load("digits8").train, 6, batch_size=64, lr=3e-3, progress=False)
    assert all(later < earlier for earlier, later in zip(history.train, history.train[1:]))
    assert history.train[-1] < 0.65 * history.steps[0] and history.kl[-1] > 1, "the codes carry more than a nat"


@pytest.mark.parametrize("beta", [0, 0.5, 1, 4])
def test_the_loss_of_each_epoch_is_nll_plus_beta_times_kl(images, test_images, beta):
    history = run(vae_away_from_the_prior(), images, 3, test=test_images, beta=beta, lr=1e-4)
    assert history.beta == beta
    assert len(history.nll) == len(history.kl) == len(history.test_nll) == len(history.test_kl) == 3
    assert history.train == pytest.approx([n + beta * k for n, k in zip(history.nll, history.kl)], rel=1e-6)
    assert history.test == pytest.approx([n + beta * k for n, k in zip(history.test_nll, history.test_kl)], rel=1e-12)
    assert min(history.kl + history.test_kl) > 0.5


def test_the_terms_are_means_over_images_not_over_batches(images):
    model = vae_away_from_the_prior()
    seen = first_batches(model, 6)
    history = run(model, images, 2, lr=0.02, beta=3)
    for epoch in range(2):
        batches = seen[3 * epoch : 3 * epoch + 3]
        assert [len(nll) for nll, _ in batches] == [20, 20, 10]
        nll, kl = (torch.cat(each).mean().item() for each in zip(*batches))
        assert (history.nll[epoch], history.kl[epoch]) == pytest.approx((nll, kl), rel=1e-5)
        steps = [(nll.mean() + 3 * kl.mean()).item() for nll, kl in batches]
        assert history.steps[3 * epoch : 3 * epoch + 3] == pytest.approx(steps, rel=1e-5)


def test_the_more_beta_the_less_kl(images):
    def trained(beta):
        model = net("vae2")
        history = run(model, images, 8, beta=beta)
        assert history.steps[0] != history.steps[-1]
        return weights(model), seeded(elbo_terms, model, images)[1].item()

    found = {beta: trained(beta) for beta in (0, 1, 10)}
    assert found[0][1] > 1.2 * found[1][1] > 1.2 * 1.2 * found[10][1] > 0
    assert not torch.equal(found[0][0], found[1][0]) and not torch.equal(found[1][0], found[10][0])


def test_beta_4_is_the_partial_with_beta_4(images):
    by_beta, by_hand = net("vae2"), net("vae2")
    run(by_beta, images, 2, beta=4)
    run(by_hand, images, 2, loss_fn=functools.partial(negative_elbo, beta=4))
    assert torch.equal(weights(by_beta), weights(by_hand))


@pytest.mark.parametrize("loss_fn", [negative_elbo, functools.partial(negative_elbo, beta=4)])
def test_a_loss_that_is_given_has_no_terms_in_the_history(images, test_images, loss_fn):
    history = run(net("vae2"), images, 2, test=test_images, loss_fn=loss_fn)
    assert len(history.train) == len(history.test) == 2
    assert history.nll == history.kl == history.test_nll == history.test_kl == []
    assert "KL" not in repr(history)


def test_an_autoencoder_has_no_terms_in_its_history(images, test_images):
    history = run(net(), images, 2, test=test_images)
    assert history.nll == history.kl == history.test_nll == history.test_kl == [] and history.beta == 1


@pytest.mark.parametrize("how", [{}, {"beta": 4}, {"loss_fn": negative_elbo}], ids=str)
def test_the_noise_of_the_test_images_does_not_change_the_training(images, test_images, how):
    alone, tested = net("vae2"), net("vae2")
    first, second = run(alone, images, 3, **how), run(tested, images, 3, test=test_images, **how)
    assert first.steps == second.steps and torch.equal(weights(alone), weights(tested))


@pytest.mark.parametrize("how", [{}, {"loss_fn": negative_elbo}], ids=str)
def test_the_noise_of_the_test_images_is_the_same_after_each_epoch(images, test_images, how):
    history = run(net("vae2"), images, 3, test=test_images, lr=0.0, **how)
    assert len(set(history.test)) == 1
    assert len(set(history.train)) == 3, "that of the training is another in each"


def test_the_test_terms_are_those_in_eval_mode_after_the_epoch(images, test_images):
    model, expected = net("conv_vae", as_published=True), []

    def measure(model, history):
        model.eval()
        with torch.no_grad():
            expected.append([one.item() for one in seeded(elbo_terms, model, test_images)])

    history = run(model, images, 2, test=test_images, callbacks=[measure])
    assert list(zip(history.test_nll, history.test_kl)) == [pytest.approx(pair, rel=1e-6) for pair in expected]


def test_the_same_seed_gives_the_same_vae(images):
    def trained(seed):
        model = net("conv_vae", as_published=True)
        torch.manual_seed(torch.seed())  # the noise is the run's own, whatever the global generator holds
        before = torch.get_rng_state()
        run(model, images, 1, seed=seed)
        assert torch.equal(before, torch.get_rng_state())
        return weights(model)

    assert torch.equal(trained(7), trained(7)) and not torch.equal(trained(7), trained(8))


@pytest.mark.parametrize(
    "preset, how, said",
    [
        ("vae2", {"beta": 2, "loss_fn": negative_elbo}, r"your loss_fn has no such term \(beta=2\)"),
        ("vae2", {"beta": 0, "loss_fn": reconstruction_loss}, r"your loss_fn has no such term \(beta=0\)"),
        ("mlp2", {"beta": 2}, r"this Autoencoder has no such term \(beta=2\)"),
        ("linear", {"beta": 0.5}, r"this LinearAutoencoder has no such term \(beta=0.5\)"),
        ("mlp2", {"beta": math.nan}, "this Autoencoder has no such term"),
        ("vae2", {"beta": -1}, "beta must be 0 or more, and finite, not -1"),
        ("vae2", {"beta": math.nan}, "beta must be 0 or more, and finite, not nan"),
        ("vae2", {"beta": math.inf}, "beta must be 0 or more, and finite, not inf"),
        ("vae2", {"beta": -math.inf}, "beta must be 0 or more, and finite, not -inf"),
    ],
)
def test_a_beta_that_makes_no_sense(images, preset, how, said):
    model = net(preset)
    before = weights(model)
    with pytest.raises(ValueError, match=said):
        run(model, images, 1, **how)
    assert torch.equal(before, weights(model))


@pytest.mark.parametrize("preset", ["mlp2", "vae2"])
def test_a_beta_of_one_is_no_beta(images, preset):
    assert run(net(preset), images, 1, beta=1).beta == 1
    assert run(net("vae2"), images, 1, beta=1, loss_fn=negative_elbo).nll == []


TERMS = {"steps": [3.0, 2.0], "train": [2.5], "nll": [1.5], "kl": [0.25]}


@pytest.mark.parametrize(
    "history, text",
    [
        (History(**TERMS | {"kl": [1.0]}), "last train loss 2.50 = 1.50 nll + 1.00 KL"),
        (History(**TERMS, beta=4), "last train loss 2.50 = 1.50 nll + 4 · 0.25 KL"),
        (
            History(**TERMS, beta=4.0, test=[2.75], test_nll=[1.25], test_kl=[0.375]),
            "last train loss 2.50 = 1.50 nll + 4 · 0.25 KL, test 2.75 = 1.25 nll + 4 · 0.38 KL",
        ),
        (History(**TERMS, beta=4, interrupted=True), "last train loss 2.50 = 1.50 nll + 4 · 0.25 KL, stopped early"),
    ],
)
def test_the_text_of_a_history_shows_what_the_loss_is_the_sum_of(history, text):
    assert repr(history) == f"History: 1 epoch, 2 steps, {text}"


def test_the_bar_shows_the_loss_and_its_terms(images, test_images, capfd):
    history = fit(net("vae2"), images, 1, test=test_images, batch_size=20, beta=4)
    sums = (
        f"train {history.train[0]:.1f} = {history.nll[0]:.1f} nll + 4 · {history.kl[0]:.1f} KL, "
        f"test {history.test[0]:.1f} = {history.test_nll[0]:.1f} nll + 4 · {history.test_kl[0]:.1f} KL"
    )
    assert sums in capfd.readouterr().err


def test_the_history_of_a_vae_comes_back_as_it_was_saved(images, test_images, tmp_path):
    history = run(net("vae2"), images, 2, test=test_images, beta=0.5)
    again = History.load(history.save(tmp_path / "history.json"))
    assert again == history and again.beta == 0.5 and len(again.nll) == len(again.test_kl) == 2
    assert repr(again) == repr(history)


def test_a_history_of_before_there_were_vaes_is_read(images, test_images, tmp_path):
    history = run(net(), images, 2, test=test_images)
    old = dataclasses.asdict(history)
    for name in ("nll", "kl", "test_nll", "test_kl", "beta"):
        del old[name]
    (tmp_path / "history.json").write_text(json.dumps(old))
    assert History.load(tmp_path / "history.json") == history


@pytest.mark.parametrize("step", [1, 2, 3, 4, 5, 6])
def test_stop_leaves_the_terms_of_whole_epochs_alone(images, test_images, step):
    whole = run(net("vae2"), images, 3, test=test_images, beta=4)
    model, calls = net("vae2"), []

    def stop(model, *_):
        calls.append(model.training)
        if model.training and sum(calls) == step:
            signal.raise_signal(signal.SIGINT)

    model.register_forward_hook(stop)
    history = run(model, images, 3, test=test_images, beta=4)
    epochs = step // 3
    assert history.interrupted and history.steps == whole.steps[:step]
    for name in ("train", "test", "nll", "kl", "test_nll", "test_kl"):
        assert getattr(history, name) == getattr(whole, name)[:epochs], name
    assert ("KL" in repr(history)) == (epochs > 0)


def test_a_second_stop_in_a_step_leaves_the_terms_with_their_epochs(images):
    model, calls = net("vae2"), []

    def stop_twice(model, *_):
        calls.append(model.training)
        if sum(calls) == 5:  # in the second step of the second epoch
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)

    model.register_forward_hook(stop_twice)
    history = run(model, images, 3)
    assert history.interrupted and len(history.steps) == 4
    assert len(history.train) == len(history.nll) == len(history.kl) == 1


def test_an_error_in_the_middle_carries_the_terms(images, test_images):
    def fails(model, history):
        if len(history.train) == 2:
            raise RuntimeError("the disk is full")

    with pytest.raises(RuntimeError, match="the disk is full") as caught:
        run(net("vae2"), images, 3, test=test_images, callbacks=[fails])
    history = caught.value.history
    assert [len(one) for one in (history.train, history.nll, history.kl, history.test_nll, history.test_kl)] == [2] * 5


def test_a_vae_that_runs_away_is_named_with_its_step(images):
    model, calls = net("vae2"), []

    def spoil(model, args, output):
        calls.append(model.training)
        logits, mu, logvar = output
        return logits, mu, logvar + 1000 * (sum(calls) == 5)  # e¹⁰⁰⁰ is no float32

    model.register_forward_hook(spoil)
    with pytest.raises(FloatingPointError, match="inf at step 2 of epoch 2") as caught:
        run(model, images, 3)
    history = caught.value.history
    assert len(history.train) == len(history.nll) == len(history.kl) == 1


# --- what it refuses

GOOD = torch.rand(4, *SHAPE)
WITH_NAN = GOOD.clone()
WITH_NAN[0, 0, 0, 0] = torch.nan

BAD = [
    pytest.param(2 * GOOD + 0.1, ["values lie in", "[0, 1]"], id="too bright"),
    pytest.param(GOOD - 0.5, ["values lie in", "[0, 1]"], id="negative"),
    pytest.param(WITH_NAN, ["1 values are NaN"], id="nan"),
    pytest.param((255 * GOOD).byte(), ["uint8", "images.float() / 255"], id="uint8"),
    pytest.param(GOOD.double(), ["float64", "float32"], id="float64"),
    pytest.param(GOOD.expand(4, 3, 8, 8), ["3 channels where 1 is wanted"], id="channels"),
    pytest.param(torch.rand(4, 1, 8, 9), ["8×9 pixels where 8×8"], id="size"),
    pytest.param(GOOD[:, 0], ["3 dimensions where 4"], id="dimensions"),
    pytest.param(GOOD[:0], ["empty"], id="empty"),
    pytest.param(GOOD.numpy(), ["numpy.ndarray", "torch.as_tensor"], id="numpy"),
    pytest.param(300 * GOOD.double().expand(4, 3, 8, 8), ["float64", "3 channels", "values lie"], id="all"),
    pytest.param(Split.from_tensor(torch.rand(4, 3, 8, 8)), ["(3, 8, 8)", "(1, 8, 8)", "build"], id="split"),
]


@pytest.mark.parametrize("bad, said", BAD)
@pytest.mark.parametrize("role", ["split", "test"])
def test_images_that_the_model_cannot_take(bad, said, role):
    model = net()
    before = weights(model)
    with pytest.raises(ValueError) as raised:
        run(model, **{"split": GOOD, "test": GOOD} | {role: bad}, epochs=1)
    assert all(words in str(raised.value) for words in said), str(raised.value)
    assert raised.value.__context__ is None  # one error, not one after another
    assert torch.equal(before, weights(model))


@pytest.mark.parametrize("wrong", [{"epochs": -1}, {"batch_size": 0}, {"batch_size": -3}])
def test_numbers_that_make_no_run(images, wrong):
    with pytest.raises(ValueError, match=str(next(iter(wrong.values())))):
        fit(net(), images, **wrong, progress=False)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_no_number_is_named_with_its_step(images, bad):
    calls = iter(range(1, 100))

    def loss_fn(model, x):
        return reconstruction_loss(model, x) * (bad if next(calls) == 5 else 1)

    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(FloatingPointError, match=r"(nan|inf) at step 2 of epoch 2: a smaller lr than 0\.25"):
        run(net(), images, 3, loss_fn=loss_fn, lr=0.25)
    assert signal.getsignal(signal.SIGINT) is handler


# --- Stop


def weights_before_step(step, images, **how):
    """The weights of a run that nobody stops, as they were when that step (from 0) began."""
    model, calls, found = net("conv", as_published=True), iter(range(100)), []

    def loss_fn(model, x):
        if next(calls) == step:
            found.append(weights(model))
        return reconstruction_loss(model, x)

    run(model, images, 3, loss_fn=loss_fn, **how)
    # batch norm's averages move with the forward pass: here they are still those of the step before
    return found[0]


def stopping(step, times=1):
    """A loss that sends SIGINT in that step (from 1)."""
    calls = iter(range(1, 100))

    def loss_fn(model, x):
        if model.training and next(calls) == step:  # test images are measured with it too
            for _ in range(times):
                signal.raise_signal(signal.SIGINT)
        return reconstruction_loss(model, x)

    return loss_fn


@pytest.mark.parametrize("step", [1, 2, 3, 4, 5])
def test_stop_ends_the_run_after_the_step_in_progress(images, step, capsys):
    model = net("conv", as_published=True)
    history = run(model, images, 3, loss_fn=stopping(step))
    assert history.interrupted and len(history.steps) == step
    assert torch.equal(weights(model), weights_before_step(step, images))
    said = f"Stopped after {step} steps, {step // 3} of 3 epochs whole:"
    assert len(history.train) == step // 3, "an epoch whose last step was done is a whole one"
    assert capsys.readouterr().out.startswith(said)
    assert not model.training


def test_stop_in_a_callback_trains_no_further_step(images):
    history = run(net(), images, 3, callbacks=[lambda model, history: signal.raise_signal(signal.SIGINT)])
    assert history.interrupted and len(history.steps) == 3 and len(history.train) == 1


def test_an_error_in_the_middle_carries_the_history(images):
    def fails(model, history):
        if len(history.train) == 2:
            raise RuntimeError("the disk is full")

    model = net()
    with pytest.raises(RuntimeError, match="the disk is full") as caught:
        run(model, images, 3, callbacks=[fails])
    assert len(caught.value.history.train) == 2 and len(caught.value.history.steps) == 6
    assert "history" in caught.value.__notes__[0]
    assert not model.training


def test_a_model_that_does_not_say_what_it_takes(images):
    with pytest.raises(TypeError, match="set model.shape"):
        fit(torch.nn.Sequential(torch.nn.Flatten()), images, progress=False)


def test_stop_keeps_the_losses_of_whole_epochs(images, test_images):
    whole = run(net(), images, 3, test=test_images)
    history = run(net(), images, 3, test=test_images, loss_fn=stopping(5))
    assert history.steps == whole.steps[:5]
    assert history.train == whole.train[:1] and history.test == whole.test[:1]
    assert history.images == 50 + 20 + 20 and history.steps_per_epoch == 3


def test_stop_from_a_callback(images):
    model = net("conv", as_published=True)
    history = run(model, images, 3, callbacks=[lambda *_: signal.raise_signal(signal.SIGINT)])
    assert history.interrupted and len(history.train) == 1
    assert torch.equal(weights(model), weights_before_step(len(history.steps), images))


def test_stop_after_the_last_step_comes_too_late(images, capsys):
    def stop(model, history):
        if len(history.train) == 2:
            signal.raise_signal(signal.SIGINT)

    history = run(net(), images, 2, callbacks=[stop])
    assert not history.interrupted and len(history.steps) == 6
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("loss_fn", [reconstruction_loss, stopping(2), stopping(2, times=2)])
def test_the_handler_of_before_is_back(images, loss_fn):
    def mine(signum, frame):
        raise AssertionError("not while fit runs")

    before = signal.signal(signal.SIGINT, mine)
    try:
        run(net(), images, 1, loss_fn=loss_fn)
        assert signal.getsignal(signal.SIGINT) is mine
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_second_stop_breaks_a_step_that_hangs(images):
    finished = []

    def loss_fn(model, x):
        if len(finished) == 2:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
            pytest.fail("the second signal did not break the step")
        finished.append(1)
        return reconstruction_loss(model, x)

    model = net()
    history = run(model, images, 3, loss_fn=loss_fn)
    assert history.interrupted and len(history.steps) == 2
    expected = net()
    run(expected, images, 3, loss_fn=stopping(2))
    assert torch.equal(weights(model), weights(expected))


def test_stop_leaves_torchs_global_generator_alone(images):
    before = torch.get_rng_state()
    run(net("conv", as_published=True), images, 3, loss_fn=stopping(2))
    assert torch.equal(before, torch.get_rng_state())


def test_fit_works_outside_the_main_thread(images):
    expected, model, found = net(), net(), []
    run(expected, images, 2)
    thread = threading.Thread(target=lambda: found.append(run(model, images, 2)))
    thread.start()
    thread.join()
    assert len(found) == 1 and len(found[0].steps) == 6
    assert torch.equal(weights(model), weights(expected))


# --- the linear autoencoder is PCA's kin


def principal_components(x, k):
    """Mean (D,), the k first components (D, k) and all eigenvalues, falling, of rows x (N, D)."""
    x = x.double()
    mean = x.mean(0)
    eigenvalues, vectors = torch.linalg.eigh((x - mean).T @ (x - mean) / len(x))
    return mean, vectors.flip(1)[:, :k], eigenvalues.flip(0)


@pytest.fixture(scope="module")
def linear_run():
    """Images that are two patterns and a little noise; the trained net, its errors, and PCA's."""
    generator = torch.Generator().manual_seed(0)
    patterns = torch.linalg.qr(torch.randn(16, 2, generator=generator))[0]
    codes = torch.randn(400, 2, generator=generator) * torch.tensor([0.25, 0.18])
    x = (0.5 + codes @ patterns.T + 0.04 * torch.randn(400, 16, generator=generator)).clamp(0, 1)
    images = x.view(400, 1, 4, 4)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = LinearAutoencoder(2, (1, 4, 4))
    errors = []

    def measure(model, history):
        with torch.no_grad():
            errors.append((model(images) - images).double().square().flatten(1).sum(1).mean().item())

    for lr, epochs in ((2e-2, 300), (2e-3, 100)):
        run(model, images, epochs, loss_fn=squared_error, batch_size=40, lr=lr, callbacks=[measure])
    return model, errors, principal_components(x, 2)


def test_no_linear_autoencoder_beats_pca_on_what_it_learned_from(linear_run):
    _, errors, (_, _, eigenvalues) = linear_run
    assert min(errors) > eigenvalues[2:].sum().item() * (1 - 1e-6)


def test_a_trained_linear_autoencoder_comes_within_a_hundredth_of_pca(linear_run):
    _, errors, (_, _, eigenvalues) = linear_run
    assert errors[0] > 2 * eigenvalues[2:].sum().item()
    assert errors[-1] < 1.01 * eigenvalues[2:].sum().item()


def test_it_spans_the_plane_of_the_two_components(linear_run):
    model, _, (_, components, _) = linear_run
    plane = torch.linalg.qr(model.decoder[0].weight.detach().double())[0]
    assert torch.linalg.svdvals(plane.T @ components).min() > 0.99


# --- a curved plane holds more than a flat one


def rmse_of_pca(data, k=2):
    """On the test images, held inside [0, 1] as pictures are, which only helps it."""
    mean, components, _ = principal_components(data.train.as_float().flatten(1), k)
    x = data.test.as_float().flatten(1).double()
    x_hat = mean + (x - mean) @ components @ components.T
    return F.mse_loss(x_hat.clamp(0, 1), x).sqrt().item()


def assert_two_numbers_beat_pca(data, epochs, capsys):
    model = net(shape=(1, 28, 28))
    fit(model, data.train, epochs, progress=False)
    x = data.test.as_float()
    ours, theirs = rmse(reconstruct(model, x), x).item(), rmse_of_pca(data)
    with capsys.disabled():
        print(f"\n{data.name}, test RMSE: {ours:.4f} after {epochs} epochs, {theirs:.4f} by PCA")
    assert ours < theirs


def test_on_pen_two_numbers_beat_two_principal_components(capsys):
    assert_two_numbers_beat_pca(load("pen"), 4, capsys)


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["mnist", "fashion"])
def test_on_real_data_two_numbers_beat_two_principal_components(name, capsys):
    if online.find(name) is None:
        pytest.skip(f"neither VAE_DATA nor data/downloads holds {name}")
    assert_two_numbers_beat_pca(load(name), 4, capsys)
