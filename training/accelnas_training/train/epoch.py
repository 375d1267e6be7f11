"""One epoch of training, one pass over the validation images, and what ends them without a result."""

from __future__ import annotations

import math
import sys
import time
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from accelnas_training.errors import TrainingFailure

if TYPE_CHECKING:
    from collections.abc import Iterable

    from accelnas_training.images.base import Batches
    from accelnas_training.train.learner import Learner


_LOOK_EVERY = 100  # steps between looks at the loss, for each of which the device is waited for
_SIGNS = ("out of memory", "can't allocate memory", "not enough memory", "cannot allocate memory")


def check_finite(tensors: Iterable[torch.Tensor], epoch: int) -> None:
    """Check weights and statistics once an epoch, which waits for the device; else raises TrainingFailure."""
    finite = [torch.isfinite(tensor).all() for tensor in tensors if tensor.is_floating_point()]
    if finite and not torch.stack(finite).all():
        raise _diverged(epoch)


def _diverged(epoch: int) -> TrainingFailure:
    """Give the failure of a training whose numbers are not finite any more."""
    return TrainingFailure("diverged", f"loss or weights are not finite in epoch {epoch}; lower the learning rate")


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error, from whatever device, means that memory ran out."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error).lower() for sign in _SIGNS)


@dataclass(frozen=True)
class TrainedEpoch:
    """Means over the images of all processes (loss, top1 in %), their number, the last rate, seconds waited."""

    loss: float
    top1: float
    images: int
    lr: float
    data_seconds: float


@dataclass(frozen=True)
class ValidatedEpoch:
    """Means over all validation images: cross entropy, %, %."""

    loss: float = math.nan
    top1: float = math.nan
    top5: float = math.nan


def train_epoch(learner: Learner, batches: Batches, epoch: int) -> TrainedEpoch:
    """Train on each batch once.

    Raises TrainingFailure if the loss or a weight is not finite: within some hundred steps, and at the end in any case.
    """
    device, together = learner.place.device, learner.scheme.accumulation
    loss_sum = torch.zeros((), device=device, dtype=learner.place.summing)
    correct = torch.zeros((), device=device, dtype=torch.int64)
    steps, images, waited, lr = len(batches), 0, 0.0, learner.lr
    learner.model.train()
    iterator = iter(batches)
    for step in range(steps):
        asked = time.perf_counter()
        inputs, targets = next(iterator)
        waited += time.perf_counter() - asked
        inputs, targets = inputs.to(device, non_blocking=True), targets.to(device, non_blocking=True)
        # the last update of an epoch may have fewer steps
        share = min(together, steps - step // together * together)
        updates = (step + 1) % together == 0 or step + 1 == steps
        with nullcontext() if updates else learner.alone():
            loss, outputs = learner.gather(inputs, targets, share)
        if updates:
            lr = learner.lr
            learner.update()
        loss_sum += loss * len(targets)
        correct += (outputs.argmax(1) == targets).sum()
        images += len(targets)
        if step % _LOOK_EVERY == 0 and not math.isfinite(loss_sum.item()):
            raise _diverged(epoch)
    total, right, count = learner.place.sums(loss_sum, correct, images)
    if not math.isfinite(total):
        raise _diverged(epoch)
    learner.agree()
    check_finite(learner.network.state_dict().values(), epoch)
    return TrainedEpoch(total / count, 100 * right / count, int(count), lr, waited)


def validate_epoch(learner: Learner, batches: Batches) -> ValidatedEpoch:
    """Validate the network that counts; every image once, whatever the number of processes."""
    device, network = learner.place.device, learner.validated
    sums = torch.zeros(3, device=device, dtype=learner.place.summing)
    images, classes = 0, 0
    network.eval()
    with torch.inference_mode(), learner.precision():
        for batch in batches:
            inputs, targets = (each.to(device, non_blocking=True) for each in batch)
            outputs = network(inputs).float()
            classes = outputs.shape[1]
            best = outputs.topk(min(5, classes)).indices == targets[:, None]
            loss = functional.cross_entropy(outputs, targets, reduction="sum")
            sums += torch.stack([loss, best[:, 0].sum(), best.sum()])
            images += len(targets)
    loss_sum, first, five, count = learner.place.sums(*sums, images)
    return ValidatedEpoch(loss_sum / count, 100 * first / count, 100 * five / count if classes > 5 else math.nan)


def peak_memory(device: torch.device) -> int:
    """Give the most bytes that tensors on a CUDA device, or else this process, held so far; 0 where unknown."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if sys.platform == "win32":
        return 0
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used if sys.platform == "darwin" else used * 1024
