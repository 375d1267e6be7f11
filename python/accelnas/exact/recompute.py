"""Predicts metrics with NumPy alone, straight from the files: an independent witness for the Rust core.

`docs/reference/FORMAT.md` describes the files. Slow.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from accelnas.errors import ArtifactError, MetricError
from accelnas.exact.artifacts import artifact
from accelnas.files import MODEL, read_bytes
from accelnas.models.derived import is_of_choices, simplified
from accelnas.models.expressions import evaluate, metric_names, parse
from accelnas.models.formulas import summands
from accelnas.models.quantiles import FALLING, off_prediction

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from accelnas.models.predictor import Predictor
    from accelnas.models.quantiles import OffPrediction
    from accelnas.space import Space

    Floats = NDArray[np.float64]

__all__ = ["recompute"]

_DTYPES = {"F64": "<f8", "F32": "<f4", "U32": "<u4", "U16": "<u2", "U8": "u1"}
_NO_AXIS = 65535


def recompute(bench: Predictor, metric: str, rows: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Give a metric's values in its unit, in float64.

    Raises
    ------
    ArtifactError
        If a file is not the one that the benchmark names.
    MetricError
        If its expression is undefined.

    Examples
    --------
    >>> import accelnas
    >>> bench = accelnas.load()
    >>> rows = bench.space.sample(10)
    >>> own = recompute(bench, "throughput_a100", rows)
    >>> bool(np.allclose(own, bench.predict(rows, "throughput_a100", dtype="float64"), rtol=1e-12))
    True
    """
    expression = bench.metrics[metric].expression
    if expression is None:
        return _from_file(bench, metric, rows).values()
    if is_of_choices(expression, bench.space, bench.metrics):
        constant, parts = summands(expression, bench.space)
        return np.asarray(sum((part.at(rows) for part in parts), np.full(len(rows), constant)))
    off = off_prediction(expression)
    if off is not None:
        return _linked(bench, off.metric, rows).off(off)
    tree = parse(expression)
    values = {name: recompute(bench, name, rows)[:, None] for name in metric_names(tree)}

    def refuse(what: str, _position: int, _shape: tuple[int, ...]) -> NoReturn:
        raise MetricError(f"{metric} = {expression}: {what}; keep to where it is defined")

    return np.broadcast_to(evaluate(tree, values, refuse), (len(rows), 1))[:, 0]


@dataclass(frozen=True)
class _Linked:
    """A metric on the scale of its link: members (n, members), and what they all miss (n,), where that is known."""

    link: str
    limit: float
    members: Floats
    residuals: Floats | None
    scores: Floats | None

    def values(self) -> Floats:
        """Give the metric's values, in its unit."""
        return self._inverse(self.members.mean(axis=1))

    def off(self, off: OffPrediction) -> Floats:
        """Give values off the prediction."""
        if self.residuals is None or self.scores is None:
            raise MetricError(f"{off.metric} comes without held-out errors")
        sign, count = -1.0 if self.link in FALLING else 1.0, off.number
        if off.function == "quantile":
            rank = math.ceil((len(self.scores) + 1) * abs(2 * off.number - 1) * (1 - 1e-12))
            count = math.copysign(float(self.scores[rank - 1]), off.number - 0.5) if off.number != 0.5 else 0.0
        linked = self.members.mean(axis=1) + sign * count * np.hypot(self.members.std(axis=1), self.residuals)
        largest = np.finfo(np.float64).max
        if self.link == "reciprocal":
            return np.where(linked > 0, self._inverse(np.maximum(linked, 1 / largest)), largest)
        return np.clip(self._inverse(linked), -largest, largest)

    def _inverse(self, linked: Floats) -> Floats:
        match self.link:
            case "reciprocal":
                return np.asarray(1.0 / linked)
            case "log":
                return np.asarray(np.exp(linked))
            case "below":
                return np.asarray(self.limit - np.exp(-linked))
            case "above":
                return np.asarray(self.limit + np.exp(linked))
            case "capped":
                slow = linked > 0  # what takes no time at all is as fast as can be
                return np.where(slow, np.minimum(1.0 / np.where(slow, linked, 1.0), self.limit), self.limit)
            case "floored":
                return np.maximum(linked, self.limit)
        return linked


def _linked(bench: Predictor, metric: str, rows: NDArray[np.uint8]) -> _Linked:
    """Give a metric on the scale of its link, where it is a multiple of one that has a file."""
    expression = bench.metrics[metric].expression
    if expression is None:
        return _from_file(bench, metric, rows)
    form = simplified(parse(expression), bench.metrics)
    if form is None or len(form.weights) != 1:
        raise MetricError(f"{metric} = {expression} is no multiple of one metric")
    ((name, weight),) = form.weights.items()
    of = _linked(bench, name, rows)
    residuals = None if of.residuals is None else abs(weight) * of.residuals
    return replace(
        of, link=form.link, limit=form.limit or 0.0, members=weight * of.members + form.constant, residuals=residuals
    )


def _from_file(bench: Predictor, metric: str, rows: NDArray[np.uint8]) -> _Linked:
    path, sha256 = artifact(bench, metric)
    data = read_bytes(path, MODEL)
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise ArtifactError(f"{path} has SHA-256 {found}, benchmark.toml says {sha256}; compile it again")
    tensors, header = _tensors(data)
    states, cards = _states(bench.space, rows, header["granularity"])
    cells = tensors["table_cells"].astype(np.float64)
    members = np.tile(tensors["constants"], (len(rows), 1))
    axes = [[int(axis) for axis in row if axis != _NO_AXIS] for row in tensors["table_axes"]]
    given = header.get("form") == "given"  # tables of all cells
    free = [tuple(cards[axis] - (not given) for axis in some) for some in axes]
    offsets = np.concatenate([[0], np.cumsum([np.prod(shape, dtype=int) for shape in free])]).astype(int)
    for some, shape, (start, stop) in zip(axes, free, pairwise(offsets.tolist()), strict=True):
        at = tuple(states[axis] for axis in some)
        for member, own in enumerate(cells):
            table = own[start:stop].reshape(shape)
            members[:, member] += (table if given else _expanded(table))[at]
    if "forest.member_trees" in tensors:
        members += _leaves(tensors, rows)
    ((link, limit),) = header["link"].items() if isinstance(header["link"], dict) else [(header["link"], 0.0)]
    residuals = None
    if "uncertainty.residual" in tensors:
        sizes = [len(v.states) for v in bench.space.variables]
        factors = tensors["uncertainty.factors"][np.cumsum([0, *sizes[:-1]]) + rows]
        residuals = tensors["uncertainty.residual"][0] * factors.prod(axis=1)
    return _Linked(link, limit, members, residuals, tensors.get("uncertainty.scores"))


def _tensors(data: bytes) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Arrays of a safetensors file, and accelnas's own header in it."""
    length = int.from_bytes(data[:8], "little")
    entries = json.loads(data[8 : 8 + length])
    header: dict[str, Any] = json.loads(entries.pop("__metadata__")["accelnas"])
    body = data[8 + length :]
    tensors = {}
    for name, entry in entries.items():
        start, stop = entry["data_offsets"]
        flat = np.frombuffer(body[start:stop], _DTYPES[entry["dtype"]])
        tensors[name] = flat.reshape(entry["shape"])
    return tensors, header


def _states(space: Space, rows: NDArray[np.uint8], granularity: str) -> tuple[list[NDArray[np.int64]], list[int]]:
    """Give the state of every axis, and its number of states."""
    choices = {v.name: len(v.states) for v in space.variables}
    columns = {v.name: rows[:, i].astype(np.int64) for i, v in enumerate(space.variables)}
    if granularity == "variables":
        return list(columns.values()), list(choices.values())
    states, cards = [], []
    for block in space.blocks:
        state, card = np.zeros(len(rows), np.int64), 1
        for name in block.variables:
            state, card = state * choices[name] + columns[name], card * choices[name]
        states.append(state)
        cards.append(card)
    return states, cards


def _expanded(free: NDArray[np.float64]) -> NDArray[np.float64]:
    """Add the last state of every axis: minus the sum of the others."""
    for axis in range(free.ndim):
        free = np.concatenate([free, -free.sum(axis=axis, keepdims=True)], axis=axis)
    return free


def _leaves(tensors: Mapping[str, NDArray[Any]], rows: NDArray[np.uint8]) -> Floats:
    """Walk each member's trees: a split's left child follows it, its right child follows its left subtree."""
    variables, goes_left, values = (tensors[f"forest.{name}"] for name in ("variables", "goes_left", "values"))
    is_leaf = variables == np.iinfo(variables.dtype).max
    split, leaf = np.cumsum(~is_leaf) - 1, np.cumsum(is_leaf) - 1
    right = np.zeros(len(variables), int)
    later: list[int] = []
    for node in range(len(variables) - 1, -1, -1):
        if not is_leaf[node]:
            later.pop()
            right[node] = later.pop()
        later.append(node)
    firsts = tensors["forest.member_trees"].astype(int)
    sums = np.zeros((len(rows), len(firsts) - 1))
    for tree, root in enumerate(tensors["forest.tree_nodes"][:-1].astype(int)):
        at = np.full(len(rows), root)
        while (moving := np.flatnonzero(~is_leaf[at])).size:
            nodes = at[moving]
            choices = rows[moving, variables[nodes]]
            is_left = goes_left[split[nodes], choices // 8] >> (choices % 8) & 1
            at[moving] = np.where(is_left, nodes + 1, right[nodes])
        sums[:, np.searchsorted(firsts, tree, side="right") - 1] += values[leaf[at]]
    return sums
