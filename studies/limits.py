"""How often measurements break limits that predictions keep, and how optimistic the best of many predictions is.

``python -m studies.limits --data ARCHIVE --split FILE`` fits metrics of Accel-NASBench by the bundled settings on
training and validation part of the published split, and judges on its test part. Figures: docs/concepts/surrogates.md.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from accelnas.fitting.ensemble import link_of
from accelnas.fitting.uncertainty import estimate_uncertainty, of_rows, total_deviation
from studies.coverage import of_archive

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from studies.coverage import Judged

    Floats = NDArray[np.float64]

__all__ = ["curse", "limits"]

METRICS = (
    "accuracy",
    "latency_zcu102",
    "latency_vck190",
    "throughput_a100",
    "throughput_3090",
    "throughput_tpuv2",
    "throughput_tpuv3",
    "throughput_zcu102",
    "throughput_vck190",
)
PROBABILITIES = (0.5, 0.8, 0.9, 0.95, 0.99)
CANDIDATES = (8, 64, 512)
DRAWS = 2000


def limits(judged: Judged) -> Iterator[float]:
    """Give, for each probability, the share of measurements beyond the limit that they keep with it.

    The limit of an architecture is its own quantile, on the side that a bound of the metric is on.
    """
    errors, deviation, scores = _errors(judged)
    for probability in PROBABILITIES:
        rank = math.ceil((len(scores) + 1) * (2 * probability - 1) * (1 - 1e-12))
        count = float(scores[rank - 1]) if rank else 0.0
        yield float(np.mean(errors < -count * deviation))


def curse(judged: Judged, candidates: int, risk: float) -> tuple[float, float]:
    """Seek the best of so many measured architectures by prediction, many times.

    Returns
    -------
    tuple of float
        How much worse the measurement of the one that is chosen is than its prediction, in the metric's unit, and than
        the best measurement of all candidates; averages.
    """
    errors, deviation, _ = _errors(judged)
    sign = _sign(judged)
    link = link_of(judged.ensemble.metric)
    predicted = judged.members.mean(axis=0)
    better = np.argsort(sign * predicted - risk * deviation)
    place = np.argsort(better)
    rises = 1.0 if judged.ensemble.metric.direction == "maximise" else -1.0
    draw = np.random.default_rng(0)
    found = []
    for _ in range(DRAWS if candidates < len(errors) else 1):
        some = draw.choice(len(errors), min(candidates, len(errors)), replace=False)
        chosen = some[np.argmax(place[some])]
        measured, best = link.inverse(judged.measured[chosen]), link.inverse(judged.measured[some])
        lost = rises * (link.inverse(predicted[chosen]) - measured)
        found.append((lost, float(np.max(rises * best)) - rises * measured))
    lost, regret = np.mean(found, axis=0).tolist()
    return lost, regret


def _sign(judged: Judged) -> float:
    """Whether more (1) or less (-1) is better on the scale of the link."""
    metric = judged.ensemble.metric
    return (1.0 if metric.direction == "maximise" else -1.0) * (-1.0 if metric.link == "reciprocal" else 1.0)


def _errors(judged: Judged) -> tuple[Floats, Floats, Floats]:
    """Say by how much measurements beat predictions, their deviations, and left-out scores, on the link's scale."""
    found = estimate_uncertainty(judged.dataset, judged.ensemble, judged.folds)
    residual = found.residual * of_rows(found.factors, judged.choices, judged.dataset.space)
    errors = _sign(judged) * (judged.measured - judged.members.mean(axis=0))
    return errors, total_deviation(judged.members.std(axis=0), residual), found.scores.astype(np.float64)


def main() -> None:
    """Fit, and show the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="archive or folder of Accel-NASBench")
    parser.add_argument("--split", type=Path, required=True, help="the published split, official_split.json")
    parser.add_argument("--metrics", nargs="+", default=list(METRICS))
    given = parser.parse_args()
    known = [of_archive(given.data, given.split, name) for name in given.metrics]
    print("| broken limits, % of the test part |", " | ".join(f"with {p:g}" for p in PROBABILITIES), "|")
    print("|---" * (1 + len(PROBABILITIES)) + "|")
    for judged in known:
        print("|", judged.name, "|", " | ".join(f"{100 * share:.1f}" for share in limits(judged)), "|")
    print("\n| the best of | metric | risk | measured worse than predicted | regret |\n|---|---|---|---|---|")
    for judged in known:
        for candidates in CANDIDATES:
            for risk in (0.0, 1.0):
                lost, regret = curse(judged, candidates, risk)
                print(f"| {candidates} | {judged.name} | {risk:g} | {lost:.4g} | {regret:.4g} |")


if __name__ == "__main__":
    main()
