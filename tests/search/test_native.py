"""Native searches: what they say of every evaluation equals the benchmark's own answers, bit for bit."""

import hashlib
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from accelnas import SearchError, _core
from accelnas.exact import ReferencePoint, WeightedProduct
from accelnas.search import (
    ALGORITHMS,
    FunctionObjective,
    GradientAscent,
    LocalSearch,
    Nsga2,
    Optimizer,
    RegularizedEvolution,
    SuccessiveHalving,
)
from search_samples import ALL, BENCH, LIMITS, WITHIN, choice_indices, same_logs, violations

DERIVED = BENCH.derive("efficiency", "accuracy / latency_zcu102 + max(params, 5)", direction="maximise")
ASPIRED = ReferencePoint({"accuracy": 1, "params": 0.5, "macs": 0.02}, {"accuracy": 66, "params": 5, "macs": 300})
PRODUCT = WeightedProduct({"accuracy": 0.7, "latency_zcu102": (0, -1)}, {"latency_zcu102": 25.0})


def depth(archs):
    """Sum of layers' indices, and a tie-breaker."""
    return archs[:, 2::4].sum(axis=1) + archs[:, 0] / 10


def two(archs):
    return np.column_stack([depth(archs), archs.sum(axis=1)])


SETTINGS = {
    "metric": {"objective": "accuracy"},
    "minimised": {"objective": "latency_zcu102", "clock": "train_time"},
    "other direction": {"objective": [("accuracy", "minimise")], "within": WITHIN},
    "constrained": {"objective": "accuracy", "subject_to": LIMITS, "clock": "train_time"},
    "nothing feasible": {"objective": "accuracy", "subject_to": "accuracy >= 90"},
    "penalty": {"objective": "macs", "subject_to": LIMITS, "penalty": 300.0},
    "noise": {"objective": "accuracy", "subject_to": LIMITS, "penalty": 10.0, "noise": True, "clock": "train_time"},
    "product": {"objective": PRODUCT, "subject_to": "macs <= 400", "penalty": 0.0, "within": WITHIN},
    "reference": {"objective": ASPIRED, "subject_to": LIMITS},
    "derived": {"objective": "efficiency", "subject_to": "accuracy >= 64"},
    "function": {"objective": depth, "within": WITHIN},
    "two": {"objective": ["accuracy", "latency_zcu102"], "subject_to": "params <= 5.5", "clock": "train_time"},
    "three": {"objective": ["accuracy", "throughput_a100", ("macs", "maximise")], "noise": True},
    "five": {"objective": ["accuracy", "latency_zcu102", "params", "macs", "throughput_a100"], "subject_to": LIMITS},
    "functions": {"objective": FunctionObjective(two, {"depth": "maximise", "sum": "minimise"})},
}
# the gradient costs milliseconds a step
QUICK = {"gradient_ascent": GradientAscent(steps=1), "successive_halving": SuccessiveHalving(initial=9, reduction=3)}
NATIVE = [name for name in ALGORITHMS if name not in {"hyperband", "asha"}]  # these need fidelities
SEVERAL = {"random_search", "nsga2", "nsga3", "moead"}
GOLDEN = {
    "random_search": "93a432c6d02b1129",
    "local_search": "170097a94b5b8eb2",
    "regularized_evolution": "a6c788068d45f2e8",
    "simulated_annealing": "1052b2a377492f7e",
    "reinforce": "33fb06e220964c39",
    "nsga2": "449cf24831d71f1f",
    "nsga3": "dd6750fecd7b5ca1",
    "moead": "e656008775efeade",
}


def accepts(name, setting):
    """What the algorithms say of themselves."""
    sought = setting["objective"]
    functions = isinstance(sought, FunctionObjective)
    several = functions or (isinstance(sought, list) and len(sought) > 1)
    first = "subject_to" in setting and "penalty" not in setting
    unmodelled = callable(sought) or sought == "efficiency"
    return (
        (not several or name in SEVERAL)
        and (several or name not in {"moead", "nsga3"})
        and not (first and name in {"reinforce", "gradient_ascent"})
        and not (unmodelled and name == "gradient_ascent")
        and not (not (setting.get("noise") or unmodelled) and name == "successive_halving")
    )


CASES = [(name, kind) for name in NATIVE for kind, setting in SETTINGS.items() if accepts(name, setting)]


def search(name, kind, budget, seed=3, **more):
    budget = min(budget, 12) if name == "gradient_ascent" else budget
    return DERIVED.search(QUICK.get(name, name), **{**SETTINGS[kind], **more}, budget=budget, seed=seed)


def simulate(name, kind, runs, budget, **more):
    budget = min(budget, 6) if name == "gradient_ascent" else budget
    return DERIVED.simulate(QUICK.get(name, name), **SETTINGS[kind], runs=runs, budget=budget, seed=3, **more)


def seen(history, kind, name):
    """One metric of every evaluation, asked of the benchmark itself."""
    if not SETTINGS[kind].get("noise"):
        return DERIVED.predict(history.architectures, name).astype(np.float64)
    seeds = _core.measurement_seeds(3, 0, len(history)).tolist()
    each = zip(history.architectures, seeds, strict=True)
    return np.array([DERIVED.query(row[None], name, seed=seed)[0] for row, seed in each])


def expected_scores(history, kind):
    """Scores as people read them, NaN where infeasible, and those of which more is better."""
    setting, objective = history.setting.sought, SETTINGS[kind]["objective"]
    if callable(objective) or isinstance(objective, FunctionObjective):
        read = np.reshape((getattr(objective, "function", objective))(history.architectures), (len(history), -1))
        return read, read * setting.signs
    assert {k: v.tobytes() for k, v in history.values.items()} == {
        k: seen(history, kind, k).tobytes() for k in history.values
    }
    if setting.formulation is not None:
        read = setting.formulation.score(history.values, setting.formulation.ranges)[:, None]
    else:
        names = [o.metric for o in setting.objectives]
        read = np.stack([history.values[name] for name in names], axis=1)
    limits = {c.metric: tuple(b if np.isfinite(b) else None for b in (c.lower, c.upper)) for c in setting.constraints}
    violation = violations(history.values, limits)[:, None]
    penalty = SETTINGS[kind].get("penalty")
    if penalty is not None:
        read = read - setting.signs * penalty * violation
        return read, read * setting.signs
    return np.where(violation > 0, np.nan, read), np.where(
        violation > 0, -1e300 * (1 + violation), read * setting.signs
    )


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_every_evaluation_is_the_benchmarks_own(name, kind):
    history = search(name, kind, 130)
    read, ranked = expected_scores(history, kind)
    assert history.architectures.shape == (len(history), 28)
    assert np.array_equal(np.isnan(history.scores), np.isnan(read))
    bits = kind not in {"penalty", "noise", "product"}
    assert not bits or np.array_equal(history.scores, read, equal_nan=True)
    np.testing.assert_allclose(history.scores, read, rtol=1e-12, atol=0)
    if history.times is not None:
        costs = DERIVED.predict(history.architectures, "train_time").astype(np.float64)
        assert np.array_equal(history.times, np.cumsum(costs))
    if "within" in SETTINGS[kind]:
        allowed = zip(history.architectures.T, choice_indices(), strict=True)
        assert all(np.isin(column, choices).all() for column, choices in allowed)
    if name == "successive_halving":
        return
    earlier = [(ranked[:i] >= ranked[i]).all(axis=1).any() for i in range(len(ranked))]
    assert history.improvements.tolist() == np.flatnonzero(~np.array(earlier)).tolist()
    assert np.array_equal(history.improved_at, history.improvements + 1)
    if ranked.shape[1] > 1:
        return
    best = read[[int(ranked[: i + 1, 0].argmax()) for i in range(len(ranked))], 0]
    np.testing.assert_allclose(history.best_values, best, rtol=1e-12, atol=0)
    sign = history.setting.sought.signs[0]
    first = np.flatnonzero(~np.isnan(best))
    if not len(first):
        with pytest.raises(
            SearchError, match=f"no architecture of {len(history)} met the constraints; raise the budget"
        ):
            history.best  # noqa: B018
        return
    assert not np.isnan(best[first[0] :]).any()  # feasible ones come first
    assert (np.diff(sign * history.best_values[first[0] :]) >= 0).all()
    assert history.best[1] == history.best_values[-1] == history.scores[history.improvements[-1], 0]


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_a_search_is_the_first_run_whatever_the_cohort(name, kind):
    few, many = simulate(name, kind, 2, 50, threads=1), simulate(name, kind, 5, 50, threads=2)
    same_logs(many.logs, few.logs, 2)
    history = search(name, kind, 50)
    if name == "gradient_ascent":
        history = search(name, kind, 6)
    first = slice(0, few.logs.lengths[0])
    assert np.array_equal(few.logs.rows[first], history.architectures[history.improvements])
    assert np.array_equal(few.logs.evaluations[first], history.improved_at)
    if history.times is not None and name != "successive_halving":
        assert np.array_equal(few.logs.times[first], history.times[history.improvements])
        assert few.logs.time[0] == history.times[-1]
    if name != "successive_halving":
        assert np.array_equal(few.scores[first], history.scores[history.improvements], equal_nan=True)


@pytest.mark.parametrize("name", [name for name in NATIVE if name != "gradient_ascent"])
def test_more_runs_add_to_the_same_ones(name):
    kind = "two" if name in {"moead", "nsga3"} else "noise"
    same_logs(simulate(name, kind, 300, 60, threads=2).logs, simulate(name, kind, 5, 60, threads=1).logs, 5)


def digests():
    """Everything that algorithms find, as one hash each."""
    out = {}
    for name in NATIVE:
        kind = "three" if name in SEVERAL else "noise"
        history = search(name, kind, 60, threads=1)
        parts = (history.architectures, history.scores, history.improvements)
        out[name] = hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest()
    return out


def test_another_process_and_other_loops_find_the_same():
    code = """
        import sys
        sys.path[:0] = sys.argv[1:]
        from test_native import digests
        print(digests())
    """
    environment = {**os.environ, "ACCELNAS_BUILD": "portable", "PYTHONHASHSEED": "7", "RAYON_NUM_THREADS": "3"}
    command = [sys.executable, "-c", textwrap.dedent(code), *map(str, Path(__file__).parents[:2])]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == f"{digests()}\n"


def told(name):
    """What an algorithm asks for that is told seven at a time, the last one first."""
    objectives = {"depth": "maximise", "sum": "minimise"} if name in SEVERAL else {"depth": "maximise"}
    optimizer = Optimizer(BENCH.space, name, objectives, budget=1400, seed=11)
    asked = []
    while optimizer.told < 1400:
        archs = optimizer.ask(7)[::-1]
        optimizer.tell(archs, two(archs)[:, : len(objectives)])
        asked.append(archs)
    return np.concatenate(asked)


def test_runs_are_golden():
    # values of few digits, so that many are equal: of everything that a run draws and compares nothing may change
    found = {}
    for name in GOLDEN:
        kind = "functions" if name in SEVERAL else "function"
        runs = DERIVED.simulate(name, **SETTINGS[kind], runs=3, budget=1500, seed=7)
        parts = (search(name, kind, 1500).architectures, runs.logs.rows, runs.logs.evaluations, told(name))
        found[name] = hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest()[:16]
    assert found == GOLDEN


def test_seeds_and_settings_matter():
    found = {search("regularized_evolution", "metric", 100, seed).architectures.tobytes() for seed in (0, 1, 2**63 - 1)}
    assert len(found) == 3
    budget = {"budget": 300, "seed": 1}
    for one, other in [
        (RegularizedEvolution(), RegularizedEvolution(removal="worst")),
        (RegularizedEvolution(), RegularizedEvolution(10, 5)),
        (LocalSearch(), LocalSearch(first_improvement=True)),
        (LocalSearch(), LocalSearch(initial=1)),
        (Nsga2(20), Nsga2(20, crossover=0)),
    ]:
        rows = [BENCH.search(settings, "accuracy", **budget).architectures for settings in (one, other)]
        assert not np.array_equal(*rows)


def test_a_small_budget_is_the_start_of_a_larger_one():
    # all but those with a schedule
    for name in set(NATIVE) - {"simulated_annealing", "gradient_ascent", "successive_halving", "moead", "nsga3"}:
        long, short = (search(name, "noise", budget) for budget in (230, 97))
        assert np.array_equal(short.architectures, long.architectures[:97]), name
        assert np.array_equal(short.scores, long.scores[:97])


def test_small_parts_are_what_they_should_be():
    assert len(ALL) == len(np.unique(ALL, axis=0)) == 1536
    assert int(BENCH.count([], within=WITHIN)) == 1536
