"""The files of a search: its history as a table, a report as Markdown and JSON, a drawing."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from accelnas.plots.runs import Line, Panel, draw_curves, draw_panel
from accelnas.plots.style import GREY, drawing, label, save
from accelnas.reports import joined, markdown, number, write_files
from accelnas_training.provenance import environment
from accelnas_training.reports import circumstances

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from accelnas_training.search.ending import Ending, Finalist
    from accelnas_training.search.found import Found

_SHOWN = 10  # architectures in the report
_COSTS = ("macs", "params", "train_time")


def write_search(
    found: Found,
    folder: Path,
    command: str,
    ending: Ending | None = None,
    finalists: Sequence[Finalist] = (),
) -> Path:
    """Write what a search found, made by `command`, into a folder; give the report's path.

    ``history.parquet`` and ``history.csv``, ``search.svg`` of one or two objectives, ``search.json`` and, last,
    ``search.md``. Raises FileError if the folder can't be made or written to.
    """
    table = found.table()
    files: dict[str, Callable[[Path], object] | str] = {
        "history.parquet": table.write_parquet,
        "history.csv": table.write_csv,
    }
    if len(found.question.sought.objectives) <= 2:
        files["search.svg"] = lambda path: _draw(path, found)
    files["search.json"] = json.dumps(summary(found, command, ending, finalists), indent=1) + "\n"
    files["search.md"] = _text(found, command, ending, finalists)
    write_files(folder, files)
    return folder / "search.md"


def summary(
    found: Found, command: str, ending: Ending | None = None, finalists: Sequence[Finalist] = ()
) -> dict[str, Any]:
    """Give a report's content as plain data."""
    question, counts = found.question, _counts(found)
    content: dict[str, Any] = {
        "command": command,
        "question": question.to_json(),
        "scheme": question.scheme.to_dict(),
        **counts,
        "best": [_described(found, place) for place in (found.best(_SHOWN) if found.feasible.any() else [])],
        "environment": environment(),
    }
    if ending is not None:
        content["reference"] = {
            "scheme": ending.reference.to_dict(),
            "seeds": list(ending.seeds),
            "protocol": ending.protocol.to_dict(),
            "finalists": [
                {
                    **_described(found, one.place),
                    "accuracy": _plain(one.accuracies),
                    "measurement": None if one.measurement is None else _finite(asdict(one.measurement)),
                    "onnx": None if one.onnx is None else one.onnx.name,
                    "onnx_difference": None if one.onnx is None else one.difference,
                }
                for one in finalists
            ],
        }
    return content


def _counts(found: Found) -> dict[str, Any]:
    """Count evaluations, and what they took."""
    outcomes, table = Counter(one.outcome for one in found.told), found.table()
    new = table.filter(~table["repeated"])
    seconds = 0.0
    if "train_time" in new.columns:  # of trainings that went on, all that the last of them took
        each = new.group_by("architecture").agg(pl.col("train_time").max())
        seconds = float(each["train_time"].sum()) * len(found.question.seeds)
    return {
        "evaluations": len(found.told),
        "distinct": new["architecture"].n_unique(),
        "trained": outcomes["trained"],
        "failed": outcomes["failed"],
        "left_out": outcomes["left out"],
        "repeated": table.height - new.height,
        "train_seconds": float(seconds),
    }


def _described(found: Found, place: int) -> dict[str, Any]:
    one = found.told[place]
    text = found.space.format(found.architectures[place : place + 1])[0]
    return {"architecture": text, "evaluation": one.number + 1, "metrics": dict(one.metrics or {})}


def _plain(values: Any) -> list[float | None]:
    return [None if np.isnan(value) else float(value) for value in values]


def _finite(values: dict[str, float]) -> dict[str, float | None]:
    return {name: None if np.isnan(value) else value for name, value in values.items()}


def _text(found: Found, command: str, ending: Ending | None, finalists: Sequence[Finalist]) -> str:
    question = found.question
    sections = [f"# A search by training: {question.sought}", circumstances(command), _made(found)]
    if len(question.sought.objectives) <= 2:
        sections.append("![search](search.svg)")
    if found.feasible.any():
        sections += ["## What it found", _best(found)]
    if ending is not None:
        sections += [f"## Trained by `{ending.reference.name}`", _finals(found, ending, finalists)]
    return joined(*sections)


def _made(found: Found) -> str:
    question, counts = found.question, _counts(found)
    seeds = ", ".join(map(str, question.seeds))
    text = (
        f"{question.label} made {counts['evaluations']} evaluations of {counts['distinct']} architectures, seed "
        f"{question.seed}; each is trained by `{question.scheme.name}` ({question.scheme.digest[:12]}), seed {seeds}. "
        f"The trainings took {number(counts['train_seconds'], 3)} s of one worker."
    )
    if question.epochs:
        rungs = Counter(found.epochs.tolist())
        each = ", ".join(f"{rungs[own]} after {own}" for own in question.epochs)
        text += f" Evaluations by epochs: {each}; a training that goes on begins where it was stopped."
    if counts["repeated"]:
        text += f" {counts['repeated']} evaluations were of architectures that had been evaluated before."
    if counts["failed"]:
        text += f" {counts['failed']} trainings failed, and were told as the worst."
    if counts["left_out"]:
        text += f" {counts['left_out']} were not trained: their constraints forbade it beforehand."
    return text + " All evaluations, in the order in which they ended, are in `history.csv` and `history.parquet`."


def _best(found: Found) -> str:
    names = dict.fromkeys((*found.question.sought.columns, *_COSTS))
    rows = []
    for place in found.best(_SHOWN):
        one = _described(found, place)
        values = [one["metrics"].get(name, np.nan) for name in names]
        rows.append([f"`{one['architecture']}`", one["evaluation"], *map(float, values)])
    what = "The best architectures" if len(found.question.sought.objectives) == 1 else "The front"
    text = f"{what}, as the search saw them: their values are the best of many noisy ones, and so likely too good."
    return text + "\n\n" + markdown(["architecture", "evaluation", *map(_named(found), names)], rows)


def _named(found: Found) -> Callable[[str], str]:
    units = {"train_time": "s"}
    return lambda name: label(name, found.metrics[name].unit if name in found.metrics else units.get(name, ""))


def _finals(found: Found, ending: Ending, finalists: Sequence[Finalist]) -> str:
    rows = []
    for one in finalists:
        text, good = _described(found, one.place)["architecture"], one.accuracies[~np.isnan(one.accuracies)]
        mean = float(good.mean()) if len(good) else np.nan
        spread = float(good.std(ddof=1)) if len(good) > 1 else np.nan
        latency = [np.nan, np.nan]
        if one.measurement is not None:
            latency = [one.measurement.latency_ms, one.measurement.latency_std_ms]
        file = "" if one.onnx is None else f"[{one.onnx.name}]({one.onnx.name})"
        rows.append([f"`{text}`", file, f"{len(good)} of {len(one.results)}", mean, spread, *map(float, latency)])
    header = ["architecture", "ONNX", "seeds", "top-1 [%]", "± (seeds)", "latency [ms]", "± (passes)"]
    text = (
        f"Seeds {', '.join(map(str, ending.seeds))} of the reference {ending.reference.digest[:12]}. Latency by the "
        f"protocol `{ending.protocol.name}` at {ending.reference.resize.validation} pixels, on this machine."
    )
    return text + "\n\n" + markdown(header, rows, words=3)


def _draw(path: Path, found: Found) -> None:
    names = [_named(found)(objective.metric) for objective in found.question.sought.objectives]
    with drawing() as figure_class:
        figure = figure_class(figsize=(4.2, 2.8), layout="constrained")
        axes = figure.subplots()
        scores = found.scores
        if len(names) == 1:
            every = np.arange(1, len(scores) + 1)
            draw_curves(axes, {"": Line(every, found.best_so_far)}, ylabel=names[0])
            axes.plot(every, scores[:, 0], color=GREY, marker=".", markersize=3, linestyle="none")
            axes.set_xscale("linear")
        else:
            front = found.best(len(scores)) if found.feasible.any() else []
            draw_panel(axes, Panel("", names[1], names[0], np.empty((0, 2)), {"front": scores[front][:, ::-1]}))
            axes.plot(scores[:, 1], scores[:, 0], color=GREY, marker=".", markersize=3, linestyle="none")
        save(figure, path, "svg")
