"""Metrics that questions need and a benchmark lacks: what constraints and objectives are on, derived."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, TypeVar

from accelnas.arguments import check_number
from accelnas.exact.choices import on_choices
from accelnas.exact.constraints import Constraint
from accelnas.exact.objectives import parse_objective
from accelnas.exact.probable import is_certain, probable
from accelnas.models.derived import is_of_choices
from accelnas.models.quantiles import OffPrediction, off_prediction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from accelnas.exact.constraints import Constraints
    from accelnas.exact.objectives import ObjectiveLike
    from accelnas.models.predictor import Predictor

    Bench = TypeVar("Bench", bound=Predictor)

__all__ = ["with_derived", "with_limits", "with_objectives"]


def with_limits(bench: Bench, subject_to: Constraints) -> tuple[Bench, Constraints]:
    """Give a benchmark whose metrics all constraints are on: formulas of choices and quantiles are derived.

    Parameters
    ----------
    bench : Predictor
        The benchmark.
    subject_to : Constraints
        Constraints; texts such as ``"count(se == 1) <= 3"``, ``"block1_k == block2_k"`` and ``"block0_e in (1, 4)"``,
        whose names are variables and symbols alone, are on choices; ``"latency_zcu102 <= 5 with 0.95"`` and
        ``"quantile(latency_zcu102, 0.95) <= 5"`` are on a quantile of what is measured.

    Raises
    ------
    MetricError
        If a formula is undefined or names no choice, or a metric has no quantiles.
    SearchError
        If a constraint can't be read.

    Examples
    --------
    >>> import accelnas
    >>> bench, limits = with_limits(accelnas.load(), ["macs <= 300", "9 <= sum(l) <= 16", "block1_k == block2_k"])
    >>> [str(limit) for limit in limits]
    ['macs <= 300', 'sum(l) >= 9.0', 'sum(l) <= 16.0', 'block1_k - block2_k == 0.0']
    >>> bench.predict([[2, 0, choice, 0] * 7 for choice in range(3)], "sum(l)")
    array([ 7., 14., 21.], dtype=float32)
    """
    if isinstance(subject_to, Mapping):
        return with_derived(bench, subject_to), subject_to
    limits: list[str | Constraint] = []
    for text in subject_to if isinstance(subject_to, Iterable) and not isinstance(subject_to, str) else [subject_to]:
        ranges = (probable(bench.metrics, text) or on_choices(bench, text)) if isinstance(text, str) else []
        bench = with_derived(bench, [metric for metric, _, _ in ranges])
        limits += [Constraint(*each) for each in ranges] or [text]
    return bench, limits


def with_objectives(
    bench: Bench, objectives: Sequence[ObjectiveLike], risk: float = 0.0
) -> tuple[Bench, list[ObjectiveLike]]:
    """Give a benchmark that has all objectives, and these on the safe side of predictions by some deviations.

    Parameters
    ----------
    bench : Predictor
        The benchmark.
    objectives : sequence of str or (str, direction)
        Metrics, quantiles too.
    risk : float
        How many total standard deviations to take off, on the scale of the link: the objective is what a measurement
        hardly falls short of. Metrics that are exact stay as they are.

    Raises
    ------
    MetricError
        If a metric is unknown, or its held-out errors are not known.
    ParameterError
        If the risk is no finite number of at least 0.

    Examples
    --------
    >>> import accelnas
    >>> _, objectives = with_objectives(accelnas.load(), ["accuracy", "latency_zcu102", "macs"], risk=1)
    >>> objectives[:2]
    [('sigma(accuracy, -1.0)', 'maximise'), ('sigma(latency_zcu102, 1.0)', 'minimise')]
    >>> objectives[2]
    'macs'
    """
    risk = check_number("risk", risk, 0)
    found: list[ObjectiveLike] = []
    for given in objectives:
        name = given if isinstance(given, str) else given[0] if isinstance(given, (tuple, list)) and given else None
        if isinstance(name, str):
            bench = with_derived(bench, [name])
        objective = parse_objective(bench.metrics, given)
        if not risk or is_certain(bench.metrics[objective.metric]):
            found.append(given)
            continue
        off = str(OffPrediction("sigma", objective.metric, -objective.sign * risk))
        bench = with_derived(bench, [off])
        found.append((off, objective.direction))
    return bench, found


def with_derived(bench: Bench, names: Iterable[object]) -> Bench:
    """Derive what names say, as formulas of choices or quantiles, and a benchmark lacks; leave other names alone."""
    for name in names:
        if not isinstance(name, str) or name in bench.metrics:
            continue
        off = off_prediction(name)
        if off is not None and off.metric in bench.metrics:
            bench = bench.derive(name, name, direction=bench.metrics[off.metric].direction)  # type: ignore[assignment]
        elif off is not None or is_of_choices(name, bench.space, bench.metrics):
            bench = bench.derive(name, name, direction="minimise")  # type: ignore[assignment]
    return bench
