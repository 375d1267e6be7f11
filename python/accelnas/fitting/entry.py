"""A metric's entry in a benchmark directory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelnas import _core

if TYPE_CHECKING:
    from pathlib import Path

    from accelnas.fitting.metric import MetricSpec
    from accelnas.fitting.uncertainty import Uncertainty

__all__ = ["write_metric"]


def write_metric(
    directory: str | Path,
    metric: MetricSpec,
    surrogate: _core.Surrogate,
    provenance: dict[str, str],
    uncertainty: Uncertainty | None = None,
) -> None:
    """Write a metric into a benchmark directory, as it is; its fidelity, if it has one, among the provenance."""
    fidelity = {} if metric.fidelity is None else {"fidelity": metric.fidelity.to_text()}
    _core.write_metric(
        str(directory),
        metric.name,
        surrogate,
        unit=metric.unit,
        direction=metric.direction,
        link=metric.link,
        limit=metric.limit,
        noise=metric.noise,
        description=metric.description,
        provenance=provenance | fidelity,
        uncertainty=None if uncertainty is None else dict(vars(uncertainty)),
    )
