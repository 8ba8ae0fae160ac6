"""The stored scores of notebook 09: what the file holds, that it can be made anew, and what it shows."""

import itertools
import math
from dataclasses import fields

import pytest
import torch

from vae_helpers import data, fooled
from vae_helpers.detection import auc
from vae_helpers.evaluation import evaluate, grey_floor
from vae_helpers.files import histories_folder
from vae_helpers.models import pretrained
from vae_helpers.weights import WeightsError


@pytest.fixture(scope="module")
def told():
    return fooled.load()


@pytest.fixture
def real():
    """Skips where the real data are not."""
    from vae_helpers.data.online import find

    for name in fooled.IMAGES:
        if find(name) is None:
            pytest.skip(f"neither VAE_DATA nor data/downloads holds {name}")


def test_the_file_holds_a_number_for_each_image_and_is_small(told):
    assert set(told) == set(itertools.product(fooled.MODELS, fooled.IMAGES))
    for scores in told.values():
        for field in fields(fooled.Scores):
            values = getattr(scores, field.name)
            assert values.shape == (fooled.COUNT,) and values.isfinite().all() and (values > 0).all(), field.name
        assert torch.equal(scores.less_code, scores.nll + scores.kl - scores.code)
        assert torch.allclose(scores.less_png, scores.loss - scores.png * math.log(256))
        assert torch.equal(scores.above_floor, scores.grey - scores.floor)
    assert (histories_folder() / "fooled.safetensors").stat().st_size < 100_000


def test_digits_fool_the_model_of_clothes_and_a_code_length_mends_it_both_ways(told):
    def area(model, score):
        other = {"fashion": "mnist", "mnist": "fashion"}[model]
        return auc(*(getattr(told[f"{model}_vae20", images], score) for images in (model, other)))

    assert area("fashion", "grey") < 0.4 and area("fashion", "loss") < 0.4
    assert area("fashion", "above_floor") > 0.95
    assert area("mnist", "loss") > 0.99
    for model in ("fashion", "mnist"):
        assert area(model, "less_png") > 0.85 and area(model, "less_code") > 0.99
    clothes, digits = (told["fashion_vae20", images].less_code for images in ("fashion", "mnist"))
    assert (clothes > 0).float().mean() < 0.03 and (digits > 0).float().mean() > 0.97


def test_code_length_is_a_likelihood():
    """Over all 512 pictures of 3×3 the probabilities add up to 1."""
    every = torch.tensor(list(itertools.product((0.0, 1.0), repeat=9))).view(-1, 1, 3, 3)
    assert (-fooled.code_length(every).double()).exp().sum().item() == pytest.approx(1, abs=1e-5)


def test_code_length_of_one_row_is_that_of_counting():
    """One row: contexts are the left pixel alone. 0 0 1 1: ½ after paper, ¾ paper, 1/6 … by hand."""
    x = torch.tensor([[[[0.0, 0.0, 1.0, 1.0]]]])
    # after paper: 0 at ½, then 0 at 1.5/2, then 1 at 0.5/3; after ink: 1 at ½
    assert fooled.code_length(x).item() == pytest.approx(-math.log(0.5 * 0.75 * (0.5 / 3) * 0.5), rel=1e-6)


def test_busy_pictures_are_longer():
    noise = torch.rand(3, 1, 28, 28, generator=torch.Generator().manual_seed(0)).round()
    flat = torch.zeros(3, 1, 28, 28)
    assert (fooled.code_length(noise) > 500).all() and (fooled.code_length(flat) < 15).all()
    assert (fooled.png_bytes(noise) > fooled.png_bytes(flat)).all()


def test_floors_are_those_of_the_grey_floor():
    x = data.load("pen").test.as_float(slice(50))
    assert fooled.floors(x).mean().item() == pytest.approx(grey_floor(x), rel=1e-5)


def test_terms_are_those_of_evaluate_and_repeat():
    model, x = pretrained("pen_vae20"), data.load("pen").test.as_float(slice(300))
    nll, kl = fooled.terms(model, x)
    assert torch.equal(nll, fooled.terms(model, x)[0])
    found = evaluate(model, x)
    assert kl.mean().item() == pytest.approx(found.kl, rel=1e-5)
    assert nll.mean().item() == pytest.approx(found.nll, rel=0.02)  # other draws


@pytest.mark.real_data
def test_scores_made_anew_are_the_stored_ones(real, told, tmp_path):
    path = fooled.make(tmp_path, count=100)
    assert path.parent == tmp_path
    for pair, scores in fooled.load(tmp_path).items():
        for field in ("floor", "kl", "code"):
            torch.testing.assert_close(getattr(scores, field), getattr(told[pair], field)[:100], rtol=2e-3, atol=0.05)
        # ε is drawn for all images at once: other draws for 100 than for 2,000
        assert scores.loss.mean().item() == pytest.approx(told[pair].loss[:100].mean().item(), rel=0.03)
        assert scores.png.mean().item() == pytest.approx(told[pair].png[:100].mean().item(), rel=0.05)


def test_what_is_not_there_or_damaged_is_told(tmp_path):
    with pytest.raises(FileNotFoundError, match="git checkout data/histories"):
        fooled.load(tmp_path)
    whole = (histories_folder() / "fooled.safetensors").read_bytes()
    (tmp_path / "fooled.safetensors").write_bytes(whole[:-100])
    with pytest.raises(WeightsError, match="damaged or holds no such scores"):
        fooled.load(tmp_path)
