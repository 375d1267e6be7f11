"""PyTorch's threads, for a while."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

from accelnas import _core

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def torch_threads(number: int) -> Iterator[None]:
    """Let PyTorch use so many threads on this processor (0: one a core), and then as many as before.

    Examples
    --------
    >>> with torch_threads(1):
    ...     torch.get_num_threads()
    1
    """
    before = torch.get_num_threads()
    torch.set_num_threads(number or _core.processors())
    try:
        yield
    finally:
        torch.set_num_threads(before)
