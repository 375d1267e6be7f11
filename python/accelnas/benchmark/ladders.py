"""Which metrics of a benchmark are one quantity after fewer and more epochs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelnas.arguments import check_whole
from accelnas.errors import MetricError
from accelnas.exact.objectives import known_metric
from accelnas.fidelities import MOST_EPOCHS, Fidelity, parse_fidelity

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from accelnas.metric import Metric

__all__ = ["chosen", "fidelities"]

Ladder = dict[int, str]


def fidelities(metrics: Mapping[str, Metric], provenance: Callable[[str], Mapping[str, str]], metric: str) -> Ladder:
    """Give the metrics that are one after fewer epochs, and itself, by epochs; nothing is read unless some may be."""
    known_metric(metrics, metric)
    lower = [name for name in metrics if (parse_fidelity(name) or ("",))[0] == metric]
    found: Ladder = {}
    for name in [metric, *lower] if lower else []:
        text = provenance(name).get("fidelity")
        fidelity = None if text is None else Fidelity.of_text(text, name)
        if fidelity is not None and fidelity.of == metric:
            found[fidelity.epochs] = name
    own = max((epochs for epochs, name in found.items() if name == metric), default=0)
    ladder = {epochs: found[epochs] for epochs in sorted(found) if epochs <= own}
    return ladder if len(ladder) > 1 else {}


def chosen(
    metrics: Mapping[str, Metric],
    given: str | Sequence[str] | None,
    epochs: int | None,
    ladders: Callable[[str], Ladder],
) -> list[str]:
    """Give the names of metrics that were asked for, all by default; after so many epochs, those that have them.

    Raises
    ------
    MetricError
        If there is no such metric, or it has not this fidelity.
    """
    names = list(metrics) if given is None else [given] if isinstance(given, str) else list(given)
    names = [known_metric(metrics, name) for name in names]
    if epochs is None:
        return names
    epochs = check_whole("epochs", epochs, 1, MOST_EPOCHS)
    found = {name: ladders(name) for name in names}
    if given is None:
        having = {name: ladder for name, ladder in found.items() if ladder}
        found = {name: ladder for name, ladder in having.items() if epochs in ladder} or having or found
    for name, ladder in found.items():
        if epochs not in ladder:
            remedy = f"choose of {', '.join(map(str, ladder))}" if ladder else "it has no fidelities: leave epochs out"
            raise MetricError(f"{name} is not known after {epochs} epochs; {remedy}")
    return [ladder[epochs] for ladder in found.values()]
