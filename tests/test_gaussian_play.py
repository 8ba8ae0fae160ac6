"""GaussianPlay without a browser: its points, what may be set, what is refused. The moments are torch's."""

import matplotlib.pyplot as plt
import pytest
import torch

from vae_helpers.widgets import GaussianPlay


def test_the_repr_is_one_line_without_an_address():
    play = GaussianPlay((1, -0.5), (1.5, 0.5), 0.7, n=50)
    assert repr(play) == "GaussianPlay: μ = (1, −0.5), σ = (1.5, 0.5), ρ = 0.7, 50 points"


def test_the_eps_are_seeded_and_stay_when_the_parameters_move():
    play, again, other = GaussianPlay(), GaussianPlay(rho=0.5), GaussianPlay(seed=1)
    assert play.eps.shape == (200, 2)
    assert torch.equal(play.eps, again.eps) and not torch.equal(play.eps, other.eps)
    before = play.eps
    play.mu, play.sigma, play.rho = [1.0, 2.0], [0.3, 2.0], -0.8
    assert torch.equal(play.eps, before)


def test_at_the_start_z_is_eps():
    play = GaussianPlay()
    assert torch.equal(play.z(), play.eps)


@pytest.mark.parametrize("mu, sigma, rho", [
    ((1.0, -2.0), (0.5, 2.0), 0.0), ((0.0, 3.0), (1.2, 0.7), 0.9), ((-1, 0), (1, 2), -0.6)])
def test_the_points_are_mu_and_stretched_eps(mu, sigma, rho):
    play = GaussianPlay(mu, sigma, rho)
    first = mu[0] + sigma[0] * play.eps[:, 0]
    second = mu[1] + sigma[1] * (rho * play.eps[:, 0] + (1 - rho**2) ** 0.5 * play.eps[:, 1])
    torch.testing.assert_close(play.z(), torch.stack([first, second], 1))


def test_many_points_have_the_moments_that_were_set():
    play = GaussianPlay((1, -1), (1.5, 0.5), -0.7, n=2_000)
    z = play.z()
    assert z.mean(0).tolist() == pytest.approx([1, -1], abs=0.1)
    assert z.T.cov().flatten().tolist() == pytest.approx([2.25, -0.525, -0.525, 0.25], abs=0.15)


def test_own_eps_are_used():
    play = GaussianPlay((1, 0), (2, 1), n=10)
    play.eps = torch.arange(20).view(10, 2)
    assert play.z()[3].tolist() == [13, 7]


@pytest.mark.parametrize("eps", [torch.zeros(200), torch.zeros(199, 2), torch.full((200, 2), torch.nan)])
def test_wrong_eps_are_refused(eps):
    play = GaussianPlay()
    before = play.eps
    with pytest.raises(ValueError, match="shape|finite"):
        play.eps = eps
    assert torch.equal(play.eps, before)


def test_what_a_browser_sends_is_taken():
    play = GaussianPlay(n=10)
    eps = torch.randn(10, 2)
    play.set_state({"noise": memoryview(eps.numpy().tobytes()), "mu": [1, 0.5], "fresh": True})
    assert torch.equal(play.eps, eps) and play.mu == [1.0, 0.5] and play.fresh


def test_reset_has_what_it_needs():
    play = GaussianPlay((1, 0), (0.5, 0.6), 0.2, fresh=True)
    home, eps = dict(play.home), play.first_noise
    play.mu, play.sigma, play.rho, play.fresh, play.eps = [0, 0], [1, 1], 0.0, False, torch.zeros(200, 2)
    assert play.home == home == {"mu": [1, 0], "sigma": [0.5, 0.6], "rho": 0.2, "fresh": True}
    assert play.first_noise == eps != play.noise


@pytest.mark.parametrize("given, said", [
    ({"mu": (0, 3.1)}, r"mu\[1\]=3.1: wanted is a number from -3 to 3"),
    ({"mu": 1.0}, "mu=1.0: wanted are two numbers"),
    ({"sigma": (0, 1)}, r"sigma\[0\]=0: wanted is a number from 0.1 to 2"),
    ({"sigma": (1, 1, 1)}, "two numbers"),
    ({"rho": 1}, "rho=1: wanted is a number from -0.95 to 0.95"),
    ({"rho": float("nan")}, "rho=nan"),
    ({"n": 5}, "n=5: wanted is a whole number from 10 to 2,000"),
    ({"n": 20.0}, "n=20.0"),
])
def test_what_is_out_of_range_is_named(given, said):
    with pytest.raises(ValueError, match=said):
        GaussianPlay(**given)


@pytest.mark.parametrize("name, value", [("mu", [4.0, 0.0]), ("sigma", [1.0, -1.0]), ("rho", 0.96)])
def test_what_is_set_out_of_range_is_refused(name, value):
    play = GaussianPlay()
    before = getattr(play, name)
    with pytest.raises(ValueError, match="wanted is a number from"):
        setattr(play, name, value)
    assert getattr(play, name) == before


def test_a_reader_without_a_kernel_sees_a_picture_with_its_text():
    data, metadata = GaussianPlay((1, -1), rho=0.5)._repr_mimebundle_()
    alt = metadata["image/png"]["alt"]
    assert data["image/png"] and "μ = (1, −1)" in alt and "ρ = 0.5" in alt
    assert not plt.get_fignums()
