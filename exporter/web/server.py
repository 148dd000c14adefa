"""The listening sockets and the server behind them, in a thread of its own."""

import errno
import os
import socket
import threading
from collections.abc import Sequence
from typing import Final

from starlette.types import ASGIApp

from exporter.web.acceptor import GRACE, Acceptor
from exporter.web.limits import LIMITS, Limits
from exporter.web.middleware import AccessMiddleware
from exporter.web.rotation import Rotation


class ListenError(OSError):
    """The address cannot be listened on; the message says why."""


class Server:
    """Serves an application on `host` and `port` (0: any free one) from start() to stop(). Raises ListenError if it cannot.

    `host` is a name or an address; "" and "::" are every address of the machine, of IPv4 too.
    """

    def __init__(self, host: str, port: int, rotation: Rotation | None = None, limits: Limits = LIMITS) -> None:
        try:
            self._sockets = _listen(host, port)
        except (OSError, UnicodeError) as error:
            # create_server() words the errors of bind() in its own way
            number = getattr(error, "errno", None)
            reason = os.strerror(number) if isinstance(number, int) and number > 0 else str(error)
            raise ListenError(f"cannot listen on {_show(host, port)}: {reason}") from None
        self._host = host
        self._rotation = rotation or Rotation(None)
        self._limits = limits
        self._server: Acceptor | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """An address that reaches the listener from this machine."""
        port = self._sockets[0].getsockname()[1]
        host = self._host if self._host not in ("", "0.0.0.0", "::") else "localhost"  # noqa: S104 - compared, not bound
        return f"{'https' if self._rotation.context else 'http'}://{_show(host, port)}"

    def start(self, app: ASGIApp) -> None:
        """Begin to answer. Connections made since the constructor are answered too."""
        rotation = self._rotation
        gate = AccessMiddleware(app, lambda: rotation.admission, self._limits)
        self._server = Acceptor(gate, self._sockets, lambda: rotation.context, self._limits)
        self._thread = threading.Thread(target=self._server.run, name="web", daemon=True)
        self._thread.start()
        threading.Thread(target=rotation.run, name="web-config", daemon=True).start()

    def stop(self) -> None:
        """Stop listening, let answers under way finish for a moment, and end."""
        self._rotation.stop()
        if self._server is not None and self._thread is not None:
            self._server.stop()
            self._thread.join(2 * GRACE + 0.1)
        for listener in self._sockets:
            listener.close()


def _listen(host: str, port: int) -> list[socket.socket]:
    """Listen on what `host` stands for, as Prometheus' own programs do, and for `localhost` on both of its addresses."""
    if host in ("", "::"):
        # one socket for both kinds of addresses, where the system has both
        both = ["::"] if socket.has_dualstack_ipv6() else []
        return [_first([*both, "0.0.0.0"], port)]  # noqa: S104 - what was asked for
    if host == "localhost":
        return _both(port)
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return [_first([socket.getnameinfo(entry[4], _NUMERIC)[0] for entry in found], port)]


def _first(addresses: Sequence[str], port: int) -> socket.socket:
    """Listen on the first of the addresses that this machine has."""
    for address in addresses[:-1]:
        try:
            return _create(address, port)
        except OSError as error:
            if error.errno not in _NOT_HERE:
                raise
    return _create(addresses[-1], port)


def _both(port: int) -> list[socket.socket]:
    """Listen on the addresses of localhost, whatever the resolver makes of it (RFC 6761 6.3), or on the one that is there."""
    first = _first(["127.0.0.1", "::1"], port)
    try:
        return [first, _create("::1", first.getsockname()[1])] if first.family == socket.AF_INET else [first]
    except OSError as error:
        if error.errno in _NOT_HERE:
            return [first]
        try:
            # any free port of one address may be taken for the other; while this one is kept, another is found
            if port == 0 and error.errno == errno.EADDRINUSE:
                return _both(port)
            raise
        finally:
            first.close()


def _create(address: str, port: int) -> socket.socket:
    family, _, _, _, where = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)[0]
    listener = socket.create_server(where, family=family, backlog=512, dualstack_ipv6=address == "::")
    # asyncio switches Nagle's algorithm off only where a socket says that it speaks TCP, which create_server() leaves open;
    # with it on, an answer that does not fill its last packet waits for the client's delayed acknowledgement
    return socket.socket(listener.family, listener.type, socket.IPPROTO_TCP, fileno=listener.detach())


_NUMERIC: Final = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV

#: The machine has no such address, or none of that kind, as where IPv6 is switched off.
_NOT_HERE: Final = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})


def _show(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
