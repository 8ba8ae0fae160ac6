"""The break-it lab: each fault is the one it says it is, and its own measurement tells it from all others."""

import math
from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from vae_helpers.data import load
from vae_helpers.clinic import CHART, FAULTS, examine, fault_named, outside, run, suspects
from vae_helpers.clinic import chart as measure
from vae_helpers.clinic.catalogue import up_to_16_15
from vae_helpers.clinic.patient import build_with
from vae_helpers.layers import sample
from vae_helpers.losses import kl_to_standard_normal
from vae_helpers.training import elbo_terms, negative_elbo

FAULTY = [key for key in FAULTS if key != "clean"]
BROKEN_LOSS = [key for key, fault in FAULTS.items() if fault.loss is not negative_elbo]


@pytest.fixture(scope="module")
def digits():
    return load("pen").train.subset(200)


@pytest.fixture(scope="module")
def x(digits):
    return digits.as_float(slice(100))


def net(key, seed=0):
    return build_with(FAULTS[key], seed=seed)


def same_noise(f, *given):
    torch.manual_seed(5)
    return f(*given).item()


def with_sigma(model, sigma):
    """The model, with that σ in all latents of all images."""
    torch.nn.init.zeros_(model.encoder[-1].logvar.weight)
    torch.nn.init.constant_(model.encoder[-1].logvar.bias, 2 * math.log(sigma))
    return model


# --- the list ---------------------------------------------------------------------


def test_every_fault_changes_one_thing():
    clean = FAULTS["clean"]
    for key in FAULTY:
        fault = FAULTS[key]
        changed = [name for name in ("loss", "draw", "change", "data", "encode")
                   if getattr(fault, name) is not getattr(clean, name)]
        assert changed == (["change", "encode"] if key == "encode_in_train" else changed[:1]) != []


def test_all_is_said_of_each_fault():
    for key, fault in FAULTS.items():
        assert fault.key == key and fault.name and fault.source and len(fault.see) > 30 and fault.mend
    assert len({fault.name for fault in FAULTS.values()}) == len(FAULTS)
    assert all(line.key == key and len(line.says) > 15 for key, line in CHART.items())


@pytest.mark.parametrize("key", FAULTY)
def test_between_a_fault_and_health_there_is_a_gap(key):
    """The margin of the slow test below: no value is both, and none is near both."""
    fault, line = FAULTS[key], CHART[FAULTS[key].measure]
    low, high = fault.lies
    assert low < high
    assert low >= 1.05 * line.high or high <= line.low / 1.1


def test_ranges_of_one_measurement_do_not_meet():
    for one in FAULTY:
        for other in FAULTY:
            if one < other and FAULTS[one].measure == FAULTS[other].measure:
                (a, b), (c, d) = FAULTS[one].lies, FAULTS[other].lies
                assert b <= c or d <= a


def test_an_unknown_fault_is_named_with_those_there_are():
    with pytest.raises(ValueError, match="Did you mean 'no_kl'.*clean, mean_nll"):
        fault_named("no_lk")
    with pytest.raises(ValueError, match="there is no fault 3"):
        run(3)


def test_all_begin_with_the_same_weights():
    clean = net("clean").state_dict()
    for key in FAULTY:
        own = [value for name, value in net(key).state_dict().items() if "weight" in name and value.dim() == 2]
        assert all(torch.equal(a, b) for a, b in zip(own, [v for v in clean.values() if v.dim() == 2], strict=True))
    assert not torch.equal(next(net("clean", seed=1).parameters()), next(net("clean").parameters()))


# --- the faults are what they say -------------------------------------------------


@pytest.mark.parametrize("key, reconstruction, divergence", [
    ("mean_nll", 1 / 784, 100), ("mean_kl", 100, 1 / 20), ("no_kl", 1, 0), ("beta_50", 1, 50),
])
def test_reductions_weigh_the_terms_as_multiplied_out(x, key, reconstruction, divergence):
    model = net(key)
    nll, kl = (same_noise(lambda *given: elbo_terms(*given)[i], model, x) for i in (0, 1))
    loss = same_noise(FAULTS[key].loss, model, x)
    assert loss == pytest.approx(reconstruction * nll + divergence * kl, rel=1e-5)


@pytest.mark.parametrize("key, divergence", [
    ("sigma_4", lambda mu, s: (mu**2 + s**4 - (s**2).log() - 1) / 2),
    ("wrong_sign", lambda mu, s: (mu**2 + s**2 + (s**2).log() - 1) / 2),
])
def test_broken_divergences_are_those_of_the_slides(x, key, divergence):
    model = net(key)
    with torch.no_grad():
        mu, logvar = model.encoder(x)
    wrong = divergence(mu, (logvar / 2).exp()).sum(1).mean().item()
    assert same_noise(FAULTS[key].loss, model, x) == pytest.approx(
        same_noise(lambda *given: elbo_terms(*given)[0], model, x) + wrong, rel=1e-5)
    assert wrong != pytest.approx(kl_to_standard_normal(mu, logvar).mean().item(), rel=1e-3)


def test_the_wrong_sign_has_no_lower_bound(x):
    losses = [FAULTS["wrong_sign"].loss(with_sigma(net("wrong_sign"), s), x).item() for s in (1, 1e-20, 1e-80)]
    assert losses[0] > 0 > losses[1] > 2 * losses[1] > losses[2]


def test_faulty_draws():
    mu, logvar = torch.randn(500, 20), torch.full((500, 20), -1.0)
    torch.manual_seed(0)
    as_sigma = FAULTS["logvar_as_sigma"].draw(mu, logvar) - mu
    assert as_sigma.std() == pytest.approx(1.0, abs=0.05)  # 10,000 draws: ± 0.7 %; right were 0.61
    together = FAULTS["one_epsilon"].draw(mu, logvar) - mu
    assert torch.allclose(together, together[:1].expand_as(together), atol=1e-6)
    assert together[0].unique().numel() == 20


def test_faulty_networks(x):
    model = net("leaky_heads").eval()
    mu, logvar = model.encoder(x)
    right = net("clean").encoder(x)
    for got, wanted in zip((mu, logvar), right):
        assert torch.allclose(got, F.leaky_relu(wanted, 0.01))
    zeros = net("leaky_heads").train().encoder(x)[0].eq(0).float().mean()
    assert zeros == pytest.approx(0.2, abs=0.05)  # 2,000 draws: ± 0.9 %
    logits = net("block_at_the_end").train()(x)[0]
    assert (logits == 0).float().mean() == pytest.approx(0.5, abs=0.01)  # 78,400 draws: ± 0.2 %
    assert logits.min() > -0.5


def test_targets_above_1_let_the_logit_grow_for_ever():
    target = up_to_16_15(torch.ones(1))
    at = [F.binary_cross_entropy_with_logits(torch.tensor([logit]), target).item() for logit in (5.0, 50.0, 500.0)]
    assert 0 > at[1] > at[2]


def test_in_train_mode_two_encodings_differ_and_the_mode_is_put_back(x):
    fault, model = FAULTS["encode_in_train"], net("encode_in_train").eval()
    (one, _), (two, _) = fault.encode(model, x), fault.encode(model, x)
    assert not torch.equal(one, two) and not any(part.training for part in model.modules())
    right = FAULTS["clean"].encode
    assert torch.equal(right(model.train(), x)[0], right(model, x)[0]) and model.training


# --- the measurements are right ---------------------------------------------------


@pytest.mark.parametrize("key, beta", [("mean_nll", 784 * 100), ("mean_kl", 1 / 2000), ("no_kl", 0), ("beta_50", 50)])
def test_beta_is_read_off_the_loss(x, key, beta):
    assert measure.beta(net(key), FAULTS[key], x) == pytest.approx(beta, rel=1e-3, abs=1e-9)


@pytest.mark.parametrize("key", [key for key in FAULTS if FAULTS[key].measure != "beta" or key == "clean"])
def test_beta_is_1_wherever_it_is_something_else_that_is_wrong(x, key):
    fault = FAULTS[key]
    assert measure.beta(net(key), fault, fault.data(x)) == pytest.approx(1, rel=1e-3)


def test_sigma_at_rest(x):
    at = {key: measure.rest_sigma(net(key), FAULTS[key], x) for key in BROKEN_LOSS}
    assert at["sigma_4"] == pytest.approx(2**-0.25, abs=0.0026)  # half a step
    assert at["wrong_sign"] == pytest.approx(0.02) and math.isnan(at["no_kl"])
    assert all(at[key] == pytest.approx(1) for key in ("mean_nll", "mean_kl", "beta_50"))


@pytest.mark.parametrize("sigma", [1e-30, 0.1, 2.0])
def test_noise_is_1_whatever_sigma_is(x, sigma):
    """A draw's root mean square over 16 has its median 2 % below 1."""
    clean = FAULTS["clean"]
    assert measure.noise(with_sigma(net("clean"), sigma), clean, x) == pytest.approx(0.98, abs=0.03)
    model = with_sigma(net("logvar_as_sigma"), 0.1)
    assert measure.noise(model, clean, x) == pytest.approx(0.98 * -2 * math.log(0.1) / 0.1, rel=-math.log(0.97))


def test_spread_and_least_sigma(x):
    clean, model = FAULTS["clean"], with_sigma(net("clean"), 3.0)
    mu = clean.encode(model, x)[0]
    torch.manual_seed(0)
    # 2,000 draws of z² at σ = 3: ± 3 %
    assert measure.spread(model, clean, x) == pytest.approx((9 + mu.square().mean()).sqrt().item(), rel=0.08)
    assert measure.least_sigma(model, clean, x) == pytest.approx(3, rel=1e-5)


def test_half_of_the_variance_lies_below_zero_unless_it_is_cut_off(x):
    torch.manual_seed(0)
    mu = torch.randn(5_000, 20)
    clean, codes = FAULTS["clean"], {"normal": mu, "leaky": F.leaky_relu(mu, 0.01), "shrunk": 1e-6 * mu}
    share = {name: measure.below_zero(None, replace(clean, encode=lambda *_: (code, code)), x)
             for name, code in codes.items()}
    assert share["normal"] == pytest.approx(0.5, abs=0.02) == share["shrunk"]
    assert share["leaky"] == pytest.approx(1e-4, rel=0.1)  # 0.01²


def test_active_units_are_those_whose_mean_moves(x):
    clean, model = FAULTS["clean"], net("clean")
    head = model.encoder[-1].mu
    torch.nn.init.zeros_(head.weight)
    assert measure.active(model, clean, x) == 0
    torch.nn.init.constant_(head.weight[:3], 1.0)
    assert measure.active(model, clean, x) == 3


def test_one_epsilon_for_many_images_multiplies_the_variance_of_the_gradient(x):
    """Of one image alone it changes nothing; of a linear function of N ε's alike it would be N times."""
    shared, right = FAULTS["one_epsilon"], FAULTS["clean"]
    assert measure.gradient_noise(net("one_epsilon"), shared, x) > 5
    assert 0.5 < measure.gradient_noise(net("clean"), right, x) < 2
    assert 0.5 < measure.gradient_noise(net("one_epsilon"), shared, x[:1]) < 2


@pytest.mark.parametrize("key", ["clean", "block_at_the_end"])
def test_measuring_changes_nothing(x, key):
    """The block's batch norm would move its averages in train mode."""
    fault, model = FAULTS[key], net(key).eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    torch.manual_seed(3)
    state = torch.get_rng_state()
    first, again = (examine(model, fault, x) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), state)
    assert list(first) == list(CHART) and str(first) == str(again)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert model.draw is fault.draw and not model.training


# --- the patients -----------------------------------------------------------------


def test_a_patient_is_whole_and_comes_again_bit_for_bit(digits):
    torch.manual_seed(3)
    state = torch.get_rng_state()
    one, two = (run("sigma_4", digits, epochs=2) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), state)
    assert one.history.steps == two.history.steps and str(one.chart) == str(two.chart)
    assert len(one.history.steps) == 4 and len(one.nll) == len(one.kl) == 2
    assert one.samples.shape == one.rebuilt.shape == one.originals.shape == (10, 1, 28, 28)
    assert len(one.kl_per_latent) == 20 and one.ended == ""
    assert repr(one) == "Patient"
    assert one.model.draw is sample and not one.model.training


def test_terms_are_told_by_the_right_formulas(digits):
    patient = run("mean_nll", digits, epochs=1)
    with torch.no_grad():
        _, kl = elbo_terms(patient.model, digits.as_float())
    assert patient.kl[-1] == pytest.approx(kl.item(), rel=1e-3)
    assert patient.history.steps[0] < 100 < patient.nll[-1]


def test_a_loss_that_leaves_the_numbers_is_a_result(digits, monkeypatch):
    monkeypatch.setattr("vae_helpers.clinic.patient.LR", 1e30)
    patient = run("wrong_sign", digits, epochs=3)
    assert patient.ended and patient.history.steps and list(patient.chart) == list(CHART)
    assert outside(patient.chart)


def test_images_and_small_splits_are_taken(x):
    assert run("clean", x[:40], epochs=1).originals.shape == (10, 1, 28, 28)
    assert run("one_epsilon", load("digits8").train.subset(60), epochs=1).samples.shape == (10, 1, 8, 8)


def test_one_fault_is_told_from_a_healthy_one_in_a_second(digits):
    assert suspects(run("bright_targets", digits, epochs=1).chart) == ["bright_targets"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_each_measurement_separates_its_fault_from_health_and_from_all_others(seed):
    """In each chart exactly the patient's own fault is found; the gap between the two ranges is the margin."""
    split = load("pen").train
    charts = {key: run(key, split, seed).chart for key in FAULTS}
    assert {key: suspects(chart) for key, chart in charts.items()} == {key: [key] for key in FAULTS}
    assert outside(charts["clean"]) == []
    for key in FAULTY:
        assert FAULTS[key].measure in outside(charts[key])
