"""The HTTP server's side of a connection, with a handle on the bare socket for faults that HTTP servers can't commit."""

import asyncio
import socket
import struct
from typing import Any

from uvicorn.config import HTTP_PROTOCOLS
from uvicorn.importer import import_from_string

#: uvicorn's HTTP/1.1 by the name that its options have for it.
_H11Protocol: Any = import_from_string(HTTP_PROTOCOLS["h11"])


class ClientGone(Exception):
    """The client hung up, or the server is stopping: nobody waits for the answer any more."""


class Wire:
    """One connection, below HTTP. Only for the event loop's thread."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._gone = asyncio.Event()

    def write(self, data: bytes) -> None:
        """Put bytes on the wire as they are."""
        self._transport.write(data)

    async def pause(self, seconds: float | None = None) -> None:
        """Wait, without end if no seconds are given. Raises ClientGone as soon as the connection is lost."""
        try:
            async with asyncio.timeout(seconds):
                await self._gone.wait()
        except TimeoutError:
            return
        raise ClientGone

    async def close(self) -> None:
        """End the connection once all is written (FIN)."""
        self._transport.close()
        await self._gone.wait()

    async def reset(self) -> None:
        """End the connection at once (RST)."""
        bare = self._transport.get_extra_info("socket")
        # Lingering for no time at all makes the kernel reset instead of closing in order.
        bare.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()
        await self._gone.wait()

    def lost(self) -> None:
        """Note that the connection is lost."""
        self._gone.set()


class WireProtocol(_H11Protocol):  # type: ignore[misc]
    """uvicorn's protocol, giving each request its connection's `Wire` as `scope["state"]["wire"]`."""

    _wire: Wire | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Note a new client."""
        super().connection_made(transport)
        self._wire = Wire(transport)
        self.app_state = {"wire": self._wire}

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that the connection is lost, from whichever side."""
        super().connection_lost(exc)
        if self._wire is not None:
            self._wire.lost()
