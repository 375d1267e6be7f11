"""The comparison of guided searches as Markdown."""

from __future__ import annotations

from typing import Any

import numpy as np

from accelnas.reports import markdown as table
from accelnas.reports import number
from accelnas.search.runs.summary import summarised
from bench.guided_searchers import AT, NATIVE, SEARCHERS, TASKS

Results = dict[str, Any]
NOTES = """\
True regret, in the metric's unit, beside the proven optimum of the whole space: mean over seeds, its 95 % bootstrap
interval, and the number of seeds (n). Longer runs count after fewer evaluations, too. *CPU ms* is the processor
time of one evaluation, the search's own, mean over the runs that there are: longer runs cost more an evaluation, and
the machine does other work at the time. SMAC's runs of 50 and of 150
begin otherwise, as it is told how many there are. What has fewer than 5 seeds so far is left out."""
FEWEST = 5  # seeds of a mean


def cell(regrets: list[list[float]], position: int) -> str:
    """Write the mean of what reached so many evaluations, its interval and its number of seeds."""
    reached = np.array([own[position] for own in regrets if len(own) > position])
    if len(reached) < FEWEST:
        return ""
    found = summarised(reached[:, None], np.array([AT[position]]), 0.95, 10_000, 0)
    mean, lower, upper = (number(float(part[0]), 3) for part in (found.mean, found.lower, found.upper))
    return f"{mean} [{lower}, {upper}], n={len(reached)}"


def section(runs: Results, versions: Results) -> str:
    """Make the table of one task."""
    rows = []
    for name in [*NATIVE, *SEARCHERS]:
        own = list(runs.get(name, {}).values())
        if len(own) < FEWEST:
            continue
        title = NATIVE[name] if name in NATIVE else f"{SEARCHERS[name].title} {versions.get(name, '')}".strip()
        regrets = [one["regrets"] for one in own]
        spent = sum(one.get("cpu", 0.0) for one in own) / sum(one.get("evaluations", AT[-1]) for one in own)
        cells = [cell(regrets, position) for position in range(len(AT))]
        rows.append([title, *cells, None if name in NATIVE else round(1000 * spent)])
    return table(["searcher", *(f"after {at}" for at in AT), "CPU ms"], rows)


def markdown(results: Results) -> str:
    """Write the whole report."""
    told = (
        "`{command}`, in pieces, on {cores} cores of {cpu}, {memory_gib} GiB, {system}, Python {python}, NumPy {numpy}."
    )
    lines = [
        "# Searches with a model and without",
        told.format(command=results["command"], **results["machine"]),
        NOTES,
    ]
    for task in TASKS:
        lines += [f"## {TASKS[task].title}", section(results["runs"].get(task, {}), results["versions"])]
    return "\n\n".join(lines) + "\n"
