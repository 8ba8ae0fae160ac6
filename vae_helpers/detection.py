"""How well a score tells the abnormal from the normal: the area under the ROC curve, its error, and figures of both.

A score is a number for each picture, higher for what is stranger.
"""

import math

import matplotlib.pyplot as plt
import torch

from vae_helpers.plots import PALETTE, alt


def auc(normal, abnormal):
    """The area under the ROC curve of the scores ``normal`` (n,) and ``abnormal`` (m,): a float, ½ for chance.

    Written in an exercise of notebook 09, by pairs; here by scikit-learn. It is the probability that an abnormal
    picture has a higher score than a normal one, where equal scores count ½.
    """
    from sklearn.metrics import roc_auc_score

    normal, abnormal = torch.as_tensor(normal), torch.as_tensor(abnormal)
    if normal.dim() != 1 or abnormal.dim() != 1 or 0 in (len(normal), len(abnormal)):
        raise ValueError(f"wanted are scores (n,) and (m,), one of each at least, not {tuple(normal.shape)} and "
                         f"{tuple(abnormal.shape)}")
    return float(roc_auc_score([0] * len(normal) + [1] * len(abnormal), torch.cat([normal, abnormal]).numpy()))


def auc_error(area, n, m):
    """The standard error of an AUC of ``n`` normal and ``m`` abnormal pictures: a float (Hanley & McNeil 1982, eq. 1).

    Under other pictures of the same kind; their shorthand for how pairs hang together, Q₁ = A / (2 − A) and
    Q₂ = 2A² / (1 + A), holds for scores with exponential distributions and nearly so for others.
    """
    if not 0 <= area <= 1 or n < 1 or m < 1:
        raise ValueError(f"an AUC is from 0 to 1, and of one picture of each kind at least: not {area}, {n} and {m}")
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    variance = area * (1 - area) + (m - 1) * (q1 - area**2) + (n - 1) * (q2 - area**2)
    return math.sqrt(max(variance, 0.0) / (n * m))


def bootstrap(normal, abnormal, draws=1_000, seed=0):
    """``draws`` AUCs of as many pictures of each kind, drawn with replacement: (draws,), sorted."""
    normal, abnormal = torch.as_tensor(normal), torch.as_tensor(abnormal)
    n, m = len(normal), len(abnormal)
    won = (abnormal > normal[:, None]).double() + 0.5 * (abnormal == normal[:, None])
    generator = torch.Generator().manual_seed(seed)
    rows, columns = (torch.randint(k, (draws, k), generator=generator) for k in (n, m))
    return torch.stack([won[i][:, j].mean() for i, j in zip(rows, columns)]).sort().values


def histograms(pairs, names=("normal", "abnormal"), unit="nats"):
    """Side by side, the scores of both kinds over one another, with their AUC. Returns the array of Axes.

    ``pairs``: a dict of title → (normal (n,), abnormal (m,)). What lies beyond the 0.2 % and the 99 % quantile of both
    stands in the outermost bars.
    """
    _, axes = plt.subplots(1, len(pairs), figsize=(4 * len(pairs), 2.8), squeeze=False)
    for ax, (title, (normal, abnormal)) in zip(axes[0], pairs.items()):
        ends = torch.cat([normal, abnormal]).quantile(torch.tensor([0.002, 0.99])).tolist()
        for values, name, colour in ((normal, names[0], "#0072B2"), (abnormal, names[1], "#D55E00")):
            ax.hist(values.clamp(*ends).numpy(), 40, range=ends, color=colour, alpha=0.55, label=name)
        found = auc(normal, abnormal)
        ax.set(title=f"{title}\nAUC {found:.2f}", yticks=[], xlabel=unit)
        ax.margins(y=0.25)  # room for the legend
        alt(ax, f"{title}: histograms of {names[0]} and {names[1]}, AUC {found:.2f}.")
    axes[0, -1].legend()
    return axes[0]


def auc_table(areas, columns, title, ax):
    """AUCs as a table on a blue ground, the higher the darker. Returns the Axes.

    ``areas``: a dict of row name → as many AUCs as there are ``columns``, their names.
    """
    values = [list(row) for row in areas.values()]
    ax.imshow(values, cmap="Blues", vmin=0.4, vmax=1.2, aspect="auto")
    for i, row in enumerate(values):
        for j, value in enumerate(row):
            ax.text(j, i, f"{value:.2f}", ha="center", va="center", size=9, color="white" if value > 0.95 else "black")
    ax.set_xticks(range(len(columns)), columns)
    ax.set_yticks(range(len(areas)), list(areas))
    ax.tick_params(length=0)
    ax.set_title(title)
    told = "; ".join(f"{name} {', '.join(f'{value:.2f}' for value in row)}" for name, row in areas.items())
    return alt(ax, f"{title}, for {', '.join(map(str, columns))}: {told}.")


def roc_curves(pairs, ax=None):
    """The share of faults found against the share of false alarms, a line for each pair. Returns the Axes.

    ``pairs``: a dict of name → (normal (n,), abnormal (m,)).
    """
    from sklearn.metrics import roc_curve

    if ax is None:
        _, ax = plt.subplots(figsize=(6.5, 3.4))
    ax.plot([0, 1], [0, 1], color="black", linewidth=1, linestyle="--")
    for (name, (normal, abnormal)), colour in zip(pairs.items(), PALETTE):
        scores = torch.cat([torch.as_tensor(normal), torch.as_tensor(abnormal)]).numpy()
        alarms, found, _ = roc_curve([0] * len(normal) + [1] * len(abnormal), scores)
        label = f"{name}: AUC {auc(normal, abnormal):.2f}"
        ax.plot(alarms, found, color=colour, label=label)
        alt(ax, f"ROC curve of {label}.")
    ax.set(xlabel="share of false alarms", ylabel="share of faults found")
    ax.legend(loc="lower right")
    return ax


def score_rows(scores, label):
    """Each group's scores as points in a row of its own, on a log scale. Returns the Axes.

    ``scores``: a dict of name → scores (n,) above 0. ``label``: of the axis.
    """
    _, ax = plt.subplots(figsize=(8, 0.6 + 0.6 * len(scores)))
    for row, (values, colour) in enumerate(zip(scores.values(), PALETTE)):
        ax.plot(values, [row] * len(values), "o", color=colour, alpha=0.6)
    ax.set(xscale="log", ylim=(len(scores) - 0.5, -0.5), xlabel=label)
    ax.set_yticks(range(len(scores)), list(scores))
    told = "; ".join(f"{name} from {min(values):.3g} to {max(values):.3g}" for name, values in scores.items())
    return alt(ax, f"Points in rows, {label}: {told}.")


def auc_intervals(pairs):
    """AUCs with ± 1.96 standard errors (thin) and the middle 95 % of the bootstrap (thick). Returns the Axes.

    ``pairs``: a dict of name → (normal (n,), abnormal (m,)).
    """
    _, ax = plt.subplots(figsize=(8, 0.8 + 0.6 * len(pairs)))
    for row, ((name, (normal, abnormal)), colour) in enumerate(zip(pairs.items(), PALETTE)):
        low, high = bootstrap(normal, abnormal).quantile(torch.tensor([0.025, 0.975]).double()).tolist()
        centre = auc(normal, abnormal)
        error = auc_error(centre, len(normal), len(abnormal))
        ax.plot([low, high], [row, row], color=colour, linewidth=6, alpha=0.4)
        reach = [[1.96 * error], [min(1.96 * error, 1 - centre)]]  # the formula does not know that 1 is the end
        ax.errorbar(centre, row, xerr=reach, fmt="o", color=colour, capsize=4)
        ax.text(1.08, row, f"{name}: {centre:.2f}, standard error {error:.2f}", va="center", color=colour)
        alt(ax, f"{name}: AUC {centre:.2f}, standard error {error:.2f}, bootstrap from {low:.2f} to {high:.2f}.")
    ax.axvline(0.5, color="black", linewidth=1, linestyle="--")
    ax.set(xlim=(0.3, 1.75), ylim=(len(pairs) - 0.4, -0.6), yticks=(), xticks=(0.4, 0.6, 0.8, 1), xlabel="AUC")
    return ax
