"""What readings of several types share: groups of fields, under the sibling platform's names, and the form of values."""

import math
import struct

from exporter.simulator.answer import Reading
from exporter.simulator.fields.states import bms_state, fault_words, running_state
from exporter.simulator.plant import Battery, Measurement

_ROOT3 = math.sqrt(3)


def battery_fields(now: Measurement) -> Reading:
    """Return battery voltage, current, charge and limits. `bmsProtection` is null, as fields of absent parts are."""
    battery = now.battery
    limit = round(now.rated_watts / battery.volts, 1)
    return {
        "bmsProtection": None,
        "bmsStatus": bms_state(battery),
        "bmsVoltStatus": 0,
        "capacity": round(100 * battery.soc),
        "maxChargeCurr": limit,
        "maxDischargeCurr": limit,
        "maxTemp": battery.temp_max,
        "maxVolt": battery.cell_max,
        "minTemp": battery.temp_min,
        "minVolt": battery.cell_min,
    }


def bus_fields(now: Measurement) -> Reading:
    """Return the DC bus and its halves, V."""
    bus = 680.0 if now.solar.volts else 620.0
    return {"bvbus": bus, "bvbusNega": bus / 2, "bvbusPosi": bus / 2}


def load_fields(now: Measurement) -> Reading:
    """Return load power in W and kvar, power factor in per cent, and the A of each phase."""
    power, mains = now.watts.load, now.mains
    amps = [round(power / 3 / volts / mains.factor, 1) for volts in mains.phases]
    return {
        "loadActivePower": power,
        "loadIa": amps[0],
        "loadIb": amps[1],
        "loadIc": amps[2],
        "loadPf": round(100 * mains.factor, 1),
        "loadReactivePower": reactive(power, mains.factor),
    }


def upkeep_fields(now: Measurement, words: int) -> Reading:
    """Return temperatures, states and fault words."""
    heat = now.inverter_temp
    return {
        "dgGridPower": 0.0,
        "lost": False,
        "mvpv": cell_average(now.battery),
        "pf": now.mains.factor,
        "pfSymbol": 1,
        "selfTime": 60,
        "status": running_state(now),
        "temp1": heat,
        "temp2": round(heat + 1.4, 1),
        "temp3": round(heat + 2.1, 1),
        "temp4": round(heat + 0.7, 1),
        "temp5": round(heat - 1.2, 1),
        "temp6": now.ambient_temp,
        "time": now.time,
        "typeFlag": 0,
        **fault_words(now, words),
    }


def line_volts(now: Measurement) -> tuple[float, float, float]:
    """Return phase-to-phase V: U to V, V to W, W to U."""
    u, v, w = now.mains.phases
    return round((u + v) / 2 * _ROOT3, 1), round((v + w) / 2 * _ROOT3, 1), round((w + u) / 2 * _ROOT3, 1)


def reactive(watts: float, factor: float) -> float:
    """Return kvar at an active power and a power factor."""
    return round(watts / 1000 * math.tan(math.acos(factor)), 2)


def apparent(watts: float, factor: float) -> float:
    """Return kVA at an active power and a power factor."""
    return round(watts / 1000 / factor, 2)


def float32(value: float) -> float:
    """Return `value` as a 32-bit float widened to 64: the long tails of the API's `float` fields (2.3 -> 2.299999952…)."""
    widened: float = struct.unpack("<f", struct.pack("<f", value))[0]
    return widened


def cell_average(battery: Battery) -> float:
    """Return the average cell voltage, V: what `mvpv` probably is."""
    return round((battery.cell_max + battery.cell_min) / 2, 3)


def hours(minutes: float) -> float:
    """Return a time in hours, as the totals have it."""
    return round(minutes / 60, 1)


def cell_number(now: Measurement, count: int) -> int:
    """Return which of `count` cells, groups or packs is meant, counted from 1."""
    return 1 + int(now.chance.random() * count)
