"""The listening socket and the server behind it, in a thread of its own."""

import errno
import os
import socket
import threading
from typing import Final

from starlette.types import ASGIApp

from exporter.web.gate import Gate
from exporter.web.limits import LIMITS, Limits
from exporter.web.rotation import Rotation
from exporter.web.server import GRACE, Server


class ListenError(OSError):
    """The address cannot be listened on; the message says why."""


class Listener:
    """Serves an application on `host` and `port` (0: any free one) from start() to stop(). Raises ListenError if it cannot."""

    def __init__(self, host: str, port: int, rotation: Rotation | None = None, limits: Limits = LIMITS) -> None:
        try:
            self._socket = _listen(host, port)
        except (OSError, UnicodeError) as error:
            # create_server() words the errors of bind() in its own way
            number = getattr(error, "errno", None)
            reason = os.strerror(number) if isinstance(number, int) and number > 0 else str(error)
            raise ListenError(f"cannot listen on {_show(host, port)}: {reason}") from None
        self._host = host
        self._rotation = rotation or Rotation(None)
        self._limits = limits
        self._server: Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """An address that reaches the listener from this machine."""
        port = self._socket.getsockname()[1]
        host = self._host if self._host not in ("", "0.0.0.0", "::") else "localhost"  # noqa: S104 - compared, not bound
        return f"{'https' if self._rotation.context else 'http'}://{_show(host, port)}"

    def start(self, app: ASGIApp) -> None:
        """Begin to answer. Connections made since the constructor are answered too."""
        rotation = self._rotation
        gate = Gate(app, lambda: rotation.admission, self._limits)
        self._server = Server(gate, self._socket, lambda: rotation.context, self._limits)
        self._thread = threading.Thread(target=self._server.run, name="web", daemon=True)
        self._thread.start()
        threading.Thread(target=rotation.run, name="web-config", daemon=True).start()

    def stop(self) -> None:
        """Stop listening, let answers under way finish for a moment, and end."""
        self._rotation.stop()
        if self._server is not None and self._thread is not None:
            self._server.stop()
            self._thread.join(2 * GRACE + 0.1)
        self._socket.close()


def _listen(host: str, port: int) -> socket.socket:
    listener = _bind(host, port)
    # asyncio switches Nagle's algorithm off only where a socket says that it speaks TCP, which create_server() leaves open;
    # with it on, an answer that does not fill its last packet waits for the client's delayed acknowledgement
    return socket.socket(listener.family, listener.type, socket.IPPROTO_TCP, fileno=listener.detach())


def _bind(host: str, port: int) -> socket.socket:
    if not host:
        # every address of the machine, as Prometheus' own programs take `:port`
        if socket.has_dualstack_ipv6():
            try:
                return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=512)
            except OSError as error:
                if error.errno != _NO_IPV6:
                    raise
        return socket.create_server(("", port), backlog=512)
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    return socket.create_server(address[:2], family=family, backlog=512)


_NO_IPV6: Final = errno.EADDRNOTAVAIL  # IPv6 is there but switched off


def _show(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
