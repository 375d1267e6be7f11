"""A benchmark as a pymoo problem; `accelnas.adapters.pymoo` makes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pymoo.core.problem import Problem

from accelnas.adapters.rules import allowed
from accelnas.adapters.shared import bound_names, violations
from accelnas.errors import SpaceError

if TYPE_CHECKING:
    from accelnas.models.predictor import Predictor
    from accelnas.search.objective import Sought
    from accelnas.space import Rows, Space

__all__ = ["BenchmarkProblem", "SpaceProblem"]


class SpaceProblem(Problem):  # type: ignore[misc]
    """Integer variables of a space, without a way to evaluate them."""

    def __init__(self, space: Space, objectives: int, constraints: int = 0) -> None:
        most = np.array([len(variable.choices) - 1 for variable in space.variables])
        super().__init__(
            n_var=len(most), n_obj=objectives, n_ieq_constr=constraints, xl=np.zeros_like(most), xu=most, vtype=int
        )
        self.space = space

    def rows(self, x: Any) -> Rows:
        """Round to choice indices, uint8 (n, variables), and those to architectures where there are rules."""
        given = np.atleast_2d(np.asarray(x, np.float64))
        if given.shape[1] != self.n_var:
            raise SpaceError(f"rows have {given.shape[1]} numbers; give {self.n_var}, one a variable")
        rounded = np.rint(given)
        most = [len(variable.states) - 1 for variable in self.space.variables]
        outside = ~((rounded >= self.xl) & (rounded <= most))
        if outside.any():
            row, column = (int(i) for i in np.argwhere(outside)[0])
            raise SpaceError(
                f"row {row}: {self.space.variables[column].name} is {given[row, column]}; "
                f"choose one of 0 to {most[column]}"
            )
        return allowed(self.space, rounded.astype(np.uint8))


class BenchmarkProblem(SpaceProblem):
    """Predicted metrics as objectives that are minimised, and constraints as G <= 0."""

    def __init__(
        self, bench: Predictor, sought: Sought, dtype: Literal["float32", "float64"], threads: int | None
    ) -> None:
        super().__init__(bench.space, len(sought.objectives), len(bound_names(sought.constraints)))
        self.bench, self.sought, self.dtype, self.threads = bench, sought, dtype, threads

    def _evaluate(self, x: Any, out: dict[str, Any], *_args: Any, **_options: Any) -> None:
        predicted = self.bench.predict(self.rows(x), list(self.sought.columns), dtype=self.dtype, threads=self.threads)
        out["F"] = -self.sought.signs * self.sought.score(predicted)
        if self.n_ieq_constr:
            out["G"] = violations(self.sought.constraints, predicted)
