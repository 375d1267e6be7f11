"""The look of all plots: small, readable, and the same file from the same numbers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from accelnas.arguments import shown
from accelnas.errors import MissingExtraError, ParameterError
from accelnas.files import replacing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from os import PathLike

    from matplotlib.axes import Axes

__all__ = [
    "COLUMN",
    "GREY",
    "INK",
    "MARKERS",
    "PALETTE",
    "Plotted",
    "colour_bar",
    "colours",
    "drawing",
    "drawn",
    "form_of",
    "grid",
    "label",
    "legend",
    "literal",
    "on",
    "save",
]

INK, GREY = "#1f2328", "#8c959f"
COLUMN = (3.4, 2.4)  # inches: a column of a paper
MARKERS = "*XPDs^v"
# told apart by colour-blind readers, too (Okabe & Ito 2008)
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#5b4a9c", "#000000")
STYLE: Any = {
    "svg.hashsalt": "accelnas",
    "svg.fonttype": "none",  # text stays text, which is small
    "pdf.fonttype": 42,  # TrueType, which journals want
    "text.usetex": False,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e6e9ed",
    "hatch.linewidth": 0.5,
    "legend.frameon": True,
    "legend.framealpha": 0.85,
    "legend.edgecolor": "none",
    "legend.borderpad": 0.2,
    "legend.handlelength": 1.4,
    "figure.facecolor": "white",
    "savefig.dpi": 300,
}
FORMS = ("svg", "pdf", "png")
# the same file from the same numbers
_METADATA: dict[str, dict[str, Any]] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}
_TEX = str.maketrans({**{c: f"\\{c}" for c in "#$%&_{}"}, "\\": r"\textbackslash{}", "~": r"\~{}", "^": r"\^{}"})


class Plotted(ABC):
    """What can be drawn."""

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw on matplotlib's axes. Needs the extra ``[plots]``.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw, in its own style; by default axes of a new figure, as wide as a column of a paper.

        Returns
        -------
        matplotlib.axes.Axes
            Those axes. ``accelnas.plots.save(axes, "figure.pdf")`` writes a file.

        Raises
        ------
        ParameterError
            If `ax` is something else.
        MissingExtraError
            If matplotlib is not installed.
        """
        with on(ax, self._size()) as axes:
            self._draw(axes)
        return axes

    def _size(self) -> tuple[float, float]:
        """Width and height of a new figure, in inches."""
        return COLUMN

    @abstractmethod
    def _draw(self, axes: Axes) -> None:
        """Draw on axes."""


def _library(name: str) -> Any:
    """Import a module of matplotlib."""
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"{error.name} is not installed; run: pip install 'accelnas[plots]'") from error


@contextmanager
def drawing() -> Iterator[Any]:
    """Give `matplotlib.figure.Figure`, in the common style."""
    with _library("matplotlib").rc_context(STYLE):
        yield _library("matplotlib.figure").Figure


@contextmanager
def on(ax: Axes | None, size: tuple[float, float] = COLUMN) -> Iterator[Axes]:
    """Give the axes that were passed, or new ones of a size in inches in the common style."""
    if ax is not None:
        if not isinstance(ax, _library("matplotlib.axes").Axes):
            raise ParameterError(
                f"ax is {shown(ax)}; give axes of matplotlib, or none and write the file by "
                "accelnas.plots.save(result.plot(), path)"
            )
        yield ax
        return
    pyplot = _library("matplotlib.pyplot")
    with _library("matplotlib").rc_context(STYLE):
        figure, axes = pyplot.subplots(figsize=size, layout="constrained")
        try:
            yield axes
            figure.draw_without_rendering()  # ticks that are made later have the caller's style
        except BaseException:
            pyplot.close(figure)
            raise


@contextmanager
def drawn(path: Path, width: float = COLUMN[0], height: float = COLUMN[1]) -> Iterator[Axes]:
    """Give the axes of a figure of a size in inches, which becomes an SVG file of a report."""
    with drawing() as figure_class:
        figure = figure_class(figsize=(width, height), layout="constrained")
        yield figure.subplots()
        save(figure, path, "svg")


def form_of(path: str | PathLike[str]) -> str:
    """Give the form that a file's ending stands for.

    Examples
    --------
    >>> form_of("front.pdf")
    'pdf'
    """
    ending = Path(path).suffix.lower().removeprefix(".")
    if ending not in FORMS:
        raise ParameterError(f"{path} ends in {ending!r}; choose {', '.join(FORMS[:-1])} or {FORMS[-1]}")
    return ending


def save(plot: Any, path: str | PathLike[str], form: Literal["svg", "pdf", "png"] | None = None) -> None:
    """Write a plot to a file, in place of an older one only when complete; the same numbers give the same file.

    Parameters
    ----------
    plot : matplotlib.axes.Axes or matplotlib.figure.Figure
        What `plot` methods return, or its figure; all axes of the figure are written.
    path : str or path
        The file. Its ending says the form: ``.svg`` and ``.pdf`` are vector graphics, ``.png`` has 300 dots an inch.
    form : {"svg", "pdf", "png"}, optional
        The form, whatever the ending.

    Raises
    ------
    ParameterError
        If the form is another, or there is no plot.
    FileError
        If the file can't be written.

    Examples
    --------
    >>> import accelnas
    >>> from tempfile import TemporaryDirectory
    >>> axes = accelnas.load("nasbench-macro").pareto_front(["accuracy", "params"]).plot()
    >>> with TemporaryDirectory() as folder:
    ...     save(axes, f"{folder}/front.pdf")
    """
    form = form or form_of(path)  # type: ignore[assignment]
    if form not in FORMS:
        raise ParameterError(f"form is {form!r}; choose {', '.join(FORMS[:-1])} or {FORMS[-1]}")
    figure = getattr(plot, "figure", None)
    if figure is None or not hasattr(figure, "savefig"):
        raise ParameterError(f"plot is {shown(plot)}; give axes or a figure of matplotlib, such as result.plot()")
    kept = {key: STYLE[key] for key in ("svg.hashsalt", "svg.fonttype", "pdf.fonttype", "savefig.dpi")}
    with _library("matplotlib").rc_context(kept), replacing(Path(path)) as temporary:
        figure.savefig(temporary, format=form, metadata=_METADATA[form])


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


def literal(text: str) -> str:
    r"""Write a name so that matplotlib shows it as it is: dollars begin no formula.

    Examples
    --------
    >>> print(literal("a_$b$"))
    a_\$b\$
    """
    settings = _library("matplotlib").rcParams
    if settings["text.usetex"]:
        return text.translate(_TEX)
    return text.replace("$", r"\$") if settings["text.parse_math"] else text


def legend(owner: Any, handles: Mapping[str, Any], **options: Any) -> None:
    """Add a legend of names as they are; matplotlib leaves out those that begin with an underscore."""
    if handles:
        found = owner.legend(
            list(handles.values()), [f" {literal(name)}" for name in handles], fontsize="small", **options
        )
        for text, name in zip(found.get_texts(), handles, strict=True):
            text.set_text(literal(name))


def colour_bar(axes: Any, drawn: Any, name: str, **options: Any) -> None:
    """Add a bar of colours: cells without lines between them, and no raster image."""
    bar = axes.figure.colorbar(drawn, ax=axes, label=literal(name), **options)
    bar.outline.set_visible(False)
    bar.solids.set(rasterized=False, edgecolor="face", linewidth=0.3)


def grid(figure_class: Any, count: int, columns: int, width: float, height: float) -> tuple[Any, list[Any]]:
    """Make a figure of `count` panels, each of a size in inches."""
    columns = min(columns, count)
    rows = -(-count // columns)
    figure = figure_class(figsize=(columns * width, rows * height), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    for axis in axes.flat[count:]:
        axis.set_visible(False)
    return figure, list(axes.flat[:count])
