"""Derived metrics against NumPy on the predictions of the metrics they name."""

import pickle
from functools import reduce

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import accelnas
from accelnas import MetricError, ModelError, ParameterError, _core
from accelnas.models.expressions import LinkedSum, metric_names, parse, simplify
from small_samples import write_surrogate

ROWS = accelnas.mnasnet_space().sample(300, seed=5)
FUNCTIONS = {
    "log": np.log,
    "exp": np.exp,
    "sqrt": np.sqrt,
    "abs": np.abs,
    "min": lambda *values: reduce(np.minimum, values),
    "max": lambda *values: reduce(np.maximum, values),
}


def compute(expression, values):
    return eval(expression, {"__builtins__": {}}, FUNCTIONS | values)  # noqa: S307 (our own text)


@pytest.fixture(scope="module")
def members(bench):
    """Float64 predictions of every member of every metric."""
    core = bench._core
    return {name: core.predict_members(ROWS, core.position(name), None) for name in bench.metrics}


@pytest.mark.parametrize(
    ("expression", "link"),
    [
        ("1000 / throughput_3090", "identity"),
        ("1000 / throughput_a100", "floored"),
        ("accuracy - 0.01 * macs + 3", "identity"),
        ("-latency_zcu102", "identity"),
        ("latency_zcu102 / 4 + latency_vck190 * 2 + 1000 / throughput_tpuv3", "identity"),
        ("train_time / 3600", "log"),
        ("throughput_3090 * 60", "reciprocal"),
        ("throughput_a100 * 60", "capped"),
        ("1 / (params + macs)", "reciprocal"),
        ("1e3 / latency_vck190", "reciprocal"),
        ("sqrt(train_time) ** 3 / train_time", "log"),
        ("log(train_time)", "identity"),
        ("exp(accuracy / 100) * train_time ** -0.07", "log"),
        ("2 ** params", "log"),
        ("abs(train_time)", "log"),
        ("(throughput_3090 ** -1) ** 1 - log(2)", "identity"),
        ("params - params", "identity"),
        ("accuracy * 0 + 3", "identity"),
        ("accuracy * throughput_a100", None),
        ("throughput_a100 + throughput_3090", None),
        ("accuracy * (1000 / throughput_a100 / 0.2) ** -0.07", None),
        ("max(latency_zcu102, latency_vck190, params)", None),
        ("min(macs, 300) / abs(accuracy - 60)", None),
        ("log(macs) + sqrt(params)", None),
        ("1 / (1 + exp(60 - accuracy))", None),
        ("train_time + 1", None),
    ],
)
def test_expressions_equal_numpy_on_predictions(bench, members, expression, link):
    more = bench.derive("it", expression, unit="u", direction="maximise", description="d")
    metric = more.metrics["it"]
    assert (metric.exact, metric.expression, metric.noise) == (link is not None, expression, None)
    assert (metric.unit, metric.direction, metric.description) == ("u", "maximise", "d")
    assert metric.link == (link or "identity")
    assert more.provenance("it") == {"expression": expression}
    assert "it" not in bench.metrics

    names = metric_names(parse(expression))
    means = {name: bench.predict(ROWS, name, dtype="float64") for name in names}
    mean, std = more.predict(ROWS, "it", dtype="float64", return_std="members")
    np.testing.assert_allclose(mean, compute(expression, means), rtol=1e-9, atol=1e-12)
    each = compute(expression, {name: members[name] for name in names})
    np.testing.assert_allclose(std, np.std(each, axis=1), rtol=1e-6, atol=1e-9 * np.abs(mean).max())
    fast, fast_std = more.predict(ROWS, "it", return_std="members")
    assert fast.dtype == fast_std.dtype == np.float32
    np.testing.assert_allclose(fast, mean, rtol=1e-4, atol=1e-6 * np.abs(mean).max())
    np.testing.assert_allclose(fast_std, std, rtol=0.05, atol=1e-5 * np.abs(mean).max())


# Numbers that keep sums, products and powers within float64.
numbers = st.sampled_from([0.5, 2.0, 3.0, 7.25, 100.0])
leaves = st.sampled_from(["accuracy", "params", "train_time", "throughput_a100", "latency_zcu102"]) | numbers.map(str)
expressions = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+-*/"), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        st.tuples(inner, st.sampled_from(["-1", "2", "0.5"])).map(lambda t: f"(abs({t[0]}) ** {t[1]})"),
        inner.map(lambda e: f"(-{e})"),
        inner.map(lambda e: f"log({e})"),
        inner.map(lambda e: f"exp({e} / 1e4)"),
    ),
    max_leaves=6,
)


@given(expressions)
def test_exact_forms_equal_the_pointwise_evaluation(expression):
    bench = accelnas.load()
    try:
        names = metric_names(parse(expression))
    except MetricError as error:
        assert "names no metric" in str(error)  # noqa: PT017 (a property, not the test's subject)
        return
    means = {name: bench.predict(ROWS, name, dtype="float64") for name in names}
    try:
        found = bench.derive("it", expression, direction="maximise").predict(ROWS, "it", dtype="float64")
    except MetricError as error:
        assert "at architecture" in str(error) or "in the expression" in str(error)  # noqa: PT017
        return
    assert np.isfinite(found).all()
    with np.errstate(all="ignore"):
        expected = compute(expression, means)
        # What cancels loses digits on either way, so the bound is relative to the inputs' rounding too.
        nudged = [compute(expression, means | {name: means[name] * (1 + 1e-12)}) for name in names]
    sensitivity = np.max([np.abs(n - expected) for n in nudged], axis=0)
    finite = np.isfinite(expected) & np.isfinite(sensitivity)  # where 0 / 0 is simplified away
    wrong = np.abs(found - expected) > 1e-9 * np.abs(expected) + 1000 * sensitivity
    assert not (wrong & finite).any()


def test_derived_metrics_compose_and_survive_pickling(bench):
    first = bench.derive("time_a100", "1000 / throughput_a100", unit="ms", direction="minimise")
    second = first.derive("reward", "accuracy * (time_a100 / 0.2) ** -0.07", direction="maximise")
    third = second.derive("half", "reward / 2 - log(reward)", direction="maximise")
    assert list(third.metrics)[-3:] == ["time_a100", "reward", "half"]
    assert [third.metrics[name].exact for name in ("time_a100", "reward", "half")] == [True, False, False]
    values = third.predict(ROWS, dtype="float64", return_std=True)
    assert list(values) == list(third.metrics)
    reward = values["reward"][0]
    np.testing.assert_allclose(values["half"][0], reward / 2 - np.log(reward), rtol=1e-12)
    assert values["half"][1].min() > 0
    again = pickle.loads(pickle.dumps(third))
    assert again.metrics == third.metrics
    for name, (mean, std) in again.predict(ROWS, return_std=True, dtype="float64").items():
        np.testing.assert_array_equal(mean, values[name][0])
        np.testing.assert_array_equal(std, values[name][1])
    one = third.predict(ROWS[0], "half", return_std=True)
    assert all(isinstance(value, np.float32) for value in one)
    assert third.predict(ROWS[:0], "half", return_std=True)[1].shape == (0,)
    # Chunks and threads change nothing.
    many = np.tile(ROWS, (150, 1))
    assert np.array_equal(third.predict(many, "half", threads=1)[-300:], third.predict(ROWS, "half"))


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("accuracy +", "is no expression"),
        ("accuracy if macs else params", "'accuracy if macs else params' is not allowed; use numbers, names"),
        ("accuracy // 2", "'accuracy // 2' is not allowed"),
        ("__import__('os')", "is not allowed"),
        ("accuracy.real", "'accuracy.real' is not allowed"),
        ("max(accuracy, default=3)", "is not allowed"),
        ("True * accuracy", "'True' is not allowed"),
        ("'a' * accuracy", "is not allowed"),
        ("sin(accuracy)", "is not allowed; .* the functions abs, exp, log, max, min, sqrt"),
        ("log(accuracy, 2)", r"log has 2 arguments in 'log\(accuracy, 2\)'; give it one"),
        ("max(accuracy)", "max has 1 arguments .*; give it two or more"),
        ("speed * 2", 'unknown metric "speed"; the metrics are accuracy'),
        ("1 + 2", "'1 \\+ 2' names no metric; use at least one"),
        ("1e999 * accuracy", "too large; use a number that float64 holds"),
        ("accuracy + 10 ** 999", "10 \\*\\* 999 is undefined or too large in the expression"),
        ("accuracy / 0", "division by 0 in the expression"),
        ("accuracy + log(1 - 2)", "log of -1 is undefined or too large in the expression"),
        ("accuracy * 1e308 * 10", "has numbers too large for float64"),
        ("accuracy" + " + 1" * 4000, "the expression has 16008 characters; use at most 10000"),
    ],
)
def test_expressions_at_fault_are_refused(bench, expression, message):
    with pytest.raises(MetricError, match=message):
        bench.derive("it", expression, direction="maximise")


def test_names_and_directions_at_fault_are_refused(bench):
    for name, message in [("macs", "has a metric 'macs' already"), ("a b", "can't name"), ("log", "'log' can't name")]:
        with pytest.raises(MetricError, match=message):
            bench.derive(name, "accuracy", direction="maximise")
    with pytest.raises(ParameterError, match="direction is 'up'; choose maximise or minimise"):
        bench.derive("it", "accuracy", direction="up")
    derived = bench.derive("it", "accuracy + 1", direction="maximise")
    with pytest.raises(MetricError, match=r'unknown metric "speed"; the metrics are accuracy, .*, it'):
        derived.predict(ROWS, ["it", "speed"])


@pytest.mark.parametrize(
    ("expression", "dtype", "message"),
    [
        ("log(macs - 300)", "float64", r"it = log\(macs - 300\): log of -\S+ is undefined .* at architecture e\d_k"),
        ("sqrt(accuracy - 60)", "float64", "sqrt of -"),
        ("(accuracy - 60) ** 0.5", "float64", r"-\S+ \*\* 0.5 is undefined"),
        ("accuracy * macs / (params * 0)", "float64", r"division of \S+ by 0 at architecture"),
        ("(accuracy * macs) / max(min(accuracy, 0), -1)", "float64", r"division of \S+ by 0 at architecture"),
        ("exp(train_time ** 2)", "float64", "exp of .* too large"),
        ("exp(accuracy * 20)", "float64", r"it = exp\(accuracy \* 20\): no finite float64 at architecture"),
        ("exp(accuracy * 2)", "float32", "no finite float32 at architecture .* use dtype float64"),
        ("exp(accuracy) * macs ** 10", "float32", "no finite float32"),
        ("1 / (params - params)", "float64", "no finite float64"),
    ],
)
def test_undefined_values_name_the_architecture(bench, expression, dtype, message):
    with pytest.raises(MetricError, match=message):
        bench.derive("it", expression, direction="maximise").predict(ROWS, "it", dtype=dtype)


def test_ensembles_of_different_sizes_are_not_mixed(bench):
    space = bench.space._core
    three = _core.Surrogate.from_tables(space, [1.0, 2.0, 3.0], [[0]], [np.ones((3, 3))])
    with pytest.raises(ModelError, match="surrogates of 3 and of 10 members can't be combined"):
        _core.Surrogate.combine(space, [three, bench._core.surrogate(0)], [1.0, 1.0], 0.0)
    with pytest.raises(ModelError, match="it has 9 cells, the choices and members make 18"):
        _core.Surrogate.from_tables(space, [1.0, 2.0, 3.0], [[0, 1]], [np.ones((3, 3))])
    with pytest.raises(ValueError, match="table 0 has 1 rows, there are 3 members"):
        _core.Surrogate.from_tables(space, [1.0, 2.0, 3.0], [[0]], [np.ones((1, 9))])
    fields = {"unit": "", "direction": "maximise", "noise": None, "description": "", "provenance": {"by": "hand"}}
    mixed = accelnas.load()
    mixed._core = mixed._core.with_metric("three", three, link="identity", **fields)
    assert mixed.provenance("three") == {"by": "hand"}
    with pytest.raises(MetricError, match="mixes ensembles: accuracy has 10, three has 3 members; use as many, or one"):
        mixed.derive("it", "accuracy * three", direction="maximise")


def test_distances_to_limits_are_exact_through_affine_expressions(tmp_path):
    random = np.random.default_rng(0)
    space = accelnas.mnasnet_space()
    for name, limit in (("below", 76.0), ("above", 2.5)):
        cells = [random.normal(size=(2, size)) for size in (9, 2)]
        surrogate = _core.Surrogate.from_tables(space._core, [0.0, 0.1], [[0, 4], [9]], cells)
        write_surrogate(tmp_path, name, surrogate, "maximise", name, limit)
    bench = accelnas.load(tmp_path)
    for expression, link, limit in [
        ("76 - below", "log", None),
        ("3 * below - 2", "below", 226.0),
        ("1 - below / 2", "above", -37.0),
        ("log(above - 2.5)", "identity", None),
        ("(2.5 - above) * -1", "log", None),
        ("-2 * above", "below", -5.0),
        ("below + above", None, None),
        ("1 / below", None, None),
    ]:
        more = bench.derive("it", expression, direction="maximise")
        metric = more.metrics["it"]
        assert (metric.exact, metric.limit) == (link is not None, limit)
        assert metric.link == (link or "identity")
        values = {name: bench.predict(ROWS, name, dtype="float64") for name in ("below", "above")}
        np.testing.assert_allclose(
            more.predict(ROWS, "it", dtype="float64"), compute(expression, values), rtol=1e-9, atol=1e-9
        )


def test_rates_with_a_ceiling_and_times_with_a_floor_are_exact_through_multiples_and_inverses(tmp_path):
    random = np.random.default_rng(0)
    space = accelnas.mnasnet_space()
    for name, link, limit in (("capped", "capped", 0.25), ("floored", "floored", 4.0), ("plain", "identity", None)):
        cells = [random.normal(size=(2, size)) for size in (9, 2)]
        surrogate = _core.Surrogate.from_tables(space._core, [4.0, 4.1], [[0, 4], [9]], cells)
        write_surrogate(tmp_path, name, surrogate, "maximise", link, limit)
    bench = accelnas.load(tmp_path)
    values = {name: bench.predict(ROWS, name, dtype="float64") for name in ("capped", "floored", "plain")}
    assert all(0.2 < (values[name] == limit).mean() < 0.8 for name, limit in (("capped", 0.25), ("floored", 4.0)))
    for expression, link, limit in [
        ("1000 / capped", "floored", 4000.0),
        ("3 * capped", "capped", 0.75),
        ("60 / floored", "capped", 15.0),
        ("2 * floored - 1", "floored", 7.0),
        ("1 / (1 / capped + 4)", "capped", 0.125),
        ("min(capped, 0.23, 7)", "capped", 0.23),
        ("max(4.5, floored)", "floored", 4.5),
        ("min(1 / plain, 0.22)", "capped", 0.22),
        ("max(1, plain, 4.25)", "floored", 4.25),
        ("1 / max(plain, 4.25)", "capped", 1 / 4.25),
        ("min(capped, -1)", None, None),
        ("min(floored, 5)", None, None),
        ("min(plain, 1 / plain)", None, None),
        ("max(capped, 0.1)", None, None),
        ("capped + 1", None, None),
        ("-1 * capped", None, None),
        ("1 - floored", None, None),
        ("capped + capped", None, None),
        ("1 / capped + floored", None, None),
        ("1 / (floored - 4)", None, None),
        ("log(capped)", None, None),
        ("capped ** 2", None, None),
    ]:
        metric = bench.derive("it", expression, direction="maximise").metrics["it"]
        assert (metric.exact, metric.limit) == (link is not None, limit), expression
        assert metric.link == (link or "identity")
        if link:
            found = bench.derive("it", expression, direction="maximise").predict(ROWS, "it", dtype="float64")
            np.testing.assert_allclose(found, compute(expression, values), rtol=1e-12)


def test_sums_are_simplified_on_their_scale():
    metrics = {"a": LinkedSum("identity", {"a": 1.0}), "t": LinkedSum("log", {"t": 1.0}), "p": None}
    assert simplify(parse("(a + a) / 4 + 1"), metrics) == LinkedSum("identity", {"a": 0.5}, 1.0)
    assert simplify(parse("t * t / t"), metrics) == LinkedSum("log", {"t": 1.0})
    assert simplify(parse("t / t"), metrics) == LinkedSum("log", {})
    assert simplify(parse("a + p"), metrics) is None
