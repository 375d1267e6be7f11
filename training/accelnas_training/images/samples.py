"""Images that lie encoded in files, one by one at any number."""

from __future__ import annotations

import io
import os
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Protocol

from PIL import Image, UnidentifiedImageError

from accelnas_training.errors import ImagesError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray


EXTENSIONS = frozenset({"bmp", "jpeg", "jpg", "pgm", "png", "ppm", "tif", "tiff", "webp"})

_MOST_OPEN = 256  # files; a process may usually have 1,024


class Samples(Protocol):
    """Encoded images of one part, which every process can read by number.

    Attributes
    ----------
    labels : NDArray
        int64 (n,), from 0.
    """

    labels: NDArray[np.int64]

    def read(self, index: int) -> bytes:
        """Give one encoded image."""

    def where(self, index: int) -> str:
        """Say where an image lies, for messages."""


class OpenFiles:
    """Files that are read at any place; the least used are closed when there are many."""

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


def decoded(samples: Samples, index: int, channels: int) -> Image.Image:
    """Read and decode one image, to red, green and blue or to grey.

    Raises
    ------
    ImagesError
        If it can't be read or decoded; the message says where it lies.
    """
    try:
        with Image.open(io.BytesIO(samples.read(index))) as image:
            return image.convert("RGB" if channels == 3 else "L")
    except Exception as error:  # decoders raise whatever a damaged file leads them to
        reason = "no image" if isinstance(error, UnidentifiedImageError) else str(error)
        raise ImagesError(f"{samples.where(index)} can't be read: {reason}; replace or remove it") from error
