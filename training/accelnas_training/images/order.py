"""Which images a process loads in one epoch, batch by batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from accelnas_training.errors import ImagesError
from accelnas_training.images.streams import ORDER, bits

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accelnas_training.images.plan import LoaderPlan

__all__ = ["batches"]


def batches(plan: LoaderPlan, size: int) -> list[NDArray[np.int64]]:
    """Share a part's images among batches.

    In training the images are shuffled, and those of the last batch, if it is not full, are left out: with few
    images it would give batch normalisation poor statistics. Other epochs leave out others.

    Parameters
    ----------
    plan
        The epoch and the process.
    size
        Number of images of the part.

    Returns
    -------
    list of NDArray
        Numbers of images, int64 (batch size,) each; in validation the last may be shorter.

    Raises
    ------
    ImagesError
        If there is not one batch to train on.
    """
    if plan.augmentation is None:
        own = np.arange(plan.rank, size, plan.processes)
        return [own[start : start + plan.batch_size] for start in range(0, len(own), plan.batch_size)]
    together = plan.batch_size * plan.processes
    if size < together:
        raise ImagesError(f"{size} images to train on are less than one batch of {together}; choose a smaller batch")
    order = np.argsort(bits(ORDER, plan.seed, plan.epoch, np.arange(size))[:, 0], kind="stable")
    steps = size // together
    return list(order[: steps * together].reshape(steps, plan.processes, plan.batch_size)[:, plan.rank])
