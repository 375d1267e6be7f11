"""What is tried: recipes of the families on scales of the metric, the most promising first."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from accelnas.fitting.families import KNOWN_FAMILIES, Recipe, Stage
from accelnas.fitting.settings import MetricSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from accelnas.fitting.metric import MetricSpec
    from accelnas.space import Space

__all__ = ["ENUMERATED", "FOLDS", "MEMBERS", "Candidate", "candidates", "enumerates", "limit_of"]

ENUMERATED = 1 << 20  # joint choices of a space whose models become tables of all architectures
FOLDS, MEMBERS = 5, 6
MARGIN = 0.5  # of a limit beyond the best value, in distances from there to the median

_TREES = {"max_depth": 6, "learning_rate": 0.05, "min_child_weight": 2, "subsample": 0.8, "colsample_bynode": 0.8}
_LEAVES = {"num_leaves": 31, "learning_rate": 0.05, "min_data_in_leaf": 5, "bagging_fraction": 0.8, "bagging_freq": 1}
_PRODUCT = Recipe("product", "product_process", parameters={"steps": [[700, 120]], "processes": 2})
_TRIPLES = Recipe("triples", "anova_process", parameters={"orders": [3, 3, 3], "steps": [[800, 60]], "processes": 2})
_PAIRS = Recipe("pairs", "anova_process", parameters={"orders": [4, 4], "steps": [[800, 60]], "processes": 2})
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

    known: bool = False  # whether models see known metrics beside the choices

    @property
    def name(self) -> str:
        """Family and scale."""
        scaled = self.recipe.family if self.scale == "identity" else f"{self.recipe.family}, {self.scale}"
        return f"{scaled}, known metrics" if self.known else scaled

    def settings(self, metric: MetricSpec, values: NDArray[np.float64]) -> MetricSettings:
        """Give the settings of a metric with these measured values."""
        link = "identity" if self.scale == "limit" else self.scale
        limit = limit_of(values, metric.direction) if self.scale == "limit" else None
        own = {**vars(metric), "link": link, "recipe": self.recipe, "limit": limit}
        return MetricSettings(**own)

    def seconds(self, rows: int, variables: int) -> float:
        """About the time of a fit, on one core: counted, not measured, so that a budget always buys the same."""
        family = self.recipe.family
        if family in ("product_process", "anova_process"):
            steps: int = sum(count * min(size, rows) ** 2 for size, count in self.recipe.parameters["steps"])
            factor = 8e-9 if family == "product_process" else 1.2e-7
            return 2 * (steps * variables * factor + 6e-11 * rows**3) + 1.0
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


def candidates(space: Space, values: NDArray[np.float64], known: bool) -> Iterator[Candidate]:
    """Give what suits a space and the measured values of a metric; where metrics are known, with and without them."""
    for candidate in _unaided(space, values):
        if known and candidate.recipe.family in KNOWN_FAMILIES and candidate.recipe != _LIMITED:
            yield replace(candidate, known=True, recipe=_shared(candidate.recipe))
        yield candidate


def _shared(recipe: Recipe) -> Recipe:
    """Give the recipe of a model that sees known metrics: where it sums them, one process draws all members."""
    if recipe.family != "anova_process":
        return recipe
    return replace(recipe, parameters={**recipe.parameters, "processes": 1})


def _unaided(space: Space, values: NDArray[np.float64]) -> Iterator[Candidate]:
    if enumerates(space):
        for recipe in (_PRODUCT, _XGBOOST, _LIGHTGBM):
            yield Candidate(recipe, "limit")
            yield Candidate(recipe, "identity")
        for recipe, scale in ((_FOREST, "identity"), (_TRIPLES, "identity"), (_SVR, "limit")):
            yield Candidate(recipe, scale)
        return
    scales = ("identity", "log", "reciprocal") if (values > 0).all() else ("identity",)
    for scale in scales:
        for recipe in (_TRIPLES, _PAIRS, _LIMITED):
            yield Candidate(recipe, scale)
