"""Questions about a whole space: one description each, for methods, commands, files and certificates.

Their fields say what is asked; `resolve` reads them for a benchmark. The parts of a field's metadata: ``help``, what
commands and documentation say; ``least`` and ``most``, the ends of an integer's range.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import MISSING, dataclass, field, fields, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from accelnas._core import MAX_BEST, MAX_BINS, MAX_OBJECTIVES, MAX_POINTS
from accelnas.arguments import check_number, check_whole
from accelnas.errors import SearchError
from accelnas.exact.constraints import parse_constraints
from accelnas.exact.derivations import with_derived, with_limits, with_objectives
from accelnas.exact.formulations import FORMULATIONS, Formulation, formulation_from_json, formulation_to_json
from accelnas.exact.objectives import parse_objective, parse_objectives, parse_within
from accelnas.exact.resolved import ResolvedQuestion
from accelnas.files import parse_toml, read_text
from accelnas.space.definition import size_within

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from os import PathLike

    from accelnas.exact.constraints import Constraints
    from accelnas.exact.objectives import Objective, ObjectiveLike, Within
    from accelnas.models.predictor import Predictor
    from accelnas.space import Architectures

__all__ = [
    "QUESTIONS",
    "BestQuestion",
    "CountQuestion",
    "DistributionQuestion",
    "FrontQuestion",
    "LexicographicQuestion",
    "Question",
    "RankQuestion",
    "ScalarisedQuestion",
    "on_metrics",
    "parse_question",
    "read_question",
]

_ANY = 10**6  # objectives, where their number is not limited


def _said(help: str, default: Any = MISSING, **limits: int) -> Any:  # noqa: A002 - as Typer calls it
    return field(default=default, metadata={"help": help, **limits})


def _subject_to() -> Any:
    return _said("Only architectures with these predictions, such as 'latency_zcu102 <= 5'.", ())


def _risk() -> Any:
    return _said("How many standard deviations to take off every objective.", 0.0)


def _within() -> Any:
    return _said("Only architectures with these choices.", None)


@dataclass(frozen=True)
class Question(ABC):
    """What is asked of a space.

    Attributes
    ----------
    name : str
        What files and commands call it.
    kind : str
        What certificates call it.
    """

    name: ClassVar[str]
    kind: ClassVar[str]

    def size(self, bench: Predictor) -> int:
        """Count the architectures that it is about."""
        return size_within(bench.space, parse_within(bench.space, getattr(self, "within", None)))

    def __post_init__(self) -> None:
        """Refuse integers out of range."""
        for entry in fields(self):
            if "most" in entry.metadata:
                limits = entry.metadata["least"], entry.metadata["most"]
                object.__setattr__(self, entry.name, check_whole(entry.name, getattr(self, entry.name), *limits))

    @abstractmethod
    def resolve(self, bench: Predictor) -> ResolvedQuestion:
        """Read the question for a benchmark.

        Raises
        ------
        MetricError, SearchError, SpaceError
            If it has no such metric, variable or choice, or a constraint can't be read or met.
        """

    def _resolved(
        self,
        bench: Predictor,
        objectives: tuple[Objective, ...],
        subject_to: Constraints,
        within: Within | None,
        **options: Any,
    ) -> ResolvedQuestion:
        limits, allowed = parse_constraints(bench.metrics, subject_to), parse_within(bench.space, within)
        return ResolvedQuestion(self.kind, objectives, limits, allowed, MappingProxyType(options))


def on_metrics(bench: Predictor, question: Question) -> tuple[Predictor, Question]:
    """Give a benchmark and a question whose objectives and constraints are all metrics of it."""
    risk = getattr(question, "risk", 0.0)
    changes: dict[str, Any] = {"risk": 0.0} if risk else {}
    match question:
        case BestQuestion() | RankQuestion():
            bench, (changes["objective"],) = with_objectives(bench, [question.objective], risk)
        case DistributionQuestion():
            bench = with_derived(bench, [question.metric])
        case ScalarisedQuestion():
            bench = with_derived(bench, question.formulation.weights)
        case FrontQuestion() | LexicographicQuestion() if not isinstance(question.objectives, str):
            bench, changes["objectives"] = with_objectives(bench, question.objectives, risk)
    if getattr(question, "subject_to", ()):
        bench, changes["subject_to"] = with_limits(bench, question.subject_to)  # type: ignore[attr-defined]
    return bench, replace(question, **changes)


@dataclass(frozen=True)
class BestQuestion(Question):
    """Which are the k best architectures? See `Benchmark.best`.

    Examples
    --------
    >>> import accelnas
    >>> str(BestQuestion("accuracy", subject_to="latency_zcu102 <= 5").resolve(accelnas.load()))
    'maximise accuracy subject to latency_zcu102 <= 5.0'
    """

    name: ClassVar[str] = "best"
    kind: ClassVar[str] = "best"
    objective: ObjectiveLike = _said("Metric to maximise or minimise, as it is better; or with a direction.")
    subject_to: Constraints = _subject_to()
    within: Within | None = _within()
    k: int = _said("How many of the best.", 1, least=1, most=MAX_BEST)
    risk: float = _risk()

    def resolve(self, bench: Predictor) -> ResolvedQuestion:
        """Read the question for a benchmark."""
        sought = (parse_objective(bench.metrics, self.objective),)
        return self._resolved(bench, sought, self.subject_to, self.within, k=self.k)


@dataclass(frozen=True)
class FrontQuestion(Question):
    """Which architectures does no other one dominate? See `Benchmark.pareto_front`.

    Examples
    --------
    >>> import accelnas
    >>> str(FrontQuestion(["accuracy", ("params", "maximise")], subject_to="macs <= 300").resolve(accelnas.load()))
    'maximise accuracy, maximise params subject to macs <= 300.0'
    """

    name: ClassVar[str] = "front"
    kind: ClassVar[str] = "front"
    objectives: Sequence[ObjectiveLike] = _said("2 to 5 metrics, each with its own direction or another one.")
    subject_to: Constraints = _subject_to()
    within: Within | None = _within()
    risk: float = _risk()
    max_points: int = _said("Most points: a front that has more is refused.", 100_000, least=1, most=MAX_POINTS)

    def resolve(self, bench: Predictor) -> ResolvedQuestion:
        """Read the question for a benchmark."""
        sought = parse_objectives(bench.metrics, self.objectives, 2, MAX_OBJECTIVES)
        return self._resolved(bench, sought, self.subject_to, self.within, max_points=self.max_points)


@dataclass(frozen=True)
class CountQuestion(Question):
    """How many architectures meet constraints? See `Benchmark.count`."""

    name: ClassVar[str] = "count"
    kind: ClassVar[str] = "count"
    subject_to: Constraints = _said("Constraints on predictions, such as 'latency_zcu102 <= 5'.")
    within: Within | None = _within()

    def resolve(self, bench: Predictor) -> ResolvedQuestion:
        """Read the question for a benchmark."""
        return self._resolved(bench, (), self.subject_to, self.within)


@dataclass(frozen=True, eq=False)  # arrays have no single truth value
class RankQuestion(Question):
    """How many architectures are better than given ones? See `Benchmark.rank`."""

    name: ClassVar[str] = "rank"
    kind: ClassVar[str] = "ranks"
    architectures: Architectures = _said("Architectures to rank, in any form.")
    objective: ObjectiveLike = _said("Metric to rank by, as it is better; or with a direction.")
    within: Within | None = _within()

    def resolve(self, bench: Predictor) -> ResolvedQuestion:
        """Read the question for a benchmark."""
        texts = bench.space.format(self.architectures)
        if not texts:
            raise SearchError("no architectures to rank; give at least one")
        sought = (parse_objective(bench.metrics, self.objective),)
        return self._resolved(bench, sought, (), self.within, architectures=texts)


@dataclass(frozen=True)
class DistributionQuestion(Question):
    """How many architectures have which values of a metric? See `Benchmark.distribution`."""

    name: ClassVar[str] = "distribution"
    kind: ClassVar[str] = "histogram"
    metric: str = _said("Name of the metric.")
    subject_to: Constraints = _subject_to()
    within: Within | None = _within()
    bins: int = _said("Number of bins.", 4096, least=1, most=MAX_BINS)

    def resolve(self, bench: Predictor) -> ResolvedQuestion:
        """Read the question for a benchmark."""
        sought = (parse_objective(bench.metrics, self.metric),)
        return self._resolved(bench, sought, self.subject_to, self.within, bins=self.bins)


@dataclass(frozen=True)
class ScalarisedQuestion(Question):
    """Which architectures have the best score of several metrics? See `Benchmark.scalarised`."""

    name: ClassVar[str] = "scalarised"
    kind: ClassVar[str] = "scalarised"
    formulation: Formulation = _said("Score of 2 to 5 metrics.")
    subject_to: Constraints = _subject_to()
    within: Within | None = _within()
    k: int = _said("How many; more than 1 for some sums alone.", 1, least=1, most=MAX_BEST)

    def __post_init__(self) -> None:
        """Refuse what is no formulation."""
        super().__post_init__()
        if not isinstance(self.formulation, tuple(FORMULATIONS.values())):
            known = ", ".join(one.__name__ for one in FORMULATIONS.values())
            raise SearchError(f"formulation is {self.formulation!r}; give one of accelnas.exact: {known}")

    def resolve(self, bench: Predictor) -> ResolvedQuestion:
        """Read the question for a benchmark: the best points of a Pareto front."""
        if not 2 <= len(self.formulation.weights) <= MAX_OBJECTIVES:
            raise SearchError(
                f"the formulation has {len(self.formulation.weights)} metrics; give 2 to {MAX_OBJECTIVES}"
            )
        sought = parse_objectives(bench.metrics, list(self.formulation.weights), 2, MAX_OBJECTIVES)
        self.formulation.check(bench.metrics)
        if self.k != 1:
            raise SearchError(
                f"k is {self.k}; choose 1, as only sums of metrics with link identity have more than one best"
            )
        content = formulation_to_json(self.formulation)
        return self._resolved(bench, sought, self.subject_to, self.within, formulation=content)


@dataclass(frozen=True)
class LexicographicQuestion(Question):
    """Which are the best by one metric after the other? See `Benchmark.lexicographic`."""

    name: ClassVar[str] = "lexicographic"
    kind: ClassVar[str] = "best"
    objectives: Sequence[ObjectiveLike] = _said("Metrics, the most important first.")
    tolerances: Sequence[float] = _said("How much worse each metric but the last may become, in its unit.", ())
    subject_to: Constraints = _subject_to()
    within: Within | None = _within()
    k: int = _said("How many of the last stage.", 1, least=1, most=MAX_BEST)

    def margins(self) -> list[float]:
        """Give the tolerance of every metric but the last."""
        count = (1 if isinstance(self.objectives, str) else len(self.objectives)) - 1
        given = [check_number("one of tolerances", tolerance, 0) for tolerance in self.tolerances] or [0.0] * count
        if len(given) != count:
            raise SearchError(
                f"{count + 1} objectives have tolerances {list(self.tolerances)}; give {max(count, 0)} numbers of at "
                "least 0"
            )
        return given

    def resolve(self, bench: Predictor) -> ResolvedQuestion:
        """Read the first stage for a benchmark; the others follow from what it finds."""
        self.margins()
        sought = parse_objectives(bench.metrics, self.objectives, 1, _ANY)
        k = self.k if len(sought) == 1 else 1
        return self._resolved(bench, sought[:1], self.subject_to, self.within, k=k)


_CLASSES: tuple[type[Question], ...] = (
    BestQuestion,
    FrontQuestion,
    CountQuestion,
    RankQuestion,
    DistributionQuestion,
    ScalarisedQuestion,
    LexicographicQuestion,
)
QUESTIONS: Mapping[str, type[Question]] = MappingProxyType({one.name: one for one in _CLASSES})


def read_question(path: str | PathLike[str]) -> Question:
    """Read a question from a TOML file: ``question`` names it, the other entries are its fields.

    Raises
    ------
    FileError
        If the file can't be read.
    SearchError
        If it is no TOML, or no question.
    """
    return parse_question(parse_toml(read_text(path, SearchError), str(path), SearchError), str(path))


def parse_question(content: Mapping[str, Any], where: str = "the question") -> Question:
    """Read a question from plain data.

    Raises
    ------
    SearchError
        If a field is missing or unknown, or not what it should be.

    Examples
    --------
    >>> parse_question({"question": "best", "objective": "accuracy", "k": 3})
    BestQuestion(objective='accuracy', subject_to=(), within=None, k=3, risk=0.0)
    """
    given = dict(content)
    name = given.pop("question", None)
    asked = QUESTIONS.get({"scalarized": "scalarised"}.get(str(name), str(name)))
    if asked is None:
        raise SearchError(f"{where}: question is {name!r}; choose {', '.join(QUESTIONS)}")
    known = {entry.name: entry for entry in fields(asked)}
    if strange := next((field for field in given if field not in known), None):
        raise SearchError(f"{where}: a {asked.name} question has no {strange!r}; its fields are {', '.join(known)}")
    if missing := next((f.name for f in known.values() if f.default is MISSING and f.name not in given), None):
        raise SearchError(f"{where}: {missing} is missing; a {asked.name} question needs it")
    if "formulation" in given:
        given["formulation"] = formulation_from_json(given["formulation"], f"{where}: formulation")
    return asked(**given)
