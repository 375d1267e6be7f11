"""What can be wrong with a metric although it equals its models: what its owner should look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from accelnas.fitting.checkpoint import Trees
    from accelnas.fitting.encoding import Encoding
    from accelnas.fitting.verify import Member, VerifyReport

__all__ = ["doubts"]

COMPARE = (np.less, np.less_equal, np.greater, np.greater_equal, np.equal)  # by `Trees.operator`


def doubts(members: Iterable[Member], verification: VerifyReport) -> tuple[str, ...]:
    """Say what the owner of the models should look at, one sentence each."""
    found = [f"model {number}: {note}" for number, member in enumerate(members) for note in _of_member(member)]
    if verification.sd == 0:
        found.append(
            f"all {verification.data_rows + verification.random_rows:,} architectures compared have the same "
            "prediction; check that the encoding gives the models what they were trained on"
        )
    return tuple(found)


def _of_member(member: Member) -> Iterator[str]:
    yield from member.source.notes
    blind, first = _blind_splits(member.source.trees, member.encoding)
    if blind:
        total = int((member.source.trees.left >= 0).sum())
        yield (
            f"{blind:,} of {total:,} splits separate only missing values, which the encoding never gives, such as one "
            f"on {member.encoding.names[first]}; if the model was trained on sparse rows or with a number for missing "
            "values, say so: absent = nan for one-hot columns, or missing = NUMBER (--missing)"
        )


def _blind_splits(trees: Trees, encoding: Encoding) -> tuple[int, int]:
    """Count splits that send every number of the encoding one way and nan the other; and a feature of one."""
    blind, first = 0, -1
    numerical = (trees.left >= 0) & ~trees.is_categorical
    for feature, (_, numbers) in enumerate(encoding.columns):
        given = np.array(numbers)
        if np.isnan(given).any():
            continue
        nodes = np.flatnonzero(numerical & (trees.feature == feature))
        left = np.zeros((len(nodes), len(given)), bool)
        for operator, compare in enumerate(COMPARE):
            of_kind = trees.operator[nodes] == operator
            left[of_kind] = compare(given, trees.threshold[nodes[of_kind], None])
        default = trees.default_left[nodes]
        count = int((np.where(default, ~left.any(axis=1), left.all(axis=1))).sum())
        first = feature if count and not blind else first
        blind += count
    return blind, first
