"""Answers to the exercises of notebook 09, alarms and hidden pixels: right ones, wrong ones with what must be said, stubs."""

ALARM = """
def f(normal, rate):
    allowed = int(rate * len(normal) + 1e-6)
    return normal.sort(descending=True).values[allowed]
"""
PUT = """
from vae_helpers.layers import sample


def f(model, x, known, filled):
    mu, logvar = model.encoder(filled)
    guess = torch.sigmoid(model.decoder(sample(mu, logvar)))
    return torch.where(known, x, guess)
"""
SORTED = "normal.sort(descending=True).values"
SAMPLE = "sample(mu, logvar)"
DECODED = "torch.sigmoid(model.decoder(sample(mu, logvar)))"
WHERE = "torch.where(known, x, guess)"


def alarm(back):
    return f"def f(normal, rate):\n    allowed = int(rate * len(normal))\n    return {back}"


def put(*changes):
    source = PUT
    for old, new in changes:
        assert old in source
        source = source.replace(old, new)
    return source


RIGHT = {
    "alarm": [
        ALARM,
        alarm("normal.sort().values[-1 - allowed]"),
        alarm("normal.sort().values[len(normal) - 1 - allowed]"),
        alarm("normal.topk(allowed + 1).values[-1]"),
        alarm("normal.kthvalue(len(normal) - allowed).values"),
        alarm("sorted(normal.tolist(), reverse=True)[allowed]"),
        alarm("np.sort(normal)[::-1][allowed]"),
        alarm("float(normal.sort().values.flip(0)[allowed])"),
        """
        def f(normal, rate):
            for t in normal.sort().values:
                if (normal > t).float().mean() <= rate:
                    return t
        """,
        "def f(normal, rate): return min(t for t in normal if (normal > t).sum() <= rate * len(normal))",
        """
        def f(normal, rate):
            above = (normal[None] > normal[:, None]).double().mean(1)
            return normal[above <= rate].min()
        """,
        "def f(normal, rate): return np.quantile(normal, 1 - rate, method='inverted_cdf')",
        """
        def f(normal, rate):  # between two scores, with the same pictures above it
            line = normal.sort(descending=True).values
            k = int(rate * len(line))
            return line[0] if k == 0 else (line[k] + line[k - 1]) / 2
        """,
        """
        def f(normal, rate):
            t = torch.quantile(normal, 1 - rate)
            while (normal > t).sum() > rate * len(normal):
                t = normal[normal > t].min()
            return t
        """,
    ],
    "put_back": [
        PUT,
        put((SAMPLE, "mu + (logvar / 2).exp() * torch.randn_like(mu)")),
        put((SAMPLE, "mu + torch.exp(0.5 * logvar) * torch.randn(mu.shape)")),
        put((SAMPLE, "torch.normal(mu, (logvar / 2).exp())")),
        put((SAMPLE, "torch.distributions.Normal(mu, (logvar / 2).exp()).rsample()")),
        put((WHERE, "x * known + guess * ~known")),
        put((WHERE, "known.float() * x + (1 - known.float()) * guess")),
        put((WHERE, "torch.where(~known, guess, x)")),
        put((WHERE, "torch.where(known, filled, guess)")),
        put((WHERE, "guess.masked_fill(known, 0) + x.masked_fill(~known, 0)")),
        put((DECODED, "1 / (1 + (-model.decoder(sample(mu, logvar))).exp())")),
        """
        def f(model, x, known, filled):
            logits, mu, logvar = model(filled)
            return torch.where(known, x, logits.sigmoid())
        """,
        """
        from vae_helpers.layers import sample
        from vae_helpers.models import decode

        def f(model, x, known, filled):
            return torch.where(known, x, decode(model, sample(*model.encoder(filled))))
        """,
        put(("return", "mask = known.expand_as(x)\n    guess[mask] = x[mask]\n    return"), (WHERE, "guess")),
    ],
}
WRONG_END = "this is from the wrong end"
FEWER = "Here it is one fewer"
LOW = "one score too low"
HIGH = "one score too high"
SAME = "every call gives the same"
WAY = "the mask is the wrong way round"
MIXED = "known and guess are mixed"
WRONG = {
    "alarm": [
        (ALARM.replace("return ", ""), "a `return` missing"),
        ("def f(normal, rate): return torch.quantile(normal, rate)", WRONG_END),
        ("def f(normal, rate): return np.quantile(normal, rate)", WRONG_END),
        (alarm("normal.sort().values[allowed]"), WRONG_END),
        (alarm("normal.sort().values[allowed - 1]"), WRONG_END),
        (alarm("normal.kthvalue(allowed + 2).values"), WRONG_END),
        (alarm("normal.sort(descending=True).values[-allowed]"), WRONG_END),
        (alarm(f"{SORTED}[allowed - 1]"), HIGH),
        (alarm("normal.topk(max(allowed, 1)).values[-1]"), HIGH),
        (alarm("normal.sort().values[-allowed]"), HIGH),
        (alarm(f"{SORTED}[allowed + 1]"), LOW),
        (alarm(f"{SORTED}[math.ceil(rate * len(normal))]"), "the allowed number is rounded up"),
        ("def f(normal, rate): return normal.quantile(1 - rate, interpolation='lower')", "is rounded up"),
        (alarm(f"{SORTED}[round(rate * len(normal))]"), "rounded to the nearest"),
        ("def f(normal, rate): return normal.quantile(1 - rate, interpolation='nearest')", "rounded to the nearest"),
        ("def f(normal, rate): return torch.quantile(normal, 1 - rate)", "lies between two scores"),
        ("def f(normal, rate): return np.quantile(normal, 1 - rate)", "lies between two scores"),
        ("def f(normal, rate): return normal.quantile(1 - rate, interpolation='higher')", FEWER),
        (alarm("normal.sort().values[int((1 - rate) * len(normal))]"), FEWER),
        ("def f(normal, rate): return min(t for t in normal if (normal > t).sum() < rate * len(normal))", FEWER),
        (alarm("normal[allowed]"), "the scores are not sorted"),
        (alarm("normal[-1 - allowed]"), "the scores are not sorted"),
        (alarm("normal.max()"), "this is the largest score"),
        (alarm("normal.min()"), "this is the smallest score"),
        (alarm("normal.mean()"), "this is the mean"),
        (alarm("normal.median()"), "this is the median"),
        (alarm("normal.mean() + 2 * normal.std()"), "this is mean + 2 standard deviations"),
        (alarm("np.mean(normal.numpy()) + 2 * np.std(normal.numpy())"), "this is mean + 2 standard deviations"),
        (alarm("normal.mean() + 3 * normal.std()"), "this is mean + 3 standard deviations"),
        (alarm("normal.mean() + 1.645 * normal.std()"), "this is mean + 1.645 standard deviations"),
        (alarm("torch.distributions.Normal(normal.mean(), normal.std()).icdf(torch.tensor(1 - rate))"), "Gaussian"),
        (alarm("(1 - rate) * normal.max()"), "a share of the largest score"),
        (alarm("normal.min() + (1 - rate) * (normal.max() - normal.min())"), "a share of the range of scores"),
        (alarm(f"(normal > {SORTED}[allowed]).float().mean()"), "this is the share above"),
        (alarm("rate"), "this is a share"),
        (alarm("1 - rate"), "this is a share"),
        (alarm("allowed"), "this is an index"),
        (alarm("len(normal) - allowed"), "this is an index"),
        (alarm("normal.argsort(descending=True)[allowed]"), "this is an index"),
        (alarm(f"{SORTED}[:allowed].sum()"), "the sum of the highest"),
        (alarm(f"{SORTED}[:allowed].mean()"), "the mean of the highest"),
        (alarm(f"{SORTED}[:allowed]"), "these are the highest scores"),
        (alarm("normal.topk(allowed + 1).values"), "these are the highest scores"),
        (alarm(SORTED), "all scores in order"),
        (alarm(f"normal > {SORTED}[allowed]"), "whether it sets the alarm off"),
        (alarm(f"-{SORTED}[allowed]"), "the sign is turned round"),
        (alarm("normal.sort(descending=True)[allowed]"), "tuple index out of range"),
        (alarm(f"{SORTED}[allowed + 3]"), "lie above yours; with rate 0.125 it is 5"),
        (alarm(f"{SORTED}[allowed] + 40"), "lie above yours; with rate 0.125 it is 5"),
        (alarm(f"{SORTED}[allowed][None]"), "wanted is the shape ()"),
        (alarm("normal.log().mean() - math.inf + math.inf"), "a nan"),
        (alarm(f"{SORTED}[max(allowed, 1)]"), "none may lie above"),
    ],
    "put_back": [
        (put(("return ", "")), "a `return` missing"),
        (put((WHERE, "torch.where(known, guess, x)")), WAY),
        (put((WHERE, "torch.where(known, guess, filled)")), WAY),
        (put((WHERE, "torch.where(~known, x, guess)")), WAY),
        (put((WHERE, "x * ~known + guess * known")), WAY),
        (put((WHERE, "guess")), "nothing is put back"),
        (put((WHERE, "torch.where(known, x, filled)")), "filled comes back"),
        (put((WHERE, "x")), "x comes back"),
        (put((SAMPLE, "mu")), f"{SAME}: this decodes mu;"),
        (put((SAMPLE, "mu + (logvar / 2).exp()")), f"{SAME}: this decodes mu + σ"),
        (put((SAMPLE, "0 * mu")), f"{SAME}: this decodes z = 0"),
        (put((SAMPLE, "sample(mu, logvar, torch.Generator().manual_seed(0))")), f"{SAME}, but z should be a draw"),
        (put((SAMPLE, "torch.randn_like(mu)")), "the encoder plays no part"),
        (put((SAMPLE, "mu + logvar.exp() * torch.randn_like(mu)")), "not exp(logvar)"),
        (put((SAMPLE, "mu + logvar * torch.randn_like(mu)")), "this takes logvar for σ"),
        (put((SAMPLE, "mu + torch.randn_like(mu)")), "σ is missing"),
        (put((SAMPLE, "(logvar / 2).exp() * torch.randn_like(mu)")), "mu is missing"),
        (put((SAMPLE, "sample(mu, logvar.exp())")), "nothing to exp"),
        (put((SAMPLE, "sample(mu, (logvar / 2).exp())")), "sample takes logvar, not σ"),
        (put((SAMPLE, "sample(logvar, mu)")), "mu and logvar are exchanged"),
        (put((DECODED, "model.decoder(sample(mu, logvar))")), "gives logits"),
        (put(("sample(mu, logvar)))", "sample(mu, logvar))).sigmoid()")), "the sigmoid is applied twice"),
        (put((DECODED, "model.decoder(sample(mu, logvar)).clamp(0, 1)")), "the logits are cut off"),
        (put(("torch.sigmoid", "torch.tanh")), "tanh"),
        (put(("sample(mu, logvar)))", "sample(mu, logvar))).round()")), "black and white"),
        (put(("encoder(filled)", "encoder(x)")), "this encodes x"),
        (put(("encoder(filled)", "encoder(x * known)")), "this encodes the known pixels alone"),
        (put(("encoder(filled)", "encoder(filled * ~known)")), "this encodes the hidden pixels alone"),
        (put(("encoder(filled)", "encoder(x)"), (SAMPLE, "mu")), SAME),
        (put((WHERE, "known * x + guess")), "added to the known pixels too"),
        (put((WHERE, "x + ~known * guess")), "the hidden pixels of x are added"),
        (put((WHERE, "filled + ~known * guess")), "the hidden pixels of filled are added"),
        (put((WHERE, "known * x")), "the hidden pixels are 0"),
        (put((WHERE, "~known * guess")), "the known pixels are 0"),
        (put((WHERE, "(x + guess) / 2")), MIXED),
        (put((WHERE, "(filled + guess) / 2")), MIXED),
        (put((WHERE, "torch.where(known, x, (filled + guess) / 2)")), MIXED),
        (put((WHERE, "torch.where(known, (x + guess) / 2, guess)")), MIXED),
        (put(("encoder(filled)", "encoder(x)"), (WHERE, "guess")), "this encodes x, whose hidden pixels are not known: "
         "encode `filled`. Besides, nothing is put back"),
        (put(("return", "x[~known] = guess[~known]\n    return"), (WHERE, "x")), "this changes x in place"),
        (put(("return", "filled[~known] = guess[~known]\n    return"), (WHERE, "filled")),
         "this changes filled in place"),
        (put(("return", "x.clamp_(0.3, 0.7)\n    filled.zero_()\n    return"), (WHERE, "torch.where(known, x, guess)")),
         "the pixels are off"),
        (put(("return", "filled.zero_()\n    x[~known] = 0\n    return")), "this changes x and filled in place"),
        (put(("return", "guess[known] = x[known]\n    return"), (WHERE, "guess")), "one mask for all pictures"),
        (put((SAMPLE, "sample(sample(mu, logvar), logvar)")), "the pixels are off"),
        (put((WHERE, "torch.where(known, x, guess).flatten(1)")), "wanted is the shape"),
    ],
}
STUBS = {
    "alarm": ["def my_threshold(normal, rate):\n    ...", "def my_threshold(normal, rate):\n    pass"],
    "put_back": ["def my_step(model, x, known, filled):\n    ..."],
}
