"""The listening socket and the server behind it, in a thread of its own."""

import asyncio
import errno
import os
import socket
import threading
from typing import Final

import uvicorn
from starlette.applications import Starlette

#: Seconds that answers under way get to finish when the exporter stops.
_GRACE: Final = 1


class ListenError(OSError):
    """The address cannot be listened on; the message says why."""


class Listener:
    """Serves `app` on `host` and `port` (0: any free one) from start() to stop(). Raises ListenError if it cannot."""

    def __init__(self, host: str, port: int) -> None:
        try:
            self._socket = _listen(host, port)
        except (OSError, UnicodeError) as error:
            # create_server() words the errors of bind() in its own way
            number = getattr(error, "errno", None)
            reason = os.strerror(number) if isinstance(number, int) and number > 0 else str(error)
            raise ListenError(f"cannot listen on {_show(host, port)}: {reason}") from None
        self._host = host
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """An address that reaches the listener from this machine."""
        port = self._socket.getsockname()[1]
        host = self._host if self._host not in ("", "0.0.0.0", "::") else "localhost"  # noqa: S104 - compared, not bound
        return f"http://{_show(host, port)}"

    def start(self, app: Starlette) -> None:
        """Begin to answer. Connections made since the constructor are answered too."""
        config = uvicorn.Config(
            app,
            http="h11",
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=True,
            proxy_headers=False,
            timeout_graceful_shutdown=_GRACE,
        )
        server = self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[self._socket])), name="web", daemon=True)
        self._thread.start()

    @property
    def started(self) -> bool:
        """True once requests are answered."""
        return self._server is not None and self._server.started

    def stop(self) -> None:
        """Stop listening, let answers under way finish for a moment, and end."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join(_GRACE + 0.5)
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
