"""How many measurements lie inside central intervals of the bundled benchmark.

``python -m studies.bundled_coverage ARCHIVE SPLIT`` fits nothing: rows that folds left out are those that the artifacts
keep the errors of, and the test part of the published split was never seen. The table is in docs/bundled.md.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import accelnas
from accelnas.fitting.dataset import read_dataset
from accelnas.fitting.ensemble import to_link, usable_rows
from accelnas.fitting.settings import read_settings
from accelnas.fitting.splits import random_split, read_split
from accelnas.fitting.uncertainty import LEVELS, coverage, of_rows, total_deviation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from accelnas.fitting.dataset import Dataset
    from accelnas.fitting.settings import Settings

__all__ = ["lines"]


def lines(
    bench: accelnas.Benchmark, dataset: Dataset, test: NDArray[np.int64], settings: Settings
) -> Iterator[list[str]]:
    """Give a line of the table for every metric of the data set with an uncertainty."""
    for name, metric in bench.metrics.items():
        if not metric.calibrated or name not in settings.metrics or name not in dataset.metrics:
            continue
        spec = replace(settings.metric(name), link=metric.link, limit=metric.limit)
        ids = usable_rows(dataset, spec, test)
        rows, values = dataset.choices[ids], dataset.values(name)[ids]
        measured = to_link(values, spec, dataset.ids[ids])
        position = bench._core.position(name)
        known, members = bench._core.uncertainty(position), bench._core.surrogate(position).predict_members(rows)
        if known is None:
            continue
        residual = known["residual"] * of_rows(known["factors"], rows, bench.space)
        mean = members.mean(axis=1)
        if metric.limit is not None:  # what lies beyond the limit stands for it
            mean = np.maximum(mean, 1 / metric.limit if metric.link == "capped" else metric.limit)
        scores = np.abs(measured - mean) / total_deviation(members.std(axis=1), residual)
        freedom = known["degrees_of_freedom"]
        inside = [coverage(of.astype(np.float64), freedom) for of in (known["scores"], scores)]
        ends = [bench.predict_interval(rows, name, level=level) for level in LEVELS]
        inside.append([float(np.mean((lower <= values) & (values <= upper))) for lower, upper in ends])
        kind = "normal" if freedom is None else f"t, {freedom:g}"
        yield [name, kind, *(" · ".join(f"{100 * share:.1f}" for share in shares) for shares in inside)]


def main() -> None:
    """Show the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="archive or folder of Accel-NASBench")
    parser.add_argument(
        "split", type=Path, nargs="?", help="the published split, official_split.json; else a random one"
    )
    parser.add_argument("--settings", default="bundled")
    given = parser.parse_args()
    dataset = read_dataset(given.data)
    split = random_split(dataset) if given.split is None else read_split(given.split, dataset)
    print("| metric | errors | left-out 50 · 80 · 95 % | test, ± t · std | test, conformal |\n" + "|---" * 5 + "|")
    for line in lines(accelnas.load(), dataset, split.test, read_settings(given.settings)):
        print("|", " | ".join(line), "|", flush=True)


if __name__ == "__main__":
    main()
