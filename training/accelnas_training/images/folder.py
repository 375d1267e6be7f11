"""Images in folders, one for each class, as ImageNet lies."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from accelnas_training.errors import ImagesError
from accelnas_training.images.files import FileImages
from accelnas_training.images.samples import EXTENSIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["FolderSamples", "open_folder"]

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

    Classes are numbered in the order of their sorted names. The digest is the SHA-256 of the sorted relative paths
    and sizes of all files, not of their content.

    Raises
    ------
    ImagesError
        If there are no such folders or no images in them, or validation has a class that train has not.
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
