"""The cause of a failed request, in words that an operator would search for."""

import http.client
import re
import ssl
from http import HTTPStatus
from typing import Final

import requests
import urllib3

from exporter.api.environment import Misconfigured, proxy_name

#: What http.client says of an answer to CONNECT; the rest of it is the proxy's and not repeated.
_TUNNEL: Final = re.compile(r"Tunnel connection failed: (\d{3})\b")

#: Those that are special cases of others first.
_WORDS: Final[tuple[tuple[type[BaseException], str], ...]] = (
    (http.client.RemoteDisconnected, "the connection was closed without an answer"),
    (http.client.UnknownProtocol, "the answer's HTTP version is unknown"),
    (http.client.LineTooLong, "a line of the answer's head is too long"),
    (http.client.BadStatusLine, "the answer is not HTTP"),
    (urllib3.exceptions.InvalidChunkLength, "the answer's chunked encoding is broken"),
    (http.client.IncompleteRead, "the connection was closed in the middle of the answer"),
    (urllib3.exceptions.InvalidHeader, "a header of the answer is invalid"),
    (urllib3.exceptions.LocationValueError, "invalid URL or host name"),
    (requests.exceptions.InvalidURL, "invalid URL or host name"),
)


def chain(error: BaseException) -> list[BaseException]:
    """Return `error` and all that it wraps, was raised from or while handling; what happened first is last."""
    found: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        current = waiting.pop(0)
        if isinstance(current, BaseException) and current not in found:
            found.append(current)
            waiting += (*current.args, current.__context__, current.__cause__)
    return found


def root_cause(error: BaseException, url: str) -> str:
    """Return the cause of the failure of a request for `url`, without addresses, secrets and the layers in between."""
    causes = chain(error)
    if said := next((str(cause) for cause in causes if isinstance(cause, Misconfigured)), None):
        return said
    if tunnel := next(filter(None, (_TUNNEL.match(str(cause)) for cause in causes if isinstance(cause, OSError))), None):
        return proxy_refusal(int(tunnel[1]), url)
    words = next(filter(None, map(_words, reversed(causes))), f"the connection broke ({type(causes[-1]).__name__})")
    if any(isinstance(cause, urllib3.exceptions.ProxyError | requests.exceptions.ProxyError) for cause in causes):
        return f"the proxy of {proxy_name(url)} cannot be used: {words}"
    return words


def proxy_refusal(status: int, url: str) -> str:
    """Return the message for a proxy for `url` that answers `status` itself."""
    phrase = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "unknown status"
    wanted = ": its URL needs a user name and a password that it takes" if status == 407 else ""
    return f"the proxy of {proxy_name(url)} refused: {status} {phrase}{wanted}"


def _words(cause: BaseException) -> str | None:
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"TLS certificate refused: {cause.verify_message}"
    if isinstance(cause, ssl.SSLError):
        return f"TLS failed: {cause.reason or cause.strerror}"
    if type(cause) in (http.client.HTTPException, urllib3.exceptions.ProtocolError) and len(cause.args) == 1:
        # the library's own sentence, such as "got more than 100 headers"
        return str(cause)
    for kind, words in _WORDS:
        if isinstance(cause, kind):
            return words
    return cause.strerror if isinstance(cause, OSError) else None
