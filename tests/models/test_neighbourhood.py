"""Landscape statistics against their definitions, over whole small spaces, and intervals against simulations."""

import dataclasses
import json
import math

import numpy as np
import pytest
from scipy import stats
from sklearn.ensemble import RandomForestRegressor

import accelnas
from accelnas import ParameterError, _core
from accelnas.errors import MetricError, SpaceError
from accelnas.fitting.compile import MetricSpec, compile_metric
from accelnas.models import neighbourhood as module
from command_line import run
from small_samples import space_of, write_surrogate

SPACE = space_of("tiny", first={"a": [1, 2], "b": [1, 2, 3]}, second={"c": [1], "d": [1, 2, 3, 4], "e": [1, 2, 3]})
SETS = {"variables": [[0], [1, 3], [0, 3, 4], [1, 4]], "blocks": [[0], [0, 1]]}
SIZES = {"variables": [2, 12, 24, 9], "blocks": [6, 72]}
ROWS = SPACE.range(0, SPACE.size)


@pytest.fixture
def tiny(tmp_path):
    """Give a function that makes a benchmark of one metric of random tables."""

    def make(granularity="variables", direction="maximise", link="identity", seed=0, scale=1.0):
        random = np.random.default_rng(seed)
        cells = [scale * random.normal(size=(2, size)) for size in SIZES[granularity]]
        surrogate = _core.Surrogate.from_tables(SPACE._core, [20.0, 30.0], SETS[granularity], cells, granularity)
        folder = tmp_path / f"{granularity}-{direction}-{link}-{seed}"
        write_surrogate(folder, "metric", surrogate, direction, link)
        return accelnas.load(folder)

    return make


def values_of(bench):
    return bench.predict(ROWS, "metric", dtype="float64")


@pytest.mark.parametrize("granularity", ["variables", "blocks"])
def test_autocorrelation_is_that_of_all_walks(tiny, granularity):
    bench = tiny(granularity, link="reciprocal")
    found = bench.neighbourhood("metric", starts=2, samples=100)
    values = bench._core.surrogate(0).predict(ROWS)
    transition = np.zeros((len(ROWS), len(ROWS)))
    for i, row in enumerate(ROWS):
        for other in SPACE.neighbours(row):
            variable = np.flatnonzero(other != row)[0]
            transition[i, SPACE.index(other)[0]] = 1 / 4 / (len(SPACE.variables[variable].choices) - 1)
    assert transition.sum(axis=1) == pytest.approx(1)
    walk = np.eye(len(ROWS))
    for correlation in found.autocorrelation:
        walk = walk @ transition
        covariance = values @ walk @ values / len(ROWS) - values.mean() ** 2
        assert correlation == pytest.approx(covariance / values.var(), abs=1e-12)
    assert len(found.autocorrelation) == 20
    assert found.correlation_length == pytest.approx(-1 / math.log(abs(found.autocorrelation[0])))


def test_correlation_length_has_its_limits():
    assert [module._correlation_length(r) for r in (0.0, 1.0, -1.0)] == [0.0, math.inf, math.inf]


@pytest.mark.parametrize("direction", ["maximise", "minimise"])
@pytest.mark.parametrize(("granularity", "link"), [("variables", "log"), ("blocks", "reciprocal")])
@pytest.mark.parametrize("seed", range(3))
def test_optima_are_those_of_the_whole_space(tiny, granularity, link, direction, seed):
    bench = tiny(granularity, direction, link, seed, 0.1)
    found = bench.neighbourhood("metric", starts=5000, samples=100, seed=3)
    scores = values_of(bench) * (1 if direction == "maximise" else -1)
    around = [SPACE.index(SPACE.neighbours(row)).astype(int) for row in ROWS]

    def climbed(i):
        best = around[i][np.argmax(scores[around[i]])]
        return climbed(best) if scores[best] > scores[i] else i

    ends = np.array([climbed(i) for i in range(len(ROWS))])
    assert {i for i in range(len(ROWS)) if (scores[around[i]] <= scores[i]).all()} == set(ends)
    starts = SPACE.index(SPACE.sample(5000, 3)).astype(int)
    assert set(starts) == set(range(len(ROWS)))
    optima = SPACE.index(found.optima).astype(int)
    assert sorted(set(ends), key=lambda i: -scores[i]) == optima.tolist()
    assert (found.values == values_of(bench)[optima]).all()
    assert (found.counts == [(ends[starts] == i).sum() for i in optima]).all()
    assert found.best_share.value == found.counts[0] / 5000
    assert found.optima_estimate.value == found.optima_estimate.lower == len(optima)
    assert found.unseen_share.value == 0
    assert (found.optimum == found.optima[0]).all()
    assert not found.optimum_is_given


def test_results_do_not_depend_on_threads():
    bench = accelnas.load()
    one, two, other = (
        bench.neighbourhood("throughput_vck190", starts=300, samples=300, seed=seed, threads=threads)
        for seed, threads in ((1, 1), (1, 3), (2, 1))
    )
    for field in dataclasses.fields(one):
        assert np.array_equal(getattr(one, field.name), getattr(two, field.name)), field.name
    assert (one.values == bench.predict(one.optima, "throughput_vck190", dtype="float64")).all()
    assert not np.array_equal(one.counts, other.counts)
    estimates = [v for v in vars(one).values() if isinstance(v, accelnas.Estimate)]
    assert len(estimates) == 8
    assert all(type(end) is float for estimate in estimates for end in dataclasses.astuple(estimate))


def test_correlations_follow_their_definition(tiny):
    bench = tiny()
    target = SPACE.decode(ROWS[7])[0]
    found = bench.neighbourhood("metric", starts=50, samples=2000, optimum=target, seed=5)
    assert found.optimum_is_given
    assert (found.optimum == ROWS[7]).all()
    assert found.optimum_value == values_of(bench)[7]
    rows = SPACE.sample(2050, 5)[50:]
    values, distances = bench.predict(rows, "metric", dtype="float64"), (rows != ROWS[7]).sum(axis=1)
    pearson = stats.pearsonr(values, distances)
    assert found.pearson.value == pytest.approx(pearson.statistic)
    assert (found.pearson.lower, found.pearson.upper) == pytest.approx(tuple(pearson.confidence_interval()))
    assert found.spearman.value == pytest.approx(stats.spearmanr(values, distances).statistic)
    for arch in (7, SPACE.format(ROWS[7])[0], ROWS[7]):
        assert bench.neighbourhood("metric", starts=50, samples=2000, optimum=arch, seed=5).pearson == found.pearson


def test_intervals_hold_the_truth_of_the_whole_space(tiny):
    bench = tiny()
    values, distances = values_of(bench), (ROWS[7] != ROWS).sum(axis=1)
    everything = bench.neighbourhood("metric", starts=100_000, samples=10)
    truth = {
        "pearson": np.corrcoef(values, distances)[0, 1],
        "spearman": stats.spearmanr(values, distances).statistic,
        "best_share": everything.best_share.value,
        "steps": everything.steps.value,
    }
    found = [bench.neighbourhood("metric", starts=200, samples=200, optimum=7, seed=s) for s in range(200)]
    for name, expected in truth.items():
        intervals = [getattr(one, name) for one in found]
        inside = np.mean([i.lower <= expected <= i.upper for i in intervals])
        assert 0.89 < inside <= 1, name  # 4 standard deviations below 0.95


@pytest.mark.parametrize("classes", [3, 60, 5000])
def test_unseen_share_holds(classes):
    random = np.random.default_rng(classes)
    weights = 1 / np.arange(1, classes + 1)
    weights /= weights.sum()
    held = 0
    for _ in range(200):
        drawn = random.choice(classes, 400, p=weights)
        seen, reached = np.unique(drawn, return_inverse=True)
        unseen = module._unseen_share(reached)
        held += unseen.lower <= np.delete(weights, seen).sum() <= unseen.upper
        assert unseen.lower <= unseen.value <= unseen.upper
        total = module._chao1(np.bincount(reached))
        assert len(seen) <= total.lower <= total.value <= total.upper
    assert held >= 190


def test_number_of_equally_likely_optima_is_estimated():
    random = np.random.default_rng(0)
    draws = [np.unique(random.integers(50, size=100), return_counts=True)[1] for _ in range(300)]
    inside = np.mean([total.lower <= 50 <= total.upper for total in map(module._chao1, draws)])
    assert 0.9 < inside <= 1
    assert module._chao1(np.array([90, 90, 1])).value == 3
    alone = module._chao1(np.array([1, 1, 1, 1]))
    assert alone.value == pytest.approx(4 + 3 / 4 * 6)
    assert 4 < alone.lower < alone.value < alone.upper


def test_variables_without_effect_are_neutral(tmp_path):
    cells = [np.array([[1.0, 2.0]])]
    surrogate = _core.Surrogate.from_tables(SPACE._core, [0.0], [[0]], cells)
    write_surrogate(tmp_path / "a", "metric", surrogate)
    found = accelnas.load(tmp_path / "a").neighbourhood("metric", samples=10_000)
    assert found.neutrality.lower < 3 / 4 < found.neutrality.upper
    assert found.neutrality == found.neutrality_rounded
    assert found.autocorrelation[:2] == pytest.approx([1 / 2, 1 / 4])
    assert len(found.values) == 36
    peak = accelnas.load().neighbourhood("peak_memory", starts=10, samples=1000)
    assert peak.neutrality.value <= peak.neutrality_rounded.value


def test_wrong_numbers_and_metrics_are_refused(tmp_path, tiny):
    bench = tiny()
    for numbers, message in (
        ({"starts": 1}, r"starts is 1; choose an integer of 2 to"),
        ({"samples": 9.0}, r"samples is 9\.0; choose an integer of 10 to"),
        ({"seed": -1}, "seed is -1; choose an integer of 0"),
        ({"threads": 0}, "threads is 0"),
    ):
        with pytest.raises((MetricError, ParameterError), match=message):
            bench.neighbourhood("metric", **numbers)
    with pytest.raises(SpaceError, match="optimum is one architecture, got 2; choose one"):
        bench.neighbourhood("metric", optimum=[0, 1])
    with pytest.raises(SpaceError, match="a has choice index 9"):
        bench.neighbourhood("metric", optimum=np.full(5, 9, np.uint8))
    with pytest.raises(MetricError, match="beauty"):
        bench.neighbourhood("beauty")
    derived = bench.derive("root", "sqrt(metric)", direction="minimise")
    with pytest.raises(MetricError, match="root is evaluated on predictions and has no tables"):
        derived.neighbourhood("root")
    constant = bench.derive("none", "metric - metric", direction="minimise")
    with pytest.raises(MetricError, match="none is the same for all architectures and has no landscape"):
        constant.neighbourhood("none")
    space = accelnas.mnasnet_space()
    rows = space.sample(1000, seed=0)
    model = RandomForestRegressor(3, max_depth=8, random_state=0)
    model.fit(rows, rows[:, ::4].prod(axis=1) + rows.sum(axis=1))
    compile_metric([model], space=space, metric=MetricSpec("deep"), directory=tmp_path / "deep", random_rows=100)
    with pytest.raises(MetricError, match=r"deep has no exact neighbourhood: \d+ trees .* refit with limited"):
        accelnas.load(tmp_path / "deep").neighbourhood("deep")


def test_derived_metrics_have_a_neighbourhood():
    bench = accelnas.load().derive("double", "2 * macs", direction="maximise")
    found = bench.neighbourhood("double", starts=20, samples=1000)
    assert (found.optima == [[len(v.choices) - 1 for v in bench.space.variables]]).all()
    assert found.pearson.upper < 0


def test_command_prints_and_writes_json():
    arguments = ["neighbourhood", "throughput_3090", "--starts", "50", "--samples", "100", "--optimum", "12"]
    shown = run(*arguments).stdout
    assert "throughput_3090: maximise, 1 local optima from 50 starts" in shown
    assert "the optimum given" in shown
    found = json.loads(run(*arguments, "--json").stdout)
    bench = accelnas.load()
    assert found["optimum"] == bench.space.format(12)[0]
    assert found["counts"] == [50]
    best = bench.predict(found["optima"], "throughput_3090", dtype="float64")
    assert found["values"] == best.tolist()
    assert found["best_share"]["value"] == 1
    refused = run(*arguments[:-1], "everest", code=1)
    assert refused.exit_code == 1
