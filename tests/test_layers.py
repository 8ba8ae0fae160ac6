"""The layers that torch lacks."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from vae_helpers.layers import BAD, Reshape


@pytest.fixture
def images():
    return torch.randn(16, 8, 10, 10, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def seeded():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


@pytest.mark.parametrize("channels, size", [(1, 28), (32, 14), (64, 7)])
def test_bad_keeps_the_shape(channels, size):
    x = torch.randn(4, channels, size, size)
    assert BAD(channels)(x).shape == x.shape


def test_bad_in_train_mode_zeroes_about_half(images, seeded):
    zeros = (BAD(8)(images) == 0).float().mean()
    assert 0.45 < zeros < 0.55  # 12,800 values: a standard deviation of 0.0044


def test_bad_in_train_mode_is_random(images, seeded):
    bad = BAD(8)
    assert not torch.equal(bad(images), bad(images))


def test_bad_zeroes_the_share_that_is_asked_for(images, seeded):
    zeros = (BAD(8, dropout=0.2)(images) == 0).float().mean()
    assert 0.17 < zeros < 0.23


def test_bad_scales_up_what_it_leaves(images, seeded):
    with_dropout, without = BAD(8, dropout=0.5)(images), BAD(8, dropout=0.0)(images)
    left = with_dropout != 0
    torch.testing.assert_close(with_dropout[left], 2 * without[left])


def test_bad_in_eval_mode_zeroes_nothing_and_is_steady(images):
    bad = BAD(8).eval()
    assert (bad(images) != 0).all()
    assert torch.equal(bad(images), bad(images))


def test_bad_in_train_mode_is_batch_norm_then_leaky_relu(images):
    mean = images.mean((0, 2, 3), keepdim=True)
    variance = images.var((0, 2, 3), keepdim=True, unbiased=False)
    expected = F.leaky_relu((images - mean) / (variance + 1e-5).sqrt(), 0.01)
    torch.testing.assert_close(BAD(8, dropout=0.0)(images), expected, rtol=1e-4, atol=1e-5)


def test_bad_in_eval_mode_uses_its_running_averages(images):
    bad = BAD(8)
    bad(3 * images + 1)
    norm = bad.eval().norm
    mean, variance = (average.view(1, 8, 1, 1) for average in (norm.running_mean, norm.running_var))
    expected = F.leaky_relu((images - mean) / (variance + norm.eps).sqrt(), 0.01)
    torch.testing.assert_close(bad(images), expected, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(bad(images), F.leaky_relu(images, 0.01), atol=0.1)


def test_bad_has_a_scale_and_a_shift_for_each_channel():
    assert sum(p.numel() for p in BAD(64).parameters()) == 2 * 64


def test_reshape_undoes_flatten(images):
    assert torch.equal(Reshape((8, 10, 10))(nn.Flatten()(images)), images)


def test_flatten_undoes_reshape():
    z = torch.randn(3, 24)
    assert torch.equal(nn.Flatten()(Reshape((2, 3, 4))(z)), z)


@pytest.mark.parametrize("shape", [(2, 3, 4), [2, 3, 4], torch.Size([2, 3, 4])])
def test_reshape_takes_any_sequence(shape):
    assert Reshape(shape)(torch.zeros(5, 24)).shape == (5, 2, 3, 4)


def test_reshape_refuses_what_does_not_fit():
    with pytest.raises(RuntimeError):
        Reshape((2, 3, 4))(torch.zeros(1, 25))
