"""TwinPads without a browser: what is sent, what is refused, what the kernel computes."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from vae_helpers.data import Split, load
from vae_helpers.models import build, encode
from vae_helpers.widgets.core.codes import points
from vae_helpers.widgets.twin_pads import TwinPads


@pytest.fixture(scope="module")
def data():
    return load("pen")


@pytest.fixture(scope="module")
def models():
    torch.manual_seed(0)
    return build("mlp2"), build("vae2")


@pytest.fixture
def twins(models, data):
    return TwinPads(*models, data.test.subset(300), classes=data.classes)


def test_the_repr_is_one_line_without_an_address(twins):
    assert repr(twins) == "TwinPads: autoencoder beside VAE, 300 codes each"


def test_each_side_sends_the_codes_of_its_own_model(twins, models, data):
    x = data.test.as_float()[:300]
    for sent, model in zip((twins.codes_left, twins.codes_right), models):
        assert torch.allclose(points(sent), encode(model, x))
    assert not torch.allclose(points(twins.codes_left), points(twins.codes_right))
    assert list(twins.labels) == data.test.labels[:300].tolist()


def test_both_planes_have_the_rings_of_the_prior(twins):
    """On the autoencoder's they show how little of it a draw from N(0, I) reaches."""
    figure = twins.picture()
    for plane in figure.axes[:2]:
        rings = [line for line in plane.lines if line.get_linestyle() == "--"]
        assert [line.get_xdata().max() for line in rings] == pytest.approx([1, 2, 3], rel=1e-2)
    plt.close(figure)


def test_the_vaes_plane_reaches_as_far_as_its_prior(twins):
    (low, high), _ = twins.view_right
    assert low < -3 and high > 3


@pytest.mark.parametrize("at", [[0.0, 0.0], [-1.0, 1.0], [0.25, -0.5]])
def test_one_place_on_both_planes_each_in_its_own_view(twins, at):
    twins.at = at
    for z, view in ((twins.z_left, twins.view_left), (twins.z_right, twins.view_right)):
        wanted = [np.interp(a, (-1, 1), range_) for a, range_ in zip(at, view)]
        assert z == pytest.approx(wanted, abs=5.1e-5)
    assert twins.z_left != twins.z_right


@pytest.mark.parametrize("at", [[0.0], [0.0, 1.01], [float("nan"), 0.0]])
def test_a_cursor_off_the_plane_is_refused(twins, at):
    with pytest.raises(ValueError, match="from -1 to 1"):
        twins.at = at
    assert twins.at == [0.0, 0.0]


def test_the_gap_is_the_distance_to_the_nearest_code(twins):
    code = points(twins.codes_left)[7]
    half = (twins.view_left[0][1] - twins.view_left[0][0]) / 2
    assert twins._gap(twins.codes_left, twins.view_left, code.tolist()) == pytest.approx(0, abs=1e-6)
    far = [twins.view_left[0][1] + 100 * half, code[1].item()]
    assert twins._gap(twins.codes_left, twins.view_left, far) == pytest.approx(50.5, abs=1.1)


def test_models_of_more_than_two_latents_are_refused(models, data):
    with pytest.raises(ValueError, match="the right model has 20: take one built with latent_dim=2"):
        TwinPads(models[0], build("vae"), data.test)


def test_without_a_split_there_are_no_holes(models):
    with pytest.raises(ValueError, match="give the split"):
        TwinPads(*models, None)


def test_images_of_another_size_are_refused(models):
    with pytest.raises(ValueError, match=r"images of shape \(1, 8, 8\)"):
        TwinPads(*models, Split.from_tensor(torch.rand(5, 1, 8, 8)))


def test_weights_that_are_not_numbers_are_refused(models, data):
    broken = build("vae2")
    with torch.no_grad():
        broken.decoder[0].weight[0, 0] = torch.nan
    with pytest.raises(ValueError, match="NaN"):
        TwinPads(models[0], broken, data.test.subset(10))


def test_two_models_of_one_kind_are_told_apart(models, data):
    assert TwinPads(models[1], build("vae2"), data.test.subset(10)).titles == ["left VAE", "right VAE"]
    named = TwinPads(models[1], build("vae2"), data.test.subset(10), titles=("β = 1", "β = 10"))
    assert named.titles == ["β = 1", "β = 10"]


@pytest.mark.parametrize("titles", [("a", "a"), ("a", " "), ("a",), "ab"])
def test_titles_are_two_different_names(models, data, titles):
    with pytest.raises(ValueError, match="two different names"):
        TwinPads(*models, data.test.subset(10), titles=titles)


def test_the_stored_picture_says_where_the_cursor_is(twins):
    before = plt.get_fignums()
    bundle, metadata = twins._repr_mimebundle_()
    assert plt.get_fignums() == before
    text = metadata["image/png"]["alt"]
    assert "image/png" in bundle and "plane of the autoencoder" in text and "plane of the VAE" in text
    assert bundle["text/plain"] == repr(twins)
