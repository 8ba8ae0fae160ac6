"""BoundPlay without a browser: its numbers are the toy's, and what is out of range is named."""

import re

import matplotlib.pyplot as plt
import pytest
from scipy import stats

from vae_helpers.toy import split_evidence
from vae_helpers.widgets import BoundPlay


def test_the_repr_is_one_line_without_an_address():
    assert repr(BoundPlay(x=-1, bend=0.5)) == "BoundPlay: x = −1, bend 0.5, q = N(0, 0.8²)"


@pytest.mark.parametrize("bend, sigma", [(0.0, 0.5), (1.0, 0.5), (0.4, 0.3)])
def test_split_is_the_toys(bend, sigma):
    play = BoundPlay(x=2.0, bend=bend, sigma=sigma)
    play.mu, play.sigma_q = 1.0, 0.3
    assert play.split() == tuple(one.item() for one in split_evidence(2.0, 1.0, 0.3, bend, sigma))


def test_the_gap_of_a_line_closes_at_the_posterior():
    play = BoundPlay(x=1.0, mu=0.8, sigma_q=0.2**0.5)
    log_evidence, bound, gap = play.split()
    assert log_evidence == pytest.approx(stats.norm(0, 1.25**0.5).logpdf(1))
    assert gap == pytest.approx(0, abs=1e-9) and bound == pytest.approx(log_evidence)


def test_reset_has_what_it_needs():
    play = BoundPlay(x=2.0, bend=1.0)
    play.x, play.bend, play.mu, play.sigma_q = 0.0, 0.5, 1.0, 0.4
    assert play.home == {"x": 2.0, "bend": 1.0, "mu": 0.0, "sigma_q": 0.8}


RANGES = {"x": "-2 to 4", "bend": "0 to 1", "mu": "-3 to 3", "sigma_q": "0.1 to 2", "sigma": "0.3 to 1"}


@pytest.mark.parametrize("name", RANGES)
@pytest.mark.parametrize("value", [-5, 5, float("nan"), "wide", None])
def test_what_is_out_of_range_is_named(name, value):
    with pytest.raises(ValueError, match=f"{name}={value!r}: wanted is a number from {RANGES[name]}"):
        BoundPlay(**{name: value})


@pytest.mark.parametrize("name", ["x", "bend", "mu", "sigma_q"])
def test_what_is_set_out_of_range_is_refused(name):
    play = BoundPlay()
    before = getattr(play, name)
    with pytest.raises(ValueError, match=f"{name}=5.0"):
        setattr(play, name, 5.0)
    assert getattr(play, name) == before


def test_a_reader_without_a_kernel_sees_a_picture_with_its_text():
    play = BoundPlay(bend=1)
    data, metadata = play._repr_mimebundle_()
    alt, said = metadata["image/png"]["alt"], play.split()
    found = re.search(r"log p\(x\) (.*) = ELBO (.*) \+ gap (.*) nats", alt)
    evidence, bound, gap = (float(text.replace("−", "-")) for text in found.groups())
    assert data["image/png"] and [evidence, bound] == [round(v, 3) for v in said[:2]]
    assert gap == pytest.approx(said[2], abs=1.01e-3) and gap == pytest.approx(evidence - bound, abs=1e-9)
    assert not plt.get_fignums()
