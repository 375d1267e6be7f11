"""Plots of an evaluation."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import polars as pl

from accelnas.fitting.evaluation.cells import INTERVALS
from accelnas.fitting.evaluation.results import learning_curves
from accelnas.plots.models import PARTS, draw_calibration
from accelnas.plots.style import GREY, colours, drawing, grid, label, save

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from accelnas.models.importances import Importances

    Floats = NDArray[np.float64]

__all__ = ["plot_calibration", "plot_importances", "plot_learning_curves", "plot_predictions"]

Item = TypeVar("Item")


def plot_predictions(path: Path, metric: str, unit: str, pairs: Mapping[str, tuple[Floats, Floats]]) -> None:
    """Draw predicted against measured values, and residuals against predicted ones, of each of the settings.

    Pairs are measured and predicted values, float64 (n,) each, by the name of the settings.
    """
    everything = np.concatenate([values for pair in pairs.values() for values in pair])
    low, high = float(everything.min()), float(everything.max())
    residuals = np.concatenate([measured - predicted for measured, predicted in pairs.values()])
    limit = 1.05 * float(np.abs(residuals).max()) or 1.0
    with drawing() as figure_class:
        figure = figure_class(figsize=(2.3 * len(pairs) + 0.4, 4.0), layout="constrained")
        axes = figure.subplots(2, len(pairs), squeeze=False, sharex=True, sharey="row")
        for column, (name, (measured, predicted)) in enumerate(pairs.items()):
            colour = colours(list(pairs))[name]
            dots = {"s": 5, "alpha": 0.5, "linewidths": 0, "color": colour, "rasterized": True}
            above, below = axes[:, column]
            above.plot([low, high], [low, high], color=GREY, linewidth=0.8)
            above.scatter(predicted, measured, **dots)
            above.set_title(name)
            below.axhline(0.0, color=GREY, linewidth=0.8)
            below.scatter(predicted, measured - predicted, **dots)
            below.set_ylim(-limit, limit)
            below.set_xlabel(label("predicted", unit))
        axes[0, 0].set_ylabel(f"measured\n{label(metric, unit)}")
        axes[1, 0].set_ylabel("measured − predicted" + (f"\n[{unit}]" if unit else ""))
        save(figure, path, "svg")


def plot_calibration(path: Path, results: pl.DataFrame) -> None:
    """Draw how many measurements conformal intervals cover against how many they should, a panel a metric."""
    rows = results.filter(pl.col("coverage_50").is_not_null())
    colour = colours(rows["settings"].unique(maintain_order=True).to_list())
    levels = [f"coverage_{100 * level:02.0f}" for level in INTERVALS]
    metrics = rows["metric"].unique(maintain_order=True).to_list()
    with _panels(path, metrics, (4, 2.2, 2.2), colour, "level of the interval [%]") as panels:
        for axis, metric in panels:
            of_metric = rows.filter(metric=metric)
            observed = dict(zip(of_metric["settings"], of_metric.select(levels).to_numpy(), strict=True))
            draw_calibration(axis, np.array(INTERVALS), observed, colour)
            axis.set_title(metric)
        axis.figure.supylabel("measurements inside [%]", fontsize=8)


def plot_learning_curves(path: Path, results: pl.DataFrame) -> None:
    """Draw mean absolute errors against rows fitted on, a panel a metric; bands span the seeds."""
    rows = learning_curves(results)
    colour = colours(rows["settings"].unique(maintain_order=True).to_list())
    legend = {**colour, "noise of one measurement": GREY}
    metrics = rows["metric"].unique(maintain_order=True).to_list()
    with _panels(path, metrics, (3, 3.0, 2.3), legend, "rows fitted on") as panels:
        for axis, metric in panels:
            of_metric = rows.filter(metric=metric)
            for name in of_metric["settings"].unique(maintain_order=True):
                curve = of_metric.filter(settings=name).group_by("wanted", maintain_order=True)
                mae = pl.col("mae")
                points = curve.agg(mae.mean().alias("mean"), mae.min().alias("low"), mae.max().alias("high"))
                axis.fill_between(points["wanted"], points["low"], points["high"], color=colour[name], alpha=0.2, lw=0)
                axis.plot(points["wanted"], points["mean"], "o-", color=colour[name], markersize=3, linewidth=1.2)
            ceiling = of_metric["ceiling_mae"][0]
            if ceiling:
                axis.axhline(ceiling, color=GREY, linestyle="--", linewidth=0.9)
            axis.set(title=metric, xscale="log", yscale="log", ylabel=label("MAE", of_metric["unit"][0]))
            sizes = sorted(of_metric["wanted"].unique())
            axis.set_xticks(sizes, [f"{size:,}" for size in sizes], minor=False)
            axis.minorticks_off()
            ticks = _round_ticks(*axis.get_ylim())
            axis.set_yticks(ticks, [f"{tick:g}" for tick in ticks])


def plot_importances(path: Path, found: Sequence[Importances]) -> None:
    """Draw first-order and total Sobol indices of the most important variables, a panel a metric."""
    with _panels(path, found, (3, 3.0, 2.0), PARTS, "share of the variance over the whole space") as panels:
        for axis, importances in panels:
            importances.draw_bars(axis)


@contextmanager
def _panels(
    path: Path, of: Sequence[Item], size: tuple[int, float, float], colour: Mapping[str, str], xlabel: str
) -> Iterator[Iterator[tuple[Any, Item]]]:
    """Give axes of a panel each, with a legend above and a label below; size: columns, width and height."""
    from matplotlib.patches import Patch

    with drawing() as figure_class:
        figure, axes = grid(figure_class, len(of), *size)
        yield zip(axes, of, strict=True)
        handles = [Patch(color=c, label=name) for name, c in colour.items()]
        figure.legend(handles=handles, loc="outside upper left", ncols=min(len(handles), 6))
        figure.supxlabel(xlabel, fontsize=8)
        save(figure, path, "svg")


def _round_ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 times powers of ten inside the limits; what lies next to them if there are fewer than two."""
    powers = range(int(np.floor(np.log10(low))) - 1, int(np.ceil(np.log10(high))) + 1)
    ticks = [digit * 10.0**power for power in powers for digit in (1, 2, 5)]
    inside = [tick for tick in ticks if low <= tick <= high]
    if len(inside) > 1:
        return inside
    fine = [digit * 10.0**power for power in powers for digit in (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9)]
    return [tick for tick in fine if low <= tick <= high]
