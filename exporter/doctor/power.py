"""W or kW: active powers against voltage x current, and against the energy of the day that they add up to."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from exporter.catalogue.types import DeviceType
from exporter.doctor import tables
from exporter.doctor.check import Check, Outcome
from exporter.doctor.observations import Observations, Track
from exporter.doctor.quantities import Scale, growth, scale, spelled, steps, values

#: Volt-amperes below which a comparison says nothing: sensors have offsets.
_LEAST_VA: Final = 300.0

#: kWh of growth, where counters have steps of 0.1, below which a comparison says nothing.
_LEAST_KWH: Final = 1.0

#: What a power is, in W per V x A, and in kWh per hour of it.
_BY_VA: Final = {"W": 1.0, "kW": 0.001}
_BY_ENERGY: Final = {"W": 1000.0, "kW": 1.0}


def check(seen: Observations) -> Iterator[Check]:
    """Yield what the units of each type's active powers are."""
    yield from (_units(known, tracks) for known, tracks in seen.tracks if tracks)


def _units(known: DeviceType, tracks: Sequence[Track]) -> Check:
    name = f"power units {known.type}"
    pairs = {pair["power"]: pair["products"] for pair in tables.load("quantities")["powers"].get(known.type, [])}
    sums = [pair for pair in tables.load("quantities")["energies"] if known.type in pair.get("types", [known.type])]
    found: dict[str, tuple[str, str]] = {}
    for power in dict.fromkeys([*pairs, *(pair["power"] for pair in sums)]):
        field = spelled(power, tracks)
        if field is not None:
            by = [_by_product(power, pairs[power], tracks)] if power in pairs else []
            by += [_by_energy(power, pair["today"], tracks) for pair in sums if pair["power"] == power]
            found[field] = _verdict([one for one in by if one])
    if not found:
        return Check(name, Outcome.SKIP, "no power has a voltage and a current, or an energy of the day, beside it")
    text = "; ".join(f"{field} {f'is in {unit}' if unit else 'is not settled'} ({said})" for field, (unit, said) in found.items())
    settled = {field: unit for field, (unit, _) in found.items() if unit}
    claimed = {field: known.fields[field].unit for field in settled if field in known.fields}
    wrong = {field: unit for field, unit in settled.items() if claimed.get(field) not in (None, unit)}
    config: dict[tuple[str, ...], Any] = {
        ("types", known.type, "fields", field): _entry(known, field, unit)
        for field, unit in settled.items()
        if claimed.get(field) != unit
    }
    settles = {f"power.{known.type}": ", ".join(f"{field} {unit}" for field, unit in settled.items())} if settled else {}
    if wrong:
        lines = ", ".join(f"{field}: {{unit: {unit}}}" for field, unit in wrong.items())
        remedy = f"Put this into the config: types: {{{known.type}: {{fields: {{{lines}}}}}}}"
        return Check(name, Outcome.WARN, text, remedy, settles=settles, config=config)
    if settled:
        return Check(name, Outcome.OK, text, settles=settles, config=config)
    remedy = "Run doctor again by day and with --watch 15m, while PV, load and battery have some power."
    return Check(name, Outcome.SKIP, text, remedy)


def _entry(known: DeviceType, field: str, unit: str) -> dict[str, str]:
    info = known.fields.get(field)
    return {"unit": unit} | ({"meaning": info.meaning} if info and info.meaning else {})


def _verdict(scales: list[Scale]) -> tuple[str, str]:
    """Return the unit, empty if it is not settled, and what was seen."""
    words = {one.word for one in scales if one.word}
    said = ", ".join(one.said for one in scales) or "nothing to compare with"
    if len(words) > 1:
        return "", f"{said}: the comparisons contradict each other"
    return (words.pop() if words else ""), said


def _by_product(power: str, products: list[list[str]], tracks: Sequence[Track]) -> Scale | None:
    ratios = []
    complete = False
    for rows in tracks:
        names = [spelled(name, [rows]) for name in (power, *(name for pair in products for name in pair))]
        known_names = [name for name in names if name is not None]
        if len(known_names) < len(names):
            continue
        complete = True
        for row in rows:
            numbers = values(known_names, row)
            if numbers is None:
                continue
            apparent = abs(sum(volts * amps for volts, amps in zip(numbers[1::2], numbers[2::2], strict=True)))
            if apparent >= _LEAST_VA:
                ratios.append(abs(numbers[0]) / apparent)
    return scale(ratios, _BY_VA, "V x A") if complete else None


def _by_energy(power: str, today: str, tracks: Sequence[Track]) -> Scale | None:
    ratios = []
    complete = False
    for rows in tracks:
        field, energy = spelled(power, [rows]), spelled(today, [rows])
        if field is None or energy is None:
            continue
        complete = True
        integral = grown = 0.0
        for before, after, seconds in steps(rows):
            more, ends = growth(energy, before, after), (before.numbers.get(field), after.numbers.get(field))
            if more is None or ends[0] is None or ends[1] is None:
                continue
            integral += abs(ends[0] + ends[1]) / 2 * seconds / 3600
            grown += more
            if grown >= _LEAST_KWH:
                ratios.append(integral / grown)
                integral = grown = 0.0
    return scale(ratios, _BY_ENERGY, f"the growth of {today} an hour") if complete else None
