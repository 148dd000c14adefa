"""Local days: where an instant lies in its day, in a zone that may have summer time."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache


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
        """The moment `timestamp` seconds after 1970-01-01 UTC."""
        local = datetime.fromtimestamp(timestamp, self._zone)
        begin, end = self._bounds(local.date())
        return Moment(wall_clock(local), local.toordinal(), (timestamp - begin) / (end - begin))

    def _midnights(self, day: date) -> tuple[float, float]:
        begin = datetime(day.year, day.month, day.day, tzinfo=self._zone)
        end = datetime.combine(day + timedelta(days=1), begin.time(), self._zone)
        return begin.astimezone(UTC).timestamp(), end.astimezone(UTC).timestamp()


def wall_clock(local: datetime) -> str:
    """The API's form of a time: `YYYY-MM-DD HH:MM:SS`, with no zone."""
    return local.isoformat(" ", "seconds")[:19]
