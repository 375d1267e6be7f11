"""What every kind of question has to say."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from accelnas.exact.claims import Claims

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from accelnas.exact.case import Case
    from accelnas.exact.certificate import Certificate
    from accelnas.exact.constraints import Constraint
    from accelnas.exact.narrowing import First
    from accelnas.exact.objectives import Objective
    from accelnas.exact.resolved import ResolvedQuestion
    from accelnas.exact.verification import Finding
    from accelnas.models.predictor import Predictor

__all__ = ["Kind"]


class Kind(Claims):
    """A kind of question.

    Attributes
    ----------
    core : str
        What the core searches for.
    counts : bool
        Whether architectures are counted, which takes a space of at most 2**64.
    anytime : bool
        Whether an interrupted search can give what was found so far.
    kept : bool
        Whether it does so on Ctrl-C without being asked to.
    scanned : bool
        Whether the engine that evaluates every architecture can answer it.
    """

    core: ClassVar[str]
    counts: ClassVar[bool] = False
    anytime: ClassVar[bool] = False
    kept: ClassVar[bool] = False
    scanned: ClassVar[bool] = False

    def core_options(self, bench: Predictor, options: Mapping[str, Any]) -> dict[str, Any]:
        """Give the options of the core's search."""
        return dict(options)

    def limits(
        self, bench: Predictor, question: ResolvedQuestion, best: Callable[[Objective], float | None], first: First
    ) -> tuple[Constraint, ...]:
        """Give the constraints to search under: those asked for, or more where all answers meet these.

        `best` gives the best value of an objective under the question's constraints, `first` the values of what local
        search finds under any.
        """
        return question.constraints

    def require(self, question: ResolvedQuestion, answer: Callable[[ResolvedQuestion], Any]) -> None:
        """Prove what an answer rests on, by answers to further questions; refuse where it does not hold."""

    @abstractmethod
    def findings(self, bench: Predictor, question: ResolvedQuestion, outcome: Mapping[str, Any]) -> dict[str, Any]:
        """Give what the core found as plain data, for the certificate."""

    @abstractmethod
    def result(self, bench: Predictor, certificate: Certificate) -> Any:
        """Give what the user gets: arrays that can't be changed."""

    @abstractmethod
    def checks(self) -> Mapping[str, Callable[[Case], Finding]]:
        """Give the checks of a result by name; those of counts, hashes and reruns are the same for all kinds."""
