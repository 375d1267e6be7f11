"""Problems of the core: a space, what gives its architectures values, and what is sought."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from accelnas import _core
from accelnas.arguments import check_number
from accelnas.errors import MetricError, SearchError
from accelnas.exact.objectives import parse_within
from accelnas.plots.style import label
from accelnas.search.fidelities import EPOCHS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import TypeAlias

    from numpy.typing import NDArray

    from accelnas.exact.objectives import Within
    from accelnas.models.predictor import Predictor
    from accelnas.search.fidelities import Fidelities
    from accelnas.search.objective import Sought
    from accelnas.space import Rows

    Evaluation: TypeAlias = Callable[[Rows, NDArray[np.uint64]], NDArray[np.float64]]

__all__ = ["Setting"]


@dataclass(frozen=True)
class Setting:
    """What is sought where, and how evaluations behave.

    Attributes
    ----------
    bench : Predictor
        What gives values, and names the space.
    sought : Sought
        What is sought.
    allowed : tuple of tuple of int
        Ascending choice indices of every variable.
    noise : bool or float
        Whether evaluations are simulated measurements, or how many times the metrics' noise these have.
    clock : str or None
        Metric that is the cost of an evaluation, or ``"epochs"`` where there are fidelities.
    fidelities : Fidelities or None
        The objective after fewer epochs.
    """

    bench: Predictor
    sought: Sought
    allowed: tuple[tuple[int, ...], ...]
    noise: bool | float = False
    clock: str | None = None
    fidelities: Fidelities | None = None

    @classmethod
    def of(
        cls,
        bench: Predictor,
        sought: Sought,
        within: Within | None,
        noise: bool | float,
        clock: str | None,
        fidelities: Fidelities | None = None,
    ) -> Setting:
        """Check everything that needs no search."""
        clocks = (*bench.metrics, *(() if fidelities is None else (EPOCHS,)))
        if clock is not None and clock not in clocks:
            raise MetricError(f'unknown metric "{clock}" for the clock; the metrics are {", ".join(clocks)}')
        setting = cls(bench, sought, parse_within(bench.space, within), _factor(noise), clock, fidelities)
        if not setting.is_native and (noise or clock is not None or fidelities is not None):
            raise SearchError(
                "noise, a clock and fidelities need metrics that surrogates predict; the objective is a function, or "
                "there are metrics that expressions evaluate: leave them out"
            )
        return setting

    @property
    def labels(self) -> list[str]:
        """Names of the scores, with their units."""
        known = self.bench.metrics
        return [label(name, known[name].unit if name in known else "") for name in self.sought.labels]

    @property
    def clock_label(self) -> str:
        """Name of the clock, with its unit; nothing without one."""
        return "" if self.clock is None else label(self.clock, self.clock_unit)

    @property
    def clock_unit(self) -> str:
        """Unit of the clock; nothing of epochs."""
        return "" if self.clock is None or self._counts_epochs else self.bench.metrics[self.clock].unit

    @property
    def _counts_epochs(self) -> bool:
        """Whether epochs are the clock."""
        return self.fidelities is not None and self.clock == EPOCHS

    @property
    def clock_metric(self) -> str | None:
        """Metric that is the clock, where one is."""
        return None if self._counts_epochs else self.clock

    @property
    def is_native(self) -> bool:
        """Whether the core evaluates architectures by itself."""
        return self.sought.function is None and all(self.bench.metrics[name].exact for name in self.metrics)

    @property
    def metrics(self) -> tuple[str, ...]:
        """Metrics that an evaluation may give: those sought, the clock, and the fidelities."""
        clock = [] if self.clock_metric is None else [self.clock_metric]
        rungs = [] if self.fidelities is None else [name for _, name in self.fidelities.metrics]
        return tuple(dict.fromkeys([*self.sought.columns, *clock, *rungs]))

    @property
    def is_restricted(self) -> bool:
        """Whether some choices are not allowed."""
        variables = self.bench.space.variables
        return any(len(own) < len(v.states) for own, v in zip(self.allowed, variables, strict=True))

    def told(self, epochs: Sequence[int] = ()) -> _core.Problem:
        """Prepare the problem for the core, without anything that gives values; they are told, of epochs if any."""
        return self._other(None, epochs)

    def problem(self, threads: int | None, lower: bool = True) -> _core.Problem:
        """Prepare the problem for the core; without lower fidelities, whole trainings alone."""
        if not self.is_native:
            return self._other(self._evaluate)
        objective, columns, allowed = self.sought.to_core(), self.sought.columns, self._restriction()
        core = (
            self.bench._core if isinstance(self.noise, bool) else _noisier(self.bench._core, self.metrics, self.noise)
        )
        position = core.position
        clock = [] if self.clock_metric is None else [position(self.clock_metric)]
        metrics = [position(name) for name in columns] + clock
        rungs = None
        if self.fidelities is not None:
            ladder, whole = self.fidelities if lower else self.fidelities.top, columns[0]
            fewer = [
                [position(name if column == whole else column) for column in columns] + clock
                for _, name in ladder.metrics[:-1]
            ]
            rungs = (list(ladder.epochs), fewer, not ladder.from_scratch, self._counts_epochs)
        return _core.Problem.modelled(
            core,
            metrics,
            objective,
            allowed,
            noisy=len(columns) if self.noise else 0,
            clock=bool(clock),
            fidelities=rungs,
            threads=threads,
        )

    def _other(self, function: Evaluation | None, epochs: Sequence[int] = ()) -> _core.Problem:
        space, columns = self.bench.space._core, self.sought.columns
        ladder = list(epochs) or None
        return _core.Problem.of(space, len(columns), self.sought.to_core(), self._restriction(), function, ladder)

    def _restriction(self) -> list[list[int]] | None:
        return [list(choices) for choices in self.allowed] if self.is_restricted else None

    def _evaluate(self, rows: Rows, _seeds: NDArray[np.uint64]) -> NDArray[np.float64]:
        """Give the values of rows in Python."""
        if self.sought.function is not None:
            return self.sought.function.columns(rows)
        predicted: Mapping[str, Any] = self.bench.predict(rows, list(self.sought.columns))
        return np.stack([predicted[name] for name in self.sought.columns], axis=1).astype(np.float64)

    def true_scores(self, rows: Rows, threads: int | None = None) -> NDArray[np.float64]:
        """Give the objectives of rows by float64 predictions, without noise: (n, scores), as people read them."""
        if self.sought.function is not None:
            return self.sought.function.columns(rows)
        names = [o.metric for o in self.sought.objectives]
        values: Mapping[str, Any] = self.bench.predict(rows, names, dtype="float64", threads=threads)
        return self.sought.score(values)

    def within(self) -> dict[str, list[Any]]:
        """Give the allowed choices of variables that have not all of theirs."""
        return {
            v.name: [v.states[i] for i in own]
            for v, own in zip(self.bench.space.variables, self.allowed, strict=True)
            if len(own) < len(v.states)
        }


def _factor(noise: bool | float) -> bool | float:
    """Check a factor of the noise: the same as a truth value where it is 0 or 1."""
    factor = noise if isinstance(noise, bool) else check_number("noise", noise, 0.0)
    return bool(factor) if factor in (0, 1) else factor


def _noisier(core: _core.Benchmark, names: Iterable[str], factor: float) -> _core.Benchmark:
    """Give these metrics in memory, with so many times their noise, drawn around the mean of any repeats."""
    scaled = _core.Benchmark.empty(core.space)
    for place in dict.fromkeys(core.position(name) for name in names):
        name, unit, direction, link, noise, description, _, _, limit = core.metrics[place]
        known = core.uncertainty(place)
        if known is not None and known["noise"] is not None:
            known = {**known, "noise": factor * known["noise"]}
        scaled = scaled.with_metric(
            name,
            _core.Surrogate.combine(core.space, [core.surrogate(place)], [1.0], 0.0),  # knows no repeats
            unit=unit,
            direction=direction,
            link=link,
            limit=limit,
            noise=None if noise is None else factor * noise,
            description=description,
            provenance={},
            uncertainty=known,
        )
    return scaled
