"""Plots of fronts and distributions; they need the extra ``[report]``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from accelnas.plots.style import GREY, colours, drawing, label, save

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from accelnas.exact.distribution import Distribution
    from accelnas.exact.estimates import DistributionEstimate
    from accelnas.exact.front import FrontResult
    from accelnas.metric import Metric

__all__ = ["plot_distribution", "plot_front"]


def plot_front(path: Path, metrics: Mapping[str, Metric], front: FrontResult) -> None:
    """Draw the points of a front to an SVG file; a third objective is the colour."""
    labels = [label(o.metric, metrics[o.metric].unit) for o in front.objectives]
    with drawing() as figure_class:
        figure = figure_class(figsize=(4.6, 3.2), layout="constrained")
        axes = figure.subplots()
        first, second, *third = front.values.T
        if third:
            dots = axes.scatter(second, first, c=third[0], s=6, linewidths=0, rasterized=True)
            figure.colorbar(dots, label=labels[2])
        else:
            axes.step(second, first, where=_where(front), color=GREY, linewidth=0.8)
            axes.scatter(second, first, s=6, color=colours(["front"])["front"], linewidths=0)
        axes.set_xlabel(labels[1])
        axes.set_ylabel(labels[0])
        axes.set_title(f"{len(front):,} points" + ("" if front.is_complete else ", interrupted"))
        save(figure, path)


def plot_distribution(path: Path, found: Distribution | DistributionEstimate) -> None:
    """Draw the density and the cumulative distribution of a metric to an SVG file."""
    colour = colours(["density", "cumulative"])
    with drawing() as figure_class:
        figure = figure_class(figsize=(4.6, 3.2), layout="constrained")
        axes = figure.subplots()
        density = found.counts / max(found.total, 1) / np.diff(found.edges)
        axes.stairs(density, found.edges, color=colour["density"], fill=True, alpha=0.4)
        axes.set_xlabel(label(found.metric, found.unit))
        axes.set_ylabel("density")
        below = axes.twinx()
        below.plot(found.edges, found.cdf(), color=colour["cumulative"], linewidth=1.0)
        below.set_ylabel("part below")
        below.grid(visible=False)
        save(figure, path)


def _where(front: FrontResult) -> str:
    """Side on which the steps of what is dominated lie, seen along the second objective."""
    ascending = front.values[0, 1] <= front.values[-1, 1] if len(front) else True
    maximised = front.objectives[1].direction == "maximise"
    return "pre" if maximised == ascending else "post"
