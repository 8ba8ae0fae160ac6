"""Answers in any dress: σ, σ² or log σ² for the spread, torch or NumPy for the arithmetic."""

import inspect

import torch

from vae_helpers.checks.verdict import close, require

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
SYMBOL = {"logvar": "logvar = log σ²", "sigma": "σ", "var": "σ²", "log_sigma": "log σ"}
MISREAD = {
    ("logvar", "sigma"): "this takes logvar for σ, but σ is exp(logvar / 2)",
    ("logvar", "var"): "this takes logvar for σ², but σ² is exp(logvar)",
    ("logvar", "log_sigma"): "this is exp(log σ²) where σ was wanted, so that σ² is squared once more: "
                             "σ is exp(logvar / 2)",
    ("sigma", "logvar"): "this takes σ for logvar: you were handed the standard deviation itself, nothing to exp",
    ("sigma", "var"): "this takes σ for σ²: σ must be squared",
    ("sigma", "log_sigma"): "this takes σ for log σ: you were handed the standard deviation itself, nothing to exp",
    ("var", "logvar"): "this takes σ² for logvar: you were handed the variance itself, nothing to exp",
    ("var", "sigma"): "this squares σ², which makes σ⁴: you were handed the variance, which is a square already",
    ("var", "log_sigma"): "this takes σ² for log σ: you were handed the variance itself, nothing to exp",
    ("log_sigma", "logvar"): "this takes log σ for log σ²: log σ² is twice as much",
    ("log_sigma", "sigma"): "this takes log σ for σ: σ is its exp",
    ("log_sigma", "var"): "this takes log σ for σ²: σ² is exp(2 log σ)",
}


def between(low, high, generator):
    """A whole number from ``low`` to ``high``, both included."""
    return int(torch.randint(low, high + 1, (), generator=generator))


def spread_kind(answer, position, default):
    """Which spread the answer asks for, by the name of its parameter: logvar, sigma, var or log_sigma."""
    try:
        name = list(inspect.signature(answer).parameters)[position].lower()
    except (TypeError, ValueError, IndexError):
        return default
    # without q and p, which tell the two Gaussians apart
    words = [word for word in name.replace("²", "2").split("_") if word not in ("q", "p")]
    name = "".join(words)
    squared = name.endswith(("2", "sq", "squared", "square"))
    if "log" in name or name in ("lv", "lnvar"):
        return "log_sigma" if name.endswith(("sigma", "std", "sd", "scale", "stdv")) else "logvar"
    if squared or name in ("var", "variance", "v"):
        return "var"
    return "sigma" if name in ("sigma", "std", "sd", "stdv", "stddev", "scale", "s", "sig") else default


def spread(kind, logvar):
    """What the answer is handed for its spread."""
    return FROM_LOGVAR[kind](logvar)


def misreadings(kind, logvar):
    """``(text, log σ²)`` for each way to take the spread for another: the log σ² that it then amounts to."""
    given = spread(kind, logvar)
    return [(MISREAD[kind, other], TO_LOGVAR[other](given)) for other in FROM_LOGVAR if other != kind]


def ask(answer, *inputs):
    """``answer(*inputs)`` on tensors; where that raises, on NumPy arrays; where that raises too, the first error."""
    def copies(to_numpy):
        given = [i.clone() if isinstance(i, torch.Tensor) else i for i in inputs]
        return [i.numpy() if to_numpy and isinstance(i, torch.Tensor) else i for i in given]

    try:
        return answer(*copies(to_numpy=False))
    except Exception as error:
        try:
            return answer(*copies(to_numpy=True))
        except Exception:
            raise error from None


def name_mistake(got, *mistakes):
    """Raise the Mistake whose value ``got`` is; ``mistakes`` are pairs (text, value)."""
    for text, value in mistakes:
        require(not close(got, value), text)
