"""The page of an evaluation: how well settings predict measurements that they did not see."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from accelnas._core import __version__
from accelnas.errors import ParameterError
from accelnas.pages.document import asset, document, numbers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["evaluations"]

_SCRIPTS = ("uplot.js", "format.js", "sort.js", "charts.js", "theme.js", "evaluations.js")
# what is shown of each fit, with what says which end is good: more, less, or neither
_FIGURES = {
    "r2": ("R²", "more"),
    "tau": ("τ", "more"),
    "tau_2": ("τ₂", "more"),
    "tau_1": ("τ₁", "more"),
    "spearman": ("Spearman", "more"),
    "mae": ("MAE", "less"),
    "rmse": ("RMSE", "less"),
    "overlap_10": ("top 10", "more"),
    "overlap_50": ("top 50", "more"),
    "regret": ("regret", "less"),
    "coverage_50": ("inside 50 %", ""),
    "coverage_80": ("inside 80 %", ""),
    "coverage_95": ("inside 95 %", ""),
    "ceiling_r2": ("best R²", ""),
    "ceiling_mae": ("best MAE", ""),
    "noise": ("noise", ""),
    "rows": ("rows", ""),
    "train_rows": ("fitted on", ""),
    "fits": ("fits", ""),
    "members": ("members", ""),
    "size": ("size", ""),
    "seconds": ("seconds", "less"),
}
_COVERAGE = re.compile(r"coverage_(\d\d)")
_CURVE = re.compile(r"(\d+) rows")


def evaluations(rows: Sequence[Mapping[str, Any]], predictions: Sequence[Mapping[str, Any]] = ()) -> str:
    """Write a page of an evaluation: tables of all figures, predictions, calibration and learning curves.

    Parameters
    ----------
    rows : sequence of mapping
        One a metric, settings and run: the names and means that `accelnas.fitting.evaluation.results.averaged` gives.
    predictions : sequence of mapping
        ``metric``, ``settings``, and ``measured`` and ``predicted`` values of the test part, one mapping for both.

    Raises
    ------
    ParameterError
        If there are no rows.

    Examples
    --------
    >>> row = {"metric": "top1", "unit": "%", "settings": "mine", "family": "xgboost", "run": "official", "r2": 0.9}
    >>> "xgboost" in evaluations([row])
    True
    """
    if not rows:
        raise ParameterError("there are no rows; give at least one")
    names = list(dict.fromkeys(row["settings"] for row in rows))
    metrics = {row["metric"]: row["unit"] or "" for row in rows}
    figures = {
        key: {"label": text, "good": good}
        for key, (text, good) in _FIGURES.items()
        if any(row.get(key) is not None for row in rows)
    }
    levels = sorted({found[1] for row in rows for key in row if (found := _COVERAGE.fullmatch(key))})
    data = {
        "metrics": metrics,
        "settings": names,
        "runs": list(dict.fromkeys(row["run"] for row in rows)),
        "figures": figures,
        "rows": [_row(row, figures) for row in rows],
        "levels": [int(level) for level in levels],
        "coverage": [_coverage(row, levels) for row in rows if row.get("coverage_50") is not None],
        "curves": [one for row in rows if (one := _curve(row, figures)) is not None],
        "predictions": [
            {**{key: one[key] for key in ("metric", "settings")}, **_pairs(one["measured"], one["predicted"])}
            for one in predictions
        ],
    }
    return document(
        f"Evaluation: {len(names)} settings, {len(metrics)} metric{'s' if len(metrics) > 1 else ''}",
        "predictions of measurements that were left out of the fits",
        asset("evaluations.html").decode(),
        data=data,
        scripts=_SCRIPTS,
        footer=f"Made by accelnas {__version__} from what accelnas evaluate wrote.",
    )


def _row(row: Mapping[str, Any], figures: Mapping[str, Any]) -> dict[str, Any]:
    told = {key: row[key] for key in ("metric", "settings", "family", "run")}
    return {**told, "means": _known(row, figures), "deviations": _known(row.get("deviations", {}), figures)}


def _known(values: Mapping[str, Any], names: Mapping[str, Any]) -> dict[str, float | None]:
    """Give the numbers among values."""
    found = {key: values[key] for key in names if values.get(key) is not None}
    return dict(zip(found, numbers(found.values()), strict=True))


def _coverage(row: Mapping[str, Any], levels: Sequence[str]) -> dict[str, Any]:
    inside = numbers(row[f"coverage_{level}"] for level in levels)
    return {"metric": row["metric"], "settings": row["settings"], "run": row["run"], "inside": inside}


def _curve(row: Mapping[str, Any], figures: Mapping[str, Any]) -> dict[str, Any] | None:
    found = _CURVE.fullmatch(row["run"])
    return None if found is None else {"rows": int(found[1]), **_row(row, figures)}


def _pairs(measured: Sequence[float], predicted: Sequence[float]) -> dict[str, list[float | None]]:
    """Give pairs of which both are known."""
    kept = [(m, p) for m, p in zip(measured, predicted, strict=True) if m == m and p == p]
    return {"measured": numbers(m for m, _ in kept), "predicted": numbers(p for _, p in kept)}
