"""Checks of notebook 09: a threshold for a rate of false alarms, one round of filling in."""

import math

import torch
from torch import nn

from vae_helpers.checks.parameters import alike, ask, between, combined, settle, uniform, unnamed
from vae_helpers.checks.verdict import Mistake, exercise, require, tensor
from vae_helpers.layers import Gaussian, Reshape
from vae_helpers.models import VAE


@exercise("09_alarm", "No faulty picture was needed: the normal ones alone say how often the alarm is false.")
def alarm(answer, generator):
    """``answer(normal, rate)``, (n,) and a share: a threshold with at most ``rate`` of the scores above it, ().

    Right is the smallest score that does, or any number up to the next score, since the same pictures lie above it.
    """
    # rate · n is whole in two cases, then is not: its fraction is above ½ + rate, then between rate and ½
    draws = [(40, 0.125), (between(3, 5, generator) * 8, 0.25)]
    draws += [_uneven(*ends, generator) for ends in ((0.65, 0.9), (0.25, 0.45))]
    cases = [(*_scores(n, generator), rate) for n, rate in draws]
    got = [tensor(ask(answer, normal, rate)) for normal, _, rate in cases]
    if not all(_separates(t, line, rate) for t, (_, line, rate) in zip(got, cases)):
        settle([(t, line[int(rate * len(line))], _thresholds(normal, line, rate))
                for t, (normal, line, rate) in zip(got, cases)], _counted(got, cases))
    normal, line = _scores(between(9, 12, generator), generator)
    require(_separates(tensor(ask(answer, normal, 0.05), shape=()), line, 0.05),
            "right for most; but where rate · n is below 1, none may lie above: the largest score is the threshold")


def _uneven(low, high, generator):
    """n and a rate whose product is above 2 and has a fraction from ``low`` to ``high``."""
    while True:
        n, rate = between(30, 70, generator), (0.1, 0.05)[between(0, 1, generator)]
        if rate * n > 2 and low < rate * n % 1 < high:
            return n, rate


def _scores(n, generator):
    """Scores (n,), nats per image, with a long tail to the right; and the same in order, the largest first."""
    gaps = uniform(0.5, 1.5, (n,), generator) / torch.arange(n, 0, -1)  # so that no two are nearly the same
    line = uniform(60, 90, (), generator) + 30 * gaps.cumsum(0)
    return line[torch.randperm(n, generator=generator)], line.flip(0)


def _separates(t, line, rate):
    """Whether as many of the scores as may, and no more, lie above ``t``."""
    k = int(rate * len(line))
    if t.shape != () or t.is_complex():
        return False
    return alike(t, line[k]) or bool(line[k] < t and (k == 0 or t < line[k - 1]) and not alike(t, line[k - 1]))


def _thresholds(normal, line, rate):
    """What may come out in place of the threshold: pairs (text, value)."""
    n, x = len(line), line.double()
    k = int(rate * n)
    up = "the allowed number is rounded up, and more than the share `rate` lies above: round down"
    nearest = "the allowed number is rounded to the nearest, which may let too many lie above: round down"
    strict = "where rate · n is a whole number, as many may lie above: *at most* that share. Here it is one fewer"
    between_two = "this quantile lies between two scores, and where rate · n is not whole one too many is above it"
    low = "this is one score too low: one picture more than allowed lies above it"
    high = "this is one score too high: as many as are allowed may lie above it, and the threshold is the next score"
    wrong_end = "this is from the wrong end: the share `rate` lies below it; wanted is the one with that share *above*"
    spread = "this is mean + {} standard deviations: how many lie above that depends on the scores' shape; count them"
    share = "this is a share of the {}; wanted is the score with a share of the *pictures* above it"
    index = "this is an index, counted in places; wanted is the score there"
    places = normal.argsort(descending=True)
    mistakes = [
        (low, x[k + 1]),
        (high, x[k - 1]),
        (strict, x[math.ceil(rate * n) - 1]),
        (up, x[math.ceil(rate * n)]),
        (nearest, x[round(rate * n)]),
        (nearest, x.quantile(1 - rate, interpolation="nearest")),
        (between_two, x.quantile(1 - rate)),
        *((wrong_end, x.quantile(rate, interpolation=how)) for how in ("linear", "lower", "higher", "nearest")),
        *((wrong_end, x[at]) for at in (n - 1 - k, n - k, n - 2 - k)),
        ("the scores are not sorted: take the place in `normal.sort(descending=True).values`", normal[k]),
        ("the scores are not sorted: take the place in `normal.sort(descending=True).values`", normal[n - 1 - k]),
        ("this is the largest score, without any false alarm; the share `rate` may lie above", x[0]),
        ("this is the smallest score: all others lie above it", x[-1]),
        ("this is the mean: far more than the share `rate` lies above it", x.mean()),
        *(("this is the median: half of the scores lie above it", value) for value in (x.median(), x.quantile(0.5))),
        *((spread.format(f"{times:g}"), x.mean() + times * x.std(correction=free))
          for times in (2, 3, 1, 1.645, 1.96) for free in (1, 0)),
        *(("this takes the scores for Gaussian; they need not be: sort them and count", value) for value in (
            x.mean() + torch.special.ndtri(torch.tensor(1 - rate).double()) * x.std(correction=free)
            for free in (1, 0))),
        (share.format("largest score"), (1 - rate) * x[0]),
        (share.format("range of scores"), x[-1] + (1 - rate) * (x[0] - x[-1])),
        ("this is the share above; wanted is the threshold, one of the scores", torch.tensor(k / n)),
        *(("this is a share; wanted is the threshold, one of the scores", torch.tensor(value))
          for value in (rate, 1 - rate)),
        *((index, torch.tensor(value)) for value in (k, k + 1, k - 1, n - k, n - 1 - k)),
        *((index, value) for value in (places[k], places[k - 1], places[k + 1])),
        ("this is the sum of the highest scores; wanted is the one below them", x[:k].sum()),
        ("this is the mean of the highest scores; wanted is the one below them", x[:k].mean()),
        ("these are the highest scores; wanted is one number, the score below them", x[:k]),
        ("these are the highest scores; wanted is one number, the last of them", x[:k + 1]),
        ("these are all scores in order; wanted is one of them", x),
        ("these are all scores in order; wanted is one of them", x.flip(0)),
        ("this says of each picture whether it sets the alarm off; wanted is the threshold", normal > line[k]),
        ("the sign is turned round: higher is stranger", -x[k]),
    ]
    return mistakes


def _counted(got, cases):
    """What to say of a threshold without a name: how many lie above it, in one case that is wrong."""
    told = "the number is off: wanted is the smallest of the scores with at most the share `rate` above it"
    for t, (normal, line, rate) in zip(got, cases):
        if t.shape == () and not t.is_complex() and not t.isnan() and not _separates(t, line, rate):
            above, n = int((line > t).sum()), len(line)
            return f"{told}. Of {n} scores {above} lie above yours; with rate {rate} it is {int(rate * n)}"
    return told


@exercise("09_put_back", "What is known stays, what is not is drawn: round by round the two come to fit.")
def put_back(answer, generator):
    """``answer(model, x, known, filled)``: ``filled`` through the VAE, the known pixels of ``x`` put back."""

    def case(n, d, shape, mask_shape):
        model = _model(d, shape, generator)
        x = uniform(0.02, 0.98, (n, *shape), generator)
        known = torch.rand(mask_shape or x.shape, generator=generator) < 0.5
        filled = torch.where(known, x, uniform(0.02, 0.98, x.shape, generator))
        seed = between(0, 2**31, generator)

        def asked(seed):
            torch.random.default_generator.manual_seed(seed)
            given = [x.clone(), known.clone(), filled.clone()]
            with torch.no_grad():
                return tensor(answer(model, *given)), given

        got, given = asked(seed)
        changed = [name for name, now, before in zip(("x", "known", "filled"), given, (x, known, filled))
                   if not torch.equal(now, before)]
        torch.random.default_generator.manual_seed(seed)
        eps = torch.randn(n, d)
        with torch.no_grad():
            mistakes = _rounds(model, x, known, filled, eps)
        return got, mistakes[0][1], mistakes[1:], changed, lambda: alike(got, asked(seed + 1)[0])

    cases = [case(5, 3, (1, 8, 8), None), case(4, 4, (3, 5, 6), None), case(6, 2, (1, 6, 7), None)]
    off = ("the pixels are off: encode `filled`, draw z once, z = sample(mu, logvar), take the sigmoid of the "
           "decoder's logits, and put the known pixels of x back")
    if not alike(*cases[0][:2]) and cases[0][-1]():
        off = "every call gives the same, but z should be a draw: sample(mu, logvar), of `filled`"
    settle([each[:3] for each in cases], off)
    for *_, changed, _ in cases:
        require(not changed, f"right, but this changes {' and '.join(changed)} in place, and the caller still needs "
                             "it: `torch.where` makes a new picture")
    one = "right for a mask of x's shape; but one mask for all pictures, (1, 1, H, W), should do: see `torch.where`"
    try:
        settle([unnamed(case(4, 3, (3, 6, 5), (1, 1, 6, 5))[:3])], one)
    except (IndexError, RuntimeError):
        raise Mistake(one) from None


def _model(d, shape, generator):
    """A small VAE whose codes and pictures differ from image to image."""
    pixels = math.prod(shape)
    encoder = nn.Sequential(nn.Flatten(), Gaussian(pixels, d))
    decoder = nn.Sequential(nn.Linear(d, pixels), Reshape(shape))
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 1.5 / pixels**0.5)
        for parameter in decoder.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return VAE(encoder, decoder, d, shape).eval()


def _rounds(model, x, known, filled, eps):
    """What a round may give: pairs (text, value), the right one first. ``eps``: the noise of its draw, (N, d)."""
    same = "every call gives the same: {}; wanted is a draw, sample(mu, logvar)"
    codes = [
        ("", lambda mu, logvar: mu + (logvar / 2).exp() * eps),
        (same.format("this decodes mu"), lambda mu, logvar: mu),
        (same.format("this decodes mu + σ, without noise"), lambda mu, logvar: mu + (logvar / 2).exp()),
        (same.format("this decodes z = 0"), lambda mu, logvar: 0 * mu),
        ("σ is exp(logvar / 2), not exp(logvar)", lambda mu, logvar: mu + logvar.exp() * eps),
        ("this takes logvar for σ; σ is exp(logvar / 2)", lambda mu, logvar: mu + logvar * eps),
        ("sample takes logvar, nothing to exp: sample(mu, logvar)",
         lambda mu, logvar: mu + (logvar.exp() / 2).exp() * eps),
        ("sample takes logvar, not σ: sample(mu, logvar)",
         lambda mu, logvar: mu + ((logvar / 2).exp() / 2).exp() * eps),
        ("σ is missing: the noise is scaled by exp(logvar / 2)", lambda mu, logvar: mu + eps),
        ("mu is missing: z is mu + σ times noise", lambda mu, logvar: (logvar / 2).exp() * eps),
        ("mu and logvar are exchanged", lambda mu, logvar: logvar + (mu / 2).exp() * eps),
        ("the encoder plays no part: z is drawn from the prior, not from sample(mu, logvar)", lambda mu, logvar: eps),
    ]
    pictures = [
        ("", filled),
        ("this encodes x, whose hidden pixels are not known: encode `filled`", x),
        ("this encodes the known pixels alone, the others 0: encode `filled`", torch.where(known, x, 0)),
        ("this encodes the hidden pixels alone, the others 0: encode `filled`", torch.where(known, 0, filled)),
    ]
    squashes = [
        ("", torch.sigmoid),
        ("the decoder gives logits: their sigmoid is the picture", lambda logits: logits),
        ("the sigmoid is applied twice", lambda logits: logits.sigmoid().sigmoid()),
        ("the logits are cut off at 0 and 1; their sigmoid is the picture", lambda logits: logits.clamp(0, 1)),
        ("this is the tanh of the logits; their sigmoid is the picture", torch.tanh),
        ("the guess is rounded to black and white; keep the sigmoid as it is", lambda logits: (logits > 0).float()),
    ]
    nothing = "none of the decoder's guess is in it: {} comes back"
    mixed = "known and guess are mixed: known pixels stay, hidden ones take the guess whole"
    puts = [
        ("", lambda guess: torch.where(known, x, guess)),
        ("the mask is the wrong way round: where known, x; elsewhere the guess", lambda g: torch.where(known, g, x)),
        ("the mask is the wrong way round: where known, x; elsewhere the guess",
         lambda g: torch.where(known, g, filled)),
        ("nothing is put back: where known, the pixels are those of x, not the decoder's", lambda g: g),
        (nothing.format("filled"), lambda g: filled),
        (nothing.format("x"), lambda g: x),
        ("the guess is added to the known pixels too: it belongs to the hidden ones alone", lambda g: known * x + g),
        ("the hidden pixels of x are added to the guess: they are not known", lambda g: x + ~known * g),
        ("the hidden pixels of filled are added to the guess, which takes their place",
         lambda g: filled + ~known * g),
        ("the hidden pixels are 0; they take the decoder's guess", lambda g: known * x),
        ("the known pixels are 0; they are those of x", lambda g: ~known * g),
        *((mixed, mix) for mix in (
            lambda g: (x + g) / 2, lambda g: (filled + g) / 2, lambda g: torch.where(known, (x + g) / 2, g),
            lambda g: torch.where(known, x, (filled + g) / 2), lambda g: torch.where(known, x, (x + g) / 2),
            lambda g: torch.where(known, x, 0.9 * filled + 0.1 * g), lambda g: torch.where(known, x, 0.5 * g))),
    ]
    posteriors = [(text, model.encoder(picture)) for text, picture in pictures]
    draws = [("", codes[0][1](*posteriors[0][1])), *combined(
        posteriors, [(text, lambda pair, code=code: code(*pair)) for text, code in codes])]
    logits = [(text, model.decoder(z)) for text, z in draws if "Besides" not in text]
    guesses = [("", logits[0][1].sigmoid()), *(
        (text, guess) for text, guess in combined(logits, squashes) if "Besides" not in text)]
    return [("", puts[0][1](guesses[0][1])), *combined(guesses, puts)]
