"""What is proven of what a search seeks: the optimum of one objective, the front of several."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from accelnas._core import MAX_OBJECTIVES
from accelnas.errors import AccelnasError, SearchError
from accelnas.exact.engine import Run
from accelnas.exact.questions import BestQuestion, FrontQuestion, ScalarisedQuestion
from accelnas.exact.references import published_reference
from accelnas.exact.solve import solve

if TYPE_CHECKING:
    from accelnas.exact.front import FrontResult
    from accelnas.exact.questions import Question
    from accelnas.search.problem import Setting

__all__ = ["exact_front", "known_front", "known_optimum", "optimum"]

_SEARCHED = 3  # objectives whose front is proven beside a search; those of more have too many points


def optimum(setting: Setting, threads: int | None = None) -> float:
    """Give the proven optimum of one objective under its constraints.

    Raises
    ------
    SearchError
        If nothing exact is known of it.
    """
    sought, limits = setting.sought, {c.metric: (c.lower, c.upper) for c in setting.sought.constraints}
    if sought.function is not None:
        raise SearchError("the optimum of a function is not known; compare best_values")
    if sought.penalty is not None and limits:
        raise SearchError("the optimum under a penalty is not known; leave penalty out, or compare best_values")
    key = ("optimum", json.dumps(sought.to_json()), setting.allowed)  # with all weights and targets
    cache = setting.bench._proven
    if key not in cache:
        within: Any = setting.within()
        question: Question
        if sought.formulation is not None:
            question = ScalarisedQuestion(sought.formulation, limits, within)
        else:
            (objective,) = sought.objectives
            question = BestQuestion((objective.metric, objective.direction), limits, within)
        rows = solve(setting.bench, question, Run(threads=threads)).architectures
        if not len(rows):
            raise SearchError(f"no architecture at all meets {', '.join(map(str, sought.constraints))}; loosen them")
        cache[key] = float(setting.true_scores(rows[:1], threads)[0, 0])
    proven: float = cache[key]
    return proven


def exact_front(setting: Setting) -> FrontResult:
    """Give the exact front of what is sought, searched once.

    Raises
    ------
    SearchError
        If nothing exact is known, or there are not 2 to 5 objectives.
    """
    sought = setting.sought
    if (
        sought.function is not None
        or sought.formulation is not None
        or not 2 <= len(sought.objectives) <= MAX_OBJECTIVES
    ):
        raise SearchError(f"an exact front needs 2 to {MAX_OBJECTIVES} metrics as objectives, not {sought}; use regret")
    if sought.penalty is not None and sought.constraints:
        raise SearchError("the front under a penalty is not known; leave penalty out")
    cache = setting.bench._proven
    key = ("front", str(sought), setting.allowed)
    if key not in cache:
        objectives = [(o.metric, o.direction) for o in sought.objectives]
        limits = {c.metric: (c.lower, c.upper) for c in sought.constraints}
        within: Any = setting.within()
        cache[key] = solve(setting.bench, FrontQuestion(objectives, limits, within))
    front: FrontResult = cache[key]
    return front


def known_optimum(setting: Setting, threads: int | None = None) -> float | None:
    """Prove the optimum of what is sought; None where nothing exact is known."""
    if len(setting.sought.labels) > 1:
        return None
    try:
        return optimum(setting, threads)
    except AccelnasError:
        return None


def known_front(setting: Setting) -> FrontResult | None:
    """Prove the front of a few objectives; None where nothing exact, or no reference point, is known."""
    if (
        not 1 < len(setting.sought.labels) <= _SEARCHED
        or published_reference(setting.bench, setting.sought.objectives) is None
    ):
        return None
    try:
        return exact_front(setting)
    except AccelnasError:
        return None
