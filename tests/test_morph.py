"""Morph without a browser: both paths, the ends, what is sent and what is refused."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from scipy.spatial import geometric_slerp

from vae_helpers.data import load
from vae_helpers.models import build, decode, encode
from vae_helpers.widgets.morph import Morph, _path, _why_straight

T = [k / 8 for k in range(9)]


@pytest.fixture(scope="module")
def data():
    return load("pen")


@pytest.fixture(scope="module")
def x(data):
    return data.test.as_float()[:4]


@pytest.fixture(scope="module")
def vae2():
    torch.manual_seed(0)
    return build("vae2")


@pytest.fixture(scope="module")
def vae20():
    torch.manual_seed(0)
    return build("vae")


def ends(d, seed):
    draw = np.random.default_rng(seed)
    return draw.normal(size=d).tolist(), (3 * draw.normal(size=d)).tolist()


# --- the paths --------------------------------------------------------------------


@pytest.mark.parametrize("how", ["straight", "sphere"])
@pytest.mark.parametrize("d", [1, 2, 20])
def test_a_path_begins_and_ends_exactly(d, how):
    u, v = ends(d, d)
    z = _path(u, v, T, how)
    assert z.shape == (9, d)
    assert z[0].tolist() == u and z[-1].tolist() == v


@pytest.mark.parametrize("d", [2, 3, 20])
def test_on_the_sphere_the_direction_turns_as_scipy_turns_it_and_the_norm_goes_evenly(d):
    u, v = ends(d, d)
    z = _path(u, v, T, "sphere").numpy()
    norms = np.linalg.norm(z, axis=1)
    assert norms == pytest.approx(np.linspace(np.linalg.norm(u), np.linalg.norm(v), 9), abs=1e-12)
    turned = geometric_slerp(np.array(u) / np.linalg.norm(u), np.array(v) / np.linalg.norm(v), T)
    assert np.abs(z / norms[:, None] - turned).max() < 1e-12


def test_codes_of_one_direction_give_the_straight_line():
    z = _path([1.0, 2.0, 3.0], [2.0, 4.0, 6.0], T, "sphere")
    assert torch.allclose(z, _path([1.0, 2.0, 3.0], [2.0, 4.0, 6.0], T, "straight"), atol=1e-12)


@pytest.mark.parametrize(
    ("u", "v", "why"), [([0.0, 0.0], [1.0, 2.0], "origin"), ([1.0, 2.0], [-0.5, -1.0], "opposite")]
)
def test_where_there_is_no_path_on_the_sphere_it_is_said_and_the_line_is_taken(u, v, why):
    assert why in _why_straight(u, v)
    assert torch.equal(_path(u, v, T, "sphere"), _path(u, v, T, "straight"))
    assert _why_straight([1.0, 2.0], [-0.5, -1.2]) == ""


def test_an_unknown_path_is_named():
    with pytest.raises(ValueError, match='"straight" or "sphere", got \'round\''):
        _path([1.0], [2.0], T, "round")


# --- the widget -------------------------------------------------------------------


def test_images_are_encoded_and_codes_are_taken_as_they_are(vae2, x):
    morph = Morph(vae2, x[0], torch.tensor([[1.0, -2.0]]))
    assert morph.u == pytest.approx(encode(vae2, x[:1])[0].tolist(), abs=5.1e-5)
    assert morph.v == [1.0, -2.0]
    assert Morph(vae2, x[:1], [1.0, -2.0]).u == morph.u


def test_the_repr_is_one_line_without_an_address(vae2, vae20, data, x):
    few = data.test.subset(50)
    assert repr(Morph(vae2, x[0], x[1], few)) == "Morph: between two codes of 2 latents, on a plane of 50 codes"
    assert repr(Morph(vae20, x[0], x[1], few)) == "Morph: between two codes of 20 latents, 10 images to choose from"
    assert repr(Morph(vae20, x[0], x[1])) == "Morph: between two codes of 20 latents"


def test_the_cross_fade_takes_the_image_until_its_end_is_moved(vae2, x):
    morph = Morph(vae2, x[0], x[1])
    assert (morph._image(morph.u) - x[0]).abs().max() <= 0.5 / 255 + 1e-6
    morph.u = [0.5, 0.5]
    assert torch.equal(morph._image(morph.u), decode(vae2, torch.tensor([[0.5, 0.5]])))


def test_there_is_one_image_of_each_class_to_choose_from(vae20, data, x):
    morph = Morph(vae20, x[0], torch.zeros(20), data.test, classes=data.classes)
    assert morph.choices == [str(name) for name in data.classes]
    first = int((data.test.labels == 3).nonzero()[0])
    k = len(morph.known) - 10 + 3
    assert morph.known[k] == pytest.approx(encode(vae20, data.test.as_float([first]))[0].tolist(), abs=5.1e-5)
    assert (morph._image(morph.known[k]) - data.test.as_float([first])).abs().max() <= 0.5 / 255 + 1e-6
    assert not morph.codes and morph.axes == []


def test_two_axes_of_many_latents_give_a_plane(vae20, data, x):
    morph = Morph(vae20, x[0], x[1], data.test.subset(50), axes=(3, 1))
    assert morph.axes == [3, 1] and len(morph.codes) == 50 * 2 * 4 and morph.choices == []


def test_the_plane_holds_the_ends_and_the_path_between(vae2):
    morph = Morph(vae2, [9.0, 0.1], [-9.0, 0.1])
    (left, right), (low, high) = morph.view
    assert left < -9 and right > 9 and right - left == pytest.approx(high - low)
    path = _path(morph.u, morph.v, [k / 100 for k in range(101)], "sphere")
    assert path[:, 1].max() > 8  # it goes all the way round
    assert path[:, 1].max() < high and path[:, 1].min() > low


def test_the_code_at_t(vae2):
    morph = Morph(vae2, [3.0, 0.0], [0.0, 4.0])
    morph.t = 0.5
    assert morph.z() == [1.5, 2.0]
    assert morph.z("sphere") == pytest.approx([3.5 / 2**0.5] * 2, abs=1e-4)


@pytest.mark.parametrize(("trait", "value", "says"), [
    ("u", [1.0], "u is a list of 2 numbers"),
    ("v", [1.0, float("inf")], "v is a list of 2 numbers"),
    ("t", 1.5, "from 0 .start. to 1 .end."),
])
def test_values_that_do_not_fit_are_refused(vae2, trait, value, says):
    morph = Morph(vae2, [1.0, 0.0], [0.0, 1.0])
    before = getattr(morph, trait)
    with pytest.raises(ValueError, match=says):
        setattr(morph, trait, value)
    assert getattr(morph, trait) == before


def test_ends_that_do_not_fit_are_refused(vae2, data, x):
    with pytest.raises(ValueError, match=r"v is an image of shape \(1, 28, 28\) or a code of 2 numbers .* \(3,\)"):
        Morph(vae2, x[0], torch.zeros(3))
    with pytest.raises(ValueError, match="u is an image whose pixels are not all in"):
        Morph(vae2, data.test.images[0], x[0])
    with pytest.raises(ValueError, match="u is an image whose pixels are not all in"):
        Morph(vae2, x[0] + torch.nan, x[0])
    with pytest.raises(ValueError, match="the code of v is not finite"):
        Morph(vae2, x[0], torch.tensor([0.0, torch.nan]))
    with pytest.raises(ValueError, match=r"the split holds images of shape \(1, 8, 8\)"):
        Morph(build("vae"), x[0], x[1], load("digits8").test)


@pytest.mark.parametrize("preset", ["vae2", "vae"])
def test_the_stored_picture_says_what_the_rows_are(preset, data, x):
    morph = Morph(build(preset), x[0], x[1], data.test.subset(50))
    before = plt.get_fignums()
    bundle, metadata = morph._repr_mimebundle_()
    assert plt.get_fignums() == before
    text = metadata["image/png"]["alt"]
    assert "image/png" in bundle and "straight line" in text and "no path" not in text
    assert bundle["text/plain"] == repr(morph)
    morph.u = [0.0] * len(morph.u)
    assert "no path on the sphere, since a code at the origin" in morph._repr_mimebundle_()[1]["image/png"]["alt"]
