"""Open a set of images by one string."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from accelnas_training.errors import ImagesError

if TYPE_CHECKING:
    from accelnas_training.images.base import Images


# how each kind is written, and its module
_SOURCES = {
    "digits": "memory",
    "folder:PATH": "files",
    "webdataset:PATTERN": "webdataset",
    "cifar:PATH": "memory",
    "torchvision:NAME:PATH": "memory",
    "cache:PATH": "cache",
}


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
    module = next((own for form, own in _SOURCES.items() if form.partition(":")[0] == kind), None)
    if module is None or (not rest and kind != "digits"):
        raise ImagesError(f"{source!r} is no source of images; use one of {', '.join(_SOURCES)}")
    # PyTorch, timm and scikit-learn take seconds to import
    images: Images = getattr(import_module(f"accelnas_training.images.{module}"), f"open_{kind}")(rest)
    return images
