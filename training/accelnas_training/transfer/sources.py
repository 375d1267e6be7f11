"""What is known of other devices: what each block adds to their time per image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits

from accelnas.caching import cached_property
from accelnas.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from accelnas import Benchmark, Space
    from accelnas_training.arrays import Archs, Floats


_SPEEDS = ("throughput_", "latency_")
COSTS = ("macs", "params")
_PER_UNKNOWN = 20  # rows of the reference sample for each number that is fitted to them
_LEAST_ROWS = 5000


def board(metric: str) -> str:
    """Name of the device that a speed was measured on.

    Examples
    --------
    >>> board("throughput_zcu102") == board("latency_zcu102") == "zcu102"
    True
    """
    return metric.partition("_")[2]


def machine(metric: str) -> str:
    """First word of the board's name, which runtimes of one machine share.

    Examples
    --------
    >>> machine("latency_epyc_ort") == machine("throughput_epyc_torch") == "epyc"
    True
    """
    return board(metric).partition("_")[0]


def link_of(metric: str) -> str:
    """Scale on which a new metric is a sum over blocks: a throughput's is time per image, the reciprocal.

    Examples
    --------
    >>> link_of("throughput_mine"), link_of("latency_mine")
    ('reciprocal', 'identity')
    """
    return "reciprocal" if metric.startswith("throughput") else "identity"


def default_sources(bench: Benchmark) -> list[str]:
    """Name the speeds of a benchmark, then MACs and parameters where it has them.

    Examples
    --------
    >>> import accelnas
    >>> default_sources(accelnas.load())[:2]
    ['throughput_a100', 'throughput_3090']
    """
    speeds = [name for name in bench.metrics if name.startswith(_SPEEDS)]
    return speeds + [name for name in COSTS if name in bench.metrics]


def without(names: Sequence[str], boards: Sequence[str]) -> list[str]:
    """Leave out all speeds of some boards.

    Examples
    --------
    >>> without(["throughput_a100", "latency_zcu102", "macs"], ["zcu102"])
    ['throughput_a100', 'macs']
    """
    return [name for name in names if not (name.startswith(_SPEEDS) and board(name) in boards)]


class Sources:
    """What each block adds to known metrics of a benchmark, each on the scale on which it is a sum over blocks.

    Time per image is such a sum but for a small part: the sum explains 98.5 % of the variance of the bundled
    benchmark's TPUv3, and 99.9 % and more of all its other speeds.

    Parameters
    ----------
    bench
        The benchmark.
    names
        Metrics with link reciprocal or identity, perhaps with a ceiling or a floor; `default_sources` by default.

    Attributes
    ----------
    names : list of str
        The metrics.
    space : `accelnas.Space`
        The benchmark's.

    Raises
    ------
    DataError
        If there is no metric, or one is on another scale.
    MetricError
        If the benchmark has no such metric, or an expression evaluates it.

    Examples
    --------
    >>> import accelnas
    >>> sources = Sources(accelnas.load(), ["throughput_a100", "macs"])
    >>> [table.shape for table in sources.block_tables][:2]
    [(36, 2), (36, 2)]
    """

    def __init__(self, bench: Benchmark, names: Sequence[str] | None = None) -> None:
        self.names = default_sources(bench) if names is None else list(names)
        self.space: Space = bench.space
        if not self.names:
            raise DataError(f"benchmark {bench.name} has no known device; name metrics that tell what blocks cost")
        self._surrogates = [bench._surrogate(name) for name in self.names]
        for name in self.names:
            if bench.metrics[name].link not in ("reciprocal", "identity", "capped", "floored"):
                raise DataError(f"{name} has link {bench.metrics[name].link}; use metrics that are times or speeds")

    @cached_property
    def block_tables(self) -> list[Floats]:
        """What each state of a block adds to each metric: float64 (states, sources) a block.

        Least squares over random architectures; the tables have zero means, and sums of variance 1.
        """
        sizes = [block.size for block in self.space.blocks]
        rows = self.space.sample(max(_LEAST_ROWS, _PER_UNKNOWN * sum(sizes)), seed=0)
        values = np.stack([surrogate.predict(rows, 1) for surrogate in self._surrogates], axis=1)
        parts = fit_blocks(self.space.block_states(rows), sizes, values)[1]
        tables = [part - part.mean(axis=0) for part in parts]
        spreads = np.sqrt(sum(table.var(axis=0) for table in tables))
        return [table / np.where(spreads > 0, spreads, 1.0) for table in tables]


def fit_blocks(states: Archs, sizes: Sequence[int], values: Floats) -> tuple[Floats, list[Floats]]:
    """Fit a sum over blocks by least squares; of the many that fit alike, the smallest.

    Of block states, uint8 (n, blocks), of so many sizes, and functions' values, float64 (n, m). Gives a constant,
    float64 (m,), and float64 (states, m) a block, whose state 0 adds nothing.

    Examples
    --------
    >>> states = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.uint8)
    >>> constant, (first, second) = fit_blocks(states, [2, 2], np.array([[5.0], [6], [7], [8]]))
    >>> constant.round(9), first[:, 0].round(9), second[:, 0].round(9)
    (array([5.]), array([0., 2.]), array([0., 1.]))
    """
    hot = [np.eye(size)[states[:, b]][:, 1:] for b, size in enumerate(sizes)]
    design = np.concatenate([np.ones((len(states), 1)), *hot], axis=1)
    with threadpool_limits(1):  # sums in one order
        found = np.linalg.lstsq(design, values, rcond=None)[0]
    parts = np.split(found[1:], np.cumsum([size - 1 for size in sizes])[:-1])
    return found[0], [np.concatenate([np.zeros((1, values.shape[1])), part]) for part in parts]
