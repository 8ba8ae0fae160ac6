"""The faces: what is held stays held and moves what it should, and the file that keeps them is drawn anew when bad."""

import warnings

import numpy as np
import pytest
import torch

from vae_helpers.data import faces, load, shipped
from vae_helpers.data.faces import FACTORS, draw

COLUMN = {name: i for i, name in enumerate(FACTORS)}


def test_shapes_types_and_limits():
    images, labels, factors = draw(12, seed=0)
    assert images.shape == (12, 3, 128, 128) and images.dtype == np.uint8
    assert labels.dtype == np.int64 and set(labels) == {0, 1}
    assert factors.shape == (12, len(FACTORS)) and factors.dtype == np.float32
    for name, (low, high) in FACTORS.items():
        assert (factors[:, COLUMN[name]] >= low).all() and (factors[:, COLUMN[name]] <= high).all(), name


def test_the_same_seed_draws_the_same_and_a_shorter_drawing_is_the_beginning():
    long, short, other = draw(60, 3), draw(55, 3), draw(55, 4)
    for a, b in zip(long, short, strict=True):
        np.testing.assert_array_equal(a[:55], b)
    assert (short[0] != other[0]).any()


def test_every_pair_has_one_of_each_mood_and_moods_can_be_asked_for():
    assert draw(100, 0)[1].sum() == 50
    assert draw(7, 0, labels=1)[1].tolist() == [1] * 7
    wanted = [0, 1, 1, 0, 1]
    assert draw(5, 0, labels=wanted)[1].tolist() == wanted


def test_the_happy_smile_and_the_angry_frown():
    _, labels, factors = draw(400, 5)
    for name, apart in (("mouth", 0.7), ("brows", 0.6), ("eyes", 0.1)):
        column = factors[:, COLUMN[name]]
        assert column[labels == 1].mean() - column[labels == 0].mean() > apart, name
    for name in ("skin", "hair", "hair_length", "width", "turn", "tilt", "light"):  # mood tells nothing of these
        low, high = FACTORS[name]
        column = (factors[:, COLUMN[name]] - low) / (high - low)
        assert abs(column[labels == 1].mean() - column[labels == 0].mean()) < 0.1, name


def region(name):
    """Rows and columns outside of which a held factor of an upright, unturned face may change nothing."""
    return {"mouth": (slice(56, 108), slice(20, 108)),  # with the cheeks, which blush
            "brows": (slice(36, 62), slice(28, 100)),
            "eyes": (slice(48, 72), slice(28, 100))}[name]


@pytest.mark.parametrize("name", ["mouth", "brows", "eyes"])
def test_a_part_of_the_face_moves_alone(name):
    low, high = (draw(4, 1, turn=0.0, tilt=0.0, width=1.0, labels=1, **{name: value})[0].astype(int)
                 for value in FACTORS[name])
    changed = np.abs(high - low).max((0, 1)) > 2
    rows, columns = region(name)
    assert changed[rows, columns].mean() > 0.02
    changed[rows, columns] = False
    assert not changed.any()


@pytest.mark.parametrize("name", FACTORS)
def test_each_factor_is_seen_and_leaves_the_others(name):
    low, high = (draw(3, 2, **{name: value}) for value in FACTORS[name])
    assert np.abs(high[0].astype(int) - low[0]).mean() > 0.5
    others = [i for other, i in COLUMN.items() if other != name]
    np.testing.assert_array_equal(low[2][:, others], high[2][:, others])
    assert (high[2][:, COLUMN[name]] == np.float32(FACTORS[name][1])).all()


def test_light_skin_width_and_tilt_do_what_they_say():
    plain = {"turn": 0.0, "tilt": 0.0, "light": 0.0}
    left, right = (draw(4, 3, **plain | {"light": value})[0].astype(float) for value in (-1.0, 1.0))
    face = (slice(None), slice(None), slice(60, 80))
    assert (left[*face, 36:50].mean() - right[*face, 36:50].mean()) > 5 and (
        left[*face, 78:92].mean() - right[*face, 78:92].mean()) < -5
    pale, dark = (draw(4, 3, **plain, skin=value)[0][:, :, 66:74, 50:78].mean() for value in (0.0, 1.0))
    assert pale > dark + 80
    upright, tilted = (draw(4, 3, **plain | {"tilt": value})[0] for value in (0.0, 15.0))
    back = torch.nn.functional.affine_grid(_rotation(15.0), (4, 3, 128, 128), align_corners=False)
    turned = torch.nn.functional.grid_sample(torch.as_tensor(tilted).float(), back, align_corners=False).numpy()
    face = (slice(None), slice(None), slice(45, 90), slice(45, 83))
    # turned back about the neck, the face is where it was
    assert np.abs(turned[face] - upright[face]).mean() < 0.35 * np.abs(tilted[face].astype(float) - upright[face]).mean()


def _rotation(degrees):
    angle, pivot = np.radians(degrees), 0.55
    c, s = np.cos(angle), np.sin(angle)
    # where a pixel of the upright face was before: out along the tilt, about (0, pivot)
    return torch.tensor([[[c, -s, s * pivot], [s, c, pivot - c * pivot]]], dtype=torch.float32).expand(4, 2, 3)


@pytest.mark.parametrize(("arguments", "said"), [
    (dict(n=-1, seed=0), "it cannot be negative"),
    (dict(n=3, seed=0, labels=2), "0 (angry) or 1 (happy)"),
    (dict(n=3, seed=0, labels=[0, 1]), "n = 3 of them"),
    (dict(n=3, seed=0, smile=1.0), "there is no factor 'smile': the factors are mouth"),
    (dict(n=3, seed=0, mouth=1.5), "it must lie between -1 and 1"),
    (dict(n=3, seed=0, mouth=np.nan), "it must lie between -1 and 1"),
    (dict(n=3, seed=0, tilt=[0.0, 1.0]), "n = 3 of them"),
])
def test_what_cannot_be_drawn_is_said(arguments, said):
    with pytest.raises(ValueError) as raised:
        draw(**arguments)
    assert said in str(raised.value)


# --- the file that keeps them


@pytest.fixture
def few(monkeypatch, tmp_path):
    """Twelve faces in all, kept in a folder of this test's own; gives the path."""
    monkeypatch.setattr(faces, "TRAIN", 8)
    monkeypatch.setattr(faces, "TEST", 4)
    path = tmp_path / "downloads" / "faces.npz"
    monkeypatch.setattr(shipped, "faces_path", lambda: path)
    return path


def refuse(*arguments, **options):
    raise AssertionError("drawn again")


def test_they_are_drawn_once_and_kept(few, monkeypatch):
    data = load("faces")
    assert data.name == "faces" and data.classes == ("angry", "happy")
    assert (len(data.train), len(data.test)) == (8, 4) and data.train.shape == (3, 128, 128)
    assert data.train.factor_names == tuple(FACTORS) and few.is_file()
    monkeypatch.setattr(faces, "draw", refuse)
    again = load("faces")
    assert torch.equal(again.train.images, data.train.images) and torch.equal(again.test.factors, data.test.factors)
    x = again.test.as_float()
    assert x.min() >= 0 and x.max() <= 1


@pytest.mark.parametrize("spoil", [
    lambda path: path.write_bytes(path.read_bytes()[:5000]),
    lambda path: path.write_text("no zip"),
    lambda path: np.savez(path, version=np.array(faces.VERSION)),
    lambda path: np.savez(path, **{**np.load(path), "version": np.array(faces.VERSION + 1)}),
    lambda path: np.savez(path, **{**np.load(path), "train_labels": np.zeros(3)}),
], ids=["cut off", "not a zip", "empty", "another version", "labels that do not fit"])
def test_a_file_that_is_not_right_is_drawn_anew(few, spoil):
    data = load("faces")
    spoil(few)
    again = load("faces")
    assert torch.equal(again.train.images, data.train.images)
    with np.load(few) as file:
        assert file["version"] == faces.VERSION and len(file["train_labels"]) == 8


def test_where_nothing_can_be_written_they_are_drawn_all_the_same(few):
    few.parent.write_text("a file where the folder should be")
    with pytest.warns(UserWarning, match="could not be kept for the next time"):
        data = load("faces")
    assert len(data.train) == 8


def test_no_other_set_draws_faces(few, monkeypatch):
    monkeypatch.setattr(faces, "draw", refuse)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load("digits8")
    assert not few.exists()
