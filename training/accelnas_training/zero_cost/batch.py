"""What proxies see: one batch of images and labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from accelnas_training.images import Augmentation, LoaderPlan

if TYPE_CHECKING:
    from accelnas_training.images import Images

__all__ = ["Batch", "first_batch", "noise"]


@dataclass(frozen=True)
class Batch:
    """Images and their labels, and what proxies draw besides.

    Attributes
    ----------
    images : Tensor
        float32 (b, channels, r, r).
    labels : Tensor
        int64 (b,).
    seed : int
        Of what a proxy draws itself: Zen-score's weights and perturbation.
    """

    images: Tensor
    labels: Tensor
    seed: int = 0

    def to(self, device: str) -> Batch:
        """Give the batch on a device."""
        return Batch(self.images.to(device), self.labels.to(device), self.seed)


def noise(size: int, resolution: int, seed: int, channels: int = 3, classes: int = 1000) -> Batch:
    """Draw a batch of standard Gaussian noise with random labels.

    Parameters
    ----------
    size
        Number of images.
    resolution
        Their width and height, pixels.
    seed
        The same seed gives the same batch.
    channels, classes
        Of the images and labels.

    Examples
    --------
    >>> noise(4, 32, seed=0).images.shape
    torch.Size([4, 3, 32, 32])
    """
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(size, channels, resolution, resolution, generator=generator)
    return Batch(images, torch.randint(classes, (size,), generator=generator), seed)


def first_batch(images: Images, size: int, resolution: int, seed: int) -> Batch:
    """Give the batch that a training with this seed would begin with: shuffled, cropped and mirrored.

    Raises
    ------
    ImagesError
        If there are fewer training images than `size`, or one can't be read.
    """
    plan = LoaderPlan(batch_size=size, resolution=resolution, augmentation=Augmentation(), seed=seed, epoch=0)
    pixels, labels = next(iter(images.loader("train", plan)))
    return Batch(pixels, labels, seed)
