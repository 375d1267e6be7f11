"""What every engine does: propose candidates, and learn how they fared."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from accelnas.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from accelnas.fitting.tuning.search_space import SearchSpace

__all__ = ["Asked", "Engine", "State", "Trial", "check_identity"]

State = Literal["complete", "pruned", "failed", "interrupted"]


@dataclass(frozen=True)
class Trial:
    """One tried candidate.

    Attributes
    ----------
    number
        From 0, in the order of asking.
    state
        ``"complete"``; ``"pruned"`` after some folds; ``"failed"`` where the family refused it or its process
        died; ``"interrupted"`` if the search ended meanwhile (noted by Optuna), which counts for nothing.
    value
        Root mean square error over the folds that were judged; None if none was.
    suggested
        Place to number or label, see `accelnas.fitting.tuning.search_space`.
    message
        Why it failed.
    """

    number: int
    state: State
    value: float | None
    suggested: Mapping[str, Any]
    message: str = ""


@dataclass
class Asked:
    """A trial that is under way.

    Attributes
    ----------
    number, suggested
        As of `Trial`.
    handle
        The engine's own object.
    values
        Errors reported so far.
    """

    number: int
    suggested: Mapping[str, Any]
    handle: Any
    values: list[float] = field(default_factory=list)


class Engine(ABC):
    """An optimiser with a record of its trials; only one process uses a record at a time.

    Parameters
    ----------
    space
        What is searched.
    name
        Of the study.
    identity
        What the errors depend on: a study goes on only with the same.
    seed
        What is proposed follows from it and from the trials told.
    storage
        File of the record, which is created if needed; None keeps it in memory.

    Raises
    ------
    DataError
        If the file is no record, or the study in it has another identity.
    """

    @abstractmethod
    def __init__(
        self, space: SearchSpace, name: str, identity: Mapping[str, str], seed: int, storage: Path | None
    ) -> None: ...

    @abstractmethod
    def ask(self) -> Asked | None:
        """Propose a candidate; None when there is none left."""

    def report(self, asked: Asked, value: float) -> bool:
        """Note the error after one more fold; say whether judging the next one is worth while."""
        asked.values.append(value)
        return True

    @abstractmethod
    def tell(self, asked: Asked, state: State, message: str = "") -> None:
        """End a trial; its value is the error reported last. A trial of which nothing is told is as if not asked."""

    @abstractmethod
    def history(self) -> list[Trial]:
        """All trials of the record that have ended, by number."""

    def close(self) -> None:  # noqa: B027 not every engine holds something
        """Let go of files."""


def check_identity(storage: Path | None, name: str, before: Mapping[str, str], now: Mapping[str, str]) -> None:
    """Complain when the study of a record is of other data, another split, space or objective."""
    for key, value in now.items():
        if before.get(key) != value:
            raise DataError(
                f"{storage} holds a study {name!r} with {key} {str(before.get(key))[:16]}, and this run has "
                f"{value[:16]}; go on with the same, or name another storage"
            )
