"""Clients that hold connections open and get nowhere, as a hostile network has them."""

import socket
import ssl
import threading
from contextlib import suppress
from typing import Final

#: Seconds between two bytes of a slow client.
_DRIP: Final = 0.5


class Attackers:
    """Opens connections to a port of this machine and holds them, by one thread, until it is closed."""

    def __init__(self, port: int, context: ssl.SSLContext | None = None) -> None:
        self._port = port
        self._context = context
        self._dripping: list[socket.socket] = []
        self._all: list[socket.socket] = []
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._drip, daemon=True)

    def __enter__(self) -> "Attackers":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stopped.set()
        self._thread.join()
        for client in self._all:
            client.close()

    def hold_slow_heads(self, count: int) -> None:
        """Requests whose headers come a byte at a time."""
        for _ in range(count):
            client = self._connect()
            client.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
            self._dripping.append(client)

    def hold_half_open_handshakes(self, count: int) -> None:
        """TLS connections that send the beginning of a handshake and then nothing."""
        for _ in range(count):
            client = self._open(None)
            client.sendall(b"\x16\x03\x01\x02\x00\x01")

    def hold_slow_readers(self, count: int, path: str = "/metrics", coding: str = "identity") -> None:
        """Requests whose answers nobody reads."""
        for _ in range(count):
            # a small window, so that the system takes little of the answer
            client = self._connect(4096)
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: {coding}\r\n\r\n".encode())

    def hold_idle(self, count: int) -> None:
        """Connections that never send anything."""
        for _ in range(count):
            self._connect()

    def _connect(self, window: int | None = None) -> socket.socket:
        client = self._open(window)
        if self._context is not None:
            self._all.remove(client)
            client = self._context.wrap_socket(client, server_hostname="localhost")
            self._all.append(client)
        return client

    def _open(self, window: int | None) -> socket.socket:
        client = socket.socket()
        self._all.append(client)
        if window is not None:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        client.settimeout(30)
        client.connect(("127.0.0.1", self._port))
        return client

    def _drip(self) -> None:
        while not self._stopped.wait(_DRIP):
            for client in list(self._dripping):
                try:
                    client.send(b"x")
                except OSError:
                    with suppress(ValueError):
                        self._dripping.remove(client)
