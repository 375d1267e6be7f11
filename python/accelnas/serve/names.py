"""Names that a server is asked by: a page in a browser must not ask it from elsewhere."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

from accelnas.arguments import shown
from accelnas.serve.content import written
from accelnas.serve.http import answered
from accelnas.serve.limits import LimitError, error_of

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["Names", "is_loopback"]

_LOOPBACK = frozenset((b"127.0.0.1", b"[::1]", b"localhost"))
_PORT = re.compile(rb":\d*$")


def is_loopback(host: str) -> bool:
    """Whether only programs of this machine reach an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Names:
    """Refuses pages of other sites, and at a loopback address every name but its own.

    Browsers tell where a page comes from (``Origin``), and what name it asked for (``Host``): a site's own name can be
    made to lead to this machine (DNS rebinding), and then its pages are of the same origin.
    """

    def __init__(self, app: ASGIApp, host: str) -> None:
        self._app = app
        self._names = _LOOPBACK | {f"[{host}]".encode() if ":" in host else host.encode()}
        self._every = not is_loopback(host)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        message = self._refusal(scope["headers"]) if scope["type"] == "http" else None
        if message is None:
            await self._app(scope, receive, send)
        else:
            await answered(written(error_of(LimitError(message, 403))), 403)(scope, receive, send)

    def _refusal(self, headers: list[tuple[bytes, bytes]]) -> str | None:
        host = origin = b""
        for name, value in headers:
            if name == b"host":
                host = value.lower()
            elif name == b"origin":
                origin = value.lower()
        if not self._every and _PORT.sub(b"", host) not in self._names:
            return f"the server is asked as {_read(host)}; ask it as 127.0.0.1 or localhost, or start it with --host"
        if origin and origin.partition(b"://")[2] != host:
            return f"a page of {_read(origin)} asks; pages of other sites are not answered, programs are"
        return None


def _read(header: bytes) -> str:
    return shown(header.decode("latin-1"))
