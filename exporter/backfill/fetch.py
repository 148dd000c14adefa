"""Fetching one page of history: within the rate limit, retried after failures, waiting while the account is suspended."""

from collections.abc import Callable, Mapping
from typing import Final

import structlog

from exporter.api.circuit_breaker import Cause
from exporter.api.errors import EnercloError, NotFound, RateLimited, Unauthorized
from exporter.api.session import CircuitOpenError, Session
from exporter.backfill.plan import BackfillError, BackfillPlan, Range, Source
from exporter.backfill.rows import HistoryPage, read_page
from exporter.catalogue.kinds import Kinds
from exporter.config.schema import FieldFilter

_log = structlog.get_logger()

#: Failed requests for one page, with growing pauses between, after which its device is given up for this run.
MAX_TRIES: Final = 6

#: Seconds after the first failure; each further pause is twice as long.
FIRST_PAUSE: Final = 1.0

#: Seconds between two checks whether the account is still suspended.
CHECK_INTERVAL: Final = 1.0


class SourceFailed(Exception):
    """A device's history cannot be read. The message says why."""


class NotThere(SourceFailed):
    """The API has no such device, or no such path."""


class Exhausted(SourceFailed):
    """A page failed MAX_TRIES times. It may succeed later in the run."""


class Fetcher:
    """Fetches pages of `plan`. Safe to use from several threads.

    `kinds` has the kinds of each type's fields, `asked` is called for every request. A request that is rate limited is repeated
    until it is answered. While the account is suspended only a probe a minute goes out.
    """

    def __init__(self, session: Session, plan: BackfillPlan, kinds: Mapping[str, Kinds], asked: Callable[[], None]) -> None:
        self._session = session
        self._plan = plan
        self._kinds = kinds
        self._asked = asked

    def page(self, source: Source, window: Range, number: int, fields: FieldFilter) -> HistoryPage:
        """Return page `number` (from 1) of a window. Raises SourceFailed, and Closed when the rate limiter is.

        Raises BackfillError if the token is refused for all devices.
        """
        query = {"deviceSn": source.sn, **window.query, "pageNo": str(number), "pageSize": str(self._plan.page_size)}
        failures = 0
        while True:
            probe = self._turn()
            try:
                page = self._session.get(
                    source.type,
                    source.path.path,
                    query,
                    lambda data: read_page(data, source.sn, window, fields, self._plan.zone, self._kinds[source.type]),
                    probe=probe,
                    retry=False,
                    began=self._asked,
                )
            except CircuitOpenError:
                continue
            except EnercloError as error:
                self._session.record(source.key, error)
                if self._session.circuit_breaker.cause is Cause.UNAUTHORIZED:
                    message = f"token refused ({error}): renew it, and run again with the same arguments to resume"
                    raise BackfillError(message) from None
                if isinstance(error, RateLimited) or not self._session.circuit_breaker.allow_request():
                    # it is the account that fails, not this device: wait and ask again
                    continue
                failures += 1
                if isinstance(error, NotFound):
                    raise NotThere(str(error)) from None
                if isinstance(error, Unauthorized):
                    raise SourceFailed(f"{error.reason}: {error}") from None
                if failures == MAX_TRIES:
                    raise Exhausted(f"{error.reason}: {error}") from None
                _log.debug("retrying history page", device_sn=source.sn, type=source.type, page=number, error=str(error))
                self._session.rate_limiter.sleep(FIRST_PAUSE * 2.0 ** (failures - 1))
            else:
                self._session.record(source.key, None)
                return page

    def _turn(self) -> bool:
        """Wait while the account is suspended. Return whether the request that may go out now is a probe."""
        breaker = self._session.circuit_breaker
        while not breaker.allow_request():
            if breaker.allow_probe():
                return True
            self._session.rate_limiter.sleep(CHECK_INTERVAL)
        return False
