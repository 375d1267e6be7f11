"""The explorer of a benchmark: every architecture of its space, in one page."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from accelnas.errors import AccelnasError, MetricError
from accelnas.exact.engine import Run
from accelnas.exact.estimates import estimate
from accelnas.exact.kept import kept
from accelnas.exact.options import RunOptions
from accelnas.exact.questions import BestQuestion, DistributionQuestion, FrontQuestion
from accelnas.exact.solve import solve
from accelnas.models.derived import is_sum
from accelnas.pages.copied import loaded
from accelnas.pages.document import as_json, asset, document, numbers
from accelnas.space import mnasnet_space
from accelnas.spaces import mnasnet_block

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from accelnas.metric import Metric
    from accelnas.models.predictor import Predictor
    from accelnas.space import Space

__all__ = ["EXACT_SIZE", "explorer"]

EXACT_SIZE = 10_000_000
"""Architectures up to which distributions are exact without being asked for."""
_BINS = 1024
_SAMPLES = 1_000_000
_SECONDS = 60.0  # of a front, which is left out if it takes longer
_SCRIPTS = ("uplot.js", "format.js", "charts.js", "theme.js", "engine.js", "explorer.js")


def explorer(
    bench: Predictor,
    *,
    primary: str | None = None,
    metrics: Sequence[str] | None = None,
    landmarks: Mapping[str, str] | None = None,
    exact: bool = False,
    threads: int | None = None,
    progress: Callable[[str, int, int], object] | None = None,
) -> str:
    """Write a page that predicts any architecture of a benchmark's space, and shows where it stands.

    The page holds the metrics' tables and the package's core as WebAssembly: predictions are those of
    `Benchmark.predict` in float64, standard deviations differ by less than a ten-thousandth for most.

    Parameters
    ----------
    bench : Benchmark
        The benchmark.
    primary : str, optional
        The metric that fronts have besides each other one; by default ``accuracy``, or the first.
    metrics : sequence of str, optional
        Metrics of the page, each predicted by a surrogate; all such by default.
    landmarks : mapping of str to str, optional
        Architectures to mark on fronts, by name.
    exact : bool
        Whether distributions count all architectures of any space. By default those of more than `EXACT_SIZE` are
        read from certificates in the benchmark's folder, and without one estimated from a million random
        architectures.
    threads : int, optional
        Threads to use; one a core by default.
    progress : callable, optional
        Called with what is computed, the number of steps done and their total.

    Raises
    ------
    MetricError
        If there is no such metric, or an expression evaluates it.
    SpaceError
        If a landmark is no architecture of the space.
    """
    chosen = _chosen(bench, metrics)
    primary = primary or ("accuracy" if "accuracy" in chosen else chosen[0])
    if primary not in chosen:
        raise MetricError(f"primary is {primary!r}; choose one of the page's metrics: {', '.join(chosen)}")
    others = [name for name in chosen if name != primary]
    steps = iter(range(1, 2 * len(chosen) + 1))

    def tell(what: str) -> None:
        if progress is not None:
            progress(what, next(steps), 2 * len(chosen))

    fronts: dict[str, list[str]] = {}
    absent: dict[str, str] = {}
    for name in others:
        tell(f"front of {primary} and {name}")
        try:
            fronts[name] = _front(bench, primary, name, threads)
        except AccelnasError as error:
            absent[name] = str(error)
    distributions = {}
    for name in chosen:
        tell(f"distribution of {name}")
        distributions[name] = _distribution(bench, name, exact, threads)
    tell("artifacts")
    core = bench._core
    blobs = {f"metric-{name}": core.packed(core.position(name)) for name in chosen}
    rows = bench.space.encode(list((landmarks or {}).values())) if landmarks else None
    data = {
        "name": bench.name,
        "load": loaded(bench),
        "toml": bench.space.to_toml(),
        "primary": primary,
        "metrics": [_described(bench.metrics[name]) for name in chosen],
        **_variables(bench.space),
        "fronts": fronts,
        "absent": absent,
        "importances": {name: _importances(bench, name) for name in chosen},
        "landmarks": [] if rows is None else _landmarks(bench, list(landmarks or {}), rows, chosen, threads),
        "strings": _block_strings(bench.space),
        "start": _start(bench, primary, threads),
    }
    keys = ("", '<span class="key" style="background:var(--good)"></span>named')
    body = asset("explorer.html").decode().replace("<!--landmarks-->", keys[bool(landmarks)])
    size = f"{bench.space.size:,}" if bench.space.size < 10**15 else f"{bench.space.size:.3g}"
    return document(
        f"{bench.name}: {len(chosen)} metrics",
        f"{size} architectures of {bench.space.name}",
        body,
        data=data,
        scripts=_SCRIPTS,
        blobs={"core": asset("core.wasm"), "distributions": as_json(distributions).encode(), **blobs},
        footer="Values are predictions of surrogates; the fronts are exact for these predictions.",
    )


def _chosen(bench: Predictor, metrics: Sequence[str] | None) -> list[str]:
    if metrics is None:
        return [name for name, metric in bench.metrics.items() if is_sum(metric)]
    for name in metrics:
        if name not in bench.metrics:
            raise MetricError(f'unknown metric "{name}"; the metrics are {", ".join(bench.metrics)}')
        if not is_sum(bench.metrics[name]):
            raise MetricError(f"{name} is an expression; choose metrics that a surrogate predicts")
    if not metrics:
        raise MetricError("a page needs a metric; name at least one")
    return list(dict.fromkeys(metrics))


def _described(metric: Metric) -> dict[str, Any]:
    """Give a metric as the core reads it."""
    return {
        "name": metric.name,
        "unit": metric.unit,
        "direction": metric.direction,
        "link": metric.link if metric.limit is None else {metric.link: metric.limit},
        "noise": metric.noise,
        "description": metric.description,
        "members": metric.members,
        "calibrated": metric.calibrated,
    }


def _variables(space: Space) -> dict[str, Any]:
    """Give variables with the labels of their states: in their order, and by block."""
    each = [
        {"name": v.name, "symbol": v.symbol, "position": i, "states": [str(state) for state in v.states]}
        for i, v in enumerate(space.variables)
    ]
    blocks, start = [], 0
    for block in space.blocks:
        end = start + len(block.variables)
        blocks.append({"name": block.name, "variables": each[start:end]})
        start = end
    return {"variables": each, "blocks": blocks}


def _block_strings(space: Space) -> dict[str, Any] | None:
    """Give timm's notation of all states of every block of the MnasNet space; None of others."""
    if space.sha256 != mnasnet_space().sha256:
        return None
    states, places, start = [], [], 0
    for number, block in enumerate(space.blocks):
        places.append(list(range(start, start + len(block.variables))))
        start += len(block.variables)
        of_block = {}
        for cell in itertools.product(*(range(len(space.variables[place].choices)) for place in places[-1])):
            e, k, layers, se = (int(space.variables[p].choices[c]) for p, c in zip(places[-1], cell, strict=True))
            of_block[",".join(map(str, cell))] = mnasnet_block(number, e, k, layers, bool(se))
        states.append(of_block)
    return {"states": states, "variables": places}


def _front(bench: Predictor, primary: str, name: str, threads: int | None) -> list[str]:
    """Give a front's architectures; the page predicts them."""
    found = solve(bench, FrontQuestion([primary, name]), Run(RunOptions(time_limit=_SECONDS), threads))
    if not found.is_complete:
        raise KeyboardInterrupt
    return bench.space.format(found.architectures)


def _distribution(bench: Predictor, name: str, exact: bool, threads: int | None) -> dict[str, Any] | None:
    question = DistributionQuestion(name, bins=_BINS)
    found = kept(bench, question)
    try:
        if found is None and (exact or bench.space.size <= EXACT_SIZE):
            found = solve(bench, question, Run(threads=threads))
        if found is not None:
            return {"edges": numbers(found.edges), "counts": [int(n) for n in found.counts], "exact": True}
        estimated = estimate(bench, question, samples=_SAMPLES, seed=0, threads=threads)
    except AccelnasError:
        return None
    counts = [int(n) for n in estimated.counts]
    return {"edges": numbers(estimated.edges), "counts": counts, "exact": False, "samples": sum(counts)}


def _importances(bench: Predictor, name: str) -> list[dict[str, Any]]:
    """Give the variables' indices, the largest first; none of trees, or of a constant."""
    try:
        found = bench.importances(name)
    except AccelnasError:
        return []
    ordered = sorted(found.total, key=lambda variable: -found.total[variable].value)
    parts = [(v, found.first_order[v].value, found.total[v].value) for v in ordered]
    return [
        {"name": v, "first": first, "total": total} for v, first, total in parts if np.isfinite([first, total]).all()
    ]


def _landmarks(
    bench: Predictor, names: Sequence[str], rows: NDArray[np.uint8], chosen: Sequence[str], threads: int | None
) -> list[dict[str, Any]]:
    values = bench.predict(rows, chosen, dtype="float64", threads=threads)
    texts = bench.space.format(rows)
    return [
        {"name": name, "text": texts[i], "values": {metric: float(values[metric][i]) for metric in chosen}}
        for i, name in enumerate(names)
    ]


def _start(bench: Predictor, primary: str, threads: int | None) -> str:
    """Give the architecture that is shown first: the best, or any."""
    try:
        best = solve(bench, BestQuestion(primary), Run(RunOptions(time_limit=_SECONDS), threads))
        rows = best.architectures
    except AccelnasError:
        rows = bench.space.sample(1, seed=0)
    return bench.space.format(rows[:1] if len(rows) else bench.space.sample(1, seed=0))[0]
