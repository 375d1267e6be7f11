"""The last steps of every batch, on the device: normalise, erase, lay out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from accelnas_training.images.crops import ERASE_DRAWS, random_erasures
from accelnas_training.images.streams import ERASING, bits, uniforms

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from accelnas_training.images.plan import LoaderPlan

__all__ = ["finished"]


def finished(
    pixels: Tensor, images: NDArray[np.int64], plan: LoaderPlan, mean: tuple[float, ...], std: tuple[float, ...]
) -> Tensor:
    """Normalise a batch, erase a rectangle of some images, and lay it out in memory.

    Parameters
    ----------
    pixels
        uint8 or float32 (n, channels, r, r), 0 to 255, on the device.
    images
        Their numbers, (n,), which name the random streams.
    plan
        The epoch; what erasing fills in is drawn on its device, and differs between kinds of devices.
    mean, std
        Of each channel, in 0 to 1.

    Returns
    -------
    Tensor
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
