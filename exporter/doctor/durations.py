"""Minutes or hours: the times of the day, and those in total."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from exporter.catalogue.types import DeviceType
from exporter.doctor import tables
from exporter.doctor.check import Check, Outcome, listed
from exporter.doctor.observations import Observations, Row, Track
from exporter.doctor.quantities import growth, scale, spelled, steps

#: Hours of the day's time, and kWh of the day, below which averages say nothing.
_LEAST_HOURS, _LEAST_KWH = 0.5, 2.0

#: How much larger a number is in the unit than in hours.
_UNITS: Final = {"h": 1.0, "min": 60.0}


def check(seen: Observations) -> Iterator[Check]:
    """Yield what the units of each type's times are."""
    yield from (_units(known, tracks) for known, tracks in seen.tracks if tracks)


def _units(known: DeviceType, tracks: Sequence[Track]) -> Check:
    name = f"time units {known.type}"
    found: dict[str, str] = {}
    open_: list[str] = []
    for family in tables.load("quantities")["durations"]:
        for field, unit in _of_family(family, tracks):
            if unit:
                found[field] = unit
            elif field not in open_:
                open_.append(field)
    open_ = [field for field in open_ if field not in found]
    if not found and not open_:
        return Check(name, Outcome.SKIP, "no times of the day or in total")
    parts = [
        f"{listed([field for field in found if found[field] == unit], 12)} in {unit}" for unit in sorted(set(found.values()))
    ]
    if open_:
        parts.append(f"{listed(open_, 12)} not settled: too small so far, or they fit neither min nor h")
    claimed = {field: known.fields[field].unit for field in found if field in known.fields}
    wrong = [field for field, unit in found.items() if claimed.get(field) not in (None, unit)]
    settles = {f"times.{known.type}": "; ".join(parts[: len(set(found.values()))])} if found else {}
    config: dict[tuple[str, ...], Any] = {}
    for field in wrong:
        info = known.fields[field]
        entry = {"unit": found[field], "kind": info.kind} | ({"meaning": info.meaning} if info.meaning else {})
        config["types", known.type, "fields", field] = entry
    if wrong:
        words = ", ".join(f"{field} {found[field]} instead of {claimed[field]}" for field in wrong)
        remedy = f"Units differ from what the exporter's help texts say ({words}): the lines for the config are below."
        return Check(name, Outcome.WARN, "; ".join(parts), remedy, settles=settles, config=config)
    return Check(name, Outcome.OK if found else Outcome.SKIP, "; ".join(parts), settles=settles)


def _of_family(family: dict[str, str], tracks: Sequence[Track]) -> Iterator[tuple[str, str]]:
    """Yield the fields of one family of times, each with its unit, or an empty one where that is not settled."""
    names = {key: spelled(name, tracks) for key, name in family.items()}
    today, total = names["time_today"], names["time_total"]
    if today is None:
        return
    unit = _unit_today(today, tracks)
    yield today, unit
    if total is not None:
        yield total, _unit_total(names, total, today, unit, tracks) if unit else ""


def _unit_today(name: str, tracks: Sequence[Track]) -> str:
    """Return the unit of a time of the day: no more of it can have passed than of the day."""
    fits = {"min", "h"}
    told = False
    for rows in tracks:
        for row in rows:
            value = row.numbers.get(name)
            if value is None or value <= 0:
                continue
            hours = row.time.hour + row.time.minute / 60 + row.time.second / 3600
            # some slack: clocks of inverter and logger differ
            told = True
            if value > hours + 0.5:
                fits.discard("h")
            if value > hours * 60 + 30:
                fits.discard("min")
        grown = [(growth(name, before, after), seconds) for before, after, seconds in steps(rows)]
        share = max((more / (seconds / 3600) for more, seconds in grown if more is not None), default=0.0)
        # in minutes an hour brings up to 60, in hours up to 1
        if share > 3:
            fits.discard("h")
    return fits.pop() if told and len(fits) == 1 else ""


def _unit_total(names: dict[str, str | None], total: str, today: str, unit: str, tracks: Sequence[Track]) -> str:
    """Return the unit of a time in total: by how it grows beside the day's, or by the average power that follows from both."""
    per_hour = _UNITS[unit]
    by_growth, by_average = [], []
    for rows in tracks:
        grown_today = grown_total = 0.0
        for before, after, _ in steps(rows):
            pair = growth(today, before, after), growth(total, before, after)
            if pair[0] is not None and pair[1] is not None:
                grown_today, grown_total = grown_today + pair[0] / per_hour, grown_total + pair[1]
        if grown_today >= _LEAST_HOURS and grown_total > 0:
            by_growth.append(grown_total / grown_today)
        if (ratio := _average(names, total, today, per_hour, rows)) is not None:
            by_average.append(ratio)
    told = {scale(ratios, _UNITS, "", enough=1, wide=4.0).word for ratios in (by_growth, by_average)} - {""}
    return told.pop() if len(told) == 1 else ""


def _average(names: dict[str, str | None], total: str, today: str, per_hour: float, rows: Sequence[Row]) -> float | None:
    """Return how many of the total's unit an hour has, if power was on the average of all days what it was on this one."""
    energy_today, energy_total = names["today"], names["total"]
    if energy_today is None or energy_total is None:
        return None
    for row in reversed(rows):
        found = [row.numbers.get(name) for name in (today, total, energy_today, energy_total)]
        if None in found:
            continue
        time_today, time_total, kwh_today, kwh_total = (float(value or 0) for value in found)
        hours = time_today / per_hour
        if hours >= _LEAST_HOURS and kwh_today >= _LEAST_KWH and kwh_total > kwh_today and time_total > 0:
            return time_total / (kwh_total / (kwh_today / hours))
    return None
