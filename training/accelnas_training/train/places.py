"""Where a training runs: devices, and the processes that share it."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import distributed

from accelnas_training.errors import TrainingError

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Place:
    """One process of a training, and its device."""

    device: torch.device  # where it computes
    # its number among the processes that train together, and how many they are
    rank: int = 0
    processes: int = 1
    local_rank: int = 0  # its number on this machine

    @property
    def first(self) -> bool:
        """Whether this process writes and reports."""
        return self.rank == 0

    @property
    def summing(self) -> torch.dtype:
        """The longest numbers that the device can add."""
        return torch.float32 if self.device.type == "mps" else torch.float64

    def sums(self, *values: torch.Tensor | float) -> list[float]:
        """Add up each value over all processes; waits for the device, once."""
        total = torch.stack([torch.as_tensor(each, device=self.device).to(self.summing) for each in values])
        if self.processes > 1:
            distributed.all_reduce(total)
        numbers: list[float] = total.tolist()
        return numbers

    def wait(self) -> None:
        """Wait for the device to finish what it was given."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        elif self.device.type == "mps":
            torch.mps.synchronize()


def check_device(name: str) -> torch.device:
    """Give a device of this machine; raises TrainingError if there is none of that name."""
    try:
        device = torch.device(name)
    except RuntimeError:
        raise TrainingError(f"no kind of device {name!r}; choose cpu, cuda, cuda:1, mps, or several: cpu,cpu") from None
    there = ["cpu", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]
    if torch.backends.mps.is_available():
        there.append("mps")
    if f"{device.type}:{device.index or 0}" not in there and device.type not in there:
        raise TrainingError(f"device {name} is not there; this machine has {', '.join(there)}")
    if device.type == "cuda":
        return torch.device("cuda", device.index or 0)
    return torch.device(device.type)


def under_torchrun() -> bool:
    """Tell whether torchrun, or what sets its variables, started this process among others."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1 and "RANK" in os.environ


def is_first_process() -> bool:
    """Tell whether this process speaks for those that torchrun started."""
    return not under_torchrun() or os.environ["RANK"] == "0"


@contextmanager
def joined(device: str, rendezvous: str = "env://", rank: int = -1, processes: int = -1) -> Iterator[Place]:
    """Join the processes of a training, and leave them at the end.

    Under torchrun the kind of this process's device suffices; TrainingError if it is not there. They meet where
    `rendezvous` says, as PyTorch's ``init_process_group`` has it. This process's number and how many they are may be
    -1: as torchrun says.
    """
    local_rank = rank if rank >= 0 else int(os.environ.get("LOCAL_RANK", "0"))
    own = f"cuda:{local_rank}" if device == "cuda" else device
    place = check_device(own)
    member = distributed.is_initialized()  # then it is the caller's, to leave as well
    if not member:
        backend = "nccl" if place.type == "cuda" else "gloo"
        if place.type == "cuda":
            torch.cuda.set_device(place)
        distributed.init_process_group(backend, init_method=rendezvous, rank=rank, world_size=processes)
    try:
        yield Place(place, distributed.get_rank(), distributed.get_world_size(), local_rank)
    finally:
        if not member:
            distributed.destroy_process_group()
