"""What tests of searches share: a small part of the space, and everything about it by enumeration."""

import numpy as np

import accelnas

BENCH = accelnas.load()
NAMES = [variable.name for variable in BENCH.space.variables]
FREE = {
    "block1_e": [1, 6],
    "block2_k": [3, 5],
    "block3_l": [1, 3],
    "block3_se": [True, False],
    "block4_e": [1, 4, 6],
    "block5_l": [1, 2, 3, 4],
    "block5_k": [3, 5],
    "block6_se": [True, False],
    "block6_e": [4, 6],
}
"""Choices of 1,536 architectures; every other variable has its last choice alone."""
WITHIN = {v.name: FREE.get(v.name, v.choices[-1]) for v in BENCH.space.variables}
LIMITS = {"latency_zcu102": (None, 3.6), "params": (3.0, None)}


def choice_indices():
    """Allowed choice indices of every variable, read from `WITHIN` by hand."""
    listed = {name: choices if isinstance(choices, list) else [choices] for name, choices in WITHIN.items()}
    return [sorted(v.choices.index(choice) for choice in listed[v.name]) for v in BENCH.space.variables]


def enumerated():
    """Every architecture of the small part."""
    grids = np.meshgrid(*choice_indices(), indexing="ij")
    return np.stack([grid.ravel() for grid in grids], axis=1).astype(np.uint8)


ALL = enumerated()


def violations(values, limits):
    """Sum over bounds of the excess relative to the bound, of every row."""
    total = np.zeros(len(next(iter(values.values()))))
    for name, (lower, upper) in limits.items():
        if upper is not None:
            total += np.maximum(values[name] - upper, 0) / abs(upper)
        if lower is not None:
            total += np.maximum(lower - values[name], 0) / abs(lower)
    return total


def dominated(points):
    """Whether another point is at least as good everywhere and better somewhere; more is better."""
    at_least = (points[:, None] >= points[None]).all(axis=2)
    return (at_least & (points[:, None] > points[None]).any(axis=2)).any(axis=0)


def same_logs(found, expected, runs=None):
    """The first runs of two logs are equal bit for bit."""
    n = len(found.lengths) if runs is None else runs
    rows = int(expected.lengths[:n].sum())
    assert np.array_equal(found.lengths[:n], expected.lengths[:n])
    for part in ("evaluations", "rows", "scores"):
        assert np.array_equal(getattr(found, part)[:rows], getattr(expected, part)[:rows]), part
    timed = rows if len(expected.times) else 0
    assert np.array_equal(found.times[:timed], expected.times[:timed])
    assert np.array_equal(found.time[:n], expected.time[:n])
