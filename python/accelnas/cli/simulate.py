"""``accelnas simulate``: many seeded runs of one search algorithm or several, and how they compare."""

from __future__ import annotations

import json
import time
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from accelnas.cli.commands import command
from accelnas.cli.exact import Engine, EngineOption
from accelnas.cli.searching import (
    ExactOption,
    ObjectiveArgument,
    Sought,
    parse_algorithms,
    setting_of,
    settings_of,
    watched,
)
from accelnas.cli.shared import Computed, PlotOption, optional, plot_option, write_plot
from accelnas.cli.standings import print_standings
from accelnas.errors import AccelnasError, MissingExtraError
from accelnas.search.proven import known_front, known_optimum

if TYPE_CHECKING:
    from accelnas.search.runs import Comparison, Runs, Summary
    from accelnas.search.runs.result import By

RANKED = (0.05, 0.5, 0.95)


@command(
    "accelnas simulate random_search,regularized_evolution,local_search accuracy --runs 1000 --plot regret.svg",
    "accelnas simulate nsga2,moead accuracy,latency_zcu102 --runs 200 --at 100,600",
    "accelnas simulate regularized_evolution accuracy --clock train_time --workers 8 --at-time 20000,50000",
    "accelnas simulate regularized_evolution,my_module:MyAlgorithm accuracy --folder runs -o improvements.parquet",
)
def simulate(
    algorithms: Annotated[
        str,
        typer.Argument(
            metavar="ALGORITHM[,ALGORITHM]",
            help="Native algorithms, and MODULE:ATTRIBUTE for those of your own, from this folder.",
        ),
    ],
    objective: ObjectiveArgument,
    *,
    runs: Annotated[int, typer.Option("--runs", "-r", min=1, help="Runs of each algorithm.")] = 1000,
    options: Sought,
    at: Annotated[
        str | None,
        optional(
            "--at",
            metavar="N[,N]",
            text="Evaluations after which statistics are shown.",
            default="a sixth, half and all, or none with --at-time",
        ),
    ] = None,
    at_time: Annotated[
        str | None,
        optional("--at-time", metavar="COST[,COST]", text="Simulated costs at which statistics are shown."),
    ] = None,
    exact: ExactOption = True,
    ranks: Annotated[bool, typer.Option("--ranks", help="Exact ranks in the whole space; seconds each.")] = False,
    engine: EngineOption = Engine.threads,
    folder: Annotated[
        Path | None,
        typer.Option("--folder", metavar="DIRECTORY", help="Keep finished parts; the same command goes on from them."),
    ] = None,
    output: Annotated[
        Path | None,
        optional("--output", "-o", text="Write every improvement: CSV or Parquet."),
    ] = None,
    plot: PlotOption = None,
    plot_ranks: Annotated[
        Path | None,
        plot_option("--plot-ranks", "File for a diagram of average ranks"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON in place of tables.")] = False,
    opened: Computed,
) -> None:
    """Make many runs of search algorithms, and compare what they found with the proven optimum, or front.

    Intervals are of the mean, by bootstrap, with 95 %. Average ranks are over runs; Friedman's test, then Nemenyi's.
    """
    from accelnas.search.runs import Comparison

    bench, threads, budget, seed = opened.bench, opened.threads, options.budget, options.seed
    task, clock = options.task(bench), options.clock
    chosen = parse_algorithms(algorithms, options.settings)
    if plot_ranks is not None and (len(chosen) < 3 or not exact):
        raise typer.BadParameter(f"--plot-ranks compares three algorithms or more, there are {len(chosen)}, by --exact")
    sought = options.objective(objective)
    setting, columns, moments = (
        setting_of(bench, sought, task),
        _checkpoints(at, budget, at_time),
        _moments(at_time, clock),
    )
    _require_libraries(len(chosen), plot or plot_ranks)
    optimum = known_optimum(setting, threads) if exact else None
    exact = exact and (optimum is not None or known_front(setting) is not None)
    made: dict[str, Runs] = {}
    seconds: dict[str, float] = {}
    for label, one in chosen.items():
        started = time.perf_counter()
        with watched(label, runs * budget, setting, optimum) as show:
            found = bench.simulate(
                {label: one},
                sought,
                runs=runs,
                budget=budget,
                seed=seed,
                threads=threads,
                engine=engine.value,
                output=folder,
                progress=show,
                **task,
            )
        made[label], seconds[label] = found[label], time.perf_counter() - started
    comparison = Comparison(made)
    if output is not None:
        from accelnas.fitting.writers import write_table

        write_table(output, iter([comparison.to_polars().to_dict()]))
    report = {
        **setting.sought.to_json(),
        "runs": runs,
        "budget": budget,
        "seed": seed,
        "noise": options.noise,
        "clock": clock,
        "fidelities": None if setting.fidelities is None else setting.fidelities.to_json(),
        "workers": options.workers,
        "synchronous": options.synchronous,
        "time": options.time,
        "optimum": optimum,
        "algorithms": {
            label: {
                "settings": settings_of(chosen[label]),
                **_statistics(one, columns, moments, exact, optimum),
                "ranks": dict(zip(map(str, RANKED), one.ranks(RANKED).tolist(), strict=True)) if ranks else None,
                "time": None if clock is None else float(one.logs.time.mean()),
                "evaluations": float(one.evaluations.mean()),
                "seconds": seconds[label],
                # parts of a folder may be older than this call
                "evaluations_per_second": None if folder is not None else int(one.evaluations.sum()) / seconds[label],
            }
            for label, one in comparison.items()
        },
        "differences": _differences(comparison, exact, plot_ranks),
    }
    if as_json:
        typer.echo(json.dumps(report, indent=1))
    else:
        print_standings(report, setting.clock_unit)
    by: By = "evaluation" if options.workers is None and options.time is None else "time"
    write_plot(plot, partial(comparison.plot, exact=exact, by=by))


def _checkpoints(text: str | None, budget: int, times: str | None) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Read numbers of evaluations; by default some, unless there are times."""
    listed = [max(1, budget // 6), max(1, budget // 2), budget] if text is None and not times else []
    for part in (text or "").split(",") if text else ():
        if not part.strip().isdecimal() or not 1 <= int(part) <= budget:
            raise typer.BadParameter(f"--at {text!r}; write numbers of 1 to the budget of {budget}, such as {budget}")
        listed.append(int(part))
    return np.unique(np.array(listed, np.int64))


def _moments(text: str | None, clock: str | None) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Read simulated costs."""
    try:
        moments = np.unique([float(part) for part in (text or "").split(",") if text])
    except ValueError as error:
        raise typer.BadParameter(f"--at-time {text!r}; write costs above 0, such as 20000,50000") from error
    if not (np.isfinite(moments) & (moments > 0)).all():
        raise typer.BadParameter(f"--at-time {text!r}; write costs above 0, such as 20000,50000")
    if len(moments) and clock is None:
        raise typer.BadParameter(f"--at-time {text!r} needs a --clock, such as train_time")
    return moments


def _require_libraries(algorithms: int, plot: Path | None) -> None:
    """Refuse before the runs, not after them, what needs a library that is not there."""
    wanted = dict.fromkeys(("scipy", "scikit_posthocs"), "simulate") if algorithms > 2 else {}
    for library, extra in (wanted | ({} if plot is None else {"matplotlib": "plots"})).items():
        if find_spec(library) is None:
            raise MissingExtraError(f"{library} is not installed; run: pip install 'accelnas[{extra}]'")


def _measures(runs: Runs, exact: bool, optimum: float | None) -> dict[str, Any]:
    """Give what tells how good runs are: functions of numbers of evaluations, by name."""
    if len(runs.plan.setting.sought.labels) > 1:
        return {"hypervolume": runs.hypervolume, "igd_plus": runs.igd_plus} if exact else {}
    return {"best": runs.curve} if optimum is None else {"regret": runs.regret}


def _statistics(runs: Runs, columns: Any, moments: Any, exact: bool, optimum: float | None) -> dict[str, Any]:
    """Summarise runs at checkpoints; what is undefined, as nothing feasible was found, is left out."""
    out: dict[str, Any] = {}
    for name, measure in _measures(runs, exact, optimum).items():
        out[name], out["without_feasible"] = [], 0
        for key, chosen in {"at": columns, "times": moments}.items():
            if not len(chosen):
                continue
            where: dict[str, Any] = {key: chosen}
            table = measure(**where)
            feasible = np.isfinite(table).all(axis=1)
            if feasible.any():
                summary = runs.summary(table[feasible], **where)
                out[name] += [_row(summary, i) for i in range(len(chosen))]
            out["without_feasible"] = max(out["without_feasible"], int((~feasible).sum()))
    return out


def _row(summary: Summary, i: int) -> dict[str, Any]:
    low, middle, high = (float(summary.quantiles[q][i]) for q in (0.05, 0.5, 0.95))
    mean = {"mean": float(summary.mean[i]), "lower": float(summary.lower[i]), "upper": float(summary.upper[i])}
    at = {"evaluations": int(summary.at[i])} if summary.by == "evaluation" else {"time": float(summary.at[i])}
    return {**at, **mean, "median": middle, "q05": low, "q95": high}


def _differences(comparison: Comparison, exact: bool, plot: Path | None) -> dict[str, Any] | None:
    """Test whether three algorithms or more differ, where what they lost is known."""
    if len(comparison) < 3 or not exact:
        return None
    try:
        found = comparison.differences()
    except AccelnasError as error:
        return {"error": str(error)}
    write_plot(plot, found.plot)
    ranks = dict(zip(found.labels, found.ranks.tolist(), strict=True))
    return {"ranks": ranks, "friedman_p": found.p_value, "alike": [list(group) for group in found.alike()]}
