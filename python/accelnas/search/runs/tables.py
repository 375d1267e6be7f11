"""What notebooks show of runs: nothing that would have to be searched for, so best values and sizes of fronts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from accelnas.notebook import MOST, Table, evenly

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from accelnas.search.runs.plan import Plan
    from accelnas.search.runs.summary import Summary
    from accelnas.space import Rows

__all__ = ["of_algorithms", "of_runs"]

_SHOWN = 8  # numbers of evaluations
_SUMMARY = ("mean", "from (95 %)", "to", "5 %", "50 %", "95 %")


class Shown(Protocol):
    """What is read of `accelnas.search.runs.Runs`."""

    @property
    def plan(self) -> Plan:
        """What was run."""
        ...

    def __len__(self) -> int: ...

    def checkpoints(self, most: int = 50) -> NDArray[np.int64]:
        """Numbers of evaluations."""
        ...

    def summary(self, values: None = None, *, at: Any = None) -> Summary:
        """Statistics of the best values."""
        ...

    def front(self, run: int) -> tuple[Rows, NDArray[np.float64]]:
        """Front of one run."""
        ...


def of_runs(runs: Shown) -> Table:
    """Give the best values after some evaluations; of several objectives what single runs found."""
    labels = runs.plan.setting.labels
    if len(labels) > 1:
        header = ("run", "points of its front", *(f"best {label}" for label in labels))
        return Table(header, [_front(runs, run) for run in evenly(len(runs))], len(runs))
    at = runs.checkpoints(_SHOWN)
    rows = [[int(n), *row] for n, row in zip(at, _summaries(runs, at), strict=True)]
    return Table(("evaluations", f"best {labels[0]}, mean", *_SUMMARY[1:]), rows, len(rows))


def of_algorithms(runs: Mapping[str, Shown]) -> Table:
    """Give the best values of algorithms at their budget; of several objectives what the runs found together."""
    chosen = list(runs.items())[:MOST]
    labels = chosen[0][1].plan.setting.labels
    if len(labels) > 1:
        header = ("algorithm", "runs", "points of a front, mean", *(f"best {label}" for label in labels))
        return Table(header, [(label, len(own), *_fronts(own)) for label, own in chosen], len(runs))
    header = ("algorithm", "runs", f"best {labels[0]}, mean", *_SUMMARY[1:])
    rows = [(label, len(own), *_summaries(own, np.array([own.plan.budget]))[0]) for label, own in chosen]
    return Table(header, rows, len(runs))


def _summaries(runs: Shown, at: Any) -> list[list[float]]:
    found = runs.summary(at=at)
    columns = (found.mean, found.lower, found.upper, *(found.quantiles[q] for q in (0.05, 0.5, 0.95)))
    return [[float(column[i]) for column in columns] for i in range(len(at))]


def _front(runs: Shown, run: int) -> list[Any]:
    values, signs = runs.front(run)[1], runs.plan.setting.sought.signs
    best = (values * signs).max(axis=0) * signs if len(values) else np.full(len(signs), np.nan)
    return [run, len(values), *best.tolist()]


def _fronts(runs: Shown) -> list[float]:
    """Mean size of the runs' fronts, and the best value of each objective that any of them found."""
    signs = runs.plan.setting.sought.signs
    each = np.array([_front(runs, run)[1:] for run in range(len(runs))], np.float64)
    found = each[each[:, 0] > 0, 1:] * signs
    best = found.max(axis=0) * signs if len(found) else np.full(len(signs), np.nan)
    return [float(each[:, 0].mean()), *best.tolist()]
