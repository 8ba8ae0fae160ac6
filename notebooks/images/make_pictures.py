"""The pictures of README and of notebooks 00, 06, 08, 09 and 10, drawn by the course's nets.

``python notebooks/images/make_pictures.py`` draws them all. With ``06``, ``08``, ``09`` or ``10`` after it,
that of this notebook alone; the others train a net first.
"""

import sys
from io import BytesIO
from pathlib import Path

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt
import torch
from PIL import Image

from vae_helpers import plots
from vae_helpers.completion import fill_in
from vae_helpers.data import load
from vae_helpers.defects import damage
from vae_helpers.files import whole_file
from vae_helpers.latent import attribute_vector, mean_code
from vae_helpers.models import build, decode, encode, pretrained, reconstruct
from vae_helpers.training import fit

HERE = Path(__file__).parent
FRAMES = 72


def round_trip(middles):
    """A closed path (FRAMES, 2) through the middles of the classes, slower near each of them."""
    stops = torch.cat([middles, middles[:1]])
    t = torch.linspace(0, len(middles), FRAMES + 1)[:-1]
    leg, part = t.long(), t - t.floor()
    ease = (part * part * (3 - 2 * part)).unsqueeze(1)
    return stops[leg] * (1 - ease) + stops[leg + 1] * ease


def frame(codes, test, classes, z, picture):
    """The plane with the walker on it, and what the decoder makes of the place."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3.6), dpi=80)
    plots.latent_scatter(codes, test.labels, classes, ax=left)
    low, high = codes.quantile(0.01, dim=0), codes.quantile(0.99, dim=0)
    left.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), title="two numbers …")
    left.plot(*z, "o", color="black", markersize=15, markerfacecolor="none", markeredgewidth=3, zorder=9)
    right.imshow(picture[0], vmin=0, vmax=1)
    right.set(title="… are a picture")
    right.axis("off")
    buffer = BytesIO()
    fig.savefig(buffer, format="png", dpi=80)
    plt.close(fig)
    return Image.open(buffer).convert("P", palette=Image.Palette.ADAPTIVE, colors=64)


def attributes(data, digit=4):
    """The mean code of a digit, moved along two attribute vectors: slant to the right, thickness downwards."""
    vae, split = pretrained("pen_vae20"), data.train
    codes = encode(vae, split.as_float())
    slant, thickness = (
        attribute_vector(codes, split.factors[:, split.factor_names.index(name)]) for name in ("slant", "thickness")
    )
    slants, widths = torch.linspace(-2.5, 2.5, 9), torch.linspace(-1.5, 1.5, 3)
    z = mean_code(codes, split.labels, digit) + torch.stack([s * slant + w * thickness for w in widths for s in slants])
    ax = plots.image_grid(decode(vae, z), len(slants))
    ax.annotate("", (1, -0.06), (0, -0.06), xycoords="axes fraction", arrowprops={"arrowstyle": "->"})
    ax.text(0.5, -0.1, "slant", transform=ax.transAxes, ha="center", va="top", size=12)
    ax.annotate("", (-0.025, 0), (-0.025, 1), xycoords="axes fraction", arrowprops={"arrowstyle": "->"})
    ax.text(-0.04, 0.5, "thickness", transform=ax.transAxes, ha="right", va="center", rotation=90, size=12)
    with whole_file(HERE / "06_latent_arithmetic.png") as part:
        ax.figure.savefig(part, format="png", bbox_inches="tight")


def smiles():
    """Two unseen angry faces, walked along the smile vector."""
    vae, data = pretrained("faces_vae30"), load("faces")
    codes = torch.cat([encode(vae, part) for part in data.train.batches(250)])
    smile = attribute_vector(codes, data.train.labels == 1)
    angry = data.test.as_float(torch.where(data.test.labels == 0)[0][[1, 3]])
    walk = torch.linspace(0, 2.4, 7)[:, None] * smile
    ax = plots.image_grid(torch.cat([decode(vae, z + walk) for z in encode(vae, angry)]), len(walk))
    with whole_file(HERE / "08_smile.png") as part:
        ax.figure.savefig(part, format="png", bbox_inches="tight")


def limits(data):
    """Ten unseen digits, and what is left of them the less the code says: 20 latents, 2 latents, none."""
    x = data.test.as_float(slice(10))
    rows = {"drawn": x, "20 latents": reconstruct(pretrained("pen_vae20"), x)}
    rows |= {"2 latents": reconstruct(pretrained("pen_vae2"), x)}
    rows |= {"no latent": data.train.as_float().mean(0).expand_as(x)}
    ax = plots.image_rows(rows)
    with whole_file(HERE / "10_limits.png") as part:
        ax.figure.savefig(part, format="png", bbox_inches="tight")


def uses(data):
    """Digits with a fault, and where the model errs; digits without their lower half, and halves that it made up."""
    vae, x, known = pretrained("pen_vae20"), data.test.as_float(slice(60)), (torch.arange(28) < 14).view(1, 1, 28, 1)
    faults = ("scratch", "blot", "cut", "gap", "scratch", "salt", "cut", "blot", "gap", "scratch")
    odd = torch.cat([damage(picture[None], kind, 0.8, seed=i) for i, (picture, kind) in enumerate(zip(x, faults))])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        filled = fill_in(vae, x[10:20], known)
    ax = plots.image_rows({
        "a fault": odd, "the error": (odd - reconstruct(vae, odd)).square(),
        "half hidden": torch.where(known, x[10:20], 0.25), "filled in": filled})
    with whole_file(HERE / "09_uses.png") as part:
        ax.figure.savefig(part, format="png", bbox_inches="tight")


def main():
    plots.use_course_style()
    data = load("pen")
    if not sys.argv[1:] or "06" in sys.argv:
        attributes(data)
    if not sys.argv[1:] or "08" in sys.argv:
        smiles()
    if not sys.argv[1:] or "09" in sys.argv:
        uses(data)
    if not sys.argv[1:] or "10" in sys.argv:
        limits(data)
    if sys.argv[1:]:
        return
    torch.manual_seed(0)
    model = build("mlp2")
    fit(model, data.train, epochs=40, progress=False)
    x_test = data.test.as_float()

    ax = plots.image_rows({"drawn": x_test[:10], "rebuilt": reconstruct(model, x_test[:10])})
    with whole_file(HERE / "00_where_this_goes.png") as part:
        ax.figure.savefig(part, format="png")

    codes = encode(model, x_test)
    middles = torch.stack([codes[data.test.labels == digit].median(0).values for digit in range(10)])
    path = round_trip(middles)
    pictures = decode(model, path)
    frames = [frame(codes, data.test, data.classes, z, picture) for z, picture in zip(path, pictures)]
    with whole_file(HERE / "walk.gif") as part:
        frames[0].save(part, format="GIF", save_all=True, append_images=frames[1:], duration=110, loop=0, optimize=True)


if __name__ == "__main__":
    main()
