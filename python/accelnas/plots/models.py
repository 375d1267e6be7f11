"""Plots of what is known of models: importances, landscapes, calibration, rank correlations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from accelnas.plots.style import COLUMN, GREY, INK, PALETTE, colour_bar, colours, legend, literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = [
    "PARTS",
    "correlations_size",
    "draw_autocorrelation",
    "draw_calibration",
    "draw_correlations",
    "draw_importances",
]

PARTS = {"alone": "#0072b2", "with interactions": "#a9c9e3"}
_DARK = 0.55  # correlations from which on text is white


def draw_importances(axes: Axes, names: Sequence[str], alone: Floats, total: Floats, std: Floats) -> None:
    """Draw Sobol indices as bars, the first name on top; `PARTS` has their colours.

    Parameters
    ----------
    axes
        Where to draw.
    names
        Variables.
    alone, total, std
        First-order indices, total ones and their standard deviations over members, float64 (n,).
    """
    places = np.arange(len(names))
    axes.barh(places, total, color=PARTS["with interactions"], height=0.75)
    axes.barh(places, alone, color=PARTS["alone"], height=0.75)
    if std.any():
        axes.errorbar(total, places, xerr=std, fmt="none", ecolor=GREY, lw=0.8)
    axes.set_yticks(places, list(map(literal, names)))
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlim(left=0)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)


def draw_autocorrelation(axes: Axes, metric: str, correlations: Floats, length: float) -> None:
    """Draw the correlation of architectures that steps of a random walk are between, and the exponential decay.

    Parameters
    ----------
    axes
        Where to draw.
    metric
        Whose values are compared.
    correlations
        After 1, 2, … steps.
    length
        Steps in which an exponential decay loses a factor e.
    """
    steps = np.arange(1, len(correlations) + 1)
    colour = colours(["exact", "exponential"])
    handles: dict[str, Any] = {}
    (handles["exact"],) = axes.plot(steps, correlations, "o-", color=colour["exact"], markersize=3, linewidth=1.0)
    if 0 < length < np.inf:
        decay = np.exp(-steps / length)
        name = f"exponential, length {length:.3g}"
        (handles[name],) = axes.plot(steps, decay, "--", color=colour["exponential"], linewidth=1.0)
    axes.set_ylim(min(0.0, 1.05 * float(correlations.min())), 1)
    axes.locator_params(axis="x", integer=True)
    axes.set_xlabel("steps of a random walk")
    axes.set_ylabel(f"autocorrelation of\n{literal(metric)}")
    legend(axes, handles)


def draw_calibration(axes: Axes, levels: Floats, observed: Mapping[str, Floats], colour: Mapping[str, str]) -> None:
    """Draw how many measurements intervals cover against how many they should, in per cent.

    Parameters
    ----------
    axes
        Where to draw.
    levels
        Of the intervals, 0 to 1, float64 (n,).
    observed
        Shares that are covered, float64 (n,), by name.
    colour
        Of each name.
    """
    axes.plot([0, 100], [0, 100], color=GREY, linewidth=0.8, zorder=1.5)
    for i, (name, shares) in enumerate(observed.items()):
        line = ("-", "--", ":")[i // len(PALETTE) % 3]  # colours repeat
        axes.plot(100 * levels, 100 * shares, color=colour[name], linewidth=1.2, linestyle=line)
    axes.set(xlim=(0, 100), ylim=(0, 100), aspect="equal")


def correlations_size(metrics: int) -> tuple[float, float]:
    """Width and height of a figure, in inches: a column, or two where there are many metrics."""
    side = max(COLUMN[0], 1.6 + 0.27 * metrics)
    return side, side - 0.4


def draw_correlations(axes: Axes, names: Sequence[str], correlations: Floats) -> None:
    """Draw correlations of metrics as a map of colours, float64 (n, n), with their numbers."""
    places = np.arange(len(names))
    cells = axes.pcolormesh(correlations, cmap="RdBu", vmin=-1, vmax=1, edgecolors="white", linewidth=0.5)
    for i in places:
        for j in places:
            value = float(correlations[i, j])
            colour = "white" if abs(value) > _DARK else INK
            text = "–" if np.isnan(value) else f"{value:.2f}".replace("0.", ".")
            axes.text(j + 0.5, i + 0.5, text, ha="center", va="center", fontsize=5.5, color=colour)
    axes.set_xticks(places + 0.5, list(map(literal, names)), rotation=90)
    axes.set_yticks(places + 0.5, list(map(literal, names)))
    axes.set_xlim(0, len(names))
    axes.set_ylim(len(names), 0)
    axes.set_aspect("equal")
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    colour_bar(axes, cells, "Kendall's τ", shrink=0.8)
