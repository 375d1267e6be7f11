"""Error against the number of measurements, on every device held out in turn."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from accelnas.errors import DataError
from accelnas.fitting.ensemble import LINKS
from accelnas_training.transfer.design import DESIGNS, Features, choose
from accelnas_training.transfer.regression import figures_of, regress
from accelnas_training.transfer.sources import COSTS, Sources, board, default_sources, link_of, machine, without

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from accelnas import Benchmark
    from accelnas.fitting.dataset import Dataset
    from accelnas.fitting.splits import Split
    from accelnas_training.arrays import Floats, Rows

    Predictor = Callable[[Rows], Floats]


HELD_OUT = ("metric", "board", "kind")
"""What is not known: the metric itself; all metrics of its board; all boards of its kind."""
METHODS = ("transfer", "no devices", "one device", "MACs")
_KINDS = {"a100": "gpu", "3090": "gpu", "tpuv2": "tpu", "tpuv3": "tpu", "zcu102": "fpga", "vck190": "fpga"}
_CANDIDATES = 1000  # measured architectures that a design chooses from


@dataclass(frozen=True)
class TransferPlan:
    """What to evaluate."""

    # devices that are held out, one after the other; None means all speeds of the data set
    metrics: Sequence[str] | None = None
    sizes: Sequence[int] = (10, 20, 50, 100, 200)  # numbers of measurements
    seeds: int = 5  # draws of the candidates, all counted from 0
    known: Sequence[str] | None = None  # speeds that are known beside MACs and parameters; None means all


def kind(metric: str) -> str:
    """Kind of a metric's device: gpu, tpu, fpga, or the machine where the name is not known.

    Examples
    --------
    >>> kind("throughput_a100"), kind("latency_cpu_onnxruntime")
    ('gpu', 'cpu')
    """
    return _KINDS.get(board(metric), machine(metric))


@dataclass(frozen=True, eq=False)
class Case:
    """One metric of a data set, as times: a throughput is its reciprocal."""

    dataset: Dataset
    split: Split
    # name, and ``"identity"`` or ``"reciprocal"``
    metric: str
    link: str
    times: Floats  # float64 (n,): NaN where not measured
    # intp: measured rows of the training and validation part, and of the test part
    fitted: Rows
    test: Rows

    @classmethod
    def of(cls, dataset: Dataset, split: Split, metric: str) -> Case:
        """Take one metric; raises DataError without it, if a value is not above 0, or a part has fewer than 2 rows."""
        values, link = dataset.values(metric), link_of(metric)
        if (values <= 0).any():  # NaN compares false
            wrong = int(np.argmax(values <= 0))
            raise DataError(f"id {dataset.ids[wrong]}: {metric} is {values[wrong]}; times and speeds are above 0")
        parts = [dataset.rows(np.concatenate([split.train, split.val])), dataset.rows(split.test)]
        fitted, test = (part[~np.isnan(values[part])] for part in parts)
        if min(len(fitted), len(test)) < 2:
            raise DataError(f"{metric} has {len(fitted)} rows to fit and {len(test)} to test; 2 of each are needed")
        return cls(dataset, split, metric, link, np.asarray(LINKS[link].apply(values)), fitted, test)

    def figures(self, predicted: Floats) -> dict[str, float]:
        """Compare predicted times of the test rows, float64, with the measured."""
        return asdict(figures_of(self.times[self.test], predicted))

    def few(self, count: int, seed: int) -> Rows:
        """Draw some of the rows to fit, all if there are no more."""
        return np.asarray(np.random.default_rng(seed).permutation(self.fitted)[:count])


def speeds(dataset: Dataset) -> list[str]:
    """Name the throughputs and latencies of a data set; raises DataError if it has none."""
    names = [name for name in dataset.metrics if name.startswith(("throughput_", "latency_"))]
    if not names:
        raise DataError(f"the data has no throughput_ or latency_ column; it has {', '.join(dataset.metrics)}")
    return names


def evaluate_transfer(
    dataset: Dataset,
    split: Split,
    bench: Benchmark,
    plan: TransferPlan,
    progress: Callable[[float], None] | None = None,
) -> pl.DataFrame:
    """Fit few measurements again and again, and compare with the test part.

    Measured architectures are chosen from those of the training and validation part. Times, not speeds, are compared: a
    throughput is its reciprocal. The benchmark tells the known devices; what it knows of a held-out one is not used.
    `progress` is told the share of devices' fits that are done. Gives a row a fit: ``metric``, ``held_out``,
    ``method``, ``design``, ``k``, ``seed``, ``r2``, ``tau``, ``mape`` in %; method ``"all rows"``, with k rows, is the
    benchmark's own model, where it has one. Raises DataError without a speed, or with too few rows to choose from.
    """
    known = default_sources(bench)
    if plan.known is not None:
        known = [*(name for name in plan.known if name not in COSTS), *(name for name in known if name in COSTS)]
    cases = [case for metric in plan.metrics or speeds(dataset) for case in _cases(known, metric)]
    if not cases:
        raise DataError(f"known are {', '.join(known)}: no speed of another device; name one more, as throughput_a100")
    found: list[dict[str, Any]] = []
    for number, (metric, held_out, names) in enumerate(cases):
        if progress is not None:
            progress(number / len(cases))
        device = Case.of(dataset, split, metric)
        if held_out == HELD_OUT[0] and metric in bench.metrics:
            speeds_of_test = bench.predict(dataset.choices[device.test], metric, dtype="float64")
            predicted = LINKS[device.link].apply(speeds_of_test)
            about = {"method": "all rows", "design": "", "k": len(device.fitted), "seed": 0}
            found.append({"metric": metric, "held_out": "", **about, **device.figures(predicted)})
        fits = _fits(device, Features(Sources(bench, names)), _costs(bench), plan)
        found += [{"metric": metric, "held_out": held_out, **fit} for fit in fits]
    return pl.DataFrame(found).select("metric", "held_out", "method", "design", "k", "seed", "r2", "tau", "mape")


def _cases(known: list[str], metric: str) -> list[tuple[str, str, list[str]]]:
    """Give what is known at each level, without levels that are like the one before, or know no device."""
    boards = [board(name) for name in known if kind(name) == kind(metric)]
    levels = ([name for name in known if name != metric], without(known, [board(metric)]), without(known, boards))
    cases: list[tuple[str, str, list[str]]] = []
    for level, names in zip(HELD_OUT, levels, strict=True):
        if set(names) - {*COSTS} and (not cases or names != cases[-1][2]):
            cases.append((metric, level, names))
    return cases


def _costs(bench: Benchmark) -> Features:
    """Give features of MACs and parameters alone."""
    return Features(Sources(bench, [name for name in COSTS if name in bench.metrics]))


def _fits(device: Case, features: Features, costs: Features, plan: TransferPlan) -> list[dict[str, Any]]:
    """Fit all methods to all designs of all sizes and seeds."""
    largest = max(plan.sizes)
    if len(device.fitted) < largest:
        raise DataError(f"{len(device.fitted)} rows can't be {largest} measurements; name smaller sizes")
    groups, of_costs = features.groups(device.dataset.choices), costs.groups(device.dataset.choices)
    found = []
    for seed in range(plan.seeds):
        candidates = np.random.default_rng(seed).permutation(device.fitted)[:_CANDIDATES]
        for design in DESIGNS:
            order = candidates[choose([group[candidates] for group in groups], largest, design, seed)]
            for k in plan.sizes:
                for method in METHODS if design in ("variance", "random") else METHODS[:1]:
                    predicted = _predicted(method, device, groups, of_costs, order[:k])
                    about = {"method": method, "design": design, "k": k, "seed": seed}
                    found.append({**about, **device.figures(predicted)})
    return found


def _predicted(method: str, device: Case, groups: Sequence[Floats], of_costs: Sequence[Floats], rows: Rows) -> Floats:
    """Fit one method to the measurements `rows`, and predict the test rows."""
    devices = groups[0][:, : -of_costs[0].shape[1]]  # the costs come last
    if method in ("transfer", "no devices"):
        used = groups if method == "transfer" else of_costs
        fit = regress([group[rows] for group in used], device.times[rows])
        return fit.predict([group[device.test] for group in used])
    known = of_costs[0][:, 0] if method == "MACs" else _likest(devices, device.times, rows)
    return np.asarray(np.polyval(np.polyfit(known[rows], device.times[rows], 1), known[device.test]))


def _likest(known: Floats, times: Floats, rows: Rows) -> Floats:
    """Give the column that correlates best with the measured times."""
    return known[:, int(np.argmax(np.corrcoef(known[rows].T, times[rows])[-1, :-1]))]
