"""SMAC3 in our searches (extra ``smac``)."""

from __future__ import annotations

import logging
import math
import shutil
import tempfile
import warnings
import weakref
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelnas.adapters.configspace import encode_configurations, to_configspace
from accelnas.adapters.shared import OneByOne, alone, needs, seed_of_32_bits
from accelnas.errors import SearchError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smac.facade.abstract_facade import AbstractFacade
    from smac.runhistory import TrialInfo

    from accelnas.search.protocol import Task, UserAlgorithm
    from accelnas.space import Rows

__all__ = ["smac_algorithm"]


def smac_algorithm(facade: type[AbstractFacade] | None = None, **scenario: Any) -> UserAlgorithm:
    """Let SMAC3 (Lindauer et al. 2022) run in our searches.

    Parameters
    ----------
    facade : subclass of smac.facade.abstract_facade.AbstractFacade, optional
        A facade that needs no instances; SMAC's ``HyperparameterOptimizationFacade`` by default: random forests and
        expected improvement. Of an objective with fidelities also ``MultiFidelityFacade``: forests and Hyperband, whose
        budgets are epochs, each the nearest there is.
    **scenario
        Further options of ``smac.Scenario``, such as ``use_default_config=True``. Space, budget, objectives, seed,
        epochs and output directory are given by the run.

    Returns
    -------
    UserAlgorithm
        It asks one architecture at a time, and minimises costs; several are aggregated as the facade
        does. Where it finds no new architecture, as in a small space, uniform ones are evaluated untold.

    Raises
    ------
    MissingExtraError
        When a run begins, if SMAC is not installed.
    SearchError
        When a run begins, if the facade needs fidelities and the objective has none.

    Notes
    -----
    What SMAC writes goes to a temporary folder, which is removed with the run.

    Examples
    --------
    >>> import accelnas
    >>> from accelnas.search.protocol import Task
    >>> run = smac_algorithm()(Task(accelnas.mnasnet_space(), {"accuracy": "maximise"}, budget=100, seed=1))
    >>> run.ask().shape
    (1, 28)
    """
    return partial(_Run, facade, scenario)


class _Run(OneByOne):
    """One run of SMAC, asked and told."""

    asynchronous = True

    def __init__(self, facade: type[AbstractFacade] | None, options: dict[str, Any], task: Task) -> None:
        with needs("smac"):
            from smac import HyperparameterOptimizationFacade, MultiFidelityFacade, Scenario
        super().__init__(task)
        kind: Any = HyperparameterOptimizationFacade if facade is None else facade
        self._has_budgets = issubclass(kind, MultiFidelityFacade)
        if self._has_budgets and not task.epochs:
            raise SearchError(f"{kind.__name__} needs an objective with fidelities; give some, or another facade")
        budgets = {"min_budget": task.epochs[0], "max_budget": task.epochs[-1]} if self._has_budgets else {}
        seed = seed_of_32_bits(task.seed)
        folder = tempfile.mkdtemp(prefix="accelnas-search-smac-")
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        names = list(task.objectives)
        with _quiet():
            scenario = Scenario(
                to_configspace(task.space, seed),
                objectives=names if len(names) > 1 else names[0],
                n_trials=task.budget,
                seed=seed,
                output_directory=Path(folder),
                **{"deterministic": True, **budgets, **options},
            )
            self._smac = kind(
                scenario,
                intensifier=kind.get_intensifier(scenario, **({} if self._has_budgets else {"max_config_calls": 1})),
                logging_level=False,
                overwrite=True,
            )
        self._exhausted = False

    def propose(self) -> TrialInfo | None:
        from smac.main.exceptions import ConfigurationSpaceExhaustedException

        if self._exhausted:
            return None
        try:
            with _quiet():
                proposed: TrialInfo = self._smac.ask()
        except (StopIteration, ConfigurationSpaceExhaustedException):
            self._exhausted = True
            return None
        return proposed

    def row(self, proposed: TrialInfo) -> Rows:
        return encode_configurations(self._task.space, [proposed.config])

    def epochs(self, proposed: TrialInfo | None) -> int | None:
        if not self._has_budgets:
            return None
        budget = self._task.epochs[-1] if proposed is None else float(proposed.budget or 0)
        return min(self._task.epochs, key=lambda epochs: abs(math.log(epochs / budget)))

    def learn(self, proposed: TrialInfo, costs: list[float]) -> None:
        from smac.runhistory import TrialValue

        self._smac.tell(proposed, TrialValue(cost=alone(costs)), save=False)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep out of the log that a small space is nearly exhausted, and let pass SMAC's use of an old method.

    Its forests predict in this thread: tasks of a few trees in threads of their own take three times as long, and
    all of them change the filters of warnings, so that one may find none (and lose those of the caller).
    """
    import joblib

    logger = logging.getLogger("smac")
    before = logger.level
    logger.setLevel(max(before, logging.ERROR))
    try:
        with joblib.parallel_config("sequential"), warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=r"Please use `dict\(config\)`", category=DeprecationWarning)
            yield
    finally:
        logger.setLevel(before)
