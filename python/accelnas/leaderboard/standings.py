"""How algorithms stand on each task: mean losses with intervals, ranks, curves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from accelnas.errors import SearchError
from accelnas.leaderboard.ranking import ranks
from accelnas.leaderboard.runs import losses_at, replayed
from accelnas.leaderboard.task import tasks
from accelnas.reports import joined, markdown, number
from accelnas.search.runs.summary import summarised

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from accelnas.leaderboard.check import Checked, Entry
    from accelnas.leaderboard.record import RunRecord
    from accelnas.leaderboard.task import LeaderboardTask

    Floats = NDArray[np.float64]

__all__ = ["Standing", "Standings", "standings", "to_columns", "to_markdown"]

_POINTS = 40  # of a curve


@dataclass(frozen=True)
class Standing:
    """How one algorithm stands on a task; arrays have one number a budget.

    Attributes
    ----------
    entry : Entry
        Its record.
    ranks : int64 array (budgets,)
        1 for the best, and for what no test tells apart from it.
    mean, lower, upper : float64 array (budgets,)
        Loss over runs, and its 95 % bootstrap interval; NaN where no run had found anything feasible.
    lacking : int64 array (budgets,)
        Runs that had found nothing feasible: they count as the worst of all runs on the task.
    curve : float64 array (points,)
        Mean loss at `Standings.evaluations`; NaN where a run lacks one.
    """

    entry: Entry
    ranks: NDArray[np.int64]
    mean: Floats
    lower: Floats
    upper: Floats
    lacking: NDArray[np.int64]
    curve: Floats

    @property
    def label(self) -> str:
        """The algorithm's name, with settings that are not the usual ones."""
        return str(self.entry.record.entrant)

    @property
    def checked(self) -> str:
        """What was checked of its record."""
        return f"{self.entry.rerun} of {len(self.entry.record.runs)} runs" if self.entry.rerun else "values"

    def interval(self, i: int) -> str:
        """Write mean and interval at a budget."""
        mean, lower, upper = (number(float(part[i]), 3) for part in (self.mean, self.lower, self.upper))
        lacking = f", {self.lacking[i]} without any" if self.lacking[i] else ""
        return f"{mean} [{lower}, {upper}]{lacking}"


@dataclass(frozen=True)
class Standings:
    """All algorithms on one task, the best first."""

    task: LeaderboardTask
    unit: str
    evaluations: NDArray[np.int64]
    rows: tuple[Standing, ...]


def standings(checked: Checked) -> tuple[Standings, ...]:
    """Rank the records of a checked folder, task by task.

    Raises
    ------
    SearchError
        If a record has a fault.
    MissingExtraError
        If SciPy is not installed.
    """
    if checked.faults:
        raise SearchError(f"{checked.faults[0]}; mend or remove it first (faults in all: {len(checked.faults)})")
    found = []
    for name, task in tasks().items():
        entries = [entry for entry in checked.entries if entry.record.task == name]
        if entries:
            found.append(_standings(task, entries))
    return tuple(found)


def _standings(task: LeaderboardTask, entries: list[Entry]) -> Standings:
    setting, budgets = task.setting(), np.array(task.budgets)
    evaluations = np.unique(np.geomspace(1, task.budget, _POINTS).round().astype(np.int64))
    losses = np.array([[own.losses for own in entry.record.runs] for entry in entries], np.float64)  # None is NaN
    lacking = np.isnan(losses)
    known = np.where(lacking, -np.inf, losses).max(axis=(0, 1))
    filled = np.where(lacking, np.where(np.isfinite(known), known, 0.0), losses)
    every = np.stack([ranks(filled[:, :, i]) for i in range(len(budgets))], axis=1)
    rows = []
    for i, entry in enumerate(entries):
        summary = summarised(filled[i], budgets, 0.95, 1000, 0)
        nothing = lacking[i].all(axis=0)
        mean, lower, upper = (np.where(nothing, np.nan, p) for p in (summary.mean, summary.lower, summary.upper))
        curve = np.mean([_curve(task, own, evaluations) for own in entry.record.runs], axis=0)
        rows.append(Standing(entry, every[i], mean, lower, upper, lacking[i].sum(axis=0), curve))
    rows.sort(key=lambda row: (row.ranks[-1], np.nan_to_num(row.mean[-1], nan=np.inf), row.label))
    names = list(task.objectives)
    unit = setting.bench.metrics[names[0]].unit if len(names) == 1 else ""
    return Standings(task, unit, evaluations, tuple(rows))


def _curve(task: LeaderboardTask, own: RunRecord, evaluations: NDArray[np.int64]) -> Floats:
    setting = task.setting()
    rows = setting.bench.space.at(np.array(own.architectures, np.uint64))
    if own.at is not None:
        return losses_at(task, setting, own.at, rows, evaluations)
    history = replayed(task, rows, own.seed)
    feasible = ~np.isnan(history.improved_scores[:, 0])
    return losses_at(task, setting, history.improved_at[feasible], rows[history.improvements[feasible]], evaluations)


def to_columns(tables: Iterable[Standings]) -> dict[str, list[Any]]:
    """Give one row a task, algorithm and budget."""
    names = ("task", "evaluations", "rank", "algorithm", "kind", "loss", "mean", "lower", "upper", "runs", "checked")
    columns: dict[str, list[Any]] = {name: [] for name in names}
    for table in tables:
        for i, budget in enumerate(table.task.budgets):
            for row in table.rows:
                record = row.entry.record
                numbers = (float(row.mean[i]), float(row.lower[i]), float(row.upper[i]), len(record.runs))
                who = (int(row.ranks[i]), row.label, record.entrant.kind, table.task.loss)
                for name, value in zip(names, (str(table.task), budget, *who, *numbers, row.checked), strict=True):
                    columns[name].append(value)
    return columns


def to_markdown(tables: Iterable[Standings]) -> str:
    """Write a section and a table a task."""
    sections = []
    for table in tables:
        task = table.task
        header = ("algorithm", "from", "checked", "rank", *(f"after {budget}" for budget in task.budgets))
        rows = [
            (
                row.label,
                row.entry.record.entrant.kind,
                row.checked,
                int(row.ranks[-1]),
                *(f"{row.interval(i)}, rank {row.ranks[i]}" for i in range(len(task.budgets))),
            )
            for row in table.rows
        ]
        sections += [f"## {task}", caption(table), markdown(header, rows, words=3)]
    return joined("# Leaderboard", *sections)


def caption(table: Standings) -> str:
    """Say what a table shows."""
    unit = f" in {table.unit}" if table.unit else ""
    what = "Regret" if table.task.loss == "regret" else "1 less hypervolume over that of the exact front"
    return f"{table.task.description} {what}{unit}: mean of {table.task.runs} runs [95 % interval], and rank."
