"""When the loss stops being a number: the last weights that were numbers, and what is to blame."""

from __future__ import annotations

import math
import statistics

import torch

RECENT = 20  # steps before the fault, by which a jump or a fall without end is told


def finite(model):
    """Whether all weights of ``model`` are finite numbers: one look at the device. (A buffer may well hold −∞.)"""
    with torch.no_grad():
        found = [p.isfinite().all() for p in model.parameters()]
        return bool(torch.stack(found).all()) if found else True


class LastGood:
    """A copy of a model's weights and buffers, made while they were numbers. ``step``: after which it was made.

    ``numbers``: whether they were; False only if the model came without.
    """

    def __init__(self, model, step=0):
        self._model = model
        self._copy = [tensor.clone() for tensor in self._tensors()]
        self.step, self.numbers = step, finite(model)

    def _tensors(self):
        return [tensor.detach() for tensor in self._model.state_dict().values()]

    def keep(self, step):
        """Copy them again."""
        for copy, tensor in zip(self._copy, self._tensors()):
            copy.copy_(tensor)
        self.step, self.numbers = step, True

    def put_back(self):
        """Give them back to the model."""
        for copy, tensor in zip(self._copy, self._tensors()):
            tensor.copy_(copy)


def first_fault(losses, start=0):
    """The number of the first loss from ``start`` on that is not finite; None if all are."""
    return next((i for i in range(start, len(losses)) if not math.isfinite(losses[i])), None)


def explain(where, steps, at, lr):
    """What became of the loss, the likely cause and the cure: a sentence or two.

    ``where``: "step 2 of epoch 3". ``steps``: a dict of lists with a number for each step so far,
    ``loss`` and, of a VAE, ``nll`` and ``kl``. ``at``: the number of the step whose loss is no number.
    """
    losses = steps["loss"]
    if at == len(losses):
        return (
            f"the weights stopped being numbers in {where}, whose loss was {losses[-1]:.4g}: its gradient overflowed. "
            f"{_sentence(losses, lr)}"
        )
    if not steps["nll"]:
        return f"the loss became {losses[at]} at {where}: {_cause(losses[: at + 1], lr)}"
    nll, kl = steps["nll"][at], steps["kl"][at]
    if math.isinf(kl) or (math.isnan(kl) and math.isfinite(nll)):
        beside = f"the nll was {nll:.4g}" if math.isfinite(nll) else f"the nll {nll} with it"
        return (
            f"the KL became {kl} at {where}, {beside}: log σ² of the encoder ran away, and exp(log σ²) overflows "
            f"above 88; or μ did. {_sentence(losses[:at], lr)}"
        )
    if math.isfinite(kl) and math.isfinite(nll):
        return (
            f"the loss became {losses[at]} at {where}, though the nll was {nll:.4g} and the KL {kl:.4g}: their weights "
            "beta and free_bits are too large for float32"
        )
    if math.isfinite(kl):
        return (
            f"the nll became {nll} at {where}, the KL was {kl:.4g}: look at the decoder's output, and at σ where "
            f"the likelihood has one. {_sentence(losses[: at + 1], lr)}"
        )
    before = ": the weights stopped being numbers in the step before" if at else ""
    return f"the nll and the KL both became {nll} at {where}{before}. {_sentence(losses[:at], lr)}"


def _sentence(losses, lr):
    cause = _cause(losses, lr)
    return cause[0].upper() + cause[1:]


def _cause(losses, lr):
    """The likely cause by the losses alone, the last of which may be the fault itself. Begins with the cure."""
    numbers = [loss for loss in losses[-RECENT - 1 :] if math.isfinite(loss)]
    last = numbers[-1] if numbers else 0
    falls = len(numbers) > 2 and last == min(numbers) and numbers[0] - last > 0.05 * abs(last) and last < 0
    if falls or losses[-1:] == [-math.inf]:
        return (
            f"a smaller lr than {lr:g} will only put it off, since the loss falls without end: a term has the wrong "
            "sign, or a σ that is learned goes to 0. Hold that σ above some least value, such as 0.01"
        )
    usual = statistics.median(numbers[:-1]) if len(numbers) > 1 else last
    if last > usual + max(1, abs(usual)):
        return (
            f"a smaller lr than {lr:g} is the cure, since the loss had jumped from about {usual:.4g} to {last:.4g} "
            "before: the steps were too long"
        )
    if not numbers:
        return (
            f"a smaller lr than {lr:g} cannot help, since no step had been made: the model or the loss gives "
            "no numbers as it stands"
        )
    return f"a smaller lr than {lr:g} is the usual cure; else look for a division by 0 or the log of 0 in the loss"
