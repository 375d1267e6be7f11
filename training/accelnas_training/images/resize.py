"""Crop, mirror and resize a batch at once: each axis of each image by one matrix of filter weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["resized"]


def resized(images: Tensor, boxes: Tensor, mirrored: Tensor, cubic: Tensor, resolution: int) -> Tensor:
    """Cut a box out of each image and resize it, antialiased, as Pillow does but without rounding in between.

    Parameters
    ----------
    images
        uint8 or float32 (n, channels, height, width), 0 to 255.
    boxes
        int64 (n, 4): top, left, height and width, pixels.
    mirrored
        bool (n,): whether left and right change places.
    cubic
        bool (n,): bicubic, else bilinear.
    resolution
        Height and width of the result, pixels.

    Returns
    -------
    Tensor
        float32 (n, channels, resolution, resolution), 0 to 255.

    Examples
    --------
    >>> import torch
    >>> from accelnas_training.images.resize import resized
    >>> no = torch.tensor([False])
    >>> resized(torch.tensor([[[[0, 10], [20, 30]]]]).byte(), torch.tensor([[0, 0, 2, 2]]), no, no, 1)
    tensor([[[[15.]]]])
    """
    height, width = images.shape[2:]
    rows = _weights(boxes[:, 0], boxes[:, 2], cubic, height, resolution)
    columns = _weights(boxes[:, 1], boxes[:, 3], cubic, width, resolution)
    columns = torch.where(mirrored[:, None, None], columns.flip(1), columns)
    narrowed = (images.float() @ columns.transpose(1, 2)[:, None]).clamp_(0, 255)  # bicubic overshoots
    return (rows[:, None] @ narrowed).clamp_(0, 255)


def _weights(starts: Tensor, lengths: Tensor, cubic: Tensor, size: int, resolution: int) -> Tensor:
    """Give float32 (n, resolution, size): what each pixel of an axis adds to each of the result."""
    step = (lengths / resolution)[:, None, None]
    middles = (torch.arange(resolution, device=starts.device) + 0.5)[:, None] * step
    pixels = torch.arange(size, device=starts.device) - starts[:, None, None]  # counted from the box's edge
    distances = ((pixels + 0.5 - middles) / step.clamp(min=1)).abs()  # wider filters when shrinking: no aliases
    weights = (1 - distances).clamp(min=0)
    if cubic.any():
        weights = torch.where(cubic[:, None, None], _cubic(distances), weights)
    weights = weights * ((pixels >= 0) & (pixels < lengths[:, None, None]))
    return weights / weights.sum(2, keepdim=True)


def _cubic(x: Tensor) -> Tensor:
    """Give Keys' cubic kernel with a = -1/2."""
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return torch.where(x < 1, near, torch.where(x < 2, far, torch.zeros_like(x)))
