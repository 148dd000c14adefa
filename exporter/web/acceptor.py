"""The event loop of the web side: takes connections in, and no more than it can serve."""

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

_log = structlog.get_logger()

#: Seconds that answers under way get to finish when the exporter stops.
GRACE: Final = 0.7

#: Seconds until the next try after the system refused another connection.
_RETRY: Final = 1.0

#: Bytes of asyncio's read buffer for a TLS connection, which it would make 256 KiB: 50 MB for 200 that only hold a handshake
#: open. Requests are smaller than this.
_TLS_READ_BUFFER: Final = 4 * 1024

#: Bytes that the system holds for a client. It would take up to 4 MB by itself, of an answer that nobody reads, and who does not
#: read would not be noticed. Enough for 10 Mbit/s across the world.
_SEND_BUFFER: Final = 256 * 1024

_OUT_OF_RESOURCES: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class Acceptor:
    """Serves `app` on `listeners`, with what `tls` gives for each new connection (None: without TLS)."""

    def __init__(
        self, app: ASGIApp, listeners: Sequence[socket.socket], tls: Callable[[], ssl.SSLContext | None], limits: Limits
    ) -> None:
        self._listeners = listeners
        self._tls = tls
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
            # uvicorn says a whole number, and only hands it to call_later()
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
        """End soon; from any thread."""
        # the loop is closed already if serving failed
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._ending.set)

    async def _serve(self) -> None:
        self._loop.set_exception_handler(_report)
        sslproto.SSLProtocol.max_size = _TLS_READ_BUFFER
        self._config.load()
        for listener in self._listeners:
            listener.setblocking(False)
            self._listen(listener)
        await self._ending.wait()
        for listener in self._listeners:
            self._loop.remove_reader(listener)
        for connection in list(self._connections):
            connection.finish()
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACE):
                await self._all_gone()
        for connection in list(self._connections):
            connection.drop("the exporter stops")
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

    def _listen(self, listener: socket.socket) -> None:
        self._loop.add_reader(listener, self._accept, listener)

    def _accept(self, listener: socket.socket) -> None:
        """Take one client in; the loop comes back for the next after it has served those that are there."""
        try:
            sock, address = listener.accept()
        except OSError as error:
            if error.errno in _OUT_OF_RESOURCES:
                (_log.debug if self._starved else _log.error)("cannot take a connection, trying again", error=error.strerror)
                self._starved = True
                self._loop.remove_reader(listener)
                self._loop.call_later(_RETRY, self._listen, listener)
            # else the client has gone again
            return
        self._starved = False
        self._welcome(sock, str(address[0]))

    def _welcome(self, sock: socket.socket, peer: str) -> None:
        handshakes = [it for it in self._connections if it.shaking_hands]
        if len(handshakes) >= self._limits.handshakes:
            self._drop_one(handshakes)
        if len(self._connections) >= self._limits.connections:
            spare = [it for it in self._connections if it.spare]
            if not spare:
                _log.debug("connection refused", client=peer, reason="all connections are in use")
                sock.close()
                return
            self._drop_one(spare)
        connection = Connection(self._config, self._state, self._limits, sock, peer, self._on_lost)
        self._connections.add(connection)
        task = self._loop.create_task(self._connect(sock, connection))
        self._handshakes.add(task)
        task.add_done_callback(self._handshakes.discard)

    def _drop_one(self, candidates: Iterable[Connection]) -> None:
        """Drop the one that got nowhere for longest, of the client that has most connections."""
        most = Counter(it.peer for it in self._connections)
        victim = min(candidates, key=lambda it: (-most[it.peer], it.since))
        self._connections.discard(victim)
        victim.drop("others need the place")

    async def _connect(self, sock: socket.socket, connection: Connection) -> None:
        tls = self._tls()
        timeout = self._limits.handshake if tls else None
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
            await self._loop.connect_accepted_socket(
                lambda: connection, sock, ssl=tls, ssl_handshake_timeout=timeout, ssl_shutdown_timeout=timeout
            )
        except OSError as error:
            _log.debug("TLS handshake failed", client=connection.peer, error=_shown(error))
            self._on_lost(connection)
            sock.close()


def _shown(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate refused: {error.verify_message}"
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.replace("_", " ").lower()
    return error.strerror or str(error) or "the client hung up"


def _report(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    error = context.get("exception")
    if isinstance(error, OSError):
        # a client that is gone, in one of the many ways to tell
        _log.debug("connection broke", error=_shown(error))
        return
    _log.error("internal error in the web server", error=f"{type(error).__name__}: {error}" if error else context["message"])
