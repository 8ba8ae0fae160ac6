"""A folder of one's own pictures."""


import numpy as np
import pytest
import torch
from PIL import Image

from vae_helpers.data import DataDamaged, load


pytestmark = pytest.mark.usefixtures("plain_environment")


def save(folder, name, picture, **options):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, **options)


def grey_levels(folder, count=20, size=(40, 30)):
    for number in range(count):
        save(folder, f"{number:02}.png", Image.new("L", size, 10 * number))


def test_folder_without_classes(tmp_path):
    grey_levels(tmp_path / "own")
    data = load(str(tmp_path / "own"))
    assert data.name == "own" and data.classes == ("own",)
    assert data.train.images.shape == (18, 1, 28, 28) and data.test.images.shape == (2, 1, 28, 28)
    assert data.train.images.dtype == torch.uint8 and data.train.maximum == 255
    levels = torch.cat([data.train.images, data.test.images])[:, 0, 0, 0].tolist()
    assert sorted(levels) == [10 * number for number in range(20)] and levels != sorted(levels)


def test_folder_splits_alike_every_time_and_as_asked(tmp_path):
    grey_levels(tmp_path)
    images = load(tmp_path).train.images
    assert torch.equal(load(tmp_path).train.images, images)
    assert not torch.equal(load(tmp_path, seed=1).train.images, images)
    assert len(load(tmp_path, test_fraction=0.25).test) == 5
    assert len(load(tmp_path, test_fraction=0.999).train) == 1
    assert load(tmp_path, size=8, channels=3).train.shape == (3, 8, 8)


def test_subfolders_are_classes(tmp_path):
    save(tmp_path, "cat/deep/down/a.png", Image.new("L", (9, 9), 1))
    save(tmp_path, "cat/b.PNG", Image.new("L", (9, 9), 1))
    save(tmp_path, "ant/a.jpg", Image.new("L", (9, 9), 200))
    save(tmp_path, ".ipynb_checkpoints/a.png", Image.new("L", (9, 9)))
    save(tmp_path, "cat/._b.png", Image.new("L", (9, 9), 99))
    (tmp_path / "empty").mkdir()
    (tmp_path / "cat" / "notes.txt").write_text("not a picture")
    data = load(tmp_path, test_fraction=0.4)
    assert data.classes == ("ant", "cat")
    by_label = {int(x[0, 0, 0]): int(y) for s in data[:2] for x, y in zip(s.images, s.labels, strict=True)}
    assert by_label == {200: 0, 1: 1} and len(data.train) + len(data.test) == 3
    save(tmp_path, "loose.png", Image.new("L", (9, 9)))
    with pytest.warns(UserWarning, match="loose.png") as warned:
        assert len(load(tmp_path).train) == 2
    assert warned[0].filename == __file__


def in_mode(mode):
    """A picture of grey level 200 (1 bit: white) in some mode."""
    if mode == "1":
        return Image.new("1", (12, 12), 1)
    if mode == "I;16":
        return Image.fromarray(np.full((12, 12), 200 * 257, np.uint16))
    if mode == "F":
        return Image.fromarray(np.full((12, 12), 200 / 255, np.float32))
    return Image.new("L", (12, 12), 200).convert(mode)


@pytest.mark.parametrize(
    "mode, suffix",
    [("1", "png"), ("L", "png"), ("LA", "png"), ("P", "png"), ("P", "gif"), ("RGB", "png"), ("RGB", "webp")]
    + [("RGBA", "png"), ("I;16", "png"), ("I;16", "tif"), ("F", "tif"), ("CMYK", "tif"), ("YCbCr", "jpg")],
)
def test_every_mode_gives_its_grey_level(tmp_path, mode, suffix):
    for number in range(2):
        save(tmp_path, f"{number}.{suffix}", in_mode(mode))
    images = load(tmp_path).train.images
    assert images.shape == (1, 1, 28, 28)
    assert (images.int() - (255 if mode == "1" else 200)).abs().max() <= 1


def test_transparent_is_white(tmp_path):
    save(tmp_path, "rgba.png", Image.new("RGBA", (9, 9), (0, 0, 0, 0)))
    palette = Image.new("P", (9, 9), 1)
    palette.putpalette([10, 20, 30, 40, 50, 60])
    save(tmp_path, "palette.png", palette, transparency=1)
    data = load(tmp_path)
    assert (data.train.images == 255).all() and (data.test.images == 255).all()


def test_one_coloured_picture_makes_all_of_them_colour(tmp_path):
    grey_levels(tmp_path, count=4)
    assert load(tmp_path).train.shape == (1, 28, 28)
    save(tmp_path, "red.png", Image.new("RGB", (9, 9), (250, 10, 20)))
    data = load(tmp_path)
    everything = torch.cat([data.train.images, data.test.images])
    assert sorted(everything[:, :, 0, 0].tolist()) == [[n, n, n] for n in (0, 10, 20, 30)] + [[250, 10, 20]]
    assert load(tmp_path, channels=1).train.shape == (1, 28, 28)


@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_exif_orientation_is_followed(tmp_path, suffix):
    picture = Image.new("L", (640, 400), 0)
    picture.paste(255, (0, 0, 640, 200))  # white above, black below
    upside_down, quarter = Image.Exif(), Image.Exif()
    upside_down[0x0112], quarter[0x0112] = 3, 6
    save(tmp_path / "a_turned", f"1.{suffix}", picture, exif=upside_down)
    save(tmp_path / "b_quarter", f"1.{suffix}", picture, exif=quarter)
    data = load(tmp_path, size=16)
    by_label = {int(s.labels[0]): s.images[0, 0].int() for s in data[:2]}
    assert by_label[0][:7].max() < 5 and by_label[0][9:].min() > 250
    assert by_label[1][:, :7].max() < 5 and by_label[1][:, 9:].min() > 250


def test_crops_the_middle_and_resizes_smoothly(tmp_path):
    wide = Image.new("L", (90, 30), 0)
    wide.paste(255, (30, 0, 60, 30))
    tall_board = Image.fromarray((np.indices((560, 280)).sum(0) % 2 * 255).astype(np.uint8))
    save(tmp_path, "a_wide.png", wide)
    save(tmp_path, "b_board.png", tall_board)
    images = sorted((s.images[0] for s in load(tmp_path)[:2]), key=lambda image: image.float().mean())
    assert (images[0].int() - 127).abs().max() <= 3  # nearest neighbours would give black and white
    assert (images[1][:, 1:-1, 1:-1] == 255).all()


@pytest.fixture
def folder_with_broken(tmp_path):
    grey_levels(tmp_path, count=5)
    (tmp_path / "empty.png").touch()
    (tmp_path / "words.jpg").write_text("not a picture")
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8))
    save(tmp_path, "cut.png", noise)
    (tmp_path / "cut.png").write_bytes((tmp_path / "cut.png").read_bytes()[:1500])
    return tmp_path


def test_broken_pictures_are_all_named(folder_with_broken):
    with pytest.raises(DataDamaged) as raised:
        load(folder_with_broken)
    said = str(raised.value)
    named = ("empty.png: empty file", "words.jpg: not a picture", "cut.png: ")
    for words in ("3 of 8", *named, "skip_broken=True"):
        assert words in said


def test_broken_pictures_are_left_out_if_asked(folder_with_broken):
    with pytest.warns(UserWarning, match="(?s)3 of 8.*left out.*cut.png") as warned:
        data = load(folder_with_broken, skip_broken=True)
    assert len(data.train) + len(data.test) == 5 and warned[0].filename == __file__


def test_folder_without_pictures_says_what_is_there(tmp_path):
    with pytest.raises(ValueError, match="no files at all"):
        load(tmp_path)
    for name in ("a.heic", "b.HEIC", "c.txt"):
        (tmp_path / name).touch()
    with pytest.raises(ValueError, match="(?s)no pictures in .*2 .heic, 1 .txt.*[.]png"):
        load(tmp_path)


def test_too_few_pictures(tmp_path):
    grey_levels(tmp_path, count=1)
    with pytest.raises(ValueError, match="pictures in .*: 1; .*need one each"):
        load(tmp_path)


@pytest.mark.parametrize(
    "option", [{"size": 0}, {"size": 2.5}, {"channels": 2}, {"test_fraction": 0}, {"test_fraction": 1.5}]
)
def test_folder_options_out_of_range(tmp_path, option):
    grey_levels(tmp_path, count=3)
    with pytest.raises(ValueError, match=next(iter(option))):
        load(tmp_path, **option)


def test_unknown_folder_option(tmp_path):
    with pytest.raises(TypeError, match="sise"):
        load(tmp_path, sise=3)


def test_a_link_that_leads_back_adds_no_picture_twice(tmp_path):
    grey_levels(tmp_path / "a", count=3)
    (tmp_path / "a" / "loop").symlink_to(tmp_path / "a", target_is_directory=True)
    data = load(tmp_path)
    assert len(data.train) + len(data.test) == 3
