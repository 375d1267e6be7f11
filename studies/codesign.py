"""Networks and accelerators designed together: what it gains, and how far the engines are from measurements."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

import accelnas
from accelnas import hardware
from accelnas.circumstances import machine, versions
from accelnas.errors import ModelError, SearchError
from studies.base import Figure, Reproduction, Table
from studies.codesign_calibration import SIZE, SQUEEZED, WIDE, calibrate
from studies.codesign_gains import (
    ALGORITHMS,
    APPROACHES,
    BUDGETS,
    KNOWN,
    METRIC,
    SAMPLES,
    Task,
    gains,
    joined,
    limits_of,
    searched,
)
from studies.lines import Lines, Mean, draw_panels, mean_of
from studies.lstm import LIBRARIES, Done

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from accelnas.benchmark import Benchmark
    from accelnas.fitting.dataset import Dataset
    from studies.codesign_calibration import Calibration
    from studies.codesign_gains import Gains
    from studies.search_noise import Judged

__all__ = ["study_codesign"]

B0 = "e1_k3_l1_se1-e6_k3_l2_se1-e6_k5_l2_se1-e6_k3_l3_se1-e6_k5_l3_se1-e6_k5_l4_se1-e6_k3_l1_se1"
RULE = (
    "Sought is the most accurate network within limits of latency, energy and area. Accuracy is the benchmark's "
    "surrogate's, costs are an engine's, a model of the accelerator. *Joint*: over all pairs of a network and a "
    "configuration, proven. All other approaches answer their questions exactly, too: what they lose, they lose by the "
    "order of decisions. The second part sets engines beside measured times."
)
REMARKS = [
    line.strip()
    for line in """
    Limits are quantiles of random pairs, one by one; few pairs keep all three, and other limits give other gains.
    Energies, areas and TPU latencies are of models with constants from publications; only latencies are judged here.
    The TPU's 8 bits cost no accuracy here, as the benchmark knows none at 8 bits: the joint optima all have them.
    Latency of the DPU is of one core, so its published configuration has one; three, as on the ZCU102, are larger yet.
    An efficiency above 1 in the fit makes up for cycles that the engine counts and the device does not spend.
    """.strip().splitlines()
]
Key = tuple[str, str]


def study_codesign(
    dataset: Dataset,
    bench: Benchmark | None = None,
    *,
    accelerators: Sequence[str] = tuple(KNOWN),
    starts: int = 10,
    runs: int = 100,
    budget: int = 600,
    seed: int = 0,
    threads: int | None = None,
    progress: Callable[[float], object] | None = None,
) -> Reproduction:
    """Design networks and accelerators jointly and otherwise, search among pairs, and judge engines by measurements.

    Parameters
    ----------
    dataset
        Measurements of Accel-NASBench.
    bench
        Networks of MnasNet's space with accuracy and MACs; the bundled benchmark by default.
    accelerators
        Some of `studies.codesign_gains.KNOWN`.
    starts
        Configurations drawn, by accelerator and budget.
    runs, budget
        Of each search.
    seed
        The only source of chance.
    threads
        Nothing found depends on it.
    progress
        Called with the number of finished tasks, an accelerator and a budget each.

    Raises
    ------
    ModelError
        If there is no such accelerator.
    SearchError
        If there are fewer than 2 runs, or no starts.
    DataError
        If too little is measured.
    """
    if unknown := [name for name in accelerators if name not in KNOWN]:
        raise ModelError(f"{unknown[0]!r} is no accelerator of the study; choose from {', '.join(KNOWN)}")
    if runs < 2 or starts < 1:
        raise SearchError(f"there are {runs} runs and {starts} starts; give 2 runs or more, and a start")
    bench, done = bench or accelnas.load(), Done(progress)
    network = bench.space.parse(B0)
    front = bench.pareto_front([METRIC, "macs"], threads=threads).architectures
    calibration = calibrate(dataset, seed)
    limits: dict[Key, Mapping[str, float]] = {}
    found: dict[Key, Gains] = {}
    judged: dict[Key, dict[str, Judged]] = {}
    for name in accelerators:
        accelerator, known = hardware.load_accelerator(name), KNOWN[name]
        pairs = joined(bench, accelerator)
        for label, quantile in BUDGETS.items():
            key = (name, label)
            limits[key] = limits_of(pairs, known.area, quantile, seed)
            task = Task(pairs, bench, accelerator, known.area, limits[key], threads)
            found[key] = gains(task, known.published, network, front, starts=starts, seed=seed)
            judged[key] = searched(task, found[key].joint, runs=runs, budget=budget, seed=seed)
            done.end(1)
    chosen = f" --accelerators {','.join(accelerators)}" if tuple(accelerators) != tuple(KNOWN) else ""
    given = f"DATA{chosen} --starts {starts} --runs {runs} --budget {budget} --seed {seed}"
    return Reproduction(
        name="codesign",
        title="Networks and accelerators designed together",
        source="",
        rule=RULE,
        comparisons=[],
        command=f"accelnas study codesign {given} --output DIRECTORY",
        machine=machine(),
        versions=versions(LIBRARIES),
        tables=[
            _limits(limits),
            _lost(found, len(front), starts),
            _pairs(found),
            _searches(judged, runs, budget),
            *_calibrated(calibration),
        ],
        figures=[
            Figure(
                "codesign",
                "Accuracy lost against the joint design by budget. What finds nothing is left out, and the published "
                "configuration, which counts as if it kept the area limit, where it gains.",
                lambda path: draw_panels(path, _lost_panels(found), list(BUDGETS), "budget"),
            ),
            Figure(
                "codesign-searches",
                f"Searches among all pairs: means of {runs:,} runs with 95 % bootstrap intervals, of those that found "
                "a pair within the limits.",
                lambda path: draw_panels(path, _search_panels(judged), list(BUDGETS), "budget"),
            ),
            Figure(
                "codesign-calibration",
                "Mean absolute error of engines, the DPU's with three constants fitted, TPUs' with one, by groups of "
                "the networks that nothing is fitted to. Places of the last panel are eighths of MACs, smallest first.",
                lambda path: draw_panels(
                    path, _error_panels(calibration), list("01234567"), "blocks of 7, or eighth of MACs"
                ),
            ),
        ],
        remarks=REMARKS,
    )


def _limits(limits: Mapping[Key, Mapping[str, float]]) -> Table:
    rows = [
        {
            "accelerator": f"{name} ({KNOWN[name].area})", "budget": budget, "latency [ms]": limit["latency"],
            "energy [mJ]": limit["energy"], "area": limit[KNOWN[name].area],
        }
        for (name, budget), limit in limits.items()
    ]  # fmt: skip
    text = (
        f"What {', '.join(f'{100 * q:g} % ({name})' for name, q in BUDGETS.items())} of {SAMPLES:,} random pairs keep, "
        "each by itself. Area is in DSP slices or mm²."
    )
    return Table("limits", "Limits", pl.DataFrame(rows), text)


def _lost(found: Mapping[Key, Gains], front: int, starts: int) -> Table:
    rows = [
        {
            "accelerator": name, "budget": budget,
            "published fits": "yes" if one.published_fits else "no",
            "drawn without network": f"{one.failed} of {starts}",
            "joint [%]": one.joint,
        }
        | {approach: one.joint - one.found[approach] for approach in APPROACHES}
        for (name, budget), one in found.items()
    ]  # fmt: skip
    text = (
        "The joint optimum's top-1 accuracy, and the points that other approaches lose; without a number they find "
        f"nothing within the limits. *Two stages*: the {front:,} networks of the front of accuracy and MACs first, the "
        "best of them that any configuration suits. *Alternating*: the best network on a configuration, the "
        "configuration of least latency × energy within the area limit for it, and so on until one comes again, from "
        f"{starts} configurations drawn among those within the area limit. *Drawn*: these configurations as they are. "
        "*Published*: the best network on the published configuration, which may be larger than the area limit (*fits* "
        "says no), and then counts as if it were not: on it nothing is found in truth, and what it loses can be "
        "negative. *EfficientNet-B0*: this network, on any configuration."
    )
    return Table("gains", "What other approaches lose", pl.DataFrame(rows, infer_schema_length=None), text)


def _pairs(found: Mapping[Key, Gains]) -> Table:
    rows = [{"accelerator": name, "budget": budget, "pair": one.pair} for (name, budget), one in found.items()]
    return Table("pairs", "Joint optima", pl.DataFrame(rows))


def _searches(judged: Mapping[Key, Mapping[str, Judged]], runs: int, budget: int) -> Table:
    rows = []
    for (name, label), algorithms in judged.items():
        for algorithm, one in algorithms.items():
            regret = mean_of(one.regret)
            rows.append(
                {
                    "accelerator": name, "budget": label, "algorithm": algorithm, "regret [points]": regret.mean,
                    "low": regret.low, "high": regret.high, "infeasible [%]": 100 * float(one.infeasible.mean()),
                }
            )  # fmt: skip
    text = (
        f"{runs:,} runs of {budget:,} evaluations each, without noise: mean true regret of those that found a pair "
        "within the limits, with its 95 % bootstrap interval, and how many did not. REINFORCE is given limits as a "
        "penalty of 100 points for a relative violation of 1."
    )
    return Table("searches", "Searches among all pairs", pl.DataFrame(rows), text)


def _calibrated(calibration: Calibration) -> list[Table]:
    fitted = ", ".join(f"{name} {value:.3g}" for name, value in calibration.constants.items())
    text = (
        "Networks of a random half that nothing is fitted to. ZCU102: the DPU of 4,096 operations, 300 MHz, 19.2 GB/s. "
        "TPUs: arrays of 128 × 128, weights stay, 16 bits, 700 MHz and 300 GB/s (v2), 940 MHz and 900 GB/s (v3), whose "
        "latency of one image is set beside the time an image takes in a batch. Their folds overlap, or are separate, "
        "as in SCALE-Sim, where that is said. Constants and lines are of least squares of relative errors; the DPU's "
        f"three are {fitted} (ms)."
    )
    return [
        Table("calibration", "Engines beside measured times", calibration.figures, text),
        Table(
            "residuals", "Where engines fail", calibration.residuals,
            "The DPU with three constants fitted, TPUs with one; eighths of MACs, smallest first.",
        ),
    ]  # fmt: skip


def _lost_panels(found: Mapping[Key, Gains]) -> list[Lines]:
    def lost(name: str, approach: str) -> list[Mean | None]:
        values = [found[name, budget].joint - found[name, budget].found[approach] for budget in BUDGETS]
        return [Mean(v, v, v) if np.isfinite(v) and v >= 0 else None for v in values]

    return [
        Lines(name, "accuracy lost [points]", {a: lost(name, a) for a in APPROACHES}, linear=0.1)
        for name in dict.fromkeys(name for name, _ in found)
    ]


def _search_panels(judged: Mapping[Key, Mapping[str, Judged]]) -> list[Lines]:
    def regret(name: str, algorithm: str) -> list[Mean | None]:
        return [mean_of(judged[name, budget][algorithm].regret) for budget in BUDGETS]

    return [
        Lines(name, "true regret [points]", {a: regret(name, a) for a in ALGORITHMS})
        for name in dict.fromkeys(name for name, _ in judged)
    ]


def _error_panels(calibration: Calibration) -> list[Lines]:
    frame = calibration.residuals

    def line(metric: str, by: str) -> list[Mean | None]:
        own = frame.filter(metric=metric, by=by)
        known = dict(zip(own["group"], own["mean absolute error [%]"], strict=True))
        first = 1 if by == SIZE else 0
        errors = [known.get(str(first + place)) for place in range(8)]
        return [None if error is None else Mean(error, error, error) for error in errors]

    metrics = frame["metric"].unique(maintain_order=True)
    return [Lines(by, "error [%]", {metric: line(metric, by) for metric in metrics}) for by in (SQUEEZED, WIDE, SIZE)]
