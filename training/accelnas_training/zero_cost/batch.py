"""What proxies see: one batch of images and labels, and a copy of the network."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from accelnas_training.images import Augmentation, LoaderPlan

if TYPE_CHECKING:
    from accelnas_training.images import Images


@dataclass(frozen=True)
class Batch:
    """Images and their labels, and what proxies draw besides."""

    images: Tensor  # float32 (b, channels, r, r)
    labels: Tensor  # int64 (b,)
    seed: int = 0  # of what a proxy draws itself: Zen-score's weights and perturbation

    def to(self, device: str) -> Batch:
        """Give the batch on a device."""
        return Batch(self.images.to(device), self.labels.to(device), self.seed)


def noise(size: int, resolution: int, seed: int, channels: int = 3, classes: int = 1000) -> Batch:
    """Draw a batch of standard Gaussian noise, `resolution` pixels a side, with random labels; a seed gives one batch.

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

    Raises ImagesError if there are fewer training images than `size`, or one can't be read.
    """
    plan = LoaderPlan(batch_size=size, resolution=resolution, augmentation=Augmentation(), seed=seed, epoch=0)
    pixels, labels = next(iter(images.loader("train", plan)))
    return Batch(pixels, labels, seed)


WEIGHTED = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


def copied(network: nn.Module) -> nn.Module:
    """Copy a network for one proxy: batch normalisation uses the batch's statistics; no dropout, no gradients."""
    copy_of = copy.deepcopy(network).train()
    copy_of.zero_grad(set_to_none=True)
    for module in copy_of.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return copy_of


def weights(network: nn.Module) -> list[Tensor]:
    """Give the weights of convolutions and linear layers, in order: what pruning would remove.

    Examples
    --------
    >>> [w.shape for w in weights(nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2)))]
    [torch.Size([2, 3])]
    """
    return [module.weight for module in network.modules() if isinstance(module, WEIGHTED)]
