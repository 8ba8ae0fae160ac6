"""Answers to the exercises of notebook 08: right ones, wrong ones with what the message must say, stubs."""

NEAREST = "torch.cdist(recovered.flatten(1), originals.flatten(1)).argmin(1)"
AGREE = """
def f(codes, labels, k):
    distance = torch.cdist(codes, codes)
    distance.fill_diagonal_(math.inf)
    nearest = distance.topk(k, largest=False).indices
    return (labels[nearest] == labels[:, None]).float().mean()
"""
WILSON = """
def f(hits, n):
    p, z = hits / n, 1.96
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return centre - half, centre + half
"""
FREED = """
def f(direction, others):
    weights = torch.linalg.lstsq(others.T, direction[:, None]).solution
    return direction - (others.T @ weights)[:, 0]
"""
RIGHT = {
    "conv_side": [
        "def f(side, kernel, stride, padding): return (side + 2 * padding - kernel) // stride + 1",
        "def f(side, kernel, stride, padding): return int((side + 2 * padding - kernel) / stride) + 1",
        "def f(side, kernel, stride, padding): return math.floor((side + 2 * padding - kernel) / stride + 1)",
        "def f(side, kernel, stride, padding): return (side + 2 * padding - (kernel - 1) - 1) // stride + 1",
        "def f(side, kernel, stride, padding): return (side + 2 * padding - kernel + stride) // stride",
        "def f(side, kernel, stride, padding): return len(range(0, side + 2 * padding - kernel + 1, stride))",
        "def f(side, kernel, stride, padding): return np.floor_divide(side + 2 * padding - kernel, stride) + 1",
        """
        def f(side, kernel, stride, padding):
            return nn.Conv2d(1, 1, kernel, stride, padding)(torch.zeros(1, 1, side, side)).shape[-1]
        """,
    ],
    "recognised": [
        f"""
        def f(originals, recovered):
            nearest = {NEAREST}
            return (nearest == torch.arange(len(originals))).float().mean()
        """,
        """
        def f(originals, recovered):
            square = ((recovered[:, None] - originals[None]) ** 2).mean((2, 3, 4))
            return (square.argmin(dim=1) == torch.arange(len(square))).double().mean().item()
        """,
        """
        def f(originals, recovered):
            square = ((originals[:, None] - recovered) ** 2).flatten(2).sum(2)
            return (square.argmin(0) == torch.arange(len(square))).sum() / len(square)
        """,
        """
        def f(originals, recovered):
            hits = 0
            for i, x in enumerate(recovered):
                errors = [((x - original) ** 2).sum() for original in originals]
                hits += errors.index(min(errors)) == i
            return hits / len(recovered)
        """,
        """
        def f(originals, recovered):
            own = ((recovered - originals) ** 2).sum((1, 2, 3))
            every = ((recovered[:, None] - originals) ** 2).sum((2, 3, 4))
            return (own <= every.amin(1)).float().mean()
        """,
        # |r − o|² = |r|² − 2 r·o + |o|², of which |r|² is the same for all o
        """
        def f(originals, recovered):
            o, r = originals.flatten(1), recovered.flatten(1)
            return ((o**2).sum(1) - 2 * r @ o.T).argmin(1).eq(torch.arange(len(o))).float().mean()
        """,
        """
        from scipy.spatial.distance import cdist

        def f(originals, recovered):
            n = len(originals)
            return np.mean(cdist(recovered.reshape(n, -1), originals.reshape(n, -1)).argmin(1) == np.arange(n))
        """,
        """
        from sklearn.neighbors import KNeighborsClassifier

        def f(originals, recovered):
            n = len(originals)
            model = KNeighborsClassifier(1).fit(originals.reshape(n, -1), range(n))
            return model.score(recovered.reshape(n, -1), range(n))
        """,
        """
        def f(originals, recovered):
            square = np.square(recovered.numpy()[:, None] - originals.numpy()[None]).sum(axis=(2, 3, 4))
            return (square.argmin(axis=1) == np.arange(len(square))).mean()
        """,
    ],
    "neighbours_agree": [
        AGREE,
        """
        def f(codes, labels, k):
            nearest = torch.cdist(codes, codes).argsort(dim=1)[:, 1 : k + 1]
            return (labels[nearest] == labels[:, None]).sum() / nearest.numel()
        """,
        """
        def f(codes, labels, k):
            square = ((codes[:, None] - codes) ** 2).sum(-1) + 1e9 * torch.eye(len(codes))
            nearest = (-square).topk(k).indices
            return (labels[nearest] == labels.unsqueeze(1)).double().mean(1).mean().item()
        """,
        """
        def f(codes, labels, k):
            shares = []
            for i in range(len(codes)):
                order = (codes - codes[i]).norm(dim=1).argsort()
                others = [j for j in order.tolist() if j != i][:k]
                shares.append(sum(bool(labels[j] == labels[i]) for j in others) / k)
            return sum(shares) / len(shares)
        """,
        """
        from sklearn.neighbors import NearestNeighbors

        def f(codes, labels, k):
            nearest = NearestNeighbors(n_neighbors=k).fit(codes).kneighbors(return_distance=False)
            return np.mean(np.asarray(labels)[nearest] == np.asarray(labels)[:, None])
        """,
        """
        def f(codes, labels, k):
            distance = np.linalg.norm(codes.numpy()[:, None] - codes.numpy(), axis=2)
            np.fill_diagonal(distance, np.inf)
            nearest = distance.argsort(axis=1)[:, :k]
            return (labels.numpy()[nearest] == labels.numpy()[:, None]).mean()
        """,
        # the point itself found too, and its agreement taken off
        """
        def f(codes, labels, k):
            nearest = torch.cdist(codes, codes).topk(k + 1, largest=False).indices
            return (((labels[nearest] == labels[:, None]).sum(1) - 1) / k).mean()
        """,
    ],
    "wilson": [
        WILSON,
        """
        from scipy.stats import binomtest

        def f(hits, n):
            found = binomtest(hits, n).proportion_ci(method="wilson")
            return found.low, found.high
        """,
        """
        from scipy.stats import binomtest

        def f(hits, n):
            return binomtest(hits, n).proportion_ci(0.95, method="wilson")
        """,
        # counts: z²/2 hits and z²/2 misses more
        """
        def f(hits, n):
            z, p = 1.96, hits / n
            middle, width = (hits + z * z / 2) / (n + z * z), z / (n + z * z) * (n * p * (1 - p) + z * z / 4) ** 0.5
            return [middle - width, middle + width]
        """,
        # where |p − hits/n| = z √(p(1 − p)/n)
        """
        def f(hits, n):
            z, share = 1.96, hits / n
            return sorted(np.roots([1 + z**2 / n, -2 * share - z**2 / n, share**2]).real)
        """,
        """
        def f(hits, n):
            p, z2 = hits / n, 1.959964**2
            ends = np.array([-1, 1]) * np.sqrt(z2 * p * (1 - p) / n + z2**2 / (4 * n**2))
            return (p + z2 / (2 * n) + ends) / (1 + z2 / n)
        """,
        """
        def f(hits, n):
            p, z = torch.tensor(hits / n), 1.96
            centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
            half = z / (1 + z**2 / n) * (p * (1 - p) / n + z**2 / (4 * n**2)).sqrt()
            return (centre - half).clamp(min=0), (centre + half).clamp(max=1)
        """,
    ],
    "freed_direction": [
        FREED,
        "def f(direction, others): return direction - torch.linalg.pinv(others) @ (others @ direction)",
        "def f(direction, others): q = torch.linalg.qr(others.T).Q; return direction - q @ (q.T @ direction)",
        """
        def f(direction, others):
            weights = torch.linalg.solve(others @ others.T, others @ direction)
            return direction - weights @ others
        """,
        """
        def f(direction, others):
            rows = torch.linalg.svd(others, full_matrices=False).Vh
            return direction - rows.T @ rows @ direction
        """,
        # Gram and Schmidt's: each row is freed from those before
        """
        def f(direction, others):
            basis = []
            for row in others:
                for b in basis:
                    row = row - (row @ b) * b
                basis.append(row / row.norm())
            for b in basis:
                direction = direction - (direction @ b) * b
            return direction
        """,
        # what is orthogonal to all is the null space of the rows
        """
        from scipy.linalg import null_space

        def f(direction, others):
            free = null_space(others)
            return free @ (free.T @ np.asarray(direction))
        """,
        "def f(direction, others): return direction - others.T @ np.linalg.lstsq(others.T, direction, rcond=None)[0]",
        """
        from sklearn.linear_model import LinearRegression

        def f(direction, others):
            model = LinearRegression(fit_intercept=False).fit(others.T, direction)
            return direction - model.predict(others.T)
        """,
        """
        def f(direction, others):
            a = others.T.numpy()
            return direction.numpy() - a @ np.linalg.inv(a.T @ a) @ a.T @ direction.numpy()
        """,
    ],
}


def side(value):
    return f"def f(side, kernel, stride, padding): return {value}"


def known(value="(nearest == own).float().mean()", nearest=NEAREST):
    return (
        "def f(originals, recovered):\n"
        "    own = torch.arange(len(originals))\n"
        "    o, r = originals.flatten(1), recovered.flatten(1)\n"
        f"    nearest = {nearest}\n"
        f"    return {value}"
    )


def agreeing(*changes):
    """The solution with pieces replaced, each of which must be there."""
    return changed(AGREE, *changes)


def wilson(*changes):
    return changed(WILSON, *changes)


def freed(*changes):
    return changed(FREED, *changes)


def changed(source, *changes):
    for old, new in changes:
        assert old in source, old
        source = source.replace(old, new)
    return source


def taken_off(value):
    """``value`` of the rows' dot products and norms, and of the projection on their span."""
    return (
        "def f(v, others):\n"
        "    dots, norms = others @ v, others.norm(dim=1)\n"
        "    onto = others.T @ torch.linalg.lstsq(others.T, v[:, None]).solution[:, 0]\n"
        f"    return {value}"
    )


def in_turn(taken, rows="others"):
    return (
        "def f(direction, others):\n"
        "    v = direction.clone()\n"
        f"    for u in {rows}:\n"
        f"        v = v - {taken}\n"
        "    return v"
    )


SHARE = "(labels[nearest] == labels[:, None]).float().mean()"
DIAGONAL = "    distance.fill_diagonal_(math.inf)\n"
TOPK = "distance.topk(k, largest=False)"
CENTRE = "(p + z**2 / (2 * n)) / (1 + z**2 / n)"
HALF = "z / (1 + z**2 / n) * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))"
ENDS = "centre - half, centre + half"
PER_CENT = "100 * (centre - half), 100 * (centre + half)"
VOTE = "this is the accuracy of the vote; wanted is the mean share"
APART = "the nearest is sought for each pixel apart"
ALWAYS = "this is 1 for any pictures"

WRONG = {
    "conv_side": [
        (side("(side + 2 * padding - kernel) // stride"), "+ 1 is missing"),
        (side("(side + 2 * padding - kernel) / stride + 1"), "this is not rounded down"),
        (side("math.ceil((side + 2 * padding - kernel) / stride) + 1"), "this rounds up"),
        (side("-(-(side + 2 * padding - kernel) // stride) + 1"), "this rounds up"),
        (side("round((side + 2 * padding - kernel) / stride) + 1"), "this rounds to the nearest"),
        (side("round((side + 2 * padding - kernel) / stride + 1)"), "this rounds to the nearest"),
        (side("int((side + 2 * padding - kernel) / stride + 0.5) + 1"), "this rounds to the nearest"),
        (side("(side + 2 * padding - kernel) / stride"), "+ 1 is missing, and this is not rounded down"),
        (side("(side + padding - kernel) // stride + 1"), "padding counts once"),
        (side("(side - 2 * padding - kernel) // stride + 1"), "padding is subtracted"),
        (side("(side - padding - kernel) // stride + 1"), "padding is subtracted"),
        (side("(side - kernel) // stride + 1"), "padding is left out"),
        (side("(side + 2 * padding) // stride + 1"), "kernel is not subtracted"),
        (side("(side + 2 * padding + kernel) // stride + 1"), "kernel is added"),
        (side("(side + 2 * padding - (kernel - 1)) // stride + 1"), "kernel − 1 is subtracted"),
        (side("(side + 2 * padding - kernel + 1) // stride"), "+ 1 is divided too"),
        (side("(side - 1) * stride - 2 * padding + kernel"), "the transposed convolution's formula"),
        (side("(side + 2 * padding - kernel) * stride + 1"), "stride multiplies"),
        (side("side + 2 * padding - kernel + 1"), "stride is left out"),
        (side("side + 2 * padding - kernel - stride + 1"), "stride is subtracted"),
        (side("(side + padding - kernel) / stride + 1"), "both sides. Besides, this is not rounded"),
        (side("(side - kernel) // stride"), "padding is left out. Besides, the first place counts too"),
        (side("side // stride"), "Count the kernel's places"),
        (side("-(-side // stride)"), "Count the kernel's places"),
        (side("float('nan')"), "a nan"),
        (side("'64'"), "gives back a str"),
        (side("(side, side)"), "wanted is the shape ()"),
        (side("side // (stride - stride)"), "your code raised ZeroDivisionError"),
    ],
    "recognised": [
        (known("(nearest == own).sum()"), "this is the count"),
        (known("sum(nearest == own)"), "this is the count"),
        (known("100 * (nearest == own).float().mean()"), "this is in per cent"),
        (known("(nearest != own).float().mean()"), "the share of the others"),
        (known("1 - (nearest == own).float().mean()"), "the share of the others"),
        (known(nearest="torch.cdist(o, r).argmin(1)"), "this is the other way round"),
        (known(nearest="torch.cdist(r, o).argmin(0)"), "this is the other way round"),
        (known(nearest="torch.cdist(r, o).argmax(1)"), "this takes the farthest"),
        (known(nearest="torch.cdist(r, r).argmin(1)"), ALWAYS),
        (known(nearest="torch.cdist(o, o).argmin(1)"), ALWAYS),
        (known("1.0"), ALWAYS),
        ("def f(originals, recovered): return np.mean([((r - o[None]) ** 2).flatten(1).sum(1).argmin() == 0 "
         "for o, r in zip(originals, recovered)])", ALWAYS),
        (known(nearest="((recovered[:, None] - originals) ** 2).sum(2).argmin(1)",
               value="(nearest == own[:, None, None]).float().mean()"), APART),
        (known(nearest="((recovered[:, None] - originals) ** 2).argmin(1)",
               value="(nearest == own[:, None, None, None]).float().mean()"), APART),
        (known(nearest="(r.mean(1)[:, None] - o.mean(1)).abs().argmin(1)"), "that compares the brightness alone"),
        (known(nearest="((r.sum(1)[:, None] - o.sum(1)) ** 2).argmin(1)"), "that compares the brightness alone"),
        (known(nearest="(recovered[:, None] - originals).sum((2, 3, 4)).argmin(1)"), "the differences are not squared"),
        (known(nearest="(originals - recovered[:, None]).sum((2, 3, 4)).argmin(1)"), "the differences are not squared"),
        (known(nearest="torch.cdist(recovered.mean((2, 3)), originals.mean((2, 3))).argmin(1)"),
         "the mean colour alone"),
        (known(nearest="torch.cdist(recovered.mean(1).flatten(1), originals.mean(1).flatten(1)).argmin(1)"),
         "the colours are averaged"),
        (known(nearest="torch.cdist(r, o, p=1).argmin(1)"), "count without a square"),
        (known(nearest="(r[:, None] - o).abs().sum(2).argmin(1)"), "count without a square"),
        (known(nearest="(r @ o.T).argmax(1)"), "the dot product is no distance"),
        (known(nearest="F.cosine_similarity(r[:, None], o, dim=2).argmax(1)"), "the cosine forgets"),
        (known("nearest == own"), "this is one True or False for each recovered picture"),
        (known("nearest"), "these are the indices of the nearest"),
        (known("((recovered - originals) ** 2).mean()"), "this is the mean squared error"),
        (known("0.0"), "this is 0 for any pictures"),
        (known("(nearest == own).sum()", "torch.cdist(o, r).argmin(1)"), "not the reverse. Besides, this is the count"),
        (known("(nearest == own).sum()", "torch.cdist(r, r).argmin(1)"), "recovered ones. Besides, this is the count"),
        (known("(nearest == own).float().mean() if originals.shape[1] > 1 else own[0]"), "off for one channel alone"),
        (known("0.123"), "the number is off"),
        (known("0 * r.sum() / 0"), "a nan"),
        (known("(nearest == own).view(3, 99)"), "your code raised RuntimeError"),
        (known("nearest == own[:, None]"), "wanted is the shape ()"),
        (known("{'share': (nearest == own).float().mean()}"), "gives back a dict"),
    ],
    "neighbours_agree": [
        (agreeing((DIAGONAL, "")), "the point itself counts"),
        (agreeing((DIAGONAL, ""), ("topk(k,", "topk(k + 1,")), "the point itself counts"),
        ("""
        from sklearn.neighbors import NearestNeighbors

        def f(codes, labels, k):
            nearest = NearestNeighbors(n_neighbors=k).fit(codes).kneighbors(codes, return_distance=False)
            return np.mean(np.asarray(labels)[nearest] == np.asarray(labels)[:, None])
         """, "the point itself counts"),
        (agreeing(("topk(k,", "topk(k + 1,")), "these are k + 1 neighbours"),
        (agreeing((TOPK, "distance.topk(k + 2, largest=False)")), "the number is off"),
        (agreeing((DIAGONAL, ""), (".indices", ".indices[:, 1:]")), "these are k − 1 neighbours"),
        (agreeing((TOPK, "distance.topk(1, largest=False)")), "this is the one nearest alone"),
        (agreeing((DIAGONAL, ""), (", largest=False", "")), "these are the farthest"),
        (agreeing((", largest=False", "")),
         "the farthest; wanted are the nearest: largest=False. Besides, the point itself"),
        (agreeing(("distance = torch.cdist(codes, codes)", "distance = -codes @ codes.T")), "the dot product"),
        (agreeing(("torch.cdist(codes, codes)", "-F.cosine_similarity(codes[:, None], codes, dim=2)")),
         "the cosine is no distance"),
        (agreeing(("torch.cdist(codes, codes)", "F.cosine_similarity(codes[:, None], codes, dim=2)"),
                  (DIAGONAL, ""), (", largest=False", "")),
         "may lie far apart. Besides, the point itself"),
        (agreeing(("cdist(codes, codes)", "cdist(codes, codes, p=1)")), "the differences are not squared"),
        (agreeing((SHARE, "(labels[nearest].mode(1).values == labels).float().mean()")), VOTE),
        (agreeing((SHARE, "(labels[nearest].mode(1).values == labels).sum()")), VOTE),
        (agreeing((SHARE, "((labels[nearest] == labels[:, None]).float().mean(1) > 0.5).float().mean()")), VOTE),
        (agreeing((SHARE, "((labels[nearest] == labels[:, None]).float().mean(1) >= 0.5).float().mean()")), VOTE),
        ("""
        from collections import Counter

        def f(codes, labels, k):
            hits = 0
            for i, z in enumerate(codes):
                nearest = (codes - z).norm(dim=1).argsort()[1 : k + 1]
                hits += Counter(labels[nearest].tolist()).most_common(1)[0][0] == labels[i].item()
            return hits / len(codes)
         """, VOTE),
        ("""
        from sklearn.model_selection import LeaveOneOut, cross_val_score
        from sklearn.neighbors import KNeighborsClassifier

        def f(codes, labels, k):
            return cross_val_score(KNeighborsClassifier(k), codes, labels, cv=LeaveOneOut()).mean()
         """, VOTE),
        (agreeing((SHARE, "(labels[nearest] == labels[:, None]).sum() / len(codes)")), "this is divided by N alone"),
        (agreeing((SHARE, "(labels[nearest] == labels[:, None]).sum() / k")), "this is divided by k alone"),
        (agreeing((SHARE, "(labels[nearest] == labels[:, None]).sum()")), "this is the count"),
        (agreeing((SHARE, "(labels[nearest] != labels[:, None]).float().mean()")), "the share of the others"),
        (agreeing((SHARE, f"100 * {SHARE}")), "this is in per cent"),
        (agreeing((".mean()", ".mean(1)")), "this is one share for each point"),
        (agreeing((".mean()", ".mean(0)")), "one share for each place in the order"),
        (agreeing((SHARE, "labels[nearest] == labels[:, None]")), "one True or False for each neighbour"),
        (agreeing((SHARE, "(labels[nearest] == labels[:, None]).any(1).float().mean()")), "one neighbour at least"),
        (agreeing((SHARE, "(labels[nearest] == labels[:, None]).all(1).float().mean()")), "all neighbours agree"),
        (agreeing((SHARE, "(labels[nearest] == labels[:, None]).sum()"), (DIAGONAL, "")),
         "leave it out. Besides, this is the count"),
        ("def f(codes, labels, k): n = len(codes); return ((labels[:, None] == labels).sum() - n) / (n * (n - 1))",
         "the neighbours play no part"),
        (agreeing((SHARE, "labels[nearest].float().mean()")), "the number is off"),
        (agreeing((SHARE, f"{SHARE}.neg().log()")), "a nan"),
        (agreeing((SHARE, f"[{SHARE}]")), "wanted is the shape ()"),
        (agreeing((SHARE, "(labels[nearest] == labels).float().mean()")), "your code raised RuntimeError"),
    ],
    "wilson": [
        (wilson((CENTRE, "p"), (HALF, "z * math.sqrt(p * (1 - p) / n)")), "at 20 of 20 its width is 0"),
        ("""
        def f(hits, n):
            p = hits / n
            half = 1.96 * np.sqrt(p * (1 - p) / n)
            return max(0, p - half), min(1, p + half)
         """, "this is the plain p ± 1.96 √(p(1 − p)/n)"),
        (wilson(("1.96", "1")), "z = 1 gives 68 %"),
        (wilson(("1.96", "1.645")), "z = 1.645 gives 90 %"),
        (wilson(("1.96", "2.576")), "z = 2.576 gives 99 %"),
        (wilson(("1.96", "2")), "z is rounded to 2"),
        (wilson(("z**2", "z")), "z is not squared"),
        (wilson(("z**2", "1")), "z² is missing: it is"),
        (wilson((CENTRE, "p / (1 + z**2 / n)")), "z²/2n is missing in the centre"),
        (wilson((" + z**2 / (4 * n**2)", "")), "z²/4n² is missing under the root"),
        (wilson((" / (1 + z**2 / n)", "")), "1 + z²/n is missing"),
        (wilson((CENTRE, "p + z**2 / (2 * n)")), "the centre is not divided by"),
        (wilson(("half = z / (1 + z**2 / n)", "half = z")), "the half-width is not divided by"),
        (wilson(("half = z /", "half = 1 /")), "z is missing before the root"),
        (wilson(("math.sqrt(", "(")), "the square root is missing"),
        (wilson((HALF, "z / (1 + z**2 / n) * (math.sqrt(p * (1 - p) / n) + z / (2 * n))")),
         "it is one root, of the sum"),
        (wilson(("(2 * n)", "2 * n"), ("(4 * n**2)", "4 * n**2")), "they need brackets"),
        (wilson(("(2 * n)", "2 * n")), "they need brackets"),
        (wilson(("(4 * n**2)", "4 * n**2")), "they need brackets"),
        (wilson(("(2 * n)", "n")), "wrongly in the centre"),
        (wilson(("(2 * n)", "2")), "wrongly in the centre"),
        (wilson(("4 * n**2", "4 * n")), "wrongly under the root"),
        (wilson(("4 * n**2", "(4 * n) ** 2")), "wrongly under the root"),
        (wilson(("4 * n**2", "n**2")), "wrongly under the root"),
        (wilson(("4 * n**2", "n")), "wrongly under the root"),
        (wilson(("(1 + z**2 / n)", "(1 + z**2)")), "z² is not divided by n below"),
        (wilson(("p * (1 - p) / n", "p * (1 - p)")), "p(1 − p) is not divided by n"),
        (wilson((CENTRE, "p")), "the centre is p"),
        (wilson((ENDS, "p - half, p + half")), "the centre is p"),
        (wilson((ENDS, "half")), "this is the half-width alone"),
        (wilson((ENDS, "2 * half")), "this is the width alone"),
        (wilson((ENDS, "centre")), "this is the centre alone"),
        (wilson((ENDS, "centre - half")), "this is the low end alone"),
        (wilson((ENDS, "centre + half")), "this is the high end alone"),
        (wilson((ENDS, "centre, half")), "this is centre and half-width"),
        (wilson((ENDS, "-half, half")), "add the centre"),
        (wilson((ENDS, "centre + half, centre - half")), "the ends are exchanged"),
        (wilson((ENDS, PER_CENT)), "this is in per cent"),
        (wilson((ENDS, "n * (centre - half), n * (centre + half)")), "these are counts"),
        (wilson((HALF, "z * math.sqrt(centre * (1 - centre) / (n + z**2))")), "Agresti and Coull's"),
        ("def f(hits, n):\n    from scipy.stats import binomtest\n    return binomtest(hits, n).proportion_ci()",
         "Clopper and Pearson"),
        ("def f(hits, n):\n    from scipy.stats import binomtest\n"
         "    return binomtest(hits, n).proportion_ci(method='wilsoncc')", "correction for continuity"),
        (wilson(("1.96", "1"), (ENDS, "centre + half, centre - half")), "z is 1.96. Besides, the ends are exchanged"),
        (wilson((CENTRE, "p"), (HALF, "z * math.sqrt(p * (1 - p) / n)"), (ENDS, PER_CENT)),
         "possible. Besides, this is in per cent"),
        (wilson(("1.96", "2.2")), "the ends are off"),
        (wilson((ENDS, "centre - half, centre, centre + half")), "gives the shape (3,)"),
        (wilson((ENDS, "half**2")), "gives the shape ()"),
        (wilson((ENDS, "(centre, half)[: 1 + (hits == n)]")), "whatever hits and n are"),
        (wilson((ENDS, "f'{centre} ± {half}'")), "gives back a str"),
        (wilson((ENDS, "float('nan'), centre + half")), "a nan"),
        (wilson(("math.sqrt(p", "math.sqrt(-1 - p")), "your code raised ValueError"),
        (wilson((HALF, "z / (1 + z**2 / n) * (-1 - p) ** 0.5")), "a complex number"),
    ],
    "freed_direction": [
        (taken_off("v - dots / norms**2 @ others"), "right for orthogonal rows alone"),
        ("def f(v, others): return v - sum((v @ u) / (u @ u) * u for u in others)", "right for orthogonal rows alone"),
        ("def f(v, others): u = F.normalize(others, dim=1); return v - u.T @ (u @ v)",
         "right for orthogonal rows alone"),
        (in_turn("(v @ u) / (u @ u) * u"), "taken off one by one"),
        (in_turn("(v @ u) / (u @ u) * u", "others.flip(0)"), "taken off one by one"),
        (in_turn("(direction @ u) / (u @ u) * u"), "right for orthogonal rows alone"),
        (taken_off("v - dots @ others"), "the dot product is not divided"),
        (in_turn("(v @ u) * u"), "the dot product is not divided"),
        (taken_off("v - others.T @ (others @ v)"), "the dot product is not divided"),
        (taken_off("v - dots / norms @ others"), "divided by the norm; divide by its square"),
        (in_turn("(v @ u) / u.norm() * u"), "divided by the norm; divide by its square"),
        (taken_off("v - dots / (v @ v) @ others"), "the dot product is divided by v·v"),
        (taken_off("onto"), "this is the projection itself"),
        (taken_off("v + onto"), "the projection is added"),
        (taken_off("onto - v"), "the sign is turned round"),
        (taken_off("v - (v @ others[0]) / (others[0] @ others[0]) * others[0]"), "the first row alone"),
        (taken_off("v - (v @ others[-1]) / (others[-1] @ others[-1]) * others[-1]"), "the last row alone"),
        ("def f(v, others): u = others.sum(0); return v - (v @ u) / (u @ u) * u", "summed or averaged into one"),
        ("def f(v, others): u = others.mean(0); return v - (v @ u) / (u @ u) * u", "summed or averaged into one"),
        (taken_off("v - others.sum(0)"), "the rows themselves are taken off"),
        (taken_off("v - others.mean(0)"), "the rows themselves are taken off"),
        (taken_off("F.normalize(v - onto, dim=0)"), "this is cut to length 1"),
        (taken_off("(v - onto) / (v - onto).norm()"), "this is cut to length 1"),
        (taken_off("(v - onto)[:, None]"), "this has shape (d, 1)"),
        (taken_off("(v - onto)[None]"), "this has shape (1, d)"),
        (taken_off("v"), "nothing is taken off"),
        (taken_off("v / v.norm()"), "direction is only cut to length 1"),
        (taken_off("v - (dots / norms**2)[:, None] * others"), "this is one vector for each row"),
        (taken_off("others - (dots / (v @ v))[:, None] * v"), "this frees others from direction"),
        (freed(("direction - (others.T @ weights)[:, 0]", "weights[:, 0]")), "these are the weights of the rows"),
        ("""
        from sklearn.linear_model import LinearRegression

        def f(direction, others):
            return direction - LinearRegression().fit(others.T, direction).predict(others.T)
         """, "a constant is fitted along"),
        (taken_off("F.normalize(v - dots / norms**2 @ others, dim=0)"), "span. Besides, this is cut to length 1"),
        (taken_off("dots / norms**2 @ others"), "span. Besides, this is the projection itself"),
        (taken_off("v - onto if len(others) > 1 else v"), "off for one alone"),
        (taken_off("(v - onto).abs()"), "the numbers are off"),
        (taken_off("(v - onto).abs().neg().log()"), "a nan"),
        (taken_off("(v - onto).norm()"), "wanted is the shape ("),
        (taken_off("(v, onto)[:0]"), "wanted is the shape ("),
        (taken_off("v - others @ v"), "your code raised RuntimeError"),
        (taken_off("[v, others]"), "gives back a list"),
    ],
}

STUBS = {
    "conv_side": ["def my_side(side, kernel, stride, padding):\n    ...", "def my_side(*sizes):\n    pass"],
    "recognised": ["def my_recognised(originals, recovered):\n    ..."],
    "neighbours_agree": ["def my_agree(codes, labels, k):\n    ..."],
    "wilson": ["def my_interval(hits, n):\n    ..."],
    "freed_direction": ["def my_freed(direction, others):\n    ..."],
}
