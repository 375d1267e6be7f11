"""Plots of Pareto fronts: two objectives, a third as colour, more on parallel axes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from accelnas.plots.style import COLUMN, GREY, INK, MARKERS, colour_bar, colours, legend, literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["Front", "draw_front", "front_size"]

_POINTS, _LINES = 10_000, 2000  # that a plot has at most: files stay readable


@dataclass(frozen=True)
class Front:
    """What is drawn of a front.

    Attributes
    ----------
    labels, directions : sequence of str
        Text of each objective's axis, and which end of it is sought.
    values : float64 array (n, objectives)
        Best first in the first objective.
    limits : mapping of int to (lower, upper)
        Closed ranges that constraints leave of objectives, by their positions; infinite ends bound nothing.
    open_share : float
        Part of the architectures that the search did not look at: what is better than the points may have some.
    """

    labels: Sequence[str]
    directions: Sequence[str]
    values: Floats
    limits: Mapping[int, tuple[float, float]] = field(default_factory=dict)
    open_share: float = 0.0


def front_size(objectives: int) -> tuple[float, float]:
    """Width and height of a figure, in inches."""
    return COLUMN if objectives <= 3 else (1.3 * objectives, 2.8)


def draw_front(axes: Axes, front: Front, marked: Mapping[str, Floats]) -> None:
    """Draw the points of a front: the first objective over the second.

    Parameters
    ----------
    axes
        Where to draw.
    front
        The front.
    marked
        Values of the objectives of single architectures by their names, such as published ones.
    """
    chosen = _evenly(len(front.values), _POINTS if front.values.shape[1] <= 3 else _LINES)
    title = f"{len(front.values):,} points" + (f", {len(chosen):,} shown" if len(chosen) < len(front.values) else "")
    # in small axes a long title would be cut
    axes.set_title(title + (f", {_percent(front.open_share)} open" if front.open_share else ""))
    if front.values.shape[1] > 3:
        _draw_parallel(axes, front, front.values[chosen], marked)
        return
    first, second, *third = front.values[chosen].T
    colour = colours(["front", "limit", "open"])
    handles: dict[str, Any] = {}
    if third:
        dots = axes.scatter(second, first, c=third[0], s=8, linewidths=0)
        colour_bar(axes, dots, front.labels[2])
    else:
        axes.step(second, first, where=_side(front), color=GREY, linewidth=0.8, zorder=0.9)
        handles["front"] = axes.scatter(second, first, s=5, color=colour["front"], linewidths=0)
    for marker, (name, values) in zip(_cycle(len(marked)), marked.items(), strict=True):
        handles[name] = axes.scatter(values[1], values[0], s=36, marker=marker, facecolors="white", edgecolors=INK)
    _keep_limits(axes, front)
    if front.open_share and not third:
        handles["open"] = _draw_open(axes, front, colour["open"])
    for position, ends in front.limits.items():
        for end, side in zip(ends, (-1, 1), strict=True):
            if position < 2 and np.isfinite(end):
                handles["limit"] = _draw_limit(axes, position, end, side, colour["limit"])
    axes.set_xlabel(literal(front.labels[1]))
    axes.set_ylabel(literal(front.labels[0]))
    if len(handles) > 1 or third:
        legend(axes, handles)


def _percent(share: float) -> str:
    """Write a part of all as it is: not all where something is missing.

    Examples
    --------
    >>> _percent(0.5), _percent(0.9999), _percent(1e-9)
    ('50 %', '> 99 %', '< 1 %')
    """
    percent = 100 * share
    return "< 1 %" if percent < 1 else "> 99 %" if 99 < percent < 100 else f"{percent:.0f} %"


def _cycle(count: int) -> list[str]:
    return [MARKERS[i % len(MARKERS)] for i in range(count)]


def _evenly(count: int, most: int) -> NDArray[np.intp]:
    return np.unique(np.linspace(0, max(count - 1, 0), min(count, most)).astype(np.intp))


def _side(front: Front) -> Any:
    """On which side of a point what it dominates lies, seen along the second objective."""
    second = front.values[:, 1]
    ascending = second[0] <= second[-1] if len(second) else True
    return "pre" if (front.directions[1] == "maximise") == ascending else "post"


def _keep_limits(axes: Axes, front: Front) -> None:
    """Fix the axes at what is drawn, with room for what limits lie beyond."""
    for position, (low, high) in enumerate((axes.get_ylim(), axes.get_xlim())):
        ends = [end for end in front.limits.get(position, ()) if np.isfinite(end)]
        room = 0.08 * (high - low)
        wide = min([low, *(end - room for end in ends)]), max([high, *(end + room for end in ends)])
        axes.set_xlim(wide) if position else axes.set_ylim(wide)


def _draw_open(axes: Axes, front: Front, colour: str) -> Any:
    """Fill what no point dominates: better points may be found there."""
    from matplotlib.patches import Patch

    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    best, worst = (top, bottom) if front.directions[0] == "maximise" else (bottom, top)
    order = np.argsort(front.values[:, 1], kind="stable")
    x, y = front.values[order, 1], front.values[order, 0]
    side: Literal["pre", "post"] = "post"
    if not len(x):
        x, y = np.array([left, right]), np.array([worst, worst])
    elif front.directions[1] == "maximise":
        x, y, side = np.array([left, *x, right]), np.array([y[0], *y, worst]), "pre"
    else:
        x, y = np.array([left, *x, right]), np.array([worst, *y, y[-1]])
    look: Any = {"facecolor": "none", "edgecolor": colour, "alpha": 0.6, "linewidth": 0}
    axes.fill_between(x, y, best, step=side, hatch="////", zorder=0.5, **look)
    return Patch(hatch="/" * 8, **look)


def _draw_limit(axes: Axes, position: int, end: float, side: int, colour: str) -> Any:
    """Draw the end of a range, and shade what is beyond."""
    low, high = axes.get_xlim() if position else axes.get_ylim()
    beyond = (end, high) if side > 0 else (low, end)
    line, span = (axes.axvline, axes.axvspan) if position else (axes.axhline, axes.axhspan)
    span(*beyond, color=colour, alpha=0.12, linewidth=0, zorder=0.4)
    return line(end, color=colour, linewidth=1.0, linestyle="--")


def _draw_parallel(axes: Axes, front: Front, values: Floats, marked: Mapping[str, Floats]) -> None:
    """Draw a line a point over an axis an objective, better above."""
    from matplotlib.collections import LineCollection

    several = [front.values, *(np.reshape(row, (1, -1)) for row in marked.values())]
    every = np.concatenate(several) if any(map(len, several)) else np.zeros((1, values.shape[1]))
    low, high = every.min(axis=0), every.max(axis=0)
    upwards = np.array([direction == "maximise" for direction in front.directions])
    worst, best = np.where(upwards, low, high), np.where(upwards, high, low)

    def heights(rows: Floats) -> Floats:
        scaled: Floats = (rows - worst) / np.where(best == worst, 1.0, best - worst)
        return scaled

    places = np.arange(values.shape[1])
    points = np.stack([np.broadcast_to(places, values.shape), heights(values)], axis=2)
    lines = LineCollection(list(points), array=values[:, 0], linewidths=0.5, alpha=0.6)
    axes.add_collection(lines)
    axes.set_xlim(-0.1, values.shape[1] - 0.9)
    axes.set_ylim(-0.05, 1.05)
    ends = zip(front.labels, worst, best, strict=True)
    axes.set_xticks(
        places, [literal(f"{text.replace(' [', chr(10) + '[')}\n{a:.4g} to {b:.4g}") for text, a, b in ends]
    )
    axes.set_yticks([0, 1], ["worst", "best"])
    colour_bar(axes, lines, front.labels[0])
    handles = {}
    for (name, colour), row in zip(colours(list(marked)).items(), marked.values(), strict=True):
        (handles[name],) = axes.plot(places, heights(row), "o-", color=colour, linewidth=1.6, markersize=4)
    legend(axes, handles)
