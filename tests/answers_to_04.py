"""Answers to the exercises of notebook 04: right ones, wrong ones with what the message must say, stubs."""

RIGHT = {
    "discrete_kl": [
        """
        def f(p, q):
            return (torch.xlogy(p, p) - torch.xlogy(p, q)).sum()
        """,
        "def f(p, q): return torch.special.xlogy(p, p / q).sum()",
        "def f(p, q): return F.kl_div(q.log(), p, reduction='sum')",
        "def f(p, q): return (p[p > 0] * (p[p > 0] / q[p > 0]).log()).sum()",
        "def f(p, q): return torch.where(p > 0, p * (p / q).log(), 0.0).sum()",
        "def f(p, q): return torch.nansum(p * (p.log() - q.log()))",
        "def f(p, q): return (p * ((p + 1e-8) / (q + 1e-8)).log()).sum()",
        "def f(p, q): return -(torch.special.entr(p) + torch.xlogy(p, q)).sum()",
        """
        from torch.distributions import Categorical, kl_divergence

        def f(p, q):
            return kl_divergence(Categorical(p), Categorical(q))
        """,
        "def f(p, q): return sum(a * math.log(a / b) for a, b in zip(p.tolist(), q.tolist()) if a > 0)",
        "def f(p, q): return sum(a * torch.log(a / b) for a, b in zip(p, q) if a > 0)",
        """
        def f(p, q):
            there = np.nonzero(p)[0]
            return np.sum(p[there] * np.log(p[there] / q[there]), axis=0)
        """,
        "def f(p, q): return np.sum(np.where(p > 0, p, 0) * np.log(np.where(p > 0, p, 1) / np.asarray(q)))",
        """
        from scipy.special import rel_entr

        def f(p, q):
            return rel_entr(p, q).sum()
        """,
        """
        from scipy.stats import entropy

        def f(p, q):
            return entropy(p, q)
        """,
        "def f(p, q): return torch.einsum('k,k->', p, torch.log(p.clamp(min=1e-30) / q))",
    ],
    "kl_to_normal": [
        """
        def f(mu, logvar):
            return 0.5 * (mu**2 + logvar.exp() - logvar - 1).sum(1)
        """,
        "def f(mu, logvar): return -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp(), dim=1)",
        "def f(mu, log_var): return -0.5 * (1 + log_var - mu * mu - torch.exp(log_var)).sum(-1)",
        "def f(mu, lv): return (torch.square(mu) + torch.expm1(lv) - lv).sum(dim=-1) / 2",
        "def f(mu, lv): return torch.einsum('nd->n', mu**2 + lv.exp() - lv - 1) / 2",
        "def f(mu, sigma): return (0.5 * (mu**2 + sigma**2 - 1) - sigma.log()).sum(1)",
        "def f(mu, std): return 0.5 * (mu**2 + std**2 - torch.log(std**2) - 1).sum(1)",
        "def f(m, s): return 0.5 * (m**2 + s**2 - 2 * torch.log(s) - 1).sum(1)",
        "def f(mu, var): return 0.5 * (mu**2 + var - var.log() - 1).sum(1)",
        "def f(mu, sigma2): return 0.5 * (mu**2 + sigma2 - sigma2.log() - 1).sum(1)",
        "def f(mu, sigma_sq): return 0.5 * (mu**2 + sigma_sq - sigma_sq.log() - 1).sum(1)",
        "def f(mu, variance): return 0.5 * ((mu**2).sum(1) + variance.sum(1) - variance.prod(1).log() - mu.shape[1])",
        "def f(mu, log_sigma): return (0.5 * (mu**2 + (2 * log_sigma).exp() - 1) - log_sigma).sum(1)",
        "def f(mu, log_std): return (0.5 * (mu**2 + log_std.exp() ** 2 - 1) - log_std).sum(1)",
        "def f(z_mean, z_log_var): return -0.5 * (1 + z_log_var - z_mean**2 - z_log_var.exp()).sum(1)",
        "def f(mu, σ): return (0.5 * (mu**2 + σ**2 - 1) - σ.log()).sum(1)",
        """
        from torch.distributions import Normal, kl_divergence

        def f(mu, logvar):
            return kl_divergence(Normal(mu, torch.exp(logvar / 2)), Normal(0.0, 1.0)).sum(1)
        """,
        """
        from torch.distributions import Independent, Normal, kl_divergence

        def f(mu, sigma):
            q = Independent(Normal(mu, sigma), 1)
            p = Independent(Normal(torch.zeros_like(mu), torch.ones_like(mu)), 1)
            return kl_divergence(q, p)
        """,
        """
        from torch.distributions import MultivariateNormal, kl_divergence

        def f(mu, var):
            d = mu.shape[1]
            q, p = MultivariateNormal(mu, torch.diag_embed(var)), MultivariateNormal(torch.zeros(d), torch.eye(d))
            return kl_divergence(q, p)
        """,
        "def f(mu, logvar): return 0.5 * np.sum(np.square(mu) + np.exp(logvar) - logvar - 1, axis=1)",
        "def f(mu, sigma): return (0.5 * (np.power(mu, 2) + np.power(sigma, 2) - 1) - np.log(sigma)).sum(axis=1)",
        """
        def f(mu, logvar):
            kl = []
            for m, lv in zip(mu.tolist(), logvar.tolist()):
                kl.append(sum((a**2 + math.exp(b) - b - 1) / 2 for a, b in zip(m, lv)))
            return torch.tensor(kl)
        """,
        """
        def f(mu, logvar):
            return torch.stack([(m @ m + lv.exp().sum() - lv.sum() - len(m)) / 2 for m, lv in zip(mu, logvar)])
        """,
    ],
    "kl_two_normals": [
        """
        def f(mu_q, logvar_q, mu_p, logvar_p):
            ratio = (logvar_q.exp() + (mu_q - mu_p) ** 2) / logvar_p.exp()
            return 0.5 * (logvar_p - logvar_q + ratio - 1).sum(1)
        """,
        """
        def f(m1, lv1, m2, lv2):
            return 0.5 * (lv2 - lv1 + (lv1 - lv2).exp() + (m1 - m2) ** 2 * torch.exp(-lv2) - 1).sum(-1)
        """,
        """
        def f(mu_q, log_var_q, mu_p, log_var_p):
            return -0.5 * (1 + log_var_q - log_var_p - ((mu_q - mu_p) ** 2 + log_var_q.exp()) / log_var_p.exp()).sum(1)
        """,
        """
        def f(mu_q, sigma_q, mu_p, sigma_p):
            return (torch.log(sigma_p / sigma_q) + (sigma_q**2 + (mu_q - mu_p) ** 2) / (2 * sigma_p**2) - 0.5).sum(1)
        """,
        """
        def f(mu1, sigma1, mu2, sigma2):
            return (torch.log(sigma2 / sigma1) + (sigma1**2 + (mu1 - mu2) ** 2) / (2 * sigma2**2) - 0.5).sum(1)
        """,
        """
        def f(mu_1, std_1, mu_2, std_2):
            return (torch.log(std_2 / std_1) + (std_1**2 + (mu_1 - mu_2) ** 2) / (2 * std_2**2) - 0.5).sum(1)
        """,
        "def f(mq, sq, mp, sp): return (torch.log(sp / sq) + (sq**2 + (mq - mp) ** 2) / (2 * sp**2) - 0.5).sum(1)",
        """
        def f(mu_q, var_q, mu_p, var_p):
            return 0.5 * (torch.log(var_p / var_q) + (var_q + (mu_q - mu_p) ** 2) / var_p - 1).sum(1)
        """,
        """
        def f(mu_q, sigma2_q, mu_p, sigma2_p):
            return 0.5 * (torch.log(sigma2_p / sigma2_q) + (sigma2_q + (mu_q - mu_p) ** 2) / sigma2_p - 1).sum(1)
        """,
        """
        def f(mu_q, sigma_q_sq, mu_p, sigma_p_sq):
            ratio = (sigma_q_sq + (mu_q - mu_p) ** 2) / sigma_p_sq
            return 0.5 * (torch.log(sigma_p_sq / sigma_q_sq) + ratio - 1).sum(1)
        """,
        """
        def f(mu_q, log_sigma_q, mu_p, log_sigma_p):
            ratio = ((2 * log_sigma_q).exp() + (mu_q - mu_p) ** 2) / (2 * log_sigma_p).exp()
            return (log_sigma_p - log_sigma_q + 0.5 * ratio - 0.5).sum(1)
        """,
        # one of each
        """
        def f(mu_q, sigma_q, mu_p, logvar_p):
            return 0.5 * (logvar_p - 2 * sigma_q.log() + (sigma_q**2 + (mu_q - mu_p) ** 2) / logvar_p.exp() - 1).sum(1)
        """,
        """
        def f(mu_q, logvar_q, mu_p, var_p):
            return 0.5 * (var_p.log() - logvar_q + (logvar_q.exp() + (mu_q - mu_p) ** 2) / var_p - 1).sum(1)
        """,
        """
        from torch.distributions import Normal, kl_divergence

        def f(mu_q, logvar_q, mu_p, logvar_p):
            q, p = (Normal(m, torch.exp(lv / 2)) for m, lv in ((mu_q, logvar_q), (mu_p, logvar_p)))
            return kl_divergence(q, p).sum(1)
        """,
        """
        from torch.distributions import Independent, Normal, kl_divergence

        def f(mu_q, std_q, mu_p, std_p):
            return kl_divergence(Independent(Normal(mu_q, std_q), 1), Independent(Normal(mu_p, std_p), 1))
        """,
        """
        def f(mu_q, logvar_q, mu_p, logvar_p):
            ratio = (np.exp(logvar_q) + np.square(mu_q - mu_p)) / np.exp(logvar_p)
            return 0.5 * np.sum(logvar_p - logvar_q + ratio - 1, axis=1)
        """,
        """
        def f(mu_q, var_q, mu_p, var_p):
            kl = np.zeros(len(mu_q))
            for i in range(len(mu_q)):
                for j in range(mu_q.shape[1]):
                    square = (mu_q[i, j] - mu_p[i, j]) ** 2
                    kl[i] += 0.5 * (math.log(var_p[i, j] / var_q[i, j]) + (var_q[i, j] + square) / var_p[i, j] - 1)
            return kl
        """,
        """
        def f(mu_q, logvar_q, mu_p, logvar_p):
            cov_q, cov_p = torch.diag_embed(logvar_q.exp()), torch.diag_embed(logvar_p.exp())
            q = torch.distributions.MultivariateNormal(mu_q, cov_q)
            p = torch.distributions.MultivariateNormal(mu_p, cov_p)
            return torch.distributions.kl_divergence(q, p)
        """,
    ],
    "kl_monte_carlo": [
        """
        def f(log_q, log_p):
            terms = log_q - log_p
            return terms.mean(), terms.std() / len(terms) ** 0.5
        """,
        "def f(log_q, log_p): t = log_q - log_p; return t.mean(), t.std(correction=0) / math.sqrt(len(t))",
        "def f(log_q, log_p): t = log_q - log_p; return [t.mean().item(), (t.var() / t.numel()).sqrt().item()]",
        "def f(log_q, log_p): return torch.stack([(log_q - log_p).mean(), (log_q - log_p).std() / len(log_q) ** 0.5])",
        "def f(log_q, log_p): return np.mean(log_q - log_p), np.std(log_q - log_p) / np.sqrt(len(log_q))",
        "def f(log_q, log_p): return np.mean(log_q - log_p), np.std(log_q - log_p, ddof=1) / np.sqrt(len(log_q))",
        """
        def f(log_q, log_p):
            t = np.asarray(log_q) - np.asarray(log_p)
            return np.array([t.mean(), t.std() / t.size**0.5])
        """,
        """
        from scipy.stats import sem

        def f(log_q, log_p):
            return (log_q - log_p).mean(), sem(log_q - log_p)
        """,
        """
        def f(log_q, log_p):
            terms = [a - b for a, b in zip(log_q.tolist(), log_p.tolist())]
            s = len(terms)
            mean = sum(terms) / s
            return mean, math.sqrt(sum((t - mean) ** 2 for t in terms) / (s * (s - 1)))
        """,
    ],
    "kl_div_call": [
        """
        def f(p, q):
            return F.kl_div(q.log(), p, reduction="batchmean")
        """,
        "def f(p, q): return F.kl_div(q.log(), p.log(), reduction='batchmean', log_target=True)",
        "def f(p, q): return F.kl_div(torch.log(q), p, reduction='sum') / len(p)",
        "def f(p, q): return F.kl_div(q.log(), p, reduction='none').sum(1).mean()",
        "def f(p, q): return nn.KLDivLoss(reduction='batchmean')(q.log(), p)",
        "def f(p, q): return (p * (p / q).log()).sum(1).mean()",
        "def f(p, q): return (p * (p.log() - q.log())).sum(dim=-1).mean()",
        "def f(p, q): return F.kl_div(q.log(), p, reduction='mean') * p.shape[1]",
        """
        from torch.distributions import Categorical, kl_divergence

        def f(p, q):
            return kl_divergence(Categorical(p), Categorical(q)).mean()
        """,
        "def f(p, q): return np.mean(np.sum(p * np.log(p / q), axis=1))",
        "def f(p, q): return torch.stack([F.kl_div(b.log(), a, reduction='sum') for a, b in zip(p, q)]).mean()",
    ],
}


def kl(form, reduced=".sum(1)", spread="logvar"):
    return f"def f(mu, {spread}): return ({form}){reduced}"


def two(form, reduced=".sum(1)", spreads=("logvar_q", "logvar_p")):
    return f"def f(mu_q, {spreads[0]}, mu_p, {spreads[1]}): return ({form}){reduced}"


def of_sigmas(form, reduced=".sum(1)"):
    """With a and b for the standard deviations of q and p."""
    return f"""
        def f(mu_q, sigma_q, mu_p, sigma_p):
            a, b, gap = sigma_q, sigma_p, (mu_q - mu_p) ** 2
            return ({form}){reduced}
        """


def normals(q, p, kind="logvar", reduced=".sum(1)"):
    """torch's own KL of Normals whose standard deviations are ``q`` and ``p``."""
    return f"""
        def f(mu_q, {kind}_q, mu_p, {kind}_p):
            q, p = torch.distributions.Normal(mu_q, {q}), torch.distributions.Normal(mu_p, {p})
            return torch.distributions.kl_divergence(q, p){reduced}
        """


def monte_carlo(error="t.std() / s**0.5", estimate="t.mean()"):
    return f"def f(log_q, log_p): t, s = log_q - log_p, len(log_q); return {estimate}, {error}"


LOG, ALL = "exp(logvar) for σ, which squares σ² once more", "0.5 * (mu**2 + logvar.exp() - logvar - 1)"
TWO = "0.5 * (logvar_p - logvar_q + (logvar_q.exp() + (mu_q - mu_p) ** 2) / logvar_p.exp() - 1)"
WRONG = {
    "discrete_kl": [
        ("def f(p, q): return (q * (q / p).log()).sum()", "this is KL(q ‖ p)"),
        ("def f(p, q): return F.kl_div(p.log(), q, reduction='sum')", "this is KL(q ‖ p)"),
        ("def f(p, q): return p * (p / q).log()", "these are the single terms"),
        ("def f(p, q): return -(p * (p / q).log()).sum()", "the sign is turned round"),
        ("def f(p, q): return (p * (q / p).log()).sum()", "the sign is turned round"),
        ("def f(p, q): return (p * (p / q).log2()).sum()", "this is in bits"),
        ("def f(p, q): return (p * (p / q).log10()).sum()", "this takes log10"),
        ("def f(p, q): return -(p * q.log()).sum()", "this is the cross-entropy"),
        ("def f(p, q): return (p * q.log()).sum()", "and the entropy of p is missing"),
        ("def f(p, q): return -(p * p.log()).sum()", "this is the entropy of p"),
        ("def f(p, q): return (p * p.log()).sum()", "this is minus the entropy of p"),
        ("def f(p, q): return -(p * p.log()).sum() - (p * q.log()).sum()", "entropy and cross-entropy are added"),
        ("def f(p, q): return (p / q).log().sum()", "the p in front is missing"),
        ("def f(p, q): return (p.log() - q.log()).mean()", "the p in front is missing"),
        ("def f(p, q): return (p * (p / q).log()).mean()", "this is a mean over the symbols"),
        ("def f(p, q): return F.kl_div(q.log(), p)", "this is a mean over the symbols"),
        ("def f(p, q): return (q * (p / q).log()).sum()", "the weights are q's"),
        ("def f(p, q): return (p * p / q).sum()", "the logarithm is missing"),
        ("def f(p, q): return (p * p / q).sum().log()", "this is the log of a mean"),
        ("def f(p, q): return ((p - q) * (p / q).log()).sum()", "this adds up both directions"),
        ("def f(p, q): return ((p - q) * (p / q).log()).sum() / 2", "this averages both directions"),
        ("def f(p, q): return (p * (p / q).log()).abs().sum()", "absolute values"),
        ("def f(p, q): return (p * (p / q).log()).sum()", "right, but nan for a p that holds a zero"),
        ("def f(p, q): return np.sum(p * (np.log(p) - np.log(q)), axis=0)", "right, but nan for a p that holds a zero"),
        ("def f(p, q): return sum(a * math.log(a / b) for a, b in zip(p.tolist(), q.tolist()))",
         "right, but ValueError"),
        ("def f(p, q): return (p * (p / q).log()).sum().nan_to_num(5)", "off where p holds a zero"),
        ("def f(p, q): return (p * (p / q).log()).sum(0, keepdim=True)", "wanted is the shape ()"),
        ("def f(p, q): return (p - q).square().sum()", "the number is off"),
        ("def f(p, q): return (-p).log().sum()", "a nan"),
    ],
    "kl_to_normal": [
        ("def f(mu, logvar): return (mu**2 + logvar.exp() - logvar).sum(1) / 2 - 1", "the −1 stands outside"),
        # in print or on the web
        (kl("0.5 * (mu**2 + logvar.exp() ** 2 - logvar - 1)"), "σ⁴ where σ² is wanted"),
        (kl("0.5 * (mu**2 + sigma**4 - 2 * sigma.log() - 1)", spread="sigma"), "σ⁴ where σ² is wanted"),
        (kl("0.5 * (mu**2 + var**2 - var.log() - 1)", spread="var"), "σ⁴ where σ² is wanted"),
        (kl("0.5 * (mu**2 + logvar.exp() + logvar - 1)"), "the log has the wrong sign"),
        (kl("0.5 * (mu**2 + sigma**2 + torch.log(sigma**2) - 1)", spread="sigma"), "the log has the wrong sign"),
        (kl("0.5 * (1 + logvar.exp() - mu**2 - logvar)"), "two signs are wrong: it is σ² + μ² − 1 − log σ²"),
        (kl("mu**2 + logvar.exp() - logvar - 1"), "the ½ is missing: this is twice the KL"),
        (kl("mu**2 + std**2 - torch.log(std**2) - 1", spread="std"), "the ½ is missing: this is twice the KL"),
        (kl(ALL, ".mean()"), "this is one mean over all"),
        (kl("-0.5 * (1 + logvar - mu**2 - logvar.exp())", ".mean()"), "this is one mean over all"),
        # signs
        (kl("0.5 * (1 + logvar - mu**2 - logvar.exp())"), "the sign is turned round"),
        (kl("1 + logvar - mu**2 - logvar.exp()"), "the ½ is missing and the sign is turned round"),
        (kl("0.5 * (-(mu**2) + logvar.exp() - logvar - 1)"), "μ² has the wrong sign"),
        (kl("0.5 * (mu**2 - logvar.exp() - logvar - 1)"), "σ² has the wrong sign"),
        (kl("0.5 * (mu**2 + logvar.exp() - logvar + 1)"), "this is +1 where −1 is wanted"),
        # terms
        (kl("0.5 * (mu**2 + logvar.exp() - logvar)"), "the −1 is missing"),
        (kl("0.5 * (mu**2 + logvar.exp() - 1)"), "−log σ² is missing"),
        (kl("0.5 * (logvar.exp() - logvar - 1)"), "μ² is missing"),
        (kl("0.5 * (mu**2 - logvar - 1)"), "σ² is missing"),
        (kl("0.5 * (mu + logvar.exp() - logvar - 1)"), "μ is not squared"),
        (kl("0.5 * (mu**2 + sigma**2 - sigma.log() - 1)", spread="sigma"), "this is log σ where log σ² is wanted"),
        (kl("0.5 * (mu**2 + logvar.exp() - logvar / 2 - 1)"), "this is log σ where log σ² is wanted"),
        (kl("0.5 * (mu**2 + sigma - 2 * sigma.log() - 1)", spread="sigma"), "this is σ where σ² is wanted"),
        (kl("0.5 * (mu**2 + (logvar / 2).exp() - logvar - 1)"), "this is σ where σ² is wanted"),
        (kl("0.5 * (mu**2 + logvar.exp() - 1) - logvar"), "½ belongs before the logarithm too"),
        (kl("mu**2 + 0.5 * (logvar.exp() - logvar - 1)"), "½ belongs before μ² too"),
        (kl("logvar.exp() + 0.5 * (mu**2 - logvar - 1)"), "½ belongs before σ² too"),
        (kl("0.5 * (logvar.exp() + mu**2) - logvar - 1"), "½ belongs before every term"),
        (kl("0.5 * mu**2 + logvar.exp() - logvar - 1"), "½ belongs before every term"),
        (kl("0.5 * (mu**2 + logvar.exp() - logvar) - 1"), "½ belongs before the 1 too"),
        (kl("0.5 * (mu**2 + logvar.exp() - logvar - mu.shape[1])"), "the number of latents is subtracted in every"),
        ("def f(mu, logvar): return 0.5 * ((mu**2 + logvar.exp() - logvar).sum(1) - 1)", "it belongs to every latent"),
        # direction
        (kl("0.5 * ((1 + mu**2) / logvar.exp() + logvar - 1)"), "the arguments are exchanged"),
        (
            """
            from torch.distributions import Normal, kl_divergence

            def f(mu, sigma):
                return kl_divergence(Normal(0.0, 1.0), Normal(mu, sigma)).sum(1)
            """,
            "the arguments are exchanged",
        ),
        # sums
        (kl(ALL, ".mean(1)"), "this is the mean over the latents"),
        (kl(ALL, ".sum(0)"), "this is the sum over the images"),
        (kl(ALL, ".mean(0)"), "this is the mean over the images"),
        (kl(ALL, ".sum()"), "this is one sum over images and latents"),
        (kl(ALL, ".sum(1).mean()"), "averaged over the batch already"),
        (kl(ALL, ".sum() / len(mu)"), "averaged over the batch already"),
        (kl(ALL, ""), "this is one number for each latent"),
        (kl(ALL, ".sum(1, keepdim=True)"), "wanted is the shape ("),
        # two slips
        (kl("mu**2 + logvar.exp() - logvar - 1", ".mean(1)"),
         "the ½ is missing: this is twice the KL. Besides, this is the mean over the latents"),
        (kl("mu**2 + logvar.exp() - logvar - 1", ".mean()"),
         "½ is missing: this is twice the KL. Besides, this is one mean"),
        (kl("0.5 * (1 + logvar - mu**2 - logvar.exp())", ".sum()"),
         "turned round: a KL is never negative. Besides, this is one sum"),
        (kl("0.5 * (mu**2 + logvar.exp() ** 2 - logvar - 1)", ".sum(1).mean()"), "σ⁴ where σ² is wanted"),
        # a spread taken for another
        (kl("0.5 * (mu**2 + logvar.exp() ** 2 - 2 * logvar - 1)"), LOG),
        (kl("0.5 * (mu**2 + logvar**2 - torch.log(logvar**2) - 1)"), "takes logvar for σ, but σ is exp(logvar / 2)"),
        (kl("0.5 * (mu**2 + logvar - logvar.log() - 1)"), "takes logvar for σ², but σ² is exp(logvar)"),
        (kl("0.5 * (mu**2 + logvar**2 - logvar - 1)"), "in the term σ², this takes logvar for σ,"),
        (kl("0.5 * (mu**2 + logvar - logvar - 1)"), "in the term σ², this takes logvar for σ²"),
        (kl("0.5 * (mu**2 + logvar.exp() - logvar.log() - 1)"), "in the term log σ², this takes logvar for σ²"),
        (kl("-0.5 * (1 + sigma - mu**2 - sigma.exp())", spread="sigma"), "takes σ for logvar"),
        (kl("-0.5 * (1 + std - mu**2 - std.exp())", spread="std"), "takes σ for logvar"),
        (kl("0.5 * (mu**2 + sigma.exp() - 2 * sigma.log() - 1)", spread="sigma"),
         "in the term σ², this takes σ for logvar"),
        (kl("0.5 * (mu**2 + sigma**2 - sigma - 1)", spread="sigma"), "in the term log σ², this takes σ for logvar"),
        (kl("0.5 * (mu**2 + (2 * sigma).exp() - 2 * sigma - 1)", spread="sigma"), "takes σ for log σ"),
        (kl("0.5 * (mu**2 + sigma - sigma.log() - 1)", spread="sigma"), "takes σ for σ²"),
        (kl("0.5 * (mu**2 + var**2 - 2 * var.log() - 1)", spread="var"), "takes σ² for σ, which squares"),
        (kl("-0.5 * (1 + var - mu**2 - var.exp())", spread="sigma_sq").replace("var", "sigma_sq"),
         "takes σ² for logvar"),
        (kl("-0.5 * (1 + log_sigma - mu**2 - log_sigma.exp())", spread="log_sigma"), "takes log σ for log σ²"),
        (kl("0.5 * (mu**2 + log_std**2 - torch.log(log_std**2) - 1)", spread="log_std"), "takes log σ for σ:"),
        (kl("0.5 * np.sum(mu**2 + sigma**2 - 1, axis=1) - np.sum(np.log(sigma), axis=0)", "", "sigma"),
         "your code raised"),
        (kl("-0.5 * (1 + logvar.clamp(min=0) - mu**2 - logvar.exp())"), "right for σ > 1, but off for σ < 1"),
        (kl("mu"), "the numbers are off"),
        (kl("torch.log(-mu)"), "a nan"),
    ],
    "kl_two_normals": [
        (
            "def f(mu_q, logvar_q, mu_p, logvar_p):\n"
            "    square = (mu_q - mu_p) ** 2\n"
            "    return (logvar_p - logvar_q + logvar_q.exp() + square / logvar_p.exp() - 1).sum(1) / 2",
            "are brackets missing",
        ),
        (two("0.5 * (logvar_q - logvar_p + (logvar_p.exp() + (mu_q - mu_p) ** 2) / logvar_q.exp() - 1)"),
         "this is KL(p ‖ q): the arguments are exchanged"),
        (normals("logvar_q.exp() ** 0.5", "logvar_p.exp() ** 0.5").replace("gence(q, p)", "gence(p, q)"),
         "this is KL(p ‖ q)"),
        (two("2 * " + TWO), "the ½ is missing: this is twice the KL"),
        (two("-" + TWO), "the sign is turned round"),
        (two("-2 * " + TWO), "the ½ is missing and the sign is turned round"),
        (two(TWO.replace("logvar_p - logvar_q", "logvar_q - logvar_p")), "the logarithms are exchanged"),
        (two(TWO.replace(" - 1", "")), "the −1 is missing"),
        (two(TWO.replace(" - 1", " + 1")), "this is +1 where −1"),
        (two(TWO.replace("logvar_p - logvar_q + ", "")), "the logarithms are missing"),
        (two(TWO.replace(" + (mu_q - mu_p) ** 2", "")), "the distance of the means is missing"),
        (two(TWO.replace("logvar_q.exp() + ", "")), "the ratio σ_q²/σ_p² is missing"),
        (two("0.5 * (logvar_p - logvar_q + (logvar_q - logvar_p).exp() + (mu_q - mu_p) ** 2 - 1)"),
         "measured in p's spread"),
        (two("0.5 * (logvar_p - logvar_q + (logvar_q - logvar_p).exp() + (mu_q - mu_p) ** 2 / logvar_q.exp() - 1)"),
         "is divided by σ_q²"),
        (two(TWO.replace("(mu_q - mu_p) ** 2", "mu_q - mu_p")), "the distance of the means is not squared"),
        (two(TWO.replace("(mu_q - mu_p) ** 2", "(mu_p - mu_q)")), "the distance of the means is not squared"),
        (two(TWO.replace("(mu_q - mu_p) ** 2", "(mu_p - mu_q).abs()")), "the distance of the means is not squared"),
        (two(TWO.replace("(mu_q - mu_p) ** 2", "(mu_q + mu_p) ** 2")), "here the means are added"),
        (two(TWO.replace("(mu_q - mu_p) ** 2", "mu_q**2 - mu_p**2")), "this is μ_q² − μ_p²"),
        (two(TWO.replace("logvar_p - logvar_q", "(logvar_p - logvar_q) / 2")), "this is log σ where log σ² is wanted"),
        (of_sigmas("0.5 * ((b / a).log() + (a**2 + gap) / b**2 - 1)"), "this is log σ where log σ² is wanted"),
        (of_sigmas("(b**2 / a**2).log() + (a**2 + gap) / (2 * b**2) - 0.5"), "½ belongs before the logarithms too"),
        (of_sigmas("(b / a).log() + (a**2 + gap) / b**2 - 0.5"), "½ belongs before the fraction too"),
        (of_sigmas("(b / a).log() + (a**2 + gap) / (2 * b**2) - 1"), "½ belongs before the 1 too"),
        (of_sigmas("(b / a).log() + b**2 / (2 * a**2) + gap / (2 * b**2) - 0.5"), "upside down"),
        (of_sigmas("(b / a).log() + (b**2 + gap) / (2 * a**2) - 0.5"), "the whole fraction is that of KL(p ‖ q)"),
        (of_sigmas("(b / a).log() + (a + gap) / (2 * b**2) - 0.5"), "the fraction has σ_q where σ_q²"),
        (of_sigmas("(b / a).log() + (a**2 + gap) / (2 * b) - 0.5"), "the fraction is divided by σ_p"),
        (of_sigmas("(b / a).log() + a / b / 2 + gap / (2 * b**2) - 0.5"), "the fraction has σ_q/σ_p"),
        (of_sigmas("(a**2 + mu_q**2 - 1) / 2 - a.log()"), "p plays no part"),
        (of_sigmas("(b**2 + mu_p**2 - 1) / 2 - b.log()"), "q plays no part"),
        (of_sigmas("(a**2 + mu_q**2 - b**2 - mu_p**2) / 2 + (b / a).log()"), "the KL is no difference"),
        (of_sigmas("(a**2 + gap) / (2 * b**2) + (b**2 + gap) / (2 * a**2) - 1"), "this adds up both directions"),
        (of_sigmas("((a**2 + gap) / (2 * b**2) + (b**2 + gap) / (2 * a**2) - 1) / 2"), "this averages both directions"),
        (two(TWO.replace(" - 1", " - mu_q.shape[1]")), "the number of latents is subtracted in every"),
        (two(f"({TWO.replace(' - 1', '')}).sum(1) - 0.5", ""),
         "the −1 belongs to every latent"),
        (two(TWO, ".mean(1)"), "this is the mean over the latents"),
        (two(TWO, ".sum(0)"), "this is the sum over the images"),
        (two(TWO, ".sum()"), "this is one sum over images and latents"),
        (two(TWO, ".sum(1).mean()"), "averaged over the batch already"),
        (two(TWO, ".mean()"), "this is one mean over all"),
        (two(TWO, ""), "this is one number for each latent"),
        (two("2 * " + TWO, ".mean(1)"), "this is twice the KL. Besides, this is the mean over the latents"),
        (two(TWO, ".sum(1, keepdim=True)"), "wanted is the shape ("),
        (normals("logvar_q.exp()", "logvar_p.exp()"), LOG),
        (normals("logvar_q", "logvar_p"), "takes logvar for σ, but"),
        (normals("logvar_q**0.5", "logvar_p**0.5"), "takes logvar for σ²,"),
        (normals("(sigma_q / 2).exp()", "(sigma_p / 2).exp()", "sigma"), "takes σ for logvar"),
        (normals("sigma_q.exp()", "sigma_p.exp()", "sigma"), "takes σ for log σ"),
        (normals("std_q**0.5", "std_p**0.5", "std"), "takes σ for σ²"),
        (normals("var_q", "var_p", "var"), "takes σ² for σ, which squares"),
        (normals("(var_q / 2).exp()", "(var_p / 2).exp()", "var"), "takes σ² for logvar"),
        (normals("log_sigma_q", "log_sigma_p", "log_sigma"), "takes log σ for σ:"),
        (normals("logvar_q.exp()", "(logvar_p / 2).exp()"), "for q, this takes exp(logvar) for σ"),
        (normals("sigma_q", "(sigma_p / 2).exp()", "sigma"), "for p, this takes σ for logvar"),
        (two(TWO.replace("logvar_q.exp()", "logvar_q.exp() ** 2")), "in the term σ_q², this takes exp(logvar) for σ"),
        (two(TWO.replace("logvar_p.exp()", "logvar_p")), "below the fraction, this takes logvar for σ²"),
        (two(TWO.replace("logvar_p.exp()", "logvar_p.exp() ** 2")),
         "below the fraction, this takes exp(logvar)"),
        (of_sigmas("0.5 * (b - a + (a**2 + gap) / b**2 - 1)"), "in the logarithms, this takes σ for logvar"),
        (of_sigmas("0.5 * (2 * (b / a).log() + (a.exp() + gap) / b.exp() - 1)"),
         "in the fraction, this takes σ for logvar"),
        (two("0.5 * (logvar_p - sigma_q + (sigma_q.exp() + (mu_q - mu_p) ** 2) / logvar_p.exp() - 1)",
             spreads=("sigma_q", "logvar_p")), "for q, this takes σ for logvar"),
        (two(TWO.replace("logvar_p - logvar_q", "logvar_p.clamp(min=0) - logvar_q")), "off for σ < 1"),
        (two("mu_q - mu_p"), "the numbers are off"),
        (two("torch.log(-logvar_q)"), "a nan"),
    ],
    "kl_monte_carlo": [
        (monte_carlo(estimate="(-t).mean()"), "the sign is turned round"),
        (monte_carlo(estimate="t.sum()"), "this is the sum"),
        (monte_carlo(estimate="(log_q.exp() * t).sum()"), "do not weigh with q"),
        (monte_carlo(estimate="(log_q.exp() * t).mean()"), "do not weigh with q"),
        (monte_carlo(estimate="t"), "these are the single terms"),
        (monte_carlo(estimate="log_q.mean()"), "log p is missing"),
        (monte_carlo(estimate="log_p.mean()"), "log q is missing"),
        (monte_carlo(estimate="(log_q + log_p).mean()"), "are added; the difference is wanted"),
        (monte_carlo(estimate="t.exp().mean().log()"), "this is the log of a mean"),
        (monte_carlo(estimate="(log_q.exp() / log_p.exp()).mean()"), "this is the mean of the ratio q/p"),
        (monte_carlo(estimate="(-t).exp().mean()"), "this is the mean of the ratio p/q"),
        (monte_carlo(estimate="t.median()"), "this is the median"),
        (monte_carlo(estimate="(t**2).mean()"), "the differences are squared"),
        (monte_carlo(estimate="t.abs().mean()"), "absolute differences are averaged"),
        (monte_carlo(estimate="t.mean() + 1"), "the estimate is off"),
        (monte_carlo(estimate="t[None].mean(1)"), "wanted is the shape (), the estimate gives"),
        (monte_carlo("t.std()"), "this is the spread of a single term"),
        (monte_carlo("t.std(correction=0)"), "this is the spread of a single term"),
        (monte_carlo("np.std(np.asarray(t))"), "this is the spread of a single term"),
        (monte_carlo("t.std() / s"), "this divides by S"),
        (monte_carlo("t.var() / s"), "the root is missing"),
        (monte_carlo("t.var() / s**0.5"), "this divides the variance by √S"),
        (monte_carlo("t.var()"), "this is the variance of a single term"),
        (monte_carlo("t.std() * s**0.5"), "this multiplies by √S"),
        (monte_carlo("log_q.std() / s**0.5"), "the mean of one log alone"),
        (monte_carlo("log_p.std(correction=0) / s**0.5"), "the mean of one log alone"),
        (monte_carlo("0.1"), "the standard error is off"),
        (monte_carlo("t / s"), "wanted is the shape (), the standard error gives"),
        (monte_carlo("None"), "the standard error gives back None"),
        (monte_carlo("t.mean()", "t.std() / s**0.5"), "the two are swapped"),
        ("def f(log_q, log_p): return (log_q - log_p).mean()", "wanted are two numbers"),
        ("def f(log_q, log_p): return 1, 2, 3", "wanted are two numbers"),
    ],
    "kl_div_call": [
        ("def f(p, q): return F.kl_div(p.log(), q, reduction='batchmean')", "this is KL(q ‖ p)"),
        ("def f(p, q): return (q * (q / p).log()).sum(1).mean()", "this is KL(q ‖ p)"),
        ("def f(p, q): return F.kl_div(q, p, reduction='batchmean')", "q goes in as its logarithm"),
        ("def f(p, q): return F.kl_div(q, p)",
         "q goes in as its logarithm: F.kl_div(q.log(), p, …). Besides, this averages over the classes"),
        ("def f(p, q): return F.kl_div(q, p, reduction='sum')", "q goes in as its logarithm"),
        ("def f(p, q): return F.kl_div(p, q, reduction='batchmean')", "p stands first and without log"),
        ("def f(p, q): return F.kl_div(p, q)", "p stands first and without log"),
        ("def f(p, q): return F.kl_div(F.log_softmax(q, 1), p, reduction='batchmean')", "so no softmax"),
        ("def f(p, q): return F.kl_div(q.log(), p)", "averages over the classes too, as F.kl_div's default"),
        ("def f(p, q): return F.kl_div(p.log(), q)", "this is KL(q ‖ p): F.kl_div takes"),
        ("def f(p, q): return F.kl_div(q.log(), p, reduction='sum')", "this sums over the rows too"),
        ("def f(p, q): return F.kl_div(q.log(), p, reduction='none').sum(1)", "this is one number for each row"),
        ("def f(p, q): return F.kl_div(q.log(), p, reduction='none').mean(1)", "this is one mean for each row"),
        ("def f(p, q): return F.kl_div(q.log(), p, reduction='none')", "these are the single terms"),
        ("def f(p, q): return F.kl_div(q.log(), p, reduction='sum') / p.shape[1]", "by the number of classes, not by"),
        ("def f(p, q): return -F.kl_div(q.log(), p, reduction='batchmean')", "the sign is turned round"),
        ("def f(p, q): return -(p * q.log()).sum(1).mean()", "this is the cross-entropy"),
        ("def f(p, q): return F.kl_div(q.log(), p.log(), reduction='batchmean')", "a logarithm of a logarithm?"),
        ("def f(p, q): return F.kl_div(q.log(), p, reduction='batchmean')[None]", "wanted is the shape ()"),
        ("def f(p, q): return (p - q).abs().sum()", "the number is off"),
    ],
}

STUBS = {
    "discrete_kl": ["def my_kl(p, q):\n    ..."],
    "kl_to_normal": ["def my_kl(mu, logvar):\n    ...", "def my_kl(mu, sigma):\n    pass"],
    "kl_two_normals": ["def my_kl(mu_q, logvar_q, mu_p, logvar_p):\n    ..."],
    "kl_monte_carlo": ["def my_estimate(log_q, log_p):\n    ..."],
    "kl_div_call": ["def my_call(p, q):\n    ..."],
}
