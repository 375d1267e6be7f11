"""Which architectures to collect, in rounds, so that those of a later round may follow from what was collected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from accelnas_training import sampling

if TYPE_CHECKING:
    from collections.abc import Iterator

    from accelnas_training.arrays import Archs
    from accelnas_training.collect.reader import StoreReader
    from accelnas_training.networks import NetworkFamily


@dataclass(frozen=True)
class Sampling:
    """How architectures are chosen.

    Attributes
    ----------
    kind : str
        ``uniform``; ``grid``, an even grid of MACs and parameters; or ``active``: in rounds, the first uniform, each
        other where an ensemble fitted on the accuracies so far disagrees.
    number : int
        How many architectures.
    seed : int
        Of the choice.
    rounds : int
        Into how many rounds they are divided; others than ``active`` choose all in one.
    resolution : int
        Pixels a side for which a grid counts MACs.
    """

    kind: Literal["uniform", "grid", "active"]
    number: int
    seed: int = 0
    rounds: int = 5
    resolution: int = 224


def sampled_rounds(store: StoreReader, family: NetworkFamily, scheme: str, choice: Sampling) -> Iterator[Archs]:
    """Give the architectures of all rounds so far, round after round; each is chosen when it is asked for.

    The architectures of the scheme's jobs come first, in their order: a collection that was interrupted goes on with
    those that it chose, and one that is made larger keeps them.

    Yields
    ------
    uint8 array (n, variables)
        Distinct architectures.

    Raises
    ------
    accelnas.SpaceError
        If the space has not that many.
    """
    rounds = choice.rounds if choice.kind == "active" else 1
    for number in np.linspace(0, choice.number, rounds + 1).round().astype(int)[1:]:
        chosen = store.architectures(scheme)
        missing = number - len(chosen)
        if missing > 0:
            chosen = np.concatenate([chosen, _choose(store, family, scheme, choice, chosen, missing)])
        yield chosen[:number]


def _choose(
    store: StoreReader,
    family: NetworkFamily,
    scheme: str,
    choice: Sampling,
    chosen: Archs,
    missing: int,
) -> Archs:
    if choice.kind == "grid":
        return sampling.grid(family, missing, choice.seed, choice.resolution, chosen)
    known, values = store.means(scheme, "accuracy")
    if choice.kind == "uniform" or len(known) == 0:
        return sampling.uniform(family.space, missing, choice.seed, chosen)
    # those that failed have no accuracy to learn from, and are not to be chosen again
    failed = {row.tobytes() for row in chosen} - {row.tobytes() for row in known}
    rows = sampling.active(family.space, missing + len(failed), choice.seed, known, values)
    return np.array([row for row in rows if row.tobytes() not in failed][:missing], np.uint8)
