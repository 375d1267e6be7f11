"""One network for several devices, best on average."""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

import numpy as np

from accelnas._core import MAX_OBJECTIVES
from accelnas.arguments import check_choice
from accelnas.devices.ratios import best_of
from accelnas.devices.specialisation import OneNetwork, measured
from accelnas.errors import MetricError, SearchError
from accelnas.exact.engine import Run
from accelnas.exact.formulations import WeightedSum
from accelnas.exact.questions import ScalarisedQuestion
from accelnas.exact.solve import solve
from accelnas.models.derived import simplified, unused_name
from accelnas.models.expressions import parse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from accelnas.devices.specialisation import Specialisation
    from accelnas.exact.certificate import Certificate
    from accelnas.exact.kinds import BestResult, ScalarisedResult
    from accelnas.models.predictor import Predictor

__all__ = ["WeightedMean", "weighted_mean"]


@dataclass(frozen=True, repr=False, eq=False, kw_only=True)
class WeightedMean(OneNetwork):
    """One network for all devices, whose weighted mean of ratios to the devices' optima is the highest.

    Attributes
    ----------
    devices, architecture, text, accuracy, values, ratios
        As of `OneNetwork`.
    weights : mapping of str to float
        Weight of each device; their sum is 1.
    mean : {"harmonic", "geometric", "arithmetic"}
        How ratios are averaged.
    value : float
        The mean of the ratios.
    certificate : Certificate
        What was proven; the objectives are derived metrics, whose expressions it holds.
    """

    weights: Mapping[str, float]
    mean: str
    value: float
    certificate: Certificate

    def __repr__(self) -> str:
        return f"<WeightedMean: {self.mean} {self.value:.6g} of the optima of {len(self.devices)} devices>"


def weighted_mean(
    bench: Predictor,
    specialised: Specialisation,
    weights: Mapping[str, float] | None = None,
    *,
    mean: Literal["harmonic", "geometric", "arithmetic"] = "harmonic",
    threads: int | None = None,
) -> WeightedMean:
    """Find the network whose mean ratio to each device's own optimum is the highest, and prove it.

    Parameters
    ----------
    bench : Benchmark
        The benchmark.
    specialised : Specialisation
        Devices, their proven optima, the least accuracy and the constraints: `specialise` gives it.
    weights : mapping of str to float, optional
        A number of at least 0 of each device, one of them above 0; equal by default.
    mean : {"harmonic", "geometric", "arithmetic"}
        The harmonic mean is that of a fixed load, spread over the devices: the inverse of the mean time relative to the
        devices' optima. It is a sum of tables for throughputs with link reciprocal and latencies with link
        identity; the geometric mean for metrics with link log.
    threads : int, optional
        Threads to use; one a core by default.

    Returns
    -------
    WeightedMean
        The network, with a certificate.

    Raises
    ------
    SearchError
        If weights are missing, negative, or of other devices.
    ParameterError
        If the mean is unknown.
    MetricError
        If a ratio's part of the mean is no metric that whole spaces are searched by, or more than five parts are left
        that no sum of tables joins.

    Notes
    -----
    Where the mean is no sum of tables, as beside a throughput with a ceiling, its parts are those sums that are: the
    best point of their Pareto front is proven.

    Examples
    --------
    >>> import accelnas
    >>> from accelnas.devices import specialise
    >>> bench = accelnas.load()
    >>> part = {f"block{b}_{v}": 3 for b in range(5) for v in "kl"}
    >>> specialised = specialise(bench, ["throughput_a100", "latency_zcu102"], at_least=60, within=part)
    >>> found = weighted_mean(bench, specialised, {"throughput_a100": 3, "latency_zcu102": 1})
    >>> bool(found.ratios.min() <= found.value <= 1), found.weights["throughput_a100"]
    (True, 0.75)
    """
    shares = _shares(specialised.devices, weights)
    derived, parts = _parts(bench, specialised, shares, mean)
    found: BestResult | ScalarisedResult
    if len(parts) == 1:
        found = best_of(derived, parts[0], specialised.limits, specialised.within, threads)
    else:
        sum_of = WeightedSum(dict.fromkeys(parts, 1.0))
        question = ScalarisedQuestion(sum_of, specialised.limits, specialised.within)
        found = solve(derived, question, Run(threads=threads))
    network = measured(bench, specialised, found.architectures[0], threads)
    return WeightedMean(
        weights=MappingProxyType(shares),
        mean=mean,
        value=_mean(np.array(list(shares.values())), network["ratios"], mean),
        certificate=found.certificate,
        **network,
    )


def _shares(devices: tuple[str, ...], weights: Mapping[str, float] | None) -> dict[str, float]:
    """Give a weight to every device; their sum is 1."""
    given = dict.fromkeys(devices, 1.0) if weights is None else dict(weights)
    total = sum(given.values())
    fits = set(given) == set(devices) and all(0 <= weight < math.inf for weight in given.values())
    if not (fits and 0 < total < math.inf):
        raise SearchError(
            f"weights are {given}; give each of {', '.join(devices)} a number of at least 0, one of them above 0"
        )
    return {device: float(given[device] / total) for device in devices}


def _parts(
    bench: Predictor, specialised: Specialisation, shares: Mapping[str, float], mean: str
) -> tuple[Predictor, list[str]]:
    """Derive what is best where the mean is, on the scale on which ratios are averaged: metrics that add up to it."""
    forms = {"harmonic": "{w!r} * ({inverse})", "geometric": "{w!r} * log({ratio})", "arithmetic": "{w!r} * ({ratio})"}
    check_choice("mean", mean, list(forms))

    def is_sum_of_tables(part: str) -> bool:
        return simplified(parse(part), bench.metrics) is not None

    parts: list[str] = []
    for device, optimum in zip(specialised.devices, specialised.optima.tolist(), strict=True):
        if not shares[device]:
            continue
        ratio, inverse = f"{device} / {optimum!r}", f"{optimum!r} / {device}"
        if bench.metrics[device].direction == "minimise":
            ratio, inverse = inverse, ratio
        term = forms[mean].format(w=shares[device], ratio=ratio, inverse=inverse)
        if not is_sum_of_tables(term):
            raise MetricError(
                f"the {mean} mean is no sum that whole spaces are searched by, as {device} has link "
                f"{bench.metrics[device].link}; choose harmonic for throughputs with link reciprocal and latencies "
                "with link identity, geometric for link log"
            )
        joined = next((i for i, part in enumerate(parts) if is_sum_of_tables(f"{part} + {term}")), None)
        if joined is None:
            parts.append(term)
        else:
            parts[joined] += f" + {term}"
    if len(parts) > MAX_OBJECTIVES:
        raise MetricError(
            f"the {mean} mean has {len(parts)} parts that no sum of tables joins, at most {MAX_OBJECTIVES} are "
            "searched; give some devices weight 0"
        )
    names = []
    for part in parts:
        names.append(unused_name(bench.metrics, "mean"))
        bench = bench.derive(names[-1], part, direction="minimise" if mean == "harmonic" else "maximise")
    return bench, names


def _mean(weights: NDArray[np.float64], ratios: NDArray[np.float64], mean: str) -> float:
    if mean == "harmonic":
        return float(1 / (weights / ratios).sum())
    if mean == "geometric":
        return float(np.exp((weights * np.log(ratios)).sum()))
    return float((weights * ratios).sum())
