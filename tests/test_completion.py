"""Missing pixels filled in, and a VAE that takes orders: the known stays, the hidden is not looked at, labels count."""

import pytest
import torch

from vae_helpers.completion import fill_in
from vae_helpers.conditional import ConditionalVAE
from vae_helpers.data import load
from vae_helpers.losses import bernoulli_nll, kl_to_standard_normal
from vae_helpers.models import pretrained

UPPER = (torch.arange(28) < 14).view(1, 1, 28, 1)


@pytest.fixture(scope="module")
def vae():
    return pretrained("pen_vae20")


@pytest.fixture(scope="module")
def x():
    return load("pen").test.as_float(slice(100))


def test_known_pixels_stay_and_hidden_ones_are_not_looked_at(vae, x, seeded):
    before, other = x.clone(), torch.where(UPPER, x, torch.rand(x.shape))
    torch.manual_seed(1)
    filled = fill_in(vae, x, UPPER, steps=3)
    torch.manual_seed(1)
    assert torch.equal(filled, fill_in(vae, other, UPPER.expand_as(x), steps=3)) and torch.equal(x, before)
    assert torch.equal(filled[:, :, :14], x[:, :, :14]) and not filled.requires_grad
    assert filled.min() >= 0 and filled.max() <= 1
    assert not torch.equal(filled, fill_in(vae, x, UPPER, steps=3))  # another draw, another answer


def test_where_all_is_known_nothing_is_filled_in(vae, x):
    assert torch.equal(fill_in(vae, x, torch.ones(1, 1, 28, 28, dtype=torch.bool), steps=1), x)


def test_rounds_bring_the_hidden_half_nearer_than_the_mean_picture(vae, x, seeded):
    mean = load("pen").train.as_float(slice(2000)).mean(0)
    errors = [(fill_in(vae, x, UPPER, steps) - x).square().sum().item() for steps in (1, 20)]
    assert errors[1] < errors[0] and errors[1] < (torch.where(UPPER, x, mean) - x).square().sum().item()


@pytest.mark.parametrize("x, known, steps, said", [
    (torch.zeros(2, 28, 28), UPPER, 1, "x must be pictures"),
    (torch.zeros(2, 1, 28, 28), UPPER.float(), 1, "tensor of bools"),
    (torch.zeros(2, 1, 28, 28), torch.ones(14, 28, dtype=torch.bool), 1, "does not fit"),
    (torch.zeros(2, 1, 28, 28), torch.ones(3, 2, 1, 28, 28, dtype=torch.bool), 1, "does not fit"),
    (torch.zeros(2, 1, 28, 28), UPPER, 0, "from 1 up"),
])
def test_what_cannot_be_filled_in_is_told(vae, x, known, steps, said):
    with pytest.raises(ValueError, match=said):
        fill_in(vae, x, known, steps)


def test_a_conditional_vae_gives_what_a_vae_gives_and_labels_make_a_difference(seeded):
    model = ConditionalVAE(3, classes=4, shape=(1, 6, 6), hidden=8)
    x, labels = torch.rand(5, 1, 6, 6), torch.tensor([0, 1, 2, 3, 3])
    logits, mu, logvar = model(x, labels)
    assert logits.shape == x.shape and mu.shape == logvar.shape == (5, 3)
    joined = model.joined(x, labels)
    assert torch.equal(joined[:, :36], x.flatten(1)) and torch.equal(joined[:, 36:].argmax(1), labels)
    assert torch.equal(joined[:, 36:].sum(1), torch.ones(5))
    assert not torch.equal(model.encode(x, labels)[0], model.encode(x, labels.flip(0))[0])
    assert not torch.equal(model.decode(mu, labels), model.decode(mu, labels.flip(0)))


def test_where_the_class_is_all_there_is_the_conditional_vae_pays_no_kl(seeded):
    """Pictures that are a function of the label: z has nothing to hold, and a decoder fed labels draws them."""
    classes = torch.eye(4).repeat_interleave(4, 1).view(4, 1, 4, 4)
    model = ConditionalVAE(2, classes=4, shape=(1, 4, 4), hidden=32)
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    labels = torch.arange(4).repeat(16)
    for _ in range(300):
        logits, mu, logvar = model(classes[labels], labels)
        kl = kl_to_standard_normal(mu, logvar).mean()
        optimizer.zero_grad()
        (bernoulli_nll(logits, classes[labels]).mean() + kl).backward()
        optimizer.step()
    assert kl < 0.1
    drawn = torch.sigmoid(model.decode(torch.randn(64, 2), labels))
    assert (drawn.round() == classes[labels]).float().mean() > 0.98
