"""The physical side of a device: its size, and everything a meter could show at one instant.

All of it is made up to be plausible. Powers are watts, which the real API does not settle (see `fields`).
"""

import math
import random
from array import array
from dataclasses import dataclass
from datetime import date

from exporter.simulator.clock import Calendar
from exporter.simulator.device import SimDevice
from exporter.simulator.noise import digest
from exporter.simulator.pattern import DAYS, ENERGY_SCALE, STEPS, VARIANTS, Day, Flows, Pattern, pattern

_EPOCH = date(2018, 1, 1).toordinal()  # lifetime counters are not meant for dates before this
_CELLS = 192
_RATED_KW = {
    "pbd": (50, 75, 100),
    "pcs": (50, 100, 150),
    "hps_central": (100, 150),
    "hps_string": (30, 50),
    "bcu": (50, 75),
    "mbms": (100, 150, 200),
}


@dataclass(frozen=True, slots=True)
class Battery:
    """A battery: charge (0 to 1), V, A (positive while discharging), the extremes of its cells in V and degrees C."""

    soc: float
    volts: float
    amps: float
    cell_max: float
    cell_min: float
    temp_max: float
    temp_min: float


@dataclass(frozen=True, slots=True)
class Solar:
    """PV strings: W and A of each, and the V of all (0 in the dark)."""

    volts: float
    watts: tuple[int, ...]
    amps: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Mains:
    """The AC side: Hz, power factor, and the phase-to-neutral V of three phases."""

    hertz: float
    factor: float
    phases: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Measurement:
    """One device at one instant.

    `watts` are whole and balance exactly: pv + discharge + imported = load + charge + exported. Energies are kWh in
    steps of 0.1, times are whole minutes; `*_total` is what the counter showed at the day's start plus `*_today`.
    """

    sn: str
    time: str
    watts: Flows
    kwh_today: Flows
    kwh_total: Flows
    minutes_today: Flows
    minutes_total: Flows
    battery: Battery
    solar: Solar
    mains: Mains
    inverter_temp: float
    ambient_temp: float
    rated_watts: int
    #: Those that are reported, each as `word.bit`.
    faults: tuple[str, ...]
    chance: random.Random


class Plant:
    """One device's equipment. `seed` is the cloud's."""

    def __init__(self, seed: int, device: SimDevice) -> None:
        self._sn = device.sn
        self._faults = device.faults
        self._key = digest(seed, device.type, device.sn)
        chance = random.Random(self._key)
        self._pattern: Pattern = pattern(seed, chance.randrange(VARIANTS))
        self._rated = round(chance.choice(_RATED_KW[device.type]) * chance.uniform(900, 1100))
        self._age = chance.randrange(70)
        shares = [chance.uniform(0.9, 1.1) for _ in range(5)]
        self._string_shares = tuple(share / sum(shares) for share in shares)
        self._offset = chance.uniform(-2.0, 2.0)

    def measure(self, calendar: Calendar, timestamp: float) -> Measurement:
        """Return what a meter shows `timestamp` seconds after 1970-01-01 UTC."""
        moment = calendar.moment(timestamp)
        # Days repeat in step for all devices: the weather is everyone's. Only their age differs.
        rounds, number = divmod(moment.day - _EPOCH, DAYS)
        day = self._pattern.days[number]
        position = moment.share * STEPS
        step = min(int(position), STEPS - 1)
        part = position - step
        watts = self._watts(day, step, part)
        chance = random.Random(self._key ^ int(timestamp))
        kwh = self._kwh(day, step, part, rounds + self._age, number)
        minutes = self._minutes(day, step, part, rounds + self._age, number)
        effort = (watts.pv + watts.load) / (2 * self._rated)
        ambient = 26.0 + self._offset + 6.0 * math.cos((moment.share - 0.6) * 2 * math.pi)
        return Measurement(
            sn=self._sn,
            time=moment.text,
            watts=watts,
            kwh_today=kwh[0],
            kwh_total=kwh[1],
            minutes_today=minutes[0],
            minutes_total=minutes[1],
            battery=self._battery(_between(day.soc, step, part), watts, ambient, chance),
            solar=self._solar(watts.pv, chance),
            mains=Mains(
                round(50 + chance.uniform(-0.04, 0.04), 2),
                round(chance.uniform(0.97, 1.0), 3),
                (_phase_volts(chance), _phase_volts(chance), _phase_volts(chance)),
            ),
            inverter_temp=round(ambient + 4 + 30 * effort + chance.uniform(-0.3, 0.3), 1),
            ambient_temp=round(ambient, 1),
            rated_watts=self._rated,
            faults=self._faults,
            chance=chance,
        )

    def _watts(self, day: Day, step: int, part: float) -> Flows:
        pv, _, charge, discharge, imported, exported, _ = (
            round(_between(column, step, part) * self._rated) for column in day.power
        )
        # The load takes up what rounding each of the others leaves over, so that whole watts balance.
        load = pv + discharge + imported - charge - exported
        return Flows(pv, load, charge, discharge, imported, exported, max(pv + discharge - charge, 0))

    def _kwh(self, day: Day, step: int, part: float, rounds: int, number: int) -> tuple[Flows, Flows]:
        # Both today and the lifetime at midnight are cut to 0.1 kWh before they are added: the sum can't shrink at the
        # next midnight, when the two are cut as one.
        cut = ENERGY_SCALE // 10 * 1000
        before = self._pattern.energy_before
        lifetime = [(rounds * whole + done) * self._rated // cut for whole, done in zip(before[-1], before[number], strict=True)]
        today = [
            int(_between(energy, step, _energy_share(power, step, part)) * self._rated) // cut
            for energy, power in zip(day.energy, day.power, strict=True)
        ]
        return (
            Flows(*(value / 10 for value in today)),
            Flows(*((old + new) / 10 for old, new in zip(lifetime, today, strict=True))),
        )

    def _minutes(self, day: Day, step: int, part: float, rounds: int, number: int) -> tuple[Flows, Flows]:
        before = self._pattern.seconds_before
        today = [int(_between(column, step, part)) // 60 for column in day.seconds]
        lifetime = [(rounds * whole + done) // 60 for whole, done in zip(before[-1], before[number], strict=True)]
        return Flows(*today), Flows(*(old + new for old, new in zip(lifetime, today, strict=True)))

    def _battery(self, soc: float, watts: Flows, ambient: float, chance: random.Random) -> Battery:
        power = watts.discharge - watts.charge
        strain = abs(power) / self._rated
        # Lithium iron phosphate: nearly flat, and sagging a little under load.
        cell = 3.10 + 0.28 * soc - 0.04 * power / self._rated
        volts = round(cell * _CELLS, 1)
        warmth = ambient + 2 + 8 * strain
        return Battery(
            soc=soc,
            volts=volts,
            amps=round(power / volts, 1),
            cell_max=round(cell + chance.uniform(0.004, 0.02), 3),
            cell_min=round(cell - chance.uniform(0.004, 0.02), 3),
            temp_max=round(warmth + chance.uniform(0.5, 2.0), 1),
            temp_min=round(warmth - chance.uniform(0.5, 2.0), 1),
        )

    def _solar(self, watts: float, chance: random.Random) -> Solar:
        if not watts:
            return Solar(0.0, (0,) * 5, (0.0,) * 5)
        volts = round(590 + 40 * watts / self._rated + chance.uniform(-8, 8), 1)
        strings = [int(watts * share) for share in self._string_shares[:-1]]
        strings.append(int(watts) - sum(strings))
        return Solar(volts, tuple(strings), tuple(round(string / volts, 1) for string in strings))


def _between(column: "array[int] | array[float]", step: int, part: float) -> float:
    return column[step] + part * (column[step + 1] - column[step])


def _energy_share(power: "array[float]", step: int, part: float) -> float:
    """Return how much of a step's energy has flown after `part` of its time, the power running straight from start to end."""
    start, end = power[step], power[step + 1]
    whole = start + end
    return part * (2 * start + part * (end - start)) / whole if whole else 0.0


def _phase_volts(chance: random.Random) -> float:
    return round(230 + chance.uniform(-3, 3), 1)
