"""The state of a machine: clocks, load, memory, its allocator, PyTorch's threads."""

from __future__ import annotations

import ctypes
import math
import os
import re
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


_PROCESS = Path("/proc/self")


def clock_mhz(device: str = "cpu") -> float:
    """Give the clock of ``cuda`` or the mean over processors now; NaN where the system doesn't say."""
    if device == "cuda":
        import torch

        # without NVML there is no clock: its bindings are an extra
        with suppress(ModuleNotFoundError, RuntimeError):
            return float(torch.cuda.clock_rate())
        return math.nan
    folder = Path("/sys/devices/system/cpu")
    with suppress(OSError, ValueError):
        kilohertz = [int(file.read_text()) for file in folder.glob("cpu[0-9]*/cpufreq/scaling_cur_freq")]
        if kilohertz:
            return sum(kilohertz) / len(kilohertz) / 1e3
    with suppress(OSError):
        shown = re.findall(r"^cpu MHz\s*: ([\d.]+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
        if shown:
            return sum(map(float, shown)) / len(shown)
    return math.nan


def load() -> float:
    """Give the mean number of processes that wanted processors during the last minute; NaN where unknown."""
    with suppress(OSError, AttributeError):
        return os.getloadavg()[0]
    return math.nan


class ResidentMemory:
    """How much this process's memory has grown at its peak; known on Linux alone.

    Examples
    --------
    >>> memory = ResidentMemory()
    >>> memory.forget_peak()
    >>> memory.grown_mb() < 0  # NaN where unknown
    False
    """

    def __init__(self) -> None:
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).malloc_trim(0)  # memory that was freed would hide what is taken next
        self._before = _status_mb("VmRSS")

    def forget_peak(self) -> None:
        """Let the peak begin anew, now."""
        with suppress(OSError):
            (_PROCESS / "clear_refs").write_text("5")

    def grown_mb(self) -> float:
        """Give the peak less what was there at the start, 10⁶ bytes; NaN where unknown."""
        return max(_status_mb("VmHWM") - self._before, 0.0)


def _status_mb(name: str) -> float:
    with suppress(OSError):
        found = re.search(rf"^{name}:\s*(\d+) kB$", (_PROCESS / "status").read_text(), re.MULTILINE)
        if found:
            return int(found[1]) * 1024 / 1e6
    return math.nan


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
