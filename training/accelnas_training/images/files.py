"""Images in files, such as those of folders, decoded one by one."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from accelnas_training.errors import ImagesError
from accelnas_training.images.base import EXTENSIONS, Images, decoded

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray
    from PIL.Image import Image

    from accelnas_training.images.base import LoaderPlan, Part, Samples
    from accelnas_training.images.file_loader import Pools
    from accelnas_training.images.loader import Loader


# of ImageNet's train part, as torchvision and timm have them
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class FileImages(Images):
    """Images in files, of any size: the encoded images of ``train`` and ``validation``.

    Worker processes decode and alter them and live on from epoch to epoch; bytes are sent to the device and normalised
    there, by default by the mean and standard deviation of ImageNet. A label that is none of the classes raises
    ImagesError.
    """

    def __init__(
        self,
        name: str,
        parts: Mapping[Part, Samples],
        *,
        classes: int,
        digest: str,
        channels: int = 3,
        mean: tuple[float, ...] = _MEAN,
        std: tuple[float, ...] = _STD,
    ) -> None:
        for part, samples in parts.items():
            wrong = ((samples.labels < 0) | (samples.labels >= classes)).nonzero()[0]
            if len(wrong):
                where, label = samples.where(int(wrong[0])), samples.labels[wrong[0]]
                raise ImagesError(
                    f"{where}: class {label} of {part} is none of the {classes} of train, 0 to {classes - 1}"
                )
        self.name, self.classes, self.digest = name, classes, digest
        self.channels, self.mean, self.std = channels, mean, std
        self._parts = dict(parts)
        self._pools: Pools = {}

    def size(self, part: Part) -> int:
        """Give the number of images of a part."""
        return len(self._parts[part].labels)

    def image(self, part: Part, index: int) -> tuple[Image, int]:
        """Give one image, and its class; raises ImagesError if it can't be read."""
        samples = self._parts[part]
        return decoded(samples, index, self.channels), int(samples.labels[index])

    def loader(self, part: Part, plan: LoaderPlan) -> Loader:
        """Give the batches of one epoch; raises ImagesError as `Images.loader`."""
        asked = plan.augmentation
        if asked is not None and self.channels == 1 and (asked.policy or asked.color_jitter):
            raise ImagesError(
                f"augmentation.policy is {asked.policy!r} and color_jitter {asked.color_jitter}, which "
                f"grey images can't have; leave them out for {self.name}"
            )
        from accelnas_training.images.file_loader import file_loader  # PyTorch and timm take seconds to import

        return file_loader(self, part, self._parts[part], plan, self._pools)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_pools": {}}  # another process starts workers of its own


_VALIDATION = ("val", "validation")


class FolderSamples:
    """The image files of one part, by number: sorted by class, then by path."""

    def __init__(self, root: str, files: list[bytes], labels: list[int]) -> None:
        self._root = root
        self._files = np.array(files, np.bytes_)  # one block of memory, which worker processes share
        self.labels: NDArray[np.int64] = np.array(labels, np.int64)

    def read(self, index: int) -> bytes:
        """Give one encoded image."""
        return Path(self.where(index)).read_bytes()

    def where(self, index: int) -> str:
        """Give the path of an image."""
        return f"{self._root}/{os.fsdecode(self._files[index])}"


def open_folder(path: str) -> FileImages:
    """Open ``PATH/train/CLASS/*.jpg`` and ``PATH/val/CLASS/*.jpg`` (or ``validation``).

    Classes are numbered in the order of their sorted names. The digest is the SHA-256 of the sorted relative paths and
    sizes of all files, not of their content. Raises ImagesError if there are no such folders or no images in them, or
    validation has a class that train has not.
    """
    root = Path(path)
    train = root / "train"
    validation = next((root / name for name in _VALIDATION if (root / name).is_dir()), root / _VALIDATION[0])
    for folder in (train, validation):
        if not folder.is_dir():
            raise ImagesError(f"{folder} does not exist; put images into {folder}/CLASS/")
    classes = sorted(entry.name for entry in os.scandir(train) if entry.is_dir())
    others = sorted(entry.name for entry in os.scandir(validation) if entry.is_dir())
    unknown = sorted(set(others) - set(classes))
    if unknown:
        raise ImagesError(f"{validation / unknown[0]} is a class that {train} has not; the classes of train count")
    digest = hashlib.sha256(b"accelnas image folder 1\n")
    parts = {}
    for folder in (train, validation):
        files: list[bytes] = []
        labels: list[int] = []
        for label, name in enumerate(classes):
            for file, size in sorted(_images(folder, name)):
                files.append(file)
                labels.append(label)
                digest.update(f"{len(file)} {size} ".encode() + file)
        if not files:
            raise ImagesError(f"{folder} holds no images; put .jpg or .png files into {folder}/CLASS/")
        digest.update(f"\n{len(files)} files\n".encode())
        parts[folder] = FolderSamples(str(folder), files, labels)
    return FileImages(
        f"folder:{path}",
        {"train": parts[train], "validation": parts[validation]},
        classes=len(classes),
        digest=digest.hexdigest(),
    )


def _images(root: Path, name: str) -> Iterator[tuple[bytes, int]]:
    """Give the relative path and size of every image in a folder and those below it."""
    folder = root / name
    if not folder.is_dir():
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            relative = f"{name}/{entry.name}"
            if entry.is_dir():
                yield from _images(root, relative)
            elif entry.name.rpartition(".")[2].lower() in EXTENSIONS:
                yield os.fsencode(relative), entry.stat().st_size
