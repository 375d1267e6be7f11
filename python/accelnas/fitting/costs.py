"""Metrics that are exact sums of what each block costs: MACs and parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from accelnas.errors import ModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accelnas.fitting.dataset import Dataset

__all__ = ["BlockCosts", "block_costs"]

_MOST_DECIMALS = 9


@dataclass(frozen=True)
class BlockCosts:
    """A metric as a constant and one number for each state of each block.

    In units of ``10 ** -decimals`` everything is an integer, so nothing is estimated: the
    metric of an architecture is ``constant + sum(values[b][state of block b])`` exactly.
    """

    constant: int  # metric of the architecture whose blocks are all in state 0
    values: tuple[NDArray[np.int64], ...]  # one int64 (states,) array a block: the difference to its state 0
    decimals: int  # decimal places of the data

    def predict(self, states: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Metric in units of ``10 ** -decimals`` from block states (n, blocks)."""
        parts = [values[states[:, b]] for b, values in enumerate(self.values)]
        return np.asarray(self.constant + np.sum(parts, axis=0, dtype=np.int64))


def block_costs(dataset: Dataset, metric: str, ids: NDArray[np.int64] | None = None) -> BlockCosts:
    """Recover the cost of each block state and check it against every row.

    The metric is exact: not measured, but computed from the architecture. `ids` are the rows to recover the costs
    from, by default all; the check is always over all rows.

    Raises
    ------
    ModelError
        If the rows don't determine every state, the values have more than 9 decimals, or a row
        is not reproduced to its last decimal.
    """
    values = dataset.values(metric)
    states = dataset.space.block_states(dataset.choices)
    known = ~np.isnan(values)
    decimals, whole = _integers(metric, values[known])
    rows = known if ids is None else known & np.isin(dataset.ids, ids)
    sizes = [block.size for block in dataset.space.blocks]

    one_hot = [np.eye(n)[states[rows, b]][:, 1:] for b, n in enumerate(sizes)]  # state 0 is base
    design = np.concatenate([np.ones((int(rows.sum()), 1)), *one_hot], axis=1)
    solution, _, rank, _ = np.linalg.lstsq(design, whole[rows[known]].astype(float), rcond=None)
    if rank < design.shape[1]:
        raise ModelError(
            f"{metric}: {len(design)} rows determine {rank} of {design.shape[1]} block costs; "
            "fit the metric as a model, or add architectures"
        )
    coefficients = np.rint(solution).astype(np.int64)
    parts = np.split(coefficients[1:], np.cumsum([n - 1 for n in sizes])[:-1])
    costs = BlockCosts(int(coefficients[0]), tuple(np.insert(part, 0, 0) for part in parts), decimals)
    found = costs.predict(states[known])
    wrong = np.flatnonzero(found != whole)
    if wrong.size:
        first = wrong[0]
        raise ModelError(
            f"{metric} is no exact sum over blocks: id {dataset.ids[known][first]} has {values[known][first]}, the "
            f"blocks add up to {found[first] / 10**decimals} ({wrong.size} rows differ); fit it as a model"
        )
    return costs


def _integers(metric: str, values: NDArray[np.float64]) -> tuple[int, NDArray[np.int64]]:
    """Fewest decimals that hold all values, and the values in units of the last one."""
    if not values.size:
        raise ModelError(f"{metric} has no values")
    for decimals in range(_MOST_DECIMALS + 1):
        whole = np.rint(values * 10**decimals)
        if np.array_equal(whole / 10**decimals, values) and np.abs(whole).max() < 2**53:
            return decimals, whole.astype(np.int64)
    raise ModelError(f"{metric} has values of over {_MOST_DECIMALS} decimals; fit it as a model")
