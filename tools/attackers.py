"""Hostile clients that hold connections open, for tests and for the benchmark of a hostile network."""

import socket
import ssl
import threading
from contextlib import suppress
from pathlib import Path
from typing import Final

import psutil
import trustme

#: Seconds between two bytes of a slow client.
_DRIP: Final = 0.5


class Attackers:
    """Opens connections to a local port and holds them, with one thread, until the context ends."""

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
        """Open requests whose headers come a byte at a time."""
        for _ in range(count):
            client = self._connect()
            client.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
            self._dripping.append(client)

    def hold_half_open_handshakes(self, count: int) -> None:
        """Open TLS connections that send the beginning of a handshake and then nothing."""
        for _ in range(count):
            client = self._open(None)
            client.sendall(b"\x16\x03\x01\x02\x00\x01")

    def hold_slow_readers(self, count: int, path: str = "/metrics", coding: str = "identity") -> None:
        """Open requests whose answers are never read."""
        for _ in range(count):
            # a small window, so that the system takes little of the answer
            client = self._connect(4096)
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: {coding}\r\n\r\n".encode())

    def hold_idle(self, count: int) -> None:
        """Open connections that never send anything."""
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


def web_config(folder: Path, authority: trustme.CA) -> Path:
    """Write a web config with a certificate of `authority` into `folder`. Return its path."""
    issued = authority.issue_cert("localhost", "127.0.0.1")
    issued.cert_chain_pems[0].write_to_path(folder / "server.pem")
    issued.private_key_pem.write_to_path(folder / "server.key")
    path = folder / "web.yaml"
    path.write_text("tls_server_config: {cert_file: server.pem, key_file: server.key}\n")
    return path


def count_connections(pid: int, port: int) -> int:
    """Return how many clients are connected to `port` of the process `pid`."""
    found = psutil.Process(pid).net_connections("tcp")
    return sum(connection.laddr.port == port and connection.status != psutil.CONN_LISTEN for connection in found)
