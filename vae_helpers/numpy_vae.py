"""A variational autoencoder in NumPy alone: every layer with the backward pass that autograd writes elsewhere.

Defined in notebook 07, which derives each derivative in the cell above its layer. A layer's ``forward`` keeps
what its ``backward`` will want. ``backward`` is handed the derivative of the loss with respect to what ``forward``
gave, in the same shape, and gives it back with respect to what ``forward`` was given.

Images are float64 (N, D), flat, from 0 to 1. The loss is in nats per image, nll + KL at β = 1: summed over pixels
and latents, averaged over the batch. The 1/N stands in the two losses alone, so all other layers only sum.

The net is that of C. Ryu's lecture notes, 64-16-2-16-64 on 8×8 digits; what they have wrong is mended:
pixels divided by 15, a KL reported without its ½, no check of the gradients.
"""

from __future__ import annotations

import numpy as np

# --- layers


class Linear:
    """x W + b: (N, ``n_in``) to (N, ``n_out``).

    ``w`` (n_in, n_out) is drawn by ``rng``, a NumPy generator, with variance ``gain`` / n_in; b is 0. A gain of 2 is
    for a layer with a ReLU behind it (He et al. 2015, arXiv 1502.01852). ``backward`` leaves ``dw`` and ``db`` behind.
    """

    def __init__(self, n_in, n_out, rng, gain=1):
        self.w = rng.standard_normal((n_in, n_out)) * np.sqrt(gain / n_in)
        self.b = np.zeros(n_out)

    def forward(self, x):
        self.x = x
        return x @ self.w + self.b

    def backward(self, dy):
        self.dw = self.x.T @ dy
        self.db = dy.sum(0)
        return dy @ self.w.T


class ReLU:
    """max(x, 0), of any shape. At 0 itself, where there is no derivative, ``backward`` takes 0, as torch does."""

    def forward(self, x):
        self.on = x > 0
        return np.where(self.on, x, 0)

    def backward(self, dy):
        return np.where(self.on, dy, 0)


class Tanh:
    """tanh x, of any shape; its derivative is 1 − tanh² x."""

    def forward(self, x):
        self.y = np.tanh(x)
        return self.y

    def backward(self, dy):
        return dy * (1 - self.y**2)


class GaussianHead:
    """``mu`` and ``logvar``, (N, ``latents``) each, of features (N, ``n_in``): two ``Linear`` side by side."""

    def __init__(self, n_in, latents, rng):
        self.mu, self.logvar = Linear(n_in, latents, rng), Linear(n_in, latents, rng)

    def forward(self, h):
        return self.mu.forward(h), self.logvar.forward(h)

    def backward(self, dmu, dlogvar):
        return self.mu.backward(dmu) + self.logvar.backward(dlogvar)


class Sample:
    """z = μ + σ ε, all (N, d); ``eps`` comes from outside, so that a step can be taken again with the same noise."""

    def forward(self, mu, logvar, eps):
        self.noise = np.exp(logvar / 2) * eps
        return mu + self.noise

    def backward(self, dz):
        return dz, dz * self.noise / 2


# --- losses


class KL:
    """KL(N(μ, σ²) ‖ N(0, I)), ½ Σ (μ² + σ² − log σ² − 1): nats per image, summed over latents, the batch's mean, ().

    Derived in notebook 04. ``mu`` and ``logvar`` (N, d). It is a loss, so ``backward`` is handed nothing.
    """

    def forward(self, mu, logvar):
        self.mu, self.var = mu, np.exp(logvar)
        return (mu**2 + self.var - logvar - 1).sum() / 2 / len(mu)

    def backward(self):
        return self.mu / len(self.mu), (self.var - 1) / 2 / len(self.mu)


def sigmoid(logits):
    """1 / (1 + exp(−a)) as ½ (1 + tanh(a/2)), which overflows nowhere. Any shape."""
    return (1 + np.tanh(logits / 2)) / 2


class BernoulliNLL:
    """−Σ x log p + (1 − x) log(1 − p), p = sigmoid(``logits``): nats per image, summed over pixels, batch mean, ().

    As log(1 + exp(a)) − x a, finite at every logit a. ``logits`` and ``x`` (N, D). Like ``KL``, a loss.
    """

    def forward(self, logits, x):
        self.logits, self.x = logits, x
        return (np.logaddexp(0, logits) - x * logits).sum() / len(x)

    def backward(self):
        return (sigmoid(self.logits) - self.x) / len(self.x)


# --- the model


class VAE:
    """pixels-hidden-latents-hidden-pixels, with weights drawn by ``rng``; ``bend`` is the class of its two kinks.

    ``forward(x, eps)``, (N, pixels) and (N, latents): ``nll, kl``, each a number in nats per image; −ELBO is their sum.
    ``backward()`` afterwards: the gradient of that sum, left behind in the ``Linear`` layers; see ``parameters``.
    ``encode(x)``: ``mu, logvar``; ``decode(z)``: logits.
    """

    def __init__(self, rng, pixels=64, hidden=16, latents=2, bend=ReLU):
        self.pixels, self.latents = pixels, latents
        self.encoder, self.encoder_bend = Linear(pixels, hidden, rng, gain=2), bend()
        self.head, self.sample, self.kl = GaussianHead(hidden, latents, rng), Sample(), KL()
        self.decoder, self.decoder_bend = Linear(latents, hidden, rng, gain=2), bend()
        self.logits, self.nll = Linear(hidden, pixels, rng), BernoulliNLL()

    def encode(self, x):
        return self.head.forward(self.encoder_bend.forward(self.encoder.forward(x)))

    def decode(self, z):
        return self.logits.forward(self.decoder_bend.forward(self.decoder.forward(z)))

    def forward(self, x, eps):
        mu, logvar = self.encode(x)
        logits = self.decode(self.sample.forward(mu, logvar, eps))
        return self.nll.forward(logits, x), self.kl.forward(mu, logvar)

    def backward(self):
        dh = self.decoder_bend.backward(self.logits.backward(self.nll.backward()))
        dmu, dlogvar = self.sample.backward(self.decoder.backward(dh))
        dmu_kl, dlogvar_kl = self.kl.backward()
        dh = self.head.backward(dmu + dmu_kl, dlogvar + dlogvar_kl)
        self.encoder.backward(self.encoder_bend.backward(dh))


def parameters(model):
    """Name → (array, its gradient) for the ten arrays of a ``VAE`` that has gone ``backward``; weights, then biases."""
    head = model.head
    layers = {"encoder": model.encoder, "mu": head.mu, "logvar": head.logvar,
              "decoder": model.decoder, "logits": model.logits}
    weights = {f"{name}.w": (layer.w, layer.dw) for name, layer in layers.items()}
    return weights | {f"{name}.b": (layer.b, layer.db) for name, layer in layers.items()}


# --- are the gradients right?


def central_differences(loss, array, h=1e-5):
    """The gradient of ``loss()``, a number, with respect to ``array``, in its shape: (loss(a + h) − loss(a − h)) / 2h.

    ``loss`` takes no argument and reads ``array``, whose numbers are moved in place, one after the other, and put
    back. Its error is of the order h² (truncation) plus 1e-16 · loss / h (rounding): h = 1e-5 is near the best.
    """
    gradient = np.empty_like(array)
    for i in np.ndindex(array.shape):
        kept = array[i]
        array[i] = kept + h
        above = loss()
        array[i] = kept - h
        gradient[i] = (above - loss()) / (2 * h)
        array[i] = kept
    return gradient


def relative_error(a, b):
    """The largest |a − b|, as a share of the largest number in ``a`` and ``b``; 0 where both are 0 throughout.

    Not number by number: the rounding in a difference of two losses does not shrink with the number.
    """
    largest = max(np.abs(a).max(), np.abs(b).max())
    return np.abs(a - b).max() / largest if largest else 0.0


def check_gradients(loss, pairs, h=1e-5):
    """The relative error of each gradient against central differences: a dict name → number, below 1e-6 where right.

    ``loss``: a function of no argument that gives the loss as a number, with the *same* noise at each call.
    ``pairs``: name → (array, gradient), such as ``parameters(model)`` after ``backward()``; ``loss`` reads
    the arrays. A gradient that a kink of a ReLU lies within ``h`` of is off though it is right: draw other inputs.

    ValueError unless arrays and gradients are float64 of one shape, and if ``loss()`` differs from call to call.
    """
    check_pairs(loss, pairs)
    return {name: relative_error(gradient, central_differences(loss, array, h))
            for name, (array, gradient) in pairs.items()}


# --- training


class SGD:
    """Gradient descent: each number goes ``lr`` times its gradient downhill. ``step(parameters(model))``, in place."""

    def __init__(self, lr):
        self.lr = lr

    def step(self, pairs):
        for value, gradient in pairs.values():
            value -= self.lr * gradient


class Adam:
    """Kingma & Ba 2015 (arXiv 1412.6980), algorithm 1, with torch's defaults. ``step(parameters(model))``, in place.

    Its memory goes by the names of the parameters: one optimizer for one model.
    """

    def __init__(self, lr=1e-3, betas=(0.9, 0.999), eps=1e-8):
        self.lr, (self.b1, self.b2), self.eps = lr, betas, eps
        self.t, self.m, self.v = 0, {}, {}

    def step(self, pairs):
        self.t += 1
        for name, (value, gradient) in pairs.items():
            m = self.m[name] = self.b1 * self.m.get(name, 0) + (1 - self.b1) * gradient
            v = self.v[name] = self.b2 * self.v.get(name, 0) + (1 - self.b2) * gradient**2
            m, v = m / (1 - self.b1**self.t), v / (1 - self.b2**self.t)
            value -= self.lr * m / (np.sqrt(v) + self.eps)


def train(model, optimizer, x, x_test, epochs, rng, batch_size=32):
    """Train in place; gives the history, (epochs, 4): nll and KL on ``x``, nll and KL on ``x_test``, after each epoch.

    All in nats per image, at one draw of z for each image. ``x`` (N, D) and ``x_test`` (M, D) in [0, 1]. ``rng``
    deals the order of the images, anew in each epoch, and all ε. The last batch of an epoch may be smaller.
    ValueError for images of another shape or type, and for pixels below 0, above 1 or NaN.
    """
    check_pixels(model, x, x_test)
    history = np.empty((epochs, 4))
    for epoch in range(epochs):
        order = rng.permutation(len(x))
        for start in range(0, len(x), batch_size):
            batch = x[order[start : start + batch_size]]
            model.forward(batch, rng.standard_normal((len(batch), model.latents)))
            model.backward()
            optimizer.step(parameters(model))
        measured = [model.forward(images, rng.standard_normal((len(images), model.latents)))
                    for images in (x, x_test)]
        history[epoch] = np.ravel(measured)
    return history


# --- what is checked


def check_pixels(model, *sets):
    """ValueError unless each of ``sets`` holds images for ``model``: float64 (N, pixels) from 0 to 1."""
    for x in sets:
        if not isinstance(x, np.ndarray) or x.dtype != np.float64:
            what = f"an array of {x.dtype}" if isinstance(x, np.ndarray) else f"a {type(x).__name__}"
            raise ValueError(f"images must be an array of float64, not {what}: np.asarray(x, dtype=float) makes one")
        if x.ndim != 2 or x.shape[1] != model.pixels or len(x) == 0:
            raise ValueError(
                f"images must have shape (N, {model.pixels}), a flat row each, not {x.shape}: "
                f"x.reshape(len(x), -1) flattens them"
            )
        if not (x.min() >= 0 and x.max() <= 1):  # a nan is neither
            raise ValueError(
                f"pixels must be from 0 to 1, these go from {x.min():.4g} to {x.max():.4g}: divide by the value that "
                "is white (16 for scikit-learn's digits, not 15). Above 1 the cross-entropy has no minimum"
            )


def check_pairs(loss, pairs):
    """ValueError unless ``pairs`` are float64 arrays with gradients of their shape, and ``loss()`` can be repeated."""
    for name, (array, gradient) in pairs.items():
        for what, numbers in (("array", array), ("gradient", gradient)):
            if not isinstance(numbers, np.ndarray) or numbers.dtype != np.float64:
                kind = numbers.dtype if isinstance(numbers, np.ndarray) else type(numbers).__name__
                raise ValueError(f"{name}: the {what} must be float64, not {kind}: a difference of two losses loses "
                                 "half of the digits, and float32 has only seven")
        if array.shape != gradient.shape:
            raise ValueError(f"{name}: the array has shape {array.shape}, its gradient {gradient.shape}; "
                             "each number needs one")
    first, again = loss(), loss()
    if first != again:
        raise ValueError(f"loss() gave {first:.6g}, then {again:.6g}: draw ε once, outside, and use it at each call")
