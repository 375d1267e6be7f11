"""NePS's optimizers in our searches (extra ``neps``)."""

from __future__ import annotations

import re
import warnings
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from accelnas.adapters.rules import allowed
from accelnas.adapters.shared import OneByOne, OwnChance, alone, needs, seed_of_32_bits

if TYPE_CHECKING:
    from collections.abc import Callable

    from accelnas.search.protocol import Task, UserAlgorithm
    from accelnas.space import Rows, Space

__all__ = ["neps_algorithm", "to_neps"]

# newer optimizers of NePS name a parameter by its path, such as SAMPLING__Resolvable.v3::categorical__4
POSITION = re.compile(r"(?:^|\.)v(\d+)(?:::|$)")


def to_neps(space: Space) -> Any:
    """Return a space as one of NePS.

    Parameters
    ----------
    space : Space
        The space.

    Returns
    -------
    neps.PipelineSpace
        Parameters ``v0``, ``v1``, … hold the choice indices of the variables: integers where the choices are
        numbers, categorical ones elsewhere. A variable of one choice is left out, as some optimizers refuse it.

    Raises
    ------
    MissingExtraError
        If NePS is not installed.
    """
    neps = _imported()
    parameters: dict[str, Any] = {}
    for position, variable in enumerate(space.variables):
        count = len(variable.choices)
        if count > 1:
            numeric = all(type(value) in (int, float) for value in variable.choices)
            parameter = neps.Integer(0, count - 1) if numeric else neps.Categorical(choices=tuple(range(count)))
            parameters[f"v{position}"] = parameter
    return type("Space", (neps.PipelineSpace,), parameters)()


def neps_algorithm(make: Callable[[Any], Any] | None = None) -> UserAlgorithm:
    """Let an optimizer of NePS run in our searches.

    Parameters
    ----------
    make : callable, optional
        Given a ``neps.PipelineSpace``, returns an optimizer without fidelities, such as
        ``neps.algorithms.neps_regularized_evolution`` (the default) or ``neps.algorithms.bayesian_optimization``.

    Returns
    -------
    UserAlgorithm
        It asks one architecture at a time, and minimises costs. The optimizer knows no rules: choices of inactive
        variables are ignored, and an architecture near to a forbidden one is evaluated in its place.

    Raises
    ------
    MissingExtraError
        When a run begins, if NePS is not installed.

    Notes
    -----
    NePS draws from the global random states of Python, NumPy and PyTorch. A run puts its own in place while the
    optimizer works, and those of everyone else back; so runs can't share a process's threads.
    """
    return partial(_Run, make)


class _Run(OneByOne):
    """One run of an optimizer, asked and told."""

    def __init__(self, make: Callable[[Any], Any] | None, task: Task) -> None:
        super().__init__(task)
        neps = _imported()
        make = neps.algorithms.neps_regularized_evolution if make is None else make
        self._chance = _ChanceWithTorch(seed_of_32_bits(task.seed))
        with self._chance:
            self._optimizer = neps.AskAndTell(make(to_neps(task.space)))

    def propose(self) -> Any:
        with self._chance, warnings.catch_warnings():
            # of the inputs that NePS's own Gaussian processes are given
            warnings.filterwarnings("ignore", message="Data \\(input features\\)", category=UserWarning)
            return self._optimizer.ask()

    def row(self, proposed: Any) -> Rows:
        row = np.zeros((1, len(self._task.space.variables)), np.uint8)
        for name, index in proposed.config.items():
            found = POSITION.search(name)
            if found:
                row[0, int(found[1])] = int(index)
        return allowed(self._task.space, row)

    def learn(self, proposed: Any, costs: list[float]) -> None:
        with self._chance:
            self._optimizer.tell(proposed, {"objective_to_minimize": alone(costs)})


class _ChanceWithTorch(OwnChance):
    """PyTorch's global random state besides Python's and NumPy's."""

    def _seed(self, seed: int) -> None:
        import torch

        super()._seed(seed)
        torch.manual_seed(seed)

    def _states(self) -> tuple[Any, ...]:
        import torch

        return *super()._states(), torch.random.get_rng_state()

    def _restore(self, states: tuple[Any, ...]) -> None:
        import torch

        super()._restore(states)
        torch.random.set_rng_state(states[2])


def _imported() -> Any:
    with needs("neps"), warnings.catch_warnings():
        # on import, of a library that NePS builds on
        warnings.filterwarnings("ignore", message="`torch.jit", category=FutureWarning)
        import neps
    return neps
