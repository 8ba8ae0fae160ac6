"""Checks of notebook 07, backward passes by hand; and the three patients whose faults the checker is to find."""

from functools import partial
from numbers import Integral

import numpy as np
import torch

from vae_helpers.checks.parameters import between, settle
from vae_helpers.checks.verdict import Mistake, exercise, require, tensor
from vae_helpers.numpy_vae import VAE, Linear, ReLU, Sample, central_differences, parameters, relative_error


def _rng(generator):
    return np.random.default_rng(between(0, 2**31, generator))


def _away_from_0(rng, *shape):
    """Numbers of both signs between ½ and 1½ in size: none so small that a slip in it would not show."""
    return rng.uniform(0.5, 1.5, shape) * rng.choice([-1, 1], shape)


def _parts(got, *names):
    """What came back as tensors, one for each of ``names``."""
    require(got is not None and got is not Ellipsis, "your function gives back None: is a `return` missing?")
    wanted = f"wanted are {len(names)} arrays: `return {', '.join(names)}`"
    require(not isinstance(got, (str, dict)), wanted)
    try:
        parts = list(got)
    except TypeError:
        raise Mistake(wanted) from None
    require(len(parts) == len(names), wanted)
    for name, part in zip(names, parts):
        require(part is not None and part is not Ellipsis, f"{name} is None")
    return [tensor(part, name) for name, part in zip(names, parts)]


def _in_order(named, wanted):
    """A Mistake where all arrays are there, but some in another's place; ``named`` and ``wanted``: name → array."""
    def same(a, b):
        return a.shape == b.shape and relative_error(np.asarray(a, dtype=float), b) < 1e-4

    found = {name: [other for other, value in wanted.items() if same(array, value)] for name, array in named.items()}
    moved = any(name not in others for name, others in found.items())
    all_there = all(found.values()) and set().union(*found.values()) == set(wanted)
    require(not (moved and all_there), f"the order is changed: wanted is `return {', '.join(wanted)}`")


def _judge(cases, off):
    """``cases``: lists of (name, got, true, mistakes), one list for each draw; all arrays."""
    _in_order({name: got.detach().numpy() for name, got, *_ in cases[0]}, {name: true for name, _, true, _ in cases[0]})
    for part in zip(*cases):
        name = part[0][0]
        settle([(got, torch.as_tensor(true), [(text, torch.as_tensor(value)) for text, value in mistakes])
                for _, got, true, mistakes in part], off[name], f"a nan in {name}", what=name)


@exercise("07_linear_backward", "With this one line of three, each net of this course could learn.")
def linear_backward(answer, generator):
    """``answer(x, w, dy)``, (N, n_in), (n_in, n_out) and (N, n_out): ``dx, dw, db`` for y = x W + b."""

    def case(n, n_in, n_out):
        rng = _rng(generator)
        x, w, dy = (_away_from_0(rng, *shape) for shape in ((n, n_in), (n_in, n_out), (n, n_out)))
        try:
            dx, dw, db = _parts(answer(x.copy(), w.copy(), dy.copy()), "dx", "dw", "db")
        except ValueError as error:
            if "matmul" not in str(error) and "broadcast" not in str(error):
                raise
            raise Mistake("the shapes of a product do not fit: dx wants (N, n_out) times (n_out, n_in), dw (n_in, N) "
                          "times (N, n_out); `.T` transposes") from None
        true_w, true_b = x.T @ dy, dy.sum(0)
        for_x = [
            ("dx is transposed: it has the shape of x", w @ dy.T),
            ("dx has 1/N in it; the loss has that already, and a layer only sums", dy @ w.T / n),
            ("dx is dy itself: it must go back through w", dy),
            ("dx is W; the derivative of the loss goes back through it: dy times W, transposed", w),
            ("dx has the wrong sign", -dy @ w.T),
        ]
        for_w = [
            ("dw is transposed: it has the shape of w, n_in rows", true_w.T),
            ("dw is averaged over the images; 1/N stands in the loss already: sum", true_w / n),
            ("dw has the wrong sign", -true_w),
            ("dw is still apart for each image: sum over them", x[:, :, None] * dy[:, None, :]),
        ]
        for_b = [
            ("db is averaged over the images; 1/N stands in the loss already: sum", true_b / n),
            ("db is dy itself: b goes to every image, so sum over the images", dy),
            ("db is summed over the wrong axis: sum over the images, axis 0", dy.sum(1)),
            ("db is averaged, and over the wrong axis: sum over the images, axis 0", dy.mean(1)),
            ("db is summed over everything; each output has a b of its own: axis 0", dy.sum()),
            ("db is the number of images; dy must be in it", np.full(n_out, float(n))),
            ("db is 1; the derivative of the loss, dy, must be in it", np.ones(n_out)),
            ("db has a dimension too many: shape (n_out,)", true_b[None]),
            ("db has the wrong sign", -true_b),
        ]
        return [("dx", dx, dy @ w.T, for_x), ("dw", dw, true_w, for_w), ("db", db, true_b, for_b)]

    # all sizes differ: a product that is transposed has another shape, or raises
    n = between(4, 5, generator)
    _judge([case(n, n + 2, n - 1), case(n + 4, n - 1, n + 1)], {
        "dx": "dx is off: each input goes to every output, so ∂loss/∂x_i = Σ_j dy_j W_ij",
        "dw": "dw is off: W_ij meets x_i in every image, so ∂loss/∂W_ij = Σ_n x_ni dy_nj",
        "db": "db is off: b_j is added in every image, so ∂loss/∂b_j = Σ_n dy_nj",
    })


@exercise("07_sample_backward", "That is the whole of the reparameterisation trick, seen from behind.")
def sample_backward(answer, generator):
    """``answer(dz, logvar, eps)``, all (N, d): ``dmu, dlogvar`` for z = mu + exp(logvar / 2) eps."""

    def case(n, d):
        rng = _rng(generator)
        dz, eps = _away_from_0(rng, 2, n, d)
        logvar = rng.uniform(0.3, 1.5, (n, d))
        sigma = np.exp(logvar / 2)
        dmu, dlogvar = _parts(answer(dz.copy(), logvar.copy(), eps.copy()), "dmu", "dlogvar")
        for_mu = [
            ("dmu is 1; that is ∂z/∂μ, and dz must be multiplied with it", np.ones_like(dz)),
            ("dmu is 0; but μ is added to z as it is, so that dz passes", np.zeros_like(dz)),
            ("dmu has σ in it; μ is added to z as it is", dz * sigma),
            ("dmu has ε in it; μ is added to z as it is", dz * eps),
            ("dmu has σ ε in it; μ is added to z as it is", dz * sigma * eps),
            ("dmu is averaged over the batch; every image has a μ of its own", dz / n),
            ("dmu is summed over the batch; every image has a μ of its own", dz.sum(0)),
            ("dmu has the wrong sign", -dz),
        ]
        true = dz * eps * sigma / 2
        for_logvar = [
            ("in dlogvar the ½ is missing: the derivative of exp(logvar / 2) is ½ exp(logvar / 2)", 2 * true),
            ("dlogvar is without σ: that is ½ dz ε, and exp(logvar / 2) stays when it is differentiated",
             dz * eps / 2),
            ("dlogvar is the derivative by σ, dz ε; one by log σ² is wanted: multiply with ∂σ/∂logvar", dz * eps),
            ("dlogvar is without ε: the noise is what σ is multiplied with", dz * sigma / 2),
            ("dlogvar is without ε and without its ½", dz * sigma),
            ("dlogvar is without dz: it must go back through z", eps * sigma / 2),
            ("dlogvar is without dz, and without its ½", eps * sigma),
            ("dlogvar has σ² where σ is wanted: σ is exp(logvar / 2)", dz * eps * sigma**2 / 2),
            ("dlogvar has σ² where σ is wanted, and its ½ is missing", dz * eps * sigma**2),
            ("dlogvar takes logvar for σ: σ is exp(logvar / 2)", dz * eps * logvar / 2),
            ("dlogvar is dz: it must go back through σ ε", dz),
            ("dlogvar is 0; but σ is in z", np.zeros_like(dz)),
            ("dlogvar has the KL's gradient in it; that goes past the sample, and is added later",
             true + (sigma**2 - 1) / 2),
            ("dlogvar has the KL's gradient in it; that goes past the sample, and is added later",
             true + (sigma**2 - 1) / 2 / n),
            ("dlogvar is averaged over the batch; every image has a σ of its own", true / n),
            ("dlogvar is summed over the batch; every image has a σ of its own", true.sum(0)),
            ("dlogvar has the wrong sign", -true),
        ]
        return [("dmu", dmu, dz, for_mu), ("dlogvar", dlogvar, true, for_logvar)]

    _judge([case(4, 3), case(5, 2)], {
        "dmu": "dmu is off: ∂z/∂μ = 1",
        "dlogvar": "dlogvar is off: ∂z/∂logvar = ½ exp(logvar / 2) ε",
    })


@exercise("07_kl_gradient", "Zero at μ = 0 and σ = 1 alone: there the KL lets go.")
def kl_gradient(answer, generator):
    """``answer(mu, logvar)``, (N, d): ``dmu, dlogvar`` of the KL in nats per image, the mean over the batch."""

    def case(n, d):
        rng = _rng(generator)
        mu, logvar = _away_from_0(rng, n, d), _away_from_0(rng, n, d)
        var = np.exp(logvar)
        dmu, dlogvar = _parts(answer(mu.copy(), logvar.copy()), "dmu", "dlogvar")

        def scaled(forms, true):
            """Each slip, and each with the batch's mean forgotten or another one taken."""
            means = [("", n), ("1/N is missing: the KL is averaged over the batch", 1),
                     ("this is averaged over the latents too; they are summed", n * d),
                     ("this is averaged over the latents; they are summed, and the batch is averaged", d)]
            found = [(". Besides, ".join(filter(None, (text, mean))), value / by)
                     for mean, by in means for text, value in [("", true), *forms] if text or mean]
            return sorted(found, key=lambda slip: slip[0].count("Besides"))

        for_mu = [
            ("dmu is 2μ: the ½ before the KL is missing", 2 * mu),
            ("dmu is μ/2: the derivative of ½ μ² is μ", mu / 2),
            ("dmu has the wrong sign", -mu),
            ("dmu is μ²; that is the term, not its derivative", mu**2),
            ("dmu is ½ μ²; that is the term, not its derivative", mu**2 / 2),
            ("dmu is 1; the derivative of ½ μ² is μ", np.ones_like(mu)),
        ]
        true = (var - 1) / 2
        for_logvar = [
            ("dlogvar lacks its ½", 2 * true),
            ("dlogvar has the wrong sign: a σ that is too large must shrink", -true),
            ("dlogvar lacks its ½ and has the wrong sign", -2 * true),
            ("dlogvar lacks its −½: that of −½ log σ²", var / 2),
            ("dlogvar has + where − is wanted: −½ logvar gives −½", (var + 1) / 2),
            ("dlogvar is ½ σ² − 1: ½ stands before log σ² too", var / 2 - 1),
            ("dlogvar is σ² − ½: ½ stands before σ² too", var - 0.5),
            ("dlogvar has σ where σ² = exp(logvar) is wanted", (np.exp(logvar / 2) - 1) / 2),
            ("dlogvar takes logvar for σ²: σ² is exp(logvar)", (logvar - 1) / 2),
            ("this is the derivative by σ²; one by log σ² is wanted: multiply with σ²", (1 - 1 / var) / 2),
            ("this is the derivative by σ; one by log σ² is wanted: multiply with σ/2",
             np.exp(logvar / 2) - np.exp(-logvar / 2)),
            ("dlogvar is ½ (σ² − logvar): the derivative of logvar is 1", (var - logvar) / 2),
            ("dlogvar is ½ (σ² − logvar − 1): that is the KL's own term, not its derivative", (var - logvar - 1) / 2),
            ("dlogvar has the ½ of exp(logvar / 2) in it; σ² is exp(logvar)", (var / 2 - 1) / 2),
        ]
        bracket = "a bracket is missing in dlogvar: the ½ and the 1/N stand before the whole, (exp(logvar) − 1)"
        return [("dmu", dmu, mu / n, scaled(for_mu, mu)),
                ("dlogvar", dlogvar, true / n, [*scaled(for_logvar, true), (bracket, var - 0.5 / n),
                                                (bracket, var / 2 - 0.5 / n)])]

    _judge([case(5, 3), case(7, 4)], {
        "dmu": "dmu is off: differentiate ½ μ², and divide by the number of images",
        "dlogvar": "dlogvar is off: differentiate ½ (exp(logvar) − logvar), and divide by the number of images",
    })


# --- three patients


def _sample_at_fault(sample, dz):
    return dz, dz * sample.noise  # the ½ of exp(logvar / 2) is missing


def _relu_at_fault(relu, dy):
    return np.where(dy > 0, dy, 0)  # the mask is taken from the gradient, not from the input


def _linear_at_fault(linear, dy):
    linear.dw = linear.x.T @ dy
    linear.db = dy.mean(0)  # 1/N once more: the loss has it already
    return dy @ linear.w.T


FAULTS = {1: (Sample, _sample_at_fault), 2: (ReLU, _relu_at_fault), 3: (Linear, _linear_at_fault)}


def patient(number, rng, **sizes):
    """A NumPy ``VAE`` in which every layer of one kind has a wrong ``backward``: 1, 2 or 3; 0 is healthy.

    Its ``forward`` is right. With an ``rng`` of the same seed all start from the same weights. ``sizes``: those of
    ``VAE``. ValueError for another number.
    """
    if not isinstance(number, Integral) or number not in {0, *FAULTS}:
        raise ValueError(f"patients are 0 (healthy), {', '.join(map(str, FAULTS))}, not {number!r}")
    model = VAE(rng, **sizes)
    if number:
        kind, backward = FAULTS[number]
        parts = [*vars(model).values(), *vars(model.head).values()]
        for layer in (part for part in parts if isinstance(part, kind)):
            layer.backward = partial(backward, layer)
    return model


def _errors_of_all(generator):
    """``{number: errors}`` as ``check_gradients`` gives them, for four patients alike but for their fault."""
    while True:
        seed = between(0, 2**31, generator)
        rng = np.random.default_rng(seed)
        x, eps = rng.random((12, 10)), rng.standard_normal((12, 2))
        errors, wanted = {}, None
        for number in (0, *FAULTS):
            model = patient(number, np.random.default_rng(seed), pixels=10, hidden=12)
            model.forward(x, eps)
            model.backward()
            pairs = parameters(model)
            if wanted is None:  # they have one forward pass, so one set of differences serves them all
                wanted = {name: central_differences(lambda: sum(model.forward(x, eps)), array)
                          for name, (array, _) in pairs.items()}
            errors[number] = {name: float(relative_error(pairs[name][1], wanted[name])) for name in pairs}
        clear = all(error < 1e-6 or error > 1e-3 for one in errors.values() for error in one.values())
        if clear and max(errors[0].values()) < 1e-6:  # else a kink of a ReLU was too near
            return errors


@exercise("07_diagnosis", "The curve of a loss would have told you of one of the three at most.")
def diagnosis(answer, generator):
    """``answer(errors)``, a dict array → relative error: ``"Linear"``, ``"ReLU"``, ``"Sample"`` or ``"nobody"``."""
    liars = {0: "nobody", **{number: kind.__name__ for number, (kind, _) in FAULTS.items()}}
    for _ in range(2):
        errors = _errors_of_all(generator)
        for number, liar in liars.items():
            wrong = [name for name, error in errors[number].items() if error > 1e-6]
            said = answer(dict(errors[number]))
            require(said is not None and said is not Ellipsis,
                    "your function gives back None: is a `return` missing?" if number == 0 or not wrong else
                    f"your function gives back None where {_told(wrong)}: is a `return` missing?")
            require(isinstance(said, str), f"wanted is a name such as \"ReLU\", not a {type(said).__name__}")
            require(said in liars.values(),
                    f"{said[:20]!r} is nobody here: \"Linear\", \"ReLU\", \"Sample\" or \"nobody\"")
            if said == liar:
                continue
            if not wrong:
                raise Mistake(f"where all errors are below 1e-6, it says {said!r}: they are rounding, of any size "
                              "below that")
            hint = {"Sample": "what is spoiled lies behind it on the way back, and `mu` is right",
                    "ReLU": "a wrong dy spoils all that comes after it on the way back",
                    "Linear": "the weights are right, so every dy is too"}[liar]
            raise Mistake(f"where {_told(wrong)}, it says {said!r}; {hint}")


def _told(wrong):
    """Which arrays are wrong, in few words."""
    layers = list(dict.fromkeys(name.split(".")[0] for name in wrong))
    if all(name.endswith(".b") for name in wrong):
        return "all `.b` are wrong and all `.w` right"
    return f"{', '.join(layers)} are wrong"


@exercise("07_tanh", "Written in terms of its own output: nothing has to be computed twice.")
def tanh_layer(answer, generator):
    """``answer()``: a layer with ``forward(x)``, tanh x, and ``backward(dy)``, both of any shape."""
    rng = _rng(generator)
    layer = answer()
    require(layer is not None and layer is not Ellipsis, "your function gives back None: is a `return` missing?")
    for method in ("forward", "backward"):
        require(callable(getattr(layer, method, None)), f"the layer has no method `{method}`")
    forward, backward = [], []
    for shape in ((4, 3), (6, 5)):
        other, x, dy = _away_from_0(rng, 3, 2), _away_from_0(rng, *shape), _away_from_0(rng, *shape)
        layer.forward(other)  # the last forward counts, whatever came before
        made = tensor(layer.forward(x.copy()), "forward")
        y = np.tanh(x)
        forward.append((made, torch.as_tensor(y), [(text, torch.as_tensor(value)) for text, value in [
            ("forward gives the sigmoid; wanted is tanh", 1 / (1 + np.exp(-x))),
            ("forward gives x as it is", x),
            ("forward gives the ReLU; wanted is tanh", np.maximum(x, 0)),
            ("forward gives tan; wanted is tanh", np.tan(x)),
            ("forward gives sinh; wanted is tanh", np.sinh(x)),
            ("forward gives tanh(x/2); wanted is tanh x", np.tanh(x / 2)),
            ("forward gives the derivative; wanted is tanh itself", 1 - y**2),
        ]]))
        back = tensor(layer.backward(dy.copy()), "backward")
        backward.append((back, torch.as_tensor(dy * (1 - y**2)), [(text, torch.as_tensor(value)) for text, value in [
            ("backward is without dy: multiply the derivative with it", 1 - y**2),
            ("backward gives dy as it is: multiply it with the derivative, 1 − tanh²", dy),
            ("backward has the input in it, 1 − x²; wanted is 1 − y², with the output", dy * (1 - x**2)),
            ("backward has 1 − y: the square is missing", dy * (1 - y)),
            ("a bracket is missing in backward: dy * (1 − y²)", dy - y**2),
            ("backward has (1 − y)²: the square belongs to y alone", dy * (1 - y) ** 2),
            ("backward has 1 + y²; wanted is 1 − y²", dy * (1 + y**2)),
            ("backward has y² − 1: the sign is turned round", dy * (y**2 - 1)),
            ("backward applies tanh twice: 1 − tanh²(y), where y is tanh x already", dy * (1 - np.tanh(y) ** 2)),
            ("backward takes tanh of dy; it belongs to the forward's input", 1 - np.tanh(dy) ** 2),
            ("backward takes tanh of dy; it belongs to the forward's input", dy * (1 - np.tanh(dy) ** 2)),
            ("backward takes dy for the output; keep y in forward", dy * (1 - dy**2)),
            ("that is the sigmoid's derivative, y (1 − y); for tanh it is 1 − y²", dy * y * (1 - y)),
            ("that is the ReLU's: for tanh it is dy (1 − y²)", np.where(x > 0, dy, 0)),
            ("backward multiplies with y², not with 1 − y²", dy * y**2),
            ("backward multiplies with y; wanted is 1 − y²", dy * y),
            ("backward is summed over the batch; every number goes back alone", (dy * (1 - y**2)).sum(0)),
            ("backward is averaged over the batch; the loss has its 1/N already", dy * (1 - y**2) / len(x)),
        ]]))
    settle(forward, "forward is off: wanted is np.tanh(x)", what="forward")
    settle(backward, "forward is right; backward is off: wanted is dy · (1 − tanh²)", what="backward")


@exercise("07_nats_per_latent", "Near 0, a latent says nothing; and nobody has to be told to leave it alone.")
def nats_per_latent(answer, generator):
    """``answer(model, x)`` for a NumPy ``VAE`` and images (N, pixels): each latent's KL, mean over images, (d,)."""

    def case(n, d):
        rng = _rng(generator)
        pixels = d + 3
        model = VAE(rng, pixels=pixels, hidden=d + 5, latents=d)
        model.head.mu.b, model.head.logvar.b = _away_from_0(rng, 2, d)
        x = rng.random((n, pixels))
        mu, logvar = model.encode(x)
        var, kept = np.exp(logvar), (mu.copy(), logvar.copy())

        def kl(var=var, log=logvar, square=mu**2, one=1.0):
            return (square + var - log - one) / 2

        got = tensor(answer(model, x.copy()))
        require(all(np.array_equal(a, b) for a, b in zip(model.encode(x), kept)),
                "the model is changed: look at it, and leave it as it is")
        right = kl()
        mistakes = [
            ("this is one number for each image; wanted is one for each latent: average over axis 0", right.sum(1)),
            ("this is averaged over the latents; average over the images, axis 0", right.mean(1)),
            ("this is the KL of all latents together; leave them apart", right.sum(1).mean()),
            ("this is one mean over everything; average over axis 0 alone", right.mean()),
            ("this is the sum over everything; average over axis 0 alone", right.sum()),
            ("this is summed over the images; average over them", right.sum(0)),
            ("these are the single numbers; average over the images, axis 0", right),
            ("the ½ is missing", 2 * right.mean(0)),
            ("the ½ is missing, and the mean over the images", 2 * right.sum(0)),
            ("the sign is turned round: a KL is never negative", -right.mean(0)),
            ("the −1 is missing: at μ = 0, σ = 1 it is 0", kl(one=0).mean(0)),
            ("this has σ where σ² = exp(logvar) is wanted", kl(var=np.exp(logvar / 2)).mean(0)),
            ("this takes logvar for σ²: σ² is exp(logvar)", kl(var=logvar).mean(0)),
            ("this has σ⁴ where σ² is wanted", kl(var=var**2).mean(0)),
            ("log σ² has the wrong sign: it is − log σ²", kl(log=-logvar).mean(0)),
            ("μ is not squared", kl(square=mu).mean(0)),
            ("μ² is missing", kl(square=0).mean(0)),
            ("this averages μ and logvar first; the KL of a mean is not the mean of the KLs",
             (mu.mean(0) ** 2 + np.exp(logvar.mean(0)) - logvar.mean(0) - 1) / 2),
            ("this is the variance of μ; wanted is the KL", mu.var(0)),
            ("a bracket is missing: the ½ stands before the whole", (mu**2 + var - logvar - 0.5).mean(0)),
            ("the ½ stands before log σ² alone; it stands before the whole",
             (mu**2 + var - logvar / 2 - 1).mean(0)),
        ]
        return got, torch.as_tensor(right.mean(0)), [(text, torch.as_tensor(value)) for text, value in mistakes]

    settle([case(6, 3), case(8, 5)],
           "the numbers are off: ½ (μ² + σ² − log σ² − 1) of `model.encode(x)`, averaged over axis 0")
