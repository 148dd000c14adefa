"""One client's connection: uvicorn's HTTP/1.1, with a deadline for each thing that the client is to do."""

import asyncio
import logging
import socket
import sys
from collections.abc import Callable, Collection
from contextlib import suppress
from enum import Enum, auto
from http import HTTPStatus
from typing import Any, Final

import h11
import structlog
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from exporter.web.limits import Limits
from exporter.web.tls import has_allowed_san

_log = structlog.get_logger()

#: Bytes that a connection buffers for its client, beside the system's send buffer.
WRITE_BUFFER: Final = 16 * 1024

# uvicorn warns of every client that does not speak HTTP; send_400_response() logs that at debug instead
_uvicorn_log: Final = logging.getLogger("exporter.web.uvicorn")
_uvicorn_log.setLevel(logging.ERROR)


class _Phase(Enum):
    HANDSHAKE = auto()
    HEAD = auto()
    ANSWER = auto()
    IDLE = auto()
    CLOSING = auto()


class Connection(H11Protocol):
    """Serve the client behind `sock`. `lost` is called when an established connection is gone."""

    def __init__(
        self,
        config: Config,
        state: ServerState,
        limits: Limits,
        sock: socket.socket,
        peer: str,
        lost: Callable[["Connection"], None],
        allowed_sans: Collection[str] = (),
    ) -> None:
        super().__init__(config, state, {"connection": self}, asyncio.get_running_loop())
        self.logger = _uvicorn_log
        self.access_log = False
        self.peer = peer
        #: When the client last made progress, by the loop's clock.
        self.since = self.loop.time()
        self._limits = limits
        self._socket = sock
        self._lost = lost
        self._allowed_sans = allowed_sans
        self._phase = _Phase.HANDSHAKE
        self._answered: Any = None
        self._refused = False
        self._deadline: asyncio.TimerHandle | None = None
        self._stall: asyncio.TimerHandle | None = None

    @property
    def spare(self) -> bool:
        """Return True while the exporter waits for the client, so that nothing is lost by dropping it."""
        return self._phase is not _Phase.ANSWER or self._stall is not None

    @property
    def shaking_hands(self) -> bool:
        """Return True until the connection is established, TLS handshake included."""
        return self._phase is _Phase.HANDSHAKE

    def drop(self, reason: str) -> None:
        """Close the connection at once. `reason` is logged."""
        _log.debug("connection dropped", client=self.peer, reason=reason)
        if self.shaking_hands:
            # only asyncio has the transport yet; to it this looks as if the client hung up
            self._shut()
        elif self.transport is not None:
            self.transport.abort()

    def finish(self) -> None:
        """Close after the answer under way, at once if there is none."""
        if self.spare:
            self.drop("server is shutting down")
        else:
            self.shutdown()

    # called by asyncio

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to serve: the connection is established, TLS handshake included."""
        transport.set_write_buffer_limits(high=WRITE_BUFFER)
        super().connection_made(transport)
        self._update_deadline()
        if self._allowed_sans and not has_allowed_san(transport.get_extra_info("peercert"), self._allowed_sans):
            self.drop("no allowed SAN in the client's certificate")

    def data_received(self, data: bytes) -> None:
        """Take in what the client has sent."""
        if self._refused:
            return
        super().data_received(data)
        self._update_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        """Clean up after a connection that either side has closed."""
        for timer in (self._deadline, self._stall):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)
        self._unset_keepalive_if_required()
        self._lost(self)

    def pause_writing(self) -> None:
        """Start the timeout for a client that does not read."""
        super().pause_writing()
        self._stall = self.loop.call_later(self._limits.stall, self.drop, "timeout: client does not read the answer")

    def resume_writing(self) -> None:
        """Stop the timeout: the client has read most of what was sent."""
        super().resume_writing()
        self.since = self.loop.time()
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None

    # called by uvicorn

    def on_response_complete(self) -> None:
        """Go on to the next request: an answer is written."""
        super().on_response_complete()
        self._update_deadline()

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection."""
        if self.transport.get_write_buffer_size():
            # an orderly close would wait for the client to read the rest
            self.drop("timeout: client does not read the answer")
        else:
            super().timeout_keep_alive_handler()

    def send_400_response(self, msg: str) -> None:
        """Refuse a malformed or oversized request. Called while h11's exception is being handled."""
        error = sys.exception()
        status = HTTPStatus(getattr(error, "error_status_hint", 400))
        if self.cycle is not None and not self.cycle.response_complete:
            # stop the answer under way
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
            # closing with input unread would reset the connection, and the client might lose the answer
            self.transport.write_eof()
            self._arm(self._limits.linger, self.transport.abort)
        else:
            self.transport.close()

    # deadlines

    def _update_deadline(self) -> None:
        """Set the deadline of the phase that the connection is in now. A phase that goes on keeps the one it has."""
        phase, answered = self._current_phase()
        if self._refused or (phase is self._phase and answered is self._answered):
            return
        self._phase, self._answered = phase, answered
        self.since = self.loop.time()
        limits = self._limits
        if phase is _Phase.HEAD:
            self._arm(limits.head, self.drop, "timeout: no complete request")
        elif phase is _Phase.ANSWER:
            self._arm(limits.answer, self.drop, "timeout: answer took too long")
        elif phase is _Phase.CLOSING:
            self._arm(limits.stall, self.transport.abort)
        elif self._deadline is not None:
            # the wait for the next request is timed by uvicorn
            self._deadline.cancel()

    def _current_phase(self) -> tuple[_Phase, Any]:
        if self.transport.is_closing():
            return _Phase.CLOSING, self.cycle
        if self.cycle is not None and not self.cycle.response_complete:
            return _Phase.ANSWER, self.cycle
        if self.cycle is None or self.conn.trailing_data[0]:
            return _Phase.HEAD, self.cycle
        return _Phase.IDLE, self.cycle

    def _arm(self, seconds: float, then: Callable[..., object], *arguments: Any) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = self.loop.call_later(seconds, then, *arguments)

    def _shut(self) -> None:
        # the client may have hung up first
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
