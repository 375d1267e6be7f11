"""What any model has to beat: a sum of one number a choice, and one number for all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from threadpoolctl import threadpool_limits

from accelnas.arguments import check_number
from accelnas.errors import ModelError
from accelnas.fitting.anova import Tables
from accelnas.fitting.encoding import Encoding
from accelnas.fitting.families.base import Models, ParameterFamily

if TYPE_CHECKING:
    from collections.abc import Sequence

    from accelnas import Space
    from accelnas.fitting.families.base import Recipe, Sample

__all__ = ["Additive", "Median"]


class BaselineFamily(ParameterFamily):
    """Tables over single variables, or none."""

    library = "scipy.linalg"

    def gather(self, members: Sequence[Tables]) -> Models:
        tables = Tables.joined(members)
        size = sum(cells.size for cells in tables.cells)
        return Models(tables.predict, len(members), size, tables=tables)


class Additive(BaselineFamily):
    """A sum of one number a choice, by ridge regression (Hoerl & Kennard 1970)."""

    name = "additive"
    defaults: ClassVar[dict[str, Any]] = {"ridge": 1.0}  # penalty, in rows: choices that few rows have stay near 0

    def __init__(self, recipe: Recipe, space: Space) -> None:
        super().__init__(recipe, space)
        self._ridge = check_number("ridge", self.parameters["ridge"], 1e-6, 1e6, ModelError)

    def fit(self, train: Sample, val: Sample, seed: int) -> Tables:  # noqa: ARG002 nothing random, no early stopping
        encoding = Encoding.one_hot(self.space)
        design = np.asarray(encoding.transform(train.choices, np.float64))
        mean = float(train.targets.mean())
        gram = design.T @ design + self._ridge * np.eye(design.shape[1])
        with threadpool_limits(1):  # sums in one order
            solution = np.linalg.solve(gram, design.T @ (train.targets - mean))
        several = [v for v, variable in enumerate(self.space.variables) if len(variable.states) > 1]
        ends = np.cumsum([len(self.space.variables[v].states) for v in several])
        return Tables(np.array([mean]), [(v,) for v in several], [part[None] for part in np.split(solution, ends[:-1])])


class Median(BaselineFamily):
    """The median of all."""

    name = "median"
    defaults: ClassVar[dict[str, Any]] = {}

    def fit(self, train: Sample, val: Sample, seed: int) -> Tables:  # noqa: ARG002 nothing random, no early stopping
        return Tables(np.array([np.median(train.targets)]), [], [])
