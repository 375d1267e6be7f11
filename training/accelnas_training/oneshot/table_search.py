"""Differentiable searches judged by a benchmark: their true regret, beside searches that only evaluate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from accelnas.errors import MetricError
from accelnas.search import RandomSearch, RegularizedEvolution
from accelnas_training.oneshot.differentiable import Cost, search
from accelnas_training.tables import TableLayer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from accelnas import Benchmark
    from accelnas_training.arrays import Archs, Floats
    from accelnas_training.oneshot.differentiable import Differentiable, Loss


@dataclass(frozen=True)
class Sought:
    """What is sought: much of one metric, and little of another.

    Attributes
    ----------
    objective
        A metric, sought in its own direction.
    cost
        A metric that is paid.
    weight
        What a unit of the cost takes off the objective, in its unit; 0 where there is a budget.
    budget
        Most of the cost; None for no limit.

    Raises
    ------
    MetricError
        If neither or both of weight and budget are given, or a metric that is to be little is the objective of a
        weight.
    """

    objective: str = "accuracy"
    cost: str = "latency_zcu102"
    weight: float = 0.0
    budget: float | None = None

    def __post_init__(self) -> None:
        if (self.weight > 0) == (self.budget is not None):
            raise MetricError(f"weight is {self.weight:g} and budget {self.budget}; give one of the two, above 0")


@dataclass(frozen=True)
class Goal:
    """What is sought of a benchmark, and its proven optimum.

    Attributes
    ----------
    bench
        The benchmark; with a weight, one that has the objective less the weighted cost, too.
    sought
        What is sought.
    target
        The metric whose optimum it is.
    limits
        What it is subject to.
    optimum
        The best of the target.
    """

    bench: Benchmark
    sought: Sought
    target: str
    limits: list[str]
    optimum: float

    @classmethod
    def of(cls, bench: Benchmark, sought: Sought) -> Goal:
        """Find the optimum, and prove it."""
        target, limits = sought.objective, []
        if sought.budget is not None:
            limits = [f"{sought.cost} <= {sought.budget!r}"]
        else:
            target = "objective_and_cost"
            direction = bench.metrics[sought.objective].direction
            sum_ = f"{sought.objective} {'-' if direction == 'maximise' else '+'} {sought.weight!r} * {sought.cost}"
            bench = bench.derive(target, sum_, unit="", direction=direction)
        return cls(bench, sought, target, limits, float(bench.best(target, subject_to=limits).values[0]))

    @property
    def sign(self) -> float:
        """1 where more of the objective is better, else -1."""
        return 1.0 if self.bench.metrics[self.target].direction == "maximise" else -1.0

    def paid(self) -> Cost:
        """Give the cost as a loss has it, in which the objective's standard deviation over architectures is 1."""
        return Cost(TableLayer(self.bench, self.sought.cost), self.sought.weight / self.spread(), self.sought.budget)

    def spread(self) -> float:
        """Give the objective's standard deviation, so that rates mean the same for all metrics."""
        return float(self.predicted(self.bench.space.sample(1000, seed=0), self.sought.objective).std())

    def predicted(self, archs: Archs, metric: str) -> Floats:
        """Give a metric of architectures: float64 (n,)."""
        return np.asarray(self.bench.predict(archs, metric, dtype="float64"), np.float64)

    def regrets(self, archs: Archs) -> Floats:
        """Give how far architectures are from the optimum, float64 (n,): NaN where they exceed the budget."""
        own: Floats = self.sign * (self.optimum - self.predicted(archs, self.target))
        if self.sought.budget is None:
            return own
        return np.where(self.predicted(archs, self.sought.cost) <= self.sought.budget, own, np.nan)

    def rivals(self, evaluations: Sequence[int], seed: int = 0, runs: int = 100) -> dict[str, Floats]:
        """Give the regrets, float64 (runs,), of random search and evolution after so many evaluations."""
        most = max(evaluations)
        population = min(20, max(4, most // 4))
        made = self.bench.simulate(
            [RandomSearch(), RegularizedEvolution(population=population, sample=population // 2)],
            self.target,
            runs=runs,
            budget=most,
            seed=seed,
            subject_to=self.limits,
        )
        return {
            f"{name}, {number:,} evaluations": each.regret(at=[number])[:, 0]
            for name, each in made.runs.items()
            for number in evaluations
        }


@dataclass(frozen=True)
class Found:
    """What runs of a differentiable search end with.

    Attributes
    ----------
    architectures
        uint8 (runs, variables).
    values, costs
        float64 (runs,): their objective and cost.
    regrets
        float64 (runs,): how far they are from the proven optimum of the objective under the budget, or of the objective
        less the weighted cost; NaN where a run found nothing that keeps the budget.
    """

    architectures: Archs
    values: Floats
    costs: Floats
    regrets: Floats


def search_tables(
    goal: Goal,
    how: Differentiable,
    runs: int,
    seed: int = 0,
    report: Callable[[int], object] | None = None,
    loss: Callable[[int], Loss] | None = None,
) -> Found:
    """Search a benchmark by the gradients of its tables.

    A step sees the gradient of the objective, which no training has, so it is not equal to an evaluation. With `loss`,
    which gives for the number of a run its loss, that is followed in place of the objective's tables, and the benchmark
    only says what the objective is of what was found.

    Raises
    ------
    MetricError
        As `TableLayer`.

    Examples
    --------
    >>> import accelnas
    >>> from accelnas_training.oneshot.differentiable import Differentiable
    >>> how = Differentiable(method="proxylessnas", steps=30, learning_rate=0.3)
    >>> goal = Goal.of(accelnas.load("nasbench-macro"), Sought("accuracy", "params", budget=2.0))
    >>> bool((search_tables(goal, how, 2).costs <= 2).all())
    True
    """
    paid, sought = goal.paid(), goal.sought
    seeds = range(seed, seed + runs)
    if loss is None:
        objective, scale = TableLayer(goal.bench, sought.objective), goal.sign / goal.spread()
        archs = search(lambda drawn: -scale * objective(drawn), paid.layer.counts, how, seeds, paid, report)
    else:
        ends = []
        for run, each in enumerate(seeds):
            ends.append(search(loss(run), paid.layer.counts, how, [each], paid))
            if report is not None:
                report((run + 1) * how.steps)
        archs = np.concatenate(ends)
    values, costs = goal.predicted(archs, sought.objective), goal.predicted(archs, sought.cost)
    return Found(archs, values, costs, goal.regrets(archs))
