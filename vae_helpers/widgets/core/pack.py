"""A network as the browser runs it: a list of layers, and all weights in one string of bytes.

Batch norm, as it is in eval mode, is folded into the layer before it; dropout
and reshaping are nothing to a flat list of numbers, so they are left out.
"""

from __future__ import annotations

import copy
from math import prod

import numpy as np
import torch
from torch import nn

from vae_helpers.layers import BAD, Gaussian, Reshape

NUMBERS = {"float16": "<f2", "float32": "<f4"}
NOTHING = (nn.Dropout, nn.Dropout2d, nn.Identity)
CAN_RUN = (
    "Linear, Conv2d, ConvTranspose2d, Upsample, BatchNorm1d, BatchNorm2d, ReLU, LeakyReLU, Tanh, Sigmoid, Dropout, "
    "Flatten, Reshape, BAD and Gaussian, in nn.Sequential"
)


def pack(module, shape, dtype="float16"):
    """``(layers, weights)`` of an encoder or decoder: what ``core/net.js`` runs.

    ``module`` takes a batch of ``shape``: (d,) for a decoder, (C, H, W) for an
    encoder. ``layers`` is a list of dicts; ``weights`` are bytes, float16 or
    float32, little-endian. A ``Gaussian`` layer becomes one linear layer that
    gives mu, then logvar.

    ValueError names a layer that the browser cannot run, and weights that are not finite.
    """
    if dtype not in NUMBERS:
        raise ValueError(f"weights are sent as float16 or float32, not {dtype!r}")
    layers, arrays, offset = [], [], 0
    shape = tuple(shape)

    def add(kind, shape_out, weight=None, bias=None, **more):
        nonlocal offset, shape
        layer = {"kind": kind, "length": prod(shape_out), "shape_in": list(shape), "shape_out": list(shape_out), **more}
        for name, value in (("weight", weight), ("bias", bias)):
            if value is not None:
                layer[name] = offset
                arrays.append(value.detach().cpu().double().flatten().numpy())
                offset += value.numel()
        layers.append(layer)
        shape = tuple(shape_out)

    for layer in _folded(_leaves(module)):
        if isinstance(layer, _Affine):
            add("affine", shape, layer.scale, layer.shift, channels=len(layer.scale), size=prod(shape[1:]))
        elif _is(layer, Gaussian):
            weight = torch.cat([layer.mu.weight, layer.logvar.weight])
            bias = torch.cat([layer.mu.bias, layer.logvar.bias])
            add("linear", (len(weight),), weight, bias, n_in=weight.shape[1], n_out=len(weight))
        elif isinstance(layer, nn.Linear):
            bias = layer.bias if layer.bias is not None else torch.zeros(layer.out_features)
            add("linear", (layer.out_features,), layer.weight, bias, n_in=layer.in_features, n_out=layer.out_features)
        elif isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            kind = "conv" if isinstance(layer, nn.Conv2d) else "conv_transpose"
            kernel, stride, padding = (_one_number(layer, name) for name in ("kernel_size", "stride", "padding"))
            if layer.groups != 1 or _one_number(layer, "dilation") != 1:
                raise _cannot(layer, "groups and dilation other than 1")
            if layer.padding_mode != "zeros":
                raise _cannot(layer, f"padding_mode={layer.padding_mode!r}")
            with torch.no_grad():
                shape_out = layer(layer.weight.new_zeros(1, *shape)).shape[1:]
            bias = layer.bias if layer.bias is not None else torch.zeros(layer.out_channels)
            add(kind, shape_out, layer.weight, bias, kernel=kernel, stride=stride, padding=padding)
        elif isinstance(layer, nn.Upsample):
            if layer.mode not in ("nearest", "bilinear") or layer.align_corners:
                raise _cannot(layer, f"mode {layer.mode!r} with align_corners={layer.align_corners}")
            shape_out = layer(torch.zeros(1, *shape)).shape[1:]
            if layer.scale_factor and any(n % m for n, m in zip(shape_out[1:], shape[1:])):
                raise _cannot(layer, f"scale_factor={layer.scale_factor}, no whole number")
            add("upsample", shape_out, mode=layer.mode)
        elif isinstance(layer, (nn.ReLU, nn.Tanh, nn.Sigmoid)):
            add(type(layer).__name__.lower(), shape)
        elif isinstance(layer, nn.LeakyReLU):
            add("leaky_relu", shape, slope=layer.negative_slope)
        elif isinstance(layer, (nn.Unflatten, nn.Flatten)) or _is(layer, Reshape):
            shape = tuple(layer(torch.zeros(1, *shape)).shape[1:])
        elif not isinstance(layer, NOTHING):
            raise _cannot(layer)
    weights = np.concatenate(arrays) if arrays else np.zeros(0)
    if not np.isfinite(weights).all():
        raise ValueError("weights of this model are not numbers (NaN or infinite): build and train it anew")
    with np.errstate(over="ignore"):  # told below
        packed = weights.astype(NUMBERS[dtype])
    if not np.isfinite(packed).all():
        raise TooLarge("a weight of this model is beyond 65,504, the largest float16: use dtype='float32'")
    return layers, packed.tobytes()


class TooLarge(ValueError):
    """A weight is beyond what float16 can hold."""


class _Affine:
    """Batch norm in eval mode: ``scale`` and ``shift`` for each channel."""

    def __init__(self, norm):
        spread = (norm.running_var + norm.eps).sqrt()
        self.scale = (norm.weight if norm.affine else 1) / spread
        self.shift = (norm.bias if norm.affine else 0) - norm.running_mean * self.scale


def _is(module, ours):
    """Whether ``module`` is one of our layers, or the same class typed in a notebook."""
    parts = {BAD: ("norm", "activation", "dropout"), Gaussian: ("mu", "logvar"), Reshape: ("shape",)}[ours]
    return type(module).__name__ == ours.__name__ and all(hasattr(module, part) for part in parts)


def _leaves(module):
    if isinstance(module, nn.Sequential):
        for child in module:
            yield from _leaves(child)
    elif _is(module, BAD):
        for child in (module.norm, module.activation, module.dropout):
            yield from _leaves(child)
    elif isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
        if module.running_mean is None:
            raise _cannot(module, "track_running_stats=False, which has no eval mode")
        yield _Affine(module)
    else:
        yield module


def _folded(leaves):
    """The layers, each batch norm that follows a linear or convolution layer multiplied into its weights."""
    done = []
    for layer in leaves:
        before = done[-1] if done else None
        if not (isinstance(layer, _Affine) and isinstance(before, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d))):
            done.append(layer)
            continue
        done[-1] = _scaled(before, layer)
    return done


def _scaled(layer, affine):
    """A copy of ``layer`` with the scale and shift of its outputs taken into its weights."""
    layer = copy.deepcopy(layer)
    # a transposed convolution has its outputs in the second dimension
    wide = [1] * layer.weight.dim()
    wide[1 if isinstance(layer, nn.ConvTranspose2d) else 0] = -1
    with torch.no_grad():
        bias = layer.bias if layer.bias is not None else torch.zeros_like(affine.scale)
        layer.bias = nn.Parameter(bias * affine.scale + affine.shift)
        layer.weight.mul_(affine.scale.view(wide))
    return layer


def _one_number(layer, name):
    value = getattr(layer, name)
    values = set(value) if isinstance(value, tuple) else {value}
    if len(values) != 1 or isinstance(value, str):
        raise _cannot(layer, f"{name}={value}: one number for both directions is wanted")
    return values.pop()


def _cannot(layer, what=""):
    return ValueError(
        f"the browser cannot run {type(layer).__name__}{f' with {what}' if what else ''}: it runs {CAN_RUN}. "
        "Build the network of these, or look at it with plots.image_grid"
    )
