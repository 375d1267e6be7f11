"""The searches of other libraries, each at its best setting, on our predictions.

A peer asks for the costs of as many architectures at once as it can, so that the objective is as cheap for it as for
us. Libraries are imported when a peer runs, so that one that is not installed stops nothing else.
"""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass
from functools import partial
from importlib import import_module, metadata
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    import accelnas

BOTH = ("accuracy", "latency_zcu102")
POPULATION = 100


class Costs:
    """What peers minimise: predicted metrics, those that are maximised negated."""

    def __init__(self, bench: accelnas.Benchmark, metrics: tuple[str, ...], keep: bool = False) -> None:
        self.bench, self.metrics, self.keep = bench, metrics, keep
        self.sizes = [len(variable.choices) for variable in bench.space.variables]
        self.signs = np.array([-1.0 if bench.metrics[name].direction == "maximise" else 1.0 for name in metrics])
        self.evaluations = 0
        self.kept: list[NDArray[np.float64]] = []

    def __call__(self, archs: Any) -> NDArray[np.float64]:
        """Give the costs of rows of choice indices: (n, metrics)."""
        costs: NDArray[np.float64]
        rows = np.ascontiguousarray(archs, dtype=np.uint8)
        self.evaluations += len(rows)
        if len(self.metrics) == 1:
            predicted: Any = self.bench.predict(rows, self.metrics[0])
            costs = self.signs * predicted[:, None]
        else:
            columns: Mapping[str, Any] = self.bench.predict(rows, list(self.metrics))
            costs = self.signs * np.stack([columns[name] for name in self.metrics], axis=1)
        if self.keep:
            self.kept.append(costs)
        return costs

    def values(self) -> NDArray[np.float64]:
        """Give what was kept, as people read it: (evaluations, metrics)."""
        return self.signs * np.concatenate(self.kept)


class Cheap(Costs):
    """The sum of the choice indices: what remains is what the search itself costs."""

    def __call__(self, archs: Any) -> Any:
        """Give the cost of the one row."""
        self.evaluations += 1
        return (-sum(archs[0]),)


def pymoo(algorithm: str, operators: str, costs: Costs, budget: int, seed: int) -> None:
    """Run pymoo on integer variables: ``"real"`` operators as its guide has them, or ours, ``"uniform"``."""
    from pymoo.core.mutation import Mutation
    from pymoo.core.problem import Problem
    from pymoo.operators.repair.rounding import RoundingRepair

    most = np.array(costs.sizes) - 1

    class Vectorised(Problem):  # type: ignore[misc]
        def _evaluate(self, x: Any, out: dict[str, Any], *_args: Any, **_options: Any) -> None:
            out["F"] = costs(x)

    class AnyChoice(Mutation):  # type: ignore[misc]
        """Draws each variable anew with one chance in their number."""

        def _do(self, problem: Any, x: Any, *_args: Any, random_state: Any = None, **_options: Any) -> Any:
            drawn = random_state.integers(0, problem.xu + 1, size=x.shape)
            return np.where(random_state.random(x.shape) < 1 / problem.n_var, drawn, x)

    if operators == "real":
        repair = RoundingRepair()
        crossover = import_module("pymoo.operators.crossover.sbx").SBX(prob=1.0, eta=3.0, vtype=float, repair=repair)
        mutation = import_module("pymoo.operators.mutation.pm").PM(prob=1.0, eta=3.0, vtype=float, repair=repair)
    else:
        crossover = import_module("pymoo.operators.crossover.ux").UniformCrossover(prob=0.9)
        mutation = AnyChoice()
    module, name = algorithm.split(":")
    sampling = import_module("pymoo.operators.sampling.rnd").IntegerRandomSampling()
    search = getattr(import_module(module), name)(
        pop_size=POPULATION, sampling=sampling, crossover=crossover, mutation=mutation, eliminate_duplicates=True
    )
    problem = Vectorised(n_var=len(most), n_obj=len(costs.metrics), xl=np.zeros_like(most), xu=most, vtype=int)
    import_module("pymoo.optimize").minimize(problem, search, ("n_eval", budget), seed=seed)


class Pygmo:
    """A problem as pygmo reads it: all variables are integers."""

    def __init__(self, costs: Costs) -> None:
        self.costs = costs

    def __deepcopy__(self, memo: Any) -> Pygmo:
        return self  # pygmo copies problems, and the evaluations are counted in one place

    def get_bounds(self) -> tuple[list[float], list[float]]:
        """Give the least and the most of every variable."""
        return [0.0] * len(self.costs.sizes), [size - 1.0 for size in self.costs.sizes]

    def get_nix(self) -> int:
        """Give the number of integer variables."""
        return len(self.costs.sizes)

    def get_nobj(self) -> int:
        """Give the number of objectives."""
        return len(self.costs.metrics)

    def fitness(self, x: NDArray[np.float64]) -> Any:
        """Give the costs of one row."""
        return self.costs(x[None])[0]

    def batch_fitness(self, rows: NDArray[np.float64]) -> Any:
        """Give the costs of rows, one after the other."""
        return self.costs(rows.reshape(-1, len(self.costs.sizes))).ravel()


def pygmo(algorithm: str, costs: Costs, budget: int, seed: int) -> None:
    """Run pygmo; its NSGA-II evaluates in batches, its simple genetic algorithm can't."""
    library = import_module("pygmo")
    generations = -(-budget // POPULATION) - 1
    if algorithm == "nsga2":
        search = library.nsga2(gen=generations, cr=0.9, m=1 / len(costs.sizes), seed=seed)
        search.set_bfe(library.bfe())
    else:
        search = library.sga(
            gen=generations, cr=0.9, m=1 / len(costs.sizes), crossover="binomial", mutation="uniform", seed=seed
        )
    batches = {"b": library.bfe()} if algorithm == "nsga2" else {}
    population = library.population(library.problem(Pygmo(costs)), POPULATION, seed=seed, **batches)
    library.algorithm(search).evolve(population)


def deap(multi: bool, costs: Costs, budget: int, seed: int) -> None:
    """Run DEAP's variation and selection, generation by generation, children evaluated in one batch."""
    base, tools, algorithms = (import_module(f"deap.{name}") for name in ("base", "tools", "algorithms"))
    chance = random.Random(seed)  # noqa: S311
    random.seed(seed)  # DEAP's operators draw from it

    class Fitness(base.Fitness):  # type: ignore[misc, name-defined]
        weights = (-1.0,) * len(costs.metrics)

    class Individual(list[int]):
        def __init__(self, genes: Any) -> None:
            super().__init__(genes)
            self.fitness = Fitness()

    most = [size - 1 for size in costs.sizes]
    toolbox = base.Toolbox()
    toolbox.register("mate", tools.cxUniform, indpb=0.5)
    toolbox.register("mutate", tools.mutUniformInt, low=0, up=most, indpb=1 / len(most))

    def evaluated(individuals: list[Any]) -> list[Any]:
        fresh = [one for one in individuals if not one.fitness.valid]
        for one, found in zip(fresh, costs(fresh) if fresh else (), strict=True):
            one.fitness.values = found
        return individuals

    start = [Individual(chance.randint(0, up) for up in most) for _ in range(POPULATION)]
    population = evaluated(start)
    if multi:
        population = tools.selNSGA2(population, POPULATION)  # sets the crowding distances
    while costs.evaluations < budget:
        if multi:
            parents = tools.selTournamentDCD(population, POPULATION)
            children = evaluated(algorithms.varAnd(parents, toolbox, cxpb=0.9, mutpb=1.0))
            population = tools.selNSGA2(population + children, POPULATION)
        else:
            parents = tools.selTournament(population, POPULATION, tournsize=3)
            population = evaluated(algorithms.varAnd(parents, toolbox, cxpb=0.9, mutpb=1.0))


def optuna(sampler: str, options: Mapping[str, Any], costs: Costs, budget: int, seed: int) -> None:
    """Run an Optuna study in memory: one categorical parameter a variable, one trial an architecture."""
    library = import_module("optuna")
    library.logging.set_verbosity(library.logging.ERROR)
    study = library.create_study(
        directions=["minimize"] * len(costs.metrics), sampler=getattr(library.samplers, sampler)(seed=seed, **options)
    )
    parameters = {f"v{number}": range(size) for number, size in enumerate(costs.sizes)}

    def objective(trial: Any) -> tuple[float, ...]:
        return tuple(costs([[trial.suggest_categorical(name, own) for name, own in parameters.items()]])[0])

    study.optimize(objective, n_trials=budget)


def plain_evolution(population: int, sample: int, costs: Costs, budget: int, seed: int) -> None:
    """Run regularised evolution as its authors describe it, in plain Python, one architecture at a time."""
    chance = random.Random(seed)  # noqa: S311
    sizes, width = costs.sizes, len(costs.sizes)
    alive: deque[tuple[float, list[int]]] = deque()
    for _ in range(population):
        arch = [chance.randrange(size) for size in sizes]
        alive.append((costs([arch])[0], arch))
    for _ in range(budget - population):
        _, parent = min(chance.choices(alive, k=sample), key=lambda one: one[0])
        child = parent.copy()
        place = chance.randrange(width)
        child[place] = (child[place] + chance.randrange(1, sizes[place])) % sizes[place]
        alive.append((costs([child])[0], child))
        alive.popleft()


@dataclass(frozen=True)
class Against:
    """What is sought, and our searches of `bench.search_native` for it: many runs at once, and one by itself."""

    farm: str
    alone: str
    metrics: tuple[str, ...] = ("accuracy",)


@dataclass(frozen=True)
class Peer:
    """A search of another library, how many evaluations it makes, and what it is compared with."""

    title: str
    distribution: str | None
    run: Callable[[Costs, int, int], None]  # costs, evaluations (it may make a few more), seed
    budget: int
    against: Against
    objective: type[Costs] = Costs

    @property
    def metrics(self) -> tuple[str, ...]:
        """What is sought."""
        return self.against.metrics

    @property
    def sought(self) -> str:
        """What is sought, in words."""
        return "sum of choices" if self.objective is Cheap else ", ".join(self.metrics)

    def version(self) -> str:
        """Return the installed version; raise PackageNotFoundError without one."""
        return "" if self.distribution is None else metadata.version(self.distribution)


_NSGA2, _GA = "pymoo.algorithms.moo.nsga2:NSGA2", "pymoo.algorithms.soo.nonconvex.ga:GA"
_FRONT = Against("nsga2 latency", "nsga2 alone", BOTH)
_RE20, _RE100 = Against("re20", "re20 alone"), Against("re100", "re100 alone")
_RANDOM = Against("random", "random alone")
_GENERATIONS = {"population_size": POPULATION}
PEERS: dict[str, Peer] = {
    "pymoo nsga2": Peer("pymoo NSGA-II", "pymoo", partial(pymoo, _NSGA2, "real"), 10_000, _FRONT),
    "pymoo nsga2 uniform": Peer(
        "pymoo NSGA-II, operators like ours", "pymoo", partial(pymoo, _NSGA2, "uniform"), 10_000, _FRONT
    ),
    "pygmo nsga2": Peer("pygmo NSGA-II", "pygmo", partial(pygmo, "nsga2"), 100_000, _FRONT),
    "deap nsga2": Peer("DEAP NSGA-II", "deap", partial(deap, True), 10_000, _FRONT),
    "optuna nsga2": Peer(
        "Optuna NSGAIISampler", "optuna", partial(optuna, "NSGAIISampler", _GENERATIONS), 1000, _FRONT
    ),
    "pymoo ga": Peer("pymoo GA", "pymoo", partial(pymoo, _GA, "uniform"), 20_000, _RE100),
    "pygmo sga": Peer("pygmo sga", "pygmo", partial(pygmo, "sga"), 100_000, _RE100),
    "deap ga": Peer("DEAP GA", "deap", partial(deap, False), 50_000, _RE100),
    "plain re100": Peer("plain Python evolution, 100 and 25", None, partial(plain_evolution, 100, 25), 20_000, _RE100),
    "plain re20": Peer("plain Python evolution, 20 and 10", None, partial(plain_evolution, 20, 10), 20_000, _RE20),
    "plain re20 cheap": Peer(
        "plain Python evolution, 20 and 10, of a sum", None, partial(plain_evolution, 20, 10), 200_000, _RE20, Cheap
    ),
    "optuna tpe": Peer("Optuna TPESampler", "optuna", partial(optuna, "TPESampler", {}), 300, _RE20),
    "optuna random": Peer("Optuna RandomSampler", "optuna", partial(optuna, "RandomSampler", {}), 1000, _RANDOM),
}
