"""What one search saw, in the order of its evaluations."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from accelnas import _core
from accelnas.errors import SearchError
from accelnas.exact.engine import Run
from accelnas.exact.questions import BestQuestion, ScalarisedQuestion
from accelnas.exact.solve import solve

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars
    from numpy.typing import NDArray

    from accelnas.exact.questions import Question
    from accelnas.search.problem import Setting
    from accelnas.space import Rows

__all__ = ["History", "feasible", "optimum"]

INFEASIBLE = -1e300
"""Scores of infeasible architectures are at or below this where feasible ones come first."""


@dataclass(frozen=True, repr=False, eq=False)
class History:
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
        dominated. Where an algorithm says what it recommends, as `SuccessiveHalving` does, its recommendations.
    improved_at : int64 array
        After how many evaluations each of them was.
    improved_scores : float64 array (k, m)
        Their scores as people read them; of a recommendation what the algorithm thinks of it, such as a mean.
    seed : int
        The run's seed.
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


def optimum(setting: Setting, threads: int | None = None) -> float:
    """Give the proven optimum of one objective under its constraints.

    Raises
    ------
    SearchError
        If nothing exact is known of it.
    """
    sought, limits = setting.sought, {c.metric: (c.lower, c.upper) for c in setting.sought.constraints}
    if sought.function is not None:
        raise SearchError("the optimum of a function is not known; compare best_values")
    if sought.penalty is not None and limits:
        raise SearchError("the optimum under a penalty is not known; leave penalty out, or compare best_values")
    key = ("optimum", json.dumps(sought.to_json()), setting.allowed)  # with all weights and targets
    cache = setting.bench._proven
    if key not in cache:
        within: Any = setting.within()
        question: Question
        if sought.formulation is not None:
            question = ScalarisedQuestion(sought.formulation, limits, within)
        else:
            (objective,) = sought.objectives
            question = BestQuestion((objective.metric, objective.direction), limits, within)
        rows = solve(setting.bench, question, Run(threads=threads)).architectures
        if not len(rows):
            raise SearchError(f"no architecture at all meets {', '.join(map(str, sought.constraints))}; loosen them")
        cache[key] = float(setting.true_scores(rows[:1], threads)[0, 0])
    proven: float = cache[key]
    return proven
