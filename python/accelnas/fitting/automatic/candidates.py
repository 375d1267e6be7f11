"""What is tried: recipes of the families on scales of the metric, the most promising first."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from accelnas.fitting.anova.selection import ROWS, STEPS
from accelnas.fitting.automatic.scales import likeliest_scales
from accelnas.fitting.ensemble import link_of
from accelnas.fitting.families import Recipe, Stage
from accelnas.fitting.settings import MetricSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from accelnas.fitting.metric import MetricSpec
    from accelnas.space import Space

__all__ = ["ENUMERATED", "FOLDS", "MEMBERS", "Candidate", "candidates", "enumerates", "limit_of"]

ENUMERATED = 1 << 20  # joint choices of a space whose models become tables of all architectures
FOLDS, MEMBERS = 5, 6
COMPARED = 5  # kernels that learn before one is chosen, at most
MARGIN = 0.5  # of a limit beyond the best value, in distances from there to the median

_TREES = {"max_depth": 6, "learning_rate": 0.05, "min_child_weight": 2, "subsample": 0.8, "colsample_bynode": 0.8}
_LEAVES = {"num_leaves": 31, "learning_rate": 0.05, "min_data_in_leaf": 5, "bagging_fraction": 0.8, "bagging_freq": 1}
_PRODUCT = Recipe("product", "product_process", parameters={"steps": [[700, 120]], "processes": 2})
_TRIPLES = Recipe("triples", "anova_process", parameters={"orders": [3, 3, 3], "steps": [[800, 60]], "processes": 2})
_GROWN = Recipe(
    "grown",
    "anova_process",
    parameters={"orders": "likelihood", "positions": "likelihood", "steps": [[300, 80], [800, 20]], "processes": 2},
)
_XGBOOST = Recipe("trees", "xgboost", (Stage({"base_score": 0.0, **_TREES}, rounds=1000, stop=50),), one_hot=True)
_LIGHTGBM = Recipe("leaves", "lightgbm", (Stage(_LEAVES, rounds=1000, stop=50),), one_hot=True)
_FOREST = Recipe(
    "forest", "random_forest", (Stage({"min_samples_leaf": 1, "max_features": 0.7}, rounds=200),), one_hot=True
)
_SVR = Recipe("svr", "epsilon_svr", parameters={"C": 10.0, "epsilon": 0.05})
_LIMITED = Recipe(
    "limited trees",
    "xgboost",
    (Stage({"base_score": 0.0, **_TREES, "max_depth": 3}, rounds=3000, stop=50, max_blocks=3, max_variables=3),),
)


@dataclass(frozen=True)
class Candidate:
    """A recipe on a scale of the metric."""

    recipe: Recipe
    scale: str  # a link's name, or "limit": the logarithm of the distance to a value that is better than all

    @property
    def name(self) -> str:
        """Family and scale."""
        return self.recipe.family if self.scale == "identity" else f"{self.recipe.family}, {self.scale}"

    def settings(self, metric: MetricSpec, values: NDArray[np.float64]) -> MetricSettings:
        """Give the settings of a metric with these measured values."""
        own = {**vars(metric), "link": self.scale, "limit": None, "recipe": self.recipe}
        if self.scale == "limit":
            side = "below" if metric.direction == "maximise" else "above"
            own |= {"link": side, "limit": limit_of(values, metric.direction)}
        return MetricSettings(**own)

    def seconds(self, rows: int, variables: int) -> float:
        """About the time of a fit, on one core: counted, not measured, so that a budget always buys the same."""
        family = self.recipe.family
        if family in ("product_process", "anova_process"):
            steps: int = sum(count * min(size, rows) ** 2 for size, count in self.recipe.parameters["steps"])
            factor = 8e-9 if family == "product_process" else 4e-8
            chosen = COMPARED * STEPS * min(ROWS, rows) ** 2 if self.recipe is _GROWN else 0
            return (2 * steps + chosen) * variables * factor + 2 * 6e-11 * rows**3 + 1.0
        if family == "epsilon_svr":
            return 1.0 + FOLDS * 2e-7 * rows**2
        return 1.0 + MEMBERS * (0.4 if family == "lightgbm" else 1.0) * (0.3 + 1e-4 * rows * variables)


def limit_of(values: NDArray[np.float64], direction: str) -> float:
    """Give a value beyond the best one, by half its distance to the median.

    Examples
    --------
    >>> limit_of(np.array([60.0, 70.0, 74.0]), "maximise"), limit_of(np.array([2.0, 3.0, 9.0]), "minimise")
    (76.0, 1.5)
    """
    best = float(values.max() if direction == "maximise" else values.min())
    beyond = MARGIN * (best - float(np.median(values))) or (1.0 if direction == "maximise" else -1.0)
    return best + beyond


def enumerates(space: Space) -> bool:
    """Whether any model becomes a table of all architectures."""
    return math.prod(len(variable.states) for variable in space.variables) <= ENUMERATED


def candidates(
    space: Space, metric: MetricSpec, choices: NDArray[np.uint8], values: NDArray[np.float64], seed: int
) -> Iterator[Candidate]:
    """Give what suits a space and the measured values, float64 (n,), of a metric of choices, uint8 (n, variables)."""
    if enumerates(space):
        for recipe in (_PRODUCT, _XGBOOST, _LIGHTGBM):
            yield Candidate(recipe, "limit")
            yield Candidate(recipe, "identity")
        for recipe, scale in ((_FOREST, "identity"), (_TRIPLES, "identity"), (_SVR, "limit")):
            yield Candidate(recipe, scale)
        return
    scales = ("identity", "limit", "log", "reciprocal") if (values > 0).all() else ("identity", "limit")
    links = {scale: link_of(Candidate(_GROWN, scale).settings(metric, values)) for scale in scales}
    for scale in likeliest_scales(space, choices, values, links, seed):
        for recipe in (_GROWN, _LIMITED):
            yield Candidate(recipe, scale)
