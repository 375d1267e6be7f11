"""Limits that hold with a probability, and values on the safe side of predictions, against enumeration."""

import json
import math

import numpy as np
import pytest

import accelnas
from accelnas import MetricError, ParameterError, SearchError
from accelnas.exact import BestQuestion, CountQuestion, FrontQuestion, WeightedMinMax, merge_shards, run_shard
from command_line import run
from exact_samples import enumerated, random_within

METRICS = ("accuracy", "latency_zcu102", "throughput_a100", "train_time", "throughput_vck190", "latency_epyc_torch")


def linked(bench, rows, metric):
    """Mean over members and the deviation of a measurement, on the scale of the link."""
    members = bench._core.predict_members(rows, bench._core.position(metric), None)
    to_link = {"reciprocal": lambda x: 1 / x, "capped": lambda x: 1 / x, "log": np.log}
    members = to_link.get(bench.metrics[metric].link, lambda x: x)(members)
    known = bench._core.uncertainty(bench._core.position(metric))
    starts = np.cumsum([0, *(len(v.states) for v in bench.space.variables)][:-1])
    residual = known["residual"] * known["factors"][starts + rows].prod(axis=1)
    return members.mean(axis=1), np.sqrt(members.var(axis=1) + residual**2)


def unlinked(bench, metric, values):
    limit = bench.metrics[metric].limit
    inverse = {"reciprocal": lambda x: 1 / x, "capped": lambda x: np.minimum(1 / x, limit), "log": np.exp}
    return inverse.get(bench.metrics[metric].link, lambda x: x)(values)


@pytest.mark.parametrize("metric", METRICS)
def test_quantiles_are_ends_of_intervals(bench, metric):
    rows = bench.space.sample(400, seed=3)
    for probability in (0.6, 0.9, 0.95):
        lower, upper = bench.predict_interval(rows, metric, level=2 * probability - 1)
        for share, end in ((probability, upper), (round(1 - probability, 9), lower)):
            off = bench.derive("off", f"quantile({metric}, {share})", direction="minimise")
            found = off.predict(rows, "off", dtype="float64")
            assert np.allclose(found, end, rtol=1e-12), share
            assert np.allclose(off.predict(rows, "off"), found, rtol=1e-4)
            assert np.array_equal(off.predict(rows[:1], "off"), off.predict(rows, "off")[:1])
    plain = bench.derive("off", f"quantile({metric}, 0.5)", direction="minimise")
    assert np.array_equal(plain.predict(rows, "off", dtype="float64"), bench.predict(rows, metric, dtype="float64"))


@pytest.mark.parametrize("metric", METRICS)
def test_deviations_are_those_of_a_measurement(bench, metric):
    rows = bench.space.sample(400, seed=4)
    mean, deviation = linked(bench, rows, metric)
    sign = -1 if bench.metrics[metric].link in ("reciprocal", "capped") else 1
    for count in (-2.0, -0.5, 1.5):
        off = bench.derive("off", f"sigma({metric}, {count})", direction="maximise")
        expected = unlinked(bench, metric, mean + sign * count * deviation)
        assert np.allclose(off.predict(rows, "off", dtype="float64"), expected, rtol=1e-9)
    if bench.metrics[metric].link == "identity":
        mean, std = bench.predict(rows, metric, return_std=True, dtype="float64")
        assert np.allclose(
            bench.derive("off", f"sigma({metric}, 1)", direction="maximise").predict(rows, "off"), mean + std
        )


@pytest.mark.parametrize("seed", range(50))
def test_sub_spaces_equal_their_enumeration(bench, seed):
    draw = np.random.default_rng(seed)
    within = random_within(bench, draw, largest=5_000)
    rows = enumerated(bench, within)
    first, second = draw.permutation(np.array(METRICS, object))[:2].tolist()
    risk, probability = float(draw.uniform(0, 3)), float(draw.uniform(0.5, 0.99))

    def safe(metric, by):
        """A metric's value on the safe side, and whether more is better."""
        rises = bench.metrics[metric].direction == "maximise"
        function, number = (
            ("sigma", -by if rises else by) if by is risk else ("quantile", round(1 - by, 15) if rises else by)
        )
        off = bench.derive("off", f"{function}({metric}, {number})", direction="maximise")
        return off.predict(rows, "off", dtype="float64"), rises

    values, rises = safe(first, risk)
    scores = values if rises else -values
    limited, above = safe(second, probability)
    bound = float(np.quantile(limited, draw.uniform(0.1, 0.9), method="nearest"))
    text = f"{second} {'>=' if above else '<='} {bound!r} with {probability}"
    met = limited >= bound if above else limited <= bound
    found = bench.best(first, subject_to=text, within=within, k=5, risk=risk)
    best = np.flatnonzero(met)
    best = best[np.lexsort((best, -scores[best]))][:5]
    assert np.array_equal(found.architectures, rows[best])
    assert np.array_equal(found.values, values[best])
    assert found.certificate.verify(bench, samples=300).passed

    other, other_rises = safe(second, risk)
    others = other if other_rises else -other
    front = bench.pareto_front([first, second], subject_to=text, within=within, risk=risk)
    pairs = sorted(zip(scores[met].tolist(), others[met].tolist(), strict=True), reverse=True)
    best_other, points = -math.inf, set()
    for score, other_score in pairs:
        if other_score > best_other:
            best_other = other_score
            points.add((score, other_score))
    signs = np.array([1 if rises else -1, 1 if other_rises else -1])
    assert {tuple(point) for point in (front.values * signs).tolist()} == points
    assert sum(front.ties) == sum(pair in points for pair in pairs)


def test_the_whole_space_keeps_limits_and_certificates(bench, tmp_path):
    question = BestQuestion("accuracy", ["latency_zcu102 <= 5 with 0.95", "macs <= 300 with 0.9"], risk=1.0)
    found = bench.solve(question)
    upper = bench.predict_interval(found.architectures, "latency_zcu102", level=0.9)[1]
    mean, std = bench.predict(found.architectures, "accuracy", return_std=True, dtype="float64")
    assert upper[0] <= 5
    assert math.isclose(found.values[0], mean[0] - std[0], rel_tol=1e-12)
    assert bench.predict(found.architectures, "macs")[0] <= 300  # which is certain
    plain = bench.best("accuracy", subject_to=["latency_zcu102 <= 5", "macs <= 300"])
    assert mean[0] <= plain.values[0]
    found.certificate.save(tmp_path / "best.json")
    assert accelnas.Certificate.load(tmp_path / "best.json").verify(bench, samples=2000).passed
    merged = merge_shards(bench, [run_shard(bench, question, part, 2) for part in (1, 2)])
    assert np.array_equal(merged.architectures, found.architectures)


def test_searches_formulations_and_estimates_take_quantiles(bench):
    limit = "latency_zcu102 <= 5 with 0.9"
    safe = "quantile(accuracy, 0.1)"
    optimum = bench.best(safe, subject_to=limit)
    history = bench.search("local_search", safe, budget=3000, seed=1, subject_to=limit)
    assert 0 <= optimum.values[0] - history.best_values[-1] < 1
    runs = bench.simulate(["random_search"], safe, runs=3, budget=50, seed=0, subject_to=limit)
    assert len(runs.values()) == 1
    within = {f"block{b}_e": 6 for b in range(1, 7)} | {f"block{b}_k": 3 for b in range(7)}
    formulation = WeightedMinMax({safe: 1.0, "latency_zcu102": 0.3})
    assert bench.scalarised(formulation, within=within).certificate.verify(bench, samples=300).passed
    stages = bench.lexicographic([safe, "latency_zcu102"], tolerances=[0.2], within=within)
    assert stages[1].metric_values[safe][0] >= stages[0].values[0] - 0.2
    about = bench.estimate(CountQuestion(limit), samples=20_000)
    plain = bench.estimate(CountQuestion("latency_zcu102 <= 5"), samples=20_000)  # the same architectures
    assert 0.9 * plain.met < about.met < plain.met
    cautious = bench.derive("cautious", safe, direction="maximise")
    assert cautious.metrics["cautious"].unit == "%"
    combined = cautious.derive("net", "cautious - 0.1 * latency_zcu102", direction="maximise")
    assert not combined.metrics["net"].exact
    rows = bench.space.sample(10, seed=0)
    values = combined.predict(rows, ["net", "cautious", "latency_zcu102"], dtype="float64")
    assert np.allclose(values["net"], values["cautious"] - 0.1 * values["latency_zcu102"])


@pytest.mark.parametrize(
    ("ask", "error", "message"),
    [
        (lambda b: b.count("latency_zcu102 <= 5 with 0.9"), MetricError, "nothing is counted.*Benchmark.estimate"),
        (lambda b: b.rank(b.space.sample(1), "quantile(accuracy, 0.1)"), MetricError, "nothing is counted"),
        (lambda b: b.best("quantile(accuracy, 0.9)"), MetricError, "rises where predictions are uncertain"),
        (lambda b: b.best("accuracy", subject_to="latency_zcu102 >= 5 with 0.3"), SearchError, "0.3 is no probability"),
        (lambda b: b.best("accuracy", subject_to="latency_zcu102 <= 5 with care"), SearchError, "care is no probab"),
        (lambda b: b.best("accuracy", subject_to="2 <= latency_zcu102 <= 5 with 0.9"), SearchError, "has two sides"),
        (lambda b: b.best("accuracy", subject_to="latencies <= 5 with 0.9"), MetricError, 'unknown metric "latencies"'),
        (lambda b: b.best("quantile(accuracies, 0.1)"), MetricError, 'unknown metric "accuracies"'),
        (lambda b: b.best("quantile(accuracy)"), MetricError, r"write quantile\(METRIC, PROBABILITY\)"),
        (lambda b: b.best("quantile(accuracy, 1)"), MetricError, "has no quantile 1; choose between 0 and 1"),
        (lambda b: b.best("quantile(accuracy, 0.00001)"), MetricError, "held-out errors, too few for level"),
        (lambda b: b.best("accuracy", risk=-1), ParameterError, "risk is -1"),
        (lambda b: b.best("quantile(macs, 0.1)"), MetricError, "macs.*is exact, without held-out errors"),
        (
            lambda b: b.derive("net", "accuracy - macs / 9", direction="maximise").best("sigma(net, -1)"),
            MetricError,
            "held-out errors",
        ),
        (
            lambda b: b.derive("one", "sigma(accuracy, -1)", direction="maximise").best("sigma(one, -1)"),
            MetricError,
            "one.*lies off what a surrogate predicts",
        ),
        (lambda b: b.best("throughput_3090", subject_to="throughput_3090 <= 9 with 0.9"), MetricError, "no bound"),
    ],
)
def test_what_has_no_answer_is_refused(bench, ask, error, message):
    with pytest.raises(error, match=message):
        ask(bench)


def test_values_off_predictions_have_no_deviations_of_their_own(bench):
    off = bench.derive("off", "quantile(accuracy, 0.1)", direction="maximise")
    rows = off.space.sample(3, seed=0)
    for ask in (
        lambda: off.predict(rows, "off", return_std=True),
        lambda: off.predict(rows, "off", return_std="members", dtype="float64"),
        lambda: off.query(rows, "off", seed=1),
        lambda: off.predict_interval(rows, "off"),
        lambda: off.importances("off"),
        lambda: off.neighbourhood("off", starts=10, samples=10),
        lambda: off.search("gradient_ascent", "off", budget=100, seed=0),
        lambda: off.derive("more", "1 + quantile(off, 0.2)", direction="maximise"),
    ):
        with pytest.raises((MetricError, SearchError, accelnas.ModelError)):
            ask()


def test_front_questions_keep_exact_metrics(bench):
    within = {f"block{b}_e": 6 for b in range(7)} | {f"block{b}_k": 3 for b in range(7)}
    front = bench.solve(FrontQuestion(["accuracy", "macs"], within=within, risk=1.0))
    assert list(front.metric_values) == ["sigma(accuracy, -1.0)", "macs"]


def test_commands_take_risk_and_quantiles(bench):
    fixed = [option for b in range(7) for option in ("-w", f"block{b}_k=3", "-w", f"block{b}_se=false")]
    within = {f"block{b}_{c}": v for b in range(7) for c, v in (("k", 3), ("se", False))}
    limit = "latency_zcu102 <= 5 with 0.95"
    found = json.loads(run("best", "accuracy", "--risk", 1, "-s", limit, *fixed, "--json").stdout)["result"]
    best = bench.best("accuracy", subject_to=limit, risk=1, within=within)
    assert found["architectures"] == bench.space.format(best.architectures)
    found = json.loads(run("front", "quantile(accuracy, 0.1),macs:maximise", *fixed, "--json").stdout)["result"]
    front = bench.pareto_front(["quantile(accuracy, 0.1)", ("macs", "maximise")], within=within)
    assert len(found["architectures"]) == len(front)
