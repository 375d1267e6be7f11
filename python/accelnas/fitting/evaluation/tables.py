"""Markdown tables of a report."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from accelnas.fitting.evaluation.paper import NOTES, PAPER
from accelnas.fitting.evaluation.results import best_known_noise, noise_ceiling, spread_over_folds

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from accelnas.fitting.dataset import Dataset
    from accelnas.fitting.evaluation.cells import Cell
    from accelnas.fitting.splits import Split
    from accelnas.models.importances import Importances, Share

__all__ = [
    "beside_paper",
    "calibration",
    "ceilings",
    "importances",
    "learning_curves",
    "number",
    "of_metric",
    "overview",
]

COVERED = ("50", "80", "95")
FOLD_FIGURES = {"r2": "R²", "tau": "τ", "mae": "MAE", "rmse": "RMSE"}
LARGEST = 10  # interactions shown of each metric


def number(value: float, digits: int = 4) -> str:
    """Format with some significant digits and without an exponent.

    Examples
    --------
    >>> number(0.012345), number(123.456), number(12345.6), number(0.0), number(float("nan"))
    ('0.01235', '123.5', '12346', '0', '–')
    """
    if value != value:
        return "–"
    if value == 0 or abs(value) < 1e-12:
        return "0"
    text = f"{value:#.{digits}g}".rstrip(".")
    return f"{value:.0f}" if "e+" in text else f"{value:.{digits + 5}f}" if "e-" in text else text


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]], words: int = 1) -> str:
    """Make a table whose first `words` columns are text and the others numbers."""
    if not rows:
        return ""
    rule = "|" + "---|" * words + "---:|" * (len(header) - words)
    head, *lines = ("| " + " | ".join(cells) + " |" for cells in (header, *rows))
    return "\n".join([head, rule, *lines])


def _official(results: pl.DataFrame, part: str = "ensemble") -> pl.DataFrame:
    return results.filter(run="official", part=part)


def _triple(row: dict[str, Any]) -> str:
    return f"{row['r2']:.4f} · {row['tau']:.4f} · {number(row['mae'])}"


def overview(results: pl.DataFrame) -> str:
    """Give R², tau and MAE of all settings on the test part."""
    rows = _official(results)
    if rows.is_empty():
        return ""
    names = rows["settings"].unique(maintain_order=True).to_list()
    lines = []
    for metric in rows["metric"].unique(maintain_order=True):
        found = {row["settings"]: _triple(row) for row in rows.filter(metric=metric).iter_rows(named=True)}
        lines.append([metric, *(found.get(name, "") for name in names)])
    return "R² · τ · MAE on the test part:\n\n" + markdown(["metric", *names], lines)


def ceilings(results: pl.DataFrame, dataset: Dataset, split: Split, cells: Sequence[Cell]) -> str:
    """Say how far each of the settings is from the noise ceiling, on the test part."""
    rows = _official(results)
    lines = []
    by_name = {(cell.metric, cell.settings.name): metric for cell, metric in best_known_noise(cells).items()}
    for row in rows.iter_rows(named=True):
        metric = by_name[row["metric"], row["settings"]]
        ceiling = noise_ceiling(dataset, split, metric, split.test)
        if ceiling is None:
            continue
        source = f"{ceiling.repeats} repeats" if ceiling.repeats else "stated"
        gap = f"{row['ceiling_r2'] - row['r2']:+.4f}"
        ratio = f"{row['mae'] / row['ceiling_mae']:.2f}" if row["ceiling_mae"] else "–"
        noise = f"{number(ceiling.noise, 3)} ({source})"
        lines.append([row["metric"], noise, row["settings"], f"{row['ceiling_r2']:.4f}", gap])
        lines[-1] += [number(row["ceiling_mae"], 3), ratio]
    header = ["metric", "noise", "settings", "best R²", "R² below it", "best MAE", "MAE / best"]
    if not lines:
        return ""
    return "The noise ceiling, and the distance of each of the settings to it:\n\n" + markdown(header, lines, words=3)


def beside_paper(results: pl.DataFrame) -> str:
    """Set figures beside those of the paper; nothing if it states none of the metrics."""
    lines = []
    evaluated = set(results["metric"])
    for row in (row for row in PAPER if row.metric in evaluated):
        stated = f"{row.r2:.3f} · {row.tau:.3f} · {row.mae:.4g}"
        mine = [
            "" if found.is_empty() else _triple(found.row(0, named=True))
            for part in ("single", "ensemble")
            for found in [_official(results, part).filter(metric=row.metric, settings=row.settings)]
        ]
        best = _official(results).filter(metric=row.metric).sort("mae", maintain_order=True)
        leader = "" if best.is_empty() else f"{best['settings'][0]}: {_triple(best.row(0, named=True))}"
        lines.append([row.metric, row.family, stated, *mine, leader])
    header = ["metric", "family", "paper", "single", "ensemble", "least MAE here"]
    if not lines:
        return ""
    text = (
        "R² · τ · MAE; *single* and *ensemble* are fitted here. The paper's figures are those of the public data's "
        "official test part."
    )
    names = results["settings"].unique(maintain_order=True)
    notes = "\n".join(f"- {name}: {NOTES[name]}" for name in names if name in NOTES)
    return "\n\n".join(part for part in (text, markdown(header, lines, words=6), notes) if part)


def of_metric(results: pl.DataFrame, metric: str) -> str:
    """Give all figures of one metric: the test part, then folds of all rows."""
    rows = results.filter(metric=metric)
    lines = []
    for row in rows.filter(run="official").iter_rows(named=True):
        name = row["settings"] + (" (single)" if row["part"] == "single" else "")
        lines.append([name, *_figures(row)])
    for stated in (row for row in PAPER if row.metric == metric and lines):
        lines.append([f"*paper, {stated.family}*", f"{stated.r2:.3f}", f"{stated.tau:.3f}", *[""] * 3])
        lines[-1] += [number(stated.mae), *[""] * 4]
    official = rows.filter(run="official")
    if not official.is_empty() and official["ceiling_r2"][0] is not None:
        ceiling, mae = official["ceiling_r2"][0], official["ceiling_mae"][0]
        lines.append(["*noise ceiling*", f"{ceiling:.4f}", *[""] * 4, number(mae), *[""] * 4])
    header = ["test part", "R²", "τ", "τ₂", "τ₁", "Spearman", "MAE", "RMSE", "top 10", "top 50", "regret"]
    return "\n\n".join(text for text in (markdown(header, lines), _folds(rows)) if text)


def _figures(row: dict[str, Any]) -> list[str]:
    ranks = [f"{row[name]:.4f}" for name in ("r2", "tau", "tau_2", "tau_1", "spearman")]
    errors = [number(row["mae"]), number(row["rmse"])]
    return [*ranks, *errors, f"{row['overlap_10']:.2f}", f"{row['overlap_50']:.2f}", number(row["regret"], 3)]


def _folds(rows: pl.DataFrame) -> str:
    """Give figures over folds with their intervals, next to those of the test part."""
    folds = rows.filter(run="cross-validation")
    lines = []
    for name in folds["settings"].unique(maintain_order=True):
        own = folds.filter(settings=name)
        official = _official(rows).filter(settings=name)
        for figure, shown in FOLD_FIGURES.items():
            spread = spread_over_folds(own[figure].to_numpy())
            values = (spread.mean, spread.std, spread.low, spread.high)
            digits = [f"{v:.4f}" for v in values] if figure in {"r2", "tau"} else [number(v, 3) for v in values]
            stated = "" if official.is_empty() else number(official[figure][0])
            lines.append([name, shown, stated, f"{digits[0]} ± {digits[1]}", f"{digits[2]} to {digits[3]}"])
    header = ["cross-validation", "", "test part", "mean ± sd over folds", "95 % interval of the mean"]
    return markdown(header, lines, words=2)


def calibration(results: pl.DataFrame) -> str:
    """Give the share of the test part inside conformal intervals of 50, 80 and 95 %."""
    rows = results.filter(pl.col("coverage_50").is_not_null())
    lines = [
        [row["metric"], row["settings"], *(f"{100 * row[f'coverage_{level}']:.1f}" for level in COVERED)]
        for row in rows.iter_rows(named=True)
    ]
    header = ["metric", "settings", *(f"inside {level} %" for level in COVERED)]
    return "Test measurements inside conformal intervals, per cent:\n\n" + markdown(header, lines, words=2)


def learning_curves(results: pl.DataFrame) -> str:
    """Give R², tau and MAE by number of rows fitted on, mean ± standard deviation over seeds."""
    rows = results.filter(run="learning-curve").with_columns(
        pl.col("part").str.extract(r"^(\d+) rows").cast(pl.Int64).alias("wanted")
    )
    lines = []
    for own in rows.partition_by("metric", "settings", "wanted"):
        shown = [f"{_mean(own[f]):.4f} ± {_std(own[f]):.4f}" for f in ("r2", "tau")]
        mae = f"{number(_mean(own['mae']))} ± {number(_std(own['mae']), 2)}"
        first = own.row(0, named=True)
        lines.append([first["metric"], first["settings"], f"{first['wanted']:,}", *shown, mae])
    header = ["metric", "settings", "rows", "R²", "τ", "MAE"]
    return "Test part, mean ± standard deviation over draws:\n\n" + markdown(header, lines, words=2)


def _mean(values: pl.Series) -> float:
    return float(values.to_numpy().mean())


def _std(values: pl.Series) -> float:
    return float(values.to_numpy().std(ddof=1)) if len(values) > 1 else 0.0


def importances(found: Sequence[Importances]) -> str:
    """Give exact Sobol indices of each metric of a benchmark: orders, blocks and the largest interactions."""
    lines = []
    for importance in found:
        orders = ", ".join(f"{order}: {_percent(share)}" for order, share in importance.by_order.items())
        blocks = ", ".join(f"{name} {_percent(share)}" for name, share in importance.block_totals.items())
        top = list(importance.interactions.items())[:LARGEST]
        largest = ", ".join(f"{' × '.join(names)} {_percent(share)}" for names, share in top)
        lines.append([importance.metric, importance.link, orders, blocks, largest])
    header = ["metric", "scale", "by order", "blocks, with interactions", f"{LARGEST} largest parts"]
    text = (
        "Exact functional ANOVA of the benchmark's metrics under the uniform distribution over all architectures: "
        "shares of the variance of the members' mean on the scale of the link, per cent.\n\n"
    )
    return text + markdown(header, lines, words=5)


def _percent(share: Share) -> str:
    if share.value < 1e-9:  # what rounding leaves
        return "0"
    return f"{100 * share.value:.3g}" if share.value >= 0.00095 else f"{100 * share.value:.1g}"
