"""Answers to the exercises of notebook 00: right ones, wrong ones with what the message must say, stubs."""

RIGHT = {
    "brightness": [
        """
        def f(images):
            return images.mean((1, 2, 3))
        """,
        """
        def f(images):
            return images.flatten(1).mean(1)
        """,
        """
        def f(images):
            return images.double().mean(dim=(-1, -2)).squeeze(1)
        """,
        """
        def f(images):
            brightness = []
            for image in images:
                brightness.append(image.mean())
            return torch.stack(brightness)
        """,
        """
        def f(images):
            return [image.sum().item() / image.numel() for image in images]
        """,
        """
        def f(images):
            return images.numpy().mean(axis=(1, 2, 3))
        """,
        """
        def f(images):
            return torch.einsum("nchw->n", images) / images[0].numel()
        """,
    ],
}

WRONG = {
    "brightness": [
        ("def f(images): return images.mean()", "one number for the whole batch"),
        ("def f(images): return images.mean().item()", "one number for the whole batch"),
        ("def f(images): return images.sum((1, 2, 3))", "this is the sum over the pixels"),
        ("def f(images): return images.sum((2, 3))", "this is the sum over the pixels"),
        ("def f(images): return images.mean((2, 3))", "the numbers are right, the shape"),
        ("def f(images): return images.mean((1, 2, 3), keepdim=True)", "the numbers are right, the shape"),
        ("def f(images): return images.mean(0)", "your function gives (1, 28, 28)"),
        ("def f(images): return images.mean((1, 2))", ", 28)"),
        ("def f(images): return images.amax((1, 2, 3))", "not the means of the images"),
        ("def f(images): return images.amax()", "your function gives ()"),
        ("def f(images): images *= 2; return images.mean((1, 2, 3))", "not the means of the images"),
    ],
}

STUBS = {
    "brightness": ["def my_brightness(images):\n    ..."],
}
