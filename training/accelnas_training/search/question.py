"""What a search is asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from accelnas import SearchError
from accelnas.arguments import check_whole
from accelnas.exact.constraints import parse_constraints
from accelnas.exact.objectives import parse_objectives
from accelnas.search.objective import Sought
from accelnas_training.search.metrics import TRAINED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from accelnas.exact.objectives import ObjectiveLike
    from accelnas.metric import Metric
    from accelnas_training.schemes import Scheme


@dataclass(frozen=True)
class Question:
    """What is sought, by which algorithm, and how architectures are trained for it.

    Attributes
    ----------
    algorithm
        A native algorithm, or one of a user's as `accelnas.search.protocol` has it.
    label
        Its name, and its settings as far as they are known: what tells it from others.
    sought
        Objectives and constraints.
    budget
        Evaluations. Architectures that come again, and those that constraints forbid before training, count too.
    seed
        Of the algorithm.
    scheme, seeds
        How each architecture is trained, and with which seeds; means over these are told.
    benchmark
        Name of the benchmark that predicts metrics; None without one.
    epochs
        After how many epochs of a training the objective may be asked for, ascending, the whole training last; none
        where all are whole ones.

    Raises
    ------
    ParameterError
        If budget or seed is out of range.
    SearchError
        If there are no seeds, or epochs do not ascend to those of the scheme.
    """

    algorithm: Any
    label: str
    sought: Sought
    budget: int
    seed: int
    scheme: Scheme
    seeds: Sequence[int] = (0,)
    benchmark: str | None = None
    epochs: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        check_whole("budget", self.budget, 1)
        check_whole("seed", self.seed, 0)
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise SearchError(f"seeds of a training are {list(self.seeds)}; give one or more different ones")
        rungs, whole = self.epochs, self.scheme.epochs
        if rungs and (rungs[0] < 1 or list(rungs) != sorted(set(rungs)) or rungs[-1] != whole):
            raise SearchError(f"epochs are {list(rungs)}; let them ascend from 1 to the {whole} of {self.scheme.name}")
        if rungs and len(self.sought.objectives) > 1:
            raise SearchError(f"epochs are of one objective, there are {len(self.sought.objectives)}; leave them out")

    def to_json(self) -> dict[str, Any]:
        """Give all that decides what is asked, of JSON's types."""
        return {
            "algorithm": self.label,
            **self.sought.to_json(),
            "budget": self.budget,
            "seed": self.seed,
            "scheme": self.scheme.digest,
            "seeds": list(self.seeds),
            "benchmark": self.benchmark,
            **({"epochs": list(self.epochs)} if self.epochs else {}),  # as journals had it before
        }


def read_sought(
    metrics: Mapping[str, Metric],
    objectives: Sequence[ObjectiveLike],
    subject_to: Sequence[str] = (),
    penalty: float | None = None,
) -> Sought:
    """Read objectives and constraints, as `accelnas search` takes them.

    Raises
    ------
    MetricError
        If a metric is unknown.
    SearchError
        If a constraint can't be read, or the least accuracy is sought, which is that of a training that failed.

    Examples
    --------
    >>> from accelnas_training.networks import load_family
    >>> from accelnas_training.search.metrics import Metrics
    >>> metrics = Metrics(load_family(), 224).known
    >>> str(read_sought(metrics, ["accuracy"], ["params <= 6"]))
    'maximise accuracy subject to params <= 6.0'
    """
    found = parse_objectives(metrics, objectives, 1, len(metrics))
    for one in found:
        if one.metric in TRAINED and one.direction == "minimise":
            raise SearchError(f"{one}: a training that fails has {one.metric} 0, which would be the best; maximise it")
    return Sought(found, None, parse_constraints(metrics, subject_to), penalty)
