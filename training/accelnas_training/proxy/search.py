"""Search for the scheme that ranks models most like the reference and is not too slow."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from accelnas_training.errors import ProxyError
from accelnas_training.proxy.candidates import Grid, SearchResult, Tpe, Verdict, best
from accelnas_training.proxy.trainings import train_all
from accelnas_training.ranks import LEAST_MODELS, interval_over_models, tau

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from accelnas_training.arrays import Archs
    from accelnas_training.proxy.candidates import Candidate, Outcome
    from accelnas_training.proxy.settings import ProxySettings
    from accelnas_training.proxy.trainings import Evaluate, Trained


def search_proxy(
    settings: ProxySettings,
    models: Archs,
    evaluate: Evaluate,
    report: Callable[[Verdict], None] | None = None,
) -> SearchResult:
    """Maximise tau between candidate and reference over candidates whose mean training time is short enough.

    Parameters
    ----------
    settings
        What is asked.
    models
        uint8 (n, variables): choice indices of the models. The first few should be as different as all, as
        `accelnas_training.sampling.grid` gives them: candidates are tried on these first.
    evaluate
        Trains. One that knows earlier trainings goes on with an interrupted search: the same settings ask the same.
    report
        Called with what became of each candidate.

    Returns
    -------
    SearchResult
        The same for the same settings, models and trainings.

    Raises
    ------
    ProxyError
        If the reference fails on too many models, or ranks them all the same.

    Notes
    -----
    A training that failed for good ranks below all others, so a scheme under which models diverge loses tau. Where
    `settings.prune`, a candidate is tried on a quarter of the models first, then on half, then on all. It is given up
    as too slow when its time, scaled by the reference's times of the same models, exceeds the longest; and as behind
    when the upper end of tau's 95 % interval is below the best tau so far.

    Examples
    --------
    >>> from accelnas_training.proxy.settings import ProxySettings
    >>> from accelnas_training.proxy.trainings import Measured
    >>> from accelnas_training.schemes import load_scheme
    >>> def evaluate(trainings):  # the fewer epochs, the more do models look alike
    ...     return [Measured(one.architecture[0] * one.scheme.epochs // 8, one.scheme.epochs) for one in trainings]
    >>> reference, base = load_scheme("reference"), load_scheme("p_star")
    >>> choices = {"epochs": (16, 20, 24, 28), "batch_size": (1024,)}
    >>> settings = ProxySettings(reference, base, choices, longest=25, images="digits")
    >>> best = search_proxy(settings, np.arange(10, dtype=np.uint8)[:, None], evaluate).best
    >>> best.candidate.values, best.tau, best.seconds
    ({'epochs': 16, 'batch_size': 1024}, 1.0, 16.0)
    """
    (reference,) = train_all(evaluate, models, [settings.reference], settings.reference_seeds)
    ranked = np.flatnonzero(~np.isnan(reference.means))
    if len(ranked) < LEAST_MODELS or np.ptp(reference.means[ranked]) == 0:
        raise ProxyError(
            f"the reference gives an order to {len(ranked)} of {len(models)} models, which fail or are all alike; "
            f"mend it, or take more models: at least {LEAST_MODELS} must differ"
        )
    judge = _Judge(settings, reference.take(ranked), evaluate)
    proposals = Grid(settings) if settings.search == "grid" else Tpe(settings)
    verdicts: list[Verdict] = []
    enough = False
    while not enough:
        left = settings.together if settings.trials is None else settings.trials - len(verdicts)
        candidates = proposals.ask(min(settings.together, left))
        if not candidates:
            break
        for verdict in judge(candidates, best(verdicts)):
            proposals.tell(verdict)
            verdicts.append(verdict)
            enough |= _is_enough(settings, verdict)
            if report is not None:
                report(verdict)
    left_out = len(models) - len(ranked)
    return SearchResult(settings, judge.reference, left_out, verdicts, dict(proposals.dropped), enough)


def _is_enough(settings: ProxySettings, verdict: Verdict) -> bool:
    wanted = settings.enough
    return (
        wanted is not None
        and verdict.outcome == "complete"
        and verdict.tau >= wanted.tau
        and verdict.seconds <= wanted.seconds
    )


class _Judge:
    """Tries candidates on growing parts of the models."""

    def __init__(self, settings: ProxySettings, reference: Trained, evaluate: Evaluate) -> None:
        self.reference = reference
        self._settings, self._evaluate = settings, evaluate
        count = len(reference)
        shares = (4, 2, 1) if settings.prune else (1,)
        self._parts = sorted({max(-(-count // share), LEAST_MODELS) for share in shares})

    def __call__(self, candidates: Sequence[Candidate], leader: Verdict | None) -> list[Verdict]:
        """Give the candidates' verdicts, in their order."""
        verdicts: dict[int, Verdict] = {}
        tried: dict[int, Trained] = {}
        start = 0
        for stop in self._parts:
            going = [i for i in range(len(candidates)) if i not in verdicts or verdicts[i].outcome == "complete"]
            if not going:
                break
            schemes = [candidates[i].scheme for i in going]
            found = train_all(self._evaluate, self.reference.choices[start:stop], schemes, self._settings.seeds)
            for i, trained in zip(going, found, strict=True):
                tried[i] = tried[i].joined(trained) if start else trained
                verdicts[i] = self._verdict(candidates[i], tried[i], leader)
            start = stop
        return [verdicts[i] for i in range(len(candidates))]

    def _verdict(self, candidate: Candidate, trained: Trained, leader: Verdict | None) -> Verdict:
        part = self.reference.take(slice(len(trained)))
        accuracies = trained.means, part.means
        value = tau(*accuracies)
        interval = interval_over_models(*accuracies, seed=self._settings.seed)
        seconds = _expected_seconds(trained, part, self.reference)
        outcome: Outcome = "complete"
        if seconds > self._settings.longest:
            outcome = "too slow"
        elif len(trained) < len(self.reference) and leader is not None and interval.high < leader.tau:
            outcome = "behind"
        return Verdict(candidate, trained, value, interval, seconds, outcome)


def _expected_seconds(trained: Trained, part: Trained, reference: Trained) -> float:
    """Give the mean time of all models from that of a part, by the reference's times; NaN if all failed."""
    ended = ~np.isnan(trained.seconds).any(axis=1)
    if not ended.any():
        return math.nan
    ratio = trained.seconds[ended].mean() / part.seconds[ended].mean()
    return float(ratio * reference.seconds.mean())
