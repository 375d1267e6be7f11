"""Seeded searches: native algorithms, and those of users, on a benchmark or on real training."""

from accelnas.search.algorithms import (
    ALGORITHMS,
    Asha,
    GradientAscent,
    Hyperband,
    LocalSearch,
    Moead,
    Nsga2,
    Nsga3,
    RandomSearch,
    RegularizedEvolution,
    Reinforce,
    SimulatedAnnealing,
    SuccessiveHalving,
)
from accelnas.search.history import History
from accelnas.search.objective import FunctionObjective
from accelnas.search.optimizer import Optimizer, native
from accelnas.search.protocol import AskTell, AskTellEpochs, ManyRuns, Task

__all__ = [
    "ALGORITHMS",
    "Asha",
    "AskTell",
    "AskTellEpochs",
    "FunctionObjective",
    "GradientAscent",
    "History",
    "Hyperband",
    "LocalSearch",
    "ManyRuns",
    "Moead",
    "Nsga2",
    "Nsga3",
    "Optimizer",
    "RandomSearch",
    "RegularizedEvolution",
    "Reinforce",
    "SimulatedAnnealing",
    "SuccessiveHalving",
    "Task",
    "native",
]
