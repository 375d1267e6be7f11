"""The files of a validation: a report, the architectures as CSV, and the scatter of the paper's Fig. 3."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from accelnas.plots.style import GREY, colours, drawing, save
from accelnas.reports import joined, markdown, number, write_files
from accelnas_training.energy import grams_of_co2
from accelnas_training.reports import circumstances

if TYPE_CHECKING:
    from collections.abc import Callable

    from accelnas import Space
    from accelnas_training.proxy.trainings import Trained
    from accelnas_training.proxy.validation import SelfAgreement, Validation
    from accelnas_training.ranks import Interval


def shown_tau(tau: float, interval: Interval) -> str:
    """Give a tau with its interval."""
    return f"{tau:.3f} (95 % interval {interval.low:.3f} to {interval.high:.3f})"


def per_architecture(space: Space, **schemes: Trained) -> pl.DataFrame:
    """Give a row an architecture, with the mean and deviation of accuracy and the mean time under each scheme."""
    columns: dict[str, object] = {"architecture": space.format(next(iter(schemes.values())).choices)}
    for name, trained in schemes.items():
        columns[f"{name}_accuracy"] = trained.means
        if trained.deviations is not None:
            columns[f"{name}_sd"] = trained.deviations
        columns[f"{name}_seconds"] = trained.seconds.mean(axis=1)
    return pl.DataFrame(columns, nan_to_null=True)


def energy(intensity: float | None, **joules: float) -> str:
    """Give the energy of some trainings, NaN where not measured, and the CO₂ of making it, if there is an intensity."""
    if all(math.isnan(value) for value in joules.values()):
        return "Energy was not measured: the machine has no counters that could be read."
    rows = []
    for name, value in joules.items():
        row = [name.replace("_", " "), number(value / 3600)]
        if intensity is not None:
            row.append(number(grams_of_co2(value, intensity) or math.nan))
        rows.append(row)
    carbon = [] if intensity is None else ["CO₂ [g]"]
    source = "" if intensity is None else f"\n\nCO₂ is at {intensity:g} g per kWh."
    return markdown(["", "energy [Wh]", *carbon], rows) + source


def total(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float:
    """Give the sum of what was measured; NaN if nothing was."""
    known = values[~np.isnan(values)]
    return float(known.sum()) if known.size else math.nan


BLUE, RED = colours(["candidates", "best"]).values()


def draw_agreement(path: Path, proxy: Trained, reference: Trained, tau: float, interval: Interval) -> None:
    """Draw the accuracy under the proxy against that under the reference; bars are a deviation over seeds."""
    with drawing() as figure_class:
        figure = figure_class(figsize=(4.2, 3.6), layout="constrained")
        axes = figure.subplots()
        axes.errorbar(
            reference.means,
            proxy.means,
            xerr=reference.deviations,
            yerr=proxy.deviations,
            fmt="o",
            markersize=3,
            color=BLUE,
            ecolor=GREY,
            elinewidth=0.6,
        )
        low, high = interval
        axes.set(
            title=f"{len(proxy)} architectures, τ = {tau:.3f} ({low:.3f} to {high:.3f})",
            xlabel="top-1 under r [%]",
            ylabel="top-1 under p* [%]",
        )
        save(figure, path, "svg")


def write_validation(
    validation: Validation, space: Space, folder: str | Path, command: str, intensity: float | None = None
) -> Path:
    """Write how a proxy agrees with the reference on a space's architectures; give the report's path.

    ``validation.csv``, ``validation.svg`` and, last, ``validation.md``, in a folder that is made if needed, made by
    `command`. The grid's intensity is in grams of CO₂ per kWh. Raises FileError if the folder can't be made or written
    to.
    """
    folder = Path(folder)
    proxy, reference = validation.proxy, validation.reference
    files: dict[str, Callable[[Path], object] | str] = {
        "validation.csv": per_architecture(space, proxy=proxy, reference=reference).write_csv,
        "validation.svg": lambda path: draw_agreement(path, proxy, reference, validation.tau, validation.interval),
        "validation.md": _text(validation, command, intensity),
    }
    write_files(folder, files)
    return folder / "validation.md"


def _text(validation: Validation, command: str, intensity: float | None) -> str:
    count, seeds = validation.proxy.accuracy.shape
    of_reference = validation.reference.accuracy.shape[1]
    summary = (
        f"**p\\* ranks {count} architectures as r does with τ = {shown_tau(validation.tau, validation.interval)}, and "
        f"trains {number(validation.speedup, 2)} times faster.** Means of {seeds} seeds under p\\* and {of_reference} "
        "under r; the interval resamples architectures."
    )
    caption = "Top-1 of the architectures under p* and under r; bars are one standard deviation over seeds."
    sections = [
        "# A training proxy beside the reference",
        circumstances(command),
        summary,
        _remarks(validation),
        f"![p* and r](validation.svg)\n\n{caption}",
        "## Either with itself",
        markdown(["", "p*", "r"], _rows(validation.of_proxy, validation.of_reference)),
        "## Energy of a training",
        energy(intensity, **{"p*": validation.of_proxy.joules, "r": validation.of_reference.joules}),
        "All architectures are in `validation.csv`.",
    ]
    return joined(*sections)


def _remarks(validation: Validation) -> str:
    low, high = validation.interval_over_seeds
    singles = validation.singles
    side = "less" if validation.offset < 0 else "more"
    text = f"p\\* gives {abs(validation.offset):.2f} points of top-1 {side} than r on average."
    if len(singles) > 1:
        text = (
            f"τ of a single seed of p\\* and a single seed of r is {min(singles):.3f} to {max(singles):.3f}, "
            f"{np.mean(singles):.3f} on average. Resampling seeds, too, gives {low:.3f} to {high:.3f}, a "
            f"little low since a mean of resampled seeds is noisier. {text}"
        )
    if validation.left_out:
        text += f" {validation.left_out} architectures that one of them lacks or r failed on are left out."
    return text


def _rows(proxy: SelfAgreement, reference: SelfAgreement) -> list[list[str]]:
    both = proxy, reference
    return [
        ["τ between seeds 1 and 2", *(f"{one.between[0]:.3f}" if one.between else "–" for one in both)],
        ["τ between two seeds, mean", *(f"{np.mean(one.between):.3f}" if one.between else "–" for one in both)],
        ["σ of seeds, mean [points]", *(number(one.sigma, 3) for one in both)],
        ["σ of seeds, pooled [points]", *(number(one.pooled, 3) for one in both)],
        ["time of a training [s]", *(number(one.seconds) for one in both)],
        ["failed trainings", *(str(one.failures) for one in both)],
    ]
