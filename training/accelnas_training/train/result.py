"""What a training gives: a row an epoch, and a result."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["EpochRow", "TrainingResult"]


@dataclass(frozen=True)
class EpochRow:
    """One epoch.

    Attributes
    ----------
    epoch
        Its number, from 0.
    resolution
        Pixels a side of the training images.
    lr
        Learning rate of its last update.
    train_loss, train_top1
        Means over its images, %, as they were trained on: augmented, with label smoothing.
    loss, top1, top5
        Of the validation images, %, by the averaged weights if the scheme has any; NaN where the epoch was not
        validated. top5 is NaN for fewer than six classes.
    seconds
        Training alone, without validation and writing.
    data_seconds
        Seconds of those in which the loop waited for images.
    images_per_second
        Training images by `seconds`, of all devices.
    peak_memory
        Most bytes that were used at once: by tensors on a CUDA device, else by the process.
    joules
        Energy of the training alone; None where it is not counted.
    """

    epoch: int
    resolution: int
    lr: float
    train_loss: float
    train_top1: float
    loss: float
    top1: float
    top5: float
    seconds: float
    data_seconds: float
    images_per_second: float
    peak_memory: int
    joules: float | None


@dataclass(frozen=True)
class TrainingResult:
    """What a finished training gives.

    Attributes
    ----------
    top1, top5, loss
        Of the validation images after the last epoch: %, %, mean cross entropy; top5 is NaN for fewer than six
        classes. By the averaged weights if the scheme has any.
    train_loss, train_top1
        Of the last epoch's training images.
    seconds
        Training alone, over all restarts, without validation and writing: t_p of the paper.
    total_seconds
        With validation and writing; not what an interruption lost.
    data_seconds
        Seconds of `seconds` in which the loop waited for images.
    images_per_second
        Training images by `seconds`, of all devices.
    energy_joules
        Energy of the training alone, over all restarts; None where it is not counted.
    peak_memory
        Most bytes that were used at once: by tensors on a CUDA device, else by the process.
    epochs
        Epochs that were trained.
    """

    top1: float
    top5: float
    loss: float
    train_loss: float
    train_top1: float
    seconds: float
    total_seconds: float
    data_seconds: float
    images_per_second: float
    energy_joules: float | None
    peak_memory: int
    epochs: int

    def to_dict(self) -> dict[str, Any]:
        """Give all values for JSON, null in place of NaN."""
        return {name: None if _is_nan(value) else value for name, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> TrainingResult:
        """Make a result of what `to_dict` gave."""
        values = {each.name: table[each.name] for each in fields(cls)}
        if values["top5"] is None:
            values["top5"] = math.nan
        return cls(**values)


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)
