"""Diffusion of codes: noise added to a code in known steps, and a small network that takes it away again.

With the share ᾱ_t of a code's variance that is left after t steps, z_t = √ᾱ_t z_0 + √(1 − ᾱ_t) ε, ε ~ N(0, I)
(Ho, Jain & Abbeel 2020, arXiv 2006.11239, eq. 4). Pictures are made by decoding what comes back, as in latent diffusion
(Rombach et al. 2021, arXiv 2112.10752). Steps are counted from 0: t = 0 is the least noise, the last one nearly all.
"""

import math

import torch
from torch import nn


class Denoiser(nn.Module):
    """Guesses the noise ε in noisy codes: ``z`` (N, latent_dim) at steps ``t`` (N,) to (N, latent_dim).

    Defined in notebook 10. ``alpha_bar`` (steps,) falls as a squared cosine, from nearly 1 to 0.001 (after Nichol &
    Dhariwal 2021, arXiv 2102.09672). The net itself gives v = √ᾱ ε − √(1 − ᾱ) z_0 (Salimans & Ho 2022, arXiv
    2202.00512), and ε = √(1 − ᾱ) z_t + √ᾱ v. For codes that are N(0, I) already the best v is 0: what is left to
    learn is how a VAE's codes differ from its prior.
    """

    def __init__(self, latent_dim, steps=50, hidden=192):
        super().__init__()
        angle = 0.49 * math.pi * torch.arange(1, steps + 1) / steps
        self.register_buffer("alpha_bar", angle.cos() ** 2)
        turns = angle[:, None] * torch.tensor([2.0, 4.0, 6.0])
        self.register_buffer("clock", torch.cat([turns.sin(), turns.cos()], 1))
        sizes = [latent_dim + 6, hidden, hidden, hidden]
        layers = [nn.Sequential(nn.Linear(*p), nn.ReLU()) for p in zip(sizes, sizes[1:])]
        self.net = nn.Sequential(*layers, nn.Linear(hidden, latent_dim))

    def forward(self, z, t):
        a = self.alpha_bar[t][:, None]
        return (1 - a).sqrt() * z + a.sqrt() * self.net(torch.cat([z, self.clock[t]], 1))


def add_noise(z0, t, alpha_bar, eps):
    """Codes after noise: √ᾱ_t z0 + √(1 − ᾱ_t) eps, shape (N, d) (Ho, Jain & Abbeel 2020, eq. 4).

    Written in an exercise of notebook 10. ``z0`` and ``eps`` (N, d); ``t`` (N,), whole numbers, the step of each code;
    ``alpha_bar`` (steps,) between 0 and 1. ValueError for other shapes.
    """
    if z0.dim() != 2 or eps.shape != z0.shape or t.shape != z0.shape[:1]:
        raise ValueError(
            f"codes (N, d), noise of the same shape and one step for each are wanted: z0 is {tuple(z0.shape)}, "
            f"eps {tuple(eps.shape)}, t {tuple(t.shape)}"
        )
    a = alpha_bar[t][:, None]
    return a.sqrt() * z0 + (1 - a).sqrt() * eps


@torch.no_grad()
def denoise(denoiser, z):
    """Codes (N, latent_dim) of pure noise ``z`` ~ N(0, I), (N, latent_dim), without gradient: all steps back.

    Defined in notebook 10. DDIM's way, which throws no dice (Song, Meng & Ermon 2020, arXiv 2010.02502, eq. 12 at
    σ = 0): guess the noise, hence z_0, and go to where z_0 with the same noise would stand one step earlier.
    """
    alpha_bar = torch.cat([denoiser.alpha_bar.new_ones(1), denoiser.alpha_bar])
    for t in reversed(range(len(denoiser.alpha_bar))):
        eps = denoiser(z, torch.full((len(z),), t))
        before, a = alpha_bar[t], alpha_bar[t + 1]
        z0 = (z - (1 - a).sqrt() * eps) / a.sqrt()
        z = before.sqrt() * z0 + (1 - before).sqrt() * eps
    return z
