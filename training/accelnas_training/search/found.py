"""What a search found: its history as a table, and the best of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from accelnas import SearchError, _core

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from accelnas import Space
    from accelnas.metric import Metric
    from accelnas_training.arrays import Archs, Floats
    from accelnas_training.search.journal import Evaluation
    from accelnas_training.search.question import Question


@dataclass(frozen=True)
class Found:
    """All evaluations of a search.

    Attributes
    ----------
    question
        What was asked.
    space
        The search space.
    metrics
        Metrics by name.
    evaluations
        In the order in which they began.
    """

    question: Question
    space: Space
    metrics: Mapping[str, Metric]
    evaluations: Sequence[Evaluation]

    @property
    def told(self) -> list[Evaluation]:
        """Evaluations in the order in which they ended, and the algorithm was told."""
        ended = [one for one in self.evaluations if one.ended is not None]
        return sorted(ended, key=lambda one: one.ended or 0)

    @property
    def architectures(self) -> Archs:
        """Choice indices of `told`, uint8 (n, variables)."""
        rows = [one.architecture for one in self.told]
        return np.array(rows, np.uint8).reshape(len(rows), len(self.space.variables))

    @property
    def epochs(self) -> Any:
        """Epochs of each of `told`: int (n,)."""
        return np.array([one.epochs or self.question.scheme.trained_epochs for one in self.told], np.int64)

    def values(self, name: str) -> Floats:
        """Give a metric of `told`, float64 (n,); NaN where it is not known, as that of a training that failed."""
        return np.array([(one.metrics or {}).get(name, np.nan) for one in self.told], np.float64)

    @property
    def feasible(self) -> Any:
        """Whether each of `told` was trained, and meets the constraints: bool (n,).

        Of several fidelities those with the most epochs that any training had.
        """
        good = np.array([one.outcome == "trained" for one in self.told], bool)
        if self.question.epochs and good.any():
            good &= self.epochs == self.epochs[good].max()
        for limit in self.question.sought.constraints:
            values = self.values(limit.metric)
            good &= (limit.lower <= values) & (values <= limit.upper)
        return good

    @property
    def scores(self) -> Floats:
        """The objectives of `told`, float64 (n, objectives); NaN where it is not feasible."""
        names = [objective.metric for objective in self.question.sought.objectives]
        values = np.stack([self.values(name) for name in names], axis=1)
        values[~self.feasible] = np.nan
        return values

    @property
    def best_so_far(self) -> Floats:
        """The best value after each of `told`, float64 (n,), of one objective; NaN before anything feasible."""
        sign = self.question.sought.signs[0]
        best: Floats = sign * np.fmax.accumulate(sign * self.scores[:, 0])
        return best

    def best(self, count: int = 1) -> list[int]:
        """Give the places in `told` of the best different architectures, the first evaluation of each.

        Of several objectives those are of the front, in its order by the first objective.

        Raises
        ------
        SearchError
            If nothing is feasible.
        """
        known = np.flatnonzero(self.feasible)
        _, places = np.unique(self.architectures[known], axis=0, return_index=True)
        first = known[np.sort(places)]
        scores = np.ascontiguousarray(self.scores[first] * self.question.sought.signs)
        if not len(first):
            failed = sum(one.outcome == "failed" for one in self.told)
            remedy = "see `accelnas-training store status` for why" if failed else "raise the budget, or loosen them"
            raise SearchError(
                f"no architecture of {len(self.told)} was trained within the constraints, and {failed} trainings "
                f"failed; {remedy}"
            )
        if scores.shape[1] > 1:
            front = _core.non_dominated_ranks(scores) == 0
            first, scores = first[front], scores[front]
        chosen: list[int] = first[np.argsort(-scores[:, 0], kind="stable")][:count].tolist()
        return chosen

    def table(self) -> pl.DataFrame:
        """Give one row an evaluation, in the order in which they ended.

        ``evaluation`` (in the order of beginning, from 1), ``architecture``, the space's variables, ``outcome``
        (``trained``, ``failed`` or ``left out``), ``epochs`` where there are fidelities, ``repeated``, the metrics
        (null where not known), ``feasible``, and of one objective ``best``, the best so far.
        """
        told, rows = self.told, self.architectures
        first: dict[tuple[tuple[int, ...], int | None], int] = {}
        for one in self.evaluations:
            first.setdefault((one.architecture, one.epochs), one.number)
        decoded = self.space.decode(rows) if len(rows) else []
        names = dict.fromkeys(name for one in told for name in one.metrics or ())
        columns: dict[str, Any] = {
            "evaluation": [one.number + 1 for one in told],
            "architecture": self.space.format(rows) if len(rows) else [],
            **{v.name: [each[v.name] for each in decoded] for v in self.space.variables},
            "outcome": [one.outcome for one in told],
            **({"epochs": self.epochs} if self.question.epochs else {}),
            "repeated": [first[one.architecture, one.epochs] < one.number for one in told],
            **{name: self.values(name) for name in names},
            "feasible": self.feasible,
        }
        if len(self.question.sought.objectives) == 1:
            columns["best"] = self.best_so_far
        table = pl.DataFrame(columns, strict=False)
        return table.with_columns(pl.col(pl.Float64).fill_nan(None))
