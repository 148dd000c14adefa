"""A requests adapter with a total deadline.

The timeouts of requests and urllib3 restart with every packet, so a server that drips one byte at a time holds a worker for
hours. Here each read gets only what is left of the whole request's time, headers included.
"""

import http.client
import io
import socket
import threading
import time
from typing import Any

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager, Timeout
from urllib3.connection import HTTPConnection, HTTPSConnection


class _Deadline(threading.local):
    """When the request of this thread must be over, on time.monotonic()."""

    at = float("inf")


_deadline = _Deadline()


class _DeadlineReader(io.RawIOBase):
    """The socket's own reader, each read of it bounded by what is left until the deadline."""

    def __init__(self, reader: io.RawIOBase, sock: socket.socket) -> None:
        self._reader = reader
        self._socket = sock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = _deadline.at - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer took longer than the whole request may")
        self._socket.settimeout(left)
        return self._reader.readinto(buffer)

    def close(self) -> None:
        self._reader.close()
        super().close()


class _DeadlineResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        raw: Any = self.fp.detach()
        self.fp = io.BufferedReader(_DeadlineReader(raw, sock))


class _PlainConnection(HTTPConnection):
    response_class = _DeadlineResponse


class _TlsConnection(HTTPSConnection):
    response_class = _DeadlineResponse


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class DeadlineAdapter(HTTPAdapter):
    """Sends requests whose `timeout` (seconds) covers the whole of it: connecting, headers and the body read by this thread.

    Resolving the host name is the system's and has its own limit; where a name has several addresses, connecting may take
    the timeout once for each.
    """

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        _use_deadlines(self.poolmanager)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        _use_deadlines(manager)
        return manager

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        seconds = kwargs["timeout"]
        _deadline.at = time.monotonic() + seconds
        kwargs["timeout"] = Timeout(total=seconds)
        return super().send(request, *args, **kwargs)


def _use_deadlines(manager: PoolManager) -> None:
    manager.pool_classes_by_scheme = {"http": _PlainPool, "https": _TlsPool}
