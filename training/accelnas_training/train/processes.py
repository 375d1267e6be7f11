"""A training in several processes of this machine, one for each device."""

from __future__ import annotations

import copy
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import multiprocessing, nn
from torch.multiprocessing.spawn import start_processes

from accelnas.errors import AccelnasError
from accelnas_training.errors import TrainingError, TrainingFailure
from accelnas_training.train.places import joined
from accelnas_training.train.result import EpochRow, TrainingResult

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from accelnas_training.train.loop import Task

__all__ = ["train_in_processes"]


def train_in_processes(
    network: nn.Module, task: Task, devices: Sequence[str], report: Callable[[EpochRow], None] | None
) -> TrainingResult:
    """Train in a process for each device; the network, on the CPU, gets the weights.

    Raises
    ------
    TrainingFailure, TrainingError
        As `train`, from whichever process fails first; the others end.
    """
    network.to("cpu")
    messages = multiprocessing.get_context("spawn").SimpleQueue()
    with tempfile.TemporaryDirectory() as folder:
        rendezvous = (Path(folder) / "rendezvous").absolute().as_uri()
        context = start_processes(  # type: ignore[no-untyped-call]
            _member, (network, task, devices, rendezvous, messages), len(devices), join=False, start_method="spawn"
        )
        result = None
        try:
            running = True
            while running:
                try:
                    running = not context.join(timeout=0.2)
                finally:  # a member that fails says why before it ends
                    while not messages.empty():
                        result = _received(messages.get(), report) or result
        finally:
            for process in context.processes:
                process.terminate()
                process.join()
    if result is None:
        raise TrainingError(f"the processes on {', '.join(devices)} ended without a result; see their output")
    return result


def _received(message: dict[str, Any], report: Callable[[EpochRow], None] | None) -> TrainingResult | None:
    if "failure" in message:
        raise TrainingFailure(message["failure"], message["text"])
    if "error" in message:
        raise TrainingError(message["error"])
    if "row" in message:
        if report is not None:
            report(EpochRow(**message["row"]))
        return None
    return TrainingResult.from_dict(message["result"])


def _member(rank: int, network: nn.Module, task: Task, devices: Sequence[str], rendezvous: str, messages: Any) -> None:
    """Be one of the processes."""
    from accelnas_training.train.run import train_at

    torch.set_num_threads(max(1, torch.get_num_threads() // len(devices)))
    try:
        own = copy.deepcopy(network)  # what came shares its memory with all processes
        with joined(devices[rank], rendezvous, rank, len(devices)) as place:
            result = train_at(own, task, place, lambda row: messages.put({"row": asdict(row)}))
            if place.first:
                network.load_state_dict(own.state_dict())
                messages.put({"result": result.to_dict()})
    except TrainingFailure as failure:
        messages.put({"failure": failure.kind, "text": str(failure)})
        raise
    except AccelnasError as error:
        messages.put({"error": str(error)})
        raise
