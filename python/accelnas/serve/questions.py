"""Questions about the whole space, answered by processes that end with the time limit or the client."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING, Any

from anyio import move_on_after

from accelnas.serve.content import written
from accelnas.serve.limits import LimitError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from accelnas import Benchmark
    from accelnas.serve.limits import Limits

__all__ = ["Questions"]

_REAPING = 10  # seconds that an ended process may take to go; the event loop waits for it in any case
_COMMAND = (sys.executable, "-m", "accelnas.serve.worker")
_DERIVED = ("name", "expression", "unit", "direction", "description")


class Questions:
    """Answers so many questions at a time as the limits allow."""

    def __init__(self, bench: Benchmark, limits: Limits) -> None:
        self._limits = limits
        self._free = limits.questions
        self._benchmark = {
            "benchmark": str(bench.path.absolute()),
            "derived": [
                {field: getattr(metric, field) for field in _DERIVED}
                for metric in bench.metrics.values()
                if metric.expression is not None
            ],
            "threads": limits.threads,
        }

    async def answer(
        self, question: Mapping[str, Any], certificate: bool, left: Callable[[], Awaitable[object]]
    ) -> tuple[int, bytes]:
        """Status and body of an answer.

        Parameters
        ----------
        question : mapping
            As `accelnas.exact.questions.parse_question` reads it.
        certificate : bool
            Whether the answer has it.
        left : callable
            Gives what ends when the client has left; the process is ended then, and with the task.

        Raises
        ------
        LimitError
            If it takes too long, or others are being answered.
        """
        if not self._free:
            raise LimitError(
                f"{self._limits.questions} questions about the whole space are being answered, which is the limit; "
                "ask again later",
                503,
            )
        self._free -= 1
        try:
            return await self._asked(
                written({**self._benchmark, "question": question, "certificate": certificate}), left
            )
        finally:
            self._free += 1

    async def _asked(self, line: bytes, left: Callable[[], Awaitable[object]]) -> tuple[int, bytes]:
        process = await asyncio.create_subprocess_exec(
            *_COMMAND,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONSAFEPATH": "1"},
            start_new_session=True,  # Ctrl-C is the server's
        )
        assert process.stdin is not None  # noqa: S101
        assert process.stdout is not None  # noqa: S101
        process.stdin.write(line + b"\n")
        found, gone = asyncio.ensure_future(process.stdout.read()), asyncio.ensure_future(left())
        try:
            done, _ = await asyncio.wait(
                {found, gone}, timeout=self._limits.seconds, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            gone.cancel()
            if not found.done():
                process.kill()
            process.stdin.close()
            with move_on_after(_REAPING):
                await process.wait()
            found.cancel()
        status, _, body = found.result().partition(b"\n") if found in done else (b"", b"", b"")
        if status.isdigit():
            return int(status), body
        if gone in done:
            raise LimitError("the client left, so the question was stopped", 499)
        if found in done:
            raise LimitError("the question's process was ended, perhaps for lack of memory; restrict it", 503)
        raise LimitError(
            f"the question took longer than {self._limits.seconds:g} s, which is the limit, and was stopped; restrict "
            "it with within, add constraints, or ask a server or a command line that has more time",
            503,
        )
