"""Noise of one training, from architectures trained with several seeds.

``python -m accelnas.fitting.repeats DATA --seeds FOLDER`` prints what settings state as ``noise``.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from accelnas.errors import DataError
from accelnas.fitting.dataset import read_dataset
from accelnas.fitting.lookalikes import check_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from accelnas.fitting.dataset import Dataset

__all__ = ["main", "pooled_noise", "read_seeds"]

SEED_FILES = "proxified-seed*.csv"
SEED_COLUMNS = {"accuracy": 4, "accuracy_top5": 5, "train_time": 8}  # of 9 columns before the architecture
ARCHITECTURE = 9


def read_seeds(folder: Path) -> dict[str, list[NDArray[np.float64]]]:
    """Read one table a seed, without header, as Accel-NASBench publishes them.

    Parameters
    ----------
    folder
        Holds ``proxified-seed1.csv``, ``proxified-seed2.csv``, …: the same architectures, trained with
        the cheap scheme and one seed each.

    Returns
    -------
    dict of lists of float64 (seeds,)
        Metric to the values of each architecture.

    Raises
    ------
    DataError
        If there are fewer than two tables, or they don't hold the same architectures.
    """
    paths = sorted(folder.glob(SEED_FILES))
    if len(paths) < 2:
        raise DataError(f"{folder} has {len(paths)} files {SEED_FILES}; noise needs at least 2")
    tables = [_read(path) for path in paths]
    names = tables[0].columns[ARCHITECTURE:]
    keys = [table.select(pl.concat_str(names, separator=",").alias("key"))["key"] for table in tables]
    if any(set(key) != set(keys[0]) for key in keys):
        raise DataError(f"the files of {folder} hold different architectures; they must be the same in each")
    sorted_tables = [table.with_columns(key=key).sort("key") for table, key in zip(tables, keys, strict=True)]
    return {
        metric: list(np.stack([t[t.columns[column]].to_numpy() for t in sorted_tables], axis=1).astype(np.float64))
        for metric, column in SEED_COLUMNS.items()
    }


def _read(path: Path) -> pl.DataFrame:
    check_table(path)
    try:
        table = pl.read_csv(path, has_header=False)
    except pl.exceptions.PolarsError as error:
        raise DataError(f"{path} is not a readable csv table: {error}") from error
    for metric, column in SEED_COLUMNS.items():
        kind = table.dtypes[column] if column < table.width else None
        if kind is None or not kind.is_numeric():
            raise DataError(f"column {column + 1} of {path} is {kind}; expected numbers of {metric}, without a header")
    return table


def pooled_noise(groups: Iterable[Sequence[float] | NDArray[np.float64]]) -> float:
    """Give the standard deviation within groups, the root of the pooled variance.

    Examples
    --------
    >>> pooled_noise([[1.0, 3.0], [5.0, 5.0]])
    1.0
    """
    arrays = [np.asarray(group, np.float64) for group in groups]
    squares = [float(np.square(array - array.mean()).sum()) for array in arrays]
    return float(np.sqrt(sum(squares) / sum(len(array) - 1 for array in arrays)))


def _repeated(dataset: Dataset, metric: str) -> list[NDArray[np.float64]]:
    values = dataset.values(metric)
    groups = (values[dataset.rows(np.array(ids, np.int64))] for ids in dataset.report.repeats)
    return [group[~np.isnan(group)] for group in groups if (~np.isnan(group)).sum() > 1]


def main(arguments: list[str] | None = None) -> None:
    """Run from the command line; ``--help`` lists the options."""
    parser = argparse.ArgumentParser(prog="python -m accelnas.fitting.repeats", description=__doc__)
    parser.add_argument("data", type=Path, help="the Accel-NASBench archive, folder or table")
    parser.add_argument("--seeds", type=Path, required=True, help="folder of proxified-seed*.csv")
    options = parser.parse_args(arguments)
    dataset, seeds = read_dataset(options.data), read_seeds(options.seeds)
    for metric, groups in seeds.items():
        own = _repeated(dataset, metric)
        both, theirs = pooled_noise([*groups, *own]), pooled_noise(groups)
        print(f"{metric}: {both:.4g} ({len(groups)} architectures × seeds: {theirs:.4g}; "
              f"{len(own)} repeats: {pooled_noise(own):.4g})")  # fmt: skip


if __name__ == "__main__":
    main()
