"""The API client within its limits: rate limiter and circuit breaker, every request counted, a refused token read again."""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import structlog

from exporter import __version__
from exporter.api.circuit_breaker import Cause, CircuitBreaker
from exporter.api.client import Client, Observer, internal_error
from exporter.api.errors import REASONS, EnercloError, InvalidPayload, RateLimited, Unauthorized
from exporter.api.rate_limiter import RateLimiter
from exporter.api.reading import InvalidReadingError
from exporter.catalogue.remedies import remedy_for, remedy_for_suspension
from exporter.catalogue.types import Device
from exporter.clock import Clock
from exporter.config.schema import ApiSection
from exporter.config.token import Token, TokenError
from exporter.logs import LogOnce
from exporter.metrics.self_metrics import SelfMetrics

Answer = TypeVar("Answer")

_log = structlog.get_logger()


class CircuitOpenError(Exception):
    """The circuit breaker is not closed: the request was not sent."""


class Session:
    """Sends the requests of one account; safe to use from several threads."""

    def __init__(
        self,
        client: Client,
        token: Token,
        rate_limiter: RateLimiter,
        circuit_breaker: CircuitBreaker,
        metrics: SelfMetrics,
    ) -> None:
        self.client = client
        self.token = token
        self.rate_limiter = rate_limiter
        self.circuit_breaker = circuit_breaker
        self.metrics = metrics
        #: What advice names: the cloud's address, and the types that there are.
        self.base_url = ""
        self.types: Sequence[str] = ()
        self._log_once = LogOnce()
        self._outcome_lock = threading.Lock()

    def reconnect(self, api: ApiSection, token: Token) -> None:
        """Send what comes next with another client and `token`; requests that are under way end as they began."""
        before = self.client
        self.client, self.token = _client(api, token), token
        before.close()

    def close(self) -> None:
        """Close the idle connections."""
        self.client.close()

    def get(
        self,
        device_type: str,
        path: str,
        query: Mapping[str, str],
        read: Callable[[Any], Answer],
        *,
        probe: bool = False,
        retry: bool = True,
        began: Callable[[], None] | None = None,
        retrying: Callable[[], None] | None = None,
    ) -> Answer:
        """Return what `read` makes of the data that `path` answers. The requests are counted under `device_type`.

        Waits for the rate limiter; calls `began` when a request goes out, and `retrying` when it failed and another is to follow.
        At most two go out: a connection may have been broken long before, by the cloud closing idle ones (`retry` False leaves
        that to the caller; nor is a `probe` tried again), and there may be another token or client by then. Raises EnercloError
        whatever `read` raises, CircuitOpenError unless the circuit breaker is closed or this is a `probe`, and Closed.
        """
        retried = False
        while True:
            self._check_breaker(probe)
            self.rate_limiter.acquire()
            # the wait may have been long
            self._check_breaker(probe)
            if began is not None:
                began()
            client, secret = self.client, self.token.reveal()
            self.metrics.requests.labels(device_type).inc()
            try:
                with self.metrics.duration.labels(device_type).time():
                    data = client.get(path, query)
                return self._read(data, read)
            except EnercloError as error:
                self.metrics.failures.labels(device_type, error.reason).inc()
                if client is self.client:
                    # what another account was told says nothing about this one
                    self._react(error)
                outdated = client is not self.client or secret != self.token.reveal()
                if retried or (not outdated and (probe or not retry or not error.retryable)):
                    raise
            retried = True
            if retrying is not None:
                retrying()

    def record(self, device: tuple[str, str], error: EnercloError | None) -> bool:
        """Record in the circuit breaker how asking for `device` went (None: well). Return whether that closed it."""
        # one after the other, so that the metric ends with the breaker's last state
        with self._outcome_lock:
            if not self.circuit_breaker.record(device, error):
                return False
            cause = self.circuit_breaker.cause
            self.metrics.show_suspension(cause)
        if cause is not None:
            _log.warning(
                "circuit breaker open, sending one probe a minute",
                reason=cause.value,
                error=str(error),
                remedy=remedy_for_suspension(cause.value, token=self.token.origin),
            )
            return False
        _log.info("circuit breaker closed, polling all devices again")
        return True

    def advise(self, device: Device, reason: str, error: str) -> str:
        """Return what to do about a device that gave no reading for `reason`."""
        others = ", ".join(name for name in self.types if name != device.type)
        url = f"{self.base_url}/{device.path}"
        return remedy_for(reason, error, token=self.token.origin, type=device.type, others=others, url=url)

    @property
    def suspension_remedy(self) -> str | None:
        """Return what to do about the circuit breaker not being closed; None if it is."""
        cause = self.circuit_breaker.cause
        return remedy_for_suspension(cause.value, token=self.token.origin) if cause else None

    def _read(self, data: Any, read: Callable[[Any], Answer]) -> Answer:
        try:
            return read(data)
        except InvalidReadingError as error:
            raise InvalidPayload(str(error)) from None
        except Exception as error:  # noqa: BLE001 - data that nobody foresaw are this answer's failure, not the worker's
            raise InvalidPayload(internal_error(error, self.token)) from None

    def _check_breaker(self, probe: bool) -> None:
        if not probe and not self.circuit_breaker.allow_request():
            raise CircuitOpenError

    def _react(self, error: EnercloError) -> None:
        """Read the token again if it was refused, and throttle if the cloud asks for that."""
        if isinstance(error, Unauthorized):
            self._reread_token()
        if isinstance(error, RateLimited):
            log = _log.debug if self.rate_limiter.throttled else _log.warning
            pause = self.rate_limiter.throttle(error.retry_after)
            log("rate limited by the API, halving the request rate", pause=round(pause, 1))

    def _reread_token(self) -> None:
        try:
            if self.token.reread():
                _log.info("token file changed, trying the new token")
                # another request may have opened the breaker meanwhile
                self.circuit_breaker.probe_soon()
            self._log_once.over("token")
        except TokenError as error:
            log = _log.error if self._log_once.is_new("token", str(error)) else _log.debug
            log("cannot read the token file, keeping the previous token", error=str(error))


def open_session(
    api: ApiSection, token: Token, clock: Clock, requests_per_minute: float, observer: Observer | None = None
) -> Session:
    """Return a session as the config's `api` describes it, with limits and metrics of its own."""
    return Session(
        _client(api, token, observer),
        token,
        RateLimiter(requests_per_minute, clock),
        CircuitBreaker(clock),
        SelfMetrics(__version__, REASONS, list(Cause)),
    )


def _client(api: ApiSection, token: Token, observer: Observer | None = None) -> Client:
    return Client(
        api.base_url,
        token,
        language=api.language,
        timeout=api.timeout,
        concurrency=api.concurrency,
        observer=observer,
    )
