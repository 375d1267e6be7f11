"""Diagrams of average ranks and of algorithms that are not told apart (Demšar 2006), a row an algorithm."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelnas.plots.style import COLUMN, INK, colours, literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from matplotlib.axes import Axes

__all__ = ["differences_size", "draw_differences"]

_ROW = 0.19  # inches


def differences_size(algorithms: int) -> tuple[float, float]:
    """Width and height of a figure, in inches."""
    return COLUMN[0], 0.7 + _ROW * algorithms


def draw_differences(
    axes: Axes, labels: Sequence[str], ranks: np.ndarray, groups: Sequence[Sequence[str]], title: str
) -> None:
    """Draw average ranks, the best on top, with bars beside algorithms that are not told apart.

    Parameters
    ----------
    axes
        Where to draw.
    labels, ranks
        Algorithms and their average ranks, the best first.
    groups
        Labels of neighbours that do not differ.
    title
        Above the plot.
    """
    rows, last = {name: i for i, name in enumerate(labels)}, max(len(labels), 2)
    axes.scatter(ranks, list(rows.values()), s=18, color=list(colours(labels).values()), zorder=3)
    for i, rank in enumerate(ranks.tolist()):
        axes.annotate(f"{rank:.2f}", (rank, i), (5, 0), textcoords="offset points", va="center", fontsize=7)
    step = 0.05 * (last - 1)
    for number, group in enumerate(groups):
        ends = [rows[name] for name in group]
        beside = [last + step * (number + 4)] * 2
        axes.plot(beside, [min(ends), max(ends)], color=INK, linewidth=3, solid_capstyle="round")
    axes.set_xlim(1 - step, last + step * (len(groups) + 4))
    axes.set_ylim(max(len(labels), 1) - 0.5, -0.5)
    axes.set_xticks(range(1, last + 1))
    axes.set_yticks(range(len(labels)), list(map(literal, labels)))
    axes.tick_params(axis="y", length=0)
    axes.set_title(title)
