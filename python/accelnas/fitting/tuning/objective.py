"""What tuning minimises: the error of cross-validation on the training and validation part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from accelnas.errors import DataError, ModelError
from accelnas.fitting.ensemble import LINKS, bias_and_scale, link_of, to_link, usable_rows
from accelnas.fitting.families import FAMILIES, Sample
from accelnas.fitting.splits import fold_parts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from accelnas import Space
    from accelnas.fitting.dataset import Dataset
    from accelnas.fitting.settings import MetricSettings, Settings
    from accelnas.fitting.splits import Split
    from accelnas.fitting.tuning.search_space import Candidate

    Floats = NDArray[np.float64]

__all__ = ["Problem", "cross_validate", "make_problem"]


@dataclass(frozen=True)
class Problem:
    """All that the error of a candidate depends on; no row of the test part is in it."""

    space: Space  # the architectures' space
    choices: NDArray[np.uint8]  # uint8 (n, variables): choice indices
    values: Floats  # float64 (n,): measured values in the metric's unit
    folds: tuple[NDArray[np.intp], ...]  # row numbers of each fold, together all rows
    link: str  # scale of the error
    limit: float | None  # of that link
    standardise: bool  # fit on targets with mean 0 and variance 1
    seed: int  # the member that fold i judges has seed `seed` + i


def make_problem(dataset: Dataset, split: Split, metric: MetricSettings, settings: Settings, folds: int) -> Problem:
    """Take the rows of train and validation part and divide them into folds.

    Raises
    ------
    DataError
        If too few rows were measured, or the values don't suit the metric's link.
    """
    rows = usable_rows(dataset, metric, np.sort(np.concatenate([split.train, split.val])))
    if len(rows) < 4 * folds:
        raise DataError(f"{metric.name} has {len(rows)} rows to tune on; {folds} folds need four times as many")
    values = dataset.values(metric.name)[rows]
    to_link(values, metric, dataset.ids[rows])  # complains
    parts = fold_parts(dataset, dataset.ids[rows], folds, settings.seed)
    return Problem(
        space=dataset.space,
        choices=dataset.choices[rows],
        values=values,
        folds=tuple(np.searchsorted(rows, dataset.rows(part)) for part in parts),
        link=metric.link,
        limit=metric.limit,
        standardise=settings.standardise,
        seed=settings.seed,
    )


def cross_validate(problem: Problem, candidate: Candidate) -> Iterator[tuple[float, bool]]:
    """Give the root mean square error over the folds judged so far, and whether these are all.

    The error is on the scale of the problem's link, on which models are averaged: on it errors have about
    the same size for all architectures, so fast ones don't outweigh the others. A candidate that models
    another link is judged on the problem's.

    A fold is judged by a model that has seen it neither in training nor in early stopping, for which half of
    the next fold serves. Families that know in closed form what each fold would get from the others give
    one error, of all folds; their few kernel parameters are learned on all rows.

    Raises
    ------
    ModelError
        If a prediction has no value on the scale of the error, or the family refuses the recipe.
    """
    recipe, judge = candidate.recipe, link_of(problem)
    link = judge if candidate.link in (None, problem.link) else LINKS[candidate.link]
    family = FAMILIES[recipe.family](recipe, problem.space)
    targets = np.asarray(link.apply(problem.values), np.float64)
    bias, scale = bias_and_scale(targets, problem.standardise)
    data = Sample(problem.choices, (targets - bias) / scale)

    def squares(rows: NDArray[np.intp], predicted: Floats) -> float:
        on_link = np.maximum(bias + scale * predicted, link.least)
        with np.errstate(all="ignore"):  # what overflows or has no logarithm is reported below
            if link is not judge:
                on_link = judge.apply(link.inverse(on_link))
            total = float(np.square(on_link - judge.apply(problem.values[rows])).sum())
        if not np.isfinite(total):
            raise ModelError(f"recipe {recipe.name} on link {candidate.link} predicts what {problem.link} can't hold")
        return total

    everything = np.arange(len(targets))
    if family.closed_form:
        fit = family.fit_ensemble(data, problem.folds, 1, problem.seed, 1, lambda _: None)
        yield float(np.sqrt(squares(everything, fit.mean) / len(everything))), True
        return
    stops = any(stage.stop for stage in recipe.stages)
    total, judged = 0.0, 0
    for i, fold in enumerate(problem.folds):
        # fold i + 1 is large enough to stop on half of it, and what is left trains
        stop = problem.folds[(i + 1) % len(problem.folds)][::2]
        hidden = np.concatenate([fold, stop]) if stops else fold
        train = np.setdiff1d(everything, hidden, assume_unique=True)
        member = family.fit(data.take(train), data.take(stop), problem.seed + i)
        total += squares(fold, family.gather([member]).predict(problem.choices[fold])[0])
        judged += len(fold)
        yield float(np.sqrt(total / judged)), judged == len(everything)
