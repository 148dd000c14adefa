"""The web server: uvicorn's on sockets of ours, in a thread of its own."""

import asyncio
import errno
import math
import socket
import threading
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

import structlog
import uvicorn
from starlette.types import ASGIApp

from exporter.web.connection import clients_of, protocol, reason_of
from exporter.web.limits import LIMITS, Limits
from exporter.web.listener import Listener, listen
from exporter.web.middleware import AccessMiddleware
from exporter.web.rotation import Rotation

_log = structlog.get_logger()

#: Seconds that answers under way get to finish at shutdown.
GRACE: Final = 0.7

#: Bytes of the system's send buffer for a client, enough for 10 Mbit/s across the world. By default it grows to 4 MB, which
#: would take in a whole answer and hide that the client does not read.
_SEND_BUFFER: Final = 256 * 1024

#: Seconds for which it is not told again that the system is out of resources for another connection.
_STARVED: Final = 60.0

_OUT_OF_RESOURCES: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class _Uvicorn(uvicorn.Server):
    """uvicorn's server, which looks after its connections at each of its ticks, ten a second."""

    async def on_tick(self, counter: int) -> bool:
        """Drop the clients that are waited for too long. Return whether to stop."""
        now = asyncio.get_running_loop().time()
        for connection in clients_of(self.server_state):
            connection.look(now)
        return await super().on_tick(counter)


class Server:
    """Serve an application on `host` and `port` (0: any free one), or on `listeners`, from start() to stop().

    Raises ListenError.
    """

    def __init__(
        self,
        host: str = "",
        port: int = 0,
        rotation: Rotation | None = None,
        limits: Limits = LIMITS,
        *,
        listeners: Sequence[Listener] = (),
    ) -> None:
        self._listeners = listeners or [listen((host, port))]
        self._rotation = rotation or Rotation(None)
        self._limits = limits
        self._server: _Uvicorn | None = None
        self._thread: threading.Thread | None = None
        self._starved = -math.inf

    @property
    def _sockets(self) -> list[socket.socket]:
        return [sock for listener in self._listeners for sock in listener.sockets]

    @property
    def urls(self) -> list[str]:
        """Return how each of its addresses is reached from this machine."""
        return [listener.url("https" if self._rotation.context else "http") for listener in self._listeners]

    @property
    def url(self) -> str:
        """Return the first of `urls`."""
        return self.urls[0]

    def start(self, app: ASGIApp, route_prefix: str = "") -> None:
        """Begin to answer, also the connections that were made since the constructor. `route_prefix` is that of the app."""
        rotation, limits = self._rotation, self._limits
        config = uvicorn.Config(
            AccessMiddleware(app, lambda: rotation.policy, limits, route_prefix),
            # annotated as a class, but only called
            http=partial(protocol, limits, lambda: rotation.config),  # type: ignore[arg-type]
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            # what it would say, clients cause, or connection.py and the middleware say
            log_level="critical",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            backlog=128,
            # these two are annotated as int, but only passed on to asyncio
            timeout_keep_alive=limits.idle,  # type: ignore[arg-type]
            timeout_graceful_shutdown=GRACE,  # type: ignore[arg-type]
            h11_max_incomplete_event_size=limits.head_size,
        )
        server = self._server = _Uvicorn(config)
        for sock in self._sockets:
            # for those that are accepted on it
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(server)), name="web", daemon=True)
        self._thread.start()
        rotation.start()

    def stop(self) -> None:
        """Stop listening, give answers under way GRACE seconds to finish, and end."""
        self._rotation.stop()
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join(2 * GRACE + 0.3)
        for listener in self._listeners:
            listener.close()

    async def _serve(self, server: _Uvicorn) -> None:
        asyncio.get_running_loop().set_exception_handler(self._log_exception)
        await server.serve(self._sockets)
        for connection in clients_of(server.server_state):
            connection.drop("server is shutting down")

    def _log_exception(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, OSError) and error.errno in _OUT_OF_RESOURCES:
            if loop.time() - self._starved > _STARVED:
                self._starved = loop.time()
                _log.error("cannot accept connections, retrying", error=error.strerror)
        elif isinstance(error, OSError):
            # the client has hung up, which shows as many different errors
            _log.debug("connection lost", error=reason_of(error))
        else:
            _log.error(
                "internal error in the web server", error=f"{type(error).__name__}: {error}" if error else context["message"]
            )
