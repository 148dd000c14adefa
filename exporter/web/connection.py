"""One client's connection: uvicorn's HTTP/1.1, with a deadline for each thing that the client is to do and a place among others.

The one module that builds on what uvicorn and asyncio do not document.
"""

import asyncio
import ssl
import sys
from asyncio import sslproto
from collections import Counter
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any, Final

import h11
import structlog
from uvicorn.protocols.http.h11_impl import H11Protocol

from exporter.web.limits import Limits
from exporter.web.tls import has_allowed_san
from exporter.web.webconfig import WebConfig

_log = structlog.get_logger()

#: Bytes that a connection buffers for its client, beside the system's send buffer.
WRITE_BUFFER: Final = 16 * 1024

# Bytes of asyncio's read buffer for a TLS connection; requests are smaller. Its own 256 KiB would be 100 MB for the clients of
# test_hostile_connections_cost_little_and_are_dropped.
sslproto.SSLProtocol.max_size = 4 * 1024

#: Why a client is dropped, by the limit that it has exceeded. A whole answer is timed by the middleware.
_TIMEOUTS: Final = {
    "handshake": "timeout: TLS handshake",
    "head": "timeout: no complete request",
    "stall": "timeout: client does not read the answer",
    "idle": "timeout: idle",
    "linger": "timeout: client sends on after a refusal",
}


class Connection(H11Protocol):
    """Serve one client with the web config of this moment, by TLS if it has a context. `uvicorn` are H11Protocol's own arguments.

    uvicorn alone waits for ever for a request, and for a client that does not read its answer (test_hostile_clients.py, of
    "timeout: ..."), and has no way to let a scraper in when others hold all connections (test_hostile_network.py).
    """

    def __init__(self, limits: Limits, web: Callable[[], WebConfig], **uvicorn: Any) -> None:
        super().__init__(**uvicorn)
        self.app_state = {"connection": self}
        self.peer = ""
        #: When the client last made progress, by the loop's clock.
        self.since = self.loop.time()
        self._limits = limits
        self._web = web()
        self._handshake: asyncio.Task[None] | None = None
        self._early = b""
        self._refused = False
        #: What the client was waited for when look() was last called, and in which request.
        self._seen: tuple[str, object] = ("handshake", None)

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
        if (waits, self.cycle) != self._seen:
            self._seen = (waits, self.cycle)
            self.since = now
        if waits in _TIMEOUTS and now - self.since > getattr(self._limits, waits):
            self.drop(_TIMEOUTS[waits])

    def _waits_for(self) -> str:
        """Return which of the limits counts now."""
        if self._handshake is not None:
            return "handshake"
        if self._refused:
            return "linger"
        if self.flow.write_paused or self.transport.is_closing():
            return "stall"
        if self.answering:
            return "answer"
        return "head" if self.cycle is None or self.conn.trailing_data[0] else "idle"

    # called by asyncio

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Let the client in, if need be in place of another."""
        self.transport = transport
        address = transport.get_extra_info("peername")
        self.peer = str(address[0]) if isinstance(address, tuple) else "unix"
        if not self._make_room():
            _log.debug("connection refused", client=self.peer, reason="connection limit reached")
            transport.abort()
            return
        self.connections.add(self)
        if self._web.context is None:
            self._begin(transport)
        else:
            transport.pause_reading()
            self._handshake = self.loop.create_task(self._shake_hands(transport, self._web.context))

    def data_received(self, data: bytes) -> None:
        """Take in what the client has sent."""
        if self._handshake is not None:
            # it may come with the handshake's last bytes
            self._early += data
        elif not self._refused:
            super().data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Clean up after a connection that either side has closed."""
        super().connection_lost(exc)
        self._unset_keepalive_if_required()

    def resume_writing(self) -> None:
        """Note that the client has read most of what was sent."""
        super().resume_writing()
        self.since = self.loop.time()

    # called by uvicorn

    def shutdown(self) -> None:
        """Close after the answer under way, at once if the client is waited for."""
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

    # the handshake, and the place among others

    async def _shake_hands(self, plain: asyncio.Transport, context: ssl.SSLContext) -> None:
        """Go on by TLS. The listening server knows nothing of it, so that the next client gets the context of its moment."""
        timeout = self._limits.handshake
        try:
            secured = not plain.is_closing() and await self.loop.start_tls(
                plain, self, context, server_side=True, ssl_handshake_timeout=timeout, ssl_shutdown_timeout=timeout
            )
        except OSError as error:
            _log.debug("TLS handshake failed", client=self.peer, error=reason_of(error))
            secured = None
        self._handshake = None
        if not secured or secured.is_closing():
            # asyncio tells of no connection that is lost in the handshake
            self.connections.discard(self)
            plain.abort()
            return
        self._begin(secured)
        sans = self._web.allowed_sans
        if sans and not has_allowed_san(secured.get_extra_info("peercert"), sans):
            self.drop("no allowed SAN in the client's certificate")
        elif self._early:
            self.data_received(self._early)

    def _begin(self, transport: asyncio.Transport) -> None:
        transport.set_write_buffer_limits(high=WRITE_BUFFER)
        super().connection_made(transport)
        self._seen = (self._waits_for(), None)
        self.since = self.loop.time()

    def _make_room(self) -> bool:
        """Evict another connection if there are too many. Return False if all of them are being answered."""
        others = [other for other in self.connections if isinstance(other, Connection)]
        handshakes = [other for other in others if other._handshake is not None]
        if len(handshakes) >= self._limits.handshakes:
            _evict(others, handshakes, "TLS handshake limit reached")
        if len(self.connections) < self._limits.connections:
            return True
        spare = [other for other in others if other.spare]
        if spare:
            _evict(others, spare, "connection limit reached")
        return bool(spare)


def _evict(all_: Iterable[Connection], candidates: Iterable[Connection], reason: str) -> None:
    """Drop the candidate that made no progress for longest, of the client with most connections."""
    count = Counter(connection.peer for connection in all_)
    min(candidates, key=lambda connection: (-count[connection.peer], connection.since)).drop(f"evicted: {reason}")


def reason_of(error: OSError) -> str:
    """Return why a connection failed, in the words of an operator."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate refused: {error.verify_message}"
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.replace("_", " ").lower()
    return error.strerror or str(error) or "client hung up"
