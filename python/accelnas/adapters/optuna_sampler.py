"""Any algorithm of ours as an Optuna sampler; import it from `accelnas.adapters.optuna`."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
from optuna.samplers import BaseSampler, RandomSampler
from optuna.trial import TrialState

from accelnas.adapters.conversation import Conversation
from accelnas.adapters.optuna_space import distributions
from accelnas.adapters.shared import seed_of_32_bits
from accelnas.errors import SearchError, SpaceError
from accelnas.search.protocol import Task

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optuna.distributions import BaseDistribution
    from optuna.study import Study
    from optuna.trial import FrozenTrial

    from accelnas.search.protocol import UserAlgorithm
    from accelnas.space import Space

__all__ = ["AskTellSampler"]

_LOGGER = logging.getLogger(__name__)


class AskTellSampler(BaseSampler):
    """Lets an algorithm of ours choose the parameters of a study's trials.

    Parameters
    ----------
    space : Space
        The space. The study's objective takes the variables by `accelnas.adapters.optuna.suggest`; other parameters
        that it suggests are drawn at random.
    make : UserAlgorithm
        The algorithm.
    seed : int
        Seed of the run, 0 to 2**63 - 1.
    budget : int
        Number of trials that the algorithm is told to expect; it does not end the study.

    Raises
    ------
    MissingExtraError
        On import, if Optuna is not installed.
    SearchError
        If the sampler is used for a second study, or the study's objective suggests a variable otherwise than
        `accelnas.adapters.optuna.suggest` does.

    Notes
    -----
    The trials of a batch are told when the last of them has ended. What a study asks meanwhile, when none of the
    batch is left, is drawn uniformly and not told; so is everything after the algorithm's end. A trial that failed
    or was pruned, or has a value that is not finite, is told as the worst value so far of each objective, or an
    infinity while there is none; one that broke constraints as worse than that by the sum of what it exceeds. Enqueued
    trials are not told, and what the algorithm asked in their place is given to a later one.

    A study that is stored goes on with a new sampler of the same algorithm and seed: the finished trials of earlier
    sessions are told again, as the same run asks for the same architectures. What was under way when a session died is
    asked again. Earlier trials that the algorithm did not ask for are not told: a warning is logged, and `untold` has
    their number.

    Examples
    --------
    >>> import accelnas, optuna
    >>> from accelnas.adapters.optuna import AskTellSampler, optuna_objective
    >>> from accelnas.adapters.pymoo import pymoo_nsga2
    >>> bench = accelnas.load()
    >>> sampler = AskTellSampler(bench.space, pymoo_nsga2(population=10), seed=1)
    >>> study = optuna.create_study(direction="maximize", sampler=sampler)
    >>> study.optimize(optuna_objective(bench, "accuracy"), n_trials=30)
    >>> bool(study.best_value > 60)
    True
    """

    def __init__(self, space: Space, make: UserAlgorithm, seed: int, *, budget: int = 1000) -> None:
        self._space, self._make, self._seed, self._budget = space, make, seed, budget
        self._distributions = distributions(space)
        self._independent = RandomSampler(seed=seed_of_32_bits(seed))
        self._lock = threading.Lock()
        self._conversations: dict[str, Conversation] = {}  # of the study's name, once it has begun
        self.untold = 0
        """Number of finished trials that the study had before this sampler and that the algorithm did not ask for."""

    def infer_relative_search_space(
        self,
        study: Study,  # noqa: ARG002
        trial: FrozenTrial,  # noqa: ARG002
    ) -> dict[str, BaseDistribution]:
        """Give the distributions of the space's variables."""
        return dict(self._distributions)

    def sample_relative(
        self,
        study: Study,
        trial: FrozenTrial,
        search_space: dict[str, BaseDistribution],  # noqa: ARG002 (always the space)
    ) -> dict[str, Any]:
        """Give the values of the next architecture."""
        with self._lock:
            rows = self._conversation(study).take(trial.number)
        return {name: value for name, value in self._space.decode(rows)[0].items() if value is not None}

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Draw a parameter that is no variable of the space, or that an enqueued one made active."""
        if self._distributions.get(param_name, param_distribution) != param_distribution:
            raise SearchError(
                f"{param_name} is suggested from {param_distribution}, not from {self._distributions[param_name]}; "
                "use accelnas.adapters.optuna.suggest"
            )
        return self._independent.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        """Note a trial's values; the algorithm is told when its batch is complete."""
        with self._lock:
            conversation = self._conversation(study)
            for asked in self._space.decode(conversation.held(trial.number)):
                if any(trial.params.get(name, value) != value for name, value in asked.items()):
                    conversation.put_back(trial.number)  # an enqueued trial
                else:
                    _end(conversation, trial, state, values)

    def reseed_rng(self) -> None:
        """Reseed what draws other parameters; the algorithm's own chance stays."""
        self._independent.reseed_rng()

    def _conversation(self, study: Study) -> Conversation:
        if not self._conversations:
            names = study.metric_names or [f"value{i}" for i in range(len(study.directions))]
            ends = [direction.name.lower() for direction in study.directions]
            task = Task(self._space, dict(zip(names, ends, strict=True)), self._budget, self._seed)
            conversation = self._conversations[study.study_name] = Conversation(self._make, task)
            earlier = [trial for trial in study.get_trials(deepcopy=False) if trial.state.is_finished()]
            self.untold = sum(not self._replay(conversation, trial) for trial in earlier)
            if self.untold:
                _LOGGER.warning(
                    "study %s has %d finished trials that this algorithm and seed did not ask for; told the other %d",
                    study.study_name,
                    self.untold,
                    len(earlier) - self.untold,
                )
        if study.study_name not in self._conversations:
            raise SearchError(
                f"the sampler belongs to the study {next(iter(self._conversations))}, not to {study.study_name}; "
                "make one for each"
            )
        return self._conversations[study.study_name]

    def _replay(self, conversation: Conversation, trial: FrozenTrial) -> bool:
        """Tell a finished trial of an earlier session, if the algorithm asked for it."""
        names = {variable.name for variable in self._space.variables}
        try:
            row = self._space.encode({name: value for name, value in trial.params.items() if name in names})
        except SpaceError:
            return False  # it has not all variables, or is no architecture
        is_asked = conversation.take_again(trial.number, row)
        if is_asked:
            _end(conversation, trial, trial.state, trial.values)
        return is_asked


def _end(conversation: Conversation, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
    """Note a trial's values, or that it has none."""
    if state == TrialState.COMPLETE and values is not None:
        exceeded = sum(value for value in trial.constraints.values() if value > 0)
        conversation.end(trial.number, np.array(values), exceeded)
    else:
        conversation.end(trial.number, None)
