"""Tuning as the paper's authors did it: SMAC3 (Lindauer et al. 2022) proposes what `accelnas tune` tries.

``python -m studies.smac_tuning tune --metric accuracy --family xgboost -o tuned.toml`` takes the options of
``accelnas tune``; the extra ``smac`` is needed.
"""

from __future__ import annotations

import shutil
import tempfile
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ConfigSpace import Categorical, Configuration, ConfigurationSpace, Float, Integer
from joblib import parallel_config
from optuna.distributions import CategoricalDistribution, IntDistribution
from optuna.samplers import BaseSampler
from optuna.trial import TrialState
from smac import HyperparameterOptimizationFacade, Scenario
from smac.main.exceptions import ConfigurationSpaceExhaustedException
from smac.runhistory import StatusType, TrialInfo, TrialValue

from accelnas.fitting.tuning.study import is_cut_short

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ConfigSpace.hyperparameters import Hyperparameter
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

__all__ = ["smac", "to_configspace"]

INITIAL = 10  # candidates of the Sobol design, as many as Optuna draws at random
REFUSED = 2.0  # cost of a candidate that fails, in the worst error of the others
MOST_TRIALS = 100_000  # SMAC wants a number; who asks decides


class SmacSampler(BaseSampler):
    """SMAC3's facade for hyper-parameters: random forests and expected improvement, over whole errors of trials."""

    def __init__(self, distributions: Mapping[str, BaseDistribution], seed: int) -> None:
        self._distributions = dict(distributions)
        self._configspace = to_configspace(distributions, seed)
        folder = tempfile.mkdtemp(prefix="accelnas-smac-")
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        scenario = Scenario(
            self._configspace, output_directory=Path(folder), deterministic=True, n_trials=MOST_TRIALS, seed=seed
        )
        facade = HyperparameterOptimizationFacade
        self._smac = facade(
            scenario,
            initial_design=facade.get_initial_design(scenario, n_configs=INITIAL),
            intensifier=facade.get_intensifier(scenario, max_config_calls=1),
            logging_level=False,
            overwrite=True,
        )
        self._asked: dict[int, TrialInfo] = {}
        self._told: set[int] = set()
        self._worst = 0.0

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:  # noqa: ARG002 see Optuna
        return self._distributions

    def sample_relative(
        self,
        study: Study,
        trial: FrozenTrial,
        search_space: dict[str, BaseDistribution],  # noqa: ARG002
    ) -> dict[str, Any]:
        for other in study.get_trials(deepcopy=False):
            if other.state.is_finished() and other.number not in self._told and not is_cut_short(other):
                self._learn(other)
        try:
            with parallel_config("sequential"):  # forests in threads of their own race for the filters of warnings
                info = self._smac.ask()
        except ConfigurationSpaceExhaustedException:
            raise StopIteration from None
        self._asked[trial.number] = info
        return {name: getattr(value, "item", lambda v=value: v)() for name, value in dict(info.config).items()}

    def sample_independent(self, *_: Any) -> Any:
        raise NotImplementedError("SMAC proposes all settings of a trial together")

    def _learn(self, trial: FrozenTrial) -> None:
        """Tell SMAC of a trial, of an earlier run too."""
        self._told.add(trial.number)
        info = self._asked.get(trial.number) or TrialInfo(Configuration(self._configspace, trial.params), seed=0)
        if trial.state is TrialState.COMPLETE and trial.value is not None:
            self._worst = max(self._worst, trial.value)
            value = TrialValue(cost=trial.value)
        else:  # SMAC's forest needs a finite number
            value = TrialValue(cost=REFUSED * self._worst or 1.0, status=StatusType.CRASHED)
        self._smac.tell(info, value, save=False)


def smac(distributions: Mapping[str, BaseDistribution], seed: int) -> SmacSampler:
    """Make the sampler: an engine of `accelnas.fitting.tuning.tune`."""
    return SmacSampler(distributions, seed)


def to_configspace(distributions: Mapping[str, BaseDistribution], seed: int) -> ConfigurationSpace:
    """Return distributions of Optuna as ConfigSpace has them.

    Examples
    --------
    >>> from optuna.distributions import FloatDistribution
    >>> list(to_configspace({"parameters.C": FloatDistribution(0.1, 10, log=True)}, 0))
    ['parameters.C']
    """
    result = ConfigurationSpace(seed=seed)
    result.add([_hyperparameter(place, distribution) for place, distribution in distributions.items()])
    return result


def _hyperparameter(place: str, distribution: Any) -> Hyperparameter[Any, Any]:
    if isinstance(distribution, CategoricalDistribution):
        return Categorical(place, list(distribution.choices))
    kind: Any = Integer if isinstance(distribution, IntDistribution) else Float
    return kind(place, (distribution.low, distribution.high), log=distribution.log)  # type: ignore[no-any-return]


if __name__ == "__main__":
    from accelnas.cli import app

    app(obj=smac, prog_name="python -m studies.smac_tuning")
