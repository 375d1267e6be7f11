"""Questions about several devices against enumeration of small random benchmarks, and once of the bundled one."""

import json
import math

import numpy as np
import polars as pl
import pytest

from accelnas import Certificate, MetricError, ParameterError, SearchError, SpaceError
from accelnas.devices import codesign, joint_front, specialise, weighted_mean, worst_case
from accelnas.devices.ratios import value_of_ratio
from command_line import failure, run
from small_samples import random_benchmark, space_of

SPACE = space_of(
    "small",
    first={"a": [1, 2, 3], "b": [1, 2, 3]},
    second={"c": [1, 2, 3], "d": [1, 2, 3, 4]},
    third={"e": [1, 2, 3, 4], "f": [1, 2, 3]},
)
ROWS = SPACE.range(0, SPACE.size)
SETS = [[0, 1], [1, 2, 3], [2, 4], [3, 4, 5], [0, 5]]
METRICS = [
    ("accuracy", "maximise", "identity", 65.0, 1.5),
    ("gpu", "maximise", "reciprocal", 1e-3, 1e-4),
    ("tpu", "maximise", "reciprocal", 2e-3, 2e-4),
    ("fpga", "maximise", "reciprocal", 1.5e-3, 1e-4),
    ("latency", "minimise", "identity", 9.0, 0.5),
    ("delay", "minimise", "identity", 20.0, 1.0),
    ("score", "maximise", "identity", 30.0, 1.0),
    ("energy", "minimise", "log", 1.0, 0.2),
    ("rate", "maximise", "log", 3.0, 0.2),
    ("signed", "maximise", "identity", 0.0, 1.0),
]
SPEEDS = ["gpu", "tpu", "fpga"]
MIXED = ["gpu", "latency", "tpu", "delay", "energy"]
WITHIN = {f"block{b}_l": 2 for b in range(7)} | {f"block{b}_e": 6 for b in range(2, 7)}
B0 = "e1_k3_l1_se1-e6_k3_l2_se1-e6_k5_l2_se1-e6_k3_l3_se1-e6_k5_l3_se1-e6_k5_l4_se1-e6_k3_l1_se1"


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Give a function that makes a benchmark of random tables, and all its values."""

    def make(seed):
        bench = random_benchmark(tmp_path_factory.mktemp("small"), SPACE, SETS, METRICS, seed)
        return bench, bench.predict(ROWS, dtype="float64")

    return make


def least(values, share=0.7):
    """An accuracy that a part of the space has."""
    return float(np.quantile(values["accuracy"], share))


def ratios_of(bench, values, names, feasible):
    """Ratios (n, devices) of all architectures to the feasible optima, by their definition."""
    columns = []
    for name in names:
        column = values[name]
        maximised = bench.metrics[name].direction == "maximise"
        columns.append(column / column[feasible].max() if maximised else column[feasible].min() / column)
    return np.stack(columns, axis=1)


def position(row):
    return int(SPACE.index(row[None])[0])


# --- specialised networks -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(8))
def test_specialised_networks_are_the_best_of_all(small, seed):
    bench, values = small(seed)
    names, at_least = (SPEEDS, MIXED)[seed % 2], least(values, 0.9)
    bound = float(np.quantile(values["score"], 0.2))
    within = {"a": [1, 3]} if seed % 3 else {}
    calls = []
    found = specialise(
        bench, names, at_least=at_least, networks={"own": ROWS[[5]], "other": SPACE.decode(ROWS[[77]])},
        subject_to={"score": (bound, None)}, within=within, progress=lambda *call: calls.append(call),
    )  # fmt: skip
    feasible = (values["accuracy"] >= at_least) & (values["score"] >= bound)
    if within:
        feasible &= ROWS[:, 0] != 1
    ratios = ratios_of(bench, values, names, feasible)
    chosen = [int(np.flatnonzero(feasible)[ratios[feasible, j].argmax()]) for j in range(len(names))] + [5, 77]
    assert (found.architectures == ROWS[chosen]).all()
    assert (found.ratios == ratios[chosen]).all()
    assert (found.accuracies == values["accuracy"][chosen]).all()
    assert (found.values == np.stack([values[name][chosen] for name in names], axis=1)).all()
    assert (found.optima == found.values.diagonal()).all()
    assert (found.ratios.diagonal() == 1).all()
    assert (found.ratios[: len(names)] <= 1).all()
    assert (found.gains == 1 / found.ratios).all()
    assert found.names == (*names, "own", "other")
    assert found.texts == tuple(SPACE.format(ROWS[chosen]))
    assert calls == [(i + 1, len(names)) for i in range(len(names))]
    assert not any(array.flags.writeable for array in (found.ratios, found.values, found.architectures, found.optima))
    for certificate in found.certificates.values():
        assert certificate.verify(bench, samples=500).passed
    frame = found.to_polars()
    assert frame.columns == ["network", "architecture", "accuracy", *names, *(f"{name}_ratio" for name in names)]
    assert (frame[f"{names[0]}_ratio"].to_numpy() == found.ratios[:, 0]).all()


# --- one network for all --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(12))
def test_worst_case_is_that_of_enumeration(small, seed):
    bench, values = small(seed)
    names, at_least = (SPEEDS, MIXED, ["score", "rate", "latency"])[seed % 3], least(values)
    specialised = specialise(bench, names, at_least=at_least, within={"f": [1, 2]} if seed % 2 else None)
    feasible = values["accuracy"] >= at_least
    if seed % 2:
        feasible &= ROWS[:, 5] != 2
    ratios = ratios_of(bench, values, names, feasible)
    optimum = ratios[feasible].min(axis=1).max()
    for tolerance in (0.05, 1e-4, 0):
        found = worst_case(bench, specialised, tolerance=tolerance)
        place = position(found.architecture)
        assert found.lower <= optimum < found.upper
        assert found.upper - found.lower <= max(tolerance, math.ulp(optimum))
        assert feasible[place]
        assert found.lower == ratios[place].min()
        assert (found.ratios == ratios[place]).all()
        assert found.values.tolist() == [values[name][place] for name in names]
        assert found.accuracy == values["accuracy"][place]
        assert found.text == SPACE.format(ROWS[[place]])[0]
    assert found.is_exact
    assert found.lower == optimum
    assert found.reached.result["architectures"] == [found.text]
    assert found.excluded.result["architectures"] == []
    assert found.reached.verify(bench, samples=500, rerun=True).passed
    assert found.excluded.verify(bench, samples=500, rerun=True).passed


def test_one_device_needs_no_compromise(small):
    bench, values = small(1)
    specialised = specialise(bench, ["gpu"], at_least=least(values))
    found = worst_case(bench, specialised)
    assert (found.lower, found.questions, found.excluded, found.is_exact) == (1.0, 0, None, True)
    assert found.reached is specialised.certificates["gpu"]
    assert weighted_mean(bench, specialised).value == 1


def test_progress_ends_with_the_questions(small):
    bench, values = small(2)
    calls = []
    specialised = specialise(bench, SPEEDS, at_least=least(values))
    found = worst_case(bench, specialised, progress=lambda *call: calls.append(call))
    assert [done for done, _ in calls] == list(range(1, found.questions + 1))
    assert calls[-1] == (found.questions, found.questions)


@pytest.mark.parametrize("maximised", [True, False])
def test_values_of_ratios_are_the_ends_of_their_range(bench, maximised):
    metric = bench.metrics["throughput_a100" if maximised else "latency_zcu102"]
    random = np.random.default_rng(0)
    for optimum, ratio in zip(
        random.lognormal(3, 3, 2000).tolist(), random.uniform(0.01, 1, 2000).tolist(), strict=True
    ):
        end = value_of_ratio(metric, optimum, ratio)
        further = math.nextafter(end, -math.inf if maximised else math.inf)
        reached = [v / optimum if maximised else optimum / v for v in (end, further)]
        assert reached[0] >= ratio > reached[1]


FORMULAS = {
    "harmonic": lambda w, r: 1 / (w / r).sum(axis=1),
    "arithmetic": lambda w, r: (w * r).sum(axis=1),
    "geometric": lambda w, r: np.exp((w * np.log(r)).sum(axis=1)),
}
# two sums of tables where a mean has a ceiling or a floor, or scales of several links
MEANS = [
    ("harmonic", ["gpu", "tpu", "latency"]),
    ("harmonic", ["gpu", "full", "latency", "fpga"]),
    ("harmonic", ["full", "energy", "least", "tpu"]),
    ("arithmetic", ["score"]),
    ("arithmetic", ["score", "rate", "full"]),
    ("geometric", ["energy", "rate"]),
]


@pytest.mark.parametrize(("mean", "names"), MEANS)
@pytest.mark.parametrize("seed", range(4))
def test_weighted_means_are_those_of_enumeration(small, mean, names, seed):
    bench, values = small(seed)
    at_least = least(values)
    ceiling, floor = (float(np.quantile(values[name], part)) for name, part in (("tpu", 0.8), ("delay", 0.1)))
    bench = bench.derive("full", f"min(tpu, {ceiling!r})", direction="maximise")
    bench = bench.derive("least", f"max(delay, {floor!r})", direction="minimise")
    values = {**values, "full": np.minimum(values["tpu"], ceiling), "least": np.maximum(values["delay"], floor)}
    specialised = specialise(bench, names, at_least=at_least)
    feasible = values["accuracy"] >= at_least
    ratios = ratios_of(bench, values, names, feasible)
    weights = dict(zip(names, np.random.default_rng(seed).uniform(0.1, 3, len(names)).tolist(), strict=True))
    if seed == 3 and len(names) > 2:
        weights[names[2]] = 0
    given = None if seed == 2 else weights
    shares = np.ones(len(names)) if given is None else np.array(list(weights.values()))
    shares /= shares.sum()
    means = FORMULAS[mean](shares, ratios)
    found = weighted_mean(bench, specialised, given, mean=mean)
    place = position(found.architecture)
    assert feasible[place]
    assert found.value == pytest.approx(means[feasible].max(), rel=1e-12)
    assert found.value == pytest.approx(means[place], rel=1e-14)
    assert (found.ratios == ratios[place]).all()
    assert list(found.weights.values()) == pytest.approx(shares.tolist())
    assert (found.accuracy, found.text) == (values["accuracy"][place], SPACE.format(ROWS[[place]])[0])
    assert found.certificate.verify(bench, samples=500, rerun=True).passed


# --- network and device together ------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(8))
def test_codesign_is_that_of_enumeration(small, seed):
    bench, values = small(seed)
    names = (SPEEDS, ["latency", "delay"])[seed % 2]
    costs = dict(zip(names, ((5, 3, 5), (1.5, 7.0))[seed % 2], strict=True))
    at_least = least(values, (0.5, 0.9, 0.999)[seed % 3])
    pooled = np.concatenate([values[name] for name in names])
    speed = float(np.quantile(pooled, (0.7, 0.3)[seed % 2]))
    found = codesign(bench, costs, at_least=at_least, speed=speed)
    expected = []
    for name in names:
        fast = values[name] >= speed if seed % 2 == 0 else values[name] <= speed
        best = values["accuracy"][fast].max() if fast.any() else math.nan
        pair = next(pair for pair in found.pairs if pair.device == name)
        assert pair.accuracy == best or (math.isnan(best) and math.isnan(pair.accuracy) and pair.architecture is None)
        assert pair.is_feasible == (best >= at_least)
        if fast.any():
            place = position(pair.architecture)
            assert (values["accuracy"][place], values[name][place]) == (pair.accuracy, pair.speed)
        expected += [(costs[name], -values["accuracy"][i]) for i in np.flatnonzero(fast)
                     if values["accuracy"][i] >= at_least]  # fmt: skip
        assert pair.certificate.verify(bench, samples=500).passed
    best = found.best
    assert (None if best is None else (best.cost, -best.accuracy)) == min(expected, default=None)
    assert [pair.cost for pair in found.pairs] == sorted(costs.values())
    assert found.to_polars()["feasible"].to_list() == [pair.is_feasible for pair in found.pairs]


def test_codesign_says_when_nothing_is_fast_enough(small):
    bench, values = small(0)
    found = codesign(bench, {"gpu": 1, "tpu": 2}, at_least=0, speed=float(values["tpu"].max()) + 1e9)
    assert found.best is None
    assert [(pair.text, pair.architecture) for pair in found.pairs] == [("", None)] * 2
    assert all(math.isnan(pair.accuracy) and math.isnan(pair.speed) for pair in found.pairs)
    assert found.to_polars()["architecture"].to_list() == ["", ""]
    assert "2 devices, best None" in repr(found)


@pytest.mark.parametrize("how", ["plain", "divisor", "objective"])
@pytest.mark.parametrize("seed", range(2))
def test_joint_fronts_are_those_of_enumeration(small, how, seed):
    bench, values = small(seed)
    names = (SPEEDS, ["latency", "delay"])[seed % 2]
    sign = -1 if seed % 2 else 1
    costs = None if how == "plain" else dict(zip(names, (1.0, 1.3, 0.8), strict=False))
    at_least = least(values, 0.2)
    found = joint_front(
        bench, names, costs=costs, cost_is="objective" if how == "objective" else "divisor",
        subject_to=[f"accuracy >= {at_least!r}"],
    )  # fmt: skip
    feasible = values["accuracy"] >= at_least
    points, labels = [], []
    for name in names:
        cost = 1.0 if costs is None else costs[name]
        speeds = values[name][feasible]
        scaled = (speeds / cost if sign > 0 else speeds * cost) if how == "divisor" else speeds
        columns = [values["accuracy"][feasible], sign * scaled]
        points.append(np.stack([*columns, np.full(len(speeds), -cost)] if how == "objective" else columns, axis=1))
        labels += [name] * len(speeds)
    points = np.concatenate(points)
    kept = [i for i, p in enumerate(points) if not ((points >= p).all(axis=1) & (points > p).any(axis=1)).any()]
    expected = {(labels[i], *points[i, :2].tolist()) for i in kept}
    assert set(zip(found.labels, found.accuracies.tolist(), (sign * found.scores).tolist(), strict=True)) == expected
    assert len(found) == len(expected)
    assert (np.diff(found.accuracies) <= 0).all()
    places = SPACE.index(found.architectures).astype(int)
    assert (values["accuracy"][places] == found.accuracies).all()
    assert [values[label][place] for label, place in zip(found.labels, places, strict=True)] == found.speeds.tolist()
    assert sum(segment.points for segment in found.segments) == len(found) == sum(found.composition.values())
    assert found.segments[0].accuracy[0] == found.accuracies[0]
    assert {span.device: span.points for span in found.spans} == {d: n for d, n in found.composition.items() if n}
    assert set(found.certificates) == set(names)
    assert found.to_polars().height == len(found)


def test_a_device_twice_as_dear_and_fast_has_the_same_points(small):
    bench, _ = small(3)
    bench = bench.derive("double", "2 * gpu", direction="maximise")
    found = joint_front(bench, ["gpu", "double"], costs={"gpu": 1, "double": 2})
    assert found.composition["gpu"] == found.composition["double"] > 1
    assert found.labels[:2] == ("gpu", "double")
    assert joint_front(bench, ["gpu", "double"]).composition["gpu"] == 0


def test_a_front_of_nothing_is_empty(small):
    bench, _ = small(3)
    found = joint_front(bench, SPEEDS, subject_to="accuracy >= 1e9")
    assert (len(found), found.segments, found.to_polars().height) == (0, (), 0)


def test_an_interrupted_front_gives_nothing(small, monkeypatch):
    bench, _ = small(3)

    class Unfinished:
        is_complete = False

    monkeypatch.setattr("accelnas.devices.joint.solve", lambda *_, **__: Unfinished())
    with pytest.raises(KeyboardInterrupt):
        joint_front(bench, SPEEDS)


# --- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("devices", "more", "error", "message"),
    [
        ([], {}, MetricError, "devices are none; give different metrics, at least one"),
        (["gpu", "gpu"], {}, MetricError, "devices are gpu, gpu; give different metrics"),
        ("gpu", {}, MetricError, "devices is 'gpu', one text; give a sequence of metrics"),
        (["speed"], {}, MetricError, 'unknown metric "speed"; the metrics are accuracy'),
        (["accuracy"], {}, MetricError, "accuracy is both accuracy and a device; name another"),
        (["gpu"], {"accuracy": "latency"}, MetricError, "latency is minimised, and accuracy has a least value; derive"),
        (
            ["gpu"],
            {"at_least": 1e6},
            SearchError,
            r"has accuracy >= 1000000.0, the best has 7.*; choose a smaller at_l",
        ),
        (["gpu"], {"at_least": math.nan}, SearchError, "'nan' bounds nothing"),
        (["gpu"], {"subject_to": "score >= 1e9"}, SearchError, r"no architecture meets score >= 1000000000.0; change"),
        (["gpu"], {"networks": {"x": ROWS[:2]}}, SpaceError, "x is 2 architectures; choose one of them"),
        (["gpu"], {"networks": {"gpu": ROWS[:1]}}, SearchError, "the table has a row 'gpu' already; choose another"),
    ],
)
def test_specialisation_at_fault_is_refused(small, devices, more, error, message):
    bench, _ = small(0)
    with pytest.raises(error, match=message):
        specialise(bench, devices, **({"at_least": 60.0} | more))


def test_ratios_of_negative_values_are_refused(small):
    bench, _ = small(0)
    more = bench.derive("below", "signed - 100", direction="maximise")
    with pytest.raises(
        MetricError, match=r"below is -\d.* where its best is -\d.*; ratios need metrics above 0, so der"
    ):
        specialise(more, ["gpu", "below"], at_least=60)


def test_compromises_at_fault_are_refused(small):
    bench, values = small(0)
    specialised = specialise(bench, SPEEDS, at_least=least(values))
    for tolerance in (-1, math.nan, math.inf, True):
        with pytest.raises(ParameterError, match=r"tolerance is .*; choose a finite number from 0"):
            worst_case(bench, specialised, tolerance=tolerance)
    equal = dict.fromkeys(SPEEDS, 1)
    for weights in (
        {"gpu": 1},
        equal | {"gpu": -1},
        equal | {"gpu": math.inf},
        equal | {"x": 1},
        dict.fromkeys(equal, 0),
    ):
        with pytest.raises(SearchError, match=r"weights are .*; give each of gpu, tpu, fpga a number of at least 0"):
            weighted_mean(bench, specialised, weights)
    with pytest.raises(ParameterError, match="mean is 'median'; choose 'harmonic', 'geometric' or 'arithmetic'"):
        weighted_mean(bench, specialised, mean="median")
    with pytest.raises(MetricError, match=r"the geometric mean is no sum .* gpu has link reciprocal; choose harm"):
        weighted_mean(bench, specialised, mean="geometric")
    several = [f"full{i}" for i in range(6)]
    for i, name in enumerate(several):
        bench = bench.derive(name, f"min(gpu, {900.0 + i})", direction="maximise")
    specialised = specialise(bench, several, at_least=0, within={"c": 1})
    with pytest.raises(MetricError, match=r"harmonic mean has 6 parts .*, at most 5 are searched; give some dev"):
        weighted_mean(bench, specialised)


def test_more_bounds_than_the_core_counts_with_are_refused(small):
    bench, values = small(0)
    several = [*SPEEDS, "latency", "delay", "energy", "rate", "score"]
    for name in several:
        bench = bench.derive(f"double_{name}", f"2 * {name}", direction=bench.metrics[name].direction)
    devices = [*several, *(f"double_{name}" for name in several)]
    specialised = specialise(bench, devices, at_least=least(values, 0.5))
    with pytest.raises(SearchError, match="16 devices, the accuracy and the constraints make 17 bounds, at most 16"):
        worst_case(bench, specialised)
    halves = [specialise(bench, some, at_least=least(values, 0.5)) for some in (devices[:15], several)]
    of_fifteen, of_eight = (worst_case(bench, half) for half in halves)
    assert of_fifteen.lower == pytest.approx(of_eight.lower, abs=2e-4)  # doubling a speed changes no ratio
    assert 0 < of_fifteen.lower < 1


def test_sixteen_bounds_are_counted_with(small):
    bench, values = small(0)
    several = [*SPEEDS, "latency", "delay", "energy", "rate", "score"]
    ends = {name: np.quantile(values[name], [0.05, 0.95]) for name in several}
    bounds = {name: (float(low), float(high)) for name, (low, high) in ends.items()}
    inside = [(low <= values[name]) & (values[name] <= high) for name, (low, high) in bounds.items()]
    expected = np.all(inside, axis=0)
    assert 0 < bench.count(bounds).count == expected.sum() < len(ROWS)
    first = bench.best("accuracy", subject_to=bounds)
    assert first.values[0] == values["accuracy"][expected].max()


@pytest.mark.parametrize(
    ("costs", "more", "error", "message"),
    [
        ({"gpu": 0}, {}, SearchError, "cost of gpu is 0; give a finite number above 0"),
        ({"gpu": math.inf}, {}, SearchError, "cost of gpu is inf"),
        ({"gpu": "3"}, {}, SearchError, "cost of gpu is '3'"),
        ({}, {}, MetricError, "devices are none"),
        (
            {"gpu": 1, "latency": 2},
            {},
            MetricError,
            r"gpu is in no unit \(maximise\), latency in no unit \(minimise\); ch",
        ),
        ({"gpu": 1}, {"speed": math.nan}, SearchError, "speed is nan; give a finite number"),
        ({"gpu": 1}, {"at_least": math.inf}, SearchError, "at_least is inf; give a finite number"),
    ],
)
def test_codesign_at_fault_is_refused(small, costs, more, error, message):
    bench, _ = small(0)
    with pytest.raises(error, match=message):
        codesign(bench, costs, **({"at_least": 60.0, "speed": 10.0} | more))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"cost_is": "free"}, "cost_is is 'free'; choose 'divisor' or 'objective'"),
        ({"cost_is": "objective"}, "cost_is is 'objective', but there are no costs; give one of each device"),
        ({"costs": {"gpu": 1}}, "costs are of gpu; give one of each of gpu, tpu"),
    ],
)
def test_joint_fronts_at_fault_are_refused(small, more, message):
    bench, _ = small(0)
    with pytest.raises((ParameterError, SearchError), match=message):
        joint_front(bench, ["gpu", "tpu"], **more)


# --- the bundled benchmark ------------------------------------------------------------------------------------------


def test_bundled_devices_have_compromises(bench):
    names = ["throughput_a100", "throughput_vck190", "latency_zcu102"]
    specialised = specialise(bench, names, at_least=65, within=WITHIN, networks={"EfficientNet-B0": B0})
    assert specialised.accuracies[3] == pytest.approx(65.736, abs=0.01)
    assert (specialised.ratios[3] < 1).all()
    worst = worst_case(bench, specialised)
    assert specialised.ratios[:3].min(axis=1).max() <= worst.lower < worst.upper <= worst.lower + 1e-4
    mean = weighted_mean(bench, specialised)
    table = specialised.with_networks(bench, {"worst": worst.architecture, "mean": mean.architecture})
    harmonic = 3 / (1 / table.ratios).sum(axis=1)
    assert harmonic.max() == harmonic[5]
    assert mean.value == pytest.approx(harmonic[5])
    assert table.ratios.min(axis=1).max() == table.ratios[4].min() == worst.lower


def test_bundled_devices_are_chosen_with_networks(bench):
    costs = {"throughput_zcu102": 20, "throughput_a100": 250, "throughput_vck190": 75}
    found = codesign(bench, costs, at_least=65, speed=600, within=WITHIN)
    assert found.best.device == "throughput_vck190"
    assert [pair.device for pair in found.pairs] == ["throughput_zcu102", "throughput_vck190", "throughput_a100"]
    front = joint_front(bench, list(costs), costs=costs, within=WITHIN)
    assert (np.diff(front.scores) > 0).all()
    with pytest.raises(MetricError, match=r"throughput_a100 is in images/s \(maximise\), latency_zcu102 in ms \(minim"):
        joint_front(bench, ["throughput_a100", "latency_zcu102"])


# --- the command line -----------------------------------------------------------------------------------------------

LIMITS = [word for name, choice in WITHIN.items() for word in ("-w", f"{name}={choice}")]


def ask(*arguments):
    return run("devices", *arguments, *LIMITS).stdout


def test_specialise_shows_and_writes_a_table(tmp_path):
    arguments = ("specialise", "throughput_[av]*,latency_zcu102", "-a", 65, "-n", f"B0={B0}", "--compromises")
    shown = ask(*arguments, "-o", tmp_path / "table.parquet", "-c", tmp_path)
    assert "Speed as a part of each device's own optimum at accuracy >= 65" in shown
    assert shown.count("proven") == 3
    frame = pl.read_parquet(tmp_path / "table.parquet")
    names = ["throughput_a100", "throughput_vck190", "latency_zcu102"]
    assert frame["network"].to_list() == [*names, "B0", "worst case", "mean"]
    assert frame["throughput_a100_ratio"][0] == 1
    assert {path.stem for path in tmp_path.glob("*.json")} == {
        *names, "worst_case_reached", "worst_case_excluded", "mean"
    }  # fmt: skip
    assert Certificate.load(tmp_path / "mean.json").question["kind"] == "scalarised"


def test_worst_case_is_printed_as_json(tmp_path):
    document = json.loads(ask("worst-case", "throughput_a100,throughput_vck190", "-a", 65, "--json"))
    assert document["lower"] < document["upper"] <= document["lower"] + 1e-4
    assert document["columns"]["network"][-1] == "worst case"
    assert (
        min(document["columns"][f"{name}_ratio"][-1] for name in ("throughput_a100", "throughput_vck190"))
        == (document["lower"])
    )
    Certificate.from_json(document["certificates"]["worst_case_excluded"])
    shown = ask(
        "worst-case", "throughput_a100,throughput_vck190", "-a", 65, "--tolerance", 0.01, "-o", tmp_path / "t.csv"
    )
    assert "of the optimum on every device, none has" in shown
    assert pl.read_csv(tmp_path / "t.csv").height == 3


def test_codesign_and_front_show_devices(tmp_path):
    costs = "throughput_zcu102=20,throughput_a100=250"
    shown = ask("codesign", costs, "-a", 65, "--speed", 600, "-o", tmp_path / "pairs.csv")
    assert "no cheaper device has a network that meets both bounds" in shown
    assert pl.read_csv(tmp_path / "pairs.csv")["device"].to_list() == ["throughput_zcu102", "throughput_a100"]
    document = json.loads(ask("codesign", costs, "-a", 65, "--speed", 1e9, "--json"))
    assert (document["best"], document["columns"]["accuracy"]) == (None, [None, None])
    assert "no device will do" in ask("codesign", costs, "-a", 65, "--speed", 1e9)
    shown = ask("front", costs, "-o", tmp_path / "front.csv")
    assert "no pair of network and device is missing" in shown
    assert pl.read_csv(tmp_path / "front.csv").height > 5
    document = json.loads(ask("front", costs, "--cost-objective", "--json"))
    assert min(document["composition"].values()) > 0
    assert len(json.loads(ask("front", "throughput_[az]*", "--json"))["certificates"]) == 2


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("front", "throughput_a100=x"), 2, "write DEVICE=COST for each device, or for none"),
        (("front", "throughput_a100=1,throughput_3090"), 2, "write DEVICE=COST for each device, or for none"),
        (("codesign", "throughput_a100", "-a", 60, "--speed", 1), 2, "has no costs; write DEVICE=COST"),
        (("specialise", "throughput_a100", "-a", 60, "-n", "B0"), 2, "write NAME=ARCHITECTURE"),
        (("specialise", "throughput_z9", "-a", 60), 1, 'unknown metric "throughput_z9"; the metrics are'),
        (("front", "throughput_a100", "-c", "/nowhere/at/all"), 1, "folder /nowhere/at/all does not exist; create it"),
    ],
)
def test_commands_at_fault_are_refused(arguments, code, message):
    assert message in failure("devices", *arguments, *LIMITS, code=code)
