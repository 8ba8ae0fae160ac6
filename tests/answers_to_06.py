"""Answers to the exercises of notebook 06: right ones, wrong ones with what the message must say, stubs."""

SLANT = """
def f(x):
    rows, columns = torch.arange(x.shape[2]), torch.arange(x.shape[3])
    ink = x[:, 0]
    mass = ink.sum((1, 2))
    b = rows[:, None] - ((ink * rows[:, None]).sum((1, 2)) / mass)[:, None, None]
    a = columns - ((ink * columns).sum((1, 2)) / mass)[:, None, None]
    return torch.rad2deg(torch.atan(-(ink * a * b).sum((1, 2)) / (ink * b * b).sum((1, 2))))
"""
GAIN = """
def f(codes, mixture):
    prior = -0.5 * (codes**2).sum(1) - codes.shape[1] / 2 * math.log(2 * math.pi)
    return mixture.score(codes) - prior.mean()
"""
BRIDGE = """
def f(z_a, z_b):
    ones = torch.ones(len(z_a), 1)
    fit = torch.linalg.lstsq(torch.cat([z_a, ones], 1), z_b).solution
    return fit[:-1], fit[-1]
"""
RIGHT = {
    "straight_path": [
        """
        def f(u, v, n):
            t = torch.linspace(0, 1, n + 1)[:, None]
            return u + t * (v - u)
        """,
        """
        from vae_helpers.latent import morph

        def f(u, v, n):
            return morph(u, v, n)
        """,
        "def f(u, v, n): return torch.stack([u + (v - u) * i / n for i in range(n + 1)])",
        "def f(u, v, n): t = torch.arange(n + 1).view(-1, 1) / n; return (1 - t) * u + t * v",
        "def f(u, v, n): return torch.lerp(u, v, torch.linspace(0, 1, n + 1)[:, None])",
        "def f(u, v, n): return u + torch.outer(torch.linspace(0, 1, n + 1), v - u)",
        "def f(u, v, n): return np.linspace(u, v, n + 1)",
        """
        def f(u, v, n):
            path = torch.zeros(n + 1, len(u))
            for i in range(n + 1):
                path[i] = u
                u += (v - u) / (n - i) if i < n else 0
            return path
        """,
        "def f(u, v, n): return [[a + (b - a) * i / n for a, b in zip(u, v)] for i in range(n + 1)]",
    ],
    "class_mean": [
        "def f(codes, labels, label): return codes[labels == label].mean(0)",
        """
        from vae_helpers.latent import mean_code

        def f(codes, labels, label):
            return mean_code(codes, labels, label)
        """,
        "def f(codes, labels, label): return torch.mean(codes[torch.where(labels == label)], dim=0)",
        "def f(codes, labels, label): mine = (labels == label).float(); return mine @ codes / mine.sum()",
        "def f(codes, labels, label): return torch.stack([z for z, k in zip(codes, labels) if k == label]).mean(0)",
        """
        def f(codes, labels, label):
            total, count = 0, 0
            for code, its in zip(codes, labels):
                if its == label:
                    total, count = total + code, count + 1
            return total / count
        """,
        "def f(codes, labels, label): return np.mean(codes[labels == label].numpy(), axis=0)",
        "def f(codes, labels, label): return np.average(codes, axis=0, weights=np.asarray(labels) == label)",
        "def f(codes, labels, label): return codes[labels == label].sum(0) / (labels == label).sum()",
    ],
    "attribute_direction": [
        "def f(codes, has): return codes[has].mean(0) - codes[~has].mean(0)",
        """
        from vae_helpers.latent import attribute_vector

        def f(codes, has):
            return attribute_vector(codes, has)
        """,
        "def f(codes, has): return codes[has == True].mean(0) - codes[has == False].mean(0)",
        "def f(codes, has): return codes[has].mean(dim=0) - codes[torch.logical_not(has)].mean(dim=0)",
        "def f(codes, has): return has.float() @ codes / has.sum() - (~has).float() @ codes / (~has).sum()",
        "def f(codes, has): return (codes[has].mean(0) - codes.mean(0)) * len(has) / (~has).sum()",
        "def f(codes, has): return torch.stack([codes[has == on].mean(0) for on in (False, True)]).diff(dim=0)[0]",
        "def f(codes, has): return np.mean(codes[has], axis=0) - np.mean(codes[np.logical_not(has)], axis=0)",
        # the slope on a regressor of 0 and 1 is the difference of the means
        """
        from sklearn.linear_model import LinearRegression

        def f(codes, has):
            return LinearRegression().fit(has.float()[:, None], codes).coef_[:, 0]
        """,
    ],
    "slant": [
        SLANT,
        """
        def f(x):
            x = x / x.sum((1, 2, 3), keepdim=True)
            b = torch.arange(x.shape[2]).view(1, 1, -1, 1)
            a = torch.arange(x.shape[3]).view(1, 1, 1, -1)
            a_mean, b_mean = (x * a).sum((1, 2, 3)), (x * b).sum((1, 2, 3))
            ab = (x * a * b).sum((1, 2, 3)) - a_mean * b_mean
            bb = (x * b * b).sum((1, 2, 3)) - b_mean**2
            return -torch.atan(ab / bb) * 180 / math.pi
        """,
        # rows that grow upwards
        """
        def f(x):
            ink = x.squeeze(1)
            up, right = torch.meshgrid(-torch.arange(x.shape[2]), torch.arange(x.shape[3]), indexing="ij")
            mass = ink.sum((1, 2), keepdim=True)
            up = up - (ink * up).sum((1, 2), keepdim=True) / mass
            right = right - (ink * right).sum((1, 2), keepdim=True) / mass
            return torch.atan2((ink * up * right).mean((1, 2)), (ink * up**2).mean((1, 2))).rad2deg()
        """,
        """
        def f(x):
            found = []
            for image in x[:, 0]:
                places = image.nonzero().double()
                cov = torch.cov(places.T, aweights=image[image > 0].double())
                found.append(math.degrees(math.atan(-cov[0, 1] / cov[0, 0])))
            return torch.tensor(found)
        """,
        # regression of columns on rows
        """
        def f(x):
            b, a = np.indices(x.shape[2:])
            slopes = [np.polyfit(b.ravel(), a.ravel(), 1, w=np.sqrt(image.ravel()))[0] for image in np.asarray(x[:, 0])]
            return np.degrees(np.arctan(-np.array(slopes)))
        """,
        """
        def f(x):
            ink = x[:, 0].numpy()
            rows, columns = np.indices(ink.shape[1:])
            mass = ink.sum((1, 2))
            b = rows - ((ink * rows).sum((1, 2)) / mass)[:, None, None]
            a = columns - ((ink * columns).sum((1, 2)) / mass)[:, None, None]
            return np.degrees(np.arctan(-(ink * a * b).sum((1, 2)) / (ink * b**2).sum((1, 2))))
        """,
        # the mean of the one moment is enough
        """
        def f(x):
            ink = x[:, 0]
            b, a = torch.arange(x.shape[2])[:, None], torch.arange(x.shape[3])
            b = b - ((ink * b).sum((1, 2)) / ink.sum((1, 2)))[:, None, None]
            return -torch.atan((ink * a * b).sum((1, 2)) / (ink * b * b).sum((1, 2))).rad2deg()
        """,
    ],
    "mixture_gain": [
        GAIN,
        """
        from vae_helpers.gaussians import log_normal

        def f(codes, mixture):
            zeros = torch.zeros(codes.shape[1])
            return mixture.score(codes) - log_normal(codes, zeros, zeros).mean()
        """,
        """
        from vae_helpers.gaussians import log_normal

        def f(codes, mixture):
            zeros = torch.zeros_like(codes)
            return (torch.as_tensor(mixture.score_samples(codes)) - log_normal(codes, zeros, zeros)).mean()
        """,
        """
        from torch.distributions import Normal

        def f(codes, mixture):
            return mixture.score(codes.numpy()) - Normal(0.0, 1.0).log_prob(codes).sum(1).mean().item()
        """,
        """
        from torch.distributions import MultivariateNormal

        def f(codes, mixture):
            d = codes.shape[1]
            return float(mixture.score(codes) - MultivariateNormal(torch.zeros(d), torch.eye(d)).log_prob(codes).mean())
        """,
        """
        from scipy.stats import norm

        def f(codes, mixture):
            return np.mean(mixture.score_samples(codes) - norm.logpdf(codes).sum(1))
        """,
        """
        from scipy.stats import multivariate_normal

        def f(codes, mixture):
            return mixture.score(codes) - multivariate_normal(np.zeros(codes.shape[1])).logpdf(codes).mean()
        """,
        """
        from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal

        def f(codes, mixture):
            weights, means, covariances = map(torch.tensor, (mixture.weights_, mixture.means_, mixture.covariances_))
            density = MixtureSameFamily(Categorical(weights), MultivariateNormal(means, covariances))
            z = codes.double()
            return (density.log_prob(z) + 0.5 * (z**2 + math.log(2 * math.pi)).sum(1)).mean()
        """,
    ],
    "bridge": [
        BRIDGE,
        """
        def f(z_a, z_b):
            fit = torch.linalg.lstsq(torch.cat([torch.ones(len(z_a), 1), z_a], 1), z_b).solution
            return fit[1:], fit[0]
        """,
        """
        from sklearn.linear_model import LinearRegression

        def f(z_a, z_b):
            model = LinearRegression().fit(z_a, z_b)
            return model.coef_.T, model.intercept_
        """,
        """
        def f(z_a, z_b):
            a, b = z_a - z_a.mean(0), z_b - z_b.mean(0)
            weight = torch.linalg.solve(a.T @ a, a.T @ b)
            return weight, z_b.mean(0) - z_a.mean(0) @ weight
        """,
        """
        def f(z_a, z_b):
            weight = torch.linalg.pinv(z_a - z_a.mean(0)) @ z_b
            return [weight, (z_b - z_a @ weight).mean(0)]
        """,
        """
        def f(z_a, z_b):
            x = torch.cat([z_a, torch.ones(len(z_a), 1)], 1)
            fit = torch.inverse(x.T @ x) @ x.T @ z_b
            return fit[:-1], fit[-1]
        """,
        """
        def f(z_a, z_b):
            fit, *_ = np.linalg.lstsq(np.column_stack([z_a, np.ones(len(z_a))]), z_b, rcond=None)
            return fit[:-1], fit[-1]
        """,
        """
        def f(z_a, z_b):
            layer = nn.Linear(z_a.shape[1], z_b.shape[1])
            a, b = z_a - z_a.mean(0), z_b - z_b.mean(0)
            layer.weight.data = torch.linalg.lstsq(a, b).solution.T
            layer.bias.data = (z_b - layer(z_a) + layer.bias).mean(0)
            return layer.weight.T, layer.bias  # with a graph behind them
        """,
    ],
}


def path(t="torch.arange(n + 1) / n", z="u + t * (v - u)"):
    return f"def f(u, v, n): t = ({t})[:, None]; return {z}"


def mean(reduced=".mean(0)", chosen="codes[labels == label]"):
    return f"def f(codes, labels, label): return {chosen}{reduced}"


def direction(value):
    return f"def f(codes, has): return {value}"


def slanted(*changes):
    """The solution with pieces replaced, each of which must be there."""
    return changed(SLANT, *changes)


def gained(*changes):
    return changed(GAIN, *changes)


def bridged(*changes):
    return changed(BRIDGE, *changes)


def changed(source, *changes):
    for old, new in changes:
        assert old in source, old
        source = source.replace(old, new)
    return source


def gain(value, prior="-0.5 * (codes**2).sum(1) - d / 2 * math.log(2 * math.pi)"):
    return (
        "def f(codes, mixture):\n"
        "    n, d = codes.shape\n"
        f"    prior = {prior}\n"
        "    each = torch.as_tensor(mixture.score_samples(codes))\n"
        f"    return {value}"
    )


def fitted(value):
    """``value`` of the right weight and bias, and of those of the way back."""
    return (
        "def f(z_a, z_b):\n"
        "    def fit(a, b):\n"
        "        x = torch.cat([a, torch.ones(len(a), 1)], 1)\n"
        "        found = torch.linalg.lstsq(x, b).solution\n"
        "        return found[:-1], found[-1]\n"
        "    (weight, bias), (back, back_bias) = fit(z_a, z_b), fit(z_b, z_a)\n"
        f"    return {value}"
    )


RATIO = "-(ink * a * b).sum((1, 2)) / (ink * b * b).sum((1, 2))"
ANGLE = f"torch.rad2deg(torch.atan({RATIO}))"
CENTRE_A = " - ((ink * columns).sum((1, 2)) / mass)[:, None, None]"
CENTRE_B = " - ((ink * rows[:, None]).sum((1, 2)) / mass)[:, None, None]"
PRIOR = "-0.5 * (codes**2).sum(1) - codes.shape[1] / 2 * math.log(2 * math.pi)"

WRONG = {
    "straight_path": [
        (path("torch.linspace(0, 1, n)"), "these are n codes"),
        (path("torch.arange(n) / (n - 1)"), "these are n codes"),
        (path("torch.linspace(0, 1, n + 2)"), "these are n + 2 codes"),
        (path("torch.arange(n + 1) / (n + 1)"), "this stops short of v"),
        (path("torch.arange(n) / n"), "v is missing"),
        ("def f(u, v, n): return torch.stack([u + (v - u) * i / n for i in range(n)])", "v is missing"),
        (path("torch.arange(n) / (n + 1)"), "v is missing"),
        (path("torch.arange(n + 2) / n"), "one step beyond v"),
        (path("torch.arange(1, n + 1) / n"), "u is missing: i starts at 0"),
        (path("torch.arange(1, n + 2) / (n + 1)"), "u is missing: i starts at 0"),
        (path("torch.arange(1, n) / n"), "both ends are missing"),
        (path("torch.linspace(0, 1, n + 2)[1:-1]"), "both ends are missing"),
        ("def f(u, v, n): return (u + v) / 2", "the one code halfway"),
        ("def f(u, v, n): return ((u + v) / 2)[None]", "the one code halfway"),
        ("def f(u, v, n): return torch.stack([u, v])", "the two ends alone"),
        (path("torch.arange(n + 1)"), "i is not divided by n"),
        (path("torch.arange(n + 1) // n"), "`//` rounds down"),
        (path(z="v + t * (u - v)"), "this goes from v to u"),
        (path(z="t * u + (1 - t) * v"), "this goes from v to u"),
        (path(z="(u + t * (v - u)).T"), "the codes stand in columns"),
        ("def f(u, v, n): return u[:, None] + (v - u)[:, None] * torch.linspace(0, 1, n + 1)", "stand in columns"),
        ("def f(u, v, n):\n    from vae_helpers.latent import morph\n    return morph(u, v, n, 'spherical')",
         "this goes round the sphere"),
        (path(z="(((1 - t) * w).sin() * u + (t * w).sin() * v) / w.sin()").replace(
            "return", "w = torch.arccos(F.cosine_similarity(u, v, dim=0)); return"), "this goes round the sphere"),
        (path(z="t * u + t * v"), "both weights rise"),
        (path(z="(1 - t) * u + (1 - t) * v"), "both weights fall"),
        (path(z="u + t * v"), "v is added to u"),
        (path(z="t * (v - u)"), "u is missing: this starts at the origin"),
        (path(z="t * v"), "u plays no part"),
        (path(z="(1 - t) * u"), "v plays no part"),
        (path(z="u - t * (v - u)"), "this goes away from v"),
        (path(z="(1 - t) * u - t * v"), "v has the wrong sign"),
        (path(z="u + t * (u + v)"), "this adds u + v"),
        (path(z="u + t * (v - u) / (v - u).norm()"), "the way is cut to length 1"),
        (path(z="(1 - t).sqrt() * u + t.sqrt() * v"), "the squares of the weights"),
        (path(z="u + t**2 * (v - u)"), "the steps are not equal"),
        (path(z="u + (1 - torch.cos(math.pi * t)) / 2 * (v - u)"), "the steps are not equal"),
        (path("torch.linspace(0, 1, n)", "v + t * (u - v)"), "n + 1). Besides, this goes from v to u"),
        (path("torch.linspace(0, 1, n)", "(u + t * (v - u)).T"), "Besides, the codes stand in columns"),
        ("def f(u, v, n): return [u + (v - u) * i / n for i in range(n + 1)]", "`torch.stack` makes one tensor"),
        (path("torch.linspace(0, 1, n + 1) if n > 1 else torch.zeros(1)"), "for n = 1 wanted are two codes"),
        (path(z="(u + t * (v - u)).sin()"), "the numbers are off"),
        (path(z="(u + t * (v - u))[None]"), "wanted is the shape ("),
        ("def f(u, v, n): return u + torch.linspace(0, 1, n + 1) * (v - u)", "your code raised RuntimeError"),
        ("def f(u, v, n): t = torch.rand(n + 1, 1); return u + t * (v - u)", "the numbers are off"),
    ],
    "class_mean": [
        ("def f(codes, labels, label): return codes[label].mean(0)", "label is taken for an index"),
        (mean(chosen="codes"), "label plays no part"),
        (mean(chosen="codes[labels != label]"), "this is taken over the other classes"),
        (mean(chosen="codes[labels]"), "labels are taken for indices"),
        (mean(".sum(0)"), "this is the sum; divide"),
        (mean(".sum(0) / len(codes)"), "divided by the number of all codes"),
        (mean(".mean(0)", "(codes * (labels == label)[:, None])"), "divided by the number of all codes"),
        (mean(".mean()"), "this is one number, the mean over the latents too"),
        (mean(".mean(1)"), "this is the mean over the latents; average"),
        (mean(".mean(-1)"), "this is the mean over the latents; average"),
        (mean(".mean(0, keepdim=True)"), "leave out `keepdim`"),
        (mean(".median(0).values"), "this is the median"),
        ("def f(codes, labels, label): return np.median(codes[labels == label].numpy(), axis=0)", "this is the median"),
        (mean(""), "these are the codes themselves"),
        ("def f(codes, labels, label): z = codes[labels == label]; return z[(z - z.mean(0)).norm(dim=1).argmin()]",
         "this is the code nearest to the mean"),
        ("def f(codes, labels, label): z = codes[labels == label].mean(0); return z / z.norm()", "cut to length 1"),
        (mean("", "codes[label]"), "label is taken for an index"),
        (mean(".sum(0) / label"), "the sum is divided by label"),
        ("def f(codes, labels, label): return codes[labels == label].mean(0) - codes.mean(0)",
         "the mean of all codes is taken off"),
        ("def f(codes, labels, label): z = codes[labels == label]; return z - z.mean(0)", "these are the codes less"),
        (mean(".sum(0)", "codes"), "over the codes of all classes. Besides, this is the sum"),
        (mean(".mean()", "codes"), "over the codes of all classes. Besides, this is one number"),
        (mean(".mean(1)", "codes"), "over the codes of all classes. Besides, this is the mean over the latents"),
        (mean(".std(0)"), "the numbers are off"),
        (mean(".mean(0).tolist() + [0.0]"), "wanted is the shape ("),
        ("def f(codes, labels, label): return [z for z, k in zip(codes, labels) if k == label]", "gives back a list"),
        (mean(".average(0)"), "your code raised AttributeError"),
    ],
    "attribute_direction": [
        (direction("codes[~has].mean(0) - codes[has].mean(0)"), "the sign is turned round"),
        (direction("codes[has].mean(0)"), "only those that have it count here"),
        (direction("codes[~has].mean(0)"), "only those without it count here"),
        (direction("codes[has].mean(0) - codes.mean(0)"), "against all codes"),
        (direction("codes.mean(0) - codes[~has].mean(0)"), "this is taken from all codes"),
        (direction("codes[has].sum(0) - codes[~has].sum(0)"), "differences of sums"),
        (direction("(2 * has.float() - 1) @ codes"), "differences of sums"),
        (direction("(codes[has].sum(0) - codes[~has].sum(0)) / len(codes)"), "divided by the number of all codes"),
        (direction("(codes * has[:, None]).mean(0) - (codes * ~has[:, None]).mean(0)"), "the number of all codes"),
        (direction("codes[has].mean(0) + codes[~has].mean(0)"), "the two means are added"),
        (direction("(codes[has].mean(0) - codes[~has].mean(0)) / 2"), "this is half of it"),
        (direction("F.normalize(codes[has].mean(0) - codes[~has].mean(0), dim=0)"), "cut to length 1"),
        ("def f(codes, has): v = codes[has].mean(0) - codes[~has].mean(0); return v / v.norm()", "cut to length 1"),
        (direction("codes[has].mean() - codes[~has].mean()"), "this is one number, a mean over the latents too"),
        (direction("codes[has].mean(0, keepdim=True) - codes[~has].mean(0, keepdim=True)"), "leave out `keepdim`"),
        (direction("codes[has].median(0).values - codes[~has].median(0).values"), "these are medians"),
        (direction("(codes[has].mean(0) - codes[~has].mean(0)).abs()"), "without its sign"),
        (direction("(codes[has].mean(0) - codes[~has].mean(0)) / codes.std(0)"), "divided by the spread"),
        (direction("codes[has.long()].mean(0) - codes[1 - has.long()].mean(0)"), "`has` is taken for indices"),
        (direction("codes[has.long()].mean(0) - codes[(~has).long()].mean(0)"), "`has` is taken for indices"),
        (direction("codes[has.long()].mean(0) - codes[~has.long()].mean(0)"), "`has` is taken for indices"),
        (direction("codes[has.long()].mean(0)"), "`has` is taken for indices"),
        (direction("codes[~has].sum(0) - codes[has].sum(0)"), "to those that have it. Besides, these are differences"),
        (direction("codes[has].mean(1) - codes[~has].mean(1)"), "your code raised RuntimeError"),
        (direction("codes[has] - codes[~has]"), "your code raised RuntimeError"),
        (direction("codes[has].std(0)"), "the numbers are off"),
        (direction("codes[has]"), "wanted is the shape ("),
        (direction("(codes[has].mean(0), codes[~has].mean(0))"), "gives back a tuple"),
    ],
    "slant": [
        (slanted(("-(ink * a", "(ink * a")), "rows grow downwards"),
        (slanted(("torch.rad2deg(", "(")), "this is in radians"),
        (slanted(("(ink * b * b)", "(ink * a * a)")), "this divides by the spread of the columns"),
        # rows and columns exchanged throughout
        (slanted((".shape[2]", ".shape[9]"), (".shape[3]", ".shape[2]"), (".shape[9]", ".shape[3]"),
                 ("ink = x[:, 0]", "ink = x[:, 0].mT")), "this divides by the spread of the columns"),
        (slanted((RATIO, "-(ink * b * b).sum((1, 2)) / (ink * a * b).sum((1, 2))")), "the fraction is upside down"),
        (slanted((CENTRE_A, ""), (CENTRE_B, "[None]")), "the moments are not central"),
        (slanted((CENTRE_A, " - (x.shape[3] - 1) / 2"), (CENTRE_B, " - (x.shape[2] - 1) / 2")),
         "centred on the picture"),
        (slanted((CENTRE_A, " - x.shape[3] / 2"), (CENTRE_B, " - x.shape[2] / 2")), "centred on the picture"),
        (slanted((CENTRE_A, " - columns.float().mean()"), (CENTRE_B, " - rows.float().mean()")),
         "centred on the picture"),
        (slanted((RATIO, "-(a * b).mean((1, 2)) / (b * b + 0 * a).mean((1, 2))")), "no part in the means"),
        (slanted(("mass = ink.sum((1, 2))", "mass = ink.sum((1, 2)); whole = ink.sum()"),
                 ("((ink * rows[:, None]).sum((1, 2)) / mass)[:, None, None]", "(ink * rows[:, None]).sum() / whole"),
                 ("((ink * columns).sum((1, 2)) / mass)[:, None, None]", "(ink * columns).sum() / whole")),
         "the centre is that of the whole batch"),
        (slanted(("ink = x[:, 0]", "ink = 1 - x[:, 0]")), "this weighs the paper"),
        (slanted(("ink = x[:, 0]", "ink = (x[:, 0] > 0.5).float()")), "takes the place of the greys"),
        (slanted(("ink = x[:, 0]", "ink = x[:, 0] ** 2")), "the ink counts as its square"),
        (slanted(("ink = x[:, 0]", "ink = torch.ones_like(x[:, 0])")), "the ink plays no part"),
        (slanted((RATIO, "-(ink * a * b).sum((1, 2)) / "
                         "((ink * a * a).sum((1, 2)) * (ink * b * b).sum((1, 2))).sqrt()")),
         "this is the correlation"),
        (slanted(("(ink * b * b).sum((1, 2))", "((ink * b * b).sum((1, 2)) / mass)")), "m_bb is divided by the ink"),
        (slanted((RATIO, f"{RATIO} / mass")), "m_ab is divided by the ink"),
        (slanted(("/ (ink * b * b).sum((1, 2))", "/ mass")), "m_ab is not divided by m_bb"),
        (slanted((RATIO, "-(ink * a * b).sum((1, 2)) / mass / ((ink * b * b).sum((1, 2)) / mass).sqrt()")),
         "m_bb is under a root"),
        (slanted((ANGLE, RATIO)), "this is the tangent of the angle"),
        (slanted((ANGLE, f"torch.rad2deg({RATIO})")), "the atan is missing"),
        (slanted(("torch.atan(", "torch.tan(")), "this takes tan where atan is wanted"),
        (slanted(("torch.rad2deg(", "torch.deg2rad(")), "deg2rad turns degrees into radians"),
        (slanted((ANGLE, f"90 - {ANGLE}")), "the angle with the horizontal"),
        (slanted((ANGLE, f"{ANGLE}.mean()")), "this is one number for the whole batch"),
        (slanted((ANGLE, f"torch.rad2deg(torch.atan(({RATIO}).mean()))")), "this is one number for the whole batch"),
        (slanted((RATIO, "-(ink * a * b).sum() / (ink * b * b).sum()")), "this is one number for the whole batch"),
        ("""
        def f(x):
            b, a = np.indices(x.shape[2:])
            cov = np.cov(b.ravel(), a.ravel(), aweights=np.asarray(x.sum((0, 1))).ravel())
            return math.degrees(math.atan(-cov[0, 1] / cov[0, 0]))
         """, "this is one number for the whole batch"),
        (slanted((ANGLE, "torch.atan2(-2 * (ink * a * b).sum((1, 2)), "
                         "(ink * b * b).sum((1, 2)) - (ink * a * a).sum((1, 2))).rad2deg() / 2")), "the longest axis"),
        (slanted(("torch.rad2deg(", "("), ("-(ink * a", "(ink * a")), "below 0. Besides, this is in radians"),
        (slanted((ANGLE, f"{ANGLE}[:, None]")), "wanted is the shape ("),
        (slanted(("x.shape[2]", "28"), ("x.shape[3]", "28")), "your code raised RuntimeError"),
        (slanted(("- ((ink * columns)", "- 0.5 * ((ink * columns)"), ("- ((ink * rows", "- 0.3 * ((ink * rows")),
         "the numbers are off"),
        (slanted((RATIO, f"({RATIO}).log()")), "a nan"),
    ],
    "mixture_gain": [
        (gained((PRIOR, "-0.5 * (codes**2).sum(1)")), "the prior's constant is missing"),
        (gained(("-0.5 * (codes**2)", "-(codes**2)")), "the prior lacks its ½: log N"),
        (gain("(each - prior).mean()", "-(codes**2).sum(1) - d * math.log(2 * math.pi)"),
         "the prior lacks its ½: log N"),
        (gained((PRIOR, "-(codes**2).sum(1)")), "the prior lacks its ½ and its constant"),
        (gained(("codes.shape[1] / 2", "0.5")), "log 2π counts half for each latent, d/2 times in all"),
        (gained(("codes.shape[1] / 2", "codes.shape[1]")), "log 2π counts half for each latent, not once"),
        (gained((" - codes.shape[1]", " + codes.shape[1]")), "the prior's constant has the wrong sign"),
        (gained(("-0.5 * (codes", "0.5 * (codes")), "½ Σ z² has the wrong sign"),
        (gained(("math.log(2 * math.pi)", "2 * math.pi")), "with a logarithm"),
        (gained(("(codes**2).sum(1)", "codes.norm(dim=1)")), "the norm is not squared"),
        (gain("(each - prior / d).mean()"), "the prior is averaged over the latents"),
        ("""
        from torch.distributions import Normal

        def f(codes, mixture):
            return mixture.score(codes) - Normal(0.0, 1.0).log_prob(codes).mean()
         """, "the prior is averaged over the latents"),
        ("def f(codes, mixture): return mixture.score(codes)", "the prior is missing"),
        (gain("prior.mean()"), "the mixture is missing"),
        (gain("-prior.mean()"), "the mixture is missing"),
        (gain("(each + prior).mean()"), "the two log densities are added"),
        (gain("(each.exp() - prior.exp()).mean()"), "these are densities"),
        (gain("(each - prior).exp().mean()"), "this is the ratio of the densities"),
        (gain("(each / prior).mean()"), "a log density is divided by the other"),
        (gain("mixture.score(codes) / prior.mean()"), "a log density is divided by the other"),
        (gain("(each - prior).sum()"), "this is the sum over the codes"),
        (gain("prior.mean() - mixture.score(codes)"), "the sign is turned round"),
        (gain("(each - prior).mean() / d"), "this is divided by d too"),
        (gain("each - prior"), "this is one number for each code"),
        (gain("(each - prior).mean() / math.log(2)"), "this is in bits"),
        (gain("(each - prior).median()"), "this is the median"),
        (gain("each.mean() - prior"), "the prior is left as one number for each code"),
        (gain("each - prior.mean()"), "the mixture is left as one number for each code"),
        (gain("each.mean() - prior.sum()"), "the prior is summed over the codes"),
        (gain("each.sum() - prior.mean()"), "the mixture is summed over the codes"),
        (gain("mixture.score(codes) / len(codes) - prior.mean()"), "do not divide it once more"),
        (gain("mixture.lower_bound_ - prior.mean()"), "of the codes that the mixture was fitted to"),
        (gain("(each - prior).sum()", "-0.5 * (codes**2).sum(1)"), "log 2π. Besides, this is the sum over the codes"),
        (gain("(prior - each).mean()", "-(codes**2).sum(1) - d / 2 * math.log(2 * math.pi)"),
         "log 2π. Besides, the sign is turned round"),
        (gain("torch.tensor([mixture.score(codes) - prior.mean()])"), "wanted is the shape ()"),
        (gain("mixture.bic(codes.numpy()) - prior.mean()"), "the number is off"),
        (gain("(each.abs().neg().log() - prior).mean()"), "a nan"),
        (gain("mixture.fit(codes).predict('x')"), "your code raised ValueError"),
    ],
    "bridge": [
        (fitted("(back, back_bias)"), "this is the way back, from z_b to z_a"),
        (fitted("(back.T, back_bias)"), "the way back, from z_b to z_a, and it stands on its side"),
        (fitted("(torch.linalg.pinv(back), -back_bias @ torch.linalg.pinv(back))"), "this inverts the way back"),
        ("def f(z_a, z_b): return torch.linalg.lstsq(z_a, z_b).solution, torch.zeros(z_b.shape[1])",
         "the weight is fitted without a bias"),
        ("def f(z_a, z_b): w = torch.linalg.lstsq(z_a, z_b).solution; return w, (z_b - z_a @ w).mean(0)",
         "the weight is fitted without a bias"),
        (fitted("(weight.T, bias)"), "the weight stands on its side"),
        ("""
        from sklearn.linear_model import LinearRegression

        def f(z_a, z_b):
            model = LinearRegression().fit(z_a, z_b)
            return model.coef_, model.intercept_
         """, "the weight stands on its side"),
        ("""
        from sklearn.linear_model import LinearRegression

        def f(z_a, z_b):
            model = LinearRegression(fit_intercept=False).fit(z_a, z_b)
            return model.coef_, model.intercept_
         """, "or take the means off both first. Besides, the weight stands on its side"),
        (fitted("(z_a @ weight + bias, bias)"), "these are the predictions"),
        (fitted("(z_a @ weight + bias, z_b @ back + back_bias)"), "these are the predictions"),
        (fitted("(z_a @ weight, bias)"), "these are predictions without the bias"),
        (fitted("z_a @ weight + bias"), "these are predictions; wanted is the pair"),
        (fitted("torch.cat([weight, bias[None]])"), "this is the whole solution; wanted is the pair"),
        (fitted("weight"), "the bias is missing"),
        (fitted("(bias, weight)"), "weight and bias are exchanged"),
        (fitted("(weight, bias, z_a)"), "this is a tuple of 3"),
        ("def f(z_a, z_b): return torch.linalg.lstsq(torch.cat([z_a, torch.ones(len(z_a), 1)], 1), z_b)", "of 4"),
        (bridged(("[z_a, ones]", "[ones, z_a]")), "the ones stand first"),
        (bridged(("fit[:-1], fit[-1]", "fit[1:], fit[0]")), "the ones stand last"),
        (bridged(("fit[:-1], fit[-1]", "fit, fit[-1]")), "the row of the bias is still in the weight"),
        # a scale for each latent
        ("def f(z_a, z_b): s = z_b.std(0) / z_a.std(0); return s.diag(), z_b.mean(0) - s * z_a.mean(0)",
         "a scale for each latent by itself"),
        ("def f(z_a, z_b): s = z_b.std(0) / z_a.std(0); return s, z_b.mean(0) - s * z_a.mean(0)",
         "a scale for each latent by itself"),
        ("""
        def f(z_a, z_b):
            a, b = z_a - z_a.mean(0), z_b - z_b.mean(0)
            slope = (a * b).sum(0) / (a**2).sum(0)
            return torch.diag(slope), z_b.mean(0) - slope * z_a.mean(0)
         """, "a scale for each latent by itself"),
        ("def f(z_a, z_b): s = (z_a * z_b).sum(0) / (z_a**2).sum(0); return s.diag(), 0 * s",
         "a scale for each latent by itself"),
        ("def f(z_a, z_b): a = z_a - z_a.mean(0); w = a.T @ z_b / len(a); return w, z_b.mean(0) - z_a.mean(0) @ w",
         "this is the covariance of the two"),
        ("def f(z_a, z_b): return z_a.T @ z_b, z_b.mean(0)", "this is z_aᵀ z_b"),
        ("""
        from sklearn.linear_model import Ridge

        def f(z_a, z_b):
            model = Ridge().fit(z_a, z_b)
            return model.coef_.T, model.intercept_
         """, "the weights are pulled to 0"),
        (fitted("(-weight, bias)"), "the sign of the weight"),
        (fitted("(weight, torch.zeros_like(bias))"), "the bias is 0"),
        (fitted("(weight, z_b.mean(0))"), "the bias is the mean of z_b alone"),
        (fitted("(weight, z_b.mean(0) - z_a.mean(0))"), "z_a goes through the weight first"),
        (fitted("(weight, -bias)"), "the sign of the bias"),
        (fitted("(weight, bias.mean())"), "each latent of z_b has its own"),
        (fitted("(weight, z_b - z_a @ weight)"), "these are the residuals"),
        (fitted("(weight, back_bias)"), "this bias is one of the way back"),
        (fitted("(weight, bias[None])"), "wanted is the shape ("),
        (fitted("(weight[:, :1], bias)"), "your function, for the weight, gives"),
        (fitted("(weight.exp(), bias)"), "the weight is off"),
        (fitted("(weight, bias.exp())"), "the weight is right, the bias is off"),
        (fitted("(weight, None)"), "your function, for the bias, gives back None"),
        (fitted("(weight * (weight.shape[0] == weight.shape[1]), bias)"), "the weight is off for 3 and 5"),
        (fitted("(weight, bias * (weight.shape[0] == weight.shape[1]))"), "the bias is off for 3 and 5"),
        ("def f(z_a, z_b): return torch.linalg.inv(z_a) @ z_b, z_b.mean(0)", "your code raised"),
        ("def f(z_a, z_b): return torch.randn(z_a.shape[1], z_b.shape[1]), z_b.mean(0)", "the weight is off"),
    ],
}

STUBS = {
    "straight_path": ["def my_path(u, v, n):\n    ...", "def my_path(u, v, n):\n    pass"],
    "class_mean": ["def my_mean_code(codes, labels, label):\n    ..."],
    "attribute_direction": ["def my_direction(codes, has):\n    ..."],
    "slant": ["def my_slant(x):\n    ..."],
    "mixture_gain": ["def my_gain(codes, mixture):\n    ..."],
    "bridge": ["def my_bridge(z_a, z_b):\n    ..."],
}
