"""What a search for a proxy found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from accelnas_training.proxy.candidates import Candidate
    from accelnas_training.proxy.ranks import Interval
    from accelnas_training.proxy.settings import ProxySettings
    from accelnas_training.proxy.trainings import Trained

__all__ = ["Outcome", "SearchResult", "Verdict", "best"]

Outcome: TypeAlias = Literal["complete", "too slow", "behind"]


@dataclass(frozen=True)
class Verdict:
    """What became of a candidate.

    Attributes
    ----------
    candidate
        The candidate.
    trained
        What it gave on the models that it was tried on: the first of the search's models.
    tau, interval
        Between these models' accuracies and the reference's, and its bootstrap interval over models.
    seconds
        Mean training time; for part of the models, what is to be expected of all from the reference's times.
    outcome
        ``complete``; or given up as ``too slow`` or ``behind`` in tau, maybe before all models were trained.
    """

    candidate: Candidate
    trained: Trained
    tau: float
    interval: Interval
    seconds: float
    outcome: Outcome


@dataclass(frozen=True)
class SearchResult:
    """A search's end.

    Attributes
    ----------
    settings
        What was asked.
    reference
        What the reference gave, on the models in the order in which candidates were tried on them.
    left_out
        Models that the reference failed on, which therefore rank nowhere.
    verdicts
        What became of the candidates, in the order of trial.
    dropped
        Number of combinations that are no candidates, by reason.
    enough
        Whether the search ended early, with a scheme that is good enough.
    """

    settings: ProxySettings
    reference: Trained
    left_out: int
    verdicts: Sequence[Verdict]
    dropped: Mapping[str, int]
    enough: bool

    @property
    def best(self) -> Verdict | None:
        """The complete candidate of the largest tau, the faster of equals; None if all are too slow."""
        return best(self.verdicts)

    @property
    def speedup(self) -> float:
        """The reference's mean training time over that of the best candidate; NaN without one."""
        found = self.best
        return float("nan") if found is None else float(np.nanmean(self.reference.seconds)) / found.seconds


def best(verdicts: Sequence[Verdict]) -> Verdict | None:
    """Give the complete candidate of the largest tau, the faster of equals."""
    complete = [verdict for verdict in verdicts if verdict.outcome == "complete" and not np.isnan(verdict.tau)]
    return max(complete, key=lambda verdict: (verdict.tau, -verdict.seconds), default=None)
