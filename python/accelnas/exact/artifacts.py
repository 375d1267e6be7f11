"""What a metric's values come from: files and their hashes, or an expression."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelnas.models.derived import metrics_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from accelnas.models.predictor import Predictor

__all__ = ["BUNDLED", "artifact", "described", "origin", "sources"]

BUNDLED = Path(__file__).parents[1] / "data"
"""Where the benchmarks of the package are."""


def origin(bench: Predictor) -> str:
    """Say where a benchmark is: the name of a folder in `BUNDLED`, or the path of any other.

    Examples
    --------
    >>> import accelnas
    >>> origin(accelnas.load("nasbench201"))
    'nasbench201'
    """
    folder = bench.path.resolve()
    return folder.name if folder.parent == BUNDLED.resolve() else str(folder)


def artifact(bench: Predictor, metric: str) -> tuple[Path, str]:
    """Give the file of a metric that is not derived, and the SHA-256 that the benchmark says it has."""
    name, sha256 = bench._core.artifact(bench._core.position(metric))
    return bench.path / name, sha256


def sources(bench: Predictor, metric: str) -> list[str]:
    """Metrics with files that a metric is computed from, itself or through expressions."""
    expression = bench.metrics[metric].expression
    if expression is None:
        return [metric]
    found = (source for name in metrics_of(expression, bench.space, bench.metrics) for source in sources(bench, name))
    return list(dict.fromkeys(found))


def described(bench: Predictor, metrics: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Give all that decides the values of metrics, and of those that they are computed from, as plain data."""
    found: dict[str, dict[str, Any]] = {}
    for name in metrics:
        metric = bench.metrics[name]
        if metric.expression is None:
            origin = {"sha256": artifact(bench, name)[1], "expression": None}
        else:
            found |= described(bench, metrics_of(metric.expression, bench.space, bench.metrics))
            origin = {"sha256": None, "expression": metric.expression}
        link = {"link": metric.link} if metric.limit is None else {"link": metric.link, "limit": metric.limit}
        found[name] = {**origin, "unit": metric.unit, "direction": metric.direction, **link}
    return found
