"""Sets that torchvision holds in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from accelnas_training.errors import ImagesError
from accelnas_training.images.memory import MemoryImages

__all__ = ["open_torchvision"]

# how each class names its parts: by `train`, or by `split`
_BY_TRAIN = ("FashionMNIST", "KMNIST", "MNIST", "QMNIST", "USPS")
_BY_SPLIT = ("STL10", "SVHN")


def open_torchvision(name_and_path: str) -> MemoryImages:
    """Open a set of small images that torchvision has downloaded; nothing is downloaded here.

    Parameters
    ----------
    name_and_path
        Such as ``FashionMNIST:/data``: the class in torchvision, and the folder it downloaded to. Its test part is for
        validation.

    Raises
    ------
    ImagesError
        If there is no such set, or not in that folder.
    """
    name, _, path = name_and_path.partition(":")
    if name in ("CIFAR10", "CIFAR100"):
        raise ImagesError(
            f"torchvision:{name}: torchvision has pickles, which are never loaded; use cifar:PATH instead"
        )
    if name not in _BY_TRAIN + _BY_SPLIT:
        raise ImagesError(f"torchvision:{name}: choose one of {', '.join(sorted(_BY_TRAIN + _BY_SPLIT))}")
    if not path:
        raise ImagesError(f"torchvision:{name}: name the folder it was downloaded to: torchvision:{name}:PATH")
    if not Path(path).is_dir():
        raise ImagesError(f"torchvision:{name_and_path}: folder {path} does not exist; {_download(name, path)}")
    parts = []
    for train in (True, False):
        part = {"train": train} if name in _BY_TRAIN else {"split": "train" if train else "test"}
        parts.append(_arrays(_opened(name, path, part)))
    return MemoryImages(f"torchvision:{name_and_path}", *parts)


def _opened(name: str, path: str, part: dict[str, Any]) -> Any:
    from torchvision import datasets

    try:
        return getattr(datasets, name)(path, download=False, **part)
    except (RuntimeError, OSError) as error:
        reason = str(error).partition(".")[0].lower()
        raise ImagesError(f"torchvision:{name}:{path}: {reason}; {_download(name, path)}") from error


def _download(name: str, path: str) -> str:
    return f'to download it: python -c "import torchvision; torchvision.datasets.{name}({path!r}, download=True)"'


def _arrays(dataset: Any) -> tuple[np.ndarray[Any, np.dtype[np.uint8]], np.ndarray[Any, np.dtype[np.int64]]]:
    """Give pixels (n, channels, height, width) and labels, however the set has them."""
    pixels = np.asarray(dataset.data)
    labels = np.asarray(dataset.targets if hasattr(dataset, "targets") else dataset.labels).astype(np.int64)
    if labels.ndim == 2:  # QMNIST: the class, then who wrote it
        labels = labels[:, 0]
    if pixels.ndim == 3:
        pixels = pixels[:, None]
    elif pixels.shape[3] == 3:
        pixels = np.moveaxis(pixels, 3, 1)
    return pixels, labels
