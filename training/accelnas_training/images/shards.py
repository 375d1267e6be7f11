"""Tar shards of the WebDataset format, read at any place, and their indices on disk."""

from __future__ import annotations

import os
import re
import tarfile
import zlib
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from accelnas.files import replacing
from accelnas_training.errors import ImagesError
from accelnas_training.images.base import EXTENSIONS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray


_BLOCK = 512  # tar's unit
_MOST_OPEN = 256  # files; a process may usually have 1,024


@dataclass(frozen=True, eq=False)
class ShardIndex:
    """Where the images of some shards lie, in their order."""

    shards: NDArray[np.int32]  # int32 (n,): number of each image's shard
    # int64 (n,): where its bytes begin, and how many they are
    offsets: NDArray[np.int64]
    sizes: NDArray[np.int64]
    labels: NDArray[np.int64]  # int64 (n,)
    checksums: NDArray[np.uint32] | None = None  # CRC-32 of each image's bytes, where it is known

    @classmethod
    def joined(cls, indices: list[ShardIndex]) -> ShardIndex:
        """Join the indices of single shards, which are numbered in their order."""
        numbered = [replace(index, shards=index.shards + np.int32(number)) for number, index in enumerate(indices)]
        tensors = [_tensors(index) for index in numbered]
        return cls(**{name: np.concatenate([own[name] for own in tensors]) for name in tensors[0]})


class OpenFiles:
    """Files that are read at any place; the least used are closed when there are many.

    A network file system is asked for a shard's name once, not once an image.
    """

    def __init__(self, paths: Sequence[str]) -> None:
        self.paths = paths
        self._open: OrderedDict[int, int] = OrderedDict()

    def read(self, number: int, offset: int, size: int) -> bytes:
        """Give `size` bytes of a file, or fewer where it ends."""
        if number in self._open:
            self._open.move_to_end(number)
        else:
            if len(self._open) == _MOST_OPEN:
                os.close(self._open.popitem(last=False)[1])
            self._open[number] = os.open(self.paths[number], os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        return os.pread(self._open[number], size, offset)

    def __del__(self) -> None:
        for descriptor in self._open.values():
            os.close(descriptor)

    def __reduce__(self) -> tuple[Any, ...]:
        return OpenFiles, (self.paths,)  # another process opens them itself


class ShardSamples:
    """The images of tar shards, by number; checked against the index's checksums, if it has any."""

    def __init__(self, paths: list[Path], index: ShardIndex) -> None:
        self.labels = index.labels
        self._files = OpenFiles([str(path) for path in paths])
        self._index = index

    def read(self, index: int) -> bytes:
        """Give one encoded image; raises ValueError if its bytes are not those that were written."""
        data = self._data(index, int(self._index.offsets[index]), int(self._index.sizes[index]))
        checksums = self._index.checksums
        if checksums is not None and zlib.crc32(data) != checksums[index]:
            raise ValueError("its bytes have changed since they were written")
        return data

    def where(self, index: int) -> str:
        """Say in which shard an image lies, and under which name."""
        shard = self._files.paths[self._index.shards[index]]
        header = self._data(index, int(self._index.offsets[index]) - _BLOCK, _BLOCK)
        name = header[:100].partition(b"\0")[0].decode(errors="replace")  # where tar has it
        return f"{name!r} of {shard}"

    def _data(self, index: int, offset: int, size: int) -> bytes:
        return self._files.read(int(self._index.shards[index]), offset, size)


def index_shard(path: Path) -> ShardIndex:
    """Read a shard's headers, and its labels.

    As in the WebDataset format, files that follow each other with the same name up to the first dot are one sample.
    Each must have one image and, in a file that ends in ``.cls``, its class as a number. Raises ImagesError if one
    lacks either, or the shard is cut off or no tar file.
    """
    offsets, sizes, labels = [], [], []
    for key, fields in _samples(path):
        images = [field for field in fields if field.rpartition(".")[2] in EXTENSIONS]
        if len(images) != 1 or "cls" not in fields:
            found = ", ".join(fields)
            raise ImagesError(f"sample {key!r} of {path} has the files {found}; it needs one image and one .cls")
        offset, size = fields[images[0]]
        offsets.append(offset)
        sizes.append(size)
        labels.append(_label(path, key, *fields["cls"]))
    return ShardIndex(
        np.zeros(len(labels), np.int32),
        np.array(offsets, np.int64),
        np.array(sizes, np.int64),
        np.array(labels, np.int64),
    )


def _samples(path: Path) -> Iterator[tuple[str, dict[str, tuple[int, int]]]]:
    """Give each sample's key and fields: offset and size of each, by extension."""
    key: str | None = None
    fields: dict[str, tuple[int, int]] = {}
    for name, offset, size in _files(path):
        parts = re.fullmatch(r"((?:.*/)?[^./]+)\.([^/]+)", name)
        if parts is None or name.startswith("__"):  # WebDataset leaves these out too
            continue
        if parts[1] != key:
            if key is not None:
                yield key, fields
            key, fields = parts[1], {}
        fields[parts[2].lower()] = offset, size
    if key is not None:
        yield key, fields


def _files(path: Path) -> Iterator[tuple[str, int, int]]:
    """Give the name, offset and size of every file of an archive that is whole."""
    end = 0
    try:
        with tarfile.open(path, "r:") as archive:
            for member in archive:
                end = member.offset_data + -(-member.size // _BLOCK) * _BLOCK
                if member.isreg():
                    yield member.name, member.offset_data, member.size
    except FileNotFoundError:
        raise ImagesError(f"{path} does not exist; correct the pattern, or fetch the shard") from None
    except (tarfile.TarError, EOFError, OSError) as error:
        raise ImagesError(f"{path} is no whole tar file: {error}; fetch it again") from error
    if OpenFiles([str(path)]).read(0, end, _BLOCK) != bytes(
        _BLOCK
    ):  # the mark of the end; tarfile stops quietly at others too
        raise ImagesError(f"{path} is damaged or cut off at byte {end}; fetch it again")


def _label(path: Path, key: str, offset: int, size: int) -> int:
    text = OpenFiles([str(path)]).read(0, offset, min(size, 32))
    if re.fullmatch(rb"\s*[0-9]{1,9}\s*", text) is None:
        raise ImagesError(f"sample {key!r} of {path} has class {text!r}; expected a number from 0")
    return int(text)


_TYPES = {"shards": np.int32, "offsets": np.int64, "sizes": np.int64, "labels": np.int64}


def _tensors(index: ShardIndex) -> dict[str, NDArray[Any]]:
    return {name: value for name, value in vars(index).items() if value is not None}


def write_index(path: Path, index: ShardIndex, about: str) -> None:
    """Write an index: a safetensors file with one tensor an attribute, and the shards it is of in its metadata."""
    with replacing(path) as temporary:
        save_file(_tensors(index), temporary, {"shards": about})


def read_index(path: Path, about: str) -> ShardIndex:
    """Read an index; raises ImagesError if it is damaged, or of other shards."""
    try:
        with safe_open(path, "numpy") as file:
            if (file.metadata() or {}).get("shards") != about:
                raise ImagesError(f"{path} is the index of other shards; delete it to have it made again")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    except (SafetensorError, OSError) as error:
        raise ImagesError(f"{path} is no whole index: {error}; delete it to have it made again") from error
    types = {name: tensor.dtype for name, tensor in tensors.items()}
    shapes = {tensor.shape for tensor in tensors.values()}
    if types not in (_TYPES, _TYPES | {"checksums": np.uint32}) or len(shapes) != 1 or len(*shapes) != 1:
        raise ImagesError(f"{path} holds {types}, not an index; delete it to have it made again")
    return ShardIndex(**tensors)
