"""A run that goes on from its checkpoint ends to the bit where one without a break ends; bad files change nothing."""

import dataclasses
import functools
import json
import os
import pickle
import queue
import signal
import subprocess
import sys

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from vae_helpers import checkpoints
from vae_helpers import weights as weight_files
from vae_helpers.checkpoints import CheckpointError
from vae_helpers.data import Split
from vae_helpers.losses import gaussian_nll
from vae_helpers.models import build
from vae_helpers.training import fit, reconstruction_loss

SHAPE = (1, 8, 8)


def net(preset="vae2", seed=0, **how):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build(preset, **{"shape": SHAPE, "as_published": True} | how)


IMAGES = torch.rand(50, *SHAPE, generator=torch.Generator().manual_seed(0))  # three batches, the last half as large
TEST = torch.rand(30, *SHAPE, generator=torch.Generator().manual_seed(1))

run = functools.partial(fit, batch_size=20, progress=False)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.safetensors"


def weights(model):
    return torch.cat([tensor.detach().double().flatten() for tensor in model.state_dict().values()])


def same(first, second):
    """Whether two (model, history) ended alike, to the bit, seconds aside."""
    (a, one), (b, two) = first, second
    return torch.equal(weights(a), weights(b)) and dataclasses.replace(one, seconds=two.seconds) == two


class StopAt:
    """A loss or a hook that sends Ctrl-C in that forward pass in train mode (from 1)."""

    def __init__(self, model, step):
        self.calls, self.step = 0, step
        model.register_forward_hook(self)

    def __call__(self, model, args, output):
        self.calls += model.training
        if model.training and self.calls == self.step:
            signal.raise_signal(signal.SIGINT)


def sigma_half(logits, x):
    return gaussian_nll(logits.sigmoid(), x, 0.5)


RUNS = [
    pytest.param("vae2", {"beta": 4, "test": TEST}, id="vae"),
    pytest.param("conv_vae", {"test": TEST}, id="batch norm and dropout"),
    pytest.param("conv", {}, id="autoencoder"),
    pytest.param("conv_vae", {"warmup": 3.5, "free_bits": 0.3, "beta": 2, "test": TEST}, id="warm-up and free bits"),
    pytest.param("vae2", {"nll": sigma_half}, id="gaussian"),
    pytest.param("mlp2", {"loss_fn": reconstruction_loss, "test": TEST}, id="loss of one's own"),
    pytest.param("vae2", {"split": Split.from_tensor(IMAGES).binarised(seed=None)}, id="drawn anew in each batch"),
]


@pytest.mark.parametrize("preset, how", RUNS)
def test_a_run_that_goes_on_ends_where_one_without_a_break_ends(path, preset, how):
    how = {"split": IMAGES, "seed": 3} | how
    model, other, third = net(preset), net(preset), net(preset, seed=9)
    whole = model, run(model, epochs=5, **how)
    broken = other, run(other, epochs=2, checkpoint=path, **how)
    assert not same(whole, broken)
    again = third, run(third, epochs=5, checkpoint=path, resume=True, **how)
    assert same(whole, again)
    assert again[1].seconds > broken[1].seconds, "of both calls"
    assert not third.training


@pytest.mark.parametrize("preset, how", RUNS)
@pytest.mark.parametrize("step", [1, 5, 6])
def test_after_a_stop_anywhere_in_an_epoch(path, preset, how, step, capsys):
    how = {"split": IMAGES, "epochs": 3, "seed": 3} | how
    model, other, third = net(preset), net(preset), net(preset, seed=9)
    whole = model, run(model, **how)
    StopAt(other, step)
    history = run(other, checkpoint=path, checkpoint_every=2, **how)
    assert history.interrupted and len(history.steps) == step
    assert "the same call with resume=True goes on from here" in capsys.readouterr().out
    before = torch.get_rng_state()
    assert same(whole, (third, run(third, checkpoint=path, resume=True, **how)))
    assert torch.equal(before, torch.get_rng_state())
    assert f"{step} of 9 steps are done" in capsys.readouterr().out


def test_weights_laid_out_channels_last(path):
    """Fused Adam pairs its tensors with the weights in the order of memory, and a file knows one order only."""
    model, other, third = (net("conv_vae").to(memory_format=torch.channels_last) for _ in range(3))
    assert not all(p.is_contiguous() for p in model.parameters())
    whole = model, run(model, IMAGES, 4)
    run(other, IMAGES, 2, checkpoint=path)
    assert same(whole, (third, run(third, IMAGES, 4, checkpoint=path, resume=True)))


def test_stopped_again_and_again(path):
    model, other = net("conv_vae"), None
    whole = model, run(model, IMAGES, 4, test=TEST)
    for _ in range(20):
        other = net("conv_vae")
        StopAt(other, 1)
        history = run(other, IMAGES, 4, test=TEST, checkpoint=path, resume=True)
        if not history.interrupted:
            break
    assert len(history.steps) == 12 and same(whole, (other, history))


def test_the_noise_of_callbacks_after_an_epoch_is_kept(path):
    def draws(model, history):
        torch.randn(3)

    model, other, third = net(), net(), net()
    whole = model, run(model, IMAGES, 4, callbacks=[draws])
    run(other, IMAGES, 2, callbacks=[draws], checkpoint=path)
    assert same(whole, (third, run(third, IMAGES, 4, callbacks=[draws], checkpoint=path, resume=True)))


@pytest.mark.parametrize("every", [1, 2])
def test_after_an_error_in_a_callback(path, every):
    def fails(model, history):
        if len(history.train) == 3:
            raise RuntimeError("the view broke")

    model, other, third = net("conv_vae"), net("conv_vae"), net("conv_vae")
    whole = model, run(model, IMAGES, 4, warmup=3)
    with pytest.raises(RuntimeError, match="the view broke"):
        run(other, IMAGES, 4, warmup=3, checkpoint=path, checkpoint_every=every, callbacks=[fails])
    assert len(checkpoints.read(path).steps["loss"]) == 6, "two epochs, since the third was not whole"
    assert same(whole, (third, run(third, IMAGES, 4, warmup=3, checkpoint=path, resume=True)))


class View:
    """A live callback; it stops the run at that step."""

    def __init__(self, stop=None):
        self.stop, self.seen = stop, queue.Queue()

    def start(self, run):
        self.seen.put((run.steps_done, len(run.losses_since(0)[0]), len(run.losses_since(0)[2])))

    def after_step(self, run):
        torch.randn(3)
        if run.steps_done == self.stop:
            run.stop()


@pytest.mark.parametrize("step", [2, 3, 4])
def test_under_a_live_view_in_a_thread(path, step):
    model, other, third = net("conv_vae"), net("conv_vae"), net("conv_vae")
    whole = model, run(model, IMAGES, 3, test=TEST, warmup=2)
    run(other, IMAGES, 3, test=TEST, warmup=2, checkpoint=path, callbacks=[View(step)]).wait()
    view = View()
    history = run(third, IMAGES, 3, test=TEST, warmup=2, checkpoint=path, resume=True, callbacks=[view]).wait()
    assert same(whole, (third, history))
    assert view.seen.get_nowait() == (step, step, step), "the curves begin where the run began"


def test_the_beta_that_a_view_has_set_is_kept(path):
    class Sets(View):
        def after_step(self, run):
            run.beta = 3
            super().after_step(run)

    run(net(), IMAGES, 3, checkpoint=path, callbacks=[Sets(4)]).wait()
    history = run(net(), IMAGES, 3, checkpoint=path, resume=True)
    assert history.beta == 3 and history.betas[1:] == [3, 3]


def test_a_finished_run_is_given_back_without_a_step(path, capsys):
    model, other = net("conv_vae"), net("conv_vae", seed=9)
    first = model, run(model, IMAGES, 2, checkpoint=path)
    written, made = path.read_bytes(), path.stat().st_mtime_ns
    other.register_forward_pre_hook(lambda module, args: pytest.fail("a step") if module.training else None)
    assert same(first, (other, run(other, IMAGES, 2, checkpoint=path, resume=True)))
    assert (path.read_bytes(), path.stat().st_mtime_ns) == (written, made)
    assert "6 of 6 steps are done" in capsys.readouterr().out


def test_without_a_file_it_begins_and_says_so(path, capsys):
    model, other = net(), net()
    whole = model, run(model, IMAGES, 2)
    assert same(whole, (other, run(other, IMAGES, 2, checkpoint=path, resume=True)))
    assert "yet: training begins" in capsys.readouterr().out and path.is_file()


@pytest.mark.parametrize("every, written", [(1, [3, 6, 9, 12, 15]), (2, [6, 12, 15]), (7, [15])])
def test_it_is_written_every_n_epochs_and_at_the_end(path, monkeypatch, every, written):
    seen, write = [], checkpoints.write
    monkeypatch.setattr(checkpoints, "write", lambda one, path: (seen.append(len(one.steps["loss"])), write(one, path)))
    run(net(), IMAGES, 5, checkpoint=path, checkpoint_every=every)
    assert seen == written


def test_a_checkpoint_does_not_change_the_run(path):
    model, other = net("conv_vae"), net("conv_vae")
    assert same((model, run(model, IMAGES, 3)), (other, run(other, IMAGES, 3, checkpoint=path)))


def test_weights_load_reads_it(path):
    model, other = net("conv_vae"), net("conv_vae", seed=9)
    run(model, IMAGES, 2, checkpoint=path)
    weight_files.load(other, path)
    assert torch.equal(weights(model), weights(other))
    with pytest.raises(weight_files.WeightsError, match="does not fit"):
        weight_files.load(net("vae2"), path)


# --- other runs


GIVEN = {"epochs": 3, "seed": 3, "lr": 1e-3, "batch_size": 20, "split": IMAGES, "test": TEST, "beta": 2, "warmup": 1}


def refused(path, model=None, **how):
    """What fit says of the file; model and file must be as before."""
    model = net() if model is None else model
    before, content = weights(model), path.read_bytes()
    with pytest.raises(CheckpointError) as raised:
        fit(model, **GIVEN | how, checkpoint=path, resume=True, progress=False)
    assert torch.equal(before, weights(model)) and path.read_bytes() == content
    assert str(path) in str(raised.value) and "give checkpoint another path" in str(raised.value).lower()
    return str(raised.value)


@pytest.mark.parametrize(
    "how, said",
    [
        ({"seed": 4}, "seed was 3, is 4 now"),
        ({"lr": 0.01}, "lr was 0.001, is 0.01 now"),
        ({"batch_size": 25}, "batch_size was 20, is 25 now"),
        ({"beta": 1}, "beta was 2, is 1 now"),
        ({"warmup": 0}, "warmup was 1, is 0 now"),
        ({"free_bits": 0.1}, "free_bits was 0.0, is 0.1 now"),
        ({"nll": sigma_half}, "nll was bernoulli_nll, is sigma_half now"),
        ({"split": IMAGES[:49]}, "the training images was 50 images"),
        ({"split": IMAGES.flip(0)}, "checksum"),
        ({"split": Split.from_tensor(IMAGES).binarised(seed=None)}, "redrawn True"),
        ({"test": None}, "is none now"),
        ({"model": net("vae")}, "the network was"),
        ({"model": net("mlp2"), "beta": 1, "warmup": 0}, "loss_fn was negative_elbo, is reconstruction_loss now"),
    ],
)
def test_a_checkpoint_of_another_run_is_named(path, how, said):
    fit(net(), **GIVEN, checkpoint=path, progress=False)
    assert said in refused(path, **how)


def test_another_activation_is_another_network(path):
    run(net(), IMAGES, 1, checkpoint=path)
    other = net()
    other.encoder[2] = torch.nn.Tanh()
    with pytest.raises(CheckpointError, match=r"the network was .*ReLU\(\), is .*Tanh\(\) now"):
        run(other, IMAGES, 1, checkpoint=path, resume=True)


def test_fewer_epochs_than_are_done(path):
    run(net(), IMAGES, 3, checkpoint=path)
    with pytest.raises(ValueError, match="9 steps on, epochs=2 are 6"):
        run(net(), IMAGES, 2, checkpoint=path, resume=True)


@pytest.mark.parametrize(
    "how, said",
    [
        ({"resume": True}, "resume=True goes on from a checkpoint"),
        ({"checkpoint": "run.pt"}, "ends in .safetensors"),
        ({"checkpoint": "run.safetensors", "checkpoint_every": 0}, "checkpoint_every"),
        ({"checkpoint": "run.safetensors", "checkpoint_every": 1.5}, "checkpoint_every"),
    ],
)
def test_what_makes_no_checkpoint(how, said):
    with pytest.raises(ValueError, match=said):
        run(net(), IMAGES, 1, **how)


# --- files that are none


@pytest.mark.parametrize("keep", [0, 7, 100, -1, -1000])
def test_a_truncated_file(path, keep):
    fit(net(), **GIVEN, checkpoint=path, progress=False)
    path.write_bytes(path.read_bytes()[:keep])
    assert "damaged" in refused(path)


def test_a_pickle_is_not_run(path, tmp_path):
    class Intruder:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "was_here"),)

    path.write_bytes(pickle.dumps(Intruder()))
    assert "is a pickle" in refused(path)
    assert not (tmp_path / "was_here").exists()


def test_weights_are_no_checkpoint(path):
    weight_files.save(net(), path)
    assert "weights.load" in refused(path)


def rewritten(path, change):
    """Change tensors and texts of a checkpoint on disk."""
    tensors = load_file(path)
    with safe_open(path, framework="pt") as file:
        texts = dict(file.metadata())
    change(tensors, texts)
    save_file(tensors, path, texts)


def bad_history(tensors, texts):
    texts["history"] = json.dumps(json.loads(texts["history"]) | {"colour": 3})


@pytest.mark.parametrize(
    "change",
    [
        lambda tensors, texts: tensors.pop("steps/kl"),
        lambda tensors, texts: tensors.update({"steps/kl": torch.zeros(2, dtype=torch.float64)}),
        lambda tensors, texts: texts.update(history="{"),
        lambda tensors, texts: texts.update(settings="[]"),
        lambda tensors, texts: texts.pop("settings"),
        lambda tensors, texts: tensors.pop("generator/order"),
        lambda tensors, texts: tensors.update({"generator/cpu": torch.zeros(3, dtype=torch.uint8)}),
        lambda tensors, texts: tensors.pop("weights/decoder.0.bias"),
        lambda tensors, texts: tensors["weights/decoder.0.bias"].fill_(torch.nan),
        lambda tensors, texts: tensors.update({"adam/0/exp_avg": torch.zeros(2)}),
        lambda tensors, texts: tensors.pop("adam/0/step"),
        lambda tensors, texts: tensors.update({"third_eye": torch.zeros(2)}),
        bad_history,
    ],
)
def test_a_checkpoint_in_which_something_is_wrong(path, change):
    fit(net(), **GIVEN, checkpoint=path, progress=False)
    rewritten(path, change)
    refused(path)


# --- a full disk

WITH_LITTLE_SPACE = """
import resource, signal, sys, torch
from vae_helpers.models import build
from vae_helpers.training import fit
model, images = build("vae2", shape=(1, 8, 8)), torch.rand(50, 1, 8, 8)
fit(model, images, 1, checkpoint=sys.argv[1], progress=False)
def full(model, history):
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    fit(model, images, 3, checkpoint=sys.argv[1], callbacks=[full], progress=False)
except OSError as error:
    print(len(error.history.steps), model.training, error, *error.__notes__)
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows knows no limit to a process's files")
def test_a_full_disk_ends_the_run_and_leaves_the_old_file(path):
    done = subprocess.run([sys.executable, "-B", "-c", WITH_LITTLE_SPACE, str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"1 False {path} was not written")
    assert "untouched" in done.stdout and "resume=True" in done.stdout and "`history`" in done.stdout
    assert len(checkpoints.read(path).steps["loss"]) == 1 and list(path.parent.iterdir()) == [path]


def test_another_sigma_in_the_likelihood_is_another_run(path):
    def with_sigma(sigma):
        return lambda logits, x: gaussian_nll(logits.sigmoid(), x, sigma)

    half = functools.partial(gaussian_nll, sigma=0.5)
    for first, other in ((with_sigma(1.0), with_sigma(0.1)), (half, functools.partial(gaussian_nll, sigma=0.4))):
        run(net(), IMAGES, 1, nll=first, checkpoint=path)
        with pytest.raises(CheckpointError, match="nll was"):
            run(net(), IMAGES, 1, nll=other, checkpoint=path, resume=True)
    assert len(run(net(), IMAGES, 1, nll=half, checkpoint=path, resume=True).train) == 1


def test_other_weights_are_not_written_over(path):
    model = net()
    weight_files.save(model, path)
    before = path.read_bytes()
    with pytest.raises(CheckpointError, match="holds other weights, and fit would write over them"):
        run(model, IMAGES, 1, checkpoint=path)
    assert path.read_bytes() == before
