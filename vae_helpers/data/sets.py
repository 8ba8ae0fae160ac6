"""Images in memory, and batches of them.

A set of small images fits into memory as it stands: 60,000 of 28×28 bytes are
47 MB. So a batch is one indexing operation on a tensor, and bytes become floats
when they are needed, a batch at a time. The usual way, a data set that hands
out one picture after another, spends longer on that than a small network
spends on learning (``python -m benchmarks`` measures both).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from numbers import Integral
from typing import NamedTuple

import torch
from torch import Tensor

from .check import check_images


@dataclass(frozen=True, eq=False, repr=False)
class Split:
    """Images with their labels: the training half of a data set, say.

    Attributes:
        images: uint8 (N, C, H, W) from 0 to ``maximum``, or float32 in [0, 1].
        maximum: the value that is white: 255, 16 for ``digits8``, 1 for floats.
        labels: int64 (N,).
        factors: float32 (N, k), what the images were drawn from, or None.
        factor_names: k names, in the order of the columns of ``factors``.
        redrawn: whether batches draw each pixel anew as 0 or 1; see `binarised`.
    """

    images: Tensor
    maximum: int
    labels: Tensor
    factors: Tensor | None = None
    factor_names: tuple[str, ...] = ()
    redrawn: bool = False

    def __post_init__(self):
        images, labels, factors = self.images, self.labels, self.factors
        if images.dim() != 4 or len(images) == 0:
            raise ValueError(f"images must have shape (N, C, H, W) with N ≥ 1, not {tuple(images.shape)}")
        if images.dtype not in (torch.uint8, torch.float32):
            raise ValueError(f"images must be uint8 or float32, not {images.dtype}")
        if labels.dtype != torch.int64 or labels.shape != images.shape[:1]:
            raise ValueError(
                f"{len(images):,} images need int64 labels of shape ({len(images)},), "
                f"not {labels.dtype} of shape {tuple(labels.shape)}"
            )
        wanted = (len(images), len(self.factor_names))
        if factors is not None and (factors.dtype != torch.float32 or factors.shape != wanted):
            raise ValueError(
                f"{wanted[0]:,} images with {wanted[1]} factor names need float32 factors of shape {wanted}, "
                f"not {factors.dtype} of shape {tuple(factors.shape)}"
            )

    @classmethod
    def from_tensor(cls, images: Tensor, labels: Tensor | None = None) -> Split:
        """A split of one's own images: float32 (N, C, H, W) in [0, 1].

        Without ``labels`` all images are of one class, 0. The tensors are not
        copied. Raises ValueError if the images are not such (`check_images`).
        """
        check_images(images)
        if labels is None:
            labels = torch.zeros(len(images), dtype=torch.int64)
        labels = torch.as_tensor(labels)
        if labels.is_floating_point() or labels.is_complex():
            raise ValueError(f"labels must be whole numbers, these are {labels.dtype}")
        return cls(images.detach(), 1, labels.long())

    def __len__(self) -> int:
        return len(self.images)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of one image."""
        return tuple(self.images.shape[1:])

    def __repr__(self) -> str:
        size = "×".join(map(str, self.shape))
        count, classes = len(self), len(self.labels.unique())
        parts = [f"{count:,} image{'s' * (count != 1)} {size}", f"{classes} class{'es' * (classes != 1)}"]
        if self.factors is not None:
            parts.append("with factors")
        if self.redrawn:
            parts.append("binarised anew in each batch")
        elif self.maximum == 1 and self.images.dtype == torch.uint8:
            parts.append("binarised")
        return "Split: " + ", ".join(parts)

    def as_float(self, index=None) -> Tensor:
        """The images, or ``images[index]``, as float32 in [0, 1]: always a copy.

        All of MNIST takes 188 MB this way; `batches` never holds more than a batch.
        Where batches are binarised anew, these are the grey levels they are drawn from.
        """
        images = self.images if index is None else self.images[index]
        return _unit(images.to(torch.float32, copy=True), self.maximum)

    def subset(self, which) -> Split:
        """The first ``which`` images, if it is a number; else those it indexes.

        Args:
            which: an int, or a slice, a list or tensor of indices, or a mask (N,).
        """
        if isinstance(which, Integral):  # NumPy's integers too
            if not 1 <= which <= len(self):
                raise ValueError(f"asked for the first {which} of {len(self):,} images")
            which = slice(which)
        factors = None if self.factors is None else self.factors[which]
        return replace(self, images=self.images[which], labels=self.labels[which], factors=factors)

    def binarised(self, seed=0) -> Split:
        """The same images with pixels 0 and 1 only, drawn with the grey level as the probability of a 1.

        So a pixel is as grey as before on average, where a threshold would throw the
        greys away (Salakhutdinov & Murray 2008); for such images a Bernoulli decoder's
        loss is a likelihood. Pixels that are 0 or 1 stay what they are.

        Args:
            seed: draw once, from a generator of this seed: for test images, and
                wherever numbers are to repeat. None: draw anew with each batch, from
                torch's global generator (``fit`` seeds it), which is worth many
                times the images in training. `as_float` still gives the grey levels then.
        """
        if self.images.is_floating_point():
            check_images(self.images)
        if seed is None:
            return replace(self, redrawn=True)
        generator = torch.Generator().manual_seed(seed)
        drawn = torch.empty_like(self.images, dtype=torch.uint8)
        for part in torch.arange(len(self)).split(1000):  # all of MNIST as floats would take 188 MB, twice
            grey = self.as_float(part.to(drawn.device)).cpu()
            drawn[part[0] : part[-1] + 1] = torch.rand(grey.shape, generator=generator) < grey
        return replace(self, images=drawn, maximum=1, redrawn=False)

    def batches(self, batch_size, shuffle=False, generator=None, device="cpu", drop_last=False, labels=False):
        """Batches of float32 images in [0, 1], shape (n, C, H, W), to be looped over.

        What comes back has a length, for progress bars, and may be looped over
        again: with ``shuffle``, each time in a new order.

        Args:
            batch_size: images in a batch; the last may be smaller.
            shuffle: draw the order anew with each loop.
            generator: the torch.Generator to draw it from; None: PyTorch's own.
            device: where the batches are to be. Bytes travel there, not floats.
            drop_last: leave out a last batch that is not full.
            labels: give pairs (images, labels (n,)).
        """
        return Batches(self, batch_size, shuffle, generator, torch.device(device), drop_last, labels)


@dataclass(frozen=True, eq=False, repr=False)
class Batches:
    """What `Split.batches` returns: loop over it as often as you like."""

    split: Split
    batch_size: int
    shuffle: bool
    generator: torch.Generator | None
    device: torch.device
    drop_last: bool
    labels: bool

    def __post_init__(self):
        if not isinstance(self.batch_size, int) or self.batch_size < 1:
            raise ValueError(f"batch_size must be a whole number from 1 up, not {self.batch_size!r}")
        if not isinstance(self.generator, (torch.Generator, type(None))):
            raise TypeError(
                f"generator must be None or torch.Generator().manual_seed(…), not {self.generator!r}"
            )
        if len(self) == 0:
            raise ValueError(
                f"{len(self.split):,} images do not fill one batch of {self.batch_size:,}, "
                "and drop_last=True would drop it"
            )

    def __len__(self) -> int:
        full, rest = divmod(len(self.split), self.batch_size)
        return full + (rest > 0 and not self.drop_last)

    def __repr__(self) -> str:
        return f"{len(self):,} batches of {self.batch_size:,} from {self.split!r}"

    def __iter__(self):
        images, labels, maximum = self.split.images, self.split.labels, self.split.maximum
        order = self._order(len(images)) if self.shuffle else None
        for start in range(0, len(self) * self.batch_size, self.batch_size):
            part = slice(start, start + self.batch_size)
            x = _take(images, part, order).to(self.device)
            # a copy in any case: whoever writes into a batch must not write into the data
            x = _unit(x.to(torch.float32, copy=True), maximum)
            if self.split.redrawn:
                x = torch.rand_like(x).lt_(x)  # three times as fast as bernoulli_
            yield (x, _take(labels, part, order).to(self.device)) if self.labels else x

    def _order(self, count: int) -> Tensor:
        device = "cpu" if self.generator is None else self.generator.device
        return torch.randperm(count, generator=self.generator, device=device)


def _take(tensor: Tensor, part: slice, order: Tensor | None) -> Tensor:
    # index_select copies whole rows: several times as fast as tensor[order[part]]
    return tensor[part] if order is None else tensor.index_select(0, order[part].to(tensor.device))


def _unit(floats: Tensor, maximum: int) -> Tensor:
    """Divide by ``maximum`` in place: a division rounds once, x * (1 / 255) twice."""
    return floats if maximum == 1 else floats.div_(maximum)


class ImageSet(NamedTuple):
    """A data set: ``train`` and ``test`` are `Split`; ``classes`` names the labels."""

    train: Split
    test: Split
    classes: tuple[str, ...]
    name: str

    def __repr__(self) -> str:
        return f"ImageSet {self.name}\n  train {self.train!r}\n  test  {self.test!r}"
