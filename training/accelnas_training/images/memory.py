"""Small sets, held in memory as one tensor a part: scikit-learn's digits, CIFAR, torchvision's."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image

from accelnas_training.errors import ImagesError
from accelnas_training.images.base import Images
from accelnas_training.images.loader import Loader
from accelnas_training.images.streams import AUGMENTATION, ORDER, bits, uniforms
from accelnas_training.images.tensors import CROP_DRAWS, random_crops, resized

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from torch import Tensor

    from accelnas_training.arrays import Archs
    from accelnas_training.images.base import LoaderPlan, Part


class MemoryImages(Images):
    """Images in memory, of one size.

    They are cropped, mirrored and resized by tensor operations on the device, so that loading costs a few percent
    of a training step on one core. Validation resizes whole images, without a crop. Normalised by the train part's
    own mean and standard deviation.

    Parameters
    ----------
    name
        The source.
    train, validation
        Images, uint8 (n, channels, height, width), and labels, int64 (n,), from 0; every label up to the largest
        counts as a class.

    Attributes
    ----------
    digest : str
        SHA-256 of both parts' shapes, pixels and labels.

    Raises
    ------
    ImagesError
        If a part is empty.

    Examples
    --------
    >>> from accelnas_training.images import LoaderPlan, open_images
    >>> digits = open_images("digits")
    >>> batch, labels = next(iter(digits.loader("validation", LoaderPlan(64, 32, None, seed=0, epoch=0))))
    >>> batch.shape, labels.shape
    (torch.Size([64, 1, 32, 32]), torch.Size([64]))
    """

    def __init__(
        self,
        name: str,
        train: tuple[Archs, NDArray[np.int64]],
        validation: tuple[Archs, NDArray[np.int64]],
    ) -> None:
        digest = hashlib.sha256(b"accelnas images 1\n")
        self._parts: dict[str, tuple[Tensor, Tensor]] = {}
        for part, (pixels, labels) in (("train", train), ("validation", validation)):
            if not len(labels):
                raise ImagesError(f"{name} has no images to {part}; choose another share")
            digest.update(f"{part} {pixels.shape}\n".encode())
            digest.update(np.ascontiguousarray(pixels).tobytes() + labels.astype("<i8").tobytes())
            self._parts[part] = torch.from_numpy(np.ascontiguousarray(pixels)), torch.from_numpy(labels)
        self.name = name
        self.classes = int(train[1].max()) + 1
        self.channels = train[0].shape[1]
        self.digest = digest.hexdigest()
        # sums of bytes are whole numbers: the same whatever the order
        share = train[0].size // self.channels * 255
        sums = train[0].sum(axis=(0, 2, 3), dtype=np.int64)
        squares = (train[0].astype(np.int64) ** 2).sum(axis=(0, 2, 3))
        mean = sums / share
        self.mean = tuple(mean.tolist())
        self.std = tuple(np.sqrt(squares / (share * 255) - mean**2).tolist())

    def size(self, part: Part) -> int:
        """Give the number of images of a part."""
        return len(self._parts[part][1])

    def image(self, part: Part, index: int) -> tuple[Image.Image, int]:
        """Give one image, and its class."""
        pixels, labels = self._parts[part]
        array = pixels[index].permute(1, 2, 0).numpy()
        return Image.fromarray(array if self.channels == 3 else array[:, :, 0]), int(labels[index])

    def loader(self, part: Part, plan: LoaderPlan) -> Loader:
        """Give the batches of one epoch; raises ImagesError as `Images.loader`."""
        asked = plan.augmentation
        if asked is not None and (asked.policy or asked.color_jitter):
            raise ImagesError(
                f"augmentation.policy is {asked.policy!r} and color_jitter {asked.color_jitter}, which "
                f"{self.name} in memory can't have; leave them out, or write it to files: accelnas-training cache"
            )
        pixels, labels = self._on(part, plan.device)

        def read(batches: list[NDArray[np.int64]]) -> Iterator[Tensor]:
            for rows in batches:
                yield _altered(pixels[torch.from_numpy(rows).to(pixels.device)], rows, plan)

        return Loader(self, plan, labels, read)

    def _on(self, part: Part, device: str) -> tuple[Tensor, Tensor]:
        if device == "cpu":
            return self._parts[part]
        there = f"{part} on {device}"
        if there not in self._parts:  # moved once, then read there
            pixels, labels = self._parts[part]
            self._parts[there] = pixels.to(device), labels.to(device)
        return self._parts[there]


def _altered(pixels: Tensor, rows: NDArray[np.int64], plan: LoaderPlan) -> Tensor:
    """Crop, mirror and resize images of these numbers as the plan says."""
    height, width = pixels.shape[2:]
    if plan.augmentation is None:
        boxes = np.broadcast_to(np.array((0, 0, height, width)), (len(rows), 4))
        mirrored = cubic = np.zeros(len(rows), bool)
    else:
        draws = uniforms(AUGMENTATION, plan.seed, plan.epoch, rows, CROP_DRAWS + 2)
        asked = plan.augmentation
        boxes = random_crops(draws[:, :CROP_DRAWS], height, width, asked.scale, asked.ratio)
        mirrored = draws[:, -2] < asked.flip
        cubic = draws[:, -1] < {"bilinear": 0.0, "bicubic": 1.0, "random": 0.5}[asked.interpolation]
    cut, flipped, smooth = (torch.tensor(values, device=pixels.device) for values in (boxes, mirrored, cubic))
    return resized(pixels, cut, flipped, smooth, plan.resolution)


_TRAIN_SHARE = 0.8


def open_digits(share: str = "") -> MemoryImages:
    """Open scikit-learn's 1,797 handwritten digits, grey, 8 × 8 pixels.

    `share` is the part of each class to train on, between 0 and 1, else ImagesError; empty: 0.8. The rest is for
    validation. A smaller train part lies in every larger one, and makes architectures differ more.

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


_PIXELS = 3 * 32 * 32

# for each version its files for training and validation, the bytes of labels in a record, the label's byte, classes
_CIFAR10 = ([f"data_batch_{i}.bin" for i in range(1, 6)], ["test_batch.bin"], 1, 0, 10)

_CIFAR100 = (["train.bin"], ["test.bin"], 2, 1, 100)


def open_cifar(path: str) -> MemoryImages:
    """Open CIFAR's binary version, ``cifar-10-batches-bin`` or ``cifar-100-binary``; raises ImagesError for others."""
    folder = Path(path)
    versions = [version for version in (_CIFAR10, _CIFAR100) if (folder / version[0][0]).is_file()]
    if not versions:
        raise ImagesError(
            f"cifar:{path}: no data_batch_1.bin or train.bin there; unpack the binary version of CIFAR-10 or CIFAR-100"
        )
    train, validation, label_bytes, label, classes = versions[0]
    parts = [_read(folder, names, label_bytes, label, classes) for names in (train, validation)]
    return MemoryImages(f"cifar:{path}", *parts)


def _read(
    folder: Path, names: list[str], label_bytes: int, label: int, classes: int
) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.uint8]], np.ndarray[tuple[int, ...], np.dtype[np.int64]]]:
    """Give pixels (n, 3, 32, 32) and labels of some files."""
    size, records = label_bytes + _PIXELS, []
    for name in names:
        file = folder / name
        try:
            content = np.fromfile(file, np.uint8)
        except OSError as error:
            raise ImagesError(f"{file}: {error.strerror}; unpack the archive again") from error
        if content.size == 0 or content.size % size:
            raise ImagesError(f"{file} has {content.size} bytes, no multiple of {size}; unpack the archive again")
        records.append(content.reshape(-1, size))
    rows = np.concatenate(records)
    labels = rows[:, label].astype(np.int64)
    if labels.max() >= classes:
        raise ImagesError(f"{folder}: a label is {labels.max()} of {classes} classes; unpack the archive again")
    return rows[:, label_bytes:].reshape(-1, 3, 32, 32), labels


# how each class names its parts: by `train`, or by `split`
_BY_TRAIN = ("FashionMNIST", "KMNIST", "MNIST", "QMNIST", "USPS")

_BY_SPLIT = ("STL10", "SVHN")


def open_torchvision(name_and_path: str) -> MemoryImages:
    """Open a set of small images that torchvision has downloaded; nothing is downloaded here.

    Such as ``FashionMNIST:/data``: the class in torchvision, and the folder it downloaded to. Its test part is for
    validation. Raises ImagesError if there is no such set, or not in that folder.
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
