"""Crop, mirror, resize, normalise and erase whole batches, as tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from accelnas_training.images.streams import ERASING, bits, uniforms

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from accelnas_training.arrays import Floats
    from accelnas_training.images.base import LoaderPlan


_ATTEMPTS = 10  # as in timm and torchvision

CROP_DRAWS = 4 * _ATTEMPTS

ERASE_DRAWS = CROP_DRAWS

_ERASED = (0.02, 1 / 3)  # shares of the area, and width / height: the values of timm

_ERASED_RATIO = (0.3, 1 / 0.3)


def random_crops(
    draws: Floats, height: int, width: int, scale: tuple[float, float], ratio: tuple[float, float]
) -> NDArray[np.int64]:
    """Draw one crop an image: of random area and shape, or the largest central one if ten do not fit.

    Of numbers from 0 to 1, (n, `CROP_DRAWS`), images of a size in pixels, and an `Augmentation`'s scale and ratio;
    gives int64 (n, 4): top, left, height and width, pixels.

    Examples
    --------
    >>> import numpy as np
    >>> from accelnas_training.images.tensors import CROP_DRAWS, random_crops
    >>> random_crops(np.full((1, CROP_DRAWS), 0.5), 8, 8, scale=(0.25, 0.25), ratio=(1, 1))
    array([[2, 2, 4, 4]])
    """
    boxes = _boxes(draws, height, width, scale, ratio)
    fits = (boxes[..., 2:] > 0).all(axis=2) & (boxes[..., 2] <= height) & (boxes[..., 3] <= width)
    chosen = boxes[np.arange(len(boxes)), fits.argmax(axis=1)]
    shape = min(max(width / height, ratio[0]), ratio[1])  # of the largest central crop
    central_width = min(width, round(height * shape))
    central_height = min(height, round(width / shape))
    central = ((height - central_height) // 2, (width - central_width) // 2, central_height, central_width)
    return np.where(np.any(fits, axis=1)[:, None], chosen, np.array(central))


def random_erasures(draws: Floats, resolution: int) -> NDArray[np.int64]:
    """Draw one rectangle to erase an image, int64 (n, 4) as `random_crops`; its height is 0 if ten do not fit."""
    boxes = _boxes(draws, resolution, resolution, _ERASED, _ERASED_RATIO)
    fits = ((boxes[..., 2:] > 0) & (boxes[..., 2:] < resolution)).all(axis=2)
    return np.where(np.any(fits, axis=1)[:, None], boxes[np.arange(len(boxes)), fits.argmax(axis=1)], 0)


def _boxes(
    draws: Floats, height: int, width: int, scale: tuple[float, float], ratio: tuple[float, float]
) -> NDArray[np.int64]:
    """Give each attempt's box, (n, attempts, 4); it may be empty or too large."""
    area, shape, top, left = np.moveaxis(draws.reshape(len(draws), _ATTEMPTS, 4), 2, 0)
    pixels = (scale[0] + (scale[1] - scale[0]) * area) * (height * width)
    shape = ratio[0] * (ratio[1] / ratio[0]) ** shape
    heights = np.rint(np.sqrt(pixels / shape)).astype(np.int64)
    widths = np.rint(np.sqrt(pixels * shape)).astype(np.int64)
    tops = (top * np.maximum(height - heights + 1, 1)).astype(np.int64)
    lefts = (left * np.maximum(width - widths + 1, 1)).astype(np.int64)
    return np.stack((tops, lefts, heights, widths), axis=2)


def resized(images: Tensor, boxes: Tensor, mirrored: Tensor, cubic: Tensor, resolution: int) -> Tensor:
    """Cut a box out of each image and resize it, antialiased, as Pillow does but without rounding in between.

    Images are uint8 or float32 (n, channels, height, width), boxes int64 (n, 4) as `random_crops` gives them. Where
    `mirrored`, bool (n,), left and right change places; where `cubic`, bool (n,), the filter is bicubic, else bilinear.
    Gives float32 (n, channels, resolution, resolution). Pixels are 0 to 255 on both sides.

    Examples
    --------
    >>> import torch
    >>> from accelnas_training.images.tensors import resized
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


def finished(
    pixels: Tensor, images: NDArray[np.int64], plan: LoaderPlan, mean: tuple[float, ...], std: tuple[float, ...]
) -> Tensor:
    """Normalise a batch, erase a rectangle of some images, and lay it out in memory.

    Pixels are uint8 or float32 (n, channels, r, r), 0 to 255, on the device; `images`, (n,), are their numbers, which
    name the random streams. What erasing fills in is drawn on the device, and differs between kinds of devices. Gives
    float32 (n, channels, r, r).
    """
    shift = torch.tensor(mean, device=pixels.device)[:, None, None] * 255
    factor = torch.tensor(std, device=pixels.device)[:, None, None] * 255
    batch = (pixels.float() - shift) / factor
    if plan.augmentation is not None and plan.augmentation.erase > 0:
        _erase(batch, images, plan, plan.augmentation.erase)
    return batch.to(memory_format=torch.channels_last) if plan.channels_last else batch


def _erase(batch: Tensor, images: NDArray[np.int64], plan: LoaderPlan, probability: float) -> None:
    draws = uniforms(ERASING, plan.seed, plan.epoch, images, ERASE_DRAWS + 1)
    seeds = bits(ERASING, plan.seed, plan.epoch, images, ERASE_DRAWS + 2)[:, -1]
    generator = torch.Generator(batch.device)
    boxes = random_erasures(draws[:, 1:], plan.resolution)
    for row in (draws[:, 0] < probability).nonzero()[0]:
        top, left, height, width = boxes[row].tolist()
        generator.manual_seed(int(seeds[row] >> 1))
        noise = torch.randn((batch.shape[1], height, width), generator=generator, device=batch.device)
        batch[row, :, top : top + height, left : left + width] = noise
