"""What is believed of architectures before any is evaluated: a metric of a benchmark, or a function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from accelnas import _core
from accelnas.errors import MetricError, SearchError
from accelnas.exact.objectives import known_metric

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from accelnas.models.predictor import Predictor
    from accelnas.space import Rows, Space

    Floats = NDArray[np.float64]

__all__ = ["Known", "Prior"]

_MOST = 1_000_000  # architectures of a space whose prior is tabulated
_SAMPLE = 1000  # architectures that the prior is standardised by


class Prior:
    """A function of architectures that a model's mean begins from: a multiple of it, which is learned with the rest.

    A function that has nothing to do with what is sought is given little weight, as soon as evaluations say so. Made by
    `metric` or `function`.

    Examples
    --------
    >>> import accelnas
    >>> from accelnas.fitting.guided import Prior, ThompsonSampling
    >>> bench = accelnas.load("nasbench201")
    >>> searcher = ThompsonSampling(initial=5, prior=Prior.metric(bench, "macs"))
    >>> len(bench.search(searcher, "cifar100", budget=10, seed=0).architectures)
    10
    """

    def __init__(self, name: str, of: Callable[[Space], _core.Surrogate]) -> None:
        self._name, self._of = name, of

    def __repr__(self) -> str:
        return f"Prior({self._name})"

    def __deepcopy__(self, memo: Any) -> Prior:
        return self  # what settings are written from copies them

    @classmethod
    def metric(cls, bench: Predictor, metric: str) -> Prior:
        """Take a metric of a benchmark of the same space, on the scale that it is modelled on.

        Parameters
        ----------
        bench : Benchmark
            The benchmark. Its tables are added to those of the model, so the best architecture stays proven.
        metric : str
            One of its metrics, such as ``"macs"``.

        Raises
        ------
        MetricError
            If there is no such metric, or an expression evaluates it.
        """
        if not bench.metrics[known_metric(bench.metrics, metric)].exact:
            raise MetricError(
                f"{metric} is an expression; take a metric that a surrogate predicts, or `Prior.function` of its values"
            )
        position = bench._core.position(metric)

        def of(space: Space) -> _core.Surrogate:
            if space == bench.space:
                return bench._core.surrogate(position).averaged()
            return _tabulated(
                space,
                lambda rows: bench.predict(bench.space.encode(space.decode(rows)), metric, dtype="float64"),
                f"{metric} of {bench.name}, of other choices",
            )

        return cls(f"{metric} {bench._core.artifact(position)[1]}", of)

    @classmethod
    def function(cls, function: Callable[[Rows], Any]) -> Prior:
        """Take any function, of spaces of at most a million architectures: it is tabulated once a run.

        Parameters
        ----------
        function : callable
            Given choice indices, uint8 (n, variables), returns one finite number each, (n,): a zero-cost score.
        """
        name = getattr(function, "__qualname__", type(function).__qualname__)
        return cls(name, lambda space: _tabulated(space, function, name))

    def known(self, space: Space) -> Known:
        """Give it over a space.

        Raises
        ------
        SearchError
            If it has to be tabulated and the space is too large, or its values are not finite numbers.
        """
        return Known(space, self._of(space))


class Known:
    """A prior over one space: its tables, and its values as a model sees them."""

    def __init__(self, space: Space, surrogate: _core.Surrogate) -> None:
        self.surrogate = surrogate
        some = surrogate.predict(space.sample(_SAMPLE, seed=0))
        self.centre, self.spread = float(some.mean()), float(some.std()) or 1.0

    def of(self, rows: Rows) -> Floats:
        """Give about standardised values, float64 (n, 1)."""
        return np.asarray((self.surrogate.predict(rows) - self.centre) / self.spread)[:, None]


def _tabulated(space: Space, function: Callable[[Rows], Any], name: str) -> _core.Surrogate:
    if space.size > _MOST:
        raise SearchError(
            f"prior {name} would be tabulated, and {space.name} has {space.size:,} architectures, at most {_MOST:,}; "
            "take a metric of a benchmark of the same space"
        )
    values = np.asarray(function(space.range(0, space.size)), np.float64)
    if values.shape != (space.size,) or not np.isfinite(values).all():
        raise SearchError(
            f"prior {name} gives values of shape {values.shape}, {np.count_nonzero(~np.isfinite(values))} of them not "
            f"finite; give ({space.size},) finite numbers"
        )
    return _core.Surrogate.tabulated(space._core, values)
