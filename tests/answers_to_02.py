"""Answers to the exercises of notebook 02: right ones, wrong ones with what the message must say, stubs."""

RIGHT = {
    "log_density": [
        """
        def f(x, mu, sigma):
            return -((x - mu) / sigma) ** 2 / 2 - sigma.log() - math.log(2 * math.pi) / 2
        """,
        "def f(x, mu, std): return -0.5 * torch.log(2 * torch.pi * std**2) - (x - mu) ** 2 / (2 * std**2)",
        "def f(x, mu, std): return -torch.log(std * np.sqrt(2 * np.pi)) - (x - mu) ** 2 / 2 / std**2",
        "def f(x, mu, var): return -(x - mu) ** 2 / (2 * var) - 0.5 * torch.log(2 * torch.pi * var)",
        "def f(x, m, sigma2): return -0.5 * ((x - m) ** 2 / sigma2 + sigma2.log() + math.log(2 * math.pi))",
        "def f(x, m, sigma_sq): return -0.5 * ((x - m) ** 2 / sigma_sq + np.log(2 * np.pi * sigma_sq))",
        "def f(x, mu, logvar): return -0.5 * (math.log(2 * math.pi) + logvar + (x - mu) ** 2 * torch.exp(-logvar))",
        "def f(x, mu, log_var): return -0.5 * (math.log(2 * math.pi) + log_var + (x - mu) ** 2 / log_var.exp())",
        "def f(x, mu, lv): return -0.5 * (math.log(2 * math.pi) + lv + ((x - mu) / torch.exp(lv / 2)) ** 2)",
        """
        def f(x, mu, log_sigma):
            return -((x - mu) / log_sigma.exp()) ** 2 / 2 - log_sigma - math.log(2 * math.pi) / 2
        """,
        "def f(x, mu, σ): return -((x - mu) / σ) ** 2 / 2 - σ.log() - math.log(2 * math.pi) / 2",
        "def f(x, mu, sigma): return torch.distributions.Normal(mu, sigma).log_prob(x)",
        "def f(x, mu, variance): return torch.distributions.Normal(mu, variance.sqrt()).log_prob(x)",
        "def f(x, mu, var): return -F.gaussian_nll_loss(mu, x, var, full=True, reduction='none')",
        "def f(x, mu, sigma): return -np.square((x - mu) / sigma) / 2 - np.log(sigma) - np.log(2 * np.pi) / 2",
        """
        def f(x, mu, sigma):
            return -np.sum(((x - mu) / sigma)[None] ** 2, axis=0) / 2 - np.log(sigma * (2 * np.pi) ** 0.5)
        """,
        """
        from scipy import stats

        def f(x, mu, sigma):
            return stats.norm.logpdf(x, mu, sigma)
        """,
        # an array that torch does not have
        """
        def f(x, mu, sigma):
            return (-((x - mu) / sigma) ** 2 / 2 - np.log(sigma)).astype(float) - 0.5 * np.log(2 * np.pi)
        """,
        # one sigma for all
        "def f(x, mu, sigma): return -((x - mu) / sigma) ** 2 / 2 - math.log(sigma) - 0.5 * math.log(2 * math.pi)",
        """
        def f(x, mu, sigma):
            return [-((a - mu) / sigma) ** 2 / 2 - math.log(sigma * math.sqrt(2 * math.pi)) for a in x]
        """,
        """
        def f(x, mu, sigma):
            total = []
            for a, m, s in zip(x, mu, sigma):
                total.append(-((a - m) / s) ** 2 / 2 - math.log(s) - math.log(2 * math.pi) / 2)
            return torch.tensor(total)
        """,
        """
        def f(x, mu, sigma):
            x -= mu
            x /= sigma
            return -x.square_() / 2 - sigma.log_() - math.log(2 * math.pi) / 2
        """,
        "def f(x, mu, spread): return torch.distributions.Normal(mu.double(), spread.double()).log_prob(x.double())",
    ],
    "correlated_pair": [
        """
        def f(eps, mu, sigma, rho):
            first = mu[0] + sigma[0] * eps[:, 0]
            second = mu[1] + sigma[1] * (rho * eps[:, 0] + (1 - rho**2) ** 0.5 * eps[:, 1])
            return torch.stack([first, second], 1)
        """,
        """
        def f(eps, mu, sigma, rho):
            cov = torch.tensor([[sigma[0] ** 2, rho * sigma[0] * sigma[1]], [rho * sigma[0] * sigma[1], sigma[1] ** 2]])
            return mu + eps @ torch.linalg.cholesky(cov).T
        """,
        """
        def f(eps, mu, sigma, rho):
            cov = torch.outer(sigma, sigma) * torch.tensor([[1, rho], [rho, 1]])
            return mu + torch.einsum("ij,nj->ni", torch.linalg.cholesky(cov), eps)
        """,
        """
        def f(eps, mu, sigma, rho):
            L = torch.tensor([[1.0, 0.0], [rho, math.sqrt(1 - rho**2)]])
            return mu + sigma * (eps @ L.T)
        """,
        # any other root of the covariance matrix will do
        """
        def f(eps, mu, std, rho):
            second = eps[:, 1]
            first = rho * second + torch.sqrt(1 - rho**2) * eps[:, 0]
            return mu + std * torch.stack([first, second], dim=1)
        """,
        """
        def f(eps, mu, sigma, rho):
            d = torch.diag(sigma)
            cov = d @ (torch.eye(2) * (1 - rho) + rho) @ d
            values, vectors = torch.linalg.eigh(cov)
            return mu + eps @ (vectors * values.sqrt() @ vectors.T)
        """,
        """
        def f(eps, mu, var, rho):
            beside = rho * (var[0] * var[1]) ** 0.5
            L = torch.linalg.cholesky(torch.tensor([[var[0], beside], [beside, var[1]]]))
            return (L @ eps.T).T + mu
        """,
        """
        def f(eps, mu, logvar, rho):
            std = torch.exp(logvar / 2)
            first = rho * eps[:, 0] + (1 - rho**2) ** 0.5 * eps[:, 1]
            return torch.stack((mu[0] + std[0] * eps[:, 0], mu[1] + std[1] * first), -1)
        """,
        """
        def f(eps, mu, log_sigma, rho):
            L = torch.tensor([[1.0, 0.0], [float(rho), math.sqrt(1 - float(rho) ** 2)]])
            return mu + log_sigma.exp() * (eps @ L.T)
        """,
        """
        def f(eps, mu, sigma, rho):
            cov = np.array([[sigma[0] ** 2, rho * sigma[0] * sigma[1]], [rho * sigma[0] * sigma[1], sigma[1] ** 2]])
            return mu + eps @ np.linalg.cholesky(cov).T
        """,
        """
        def f(eps, mu, sigma, rho):
            first, second = np.split(eps, 2, axis=1)
            return mu + sigma * np.concatenate([first, rho * first + np.sqrt(1 - rho**2) * second], axis=1)
        """,
        """
        def f(eps, mu, sigma, rho):
            draws = []
            for e1, e2 in eps.tolist():
                draws.append([mu[0] + sigma[0] * e1, mu[1] + sigma[1] * (rho * e1 + math.sqrt(1 - rho**2) * e2)])
            return torch.tensor(draws)
        """,
        """
        def f(eps, mu, sigma, rho):
            cov = torch.diag(sigma) @ torch.tensor([[1, rho], [rho, 1]]) @ torch.diag(sigma)
            return mu + eps @ torch.distributions.MultivariateNormal(mu, cov).scale_tril.T
        """,
    ],
    "gaussian_sample": [
        """
        def f(mu, logvar):
            return mu + torch.exp(logvar / 2) * torch.randn_like(mu)
        """,
        "def f(mu, logvar): return mu + (0.5 * logvar).exp() * torch.randn(mu.shape)",
        "def f(mu, log_var): return torch.randn(*mu.shape) * torch.exp(log_var).sqrt() + mu",
        "def f(mu, lv): return torch.addcmul(mu, torch.exp(lv * 0.5), torch.empty_like(mu).normal_())",
        "def f(mu, z_log_var): return mu + torch.exp(z_log_var / 2) * torch.randn_like(z_log_var)",
        "def f(mu, sigma): return mu + sigma * torch.randn_like(sigma)",
        "def f(mu, std): return mu + std * torch.normal(0.0, 1.0, mu.shape)",
        "def f(mu, var): return mu + var**0.5 * torch.randn_like(mu)",
        "def f(mu, sigma2): return mu + sigma2.sqrt() * torch.randn_like(mu)",
        "def f(mu, sigma_sq): return mu + torch.sqrt(sigma_sq) * torch.randn_like(mu)",
        "def f(mu, log_sigma): return mu + log_sigma.exp() * torch.randn_like(mu)",
        "def f(mu, log_std): return mu - torch.exp(log_std) * torch.randn(mu.size())",
        "def f(mu, logvar): return torch.distributions.Normal(mu, torch.exp(logvar / 2)).rsample()",
        "def f(mu, sigma): return torch.distributions.Independent(torch.distributions.Normal(mu, sigma), 1).rsample()",
        "def f(mu, logvar): return mu + np.exp(logvar / 2) * np.random.randn(*mu.shape)",
        "def f(mu, sigma): return np.random.normal(mu, sigma)",
        "def f(mu, logvar): return np.random.default_rng().normal(mu, np.exp(logvar / 2))",
        "def f(mu, sigma): return np.random.standard_normal(mu.shape) * sigma + mu",
        "def f(mu, logvar): return mu + torch.exp(logvar / 2) * torch.as_tensor(np.random.randn(*mu.shape))",
        """
        def f(mu, logvar):
            z = []
            for m, lv in zip(mu, logvar):
                z.append(m + torch.exp(lv / 2) * torch.randn(len(m)))
            return torch.stack(z)
        """,
        """
        def f(mu, logvar):
            std = torch.exp(logvar / 2)
            mu += std * torch.randn_like(std)
            return mu
        """,
        # Box and Muller
        """
        def f(mu, sigma):
            u = 1 - torch.rand_like(mu)
            return mu + sigma * torch.sqrt(-2 * torch.log(u)) * torch.cos(2 * torch.pi * torch.rand_like(mu))
        """,
        "def f(mu, sigma): return mu + sigma * torch.special.ndtri(torch.rand_like(mu).clamp(1e-7, 1 - 1e-7))",
    ],
    "score_gradient": [
        """
        def f(f, mu, sigma, eps):
            z = mu + sigma * eps
            return (f(z)[:, None] * eps / sigma).mean(0)
        """,
        """
        def f(f, mu, sigma, eps):
            z = mu + sigma * eps
            return (f(z).unsqueeze(1) * (z - mu) / sigma**2).mean(dim=0)
        """,
        "def f(f, mu, sigma, eps): return f(mu + sigma * eps) @ eps / (sigma * len(eps))",
        "def f(g, m, s, e): return torch.einsum('s,sd->d', g(m + s * e), e / s) / e.shape[0]",
        "def f(f, mu, std, eps): return torch.mean(eps / std * f(mu + std * eps).reshape(-1, 1), 0)",
        "def f(f, mu, var, eps): return (f(mu + var**0.5 * eps)[:, None] * eps).mean(0) / var**0.5",
        """
        def f(f, mu, logvar, eps):
            return (f(mu + torch.exp(logvar / 2) * eps)[:, None] * eps).mean(0) / (logvar / 2).exp()
        """,
        """
        def f(f, mu, sigma, eps):
            return np.mean(np.asarray(f(mu + sigma * eps))[:, None] * np.asarray(eps) / sigma, axis=0)
        """,
        "def f(f, mu, sigma, eps): return np.mean(f(mu + sigma * eps)[:, None] * eps, axis=0) / float(sigma)",
        """
        def f(f, mu, sigma, eps):
            total = torch.zeros_like(mu)
            for e in eps:
                total += f((mu + sigma * e)[None])[0] * e / sigma
            return total / len(eps)
        """,
        # by the gradient of the log-density
        """
        def f(f, mu, sigma, eps):
            z = mu + sigma * eps
            mean = mu.clone().requires_grad_()
            log_q = torch.distributions.Normal(mean, sigma).log_prob(z).sum(1)
            return torch.autograd.grad((f(z) * log_q).mean(), mean)[0]
        """,
    ],
    "mixture_log_density": [
        """
        def f(x, weights, mu, sigma):
            log_parts = -((x[:, None] - mu) / sigma) ** 2 / 2 - sigma.log() - math.log(2 * math.pi) / 2
            return torch.logsumexp(weights.log() + log_parts, dim=1)
        """,
        """
        def f(x, w, mu, sigma):
            return torch.logsumexp(torch.log(w) + torch.distributions.Normal(mu, sigma).log_prob(x[:, None]), 1)
        """,
        """
        from torch.distributions import Categorical, MixtureSameFamily, Normal

        def f(x, weights, mu, sigma):
            return MixtureSameFamily(Categorical(weights), Normal(mu, sigma)).log_prob(x)
        """,
        """
        def f(x, w, mu, var):
            return (w.log() - 0.5 * ((x[:, None] - mu) ** 2 / var + torch.log(2 * torch.pi * var))).logsumexp(1)
        """,
        """
        def f(x, w, mu, sigma2):
            return (w.log() - 0.5 * ((x[:, None] - mu) ** 2 / sigma2 + torch.log(2 * torch.pi * sigma2))).logsumexp(-1)
        """,
        """
        def f(x, w, mu, logvar):
            parts = -0.5 * ((x[:, None] - mu) ** 2 / logvar.exp() + logvar + math.log(2 * math.pi))
            return (w.log() + parts).logsumexp(1)
        """,
        """
        def f(x, w, mu, log_sigma):
            parts = -((x[:, None] - mu) / log_sigma.exp()) ** 2 / 2 - log_sigma - math.log(2 * math.pi) / 2
            return (w.log() + parts).logsumexp(1)
        """,
        """
        def f(x, weights, mu, sigma):
            log_parts = torch.distributions.Normal(mu, sigma).log_prob(x[:, None]) + weights.log()
            top = log_parts.max(1, keepdim=True).values
            return (top + (log_parts - top).exp().sum(1, keepdim=True).log()).squeeze(1)
        """,
        """
        def f(x, weights, mu, sigma):
            total = torch.full_like(x, -torch.inf)
            for w, m, s in zip(weights, mu, sigma):
                total = torch.logaddexp(total, w.log() + torch.distributions.Normal(m, s).log_prob(x))
            return total
        """,
        """
        def f(x, weights, mu, sigma):
            parts = [w.log() - ((x - m) / s) ** 2 / 2 - s.log() - math.log(2 * math.pi) / 2
                     for w, m, s in zip(weights, mu, sigma)]
            return torch.stack(parts).logsumexp(0)
        """,
        """
        def f(x, weights, mu, sigma):
            log_parts = np.log(weights) - ((x[:, None] - mu) / sigma) ** 2 / 2 - np.log(sigma) - np.log(2 * np.pi) / 2
            return np.logaddexp.reduce(log_parts, axis=1)
        """,
        """
        from scipy.special import logsumexp
        from scipy.stats import norm

        def f(x, weights, mu, sigma):
            return logsumexp(norm.logpdf(x[:, None], mu, sigma), axis=1, b=weights)
        """,
        """
        def f(x, weights, mu, sigma):
            logs = []
            for a in x.tolist():
                parts = [math.log(w) - ((a - m) / s) ** 2 / 2 - math.log(s * math.sqrt(2 * math.pi))
                         for w, m, s in zip(weights.tolist(), mu.tolist(), sigma.tolist())]
                logs.append(max(parts) + math.log(sum(math.exp(p - max(parts)) for p in parts)))
            return logs
        """,
    ],
}

LOG_2PI = "math.log(2 * math.pi)"


def log_density(value, spread="sigma"):
    return f"def f(x, mu, {spread}): return {value}"


def pair(second, first="mu[0] + sigma[0] * eps[:, 0]", spread="sigma"):
    """From what is written for the second number; the first is right."""
    return f"""
        def f(eps, mu, {spread}, rho):
            return torch.stack([{first}, {second}], 1)
        """


def pair_by_cholesky(matrix, draw="mu + eps @ torch.linalg.cholesky(cov).T", spread="sigma"):
    return f"""
        def f(eps, mu, {spread}, rho):
            a, b = {spread}
            cov = torch.tensor({matrix})
            return {draw}
        """


def score(value, z="mu + sigma * eps", spread="sigma"):
    return f"def f(f, mu, {spread}, eps): z = {z}; return {value}"


def mixture(value, spread="sigma", part=None):
    part = part or f"-((x[:, None] - mu) / sigma) ** 2 / 2 - sigma.log() - {LOG_2PI} / 2"
    return f"""
        def f(x, w, mu, {spread}):
            part = {part}
            return {value}
        """


REST = "(1 - rho**2) ** 0.5"
COV = "[[a**2, rho * a * b], [rho * a * b, b**2]]"
Z = "((x - mu) / sigma)"
WRONG = {
    "log_density": [
        (
            "def f(x, mu, sigma): return -(((x - mu) / sigma) ** 2) / 2 + sigma.log() + np.log(2 * np.pi) / 2",
            "the minus stands before the square alone",
        ),
        (log_density(f"(-{Z} ** 2 / 2 - sigma.log() - {LOG_2PI} / 2).exp()"), "this is the density itself"),
        (log_density("torch.distributions.Normal(mu, sigma).log_prob(x).exp()"), "this is the density itself"),
        (log_density(f"{Z} ** 2 / 2 + sigma.log() + {LOG_2PI} / 2"), "this is −log N"),
        (log_density(f"-{Z} ** 2 - sigma.log() - {LOG_2PI} / 2"), "½ is missing before ((x − μ)/σ)²"),
        (log_density(f"{Z} ** 2 / 2 - sigma.log() - {LOG_2PI} / 2"), "its sign is wrong"),
        (log_density(f"-{Z} ** 2 / 2 - {LOG_2PI} / 2"), "−log σ is missing"),
        (log_density(f"-{Z} ** 2 / 2 + sigma.log() - {LOG_2PI} / 2"), "this is + log σ"),
        (log_density(f"-{Z} ** 2 / 2 - (sigma**2).log() - {LOG_2PI} / 2"), "this is −log σ² where −log σ"),
        (log_density(f"-{Z} ** 2 / 2 - 0.5 * torch.log(2 * torch.pi * sigma)"), "this is −½ log σ where −log σ"),
        (log_density(f"-{Z} ** 2 / 2 - sigma.log()"), "the constant −½ log 2π is missing"),
        (log_density(f"-{Z} ** 2 / 2 - sigma.log() - {LOG_2PI}"), "the constant is −½ log 2π, with its ½"),
        (log_density(f"-{Z} ** 2 / 2 - sigma.log() + {LOG_2PI} / 2"), "the constant has the wrong sign"),
        (log_density(f"-{Z} ** 2 / 2 - (2 * torch.pi * sigma**2).log()"), "½ is missing before log(2πσ²)"),
        (log_density(f"-{Z} ** 2 / 2"), "this is the square alone"),
        (log_density(f"-(x - mu) / (2 * sigma**2) - sigma.log() - {LOG_2PI} / 2"), "x − μ is not squared"),
        (log_density(f"-{Z} / 2 - sigma.log() - {LOG_2PI} / 2"), "x − μ is not squared"),
        (log_density(f"-(x / sigma) ** 2 / 2 - sigma.log() - {LOG_2PI} / 2"), "μ is missing"),
        (log_density(f"-((x + mu) / sigma) ** 2 / 2 - sigma.log() - {LOG_2PI} / 2"), "here μ is added"),
        (
            log_density(f"-(x - mu) ** 2 / (2 * sigma) - sigma.log() - {LOG_2PI} / 2"),
            "in the square, this takes σ for σ²: σ must be squared",
        ),
        (
            log_density(f"-(x - mu) ** 2 / (2 * var.sqrt()) - var.log() / 2 - {LOG_2PI} / 2", "var"),
            "the square is divided by 2σ; divide it by 2σ²",
        ),
        (log_density(f"(-{Z} ** 2 / 2 - sigma.log() - {LOG_2PI} / 2).sum()"), "this is the sum over all numbers"),
        (log_density(f"(-{Z} ** 2 / 2 - sigma.log() - {LOG_2PI} / 2).mean()"), "this is the mean over all numbers"),
        (
            log_density(f"(-{Z} ** 2 - sigma.log() - {LOG_2PI} / 2).sum()"),
            "½ is missing before ((x − μ)/σ)². Besides, this is the sum over all numbers",
        ),
        # a spread taken for another
        (log_density(f"-(x - mu) ** 2 / (2 * logvar.exp() ** 2) - logvar - {LOG_2PI} / 2", "logvar"),
         "takes exp(logvar) for σ, which squares σ² once more"),
        (log_density("torch.distributions.Normal(mu, logvar.exp()).log_prob(x)", "logvar"),
         "takes exp(logvar) for σ, which squares σ² once more"),
        (log_density(f"-(x - mu) ** 2 / (2 * logvar.exp() ** 2) - logvar / 2 - {LOG_2PI} / 2", "logvar"),
         "in the square, this takes exp(logvar) for σ"),
        (log_density("torch.distributions.Normal(mu, logvar).log_prob(x)", "logvar"), "takes logvar for σ, but σ is"),
        (log_density("torch.distributions.Normal(mu, logvar.sqrt()).log_prob(x)", "logvar"), "takes logvar for σ²,"),
        (log_density(f"-(x - mu) ** 2 / (2 * logvar**2) - logvar / 2 - {LOG_2PI} / 2", "logvar"),
         "in the square, this takes logvar for σ,"),
        (log_density("torch.distributions.Normal(mu, (sigma / 2).exp()).log_prob(x)"), "takes σ for logvar"),
        (log_density(f"-0.5 * ({LOG_2PI} + std + (x - mu) ** 2 / std.exp())", "std"), "takes σ for logvar"),
        (log_density(f"-{Z} ** 2 / 2 - sigma - {LOG_2PI} / 2"), "in the term −log σ, this takes σ for log σ"),
        (log_density("torch.distributions.Normal(mu, sigma.exp()).log_prob(x)"), "takes σ for log σ"),
        (log_density(f"-0.5 * ((x - mu) ** 2 / sigma + sigma.log() + {LOG_2PI})"), "takes σ for σ²"),
        (log_density("torch.distributions.Normal(mu, var).log_prob(x)", "var"), "takes σ² for σ, which squares"),
        (log_density("torch.distributions.Normal(mu, (sigma2 / 2).exp()).log_prob(x)", "sigma2"),
         "takes σ² for logvar"),
        (log_density("torch.distributions.Normal(mu, log_sigma).log_prob(x)", "log_sigma"), "takes log σ for σ:"),
        (log_density("torch.distributions.Normal(mu, (log_sigma / 2).exp()).log_prob(x)", "log_sigma"),
         "takes log σ for log σ²"),
        # far out
        (log_density("torch.log(torch.exp(-0.5 * ((x - mu) / sigma) ** 2) / (sigma * (2 * torch.pi) ** 0.5))"),
         "at x = 200 the density rounds to 0"),
        (log_density("np.log(np.exp(-0.5 * np.square((x - mu) / sigma)) / (sigma * (2 * np.pi) ** 0.5))"),
         "at x = 200 the density rounds to 0"),
        (log_density(f"-0.5 * ({LOG_2PI} + (x - mu) ** 2 / logvar.exp() + logvar.clamp(min=0))", "logvar"),
         "right for σ > 1, but off for σ < 1"),
        (log_density(f"(-{Z} ** 2 / 2 - sigma.log() - {LOG_2PI} / 2)[:, None]"), "your function gives ("),
        (log_density("-3 * x"), "the numbers are off"),
        (log_density("torch.log(x - 100)"), "a nan"),
        (log_density(f"-((x - mu) ^ 2) / 2 - {LOG_2PI}"), "a power is `**`"),
    ],
    "correlated_pair": [
        (pair(f"sigma[1] * (rho * eps[:, 0] + {REST} * eps[:, 1])", "sigma[0] * eps[:, 0]"), "the mean is missing"),
        (pair(f"mu[0] + sigma[1] * (rho * eps[:, 0] + {REST} * eps[:, 1])"), "the second gets μ₂"),
        (pair(f"mu[1] + 1 + sigma[1] * (rho * eps[:, 0] + {REST} * eps[:, 1])"), "at ε = 0 the draw must be μ"),
        (pair(f"mu[1] + rho * (mu[0] + sigma[0] * eps[:, 0]) + sigma[1] * {REST} * eps[:, 1]"), "ρ must weigh ε₁"),
        (pair(f"mu[1] + sigma[1] * (rho * (mu[0] + sigma[0] * eps[:, 0]) + {REST} * eps[:, 1])"), "ρ must weigh ε₁"),
        (pair("mu[1] + sigma[1] * eps[:, 1]"), "ρ is not used"),
        ("def f(eps, mu, sigma, rho): return mu + sigma * eps", "ρ is not used"),
        ("def f(eps, mu, sigma, rho): return mu + eps", "ρ and the spreads σ are not used"),
        ("def f(eps, mu, sigma, rho): return (mu + eps) * sigma", "μ is scaled too"),
        (pair(f"mu[1] + rho * eps[:, 0] + {REST} * eps[:, 1]", "mu[0] + eps[:, 0]"), "the spreads σ are missing"),
        (pair_by_cholesky("[[1.0, rho], [rho, 1.0]]"), "the spreads σ are missing"),
        (pair(f"mu[1] + rho * eps[:, 0] + {REST} * eps[:, 1]"), "the second number lacks its σ₂"),
        (pair(f"mu[1] + sigma[1] * rho * eps[:, 0] + {REST} * eps[:, 1]"), "before both parts"),
        (pair(f"mu[1] + rho * eps[:, 0] + sigma[1] * {REST} * eps[:, 1]"), "before both parts"),
        (pair(f"mu[1] + rho * sigma[0] * eps[:, 0] + sigma[1] * {REST} * eps[:, 1]"), "takes σ₁ε₁"),
        (pair(f"mu[1] + rho * sigma[0] * sigma[1] * eps[:, 0] + sigma[1] * {REST} * eps[:, 1]"),
         "what stands before ε₁"),
        (pair(f"mu[1] + sigma[0] * (rho * eps[:, 0] + {REST} * eps[:, 1])"), "both numbers get σ₁"),
        (pair(f"mu[1] + sigma[0] * (rho * eps[:, 0] + {REST} * eps[:, 1])", "mu[0] + sigma[1] * eps[:, 0]"),
         "the two σ are exchanged"),
        (pair(f"mu[1] + sigma[1] * ({REST} * eps[:, 1] - rho * eps[:, 0])"), "it is −ρ"),
        (pair("mu[1] + sigma[1] * (rho * eps[:, 0] + eps[:, 1])"), "not ε₂ whole"),
        (pair("mu[1] + sigma[1] * (rho * eps[:, 0] + (1 - rho) ** 0.5 * eps[:, 1])"), "√(1 − ρ) is not what is left"),
        (pair("mu[1] + sigma[1] * (rho * eps[:, 0] + (1 - rho) * eps[:, 1])"), "(1 − ρ) is not what is left"),
        (pair("mu[1] + sigma[1] * (rho * eps[:, 0] + (1 - rho**2) * eps[:, 1])"), "the root is missing"),
        (pair("mu[1] + sigma[1] * (rho * eps[:, 0] + (1 + rho**2) ** 0.5 * eps[:, 1])"),
         "(1 + ρ²) is not what is left"),
        (pair_by_cholesky("[[a**2, rho], [rho, b**2]]"), "the covariance is ρ itself"),
        (pair_by_cholesky("[[a, rho * a * b], [rho * a * b, b]]"), "stands σ², not σ"),
        (pair_by_cholesky("[[a, rho], [rho, b]]"), "here they are σ and ρ"),
        (pair_by_cholesky("[[a**2, rho * a**2 * b**2], [rho * a**2 * b**2, b**2]]"), "here it is ρσ₁²σ₂²"),
        (pair_by_cholesky("[[a, rho * a * b], [rho * a * b, b]]", spread="var"), "here it is ρσ₁²σ₂²"),
        (pair_by_cholesky(COV, "mu + eps @ torch.linalg.cholesky(cov)"), "write eps @ L.T"),
        (pair_by_cholesky(COV, "mu + eps @ cov"), "the covariance matrix itself"),
        (pair_by_cholesky(COV, "torch.distributions.MultivariateNormal(mu, cov).sample((len(eps),))"),
         "two calls with one ε differ"),
        (pair_by_cholesky(COV, "torch.linalg.cholesky(cov) @ eps.T + mu[:, None]"), "wanted is the shape"),
        (pair_by_cholesky("[[a**2, 0.2], [0.2, b**2]]"), "wanted is the covariance matrix"),
        (pair(f"mu[1] + sigma[1] * (rho * eps[:, 0].abs() + {REST} * eps[:, 1])"),
         "sums and products with fixed numbers"),
        (pair(f"mu[1] + sigma[1] * (rho * eps[:, 0].flip(0) + {REST} * eps[:, 1])"), "its own row of ε alone"),
        (pair(f"mu[1] + sigma[1] * (rho * eps[:, 0] + {REST} * eps[:, 1]) - eps.mean()"), "its own row of ε alone"),
        (pair(f"mu[0] + sigma[1] * (rho * eps[:, 0] + {REST} * eps[:, 1])", "mu[1] + sigma[0] * eps[:, 0]"),
         "the two means are exchanged"),
        (pair("mu[1] + (eps * 0 - 1).sqrt().sum(1)"), "a nan"),
        (pair_by_cholesky(COV, spread="var"), "takes σ² for σ, which squares"),
        (pair_by_cholesky(COV, spread="logvar"), "takes logvar for σ, but"),
        (pair_by_cholesky("[[(2 * a).exp(), rho * (a + b).exp()], [rho * (a + b).exp(), (2 * b).exp()]]",
                          spread="logvar"),
         "takes exp(logvar) for σ"),
        (pair_by_cholesky("[[a.exp(), rho * ((a + b) / 2).exp()], [rho * ((a + b) / 2).exp(), b.exp()]]"),
         "takes σ for logvar"),
        (pair_by_cholesky("[[a, rho * (a * b) ** 0.5], [rho * (a * b) ** 0.5, b]]"), "takes σ for σ²"),
        (pair_by_cholesky(COV, spread="log_sigma"), "takes log σ for σ:"),
        ("def f(eps, mu, logvar, rho): return mu + logvar.exp() * eps", "Besides, the two are independent"),
        (pair_by_cholesky("[[a**4, rho * a**2 * b**2], [rho * a**2 * b**2, b**4]]"), "ε is multiplied by σ²"),
    ],
    "gaussian_sample": [
        ("def f(mu, logvar): return mu", "there is no noise"),
        ("def f(mu, logvar): return torch.exp(logvar / 2) * torch.randn_like(mu)", "the mean is missing"),
        ("def f(mu, logvar): return torch.randn_like(mu)", "the mean is missing"),
        ("def f(mu, logvar): return mu + torch.exp(logvar / 2) * torch.randn(mu.shape[1])", "serves the whole batch"),
        ("def f(mu, logvar): return mu + torch.exp(logvar / 2) * torch.randn(1, mu.shape[1])",
         "serves the whole batch"),
        ("def f(mu, logvar): return mu + torch.exp(logvar / 2) * torch.randn_like(mu[0])", "serves the whole batch"),
        ("def f(mu, logvar): return mu + torch.exp(logvar / 2) * torch.randn(1)", "serves the whole batch"),
        ("def f(mu, sigma): return mu + sigma * np.random.randn()", "serves the whole batch"),
        ("def f(mu, logvar): return mu + torch.exp(logvar / 2) * torch.randn(len(mu), 1)", "serves all latents"),
        ("def f(mu, sigma): return mu + sigma * np.random.randn(len(mu), 1)", "serves all latents"),
        (
            "def f(mu, logvar): torch.manual_seed(0); return mu + torch.exp(logvar / 2) * torch.randn_like(mu)",
            "two calls give the same draws",
        ),
        ("def f(mu, sigma): return mu + sigma * np.random.default_rng(0).normal(size=mu.shape)", "the same draws"),
        ("def f(mu, logvar): return mu + torch.exp(logvar / 2)", "the same draws"),
        ("def f(mu, logvar): return mu + torch.exp(logvar / 2) * torch.rand_like(mu)", "torch.rand is uniform"),
        ("def f(mu, sigma): return mu + sigma * np.random.rand(*mu.shape)", "torch.rand is uniform"),
        ("def f(mu, logvar): return mu + torch.exp(logvar / 2) * torch.randn_like(mu).abs()", "is not μ"),
        ("def f(mu, logvar): return 2 * mu + torch.exp(logvar / 2) * torch.randn_like(mu)", "is not μ"),
        (
            "def f(mu, sigma): return mu + sigma * 12**0.5 * (torch.rand_like(mu) - 0.5)",
            "the noise is not Gaussian: take torch.randn",
        ),
        ("def f(mu, sigma): return mu + sigma * (2 * torch.rand_like(mu) - 1)", "the noise is not Gaussian"),
        ("def f(mu, sigma): return mu + sigma * torch.randn_like(mu).sign()", "the noise is not Gaussian"),
        ("def f(mu, sigma): return np.random.laplace(mu, sigma / 2**0.5)", "the noise is not Gaussian"),
        ("def f(mu, logvar): return mu + torch.randn_like(mu)", "σ is missing"),
        ("def f(mu, sigma): return torch.normal(mu, 1.0)", "σ is missing"),
        ("def f(mu, logvar): return mu + torch.exp(logvar) * torch.randn_like(mu)", "takes exp(logvar) for σ"),
        ("def f(mu, logvar): return mu + logvar * torch.randn_like(mu)", "takes logvar for σ, but"),
        ("def f(mu, logvar): return torch.distributions.Normal(mu, logvar).rsample()", "takes logvar for σ, but"),
        ("def f(mu, logvar): return mu + torch.sqrt(logvar) * torch.randn_like(mu)", "takes logvar for σ²,"),
        ("def f(mu, log_var): return mu + log_var * np.random.randn(*mu.shape)", "takes logvar for σ, but"),
        ("def f(mu, sigma): return mu + torch.exp(sigma / 2) * torch.randn_like(mu)", "takes σ for logvar"),
        ("def f(mu, sigma): return mu + torch.exp(sigma) * torch.randn_like(mu)", "takes σ for log σ"),
        ("def f(mu, std): return mu + torch.sqrt(std) * torch.randn_like(mu)", "takes σ for σ²"),
        ("def f(mu, std): return mu + std**2 * torch.randn_like(mu)", "multiplies ε by σ²"),
        ("def f(mu, sigma): return mu + torch.randn_like(mu) / sigma", "divides ε by σ"),
        ("def f(mu, var): return mu + var * torch.randn_like(mu)", "takes σ² for σ, which squares"),
        ("def f(mu, var): return mu + torch.exp(var / 2) * torch.randn_like(mu)", "takes σ² for logvar"),
        ("def f(mu, log_sigma): return mu + torch.exp(log_sigma / 2) * torch.randn_like(mu)", "takes log σ for log σ²"),
        ("def f(mu, log_sigma): return mu + log_sigma * torch.randn_like(mu)", "takes log σ for σ:"),
        ("def f(mu, logvar): return mu + torch.exp(logvar / 4) * torch.randn_like(mu)", "multiplies ε by √σ"),
        ("def f(mu, logvar): return mu + 3 * torch.exp(logvar / 2) * torch.randn_like(mu)",
         "times as far as it should"),
        ("def f(mu, logvar): return mu + torch.exp(logvar / 2).clamp(min=1) * torch.randn_like(mu)", "for σ < 1"),
        ("def f(mu, logvar): return torch.normal(mu, torch.exp(logvar / 2))",
         "no gradient passes to mu and its spread"),
        ("def f(mu, sigma): return torch.distributions.Normal(mu, sigma).sample()", "no gradient passes to mu and its"),
        (
            "@torch.no_grad()\ndef f(mu, sigma): return mu + sigma * torch.randn_like(mu)",
            "no gradient passes to mu and its spread",
        ),
        ("def f(mu, sigma): return mu + sigma.detach() * torch.randn_like(mu)", "no gradient passes to the spread"),
        ("def f(mu, sigma): return mu + torch.normal(0.0, sigma)", "no gradient passes to the spread"),
        ("def f(mu, sigma): return mu.detach() + sigma * torch.randn_like(mu)", "no gradient passes to mu:"),
        ("def f(mu, logvar): return (mu + torch.exp(logvar / 2) * torch.randn_like(mu)).mean(0)",
         "wanted is the shape"),
        ("def f(mu, logvar): return mu + (-torch.exp(logvar)).sqrt() * torch.randn_like(mu)", "a nan"),
        ("def f(mu, logvar): return torch.randn_like(mu), mu", "gives back a tuple"),
    ],
    "score_gradient": [
        (
            "def f(g, mu, sigma, eps):\n"
            "    eps = torch.randn_like(eps)\n"
            "    return (g(mu + sigma * eps)[:, None] * eps / sigma).mean(0)",
            "use the `eps` that you are given",
        ),
        (score("f(z)[:, None] * eps / sigma"), "these are the single terms"),
        (score("(f(z)[:, None] * eps / sigma).sum(0)"), "this is the sum over the samples"),
        (score("(f(z)[:, None] * eps / sigma).mean()"), "this is one number"),
        (score("(f(z)[:, None] * eps / sigma).sum()"), "this is one number"),
        (score("(f(z)[:, None] * eps / sigma).mean(1)"), "this is the mean over the coordinates"),
        (score("(f(z)[:, None] * eps / sigma).sum(1)"), "this is the sum over the coordinates"),
        (score("-(f(z)[:, None] * eps / sigma).mean(0)"), "the sign is turned round"),
        (score("(f(z)[:, None] * (mu - z) / sigma**2).mean(0)"), "the sign is turned round"),
        (score("(f(z)[:, None] * eps).mean(0)"), "this is (z − μ)/σ; the score is"),
        (score("(f(z)[:, None] * (z - mu) / sigma).mean(0)"), "this is (z − μ)/σ; the score is"),
        (score("(f(z)[:, None] * eps / sigma**2).mean(0)"), "divides by σ once too often"),
        (score("(f(z)[:, None] * eps * sigma).mean(0)"), "σ multiplies where it must"),
        (score("(f(z)[:, None] * (z - mu)).mean(0)"), "σ multiplies where it must"),
        (score("(f(z)[:, None] * z / sigma**2).mean(0)"), "the −μ is missing"),
        (score("(eps / sigma).mean(0)"), "this is the mean score"),
        (score("(f(eps)[:, None] * eps / sigma).mean(0)"), "f is taken at ε"),
        (score("(f(mu[None]) * eps / sigma).mean(0)"), "f is taken at μ"),
        (score("f(z).mean()"), "this is the mean of f alone"),
        (score("f(z).mean() * (eps / sigma).mean(0)"), "not the product of the means"),
        (score("((f(z) - f(z).mean())[:, None] * eps / sigma).mean(0)"), "a baseline is a good idea"),
        (
            """
            def f(f, mu, sigma, eps):
                mu = mu.clone().requires_grad_()
                return torch.autograd.grad(f(mu + sigma * eps).mean(), mu)[0]
            """,
            "this is the pathwise estimate",
        ),
        (score("(f(z)[:, None] * eps / sigma).mean(0)", "eps + mu"), "the numbers are off"),
        (score("(f(z)[:, None] * eps / sigma).mean(0, keepdim=True)"), "wanted is the shape ("),
        (score("(f(z) * eps / sigma).mean(0)"), "your code raised RuntimeError"),
        (score("(f(z)[:, None] * eps / var).mean(0)", "mu + var * eps", "var"), "takes σ² for σ, which squares"),
        (score("(f(z)[:, None] * eps / logvar).mean(0)", "mu + logvar * eps", "logvar"), "takes logvar for σ, but"),
        (score("(f(z)[:, None] * eps / logvar.exp()).mean(0)", "mu + logvar.exp() * eps", "logvar"),
         "takes exp(logvar) for σ"),
        (score("(f(z)[:, None] * eps / (std / 2).exp()).mean(0)", "mu + (std / 2).exp() * eps", "std"),
         "takes σ for logvar"),
        (score("(f(z)[:, None] * eps / max(sigma, 1)).mean(0)", "mu + max(sigma, 1) * eps"), "off for σ < 1"),
    ],
    "mixture_log_density": [
        (mixture("(w * part.exp()).sum(1)"), "this is the density"),
        (mixture("-torch.logsumexp(w.log() + part, 1)"), "the sign is turned round"),
        (mixture("(w * part).sum(1)"), "this averages the logarithms"),
        (mixture("part @ w"), "this averages the logarithms"),
        (mixture("(w.log() + part).sum(1)"), "this adds up logarithms"),
        (mixture("part.sum(1)"), "this adds up logarithms"),
        (mixture("part.logsumexp(1)"), "the weights P(m) are missing"),
        (mixture("part.exp().mean(1).log()"), "every component counts alike"),
        (mixture("(w + part).logsumexp(1)"), "take the log of the weights"),
        (mixture("(w * part).logsumexp(1)"), "not a factor"),
        (mixture("(w * part.exp()).logsumexp(1)"), "not densities"),
        (mixture("(part - w.log()).logsumexp(1)"), "log P(m) has the wrong sign"),
        (mixture("(part + w.log()).max(1).values"), "the likeliest component alone"),
        (mixture("(part + w.log()).logsumexp(0)"), "this sums over the points; it must run over the components"),
        (mixture("(part + w.log()).flatten().logsumexp(0)"), "one number for all"),
        (mixture("(part + w.log()).logsumexp((0, 1))"), "one number for all"),
        (mixture("part + w.log()"), "each for itself"),
        (mixture("(part + w.log()).logsumexp(1).sum()"), "this sums over the points too"),
        (mixture("(part + w.log()).logsumexp(1).mean()"), "this is the mean over the points"),
        (mixture("(part + w.log()).logsumexp(1, keepdim=True)"), "wanted is the shape ("),
        (mixture("torch.distributions.Normal((w * mu).sum(), (w * sigma).sum()).log_prob(x)"), "one Gaussian"),
        (mixture("torch.distributions.Normal((w * mu).sum(), (w * sigma**2).sum().sqrt()).log_prob(x)"),
         "one Gaussian"),
        (mixture("(w * part.exp()).sum(1).log()"), "at x = 200 every density rounds to 0"),
        (mixture("(w * part.double().exp()).sum(1).log()"), "at x = 200 every density rounds to 0"),
        (mixture("np.log(np.sum(w * np.exp(part), axis=1))",
                 part="-((x[:, None] - mu) / sigma) ** 2 / 2 - np.log(sigma) - np.log(2 * np.pi) / 2"),
         "at x = 200 every density rounds to 0"),
        (mixture("(w * part.exp()).sum(1).clamp(min=1e-30).log()"), "off at x = 200: stay with logarithms"),
        (mixture("(part + w.log()).logsumexp(1)",
                 part=f"-((x[:, None] - mu) / sigma) ** 2 - sigma.log() - {LOG_2PI} / 2"),
         "½ is missing before"),
        (mixture("(part + w.log()).logsumexp(1)", part=f"-((x[:, None] - mu) / sigma) ** 2 / 2 - {LOG_2PI} / 2"),
         "−log σ is missing in the components"),
        (mixture("(part + w.log()).logsumexp(1)",
                 part=f"-((x[:, None] - mu) / sigma) ** 2 / 2 + sigma.log() - {LOG_2PI} / 2"), "this is + log σ"),
        (mixture("(part + w.log()).logsumexp(1)",
                 part=f"-((x[:, None] - mu) / sigma) ** 2 / 2 - (sigma**2).log() - {LOG_2PI} / 2"), "this is −log σ²"),
        (mixture("(part + w.log()).logsumexp(1)", part="-((x[:, None] - mu) / sigma) ** 2 / 2 - sigma.log()"),
         "the constant −½ log 2π is missing"),
        (mixture("(part + w.log()).logsumexp(1)",
                 part=f"-((x[:, None] - mu) / sigma) ** 2 / 2 - sigma.log() - {LOG_2PI}"), "with its ½"),
        (mixture("(part + w.log()).logsumexp(1)",
                 part="-((x[:, None] - mu) / sigma) ** 2 / 2 - (2 * torch.pi * sigma**2).log()"), "before log(2πσ²)"),
        (mixture("(part + w.log()).logsumexp(1)", part="-((x[:, None] - mu) / sigma) ** 2 / 2"),
         "−log σ and −½ log 2π are missing"),
        (mixture("(part + w.log()).logsumexp(1)", "var", "torch.distributions.Normal(mu, var).log_prob(x[:, None])"),
         "takes σ² for σ, which squares"),
        (mixture("(part + w.log()).logsumexp(1)", "logvar",
                 "torch.distributions.Normal(mu, logvar.exp()).log_prob(x[:, None])"), "takes exp(logvar) for σ"),
        (mixture("(part + w.log()).logsumexp(1)", "logvar",
                 "torch.distributions.Normal(mu, logvar).log_prob(x[:, None])"), "takes logvar for σ, but"),
        (mixture("(part + w.log()).logsumexp(1)", "sigma",
                 "torch.distributions.Normal(mu, (sigma / 2).exp()).log_prob(x[:, None])"), "takes σ for logvar"),
        (mixture("(part + w.log()).logsumexp(1)", "sigma",
                 f"-(x[:, None] - mu) ** 2 / (2 * sigma) - sigma.log() - {LOG_2PI} / 2"),
         "in the square, this takes σ for σ²"),
        (mixture("(part + w.log()).logsumexp(1)",
                 part=f"-((x[:, None] - mu) / sigma) ** 2 / 2 - sigma.clamp(min=1).log() - {LOG_2PI} / 2"),
         "off for σ < 1"),
        (mixture("x"), "the numbers are off"),
    ],
}

STUBS = {
    "log_density": [
        "def my_log_density(x, mu, sigma):\n    ...",
        "def my_log_density(x, mu, logvar):\n    ...",
        'def my_log_density(x, mu, sigma):\n    """Three terms."""',
    ],
    "correlated_pair": ["def my_pair(eps, mu, sigma, rho):\n    ...", "def my_pair(eps, mu, sigma, rho):\n    pass"],
    "gaussian_sample": ["def my_sample(mu, logvar):\n    ...", "def my_sample(mu, sigma):\n    ..."],
    "score_gradient": ["def my_score_gradient(f, mu, sigma, eps):\n    ..."],
    "mixture_log_density": ["def my_log_mixture(x, weights, mu, sigma):\n    ..."],
}
