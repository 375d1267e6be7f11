"""Search guided by an ensemble of boosted trees, compiled to tables in every step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from accelnas import _core
from accelnas.arguments import check_number, check_whole
from accelnas.fitting.encoding import Encoding
from accelnas.fitting.guided.run import GuidedRun
from accelnas.fitting.sources.xgboost_model import from_memory

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accelnas.search.protocol import Task

__all__ = ["BoostedTrees", "boosted_trees"]

_SETTINGS = {
    "tree_method": "hist",
    "eta": 0.1,
    "lambda": 1.0,
    "base_score": 0.0,  # targets have zero mean
    "nthread": 1,
}


@dataclass(frozen=True)
class BoostedTrees:
    """Search guided by an ensemble, as BANANAS (White, Neiswanger and Savani 2021), of boosted trees.

    Every member is fitted by XGBoost to a bootstrap sample of all that was told. The acquisition is Thompson sampling
    in the ensemble: a member drawn at random, moved towards the mean of all members. Trees of little depth are sums of
    small tables, so its best architecture of the whole space is proven, where BANANAS mutates the best known ones; that
    one is evaluated next, or the best that is new. One objective; ``accelnas[build]`` is needed.

    Parameters
    ----------
    initial : int
        Random architectures before the first ensemble, at least 2.
    members : int
        Of the ensemble, at least 1.
    rounds : int
        Trees of a member, at least 1.
    depth : int
        Of a tree, 1 to 4: the largest number of variables that interact.
    exploration : float
        What the drawn member's deviation from the mean of all is multiplied by, at least 0: 1 is the member itself, 0
        takes the best of the mean. A member itself, fitted to 50 values, finds less than random search in MnasNet's
        space, as the best of the whole space is where it errs most.

    Notes
    -----
    Expected improvement and BANANAS's independent Thompson sampling are no sums of tables, so they are not offered.

    Examples
    --------
    >>> import accelnas
    >>> from accelnas.fitting.guided import BoostedTrees
    >>> bench = accelnas.load("nasbench-macro")
    >>> history = bench.search(BoostedTrees(initial=10), "accuracy", budget=15, seed=1)
    >>> len(history.architectures)
    15
    """

    initial: int = 20
    members: int = 5
    rounds: int = 60
    depth: int = 2
    exploration: float = 0.3

    kind = "boosted_trees"

    def __post_init__(self) -> None:
        check_whole("initial", self.initial, 2)
        check_whole("members", self.members, 1, 100)
        check_whole("rounds", self.rounds, 1, 10_000)
        check_whole("depth", self.depth, 1, 4)
        check_number("exploration", self.exploration, 0, 100)

    def __call__(self, task: Task) -> _Run:
        """Begin a run.

        Raises
        ------
        SearchError
            If there are several objectives.
        """
        return _Run(self, task)


boosted_trees = BoostedTrees()
"""With its defaults, as commands take it: ``accelnas.fitting.guided:boosted_trees``."""


class _Run(GuidedRun):
    """One run, asked and told."""

    def __init__(self, settings: BoostedTrees, task: Task) -> None:
        super().__init__(settings.kind, settings.initial, task)
        self._settings, self._encoding = settings, Encoding.one_hot(task.space)

    def acquisition(self, targets: NDArray[np.float64]) -> _core.Surrogate:
        """Give a drawn member, moved towards the mean of all."""
        count, exploration = self._settings.members, self._settings.exploration
        weights = np.full(count, (1.0 - exploration) / count)
        weights[self.chance.integers(count)] += exploration
        seeds = self.chance.integers(2**31, size=count)
        fitted = [self._member(targets, int(seed), w) for seed, w in zip(seeds, weights.tolist(), strict=True) if w]
        members = [_core.Surrogate.lower(self.space._core, [forest]) for forest in fitted]
        return _core.Surrogate.combine(self.space._core, members, [1.0] * len(members), 0.0)

    def _member(self, targets: NDArray[np.float64], seed: int, weight: float) -> _core.Forest:
        """Fit trees to a bootstrap sample; give them times a weight."""
        import xgboost

        drawn = np.random.default_rng(seed).integers(len(targets), size=len(targets))
        data: Any = xgboost.DMatrix(self._encoding.transform(self.rows[drawn]), label=targets[drawn], nthread=1)
        settings = {**_SETTINGS, "max_depth": self._settings.depth, "seed": seed}
        source = from_memory(xgboost.train(settings, data, self._settings.rounds))
        return source.trees.forest(self.space, self._encoding, scale=weight)
