"""Standard deviations of measurements, simulated measurements, intervals and distances to the data."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import accelnas
from accelnas import ArtifactError, MetricError, ModelError, ParameterError, _core

GOLDEN = Path(__file__).parents[1] / "golden" / "v1"
SPACE = accelnas.mnasnet_space()
CARDS = [len(variable.choices) for variable in SPACE.variables]
ROWS = SPACE.sample(3000, seed=5)
FITTED = np.unique(SPACE.sample(400, seed=6), axis=0)
SEVEN = 7  # members

# The link's inverse, and the size of its slope where the metric is y.
LINKS = {
    "identity": (lambda v: v, np.ones_like),
    "reciprocal": (lambda v: 1 / v, np.square),
    "log": (np.exp, np.abs),
    "below": (lambda v: 9 - np.exp(-v), lambda y: 9 - y),
    "above": (lambda v: 3 + np.exp(v), lambda y: y - 3),
    "capped": (lambda v: np.minimum(1 / v, 0.5), np.square),
    "floored": (lambda v: np.maximum(v, 2.05), np.ones_like),
}
LEAST = {"capped": 2.0, "floored": 2.05}  # modelled values that all lower ones stand for
LIMITS = {"below": 9.0, "above": 3.0, "capped": 0.5, "floored": 2.05}
FACTORS = np.exp(np.random.default_rng(1).normal(0, 0.1, sum(CARDS)))


def uncertainty(**changes):
    scores = np.sort(np.abs(np.random.default_rng(2).normal(size=199))).astype(np.float32)
    known = {"noise": 0.02, "residual": 0.05, "factors": FACTORS, "scores": scores, "training": FITTED}
    return {**known, **changes}


def write(directory, name, link="identity", granularity="variables", known=None, noise=None):
    """Write a metric whose members scatter by 0.05 around 2 on the link's scale."""
    random = np.random.default_rng(len(name))
    sets = [[0, 1], [6, 9], [27]] if granularity == "variables" else [[0], [2, 5]]
    cards = CARDS if granularity == "variables" else [block.size for block in SPACE.blocks]
    cells = [random.normal(0, 0.05, (SEVEN, int(np.prod([cards[a] for a in axes])))) for axes in sets]
    constants = random.normal(2, 0.02, SEVEN)
    _core.write_metric(
        directory,
        name,
        _core.Surrogate.from_tables(SPACE._core, constants, sets, cells, granularity),
        unit="u",
        direction="maximise",
        link=link,
        limit=LIMITS.get(link),
        noise=noise,
        description="",
        provenance={},
        uncertainty=known,
    )


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    directory = tmp_path_factory.mktemp("bench")
    for link in LINKS:
        for granularity in ("variables", "blocks"):
            write(directory, f"{link}_{granularity}", link, granularity, uncertainty())
    write(directory, "heavy", "reciprocal", known=uncertainty(degrees_of_freedom=4.5))
    write(directory, "plain")
    write(directory, "stated", "log", noise=0.5)
    write(directory, "exact", noise=0.0)
    write(directory, "unrepeated", known=uncertainty(noise=None, scores=np.empty(0, np.float32), training=FITTED[:0]))
    return accelnas.load(directory)


def members_of(bench, name):
    return bench._core.surrogate(bench._core.position(name)).predict_members(ROWS)


def residuals(rows=ROWS):
    starts = np.cumsum([0, *CARDS[:-1]])
    return 0.05 * np.prod(FACTORS[rows + starts], axis=1)


@pytest.mark.parametrize("granularity", ["variables", "blocks"])
@pytest.mark.parametrize("link", LINKS)
def test_total_standard_deviation_is_that_of_numpy(bench, link, granularity):
    name = f"{link}_{granularity}"
    inverse, slope = LINKS[link]
    members = members_of(bench, name)
    mean = inverse(members.mean(axis=1))
    spread = inverse(members).std(axis=1)
    total = np.hypot(spread, residuals() * slope(mean))
    assert bench.metrics[name].calibrated
    for kind, expected in (("members", spread), (True, total)):
        found = bench.predict(ROWS, name, return_std=kind, dtype="float64")
        np.testing.assert_allclose(found[0], mean, rtol=1e-12)
        np.testing.assert_allclose(found[1], expected, rtol=1e-9)
        fast = bench.predict(ROWS, name, return_std=kind)
        np.testing.assert_allclose(fast[1], expected, rtol=1e-3, atol=1e-5)
        # neither batches nor threads move a bit
        parts = [bench.predict(ROWS[i : i + 701], name, return_std=kind, threads=1)[1] for i in range(0, 3000, 701)]
        np.testing.assert_array_equal(np.concatenate(parts), fast[1])
    one = bench.predict(ROWS[0], name, return_std=True)
    assert one == tuple(values[0] for values in bench.predict(ROWS, name, return_std=True))


def test_without_uncertainty_the_standard_deviation_is_the_members(bench):
    assert not bench.metrics["plain"].calibrated
    for dtype in ("float32", "float64"):
        both = [bench.predict(ROWS, "plain", return_std=kind, dtype=dtype) for kind in (True, "members")]
        np.testing.assert_array_equal(both[0], both[1])
    np.testing.assert_allclose(both[0][1], members_of(bench, "plain").std(axis=1), rtol=1e-9)


def test_query_noise_is_normal_and_independent(bench):
    rows = SPACE.sample(40_000, seed=8, unique=True)
    name = "identity_variables"
    mean = bench.predict(rows, name, dtype="float64")

    def noise(name, seed, rows=rows, mean=mean):
        return (bench.query(rows, name, seed=seed) - mean) / 0.02

    own = noise(name, 1)
    assert stats.kstest(own, "norm").pvalue > 1e-3
    other = noise("identity_blocks", 1, mean=bench.predict(rows, "identity_blocks", dtype="float64"))
    # architectures that differ in one choice, in the first and in the last variable
    neighbours = []
    for v in (0, 27):
        near = rows.copy()
        near[:, v] = (near[:, v] + 1) % CARDS[v]
        neighbours.append(noise(name, 1, near, bench.predict(near, name, dtype="float64")))
    for another in (noise(name, 2), noise(name, 2**64 - 1), other, *neighbours):
        assert abs(np.corrcoef(own, another)[0, 1]) < 4 / np.sqrt(len(rows))
        assert stats.kstest(own - another, "norm", args=(0, np.sqrt(2))).pvalue > 1e-3


def test_query_is_a_function_of_architecture_seed_and_metric(bench):
    whole = bench.query(ROWS, seed=3, metrics=["log_blocks", "stated"], threads=2)
    order = np.random.default_rng(0).permutation(len(ROWS))
    assert list(whole) == ["log_blocks", "stated"]
    for name, values in whole.items():
        np.testing.assert_array_equal(bench.query(ROWS[order], name, seed=3, threads=1), values[order])
        np.testing.assert_array_equal(bench.query(ROWS[7:11], name, seed=np.uint64(3)), values[7:11])
        assert bench.query(SPACE.format(ROWS[:1])[0], name, seed=3) == values[0]
    # on the scale of the link where it is estimated there, in the unit where it is stated
    relative = np.log(whole["log_blocks"] / bench.predict(ROWS, "log_blocks", dtype="float64"))
    assert relative.std() == pytest.approx(0.02, rel=0.06)
    absolute = whole["stated"] - bench.predict(ROWS, "stated", dtype="float64")
    assert absolute.std() == pytest.approx(0.5, rel=0.06)
    np.testing.assert_array_equal(bench.query(ROWS, "exact", seed=1), bench.predict(ROWS, "exact", dtype="float64"))


def test_first_measurements_have_the_errors_of_predictions(bench):
    rows = SPACE.sample(40_000, seed=8, unique=True)
    for name, law in (("heavy", stats.t(4.5, scale=np.sqrt(2.5 / 4.5))), ("reciprocal_variables", stats.norm())):
        members = bench._core.surrogate(bench._core.position(name)).predict_members(rows)
        total = np.hypot(members.std(axis=1), residuals(rows))
        errors = (1 / bench.query(rows, name, seed=1, std="total") - members.mean(axis=1)) / total
        assert stats.kstest(errors, law.cdf).pvalue > 1e-3
        other = stats.norm() if name == "heavy" else stats.t(4.5, scale=np.sqrt(2.5 / 4.5))
        assert stats.kstest(errors, other.cdf).pvalue < 1e-9
    twice = bench.derive("twice", "2 * heavy", direction="maximise")
    drawn = bench.query(rows[:9], "heavy", seed=1, std="total")
    np.testing.assert_array_equal(twice.query(rows[:9], "twice", seed=1, std="total"), 2 * drawn)
    np.testing.assert_array_equal(bench.query(rows[4], "heavy", seed=1, std="total"), drawn[4])
    exact = bench.predict(ROWS, "exact", dtype="float64")
    np.testing.assert_array_equal(bench.query(ROWS, "exact", seed=1, std="total"), exact)
    with pytest.raises(MetricError, match='metric "plain" comes without held-out errors'):
        bench.query(ROWS, "plain", seed=1, std="total")
    with pytest.raises(ParameterError, match="std is 'members'; choose 'repeat' or 'total'"):
        bench.query(ROWS, "heavy", seed=1, std="members")


def test_intervals_have_the_stated_ends_and_cover(bench):
    rows = SPACE.sample(20_000, seed=9)
    scores = np.sort(uncertainty()["scores"]).astype(float)
    for link, (inverse, _) in LINKS.items():
        name = f"{link}_variables"
        members = members_of(bench, name)
        half = scores[int(np.ceil(200 * 0.9)) - 1] * np.hypot(members.std(axis=1), residuals())
        centre = np.maximum(members.mean(axis=1), LEAST.get(link, -np.inf))
        ends = inverse(np.array([centre - half, centre + half]))
        found = bench.predict_interval(ROWS, name, level=0.9)
        np.testing.assert_allclose(found, np.sort(ends, axis=0), rtol=1e-9)
        # normal errors of the total standard deviation: as many as the level says fall inside
        values = bench._core.surrogate(bench._core.position(name)).predict_members(rows)
        total = np.hypot(values.std(axis=1), residuals(rows))
        centre = np.maximum(values.mean(axis=1), LEAST.get(link, -np.inf))
        measured = inverse(centre + total * np.random.default_rng(3).normal(size=len(rows)))
        for level in (0.5, 0.8, 0.95):
            lower, upper = bench.predict_interval(rows, name, level=level)
            covered = np.mean((lower <= measured) & (measured <= upper))
            # the quantile of 199 scores is uncertain by about 0.035; an end at a ceiling holds all that is cut there
            assert -0.1 < covered - level < (0.1 if link not in LEAST else 1), (name, level, covered)
    assert all(end.shape == () for end in bench.predict_interval(ROWS[0], "log_blocks"))


def test_distances_are_those_of_brute_force(bench):
    def brute(rows, others):
        return (rows[:, None] != others).sum(axis=2)

    expected = brute(ROWS, FITTED).min(axis=1)
    found = bench.distance(ROWS, "log_blocks", threads=2)
    assert found.dtype == np.uint16
    np.testing.assert_array_equal(found, expected)
    assert not bench.distance(FITTED, "log_blocks").any()
    among = brute(FITTED, FITTED)
    limit = np.sort(np.where(among == 0, 99, among).min(axis=1))[int(np.ceil(0.99 * len(FITTED))) - 1]
    np.testing.assert_array_equal(bench.is_far(ROWS, "log_blocks"), expected > limit)
    assert bench.distance(ROWS[3], "log_blocks") == expected[3]


def test_derived_metrics_keep_what_can_be_kept(bench):
    more = bench.derive("time", "1000 / reciprocal_blocks", direction="minimise")
    more = more.derive("score", "time * log_blocks ** 2", direction="minimise")
    assert more.metrics["time"].calibrated
    assert not more.metrics["score"].calibrated
    members = 1000 * members_of(bench, "reciprocal_blocks")
    expected = np.hypot(members.std(axis=1), 1000 * residuals())
    np.testing.assert_allclose(more.predict(ROWS, "time", return_std=True, dtype="float64")[1], expected, rtol=1e-9)
    np.testing.assert_array_equal(more.distance(ROWS, "time"), bench.distance(ROWS, "log_blocks"))
    lower, upper = bench.predict_interval(ROWS, "reciprocal_blocks")
    np.testing.assert_allclose(more.predict_interval(ROWS, "time"), (1000 / upper, 1000 / lower), rtol=1e-9)
    parts = bench.query(ROWS, ["reciprocal_blocks", "log_blocks"], seed=4)
    found = more.query(ROWS, ["score", "time", "log_blocks"], seed=4)
    np.testing.assert_allclose(found["time"], 1000 / parts["reciprocal_blocks"], rtol=1e-12)
    np.testing.assert_allclose(found["score"], found["time"] * parts["log_blocks"] ** 2, rtol=1e-12)
    with pytest.raises(MetricError, match=r"score = .* is evaluated on predictions and has no data of its own"):
        more.predict_interval(ROWS, "score")
    unknown = bench.derive("twice", "2 * plain", direction="maximise")
    with pytest.raises(MetricError, match='metric "plain" comes without a noise'):
        unknown.query(ROWS, "twice", seed=1)


def test_tails_are_told_and_change_nothing_else(bench):
    assert bench.degrees_of_freedom("heavy") == 4.5
    assert bench.derive("half", "heavy / 2", direction="minimise").degrees_of_freedom("half") == 4.5
    assert bench.degrees_of_freedom("log_blocks") == np.inf
    # a file without them is of the oldest version that holds it
    versions = {name: header_of(bench, name)["format_version"] for name in ("heavy", "log_blocks", "below_blocks")}
    assert versions == {"heavy": 4, "log_blocks": 1, "below_blocks": 4}


def header_of(bench, name):
    content = (bench.path / f"{name}.safetensors").read_bytes()
    length = int.from_bytes(content[:8], "little")
    return json.loads(json.loads(content[8 : 8 + length])["__metadata__"]["accelnas"])


def test_what_a_metric_can_not_give_is_refused(bench):
    for name in ("plain", "unrepeated"):
        with pytest.raises(MetricError, match=f'metric "{name}" comes without a noise; predict it, or fit it'):
            bench.query(ROWS, name, seed=1)
        with pytest.raises(MetricError, match=f'metric "{name}" comes without held-out errors; fit it'):
            bench.predict_interval(ROWS, name)
        for method in (bench.distance, bench.is_far):
            with pytest.raises(MetricError, match=f'metric "{name}" comes without fitted architectures; fit it'):
                method(ROWS, name)
    with pytest.raises(MetricError, match='metric "plain" comes without held-out errors; fit it'):
        bench.degrees_of_freedom("plain")
    with pytest.raises(MetricError, match='metric "exact" is exact, without held-out errors; use its predictions'):
        bench.predict_interval(ROWS, "exact")
    for seed in (-1, 2**64, None, 0.5):
        with pytest.raises(ParameterError, match=r"seed is .*; choose an integer of 0 to 18446744073709551615"):
            bench.query(ROWS, "log_blocks", seed=seed)
    for level in (0, 1, -3, float("nan")):
        with pytest.raises(
            (MetricError, ParameterError), match=r"level .*; choose (between 0 and 1|a finite number of 0 to 1)"
        ):
            bench.predict_interval(ROWS, "log_blocks", level=level)
    with pytest.raises(MetricError, match=r"199 held-out errors, too few for level 0\.999; choose at most 0\.995"):
        bench.predict_interval(ROWS, "log_blocks", level=0.999)
    assert np.isfinite(bench.predict_interval(ROWS, "log_blocks", level=0.995)).all()
    with pytest.raises(ParameterError, match="return_std is 'some'; choose False, True or 'members'"):
        bench.predict(ROWS, return_std="some")
    with pytest.raises(MetricError, match='unknown metric "speed"'):
        bench.distance(ROWS, "speed")
    with pytest.raises(ParameterError, match="threads is 0"):
        bench.query(ROWS, "log_blocks", seed=1, threads=0)


def test_wrong_uncertainty_is_not_written(tmp_path):
    scores = uncertainty()["scores"]
    for change, message in (
        ({"noise": -1.0}, "uncertainty.noise is -1, expected a finite number of at least 0"),
        ({"degrees_of_freedom": 2.0}, "degrees_of_freedom is 2, expected a finite number above 2; leave it out where"),
        ({"degrees_of_freedom": np.nan}, "uncertainty.degrees_of_freedom is NaN"),
        ({"factors": FACTORS[1:]}, "uncertainty.factors has 70 numbers, the variables have 71 choices"),
        ({"scores": scores[::-1].copy()}, "uncertainty.scores is not sorted"),
        ({"training": FITTED[::-1].copy()}, "uncertainty.training: row 1 does not follow row 0; sort distinct rows"),
    ):
        with pytest.raises(ModelError, match=message):
            write(tmp_path, "m", known=uncertainty(**change))
    assert not list(tmp_path.glob("*.safetensors"))


def test_golden_artifact_with_uncertainty(tmp_path):
    golden = accelnas.load(GOLDEN)
    expected = json.loads((GOLDEN / "expected.json").read_text())["calibrated"]
    rows = golden.space.range(0, golden.space.size)
    np.testing.assert_allclose(golden.query(rows, "calibrated", seed=1), expected["query"], rtol=1e-14)
    lower, upper = golden.predict_interval(rows, "calibrated", level=0.9)
    np.testing.assert_allclose(lower, expected["lower"], rtol=1e-12)
    np.testing.assert_allclose(upper, expected["upper"], rtol=1e-12)
    np.testing.assert_array_equal(golden.distance(rows, "calibrated"), expected["distance"])
    assert not golden.metrics["tables"].calibrated
    # a benchmark whose two files disagree on it
    shutil.copytree(GOLDEN, tmp_path / "bench")
    toml = tmp_path / "bench" / "benchmark.toml"
    toml.write_text(toml.read_text().replace("calibrated = true\n", ""))
    with pytest.raises(ArtifactError, match=r"whether it is calibrated are .* true\), benchmark.toml says"):
        accelnas.load(tmp_path / "bench").predict(0, "calibrated")


def test_golden_artifact_with_heavy_tails():
    golden = accelnas.load(GOLDEN.parent / "v4")
    expected = json.loads((golden.path / "expected.json").read_text())["heavy"]
    rows = golden.space.range(0, golden.space.size)
    assert golden.degrees_of_freedom("heavy") == expected["degrees_of_freedom"] == 3.5
    np.testing.assert_allclose(
        golden.predict_interval(rows, "heavy"), [expected["lower"], expected["upper"]], rtol=1e-12
    )
    assert [golden.degrees_of_freedom(name) for name in ("below", "above")] == [np.inf, np.inf]
