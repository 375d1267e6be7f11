"""What every kind of question has to say."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from accelnas.errors import SearchError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from accelnas.benchmark import Benchmark
    from accelnas.exact.case import Case, Finding
    from accelnas.exact.certificate import Certificate
    from accelnas.exact.fields import Fields
    from accelnas.exact.question import Question

__all__ = ["Kind"]


class Kind(ABC):
    """A kind of question.

    Attributes
    ----------
    name : str
        As the core calls it.
    objectives : range
        How many objectives it has.
    anytime : bool
        Whether an interrupted search gives what was found so far.
    sampled : bool
        Whether random architectures answer it, in place of a search: an estimate, of any metrics.
    scanned : bool
        Whether the engine that evaluates every architecture can answer it.
    """

    name: ClassVar[str]
    objectives: ClassVar[range]
    anytime: ClassVar[bool] = False
    sampled: ClassVar[bool] = False
    scanned: ClassVar[bool] = False

    @property
    def core(self) -> str:
        """What the core searches for."""
        return self.name

    def core_options(self, bench: Benchmark, options: Mapping[str, Any]) -> dict[str, Any]:
        """Give the options of the core's search."""
        return dict(options)

    def check_question(self, content: Mapping[str, Any], where: str) -> None:
        """Refuse a question from a stranger whose objectives or options do not fit the kind."""
        count = len(content["objectives"])
        if count not in self.objectives:
            expected = " or ".join(map(str, self.objectives))
            raise SearchError(f"{where} has {count} objectives; {self.name} takes {expected}")
        self.check_options(content["options"], f"{where}: options")

    @abstractmethod
    def check_options(self, options: Mapping[str, Any], where: str) -> None:
        """Refuse options from a stranger."""

    @abstractmethod
    def findings(self, bench: Benchmark, question: Question, outcome: Mapping[str, Any]) -> dict[str, Any]:
        """Give what the core found as plain data, for the certificate."""

    @abstractmethod
    def check_result(self, fields: Fields, certificate: Certificate) -> None:
        """Check types and lengths of what `findings` gave, as a stranger sends it."""

    @abstractmethod
    def bound(self, question: Mapping[str, Any], findings: Mapping[str, Any], size: int) -> str:
        """Say what a complete search proves of all architectures that the result doesn't name."""

    def partial_bound(self, findings: Mapping[str, Any], dealt_with: int) -> str:
        """Say what is proven before the search is complete."""
        return "nothing: the search was interrupted"

    @abstractmethod
    def result(self, bench: Benchmark, certificate: Certificate) -> Any:
        """Give what the user gets."""

    @abstractmethod
    def checks(self) -> Mapping[str, Callable[[Case], Finding]]:
        """Give the checks of a result by name; those of counts, hashes and reruns are the same for all kinds."""
