"""GPU-hours of the trainings that the benchmark is made from, as recorded, beside those that the paper states."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from studies.base import Comparison, Table
from studies.fig6_points import FIG6

if TYPE_CHECKING:
    from collections.abc import Mapping

    from accelnas.benchmark import Benchmark
    from accelnas.fitting.dataset import Dataset
    from studies.schemes import Scheme

__all__ = ["TrainingCost", "cost_comparisons", "cost_table", "training_cost"]

METRIC, GPUS, SLOW = "train_time", 4, 2.0
HOUR = 3600.0 / GPUS  # seconds of a node in which its GPUs spend an hour together
PAPER = FIG6["cost"]


@dataclass(frozen=True)
class TrainingCost:
    """What trainings took, in GPU-hours.

    Attributes
    ----------
    trainings
        How many are recorded.
    recorded
        Of all of them.
    slow
        Trainings that took more than twice as long as predicted for their architecture.
    regular
        Of all, with the predicted time for the slow ones.
    proxy, reference
        Means of a training under either scheme, of the architectures that were trained under both; None without them.
    """

    trainings: int
    recorded: float
    slow: int
    regular: float
    proxy: float | None = None
    reference: float | None = None


def training_cost(
    bench: Benchmark, dataset: Dataset, schemes: Mapping[str, Scheme] | None = None, threads: int | None = None
) -> TrainingCost:
    """Sum the recorded training times, which are of nodes with four GPUs.

    Parameters
    ----------
    bench
        Predicts ``train_time``, by which trainings that were held up are told.
    dataset
        Has ``train_time``.
    schemes
        See `studies.schemes.read_schemes`.
    threads
        The sums do not depend on it.
    """
    seconds = dataset.values(METRIC)
    expected = np.asarray(bench.predict(dataset.choices, METRIC, dtype="float64", threads=threads))
    slow = seconds > SLOW * expected
    regular = seconds.copy()
    regular[slow] = expected[slow]
    means = {name: float(scheme.train_time.mean()) / HOUR for name, scheme in (schemes or {}).items()}
    return TrainingCost(
        trainings=len(seconds),
        recorded=float(seconds.sum()) / HOUR,
        slow=int(slow.sum()),
        regular=float(regular.sum()) / HOUR,
        proxy=means.get("proxy"),
        reference=means.get("reference"),
    )


def cost_comparisons(cost: TrainingCost) -> list[Comparison]:
    """Set the recorded cost beside the paper's."""
    each, every, ratio = PAPER["training"], PAPER["all"], PAPER["reference"]
    found = [
        Comparison("cost of a training", each, cost.regular / cost.trainings, 0.5, "GPU-hours", "paper, README"),
        Comparison("cost of all trainings", every, cost.recorded, 500.0, "GPU-hours", "paper"),
    ]
    if cost.proxy is not None and cost.reference is not None:
        found.append(
            Comparison("cost of r over that of p*", ratio, cost.reference / cost.proxy, 0.05, source="paper, Fig. 3")
        )
    return found


def cost_table(cost: TrainingCost) -> Table:
    """List what a training and all trainings cost, by who says so."""
    count = cost.trainings
    rows = [
        ("p*, as the paper states", PAPER["training"], PAPER["all"]),
        ("p*, as recorded", cost.recorded / count, cost.recorded),
        (f"p*, {cost.slow} slow trainings at their predicted time", cost.regular / count, cost.regular),
    ]
    if cost.proxy is not None and cost.reference is not None:
        rows += [
            ("p*, as recorded of the architectures trained under both schemes", cost.proxy, count * cost.proxy),
            ("r, as recorded of the same", cost.reference, count * cost.reference),
            ("r, the paper's p* times its ratio", *(PAPER[name] * PAPER["reference"] for name in ("training", "all"))),
        ]
    text = (
        f"The data has {count:,} training times, in seconds on a node of {GPUS} GPUs (RTX 3090). Slow is what took "
        f"more than {SLOW:.0f} times what the benchmark predicts for its architecture: held up, not dear. *All* is of "
        f"{count:,} trainings where the paper doesn't say. The paper's total is about the month on 24 to 28 GPUs of "
        "the authors' README (24 · 30 · 24 = 17,280), so it seems to be the time for which machines were held, "
        "restarts and loading included; the recorded times are of the trainings alone."
    )
    frame = pl.DataFrame(rows, ["scheme", "a training [GPU-hours]", "all [GPU-hours]"], orient="row")
    return Table("cost", "What the trainings cost", frame, text)
