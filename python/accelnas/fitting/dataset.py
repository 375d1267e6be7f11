"""Read measured architectures into one validated table."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from accelnas import mnasnet_space
from accelnas.caching import cached_property
from accelnas.errors import DataError
from accelnas.files import write_frame
from accelnas.fitting.archive import digest_of, read_archive
from accelnas.fitting.checks import Report, check, measured_again
from accelnas.fitting.columns import FORMS, ColumnEncoder
from accelnas.fitting.table import describes, is_table, numbers, read_table, repeated_metric, seed_columns

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from accelnas import Space

__all__ = ["PUBLIC_SHA256", "Dataset", "from_table", "read_dataset"]

# the content of any table made from the archive that the Accel-NASBench authors publish
PUBLIC_SHA256 = "121196e20a1833c219ad1f1b9c03b35f11c2d33e8fea1adef4b3e7e9456f0e17"


@dataclass(frozen=True, eq=False)
class Dataset:
    """Measured architectures of one search space, validated.

    Attributes
    ----------
    table
        One row a measurement, sorted by ``id``: ``id``, the space's variables, the metrics
        (float64, null where not measured), and columns that describe one, such as ``METRIC_std``.
    space
        The search space.
    metrics
        Names of the metric columns.
    choices
        uint8 (n, variables): the architectures as choice indices, in the rows of `table`.
    report
        What the validation found.
    file_sha256
        SHA-256 of the file that was read; None for a folder or a table in memory.
    """

    table: pl.DataFrame
    space: Space
    metrics: tuple[str, ...]
    choices: NDArray[np.uint8]
    report: Report
    file_sha256: str | None = None

    def __len__(self) -> int:
        return self.table.height

    @cached_property
    def ids(self) -> NDArray[np.int64]:
        """The rows' ids, int64 (n,), ascending."""
        return self.table["id"].to_numpy()

    @property
    def measurable(self) -> tuple[str, ...]:
        """Names of what can be fitted: metric columns, those of seeds by the metric that they repeat."""
        return tuple(dict.fromkeys(repeated_metric(name) or name for name in self.metrics))

    def values(self, metric: str) -> NDArray[np.float64]:
        """Measured values of a metric, float64 (n,), NaN where not measured; the mean of its columns of seeds.

        Raises
        ------
        DataError
            If the data set has no such metric.
        """
        if metric in self.metrics:
            return self.table[metric].fill_null(np.nan).to_numpy()
        if seeds := seed_columns(self.metrics, metric):
            return self.table.select(pl.mean_horizontal(seeds).fill_null(np.nan)).to_series().to_numpy()
        if f"column {metric}" in self.report.unknown:
            raise DataError(f"column {metric} holds no numbers and was left out; give numbers in every row, or nothing")
        raise DataError(f"no metric {metric!r}; choose one of {', '.join(self.measurable)}")

    def measured(self, metric: str) -> NDArray[np.float64]:
        """Every measured value of a metric, float64 (n, repeats): a column of the table, or one a seed."""
        return np.stack([self.values(name) for name in seed_columns(self.metrics, metric) or [metric]], axis=1)

    def repeated(self, metric: str) -> list[NDArray[np.float64]]:
        """Values of each architecture that a metric was measured of more than once."""
        values = self.measured(metric)
        if values.shape[1] == 1:  # of one row there is one value
            return measured_again(values, (self.rows(np.array(ids)) for ids in self.report.repeats))
        order = np.argsort(self.groups, kind="stable")
        return measured_again(values, np.split(order, np.flatnonzero(np.diff(self.groups[order])) + 1))

    def rows(self, ids: NDArray[np.int64]) -> NDArray[np.intp]:
        """Row numbers of `ids`.

        Raises
        ------
        DataError
            If an id is not in the data set.
        """
        rows = np.searchsorted(self.ids, ids)
        found = self.ids[np.minimum(rows, len(self) - 1)] == ids
        if not found.all():
            raise DataError(f"id {ids[~found][0]} is not in the data set of {len(self)} rows")
        return rows

    @cached_property
    def groups(self) -> NDArray[np.intp]:
        """Number of each row's architecture, intp (n,): repeats share it."""
        return np.unique(self.choices, axis=0, return_inverse=True)[1].reshape(-1)

    @cached_property
    def sha256(self) -> str:
        """Name of the content, whatever the file format: the same table gives the same digest.

        The digest covers, in this order: the variables' names and choices (JSON), the ids
        (int64, little endian), the choice indices (uint8, row by row), and each value column
        by name (float64, little endian, one bit pattern for null).
        """
        variables = [[v.name, list(v.choices)] for v in self.space.variables]
        digest = hashlib.sha256(b"accelnas data set 1\n")
        digest.update(json.dumps(variables).encode() + b"\n")
        digest.update(self.ids.astype("<i8").tobytes())
        digest.update(np.ascontiguousarray(self.choices).tobytes())
        for name in sorted(set(self.table.columns) - {"id", *(v.name for v in self.space.variables)}):
            values = self.table[name].fill_null(np.nan).to_numpy().astype("<f8") + 0.0  # no -0.0
            values[np.isnan(values)] = np.nan
            digest.update(name.encode() + b"\n" + values.tobytes())
        return digest.hexdigest()

    @property
    def is_public(self) -> bool:
        """Whether this is the published Accel-NASBench data, in whatever format."""
        return self.sha256 == PUBLIC_SHA256

    def to_parquet(self, path: str | Path) -> None:
        """Write the table; `read_dataset` of the result has the same `sha256`."""
        write_frame(self.table, path)


def read_dataset(path: str | Path, space: Space | None = None) -> Dataset:
    """Read and validate measured architectures.

    Parameters
    ----------
    path
        The Accel-NASBench archive (``.tar.gz``, ``.tar``, or a folder of ``result_N.json``), or a table
        (``.csv``, ``.parquet``, ``.json`` of a list of records, ``.jsonl``) with one column a variable (or
        ``architecture`` or ``index``), one a metric, an optional integer ``id`` column, and optional
        ``METRIC_std`` columns. Columns ``METRIC_seed0``, ``METRIC_seed1``, … are repeats of a metric;
        ``METRIC_session``, ``METRIC_processors`` and ``METRIC_threads`` say how it was measured and are no metrics.
    space
        The search space; None means MnasNet, the space of Accel-NASBench.

    Raises
    ------
    DataError
        If the file can't be read, or a row holds an unknown variable or a value that is not one
        of the variable's choices; the message names the row's id.
    """
    path, space = Path(path), space or mnasnet_space()
    if not path.exists():
        raise DataError(f"{path} does not exist; `accelnas data fetch` downloads the public archive")
    if is_table(path):
        table = read_table(path)
        try:
            return from_table(table, space, file_sha256=digest_of(path))
        except DataError as error:
            raise DataError(f"{path}: {error}") from None
    records = read_archive(path)
    ids = records.ids
    architectures = _architecture_columns(ids, records.architectures, space)
    return _validate(
        space,
        pl.Series("id", ids, pl.Int64),
        ColumnEncoder(space, list(architectures), str(path))(architectures, lambda row: f"id {ids[row]}"),
        {name: pl.Series(name, column, pl.Float64) for name, column in records.metrics.items()},
        records.unknown,
        None if path.is_dir() else digest_of(path),
    )


def from_table(table: pl.DataFrame, space: Space, *, file_sha256: str | None = None) -> Dataset:
    """Validate a table in memory; columns as in `read_dataset`.

    Text is read where every value is a number. Columns that hold no measurements are left out and named in the
    report. NaN counts as null.

    Raises
    ------
    DataError
        As `read_dataset`.
    """
    if table.height == 0:
        raise DataError("the table has no rows; expected measured architectures")
    ids = table["id"] if "id" in table.columns else pl.Series("row", np.arange(table.height))
    if not ids.dtype.is_integer() or ids.null_count():
        raise DataError(f"column id is {ids.dtype} with {ids.null_count()} nulls; use integers, or name it otherwise")
    encode = ColumnEncoder(space, table.columns, "the table")
    choices = encode(table.select(encode.read + encode.checked).to_dict(), lambda row: f"{ids.name} {ids[row]}")
    known = {"id", *encode.read, *encode.checked, *FORMS, ""}
    others = {name: numbers(table[name], ids) for name in table.columns if name not in known}
    unread = [name for name in (*FORMS, "") if name in table.columns and name not in encode.read]
    unknown = Counter({f"column {name}": table.height for name, column in others.items() if column is None})
    unknown.update({f"{name or 'a column without name'} (not read: no metric)": table.height for name in unread})
    return _validate(
        space,
        ids.cast(pl.Int64),
        choices,
        {name: column for name, column in others.items() if column is not None},
        unknown,
        file_sha256,
    )


def _validate(
    space: Space,
    named: pl.Series,
    choices: NDArray[np.uint8],
    values: Mapping[str, pl.Series],
    unknown: Counter[str],
    file_sha256: str | None,
) -> Dataset:
    ids = named.to_numpy()
    order = np.argsort(ids, kind="stable")
    repeated = np.flatnonzero(np.diff(ids[order]) == 0)
    if repeated.size:
        raise DataError(f"id {ids[order][repeated[0]]} occurs twice; ids name measurements")
    choices = np.ascontiguousarray(choices[order])
    columns = {"id": pl.Series("id", ids[order])}
    for i, variable in enumerate(space.variables):
        columns[variable.name] = pl.Series(variable.name, list(variable.states))[choices[:, i].tolist()]
    for name, column in values.items():
        series = column.fill_nan(None)
        if series.null_count() == len(series):
            unknown[f"{name} (null in every row)"] += len(series)
            continue
        infinite = series.is_infinite().fill_null(value=False)
        if infinite.any():
            row = ids[infinite.arg_max()]
            raise DataError(f"{named.name} {row}: {name} is infinite; use null for what was not measured")
        columns[name] = series[order.tolist()]
    metrics = tuple(name for name in columns if name in values and not describes(name, columns))
    if not metrics:
        raise DataError("the data has no metric; expected at least one column of measured numbers")
    table = pl.DataFrame(columns)
    report = check(table, metrics, choices, unknown)
    return Dataset(table, space, metrics, choices, report, file_sha256)


def _architecture_columns(
    ids: Sequence[int], architectures: Sequence[Mapping[str, Any]], space: Space
) -> dict[str, list[Any]]:
    names = [variable.name for variable in space.variables]
    for number, architecture in zip(ids, architectures, strict=True):
        if architecture.keys() != set(names):
            for name in architecture.keys() - set(names):
                raise DataError(f"id {number}: unknown variable {name} for space {space.name}")
            missing = next(name for name in names if name not in architecture)
            raise DataError(f"id {number}: variable {missing} is missing")
    return {name: [architecture[name] for architecture in architectures] for name in names}
