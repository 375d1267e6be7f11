"""What Fig. 6 of the paper shows: networks of the authors' searches beside published ones, on six panels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from studies.networks import EFFICIENTNET_B0, NETWORKS, TPUV3_B
from studies.published import PUBLISHED

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from studies.networks import Network

__all__ = ["FIG6", "PANELS", "Point", "dominates", "points"]

FIG6 = PUBLISHED["fig6"]
FPGAS = ("throughput_zcu102", "latency_zcu102", "throughput_vck190")
LEAST = 70.0  # per cent of 8-bit top-1, from which on the authors draw networks of the FPGAs
OTHERS = ("throughput_a100", "throughput_3090", "throughput_tpuv3")
PANELS = ("throughput_tpuv3", "throughput_a100", "throughput_3090", "throughput_vck190", *FPGAS[:2])
# where the authors write another name for a network that has one here
SAME = {"3090-b": "a100-b"}


@dataclass(frozen=True)
class Point:
    """One network of one panel, as published.

    Attributes
    ----------
    network
        Its name.
    kind
        ``"the authors'"``, or of a published network ``"searched"`` or ``"by hand"``.
    metric
        The panel's.
    float_top1, quantised_top1
        In per cent; NaN where not stated.
    speed
        Measured, in the metric's unit.
    design
        The architecture where it lies in the space and is known.
    """

    network: str
    kind: str
    metric: str
    float_top1: float
    quantised_top1: float
    speed: float
    design: Network | None = None

    @property
    def is_authors(self) -> bool:
        """Whether the authors' searches found it."""
        return self.kind == "the authors'"

    @property
    def top1(self) -> float:
        """What the panel shows: 8-bit accuracy of FPGAs, float elsewhere."""
        return self.quantised_top1 if self.is_quantised else self.float_top1

    @property
    def is_quantised(self) -> bool:
        """Whether the panel shows 8-bit accuracy."""
        return self.metric in FPGAS

    @property
    def is_drawn(self) -> bool:
        """Whether the figure has it; it leaves out inaccurate ones on the FPGAs."""
        return not self.is_quantised or self.top1 > LEAST


def points(metrics: Sequence[str] = PANELS) -> list[Point]:
    """Give all points of panels, the authors' first.

    Examples
    --------
    >>> [point.network for point in points(["latency_zcu102"]) if point.is_authors]
    ['zcu102-m', 'zcu102-l']
    """
    every = [*_searched(), *_published()]
    return [point for metric in metrics for point in every if point.metric == metric]


def _searched() -> Iterable[Point]:
    designs = {network.name: network for network in (*NETWORKS, TPUV3_B)}
    for network in designs.values():
        eight_bit = FIG6["quantised"].get(network.name, math.nan)
        yield Point(network.name, "the authors'", network.metric, network.top1, eight_bit, network.throughput, network)
    for name, metric, accuracy, eight_bit, speed in FIG6["searched"]:
        yield Point(name, "the authors'", metric, accuracy, eight_bit, speed, designs.get(SAME.get(name, name)))


def _published() -> Iterable[Point]:
    rows = [(*row[:4], dict(zip(FPGAS, row[4:], strict=True))) for row in FIG6["fpga"]]
    rows += [(*row[:3], math.nan, dict(zip(OTHERS, row[3:], strict=True))) for row in FIG6["others"]]
    designs = {EFFICIENTNET_B0.name: EFFICIENTNET_B0}
    for name, searched, accuracy, eight_bit, speeds in rows:
        for metric, speed in speeds.items():
            if not math.isnan(speed):
                kind = "searched" if searched else "by hand"
                yield Point(name, kind, metric, accuracy, eight_bit, speed, designs.get(name))


def dominates(one: Point, other: Point) -> bool:
    """Tell whether a point of a panel is at least as accurate and as fast as another, and better in one.

    Examples
    --------
    >>> of = {point.network: point for point in points(["throughput_zcu102"])}
    >>> dominates(of["zcu102-a"], of["EfficientNet-B0"]), dominates(of["zcu102-a"], of["zcu102-b"])
    (True, False)
    """
    sign = -1.0 if one.metric.startswith("latency") else 1.0
    gains = (one.top1 - other.top1, sign * (one.speed - other.speed))
    return min(gains) >= 0 and max(gains) > 0
