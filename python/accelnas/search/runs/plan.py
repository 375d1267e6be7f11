"""Which runs are to be made: an algorithm, a setting, a budget and a seed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from accelnas import _core
from accelnas.errors import SearchError
from accelnas.exact.artifacts import described
from accelnas.search.algorithms import ALGORITHMS, MULTI_FIDELITY, NativeAlgorithm, native_algorithm

if TYPE_CHECKING:
    from accelnas.search.problem import Setting
    from accelnas.search.protocol import UserAlgorithm
    from accelnas.search.start import Start
    from accelnas.search.workers import Workers

__all__ = ["Algorithms", "AnyAlgorithm", "Foreign", "Plan", "key_of", "labelled"]

AnyAlgorithm: TypeAlias = "str | NativeAlgorithm | UserAlgorithm"
Algorithms: TypeAlias = "Sequence[AnyAlgorithm] | Mapping[str, AnyAlgorithm]"

_KEPT = 20  # improvements of a run, about
_BYTES = 64  # of an improvement
_MOST_KEPT = 100_000_000
_MOST_EVALUATIONS = 10**13  # days on any machine


@dataclass(frozen=True)
class Foreign:
    """Stands for an algorithm of Python, or a function, of which files know the name and the settings alone."""

    __name__: str
    kind: str | None = None
    settings: Any = None

    def __call__(self, *_: Any) -> Any:
        """Refuse: what it did is not in the files."""
        raise SearchError(f"{self.__name__} is of Python and known by its name alone; simulate it again")


@dataclass(frozen=True)
class Plan:
    """Runs of one algorithm.

    Attributes
    ----------
    label : str
        Name of the algorithm.
    algorithm : native algorithm or user algorithm
        What runs.
    setting : Setting
        What is sought where.
    runs, budget, seed : int
        Number of runs, evaluations of each, and the seed of them all. Evaluations that are free are among them.
    workers : Workers or None
        Who evaluates; without them, one evaluation after the other.
    start : Start or None
        Architectures that runs begin with.
    """

    label: str
    algorithm: Any
    setting: Setting
    runs: int
    budget: int
    seed: int
    workers: Workers | None = None
    start: Start | None = None

    def __post_init__(self) -> None:
        """Refuse what neither memory nor time would suffice for, before either is spent."""
        if self.workers is not None and self.workers.time is not None and hasattr(self.algorithm, "many"):
            raise SearchError(f"all runs of {self.label} advance together, and can't end at a time; leave time out")
        what = f"{self.runs} runs of {self.budget} evaluations"
        kept = self.runs * min(self.budget, _KEPT)
        if kept > _MOST_KEPT:
            raise SearchError(
                f"{what} would keep about {kept * _BYTES / 1e9:,.0f} GB of improvements in memory, at most "
                f"{_MOST_KEPT * _BYTES / 1e9:,.0f} are; make {_MOST_KEPT // min(self.budget, _KEPT)} runs at most, "
                "and others with other seeds"
            )
        if self.runs * self.budget > _MOST_EVALUATIONS:
            raise SearchError(
                f"{what} are {self.runs * self.budget:.1e} evaluations, at most {_MOST_EVALUATIONS:.0e} are made; "
                "make fewer runs, or a smaller budget"
            )

    @property
    def free(self) -> int:
        """Number of evaluations of a run that cost nothing."""
        return 0 if self.start is None else self.start.free

    @property
    def is_native(self) -> bool:
        """Whether the core has the algorithm."""
        return isinstance(self.algorithm, tuple(ALGORITHMS.values()))

    def problem(self, threads: int | None) -> _core.Problem:
        """Prepare the problem for the core; an algorithm that asks for whole trainings alone needs no other metrics."""
        return self.setting.problem(threads, not self.is_native or isinstance(self.algorithm, MULTI_FIDELITY))

    def described(self) -> dict[str, Any]:
        """Give all that a run depends on but its number, as plain data.

        A function of Python is known by its name alone: rename it when it changes.
        """
        setting, function = self.setting, self.setting.sought.function
        metrics = [] if function is not None else setting.metrics
        return {
            "accelnas": _core.__version__,
            "space": setting.bench.space.sha256,
            "metrics": described(setting.bench, metrics),
            "sought": setting.sought.to_json() | {"function": None if function is None else _name(function.function)},
            "within": setting.within(),
            "evaluation": [setting.noise, setting.clock],
            "fidelities": None if setting.fidelities is None else setting.fidelities.to_json(),
            "algorithm": [self.label, getattr(self.algorithm, "kind", None), _settings(self.algorithm)],
            "runs": [self.budget, self.seed],
            "workers": None if self.workers is None else asdict(self.workers),
            "start": None if self.start is None else [self.start.rows.tolist(), self.start.counts],
        }

    def key(self) -> str:
        """Tell plans apart by all that a run depends on but its number: SHA-256."""
        return key_of(self.described())


def key_of(content: Mapping[str, Any]) -> str:
    """Give the digest of what `Plan.described` gives."""
    return hashlib.sha256(json.dumps(list(content.values()), sort_keys=True).encode()).hexdigest()


def _settings(algorithm: Any) -> Any:
    """Give what tells algorithms of a kind apart: the fields of a dataclass, else the name."""
    if isinstance(algorithm, Foreign):
        return algorithm.settings
    if is_dataclass(algorithm) and not isinstance(algorithm, type):
        return json.loads(json.dumps(asdict(algorithm), default=repr))
    return _name(algorithm)


def labelled(algorithms: Algorithms) -> dict[str, Any]:
    """Name algorithms: by their names, and numbers where several have the same.

    Examples
    --------
    >>> from accelnas.search import RegularizedEvolution
    >>> list(labelled(["random_search", RegularizedEvolution(), RegularizedEvolution(100, 25)]))
    ['random_search', 'regularized_evolution', 'regularized_evolution 2']
    """
    if isinstance(algorithms, Mapping):
        return {label: resolved(algorithm) for label, algorithm in algorithms.items()}
    out: dict[str, Any] = {}
    for given in algorithms:
        algorithm = resolved(given)
        name = _name(algorithm)
        number = 1 + sum(label == name or label.rpartition(" ")[0] == name for label in out)
        out[name if number == 1 else f"{name} {number}"] = algorithm
    if not out:
        raise SearchError("there are no algorithms; give at least one")
    return out


def resolved(algorithm: AnyAlgorithm) -> Any:
    """Give a native algorithm by its name, or the algorithm itself."""
    if isinstance(algorithm, (str, *ALGORITHMS.values())):
        return native_algorithm(algorithm)  # type: ignore[arg-type]
    if not isinstance(algorithm, Callable) and not hasattr(algorithm, "many"):  # type: ignore[arg-type]
        raise SearchError(f"algorithm {algorithm!r} can't be called; give a name, or a class or function of a Task")
    return algorithm


def _name(thing: Any) -> str:
    return str(getattr(thing, "kind", None) or getattr(thing, "__name__", None) or type(thing).__name__)
