"""The record of a search: an Optuna study, whose samplers propose candidates and learn how they fared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState
from sqlalchemy.exc import SQLAlchemyError

from accelnas.databases import hindrance
from accelnas.errors import DataError
from accelnas.fitting.tuning.search_space import Trial

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

    from accelnas.fitting.tuning.search_space import Parameter, SearchSpace, State

    Engine = Callable[[Mapping[str, BaseDistribution], int], BaseSampler]

__all__ = ["Study", "is_cut_short"]

UNPRUNED = 5  # trials before the median is one
STATES: dict[State, TrialState] = {
    "complete": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "failed": TrialState.FAIL,
}


class Study:
    """A study in an SQLite file, which may hold several, or in memory; only one process uses a file at a time.

    Tree-structured Parzen estimators (Bergstra et al. 2011) propose, and the median of earlier trials prunes. Each
    trial's sampler is seeded by the seed and the number of trials before it, without those that a break cut
    short: a study that was resumed tries the same again and goes on as it would have without the break.

    Parameters
    ----------
    space, name
        What is searched, and what the study is called.
    identity
        What the errors depend on: a study goes on only with the same.
    seed
        What is proposed follows from it and from the trials told.
    storage
        File of the record, which is created if needed; None keeps it in memory.
    engine
        Makes another sampler, of all trials, from distributions by place and the seed; nothing is pruned then.

    Raises
    ------
    DataError
        If the file is no record, or the study in it has another identity.
    """

    def __init__(
        self,
        space: SearchSpace,
        name: str,
        identity: Mapping[str, str],
        seed: int,
        storage: Path | None,
        engine: Engine | None = None,
    ) -> None:
        self._distributions = {parameter.place: _distribution(parameter) for parameter in space.parameters}
        self._seed = seed
        self._sampler = None if engine is None else engine(self._distributions, seed)
        self._verbosity = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._storage = None if storage is None else _open(storage)
        pruner = (
            optuna.pruners.MedianPruner(n_startup_trials=UNPRUNED) if engine is None else optuna.pruners.NopPruner()
        )
        self._study = optuna.create_study(
            storage=self._storage, study_name=name, load_if_exists=True, direction="minimize", pruner=pruner
        )
        for key, value in identity.items():
            before = str(self._study.user_attrs.get(key, value))
            if before != value:
                raise DataError(
                    f"{storage} holds a study {name!r} with {key} {before[:16]}, and this run has {value[:16]}; "
                    "go on with the same, or name another storage"
                )
            self._study.set_user_attr(key, value)
        for trial in self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            self._study.tell(trial.number, state=TrialState.FAIL)  # the search ended meanwhile

    def ask(self) -> optuna.Trial | None:
        """Propose a candidate, whose `params` map places to numbers or labels; None when there is none left."""
        number = sum(not is_cut_short(trial) for trial in self._study.get_trials(deepcopy=False))
        (seed,) = np.random.SeedSequence([self._seed, number]).generate_state(1)
        self._study.sampler = self._sampler or optuna.samplers.TPESampler(seed=int(seed), multivariate=True)
        try:
            return self._study.ask(self._distributions)
        except StopIteration:
            return None

    def tell(self, trial: optuna.Trial, state: State, error: float | None, message: str = "") -> None:
        """End a trial. One of which nothing is told is as if not asked."""
        if message:
            trial.set_user_attr("message", message)
        self._study.tell(trial, error if state == "complete" else None, STATES[state])

    def history(self) -> list[Trial]:
        """All trials of the record that have ended, by number."""
        return [_ended(trial) for trial in self._study.get_trials(deepcopy=False) if trial.state.is_finished()]

    def close(self) -> None:
        """Let go of the file."""
        optuna.logging.set_verbosity(self._verbosity)
        if self._storage is not None:
            self._storage.remove_session()
            self._storage.engine.dispose()


def _open(storage: Path) -> optuna.storages.RDBStorage:
    try:
        return optuna.storages.RDBStorage(f"sqlite:///{storage}")
    except (RuntimeError, SQLAlchemyError) as error:  # a database of another version, or no database
        reason = str(getattr(error, "orig", None) or error).partition("\n")[0]
        raise DataError(
            f"{storage} is no record of Optuna trials ({reason}); {hindrance(storage, error)}, or name another storage"
        ) from None


def _distribution(parameter: Parameter) -> BaseDistribution:
    if parameter.choices is not None:
        return CategoricalDistribution(list(parameter.choices))
    if parameter.kind == "int":
        return IntDistribution(int(parameter.low), int(parameter.high), log=parameter.log)
    return FloatDistribution(parameter.low, parameter.high, log=parameter.log)


def is_cut_short(trial: FrozenTrial) -> bool:
    """Whether the search ended meanwhile: what failed has a message."""
    return trial.state is TrialState.FAIL and not trial.user_attrs.get("message")


def _ended(trial: FrozenTrial) -> Trial:
    values: list[Any] = list(trial.intermediate_values.values())
    states: dict[TrialState, State] = {TrialState.COMPLETE: "complete", TrialState.PRUNED: "pruned"}
    state: State = "interrupted" if is_cut_short(trial) else states.get(trial.state, "failed")
    return Trial(trial.number, state, values[-1] if values else None, trial.params, trial.user_attrs.get("message", ""))
