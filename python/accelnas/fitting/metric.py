"""What a metric is."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from accelnas import _core
from accelnas.errors import ModelError

__all__ = ["DIRECTIONS", "LIMITED_LINKS", "LINK_NAMES", "PLAIN_LINKS", "MetricSpec"]

PLAIN_LINKS = ("identity", "reciprocal", "log")
LIMITED_LINKS = ("below", "above")
LINK_NAMES = (*PLAIN_LINKS, *LIMITED_LINKS)
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
        it, ``"log"`` its natural logarithm, ``"below"`` −log(limit − metric), ``"above"`` log(metric − limit).
    noise
        Standard deviation of one measurement in the metric's unit, where known (better than from the data's own
        repeats).
    description
        One sentence.
    limit
        What all values are ``"below"`` or ``"above"``, in the metric's unit; None for the other links.
    """

    name: str
    unit: str = ""
    direction: str = "maximise"
    link: str = "identity"
    noise: float | None = None
    description: str = ""
    limit: float | None = None

    def __post_init__(self) -> None:
        """Refuse a name that can't be a file's and a column's, an unknown direction or link, or a wrong limit."""
        _core.check_metric_name(self.name)
        if self.direction not in DIRECTIONS:
            raise ModelError(f"direction is {self.direction!r}; choose {' or '.join(DIRECTIONS)}")
        if self.link not in LINK_NAMES:
            raise ModelError(f"link is {self.link!r}; choose one of {', '.join(LINK_NAMES)}")
        if self.link in LIMITED_LINKS and (self.limit is None or not abs(self.limit) <= sys.float_info.max):
            raise ModelError(f"{self.name}: limit of link {self.link} is {self.limit}; give a finite number")
        if self.limit is not None and self.link not in LIMITED_LINKS:
            raise ModelError(
                f"{self.name}: limit is {self.limit}, link {self.link} has none; use link {' or '.join(LIMITED_LINKS)}"
            )
