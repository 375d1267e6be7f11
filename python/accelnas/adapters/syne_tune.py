"""Benchmarks as Syne Tune's blackboxes, its searchers in our searches (extra ``syne-tune``)."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from accelnas.adapters.shared import OneByOne, OwnChance, alone, needs, seed_of_32_bits
from accelnas.adapters.syne_tune_space import encode_configurations, to_syne_tune

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from accelnas.adapters.syne_tune_blackbox import BenchmarkBlackbox
    from accelnas.models.predictor import Measurable
    from accelnas.search.protocol import Task, UserAlgorithm
    from accelnas.space import Rows

__all__ = ["encode_configurations", "syne_tune_algorithm", "to_blackbox", "to_syne_tune"]


def to_blackbox(
    bench: Measurable, metrics: Sequence[str] | None = None, *, clock: str | None = None
) -> BenchmarkBlackbox:
    """Return a benchmark as a blackbox of Syne Tune, such as its simulator's ``UserBlackboxBackend`` takes.

    Parameters
    ----------
    bench : Benchmark
        The benchmark.
    metrics : sequence of str, optional
        Metrics, or formulas of choices such as ``"sum(l)"``; all metrics of the benchmark by default.
    clock : str, optional
        Metric that says how many seconds an evaluation takes, such as ``"train_time"``. One second each by default.

    Returns
    -------
    syne_tune.blackbox_repository.blackbox.Blackbox
        Its configuration space is that of `to_syne_tune`, its objectives are the metrics in their own units, followed
        by ``elapsed_time`` in seconds; its one fidelity is ``hp_epoch`` 1. Called without a seed it predicts, with one
        it simulates the measurement of that seed (`Benchmark.query`). Configurations are read as
        `encode_configurations` does.

    Raises
    ------
    MissingExtraError
        If Syne Tune, or huggingface_hub, which its blackboxes need, is not installed.
    MetricError
        If a metric is unknown or called ``elapsed_time``, or the clock's unit is not s.
    """
    with needs("syne-tune"):
        from accelnas.adapters.syne_tune_blackbox import BenchmarkBlackbox
    return BenchmarkBlackbox(bench, metrics, clock)


def syne_tune_algorithm(searcher: Callable[..., Any] | None = None, **options: Any) -> UserAlgorithm:
    """Let a searcher of Syne Tune (Salinas et al. 2022) run in our searches.

    Parameters
    ----------
    searcher : callable, optional
        A class of searchers, such as ``RegularizedEvolution`` (the default), ``KernelDensityEstimator``, ``Bore`` or
        ``MultiObjectiveRegularizedEvolution``; called with the configuration space, ``random_seed`` and `options`.
    **options
        What else the searcher takes, such as ``population_size=20``.

    Returns
    -------
    UserAlgorithm
        It asks one architecture at a time, and gives the searcher costs to minimise. The searcher knows no rules:
        choices of inactive variables are ignored, and an architecture near to a forbidden one is evaluated in
        its place. Where the searcher
        has no more suggestions, uniform architectures are evaluated, of which it is not told.

    Raises
    ------
    MissingExtraError
        When a run begins, if Syne Tune is not installed.

    Notes
    -----
    Some searchers also draw from NumPy's global random state. A run puts its own in place while the searcher works, and
    that of everyone else back; so runs can't share a process's threads.
    """
    return partial(_Run, searcher, options)


class _Run(OneByOne):
    """One run of a searcher, asked and told."""

    def __init__(self, searcher: Callable[..., Any] | None, options: dict[str, Any], task: Task) -> None:
        super().__init__(task)
        self._config_space = to_syne_tune(task.space)
        if searcher is None:
            from syne_tune.optimizer.schedulers.searchers.regularized_evolution import RegularizedEvolution

            searcher = RegularizedEvolution
        seed = seed_of_32_bits(task.seed)
        self._chance = OwnChance(seed)
        with self._chance, _tolerated():
            # Syne Tune draws its own seeds below 2**31
            self._searcher = searcher(self._config_space, random_seed=seed >> 1, **options)
        self._number = 0

    def propose(self) -> dict[str, Any] | None:
        with self._chance, _tolerated():
            found: dict[str, Any] | None = self._searcher.suggest()
        return found

    def row(self, proposed: dict[str, Any]) -> Rows:
        return encode_configurations(self._task.space, [proposed])

    def learn(self, proposed: dict[str, Any], costs: list[float]) -> None:
        with self._chance, _tolerated():
            self._searcher.on_trial_complete(self._number, proposed, alone(costs))
        self._number += 1


@contextmanager
def _tolerated() -> Iterator[None]:
    """Let pass what the density estimates of its TPE warn of."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="After 0.17", category=FutureWarning)
        warnings.filterwarnings("ignore", message="divide by zero encountered", category=RuntimeWarning)
        yield
