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
    """The server cannot listen on the address; the message says why."""


class Server:
    """Serve an application on `host` and `port` (0: any free one) from start() to stop(). Raises ListenError.

    `host` is a name or an address; "" and "::" are every address of the machine, of IPv4 too.
    """

    def __init__(self, host: str, port: int, rotation: Rotation | None = None, limits: Limits = LIMITS) -> None:
        try:
            self._sockets = _listen(host, port)
        except (OSError, UnicodeError) as error:
            # create_server() adds words of its own to the errors of bind()
            number = getattr(error, "errno", None)
            reason = os.strerror(number) if isinstance(number, int) and number > 0 else str(error)
            raise ListenError(f"cannot listen on {_show(host, port)}: {reason}") from None
        self._host = host
        self._rotation = rotation or Rotation(None)
        self._limits = limits
        self._acceptor: Acceptor | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Return a URL that reaches the server from this machine."""
        port = self._sockets[0].getsockname()[1]
        host = self._host if self._host not in ("", "0.0.0.0", "::") else "localhost"  # noqa: S104 - compared, not bound
        return f"{'https' if self._rotation.context else 'http'}://{_show(host, port)}"

    def start(self, app: ASGIApp) -> None:
        """Begin to answer, also the connections that were made since the constructor."""
        rotation = self._rotation
        middleware = AccessMiddleware(app, lambda: rotation.policy, self._limits)
        self._acceptor = Acceptor(middleware, self._sockets, lambda: rotation.config, self._limits)
        self._thread = threading.Thread(target=self._acceptor.run, name="web", daemon=True)
        self._thread.start()
        rotation.start()

    def stop(self) -> None:
        """Stop listening, give answers under way GRACE seconds to finish, and end."""
        self._rotation.stop()
        if self._acceptor is not None and self._thread is not None:
            self._acceptor.stop()
            self._thread.join(2 * GRACE + 0.1)
        for sock in self._sockets:
            sock.close()


def _listen(host: str, port: int) -> list[socket.socket]:
    """Listen on what `host` stands for, as Prometheus' own programs do; `localhost` stands for both of its addresses."""
    if host in ("", "::"):
        # one socket for IPv4 and IPv6, where the system has both
        both = ["::"] if socket.has_dualstack_ipv6() else []
        return [_first([*both, "0.0.0.0"], port)]  # noqa: S104 - the user asked for it
    if host == "localhost":
        return _both(port)
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return [_first([socket.getnameinfo(entry[4], _NUMERIC)[0] for entry in found], port)]


def _first(addresses: Sequence[str], port: int) -> socket.socket:
    """Listen on the first address that this machine has."""
    for address in addresses[:-1]:
        try:
            return _create(address, port)
        except OSError as error:
            if error.errno not in _NOT_HERE:
                raise
    return _create(addresses[-1], port)


def _both(port: int) -> list[socket.socket]:
    """Listen on both loopback addresses, or the one that exists, whatever the resolver says (RFC 6761 6.3)."""
    first = _first(["127.0.0.1", "::1"], port)
    try:
        return [first, _create("::1", first.getsockname()[1])] if first.family == socket.AF_INET else [first]
    except OSError as error:
        if error.errno in _NOT_HERE:
            return [first]
        try:
            # the port is free on IPv4 but taken on IPv6; keeping it until the retry makes the system pick another
            if port == 0 and error.errno == errno.EADDRINUSE:
                return _both(port)
            raise
        finally:
            first.close()


def _create(address: str, port: int) -> socket.socket:
    family, _, _, _, where = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)[0]
    sock = socket.create_server(where, family=family, backlog=512, dualstack_ipv6=address == "::")
    # asyncio sets TCP_NODELAY only on sockets whose protocol is IPPROTO_TCP, and create_server() leaves 0; without it the last,
    # partly filled packet of an answer waits for the client's delayed acknowledgement
    return socket.socket(sock.family, sock.type, socket.IPPROTO_TCP, fileno=sock.detach())


_NUMERIC: Final = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV

#: The machine has no such address, or no address of that family, as with IPv6 switched off.
_NOT_HERE: Final = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})


def _show(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
