"""The API client: one GET, its envelope, and a typed error for every way in which it can fail.

The only module that speaks HTTP to the cloud. Facts are from the vendor's API pages (modified 2024-03-21) unless another
source is named.
"""

import http.client
import json
import re
import time
import traceback
from collections.abc import Callable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from itertools import accumulate
from typing import Any, Final, Protocol

import requests
import urllib3

from exporter import __version__
from exporter.api.causes import chain, proxy_refusal, root_cause
from exporter.api.deadline import DeadlineAdapter, TooLarge
from exporter.api.errors import (
    ApiError,
    ConnectionFailed,
    EnercloError,
    HttpStatus,
    InvalidPayload,
    NotFound,
    RateLimited,
    TimedOut,
    Unauthorized,
)
from exporter.config.token import Token

#: Bytes of one answer, after decompression, that are read at the most. The largest documented answer has some 2 KB a reading
#: and 100 readings a page.
MAX_ANSWER: Final = 2 * 1024 * 1024

#: "too frequent" on the sibling platform (Growatt ShineServer), where one read a device every 5 minutes is allowed.
TOO_FREQUENT: Final = 10012

#: Levels of arrays and objects that an answer may have. A page of 100 readings has 103 brackets in all that open, and needs 4.
MAX_DEPTH: Final = 128

_ESCAPED: Final = re.compile(r"\\.", re.DOTALL)
_BRACKET: Final = re.compile(r"[\[\]{}]")
_STEP: Final = {"[": 1, "{": 1, "]": -1, "}": -1}

_SUCCESS: Final = frozenset({0, 200})
_WHOLE: Final = re.compile(r"[+-]?[0-9]+")
_MESSAGE_LIMIT: Final = 200


class Observer(Protocol):
    """Sees what comes back, for whoever examines the cloud rather than reads from it."""

    def answered(self, response: requests.Response) -> None:
        """Take the head of an answer, before its body is read: the connection is still the response's."""

    def received(self, body: bytes) -> None:
        """Take the body of an answer with status 200."""


class _Session(requests.Session):
    """Ignores redirects: requests parses them even where it is told not to follow any, and fails on a bad one."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        return None


class Client:
    """Reads from the cloud; safe to use from `concurrency` threads at once.

    `base_url` without a slash at its end; `timeout` in seconds for a whole request.
    """

    def __init__(
        self,
        base_url: str,
        token: Token,
        *,
        language: str,
        timeout: float,
        concurrency: int,
        wall: Callable[[], float] = time.time,
        observer: Observer | None = None,
    ) -> None:
        self._base_url = base_url
        self._token = token
        self._timeout = timeout
        self._wall = wall
        self._observer = observer
        self._session = _Session()
        adapter = DeadlineAdapter(pool_connections=1, pool_maxsize=concurrency, max_retries=0)
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)
        self._session.auth = self._authorize
        self._session.headers.update(
            {
                "Accept": "application/json",
                "Accept-Language": language,
                "User-Agent": f"atess-exporter/{__version__}",
            }
        )

    def get(self, path: str, query: Mapping[str, str]) -> Any:
        """Return the `data` of the envelope that `path` (below the base URL) answers. Raises EnercloError and nothing else."""
        url = f"{self._base_url}/{path}"
        try:
            with self._session.get(url, params=query, timeout=self._timeout, allow_redirects=False, stream=True) as response:
                if self._observer is not None:
                    self._observer.answered(response)
                if response.status_code != 200:
                    raise self._status_error(response)
                body = _read_body(response)
            if self._observer is not None:
                self._observer.received(body)
            return open_envelope(body, self._token)
        except EnercloError:
            raise
        except Exception as error:  # noqa: BLE001 - what an answer can do to the layers below is without end
            failure = self._failure(error, url)
        try:
            raise failure
        finally:
            # this frame and the error would hold each other, and all that the callers' frames hold
            del failure

    def close(self) -> None:
        """Close the idle connections."""
        self._session.close()

    def _authorize(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Set the header, as what requests calls `auth`: else it would put a password from ~/.netrc in its place."""
        request.headers["Authorization"] = self._token.reveal()
        return request

    def _failure(self, error: Exception, url: str) -> EnercloError:
        """Return the typed error for what the layers below raised."""
        causes = chain(error)
        for cause in causes:
            # their frames are in reference cycles, and would hold the connection until the garbage collector runs
            traceback.clear_frames(cause.__traceback__)

        def caused_by(*kinds: type[BaseException]) -> bool:
            return any(isinstance(cause, kinds) for cause in causes)

        if caused_by(requests.Timeout, urllib3.exceptions.TimeoutError, TimeoutError):
            return TimedOut(f"no whole answer within {self._timeout:g} s")
        if caused_by(requests.exceptions.ContentDecodingError, urllib3.exceptions.DecodeError):
            return InvalidPayload("the answer's compression is broken")
        if caused_by(TooLarge):
            return InvalidPayload(f"the answer is larger than {MAX_ANSWER} bytes")
        if isinstance(error, requests.RequestException | urllib3.exceptions.HTTPError | OSError | http.client.HTTPException):
            return ConnectionFailed(root_cause(error, url))
        return InvalidPayload(internal_error(error, self._token))

    def _status_error(self, response: requests.Response) -> EnercloError:
        status = response.status_code
        if status == 407:
            return ConnectionFailed(proxy_refusal(status, self._base_url))
        if status == 429:
            return RateLimited("HTTP status 429", self._retry_after(response.headers.get("Retry-After")))
        if status in (401, 403):
            return Unauthorized(f"HTTP status {status}")
        if status == 404:
            return NotFound("HTTP status 404")
        return HttpStatus(status)

    def _retry_after(self, value: str | None) -> float | None:
        """Return the seconds in a Retry-After header: a number of seconds or a date (RFC 9110, 10.2.3); None if it is neither."""
        if value is None:
            return None
        value = value.strip()
        if value.isascii() and value.isdigit():
            return float(value)
        try:
            moment = parsedate_to_datetime(value)
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=UTC)
            return max(0.0, moment.timestamp() - self._wall())
        except (ValueError, OverflowError):
            # also a date that is out of range
            return None


def _read_body(response: requests.Response) -> bytes:
    parts = []
    size = 0
    for part in response.raw.stream(65536, decode_content=True):
        size += len(part)
        if size > MAX_ANSWER:
            raise InvalidPayload(f"the answer is larger than {MAX_ANSWER} bytes")
        parts.append(part)
    return b"".join(parts)


def open_envelope(body: bytes, token: Token) -> Any:
    try:
        if is_deep(body):
            raise InvalidPayload("the answer is nested too deeply")
        envelope = json.loads(body)
    except ValueError:
        raise InvalidPayload("the answer is not JSON") from None
    if not isinstance(envelope, dict):
        raise InvalidPayload("the answer is not an envelope of code, data and msg")
    code = _whole(envelope.get("code"))
    if code is None:
        raise InvalidPayload("the answer's code is not a whole number")
    if code in _SUCCESS:
        return envelope.get("data")
    message = _describe(code, envelope.get("msg"), token)
    if code in (401, 403):
        raise Unauthorized(message)
    if code == 400:
        raise NotFound(message)
    if code in (429, TOO_FREQUENT):
        raise RateLimited(message)
    raise ApiError(message)


def _whole(value: object) -> int | None:
    """Return the whole number that a JSON value is, as 200, 200.0 or "200"; None for everything else."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and _WHOLE.fullmatch(value := value.strip()):
        try:
            return int(value)
        except ValueError:
            # more digits than Python takes
            return None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def internal_error(error: Exception, token: Token) -> str:
    """Return the message for an exception that nobody foresaw, without the token."""
    text = token.hide_in(f"{type(error).__name__}: {error}")[:_MESSAGE_LIMIT].encode("utf-8", "backslashreplace").decode()
    return f"internal error: {text}"


def _describe(code: int, message: object, token: Token) -> str:
    # an API that repeats the token it refused must not make us show it
    text = token.hide_in(message) if isinstance(message, str) else ""
    shown = text[:_MESSAGE_LIMIT].encode("utf-8", "backslashreplace").decode()
    # str() raises for a number of some thousand digits
    number = code if abs(code) < 10**9 else "out of range"
    return f"code {number}: {shown}" if shown else f"code {number}"


def is_deep(body: bytes) -> bool:
    """Return whether `body` has more than MAX_DEPTH levels, whether or not it is JSON. Raises UnicodeDecodeError.

    The parser of the standard library recurses for each level, and a thread never gives back the stack that this takes: 128 KiB
    for a thousand levels, the limit up to Python 3.11, in every worker.
    """
    if body.count(b"[") + body.count(b"{") <= MAX_DEPTH:
        return False
    text = body.decode(json.detect_encoding(body), "surrogatepass")
    outside = "".join(_ESCAPED.sub("", text).split('"')[::2])
    return any(depth > MAX_DEPTH for depth in accumulate(map(_STEP.__getitem__, _BRACKET.findall(outside))))
