"""Checks of notebook 10: the distance of two images by the features of a net, the loss of a discriminator."""

import math

import torch
from torch.nn import functional as F

from vae_helpers.checks.parameters import ask, between, combined, settle, uniform, unnamed
from vae_helpers.checks.verdict import Mistake, exercise, require, tensor


@exercise("10_perceptual_distance", "Near is what a net sees alike in the same places, whatever the pixels say.")
def perceptual_distance(answer, generator):
    """``answer(features_a, features_b)``, lists of maps (N, C, H, W): unit vectors' squared distances, (N,)."""

    def draw(n, layers):
        side = between(5, 6, generator)
        features_a, features_b = [], []
        for i in range(layers):  # deeper maps are smaller and have more channels, as in a net
            shape = (n, 3 + 2 * i, side - i, side + 1 - i)
            length = uniform(0.4, 2.5, (n, 1, *shape[2:]), generator)
            both = torch.randn(shape, generator=generator) + 0.5
            for features in (features_a, features_b):
                features.append(length * both + 0.6 * torch.randn(shape, generator=generator))
        return features_a, features_b

    def asked(features_a, features_b):
        layers = len(features_a)
        return tensor(ask(lambda *maps: answer(list(maps[:layers]), list(maps[layers:])), *features_a, *features_b))

    def case(n, layers):
        features = draw(n, layers)
        return asked(*features), *_distances(*features)

    settle([case(4, 3), case(5, 2), case(3, 4)],
           "the numbers are off: bring each place's channels to length 1, sum the squared differences over the "
           "channels, average over places, add up the layers")
    settle([unnamed(case(1, 3))], "right for several images, but off for a single one: the result is (1,)")
    features = draw(3, 2)
    for maps in features:
        maps[0][:, :, 1, 1] = 0
    require(asked(*features).isfinite().all(),
            "right, but not finite where all channels of a place are 0: 0 / 0. F.normalize(a, dim=1) sees to that")


def _distances(features_a, features_b):
    """The right distances (N,), and the mistakes: pairs (text, value)."""
    pairs = [(a.double(), b.double()) for a, b in zip(features_a, features_b)]

    def places(length):  # the squared differences, each map divided by its length; one tensor (N, C, H, W) per layer
        return [(a / length(a) - b / length(b)).square() for a, b in pairs]

    def of(compare):
        return [compare(F.normalize(a, dim=1), F.normalize(b, dim=1)) for a, b in pairs]

    def norm(dims):
        return lambda a: a.square().sum(dims, keepdim=True).sqrt()

    one_each = "wanted is length 1 at each place, over the channels: dim=1"
    over_all = f"the maps are normalised over all of (C, H, W); {one_each}"
    over_places = f"the maps are normalised over the places; {one_each}"
    forms = [
        ("", places(norm(1))),
        (f"the features are not normalised: {one_each}", places(lambda a: 1)),
        (over_all, places(norm((1, 2, 3)))),
        (over_places, places(norm((2, 3)))),
        (over_places, places(norm(2))),
        (over_places, places(norm(3))),
        (f"the maps are normalised over the batch; {one_each}", places(norm(0))),
        ("the vectors are divided by the square of their length; divide by the length",
         places(lambda a: a.square().sum(1, keepdim=True))),
        ("the vectors are divided by the sum of absolute numbers (p = 1); the length is the root of the squares",
         places(lambda a: a.abs().sum(1, keepdim=True))),
        ("the vectors are divided by their largest number; divide by their length",
         places(lambda a: a.abs().amax(1, keepdim=True))),
        ("one of the two alone is normalised: both are to have length 1",
         [(a / norm(1)(a) - b).square() for a, b in pairs]),
        ("one of the two alone is normalised: both are to have length 1",
         [(a - b / norm(1)(b)).square() for a, b in pairs]),
        ("the difference is normalised, which makes every distance 1; normalise each before",
         [F.normalize(a - b, dim=1).square() for a, b in pairs]),
        ("these are absolute differences (L1); wanted are squared ones", of(lambda a, b: (a - b).abs())),
        ("the differences are not squared", of(lambda a, b: a - b)),
        ("the differences are not squared", of(lambda a, b: b - a)),
        ("this is the cosine, which is 1 for the same; wanted is a distance, 2 − 2 cos", of(lambda a, b: a * b)),
        ("this adds the two; the distance is of their difference", of(lambda a, b: (a + b).square())),
    ]

    def layers(reduce):
        return lambda maps: torch.stack([reduce(each) for each in maps]).sum(0)

    each_image = "this is one number for the whole batch; wanted is one for each image"
    right = layers(lambda d: d.sum(1).mean((1, 2)))
    stack = [d.sum(1).mean((1, 2)) for d in forms[0][1]]
    reductions = [
        ("", right),
        ("this sums over the places; take their mean, lest large maps count for more",
         layers(lambda d: d.sum((1, 2, 3)))),
        ("this is the mean over the channels; sum over them", layers(lambda d: d.mean((1, 2, 3)))),
        ("this averages over the channels and sums over the places; wanted is the reverse",
         layers(lambda d: d.mean(1).sum((1, 2)))),
        ("the places are summed along one side alone; take the mean over both",
         layers(lambda d: d.sum((1, 2)).mean(1))),
        ("the places are summed along one side alone; take the mean over both",
         layers(lambda d: d.sum((1, 3)).mean(1))),
        ("this has a root: wanted are squared distances", layers(lambda d: d.sum(1).abs().sqrt().mean((1, 2)))),
        ("this has a root: wanted are squared distances", layers(lambda d: d.sum(1).mean((1, 2)).abs().sqrt())),
        ("this has a root: wanted are squared distances", lambda maps: right(maps).abs().sqrt()),
        ("this has a root: wanted are squared distances", layers(lambda d: d.sum((1, 2, 3)).abs().sqrt())),
        ("this takes the largest distance of all places; wanted is the mean", layers(lambda d: d.sum(1).amax((1, 2)))),
        ("this is the mean over the layers; sum over them", lambda maps: right(maps) / len(maps)),
        ("this is the first layer alone; sum over all", lambda maps: right(maps[:1])),
        ("this is the last layer alone; sum over all", lambda maps: right(maps[-1:])),
        ("the last layer is left out", lambda maps: right(maps[:-1])),
        ("the first layer is left out", lambda maps: right(maps[1:])),
        (each_image, lambda maps: right(maps).mean()),
        (each_image, lambda maps: right(maps).sum()),
        (each_image, lambda maps: sum(d.mean() for d in maps)),
        (each_image, lambda maps: sum(d.sum() for d in maps)),
        (each_image, lambda maps: sum(d.mean() for d in maps) / len(maps)),
        ("this is half of it; so is 1 − cos: the squared distance is 2 − 2 cos", lambda maps: right(maps) / 2),
        ("the sign is turned round", lambda maps: -right(maps)),
    ]
    mistakes = [
        ("this is the mean over the layers, and half of it: sum over them, 2 − 2 cos",
         right(forms[0][1]) / 2 / len(stack)),
        ("this has one number for each layer and image; sum over the layers", torch.stack(stack)),
        ("this has one number for each layer and image; sum over the layers", torch.stack(stack, 1)),
        ("this has one number for each layer and image; sum over the layers", torch.cat(stack)),
        ("this has one number for each layer; wanted is one for each image", torch.stack([d.mean() for d in stack])),
    ]
    return right(forms[0][1]), mistakes + combined(forms, reductions)


@exercise("10_discriminator_loss", "Where D cannot tell the two apart it says ½ each time, and this is 2 log 2, 1.39.")
def discriminator_loss(answer, generator):
    """``answer(real, made)``, logits (n, 1) and (m, 1) or (n,) and (m,): −log D(real) − log(1 − D(made)), means, ()."""

    def case(n, m, *column):
        real, made = uniform(-0.5, 2.5, (n, *column), generator), uniform(-1.8, 1.2, (m, *column), generator)
        real[0] = -0.4  # one below 0 at least, so that its own log is a nan
        try:
            got = tensor(ask(answer, real, made))
        except RuntimeError as error:
            if "must match the size" in str(error):
                raise Mistake(f"{n} real and {m} made ones do not fit together: take the mean of each by itself, then "
                              "add the two") from None
            raise
        return got, *_losses(real.double().flatten(), made.double().flatten())

    settle([case(between(5, 6, generator), 9, 1), case(8, between(3, 4, generator), 1), case(7, 12)],
           "the number is off: wanted is the mean of −log D(real) plus the mean of −log(1 − D(made)), D the sigmoid",
           "a nan: is a log taken of logits? They are no probabilities: D is their sigmoid")
    far = torch.tensor([[200.0], [-200.0]])
    require(tensor(ask(answer, far, far)).isfinite().all(),
            "right for small logits; but at ±200 the sigmoid is 0 or 1 in float32, and its log is infinite: "
            "−log D is F.softplus(−logit), −log(1 − D) is F.softplus(logit)")


def _losses(real, made):
    """The right loss, and the mistakes: pairs (text, value)."""
    zero_real, zero_made = torch.zeros_like(real), torch.zeros_like(made)
    right_real, right_made = F.softplus(-real), F.softplus(made)
    d_real, d_made = real.sigmoid(), made.sigmoid()
    twice = "probabilities are taken for logits, so the sigmoid comes twice: hand over the logits"
    no_log = "the logarithm is missing: wanted are −log D(real) and −log(1 − D(made))"
    forms = [
        ("", (right_real, right_made)),
        ("the labels are swapped: real ones are to get D = 1, made ones D = 0", (F.softplus(real), F.softplus(-made))),
        ("only the real ones count here: −log(1 − D(made)) is missing", (right_real, zero_made)),
        ("only the made ones count here: −log D(real) is missing", (zero_real, right_made)),
        ("this is the generator's loss, −log D(made); the discriminator wants made ones to be told", (
            zero_real, F.softplus(-made))),
        ("the made ones have the label of the real ones: their term is −log(1 − D(made))", (
            right_real, F.softplus(-made))),
        ("the real ones have the label of the made ones: their term is −log D(real)", (F.softplus(real), right_made)),
        ("only the real ones count, and as made ones: wanted is −log D(real), and the other term", (
            F.softplus(real), zero_made)),
        ("the second term has the wrong sign: it is −log(1 − D(made))", (right_real, -right_made)),
        ("the first term has the wrong sign: it is −log D(real)", (-right_real, right_made)),
        (twice, (F.softplus(-d_real), F.softplus(d_made))),
        ("the sigmoid comes twice, and the labels are swapped: hand over the logits, D = 1 for real ones", (
            F.softplus(d_real), F.softplus(-d_made))),
        (no_log, (1 - d_real, d_made)),
        (no_log, (-d_real, d_made)),
        (no_log, (-d_real, d_made - 1)),
        ("the logits count as they are: wanted are −log D(real) and −log(1 − D(made)), D the sigmoid", (-real, made)),
        ("this is the hinge loss; wanted are logarithms", (F.relu(1 - real), F.relu(1 + made))),
        ("these are squared errors; wanted are logarithms", ((real - 1) ** 2, made**2)),
        ("these are squared errors; wanted are logarithms", ((d_real - 1) ** 2, d_made**2)),
        ("the logarithm is to base 2; wanted is the natural one", (
            right_real / math.log(2), right_made / math.log(2))),
    ]
    reductions = [
        ("", lambda real, made: real.mean() + made.mean()),
        ("these are sums; take the mean over each of the two", lambda real, made: real.sum() + made.sum()),
        ("this is the mean over all n + m: of unequal numbers the larger counts for more. Add two means",
         lambda real, made: torch.cat([real, made]).mean()),
        ("this is half of it: the two means are added, not averaged",
         lambda real, made: (real.mean() + made.mean()) / 2),
        ("the sign is turned round: a loss is made small", lambda real, made: -real.mean() - made.mean()),
        ("the sign is turned round, and these are sums: a loss is made small, and has means",
         lambda real, made: -real.sum() - made.sum()),
        ("the real ones are summed; take their mean", lambda real, made: real.sum() + made.mean()),
        ("the made ones are summed; take their mean", lambda real, made: real.mean() + made.sum()),
        ("this has one number for each logit; wanted is one, the sum of two means",
         lambda real, made: torch.cat([real, made])),
        ("these are the two means; add them", lambda real, made: torch.stack([real.mean(), made.mean()])),
    ]
    reductions = [(text, lambda pair, reduce=reduce: reduce(*pair)) for text, reduce in reductions]
    return right_real.mean() + right_made.mean(), combined(forms, reductions)
