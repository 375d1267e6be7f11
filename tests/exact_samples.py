"""Random sub-spaces and constraints of the bundled benchmark, and their enumeration."""

import itertools
import math

import numpy as np

LARGEST = 100_000  # architectures of a random sub-space; fewer for three objectives, whose fronts are large
COARSE = ("macs", "params", "peak_memory")  # which depend on few variables, so values tie
FINE = ("accuracy", "latency_zcu102", "throughput_a100", "train_time")


def random_within(bench, draw, largest=LARGEST):
    """Restrictions to a sub-space of 500 to so many architectures."""
    limit = math.exp(draw.uniform(math.log(500), math.log(largest)))
    within, size = {}, 1
    for variable in draw.permutation(np.array(bench.space.variables, object)):
        count = int(draw.integers(1, len(variable.choices) + 1))
        count = count if size * count <= limit else 1
        chosen = draw.permutation(len(variable.choices))[:count]
        within[variable.name] = [variable.choices[i] for i in chosen.tolist()]
        size *= count
    return within


def enumerated(bench, within):
    """All architectures of a sub-space, in its order."""
    allowed = [sorted(v.choices.index(choice) for choice in within[v.name]) for v in bench.space.variables]
    return np.array(list(itertools.product(*allowed)), np.uint8)


def random_constraints(draw, values):
    """Closed ranges of up to two metrics that part of the values meet."""
    limits = {}
    for metric in draw.permutation(np.array([*COARSE, *FINE]))[: draw.integers(0, 3)].tolist():
        lower, upper = np.quantile(values[metric], sorted(draw.uniform(0, 1, 2)), method="nearest").tolist()
        limits[metric] = (lower, None) if draw.uniform() < 0.3 else (lower, upper)
    return limits


def met(values, limits):
    found = np.ones(len(values["macs"]), bool)
    for metric, (lower, upper) in limits.items():
        found &= (values[metric] >= lower) & (values[metric] <= (math.inf if upper is None else upper))
    return found
