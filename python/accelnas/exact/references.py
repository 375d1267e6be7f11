"""Published reference points: from where the hypervolume of a front over the bundled space is measured.

A fixed value a metric, so that hypervolumes of different papers and searches compare. Each is a round number that
is worse than every architecture of the space in both bundled families (a test proves it), so that every point adds
to the hypervolume; for rates it is 0. They are part of the benchmark: they change with its version only.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from accelnas.space import mnasnet_space

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from accelnas.exact.objectives import Objective
    from accelnas.models.predictor import Predictor

__all__ = ["REFERENCES", "published_reference"]

REFERENCES: Mapping[str, float] = MappingProxyType(
    {
        "accuracy": 30.0,  # %
        "accuracy_top5": 50.0,  # %
        "train_time": 7000.0,  # s
        "macs": 1000.0,  # M
        "params": 10.0,  # M
        "peak_memory": 20.0,  # MB
        "throughput_a100": 0.0,  # images/s
        "throughput_3090": 0.0,
        "throughput_tpuv2": 0.0,
        "throughput_tpuv3": 0.0,
        "throughput_zcu102": 0.0,
        "throughput_vck190": 0.0,
        "latency_zcu102": 40.0,  # ms
        "latency_vck190": 20.0,  # ms
        "latency_epyc_ort": 50.0,  # ms
        "latency_epyc_torch": 100.0,  # ms
        "throughput_epyc_ort": 0.0,
        "throughput_epyc_torch": 0.0,
    }
)


def published_reference(bench: Predictor, objectives: Sequence[Objective]) -> dict[str, float] | None:
    """Give the published value of every objective; None unless all have one.

    Values are of the bundled space's metrics, sought in their own direction.

    Examples
    --------
    >>> import accelnas
    >>> from accelnas.exact import Objective
    >>> published_reference(accelnas.load(), [Objective("accuracy", "maximise"), Objective("macs", "minimise")])
    {'accuracy': 30.0, 'macs': 1000.0}
    """
    if bench.space != mnasnet_space():
        return None
    own = [
        bench.metrics[o.metric].expression is None and bench.metrics[o.metric].direction == o.direction
        for o in objectives
    ]
    known = all(own) and all(o.metric in REFERENCES for o in objectives)
    return {o.metric: REFERENCES[o.metric] for o in objectives} if known else None
