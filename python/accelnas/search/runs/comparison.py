"""Several algorithms on the same task, and tests of whether they differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from accelnas.errors import MissingExtraError, SearchError
from accelnas.notebook import MOST, Table, Tabled
from accelnas.plots.differences import differences_size, draw_differences
from accelnas.plots.style import Plotted
from accelnas.search.runs.result import draw_runs

if TYPE_CHECKING:
    import polars
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from accelnas.search.runs.result import Runs

__all__ = ["Comparison", "Differences"]


@dataclass(frozen=True)
class Differences(Plotted, Tabled):
    """A Friedman test and what follows it (Demšar 2006).

    Attributes
    ----------
    labels : tuple of str
        Algorithms, by average rank, the best first.
    ranks : float64 array (k,)
        Average rank over blocks, from 1 for the best.
    statistic, p_value : float
        Of the Friedman test that all are alike.
    p_values : float64 array (k, k)
        Of the Nemenyi test for each pair.
    blocks : int
        Number of blocks that ranks were averaged over.
    """

    labels: tuple[str, ...]
    ranks: NDArray[np.float64]
    statistic: float
    p_value: float
    p_values: NDArray[np.float64]
    blocks: int

    def alike(self, level: float = 0.05) -> list[tuple[str, ...]]:
        """Give the largest groups of algorithms, neighbours by rank, of which no pair differs at this level."""
        groups: list[tuple[int, int]] = []
        for first in range(len(self.labels)):
            last = first
            while last + 1 < len(self.labels) and (self.p_values[first : last + 2, last + 1] >= level).all():
                last += 1
            if last > first and not any(first >= a and last <= b for a, b in groups):
                groups.append((first, last))
        return [self.labels[a : b + 1] for a, b in groups]

    def _size(self) -> tuple[float, float]:
        return differences_size(len(self.labels))

    def _draw(self, axes: Axes) -> None:
        draw_differences(axes, self.labels, self.ranks, self.alike(), f"average rank over {self.blocks:,} runs")

    def _caption(self) -> str:
        return f"Differences: {len(self.labels)} algorithms, {self.blocks:,} blocks, Friedman p = {self.p_value:.2g}"

    def _table(self) -> Table:
        header = ("algorithm", "average rank", *(f"p against {label}" for label in self.labels[:MOST]))
        rows = [(label, self.ranks[i], *self.p_values[i, :MOST].tolist()) for i, label in enumerate(self.labels[:MOST])]
        return Table(header, rows, len(self.labels))

    def to_polars(self) -> polars.DataFrame:
        """Give one row an algorithm: average rank, and the p-value against each other one."""
        import polars as pl

        pairs = {f"p against {label}": self.p_values[:, i] for i, label in enumerate(self.labels)}
        return pl.DataFrame({"algorithm": list(self.labels), "average rank": self.ranks, **pairs})


@dataclass(frozen=True)
class Comparison(Mapping[str, "Runs"]):
    """Runs of several algorithms on the same task, by name.

    Examples
    --------
    >>> import accelnas
    >>> names = ["random_search", "regularized_evolution"]
    >>> found = accelnas.load().simulate(names, "accuracy", runs=200, budget=600, seed=1)
    >>> [label for label in found]
    ['random_search', 'regularized_evolution']
    >>> bool(found["regularized_evolution"].regret([600]).mean() < found["random_search"].regret([600]).mean())
    True
    """

    runs: Mapping[str, Runs]

    def __getitem__(self, label: str) -> Runs:
        if label not in self.runs:
            raise SearchError(f"no algorithm {label!r}; there are {', '.join(self.runs)}")
        return self.runs[label]

    def __iter__(self) -> Iterator[str]:
        return iter(self.runs)

    def __len__(self) -> int:
        return len(self.runs)

    def plot(self, ax: Axes | None = None, *, exact: bool = True, level: float = 0.95) -> Axes:
        """Draw means over runs with their bootstrap intervals, by evaluations.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw, in its own style; by default axes of a new figure, as wide as a column of a paper.
        exact : bool
            Whether to draw the regret where the optimum can be proven, and not the best value; of several objectives
            it is the hypervolume over that of the exact front.
        level : float
            Of the intervals, above 0 and below 1.

        Returns
        -------
        matplotlib.axes.Axes
            Those axes. ``accelnas.plots.save(axes, "figure.pdf")`` writes a file.

        Raises
        ------
        SearchError
            If there are several objectives and no exact front to compare with.
        ParameterError, MissingExtraError
            If `ax` is something else, or matplotlib is not installed.
        """
        return draw_runs(self.runs, ax, exact, level)

    def losses(self, at: int | None = None) -> dict[str, NDArray[np.float64]]:
        """Give what each run has lost, by algorithm, (runs,): simple regret, or 1 less normalised hypervolume.

        Parameters
        ----------
        at : int, optional
            Number of evaluations; the budget by default.

        Raises
        ------
        SearchError
            If nothing exact is known of the objective.
        """
        out = {}
        for label, runs in self.runs.items():
            columns = [runs.plan.budget if at is None else at]
            several = len(runs.plan.setting.sought.labels) > 1
            out[label] = 1 - runs.hypervolume(columns)[:, 0] if several else runs.regret(columns)[:, 0]
        return out

    def differences(
        self, losses: Mapping[str, NDArray[np.float64]] | None = None, *, others: Sequence[Comparison] = ()
    ) -> Differences:
        """Test whether the algorithms differ: Friedman, then Nemenyi for each pair (by SciPy and scikit-posthocs).

        Parameters
        ----------
        losses : mapping of str to float64 array (blocks,), optional
            Less is better; `losses` of this comparison by default, where every run is a block.
        others : sequence of Comparison
            The same algorithms on other tasks: then every task is a block, by the mean over its runs.

        Raises
        ------
        SearchError
            If there are fewer than three algorithms or two blocks, or the algorithms are not the same.
        MissingExtraError
            If the extra ``[simulate]`` is not installed.
        """
        if others:
            tasks = [self.losses(), *(other.losses() for other in others)]
            if any(set(task) != set(self.runs) for task in tasks):
                raise SearchError("the comparisons are not of the same algorithms; give those of the same names")
            given: Mapping[str, Any] = {name: np.array([task[name].mean() for task in tasks]) for name in self.runs}
        else:
            given = self.losses() if losses is None else losses
        return differences(given)

    def to_polars(self) -> polars.DataFrame:
        """Give the improvements of all runs, with a column of the algorithm."""
        import polars as pl

        return pl.concat([runs.to_polars() for runs in self.runs.values()])


def differences(losses: Mapping[str, NDArray[np.float64]]) -> Differences:
    """Test whether algorithms differ, from a loss a block; see `Comparison.differences`."""
    labels, table = list(losses), np.stack(list(losses.values()), axis=1)
    if len(labels) < 3 or len(table) < 2 or np.isnan(table).any():
        raise SearchError(
            f"there are {len(labels)} algorithms and {len(table)} blocks, {int(np.isnan(table).sum())} losses are "
            "undefined; a Friedman test needs three algorithms, two blocks and all losses"
        )
    try:
        import scikit_posthocs
        from scipy.stats import friedmanchisquare, rankdata
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"{error.name} is not installed; run: pip install 'accelnas[simulate]'") from error
    ranks = rankdata(table, axis=1).mean(axis=0)
    order = np.argsort(ranks, kind="stable")
    test = friedmanchisquare(*table.T)
    pairs = np.asarray(scikit_posthocs.posthoc_nemenyi_friedman(table), np.float64)[np.ix_(order, order)]
    names = tuple(labels[i] for i in order)
    return Differences(names, ranks[order], float(test.statistic), float(test.pvalue), pairs, len(table))
