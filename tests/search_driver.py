"""What tests of algorithms share: a small space with scores, and a driver that plays the farm."""

import numpy as np

from accelnas import spaces
from accelnas.search.protocol import Task, begin
from accelnas.space.definition import defined
from small_samples import space_of

SMALL = space_of(
    "small",
    a={"op": ["conv", "pool", "skip"], "k": [3, 5, 7]},
    b={"width": [8, 16, 64], "wide": [False, True], "l": [1, 2, 3, 4]},
)
TINY = space_of("tiny", a={"op": ["conv", "pool", "skip"], "k": [3, 5]})
MACRO = spaces.load("transnas-macro")
VARIABLES = {"leaf": [True, False], "op": ["conv", "pool", "skip"], "k": [7, 5, 3], "depth": [1, 2, 3, 4]}
CHAIN = defined(  # children before their parents, and children of children
    "chain",
    {name: [{"name": name, "choices": choices}] for name, choices in VARIABLES.items()},
    conditions=[
        {"variables": ["leaf"], "when": {"k": [3, 5], "op": "conv"}},
        {"variables": ["k"], "when": {"op": "conv"}},
        {"variables": ["k"], "when": {"op": "pool", "depth": [3, 4]}},
    ],
    forbidden=[{"when": {"k": 3, "depth": [1, 2]}}, {"when": {"op": "skip", "depth": 4}}],
    equivalences=[{"when": {"op": "skip"}, "same_as": {"depth": 1}}],
)
RULED = [MACRO, CHAIN]
WEIGHTS = np.array([1.0, -2.0, 0.5, 3.0, -1.0])


def score(archs):
    return archs @ WEIGHTS - 0.3 * (archs[:, 0] == archs[:, 2])


def scores(archs):
    return np.column_stack([score(archs), -archs.sum(axis=1).astype(float)])


def drive(algorithm, budget, seed, space=SMALL, evaluate=score, direction="maximise"):
    """Ask, score and tell until the budget is spent; what was evaluated, and its scores."""
    names = ("quality", "size")[: evaluate(space.sample(1))[0].size]
    run = begin(algorithm, Task(space, dict.fromkeys(names, direction), budget, seed))
    archs, told = [], []
    while (left := budget - sum(map(len, archs))) > 0:
        asked = run.ask()[:left]
        space.check(asked)
        told.append(evaluate(asked))
        run.tell(asked, told[-1] if direction == "maximise" else -told[-1])
        archs.append(asked)
    return np.concatenate(archs), np.concatenate(told)


def check_seeds(algorithm, budget, evaluate=score):
    """The same seed gives the same run, whichever end is sought, another seed another one, all of them valid."""
    runs = [drive(algorithm, budget, seed, evaluate=evaluate)[0] for seed in (1, 2, 2**62)]
    assert np.array_equal(drive(algorithm, budget, 1, evaluate=evaluate)[0], runs[0])
    assert np.array_equal(drive(algorithm, budget, 1, evaluate=evaluate, direction="minimise")[0], runs[0])
    assert not np.array_equal(runs[0], runs[1])
    assert not np.array_equal(runs[1], runs[2])
    assert all(len(archs) == budget for archs in runs)


def waves(archs):
    """Score the architectures of any space."""
    return np.cos(np.arange(1, archs.shape[1] + 1) * (1.0 + archs)).sum(axis=1)


def check_rules(algorithm, budget, evaluate=waves):
    """Only architectures of the space, each as it is written, and the same ones from the same seed."""
    for space in RULED:
        runs = [drive(algorithm, budget, seed, space, evaluate)[0] for seed in (1, 1, 2)]
        assert all(len(archs) == budget for archs in runs)
        for archs in runs:
            space.encode(archs, strict=True)
        assert np.array_equal(runs[0], runs[1])
        assert not np.array_equal(runs[1], runs[2])
