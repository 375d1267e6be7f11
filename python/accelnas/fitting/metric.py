"""What a metric is, and its entry in a benchmark directory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from accelnas import _core
from accelnas.errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path

    from accelnas.fitting.uncertainty import Uncertainty

__all__ = ["DIRECTIONS", "LINK_NAMES", "MetricSpec", "write_metric"]

LINK_NAMES = ("identity", "reciprocal", "log")
DIRECTIONS = ("maximise", "minimise")


@dataclass(frozen=True)
class MetricSpec:
    """What a metric is.

    Attributes
    ----------
    name
        Such as ``throughput_a100``; of the data set's column, too.
    unit
        Such as ``images/s``.
    direction
        ``"maximise"`` or ``"minimise"``.
    link
        What the models predict: ``"identity"`` the metric itself, ``"reciprocal"`` one divided by
        it, ``"log"`` its natural logarithm.
    noise
        Standard deviation of one measurement in the metric's unit, where known (better than from the data's own
        repeats).
    description
        One sentence.
    """

    name: str
    unit: str = ""
    direction: str = "maximise"
    link: str = "identity"
    noise: float | None = None
    description: str = ""

    def __post_init__(self) -> None:
        """Refuse a name that can't be a file's and a column's, an unknown direction and an unknown link."""
        _core.check_metric_name(self.name)
        if self.direction not in DIRECTIONS:
            raise ModelError(f"direction is {self.direction!r}; choose {' or '.join(DIRECTIONS)}")
        if self.link not in LINK_NAMES:
            raise ModelError(f"link is {self.link!r}; choose one of {', '.join(LINK_NAMES)}")


def write_metric(
    directory: str | Path,
    metric: MetricSpec,
    surrogate: _core.Surrogate,
    provenance: dict[str, str],
    uncertainty: Uncertainty | None = None,
) -> None:
    """Write a metric into a benchmark directory, as it is."""
    _core.write_metric(
        str(directory),
        metric.name,
        surrogate,
        unit=metric.unit,
        direction=metric.direction,
        link=metric.link,
        noise=metric.noise,
        description=metric.description,
        provenance=provenance,
        uncertainty=None if uncertainty is None else dict(vars(uncertainty)),
    )
