"""Candidates tried on one metric, and what is made of them."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from accelnas.errors import ModelError
from accelnas.fitting.automatic.blend import Blend
from accelnas.fitting.automatic.candidates import FOLDS, MEMBERS, candidates, enumerates, limit_of
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

GAIN = 0.01  # of the score: what another model in the blend has to bring
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
    Kendall's tau. In a space that enumerates, models are blended as long as that lowers it; elsewhere the best is
    taken.
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
    base = Settings("automatic", MEMBERS, max(2, min(FOLDS, len(rows) // 4)), seed, True, {}, "")
    folds = folds_of(dataset, rows, base)
    several = sum(len(variable.states) > 1 for variable in dataset.space.variables)
    fitted: list[tuple[Candidate, Settings, Ensemble, Floats]] = []
    attempts: list[Attempt] = []
    used = 0.0
    for candidate in candidates(dataset.space, measured, known is not None):
        cost = candidate.seconds(len(rows), several)
        if fitted and used + cost > budget:
            attempts.append(Attempt(candidate.name, None, 0.0, "no time left"))
            continue
        used += cost
        own = candidate.settings(metric, measured)
        settings = _settings(base, own)
        features = None if known is None else known.of(candidate)
        start = time.perf_counter()
        try:
            ensemble = fit_ensemble(dataset, ids, own, settings, threads, known=features)
        except ModelError as error:
            attempts.append(Attempt(candidate.name, None, time.perf_counter() - start, str(error)))
            continue
        left_out = np.asarray(link_of(own).inverse(ensemble.left_out[0]))
        fitted.append((candidate, settings, ensemble, left_out))
        figures = evaluate(measured, left_out, metric.direction)
        attempts.append(Attempt(candidate.name, figures, time.perf_counter() - start))
        tell(min(used / budget, 1.0))
    if not fitted:
        raise ModelError(f"{metric.name}: no family can be fitted; the first says: {attempts[0].note}")
    predicted = np.stack([values for *_, values in fitted])
    limit = limit_of(measured, metric.direction)
    some = _joined(predicted, measured, limit, folds, most=len(fitted) if enumerates(dataset.space) else 1)
    left_out = _left_out(predicted[some], measured, limit, folds)
    chosen = {fitted[i][0].name for i in some}
    attempts = [replace(attempt, note="chosen") if attempt.name in chosen else attempt for attempt in attempts]
    figures = evaluate(measured, left_out, metric.direction)
    if len(some) > 1:
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
    blend = Blend.fitted(predicted[some], measured, limit)
    outcome = None if known is None else _outcome(known.names, [own for own, *_ in fitted], predicted, measured, some)
    return Choice(fitted[some[0]][1], [fitted[i][2] for i in some], blend, left_out, attempts, figures, outcome)


def _settings(base: Settings, metric: MetricSettings) -> Settings:
    stated = json.dumps([asdict(metric), base.members, base.folds, base.seed], sort_keys=True)
    return replace(base, metrics={metric.name: metric}, sha256=hashlib.sha256(stated.encode()).hexdigest())


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
    predicted: Floats, measured: Floats, limit: float, folds: Sequence[NDArray[np.intp]], most: int
) -> list[int]:
    """Which models to join: the best, then whichever makes the blend best, while that pays."""
    scores = [_score(values, measured) for values in predicted]
    some, best = [int(np.argmin(scores))], min(scores)
    while len(some) < most:
        others = [i for i in range(len(predicted)) if i not in some]
        tried = [_score(_left_out(predicted[[*some, i]], measured, limit, folds), measured) for i in others]
        if not others or min(tried) > best - GAIN:
            break
        some.append(others[int(np.argmin(tried))])
        best = min(tried)
    return some


def _linear(design: NDArray[Any], measured: Floats, folds: Sequence[NDArray[np.intp]]) -> Floats:
    """Predict each fold by a weighted sum of the design's columns, fitted to the others by ridge regression."""
    out = np.empty(len(measured))
    for fold in folds:
        others = np.setdiff1d(np.arange(len(measured)), fold, assume_unique=True)
        mean = measured[others].mean()
        gram = design[others].T @ design[others] + RIDGE * np.eye(design.shape[1])
        out[fold] = mean + design[fold] @ np.linalg.solve(gram, design[others].T @ (measured[others] - mean))
    return out
