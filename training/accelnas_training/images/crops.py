"""Random crops of whole batches: as timm draws them, from numbers that are given."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["CROP_DRAWS", "ERASE_DRAWS", "random_crops", "random_erasures"]

_ATTEMPTS = 10  # as in timm and torchvision
CROP_DRAWS = 4 * _ATTEMPTS
ERASE_DRAWS = CROP_DRAWS

_ERASED = (0.02, 1 / 3)  # shares of the area, and width / height: the values of timm
_ERASED_RATIO = (0.3, 1 / 0.3)


def random_crops(
    draws: NDArray[np.float64], height: int, width: int, scale: tuple[float, float], ratio: tuple[float, float]
) -> NDArray[np.int64]:
    """Draw one crop an image: of random area and shape, or the largest central one if ten do not fit.

    Parameters
    ----------
    draws
        Numbers from 0 to 1, (n, `CROP_DRAWS`).
    height, width
        Size of the images, pixels.
    scale, ratio
        As in `Augmentation`.

    Returns
    -------
    NDArray
        int64 (n, 4): top, left, height and width, pixels.

    Examples
    --------
    >>> import numpy as np
    >>> from accelnas_training.images.crops import CROP_DRAWS, random_crops
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


def random_erasures(draws: NDArray[np.float64], resolution: int) -> NDArray[np.int64]:
    """Draw one rectangle to erase an image, int64 (n, 4) as `random_crops`; its height is 0 if ten do not fit."""
    boxes = _boxes(draws, resolution, resolution, _ERASED, _ERASED_RATIO)
    fits = ((boxes[..., 2:] > 0) & (boxes[..., 2:] < resolution)).all(axis=2)
    return np.where(np.any(fits, axis=1)[:, None], boxes[np.arange(len(boxes)), fits.argmax(axis=1)], 0)


def _boxes(
    draws: NDArray[np.float64], height: int, width: int, scale: tuple[float, float], ratio: tuple[float, float]
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
