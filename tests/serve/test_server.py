"""The server's process: whom it answers, how long it waits, and its end."""

import asyncio
import json
import signal
import socket
import sys
import time
from pathlib import Path

import pytest
import uvicorn

from accelnas.serve.server import listening
from command_line import failure, run
from http_client import LONG, SECONDS, asked, bounded, sent, serving

CLOSED = b"HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n"
STREAM = b"POST /predict/stream?metrics=macs " + CLOSED + b"transfer-encoding: chunked\r\n\r\n"


@pytest.fixture(scope="module")
def impatient():
    with serving("--time-limit", "1") as (process, port):
        yield port
        assert process.poll() is None


def request(path, content):
    body = json.dumps(content).encode()
    kind = f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    return f"POST {path} ".encode() + CLOSED + kind.encode() + body


def chunk(line):
    return b"%x\r\n%b\r\n" % (len(line), line)


def test_streams_go_on_while_they_are_sent(bench, impatient):
    """Each answer comes before the next line is sent."""

    async def talk():
        reader, writer = await asyncio.open_connection("127.0.0.1", impatient)
        writer.write(STREAM)
        for i in range(3):
            writer.write(chunk(b"%d\n" % i))
            found = await reader.readuntil(b"}}\n")
            assert json.loads(found.split(b"\r\n")[-1])["macs"]["mean"] == float(bench.predict(i, "macs"))
        writer.close()
        await writer.wait_closed()

    bounded(talk(), "answers to a stream's lines")


@pytest.mark.parametrize(
    ("parts", "status"),
    [
        ([], None),
        ([b"GET /info HTTP/1.1\r\nhost: loc"], None),
        ([request("/predict", {})[:-1]], 408),
        ([request("/query", {})[:-1]], 408),
        ([STREAM + chunk(b"1\n")], 200),  # and an error as its last line
        ([request("/info", {}).replace(b"close", b"keep-alive"), b"\r\n"], 405),
        ([b"GET /info HTTP/1.1\r\nhost: localhost\r\n", *[b"x: %b\r\n" % (b"x" * 60_000)] * 2], 431),
        ([b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc"], 400),  # how encryption begins
        ([b"GET /\xff HTTP/1.1\r\n\r\n"], 400),
        ([b"GET /info HTTP/1.1\r\nhost: localhost\r\ncontent-length: x\r\n\r\n"], 400),
        ([b"HEAD /info " + CLOSED + b"\r\n"], 200),
        ([b"OPTIONS /predict " + CLOSED + b"\r\n"], 405),
    ],
)
def test_nobody_is_waited_for_longer_than_the_limit(impatient, parts, status):
    answer = sent(impatient, *parts)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert (int(head.split()[1]) if head else None) == status
    if status not in (None, 200):
        assert set(json.loads(body)) == {"error", "message"}
    if parts[:1] == [STREAM + chunk(b"1\n")]:
        assert b"no line came for 1 s, which is the limit" in body
    elif status == 200:  # of HEAD
        assert body == b""


def test_who_does_not_read_is_left(impatient):
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(SECONDS)
        client.connect(("127.0.0.1", impatient))
        client.sendall(STREAM.replace(b"?metrics=macs", b""))
        with pytest.raises(ConnectionError):
            client.sendall(chunk(b"1\n" * 5000) * 1000)


def child(pid):
    """The process that a process has started, where Linux tells it."""
    ended = time.monotonic() + SECONDS
    while time.monotonic() < ended:
        for entry in Path(f"/proc/{pid}/task").glob("*/children"):
            if found := entry.read_text().split():
                return int(found[0])
        time.sleep(0.05)
    raise AssertionError(f"waited {SECONDS} s for a process of {pid}")


def is_gone(pid):
    ended = time.monotonic() + SECONDS
    while time.monotonic() < ended:
        stat = Path(f"/proc/{pid}/stat")
        try:
            if stat.read_text().rpartition(")")[2].split()[0] == "Z":  # nobody has asked how it ended
                return True
        except OSError:
            return True
        time.sleep(0.05)
    return False


@pytest.mark.skipif(sys.platform != "linux", reason="processes are looked for in /proc")
@pytest.mark.parametrize(("number", "code"), [("SIGINT", 130), ("SIGTERM", -15), ("SIGKILL", -9)])
def test_a_signal_ends_the_server_and_all_it_does(number, code):
    with serving("--time-limit", "10000") as (process, port):
        asking, streaming, idle = (socket.create_connection(("127.0.0.1", port), timeout=SECONDS) for _ in range(3))
        with asking, streaming, idle:
            asking.sendall(request("/front", LONG))
            streaming.sendall(STREAM + chunk(b"1\n"))
            assert streaming.recv(65_536).startswith(b"HTTP/1.1 200")
            worker = child(process.pid)
            process.send_signal(signal.Signals[number])
            assert process.wait(SECONDS) == code
            assert is_gone(worker)
            assert process.stderr.read() == ""


def test_who_is_answered(monkeypatch):
    started = {}
    monkeypatch.setattr(uvicorn.Server, "run", lambda self, sockets: started.update(app=self.config.app, at=sockets))

    def status(**headers):
        return asked(started["app"], ("GET", "/info", {"headers": headers}))[0].status_code

    said = run("serve", "nasbench-macro", "--port", 0, "--max-rows", 5).stderr
    assert said.startswith("nasbench-macro at http://127.0.0.1:")
    assert asked(started["app"], ("GET", "/info", {}))[0].json()["limits"]["rows"] == 5
    for host in ("127.0.0.1:80", "LOCALHOST", "[::1]:9000", "localhost:"):
        assert status(host=host) == 200
    for host in ("elsewhere.example", "localhost.elsewhere.example:80", "127.0.0.1.elsewhere.example", "", "\xe9"):
        assert status(host=host.encode("latin-1")) == 403
    for origin, found in (("http://localhost:80", 200), ("http://elsewhere.example", 403), ("null", 403)):
        assert status(host="localhost:80", origin=origin) == found
    said = run("serve", "nasbench-macro", "--port", 0, "--host", "0.0.0.0").stderr  # noqa: S104
    assert "listening at 0.0.0.0: every machine that reaches it can ask" in said
    assert status(host="elsewhere.example") == 200
    assert status(host="elsewhere.example", origin="http://another.example") == 403


def test_command(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = failure("serve", "nasbench-macro", "--port", port)
    assert (
        said
        == f"port {port} of 127.0.0.1 can't be listened at: address already in use; choose another --port or --host"
    )
    assert failure("serve", "--host", "elsewhere.invalid").startswith("port 8000 of elsewhere.invalid can't be")
    assert "rows is 100000000; choose" in failure("serve", "nasbench-macro", "--max-rows", 100_000_000)
    for module in ("uvicorn", "fastapi"):
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, module, None)
            patch.delitem(sys.modules, "accelnas.serve.server", raising=False)
            patch.delitem(sys.modules, "accelnas.serve.app", raising=False)
            said = failure("serve", "nasbench-macro", "--port", 0)
        assert said == f"{module} is not installed; run: pip install 'accelnas[serve]'"


def test_small_packets_are_sent_at_once():
    with listening("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname(), timeout=SECONDS):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
