"""Candidates tried on one metric, and what is made of them."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from accelnas.errors import ModelError
from accelnas.fitting.automatic.blend import Blend
from accelnas.fitting.automatic.candidates import FOR_CURVE, MEMBERS, candidates, enumerates, folds_for, limit_of
from accelnas.fitting.automatic.curve import LEAST_ROWS, PARTS, LearningCurve, learning_curve
from accelnas.fitting.automatic.known import KnownOutcome
from accelnas.fitting.encoding import Encoding
from accelnas.fitting.ensemble import fit_ensemble, folds_of, link_of, usable_rows
from accelnas.fitting.evaluate import Figures, evaluate
from accelnas.fitting.settings import MetricSettings, Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from accelnas.fitting.automatic.candidates import Candidate
    from accelnas.fitting.automatic.known import KnownViews
    from accelnas.fitting.dataset import Dataset
    from accelnas.fitting.ensemble import Ensemble
    from accelnas.fitting.metric import MetricSpec

    Floats = NDArray[np.float64]

__all__ = ["Attempt", "Choice", "choose"]

RIDGE = 1.0  # penalty of the baseline, in rows


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

    settings: Settings  # of the first of the ensembles
    ensembles: Sequence[Ensemble]  # one, or what is blended
    blend: Blend
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
        return self.blend.predict(np.stack([ensemble.predict(choices) for ensemble in self.ensembles]))


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
    and changed as long as that lowers it by more than chance; elsewhere the best is taken.
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
    base = Settings("automatic", MEMBERS, folds_for(dataset.space, len(rows)), seed, True, {}, "")
    folds = folds_of(dataset, rows, base)
    several = sum(len(variable.states) > 1 for variable in dataset.space.variables)

    def fit(candidate: Candidate, some: NDArray[np.intp]) -> tuple[Settings, Ensemble]:
        own = candidate.settings(metric, measured[some])
        settings = _settings(replace(base, folds=folds_for(dataset.space, len(some))), own)
        features = None if known is None else known.of(candidate)
        return settings, fit_ensemble(dataset, dataset.ids[rows[some]], own, settings, threads, known=features)

    fitted: list[tuple[Candidate, Settings, Ensemble, Floats]] = []
    attempts: list[Attempt] = []
    used = 0.0
    share = 1.0 - FOR_CURVE if len(rows) >= LEAST_ROWS else 1.0
    for candidate in candidates(dataset.space, measured, known is not None):
        cost = candidate.seconds(len(rows), several, base.folds)
        if fitted and used + cost > share * budget:
            attempts.append(Attempt(candidate.name, None, 0.0, "no time left"))
            continue
        used += cost
        start = time.perf_counter()
        try:
            settings, ensemble = fit(candidate, np.arange(len(rows)))
        except ModelError as error:
            attempts.append(Attempt(candidate.name, None, time.perf_counter() - start, str(error)))
            continue
        left_out = np.asarray(link_of(ensemble.metric).inverse(ensemble.left_out[0]))
        fitted.append((candidate, settings, ensemble, left_out))
        figures = evaluate(measured, left_out, metric.direction)
        attempts.append(Attempt(candidate.name, figures, time.perf_counter() - start))
        tell(min(used / budget, 1.0))
    if not fitted:
        raise ModelError(f"{metric.name}: no family can be fitted; the first says: {attempts[0].note}")
    predicted = np.stack([values for *_, values in fitted])
    limit = limit_of(measured, metric.direction)
    joined = [int(np.argmin([_score(values, measured) for values in predicted]))]
    if enumerates(dataset.space):
        starts = [
            [i for i, (candidate, *_) in enumerate(fitted) if candidate.first and candidate.known is aided]
            for aided in (True, False)
        ]
        joined = _joined(predicted, measured, limit, folds, [start for start in starts if start] or [joined])
    left_out = _left_out(predicted[joined], measured, limit, folds)
    chosen = {fitted[i][0].name for i in joined}
    attempts = [replace(attempt, note="chosen") if attempt.name in chosen else attempt for attempt in attempts]
    figures = evaluate(measured, left_out, metric.direction)
    if len(joined) > 1:
        attempts.append(Attempt("blend of those chosen", figures, 0.0))
    choices = dataset.choices[rows]
    baselines = [
        (
            "sum over choices (baseline)",
            _linear(Encoding.one_hot(dataset.space).transform(choices, np.float64), measured, folds),
        ),
        ("median (baseline)", np.full(len(measured), np.median(measured))),
    ]
    if known is not None:
        baselines.insert(0, ("sum of known metrics (baseline)", _linear(known.design(choices), measured, folds)))
    for name, values in baselines:
        attempts.append(Attempt(name, evaluate(measured, values, metric.direction), 0.0))
    blend = Blend.fitted(predicted[joined], measured, limit)
    tried = [candidate for candidate, *_ in fitted]
    outcome = None if known is None else _outcome(known.names, tried, predicted, measured, joined)
    blended = [tried[i].learned_once() for i in joined]
    curve = None
    for some in (blended, blended[:1]):  # all that were joined, where the budget has room for it, else the first
        sizes = [len(rows) // count for count in PARTS for _ in range(count)]
        work = sum(own.seconds(n, several, folds_for(dataset.space, n)) for own in some for n in sizes)
        if len(rows) >= LEAST_ROWS and used + work <= budget:
            parts = [folds_of(dataset, rows, replace(base, folds=count)) for count in PARTS]
            last = (len(rows) - len(rows) // base.folds, figures.mae)
            curve = learning_curve(measured, parts, partial(_refitted, some, fit, measured, choices, metric), last)
            break
    models = [fitted[i][2] for i in joined]
    return Choice(fitted[joined[0]][1], models, blend, left_out, attempts, figures, outcome, curve, folds)


def _settings(base: Settings, metric: MetricSettings) -> Settings:
    stated = json.dumps([asdict(metric), base.members, base.folds, base.seed], sort_keys=True)
    return replace(base, metrics={metric.name: metric}, sha256=hashlib.sha256(stated.encode()).hexdigest())


def _refitted(
    candidates: Sequence[Candidate],
    fit: Callable[[Candidate, NDArray[np.intp]], tuple[Settings, Ensemble]],
    measured: Floats,
    choices: NDArray[np.uint8],
    metric: MetricSpec,
    part: NDArray[np.intp],
    others: NDArray[np.intp],
) -> Floats:
    """Predict other rows by a blend of candidates that are fitted to a part."""
    ensembles = [fit(candidate, part)[1] for candidate in candidates]
    left_out = np.stack([link_of(one.metric).inverse(one.left_out[0]) for one in ensembles])
    blend = Blend.fitted(left_out, measured[part], limit_of(measured[part], metric.direction))
    return blend.predict(np.stack([one.predict(choices[others]) for one in ensembles]))


def _outcome(
    names: tuple[str, ...], tried: Sequence[Candidate], predicted: Floats, measured: Floats, some: Sequence[int]
) -> KnownOutcome:
    """Compare models with known metrics and without."""
    errors = np.abs(predicted - measured).mean(axis=1)
    best: dict[bool, float] = {}
    for candidate, error in zip(tried, errors.tolist(), strict=True):
        best[candidate.known] = min(error, best.get(candidate.known, error))
    return KnownOutcome(names, any(tried[i].known for i in some), best.get(True), best.get(False))


def _score(predicted: Floats, measured: Floats) -> float:
    """Logarithm of mean absolute error times 1 − tau; a constant metric has no tau."""
    figures = evaluate(measured, predicted)
    tau = 0.0 if np.isnan(figures.tau) else figures.tau
    return float(np.log(max(figures.mae, np.finfo(float).tiny)) + np.log(max(1.0 - tau, 1e-12)))


def _left_out(predicted: Floats, measured: Floats, limit: float, folds: Sequence[NDArray[np.intp]]) -> Floats:
    """Predictions of rows that neither models nor weights have seen."""
    return predicted[0] if len(predicted) == 1 else Blend.left_out(predicted, measured, limit, folds)


def _joined(
    predicted: Floats, measured: Floats, limit: float, folds: Sequence[NDArray[np.intp]], starts: Sequence[list[int]]
) -> list[int]:
    """Which models to join: the best of some blends, then whichever change makes it better, while that pays.

    A change has to lower the score by more than it scatters by chance among so few rows.
    """

    def score(some: Sequence[int]) -> float:
        return _score(_left_out(predicted[list(some)], measured, limit, folds), measured)

    some = min(starts, key=score)
    best = score(some)
    while True:
        changed = [[*some, i] for i in range(len(predicted)) if i not in some]
        changed += [[j for j in some if j != i] for i in some if len(some) > 1]
        scores = [score(other) for other in changed]
        if not scores or min(scores) > best - 1 / np.sqrt(len(measured)):
            return some
        some, best = changed[int(np.argmin(scores))], min(scores)


def _linear(design: NDArray[Any], measured: Floats, folds: Sequence[NDArray[np.intp]]) -> Floats:
    """Predict each fold by a weighted sum of the design's columns, fitted to the others by ridge regression."""
    out = np.empty(len(measured))
    for fold in folds:
        others = np.setdiff1d(np.arange(len(measured)), fold, assume_unique=True)
        mean = measured[others].mean()
        gram = design[others].T @ design[others] + RIDGE * np.eye(design.shape[1])
        out[fold] = mean + design[fold] @ np.linalg.solve(gram, design[others].T @ (measured[others] - mean))
    return out
