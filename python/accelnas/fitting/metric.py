"""What a metric is."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from accelnas import _core
from accelnas.errors import ModelError
from accelnas.metric import LINK_NAMES

if TYPE_CHECKING:
    from accelnas.fidelities import Fidelity

__all__ = ["DIRECTIONS", "LIMITED_LINKS", "PLAIN_LINKS", "PLATEAU_LINKS", "MetricSpec"]

PLAIN_LINKS = ("identity", "reciprocal", "log")
PLATEAU_LINKS = ("capped", "floored")
LIMITED_LINKS = ("below", "above", *PLATEAU_LINKS)
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
        ``"capped"`` is ``"reciprocal"`` with predictions of at most the limit, ``"floored"`` is ``"identity"`` with
        predictions of at least the limit.
    noise
        Standard deviation of one measurement in the metric's unit, where known (better than from the data's own
        repeats).
    description
        One sentence.
    limit
        What all values are ``"below"`` or ``"above"``, or predictions ``"capped"`` or ``"floored"`` at, in the metric's
        unit; None for the other links. A fit finds that of the last two where it is None: the greatest, or least,
        value that is fitted.
    fidelity
        After how many epochs it was measured, and of which metric that is a fidelity: of a metric ``accuracy``
        itself, or of ``accuracy@4``. None where nothing is said.
    """

    name: str
    unit: str = ""
    direction: str = "maximise"
    link: str = "identity"
    noise: float | None = None
    description: str = ""
    limit: float | None = None
    fidelity: Fidelity | None = None

    def __post_init__(self) -> None:
        """Refuse a name that can't be a file's and a column's, an unknown direction or link, or a wrong limit."""
        _core.check_metric_name(self.name)
        if self.fidelity is not None:
            self.fidelity.check(self.name)
        if self.direction not in DIRECTIONS:
            raise ModelError(f"direction is {self.direction!r}; choose {' or '.join(DIRECTIONS)}")
        if self.link not in LINK_NAMES:
            raise ModelError(f"link is {self.link!r}; choose one of {', '.join(LINK_NAMES)}")
        if self.link in LIMITED_LINKS and not (self.limit is None and self.link in PLATEAU_LINKS):
            if self.limit is None or not abs(self.limit) <= sys.float_info.max:
                raise ModelError(f"{self.name}: limit of link {self.link} is {self.limit}; give a finite number")
            if self.link == "capped" and self.limit <= 0:
                raise ModelError(f"{self.name}: limit of link capped is {self.limit}; give a number above 0")
        if self.limit is not None and self.link not in LIMITED_LINKS:
            raise ModelError(
                f"{self.name}: limit is {self.limit}, link {self.link} has none; use link {', '.join(LIMITED_LINKS)}"
            )
