"""Certificates from strangers: whatever a field holds, they are refused, refuted or verified."""

import copy
import hashlib
import json
import random

import pytest

import accelnas
from accelnas import AccelnasError, SearchError
from accelnas.exact import Certificate, Verification, WeightedMinMax, WeightedProduct
from command_line import run

BENCH = accelnas.load()
WITHIN = {f"block{i}_{c}": v for i in range(7) for c, v in (("e", 6), ("k", 3))}
PAIR = ["accuracy", "latency_zcu102"]
SOME = BENCH.space.at([5, 10**9])
ASKED = {
    "best": lambda: BENCH.best("accuracy", subject_to="latency_zcu102 <= 7", within=WITHIN, k=2),
    "derived": lambda: BENCH.derive("ratio", "accuracy - 2 * macs", direction="maximise").best("ratio", within=WITHIN),
    "cautious": lambda: BENCH.best("accuracy", subject_to="latency_zcu102 <= 7 with 0.9", within=WITHIN, risk=1.0),
    "count": lambda: BENCH.count("latency_zcu102 <= 7", within=WITHIN),
    "front": lambda: BENCH.pareto_front(PAIR, within=WITHIN, subject_to="accuracy >= 66"),
    "histogram": lambda: BENCH.distribution("macs", within=WITHIN, bins=4),
    "ranks": lambda: BENCH.rank(SOME, "accuracy", within=WITHIN),
    "minmax": lambda: BENCH.scalarised(WeightedMinMax({"accuracy": 1, "macs": 0.5}), within=WITHIN),
    "product": lambda: BENCH.scalarised(
        WeightedProduct({"accuracy": 1, "macs": (0, -1)}, {"macs": 300}), within=WITHIN
    ),
}
NESTED: list = []
for _ in range(500):
    NESTED = [NESTED]
HOSTILE = [None, True, -1, 0, 1, 2**31, 2**63, 2**64, 10**400, -(10**400), 0.5, -0.0, 1e308, -1e308, 5e-324]
HOSTILE += [float("nan"), float("inf"), "", "x", "\ud800", "\x00", "[/red]", "e6_k3", [], [0], [[]], [None], ["x"]]
HOSTILE += [[1.0, 2.0], [1e308, -1e308], {}, {"x": 1}, {"sha256": None}, {"kind": "sum"}, NESTED]


@pytest.fixture(scope="module", params=ASKED)
def certificate(request):
    return ASKED[request.param]().certificate


def sealed(content):
    """Give a changed certificate the digest of its fields, as a forger would."""
    fields = {name: value for name, value in content.items() if name not in ("format", "version", "sha256")}
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"))
    return {**content, "sha256": hashlib.sha256(text.encode()).hexdigest()}


def mutations(content, count, seed):
    """One or two fields that are replaced, dropped, renamed or given twice, at any depth."""
    draw = random.Random(seed)

    def places(part, path=()):
        for key, value in part.items() if isinstance(part, dict) else enumerate(part):
            yield (*path, key)
            if isinstance(value, (dict, list)):
                yield from places(value, (*path, key))

    for _ in range(count):
        changed = copy.deepcopy(content)
        for _ in range(draw.choice([1, 1, 2])):
            paths = list(places(changed))
            path = draw.choice([path for path in paths if len(path) <= draw.choice([1, 2, 3, 9])])
            inner = changed
            for key in path[:-1]:
                inner = inner[key]
            key, how = path[-1], draw.choice(["replace"] * 4 + ["drop", "rename", "twice"])
            value = inner[key]
            if how == "replace":
                inner[key] = draw.choice(HOSTILE)
            elif how == "drop":
                del inner[key]
            elif how == "rename" and isinstance(inner, dict):
                inner[draw.choice(["x", "accuracy", "\ud800", ""])] = inner.pop(key)
            elif isinstance(inner, list):
                inner.insert(key, value)
        yield changed


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_any_field_may_hold_anything(certificate, tmp_path):
    content = json.loads(json.dumps(certificate.to_json()))
    path = tmp_path / "c.json"
    for changed in mutations(content, 40, certificate.sha256):
        for forged in (changed, sealed(changed)):
            path.write_text(json.dumps(forged))
            try:
                found = Certificate.load(path)
                assert isinstance(found.verify(BENCH, samples=40, threads=1), Verification)
                json.dumps(found.to_json(), allow_nan=False)
            except AccelnasError:
                pass


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"format": 1, "format": 2}', "'format' is given twice"),
        ('{"a": {"\\ud800": 1}}', "which is no Unicode"),
        ('{"a": 1e999}', "holds inf, expected numbers that float64 has"),
        ('{"a": [1' + "0" * 400 + "]}", "holds an integer of 1329 bits"),
        ('{"a": 1' + "0" * 5000 + "}", "is no JSON"),
        ('{"a": ' + "[" * 300 + "]" * 300 + "}", "nested more than 16 deep"),
        ('{"a": -Infinity}', "-Infinity is no number"),
    ],
)
def test_json_at_fault_is_named(tmp_path, text, message):
    path = tmp_path / "c.json"
    path.write_text(text)
    with pytest.raises(SearchError, match=message):
        Certificate.load(path)
    run("verify", path, code=1)


def test_texts_of_a_certificate_are_no_markup(tmp_path):
    content = ASKED["count"]().certificate.to_json()
    path = tmp_path / "c.json"
    path.write_text(json.dumps(sealed({**content, "bound": "[/red] [bold"})))
    assert "[/red] [bold" in run("verify", path, "--samples", 10, code=1).output


@pytest.mark.parametrize("samples", [-1, 10**12, 1.5, True, None])
def test_samples_at_fault_fail(samples):
    checks = ASKED["count"]().certificate.verify(BENCH, samples=samples).checks
    assert any(check.status == "failed" and "choose an integer of 0 to 10000000" in check.reason for check in checks)


def test_ties_under_many_constraints_are_counted_again():
    limits = [f"{name} >= 0" for name in ("accuracy_top5", "train_time", "macs", "params", "peak_memory")]
    found = BENCH.pareto_front(PAIR, within=WITHIN, subject_to=[*limits, "0 <= latency_vck190 <= 1000"])
    (ties,) = [check for check in found.certificate.verify(BENCH, samples=10).checks if check.name == "ties"]
    assert ties.status == "passed", ties.reason
