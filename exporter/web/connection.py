"""One client's connection: uvicorn's HTTP/1.1, with a deadline for each thing that the client is to do and a place among others.

The one module that builds on what uvicorn and asyncio do not document.
"""

import asyncio
import ssl
import sys
from asyncio import sslproto
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from http import HTTPStatus
from typing import Any, Final

import h11
import structlog
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from exporter.metrics.exposition import Snapshot
from exporter.web.limits import Limits
from exporter.web.tls import has_allowed_san
from exporter.web.webconfig import WebConfig

_log = structlog.get_logger()

#: Bytes that a connection buffers for its client, beside the system's send buffer.
WRITE_BUFFER: Final = 16 * 1024

#: Why a client is dropped, by the limit that it has exceeded. asyncio times the handshake, uvicorn the time between two requests.
_TIMEOUTS: Final = {
    "head": "timeout: no complete request",
    "stall": "timeout: client does not read the answer",
    "linger": "timeout: client sends on after a refusal",
}


def protocol(limits: Limits, web: Callable[[], WebConfig], **uvicorn: Any) -> asyncio.BaseProtocol:
    """Return what serves a new client by the web config of this moment. `uvicorn` are H11Protocol's own arguments."""
    config = web()
    connection = Connection(limits, config.allowed_sans, **uvicorn)
    return _Handshake(connection, config.context, limits.handshake) if config.context else connection


class Connection(H11Protocol):
    """Serve one client, whose certificate must have one of `sans` if there are any.

    uvicorn alone waits for ever for a request, and for a client that does not read its answer (test_hostile_clients.py, of
    "timeout: ..."), and has no way to let a scraper in when others hold all connections (test_hostile_network.py).
    """

    def __init__(self, limits: Limits, sans: Collection[str], **uvicorn: Any) -> None:
        super().__init__(**uvicorn)
        self.app_state = {"connection": self}
        self.peer = ""
        #: When the client last made progress, by the loop's clock.
        self.since = self.loop.time()
        #: What the answer under way is made of, which other clients' may share, and how many bytes it takes beside that.
        self.body: Snapshot | bytes | None = None
        self.own = 0
        self._limits = limits
        self._sans = sans
        self._refused = False
        #: What the client was waited for when look() was last called; in which request, and when that was first seen.
        self._waits = ""
        self._request: object = None
        self._asked = self.since

    @property
    def handshaking(self) -> bool:
        """Return True until the TLS handshake is over."""
        return self.flow is None

    @property
    def answering(self) -> bool:
        """Return True while an answer is made or sent."""
        return self.cycle is not None and not self.cycle.response_complete

    @property
    def spare(self) -> bool:
        """Return True while the exporter waits for the client, so that nothing is lost by dropping it."""
        return not self.answering or self.flow.write_paused

    def drop(self, reason: str) -> None:
        """Close the connection at once. `reason` is logged."""
        _log.debug("connection dropped", client=self.peer, reason=reason)
        self.connections.discard(self)
        self.transport.abort()

    def look(self, now: float) -> None:
        """Drop the client if it has been waited for too long. `now` is by the loop's clock."""
        waits = self._waits_for()
        if self.cycle is not self._request:
            self._request, self._asked, self.since = self.cycle, now, now
        elif waits != self._waits:
            self.since = now
        self._waits = waits
        if self.answering and now - self._asked > self._limits.answer:
            self.drop("timeout: answer took too long")
        elif waits in _TIMEOUTS and now - self.since > getattr(self._limits, waits):
            self.drop(_TIMEOUTS[waits])

    def _waits_for(self) -> str:
        """Return which of the limits counts now."""
        if self.handshaking:
            return "handshake"
        if self._refused:
            return "linger"
        if self.flow.write_paused or self.transport.is_closing():
            return "stall"
        if self.answering:
            return "answer"
        return "head" if self.cycle is None or self.conn.trailing_data[0] else "idle"

    def hold(self, body: Snapshot | bytes, own: int) -> None:
        """Note that the client has made progress, and what its answer keeps in memory from now on."""
        self.since = self.loop.time()
        more = body is not self.body or own > self.own
        self.body, self.own = body, own
        if more:
            evict_readers(self, clients_of(self.server_state), self._limits)

    def enter(self, transport: asyncio.Transport) -> bool:
        """Take a place among the others, if need be that of another. Return False if all of them are being answered."""
        self.transport = transport
        address = transport.get_extra_info("peername")
        self.peer = str(address[0]) if isinstance(address, tuple) else "unix"
        others = clients_of(self.server_state)
        handshakes = [other for other in others if other.handshaking]
        if len(handshakes) >= self._limits.handshakes:
            _evict(handshakes, others, "TLS handshake limit reached")
        if len(self.connections) >= self._limits.connections:
            spare = [other for other in others if other.spare]
            if not spare:
                _log.debug("connection refused", client=self.peer, reason="connection limit reached")
                transport.abort()
                return False
            _evict(spare, others, "connection limit reached")
        self.connections.add(self)
        return True

    # called by asyncio

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Serve the client, which with TLS has entered at the begin of the handshake."""
        if not self.peer and not self.enter(transport):
            return
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=WRITE_BUFFER)
        if self._sans and not has_allowed_san(transport.get_extra_info("peercert"), self._sans):
            self.drop("no allowed SAN in the client's certificate")

    def data_received(self, data: bytes) -> None:
        """Take in what the client has sent."""
        if not self._refused:
            super().data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Clean up after a connection that either side has closed."""
        super().connection_lost(exc)
        # uvicorn leaves its timer running if the client has reset the connection
        self._unset_keepalive_if_required()

    # called by uvicorn

    def shutdown(self) -> None:
        """Close after the answer under way, at once if the client is waited for: a stop need not wait for those who hold on."""
        if self.spare:
            self.drop("server is shutting down")
        else:
            super().shutdown()

    def send_400_response(self, msg: str) -> None:
        """Refuse a malformed or oversized request. Called while h11's exception is being handled.

        uvicorn closes at once, which resets a connection with input unread, and the client may lose the answer
        (test_a_refused_client_can_read_why_while_it_still_sends); and it knows no status but 400.
        """
        error = sys.exception()
        status = HTTPStatus(getattr(error, "error_status_hint", 400))
        if self.answering:
            self.cycle.disconnected = True
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self.drop(f"invalid request: {error}")
            return
        _log.debug("request refused", client=self.peer, status=status.value, error=str(error))
        body = f"{status.phrase}\n".encode()
        headers = [
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Length", str(len(body))),
            ("Connection", "close"),
        ]
        events = (h11.Response(status_code=status, headers=headers, reason=status.phrase), h11.Data(body), h11.EndOfMessage())
        self.transport.write(b"".join(self.conn.send(event) or b"" for event in events))
        self._refused = True
        if self.transport.can_write_eof():
            self.transport.write_eof()
        else:
            self.transport.close()


class _Handshake(sslproto.SSLProtocol):
    """Speak TLS for `connection`, as asyncio does for a server that has a context.

    But each client gets the context of its moment (test_rotation.py), and can be evicted from its first byte on
    (test_half_open_handshakes_keep_nobody_out).
    """

    #: Bytes of the read buffer; requests are smaller. asyncio's own 256 KiB would be 100 MB for the clients of
    #: test_hostile_connections_cost_little_and_are_dropped.
    max_size = 4 * 1024

    def __init__(self, connection: Connection, context: ssl.SSLContext, timeout: float) -> None:
        super().__init__(connection.loop, connection, context, None, server_side=True, ssl_handshake_timeout=timeout)  # type: ignore[arg-type]
        self._connection = connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the handshake; asyncio tells the connection when it is over."""
        if self._connection.enter(transport):  # type: ignore[arg-type]
            super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Clean up, also after a handshake that came to nothing, of which asyncio does not tell the connection."""
        connection = self._connection
        # the two would keep each other in memory
        del self._connection
        if connection.handshaking:
            connection.connections.discard(connection)
            if isinstance(exc, OSError):
                _log.debug("TLS handshake failed", client=connection.peer, error=reason_of(exc))
        super().connection_lost(exc)


def clients_of(server: ServerState) -> list[Connection]:
    """Return the connections of a server."""
    return [connection for connection in server.connections if isinstance(connection, Connection)]


def _evict(candidates: Sequence[Connection], among: Sequence[Connection], reason: str) -> None:
    """Drop the candidate that made no progress for longest, of the client with most connections."""
    count = Counter(connection.peer for connection in among)
    min(candidates, key=lambda connection: (-count[connection.peer], connection.since)).drop(f"evicted: {reason}")


def evict_readers(newest: Connection, among: Sequence[Connection], limits: Limits) -> None:
    """Drop the slowest readers while answers keep too much in memory; never `newest`, which has just made progress.

    A body counts once, however many read it, and lives by the fastest of them
    (test_slow_readers_of_pages_that_differ_hold_no_more_than_documented).
    """
    readers = sorted((reader for reader in among if reader.body is not None), key=lambda reader: reader.since)
    while len(readers) > limits.pending_least:
        bodies = {id(reader.body): reader.body for reader in readers}
        size = sum(reader.own for reader in readers)
        if len(bodies) > limits.pending_least:
            # fewer may be of any size; what their readers have beside them is limited all the same
            size += sum(body.memory if isinstance(body, Snapshot) else len(body) for body in bodies.values() if body)
        if size <= limits.pending_size:
            return
        last = {id(reader.body): reader.since for reader in readers}
        slowest = min((reader for reader in readers if reader is not newest), key=lambda reader: last[id(reader.body)])
        readers.remove(slowest)
        slowest.drop("evicted: too much memory held by slow readers")


def reason_of(error: OSError) -> str:
    """Return why a connection failed, in the words of an operator."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate refused: {error.verify_message}"
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.replace("_", " ").lower()
    return error.strerror or str(error) or "client hung up"
