"""One check for every tensor that is to be an image batch."""

from __future__ import annotations

import torch


def check_images(images, shape=None) -> None:
    """Raise one ValueError that says what came, what was wanted and how to get there.

    Wanted are float32 images in [0, 1], of shape (N, C, H, W) with N at least 1.

    Args:
        images: what is to be checked, a tensor or something that should be one.
        shape: (C, H, W) that the images must have; None lets any pass.
    """
    wanted = ("N", "C", "H", "W") if shape is None else ("N", *shape)
    wanted = f"a float32 tensor of shape ({', '.join(map(str, wanted))}) with values in [0, 1]"
    if not isinstance(images, torch.Tensor):
        came, faults = f"{type(images).__module__}.{type(images).__qualname__}", [_not_a_tensor(images)]
    else:
        came = f"a {_dtype(images)} tensor of shape {tuple(images.shape)}"
        faults = [*_shape_faults(images, shape), *_dtype_faults(images), *_value_faults(images)]
    if faults:
        raise ValueError("\n".join([f"wanted {wanted}, came {came}:", *(f"  - {fault}" for fault in faults)]))


def _dtype(images) -> str:
    return str(images.dtype).removeprefix("torch.")


def _not_a_tensor(images) -> str:
    if isinstance(images, (list, tuple)) and images and all(isinstance(i, torch.Tensor) for i in images):
        return "torch.stack(images) makes one tensor of them"
    return "torch.as_tensor(images) makes a tensor of a NumPy array or of nested lists"


def _shape_faults(images, shape):
    dimensions = images.dim()
    if dimensions != 4:
        add = {2: "images[None, None] adds batch and channel"}
        add[3] = "images.unsqueeze(1) adds a channel to (N, H, W), images.unsqueeze(0) a batch to (C, H, W)"
        how = f": {add[dimensions]}" if dimensions in add else ""
        yield f"{dimensions} dimension{'s' * (dimensions != 1)} where 4 are wanted{how}"
        return
    count, *chw = images.shape
    if count == 0:
        yield "the batch is empty"
    if shape is None:
        return
    if chw[0] != shape[0]:
        last = chw[2] == shape[0] and tuple(chw[:2]) == tuple(shape[1:])
        how = "; the channels are last: images.permute(0, 3, 1, 2) moves them" if last else ""
        yield f"{chw[0]} channel{'s' * (chw[0] != 1)} where {shape[0]} {_are(shape[0])} wanted{how}"
        if last:
            return
    if tuple(chw[1:]) != tuple(shape[1:]):
        yield f"{chw[1]}×{chw[2]} pixels where {shape[1]}×{shape[2]} are wanted"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _dtype_faults(images):
    if images.dtype == torch.uint8:
        yield "uint8: images.float() / 255 turns grey levels 0 to 255 into [0, 1]"
    elif images.dtype != torch.float32:
        yield f"{_dtype(images)} where float32 is wanted: images.float() converts"


def _range(images) -> tuple[float, float]:
    return tuple(float(end) for end in torch.aminmax(images.detach()))


def _value_faults(images):
    if images.numel() == 0 or not images.is_floating_point():
        return  # integers: their type has been named, and with it the range is settled
    low, high = _range(images)
    if 0 <= low and high <= 1:  # false for NaN
        return
    finite = torch.isfinite(images)
    if not finite.all():
        nan, infinite = int(images.isnan().sum()), int(images.isinf().sum())
        yield f"{nan:,} values are NaN and {infinite:,} infinite, of {images.numel():,}"
        images = images[finite]
        if images.numel() == 0:
            return
        low, high = _range(images)
        if 0 <= low and high <= 1:
            return
    how = ""
    if -0.02 < low and high < 1.02:
        how = ": images.clamp(0, 1) takes off what an interpolation shot over"
    elif 0 <= low and 1 < high <= 255:
        how = ": grey levels up to 255? images / 255 brings them into [0, 1]"
    elif -1 <= low < 0 and high <= 1:
        how = ": normalised to [-1, 1]? images * 0.5 + 0.5 brings them back"
    yield f"values lie in [{low:.4g}, {high:.4g}]{how}"
