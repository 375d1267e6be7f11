"""Train one network: choose devices, resume, loop over epochs, leave evidence."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from accelnas_training.errors import TrainingError, TrainingFailure
from accelnas_training.train.failures import is_out_of_memory
from accelnas_training.train.loop import Task, run
from accelnas_training.train.places import Place, check_device, joined, under_torchrun
from accelnas_training.train.processes import train_in_processes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from accelnas_training.images import Images
    from accelnas_training.schemes import Scheme
    from accelnas_training.train.result import EpochRow, TrainingResult

__all__ = ["train", "train_at"]


def train(
    network: nn.Module,
    images: Images,
    scheme: Scheme,
    *,
    seed: int = 0,
    device: str = "cpu",
    folder: str | Path | None = None,
    resume: bool = True,
    workers: int = 0,
    validate_every: int = 1,
    labels: Mapping[str, str] | None = None,
    report: Callable[[EpochRow], None] | None = None,
) -> TrainingResult:
    """Train a network by a scheme.

    Parameters
    ----------
    network
        Takes float32 (b, channels, r, r), gives (b, classes). Trained in place: afterwards it holds the weights that
        were validated last.
    images, scheme
        What to train on, and how.
    seed
        Of the order of images, their augmentation and dropout; the network comes with its own first weights
        (`train_architecture` seeds those too).
    device
        ``cpu``, ``cuda``, ``cuda:1``, ``mps``, or several: ``cuda:0,cuda:1`` trains in one process for each. Under
        torchrun, this process's kind of device.
    folder
        Where to leave evidence and checkpoints; None leaves none.
    resume
        Go on from the folder's checkpoint, or give its result at once; otherwise begin again.
    workers
        Processes that load images, for each device.
    validate_every
        Validate after every so many epochs; the last is always validated.
    labels
        More that the folder's training must agree in, such as the architecture.
    report
        Told each epoch's row; what it raises ends the training, which can be resumed.

    Returns
    -------
    TrainingResult
        On one CPU and release of PyTorch the same, bit for bit, however often it was interrupted; times apart.

    Raises
    ------
    TrainingFailure
        If the training diverged or ran out of memory.
    TrainingError
        If the folder holds another training, its checkpoint is damaged, or a device is not there.
    """
    if validate_every < 1:
        raise TrainingError(f"validate_every is {validate_every}; choose at least 1")
    path = None if folder is None else Path(folder)
    task = Task(images, scheme, seed, path, resume, workers, validate_every, dict(labels or {}))
    devices = device.split(",")
    if len(devices) > 1:
        for name in devices:
            check_device(name)
        return train_in_processes(network, task, devices, report)
    if under_torchrun():
        with joined(device) as place:
            return train_at(network, task, place, report)
    return train_at(network, task, Place(check_device(device)), report)


def train_at(network: nn.Module, task: Task, place: Place, report: Callable[[EpochRow], None] | None) -> TrainingResult:
    """Train in this process, alone or as one of several; parameters and errors as of `train`."""
    evidence = task.evidence(network)
    if evidence is not None:
        if task.resume:
            evidence.check()
            result = evidence.result()
            if result is not None:
                _load_weights(network, evidence.checkpoint())
                return result
        else:
            if place.first:
                evidence.forget()
            place.sums(0.0)  # the others look after that
    failure = None
    try:
        with _own_state(place):
            return run(network, task, place, evidence, report)
    except TrainingFailure as known:
        failure = known
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        size = task.scheme.batch_size // place.processes
        failure = TrainingFailure(
            "out of memory",
            f"{place.device} has not enough memory for {size} images a batch; raise accumulation or use more devices",
        )
    # outside the handlers, so that no traceback holds on to the memory
    network.zero_grad()
    network.to("cpu")
    gc.collect()
    if place.device.type == "cuda":
        torch.cuda.empty_cache()
    if evidence is not None:
        evidence.fail(failure)
    raise failure.with_traceback(None)


@contextmanager
def _own_state(place: Place) -> Iterator[None]:
    """Keep PyTorch's random numbers and settings from the caller's, and give those back."""
    cuda = place.device.type == "cuda"
    before = torch.backends.cudnn.benchmark
    if cuda:
        torch.cuda.reset_peak_memory_stats(place.device)
    torch.backends.cudnn.benchmark = cuda  # each resolution's fastest algorithms
    try:
        with torch.random.fork_rng(devices=[place.device] if cuda else []):
            yield
    finally:
        torch.backends.cudnn.benchmark = before


def _load_weights(network: nn.Module, checkpoint: Mapping[str, Any] | None) -> None:
    """Load what was validated last, if the checkpoint was not deleted meanwhile."""
    if checkpoint is not None:
        network.load_state_dict(checkpoint["learner"]["average"] or checkpoint["learner"]["network"])
