"""Formulations that turn several metrics into one score, each with an optimum that a Pareto front proves."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from numbers import Real
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import numpy as np

from accelnas.errors import SearchError
from accelnas.exact.fields import Fields

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accelnas.metric import Metric

__all__ = [
    "FORMULATIONS",
    "Formulation",
    "ReferencePoint",
    "WeightedExponentialSum",
    "WeightedMinMax",
    "WeightedProduct",
    "WeightedSum",
    "formulation_from_json",
    "formulation_to_json",
    "resolved_ranges",
]

Columns: TypeAlias = "Mapping[str, NDArray[np.float64]]"
Ranges: TypeAlias = "Mapping[str, tuple[float, float]]"
"""By metric the values that count as 0 and 1: its worst and its ideal one."""


def _nothing() -> Mapping[str, Any]:
    return MappingProxyType({})


@dataclass(frozen=True)
class WeightedSum:
    """Maximise the sum of weighted metrics: ``sum(w * z)``.

    With a range, z is ``(value - worst) / (ideal - worst)``: 0 at the worst, 1 at the ideal value. Without one it
    is the value in its unit, negative for metrics that are minimised.

    Attributes
    ----------
    weights : mapping of str to float
        2 to 5 metrics and weights of at least 0, one of them above 0.
    ranges : mapping of str to (worst, ideal)
        For the metrics that are to be normalised.
    """

    weights: Mapping[str, float]
    ranges: Ranges = field(default_factory=_nothing)
    kind: ClassVar[str] = "sum"
    is_loss: ClassVar[bool] = False

    def __post_init__(self) -> None:
        """Refuse what are no numbers of metrics."""
        _check_fields(self)

    def check(self, metrics: Mapping[str, Metric]) -> None:
        """Refuse what is not monotone."""
        _check_weights(self.weights)
        _check_ranges(metrics, self.weights, self.ranges)

    def score(self, values: Columns, ranges: Ranges) -> NDArray[np.float64]:
        """Give the sum of every row."""
        normalised = {name: (values[name] - worst) / _extent(worst, ideal) for name, (worst, ideal) in ranges.items()}
        return _sum([weight * normalised[name] for name, weight in self.weights.items()])

    def expression(self, ranges: Ranges) -> str:
        """Write the sum as an expression of metrics."""
        terms = (
            f"{w!r} * (({name} - {ranges[name][0]!r}) / {_extent(*ranges[name])!r})" for name, w in self.weights.items()
        )
        return " + ".join(terms)


@dataclass(frozen=True)
class WeightedExponentialSum:
    """Minimise the weighted exponential sum of distances to the ideal: ``sum(w * d ** power)``.

    The distance d is ``(ideal - value) / (ideal - worst)``: 0 at the ideal, 1 at the worst value (Marler & Arora 2004).

    Attributes
    ----------
    weights : mapping of str to float
        2 to 5 metrics and weights of at least 0, one of them above 0.
    power : float
        Above 0; 1 is a weighted sum, large powers approach `WeightedMinMax`.
    ranges : mapping of str to (worst, ideal)
        By default the worst and the best value of a metric on the Pareto front (nadir and ideal point).
    """

    weights: Mapping[str, float]
    power: float = 2.0
    ranges: Ranges = field(default_factory=_nothing)
    kind: ClassVar[str] = "exponential"
    is_loss: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Refuse what are no numbers of metrics."""
        _check_fields(self)

    def check(self, metrics: Mapping[str, Metric]) -> None:
        """Refuse what is not monotone."""
        _check_weights(self.weights)
        _check_ranges(metrics, self.weights, self.ranges)
        if not (math.isfinite(self.power) and self.power > 0):
            raise SearchError(f"power is {self.power!r}; choose a number above 0, or the sum would not be monotone")

    def score(self, values: Columns, ranges: Ranges) -> NDArray[np.float64]:
        """Give the sum of every row."""
        distances = {name: _distance(name, values[name], ranges[name]) for name in self.weights}
        return _sum([weight * distances[name] ** self.power for name, weight in self.weights.items()])


@dataclass(frozen=True)
class WeightedMinMax:
    """Minimise the largest weighted distance to the ideal (Chebyshev): ``max(w * d)``.

    The distance d is ``(ideal - value) / (ideal - worst)``: 0 at the ideal, 1 at the worst value.

    Attributes
    ----------
    weights : mapping of str to float
        2 to 5 metrics and weights of at least 0, one of them above 0.
    ranges : mapping of str to (worst, ideal)
        By default the worst and the best value of a metric on the Pareto front (nadir and ideal point).
    """

    weights: Mapping[str, float]
    ranges: Ranges = field(default_factory=_nothing)
    kind: ClassVar[str] = "minmax"
    is_loss: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Refuse what are no numbers of metrics."""
        _check_fields(self)

    def check(self, metrics: Mapping[str, Metric]) -> None:
        """Refuse what is not monotone."""
        _check_weights(self.weights)
        _check_ranges(metrics, self.weights, self.ranges)

    def score(self, values: Columns, ranges: Ranges) -> NDArray[np.float64]:
        """Give the largest distance of every row."""
        terms = [weight * _distance(name, values[name], ranges[name]) for name, weight in self.weights.items()]
        largest: NDArray[np.float64] = np.max(terms, axis=0)
        return largest


@dataclass(frozen=True)
class WeightedProduct:
    """Maximise a product of powers, as MnasNet does: ``prod((value / target) ** w)``.

    ``WeightedProduct({"accuracy": 1, "latency": -0.07}, {"latency": 5})`` is MnasNet's (Tan et al. 2019) soft
    constraint, accuracy · (latency / 5) ** -0.07; ``{"accuracy": 1, "latency": (0, -1)}`` its hard one.

    Attributes
    ----------
    exponents : mapping of str to float or (float, float)
        2 to 5 metrics and exponents: at least 0 for a metric that is maximised, at most 0 for one that is
        minimised. Of a pair the first holds up to the target, the second beyond.
    targets : mapping of str to float
        Values above 0; 1 by default.
    """

    exponents: Mapping[str, float | tuple[float, float]]
    targets: Mapping[str, float] = field(default_factory=_nothing)
    ranges: ClassVar[Ranges] = _nothing()
    kind: ClassVar[str] = "product"
    is_loss: ClassVar[bool] = False

    @property
    def weights(self) -> Mapping[str, float | tuple[float, float]]:
        """Metrics of the formulation."""
        return self.exponents

    def __post_init__(self) -> None:
        """Refuse what are no numbers of metrics."""
        _check_fields(self)

    def check(self, metrics: Mapping[str, Metric]) -> None:
        """Refuse what is not monotone."""
        if not any(any(_pair(exponent)) for exponent in self.exponents.values()):
            raise SearchError("all exponents are 0; give at least one that is not")
        for name, exponent in self.exponents.items():
            maximised = metrics[name].direction == "maximise"
            if not all(math.isfinite(e) and (e >= 0 if maximised else e <= 0) for e in _pair(exponent)):
                wanted = "at least 0, as it is maximised" if maximised else "at most 0, as it is minimised"
                raise SearchError(f"exponent of {name} is {exponent!r}; choose one of {wanted}")
        for name, target in self.targets.items():
            if name not in self.exponents or not (math.isfinite(target) and target > 0):
                raise SearchError(f"target of {name!r} is {target!r}; choose numbers above 0 for the product's metrics")

    def score(self, values: Columns, _ranges: Ranges) -> NDArray[np.float64]:
        """Give the product of every row."""
        product: NDArray[np.float64] = np.ones(len(next(iter(values.values()))))
        for name, exponent in self.exponents.items():
            ratio = values[name] / self.targets.get(name, 1.0)
            up_to, beyond = _pair(exponent)
            product = product * np.where(ratio <= 1, ratio**up_to, ratio**beyond)
        return product


@dataclass(frozen=True)
class ReferencePoint:
    """Maximise an achievement function of a reference point (Wierzbicki 1980): ``min(w * t) + rho * sum(w * t)``.

    The gain t is ``(value - reference) / (ideal - worst)``: 0 at the value that is aspired to, above 0 beyond it.
    Without a range it is in the metric's unit, with the sign of its direction. The optimum is the architecture that
    exceeds the reference point, or misses it, most evenly; it is on the Pareto front whether that is reached or not.

    Attributes
    ----------
    weights : mapping of str to float
        2 to 5 metrics and weights of at least 0, one of them above 0: of those without weight any value is as good.
    reference : mapping of str to float
        By metric the value that is aspired to, in its unit.
    rho : float
        Weight of the sum, at least 0: a small one tells points apart whose least gain is the same.
    ranges : mapping of str to (worst, ideal)
        For the metrics whose gains are to be normalised.

    Examples
    --------
    >>> import accelnas
    >>> from accelnas.exact import ReferencePoint
    >>> aspired = ReferencePoint({"accuracy": 1, "macs": 0.02}, {"accuracy": 64, "macs": 250})
    >>> found = accelnas.load().scalarised(aspired, within={f"block{b}_e": 6 for b in range(1, 7)})
    >>> len(found), bool(found.values[0] > 0)  # both are exceeded
    (1, True)
    """

    weights: Mapping[str, float]
    reference: Mapping[str, float]
    rho: float = 1e-6
    ranges: Ranges = field(default_factory=_nothing)
    kind: ClassVar[str] = "reference"
    is_loss: ClassVar[bool] = False

    def __post_init__(self) -> None:
        """Refuse what are no numbers of metrics."""
        _check_fields(self)

    def check(self, metrics: Mapping[str, Metric]) -> None:
        """Refuse what is not monotone."""
        _check_weights(self.weights)
        _check_ranges(metrics, self.weights, self.ranges)
        if set(self.reference) != set(self.weights) or not all(map(math.isfinite, self.reference.values())):
            raise SearchError(
                f"the reference point is {dict(self.reference)}; give a number for each of {', '.join(self.weights)}"
            )
        if not (math.isfinite(self.rho) and self.rho >= 0):
            raise SearchError(f"rho is {self.rho!r}; choose a number of at least 0, or the score would not be monotone")

    def score(self, values: Columns, ranges: Ranges) -> NDArray[np.float64]:
        """Give the achievement of every row."""
        gains = [
            weight * ((values[name] - self.reference[name]) / _extent(*ranges[name]))
            for name, weight in self.weights.items()
        ]
        achieved: NDArray[np.float64] = np.min(gains, axis=0) + self.rho * _sum(gains)
        return achieved


Formulation: TypeAlias = WeightedSum | WeightedExponentialSum | WeightedMinMax | WeightedProduct | ReferencePoint
_CLASSES: tuple[type[Formulation], ...] = (
    WeightedSum,
    WeightedExponentialSum,
    WeightedMinMax,
    WeightedProduct,
    ReferencePoint,
)
_NUMBERS = ("power", "rho")  # fields that are one number
_NEEDED = ("weights", "exponents", "reference")
_LENGTHS = {
    "weights": (1,),
    "targets": (1,),
    "ranges": (2,),
    "exponents": (1, 2),
    "reference": (1,),
}  # numbers a metric
FORMULATIONS: Mapping[str, type[Formulation]] = MappingProxyType({c.kind: c for c in _CLASSES})


def resolved_ranges(
    formulation: Formulation, metrics: Mapping[str, Metric], values: Columns
) -> dict[str, tuple[float, float]]:
    """Give the range of every metric, of those without one from the values of a Pareto front.

    `WeightedSum` and `ReferencePoint` take such metrics in their units, with their signs.
    """
    return {
        name: formulation.ranges.get(name) or _range(formulation, metrics[name], values) for name in formulation.weights
    }


def _range(formulation: Formulation, metric: Metric, values: Columns) -> tuple[float, float]:
    maximised = metric.direction == "maximise"
    if isinstance(formulation, (WeightedSum, ReferencePoint)):
        return (0.0, 1.0 if maximised else -1.0)
    column = values[metric.name].tolist() or [0.0]
    return (min(column), max(column)) if maximised else (max(column), min(column))


def formulation_to_json(formulation: Formulation) -> dict[str, Any]:
    """Give a formulation as plain data."""
    content: dict[str, Any] = {"kind": formulation.kind}
    for entry in fields(formulation):
        value = getattr(formulation, entry.name)
        content[entry.name] = value if entry.name in _NUMBERS else {m: _plain(v) for m, v in value.items()}
    return content


def formulation_from_json(content: Any, where: str) -> Formulation:
    """Read what `formulation_to_json` gives, from any source.

    Raises
    ------
    SearchError
        If a field is missing, unknown or of the wrong type.
    """
    given = Fields(content, where)
    chosen = FORMULATIONS[given.text("kind", tuple(FORMULATIONS))]
    arguments: dict[str, Any] = {}
    for entry in fields(chosen):
        if entry.name not in content and entry.name not in _NEEDED:
            continue  # has a default
        if entry.name in _NUMBERS:
            arguments[entry.name] = given.number(entry.name)
        else:
            lengths = _LENGTHS[entry.name]
            values = given.mapping(entry.name).items()
            arguments[entry.name] = {metric: _read_numbers(value, lengths, where) for metric, value in values}
    given.end()
    return chosen(**arguments)


def _plain(value: float | tuple[float, float]) -> float | list[float]:
    return list(value) if isinstance(value, tuple) else value


def _read_numbers(value: object, lengths: tuple[int, ...], where: str) -> float | tuple[float, float]:
    """Read a number or a pair of numbers, where it may be one."""
    numbers = value if isinstance(value, list) else [value]
    if len(numbers) not in lengths:
        expected = " or ".join("a number" if length == 1 else "a pair of numbers" for length in lengths)
        raise SearchError(f"{where} has the value {value!r}; expected {expected}")
    checked = [Fields({"number": number}, where).number("number") for number in numbers]
    return (checked[0], checked[1]) if len(checked) == 2 else checked[0]


def _check_fields(formulation: Formulation) -> None:
    """Refuse numbers of another form; NumPy's become Python's."""
    for entry in fields(formulation):
        value = getattr(formulation, entry.name)
        if entry.name in _NUMBERS:
            object.__setattr__(formulation, entry.name, _number(entry.name, value))
            continue
        if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
            raise SearchError(f"{entry.name} are {value!r}; give a mapping of metrics to numbers")
        pairs = {"ranges": (True,), "exponents": (True, False)}.get(entry.name, (False,))
        numbers = {name: _numbers(f"{entry.name} of {name!r}", own, pairs) for name, own in value.items()}
        object.__setattr__(formulation, entry.name, MappingProxyType(numbers))


def _numbers(what: str, value: object, pairs: tuple[bool, ...]) -> float | tuple[float, float]:
    """Give a number, or a pair of them, whichever may be."""
    is_pair = isinstance(value, (tuple, list)) and len(value) == 2
    if is_pair and True in pairs:
        return tuple(_number(what, one) for one in value)  # type: ignore[attr-defined, return-value]
    if False not in pairs:
        raise SearchError(f"{what} are {value!r}; give two numbers, the worst and the ideal one")
    return _number(what, value)


def _number(what: str, value: Any) -> float:
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Real):
        raise SearchError(f"{what} is {value!r}; choose a number")
    number: Any = value  # int stays int, in certificates too
    return number.item() if isinstance(number, np.generic) else number  # type: ignore[no-any-return]


def _check_weights(weights: Mapping[str, float]) -> None:
    if not all(math.isfinite(weight) and weight >= 0 for weight in weights.values()) or not any(weights.values()):
        raise SearchError(f"weights are {dict(weights)}; choose numbers of at least 0, one of them above 0")


def _check_ranges(metrics: Mapping[str, Metric], weights: Mapping[str, float], ranges: Ranges) -> None:
    for name, (worst, ideal) in ranges.items():
        better = ideal > worst if name in weights and metrics[name].direction == "maximise" else ideal < worst
        if name not in weights or not (better and math.isfinite(ideal - worst)):
            raise SearchError(
                f"range of {name!r} is {worst!r} to {ideal!r}; give a worst and a better, ideal value of a metric "
                "with a weight"
            )


def _distance(name: str, values: NDArray[np.float64], span: tuple[float, float]) -> NDArray[np.float64]:
    worst, ideal = span
    distances = (ideal - values) / _extent(worst, ideal)
    if (distances < 0).any():
        best = float(values[int(np.argmin(distances))])
        raise SearchError(f"the ideal {name} is {ideal!r}, yet {best!r} is reached; give an ideal at least as good")
    return distances


def _extent(worst: float, ideal: float) -> float:
    """Difference of the ends of a range; a front of one point has none."""
    return ideal - worst if ideal != worst else 1.0


def _sum(terms: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def _pair(exponent: float | tuple[float, float]) -> tuple[float, float]:
    return exponent if isinstance(exponent, tuple) else (exponent, exponent)
