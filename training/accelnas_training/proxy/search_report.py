"""The files of a search: the proxy as a scheme, candidates and models as CSV, a report, and drawings."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from accelnas.plots.style import GREY, INK, drawing, save
from accelnas.reports import joined, markdown, number, write_files
from accelnas_training.proxy.settings import flat
from accelnas_training.proxy.validation import self_agreement
from accelnas_training.proxy.validation_report import (
    BLUE,
    RED,
    draw_agreement,
    energy,
    per_architecture,
    shown_tau,
    total,
)
from accelnas_training.reports import circumstances
from accelnas_training.schemes import to_toml

if TYPE_CHECKING:
    from collections.abc import Callable

    from accelnas import Space
    from accelnas_training.proxy.candidates import SearchResult, Verdict


PROXY = "proxy.toml"
SHOWN = 20  # candidates in the report
CAUTION = (
    "This τ is the largest of several, each of a few models: it is likely higher than that of other models. "
    "`accelnas-training proxy validate` measures it on models that had no part in the choice."
)


def write_search(
    result: SearchResult, space: Space, folder: str | Path, command: str, intensity: float | None = None
) -> Path:
    """Write what a search of a space's models found, made by `command`, into a folder; give the report's path.

    ``proxy.toml`` (p*, which `accelnas_training.schemes.load_scheme` reads) and ``models.csv`` and ``models.svg`` only
    if there is one, ``candidates.csv``, ``candidates.svg`` and, last, ``search.md``. The grid's intensity is in grams
    of CO₂ per kWh. Raises FileError if the folder can't be made or written to.
    """
    folder, best = Path(folder), result.best
    files: dict[str, Callable[[Path], object] | str] = {"candidates.csv": _candidate_table(result).write_csv}
    if best is not None:
        files[PROXY] = to_toml(best.candidate.scheme)
        found = best.trained, result.reference
        files["models.csv"] = per_architecture(space, proxy=found[0], reference=found[1]).write_csv
        files["models.svg"] = lambda path: draw_agreement(path, *found, best.tau, best.interval)
    files["candidates.svg"] = lambda path: _draw_candidates(path, result)
    files["search.md"] = _text(result, command, intensity)
    write_files(folder, files)
    return folder / "search.md"


def _draw_candidates(path: Path, result: SearchResult) -> None:
    """Draw tau against the mean training time of each candidate, with the longest that is allowed."""
    with drawing() as figure_class:
        figure = figure_class(figsize=(5.2, 3.2), layout="constrained")
        axes = figure.subplots()
        complete = [verdict for verdict in result.verdicts if verdict.outcome == "complete"]
        pruned = [verdict for verdict in result.verdicts if verdict.outcome != "complete"]
        for verdict in complete:
            axes.plot([verdict.seconds] * 2, verdict.interval, color=BLUE, alpha=0.25, linewidth=1)
        _points(axes, complete, "all models trained", color=BLUE)
        _points(axes, pruned, "given up", color=GREY, facecolors="none")
        best = result.best
        if best is not None:
            axes.scatter(best.seconds, best.tau, s=90, marker="*", color=RED, zorder=3, label="p*")
        axes.axvline(result.settings.longest, color=INK, linestyle="--", linewidth=0.8, label="longest allowed")
        axes.axvline(result.reference.seconds.mean(), color=INK, linestyle=":", linewidth=0.8, label="reference r")
        axes.set(xscale="log", xlabel="mean training time [s]", ylabel="τ of candidate and r")
        axes.xaxis.set_major_formatter("{x:g}")
        figure.legend(loc="outside lower center", ncols=3)
        save(figure, path, "svg")


def _points(axes: Any, verdicts: list[Verdict], label: str, **style: Any) -> None:
    if verdicts:
        seconds, taus = zip(*((verdict.seconds, verdict.tau) for verdict in verdicts), strict=True)
        axes.scatter(seconds, taus, s=14, label=label, **style)


def _candidate_table(result: SearchResult) -> pl.DataFrame:
    """Give a row a candidate, in the order of trial; times are estimated where not all models were trained."""
    rows = [
        {
            **verdict.candidate.values,
            "outcome": verdict.outcome,
            "models": len(verdict.trained),
            "failures": verdict.trained.failures,
            "tau": verdict.tau,
            "tau_low": verdict.interval.low,
            "tau_high": verdict.interval.high,
            "seconds": verdict.seconds,
            "digest": verdict.candidate.scheme.digest,
        }
        for verdict in result.verdicts
    ]
    return pl.DataFrame(rows, infer_schema_length=None)


def _text(result: SearchResult, command: str, intensity: float | None) -> str:
    best = result.best
    sections = [f"# A training proxy for `{result.settings.reference.name}`", circumstances(command)]
    if best is None:
        sections.append(f"**No candidate is fast enough.** {_asked(result)}")
    else:
        sections += [_found(result, best), _asked(result), _scheme(result, best)]
    sections.append("![τ against time](candidates.svg)\n\nτ of the candidates and r against their mean training time.")
    if best is not None:
        sections.append("![p* and r](models.svg)\n\nTop-1 of the models under p* and under r.")
    sections += ["## Candidates", _candidates(result), "## Costs", _costs(result, best, intensity)]
    return joined(*sections)


def _found(result: SearchResult, best: Verdict) -> str:
    slow = float(result.reference.seconds.mean())
    return (
        f"**p\\* ranks {len(result.reference)} models as r does with τ = {shown_tau(best.tau, best.interval)}, and "
        f"trains one in {number(best.seconds, 3)} s on average, {number(result.speedup, 3)} times faster than r "
        f"({number(slow, 3)} s).** It is in `{PROXY}`. {CAUTION}"
    )


def _asked(result: SearchResult) -> str:
    """Say what was asked, and what became of it."""
    settings, seen = result.settings, Counter(verdict.outcome for verdict in result.verdicts)
    seeds = len(settings.reference_seeds), len(settings.seeds)
    text = (
        f"Asked for: the largest τ with a mean training time of at most {settings.longest:g} s. "
        f"{len(result.verdicts)} candidates were tried ({settings.search}): {seen['complete']} on all models, "
        f"{seen['too slow']} were too slow, {seen['behind']} behind in τ. Seeds of each model: {seeds[0]} under r, "
        f"{seeds[1]} under a candidate."
    )
    if result.enough:
        text += " The search ended early, with a scheme that is good enough."
    if result.dropped:
        text += " Not tried: " + ", ".join(f"{count} {reason}" for reason, count in result.dropped.items()) + "."
    if result.left_out:
        text += f" {result.left_out} models were left out because the reference failed on them."
    failures = sum(verdict.trained.failures for verdict in result.verdicts)
    if failures:
        text += f" {failures} trainings under candidates failed; a failed one ranks below all others."
    between = self_agreement(result.reference).between
    if between:
        text += f" τ between two seeds of r is {np.mean(between):.3f} on average: so much noise has a single training."
    return text


def _scheme(result: SearchResult, best: Verdict) -> str:
    reference = flat(result.settings.reference.to_dict())
    rows = [[f"`{key}`", str(value), str(reference.get(key, ""))] for key, value in best.candidate.values.items()]
    return markdown(["", "p*", "r"], rows)


def _candidates(result: SearchResult) -> str:
    table = _candidate_table(result).drop("digest", "failures").sort("tau", descending=True, nulls_last=True)
    keys = list(result.settings.choices)
    rows = [
        [
            row["outcome"],
            *(str(row[key]) for key in keys),
            str(row["models"]),
            f"{row['tau']:.3f}",
            f"{row['tau_low']:.3f} to {row['tau_high']:.3f}",
            number(row["seconds"], 3),
        ]
        for row in table.head(SHOWN).iter_rows(named=True)
    ]
    header = ["", *(f"`{key}`" for key in keys), "models", "τ", "95 % interval", "seconds"]
    which = f"The {SHOWN} of the largest τ; all are" if len(table) > SHOWN else "All are"
    return f"{which} in `candidates.csv`.\n\n" + markdown(header, rows)


def _costs(result: SearchResult, best: Verdict | None, intensity: float | None) -> str:
    tried = [verdict.trained for verdict in result.verdicts]
    trainings = result.reference.seconds.size, sum(trained.seconds.size for trained in tried)
    hours = total(result.reference.seconds) / 3600, sum(np.nansum(trained.seconds) for trained in tried) / 3600
    text = (
        f"Trainings: {trainings[0]} under r ({number(hours[0], 3)} hours) and {trainings[1]} under candidates "
        f"({number(hours[1], 3)} hours), of one worker each."
    )
    if best is None:
        return text
    saved = float(result.reference.seconds.mean()) - best.seconds
    if saved > 0:
        paid = int(np.ceil(sum(hours) * 3600 / saved))
        text += f" The search has paid for itself after {paid:,} architectures trained under p* instead of r."
    each = {"a_training_under_r": result.reference, "a_training_under_p*": best.trained}
    joules = {name: total(trained.joules) / trained.joules.size for name, trained in each.items()}
    return text + "\n\n" + energy(intensity, **joules)
