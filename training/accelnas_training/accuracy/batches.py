"""Batches for trained networks: to validate by a scheme, and to calibrate with; and the share that is right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from accelnas_training.errors import ImagesError
from accelnas_training.images import Augmentation, LoaderPlan
from accelnas_training.threads import torch_threads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from torch import Tensor

    from accelnas_training.images import Images
    from accelnas_training.images.base import Batches
    from accelnas_training.schemes import Scheme

CALIBRATED = 256
"""Training images by which ranges of activations are calibrated, unless told otherwise."""

_BATCH = 32  # images at a time: whole batches alone are given
_WHOLE = Augmentation(scale=(1.0, 1.0), ratio=(1.0, 1.0), flip=0.0)


def validation(images: Images, scheme: Scheme, device: str = "cpu") -> Batches:
    """Give the batches by which a training of the scheme is validated."""
    plan = LoaderPlan(
        batch_size=scheme.batch_size,
        resolution=scheme.resize.validation,
        augmentation=None,
        seed=0,
        epoch=0,
        device=device,
        crop_share=scheme.resize.validation_crop,
    )
    return images.loader("validation", plan)


def calibration(images: Images, scheme: Scheme, number: int = CALIBRATED) -> list[Tensor]:
    """Give training images, drawn with seed 0, whole but for the centre's square, float32 (b, channels, r, r) each.

    As large as those of validation; all that there are if these are fewer than `number`, but for an incomplete batch.
    Raises ImagesError if there is nothing to calibrate with.

    Examples
    --------
    >>> from accelnas_training import load_scheme, open_images
    >>> scheme = load_scheme("p_star").changed(**{"resize.validation": 16})
    >>> [tuple(batch.shape) for batch in calibration(open_images("digits"), scheme, 64)]
    [(32, 1, 16, 16), (32, 1, 16, 16)]
    """
    if number < 1:
        raise ImagesError(f"{number} images to calibrate with; choose at least 1")
    size = min(_BATCH, number, images.size("train"))
    plan = LoaderPlan(size, scheme.resize.validation, _WHOLE, seed=0, epoch=0)
    batches = []
    for inputs, _ in images.loader("train", plan):
        batches.append(inputs)
        if size * len(batches) >= number:
            break
    return batches


def share_right(outputs: Callable[[Tensor], Tensor], batches: Iterable[tuple[Tensor, Tensor]]) -> float:
    """Give the share of images, %, whose largest output, of (b, classes), is that of their class."""
    right, images = 0, 0
    with torch_threads(), torch.inference_mode():
        for inputs, targets in batches:
            right += int((outputs(inputs).argmax(1) == targets).sum())
            images += len(targets)
    return 100 * right / images
