"""PyTorch's threads, for a while."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

from accelnas import _core

if TYPE_CHECKING:
    from collections.abc import Iterator


def usual_threads() -> int:
    """Give the number of threads of whatever no option says the threads of.

    It is PyTorch's own number, which follows this process's affinity, but no more than one a core that the process may
    use, by the quota of its control group, too. ``OMP_NUM_THREADS``, where set, is not lowered.

    Examples
    --------
    >>> 1 <= usual_threads() <= torch.get_num_threads()
    True
    """
    own = torch.get_num_threads()
    return own if os.environ.get("OMP_NUM_THREADS") else min(own, _core.processors())


@contextmanager
def torch_threads(number: int | None = None) -> Iterator[None]:
    """Let PyTorch use so many threads on this processor (0: one a core; None: as usual), and then as many as before.

    Examples
    --------
    >>> with torch_threads(1):
    ...     torch.get_num_threads()
    1
    """
    before = torch.get_num_threads()
    wanted = usual_threads() if number is None else number or _core.processors()
    if wanted == before:  # telling PyTorch what it does anyway would change how MKL chooses
        yield
        return
    torch.set_num_threads(wanted)
    try:
        yield
    finally:
        torch.set_num_threads(before)
