"""Open a set of images by one string."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelnas_training.errors import ImagesError

if TYPE_CHECKING:
    from accelnas_training.images.base import Images

__all__ = ["open_images"]

_SOURCES = ("digits", "folder:PATH", "webdataset:PATTERN", "cifar:PATH", "torchvision:NAME:PATH", "cache:PATH")


def open_images(source: str) -> Images:
    """Open a set of images.

    Parameters
    ----------
    source
        - ``digits``: scikit-learn's 1,797 grey images of 8 × 8 pixels; ``digits:0.4`` trains on 40 % of them.
        - ``folder:PATH``: ``PATH/train/CLASS/*.jpg`` and ``PATH/val/CLASS/*.jpg``, as ImageNet lies.
        - ``webdataset:PATTERN``: tar shards, such as ``/data/imagenet-{part}-*.tar``, where part is train and
          validation or val; or two patterns, such as ``train-{000..127}.tar;test-{00..07}.tar``.
        - ``cifar:PATH``: the folder of CIFAR-10's or CIFAR-100's binary version.
        - ``torchvision:FashionMNIST:PATH``: a set that torchvision has downloaded to PATH.
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
        from accelnas_training.images.memory import open_digits

        return open_digits(rest)
    if kind == "folder" and rest:
        from accelnas_training.images.files import open_folder

        return open_folder(rest)
    if kind == "webdataset" and rest:
        from accelnas_training.images.webdataset import open_webdataset

        return open_webdataset(rest)
    if kind == "cifar" and rest:
        from accelnas_training.images.memory import open_cifar

        return open_cifar(rest)
    if kind == "torchvision" and rest:
        from accelnas_training.images.memory import open_torchvision

        return open_torchvision(rest)
    if kind == "cache" and rest:
        from accelnas_training.images.cache import open_cache

        return open_cache(rest)
    raise ImagesError(f"{source!r} is no source of images; use one of {', '.join(_SOURCES)}")
