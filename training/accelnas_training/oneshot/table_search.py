"""Differentiable searches of a benchmark's own tables, and their true regret beside searches that only evaluate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from accelnas.errors import MetricError
from accelnas_training.oneshot.differentiable import Cost, search
from accelnas_training.tables import TableLayer

if TYPE_CHECKING:
    from collections.abc import Callable

    from accelnas import Benchmark
    from accelnas_training.arrays import Archs, Floats
    from accelnas_training.oneshot.differentiable import Differentiable, Loss

RIVALS = ("random_search", "regularized_evolution")


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
class Found:
    """What searches found.

    Attributes
    ----------
    architectures
        uint8 (runs, variables): what each differentiable run ends with.
    values, costs
        float64 (runs,): their objective and cost.
    regrets
        float64 (runs,) for each method: how far it ends from the proven optimum of the objective under the budget, or
        of the objective less the weighted cost; NaN where a run found nothing that keeps the budget.
    optimum
        That optimum.
    """

    architectures: Archs
    values: Floats
    costs: Floats
    regrets: dict[str, Floats]
    optimum: float


def search_tables(
    bench: Benchmark,
    sought: Sought,
    how: Differentiable,
    runs: int,
    seed: int = 0,
    report: Callable[[int], object] | None = None,
    loss: Callable[[int], Loss] | None = None,
) -> Found:
    """Search a benchmark by the gradients of its tables, and by algorithms with as many evaluations as it has steps.

    A step sees the gradient of the objective, which no training has: evaluations are not equal in what they tell.
    With `loss`, which gives for a seed the loss of a run, that is followed in place of the objective's tables, and the
    benchmark only says what the objective is of what was found.

    Raises
    ------
    MetricError
        As `TableLayer`.

    Examples
    --------
    >>> import accelnas
    >>> from accelnas_training.oneshot.differentiable import Differentiable
    >>> how = Differentiable(method="proxylessnas", steps=30, learning_rate=0.3)
    >>> found = search_tables(accelnas.load("nasbench-macro"), Sought("accuracy", "params", budget=2.0), how, 2)
    >>> bool((found.costs <= 2).all())
    True
    """
    cost = TableLayer(bench, sought.cost)
    sample = _predicted(bench, bench.space.sample(1000, seed=0), sought.objective)
    sign = 1.0 if bench.metrics[sought.objective].direction == "maximise" else -1.0
    scale = sign / float(sample.std())  # so that rates mean the same for all metrics
    paid = Cost(cost, sought.weight * abs(scale), sought.budget)
    seeds = range(seed, seed + runs)
    if loss is None:
        objective = TableLayer(bench, sought.objective)
        archs = search(lambda drawn: -scale * objective(drawn), cost.counts, how, seeds, paid, report)
    else:
        ends = []
        for run, each in enumerate(seeds):
            ends.append(search(loss(each), cost.counts, how, [each], paid))
            if report is not None:
                report((run + 1) * how.steps)
        archs = np.concatenate(ends)
    values, costs = _predicted(bench, archs, sought.objective), _predicted(bench, archs, sought.cost)
    limits: list[str] = []
    target = sought.objective
    if sought.budget is not None:
        limits = [f"{sought.cost} <= {sought.budget!r}"]
        own = np.where(costs <= sought.budget, values, np.nan)
    else:
        target = "objective_and_cost"
        sum_ = f"{sought.objective} {'-' if sign > 0 else '+'} {sought.weight!r} * {sought.cost}"
        bench = bench.derive(target, sum_, unit="", direction=bench.metrics[sought.objective].direction)
        own = _predicted(bench, archs, target)
    optimum = float(bench.best(target, subject_to=limits).values[0])
    made = bench.simulate(list(RIVALS), target, runs=100, budget=how.steps, seed=seed, subject_to=limits)
    regrets = {how.method: sign * (optimum - own)} | {name: made.runs[name].regret()[:, -1] for name in RIVALS}
    return Found(archs, values, costs, regrets, optimum)


def _predicted(bench: Benchmark, archs: Archs, metric: str) -> Floats:
    return np.asarray(bench.predict(archs, metric, dtype="float64"), np.float64)
