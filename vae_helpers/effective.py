"""How a loss weighs its two terms against each other: from what it sums and averages, or measured by its gradients.

What ``losses.effective_beta`` stands on. Every loss is read as a · nll + b · kl, where nll and kl
are in nats per image, means over the batch; then its β is b / a, since the whole may be multiplied by anything.
"""

import math
from numbers import Integral

import torch

# Codes seen in the wild, by what is wrong with them; up to factors and constants, which a gradient's direction hides.
FAULTY_KLS = {
    "σ⁴ stands where σ² belongs": lambda mu, logvar: mu**2 + (2 * logvar).exp() - logvar,
    "log σ² is added where it is subtracted": lambda mu, logvar: mu**2 + logvar.exp() + logvar,
    "σ⁴ stands where σ² belongs, and log σ² is added": lambda mu, logvar: mu**2 + (2 * logvar).exp() + logvar,
    "μ² is subtracted where it is added": lambda mu, logvar: logvar.exp() - logvar - mu**2,
    "σ² is missing": lambda mu, logvar: mu**2 - logvar,
    "σ stands where σ² belongs": lambda mu, logvar: mu**2 + (logvar / 2).exp() - logvar,
    "logvar is taken for σ": lambda mu, logvar: mu**2 + logvar**2 - (logvar**2).log(),
    "logvar is taken for log σ": lambda mu, logvar: mu**2 + (2 * logvar).exp() - 2 * logvar,
}


def weight_from_sums(likelihood, reconstruction, kl, sizes, sigma, error):
    """β from the reductions of both terms; the arguments are those of ``losses.effective_beta``.

    A term that is averaged over n things has 1/n of the weight of its sum. What
    both are averaged over cancels, so its size is not asked for.
    """
    if likelihood == "rmse":
        if reconstruction not in (None, "mean"):
            raise ValueError(f"a root mean square error is a mean: leave reconstruction={reconstruction!r} out")
        reconstruction = "mean"
    nll_over = _averaged_over(reconstruction, ("batch", "pixels"), "reconstruction")
    kl_over = _averaged_over(kl, ("batch", "latents"), "kl")
    beta = _count(nll_over - kl_over, sizes) / _count(kl_over - nll_over, sizes)
    if likelihood == "gaussian":
        return beta / (2 * sigma**2)  # the squared error is 2σ² times the nll
    if likelihood == "rmse":
        return beta * error / sigma**2  # d RMSE / d (sum of squares) = 1 / (2 · batch · pixels · RMSE)
    return beta


@torch.enable_grad()
def weight_from_gradients(likelihood, reconstruction, kl, references, sizes, error, output, seed):
    """β measured: ``reconstruction(output, x)`` and ``kl(mu, logvar)`` against ``references``, the same two in nats.

    On random inputs, twice, with small and with large errors: what is proportional to
    its reference is so with one factor. ValueError, which names what was found, if it is not.
    """
    _count(("batch", "pixels", "latents"), sizes)  # all three are needed
    batch, latents = sizes["batch"], sizes["latents"]
    images = (batch, *sizes["pixels"]) if isinstance(sizes["pixels"], (tuple, list)) else (batch, sizes["pixels"])
    if likelihood == "bernoulli":
        other = "pixels" if output == "logits" else "logits"
        hint = f'Its first argument was {output}; does it take {other}? Then say output="{other}"'
    else:
        hint = 'It was given pixels; is it a cross-entropy? Then the likelihood is "bernoulli"'
    kl_hint = "It was given mu and log σ², both (batch, latents); does it take something else, as σ or σ²?"
    generator, found = torch.Generator().manual_seed(seed), []
    for small, large in ((0.1, 1.0), (0.3, 2.0)):
        x, noise = torch.rand(images, generator=generator), torch.randn(images, generator=generator)
        if likelihood == "bernoulli":
            leaf = (large * noise).requires_grad_()
            given = leaf.sigmoid() if output == "pixels" else leaf
        else:
            given = leaf = (x + noise * (error or small) / noise.square().mean().sqrt()).requires_grad_()
        mu = (large * torch.randn(batch, latents, generator=generator)).requires_grad_()
        logvar = (large / 2 * torch.randn(batch, latents, generator=generator)).requires_grad_()
        inputs = {"mu": mu, "logvar": logvar}
        nll_value = _scalar(reconstruction, (given, x), "reconstruction", hint)
        kl_value = _scalar(kl, (mu, logvar), "KL", kl_hint)
        outputs = {"the decoder's output": leaf}
        nll_weight = _ratio(nll_value, references[0](leaf, x), outputs, "reconstruction", hint)
        kl_weight = _ratio(kl_value, references[1](mu, logvar), inputs, "KL", kl_hint)
        found.append((nll_weight, kl_weight))
    for name, (first, second) in zip(("reconstruction", "KL"), zip(*found)):
        if abs(first - second) > 1e-3 * first:
            raise ValueError(
                f"the weight of your {name} changes with its size: {first:.4g} where it is small, {second:.4g} where "
                'it is large. So no one β is right. Is a root taken? An RMSE is read as "rmse", with error=…'
            )
    return found[0][1] / found[0][0]


def check_arguments(likelihood, reconstruction, kl, sizes, sigma, error, factor, output):
    """ValueError that says what to do, for what ``losses.effective_beta`` cannot read."""
    if likelihood not in ("bernoulli", "gaussian", "rmse"):
        raise ValueError(f"the likelihood is one of 'bernoulli', 'gaussian', 'rmse', not {likelihood!r}")
    measured = callable(kl)
    if measured != callable(reconstruction):
        raise ValueError("give two functions, or two reductions: reconstruction and kl must be of one kind")
    for name, value in {"sigma": sigma, "error": error}.items():
        if value is not None and not (value > 0 and math.isfinite(value)):
            raise ValueError(f"{name} must be above 0, and finite, not {value}")
    if likelihood == "bernoulli" and sigma is not None:
        raise ValueError("a Bernoulli likelihood has no sigma: leave it out, or read the loss as \"gaussian\"")
    if likelihood != "bernoulli" and sigma is None:
        raise ValueError(
            "say the decoder's sigma: a squared error has a weight only against it. sigma=1 reads it as (x − x̂)²/2, "
            "sigma=0.5**0.5 as it stands"
        )
    if likelihood == "rmse" and error is None:
        raise ValueError("the weight of a root depends on how large the error is now: say error=…, the current RMSE")
    if likelihood != "rmse" and error is not None:
        raise ValueError("error is the current RMSE, and matters to the likelihood \"rmse\" alone: leave it out")
    if not (factor >= 0 and math.isfinite(factor)):
        raise ValueError(f"factor, what the code multiplies its KL with, must be 0 or more, and finite, not {factor}")
    if output not in ("logits", "pixels"):
        raise ValueError(f"output is 'logits' or 'pixels', not {output!r}")
    for name, size in sizes.items():
        shape = size if name == "pixels" and isinstance(size, (tuple, list)) else (size,)
        if size is not None and not (shape and all(isinstance(n, Integral) and n >= 1 for n in shape)):
            raise ValueError(f"{name} must be a whole number from 1 up, not {size!r}")


def _averaged_over(reduction, dimensions, term):
    """The set of what a term is averaged over; it is summed over the rest."""
    named = {"sum": (), "mean": dimensions}.get(reduction, reduction) if isinstance(reduction, str) else reduction
    named = (named,) if isinstance(named, str) else named
    if not isinstance(named, (tuple, list, set, frozenset)) or not set(named) <= set(dimensions):
        raise ValueError(
            f"{term}={reduction!r}: say 'sum', 'mean', or what it is averaged over, "
            f"{' or '.join(repr(one) for one in dimensions)} or both in a tuple"
        )
    return set(named)


def _count(names, sizes):
    """How many numbers are averaged: the product of these sizes. ValueError if one was not given."""
    for name in names:
        if sizes[name] is None:
            raise ValueError(f"say how many {name} there are: β depends on it here. {name}=…")
    return math.prod(math.prod(n) if isinstance(n := sizes[name], (tuple, list)) else n for name in names)


def _scalar(function, arguments, name, hint):
    """What the learner's function gives, of shape (), with a gradient behind it."""
    try:
        value = function(*arguments)
    except Exception as error:
        raise ValueError(f"your {name} failed ({type(error).__name__}: {error}). {hint}") from error
    if not isinstance(value, torch.Tensor) or value.shape != ():
        what = f"shape {tuple(value.shape)}" if isinstance(value, torch.Tensor) else repr(value)
        raise ValueError(f"your {name} gave {what}: wanted is one number, the sum or mean that the code takes of it")
    if not value.isfinite():
        raise ValueError(f"your {name} gave {value.item()} for inputs that are all finite. {hint}")
    if not value.requires_grad:
        raise ValueError(f"the gradient of your {name} is lost on the way: is there a detach, .item() or NumPy in it?")
    return value


def _ratio(value, reference, inputs, name, hint):
    """The c of value = c · reference + a constant, from their gradients in ``inputs``, a dict of names → tensors."""
    grads = torch.autograd.grad(value, list(inputs.values()), allow_unused=True)
    wanted = torch.autograd.grad(reference, list(inputs.values()), retain_graph=True)
    ratios = {}
    for (of, leaf), grad, right in zip(inputs.items(), grads, wanted):
        grad = torch.zeros_like(leaf) if grad is None else grad
        if not grad.isfinite().all():
            raise ValueError(f"the gradient of your {name} with respect to {of} is not finite. {hint}".strip())
        if not grad.any():
            raise ValueError(f"your {name} does not depend on {of}: its gradient is 0. {hint}".strip())
        cosine = torch.cosine_similarity(grad.flatten().double(), right.flatten().double(), dim=0).item()
        if cosine < 0.9999:
            where = "points the other way" if cosine < -0.9999 else "points elsewhere"
            known = _known_fault(grads, inputs) if name == "KL" else ""
            raise ValueError(
                f"the gradient of your {name} with respect to {of} {where}: cosine {cosine:.4f} with that of the right "
                f"one, where 1 is wanted. {known or hint}".strip()
            )
        ratios[of] = (grad.double().norm() / right.double().norm()).item()
    if max(ratios.values()) - min(ratios.values()) > 1e-3 * min(ratios.values()):
        said = " and ".join(f"{of} {ratio:.4g}" for of, ratio in ratios.items())
        raise ValueError(f"your {name} weighs its parts unlike: {said} times as much as the right one does")
    return ratios[next(iter(ratios))]


def _known_fault(grads, inputs):
    """A sentence that names the fault whose gradient this is, or ""."""
    found = _joined(grads, inputs)
    for fault, faulty in FAULTY_KLS.items():
        theirs = _joined(torch.autograd.grad(faulty(*inputs.values()).sum(), list(inputs.values())), inputs)
        cosine = torch.cosine_similarity(found, theirs, dim=0).item()
        if abs(cosine) > 0.9999:
            return f"It is the gradient of a KL in which {fault}{'' if cosine > 0 else ', with its sign turned round'}."
    return ""


def _joined(grads, inputs):
    pairs = zip(grads, inputs.values())
    return torch.cat([(torch.zeros_like(leaf) if grad is None else grad).flatten().double() for grad, leaf in pairs])
