"""How well a proxy ranks architectures as the reference does, from trainings or from tables."""

from __future__ import annotations

import glob
import math
from collections import defaultdict
from dataclasses import dataclass
from itertools import combinations, product
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from accelnas import mnasnet_space
from accelnas.fitting.archive import ARCHITECTURE, SEED_COLUMNS
from accelnas.fitting.checks import pooled_noise
from accelnas.fitting.dataset import from_table, read_dataset
from accelnas.fitting.lookalikes import check_table
from accelnas_training.errors import ProxyError
from accelnas_training.proxy.trainings import Trained
from accelnas_training.ranks import (
    LEAST_MODELS,
    NO_INTERVAL,
    Interval,
    interval_over_models,
    interval_over_seeds,
    tau,
)

if TYPE_CHECKING:
    from accelnas import Space
    from accelnas.fitting.dataset import Dataset
    from accelnas_training.arrays import Floats


_METRICS = ("accuracy", "train_time", "energy")


def read_trained(pattern: str, space: Space | None = None) -> Trained:
    """Read what one scheme gave with each seed; architectures are in the order of the first table.

    The pattern names files, such as ``reference-seed*.csv`` or ``reference.parquet``: what ``accelnas-training export``
    writes, a row a training, whose metrics are ``accuracy`` (%), ``train_time`` (s) and, where measured, ``energy``
    (J). A ``.csv`` file without a header is one that Accel-NASBench publishes. The space is MnasNet's by default.
    Raises ProxyError if no file matches, a metric is missing, or architectures differ in the number of trainings;
    DataError if a table is not what it should be.
    """
    space = mnasnet_space() if space is None else space
    paths = sorted(glob.glob(pattern))  # noqa: PTH207 (the pattern may be absolute)
    if not paths:
        raise ProxyError(f"no file matches {pattern}; name tables of trainings, such as 'reference-seed*.csv'")
    trainings: dict[bytes, list[Floats]] = defaultdict(list)
    for path in paths:
        dataset = _read(Path(path), space)
        for metric in _METRICS[:2]:
            if metric not in dataset.metrics:
                raise ProxyError(f"{path} has no column {metric}; it needs {' and '.join(_METRICS[:2])}")
        nothing = np.full(len(dataset), np.nan)
        columns = [dataset.values(metric) if metric in dataset.metrics else nothing for metric in _METRICS]
        for row, values in zip(dataset.choices, np.stack(columns, axis=1), strict=True):
            trainings[row.tobytes()].append(values)
    most = max(len(values) for values in trainings.values())
    choices = np.array([np.frombuffer(key, np.uint8) for key in trainings])
    for row, several in zip(choices, trainings.values(), strict=True):
        if len(several) < most:
            raise ProxyError(
                f"{pattern} holds {space.format(row)[0]} {len(several)} times and others {most} times; "
                "give all architectures the same seeds"
            )
    return Trained(choices, *np.moveaxis(np.array(list(trainings.values())), -1, 0))


def _read(path: Path, space: Space) -> Dataset:
    if path.suffix == ".csv" and not _has_header(path, space):
        return from_table(_published(path, space), space)
    return read_dataset(path, space)


def _has_header(path: Path, space: Space) -> bool:
    with path.open(encoding="utf-8", errors="replace") as file:
        return space.variables[0].name in file.readline()


def _published(path: Path, space: Space) -> pl.DataFrame:
    """Name the columns: metrics at known places, then each symbol for all blocks."""
    symbols = list(dict.fromkeys(variable.symbol for variable in space.variables))
    variables = sorted(space.variables, key=lambda variable: symbols.index(variable.symbol))
    places = SEED_COLUMNS | {variable.name: ARCHITECTURE + i for i, variable in enumerate(variables)}
    check_table(path)
    try:
        table = pl.read_csv(path, has_header=False)
    except pl.exceptions.PolarsError as error:
        raise ProxyError(f"{path} is not a readable table: {error}") from error
    if table.width != ARCHITECTURE + len(variables):
        raise ProxyError(
            f"{path} has no header with the variables of space {space.name}, and {table.width} columns, not the "
            f"{ARCHITECTURE + len(variables)} of a published table; name the columns in its first row"
        )
    return table.select(pl.col(table.columns[place]).alias(name) for name, place in places.items())


@dataclass(frozen=True)
class SelfAgreement:
    """How one scheme agrees with itself."""

    between: tuple[float, ...]  # tau of each pair of its seeds; first that of the first two
    # standard deviation of accuracy over seeds in points: the mean of architectures' (which is biased low for few
    # seeds), and pooled; NaN for one seed
    sigma: float
    pooled: float
    # mean time and energy of a training; NaN where not measured
    seconds: float
    joules: float
    failures: int  # trainings that failed


@dataclass(frozen=True)
class Validation:
    """A proxy beside the reference, on the same architectures."""

    proxy: Trained
    reference: Trained
    # between means over seeds, and its bootstrap interval over architectures
    tau: float
    interval: Interval
    interval_over_seeds: Interval  # over architectures and seeds; NaN where each scheme has one seed
    singles: tuple[float, ...]  # tau of each seed of the one with each of the other
    # how each agrees with itself
    of_proxy: SelfAgreement
    of_reference: SelfAgreement
    left_out: int  # architectures that only one of them has, or that the reference failed on

    @property
    def speedup(self) -> float:
        """Mean time of a training under the reference over that under the proxy."""
        return self.of_reference.seconds / self.of_proxy.seconds

    @property
    def offset(self) -> float:
        """How many points of accuracy the proxy gives more than the reference, on average."""
        return float(np.nanmean(self.proxy.means - self.reference.means))


def validate(proxy: Trained, reference: Trained) -> Validation:
    """Compare a proxy with the reference on the architectures that both have; the numbers of seeds may differ.

    Raises ProxyError if they share fewer than 5 on which the reference did not fail.

    Examples
    --------
    >>> choices = np.arange(8, dtype=np.uint8)[:, None]
    >>> values = np.arange(8.0)[:, None]
    >>> from accelnas_training.proxy.trainings import Trained
    >>> slow = Trained(choices, values, 10 + 0 * values, np.nan * values)
    >>> fast = Trained(choices, values % 7, 2 + 0 * values, np.nan * values)
    >>> found = validate(fast, slow)
    >>> round(found.tau, 3), found.speedup
    (0.546, 5.0)
    """
    every = {row.tobytes() for trained in (proxy, reference) for row in trained.choices}
    sound = {row.tobytes(): i for i, row in enumerate(reference.choices) if not math.isnan(reference.means[i])}
    pairs = [(i, sound[row.tobytes()]) for i, row in enumerate(proxy.choices) if row.tobytes() in sound]
    if len(pairs) < LEAST_MODELS:
        raise ProxyError(
            f"proxy and reference share {len(pairs)} architectures that the reference trained; "
            f"at least {LEAST_MODELS} are needed to compare their order"
        )
    rows = np.array(pairs, np.intp)
    proxy, reference = proxy.take(rows[:, 0]), reference.take(rows[:, 1])
    means = proxy.means, reference.means
    several = max(proxy.accuracy.shape[1], reference.accuracy.shape[1]) > 1
    over_seeds = interval_over_seeds(proxy.accuracy, reference.accuracy) if several else NO_INTERVAL
    return Validation(
        proxy,
        reference,
        tau(*means),
        interval_over_models(*means),
        over_seeds,
        tuple(tau(a, b) for a, b in product(proxy.accuracy.T, reference.accuracy.T)),
        self_agreement(proxy),
        self_agreement(reference),
        len(every) - len(pairs),
    )


def self_agreement(trained: Trained) -> SelfAgreement:
    """Say how one scheme agrees with itself."""
    sound = trained.accuracy[~np.isnan(trained.means)]
    several = sound.shape[1] > 1 and len(sound) > 0
    return SelfAgreement(
        between=tuple(tau(a, b) for a, b in combinations(trained.accuracy.T, 2)),
        sigma=float(sound.std(axis=1, ddof=1).mean()) if several else math.nan,
        pooled=pooled_noise(list(sound)) if several else math.nan,
        seconds=_mean(trained.seconds),
        joules=_mean(trained.joules),
        failures=trained.failures,
    )


def _mean(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else math.nan
