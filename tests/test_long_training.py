"""The very long runs of notebook 05: what the files hold, and that they can be made anew."""

import json
from dataclasses import replace

import pytest
import torch
from safetensors import safe_open
from torch.nn.functional import avg_pool2d

from vae_helpers import long_training
from vae_helpers.data import load
from vae_helpers.files import histories_folder
from vae_helpers.long_training import RUNS, curves_of
from vae_helpers.losses import effective_beta
from vae_helpers.weights import WeightsError


@pytest.fixture(params=RUNS)
def run(request):
    return long_training.load(request.param)


def test_each_run_has_its_file_and_each_file_its_run():
    assert {path.name for path in histories_folder().glob("long_*")} == {f"long_{name}.safetensors" for name in RUNS}


def test_a_run_holds_curves_and_pictures(run):
    setup = RUNS[run.name]
    assert run.epochs == list(setup.measured) and run.beta == setup.beta
    everything = load(setup.dataset)
    for which, split in (("train", everything.train), ("test", everything.test)):
        for what in curves_of(setup):
            curve = getattr(run, what)[which]
            assert curve.shape == (setup.seeds, len(setup.measured)) and curve[:, -1].isfinite().all()
            assert what == "mouth" or curve.isfinite().all()  # the first pictures have no mouth
        assert torch.equal(run.elbo[which], -(run.nll[which] + run.kl[which]))
        originals = avg_pool2d(split.images[: setup.shown].float(), setup.smaller)
        assert (run.originals[which].float() - originals).abs().max() <= 0.5
        assert {epoch: picture.shape for epoch, picture in run.pictures[which].items()} == dict.fromkeys(
            setup.pictured, originals.shape)


def test_the_pictures_are_those_of_the_curve(run):
    """More epochs, better pictures of the training images: in the stored bytes, as in the stored numbers."""
    error = [(picture.float() - run.originals["train"].float()).square().mean().item()
             for picture in run.pictures["train"].values()]
    assert error[0] > error[1] > error[-1]


def test_the_beta_of_source_b_is_what_its_code_comes_to():
    beta = effective_beta("gaussian", "sum", "mean", sigma=0.5**0.5, batch=RUNS["B"].batch, latents=RUNS["B"].latents)
    assert RUNS["B"].beta == pytest.approx(beta, rel=1e-12) == 1 / 1024


def test_what_holds_of_the_claim_holds_for_each_seed():
    """Unseen images get better after epoch 400 under B's loss, and stay far above the training images."""
    b = long_training.load("B")
    at = {epoch: b.epochs.index(epoch) for epoch in (400, 1200)}
    test, train = b.rmse["test"], b.rmse["train"]
    assert (test[:, at[1200]] < test[:, at[400]]).all()
    assert (test[:, -1] > 3 * train[:, -1]).all() and (test[:, -1] > 0.9 * test[:, at[400]]).all()


def test_the_test_bound_of_the_bernoulli_is_best_long_before_the_end():
    bound = long_training.load("bernoulli").elbo
    best = bound["test"].argmax(1)
    assert all(100 <= RUNS["bernoulli"].measured[i] <= 800 for i in best)
    assert (bound["test"].amax(1) - bound["test"][:, -1] > 2).all()
    assert (bound["train"][:, -1] > bound["train"][range(len(best)), best]).all()


@pytest.mark.parametrize("name", ["B", "faces20"])
def test_a_run_made_anew_is_read_back(name, tmp_path, monkeypatch):
    setup = replace(RUNS[name], epochs=2, measured=(1, 2), pictured=(1, 2), images=20, unseen=20)
    monkeypatch.setitem(RUNS, name, setup)
    trained = long_training.train(name, progress=False)
    monkeypatch.setattr(long_training, "train", lambda name, seed, progress: trained)
    (path,) = long_training.make([name], seeds=2, folder=tmp_path)
    again = long_training.load(name, tmp_path)
    assert again.epochs == [1, 2] and again.rmse["test"].shape == (2, 2)
    assert torch.equal(again.rmse["test"][1], trained["test rmse"])
    assert again.rmse["train"][0, 1] < again.rmse["train"][0, 0]
    with safe_open(path, "pt") as file:
        assert json.loads(file.metadata()["long_training"])["beta"] == setup.beta


def test_a_run_begins_from_the_weights_of_its_seed():
    first, again, other = (long_training.train("bernoulli", seed, epochs=1, progress=False) for seed in (0, 0, 1))
    assert torch.equal(first["test rmse"], again["test rmse"])
    assert not torch.equal(first["test rmse"], other["test rmse"])


def test_what_is_not_there_or_damaged_is_told(tmp_path):
    with pytest.raises(ValueError, match="no long run 'C': there are B, "):
        long_training.load("C")
    with pytest.raises(FileNotFoundError, match="git checkout data/histories"):
        long_training.load("B", tmp_path)
    whole = (histories_folder() / "long_B.safetensors").read_bytes()
    (tmp_path / "long_B.safetensors").write_bytes(whole[:-100])
    with pytest.raises(WeightsError, match="damaged or no long run"):
        long_training.load("B", tmp_path)


def test_the_command_knows_the_names(capsys):
    with pytest.raises(SystemExit):
        long_training.main(["C"])
    assert "no long run C: there are B, " in capsys.readouterr().err


