"""Distributions, ranks and estimates of the bundled benchmark against enumeration, and against each other."""

import json
import math

import numpy as np
import pytest
from scipy import stats

import accelnas
from accelnas import MetricError, ParameterError, SearchError, SpaceError, _core
from accelnas.exact import (
    BestQuestion,
    Certificate,
    CountQuestion,
    DistributionQuestion,
    RankQuestion,
    merge_shards,
    run_shard,
)
from accelnas.exact.distribution import moment_bounds
from accelnas.models.intervals import order_statistics, share_interval
from command_line import run
from exact_samples import COARSE, FINE, enumerated, met, random_constraints, random_within

WITHIN = {f"block{b}_{v}": 3 for b in range(5) for v in "kl"} | {f"block{b}_e": 6 for b in range(1, 7)}


@pytest.fixture(scope="module")
def bench(bench):
    return bench.derive("reward", "accuracy * throughput_a100 ** 0.07", direction="maximise")


# --- distributions --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(30))
def test_histograms_equal_numpy(bench, seed):
    draw = np.random.default_rng(seed)
    within = random_within(bench, draw)
    rows = enumerated(bench, within)
    values = bench.predict(rows, [*COARSE, *FINE], dtype="float64")
    limits = random_constraints(draw, values)
    limits = limits if met(values, limits).any() else {}
    metric, bins = draw.choice([*COARSE, *FINE]), int(draw.integers(1, 5000))
    found = bench.distribution(metric, bins=bins, subject_to=limits, within=within)
    kept = values[metric][met(values, limits)]
    counts, _ = np.histogram(kept, found.edges)
    assert (found.counts == counts).all()
    assert (np.diff(found.edges) > 0).all()
    assert found.edges[0] <= values[metric].min() <= values[metric].max() < found.edges[-1]
    assert (found.total, found.size) == (len(kept), len(rows))
    assert (found.cdf() == [np.count_nonzero(kept < edge) / len(kept) for edge in found.edges]).all()
    for q in (0.0, 0.001, 0.25, 0.5, 0.9, 1.0):
        lower, upper = found.quantile(q)
        assert lower <= np.quantile(kept, q, method="inverted_cdf") < upper
    for moment, own in ((found.mean, kept.mean()), (found.variance, kept.var()), (found.std, kept.std())):
        assert moment.lower * (1 - 1e-12) <= own <= moment.upper * (1 + 1e-12)
        assert not moment.is_closed_form
        assert moment.lower <= float(moment) <= moment.upper
    if seed < 8:
        verification = found.certificate.verify(bench, samples=2000, rerun=seed < 3)
        assert verification.passed, verification.checks


def test_moments_in_closed_form_lie_within_what_counts_prove(bench):
    for bins in (1, 7, 4096, 65_536):
        found = bench.distribution("peak_memory", bins=bins)
        assert found.total == found.size == bench.space.size
        for moment in (found.mean, found.variance, found.std):
            assert moment.is_closed_form
            assert moment.lower <= moment.value <= moment.upper
    assert found.variance.upper - found.variance.lower < 1e-3 * found.variance.value
    sample = bench.predict(bench.space.sample(200_000), "peak_memory", dtype="float64")
    assert found.mean.value == pytest.approx(sample.mean(), abs=5 * sample.std() / 200_000**0.5)
    verification = found.certificate.verify(bench, samples=20_000, rerun=True)
    assert [c.status for c in verification.checks] == ["passed"] * len(verification.checks)


def test_bounds_of_moments_hold_wherever_values_lie():
    draw = np.random.default_rng(0)
    for _ in range(200):
        edges = np.cumsum(draw.exponential(size=draw.integers(2, 8))) - 3
        counts = draw.integers(0, 4, len(edges) - 1)
        counts[0] += 1
        (low, high), (least, most) = moment_bounds(counts.tolist(), edges.tolist())
        for _ in range(20):
            part = draw.choice([0.0, 0.5, 1.0, draw.uniform()], counts.sum())
            values = np.repeat(edges[:-1], counts) * (1 - part) + np.repeat(edges[1:], counts) * part
            assert low - 1e-12 <= values.mean() <= high + 1e-12
            assert least - 1e-12 <= values.var() <= most + 1e-12


def test_distributions_as_tables(bench):
    found = bench.distribution("accuracy", bins=64, within=WITHIN)
    assert found.unit == "%"
    frame = found.to_polars()
    assert frame.columns == ["lower", "upper", "count", "cdf"]
    assert frame["cdf"][-1] == 1
    assert repr(found) == f"<Distribution: accuracy of {found.size:,} architectures in 64 bins>"
    with pytest.raises(ValueError, match="read-only"):
        found.counts[0] = 1


def test_nothing_is_known_of_no_architectures(bench):
    found = bench.distribution("accuracy", subject_to="accuracy >= 90", within=WITHIN)
    assert found.total == 0
    assert not found.cdf().any()
    with pytest.raises(SearchError, match="no architecture meets the constraints, so there is no quantile"):
        found.quantile(0.5)
    with pytest.raises(SearchError, match="so there are no moments"):
        found.mean  # noqa: B018


@pytest.mark.parametrize("bins", [0, 65_537, 2.0, True])
def test_bins_at_fault_are_refused(bench, bins):
    with pytest.raises(ParameterError, match=r"bins is .*; choose an integer of 1 to 65536"):
        bench.distribution("accuracy", bins=bins)


def test_quantiles_at_fault_are_refused(bench):
    found = bench.distribution("peak_memory", bins=4)
    for q in (-0.1, 1.1, math.nan):
        with pytest.raises(ParameterError, match=r"q is .*; choose a finite number of 0 to 1"):
            found.quantile(q)


# --- ranks ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(30))
def test_ranks_equal_enumeration(bench, seed):
    draw = np.random.default_rng(seed)
    within = random_within(bench, draw)
    rows = enumerated(bench, within)
    metric = draw.choice([*COARSE, *FINE])
    some = np.concatenate([rows[draw.integers(0, len(rows), 20)], bench.space.sample(20, seed)])
    found = bench.rank(some, metric, within=within)
    sign = 1 if bench.metrics[metric].direction == "maximise" else -1
    values = sign * bench.predict(rows, metric, dtype="float64")
    own = sign * bench.predict(some, metric, dtype="float64")
    assert (found.better == [(values > v).sum() for v in own]).all()
    assert (found.ties == [(values == v).sum() for v in own]).all()
    assert (found.rank == found.better + 1).all()
    assert found.percentile == pytest.approx(100 * (1 - found.better / len(rows)))
    assert (found.values == sign * own).all()
    if seed < 5:
        verification = found.certificate.verify(bench, samples=2000, rerun=True)
        assert verification.passed, verification.checks


def test_one_architecture_has_scalars(bench):
    best = bench.best("peak_memory")
    found = bench.rank(best.architectures[0], "peak_memory")
    assert (int(found.rank), float(found.percentile)) == (1, 100.0)
    assert found.ties.shape == ()
    assert int(found.ties) > 1
    assert repr(found).startswith("<RankResult: 1 of 104,485,552,128 by peak_memory")
    assert bench.rank(best.architectures, "peak_memory").rank.shape == (1,)
    with pytest.raises(SearchError, match="no architectures to rank; give at least one"):
        bench.rank([], "accuracy")


def test_shards_of_ranks_merge(bench):
    question = RankQuestion(bench.space.sample(3), "accuracy", within=WITHIN)
    merged = merge_shards(bench, [run_shard(bench, question, part, 2) for part in (1, 2)])
    assert (merged.better == bench.rank(bench.space.sample(3), "accuracy", within=WITHIN).better).all()


def test_altered_counts_fail(bench):
    certificate = bench.rank(bench.space.sample(3), "accuracy", within=WITHIN).certificate
    content = json.loads(json.dumps(certificate.to_json()))
    content["result"]["better"][0] //= 2
    fields = {k: v for k, v in content.items() if k not in ("format", "version", "sha256", "counts")}
    forged = Certificate(**fields, counts=certificate.counts)
    failed = {c.name for c in forged.verify(bench, rerun=True).checks if c.status == "failed"}
    assert {"samples", "rerun"} <= failed


# --- estimates ------------------------------------------------------------------------------------------------------


def test_intervals_are_clopper_and_pearsons():
    for n in (1, 2, 10, 1000, 1_000_000):
        for count in {0, 1, n // 3, n - 1, n}:
            lower, upper = share_interval(count, n)
            assert lower == pytest.approx(stats.beta.ppf(0.025, count, n - count + 1) if count else 0, rel=1e-8)
            assert upper == pytest.approx(stats.beta.ppf(0.975, count + 1, n - count) if count < n else 1, rel=1e-8)


def test_order_statistics_enclose_quantiles():
    for n in (10, 1000, 100_000):
        for q in (0.0, 0.001, 0.3, 0.5, 0.99, 1.0):
            lower, upper = order_statistics(q, n)
            assert lower == 0 or stats.binom.cdf(lower - 1, n, q) <= 0.025 < stats.binom.cdf(lower, n, q)
            assert upper == n + 1 or stats.binom.sf(upper - 1, n, q) <= 0.025
            assert upper in (1, n + 1) or stats.binom.sf(upper - 2, n, q) > 0.025


def test_estimates_enclose_what_is_exact(bench):
    limits = ["accuracy >= 64", "latency_zcu102 <= 6"]
    archs = bench.space.sample(20, seed=5)
    exact = bench.count(limits, within=WITHIN).count, bench.rank(archs, "accuracy", within=WITHIN).rank
    spread = bench.distribution("accuracy", within=WITHIN)
    inside = np.zeros(3)
    for seed in range(20):
        drawn = {"samples": 10_000, "seed": seed}
        count = bench.estimate(CountQuestion(limits, WITHIN), **drawn).count
        lower, upper = bench.estimate(RankQuestion(archs[0], "accuracy", WITHIN), **drawn).interval
        estimate = bench.estimate(DistributionQuestion("accuracy", within=WITHIN), **drawn)
        median = estimate.quantile(0.5)
        inside += [
            count.lower <= exact[0] <= count.upper,
            lower <= exact[1][0] <= upper,
            median.lower < spread.quantile(0.5)[1] and spread.quantile(0.5)[0] < median.upper,
        ]
        assert abs(estimate.mean.value - spread.mean.value) < 4 * (estimate.mean.upper - estimate.mean.value)
        assert estimate.cdf_error == pytest.approx(1.3581 / 100, rel=1e-3)
    assert (inside >= 17).all()  # of 20 with 95 %


def test_estimates_are_those_of_the_samples(bench):
    drawn, archs = bench.space.sample(5000), bench.space.sample(3, seed=1)
    accuracy, reward = (bench.predict(drawn, name, dtype="float64") for name in ("accuracy", "reward"))
    assert bench.estimate(CountQuestion("accuracy >= 64"), samples=5000).met == np.count_nonzero(accuracy >= 64)
    ranked = bench.estimate(RankQuestion(archs, "reward"), samples=5000)
    own = bench.predict(archs, "reward", dtype="float64")
    assert ranked.better.tolist() == [np.count_nonzero(reward > value) for value in own]
    assert ranked.to_polars().columns[:3] == ["architecture", "reward", "rank"]
    found = bench.estimate(DistributionQuestion("reward", "accuracy >= 64", bins=50), samples=5000)
    counts, edges = np.histogram(reward[accuracy >= 64], 50)
    assert (found.counts == counts).all()
    assert (found.edges == edges).all()
    with pytest.raises(SearchError, match="a best question can't be estimated, only count, rank, distribution; solve"):
        bench.estimate(BestQuestion("reward"))


def test_metrics_without_tables_can_be_estimated(bench):
    with pytest.raises(MetricError, match="has no tables"):
        bench.distribution("reward")
    found = bench.estimate(RankQuestion(bench.space.sample(1)[0], "reward"), samples=1000)
    assert found.rank.shape == ()
    assert found.interval[0] <= found.rank <= found.interval[1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"samples": 99}, "samples is 99; choose an integer of 100 to 10000000"),
        ({"seed": -1}, "seed is -1; choose an integer of 0 to"),
        (
            {"within": WITHIN, "samples": 10_000_000},
            r"samples is 10000000, the \(sub\)space has 18432 architectures; choose fewer, or solve it exactly",
        ),
        ({"subject_to": "accuracy >= 90"}, "none of 1000 samples meets the constraints; take more"),
    ],
)
def test_samples_at_fault_are_refused(bench, options, message):
    asked = {name: options[name] for name in options if name in ("within", "subject_to")}
    drawn = {"samples": 1000} | {name: value for name, value in options.items() if name not in asked}
    with pytest.raises((SearchError, ParameterError), match=message):
        bench.estimate(DistributionQuestion("accuracy", **asked), **drawn)


def test_larger_spaces_can_be_estimated(tmp_path):
    blocks = "".join(
        f'[[space.blocks]]\nname = "b{i}"\nvariables = [{{ name = "v{i}", choices = {list(range(10))} }}]\n'
        for i in range(24)
    )
    space = accelnas.Space(f'[space]\nname = "large"\n{blocks}')
    cells = [(np.arange(10.0) - 4.5)[None] for _ in range(24)]
    surrogate = _core.Surrogate.from_tables(space._core, [108.0], [[i] for i in range(24)], cells)
    texts = {"unit": "", "direction": "maximise", "link": "identity", "description": ""}
    _core.write_metric(tmp_path / "large", "sum", surrogate, noise=None, provenance={}, **texts)
    bench = accelnas.load(tmp_path / "large")
    with pytest.raises(SpaceError, match=r"1e\+24 architectures are too many to search, .* \(Benchmark.estimate"):
        bench.count("sum >= 120")
    results = [
        bench.estimate(question, samples=20_000)
        for question in (
            CountQuestion("sum >= 120"),
            RankQuestion(space.sample(1), "sum"),
            DistributionQuestion("sum", within={"v0": [1, 2]}, bins=100),
        )
    ]
    assert results[0].count.lower < 0.2087e24 < results[0].count.upper  # of a normal distribution, corrected
    assert results[2].mean.lower < 23 * 4.5 + 1.5 < results[2].mean.upper


# --- command line ---------------------------------------------------------------------------------------------------


def test_commands_say_what_the_api_says(bench, tmp_path):
    within = [text for name, choice in WITHIN.items() for text in ("-w", f"{name}={choice}")]
    front = bench.pareto_front(["accuracy", ("latency_zcu102", "minimise")], within=WITHIN)
    files = {name: tmp_path / name for name in ("front.csv", "front.json", "front.svg", "bins.csv", "bins.svg")}
    shown = run(
        "front", "accuracy,latency_zcu102:minimise", *within, "-o", files["front.csv"], "-c", files["front.json"],
        "--plot", files["front.svg"],
    ).output  # fmt: skip
    assert "hypervolume" in shown
    assert "proven" in shown
    lines = files["front.csv"].read_text().splitlines()
    assert lines[0] == "architecture,accuracy,latency_zcu102,ties"
    assert [float(line.split(",")[1]) for line in lines[1:]] == front.values[:, 0].tolist()
    assert files["front.svg"].read_text().startswith("<?xml")
    assert "failed" not in run("verify", files["front.json"], "--samples", 1000, "--rerun").output
    shown = run(
        "distribution",
        "accuracy",
        *within,
        "--quantiles",
        "0.5,1",
        "-o",
        files["bins.csv"],
        "--plot",
        files["bins.svg"],
    ).output
    assert "100 %" in shown
    assert files["bins.csv"].read_text().startswith("lower,upper,count,cdf\n")
    assert "not proven: an estimate from 1,000 random" in run("distribution", "accuracy", "--samples", 1000).output
    assert "not proven: an estimate" in run("count", "-s", "accuracy > 60", "--samples", 1000).output
    shown = run(
        "scalarised", "product", "accuracy=1", "latency_zcu102=0,-1", "--target", "latency_zcu102=5", *within
    ).output
    assert "has a higher score than" in shown
    assert "score" in run("scalarised", "minmax", "accuracy=1", "params=1", "--range", "params=10:0", *within).output


def test_rank_command(bench, tmp_path):
    archs, ranked = tmp_path / "archs.csv", tmp_path / "ranked.csv"
    rows = bench.space.sample(3)
    archs.write_text("\n".join(bench.space.format(rows)) + "\n")
    run("rank", "peak_memory", archs, "-o", ranked)
    lines = ranked.read_text().splitlines()
    assert lines[0] == "architecture,peak_memory,rank,ties,percentile"
    assert [int(line.split(",")[2]) for line in lines[1:]] == bench.rank(rows, "peak_memory").rank.tolist()


@pytest.mark.parametrize(
    "arguments",
    [
        ("distribution", "accuracy", "--quantiles", "2"),
        ("scalarised", "sum", "accuracy", "params=1"),
        ("scalarised", "minmax", "accuracy=1", "params=1", "--range", "params=3"),
    ],
)
def test_wrong_usage(arguments):
    run(*arguments, code=2)
