"""The server gives the numbers of the functions, within its limits."""

import asyncio
import json
import random
import subprocess
import sys
import threading
import time

import httpx
import numpy as np
import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, given, settings
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

import accelnas
from accelnas.exact import Certificate
from accelnas.serve.app import create_app
from accelnas.serve.limits import Limits
from command_line import failure, run

LONG = {"objectives": ["accuracy", "throughput_a100", "params"]}  # takes minutes


@pytest.fixture(scope="module")
def app(bench):
    return create_app(bench, Limits(seconds=120))


@pytest.fixture(scope="module")
def archs(bench):
    return bench.space.sample(200, seed=4)


def asked(app, *requests):
    """Answers to requests that are sent at the same time: (method, path, arguments of httpx)."""

    async def ask():
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await asyncio.gather(*(client.request(m, path, **options) for m, path, options in requests))

    return asyncio.run(ask())


def post(app, path, status=200, **options):
    (answer,) = asked(app, ("POST", path, options))
    assert answer.status_code == status, answer.text
    return answer


def refused(app, path, status, **options):
    answer = post(app, path, status, **options).json()
    assert list(answer) == ["error", "message"]
    return f"{answer['error']}: {answer['message']}"


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


def test_questions_about_the_whole_space(bench):
    bench = bench.derive("work", "macs + 2 * params", unit="", direction="minimise")
    app = create_app(bench, Limits(seconds=300))
    limits = {"subject_to": ["macs <= 300"], "within": {"block6_e": 6, "block5_e": [4, 6]}}
    found = post(app, "/best", json={"objective": "work", "k": 3, **limits}).json()
    expected = bench.best("work", k=3, **limits)
    assert found["result"]["architectures"] == bench.space.format(expected.architectures)
    assert found["result"]["values"]["work"] == expected.values.tolist()
    assert (found["bound"], set(found)) == (expected.certificate.bound, {"result", "bound"})
    body = {"objectives": ["macs", ["params", "maximise"]], "certificate": True, "max_points": 5000}
    found = post(app, "/front", json={**body, "within": {f"block{b}_k": 3 for b in range(7)}}).json()
    front = bench.pareto_front(["macs", ("params", "maximise")], within={f"block{b}_k": 3 for b in range(7)})
    assert found["result"]["values"] == {name: values.tolist() for name, values in front.metric_values.items()}
    assert Certificate.from_json(found["certificate"]).verify(bench, samples=1000).passed
    assert post(app, "/count", json={"subject_to": "macs <= 60"}).json()["result"] == {"count": 19334}
    assert refused(app, "/best", 422, json={"objective": "speed"}).startswith('MetricError: unknown metric "speed"')
    many = {"objectives": ["macs", ["params", "maximise"]], "max_points": 2}
    assert refused(app, "/front", 422, json=many).startswith("TooManyPointsError: ")


def test_a_question_ends_with_its_time_and_makes_room(bench):
    app = create_app(bench, Limits(seconds=3))
    started = time.monotonic()
    slow, busy = asked(app, ("POST", "/front", {"json": LONG}), ("POST", "/front", {"json": LONG}))
    assert time.monotonic() - started < 30
    assert (slow.status_code, busy.status_code) == (503, 503)
    assert "longer than 3 s, which is the limit, and was stopped; restrict it" in slow.json()["message"]
    assert "ask again later" in busy.json()["message"]
    assert refused(app, "/front", 503, json=LONG).startswith("LimitError: the question took longer")


def called(app, path, messages, most=60):
    """What an application sends to a client that sends these messages, as ASGI has them, and then leaves."""
    sent, waiting = [], [*messages, {"type": "http.disconnect"}]

    async def receive():
        await asyncio.sleep(0.01)
        return waiting.pop(0) if len(waiting) > 1 else waiting[0]

    async def send(message):
        sent.append(message)

    path, _, query = path.partition("?")
    headers = [(b"content-type", b"application/json"), (b"host", b"localhost")]
    scope = {"type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "headers": headers}
    scope |= {"query_string": query.encode(), "scheme": "http", "server": ("localhost", 80), "http_version": "1.1"}
    asyncio.run(asyncio.wait_for(app(scope, receive, send), most))
    return sent


def test_clients_that_leave_stop_their_work(app):
    for _ in range(2):  # the second one has room
        started = time.monotonic()
        first, *_ = called(app, "/front", [{"type": "http.request", "body": json.dumps(LONG).encode()}])
        assert (first["status"], time.monotonic() - started < 30) == (499, True)
    line = {"type": "http.request", "body": b"1\n2\n", "more_body": True}
    sent = called(app, "/predict/stream?metrics=macs", [line, line])
    assert [message.get("body", b"").count(b"\n") for message in sent] == [0, 2, 2]


def test_a_question_ends_with_its_server(bench):
    question = {"benchmark": str(bench.path), "derived": [], "threads": None, "certificate": False}
    question["question"] = {"question": "front", **LONG}
    command = [sys.executable, "-m", "accelnas.serve.worker"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as worker:
        worker.stdin.write(json.dumps(question).encode() + b"\n")
        worker.stdin.flush()
        with pytest.raises(subprocess.TimeoutExpired):
            worker.wait(3)
        worker.stdin.close()
        assert worker.wait(60) == 1


def test_limits(bench):
    app = create_app(bench, Limits(body=2000, rows=3, points=10))
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
    app = create_app(bench, Limits(seconds=0.05))
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


def test_streams_go_on_while_they_are_sent(bench):
    """Each answer comes before the next line is sent, through a socket."""
    server = uvicorn.Server(uvicorn.Config(create_app(bench), port=0, log_level="warning", http="httptools"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]

    async def talk():
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /predict/stream?metrics=macs HTTP/1.1\r\nhost: localhost\r\n")
        writer.write(b"transfer-encoding: chunked\r\n\r\n")
        for i in range(3):
            line = b"%d\n" % i
            writer.write(b"%x\r\n%b\r\n" % (len(line), line))
            found = await asyncio.wait_for(reader.readuntil(b"}}\n"), 60)  # before the next one is sent
            assert json.loads(found.split(b"\r\n")[-1])["macs"]["mean"] == float(bench.predict(i, "macs"))
        writer.close()

    asyncio.run(talk())
    server.should_exit = True
    thread.join(60)
    assert not thread.is_alive()


ODD = [
    b"", b"null", b"[]", b"{", b"\xff\xfe", b"NaN", b"1e999", b"9" * 5000, b"[" * 50_000, b'{"a":' * 5000,
    b'{"architectures": [' + b"1" * 4400 + b"]}",
    *(b'{"architectures": %b, "seed": 1, "metrics": ["macs"]}' % form for form in (
        b"[null]", b"[1e400]", b"[-1]", b"[[]]", b"[{}]", b"[true]", b'["\\ud800"]', b'["\\u0000"]', b'[1, "a"]', b"7",
        b'[{"block0_e": {"a": []}}]', b"[[%b]]" % b",".join([b"9" * 400] * 28), b'{"0": 1}', b"[NaN]",
    )),
    *(b'{"architectures": [1], "seed": 1, %b}' % part for part in (
        b'"metrics": ["\\ud800"]', b'"metrics": [1]', b'"metrics": "macs"', b'"interval": 1e999', b'"interval": -1',
        b'"interval": "x"', b'"std": 1', b'"seed": -1', b'"seed": 1e400', b'"dtype": "int"', b'"x": 1',
        b'"metrics": []', b'"metrics": ["macs", "macs"]', b'"interval": 0.99999999',
    )),
    *(b'{"objective": %b}' % part for part in (b"[]", b'["macs"]', b'["macs", "up"]', b"null", b"{}", b'"\\u0000"')),
    *(b'{"objective": "macs", "subject_to": "macs <= 60", %b}' % part for part in (
        b'"k": 0', b'"k": 1e300', b'"risk": NaN', b'"within": []', b'"within": {"a": 1}', b'"max_points": true',
    )),
]  # fmt: skip
PATHS = [
    "/predict",
    "/predict/stream?metrics=macs",
    "/query",
    "/sample",
    "/best",
    "/front",
    "/count",
    "/info",
    "/",
    "/x",
]


def malformed(seed):
    """A request that few clients would send: an odd body, or one with bytes changed, cut or repeated."""
    draw = random.Random(seed)
    body = draw.choice(ODD)
    if draw.random() < 0.5:
        place = draw.randrange(len(body) + 1)
        new = draw.choice([b"", draw.randbytes(3), b"0", b'"', body[:100]])
        body = body[:place] + new + body[place + draw.randrange(4) :]
    kinds = [b"application/json"] * 6 + [
        b"text/plain",
        b"application/json; charset=utf-16",
        b"\xff",
        b"multipart/form-data",
    ]
    headers = {"content-type": draw.choice(kinds)}
    path = draw.choice(PATHS[:4] if is_question(body) else PATHS)
    return draw.choice(["POST"] * 9 + ["GET", "PUT"]), path, {"content": body, "headers": headers}


def is_question(body):
    """Whether a process would be started: those are tested apart, there are fewer of them."""
    return b"objective" in body or b"subject_to" in body


@pytest.mark.parametrize("count", [1000, pytest.param(10_000, marks=pytest.mark.slow)])
def test_no_malformed_request_is_a_failure_of_the_server(bench, count):
    app = create_app(bench)

    async def ask():
        statuses = {}
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
            for seed in range(count):
                method, path, options = malformed(seed)
                answer = await client.request(method, path, **options)
                statuses[answer.status_code] = statuses.get(answer.status_code, 0) + 1
                assert answer.status_code < 500, (seed, path, options)
                if answer.status_code >= 400 and method != "HEAD":
                    assert set(answer.json()) == {"error", "message"}
        return statuses

    statuses = asyncio.run(ask())
    assert {200, 400, 404, 405, 422} <= set(statuses)


@pytest.mark.parametrize("body", [body for body in ODD if is_question(body)], ids=lambda body: body[:60].decode())
def test_no_malformed_question_is_a_failure_of_the_server(app, body):
    status = 400 if b"NaN" in body else 422
    answer = post(app, "/best", status, content=body, headers={"content-type": "application/json"})
    assert answer.json()["message"]


@pytest.mark.parametrize("path", ["/info", "/predict", "/query", "/sample", "/count"])
def test_answers_are_as_described(bench, path):
    app = create_app(bench, Limits(seconds=1, rows=100))
    (found,) = asked(app, ("GET", "/openapi.json", {}))
    assert set(found.json()["paths"]) == {
        "/info",
        "/predict",
        "/predict/stream",
        "/query",
        "/sample",
        "/best",
        "/front",
        "/count",
    }
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)

    @given(case=schema[path]["GET" if path == "/info" else "POST"].as_strategy())
    @settings(max_examples=5 if path == "/count" else 30, database=None, suppress_health_check=list(HealthCheck))
    def check(case):
        answer = case.call()
        assert answer.status_code < 500 or (path, answer.status_code) == ("/count", 503)  # stopped in time
        case.validate_response(answer, checks=[status_code_conformance, response_schema_conformance])

    check()


def test_command(monkeypatch):
    started = {}
    monkeypatch.setattr(uvicorn, "run", lambda app, **given: started.update(given, app=app))
    said = run("serve", "nasbench-macro", "--max-rows", 5).stderr
    assert said.startswith("nasbench-macro at http://127.0.0.1:8000, described at http://127.0.0.1:8000/docs")
    assert (started["host"], started["port"]) == ("127.0.0.1", 8000)
    assert asked(started["app"], ("GET", "/info", {"headers": {"host": "elsewhere.example"}}))[0].status_code == 400
    assert asked(started["app"], ("GET", "/info", {}))[0].json()["limits"]["rows"] == 5
    said = run("serve", "nasbench-macro", "--host", "0.0.0.0").stderr  # noqa: S104
    assert "listening at 0.0.0.0: every machine that reaches it can ask" in said
    assert asked(started["app"], ("GET", "/info", {"headers": {"host": "elsewhere.example"}}))[0].status_code == 200
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert failure("serve", "nasbench-macro") == "uvicorn is not installed; run: pip install 'accelnas[serve]'"
    monkeypatch.undo()
    assert "rows is 100000000; choose" in failure("serve", "nasbench-macro", "--max-rows", 100_000_000)
