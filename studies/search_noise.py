"""What searches find that see measurements with noise, by the truth, against how much noise there is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

import accelnas
from accelnas.circumstances import machine, versions
from accelnas.errors import SearchError
from accelnas.exact.constraints import parse_constraints
from accelnas.search import LocalSearch, RandomSearch, RegularizedEvolution, Reinforce, SuccessiveHalving
from accelnas.search.history import feasible
from studies.base import Figure, Reproduction, Table
from studies.lines import Lines, Mean, draw_panels, mean_of
from studies.lstm import LIBRARIES, Done

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from accelnas.benchmark import Benchmark
    from accelnas.metric import Metric
    from accelnas.search.runs.result import Runs

    Floats = NDArray[np.float64]

__all__ = ["FACTORS", "RUNS", "Judged", "judge", "study_noise"]

METRIC, CONSTRAINT = "accuracy", "throughput_tpuv3 >= 1100"
FACTORS, RUNS, BUDGET = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0), 1000, 600
HALVING, REINFORCE = "successive halving", "REINFORCE"
PENALTY = 100.0  # points of top-1 for a relative violation of 1: REINFORCE takes no constraints as such
ALGORITHMS: Mapping[str, Any] = {
    "random search": RandomSearch(),
    "regularized evolution": RegularizedEvolution(population=20, sample=10),
    "local search": LocalSearch(),
    HALVING: SuccessiveHalving(),
    REINFORCE: Reinforce(),
}
RULE = (
    "Every evaluation of a search is a simulated measurement: the prediction of the surrogate and a normal draw of the "
    "metric's stated noise times a factor, another draw for every evaluation. A run stands for the architecture that "
    "looked best to it, and is judged by the truth: the predictions without noise, against the proven optimum of the "
    "whole space."
)
REMARKS = (
    "A run trusts its best single measurement; successive halving measures again, and trusts means. Repeats count as "
    "evaluations. Without noise there is nothing to measure again, so it has no row there.\n"
    "*Seen above true* is the winner's curse: by how much the measurement of the chosen architecture flatters it.\n"
    f"REINFORCE is given the constraint as a penalty of {PENALTY:g} points for a relative violation of 1; the others "
    "take what looks feasible first, and of the rest what violates less.\n"
    "The factor multiplies the noise of all metrics. Draws of one seed are the same numbers, scaled.\n"
    "Which algorithm stands noise best depends on the budget, the space and the metric; settings are the defaults."
).split("\n")


@dataclass(frozen=True)
class Judged:
    """Runs by the truth.

    Attributes
    ----------
    regret
        float64 (runs,): of what each run chose, in the metric's unit; NaN where that violates a constraint.
    infeasible
        float64 (runs,): 1 where it does, else 0.
    excess
        float64 (runs,): relative violation; NaN where there is none.
    flattered
        float64 (runs,): by how much the chosen architecture looked better than it is; NaN under a penalty, and where it
        looked infeasible.
    """

    regret: Floats
    infeasible: Floats
    excess: Floats
    flattered: Floats


def judge(bench: Benchmark, runs: Runs, best: float) -> Judged:
    """Judge what each run chose by predictions without noise, against the best feasible value."""
    sought, final = runs.plan.setting.sought, runs.final
    sign = float(sought.signs[0])
    true = np.asarray(bench.predict(final, sought.labels[0], dtype="float64"))
    excess = np.zeros(len(final))
    for bound in sought.constraints:
        values = np.asarray(bench.predict(final, bound.metric, dtype="float64"))
        low, high = bound.lower, bound.upper
        for limit, over in ((low, low - values), (high, values - high)):
            if np.isfinite(limit):
                excess = np.maximum(excess, over / abs(limit))
    infeasible = excess > 0
    seen = feasible(runs.logs.scores[runs.logs.starts[1:] - 1, 0], sought.signs[0])
    return Judged(
        np.where(infeasible, np.nan, sign * (best - true)),
        infeasible.astype(np.float64),
        np.where(infeasible, excess, np.nan),
        sign * (seen - true) if sought.penalty is None else np.full(len(final), np.nan),
    )


def study_noise(
    bench: Benchmark | None = None,
    *,
    factors: Sequence[float] = FACTORS,
    constraint: str = CONSTRAINT,
    seed: int = 0,
    runs: int = RUNS,
    budget: int = BUDGET,
    threads: int | None = None,
    progress: Callable[[float], object] | None = None,
) -> Reproduction:
    """Search under noise for accuracy, without and with a constraint on a device, and judge what is found by the truth.

    Parameters
    ----------
    bench
        The bundled benchmark by default.
    factors
        How many times the metrics' noise evaluations have.
    constraint
        Of the second task.
    seed, runs, budget
        Of every algorithm.
    threads
        Nothing found depends on it.
    progress
        Called with the number of finished evaluations.

    Raises
    ------
    SearchError
        If there are fewer than 2 runs, or no factors.
    """
    if runs < 2 or not factors:
        raise SearchError(f"there are {runs} runs and {len(factors)} factors; give 2 runs or more, and a factor")
    bench, done = bench or accelnas.load(), Done(progress)
    tasks: dict[str, tuple[str, ...]] = {"accuracy alone": (), constraint: (constraint,)}
    lines, means = [], {}
    for task, bounds in tasks.items():
        best = float(bench.best(METRIC, subject_to=bounds, threads=threads).values[0])
        for label, algorithm in ALGORITHMS.items():
            for factor in factors:
                if label == HALVING and factor == 0:
                    continue
                found = bench.simulate(
                    algorithm, METRIC, subject_to=bounds, runs=runs, budget=budget, seed=seed, noise=factor,
                    penalty=PENALTY if bounds and label == REINFORCE else None, threads=threads, progress=done.within,
                )  # fmt: skip
                done.end(runs * budget)
                judged = judge(bench, found, best)
                means[task, label, factor] = (mean_of(judged.regret), mean_of(100 * judged.infeasible))
                lines.append({"task": task, "algorithm": label, "noise": factor} | _figures(judged))
    tested = ",".join(f"{factor:g}" for factor in factors)
    given = f"--factors {tested} --constraint '{constraint}' --seed {seed} --runs {runs} --budget {budget}"
    frame = pl.DataFrame(lines, infer_schema_length=None)
    return Reproduction(
        name="noise",
        title="Noise of measurements, and what searches find",
        source="",
        rule=RULE,
        comparisons=[],
        command=f"accelnas study noise {given} --output DIRECTORY",
        machine=machine(),
        versions=versions(LIBRARIES),
        tables=[
            Table(
                f"task{number}",
                f"Search for {task}" if not bounds else f"Search for accuracy with {task}",
                frame.filter(task=task).drop("task", *([] if bounds else ["infeasible [%]", "excess [%]"])),
                _text(bench, bounds, runs, budget),
            )
            for number, (task, bounds) in enumerate(tasks.items(), 1)
        ],
        figures=[
            Figure(
                "noise",
                "Left and centre: true regret against noise, without and with the constraint (of the truly feasible "
                f"networks chosen); right: how many of those chosen violate it. Means of {runs:,} runs with 95 % "
                "bootstrap intervals.",
                lambda path: draw_panels(
                    path,
                    _panels(means, list(tasks), factors),
                    [f"{f:g}" for f in factors],
                    "noise, times the metric's own",
                ),
            )
        ],
        remarks=REMARKS,
    )


def _figures(judged: Judged) -> dict[str, float]:
    regret = mean_of(judged.regret)
    known = judged.regret[~np.isnan(judged.regret)]
    return {
        "regret [points]": regret.mean,
        "low": regret.low,
        "high": regret.high,
        "worst 5 %": float(np.quantile(known, 0.95)) if len(known) else np.nan,
        "seen above true [points]": mean_of(judged.flattered).mean,
        "infeasible [%]": 100 * float(judged.infeasible.mean()),
        "excess [%]": 100 * mean_of(judged.excess).mean,
    }


def _text(bench: Benchmark, bounds: Sequence[str], runs: int, budget: int) -> str:
    own = bench.metrics[METRIC]
    text = f"{runs:,} runs of {budget:,} evaluations each. At a factor of 1, {METRIC} has a noise of {_noise(own)}"
    if bounds:
        others = [bench.metrics[bound.metric] for bound in parse_constraints(bench.metrics, bounds)]
        text += "".join(f", {other.name} of {_noise(other)}" for other in others) + (
            ". Regret is of the runs that chose a truly feasible network; the others are counted as infeasible, with "
            "the mean of their excess over the bound"
        )
    return text + ". Low and high are the ends of 95 % bootstrap intervals of the mean."


def _noise(metric: Metric) -> str:
    return "0" if metric.noise is None else f"{metric.noise:.3g} {metric.unit}"


def _panels(
    means: Mapping[tuple[str, str, float], tuple[Mean, Mean]], tasks: Sequence[str], factors: Sequence[float]
) -> list[Lines]:
    def lines(task: str, which: int) -> dict[str, list[Mean | None]]:
        return {
            label: [means[task, label, f][which] if (task, label, f) in means else None for f in factors]
            for label in ALGORITHMS
        }

    plain, bound = tasks
    return [
        Lines(plain, "true regret [points of top-1]", lines(plain, 0)),
        Lines(bound, "true regret [points of top-1]", lines(bound, 0)),
        Lines(bound, "infeasible choices [%]", lines(bound, 1)),
    ]
