"""How well measurements of the same architectures agree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from accelnas.errors import DataError
from accelnas_training.measure.table import measurements
from accelnas_training.ranks import tau

if TYPE_CHECKING:
    from accelnas_training.arrays import Archs, Floats
    from accelnas_training.collect.reader import StoreReader
    from accelnas_training.measure.table import Column


@dataclass(frozen=True)
class RepeatAgreement:
    """Two measurements of each architecture."""

    tau: float  # Kendall's
    difference: float  # mean absolute difference, in the quantity's unit
    share: float  # the same of the logarithms: a difference as a share

    @classmethod
    def of(cls, first: Floats, second: Floats) -> RepeatAgreement:
        """Compare, float64 (n,) each.

        Examples
        --------
        >>> RepeatAgreement.of(np.array([1.0, 2.0, 4.0]), np.array([1.0, 2.0, 4.0]))
        RepeatAgreement(tau=1.0, difference=0.0, share=0.0)
        """
        return cls(
            tau(first, second), float(np.abs(first - second).mean()), float(np.abs(np.log(first / second)).mean())
        )


@dataclass(frozen=True)
class Repeatability:
    """How repeatable a protocol is."""

    architectures: int  # that were measured twice
    # as measured, and without pace and drift
    measured: RepeatAgreement
    corrected: RepeatAgreement
    column: Column  # what else became of its measurements


def repeatability(store: StoreReader, digest: str, archs: Archs | None = None) -> Repeatability:
    """Compare the first two measurements of each architecture, which the protocol of a digest made.

    Of `archs`, uint8 (n, variables), alone if they are given: a store may hold second measurements of others, of those
    that were noisy, which would make any protocol look worse than it is. Raises DataError if fewer than two were
    measured twice.
    """
    frame, column = measurements(store, digest)
    variables = [variable.name for variable in store.space.variables]
    if archs is not None:
        asked = pl.DataFrame(store.space.decode(archs), schema=frame.select(variables).schema)
        frame = frame.join(asked, on=variables, how="semi")
    own = [*variables, "value", "corrected"]
    first, second = (frame.filter(pl.col("seed") == seed).select(own) for seed in (0, 1))
    both = first.join(second, on=variables, suffix="_again")
    if both.height < 2:
        raise DataError(f"{store.path}: {both.height} architectures were measured twice; measure at least 2")
    measured, corrected = (
        RepeatAgreement.of(both[name].to_numpy(), both[f"{name}_again"].to_numpy()) for name in ("value", "corrected")
    )
    return Repeatability(both.height, measured, corrected, column)
