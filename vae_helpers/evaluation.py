"""What a trained model is worth: the terms of its bound, log p(x) itself, the latents in use, the floor of a loss.

To measure a bound, z is drawn, since the bound is a mean over q(z | x); to show
a picture, μ is decoded (``models.reconstruct``), since noise helps no picture.
"""

from __future__ import annotations

import math
from contextlib import contextmanager
from dataclasses import dataclass, field
from numbers import Integral

import numpy as np
import torch

from vae_helpers.data import Split, check_images
from vae_helpers.losses import bernoulli_nll, kl_per_latent
from vae_helpers.models import in_eval


@dataclass
class Evaluation:
    """Means over the images of a split, in nats per image: ``elbo`` = −(``nll`` + ``kl``).

    ``nll``: −log p(x | z) at one draw of z for each image. ``kl``: KL(q(z | x) ‖ N(0, I)),
    the sum of ``kl_per_latent``. ``rmse``: of the pictures that μ gives, in pixel units.
    An autoencoder has no bound: its ``nll`` and ``rmse`` are those of its codes, its
    ``elbo`` and ``kl`` are None, its ``kl_per_latent`` is empty.
    """

    nll: float
    rmse: float
    elbo: float | None = None
    kl: float | None = None
    kl_per_latent: list[float] = field(default_factory=list)

    def __repr__(self):
        if self.elbo is None:
            return f"Evaluation: nll {self.nll:.2f} nats per image, rmse {self.rmse:.4f}; no KL, so no ELBO"
        terms = f"ELBO {self.elbo:.2f} nats per image = −(nll {self.nll:.2f} + kl {self.kl:.2f})"
        latents = len(self.kl_per_latent)
        return f"Evaluation: {terms}, {latents} latent{'s' * (latents != 1)}; rmse {self.rmse:.4f}"


def evaluate(model, split, nll=bernoulli_nll, seed=0, batch_size=500, device="cpu"):
    """The ELBO of ``model`` on all images of ``split``, and what it is made of: an ``Evaluation``.

    ``split``: a ``Split``, or float32 images (N, C, H, W) in [0, 1]. One that binarises
    each batch anew is binarised once, from ``seed``. ``nll(output, x)``: −log p(x | z) of each
    image in nats, shape (N,), where ``output`` is what ``model.decoder`` gives.

    One z is drawn for each image, from a generator of ``seed``, the same whatever ``batch_size``
    and ``device``: so the numbers repeat, but for rounding. The model is measured in eval mode on
    ``device`` and put back as it was; torch's global generator is left alone.

    ValueError for images that the model cannot take, for an ``nll`` that does not give one number
    for each image, and for ``bernoulli_nll`` of a model whose output is pixels.
    """
    split = _checked(split, model, seed)
    picture = torch.sigmoid if getattr(model, "output", "logits") == "logits" else torch.nn.Identity()
    if nll is bernoulli_nll and picture is not torch.sigmoid:
        raise ValueError(
            f"bernoulli_nll takes logits, and the output of this {type(model).__name__} is pixels: evaluate it with "
            "nll=lambda mean, x: gaussian_nll(mean, x, sigma=…)"
        )
    total_nll = total_kl = total_square = 0.0
    noise, done = None, 0
    with _at_rest(model, device):
        for x in split.batches(batch_size, device=device):
            x = _as_weights(model, x)
            code = model.encoder(x)
            shown = output = model.decoder(code[0] if isinstance(code, tuple) else code)
            if isinstance(code, tuple):
                mu, logvar = code
                total_kl = total_kl + kl_per_latent(mu, logvar).cpu().double().sum(0)
                noise = _noise(len(split), mu.shape[1], seed) if noise is None else noise
                eps = noise[done : done + len(x)].to(mu)
                output = model.decoder(mu + (logvar / 2).exp() * eps)
            total_nll += _per_image(nll, output, x).cpu().double().sum().item()
            total_square += (picture(shown) - x).square().cpu().double().sum().item()
            done += len(x)
    found = Evaluation(total_nll / done, math.sqrt(total_square / (done * math.prod(split.shape))))
    if isinstance(total_kl, torch.Tensor):
        found.kl_per_latent = (total_kl / done).tolist()
        found.kl = sum(found.kl_per_latent)
        found.elbo = -(found.nll + found.kl)
    return found


def log_likelihood(model, images, k=500, nll=bernoulli_nll, seed=0, batch_size=500, device="cpu"):
    """log p(x) of each image in nats, shape (N,), float64: estimated with ``k`` draws of z from its encoder.

    By importance sampling, log 1/k Σ p(x | z) p(z) / q(z | x) with z from q(z | x) (Burda, Grosse &
    Salakhutdinov 2015, arXiv 1509.00519, eq. 8). At ``k`` = 1 its expectation is the ELBO; in expectation it is
    a lower bound of log p(x) that rises with k, up to log p(x) itself. So state k with the number.

    ``images``: float32 (N, C, H, W) in [0, 1] or a ``Split``; one that binarises each batch anew is binarised
    once, from ``seed``. ``nll(output, x)`` as for ``evaluate``; the decoder is to say no more than that, and
    exp(−nll) is to be a density, alike for all pixels that have the same ``output``: ``bernoulli_nll`` for
    pixels 0 and 1, or ``lambda logits, x: gaussian_nll(logits.sigmoid(), x, sigma)``. It is integrated
    beforehand, and a loss that is no likelihood is refused with a ValueError: grey levels under
    ``bernoulli_nll`` (Loaiza-Ganem & Cunningham 2019, arXiv 1907.06845), a bare squared error, a mean over pixels.

    ``batch_size``: pictures decoded at a time, which bounds the memory; the draws depend on ``seed`` and the
    number of images alone, and those of a smaller ``k`` come first in a larger. ``log_likelihood_and_error``
    gives the error of each number besides.
    """
    return log_likelihood_and_error(model, images, k, nll, seed, batch_size, device)[0]


def log_likelihood_and_error(model, images, k=500, nll=bernoulli_nll, seed=0, batch_size=500, device="cpu"):
    """``log_likelihood``, and its standard error for each image under other draws of z: two tensors (N,), in nats.

    The error is that of the mean of the ``k`` weights, over that mean: to first order that of its logarithm.
    It is NaN at ``k`` = 1, and too small where a few weights carry the sum: where it is
    not far below 1, do not trust it. The mean over N images has the standard error √Σ error² / N under other
    draws, and std / √N under other images, which is the larger by far.
    """
    if not isinstance(k, Integral) or k < 1:
        raise ValueError(f"k must be a whole number of draws for each image, 1 or more, not {k!r}")
    split = _checked(images, model, seed)
    with _at_rest(model, device):
        mu, logvar = _posteriors(model, split, batch_size, device)
        x = split.as_float().to(mu)
        _check_is_likelihood(nll, model.decoder(mu[:1]), x)
        total = squares = torch.full((len(x),), -math.inf, dtype=torch.float64)
        for log_weights in _log_weights(model, x, mu, logvar, int(k), nll, seed, batch_size):
            total = torch.logaddexp(total, log_weights.logsumexp(0))
            squares = torch.logaddexp(squares, (2 * log_weights).logsumexp(0))
    variance = torch.expm1(squares - 2 * total + math.log(k)).clamp(min=0)  # of the weights, over their mean squared
    return total - math.log(k), (variance / (k - 1)).sqrt()


def active_units(model, split, threshold=0.01, batch_size=500, device="cpu"):
    """Which latents are in use: a bool tensor (d,); its ``.sum()`` is their number.

    Those whose posterior mean μ varies over the images by more than ``threshold``, a variance (Burda, Grosse &
    Salakhutdinov 2015, arXiv 1509.00519). A collapsed latent has the same μ whatever the image.
    ``split``: a ``Split``, or float32 images (N, C, H, W) in [0, 1], two or more.
    """
    split = _checked(split, model, 0)
    if len(split) < 2:
        raise ValueError("the variance of μ over the images needs two images at least, and there is 1")
    with _at_rest(model, device):
        mu, _ = _posteriors(model, split, batch_size, device)
    return mu.cpu().double().var(0) > threshold


def grey_floor(images):
    """The least that ``bernoulli_nll`` can be on these images, in nats per image, a float: their own entropy.

    The mean over the images of Σ −x log x − (1 − x) log(1 − x), each pixel read as a probability: what the
    cross-entropy comes to when the decoder gives every pixel its very grey. 0 for pixels 0 and 1; on the test
    images of MNIST 45.5, of Fashion-MNIST 189.9. ``images``: a ``Split``, or float32 (N, C, H, W) in [0, 1].
    """
    split, total = _checked(images, None, 0), 0.0
    for x in split.batches(500):
        total += (torch.special.entr(x) + torch.special.entr(1 - x)).cpu().double().sum().item()
    return total / len(split)


# --- what they share


def _checked(images, model, seed):
    """``images`` as a Split that ``model`` can take and that does not change, or a ValueError."""
    if model is not None and not (hasattr(model, "encoder") and hasattr(model, "decoder")):
        raise TypeError(
            f"this {type(model).__name__} has no encoder and decoder to measure: wrap yours in models.VAE, or "
            "models.Autoencoder"
        )
    shape = getattr(model, "shape", None)
    if not isinstance(images, Split):
        check_images(images, shape)
        return Split.from_tensor(images)
    # of bytes one image is enough: they cannot be NaN
    check_images(images.images if images.images.is_floating_point() else images.as_float([0]), shape)
    return images.binarised(seed) if images.redrawn else images


@contextmanager
def _at_rest(model, device):
    """Inside, ``model`` is on ``device``, in eval mode, and needs no gradient; afterwards it is as it was."""
    home = next(model.parameters()).device
    try:
        model.to(device)
        with in_eval(model), torch.no_grad():
            yield
    finally:
        model.to(home)


def _as_weights(model, x):
    return x.to(next(model.parameters()).dtype)


def _posteriors(model, split, batch_size, device):
    """``mu, logvar`` of all images, both (N, d), or a ValueError where the encoder gives no Gaussians."""
    found = []
    for x in split.batches(batch_size, device=device):
        code = model.encoder(_as_weights(model, x))
        if not isinstance(code, tuple) or len(code) != 2:
            raise ValueError(
                f"wanted a VAE, whose encoder gives mu and logvar; that of this {type(model).__name__} gives "
                "codes alone, so there is no q(z | x)"
            )
        found.append(code)
    mu, logvar = (torch.cat(part) for part in zip(*found))
    return mu, logvar


def _noise(count, d, seed):
    """ε of each image, (count, d), on the CPU: the same for every size of batch and device."""
    generator = torch.Generator().manual_seed(seed)
    # torch.randn draws other numbers for another length, hence blocks of one length
    return torch.cat([torch.randn(min(500, count - i), d, generator=generator) for i in range(0, count, 500)])


def _per_image(nll, output, x):
    found = nll(output, x)
    shape = tuple(getattr(found, "shape", ()))
    if shape != x.shape[:1]:
        raise ValueError(
            f"nll(output, x) must give one number for each image, shape ({len(x)},), and gave {shape}: "
            "sum over channels, height and width, as bernoulli_nll does, and take no mean over the batch"
        )
    return found


def _log_weights(model, x, mu, logvar, k, nll, seed, batch_size):
    """log p(x | z) p(z) / q(z | x) for ``k`` draws of each image, some draws at a time: blocks (draws, N), float64."""
    generator = torch.Generator().manual_seed(seed)
    count, d = mu.shape
    draws = max(1, 2000 // count)  # of each image in a block; by the number of images alone, as the draws depend on it
    for done in range(0, k, draws):
        eps = torch.randn(draws, count, d, generator=generator)[: k - done].to(mu)
        z = mu + (logvar / 2).exp() * eps
        # log p(z) − log q(z | x): the log 2π cancel, and (z − μ)/σ is ε, which a small σ would round away
        log_ratio = (eps**2 + logvar - z**2).sum(-1) / 2
        image = torch.arange(count, device=x.device).repeat(len(z))
        parts = zip(z.flatten(0, 1).split(batch_size), image.split(batch_size))
        nlls = torch.cat([_per_image(nll, model.decoder(z_part), x[which]) for z_part, which in parts])
        yield log_ratio.cpu().double() - nlls.view(-1, count).cpu().double()


# --- is it a likelihood?


def _check_is_likelihood(nll, output, x):
    """ValueError unless exp(−nll) is a density of a picture or, where all pixels are 0 or 1, a probability.

    On a picture with all pixels alike, from an output with all pixels alike, nll is D·g(t): so exp(−g) must have
    the integral 1. What it lacks counts D times: a mean over pixels instead of a sum is near 1 for one pixel.
    """
    _per_image(nll, output, x[:1])  # an error in nll itself is told as it is
    pixels, binary = x[0].numel(), bool(((x == 0) | (x == 1)).all())

    def is_one(mass):
        return 0 < mass < math.inf and abs(pixels * math.log(mass)) < 0.01

    for value in (-1.0, 0.0, 2.0):
        g = _of_one_pixel(nll, output[0], x[0], value)
        on_two = _or_nan(lambda: (-g(torch.tensor([0.0, 1.0]))).exp().sum().item())
        if binary and is_one(on_two):
            continue
        inside = _or_nan(lambda: _integral(g, 0.0, 1.0))
        if is_one(inside):
            continue
        everywhere = _or_nan(lambda: _integral(g, -math.inf, math.inf))
        if is_one(everywhere):
            continue
        if is_one(on_two):
            raise ValueError(
                "this nll is a likelihood for pixels 0 and 1 only, and these images have greys. There the "
                f"cross-entropy is no density (of one pixel, at an output of {value:g}, it integrates to {inside:.4g} "
                "over [0, 1]), and no log p(x) comes of it (Loaiza-Ganem & Cunningham 2019). Binarise the images, with "
                "split.binarised(), for training too; or give a density of greys, such as gaussian_nll with a sigma"
            )
        raise ValueError(
            f"this nll is no likelihood: at an output of {value:g}, exp(−nll) of one of the {pixels} pixels "
            f"integrates to {everywhere:.6g} over all values, to {inside:.6g} over [0, 1], and sums to {on_two:.6g} "
            "over 0 and 1, where a density or a probability gives 1. Sum over the pixels, take no mean, and keep the "
            "constants, as gaussian_nll(mean, x, sigma) does, and bernoulli_nll for pixels 0 and 1"
        )


def _of_one_pixel(nll, output, x, value):
    """g of t (T,), in float64: one pixel's share of nll where all pixels are t and all outputs ``value``."""
    dtype = torch.float32 if x.device.type == "mps" else torch.float64  # which has no float64
    outputs = torch.full_like(output, value, dtype=dtype)

    def g(t):
        parts = t.to(x.device, dtype).view(-1, 1, 1, 1).split(max(1, 2_000_000 // x.numel()))
        pairs = ((outputs.expand(len(part), *outputs.shape), part.expand(-1, *x.shape)) for part in parts)
        return torch.cat([_per_image(nll, *pair) for pair in pairs]).cpu().double() / x.numel()

    return g


def _or_nan(number):
    """``number()``, or NaN where a distribution refuses values outside its support."""
    try:
        return number()
    except (ValueError, RuntimeError):
        return math.nan


def _integral(g, low, high):
    """∫ exp(−g(t)) dt over [low, high], for a ``g`` with one valley, as narrow or wide as may be.

    Around its bottom by Gauss and Legendre's rule on pieces that double in length, from 1e-12 to 1e12.
    """
    left, right = max(low, -10.0), min(high, 10.0)
    for _ in range(9):  # each look is a hundred times as close
        t = torch.linspace(left, right, 201, dtype=torch.float64)
        bottom = t[g(t).nan_to_num(nan=math.inf).argmin()].item()
        step = (right - left) / 200
        left, right = max(left, bottom - step), min(right, bottom + step)
    reach = 2.0 ** torch.arange(-40, 41, dtype=torch.float64)
    edges = torch.cat([bottom - reach.flip(0), torch.tensor([bottom], dtype=torch.float64), bottom + reach])
    edges = edges.clamp(low, high)
    middles, halves = (edges[1:] + edges[:-1]) / 2, edges.diff() / 2
    middles, halves = middles[halves > 0, None], halves[halves > 0, None]
    nodes, weights = (torch.from_numpy(part) for part in np.polynomial.legendre.leggauss(12))
    density = (-g((middles + halves * nodes).flatten())).exp().nan_to_num(nan=0.0, posinf=math.inf)
    return (density.view(-1, 12) * halves * weights).sum().item()
