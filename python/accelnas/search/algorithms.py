"""The native algorithms: their settings, with the defaults of the literature."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

from accelnas.arguments import check_number, check_whole
from accelnas.errors import SearchError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from dataclasses import Field

__all__ = [
    "ALGORITHMS",
    "Asha",
    "GradientAscent",
    "Hyperband",
    "LocalSearch",
    "Moead",
    "NativeAlgorithm",
    "Nsga2",
    "Nsga3",
    "RandomSearch",
    "RegularizedEvolution",
    "Reinforce",
    "SimulatedAnnealing",
    "SuccessiveHalving",
    "native_algorithm",
]

_LARGEST = 1_000_000  # population, sample and the like: all are held in memory, by each of many runs


@dataclass(frozen=True)
class RandomSearch:
    """Uniform architectures (Bergstra and Bengio 2012; Li and Talwalkar 2019). Any number of objectives."""

    kind: ClassVar[str] = "random_search"


@dataclass(frozen=True)
class LocalSearch:
    """Moves to the best neighbour, restarted at local optima (White, Nolen and Savani 2021).

    Attributes
    ----------
    initial : int
        Random architectures at every start, of which the best one is the first to have its neighbours evaluated.
    first_improvement : bool
        Move to the first neighbour that is better, in random order, rather than to the best of all.
    """

    initial: int = 10
    first_improvement: bool = False
    kind: ClassVar[str] = "local_search"


@dataclass(frozen=True)
class RegularizedEvolution:
    """Evolution by tournaments and single mutations, in which the oldest dies (Real, Aggarwal, Huang and Le 2019).

    The defaults are those of Accel-NASBench; Real et al. have a population of 100 and samples of 25.

    Attributes
    ----------
    population : int
        Architectures alive.
    sample : int
        Size of a tournament, drawn with replacement.
    removal : {"oldest", "worst"}
        Who makes room for a child; ``"worst"`` is evolution without ageing.
    """

    population: int = 20
    sample: int = 10
    removal: Literal["oldest", "worst"] = "oldest"
    kind: ClassVar[str] = "regularized_evolution"


@dataclass(frozen=True)
class SimulatedAnnealing:
    """Random steps, accepted by Metropolis' rule at a falling temperature (Kirkpatrick, Gelatt and Vecchi 1983).

    Attributes
    ----------
    initial : int
        Random architectures, the best of which is the start.
    temperature : float or None
        First temperature in units of the score; the standard deviation of the first architectures by default.
    cooling : float
        Last temperature over the first; in between it falls geometrically with the evaluations.
    """

    initial: int = 20
    temperature: float | None = None
    cooling: float = 0.01
    kind: ClassVar[str] = "simulated_annealing"


@dataclass(frozen=True)
class Nsga2:
    """NSGA-II (Deb, Pratap, Agarwal and Meyarivan 2002): non-dominated sorting and crowding, for several objectives.

    Children have every choice of either parent (uniform crossover), each then changes with one chance in the number
    of variables, and those that exist already are mutated once more.

    Attributes
    ----------
    population : int
        Architectures of a generation.
    crossover : float
        Chance that a child has two parents.
    """

    population: int = 100
    crossover: float = 0.9
    kind: ClassVar[str] = "nsga2"


@dataclass(frozen=True)
class Nsga3:
    """NSGA-III (Deb and Jain 2014): non-dominated sorting and directions of reference, for three objectives and more.

    Directions are even over the simplex (Das and Dennis 1998): as many as the population holds, and where that is too
    few for any inside it, in two layers. Of the last front that finds room those live whose directions have the fewest
    members, once scores are normalised by the ideal point and the intercepts of the extreme points. Children are as in
    `Nsga2`, of random parents; of two that violate constraints, of the one that does so less.

    Attributes
    ----------
    population : int
        Architectures of a generation, and most directions: 91 of 3 objectives in 92, 210 of 5 in 212.
    crossover : float
        Chance that a child has two parents.
    """

    population: int = 100
    crossover: float = 0.9
    kind: ClassVar[str] = "nsga3"


@dataclass(frozen=True)
class Moead:
    """MOEA/D (Zhang and Li 2007; Li and Zhang 2009): one Chebyshev subproblem a weight vector, several objectives.

    Attributes
    ----------
    population : int
        Least number of subproblems; for three objectives or more the simplex lattice may need some more.
    neighbours : int
        Subproblems that share parents and children with one.
    replacements : int
        Most members that a child replaces.
    locality : float
        Chance that parents are neighbours, rather than any members.
    """

    population: int = 100
    neighbours: int = 20
    replacements: int = 2
    locality: float = 0.9
    kind: ClassVar[str] = "moead"


@dataclass(frozen=True)
class Reinforce:
    """REINFORCE (Williams 1992) with an independent categorical policy a variable, as in NATS-Bench (Dong et al. 2021).

    Attributes
    ----------
    learning_rate : float
        Of Adam, on the logits.
    episodes : int
        Architectures of a step.
    baseline : float
        Decay of the moving average of scores that is subtracted.
    entropy : float
        Weight of the policy's entropy.
    """

    learning_rate: float = 0.1
    episodes: int = 6
    baseline: float = 0.95
    entropy: float = 1e-5
    kind: ClassVar[str] = "reinforce"


@dataclass(frozen=True)
class GradientAscent:
    """Gradient ascent on the objective under independent random choices: the multilinear extension of the tables.

    The expected value of a surrogate under a product of categorical policies is exact and costs no evaluation, so a
    run evaluates only the architectures that it comes to. It sees the tables, which no search with real training
    could: a bound on what differentiable searches can do, not a peer of the others.

    Attributes
    ----------
    learning_rate : float
        Of Adam, on the logits.
    steps : int
        Steps between two evaluations.
    relaxation : {"expectation", "gumbel"}
        Follow the expectation, or relaxed samples (Gumbel-softmax; Jang et al. 2017, Maddison et al. 2017).
    temperature : float
        Of the Gumbel-softmax.
    """

    learning_rate: float = 0.3
    steps: int = 3
    relaxation: Literal["expectation", "gumbel"] = "expectation"
    temperature: float = 0.5
    kind: ClassVar[str] = "gradient_ascent"


@dataclass(frozen=True)
class SuccessiveHalving:
    """Successive halving (Jamieson and Talwalkar 2016) over fidelities, bracket after bracket.

    Where the objective has no fidelities, over repeated noisy measurements: a run stands for the architecture with the
    best mean of the most measurements.

    Attributes
    ----------
    initial : int
        Random architectures of a bracket, trained for the fewest epochs, or measured once each.
    reduction : int
        One in so many goes on: to the next rung, as for `Hyperband`, or until it has so many times the measurements.
    """

    initial: int = 27
    reduction: int = 3
    kind: ClassVar[str] = "successive_halving"


@dataclass(frozen=True)
class Hyperband:
    """Hyperband (Li, Jamieson, DeSalvo, Rostamizadeh and Talwalkar 2018): brackets of successive halving, in turn.

    Each rung has at least `reduction` times the epochs of the one below; fidelities in between are left out. Of K rungs
    the bracket with s promotions has K reduction^s / (s + 1) architectures, rounded up. A worker for which a bracket
    has nothing begins the next one (Falkner, Klein and Hutter 2018).

    Attributes
    ----------
    reduction : int
        One in so many goes on to the next rung.
    brackets : int or None
        Brackets, those with the most promotions first; one a rung by default.
    """

    reduction: int = 3
    brackets: int | None = None
    kind: ClassVar[str] = "hyperband"


@dataclass(frozen=True)
class Asha:
    """ASHA, asynchronous successive halving (Li et al. 2020): promotes whenever a worker is free, and never waits.

    Rungs are those of `Hyperband`. What is among the best of its rung, one in `reduction` of all that have ended there,
    goes on, from the highest rung that has such; else a random architecture begins.

    Attributes
    ----------
    reduction : int
        One in so many goes on to the next rung.
    """

    reduction: int = 4
    kind: ClassVar[str] = "asha"


NativeAlgorithm: TypeAlias = (
    RandomSearch
    | LocalSearch
    | RegularizedEvolution
    | SimulatedAnnealing
    | Nsga2
    | Nsga3
    | Moead
    | Reinforce
    | GradientAscent
    | SuccessiveHalving
    | Hyperband
    | Asha
)
_CLASSES: tuple[type[NativeAlgorithm], ...] = (
    RandomSearch,
    LocalSearch,
    RegularizedEvolution,
    SimulatedAnnealing,
    Nsga2,
    Nsga3,
    Moead,
    Reinforce,
    GradientAscent,
    SuccessiveHalving,
    Hyperband,
    Asha,
)
ALGORITHMS: Mapping[str, type[NativeAlgorithm]] = MappingProxyType({c.kind: c for c in _CLASSES})


MULTI_FIDELITY = (SuccessiveHalving, Hyperband, Asha)
"""Those that ask for other fidelities than the whole training."""


def native_algorithm(algorithm: str | NativeAlgorithm) -> NativeAlgorithm:
    """Give the algorithm of a name, with the literature's settings.

    Raises
    ------
    SearchError
        If there is none of this name.

    Examples
    --------
    >>> native_algorithm("regularized_evolution")
    RegularizedEvolution(population=20, sample=10, removal='oldest')
    """
    if isinstance(algorithm, _CLASSES):
        return algorithm
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise SearchError(f"unknown algorithm {algorithm!r}; choose one of {', '.join(ALGORITHMS)}, or give your own")
    return ALGORITHMS[algorithm]()


def to_spec(algorithm: NativeAlgorithm) -> str:
    """Write an algorithm as the core reads it."""
    settings = {entry.name: _setting(entry, getattr(algorithm, entry.name)) for entry in fields(algorithm)}
    return json.dumps({"kind": algorithm.kind, **settings})


def _setting(entry: Field[Any], value: object) -> object:
    """Give a setting as JSON has it: what that would turn into another type is refused, by its name."""
    if isinstance(entry.default, bool) or isinstance(value, bool):
        accepted = isinstance(entry.default, bool) and isinstance(value, bool)
    elif entry.default is None and value is None:
        return None
    elif isinstance(entry.default, int) or entry.type == "int | None":
        return check_whole(entry.name, value, 0, _LARGEST)
    elif entry.default is None or isinstance(entry.default, float):
        return check_number(entry.name, value)
    else:
        accepted = isinstance(value, type(entry.default))
    if not accepted:
        raise SearchError(f"{entry.name} is {value!r}; choose one like {entry.default!r}")
    return value
