"""The event loop of the web side: accepts connections, no more than it can serve."""

import asyncio
import errno
import socket
import ssl
from asyncio import sslproto
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any, Final

import structlog
import uvicorn
from starlette.types import ASGIApp
from uvicorn.server import ServerState

from exporter.web.connection import Connection
from exporter.web.limits import Limits
from exporter.web.webconfig import WebConfig

_log = structlog.get_logger()

#: Seconds that answers under way get to finish at shutdown.
GRACE: Final = 0.7

#: Seconds until the next try after the system was out of resources for another connection.
_RETRY: Final = 1.0

#: Bytes of asyncio's read buffer for a TLS connection. Its own 256 KiB would be 50 MB for 200 clients that stall in the
#: handshake. Requests are smaller than this.
_TLS_READ_BUFFER: Final = 4 * 1024

#: Bytes of the system's send buffer for a client, enough for 10 Mbit/s across the world. By default it grows to 4 MB, which
#: would take in a whole answer and hide that the client does not read.
_SEND_BUFFER: Final = 256 * 1024

_OUT_OF_RESOURCES: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class Acceptor:
    """Serve `app` on the listening `sockets`. `web` is called for each new connection's TLS."""

    def __init__(self, app: ASGIApp, sockets: Sequence[socket.socket], web: Callable[[], WebConfig], limits: Limits) -> None:
        self._sockets = sockets
        self._web = web
        self._limits = limits
        self._config = uvicorn.Config(
            app,
            http="h11",
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            # annotated as int, but only passed on to call_later()
            timeout_keep_alive=limits.idle,  # type: ignore[arg-type]
            h11_max_incomplete_event_size=limits.head_size,
        )
        self._state = ServerState()
        self._connections: set[Connection] = set()
        self._handshakes: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._ending = asyncio.Event()
        self._lost = asyncio.Event()
        self._starved = False

    def run(self) -> None:
        """Serve until stopped; for a thread of its own."""
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    def stop(self) -> None:
        """End run() soon; may be called from any thread."""
        # the loop is closed if run() has ended
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._ending.set)

    async def _serve(self) -> None:
        self._loop.set_exception_handler(_log_exception)
        sslproto.SSLProtocol.max_size = _TLS_READ_BUFFER
        self._config.load()
        for sock in self._sockets:
            sock.setblocking(False)
            self._listen(sock)
        await self._ending.wait()
        for sock in self._sockets:
            self._loop.remove_reader(sock)
        for connection in list(self._connections):
            connection.finish()
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACE):
                await self._all_gone()
        for connection in list(self._connections):
            connection.drop("server is shutting down")
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACE):
                await self._all_gone()

    async def _all_gone(self) -> None:
        while self._connections:
            self._lost.clear()
            await self._lost.wait()

    def _on_lost(self, connection: Connection) -> None:
        self._connections.discard(connection)
        self._lost.set()

    def _listen(self, listening: socket.socket) -> None:
        self._loop.add_reader(listening, self._accept, listening)

    def _accept(self, listening: socket.socket) -> None:
        """Accept one client; the loop serves the others before it calls this for the next."""
        try:
            sock, address = listening.accept()
        except OSError as error:
            if error.errno in _OUT_OF_RESOURCES:
                (_log.debug if self._starved else _log.error)("cannot accept connections, retrying", error=error.strerror)
                self._starved = True
                self._loop.remove_reader(listening)
                self._loop.call_later(_RETRY, self._listen, listening)
            # on any other error the client has hung up already
            return
        self._starved = False
        self._admit(sock, str(address[0]))

    def _admit(self, sock: socket.socket, peer: str) -> None:
        handshakes = [connection for connection in self._connections if connection.shaking_hands]
        if len(handshakes) >= self._limits.handshakes:
            self._evict(handshakes, "TLS handshake limit reached")
        if len(self._connections) >= self._limits.connections:
            spare = [connection for connection in self._connections if connection.spare]
            if not spare:
                _log.debug("connection refused", client=peer, reason="connection limit reached")
                sock.close()
                return
            self._evict(spare, "connection limit reached")
        web = self._web()
        connection = Connection(self._config, self._state, self._limits, sock, peer, self._on_lost, web.allowed_sans)
        self._connections.add(connection)
        task = self._loop.create_task(self._connect(sock, connection, web.context))
        self._handshakes.add(task)
        task.add_done_callback(self._handshakes.discard)

    def _evict(self, candidates: Iterable[Connection], reason: str) -> None:
        """Drop the candidate that made no progress for longest, of the client with most connections."""
        count = Counter(connection.peer for connection in self._connections)
        victim = min(candidates, key=lambda connection: (-count[connection.peer], connection.since))
        self._connections.discard(victim)
        victim.drop(f"evicted: {reason}")

    async def _connect(self, sock: socket.socket, connection: Connection, tls: ssl.SSLContext | None) -> None:
        timeout = self._limits.handshake if tls else None
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
            await self._loop.connect_accepted_socket(
                lambda: connection, sock, ssl=tls, ssl_handshake_timeout=timeout, ssl_shutdown_timeout=timeout
            )
        except OSError as error:
            _log.debug("TLS handshake failed", client=connection.peer, error=_reason(error))
            self._on_lost(connection)
            sock.close()


def _reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate refused: {error.verify_message}"
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.replace("_", " ").lower()
    return error.strerror or str(error) or "client hung up"


def _log_exception(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    error = context.get("exception")
    if isinstance(error, OSError):
        # the client has hung up, which shows as many different errors
        _log.debug("connection lost", error=_reason(error))
        return
    _log.error("internal error in the web server", error=f"{type(error).__name__}: {error}" if error else context["message"])
