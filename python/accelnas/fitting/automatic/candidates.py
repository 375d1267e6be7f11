"""What is tried: recipes of the families on scales of the metric, the most promising first."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np

from accelnas.fitting.anova.robust import ROUNDS
from accelnas.fitting.anova.selection import JUDGED, ROWS, STEPS
from accelnas.fitting.automatic.scales import likeliest_scales
from accelnas.fitting.ensemble import link_of
from accelnas.fitting.families import KNOWN_FAMILIES, Recipe, Sample, Stage
from accelnas.fitting.families.anova import SCARCE
from accelnas.fitting.settings import MetricSettings, Settings

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from numpy.typing import NDArray

    from accelnas.fitting.metric import MetricSpec
    from accelnas.space import Space

__all__ = [
    "BASELINES",
    "ENUMERATED",
    "FOR_CURVE",
    "MEMBERS",
    "Candidate",
    "candidates",
    "enumerates",
    "folds_for",
    "limit_of",
    "of_families",
    "seconds_of_scales",
    "settings_of",
]

ENUMERATED = 1 << 20  # joint choices of a space whose models become tables of all architectures
FOLDS, MEMBERS = 5, 6
MOST_ROWS = 2000  # of scikit-learn's Gaussian process in a comparison of families: it learns from all rows at each step
FEW = 600  # rows to which processes learn their parameters for each fold apart, of which there are more
COMPARED = 5  # kernels that learn before one is chosen, at most
FOR_CURVE = 0.25  # part of the budget that is kept for the learning curve
MARGIN = 0.5  # of a limit beyond the best value, in distances from there to the median

_TREES = {"max_depth": 6, "learning_rate": 0.05, "min_child_weight": 2, "subsample": 0.8, "colsample_bynode": 0.8}
_LEAVES = {"num_leaves": 31, "learning_rate": 0.05, "min_data_in_leaf": 5, "bagging_fraction": 0.8, "bagging_freq": 1}
_PROCESS = {"processes": 2, "relearned": FEW}
_PRODUCT = Recipe("product", "product_process", parameters={"steps": [[700, 120]], **_PROCESS})
_AVERAGED = replace(_PRODUCT, parameters={**_PRODUCT.parameters, "processes": 6})
_ROBUST = {**_PROCESS, "robust": True}
_TRIPLES = Recipe("triples", "anova_process", parameters={"orders": [3, 3, 3], "steps": [[800, 60]], **_ROBUST})
_GROWN = Recipe(
    "grown",
    "anova_process",
    parameters={"orders": "likelihood", "positions": "likelihood", "steps": [[300, 80], [800, 20]], **_ROBUST},
)
# of many rows, the noise is found too small in fewer steps; those on 300 rows are cheap
_CONVERGED = replace(_GROWN, parameters={**_GROWN.parameters, "steps": [[300, 300], [800, 30]]})
_XGBOOST = Recipe("trees", "xgboost", (Stage({"base_score": 0.0, **_TREES}, rounds=1000, stop=50),), one_hot=True)
_LIGHTGBM = Recipe("leaves", "lightgbm", (Stage(_LEAVES, rounds=1000, stop=50),), one_hot=True)
_FOREST = Recipe(
    "forest", "random_forest", (Stage({"min_samples_leaf": 1, "max_features": 0.7}, rounds=200),), one_hot=True
)
_CATBOOST = Recipe(
    "oblivious trees", "catboost", (Stage({"depth": 6, "learning_rate": 0.05}, rounds=1000, stop=50),), one_hot=True
)
_SVR = Recipe("svr", "epsilon_svr", parameters={"C": 10.0, "epsilon": 0.05})
_GAUSSIAN = Recipe("gaussian", "gaussian_process")
_PERCEPTRON = Recipe("perceptron", "mlp")
_REGRESSION = Recipe("regression", "known_regression")
BASELINES = (Recipe("sum over choices", "additive"), Recipe("median", "median"))
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
    first: bool = False  # one of those that a blend starts with: good on other spaces, so that few rows need not say so
    known: bool = False  # whether models see known metrics beside the choices

    @property
    def name(self) -> str:
        """Family and scale."""
        scaled = self.recipe.family if self.scale == "identity" else f"{self.recipe.family}, {self.scale}"
        return f"{scaled}, known metrics" if self.known else scaled

    def settings(self, metric: MetricSpec, values: NDArray[np.float64]) -> MetricSettings:
        """Give the settings of a metric with these measured values."""
        own = {**vars(metric), "link": self.scale, "limit": None, "recipe": self.recipe}
        if self.scale == "limit":
            side = "below" if metric.direction == "maximise" else "above"
            own |= {"link": side, "limit": limit_of(values, metric.direction)}
        return MetricSettings(**own)

    def learned_once(self) -> Candidate:
        """Give the same without parameters of each fold's own, where its models are fitted to be judged elsewhere."""
        if "relearned" not in self.recipe.parameters:
            return self
        return replace(self, recipe=replace(self.recipe, parameters={**self.recipe.parameters, "relearned": 0}))

    def seconds(self, rows: int, variables: int, folds: int) -> float:
        """About the time of a fit, on one core: counted, not measured, so that a budget always buys the same."""
        family = self.recipe.family
        if family in ("product_process", "anova_process"):
            product, parameters = family == "product_process", self.recipe.parameters

            def learning(count: int, most: int) -> float:
                return count * _step(product, min(most, rows), variables) * (2 if self.known else 1)

            solved = 6e-11 * rows**3 * (1 + ROUNDS if parameters.get("robust") else 1)
            each = sum(learning(count, most) for most, count in parameters["steps"]) + solved
            choosing = COMPARED * _comparing(rows, variables) if parameters.get("orders") == "likelihood" else 0.0
            apart = folds * (parameters["processes"] if rows <= SCARCE else 1) if rows <= parameters["relearned"] else 0
            return float(1.0 + (parameters["processes"] + apart) * each + choosing)
        per_member = {
            "known_regression": 0.01,
            "epsilon_svr": 2e-7 * rows**2,
            "gaussian_process": 0.5 + 2e-6 * rows**2,
            "mlp": 0.3 + 1.5e-3 * rows,
            "lightgbm": 0.1 + 4e-5 * rows * variables,
        }
        return 1.0 + max(MEMBERS, folds) * per_member.get(family, 0.3 + 1e-4 * rows * variables)


def _step(product: bool, rows: int, variables: int) -> float:
    """About the time of a step of learning on so many rows."""
    return 1e-3 + 1.5e-8 * rows**2 * variables if product else 1e-2 + rows**2 * (1.4e-7 + 6e-9 * variables)


def _comparing(rows: int, variables: int) -> float:
    """About the time of learning for a comparison of kernels, and of the likelihood, which is that of a step."""
    return STEPS * _step(False, min(ROWS, rows), variables) + _step(False, min(JUDGED, rows), variables)


def folds_for(space: Space, rows: int) -> int:
    """Give the number of parts that are left out in turn: more where rows are few and models cheap."""
    return max(2, min(10 if rows <= FEW and enumerates(space) else FOLDS, rows // 4))


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
    space: Space, metric: MetricSpec, data: Sample, seed: int, known: Collection[str]
) -> Iterator[Candidate]:
    """Give what suits a space and what was measured of a metric; with metrics of some links that are known, too."""
    if known and enumerates(space):
        yield Candidate(_REGRESSION, "limit", first=True, known=True)
        yield Candidate(_REGRESSION, "identity", known=True)
    for candidate in _small(len(data.targets)) if enumerates(space) else _large(space, metric, data, seed, known):
        if known and candidate.recipe.family in KNOWN_FAMILIES and candidate.recipe != _LIMITED:
            yield replace(candidate, known=True, recipe=_shared(candidate.recipe))
        yield candidate


def _shared(recipe: Recipe) -> Recipe:
    """Give the recipe of a model that sees known metrics: where it sums them, one process draws all members."""
    if recipe.family != "anova_process":
        return recipe
    return replace(recipe, parameters={**recipe.parameters, "processes": 1})


def _small(rows: int) -> Iterator[Candidate]:
    """Give what suits so many rows of a space that enumerates."""
    few = rows <= FEW
    product = _AVERAGED if rows <= SCARCE else _PRODUCT
    for recipe in (product, _GAUSSIAN, _PERCEPTRON) if few else (product, _PERCEPTRON):
        yield Candidate(recipe, "limit", first=True)
    yield Candidate(product, "identity")
    boosted = (_XGBOOST, _LIGHTGBM, *_installed())
    yield from (Candidate(recipe, scale) for recipe in boosted for scale in ("limit", "identity"))
    yield from (Candidate(recipe, "identity") for recipe in (_PERCEPTRON, _FOREST, _TRIPLES))
    yield from (Candidate(recipe, "limit") for recipe in ((_SVR,) if few else (_SVR, _GAUSSIAN)))


def _large(space: Space, metric: MetricSpec, data: Sample, seed: int, known: Collection[str]) -> Iterator[Candidate]:
    """Give what suits a larger space; known metrics add up on their own scales, which come first."""
    scales = _scales(data.targets)
    links = {scale: link_of(Candidate(_GROWN, scale).settings(metric, data.targets)) for scale in scales}
    likeliest = likeliest_scales(space, data.choices, data.targets, links, seed)
    grown = _GROWN if len(data.targets) <= FEW else _CONVERGED
    for scale in sorted(likeliest, key=lambda scale: scale not in known):
        yield from (Candidate(recipe, scale) for recipe in (grown, _LIMITED))


def _scales(values: NDArray[np.float64]) -> tuple[str, ...]:
    return ("identity", "limit", "log", "reciprocal") if (values > 0).all() else ("identity", "limit")


def _installed() -> tuple[Recipe, ...]:
    """Give recipes of libraries that need not be there."""
    return (_CATBOOST,) if find_spec("catboost") else ()


def seconds_of_scales(space: Space, values: NDArray[np.float64], variables: int) -> float:
    """About the time of sorting the scales of a metric, on one core."""
    return 0.0 if enumerates(space) else len(_scales(values)) * _comparing(len(values), variables)


def settings_of(name: str, metrics: Sequence[MetricSettings], folds: int, seed: int) -> Settings:
    """Give settings of metrics, each with its recipe."""
    stated = json.dumps([[asdict(metric) for metric in metrics], MEMBERS, folds, seed], sort_keys=True)
    sha256 = hashlib.sha256(stated.encode()).hexdigest()
    return Settings(name, MEMBERS, folds, seed, True, {metric.name: metric for metric in metrics}, sha256)


def of_families(space: Space, metrics: Sequence[MetricSpec], rows: int) -> list[Settings]:
    """Give settings that compare all families on metrics of so many rows, baselines last.

    The product process is for spaces that enumerate, scikit-learn's Gaussian process for up to 2,000 rows.
    """
    recipes = [_TRIPLES, _XGBOOST, _LIGHTGBM, _FOREST, _SVR, _PERCEPTRON]
    recipes += [_PRODUCT] if enumerates(space) else []
    recipes += [_GAUSSIAN] if rows <= MOST_ROWS else []
    return [
        settings_of(recipe.family, [MetricSettings(**vars(metric), recipe=recipe) for metric in metrics], FOLDS, 0)
        for recipe in (*recipes, *_installed(), *BASELINES)
    ]
