"""Spaces with rules, from Python: forms, canonical forms, published sizes, questions and searches."""

import itertools
import math
import pickle

import numpy as np
import pandas
import polars as pl
import pytest

import accelnas
from accelnas import Space, SpaceError, _core, spaces
from accelnas.space.definition import defined
from command_line import run
from studies.spaces import FOLDER, SPACES

TOY = """
[space]
name = "toy"
[[space.blocks]]
name = "stage"
variables = [
    { name = "depth", symbol = "d", choices = [1, 2] },
    { name = "kernel1", symbol = "k", choices = [3, 5, 7] },
    { name = "kernel2", symbol = "k", choices = [3, 5, 7] },
]
[[space.blocks]]
name = "head"
variables = [
    { name = "act", symbol = "", choices = ["relu", "swish"] },
    { name = "beta", symbol = "b", choices = [1, 2] },
]
[[space.conditions]]
variables = ["kernel2"]
when = { depth = 2 }
[[space.forbidden]]
when = { kernel1 = [5, 7], act = "swish" }
[[space.equivalences]]
when = { act = "relu" }
same_as = { beta = 1 }
"""
# What the rules leave, by hand: (kernel1, kernel2 or nothing) x (relu without beta, swish with it where it may be).
LAWFUL = [
    {"depth": 1 if k2 is None else 2, "kernel1": k1, "kernel2": k2, "act": act, "beta": beta}
    for k1, k2, (act, beta) in itertools.product((3, 5, 7), (None, 3, 5, 7), (("relu", 1), ("swish", 1), ("swish", 2)))
    if k1 == 3 or act == "relu"
]
SIZES = {
    "mnasnet": 104_485_552_128,
    "nasbench201": 5**6,
    "nasbench201-distinct": 6_466,  # Dong and Yang 2020
    "nasbench-macro": 3**8,
    "darts": (49 * 147 * 294 * 490) ** 2,  # 10^18 of Zela et al. 2022
    "fbnet": 9**22,
    "proxylessnas": 6**6 * 7**15,
    "ofa-mobilenetv3": (9**2 + 9**3 + 9**4) ** 5,  # 2 * 10^19 of Cai et al. 2020
    "nats-sizes": 32_768,
    "transnas-macro": 3_256,
    "transnas-micro": 4_096,
    "hat": 2 * 6**6 * 2 * sum(36**n for n in range(1, 7)),
    "autoformer-tiny": 3 * sum(4**n for n in (12, 13, 14)),
}


@pytest.fixture(scope="module")
def toy() -> Space:
    return Space(TOY)


def test_the_spaces_of_the_field_have_their_published_sizes() -> None:
    assert {name: spaces.load(name).size for name in spaces.names()} == SIZES
    with pytest.raises(accelnas.ParameterError, match="name is 'nasnet'; choose 'autoformer-tiny'"):
        spaces.load("nasnet")


@pytest.mark.parametrize("name", SPACES)
def test_the_files_of_spaces_are_made_again(name: str) -> None:
    assert Space.from_toml(FOLDER / f"{name}.toml") == SPACES[name]() == spaces.load(name)


@pytest.mark.parametrize("name", spaces.names())
def test_forms_agree_in_every_space(name: str) -> None:
    space = spaces.load(name)
    rows = space.sample(200, seed=1)
    indices = space.index(rows)
    assert all(0 <= index < space.size for index in indices.tolist())
    forms = [space.format(rows), space.decode(rows), indices, space.block_states(rows), indices.tolist()]
    frame = pl.DataFrame(space.decode(rows), infer_schema_length=None, strict=False)
    for form in [*forms, frame, pandas.DataFrame(space.decode(rows))]:
        np.testing.assert_array_equal(space.encode(form), rows)
    assert pickle.loads(pickle.dumps(space)) == space
    assert len(np.unique(space.sample(3000, seed=2, unique=True), axis=0)) == 3000
    last = space.range(space.size - 3, space.size)
    assert space.index(last).tolist() == [space.size - 3, space.size - 2, space.size - 1]
    with pytest.raises(SpaceError, match="index"):
        space.range(5, 4)


def test_architectures_are_those_that_the_rules_leave(toy: Space) -> None:
    rows = toy.range(0, toy.size)
    assert toy.size == len(LAWFUL)
    key = str
    assert sorted(toy.decode(rows), key=key) == sorted(LAWFUL, key=key)
    np.testing.assert_array_equal(toy.encode(LAWFUL), toy.at(toy.index(LAWFUL)))
    assert toy.format(toy.encode(LAWFUL[0]))[0] == "d1_k3_k~-relu_b1"
    # uniform over distinct ones
    counts = np.bincount(toy.index(toy.sample(20_000, seed=3)).astype(int), minlength=toy.size)
    expected = 20_000 / toy.size
    assert ((counts - expected) ** 2 / expected).sum() < toy.size + 5 * math.sqrt(2 * toy.size)


def test_other_ways_to_write_an_architecture_take_its_form(toy: Space) -> None:
    written = {"depth": 1, "kernel1": 3, "kernel2": 7, "act": "relu", "beta": 2}
    canonical = {"depth": 1, "kernel1": 3, "kernel2": None, "act": "relu", "beta": 1}
    assert toy.decode(written) == [canonical] == toy.decode({k: v for k, v in canonical.items() if v is not None})
    raw = np.array([[0, 0, 2, 0, 1]], np.uint8)
    assert toy.decode(raw) == toy.decode(raw.astype(int)) == toy.decode("d1_k3_k7-relu_b2") == [canonical]
    with pytest.raises(SpaceError, match=r"row 0: kernel2 is written k7, where it is the same as k~"):
        toy.encode(written, strict=True)
    assert toy.encode(canonical, strict=True).tolist() == [[0, 0, 3, 0, 0]]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"depth": 2, "kernel1": 3, "act": "relu", "beta": 1}, "row 0: kernel2 is inactive where it is active"),
        (
            {"depth": 1, "kernel1": 5, "act": "swish", "beta": 1},
            "row 0: kernel1 has a forbidden combination, k5",
        ),
        ({"depth": None, "kernel1": 5, "act": "relu", "beta": 1}, "row 0: depth is None; choose one of 1, 2"),
        ("d1_k3_k~-relu", "1 variables instead of 2"),
        (np.array([[0, 0, 4, 0, 0]], np.uint8), "kernel2 has choice index 4; choose one of 0 to 3"),
    ],
)
def test_what_the_rules_exclude_is_refused(toy: Space, wrong, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        toy.encode(wrong)


def test_neighbours_switch_variables_on_and_off(toy: Space) -> None:
    (start,) = toy.encode("d1_k3_k~-relu_b1")
    found = set(toy.format(toy.neighbours(start)))
    assert found == {"d2_k3_k3-relu_b1", "d1_k5_k~-relu_b1", "d1_k7_k~-relu_b1", "d1_k3_k~-swish_b1"}


def bench_of(folder, space: Space, seed: int, order: int = 2) -> accelnas.Benchmark:
    """A metric of random tables over one and two variables."""
    random = np.random.default_rng(seed)
    cards = [len(v.states) for v in space.variables]
    sets = [[v] for v in range(len(cards))]
    pairs = list(itertools.combinations(range(len(cards)), 2))
    sets += [list(pairs[i]) for i in random.permutation(len(pairs))[:60]] if order == 2 else []
    cells = [random.normal(size=(1, math.prod(cards[v] for v in some))) for some in sets]
    surrogate = _core.Surrogate.from_tables(space._core, [50.0], sets, cells)
    texts = {"unit": "", "direction": "maximise", "link": "identity", "description": ""}
    _core.write_metric(folder, space.name, surrogate, noise=None, provenance={}, **texts)
    return accelnas.load(folder)


@pytest.mark.parametrize("name", ["transnas-macro", "nasbench201-distinct", "toy"])
def test_questions_equal_enumeration(tmp_path, name: str, toy: Space) -> None:
    space = toy if name == "toy" else spaces.load(name)
    bench = bench_of(tmp_path / "bench", space, 1)
    rows = space.range(0, space.size)
    values = bench.predict(rows, name, dtype="float64")
    order = np.argsort(-values, kind="stable")
    best = bench.best(name, k=5)
    np.testing.assert_array_equal(best.architectures, rows[order[:5]])
    assert best.certificate.size == space.size
    assert bench.verify(best.certificate).passed
    limit = float(np.median(values))
    assert int(bench.count(f"{name} >= {limit!r}").count) == np.count_nonzero(values >= limit)
    ranks = bench.rank(rows[:7], name)
    assert ranks.rank.tolist() == [1 + np.count_nonzero(values > v) for v in values[:7]]
    assert ranks.size == bench.distribution(name).total == space.size
    within = {space.variables[0].name: space.variables[0].choices[0]}
    inside = rows[:, 0] == 0
    np.testing.assert_array_equal(
        bench.best(name, within=within).architectures[0], rows[inside][np.argmax(values[inside])]
    )


@pytest.mark.parametrize("name", ["darts", "ofa-mobilenetv3", "fbnet"])
def test_optima_of_spaces_that_no_one_enumerates(tmp_path, name: str) -> None:
    space = spaces.load(name)
    bench = bench_of(tmp_path / "bench", space, 2, order=1)
    best = bench.best(name)
    assert best.certificate.complete
    assert bench.verify(best.certificate).passed
    sample = bench.predict(space.sample(20_000, seed=1), name, dtype="float64")
    assert sample.max() <= best.values[0]
    assert bench.predict(space.neighbours(best.architectures), name, dtype="float64").max() <= best.values[0]
    if space.size > 2**64:
        with pytest.raises(SpaceError, match="too many to search"):
            bench.rank(best.architectures, name)


@pytest.mark.parametrize("algorithm", ["random_search", "regularized_evolution", "local_search", "reinforce"])
def test_searches_stay_inside_the_rules(tmp_path, algorithm: str) -> None:
    space = spaces.load("transnas-macro")
    bench = bench_of(tmp_path / "bench", space, 3)
    runs = bench.simulate(algorithm, space.name, runs=5, budget=300, seed=1)
    assert (runs.regret() >= 0).all()
    history = bench.search(algorithm, space.name, budget=300, seed=1)
    space.encode(history.architectures, strict=True)
    inside = bench.search(algorithm, space.name, budget=100, seed=1, within={"modules": [4, 5]})
    assert all(arch["modules"] < 6 and arch["module6"] is None for arch in space.decode(inside.architectures))


def test_what_needs_independent_choices_says_so(tmp_path) -> None:
    bench = bench_of(tmp_path / "bench", Space(TOY), 4)
    with pytest.raises(accelnas.SearchError, match="independent choices"):
        bench.search("gradient_ascent", "toy", budget=10, seed=1)
    with pytest.raises(SpaceError, match="rules of 'toy'"):
        bench.neighbourhood("toy")


def test_importances_are_of_distinct_architectures(tmp_path) -> None:
    bench = bench_of(tmp_path / "bench", Space(TOY), 4)
    every = bench.space.range(0, bench.space.size)
    values = bench.predict(every, "toy", dtype="float64")
    found = bench.importances("toy")
    assert (found.mean, found.variance) == pytest.approx((values.mean(), values.var()))
    assert not found.interactions
    assert not found.by_order

    def given(columns: list[int]) -> list[np.ndarray]:
        of_row = np.unique(every[:, columns], axis=0, return_inverse=True)[1].reshape(-1)
        return [values[of_row == part] for part in range(of_row.max() + 1)]

    def shares(columns: list[int]) -> tuple[float, float]:
        rest = [v for v in range(every.shape[1]) if v not in columns]
        alone = sum(len(part) * (part.mean() - values.mean()) ** 2 for part in given(columns))
        together = sum(len(part) * part.var() for part in given(rest))
        return alone / len(values) / values.var(), together / len(values) / values.var()

    for v, variable in enumerate(bench.space.variables):
        indices = found.first_order[variable.name].value, found.total[variable.name].value
        assert indices == pytest.approx(shares([v]))
    for block, columns in zip(bench.space.blocks, ([0, 1, 2], [3, 4]), strict=True):
        assert (found.blocks[block.name].value, found.block_totals[block.name].value) == pytest.approx(shares(columns))
    shown = run("importances", "toy", "-b", str(tmp_path / "bench")).stdout
    assert "kernel2" in shown
    assert "together" not in shown


def test_definitions_with_rules_are_written_as_data(toy: Space) -> None:
    made = defined(
        "toy", {"a": [{"name": "x", "choices": [1, 2]}], "b": [{"name": "y", "choices": ["p", "q"]}]},
        conditions=[{"variables": ["y"], "when": {"x": [2]}}], forbidden=[{"when": {"y": ["q"]}}],
    )  # fmt: skip
    assert made.decode(made.range(0, made.size)) == [{"x": 1, "y": None}, {"x": 2, "y": "p"}]
    assert Space(toy.to_toml()) == toy
