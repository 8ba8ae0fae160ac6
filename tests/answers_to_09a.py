"""Answers to the exercises of notebook 09, scores of pictures: right ones, wrong ones with what must be said, stubs."""


def psnr(back, mse="(x_hat - x).square().flatten(1).mean(1)"):
    return f"def f(x_hat, x):\n    mse = {mse}\n    return {back}"


def auc(back, higher="(abnormal[:, None] > normal)", equal="(abnormal[:, None] == normal)"):
    return f"def f(normal, abnormal):\n    higher = {higher}.float()\n    equal = {equal}.float()\n    return {back}"


def free(back):
    return f"def f(nll, kl, n_bytes):\n    return {back}"


RIGHT = {
    "psnr": [
        psnr("10 * torch.log10(1 / mse)"),
        """
        from vae_helpers.losses import psnr

        def f(x_hat, x):
            return psnr(x_hat, x)
        """,
        psnr("-10 * mse.log10()"),
        psnr("10 * torch.log(1 / mse) / math.log(10)"),
        psnr("-20 * mse.sqrt().log10()"),
        psnr("20 * torch.log10(1 / torch.sqrt(mse))", "((x_hat - x) ** 2).mean(dim=(1, 2, 3))"),
        psnr("-10 * np.log10(mse)", "np.mean((x_hat - x).numpy() ** 2, axis=(1, 2, 3))"),
        "def f(x_hat, x): return torch.stack([-10 * F.mse_loss(a, b).log10() for a, b in zip(x_hat, x)])",
        "def f(x_hat, x): return [10 * math.log10(1 / ((a - b) ** 2).mean()) for a, b in zip(x_hat, x)]",
        psnr("-10 * mse.log10()", "F.mse_loss(x_hat, x, reduction='none').flatten(1).mean(1)"),
    ],
    "auc": [
        auc("(higher + 0.5 * equal).mean()"),
        """
        from sklearn.metrics import roc_auc_score

        def f(normal, abnormal):
            return roc_auc_score([0] * len(normal) + [1] * len(abnormal), torch.cat([normal, abnormal]))
        """,
        """
        from scipy.stats import mannwhitneyu

        def f(normal, abnormal):
            return mannwhitneyu(abnormal, normal).statistic / (len(normal) * len(abnormal))
        """,
        """
        from vae_helpers.detection import auc

        def f(normal, abnormal):
            return auc(normal, abnormal)
        """,
        """
        def f(normal, abnormal):
            total = 0
            for a in abnormal:
                for b in normal:
                    total += 1 if a > b else 0.5 if a == b else 0
            return total / (len(normal) * len(abnormal))
        """,
        "def f(normal, abnormal): return ((torch.sign(abnormal[:, None] - normal) + 1) / 2).mean()",
        "def f(normal, abnormal): return (np.sign(np.subtract.outer(abnormal, normal)).mean() + 1) / 2",
        """
        def f(normal, abnormal):
            thresholds = torch.cat([normal, abnormal, torch.tensor([-1e9])]).unique().flip(0)
            found = (abnormal[:, None] > thresholds).double().mean(0)
            alarms = (normal[:, None] > thresholds).double().mean(0)
            return torch.trapezoid(found, alarms)
        """,
        """
        from scipy.stats import rankdata

        def f(normal, abnormal):
            n, m = len(normal), len(abnormal)
            return (rankdata(torch.cat([normal, abnormal]))[n:].sum() - m * (m + 1) / 2) / (n * m)
        """,
    ],
    "complexity_free": [
        free("nll + kl - n_bytes * 8 * math.log(2)"),
        free("nll + kl - n_bytes * 8 * np.log(2)"),
        free("nll + kl - n_bytes * math.log(256)"),
        free("-(-nll - kl) - torch.log(torch.tensor(2.0)) * 8 * n_bytes"),
        free("[a + b - 8 * math.log(2) * c for a, b, c in zip(nll, kl, n_bytes)]"),
        free("((nll + kl) / math.log(2) - 8 * n_bytes) * math.log(2)"),
        "def f(nll, kl, n_bytes): bits = 8 * n_bytes; nats = bits / math.log2(math.e); return nll + kl - nats",
        "def f(nll, kl, n_bytes): elbo = -nll - kl; return -elbo - n_bytes * 8 * 0.693147",
    ],
}
WHOLE = "for the whole batch; wanted is one for each image"
HALF = "they count ½"
WRONG = {
    "psnr": [
        (psnr("10 * mse.log10()"), "the sign is turned round"),
        (psnr("20 * torch.log10(1 / mse)"), "the factor is 10"),
        (psnr("-20 * mse.log10()"), "20 goes with its root"),
        (psnr("-10 * mse.sqrt().log10()"), "this takes the root first"),
        (psnr("10 * torch.log(1 / mse)"), "natural logarithm"),
        (psnr("10 * torch.log2(1 / mse)"), "logarithm to base 2"),
        (psnr("torch.log10(1 / mse)"), "the factor 10 is missing"),
        (psnr("-10 * mse.log10()", "((x_hat - x) ** 2).sum((1, 2, 3))"), "take their mean"),
        (psnr("mse"), "the mean squared error itself"),
        (psnr("mse.sqrt()"), "the root of the mse"),
        (psnr("1 / mse"), "the logarithm is missing"),
        (psnr("10 * torch.log10(255**2 / mse)"), "the peak is 1 here"),
        (psnr("-10 * mse.log10()", "(x_hat - x).abs().flatten(1).mean(1)"), "mean absolute error"),
        (psnr("10 * torch.log10(1 + 1 / mse)"), "1 + mse is not 1 / mse"),
        (psnr("-10 * mse.log10()", "((x_hat - x) ** 2).mean()"), WHOLE),
        (psnr("-10 * F.mse_loss(x_hat, x).log10()"), WHOLE),
        (psnr("-10 * mse.log10().mean()"), WHOLE),
        (psnr("-20 * mse.log10()", "((x_hat - x) ** 2).mean()"), "and 10 for the factor"),
        (psnr("-10 * mse.log10()", "((x_hat - x) ** 2).mean((2, 3))"), "for each channel"),
        (psnr("-10 * mse.log10() + 1"), "the numbers are off"),
        (psnr("(mse - 1).log10()"), "a nan"),
    ],
    "auc": [
        (auc("1 - (higher + 0.5 * equal).mean()"), "turned round"),
        (auc("(higher + 0.5 * equal).mean()", "(abnormal[:, None] < normal)"), "turned round"),
        (auc("higher.mean()"), f"equal scores count 0 here; {HALF}"),
        (auc("higher.mean()", "(abnormal[:, None] >= normal)"), f"equal scores count 1 here; {HALF}"),
        (auc("(higher + equal).mean()"), f"equal scores count 1 here; {HALF}"),
        (auc("higher.mean()", "(abnormal[:, None] < normal)"), "turned round, and equal"),
        (auc("higher.mean()", "(abnormal[:, None] <= normal)"), "turned round, and equal"),
        (auc("(higher + 0.5 * equal).sum()"), "not divided by the number of pairs"),
        (auc("higher.sum()"), "not divided by the number of pairs, and"),
        (auc("(higher + 0.5 * equal).sum() / (len(normal) + len(abnormal))"), "not by n + m"),
        (auc("(higher + 0.5 * equal).sum() / len(normal)"), "not by n"),
        (auc("(higher + 0.5 * equal).sum() / len(abnormal)"), "not by m"),
        ("def f(normal, abnormal): return np.mean([(a > b) + 0.5 * (a == b) for a, b in zip(abnormal, normal)])",
         "at the same place alone"),
        ("def f(normal, abnormal): return np.mean([float(a > b) for a, b in zip(abnormal, normal)])",
         "at the same place alone"),
        ("""
         def f(normal, abnormal):
             t = torch.cat([normal, abnormal]).median()
             return ((normal <= t).sum() + (abnormal > t).sum()) / (len(normal) + len(abnormal))
         """, "accuracy at one threshold"),
        ("def f(normal, abnormal): return (abnormal > torch.cat([normal, abnormal]).median()).float().mean()",
         "at one threshold"),
        ("def f(normal, abnormal): return abnormal.mean() - normal.mean()", "difference of the mean scores"),
        (auc("2 * (higher + 0.5 * equal).mean() - 1"), "Gini"),
        (auc("100 * (higher + 0.5 * equal).mean()"), "percent"),
        (auc("(higher + 0.5 * equal).mean(1)"), "for each abnormal score"),
        (auc("(higher + 0.5 * equal).mean(0)"), "for each normal score"),
        (auc("higher + 0.5 * equal"), "for each pair"),
        (auc("(higher + 0.3 * equal).mean()"), "the number is off"),
    ],
    "complexity_free": [
        (free("nll + kl - n_bytes * 8"), "in bits here"),
        (free("nll + kl - n_bytes"), "in bytes here"),
        (free("nll + kl - n_bytes * math.log(2)"), "the 8 is missing"),
        (free("nll + kl - n_bytes * 8 / math.log(2)"), "not divided by it"),
        (free("nll + kl - n_bytes / 8 * math.log(2)"), "so multiply"),
        (free("nll + kl - n_bytes * 8 * math.log10(2)"), "log10 of 2"),
        (free("nll + kl - n_bytes * math.log(8)"), "log(8) for 8 log(2)"),
        (free("nll + kl - n_bytes * 8 * math.log2(2)"), "in bits here"),
        (free("nll + kl + n_bytes * 8 * math.log(2)"), "the length is added"),
        (free("nll + kl + n_bytes * 8"), "the length is added, and in bits"),
        (free("(nll + kl) / (n_bytes * 8 * math.log(2))"), "divides by the length"),
        (free("(nll + kl) / n_bytes"), "divides by the length, in bytes"),
        (free("(nll + kl) / (8 * n_bytes)"), "divides by the length, in bits"),
        (free("nll + kl"), "the length of the file is missing"),
        (free("n_bytes * 8 * math.log(2) - nll - kl"), "the sign of the whole"),
        (free("(nll + kl) / math.log(2) - n_bytes * 8"), "this goes to bits"),
        (free("n_bytes * 8 * math.log(2)"), "the length of the file alone"),
        (free("nll - n_bytes * 8 * math.log(2)"), "the KL is missing"),
        (free("kl - n_bytes * 8 * math.log(2)"), "the nll is missing"),
        (free("nll - kl - n_bytes * 8 * math.log(2)"), "the KL has the wrong sign"),
        (free("-nll - kl - n_bytes * 8 * math.log(2)"), "this has the ELBO"),
        (free("-nll + kl - n_bytes * 8 * math.log(2)"), "−nll + kl"),
        (free("nll - n_bytes * 8"), "the KL is missing: −ELBO is nll + kl. Besides, the length is in bits"),
        (free("(nll + kl - n_bytes * 8 * math.log(2)).mean()"), "for all pictures; wanted is one for each"),
        (free("nll + kl - n_bytes * 8 * math.log(2) + 1"), "the numbers are off"),
    ],
}
STUBS = {
    "psnr": ["def my_psnr(x_hat, x):\n    ..."],
    "auc": ["def my_auc(normal, abnormal):\n    ..."],
    "complexity_free": ["def my_score(nll, kl, n_bytes):\n    ..."],
}
