"""Search the settings of one metric's models."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections import Counter
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from accelnas.arguments import check_number, check_threads, check_whole
from accelnas.databases import check_database, hindrance
from accelnas.errors import FileError, MissingExtraError, ModelError
from accelnas.fitting.settings import LARGEST
from accelnas.fitting.tuning.objective import cross_validate, make_problem
from accelnas.fitting.tuning.run import Run
from accelnas.fitting.tuning.search_space import Candidate, read_search_space
from accelnas.fitting.tuning.settings_text import settings_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from accelnas.fitting.dataset import Dataset
    from accelnas.fitting.families import Recipe
    from accelnas.fitting.settings import MetricSettings, Settings
    from accelnas.fitting.splits import Split
    from accelnas.fitting.tuning.objective import Problem
    from accelnas.fitting.tuning.search_space import SearchSpace, Trial
    from accelnas.fitting.tuning.study import Engine

__all__ = ["TuningResult", "settings_error", "tune"]


@dataclass(frozen=True)
class TuningResult:
    """What `tune` found.

    Attributes
    ----------
    metric, space
        Names of the metric and of the search space.
    recipe, link
        The best recipe, as it is to be fitted, and the link that it models.
    error
        Its root mean square error of cross-validation, on the scale of the settings' link.
    settings
        A settings file with it, TOML.
    history
        All trials, earlier runs' included.
    interrupted
        Whether Ctrl-C ended the search.
    """

    metric: str
    space: str
    recipe: Recipe
    link: str
    error: float
    settings: str
    history: tuple[Trial, ...]
    interrupted: bool

    def count(self, *states: str) -> int:
        """Count trials that ended as ``"complete"``, ``"pruned"``, ``"failed"`` or ``"interrupted"``."""
        return sum(trial.state in states for trial in self.history)


def tune(
    dataset: Dataset,
    split: Split,
    settings: Settings,
    metric: str,
    family: str | Path,
    *,
    trials: int | None = 50,
    seconds: float | None = None,
    folds: int = 5,
    seed: int = 0,
    threads: int = 1,
    engine: Engine | None = None,
    storage: str | Path | None = None,
    progress: Callable[[int, float | None], None] | None = None,
) -> TuningResult:
    """Search the settings of a metric's models by cross-validation on the training and validation part.

    The test part is not looked at. With one thread the same seed gives the same result, whether the search
    was interrupted and resumed or not; with more, what is tried depends on which trial ends first.

    Parameters
    ----------
    dataset, split
        The measurements and their parts.
    settings
        Where link, outliers, standardisation, members and the folds' seed are from.
    metric
        Name of one of the settings' metrics.
    family
        Name or path of a search space, see `read_search_space`.
    trials
        Trials that the study has in the end, earlier runs of the same storage included; None is no limit.
    seconds
        No trial begins after so many; None is no limit.
    folds
        Number of folds.
    seed
        Of the search. Folds and models have the settings' seed.
    threads
        Processes that judge trials at the same time, one thread each. Scripts need the usual
        ``if __name__ == "__main__":`` around a call with more than one.
    engine
        Makes an Optuna sampler that proposes all trials, from distributions by place and the seed. None means tree-
        structured Parzen estimators, which prune trials that are worse than the median after some of the folds.
    storage
        SQLite file that keeps the trials. A search that was ended by whatever means goes on from it; at most the
        trials under way are lost. One run at a time uses a file.
    progress
        Called with the number of trials and the least error so far.

    Raises
    ------
    ModelError
        If there is nothing to tune about the metric, the arguments don't fit, or every trial failed.
    DataError
        If too few rows were measured, or the storage is of other data, settings or search space.
    FileError
        If the storage is used by another run.
    MissingExtraError
        If Optuna is not installed.
    """
    chosen, _ = _tunable(settings, metric)
    if trials is None and seconds is None:
        raise ModelError("neither trials nor seconds are limited; limit at least one of them")
    if trials is not None:
        trials = check_whole("trials", trials, 1, error=ModelError)
    if seconds is not None:
        seconds = check_number("seconds", seconds, 0, error=ModelError)
    folds = check_whole("folds", folds, 2, LARGEST, ModelError)
    seed = check_whole("seed", seed, 0, 2**32 - 1, ModelError)
    check_threads(threads)
    problem = make_problem(dataset, split, chosen, settings, folds)
    space = read_search_space(family)
    if problem.values.min() <= 0:
        space = space.without_links()
    objective = [folds, problem.seed, problem.link, problem.standardise, chosen.drop_outliers]
    objective += [] if problem.limit is None else [problem.limit]
    identity = {
        "data": dataset.sha256,
        "split": split.sha256,
        "space": space.sha256,
        "objective": hashlib.sha256(json.dumps(objective).encode()).hexdigest(),
    }
    path = None if storage is None else Path(storage)
    interrupted = False
    try:
        from accelnas.fitting.tuning.study import Study
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"{error.name} is not installed; run: pip install 'accelnas[tune]'") from error
    with _alone(path), closing(Study(space, f"{metric} {space.name}", identity, seed, path, engine)) as study:
        try:
            Run(study, problem, space, trials, seconds, progress or (lambda *_: None)).run(threads)
        except KeyboardInterrupt:
            interrupted = True
        history = tuple(study.history())
    complete = [trial for trial in history if trial.state == "complete"]
    if not complete:
        if interrupted:
            raise KeyboardInterrupt
        reasons = [trial.message for trial in history if trial.message]
        why = f"the first because {reasons[0]}" if reasons else "as there was no time; allow more seconds or trials"
        raise ModelError(f"none of {len(history)} trials of {space.name} for {metric} was completed, {why}")
    name = "optuna" if engine is None else getattr(engine, "__name__", "another engine")
    best = min(complete, key=lambda trial: (trial.value or 0.0, trial.number))
    return _result(space, problem, settings, chosen, history, best, identity, f"{name}, seed {seed}", interrupted)


def _result(
    space: SearchSpace,
    problem: Problem,
    settings: Settings,
    metric: MetricSettings,
    history: tuple[Trial, ...],
    best: Trial,
    identity: dict[str, str],
    engine: str,
    interrupted: bool,
) -> TuningResult:
    numbers = [trial.number for trial in history if trial.state != "interrupted"]
    ended = Counter(trial.state for trial in history)
    error = best.value or 0.0
    content = space.content(best.suggested, trial=False)
    link = content.pop("link", metric.link)
    scale = "" if problem.link == "identity" else f" of its {problem.link}"
    found = f"found by `accelnas tune` ({engine}): trial {numbers.index(best.number) + 1} of {len(numbers)}"
    how = f"{len(problem.folds)}-fold cross-validation on training and validation part"
    comments = [
        f"{metric.name}: {space.name}, {found}, of which {ended['pruned']} were pruned and {ended['failed']} failed.",
        f"Root mean square error{scale} {error:.5g} in {how}; the test part was not looked at.",
        ", ".join(f"{key} {identity[key][:16]}" for key in ("data", "split", "space")),
    ]
    return TuningResult(
        metric=metric.name,
        space=space.name,
        recipe=space.candidate(best.suggested, trial=False).recipe,
        link=link,
        error=error,
        settings=settings_text(f"tuned_{space.name}", comments, settings, metric, content, link),
        history=history,
        interrupted=interrupted,
    )


def settings_error(dataset: Dataset, split: Split, settings: Settings, metric: str, folds: int = 5) -> float:
    """Root mean square error that the settings' own recipe has on the folds of `tune`.

    Raises
    ------
    ModelError, DataError
        As `tune`.
    """
    chosen, recipe = _tunable(settings, metric)
    problem = make_problem(dataset, split, chosen, settings, folds)
    *_, (error, _) = cross_validate(problem, Candidate(recipe, chosen.link))
    return error


def _tunable(settings: Settings, metric: str) -> tuple[MetricSettings, Recipe]:
    chosen = settings.metric(metric)
    if chosen.recipe is None:
        raise ModelError(f"{metric} is computed exactly; there is nothing to tune")
    return chosen, chosen.recipe


@contextmanager
def _alone(storage: Path | None) -> Iterator[None]:
    """Keep other runs from a storage; the system lets go when this process ends, however it does.

    SQLite's lock is used as it works on all systems; the storage itself stays unlocked for its engine.
    """
    if storage is None:
        yield
        return
    if not storage.parent.is_dir():
        raise FileError(f"folder {storage.parent} does not exist; create it first")
    check_database(storage)
    check_database(f"{storage}.lock")
    lock = None
    try:
        lock = sqlite3.connect(f"{storage}.lock", timeout=0, isolation_level=None)
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.Error as error:
        if lock is not None:
            lock.close()
        raise FileError(
            f"{storage} can't be locked ({error}); {hindrance(storage, error)}: wait for it, or name another file"
        ) from None
    try:
        yield
    finally:
        lock.close()
