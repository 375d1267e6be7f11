"""What one search saw, in the order of its evaluations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from accelnas import _core
from accelnas.errors import SearchError
from accelnas.notebook import MOST, Table, Tabled
from accelnas.plots.runs import Line, Panel, draw_curves, draw_panel
from accelnas.plots.style import on
from accelnas.search.proven import known_front, known_optimum, optimum

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from accelnas.search.problem import Setting
    from accelnas.space import Rows

__all__ = ["History", "feasible"]

INFEASIBLE = -1e300
"""Scores of infeasible architectures are at or below this where feasible ones come first."""


@dataclass(frozen=True, repr=False, eq=False)
class History(Tabled):
    """Every evaluation of one run.

    Attributes
    ----------
    architectures : uint8 array (n, variables)
        Choice indices, in the order of evaluations.
    values : mapping of str to float64 array (n,)
        What the search saw of every metric that it sought or that constrains it: float32 predictions, or
        simulated measurements where there is noise.
    scores : float64 array (n, m)
        The objectives as people read them, one column each; of a formulation its score. NaN for infeasible
        architectures.
    times : float64 array (n,) or None
        Simulated cost up to and including each evaluation, in the unit of the clock's metric.
    improvements : int64 array
        Positions of the evaluations that were the best so far; of several objectives those that nothing before
        dominated. With fidelities, the best of the most epochs so far. Where an algorithm says what it recommends, as
        `SuccessiveHalving` does of repeated measurements, its recommendations.
    improved_at : int64 array
        After how many evaluations each of them was.
    improved_scores : float64 array (k, m)
        Their scores as people read them; of a recommendation what the algorithm thinks of it, such as a mean.
    seed : int
        The run's seed.
    epochs : int64 array (n,) or None
        Epochs of each evaluation, where the objective has fidelities: its values and scores are those after so many.
    """

    architectures: Rows
    values: Mapping[str, NDArray[np.float64]]
    scores: NDArray[np.float64]
    times: NDArray[np.float64] | None
    improvements: NDArray[np.int64]
    improved_at: NDArray[np.int64]
    improved_scores: NDArray[np.float64]
    seed: int
    setting: Setting
    epochs: NDArray[np.int64] | None = None

    def __repr__(self) -> str:
        sought, found = self.setting.sought, f"{len(self.front)} points"
        if self.scores.shape[1] == 1:
            feasible = len(self.improvements) and not np.isnan(self.improved_scores[-1, 0])
            found = f"the best {self.best[1]:.6g}" if feasible else "none feasible"
        return f"<History: {sought}, {len(self)} evaluations, {found}>"

    def __len__(self) -> int:
        return len(self.architectures)

    @property
    def best_values(self) -> NDArray[np.float64]:
        """Best value so far after each evaluation, float64 (n,); NaN before the first feasible architecture.

        With fidelities that of the most epochs so far: it may be worse than that of fewer epochs before.

        Raises
        ------
        SearchError
            If there are several objectives.
        """
        self._require_one("a best value")
        best = np.full(len(self), np.nan)
        best[self.improved_at - 1] = self.improved_scores[:, 0]
        seen = np.maximum.accumulate(np.where(np.isnan(best), 0, np.arange(len(self))))
        return best[seen]

    @property
    def best(self) -> tuple[Rows, float]:
        """The best architecture, uint8 (variables,), and its value as the search saw it.

        Raises
        ------
        SearchError
            If there are several objectives, or nothing was feasible.
        """
        self._require_one("a best architecture")
        if not len(self):
            raise SearchError("no evaluation ended within the run's time; give it more")
        if not len(self.improvements) or np.isnan(self.improved_scores[-1, 0]):
            raise SearchError(f"no architecture of {len(self)} met the constraints; raise the budget, or loosen them")
        return self.architectures[self.improvements[-1]], float(self.improved_scores[-1, 0])

    @property
    def front(self) -> NDArray[np.int64]:
        """Positions of the evaluations that no other one dominates, the first of equals, in their order."""
        chosen = self.improvements[~np.isnan(self.scores[self.improvements, 0])]
        signed = np.ascontiguousarray(self.scores[chosen] * self.setting.sought.signs)
        found: NDArray[np.int64] = chosen[_core.non_dominated_ranks(signed) == 0] if len(chosen) else chosen
        return found

    def regret(self, threads: int | None = None) -> NDArray[np.float64]:
        """Give how far the best so far is from the proven optimum, in float64, without noise: (n,).

        Raises
        ------
        SearchError
            If there are several objectives, or nothing exact is known of the objective.

        Examples
        --------
        >>> import accelnas
        >>> history = accelnas.load().search("regularized_evolution", "accuracy", budget=2000, seed=1)
        >>> regret = history.regret()
        >>> bool(regret[0] > 2 > regret[-1] >= 0)
        True
        """
        self._require_one("a regret")
        sign = self.setting.sought.signs[0]
        own = self.setting.true_scores(self.architectures[self.improvements], threads)[:, 0]
        own = np.where(np.isnan(self.improved_scores[:, 0]), np.nan, own)
        regrets = np.full(len(self), np.nan)
        regrets[self.improved_at - 1] = sign * (optimum(self.setting, threads) - own)
        seen = np.maximum.accumulate(np.where(np.isnan(regrets), 0, np.arange(len(self))))
        return regrets[seen]

    def plot(self, ax: Axes | None = None, *, exact: bool = True) -> Axes:
        """Draw the regret by evaluations, or the best value where no optimum is known; of two objectives the front.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw, in its own style; by default axes of a new figure, as wide as a column of a paper.
        exact : bool
            Whether to compare with the proven optimum, or front, where there is one.

        Returns
        -------
        matplotlib.axes.Axes
            Those axes. ``accelnas.plots.save(axes, "figure.pdf")`` writes a file.

        Raises
        ------
        SearchError
            If there are more than two objectives.
        ParameterError, MissingExtraError
            If `ax` is something else, or matplotlib is not installed.
        """
        labels = self.setting.labels
        if len(labels) > 2:
            raise SearchError(f"there are {len(labels)} objectives, a history of one or two is drawn; use front")
        with on(ax) as axes:
            if len(labels) == 1:
                known = exact and known_optimum(self.setting) is not None
                values, every = self.regret() if known else self.best_values, np.arange(1, len(self) + 1)
                what = f"{'regret' if known else 'best'}, {labels[0]}"
                draw_curves(axes, {"": Line(every, values)}, ylabel=what)
                return axes
            front = known_front(self.setting) if exact else None
            points = np.empty((0, 2)) if front is None else front.values[:, ::-1]
            found = {"found": self.scores[self.front][:, ::-1]}
            draw_panel(axes, Panel("", labels[1], labels[0], points, found))
        return axes

    def _table(self) -> Table:
        """Give the front, or the latest improvements, best last."""
        chosen = self.front if self.scores.shape[1] > 1 else self.improvements
        shown = chosen[-MOST:]
        texts = self.setting.bench.space.format(self.architectures[shown])
        rows = [
            (i + 1, *(column[i] for column in self.values.values()), text)
            for i, text in zip(shown.tolist(), texts, strict=True)
        ]
        return Table(("evaluation", *self.values, "architecture"), rows, len(chosen))

    def to_polars(self) -> polars.DataFrame:
        """Give one row an evaluation: number, architecture, metrics, scores, time."""
        import polars as pl

        columns: dict[str, Any] = {
            "evaluation": np.arange(1, len(self) + 1),
            "architecture": self.setting.bench.space.format(self.architectures),
            **self.values,
        }
        if self.setting.sought.formulation is not None:
            columns["score"] = self.scores[:, 0]
        if self.epochs is not None:
            columns["epochs"] = self.epochs
        if self.times is not None:
            columns["time"] = self.times
        return pl.DataFrame(columns)

    def _require_one(self, what: str) -> None:
        if self.scores.shape[1] > 1:
            names = ", ".join(self.setting.sought.labels)
            raise SearchError(f"{what} needs one objective, there are several ({names}); use front")


def feasible(scores: NDArray[np.float64], signs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn scores of the core into what people read; NaN for infeasible architectures."""
    read: NDArray[np.float64] = np.where(scores > INFEASIBLE, scores * signs, np.nan)
    return read
