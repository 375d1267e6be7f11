"""The server gives the numbers of the functions, within its limits."""

import json

import numpy as np
import pytest

import accelnas
from accelnas.serve.limits import Limits
from accelnas.serve.server import application
from http_client import asked, called, post, refused


@pytest.fixture(scope="module")
def app(bench):
    return application(bench, Limits(seconds=120))


@pytest.fixture(scope="module")
def archs(bench):
    return bench.space.sample(200, seed=4)


def test_info(app, bench):
    (answer,) = asked(app, ("GET", "/info", {}))
    found = answer.json()
    assert list(found["metrics"]) == list(bench.metrics)
    assert (found["space"]["sha256"], found["space"]["size"]) == (bench.space.sha256, bench.space.size)
    assert found["metrics"]["macs"]["sha256"] == bench.best("macs").certificate.metrics["macs"]["sha256"]


@pytest.mark.parametrize("rows", [3, 200])  # at once, and by the framework
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_predictions_in_every_form(app, bench, archs, rows, dtype):
    some, names = archs[:rows], ["accuracy", "latency_zcu102"]
    forms = (bench.space.format(some), some.tolist(), bench.space.decode(some), bench.space.index(some).tolist())
    expected = bench.predict(some, names, return_std=True, dtype=dtype)
    for form in forms:
        body = {"architectures": form, "metrics": names, "std": True, "interval": 0.9, "dtype": dtype}
        found = post(app, "/predict", json=body).json()["predictions"]
        for name in names:
            lower, upper = bench.predict_interval(some, name, level=0.9)
            mean, std = expected[name]
            for part, values in (("mean", mean), ("std", std), ("lower", lower), ("upper", upper)):
                assert np.array_equal(np.array(found[name][part], values.dtype), values)
    found = post(app, "/predict", json={"architectures": forms[0]}).json()["predictions"]
    assert list(found) == list(bench.metrics)
    assert {tuple(column) for column in found.values()} == {("mean",)}


def test_measurements_and_samples(app, bench, archs):
    body = {"architectures": archs.tolist(), "metrics": ["accuracy"], "seed": 7}
    for std in ("repeat", "total"):
        found = post(app, "/query", json={**body, "std": std}).json()["measurements"]
        assert found == {"accuracy": bench.query(archs, "accuracy", seed=7, std=std).tolist()}
    found = post(app, "/sample", json={"count": 5, "seed": 2, "unique": True}).json()
    assert found["architectures"] == bench.space.format(bench.space.sample(5, 2, unique=True))


def test_limits(bench):
    app = application(bench, Limits(body=2000, rows=3, points=10))
    assert refused(app, "/predict", 413, json={"architectures": [1, 2, 3, 4], "metrics": ["macs"]}) == (
        "LimitError: 4 architectures are asked for, 3 are allowed; divide them, or use /predict/stream"
    )
    assert "2,000 bytes" in refused(app, "/predict", 413, json={"architectures": ["x" * 3000]})
    for path, body in (("/query", {"architectures": [1, 2, 3, 4], "seed": 1}), ("/sample", {"count": 4})):
        assert "3 are allowed" in refused(app, path, 413, json=body)
    for path, body in (
        ("/front", {"objectives": ["macs", "params"], "max_points": 11}),
        ("/best", {"objective": "macs", "k": 11}),
    ):
        assert "less than or equal to 10" in refused(app, path, 422, json=body)
    sent = b"1\n" * 5000 + b"7" * 2001
    lines = post(app, "/predict/stream", params={"metrics": "macs"}, content=sent).text.splitlines()
    assert json.loads(lines[-1])["message"].startswith("line 5001 is longer than 2,000 bytes")
    with pytest.raises(accelnas.ParameterError, match="rows is 0; choose"):
        Limits(rows=0)


def test_slow_bodies_are_not_waited_for(bench):
    app = application(bench, Limits(seconds=0.05))
    part = {"type": "http.request", "body": b" ", "more_body": True}
    first, *_ = called(app, "/predict", [part] * 100)
    assert first["status"] == 408


def test_streams(app, bench, archs):
    texts, dicts = bench.space.format(archs), bench.space.decode(archs)
    wrong = {**dicts[0], "block5_l": 5}
    lines = [*texts * 10, dicts[7], archs[8].tolist(), 9, "", wrong, None, "e1", *texts]
    sent = [json.dumps(line).encode() if line != "" else b"" for line in lines]
    sent[2:3] = [b"{", b"\xff", b'"\\ud800"', b"NaN", b'{"a": 1, "a": 2}', b"[" * 100_000]
    options = {"metrics": ["accuracy", "macs"], "std": True}
    answer = post(app, "/predict/stream", params=options, content=b"\n".join(sent))
    found = [json.loads(line) for line in answer.text.splitlines()]
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert len(found) == len(sent) - 1  # the empty line
    mean, std = bench.predict(archs, "accuracy", return_std=True)
    assert [line["accuracy"] for line in found[-200:]] == [
        {"mean": m, "std": s} for m, s in zip(mean.tolist(), std.tolist(), strict=True)
    ]
    assert [line["macs"]["mean"] for line in found[:2]] == bench.predict(archs[:2], "macs").tolist()
    assert found[2005]["macs"]["mean"] == float(bench.predict(dicts[7], "macs"))
    assert found[2006]["macs"]["mean"] == float(bench.predict(archs[8], "macs"))
    assert found[2007]["macs"]["mean"] == float(bench.predict(9, "macs"))
    at_fault = {line["line"]: line["message"] for line in found if "error" in line}
    assert sorted(at_fault) == [3, 4, 5, 6, 7, 8, 2010, 2011, 2012]
    assert at_fault[2010] == "line 2010: block5_l is 5; choose one of 1, 2, 3, 4"
    assert at_fault[4].startswith("line 4 is not UTF-8")
    assert refused(app, "/predict/stream", 422, params={"metrics": "speed"}).startswith(
        "MetricError: no metric 'speed'"
    )
    assert refused(app, "/predict/stream", 422, params={"file": "/etc/passwd"}).startswith("ParameterError: file is")
