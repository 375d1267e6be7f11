"""Which schemes to try, all combinations or those that Optuna proposes, and what became of them."""

from __future__ import annotations

import itertools
import json
import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from accelnas_training.errors import ProxyError, SchemeError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from accelnas_training.proxy.settings import ProxySettings
    from accelnas_training.proxy.trainings import Trained
    from accelnas_training.ranks import Interval
    from accelnas_training.schemes import Scheme


Outcome: TypeAlias = Literal["complete", "too slow", "behind"]


@dataclass(frozen=True)
class Verdict:
    """What became of a candidate."""

    candidate: Candidate
    trained: Trained  # what it gave on the models that it was tried on: the first of the search's models
    # between these models' accuracies and the reference's, and its bootstrap interval over models
    tau: float
    interval: Interval
    # mean training time; for part of the models, what is to be expected of all from the reference's times
    seconds: float
    # ``complete``; or given up as ``too slow`` or ``behind`` in tau, maybe before all models were trained
    outcome: Outcome


@dataclass(frozen=True)
class SearchResult:
    """A search's end."""

    settings: ProxySettings  # what was asked
    reference: Trained  # what the reference gave, on the models in the order in which candidates were tried on them
    left_out: int  # models that the reference failed on, which therefore rank nowhere
    verdicts: Sequence[Verdict]  # what became of the candidates, in the order of trial
    dropped: Mapping[str, int]  # number of combinations that are no candidates, by reason
    enough: bool  # whether the search ended early, with a scheme that is good enough

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


NOT_A_SCHEME, TWICE = "not a scheme", "the same training as another"

IN_VAIN = 200  # proposals in a row without a new candidate: there is hardly another


@dataclass(frozen=True)
class Candidate:
    """A variant of the base scheme."""

    values: Mapping[str, Any]  # what it has of the choices
    scheme: Scheme  # the variant, named by its digest: ``proxy-1f2e3d4c``


def cost(scheme: Scheme) -> float:
    """Estimate the time of a training before any: the pixels of all epochs, for one image.

    Examples
    --------
    >>> from accelnas_training.schemes import load_scheme
    >>> p_star = load_scheme("p_star")
    >>> round(cost(p_star) / cost(p_star.changed(epochs=32)), 2)
    0.44
    """
    return float(sum(scheme.resolution(epoch) ** 2 for epoch in range(scheme.trained_epochs)))


class Grid:
    """All combinations of the choices, cheapest first; raises ProxyError if none is a scheme."""

    def __init__(self, settings: ProxySettings) -> None:
        seen = _Seen(settings.base)
        combinations = itertools.product(*settings.choices.values())
        found = [seen.candidate(dict(zip(settings.choices, values, strict=True))) for values in combinations]
        candidates = [candidate for candidate in found if candidate is not None]
        if not candidates:
            raise ProxyError(f"no combination of the choices is a scheme: {seen.problem}; change the choices")
        self.dropped = seen.dropped
        self._rest = iter(sorted(candidates, key=lambda candidate: cost(candidate.scheme)))

    def ask(self, count: int) -> Sequence[Candidate]:
        """Give up to `count` of the cheapest that are left."""
        return list(itertools.islice(self._rest, count))

    def tell(self, verdict: Verdict) -> None:
        """Learn nothing."""


class Tpe:
    """What Optuna's tree-structured Parzen estimator proposes from the candidates before.

    The study is kept in memory: with the same seed and the same verdicts it proposes the same candidates again. Raises
    ProxyError when the first proposals all are no schemes.
    """

    def __init__(self, settings: ProxySettings) -> None:
        import optuna

        before = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        sampler = optuna.samplers.TPESampler(seed=settings.seed, multivariate=True, constant_liar=True)
        self._study = optuna.create_study(direction="maximize", sampler=sampler)
        optuna.logging.set_verbosity(before)
        self._distributions: dict[str, optuna.distributions.BaseDistribution] = {
            key: optuna.distributions.CategoricalDistribution(values) for key, values in settings.choices.items()
        }
        self._states = optuna.trial.TrialState
        self._seen = _Seen(settings.base)
        self._trials: dict[str, Any] = {}
        self.dropped = self._seen.dropped

    def ask(self, count: int) -> Sequence[Candidate]:
        """Give what is likely better than those before."""
        return list(itertools.islice(self._proposed(), count))

    def _proposed(self) -> Iterator[Candidate]:
        in_vain = 0
        while in_vain < IN_VAIN:
            trial = self._study.ask(self._distributions)
            candidate = self._seen.candidate(trial.params)
            if candidate is None:
                self._study.tell(trial, state=self._states.FAIL)  # which the sampler ignores
                in_vain += 1
                continue
            in_vain = 0
            self._trials[candidate.scheme.digest] = trial
            yield candidate
        if not self._trials:
            raise ProxyError(f"no combination of the choices is a scheme: {self._seen.problem}; change the choices")

    def tell(self, verdict: Verdict) -> None:
        """Count a candidate that is too slow as worse than any, and one that is behind as far as it came."""
        trial = self._trials[verdict.candidate.scheme.digest]
        if verdict.outcome == "complete" and not math.isnan(verdict.tau):
            self._study.tell(trial, verdict.tau)
            return
        if verdict.outcome == "behind":
            trial.report(verdict.tau, step=len(verdict.trained))
        self._study.tell(trial, state=self._states.PRUNED)


class _Seen:
    """Tells new candidates from combinations that are no schemes, or train as one before."""

    def __init__(self, base: Scheme) -> None:
        self._base = base
        self._known: set[str] = set()
        self.dropped: Counter[str] = Counter()
        self.problem = ""

    def candidate(self, values: Mapping[str, Any]) -> Candidate | None:
        try:
            scheme = _variant(self._base, values)
        except SchemeError as error:
            self.dropped[NOT_A_SCHEME] += 1
            self.problem = str(error)
            return None
        training = _training(scheme)
        if training in self._known:
            self.dropped[TWICE] += 1
            return None
        self._known.add(training)
        return Candidate(dict(values), scheme.changed(name=f"proxy-{scheme.digest[:8]}"))


def _variant(base: Scheme, values: Mapping[str, Any]) -> Scheme:
    scheme = base.changed(**values)
    resize = scheme.resize
    if resize.start != resize.end and resize.end_epoch > scheme.epochs:
        raise SchemeError(f"resize.end_epoch {resize.end_epoch} is after the {scheme.epochs} epochs")
    return scheme


def _training(scheme: Scheme) -> str:
    """Name what a scheme does: how it words the resolutions of its epochs makes no difference."""
    table = scheme.to_dict()
    del table["name"]
    for key in ("start", "end", "start_epoch", "end_epoch", "multiple"):
        del table["resize"][key]
    return json.dumps([table, [scheme.resolution(epoch) for epoch in range(scheme.trained_epochs)]], sort_keys=True)
