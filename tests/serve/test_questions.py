"""Questions about the whole space have the answers of the functions, and end with their time, client and server."""

import json
import sys

from accelnas.exact import Certificate
from accelnas.serve import questions
from accelnas.serve.app import create_app
from accelnas.serve.limits import Limits
from http_client import LONG, asked, called, post, refused


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
    app = create_app(bench, Limits(seconds=2))
    slow, busy = asked(app, ("POST", "/front", {"json": LONG}), ("POST", "/front", {"json": LONG}))
    assert (slow.status_code, busy.status_code) == (503, 503)
    assert "longer than 2 s, which is the limit, and was stopped; restrict it" in slow.json()["message"]
    assert "ask again later" in busy.json()["message"]
    assert refused(app, "/front", 503, json=LONG).startswith("LimitError: the question took longer")


def test_clients_that_leave_stop_their_work(bench):
    app = create_app(bench, Limits(seconds=10_000))  # more than is waited for here
    for _ in range(2):  # the second one has room
        first, *_ = called(app, "/front", [{"type": "http.request", "body": json.dumps(LONG).encode()}])
        assert first["status"] == 499
    line = {"type": "http.request", "body": b"1\n2\n", "more_body": True}
    sent = called(app, "/predict/stream?metrics=macs", [line, line])
    assert [message.get("body", b"").count(b"\n") for message in sent] == [0, 2, 2]


def test_a_process_that_is_killed_is_an_answer(bench, monkeypatch):
    command = (sys.executable, "-c", "import os; os.kill(os.getpid(), 9)")
    monkeypatch.setattr(questions, "_COMMAND", command)
    said = refused(create_app(bench), "/front", 503, json=LONG)
    assert said.startswith("LimitError: the question's process was ended, perhaps for lack of memory")
