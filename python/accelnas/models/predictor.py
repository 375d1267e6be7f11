"""What the layers below a benchmark need of one: a space, metrics, and their values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from accelnas import _core
    from accelnas.metric import Metric
    from accelnas.models.importances import Importances
    from accelnas.space import Architectures, Space

__all__ = ["Measurable", "Prediction", "Predictor", "Values"]

Values: TypeAlias = Any
"""A NumPy array, or a NumPy scalar where one architecture was asked for."""
Prediction: TypeAlias = "Values | tuple[Values, Values]"


class Predictor(Protocol):
    """A benchmark, as `accelnas.Benchmark` is one."""

    _core: _core.Benchmark

    @property
    def name(self) -> str:
        """Name of the benchmark."""
        ...

    @property
    def path(self) -> Path:
        """Directory of its files."""
        ...

    @property
    def space(self) -> Space:
        """Search space of the architectures."""
        ...

    @property
    def metrics(self) -> Mapping[str, Metric]:
        """Metrics by name."""
        ...

    @property
    def _proven(self) -> dict[Any, Any]:
        """Optima and fronts that searches were compared with."""
        ...

    def derive(
        self,
        name: str,
        expression: str,
        *,
        unit: str = "",
        direction: str,
        description: str = "",
    ) -> Predictor:
        """Give a benchmark with one more metric."""
        ...

    def fidelities(self, metric: str) -> dict[int, str]:
        """Give the metrics of fewer epochs."""
        ...

    def importances(self, metric: str) -> Importances:
        """Say which variables decide a metric."""
        ...

    def predict(
        self,
        archs: Architectures,
        metrics: str | Sequence[str] | None = None,
        *,
        return_std: bool | Literal["members"] = False,
        dtype: Literal["float32", "float64"] = "float32",
        threads: int | None = None,
    ) -> Any:
        """Predict metrics of architectures."""
        ...


class Measurable(Predictor, Protocol):
    """A benchmark that simulates measurements, too."""

    def query(
        self,
        archs: Architectures,
        metrics: str | Sequence[str] | None = None,
        *,
        seed: int,
        threads: int | None = None,
    ) -> Any:
        """Simulate one measurement of each architecture."""
        ...
