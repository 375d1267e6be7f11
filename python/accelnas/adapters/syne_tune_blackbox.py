"""A benchmark as Syne Tune's blackbox, apart from what needs no Syne Tune to be imported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from syne_tune.blackbox_repository.blackbox import Blackbox
from syne_tune.config_space import randint

from accelnas.adapters.syne_tune_space import encode_configurations, to_syne_tune
from accelnas.errors import MetricError
from accelnas.exact.derivations import with_derived

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from accelnas.models.predictor import Measurable

__all__ = ["ELAPSED_TIME", "FIDELITY", "BenchmarkBlackbox"]

ELAPSED_TIME = "elapsed_time"
FIDELITY = "hp_epoch"  # simulators need one: every evaluation is its only value


class BenchmarkBlackbox(Blackbox):  # type: ignore[misc]
    """See `accelnas.adapters.syne_tune.to_blackbox`."""

    def __init__(self, bench: Measurable, metrics: Sequence[str] | None, clock: str | None) -> None:
        self.metrics = tuple(bench.metrics if metrics is None else [metrics] if isinstance(metrics, str) else metrics)
        self.clock = clock
        self.bench = with_derived(bench, list(self._asked))
        if unknown := [name for name in self._asked if name not in self.bench.metrics]:
            raise MetricError(f'unknown metric "{unknown[0]}"; the metrics are {", ".join(self.bench.metrics)}')
        if ELAPSED_TIME in self.metrics:
            raise MetricError(f'a metric is called "{ELAPSED_TIME}", as the blackbox\'s own; derive it by another name')
        if clock is not None and (unit := self.bench.metrics[clock].unit) != "s":
            raise MetricError(f'the clock {clock} is in "{unit}", and Syne Tune counts seconds; derive a metric in s')
        super().__init__(
            configuration_space=to_syne_tune(bench.space),
            fidelity_space={FIDELITY: randint(1, 1)},
            objectives_names=[*self.metrics, ELAPSED_TIME],
        )

    @property
    def _asked(self) -> dict[str, None]:
        """Names of metrics, each once."""
        return dict.fromkeys([*self.metrics, *([] if self.clock is None else [self.clock])])

    @property
    def fidelity_values(self) -> NDArray[np.int64]:
        """The only value of the fidelity."""
        return np.array([1])

    def _objective_function(
        self, configuration: dict[str, Any], fidelity: dict[str, Any] | None = None, seed: int | None = None
    ) -> dict[str, float] | NDArray[np.float64]:
        rows, names = encode_configurations(self.bench.space, [configuration]), list(self._asked)
        found: Mapping[str, NDArray[np.float64]]
        if seed is None:
            found = self.bench.predict(rows, names, dtype="float64", threads=1)
        else:
            found = self.bench.query(rows, names, seed=int(seed), threads=1)
        seconds = 1.0 if self.clock is None else float(found[self.clock][0])
        values = [*(float(found[name][0]) for name in self.metrics), seconds]
        return np.array([values]) if fidelity is None else dict(zip(self.objectives_names, values, strict=True))
