"""The report of an evaluation: Markdown, a plot, and a table of all numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
from scipy.stats import t as student

from accelnas.plots.style import colours, drawing, grid, save
from accelnas.reports import joined, markdown
from accelnas_training.reports import made_by
from accelnas_training.transfer.design import DESIGNS
from accelnas_training.transfer.evaluation import HELD_OUT, METHODS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from accelnas.fitting.dataset import Dataset
    from accelnas.fitting.splits import Split


_FIGURES = ("r2", "tau", "mape")
_HELD_OUT_WORDS = {
    "metric": "Metric held out: what else is known of its board, such as latency for throughput, is used",
    "board": "Board held out: nothing is known of the board",
    "kind": "Kind held out: for a GPU nothing is known of any GPU, for an FPGA of any FPGA, for a TPU of any TPU, "
    "for a runtime of a processor of any other runtime",
}
_HOW = """\
Measured architectures are chosen by a design among 1,000 drawn anew for each seed from the training and validation
part; figures are of the test part, on *times*: a throughput counts as time per image. Cells give R² · Kendall's τ ·
mean absolute percentage error, means over seeds; ± is half of Student's 95 % interval of the mean of τ over seeds.

- *transfer*: weights of the known devices, of their blocks, of choices and of block states; the scale of each group
  is learned by marginal likelihood. The result is one number a block state, and can't be better than a sum over blocks.
- *no devices*: the same fit that knows MACs and parameters alone.
- *one device*: a line through the known device that correlates best with the measurements.
- *MACs*: a line through them.
- *all rows*: the benchmark's own model of the device, fitted on all rows of the training and validation part.

Designs: *variance* (the default) lowers the mean posterior variance most, *determinant* takes what is least certain,
*distance* what is farthest, *random* anything. Methods other than *transfer* are fitted to the same architectures."""


def means_over_seeds(results: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    """Give means of what `evaluate_transfer` gives over seeds, and half of the 95 % interval of each mean.

    Columns `keys` tell groups apart; metrics that are not among them are averaged first. Gives these, then ``r2``,
    ``tau``, ``mape`` and the same with ``_half``, null for a single seed.
    """
    means = results.group_by(*keys, "seed", maintain_order=True).agg(pl.col(name).mean() for name in _FIGURES)
    seeds = max(int(results["seed"].n_unique()), 2)
    factor = float(student.ppf(0.975, seeds - 1)) / seeds**0.5
    halves = [(pl.col(name).std() * factor).alias(f"{name}_half") for name in _FIGURES]
    return means.group_by(*keys, maintain_order=True).agg(*(pl.col(name).mean() for name in _FIGURES), *halves)


def report_text(results: pl.DataFrame, dataset: Dataset, split: Split, path: Path, command: str) -> str:
    """Give the report of results on a data set and its split, made by a command, to be written to `path`."""
    fits = results.filter(pl.col("method") != "all rows")
    made = made_by(command, dataset, split, path, f", {fits['seed'].n_unique()} seeds")
    sections = ["# A new device from few measurements", made, _HOW, f"![error by measurements]({path.stem}.svg)"]
    metrics = fits["metric"].unique(maintain_order=True).to_list()
    for held_out in HELD_OUT:
        if held_out not in fits["held_out"]:
            continue
        of_level = pl.concat([_at_level(fits.filter(metric=metric), held_out) for metric in metrics])
        sections += [f"## {_HELD_OUT_WORDS[held_out]}", f"Means over {', '.join(metrics)}.", _methods(of_level)]
        sections += ["Transfer, by device:", _devices(of_level, results)]
    return joined(*sections)


def _at_level(fits: pl.DataFrame, held_out: str) -> pl.DataFrame:
    """Give a metric's fits of a level, or of the one before it where both know the same."""
    levels = HELD_OUT[: HELD_OUT.index(held_out) + 1]
    last = next(level for level in reversed(levels) if level in fits["held_out"])
    return fits.filter(held_out=last)


def _methods(fits: pl.DataFrame) -> str:
    """Give a row for each method and design, a column for each size."""
    found = means_over_seeds(fits, ["method", "design", "k"])
    sizes = found["k"].unique().sort().to_list()
    rows = []
    for method in METHODS:
        for design in DESIGNS:
            of_row = found.filter(method=method, design=design)
            if not of_row.is_empty():
                rows.append([method, design, *(_cell(of_row, size) for size in sizes)])
    return markdown(["method", "design", *(f"{size}" for size in sizes)], rows, words=2)


def _devices(fits: pl.DataFrame, results: pl.DataFrame) -> str:
    found = means_over_seeds(fits.filter(method="transfer", design="variance"), ["metric", "k"])
    sizes = found["k"].unique().sort().to_list()
    rows = []
    for metric in found["metric"].unique(maintain_order=True):
        cells = [_cell(found.filter(metric=metric), size) for size in sizes]
        reference = results.filter(metric=metric, method="all rows").to_dicts()
        last = [f"{r['r2']:.3f} · {r['tau']:.3f} · {r['mape']:.2f} ({r['k']:,})" for r in reference]
        rows.append([metric, *cells, *(last or ["–"])])
    return markdown(["metric", *(f"{size}" for size in sizes), "all rows"], rows)


def _cell(rows: pl.DataFrame, size: int) -> str:
    (row,) = rows.filter(k=size).to_dicts()
    half = "" if row["tau_half"] is None else f" ± {row['tau_half']:.3f}"
    return f"{row['r2']:.3f} · {row['tau']:.3f}{half} · {row['mape']:.1f}"


def draw(results: pl.DataFrame, path: Path) -> None:
    """Draw percentage errors against sizes, a panel a metric; bands are 95 % intervals."""
    fits = results.filter(design="variance")
    curves = {
        "transfer, board known": ("transfer", "metric"),
        "transfer, board held out": ("transfer", "board"),
        "transfer, kind held out": ("transfer", "kind"),
        **{name: (name, "board") for name in METHODS[1:]},
    }
    colour = colours(list(curves))
    metrics = fits["metric"].unique(maintain_order=True).to_list()
    with drawing() as figure_class:
        figure, axes = grid(figure_class, len(metrics), 4, 2.4, 2.1)
        for axis, metric in zip(axes, metrics, strict=True):
            of_metric = fits.filter(metric=metric)
            for name, (method, held_out) in curves.items():
                points = means_over_seeds(_at_level(of_metric, held_out).filter(method=method), ["k"]).sort("k")
                low, high = points["mape"] - points["mape_half"], points["mape"] + points["mape_half"]
                axis.fill_between(points["k"], low, high, color=colour[name], alpha=0.15, lw=0)
                axis.plot(points["k"], points["mape"], "o-", color=colour[name], markersize=2.5, linewidth=1.1)
            axis.set(title=metric, xscale="log", yscale="log")
            sizes = of_metric["k"].unique().sort().to_list()
            axis.set_xticks(sizes, [f"{size}" for size in sizes], minor=False)
            axis.set_yticks([1, 2, 5, 10, 20, 50], ["1", "2", "5", "10", "20", "50"])
            axis.minorticks_off()
        from matplotlib.patches import Patch

        handles = [Patch(color=c, label=name) for name, c in colour.items()]
        figure.legend(handles=handles, loc="outside upper left", ncols=6)
        figure.supxlabel("measured architectures", fontsize=8)
        figure.supylabel("mean absolute error of times [%]", fontsize=8)
        save(figure, path, "svg")
