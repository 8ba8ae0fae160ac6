"""Answers in any dress: σ, σ², log σ or log σ² for the spread, torch or NumPy for the arithmetic."""

import inspect
import itertools
import re
import traceback
import warnings
from pathlib import Path

import numpy as np
import torch

from vae_helpers.checks.verdict import Mistake, require, tensor

# how a spread is made of log σ², and log σ² of a spread
FROM_LOGVAR = {
    "logvar": lambda logvar: logvar,
    "sigma": lambda logvar: (logvar / 2).exp(),
    "var": lambda logvar: logvar.exp(),
    "log_sigma": lambda logvar: logvar / 2,
}
TO_LOGVAR = {
    "logvar": lambda value: value,
    "sigma": lambda value: 2 * value.abs().log(),
    "var": lambda value: value.abs().log(),
    "log_sigma": lambda value: 2 * value,
}
MISREAD = {
    ("logvar", "sigma"): "this takes logvar for σ, but σ is exp(logvar / 2)",
    ("logvar", "var"): "this takes logvar for σ², but σ² is exp(logvar)",
    ("logvar", "log_sigma"): "this takes exp(logvar) for σ, which squares σ² once more: σ is exp(logvar / 2)",
    ("sigma", "logvar"): "this takes σ for logvar: you were handed σ itself, nothing to exp",
    ("sigma", "var"): "this takes σ for σ²: σ must be squared",
    ("sigma", "log_sigma"): "this takes σ for log σ: you were handed σ itself, nothing to exp",
    ("var", "logvar"): "this takes σ² for logvar: you were handed σ² itself, nothing to exp",
    ("var", "sigma"): "this takes σ² for σ, which squares σ² once more: σ is its root",
    ("var", "log_sigma"): "this takes σ² for log σ: you were handed σ² itself, nothing to exp",
    ("log_sigma", "logvar"): "this takes log σ for log σ²: log σ² is twice as much",
    ("log_sigma", "sigma"): "this takes log σ for σ: σ is its exp",
    ("log_sigma", "var"): "this takes log σ for σ²: σ² is exp(2 log σ)",
}

# --- which spread a parameter asks for

SPREAD = re.compile(
    r"(?P<log>log|ln|l)?"
    r"(?:(?P<sigma>sigma|stddev|stdev|stdv|std|sd|sig|scale|spread|s)|variance|var|v)"
    r"s??(?P<square>2|squared|square|sqr|sq)?[qpxzmki]?"
)
OF_WHAT = {"q", "p", "x", "z", "m", "k", "i"}  # whose spread it is


def spread_kind(answer, position, default):
    """Which spread the answer asks for, by the name of its parameter: logvar, sigma, var or log_sigma."""
    try:
        names = [name.lower() for name in inspect.signature(answer).parameters]
        name = names.pop(position).replace("σ", "sigma")
    except (TypeError, ValueError, IndexError):
        return default
    words = re.findall(r"[a-z]+|[0-9]+", name)
    if words[-1:] and words[-1].isdigit() and (words[-1] != "2" or _are_numbered(names)):
        words.pop()  # the first or second of several
    found = SPREAD.fullmatch("".join(word for word in words if word not in OF_WHAT))
    if found:
        log, sigma, square = (found[group] for group in ("log", "sigma", "square"))
    else:  # a longer name, such as sigma_hat or standard_deviation
        log, sigma = "log" in name, re.search("sigma|std|deviation|scale|spread|sqrt|root", name)
        square = "2" in words or re.search("sq(?!rt)", name)
        if not sigma and "var" not in name:
            return default
    if log:
        return "log_sigma" if sigma and not square else "logvar"
    return "sigma" if sigma and not square else "var"


def _are_numbered(names):
    """Whether a last 2 counts, as in (mu1, sigma1, mu2, sigma2), rather than squares, as in (mu, sigma2)."""
    return any(re.search(r"[a-z]_?[01]$|^(m|mu|mean|loc|μ)_?2$", name) for name in names)


def spread(kind, logvar):
    """What the answer is handed for its spread."""
    return FROM_LOGVAR[kind](logvar)


def misreadings(kind, logvar):
    """``(text, log σ²)`` for each way to take the spread for another: the log σ² that it then amounts to.

    Draw ``logvar`` above 0: then no logarithm or root of a spread taken for another is a nan.
    """
    given = spread(kind, logvar)
    return [(MISREAD[kind, other], TO_LOGVAR[other](given)) for other in FROM_LOGVAR if other != kind]


# --- asking, and holding what came back against what was wanted


def between(low, high, generator):
    """A whole number from ``low`` to ``high``, both included."""
    return int(torch.randint(low, high + 1, (), generator=generator))


def uniform(low, high, shape, generator):
    """Numbers from ``low`` to ``high``; their bounds keep every exp and log of a right answer within float32."""
    return low + (high - low) * torch.rand(shape, generator=generator)


def ask(answer, *inputs):
    """``answer(*inputs)`` on tensors; where that raises, on tensors and plain numbers, then on NumPy arrays.

    Where all three raise, the first error counts, or the last where NumPy was meant. Each time the inputs are copies.
    """
    def numbers(given):
        return given.item() if given.dim() == 0 else given.clone()

    def arrays(given):
        return given.item() if given.dim() == 0 else given.clone().numpy()

    errors = []
    for dress in (torch.clone, numbers, arrays):
        try:
            with warnings.catch_warnings():
                # NumPy functions take a tensor, and warn of how torch hands it over: no affair of the learner's
                warnings.filterwarnings("ignore", "__array(_wrap)?__ ", DeprecationWarning)
                return answer(*(dress(i) if isinstance(i, torch.Tensor) else i for i in inputs))
        except Exception as error:
            errors.append(error)
    raise errors[-1] if _meant_for_numpy(errors[0]) else errors[0]


def _meant_for_numpy(error):
    """Whether a tensor was refused by a NumPy function, or for lack of something that arrays have."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return "numpy" in Path(last.filename).parts or hasattr(np.ndarray, getattr(error, "name", None) or "")


def alike(got, wanted):
    """Whether two tensors of one shape agree but for float32 rounding, measured by their largest number."""
    got, wanted = torch.as_tensor(got), torch.as_tensor(wanted).double()
    if got.shape != wanted.shape or got.is_complex():
        return False
    return bool(((got.double() - wanted).abs() <= 1e-4 * wanted.abs().max() + 1e-5).all())


NAN = "a nan: is a log or a root taken of a negative number, or 0 divided by 0?"


def settle(cases, off, nan=NAN, what="your function"):
    """Return where every case came out right; else raise the Mistake that explains all of them, or ``off``.

    A case is (got, true, mistakes), its mistakes pairs (text, value), with the same texts in every case.
    Each case has inputs of its own: that two formulas agree by chance happens in one of them, not in all.
    """
    if all(alike(got, true) for got, true, _ in cases):
        return
    for slips in zip(*(mistakes for _, _, mistakes in cases), strict=True):
        explained = all(alike(got, value) for (got, _, _), (_, value) in zip(cases, slips))
        require(not explained, slips[0][0])
    for got, true, _ in cases:
        require(not got.is_complex(), "a complex number: a root is taken of a negative number")
        require(not got.isnan().any(), nan)
        tensor(got, what, true.shape)
    raise Mistake(off)


OFF_BELOW_1 = "right for σ > 1, but off for σ < 1"


def unnamed(case):
    """A case that is only right or not: where logvar is below 0, a mistake may be nan and has no name."""
    got, true, _ = case
    return got, true, []


def combined(forms, reductions):
    """The mistakes of a formula and of its sum or mean: one of them first, then both at a time.

    ``forms``: pairs (text, numbers before the sum), ``reductions``: pairs (text, function); the first of each
    is the right one and has no text. Gives pairs (text, value).
    """
    mistakes = []
    for (form, numbers), (reduction, reduce) in itertools.product(forms, reductions):
        texts = [text for text in (form, reduction) if text]
        if texts:
            mistakes.append((len(texts), ". Besides, ".join(texts), reduce(numbers)))
    mistakes.sort(key=lambda mistake: mistake[0])
    return [(text, value) for _, text, value in mistakes]
