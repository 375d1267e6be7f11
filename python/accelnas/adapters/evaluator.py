"""What libraries ask of a benchmark that one of their runs optimises: values, measurements, and what is proven."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np

from accelnas.adapters.shared import Objectives, bound_names, violations
from accelnas.arguments import check_whole
from accelnas.search.objective import parse_sought
from accelnas.search.problem import Setting
from accelnas.search.proven import exact_front, optimum

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from accelnas.exact.constraints import Constraints
    from accelnas.exact.front import FrontResult
    from accelnas.models.predictor import Measurable, Predictor
    from accelnas.search.protocol import Values
    from accelnas.space import Architectures, Rows

__all__ = ["Evaluation", "Evaluator", "measurement_seed"]


class Evaluation(NamedTuple):
    """Values of some architectures.

    Attributes
    ----------
    values : float64 array (n, objectives)
        Objectives, in the metrics' units.
    exceeded : float64 array (n, finite ends of constraints)
        How far each end is exceeded, in the metric's unit; 0 or less where it is kept to.
    """

    values: Values
    exceeded: Values


class Evaluator:
    """A benchmark as a function of architectures, under constraints and with noise on request.

    Parameters
    ----------
    bench : Benchmark
        The benchmark.
    objectives : str, or sequence of str or (str, {"maximise", "minimise"}), optional
        Metrics, each in its own direction or in the one given; the benchmark's first by default.
    subject_to : as for `Benchmark.best`
        Constraints.
    noise_seed : int, optional
        Makes every evaluation another simulated measurement (`Benchmark.query`) instead of the prediction.

    Raises
    ------
    MetricError, SearchError
        If objectives or constraints can't be read.
    ParameterError
        If the seed is out of range.

    Examples
    --------
    >>> import accelnas
    >>> bench = accelnas.load()
    >>> evaluator = Evaluator(bench, ["accuracy", "latency_zcu102"], "macs <= 300")
    >>> archs = bench.space.sample(3, seed=1)
    >>> [array.shape for array in evaluator(archs)]
    [(3, 2), (3, 1)]
    >>> evaluator.signs.tolist(), evaluator.bounds
    ([1.0, -1.0], ('macs <= 300.0',))
    >>> fastest = Evaluator(bench, "latency_zcu102", noise_seed=1)
    >>> bool((fastest(archs, 0).values != fastest(archs, 1).values).all()), fastest.regret(archs).min() > 0
    (True, np.True_)
    """

    def __init__(
        self,
        bench: Predictor,
        objectives: Objectives | None = None,
        subject_to: Constraints = (),
        noise_seed: int | None = None,
    ) -> None:
        objectives = next(iter(bench.metrics)) if objectives is None else objectives
        self.bench, self.sought = parse_sought(bench, objectives, subject_to)
        self.noise_seed = None if noise_seed is None else check_whole("noise_seed", noise_seed, 0, 2**64 - 1)
        self._setting = Setting.of(self.bench, self.sought, None, noise=False, clock=None)

    @property
    def signs(self) -> NDArray[np.float64]:
        """1 for each objective that is maximised, -1 for others: float64 (objectives,)."""
        return self.sought.signs

    @property
    def bounds(self) -> tuple[str, ...]:
        """Names of the finite ends of constraints."""
        return bound_names(self.sought.constraints)

    def __call__(self, archs: Architectures, number: int = 0) -> Evaluation:
        """Evaluate architectures in float64, with one thread.

        Parameters
        ----------
        archs : architectures in any form that `Space.encode` takes
            The architectures.
        number : int
            At least 0. With noise, evaluations of different numbers are independent measurements.
        """
        rows, names = self.bench.space.encode(archs), list(self.sought.columns)
        found: Mapping[str, Values]
        if self.noise_seed is None:
            found = self.bench.predict(rows, names, dtype="float64", threads=1)
        else:
            seed = measurement_seed(self.noise_seed, number)
            found = cast("Measurable", self.bench).query(rows, names, seed=seed, threads=1)
        return Evaluation(self.sought.score(found), violations(self.sought.constraints, found))

    def optimum(self) -> float:
        """Give the proven optimum of the only objective under the constraints, without noise.

        Raises
        ------
        SearchError
            If there are several objectives, or no architecture meets the constraints.
        """
        return optimum(self._setting)

    def front(self) -> FrontResult:
        """Give the proven front of 2 to 5 objectives under the constraints, without noise.

        Raises
        ------
        SearchError
            If there are fewer or more objectives.
        """
        return exact_front(self._setting)

    def regret(self, archs: Architectures) -> Values:
        """Say how far predictions are from the proven optimum: float64 (n,), NaN for those that break constraints.

        Raises
        ------
        SearchError
            As for `optimum`.
        """
        rows: Rows = self.bench.space.encode(archs)
        found = self.bench.predict(rows, list(self.sought.columns), dtype="float64", threads=1)
        exceeded = violations(self.sought.constraints, found)
        distance = self.signs[0] * (self.optimum() - self.sought.score(found)[:, 0])
        return np.where((exceeded > 0).any(axis=1), np.nan, distance)


def measurement_seed(seed: int, number: int) -> int:
    """Mix a seed and the number of an evaluation into the seed of a measurement, 0 to 2**64 - 1.

    Examples
    --------
    >>> measurement_seed(1, 2) == measurement_seed(2, 1)
    False
    """
    return int(np.random.SeedSequence((seed, number)).generate_state(1, np.uint64)[0])
