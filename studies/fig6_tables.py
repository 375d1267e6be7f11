"""Tables of the reproduction of Fig. 6: panels, networks, the paper's gains, EfficientNet-B0 on every device."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import polars as pl

from accelnas.exact import RankEstimate
from studies.base import Table
from studies.fig6_points import FIG6, PANELS, dominates
from studies.networks import EFFICIENTNET_B0, NEAREST

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from accelnas.benchmark import Benchmark
    from accelnas.exact import RankResult
    from studies.fig6_points import Point

    Predicted = Mapping[str, Mapping[str, float]]  # by network and metric

__all__ = ["Gain", "Standing", "b0_table", "gains", "gains_table", "nearest_table", "network_tables", "predicted_point"]

ACCURACY, VCK190 = "accuracy", "throughput_vck190"
BEST = "vck190-a"


@dataclass(frozen=True)
class Gain:
    """By how much vck190-a is ahead of a published network: points of top-1, and per cent of throughput.

    Attributes
    ----------
    over, what, unit
        The network, and what is gained.
    stated
        By the paper.
    computed
        From the published numbers of the two networks.
    before
        The same of accuracies before they were cut to 8 bits; NaN of throughput.
    predicted
        By the bundled benchmark; NaN where the network is no architecture of the space.
    """

    over: str
    what: str
    unit: str
    stated: float
    computed: float
    before: float
    predicted: float


def gains(shown: Sequence[Point], predicted: Predicted) -> list[Gain]:
    """Compute the paper's gains from published numbers, and from predictions."""
    of = {point.network: point for point in shown if point.metric == VCK190}
    best, found = of[BEST], []
    for over, (points, percent) in FIG6["gains"].items():
        other = of[over]
        accuracy = speed = math.nan
        if other.design is not None:
            first, second = predicted[BEST], predicted[over]
            accuracy = first[ACCURACY] - second[ACCURACY]
            speed = 100 * (first[VCK190] / second[VCK190] - 1)
        loss = best.quantised_top1 - other.quantised_top1, best.float_top1 - other.float_top1
        found += [
            Gain(over, "top-1", "points", points, *loss, accuracy),
            Gain(over, "throughput", "%", percent, 100 * (best.speed / other.speed - 1), math.nan, speed),
        ]
    return found


def gains_table(found: Sequence[Gain]) -> Table:
    """List the paper's gains beside what predictions say."""
    lines = [
        {
            "gain of vck190-a over": gain.over,
            "of": f"{gain.what} [{gain.unit}]",
            "stated": gain.stated,
            "8-bit accuracy, measured speed": gain.computed,
            "accuracy before 8 bits": _or_none(gain.before),
            "predicted": _or_none(gain.predicted),
        }
        for gain in found
    ]
    text = (
        "The four numbers of the paper follow from the accuracies after post-training quantisation and the speeds on "
        "VCK190. *Predicted* is of both networks as the space has them: float top-1 of the cheap scheme p*, and a "
        "speed with ReLU on the authors' DPU. The EfficientNet-B0 of the paper's comparison is another implementation, "
        "from the model zoo of Vitis AI; EfficientNet-EdgeTPU-S has full convolutions, which the space has not."
    )
    return Table("gains", "The paper's four gains", pl.DataFrame(lines), text)


def predicted_point(point: Point, predicted: Predicted) -> float:
    """Give the predicted speed of a point; NaN where it is no architecture of the space."""
    return math.nan if point.design is None else predicted[point.design.name][point.metric]


def network_tables(shown: Sequence[Point], predicted: Predicted) -> list[Table]:
    """List each panel, the networks of the space, and all points."""
    return [_panels(shown, predicted), _networks(shown, predicted), _points(shown, predicted)]


def _panels(shown: Sequence[Point], predicted: Predicted) -> Table:
    lines = []
    for metric in PANELS:
        of = [point for point in shown if point.metric == metric and point.is_drawn]
        own, others = [p for p in of if p.is_authors], [p for p in of if not p.is_authors]
        designed = [replace(p, speed=predicted_point(p, predicted)) for p in own if p.design is not None]
        ahead = [other.network for other in others if any(dominates(other, point) for point in own)]
        lines.append(
            {
                "panel": metric,
                "ahead of the authors'": ", ".join(ahead) or "none",
                "authors'": len(own),
                "published": len(others),
                "published, dominated": _dominated(others, own),
                "dominated at predicted speeds": _dominated(others, designed) if designed else None,
            }
        )
    text = (
        "The figure's claim, counted of what it draws. *Dominated*: published networks that one of the authors' is at "
        "least as accurate and as fast as, and better in one; and how many are if the authors' have the speed that the "
        "benchmark predicts instead of the measured one. *Ahead*: published ones that dominate one of the authors'."
    )
    return Table("panels", "Panels", pl.DataFrame(lines), text)


def _dominated(others: Sequence[Point], own: Sequence[Point]) -> int:
    return sum(any(dominates(point, other) for point in own) for other in others)


def _networks(shown: Sequence[Point], predicted: Predicted) -> Table:
    lines = [
        {
            "network": point.network,
            "panel": point.metric,
            "top-1, trained [%]": _or_none(point.float_top1),
            "top-1, 8 bits [%]": _or_none(point.quantised_top1),
            "top-1, predicted for p* [%]": predicted[point.design.name][ACCURACY],
            "measured": point.speed,
            "predicted": predicted_point(point, predicted),
            "error [%]": 100 * (predicted_point(point, predicted) / point.speed - 1),
        }
        for point in shown
        if point.design is not None
    ]
    text = (
        "All points of the figure that are architectures of the space. EfficientNet-B0 is another implementation on "
        "the FPGAs (Vitis AI's) and has another activation elsewhere (timm's)."
    )
    return Table("networks", "Networks of the space", pl.DataFrame(lines, infer_schema_length=None), text)


def _points(shown: Sequence[Point], predicted: Predicted) -> Table:
    names = ("network", "kind", "metric", "float_top1", "quantised_top1")
    columns: dict[str, list[object]] = {name: [_or_none(getattr(point, name)) for point in shown] for name in names}
    columns["measured"] = [point.speed for point in shown]
    columns["predicted"] = [_or_none(predicted_point(point, predicted)) for point in shown]
    frame = pl.DataFrame(columns, infer_schema_length=None)
    sources = "; ".join(f"*{name}*: {FIG6['sources'][name]}" for name in ("fpga", "others", "searched", "quantised"))
    return Table("points", "All points of the figure", frame, f"Sources: {sources}.", shown=False)


def _or_none(value: object) -> object:
    return None if isinstance(value, float) and math.isnan(value) else value


@dataclass(frozen=True)
class Standing:
    """Where EfficientNet-B0 stands in the whole space.

    Attributes
    ----------
    rank
        By the metric, exact or estimated.
    shortfalls, distance
        From the exact front of accuracy and the metric, as `studies.networks.Location` has them; None of accuracy.
    """

    rank: RankResult | RankEstimate
    shortfalls: tuple[float, float] | None = None
    distance: float | None = None


def b0_table(bench: Benchmark, standings: Mapping[str, Standing], shown: Sequence[Point]) -> Table:
    """List what is predicted and published of EfficientNet-B0, its ranks, and its distance from the fronts."""
    measured = {point.metric: point.speed for point in shown if point.design is EFFICIENTNET_B0} | FIG6["b0"]
    lines = []
    for metric, standing in standings.items():
        rank, short = standing.rank, standing.shortfalls
        value, known = float(rank.values), measured.get(metric)
        low, high = rank.interval if isinstance(rank, RankEstimate) else (None, None)
        lines.append(
            {
                "metric": metric,
                "unit": bench.metrics[metric].unit,
                "published is": _kind(metric) if known is not None else "not found",
                "predicted": value,
                "published": known,
                "error [%]": None if known is None else 100 * (value / known - 1),
                "rank": round(float(rank.rank)) if low is not None else int(rank.rank),
                "rank, low": None if low is None else round(float(low)),
                "rank, high": None if high is None else round(float(high)),
                "better [%]": 100 - float(rank.percentile),
                "top-1 short [points]": short and short[0],
                "metric short [%]": short and 100 * short[1] / value,
                "distance": standing.distance,
            }
        )
    some = next(iter(standings.values())).rank
    how = "exact"
    if isinstance(some, RankEstimate):
        how = f"estimated from {some.samples:,} random ones, with 95 % intervals"
    text = (
        f"Ranks are {how}, of {some.size:,} architectures; *better* is the share that "
        "is. *Short*: how much better the best architecture is in this one that is at least as good in the other; "
        "*distance*: IGD+ to the nearest point of the exact front of accuracy and the metric, both scaled to their "
        "range on it. The nearest architecture of the data differs from EfficientNet-B0 in 7 of 28 choices, so this "
        "checks predictions independently where the published number is of the same network."
    )
    frame = pl.DataFrame(lines, infer_schema_length=None)
    frame = frame.select(column for column in frame if column.null_count() < len(column))
    return Table("b0", "EfficientNet-B0 on every device", frame, text)


def _kind(metric: str) -> str:
    if metric in FIG6["b0"]:
        return "the authors' surrogate"
    return "Vitis AI's network" if metric.endswith(("zcu102", "vck190")) else "timm's network"


def nearest_table(predicted: Predicted) -> Table:
    """Set EfficientNet-B0 and the nearest architectures to MnasNet-A1 and B1 beside timm's measurements."""
    rows = {name: (accuracy, speed) for name, accuracy, speed in FIG6["timm"]}
    metric, base = "throughput_3090", rows[EFFICIENTNET_B0.name][1]
    lines = [
        {
            "network": network.name,
            "in the space": "exact" if network is EFFICIENTNET_B0 else "nearest",
            "top-1, trained [%]": rows[network.name][0],
            "top-1, predicted for p* [%]": predicted[network.name][ACCURACY],
            "parameters, predicted [M]": predicted[network.name]["params"],
            "RTX 3090, timm": rows[network.name][1],
            "RTX 3090, predicted": predicted[network.name][metric],
            "to B0, timm": rows[network.name][1] / base,
            "to B0, predicted": predicted[network.name][metric] / predicted[EFFICIENTNET_B0.name][metric],
        }
        for network in (EFFICIENTNET_B0, *NEAREST)
    ]
    text = (
        "Another independent look: networks that are not in the figure, measured by others. MnasNet-A1 and B1 are no "
        "architectures of the space; the nearest have expansion 4 for their 3, 3 layers for the 4 in block 3 of A1, "
        "and other widths (192 for 160 in block 5 of A1, 112 for 96 in block 4 of B1). Speeds depend on how they are "
        f"measured; ratios less. Source: {FIG6['sources']['timm']}."
    )
    return Table("nearest", "MnasNet-A1 and B1 on RTX 3090", pl.DataFrame(lines), text)
