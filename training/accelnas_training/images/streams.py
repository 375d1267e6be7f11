"""Random numbers by counter, and the order of images that follows from them."""

from __future__ import annotations

import random
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import torch

from accelnas_training.errors import ImagesError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from accelnas_training.arrays import Floats
    from accelnas_training.images.base import LoaderPlan


# what streams are for; the same (seed, epoch, image) gives each its own
ORDER, AUGMENTATION, ERASING = 1, 2, 3

_STEP = np.uint64(0x9E3779B97F4A7C15)  # odd, 2^64 / golden ratio


def bits(purpose: int, seed: int, epoch: int, images: NDArray[np.int64], count: int = 1) -> NDArray[np.uint64]:
    """Give 64 random bits for each image and number, uint64 (n, count), by the finaliser of SplitMix64.

    Purpose, seed and epoch name the stream; `images`, (n,), are numbers of images.

    Examples
    --------
    >>> import numpy as np
    >>> from accelnas_training.images.streams import ORDER, bits
    >>> both = bits(ORDER, 0, 0, np.array([5, 9]), 3)
    >>> bool((bits(ORDER, 0, 0, np.array([9]), 2) == both[1:, :2]).all())
    True
    """
    key = np.zeros(1, np.uint64)
    for part in (purpose, seed, epoch):
        key = _mixed(key + np.uint64(part % 2**64) + _STEP)
    keys = _mixed(key + images.astype(np.uint64) * _STEP)
    return _mixed(keys[:, None] + np.arange(1, count + 1, dtype=np.uint64) * _STEP)


def uniforms(purpose: int, seed: int, epoch: int, images: NDArray[np.int64], count: int) -> Floats:
    """Give numbers from 0 to 1, float64 (n, count), never 1: the first 53 of `bits`."""
    return (bits(purpose, seed, epoch, images, count) >> np.uint64(11)).astype(np.float64) * 2.0**-53


@contextmanager
def seeded(seeds: NDArray[np.uint64]) -> Iterator[None]:
    """Seed Python's, NumPy's and PyTorch's global generators by three numbers; leave them as they were."""
    states = random.getstate(), np.random.get_state(), torch.random.get_rng_state()  # noqa: NPY002
    try:
        random.seed(int(seeds[0]))
        np.random.seed(int(seeds[1]) % 2**32)  # noqa: NPY002 (timm draws from it)
        torch.default_generator.manual_seed(int(seeds[2] >> np.uint64(1)))
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002
        torch.random.set_rng_state(states[2])


def _mixed(value: NDArray[np.uint64]) -> NDArray[np.uint64]:
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


def batches(plan: LoaderPlan, size: int) -> list[NDArray[np.int64]]:
    """Share a part of `size` images among batches of their numbers, int64 (batch size,) each.

    In training the images are shuffled, and those of the last batch, if it is not full, are left out: with few images
    it would give batch normalisation poor statistics. Other epochs leave out others; without one batch to train on this
    raises ImagesError. In validation the last batch may be shorter.
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
