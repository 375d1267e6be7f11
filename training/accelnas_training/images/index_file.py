"""Indices of shards on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from accelnas.files import replacing
from accelnas_training.errors import ImagesError
from accelnas_training.images.shards import ShardIndex

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["read_index", "write_index"]

_TYPES = {"shards": np.int32, "offsets": np.int64, "sizes": np.int64, "labels": np.int64}


def write_index(path: Path, index: ShardIndex, about: str, checksums: NDArray[np.uint32] | None = None) -> None:
    """Write an index: a safetensors file with one tensor an attribute, and the shards it is of in its metadata."""
    tensors: dict[str, NDArray[np.generic]] = {name: getattr(index, name) for name in _TYPES}
    if checksums is not None:
        tensors["checksums"] = checksums
    with replacing(path) as temporary:
        save_file(tensors, temporary, {"shards": about})


def read_index(path: Path, about: str) -> tuple[ShardIndex, NDArray[np.uint32] | None]:
    """Read an index, and the checksums if it has them.

    Raises
    ------
    ImagesError
        If it is damaged, or of other shards.
    """
    try:
        with safe_open(path, "numpy") as file:
            if (file.metadata() or {}).get("shards") != about:
                raise ImagesError(f"{path} is the index of other shards; delete it to have it made again")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    except (SafetensorError, OSError) as error:
        raise ImagesError(f"{path} is no whole index: {error}; delete it to have it made again") from error
    checksums = tensors.pop("checksums", None)
    types = {name: tensor.dtype for name, tensor in tensors.items()}
    shapes = {tensor.shape for tensor in (*tensors.values(), *([] if checksums is None else [checksums]))}
    if types != _TYPES or len(shapes) != 1 or len(*shapes) != 1:
        raise ImagesError(f"{path} holds {types}, not an index; delete it to have it made again")
    return ShardIndex(**tensors), checksums
