"""The readings' own times: their form, the time zone that fits, and how often they move."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Final

from exporter.api.reading import moment
from exporter.catalogue.types import DeviceType
from exporter.doctor import zones
from exporter.doctor.check import Check, Outcome, counted, listed
from exporter.doctor.connection import clocks_agree
from exporter.doctor.exchange import Subject
from exporter.doctor.observations import PAGE, WATCH, Observations, local_time, rows_of

_DOCUMENTED: Final = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", re.ASCII)

#: Seconds by which a device's clock may be ahead, and that a reading of an online device is old at the most where its history
#: does not tell how often it uploads: four uploads of a data logger as it is delivered.
_AHEAD: Final = 120.0
_OLDEST: Final = 1200.0


@dataclass(frozen=True, slots=True)
class _Stamp:
    """The time of a device's latest reading: `local` without zone, when it was answered, and whether the device is online."""

    name: str
    local: datetime
    at: float
    online: bool | None


def check(seen: Observations) -> Iterator[Check]:
    """Yield the checks of times."""
    for known in seen.types:
        if any(seen.good(known.type)):
            yield _form(seen, known)
    yield _zone(seen)
    if seen.plan.options.watch:
        for known in seen.types:
            if seen.of(Subject.READING, known.type, WATCH):
                yield _moves(seen, known)


def _form(seen: Observations, known: DeviceType) -> Check:
    name = f"time {known.type}"
    forms = {_form_of(exchange.data.get("time")) for exchange, _ in seen.good(known.type)}
    text = " and ".join(sorted(forms))
    if forms == {"as documented, without a zone"}:
        return Check(name, Outcome.OK, text, settles={"time.form": text})
    if all(form.startswith(("as documented", "another form")) for form in forms):
        return Check(name, Outcome.OK, text, settles={"time.form": text})
    remedy = "The exporter cannot tell how old these readings are; a report of this run helps the project to read them."
    return Check(name, Outcome.WARN, text, remedy, settles={"time.form": text})


def _form_of(time: object) -> str:
    if time is None or time == "":
        return "no time"
    found = moment(time) if isinstance(time, str) else None
    if not isinstance(time, str) or found is None:
        return "a time that cannot be read"
    if _DOCUMENTED.fullmatch(time):
        return "as documented, without a zone"
    return f"another form of ISO 8601, {'with' if found.tzinfo else 'without'} a zone"


def _stamps(seen: Observations) -> list[_Stamp]:
    found = []
    for known in seen.types:
        for exchange, _ in seen.good(known.type):
            watched = [one for one in seen.of(Subject.READING, known.type, WATCH) if one.sn == exchange.sn and one.error is None]
            times = [(time, one.at) for one in (exchange, *watched) if (time := local_time(_time_of(one.data)))]
            if not times or _zone_of(exchange.data) is not None:
                continue
            lost = seen.lost(known.type, exchange.sn)
            moved = len({time for time, _ in times}) > 1
            found.append(_Stamp(f"{known.type} {exchange.sn}", *times[-1], True if moved else None if lost is None else not lost))
    return found


def _time_of(data: object) -> object:
    return data.get("time") if isinstance(data, dict) else None


def _zone_of(data: object) -> object:
    time = _time_of(data)
    found = moment(time) if isinstance(time, str) else None
    return found.tzinfo if found else None


def _zone(seen: Observations) -> Check:
    zone = seen.config.api.zone
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
    if zone is None:
        return _choose(awake, seen, "api.timezone is not set")
    offset = (datetime.fromtimestamp(seen.now, zone).utcoffset() or timedelta()).total_seconds()
    ages = {stamp: stamp.at - (stamp.local.replace(tzinfo=UTC).timestamp() - offset) for stamp in awake}
    ahead = [stamp for stamp, age in ages.items() if age < -_AHEAD]
    fits = [stamp for stamp, age in ages.items() if -_AHEAD <= age <= _OLDEST]
    old = [stamp for stamp, age in ages.items() if age > _OLDEST]
    if ahead:
        most = max(-ages[stamp] for stamp in ahead)
        return _choose(
            ahead, seen, f"{zone.key} does not fit: {counted(len(ahead), 'time')} up to {_span(most)} ahead of now", sure=True
        )
    sure = [stamp for stamp in old if stamp.online]
    if fits and sure:
        text = f"{zone.key} fits {counted(len(fits), 'device')}, but {listed([stamp.name for stamp in sure])} is online and "
        text += f"{_span(max(ages[stamp] for stamp in sure))} behind"
        return Check("timezone", Outcome.WARN, text, "Devices in two time zones need two exporters, each with its own config.")
    if fits:
        text = (
            f"{zone.key} ({zones.utc(int(offset))}) fits: the newest reading is {_span(max(0.0, min(ages[s] for s in fits)))} old"
        )
        if old:
            last = _span(min(ages[stamp] for stamp in old))
            text += f"; {listed([stamp.name for stamp in old])} uploaded last {last} ago or earlier"
        return Check("timezone", Outcome.OK, text, settles={"time.zone": f"local time, {zones.utc(int(offset))}"})
    newest = min(ages.values())
    return _choose(
        sure or old, seen, f"{zone.key} does not fit: the newest reading would be {_span(newest)} old", sure=bool(sure)
    )


def _choose(stamps: list[_Stamp], seen: Observations, why: str, *, sure: bool = False) -> Check:
    """Return the check for a zone that is missing or wrong: which offsets fit, and the zones to choose from."""
    spacing = _spacing(seen)
    oldest = 2 * spacing + _AHEAD if spacing else _OLDEST
    freshest = max(stamps, key=lambda stamp: stamp.local.replace(tzinfo=UTC).timestamp() - stamp.at)
    fitting = set(zones.fitting(freshest.local, freshest.at, oldest, _AHEAD))
    agree = 0
    for stamp in stamps:
        if both := fitting & set(zones.fitting(stamp.local, stamp.at, oldest, _AHEAD)):
            fitting, agree = both, agree + 1
    online = any(stamp.online for stamp in stamps)
    if not fitting:
        remedy = (
            "Check the clock of the device or of its data logger in the vendor's app: no time zone on Earth has that time now."
        )
        return Check("timezone", Outcome.FAIL, f"{why}; no UTC offset fits {freshest.name}", remedy)
    names = " or ".join(zones.utc(offset) for offset in sorted(fitting))
    choice = [name for offset in sorted(fitting) for name in zones.offsets(int(seen.now // 86400))[offset]]
    text = f"{why}; {names} fits {counted(agree, 'device')} of {len(stamps)}"
    remedy = f"Set api.timezone to where the devices are: {listed(choice, 12)}."
    if not online and not sure and seen.config.api.zone is not None:
        text += ", but they may as well be offline"
        return Check("timezone", Outcome.WARN, text, "Run doctor again with --watch 15m: a time that moves tells which.")
    if not online:
        text += ", unless they are offline"
    settled = len(fitting) == 1 and online
    return Check(
        "timezone",
        Outcome.WARN if seen.config.api.zone is None else Outcome.FAIL,
        text,
        remedy,
        settles={"time.zone": f"local time, {names}"} if settled else {},
        config={("api", "timezone"): zones.name_of(next(iter(fitting)), seen.now)} if settled else {},
    )


def _spacing(seen: Observations) -> float | None:
    """Return the usual seconds between two rows of history."""
    gaps = [gap for known in seen.types for gap in spacing(seen, known.type)]
    return median(gaps) if gaps else None


def spacing(seen: Observations, device_type: str) -> list[float]:
    """Return the seconds between rows of a type's history that follow each other."""
    found: list[float] = []
    for exchange in seen.of(Subject.HISTORY, device_type, PAGE):
        times = sorted({time for row in rows_of(exchange) or [] if (time := local_time(_time_of(row)))})
        found += [(after - before).total_seconds() for before, after in pairwise(times)]
    return found


def _moves(seen: Observations, known: DeviceType) -> Check:
    name = f"upload {known.type}"
    watched = [one for one in seen.of(Subject.READING, known.type, WATCH) if one.error is None]
    first = next((one for one, _ in seen.good(known.type) if watched and one.sn == watched[0].sn), None)
    times = sorted({time for one in ([first] if first else []) + watched if (time := local_time(_time_of(one.data)))})
    if not times:
        return Check(name, Outcome.SKIP, "no time to watch")
    gaps = [(after - before).total_seconds() for before, after in pairwise(times)]
    lasted = _span(watched[-1].at - (first.at if first else watched[0].at))
    if not gaps:
        remedy = "Watch longer, or another device: this one is offline, or uploads less often."
        return Check(name, Outcome.WARN, f"the time did not move in {lasted}", remedy)
    interval = median(gaps)
    text = f"the time moved {counted(len(gaps), 'time')} in {lasted}, by {_span(interval)}"
    if len(gaps) > 1 and max(gaps) > 2 * min(gaps):
        text += f" ({_span(min(gaps))} to {_span(max(gaps))})"
    stale_after = max(900.0, 3 * interval)
    text += f": poll.interval {_duration(interval)} and stale_after {_duration(stale_after)} follow"
    poll = seen.config.poll
    wanted: dict[tuple[str, ...], str] = {}
    remedies = []
    if poll.interval < 0.5 * interval or poll.interval > 2 * interval:
        wanted["poll", "interval"] = _duration(interval)
        why = "asks more often than there is anything new" if poll.interval < interval else "misses readings"
        remedies.append(f"poll.interval: {_duration(interval)}, because {_duration(poll.interval)} {why}")
    if poll.stale_after is not None and poll.stale_after < 2 * interval:
        wanted["poll", "stale_after"] = _duration(stale_after)
        remedies.append(f"poll.stale_after: {_duration(stale_after)}, or values go between two uploads")
    outcome = Outcome.WARN if wanted else Outcome.OK
    remedy = f"Set {'; '.join(remedies)}." if remedies else ""
    return Check(name, outcome, text, remedy, settles={"upload.interval": f"every {_span(interval)}"}, config=wanted)


def _span(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _duration(seconds: float) -> str:
    """Return seconds as the config has them."""
    return f"{seconds / 60:.0f}m" if seconds % 60 == 0 else f"{seconds:g}s"
