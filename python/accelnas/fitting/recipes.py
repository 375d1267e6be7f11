"""How models are fitted: what families take."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Recipe", "Stage"]


@dataclass(frozen=True)
class Stage:
    """One run of boosting (or the only fit of a model that is not boosted).

    Attributes
    ----------
    parameters
        What the library itself takes, by its own names.
    rounds
        Largest number of trees (of the forest's trees).
    stop
        Stop when the validation error has not fallen for so many rounds; None never stops.
    max_blocks, max_variables
        Largest number of blocks, and of variables, that a path from root to leaf may test; None
        is no limit. Leaves of at most three variables make the smallest tables.
    """

    parameters: Mapping[str, Any]
    rounds: int
    stop: int | None = None
    max_blocks: int | None = None
    max_variables: int | None = None


@dataclass(frozen=True)
class Recipe:
    """How a model is fitted.

    Attributes
    ----------
    name, family
        For the record, and the key of `accelnas.fitting.families.FAMILIES`.
    stages
        Of tree families, each continuing the one before.
    parameters
        Of the other families.
    base
        ``"blocks"``: trees are fitted to what a sum over blocks leaves over. None: to everything.
    """

    name: str
    family: str
    stages: tuple[Stage, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    base: str | None = None
