"""What to fill in: the devices, the range, and the windows that it is asked in."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Final

from exporter.catalogue.serials import serial_key
from exporter.catalogue.types import ApiPath, DeviceType
from exporter.config.load import Config

#: Seconds between two rows of history by which requests are estimated: data loggers upload so often by default.
UPLOAD_INTERVAL: Final = 300.0

#: Seconds by which the end of a window is moved out of a change of clocks.
_STEP_BACK: Final = 1800

_EPOCH: Final = datetime(1970, 1, 1)


class PlanError(ValueError):
    """The command line and the config together make no plan."""


def local_seconds(time: datetime) -> int:
    """A wall clock's naive time as a number that goes on by one a second: Unix time, were the zone UTC."""
    since = time - _EPOCH
    return since.days * 86400 + since.seconds


def local_time(seconds: int) -> datetime:
    """The naive time that local_seconds() made a number of."""
    return _EPOCH + timedelta(seconds=seconds)


def parse_time(text: str) -> datetime:
    """A date (its midnight) or a date with time, by the wall clock. Raises ValueError for anything else."""
    time = datetime.fromisoformat(text)
    if time.tzinfo is not None or time.microsecond:
        raise ValueError("a zone or a fraction of a second")
    return time


@dataclass(frozen=True, slots=True)
class Range:
    """From `start` up to but not including `end`, in local_seconds()."""

    start: int
    end: int

    def windows(self, length: int, zone: tzinfo) -> Sequence["Range"]:
        """The range in pieces of at most `length` seconds.

        None begins in an hour that occurs twice or never: which of its rows the cloud would count to which side, nobody knows.
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
        """The range as the API takes it. Should the API leave out its end, nothing is lost; if not, the end is left out here."""
        return {"startDate": str(local_time(self.start)), "endDate": str(local_time(self.end))}

    def __str__(self) -> str:
        return f"{local_time(self.start)} to {local_time(self.end)}"


def _is_plain(seconds: int, zone: tzinfo) -> bool:
    """Whether a local time occurs once."""
    local = local_time(seconds)
    return zone.utcoffset(local) == zone.utcoffset(local.replace(fold=1))


@dataclass(frozen=True, slots=True)
class Source:
    """A device and where its history is."""

    type: str
    sn: str
    path: ApiPath

    @property
    def key(self) -> tuple[str, str]:
        return (self.type, self.sn)


@dataclass(frozen=True, slots=True)
class BackfillPlan:
    """The history of `sources` in `range` by the clocks of `zone`, asked in `windows` and pages of `page_size` rows."""

    sources: tuple[Source, ...]
    zone: tzinfo
    range: Range
    windows: Sequence[Range]
    page_size: int

    @property
    def requests(self) -> int:
        """How many requests that takes if every device has a row each UPLOAD_INTERVAL and the cloud behaves."""
        return len(self.sources) * sum(pages(window, self.page_size) for window in self.windows)

    def jobs(self) -> Iterator[tuple[Source, int]]:
        """Every source with the index of every window, device by device."""
        return ((source, index) for source in self.sources for index in range(len(self.windows)))


def pages(window: Range, page_size: int) -> int:
    """The requests that one window of one device takes: a full last page is followed by an empty one."""
    return math.floor((window.end - window.start) / UPLOAD_INTERVAL / page_size) + 1


def make_plan(
    config: Config, start: datetime, end: datetime, devices: Sequence[tuple[str, str]] | None, now: float
) -> BackfillPlan:
    """The plan for the devices named, or all that the config lists. Raises PlanError."""
    zone = config.api.zone
    if zone is None:
        raise PlanError(f"{config.path}: api.timezone: missing; without it nobody knows when the devices' readings were taken")
    if start >= end:
        raise PlanError(f"--from {start} is not before --to {end}")
    if end.replace(tzinfo=zone).timestamp() > now:
        raise PlanError(f"--to {end} is not over yet in {zone.key}; history ends now")
    listed = {device.key: device.sn for device in config.devices}
    if devices is None:
        wanted = listed
    else:
        # the config's spelling, because the live series have it
        wanted = {}
        for name, sn in devices:
            key = (name, serial_key(sn))
            wanted.setdefault(key, listed.get(key, sn))
    if not wanted:
        raise PlanError(f"{config.path}: no devices; expected some under devices, or in --devices")
    sources = tuple(_source(config.types, name, sn) for (name, _), sn in wanted.items())
    span = Range(local_seconds(start), local_seconds(end))
    return BackfillPlan(sources, zone, span, span.windows(int(config.history.window), zone), config.history.page_size)


def _source(types: Mapping[str, DeviceType], name: str, sn: str) -> Source:
    known = types.get(name)
    if known is None:
        raise PlanError(f"{name}:{sn}: unknown type; expected one of {', '.join(sorted(types))}")
    if known.paths.history is None:
        raise PlanError(f"{name}:{sn}: no path for the history of this type; expected types.{name}.history_path in the config")
    return Source(name, sn, known.paths.history)
