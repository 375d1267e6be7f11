"""Functional ANOVA: how much of a metric's variance over the whole space each variable explains."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from accelnas.errors import MetricError, ModelError
from accelnas.notebook import MOST, Table, Tabled
from accelnas.plots.models import PARTS, draw_importances
from accelnas.plots.style import Plotted, legend, literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from accelnas import _core
    from accelnas.space import Space

__all__ = ["Importances", "Share", "importances"]

_DRAWN = 8  # variables


@dataclass(frozen=True, order=True)
class Share:
    """Part of a variance.

    Attributes
    ----------
    value : float
        Of the variance of the members' mean, 0 to 1.
    std : float
        Population standard deviation of the members' own shares, each of its own variance.
    """

    value: float
    std: float


@dataclass(frozen=True)
class Importances(Plotted, Tabled):
    """Exact Sobol indices of a metric's surrogate, under the uniform distribution over its distinct architectures.

    All numbers are on the scale of the metric's link, on which the surrogate is a sum of tables. Where the space has
    rules, its variables are not independent: first-order and total indices are then the variance of the mean given a
    variable, and the mean of the variance given all others (an inactive variable is in a state of its own); they need
    not add up to 1, and interactions have no parts of their own.

    Attributes
    ----------
    metric, link : str
        The metric, and the scale.
    mean, variance : float
        Moments of the members' mean over all architectures.
    first_order : mapping of str to Share
        Each variable's own part: the variance of the mean given the variable (Sobol' 1993).
    total : mapping of str to Share
        Each variable's part with all interactions that it takes part in (Homma & Saltelli 1996).
    blocks : mapping of str to Share
        What each block explains alone, with the interactions between its variables (closed index).
    block_totals : mapping of str to Share
        Each block's part with all interactions that one of its variables takes part in.
    by_order : mapping of int to Share
        The part of all interactions of so many variables; 1 is that of the single variables. Empty where the space
        has rules, and for complete tables of more than 20 variables.
    interactions : mapping of tuple of str to Share
        Every set of variables and its part, the largest first; the parts add up to 1. Empty as `by_order`.

    Examples
    --------
    >>> import accelnas
    >>> found = accelnas.load().importances("params")
    >>> max(found.total, key=found.total.get)
    'block6_e'
    >>> round(sum(share.value for share in found.interactions.values()), 12)
    1.0
    """

    metric: str
    link: str
    mean: float
    variance: float
    first_order: Mapping[str, Share]
    total: Mapping[str, Share]
    blocks: Mapping[str, Share]
    block_totals: Mapping[str, Share]
    by_order: Mapping[int, Share]
    interactions: Mapping[tuple[str, ...], Share]

    @property
    def largest(self) -> list[str]:
        """Variables, the one with the largest total index first."""
        return sorted(self.total, key=lambda name: -self.total[name].value)

    def _draw(self, axes: Axes) -> None:
        from matplotlib.patches import Patch

        self.draw_bars(axes)
        axes.set_xlabel("share of the variance")
        legend(axes, {name: Patch(color=colour) for name, colour in PARTS.items()}, loc="lower right")

    def draw_bars(self, axes: Axes) -> None:
        """Draw the indices of the most important variables, without a legend."""
        names = self.largest[:_DRAWN]
        alone = np.array([self.first_order[name].value for name in names])
        total = np.array([[self.total[name].value, self.total[name].std] for name in names]).reshape(-1, 2)
        draw_importances(axes, names, alone, *total.T)
        axes.set_title(literal(self.metric + ("" if self.link == "identity" else f" ({self.link})")))

    def _caption(self) -> str:
        scale = "" if self.link == "identity" else f" on the scale of link {self.link}"
        return f"Importances of {self.metric}{scale}: shares of the variance"

    def _table(self) -> Table:
        rows = [(name, self.first_order[name].value, self.total[name].value) for name in self.largest[:MOST]]
        return Table(("variable", *PARTS), rows, len(self.total))

    def to_polars(self) -> polars.DataFrame:
        """Give all numbers as a table: ``kind``, ``name``, ``order``, ``share``, ``std``, ``variance``.

        Needs the extra ``[polars]``. Names of interactions are joined by ``" × "``; ``kind`` is
        ``"first order"``, ``"total"``, ``"block"``, ``"block total"``, ``"order"`` or ``"interaction"``.
        """
        import polars as pl

        kinds: dict[str, Mapping[str, Share]] = {
            "first order": self.first_order,
            "total": self.total,
            "block": self.blocks,
            "block total": self.block_totals,
            "order": {str(order): share for order, share in self.by_order.items()},
            "interaction": {" × ".join(names): share for names, share in self.interactions.items()},
        }
        rows = [
            (kind, name, _order(kind, name), share.value, share.std, share.value * self.variance)
            for kind, shares in kinds.items()
            for name, share in shares.items()
        ]
        schema = {
            "kind": pl.String,
            "name": pl.String,
            "order": pl.Int64,
            "share": pl.Float64,
            "std": pl.Float64,
            "variance": pl.Float64,
        }
        return pl.DataFrame(rows, schema=schema, orient="row")


def _order(kind: str, name: str) -> int | None:
    """Give the number of variables that interact; None where a share stands for several interactions."""
    if kind == "order":
        return int(name)
    return {"first order": 1, "interaction": name.count(" × ") + 1}.get(kind)


def importances(surrogate: _core.Surrogate, space: Space, metric: str, link: str) -> Importances:
    """Divide the variance of a surrogate; see `Benchmark.importances`.

    Raises
    ------
    MetricError
        If part of the surrogate is a forest, or rules tie too large a part of the space together.
    """
    try:
        found = surrogate.variances()
        return (
            _of_groups(surrogate, space, metric, link)
            if found is None
            else _of_sets(surrogate, found, space, metric, link)
        )
    except ModelError as error:
        raise MetricError(f"{metric} has no exact importances: {str(error).removeprefix('model: ')}") from error


def _of_groups(surrogate: _core.Surrogate, space: Space, metric: str, link: str) -> Importances:
    """Give the indices of variables and blocks alone, which may depend on each other."""
    names = [variable.name for variable in space.variables]
    members = [list(map(names.index, block.variables)) for block in space.blocks]
    found = surrogate.sensitivity([*([v] for v in range(len(names))), *members])
    shares = found[:, 2:] / np.where(found[:, 1] > 0, found[:, 1], 1.0)[:, None]
    each = [Share(float(column[0]), float(column[1:].std())) for column in shares.T]
    keys = [*names, *(block.name for block in space.blocks)]
    alone, together = zip(keys, each[::2], strict=True), zip(keys, each[1::2], strict=True)
    (first_order, blocks), (total, block_totals) = (
        (MappingProxyType(dict(part[: len(names)])), MappingProxyType(dict(part[len(names) :])))
        for part in (list(alone), list(together))
    )
    return Importances(
        metric=metric,
        link=link,
        mean=float(found[0, 0]),
        variance=float(found[0, 1]),
        first_order=first_order,
        total=total,
        blocks=blocks,
        block_totals=block_totals,
        by_order=MappingProxyType({}),
        interactions=MappingProxyType({}),
    )


def _of_sets(
    surrogate: _core.Surrogate, found: tuple[list[list[int]], NDArray[np.float64]], space: Space, metric: str, link: str
) -> Importances:
    """Add up the parts of sets of independent variables."""
    sets, variances = found
    totals = variances.sum(axis=0)
    # a constant has nothing to divide
    shares: NDArray[np.float64] = variances / np.where(totals > 0, totals, 1.0)
    names = [variable.name for variable in space.variables]
    holds = np.zeros((len(sets), len(names)), bool)  # which variables are in which set
    for row, some in zip(holds, sets, strict=True):
        row[some] = True
    order = holds.sum(axis=1)

    def share(chosen: Any) -> Share:
        sums = shares[chosen].sum(axis=0)
        return Share(float(sums[0]), float(sums[1:].std()))

    every = [Share(float(row[0]), float(row[1:].std())) for row in shares]
    largest = sorted(range(len(sets)), key=lambda i: (-every[i].value, sets[i]))
    inside, touching = {}, {}
    for block in space.blocks:
        own = np.isin(names, block.variables)
        inside[block.name] = share(~holds[:, ~own].any(axis=1))
        touching[block.name] = share(holds[:, own].any(axis=1))
    return Importances(
        metric=metric,
        link=link,
        mean=float(np.mean(surrogate.means())),
        variance=float(totals[0]),
        first_order=MappingProxyType({v: share(holds[:, i] & (order == 1)) for i, v in enumerate(names)}),
        total=MappingProxyType({v: share(holds[:, i]) for i, v in enumerate(names)}),
        blocks=MappingProxyType(inside),
        block_totals=MappingProxyType(touching),
        by_order=MappingProxyType({int(n): share(order == n) for n in np.unique(order)}),
        interactions=MappingProxyType({tuple(names[v] for v in sets[i]): every[i] for i in largest}),
    )
