"""Open a set of images by one string."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from accelnas_training.images.base import Images

__all__ = ["open_images"]


def open_images(source: str) -> Images:
    """Open a set of images.

    Parameters
    ----------
    source
        - ``digits``: scikit-learn's 1,797 grey images of 8 × 8 pixels; ``digits:0.4`` trains on 40 % of them.
        - ``folder:PATH``: ``PATH/train/CLASS/*.jpg`` and ``PATH/val/CLASS/*.jpg``, as ImageNet lies.
        - ``webdataset:PATTERN``: tar shards, such as ``/data/imagenet-{part}-*.tar``.
        - ``torchvision:CIFAR10:PATH``: a set that torchvision has downloaded to PATH.
        - ``cache:PATH``: what ``accelnas-training cache`` wrote.

    Returns
    -------
    Images
        The two parts, ``train`` and ``validation``.

    Raises
    ------
    ImagesError
        If there is no such source, or nothing where it should be.
    """
    kind, _, rest = source.partition(":")
    if kind == "digits":
        from accelnas_training.images.digits import open_digits

        return open_digits(rest)
    raise NotImplementedError(source)
