"""Noise added to codes in known steps, and taken away again: against sums of single steps, and exact denoisers."""

import pytest
import torch

from vae_helpers.diffusion import Denoiser, add_noise, denoise


@pytest.fixture
def denoiser(seeded):
    return Denoiser(3, steps=40)


def exact(alpha_bar, mean, variance):
    """E[ε | z_t] for codes N(mean, variance), in closed form."""

    def guess(z, t):
        a = alpha_bar[t][:, None]
        return (1 - a).sqrt() * (z - a.sqrt() * mean) / (a * variance + 1 - a)

    guess.alpha_bar = alpha_bar
    return guess


def test_the_share_left_falls_from_nearly_all_to_nearly_nothing(denoiser):
    alpha_bar = denoiser.alpha_bar
    assert alpha_bar.shape == (40,) and (alpha_bar.diff() < 0).all()
    assert alpha_bar[0] > 0.99 and 0 < alpha_bar[-1] < 0.002


def test_all_the_noise_at_once_has_the_moments_of_step_after_step(seeded, denoiser):
    alpha_bar, n = denoiser.alpha_bar.double(), 200_000
    start = torch.tensor([2.0, -1.0, 0.5], dtype=torch.float64)
    t = 9
    z = start.expand(n, 3)
    for a in alpha_bar[: t + 1] / torch.cat([torch.ones(1).double(), alpha_bar[:t]]):
        z = a.sqrt() * z + (1 - a).sqrt() * torch.randn(n, 3).double()
    at_once = add_noise(start.expand(n, 3), torch.full((n,), t), alpha_bar, torch.randn(n, 3).double())
    error = (1 - alpha_bar[t]).sqrt() / n**0.5  # of a mean over n draws
    assert (z.mean(0) - at_once.mean(0)).abs().max() < 5 * 2**0.5 * error
    torch.testing.assert_close(z.var(0), at_once.var(0), rtol=0.02, atol=0)


def test_each_code_has_its_own_step(denoiser):
    z0, eps, t = torch.randn(4, 3), torch.randn(4, 3), torch.tensor([0, 3, 39, 3])
    together = add_noise(z0, t, denoiser.alpha_bar, eps)
    for i in range(4):
        alone = add_noise(z0[i : i + 1], t[i : i + 1], denoiser.alpha_bar, eps[i : i + 1])
        torch.testing.assert_close(together[i : i + 1], alone)
    a = denoiser.alpha_bar[39]
    torch.testing.assert_close(together[2], a**0.5 * z0[2] + (1 - a) ** 0.5 * eps[2])


@pytest.mark.parametrize("shapes", [((4, 3), (3,), (4, 3)), ((4, 3), (4,), (4, 2)), ((4,), (4,), (4,))])
def test_other_shapes_are_refused_with_what_is_wanted(denoiser, shapes):
    z0, t, eps = (torch.zeros(shape) for shape in shapes)
    with pytest.raises(ValueError, match=r"codes \(N, d\), noise of the same shape and one step for each"):
        add_noise(z0, t.long(), denoiser.alpha_bar, eps)


def test_a_net_that_says_nothing_leaves_the_prior_as_it_is(seeded, denoiser):
    for parameter in denoiser.net.parameters():
        torch.nn.init.zeros_(parameter)
    z = torch.randn(500, 3)
    # v = 0 is exact for codes N(0, I): the way back turns each z by no more than rounding
    torch.testing.assert_close(denoise(denoiser, z), denoise(exact(denoiser.alpha_bar, 0, 1), z))
    torch.testing.assert_close(denoise(denoiser, z).std(), z.std(), rtol=0.05, atol=0)


def test_with_the_exact_guess_the_way_back_ends_at_the_codes_own_distribution(seeded):
    alpha_bar = Denoiser(2, steps=400).alpha_bar
    mean, variance = torch.tensor([1.5, -0.5]), torch.tensor([0.25, 0.04])
    z = denoise(exact(alpha_bar, mean, variance), torch.randn(20_000, 2))
    torch.testing.assert_close(z.mean(0), mean, rtol=0, atol=0.06)  # ᾱ of the last step is not quite 0
    torch.testing.assert_close(z.std(0), variance.sqrt(), rtol=0.05, atol=0)


def test_the_way_back_throws_no_dice_and_has_no_gradient(seeded, denoiser):
    z = torch.randn(5, 3)
    state = torch.get_rng_state()
    first, second = denoise(denoiser, z), denoise(denoiser, z)
    assert torch.equal(first, second) and not first.requires_grad
    assert torch.equal(state, torch.get_rng_state())
