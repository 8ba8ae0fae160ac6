"""A network that was sent to the browser once, for all widgets that show it."""

from __future__ import annotations

import weakref

import ipywidgets
import torch
import traitlets
from torch import nn

from vae_helpers.models import in_eval
from vae_helpers.widgets.core.pack import TooLarge, pack

_SENT = weakref.WeakKeyDictionary()


class Network(ipywidgets.Widget):
    """Layers and weights of one encoder or decoder; widgets refer to it, it is never shown itself."""

    layers = traitlets.List().tag(sync=True)
    weights = traitlets.Bytes().tag(sync=True)
    format = traitlets.Unicode("float16").tag(sync=True)

    def __repr__(self):
        return f"Network of {len(self.layers)} layers, {len(self.weights):,} bytes"


def decoder_of(model):
    """The decoder of ``model`` as the browser runs it: code to pixels, the sigmoid included. A ``Network``."""
    last = [nn.Sigmoid()] if model.output == "logits" else []
    return _sent(model.decoder, (model.latent_dim,), last)


def encoder_of(model):
    """The encoder of ``model`` as the browser runs it: image to code, or to mu, then logvar. A ``Network``."""
    return _sent(model.encoder, model.shape, [])


def _sent(module, shape, last):
    """The ``Network`` that holds these very weights: the one that was sent before, or a new one.

    Widgets shown before a further training keep what they show.
    """
    whole = nn.Sequential(module, *last)
    try:
        dtype = "float16"
        layers, weights = pack(whole, shape, dtype)
    except TooLarge:
        dtype = "float32"
        layers, weights = pack(whole, shape, dtype)
    earlier = _SENT.get(module)
    closed = earlier is not None and earlier.comm is None
    if earlier is None or closed or earlier.weights != weights or earlier.layers != layers:
        earlier = _SENT[module] = Network(layers=layers, weights=weights, format=dtype)
    return earlier


def is_vae(model):
    """Whether the encoder of ``model`` gives mu and logvar for one image."""
    with in_eval(model), torch.no_grad():
        device = next(model.parameters()).device
        return isinstance(model.encoder(torch.zeros(1, *model.shape, device=device)), tuple)
