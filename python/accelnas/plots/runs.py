"""Plots of searches: regret, hypervolume, differences, fronts; they need the extra ``[report]``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from accelnas.plots.style import GREY, colours, drawing, drawn, grid, save

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["Panel", "plot_differences", "plot_fronts", "plot_hypervolume", "plot_regret"]

_DECADE = 10.0  # curves that span less are read more easily on a linear axis


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


class Ranked(Protocol):
    """What is drawn of a comparison, as `accelnas.search.runs.Differences` has it."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Algorithms, the best first."""
        ...

    @property
    def ranks(self) -> Floats:
        """Average rank of each, (k,)."""
        ...

    @property
    def p_values(self) -> Floats:
        """Of each pair, (k, k)."""
        ...

    @property
    def blocks(self) -> int:
        """Number of runs."""
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


def plot_regret(
    path: Path, summaries: Mapping[str, Curve], *, ylabel: str, published: Mapping[str, Floats] | None = None
) -> None:
    """Draw means over runs with their intervals to an SVG file: evaluations on a log scale, values too if they span it.

    Parameters
    ----------
    path
        The file.
    summaries
        By algorithm, of its regret or whatever else falls or rises with evaluations.
    ylabel
        What was summarised, with its unit.
    published
        Curves of others, float64 (n, 2) of evaluations and values, by their names. One with an algorithm's name has its
        colour. A single point is drawn as one.
    """
    with drawn(path) as axes:
        means = np.concatenate([summary.mean for summary in summaries.values()])
        positive = means[np.isfinite(means) & (means > 0)]
        if len(positive) and not (means < 0).any() and positive.max() / positive.min() >= _DECADE:
            axes.set_yscale("log", nonpositive="mask")
        _curves(axes, summaries, ylabel, published or {})


def plot_hypervolume(path: Path, summaries: Mapping[str, Curve]) -> None:
    """Draw means of normalised hypervolumes over runs, with their intervals, to an SVG file."""
    with drawn(path) as axes:
        _curves(axes, summaries, "hypervolume / that of the exact front", {})
        axes.set_ylim(top=min(1.0, axes.get_ylim()[1]))


def plot_differences(path: Path, found: Ranked, *, level: float = 0.05) -> None:
    """Draw average ranks to an SVG file, with bars over algorithms that do not differ (Demšar 2006)."""
    import pandas  # comes with scikit-posthocs
    import scikit_posthocs

    labels = list(found.labels)
    frame = pandas.DataFrame(found.p_values, labels, labels)
    with drawn(path, 5.2, 0.9 + 0.22 * len(labels)) as axes:
        axes.grid(visible=False)
        scikit_posthocs.critical_difference_diagram(
            dict(zip(labels, found.ranks.tolist(), strict=True)),
            frame,
            alpha=level,
            ax=axes,
            color_palette=colours(labels),
            label_fmt_left="{label} ({rank:.2f})",
            label_fmt_right="({rank:.2f}) {label}",
        )
        axes.set_title(f"average rank over {found.blocks:,} runs")


def plot_fronts(path: Path, panels: Sequence[Panel]) -> None:
    """Draw fronts that searches found beside exact ones to an SVG file, a panel each.

    Parameters
    ----------
    path
        The file.
    panels
        A name has the same colour in all of them.
    """
    names = list(dict.fromkeys(name for panel in panels for name in panel.found))
    marks = list(dict.fromkeys(name for panel in panels for name in panel.marked))
    colour = colours(names)
    shapes = {name: "*XPDs^v"[i % 7] for i, name in enumerate(marks)}
    with drawing() as figure_class:
        figure, axes = grid(figure_class, len(panels), 3, 3.4, 2.8)
        for axis, panel in zip(axes, panels, strict=True):
            _front(axis, panel, colour, shapes)
        handles = {
            text: handle for axis in axes for handle, text in zip(*axis.get_legend_handles_labels(), strict=True)
        }
        columns = min(5, len(handles))
        figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=max(1, columns))
        save(figure, path)


def _front(axis: Any, panel: Panel, colour: Mapping[str, str], shapes: Mapping[str, str]) -> None:
    exact = np.asarray(panel.exact, np.float64).reshape(-1, 2)
    order = np.argsort(exact[:, 0], kind="stable")
    axis.plot(*exact[order].T, color=GREY, linewidth=0.8, marker=".", markersize=2, label="exact")
    for name, points in panel.found.items():
        axis.scatter(*np.asarray(points).reshape(-1, 2).T, s=8, linewidths=0, color=colour[name], label=name)
    for name, (x, y) in panel.marked.items():
        axis.scatter([x], [y], s=40, marker=shapes[name], facecolors="none", edgecolors="black", label=name)
    axis.set_xlabel(panel.xlabel)
    axis.set_ylabel(panel.ylabel)
    axis.set_title(panel.title)


def _curves(axes: Any, summaries: Mapping[str, Curve], ylabel: str, published: Mapping[str, Floats]) -> None:
    """Draw means and intervals over evaluations, and what was published dashed."""
    colour = colours(list(dict.fromkeys([*summaries, *published])))
    for label, summary in summaries.items():
        axes.plot(summary.evaluations, summary.mean, color=colour[label], linewidth=1.0, label=label)
        axes.fill_between(
            summary.evaluations, summary.lower, summary.upper, color=colour[label], alpha=0.25, linewidth=0
        )
    for label, points in published.items():
        x, y = np.asarray(points, np.float64).reshape(-1, 2).T
        style = {"marker": "o", "linestyle": "none"} if len(x) == 1 else {"linestyle": "--", "linewidth": 0.8}
        axes.plot(x, y, color=colour[label], label=f"{label}, published", **style)
    axes.set_xscale("log")
    axes.set_xlabel("evaluations")
    axes.set_ylabel(ylabel)
    axes.legend(fontsize=7)
