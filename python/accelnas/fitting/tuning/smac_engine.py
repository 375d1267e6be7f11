"""SMAC3 over a ConfigSpace: random forests and expected improvement (Lindauer et al. 2022)."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ConfigSpace import Categorical, Configuration, ConfigurationSpace, Float, Integer
from smac import HyperparameterOptimizationFacade, Scenario
from smac.runhistory import StatusType, TrialInfo, TrialValue

from accelnas.errors import DataError, FileError
from accelnas.files import read_text, write_text
from accelnas.fitting.tuning.engines import Asked, Engine, Trial, check_identity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ConfigSpace.hyperparameters import Hyperparameter

    from accelnas.fitting.tuning.engines import State
    from accelnas.fitting.tuning.search_space import Parameter, SearchSpace

__all__ = ["SmacEngine", "to_configspace"]

INITIAL = 10  # candidates of the Sobol design, as many as Optuna draws at random
REFUSED = 2.0  # cost of a candidate that fails, in the worst error of the others
MOST_TRIALS = 100_000  # SMAC wants a number; the caller of ask decides


class SmacEngine(Engine):
    """SMAC3's facade for hyper-parameters, with a file of one line a trial for one study.

    A resumed run tells SMAC all earlier trials. SMAC prunes nothing: it takes a trial's whole error.
    """

    def __init__(
        self, space: SearchSpace, name: str, identity: Mapping[str, str], seed: int, storage: Path | None
    ) -> None:
        self._configspace = to_configspace(space, seed)
        self._storage = storage
        self._trials = _read(storage, {"study": name, **identity})
        self._folder = tempfile.TemporaryDirectory(prefix="accelnas-smac-")
        scenario = Scenario(
            self._configspace,
            output_directory=Path(self._folder.name),
            deterministic=True,
            n_trials=MOST_TRIALS,
            seed=seed,
        )
        facade = HyperparameterOptimizationFacade
        self._smac = facade(
            scenario,
            initial_design=facade.get_initial_design(scenario, n_configs=INITIAL),
            intensifier=facade.get_intensifier(scenario, max_config_calls=1),
            logging_level=False,
            overwrite=True,
        )
        self._worst = 0.0
        for trial in self._trials:
            self._learn(TrialInfo(Configuration(self._configspace, dict(trial.suggested)), seed=0), trial)
        self._asked = max((trial.number + 1 for trial in self._trials), default=0)

    def ask(self) -> Asked | None:  # noqa: D102 see Engine
        try:
            info = self._smac.ask()
        except StopIteration:  # a small space is exhausted
            return None
        suggested = {name: getattr(value, "item", lambda v=value: v)() for name, value in dict(info.config).items()}
        self._asked += 1
        return Asked(self._asked - 1, suggested, info)

    def tell(self, asked: Asked, state: State, message: str = "") -> None:  # noqa: D102 see Engine
        trial = Trial(asked.number, state, asked.values[-1] if asked.values else None, asked.suggested, message)
        if self._storage is not None:
            try:
                with self._storage.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(vars(trial)) + "\n")
            except OSError as error:
                raise FileError(f"{self._storage}: {error.strerror}; earlier trials are kept") from error
        self._learn(asked.handle, trial)
        self._trials.append(trial)

    def history(self) -> list[Trial]:  # noqa: D102 see Engine
        return sorted(self._trials, key=lambda trial: trial.number)

    def close(self) -> None:  # noqa: D102 see Engine
        self._folder.cleanup()

    def _learn(self, info: TrialInfo, trial: Trial) -> None:
        if trial.state == "complete" and trial.value is not None:
            self._worst = max(self._worst, trial.value)
            value = TrialValue(cost=trial.value)
        else:  # SMAC's forest needs a finite number
            value = TrialValue(cost=REFUSED * self._worst or 1.0, status=StatusType.CRASHED)
        self._smac.tell(info, value, save=False)


def to_configspace(space: SearchSpace, seed: int) -> ConfigurationSpace:
    """Return a search space as ConfigSpace has it.

    Examples
    --------
    >>> from accelnas.fitting.tuning import read_search_space
    >>> sorted(to_configspace(read_search_space("nu_svr"), 0))
    ['parameters.C', 'parameters.gamma', 'parameters.nu']
    """
    result = ConfigurationSpace(name=space.name, seed=seed)
    result.add([_hyperparameter(parameter) for parameter in space.parameters])
    return result


def _hyperparameter(parameter: Parameter) -> Hyperparameter[Any, Any]:
    if parameter.choices is not None:
        return Categorical(parameter.place, list(parameter.choices))
    if parameter.kind == "int":
        return Integer(parameter.place, (int(parameter.low), int(parameter.high)), log=parameter.log)
    return Float(parameter.place, (parameter.low, parameter.high), log=parameter.log)


def _read(storage: Path | None, identity: dict[str, str]) -> list[Trial]:
    """Trials of a file, which is begun if it is new; a line that a kill cut short is dropped."""
    if storage is None:
        return []
    if not storage.exists():
        write_text(storage, json.dumps(identity) + "\n")
        return []
    whole = read_text(storage).rpartition("\n")[0]
    try:
        lines: list[dict[str, Any]] = [json.loads(line) for line in whole.splitlines()]
        before, trials = lines[0], [Trial(**line) for line in lines[1:]]
    except (ValueError, TypeError, IndexError) as error:
        raise DataError(f"{storage} is no record of SMAC trials: {error}; name another storage") from None
    check_identity(storage, str(before.get("study")), before, identity)
    write_text(storage, whole + "\n")
    return trials
