"""What a ceiling does to predictions of throughputs: ``python -m studies.saturation ARCHIVE SPLIT``.

Metrics of Accel-NASBench are fitted by the bundled settings on training and validation part of the published split, by
one process. Left-out predictions of its folds are compared with measurements as they are, and cut at a ceiling: the
largest measurement of the other folds, or the one that makes their left-out errors smallest, on the scale of the link.
Figures are in docs/concepts/surrogates.md.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from accelnas.fitting.dataset import read_dataset
from accelnas.fitting.ensemble import Ensemble, fit_ensemble, folds_of, link_of
from accelnas.fitting.evaluate import evaluate
from accelnas.fitting.settings import read_settings
from accelnas.fitting.splits import read_split
from accelnas.fitting.uncertainty import estimate_uncertainty, of_rows, total_deviation

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from accelnas.fitting.dataset import Dataset

    Floats = NDArray[np.float64]

__all__ = ["figures", "likeliest"]

METRICS = ("throughput_a100", "throughput_3090", "throughput_tpuv2", "throughput_tpuv3")
LEVEL = 0.9  # of intervals
TOP = 0.05  # of the rows, by their measurements
COLUMNS = ("metric", "ceiling", "R²", "τ", "MAE", "RMSE", "RMSE of the top 5 %", "of the top 50", "top 50 inside 90 %")


def likeliest(targets: Floats, modelled: Floats) -> float:
    """Give the ceiling whose errors are the smallest, of times measured and modelled, float64 (n,).

    Measured times are tried, those of the faster half.
    """
    tried = np.sort(targets)[: max(2, len(targets) // 2)]
    errors = [float(np.square(np.maximum(modelled, time) - targets).sum()) for time in tried]
    return float(1 / tried[int(np.argmin(errors))])


def figures(dataset: Dataset, ensemble: Ensemble, folds: Sequence[NDArray[np.intp]]) -> Iterator[list[str]]:
    """Give a line of the table for no ceiling, the largest value and the likeliest one."""
    modelled, targets = ensemble.left_out[0], ensemble.targets
    measured = dataset.values(ensemble.metric.name)[ensemble.rows]
    for kind in ("none", "largest", "likeliest"):
        ceilings = np.full(len(measured), np.inf)
        for fold in folds if kind != "none" else ():
            others = np.setdiff1d(np.arange(len(measured)), fold)
            is_largest = kind == "largest"
            ceilings[fold] = measured[others].max() if is_largest else likeliest(targets[others], modelled[others])
        predicted = np.minimum(1 / modelled, ceilings)
        found = evaluate(measured, predicted)
        order = np.argsort(-measured, kind="stable")
        top, fifty = (np.square(predicted - measured)[order[:n]] for n in (int(TOP * len(measured)), 50))
        limit = {"none": None, "largest": measured.max(), "likeliest": likeliest(targets, modelled)}[kind]
        yield [
            ensemble.metric.name,
            "none" if limit is None else f"{kind}, {limit:,.0f}",
            f"{found.r2:.5f}",
            f"{found.tau:.4f}",
            f"{found.mae:.2f}",
            f"{found.rmse:.1f}",
            f"{np.sqrt(top.mean()):.1f}",
            f"{np.sqrt(fifty.mean()):.1f}",
            f"{100 * _inside(dataset, ensemble, limit)[order[:50]].mean():.0f} %",
        ]


def _inside(dataset: Dataset, ensemble: Ensemble, limit: float | None) -> NDArray[np.bool_]:
    """Whether conformal intervals hold the measurement of each row, bool (n,)."""
    if limit is not None:
        ensemble = replace(ensemble, metric=replace(ensemble.metric, link="capped", limit=float(limit)))
    known = estimate_uncertainty(dataset, ensemble, tails="normal")
    mean, spread = ensemble.left_out
    residual = known.residual * of_rows(known.factors, dataset.choices[ensemble.rows], dataset.space)
    half = np.quantile(known.scores.astype(np.float64), LEVEL) * total_deviation(spread, residual)
    inverse = link_of(ensemble.metric).inverse
    measured = dataset.values(ensemble.metric.name)[ensemble.rows]
    upper = np.where(mean > half, inverse(np.maximum(mean - half, np.finfo(float).tiny)), np.inf)
    return np.asarray((inverse(mean + half) <= measured) & (measured <= upper))


def main() -> None:
    """Fit, and show the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="archive or folder of Accel-NASBench")
    parser.add_argument("split", type=Path, help="the published split, official_split.json")
    parser.add_argument("--metrics", nargs="+", default=list(METRICS))
    parser.add_argument("--members", type=int, default=1)
    parser.add_argument("--threads", type=int)
    given = parser.parse_args()
    dataset, settings = read_dataset(given.data), read_settings("bundled")
    parts = read_split(given.split, dataset)
    ids = np.concatenate([parts.train, parts.val])
    print("|", " | ".join(COLUMNS), "|\n" + "|---" * len(COLUMNS) + "|")
    for name in given.metrics:
        metric = replace(settings.metric(name), link="reciprocal", limit=None)
        ensemble = fit_ensemble(dataset, ids, metric, settings, given.threads, members=given.members)
        for line in figures(dataset, ensemble, folds_of(dataset, ensemble.rows, settings)):
            print("|", " | ".join(line), "|", flush=True)


if __name__ == "__main__":
    main()
