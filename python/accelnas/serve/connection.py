"""Connections that wait for no client longer than the limits allow, and end with the server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from accelnas.serve.content import written
from accelnas.serve.limits import LimitError, error_of

if TYPE_CHECKING:
    import asyncio

__all__ = ["limited_connection"]

MOST_CONNECTIONS = 512  # below the usual limit of open files
MOST_HEAD = 65_536  # bytes of a request's first lines that come in more than one part
GRACE = 0.5  # seconds that answers have left when the server ends


def limited_connection(seconds: float) -> type[HttpToolsProtocol]:
    """Give connections that are closed when a request's first lines, or reading an answer, take longer than that."""

    class LimitedConnection(HttpToolsProtocol):
        _head: asyncio.TimerHandle | None = None  # runs while the first lines are incomplete
        _head_bytes = 0
        _in_head = True
        _reading: asyncio.TimerHandle | None = None  # runs while the client takes nothing

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            if len(self.connections) > MOST_CONNECTIONS:
                self._refuse(
                    LimitError(f"{MOST_CONNECTIONS} connections are open, which is the limit; ask again later", 503)
                )
            else:
                self._wait_for_head()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self.transport.is_closing() or (self.cycle is not None and not self.cycle.response_complete):
                return
            if self._head is None:
                self._wait_for_head()  # or for the rest of a body that was answered before its end
            if self._in_head:
                self._head_bytes += len(data)
            if self._head_bytes > MOST_HEAD:
                self._refuse(LimitError(f"the request's headers are longer than {MOST_HEAD:,} bytes; send fewer", 431))

        def on_headers_complete(self) -> None:
            self._stop_waiting()
            self._in_head = False
            super().on_headers_complete()

        def on_message_complete(self) -> None:
            self._in_head = True
            super().on_message_complete()

        def send_400_response(self, msg: str) -> None:  # noqa: ARG002
            self._refuse(LimitError("the request is no HTTP; send HTTP/1.1, without encryption", 400))

        def pause_writing(self) -> None:
            super().pause_writing()
            self._reading = self.loop.call_later(seconds, self.transport.abort)

        def resume_writing(self) -> None:
            super().resume_writing()
            if self._reading is not None:
                self._reading.cancel()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop_waiting()
            super().connection_lost(exc)
            if self._reading is not None:
                self._reading.cancel()

        def shutdown(self) -> None:
            """End it soon, as if the client had left: what answers it stops then."""
            super().shutdown()
            self.loop.call_later(GRACE, self.transport.abort)

        def _wait_for_head(self) -> None:
            self._head = self.loop.call_later(seconds, self.transport.abort)

        def _stop_waiting(self) -> None:
            if self._head is not None:
                self._head.cancel()
                self._head, self._head_bytes = None, 0

        def _refuse(self, error: LimitError) -> None:
            body = written(error_of(error))
            self.transport.write(
                b"HTTP/1.1 %d \r\ncontent-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%b"
                % (error.status, len(body), body)
            )
            self.transport.close()

    return LimitedConnection
