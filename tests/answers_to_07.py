"""Answers to the exercises of notebook 07: right ones, wrong ones with what the message must say, stubs."""

import textwrap


def linear(dx="dy @ w.T", dw="x.T @ dy", db="dy.sum(0)", back="dx, dw, db"):
    return f"def f(x, w, dy):\n    dx = {dx}\n    dw = {dw}\n    db = {db}\n    return {back}"


def sample(dmu="dz", dlogvar="dz * eps * np.exp(logvar / 2) / 2", back="dmu, dlogvar"):
    return f"def f(dz, logvar, eps):\n    dmu = {dmu}\n    dlogvar = {dlogvar}\n    return {back}"


def kl(dmu="mu", dlogvar="(np.exp(logvar) - 1) / 2", by="len(mu)", back="dmu, dlogvar"):
    return f"def f(mu, logvar):\n    dmu = ({dmu}) / ({by})\n    dlogvar = ({dlogvar}) / ({by})\n    return {back}"


def tanh(forward="np.tanh(x)", backward="dy * (1 - self.y**2)"):
    return ("class K:\n    def forward(self, x):\n        self.x = x\n"
            f"        self.y = {forward}\n        return self.y\n"
            f"    def backward(self, dy):\n        return {backward}")


def nats(each="(mu**2 + np.exp(logvar) - logvar - 1) / 2", reduced=".mean(0)"):
    return f"def f(model, x):\n    mu, logvar = model.encode(x)\n    return ({each}){reduced}"


def diagnosis(healthy="nobody", biases="Linear", decoder="ReLU", else_="Sample"):
    return textwrap.dedent(f"""
        def f(errors):
            wrong = [name for name, error in errors.items() if error > 1e-6]
            if not wrong:
                return {healthy!r}
            if all(name.endswith(".b") for name in wrong):
                return {biases!r}
            return {decoder!r} if "decoder.w" in wrong else {else_!r}
    """)


RIGHT = {
    "linear_backward": [
        linear(),
        "def f(x, w, dy): return dy @ w.T, x.T @ dy, dy.sum(axis=0)",
        "def f(x, w, dy): return [np.dot(dy, w.T), np.dot(x.T, dy), np.sum(dy, axis=0)]",
        """
        def f(x, w, dy):
            dx = np.einsum("nj,ij->ni", dy, w)
            dw = np.einsum("ni,nj->ij", x, dy)
            return dx, dw, np.ones(len(x)) @ dy
        """,
        """
        def f(x, w, dy):
            dw = np.zeros_like(w)
            for row, d in zip(x, dy):
                dw += np.outer(row, d)
            return (w @ dy.T).T, dw, sum(dy)
        """,
        """
        def f(x, w, dy):
            x, w = torch.tensor(x, requires_grad=True), torch.tensor(w, requires_grad=True)
            b = torch.zeros(w.shape[1], dtype=torch.float64, requires_grad=True)
            (x @ w + b).backward(torch.tensor(dy))
            return x.grad, w.grad, b.grad
        """,
    ],
    "sample_backward": [
        sample(),
        "def f(dz, logvar, eps): return dz.copy(), 0.5 * np.exp(0.5 * logvar) * eps * dz",
        "def f(dz, logvar, eps): return dz, dz * eps * np.sqrt(np.exp(logvar)) / 2",
        """
        def f(dz, logvar, eps):
            sigma = np.exp(logvar) ** 0.5
            dsigma = dz * eps
            return dz, dsigma * sigma / 2
        """,
        """
        def f(dz, logvar, eps):
            logvar = torch.tensor(logvar, requires_grad=True)
            ((logvar / 2).exp() * torch.tensor(eps)).backward(torch.tensor(dz))
            return dz, logvar.grad
        """,
    ],
    "kl_gradient": [
        kl(),
        "def f(mu, logvar): return mu / len(mu), (np.exp(logvar) - 1) / (2 * len(mu))",
        "def f(mu, logvar): n = mu.shape[0]; return mu / n, 0.5 * (np.exp(logvar) - 1) / n",
        "def f(mu, logvar): return mu / len(mu), np.expm1(logvar) / 2 / len(mu)",
        # as source E has it, and the mean over the batch
        "def f(mu, logvar): return mu / len(mu), -0.5 * (1 - np.exp(logvar)) / len(mu)",
    ],
    "diagnosis": [
        diagnosis(),
        """
        def f(errors):
            bad = {name for name in errors if errors[name] > 1e-4}
            if not bad:
                return "nobody"
            if "decoder.w" in bad:
                return "ReLU"
            return "Sample" if "logvar.w" in bad else "Linear"
        """,
        """
        def f(errors):
            if max(errors.values()) < 1e-6:
                return "nobody"
            if errors["logits.b"] > 1e-6:
                return "Linear"
            return "ReLU" if errors["mu.w"] > 1e-6 else "Sample"
        """,
    ],
    "tanh_layer": [
        tanh(),
        tanh(backward="dy * (1 - np.tanh(self.x) ** 2)"),
        tanh(backward="dy / np.cosh(self.x) ** 2"),
        tanh(backward="dy * (1 - self.y) * (1 + self.y)"),
        tanh(forward="1 - 2 / (1 + np.exp(2 * x))"),
        """
        from vae_helpers.numpy_vae import Tanh

        class C(Tanh):
            def forward(self, x):
                return super().forward(x)
        """,
    ],
    "nats_per_latent": [
        nats(),
        nats(each="0.5 * (mu**2 + np.exp(logvar) - 1 - logvar)", reduced=".sum(0) / len(x)"),
        """
        def f(model, x):
            h = model.encoder_bend.forward(model.encoder.forward(x))
            mu, logvar = model.head.mu.forward(h), model.head.logvar.forward(h)
            return np.mean(mu**2 + np.exp(logvar) - logvar - 1, axis=0) / 2
        """,
        """
        def f(model, x):
            from vae_helpers.losses import kl_per_latent
            return kl_per_latent(*map(torch.tensor, model.encode(x))).mean(0)
        """,
    ],
}

WRONG = {
    "linear_backward": [
        (linear(dw="(x.T @ dy).T"), "dw is transposed"),
        (linear(dw="dy.T @ x"), "dw is transposed"),
        (linear(dx="w @ dy.T"), "dx is transposed"),
        (linear(dx="dy @ w"), "the shapes of a product do not fit"),
        (linear(dw="x @ dy"), "the shapes of a product do not fit"),
        (linear(dx="dy @ w.T / len(x)"), "dx has 1/N in it"),
        (linear(dx="dy"), "dx is dy itself"),
        (linear(dx="w"), "dx is W"),
        (linear(dx="-dy @ w.T"), "dx has the wrong sign"),
        (linear(dx="2 * dy @ w.T"), "dx is off: each input goes to every output"),
        (linear(dw="x.T @ dy / len(x)"), "dw is averaged over the images"),
        (linear(dw="-x.T @ dy"), "dw has the wrong sign"),
        (linear(dw="x[:, :, None] * dy[:, None, :]"), "still apart for each image"),
        (linear(dw="x.T @ dy + w"), "dw is off: W_ij meets x_i in every image"),
        (linear(dw="np.nan * w"), "a nan in dw"),
        (linear(db="dy.mean(0)"), "db is averaged over the images"),
        (linear(db="dy"), "db is dy itself"),
        (linear(db="dy.sum(1)"), "db is summed over the wrong axis"),
        (linear(db="dy.mean(1)"), "and over the wrong axis"),
        (linear(db="dy.sum()"), "db is summed over everything"),
        (linear(db="np.full(dy.shape[1], len(x))"), "db is the number of images"),
        (linear(db="np.ones(dy.shape[1])"), "db is 1;"),
        (linear(db="dy.sum(0, keepdims=True)"), "a dimension too many"),
        (linear(db="-dy.sum(0)"), "db has the wrong sign"),
        (linear(db="dy.sum(0) + 1"), "db is off: b_j is added in every image"),
        (linear(db="..."), "db is None"),
        (linear(back="dw, db, dx"), "the order is changed: wanted is `return dx, dw, db`"),
        (linear(back="dw, dx, db"), "the order is changed"),
        (linear(back="dx, dw"), "wanted are 3 arrays: `return dx, dw, db`"),
        (linear(back="{'dx': dx, 'dw': dw, 'db': db}"), "wanted are 3 arrays"),
        (linear(back="3"), "wanted are 3 arrays"),
    ],
    "sample_backward": [
        (sample(dlogvar="dz * eps * np.exp(logvar / 2) / 2 + (np.exp(logvar) - 1) / 2 / len(dz)"),
         "the KL's gradient in it"),
        (sample(dmu="np.ones_like(dz)"), "dmu is 1"),
        (sample(dmu="np.zeros_like(dz)"), "dmu is 0"),
        (sample(dmu="dz * np.exp(logvar / 2)"), "dmu has σ in it"),
        (sample(dmu="dz * eps"), "dmu has ε in it"),
        (sample(dmu="dz * eps * np.exp(logvar / 2)"), "dmu has σ ε in it"),
        (sample(dmu="dz / len(dz)"), "dmu is averaged over the batch"),
        (sample(dmu="dz.sum(0)"), "dmu is summed over the batch"),
        (sample(dmu="-dz"), "dmu has the wrong sign"),
        (sample(dmu="dz + 1"), "dmu is off"),
        (sample(dlogvar="dz * eps * np.exp(logvar / 2)"), "in dlogvar the ½ is missing"),
        (sample(dlogvar="dz * eps / 2"), "dlogvar is without σ"),
        (sample(dlogvar="dz * eps"), "dlogvar is the derivative by σ"),
        (sample(dlogvar="dz * np.exp(logvar / 2) / 2"), "dlogvar is without ε: the noise"),
        (sample(dlogvar="dz * np.exp(logvar / 2)"), "without ε and without its ½"),
        (sample(dlogvar="eps * np.exp(logvar / 2) / 2"), "dlogvar is without dz: it must go back"),
        (sample(dlogvar="eps * np.exp(logvar / 2)"), "without dz, and without its ½"),
        (sample(dlogvar="dz * eps * np.exp(logvar) / 2"), "has σ² where σ is wanted: σ is"),
        (sample(dlogvar="dz * eps * np.exp(logvar)"), "σ² where σ is wanted, and its ½ is missing"),
        (sample(dlogvar="dz * eps * logvar / 2"), "takes logvar for σ"),
        (sample(dlogvar="dz"), "dlogvar is dz"),
        (sample(dlogvar="0 * dz"), "dlogvar is 0; but σ is in z"),
        (sample(dlogvar="dz * eps * np.exp(logvar / 2) / 2 + (np.exp(logvar) - 1) / 2"), "has the KL's gradient in it"),
        (sample(dlogvar="dz * eps * np.exp(logvar / 2) / 2 / len(dz)"), "dlogvar is averaged over the batch"),
        (sample(dlogvar="(dz * eps * np.exp(logvar / 2) / 2).sum(0)"), "dlogvar is summed over the batch"),
        (sample(dlogvar="-dz * eps * np.exp(logvar / 2) / 2"), "dlogvar has the wrong sign"),
        (sample(dlogvar="dz**2"), "dlogvar is off"),
        (sample(back="dlogvar, dmu"), "the order is changed: wanted is `return dmu, dlogvar`"),
        (sample(back="dmu"), "wanted are 2 arrays"),
    ],
    "kl_gradient": [
        ("def f(mu, logvar): return mu / len(mu), np.exp(logvar) - 1 / 2 / len(mu)", "a bracket is missing in dlogvar"),
        ("def f(mu, logvar): return mu / len(mu), np.exp(logvar) / 2 - 1 / 2 / len(mu)",
         "a bracket is missing in dlogvar"),
        (kl(by="1"), "1/N is missing"),
        (kl(dmu="2 * mu", by="1"), "the ½ before the KL is missing. Besides, 1/N is missing"),
        (kl(by="mu.size"), "this is averaged over the latents too"),
        (kl(by="mu.shape[1]"), "this is averaged over the latents; they are summed"),
        (kl(dmu="2 * mu"), "the ½ before the KL is missing"),
        (kl(dmu="2 * mu", dlogvar="np.exp(logvar) - 1"), "the ½ before the KL is missing"),
        (kl(dmu="mu / 2"), "dmu is μ/2"),
        (kl(dmu="-mu"), "dmu has the wrong sign"),
        (kl(dmu="mu**2"), "dmu is μ²; that is the term"),
        (kl(dmu="mu**2 / 2"), "dmu is ½ μ²; that is the term"),
        (kl(dmu="np.ones_like(mu)"), "dmu is 1"),
        (kl(dmu="mu + 1"), "dmu is off"),
        (kl(dlogvar="np.exp(logvar) - 1"), "dlogvar lacks its ½"),
        (kl(dlogvar="(1 - np.exp(logvar)) / 2"), "dlogvar has the wrong sign"),
        (kl(dlogvar="1 - np.exp(logvar)"), "lacks its ½ and has the wrong sign"),
        (kl(dlogvar="np.exp(logvar) / 2"), "dlogvar lacks its −½"),
        (kl(dlogvar="(np.exp(logvar) + 1) / 2"), "has + where − is wanted"),
        (kl(dlogvar="np.exp(logvar) / 2 - 1"), "½ stands before log σ² too"),
        (kl(dlogvar="np.exp(logvar) - 0.5"), "½ stands before σ² too"),
        (kl(dlogvar="(np.exp(logvar / 2) - 1) / 2"), "has σ where σ² = exp(logvar) is wanted"),
        (kl(dlogvar="(logvar - 1) / 2"), "takes logvar for σ²"),
        (kl(dlogvar="(1 - np.exp(-logvar)) / 2"), "this is the derivative by σ²"),
        (kl(dlogvar="np.exp(logvar / 2) - np.exp(-logvar / 2)"), "this is the derivative by σ;"),
        (kl(dlogvar="(np.exp(logvar) - logvar) / 2"), "the derivative of logvar is 1"),
        (kl(dlogvar="(np.exp(logvar) - logvar - 1) / 2"), "the KL's own term, not its derivative"),
        (kl(dlogvar="(np.exp(logvar) / 2 - 1) / 2"), "has the ½ of exp(logvar / 2) in it"),
        (kl(dlogvar="logvar**2"), "dlogvar is off"),
        (kl(back="dlogvar, dmu"), "the order is changed"),
        (kl(back="dmu"), "wanted are 2 arrays"),
    ],
    "diagnosis": [
        (diagnosis(healthy="Sample"), "all errors are below 1e-6, it says 'Sample'"),
        (diagnosis(biases="Sample"), "all `.b` are wrong and all `.w` right, it says 'Sample'"),
        (diagnosis(decoder="Linear"), "it says 'Linear'; a wrong dy spoils all"),
        (diagnosis(decoder="Sample", else_="ReLU"), "encoder, logvar are wrong, it says 'ReLU'"),
        ("def f(errors): return 'Sample'", "all errors are below 1e-6"),
        ("def f(errors): return 'nobody'", "it says 'nobody'"),
        ("def f(errors): return 'relu'", "'relu' is nobody here"),
        ("def f(errors): return max(errors, key=errors.get)", "is nobody here"),
        ("def f(errors): return 3", "wanted is a name"),
        ("def f(errors): return [name for name in errors if errors[name] > 1e-6]", "wanted is a name"),
        ("def f(errors): return 'nobody' if max(errors.values()) == 0 else 'Sample'", "they are rounding"),
        ("def f(errors): return 'nobody' if max(errors.values()) < 1e-6 else None", "gives back None where"),
    ],
    "tanh_layer": [
        (tanh(backward="dy * 1 - self.y**2"), "a bracket is missing in backward"),
        (tanh(backward="dy * (1 - self.y) ** 2"), "the square belongs to y alone"),
        (tanh(forward="1 / (1 + np.exp(-x))"), "forward gives the sigmoid"),
        (tanh(forward="x"), "forward gives x as it is"),
        (tanh(forward="np.maximum(x, 0)"), "forward gives the ReLU"),
        (tanh(forward="np.tan(x)"), "forward gives tan"),
        (tanh(forward="np.sinh(x)"), "forward gives sinh"),
        (tanh(forward="np.tanh(x / 2)"), "forward gives tanh(x/2)"),
        (tanh(forward="1 - np.tanh(x) ** 2"), "forward gives the derivative"),
        (tanh(forward="np.cos(x)"), "forward is off"),
        (tanh(forward="np.tanh(x).sum()"), "wanted is the shape"),
        (tanh(backward="1 - self.y**2"), "backward is without dy"),
        (tanh(backward="dy"), "backward gives dy as it is"),
        (tanh(backward="dy * (1 - self.x**2)"), "has the input in it"),
        (tanh(backward="dy * (1 - self.y)"), "the square is missing"),
        (tanh(backward="dy * (1 + self.y**2)"), "wanted is 1 − y²"),
        (tanh(backward="dy * (self.y**2 - 1)"), "the sign is turned round"),
        (tanh(backward="dy * (1 - np.tanh(self.y) ** 2)"), "applies tanh twice"),
        (tanh(backward="1 - np.tanh(dy) ** 2"), "takes tanh of dy"),
        (tanh(backward="dy * (1 - np.tanh(dy) ** 2)"), "takes tanh of dy"),
        (tanh(backward="dy * (1 - dy**2)"), "takes dy for the output"),
        (tanh(backward="dy * self.y * (1 - self.y)"), "that is the sigmoid's derivative"),
        (tanh(backward="np.where(self.x > 0, dy, 0)"), "that is the ReLU's"),
        (tanh(backward="dy * self.y**2"), "with y², not with 1 − y²"),
        (tanh(backward="dy * self.y"), "multiplies with y; wanted"),
        (tanh(backward="(dy * (1 - self.y**2)).sum(0)"), "summed over the batch"),
        (tanh(backward="dy * (1 - self.y**2) / len(dy)"), "averaged over the batch"),
        (tanh(backward="3 * dy"), "forward is right; backward is off"),
        (tanh(backward="None"), "backward gives back None"),
        (tanh().replace("backward", "back"), "the layer has no method `backward`"),
    ],
    "nats_per_latent": [
        (nats("mu**2 + np.exp(logvar) - logvar - 1 / 2"), "a bracket is missing"),
        (nats("mu**2 + np.exp(logvar) - logvar / 2 - 1"), "the ½ stands before log σ² alone"),
        (nats(reduced=".sum(1)"), "one number for each image"),
        (nats(reduced=".mean(1)"), "averaged over the latents"),
        (nats(reduced=".sum(1).mean()"), "the KL of all latents together"),
        (nats(reduced=".mean()"), "one mean over everything"),
        (nats(reduced=".sum()"), "the sum over everything"),
        (nats(reduced=".sum(0)"), "summed over the images"),
        (nats(reduced=""), "these are the single numbers"),
        (nats("mu**2 + np.exp(logvar) - logvar - 1"), "the ½ is missing"),
        (nats("mu**2 + np.exp(logvar) - logvar - 1", ".sum(0)"), "and the mean over the images"),
        (nats("(1 + logvar - mu**2 - np.exp(logvar)) / 2"), "the sign is turned round"),
        (nats("(mu**2 + np.exp(logvar) - logvar) / 2"), "the −1 is missing"),
        (nats("(mu**2 + np.exp(logvar / 2) - logvar - 1) / 2"), "this has σ where σ²"),
        (nats("(mu**2 + logvar - logvar - 1) / 2"), "takes logvar for σ²"),
        (nats("(mu**2 + np.exp(logvar) ** 2 - logvar - 1) / 2"), "this has σ⁴"),
        (nats("(mu**2 + np.exp(logvar) + logvar - 1) / 2"), "log σ² has the wrong sign"),
        (nats("(mu + np.exp(logvar) - logvar - 1) / 2"), "μ is not squared"),
        (nats("(np.exp(logvar) - logvar - 1) / 2"), "μ² is missing"),
        ("def f(model, x): mu, lv = (a.mean(0) for a in model.encode(x)); return (mu**2 + np.exp(lv) - lv - 1) / 2",
         "the KL of a mean is not the mean of the KLs"),
        ("def f(model, x): return model.encode(x)[0].var(0)", "this is the variance of μ"),
        (nats("(mu**2 + np.exp(logvar) - logvar - 1) / 3"), "the numbers are off"),
        (nats(reduced=".mean(0, keepdims=True)"), "wanted is the shape"),
        ("def f(model, x):\n    model.head.mu.w *= 2\n    mu, lv = model.encode(x)\n"
         "    return (mu**2 + np.exp(lv) - lv - 1).mean(0) / 2", "the model is changed"),
    ],
}

STUBS = {
    "linear_backward": ["def my_linear_backward(x, w, dy):\n    ..."],
    "sample_backward": ["def my_sample_backward(dz, logvar, eps):\n    ..."],
    "kl_gradient": ["def my_kl_gradient(mu, logvar):\n    ..."],
    "diagnosis": ["def my_diagnosis(errors):\n    ..."],
    "tanh_layer": [
        "class MyTanh:\n    def forward(self, x):\n        ...\n\n    def backward(self, dy):\n        ...",
    ],
    "nats_per_latent": ["def my_nats(model, x):\n    ..."],
}
