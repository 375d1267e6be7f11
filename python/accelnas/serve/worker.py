"""A process of its own for a question about the whole space: to stop it, it is ended, whatever it does.

Reads a line of JSON: the benchmark, derived metrics, the question, threads. Writes a line with the status of HTTP, and
the answer's body. It ends when its standard input does: with the server, however that ended.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from typing import Any

import accelnas
from accelnas.errors import AccelnasError
from accelnas.exact.questions import parse_question
from accelnas.serve.content import written
from accelnas.serve.limits import error_of, status_of

__all__ = ["answered", "main"]


def answered(asked: dict[str, Any]) -> tuple[int, bytes]:
    """Status and body of the answer to a question."""
    try:
        bench = accelnas.load(asked["benchmark"])
        for derivation in asked["derived"]:
            bench = bench.derive(**derivation)
        certificate = bench.solve(parse_question(asked["question"]), threads=asked["threads"]).certificate
    except AccelnasError as error:
        return status_of(error), written(error_of(error))
    found = {"result": certificate.result, "bound": certificate.bound}
    if asked["certificate"]:
        found["certificate"] = certificate.to_json()
    return 200, written(found)


def _end_with_server() -> None:
    # not through the buffer, whose lock would be held when the interpreter ends
    while os.read(sys.stdin.fileno(), 1 << 16):
        pass
    os._exit(1)


def main() -> None:
    """Answer one question."""
    line = sys.stdin.buffer.readline()
    if not line:  # the server ended first
        return
    threading.Thread(target=_end_with_server, daemon=True).start()
    status, body = answered(json.loads(line))
    sys.stdout.buffer.write(b"%d\n%b" % (status, body))
    sys.stdout.buffer.flush()
    os._exit(0)  # the reader of the standard input can't be joined


if __name__ == "__main__":
    main()
