"""Fronts, scores and stages of the bundled benchmark equal enumeration on random sub-spaces, bit by bit."""

import itertools
import json
import math

import moocore
import numpy as np
import pytest

import accelnas
from accelnas import MetricError, ParameterError, SearchError, TooManyPointsError, _core
from accelnas.exact import (
    REFERENCES,
    Certificate,
    FrontQuestion,
    ReferencePoint,
    RunOptions,
    WeightedExponentialSum,
    WeightedMinMax,
    WeightedProduct,
    WeightedSum,
    hypervolume,
    merge_shards,
    run_shard,
)
from accelnas.exact.engine import prepare
from accelnas.plots import save
from exact_samples import COARSE, FINE, LARGEST, enumerated, met, random_constraints, random_within

WITHIN = {f"block{b}_{v}": 3 for b in range(5) for v in "kl"} | {f"block{b}_e": 6 for b in range(1, 7)}


def front_of(scores):
    """Positions of the first of every non-dominated value, best first in the first objective, and their ties."""
    points, first, counts = np.unique(-scores, axis=0, return_index=True, return_counts=True)
    kept: list[int] = []
    for i, point in enumerate(points):  # ascending, so only earlier ones can dominate
        if not kept or not (points[kept] <= point).all(axis=1).any():
            kept.append(i)
    order = sorted(kept, key=lambda i: (points[i][0], first[i]))
    return first[order], counts[order]


def signs(objectives):
    return np.array([1.0 if direction == "maximise" else -1.0 for _, direction in objectives])


@pytest.mark.parametrize("seed", range(36))
def test_fronts_equal_enumeration(bench, seed):
    draw = np.random.default_rng(seed)
    m = 2 + seed % 2
    within = random_within(bench, draw, LARGEST if m == 2 else LARGEST // 5)
    rows = enumerated(bench, within)
    values = bench.predict(rows, [*COARSE, *FINE], dtype="float64")
    limits = random_constraints(draw, values)
    names = draw.permutation(np.array([*draw.permutation(np.array(FINE))[: m - 1 + seed % 3 // 2], *COARSE]))[:m]
    objectives = [(name, ("maximise", "minimise")[draw.integers(2)]) for name in names.tolist()]
    found = bench.pareto_front(objectives, subject_to=limits, within=within)
    feasible = met(values, limits)
    columns = np.stack([values[name][feasible] for name, _ in objectives], axis=1)
    first, ties = front_of(columns * signs(objectives))
    assert found.is_complete
    assert (found.architectures == rows[feasible][first]).all()
    assert (found.values == columns[first]).all()
    assert (found.ties == ties).all()
    assert found.certificate.counts.total == found.certificate.size == len(rows)
    if seed < 12:
        verification = found.certificate.verify(bench, samples=2000, rerun=seed < 4)
        assert verification.passed, verification.checks


@pytest.mark.parametrize("seed", range(16))
def test_fronts_of_many_objectives_equal_enumeration(bench, seed):
    draw = np.random.default_rng(seed)
    m = 4 + seed % 2
    within = random_within(bench, draw, 12_000)
    rows = enumerated(bench, within)
    values = bench.predict(rows, [*COARSE, *FINE], dtype="float64")
    limits = random_constraints(draw, values)
    names = draw.permutation(np.array([*COARSE, *draw.permutation(np.array(FINE))[: m - 1 - seed % 3]]))[:m]
    objectives = [(name, bench.metrics[name].direction) for name in names.tolist()]
    found = bench.pareto_front(objectives, subject_to=limits, within=within)
    feasible = met(values, limits)
    columns = np.stack([values[name][feasible] for name, _ in objectives], axis=1)
    first, ties = front_of(columns * signs(objectives))
    assert (found.is_complete, found.open) == (True, 0)
    assert (found.architectures == rows[feasible][first]).all()
    assert (found.values == columns[first]).all()
    assert (found.ties == ties).all()
    assert found.certificate.counts.total == found.certificate.size == len(rows)
    expected = moocore.hypervolume(
        found.values, ref=list(found.reference.values()), maximise=[d == "maximise" for _, d in objectives]
    )
    assert found.hypervolume() == pytest.approx(expected, rel=1e-10)
    if seed < 6:
        verification = found.certificate.verify(bench, samples=2000, rerun=seed < 3)
        assert verification.passed, verification.checks


FOUR = ["accuracy", "latency_zcu102", "params", "macs"]


def test_fronts_of_too_many_points_are_refused_or_given_in_part(bench):
    with pytest.raises(TooManyPointsError, match=r"found so far, max_points is 100; add constraints, .* anytime=True"):
        bench.pareto_front(FOUR, within=WITHIN, max_points=100)
    whole = bench.pareto_front(FOUR, within=WITHIN)
    assert len(whole) > 100
    part = bench.pareto_front(FOUR, within=WITHIN, max_points=100, options=RunOptions(anytime=True))
    assert not part.is_complete
    assert part.open > 0
    assert "others are open" in part.certificate.bound
    assert part.certificate.verify(bench, samples=1000).passed
    # what is known so far is not dominated by one another, and covered by the whole front
    assert not _core.covered(np.ascontiguousarray(part.values * signs_of(part))).any()
    assert _core.covered(*(np.ascontiguousarray(f.values * signs_of(f)) for f in (whole, part))).all()


def test_a_larger_limit_goes_on_from_a_checkpoint(bench, tmp_path):
    options = RunOptions(checkpoint=tmp_path / "front")
    with pytest.raises(TooManyPointsError):
        bench.pareto_front(FOUR, within=WITHIN, max_points=500, options=options)
    assert bench.pareto_front(FOUR, within=WITHIN, options=options).is_complete
    few, many = (FrontQuestion(FOUR, within=WITHIN, max_points=n).resolve(bench) for n in (2, 10_000))
    search = prepare(bench, many, 1)
    assert search.result(search.run(prepare(bench, few, 1).start(1), 0, search.jobs, 1), 1)["complete"]


def test_time_limits_end_fronts_of_four_objectives(bench):
    within = {f"block{b}_e": 6 for b in range(4, 7)}
    found = bench.pareto_front(FOUR, within=within, options=RunOptions(time_limit=1.0, anytime=True))
    assert not found.is_complete
    assert len(found) > 0
    assert 0 < found.open <= found.certificate.size


def signs_of(front):
    return np.array([objective.sign for objective in front.objectives])


def test_fronts_of_four_objectives_are_drawn(bench, tmp_path):
    found = bench.pareto_front(FOUR, within=WITHIN)
    save(found.plot(), tmp_path / "front.svg")
    text = (tmp_path / "front.svg").read_text()
    assert all(name in text for name in (*FOUR, "worst", "best"))


# --- hypervolume ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(40))
def test_hypervolume_equals_moocore(seed):
    draw = np.random.default_rng(seed)
    n, m = int(draw.integers(1, 60)), int(draw.integers(2, 7))
    points = draw.integers(0, 9, (n, m)).astype(float) if seed % 2 else draw.normal(size=(n, m))
    directions = draw.choice(["maximise", "minimise"], m).tolist()
    reference = draw.normal(size=m) + 4 * (seed % 2)
    expected = moocore.hypervolume(points, ref=reference, maximise=[d == "maximise" for d in directions])
    assert hypervolume(points, reference, directions) == pytest.approx(expected, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize(("n", "m"), [(3000, 4), (700, 5)])
def test_hypervolume_of_many_points_equals_moocore(n, m):
    points = -np.log(np.random.default_rng(m).uniform(size=(n, m)))
    points /= points.sum(axis=1, keepdims=True)
    expected = moocore.hypervolume(points, ref=[0] * m, maximise=True)
    assert hypervolume(points, [0] * m, ["maximise"] * m) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("m", [2, 3, 4, 5])
def test_hypervolume_is_inclusion_and_exclusion(m):
    points = np.random.default_rng(m).uniform(size=(9, m))
    subsets = itertools.chain.from_iterable(itertools.combinations(points, k) for k in range(1, 10))
    expected = sum((-1) ** (len(some) + 1) * np.prod(np.min(some, axis=0)) for some in subsets)
    assert hypervolume(points, [0] * m, ["maximise"] * m) == pytest.approx(expected, rel=1e-12)
    assert hypervolume(1 - points, [1] * m, ["minimise"] * m) == pytest.approx(expected, rel=1e-12)


def test_hypervolume_of_nothing_is_0():
    assert hypervolume(np.empty((0, 3)), [0, 0, 0], ["maximise"] * 3) == 0
    assert hypervolume([[1, 0]], [0, 0], ["maximise"] * 2) == 0


@pytest.mark.parametrize(
    ("values", "reference", "message"),
    [
        ([[1, 2, 3]], [0, 0], r"values have shape \(1, 3\), the reference \(2,\)"),
        ([[1, math.nan]], [0, 0], "values or reference are not finite"),
        (np.ones((1, 9)), np.zeros(9), r"directions \(2,\)"),
    ],
)
def test_hypervolume_refuses(values, reference, message):
    with pytest.raises(SearchError, match=message):
        hypervolume(values, reference, ["maximise"] * 2)


@pytest.mark.parametrize("family", ["anova_process", "xgboost"])
def test_every_architecture_is_better_than_the_references(family):
    bench = accelnas.load(family=family)
    for name, metric in bench.metrics.items():
        sign = 1 if metric.direction == "maximise" else -1
        other = bench.derive("other", f"-1 * {name}", direction=metric.direction) if metric.link == "identity" else None
        if other is None:
            assert REFERENCES[name] == 0 or bench.count({name: (REFERENCES[name], None)}).count == 0
        else:
            worst = -other.best("other").values[0]
            assert sign * worst > sign * REFERENCES[name]


def test_hypervolume_of_a_front(bench):
    found = bench.pareto_front(["accuracy", "latency_zcu102"], within=WITHIN)
    assert found.reference == {"accuracy": 30.0, "latency_zcu102": 40.0}
    assert found.hypervolume() == found.hypervolume([30, 40]) == found.certificate.result["hypervolume"]
    box = (found.values[:, 0].max() - 30) * (40 - found.values[:, 1].min())
    assert found.normalised_hypervolume == pytest.approx(found.hypervolume() / box)
    assert found.hypervolume({"latency_zcu102": 5, "accuracy": 60}) < found.hypervolume()
    assert repr(found) == f"<FrontResult: {len(found)} points, maximise accuracy and minimise latency_zcu102>"
    assert found.to_polars().columns == ["architecture", "accuracy", "latency_zcu102", "ties"]
    other = bench.pareto_front(["accuracy", ("latency_zcu102", "maximise")], within=WITHIN)
    assert other.reference is None
    with pytest.raises(SearchError, match="no reference point of accuracy, latency_zcu102 is published"):
        other.hypervolume()
    with pytest.raises(SearchError, match="give a value of each of accuracy, latency_zcu102"):
        other.hypervolume([1])


# --- searches -------------------------------------------------------------------------------------------------------


def test_interrupted_fronts_say_so(bench, tmp_path):
    def interrupt(done, _total):
        if done > 2_000_000:
            raise KeyboardInterrupt

    within = {f"block{b}_e": 6 for b in range(3, 7)}
    asked = {"objectives": ["accuracy", "latency_zcu102"], "within": within}
    part = bench.pareto_front(**asked, progress=interrupt, options=RunOptions(checkpoint=tmp_path / "front"))
    whole = bench.pareto_front(**asked, options=RunOptions(checkpoint=tmp_path / "front"))
    assert not part.is_complete
    assert "interrupted" in repr(part)
    assert len(part) > 0
    verification = part.certificate.verify(bench, samples=1000, rerun=True)
    assert verification.passed, verification.checks
    assert {c.name for c in verification.checks if c.status == "skipped"} >= {"counts", "samples", "ties", "rerun"}
    assert whole.is_complete
    assert (whole.values == bench.pareto_front(**asked).values).all()


def test_shards_of_a_front_merge(bench):
    question = FrontQuestion(["accuracy", "params"], within=WITHIN)
    merged = merge_shards(bench, [run_shard(bench, question, part, 2) for part in (2, 1)])
    whole = bench.pareto_front(["accuracy", "params"], within=WITHIN)
    assert merged.is_complete
    assert merged.certificate.result == whole.certificate.result


def test_the_order_of_objectives_matters(bench):
    first = FrontQuestion(["accuracy", "params"], within=WITHIN)
    second = FrontQuestion(["params", "accuracy"], within=WITHIN)
    assert first.resolve(bench).key(bench) != second.resolve(bench).key(bench)


def test_fronts_without_architectures(bench):
    found = bench.pareto_front(["accuracy", "params"], subject_to="accuracy >= 90", within=WITHIN)
    assert (len(found), found.hypervolume(), found.normalised_hypervolume) == (0, 0.0, 0.0)
    assert "none of the other" in found.certificate.bound
    assert found.certificate.verify(bench, samples=100).passed


@pytest.mark.parametrize(
    ("change", "check"),
    [
        (
            lambda r: [r["architectures"].pop(3), r["ties"].pop(3), *(v.pop(3) for v in r["values"].values())],
            "neighbours",
        ),
        (lambda r: r["values"]["accuracy"].__setitem__(0, 99.0), "values"),
        (lambda r: r["ties"].__setitem__(0, 2), "ties"),
        (lambda r: r.update(hypervolume=1.0), "hypervolume"),
        (
            lambda r: [r["architectures"].reverse(), r["ties"].reverse(), *(v.reverse() for v in r["values"].values())],
            "order",
        ),
    ],
)
def test_altered_certificates_fail(bench, change, check):
    certificate = bench.pareto_front(["accuracy", "latency_zcu102"], within=WITHIN).certificate
    content = json.loads(json.dumps(certificate.to_json()))
    change(content["result"])
    fields = {k: v for k, v in content.items() if k not in ("format", "version", "sha256", "counts")}
    forged = Certificate(**fields, counts=certificate.counts)
    verification = Certificate.from_json(json.loads(json.dumps(forged.to_json()))).verify(bench, samples=5000)
    assert check in {c.name for c in verification.checks if c.status == "failed"}


@pytest.mark.parametrize(
    ("objectives", "error", "message"),
    [
        (["accuracy"], SearchError, "objectives are accuracy; give 2 to 5 different ones"),
        (["accuracy", "accuracy"], SearchError, "give 2 to 5 different ones"),
        (["accuracy", ("params", "up")], ParameterError, "direction of params is 'up'; choose maximise or minimise"),
        (["accuracy", "speed"], MetricError, 'unknown metric "speed"'),
    ],
)
def test_objectives_at_fault_are_refused(bench, objectives, error, message):
    with pytest.raises(error, match=message):
        bench.pareto_front(objectives)


# --- scores ---------------------------------------------------------------------------------------------------------

SMALL = ("macs", "params")
FIVE = {"accuracy": 66, "latency_zcu102": 4, "throughput_a100": 9000}
ENDS = {"accuracy": (30.0, 80.0), "macs": (900.0, 0.0), "params": (10.0, 0.0)}
SPEED = {"accuracy": 0.7, "throughput_a100": 0.3}
FORMULATIONS = [
    WeightedSum({"accuracy": 1, "latency_zcu102": 0.3}),
    WeightedSum(SPEED, {"accuracy": (30.0, 70.0), "throughput_a100": (0.0, 50_000.0)}),
    WeightedSum({**SPEED, "params": 0}),
    WeightedExponentialSum(SPEED, 3.0),
    WeightedExponentialSum({**SPEED, "params": 0.5}, 0.5),
    WeightedMinMax(SPEED),
    WeightedMinMax({"accuracy": 1.0, "params": 2.0}, {"accuracy": (30.0, 100.0), "params": (10.0, 0.0)}),
    WeightedProduct({"accuracy": 1, "latency_zcu102": -0.07}, {"latency_zcu102": 5}),
    WeightedProduct({"accuracy": 1, "throughput_a100": (1, 0)}, {"throughput_a100": 9000}),
    ReferencePoint({"accuracy": 1, "latency_zcu102": 0.5}, {"accuracy": 64, "latency_zcu102": 4}),
    ReferencePoint(dict.fromkeys(("accuracy", *SMALL), 1), {"accuracy": 66, "macs": 300, "params": 4}, 0.01, ENDS),
    ReferencePoint(dict.fromkeys((*FIVE, *SMALL), 1), {**FIVE, "macs": 300, "params": 4}, 0.0),
    WeightedSum(dict.fromkeys((*FIVE, *SMALL), 1), ENDS),
    WeightedMinMax(
        {"accuracy": 1, "macs": 0.5, "params": 2, "throughput_a100": 1}, ENDS | {"throughput_a100": (0, 1e5)}
    ),
    WeightedProduct({"accuracy": 2, "macs": -0.1, "params": (-0.1, -1), "latency_zcu102": -0.07}, {"params": 5}),
]


@pytest.mark.parametrize("formulation", FORMULATIONS, ids=lambda f: f.kind)
def test_scores_equal_enumeration(bench, formulation):
    for seed in range(3):
        draw = np.random.default_rng(seed)
        within = random_within(bench, draw)
        rows = enumerated(bench, within)
        values = bench.predict(rows, [*COARSE, *FINE], dtype="float64")
        limits = random_constraints(draw, values)
        feasible = met(values, limits)
        found = bench.scalarised(formulation, subject_to=limits, within=within)
        scores = formulation.score({m: v[feasible] for m, v in values.items()}, found.ranges)
        best = scores.min() if formulation.is_loss else scores.max()
        assert found.values[0] == pytest.approx(best, rel=1e-13)
        at = [np.flatnonzero((rows[feasible] == row).all(axis=1))[0] for row in found.architectures]
        assert scores[at] == pytest.approx(best, rel=1e-13)
        for name, column in found.metric_values.items():
            assert (column == values[name][feasible][at]).all()
        verification = found.certificate.verify(bench, samples=1000, rerun=seed == 0)
        assert verification.passed, verification.checks


def test_sums_of_tables_have_k_best(bench):
    found = bench.scalarised(WeightedSum({"accuracy": 1, "latency_zcu102": 0.3}), k=5)
    assert len(found) == 5
    sums = found.metric_values["accuracy"] - 0.3 * found.metric_values["latency_zcu102"]
    assert found.values == pytest.approx(sums, rel=1e-13)
    assert found.certificate.size == bench.space.size


@pytest.mark.parametrize(
    ("formulation", "message"),
    [
        (WeightedSum({"accuracy": 1}), "the formulation has 1 metrics; give 2 to 5"),
        (WeightedSum({"accuracy": 1, "params": -1}), r"weights are .*; choose numbers of at least 0"),
        (WeightedMinMax({"accuracy": 0, "params": 0}), "one of them above 0"),
        (ReferencePoint({"accuracy": 1, "params": 1}, {"accuracy": 66}), "give a number for each of accuracy, params"),
        (ReferencePoint({"accuracy": 1, "params": 1}, {"accuracy": 66, "params": 4}, -1.0), "rho is -1.0; choose a"),
        (WeightedExponentialSum(SPEED, 0.0), "power is 0.0; choose a number above 0"),
        (WeightedMinMax(SPEED, {"accuracy": (70.0, 30.0)}), "range of 'accuracy' is 70.0 to 30.0"),
        (WeightedMinMax(SPEED, {"accuracy": (30.0, 50.0)}), r"the ideal accuracy is 50.0, yet 6.* is reached"),
        (WeightedProduct({"accuracy": 1, "params": 0.07}), "exponent of params is 0.07; choose one of at most 0"),
        (WeightedProduct({"accuracy": 0, "params": 0}), "all exponents are 0"),
        (
            WeightedProduct({"accuracy": 1, "params": -1}, {"params": 0}),
            "target of 'params' is 0; choose numbers above 0",
        ),
    ],
)
def test_formulations_at_fault_are_refused(bench, formulation, message):
    with pytest.raises(SearchError, match=message):
        bench.scalarised(formulation, within=WITHIN)


def test_products_of_negative_metrics_are_refused(bench):
    more = bench.derive("gain", "accuracy - 65", direction="maximise")
    product = WeightedProduct({"gain": 1, "params": -1})
    with pytest.raises(SearchError, match=r"gain is -.* somewhere, where a product of powers is no score"):
        more.scalarised(product, within=WITHIN)
    assert more.scalarised(product, within=WITHIN, subject_to="gain > 0").values[0] > 0
    with pytest.raises(SearchError, match="k is 2; choose 1"):
        bench.scalarised(WeightedMinMax(SPEED), within=WITHIN, k=2)


# --- stages ---------------------------------------------------------------------------------------------------------


def test_stages_equal_enumeration(bench):
    for seed in range(3):
        within = random_within(bench, np.random.default_rng(seed))
        rows = enumerated(bench, within)
        values = bench.predict(rows, ["accuracy", "latency_zcu102", "params"], dtype="float64")
        stages = bench.lexicographic(
            ["accuracy", "latency_zcu102", ("params", "minimise")], tolerances=[1, 0.2], within=within
        )
        kept = values["accuracy"] >= values["accuracy"].max() - 1
        fastest = values["latency_zcu102"][kept].min()
        kept &= values["latency_zcu102"] <= fastest + 0.2
        expected = [values["accuracy"].max(), fastest, values["params"][kept].min()]
        assert [stage.values[0] for stage in stages] == expected


def test_stages_of_five_metrics_equal_enumeration(bench):
    within = random_within(bench, np.random.default_rng(7), 5000)
    rows, names = enumerated(bench, within), ["accuracy", "latency_zcu102", "params", "macs", "throughput_a100"]
    values = bench.predict(rows, names, dtype="float64")
    tolerances = [1.0, 0.5, 0.3, 30.0]
    stages = bench.lexicographic(names, tolerances=tolerances, within=within)
    kept, expected = np.ones(len(rows), bool), []
    for name, tolerance in zip(names, [*tolerances, 0.0], strict=True):
        gains = values[name] if bench.metrics[name].direction == "maximise" else -values[name]
        expected.append(values[name][kept][np.argmax(gains[kept])])
        kept &= gains >= gains[kept].max() - tolerance
    assert [stage.values[0] for stage in stages] == expected


def test_stages_end_where_nothing_is_left(bench):
    stages = bench.lexicographic(["accuracy", "params"], subject_to="accuracy >= 90")
    assert [len(stage) for stage in stages] == [0]
    with pytest.raises(SearchError, match=r"2 objectives have tolerances \[1, 2\]; give 1 numbers of at least 0"):
        bench.lexicographic(["accuracy", "params"], tolerances=[1, 2])
