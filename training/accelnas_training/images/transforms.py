"""timm's transforms, each image's drawn from its own seeds."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import torch
from timm.data.transforms_factory import create_transform

from accelnas_training.errors import ImagesError
from accelnas_training.images.streams import AUGMENTATION, bits, seeded

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image
    from torch import Tensor

    from accelnas_training.images.augmentation import Augmentation
    from accelnas_training.images.plan import LoaderPlan

    Transform = Callable[[Image], Tensor]

__all__ = ["check_transform", "transformed"]


def transformed(
    image: Callable[[int], Image], rows: NDArray[np.int64], plan: LoaderPlan, mean: tuple[float, ...]
) -> Tensor:
    """Crop, resize and alter a batch of images, in this process.

    Parameters
    ----------
    image
        Gives an image by its number.
    rows
        Numbers of the images, (n,).
    plan
        The epoch.
    mean
        Of each channel, in 0 to 1: the colour that policies fill with.

    Returns
    -------
    Tensor
        uint8 (n, channels, resolution, resolution); not normalised, nothing erased: see `finished`.
    """
    transform = _transform(plan.resolution, plan.augmentation, plan.crop_share, mean)
    batch = torch.empty((len(rows), len(mean), plan.resolution, plan.resolution), dtype=torch.uint8)
    if plan.augmentation is None:
        for place, row in enumerate(rows.tolist()):
            batch[place] = transform(image(row))
        return batch
    seeds = bits(AUGMENTATION, plan.seed, plan.epoch, rows, 3)
    for place, row in enumerate(rows.tolist()):
        stored = image(row)
        with seeded(seeds[place]):
            batch[place] = transform(stored)
    return batch


def check_transform(plan: LoaderPlan, mean: tuple[float, ...]) -> None:
    """Make the transforms of an epoch once.

    Raises
    ------
    ImagesError
        If timm can't read the policy.
    """
    try:
        _transform(plan.resolution, plan.augmentation, plan.crop_share, mean)
    except Exception as error:  # timm raises whatever a wrong policy leads it to
        policy = plan.augmentation.policy if plan.augmentation is not None else ""
        raise ImagesError(f"augmentation.policy is {policy!r}, not one of timm's, such as rand-m9-mstd0.5") from error


@lru_cache(maxsize=8)
def _transform(
    resolution: int, augmentation: Augmentation | None, crop_share: float, mean: tuple[float, ...]
) -> Transform:
    options: dict[str, Any] = {"interpolation": "bilinear", "crop_pct": crop_share}
    if augmentation is not None:
        options = {
            "scale": augmentation.scale,
            "ratio": augmentation.ratio,
            "hflip": augmentation.flip,
            "auto_augment": augmentation.policy or None,
            "color_jitter": augmentation.color_jitter or None,
            "interpolation": augmentation.interpolation,
        }
    made: Transform = create_transform(
        input_size=resolution, is_training=augmentation is not None, mean=mean, normalize=False, **options
    )
    return made
