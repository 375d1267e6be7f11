"""Answers of the functions of `accelnas.Benchmark`, as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from accelnas.serve.content import written
from accelnas.space.forms import is_integer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from accelnas import Benchmark
    from accelnas.serve.limits import Limits
    from accelnas.serve.models import Options, Predict, Query, Sample
    from accelnas.space import Rows

__all__ = ["encoded", "measured", "numbers", "predicted", "sampled"]


def encoded(bench: Benchmark, architectures: Sequence[Any]) -> Rows:
    """Choice indices of architectures; whole numbers are indices in the space."""
    if architectures and all(map(is_integer, architectures)):
        return bench.space.at(architectures)
    return bench.space.encode(list(architectures))


def numbers(bench: Benchmark, rows: Rows, asked: Options, threads: int | None = None) -> dict[str, dict[str, Any]]:
    """Predictions of each metric, and what belongs to them: arrays by name."""
    predictions: Mapping[str, Any] = bench.predict(
        rows, asked.metrics, return_std=asked.std, dtype=asked.dtype, threads=threads
    )
    found: dict[str, dict[str, Any]] = {
        name: dict(zip(("mean", "std"), pair if asked.std else (pair,), strict=False))
        for name, pair in predictions.items()
    }
    if asked.interval is not None:
        for name, column in found.items():
            ends = bench.predict_interval(rows, name, level=asked.interval, threads=threads)
            column["lower"], column["upper"] = ends
    return found


def predicted(bench: Benchmark, limits: Limits, asked: Predict) -> bytes:
    """Answer of ``/predict``."""
    limits.check_rows(len(asked.architectures))
    found = numbers(bench, encoded(bench, asked.architectures), asked, limits.threads)
    return written({"predictions": {m: {n: a.tolist() for n, a in column.items()} for m, column in found.items()}})


def measured(bench: Benchmark, limits: Limits, asked: Query) -> bytes:
    """Answer of ``/query``."""
    limits.check_rows(len(asked.architectures))
    rows = encoded(bench, asked.architectures)
    found = bench.query(rows, asked.metrics, seed=asked.seed, std=asked.std, threads=limits.threads)
    return written({"measurements": {name: values.tolist() for name, values in found.items()}})


def sampled(bench: Benchmark, limits: Limits, asked: Sample) -> bytes:
    """Answer of ``/sample``."""
    limits.check_rows(asked.count)
    archs = bench.space.sample(asked.count, asked.seed, unique=asked.unique)
    return written({"architectures": bench.space.format(archs)})
