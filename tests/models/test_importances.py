"""Sobol indices against their definition, over whole small spaces and a large sample of the bundled one."""

from itertools import chain, combinations

import numpy as np
import pytest
from sklearn.ensemble import RandomForestRegressor

import accelnas
from accelnas import _core
from accelnas.errors import MetricError
from accelnas.fitting.compile import MetricSpec, compile_metric
from accelnas.models.importances import importances
from command_line import run
from small_samples import space_of

SPACE = space_of("tiny", first={"a": [1, 2], "b": [1, 2, 3]}, second={"c": [1, 2, 3], "d": [1, 2, 3, 4]})
CARDS = (2, 3, 3, 4)


def parts_of(values):
    """Variance of each ANOVA component by its definition: inclusion and exclusion of conditional means."""
    subsets = list(chain.from_iterable(combinations(range(4), n) for n in range(5)))
    means = {s: values.mean(axis=tuple(v for v in range(4) if v not in s), keepdims=True) for s in subsets}
    parts = {}
    for some in subsets:
        signs = [(inner, (-1) ** (len(some) - len(inner))) for inner in subsets if set(inner) <= set(some)]
        parts[some] = float(np.square(sum(sign * means[inner] for inner, sign in signs)).mean())
    return parts


@pytest.mark.parametrize("granularity", ["variables", "blocks"])
def test_indices_follow_their_definition(granularity):
    random = np.random.default_rng(0)
    if granularity == "variables":
        sets, shapes = [[0], [1, 3], [0, 2, 3]], [2, 12, 24]
    else:
        sets, shapes = [[0], [0, 1]], [6, 72]
    cells = [random.normal(size=(3, size)) for size in shapes]
    surrogate = _core.Surrogate.from_tables(SPACE._core, [1.0, 2.0, 3.0], sets, cells, granularity)
    found = importances(surrogate, SPACE, "metric", "log")
    members = surrogate.predict_members(SPACE.range(0, SPACE.size)).T.reshape(3, *CARDS)
    parts = parts_of(members.mean(axis=0))
    variance = members.mean(axis=0).var()
    own = [parts_of(member) for member in members]
    assert found.mean == pytest.approx(members.mean())
    assert found.variance == pytest.approx(variance)
    names = "abcd"
    for names_of_set, share in found.interactions.items():
        some = tuple(names.index(name) for name in names_of_set)
        assert share.value == pytest.approx(parts[some] / variance)
        assert share.std == pytest.approx(np.std([p[some] / m.var() for p, m in zip(own, members, strict=True)]))
    assert sum(share.value for share in found.interactions.values()) == pytest.approx(1.0)
    assert list(found.interactions.values()) == sorted(found.interactions.values(), reverse=True)

    def sum_of(wanted):
        return sum(part for some, part in parts.items() if some and wanted(set(some))) / variance

    for v, name in enumerate(names):
        assert found.first_order[name].value == pytest.approx(sum_of(lambda s, v=v: s == {v}))
        assert found.total[name].value == pytest.approx(sum_of(lambda s, v=v: v in s))
    for name, inside in (("first", {0, 1}), ("second", {2, 3})):
        assert found.blocks[name].value == pytest.approx(sum_of(lambda s, inside=inside: s <= inside))
        assert found.block_totals[name].value == pytest.approx(sum_of(lambda s, inside=inside: bool(s & inside)))
    for order, share in found.by_order.items():
        assert share.value == pytest.approx(sum_of(lambda s, order=order: len(s) == order))


def test_bundled_moments_and_indices_agree_with_a_sample():
    bench = accelnas.load()
    found = bench.importances("throughput_a100")
    surrogate = bench._core.surrogate(bench._core.position("throughput_a100"))
    random = np.random.default_rng(1)
    rows, others = (bench.space.sample(200_000, seed=seed) for seed in (1, 2))
    values = surrogate.predict(rows)
    assert found.mean == pytest.approx(values.mean(), rel=3e-3)
    assert found.variance == pytest.approx(values.var(), rel=2e-2)
    for v in random.choice(len(bench.space.variables), 3, replace=False):
        name = bench.space.variables[v].name
        mixed = rows.copy()
        mixed[:, v] = others[:, v]
        total = np.square(values - surrogate.predict(mixed)).mean() / 2 / values.var()  # Jansen's estimator
        assert found.total[name].value == pytest.approx(total, rel=0.05, abs=2e-3)


def test_constants_and_derived_metrics():
    constant = _core.Surrogate.additive(SPACE._core, 4.0, [[0.0] * 6, [0.0] * 12])
    found = importances(constant, SPACE, "constant", "identity")
    assert (found.mean, found.variance) == (4.0, 0.0)
    assert all(share.value == 0 for share in found.total.values())
    bench = accelnas.load().derive("double", "2 * params", direction="minimise")
    assert bench.importances("double").total == bench.importances("params").total
    bench = bench.derive("root", "sqrt(params)", direction="minimise")
    with pytest.raises(MetricError, match=r"root is evaluated on predictions and has no tables"):
        bench.importances("root")
    with pytest.raises(MetricError, match="beauty"):
        bench.importances("beauty")


def test_forests_are_refused(tmp_path):
    space = accelnas.mnasnet_space()
    rows = space.sample(1000, seed=0)
    model = RandomForestRegressor(3, max_depth=8, random_state=0)
    model.fit(rows, rows[:, ::4].prod(axis=1) + rows.sum(axis=1))
    compile_metric([model], space=space, metric=MetricSpec("deep"), directory=tmp_path / "deep", random_rows=100)
    with pytest.raises(MetricError, match=r"deep has no exact importances: \d+ trees .* refit with limited"):
        accelnas.load(tmp_path / "deep").importances("deep")


def test_command_prints_and_draws(tmp_path):
    plot = tmp_path / "macs.svg"
    shown = run("importances", "macs", "--top", 2, "--plot", plot).stdout
    assert "macs: mean" in shown
    assert "block0_e" in shown
    first = plot.read_bytes()
    assert b"<svg" in first
    run("importances", "macs", "--plot", plot)
    assert plot.read_bytes() == first
    frame = accelnas.load().importances("macs").to_polars()
    assert frame.filter(kind="interaction")["share"].sum() == pytest.approx(1.0)
    assert frame.filter(kind="order", name="2")["order"].to_list() == [2]
