"""What ends a training without a result: a loss that is not finite, memory that runs out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from accelnas_training.errors import TrainingFailure

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["LossWatch", "check_finite", "diverged", "is_out_of_memory"]

_SIGNS = ("out of memory", "can't allocate memory", "not enough memory", "cannot allocate memory")


class LossWatch:
    """Looks at a sum of losses now and then, without waiting for the device.

    Each look reads the value that the look before asked for, which has come meanwhile.
    """

    _INTERVAL = 100  # steps

    def __init__(self, device: torch.device) -> None:
        self._seen = torch.zeros((), pin_memory=device.type == "cuda")

    def look(self, total: torch.Tensor, step: int, epoch: int) -> None:
        """Note the sum of losses after a step.

        Raises
        ------
        TrainingFailure
            If it was not finite at the look before.
        """
        if step % self._INTERVAL == 0:
            if not math.isfinite(self._seen.item()):
                raise diverged(epoch)
            self._seen.copy_(total, non_blocking=True)


def check_finite(tensors: Iterable[torch.Tensor], epoch: int) -> None:
    """Check weights and statistics once an epoch; waits for the device.

    Raises
    ------
    TrainingFailure
        If a value is not finite.
    """
    finite = [torch.isfinite(tensor).all() for tensor in tensors if tensor.is_floating_point()]
    if finite and not torch.stack(finite).all():
        raise diverged(epoch)


def diverged(epoch: int) -> TrainingFailure:
    """Give the failure of a training whose numbers are not finite any more."""
    return TrainingFailure("diverged", f"loss or weights are not finite in epoch {epoch}; lower the learning rate")


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error, from whatever device, means that memory ran out."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error).lower() for sign in _SIGNS)
