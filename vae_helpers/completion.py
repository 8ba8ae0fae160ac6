"""Missing pixels: a VAE's guess of what is hidden, from the pixels that are known.

``fill_in`` is defined in notebook 09; its first line checks what came, by ``check_known``.
"""

import torch

from vae_helpers.layers import sample


@torch.no_grad()
def fill_in(model, x, known, steps=20):
    """Pictures with their hidden pixels filled in by ``model``, a VAE: shape of ``x``, (N, C, H, W).

    Defined in notebook 09. ``known``: bools that broadcast to ``x``, True where the pixel of ``x`` counts; the others
    may hold anything, and are not looked at. They begin as what the decoder makes of z = 0; in each of ``steps`` rounds
    the whole picture is encoded, one z is drawn, and the hidden pixels take what the decoder says. The known ones never
    change.

    The rounds of Rezende, Mohamed & Wierstra 2014 (arXiv 1401.4082, appendix F), which draw x too; here the hidden
    pixels take the decoder's mean. They lead to completions that are likely under the model, not exactly to draws from
    p(hidden | known), since q(z | x) is not p(z | x): a step of Metropolis mends that (Mattei & Frellsen 2018,
    arXiv 1802.04826). What comes out depends on torch's global generator: call it again for another completion.
    ValueError for a mask of another shape or type, and for ``steps`` below 1.
    """
    check_known(x, known, steps)
    first = model.decoder(x.new_zeros(1, model.latent_dim))
    filled = torch.where(known, x, torch.sigmoid(first))
    for _ in range(steps):
        mu, logvar = model.encoder(filled)
        guess = torch.sigmoid(model.decoder(sample(mu, logvar)))
        filled = torch.where(known, x, guess)
    return filled


def check_known(x, known, steps):
    """ValueError unless ``x`` are pictures, ``known`` is a mask of bools that fits them, and there is a step to go."""
    if not isinstance(x, torch.Tensor) or x.dim() != 4 or not x.is_floating_point():
        what = f"{x.dtype} {tuple(x.shape)}" if isinstance(x, torch.Tensor) else type(x).__name__
        raise ValueError(f"x must be pictures, a float tensor (N, C, H, W) in [0, 1], not {what}")
    if not isinstance(known, torch.Tensor) or known.dtype != torch.bool:
        what = known.dtype if isinstance(known, torch.Tensor) else type(known).__name__
        raise ValueError(f"known must be a tensor of bools, True where a pixel counts, not {what}: mask > 0.5 is one")
    try:
        fits = torch.broadcast_shapes(known.shape, x.shape) == x.shape
    except RuntimeError:
        fits = False
    if not fits:
        raise ValueError(f"known {tuple(known.shape)} does not fit pictures {tuple(x.shape)}: one mask for all is (1, "
                         f"{', '.join(map(str, x.shape[1:]))})")
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
        raise ValueError(f"steps is a whole number from 1 up, not {steps!r}")
