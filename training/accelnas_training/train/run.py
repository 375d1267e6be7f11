"""Train one network: choose devices, resume, loop over epochs, leave evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from torch import nn

    from accelnas_training.images import Images
    from accelnas_training.schemes import Scheme
    from accelnas_training.train.result import EpochRow, TrainingResult

__all__ = ["train"]


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
    raise NotImplementedError
