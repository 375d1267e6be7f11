"""Requests to applications, and to servers in processes of their own; every wait has an end, and says for what."""

import asyncio
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager

import httpx

LONG = {"objectives": ["accuracy", "throughput_a100", "params"]}  # a question that takes minutes
SECONDS = 120  # more than anything here takes on a busy machine


def asked(app, *requests):
    """Answers to requests that are sent at the same time: (method, path, arguments of httpx)."""

    async def ask():
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await asyncio.gather(*(client.request(m, path, **options) for m, path, options in requests))

    return bounded(ask(), f"answers to {', '.join(path for _, path, _ in requests)}")


async def awaited(work, what):
    """Wait for what has to end."""
    try:
        return await asyncio.wait_for(work, SECONDS)
    except asyncio.TimeoutError:
        raise AssertionError(f"waited {SECONDS} s for {what}") from None


def bounded(work, what):
    """Run a coroutine that has to end."""
    return asyncio.run(awaited(work, what))


def post(app, path, status=200, **options):
    (answer,) = asked(app, ("POST", path, options))
    assert answer.status_code == status, answer.text
    return answer


def refused(app, path, status, **options):
    """Kind and text of an error."""
    answer = post(app, path, status, **options).json()
    assert list(answer) == ["error", "message"]
    return f"{answer['error']}: {answer['message']}"


def called(app, path, messages):
    """What an application sends to a client that sends these messages, as ASGI has them, and then leaves."""
    sent, waiting = [], [*messages, {"type": "http.disconnect"}]

    async def receive():
        await asyncio.sleep(0.01)
        return waiting.pop(0) if len(waiting) > 1 else waiting[0]

    async def send(message):
        sent.append(message)

    path, _, query = path.partition("?")
    headers = [(b"content-type", b"application/json"), (b"content-length", b"9"), (b"host", b"localhost")]
    scope = {"type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "headers": headers}
    scope |= {"query_string": query.encode(), "scheme": "http", "server": ("localhost", 80), "http_version": "1.1"}
    bounded(app(scope, receive, send), f"the end of {path}, whose client has left")
    return sent


@contextmanager
def serving(*options):
    """Give a process of ``accelnas serve`` that listens, and its port; it is ended in any case."""
    command = [sys.executable, "-m", "accelnas", "serve", "--port", "0", *options]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)  # its end is below, with a bound
    late = threading.Timer(SECONDS, process.kill)
    late.start()
    try:
        line = process.stderr.readline()
        assert " at http://" in line, f"waited at most {SECONDS} s for the server to listen; it said {line!r}"
        late.cancel()
        yield process, int(line.partition(",")[0].rpartition(":")[2])
    finally:
        late.cancel()
        process.kill()
        process.communicate(timeout=SECONDS)


def sent(port, *parts, seconds=SECONDS):
    """All that a server sends to a client that sends these parts, in packets of their own, and waits for the end."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        received = b""
        try:
            for part in parts:
                client.sendall(part)
            while new := client.recv(65_536):
                received += new
        except ConnectionError:
            pass
        return received
