"""The batches of one epoch, wherever their pixels come from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from accelnas_training.images.streams import batches
from accelnas_training.images.tensors import finished

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from accelnas_training.images.base import Images, LoaderPlan

    Read = Callable[[list[NDArray[np.int64]]], Iterator[Tensor]]


class Loader:
    """Batches of an epoch: float32 (b, channels, r, r), normalised, and int64 (b,), the classes.

    `labels` are those of the part, where its pixels are; `read` gives the pixels of one batch of images after the
    other, uint8 or float32 (b, channels, r, r), 0 to 255.
    """

    def __init__(self, images: Images, plan: LoaderPlan, labels: Tensor, read: Read) -> None:
        self._images, self._plan, self._labels, self._read = images, plan, labels, read
        self._batches = batches(plan, len(labels))

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        images, plan, labels = self._images, self._plan, self._labels
        for rows, pixels in zip(self._batches, self._read(self._batches), strict=True):
            moved = pixels.to(plan.device, non_blocking=True)
            own = labels[torch.from_numpy(rows).to(labels.device)].to(plan.device)
            yield finished(moved, rows, plan, images.mean, images.std), own
