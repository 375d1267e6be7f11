"""Metrics that were measured after fewer epochs, too: one to fit for each, and how far they agree on the order."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from accelnas.errors import DataError
from accelnas.fidelities import Fidelity, check_ladder, fidelity_name, parse_fidelity
from accelnas.fitting.evaluate import kendall
from accelnas.fitting.metric import PLATEAU_LINKS, MetricSpec

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from accelnas.fitting.dataset import Dataset

__all__ = ["Agreement", "agreements", "highest", "ladder", "with_fidelities"]

Spec = TypeVar("Spec", bound=MetricSpec)


def ladder(metric: Spec, epochs: Sequence[int]) -> list[Spec]:
    """Give a metric, which is measured after the last of so many epochs, and those after fewer.

    Noise and ceilings are those of the metric itself; the others have their own.

    Examples
    --------
    >>> [(each.name, each.fidelity.epochs) for each in ladder(MetricSpec("accuracy", "%"), [1, 4, 16])]
    [('accuracy', 16), ('accuracy@1', 1), ('accuracy@4', 4)]
    """
    *fewer, whole = check_ladder(f"fidelities of {metric.name}", epochs)
    found = [replace(metric, fidelity=Fidelity(metric.name, whole))]
    for each in fewer:
        fidelity = Fidelity(metric.name, each)
        after = f"after {each} of {whole} epochs"
        what = f"{metric.description.rstrip('.')}, {after}" if metric.description else after.capitalize()
        limit = None if metric.link in PLATEAU_LINKS else metric.limit
        lower = replace(metric, name=fidelity.lower_name, fidelity=fidelity, noise=None, limit=limit, description=what)
        found.append(lower)
    return found


def with_fidelities(metrics: Sequence[Spec], epochs: Sequence[int], columns: Iterable[str]) -> list[Spec]:
    """Give metrics, and of those that a table has after fewer epochs, ``METRIC@EPOCHS``, all fidelities.

    Parameters
    ----------
    metrics
        Metrics of the table.
    epochs
        Ascending; the last are those of the metrics themselves.
    columns
        Names of what the table measured.

    Raises
    ------
    DataError
        If no metric has columns of fewer epochs, or one has other epochs than are asked for.
    ModelError
        If epochs don't ascend.
    """
    *fewer, _ = check_ladder("fidelities", epochs)
    there: dict[str, list[int]] = {}
    for metric, number in filter(None, map(parse_fidelity, columns)):
        there.setdefault(metric, []).append(number)
    found: list[Spec] = []
    for each in metrics:
        known = sorted(there.get(each.name, []))
        if missing := [number for number in fewer if known and number not in known]:
            raise DataError(
                f"there is no column {fidelity_name(each.name, missing[0])}; of {each.name} there are "
                f"{', '.join(map(str, known))} epochs: choose of them, and name its own at last"
            )
        found += ladder(each, epochs) if known else [each]
    if len(found) == len(metrics):
        names = ", ".join(metric.name for metric in metrics)
        raise DataError(
            f"no column is named after epochs of {names}, such as {fidelity_name(metrics[0].name, fewer[0])}; "
            "leave fidelities out, or rename the columns"
        )
    return found


def highest(columns: Sequence[str]) -> list[str]:
    """Give columns without those that are other columns' after fewer epochs.

    Examples
    --------
    >>> highest(["accuracy", "accuracy@1", "recall@5"])
    ['accuracy', 'recall@5']
    """
    return [name for name in columns if not ((found := parse_fidelity(name)) and found[0] in columns)]


@dataclass(frozen=True)
class Agreement:
    """How far a metric after fewer epochs orders architectures as the metric itself does."""

    metric: str
    epochs: int
    architectures: int  # that both were measured of
    tau: float  # Kendall's tau-b of the means over repeats; NaN of fewer than two


def agreements(dataset: Dataset, metrics: Sequence[MetricSpec]) -> list[Agreement]:
    """Compare the measured values of lower fidelities with the metrics themselves."""
    found = []
    for metric in metrics:
        if metric.fidelity is None or metric.fidelity.of == metric.name:
            continue
        lower, whole = (_means(dataset, name) for name in (metric.name, metric.fidelity.of))
        both = ~np.isnan(lower) & ~np.isnan(whole)
        several = np.count_nonzero(both) > 1
        tau = kendall(whole[both], lower[both]) if several else float("nan")
        found.append(Agreement(metric.fidelity.of, metric.fidelity.epochs, int(both.sum()), tau))
    return found


def _means(dataset: Dataset, metric: str) -> NDArray[np.float64]:
    """Mean of each architecture, NaN where it was not measured."""
    values = dataset.values(metric)
    given = ~np.isnan(values)
    counts = np.bincount(dataset.groups[given], minlength=dataset.groups.max() + 1)
    with np.errstate(invalid="ignore"):
        return np.bincount(dataset.groups[given], values[given], minlength=len(counts)) / counts
