"""The simulated wall clock."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo


class SimClock:
    """A clock that begins at `start`, runs `speed` times as fast as real time, and can be made to jump forward.

    `monotonic` counts real seconds; tests give one of their own to hold the clock still. Safe to use from any thread.
    """

    def __init__(
        self,
        start: datetime,
        speed: float = 1.0,
        timezone: tzinfo = UTC,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        if start.tzinfo is None:
            raise ValueError("start must be an aware datetime")
        if speed < 0:
            raise ValueError("speed must not be negative")
        self.timezone = timezone
        # UTC, because adding a timedelta to a datetime of a zone with summer time counts wall-clock hours, not real ones.
        self._start = start.astimezone(UTC)
        self._speed = speed
        self._monotonic = monotonic
        self._origin = monotonic()
        self._jumped = 0.0
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """The simulated time, aware, in the clock's timezone."""
        ran = (self._monotonic() - self._origin) * self._speed
        return (self._start + timedelta(seconds=ran + self._jumped)).astimezone(self.timezone)

    def advance(self, seconds: float) -> None:
        """Jump `seconds` simulated seconds forward."""
        if not seconds >= 0:
            raise ValueError("the simulated clock only goes forward")
        with self._lock:
            self._jumped += seconds
