"""What is measured on every patient: each number tells one fault, or one kind of fault, from a healthy VAE."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch

from vae_helpers.clinic.catalogue import FAULTS
from vae_helpers.losses import bernoulli_nll, kl_to_standard_normal
from vae_helpers.models import in_eval

DRAWS = 16  # of ε, for variances
BATCH = 100  # images in a batch of the training: some faults depend on it


def beta(model, fault, x):
    """Weight of the KL against the reconstruction, both in nats per image: 1 for a VAE.

    Read off the loss itself, by its gradients: how hard it pulls at the logits says how much a nat of
    reconstruction weighs, how hard it pulls at μ, the logits held fast, how much a nat of KL. At μ,
    since σ is where the KL may be wrong otherwise.
    """
    x = x[:BATCH]
    with in_eval(model), torch.no_grad():
        output = model(x)
    logits, mu, logvar = (tensor.detach().requires_grad_() for tensor in output)
    given = torch.autograd.grad(fault.loss(_Gives(model, (logits, mu, logvar)), x), (logits, mu), allow_unused=True)
    nll, kl = bernoulli_nll(logits, x).mean(), kl_to_standard_normal(mu, logvar).mean()
    right = torch.autograd.grad(nll + kl, (logits, mu))

    def weight(gradient, of):
        return 0.0 if gradient is None else ((gradient * of).sum() / (of * of).sum()).item()

    reconstruction, divergence = (weight(*pair) for pair in zip(given, right))
    return divergence / reconstruction if reconstruction else math.inf


class _Gives:
    """A model that gives what it was told to give."""

    def __init__(self, model, output):
        self.latent_dim, self.shape, self.output = model.latent_dim, model.shape, output

    def __call__(self, x):
        return self.output


def kl(model, fault, x):
    """KL(q(z | x) ‖ N(0, I)), mean over the images, by the right formula whatever the loss has."""
    return kl_to_standard_normal(*fault.encode(model, x)).mean().item()


def active(model, fault, x):
    """Number of latents whose μ varies from image to image: variance above 0.01 (Burda et al. 2015)."""
    mu, _ = fault.encode(model, x)
    return float((mu.var(0) > 0.01).sum())


def spread(model, fault, x):
    """Root mean square of z over images and latents: where N(0, I) has 1, from which samples are drawn."""
    return model.draw(*fault.encode(model, x)).square().mean().sqrt().item()


def least_sigma(model, fault, x):
    """The smallest σ of any image and latent."""
    _, logvar = fault.encode(model, x)
    return (logvar.min() / 2).exp().item()


def rest_sigma(model, fault, x):
    """The σ at which the loss is least, logits and μ held fast: where a latent that says nothing comes to rest.

    Looked for from 0.02 to 2 in steps of 0.005. NaN if the loss does not ask for σ at all.
    """
    x = x[:BATCH].double()
    with in_eval(model), torch.no_grad():
        logits, mu, _ = (tensor.double() for tensor in model(x.float()))
        sigmas = torch.arange(0.02, 2, 0.005, dtype=torch.float64)
        losses = [fault.loss(_Gives(model, (logits, mu, torch.full_like(mu, 2 * math.log(s)))), x) for s in sigmas]
    losses = torch.stack(losses)
    return sigmas[losses.argmin()].item() if losses.min() < losses.max() else math.nan


def noise(model, fault, x):
    """The noise that is in z over the σ that the KL is told of: median over images and latents of root mean squares."""
    _, logvar = fault.encode(model, x)
    logvar = logvar.double().clamp(min=-100)  # σ may be as small as it likes, but not 0
    draws = torch.stack([model.draw(torch.zeros_like(logvar), logvar) for _ in range(DRAWS)])
    return (draws.square().mean(0).sqrt() / (logvar / 2).exp()).median().item()


def below_zero(model, fault, x):
    """How much of the variance of μ lies below 0: that of min(μ, 0) over that of both halves; ½ if they are alike."""
    mu, _ = fault.encode(model, x)
    below, above = (half.var(0).sum() for half in (mu.clamp(max=0), mu.clamp(min=0)))
    return (below / (below + above)).item()


def zeroed(model, fault, x):
    """Share of the decoder's output that is exactly 0 while it trains."""
    probe = copy.deepcopy(model).train()  # batch norm would learn from it
    with torch.no_grad():
        logits, *_ = probe(x)
    return (logits == 0).float().mean().item()


def gradient_noise(model, fault, x):
    """Variance of the gradient over draws of ε, on one batch, over what it is with an ε for each image and latent.

    Summed over all weights, in eval mode: ε is all the noise there is.
    """
    probe, x = copy.deepcopy(model).eval(), x[:BATCH]
    as_it_is = _variance_of_gradient(probe, fault, x)
    together = probe.draw

    def one_by_one(mu, logvar):  # whatever the draw is, each image has one of its own
        return torch.cat([together(*image) for image in zip(mu.split(1), logvar.split(1))])

    probe.draw = one_by_one
    apart = _variance_of_gradient(probe, fault, x)
    return as_it_is / apart if apart else 1.0


def _variance_of_gradient(model, fault, x):
    first, total, squares = None, 0, 0
    for _ in range(DRAWS):
        gradient = torch.autograd.grad(fault.loss(model, x), list(model.parameters()), allow_unused=True)
        flat = torch.cat([one.flatten() for one in gradient if one is not None])
        first = flat if first is None else first
        away = flat - first  # no digits are lost where the variance is small
        total, squares = total + away, squares + away.square()
    return ((squares - total.square() / DRAWS) / (DRAWS - 1)).sum().item()


def two_encodings(model, fault, x):
    """Distance of two encodings of one image, over the distance of a code from the mean of all codes."""
    (one, _), (two, _) = fault.encode(model, x), fault.encode(model, x)
    apart = (one - two).norm(dim=1).mean()
    return (apart / (one - one.mean(0)).norm(dim=1).mean()).item() if apart else 0.0


def brightest(model, fault, x):
    """The largest target that the loss is given."""
    return x.max().item()


@dataclass(frozen=True)
class Measurement:
    """One line of the chart. ``of(model, fault, x)``, x (N, C, H, W) as the patient is given it, gives a float.

    ``low``, ``high``: the range of healthy patients, ends included. ``unit``: "" for plain numbers.
    """

    key: str
    name: str
    unit: str
    of: Callable
    low: float
    high: float

    @property
    def says(self):
        """What is measured, in a sentence."""
        return self.of.__doc__.strip().split("\n")[0]


CHART = {line.key: line for line in [
    Measurement("beta", "effective β", "", beta, 0.9, 1.1),
    Measurement("kl", "KL, all latents", "nats", kl, 5, 40),
    Measurement("active", "active units", "", active, 3, 20),
    Measurement("spread", "spread of z", "", spread, 0.8, 1.25),
    Measurement("least_sigma", "least σ", "", least_sigma, 0.01, 1),
    Measurement("rest_sigma", "σ at which the KL is least", "", rest_sigma, 0.97, 1.03),
    Measurement("noise", "noise in z over σ", "", noise, 0.8, 1.25),
    Measurement("below_zero", "share of μ’s variance below 0", "", below_zero, 0.15, 0.85),
    Measurement("zeroed", "output pixels at exactly 0", "", zeroed, 0, 0.01),
    Measurement("gradient_noise", "gradient’s variance, relative", "", gradient_noise, 0.5, 2),
    Measurement("two_encodings", "two encodings, apart", "", two_encodings, 0, 0.01),
    Measurement("brightest", "brightest target", "", brightest, 0, 1),
]}


def examine(model, fault, x, seed=0):
    """All measurements of ``model`` on images ``x`` (N, C, H, W), as the fault's ``data`` gives them: key → float.

    Torch's global generator is left as it was; the same seed gives the same chart.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return {key: line.of(model, fault, x) for key, line in CHART.items()}


def outside(chart):
    """Keys of the measurements that lie outside their healthy range; those that are not numbers do too."""
    return [key for key, value in chart.items() if not CHART[key].low <= value <= CHART[key].high]


def suspects(chart):
    """Keys of the faults in whose range their own measurement lies; ``["clean"]`` if there are none."""
    found = [key for key, one in FAULTS.items() if key != "clean" and one.lies[0] <= chart[one.measure] <= one.lies[1]]
    return found or ["clean"]
