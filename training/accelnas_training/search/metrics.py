"""What a search can seek and limit: what training gives, what is counted, what a benchmark predicts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from accelnas import MetricError, SpaceError
from accelnas.metric import Metric

if TYPE_CHECKING:
    from collections.abc import Iterable

    from accelnas import Benchmark
    from accelnas_training.arrays import Archs
    from accelnas_training.networks import NetworkFamily


def _metric(name: str, unit: str, maximise: bool, description: str) -> Metric:
    direction = "maximise" if maximise else "minimise"
    return Metric(name, unit, direction, "identity", None, description, 1, exact=False)  # type: ignore[arg-type]


TRAINED = {
    "accuracy": _metric("accuracy", "%", True, "top-1 after training"),
    "accuracy_top5": _metric("accuracy_top5", "%", True, "top-5 after training"),
}
"""What training gives; of a training that failed 0, the worst of all."""
_COUNTED = {
    "macs": _metric("macs", "M", False, "multiply-accumulates of one image, as the data set counts them"),
    "params": _metric("params", "M", False, "parameters"),
}


class Metrics:
    """Metrics by name, and the values of those that need no training.

    Parameters
    ----------
    family
        The networks.
    resolution
        Pixels a side for which MACs are counted.
    bench
        A benchmark of the same space, whose predictions are metrics, too, where nothing else has their names.

    Raises
    ------
    SpaceError
        If it is of another space.
    """

    def __init__(self, family: NetworkFamily, resolution: int, bench: Benchmark | None = None) -> None:
        if bench is not None and bench.space != family.space:
            raise SpaceError(
                f"the benchmark is of space {bench.space.name} ({bench.space.sha256[:12]}), the networks of "
                f"{family.space.name} ({family.space.sha256[:12]}); fit one for these networks"
            )
        self._family, self._resolution, self._bench = family, resolution, bench
        self.known: dict[str, Metric] = {**({} if bench is None else bench.metrics), **TRAINED, **_COUNTED}

    def of(self, architecture: Archs, names: Iterable[str]) -> dict[str, float]:
        """Give the values of those of the named metrics that need no training; architecture is uint8 (variables,)."""
        wanted = [name for name in names if name not in TRAINED]
        found: dict[str, float] = {}
        if any(name in _COUNTED for name in wanted):
            from accelnas_training.networks.complexity import complexities  # PyTorch takes seconds to import

            (cost,) = complexities(self._family, architecture[None], self._resolution)
            found = {"macs": cost.dataset_macs / 1e6, "params": cost.params / 1e6}
        for name in wanted:
            if name not in found and self._bench is not None:
                values: Any = self._bench.predict(architecture[None], name, dtype="float64")
                found[name] = float(values[0])
        for name in wanted:
            value = found[name]
            if not np.isfinite(value):
                text = self._family.space.format(architecture[None])[0]
                raise MetricError(f"{name} is {value} for {text}; leave the metric out")
        return {name: found[name] for name in wanted}
