"""Plots of distributions and lists of architectures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from accelnas.plots.style import GREY, INK, colours, literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

__all__ = ["QUANTILES", "draw_distribution", "draw_points"]

_TURNED: Any = {"rotation": 90, "ha": "center", "va": "bottom"}
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def draw_points(axes: Axes, columns: Mapping[str, NDArray[np.float64]]) -> None:
    """Draw points, the best first: the first column over the second, or over their places if there is one column.

    Parameters
    ----------
    axes
        Where to draw.
    columns
        Values of the points, by the text of their axis.
    """
    (first, values), *more = columns.items()
    second, along = more[0] if more else ("place", np.arange(1, len(values) + 1))
    axes.scatter(along, values, s=12, color=colours(["points"])["points"], linewidths=0)
    if not more:
        axes.locator_params(axis="x", integer=True)
    axes.set_xlabel(literal(second))
    axes.set_ylabel(literal(first))


def draw_distribution(
    axes: Axes,
    label: str,
    edges: NDArray[np.float64],
    counts: NDArray[np.uint64],
    quantiles: Mapping[float, tuple[float, float]],
) -> None:
    """Draw a density, with quantiles as lines in the middle of what encloses them.

    Parameters
    ----------
    axes
        Where to draw.
    label
        Text of the axis.
    edges
        float64 (bins + 1,), ascending.
    counts
        Number in each bin.
    quantiles
        Lower and upper ends by the part that is below.
    """
    density = counts / max(sum(counts.tolist()), 1) / np.diff(edges)
    axes.stairs(density, edges, color=colours(["density"])["density"], fill=True, alpha=0.45, linewidth=0)
    axes.set_ylim(bottom=0)
    last = -np.inf
    for level, ends in quantiles.items():
        middle = float(np.mean(ends))
        axes.axvline(middle, color=INK, linewidth=1.2 if level == 0.5 else 0.7, linestyle="-" if level == 0.5 else ":")
        # texts of quantiles that are close would cover each other
        if middle - last >= (edges[-1] - edges[0]) / 24:
            last = middle
            place, turned = (middle, 1.0), _TURNED
            percent = literal(f"{100 * level:g} %")
            axes.annotate(percent, place, (0, 2), axes.get_xaxis_transform(), "offset points", fontsize=7, **turned)
    axes.set_xlabel(literal(label))
    axes.set_ylabel("density")
    axes.tick_params(axis="y", colors=GREY)
