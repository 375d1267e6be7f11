"""Fig. 6 of the paper: networks of its searches beside published ones; its gains, EfficientNet-B0, training cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

import accelnas
from accelnas.circumstances import machine, versions
from accelnas.exact import RankQuestion
from accelnas.plots.runs import Panel, plot_fronts
from studies.base import Comparison, Figure, Reproduction
from studies.fig3 import kendall
from studies.fig4 import METRICS, TOLERANCE
from studies.fig6_points import FIG6, PANELS, points
from studies.fig6_tables import (
    ACCURACY,
    Standing,
    b0_table,
    gains,
    gains_table,
    nearest_table,
    network_tables,
    predicted_point,
)
from studies.networks import EFFICIENTNET_B0, NEAREST, NETWORKS, SOURCE, TPUV3_B, ahead, encoded
from studies.training_cost import cost_comparisons, cost_table, training_cost

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from accelnas.benchmark import Benchmark
    from accelnas.exact import RankEstimate, RankResult
    from accelnas.fitting.dataset import Dataset
    from studies.fig6_points import Point
    from studies.fig6_tables import Gain, Predicted
    from studies.schemes import Scheme

__all__ = ["STEPS", "reproduce_fig6"]

LIBRARIES = ("numpy", "scipy", "matplotlib")
STEPS = 1 + 2 * len(METRICS)  # a rank of each metric and of accuracy, and a front of each
RULE = (
    f"A speed is reproduced if predicted and measured differ by {100 * TOLERANCE:.0f} % at most, a choice, as in Fig. "
    "4; a gain if it rounds to the stated one; a cost if it is within half a GPU-hour of a training and 500 of all. "
    "Gains as predicted, and EfficientNet-B0 on the FPGAs, can not be compared: the published numbers are of "
    "accuracies after full training and 8-bit quantisation, of another implementation of EfficientNet-B0, and of a "
    "network outside the space."
)


def reproduce_fig6(
    bench: Benchmark | None = None,
    *,
    dataset: Dataset | None = None,
    schemes: Mapping[str, Scheme] | None = None,
    samples: int | None = None,
    threads: int | None = None,
    progress: Callable[[float], object] | None = None,
) -> Reproduction:
    """Set the figure's networks, the paper's gains and its cost beside what the benchmark predicts.

    Parameters
    ----------
    bench
        The bundled benchmark by default.
    dataset
        The training times; without them no costs are compared.
    schemes
        Architectures trained under both schemes, see `studies.schemes.read_schemes`; without them the reference
        scheme's cost is left out.
    samples
        Random architectures from which the ranks of EfficientNet-B0 are estimated, instead of counting all better ones.
    threads
        Nothing found depends on it.
    progress
        Called with the number of finished questions of `STEPS`.
    """
    bench = bench or accelnas.load()
    shown, predicted = points(), _predicted(bench, threads)
    found = gains(shown, predicted)
    standings = _standings(bench, samples, threads, progress)
    cost = training_cost(bench, dataset, schemes, threads) if dataset is not None else None
    tables = [gains_table(found), *network_tables(shown, predicted), b0_table(bench, standings, shown)]
    tables += [nearest_table(predicted), *([cost_table(cost)] if cost is not None else [])]
    options = [*(["DATA"] if dataset is not None else []), *([f"--runs {samples}"] if samples else [])]
    options.append("--output DIRECTORY")
    costs = cost_comparisons(cost) if cost is not None else []
    return Reproduction(
        name="fig6",
        title="Fig. 6: the searched networks beside published ones",
        source=f"{SOURCE} ({FIG6['sources']['fpga'].partition(', which')[0]})",
        rule=RULE,
        comparisons=[
            *_of_gains(found),
            *_of_speeds(bench, shown, predicted),
            *_of_surrogates(bench, predicted),
            *costs,
        ],
        command=f"accelnas reproduce fig6 {' '.join(options)}",
        machine=machine(),
        versions=versions(LIBRARIES),
        tables=tables,
        figures=[
            Figure(
                "fig6",
                "Published top-1 and measured speed: 8-bit accuracy on the FPGAs, float elsewhere. Networks of the "
                "authors' searches also at the speed that the bundled benchmark predicts, EfficientNet-B0 too.",
                lambda path: _draw(path, bench, shown, predicted),
            )
        ],
        remarks=[*_why(shown, predicted), *FIG6["remarks"], *([] if cost is not None else ["No data, so no costs."])],
    )


def _predicted(bench: Benchmark, threads: int | None) -> Predicted:
    networks = [*NETWORKS, TPUV3_B, EFFICIENTNET_B0, *NEAREST]
    metrics = [ACCURACY, "params", *METRICS]
    values = bench.predict(encoded(bench.space, networks), metrics, dtype="float64", threads=threads)
    return {
        network.name: {metric: float(values[metric][row]) for metric in metrics} for row, network in enumerate(networks)
    }


def _standings(
    bench: Benchmark, samples: int | None, threads: int | None, progress: Callable[[float], object] | None
) -> dict[str, Standing]:
    """Rank EfficientNet-B0 by every metric, and set it beside the front of each."""
    (arch,), done = encoded(bench.space, [EFFICIENTNET_B0]), 0
    found = {}
    for metric in (ACCURACY, *METRICS):
        if samples is None:
            rank: RankResult | RankEstimate = bench.rank(arch, metric, threads=threads)
        else:
            rank = bench.estimate(RankQuestion(arch, metric), samples=samples, threads=threads)
        done += 1
        found[metric] = Standing(rank)
        if metric != ACCURACY:
            front = bench.pareto_front([ACCURACY, metric], threads=threads)
            done += 1
            found[metric] = Standing(rank, *ahead(front, [float(found[ACCURACY].rank.values), float(rank.values)]))
        if progress is not None:
            progress(done)
    return found


def _of_gains(found: Sequence[Gain]) -> list[Comparison]:
    compared = []
    for gain in found:
        decimals = 2 if gain.stated < 1 else 1
        name = f"vck190-a over {gain.over}: {gain.what}"
        compared += [
            Comparison(name, gain.stated, gain.computed, 0.5 * 10.0**-decimals, gain.unit, "paper"),
            Comparison(f"{name}, predicted", gain.stated, gain.predicted, 0.5, gain.unit, "paper", comparable=False),
        ]
    return compared


def _of_speeds(bench: Benchmark, shown: Sequence[Point], predicted: Predicted) -> list[Comparison]:
    """Compare all points of the space, the authors' first; the B0 of FPGAs is another network."""
    return [
        Comparison(
            f"{point.network}: {point.metric}",
            point.speed,
            predicted_point(point, predicted),
            TOLERANCE * point.speed,
            bench.metrics[point.metric].unit,
            "figure",
            comparable=point.is_authors or not point.is_quantised,
        )
        for point in sorted(shown, key=lambda point: not point.is_authors)
        if point.design is not None
    ]


def _of_surrogates(bench: Benchmark, predicted: Predicted) -> list[Comparison]:
    """Compare with what the authors' surrogates say of EfficientNet-B0."""
    name = EFFICIENTNET_B0.name
    return [
        Comparison(
            f"{name}: {metric}, by the authors' surrogate",
            value,
            predicted[name][metric],
            0.306 if metric == ACCURACY else TOLERANCE * value,  # the paper's mean absolute error of accuracy
            bench.metrics[metric].unit,
            "README",
        )
        for metric, value in FIG6["b0"].items()
    ]


def _why(shown: Sequence[Point], predicted: Predicted) -> list[str]:
    """Say what the published gains over EfficientNet-B0 consist of, and how trained and predicted top-1 agree."""
    of = {point.network: point for point in shown if point.metric == "throughput_vck190"}
    best, other = of["vck190-a"], of[EFFICIENTNET_B0.name]
    lost = [point.float_top1 - point.quantised_top1 for point in (best, other)]
    own = predicted[EFFICIENTNET_B0.name][other.metric]
    networks = [*NETWORKS, TPUV3_B]
    tau = kendall(
        np.array([network.top1 for network in networks]),
        np.array([predicted[network.name][ACCURACY] for network in networks]),
    )
    gain, of_float = best.quantised_top1 - other.quantised_top1, best.float_top1 - other.float_top1
    faster, left = own / other.speed - 1, predicted[best.network][other.metric] / own - 1
    consists = (
        f"Of the gain of {gain:.2f} points over EfficientNet-B0, {of_float:.2f} are of the float networks and "
        f"{gain - of_float:.2f} of quantisation, which costs vck190-a {lost[0]:.2f} points and Vitis AI's "
        f"EfficientNet-B0 {lost[1]:.2f}."
    )
    implemented = (
        f"EfficientNet-B0 as the space has it is predicted to reach {own:,.0f} images/s on VCK190, "
        f"{100 * faster:.0f} % more than Vitis AI's, so that vck190-a gains {100 * left:.1f} % over it."
    )
    ranked = (
        f"Trained and predicted top-1 of the authors' {len(networks)} networks differ in level; their order has τ "
        f"{tau:.2f}."
    )
    return [consists, implemented, ranked]


def _draw(path: Path, bench: Benchmark, shown: Sequence[Point], predicted: Predicted) -> None:
    plot_fronts(path, [_panel(bench, metric, shown, predicted) for metric in PANELS])


def _panel(bench: Benchmark, metric: str, shown: Sequence[Point], predicted: Predicted) -> Panel:
    of = [point for point in shown if point.metric == metric and point.is_drawn]
    groups = {
        "published, by hand": [(p.speed, p.top1) for p in of if p.kind == "by hand"],
        "published, searched": [(p.speed, p.top1) for p in of if p.kind == "searched"],
        "the authors', measured": [(p.speed, p.top1) for p in of if p.is_authors],
        "the authors', predicted speed": [
            (predicted_point(p, predicted), p.top1) for p in of if p.is_authors and p.design is not None
        ],
    }
    marked = {}
    for point in of:
        if point.network == EFFICIENTNET_B0.name:
            marked["EfficientNet-B0"] = (point.speed, point.top1)
            marked["EfficientNet-B0, predicted speed"] = (predicted_point(point, predicted), point.top1)
        elif point.network == "EfficientNet-EdgeTPU-S":
            marked[point.network] = (point.speed, point.top1)
    bits = "8 bits" if of[0].is_quantised else "float"
    label = f"{metric} [{bench.metrics[metric].unit}]"
    arrays = {name: np.array(places, np.float64).reshape(-1, 2) for name, places in groups.items()}
    return Panel(metric, label, f"top-1, {bits} [%]", np.empty((0, 2)), arrays, marked)
