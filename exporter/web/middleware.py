"""The middleware: who may see the pages, what a request may look like, how its answer is sent, and its headers for browsers."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final
from urllib.parse import unquote

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from exporter.metrics.exposition import Snapshot
from exporter.web.auth import Users, Verdict
from exporter.web.connection import WRITE_BUFFER, Connection
from exporter.web.limits import Limits, TokenBucket

_log = structlog.get_logger()

#: Paths that answer without credentials too; then with a single word.
_OPEN: Final = frozenset({"/-/healthy", "/-/ready"})

#: Bytes of an answer that are handed to a connection at a time. A whole answer would be copied into its buffer.
_SLICE: Final = 16 * 1024

#: Bytes that a connection keeps for a client that does not read: its full buffer and the slice that comes next, which with TLS
#: exists twice, plain and encrypted.
_BUFFERED: Final = WRITE_BUFFER + 2 * _SLICE

#: A name or an address with or without a port (RFC 9110 7.2, RFC 3986 3.2.2); no browser sends anything else.
_HOST: Final = re.compile(r"(\[[0-9A-Fa-f:.%A-Za-z]+\]|[A-Za-z0-9._~!$&'()*+,;=%-]*)(:\d{0,5})?")

#: A request's target in absolute form: the authority, which has a host, and the path. uvicorn has cut off the query.
_ABSOLUTE: Final = re.compile(r"https?://(?=[^:/])([^/]*)(/.*)?", re.IGNORECASE)


#: What browsers are told with every answer: load nothing from elsewhere, run nothing inline, do not guess the content type.
BROWSER_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """The users who may see the pages (None: everybody may), the operator's headers for every answer, and the rate limit."""

    users: Users | None = None
    headers: tuple[tuple[bytes, bytes], ...] = ()
    bucket: TokenBucket | None = None


class AccessMiddleware:
    """Pass on to `app` only the requests that `policy` allows, which is called for each of them, and that keep to `limits`."""

    def __init__(self, app: ASGIApp, policy: Callable[[], AccessPolicy], limits: Limits, route_prefix: str = "") -> None:
        self._app = app
        self._policy = policy
        self._limits = limits
        self._open = {route_prefix + path for path in _OPEN}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        policy = self._policy()
        well_formed = _to_origin_form(scope)
        answer = _Answer(scope, send, policy.headers)
        headers = Headers(scope=scope)
        refusal = (
            self._refusal(scope, headers, policy.bucket) if well_formed else _plain(HTTPStatus.BAD_REQUEST)
        ) or await self._unauthorized(scope, headers, policy.users)
        try:
            await (refusal or self._app)(scope, receive, answer.send)
        except Exception as error:
            # uvicorn ends the connection; what it would log is a traceback
            _log.error("internal error in a request handler", path=scope["path"][:200], error=f"{type(error).__name__}: {error}")
            raise
        finally:
            answer.close()

    def _refusal(self, scope: Scope, headers: Headers, bucket: TokenBucket | None) -> PlainTextResponse | None:
        if bucket is not None and not bucket.take():
            return _plain(HTTPStatus.TOO_MANY_REQUESTS)
        if len(scope["raw_path"]) + len(scope["query_string"]) > self._limits.target_size:
            return _plain(HTTPStatus.REQUEST_URI_TOO_LONG, connection="close")
        if sum(len(name) + len(value) for name, value in headers.raw) > self._limits.head_size:
            return _plain(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, connection="close")
        if headers.get("content-length", "0") != "0" or "transfer-encoding" in headers:
            # no endpoint takes a body
            return _plain(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, connection="close")
        if scope["http_version"] not in ("1.0", "1.1") or not _HOST.fullmatch(headers.get("host", "")):
            return _plain(HTTPStatus.BAD_REQUEST)
        return None

    async def _unauthorized(self, scope: Scope, headers: Headers, users: Users | None) -> PlainTextResponse | None:
        """Return why the credentials do not pass, None if they do. Set `trusted` in the scope's state: may details be shown?"""
        authorization = headers.get("authorization")
        scope["state"]["trusted"] = users is None or authorization is not None
        if users is None or (authorization is None and scope["path"] in self._open):
            return None
        verdict = Verdict.WRONG
        if authorization is not None:
            verdict = await users.check(authorization, scope["state"]["connection"].peer)
        if verdict is Verdict.RIGHT:
            return None
        if verdict is Verdict.BUSY:
            return _plain(HTTPStatus.TOO_MANY_REQUESTS, **{"retry-after": "5"})
        return _plain(HTTPStatus.UNAUTHORIZED, **{"www-authenticate": 'Basic realm="atess-exporter", charset="UTF-8"'})


def _to_origin_form(scope: Scope) -> bool:
    """Rewrite a target in absolute form to its path, and the Host header to its authority (RFC 9112 3.2.2).

    Return False if the target is no http URL or the Host header is malformed.
    """
    target = scope["raw_path"].decode("ascii")
    if target.startswith("/") or "://" not in target:
        return True
    match = _ABSOLUTE.fullmatch(target)
    host = Headers(scope=scope).get("host", "")
    if match is None or not _HOST.fullmatch(match[1]) or not _HOST.fullmatch(host):
        return False
    path = match[2] or "/"
    scope["raw_path"] = path.encode()
    scope["path"] = unquote(path)
    scope["headers"] = [(b"host", match[1].encode()), *(header for header in scope["headers"] if header[0] != b"host")]
    return True


def _plain(status: HTTPStatus, **headers: str) -> PlainTextResponse:
    return PlainTextResponse(f"{status.phrase}\n", status, headers)


class _Answer:
    """An answer on its way: adds the common headers, and sends a large body a slice at a time."""

    def __init__(self, scope: Scope, send: Send, headers: Iterable[tuple[bytes, bytes]]) -> None:
        self._scope = scope
        self._send = send
        self._headers = headers
        self._connection: Connection = scope["state"]["connection"]
        #: What all chunks are made of, and how many bytes the last one has that are not.
        self._made_of: tuple[Snapshot, int] | None = None

    async def send(self, message: Message) -> None:
        """Send a message of the application; this is the ASGI send() that it gets."""
        if message["type"] == "http.response.start":
            self._made_of = message.get("made_of")
            if 400 <= message["status"] < 500:
                self._log_refusal(message["status"])
            await self._send({**message, "headers": self._with_common(message["headers"])})
        else:
            await self._send_slices(message.get("body", b""), more=message.get("more_body", False))

    def _with_common(self, own: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """Return the application's headers with those for browsers, and the operator's in place of any of the same name."""
        headers = MutableHeaders(raw=[*own])
        for name, text in BROWSER_HEADERS.items():
            headers.setdefault(name, text)
        for key, value in self._headers:
            headers[key.decode()] = value.decode()
        return headers.raw

    def close(self) -> None:
        """Stop counting the answer, whether it was sent whole or not."""
        self._connection.body, self._connection.own = None, 0

    async def _send_slices(self, body: bytes, *, more: bool) -> None:
        kept, own = self._made_of or (body, 0)
        if kept is not body:
            own += len(body)
        for begin in range(0, len(body) or 1, _SLICE):
            self._connection.hold(kept, own + _BUFFERED)
            end = begin + _SLICE
            await self._send({"type": "http.response.body", "body": body[begin:end], "more_body": more or end < len(body)})

    def _log_refusal(self, status: int) -> None:
        _log.debug(
            "request refused",
            client=self._connection.peer,
            status=status,
            method=self._scope["method"][:20],
            path=self._scope["path"][:200],
        )
