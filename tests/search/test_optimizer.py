"""Native algorithms by ask and tell: as told one batch at a time they equal searches; any order and amount is fine."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelnas import MetricError, ParameterError, SearchError, SpaceError
from accelnas.exact import WeightedProduct
from accelnas.search import ALGORITHMS, GradientAscent, Optimizer
from search_driver import SMALL, score
from search_samples import BENCH, LIMITS, WITHIN, choice_indices

ONE = sorted(set(ALGORITHMS) - {"moead", "nsga3", "successive_halving", "hyperband", "asha"})
PRODUCT = WeightedProduct({"accuracy": 1, "latency_zcu102": -0.07}, {"latency_zcu102": 5.0})


def driven(name, objective, budget=150, **more):
    """Rows and optimizer after telling the benchmark's predictions batch by batch."""
    optimizer = BENCH.optimizer(name, objective, budget=budget, seed=6, **more)
    rows = []
    while optimizer.told < budget:
        archs = optimizer.ask()[: budget - optimizer.told]
        values = BENCH.predict(archs, list(optimizer.metrics))
        optimizer.tell(archs, values)
        rows.append(archs)
    return np.concatenate(rows), optimizer


@pytest.mark.parametrize("name", ONE)
@pytest.mark.parametrize(
    ("objective", "more"),
    [
        ("accuracy", {}),
        ("latency_zcu102", {"within": WITHIN, "subject_to": LIMITS, "penalty": 30.0}),
        (PRODUCT, {"within": WITHIN}),
    ],
)
def test_batches_make_the_search(name, objective, more):
    budget = 6 if name == "gradient_ascent" else 150
    algorithm = GradientAscent(steps=1) if name == "gradient_ascent" else name
    rows, optimizer = driven(algorithm, objective, budget, **more)
    history = BENCH.search(algorithm, objective, budget=budget, seed=6, **more)
    assert np.array_equal(rows, history.architectures)
    if "penalty" not in more:
        assert np.array_equal(optimizer.best[0], history.best[0])
        assert optimizer.best[1] == history.best[1]


@pytest.mark.parametrize("name", ["random_search", "nsga2", "nsga3", "moead"])
@pytest.mark.parametrize("more", [{}, {"subject_to": LIMITS, "within": WITHIN}])
def test_batches_make_searches_of_fronts(name, more):
    rows, optimizer = driven(name, ["accuracy", "macs"], **more)
    assert np.array_equal(rows, BENCH.search(name, ["accuracy", "macs"], budget=150, seed=6, **more).architectures)
    with pytest.raises(SearchError, match="a best architecture needs one objective, there are 2"):
        optimizer.best  # noqa: B018


@pytest.mark.parametrize("name", sorted(set(ALGORITHMS) - {"gradient_ascent", "hyperband", "asha"}))
@settings(max_examples=15)
@given(st.data())
def test_any_order_and_amount_is_fine(name, data):
    names = {"a": "maximise", "b": "minimise"} if name in ("moead", "nsga3") else {"a": "maximise"}
    optimizer = Optimizer(SMALL, name, names, budget=60, seed=data.draw(st.integers(0, 2**63 - 1)))
    waiting, told = [], 0
    for _ in range(data.draw(st.integers(1, 12))):
        asked = optimizer.ask(data.draw(st.sampled_from([None, 1, 3, 50])))
        SMALL.check(asked)
        waiting.extend(asked)
        if data.draw(st.booleans()):
            waiting.extend(SMALL.sample(2, seed=len(waiting)))  # nobody asked for them
        order = data.draw(st.permutations(range(len(waiting))))
        now = [waiting[i] for i in order[: len(order) // 2]]
        waiting = [waiting[i] for i in order[len(order) // 2 :]]
        if now:
            archs = np.stack(now)
            values = np.column_stack([score(archs), archs.sum(axis=1)])[:, : len(names)]
            optimizer.tell(archs, values)
            told += len(now)
        assert optimizer.told == told
    assert len(optimizer.ask(7)) == 7


def test_values_come_in_every_form():
    rows = SMALL.sample(6, seed=1)
    a, b = score(rows), rows.sum(axis=1)
    asked = []
    for values in ({"a": a, "b": b}, {"b": b.tolist(), "a": a, "more": a}, np.column_stack([a, b]), [*zip(a, b)]):  # noqa: B905
        optimizer = Optimizer(SMALL, "nsga2", {"a": "maximise", "b": "minimise"}, seed=1)
        optimizer.tell(rows, values)
        asked.append(optimizer.ask(9))
    assert all(np.array_equal(archs, asked[0]) for archs in asked)
    optimizer = Optimizer(SMALL, "local_search", {"a": "minimise"}, seed=1)
    optimizer.tell(SMALL.decode(rows), a)
    optimizer.tell(SMALL.decode(rows)[0], a[0])
    optimizer.tell(SMALL.format(rows[1:2])[0], a[1:2])
    optimizer.tell(rows[2:4], a[2:4, None])
    assert optimizer.told == 10
    assert optimizer.best[1] == a.min()
    assert np.array_equal(optimizer.best[0], rows[a.argmin()])


def test_own_spaces_are_searched():
    everything = SMALL.range(0, SMALL.size)
    for name in ("local_search", "regularized_evolution", "random_search", "simulated_annealing", "nsga2"):
        optimizer = Optimizer(SMALL, name, {"quality": "maximise"}, budget=1_500, seed=3)
        while optimizer.told < 1_500:
            archs = optimizer.ask(4)
            optimizer.tell(archs, score(archs))
        assert optimizer.best[1] == score(everything).max()


def test_choices_that_are_not_allowed_are_neither_asked_nor_told():
    optimizer = BENCH.optimizer("random_search", "accuracy", budget=50, seed=1, within=WITHIN)
    assert all(np.isin(c, own).all() for c, own in zip(optimizer.ask(200).T, choice_indices(), strict=True))
    with pytest.raises(SearchError, match=r"row 0: block0_e has choice index 0, which is not allowed"):
        optimizer.tell(np.zeros((1, 28), np.uint8), [1.0])
    with pytest.raises(SearchError, match="nothing feasible was told yet; tell more"):
        optimizer.best  # noqa: B018


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1.0], r"values have shape \(1,\) for 2 architectures; tell \(2, 2\) of a, b"),
        (np.ones((2, 3)), r"values have shape \(2, 3\)"),
        (np.ones((4, 1)), r"values have shape \(4, 1\)"),
        ({"a": [1, 2]}, "values lack b; tell a, b"),
        ([[1, 2], [np.nan, 3]], "row 1: a is nan; tell a finite value, such as a bad one for a training that failed"),
        ([[1, np.inf], [1, 3]], "row 0: b is inf"),
    ],
)
def test_values_at_fault_are_refused(values, message):
    optimizer = Optimizer(SMALL, "nsga2", {"a": "maximise", "b": "minimise"})
    rows = optimizer.ask(2)
    with pytest.raises(SearchError, match=message):
        optimizer.tell(rows, values)
    assert optimizer.told == 0


def test_calls_at_fault_are_refused():
    optimizer = Optimizer(SMALL, "nsga2", {"a": "maximise"})
    with pytest.raises(SpaceError):
        optimizer.tell(np.full((1, 5), 9, np.uint8), [1.0])
    for n in (0, -1, 1.5, True, 2**40):
        with pytest.raises(ParameterError, match=f"n is {n!r}; choose an integer of 1 to 16777216"):
            optimizer.ask(n)
    with pytest.raises(SearchError, match="there are no objectives; give each one's name"):
        Optimizer(SMALL, "nsga2", {})
    with pytest.raises(ParameterError, match="direction of a is 'up'; choose maximise or minimise"):
        Optimizer(SMALL, "nsga2", {"a": "up"})
    with pytest.raises(SearchError, match="unknown algorithm 'nsga4'; choose one of random_search"):
        Optimizer(SMALL, "nsga4", {"a": "maximise"})
    with pytest.raises(ParameterError, match="budget is 0; choose an integer of 1"):
        Optimizer(SMALL, "nsga2", {"a": "maximise"}, budget=0)
    with pytest.raises(SearchError, match="is not native; ask it yourself"):
        BENCH.optimizer(lambda _task: None, "accuracy", budget=5, seed=1)
    with pytest.raises(MetricError, match='unknown metric "speed"'):
        BENCH.optimizer("nsga2", "speed", budget=5, seed=1)
    with pytest.raises(SearchError, match="gradient_ascent needs metrics made of tables"):
        Optimizer(SMALL, "gradient_ascent", {"a": "maximise"})
