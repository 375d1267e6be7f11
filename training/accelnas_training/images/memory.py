"""Small sets, held in memory as one tensor a part, and altered a whole batch at once."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import torch

from accelnas_training.errors import ImagesError
from accelnas_training.images.base import Images
from accelnas_training.images.streams import AUGMENTATION, batches, uniforms
from accelnas_training.images.tensors import CROP_DRAWS, finished, random_crops, resized

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from PIL.Image import Image
    from torch import Tensor

    from accelnas_training.images.base import Augmentation, LoaderPlan, Part

__all__ = ["MemoryImages"]


class MemoryImages(Images):
    """Images in memory, of one size.

    They are cropped, mirrored and resized by tensor operations on the device, so that loading costs a few percent
    of a training step on one core. Validation resizes whole images, without a crop. Normalised by the train part's
    own mean and standard deviation.

    Parameters
    ----------
    name
        The source.
    train, validation
        Images, uint8 (n, channels, height, width), and labels, int64 (n,), from 0; every label up to the largest
        counts as a class.

    Attributes
    ----------
    digest : str
        SHA-256 of both parts' shapes, pixels and labels.

    Raises
    ------
    ImagesError
        If a part is empty.

    Examples
    --------
    >>> from accelnas_training.images import LoaderPlan, open_images
    >>> digits = open_images("digits")
    >>> batch, labels = next(iter(digits.loader("validation", LoaderPlan(64, 32, None, seed=0, epoch=0))))
    >>> batch.shape, labels.shape
    (torch.Size([64, 1, 32, 32]), torch.Size([64]))
    """

    def __init__(
        self,
        name: str,
        train: tuple[NDArray[np.uint8], NDArray[np.int64]],
        validation: tuple[NDArray[np.uint8], NDArray[np.int64]],
    ) -> None:
        digest = hashlib.sha256(b"accelnas images 1\n")
        self._parts: dict[str, tuple[Tensor, Tensor]] = {}
        for part, (pixels, labels) in (("train", train), ("validation", validation)):
            if not len(labels):
                raise ImagesError(f"{name} has no images to {part}; choose another share")
            digest.update(f"{part} {pixels.shape}\n".encode())
            digest.update(np.ascontiguousarray(pixels).tobytes() + labels.astype("<i8").tobytes())
            self._parts[part] = torch.from_numpy(np.ascontiguousarray(pixels)), torch.from_numpy(labels)
        self.name = name
        self.classes = int(train[1].max()) + 1
        self.channels = train[0].shape[1]
        self.digest = digest.hexdigest()
        # sums of bytes are whole numbers: the same whatever the order
        share = train[0].size // self.channels * 255
        sums = train[0].sum(axis=(0, 2, 3), dtype=np.int64)
        squares = (train[0].astype(np.int64) ** 2).sum(axis=(0, 2, 3))
        mean = sums / share
        self.mean = tuple(mean.tolist())
        self.std = tuple(np.sqrt(squares / (share * 255) - mean**2).tolist())

    def size(self, part: Part) -> int:
        """Give the number of images of a part."""
        return len(self._parts[part][1])

    def image(self, part: Part, index: int) -> tuple[Image, int]:
        """Give one image, and its class."""
        from PIL import Image

        pixels, labels = self._parts[part]
        array = pixels[index].permute(1, 2, 0).numpy()
        return Image.fromarray(array if self.channels == 3 else array[:, :, 0]), int(labels[index])

    def loader(self, part: Part, plan: LoaderPlan) -> MemoryLoader:
        """Give the batches of one epoch.

        Raises
        ------
        ImagesError
            If there is not one batch to train on, or the augmentation has a policy or changes colours.
        """
        return MemoryLoader(self, *self._on(part, plan.device), plan)

    def _on(self, part: Part, device: str) -> tuple[Tensor, Tensor]:
        if device == "cpu":
            return self._parts[part]
        there = f"{part} on {device}"
        if there not in self._parts:  # moved once, then read there
            pixels, labels = self._parts[part]
            self._parts[there] = pixels.to(device), labels.to(device)
        return self._parts[there]


class MemoryLoader:
    """The batches of one epoch, made when they are asked for."""

    def __init__(self, images: MemoryImages, pixels: Tensor, labels: Tensor, plan: LoaderPlan) -> None:
        asked = plan.augmentation
        if asked is not None and (asked.policy or asked.color_jitter):
            raise ImagesError(
                f"augmentation.policy is {asked.policy!r} and color_jitter {asked.color_jitter}, which "
                f"{images.name} in memory can't have; leave them out, or write it to files: accelnas-training cache"
            )
        self._images, self._pixels, self._labels, self._plan = images, pixels, labels, plan
        self._batches = batches(plan, len(labels))

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        images, device = self._images, self._pixels.device
        for rows in self._batches:
            chosen = torch.from_numpy(rows).to(device)
            altered = self._resized(self._pixels[chosen], rows)
            yield finished(altered, rows, self._plan, images.mean, images.std), self._labels[chosen]

    def _resized(self, pixels: Tensor, rows: NDArray[np.int64]) -> Tensor:
        height, width = pixels.shape[2:]
        if self._plan.augmentation is None:
            boxes = np.broadcast_to(np.array((0, 0, height, width)), (len(rows), 4))
            mirrored = cubic = np.zeros(len(rows), bool)
        else:
            draws = uniforms(AUGMENTATION, self._plan.seed, self._plan.epoch, rows, CROP_DRAWS + 2)
            boxes, mirrored, cubic = _drawn(draws, height, width, self._plan.augmentation)
        at = pixels.device
        tensors = torch.tensor(boxes, device=at), torch.tensor(mirrored, device=at), torch.tensor(cubic, device=at)
        return resized(pixels, *tensors, self._plan.resolution)


def _drawn(
    draws: NDArray[np.float64], height: int, width: int, augmentation: Augmentation
) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.bool_]]:
    """Give each image's crop, whether it is mirrored, and whether it is resized by the cubic filter."""
    boxes = random_crops(draws[:, :CROP_DRAWS], height, width, augmentation.scale, augmentation.ratio)
    cubic = {"bilinear": 0.0, "bicubic": 1.0, "random": 0.5}[augmentation.interpolation]
    return boxes, draws[:, -2] < augmentation.flip, draws[:, -1] < cubic
