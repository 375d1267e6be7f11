"""The page of many searches: how good algorithms were, whether they differ, and how the runs are made again."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from accelnas._core import __version__
from accelnas.arguments import check_number
from accelnas.errors import AccelnasError, ParameterError
from accelnas.notebook import evenly
from accelnas.pages.copied import commanded, simulated
from accelnas.pages.document import asset, document, numbers
from accelnas.plots.style import label as labelled
from accelnas.search.proven import best_of, exact_front, known_front, known_optimum
from accelnas.search.runs.comparison import differences
from accelnas.search.runs.summary import summarised

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from accelnas.search.fidelities import Fidelities
    from accelnas.search.problem import Setting
    from accelnas.search.runs import Comparison, Plan, Runs, Summary
    from accelnas.search.start import Start
    from accelnas.search.workers import Workers

    Floats = NDArray[np.float64]

__all__ = ["searches"]

_SCRIPTS = ("uplot.js", "format.js", "sort.js", "charts.js", "theme.js", "searches.js")
_SHARES = np.linspace(0.0, 1.0, 51)
_POINTS = 2000  # of an exact front
_STEPS = 50  # of a curve


@dataclass(frozen=True)
class _Measure:
    """What tells how good runs are, a value a run and checkpoint."""

    name: str
    label: str
    values: Callable[..., Floats]  # of `Runs` and at=, or times=
    loss: Callable[[Floats], Floats]  # less is better
    most: float | None = None


def searches(comparisons: Sequence[Comparison], *, level: float = 0.95, threads: int | None = None) -> str:
    """Write a page of runs of several algorithms, on one task or several.

    It has rankings after any number of evaluations, curves by evaluations and by simulated costs, distributions over
    runs, tests of differences, fronts, what is proven of the optimum, and what makes the runs again.

    Parameters
    ----------
    comparisons : sequence of Comparison
        One a task, as `accelnas.search.runs.read_runs` and `Benchmark.simulate` give them.
    level : float
        Of intervals of the mean, above 0 and below 1.
    threads : int, optional
        To prove optima and fronts with; one a core by default.

    Raises
    ------
    ParameterError
        If there is no comparison, or the level is none.

    Examples
    --------
    >>> import accelnas
    >>> names = ["random_search", "local_search", "reinforce"]
    >>> found = accelnas.load("nasbench201").simulate(names, "cifar10", runs=20, budget=50, seed=0)
    >>> searches([found]).startswith("<!doctype html>")
    True
    """
    if not comparisons:
        raise ParameterError("there are no runs; give at least one comparison")
    if not 0 < check_number("level", level) < 1:
        raise ParameterError(f"level is {level}; choose a number between 0 and 1")
    tasks = [_task(comparison, level, threads) for comparison in comparisons]
    algorithms = dict.fromkeys(name for comparison in comparisons for name in comparison)
    (title,) = {task["name"] for task in tasks} if len(tasks) == 1 else {f"{len(tasks)} tasks"}
    runs = sum(len(each) for comparison in comparisons for each in comparison.values())
    return document(
        f"Searches: {title}",
        f"{runs:,} runs of {len(algorithms)} algorithm{'s' if len(algorithms) > 1 else ''}",
        asset("searches.html").decode(),
        data={"tasks": tasks, "level": 100 * level, "shares": _SHARES.tolist()},
        scripts=_SCRIPTS,
        footer=f"Made by accelnas {__version__}. Intervals are of the mean over runs, by bootstrap.",
    )


def _task(comparison: Comparison, level: float, threads: int | None) -> dict[str, Any]:
    plan = next(iter(comparison.values())).plan
    proven = known_optimum(plan.setting, threads) is not None or known_front(plan.setting) is not None
    measures = _measures(plan.setting, proven)
    at = next(iter(comparison.values())).checkpoints(_STEPS)
    return {
        "name": str(plan.setting.sought),
        "benchmark": plan.setting.bench.name,
        "budget": plan.budget,
        "seed": plan.seed,
        "evaluations": at.tolist(),
        "clock": None if plan.setting.clock is None else _clock(plan),
        "measures": [_measured(comparison, measure, at, level) for measure in measures],
        "fronts": _fronts(comparison, proven) if len(plan.setting.sought.labels) > 1 else None,
        "algorithms": {label: _algorithm(runs) for label, runs in comparison.items()},
        "facts": _facts(plan),
        "proven": _proven(plan.setting, threads) if proven else None,
        "copies": {"Python": simulated(comparison), "command": commanded(comparison)},
    }


def _clock(plan: Plan) -> str:
    return labelled(str(plan.setting.clock), plan.setting.clock_unit)


def _fidelities(fidelities: Fidelities) -> str:
    """Say which epochs there are, and what more of them cost."""
    each = ", ".join(f"{name} after {epochs} epochs" for epochs, name in fidelities.metrics)
    return each + ("; every training from scratch" if fidelities.from_scratch else "; trainings go on")


def _measures(setting: Setting, proven: bool) -> list[_Measure]:
    """Give what can be said of runs, the most telling first."""
    if len(setting.sought.labels) > 1:
        if not proven:
            return []
        name = "normalised hypervolume"
        volume = _Measure("hypervolume", name, lambda runs, **at: runs.hypervolume(**at), lambda v: 1 - v, 1.0)
        return [volume, _Measure("IGD+", "IGD+", lambda runs, **at: runs.igd_plus(**at), lambda v: v)]
    what, sign = setting.labels[0], float(setting.sought.signs[0])
    best = _Measure("best value", what, lambda runs, **at: runs.curve(**at), lambda v: -sign * v)
    regret = _Measure("regret", f"regret, {what}", lambda runs, **at: runs.regret(**at), lambda v: v)
    return [regret, best] if proven else [best]


def _measured(comparison: Comparison, measure: _Measure, at: NDArray[np.int64], level: float) -> dict[str, Any]:
    """Give a measure of all runs: curves, distributions and tests at every checkpoint."""
    values = {label: measure.values(runs, at=at) for label, runs in comparison.items()}
    # a run that never finds anything feasible has no value; the others have means
    kept = {label: table[np.isfinite(table[:, -1])] for label, table in values.items()}
    common = min(len(table) for table in values.values())
    losses = {label: measure.loss(table[:common]) for label, table in values.items()}
    return {
        "name": measure.name,
        "label": measure.label,
        "most": measure.most,
        "isLess": bool(measure.loss(np.ones(1))[0] > measure.loss(np.zeros(1))[0]),
        "curves": {label: _curve(table, level) for label, table in kept.items()},
        "without": {label: len(values[label]) - len(table) for label, table in kept.items()},
        "shares": {label: _shares(table) for label, table in kept.items()},
        "tests": [_test({label: loss[:, i] for label, loss in losses.items()}) for i in range(len(at))],
        "blocks": common,
        "times": _by_time(comparison, measure, level),
    }


def _curve(table: Floats, level: float) -> dict[str, Any] | None:
    """Summarise values (runs, k)."""
    if not len(table):
        return None
    with np.errstate(invalid="ignore"):  # infinite before the first point
        found: Summary = summarised(table, np.arange(table.shape[1]), level, 1000, 0)
    quantiles = {f"{100 * q:g}": numbers(values) for q, values in found.quantiles.items()}
    return {"mean": numbers(found.mean), "lower": numbers(found.lower), "upper": numbers(found.upper), **quantiles}


def _shares(table: Floats) -> list[list[float | None]]:
    """Give values that so many of the runs are not above, by checkpoint."""
    if not len(table):
        return []
    return [numbers(column) for column in np.quantile(table, _SHARES, axis=0, method="inverted_cdf").T]


def _test(losses: Mapping[str, Floats]) -> dict[str, Any]:
    try:
        found = differences(losses)
    except AccelnasError as error:
        return {"error": str(error)}
    return {
        "labels": list(found.labels),
        "ranks": found.ranks.tolist(),
        "p": found.p_value,
        "pairs": [numbers(row) for row in found.p_values],
        "alike": [list(group) for group in found.alike()],
    }


def _by_time(comparison: Comparison, measure: _Measure, level: float) -> dict[str, Any] | None:
    """Give curves by simulated costs, from when all runs have evaluated something."""
    logs = {label: runs.logs for label, runs in comparison.items()}
    if not all(len(own.times) and own.lengths.all() for own in logs.values()):
        return None
    first = max(float(own.times[own.starts[:-1]].max()) for own in logs.values())
    last = max(float(own.time.max()) for own in logs.values())
    if not 0 < first < last:
        return None
    at = np.geomspace(first, last, _STEPS)
    at[0] = first  # which rounding may be below
    curves = {}
    for label, runs in comparison.items():
        table = measure.values(runs, times=at)
        curves[label] = _curve(table[np.isfinite(table[:, -1])], level)
    return {"at": at.tolist(), "curves": curves}


def _fronts(comparison: Comparison, proven: bool) -> dict[str, Any]:
    """Give the exact front, and of each algorithm that of the run with the median hypervolume."""
    setting = next(iter(comparison.values())).plan.setting
    exact = exact_front(setting).values if proven else np.empty((0, len(setting.labels)))
    found = {}
    for label, runs in comparison.items():
        run = 0
        if proven:
            order = np.argsort(runs.hypervolume([runs.plan.budget])[:, 0], kind="stable")
            run = int(order[(len(order) - 1) // 2])
        rows, values = runs.front(run)
        texts = setting.bench.space.format(rows) if len(rows) else []
        found[label] = {"run": run, "architectures": texts, "values": [numbers(column) for column in values.T]}
    shown = exact[evenly(len(exact), _POINTS)] if len(exact) else exact
    return {"objectives": setting.labels, "exact": [numbers(c) for c in shown.T], "points": len(exact), "found": found}


def _algorithm(runs: Runs) -> dict[str, Any]:
    """Say what an algorithm was."""
    plan = runs.plan
    given = asdict(plan.algorithm) if plan.is_native else {}
    settings = ", ".join(f"{name} {value}" for name, value in given.items())
    own = "" if plan.is_native else f"of Python, {getattr(plan.algorithm, '__name__', plan.label)}"
    cost = None if plan.setting.clock is None else float(runs.logs.time.mean())
    return {"runs": plan.runs, "settings": own or settings or "none", "sha256": plan.key(), "cost": cost}


def _facts(plan: Plan) -> list[list[str]]:
    """Give what the runs depend on, as names and texts."""
    setting, described = plan.setting, plan.described()
    space = setting.bench.space
    within = "; ".join(f"{name} in {', '.join(map(str, own))}" for name, own in setting.within().items())
    size = f"{space.size:,}" if space.size < 10**15 else f"{space.size:.3g}"
    facts = [
        ("benchmark", setting.bench.name),
        ("space", f"{space.name}, {size} architectures, sha256 {space.sha256}"),
        ("sought", str(setting.sought)),
        ("penalty", "" if setting.sought.penalty is None else f"{setting.sought.penalty:g}"),
        ("restricted to", within),
        ("evaluations", _evaluations(setting.noise)),
        ("clock", "" if setting.clock is None else _clock(plan)),
        ("fidelities", "" if setting.fidelities is None else _fidelities(setting.fidelities)),
        ("budget", f"{plan.budget:,} evaluations a run"),
        ("seed", str(plan.seed)),
        ("workers", "" if plan.workers is None else _workers(plan.workers)),
        ("begin with", "" if plan.start is None else _start(plan.start)),
        *(
            (f"metric {name}", known["expression"] or f"sha256 {known['sha256']}")
            for name, known in described["metrics"].items()
        ),
    ]
    return [[name, text] for name, text in facts if text]


def _evaluations(noise: bool | float) -> str:
    if isinstance(noise, bool):
        return "simulated measurements" if noise else "predictions"
    return f"simulated measurements with {noise:g} times their noise"


def _proven(setting: Setting, threads: int | None) -> dict[str, Any]:
    """Give what the runs are compared with, and its certificate."""
    if len(setting.sought.labels) > 1:
        certificate, found = exact_front(setting).certificate, {}
    else:
        best = best_of(setting, threads)
        certificate = best.certificate
        value = known_optimum(setting, threads)
        found = {"value": value, "what": setting.labels[0], "architecture": certificate.result["architectures"][0]}
    counts = certificate.counts
    facts = [
        ["proven", certificate.bound],
        ["evaluated", f"{counts.evaluated:,} architectures"],
        ["excluded by bounds", f"{counts.pruned:,}"],
        ["certificate", f"sha256 {certificate.sha256}"],
    ]
    return {**found, "facts": facts, "certificate": certificate.to_json()}


def _workers(workers: Workers) -> str:
    told = "told batches" if workers.synchronous else "told each evaluation as it ends"
    ends = "" if workers.time is None else f"; runs end at a cost of {workers.time:g}"
    return f"{workers.number:,}, {told}{ends}"


def _start(start: Start) -> str:
    return f"{len(start.rows):,} known architectures, which {'count' if start.counts else 'are free'}"
