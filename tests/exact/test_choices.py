"""Constraints on choices, against what Python says of every architecture's choices."""

import numpy as np
import pytest

import accelnas
from accelnas import MetricError, SearchError, spaces
from accelnas.exact import BestQuestion, CountQuestion, merge_shards, run_shard
from accelnas.models.formulas import formula
from exact_samples import enumerated, random_within

# what is written, and the same of a decoded architecture
OF_ONE = {
    "block2_se == 1": lambda a, _: a["block2_se"] == 1,
    "block2_se != True": lambda a, _: a["block2_se"] is not True,
    "block1_k == block2_k": lambda a, _: a["block1_k"] == a["block2_k"],
    "block1_l < block2_l": lambda a, _: a["block1_l"] < a["block2_l"],
    "block0_e in (1, 4)": lambda a, _: a["block0_e"] in (1, 4),
    "not (block0_e == 6 and block1_e == 6)": lambda a, _: not (a["block0_e"] == 6 and a["block1_e"] == 6),
    "block3_e == 1 or block4_k >= 4": lambda a, _: a["block3_e"] == 1 or a["block4_k"] >= 4,
    "count(se == 1) <= 3": lambda a, s: sum(a[f"{b}_se"] for b in s) <= 3,
    "3 <= count(k == 5 and se == 0) < 5": lambda a, s: 3 <= sum(a[f"{b}_k"] == 5 and not a[f"{b}_se"] for b in s) < 5,
    "sum(l) <= 13": lambda a, s: sum(a[f"{b}_l"] for b in s) <= 13,
    "40 < sum(e * l)": lambda a, s: sum(a[f"{b}_e"] * a[f"{b}_l"] for b in s) > 40,
    "0.5 * sum(l) - 1.5 * count(se == 1) >= 2": lambda a, s: (
        0.5 * sum(a[f"{b}_l"] for b in s) - 1.5 * sum(a[f"{b}_se"] for b in s) >= 2
    ),
    "sum(block0_l, block6_l) == 4": lambda a, _: a["block0_l"] + a["block6_l"] == 4,
    "sum(l) >= sum(k) - 12 and block5_l > 1": lambda a, s: (
        sum(a[f"{b}_l"] for b in s) >= sum(a[f"{b}_k"] for b in s) - 12 and a["block5_l"] > 1
    ),
}


@pytest.mark.parametrize("seed", range(10))
def test_sub_spaces_equal_their_enumeration(bench, seed):
    draw = np.random.default_rng(seed)
    within = random_within(bench, draw, largest=8000)
    rows = enumerated(bench, within)
    blocks = [block.name for block in bench.space.blocks]
    decoded = bench.space.decode(rows)
    accuracy, latency = (bench.predict(rows, name, dtype="float64") for name in ("accuracy", "latency_zcu102"))
    limit = float(np.quantile(latency, 0.7))
    chosen = draw.permutation(np.array(list(OF_ONE), object)).tolist()
    for texts in (chosen[:1], chosen[1:2], chosen[2:4], [*chosen[4:6], f"latency_zcu102 <= {limit!r}"]):
        met = np.array([all(OF_ONE[t](a, blocks) for t in texts if t in OF_ONE) for a in decoded])
        met &= (latency <= limit) | (len(texts) < 3)
        assert bench.count(texts, within=within).count == met.sum(), texts
        found = bench.best("accuracy", subject_to=texts, within=within, k=5)
        best = np.flatnonzero(met)
        best = best[np.lexsort((best, -accuracy[best]))][:5]
        assert np.array_equal(found.architectures, rows[best]), texts
        assert found.certificate.verify(bench, samples=500).passed


def test_the_whole_space_is_counted(bench):
    """Binomial coefficients say how many architectures have at most three blocks with squeeze-and-excitation."""
    assert bench.count("count(se == 1) <= 3").count == 64 * 18**6 * 24
    question = BestQuestion("accuracy", ["count(se == 1) <= 3", "sum(l) <= 16", "latency_zcu102 <= 6"])
    whole = bench.solve(question)
    parts = [run_shard(bench, question, part, 2) for part in (1, 2)]
    assert (merge_shards(bench, parts).architectures == whole.architectures).all()
    assert {"count(se == 1)", "sum(l)"} < set(whole.certificate.metrics)
    assert whole.certificate.verify(bench, samples=20_000, rerun=False).passed


def test_each_stands_for_every_variable():
    own = accelnas.load("nasbench201")
    decoded = own.space.decode(enumerated(own, {v.name: v.choices for v in own.space.variables}))
    convolutions = np.array([sum(op == "nor_conv_3x3" for op in a.values()) for a in decoded])
    accuracy = own.predict(np.arange(len(decoded)), "cifar10", dtype="float64")
    for most in range(4):
        text = f"count(each == 'nor_conv_3x3') <= {most}"
        assert own.count(text).count == (convolutions <= most).sum()
        assert own.best("cifar10", subject_to=text).values[0] == accuracy[convolutions <= most].max()
    with pytest.raises(MetricError, match="'conv' is no choice of any variable; choose one of 'none', 'skip_connect'"):
        own.count("count(each == 'conv') <= 1")


def test_inactive_variables_have_none_of_their_choices():
    space = spaces.load("ofa-mobilenetv3")
    conditional = next(v for v in space.variables if v.conditional)
    total = formula(f"({conditional.name} == {conditional.choices[0]!r}) + 0", space)
    assert total.numbers[-1 if conditional.states[-1] is None else 0] == 0
    with pytest.raises(MetricError, match="is inactive in some architectures and has no number there"):
        formula(conditional.name, space)


def test_searches_and_estimates_keep_to_them(bench):
    limits = ["count(se == 1) <= 2", "sum(l) <= 14"]
    history = bench.search("regularized_evolution", "accuracy", budget=300, seed=1, subject_to=limits)
    best = bench.space.decode(history.best[0][None])[0]
    assert sum(best[f"block{b}_se"] for b in range(7)) <= 2
    assert sum(best[f"block{b}_l"] for b in range(7)) <= 14
    assert history.best[1] <= bench.best("accuracy", subject_to=limits).values[0] + 1e-4
    share = bench.estimate(CountQuestion("count(se == 1) <= 3"), samples=20_000).fraction
    assert share.lower < 0.5 < share.upper


def test_formulas_are_metrics(bench):
    layered = bench.derive("layers", "sum(l)", unit="layers", direction="minimise")
    rows = bench.space.sample(500, seed=2)
    layers = np.array([sum(a[f"block{b}_l"] for b in range(7)) for a in bench.space.decode(rows)])
    for dtype in ("float32", "float64"):
        assert (layered.predict(rows, "layers", dtype=dtype) == layers).all()
    assert (layered.query(rows, "layers", seed=1) == layers).all()
    found = layered.best("layers", subject_to="accuracy >= 66")
    front = layered.pareto_front(["layers", "accuracy"])
    assert found.values[0] == front.values[front.values[:, 1] >= 66, 0].min()
    both = layered.derive("score", "accuracy - 0.5 * layers", direction="maximise")
    assert both.metrics["score"].exact
    expected = bench.predict(rows, "accuracy", dtype="float64") - 0.5 * layers
    assert np.allclose(both.predict(rows, "score", dtype="float64"), expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("block0_e == 5", MetricError, r"formula 'block0_e == 5': 5 is no choice of block0_e; choose one of 1, 4, 6"),
        (
            "sum(q) <= 3",
            MetricError,
            "'q' is no variable of the space mnasnet, no symbol of one, and no metric",
        ),
        ("sum(l) + macs <= 300", MetricError, "is on choices and on the metric macs; derive a metric from the choices"),
        ("sum(l)", SearchError, r"constraint 'sum\(l\)' compares nothing; write it like 'sum\(l\) <= 16'"),
        ("sum(l) <= 16 or", SearchError, "can't be read; write it like"),
        ("block0_e in ()", MetricError, r"'\(\)' in formula .* are no choices; give some"),
        ("product(l) <= 64", MetricError, "is no sum of functions of at most 4 variables: a part depends on 7"),
        ("block0_se", SearchError, "constraint 'block0_se' compares nothing"),
        ("l <= 3", MetricError, "'l' is no variable of the space mnasnet outside of sum, count and product"),
        ("sum(sum(sum(l))) <= 3", MetricError, "has sums, products and counts 3 deep; use at most 2 inside of each"),
        ("sum(l) <= 3 and sum(l) >= 5", SearchError, "can't be met"),
    ],
)
def test_what_is_no_constraint_is_refused(bench, text, error, message):
    with pytest.raises(error, match=message):
        bench.count(text)


def test_bounds_beyond_float64_are_refused(bench):
    with pytest.raises(SearchError, match=r"constraint 'macs.*': 10+\.\.\. is no number; write it like"):
        bench.best("accuracy", subject_to={"macs": (None, 10**500)})
