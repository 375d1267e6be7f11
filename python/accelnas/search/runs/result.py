"""Many runs of one algorithm, and how good they were."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from accelnas import _core
from accelnas.arguments import check_number, check_whole, check_wholes
from accelnas.caching import cached_property
from accelnas.errors import SearchError
from accelnas.exact.questions import RankQuestion
from accelnas.exact.solve import solve
from accelnas.notebook import Tabled
from accelnas.plots.runs import draw_curves
from accelnas.plots.style import on
from accelnas.search.history import feasible
from accelnas.search.proven import known_front, known_optimum, optimum
from accelnas.search.runs import quality
from accelnas.search.runs.summary import Summary, summarised
from accelnas.search.runs.tables import of_runs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import polars
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike, NDArray

    from accelnas.exact.front import FrontResult
    from accelnas.notebook import Table
    from accelnas.search.runs.logs import Logs
    from accelnas.search.runs.plan import Plan
    from accelnas.space import Rows

    Floats: TypeAlias = NDArray[np.float64]

__all__ = ["At", "Runs", "draw_runs"]

At: TypeAlias = "Sequence[int] | NDArray[np.int64] | None"
"""Numbers of evaluations, 1 to the budget; all of them by default."""

By: TypeAlias = 'Literal["evaluation", "time"]'
"""What curves are drawn over."""

Times: TypeAlias = "Sequence[float] | Floats | None"
"""Simulated costs, in the unit of the clock's metric."""

_MOST = 200_000_000  # values of a table


@dataclass(frozen=True, repr=False, eq=False)
class Runs(Tabled):
    """Many seeded runs of one algorithm.

    Attributes
    ----------
    plan : Plan
        The algorithm (`Plan.label`), what is sought where, the number of runs, the budget and the seed.
    logs : Logs
        Every improvement of every run.

    Examples
    --------
    >>> import accelnas
    >>> runs = accelnas.load().simulate("random_search", "accuracy", runs=100, budget=600, seed=1)
    >>> runs.best_values.shape, bool((runs.regret() >= 0).all())
    ((100, 600), True)
    """

    plan: Plan
    logs: Logs

    def __repr__(self) -> str:
        plan = self.plan
        return f"<Runs: {plan.runs} of {plan.label}, {plan.setting.sought}, {plan.budget} evaluations each>"

    def __len__(self) -> int:
        return self.plan.runs

    def _table(self) -> Table:
        return of_runs(self)

    @property
    def evaluations(self) -> NDArray[np.int64]:
        """Evaluations of each run, int64 (runs,): the budget, or fewer where its time ended."""
        return self.logs.done

    @property
    def label(self) -> str:
        """Name of the algorithm."""
        return self.plan.label

    @cached_property
    def scores(self) -> Floats:
        """What the search saw of every improvement, as people read it, (n, m); NaN for infeasible architectures."""
        return feasible(self.logs.scores, self.plan.setting.sought.signs)

    @cached_property
    def true_scores(self) -> Floats:
        """Objectives of every improvement by float64 predictions, without noise, (n, m)."""
        rows, inverse = np.unique(self.logs.rows, axis=0, return_inverse=True)
        found = self.plan.setting.true_scores(rows)[inverse.reshape(-1)]
        return np.where(np.isnan(self.scores), np.nan, found)

    @property
    def best_values(self) -> Floats:
        """Best value that each run saw so far, float64 (runs, budget); NaN before the first feasible architecture.

        With fidelities that of the most epochs so far, so it may fall where a run goes on to more of them.

        Raises
        ------
        SearchError
            If there are several objectives, or the table would not fit; `curve` gives parts of it.
        """
        return self.curve()

    def curve(self, at: At = None, *, times: Times = None) -> Floats:
        """Give the best value that each run saw so far, at some evaluations or simulated costs: (runs, k)."""
        self._require_one("a best value")
        return self._values(self.scores[:, 0], at, times)

    def regret(self, at: At = None, *, times: Times = None) -> Floats:
        """Give the simple regret: how far the best so far is from the proven optimum, in float64, without noise.

        Parameters
        ----------
        at : sequence of int, optional
            Numbers of evaluations; all by default.
        times : sequence of float, optional
            In place of evaluations, costs so far in the unit of the clock's metric: simulated wall clock.

        Returns
        -------
        float64 array (runs, k)
            In the objective's unit; 0 where the optimum was found, NaN before the first feasible architecture. With
            noise, that of the architecture that looked best; with fidelities, that which the architecture with the best
            value after the most epochs so far would have after all of them.

        Raises
        ------
        SearchError
            If there are several objectives, or nothing exact is known of the objective.
        """
        self._require_one("a regret")
        sign = self.plan.setting.sought.signs[0]
        return self._values(sign * (optimum(self.plan.setting) - self.true_scores[:, 0]), at, times)

    def hypervolume(
        self,
        at: At = None,
        *,
        times: Times = None,
        reference: Mapping[str, float] | None = None,
        front: FrontResult | ArrayLike | None = None,
    ) -> Floats:
        """Give the hypervolume of each run's front over that of the exact front of the whole space: (runs, k).

        Parameters
        ----------
        at, times
            As for `regret`.
        reference : mapping of str to float, optional
            By metric the point from where volumes are measured; the published one by default.
        front : FrontResult or array (n, objectives), optional
            What to compare with: by default the exact front under the constraints, which is searched. Of four and five
            objectives that may be too large: give one of a part, or the values of the best points known.

        Returns
        -------
        float64 array (runs, k)
            1 where the whole front was found. By float64 predictions without noise, of all architectures that were
            on the run's front when they were found.

        Raises
        ------
        SearchError
            If there are not 2 to 5 objectives, no reference point is known, nothing exact is, or a front is given that
            does not fit.
        """
        return self._values(
            quality.normalised_hypervolumes(self.plan.setting, self.logs, self.true_scores, reference, front),
            at,
            times,
            empty=0.0,
        )

    def igd_plus(self, at: At = None, *, times: Times = None, front: FrontResult | ArrayLike | None = None) -> Floats:
        """Give the IGD+ of each run to the exact front (Ishibuchi et al. 2015): (runs, k).

        The mean over the points of the exact front of how far they are ahead of the nearest one found, every objective
        scaled to its range on the exact front. Less is better, 0 is the front itself; infinite before the first point.

        Raises
        ------
        SearchError
            As `hypervolume`.
        """
        pluses = quality.igd_pluses(self.plan.setting, self.logs, self.true_scores, front)
        return self._values(pluses, at, times, empty=np.inf)

    def ranks(self, quantiles: Sequence[float] = (0.05, 0.5, 0.95)) -> NDArray[np.int64]:
        """Give quantiles over runs of the exact rank in the whole space of what each run found: int64 (k,).

        Ranks fall as values rise, so the quantiles are the ranks of single runs (the next worse ones).

        Raises
        ------
        SearchError
            If there are several objectives, or the objective is no metric of tables.
        """
        self._require_one("a rank")
        sought, last = self.plan.setting.sought, self.final
        if sought.formulation is not None or sought.function is not None or sought.constraints:
            raise SearchError("ranks are of single metrics without constraints; use regret")
        regrets = self.regret([self.plan.budget])[:, 0]
        order = np.argsort(regrets, kind="stable")
        quantiles = [check_number("one of quantiles", q, 0, 1) for q in quantiles]
        chosen = [order[min(int(np.ceil(q * (len(order) - 1))), len(order) - 1)] for q in quantiles]
        found: Any = solve(self.plan.setting.bench, RankQuestion(last[chosen], sought.labels[0]))
        ranks: NDArray[np.int64] = np.asarray(found.rank, np.int64)
        return ranks

    @property
    def final(self) -> Rows:
        """What each run recommends at its end: uint8 (runs, variables).

        Raises
        ------
        SearchError
            If there are several objectives (use `front`), or a run found nothing within its budget.
        """
        self._require_one("a recommendation")
        if not self.logs.lengths.all():
            empty = int((self.logs.lengths == 0).argmax())
            done = self.evaluations[empty]
            raise SearchError(f"run {empty} recommends nothing after {done} evaluations; raise the budget, or its time")
        return self.logs.rows[self.logs.starts[1:] - 1]

    def front(self, run: int) -> tuple[Rows, Floats]:
        """Give the architectures of one run that none of the run dominates, and their objectives (n, m)."""
        run = check_whole("run", run, 0, len(self) - 1)
        own = slice(self.logs.starts[run], self.logs.starts[run + 1])
        rows, scores = self.logs.rows[own], self.scores[own]
        kept = ~np.isnan(scores[:, 0])
        rows, scores = rows[kept], scores[kept]
        if not len(rows):
            return rows, scores
        first = _core.non_dominated_ranks(np.ascontiguousarray(scores * self.plan.setting.sought.signs)) == 0
        return rows[first], scores[first]

    def times(self, at: At = None) -> Floats:
        """Give the simulated cost up to each run's latest improvement, (runs, k), in the unit of the clock's metric.

        Raises
        ------
        SearchError
            If there is no clock.
        """
        self._require_clock()
        return self._values(self.logs.times, at, empty=0.0)

    def summary(
        self,
        values: Floats | None = None,
        *,
        at: At = None,
        times: Times = None,
        level: float = 0.95,
        resamples: int = 1000,
        seed: int = 0,
    ) -> Summary:
        """Give mean, bootstrap interval of the mean, and quantiles over runs.

        Parameters
        ----------
        values : float64 array (runs, k), optional
            What to summarise, such as `regret` or `hypervolume` gives; `curve` by default.
        at : sequence of int, optional
            Numbers of evaluations of the columns; by default 50 from 1 to the budget, evenly on a log scale.
        times : sequence of float, optional
            In place of evaluations, simulated costs of the columns.
        level : float
            Of the percentile bootstrap interval (Efron 1979).
        resamples, seed : int
            Of the bootstrap.
        """
        if times is not None:
            moments = np.array([check_number("one of times", time) for time in times])
            table = self.curve(times=moments) if values is None else values
            return summarised(table, moments, level, resamples, seed, "time")
        columns = self.checkpoints() if at is None else check_wholes("evaluations", at, 1, self.plan.budget)
        return summarised(self.curve(columns) if values is None else values, columns, level, resamples, seed)

    def plot(self, ax: Axes | None = None, *, exact: bool = True, level: float = 0.95, by: By = "evaluation") -> Axes:
        """Draw the mean over runs with its interval by evaluations, or by simulated time; see `Comparison.plot`."""
        return draw_runs({self.label: self}, ax, exact, level, by)

    def measure(self, exact: bool = True) -> tuple[str, Callable[..., Floats]]:
        """Say what tells how good the runs are, and give what computes it as `regret` does: ``at``, ``times=``.

        ``"regret"`` where the optimum can be proven, else ``"best"``; of several objectives ``"hypervolume"``.

        Raises
        ------
        SearchError
            If there are several objectives and no exact front to compare with, or `exact` is False.
        """
        setting = self.plan.setting
        if len(setting.sought.labels) > 1:
            if not exact or known_front(setting) is None:
                raise SearchError(f"no exact front is known of {setting.sought}, which hypervolumes need; use front")
            return "hypervolume", self.hypervolume
        return ("regret", self.regret) if exact and known_optimum(setting) is not None else ("best", self.curve)

    def checkpoints(self, most: int = 50) -> NDArray[np.int64]:
        """Give numbers of evaluations from 1 to the budget, evenly on a log scale."""
        most = check_whole("most", most, 1, 1_000_000)
        return np.unique(np.geomspace(1, self.plan.budget, most).round().astype(np.int64))

    def moments(self, most: int = 50) -> Floats:
        """Give simulated costs from where every run has found something to the end of all, evenly on a log scale.

        Raises
        ------
        SearchError
            If there is no clock, or a run found nothing.
        """
        self._require_clock()
        most = check_whole("most", most, 1, 1_000_000)
        if not self.logs.lengths.all():
            empty = int((self.logs.lengths == 0).argmax())
            raise SearchError(f"run {empty} has found nothing by its end; give runs more time, or a larger budget")
        first, last = self.logs.times[self.logs.starts[:-1]].max(), self.logs.time.max()
        return np.unique(np.geomspace(first, last, most)) if first > 0 else np.linspace(first, last, most)

    def to_polars(self) -> polars.DataFrame:
        """Give one row an improvement: run, evaluation, architecture, scores, time."""
        setting = self.plan.setting
        frame = self.logs.to_polars(setting.bench.space, setting.sought.labels)
        import polars as pl

        labels = [pl.Series(f"score {label}", self.scores[:, i]) for i, label in enumerate(setting.sought.labels)]
        return frame.with_columns(labels).with_columns(pl.lit(self.label).alias("algorithm"))

    def _values(self, values: Floats, at: At, times: Times = None, empty: float = np.nan) -> Floats:
        """Give values of the latest improvements, (runs, k)."""
        if times is not None:
            self._require_clock()
            latest = self.logs.at_times(np.array([check_number("one of times", time) for time in times]))
            return np.where(latest < 0, empty, values[latest]) if len(values) else np.full(latest.shape, empty)
        budget = self.plan.budget
        columns = None if at is None else check_wholes("evaluations", at, 1, budget)
        number = budget if columns is None else len(columns)
        if number * len(self) > _MOST:
            raise SearchError(f"{len(self)} runs at {number} evaluations are too many to list; choose some with at")
        columns = np.arange(1, budget + 1) if columns is None else columns
        latest = self.logs.at(columns)
        return np.where(latest < 0, empty, values[latest]) if len(values) else np.full(latest.shape, empty)

    def _require_clock(self) -> None:
        if self.plan.setting.clock is None:
            raise SearchError("there is no clock; give simulate a clock, such as clock='train_time'")

    def _require_one(self, what: str) -> None:
        if self.logs.scores.shape[1] > 1:
            raise SearchError(f"{what} needs one objective, there are several; use hypervolume, igd_plus and front")


def draw_runs(comparison: Mapping[str, Runs], ax: Axes | None, exact: bool, level: float, by: By) -> Axes:
    """Draw runs of several algorithms; see `Comparison.plot`."""
    measures = {label: runs.measure(exact) for label, runs in comparison.items()}
    summaries = {}
    for label, (_, measure) in measures.items():
        runs = comparison[label]
        columns: Any = {"at": runs.checkpoints()} if by == "evaluation" else {"times": runs.moments()}
        summaries[label] = runs.summary(measure(**columns), **columns, level=level)
    with on(ax) as axes:
        name, volume = next(iter(measures.values()))[0], "hypervolume\n/ that of the exact front"
        setting = next(iter(comparison.values())).plan.setting
        xlabel = "evaluations" if by == "evaluation" else f"simulated {setting.clock_label}"
        if name == "hypervolume":
            draw_curves(axes, summaries, ylabel=volume, most=1.0, xlabel=xlabel)
        else:
            draw_curves(axes, summaries, ylabel=f"{name}, {setting.labels[0]}", xlabel=xlabel)
    return axes
