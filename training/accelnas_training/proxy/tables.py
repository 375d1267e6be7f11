"""Read what a scheme gave from tables: exported ones, or those that Accel-NASBench publishes."""

from __future__ import annotations

import glob
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from accelnas import mnasnet_space
from accelnas.build.dataset import from_table, read_dataset
from accelnas.build.repeats import ARCHITECTURE, SEED_COLUMNS
from accelnas.lookalikes import check_table
from accelnas_training.errors import ProxyError
from accelnas_training.proxy.trainings import Trained

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accelnas import Space
    from accelnas.build.dataset import Dataset

__all__ = ["read_trained"]

_METRICS = ("accuracy", "train_time", "energy")


def read_trained(pattern: str, space: Space | None = None) -> Trained:
    """Read what one scheme gave with each seed.

    Parameters
    ----------
    pattern
        Files, such as ``reference-seed*.csv`` or ``reference.parquet``: what ``accelnas-training export`` writes, a
        row a training, whose metrics are ``accuracy`` (%), ``train_time`` (s) and, where measured, ``energy`` (J). A
        ``.csv`` file without a header is one that Accel-NASBench publishes.
    space
        The search space; None means MnasNet.

    Returns
    -------
    Trained
        Architectures in the order of the first table.

    Raises
    ------
    ProxyError
        If no file matches, a metric is missing, or architectures differ in the number of trainings.
    DataError
        If a table is not what it should be.
    """
    space = mnasnet_space() if space is None else space
    paths = sorted(glob.glob(pattern))  # noqa: PTH207 (the pattern may be absolute)
    if not paths:
        raise ProxyError(f"no file matches {pattern}; name tables of trainings, such as 'reference-seed*.csv'")
    trainings: dict[bytes, list[NDArray[np.float64]]] = defaultdict(list)
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
