"""The server's process: its address, its connections and its end."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import uvicorn

from accelnas.errors import ParameterError
from accelnas.serve.app import create_app
from accelnas.serve.connection import GRACE, limited_connection
from accelnas.serve.direct import Direct
from accelnas.serve.names import Names

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from accelnas import Benchmark
    from accelnas.serve.limits import Limits

__all__ = ["application", "listening", "server"]

_IDLE = 75  # seconds between requests of a connection: a client on a busy machine may need some


def listening(host: str, port: int) -> socket.socket:
    """Listen at an address.

    Raises
    ------
    ParameterError
        If it is taken, or not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=1024)
    except OSError as error:
        reason = (error.strerror or str(error)).partition(" (while")[0].lower()
        raise ParameterError(
            f"port {port} of {host} can't be listened at: {reason}; choose another --port or --host"
        ) from None
    # of a socket made so, asyncio does not know that it is of TCP: an answer's body would wait 40 ms for the client to
    # say that it has the head
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def application(bench: Benchmark, limits: Limits) -> ASGIApp:
    """Make what answers all paths; small predictions take a shorter way, around the framework."""
    return Direct(create_app(bench, limits), bench, limits)


def server(bench: Benchmark, limits: Limits, host: str) -> uvicorn.Server:
    """Make a server of what listens; ``run([socket])`` answers until SIGINT or SIGTERM, which stop what it computes."""
    config = uvicorn.Config(
        Names(application(bench, limits), host),
        proxy_headers=False,
        http=limited_connection(limits.seconds),
        ws="none",
        lifespan="off",
        log_level="error",
        access_log=False,
        server_header=False,
        timeout_keep_alive=min(_IDLE, int(limits.seconds) + 1),
        timeout_graceful_shutdown=int(10 * GRACE),
    )
    return uvicorn.Server(config)
