"""No request is a failure of the server, and answers are as described."""

import asyncio
import random

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

from accelnas.serve.app import create_app
from accelnas.serve.limits import Limits
from accelnas.serve.server import application
from http_client import awaited, post

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


@pytest.mark.parametrize("count", [500, pytest.param(10_000, marks=pytest.mark.slow)])
def test_no_malformed_request_is_a_failure_of_the_server(bench, count):
    app = application(bench, Limits())

    async def ask():
        statuses = {}
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
            for seed in range(count):
                method, path, options = malformed(seed)
                answer = await awaited(client.request(method, path, **options), f"the answer to {seed}")
                statuses[answer.status_code] = statuses.get(answer.status_code, 0) + 1
                assert answer.status_code < 500, (seed, path, options)
                if answer.status_code >= 400 and method != "HEAD":
                    assert set(answer.json()) == {"error", "message"}
        return statuses

    statuses = asyncio.run(ask())
    assert {200, 400, 404, 405, 422} <= set(statuses)


@pytest.mark.parametrize("body", [body for body in ODD if is_question(body)], ids=lambda body: body[:60].decode())
def test_no_malformed_question_is_a_failure_of_the_server(bench, body):
    status = 400 if b"NaN" in body else 422
    answer = post(
        application(bench, Limits()), "/best", status, content=body, headers={"content-type": "application/json"}
    )
    assert answer.json()["message"]


@pytest.fixture(scope="module")
def described(bench):
    """An application, as it describes itself."""
    return schemathesis.openapi.from_asgi("/openapi.json", create_app(bench, Limits(seconds=1, rows=100)))


EXAMPLES = {"/info": 2, "/predict": 30, "/query": 20, "/sample": 20, "/count": 5}
NOT_ASKED = {
    "/best",
    "/front",
    "/predict/stream",
}  # /count is as the first two, a process for each request; lines are above


@pytest.mark.parametrize("path", EXAMPLES)
def test_answers_are_as_described(described, path):
    assert set(described.raw_schema["paths"]) == EXAMPLES.keys() | NOT_ASKED

    @given(case=described[path]["GET" if path == "/info" else "POST"].as_strategy())
    @settings(max_examples=EXAMPLES[path], database=None, suppress_health_check=list(HealthCheck))
    def check(case):
        answer = case.call()
        assert answer.status_code < 500 or (path, answer.status_code) == ("/count", 503)  # stopped in time
        case.validate_response(answer, checks=[status_code_conformance, response_schema_conformance])

    check()
