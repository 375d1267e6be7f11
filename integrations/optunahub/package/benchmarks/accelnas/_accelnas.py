from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import optuna
import optunahub


try:
    import accelnas
    from accelnas.adapters.evaluator import Evaluator
    from accelnas.adapters.optuna import distributions
    from accelnas.adapters.optuna import evaluate_trial
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "Please run `pip install 'accelnas[optuna]'` to use `accelnas`."
    ) from error


class Problem(optunahub.benchmarks.ConstrainedMixin, optunahub.benchmarks.BaseProblem):
    """Architecture search on a benchmark of accelnas, whose optimum is known.

    Parameters are the choices of an architecture. In a space with conditions, parameters that are
    inactive are not suggested, and forbidden combinations prune the trial.
    """

    available_benchmarks: tuple[str, ...] = tuple(accelnas.benchmarks())

    def __init__(
        self,
        benchmark: str | None = None,
        objectives: str | Sequence[str | tuple[str, str]] | None = None,
        *,
        subject_to: str | Sequence[str] = (),
        noise_seed: int | None = None,
        family: str | None = None,
    ) -> None:
        """Open the benchmark.

        Args:
            benchmark: Name or directory of a benchmark. Defaults to the bundled Accel-NASBench;
                see :attr:`available_benchmarks` for the others.
            objectives: Metrics, each in its own direction or paired with ``"maximise"`` or
                ``"minimise"``. Defaults to the first metric of the benchmark.
            subject_to: Constraints on metrics and choices, such as ``"latency_zcu102 <= 5"``.
            noise_seed: If given, every trial is another simulated measurement instead of the
                expected value. It is decided by this seed, the number of the trial, and the
                architecture.
            family: Family of models, such as ``"xgboost"`` of Accel-NASBench.
        """
        self._bench = accelnas.load(benchmark, family)
        self._evaluator = Evaluator(self._bench, objectives, subject_to, noise_seed)
        self._search_space = distributions(self._bench.space)

    @property
    def available_metric_names(self) -> list[str]:
        """Names of the metrics that objectives and constraints can be of."""
        return list(self._bench.metrics)

    @property
    def metric_names(self) -> list[str]:
        """Names of the objectives."""
        return list(self._evaluator.sought.labels)

    @property
    def search_space(self) -> dict[str, optuna.distributions.BaseDistribution]:
        """All parameters, also those that are active under conditions only."""
        return self._search_space.copy()

    @property
    def directions(self) -> list[optuna.study.StudyDirection]:
        """Direction of each objective."""
        maximize, minimize = (
            optuna.study.StudyDirection.MAXIMIZE,
            optuna.study.StudyDirection.MINIMIZE,
        )
        return [maximize if sign > 0 else minimize for sign in self._evaluator.signs]

    def __call__(self, trial: optuna.Trial) -> float | tuple[float, ...]:
        """Evaluate a trial, and note how far it exceeds the constraints.

        Constraints are noted by ``trial.set_constraint``, so samplers need no ``constraints_func``.
        """
        return evaluate_trial(self._evaluator, trial)

    def evaluate(self, params: dict[str, Any], number: int = 0) -> float | tuple[float, ...]:
        """Evaluate parameters.

        Args:
            params: Choices by name. Those of inactive parameters are ignored, and may be left out.
            number: With noise, the number of the trial whose measurement this is.

        Raises:
            accelnas.SpaceError: If the parameters are no architecture of the space.
        """
        values: list[float] = self._evaluator([params], number).values[0].tolist()
        return tuple(values) if len(values) > 1 else values[0]

    def evaluate_constraints(self, params: dict[str, Any], number: int = 0) -> list[float]:
        """Say how far each constraint is exceeded, in the unit of its metric; at most 0 if met."""
        exceeded: list[float] = self._evaluator([params], number).exceeded[0].tolist()
        return exceeded

    def constraints_func(self, trial: optuna.trial.FrozenTrial) -> list[float]:
        """Say how far a trial exceeds each constraint, for samplers of Optuna before version 5."""
        return self.evaluate_constraints(trial.params, trial.number)

    @property
    def best_value(self) -> float:
        """Proven optimum under the constraints, of a problem of one objective, without noise."""
        return self._evaluator.optimum()

    @property
    def pareto_front(self) -> list[tuple[float, ...]]:
        """All points of the proven Pareto front under the constraints, of 2 to 5 objectives."""
        return [tuple(point) for point in self._evaluator.front().values.tolist()]

    def regret(self, params: dict[str, Any]) -> float:
        """How far parameters are from the proven optimum, without noise.

        NaN if they break constraints.
        """
        return float(self._evaluator.regret([params])[0])
