"""Splits, batches, and what ``check_images`` says."""


import numpy as np
import pytest
import torch

from vae_helpers.data import ImageSet, Split, check_images


pytestmark = pytest.mark.usefixtures("plain_environment")


@pytest.fixture
def split():
    """Ten images of 1×2×2; image i is i everywhere, and so are its label and its factor."""
    numbers = torch.arange(10)
    images = numbers.to(torch.uint8).view(10, 1, 1, 1).expand(10, 1, 2, 2).contiguous()
    return Split(images, 10, numbers, numbers.float().unsqueeze(1), ("number",))


def numbers_in(batches):
    return [number for x in batches for number in (x[:, 0, 0, 0] * 10).round().int().tolist()]


def test_split_says_what_it_holds(split):
    assert len(split) == 10 and split.shape == (1, 2, 2)
    assert repr(split) == "Split: 10 images 1×2×2, 10 classes, with factors"
    assert repr(split.subset(1)) == "Split: 1 image 1×2×2, 1 class, with factors"
    assert repr(Split.from_tensor(torch.zeros(1200, 3, 4, 5))) == "Split: 1,200 images 3×4×5, 1 class"
    assert repr(ImageSet(split, split.subset(2), ("a",), "mine")).splitlines()[0] == "ImageSet mine"


def test_as_float_is_a_copy_in_unit_range(split):
    x = split.as_float()
    assert x.dtype == torch.float32 and x.shape == (10, 1, 2, 2)
    assert torch.equal(x[:, 0, 0, 0], torch.arange(10) / 10)
    assert torch.equal(split.as_float([3, 5]), x[[3, 5]])
    floats = Split.from_tensor(x.clone())
    for whole in (floats.as_float(), floats.as_float(slice(5)), next(iter(floats.batches(5)))):
        whole += 1
    assert torch.equal(floats.images, x)


def test_white_becomes_exactly_one():
    images = torch.full((1, 1, 1, 1), 255, dtype=torch.uint8)
    assert Split(images, 255, torch.zeros(1, dtype=torch.int64)).as_float().item() == 1.0


@pytest.mark.parametrize(
    "which, expected",
    [
        (3, [0, 1, 2]),
        ([7, 2], [7, 2]),
        (torch.tensor([9]), [9]),
        (slice(8, None), [8, 9]),
        (torch.arange(10) > 7, [8, 9]),
        (np.array([1, 4]), [1, 4]),
    ],
)
def test_subset_takes_everything_along(split, which, expected):
    part = split.subset(which)
    assert numbers_in(part.batches(100)) == part.labels.tolist() == part.factors[:, 0].tolist() == expected
    assert part.maximum == 10 and part.factor_names == ("number",)


@pytest.mark.parametrize("which", [0, 11, -1])
def test_subset_of_too_many_or_none(split, which):
    with pytest.raises(ValueError, match="of 10 images"):
        split.subset(which)


def test_split_refuses_what_does_not_fit_together(split):
    with pytest.raises(ValueError, match="N, C, H, W"):
        Split(split.images[:, 0], 10, split.labels)
    with pytest.raises(ValueError, match="int64 labels"):
        Split(split.images, 10, split.labels[:9])
    with pytest.raises(ValueError, match="float32 factors"):
        Split(split.images, 10, split.labels, split.factors)
    with pytest.raises(ValueError, match="float64"):
        Split(split.images.double(), 10, split.labels)


def test_from_tensor_checks_images_and_takes_any_whole_labels():
    images = torch.rand(4, 1, 3, 3)
    assert Split.from_tensor(images).labels.tolist() == [0, 0, 0, 0]
    assert Split.from_tensor(images, torch.arange(4, dtype=torch.uint8)).labels.dtype == torch.int64
    assert torch.equal(next(iter(Split.from_tensor(images).batches(4))), images)
    with pytest.raises(ValueError, match="255"):
        Split.from_tensor(images * 255)
    with pytest.raises(ValueError, match="whole numbers"):
        Split.from_tensor(images, torch.rand(4))


@pytest.fixture
def grey():
    """3,000 images of bytes, each with the grey levels 0, 64, 128 and 255."""
    levels = torch.tensor([[0, 64], [128, 255]], dtype=torch.uint8)
    images = levels.expand(3000, 1, 2, 2).contiguous()
    return Split(images, 255, torch.arange(3000), torch.arange(3000).float()[:, None], ("number",))


def is_drawn_from(x, grey):
    """Whether pixels are 0 or 1, and 1 as often as ``grey`` says, within five standard errors."""
    share, p = x.mean(0), grey.as_float([0])[0]
    assert ((x == 0) | (x == 1)).all() and x.dtype == torch.float32
    return ((share - p).abs() <= 5 * (p * (1 - p) / len(x)).sqrt()).all()


def test_binarised_draws_with_the_grey_level_as_probability(grey):
    for split in (grey, Split.from_tensor(grey.as_float())):
        once = split.binarised()
        assert isinstance(once, Split) and once.images.dtype == torch.uint8 and once.maximum == 1
        assert is_drawn_from(once.as_float(), grey)
        assert not is_drawn_from((grey.as_float() > 0.5).float(), grey), "no threshold passes this test"
        assert torch.equal(torch.cat([*once.batches(7)]), once.as_float())


def test_binarised_once_repeats_with_its_seed_and_leaves_torchs_generator(grey):
    before = torch.get_rng_state()
    first, again, other = grey.binarised(), grey.binarised(0), grey.binarised(seed=1)
    assert torch.equal(first.images, again.images) and not torch.equal(first.images, other.images)
    assert torch.equal(before, torch.get_rng_state())
    assert first.images[:, 0, 0, 1].float().var() > 0.1, "all images were drawn alike"


def test_binarised_anew_draws_with_each_batch(grey):
    anew = grey.binarised(None)
    assert isinstance(anew, Split) and torch.equal(anew.as_float(), grey.as_float())
    torch.manual_seed(0)
    first, second = (torch.cat([*anew.batches(100)]) for _ in range(2))
    assert is_drawn_from(first, grey) and is_drawn_from(second, grey) and not torch.equal(first, second)
    torch.manual_seed(0)
    assert torch.equal(torch.cat([*anew.batches(100)]), first)
    assert torch.equal(grey.as_float(), anew.as_float()), "the draws were written into the data"


@pytest.mark.parametrize("seed", [0, None])
def test_what_is_0_or_1_stays(seed):
    images = torch.rand(50, 1, 4, 4).round()
    split = Split.from_tensor(images)
    for once in (split.binarised(seed), split.binarised(0).binarised(seed), split.binarised(None).binarised(seed)):
        assert torch.equal(torch.cat([*once.batches(7)]), images)


@pytest.mark.parametrize("seed", [0, None])
def test_what_is_binarised_keeps_its_labels_and_factors(grey, seed):
    part = grey.binarised(seed).subset(slice(1000, 2000))
    assert part.factors[:, 0].tolist() == part.labels.tolist() == list(range(1000, 2000))
    seen = []
    order = torch.Generator().manual_seed(0)
    for x, y in part.batches(300, shuffle=True, generator=order, labels=True):
        assert ((x == 0) | (x == 1)).all() and len(x) == len(y)
        if seed == 0:
            assert torch.equal(x, grey.binarised(0).as_float(y))
        seen += y.tolist()
    assert sorted(seen) == list(range(1000, 2000)) and seen != sorted(seen)


def test_a_split_says_that_it_is_binarised(grey):
    assert repr(grey.binarised()) == "Split: 3,000 images 1×2×2, 3000 classes, with factors, binarised"
    assert repr(grey.binarised(None).subset(2)).endswith("binarised anew in each batch")
    assert repr(grey.binarised(None).binarised(1)).endswith("factors, binarised")
    assert "binarised" not in repr(grey)


def test_binarised_on_a_device(grey):
    device = "cuda" if torch.cuda.is_available() else "meta"
    for x in grey.binarised(None).batches(1000, device=device):
        assert x.device.type == device and x.dtype == torch.float32


def test_binarised_refuses_what_is_no_probability():
    for value, said in ((2.0, "values lie in"), (torch.nan, "NaN")):
        split = Split(torch.full((1, 1, 2, 2), value), 1, torch.zeros(1, dtype=torch.int64))
        for seed in (0, None):
            with pytest.raises(ValueError, match=said):
                split.binarised(seed)


@pytest.mark.parametrize("shuffle", [False, True])
def test_batches_hold_each_image_once(split, shuffle):
    batches = split.batches(4, shuffle=shuffle)
    shapes = [tuple(x.shape) for x in batches]
    assert shapes == [(4, 1, 2, 2), (4, 1, 2, 2), (2, 1, 2, 2)] and len(batches) == 3
    assert sorted(numbers_in(batches)) == list(range(10))
    assert all(x.dtype == torch.float32 and 0 <= x.min() and x.max() <= 1 for x in batches)


def test_batches_keep_the_order_unless_shuffled(split):
    assert numbers_in(split.batches(3)) == list(range(10))


def test_seeded_shuffles_repeat_and_epochs_differ(split):
    def two_epochs(seed):
        batches = split.batches(3, shuffle=True, generator=torch.Generator().manual_seed(seed))
        return numbers_in(batches), numbers_in(batches)

    first, second = two_epochs(0)
    assert first != second
    assert two_epochs(0) == (first, second)
    assert two_epochs(1) != (first, second)


def test_a_generator_leaves_the_global_one_alone(split):
    torch.manual_seed(0)
    numbers_in(split.batches(3, shuffle=True, generator=torch.Generator().manual_seed(5)))
    drawn = torch.rand(1)
    torch.manual_seed(0)
    assert torch.equal(drawn, torch.rand(1))


def test_drop_last(split):
    batches = split.batches(4, shuffle=True, drop_last=True)
    assert [len(x) for x in batches] == [4, 4] and len(batches) == 2
    assert len(split.batches(5, drop_last=True)) == 2


@pytest.mark.parametrize("shuffle", [False, True])
def test_labels_stay_with_their_images(split, shuffle):
    for x, y in split.batches(4, shuffle=shuffle, labels=True):
        assert y.dtype == torch.int64
        assert (x[:, 0, 0, 0] * 10).round().int().tolist() == y.tolist()


def test_batches_go_to_the_device(split):
    device = "cuda" if torch.cuda.is_available() else "meta"
    for x, y in split.batches(4, shuffle=True, device=device, labels=True):
        assert x.device.type == y.device.type == device and x.dtype == torch.float32


def test_batches_refuse_nonsense_at_once(split):
    for size in (0, -1, 2.5):
        with pytest.raises(ValueError, match="batch_size"):
            split.batches(size)
    with pytest.raises(ValueError, match="do not fill one batch"):
        split.batches(11, drop_last=True)
    with pytest.raises(TypeError, match="manual_seed"):
        split.batches(2, shuffle=True, generator=3)


def test_good_images_pass():
    check_images(torch.rand(2, 1, 4, 4))
    check_images(torch.tensor([0.0, 1.0]).view(2, 1, 1, 1), (1, 1, 1))
    check_images(torch.rand(2, 3, 4, 5, requires_grad=True), torch.Size([3, 4, 5]))


GOOD = torch.rand(2, 1, 4, 4)
HOLED = GOOD.clone()
HOLED[0, 0, 0, :3] = torch.tensor([torch.nan, torch.nan, torch.inf])


@pytest.mark.parametrize(
    "images, said",
    [
        (GOOD.numpy(), ["numpy.ndarray", "torch.as_tensor(images)"]),
        ([GOOD[0], GOOD[1]], ["builtins.list", "torch.stack(images)"]),
        (GOOD[0], ["(1, 4, 4)", "3 dimensions", "unsqueeze"]),
        (GOOD[0, 0], ["2 dimensions", "images[None, None]"]),
        (GOOD.flatten(1), ["(2, 16)", "2 dimensions"]),
        (GOOD.expand(2, 3, 4, 4), ["3 channels where 1 is wanted"]),
        (torch.rand(2, 4, 4, 1), ["channels are last", "permute(0, 3, 1, 2)"]),
        (torch.rand(2, 1, 5, 4), ["5×4 pixels where 4×4"]),
        (GOOD[:0], ["empty"]),
        ((GOOD * 255).byte(), ["uint8", "images.float() / 255"]),
        (GOOD.double(), ["float64", "images.float()"]),
        (HOLED, ["2 values are NaN", "1 infinite"]),
        (torch.full_like(GOOD, torch.nan), ["32 values are NaN"]),
        (torch.full_like(GOOD, 200.0), ["[200, 200]", "images / 255"]),
        (torch.full_like(GOOD, -0.5), ["[-0.5, -0.5]", "images * 0.5 + 0.5"]),
        (torch.full_like(GOOD, 1.001), ["1.001", "clamp(0, 1)"]),
        (torch.full_like(GOOD, 1e4), ["[1e+04, 1e+04]"]),
    ],
)
def test_check_images_says_what_came_and_what_was_wanted(images, said):
    with pytest.raises(ValueError) as raised:
        check_images(images, (1, 4, 4))
    for words in ("float32 tensor of shape (N, 1, 4, 4)", "[0, 1]", *said):
        assert words in str(raised.value)


def test_check_images_names_all_faults_in_one_error():
    with pytest.raises(ValueError) as raised:
        check_images(HOLED.double().expand(2, 3, 4, 4) * 300, (1, 4, 4))
    for words in ("3 channels", "float64", "NaN", "values lie in"):
        assert words in str(raised.value)
