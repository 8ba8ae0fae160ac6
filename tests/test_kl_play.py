"""KLPlay without a browser: both divergences against closed forms and scipy, and what is refused."""

import math

import matplotlib.pyplot as plt
import pytest
import torch
from scipy import integrate

from vae_helpers.losses import kl_normal
from vae_helpers.widgets import KLPlay


def closed(first, second):
    numbers = [v for mu, sigma in (first, second) for v in (mu, 2 * math.log(sigma))]
    return kl_normal(*torch.tensor(numbers, dtype=torch.float64)[:, None]).item()


def test_the_reprs_are_one_line_without_an_address():
    assert repr(KLPlay()) == "KLPlay: q = N(1.5, 0.7²), p = N(0, 1²)"
    assert repr(KLPlay(q=(0, 1.5), humps=2)) == "KLPlay: q = N(0, 1.5²), p = 0.6 · N(−3, 0.6²) + 0.4 · N(3, 0.8²)"


@pytest.mark.parametrize("q, p", [
    ((1.5, 0.7), (0, 1)), ((-4, 0.3), (4, 0.3)), ((4, 4.5), (-4, 0.3)), ((0.2, 2), (0.2, 2))])
def test_of_gaussians_both_are_the_closed_form(q, p):
    assert KLPlay(p, q).kl() == pytest.approx((closed(q, p), closed(p, q)), rel=1e-9, abs=1e-9)


def test_of_two_humps_both_are_those_of_scipy():
    mu, sigma, weight = 0.5, 1.3, 0.3
    play = KLPlay((-2, 0.5), (mu, sigma), 2, second=(1, 0.9), weight=weight)

    def density(z, mu, sigma):
        return math.exp(-(((z - mu) / sigma) ** 2) / 2) / sigma / math.sqrt(2 * math.pi)

    def p(z):
        return 0.7 * density(z, -2, 0.5) + 0.3 * density(z, 1, 0.9)

    def kl(a, b):
        return integrate.quad(lambda z: a(z) * math.log(a(z) / b(z)), -9, 9, points=[-2, 0.5, 1], limit=200)[0]

    def q(z):
        return density(z, mu, sigma)

    assert play.kl() == pytest.approx((kl(q, p), kl(p, q)), abs=1e-6)


def test_a_second_hump_counts_only_where_there_are_two():
    play = KLPlay(q=(0, 1.5))
    before = play.kl()
    play.second, play.weight = [2.0, 1.0], 0.9
    assert play.kl() == before
    play.humps = 2
    assert play.kl() != before


def test_reset_has_what_it_needs():
    play = KLPlay(humps=2, shade="pq")
    play.q, play.p, play.second, play.weight, play.humps, play.shade = [0, 1], [1, 1], [2, 1], 0.5, 1, "qp"
    assert play.home == {"q": [1.5, 0.7], "p": [-3, 0.6], "second": [3, 0.8], "weight": 0.4, "humps": 2, "shade": "pq"}


@pytest.mark.parametrize("given, said", [
    ({"q": (5, 1)}, r"q\[0\]=5: wanted is a number from -4 to 4"),
    ({"q": (0, 0.2)}, r"q\[1\]=0.2: wanted is a number from 0.3 to 4.5"),
    ({"p": (0, 3)}, r"p\[1\]=3: wanted is a number from 0.3 to 2"),
    ({"p": 0}, "p=0: wanted are two numbers"),
    ({"second": (0,)}, "second=.*two numbers"),
    ({"weight": 1}, "weight=1: wanted is a number from 0.05 to 0.95"),
    ({"humps": 3}, "humps=3: p has 1 hump or 2"),
    ({"shade": "both"}, "shade='both': wanted is 'qp'"),
])
def test_what_is_out_of_range_is_named(given, said):
    with pytest.raises(ValueError, match=said):
        KLPlay(**given)


@pytest.mark.parametrize("name, value", [("q", [0, 5]), ("p", [0, math.nan]), ("second", [5, 1]), ("weight", 0.0)])
def test_what_is_set_out_of_range_is_refused(name, value):
    play = KLPlay()
    before = getattr(play, name)
    with pytest.raises(ValueError, match=rf"{name}.*: wanted is a number from"):
        setattr(play, name, value)
    assert getattr(play, name) == before


@pytest.mark.parametrize("shade, said", [("qp", "integrand of KL(q ‖ p)"), ("pq", "integrand of KL(p ‖ q)")])
def test_a_reader_without_a_kernel_sees_a_picture_with_its_text(shade, said):
    play = KLPlay(humps=2, shade=shade)
    data, metadata = play._repr_mimebundle_()
    alt = metadata["image/png"]["alt"]
    assert data["image/png"] and said in alt and f"KL(q ‖ p) = {play.kl()[0]:.3f} nats" in alt
    assert not plt.get_fignums()
