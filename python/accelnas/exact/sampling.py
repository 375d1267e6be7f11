"""Estimates from random architectures: for metrics without tables, and spaces too large to search."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from accelnas import _core
from accelnas.arguments import check_seed, check_whole
from accelnas.errors import SearchError
from accelnas.exact.engine import Finished
from accelnas.space import Space

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from accelnas.benchmark import Benchmark
    from accelnas.exact.question import Question
    from accelnas.metric import Metric

__all__ = ["MOST_SAMPLES", "draw", "predictable", "sampled_outcome", "sampling_options", "sampling_wanted"]

MOST_SAMPLES = 10_000_000  # held in memory at once


def sampling_options(size: int, samples: int, seed: int) -> dict[str, int]:
    """Check how many random architectures of a (sub)space are asked for.

    Raises
    ------
    SearchError
        If a number is out of range.
    """
    samples, seed = check_whole("samples", samples, 100, MOST_SAMPLES), check_seed(seed)
    if samples >= size:
        raise SearchError(
            f"samples is {samples}, the (sub)space has {size} architectures; choose fewer, or method='exact'"
        )
    return {"samples": samples, "seed": seed}


def sampling_wanted(method: str, samples: int, seed: int) -> tuple[int, int] | None:
    """Give samples and seed where a method asks for them."""
    if method not in ("exact", "sample"):
        raise SearchError(f"method is {method!r}; choose exact or sample")
    return (samples, seed) if method == "sample" else None


def predictable(metrics: Mapping[str, Metric]) -> Mapping[str, Metric]:
    """Give metrics as if all had tables: samples need predictions alone."""
    return MappingProxyType({name: replace(metric, exact=True) for name, metric in metrics.items()})


def draw(space: Space, allowed: tuple[tuple[int, ...], ...], n: int, seed: int) -> NDArray[np.uint8]:
    """Draw architectures uniformly from a (sub)space; of the whole one ``space.sample(n, seed)``.

    Examples
    --------
    >>> import accelnas
    >>> space = accelnas.mnasnet_space()
    >>> whole = tuple(tuple(range(len(v.choices))) for v in space.variables)
    >>> bool((draw(space, whole, 100, 7) == space.sample(100, 7)).all())
    True
    >>> draw(space, ((1, 2), *whole[1:]), 1000, 7)[:, 0].min()
    np.uint8(1)
    """
    if all(len(some) == len(v.choices) for some, v in zip(allowed, space.variables, strict=True)):
        return space.sample(n, seed)
    drawn = Space(_restricted(space, allowed)).sample(n, seed)
    columns = [np.array(some, np.uint8)[drawn[:, i]] for i, some in enumerate(allowed)]
    return np.ascontiguousarray(np.stack(columns, axis=1))


def sampled_outcome(bench: Benchmark, question: Question, threads: int | None) -> tuple[dict[str, Any], Finished]:
    """Draw the samples that a question asks for, and predict its metrics."""
    started = time.monotonic()
    n, seed = question.options["samples"], question.options["seed"]
    rows = draw(bench.space, question.allowed, n, seed)
    values = bench.predict(rows, list(question.metrics), dtype="float64", threads=threads)
    outcome = {"values": values, "complete": False, "evaluated": n, "pruned": 0, "settled": 0}
    return outcome, Finished("", time.monotonic() - started, threads or _core.processors(), "threads")


def _restricted(space: Space, allowed: tuple[tuple[int, ...], ...]) -> str:
    """Define the space of the allowed choices in TOML, whose strings and numbers are JSON's."""
    variables = iter(zip(space.variables, allowed, strict=True))
    lines = ["[space]", f"name = {json.dumps(space.name)}"]
    for block in space.blocks:
        lines += ["[[space.blocks]]", f"name = {json.dumps(block.name)}"]
        for _ in block.variables:
            variable, some = next(variables)
            choices = json.dumps([variable.choices[i] for i in some])
            lines += ["[[space.blocks.variables]]", f"name = {json.dumps(variable.name)}"]
            lines += [f"symbol = {json.dumps(variable.symbol)}", f"choices = {choices}"]
    return "\n".join(lines)
