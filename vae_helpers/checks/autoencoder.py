"""Checks of notebook 01."""

import torch
from torch import nn

from vae_helpers.checks.parameters import between
from vae_helpers.checks.verdict import close, exercise, require, tensor
from vae_helpers.models import Autoencoder


@exercise("01_conv_size", "You can now read off every shape in a convolutional net before running it.")
def conv_size(answer, generator):
    """``answer(size, kernel, stride, padding)``: the side of a convolution's output, against torch's own."""
    # the second case divides with a remainder, the others are drawn
    cases = [(28, 3, 1, 1), (28, 3, 2, 1)]
    cases += [tuple(between(*r, generator) for r in ((9, 40), (2, 5), (1, 4), (0, 2))) for _ in range(12)]
    true = [nn.Conv2d(1, 1, k, s, p)(torch.zeros(1, 1, n, n)).shape[-1] for n, k, s, p in cases]
    got = [tensor(answer(*case), shape=()).item() for case in cases]
    wrong = [i for i in range(len(cases)) if got[i] != true[i]]
    if not wrong:
        return
    (n, k, s, p), i = cases[wrong[0]], wrong[0]
    case = f"for size {n}, kernel {k}, stride {s}, padding {p} torch gives {true[i]}, you {got[i]:g}"

    def is_formula(formula):
        """Whether this is what was written: one case alone may fit several formulas."""
        return all(abs(got[i] - formula(*cases[i])) < 1e-6 for i in range(len(cases)))

    require(not is_formula(lambda n, k, s, p: (n + 2 * p - k) / s + 1),
            f"{case}: a kernel that does not fit any more is left out, so round down (`//`)")
    require(not is_formula(lambda n, k, s, p: -(-(n + 2 * p - k) // s) + 1),
            f"{case}: you round up; torch rounds down")
    require(not is_formula(lambda n, k, s, p: (n + 2 * p - k) // s),
            f"{case}: the first position counts too: + 1 is missing")
    require(not is_formula(lambda n, k, s, p: (n + p - k) // s + 1),
            f"{case}: padding is added on both sides, so it counts twice")
    require(not is_formula(lambda n, k, s, p: (n - k) // s + 1), f"{case}: the padding is left out")
    require(not is_formula(lambda n, k, s, p: n + 2 * p - k + 1), f"{case}: the stride is left out")
    require(False, f"{case}. Count the positions of the kernel: the first, and one more for each stride that fits")


@exercise("01_rmse", "One root, over all pixels of all images, in the pixels' own unit.")
def rmse(answer, generator):
    """``answer(x_hat, x)`` for two batches (N, C, H, W): the root of the mean squared error, shape ()."""
    n = between(3, 8, generator)
    x, x_hat = (torch.rand(n, 1, 12, 12, generator=generator) for _ in range(2))
    # errors that differ from image to image tell a mean of roots from a root of the mean
    # and errors far from 0 in the mean tell a standard deviation, some 0.25, from it and from all means, above 0.4
    x_hat = x + (x_hat - x) * torch.linspace(0.1, 1, n).view(-1, 1, 1, 1) + 0.5
    square = (x_hat - x) ** 2
    got = tensor(answer(x_hat.clone(), x.clone()))
    require(not close(got, square.mean()), "this is the mean squared error: the root is missing")
    require(not close(got, square.mean() / 2), "`** 1/2` is a power of 1, then a half; write `** 0.5`, or `.sqrt()`")
    require(not close(got, square.flatten(1).mean(1).sqrt().mean()),
            "you take a root for each image and average the roots; wanted is one root, of the mean over everything")
    require(not close(got, square.flatten(1).mean(1).sqrt()),
            "this is one number for each image; wanted is one for the whole batch")
    require(not any(close(got, (x_hat - x).std(correction=c)) for c in (0, 1)),
            "this is the standard deviation, which takes the mean error off first; square the errors as they are")
    require(not close(got, square.sum().sqrt()), "you sum the squares; wanted is their mean, then the root")
    require(not close(got, (square.sum() / n).sqrt()),
            "you divide by the number of images; the mean is over all pixels of all images")
    require(not got.isnan().any() and not close(got, (x_hat - x).mean().abs().sqrt()),
            "the differences are not squared before the root is taken")
    require(not close(got, square.sqrt().mean()),
            "you take the root of each square, which is the absolute error; average first, then take the root")
    require(not close(got, (x_hat - x).mean().abs()),
            "the differences are averaged before they are squared, so that errors of both signs cancel")
    require(close(tensor(got, shape=()), square.mean().sqrt()),
            f"the number is off: for one batch you give {got.item():.4f}, wanted {square.mean().sqrt():.4f}")


@exercise("01_pictures", "A DataLoader can now shuffle and batch your pictures like any others.")
def pictures(answer, generator):
    """``answer(images, labels)``: a Dataset of (float image (1, H, W) in [0, 1], label) pairs from uint8 images."""
    n = between(5, 9, generator)
    images = torch.randint(0, 256, (n, 10, 10), generator=generator, dtype=torch.uint8)
    images[0, 0, 0] = 255
    labels = torch.randperm(n, generator=generator)
    dataset = answer(images, labels)
    require(isinstance(dataset, torch.utils.data.Dataset), "make it a subclass of torch.utils.data.Dataset")
    tensor(dataset.__len__(), "`__len__`")
    length = len(dataset)
    require(length == n, f"`__len__` gives {length} for {n} images")
    item = dataset[0]
    require(item is not None, "`__getitem__` gives back None: is a `return` missing?")
    require(isinstance(item, (tuple, list)) and len(item) == 2,
            f"`__getitem__` gives a {type(item).__name__}; wanted is the pair (image, label)")
    image = tensor(item[0], "the image of `__getitem__`")
    label = tensor(item[1], "the label of `__getitem__`")
    require(image.dim() > 0 or label.dim() == 0, "the pair is the wrong way round: wanted is (image, label)")
    require(image.dtype == torch.float32 or not close(image.squeeze(), images[0] // 255),
            "`//` throws all greys away: divide with `/`")
    require(image.dtype != torch.uint8, "the image is still uint8, 0 to 255; a network wants float32 in [0, 1]")
    require(image.max() <= 1, f"the largest pixel is {image.max():g}: divide by 255, so that pixels lie in [0, 1]")
    require(image.shape != (10, 10), "the image has shape (10, 10); a channel dimension is wanted in front: (1, 10, 10)")
    image = tensor(image, "the image of `__getitem__`", (1, 10, 10))
    require(image.dtype == torch.float32, f"the image is {image.dtype}; wanted is torch.float32")
    require(not close(image[0], images[0] // 255), "`//` throws all greys away: divide with `/`")
    for i in range(n):
        image, label = dataset[i]
        require(close(image, images[i : i + 1] / 255), f"image {i} is not picture {i} divided by 255")
        require(int(label) == int(labels[i]), f"label {i} is {int(label)}, but {int(labels[i])} was put in there")


@exercise("01_one_step", "Clear, run back, move: three lines that train every network in this course.")
def one_step(answer, generator):
    """``answer(model, x, optimizer, loss_fn)``: one training step, which gives back the loss before it."""
    x = torch.rand(6, 4, generator=generator)
    start = torch.randn(3, 4, generator=generator)

    def loss_fn(model, x):
        return model(x).square().sum(1).mean()

    def run(order, times=2):
        """Weights after ``times`` steps whose parts come in the order given: z(ero), b(ackward), s(tep)."""
        model = nn.Linear(4, 3, bias=False)
        model.weight.data = start.clone()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
        for _ in range(times):
            loss = loss_fn(model, x)
            for part in order:
                {"z": optimizer.zero_grad, "b": loss.backward, "s": optimizer.step}[part]()
        return model.weight.detach()

    model = nn.Linear(4, 3, bias=False)
    model.weight.data = start.clone()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    first = loss_fn(model, x).item()
    losses = [answer(model, x, optimizer, loss_fn) for _ in range(2)]
    after = model.weight.detach()
    require(not close(after, start), "the weights did not move: `optimizer.step()` must come after `loss.backward()`, "
                                     "and no `zero_grad()` between the two")
    require(not close(after, run("bs")), "gradients pile up from step to step: clear them with `optimizer.zero_grad()`")
    require(not close(after, run("zsb")) and not close(after, run("sb")) and not close(after, run("szb")),
            "you move before running back, so that each step uses the gradient of the step before")
    require(close(after, run("zbs")), "after two steps the weights are not where SGD would put them: "
                                      "one backward and one step for each call")
    loss = tensor(losses[0], "your function")
    require(close(loss.detach().squeeze(), first),
            f"it should give back the loss before the step, {first:.4f}, not {loss.double().mean().item():.4f}")


class _Restless(nn.Module):
    """A small encoder with dropout and batch norm, so that train mode shows."""

    def __init__(self, side, latent_dim):
        super().__init__()
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(side * side, 16), nn.BatchNorm1d(16),
                                 nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, latent_dim))

    def forward(self, x):
        return self.net(x)


@exercise("01_steady_codes", "The same image now gets the same code, whoever asks and in whatever company.")
def steady_codes(answer, generator):
    """``answer(model, images)``: codes (N, latent_dim) in eval mode, without gradient."""
    n, side, latent_dim = between(6, 12, generator), 8, between(2, 5, generator)
    model = Autoencoder(_Restless(side, latent_dim), nn.Linear(latent_dim, side * side), latent_dim, (1, side, side))
    images = torch.rand(n, 1, side, side, generator=generator)
    with torch.no_grad():
        for _ in range(3):  # running averages of its own, so that eval differs from train
            model.train().encoder(torch.rand(16, 1, side, side, generator=generator))
        true = model.eval().encoder(images)
    averages = model.encoder.net[2].running_mean.clone()
    model.train()
    got = tensor(answer(model, images))
    model.train()
    again = tensor(answer(model, images))
    require(got.shape != (n, side * side), "these are decoded pictures; wanted are the codes, from `model.encoder`")
    got = tensor(got, shape=(n, latent_dim))
    require(torch.equal(got, again), "two encodings of one image differ: dropout is still at work. "
                                     "`no_grad` does not stop it; `model.eval()` does, "
                                     "before the encoding and with its brackets")
    require(close(averages, model.encoder.net[2].running_mean),
            "batch norm still learns its averages from your images: call `model.eval()`, with its brackets, "
            "before the encoding")
    require(close(got.detach(), true), "the codes are steady, but not those of `model.encoder(images)` in eval mode")
    require(not got.requires_grad, "the codes drag the graph of their computation along: encode under `torch.no_grad()`")


@exercise("01_nearest_code", "With this ruler you can say how far from all data a point of the plane lies.")
def nearest_code(answer, generator):
    """``answer(z, codes)`` for points (M, d) and codes (N, d): distance of each point to its nearest code, (M,)."""
    m, n, d = between(3, 6, generator), between(8, 12, generator), between(2, 4, generator)
    z, codes = torch.randn(m, d, generator=generator), 2 * torch.randn(n, d, generator=generator)
    distances = (z[:, None] - codes[None]).square().sum(2).sqrt()
    true = distances.min(1).values
    got = answer(z.clone(), codes.clone())
    require(not isinstance(got, tuple), "`min(1)` gives the values and where they stand: take its `.values`")
    got = tensor(got)
    require(got.dim() > 0, "this is one number for all points; take the smallest over dim 1, one for each point")
    require(got.shape != (m, n), f"these are all {m}×{n} distances; keep the smallest in each row")
    require(not close(got, distances.min(0).values), "the smallest over the points for each code; wanted is the "
                                                     "smallest over the codes for each point")
    require(not close(got, true**2), "this is the squared distance: the root is missing")
    require(not close(got, distances.max(1).values), "this is the distance to the farthest code, not the nearest")
    require(not close(got, distances.mean(1)), "this is the mean distance to all codes, not that to the nearest")
    require(not close(got, distances.argmin(1)), "this says which code is nearest (`argmin`); wanted is how far it is")
    require(not close(got, (z[:, None] - codes[None]).abs().sum(2).min(1).values),
            "you add up the absolute differences; the straight distance is the root of the summed squares")
    # |z|² + |c|² − 2zc is right too, and loses digits where the points lie close
    require(close(tensor(got, shape=(m,)), true, atol=3e-3),
            "the distances are off: root of the summed squares over the latents, then the smallest over the codes")
