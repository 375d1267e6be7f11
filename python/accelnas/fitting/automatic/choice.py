"""Candidates tried on one metric, and what is made of them."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from accelnas.errors import ModelError
from accelnas.fitting.automatic.blend import Blend
from accelnas.fitting.automatic.candidates import (
    BASELINES,
    FOR_CURVE,
    Candidate,
    candidates,
    enumerates,
    folds_for,
    limit_of,
    seconds_of_scales,
    settings_of,
)
from accelnas.fitting.automatic.curve import LEAST_ROWS, PARTS, LearningCurve, learning_curve
from accelnas.fitting.automatic.joining import Group
from accelnas.fitting.automatic.known import KnownOutcome
from accelnas.fitting.automatic.stack import Stack
from accelnas.fitting.ensemble import fit_ensemble, folds_of, link_of, usable_rows
from accelnas.fitting.evaluate import Figures, evaluate
from accelnas.fitting.families import Sample
from accelnas.fitting.settings import MetricSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from accelnas.fitting.automatic.known import KnownViews
    from accelnas.fitting.dataset import Dataset
    from accelnas.fitting.ensemble import Ensemble
    from accelnas.fitting.metric import MetricSpec
    from accelnas.fitting.settings import Settings
    from accelnas.space import Space

    Floats = NDArray[np.float64]

__all__ = ["Attempt", "Choice", "choose"]


@dataclass(frozen=True)
class Attempt:
    """What was tried.

    Attributes
    ----------
    name
        Family and scale.
    figures
        Agreement with rows that the models did not see; None where it was not fitted.
    seconds
        Time of the fit.
    note
        ``"chosen"``, or why it was not fitted.
    """

    name: str
    figures: Figures | None
    seconds: float
    note: str = ""


@dataclass(frozen=True)
class Choice:
    """The models of one metric."""

    settings: Sequence[Settings]  # of each of the ensembles
    ensembles: Sequence[Ensemble]  # one, or what is joined
    joint: Blend | Stack  # of the metric, for a table of the whole space, or on the scale of the one link
    left_out: Floats  # float64 (n,): what models say of each fitted row that did not see it, in the metric's unit
    attempts: Sequence[Attempt]  # candidates, the blend and two baselines
    figures: Figures  # of `left_out`
    known: KnownOutcome | None = None
    curve: LearningCurve | None = None
    folds: Sequence[NDArray[np.intp]] = ()  # of the fitted rows

    @property
    def is_plain(self) -> bool:
        """Whether a baseline errs as little, or one number for all not a twentieth more."""
        additive, median = (attempt.figures for attempt in self.attempts[-2:])
        error = self.figures.mae
        return (additive is not None and error >= additive.mae) or (median is not None and error > 0.95 * median.mae)

    def predict(self, choices: NDArray[np.uint8]) -> Floats:
        """Predict the metric, float64 (n,)."""
        return _predicted(self.joint, self.ensembles, choices)


def choose(
    dataset: Dataset,
    ids: NDArray[np.int64],
    metric: MetricSpec,
    budget: float,
    seed: int,
    threads: int | None,
    tell: Callable[[float], None],
    known: KnownViews | None = None,
) -> Choice:
    """Try candidates within a budget of seconds, and join the best.

    All are judged on the same rows, which they did not see: by the product of the mean absolute error and of one minus
    Kendall's tau. In a space that enumerates, models are blended, beginning with those that are good on other spaces,
    elsewhere those of one scale are stacked; what is joined changes as long as that lowers it by more than chance.
    `tell` gets the share of the budget that is used. Where metrics are known, models with and without them compete.

    Raises
    ------
    DataError
        If too few rows were measured.
    ModelError
        If no candidate can be fitted.
    """
    rows = usable_rows(dataset, MetricSettings(**vars(metric)), np.sort(ids))
    measured = dataset.values(metric.name)[rows]
    data = Sample(dataset.choices[rows], measured)
    count = folds_for(dataset.space, len(rows))
    folds = folds_of(dataset, rows, settings_of("automatic", [], count, seed))
    several = sum(len(variable.states) > 1 for variable in dataset.space.variables)

    def fit(candidate: Candidate, some: NDArray[np.intp]) -> tuple[Settings, Ensemble]:
        own = candidate.settings(metric, measured[some])
        settings = settings_of("automatic", [own], folds_for(dataset.space, len(some)), seed)
        features = None if known is None else known.of(candidate)
        return settings, fit_ensemble(dataset, dataset.ids[rows[some]], own, settings, threads, known=features)

    everything = np.arange(len(rows))
    fitted: list[tuple[Candidate, Settings, Ensemble]] = []
    attempts: list[Attempt] = []
    used = seconds_of_scales(dataset.space, measured, several)
    share = 1.0 - FOR_CURVE if len(rows) >= LEAST_ROWS else 1.0
    links = () if known is None else known.links
    for candidate in candidates(dataset.space, metric, data, seed, links):
        cost = candidate.seconds(len(rows), several, count)
        if fitted and used + cost > share * budget:
            attempts.append(Attempt(candidate.name, None, 0.0, "no time left"))
            continue
        used += cost
        start = time.perf_counter()
        try:
            settings, ensemble = fit(candidate, everything)
        except ModelError as error:
            attempts.append(Attempt(candidate.name, None, time.perf_counter() - start, str(error)))
            continue
        left_out = np.asarray(link_of(ensemble.metric).inverse(ensemble.left_out[0]))
        fitted.append((candidate, settings, ensemble))
        figures = evaluate(measured, left_out, metric.direction)
        attempts.append(Attempt(candidate.name, figures, time.perf_counter() - start))
        tell(min(used / budget, 1.0))
    if not fitted:
        raise ModelError(f"{metric.name}: no family can be fitted; the first says: {attempts[0].note}")
    ensembles = [ensemble for *_, ensemble in fitted]
    tried = [candidate for candidate, *_ in fitted]
    groups = _groups(dataset.space, tried, ensembles, measured, limit_of(measured, metric.direction), folds)
    group = min(groups, key=lambda group: group.chosen[1])
    positions, _ = group.chosen
    left_out = group.left_out(positions)
    some = [group.models[i] for i in positions]
    chosen = {tried[i].name for i in some}
    attempts = [replace(attempt, note="chosen") if attempt.name in chosen else attempt for attempt in attempts]
    figures = evaluate(measured, left_out, metric.direction)
    if len(some) > 1:
        attempts.append(Attempt("those chosen, joined", figures, 0.0))
    for recipe in BASELINES:
        _, ensemble = fit(Candidate(recipe, "identity"), everything)
        baseline = evaluate(measured, ensemble.left_out[0], metric.direction)
        attempts.append(Attempt(f"{recipe.name} (baseline)", baseline, 0.0))
    joint = group.fit(group.predicted[positions], group.targets)
    outcome = None if known is None else _outcome(known.names, tried, ensembles, measured, some)
    refit = partial(_refitted, dataset.space, metric, data, fit)
    curve = None
    joined = [tried[i].learned_once() for i in some]
    for again in (joined, joined[:1]):  # all that were joined, where the budget has room for it, else the first
        sizes = [len(rows) // parts for parts in PARTS for _ in range(parts)]
        work = sum(own.seconds(n, several, folds_for(dataset.space, n)) for own in again for n in sizes)
        if len(rows) >= LEAST_ROWS and used + work <= budget:
            partitions = [folds_of(dataset, rows, settings_of("automatic", [], parts, seed)) for parts in PARTS]
            curve = learning_curve(
                measured, partitions, partial(refit, again), (len(rows) - len(folds[0]), figures.mae)
            )
            break
    chosen_settings = [fitted[i][1] for i in some]
    models = [ensembles[i] for i in some]
    return Choice(chosen_settings, models, joint, left_out, attempts, figures, outcome, curve, folds)


def _predicted(joint: Blend | Stack, ensembles: Sequence[Ensemble], choices: NDArray[np.uint8]) -> Floats:
    """Predict the metric by joined models, float64 (n,)."""
    if isinstance(joint, Stack):
        means = np.stack([ensemble.predict_members(choices).mean(axis=0) for ensemble in ensembles])
        return np.asarray(link_of(ensembles[0].metric).inverse(joint.predict(means)))
    return joint.predict(np.stack([ensemble.predict(choices) for ensemble in ensembles]))


def _groups(
    space: Space,
    tried: Sequence[Candidate],
    ensembles: Sequence[Ensemble],
    measured: Floats,
    limit: float,
    folds: Sequence[NDArray[np.intp]],
) -> list[Group]:
    """Models that can become one: all in a space that enumerates, elsewhere those of the same scale."""
    linked = np.stack([ensemble.left_out[0] for ensemble in ensembles])
    links = [link_of(ensemble.metric) for ensemble in ensembles]
    if enumerates(space):
        predicted = np.stack([link.inverse(values) for link, values in zip(links, linked, strict=True)])
        fit = partial(Blend.fitted, limit=limit)
        firsts = [
            [i for i, candidate in enumerate(tried) if candidate.first and candidate.known is aided]
            for aided in (True, False)
        ]
        starts = [some for some in firsts if some]
        return [Group(range(len(links)), predicted, measured, measured, folds, fit, np.asarray, starts)]
    by_scale: dict[tuple[str, float | None], list[int]] = {}
    for i, ensemble in enumerate(ensembles):
        by_scale.setdefault((ensemble.metric.link, ensemble.metric.limit), []).append(i)
    return [
        Group(some, linked[some], ensembles[some[0]].targets, measured, folds, Stack.fitted, links[some[0]].inverse)
        for some in by_scale.values()
    ]


def _refitted(
    space: Space,
    metric: MetricSpec,
    data: Sample,
    fit: Callable[[Candidate, NDArray[np.intp]], tuple[Settings, Ensemble]],
    candidates: Sequence[Candidate],
    part: NDArray[np.intp],
    others: NDArray[np.intp],
) -> Floats:
    """Predict other rows by candidates that are fitted to a part, and joined as those that were chosen."""
    ensembles, measured = [fit(candidate, part)[1] for candidate in candidates], data.targets[part]
    (group,) = _groups(space, candidates, ensembles, measured, limit_of(measured, metric.direction), ())
    return _predicted(group.fit(group.predicted, group.targets), ensembles, data.choices[others])


def _outcome(
    names: tuple[str, ...],
    tried: Sequence[Candidate],
    ensembles: Sequence[Ensemble],
    measured: Floats,
    some: Sequence[int],
) -> KnownOutcome:
    """Compare models with known metrics and without."""
    best: dict[bool, float] = {}
    for candidate, ensemble in zip(tried, ensembles, strict=True):
        left_out = link_of(ensemble.metric).inverse(ensemble.left_out[0])
        error = float(np.abs(left_out - measured).mean())
        best[candidate.known] = min(error, best.get(candidate.known, error))
    return KnownOutcome(names, any(tried[i].known for i in some), best.get(True), best.get(False))
