"""A run of ``fit`` on disk: all that its next step depends on, as data in one safetensors file."""

from __future__ import annotations

import json
import re
import zlib
from contextlib import suppress
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path

import torch

from vae_helpers import weights

CURE = "Else give checkpoint another path, or resume=False to begin anew and write over it"
KIND = "checkpoint of vae_helpers.training.fit"
STEPS = ("loss", "nll", "kl", "charged", "beta")
NAMES = {  # of the settings, in an error
    "network": "the network", "images": "the training images", "test": "the test images", "loss": "loss_fn",
}


class CheckpointError(ValueError):
    """The file is damaged, no checkpoint, or that of another run; model and file are as they were."""


@dataclass
class Checkpoint:
    """A run between two of its steps.

    ``weights``: the model's state dict. ``adam``: for each parameter's number what
    Adam keeps of it, as in its ``state_dict()["state"]``. ``generators``: by name the state of each, a
    uint8 tensor; ``order``, from which the order of the images is drawn, as it was when the
    epoch in progress began. ``steps``: a dict of lists of floats, one number for each
    step, keys ``STEPS``. ``history``: the other fields of a History. ``settings``: what the run was
    given, a dict of texts and numbers; two runs of the same settings are the same run.
    """

    weights: dict
    adam: dict
    generators: dict
    steps: dict
    history: dict
    settings: dict


def write(checkpoint, path):
    """Write a Checkpoint to ``path``, whole or not at all. OSError, the old file untouched, if the disk is full."""
    tensors = {weights.IN_CHECKPOINT + name: tensor for name, tensor in checkpoint.weights.items()}
    for number, kept in checkpoint.adam.items():
        tensors |= {f"adam/{number}/{name}": tensor for name, tensor in kept.items()}
    tensors |= {f"generator/{name}": state for name, state in checkpoint.generators.items()}
    tensors |= {f"steps/{name}": torch.tensor(checkpoint.steps[name], dtype=torch.float64) for name in STEPS}
    # a clone each: safetensors refuses tensors that share memory
    tensors = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in tensors.items()}
    texts = {"history": _json(checkpoint.history), "settings": _json(checkpoint.settings)}
    try:
        return weights.write(path, tensors, {"kind": KIND} | texts)
    except OSError as error:
        error.add_note(
            "Nothing is lost: the model has its weights, and weights.save keeps them elsewhere. With room on the disk, "
            "the same call with resume=True goes on from the last checkpoint."
        )
        raise


def read(path):
    """The Checkpoint in ``path``; CheckpointError, with what to do, if it is damaged, a pickle or something else."""
    try:
        tensors, metadata = weights.read(path)
    except weights.WeightsError as error:
        raise CheckpointError(f"{str(error).rstrip('.')}. {CURE}") from None
    if metadata.get("kind") != KIND:
        raise CheckpointError(
            f"{path} is no checkpoint of fit, but other weights, without the state of Adam and of the generators: "
            "weights.load reads them. Give checkpoint another path"
        )
    try:
        # a clone each, since those that are read may lie in the file, which is to be replaced
        parts = {"weights": {}, "adam": {}, "generator": {}, "steps": {}}
        for name, tensor in tensors.items():
            part, name = name.split("/", 1)
            parts[part][name] = tensor.clone()
        adam = {}
        for name, tensor in parts["adam"].items():
            number, name = name.split("/")
            adam.setdefault(int(number), {})[name] = tensor
        steps = {name: parts["steps"][name].tolist() for name in STEPS}
        history, settings = json.loads(metadata["history"]), json.loads(metadata["settings"])
        count = len(steps["loss"])
        if any(len(values) not in (0, count) for values in steps.values()):
            raise ValueError("its steps do not agree")
        if not isinstance(history, dict) or not isinstance(settings, dict):
            raise ValueError("its texts are others'")
        return Checkpoint(parts["weights"], adam, parts["generator"], steps, history, settings)
    except (KeyError, ValueError, TypeError) as error:
        raise CheckpointError(f"{path} is damaged ({type(error).__name__}: {error}). {CURE}") from error


def check(checkpoint, path, model, settings, generators):
    """CheckpointError, naming what differs, unless ``checkpoint`` is of a run with these settings and this network.

    ``generators``: the state of each now, which tells how long one has to be.
    """
    was, faults = checkpoint.settings, []
    for name in settings:
        if was.get(name) != settings[name]:
            faults.append(f"{NAMES.get(name, name)} was {_differing(was.get(name), settings[name])}")
    if not faults:
        faults = _of_another_network(checkpoint, model)
        faults += [f"the state of the generator {name!r} is missing or damaged" for name, state in generators.items()
                   if name not in checkpoint.generators or checkpoint.generators[name].shape != state.shape
                   or checkpoint.generators[name].dtype != torch.uint8]
    if faults:
        raise CheckpointError(
            f"{path} is the checkpoint of another run: {'; '.join(faults[:3])}{' …' * (len(faults) > 3)}. "
            f"Call fit as it was called then. {CURE}"
        )


def network_text(model):
    """``model`` as a text by which another is told from it: its layers and the shape of each tensor."""
    tensors = [f"{name} {tuple(t.shape)} {t.dtype}" for name, t in model.state_dict().items()]
    return re.sub(r" at 0x[0-9a-fA-F]+", "", "\n".join([repr(model), *tensors]))


def images_text(split):
    """The images of a Split as a text by which others are told from them; None for None."""
    if split is None:
        return None
    images = split.images.detach().cpu().contiguous()
    others = {one.name: getattr(split, one.name) for one in fields(split)} if is_dataclass(split) else {}
    others = {name: value for name, value in others.items() if isinstance(value, (bool, int, float, str))}
    said = ", ".join(f"{name} {value}" for name, value in sorted(others.items()))
    size = "×".join(map(str, split.shape))
    return f"{len(split):,} images {size}, {said}, checksum {zlib.crc32(images.numpy()):08x}"


def check_path(path, every, resume):
    """``path`` as a Path, None for None; ValueError if no checkpoint can be written there, or ``every`` n epochs."""
    if isinstance(every, bool) or not isinstance(every, int) or every < 1:
        raise ValueError(f"checkpoint_every is a number of epochs, a whole number from 1 up, not {every!r}")
    if path is None:
        if resume:
            raise ValueError('resume=True goes on from a checkpoint: say which, as in checkpoint="run.safetensors"')
        return None
    path = Path(path)
    if path.suffix != ".safetensors" or path.is_dir():
        raise ValueError(f'checkpoint is a file, its name ends in .safetensors ("run.safetensors"); {path} is not such')
    if path.is_file() and not resume:
        _check_is_ours(path)
    path.parent.mkdir(parents=True, exist_ok=True)  # an OSError now rather than after the first epochs
    return path


def _check_is_ours(path):
    """CheckpointError if ``path`` is a file that is no checkpoint: it would be written over."""
    with suppress(weights.WeightsError):  # a damaged one is no loss
        if weights.read_metadata(path).get("kind") != KIND:
            raise CheckpointError(
                f"{path} holds other weights, and fit would write over them: give checkpoint another path"
            )


def _json(values):
    return json.dumps(values, default=float)  # NumPy's numbers too


def _differing(was, now):
    """ "0.001, is 0.01 now"; of texts of many lines, such as a network's, the first that differ."""
    if isinstance(was, str) and isinstance(now, str) and "\n" in was + now:
        pairs = zip((was + "\n(no more)").splitlines(), (now + "\n(no more)").splitlines())
        was, now = next(((a.strip(), b.strip()) for a, b in pairs if a != b), (was, now))
    return f"{'none' if was is None else was}, is {'none' if now is None else now} now"


def _of_another_network(checkpoint, model):
    wanted, faults = model.state_dict(), []
    if {name: t.shape for name, t in wanted.items()} != {name: t.shape for name, t in checkpoint.weights.items()}:
        faults.append("its weights are not of this network")
    faults += [f"{name} holds NaN or infinity" for name, p in model.named_parameters()
               if name in checkpoint.weights and not checkpoint.weights[name].isfinite().all()]
    parameters = list(model.parameters())
    for number, kept in checkpoint.adam.items():
        whole = kept.keys() == {"step", "exp_avg", "exp_avg_sq"} and number < len(parameters)
        if not whole or any(kept[name].shape != parameters[number].shape for name in ("exp_avg", "exp_avg_sq")):
            faults.append(f"Adam's state of parameter {number} is not of this network")
    return faults
