"""Answers to the exercises of notebook 01: right ones, wrong ones with what the message must say, stubs."""

RIGHT = {
    "conv_size": [
        """
        def f(size, kernel, stride, padding):
            return (size + 2 * padding - kernel) // stride + 1
        """,
        """
        def f(size, kernel, stride, padding):
            return (size + 2 * padding - kernel + stride) // stride
        """,
        """
        def f(size, kernel, stride, padding):
            return int((size + 2 * padding - (kernel - 1) - 1) / stride + 1)
        """,
        """
        def f(size, kernel, stride, padding):
            return np.floor((size + 2 * padding - kernel) / stride) + 1
        """,
        """
        def f(size, kernel, stride, padding):
            return len(range(0, size + 2 * padding - kernel + 1, stride))
        """,
        """
        def f(size, kernel, stride, padding):
            positions, left = 0, -padding
            while left + kernel <= size + padding:
                positions, left = positions + 1, left + stride
            return positions
        """,
        """
        def f(size, kernel, stride, padding):
            x, weight = torch.zeros(1, 1, size), torch.zeros(1, 1, kernel)
            return F.conv1d(x, weight, None, stride, padding).shape[2]
        """,
        """
        def f(size, kernel, stride, padding):
            return torch.tensor((size + 2 * padding - kernel) // stride + 1.0)
        """,
    ],
    "rmse": [
        """
        def f(x_hat, x):
            return ((x_hat - x) ** 2).mean().sqrt()
        """,
        """
        def f(x_hat, x):
            return F.mse_loss(x_hat, x).sqrt()
        """,
        """
        def f(x_hat, x):
            return ((x_hat - x).double() ** 2).mean() ** 0.5
        """,
        """
        def f(x_hat, x):
            return np.sqrt(np.mean((x_hat.numpy() - x.numpy()) ** 2))
        """,
        """
        def f(x_hat, x):
            return (x_hat - x).norm().item() / x.numel() ** 0.5
        """,
        """
        def f(x_hat, x):
            return torch.linalg.vector_norm(x_hat - x) / x.numel() ** 0.5
        """,
        """
        import math

        def f(x_hat, x):
            total = 0.0
            for a, b in zip(x_hat.flatten().tolist(), x.flatten().tolist()):
                total += (a - b) ** 2
            return math.sqrt(total / x.numel())
        """,
        """
        def f(x_hat, x):
            return torch.tensor([F.mse_loss(a, b) for a, b in zip(x_hat, x)]).mean().sqrt()
        """,
        """
        def f(x_hat, x):
            x_hat -= x
            return x_hat.square_().mean().sqrt_()
        """,
    ],
    "pictures": [
        """
        class Pictures(torch.utils.data.Dataset):
            def __init__(self, images, labels):
                self.images, self.labels = images, labels

            def __len__(self):
                return len(self.images)

            def __getitem__(self, i):
                return self.images[i].unsqueeze(0).float() / 255, self.labels[i]
        """,
        """
        class Pictures(torch.utils.data.Dataset):
            def __init__(self, images, labels):
                super().__init__()
                self.x = images.to(torch.float32).div(255)[:, None]
                self.y = labels.tolist()

            def __len__(self):
                return self.x.shape[0]

            def __getitem__(self, index):
                return (self.x[index], self.y[index])
        """,
        """
        class Pictures(torch.utils.data.Dataset):
            def __init__(self, images, labels):
                self.pairs = [(image[None] / 255.0, int(label)) for image, label in zip(images, labels)]

            def __len__(self):
                return len(self.pairs)

            def __getitem__(self, i):
                return self.pairs[i]
        """,
        """
        from torchvision.transforms.functional import to_tensor

        class Pictures(torch.utils.data.Dataset):
            def __init__(self, images, labels):
                self.images, self.labels = images.numpy(), labels.numpy()

            def __len__(self):
                return len(self.labels)

            def __getitem__(self, i):
                return to_tensor(self.images[i]), self.labels[i]
        """,
        """
        def pictures(images, labels):
            return torch.utils.data.TensorDataset(images.unsqueeze(1).float() / 255, labels)
        """,
        """
        class Pictures(torch.utils.data.TensorDataset):
            def __init__(self, images, labels):
                super().__init__((images / 255).unsqueeze(1), labels)
        """,
        """
        class Pictures(torch.utils.data.Dataset):
            def __init__(self, images, labels):
                self.images, self.labels = images, labels

            def __len__(self):
                return len(self.images)

            def __getitem__(self, i):
                return [self.images[i : i + 1] / 255, self.labels[i].float()]

            def close(self):
                pass
        """,
        """
        from dataclasses import dataclass

        @dataclass
        class Pictures(torch.utils.data.Dataset):
            images: torch.Tensor
            labels: torch.Tensor

            def __len__(self):
                return len(self.images)

            def __getitem__(self, i):
                return np.float32(self.images[i].numpy()[None] / 255), self.labels[i]
        """,
    ],
    "one_step": [
        """
        def step(model, x, optimizer, loss_fn):
            optimizer.zero_grad()
            loss = loss_fn(model, x)
            loss.backward()
            optimizer.step()
            return loss.detach()
        """,
        """
        def step(model, x, optimizer, loss_fn):
            loss = loss_fn(model, x)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            return loss.item()
        """,
        """
        def step(model, x, optimizer, loss_fn):
            loss = loss_fn(model, x)
            optimizer.zero_grad(set_to_none=False)
            loss.backward()
            optimizer.step()
            return loss
        """,
        """
        def step(model, x, optimizer, loss_fn):
            model.zero_grad()
            losses = []

            def closure():
                loss = loss_fn(model, x)
                loss.backward()
                losses.append(loss.item())
                return loss

            optimizer.step(closure)
            return np.array(losses[0])
        """,
        """
        def step(model, x, optimizer, loss_fn):
            loss = loss_fn(model, x)
            gradients = torch.autograd.grad(loss, list(model.parameters()))
            for parameter, gradient in zip(model.parameters(), gradients):
                parameter.grad = gradient
            optimizer.step()
            return loss.detach().double().reshape(1)
        """,
    ],
    "steady_codes": [
        """
        @torch.no_grad()
        def encode(model, images):
            model.eval()
            return model.encoder(images)
        """,
        """
        def encode(model, images):
            model.eval()
            with torch.no_grad():
                return model.encoder(images)
        """,
        """
        def encode(model, images):
            return model.eval().encoder(images).detach()
        """,
        """
        @torch.inference_mode()
        def encode(model, images):
            was_training = model.training
            model.eval()
            z = model.encoder(images)
            model.train(was_training)
            return z
        """,
        """
        def encode(model, images):
            model.encoder.eval()
            with torch.no_grad():
                return torch.cat([model.encoder(image[None]) for image in images])
        """,
        """
        def encode(model, images):
            import copy
            still = copy.deepcopy(model.encoder).eval()
            return still(images).detach().numpy()
        """,
        """
        def encode(model, images):
            from vae_helpers import models
            return models.encode(model, images)
        """,
    ],
    "nearest_code": [
        """
        def distance(z, codes):
            return torch.cdist(z, codes).min(1).values
        """,
        """
        def distance(z, codes):
            return (z[:, None] - codes[None]).square().sum(-1).min(dim=1)[0].sqrt()
        """,
        """
        def distance(z, codes):
            return torch.stack([(codes - point).norm(dim=1).min() for point in z])
        """,
        """
        def distance(z, codes):
            square = (z**2).sum(1)[:, None] + (codes**2).sum(1) - 2 * z @ codes.T
            return square.clamp(min=0).sqrt().amin(1)
        """,
        """
        def distance(z, codes):
            return np.linalg.norm(z.numpy()[:, None] - codes.numpy(), axis=-1).min(1)
        """,
        """
        def distance(z, codes):
            nearest = []
            for point in z.tolist():
                distances = []
                for code in codes.tolist():
                    distances.append(sum((a - b) ** 2 for a, b in zip(point, code)) ** 0.5)
                nearest.append(min(distances))
            return nearest
        """,
        """
        def distance(z, codes):
            index = torch.cdist(z, codes).argmin(1)
            return F.pairwise_distance(z, codes[index], eps=0).double()
        """,
    ],
}

WRONG = {
    "conv_size": [
        ("def f(n, k, s, p): return (n + 2 * p - k) / s + 1", "so round down"),
        ("def f(n, k, s, p): return -(-(n + 2 * p - k) // s) + 1", "torch rounds down"),
        ("def f(n, k, s, p): return (n + 2 * p - k) // s", "+ 1 is missing"),
        ("def f(n, k, s, p): return (n + p - k) // s + 1", "padding is added on both sides"),
        ("def f(n, k, s, p): return (n - k) // s + 1", "the padding is left out"),
        ("def f(n, k, s, p): return n + 2 * p - k + 1", "the stride is left out"),
        ("def f(n, k, s, p): return (n + 2 * p - k + 1) // s", "Count the positions of the kernel"),
        ("def f(n, k, s, p): return n // s", "Count the positions of the kernel"),
        ("def f(n, k, s, p): return 28", "for size 28, kernel 3, stride 2, padding 1 torch gives 14, you 28"),
        ("def f(n, k, s, p): return torch.ones(2)", "wanted is the shape (), your function gives (2,)"),
    ],
    "rmse": [
        ("def f(x_hat, x): return ((x_hat - x) ** 2).mean()", "the root is missing"),
        ("def f(x_hat, x): return F.mse_loss(x_hat, x).item()", "the root is missing"),
        (
            "def f(x_hat, x): return ((x_hat - x) ** 2).flatten(1).mean(1).sqrt().mean()",
            "a root for each image",
        ),
        ("def f(x_hat, x): return ((x_hat - x) ** 2).mean((1, 2, 3)).sqrt()", "one number for each image"),
        ("def f(x_hat, x): return (x_hat - x).norm()", "you sum the squares"),
        ("def f(x_hat, x): return ((x_hat - x) ** 2).sqrt().mean()", "which is the absolute error"),
        ("def f(x_hat, x): return F.l1_loss(x_hat, x)", "which is the absolute error"),
        ("def f(x_hat, x): return ((x_hat - x).mean() ** 2).sqrt()", "averaged before they are squared"),
        ("def f(x_hat, x): return (x_hat - x).mean().sqrt()", "not squared before the root"),
        ("def f(x_hat, x): return ((x_hat - x) ** 2).mean() ** 1 / 2", "write `** 0.5`"),
        ("def f(x_hat, x): return (x_hat - x).std()", "this is the standard deviation"),
        ("def f(x_hat, x): return (x_hat - x).std(correction=0)", "this is the standard deviation"),
        ("def f(x_hat, x): return (((x_hat - x) ** 2).sum() / len(x)).sqrt()", "by the number of images"),
        ("def f(x_hat, x): return ((x_hat - x) ^ 2).mean().sqrt()", "a power is `**`"),
        (
            "def f(x_hat, x): return ((x_hat - x) ** 2).mean().sqrt()[None]",
            "wanted is the shape (), your function gives (1,)",
        ),
        ("def f(x_hat, x): return 2 * ((x_hat - x) ** 2).mean().sqrt()", "the number is off"),
        ("def f(x_hat, x): return 0", "the number is off"),
    ],
    "one_step": [
        ("o.zero_grad(); l = f(m, x); l.backward(); return l", "the weights did not move"),
        ("o.zero_grad(); l = f(m, x); o.step(); return l", "the weights did not move"),
        ("l = f(m, x); l.backward(); o.zero_grad(); o.step(); return l", "the weights did not move"),
        ("o.zero_grad(); l = f(m, x); o.step(); l.backward(); return l", "the weights did not move"),
        ("l = f(m, x); l.backward(); o.step(); return l", "gradients pile up"),
        ("l = f(m, x); o.step(); l.backward(); return l", "you move before running back"),
        ("l = f(m, x); o.step(); o.zero_grad(); l.backward(); return l", "you move before running back"),
        (
            "o.zero_grad(); l = f(m, x); l.backward(); o.step(); o.step(); return l",
            "not where SGD would put them",
        ),
        ("o.zero_grad(); l = f(m, x); (-l).backward(); o.step(); return l", "not where SGD would put them"),
        ("o.zero_grad(); l = f(m, x); l.backward(); o.step(); return f(m, x)", "the loss before the step"),
        ("o.zero_grad(); l = f(m, x); l.backward(); o.step(); return True", "the loss before the step"),
        ("o.zero_grad(); l = f(m, x); l.backward(); o.step(); return m.weight", "the loss before the step"),
        ("o.zero_grad(); l = f(m, x); l.backward(); o.step()", "is a `return` missing?"),
        (
            "o.zero_grad(); l = f(m(x), x); l.backward(); o.step(); return l",
            "in your line `o.zero_grad(); l = f(m(x), x)",
        ),
    ],
    "steady_codes": [
        ("def f(model, images): return model.encoder(images)", "dropout is still at work"),
        ("@torch.no_grad()\ndef f(model, images): return model.encoder(images)", "dropout is still at work"),
        ("def f(model, images): return model.eval()(images)", "these are decoded pictures"),
        (
            "def f(model, images): return model.decoder(model.eval().encoder(images))",
            "these are decoded pictures",
        ),
        ("def f(model, images): model.eval(); return model.encoder(images)", "under `torch.no_grad()`"),
        ("def f(model, images): model.eval(); return model.encoder(images).mean(0).detach()", "wanted is the shape"),
        ("def f(model, images): model.eval(); return 2 * model.encoder(images).detach()", "not those of"),
        (
            """
            @torch.no_grad()
            def f(model, images):
                for module in model.modules():
                    if isinstance(module, nn.Dropout):
                        module.eval()
                return model.encoder(images)
            """,
            "batch norm still learns",
        ),
    ],
    "nearest_code": [
        ("def f(z, codes): return torch.cdist(z, codes)", "keep the smallest in each row"),
        ("def f(z, codes): return torch.cdist(z, codes).min(1)", "take its `.values`"),
        ("def f(z, codes): return torch.cdist(z, codes).min()", "one number for all points"),
        (
            "def f(z, codes): return torch.cdist(z, codes).min(0).values",
            "the smallest over the points for each code",
        ),
        (
            "def f(z, codes): return (z[:, None] - codes).square().sum(2).min(1).values",
            "the squared distance",
        ),
        ("def f(z, codes): return torch.cdist(z, codes).max(1).values", "the farthest code"),
        ("def f(z, codes): return torch.cdist(z, codes).mean(1)", "the mean distance"),
        ("def f(z, codes): return torch.cdist(z, codes).argmin(1)", "wanted is how far it is"),
        (
            "def f(z, codes): return torch.cdist(z, codes, p=1).min(1).values",
            "add up the absolute differences",
        ),
        ("def f(z, codes): return torch.cdist(z, codes).amin(1, keepdim=True)", ", 1)"),
        ("def f(z, codes): return z.norm(dim=1)", "the distances are off"),
    ],
}

DATASET = """
class Pictures({base}):
    def __init__(self, images, labels):
        self.images, self.labels = images, labels

    def __len__(self):
        {length}

    def __getitem__(self, i):
        {item}
"""


def dataset(base="torch.utils.data.Dataset", length="return len(self.images)",
            item="return self.images[i : i + 1] / 255, self.labels[i]"):
    return DATASET.format(base=base, length=length, item=item)


WRONG["pictures"] = [
    (dataset(base="object"), "a subclass of torch.utils.data.Dataset"),
    (
        "def f(images, labels): return list(zip(images[:, None] / 255, labels))",
        "a subclass of torch.utils.data.Dataset",
    ),
    (dataset(length="return 3"), "`__len__` gives 3 for"),
    (dataset(length="return self.images.shape[1]"), "`__len__` gives 10 for"),
    (dataset(length="len(self.images)"), "`__len__` gives back None: is a `return` missing?"),
    (dataset(length="return self.images"), "your code raised TypeError"),
    (dataset(item="self.images[i], self.labels[i]"), "`__getitem__` gives back None: is a `return` missing?"),
    (dataset(item="return self.images[i : i + 1] / 255"), "`__getitem__` gives a Tensor; wanted is the pair"),
    (dataset(item="return {'image': self.images[i], 'label': self.labels[i]}"), "`__getitem__` gives a dict"),
    (dataset(item="return self.labels[i], self.images[i : i + 1] / 255"), "the wrong way round"),
    (dataset(item="return self.images[i], self.labels[i]"), "still uint8"),
    (dataset(item="return self.images[i : i + 1] // 255, self.labels[i]"), "`//` throws all greys away"),
    (dataset(item="return self.images[i : i + 1].float() // 255, self.labels[i]"), "`//` throws all greys away"),
    (
        dataset(item="return self.images[i : i + 1].float(), self.labels[i]"),
        "the largest pixel is 255: divide by 255",
    ),
    (dataset(item="return self.images[i] / 255, self.labels[i]"), "a channel dimension is wanted in front"),
    (
        dataset(item="return self.images[i, :, :, None] / 255, self.labels[i]"),
        "gives (10, 10, 1)",
    ),
    (dataset(item="return self.images / 255, self.labels"), "wanted is the shape (1, 10, 10)"),
    (
        dataset(item="return self.images[i : i + 1].double() / 255, self.labels[i]"),
        "torch.float64; wanted is torch.float32",
    ),
    (dataset(item="return self.images[i : i + 1] / 256, self.labels[i]"), "is not picture 0 divided by 255"),
    (dataset(item="return self.images[:1] / 255, self.labels[i]"), "is not picture"),
    (dataset(item="return self.images[i : i + 1] / 255, self.labels[i - 1]"), "was put in there"),
    (dataset(item="return self.images[i : i + 1] / 255, self.labels[0]"), "was put in there"),
    (dataset(item="return self.images[i : i + 1] / 255, None"), "the label of `__getitem__` gives back None"),
]
WRONG["one_step"] = [
    (f"def step(m, x, o, f):\n    {body}", said) for body, said in WRONG["one_step"]
]


CLASS_STUB = dataset(length="...", item="...")
STUBS = {
    "conv_size": ["def my_size(size, kernel, stride, padding):\n    ..."],
    "rmse": [
        "def my_rmse(x_hat, x):\n    ...",
        "def my_rmse(x_hat, x):\n    pass",
        'def my_rmse(x_hat, x):\n    """The root."""\n    ...',
        "def my_rmse(x_hat, x):\n    # first the differences\n    ...  # then?",
        "def my_rmse(x_hat, x):\n    raise NotImplementedError",
        "@torch.no_grad()\ndef my_rmse(x_hat, x):\n    ...",
    ],
    "pictures": [
        CLASS_STUB,
        "class Pictures:\n    ...",
        dataset(length="pass", item='"""The pair."""'),
        dataset(length='raise NotImplementedError("yet")', item="..."),
        # a helper above the stub, as cells have them
        f"def helper(x):\n    return x\n\n\n{CLASS_STUB}",
    ],
    "one_step": ["def my_step(model, x, optimizer, loss_fn):\n    ..."],
    "steady_codes": ["def my_encode(model, images):\n    ..."],
    "nearest_code": ["def my_distance(z, codes):\n    ..."],
}
