"""What a backfill reads: the devices, the range of time, and the windows in which it is requested."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from exporter.catalogue.serials import serial_key
from exporter.catalogue.types import ApiPath, DeviceType
from exporter.config.load import Config

#: Seconds between two rows of history, for estimates: data loggers upload so often by default.
UPLOAD_INTERVAL: Final = 300.0

#: Seconds by which the end of a window is moved back, again and again, until it is out of a clock change.
_STEP_BACK: Final = 1800

_EPOCH: Final = datetime(1970, 1, 1)


class BackfillError(Exception):
    """The backfill cannot begin, or cannot go on. The message is for the user."""


def local_seconds(time: datetime) -> int:
    """Return a naive local time as a number of seconds: what its Unix time would be if the zone were UTC."""
    since = time - _EPOCH
    return since.days * 86400 + since.seconds


def local_time(seconds: int) -> datetime:
    """Return the naive local time of a number from local_seconds()."""
    return _EPOCH + timedelta(seconds=seconds)


@dataclass(frozen=True, slots=True)
class Range:
    """Local time from `start` up to but not including `end`, in local_seconds()."""

    start: int
    end: int

    def windows(self, length: int, zone: tzinfo) -> Sequence["Range"]:
        """Return the range cut into windows of at most `length` seconds.

        No window begins within an hour that is ambiguous or does not exist: nobody knows on which side the cloud puts its rows.
        """
        found = []
        start = self.start
        while start < self.end:
            end = whole = min(start + length, self.end)
            while end < self.end and end > start and not _is_plain(end, zone):
                end -= _STEP_BACK
            found.append(Range(start, end if end > start else whole))
            start = found[-1].end
        return found

    @property
    def query(self) -> dict[str, str]:
        """Return the range as query parameters. Whether the API includes its end is unknown: rows at the end are ignored here."""
        return {"startDate": str(local_time(self.start)), "endDate": str(local_time(self.end))}

    def __str__(self) -> str:
        return f"{local_time(self.start)} to {local_time(self.end)}"


def _is_plain(seconds: int, zone: tzinfo) -> bool:
    """Return whether a local time occurs exactly once."""
    local = local_time(seconds)
    return zone.utcoffset(local) == zone.utcoffset(local.replace(fold=1))


@dataclass(frozen=True, slots=True)
class Source:
    """A device, and the API path of its history."""

    type: str
    sn: str
    path: ApiPath

    @property
    def key(self) -> tuple[str, str]:
        return (self.type, self.sn)


@dataclass(frozen=True, slots=True)
class BackfillPlan:
    """The history of `sources` in `range`, local time of `zone`, requested in `windows` and pages of `page_size` rows."""

    sources: tuple[Source, ...]
    zone: tzinfo
    range: Range
    windows: Sequence[Range]
    page_size: int

    @property
    def requests(self) -> int:
        """Return the requests it takes if every device has a row each UPLOAD_INTERVAL and no request fails."""
        return len(self.sources) * sum(count_pages(window, self.page_size) for window in self.windows)


def count_pages(window: Range, page_size: int) -> int:
    """Return how many requests one window of one device takes: a full last page is followed by an empty one."""
    return math.floor((window.end - window.start) / UPLOAD_INTERVAL / page_size) + 1


def check_range(config: Config, start: datetime, end: datetime, now: float) -> ZoneInfo:
    """Return the zone of the local times `start` and `end`. Raises BackfillError if they are no range in the past."""
    zone = config.api.zone
    if zone is None:
        raise BackfillError(f"{config.path}: api.timezone: missing; the readings' times are local and cannot be dated without it")
    if start >= end:
        raise BackfillError(f"--from {start} is not before --to {end}")
    if end.replace(tzinfo=zone).timestamp() > now:
        raise BackfillError(f"--to {end} is in the future in {zone.key}")
    return zone


def make_plan(config: Config, start: datetime, end: datetime, devices: Iterable[tuple[str, str]], now: float) -> BackfillPlan:
    """Return the plan for these devices, each a type and a deviceSn. `now` is Unix time. Raises BackfillError."""
    zone = check_range(config, start, end, now)
    listed = {device.key: device.sn for device in config.devices}
    # spelled as in the config, because the live series are
    wanted: dict[tuple[str, str], str] = {}
    for name, sn in devices:
        key = (name, serial_key(sn))
        wanted.setdefault(key, listed.get(key, sn))
    if not wanted:
        raise BackfillError(f"{config.path}: no devices; expected some under devices, under discovery, or in --devices")
    sources = tuple(_source(config.types, name, sn) for (name, _), sn in wanted.items())
    span = Range(local_seconds(start), local_seconds(end))
    return BackfillPlan(sources, zone, span, span.windows(int(config.history.window), zone), config.history.page_size)


def _source(types: Mapping[str, DeviceType], name: str, sn: str) -> Source:
    known = types.get(name)
    if known is None:
        raise BackfillError(f"{name}:{sn}: unknown type; expected one of {', '.join(sorted(types))}")
    if known.paths.history is None:
        raise BackfillError(
            f"{name}:{sn}: no path for the history of this type; expected types.{name}.history_path in the config"
        )
    return Source(name, sn, known.paths.history)
