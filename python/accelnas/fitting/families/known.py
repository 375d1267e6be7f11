"""Families that see known metrics beside the choices: processes, and trees with a column for each."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from threadpoolctl import threadpool_limits

from accelnas.fitting.anova import GaussianProcess, KnownKernel, Tables, posterior_members
from accelnas.fitting.families.anova import AnovaProcess, Process, ProductProcess
from accelnas.fitting.families.base import Models
from accelnas.fitting.families.estimators import (
    EpsilonSVR,
    EstimatorFamily,
    GaussianProcessRegression,
    Perceptron,
    fitted,
)
from accelnas.fitting.families.trees import CatBoost, LightGBM, RandomForest, XGBoost

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from accelnas import Space
    from accelnas.fitting.anova.process import Kernel
    from accelnas.fitting.families.base import Recipe, Sample, Stage
    from accelnas.fitting.known import Features

    Floats = NDArray[np.float64]
    Choices = NDArray[np.uint8]

__all__ = ["KNOWN_FAMILIES"]

BATCH = 1 << 12  # architectures whose covariances with all rows are held at once


class _KnownProcess(Process):
    """A process of choices and known metrics."""

    interacting: bool

    def __init__(self, recipe: Recipe, space: Space, features: Features) -> None:
        self._features = features
        super().__init__(recipe, space)

    def known_kernel(self, base: Kernel) -> KnownKernel:
        """Add the known metrics to covariances of choices."""
        return KnownKernel(base, self._features.of, len(self._features.names), interacting=self.interacting)

    def select(self, data: Sample, seed: int) -> Any:
        """Give the kernel of choices that suits the data, and the known metrics."""
        return self.known_kernel(self.choices_kernel(data, seed))

    @abstractmethod
    def choices_kernel(self, data: Sample, seed: int) -> Kernel:
        """Covariances of choices alone."""


class KnownProductProcess(_KnownProcess, ProductProcess):
    """A product process whose covariance falls with the difference of known metrics, too: one table of a space."""

    interacting = True

    def kernel(self, space: Space) -> Any:
        return self.known_kernel(super().kernel(space))

    def choices_kernel(self, data: Sample, seed: int) -> Kernel:  # noqa: ARG002 nothing to choose
        return ProductProcess.kernel(self, self.space)

    def made(self, process: GaussianProcess, members: int, seed: int) -> GaussianProcess:  # noqa: ARG002 the mean alone
        return process

    def gather(self, members: Sequence[GaussianProcess]) -> Models:
        def predict(choices: Choices) -> Floats:
            batches = [choices[first : first + BATCH] for first in range(0, len(choices), BATCH)]
            with threadpool_limits(1):
                return np.stack([np.concatenate([process.predict(rows) for rows in batches]) for process in members])

        return Models(predict, len(members), sum(process.alpha.size for process in members))


@dataclass(frozen=True)
class _Mixed:
    """Tables of draws, and what is added to all of them: weights of the known metrics."""

    tables: Tables
    weights: Floats


class KnownAnovaProcess(_KnownProcess, AnovaProcess):
    """A linear function of known metrics, and an ANOVA process for what it leaves over: a surrogate that is a sum.

    Both are learned together. Given the posterior mean of the slopes, that of the rest is the posterior of the ANOVA
    process itself; draws are around that.
    """

    interacting = False

    def kernel(self, space: Space) -> Any:
        return self.known_kernel(super().kernel(space))

    def choices_kernel(self, data: Sample, seed: int) -> Kernel:
        return AnovaProcess.select(self, data, seed)

    def made(self, process: GaussianProcess, members: int, seed: int) -> _Mixed:
        kernel: KnownKernel = process.kernel  # type: ignore[assignment]
        weights = kernel.linear(process.theta, process.choices, process.alpha)
        rest = process.targets - self._features.of(process.choices) @ weights
        with threadpool_limits(1):
            own = GaussianProcess(kernel.base, process.theta[: kernel.base.size], process.choices, rest, process.noise)
            return _Mixed(posterior_members(own, members, seed), weights)

    def gather(self, members: Sequence[_Mixed]) -> Models:
        (mixed,) = members  # of one process: weights are those of all draws
        tables, axes, of = mixed.tables, self._kernel.axes, self._features.of

        def predict(choices: Choices) -> Floats:
            return tables.predict(axes(choices)) + of(choices) @ mixed.weights

        size = sum(cells.size for cells in tables.cells)
        return Models(predict, len(tables.constants), size, tables=tables, weights=mixed.weights)


class _KnownColumns:
    """A family that sees a column for each known metric, behind those of choices; comes before the family's class."""

    def __init__(self, recipe: Recipe, space: Space, features: Features) -> None:
        super().__init__(recipe, space)  # type: ignore[call-arg]
        self._features = features

    def inputs(self, choices: Choices) -> NDArray[Any]:
        """Give what the library sees of architectures."""
        own = super().inputs(choices)  # type: ignore[misc]
        return np.concatenate([own, self._features.of(choices)], axis=1, dtype=own.dtype)


class KnownXGBoost(_KnownColumns, XGBoost):
    """XGBoost of choices and known metrics."""

    def paths(self, stage: Stage) -> list[list[int]]:
        own = len(self.space.variables) if self.encoding is None else len(self.encoding.columns)
        known = list(range(own, own + len(self._features.names)))
        return [group + known for group in super().paths(stage)]


class KnownLightGBM(_KnownColumns, LightGBM):
    """LightGBM of choices and known metrics."""


class KnownCatBoost(_KnownColumns, CatBoost):
    """CatBoost of choices and known metrics."""


class KnownRandomForest(_KnownColumns, RandomForest):
    """A random forest of choices and known metrics."""


class KnownGaussianProcessRegression(_KnownColumns, GaussianProcessRegression):
    """scikit-learn's Gaussian process of choices and known metrics."""


class KnownPerceptron(_KnownColumns, Perceptron):
    """A perceptron of choices and known metrics."""


class KnownEpsilonSVR(_KnownColumns, EpsilonSVR):
    """Support vectors of choices and known metrics."""


class KnownRegression(EstimatorFamily):
    """Bayesian linear regression on known metrics alone (MacKay 1992): few rows may say no more."""

    name = "known_regression"
    library = "sklearn.linear_model"
    defaults: ClassVar[dict[str, Any]] = {}

    def __init__(self, recipe: Recipe, space: Space, features: Features) -> None:
        super().__init__(recipe, space)
        self._features = features

    def estimator(self, seed: int) -> Any:  # noqa: ARG002 nothing random
        from sklearn.linear_model import BayesianRidge

        return BayesianRidge()

    def fit(self, train: Sample, val: Sample, seed: int) -> Any:  # noqa: ARG002 no early stopping
        return fitted(self.estimator(seed), self.inputs(train.choices), train.targets)

    def inputs(self, choices: Choices) -> Floats:
        return self._features.of(choices)

    def size(self, model: Any) -> int:
        return len(model.coef_)


KNOWN_FAMILIES: dict[str, Any] = {
    family.name: family
    for family in (
        KnownProductProcess,
        KnownAnovaProcess,
        KnownXGBoost,
        KnownLightGBM,
        KnownCatBoost,
        KnownRandomForest,
        KnownGaussianProcessRegression,
        KnownPerceptron,
        KnownEpsilonSVR,
        KnownRegression,
    )
}
