"""Plots of searches: what they reach by evaluations, and their fronts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from accelnas.plots.style import GREY, INK, MARKERS, colours, drawing, grid, legend, literal, save

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["Curve", "Line", "Panel", "draw_curves", "draw_panel", "plot_fronts"]

_DECADE = 10.0  # curves that span less are read more easily on a linear axis


@dataclass(frozen=True)
class Line:
    """A curve without an interval: values, (k,), after so many evaluations, (k,)."""

    evaluations: NDArray[np.int64]
    mean: Floats

    @property
    def lower(self) -> Floats:
        """The values."""
        return self.mean

    upper = lower


class Curve(Protocol):
    """What is drawn of an algorithm: a mean and its interval, by the number of evaluations."""

    @property
    def evaluations(self) -> NDArray[np.int64]:
        """Ascending, (k,)."""
        ...

    @property
    def mean(self) -> Floats:
        """Of all runs, (k,)."""
        ...

    @property
    def lower(self) -> Floats:
        """Lower end of the interval, (k,)."""
        ...

    @property
    def upper(self) -> Floats:
        """Upper end of the interval, (k,)."""
        ...


@dataclass(frozen=True)
class Panel:
    """Fronts of one pair of metrics.

    Attributes
    ----------
    title, xlabel, ylabel : str
        What the panel says.
    exact : float64 array (n, 2)
        Points of the exact front, x and y; may be empty.
    found : mapping of str to float64 array (n, 2)
        Points that searches found, by their name.
    marked : mapping of str to (x, y)
        Single points, such as published networks, by their name.
    """

    title: str
    xlabel: str
    ylabel: str
    exact: Floats
    found: Mapping[str, Floats] = field(default_factory=dict)
    marked: Mapping[str, tuple[float, float]] = field(default_factory=dict)


def draw_curves(
    axes: Axes,
    summaries: Mapping[str, Curve],
    *,
    ylabel: str,
    published: Mapping[str, Floats] | None = None,
    most: float | None = None,
) -> None:
    """Draw means over runs with their intervals: evaluations on a log scale, values too if they span it.

    Parameters
    ----------
    axes
        Where to draw.
    summaries
        By algorithm, of its regret or whatever else falls or rises with evaluations.
    ylabel
        What was summarised, with its unit.
    published
        Curves of others, float64 (n, 2) of evaluations and values, by their names. One with an algorithm's name has its
        colour. A single point is drawn as one.
    most
        What values can't exceed, where they come near it: the axis ends there, and is linear.
    """
    published = published or {}
    means = np.concatenate([summary.mean for summary in summaries.values()]) if summaries else np.empty(0)
    positive = means[np.isfinite(means) & (means > 0)]
    if most is None and len(positive) and not (means < 0).any() and positive.max() / positive.min() >= _DECADE:
        axes.set_yscale("log", nonpositive="mask")
        axes.yaxis.set_major_formatter("{x:g}")
    colour = colours(list(dict.fromkeys([*summaries, *published])))
    handles: dict[str, Any] = {}
    for name, summary in summaries.items():
        line: Any = {"marker": "o", "markersize": 3} if len(summary.evaluations) == 1 else {}
        (handles[name],) = axes.plot(summary.evaluations, summary.mean, color=colour[name], linewidth=1.2, **line)
        axes.fill_between(
            summary.evaluations, summary.lower, summary.upper, color=colour[name], alpha=0.25, linewidth=0
        )
    for name, points in published.items():
        x, y = np.asarray(points, np.float64).reshape(-1, 2).T
        style: Any = {"marker": "o", "linestyle": "none"} if len(x) == 1 else {"linestyle": "--", "linewidth": 0.8}
        (handles[f"{name}, published"],) = axes.plot(x, y, color=colour[name], **style)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:,.0f}")
    if most is not None:
        axes.set_ylim(top=min(most, axes.get_ylim()[1]))
    axes.set_xlabel("evaluations")
    axes.set_ylabel(literal(ylabel))
    if len(handles) > 1:
        legend(axes, handles)
    else:
        axes.set_title(literal("".join(handles)))


def draw_panel(axes: Axes, panel: Panel) -> None:
    """Draw fronts that searches found beside the exact one."""
    legend(axes, _draw_panel(axes, panel, colours(list(panel.found)), _shapes(panel.marked)))


def plot_fronts(path: Path, panels: Sequence[Panel]) -> None:
    """Draw fronts that searches found beside exact ones to an SVG file, a panel each.

    Parameters
    ----------
    path
        The file.
    panels
        A name has the same colour in all of them.
    """
    colour = colours(list(dict.fromkeys(name for panel in panels for name in panel.found)))
    shapes = _shapes(dict.fromkeys(name for panel in panels for name in panel.marked))
    with drawing() as figure_class:
        figure, axes = grid(figure_class, len(panels), 3, 3.4, 2.8)
        handles: dict[str, Any] = {}
        for axis, panel in zip(axes, panels, strict=True):
            handles |= _draw_panel(axis, panel, colour, shapes)
        legend(figure, handles, loc="outside lower center", ncols=min(5, len(handles)))
        save(figure, path, "svg")


def _shapes(names: Iterable[str]) -> dict[str, str]:
    return {name: MARKERS[i % len(MARKERS)] for i, name in enumerate(names)}


def _draw_panel(axes: Axes, panel: Panel, colour: Mapping[str, str], shapes: Mapping[str, str]) -> dict[str, Any]:
    """Draw a panel, and give what its legend shows."""
    exact = np.asarray(panel.exact, np.float64).reshape(-1, 2)
    order = np.argsort(exact[:, 0], kind="stable")
    handles: dict[str, Any] = {}
    if len(exact):
        (handles["exact"],) = axes.plot(*exact[order].T, color=GREY, linewidth=0.8, marker=".", markersize=2)
    for name, points in panel.found.items():
        x, y = np.asarray(points, np.float64).reshape(-1, 2).T
        handles[name] = axes.scatter(x, y, s=8, linewidths=0, color=colour[name])
    for name, place in panel.marked.items():
        handles[name] = axes.scatter(*place, s=40, marker=shapes[name], facecolors="none", edgecolors=INK)
    axes.set_xlabel(literal(panel.xlabel))
    axes.set_ylabel(literal(panel.ylabel))
    axes.set_title(literal(panel.title))
    return handles
