"""Optuna: tree-structured Parzen estimators (Bergstra et al. 2011), pruned by the median of earlier trials."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState
from sqlalchemy.exc import SQLAlchemyError

from accelnas.databases import hindrance
from accelnas.errors import DataError
from accelnas.fitting.tuning.engines import Asked, Engine, Trial, check_identity

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

    from accelnas.fitting.tuning.engines import State
    from accelnas.fitting.tuning.search_space import Parameter, SearchSpace

__all__ = ["OptunaEngine"]

UNPRUNED = 5  # trials before the median is one
STATES: dict[State, TrialState] = {
    "complete": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "failed": TrialState.FAIL,
}


class OptunaEngine(Engine):
    """A study in an SQLite file, which may hold several, or in memory.

    Each trial's sampler is seeded by the seed and the number of trials before it, without those that a break cut
    short: a study that was resumed tries the same again and goes on as it would have without the break.
    """

    def __init__(
        self, space: SearchSpace, name: str, identity: Mapping[str, str], seed: int, storage: Path | None
    ) -> None:
        self._distributions = {parameter.place: _distribution(parameter) for parameter in space.parameters}
        self._seed = seed
        self._verbosity = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._storage = None if storage is None else _open(storage)
        self._study = optuna.create_study(
            storage=self._storage,
            study_name=name,
            load_if_exists=True,
            direction="minimize",
            pruner=optuna.pruners.MedianPruner(n_startup_trials=UNPRUNED),
        )
        for key, value in identity.items():
            if key not in self._study.user_attrs:
                self._study.set_user_attr(key, value)
        check_identity(storage, name, self._study.user_attrs, identity)
        for trial in self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            self._study.tell(trial.number, state=TrialState.FAIL)  # the search ended meanwhile

    def ask(self) -> Asked:  # noqa: D102 see Engine
        number = sum(not _is_cut_short(trial) for trial in self._study.get_trials(deepcopy=False))
        (seed,) = np.random.SeedSequence([self._seed, number]).generate_state(1)
        self._study.sampler = optuna.samplers.TPESampler(seed=int(seed), multivariate=True)
        trial = self._study.ask(self._distributions)
        return Asked(trial.number, trial.params, trial)

    def report(self, asked: Asked, value: float) -> bool:  # noqa: D102 see Engine
        super().report(asked, value)
        asked.handle.report(value, len(asked.values))
        return not asked.handle.should_prune()

    def tell(self, asked: Asked, state: State, message: str = "") -> None:  # noqa: D102 see Engine
        if state == "failed":
            asked.handle.set_user_attr("message", message)
        values = asked.values[-1] if state == "complete" else None
        self._study.tell(asked.handle, values, STATES[state])

    def history(self) -> list[Trial]:  # noqa: D102 see Engine
        return [_trial(trial) for trial in self._study.get_trials(deepcopy=False) if trial.state.is_finished()]

    def close(self) -> None:  # noqa: D102 see Engine
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


def _is_cut_short(trial: FrozenTrial) -> bool:
    """Whether the search ended meanwhile: what failed has a message."""
    return trial.state is TrialState.FAIL and not trial.user_attrs.get("message")


def _trial(trial: FrozenTrial) -> Trial:
    values: list[Any] = list(trial.intermediate_values.values())
    message = trial.user_attrs.get("message", "")
    states: dict[TrialState, State] = {TrialState.COMPLETE: "complete", TrialState.PRUNED: "pruned"}
    state: State = "interrupted" if _is_cut_short(trial) else states.get(trial.state, "failed")
    return Trial(trial.number, state, values[-1] if values else None, trial.params, message)
