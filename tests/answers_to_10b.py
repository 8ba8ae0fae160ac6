"""Answers to the exercises of notebook 10, its losses: right ones, wrong ones with what the message must say, stubs."""

DISTANCE = """
def f(features_a, features_b):
    distance = 0
    for a, b in zip(features_a, features_b):
        a, b = F.normalize(a, dim=1), F.normalize(b, dim=1)
        distance = distance + (a - b).square().sum(1).mean((1, 2))
    return distance
"""
SQUARE = "(a - b).square()"
ADDED = "(a - b).square().sum(1).mean((1, 2))"
UNIT = "F.normalize(a, dim=1), F.normalize(b, dim=1)"


def distance(*changes):
    source = DISTANCE
    for old, new in changes:
        assert old in source
        source = source.replace(old, new)
    return source


def by(length):
    """Each map divided by this, a formula of ``v``."""
    return distance((UNIT, "[v / ({0}) for v in (a, b)]".format(length)))


def loss(back):
    return f"def f(real, made):\n    d_real, d_made = real.sigmoid(), made.sigmoid()\n    return {back}"


RIGHT = {
    "perceptual_distance": [
        DISTANCE,
        distance((".sum(1).mean((1, 2))", ".sum(dim=1).flatten(1).mean(dim=1)")),
        distance((".square().sum(1).mean((1, 2))", ".pow(2).mean((2, 3)).sum(1)")),
        distance((UNIT, "[v / (v.norm(dim=1, keepdim=True) + 1e-10) for v in (a, b)]")),
        distance((UNIT, "[v / (v.square().sum(1, keepdim=True) + 1e-12).sqrt() for v in (a, b)]")),
        distance((ADDED, "(2 - 2 * F.cosine_similarity(a, b)).mean((1, 2))")),
        distance((ADDED, "(2 - 2 * (a * b).sum(1)).mean((1, 2))")),
        distance((ADDED, "((a - b) ** 2).flatten(1).sum(1) / a[0, 0].numel()")),
        """
        def f(features_a, features_b):
            def each(a, b):
                return (F.normalize(a, dim=1) - F.normalize(b, dim=1)).square().sum(1).mean((1, 2))

            return sum(each(a, b) for a, b in zip(features_a, features_b))
        """,
        """
        def f(features_a, features_b):
            parts = []
            for a, b in zip(features_a, features_b):
                a = a / a.norm(dim=1, keepdim=True).clamp_min(1e-12)
                b = b / b.norm(dim=1, keepdim=True).clamp_min(1e-12)
                parts.append(((a - b) ** 2).sum(1).mean(-1).mean(-1))
            return torch.stack(parts).sum(0)
        """,
        """
        def f(features_a, features_b):
            total = 0
            for a, b in zip(features_a, features_b):
                a, b = (np.asarray(v) / (np.linalg.norm(v, axis=1, keepdims=True) + 1e-9) for v in (a, b))
                total = total + ((a - b) ** 2).sum(1).mean((1, 2))
            return total
        """,
        """
        def f(features_a, features_b):
            distance = torch.zeros(len(features_a[0]))
            for a, b in zip(features_a, features_b):
                a, b = F.normalize(a, dim=1), F.normalize(b, dim=1)
                for i in range(len(a)):
                    distance[i] += (a[i] - b[i]).square().sum(0).mean()
            return distance
        """,
    ],
    "discriminator_loss": [
        loss("F.softplus(-real).mean() + F.softplus(made).mean()"),
        loss("-F.logsigmoid(real).mean() - F.logsigmoid(-made).mean()"),
        """
        def f(real, made):
            bce = F.binary_cross_entropy_with_logits
            return bce(real, torch.ones_like(real)) + bce(made, torch.zeros_like(made))
        """,
        """
        def f(real, made):
            loss = nn.BCEWithLogitsLoss()
            return loss(real, real * 0 + 1) + loss(made, made * 0)
        """,
        loss("torch.logaddexp(torch.zeros(()), -real).mean() + torch.logaddexp(torch.zeros(()), made).mean()"),
        loss("np.logaddexp(0, -real.numpy()).mean() + np.logaddexp(0, made.numpy()).mean()"),
        loss("float(F.softplus(-real).sum() / len(real) + F.softplus(made).sum() / len(made))"),
    ],
}
ONE_EACH = "wanted is length 1 at each place"
BATCH = "one number for the whole batch"
ROOT = "this has a root"
TWICE = "probabilities are taken for logits"
INFINITE = "at ±200 the sigmoid is 0 or 1"
LABELS = "the labels are swapped"
BCE = "F.binary_cross_entropy_with_logits"
TOGETHER = "this is the mean over all n + m: of unequal numbers"
WRONG = {
    "perceptual_distance": [
        (distance(("return distance", "distance")), "a `return` missing"),
        (distance((UNIT, "a, b")), f"the features are not normalised: {ONE_EACH}"),
        (by("v.flatten(1).norm(dim=1).view(-1, 1, 1, 1)"), f"over all of (C, H, W); {ONE_EACH}"),
        (by("v.norm(dim=(2, 3), keepdim=True)"), "normalised over the places"),
        (distance((UNIT, "F.normalize(a, dim=-1), F.normalize(b, dim=-1)")), "normalised over the places"),
        (distance((UNIT, "F.normalize(a, dim=2), F.normalize(b, dim=2)")), "normalised over the places"),
        (distance((UNIT, "F.normalize(a, dim=0), F.normalize(b, dim=0)")), "normalised over the batch"),
        (by("v.square().sum(1, keepdim=True)"), "by the square of their length"),
        (by("v.abs().sum(1, keepdim=True)"), "(p = 1)"),
        (by("v.abs().amax(1, keepdim=True)"), "by their largest number"),
        (distance((UNIT, "F.normalize(a, dim=1), b")), "one of the two alone"),
        (distance((UNIT, "a, F.normalize(b, dim=1)")), "one of the two alone"),
        (distance((UNIT, "a, b"), (SQUARE, "F.normalize(a - b, dim=1).square()")), "the difference is normalised"),
        (distance((SQUARE, "(a - b).abs()")), "(L1)"),
        (distance((SQUARE, "(a - b)")), "the differences are not squared"),
        (distance((SQUARE, "(a * b)")), "this is the cosine"),
        (distance((SQUARE, "(a + b).square()")), "this adds the two"),
        (distance((ADDED, "(1 - (a * b).sum(1)).mean((1, 2))")), "1 − cos"),
        (distance((ADDED, f"{ADDED} / 2")), "half of it"),
        (distance((ADDED, "(1 - (a * b).sum(1)).mean((1, 2)) / len(features_a)")),
         "the mean over the layers, and half"),
        (distance((".mean((1, 2))", ".sum((1, 2))")), "sums over the places"),
        (distance((".sum(1).mean((1, 2))", ".mean((1, 2, 3))")), "the mean over the channels; sum"),
        (distance((".sum(1).mean((1, 2))", ".mean(1).sum((1, 2))")), "wanted is the reverse"),
        (distance((".mean((1, 2))", ".sum(1).mean(1)")), "along one side alone"),
        (distance((".mean((1, 2))", ".mean(1).sum(1)")), "along one side alone"),
        (distance((".sum(1).mean((1, 2))", ".sum(1).sqrt().mean((1, 2))")), ROOT),
        (distance((ADDED, "(a - b).norm(dim=1).mean((1, 2))")), ROOT),
        (distance((ADDED, f"{ADDED}.sqrt()")), ROOT),
        (distance(("return distance", "return distance.sqrt()")), ROOT),
        (distance((ADDED, "(a - b).flatten(1).norm(dim=1)")), ROOT),
        (distance((".mean((1, 2))", ".amax((1, 2))")), "the largest distance"),
        (distance(("return distance", "return distance / len(features_a)")), "this is the mean over the layers"),
        (distance(("distance = distance +", "return")), "the first layer alone"),
        (distance(("distance = distance +", "distance =")), "the last layer alone"),
        (distance(("zip(features_a, features_b)", "zip(features_a[:-1], features_b)")), "the last layer is left out"),
        (distance(("zip(features_a, features_b)", "zip(features_a[1:], features_b[1:])")),
         "the first layer is left out"),
        (distance(("return distance", "return distance.mean()")), BATCH),
        (distance(("return distance", "return distance.sum()")), BATCH),
        (distance((".sum(1).mean((1, 2))", ".mean()")), BATCH),
        (distance((ADDED, "F.mse_loss(a, b)")), BATCH),
        (distance(("distance = 0", "distance = []"), ("distance = distance + (a - b).square().sum(1).mean((1, 2))",
          f"distance.append({ADDED})"), ("return distance", "return torch.stack(distance)")),
         "one number for each layer and image"),
        (distance(("distance = 0", "distance = []"), ("distance = distance + (a - b).square().sum(1).mean((1, 2))",
          "distance.append((a - b).square().sum(1).mean())"), ("return distance", "return torch.stack(distance)")),
         "one number for each layer;"),
        (distance((ADDED, "-(a - b).square().sum(1).mean((1, 2))")), "the sign is turned round"),
        (distance((UNIT, "a, b"), ("return distance", "return distance.mean()")), "Besides, this is one number"),
        (distance((SQUARE, "(a - b).abs()"), (".mean((1, 2))", ".sum((1, 2))")), "Besides, this sums over the places"),
        (distance(("return distance", "return distance + 1")), "the numbers are off"),
        (distance((ADDED, f"{ADDED}.squeeze()"), ("return distance", "return distance.squeeze()")), "the shape (1,)"),
        (by("v.norm(dim=1, keepdim=True)"), "not finite where all channels of a place are 0"),
        (by("v.square().sum(1, keepdim=True).sqrt()"), "not finite where all channels of a place are 0"),
    ],
    "discriminator_loss": [
        ("def f(real, made):\n    loss = F.softplus(-real).mean() + F.softplus(made).mean()", "a `return` missing"),
        (loss("F.softplus(real).mean() + F.softplus(-made).mean()"), LABELS),
        (loss(f"{BCE}(real, 0 * real) + {BCE}(made, 0 * made + 1)"), LABELS),
        (loss("F.softplus(-real).mean()"), "only the real ones count here"),
        (loss("F.softplus(made).mean()"), "only the made ones count here"),
        (loss("F.softplus(-made).mean()"), "this is the generator's loss"),
        (loss("-d_made.log().mean()"), "this is the generator's loss"),
        (loss("F.softplus(-real).mean() + F.softplus(-made).mean()"), "the made ones have the label of the real"),
        (loss("F.softplus(real).mean() + F.softplus(made).mean()"), "the real ones have the label of the made"),
        (loss("F.softplus(real).mean()"), "only the real ones count, and as made ones"),
        (loss("F.softplus(-real).mean() - F.softplus(made).mean()"), "the second term has the wrong sign"),
        (loss("F.logsigmoid(real).mean() - F.logsigmoid(-made).mean()"), "the first term has the wrong sign"),
        (loss("F.softplus(-d_real).mean() + F.softplus(d_made).mean()"), TWICE),
        (loss(f"{BCE}(d_real, d_real * 0 + 1) + {BCE}(d_made, 0 * d_made)"), TWICE),
        (loss("F.softplus(d_real).mean() + F.softplus(-d_made).mean()"), "comes twice, and the labels"),
        (loss("(1 - d_real).mean() + d_made.mean()"), "the logarithm is missing"),
        (loss("d_made.mean() - d_real.mean()"), "the logarithm is missing"),
        (loss("-d_real.mean() - (1 - d_made).mean()"), "the logarithm is missing"),
        (loss("made.mean() - real.mean()"), "the logits count as they are"),
        (loss("F.relu(1 - real).mean() + F.relu(1 + made).mean()"), "hinge loss"),
        (loss("((real - 1) ** 2).mean() + (made ** 2).mean()"), "these are squared errors"),
        (loss("((d_real - 1) ** 2).mean() + (d_made ** 2).mean()"), "these are squared errors"),
        (loss("-d_real.log2().mean() - (1 - d_made).log2().mean()"), "the logarithm is to base 2"),
        (loss("F.softplus(-real).sum() + F.softplus(made).sum()"), "these are sums"),
        (loss("torch.cat([F.softplus(-real), F.softplus(made)]).mean()"), TOGETHER),
        ("""
         def f(real, made):
             both = torch.cat([real, made])
             labels = torch.cat([torch.ones_like(real), torch.zeros_like(made)])
             return F.binary_cross_entropy_with_logits(both, labels)
         """, TOGETHER),
        (loss("(F.softplus(-real).mean() + F.softplus(made).mean()) / 2"), "this is half of it"),
        (loss("F.logsigmoid(real).mean() + F.logsigmoid(-made).mean()"), "the sign is turned round: a loss"),
        (loss("-F.softplus(-real).sum() - F.softplus(made).sum()"), "the sign is turned round, and these are sums"),
        (loss("F.softplus(-real).sum() + F.softplus(made).mean()"), "the real ones are summed"),
        (loss("F.softplus(-real).mean() + F.softplus(made).sum()"), "the made ones are summed"),
        (loss("torch.cat([F.softplus(-real), F.softplus(made)]).flatten()"), "one number for each logit"),
        (loss("torch.stack([F.softplus(-real).mean(), F.softplus(made).mean()])"), "these are the two means"),
        (loss("F.softplus(-real).mean(), F.softplus(made).mean()"), "these are the two means"),
        (loss("F.softplus(real).sum() + F.softplus(-made).sum()"), "Besides, these are sums"),
        (loss("(F.softplus(-real) + F.softplus(made)).mean()"), "do not fit together"),
        (loss("-d_real.log().mean() - (1 - d_made).log().mean()"), INFINITE),
        (loss("-torch.log(d_real).mean() - torch.log1p(-d_made).mean()"), INFINITE),
        (loss("(1 + (-real).exp()).log().mean() + (1 + made.exp()).log().mean()"), INFINITE),
        (loss("-real.log().mean() - (1 - made).log().mean()"), "is a log taken of logits"),
        (loss("F.softplus(-real).mean() + F.softplus(made).mean() + 1"), "the number is off"),
        (loss("(F.softplus(-real).mean() + F.softplus(made).mean())[None]"), "wanted is the shape ()"),
    ],
}
STUBS = {
    "perceptual_distance": ["def my_distance(features_a, features_b):\n    ..."],
    "discriminator_loss": ["def my_loss(real, made):\n    ...", "def my_loss(real, made):\n    pass"],
}
