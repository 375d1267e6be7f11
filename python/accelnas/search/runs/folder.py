"""Reads what many runs left in a folder, whatever they were: each file says how it was made."""

from __future__ import annotations

import json
import re
from os import fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from accelnas.errors import FileError, MissingExtraError
from accelnas.exact.artifacts import BUNDLED, described
from accelnas.exact.formulations import formulation_from_json
from accelnas.search.algorithms import ALGORITHMS
from accelnas.search.fidelities import Fidelities
from accelnas.search.objective import FunctionObjective, parse_sought
from accelnas.search.problem import Setting
from accelnas.search.runs.comparison import Comparison
from accelnas.search.runs.logs import Logs
from accelnas.search.runs.plan import Foreign, Plan, key_of
from accelnas.search.runs.result import Runs
from accelnas.search.runs.store import read_part
from accelnas.search.start import Start
from accelnas.search.workers import Workers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from os import PathLike

    from accelnas.models.predictor import Predictor

__all__ = ["read_runs"]

_NAME = re.compile(r".+-([0-9a-f]{16})-(\d{7,})-(\d{7,})\.parquet")


class _Made(NamedTuple):
    """What the files of a plan say: where the benchmark was, what `Plan.described` gave, and which runs they hold."""

    benchmark: str
    plan: Mapping[str, Any]
    parts: dict[range, Path]


def read_runs(folder: str | PathLike[str], opened: Callable[[Path], Predictor]) -> list[Comparison]:
    """Read the runs that `Benchmark.simulate` kept in a folder.

    Parameters
    ----------
    folder : path
        What `simulate` was given as `output`.
    opened : callable
        Opens a benchmark by its directory, such as `accelnas.load`.

    Returns
    -------
    list of Comparison
        One a task: a benchmark, what is sought there, the budget and the seed. Of each algorithm the runs from 0 up to
        the first that is missing.

    Raises
    ------
    FileError
        If there is no run, a file is damaged, or the benchmark is not the one of the runs.
    MissingExtraError
        If Polars is not installed.

    Examples
    --------
    >>> import tempfile, accelnas
    >>> bench = accelnas.load("nasbench201")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     made = bench.simulate("random_search", "cifar10", runs=20, budget=50, seed=1, output=folder)
    ...     (read,) = read_runs(folder, accelnas.load)
    >>> bool((read["random_search"].regret() == made.regret()).all())
    True
    """
    path = Path(fspath(folder))
    tasks: dict[str, dict[str, Runs]] = {}
    settings: dict[str, Setting] = {}  # one a task: what is proven of it is searched once
    for key, made in _described(path).items():
        parts = _from_first(made.parts)
        if not parts:
            raise FileError(f"{path}: the first runs of {key[:16]} are missing; simulate again to make them")
        task = json.dumps([made.benchmark, *(made.plan[name] for name in made.plan if name != "algorithm")])
        try:
            if task not in settings:
                settings[task] = _setting(opened(BUNDLED / made.benchmark), made.plan)
            plan = _plan(settings[task], made.plan, parts[-1].stop)
        except (KeyError, TypeError, AttributeError) as error:
            raise FileError(
                f"{path}: the plan of {key[:16]} can't be read: {error}; simulate its runs again"
            ) from error
        _check_same(path, plan, made)
        logs = Logs.joined([read_part(made.parts[part], plan, key, part) for part in parts])
        named = tasks.setdefault(task, {})
        # calls of their own may have given one name to several settings
        names = (plan.label, *(f"{plan.label} {number}" for number in range(2, len(named) + 2)))
        named[next(name for name in names if name not in named)] = Runs(plan, logs)
    return [Comparison(runs) for runs in tasks.values()]


def _described(folder: Path) -> dict[str, _Made]:
    """Give what is in a folder, by the key of a plan."""
    try:
        import polars as pl
    except ModuleNotFoundError as error:
        raise MissingExtraError("polars is not installed; run: pip install 'accelnas[polars]'") from error
    found: dict[str, _Made] = {}
    for path in sorted(folder.glob("*.parquet")):
        named = _NAME.fullmatch(path.name)
        if named is None:
            continue
        try:
            made = json.loads(pl.read_parquet_metadata(path)["made"])
            benchmark, plan = str(made["benchmark"]), dict(made["plan"])
        except KeyError:
            raise FileError(f"{path} does not say how it was made; delete it and simulate its runs again") from None
        except (OSError, ValueError, TypeError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
            raise FileError(f"{path}: {error}; delete the file to make these runs again") from error
        key = key_of(plan)
        if not key.startswith(named[1]):
            raise FileError(f"{path} says it is of the plan {key[:16]}, its name of {named[1]}; delete it")
        found.setdefault(key, _Made(benchmark, plan, {})).parts[range(int(named[2]), int(named[3]) + 1)] = path
    if not found:
        raise FileError(f"{folder} holds no runs; name a folder that accelnas simulate --folder wrote")
    return found


def _from_first(parts: Mapping[range, Path]) -> list[range]:
    """Choose parts from run 0 without a gap: of those that begin alike the longest."""
    longest: dict[int, range] = {part.start: part for part in sorted(parts, key=len)}
    chosen: list[range] = []
    while (part := longest.get(chosen[-1].stop if chosen else 0)) is not None:
        chosen.append(part)
    return chosen


def _setting(bench: Predictor, content: Mapping[str, Any]) -> Setting:
    """Give the setting of a plan that `Plan.described` was asked of; the benchmark has what the plan's derived."""
    _check_space(bench, content["space"])
    for name, metric in content["metrics"].items():
        if name not in bench.metrics and metric["expression"] not in (None, name):
            bench = bench.derive(name, metric["expression"], unit=metric["unit"], direction=metric["direction"])
    sought, within = content["sought"], content["within"]
    objectives: Any = list(sought["objectives"].items())
    if sought["function"] is not None:
        objectives = FunctionObjective(Foreign(sought["function"]), sought["objectives"])
    elif sought["formulation"] is not None:
        objectives = formulation_from_json(sought["formulation"], "formulation")
    bench, parsed = parse_sought(bench, objectives, sought["constraints"], sought["penalty"], within)
    noise, clock = content["evaluation"]
    return Setting.of(bench, parsed, within, noise, clock, Fidelities.from_json(content["fidelities"]))


def _plan(setting: Setting, content: Mapping[str, Any], runs: int) -> Plan:
    label, kind, settings = content["algorithm"]
    algorithm = ALGORITHMS[kind](**settings) if kind in ALGORITHMS else Foreign(kind or settings, kind, settings)
    budget, seed = content["runs"]
    workers = None if content["workers"] is None else Workers(**content["workers"])
    start = None
    if content["start"] is not None:
        rows, counts = content["start"]
        start = Start(setting.bench.space.encode(np.array(rows, np.uint8)), counts)
    return Plan(label, algorithm, setting, runs, budget, seed, workers, start)


def _check_space(bench: Predictor, sha256: str) -> None:
    if bench.space.sha256 != sha256:
        raise FileError(
            f"the runs are on the space {sha256[:16]}, benchmark {bench.name} has {bench.space.sha256[:16]}; give the "
            "benchmark of the runs"
        )


def _check_same(folder: Path, plan: Plan, made: _Made) -> None:
    """Refuse another benchmark than that of the runs; another version of the package is none."""
    bench = plan.setting.bench
    for name, metric in made.plan["metrics"].items():
        now = described(bench, [name])[name]
        if now != metric:
            ends = [str(one["expression"] or one["sha256"][:16]) for one in (metric, now)]
            raise FileError(
                f"{folder}: {plan.label} was run on {name} of {ends[0]}, benchmark {bench.name} has {ends[1]}; give "
                "the benchmark of the runs"
            )
