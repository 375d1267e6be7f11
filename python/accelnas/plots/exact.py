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
    """Draw the points of a front; a third objective is the colour.

    Parameters
    ----------
    path
        The file.
    labels
        Texts of the axes.
    values
        float64 (n, 2) or (n, 3), best first in the first objective.
    directions
        Which end of each objective is sought.
    title
        Above the plot.
    """
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
