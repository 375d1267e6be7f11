"""Requests with limits, and errors as answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from anyio import fail_after
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from accelnas.arguments import shown
from accelnas.errors import AccelnasError
from accelnas.serve.content import parsed, written
from accelnas.serve.limits import LimitError, error_of, slow_body, status_of

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from fastapi import FastAPI

    from accelnas.serve.limits import Limits

__all__ = ["answer_errors", "answered", "limited_route"]


def answered(body: bytes, status: int = 200) -> Response:
    """Give an answer of JSON."""
    return Response(body, status, media_type="application/json")


def limited_route(limits: Limits) -> type[APIRoute]:
    """Give routes whose bodies are strict JSON, not too long and not too slow."""

    class LimitedRequest(Request):
        async def body(self) -> bytes:
            if not hasattr(self, "_body"):
                try:
                    with fail_after(limits.seconds):
                        self._body = await self._limited()
                except TimeoutError:
                    raise slow_body(limits) from None
            return self._body

        async def _limited(self) -> bytes:
            parts, length = [], 0
            async for part in self.stream():
                parts.append(part)
                length += len(part)
                if length > limits.body:
                    raise LimitError(
                        f"the body has more than {limits.body:,} bytes, which is the limit; divide it, or use "
                        "/predict/stream",
                        413,
                    )
            return b"".join(parts)

        async def json(self) -> Any:
            return parsed(await self.body())

    class LimitedRoute(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handle = super().get_route_handler()

            async def limited(request: Request) -> Response:
                return await handle(LimitedRequest(request.scope, request.receive))

            return limited

    return LimitedRoute


def answer_errors(app: FastAPI) -> None:
    """Answer every error with its class and its text."""

    async def expected(_: Request, error: Exception) -> Response:
        assert isinstance(error, AccelnasError)  # noqa: S101
        return answered(written(error_of(error)), status_of(error))

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101
        first = error.errors()[0]
        if isinstance(first.get("input"), bytes):  # the framework reads no body of another type
            kind = shown(request.headers.get("content-type", ""))
            wrong = LimitError(f"the body's content type is {kind}; send application/json", 415)
            return answered(written(error_of(wrong)), wrong.status)
        place = ".".join(map(str, first["loc"][1:])) or "the body"
        found = "missing" if first["type"] == "missing" else shown(first.get("input"))
        message = f"{place} is {found}: {first['msg'][:1].lower()}{first['msg'][1:]}; see /docs"
        return answered(written({"error": "ParameterError", "message": message}), 422)

    async def of_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101
        cause = error.__cause__
        if isinstance(cause, AccelnasError):  # of reading the body
            status = status_of(cause) if isinstance(cause, LimitError) else 400
            return answered(written(error_of(cause)), status)
        if isinstance(cause, ClientDisconnect):
            return answered(b"", 499)
        message = f"{request.method} {request.url.path}: {str(error.detail).lower()}; see /docs"
        response = answered(written({"error": "HTTPException", "message": message}), error.status_code)
        response.headers.update(error.headers or {})
        return response

    async def unexpected(_: Request, error: Exception) -> Response:
        message = f"the server failed ({type(error).__name__}); its standard error says where, please report it"
        return answered(written({"error": "InternalError", "message": message}), 500)

    app.add_exception_handler(Exception, unexpected)
    app.add_exception_handler(AccelnasError, expected)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, of_http)
