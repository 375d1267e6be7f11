"""Expected values of a metric's tables, under independent choices: a PyTorch module that has gradients."""

from __future__ import annotations

import json
import math
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from safetensors import safe_open
from torch import nn

from accelnas import _core
from accelnas.errors import MetricError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from accelnas import Benchmark, Space
    from accelnas.metric import Metric
    from accelnas_training.arrays import Archs, Floats, Rows

_NO_AXIS = 65_535


class Tables(NamedTuple):
    """A metric's model as a sum over tables, on the scale of its link; means over the ensemble's members."""

    constant: float
    axes: list[list[int]]  # the variables of each axis: one, or those of a block
    # the tables, by their shape: their axes, intp (n, order), and all their cells, float64 (n, *shape)
    groups: list[tuple[Rows, Floats]]


def read_tables(bench: Benchmark, metric: str) -> Tables:
    """Give the tables of a metric, in the form of a metric's file (docs/reference/FORMAT.md).

    Raises
    ------
    MetricError
        If there is no such metric, no surrogate of its own predicts it, it has trees beside its tables, or the
        space has rules, under which choices are not independent.
    """
    surrogate = bench._surrogate(metric)
    if surrogate.forest_trees:
        raise MetricError(
            f"{metric} has {surrogate.forest_trees} trees that no tables hold, so its expectation has no short form; "
            "choose a metric of tables alone, such as one of the bundled benchmark"
        )
    if bench.space._core.has_rules:
        raise MetricError(
            f"space {bench.space.name} has rules, under which choices are not independent; choose a space without"
        )
    with tempfile.TemporaryDirectory() as folder:
        _core.write_metric(
            folder,
            "tables",
            surrogate.averaged(),
            unit="",
            direction="minimise",
            link="identity",
            noise=None,
            description="",
            provenance={},
        )
        with safe_open(Path(folder) / "tables.safetensors", framework="np") as file:
            header = json.loads(file.metadata()["accelnas"])
            axes, cells = file.get_tensor("table_axes"), file.get_tensor("table_cells")[0].astype(np.float64)
            constant = float(file.get_tensor("constants")[0])
    return _filled(bench.space, header, axes, cells, constant)


def _filled(space: Space, header: dict[str, str], axes: Rows, cells: Floats, constant: float) -> Tables:
    """Fill in the cells that follow from others, and put tables of one shape together."""
    counts = [len(variable.choices) for variable in space.variables]
    variables = [[place] for place in range(len(counts))]
    if header["granularity"] == "blocks":
        place = {variable.name: number for number, variable in enumerate(space.variables)}
        variables = [[place[name] for name in block.variables] for block in space.blocks]
    sizes = [math.prod(counts[place] for place in axis) for axis in variables]
    derived = 0 if header.get("form") == "given" else 1  # the last state of an axis is minus the sum of the others
    groups: dict[tuple[int, ...], list[tuple[list[int], Floats]]] = {}
    taken = 0
    for row in axes:
        own = [int(axis) for axis in row if axis != _NO_AXIS]
        shape = [sizes[axis] - derived for axis in own]
        table = cells[taken : taken + math.prod(shape)].reshape(shape)
        taken += table.size
        for dimension in range(len(own) * derived):
            table = np.concatenate([table, -table.sum(axis=dimension, keepdims=True)], axis=dimension)
        groups.setdefault(table.shape, []).append((own, table))
    stacked = [(np.array([own for own, _ in each]), np.stack([table for _, table in each])) for each in groups.values()]
    return Tables(constant, variables, stacked)


class TableLayer(nn.Module):
    """The expected value of a metric where each variable's choice is drawn on its own, with given probabilities.

    A table of several variables has the sum over its cells of the value times the product of the choices'
    probabilities, so expectations of the tables are exact, interactions included, and have gradients. They are the
    expected metric where its link is the identity, as of accuracy and latencies. Of a link that bends the sum (a
    logarithm, 1/y, a ceiling, a floor) no short form gives the expectation: such a metric is refused, unless
    `plug_in`.

    Parameters
    ----------
    bench
        A benchmark.
    metric
        One of its metrics, derived ones included where a surrogate of their own predicts them.
    plug_in
        Of a metric with another link, give the metric at the expected value of its tables. This is not the expected
        metric; it equals predictions where each variable has one choice of probability 1, and as the link is
        monotone, it ranks as the expected tables do.

    Attributes
    ----------
    counts
        Choices of each variable.

    Raises
    ------
    MetricError
        As `read_tables`, or if the metric's link is not the identity and `plug_in` is false.

    Examples
    --------
    >>> import accelnas
    >>> bench = accelnas.load()
    >>> layer = TableLayer(bench, "latency_zcu102")
    >>> arch = bench.space.at([0])
    >>> bool(np.isclose(layer(layer.one_hot(arch))[0], bench.predict(arch, "latency_zcu102", dtype="float64")[0]))
    True
    >>> logits = [torch.zeros(count, dtype=torch.float64, requires_grad=True) for count in layer.counts]
    >>> layer([each.softmax(0) for each in logits]).backward()  # the mean over the whole space
    >>> logits[0].grad.shape
    torch.Size([3])
    """

    def __init__(self, bench: Benchmark, metric: str, *, plug_in: bool = False) -> None:
        super().__init__()
        tables = read_tables(bench, metric)
        self.metric: Metric = bench.metrics[metric]
        if self.metric.link != "identity" and not plug_in:
            raise MetricError(
                f"{metric} is modelled through link {self.metric.link!r}, so its expectation does not follow from its "
                "tables; choose a metric of link 'identity', or say plug_in=True for the metric at the expected tables"
            )
        self.counts = [len(variable.choices) for variable in bench.space.variables]
        self.constant, self._axes = tables.constant, tables.axes
        for number, (axes, cells) in enumerate(tables.groups):
            self.register_buffer(f"axes{number}", torch.from_numpy(axes.T.copy()), persistent=False)
            self.register_buffer(f"cells{number}", torch.from_numpy(cells), persistent=False)
        self._groups = len(tables.groups)

    def modelled(self, probabilities: Sequence[torch.Tensor]) -> torch.Tensor:
        """Give the expected value on the scale of the link, exact for every link; takes and raises as `forward`."""
        found = [each.shape[-1] for each in probabilities]
        if found != self.counts:
            raise MetricError(f"probabilities are of {found} choices; give a tensor a variable, of {self.counts}")
        states = [_joint([probabilities[place] for place in axis]) for axis in self._axes]
        longest = max(each.shape[-1] for each in states)
        padded = torch.stack([nn.functional.pad(each, (0, longest - each.shape[-1])) for each in states])
        columns = padded.movedim(-1, 1).reshape(len(states), longest, -1)  # (axes, states, n)
        total = columns.new_full((columns.shape[2],), self.constant)
        for number in range(self._groups):
            axes, cells = self.get_buffer(f"axes{number}"), self.get_buffer(f"cells{number}").to(columns.dtype)
            # sum out the last axis of each table, then the one before
            chosen = [columns.index_select(0, own)[:, :size] for own, size in zip(axes, cells.shape[1:], strict=True)]
            left = torch.bmm(cells.flatten(1).reshape(len(cells), -1, cells.shape[-1]), chosen.pop())
            for own in reversed(chosen):
                left = (left.reshape(len(own), -1, *own.shape[1:]) * own[:, None]).sum(2)
            total = total + left.sum((0, 1))
        return total.reshape(padded.shape[1:-1])

    def forward(self, probabilities: Sequence[torch.Tensor]) -> torch.Tensor:
        """Give the expected metric.

        Parameters
        ----------
        probabilities
            For each variable, in the space's order, a floating tensor (…, choices); their sums should be 1. float64
            gives float64.

        Returns
        -------
        torch.Tensor
            (…): the metric, in its unit.

        Raises
        ------
        MetricError
            If there are not as many tensors as variables, or one has another number of choices.
        """
        z, limit = self.modelled(probabilities), self.metric.limit
        if self.metric.link == "identity":
            return z
        if self.metric.link == "log":
            return z.exp()
        if self.metric.link == "reciprocal":
            return 1 / z
        assert limit is not None  # noqa: S101 (all other links have one)
        if self.metric.link == "below":
            return limit - (-z).exp()
        if self.metric.link == "above":
            return limit + z.exp()
        if self.metric.link == "capped":
            return 1 / z.clamp(min=1 / limit)
        return z.clamp(min=limit)

    def one_hot(self, archs: Archs) -> list[torch.Tensor]:
        """Give the probabilities of certain choices, float64 (n, choices) each, of uint8 (n, variables)."""
        rows = torch.from_numpy(np.asarray(archs, np.int64))
        return [nn.functional.one_hot(rows[:, place], count).double() for place, count in enumerate(self.counts)]


def _joint(probabilities: list[torch.Tensor]) -> torch.Tensor:
    """Give the probabilities of all joint choices, the last variable fastest."""
    first, *others = probabilities
    for other in others:
        first = (first[..., :, None] * other[..., None, :]).flatten(-2)
    return first
