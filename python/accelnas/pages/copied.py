"""What pages offer to copy: the Python, or the command, that makes what they show again."""

from __future__ import annotations

import json
import shlex
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from accelnas.exact.artifacts import origin
from accelnas.search.runs.plan import labelled

if TYPE_CHECKING:
    from accelnas.models.predictor import Predictor
    from accelnas.search.problem import Setting
    from accelnas.search.runs import Comparison, Plan

__all__ = ["commanded", "loaded", "simulated"]

_DEFAULTS = {"mnasnet": "", "mnasnet-xgboost": 'family="xgboost"'}


def loaded(bench: Predictor) -> str:
    """Write what `accelnas.load` is given to open the benchmark: a bundled one by its name or by nothing."""
    name = origin(bench)
    return _DEFAULTS.get(name, repr(name))


def simulated(comparison: Comparison) -> str:
    """Write the Python that makes runs again; what is of Python is left to be filled in."""
    plan = next(iter(comparison.values())).plan
    setting, sought, ladder = plan.setting, plan.setting.sought, plan.setting.fidelities
    lines = [f"bench = accelnas.load({loaded(setting.bench)})"]
    for name, known in _derived(plan).items():
        unit = f", unit={known['unit']!r}" if known["unit"] else ""
        lines.append(f"bench = bench.derive({name!r}, {known['expression']!r}{unit}, direction={known['direction']!r})")
    imports: dict[str, set[str]] = {}

    def named(thing: Any) -> str:
        imports.setdefault(type(thing).__module__.rpartition(".")[0], set()).add(type(thing).__name__)
        return repr(thing)

    algorithms = [
        f"        {label!r}: {named(runs.plan.algorithm)},"
        if runs.plan.is_native
        else f"        {label!r}: ...,  # of yours"
        for label, runs in comparison.items()
    ]
    objective = f"{[(o.metric, o.direction) for o in sought.objectives]!r},"
    if sought.function is not None:
        objective = "...,  # a function of yours"
    elif sought.formulation is not None:
        objective = f"{named(sought.formulation)},"
    given = {
        "runs": plan.runs,
        "budget": plan.budget - plan.free,
        "seed": plan.seed,
        "subject_to": [str(c) for c in sought.constraints] or None,
        "within": setting.within() or None,
        "penalty": sought.penalty,
        "noise": setting.noise or None,
        "clock": setting.clock,
        "fidelities": _fidelities(setting),
        "from_scratch": True if ladder is not None and ladder.from_scratch else None,
        **_overlapping(plan),
        "start": _start(plan) or None,
        "start_counts": False if plan.free else None,
    }
    arguments = [f"    {name}={value!r}," for name, value in given.items() if value is not None]
    head = [f"from {module} import {', '.join(sorted(names))}" for module, names in sorted(imports.items())]
    call = [
        "found = bench.simulate(",
        "    {",
        *algorithms,
        "    },",
        f"    {objective}",
        *arguments,
    ]
    return "\n".join(["import accelnas", *head, "", *lines, *call, ")", ""])


def commanded(comparison: Comparison) -> str | None:
    """Write the command that makes runs again; None where options can't say what they were."""
    plan = next(iter(comparison.values())).plan
    setting, sought, where = plan.setting, plan.setting.sought, origin(plan.setting.bench)
    algorithms = {label: runs.plan.algorithm for label, runs in comparison.items()}
    own = any(not runs.plan.is_native for runs in comparison.values())
    if (
        own
        or not isinstance(setting.noise, bool)
        or sought.formulation is not None
        or sought.function is not None
        or where == "mnasnet-xgboost"
    ):
        return None
    if list(labelled(list(algorithms.values()))) != list(algorithms):
        return None
    ends = [f"{o.metric}:{o.direction}" for o in sought.objectives]
    words = ["accelnas", "simulate", ",".join(one.kind for one in algorithms.values()), ",".join(ends)]
    if where != "mnasnet":
        words += ["--benchmark", where]
    for name, known in _derived(plan).items():
        unit = f" [{known['unit']}]" if known["unit"] else ""
        words += ["--derive", f"{known['direction']} {name}{unit} = {known['expression']}"]
    words += ["--runs", str(plan.runs), "--budget", str(plan.budget - plan.free), "--seed", str(plan.seed)]
    for constraint in sought.constraints:
        words += ["--subject-to", str(constraint)]
    for name, choices in setting.within().items():
        words += ["--within", f"{name}={','.join(map(str, choices))}"]
    if sought.penalty is not None:
        words += ["--penalty", repr(sought.penalty)]
    words += ["--noise"] if setting.noise else []
    words += ["--clock", setting.clock] if setting.clock is not None else []
    ladder = _fidelities(setting)
    listed = ",".join(f"{n}={name}" for n, name in (ladder or {}).items())
    words += ["--fidelities", listed or "none"] if ladder is not None else []
    words += ["--from-scratch"] if setting.fidelities is not None and setting.fidelities.from_scratch else []
    for name, value in _overlapping(plan).items():
        words += [f"--{name}"] if value is True else [f"--{name}", str(value)]
    for text in _start(plan):
        words += ["--start", text]
    words += ["--start-free"] if plan.free else []
    for label, algorithm in algorithms.items():
        for entry in fields(algorithm):
            value = getattr(algorithm, entry.name)
            if value != entry.default:
                text = value if isinstance(value, str) else json.dumps(value)
                words += ["--set", f"{label}.{entry.name}={text}"]
    return shlex.join(words)


def _fidelities(setting: Setting) -> dict[int, str] | None:
    """Fidelities that runs were given; none of those that a benchmark has is an option of its own."""
    if setting.fidelities is not None:
        return dict(setting.fidelities.metrics)
    sought = setting.sought
    is_metric = sought.function is None and sought.formulation is None and len(sought.objectives) == 1
    return {} if is_metric and setting.bench.fidelities(sought.objectives[0].metric) else None


def _overlapping(plan: Plan) -> dict[str, Any]:
    """Options of `Workers` that are not their defaults; one that is told batches is none at all."""
    if plan.workers is None:
        return {}
    number, together, _ = plan.workers.to_core()
    given = {} if (number, together) == (1, True) else {"workers": number, "synchronous": together}
    return {name: value for name, value in (given | {"time": plan.workers.time}).items() if value}


def _start(plan: Plan) -> list[str]:
    return [] if plan.start is None else plan.setting.bench.space.format(plan.start.rows)


def _derived(plan: Plan) -> dict[str, Any]:
    """Metrics that were derived by name; those of choices and quantiles are derived by themselves."""
    known = plan.described()["metrics"]
    return {name: one for name, one in known.items() if one["expression"] is not None and name.isidentifier()}
