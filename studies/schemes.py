"""Architectures trained with several seeds under two schemes, from the files that Accel-NASBench publishes."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import accelnas
from accelnas.errors import DataError
from accelnas.fitting.archive import ARCHITECTURE, SEED_COLUMNS
from accelnas.fitting.columns import ColumnEncoder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from accelnas import Space

    Floats = NDArray[np.float64]

__all__ = ["FOLDER", "Scheme", "read_schemes"]

FOLDER = "proxy_validation"
FILES = {"proxy": "proxified-seed*.csv", "reference": "fewproxy-seed*.csv"}
LIMITS = {
    "accuracy": (0.0, 100.0),
    "accuracy_top5": (0.0, 100.0),
    "train_time": (0.0, math.inf),
}  # per cent and seconds
LEAST = 10  # architectures; resamples of fewer may hold one alone, which has no rank
SYMBOLS = ("e", "k", "l", "se")  # each for all blocks, in this order


@dataclass(frozen=True)
class Scheme:
    """What one training scheme gave.

    Attributes
    ----------
    choices
        uint8 (n, variables): choice indices of the architectures, the same in all schemes.
    accuracy, accuracy_top5
        float64 (n, seeds): in per cent.
    train_time
        float64 (n, seeds): seconds of each training.
    """

    choices: NDArray[np.uint8]
    accuracy: Floats
    accuracy_top5: Floats
    train_time: Floats


def read_schemes(folder: str | Path, names: Sequence[str] = tuple(FILES)) -> dict[str, Scheme]:
    """Read the cheap training scheme ``"proxy"``, the ``"reference"``, or both.

    Parameters
    ----------
    folder
        Holds ``proxified-seed*.csv`` and ``fewproxy-seed*.csv``, or a folder ``proxy_validation`` that does;
        the tables have no header.
    names
        Of the schemes.

    Raises
    ------
    DataError
        If a file is missing or malformed (the message names file, row and column), or the files don't hold
        the same architectures.
    """
    folder = Path(folder)
    if (folder / FOLDER).is_dir():
        folder /= FOLDER
    if not folder.is_dir():
        raise DataError(f"no folder {folder}; name the one that holds {' and '.join(FILES.values())}")
    space = accelnas.mnasnet_space()
    tables = {name: _read_scheme(folder, FILES[name], space) for name in names}
    first_path, first = next(iter(tables[names[0]].items()))
    for path, table in (item for seeds in tables.values() for item in seeds.items()):
        for architecture in sorted(first.keys() ^ table.keys()):
            here, there = (path, first_path) if architecture in table else (first_path, path)
            raise DataError(f"{here.name} holds {architecture} and {there.name} does not; give the same to all files")
    rows = space.parse(list(first))
    schemes = {}
    for name, seeds in tables.items():
        values = np.array([[table[architecture] for table in seeds.values()] for architecture in first])
        schemes[name] = Scheme(rows, *np.moveaxis(values, -1, 0))
    return schemes


def _read_scheme(folder: Path, pattern: str, space: Space) -> dict[Path, dict[str, list[float]]]:
    paths = sorted(folder.glob(pattern))
    if len(paths) < 2:
        raise DataError(f"{folder} has {len(paths)} files {pattern}; at least 2 seeds are needed")
    return {path: _read_seed(path, space) for path in paths}


def _read_seed(path: Path, space: Space) -> dict[str, list[float]]:
    """Give the values of `LIMITS` of each architecture."""
    names = [f"block{block}_{symbol}" for symbol in SYMBOLS for block in range(len(space.blocks))]
    rows = _read_rows(path)
    places = [f"{path.name}, row {line}" for line in range(1, len(rows) + 1)]
    for where, cells in zip(places, rows, strict=True):
        if len(cells) != ARCHITECTURE + len(names):
            raise DataError(f"{where} has {len(cells)} columns; expected {ARCHITECTURE + len(names)}")
    if len(rows) < LEAST:
        raise DataError(f"{path.name} has {len(rows)} rows; at least {LEAST} architectures are needed to rank")
    columns = dict(zip(names, list(zip(*rows, strict=True))[ARCHITECTURE:], strict=True))
    found: dict[str, list[float]] = {}
    choices = ColumnEncoder(space, names, path.name)(columns, places.__getitem__)
    for architecture, where, cells in zip(space.format(choices), places, rows, strict=True):
        if architecture in found:
            raise DataError(f"{where} repeats the architecture {architecture}; keep one row of it a seed")
        found[architecture] = [_number(cells, where, metric) for metric in LIMITS]
    return found


def _read_rows(path: Path) -> list[list[str]]:
    text = path.read_text(encoding="utf-8", errors="replace").rstrip()  # blank lines at the end do no harm
    try:
        return list(csv.reader(text.splitlines()))
    except csv.Error as error:
        raise DataError(f"{path.name} is no table: {error}; make it again") from error


def _number(cells: list[str], where: str, metric: str) -> float:
    column = SEED_COLUMNS[metric]
    low, high = LIMITS[metric]
    try:
        value = float(cells[column])
    except ValueError:
        value = math.nan
    if not (low < value <= high and math.isfinite(value)):
        limit = f"from {low:g} to {high:g}" if math.isfinite(high) else f"above {low:g}"
        raise DataError(f"{where}, column {column + 1} ({metric}) is {cells[column]!r}; give a number {limit}")
    return value
