"""Benchmarks with metrics that stay in memory, of tables that a study makes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelnas.benchmark import Benchmark

if TYPE_CHECKING:
    from collections.abc import Mapping

    from accelnas import _core

__all__ = ["with_metrics"]


def with_metrics(bench: Benchmark, surrogates: Mapping[str, tuple[_core.Surrogate, str]]) -> Benchmark:
    """Give a benchmark with more metrics: by name their tables, and ``"maximise"`` or ``"minimise"``."""
    core = bench._core
    for name, (surrogate, direction) in surrogates.items():
        core = core.with_metric(
            name,
            surrogate,
            unit="",
            direction=direction,
            link="identity",
            noise=None,
            description="made by a study",
            provenance={},
        )
    new = Benchmark.__new__(Benchmark)
    new._path, new._core, new._derived = bench.path, core, {}
    return new
