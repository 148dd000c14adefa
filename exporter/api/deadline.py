"""A requests adapter with a deadline for the whole request and a limit to the size of an answer.

The timeouts of requests and urllib3 restart with every packet, so a server that sends one byte at a time holds a worker for
hours. Here each read, of headers too, gets only what is left of the time. Nor do they limit what comes beside the body: interim
responses, chunk extensions, trailers.
"""

import http.client
import io
import socket
import threading
import time
from typing import Any, Final

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager, Timeout
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError

from exporter.api import eyeballs
from exporter.api.environment import proxies_for, tls_context

#: Bytes of one answer as they come over the wire, headers and all. http.client alone takes 6.5 MB of headers.
MAX_RAW: Final = 16 * 1024 * 1024


class TooLarge(OSError):
    """The answer has more than MAX_RAW bytes."""


class _Deadline(threading.local):
    """When this thread's request must be over, on time.monotonic(), and how many bytes its answer may still have."""

    at = float("inf")
    room = MAX_RAW


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
        size = self._reader.readinto(buffer)
        _deadline.room -= size or 0
        if _deadline.room < 0:
            raise TooLarge(f"the answer is larger than {MAX_RAW} bytes")
        return size

    def close(self) -> None:
        self._reader.close()
        super().close()


class _DeadlineResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        raw: Any = self.fp.detach()
        self.fp = io.BufferedReader(_DeadlineReader(raw, sock))

    def begin(self) -> None:
        """Read the head, without its cookies: what is set for one device must not change what is answered for the next.

        Nor may http.cookiejar see them, which prints a traceback for a Max-Age that is out of range.
        """
        super().begin()
        del self.headers["Set-Cookie"]
        del self.headers["Set-Cookie2"]

    def _read_status(self) -> tuple[str, int, str]:
        """Skip interim responses (RFC 9110, 15.2), of which http.client knows only 100, and only before an answer of its own."""
        while True:
            version, status, reason = super()._read_status()  # type: ignore[misc]
            if not 100 <= status < 200:
                return version, status, reason
            if status == 101:
                raise http.client.HTTPException("the server switches protocols, which nobody asked for")
            http.client.parse_headers(self.fp)


class _Connection(HTTPConnection):
    """A connection that is made within the deadline, too."""

    response_class = _DeadlineResponse

    def _new_conn(self) -> socket.socket:
        try:
            return eyeballs.connect(self._dns_host, self.port, _deadline.at, self.socket_options or ())
        except TimeoutError as error:
            raise ConnectTimeoutError(self, str(error)) from error
        except UnicodeError as error:
            # as an OSError, so that urllib3 tells a proxy's name from the cloud's
            raise socket.gaierror(socket.EAI_NONAME, "invalid host name") from error


class _TlsConnection(_Connection, HTTPSConnection):
    def connect(self) -> None:
        """Connect, to a proxy too, with the CAs that the environment names. Raises Misconfigured."""
        self.ssl_context = tls_context()
        if self.proxy_config is not None:
            self.proxy_config = self.proxy_config._replace(ssl_context=tls_context())
        super().connect()


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class DeadlineAdapter(HTTPAdapter):
    """Sends requests whose `timeout` (seconds) covers the whole of it: connecting, headers and the body read by this thread.

    Resolving the host name is up to the system, which has its own limit.
    """

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        _use_deadlines(self.poolmanager)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        _use_deadlines(manager)
        return manager

    def build_connection_pool_key_attributes(self, request: PreparedRequest, verify: Any, cert: Any = None) -> Any:
        # each connection reads the CAs anew
        return super().build_connection_pool_key_attributes(request, True, cert)

    def cert_verify(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing: requests would add the CAs of certifi."""

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        seconds = kwargs["timeout"]
        kwargs["proxies"] = proxies_for(request.url or "", kwargs.get("proxies"))
        _deadline.at = time.monotonic() + seconds
        _deadline.room = MAX_RAW
        kwargs["timeout"] = Timeout(total=seconds)
        return super().send(request, *args, **kwargs)


def _use_deadlines(manager: PoolManager) -> None:
    manager.pool_classes_by_scheme = {"http": _PlainPool, "https": _TlsPool}
