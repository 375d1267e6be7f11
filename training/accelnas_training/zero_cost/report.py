"""The report of an evaluation of proxies: Markdown and plots."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelnas.build.evaluation.tables import markdown
from accelnas.files import replacing
from accelnas_training.zero_cost.curves import HELD_OUT, REPEATS
from accelnas_training.zero_cost.plots import plot_curves, plot_ranks

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import polars as pl

    from accelnas_training.zero_cost.ranks import Rank

__all__ = ["curve_tables", "rank_table", "write_report"]


def write_report(
    folder: Path,
    metric: str,
    made_with: str,
    found: Sequence[Rank],
    curves: pl.DataFrame | None,
) -> Path:
    """Write ``report.md``, ``ranks.svg`` and ``curves.svg``.

    Parameters
    ----------
    folder
        Where; it exists.
    metric
        What the proxies were compared with.
    made_with
        Architectures, images and settings, in words.
    found
        How proxies rank.
    curves
        See `learning_curves`; None without.

    Returns
    -------
    Path
        Of the report.
    """
    with replacing(folder / "ranks.svg") as temporary:
        plot_ranks(temporary, found, metric)
    parts = [
        f"# Zero-cost proxies and {metric}",
        made_with,
        "## Ranks",
        f"Rank correlations with {metric}; 95 % intervals by bootstrap over architectures; seconds a score.",
        rank_table(found),
        f"![Kendall's tau of each proxy with {metric}](ranks.svg)",
    ]
    if curves is not None:
        with replacing(folder / "curves.svg") as temporary:
            plot_curves(temporary, curves, metric)
        about = (
            f"Means over {REPEATS} draws of k architectures to train on and {HELD_OUT} held out (a third, if there are"
            " fewer than three times as many), the same for all features. ± is the standard deviation over draws of the"
            " difference from the architecture alone."
        )
        parts += [
            "## Surrogates with few measurements",
            about,
            curve_tables(curves),
            "![Kendall's tau against the number of measured architectures](curves.svg)",
        ]
    path = folder / "report.md"
    with replacing(path) as temporary:
        temporary.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return path


def rank_table(found: Sequence[Rank]) -> str:
    """Give the proxies as a Markdown table, in their order."""
    rows = [
        [
            r.proxy,
            f"{r.tau:.3f}",
            f"{r.interval.low:.3f} – {r.interval.high:.3f}",
            f"{r.spearman:.3f}",
            f"{r.seconds:.2g}",
        ]
        for r in found
    ]
    return markdown(["proxy", "τ", "95 % interval", "Spearman", "seconds"], rows)


def curve_tables(curves: pl.DataFrame) -> str:
    """Give a Markdown table a surrogate: mean tau and R² by number of measurements and features."""
    tables = []
    for surrogate in curves["surrogate"].unique(maintain_order=True):
        part = curves.filter(surrogate=surrogate)
        labels = part["features"].unique(maintain_order=True).to_list()
        rows = []
        for size in part["size"].unique(maintain_order=True):
            cells = [str(size)]
            base = part.filter(size=size, features=labels[0])["tau"].to_numpy()
            for label in labels:
                one = part.filter(size=size, features=label)
                taus = one["tau"].to_numpy()
                differs = f" ± {(taus - base).std(ddof=1):.3f}" if label != labels[0] else ""
                cells += [f"{taus.mean():.3f}{differs}", f"{one['r2'].to_numpy().mean():.3f}"]
            rows.append(cells)
        header = ["k", *(text for label in labels for text in (f"τ, {label}", "R²"))]
        tables.append(f"{surrogate}:\n\n{markdown(header, rows, words=0)}")
    return "\n\n".join(tables)
