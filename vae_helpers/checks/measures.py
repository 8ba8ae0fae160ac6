"""Checks of notebook 06, measuring and fitting: the slant by moments, a mixture's gain, the bridge of two models."""

import math

import torch

from vae_helpers.checks.parameters import ask, between, combined, settle, uniform, unnamed
from vae_helpers.checks.verdict import Mistake, exercise, require, tensor


@exercise("06_slant", "This ruler never saw the model, so it may judge what the model draws.")
def slant(answer, generator):
    """``answer(x)``, (N, 1, H, W) in [0, 1], ink 1: the lean to the right by second moments, degrees, (N,)."""

    def case(height, width):
        x = _strokes(between(4, 6, generator), height, width, generator)
        ink = x[:, 0].double()
        mass = ink.sum((1, 2))
        middle = ((width - 1) / 2, (height - 1) / 2)
        aa, ab, bb = _moments(ink)
        rows, columns = torch.arange(height).double()[:, None], torch.arange(width).double()
        of_all = [(ink * place).sum() / ink.sum() for place in (columns, rows)]
        b, a = (place - (ink * place).sum((1, 2), keepdim=True) / mass[:, None, None] for place in (rows, columns))
        tangents = [
            ("", -ab / bb),
            ("the sign is turned round: rows grow downwards, so a lean to the right has m_ab below 0", ab / bb),
            ("this divides by the spread of the columns, m_aa; divide by that of the rows (or are the two exchanged?)",
             -ab / aa),
            ("the fraction is upside down: it is −m_ab / m_bb", -bb / ab),
            ("the moments are not central: take the mean column and the mean row of the ink off first",
             _tangent(ink, (0, 0))),
            ("this is centred on the picture; take off the mean column and the mean row of the ink",
             _tangent(ink, middle)),
            ("this is centred on the picture; take off the mean column and the mean row of the ink",
             _tangent(ink, (width / 2, height / 2))),
            ("the centre is that of the whole batch: sum over dims (1, 2), for each image", _tangent(ink, of_all)),
            ("the ink plays no part in the means: weigh each pixel with x",
             -(a * b).mean((1, 2)) / (b * b + 0 * a).mean((1, 2))),
            ("this weighs the paper: ink is 1 in x, so the weights are x itself", _tangent(1 - ink)),
            ("black or white takes the place of the greys: the weights are x itself", _tangent((x[:, 0] > 0.5).double())),
            ("the ink counts as its square: the weights are x itself", _tangent(ink**2)),
            ("the ink plays no part: weigh each pixel with x", torch.zeros_like(ab)),
            ("this is the correlation of columns and rows; divide by m_bb alone", -ab / (aa * bb).sqrt()),
            ("m_bb is under a root: it is −m_ab / m_bb", -ab / bb.sqrt()),
            ("m_ab is divided by the ink, m_bb is not: divide both or neither", -ab / bb / mass),
            ("m_bb is divided by the ink, m_ab is not: divide both or neither", -ab / bb * mass),
            ("m_ab is not divided by m_bb: the lean is columns to the right for each row upwards", -ab),
        ]
        one = "this is one number for the whole batch; wanted is one for each image"
        angles = [
            ("", lambda tan: tan.atan().rad2deg()),
            ("this is in radians; wanted are degrees", torch.atan),
            ("this is the tangent of the angle; its atan, in degrees, is wanted", lambda tan: tan),
            ("this turns the tangent itself into degrees: the atan is missing", torch.rad2deg),
            ("this takes tan where atan is wanted", lambda tan: tan.tan().rad2deg()),
            ("deg2rad turns degrees into radians; wanted is the reverse", lambda tan: tan.atan().deg2rad()),
            ("this is the angle with the horizontal; the lean is 0 for what stands upright",
             lambda tan: 90 - tan.atan().rad2deg()),
            (one, lambda tan: tan.atan().rad2deg().mean()),
            (one, lambda tan: tan.mean().atan().rad2deg()),
        ]
        whole = torch.stack(_moments(ink.sum(0, keepdim=True)), 1)[0]
        apart = torch.stack([aa, ab, bb], 1).mul(mass[:, None]).sum(0)
        mistakes = combined(tangents, angles)
        mistakes += [(one, (-summed[1] / summed[2]).atan().rad2deg()) for summed in (whole, apart)]
        mistakes.append(("this is the lean of the longest axis; wanted is what a shear mends, atan(−m_ab / m_bb)",
                         torch.atan2(-2 * ab, bb - aa).rad2deg() / 2))
        return tensor(ask(answer, x)), _lean(x), mistakes

    settle([case(20, 28), case(24, 18), case(16, 22)],
           "the numbers are off: with central moments of the ink wanted is atan(−m_ab / m_bb) in degrees",
           "a nan: is 0 divided by 0, or a root taken of a negative number? Divide by m_bb, which is above 0")


def _strokes(n, height, width, generator):
    """Pictures (n, 1, H, W) of one leaning stroke of uneven ink each, off the middle; float32 in [0, 1]."""
    rows, columns = torch.arange(height)[:, None], torch.arange(width)
    x = torch.zeros(n, 1, height, width)
    for image in x[:, 0]:
        row, column = height * uniform(0.52, 0.6, (), generator), width * uniform(0.32, 0.42, (), generator)
        lean = torch.deg2rad(uniform(12, 35, (), generator)) * (2 * between(0, 1, generator) - 1)
        for up in torch.linspace(-0.3, 0.3, 5) * height:
            at = row - up + uniform(-0.5, 0.5, (), generator), column + up * lean.tan()
            square = (rows - at[0]) ** 2 + (columns - at[1]) ** 2
            blot = uniform(0.65, 1, (), generator) * (-square / uniform(2.5, 5, (), generator)).exp()
            image.copy_(torch.maximum(image, blot - 0.02))  # so that the paper is 0
    return x


def _lean(x):
    """The true answer in float64, by ``torch.cov`` of the pixels' places, weighted by the ink."""
    height, width = x.shape[2:]
    places = torch.stack(torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")).flatten(1).double()
    covariances = [torch.cov(places, correction=0, aweights=image.flatten().double()) for image in x]
    return torch.stack([torch.atan(-cov[0, 1] / cov[0, 0]).rad2deg() for cov in covariances])


def _moments(ink, centre=None):
    """m_aa, m_ab, m_bb of ``ink`` (N, H, W) about a column and a row, the mean ones of the ink unless given."""
    b, a = torch.arange(ink.shape[1]).double()[:, None], torch.arange(ink.shape[2]).double()
    mass = ink.sum((1, 2), keepdim=True)
    if centre is None:
        centre = [(ink * place).sum((1, 2), keepdim=True) / mass for place in (a, b)]
    a, b = a - centre[0], b - centre[1]
    return [(ink * product).sum((1, 2)) / mass.flatten() for product in (a * a, a * b, b * b)]


def _tangent(ink, centre=None):
    _, ab, bb = _moments(ink, centre)
    return -ab / bb


@exercise("06_mixture_gain", "So many nats nearer to where the codes are: that is what a better sampler is worth.")
def mixture_gain(answer, generator):
    """``answer(codes, mixture)``, (N, d) and a fitted GaussianMixture: mean of log mixture(z) − log N(z; 0, I), ()."""

    def case(n, d):
        seen, codes = _clumps(60, d, generator), _clumps(n, d, generator)
        mixture = _fit(seen, generator)
        log_p = torch.as_tensor(mixture.score_samples(codes.double().numpy()))
        half, constant = codes.double().square().sum(1) / 2, d / 2 * math.log(2 * math.pi)
        log_n = -half - constant
        forms = [
            ("", log_p - log_n),
            ("the prior's constant is missing: log N(z; 0, I) has −d/2 · log 2π", log_p + half),
            ("the prior lacks its ½: log N(z; 0, I) is −½ Σ z² − d/2 · log 2π", log_p + 2 * half + constant),
            ("the prior lacks its ½: log N(z; 0, I) is −½ Σ z² − d/2 · log 2π", log_p - 2 * log_n),
            ("the prior lacks its ½ and its constant: log N(z; 0, I) is −½ Σ z² − d/2 · log 2π", log_p + 2 * half),
            ("log 2π counts half for each latent, d/2 times in all", log_p + half + constant / d),
            ("log 2π counts half for each latent, not once", log_p + half + 2 * constant),
            ("the prior's constant has the wrong sign: log N(z; 0, I) is −½ Σ z² − d/2 · log 2π",
             log_p + half - constant),
            ("½ Σ z² has the wrong sign in the prior: its density falls away from the origin",
             log_p - half + constant),
            ("the constant of the prior is d/2 · log 2π, with a logarithm", log_p + half + math.pi * d),
            ("the norm is not squared in the prior: log N(z; 0, I) has −½ Σ z²",
             log_p + half.mul(2).sqrt() / 2 + constant),
            ("the prior is averaged over the latents; sum its log density over them", log_p - log_n / d),
            ("the prior is missing: this is the log density under the mixture alone", log_p),
            ("the mixture is missing: this is the log density under the prior alone", log_n),
            ("the mixture is missing: this is the log density under the prior alone", -log_n),
            ("the two log densities are added; subtract the prior's", log_p + log_n),
            ("these are densities; subtract their logarithms", log_p.exp() - log_n.exp()),
            ("this is the ratio of the densities; its logarithm, the difference of the logs, is wanted",
             (log_p - log_n).exp()),
            ("a log density is divided by the other; subtract them", log_p / log_n),
        ]
        reductions = [
            ("", torch.mean),
            ("this is the sum over the codes; average over them", torch.sum),
            ("the sign is turned round: the mixture's log density less the prior's", lambda gain: -gain.mean()),
            ("this is divided by d too: nats for each latent; wanted are nats per code", lambda gain: gain.mean() / d),
            ("this is one number for each code; wanted is their mean", lambda gain: gain),
            ("this is in bits; wanted are nats", lambda gain: gain.mean() / math.log(2)),
            ("this is the median; wanted is the mean", torch.median),
        ]
        mistakes = combined(forms, reductions)
        mistakes += [
            ("the prior is left as one number for each code; average it over them", log_p.mean() - log_n),
            ("the mixture is left as one number for each code: `score` averages, `score_samples` does not",
             log_p - log_n.mean()),
            ("the prior is summed over the codes; average it over them, as `score` does", log_p.mean() - log_n.sum()),
            ("the mixture is summed over the codes; average it over them, as you do the prior",
             log_p.sum() - log_n.mean()),
            ("`score` is the mean over the codes already: do not divide it once more", log_p.mean() / n - log_n.mean()),
            ("a log density is divided by the other; subtract them", log_p.mean() / log_n.mean()),
            ("`lower_bound_` is of the codes that the mixture was fitted to: score the codes that are handed in",
             mixture.lower_bound_ - log_n.mean()),
        ]
        return tensor(ask(answer, codes, mixture)), (log_p - log_n).mean(), mistakes

    settle([case(17, 4), case(23, 5), case(20, 3)],
           "the number is off: wanted is the mean of log mixture(z) less that of −½ Σ z² − d/2 · log 2π")


def _clumps(n, d, generator):
    """Correlated codes (n, d) in two clumps, which lie apart and off the origin, and are not equally large."""
    mix = torch.eye(d) + 0.5 * torch.ones(d, d).tril(-1)
    clump = (torch.arange(n) % 3 == 0)[:, None]
    return (0.3 * torch.randn(n, d, generator=generator)) @ mix.T + torch.where(clump, 1.7, -1.1)


def _fit(codes, generator):
    from sklearn.mixture import GaussianMixture  # it takes a second to load, so only where it is needed

    return GaussianMixture(2, random_state=between(0, 9999, generator)).fit(codes.double().numpy())


@exercise("06_bridge", "Two models, two languages, and a matrix for a dictionary: only the axes were different.")
def bridge(answer, generator):
    """``answer(z_a, z_b)``, (N, d) and (N, e): weight (d, e), bias (e,) so that z_a @ weight + bias is nearest z_b."""
    cases = [_bridged(answer, d, d, generator) for d in (3, 5, 4)]
    settle([of_weight for of_weight, _ in cases],
           "the weight is off: of all (d, e) wanted is that with the least squared error. torch.linalg.lstsq finds it",
           what="your function, for the weight,")
    settle([of_bias for _, of_bias in cases],
           "the weight is right, the bias is off: it is mean(z_b) − mean(z_a) @ weight",
           what="your function, for the bias,")
    for d, e in ((3, 5), (6, 2)):
        for one, name in zip(_bridged(answer, d, e, generator), ("weight", "bias")):
            settle([unnamed(one)], f"right where both have as many latents, but the {name} is off for {d} and {e}",
                   what=f"your function, for the {name},")


def _bridged(answer, d, e, generator):
    """The cases of the weight and of the bias, for codes of ``d`` and of ``e`` latents; mistakes need d = e."""
    n = between(30, 40, generator)
    z_a = torch.randn(n, d, generator=generator) @ (torch.eye(d) + 0.4 * torch.ones(d, d).tril(-1)).T
    z_a = z_a + uniform(0.5, 1.2, (d,), generator)
    truth = torch.randn(d, e, generator=generator)
    z_b = z_a @ truth + uniform(1, 2, (e,), generator) + 0.5 * torch.randn(n, e, generator=generator)
    weight, bias = _least_squares(z_a, z_b)
    got_weight, got_bias = _pair(ask(answer, z_a, z_b), z_b, weight, bias)
    a, b = z_a.double(), z_b.double()
    if d != e:
        return (got_weight, weight, []), (got_bias, bias, [])
    centred_a, centred_b = a - a.mean(0), b - b.mean(0)
    back, back_bias = _least_squares(z_b, z_a)
    through_0 = torch.linalg.lstsq(a, b).solution
    scale, scale_0 = (centred_a * centred_b).sum(0) / (centred_a**2).sum(0), (a * b).sum(0) / (a**2).sum(0)
    spread = b.std(0) / a.std(0)
    turned = "the weight stands on its side, as in nn.Linear and in `coef_`; z_a @ weight wants it as (d, e): turn it"
    no_bias = "the weight is fitted without a bias: append a column of ones to z_a, or take the means off both first"
    each = "this is a scale for each latent by itself; every latent of z_b may depend on all of z_a: a matrix (d, e)"
    ridge = "the weights are pulled to 0, as Ridge does; wanted is plain least squares"
    weights = [
        (turned, weight.T),
        ("this is the way back, from z_b to z_a", back),
        ("this is the way back, from z_b to z_a, and it stands on its side", back.T),
        ("this inverts the way back, which is not the best way there: fit z_b from z_a", torch.linalg.pinv(back)),
        (no_bias, through_0),
        (f"{no_bias}. Besides, the weight stands on its side", through_0.T),
        ("these are the predictions, z_a @ weight + bias; wanted are weight and bias themselves", a @ weight + bias),
        ("these are predictions without the bias; wanted are weight and bias themselves", a @ weight),
        *((each, value) for slope in (scale, scale_0, spread) for value in (slope, slope.diag())),
        ("weight and bias are exchanged: first the weight, then the bias", bias),
        ("the ones stand first, so the bias is the first row of the solution, not the last",
         torch.cat([bias[None], weight[:-1]])),
        ("the ones stand last, so the bias is the last row of the solution, not the first",
         torch.cat([weight[1:], bias[None]])),
        ("the row of the bias is still in the weight", torch.cat([weight, bias[None]])),
        ("the row of the bias is still in the weight", torch.cat([bias[None], weight])),
        *(("this is the covariance of the two; multiply from the left by the inverse covariance of z_a",
           centred_a.T @ centred_b / count) for count in (1, n, n - 1)),
        ("this is z_aᵀ z_b; multiply from the left by the inverse of z_aᵀ z_a, the ones appended", a.T @ b),
        (ridge, _ridge(centred_a, centred_b)),
        (ridge, _ridge(a, b)),
        ("the sign of the weight is turned round", -weight),
    ]
    biases = [
        ("the weight is right, but the bias is 0: the means differ by more than the weight explains",
         torch.zeros_like(bias)),
        ("the bias is the mean of z_b alone; take mean(z_a) @ weight off it", b.mean(0)),
        ("the bias is mean(z_b) − mean(z_a); z_a goes through the weight first", b.mean(0) - a.mean(0)),
        ("the sign of the bias is turned round: mean(z_b) − mean(z_a) @ weight", -bias),
        ("the bias is one number; each latent of z_b has its own", bias.mean()),
        ("these are the residuals, one for each code; the bias is their mean over the codes", b - a @ weight),
        ("this bias is one of the way back, for z_a; wanted is that for z_b", back_bias),
    ]
    return (got_weight, weight, weights), (got_bias, bias, biases)


def _least_squares(z_a, z_b):
    """Weight and bias in float64, by centring both and the pseudo-inverse."""
    a, b = z_a.double(), z_b.double()
    weight = torch.linalg.pinv(a - a.mean(0)) @ (b - b.mean(0))
    return weight, b.mean(0) - a.mean(0) @ weight


def _ridge(a, b):
    return torch.linalg.solve(a.T @ a + torch.eye(a.shape[1]).double(), a.T @ b)


def _pair(got, z_b, weight, bias):
    """The two parts of what came back, or a Mistake that says what else it is."""
    if not isinstance(got, (tuple, list)):
        got = tensor(got)
        known = {
            z_b.shape: "these are predictions; ",
            (len(weight) + 1, len(bias)): "this is the whole solution; ",
            weight.shape: "the bias is missing: ",
        }
        raise Mistake(f"{known.get(got.shape, '')}wanted is the pair (weight, bias), two tensors")
    require(len(got) == 2, f"wanted is the pair (weight, bias), this is a {type(got).__name__} of {len(got)}")
    return [tensor(part, f"your function, for the {name},") for part, name in zip(got, ("weight", "bias"))]
