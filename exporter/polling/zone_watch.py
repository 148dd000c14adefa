"""Whether the readings' own times fit the zone of the config, and which zone would fit.

A time says something of the zone only when it has just moved: it was uploaded since the poll before, so how old it is is known
to within that. A device that is offline for hours has an old time that stands still, and says nothing.
"""

import math
import threading
from array import array
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import structlog

from exporter.api.reading import instant, moment
from exporter.clock import Clock
from exporter.config import zones
from exporter.logs import LogOnce
from exporter.metrics.self_metrics import SelfMetrics

_log = structlog.get_logger()

#: Seconds by which a device's clock may be ahead, and by which its upload may reach the cloud late.
_AHEAD: Final = 300.0
_LATE: Final = 600.0

#: Seconds by which two uploads may have been late differently.
_UNSTEADY: Final = 120.0

#: With more seconds, and more than so many intervals, since the poll before there was an outage: the time may be old.
_OUTAGE: Final = 900.0
_OUTAGE_INTERVALS: Final = 2

#: Seconds for which a time that moved counts: most devices are silent at night.
_COUNTS_FOR: Final = 86400.0

_UTC: Final = ZoneInfo("UTC")


class Move(NamedTuple):
    """A time that had just moved: itself, read as UTC, the Unix time when it was seen, and the seconds since the last poll."""

    local: float
    seen: float
    gap: float

    @property
    def ahead(self) -> float:
        """Return by how many seconds the time is ahead of UTC; less than its zone's offset by how old it was."""
        return self.local - self.seen

    def shift(self, zone: ZoneInfo) -> int | None:
        """Return how many seconds further east than `zone` a zone is that fits: 0 if `zone` does, None if none does."""
        local = datetime.fromtimestamp(self.local, UTC).replace(tzinfo=None)
        at, oldest = instant(local, zone, self.seen), self.gap + _LATE
        if at is not None and -_AHEAD <= self.seen - at <= oldest:
            return 0
        fitting = min(zones.fitting(local, self.seen, oldest, _AHEAD), default=None)
        if fitting is None:
            return None
        shift = fitting - zones.offset_at(datetime.fromtimestamp(self.seen, UTC), zone)
        # less than an hour behind: few zones are so near, and data that come so late are likelier unless it fits well
        well = -_UNSTEADY <= fitting - self.ahead <= self.gap + _UNSTEADY
        return shift if well or not -3600 < shift < 0 else None

    def follows(self, before: "Move") -> bool:
        """Return whether the time moved as the clock did: data that are uploaded late, all at once, move faster."""
        return abs(self.ahead - before.ahead) <= max(self.gap, before.gap) + _UNSTEADY


class _Track:
    """The time of one device's readings. Times are by the exporter's clock."""

    __slots__ = ("_numbers", "shift", "steady", "time")

    def __init__(self, time: str | None, now: float) -> None:
        self.time = time
        #: How many seconds further east the device's zone is, None as long as that is not known.
        self.shift: int | None = None
        #: The time moved at least twice, and as the clock did.
        self.steady = False
        #: When it was polled and when the time moved, and that move. Written in place: objects made anew at every poll would come
        #: to lie among what polls leave behind, and the memory between them would not be given back.
        self._numbers = array("d", (now, now, math.nan, math.nan, math.nan))

    def poll(self, now: float) -> float:
        """Note a poll. Return the seconds since the one before."""
        gap = now - self._numbers[0]
        self._numbers[0] = now
        return gap

    def take(self, move: Move, zone: ZoneInfo, now: float) -> None:
        """Take in that the time moved."""
        last = self.last
        self.steady = last is not None and move.follows(last)
        self._numbers[1:] = array("d", (now, *move))
        self.compare(zone)

    def compare(self, zone: ZoneInfo) -> None:
        """Compare the last move with `zone`, if it counts: for an odd time the table of all zones is not worth its memory."""
        last = self.last
        self.shift = last.shift(zone) if last is not None and self.steady else None

    @property
    def moved_at(self) -> float:
        """Return when the time moved last, or was seen first."""
        return self._numbers[1]

    @property
    def last(self) -> Move | None:
        """Return the last move, None if there was none."""
        return None if math.isnan(self._numbers[4]) else Move(*self._numbers[2:])


@dataclass(frozen=True, slots=True)
class FittingZone:
    """A zone that fits the times of so many `devices`. They are `shift` seconds ahead of now in the zone of the config."""

    shift: int
    name: str
    utc: str
    devices: int


@dataclass(frozen=True, slots=True)
class ZoneFit:
    """How the zone of the config (None: it has none) fits the times of the `devices` whose times were seen to move.

    `groups` are the zones that fit, that of the most devices first. Without a zone in the config, shifts are from UTC.
    """

    configured: str | None = None
    devices: int = 0
    groups: tuple[FittingZone, ...] = ()

    @property
    def most(self) -> FittingZone | None:
        """Return the zone that fits more than half of the devices, None if none does."""
        return self.groups[0] if self.groups and 2 * self.groups[0].devices > self.devices else None

    @property
    def wrong(self) -> FittingZone | None:
        """Return the zone that fits most devices, if it is not that of the config."""
        return self.most if self.configured and self.most and self.most.shift else None

    @property
    def others(self) -> tuple[FittingZone, ...]:
        """Return the zones of the devices that the config's does not fit."""
        return tuple(group for group in self.groups if group.shift) if self.configured else ()

    def of(self, shift: int | None) -> FittingZone | None:
        """Return the zone that is `shift` seconds further east."""
        return next((group for group in self.groups if group.shift == shift), None)


class ZoneWatch:
    """The zones that fit the times of an account's devices. Safe to use from any thread."""

    def __init__(self, metrics: SelfMetrics, clock: Clock) -> None:
        self._metrics = metrics
        self._clock = clock
        self._lock = threading.RLock()
        self._zone: ZoneInfo | None = None
        self._tracks: dict[tuple[str, str], _Track] = {}
        #: Before then none is to be forgotten.
        self._expire_at = math.inf
        self._moved = 0
        self._votes: Counter[int] = Counter()
        self._shown: tuple[ZoneInfo | None, int | None] = (None, None)
        self._log_once = LogOnce()

    def configure(self, zone: ZoneInfo | None) -> None:
        """Take over the zone of the config, at once for all that was seen."""
        with self._lock:
            if zone == self._zone:
                return
            self._zone = zone
            for track in self._tracks.values():
                self._count(track, -1)
                track.compare(zone or _UTC)
                self._count(track, 1)
            self._show()

    def observe(self, key: tuple[str, str], time: str | None, interval: float) -> None:
        """Take in the own time of a device's reading that has just come; it is polled every `interval` seconds."""
        now = self._clock.now()
        with self._lock:
            track = self._tracks.get(key)
            if track is None:
                if not self._tracks:
                    # now, and not when the first odd time comes: it takes room for a moment, which polls would not fill again
                    zones.offsets(int(self._clock.wall() // 86400))
                self._tracks[key] = _Track(time, now)
                self._expire_at = min(self._expire_at, now + _COUNTS_FOR)
                return
            gap = track.poll(now)
            if time == track.time:
                return
            track.time = time
            local = moment(time) if time is not None else None
            if local is None or local.tzinfo is not None or gap > max(_OUTAGE, _OUTAGE_INTERVALS * interval):
                return
            self._count(track, -1)
            track.take(Move(local.replace(tzinfo=UTC).timestamp(), self._clock.wall(), gap), self._zone or _UTC, now)
            self._count(track, 1)
            self._show()

    def forget(self, key: tuple[str, str]) -> None:
        """Forget a device that is no longer polled."""
        with self._lock:
            track = self._tracks.pop(key, None)
            if track is not None:
                self._count(track, -1)
                self._show()

    def expire(self) -> None:
        """Forget what was seen too long ago."""
        now = self._clock.now()
        if now <= self._expire_at:
            return
        with self._lock:
            for key in [key for key, track in self._tracks.items() if now - track.moved_at > _COUNTS_FOR]:
                self.forget(key)
            self._expire_at = min((track.moved_at for track in self._tracks.values()), default=math.inf) + _COUNTS_FOR

    def shift(self, key: tuple[str, str]) -> int | None:
        """Return how many seconds further east than the config's the zone of a device is, None if that is not known."""
        track = self._tracks.get(key)
        return track.shift if track is not None else None

    def fit(self) -> ZoneFit:
        """Return how the zone of the config fits."""
        with self._lock:
            groups = (self._group(shift, devices) for shift, devices in self._votes.most_common())
            return ZoneFit(self._zone.key if self._zone else None, self._moved, tuple(filter(None, groups)))

    def _group(self, shift: int, devices: int) -> FittingZone | None:
        """Return the zone of a shift; None where none has it now, because clocks were changed since."""
        wall = self._clock.wall()
        offset = shift + zones.offset_at(datetime.fromtimestamp(wall, UTC), self._zone or _UTC)
        if self._zone is not None and shift == 0:
            return FittingZone(shift, self._zone.key, zones.utc(offset), devices)
        if offset not in zones.offsets(int(wall // 86400)):
            return None
        name = zones.name_near(self._zone, offset, wall) if self._zone else zones.name_of(offset, wall)
        return FittingZone(shift, name, zones.utc(offset), devices)

    def _count(self, track: _Track, by: int) -> None:
        if track.last is not None:
            self._moved += by
        if track.shift is not None:
            self._votes[track.shift] += by
            if not self._votes[track.shift]:
                del self._votes[track.shift]

    def _show(self) -> None:
        """Set the metric, and log once that the zone of the config does not fit."""
        shift = max(self._votes, key=self._votes.__getitem__, default=None)
        if self._zone is None or shift is None or 2 * self._votes[shift] <= self._moved:
            shift = None
        if self._shown == (self._zone, shift):
            return
        self._shown = self._zone, shift
        fit = self.fit() if shift is not None else ZoneFit()
        if not fit.configured or not fit.most:
            self._metrics.show_zone(None)
            return
        self._metrics.show_zone((fit.configured, fit.most.name), fit.most.shift)
        if fit.wrong:
            warn = _log.warning if self._log_once.is_new("zone", f"{fit.configured} {fit.most.name}") else _log.debug
            facts = {"fits": fit.most.name, "offset_seconds": fit.most.shift, "devices": f"{fit.most.devices} of {fit.devices}"}
            warn("the readings' own times do not fit api.timezone", timezone=fit.configured, **facts)
        elif self._log_once.over("zone"):
            _log.info("the readings' own times fit api.timezone", timezone=fit.configured)
