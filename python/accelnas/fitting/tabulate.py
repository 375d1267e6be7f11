"""Complete tables of measured architectures as benchmarks: predictions are the table's own numbers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from accelnas import _core
from accelnas.arguments import check_choice
from accelnas.errors import DataError
from accelnas.files import parse_toml
from accelnas.fitting.compile import write_metric
from accelnas.space.definition import defined

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from accelnas.fitting.dataset import Dataset
    from accelnas.fitting.settings import MetricSpec
    from accelnas.space import Space

    Floats = NDArray[np.float64]

__all__ = ["TabulatedMetric", "tabulate", "tabulated_space"]


@dataclass(frozen=True)
class TabulatedMetric:
    """What was made of a metric.

    Attributes
    ----------
    name : str
        The metric.
    values : int
        Measured values, of all seeds.
    repeats : tuple of int
        Least and most values of a measured architecture.
    noise : float or None
        Standard deviation of one value around the mean of its architecture, pooled over all that have several.
    filled : int
        Architectures without a value, which were given the worst one.
    """

    name: str
    values: int
    repeats: tuple[int, int]
    noise: float | None
    filled: int


def tabulated_space(space: Space) -> Space:
    """Give a space whose architectures fit one table: its blocks, or neighbours of them joined where there are many.

    Raises
    ------
    DataError
        If the space has more than 65,536 architectures, or its blocks can't be joined to three.

    Examples
    --------
    >>> layers = {f"layer{i}": [{"name": f"op{i}", "choices": [0, 1, 2]}] for i in range(8)}
    >>> joined = tabulated_space(defined("macro", layers))
    >>> [block.size for block in joined.blocks], joined.size == 3**8
    ([243, 27], True)
    """
    if space.size > _core.MAX_CELLS:
        raise DataError(
            f"the space has {space.size:,} architectures, a table at most {_core.MAX_CELLS:,}; "
            "fit a surrogate with accelnas fit"
        )
    if sum(block.size > 1 for block in space.blocks) <= _core.MAX_BLOCKS:
        return space
    definition: dict[str, Any] = parse_toml(space.to_toml(), space.name)["space"]
    joined: list[tuple[list[str], list[dict[str, Any]], int]] = []
    for block, own in zip(space.blocks, definition["blocks"], strict=True):
        if joined and joined[-1][2] * block.size <= _core.MAX_STATES:
            names, variables, size = joined.pop()
        else:
            names, variables, size = [], [], 1
        joined.append(([*names, block.name], [*variables, *own["variables"]], size * block.size))
    if len(joined) > _core.MAX_BLOCKS:
        raise DataError(
            f"blocks of {[size for *_, size in joined]} states remain; define at most {_core.MAX_BLOCKS} blocks of "
            f"up to {_core.MAX_STATES} states"
        )
    return defined(space.name, {"+".join(names): variables for names, variables, _ in joined})


def tabulate(
    dataset: Dataset, metrics: Sequence[MetricSpec], out: str | Path, *, missing: str = "refuse"
) -> list[TabulatedMetric]:
    """Write a benchmark directory whose predictions are the values of a complete table.

    Parameters
    ----------
    dataset : Dataset
        Every architecture of its space, at least once. Where the space has many blocks, the benchmark's has them
        joined (see `tabulated_space`).
    metrics : sequence of MetricSpec
        What to take: columns, or ``NAME`` for columns ``NAME_seed0``, ``NAME_seed1``, and so on, which are repeats.
        Rows of one architecture are repeats too. The link is the identity, and noise that is not given that of the
        repeats.
    out : path
        The benchmark directory, created or updated metric by metric.
    missing : {"refuse", "worst"}
        What to do where an architecture has no value: refuse the table, or take the worst value of the metric, so
        that it is never the better choice.

    Returns
    -------
    list of TabulatedMetric
        One a metric.

    Raises
    ------
    DataError
        If there is no such column, or architectures are missing.

    Notes
    -----
    Values are stored as they are, the mean over repeats as float64: equal ones stay equal in every exact answer.
    Nothing is written unless all metrics are complete.
    """
    check_choice("missing", missing, ("refuse", "worst"))
    space = tabulated_space(dataset.space)
    index = dataset.space.index(dataset.choices).astype(np.int64)  # whatever the blocks
    made = []
    for metric in metrics:
        values, found = _values(dataset, metric.name, index)
        empty = np.flatnonzero(np.isnan(values))
        if empty.size and missing == "refuse":
            first = dataset.space.format(dataset.space.at(empty[:1]))[0]
            raise DataError(
                f"{metric.name}: {empty.size:,} of {dataset.space.size:,} architectures have no value, the first is "
                f"{first}; complete the table, or let missing ones be the worst"
            )
        values[empty] = np.nanmin(values) if metric.direction == "maximise" else np.nanmax(values)
        noise = found.noise if metric.noise is None else metric.noise
        spec = replace(metric, link="identity", noise=noise)
        made.append((spec, _core.Surrogate.tabulated(space._core, values), found))
    for spec, surrogate, found in made:
        provenance = {"data_sha256": dataset.sha256, "family": "table", "filled": str(found.filled)}
        write_metric(out, spec, surrogate, provenance)
    return [found for *_, found in made]


def _values(dataset: Dataset, metric: str, index: NDArray[np.int64]) -> tuple[Floats, TabulatedMetric]:
    """Give the mean of every architecture, float64 (size,), NaN where there is none, and what it was made of."""
    values = dataset.measured(metric)
    order = np.argsort(index, kind="stable")
    of_row, flat = np.repeat(index[order], values.shape[1]), values[order].reshape(-1)
    of_row, flat = of_row[~np.isnan(flat)], flat[~np.isnan(flat)]
    size = dataset.space.size
    counts = np.bincount(of_row, minlength=size)
    with np.errstate(invalid="ignore"):
        means = np.bincount(of_row, flat, minlength=size) / counts
    squares = np.bincount(of_row, (flat - means[of_row]) ** 2, minlength=size)
    freedom = int((counts - 1).clip(0).sum())
    noise = float(np.sqrt(squares.sum() / freedom)) if freedom else None
    measured = counts[counts > 0]  # a metric of a data set has a value
    repeats = (int(measured.min()), int(measured.max()))
    return means, TabulatedMetric(metric, len(flat), repeats, noise, int((counts == 0).sum()))
