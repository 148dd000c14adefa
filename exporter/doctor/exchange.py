"""One request and what came back, with what only the connection shows: status, envelope, Date, certificate."""

import json
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any, Final

import requests

from exporter.api.client import is_deep
from exporter.api.errors import EnercloError, RateLimited
from exporter.api.session import open_session
from exporter.clock import Clock
from exporter.config.load import Config

#: Answers that ask for fewer requests, after which no more are sent: another one would be looking for the limit.
MAX_THROTTLED: Final = 2

#: Seconds of a pause that the cloud asks for beyond which doctor ends instead of waiting.
_LONGEST_PAUSE: Final = 120.0


class Stopped(Exception):
    """No more requests are to be sent. The message says why."""


class Subject(StrEnum):
    """What a request asks for."""

    READING = "reading"
    LIST = "list"
    SETTINGS = "settings"
    HISTORY = "history"


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and its answer. `sn` is a device's, or a data logger's for a list; `purpose` says why it was asked.

    `at` is the Unix time of the answer, `seconds` how long it took. `status` is HTTP's, `code` the envelope's, each None if there
    was none. `data` are those of the envelope, unless there is an `error`.
    """

    subject: Subject
    type: str
    sn: str
    path: str
    query: Mapping[str, str]
    purpose: str
    at: float
    seconds: float
    status: int | None
    code: int | str | None
    data: Any = None
    error: EnercloError | None = None

    @property
    def answer(self) -> str:
        """Return how it was answered, without the cloud's own words."""
        if self.status is None:
            return self.error.reason if self.error else "no answer"
        return f"HTTP {self.status}" + (f", code {self.code}" if self.code is not None else "")


@dataclass(frozen=True, slots=True)
class Certificate:
    """The cloud's certificate: when it expires (Unix time), and who issued it."""

    expires: float
    issuer: str
    version: str


@dataclass(slots=True)
class Wire:
    """What the connections showed. `skews` are by how many seconds the cloud's clock is ahead of this machine's."""

    skews: list[float] = field(default_factory=list)
    certificate: Certificate | None = None
    requests: int = 0
    throttled: int = 0


class Recorder:
    """Sends the requests, one after the other and within the rate limit, and keeps every exchange.

    `told` is called before each request with its number and its purpose. Raises Stopped when no more may be sent.
    """

    def __init__(self, config: Config, clock: Clock, told: Callable[[int, str], None] = lambda number, purpose: None) -> None:
        self.exchanges: list[Exchange] = []
        self.wire = Wire()
        self._clock = clock
        self._told = told
        self._session = open_session(config.api, config.token, clock, config.requests_per_minute, observer=self)
        self._status: int | None = None
        self._code: int | str | None = None
        self._began = 0.0

    @property
    def requests_per_minute(self) -> float:
        """Return the rate of this moment."""
        return self._session.rate_limiter.requests_per_minute

    def ask(
        self, subject: Subject, device_type: str, sn: str, path: str, query: Mapping[str, str], purpose: str = "latest"
    ) -> Exchange:
        """Send a GET and return the exchange, whatever came of it."""
        if self.wire.throttled >= MAX_THROTTLED:
            raise Stopped("the cloud asked for fewer requests")
        self._status = self._code = None
        self._told(self.wire.requests + 1, f"{purpose} {subject} of {device_type}")
        data: Any = None
        error: EnercloError | None = None
        try:
            data = self._session.get(device_type, path, query, lambda answer: answer, began=self._count)
        except EnercloError as failure:
            error = failure
        seconds = self._clock.now() - self._began
        exchange = Exchange(
            subject, device_type, sn, path, query, purpose, self._clock.wall(), seconds, self._status, self._code, data, error
        )
        self.exchanges.append(exchange)
        if isinstance(error, RateLimited):
            self.wire.throttled += 1
            if (error.retry_after or 0.0) > _LONGEST_PAUSE:
                self.wire.throttled = MAX_THROTTLED
        return exchange

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def answered(self, response: requests.Response) -> None:
        """Take the head of an answer: its status, the cloud's clock, and the connection's certificate."""
        self._status = response.status_code
        if (skew := _skew(response.headers, self._clock.wall())) is not None:
            self.wire.skews.append(skew)
        if self.wire.certificate is None:
            self.wire.certificate = _certificate(response)

    def received(self, body: bytes) -> None:
        """Take the body of an answer: its envelope's code."""
        try:
            code = None if is_deep(body) else json.loads(body).get("code")
        except (ValueError, AttributeError):
            return
        self._code = code if isinstance(code, int) and abs(code) < 10**9 else None if code is None else "of no known form"

    def _count(self) -> None:
        self.wire.requests += 1
        self._began = self._clock.now()


def _skew(headers: Mapping[str, str], now: float) -> float | None:
    """Return by how many seconds the Date header is ahead of `now`; None without one, or if a cache kept the answer."""
    if headers.get("Age", "0").strip() != "0":
        return None
    try:
        return parsedate_to_datetime(headers["Date"]).timestamp() - now
    except (KeyError, ValueError, TypeError, OverflowError):
        return None


def _certificate(response: requests.Response) -> Certificate | None:
    connection = getattr(response.raw, "connection", None)
    sock = getattr(connection, "sock", None)
    if not isinstance(sock, ssl.SSLSocket):
        return None
    found = sock.getpeercert()
    if not found or not isinstance(expires := found.get("notAfter"), str):
        return None
    names = dict(pair for part in found.get("issuer", ()) for pair in part if len(pair) == 2)  # type: ignore[misc]
    issuer = str(names.get("organizationName") or names.get("commonName") or "unknown")
    return Certificate(ssl.cert_time_to_seconds(expires), issuer, sock.version() or "TLS")
