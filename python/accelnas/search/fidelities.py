"""Fidelities of what a search seeks: the same metric after fewer epochs of training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from accelnas.arguments import check_whole
from accelnas.errors import MetricError, SearchError
from accelnas.fidelities import MOST_EPOCHS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from accelnas.models.predictor import Predictor
    from accelnas.search.objective import Sought

__all__ = ["EPOCHS", "Fidelities"]

EPOCHS = "epochs"
"""The clock by which an evaluation costs its epochs."""


@dataclass(frozen=True)
class Fidelities:
    """The ladder of an objective.

    Attributes
    ----------
    metrics : tuple of (int, str)
        Epochs, ascending, and the metric after them; the last one is the objective itself.
    from_scratch : bool
        Whether every training begins at the first epoch; else it goes on from the most epochs below that its
        architecture has ended in the run, and costs the difference.
    """

    metrics: tuple[tuple[int, str], ...]
    from_scratch: bool = False

    @classmethod
    def of(
        cls, bench: Predictor, sought: Sought, given: Mapping[int, str] | None, from_scratch: bool
    ) -> Fidelities | None:
        """Take the options of a search; by default those that the benchmark has of one metric, an empty one is none.

        Raises
        ------
        SearchError
            If there are several objectives, or the last fidelity is not the objective.
        MetricError
            If a metric is unknown, or of another direction.
        """
        is_metric = sought.function is None and sought.formulation is None and len(sought.objectives) == 1
        if given and not is_metric:
            raise SearchError(f"fidelities are of one metric, the objective is {sought}; leave them out")
        if given is None and is_metric and all(bench.metrics[name].exact for name in sought.columns):
            given = bench.fidelities(sought.objectives[0].metric)
        if not given:
            if from_scratch:
                raise SearchError("from_scratch is of an objective with fidelities, which this one has not")
            return None
        metrics = tuple(sorted((check_whole("epochs", n, 1, MOST_EPOCHS), name) for n, name in given.items()))
        (objective,) = sought.objectives
        if metrics[-1][1] != objective.metric:
            raise SearchError(
                f'the last of the fidelities is "{metrics[-1][1]}" after {metrics[-1][0]} epochs; let it be the '
                f'objective, "{objective.metric}"'
            )
        for _, name in metrics:
            if name not in bench.metrics:
                raise MetricError(f'unknown metric "{name}" of fidelities; the metrics are {", ".join(bench.metrics)}')
            own, whole = bench.metrics[name].direction, bench.metrics[objective.metric].direction
            if own != whole:
                raise MetricError(f'fidelity "{name}" is to {own}, "{objective.metric}" to {whole}; choose one alike')
        return cls(metrics, from_scratch)

    @property
    def epochs(self) -> tuple[int, ...]:
        """Epochs of the rungs, ascending."""
        return tuple(n for n, _ in self.metrics)

    @property
    def top(self) -> Fidelities:
        """Whole trainings alone."""
        return Fidelities(self.metrics[-1:], self.from_scratch)

    def to_json(self) -> dict[str, Any]:
        """Give it as plain data."""
        return {"metrics": {str(n): name for n, name in self.metrics}, "from_scratch": self.from_scratch}

    @classmethod
    def from_json(cls, content: Mapping[str, Any] | None) -> Fidelities | None:
        """Read what `to_json` gives."""
        if content is None:
            return None
        return cls(tuple((int(n), str(name)) for n, name in content["metrics"].items()), bool(content["from_scratch"]))
