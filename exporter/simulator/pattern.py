"""Two weeks of sun, load, battery and grid, per kW of rated power: what all readings are made from.

A device's life is these days over and over, so a lifetime counter at any date is a product and two look-ups, however
long ago the device started. Everything here is made up to be plausible; nothing is measured.
"""

import math
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import NamedTuple

from exporter.simulator.noise import smooth, unit

DAYS = 14
STEPS = 288
VARIANTS = 8
HOURS = 24 / STEPS
ENERGY_SCALE = 1_000_000
CHARGE_EFFICIENCY = 0.95

_FULL, _EMPTY = 0.95, 0.15
_SUNSET_STEP = STEPS * 18 // 24


class Flows(NamedTuple):
    """One number for each way that energy goes. `output` is what leaves the DC side: PV + discharge - charge, if positive."""

    pv: float
    load: float
    charge: float
    discharge: float
    imported: float
    exported: float
    output: float


@dataclass(frozen=True)
class Day:
    """One day in `STEPS` equal steps, for a device of 1 kW: everything at the start of each step and at the day's end.

    `power` is kW, and runs straight from one value to the next. `energy` and `seconds` (how long a flow ran) count from
    midnight. Energy is whole 1/`ENERGY_SCALE` kWh, so that sums are exact. `soc` is the state of charge, 0 to 1.
    """

    power: tuple["array[float]", ...]
    energy: tuple["array[int]", ...]
    seconds: tuple["array[int]", ...]
    soc: "array[float]"


@dataclass(frozen=True)
class Pattern:
    """The days that repeat, with the counters (as in `Day`) at each day's start from the beginning of the pattern.

    `hours` is how long rated power takes to fill the battery.
    """

    hours: float
    days: tuple[Day, ...]
    energy_before: tuple[tuple[int, ...], ...]
    seconds_before: tuple[tuple[int, ...], ...]


@lru_cache(maxsize=64)
def pattern(seed: int, variant: int) -> Pattern:
    """Return the pattern of one of `VARIANTS` kinds of customer. All kinds live under the same sky, that of `seed`."""
    hours = 2.0 + 2.0 * unit(seed, "hours", variant)
    days = tuple(_day(seed, variant, number, hours) for number in range(DAYS))
    return Pattern(
        hours,
        days,
        _before([tuple(column[-1] for column in day.energy) for day in days]),
        _before([tuple(column[-1] for column in day.seconds) for day in days]),
    )


def _before(totals: list[tuple[int, ...]]) -> tuple[tuple[int, ...], ...]:
    """Return the sums of all totals before each one, and of all of them at the end."""
    columns = [tuple(accumulate(column, initial=0)) for column in zip(*totals, strict=True)]
    return tuple(zip(*columns, strict=True))


def _day(seed: int, variant: int, number: int, hours: float) -> Day:
    pv = [_sun(seed, number, step) for step in range(STEPS + 1)]
    load = [_load(seed, variant, number, step) for step in range(STEPS + 1)]
    midnight = hours * _midnight_soc(seed, variant, number)
    goal = hours * _midnight_soc(seed, variant, (number + 1) % DAYS)
    drains = _drains(pv, load, midnight, goal, hours)
    stored = accumulate((-HOURS * mean for mean in _means(drains)), initial=midnight)
    battery = [drain if drain > 0 else drain / CHARGE_EFFICIENCY for drain in drains]
    columns = list(zip(*map(_flows, pv, load, battery), strict=True))
    return Day(
        tuple(array("d", column) for column in columns),
        tuple(array("q", _counter(round(mean * HOURS * ENERGY_SCALE) for mean in _means(column))) for column in columns),
        tuple(array("q", _counter(86400 // STEPS * (mean > 0) for mean in _means(column))) for column in columns),
        array("d", (energy / hours for energy in stored)),
    )


def _means(values: Sequence[float]) -> Iterator[float]:
    """Return the mean of each step, from the values at its two ends."""
    return ((one + two) / 2 for one, two in pairwise(values))


def _counter(steps: Iterable[int]) -> list[int]:
    return list(accumulate(steps, initial=0))


def _sun(seed: int, number: int, step: int) -> float:
    """Return PV power: a clear-sky bell from 06:00 to 18:00, under clouds that pass in some twenty minutes."""
    hour = step * HOURS
    if not 6 < hour < 18:
        return 0.0
    cloudiness = 0.8 * unit(seed, "weather", number) ** 2
    passing = smooth(hour * 3, seed, "clouds", number)
    return 0.92 * math.pow(math.sin(math.pi * (hour - 6) / 12), 1.3) * (1 - cloudiness * passing)


def _load(seed: int, variant: int, number: int, step: int) -> float:
    """Return load: a base, a morning and an evening peak, and appliances that come and go."""
    hour = step * HOURS
    peaks = 0.35 * math.exp(-(((hour - 7.5) / 1.5) ** 2)) + 0.5 * math.exp(-(((hour - 19.5) / 2.0) ** 2))
    size = 0.5 + 0.6 * unit(seed, "size", variant)
    return size * (0.22 + peaks) * (0.85 + 0.3 * smooth(hour * 2, seed, "appliances", variant, number))


def _midnight_soc(seed: int, variant: int, number: int) -> float:
    return 0.40 + 0.15 * unit(seed, "midnight", variant, number)


def _drains(pv: list[float], load: list[float], midnight: float, goal: float, hours: float) -> list[float]:
    """Return how fast the stored energy shrinks, kW: what is discharged, or less than nothing while charging.

    Until 18:00 the battery takes the surplus and covers the lack. After that it is emptied (or filled) in step with the
    load, so that it holds `goal` at midnight: the next day's start is known without living through this one.
    """
    limit = hours / 2
    drains = [load[0] - pv[0]]
    stored = midnight
    for sun, use in zip(pv[1 : _SUNSET_STEP + 1], load[1 : _SUNSET_STEP + 1], strict=True):
        lack = use - sun
        wanted = lack if lack > 0 else lack * CHARGE_EFFICIENCY
        # Half of the step before is already at the new power; what is left at its end must last for one step more.
        most = ((stored - _EMPTY * hours) / HOURS - drains[-1] / 2) / 1.5
        least = -((_FULL * hours - stored) / HOURS + drains[-1] / 2) / 1.5
        drain = max(min(wanted, limit, most), -limit, least)
        stored -= HOURS * (drains[-1] + drain) / 2
        drains.append(drain)
    evening = load[_SUNSET_STEP + 1 :]
    spare = ((stored - goal) / HOURS - drains[-1] / 2) / (sum(evening) - evening[-1] / 2)
    return drains + [spare * use for use in evening]


def _flows(pv: float, load: float, battery: float) -> Flows:
    grid = load - pv - battery
    # Differences below a milliwatt per kW are the rounding of a battery that follows the load exactly.
    if abs(grid) < 1e-6:
        grid = 0.0
    return Flows(pv, load, max(-battery, 0.0), max(battery, 0.0), max(grid, 0.0), max(-grid, 0.0), max(pv + battery, 0.0))
