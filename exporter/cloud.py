"""The cloud as the account may use it: within the budget, counted, and its refusals heeded."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import structlog

from exporter.account import Account
from exporter.budget import Budget
from exporter.enerclo import Client, EnercloError, InvalidPayload, RateLimited, Unauthorized
from exporter.news import News
from exporter.reading import InvalidReadingError
from exporter.telemetry import Telemetry
from exporter.token import Token, TokenError

Answer = TypeVar("Answer")

_log = structlog.get_logger()


class SuspendedError(Exception):
    """The account is suspended: the request was not sent."""


class Cloud:
    """Asks on behalf of the whole account; safe to use from several threads.

    `client` and `token` may be replaced between two requests.
    """

    def __init__(self, client: Client, token: Token, budget: Budget, account: Account, telemetry: Telemetry) -> None:
        self.client = client
        self.token = token
        self.account = account
        self._budget = budget
        self._telemetry = telemetry
        self._news = News()

    def ask(
        self,
        device_type: str,
        path: str,
        query: Mapping[str, str],
        read: Callable[[Any], Answer],
        *,
        probe: bool = False,
        began: Callable[[], None] | None = None,
    ) -> Answer:
        """What `read` makes of the data that `path` answers, counted under `device_type`.

        Waits for the budget; calls `began` when the request goes out. Raises EnercloError (also where `read` raises
        InvalidReadingError), SuspendedError while the account is suspended unless this is a `probe`, and budget.Closed.
        """
        self._heed_suspension(probe)
        self._budget.acquire()
        # the wait may have been long
        self._heed_suspension(probe)
        if began is not None:
            began()
        self._telemetry.requests.labels(device_type).inc()
        try:
            with self._telemetry.duration.labels(device_type).time():
                data = self.client.get(path, query)
            try:
                return read(data)
            except InvalidReadingError as error:
                raise InvalidPayload(str(error)) from None
        except EnercloError as error:
            self._telemetry.failures.labels(device_type, error.reason).inc()
            self._heed(error)
            raise

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
                self.account.probe_soon()
            self._news.over("token")
        except TokenError as error:
            log = _log.error if self._news.is_new("token", str(error)) else _log.debug
            log("cannot read the token again, going on with the old one", error=str(error))
