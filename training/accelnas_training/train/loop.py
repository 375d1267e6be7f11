"""The loop over epochs, in one process of a training."""

from __future__ import annotations

import gc
import hashlib
import math
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from accelnas_training.energy import Meter
from accelnas_training.errors import TrainingError, TrainingFailure
from accelnas_training.images import Images, LoaderPlan, Part
from accelnas_training.provenance import environment
from accelnas_training.threads import torch_threads
from accelnas_training.train.epoch import (
    TrainedEpoch,
    ValidatedEpoch,
    is_out_of_memory,
    peak_memory,
    train_epoch,
    validate_epoch,
)
from accelnas_training.train.evidence import EpochRow, Evidence, TrainingResult, Validation
from accelnas_training.train.learner import Learner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from accelnas_training.images.base import Batches
    from accelnas_training.schemes import Scheme
    from accelnas_training.train.places import Place


@dataclass(frozen=True)
class TrainingPlan:
    """What is to be trained, and how; `train` explains each."""

    images: Images
    scheme: Scheme
    seed: int = 0
    folder: Path | None = None
    resume: bool = True
    workers: int = 0
    validate_every: int = 1
    labels: Mapping[str, str] = field(default_factory=dict)
    learner: Callable[[nn.Module, Scheme, Place, int], Learner] = Learner  # how a batch becomes gradients

    def evidence(self, network: nn.Module) -> Evidence | None:
        """Give the folder, if there is one."""
        if self.folder is None:
            return None
        identity = {
            "scheme": self.scheme.whole.digest,
            "seed": self.seed,
            "images": self.images.digest,
            "network": _digest(network),
            **self.labels,
        }
        return Evidence(self.folder, identity)

    def loader(self, part: Part, place: Place, epoch: int) -> Batches:
        """Give an epoch's batches for one process."""
        scheme, shared = self.scheme, place.processes * self.scheme.accumulation
        if scheme.batch_size % shared:
            raise TrainingError(
                f"batch_size {scheme.batch_size} is no multiple of {place.processes} devices x "
                f"accumulation {scheme.accumulation}; choose another number of devices or batch size"
            )
        training = part == "train"
        plan = LoaderPlan(
            batch_size=scheme.batch_size // shared,
            resolution=scheme.resolution(epoch) if training else scheme.resize.validation,
            augmentation=scheme.augmentation if training else None,
            seed=self.seed,
            epoch=epoch,
            rank=place.rank,
            processes=place.processes,
            workers=self.workers,
            device=str(place.device),
            channels_last=scheme.channels_last,
            crop_share=scheme.resize.validation_crop,
        )
        return self.images.loader(part, plan)


def train_at(
    network: nn.Module, task: TrainingPlan, place: Place, report: Callable[[EpochRow], None] | None
) -> TrainingResult:
    """Train in this process, alone or as one of several; parameters and errors as of `train`."""
    evidence = task.evidence(network)
    if evidence is not None:
        if task.resume:
            evidence.check()
            result = evidence.result()
            if result is not None and result.epochs > task.scheme.trained_epochs:
                raise TrainingError(
                    f"{task.folder} holds a training of {result.epochs} epochs, the scheme stops after "
                    f"{task.scheme.trained_epochs}; choose another folder"
                )
            if result is not None and result.epochs == task.scheme.trained_epochs:
                checkpoint = evidence.checkpoint()
                if checkpoint is not None:  # it may have been deleted meanwhile
                    network.load_state_dict(checkpoint["learner"]["average"] or checkpoint["learner"]["network"])
                return result
        else:
            if place.first:
                evidence.forget()
            place.sums(0.0)  # the others look after that
    failure = None
    try:
        with _own_state(place):
            return _run(network, task, place, evidence, report)
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
        with torch_threads(), torch.random.fork_rng(devices=[place.device] if cuda else []):
            yield
    finally:
        torch.backends.cudnn.benchmark = before


def _run(
    network: nn.Module,
    task: TrainingPlan,
    place: Place,
    evidence: Evidence | None,
    report: Callable[[EpochRow], None] | None,
) -> TrainingResult:
    """Train from the last checkpoint, or from the start, to the end; raises as `train` does."""
    scheme, began = task.scheme, time.perf_counter()
    rows: list[EpochRow] = []
    saved = evidence.checkpoint() if evidence is not None else None
    if saved is not None:
        rows = [EpochRow(**row) for row in saved["rows"]]
        began -= saved["total_seconds"]
    steps = len(task.loader("train", place, 0))
    learner = task.learner(network, scheme, place, -(-steps // scheme.accumulation))
    if saved is not None:
        learner.restore(saved["learner"])
    _start(evidence, task, place, len(rows))
    meter = Meter(str(place.device), processors=place.local_rank == 0)
    for epoch in range(len(rows), scheme.trained_epochs):
        # each epoch has random numbers of its own, so that a restart needs none of those before
        torch.manual_seed(int(np.random.SeedSequence([task.seed, epoch, place.rank]).generate_state(1, np.uint64)[0]))
        batches = task.loader("train", place, epoch)
        place.wait()
        epoch_began = time.perf_counter()
        with meter:
            trained = train_epoch(learner, batches, epoch)
            place.wait()
        seconds = time.perf_counter() - epoch_began
        validated = ValidatedEpoch()
        if (epoch + 1) % task.validate_every == 0 or epoch + 1 == scheme.trained_epochs:
            validated = validate_epoch(learner, task.loader("validation", place, epoch))
        rows.append(_row(task, place, epoch, trained, validated, seconds, meter.joules))
        if evidence is not None and place.first:
            total = time.perf_counter() - began
            state = {"learner": learner.state(), "rows": [asdict(row) for row in rows], "total_seconds": total}
            evidence.save(state, rows)
        if report is not None and place.first:
            report(rows[-1])
    network.load_state_dict(learner.validated.state_dict())
    result = _result(rows, time.perf_counter() - began)
    if evidence is not None and place.first:
        evidence.finish(result)
    return result


def _start(evidence: Evidence | None, task: TrainingPlan, place: Place, epochs_done: int) -> None:
    """Write the settings; first make sure that all processes found the same checkpoint."""
    if place.sums(float(epochs_done))[0] != epochs_done * place.processes:
        raise TrainingError(f"only some processes find the checkpoint in {task.folder}; use a folder that all share")
    if evidence is not None and place.first:
        settings = {"scheme": task.scheme.to_dict(), "images": task.images.name}
        run = {"epochs_done": epochs_done, "device": str(place.device), "processes": place.processes}
        evidence.begin(settings, {**run, "environment": environment()})


def _row(
    task: TrainingPlan,
    place: Place,
    epoch: int,
    trained: TrainedEpoch,
    validated: ValidatedEpoch,
    seconds: float,
    joules: float | None,
) -> EpochRow:
    counted, energy = place.sums(float(joules is not None), joules or 0.0)
    return EpochRow(
        epoch=epoch,
        resolution=task.scheme.resolution(epoch),
        lr=trained.lr,
        train_loss=trained.loss,
        train_top1=trained.top1,
        **asdict(validated),
        seconds=seconds,
        data_seconds=trained.data_seconds,
        images_per_second=trained.images / seconds,
        peak_memory=peak_memory(place.device),
        joules=energy if counted else None,
    )


def _result(rows: list[EpochRow], total_seconds: float) -> TrainingResult:
    last, seconds = rows[-1], sum(row.seconds for row in rows)
    joules = [row.joules for row in rows if row.joules is not None]
    return TrainingResult(
        **{name: getattr(last, name) for name in ("top1", "top5", "loss", "train_loss", "train_top1")},
        seconds=seconds,
        total_seconds=total_seconds,
        data_seconds=sum(row.data_seconds for row in rows),
        images_per_second=sum(row.images_per_second * row.seconds for row in rows) / seconds,
        energy_joules=sum(joules) if len(joules) == len(rows) else None,
        peak_memory=max(row.peak_memory for row in rows),
        epochs=len(rows),
        validations=tuple(_validations(rows)),
    )


def _validations(rows: list[EpochRow]) -> Iterator[Validation]:
    seconds, joules = 0.0, 0.0
    for row in rows:
        seconds += row.seconds
        joules += math.nan if row.joules is None else row.joules
        if row.loss == row.loss:
            energy = None if math.isnan(joules) else joules
            yield Validation(row.epoch + 1, row.top1, row.top5, row.loss, seconds, energy)


def _digest(network: nn.Module) -> str:
    """Name a network's form: its tensors' names, shapes and types."""
    lines = [f"{name} {tuple(each.shape)} {each.dtype}\n" for name, each in network.state_dict().items()]
    return hashlib.sha256("".join(lines).encode()).hexdigest()
