"""One run of a guided search: first some random architectures, then the best new one of an acquisition."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import numpy as np

from accelnas import _core
from accelnas.errors import SearchError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accelnas.search.protocol import Task, Values
    from accelnas.space import Rows, Space

    Floats = NDArray[np.float64]

__all__ = ["GuidedRun", "best_of"]

_KNOWN = 16  # best architectures of an acquisition, of which the first that is new is asked for
_FAR = 4.0  # median absolute deviations
_INFEASIBLE = -1e299  # scores below are of architectures that break constraints


class GuidedRun(ABC):
    """One run, asked and told; what differs is the acquisition."""

    asynchronous = True
    takes_start = True

    def __init__(self, kind: str, initial: int, task: Task) -> None:
        if len(task.objectives) > 1:
            raise SearchError(
                f"{kind} needs one objective, there are {len(task.objectives)}; make one of them with a formulation"
            )
        self.space, self._sign = task.space, float(task.signs[0])
        self.chance = np.random.default_rng(task.seed)
        self.rows: Rows = np.empty((0, len(task.space.variables)), np.uint8)
        self._scores: Values = np.empty(0)
        self._asked: set[bytes] = set()
        missing = initial - (0 if task.start is None else len(task.start))
        first = [] if task.start is None else [task.start]
        if missing > 0:
            first.append(task.space.sample(missing, int(self.chance.integers(2**63))))
        self._waiting = list(np.concatenate(first))

    @abstractmethod
    def acquisition(self, targets: Floats) -> _core.Surrogate:
        """Give what is to be largest of the next architecture.

        Parameters
        ----------
        targets
            float64 (n,): scores of `rows`, of which more is better, of zero mean and unit variance.
        """

    def ask(self) -> Rows:
        """Give what is left of the first architectures, then the best one of an acquisition that is new."""
        if self._waiting or len(np.unique(self.rows, axis=0)) < 2:
            row = self._waiting.pop(0)[None] if self._waiting else self._random()
        else:
            found = best_of(self.space, self.acquisition(self._targets()), _KNOWN)
            new = [row[None] for row in found if row.tobytes() not in self._asked]
            row = new[0] if new else self._random()
        self._asked.add(row.tobytes())
        return row

    def tell(self, archs: Rows, values: Values) -> None:
        """Take values."""
        self.rows = np.concatenate([self.rows, archs])
        self._scores = np.concatenate([self._scores, self._sign * np.asarray(values, np.float64).reshape(-1)])

    def _random(self) -> Rows:
        return self.space.sample(1, int(self.chance.integers(2**63)))

    def _targets(self) -> Floats:
        """Scores of zero mean and unit variance. How bad the bad ones are says little of where the best ones are.

        So what is far below the median counts as if it were nearer, and what breaks constraints as the worst.
        """
        feasible = self._scores > _INFEASIBLE
        kept = self._scores[feasible] if feasible.any() else np.zeros(1)
        middle = float(np.median(kept))
        least = max(float(kept.min()), middle - _FAR * float(np.median(np.abs(kept - middle))))
        scores = np.where(feasible, np.maximum(self._scores, least), least)
        spread = float(scores.std())
        centred: Floats = (scores - scores.mean()) / (spread if spread > 0 else 1.0)
        return centred


def best_of(space: Space, surrogate: _core.Surrogate, count: int) -> Rows:
    """Give the architectures of the whole space of which a sum of tables is largest, best first: uint8 (k, variables).

    Proven, as `accelnas.Benchmark.best`.
    """
    bench = _core.Benchmark.empty(space._core).with_metric(
        "acquisition",
        surrogate,
        unit="",
        direction="maximise",
        link="identity",
        noise=None,
        description="",
        provenance={},
    )
    search = _core.Search(bench, "best", [(0, "maximise")], [], k=count, threads=1)
    rows: Rows = search.result(search.run(search.start(1), 0, search.jobs, 1), 1)["rows"]
    return rows
