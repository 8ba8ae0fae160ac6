"""Arithmetic of codes: paths with exact ends, means, directions, a grid; and whether directions do what they say."""

import math
from functools import cache

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from scipy.spatial import geometric_slerp
from scipy.stats import norm

from vae_helpers import data, latent, plots
from vae_helpers.latent import attribute_vector, manifold, mean_code, morph
from vae_helpers.models import build, decode, encode, pretrained
from vae_helpers.strokes import slant, thickness
from vae_helpers.training import fit
from vae_helpers.widgets.morph import _path, _why_straight

SHAPES = [(2,), (20,), (5, 2), (3, 20), (1, 1)]


def ends(*shape, seed=0, dtype=torch.float32):
    """Two codes, or batches of them, of unlike norms; with one latent both are positive: else there is no circle."""
    generator = torch.Generator().manual_seed(seed)
    u, v = (torch.randn(*shape, generator=generator, dtype=torch.float64) for _ in range(2))
    if shape[-1] == 1:
        u, v = u.abs(), v.abs()
    return u.to(dtype), (3 * v).to(dtype)


# --- morph


@pytest.mark.parametrize("how", ["linear", "spherical"])
@pytest.mark.parametrize("n", [1, 2, 7, 100])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_path_has_one_code_more_than_steps_and_both_ends_to_the_bit(shape, n, how):
    u, v = ends(*shape)
    z = morph(u, v, n, how)
    assert z.shape == (n + 1, *shape) and z.dtype == u.dtype
    assert torch.equal(z[0], u) and torch.equal(z[-1], v)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("how", ["linear", "spherical"])
def test_ends_are_exact_in_every_type_and_for_every_size(dtype, how):
    u, v = ends(4, 20, dtype=dtype)
    for factor in (1e-3, 1, 1e3):
        z = morph(factor * u, v, 3, how)
        assert z.dtype == dtype and torch.equal(z[0], factor * u) and torch.equal(z[-1], v)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_straight_path_goes_by_equal_differences(shape):
    u, v = ends(*shape)
    steps = morph(u, v, 9).diff(dim=0)
    torch.testing.assert_close(steps, ((v - u) / 9).expand_as(steps), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
def test_on_the_sphere_norms_go_evenly(shape):
    u, v = ends(*shape)
    norms = morph(u, v, 9, "spherical").norm(dim=-1)
    t = torch.linspace(0, 1, 10).view(-1, *[1] * (len(shape) - 1))
    torch.testing.assert_close(norms, (1 - t) * u.norm(dim=-1) + t * v.norm(dim=-1), rtol=1e-5, atol=0)


def test_between_codes_of_one_norm_the_path_stays_on_the_sphere():
    u, v = (4 * z / z.norm(dim=-1, keepdim=True) for z in ends(50, 20))
    norms = morph(u, v, 12, "spherical").norm(dim=-1)
    torch.testing.assert_close(norms, torch.full_like(norms, 4), rtol=1e-5, atol=0)
    assert (morph(u, v, 12).norm(dim=-1)[6] < 3.99).all()  # where the straight path does not


@pytest.mark.parametrize("d", [2, 3, 20])
def test_on_the_sphere_the_direction_turns_by_equal_angles_as_scipy_turns_it(d):
    u, v = ends(d, dtype=torch.float64)
    z = morph(u, v, 8, "spherical")
    direction = z / z.norm(dim=-1, keepdim=True)
    turned = geometric_slerp((u / u.norm()).numpy(), (v / v.norm()).numpy(), np.linspace(0, 1, 9))
    assert np.abs(direction.numpy() - turned).max() < 1e-12
    angles = (direction[1:] * direction[:-1]).sum(-1).arccos()
    whole = (direction[0] @ direction[-1]).arccos()
    torch.testing.assert_close(angles, (whole / 8).expand(8))


@pytest.mark.parametrize("degrees", [1e-4, 0.01, 90, 179, 179.9])
def test_narrow_and_wide_angles_keep_norms_and_equal_angles(degrees):
    wide = math.radians(degrees)
    u, v = torch.tensor([1.0, 0.0]).double(), torch.tensor([math.cos(wide), math.sin(wide)]).double()
    z = morph(u, v, 6, "spherical")
    torch.testing.assert_close(torch.atan2(z[:, 1], z[:, 0]), wide * torch.arange(7).double() / 6)
    torch.testing.assert_close(z.norm(dim=-1), torch.ones(7).double())


def test_codes_of_one_direction_give_the_straight_line_on_the_sphere_too():
    u = ends(20)[0]
    for v in (u, 2.5 * u):
        torch.testing.assert_close(morph(u, v, 5, "spherical"), morph(u, v, 5), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("how", ["linear", "spherical"])
def test_a_batch_is_its_codes_one_by_one(how):
    u, v = ends(4, 20)
    one_by_one = torch.stack([morph(a, b, 6, how) for a, b in zip(u, v)], dim=1)
    torch.testing.assert_close(morph(u, v, 6, how), one_by_one, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("d", [1, 2, 20])
def test_paths_are_those_of_the_widget(d):
    u, v = ends(d, seed=1, dtype=torch.float64)
    t = [k / 8 for k in range(9)]
    for how, name in (("linear", "straight"), ("spherical", "sphere")):
        torch.testing.assert_close(morph(u, v, 8, how), _path(u.tolist(), v.tolist(), t, name))


@pytest.mark.parametrize("short", [0, 0.9, 1.1])
def test_where_the_widget_finds_no_circle_morph_finds_none(short):
    pairs = [([short * latent.SHORT, 0.0], [1.0, 2.0]), ([1.0, 0.0], [-1.0, short * latent.OPPOSITE])]
    for u, v in pairs:
        if short < 1:
            assert _why_straight(u, v)
            with pytest.raises(ValueError, match='take "linear"'):
                morph(torch.tensor(u).double(), torch.tensor(v).double(), 4, "spherical")
        else:
            assert _why_straight(u, v) == ""
            z = morph(torch.tensor(u).double(), torch.tensor(v).double(), 4, "spherical")
            torch.testing.assert_close(z, _path(u, v, [0, 0.25, 0.5, 0.75, 1], "sphere"))


def test_codes_without_a_circle_are_named_and_have_a_straight_line():
    u, v = ends(4, 3)
    opposite, zero = v.clone(), v.clone()
    opposite[2], zero[1] = -0.5 * u[2], 0
    for bad, said in ((opposite, r"z_u\[2\] and its z_v point in opposite"), (zero, r"z_v\[1\] lies at the origin")):
        with pytest.raises(ValueError, match=said):
            morph(u, bad, 4, "spherical")
        assert morph(u, bad, 4).isfinite().all()
    with pytest.raises(ValueError, match="z_u lies at the origin"):
        morph(torch.zeros(3), v[0], 4, "spherical")
    with pytest.raises(ValueError, match="z_u and its z_v point in opposite"):
        morph(torch.tensor([2.0]), torch.tensor([-1.0]), 4, "spherical")


Z = torch.ones(3, 2)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((Z, Z, 0), "n is the number of steps.*not 0"),
        ((Z, Z, 2.0), "n is the number of steps.*not 2.0"),
        ((Z, Z, True), "n is the number of steps.*not True"),
        ((Z, Z, 4, "round"), "how is 'linear' or 'spherical', not 'round'"),
        ((Z, Z[0], 4), r"one shape, not \(3, 2\) and \(2,\): z_v.expand_as"),
        ((Z[0], Z, 4), r"one shape, not \(2,\) and \(3, 2\): z_u.expand_as"),
        ((Z, torch.ones(3, 5), 4), r"one shape, not \(3, 2\) and \(3, 5\)$"),
        ((Z, torch.ones(5), 4), r"one shape, not \(3, 2\) and \(5,\)$"),
        ((torch.tensor(1.0), Z, 4), r"z_u must have shape \(d,\) or \(N, d\).*not \(\)"),
        ((torch.ones(1, 1, 28, 28), Z, 4), r"z_u must have shape \(d,\) or \(N, d\)"),
        ((torch.ones(0, 2), torch.ones(0, 2), 4), "with one code and one latent at least"),
        (([1.0, 2.0], Z, 4), "z_u must be a tensor .*not list: torch.as_tensor"),
        ((Z, Z.long(), 4), "z_v must be floats, not torch.int64"),
        ((Z, Z.double(), 4), r"z_v.to\(z_u\) makes them alike"),
        ((Z, Z / 0, 4), "z_v has 6 of 6 values that are NaN or infinite"),
    ],
)
def test_what_morph_cannot_take_is_said_in_one_error(arguments, said):
    with pytest.raises(ValueError, match=said):
        morph(*arguments)


# --- mean_code


def test_the_mean_code_is_the_mean_of_the_class_alone():
    codes = torch.randn(30, 4, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(30) % 3
    for label in (0, 1, np.int64(2), torch.tensor(2)):
        wanted = sum(code for k, code in enumerate(codes) if k % 3 == int(label)) / 10
        torch.testing.assert_close(mean_code(codes, labels, label), wanted)
    torch.testing.assert_close(mean_code(codes, labels == 1, True), mean_code(codes, labels, 1))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((Z, torch.tensor([0, 1, 1]), 7), "no code has the label 7: there are 0, 1"),
        ((Z, torch.tensor([0, 1, 1]), "1"), "no code has the label '1'"),
        ((Z, torch.tensor([0, 1]), 1), r"3 codes need labels of shape \(3,\).*not \(2,\)"),
        ((Z, torch.tensor([[0], [1], [1]]), 1), r"3 codes need labels of shape \(3,\).*not \(3, 1\)"),
        ((Z, torch.tensor([0.0, 1, 1]), 1), "labels must be whole numbers"),
        ((Z, [0, 1, 1], 1), "labels must be a tensor"),
        ((Z[0], torch.tensor([0, 1]), 1), r"codes must have shape \(N, d\)"),
        ((Z * math.nan, torch.tensor([0, 1, 1]), 1), "codes has 6 of 6 values that are NaN"),
    ],
)
def test_what_mean_code_cannot_take_is_said_in_one_error(arguments, said):
    with pytest.raises(ValueError, match=said):
        mean_code(*arguments)


# --- attribute_vector


def two_clouds(n=4000, between=(2.0, 0.0), seed=0):
    """Codes (2n, 2) of two Gaussians of one covariance, correlated, and which are of the second."""
    has = torch.arange(2 * n) % 2 == 1
    noise = torch.randn(2 * n, 2, generator=torch.Generator().manual_seed(seed))
    mix = torch.tensor([[1.0, 0.0], [0.8, 0.6]])  # covariance mix mixᵀ
    return noise @ mix.T + has[:, None] * torch.tensor(between), has, mix @ mix.T


def test_means_give_the_difference_of_the_means():
    codes, has, _ = two_clouds()
    v = attribute_vector(codes, has)
    torch.testing.assert_close(v, codes[1::2].mean(0) - codes[::2].mean(0))
    torch.testing.assert_close(attribute_vector(codes, ~has), -v)


def test_logistic_gives_the_direction_that_tells_best_as_long_as_the_means_are_apart_along_it():
    codes, has, covariance = two_clouds()
    means, logistic = (attribute_vector(codes, has, how) for how in ("means", "logistic"))
    # for Gaussians of one covariance Σ the logistic model is exact, with the normal Σ⁻¹ (μ₁ − μ₀)
    normal = torch.linalg.solve(covariance, torch.tensor([2.0, 0.0]))
    cosine = torch.cosine_similarity(logistic, normal, dim=0)
    assert cosine > 0.999  # 8,000 codes: the direction is off by about 1 degree
    assert torch.cosine_similarity(means, normal, dim=0) < 0.9
    torch.testing.assert_close(logistic @ means, logistic @ logistic)  # a step of 1: from the one mean to the other
    torch.testing.assert_close(attribute_vector(codes, ~has, "logistic"), -logistic, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("how", ["means", "logistic"])
def test_a_factor_is_split_at_its_median(how):
    codes, _, _ = two_clouds(200)
    factor = codes[:, 0] + 100
    v = attribute_vector(codes, factor, how)
    middle = np.median(factor.numpy())  # between the two in the middle
    assert torch.equal(v, attribute_vector(codes, factor > float(middle), how))
    assert v.shape == (2,) and v.dtype == codes.dtype and v[0] > 0


def test_attribute_vector_leaves_the_codes_and_torchs_generator_alone():
    codes, has, _ = two_clouds(50)
    before, state = codes.clone(), torch.get_rng_state()
    attribute_vector(codes, has, "logistic")
    assert torch.equal(codes, before) and torch.equal(torch.get_rng_state(), state)


HAS = torch.tensor([True, False, True])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((Z, HAS, "svm"), "how is 'means' or 'logistic', not 'svm'"),
        ((Z, HAS | True), "parts the 3 codes in two, and all of them have it"),
        ((Z, HAS & False), "parts the 3 codes in two, and none of them has it"),
        ((Z, torch.tensor([1.0, 2.0, 2.0])), "split at its median, 2, and no value is above it"),
        ((Z, torch.tensor([1.0, 2.0, math.nan])), "attribute has 1 values that are NaN or infinite"),
        ((Z, torch.tensor([1, 2, 3])), "attribute must be bools, or floats"),
        ((Z, HAS[:2]), r"3 codes need attribute of shape \(3,\)"),
        ((Z, HAS[:, None]), r"3 codes need attribute of shape \(3,\)"),
        ((Z, HAS.tolist()), "attribute must be a tensor"),
        ((Z[0], HAS), r"codes must have shape \(N, d\)"),
        ((Z * math.inf, HAS), "codes has 6 of 6 values"),
    ],
)
def test_what_attribute_vector_cannot_take_is_said_in_one_error(arguments, said):
    with pytest.raises(ValueError, match=said):
        attribute_vector(*arguments)


# --- manifold


@pytest.mark.parametrize("n", [2, 5, 20])
def test_the_grid_goes_through_quantiles_from_the_top_left_row_by_row(n):
    z = manifold(n, 0.1)
    assert z.shape == (n * n, 2) and z.dtype == torch.float32
    shares = norm.cdf(z.double().numpy()).reshape(n, n, 2)
    even = np.linspace(0.1, 0.9, n)
    np.testing.assert_allclose(shares[..., 0], np.tile(even, (n, 1)), atol=1e-6)  # z_0 grows to the right
    np.testing.assert_allclose(shares[..., 1], np.tile(even[::-1], (n, 1)).T, atol=1e-6)  # z_1 falls downwards


def test_the_grid_lies_on_the_page_as_on_the_plane():
    z = manifold(4)
    # "pictures" of one pixel, white where z_0 > 0 and z_1 > 0: the top right quarter
    shown = ((z > 0).all(1)).float().view(-1, 1, 1, 1).expand(-1, 1, 8, 8)
    ax = plots.image_grid(shown, 4)
    white = np.asarray(ax.images[0].get_array()) == 1
    plt.close(ax.figure)
    rows, columns = white.nonzero()[:2]
    assert rows.max() < white.shape[0] / 2 and columns.min() >= white.shape[1] / 2


@pytest.mark.parametrize("n", [1, 0, -3, 2.5, True, "20"])
def test_a_grid_of_no_size_is_refused(n):
    with pytest.raises(ValueError, match="n is the number of codes along each side"):
        manifold(n)


@pytest.mark.parametrize("low", [0, 0.5, 1, -0.1, math.nan, "0.1"])
def test_probabilities_that_are_none_are_refused(low):
    with pytest.raises(ValueError, match="low is the lowest probability"):
        manifold(5, low)


# --- do directions do what they say? Factors are measured in the decoded pictures, not taken from the codes.


MEASURES = {"slant": slant, "thickness": thickness}


def correlation(a, b):
    return np.corrcoef(np.ravel(a), np.ravel(b))[0, 1]


SEED_2 = "seed 2, trained here"
MODELS = ["pen_vae20", "pen_vae20_seed1", pytest.param(SEED_2, marks=pytest.mark.slow)]


@pytest.fixture(scope="module")
def trained(pen):
    """``trained(name)``: a VAE with 20 latents that is shipped, or a third seed, trained shorter."""

    @cache
    def model(name):
        if name != SEED_2:
            return pretrained(name)
        torch.manual_seed(2)
        third = build("vae")
        fit(third, pen.train, 15, seed=2, progress=False)
        return third

    return model


@pytest.fixture(scope="module")
def pen():
    return data.load("pen")


def factor(split, name):
    return split.factors[:, split.factor_names.index(name)]


def test_the_measures_see_their_factors_in_the_drawn_pictures(pen):
    pictures = pen.test.as_float()
    # a digit leans by its shape too, which is why slant is seen less well
    for name, least in (("slant", 0.75), ("thickness", 0.93)):
        assert correlation(MEASURES[name](pictures), factor(pen.test, name)) > least, name


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(("wanted", "least"), [("slant", 0.82), ("thickness", 0.92)])
@pytest.mark.parametrize("how", ["means", "logistic"])
def test_a_step_along_the_vector_moves_the_factor_in_the_decoded_picture(pen, trained, name, wanted, least, how):
    """Vectors from the training codes, pictures of test codes: three seeds gave 0.84 to 0.88 and 0.95 to 0.97."""
    model, measure = trained(name), MEASURES[wanted]
    v = attribute_vector(encode(model, pen.train.as_float()), factor(pen.train, wanted), how)
    start = encode(model, pen.test.as_float(slice(500)))
    asked = np.linspace(-1, 1, 5)
    got = np.stack([measure(decode(model, start + float(step) * v)) for step in asked])
    changed = got - got[2]  # against the picture at a step of 0
    r = correlation(np.repeat(asked, len(start)), changed)
    print(f"\n{name}, {wanted}, {how}: asked against got r = {r:.3f}")
    assert r > least
    assert (np.diff(got, axis=0) > 0).all(0).mean() > 0.93  # of nearly all pictures, with each step
    other = MEASURES["thickness" if wanted == "slant" else "slant"]
    strayed = np.stack([other(decode(model, start + float(step) * v)) for step in asked])
    by_the_way = correlation(np.repeat(asked, len(start)), strayed - strayed[2])
    assert abs(by_the_way) < r - 0.2  # it is this factor that moves, and not the other


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("wanted", MEASURES)
@pytest.mark.parametrize("how", ["means", "logistic"])
def test_a_split_at_the_median_points_as_well_as_the_outer_thirds(pen, trained, name, wanted, how):
    """Why it is the median: how well codes along the vector are correlated with the true factor, on test images."""
    model, true = trained(name), factor(pen.train, wanted)
    codes, unseen = (encode(model, split.as_float()) for split in (pen.train, pen.test))
    low, high = true.quantile(1 / 3), true.quantile(2 / 3)
    outer = (true < low) | (true > high)
    vectors = attribute_vector(codes, true, how), attribute_vector(codes[outer], true[outer] > high, how)
    median, thirds = (correlation(unseen @ v, factor(pen.test, wanted)) for v in vectors)
    print(f"\n{name}, {wanted}, {how}: r = {median:.3f} by the median, {thirds:.3f} by thirds")
    assert median > thirds - 0.003
