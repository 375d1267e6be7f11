"""Train one network, or an architecture of a family, here or in a process for each device."""

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
from accelnas_training.threads import usual_threads
from accelnas_training.train.checkpoint import read_weights
from accelnas_training.train.evidence import EpochRow, TrainingResult
from accelnas_training.train.loop import TrainingPlan, train_at
from accelnas_training.train.places import Place, check_device, joined, under_torchrun

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from accelnas_training.arrays import Archs
    from accelnas_training.images import Images
    from accelnas_training.networks import NetworkFamily
    from accelnas_training.schemes import Scheme


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
    task = TrainingPlan(images, scheme, seed, path, resume, workers, validate_every, dict(labels or {}))
    devices = device.split(",")
    if len(devices) > 1:
        for name in devices:
            check_device(name)
        return train_in_processes(network, task, devices, report)
    if under_torchrun():
        with joined(device) as place:
            return train_at(network, task, place, report)
    return train_at(network, task, Place(check_device(device)), report)


def train_architecture(
    family: NetworkFamily,
    architecture: Archs,
    images: Images,
    scheme: Scheme,
    *,
    seed: int = 0,
    **settings: Any,
) -> TrainingResult:
    """Build an architecture's network for these images, with weights drawn from the seed, and train it.

    Parameters
    ----------
    family
        Builds the network; classes and channels are those of the images.
    architecture
        Choice indices, uint8 (variables,).
    images, scheme, seed
        As for `train`; the seed draws the first weights too, so that it names the whole training.
    **settings
        ``start``, a file of first weights in place of drawn ones, as `accelnas_training.train.checkpoint.write_weights`
        writes it, and further arguments of `train`: ``device``, ``folder``, ``resume``, ``workers``,
        ``validate_every``, ``report``.

    Raises
    ------
    TrainingFailure, TrainingError
        As `train`.
    """
    return trained_network(family, architecture, images, scheme, seed=seed, **settings)[1]


def trained_network(
    family: NetworkFamily,
    architecture: Archs,
    images: Images,
    scheme: Scheme,
    *,
    seed: int = 0,
    start: Path | None = None,
    **settings: Any,
) -> tuple[nn.Module, TrainingResult]:
    """Train as `train_architecture`, and give the network with the weights that were validated last, too.

    With the folder of a training that is done, nothing is trained.
    """
    fitting = family.with_options(num_classes=images.classes, in_channels=images.channels)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = fitting.build(architecture)
    labels = {"family": fitting.digest, "architecture": family.space.format(architecture[None])[0]}
    if start is not None:
        labels["start"] = read_weights(start, network)
    return network, train(network, images, scheme, seed=seed, labels=labels, **settings)


def train_in_processes(
    network: nn.Module, task: TrainingPlan, devices: Sequence[str], report: Callable[[EpochRow], None] | None
) -> TrainingResult:
    """Train in a process for each device; the network, on the CPU, gets the weights.

    Raises as `train`, from whichever process fails first; the others end.
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


def _member(
    rank: int, network: nn.Module, task: TrainingPlan, devices: Sequence[str], rendezvous: str, messages: Any
) -> None:
    """Be one of the processes."""
    torch.set_num_threads(max(1, usual_threads() // len(devices)))
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
