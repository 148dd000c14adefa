"""Whether the values of a device are too old to be shown."""

import math
from enum import StrEnum
from typing import Final

_DEFAULT_INTERVALS: Final = 3
_DEFAULT_SECONDS: Final = 900.0


class StaleCause(StrEnum):
    """Why values are stale; label values of atess_device_stale."""

    #: No usable reading came for too long.
    FAILING = "failing"
    #: Readings came, but did not move for too long (see Reading.mark).
    FROZEN = "frozen"


class Staleness:
    """Values are stale after `stale_after` seconds without a usable reading, or without one that moved.

    Times are by the exporter's own clock, in seconds. `cause` is None while the values are fresh, and `check_at` is when they
    may next become stale.
    """

    __slots__ = ("_mark", "_stale_after", "cause", "check_at", "moved_at", "success_at")

    def __init__(self, now: float) -> None:
        self.cause: StaleCause | None = None
        self.check_at = math.inf
        #: When the last usable reading came, and the last one that moved.
        self.success_at = self.moved_at = now
        self._mark: str | int | None = None
        self._stale_after = _DEFAULT_SECONDS

    def configure(self, stale_after: float | None, interval: float) -> None:
        """Set the limit; None is three times `interval`, but at least 15 minutes."""
        self._stale_after = stale_after or max(_DEFAULT_INTERVALS * interval, _DEFAULT_SECONDS)

    def record_reading(self, mark: str | int | None, now: float) -> None:
        """Record a usable reading; `mark` is another one if it moved, None where nothing can be said of that."""
        self.success_at = now
        if mark is None or mark != self._mark:
            self._mark = mark
            self.moved_at = now

    def update(self, now: float) -> bool:
        """Decide anew. Return whether the cause is another one."""
        before = self.cause
        self.cause = None
        self.check_at = min(self.success_at, self.moved_at) + self._stale_after
        if now - self.success_at >= self._stale_after:
            self.cause = StaleCause.FAILING
            self.check_at = math.inf
        elif now - self.moved_at >= self._stale_after:
            self.cause = StaleCause.FROZEN
            self.check_at = self.success_at + self._stale_after
        return self.cause is not before
