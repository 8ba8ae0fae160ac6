"""Answers to the exercises of notebook 10, the limits: right ones, wrong ones with what the message must say, stubs."""

BEST = """
def f(values, weights):
    squared = (weights * values).sum() / weights.sum()
    order = values.argsort()
    reached = weights[order].cumsum(0)
    absolute = values[order][(reached >= weights.sum() / 2).nonzero()[0, 0]]
    return squared, absolute
"""
STRAIGHT = """
def f(z, codebook):
    index = torch.cdist(z, codebook).argmin(1)
    z_q = z + (codebook[index] - z).detach()
    return z_q, index
"""
NOISED = """
def f(z0, t, alpha_bar, eps):
    a = alpha_bar[t][:, None]
    return a.sqrt() * z0 + (1 - a).sqrt() * eps
"""


def best(*changes):
    return changed(BEST, changes)


def straight(*changes):
    return changed(STRAIGHT, changes)


def noised(*changes):
    return changed(NOISED, changes)


def changed(source, changes):
    for old, new in changes:
        assert old in source
        source = source.replace(old, new)
    return source


Z_Q = "z + (codebook[index] - z).detach()"
MEAN = "(weights * values).sum() / weights.sum()"
SUM = "a.sqrt() * z0 + (1 - a).sqrt() * eps"
RIGHT = {
    "best_answer": [
        BEST,
        """
        def f(values, weights):
            share = weights / weights.sum()
            squared = share @ values
            cost = ((values[:, None] - values) .abs() * share).sum(1)
            return torch.stack([squared, values[cost.argmin()]])
        """,
        """
        def f(values, weights):
            order = np.argsort(values)
            reached = np.cumsum(weights[order]) / np.sum(weights)
            return np.average(values, weights=weights), values[order][np.searchsorted(reached, 0.5)]
        """,
        """
        def f(values, weights):
            total, half = 0.0, weights.sum() / 2
            for value, weight in sorted(zip(values.tolist(), weights.tolist())):
                total += weight
                if total >= half:
                    break
            return float((weights * values).sum() / weights.sum()), value
        """,
    ],
    "straight_through": [
        STRAIGHT,
        straight(("torch.cdist(z, codebook).argmin(1)", "(z[:, None] - codebook).square().sum(-1).argmin(1)")),
        straight((Z_Q, "codebook[index].detach() + z - z.detach()")),
        straight(("codebook[index]", "torch.nn.functional.one_hot(index, len(codebook)).float() @ codebook")),
        """
        class Copy(torch.autograd.Function):
            @staticmethod
            def forward(ctx, z, rows):
                return rows.clone()

            @staticmethod
            def backward(ctx, grad):
                return grad, None


        def f(z, codebook):
            index = (z.square().sum(1, keepdim=True) - 2 * z @ codebook.T + codebook.square().sum(1)).argmin(1)
            return Copy.apply(z, codebook[index]), index
        """,
    ],
    "add_noise": [
        NOISED,
        """
        from vae_helpers.diffusion import add_noise

        def f(z0, t, alpha_bar, eps):
            return add_noise(z0, t, alpha_bar, eps)
        """,
        "def f(z0, t, alpha_bar, eps): a = alpha_bar[t].view(-1, 1); return a**0.5 * z0 + (1 - a) ** 0.5 * eps",
        "def f(z0, t, alpha_bar, eps): return (alpha_bar[t].sqrt() * z0.T + (1 - alpha_bar[t]).sqrt() * eps.T).T",
        "def f(z0, t, alpha_bar, eps): a = alpha_bar[t].unsqueeze(1); return z0 * torch.sqrt(a) + eps * (1 - a).sqrt()",
        "def f(z0, t, alpha_bar, eps): a = alpha_bar[t][:, np.newaxis]; return np.sqrt(a) * z0 + np.sqrt(1 - a) * eps",
    ],
}
SECOND = "values[order][(reached >= weights.sum() / 2).nonzero()[0, 0]]"
WRONG = {
    "best_answer": [
        (best(("return squared, absolute", "squared, absolute")), "a `return` missing"),
        (best(("return squared, absolute", "return absolute, squared")), "the two are exchanged"),
        (best(("return squared, absolute", "return squared")), "for squared error alone"),
        (best(("return squared, absolute", "return absolute")), "for absolute error alone"),
        (best(("return squared, absolute", "return squared, absolute, order")), "this is a tuple of 3"),
        ("def f(values, weights): return values.mean(), values.median()", "in the first: wanted is"),
        (best((MEAN, "values.mean()")), "no part in the first"),
        (best((SECOND, "values.median()")), "no part in the second"),
        (best((MEAN, "(weights * values).sum()")), "not divided by the weights' sum"),
        (best((MEAN, "(weights * values).mean()")), "divided by n"),
        (best((SECOND, "values[weights.argmax()]")), "the second is the value of most weight"),
        (best((MEAN, "values[weights.argmax()]")), "the first is the value of most"),
        (best((SECOND, "(values.min() + values.max()) / 2")), "the second is the middle between least and largest"),
        (best((MEAN, "(values.min() + values.max()) / 2")), "the first is the middle"),
        (best((SECOND, "squared")), "the second is a mean"),
        (best(("weights[order].cumsum(0)", "weights.cumsum(0)")), "the second takes the weights in their own order"),
        (best(("weights[order]", "weights"), ("values[order]", "values")), "the values are not sorted"),
        (best(("nonzero()[0, 0]", "nonzero()[0, 0] - 1")), "one value too early"),
        (best(("weights.sum() / 2", "0.5")), "the second takes half of 1"),
        (best(("values[order][", ""), ("[0, 0]]", "[0, 0]")), "counted in places"),
        ("def f(values, weights): return (weights * values).sum(), values.median()", "Besides"),
        (best(("return squared, absolute", "return squared + 1, absolute")), "the numbers are off"),
    ],
    "straight_through": [
        (straight(("return z_q, index", "z_q")), "a `return` missing"),
        (straight(("return z_q, index", "return z_q")), "this is one tensor"),
        (straight(("return z_q, index", "return index, z_q")), "the two are exchanged"),
        (straight((Z_Q, "codebook[index]")), "the gradient goes to the codebook and not to z"),
        (straight((Z_Q, "codebook[index].detach()")), "no gradient reaches z"),
        (straight((Z_Q, "z + codebook[index] - z")), "goes to the codebook and not to z"),
        (straight((Z_Q, "(z + codebook[index] - z).detach()")), "no gradient reaches z"),
        (straight((".detach()", "")), "the gradient goes to the codebook and not to z"),
        (straight((Z_Q, "z + codebook[index] - z.detach()")), "to the codebook too"),
        (straight((Z_Q, "2 * z + (codebook[index] - 2 * z).detach()")), "twice over"),
        (straight((Z_Q, "z / 3 + (codebook[index] - z / 3).detach()")), "changed on the way"),
        (straight(("argmin(1)", "argmax(1)")), "this takes the farthest row"),
        (straight(("argmin(1)", "argmin(0)"), (Z_Q, "codebook")), "argmin over the rows"),
        (straight(("torch.cdist(z, codebook).argmin(1)", "(z @ codebook.T).argmax(1)")), "the largest dot product"),
        (straight(("torch.cdist(z, codebook).argmin(1)", "(z @ codebook.T).argmin(1)")), "the smallest dot product"),
        (straight((Z_Q, "z")), "z_q is z itself"),
        (straight((Z_Q, "z + codebook[index].detach()")), "z is added, and not taken off"),
        (straight((Z_Q, "z + (z - codebook[index]).detach()")), "add row − z, not z − row"),
        (straight((Z_Q, "(codebook[index] - z).detach()")), "the difference of row and z"),
        (straight((Z_Q, "torch.nn.functional.one_hot(index, len(codebook)).float()")), "one-hot"),
        (straight((Z_Q, "codebook + 0 * z.sum()")), "the whole codebook"),
        (straight((Z_Q, "index.float()")), "these are indices"),
        (straight(("return z_q, index", "return z_q, index, z")), "gives back a tuple; wanted is the pair"),
        (straight(("return z_q, index", "return z_q, None")), "for the index, gives back None"),
    ],
    "add_noise": [
        (noised(("return a.sqrt()", "a.sqrt()")), "a `return` missing"),
        (noised(("a.sqrt() * z0 + (1 - a).sqrt()", "a * z0 + (1 - a)")), "the roots are missing"),
        (noised(("(1 - a).sqrt()", "(1 - a)")), "the root of 1 − ᾱ is missing"),
        (noised(("return a.sqrt()", "return a")), "the root of ᾱ is missing"),
        (noised((SUM, "(1 - a).sqrt() * z0 + a.sqrt() * eps")), "the weights are exchanged"),
        (noised(("(1 - a).sqrt()", "(1 - a.sqrt())")), "the noise's weight is 1 − √ᾱ"),
        (noised(("(1 - a).sqrt() * eps", "eps")), "the noise comes at full strength"),
        (noised(("a.sqrt() * z0", "z0")), "z0 stays at full strength"),
        (noised(("(1 - a).sqrt() * eps", "a.sqrt() * eps")), "both weights are √ᾱ"),
        (noised((" + (1", " - (1")), "the noise has the wrong sign"),
        (noised((" + (1 - a).sqrt() * eps", "")), "the noise is missing"),
        (noised(("a.sqrt() * z0 + ", "")), "z0 is missing"),
        (noised(("return a.sqrt() * z0 + (1 - a).sqrt()", "return a**2 * z0 + (1 - a) ** 2")), "in place of the roots"),
        (noised((SUM, "(z0 - (1 - a).sqrt() * eps) / a.sqrt()")), "this is the way back"),
        (noised(("[t]", "[t - 1]")), "the step before"),
        (noised(("[t]", "[t + 1]")), "the step after"),
        (noised(("alpha_bar[t]", "alpha_bar.flip(0)[t]")), "from the other end"),
        (noised(("alpha_bar[t][:, None]", "alpha_bar[t[0]]")), "the first step's ᾱ is taken for all"),
        (noised(("alpha_bar[t][:, None]", "alpha_bar.mean()")), "the mean of ᾱ is taken for all"),
        (noised(("alpha_bar[t]", "alpha_bar.cumprod(0)[t]")), "multiplied up once more"),
        (noised(("[:, None]", "")), "makes a column"),
        (noised(("alpha_bar[t][:, None]", "alpha_bar")), "do not fit together"),
        (noised(("[t][:, None]", "[t + 1][:, None]"), ("(1 - a).sqrt()", "(1 - a)")), "Besides"),
        (noised(("* eps", "* torch.randn_like(z0)")), "the numbers are off"),
    ],
}
STUBS = {
    "best_answer": ["def my_best(values, weights):\n    ..."],
    "straight_through": ["def my_quantise(z, codebook):\n    ...", "def my_quantise(z, codebook):\n    pass"],
    "add_noise": ["def my_noised(z0, t, alpha_bar, eps):\n    ..."],
}
