"""Objective functions of accelnas: architecture search benchmarks whose optima are proven."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import accelnas
from accelnas.adapters.configspace import encode_configurations, to_configspace
from accelnas.adapters.evaluator import Evaluator

from carps.objective_functions.objective_function import ObjectiveFunction
from carps.utils.trials import TrialInfo, TrialValue

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

    from carps.loggers.abstract_logger import AbstractLogger


class AccelnasObjectiveFunction(ObjectiveFunction):
    """Metrics of a benchmark of accelnas, all as costs: those that are maximised are negated."""

    def __init__(
        self,
        metric: str | list[str],
        benchmark: str | None = None,
        family: str | None = None,
        clock: str | None = None,
        noise: bool = False,  # noqa: FBT001, FBT002
        seed: int = 0,
        loggers: list[AbstractLogger] | None = None,
    ) -> None:
        """Open the benchmark.

        Parameters
        ----------
        metric : str | list[str]
            Metric, or several.
        benchmark : str | None
            Name or directory of a benchmark; the bundled Accel-NASBench by default.
        family : str | None
            Family of models, such as "xgboost" of Accel-NASBench.
        clock : str | None
            Metric that is the virtual time of an evaluation, in its own unit, e.g. "train_time" (seconds).
        noise : bool
            Whether each call is another simulated measurement instead of the expected value.
        seed : int
            Seed of the configuration space and of the noise.
        loggers : list[AbstractLogger] | None
            Loggers.
        """
        super().__init__(loggers)
        self._bench = accelnas.load(benchmark, family)
        metrics = metric if isinstance(metric, str) else list(metric)
        self._evaluator = Evaluator(self._bench, metrics, noise_seed=seed if noise else None)
        self._configspace = to_configspace(self._bench.space, seed)
        self._clock = clock

    @property
    def configspace(self) -> ConfigurationSpace:
        """Return configuration space.

        Returns:
        -------
        ConfigurationSpace
            Configuration space.
        """
        return self._configspace

    @property
    def f_min(self) -> float | None:
        """Return the proven minimum of the cost over the whole space, without noise.

        Returns:
        -------
        float | None
            Minimum of a single objective. None for several; see `pareto_front`.
        """
        (sign, *others) = self._evaluator.signs
        return None if others else float(-sign * self._evaluator.optimum())

    @property
    def pareto_front(self) -> list[list[float]]:
        """Return the costs of all points of the proven Pareto front of 2 to 5 objectives, without noise.

        Returns:
        -------
        list[list[float]]
            Costs of each point.
        """
        costs: list[list[float]] = (-self._evaluator.signs * self._evaluator.front().values).tolist()
        return costs

    def _evaluate(self, trial_info: TrialInfo) -> TrialValue:
        """Evaluate objective function.

        Parameters
        ----------
        trial_info : TrialInfo
            Dataclass with configuration, seed, budget, instance.

        Returns:
        -------
        TrialValue
            Cost
        """
        starttime = time.time()
        archs = encode_configurations(self._bench.space, [trial_info.config])
        costs = (-self._evaluator.signs * self._evaluator(archs, self.n_function_calls).values[0]).tolist()
        virtual_time = 0.0
        if self._clock is not None:
            virtual_time = float(self._bench.predict(archs, self._clock, dtype="float64", threads=1)[0])
        endtime = time.time()
        return TrialValue(
            cost=costs if len(costs) > 1 else costs[0],
            time=endtime - starttime,
            virtual_time=virtual_time,
            starttime=starttime,
            endtime=endtime,
        )
