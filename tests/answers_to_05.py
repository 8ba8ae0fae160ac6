"""Answers to the exercises of notebook 05: right ones, wrong ones with what the message must say, stubs."""

BCE = "F.binary_cross_entropy_with_logits(logits, x, reduction='sum')"
EACH_BCE = "F.binary_cross_entropy_with_logits(logits, x, reduction='none')"
MEAN_BCE = "F.binary_cross_entropy_with_logits(logits, x)"
KL = "0.5 * (mu**2 + logvar.exp() - logvar - 1)"
RIGHT = {
    "nats_per_image": [
        """
        def f(logits, x, mu, logvar):
            nll = F.binary_cross_entropy_with_logits(logits, x, reduction="none").flatten(1).sum(1)
            kl = 0.5 * (mu**2 + logvar.exp() - logvar - 1).sum(1)
            return (nll + kl).mean()
        """,
        """
        from vae_helpers.losses import elbo

        def f(logits, x, mu, logvar):
            return -elbo(logits, x, mu, logvar).mean()
        """,
        # as the PyTorch examples have it, divided by the batch
        """
        def f(logits, x, mu, logvar):
            bce = F.binary_cross_entropy(logits.sigmoid(), x, reduction="sum")
            kld = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
            return (bce + kld) / len(x)
        """,
        f"def f(logits, x, mu, logvar): return {MEAN_BCE} * x[0].numel() + ({KL}).mean() * mu.shape[1]",
        """
        from torch.distributions import Bernoulli, Normal, kl_divergence

        def f(logits, x, mu, logvar):
            nll = -Bernoulli(logits=logits, validate_args=False).log_prob(x).sum((1, 2, 3))
            return (nll + kl_divergence(Normal(mu, (logvar / 2).exp()), Normal(0.0, 1.0)).sum(1)).mean()
        """,
        """
        def f(logits, x, mu, logvar):
            nll = (F.softplus(logits) - x * logits).sum((1, 2, 3))
            return nll.mean() + torch.einsum("nd->", mu**2 + logvar.exp() - logvar - 1) / 2 / len(mu)
        """,
        f"def f(logits, x, mu, sigma): return ({BCE} + (0.5 * (mu**2 + sigma**2 - 1) - sigma.log()).sum()) / len(x)",
        f"def f(logits, x, mu, var): return ({BCE} + 0.5 * (mu**2 + var - var.log() - 1).sum()) / x.shape[0]",
        """
        def f(logits, x, mu, logvar):
            p = 1 / (1 + torch.exp(-logits))
            bce = -(x * torch.log(p + 1e-8) + (1 - x) * torch.log(1 - p + 1e-8))
            return bce.sum((1, 2, 3)).mean() + 0.5 * (mu**2 + logvar.exp() - logvar - 1).sum(1).mean()
        """,
        """
        def f(logits, x, mu, logvar):
            nll = np.sum(np.logaddexp(0, logits) - x * logits, axis=(1, 2, 3))
            return np.mean(nll + 0.5 * np.sum(np.square(mu) + np.exp(logvar) - logvar - 1, axis=1))
        """,
    ],
    "beta_of_code": [
        "def f(batch, pixels, latents): return 1 / (batch * latents)",
        "def f(n, p, d): return 1 / n / d",
        "def f(batch, pixels, latents): return torch.tensor(1 / (batch * latents))",
        "def f(batch, pixels, latents): return (1 / (batch * latents)) / (batch / batch)",
        """
        from vae_helpers.losses import effective_beta

        def f(batch, pixels, latents):
            sizes = dict(batch=batch, pixels=pixels, latents=latents)
            return effective_beta("gaussian", "sum", "mean", sigma=0.5**0.5, **sizes)
        """,
        """
        def f(batch, pixels, latents):
            sigma = 0.5**0.5
            reconstruction = 2 * sigma**2 * batch  # what the code counts one nat per image of it as
            kl = 1 / latents
            return kl / reconstruction
        """,
    ],
    "warm_up": [
        """
        def f(step, steps, beta):
            return beta * min(1, step / steps) if steps else beta
        """,
        "def f(step, steps, beta): return beta if step >= steps else beta * step / steps",
        "def f(step, steps, beta): return beta if steps == 0 else min(beta, beta * step / steps)",
        """
        def f(step, steps, beta):
            if step < steps:
                return step * (beta / steps)
            return beta
        """,
        "def f(step, steps, beta): return beta * torch.tensor(step / steps if steps else 1.0).clamp(max=1)",
        "def f(step, steps, beta): return np.interp(step, [0, steps], [0, beta]) if steps else beta",
        "def f(step, steps, beta): return beta * np.clip(step / steps, 0, 1) if steps > 0 else beta",
        """
        def f(step, steps, beta):
            try:
                return beta * min(step / steps, 1)
            except ZeroDivisionError:
                return beta
        """,
    ],
    "free_bits": [
        """
        def f(mu, logvar, free):
            kl = 0.5 * (mu**2 + logvar.exp() - logvar - 1).mean(0)
            return kl.clamp(min=free).sum()
        """,
        """
        from vae_helpers.losses import free_bits_kl

        def f(mu, logvar, free):
            return free_bits_kl(mu, logvar, free)
        """,
        f"def f(mu, logvar, free): return torch.maximum(({KL}).mean(0), torch.as_tensor(free)).sum()",
        f"def f(mu, logvar, free): return sum(max(free, kl) for kl in ({KL}).mean(0))",
        f"def f(mu, logvar, free): return F.relu(({KL}).mean(0) - free).sum() + mu.shape[1] * free",
        f"def f(mu, logvar, free): kl = ({KL}).sum(0) / len(mu); return torch.where(kl > free, kl, free).sum()",
        f"def f(mu, logvar, free): kl = ({KL}).mean(0); return torch.clamp(kl, float(free)).sum()",
        "def f(mu, sigma, free): return (0.5 * (mu**2 + sigma**2 - 1) - sigma.log()).mean(0).clamp(min=free).sum()",
        "def f(mu, var, free): return (0.5 * (mu**2 + var - var.log() - 1)).mean(0).clamp(min=free).sum()",
        """
        from torch.distributions import Normal, kl_divergence

        def f(mu, logvar, free):
            kl = kl_divergence(Normal(mu, (logvar / 2).exp()), Normal(0.0, 1.0)).mean(0)
            kl[kl < free] = free
            return kl.sum()
        """,
        """
        def f(mu, logvar, free):
            kl = 0.5 * np.mean(np.square(mu) + np.exp(logvar) - logvar - 1, axis=0)
            return np.sum(np.maximum(kl, free))
        """,
    ],
    "importance_log_p": [
        """
        def f(log_p_x_given_z, log_p_z, log_q_z):
            log_weights = log_p_x_given_z + log_p_z - log_q_z
            return log_weights.logsumexp(1) - math.log(log_weights.shape[1])
        """,
        "def f(a, b, c): return torch.logsumexp(a + b - c - np.log(a.shape[1]), dim=-1)",
        """
        def f(a, b, c):
            w = a + b - c
            top = w.max(1, keepdim=True).values
            return top.squeeze(1) + (w - top).exp().mean(1).log()
        """,
        "def f(a, b, c): return torch.stack([row.logsumexp(0) - math.log(len(row)) for row in a + b - c])",
        "def f(a, b, c): return np.logaddexp.reduce(a + b - c, axis=1) - np.log(a.shape[1])",
        """
        from scipy.special import logsumexp

        def f(a, b, c):
            return logsumexp(a + b - c, axis=1, b=1 / a.shape[1])
        """,
        """
        def f(a, b, c):
            a += b
            a -= c
            return a.logsumexp(1) - math.log(a.shape[1])
        """,
        # enough digits for −500
        "def f(a, b, c): return (a + b - c).double().exp().mean(1).log()",
        """
        from torch.distributions import Categorical, MixtureSameFamily

        def f(a, b, c):
            return torch.logsumexp(a + b - c + torch.full_like(a, 1 / a.shape[1]).log(), 1)
        """,
    ],
    "active_units": [
        "def f(mu): return (mu.var(0) > 0.01).sum()",
        "def f(mu): return int((mu.var(dim=0) > 0.01).sum())",
        "def f(mu): return (mu.std(0) > 0.1).sum().item()",
        "def f(mu): return ((mu - mu.mean(0)).square().mean(0) >= 0.01).sum()",
        "def f(mu): return torch.count_nonzero(mu.var(0, correction=0) > 1e-2)",
        "def f(mu): return len((mu.var(0) > 0.01).nonzero())",
        "def f(mu): return sum(column.var() > 0.01 for column in mu.T)",
        "def f(mu): return torch.cov(mu.T).diag().gt(0.01).sum()",
        "def f(mu): return np.sum(np.var(np.asarray(mu), axis=0) > 0.01)",
        "def f(mu): return ((mu**2).mean(0) - mu.mean(0) ** 2 > 0.01).float().sum()",
    ],
    "grey_floor": [
        "def f(x): return -(torch.xlogy(x, x) + torch.xlogy(1 - x, 1 - x)).flatten(1).sum(1).mean()",
        "def f(x): return (torch.special.entr(x) + torch.special.entr(1 - x)).sum() / len(x)",
        "def f(x): return F.binary_cross_entropy(x, x, reduction='sum') / x.shape[0]",
        "def f(x): return torch.distributions.Bernoulli(probs=x).entropy().sum((1, 2, 3)).mean()",
        "def f(x): return F.binary_cross_entropy_with_logits(torch.logit(x, 1e-6), x, reduction='sum') / len(x)",
        "def f(x): return -torch.nansum(x * x.log()) / len(x) - torch.nansum((1 - x) * (1 - x).log()) / len(x)",
        """
        def f(x):
            p = x.clamp(1e-6, 1 - 1e-6)
            return -(p * p.log() + (1 - p) * (1 - p).log()).sum((1, 2, 3)).mean()
        """,
        "def f(x): return -(x * (x + 1e-8).log() + (1 - x) * (1 - x + 1e-8).log()).sum((1, 2, 3)).mean()",
        """
        def f(x):
            grey = x[(x > 0) & (x < 1)]
            return -(grey * grey.log() + (1 - grey) * (1 - grey).log()).sum() / len(x)
        """,
        """
        from scipy.special import entr

        def f(x):
            x = np.asarray(x)
            return (entr(x) + entr(1 - x)).sum(axis=(1, 2, 3)).mean()
        """,
        """
        def f(x):
            total = 0.0
            for p in x.flatten().tolist():
                if 0 < p < 1:
                    total -= p * math.log(p) + (1 - p) * math.log(1 - p)
            return total / len(x)
        """,
    ],
}

LOG = "takes exp(logvar) for σ, which squares"


def loss(nll=f"{BCE} / len(x)", kl=f"({KL}).sum() / len(x)", spread="logvar", sign=""):
    return f"def f(logits, x, mu, {spread}): return {sign}({nll} + {kl})"


def beta(value):
    return f"def f(batch, pixels, latents): return {value}"


def rising(value):
    """Right where steps is 0; ``value`` elsewhere."""
    return f"def f(step, steps, beta): return {value} if steps else beta"


def bits(reduced="kl.mean(0).clamp(min=free).sum()", kl=KL, spread="logvar"):
    return f"def f(mu, {spread}, free): kl = {kl}; return {reduced}"


def weights(reduced="w.logsumexp(1) - math.log(w.shape[1])", inside="a + b - c"):
    return f"def f(a, b, c): w = {inside}; return {reduced}"


def floor(each="torch.special.entr(x) + torch.special.entr(1 - x)", reduced=".sum() / len(x)"):
    return f"def f(x): return ({each}){reduced}"


WRONG = {
    "nats_per_image": [
        # both terms
        (loss(MEAN_BCE, f"({KL}).sum()"), "as in source C"),
        (loss("F.binary_cross_entropy(logits.sigmoid(), x)", f"({KL}).sum()"), "as in source C"),
        (loss(BCE, f"({KL}).mean()"), "as in source B"),
        (loss(MEAN_BCE, f"({KL}).mean()"), "both terms are means over everything"),
        (loss(BCE, f"({KL}).sum()"), "both terms are summed over the batch too"),
        (
            "def f(logits, x, mu, logvar):\n"
            "    nll = F.binary_cross_entropy_with_logits(logits, x, reduction='none').sum((1, 2, 3))\n"
            "    return nll + 0.5 * (mu**2 + logvar.exp() - logvar - 1).sum(1)",
            "the images' own numbers; wanted is their mean",
        ),
        (loss(kl=f"({KL}).sum(1)"), "the KL is left as one number for each image"),
        (loss(f"{EACH_BCE}.sum((1, 2, 3))"),
         "the cross-entropy is left as one number for each image"),
        (loss(sign="-"), "this is the ELBO"),
        ("from vae_helpers.losses import elbo\n\ndef f(logits, x, *code): return elbo(logits, x, *code).mean()",
         "this is the ELBO"),
        (loss(f"{BCE} / len(x) / x[0].numel()", f"({KL}).sum() / len(x) / x[0].numel()"), "no nats per image"),
        (loss(f"784 * {MEAN_BCE}"), "784 pixels are written in"),
        # the batch in one of the two alone
        (loss(BCE), "the cross-entropy is summed over the batch"),
        (loss(kl=f"({KL}).sum()"), "the KL is summed over the batch"),
        # one term's reduction
        (loss(MEAN_BCE), "the cross-entropy is averaged over the pixels; sum it"),
        (loss(f"{EACH_BCE}.sum(1).mean()"),
         "the cross-entropy is averaged over the pixels; sum it"),
        (loss(f"{EACH_BCE}.sum(-1).mean()"), "rows or columns alone"),
        (loss(f"{EACH_BCE}.sum(2).mean()"), "rows or columns alone"),
        (loss(f"{BCE} / x[0].numel()"), "averaged over pixels and summed over the batch"),
        (loss(kl=f"({KL}).mean()"), "the KL is averaged over the latents; sum it"),
        (loss(kl=f"({KL}).sum() / mu.shape[1]"), "the KL is averaged over the latents and summed over the batch"),
        (loss(f"{BCE} / 128", f"({KL}).sum() / 128"), "divides by a fixed number"),
        # one term's form
        (loss(kl="0 * mu.sum()"), "the KL is missing"),
        (loss(MEAN_BCE, "0"), "averaged over the pixels; sum it over them. Besides, the KL is missing"),
        (loss("0"), "the cross-entropy is missing"),
        (loss("F.binary_cross_entropy_with_logits(logits.sigmoid(), x, reduction='sum') / len(x)"),
         "the sigmoid is applied twice"),
        (loss("F.binary_cross_entropy(logits, x, reduction='sum') / len(x)"), "takes probabilities, these are logits"),
        (loss("-(x * logits.log() + (1 - x) * (1 - logits).log()).sum() / len(x)"), "is a log taken of logits?"),
        (loss("-(x * logits.sigmoid().log() + (1 - x) * (1 - logits.sigmoid()).log()).sum() / len(x)"),
         "this is not finite"),
        (loss(f"-{BCE} / len(x)"), "the cross-entropy has the wrong sign"),
        (loss("F.binary_cross_entropy_with_logits(x, logits, reduction='sum') / len(x)"), "logits and x are exchanged"),
        (loss("-(x * F.logsigmoid(logits)).sum() / len(x)"), "(1 − x) log(1 − p) is missing"),
        (loss("F.mse_loss(logits.sigmoid(), x, reduction='sum') / len(x)"), "this is a squared error where"),
        (loss("F.mse_loss(logits, x, reduction='sum') / len(x)"), "a squared error, and of logits"),
        (loss("F.mse_loss(logits.sigmoid(), x)"), "this is a squared error where"),
        (loss(kl="(mu**2 + logvar.exp() - logvar - 1).sum() / len(x)"), "the ½ of the KL is missing"),
        (loss(MEAN_BCE, "(mu**2 + logvar.exp() - logvar - 1).sum() / len(x)"),
         "averaged over the pixels; sum it over them. Besides, the ½ of the KL is missing"),
        (loss(kl=f"-({KL}).sum() / len(x)"), "the KL has the wrong sign: it is added"),
        (loss(kl="(1 + logvar - mu**2 - logvar.exp()).sum() / len(x)"), "the KL has the wrong sign, and lacks its ½"),
        (loss(kl="0.5 * (mu**2 + logvar.exp() + logvar - 1).sum() / len(x)"), "log σ² has the wrong sign"),
        (loss(kl="0.5 * (mu**2 + logvar.exp() - 1).sum() / len(x)"), "−log σ² is missing in the KL"),
        (loss(kl="0.5 * (mu**2 + logvar.exp() ** 2 - logvar - 1).sum() / len(x)"), "σ⁴ where σ² is wanted"),
        (loss(kl="0.5 * (mu**2 + logvar.exp() - logvar).sum() / len(x)"), "the −1 is missing in the KL"),
        (loss(kl="0.5 * (logvar.exp() - logvar - 1).sum() / len(x)"), "μ² is missing in the KL"),
        (loss(kl="0.5 * (mu + logvar.exp() - logvar - 1).sum() / len(x)"), "μ is not squared"),
        (loss(kl="0.5 * (logvar**2 + mu.exp() - mu - 1).sum() / len(x)"), "mu and logvar are exchanged"),
        (loss(kl="0.5 * (mu**2 + logvar.exp() ** 2 - 2 * logvar - 1).sum() / len(x)"), LOG),
        (loss(kl="0.5 * (mu**2 + logvar**2 - torch.log(logvar**2) - 1).sum() / len(x)"), "takes logvar for σ, but"),
        (loss(kl="0.5 * (mu**2 + sigma.exp() - sigma - 1).sum() / len(x)", spread="sigma"), "takes σ for logvar"),
        (loss(kl="0.5 * (mu**2 + logvar.exp() - logvar.clamp(min=0) - 1).sum() / len(x)"), "off for σ < 1"),
        ("def f(logits, x, mu, logvar): return (logits - x).mean()", "the number is off"),
        (loss(kl=f"({KL}).sum(1, keepdim=True).mean(0)"), "wanted is the shape ()"),
    ],
    "beta_of_code": [
        (beta("batch * latents"), "this is upside down"),
        (beta("1 / latents"), "the batch is forgotten"),
        (beta("1 / batch"), "the latents are forgotten"),
        (beta("batch / latents"), "the batch stands on the wrong side"),
        (beta("1 / batch * latents"), "the latents stand on the wrong side"),
        (beta("1 / (batch * pixels)"), "the pixels do not come in, since they are summed"),
        (beta("1 / (batch * latents * pixels)"), "the pixels do not come in"),
        (beta("pixels / (batch * latents)"), "the pixels do not come in"),
        (beta("pixels / latents"), "a code whose terms are both means over everything"),
        (beta("pixels * batch"), "the β of source C"),
        (beta("1"), "this counts the two terms as they stand"),
        (beta("1 / (2 * batch * latents)"), "that is read at σ = 1"),
        (beta("2 * batch * latents"), "this is upside down"),
        (beta("1 / (2 * latents)"), "the batch is forgotten"),
        (beta("2 / (batch * latents)"), "the 2 is one too many"),
        (beta("-1 / (batch * latents)"), "the sign is turned round"),
        (beta("1 // (batch * latents)"), "`//` rounds down"),
        (beta("1 / (16 * 64)"), "a batch of 16 and 64 latents"),
        (beta("1 / (batch + latents)"), "the number is off"),
        (beta("[1 / (batch * latents)]"), "wanted is the shape ()"),
    ],
    "warm_up": [
        (rising("beta * step / steps"), "this keeps rising"),
        (rising("beta"), "nothing warms up"),
        (rising("beta * (1 - min(1, step / steps))"), "this falls"),
        (rising("beta * max(0, 1 - step / steps)"), "this falls"),
        (rising("beta * (1 - step / steps)"), "this falls"),
        (rising("beta * min(1, step // steps)"), "this is 0 until the end: `//` rounds down"),
        (rising("beta * (step // steps)"), "jumps once in `steps` steps: `//` rounds down"),
        (rising("min(1, step / steps)"), "beta plays no part: this rises to 1"),
        (rising("step / steps"), "beta plays no part: this rises to 1, and on"),
        (rising("min(beta, step / steps)"), "rises by 1/steps in a step until it meets beta"),
        (rising("beta * min(1, (step + 1) / steps)"), "one step early: at step 0 it is to be 0"),
        (rising("beta * (step + 1) / steps"), "one step early: at step 0 it is to be 0"),
        (rising("beta * min(1, (step + 1) / (steps + 1))"), "this starts above 0"),
        (rising("beta * min(1, step / (steps - 1))"), "at beta one step early"),
        (rising("beta * max(1, step / steps)"), "max stands where min is wanted"),
        (rising("max(beta, beta * step / steps)"), "max stands where min is wanted"),
        (rising("(beta * step / steps if step < steps else 0)"), "after the rise this goes back to 0"),
        (rising("(beta * step / steps if step <= steps else 0)"), "after the rise this goes back to 0"),
        (rising("(beta * step / steps if step < steps else 1)"), "after the rise this is 1"),
        (rising("0"), "β is 0 all the time"),
        (rising("-beta * min(1, step / steps)"), "the sign is turned round"),
        (rising("beta * min(1, step / steps) ** 2"), "no straight line"),
        (rising("beta * (1 - math.cos(math.pi * min(1, step / steps))) / 2"), "no straight line"),
        (rising("steps * beta"), "the numbers are off"),
        (rising("beta * min(1, steps / step)"), "your code raised ZeroDivisionError"),
        ("def f(step, steps, beta): return beta * min(1, step / steps)", "for steps = 0 it divides by zero"),
        ("def f(step, steps, beta): return beta * min(1, step / max(1, steps))", "for steps = 0 it gives 0 at step 0"),
        ("def f(step, steps, beta): return beta * min(1, step / steps) if steps else 0",
         "for steps = 0 it gives 0 at step 0"),
        ("def f(step, steps, beta): return beta * (torch.tensor(step) / steps).clamp(max=1)", "it gives nan at step 0"),
        (rising("torch.tensor([beta])"), "wanted is the shape ()"),
    ],
    "free_bits": [
        (bits("kl.clamp(min=free).mean(0).sum()"), "under each image's KL; average over the batch first"),
        (bits("kl.clamp(min=free).sum(1).mean()"), "under each image's KL; average over the batch first"),
        (bits("kl.mean(0).clamp(max=free).sum()"), "this is min where max is wanted"),
        (bits("sum(min(free, k) for k in kl.mean(0))"), "this is min where max is wanted"),
        (bits("kl.sum(1).mean().clamp(min=free)"), "the floor is set under the whole KL; each latent"),
        (bits("max(free * mu.shape[1], kl.sum(1).mean())"), "the floor is set under the whole KL; each latent"),
        (bits("kl.sum(1).clamp(min=free).mean()"), "the floor is set under each image's whole KL"),
        (bits("kl.mean(0).clamp(min=free).mean()"), "this is the mean over the latents"),
        (bits("(kl.mean(0) - free).clamp(min=0).sum()"), "a constant less: the same gradient"),
        (bits("F.relu(kl.mean(0) - free).sum()"), "a constant less: the same gradient"),
        (bits("F.relu(kl - free).sum(1).mean()"), "free is subtracted, image by image"),
        (bits("(kl.mean(0) - free).sum()"), "free is only subtracted"),
        (bits("kl.sum(0).clamp(min=free).sum()"), "the KL over the whole batch"),
        (bits("kl.clamp(min=free).sum()"), "this sums over the batch"),
        (bits("kl.sum(1).mean()"), "free plays no part"),
        (bits("(kl.mean(0) + free).sum()"), "free is added"),
        (bits("(kl.mean(0) * (kl.mean(0) > free)).sum()"), "here it counts 0"),
        (bits("kl.mean(0).clamp(min=free)"), "this is one number for each latent"),
        (bits("kl.clamp(min=free).sum(1)"), "this is one number for each image"),
        (bits("kl.mean(1).clamp(min=free).sum()"), "the mean goes over the latents"),
        (bits("kl.mean().clamp(min=free)"), "one mean over images and latents"),
        (bits("kl.clamp(min=free)"), "these are the single numbers"),
        (bits(kl="mu**2 + logvar.exp() - logvar - 1"), "the ½ of the KL is missing"),
        (bits("kl.mean(0).clamp(min=free).mean()", "mu**2 + logvar.exp() - logvar - 1"),
         "the ½ of the KL is missing. Besides, this is the mean over the latents"),
        (bits(kl="0.5 * (mu**2 + logvar.exp() ** 2 - logvar - 1)"), "σ⁴ where σ² is wanted"),
        (bits(kl="0.5 * (mu**2 + logvar.exp() + logvar - 1)"), "log σ² has the wrong sign"),
        (bits(kl="-0.5 * (mu**2 + logvar.exp() - logvar - 1)"), "has the KL its sign turned round?"),
        (bits(kl="0.5 * (mu**2 + logvar.exp() ** 2 - 2 * logvar - 1)"), LOG),
        (bits(kl="0.5 * (mu**2 + sigma.exp() - sigma - 1)", spread="sigma"), "takes σ for logvar"),
        (bits(kl="0.5 * (mu**2 + logvar.exp() - logvar.clamp(min=0) - 1)"), "off for σ < 1"),
        (bits("kl.mean(0).clamp(min=max(float(free), 0.1)).sum()"), "with free = 0 wanted is the KL as it was"),
        (bits("kl.mean(0).clamp(min=free, max=20.0).sum()"), "with every latent below the floor wanted is d · free"),
        (bits("mu.sum()"), "the number is off"),
        (bits("kl.mean(0).clamp(min=free).sum(0, keepdim=True)"), "wanted is the shape ()"),
    ],
    "importance_log_p": [
        (weights("w.mean(1)"), "this averages the logs, which is the ELBO"),
        (weights("w.logsumexp(1)"), "log k is missing"),
        (weights("w.sum(1)"), "this adds up the logs"),
        (weights("w.exp().mean(1)"), "this is p(x); wanted is its logarithm"),
        (weights("w.exp().sum(1)"), "this is the sum of the weights"),
        (weights("w.max(1).values"), "this is the best draw alone"),
        (weights("w.logsumexp(0) - math.log(len(w))"), "the sum goes over the images"),
        (weights("w.logsumexp(0) - math.log(w.shape[1])"), "the sum goes over the images"),
        (weights("w.logsumexp(0)"), "the sum goes over the images"),
        (weights("w.mean(0)"), "this averages logs, and over the images"),
        (weights("(w.logsumexp(1) - math.log(w.shape[1])).mean()"), "this is one number for all; wanted is one"),
        (weights("(w.logsumexp(1) - math.log(w.shape[1])).sum()"), "this is one number for all; wanted is one"),
        (weights("w.exp().mean().log()"), "this is one number for all; wanted is one"),
        (weights("w.mean()"), "this is one number for all, and a mean of logs"),
        (weights("w.logsumexp(1) / w.shape[1]"), "divides the logarithm by k"),
        (weights("w.logsumexp(1) - w.shape[1]"), "this subtracts k; subtract log k"),
        (weights("w.logsumexp(1) + math.log(w.shape[1])"), "here log k is added"),
        (weights("w.logsumexp(1) - math.log(len(w))"), "the log of the number of images"),
        (weights("math.log(w.shape[1]) - w.logsumexp(1)"), "the sign is turned round"),
        (weights("w"), "these are the single log-weights"),
        (weights(inside="a + b"), "log q(z|x) is missing"),
        (weights(inside="a + b + c"), "log q(z|x) has the wrong sign"),
        (weights(inside="a - c"), "log p(z) is missing"),
        (weights(inside="a"), "right for draws of the prior"),
        (weights(inside="a - b - c"), "log p(z) has the wrong sign"),
        (weights(inside="a - b + c"), "p(z)/q(z|x) is upside down"),
        (weights(inside="b - c"), "log p(x|z) is missing"),
        (weights("w.logsumexp(1)", "a + b + c"),
         "has the wrong sign: the weight is p(x|z) p(z) / q(z|x). Besides, log k"),
        (weights("a.logsumexp(1) + w.logsumexp(1) - 2 * math.log(w.shape[1])", "b - c"), "is averaged apart"),
        (weights("a.logsumexp(1) - math.log(w.shape[1]) + w.mean(1)", "b - c"), "is averaged apart"),
        (weights("a.exp().mean(1).log() + b.exp().mean(1).log() - c.exp().mean(1).log()"), "are averaged one by one"),
        (weights("w.exp().mean(1).log()"), "log-likelihoods of −500"),
        (weights("(a.exp() * b.exp() / c.exp()).mean(1).log()"), "log-likelihoods of −500"),
        (weights("(w.exp().mean(1) + 1e-30).log()"), "off at −500"),
        (weights("w.logsumexp(1, keepdim=True) - math.log(w.shape[1])"), "wanted is the shape ("),
        (weights("w[:, 0]"), "the numbers are off"),
    ],
    "active_units": [
        ("def f(mu): return (mu.var(1) > 0.01).sum()", "the variance is taken over the latents"),
        ("def f(mu): return (mu.std(0) > 0.01).sum()", "the standard deviation is held against 0.01"),
        ("def f(mu): return (mu.abs().mean(0) > 0.01).sum()", "where the mean of |μ|"),
        ("def f(mu): return (mu.mean(0).abs() > 0.01).sum()", "where the mean of μ is off 0"),
        ("def f(mu): return (mu.mean(0) ** 2 > 0.01).sum()", "where the mean of μ is off 0"),
        ("def f(mu): return ((mu**2).mean(0) > 0.01).sum()", "where the mean of μ² is above 0.01"),
        ("def f(mu): return (mu.var(0) < 0.01).sum()", "this counts the dead ones"),
        ("def f(mu): return (mu.var(0) > 0.1).sum()", "held against 0.1; the threshold is 0.01"),
        ("def f(mu): return (mu.var(0) > 0).sum()", "noise alone is above that"),
        ("def f(mu): return mu.shape[1]", "noise alone is above that"),
        ("def f(mu): return (mu.var() > 0.01).sum()", "this is one variance of all numbers"),
        ("def f(mu): return mu.var(0) > 0.01", "this is a mask; count its True"),
        ("def f(mu): return (mu.var(0) > 0.01).float().mean()", "the share of the active ones"),
        ("def f(mu): return (mu.var(0) > 0.01).nonzero()", "the columns' indices; count them"),
        ("def f(mu): return [j for j in range(mu.shape[1]) if mu[:, j].var() > 0.01]", "the columns' indices"),
        ("def f(mu): return (mu.std(0) > 0.01).float().mean()",
         "the variance, its square. Besides, this is the share of the active ones"),
        ("def f(mu): return mu.var(0)", "these are the variances themselves"),
        ("def f(mu): return mu.std(0)", "these are the standard deviations themselves"),
        ("def f(mu): return mu.var(0).sum()", "the variances are added up"),
        ("def f(mu): v = mu.var(0); return v[v > 0.01].sum()", "adds up the variances above 0.01"),
        ("def f(mu): return (mu.var(0) > 0.01).sum() + 1", "the number is off"),
        ("def f(mu): return (mu.var(0) > 0.01).sum()[None]", "wanted is the shape ()"),
    ],
    "grey_floor": [
        (floor("-x * x.log() - (1 - x) * (1 - x).log()"), "right, but nan for pixels of 0 and 1: 0 · log 0"),
        (floor("F.binary_cross_entropy_with_logits(torch.logit(x), x, reduction='none')"), "for pixels of 0 and 1"),
        ("def f(x): return -sum(p * math.log(p) + (1 - p) * math.log(1 - p) for p in x.flatten().tolist()) / len(x)",
         "right, but ValueError for pixels of 0 and 1"),
        (floor(reduced=".mean()"), "this is the mean over the pixels too"),
        (floor(reduced=".sum()"), "this is the sum over the images too"),
        (floor(reduced=".flatten(1).sum(1)"), "this is one number for each image"),
        (floor(reduced=".flatten(1).mean(1)"), "this is the mean over the pixels, for each image"),
        (floor(reduced=".mean(0)"), "the pixels are left apart"),
        (floor(reduced=""), "each number is left apart"),
        (floor(reduced=".sum(-1).mean()"), "this sums over rows or columns alone"),
        (floor(reduced=".sum(2).mean()"), "this sums over rows or columns alone"),
        (floor("torch.xlogy(x, x) + torch.xlogy(1 - x, 1 - x)"), "the sign is turned round"),
        (floor("torch.special.entr(x)"), "−(1 − x) log(1 − x) is missing"),
        (floor("-torch.xlogy(x, x)"), "−(1 − x) log(1 − x) is missing"),
        (floor("torch.special.entr(1 - x)"), "−x log x is missing"),
        (floor("-x * x.log2() - (1 - x) * (1 - x).log2()"), "this is in bits"),
        (floor("-x * x.log10() - (1 - x) * (1 - x).log10()"), "this takes log10"),
        (floor("-x * (1 - x).log() - (1 - x) * x.log()"), "are exchanged under the logs"),
        (floor("-x.log() - (1 - x).log()"), "these are the logs alone"),
        (floor("torch.special.entr(x) - torch.special.entr(1 - x)"), "the two terms are subtracted"),
        (floor("F.binary_cross_entropy_with_logits(x, x, reduction='none')"), "x is no logit"),
        ("def f(x): return F.binary_cross_entropy_with_logits(x, x)", "x is no logit"),
        ("def f(x): return torch.distributions.Bernoulli(logits=x).entropy().sum((1, 2, 3)).mean()",
         "x is a probability already"),
        ("def f(x): p = x / x.sum((1, 2, 3), keepdim=True); return torch.special.entr(p).sum() / len(x)",
         "the pixels are no shares of one whole"),
        (floor("x * (1 - x)"), "this is the variance of the pixels"),
        (floor("-x * x.log2()"), "the number is off"),
        (floor("torch.special.entr(x)", ".mean()"),
         "may come out black too. Besides, this is the mean over the pixels"),
        ("def f(x): m = x.mean(0); return (torch.special.entr(m) + torch.special.entr(1 - m)).sum()",
         "this is the entropy of the mean image; wanted"),
        ("def f(x): m = x.mean(0); return (torch.special.entr(m) + torch.special.entr(1 - m)).mean()",
         "this is the entropy of the mean image, averaged"),
        ("def f(x): p = x.clamp(0.01, 0.99); return -(p * p.log() + (1 - p) * (1 - p).log()).sum() / len(x)",
         "where pixels are 0 or 1: is x clamped"),
        ("def f(x): p = x.clamp(1e-3, 1 - 1e-3); return -(p * p.log() + (1 - p) * (1 - p).log()).sum() / len(x)",
         "where pixels are 0 or 1: is x clamped"),
        ("def f(x): return (torch.special.entr(x) + torch.special.entr(1 - x)).sum((1, 2, 3)).mean(0, keepdim=True)",
         "wanted is the shape ()"),
        ("def f(x): return (-x).log().sum()", "a nan"),
    ],
}

STUBS = {
    "nats_per_image": ["def my_loss(logits, x, mu, logvar):\n    ..."],
    "beta_of_code": ["def my_beta(batch, pixels, latents):\n    ...", "def my_beta(batch, pixels, latents):\n    pass"],
    "warm_up": ["def my_warmup(step, steps, beta):\n    ..."],
    "free_bits": ["def my_free_bits(mu, logvar, free):\n    ...", "def my_free_bits(mu, sigma, free):\n    ..."],
    "importance_log_p": ["def my_log_p(log_p_x_given_z, log_p_z, log_q_z):\n    ..."],
    "active_units": ["def my_active(mu):\n    ..."],
    "grey_floor": ["def my_floor(x):\n    ..."],
}
