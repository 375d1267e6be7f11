"""What studies share: means with bootstrap intervals, and drawings of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from accelnas.plots.style import MARKERS, colours, drawing, grid, legend, save
from accelnas.search.runs.summary import summarised

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["Lines", "Mean", "draw_panels", "mean_of"]

LEVEL, RESAMPLES = 0.95, 1000


@dataclass(frozen=True)
class Mean:
    """A mean and the ends of its 95 % bootstrap interval; NaN of nothing."""

    mean: float
    low: float
    high: float


def mean_of(values: Floats) -> Mean:
    """Give the mean of values, (n,), without those that are NaN.

    Examples
    --------
    >>> import numpy as np
    >>> mean_of(np.array([2.0, 2.0, np.nan])), mean_of(np.array([np.nan]))
    (Mean(mean=2.0, low=2.0, high=2.0), Mean(mean=nan, low=nan, high=nan))
    """
    known = values[~np.isnan(values)]
    if not len(known):
        return Mean(np.nan, np.nan, np.nan)
    found = summarised(known[:, None], np.ones(1, np.int64), LEVEL, RESAMPLES, 0)
    return Mean(float(found.mean[0]), float(found.lower[0]), float(found.upper[0]))


@dataclass(frozen=True)
class Lines:
    """A panel: by name a mean at each place of the horizontal axis, None where there is none.

    Attributes
    ----------
    title, ylabel
        Texts.
    lines
        As many means as there are places.
    mark
        Where a dotted line stands, in places; and its name.
    linear
        Up to where the vertical axis is linear, where it is logarithmic above.
    """

    title: str
    ylabel: str
    lines: Mapping[str, Sequence[Mean | None]]
    mark: tuple[float, str] | None = None
    linear: float | None = None


def draw_panels(path: Path, panels: Sequence[Lines], places: Sequence[str], xlabel: str) -> None:
    """Draw panels side by side, with one legend."""
    names = list(dict.fromkeys(name for panel in panels for name in panel.lines))
    colour, marker = colours(names), {name: ("o" + MARKERS)[i % 8] for i, name in enumerate(names)}
    with drawing() as figure_class:
        figure, axes = grid(figure_class, len(panels), 3, 2.6, 2.5)
        handles: dict[str, Any] = {}
        for axis, panel in zip(axes, panels, strict=True):
            for shift, (name, means) in enumerate(panel.lines.items()):
                known = [(i, mean) for i, mean in enumerate(means) if mean is not None and not np.isnan(mean.mean)]
                at = np.array([i for i, _ in known]) + 0.05 * (shift - (len(panel.lines) - 1) / 2)  # bars stay apart
                height = np.array([mean.mean for _, mean in known])
                ends = np.array([[mean.mean - mean.low, mean.high - mean.mean] for _, mean in known]).T
                handles.setdefault(
                    name,
                    axis.errorbar(
                        at, height, yerr=ends.clip(min=0) if len(known) else None, color=colour[name],
                        marker=marker[name], markersize=3.5, linewidth=1, elinewidth=0.8,
                    ),
                )  # fmt: skip
            if panel.mark is not None:
                axis.axvline(panel.mark[0], color="black", linewidth=0.8, linestyle=":")
                axis.text(
                    panel.mark[0], 0.98, f"{panel.mark[1]} ", transform=axis.get_xaxis_transform(), va="top", ha="right"
                )
            axis.set(title=panel.title, ylabel=panel.ylabel, xlabel=xlabel)
            axis.set_xticks(range(len(places)), places)
            if panel.linear is not None:
                axis.set_yscale("symlog", linthresh=panel.linear)
                axis.yaxis.set_major_formatter("{x:g}")
            axis.set_ylim(bottom=0)
        legend(figure, handles, loc="outside upper left", ncols=min(len(handles), 2 * len(panels) - 1))
        save(figure, path, "svg")
