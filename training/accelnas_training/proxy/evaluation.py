"""Train what a search or a validation asks for, through a store that keeps every training."""

from __future__ import annotations

import math
from contextlib import nullcontext
from typing import TYPE_CHECKING

from accelnas_training.collect.collector import collect
from accelnas_training.collect.job import Job
from accelnas_training.errors import ProxyError
from accelnas_training.proxy.trainings import Measured

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager

    from accelnas_training.collect.collector import Progress
    from accelnas_training.collect.limits import Limits
    from accelnas_training.collect.reader import StoreReader
    from accelnas_training.collect.runner import Runner
    from accelnas_training.collect.store import Store
    from accelnas_training.collect.work import WorkDescription
    from accelnas_training.proxy.trainings import Training

    Watch = AbstractContextManager[Callable[[Progress], None] | None]

__all__ = ["Collected", "Known"]


class Known:
    """Gives trainings that a store has, and trains nothing.

    Parameters
    ----------
    store
        A store with all that will be asked for.

    Raises
    ------
    ProxyError
        When a training is asked for that is not there.
    """

    def __init__(self, store: StoreReader) -> None:
        self._store = store

    def __call__(self, trainings: Sequence[Training]) -> list[Measured]:
        """Give what each training gave; one that is quarantined failed."""
        jobs = [_job(training) for training in trainings]
        states = self._store.states(jobs)
        missing = sum(state not in {"done", "quarantined"} for state in states)
        if missing:
            raise ProxyError(
                f"{missing} of {len(jobs)} trainings are not in {self._store.path}; "
                "run `accelnas-training proxy search` or `proxy validate` with this store to its end"
            )
        return [_measured(values) for values in self._store.values(jobs)]


class Collected:
    """Trains what a store does not have, and keeps it there.

    Parameters
    ----------
    store
        Where trainings are kept.
    work
        How they are done: `accelnas_training.collect.training_work.training_work`.
    runner
        Where they are done.
    limits
        When one is given up; it then counts as failed.
    watch
        Shows the progress of a call: given the number of its trainings, a context with what to call after every change.
    recorded
        Called with a job once its result is on disk.
    """

    def __init__(
        self,
        store: Store,
        work: WorkDescription,
        runner: Runner,
        limits: Limits | None = None,
        watch: Callable[[int], Watch] | None = None,
        recorded: Callable[[Job], None] | None = None,
    ) -> None:
        self._store, self._work, self._runner, self._limits = store, work, runner, limits
        self._watch, self._recorded = watch or (lambda _trainings: nullcontext()), recorded
        self._known = Known(store)

    def __call__(self, trainings: Sequence[Training]) -> list[Measured]:
        """Give what each training gave, after training those that are missing."""
        for scheme in {training.scheme.digest: training.scheme for training in trainings}.values():
            self._store.add_scheme(scheme.digest, scheme.name, scheme.to_dict())
        jobs = [_job(training) for training in trainings]
        with self._watch(len(jobs)) as report:
            collect(self._store, jobs, self._work, self._runner, self._limits, report=report, recorded=self._recorded)
        return self._known(trainings)


def _job(training: Training) -> Job:
    return Job(training.architecture, training.scheme.digest, training.seed)


def _measured(values: Mapping[str, float] | None) -> Measured:
    if values is None:
        return Measured()
    return Measured(values["accuracy"], values["train_time"], values.get("energy", math.nan))
