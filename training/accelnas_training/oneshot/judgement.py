"""What searches end with, judged by true regret: beside each other, and beside all architectures by shared weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from accelnas.reports import joined, markdown, write_files
from accelnas_training.oneshot.evaluation import evaluate_architectures
from accelnas_training.ranks import interval_of_mean, tau
from accelnas_training.reports import circumstances

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from accelnas_training.arrays import Floats
    from accelnas_training.oneshot.elastic import ElasticNetwork
    from accelnas_training.oneshot.evaluation import Evaluator
    from accelnas_training.oneshot.table_search import Goal

FEW = 1_000  # architectures that are all evaluated in minutes


class Exhausted(NamedTuple):
    """What shared weights say of all architectures of a space."""

    regret: float  # of the one with the least loss under the budget, or the least loss and cost
    tau: float  # of loss with the objective


def exhausted(
    goal: Goal, elastic: ElasticNetwork, evaluator: Evaluator, report: Callable[[int], object] | None = None
) -> Exhausted:
    """Evaluate all architectures of a goal's space with shared weights: what no search by them should be far from."""
    archs = goal.bench.space.at(np.arange(goal.bench.space.size))
    losses = evaluate_architectures(elastic, evaluator, archs, report)["loss"].to_numpy()
    costs = goal.predicted(archs, goal.sought.cost)
    together = losses + goal.paid().weight * costs
    if goal.sought.budget is not None:
        together = np.where(costs <= goal.sought.budget, together, np.inf)
    objective = goal.sign * goal.predicted(archs, goal.sought.objective)
    return Exhausted(float(goal.regrets(archs[[together.argmin()]])[0]), tau(-losses, objective))


HEADER = ("search", "runs", "regret, mean", "95 % interval", "worst", "optimum found", "found nothing")


def rows(regrets: Mapping[str, Floats]) -> list[list[str]]:
    """Give a row for each search: its regrets, float64 (runs,), in short; NaN is a run that found nothing.

    Examples
    --------
    >>> rows({"random_search": np.array([0.0, 0.5, 1.0, np.nan])})
    [['random_search', '4', '0.5', '0 – 1', '1', '33 %', '1']]
    """
    found = []
    for name, each in regrets.items():
        own = each[~np.isnan(each)]
        low, high = interval_of_mean(own)
        values = (
            ["", "", "", ""]
            if not len(own)
            else [
                f"{own.mean():.4g}",
                "" if low != low else f"{low:.3g} – {high:.3g}",
                f"{own.max():.4g}",
                f"{100 * (own <= 0).mean():.0f} %",
            ]
        )
        found.append([name, str(len(each)), *values, str(len(each) - len(own))])
    return found


def write_judgement(folder: Path, command: str, goal: Goal, regrets: Mapping[str, Floats], about: str) -> Path:
    """Write ``report.md``; give its path."""
    sought = goal.sought
    what = f"less {sought.weight:g} × {sought.cost}" if sought.budget is None else f"where {goal.limits[0]}"
    text = joined(
        "# Differentiable searches by true regret",
        circumstances(command),
        f"{goal.bench.space.size:,} architectures; sought is the best {sought.objective}, {what}: "
        f"{goal.optimum:.6g}, proven. {about}",
        markdown(HEADER, rows(regrets)),
        "Intervals of means by bootstrap over runs. To random search and evolution, an architecture over the budget is "
        "an evaluation, too.",
    )
    write_files(folder, {"report.md": text})
    return folder / "report.md"
