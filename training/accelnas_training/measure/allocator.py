"""Keep the memory of one pass for the next, as servers' allocators do."""

from __future__ import annotations

import ctypes
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["kept_memory"]

# glibc's names of what mallopt sets
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -2, -3, -4
_MB = 2**20


@contextmanager
def kept_memory() -> Iterator[None]:
    """Let glibc keep what is freed, for a while.

    Otherwise it maps large arrays anew at each pass, and at a batch of 8 the kernel's clearing of their pages takes
    up to three quarters of PyTorch's time. Other allocators and systems are left as they are.

    Examples
    --------
    >>> with kept_memory():
    ...     len(bytearray(50_000_000))
    50000000
    """
    _set({_MMAP_MAX: 0, _TRIM_THRESHOLD: 2**31 - 1, _TOP_PAD: 64 * _MB})
    try:
        yield
    finally:
        # what glibc sets itself once large arrays were freed; its first values can't be had again
        _set({_MMAP_MAX: 65536, _MMAP_THRESHOLD: 32 * _MB, _TRIM_THRESHOLD: 64 * _MB, _TOP_PAD: 0})


def _set(values: dict[int, int]) -> None:
    with suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        for name, value in values.items():
            mallopt(name, value)
