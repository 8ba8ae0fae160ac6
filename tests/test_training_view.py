"""A live view of a run: what it shows, that it changes nothing, and that the learner's hand is obeyed."""

import json
import threading

import numpy as np
import pytest
import torch

from vae_helpers.data import load
from vae_helpers.losses import kl_per_latent
from vae_helpers.models import build, encode
from vae_helpers.training import fit, negative_elbo
from vae_helpers.widgets import TrainingView


@pytest.fixture(scope="module")
def digits():
    data = load("pen")
    return data.train.subset(600), data.test.subset(300)


def model(preset="vae2", **how):
    torch.manual_seed(0)
    return build(preset, **how)


class Gate:
    """A second live callback: holds the training after its first step until it is opened."""

    def __init__(self):
        self.there, self.go = threading.Event(), threading.Event()

    def start(self, run):
        self.run = run

    def after_step(self, run):
        if run.steps_done == 1:
            self.there.set()
            self.go.wait(60)


def curves(view):
    return np.frombuffer(view.curves, "<f4").reshape(len(view.names) + 1, -1)


def test_before_the_run_it_shows_the_test_images(digits):
    view = TrainingView(digits[1])
    assert view.state == "waiting" and "fit(" in view.message
    assert view.shape == [1, 28, 280]
    originals = torch.cat(list(digits[1].as_float(slice(10))), dim=2)
    shown = torch.frombuffer(bytearray(view.sheet), dtype=torch.uint8).view(1, 28, 280)
    assert torch.equal(shown, (originals * 255).round().byte())
    assert repr(view) == "TrainingView"


def test_after_the_run_it_shows_what_the_model_gives(digits):
    net, view = model(), TrainingView(digits[1], classes="abcdefghij")
    history = fit(net, digits[0], 2, callbacks=[view]).wait()
    assert view.state == "finished" and "10 of 10" in view.message and view.has_beta
    x = digits[1].as_float(slice(500))
    with torch.no_grad():
        kl = kl_per_latent(*net.encoder(x)).mean(0)
    assert view.kl == pytest.approx(kl.tolist(), rel=1e-5)
    cloud = torch.from_numpy(np.frombuffer(view.cloud, "<f4").copy()).view(-1, 2)
    assert view.axes == [0, 1] and torch.allclose(cloud, encode(net, x), atol=1e-6)
    assert view.shape == [1, 56, 280]
    assert view.classes == list("abcdefghij")
    table = curves(view)
    assert table.shape == (3, 10)
    assert np.allclose(table[1] + table[2], history.steps, rtol=1e-4)


@pytest.mark.parametrize("preset, names", [("vae", 2), ("mlp", 1), ("conv_vae", 2)])
def test_a_run_under_it_ends_where_it_ends_without(digits, preset, names):
    """conv_vae has batch norm: an encoding in train mode would move its averages."""
    few = digits[0].subset(200)
    alone, watched = model(preset), model(preset)
    view = TrainingView(digits[1])
    view.after_step = lambda run: view._show(pictures=True)  # at every step, not every half second
    without = fit(alone, few, 2, progress=False)
    under = fit(watched, few, 2, callbacks=[view]).wait()
    assert len(view.names) == names
    assert without.steps == under.steps
    assert all(torch.equal(a, b) for a, b in zip(alone.state_dict().values(), watched.state_dict().values()))


def test_of_many_latents_the_two_of_largest_kl_make_the_cloud(digits):
    view = TrainingView(digits[1])
    fit(model("vae", latent_dim=5), digits[0], 1, callbacks=[view]).wait()
    assert view.axes == sorted(np.argsort(view.kl)[-2:].tolist())


def test_a_long_curve_is_sent_as_means(digits):
    view = TrainingView(digits[1])
    history = fit(model("mlp", latent_dim=2), digits[0].subset(100), 6, batch_size=2, callbacks=[view]).wait()
    table = curves(view)
    assert len(history.steps) == 300 and table.shape == (2, 240) and table[0, -1] == 300
    steps = np.diff(np.concatenate([[0], table[0]]))
    assert (table[1] * steps).sum() / 300 == pytest.approx(np.mean(history.steps), rel=1e-4)


def test_its_buttons_pause_step_resume_and_stop(digits):
    gate, view = Gate(), TrainingView(digits[1])
    history = fit(model(), digits[0], 50, callbacks=[view, gate])
    assert gate.there.wait(60)
    rested = threading.Event()
    view.idle = lambda run: rested.set()
    view._obey("pause")
    gate.go.set()
    assert rested.wait(60) and gate.run.paused
    view._obey("step")
    assert gate.run.paused
    view._obey("resume")
    assert not gate.run.paused
    view._obey("stop")
    history.wait()
    assert history.interrupted and view.state == "stopped" and "Stopped at step" in view.message
    view._obey("resume")  # after the end: nothing
    view._obey("dance")
    assert view.state == "stopped"


def test_beta_reaches_the_run_and_only_a_good_one(digits):
    gate, view = Gate(), TrainingView(digits[1])
    history = fit(model(), digits[0], 1, callbacks=[view, gate])
    assert gate.there.wait(60) and view.beta == 1
    with pytest.raises(ValueError, match="0 or more"):
        view.beta = -1.0
    view.beta = 4.0
    assert gate.run.beta == 4.0
    gate.go.set()
    history.wait()
    assert history.beta == 4.0
    nll, kl = (torch.tensor(values) for values in gate.run.losses_since()[1:])
    assert torch.tensor(history.steps)[1:] == pytest.approx((nll + 4 * kl)[1:], rel=1e-4)


def test_it_takes_the_runs_beta_as_its_own(digits):
    view = TrainingView(digits[1])
    fit(model(), digits[0], 1, beta=0.5, callbacks=[view]).wait()
    assert view.beta == 0.5


def test_an_error_is_told_in_the_view_too(digits):
    net, view = model(), TrainingView(digits[1])
    with torch.no_grad():
        net.decoder[0].weight[0, 0] = float("nan")
    with pytest.raises(FloatingPointError):
        fit(net, digits[0], 1, callbacks=[view]).wait()
    assert view.state == "failed" and "nan" in view.message


def test_one_view_for_one_run_at_a_time(digits):
    gate, view = Gate(), TrainingView(digits[1])
    history = fit(model(), digits[0], 1, callbacks=[view, gate])
    assert gate.there.wait(60)
    with pytest.raises(ValueError, match="another, TrainingView"):
        fit(model(), digits[0], 1, callbacks=[view]).wait()
    gate.go.set()
    history.wait()
    fit(model(), digits[0], 1, callbacks=[view]).wait()  # the next one is welcome
    assert view.state == "finished" and curves(view).shape == (3, 5)


def test_a_second_run_shows_nothing_of_the_first(digits):
    view = TrainingView(digits[1])
    fit(model("vae"), digits[0], 1, callbacks=[view]).wait()
    assert len(view.kl) == 20 and view.has_beta
    fit(model("mlp2"), digits[0], 1, callbacks=[view]).wait()
    assert view.kl == [] and view.axes == [0, 1] and not view.has_beta
    assert curves(view).shape == (2, 5)


def test_a_vae_with_a_loss_of_its_own_has_bars_and_no_beta(digits):
    view = TrainingView(digits[1])
    fit(model(), digits[0], 1, loss_fn=lambda model, x: negative_elbo(model, x), callbacks=[view]).wait()
    assert len(view.kl) == 2 and not view.has_beta and view.names == ["loss (<lambda>)"]


def test_a_run_that_has_left_the_numbers_sends_none_that_json_lacks(digits):
    net, view = model(), TrainingView(digits[1])
    with torch.no_grad():
        net.encoder[1].weight[0, 0] = float("nan")
    with pytest.raises(FloatingPointError):
        fit(net, digits[0], 1, callbacks=[view]).wait()
    assert view.kl == [] and view.cloud == b"" and view.state == "failed"
    json.dumps({name: value for name, value in view.get_state().items() if isinstance(value, list)}, allow_nan=False)


def test_with_one_latent_there_is_no_cloud_and_no_error(digits):
    view = TrainingView(digits[1])
    fit(model("vae", latent_dim=1), digits[0], 1, callbacks=[view]).wait()
    assert view.axes == [] and len(view.kl) == 1 and view.state == "finished"


def test_images_of_another_size_are_refused(digits):
    view = TrainingView(torch.rand(5, 1, 8, 8))
    with pytest.raises(ValueError, match=r"\(1, 8, 8\), the model takes \(1, 28, 28\)"):
        fit(model(), digits[0], 1, callbacks=[view]).wait()


def test_what_the_browser_asks_for_is_refused_if_it_is_no_beta(digits):
    view = TrainingView(digits[1])
    with pytest.raises(ValueError, match="0 or more"):
        view.set_state({"beta": -1.0})
    assert view.beta == 1.0


def test_its_picture_is_drawn_while_the_training_goes_on(digits):
    gate, view = Gate(), TrainingView(digits[1])
    history = fit(model(), digits[0], 1, callbacks=[view, gate])
    assert gate.there.wait(60)
    data, metadata = view._repr_mimebundle_()
    assert "image/png" in data and "rebuilt" in metadata["image/png"]["alt"]
    gate.go.set()
    history.wait()


def test_a_tensor_will_do_and_bad_pixels_will_not(digits):
    TrainingView(digits[1].as_float())
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        TrainingView(2 * digits[1].as_float())
