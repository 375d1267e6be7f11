"""What a metric is."""

from __future__ import annotations

from dataclasses import dataclass

from accelnas import _core
from accelnas.errors import ModelError

__all__ = ["DIRECTIONS", "LINK_NAMES", "MetricSpec"]

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
