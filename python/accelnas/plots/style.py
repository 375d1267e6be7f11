"""The look of all plots: small, readable, and the same file from the same numbers."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from accelnas.files import replacing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

__all__ = ["GREY", "INK", "colours", "drawing", "drawn", "grid", "label", "save"]

INK, GREY = "#1f2328", "#8c959f"
# told apart by colour-blind readers, too (Okabe & Ito 2008)
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#5b4a9c", "#000000")
STYLE: Any = {
    "svg.hashsalt": "accelnas",
    "svg.fonttype": "none",  # text stays text, which is small
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 8,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e6e9ed",
    "legend.frameon": False,
    "figure.facecolor": "white",
    "savefig.dpi": 130,  # of rasterised points
}


@contextmanager
def drawing() -> Iterator[Any]:
    """Give `matplotlib.figure.Figure`, in the common style."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        yield Figure


@contextmanager
def drawn(path: Path, width: float = 4.6, height: float = 3.2) -> Iterator[Any]:
    """Give the axes of a figure of a size in inches, which becomes a file."""
    with drawing() as figure_class:
        figure = figure_class(figsize=(width, height), layout="constrained")
        yield figure.subplots()
        save(figure, path)


def colours(names: Sequence[str]) -> dict[str, str]:
    """Give each name a colour."""
    return {name: PALETTE[i % len(PALETTE)] for i, name in enumerate(names)}


def label(metric: str, unit: str) -> str:
    """Name a metric with its unit.

    Examples
    --------
    >>> label("latency_zcu102", "ms"), label("score", "")
    ('latency_zcu102 [ms]', 'score')
    """
    return f"{metric} [{unit}]" if unit else metric


def grid(figure_class: Any, count: int, columns: int, width: float, height: float) -> tuple[Any, list[Any]]:
    """Make a figure of `count` panels, each of a size in inches."""
    columns = min(columns, count)
    rows = -(-count // columns)
    figure = figure_class(figsize=(columns * width, rows * height), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    for axis in axes.flat[count:]:
        axis.set_visible(False)
    return figure, list(axes.flat[:count])


def save(figure: Any, path: Path) -> None:
    """Write a figure as SVG, without a date."""
    with replacing(path) as temporary:
        figure.savefig(temporary, format="svg", metadata={"Date": None})
