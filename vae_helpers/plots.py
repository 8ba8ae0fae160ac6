"""Figures in one style; each function returns its Axes and gives its figure alt text.

``use_course_style()`` at the head of a notebook sets the style, ``show()`` ends
a cell that draws. A figure of one's own gets its text by ``alt(ax, "what is to
be seen")``.
"""

from __future__ import annotations

import base64
import html
import math
import os
from io import BytesIO
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib import rc_params_from_file
from matplotlib.colors import to_hex, to_rgb

from vae_helpers.data import Split, check_images
from vae_helpers.files import whole_file
from vae_helpers.models import reconstruct

WIDE, SQUARE = (8, 3), (5.5, 5.5)

STYLE = Path(__file__).with_name("course.mplstyle")

# Ten colours; classes are named in the figure too, so that no reading rests on colour alone.
PALETTE = tuple(
    to_hex(f"#{colour.lstrip('#')}")
    for colour in rc_params_from_file(STYLE, use_default_template=False)["axes.prop_cycle"].by_key()["color"]
)


def use_course_style():
    """Set the style of all figures that follow."""
    plt.style.use(STYLE)


def alt(ax, text):
    """Give the figure of ``ax`` its alt text: what a reader who cannot see it should know. Returns ``ax``.

    Called again for another Axes of the same figure, it adds a sentence.
    """
    figure = ax.figure
    earlier = getattr(figure, "alt_text", "")
    if text not in earlier:
        figure.alt_text = f"{earlier} {text}".strip()
    return ax


def alt_of(figure):
    """The alt text of a figure; its titles where none was given."""
    return getattr(figure, "alt_text", "") or "; ".join(t for t in (a.get_title() for a in figure.axes) if t)


# what screen readers read and no eye sees; nbval does not compare it (tests/nbval_sanitize.cfg)
_FOR_SCREEN_READERS = (
    '<span class="figure-alt" style="position:absolute;width:1px;height:1px;overflow:hidden;'
    'clip-path:inset(50%);white-space:nowrap">Figure: {}</span>'
)


def show():
    """Show all open figures and close them; in Jupyter, each with its alt text.

    Use it in place of ``plt.show()``, which knows no alt text. nbconvert and
    VS Code take the text from the output's metadata. JupyterLab draws the
    picture without it, so the text follows once more, for screen readers.
    """
    try:
        from IPython import get_ipython
        from IPython.display import display
    except ImportError:
        get_ipython = None
    if get_ipython is None or get_ipython() is None:
        plt.show()
        plt.close("all")
        return
    for figure in [plt.figure(number) for number in plt.get_fignums()]:
        for shown, how in outputs_of(figure):
            display(shown, **how)
        plt.close(figure)


def outputs_of(figure, optimize=True):
    """What ``display`` is given for a figure: pairs of an object and keywords.

    The picture with its alt text, then that text once more. ``optimize``: to
    make the file a little smaller takes half as long again.
    """
    from IPython.display import HTML

    text = alt_of(figure)
    picture = {"image/png": _png(figure, optimize), "text/plain": repr(figure)}
    yield picture, {"metadata": {"image/png": {"alt": text}}, "raw": True}
    yield HTML(_FOR_SCREEN_READERS.format(html.escape(text))), {}


def _png(figure, optimize):
    """A figure as PNG, in base64, as notebooks keep it. (Pages and slides ask for finer ones: ``VAE_FIGURE_DPI``.)"""
    buffer = BytesIO()
    dpi = float(os.environ.get("VAE_FIGURE_DPI") or figure.dpi)
    figure.savefig(buffer, format="png", dpi=dpi, pil_kwargs={"optimize": optimize})
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def _pixels(images):
    """Images (N, C, H, W), a torch tensor or an array, as an array (N, H, W) or (N, H, W, 3) in [0, 1]."""
    images = torch.as_tensor(images)
    if images.dim() == 3:
        images = images.unsqueeze(1)
    if images.dim() != 4 or images.shape[1] not in (1, 3):
        raise ValueError(f"wanted images (N, 1, H, W) or (N, 3, H, W), got shape {tuple(images.shape)}")
    if len(images) == 0:
        raise ValueError("there are no images to show")
    if images.dtype == torch.uint8:
        images = images / 255
    images = images.detach().float().cpu().clamp(0, 1)
    return images[:, 0].numpy() if images.shape[1] == 1 else images.permute(0, 2, 3, 1).numpy()


def _tile(pixels, columns, gap=2):
    """One picture of many, left to right and top to bottom, with a margin of ``gap`` pixels between them."""
    n, height, width = pixels.shape[:3]
    rows = math.ceil(n / columns)
    # the margin is paper: 0 for ink on paper, 1 for colour pictures
    paper = 0.0 if pixels.ndim == 3 else 1.0
    sheet = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap, *pixels.shape[3:]), paper)
    for i in range(n):
        top, left = i // columns * (height + gap), i % columns * (width + gap)
        sheet[top : top + height, left : left + width] = pixels[i]
    return sheet


def image_grid(images, columns=10, title="", ax=None, what="images"):
    """Images (N, C, H, W) in [0, 1] (or uint8, 0 to 255) in rows of ``columns``. Returns the Axes.

    Digits are shown as ink on paper: 0 is white. ``what`` names the images in
    the alt text.
    """
    pixels = _pixels(images)
    columns = min(columns, len(pixels))
    rows = math.ceil(len(pixels) / columns)
    if ax is None:
        # 1.3 titles of space; a picture 0.8 inch wide at ten a row
        _, ax = plt.subplots(figsize=(0.8 * max(columns, 4), 0.8 * rows + (0.35 if title else 0.05)))
    ax.imshow(_tile(pixels, columns), vmin=0, vmax=1)
    ax.set_title(title)
    ax.axis("off")
    size = f"in {rows} rows of {columns}" if rows > 1 else "in one row"
    return alt(ax, f"{title + ': ' if title else ''}{len(pixels)} {what}, {size}.")


def image_rows(rows, title="", ax=None):
    """Rows of images under one another, each with its label at the left: originals over reconstructions.

    ``rows``: a dict of label → images (N, C, H, W) in [0, 1], of one N. Returns the Axes.
    """
    sheets = {label: _pixels(images) for label, images in rows.items()}
    shapes = {label: pixels.shape for label, pixels in sheets.items()}
    if len(set(shapes.values())) != 1:
        raise ValueError(f"rows of one length, of images of one size, are wanted, got {shapes}")
    n, height, width = next(iter(sheets.values())).shape[:3]
    if ax is None:
        widest = max(len(label) for label in sheets)
        # wide enough for the pictures and their labels, and for the title above them
        figure_width = max(0.72 * n, 0.1 * len(title)) + 0.09 * widest + 0.3
        _, ax = plt.subplots(figsize=(figure_width, 0.74 * len(sheets) + (0.35 if title else 0.05)))
        ax.set_anchor("W")  # what room is left over goes to the labels
    ax.imshow(_tile(np.concatenate(list(sheets.values())), n), vmin=0, vmax=1)
    ax.set_yticks([i * (height + 2) + height / 2 for i in range(len(sheets))], list(sheets))
    ax.set_xticks([])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set_title(title)
    named = "; ".join(f"“{label}”" for label in sheets)
    return alt(ax, f"{title + ': ' if title else ''}{len(sheets)} row{'s' * (len(sheets) != 1)} of {n} images: {named}.")


def save_grids(images, folder, scale=2):
    """A callback for ``fit`` that saves a picture after each epoch: ``images`` over what the model makes of them.

    ``fit(…, callbacks=[save_grids(images, "grids")])`` writes ``grids/epoch_001.png`` and so on,
    each whole or not at all; one that is there already is replaced.
    ``images``: a Split, or float32 (N, C, H, W) in [0, 1], of one channel or three; ten or so, since they stand in
    one row. ``scale``: pixels of the file for one of the image. Digits are ink on paper.
    ValueError for what are no images, and after the first epoch if the model takes others.
    """
    images = (images if isinstance(images, Split) else Split.from_tensor(images)).as_float()
    originals, folder = _pixels(images), Path(folder).expanduser()
    if not (isinstance(scale, int) and scale >= 1):
        raise ValueError(f"scale must be a whole number from 1 up, not {scale!r}")

    def save(model, history):
        # PIL, and no figure of pyplot's: under a live view this runs in the thread that trains
        from PIL import Image

        check_images(images, getattr(model, "shape", None))
        rebuilt = _pixels(reconstruct(model, images.to(next(model.parameters()).device)))
        sheet = _tile(np.concatenate([originals, rebuilt]), len(originals)).repeat(scale, 0).repeat(scale, 1)
        sheet = 1 - sheet if sheet.ndim == 2 else sheet
        with whole_file(folder / f"epoch_{len(history.train):03d}.png") as part:
            Image.fromarray((sheet * 255).round().astype(np.uint8)).save(part, format="png")

    return save


def _ink_on(colour):
    """Black or white, whichever stands out more from a colour (the contrast of WCAG 2)."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "black" if (luminance + 0.05) / 0.05 > 1.05 / (luminance + 0.05) else "white"


def latent_scatter(codes, labels=None, classes=None, dims=(0, 1), title="", ax=None, above=False):
    """Codes (N, d) as points in the plane of two latents, coloured and named by class. Returns the Axes.

    The name of each class stands at the median of its points; with ``above``, over its points, where small heaps
    must not be hidden. ``dims=None``: points (N, 2) of a map that is not made of two latents, by PCA or
    t-SNE. Then the axes have no names and no numbers, and one unit is as long on both.
    """
    codes, latents = torch.as_tensor(codes).detach().cpu(), dims is not None
    dims = dims if latents else (0, 1)
    if codes.dim() != 2 or codes.shape[1] <= max(dims):
        raise ValueError(f"wanted codes (N, d) with d > {max(dims)}, got shape {tuple(codes.shape)}")
    labels = None if labels is None else torch.as_tensor(labels).cpu()
    if labels is not None and labels.shape != codes.shape[:1]:
        raise ValueError(f"{len(codes)} codes want {len(codes)} labels, got shape {tuple(labels.shape)}")
    if ax is None:
        _, ax = plt.subplots(figsize=SQUARE)
    x, y = codes[:, dims[0]].numpy(), codes[:, dims[1]].numpy()
    if labels is None:
        ax.scatter(x, y, s=6, alpha=0.5, linewidths=0)
    else:
        for label in labels.unique().tolist():
            mine = (labels == label).numpy()
            name, colour = str(classes[label] if classes else label), PALETTE[label % len(PALETTE)]
            ax.scatter(x[mine], y[mine], s=6, alpha=0.5, color=colour, linewidths=0)
            middle = codes[mine][:, list(dims)].median(0).values.tolist()
            if above:
                top = (middle[0], y[mine].max())
                ax.annotate(name, top, xytext=(0, 3), textcoords="offset points", ha="center", weight="bold", color=colour)
                continue
            box = {"boxstyle": "round,pad=0.15", "facecolor": colour, "edgecolor": "white"}
            ax.text(*middle, name, color=_ink_on(colour), size=10, weight="bold", ha="center", va="center", bbox=box)
    ax.set_title(title)
    by_class = "" if labels is None else ", coloured and named by class"
    if not latents:
        ax.set(xticks=[], yticks=[])
        ax.margins(0.2)  # room for the names
        ax.set_aspect("equal", adjustable="datalim")
        return alt(ax, f"{title + ': ' if title else ''}{len(codes)} points{by_class}.")
    ax.set_xlabel(f"$z_{{{dims[0]}}}$")
    ax.set_ylabel(f"$z_{{{dims[1]}}}$", rotation=0, labelpad=10)
    return alt(ax, f"{title + ': ' if title else ''}{len(codes)} codes in the plane of latents {dims[0]} and "
                   f"{dims[1]}{by_class}.")


def ellipse(mu, cov, ax, radius=1.0, **style):
    """The outline of a Gaussian in the plane, ``radius`` standard deviations from its mean. Returns the Axes.

    ``mu`` (2,); ``cov`` the covariance matrix (2, 2), or the two variances (2,).
    """
    mu, cov = (torch.as_tensor(v).detach().cpu().double() for v in (mu, cov))
    if mu.shape != (2,) or cov.shape not in ((2,), (2, 2)):
        raise ValueError(f"wanted mu (2,) and cov (2, 2) or (2,), got {tuple(mu.shape)} and {tuple(cov.shape)}")
    angle = torch.linspace(0, 2 * math.pi, 120, dtype=torch.float64)
    scale = torch.linalg.cholesky(cov if cov.dim() == 2 else cov.diag())
    x, y = mu[:, None] + radius * scale @ torch.stack([angle.cos(), angle.sin()])
    ax.plot(x, y, **style)
    return ax


def kl_bars(kl, title="KL per latent", ax=None):
    """The KL of each latent, (d,) in nats, as bars from the largest to the smallest. Returns the Axes.

    Dead latents, near 0, stand at the right. Each bar carries the latent's number.
    """
    kl = torch.as_tensor(kl).detach().cpu().double()
    if kl.dim() != 1 or len(kl) == 0:
        raise ValueError(f"wanted one KL for each latent, shape (d,), got {tuple(kl.shape)}")
    order = kl.argsort(descending=True, stable=True)
    if ax is None:
        _, ax = plt.subplots(figsize=WIDE)
    ax.bar(range(len(kl)), kl[order].numpy())
    ax.set_xticks(range(len(kl)), order.tolist())
    ax.set(xlabel="latent", ylabel="KL (nats)", title=title)
    return alt(ax, f"{title}: bars for {len(kl)} latents, sorted, from {kl.max():.2f} down to {kl.min():.2f} nats.")


def loss_curve(history, title="", unit=None, ax=None):
    """The loss of each step, and of each epoch on train and test images, named at their ends. Returns the Axes.

    ``unit``: of the loss; by default nats per image for ``reconstruction_loss`` and
    ``negative_elbo``, for other losses their name.
    """
    if not history.steps:
        raise ValueError("this history holds no step: train first")
    if unit is None:
        nats = history.loss_name in ("reconstruction_loss", "negative_elbo")
        unit = "nats per image" if nats else history.loss_name.replace("_", " ")
    if ax is None:
        _, ax = plt.subplots(figsize=WIDE)
    per_epoch = history.steps_per_epoch or len(history.steps) / max(len(history.train), 1)
    ax.plot([(i + 1) / per_epoch for i in range(len(history.steps))], history.steps,
            color="#B0B0B0", linewidth=0.7)
    # a train loss is the mean during an epoch, a test loss is measured at its end
    curves = [("train", history.train, 0.5, PALETTE[0]), ("test", history.test, 1.0, PALETTE[1])]
    curves = sorted((c for c in curves if c[1]), key=lambda c: c[1][-1])
    for (name, values, start, colour), side in zip(curves, ("top", "bottom") if len(curves) == 2 else ("center",)):
        x = [start + i for i in range(len(values))]
        ax.plot(x, values, "o-", color=colour, markersize=4)
        ax.annotate(f"{name} {values[-1]:.1f}", (len(values), values[-1]), (8, 0), textcoords="offset points",
                    color=colour, weight="bold", va=side)
    ax.set_xlabel("epoch")
    ax.set_ylabel(f"loss ({unit})")
    ax.set_title(title)
    # the first steps tower over all that follows
    calm = sorted(history.steps)[: max(1, int(0.98 * len(history.steps)))] + history.train + history.test
    ax.set_ylim(min(calm) - 0.05 * (max(calm) - min(calm)) - 1e-9, max(calm) + 1e-9)
    fall = f"; the mean over an epoch went from {history.train[0]:.3g} to {history.train[-1]:.3g}" if history.train else ""
    return alt(ax, f"{title + ': ' if title else ''}loss against epoch in {unit}{fall}.")
