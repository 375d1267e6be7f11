"""Search spaces as Optuna's distributions (extra ``optuna``)."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from accelnas.adapters.rules import is_active, parents_first
from accelnas.adapters.shared import needs
from accelnas.errors import SpaceError

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import BaseTrial

    from accelnas.space import Choice, Rows, Space

__all__ = ["distributions", "suggest"]


def distributions(space: Space) -> dict[str, BaseDistribution]:
    """Return a space as Optuna's distributions, such as `optuna.study.Study.ask` takes.

    Parameters
    ----------
    space : Space
        The space.

    Returns
    -------
    dict of str to optuna.distributions.BaseDistribution
        Integers in equal steps upwards are an ``IntDistribution``, all else is categorical. Values are the choices.
        All variables have one; `suggest` asks for those that are active.

    Raises
    ------
    MissingExtraError
        If Optuna is not installed.

    Examples
    --------
    >>> import accelnas
    >>> distributions(accelnas.mnasnet_space())["block0_k"]
    IntDistribution(high=5, log=False, low=3, step=2)
    """
    with needs("optuna"):
        from optuna.distributions import CategoricalDistribution, IntDistribution
    result: dict[str, BaseDistribution] = {}
    for variable in space.variables:
        steps = _equal_steps(variable.choices)
        result[variable.name] = CategoricalDistribution(variable.choices) if steps is None else IntDistribution(*steps)
    return result


def suggest(trial: BaseTrial, space: Space) -> Rows:
    """Let a trial choose an architecture.

    Parameters
    ----------
    trial : optuna.trial.BaseTrial
        A trial of a study, or an ``optuna.trial.FixedTrial``.
    space : Space
        The space. Each variable that is active is suggested under its own name, behind those that it depends on;
        see `distributions`.

    Returns
    -------
    uint8 array (1, variables)
        Choice indices.

    Raises
    ------
    optuna.TrialPruned
        If the choices are a forbidden combination: the study notes it, and goes on.

    Examples
    --------
    >>> import accelnas, optuna
    >>> space = accelnas.mnasnet_space()
    >>> archs = space.sample(1, seed=1)
    >>> bool((suggest(optuna.trial.FixedTrial(space.decode(archs)[0]), space) == archs).all())
    True
    """
    chosen: dict[str, Any] = dict.fromkeys(variable.name for variable in space.variables)
    numbers: dict[str, int] = {}
    with needs("optuna"):
        import optuna
    for variable, alternatives in parents_first(space):
        if not is_active(alternatives, numbers):
            continue
        steps = _equal_steps(variable.choices)
        if steps is None:
            value = trial.suggest_categorical(variable.name, variable.choices)
        else:
            low, high, _, step = steps
            value = trial.suggest_int(variable.name, low, high, step=step)
        chosen[variable.name], numbers[variable.name] = value, variable.choices.index(value)
    try:
        return space.encode([chosen])
    except SpaceError as error:
        if not space.has_rules:
            raise
        raise optuna.TrialPruned(str(error)) from None


def _equal_steps(choices: tuple[Choice, ...]) -> tuple[int, int, bool, int] | None:
    """Lowest, highest, no logarithm, and step of integers in equal steps upwards."""
    if not all(type(choice) is int for choice in choices):
        return None
    numbers = [int(choice) for choice in choices]
    steps = {after - before for before, after in pairwise(numbers)} or {1}
    return (numbers[0], numbers[-1], False, steps.pop()) if len(steps) == 1 and min(steps) > 0 else None
