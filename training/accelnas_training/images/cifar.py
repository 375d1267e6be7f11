"""CIFAR-10 and CIFAR-100 from their binary files; the Python version of both is pickles, which are never loaded."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from accelnas_training.errors import ImagesError
from accelnas_training.images.memory import MemoryImages

__all__ = ["open_cifar"]

_PIXELS = 3 * 32 * 32
# for each version its files for training and validation, the bytes of labels in a record, the label's byte, classes
_CIFAR10 = ([f"data_batch_{i}.bin" for i in range(1, 6)], ["test_batch.bin"], 1, 0, 10)
_CIFAR100 = (["train.bin"], ["test.bin"], 2, 1, 100)


def open_cifar(path: str) -> MemoryImages:
    """Open the folder of CIFAR's binary version: ``cifar-10-batches-bin`` or ``cifar-100-binary``.

    Raises
    ------
    ImagesError
        If a file is not there, or not what it should be.
    """
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
