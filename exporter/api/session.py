"""The cloud as the account may use it: within the budget, counted, and its refusals heeded."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import structlog

from exporter.api.circuit_breaker import CircuitBreaker
from exporter.api.client import Client, internal_error
from exporter.api.errors import EnercloError, InvalidPayload, RateLimited, Unauthorized
from exporter.api.rate_limiter import RateLimiter
from exporter.api.reading import InvalidReadingError
from exporter.config.token import Token, TokenError
from exporter.logs import LogOnce
from exporter.metrics.self_metrics import SelfMetrics

Answer = TypeVar("Answer")

_log = structlog.get_logger()


class SuspendedError(Exception):
    """The account is suspended: the request was not sent."""


class Session:
    """Asks on behalf of the whole account; safe to use from several threads.

    `client` and `token` may be replaced between two requests.
    """

    def __init__(self, client: Client, token: Token, budget: RateLimiter, account: CircuitBreaker, metrics: SelfMetrics) -> None:
        self.client = client
        self.token = token
        self.account = account
        self._budget = budget
        self._metrics = metrics
        self._news = LogOnce()

    def ask(
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
        """What `read` makes of the data that `path` answers, counted under `device_type`.

        Waits for the budget; calls `began` when a request goes out, and `retrying` when it failed and another is to follow. At
        most two go out: a connection may have been broken long before, by the cloud closing idle ones (`retry` False leaves that
        to the caller; nor is a `probe` tried again), and there may be another token or client by then. Raises EnercloError
        whatever `read` raises, SuspendedError while the account is suspended unless this is a `probe`, and budget.Closed.
        """
        try:
            return self._request(device_type, path, query, read, probe=probe, began=began)
        except EnercloError as error:
            if not error.outdated and (probe or not retry or not error.retryable):
                raise
        if retrying is not None:
            retrying()
        return self._request(device_type, path, query, read, probe=probe, began=began)

    def _request(
        self,
        device_type: str,
        path: str,
        query: Mapping[str, str],
        read: Callable[[Any], Answer],
        *,
        probe: bool,
        began: Callable[[], None] | None,
    ) -> Answer:
        self._heed_suspension(probe)
        self._budget.acquire()
        # the wait may have been long
        self._heed_suspension(probe)
        if began is not None:
            began()
        client, secret = self.client, self.token.reveal()
        self._metrics.requests.labels(device_type).inc()
        try:
            with self._metrics.duration.labels(device_type).time():
                data = client.get(path, query)
            return self._read(data, read)
        except EnercloError as error:
            self._metrics.failures.labels(device_type, error.reason).inc()
            if client is self.client:
                # what another account was told is no word about this one
                self._heed(error)
            error.outdated = client is not self.client or secret != self.token.reveal()
            raise

    def _read(self, data: Any, read: Callable[[Any], Answer]) -> Answer:
        try:
            return read(data)
        except InvalidReadingError as error:
            raise InvalidPayload(str(error)) from None
        except Exception as error:  # noqa: BLE001 - data that nobody foresaw are this answer's failure, not the worker's
            raise InvalidPayload(internal_error(error, self.token)) from None

    def _heed_suspension(self, probe: bool) -> None:
        if self.account.suspended and not probe:
            raise SuspendedError

    def _heed(self, error: EnercloError) -> None:
        if isinstance(error, Unauthorized):
            self._reread_token()
        if isinstance(error, RateLimited):
            log = _log.debug if self._budget.slowed else _log.warning
            pause = self._budget.slow_down(error.retry_after)
            log("the cloud finds us too frequent: the whole account slows down", pause=round(pause, 1))

    def _reread_token(self) -> None:
        try:
            if self.token.reread():
                _log.info("the token file holds another token: trying it")
                # another request may have suspended the account meanwhile
                self.account.probe_soon()
            self._news.over("token")
        except TokenError as error:
            log = _log.error if self._news.is_new("token", str(error)) else _log.debug
            log("cannot read the token again, going on with the old one", error=str(error))
