"""Plots of fronts, distributions and lists of architectures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from accelnas.plots.style import GREY, colours, drawn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["plot_distribution", "plot_front", "plot_points"]

_LINES = 2000  # that a plot of parallel axes has at most


def plot_points(path: Path, columns: Mapping[str, NDArray[np.float64]]) -> None:
    """Draw points, the best first: the first column over the second, or over their places if there is one column.

    Parameters
    ----------
    path
        The file.
    columns
        Values of the points, by the text of their axis.
    """
    (first, values), *more = columns.items()
    second, along = more[0] if more else ("place", np.arange(1, len(values) + 1))
    with drawn(path) as axes:
        axes.scatter(along, values, s=8, color=colours(["points"])["points"], linewidths=0)
        axes.set_xlabel(second)
        axes.set_ylabel(first)


def plot_front(
    path: Path, labels: Sequence[str], values: NDArray[np.float64], directions: Sequence[str], title: str
) -> None:
    """Draw the points of a front; a third objective is the colour, more are parallel axes.

    Parameters
    ----------
    path
        The file.
    labels
        Texts of the axes.
    values
        float64 (n, objectives), best first in the first objective.
    directions
        Which end of each objective is sought.
    title
        Above the plot.
    """
    if values.shape[1] > 3:
        _plot_parallel(path, labels, values, directions, title)
        return
    with drawn(path) as axes:
        first, second, *third = values.T
        if third:
            dots = axes.scatter(second, first, c=third[0], s=6, linewidths=0, rasterized=True)
            axes.figure.colorbar(dots, label=labels[2])
        else:
            # the side on which what is dominated lies, seen along the second objective
            ascending = second[0] <= second[-1] if len(second) else True
            side = "pre" if (directions[1] == "maximise") == ascending else "post"
            axes.step(second, first, where=side, color=GREY, linewidth=0.8)
            axes.scatter(second, first, s=6, color=colours(["front"])["front"], linewidths=0)
        axes.set_xlabel(labels[1])
        axes.set_ylabel(labels[0])
        axes.set_title(title)


def _plot_parallel(
    path: Path, labels: Sequence[str], values: NDArray[np.float64], directions: Sequence[str], title: str
) -> None:
    """Draw a line a point over an axis an objective, better above; of many points evenly chosen ones."""
    from matplotlib.collections import LineCollection

    chosen = np.unique(np.linspace(0, max(len(values) - 1, 0), min(len(values), _LINES)).astype(int))
    ends = [(low, high) if end == "maximise" else (high, low) for low, high, end in _ends(values, directions)]
    worst, best = np.array(ends).T
    heights = (values[chosen] - worst) / np.where(best == worst, 1.0, best - worst)
    with drawn(path, width=1.5 * values.shape[1]) as axes:
        places = np.arange(values.shape[1])
        points = np.stack([np.broadcast_to(places, heights.shape), heights], axis=2)
        lines = LineCollection(list(points), array=values[chosen, 0], linewidths=0.4, alpha=0.6, rasterized=True)
        axes.add_collection(lines)
        axes.set_xlim(-0.1, values.shape[1] - 0.9)
        axes.set_ylim(-0.05, 1.05)
        axes.set_xticks(places, [f"{text}\n{a:.4g} to {b:.4g}" for text, (a, b) in zip(labels, ends, strict=True)])
        axes.set_yticks([0, 1], ["worst", "best"])
        axes.figure.colorbar(lines, label=labels[0])
        axes.set_title(title)


def _ends(values: NDArray[np.float64], directions: Sequence[str]) -> list[tuple[float, float, str]]:
    """Give the least and the largest value of each objective, with its direction; 0 without points."""
    columns = values.T if len(values) else np.zeros((values.shape[1], 1))
    return [(float(column.min()), float(column.max()), end) for column, end in zip(columns, directions, strict=True)]


def plot_distribution(
    path: Path, label: str, edges: NDArray[np.float64], counts: NDArray[np.uint64], below: NDArray[np.float64]
) -> None:
    """Draw a density and a cumulative distribution.

    Parameters
    ----------
    path
        The file.
    label
        Text of the axis.
    edges
        float64 (bins + 1,), ascending.
    counts
        Number in each bin.
    below
        Part below each edge.
    """
    colour = colours(["density", "cumulative"])
    with drawn(path) as axes:
        density = counts / max(sum(counts.tolist()), 1) / np.diff(edges)
        axes.stairs(density, edges, color=colour["density"], fill=True, alpha=0.4)
        axes.set_xlabel(label)
        axes.set_ylabel("density")
        axis = axes.twinx()
        axis.plot(edges, below, color=colour["cumulative"], linewidth=1.0)
        axis.set_ylabel("part below")
        axis.grid(visible=False)
