"""Comparison of a compiled metric with the library that made its models.

First leaves, then values: a tolerance on values alone would hide a flipped split between two leaves
that are close. All differences are in the link space of the metric, in units of the standard
deviation of its predictions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from accelnas import _core
from accelnas.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from accelnas import Space
    from accelnas.fitting.anova import Tables
    from accelnas.fitting.encoding import Encoding
    from accelnas.fitting.sources import Source

__all__ = ["Member", "VerificationError", "VerifyReport", "verification_rows", "verify"]

# compiled form against the float64 walk of the source trees, in standard deviations; and, where
# values are large beside their spread, roundings of the numbers that are added (ROUNDINGS64) or of
# the result (ROUNDINGS32), which no form escapes
FLOAT64_BOUND, ROUNDINGS64 = 1e-12, 8
FLOAT32_BOUND, ROUNDINGS32 = 2e-6, 2
EPS64 = float(np.finfo(np.float64).eps) / 2  # of one rounding
ROUNDED_BOUND = 5e-7  # of tables alone, whose cells are stored in float32: in the widest member's deviations
TABLE_ROWS = 20_000  # random architectures at which sums of cells are compared
CHUNK_ROWS = 8192
CHUNK_PAIRS = 20_000_000
LEAF_PAIRS = 26_000_000  # (row, tree) pairs a member whose leaves are compared, data set first

Rows = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]
Leaves = npt.NDArray[np.int32]


class VerificationError(ModelError):
    """The compiled form doesn't say what the source model says."""


@dataclass(frozen=True)
class Member:
    """One source model and its forest; its prediction is ``bias + scale * source prediction``."""

    source: Source
    encoding: Encoding
    forest: _core.Forest
    scale: float
    bias: float
    # where trees over several variables were expanded: offsets of the forest's trees, and the source node of each leaf
    origin: tuple[npt.NDArray[np.int64], Leaves] | None = None

    def leaves(self, rows: Rows, threads: int | None) -> Leaves:
        """Give the node of each source tree where rows end, int32 (n, trees)."""
        found = self.forest.leaves(rows, threads=threads)
        if self.origin is None:
            return found
        offsets, nodes = self.origin
        return np.asarray(nodes[found + offsets[:-1]], np.int32)

    @property
    def magnitude(self) -> float:
        """Bound on the sum of absolute values of all numbers that the prediction adds."""
        trees = self.source.trees
        return abs(self.bias) + abs(self.scale) * (abs(trees.base_score) + trees.magnitude / trees.divisor)

    @property
    def summation_bound(self) -> float:
        """Largest error that the library's own summation can make.

        Adding n floating-point numbers, in any order, is off by at most γ times the sum of their
        absolute values, γ = n·u / (1 - n·u), where u is 2⁻²⁴ in float32 and 2⁻⁵³ in float64. The
        numbers are one leaf a tree and the base score; 8 more roundings allow for the
        base score's own, the mean over trees, and a logarithm.
        """
        trees = self.source.trees
        unit = float(np.finfo(self.source.sum_dtype).eps) / 2
        roundings = (trees.tree_count + 8) * unit
        total = self.magnitude
        if trees.postprocessor == "exponential":
            total += abs(self.scale)  # a relative error of the exponential is an absolute one of its logarithm
        return total * roundings / (1 - roundings)


@dataclass(frozen=True)
class VerifyReport:
    """What was compared and how far apart it was; errors are in standard deviations."""

    # data_rows, random_rows: architectures of the data set and other architectures whose predictions were compared
    data_rows: int
    random_rows: int
    leaf_pairs: int  # pairs of architecture and tree whose leaves were compared, over all members
    sd: float  # standard deviation of the predictions, in link space
    # float64_error, float32_error: compiled form against the float64 walk of the source trees
    float64_error: float
    # float64_bound, float32_bound: the most that was allowed, 1e-12 and 2e-6 plus the rounding of large values
    float64_bound: float
    float32_error: float
    float32_bound: float
    # library_error, library_bound: source library's own prediction against that walk, and the most that its summation
    # allows
    library_error: float
    library_bound: float

    def as_strings(self) -> dict[str, str]:
        """Provenance entries."""
        return {
            "verified_data_rows": str(self.data_rows),
            "verified_random_rows": str(self.random_rows),
            "verified_leaf_pairs": str(self.leaf_pairs),
            "verified_sd": f"{self.sd:.6g}",
            "verified_float64_error": f"{self.float64_error:.2g} <= {self.float64_bound:.2g}",
            "verified_float32_error": f"{self.float32_error:.2g} <= {self.float32_bound:.2g}",
            "verified_library_error": f"{self.library_error:.2g} <= {self.library_bound:.2g}",
        }


def verification_rows(space: Space, random_rows: int, seed: int) -> Rows:
    """Random architectures, or the whole space where it is no larger."""
    if space.size <= random_rows:
        return space.range(0, space.size)
    return space.sample(random_rows, seed=seed)


def verify(
    members: Sequence[Member],
    surrogate: _core.Surrogate,
    space: Space,
    *,
    tables: Tables | None = None,
    data: Rows,
    random: Rows,
    threads: int | None = None,
) -> VerifyReport:
    """Compare every member and the compiled form with the source library.

    Parameters
    ----------
    members, surrogate
        Source models with their forests, and the compiled form of all of them.
    tables
        What the models add to, or all there is; compared with sums of their cells.
    data, random
        Architectures of the data set and random ones, choice indices uint8 (n, variables).
    threads
        Number of threads; all cores by default.

    Raises
    ------
    VerificationError
        With what differs, the member, the architecture and both values.
    """
    if tables is not None:
        random = random[:TABLE_ROWS]
    rows = np.concatenate([data, random])
    magnitudes, walks = np.zeros(surrogate.members), np.zeros((surrogate.members, len(rows)))
    if members:
        magnitudes += [member.magnitude for member in members]
        walks += np.stack([member.forest.predict(rows, threads=threads) for member in members])
    leaf_pairs = 0
    library_errors, library_bounds = [0.0], [0.0]
    for number, (member, walk) in enumerate(zip(members, walks[: len(members)], strict=True)):
        what = f"member {number} ({member.source.kind})"
        leaf_pairs += _compare_leaves(member, rows, what, space, threads)
        library_errors.append(_compare_library(member, rows, walk, what, space, threads))
        library_bounds.append(member.summation_bound)
    if tables is not None:
        walks += tables.predict(space.block_states(rows) if tables.over == "blocks" else rows)
        magnitudes += tables.magnitude
    mean = walks.mean(axis=0)
    sd = float(mean.std()) if np.ptp(mean) else 0.0  # not the rounding of a mean of equal numbers
    # cells are rounded as members have them, and draws may spread far more than their mean where measurements are few
    widest = sd if members else float(walks.std(axis=1).max())
    rounding = 0.0 if members else ROUNDED_BOUND * widest
    compiled = surrogate.predict_members(rows, threads=threads).T
    bounds = FLOAT64_BOUND * sd + ROUNDINGS64 * EPS64 * magnitudes + rounding
    for number, walk in enumerate(walks):
        _within(compiled[number], walk, float(bounds[number]), f"compiled member {number}", rows, space)
    bound64 = float(bounds.max())
    found = surrogate.predict(rows, threads=threads)
    float64_error = _within(found, mean, bound64, "compiled form in float64", rows, space)
    bound32 = FLOAT32_BOUND * widest + ROUNDINGS32 * float(np.finfo(np.float32).eps) / 2 * np.abs(mean)
    found = surrogate.predict_float32(rows, threads=threads).astype(np.float64)
    float32_error = _within(found, mean, bound32, "compiled form in float32", rows, space)
    unit = sd or 1.0
    return VerifyReport(
        data_rows=len(data),
        random_rows=len(random),
        leaf_pairs=leaf_pairs,
        sd=sd,
        float64_error=float64_error / unit,
        float64_bound=bound64 / unit,
        float32_error=float32_error / unit,
        float32_bound=float(bound32.max()) / unit,
        library_error=max(library_errors) / unit,
        library_bound=max(library_bounds) / unit,
    )


def _within(found: Floats, expected: Floats, bound: Floats | float, what: str, rows: Rows, space: Space) -> float:
    """Return the largest difference, or raise at the row that is furthest beyond its bound."""
    difference = np.abs(found - expected)
    excess = difference - bound
    worst = int(np.argmax(np.where(np.isnan(excess), np.inf, excess))) if len(rows) else 0
    if len(rows) and not excess[worst] <= 0:
        allowed = float(np.broadcast_to(bound, excess.shape)[worst])
        raise VerificationError(
            f"{what} predicts {float(found[worst])!r} for {space.format(rows[worst : worst + 1])[0]}, "
            f"the walk of the source trees {float(expected[worst])!r}; they may differ by {allowed:.2g}"
        )
    return float(difference.max(initial=0.0))


def _compare_library(member: Member, rows: Rows, walk: Floats, what: str, space: Space, threads: int | None) -> float:
    worst = 0.0
    for start in range(0, len(rows), CHUNK_ROWS):
        part = slice(start, start + CHUNK_ROWS)
        matrix = member.encoding.transform(rows[part], member.source.dtype)
        library = member.bias + member.scale * member.source.sums(matrix, threads or _core.processors())
        bound = member.summation_bound + ROUNDINGS64 * EPS64 * member.magnitude
        worst = max(worst, _within(library, walk[part], bound, what, rows[part], space))
    return worst


def _compare_leaves(member: Member, rows: Rows, what: str, space: Space, threads: int | None) -> int:
    """Check that library and forest split the architectures into the same leaves.

    Libraries number leaves in their own ways, so in each tree one number of theirs must always
    meet the same one of ours, and the other way round.
    """
    trees = member.source.trees.tree_count
    if not trees:
        return 0
    rows = rows[: LEAF_PAIRS // trees]
    chunk = max(1, min(CHUNK_ROWS, CHUNK_PAIRS // trees))
    parts = [rows[start : start + chunk] for start in range(0, len(rows), chunk)]

    def leaves(part: Rows) -> Any:
        matrix = member.encoding.transform(part, member.source.dtype)
        found = member.source.leaves(matrix, threads or _core.processors())
        if found is None or member.source.trees.numbers is None:
            return found
        return np.asarray(found).reshape(len(part), -1)[:, member.source.trees.numbers]

    def both(part: Rows) -> tuple[Leaves, Leaves]:
        theirs = np.asarray(leaves(part)).reshape(len(part), -1).astype(np.int32)
        return theirs, member.leaves(part, threads)

    if not parts or leaves(parts[0][:1]) is None:
        return 0
    if all(np.array_equal(theirs, ours) for theirs, ours in map(both, parts)):
        return len(rows) * trees  # one numbering: the common case, and fast
    ours_of = theirs_of = np.zeros((trees, 0), np.int32)
    for part in parts:
        theirs, ours = both(part)
        if theirs.shape != ours.shape:
            raise VerificationError(f"{what} and the imported trees differ in number")
        ours_of, same = _remember(ours_of, theirs, ours)
        theirs_of, same_back = _remember(theirs_of, ours, theirs)
        if not (same & same_back).all():
            row, tree = np.argwhere(~(same & same_back))[0]
            raise VerificationError(
                f"{what} ends in leaf {theirs[row, tree]} of tree {tree} for "
                f"{space.format(part[row : row + 1])[0]}, the imported tree in node "
                f"{ours[row, tree]}; they group other architectures differently"
            )
    return len(rows) * trees


def _remember(known: Leaves, keys: Leaves, values: Leaves) -> tuple[Leaves, npt.NDArray[np.bool_]]:
    """Note the first value of each key of each tree; say where a value is the one noted."""
    width = max(known.shape[1], int(keys.max()) + 1)
    known = np.pad(known, ((0, 0), (0, width - known.shape[1])), constant_values=-1)
    flat = known.reshape(-1)
    at = keys + np.arange(len(known), dtype=np.int64) * width
    new = flat[at] < 0
    flat[at[new]] = values[new]
    return known, flat[at] == values
