"""Which time zone fits the readings' own times and now."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Final
from zoneinfo import ZoneInfo

from exporter.api.reading import moment
from exporter.config import zones
from exporter.doctor.check import Check, Outcome, counted, listed
from exporter.doctor.connection import clocks_agree
from exporter.doctor.exchange import Subject
from exporter.doctor.observations import WATCH, Observations, local_time
from exporter.doctor.times import spacings, span, time_of

#: Seconds by which a device's clock may be ahead, and that a reading of an online device is old at the most where its history
#: does not tell how often it uploads: four uploads of a data logger as it is delivered.
_AHEAD: Final = 120.0
_OLDEST: Final = 1200.0

_CLOCK: Final = (
    "Check in the vendor's app the clock of each of these, whether it uploads late, and whether it is in another time zone."
)


@dataclass(frozen=True, slots=True)
class _Stamp:
    """The time of a device's latest reading: `local` without zone, when it was answered, and whether the device is online."""

    name: str
    local: datetime
    at: float
    online: bool | None

    def age(self, offset: float) -> float:
        """Return how old the reading was, in seconds, if local time is `offset` seconds ahead of UTC."""
        return self.at - (self.local.replace(tzinfo=UTC).timestamp() - offset)


def check(seen: Observations) -> Iterator[Check]:
    """Yield one check."""
    yield _zone(seen)


def _zone(seen: Observations) -> Check:
    if not clocks_agree(seen):
        return Check("timezone", Outcome.SKIP, "the clocks do not agree, so no zone can be told from them")
    stamps = _stamps(seen)
    if not stamps:
        if any(_zone_of(exchange.data) for known in seen.types for exchange, _ in seen.good(known.type)):
            return Check("timezone", Outcome.OK, "the times name their zone themselves")
        return Check("timezone", Outcome.SKIP, "no reading has a time to compare with now")
    awake = [stamp for stamp in stamps if stamp.online is not False]
    if not awake:
        return Check("timezone", Outcome.SKIP, "all devices are offline by the lists of their data loggers, so no time is of now")
    zone = seen.config.api.zone
    return _compare(awake, seen, zone) if zone else _choose(awake, seen, "api.timezone is not set")


def _stamps(seen: Observations) -> list[_Stamp]:
    found = []
    for known in seen.types:
        for exchange, _ in seen.good(known.type):
            watched = [one for one in seen.of(Subject.READING, known.type, WATCH) if one.sn == exchange.sn and one.error is None]
            times = [(time, one.at) for one in (exchange, *watched) if (time := local_time(time_of(one.data)))]
            if not times or _zone_of(exchange.data) is not None:
                continue
            lost = seen.lost(known.type, exchange.sn)
            moved = len({time for time, _ in times}) > 1
            found.append(_Stamp(f"{known.type} {exchange.sn}", *times[-1], True if moved else None if lost is None else not lost))
    return found


def _zone_of(data: object) -> object:
    time = time_of(data)
    found = moment(time) if isinstance(time, str) else None
    return found.tzinfo if found else None


def _oldest(seen: Observations) -> float:
    """Return how many seconds a reading of an online device may be old."""
    gaps = [gap for known in seen.types for gap in spacings(seen, known.type)]
    return 2 * median(gaps) + _AHEAD if gaps else _OLDEST


def _compare(stamps: list[_Stamp], seen: Observations, zone: ZoneInfo) -> Check:
    """Return the check for the zone of the config."""
    offset = (datetime.fromtimestamp(seen.now, zone).utcoffset() or timedelta()).total_seconds()
    oldest = _oldest(seen)
    ages = {stamp: stamp.age(offset) for stamp in stamps}
    ahead = [stamp for stamp, age in ages.items() if age < -_AHEAD]
    fits = [stamp for stamp, age in ages.items() if -_AHEAD <= age <= oldest]
    old = [stamp for stamp, age in ages.items() if age > oldest]
    if len(ahead) > len(fits):
        most = span(max(-ages[stamp] for stamp in ahead))
        return _choose(
            ahead, seen, f"{zone.key} does not fit: {counted(len(ahead), 'time')} up to {most} ahead of now", sure=True
        )
    late = [stamp for stamp in old if stamp.online]
    if not fits:
        newest = span(min(ages.values()))
        return _choose(late or old, seen, f"{zone.key} does not fit: the newest reading would be {newest} old", sure=bool(late))
    newest = span(max(0.0, min(ages[stamp] for stamp in fits)))
    text = f"{zone.key} ({zones.utc(int(offset))}) fits {counted(len(fits), 'device')}: the newest reading is {newest} old"
    for group, words in ((ahead, "ahead of now"), (late, "behind now, though online")):
        if group:
            text += f"; {listed([stamp.name for stamp in group])} up to {span(max(abs(ages[one]) for one in group))} {words}"
    silent = [stamp for stamp in old if not stamp.online]
    if silent:
        text += (
            f"; {listed([stamp.name for stamp in silent])} uploaded last {span(min(ages[one] for one in silent))} ago or earlier"
        )
    settles = {"time.zone": f"local time, {zones.utc(int(offset))}"} if any(stamp.online for stamp in fits) else {}
    if ahead or late:
        return Check("timezone", Outcome.WARN, text, _CLOCK, settles=settles)
    return Check("timezone", Outcome.OK, text, settles=settles)


def _choose(stamps: list[_Stamp], seen: Observations, why: str, *, sure: bool = False) -> Check:
    """Return the check for a zone that is missing or wrong: the offsets that fit most devices, and the zones to choose from.

    `sure` means that the zone of the config is certainly wrong.
    """
    oldest = _oldest(seen)
    online = [stamp for stamp in stamps if stamp.online]
    asked = online or stamps
    counts = Counter(offset for stamp in asked for offset in zones.fitting(stamp.local, stamp.at, oldest, _AHEAD))
    most = max(counts.values(), default=0)
    fitting = sorted(offset for offset, count in counts.items() if count == most)
    if not fitting:
        text = f"{why}; no UTC offset fits {listed([stamp.name for stamp in asked])}"
        return Check("timezone", Outcome.WARN, text, _CLOCK)
    names = " or ".join(zones.utc(offset) for offset in fitting)
    choice = [name for offset in fitting for name in zones.names(offset, int(seen.now // 86400))]
    text = f"{why}; {names} fits {counted(most, 'device')} of {len(asked)}"
    remedy = f"Set api.timezone to where the devices are: {listed(choice, 12)}."
    if not online and not sure and seen.config.api.zone is not None:
        text += ", but they may as well be offline"
        return Check("timezone", Outcome.WARN, text, "Run doctor again with --watch 15m: a time that moves tells which.")
    if not online:
        text += ", unless they are offline"
    settled = len(fitting) == 1 and bool(online)
    return Check(
        "timezone",
        Outcome.WARN if seen.config.api.zone is None else Outcome.FAIL,
        text,
        remedy,
        settles={"time.zone": f"local time, {names}"} if settled else {},
        config={("api", "timezone"): zones.name_of(fitting[0], seen.now)} if settled else {},
    )
