"""UTC offsets and the time zones that have them."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from importlib import resources
from zoneinfo import ZoneInfo


@lru_cache(maxsize=4)
def offsets(day: int) -> Mapping[int, tuple[str, ...]]:
    """Return the zones of the tz database's table, by their offset from UTC in seconds on a day (a number of days since 1970)."""
    when = datetime.fromtimestamp(day * 86400 + 43200, UTC)
    found: dict[int, list[str]] = {}
    table = (resources.files("tzdata") / "zoneinfo" / "zone1970.tab").read_text(encoding="utf-8")
    for line in table.splitlines():
        if not line.startswith("#"):
            name = line.split("\t")[2]
            offset = when.astimezone(ZoneInfo(name)).utcoffset() or timedelta()
            found.setdefault(int(offset.total_seconds()), []).append(name)
    return {offset: tuple(sorted(names)) for offset, names in sorted(found.items())}


def fitting(local: datetime, at: float, oldest: float, ahead: float = 120.0) -> list[int]:
    """Return the offsets, in seconds, under which a local time is not after `at` (Unix time) and at most `oldest` seconds old.

    Only offsets that some place has on that day. A clock may be `ahead` seconds fast.
    """
    utc = local.replace(tzinfo=UTC).timestamp()
    return [offset for offset in offsets(int(at // 86400)) if -ahead <= at - (utc - offset) <= oldest]


def name_of(offset: int, at: float) -> str:
    """Return a zone that has this offset: one without summer time where the offset is of whole hours."""
    hours, rest = divmod(offset, 3600)
    if rest == 0:
        # these count hours west of Greenwich
        return f"Etc/GMT{-hours:+d}" if hours else "Etc/UTC"
    return offsets(int(at // 86400))[offset][0]


def utc(offset: int) -> str:
    """Return an offset as people write it: UTC+05:45."""
    minutes = abs(offset) // 60
    return f"UTC{'-' if offset < 0 else '+'}{minutes // 60:02d}:{minutes % 60:02d}"
