"""Complete tables of measured architectures as benchmarks: predictions are the table's own numbers."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from accelnas import _core
from accelnas.arguments import check_choice, check_number, check_threads
from accelnas.errors import DataError
from accelnas.fitting.completion import completed
from accelnas.fitting.entry import write_metric
from accelnas.fitting.joined import tabulated_space
from accelnas.space.definition import defined, definition

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from accelnas.fitting.dataset import Dataset
    from accelnas.fitting.metric import MetricSpec
    from accelnas.space import Space

    Floats = NDArray[np.float64]
    Repeats = tuple[NDArray[np.uint32], Floats]

__all__ = ["MISSING", "TabulatedMetric", "averaged", "tabulate"]

MISSING = ("refuse", "exclude", "worst", "surrogate")
_SHOWN = ("rows", "r2", "tau", "mae", "rmse")


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
        Architectures without a value, which were given the worst one, or a surrogate's.
    excluded : int
        Architectures that the benchmark's space excludes, as they have no value of some metric.
    error : float or None
        Mean absolute error of that surrogate on architectures that it was not fitted on, by cross-validation.
    """

    name: str
    values: int
    repeats: tuple[int, int]
    noise: float | None
    filled: int
    error: float | None = None
    excluded: int = 0


def tabulate(
    dataset: Dataset,
    metrics: Sequence[MetricSpec],
    out: str | Path,
    *,
    missing: str = "refuse",
    budget: float = 120.0,
    threads: int | None = None,
    progress: Callable[[str, float], None] | None = None,
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
    missing : {"refuse", "exclude", "worst", "surrogate"}
        What to do where an architecture has no value: refuse the table, exclude the architecture from the space of
        the benchmark, so that it is infeasible whatever is asked, take the worst value of the metric, so that it is
        never the better choice, or what models say that are chosen from the others and fitted to them (see
        `accelnas.fitting.automatic.fit_automatically`). Of the last two, the provenance says of how many and of which
        (``"filled"``, ``"filled_by"``, ``"filled_indices"``, ``"filled_left_out"``).
    budget : float
        Seconds for choosing the models of a metric that has gaps, above 0: counted work, no clock.
    threads : int, optional
        Models fitted at the same time; None means all cores.
    progress : callable, optional
        Called with (metric, share of the budget that is used) while models are chosen.

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
    Repeats are stored beside them, and `accelnas.Benchmark.query` draws one of those of an architecture; where there is
    none, it is Gaussian noise around the value.
    Nothing is written unless all metrics are complete.
    """
    check_choice("missing", missing, MISSING)
    check_number("budget", budget, 0.001, 1e9, DataError)
    check_threads(threads)
    space, all_found = tabulated_space(dataset.space), [averaged(dataset, metric) for metric in metrics]
    kept = np.full(dataset.space.size, fill_value=True)
    if missing == "exclude":
        kept = ~np.any([np.isnan(values) for _, values, *_ in all_found], axis=0)
        space = _without(space, np.flatnonzero(~kept))
    made = []
    for spec, everywhere, all_repeats, found in all_found:
        values, repeats = everywhere[kept], _of(all_repeats, kept)
        empty = np.flatnonzero(np.isnan(values))
        found = replace(found, filled=len(empty), excluded=int(np.count_nonzero(~kept)))
        provenance = {"data_sha256": dataset.sha256, "family": "table", "filled": str(found.filled)}
        if empty.size:
            if missing == "refuse":
                first = dataset.space.format(dataset.space.at(empty[:1]))[0]
                raise DataError(
                    f"{spec.name}: {empty.size:,} of {dataset.space.size:,} architectures have no value, the first "
                    f"is {first}; complete the table, exclude the missing, or let them be the worst or a surrogate's"
                )
            provenance |= {"filled_by": missing, "filled_indices": _ranges(empty)}
            if missing == "worst":
                values[empty] = np.nanmin(values) if spec.direction == "maximise" else np.nanmax(values)
            else:
                tell = partial(progress, spec.name) if progress else None
                values, figures = completed(space, spec, values, budget, threads, tell)
                found = replace(found, error=figures.mae)
                provenance["filled_left_out"] = json.dumps({name: getattr(figures, name) for name in _SHOWN})
        drawn = repeats if found.noise is not None else None  # not repeated: noise is what is stated
        made.append((spec, _core.Surrogate.tabulated(space._core, values, drawn), provenance, found))
    for spec, surrogate, provenance, _ in made:
        write_metric(out, spec, surrogate, provenance)
    return [found for *_, found in made]


def _without(space: Space, indices: NDArray[np.intp]) -> Space:
    """Give a space without some of its architectures."""
    if not indices.size:
        return space
    if indices.size == space.size:
        raise DataError(f"no architecture of {space.name} has a value of every metric; tabulate fewer metrics")
    table = definition(space)
    lists = {name: table.pop(name, []) for name in ("classes", "excluded")}
    blocks = {block["name"]: block["variables"] for block in table.pop("blocks")}
    # Lists are of the space that all other rules leave.
    before = defined(**table, blocks=blocks)
    lists["excluded"] = sorted([*lists["excluded"], *before.index(space.at(indices)).tolist()])
    return defined(**table, blocks=blocks, **lists)


def _of(repeats: Repeats, kept: NDArray[np.bool_]) -> Repeats:
    """Give the repeats of some architectures."""
    offsets, values = repeats
    counts = np.diff(offsets)
    return np.concatenate([[0], np.cumsum(counts[kept])]).astype(np.uint32), values[np.repeat(kept, counts)]


def averaged(dataset: Dataset, metric: MetricSpec) -> tuple[MetricSpec, Floats, Repeats, TabulatedMetric]:
    """Give a metric with its noise, the mean of each architecture (by index; NaN where there is none), and of what.

    Repeats are where the values of each architecture start, and all values.
    """
    index = dataset.space.index(dataset.choices).astype(np.int64)  # whatever the blocks
    measured = dataset.measured(metric.name)
    order = np.argsort(index, kind="stable")
    of_row, flat = np.repeat(index[order], measured.shape[1]), measured[order].reshape(-1)
    of_row, flat = of_row[~np.isnan(flat)], flat[~np.isnan(flat)]
    size = dataset.space.size
    counts = np.bincount(of_row, minlength=size)
    with np.errstate(invalid="ignore"):
        means = np.bincount(of_row, flat, minlength=size) / counts
    squares = np.bincount(of_row, (flat - means[of_row]) ** 2, minlength=size)
    freedom = int((counts - 1).clip(0).sum())
    noise = float(np.sqrt(squares.sum() / freedom)) if freedom else None
    given = counts[counts > 0]  # a metric of a data set has a value
    repeats = (int(given.min()), int(given.max()))
    spec = replace(metric, link="identity", noise=noise if metric.noise is None else metric.noise)
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.uint32)
    report = TabulatedMetric(metric.name, len(flat), repeats, noise, int((counts == 0).sum()))
    return spec, means, (offsets, flat), report


def _ranges(index: NDArray[np.int64]) -> str:
    """Write ascending numbers briefly.

    Examples
    --------
    >>> _ranges(np.array([0, 3, 4, 5, 9]))
    '0, 3-5, 9'
    """
    runs = np.split(index, np.flatnonzero(np.diff(index) > 1) + 1)
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)
