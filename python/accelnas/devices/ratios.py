"""What questions about devices share: checked names, ratios to an optimum, constraints as texts."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from accelnas.errors import MetricError, SearchError, SpaceError
from accelnas.exact.constraints import parse_constraints, require_tables
from accelnas.exact.derivations import with_limits
from accelnas.exact.engine import Run
from accelnas.exact.questions import BestQuestion
from accelnas.exact.result import fixed
from accelnas.exact.solve import solve

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import polars
    from numpy.typing import NDArray

    from accelnas.exact.constraints import Constraints
    from accelnas.exact.kinds import BestResult
    from accelnas.exact.objectives import Within
    from accelnas.metric import Metric
    from accelnas.models.predictor import Predictor
    from accelnas.space import Architectures

__all__ = [
    "Answered",
    "Tabular",
    "at_least_text",
    "best_of",
    "checked_accuracy",
    "checked_costs",
    "checked_devices",
    "fixed",
    "one_row",
    "predicted",
    "ratios_to",
    "require_one_unit",
    "speed_text",
    "texts_of",
    "value_of_ratio",
]


class Tabular(ABC):
    """An answer that is a table."""

    @abstractmethod
    def to_columns(self) -> dict[str, Any]:
        """Give the columns of the table, by name."""

    def to_polars(self) -> polars.DataFrame:
        """Give `to_columns` as a data frame. Needs the extra ``[polars]``."""
        import polars as pl

        return pl.DataFrame(self.to_columns())


Answered: TypeAlias = "Callable[[int, int], object]"
"""Told the number of questions answered, and how many are expected in all."""


def best_of(
    bench: Predictor,
    objective: str,
    subject_to: Sequence[str],
    within: Within | None,
    threads: int | None,
) -> BestResult:
    """Find the best architecture by one metric, and prove it."""
    found: BestResult = solve(bench, BestQuestion(objective, subject_to, within), Run(threads=threads))
    return found


def checked_devices(bench: Predictor, devices: Sequence[str]) -> tuple[str, ...]:
    """Expect different metrics with tables, at least one."""
    if isinstance(devices, str):
        raise MetricError(f"devices is {devices!r}, one text; give a sequence of metrics, such as ['{devices}']")
    names = tuple(require_tables(bench.metrics, name) for name in devices)
    if not names or len(set(names)) < len(names):
        raise MetricError(f"devices are {', '.join(names) or 'none'}; give different metrics, at least one")
    return names


def checked_accuracy(bench: Predictor, accuracy: str, devices: Sequence[str]) -> str:
    """Expect a metric with tables that is maximised, and no device."""
    require_tables(bench.metrics, accuracy)
    if bench.metrics[accuracy].direction != "maximise":
        raise MetricError(
            f"{accuracy} is minimised, and accuracy has a least value; derive a metric of which more is better"
        )
    if accuracy in devices:
        raise MetricError(f"{accuracy} is both accuracy and a device; name another metric for one of them")
    return accuracy


def checked_costs(costs: Mapping[str, float]) -> dict[str, float]:
    """Expect positive finite numbers."""
    for name, cost in costs.items():
        if isinstance(cost, bool) or not isinstance(cost, (int, float)) or not 0 < cost < math.inf:
            raise SearchError(f"cost of {name} is {cost!r}; give a finite number above 0")
    return {name: float(cost) for name, cost in costs.items()}


def require_one_unit(metrics: Mapping[str, Metric], devices: Sequence[str]) -> Metric:
    """Refuse speeds that can't be compared; give the first metric."""
    first = metrics[devices[0]]
    for name in devices:
        if (metrics[name].unit, metrics[name].direction) != (first.unit, first.direction):
            raise MetricError(
                f"{first.name} is in {first.unit or 'no unit'} ({first.direction}), {name} in "
                f"{metrics[name].unit or 'no unit'} ({metrics[name].direction}); choose metrics of one kind, or derive "
                "some, such as '1000 / throughput_a100'"
            )
    return first


def texts_of(bench: Predictor, subject_to: Constraints) -> tuple[str, ...]:
    """Give constraints of any form as texts, to which others can be added."""
    bench, limits = with_limits(bench, subject_to)
    return tuple(map(str, parse_constraints(bench.metrics, limits)))


def at_least_text(accuracy: str, at_least: float) -> str:
    """Write a least accuracy as a constraint."""
    return f"{accuracy} >= {float(at_least)!r}"


def speed_text(metric: Metric, value: float) -> str:
    """Write as a constraint that a device is as good as a value."""
    return f"{metric.name} {'>=' if metric.direction == 'maximise' else '<='} {float(value)!r}"


def ratios_to(
    metrics: Mapping[str, Metric], devices: Sequence[str], values: NDArray[np.float64], optima: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Divide values (n, devices) and optima, so that more is better and the optimum is 1."""
    wrong = np.argwhere(~((values > 0) & (optima > 0)))
    if len(wrong):
        row, column = wrong[0].tolist()
        raise MetricError(
            f"{devices[column]} is {values[row, column]!s} where its best is {optima[column]!s}; ratios need metrics "
            "above 0, so derive one"
        )
    maximised = np.array([metrics[name].direction == "maximise" for name in devices])
    found: NDArray[np.float64] = np.where(maximised, values / optima, optima / values)
    return found


def value_of_ratio(metric: Metric, optimum: float, ratio: float) -> float:
    """Give the worst value whose ratio to an optimum, rounded to float64, is still at least `ratio`.

    Examples
    --------
    >>> import accelnas
    >>> metrics = accelnas.load().metrics
    >>> value_of_ratio(metrics["throughput_a100"], 10_000.0, 0.5), value_of_ratio(metrics["latency_zcu102"], 3.0, 0.5)
    (5000.0, 6.0)
    """
    maximised = metric.direction == "maximise"
    worse = -math.inf if maximised else math.inf

    def is_met(value: float) -> bool:
        return (value / optimum if maximised else optimum / value) >= ratio

    value = ratio * optimum if maximised else optimum / ratio
    # rounding leaves the first guess a few float64 from the end of the range
    while not is_met(value):
        value = math.nextafter(value, -worse)
    while is_met(further := math.nextafter(value, worse)):
        value = further
    return value


def one_row(bench: Predictor, name: str, arch: Architectures) -> NDArray[np.uint8]:
    """Encode one named architecture, (1, variables)."""
    rows = bench.space.encode(arch)
    if len(rows) != 1:
        raise SpaceError(f"{name} is {len(rows)} architectures; choose one of them")
    bench.space.check(rows)
    return rows


def predicted(
    bench: Predictor, rows: NDArray[np.uint8], names: Sequence[str], threads: int | None
) -> NDArray[np.float64]:
    """Predict metrics in float64, (n, metrics): the numbers that searches compare."""
    found = bench.predict(rows, list(names), dtype="float64", threads=threads)
    return np.stack([np.asarray(found[name], np.float64) for name in names], axis=1)
