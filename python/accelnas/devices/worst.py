"""One network for several devices, best in the worst case."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from accelnas._core import MAX_LIMITS
from accelnas.arguments import check_number
from accelnas.devices.ratios import Answered, best_of, speed_text, value_of_ratio
from accelnas.devices.specialisation import OneNetwork, measured
from accelnas.errors import SearchError
from accelnas.exact.constraints import parse_constraints

if TYPE_CHECKING:
    from accelnas.devices.specialisation import Specialisation
    from accelnas.exact.certificate import Certificate
    from accelnas.exact.kinds import BestResult
    from accelnas.models.predictor import Predictor

__all__ = ["WorstCase", "worst_case"]

_CLOSE = 1e-6  # ratios nearer than that are told apart one by one, not by halves


@dataclass(frozen=True, repr=False, eq=False, kw_only=True)
class WorstCase(OneNetwork):
    """One network for all devices, whose worst ratio to a device's optimum is as high as can be.

    Attributes
    ----------
    devices, architecture, text, accuracy, values, ratios
        As of `OneNetwork`.
    lower : float
        The worst ratio of the architecture, which is the best one up to the tolerance.
    upper : float
        Proven: no architecture that meets the constraints has a worst ratio of `upper` or more.
    questions : int
        How many searches of the whole space it took.
    reached : Certificate
        Of the question that found the architecture.
    excluded : Certificate or None
        Of the question that nothing with a ratio of `upper` exists; None where no device can exceed its optimum.
    """

    lower: float
    upper: float
    questions: int
    reached: Certificate
    excluded: Certificate | None

    @property
    def is_exact(self) -> bool:
        """Whether no float64 number lies between the bounds, so that `lower` is the optimum."""
        return self.upper <= math.nextafter(self.lower, math.inf)

    def __repr__(self) -> str:
        return f"<WorstCase: {self.lower:.6g} of the optimum on each of {len(self.devices)} devices>"


def worst_case(
    bench: Predictor,
    specialised: Specialisation,
    *,
    tolerance: float = 1e-4,
    threads: int | None = None,
    progress: Answered | None = None,
) -> WorstCase:
    """Find the network whose smallest ratio to each device's own optimum is largest, and prove it.

    Parameters
    ----------
    bench : Benchmark
        The benchmark.
    specialised : Specialisation
        Devices, their proven optima, the least accuracy and the constraints: `specialise` gives it.
    tolerance : float
        How far the proven bounds of the ratio may be apart; 0 for the optimum itself.
    threads : int, optional
        Threads to use; one a core by default.
    progress : callable, optional
        Called with the number of questions answered and about how many there will be.

    Returns
    -------
    WorstCase
        A network and proven bounds of the best ratio.

    Raises
    ------
    SearchError
        If there are more bounds than `_core.MAX_LIMITS`: one a device, one for accuracy, and those of the constraints
        on other metrics.
    ParameterError
        If the tolerance is no number of at least 0.

    Notes
    -----
    Bisection of the ratio r. Each step asks for the most accurate network with a ratio of r on every device; the bounds
    on the metrics are the float64 numbers whose rounded ratio just is r. A network found raises the lower bound to
    its own worst ratio, a proof that there is none lowers the upper one.

    Examples
    --------
    >>> import accelnas
    >>> from accelnas.devices import specialise
    >>> bench = accelnas.load()
    >>> part = {f"block{b}_{v}": 3 for b in range(5) for v in "kl"}
    >>> specialised = specialise(bench, ["throughput_a100", "latency_zcu102"], at_least=60, within=part)
    >>> found = worst_case(bench, specialised)
    >>> bool(specialised.ratios.min(axis=1).max() <= found.lower < found.upper <= found.lower + 1e-4)
    True
    """
    tolerance = check_number("tolerance", tolerance, 0)
    _check_bounds(bench, specialised)
    count = len(specialised.devices)
    start = int(specialised.ratios[:count].min(axis=1).argmax())
    row = specialised.architectures[start]
    lower, upper = float(specialised.ratios[start].min()), math.nextafter(1.0, math.inf)
    reached, excluded = specialised.certificates[specialised.devices[start]], None
    questions = 0
    while upper - lower > max(tolerance, math.ulp(lower)):
        is_close = upper - lower <= _CLOSE
        ratio = math.nextafter(lower, math.inf) if is_close else lower + (upper - lower) / 2
        found = _most_accurate(bench, specialised, ratio, threads)
        if len(found):
            row, reached = found.architectures[0], found.certificate
            lower = float(measured(bench, specialised, row, threads)["ratios"].min())
        else:
            upper, excluded = ratio, found.certificate
        questions += 1
        if progress is not None:
            left = math.ceil(math.log2(max(1.0, (upper - lower) / max(tolerance, _CLOSE))))
            progress(questions, questions + left)
    network = measured(bench, specialised, row, threads)
    return WorstCase(lower=lower, upper=upper, questions=questions, reached=reached, excluded=excluded, **network)


def _check_bounds(bench: Predictor, specialised: Specialisation) -> None:
    """Refuse early what the core would refuse in the middle."""
    devices = specialised.devices
    limits = parse_constraints(bench.metrics, _limits(bench, specialised, 1.0))
    count = sum(math.isfinite(end) for limit in limits for end in (limit.lower, limit.upper))
    if count > MAX_LIMITS:
        raise SearchError(
            f"{len(devices)} devices, the accuracy and the constraints make {count} bounds, at most {MAX_LIMITS} are "
            "supported; leave out devices or constraints, or restrict the space with within"
        )


def _most_accurate(bench: Predictor, specialised: Specialisation, ratio: float, threads: int | None) -> BestResult:
    """Ask for a network with at least this ratio on all devices."""
    limits = _limits(bench, specialised, ratio)
    return best_of(bench, specialised.accuracy, limits, specialised.within, threads)


def _limits(bench: Predictor, specialised: Specialisation, ratio: float) -> list[str]:
    """Give the constraints on specialised networks, and a bound a device that is at least this ratio."""
    bounds = [
        speed_text(bench.metrics[device], value_of_ratio(bench.metrics[device], optimum, ratio))
        for device, optimum in zip(specialised.devices, specialised.optima.tolist(), strict=True)
    ]
    return [*specialised.limits, *bounds]
