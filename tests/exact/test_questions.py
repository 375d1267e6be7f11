"""Exact answers against plain enumeration; certificates against everything that could be wrong with them."""

import copy
import csv
import hashlib
import json
import math
import shutil

import numpy as np
import pytest

import accelnas
from accelnas import (
    AccelnasError,
    ArtifactError,
    FileError,
    Frame,
    MetricError,
    ParameterError,
    SearchError,
    SpaceError,
)
from accelnas.exact import (
    BestQuestion,
    Certificate,
    CountQuestion,
    DistributionQuestion,
    FrontQuestion,
    LexicographicQuestion,
    RankQuestion,
    ReferencePoint,
    RunOptions,
    ScalarisedQuestion,
    WeightedProduct,
    WeightedSum,
    hypervolume,
    merge_shards,
    read_question,
    run_shard,
)
from accelnas.exact.constraints import parse_constraints
from accelnas.exact.objectives import parse_within
from accelnas.exact.recompute import recompute
from accelnas.exact.resolved import ResolvedQuestion
from command_line import failure, run
from exact_samples import enumerated

WITHIN = {
    "block0_e": 1,
    "block1_e": [4, 6],
    "block2_e": [4, 6],
    "block3_e": 6,
    "block4_k": 3,
    "block4_e": 4,
    "block5_e": 6,
    "block6_se": True,
}
LIMITS = {"subject_to": ["latency_zcu102 <= 5.0", "macs >= 150"], "within": WITHIN, "k": 3}


@pytest.fixture(scope="module")
def bench(bench):
    return bench.derive("time_a100", "1000 / throughput_a100", unit="ms", direction="minimise")


@pytest.fixture(scope="module")
def found(bench):
    return bench.best("accuracy", **LIMITS)


@pytest.fixture(scope="module")
def counted(bench):
    return bench.count(["accuracy >= 62", "time_a100 <= 0.2"], within=WITHIN)


# --- constraints and restrictions -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("subject_to", "expected"),
    [
        ("macs <= 300", (-math.inf, 300.0)),
        ("300>=macs", (-math.inf, 300.0)),
        ("macs < 300", (-math.inf, math.nextafter(300, -math.inf))),
        ("macs > 3e2", (math.nextafter(300, math.inf), math.inf)),
        ("+1_0.5e1 <= macs", (105.0, math.inf)),
        ("macs == 300", (300.0, 300.0)),
        ("300 == macs", (300.0, 300.0)),
        ("2 <= macs < 3", (2.0, math.nextafter(3, -math.inf))),
        ("3 > macs >= 2", (2.0, math.nextafter(3, -math.inf))),
        (["macs <= 300", "macs >= 1", "macs <= 200"], (1.0, 200.0)),
        ({"macs": (None, 5)}, (-math.inf, 5.0)),
        ({"macs": (1, 5)}, (1.0, 5.0)),
    ],
)
def test_constraints_are_closed_ranges(bench, subject_to, expected):
    (constraint,) = parse_constraints(bench.metrics, subject_to)
    assert (constraint.metric, constraint.lower, constraint.upper) == ("macs", *expected)
    assert parse_constraints(bench.metrics, str(constraint)) == (constraint,)


@pytest.mark.parametrize("subject_to", [[], (), {}, "macs <= inf", {"macs": (None, None)}])
def test_open_ranges_are_no_constraints(bench, subject_to):
    assert parse_constraints(bench.metrics, subject_to) == ()


@pytest.mark.parametrize(
    ("subject_to", "error", "message"),
    [
        ("macs = 3", SearchError, "constraint 'macs = 3' can't be read; write it like 'latency_zcu102 <= 5'"),
        ("macs", SearchError, "constraint 'macs' can't be read"),
        ("", SearchError, "constraint '' can't be read"),
        ("1 < macs > 3", SearchError, "can't be read"),
        ("1 == macs == 3", SearchError, "can't be read"),
        ("macs <= params", SearchError, "constraint 'macs <= params': 'params' is no number"),
        ("macs <= nan", SearchError, "constraint 'macs <= nan': 'nan' bounds nothing"),
        ({"macs": (math.nan, 3)}, SearchError, "bounds nothing"),
        ({"macs": 3}, SearchError, "constraint 'macs: 3' is no pair; give a lower and an upper bound, None for none"),
        ([3], SearchError, "constraint 3 is a int; write it like"),
        (
            ["macs <= 1", "macs >= 2"],
            SearchError,
            "'macs >= 2' can't be met: macs would be at least 2.0 and",
        ),
        ("macs >= inf", SearchError, "can't be met"),
        ("3 <= macs < 3", SearchError, "can't be met"),
        (
            "speed <= 3",
            MetricError,
            "unknown metric \"speed\" in the constraint 'speed <= 3'; the metrics are",
        ),
        ({"speed": (1, 2)}, MetricError, "unknown metric"),
        ("3 <= 5", MetricError, 'unknown metric "5"'),
    ],
)
def test_constraints_at_fault_are_refused(bench, subject_to, error, message):
    with pytest.raises(error, match=message):
        bench.best("accuracy", subject_to=subject_to)


def test_metrics_without_tables_are_refused(bench):
    more = bench.derive("reward", "accuracy * time_a100", direction="maximise")
    for question in ({"objective": "reward"}, {"objective": "accuracy", "subject_to": "reward > 3"}):
        with pytest.raises(MetricError, match=r"reward = accuracy \* time_a100 is evaluated on predictions .* sample"):
            more.best(**question)
    with pytest.raises(MetricError, match='unknown metric "speed"; the metrics are accuracy'):
        more.best("speed")


@pytest.mark.parametrize("k", [0, -1, 1.0, True, 10**6])
def test_k_at_fault_is_refused(bench, k):
    with pytest.raises(ParameterError, match=r"k is .*; choose an integer of 1 to 10000"):
        bench.best("accuracy", k=k)


def test_restrictions_are_choice_indices(bench):
    allowed = parse_within(bench.space, {"block0_e": 6, "block1_k": [5, 3, 5], "block2_se": True, "block3_l": (1,)})
    assert allowed[0] == (2,)
    assert allowed[5] == (0, 1)
    assert allowed[11] == (1,)
    assert allowed[14] == (0,)
    assert math.prod(map(len, parse_within(bench.space, None))) == bench.space.size


@pytest.mark.parametrize(
    ("within", "message"),
    [
        ({"block0_e": 7}, "within: block0_e is 7; choose from 1, 4, 6"),
        ({"block0_e": [1, "4"]}, "block0_e is '4'; choose from 1, 4, 6"),
        ({"block0_se": 1}, "block0_se is 1; choose from False, True"),
        ({"block0_e": True}, "block0_e is True; choose from 1, 4, 6"),
        ({"block0_e": []}, "within leaves block0_e no choice; give at least one of 1, 4, 6"),
        ({"block9_e": 1}, "within names 'block9_e'; the variables are block0_e, block0_k"),
    ],
)
def test_restrictions_at_fault_are_refused(bench, within, message):
    with pytest.raises(SpaceError, match=message):
        bench.best("accuracy", within=within)


# --- plain enumeration ----------------------------------------------------------------------------------------------


def random_within(space, draw, largest):
    """Restrict variables at random until few architectures are left."""
    allowed = [list(range(len(v.choices))) for v in space.variables]
    while math.prod(map(len, allowed)) > largest:
        some = allowed[draw.integers(len(allowed))]
        if len(some) > 1:
            some.pop(draw.integers(len(some)))
    return {v.name: [v.choices[i] for i in some] for v, some in zip(space.variables, allowed, strict=True)}, allowed


def enumerate_all(allowed):
    """All architectures, ascending by index."""
    grid = np.meshgrid(*[np.array(some, np.uint8) for some in allowed], indexing="ij", copy=False)
    return np.ascontiguousarray(np.stack([axis.ravel() for axis in grid], axis=1))


def random_constraints(draw, names, values):
    """Ranges between random quantiles, at exact values; the last kind can't be met by chance alone."""
    limits, met = [], np.ones(len(next(iter(values.values()))), bool)
    for name in names:
        lower, upper = sorted(draw.choice(values[name], 2))
        text, range_met = [
            (f"{name} <= {upper!r}", values[name] <= upper),
            (f"{name} > {lower!r}", values[name] > lower),
            (f"{lower!r} <= {name} <= {upper!r}", (lower <= values[name]) & (values[name] <= upper)),
            (f"{name} == {upper!r}", values[name] == upper),
            (f"{name} < {values[name].min()!r}", np.zeros(len(met), bool)),
        ][draw.choice(5, p=[0.3, 0.3, 0.25, 0.1, 0.05])]
        limits.append(text.replace("np.float64(", "").replace(")", ""))
        met &= range_met
    return limits, met


@pytest.mark.parametrize("seed", range(30))
def test_random_sub_spaces_equal_enumeration(bench, seed):
    draw = np.random.default_rng(seed)
    within, allowed = random_within(bench.space, draw, int(draw.choice([1, 50, 3_000, 200_000])))
    rows = enumerate_all(allowed)
    metrics = [*draw.permutation(list(bench.metrics))[: draw.integers(1, 5)].tolist()]
    if seed % 3 == 0:  # many ties
        metrics[0] = ["peak_memory", "params", "macs"][seed // 3 % 3]
    objective, names = metrics[0], metrics[1:] if seed % 4 else metrics
    values = bench.predict(rows, metrics, dtype="float64")
    limits, met = random_constraints(draw, names, values)
    score = values[objective] * (1 if bench.metrics[objective].direction == "maximise" else -1)
    k = int(draw.choice([1, 2, 7, 40, 3000]))
    expected = np.flatnonzero(met)[np.argsort(-score[met], kind="stable")][:k]

    found = bench.best(objective, subject_to=limits, within=within, k=k)
    np.testing.assert_array_equal(found.architectures, rows[expected])
    np.testing.assert_array_equal(found.values, values[objective][expected])
    for name in {objective, *names}:
        np.testing.assert_array_equal(found.metric_values[name], values[name][expected])
    assert found.certificate.counts.total == found.certificate.size == len(rows)
    assert found.certificate.verify(bench, samples=500).passed
    count = bench.count(limits, within=within)
    assert (count.count, count.size) == (np.count_nonzero(met), len(rows))
    assert count.certificate.verify(bench, samples=500).passed


def test_the_published_family_equals_enumeration():
    bench = accelnas.load(family="xgboost")
    draw = np.random.default_rng(0)
    within, allowed = random_within(bench.space, draw, 100_000)
    rows = enumerate_all(allowed)
    values = bench.predict(rows, dtype="float64")
    limit = float(np.median(values["latency_zcu102"]))
    met = values["latency_zcu102"] <= limit
    expected = np.flatnonzero(met)[np.argsort(-values["accuracy"][met], kind="stable")][:25]
    found = bench.best("accuracy", subject_to={"latency_zcu102": (None, limit)}, within=within, k=25)
    np.testing.assert_array_equal(found.architectures, rows[expected])
    assert int(bench.count({"latency_zcu102": (None, limit)}, within=within)) == np.count_nonzero(met)
    assert found.certificate.verify(bench, samples=1000).passed


# --- results --------------------------------------------------------------------------------------------------------


def test_results(bench, found, counted):
    assert repr(found).startswith("<BestResult: 3 architectures, accuracy 6")
    assert list(found.metric_values) == ["accuracy", "macs", "latency_zcu102"]
    np.testing.assert_array_equal(found.values, bench.predict(found.architectures, "accuracy", dtype="float64"))
    with pytest.raises(ValueError, match="read-only"):
        found.values[0] = 0
    frame = found.to_polars()
    assert frame.columns == ["architecture", "accuracy", "macs", "latency_zcu102"]
    np.testing.assert_array_equal(bench.space.encode(Frame(frame, ignore_others=True)), found.architectures)
    assert int(counted) == counted.count == round(counted.fraction * counted.size)
    assert repr(counted).startswith(f"<CountResult: {counted.count:,} of {counted.size:,} architectures, ")
    nothing = bench.best("accuracy", subject_to="accuracy >= 90")
    assert len(nothing) == 0
    assert repr(nothing) == "<BestResult: no architecture meets the constraints>"
    assert nothing.to_polars().shape == (0, 2)
    assert nothing.certificate.bound == "none of the other 104,485,552,128 architectures meets the constraints"
    assert nothing.certificate.verify(bench, samples=1000).passed


@pytest.mark.slow
def test_an_optimum_is_verified_by_a_scan_without_bounds(bench):
    within = {"block0_e": 6, "block1_e": 6, "block2_e": 6, "block3_e": 6}  # 1.3e9 architectures
    found = bench.best("time_a100", subject_to=["accuracy >= 66", "params <= 6"], k=5, within=within)
    verification = found.certificate.verify(bench, rerun=True)
    assert [check.status for check in verification.checks] == ["passed"] * 11, verification.checks


def test_questions_are_the_same_in_any_wording(bench):
    key = BestQuestion("accuracy", subject_to=["macs <= 300", "params > 2"]).resolve(bench).key(bench)
    again = BestQuestion("accuracy", subject_to=["params > 2", "macs <= 400", "300 >= macs"]).resolve(bench)
    assert again.key(bench) == key
    assert ResolvedQuestion.from_json(bench, again.to_json(bench.space)) == again
    others = [
        BestQuestion("accuracy", subject_to=["macs <= 300", "params >= 2"]),
        BestQuestion("accuracy", subject_to=["macs <= 300", "params > 2"], k=2),
        BestQuestion("accuracy", subject_to=["macs <= 300", "params > 2"], within={"block0_e": 1}),
    ]
    assert key not in [other.resolve(bench).key(bench) for other in others]
    milli = accelnas.load().derive("time_a100", "1000 / throughput_a100", unit="ms", direction="minimise")
    micro = accelnas.load().derive("time_a100", "1e6 / throughput_a100", unit="ms", direction="minimise")
    question = BestQuestion("time_a100")
    assert question.resolve(milli).key(milli) != question.resolve(micro).key(micro)


def test_recomputation_covers_all_metrics(bench):
    rows = bench.space.sample(200, seed=3)
    for name in bench.metrics:
        np.testing.assert_allclose(
            recompute(bench, name, rows), bench.predict(rows, name, dtype="float64"), rtol=1e-11, err_msg=name
        )
    theirs = accelnas.load(family="xgboost")
    for name in theirs.metrics:
        np.testing.assert_allclose(
            recompute(theirs, name, rows), theirs.predict(rows, name, dtype="float64"), rtol=1e-11, err_msg=name
        )


# --- certificates ---------------------------------------------------------------------------------------------------


def leaves(content, path=()):
    """Paths of all values of plain data."""
    if isinstance(content, (dict, list)) and content:
        for key, value in content.items() if isinstance(content, dict) else enumerate(content):
            yield from leaves(value, (*path, key))
    else:
        yield path, content


def replaced(content, path, value):
    content = copy.deepcopy(content)
    inner = content
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return content


def sealed(content):
    """Give a changed certificate the digest of its fields, as a forger would."""
    fields = {name: value for name, value in content.items() if name not in ("format", "version", "sha256")}
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return {**content, "sha256": hashlib.sha256(text.encode()).hexdigest()}


def changed(bench, path, value):
    """Another value, of the same type where it has one."""
    if path[:2] == ("question", "constraints"):
        return 1e-6 if path[-1] else 1e9  # what no architecture meets
    opposites = {"maximise": "minimise", "minimise": "maximise", "identity": "log", "reciprocal": "log"}
    if value is None or value == {}:
        return 160.0
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, float):
        return math.nextafter(value, 0) if value > 30 else value * 1.05
    if value.count("-") == 6:  # an architecture
        return bench.space.format(bench.space.neighbours(value)[:1])[0]
    if len(value) == 64:
        return value[:-1] + ("0" if value[-1] != "0" else "1")
    return opposites.get(value, value + "x")


@pytest.mark.parametrize("kind", ["found", "counted"])
def test_certificates_survive_a_round_trip(kind, request, tmp_path):
    certificate = request.getfixturevalue(kind).certificate
    certificate.save(tmp_path / "c.json")
    again = Certificate.load(tmp_path / "c.json")
    assert again == certificate
    assert again.sha256 == certificate.sha256
    verification = again.verify(accelnas.load(), rerun=True)
    assert verification.passed
    assert repr(verification) == f"<Verification: passed, {len(verification.checks)} checks>"
    assert [c.name for c in verification.checks if c.status != "passed"] == []
    again.save(tmp_path / "c.json")
    assert [path.name for path in tmp_path.iterdir()] == ["c.json"]


@pytest.mark.parametrize("kind", ["found", "counted"])
def test_any_altered_field_is_noticed(bench, kind, request):
    content = request.getfixturevalue(kind).certificate.to_json()
    assert Certificate.from_json(content).sha256 == content["sha256"]
    for path, value in leaves(content):
        with pytest.raises(SearchError):
            Certificate.from_json(replaced(content, path, changed(bench, path, value)))
        with pytest.raises(SearchError):
            Certificate.from_json(replaced(content, path, [value]))


# what a forger may say without being caught: nothing of it is a claim about architectures
HARMLESS = {"seconds", "threads", "date", "engine"}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["found", "counted"])
def test_forged_claims_are_refused_or_refuted(bench, kind, request):
    content = request.getfixturevalue(kind).certificate.to_json()
    for path, value in leaves(content):
        if path[0] in HARMLESS or path == ("sha256",):
            continue
        forged = sealed(replaced(content, path, changed(bench, path, value)))
        try:
            certificate = Certificate.from_json(forged)
        except SearchError:
            continue
        assert not certificate.verify(bench, rerun=True, samples=2000).passed, path


def test_forged_results_are_refuted_without_a_rerun(bench, found):
    content = found.certificate.to_json()
    texts, values = content["result"]["architectures"], content["result"]["values"]

    def failures(result, **more):
        forged = {**content, "result": result, **more}
        last = result["values"]["accuracy"][-1] if result["architectures"] else None
        forged["bound"] = content["bound"].replace(repr(values["accuracy"][-1]), repr(last))
        certificate = Certificate.from_json(sealed(forged))
        return {check.name for check in certificate.verify(bench).checks if check.status == "failed"}

    def reordered(order):
        picked = {metric: [column[i] for i in order] for metric, column in values.items()}
        return {"architectures": [texts[i] for i in order], "values": picked}

    assert failures(reordered([0, 1, 2])) == set()
    assert failures(reordered([1, 0, 2])) == {"order"}
    assert "architectures" in failures(reordered([0, 0, 1]))
    others = bench.space.format(bench.space.sample(3, seed=1))
    assert {"architectures", "values"} <= failures({"architectures": others, "values": values})
    worse = bench.best("accuracy", **{**LIMITS, "k": 60}).certificate.result
    tail = {"architectures": worse["architectures"][-3:], "values": {m: v[-3:] for m, v in worse["values"].items()}}
    assert "neighbours" in failures(tail)
    far = bench.best("accuracy", **{**LIMITS, "subject_to": "accuracy <= 62"}).certificate.result
    rows = bench.space.parse(far["architectures"])
    predicted = {m: v.tolist() for m, v in bench.predict(rows, list(values), dtype="float64").items()}
    assert "samples" in failures({"architectures": far["architectures"], "values": predicted})


def test_certificates_of_other_benchmarks_fail(bench, found, tmp_path):
    theirs = accelnas.load(family="xgboost")
    shutil.copytree(bench.path, tmp_path / "copy")
    path = tmp_path / "copy" / "accuracy.safetensors"
    for other, message in [(theirs, "macs"), (accelnas.load(tmp_path / "copy"), None)]:
        checks = found.certificate.verify(other, samples=100).checks
        if message is None:
            assert all(check.status != "failed" for check in checks)
        else:
            assert [(check.name, check.status) for check in checks] == [("benchmark", "failed")]
            assert message in checks[0].reason
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(ArtifactError, match=r"accuracy\.safetensors has SHA-256"):
        recompute(accelnas.load(tmp_path / "copy"), "accuracy", bench.space.sample(1))


def test_files_at_fault_are_refused(tmp_path, found):
    path = tmp_path / "c.json"
    with pytest.raises(FileError, match="No such file"):
        Certificate.load(path)
    with pytest.raises(FileError, match="does not exist; create it first"):
        found.certificate.save(tmp_path / "none" / "c.json")
    for text, message in [
        (b"\xff", "is no text"),
        (b"{", "is no JSON"),
        (b'{"seconds": NaN}', "is no JSON: NaN is no number"),
        (b"[" * 100_000, "is no JSON"),
        (b"[]", r"c.json is \[\]; expected an object"),
        (b"{}", "lacks the field format"),
        (b'{"format": "a"}', "format is 'a'; expected accelnas certificate"),
    ]:
        path.write_bytes(text)
        with pytest.raises(SearchError, match=message):
            Certificate.load(path)
    newer = {**found.certificate.to_json(), "version": 2}
    with pytest.raises(SearchError, match="has version 2, this accelnas reads 1; use a newer one"):
        Certificate.from_json(newer)
    with pytest.raises(SearchError, match="unknown field more"):
        Certificate.from_json({**found.certificate.to_json(), "more": 1})


# --- command line ---------------------------------------------------------------------------------------------------


WITHIN_OPTIONS = [
    "-w", "block0_e=1", "-w", "block1_e=4,6", "-w", "block2_e=6,4", "-w", "block3_e=6", "-w", "block4_k=3",
    "-w", "block4_e=4", "-w", "block5_e=6", "-w", "block6_se=true",
]  # fmt: skip
BEST = ["best", "accuracy", "-s", "latency_zcu102 <= 5", "-s", "macs >= 150", *WITHIN_OPTIONS, "-k", 3]


def test_best_command(found, tmp_path):
    table, certificate = tmp_path / "best.csv", tmp_path / "best.json"
    text = run(*BEST, "-o", table, "-c", certificate).stdout
    for arch in found.certificate.result["architectures"]:
        assert arch in text
    assert f"proven: {found.certificate.bound}" in text
    with table.open() as file:
        rows = list(csv.DictReader(file))
    assert [row["architecture"] for row in rows] == found.certificate.result["architectures"]
    assert [float(row["accuracy"]) for row in rows] == found.values.tolist()
    assert Certificate.load(certificate).result == found.certificate.result
    assert json.loads(run(*BEST, "--json").stdout)["result"] == found.certificate.result
    run(*BEST, "-o", tmp_path / "best.parquet")
    assert (tmp_path / "best.parquet").stat().st_size > 0
    assert "100.0" not in run("best", "accuracy", "-s", "accuracy > 90").stdout


@pytest.mark.slow
def test_verify_command(found, tmp_path):
    path = tmp_path / "c.json"
    found.certificate.save(path)
    text = run("verify", path, "--rerun", "--samples", 1000).stdout
    assert text.count("passed") == 11
    forged = replaced(found.certificate.to_json(), ("result", "values", "accuracy", 0), 99.0)
    path.write_text(json.dumps(sealed(forged)))
    assert "failed" in run("verify", path, code=1).stdout
    assert json.loads(run("verify", path, "--json", code=1).stdout)["passed"] is False
    path.write_text(json.dumps(forged))
    assert "was altered" in run("verify", path, code=1).stderr


@pytest.mark.slow
def test_questions_from_files_divide_and_merge(counted, tmp_path):
    derive = ["-d", "time_a100 [ms] = 1000 / throughput_a100"]
    count = ["count", "-s", "accuracy >= 62", "-s", "time_a100 <= 0.2", *WITHIN_OPTIONS, *derive]
    assert f"{counted.count:,} of {counted.size:,} architectures" in run(*count).stdout
    within = "\n".join(f"{name} = {json.dumps(choices)}" for name, choices in WITHIN.items())
    asked = tmp_path / "question.toml"
    asked.write_text(f'question = "count"\nsubject_to = ["accuracy >= 62", "time_a100 <= 0.2"]\n[within]\n{within}\n')
    parts = [tmp_path / "1.json", tmp_path / "2.json"]
    for i, part in enumerate(parts, start=1):
        options = ["--shard", f"{i}/2", "-o", part, "--checkpoint", tmp_path / f"{i}.sqlite"]
        assert run("run", asked, *derive, *options).stdout == ""
    merged = run("merge", *parts, *derive, "-c", tmp_path / "c.json").stdout
    for text in (merged, run("run", asked, *derive).stdout):
        assert f"{counted.count:,} of {counted.size:,} architectures" in text
    assert json.loads(run("merge", *parts, *derive, "--json").stdout)["engine"]["shards"] == 2
    run("verify", tmp_path / "c.json", "--rerun")
    asked.write_text('question = "best"\nobjective = "accuracy"\n')
    assert "write I/N with I from 1 to N" in run("run", asked, "--shard", "3/2", "-o", "x", code=2).stderr
    assert "--shard needs --output FILE" in run("run", asked, "--shard", "1/2", code=2).stderr


def test_the_other_end_can_be_sought(bench):
    within = {v.name: list(v.choices[:1] if i < 20 else v.choices) for i, v in enumerate(bench.space.variables)}
    values = bench.predict(enumerated(bench, within), "accuracy", dtype="float64")
    worst = bench.best(("accuracy", "minimize"), within=within)
    assert worst.values[0] == values.min()
    assert worst.certificate.verify(bench, rerun=True).passed
    history = bench.search("local_search", [("accuracy", "minimise")], within=within, budget=200, seed=1)
    assert history.regret()[-1] == pytest.approx(history.best[1] - values.min(), abs=1e-4)


def test_stages_are_neither_divided_nor_kept_in_one_file(bench, tmp_path):
    stages = LexicographicQuestion(["macs", "params"], within=WITHIN)
    with pytest.raises(SearchError, match="stages follow from each other and are not divided"):
        run_shard(bench, stages, 1, 2)
    with pytest.raises(SearchError, match="a checkpoint holds one search, a lexicographic question has one a stage"):
        bench.solve(stages, options=RunOptions(checkpoint=tmp_path / "c"))
    run("lexicographic", "macs,params", *WITHIN_OPTIONS, "-c", tmp_path / "c.json", "-o", tmp_path / "a.csv")
    last = bench.solve(stages)[-1]
    assert Certificate.load(tmp_path / "c-2.json").result == last.certificate.result
    assert (tmp_path / "a.csv").read_text().splitlines()[1].startswith(last.certificate.result["architectures"][0])


def test_shards_of_a_product_prove_what_it_rests_on(bench):
    signed = bench.derive("gain", "accuracy - 62", direction="maximise")
    question = ScalarisedQuestion(WeightedProduct({"gain": 1, "macs": -0.1}), within=WITHIN)
    with pytest.raises(SearchError, match=r"gain is .* somewhere, where a product of powers is no score"):
        merge_shards(signed, [run_shard(signed, question, part, 2) for part in (1, 2)])


def test_estimates_have_no_certificate_but_json(tmp_path):
    asked = ["count", "-s", "macs <= 300", "--samples", "1000"]
    found = json.loads(run(*asked, "--json").stdout)
    assert (found["samples"], found["seed"]) == (1000, 0)
    assert found["count"]["lower"] < found["count"]["value"] < found["count"]["upper"]
    ranked = json.loads(run("distribution", "macs", "--bins", "3", "--samples", "1000", "--json").stdout)
    assert sum(ranked["count"]) == 1000
    assert "--certificate is of proven answers" in run(*asked, "-c", tmp_path / "c.json", code=2).stderr


def test_american_spelling_is_read(bench):
    twice = bench.derive("twice", "2 * macs", direction="maximize")
    greatest = json.loads(run("best", "twice", "-d", "maximize twice = 2 * macs", "--json").stdout)["result"]
    assert greatest["values"]["twice"] == [twice.best("twice").values[0]]
    assert greatest["values"]["twice"][0] == 2 * bench.best(("macs", "maximize")).values[0]
    assert (
        run("scalarized", "sum", "macs=1", "params=1").stdout.splitlines()[3:5]
        == run("scalarised", "sum", "macs=1", "params=1").stdout.splitlines()[3:5]
    )
    assert hypervolume([[2, 3]], [0, 5], ["maximize", "minimize"]) == 4


def test_every_question_is_read_from_a_file(bench, tmp_path):
    archs = bench.space.format(bench.space.sample(2))
    for content, asked in [
        ('question = "best"\nobjective = ["macs", "maximize"]\nk = 3', BestQuestion(["macs", "maximize"], k=3)),
        ('question = "front"\nobjectives = ["accuracy", "macs"]', FrontQuestion(["accuracy", "macs"])),
        ('question = "count"\nsubject_to = "macs <= 99"', CountQuestion("macs <= 99")),
        (f'question = "rank"\nobjective = "macs"\narchitectures = {json.dumps(archs)}', RankQuestion(archs, "macs")),
        ('question = "distribution"\nmetric = "macs"\nbins = 9', DistributionQuestion("macs", bins=9)),
        (
            'question = "scalarized"\n[formulation]\nkind = "sum"\nweights = { accuracy = 1.0, macs = 0.1 }',
            ScalarisedQuestion(WeightedSum({"accuracy": 1.0, "macs": 0.1})),
        ),
        (
            'question = "lexicographic"\nobjectives = ["accuracy", "macs"]\ntolerances = [1.0]',
            LexicographicQuestion(["accuracy", "macs"], [1.0]),
        ),
    ]:
        path = tmp_path / "question.toml"
        path.write_text(content)
        assert read_question(path).resolve(bench) == asked.resolve(bench)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("k = 3", "question is None; choose best, front, count, rank, distribution, scalarised, lexicographic"),
        ('question = "best"', "objective is missing; a best question needs it"),
        ('question = "best"\nobjective = "macs"\nbins = 3', "a best question has no 'bins'; its fields are objective"),
        ('question = "best"\nobjective = 5', "objective is 5; give a metric, or a pair"),
        ('question = "best"\nobjective = "macs"\nk = 0', "k is 0; choose an integer of 1 to 10000"),
        ('question = "best"\nobjective = "macs"\nwithin = "e6"', "within is 'e6'; give choices by the names"),
        ('question = "best"\nobjective = "macs"\nsubject_to = 5', "subject_to is 5; write it like"),
        ('question = "front"\nobjectives = 5', "objectives are 5; give a sequence of metrics"),
        ('question = "scalarised"\nformulation = 5', "formulation is 5; expected an object"),
        ("question", "is not valid TOML"),
    ],
)
def test_questions_at_fault_are_refused(bench, tmp_path, content, message):
    path = tmp_path / "question.toml"
    path.write_text(content)
    with pytest.raises(AccelnasError, match=message):
        read_question(path).resolve(bench)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["best", "speed"], 1, 'unknown metric "speed"; the metrics are'),
        (["best", "accuracy", "-s", "macs"], 1, "constraint 'macs' can't be read"),
        (["best", "accuracy", "-w", "block0_e"], 2, "write VARIABLE=CHOICE"),
        (["best", "accuracy", "-w", "block0_e=7"], 2, "block0_e is one of 1, 4, 6, not '7'"),
        (["count"], 2, "nothing to count"),
        (["verify", "nowhere.json"], 1, "nowhere.json: No such file or directory"),
    ],
)
def test_commands_at_fault(arguments, code, message):
    assert message in run(*arguments, code=code).stderr


def test_commands_of_many_objectives(bench):
    part = {f"block{b}_e": 6 for b in range(7)} | {f"block{b}_{v}": 3 for b in range(5) for v in "kl"}
    within = [word for name, choice in part.items() for word in ("-w", f"{name}={choice}")]
    names = ["accuracy", "latency_zcu102", "params", "macs"]
    found = json.loads(run("front", ",".join(names), *within, "--json").stdout)
    front = bench.pareto_front(names, within=part)
    assert found["result"]["architectures"] == front.certificate.result["architectures"]
    assert "max_points is 9; add constraints" in failure("front", ",".join(names), *within, "--max-points", 9)
    aims = [word for aim in ("accuracy=66", "params=4", "macs=300") for word in ("--reference", aim)]
    weights = ("accuracy=1", "params=1", "macs=0.01")
    found = json.loads(run("scalarised", "reference", *weights, *aims, *within, "--json").stdout)
    point = ReferencePoint({"accuracy": 1, "params": 1, "macs": 0.01}, {"accuracy": 66, "params": 4, "macs": 300})
    assert found["result"]["scores"] == bench.scalarised(point, within=part).values.tolist()
