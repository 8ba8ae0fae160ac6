"""Faults drawn into pictures: nothing at severity 0, more with severity, at the same place, and errors that say why."""

import pytest
import torch

from vae_helpers.data import load
from vae_helpers.data.faces import draw
from vae_helpers.defects import FACES, PEN, damage

CASES = [("pen", kind) for kind in PEN] + [("faces", kind) for kind in FACES]


@pytest.fixture(scope="module")
def pictures():
    return {"pen": load("pen").test.as_float(slice(20)), "faces": torch.as_tensor(draw(20, 7)[0]) / 255}


@pytest.mark.parametrize("name, kind", CASES)
def test_severity_0_changes_nothing_and_more_severity_changes_more(pictures, name, kind):
    x = pictures[name]
    assert torch.equal(damage(x, kind, 0), x)
    changed = [(damage(x, kind, s, seed=3) - x).abs().sum().item() for s in (0.05, 0.35, 0.7, 1)]
    assert 0 < changed[0] < changed[1] < changed[2] < changed[3]


@pytest.mark.parametrize("name, kind", CASES)
def test_a_fault_is_the_same_for_the_same_seed_and_leaves_the_picture_and_the_generator_alone(pictures, name, kind):
    x = pictures[name]
    before, state = x.clone(), torch.get_rng_state()
    first, again, other = (damage(x, kind, 0.8, seed) for seed in (1, 1, 2))
    assert torch.equal(first, again) and first.shape == x.shape and first.dtype == x.dtype
    assert first.min() >= 0 and first.max() <= 1
    assert torch.equal(first, other) == (kind in ("lean", "colours"))  # these two leave nothing to luck
    assert torch.equal(x, before) and torch.equal(torch.get_rng_state(), state)
    damage(x[:1], kind, 0.0).zero_()
    assert torch.equal(x, before)


@pytest.mark.parametrize("kind", ["blot", "gap", "spot"])
def test_what_grows_grows_around_one_place(pictures, kind):
    x = torch.full_like(pictures["faces" if kind == "spot" else "pen"], 0.5)
    small, large = (damage(x, kind, s, seed=5) != x for s in (0.5, 1))
    assert (small <= large).all() and (small.sum() < large.sum())


def test_ink_comes_or_goes(pictures):
    x = pictures["pen"]
    assert (damage(x, "gap") <= x).all() and all((damage(x, kind) >= x).all() for kind in ("blot", "scratch", "salt"))
    salted = damage(torch.zeros(20, 1, 28, 28), "salt")
    assert set(salted.unique().tolist()) == {0, 1} and 0.05 < salted.mean() < 0.07


def test_a_cut_keeps_what_is_above_it_and_shifts_what_is_below():
    x = torch.zeros(8, 1, 28, 28)
    x[..., 13:15] = 1
    cut = damage(x, "cut", 0.8)  # 4 pixels
    assert torch.equal(cut[:, :, :10], x[:, :, :10])
    for picture in cut[:, 0, 18:]:
        assert any(torch.allclose(picture, x[0, 0, 18:].roll(by, 1), atol=1e-5) for by in (-4, 4))


def test_a_lean_is_a_slant_to_the_right():
    from vae_helpers.strokes import slant

    x = torch.zeros(1, 1, 28, 28)
    x[..., 4:24, 13:15] = 1
    assert slant(damage(x, "lean", 1.0)).item() == pytest.approx(15, abs=0.7)
    assert slant(damage(x, "lean", 0.5)).item() == pytest.approx(7.5, abs=0.7)


def test_an_eye_goes_and_the_other_stays(pictures):
    x = pictures["faces"]
    changed = (damage(x, "eye") - x).abs().amax(1) > 0.02
    left, right = changed[:, :, :64].sum((1, 2)), changed[:, :, 64:].sum((1, 2))
    assert ((left == 0) != (right == 0)).all() and (left + right > 60).all()
    assert not changed[:, 80:].any() and not changed[:, :44].any()
    assert (left > 0).any() and (right > 0).any()


def test_colours_change_places(pictures):
    torch.testing.assert_close(damage(pictures["faces"], "colours"), pictures["faces"].flip(1))


@pytest.mark.parametrize("x, kind, severity, said", [
    (torch.zeros(2, 28, 28), "gap", 1, "a float tensor"),
    (torch.zeros(2, 1, 28, 28, dtype=torch.uint8), "gap", 1, "a float tensor"),
    ([0.5], "gap", 1, "not list"),
    (torch.zeros(2, 2, 28, 28), "gap", 1, "1 channel .pen. and 3 .faces., not 2"),
    (torch.zeros(2, 1, 28, 28), "eye", 1, "no fault 'eye' for pictures of 1 channels: there are gap, "),
    (torch.zeros(2, 3, 64, 64), "eye", 1, "128×128 pixels, not"),
    (torch.zeros(2, 1, 28, 28), "gap", 1.5, "from 0, unchanged, to 1"),
    (torch.zeros(2, 1, 28, 28), "gap", "1", "from 0, unchanged, to 1"),
])
def test_what_cannot_be_damaged_is_told(x, kind, severity, said):
    with pytest.raises(ValueError, match=said):
        damage(x, kind, severity)
