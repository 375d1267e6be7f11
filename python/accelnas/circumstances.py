"""Where a result was made: machine and library versions."""

from __future__ import annotations

import platform
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from accelnas import __version__, _core

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["machine", "processor", "versions"]

LINUX_PROCESSOR = Path("/proc/cpuinfo")


def machine() -> str:
    """Describe this machine by cores, processor, system and Python.

    Examples
    --------
    >>> " cores of " in machine() and "Python 3." in machine()
    True
    """
    cores = f"{_core.processors()} cores of {processor()}"
    return f"{cores}, {platform.system()} {platform.machine()}, Python {platform.python_version()}"


def processor() -> str:
    """Name the processor."""
    if LINUX_PROCESSOR.is_file():
        for line in LINUX_PROCESSOR.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "an unknown processor"


def versions(libraries: Iterable[str]) -> dict[str, str]:
    """Give the versions of accelnas and of the libraries, by name.

    Examples
    --------
    >>> list(versions(["numpy"]))
    ['accelnas', 'numpy']
    """
    return {"accelnas": __version__, **{name: version(name) for name in libraries}}
