"""Answers to the exercises of notebook 03: right ones, wrong ones with what the message must say, stubs."""

LOG_2PI = "math.log(2 * math.pi)"
RIGHT = {
    "image_nll": [
        """
        def f(mean, x, sigma):
            nll = (x - mean) ** 2 / (2 * sigma**2) + math.log(sigma) + math.log(2 * math.pi) / 2
            return nll.flatten(1).sum(1)
        """,
        """
        def f(mean, x, sigma):
            return (((x - mean) / sigma) ** 2 / 2 + sigma.log() + np.log(2 * np.pi) / 2).sum((1, 2, 3))
        """,
        # a torch function that wants a tensor, one that wants a number, and one that takes either
        """
        def f(mean, x, sigma):
            return (((x - mean) / sigma) ** 2 / 2 + torch.log(sigma * (2 * torch.pi) ** 0.5)).flatten(1).sum(1)
        """,
        """
        def f(mean, x, sigma):
            return F.gaussian_nll_loss(mean, x, sigma**2, full=True, reduction='none').sum((1, 2, 3))
        """,
        "def f(mean, x, sigma): return -torch.distributions.Normal(mean, sigma).log_prob(x).sum(dim=(1, 2, 3))",
        """
        def f(mean, x, sigma):
            return -torch.distributions.Independent(torch.distributions.Normal(mean, sigma), 3).log_prob(x)
        """,
        """
        def f(mean, x, sigma):
            pixels = x[0].numel()
            error = F.mse_loss(mean, x, reduction="none").sum((1, 2, 3))
            return error / (2 * sigma**2) + pixels * (math.log(sigma) + 0.5 * math.log(2 * math.pi))
        """,
        """
        def f(mean, x, var):
            return ((x - mean) ** 2 / (2 * var) + 0.5 * torch.log(2 * torch.pi * var)).flatten(1).sum(1)
        """,
        """
        def f(mean, x, sigma2):
            return ((x - mean) ** 2 / (2 * sigma2) + 0.5 * math.log(2 * math.pi * sigma2)).flatten(1).sum(1)
        """,
        """
        def f(mean, x, logvar):
            return 0.5 * ((x - mean) ** 2 / logvar.exp() + logvar + math.log(2 * math.pi)).flatten(1).sum(1)
        """,
        """
        def f(mean, x, logvar):
            return 0.5 * ((x - mean) ** 2 / math.exp(logvar) + logvar + math.log(2 * math.pi)).flatten(1).sum(1)
        """,
        """
        def f(mean, x, log_sigma):
            return (0.5 * ((x - mean) / log_sigma.exp()) ** 2 + log_sigma + math.log(2 * math.pi) / 2).flatten(1).sum(1)
        """,
        "def f(mean, x, std): return torch.einsum('nchw->n', -torch.distributions.Normal(mean, std).log_prob(x))",
        """
        def f(mean, x, sigma):
            return np.sum(np.square(x - mean) / (2 * sigma**2) + np.log(sigma * np.sqrt(2 * np.pi)), axis=(1, 2, 3))
        """,
        """
        from scipy.stats import norm

        def f(mean, x, sigma):
            return -norm.logpdf(x, mean, sigma).sum(axis=(1, 2, 3))
        """,
        """
        def f(mean, x, sigma):
            nll = []
            for m, image in zip(mean, x):
                total = 0.0
                for a, b in zip(m.flatten().tolist(), image.flatten().tolist()):
                    total += (a - b) ** 2 / (2 * sigma**2) + math.log(sigma) + math.log(2 * math.pi) / 2
                nll.append(total)
            return nll
        """,
    ],
    "log_mean": [
        """
        def f(log_likelihood):
            return torch.logsumexp(log_likelihood, dim=1) - math.log(log_likelihood.shape[1])
        """,
        "def f(log_p): return (log_p - math.log(log_p.shape[-1])).logsumexp(-1)",
        "def f(log_p): return log_p.softmax(1).log().sub(log_p).neg().mean(1) - math.log(log_p.shape[1])",
        """
        def f(log_p):
            top = log_p.max(1, keepdim=True).values
            return top.squeeze(1) + (log_p - top).exp().mean(1).log()
        """,
        """
        def f(log_p):
            top = log_p.amax()
            return top + (log_p - top).exp().mean(1).log()
        """,
        "def f(log_p): return torch.stack([row.logsumexp(0) - np.log(len(row)) for row in log_p])",
        "def f(log_p): return np.logaddexp.reduce(log_p, axis=1) - np.log(log_p.shape[1])",
        """
        def f(log_p):
            top = np.max(log_p, axis=1, keepdims=True)
            return top[:, 0] + np.log(np.mean(np.exp(log_p - top), axis=1))
        """,
        """
        from scipy.special import logsumexp

        def f(log_p):
            return logsumexp(log_p, axis=1) - np.log(np.shape(log_p)[1])
        """,
        """
        def f(log_p):
            means = []
            for row in log_p.tolist():
                top = max(row)
                means.append(top + math.log(sum(math.exp(a - top) for a in row) / len(row)))
            return means
        """,
        # enough digits for −500
        "def f(log_p): return log_p.double().exp().mean(1).log()",
    ],
    "bound": [
        """
        def f(log_likelihood, log_prior, log_q):
            return (log_likelihood + log_prior - log_q).mean(1)
        """,
        "def f(log_lik, log_prior, log_q): return log_lik.mean(1) - (log_q - log_prior).mean(1)",
        "def f(a, b, c): return torch.mean(a + b, dim=-1) - c.mean(-1)",
        "def f(a, b, c): return torch.einsum('ns->n', a + b - c) / a.shape[1]",
        "def f(a, b, c): return np.mean(a + b - c, axis=1)",
        "def f(a, b, c): return -np.average(c - b - a, axis=1)",
        "def f(a, b, c): return [sum(x + y - z for x, y, z in zip(*rows)) / len(rows[0]) for rows in zip(a, b, c)]",
        """
        def f(log_lik, log_prior, log_q):
            log_lik += log_prior
            log_lik -= log_q
            return log_lik.double().sum(1) / log_lik.shape[1]
        """,
    ],
    "beta_of_sigma": [
        "def f(sigma): return 2 * sigma**2",
        "def f(sigma): return 1 / (1 / (2 * sigma**2))",
        "def f(std): return 2 * std * std",
        "def f(var): return 2 * var",
        "def f(sigma2): return sigma2 + sigma2",
        "def f(sigma_sq): return 2.0 * float(sigma_sq)",
        "def f(logvar): return 2 * torch.exp(logvar)",
        "def f(logvar): return 2 * math.exp(logvar)",
        "def f(log_sigma): return 2 * np.exp(2 * log_sigma)",
        "def f(sigma): return 2 * np.square(sigma)",
        "def f(sigma): return torch.square(sigma).mul(2)",
        "def f(sigma): return 2 * math.pow(sigma, 2)",
        "def f(sigma): return torch.tensor([sigma, sigma]).square().sum()",
    ],
}


def nll(square="(x - mean) ** 2 / (2 * sigma**2)", log="torch.log(sigma)", constant=f"{LOG_2PI} / 2",
        reduced=".flatten(1).sum(1)", spread="sigma", sign=""):
    return f"def f(mean, x, {spread}): return {sign}({square} + {log} + {constant}){reduced}"


WRONG = {
    "image_nll": [
        (
            "def f(mean, x, sigma):\n"
            "    square = ((x - mean) ** 2).flatten(1).sum(1)\n"
            "    return square / (2 * sigma**2) + x.numel() * (np.log(sigma) + np.log(2 * np.pi) / 2)",
            "the constants are counted for the pixels of the whole batch",
        ),
        (nll(reduced=".flatten(1).mean(1)"), "this is the mean over the pixels"),
        (nll(reduced=".mean((1, 2, 3))"), "this is the mean over the pixels"),
        (nll(reduced=".sum()"), "this is the sum over the batch too"),
        (nll(reduced=".mean()"), "this is one mean over all"),
        (nll(reduced=".flatten(1).sum(1).mean()"), "this is averaged over the batch"),
        (nll(reduced=".sum() / len(x)"), "this is averaged over the batch"),
        (nll(reduced=".sum(0)"), "the batch is summed, the pixels are left apart"),
        (nll(reduced=""), "each pixel is left apart"),
        (nll(reduced=".sum(-1)"), "the rows are left apart"),
        (nll(reduced=".sum((1, 2, 3), keepdim=True)"), "wanted is the shape ("),
        (nll(sign="-"), "this is +log p"),
        ("def f(mean, x, sigma): return torch.distributions.Normal(mean, sigma).log_prob(x).flatten(1).sum(1)",
         "+log p"),
        (nll(square="(x - mean) ** 2 / sigma**2"), "½ is missing before the square"),
        (nll(square="((x - mean) / sigma) ** 2"), "½ is missing before the square"),
        (nll(log="0"), "log σ is missing"),
        (nll(log="-torch.log(sigma)"), "this is −log σ where + log σ"),
        (nll(log="torch.log(sigma**2)"), "this is log σ² where log σ"),
        (nll(log="0.5 * torch.log(sigma)"), "this is ½ log σ where log σ"),
        (nll(constant="0"), "½ log 2π is missing, once for every pixel"),
        ("def f(mean, x, sigma): return F.gaussian_nll_loss(mean, x, sigma**2, reduction='none').flatten(1).sum(1)",
         "½ log 2π is missing, once for every pixel"),
        ("def f(mean, x, sigma): return F.gaussian_nll_loss(mean, x, sigma**2)",
         "½ log 2π is missing, once for every pixel. Besides, this is one mean over all"),
        (nll(constant=LOG_2PI), "with its ½"),
        (nll(constant=f"-{LOG_2PI} / 2"), "the constant has the wrong sign"),
        (nll(log="0", constant="torch.log(2 * torch.pi * sigma**2)"), "½ is missing before log(2πσ²)"),
        (nll(log="0", constant="0"), "this is the square alone"),
        ("def f(mean, x, sigma): return ((x - mean) ** 2).flatten(1).sum(1)", "this is the bare squared error"),
        ("def f(mean, x, sigma): return F.mse_loss(mean, x)", "this is the bare squared error"),
        (nll(square="(x - mean) / (2 * sigma**2)"), "x − mean is not squared"),
        (nll(square="(x - mean).abs() / (2 * sigma**2)"), "x − mean is not squared"),
        (nll(square="((x - mean) ** 2 / (2 * sigma**2)).flatten(1).sum(1)", reduced=""),
         "log σ and ½ log 2π belong to every pixel"),
        (nll(square=f"((x - mean) ** 2 / (2 * sigma**2) + {LOG_2PI} / 2).flatten(1).sum(1)", constant="0", reduced=""),
         "log σ belongs to every pixel"),
        (nll(square="((x - mean) ** 2 / (2 * sigma**2) + sigma.log()).flatten(1).sum(1)", log="0", reduced=""),
         "½ log 2π belongs to every pixel"),
        (nll(square="((x - mean) ** 2 / (2 * sigma**2)).flatten(1).mean(1)", log="x[0].numel() * sigma.log()",
             constant=f"x[0].numel() * {LOG_2PI} / 2", reduced=""), "the square is averaged over the pixels"),
        (nll(square="((x - mean) ** 2).flatten(1).sum(1).sqrt() / (2 * sigma**2)", log="x[0].numel() * sigma.log()",
             constant=f"x[0].numel() * {LOG_2PI} / 2", reduced=""), "the root of the squared error"),
        (nll(square="(x - mean) ** 2 / (2 * sigma)"), "in the square, this takes σ for σ²"),
        (nll(square="(x - mean) ** 2 / (2 * var**0.5)", log="var.log() / 2", spread="var"), "is divided by 2σ"),
        (nll(square="(x - mean) ** 2 / (2 * var**2)", log="var.log()", spread="var"), "takes σ² for σ, which squares"),
        (nll(square="(x - mean) ** 2 / (2 * logvar.exp() ** 2)", log="logvar", spread="logvar"), "exp(logvar) for σ"),
        (nll(square="(x - mean) ** 2 / (2 * logvar.exp() ** 2)", log="logvar / 2", spread="logvar"),
         "in the square, this takes exp(logvar) for σ"),
        (nll(square="(x - mean) ** 2 / (2 * logvar**2)", log="logvar.log()", spread="logvar"),
         "takes logvar for σ, but"),
        (nll(square="(x - mean) ** 2 / (2 * sigma.exp())", log="sigma / 2"), "takes σ for logvar"),
        (nll(square="(x - mean) ** 2 / (2 * (2 * sigma).exp())", log="sigma"), "takes σ for log σ"),
        (nll(log="sigma"), "in the term log σ, this takes σ for log σ"),
        (nll(square="(x - mean) ** 2 / (2 * log_sigma.exp())", log="log_sigma / 2", spread="log_sigma"),
         "takes log σ for log σ²"),
        (nll(square="(x - mean) ** 2 / (2 * sigma.exp())", log="sigma / 2", reduced=".flatten(1).mean(1)"),
         "takes σ for logvar: you were handed σ itself, nothing to exp. Besides, this is the mean over the pixels"),
        (nll(log="torch.log(sigma.clamp(min=1))"), "right for σ > 1, but off for σ < 1"),
        ("def f(mean, x, sigma): return F.binary_cross_entropy(mean, x, reduction='none').flatten(1).sum(1)",
         "are off"),
        (nll(log="torch.log(-sigma)"), "a nan"),
    ],
    "log_mean": [
        ("def f(log_p): return log_p.mean(1)", "this averages the logarithms"),
        ("def f(log_p): return log_p.logsumexp(1)", "subtract log S"),
        ("def f(log_p): return log_p.exp().sum(1).log()", "subtract log S"),
        ("def f(log_p): return log_p.sum(1)", "this adds up the logarithms"),
        ("def f(log_p): return log_p.sum(1) - math.log(log_p.shape[1])", "this adds up the logarithms"),
        ("def f(log_p): return log_p.exp().mean(1)", "this is the mean likelihood"),
        ("def f(log_p): return log_p.exp().sum(1)", "this is the sum of the likelihoods"),
        ("def f(log_p): return log_p.logsumexp(0) - math.log(len(log_p))", "the mean is taken over the images"),
        ("def f(log_p): return log_p.logsumexp(0)", "summed over the images"),
        ("def f(log_p): return log_p.logsumexp(0) - math.log(log_p.shape[1])", "summed over the images"),
        ("def f(log_p): return log_p.mean(0)", "and over the images"),
        ("def f(log_p): return log_p.exp().mean().log()", "this is one number for all"),
        ("def f(log_p): return (log_p.logsumexp(1) - math.log(log_p.shape[1])).mean()", "this is one number for all"),
        ("def f(log_p): return log_p.mean()", "this is one number for all, and a mean of logarithms"),
        ("def f(log_p): return log_p.logsumexp(1) / log_p.shape[1]", "divides the logarithm by S"),
        ("def f(log_p): return log_p.logsumexp(1) - log_p.shape[1]", "this subtracts S; subtract log S"),
        ("def f(log_p): return log_p.logsumexp(1) + math.log(log_p.shape[1])", "the log of S is added"),
        ("def f(log_p): return math.log(log_p.shape[1]) - log_p.logsumexp(1)", "the sign is turned round"),
        ("def f(log_p): return log_p.max(1).values", "the best sample's log-likelihood"),
        ("def f(log_p): return log_p.logsumexp(1) - math.log(len(log_p))", "the log of the number of images"),
        ("def f(log_p): return log_p.logsumexp(1) - math.log(log_p.numel())", "the log of all N · S numbers"),
        ("def f(log_p): return log_p.exp().mean(1).log()", "log-likelihoods of −500"),
        ("def f(log_p): return np.log(np.mean(np.exp(log_p), axis=1))", "log-likelihoods of −500"),
        ("def f(log_p): return (log_p.exp().mean(1) + 1e-30).log()", "off at −500"),
        ("def f(log_p): return log_p.logsumexp(1, keepdim=True) - math.log(log_p.shape[1])", "wanted is the shape ("),
        ("def f(log_p): return log_p[:, 0]", "the numbers are off"),
        ("def f(log_p): return log_p.mean(1).log()", "a nan"),
    ],
    "bound": [
        ("def f(a, b, c): return (a + b - c).mean(0)", "taken over the images"),
        ("def f(a, b, c): return (a + b - c).mean()", "this is one number for all"),
        ("def f(a, b, c): return (a + b - c).sum()", "this is one number for all"),
        ("def f(a, b, c): return (a + b - c).sum(1).mean()", "this is one number for all"),
        ("def f(a, b, c): return a + b - c", "these are the single draws"),
        ("def f(a, b, c): return (a + b - c).sum(1)", "this is the sum over the draws"),
        ("def f(a, b, c): return (a + b - c).sum(0)", "this is the sum over the images"),
        ("def f(a, b, c): return (a + b).mean(1)", "−log q is missing"),
        ("def f(a, b, c): return (a + b + c).mean(1)", "log q has the wrong sign"),
        ("def f(a, b, c): return (a - b - c).mean(1)", "the prior has the wrong sign"),
        ("def f(a, b, c): return (a - b + c).mean(1)", "the KL is added here"),
        ("def f(a, b, c): return (a - c).mean(1)", "log p(z) is missing"),
        ("def f(a, b, c): return a.mean(1)", "this is the reconstruction term alone"),
        ("def f(a, b, c): return (c - b).mean(1)", "this is the KL alone"),
        ("def f(a, b, c): return (b - c).mean(1)", "this is −KL alone"),
        ("def f(a, b, c): return -(a + b - c).mean(1)", "this is the loss, the negative ELBO"),
        ("def f(a, b, c): return -(a + b - c).mean()", "the negative ELBO. Besides, this is one number for all"),
        ("def f(a, b, c): return (a - b + c).sum(1)",
         "the KL is added here; it must be subtracted. Besides, this is the sum"),
        ("def f(a, b, c): return (a + b - c).logsumexp(1) - math.log(a.shape[1])", "a tighter bound than the ELBO"),
        ("def f(a, b, c): return ((a + b - c).logsumexp(1) - math.log(a.shape[1])).mean()", "and one number for all"),
        ("def f(a, b, c): return (a + b - c).logsumexp(1)", "this is the log of a sum"),
        ("def f(a, b, c): return (c.exp() * (a + b - c)).sum(1)", "do not weigh them with q"),
        ("def f(a, b, c): return (c.exp() * (a + b - c)).mean(1)", "do not weigh them with q"),
        ("def f(a, b, c): return (a + b - c).mean(1, keepdim=True)", "wanted is the shape ("),
        ("def f(a, b, c): return (a * b - c).mean(1)", "the numbers are off"),
        ("def f(a, b, c): return (a.exp() * b.exp() / c.exp()).mean(1)", "the numbers are off"),
    ],
    "beta_of_sigma": [
        ("def f(sigma): return sigma**2", "½ is missing"),
        ("def f(var): return var", "½ is missing"),
        ("def f(sigma): return 1 / (2 * sigma**2)", "this is upside down: it is the weight"),
        ("def f(sigma): return 1 / sigma**2", "upside down, and ½ is missing"),
        ("def f(sigma): return 2 / sigma**2", "upside down, and the 2 stands above"),
        ("def f(sigma): return sigma**2 / 2", "½ stands on the wrong side"),
        ("def f(sigma): return 1 / 2 * sigma**2", "½ stands on the wrong side"),
        ("def f(sigma): return 2 * sigma", "takes σ for σ²: σ must be squared"),
        ("def f(var): return 2 * var**0.5", "this is 2σ where 2σ² is wanted"),
        ("def f(sigma): return sigma", "this is σ where 2σ² is wanted"),
        ("def f(sigma): return (2 * sigma) ** 2", "the 2 is squared too"),
        ("def f(sigma): return (2 * sigma**2) ** 0.5", "this is the root of it"),
        ("def f(sigma): return -2 * sigma**2", "β is above 0"),
        ("def f(sigma): return 2 * math.exp(sigma)", "takes σ for logvar"),
        ("def f(sigma): return 2 * np.exp(2 * sigma)", "takes σ for log σ"),
        ("def f(var): return 2 * var**2", "takes σ² for σ, which squares"),
        ("def f(var): return 2 * torch.exp(var)", "takes σ² for logvar"),
        ("def f(logvar): return 2 * torch.exp(logvar) ** 2", "takes exp(logvar) for σ, which squares"),
        ("def f(logvar): return 2 * logvar**2", "takes logvar for σ, but"),
        ("def f(logvar): return 2 * logvar", "takes logvar for σ²,"),
        ("def f(log_sigma): return 2 * torch.exp(log_sigma)", "takes log σ for log σ²"),
        ("def f(sigma): return 1", "the number is off"),
        ("def f(sigma): return 2 * max(sigma, 1) ** 2", "off for σ < 1"),
        ("def f(sigma): return torch.stack([2 * sigma**2])", "wanted is the shape ()"),
        ("def f(sigma): return (-sigma.item()) ** 0.5", "a complex number"),
        ("def f(sigma): return (-sigma) ** 0.5", "a nan"),
        ("def f(sigma): return 2 * sigma^2", "a power is `**`"),
    ],
}

STUBS = {
    "image_nll": ["def my_gaussian_nll(mean, x, sigma):\n    ..."],
    "log_mean": ["def my_log_mean(log_likelihood):\n    ..."],
    "bound": ["def my_elbo(log_likelihood, log_prior, log_q):\n    ...", "def my_elbo(a, b, c):\n    pass"],
    "beta_of_sigma": ["def my_beta(sigma):\n    ...", "def my_beta(sigma):\n    raise NotImplementedError"],
}
