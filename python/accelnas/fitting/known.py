"""Known metrics: those that a benchmark says of every architecture, as features of other metrics' surrogates."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from accelnas import _core
from accelnas.errors import MetricError, ModelError
from accelnas.space.definition import definition

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from accelnas.models.predictor import Predictor
    from accelnas.space import Space

    Floats = NDArray[np.float64]
    Choices = NDArray[np.uint8]

__all__ = ["Features", "KnownMetrics", "known_metrics"]

SAMPLED = 1 << 14  # architectures whose values standardise a feature of a space that does not enumerate


class Features(Protocol):
    """Standardised known metrics."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the metrics."""
        ...

    def of(self, choices: Choices) -> Floats:
        """Features of choices (n, variables), float64 (n, names)."""
        ...


@dataclass(frozen=True)
class KnownMetrics:
    """Metrics of benchmarks over one space."""

    space: Space
    sources: Sequence[tuple[Predictor, str]]  # a benchmark and its metric

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the metrics."""
        return tuple(name for _, name in self.sources)

    @property
    def links(self) -> frozenset[str]:
        """Names of the metrics' links."""
        return frozenset(bench.metrics[name].link for bench, name in self.sources)

    def table(self) -> Floats:
        """Values of every architecture of a space that enumerates, float64 (size, metrics)."""
        every = self.space.range(0, self.space.size)
        return np.stack([bench.predict(every, name, dtype="float64") for bench, name in self.sources], axis=1)

    def tabulated(self, scale: Callable[[Floats, str], Floats]) -> TabulatedFeatures:
        """Give features of a space that enumerates: values on a scale, which depends on them and their direction."""
        cards = tuple(len(variable.states) for variable in self.space.variables)
        columns = [
            scale(values, bench.metrics[name].direction)
            for values, (bench, name) in zip(self.table().T, self.sources, strict=True)
        ]
        values = np.stack([_standardised(column) for column in columns], axis=1)
        # a row for each joint choice: looked up without the space, so that processes can be sent away
        places = np.zeros((math.prod(cards), values.shape[1]))
        places[np.ravel_multi_index(tuple(self.space.range(0, self.space.size).T), cards)] = values
        return TabulatedFeatures(self.names, cards, places)

    def linear(self) -> LinearFeatures:
        """Give features of any space on their links' scales, whose weighted sums are surrogates.

        Raises
        ------
        ModelError
            If a metric has no surrogate that could be added.
        """
        means = []
        for bench, name in self.sources:
            if not bench.metrics[name].exact:
                raise ModelError(
                    f"known metric {name!r} is an expression without a surrogate; use the metrics that it is made of"
                )
            core = bench._core
            means.append(core.surrogate(core.position(name)).averaged())
        values = np.stack([mean.predict(self.space.sample(SAMPLED, 0)) for mean in means], axis=1)
        scales = np.array([float(column.std()) or 1.0 for column in values.T])
        return LinearFeatures(self.names, self.space, means, values.mean(axis=0), scales)


@dataclass(frozen=True)
class LinearFeatures:
    """Known metrics on the scales of their links, standardised."""

    names: tuple[str, ...]
    space: Space
    surrogates: Sequence[_core.Surrogate]  # of one member each
    means: Floats
    scales: Floats

    def of(self, choices: Choices) -> Floats:
        """Features of choices (n, variables), float64 (n, names)."""
        values = np.stack([surrogate.predict(choices, 1) for surrogate in self.surrogates], axis=1)
        return np.asarray((values - self.means) / self.scales)

    def added(self, surrogate: _core.Surrogate, weights: Floats) -> _core.Surrogate:
        """Add a weighted sum of the features to every member of a surrogate.

        Raises
        ------
        ModelError
            If no surrogate holds the sum.
        """
        slopes = weights / self.scales
        parts, factors = [surrogate, *self.surrogates], [1.0, *slopes.tolist()]
        return _core.Surrogate.combine(self.space._core, parts, factors, -float(slopes @ self.means))


def known_metrics(space: Space, benchmarks: Sequence[Predictor], metrics: Sequence[str] | None) -> KnownMetrics:
    """Take metrics of benchmarks as known, all by default.

    Raises
    ------
    ModelError
        If a benchmark is of another space; the message names the first difference.
    MetricError
        If no benchmark has a metric that is named, or several have.
    """
    for bench in benchmarks:
        _check_space(space, bench.space)
    wanted = [name for bench in benchmarks for name in bench.metrics] if metrics is None else list(metrics)
    sources = []
    for name in wanted:
        having = [bench for bench in benchmarks if name in bench.metrics]
        if len(having) != 1:
            known = ", ".join(dict.fromkeys(name for bench in benchmarks for name in bench.metrics))
            found = f"{len(having)} known benchmarks have a metric {name!r}" if having else f"no known metric {name!r}"
            raise MetricError(f"{found}; name some of {known}, each of one benchmark")
        sources.append((having[0], name))
    if not sources:
        raise MetricError("no known metric is named; name some, or give no known benchmark")
    return KnownMetrics(space, sources)


@dataclass(frozen=True)
class TabulatedFeatures:
    """Known metrics of a space that enumerates, standardised."""

    names: tuple[str, ...]
    cards: tuple[int, ...]
    places: Floats  # float64 (joint choices, names)

    def of(self, choices: Choices) -> Floats:
        """Features of choices (n, variables), float64 (n, names)."""
        return np.asarray(self.places[np.ravel_multi_index(tuple(choices.T), self.cards)])


def _standardised(values: Floats) -> Floats:
    return np.asarray((values - values.mean()) / (float(values.std()) or 1.0))  # or: a constant metric


def _check_space(space: Space, known: Space) -> None:
    """Refuse a benchmark whose choice indices mean something else, or that lacks architectures."""
    for i, (own, other) in enumerate(zip(space.variables, known.variables, strict=False)):
        if own.name != other.name:
            raise ModelError(f"variable {i} is {own.name!r} in the data's space and {other.name!r} in the known "
                             f"benchmark's; {_REMEDY}")  # fmt: skip
        if own.states != other.states:
            raise ModelError(f"variable {own.name!r} has the choices {list(own.choices)} in the data's space and "
                             f"{list(other.choices)} in the known benchmark's; {_REMEDY}")  # fmt: skip
    if len(space.variables) != len(known.variables):
        counts = f"{len(space.variables)} variables and the known benchmark's {len(known.variables)}"
        raise ModelError(f"the data's space has {counts}; {_REMEDY}")
    if known.has_rules and _rules(known) != _rules(space):
        raise ModelError(f"the known benchmark's space has other rules than the data's; {_REMEDY}")


_REMEDY = "use a benchmark over the same variables and choices in one order"


def _rules(space: Space) -> dict[str, object]:
    return {key: value for key, value in definition(space).items() if key not in ("name", "blocks")}
