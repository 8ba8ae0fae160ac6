"""A loss that is no number ends the run with step, term and likely cause, and the last good weights."""

import functools
import math
import re

import pytest
import torch
from torch import nn

from vae_helpers.losses import gaussian_nll
from vae_helpers.models import build
from vae_helpers.not_finite import LastGood, explain, finite
from vae_helpers.training import fit, reconstruction_loss

SHAPE = (1, 8, 8)
IMAGES = torch.rand(50, *SHAPE, generator=torch.Generator().manual_seed(0))
LONG = torch.rand(2500, 1, 4, 4, generator=torch.Generator().manual_seed(0))

run = functools.partial(fit, batch_size=20, progress=False)


def net(preset="vae2", shape=SHAPE):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build(preset, shape=shape)


def weights(model):
    return torch.cat([tensor.detach().double().flatten() for tensor in model.state_dict().values()])


def fault(model, *arguments, **how):
    with pytest.raises(FloatingPointError) as caught:
        run(model, *arguments, **how)
    assert all(math.isfinite(loss) for loss in caught.value.history.steps)
    return str(caught.value), caught.value.history


class Spoil:
    """From that step on (from 1) the outputs of the model are changed."""

    def __init__(self, model, step, change):
        self.calls, self.step, self.change = 0, step, change
        model.register_forward_hook(self)

    def __call__(self, model, args, output):
        self.calls += model.training
        return self.change(*output) if model.training and self.calls >= self.step else output


@pytest.mark.parametrize(
    "change, said",
    [
        (lambda logits, mu, logvar: (logits, mu, logvar + 100), "the KL became inf at step 2 of epoch 2, the nll was"),
        (lambda logits, *code: (logits * math.nan, *code), "the nll became nan at step 2 of epoch 2, the KL was"),
        (lambda *all: tuple(one * math.nan for one in all), "the nll and the KL both became nan at step 2 of epoch 2"),
    ],
)
def test_the_term_and_the_step_are_named(change, said):
    model = net()
    Spoil(model, 5, change)
    text, history = fault(model, IMAGES, 3, lr=1e-4)
    assert said in text and "than 0.0001" in text
    assert len(history.steps) == 4 and history.images == 70 and len(history.train) == len(history.nll) == 1


def test_the_last_good_weights_are_kept_and_said_from_when():
    model, calls = net(shape=(1, 4, 4)), []
    begin = weights(model)

    def spoil(logits, mu, logvar):
        return logits * math.nan, mu, logvar

    Spoil(model, 131, spoil)
    model.register_forward_hook(lambda model, args, output: calls.append(weights(model)) if model.training else None)
    text, history = fault(model, LONG, 2)
    assert len(history.steps) == 130 and history.images == 2600
    assert "step 6 of epoch 2" in text and "after step 125 of epoch 1 back" in text
    assert torch.equal(weights(model), calls[125]) and not torch.equal(weights(model), begin)
    assert not model.training


@pytest.mark.parametrize("step, good", [(1, 0), (99, 0), (101, 100), (125, 100)])
def test_the_copy_is_at_most_a_hundred_steps_old(step, good):
    model, calls = net(shape=(1, 4, 4)), []
    model.register_forward_hook(lambda model, args, output: calls.append(weights(model)) if model.training else None)
    Spoil(model, step, lambda logits, mu, logvar: (logits * math.nan, mu, logvar))
    text, history = fault(model, LONG, 1)
    assert torch.equal(weights(model), calls[good])
    assert ("the start back" if good == 0 else f"after step {good} of epoch 1 back") in text
    assert len(history.steps) == step - 1


def test_weights_that_stop_being_numbers_though_the_loss_is_one():
    """The root's slope at 0 is infinite: the last step spoils the weights, and no loss has told."""
    model = net("mlp2")
    before = weights(model)
    text, history = fault(model, IMAGES, 1, batch_size=50,
                          loss_fn=lambda model, x: reconstruction_loss(model, x) + (0 * model(x)).pow(2).sum().sqrt())
    assert "the weights stopped being numbers in step 1 of epoch 1, whose loss was" in text
    assert torch.equal(before, weights(model)) and len(history.steps) == 1


def test_an_lr_that_is_too_large_is_named():
    text, _ = fault(net("vae"), IMAGES, 100, lr=30.0)
    assert re.search(r"became (inf|nan) at step \d of epoch \d+", text) and "smaller lr than 30" in text


def test_a_loss_without_a_lower_bound_is_told():
    model = net()
    model.log_sigma = nn.Parameter(torch.zeros(()))
    black = torch.zeros(50, *SHAPE)  # which the mean 0 rebuilds without an error, so that σ goes to 0
    text, history = fault(model, black, 100, lr=0.02, nll=lambda logits, x: gaussian_nll(
        0 * logits, x, (50 * model.log_sigma).exp()))
    assert text.startswith("the nll became") and "falls without end" in text and "σ" in text
    assert history.steps[-1] < -1000

    def with_the_wrong_sign(model, x):
        return reconstruction_loss(model, x) + 1000 * (1 - 2 * model.size).log()

    model = net("mlp2")
    model.size = nn.Parameter(torch.zeros(()))
    text, _ = fault(model, IMAGES, 100, lr=0.02, loss_fn=with_the_wrong_sign)
    assert "the loss became" in text and "falls without end" in text and "wrong sign" in text


@pytest.mark.parametrize(
    "losses, said",
    [
        ([5.0, 4.0, 4.5, 400.0, math.nan], "had jumped from about 4.5 to 400"),
        ([5.0, 4.0, -50.0, -4e5, math.nan], "falls without end"),
        ([5.0, 4.0, 3.0, -math.inf], "falls without end"),
        ([math.nan], "no step had been made"),
        ([5.0, 4.0, 3.0, math.nan], "is the usual cure"),
        ([-6.4, -6.5, -6.45, math.nan], "is the usual cure"),
        ([-6.4, -6.5, -6.45, 30.0, math.nan], "had jumped from about -6.45 to 30"),
        ([-100.0, -105.0, -110.0, math.nan], "falls without end"),
    ],
)
def test_the_cause_is_told_by_the_losses_before(losses, said):
    steps = {"loss": losses, "nll": [], "kl": []}
    text = explain("step 5 of epoch 1", steps, len(losses) - 1, 0.1)
    assert said in text and "a smaller lr than 0.1" in text


def test_a_model_that_is_spoilt_already():
    model = net()
    with torch.no_grad():
        model.decoder[0].weight[0, 0] = math.nan
    assert not finite(model)
    text, history = fault(model, IMAGES, 1)
    assert "became nan at step 1 of epoch 1" in text and "held NaN or infinity before the first step" in text
    assert "back" not in text and history.steps == []


def test_an_encoder_that_is_spoilt_already_is_not_laid_to_a_step_before():
    model = net()
    with torch.no_grad():
        model.encoder[1].weight[0, 0] = math.nan
    text, _ = fault(model, IMAGES, 1)
    assert "the nll and the KL both became nan at step 1 of epoch 1" in text and "no step had been made" in text
    assert "step before" not in text


def test_a_weight_that_is_too_large_is_named_and_not_a_term_that_is_a_number():
    text, _ = fault(net(), IMAGES, 1, beta=1e39)
    assert text.startswith("the loss became inf at step 1 of epoch 1, though the nll was") and "beta" in text


def test_a_buffer_may_hold_infinity():
    model = net("mlp2")
    model.register_buffer("mask", torch.tensor([-math.inf]))
    assert finite(model) and len(run(model, IMAGES, 1).steps) == 3


def test_a_stop_after_the_fault_still_tells_it():
    class Stops:
        def start(self, run):
            pass

        def after_step(self, run):
            if run.steps_done == 2:
                run.stop()

    model = net()
    Spoil(model, 2, lambda logits, mu, logvar: (logits * math.nan, mu, logvar))
    before = weights(model)
    with pytest.raises(FloatingPointError, match="the nll became nan at step 2 of epoch 1"):
        run(model, IMAGES, 1, callbacks=[Stops()]).wait()
    assert torch.equal(before, weights(model))


def test_a_checkpoint_holds_no_fault(tmp_path):
    from vae_helpers import weights as files

    model, other, path = net(), net(), tmp_path / "run.safetensors"
    Spoil(model, 5, lambda logits, mu, logvar: (logits * math.nan, mu, logvar))
    fault(model, IMAGES, 3, checkpoint=path)
    files.load(other, path)
    assert torch.equal(weights(model), weights(other)), "both are of the end of the first epoch"


def test_a_copy_goes_back_with_the_buffers():
    model = net("conv")
    copy, before = LastGood(model), weights(model)
    model(IMAGES)
    assert not torch.equal(before, weights(model))
    copy.put_back()
    assert torch.equal(before, weights(model))
