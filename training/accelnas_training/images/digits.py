"""The small real set that ships with scikit-learn."""

from __future__ import annotations

import numpy as np

from accelnas_training.errors import ImagesError
from accelnas_training.images.memory import MemoryImages
from accelnas_training.images.streams import ORDER, bits

__all__ = ["open_digits"]

_TRAIN_SHARE = 0.8


def open_digits(share: str = "") -> MemoryImages:
    """Open scikit-learn's 1,797 handwritten digits, grey, 8 × 8 pixels.

    Parameters
    ----------
    share
        Part of each class to train on, between 0 and 1; empty: 0.8. The rest is for validation. A smaller train
        part lies in every larger one, and makes architectures differ more.

    Raises
    ------
    ImagesError
        If `share` is not a number that leaves images for both parts.

    Examples
    --------
    >>> from accelnas_training.images import open_images
    >>> digits = open_images("digits:0.4")
    >>> digits.classes, digits.size("train"), digits.size("validation")
    (10, 719, 1078)
    """
    from sklearn.datasets import load_digits

    try:
        part = float(share or _TRAIN_SHARE)
    except ValueError:
        part = 0.0
    if not 0 < part < 1:
        raise ImagesError(f"digits:{share}: {share!r} is no share of the images; choose one between 0 and 1")
    pixels, labels = load_digits(return_X_y=True)
    pixels = np.rint(pixels * (255 / 16)).astype(np.uint8).reshape(-1, 1, 8, 8)
    labels = labels.astype(np.int64)
    rank = bits(ORDER, 0, 0, np.arange(len(labels)))[:, 0]
    chosen = np.zeros(len(labels), bool)
    for label in range(10):
        own = np.flatnonzero(labels == label)
        chosen[own[np.argsort(rank[own])[: round(part * len(own))]]] = True
    name = f"digits:{share}" if share else "digits"
    return MemoryImages(name, (pixels[chosen], labels[chosen]), (pixels[~chosen], labels[~chosen]))
