"""``fit`` in a thread under a live callback: the same run, which can be paused, stepped, stopped and steered."""

import copy
import dataclasses
import functools
import json
import math
import pickle
import queue
import signal
import subprocess
import sys
import threading
import time

import pytest
import torch
from torch import nn

from vae_helpers.history import History as HistoryAtHome
from vae_helpers.models import build
from vae_helpers.runs import let_idle_threads_go
from vae_helpers.training import History, Run, fit, negative_elbo, reconstruction_loss

SHAPE = (1, 8, 8)
PATIENCE = 60  # seconds until a test gives up on a thread; no test takes them

run_fit = functools.partial(fit, batch_size=20, progress=False)


def net(preset="vae2", **how):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build(preset, shape=SHAPE, **how)


@pytest.fixture
def images():
    """Fifty images: with a batch size of 20 the last of three batches is half as large."""
    return torch.rand(50, *SHAPE, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def test_images():
    return torch.rand(30, *SHAPE, generator=torch.Generator().manual_seed(1))


def weights(model):
    return torch.cat([tensor.detach().double().flatten() for tensor in model.state_dict().values()])


def no_time(history):
    return dataclasses.replace(history, seconds=0.0)


class View:
    """A live callback that notes what it is told; with ``paused`` the run rests before its first step."""

    def __init__(self, paused=True, after_step=None):
        self.paused, self.look, self.told, self.rests = paused, after_step, [], queue.Queue()

    def start(self, run):
        self.run = run
        self.told.append("start")
        if self.paused:
            run.pause()

    def after_step(self, run):
        self.told.append(f"step {run.steps_done}")
        if self.look:
            self.look(run)

    def idle(self, run):
        self.rests.put(run.steps_done)

    def __call__(self, model, history):
        self.told.append(f"epoch {len(history.train)}")

    def end(self, run):
        self.told.append("end")

    def rest(self):
        """Wait until the run rests; the number of its steps then."""
        return self.rests.get(timeout=PATIENCE)


class Gate:
    """A live callback that holds its run at the start until ``go`` is set."""

    def __init__(self):
        self.go = threading.Event()

    def start(self, run):
        self.thread = threading.current_thread()
        assert self.go.wait(PATIENCE)


@pytest.fixture(autouse=True)
def no_thread_is_left():
    yield
    assert [thread.name for thread in threading.enumerate() if thread.name == "fit"] == []


def fails_at(step):
    def look(run):
        if run.steps_done == step:
            raise RuntimeError("the view broke")

    return look


# --- the thread


def test_fit_returns_while_the_thread_trains(images):
    gate, model = Gate(), net()
    history = run_fit(model, images, 2, callbacks=[gate])
    assert history.steps == [] and repr(history) == "History: training; wait() waits for the end"
    gate.go.set()
    assert history.wait() is history
    assert len(history.steps) == 6 and len(history.train) == 2 and not history.interrupted and history.seconds > 0
    assert gate.thread is not threading.main_thread() and not gate.thread.daemon and not gate.thread.is_alive()
    assert not any(module.training for module in model.modules())


@pytest.mark.parametrize("preset, how", [("vae2", {"beta": 4}), ("conv", {}), ("conv_vae", {})])
def test_the_run_is_that_of_fit_without_a_view_to_the_bit(images, test_images, preset, how):
    def trained(**more):
        model = net(preset, as_published=True)  # with batch norm and dropout, where it has them
        before = torch.get_rng_state()
        history = run_fit(model, images, 3, test=test_images, seed=7, **how, **more).wait()
        assert torch.equal(before, torch.get_rng_state())
        return model, history

    (alone, expected), (seen, history) = trained(), trained(callbacks=[View(paused=False)])
    assert torch.equal(weights(alone), weights(seen))
    assert no_time(history) == no_time(expected) and repr(history) == repr(expected)


@pytest.mark.parametrize("tidy", [True, False])
@pytest.mark.parametrize("preset", ["conv", "conv_vae"])
def test_a_view_that_looks_through_the_model_does_not_change_the_run(images, test_images, preset, tidy):
    def look(run):
        run.model.eval()
        with torch.no_grad():
            run.model.encoder(test_images)
            run.model(test_images)
            torch.randn(3)
        if tidy:
            run.model.train()

    alone, seen = net(preset, as_published=True), net(preset, as_published=True)
    first = run_fit(alone, images, 2)
    second = run_fit(seen, images, 2, callbacks=[View(paused=False, after_step=look)]).wait()
    assert first.steps == second.steps and torch.equal(weights(alone), weights(seen))


def test_the_hooks_in_their_order(images):
    view, other, states = View(paused=False), [], []
    view.end = lambda run: states.append((run.finished, run.model.training, len(run.history.train)))
    run_fit(net(), images, 2, callbacks=[view, lambda model, history: other.append(list(view.told))]).wait()
    steps = ["start", "step 1", "step 2", "step 3", "epoch 1", "step 4", "step 5", "step 6", "epoch 2"]
    assert view.told == steps
    assert other == [steps[:5], steps], "a callback that is not live is called after each epoch, as ever"
    assert states == [(True, False, 2)]


def test_a_live_callback_needs_start_alone(images):
    class Bare:
        def start(self, run):
            self.run = run

    bare = Bare()
    history = run_fit(net(), images, 1, callbacks=[bare])
    assert len(history.wait().steps) == 3
    assert isinstance(bare.run, Run) and bare.run.history is history and bare.run.finished
    assert (bare.run.epochs, bare.run.total_steps, bare.run.steps_done) == (1, 3, 3)


def test_no_epochs(images):
    view = View(paused=False)
    assert run_fit(net(), images, 0, callbacks=[view]).wait().steps == []
    assert view.told == ["start", "end"]


def test_nothing_is_printed(images, capfd):
    fit(net(), images, 2, batch_size=20, callbacks=[View(paused=False)]).wait()
    assert capfd.readouterr() == ("", ""), "the view is the progress"


@pytest.mark.parametrize("wrong", [{"epochs": -1}, {"beta": -1}, {"lr": -1}, {"split": torch.rand(4, 3, 8, 8)}])
def test_what_fit_refuses_it_refuses_at_once(images, wrong):
    view = View()
    with pytest.raises(ValueError):
        run_fit(net(), **{"split": images, "epochs": 1} | wrong, callbacks=[view])
    assert view.told == []


def test_wait_returns_at_once_where_nothing_trains(images):
    history = run_fit(net(), images, 1)
    assert history.wait() is history and History().wait() == History()
    ended = run_fit(net(), images, 1, callbacks=[View(paused=False)]).wait()
    assert ended.wait() is ended


# --- pause, step, resume, stop


def test_pause_step_and_resume(images):
    view, model, begin = View(), net(), time.perf_counter()
    history = run_fit(model, images, 2, callbacks=[view])
    assert view.rest() == 0 and view.run.paused and history.steps == []
    assert repr(history) == "History: paused at step 0 of 6"
    for step in (1, 2, 3, 4):
        assert not model.training, "in a pause the model is there to be looked at"
        view.run.step()
        assert view.rest() == step == len(history.steps)
    assert len(history.train) == 1 and repr(history) == "History: paused at step 4 of 6"
    view.run.resume()
    assert len(history.wait().steps) == 6 and not view.run.paused
    assert view.run._rested > 0, "seconds do not count the pauses"
    assert history.seconds + view.run._rested < time.perf_counter() - begin


def test_several_steps_at_once(images):
    view = View()
    history = run_fit(net(), images, 2, callbacks=[view])
    view.rest()
    with view.run._change:  # so that the thread sees both at once
        view.run.step()
        view.run.step()
    assert view.rest() in (1, 2)
    assert view.run.steps_done == 2 or view.rest() == 2
    assert len(history.wait().steps) == 6


def test_a_pause_begins_after_the_step_in_progress(images):
    view = View(paused=False, after_step=lambda run: run.pause() if run.steps_done in (2, 5) else None)
    history = run_fit(net(), images, 2, callbacks=[view])
    assert view.rest() == 2
    view.run.resume()
    assert view.rest() == 5
    history.wait()


def test_pauses_and_what_is_done_in_them_do_not_change_the_run(images, test_images):
    alone, seen, view = net("conv_vae", as_published=True), net("conv_vae", as_published=True), View()
    expected = run_fit(alone, images, 2)
    history = run_fit(seen, images, 2, callbacks=[view])
    for _ in range(5):
        view.rest()
        torch.manual_seed(5)
        with torch.no_grad():
            seen(test_images)
        view.run.step()
    view.rest()
    assert no_time(history.wait()) == no_time(expected) and torch.equal(weights(alone), weights(seen))


@pytest.mark.parametrize("step", [0, 1, 2, 3, 4])
def test_stop_in_a_pause_ends_the_run_without_a_further_step(images, step, capsys):
    view, model = View(), net()
    history = run_fit(model, images, 2, callbacks=[view])
    view.rest()
    for _ in range(step):
        view.run.step()
        view.rest()
    view.run.stop()
    history.wait()
    assert history.interrupted and view.run.stopped and not view.run.paused
    assert len(history.steps) == step and len(history.train) == step // 3
    assert not model.training and view.told[-1] == "end"
    assert capsys.readouterr().out == "", "it is the view that tells"


def test_stop_while_it_trains(images):
    alone, seen = net("conv_vae"), net("conv_vae")
    whole = run_fit(alone, images, 2)
    view = View(paused=False, after_step=lambda run: run.stop() if run.steps_done == 4 else None)
    history = run_fit(seen, images, 2, callbacks=[view]).wait()
    assert history.interrupted and history.steps == whole.steps[:4] and history.images == 50 + 20
    assert "stopped early" in repr(history)


def test_stop_after_the_last_step_comes_too_late(images):
    view = View(paused=False, after_step=lambda run: run.stop() if run.steps_done == 6 else None)
    history = run_fit(net(), images, 2, callbacks=[view]).wait()
    assert not history.interrupted and len(history.train) == 2 and view.run.stopped


def test_after_the_end_the_handle_does_nothing(images):
    view = View(paused=False)
    history = run_fit(net(), images, 1, callbacks=[view]).wait()
    said = repr(history)
    for method in (view.run.pause, view.run.step, view.run.resume, view.run.stop):
        method()
    assert not view.run.paused and repr(history) == said and view.run.wait() is history


# --- wait


def test_wait_lets_a_paused_run_go_on_and_no_pause_holds_it_up(images):
    awaited = []
    view = View(after_step=lambda run: (run.pause(), awaited.append(run.awaited)))
    history = run_fit(net(), images, 2, callbacks=[view])
    view.rest()
    assert not view.run.awaited
    assert len(history.wait().steps) == 6 and awaited == [True] * 6 and not view.run.awaited


def test_wait_for_a_time(images):
    go = threading.Event()
    view = View(paused=False, after_step=lambda run: run.steps_done == 1 and go.wait(PATIENCE) and run.pause())
    history = run_fit(net(), images, 1, callbacks=[view])
    run = history._run
    assert run.wait(timeout=0.01) is history and not run.finished
    go.set()
    assert view.rest() == 1, "nobody waits any more, so it can be paused"
    assert run.wait(timeout=PATIENCE) is history and run.finished


@pytest.fixture
def ctrl_c():
    """Ctrl-C raises KeyboardInterrupt, as in a terminal and in a kernel; a shell's background jobs ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_in_wait_stops_the_run(images, capsys):
    def look(run):
        if run.steps_done == 4:
            signal.raise_signal(signal.SIGINT)  # Python hands it to the main thread
            assert run._stop.wait(PATIENCE)

    view = View(after_step=look)
    history = run_fit(net(), images, 3, callbacks=[view])
    view.rest()  # so that it trains only while wait() waits
    assert history.wait() is history
    assert history.interrupted and len(history.steps) == 4
    assert capsys.readouterr().out.startswith("Stopped after 4 steps, 1 of 3 epochs whole: weights and history")


@pytest.mark.usefixtures("ctrl_c")
def test_a_second_ctrl_c_in_wait_leaves_a_step_that_hangs(images):
    hangs = threading.Event()

    def look(run):
        for _ in range(2):
            signal.raise_signal(signal.SIGINT)  # Python hands it to the main thread
            assert run._stop.wait(PATIENCE)
        assert hangs.wait(PATIENCE)

    view = View(after_step=look)
    history = run_fit(net(), images, 1, callbacks=[view])
    view.rest()
    with pytest.raises(KeyboardInterrupt):
        history.wait()
    hangs.set()
    assert history.wait().interrupted and len(history.steps) == 1


def test_a_callback_cannot_wait_for_its_own_run(images):
    view = View(after_step=lambda run: run.history.wait())
    with pytest.raises(RuntimeError, match="cannot wait"):
        run_fit(net(), images, 1, callbacks=[view]).wait()


# --- β


def test_beta_acts_from_the_next_step_on(images, test_images):
    view, model = View(), net()
    nn.init.ones_(model.encoder[-1].mu.bias)  # away from the prior, so that the KL is felt
    history = run_fit(model, images, 3, test=test_images, beta=0.5, lr=1e-4, callbacks=[view])
    betas = [0.5, 0.5, 8, 8, 8, 8, 0, 2, 2]
    for beta in betas:
        view.rest()
        view.run.beta = beta
        view.run.step()
    history.wait()
    loss, nll, kl = view.run.losses_since(0)
    assert loss == history.steps and len(nll) == len(kl) == 9 and min(kl) > 0.1
    assert loss == pytest.approx([n + b * k for n, b, k in zip(nll, betas, kl)], rel=1e-6)
    assert history.beta == view.run.beta == 2 and history.betas[1] == 8
    assert 0.5 < history.betas[0] < 8 and 0 < history.betas[2] < 2
    for terms in ("train", "nll", "kl"), ("test", "test_nll", "test_kl"):
        sums, nlls, kls = (getattr(history, name) for name in terms)
        assert sums == pytest.approx([n + b * k for n, b, k in zip(nlls, history.betas, kls)], rel=1e-6)
    assert f"= {history.nll[-1]:.2f} nll + {history.betas[-1]:g} · {history.kl[-1]:.2f} KL" in repr(history)


def test_beta_in_the_middle_is_the_mean_that_the_kl_weighs(images):
    view = View()
    history = run_fit(net(), images, 1, callbacks=[view])
    for beta in (1, 3, 10):
        view.rest()
        view.run.beta = beta
        view.run.step()
    history.wait()
    kl = view.run.losses_since()[2]
    weight = [20 * kl[0], 20 * kl[1], 10 * kl[2]]
    assert history.betas == pytest.approx([(weight[0] + 3 * weight[1] + 10 * weight[2]) / sum(weight)])


@pytest.mark.parametrize("beta", [0, 0.1, 4])
def test_without_a_view_each_epoch_has_that_very_beta(images, beta):
    history = run_fit(net(), images, 2, beta=beta)
    assert history.betas == [beta, beta] and history.beta == beta


@pytest.mark.parametrize("bad", [-1, math.nan, math.inf, -math.inf])
def test_a_beta_that_makes_no_sense(images, bad):
    view = View()
    history = run_fit(net(), images, 1, beta=2, callbacks=[view])
    view.rest()
    with pytest.raises(ValueError, match="beta must be 0 or more, and finite"):
        view.run.beta = bad
    assert view.run.beta == 2 and history.wait().betas == [2]


@pytest.mark.parametrize(
    "preset, how, said",
    [("mlp2", {}, "the loss of this Autoencoder"), ("vae2", {"loss_fn": negative_elbo}, "your loss_fn")],
)
def test_no_beta_where_no_kl_is(images, preset, how, said):
    view = View()
    history = run_fit(net(preset), images, 1, callbacks=[view], **how)
    view.rest()
    with pytest.raises(ValueError, match=f"{said} has no such term"):
        view.run.beta = 2
    assert history.wait().betas == [] and view.run.losses_since()[1:] == ([], [])


def test_the_losses_since_a_step(images):
    pieces, seen = [], []

    def look(run):
        if run.steps_done in (2, 5, 6):
            pieces.append(run.losses_since(len(seen)))
            seen.extend(pieces[-1][0])

    history = run_fit(net(), images, 2, callbacks=[View(paused=False, after_step=look)]).wait()
    assert [[len(one) for one in piece] for piece in pieces] == [[2] * 3, [3] * 3, [1] * 3]
    assert seen == history.steps and all(isinstance(loss, float) for loss in seen)


# --- errors


def test_a_loss_that_is_no_number_arrives_at_wait(images):
    calls = iter(range(1, 100))

    def loss_fn(model, x):
        return reconstruction_loss(model, x) * (math.nan if next(calls) == 5 else 1)

    view, model = View(), net("mlp2")
    history = run_fit(model, images, 3, loss_fn=loss_fn, callbacks=[view])
    view.rest()
    with pytest.raises(FloatingPointError, match="nan at step 2 of epoch 2") as caught:
        history.wait()
    assert caught.value is view.run.error and caught.value.history is history and len(history.train) == 1
    assert view.run.finished and view.told[-1] == "end" and not model.training
    with pytest.raises(FloatingPointError):
        history.wait()


@pytest.mark.parametrize("name, steps", [("start", 0), ("idle", 0), ("after_step", 1), ("__call__", 3), ("end", 3)])
def test_an_error_in_a_hook_ends_the_run_and_arrives_at_wait(images, name, steps, monkeypatch):
    printed = []
    monkeypatch.setattr(threading, "excepthook", printed.append)

    class Broken(View):
        pass

    def broken(self, *_):
        for _ in range(100 * PATIENCE):
            if history._run.awaited:
                break
            pause.wait(0.01)
        raise RuntimeError("the view broke")

    pause = threading.Event()
    setattr(Broken, name, broken)
    other = View(paused=name == "idle")
    gate = Gate()
    history = run_fit(net(), images, 1, callbacks=[gate, other, Broken(paused=False)])
    gate.go.set()
    if name == "idle":
        other.rest()
    with pytest.raises(RuntimeError, match="the view broke") as caught:
        history.wait()
    assert caught.value.history is history and len(history.steps) == steps and other.told[-1] == "end"
    assert printed == [], "it is told once"


def test_an_error_that_nobody_waits_for_is_printed(images, monkeypatch):
    printed = []
    monkeypatch.setattr(threading, "excepthook", lambda what: printed.append(what.exc_value))
    view = View(paused=False, after_step=fails_at(2))
    history = run_fit(net(), images, 1, callbacks=[view])
    history._run._thread.join()
    assert printed == [view.run.error] and "the view broke" in str(printed[0])
    with pytest.raises(RuntimeError, match="the view broke"):
        history.wait()


def test_an_error_at_the_end_does_not_hide_that_of_the_training(images):
    view = View(after_step=fails_at(1))
    view.end = lambda run: 1 / 0
    history = run_fit(net(), images, 1, callbacks=[view])
    view.rest()
    with pytest.raises(RuntimeError, match="the view broke"):
        history.wait()


@pytest.mark.parametrize("callbacks", [(), [View(paused=False)]])
def test_a_model_that_is_being_trained_is_not_trained_twice(images, callbacks):
    view, model = View(), net()
    history = run_fit(model, images, 1, callbacks=[view])
    view.rest()
    with pytest.raises(RuntimeError, match=r"this VAE is being trained already: call wait\(\)"):
        run_fit(model, images, 1, callbacks=callbacks)
    other = run_fit(net(), images, 1)
    assert no_time(history.wait()) == no_time(other)
    assert len(run_fit(model, images, 1, callbacks=callbacks).wait().steps) == 3


# --- the history


def test_a_history_is_saved_copied_and_compared_without_its_run(images, tmp_path):
    view = View()
    history = run_fit(net(), images, 2, beta=4, callbacks=[view])
    view.rest()
    view.run.step()
    view.rest()
    for again in (
        History.load(history.save(tmp_path / "history.json")),
        copy.deepcopy(history),
        pickle.loads(pickle.dumps(history)),
        dataclasses.replace(history),
    ):
        assert again == history and again.wait() is again and len(again.steps) == 1
        assert repr(again) == "History: 0 epochs, 1 step"
    history.wait()
    again = History.load(history.save(tmp_path / "history.json"))
    assert again == history and again.betas == [4, 4] and repr(again) == repr(history)


def test_a_history_of_before_there_were_betas_is_read(images, tmp_path):
    history = run_fit(net(), images, 2, beta=4)
    old = dataclasses.asdict(history)
    del old["betas"]
    (tmp_path / "history.json").write_text(json.dumps(old))
    again = History.load(tmp_path / "history.json")
    assert again == dataclasses.replace(history, betas=[]) and repr(again) == repr(history)
    assert History is HistoryAtHome


# --- Python's end

SCRIPT = """
import threading, torch
from vae_helpers.models import build
from vae_helpers.training import fit

class View:
    def __init__(self, paused):
        self.paused, self.there = paused, threading.Event()
    def start(self, run):
        if self.paused:
            run.pause()
    def after_step(self, run):
        self.there.set()
    idle = after_step
    def end(self, run):
        print(run.history.interrupted, run.error)

for paused in (True, False):
    view = View(paused)
    fit(build("mlp2", shape=(1, 8, 8)), torch.rand(50, 1, 8, 8), 10**6, callbacks=[view])
    view.there.wait()
"""


def test_python_ends_though_a_run_trains_and_another_is_paused():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=PATIENCE)
    assert (done.returncode, done.stdout, done.stderr) == (0, "True None\n" * 2, "")


def test_torch_computes_on_after_its_idle_threads_have_gone():
    a = torch.randn(400, 400, generator=torch.Generator().manual_seed(0))
    before, threads = a @ a, torch.get_num_threads()
    for _ in range(3):
        let_idle_threads_go()
        assert torch.equal(a @ a, before)
    assert torch.get_num_threads() == threads
