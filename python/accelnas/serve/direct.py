"""A shorter way to small predictions, which the framework would cost more than they do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anyio import fail_after
from pydantic import ValidationError

from accelnas.errors import AccelnasError
from accelnas.serve.content import parsed, written
from accelnas.serve.limits import error_of, slow_body
from accelnas.serve.models import Predict
from accelnas.serve.predictions import predicted

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from accelnas import Benchmark
    from accelnas.serve.limits import Limits

__all__ = ["MOST_BYTES", "Direct"]

MOST_BYTES = 16_384  # of a body
_MOST_VALUES = 64  # microseconds each at most, so that nobody waits for the event loop


class Direct:
    """Answers small requests of ``/predict`` at once; all others, and what is at fault, are the application's."""

    def __init__(self, app: ASGIApp, bench: Benchmark, limits: Limits) -> None:
        self._app, self._bench, self._limits = app, bench, limits
        self._values = len(bench.metrics)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http" or scope["path"] != "/predict" or not self._is_small(scope):
            await self._app(scope, receive, send)
            return
        status = 200
        answer: bytes | None
        try:
            with fail_after(self._limits.seconds):
                message = await receive()
        except TimeoutError:
            error = slow_body(self._limits)
            status, answer = error.status, written(error_of(error))
        else:
            whole = message["type"] == "http.request" and not message.get("more_body")
            answer = self._answer(message.get("body", b"")) if whole else None
            if answer is None:
                await self._app(scope, _replayed(message, receive), send)
                return
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    def _is_small(self, scope: Scope) -> bool:
        headers = dict(scope["headers"])
        length = headers.get(b"content-length", b"")
        is_json = headers.get(b"content-type") == b"application/json" and scope["method"] == "POST"
        return is_json and len(length) < 6 and length.isdigit() and int(length) <= min(MOST_BYTES, self._limits.body)

    def _answer(self, body: bytes) -> bytes | None:
        try:
            asked = Predict.model_validate(parsed(body))
            values = len(asked.architectures) * (self._values if asked.metrics is None else len(asked.metrics))
            return predicted(self._bench, self._limits, asked) if values <= _MOST_VALUES else None
        except (AccelnasError, ValidationError):
            return None


def _replayed(first: Message, receive: Receive) -> Receive:
    """Give what was received already, then the rest."""
    waiting = [first]

    async def again() -> Message:
        return waiting.pop() if waiting else await receive()

    return again
