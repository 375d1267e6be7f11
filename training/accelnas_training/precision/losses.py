"""Losses of top-1 from what workers gave, and how well they add up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from accelnas.errors import DataError
from accelnas_training.precision.settings import part_names
from accelnas_training.ranks import Interval, interval_of_mean, interval_over_models, tau

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from accelnas import Space
    from accelnas_training.arrays import Floats
    from accelnas_training.collect.job import Job
    from accelnas_training.precision.settings import PrecisionSettings

WHOLE = "all"
LEAST = 5  # networks whose order says something


@dataclass(frozen=True)
class Mean:
    """A mean over networks, and its bootstrap interval over them."""

    value: float
    interval: Interval

    @classmethod
    def of(cls, values: Floats) -> Mean:
        """Take the mean of float64 (n,)."""
        return cls(float(values.mean()), interval_of_mean(values))


@dataclass(frozen=True)
class Rounding:
    """One way to round networks to 8 bits, beside float32."""

    loss: Mean  # of top-1, percentage points
    # between top-1 of both, and its bootstrap interval over networks
    tau: float
    interval: Interval


@dataclass(frozen=True)
class Sums:
    """How near losses of mixed networks are to sums of their parts' losses."""

    predicted: Floats  # float64 (n,), percentage points
    measured: Floats  # float64 (n,)

    @property
    def bias(self) -> float:
        """Mean of prediction - measurement."""
        return float((self.predicted - self.measured).mean())

    @property
    def rmse(self) -> float:
        """Root of the mean squared difference."""
        return float(np.sqrt(((self.predicted - self.measured) ** 2).mean()))

    @property
    def explained(self) -> float:
        """R²: share of the measurements' variance that is explained; below 0, a constant does better."""
        spread = float(((self.measured - self.measured.mean()) ** 2).mean())
        return 1 - self.rmse**2 / spread if spread else float("nan")

    @property
    def tau(self) -> float:
        """Kendall's tau."""
        return tau(self.predicted, self.measured)


@dataclass(frozen=True)
class Losses:
    """What was found of n networks.

    Attributes
    ----------
    bits, parts
        Bits, and names of the parts: stem, blocks, head.
    accuracy
        Top-1 of float32, %, float64 (n,).
    int8
        ONNX Runtime's 8 bits beside float32.
    fake8
        The largest and the mean difference of top-1 from ONNX Runtime's, where the whole network has 8 bits here;
        None without 8 bits.
    means
        Loss of top-1 in percentage points by (part, bits), of ``all``, too.
    own, table
        Losses of mixed networks beside the sums of the same network's parts' losses, each measured alone; beside sums
        of means over the other networks, as a table holds them. None without mixed networks.
    """

    bits: tuple[int, ...]
    parts: tuple[str, ...]
    accuracy: Floats
    int8: Rounding
    fake8: tuple[float, float] | None
    means: Mapping[tuple[str, int], Mean]
    own: Sums | None
    table: Sums | None


def losses(
    settings: PrecisionSettings, space: Space, jobs: Sequence[Job], values: Sequence[Mapping[str, float]]
) -> Losses:
    """Take the losses of jobs and their values, as `precision_work` names them.

    Raises DataError if there are fewer than 5.
    """
    if len(jobs) < LEAST:
        raise DataError(
            f"{len(jobs)} networks were validated with few bits; at least {LEAST} are needed: take more, or let "
            "`accelnas-training store status` say why they failed"
        )
    # not all networks have a stem or a head of layers
    parts = tuple(name for name in part_names(space) if f"{name}_{settings.bits[0]}" in values[0])
    accuracy = np.array([each["accuracy"] for each in values])
    int8 = np.array([each["accuracy_int8"] for each in values])
    lost = {
        (part, bits): accuracy - [each[f"{part}_{bits}"] for each in values]
        for part in (WHOLE, *parts)
        for bits in settings.bits
    }
    fake8 = None
    if 8 in settings.bits:
        apart = accuracy - lost[WHOLE, 8] - int8
        fake8 = float(np.abs(apart).max()), float(apart.mean())
    own, table = _sums(settings, jobs, values, parts, accuracy, lost) if settings.mixed else (None, None)
    return Losses(
        settings.bits,
        parts,
        accuracy,
        Rounding(Mean.of(accuracy - int8), tau(accuracy, int8), interval_over_models(accuracy, int8)),
        fake8,
        {key: Mean.of(each) for key, each in lost.items()},
        own,
        table,
    )


def _sums(
    settings: PrecisionSettings,
    jobs: Sequence[Job],
    values: Sequence[Mapping[str, float]],
    parts: Sequence[str],
    accuracy: Floats,
    lost: Mapping[tuple[str, int], Floats],
) -> tuple[Sums, Sums]:
    measured, own, table = [], [], []
    others = {key: (each.sum() - each) / (len(each) - 1) for key, each in lost.items()}  # without the network itself
    for place, (job, each) in enumerate(zip(jobs, values, strict=True)):
        for number in range(settings.mixed):
            chosen = settings.mixture(job, number, parts).items()
            measured.append(accuracy[place] - each[f"mixed{number}"])
            own.append(sum(lost[key][place] for key in chosen))
            table.append(sum(others[key][place] for key in chosen))
    return Sums(np.array(own), np.array(measured)), Sums(np.array(table), np.array(measured))
