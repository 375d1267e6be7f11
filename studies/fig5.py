"""Fig. 5 of the paper: trajectories of searches for accuracy alone."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

import accelnas
from accelnas.circumstances import machine
from accelnas.plots.runs import draw_curves
from accelnas.plots.style import drawn
from accelnas.reports import number
from accelnas.search import RandomSearch, RegularizedEvolution, Reinforce
from accelnas.search.runs.summary import summarised
from studies.base import Figure, Reproduction, Table
from studies.lstm import LSTM, Done, libraries_of, lstm_controller, lstm_runs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from accelnas.benchmark import Benchmark
    from accelnas.search.runs.result import Runs
    from accelnas.search.runs.summary import Summary

    Floats = NDArray[np.float64]

__all__ = ["BUDGET", "RUNS", "SEEDS", "reproduce_fig5"]

METRIC, RUNS, BUDGET, SEEDS, LSTM_RUNS = "accuracy", 1000, 600, 5, 100
RANDOM, EVOLUTION, FACTORISED = "random search", "regularized evolution", "REINFORCE, factorised"
ALGORITHMS: Mapping[str, Any] = {
    RANDOM: RandomSearch(),
    EVOLUTION: RegularizedEvolution(population=20, sample=10),
    FACTORISED: Reinforce(),
}
LEVEL, PER_CENT, RESAMPLES = 0.95, "95 %", 1000
RULE = (
    "The paper states no numbers for this figure, so none are compared. What is reproduced are its settings (random "
    "search; evolution with a population of 20 and samples of 10; REINFORCE with 6 architectures a step; 600 "
    "evaluations; means of 5 seeds), and what can be checked is the order of the curves: evolution and REINFORCE "
    "above random search."
)
REMARKS = (
    "The paper's curves are of another surrogate of accuracy; values here are of the bundled one, on another level.",
    "The factorised REINFORCE has an independent policy a variable, and a learning rate of .1.",
    "The LSTM controller is the paper's: 100 units, embeddings of 32, Adam at 3.5e-4, entropy 1e-5, baseline .95.",
    "The optimum is proven by a search of all architectures, and ranks are exact: 1 is the best of the space.",
)


def reproduce_fig5(
    bench: Benchmark | None = None,
    *,
    seed: int = 0,
    runs: int = RUNS,
    budget: int = BUDGET,
    lstm: int | None = None,
    threads: int | None = None,
    progress: Callable[[float], object] | None = None,
) -> Reproduction:
    """Search for accuracy with the paper's algorithms, 5 times as it did and many times.

    Parameters
    ----------
    bench
        The bundled benchmark by default.
    seed, runs, budget
        Of every algorithm; the paper has 5 runs, which are the first of these here, and 600 evaluations.
    lstm
        Runs of the paper's LSTM controller, 2 seconds each. By default 100, or none without accelnas-training.
    threads
        Nothing found depends on it.
    progress
        Called with the number of finished evaluations.

    Raises
    ------
    SearchError
        If there are fewer than 2 runs.
    MissingExtraError
        If the LSTM controller is asked for and not installed.
    """
    of_lstm = lstm_runs(lstm, min(runs, LSTM_RUNS), runs)
    found = simulated(bench or accelnas.load(), seed, runs, budget, of_lstm, threads, progress)
    few, top1, regret = _summaries(found)
    several = f"{runs:,} runs" + (f" ({of_lstm} of the LSTM controller)" if of_lstm else "")
    return Reproduction(
        name="fig5",
        title="Fig. 5: trajectories of searches for accuracy",
        source="arXiv 2404.08005, Fig. 5, a plot without numbers",
        rule=RULE,
        comparisons=[],
        command=f"accelnas reproduce fig5 --seed {seed} --runs {runs} --lstm {of_lstm} --output DIRECTORY",
        machine=machine(),
        versions=libraries_of(of_lstm),
        tables=[_orders(found), _finals(found), _course(found), _trajectories(few, top1, regret)],
        figures=[
            Figure(
                "fig5",
                f"Best top-1 so far, mean of {min(SEEDS, runs)} seeds as in the paper, with its {PER_CENT} interval.",
                lambda path: _draw(path, few, "best top-1 so far [%]"),
            ),
            Figure(
                "fig5-regret",
                f"How far the best so far is from the proven optimum, mean of {several}, with its interval.",
                lambda path: _draw(path, regret, "simple regret [points of top-1]"),
            ),
        ],
        remarks=[_coverage(EVOLUTION, found[EVOLUTION]), *REMARKS],
    )


def simulated(
    bench: Benchmark,
    seed: int,
    runs: int,
    budget: int,
    of_lstm: int,
    threads: int | None,
    progress: Callable[[float], object] | None = None,
) -> dict[str, Runs]:
    """Make the runs of all algorithms, by name."""
    done = Done(progress)
    wanted = {label: (algorithm, runs) for label, algorithm in ALGORITHMS.items()}
    if of_lstm:
        wanted[LSTM] = (lstm_controller(), of_lstm)
    found: dict[str, Runs] = {}
    for label, (algorithm, count) in wanted.items():
        found[label] = bench.simulate(
            algorithm, METRIC, runs=count, budget=budget, seed=seed, threads=threads, progress=done.within
        )
        done.end(count * budget)
    return found


def _draw(path: Path, summaries: Mapping[str, Summary], ylabel: str) -> None:
    with drawn(path) as axes:
        draw_curves(axes, summaries, ylabel=ylabel)


def _ends(runs: Runs) -> Floats:
    """Best value at the end of each run."""
    return runs.curve([runs.plan.budget])[:, 0]


def _summaries(found: Mapping[str, Runs]) -> list[dict[str, Summary]]:
    """Summarise each algorithm: top-1 of the first runs and of all, and the regret of all."""
    few, top1, regret = {}, {}, {}
    for label, runs in found.items():
        at = runs.checkpoints()
        few[label] = summarised(runs.curve(at)[:SEEDS], at, LEVEL, RESAMPLES, 0)
        top1[label], regret[label] = runs.summary(at=at), runs.summary(runs.regret(at), at=at)
    return [few, top1, regret]


def _orders(found: Mapping[str, Runs]) -> Table:
    """Say for pairs of algorithms which one ends above the other."""
    learned = [label for label in found if label != RANDOM]
    pairs = [(label, RANDOM, "Fig. 5") for label in learned]
    pairs += [(first, second, "") for first, second in pairwise(learned)]
    lines = []
    for first, second, stated in pairs:
        a, b = _ends(found[first]), _ends(found[second])
        difference = float(a.mean() - b.mean())
        half = 1.96 * float(np.sqrt(a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b)))
        groups = min(len(a), len(b)) // SEEDS
        by_group = [ends[: groups * SEEDS].reshape(groups, SEEDS).mean(axis=1) for ends in (a, b)]
        alike = float(100 * ((by_group[0] > by_group[1]) == (difference > 0)).mean()) if groups else None
        verdict = "yes" if difference - half > 0 else "no" if difference + half < 0 else "undecided"
        lines.append(
            {
                "pair": f"{first} above {second}",
                "stated in": stated,
                "holds": verdict,
                f"{SEEDS} seeds": float(a[:SEEDS].mean() - b[:SEEDS].mean()),
                "all runs": difference,
                "low": difference - half,
                "high": difference + half,
                f"groups of {SEEDS} that agree [%]": alike,
                "groups": groups,
            }
        )
    text = (
        f"Differences of mean top-1 at the end, in points, with a {PER_CENT} interval of the difference of all "
        f"runs. *Groups of {SEEDS} that agree* is how often means of {SEEDS} seeds, as many as the paper has, give the "
        "order of all runs."
    )
    return Table("orders", "Order of the algorithms", pl.DataFrame(lines, infer_schema_length=None), text)


def _finals(found: Mapping[str, Runs]) -> Table:
    lines = []
    for label, runs in found.items():
        last = [runs.plan.budget]
        top1, regret = runs.summary(at=last), runs.summary(runs.regret(last), at=last)
        ranks = runs.ranks((0.05, 0.5, 0.95)).tolist()
        lines.append(
            {
                "algorithm": label,
                "runs": len(runs),
                f"top-1, {SEEDS} seeds [%]": float(_ends(runs)[:SEEDS].mean()),
                "top-1 [%]": float(top1.mean[0]),
                "low": float(top1.lower[0]),
                "high": float(top1.upper[0]),
                "worst 5 %": float(top1.quantiles[0.05][0]),
                "median": float(top1.quantiles[0.5][0]),
                "best 5 %": float(top1.quantiles[0.95][0]),
                "regret [points]": float(regret.mean[0]),
                "regret low": float(regret.lower[0]),
                "regret high": float(regret.upper[0]),
                "rank, best 5 %": ranks[0],
                "rank, median": ranks[1],
                "rank, worst 5 %": ranks[2],
            }
        )
    setting = next(iter(found.values())).plan
    text = (
        f"Best top-1 after {setting.budget} evaluations. Low and high are the ends of {PER_CENT} bootstrap "
        f"intervals of the mean; a rank is of one run's architecture among all {setting.setting.bench.space.size:,}."
    )
    return Table("finals", "At the end of the search", pl.DataFrame(lines), text)


def _course(found: Mapping[str, Runs]) -> Table:
    """Give means at some evaluations."""
    budget = next(iter(found.values())).plan.budget
    at = np.unique(np.clip([6, 30, 60, 120, 300, budget], 1, budget))
    lines = []
    for label, runs in found.items():
        for name, values in (("top-1 [%]", runs.curve(at)), ("regret [points]", runs.regret(at))):
            means = values.mean(axis=0).tolist()
            lines.append({"algorithm": label, "mean": name, **dict(zip(map(str, at.tolist()), means, strict=True))})
    return Table("course", "On the way", pl.DataFrame(lines), "Means of all runs after so many evaluations.")


def _trajectories(*summaries: Mapping[str, Summary]) -> Table:
    frames = []
    for what, by_label in zip(("top-1", "top-1", "regret"), summaries, strict=True):
        for label, summary in by_label.items():
            head = {"algorithm": label, "quantity": what, "runs": summary.runs}
            frames.append(summary.to_polars().select(*(pl.lit(v).alias(k) for k, v in head.items()), pl.all()))
    return Table("trajectories", "What the figures show", pl.concat(frames), shown=False)


def _coverage(label: str, runs: Runs) -> str:
    """Say how often intervals of 5 seeds hold the mean of all runs."""
    ends = _ends(runs)
    groups, mean = len(ends) // SEEDS, ends.mean()
    if groups < 2:
        return f"Intervals of {SEEDS} seeds are percentile bootstrap intervals, which are too narrow for so few."
    columns = np.arange(1, groups + 1)
    found = summarised(ends[: groups * SEEDS].reshape(groups, SEEDS).T, columns, LEVEL, RESAMPLES, 0)
    share = 100 * float(((found.lower <= mean) & (mean <= found.upper)).mean())
    return (
        f"Percentile bootstrap intervals of {SEEDS} seeds are too narrow: of {label}, those of {groups} groups hold "
        f"the mean of all runs ({number(mean)} %) in {share:.0f} % of cases, not {PER_CENT}."
    )
