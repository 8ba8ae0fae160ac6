"""Save and load weights as safetensors: as data, never as code, and whole or not at all."""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from vae_helpers.files import whole_file


IN_CHECKPOINT = "weights/"  # how the names of the weights begin in a checkpoint, which holds other tensors too


class WeightsError(ValueError):
    """The file is damaged, or holds the weights of another network; the model is as it was."""


def save(model, path, dtype=None, **metadata):
    """Write the weights of ``model`` to ``path``; return the path.

    ``dtype``: convert floating weights, say to ``torch.float16`` for half the
    size. ``metadata``: what you want to find in the file later, kept as text.
    An existing file is replaced at the end, in one move. WeightsError, and no
    file, if the weights hold NaN or infinity, or would in ``dtype``.
    """
    tensors = {}
    for name, tensor in model.state_dict().items():
        tensor = tensor.detach().cpu()
        # a clone each: safetensors refuses tensors that share memory
        tensors[name] = (tensor.to(dtype) if dtype and tensor.is_floating_point() else tensor).clone()
        if not tensors[name].isfinite().all():
            cure = (f"is too large for {dtype}: save without dtype" if tensor.isfinite().all() else
                    "holds NaN or infinity, the training has run away: build the model anew and take a smaller lr")
            raise WeightsError(f"{name} {cure}. Nothing was written to {path}")
    return write(path, tensors, metadata)


def load(model, path):
    """Read the weights in ``path`` into ``model``; return the metadata stored with them.

    ``path`` may be a checkpoint of ``training.fit`` too. Everything is checked before the
    first weight is changed. FileNotFoundError if there is no such file; WeightsError,
    with the reason, if it is damaged, a pickle, of another network, or holds NaN.
    """
    tensors, metadata = read(path)
    if any(name.startswith(IN_CHECKPOINT) for name in tensors):
        tensors = {name.removeprefix(IN_CHECKPOINT): tensor for name, tensor in tensors.items()
                   if name.startswith(IN_CHECKPOINT)}
    wanted = model.state_dict()
    faults = [f"{name} is missing" for name in wanted if name not in tensors]
    faults += [f"{name} is not of this network" for name in tensors if name not in wanted]
    for name in wanted.keys() & tensors.keys():
        want, came = tuple(wanted[name].shape), tuple(tensors[name].shape)
        if want != came:
            faults.append(f"{name} has shape {came}, wanted {want}")
        elif not tensors[name].isfinite().all():
            faults.append(f"{name} holds NaN or infinity")
    if faults:
        more = f" (and {len(faults) - 3} more)" if len(faults) > 3 else ""
        raise WeightsError(
            f"{path} does not fit this {type(model).__name__}: {'; '.join(sorted(faults)[:3])}{more}. "
            "Build the network that the file was saved from, with the same latent_dim."
        )
    model.load_state_dict(tensors)
    return metadata


def read_metadata(path):
    """The metadata stored in ``path``, a dict of texts: what ``load`` returns, before there is a network.

    FileNotFoundError and WeightsError as with ``load``, but that no weight is looked at.
    """
    return read(path)[1]


def write(path, tensors, metadata):
    """Write a dict of tensors, and one of texts beside them, as safetensors, whole or not at all; return the path."""
    with whole_file(path) as part:
        try:
            save_file(tensors, part, {key: str(value) for key, value in metadata.items()})
        except SafetensorError as error:  # a full disk, say: not an OSError, as of any other file
            raise OSError(str(error)) from error
    return Path(path)


def read(path):
    """Tensors and metadata of a safetensors file, whatever they are, or a WeightsError with the reason."""
    path = Path(path)
    if not path.is_file():
        near = sorted(p.name for p in path.parent.glob("*.safetensors")) if path.parent.is_dir() else []
        raise FileNotFoundError(f"no weights at {path}; in that folder: {', '.join(near) or 'none'}")
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, dict(file.metadata() or {})
    except SafetensorError as error:
        # only now: a good file starts with its header's length, which may look like either
        with open(path, "rb") as file:
            start = file.read(2)
        if start == b"PK" or start[:1] == b"\x80":
            raise WeightsError(
                f"{path} is a pickle (as torch.save writes it): loading it could run anything inside it. "
                "Save it again as safetensors, with weights.save."
            ) from None
        raise WeightsError(f"{path} is damaged or no safetensors file ({error}); fetch or save it again") from error
