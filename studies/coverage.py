"""How many measurements lie inside central intervals of the standard deviation, by normal errors and by Student's t.

``python -m studies.coverage`` fits a tenth of NAS-Bench-201's CIFAR-100 and judges on all other rows;
``--data ARCHIVE --split FILE`` adds metrics of Accel-NASBench, fitted by the bundled settings on training and
validation part of the published split and judged on its test part. Figures are in docs/concepts/surrogates.md.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import accelnas
from accelnas.fitting.automatic.choice import choose
from accelnas.fitting.completion import dataset_of
from accelnas.fitting.dataset import read_dataset
from accelnas.fitting.ensemble import Ensemble, fit_ensemble, to_link, usable_rows
from accelnas.fitting.families import Fit
from accelnas.fitting.metric import MetricSpec
from accelnas.fitting.settings import MetricSettings, read_settings
from accelnas.fitting.splits import read_split
from accelnas.fitting.tails import TAILS
from accelnas.fitting.uncertainty import coverage, estimate_uncertainty, of_rows, total_deviation

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from accelnas.fitting.dataset import Dataset

    Floats = NDArray[np.float64]

__all__ = ["Judged", "of_archive", "of_nasbench201", "rows_of"]

METRICS = ("latency_zcu102", "accuracy")
SHARE = 0.1  # of the table


@dataclass(frozen=True)
class Judged:
    """A fit, and measurements that it did not see, on the scale of the link."""

    name: str
    dataset: Dataset
    ensemble: Ensemble
    folds: Sequence[NDArray[np.intp]] | None
    choices: NDArray[np.uint8]  # uint8 (n, variables): architectures that were not fitted
    measured: Floats  # float64 (n,)
    members: Floats  # float64 (members, n): predictions


def of_archive(data: Path, split: Path, name: str) -> Judged:
    """Fit a metric of Accel-NASBench by the bundled settings."""
    dataset, settings = read_dataset(data), read_settings("bundled")
    parts, metric = read_split(split, dataset), settings.metric(name)
    ensemble = fit_ensemble(dataset, np.concatenate([parts.train, parts.val]), metric, settings)
    test = usable_rows(dataset, metric, parts.test)
    measured = to_link(dataset.values(name)[test], metric, dataset.ids[test])
    choices = dataset.choices[test]
    return Judged(name, dataset, ensemble, None, choices, measured, ensemble.predict_members(choices))


def of_nasbench201(split: int, budget: float) -> Judged:
    """Fit a tenth of NAS-Bench-201's CIFAR-100, drawn by the split's number, by models that are chosen from it."""
    bench = accelnas.load("nasbench201")
    choices = bench.space.range(0, bench.space.size)
    values = np.asarray(bench.predict(choices, "cifar100", dtype="float64"))
    order = np.random.default_rng(split).permutation(len(values))
    known, others = np.split(order, [int(SHARE * len(values))])
    dataset = dataset_of(bench.space, np.sort(known), {"y": values[np.sort(known)]})
    choice = choose(dataset, dataset.ids, MetricSpec("y"), budget, 0, None, lambda _: None)
    first = choice.ensembles[0]
    fit = Fit(first.fit.models, choice.left_out, np.zeros(len(first.rows)))
    ensemble = Ensemble(MetricSettings("y"), fit, 1.0, 0.0, first.rows, dataset.values("y")[first.rows])
    predicted = choice.predict(choices[others])[None]
    return Judged("nasbench201 cifar100", dataset, ensemble, choice.folds, choices[others], values[others], predicted)


def rows_of(judged: Judged) -> Iterator[list[str]]:
    """Give a line of the table for either kind of tails."""
    for tails in sorted(TAILS, reverse=True):
        found = estimate_uncertainty(judged.dataset, judged.ensemble, judged.folds, tails)
        freedom = found.degrees_of_freedom
        residual = found.residual * of_rows(found.factors, judged.choices, judged.dataset.space)
        scores = np.abs(judged.measured - judged.members.mean(axis=0))
        scores /= total_deviation(judged.members.std(axis=0), residual)
        inside = [coverage(of.astype(np.float64), freedom) for of in (found.scores, scores)]
        shown = [" · ".join(f"{100 * share:.1f}" for share in shares) for shares in inside]
        kind = "normal" if freedom is None else f"t, {freedom:g}"
        yield [judged.name, f"{len(scores):,}", kind, *shown, f"{np.sqrt(np.mean(scores**2)):.2f}"]


def main() -> None:
    """Fit, and show the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="archive or folder of Accel-NASBench")
    parser.add_argument("--split", type=Path, help="the published split, official_split.json")
    parser.add_argument("--metrics", nargs="+", default=list(METRICS), help="of the archive")
    parser.add_argument("--draw", type=int, default=0, help="which rows of NAS-Bench-201 are fitted")
    parser.add_argument("--budget", type=float, default=120.0)
    given = parser.parse_args()
    if (given.data is None) != (given.split is None):
        parser.error("--data and --split belong together; give both, or none")
    print("| metric | rows judged | errors | left-out 50 · 80 · 95 % | judged 50 · 80 · 95 % | error in sd |")
    print("|---" * 6 + "|")
    for name in given.metrics if given.data else ():
        for line in rows_of(of_archive(given.data, given.split, name)):
            print("|", " | ".join(line), "|", flush=True)
    for line in rows_of(of_nasbench201(given.draw, given.budget)):
        print("|", " | ".join(line), "|", flush=True)


if __name__ == "__main__":
    main()
