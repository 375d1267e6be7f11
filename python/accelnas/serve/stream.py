"""Predictions of a stream: a line of JSON for each line of JSON, in constant memory."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from anyio import fail_after
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from accelnas.errors import AccelnasError, ParameterError
from accelnas.serve.content import parsed, written
from accelnas.serve.limits import LimitError, error_of
from accelnas.serve.predictions import encoded, numbers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from starlette.types import Receive, Scope, Send

    from accelnas import Benchmark
    from accelnas.serve.limits import Limits
    from accelnas.serve.models import Options

__all__ = ["Streamed", "scored"]

_ROWS = 1024  # of a batch

Line = tuple[int, bytes]  # numbered from 1


class Streamed(Response):
    """Reads lines and answers them, a batch at a time."""

    media_type = "application/x-ndjson"

    def __init__(self, bench: Benchmark, limits: Limits, asked: Options) -> None:
        super().__init__()
        del self.headers["content-length"]
        self._bench, self._limits, self._asked = bench, limits, asked

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Answer; a client that leaves, or sends nothing for too long, ends it."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        try:
            async for batch in self._batches(receive):
                body = await run_in_threadpool(scored, self._bench, self._limits, self._asked, batch)
                await send({"type": "http.response.body", "body": body, "more_body": True})
            body = b""
        except LimitError as error:
            body = written(error_of(error)) + b"\n"
        except _LeftError:
            return
        await send({"type": "http.response.body", "body": body})

    async def _batches(self, receive: Receive) -> AsyncIterator[list[Line]]:
        rest, number, more = b"", 0, True
        while more:
            try:
                with fail_after(self._limits.seconds):
                    message = await receive()
            except TimeoutError:
                raise LimitError(f"no line came for {self._limits.seconds:g} s, which is the limit", 408) from None
            if message["type"] == "http.disconnect":
                raise _LeftError
            more = message.get("more_body", False)
            *lines, rest = (rest + message.get("body", b"")).split(b"\n")
            if not more and rest:
                lines.append(rest)
            for start in range(0, len(lines), _ROWS):
                yield [(number + start + i, line) for i, line in enumerate(lines[start : start + _ROWS], 1)]
            number += len(lines)
            if len(rest) > self._limits.body:
                raise LimitError(
                    f"line {number + 1} is longer than {self._limits.body:,} bytes, which is the limit", 413
                )


class _LeftError(Exception):
    """The client closed the connection."""


def scored(bench: Benchmark, limits: Limits, asked: Options, lines: Sequence[Line]) -> bytes:
    """Answer some lines: predictions, or an error, which names the line; empty lines have no answer."""
    answers: dict[int, Any] = {}
    found: list[tuple[int, Any]] = []
    for number, line in lines:
        if line.strip():
            try:
                found.append((number, parsed(line, f"line {number}")))
            except AccelnasError as error:
                answers[number] = {**error_of(error), "line": number}
    answers |= _batch(bench, limits, asked, found)
    return b"".join(written(answers[number]) + b"\n" for number in sorted(answers))


def _batch(bench: Benchmark, limits: Limits, asked: Options, found: Sequence[tuple[int, Any]]) -> dict[int, Any]:
    """Answers by line; where one is at fault, each is asked alone."""
    if not found:
        return {}
    try:
        if len(found) == 1 and not isinstance(found[0][1], (str, list, dict, int)):
            raise ParameterError(
                f"{found[0][1]!r} is no architecture; give a string, choice indices, a dict or an index"
            )
        columns = numbers(bench, encoded(bench, [content for _, content in found]), asked, limits.threads)
    except AccelnasError as error:
        if len(found) > 1:
            return {number: answer for one in found for number, answer in _batch(bench, limits, asked, [one]).items()}
        number = found[0][0]
        message = re.sub(r"^(row 0: )?", f"line {number}: ", str(error), count=1)
        return {number: {"error": type(error).__name__, "message": message, "line": number}}
    listed = {metric: {name: array.tolist() for name, array in column.items()} for metric, column in columns.items()}
    return {
        number: {metric: {name: values[i] for name, values in column.items()} for metric, column in listed.items()}
        for i, (number, _) in enumerate(found)
    }
