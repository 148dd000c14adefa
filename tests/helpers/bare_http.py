"""A bare HTTP client that shows what was really on the wire."""

import json
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def data(self) -> Any:
        return self.json["data"]


def dial(origin: str) -> socket.socket:
    parts = urlsplit(origin)
    return socket.create_connection((parts.hostname or "", parts.port or 0), timeout=30)


def request_bytes(target: str, headers: dict[str, str], method: str = "GET", body: bytes = b"") -> bytes:
    fields = {"Host": "simulator", "Connection": "close", "Content-Length": str(len(body)), **headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode("latin-1") + body


def exchange(origin: str, target: str, headers: dict[str, str] | None = None, method: str = "GET", body: bytes = b"") -> bytes:
    """All that comes back until the server closes the connection."""
    with dial(origin) as connection:
        connection.sendall(request_bytes(target, headers or {}, method, body))
        parts = []
        while part := connection.recv(1 << 20):
            parts.append(part)
    return b"".join(parts)


def parse(raw: bytes) -> Reply:
    head, _, body = raw.partition(b"\r\n\r\n")
    status_line, *lines = head.decode("latin-1").split("\r\n")
    version, status, _ = status_line.split(" ", 2)
    assert version == "HTTP/1.1"
    fields = dict(line.split(": ", 1) for line in lines)
    return Reply(int(status), {name.lower(): value for name, value in fields.items()}, body)


def target(path: str, **query: str) -> str:
    return f"/api/v1/{path}" + ("?" + urlencode(query, quote_via=quote) if query else "")


Get = Callable[..., Reply]


def getter(origin: str) -> Get:
    """Return a function that GETs an API path with query parameters."""

    def fetch(path: str, *, headers: dict[str, str] | None = None, method: str = "GET", **query: str) -> Reply:
        return parse(exchange(origin, target(path, **query), headers, method))

    return fetch
