"""The report of a comparison: Markdown, a plot, and a table of all numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelnas.build.evaluation.style import colours, drawing, grid, save
from accelnas.build.evaluation.tables import markdown, number
from accelnas_training.estimators.comparison import KINDS
from accelnas_training.reports import made_by
from accelnas_training.transfer.sources import link_of

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl

    from accelnas.build.dataset import Dataset
    from accelnas.build.splits import Split


_HOW = """\
Figures are of the test part, on *times*: a throughput counts as time per image. *Cost* is how many measurements an
estimator is built from, and the seconds to compute it afterwards (of a profiled table: to measure its blocks).

- *measured again*: a second measurement of the same network, simulated from the relative noise of the architectures
  that the data has more than once: {repeats}. Both have the noise: a model without any error of its own would err
  1/√2 as much.
- *parameters*, *MACs*: a line through them. *Roofline*: layers take max(MACs / peak, bytes / bandwidth) + overhead,
  three constants of the device. All are fitted to the same few random measurements.
- *fitted block table*: one number a block state, by least squares from whole networks. *Profiled block table*: the
  blocks measured one by one on the device and added up, as they are, or *scaled* by a line through few networks.
- *transfer*: few chosen measurements beside the other boards' known block costs.
- *compiled model*: the benchmark's, where it was fitted on the same rows (its provenance says so); what
  `accelnas fit` took is not counted. Else a *Gaussian process* is fitted as `accelnas fit` does."""


def report_text(results: pl.DataFrame, dataset: Dataset, split: Split, path: Path, command: str) -> str:
    """Give the report of results on a data set and its split, made by a command, to be written to `path`."""
    sections = [
        "# Estimators of cost, side by side",
        made_by(command, dataset, split, path),
        _HOW.format(repeats=len(dataset.report.repeats)),
        f"![errors by cost]({path.stem}.svg)",
    ]
    for metric in results["metric"].unique(maintain_order=True):
        rows = [_row(row, metric) for row in results.filter(metric=metric).iter_rows(named=True)]
        header = ["estimator", "kind", "RMSE", "MAPE, %", "τ", "R²", "measurements", "seconds"]
        unit = "µs an image" if link_of(metric) == "reciprocal" else "the unit"
        sections += [f"## {metric}", f"RMSE in {unit}.", markdown(header, rows, words=2)]
    return "\n\n".join(sections) + "\n"


def _row(row: dict[str, float], metric: str) -> list[str]:
    rmse = row["rmse"] * (1e6 if link_of(metric) == "reciprocal" else 1)
    figures = [number(rmse, 3), number(row["mape"], 3), f"{row['tau']:.3f}", f"{row['r2']:.4f}"]
    return [str(row["estimator"]), str(row["kind"]), *figures, f"{row['measurements']:,}", number(row["seconds"], 2)]


def draw(results: pl.DataFrame, path: Path) -> None:
    """Draw errors on a log scale, a panel a metric, with the number of measurements behind each."""
    from matplotlib.patches import Patch

    colour = colours(KINDS)
    metrics = results["metric"].unique(maintain_order=True).to_list()
    with drawing() as figure_class:
        figure, axes = grid(figure_class, len(metrics), 3, 3.4, 1.8)
        for axis, metric in zip(axes, metrics, strict=True):
            rows = results.filter(metric=metric)
            names = [f"{row['estimator']} ({row['measurements']:,})" for row in rows.iter_rows(named=True)]
            axis.barh(names, rows["mape"], color=[colour[kind] for kind in rows["kind"]], height=0.7)
            axis.set(title=metric, xscale="log", xlim=(0.02, 100))
            axis.invert_yaxis()
            axis.set_xticks([0.1, 1, 10], ["0.1", "1", "10"])
            axis.minorticks_off()
            axis.grid(visible=False, axis="y")
            axis.tick_params(axis="y", length=0, labelsize=7)
        handles = [Patch(color=c, label=name) for name, c in colour.items() if name in results["kind"]]
        figure.legend(handles=handles, loc="outside upper left", ncols=5)
        figure.supxlabel("mean absolute error of times [%]; in brackets: measurements built from", fontsize=8)
        save(figure, path)
