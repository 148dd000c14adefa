"""UTC offsets and the time zones that have them."""

import re
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from importlib import resources
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

#: An offset as people write it: UTC+7, GMT+05:30, +0700.
_OFFSET: Final = re.compile(r"(?:UTC|GMT)?\s*([+-])(\d{1,2})(?::?([0-5]\d))?", re.IGNORECASE | re.ASCII)


def _countries() -> Mapping[str, frozenset[str]]:
    """Return the zones of the tz database's table with the countries that each is of, a country's largest place first."""
    table = (resources.files("tzdata") / "zoneinfo" / "zone1970.tab").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in table.splitlines() if not line.startswith("#"))
    return {row[2]: frozenset(row[0].split(",")) for row in rows}


def _by_offset(day: int) -> Mapping[int, Sequence[str]]:
    """Return the zones of the tz database's table, by their offset from UTC in seconds on a day (a number of days since 1970)."""
    when = datetime.fromtimestamp(day * 86400 + 43200, UTC)
    found: dict[int, list[str]] = {}
    for name in sorted(_countries()):
        found.setdefault(offset_at(when, ZoneInfo(name)), []).append(name)
    return found


# what is kept of the table are a few numbers and names: all of it would take 0.3 MB as soon as a first device's time is odd
@lru_cache(maxsize=4)
def offsets(day: int) -> Sequence[int]:
    """Return the offsets from UTC, in seconds, that some place has on a day (days since 1970), from west to east."""
    return sorted(_by_offset(day))


@lru_cache(maxsize=16)
def names(offset: int, day: int) -> Sequence[str]:
    """Return the zones that have this offset on a day."""
    return tuple(_by_offset(day).get(offset, ()))


def fitting(local: datetime, at: float, oldest: float, ahead: float = 120.0) -> list[int]:
    """Return the offsets, in seconds, under which a local time is not after `at` (Unix time) and at most `oldest` seconds old.

    Only offsets that some place has on that day. A clock may be `ahead` seconds fast.
    """
    utc = local.replace(tzinfo=UTC).timestamp()
    return [offset for offset in offsets(int(at // 86400)) if -ahead <= at - (utc - offset) <= oldest]


def offset_at(when: datetime, zone: tzinfo) -> int:
    """Return the offset of a zone, in seconds, at a moment that has a zone itself."""
    return int((when.astimezone(zone).utcoffset() or timedelta()).total_seconds())


def name_of(offset: int, at: float) -> str:
    """Return a zone that has this offset: one without summer time where the offset is of whole hours."""
    hours, rest = divmod(offset, 3600)
    if rest == 0:
        # these count hours west of Greenwich
        return f"Etc/GMT{-hours:+d}" if hours else "Etc/UTC"
    return names(offset, int(at // 86400))[0]


def name_near(zone: ZoneInfo, offset: int, when: float) -> str:
    """Return a zone that has this offset at a Unix time, in the country of `zone` if there is one, or else in its region.

    A zone without summer time where neither has it, or where `zone` has it at another time of the year: then the clocks in
    question are not changed when those of `zone` are.
    """
    year = (datetime.fromtimestamp(when + days * 86400, UTC) for days in (-182, -91, 91, 182))
    if any(offset_at(moment, zone) == offset for moment in year):
        return name_of(offset, when)
    return _nearest(zone.key, offset, int(when // 86400)) or name_of(offset, when)


@lru_cache(maxsize=16)
def _nearest(zone: str, offset: int, day: int) -> str | None:
    countries, here = _countries(), names(offset, day)
    own, region = countries.get(zone, frozenset()), zone.partition("/")[0] + "/"
    near = [name for name in countries if name in here and countries[name] & own]
    near += [name for name in here if name.startswith(region)]
    return near[0] if near else None


def utc(offset: int) -> str:
    """Return an offset as people write it: UTC+05:45."""
    minutes = abs(offset) // 60
    return f"UTC{'-' if offset < 0 else '+'}{minutes // 60:02d}:{minutes % 60:02d}"


def suggest(text: str) -> str | None:
    """Return the zone that is meant by an offset, a place alone, or a misspelling; None if nothing is near."""
    if match := _OFFSET.fullmatch(text.strip()):
        offset = (int(match[2]) * 3600 + int(match[3] or 0) * 60) * (-1 if match[1] == "-" else 1)
        at = time.time()
        return name_of(offset, at) if offset in offsets(int(at // 86400)) else None
    # imported here, because only a mistake needs it
    from difflib import get_close_matches

    spelled = {}
    for name in sorted(available_timezones()):
        spelled[name.casefold()] = name
        spelled.setdefault(name.rpartition("/")[2].casefold(), name)
    near = get_close_matches(re.sub(r"\s+", "_", text.strip()).casefold(), spelled, n=1, cutoff=0.75)
    return spelled[near[0]] if near else None
