"""The simulated wall clock, and the local days of its zone."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache


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
        """Return the simulated time, aware, in the clock's timezone."""
        ran = (self._monotonic() - self._origin) * self._speed
        return (self._start + timedelta(seconds=ran + self._jumped)).astimezone(self.timezone)

    def advance(self, seconds: float) -> None:
        """Jump `seconds` simulated seconds forward."""
        if not seconds >= 0:
            raise ValueError("the simulated clock only goes forward")
        with self._lock:
            self._jumped += seconds


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant: its local wall-clock text, its local day's ordinal, and how much of that day (0 to 1) has passed.

    The share is of the day's real length, 23 or 25 hours where clocks change: counters that follow it never run back.
    """

    text: str
    day: int
    share: float


class Calendar:
    """The local days of one zone."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        self._bounds = lru_cache(maxsize=1024)(self._midnights)

    def moment(self, timestamp: float) -> Moment:
        """Return the moment `timestamp` seconds after 1970-01-01 UTC."""
        local = datetime.fromtimestamp(timestamp, self._zone)
        begin, end = self._bounds(local.date())
        return Moment(wall_clock(local), local.toordinal(), (timestamp - begin) / (end - begin))

    def _midnights(self, day: date) -> tuple[float, float]:
        begin = datetime(day.year, day.month, day.day, tzinfo=self._zone)
        end = datetime.combine(day + timedelta(days=1), begin.time(), self._zone)
        return begin.astimezone(UTC).timestamp(), end.astimezone(UTC).timestamp()


def wall_clock(local: datetime) -> str:
    """Return the API's form of a time: `YYYY-MM-DD HH:MM:SS`, with no zone."""
    return local.isoformat(" ", "seconds")[:19]
