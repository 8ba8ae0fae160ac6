"""PyTorch's global generators: seeded for a while and put back, so that who draws disturbs nobody."""

from __future__ import annotations

import threading
from contextlib import contextmanager

import torch


# Two runs in two threads would draw from one generator, and neither would repeat: so they take turns, but for
# those under a live view, which may last.
one_at_a_time = threading.RLock()


@contextmanager
def noise_of_its_own(seed, device):
    """Seed the generators that a run on ``device`` draws from, and no others; put them back afterwards."""
    with fork(device):
        torch.default_generator.manual_seed(seed)
        if device.type == "cuda":
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        elif device.type != "cpu":
            getattr(torch, device.type).manual_seed(seed)
        yield


def fork(device):
    """Put the generators that a run on ``device`` draws from back afterwards."""
    gpus = [] if device.type == "cpu" else [device]
    return torch.random.fork_rng(gpus, device_type=device.type if gpus else "cuda")


def states(device):
    """Where these generators stand: a dict of uint8 tensors on the CPU, ``cpu`` and, if it is another, the device's."""
    found = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        found["cuda"] = torch.cuda.get_rng_state(device)
    elif device.type != "cpu":
        found[device.type] = getattr(torch, device.type).get_rng_state()
    return found


def put(found, device):
    """Set these generators to what ``states`` gave."""
    torch.set_rng_state(found["cpu"])
    if device.type == "cuda":
        torch.cuda.set_rng_state(found["cuda"], device)
    elif device.type != "cpu":
        getattr(torch, device.type).set_rng_state(found[device.type])
