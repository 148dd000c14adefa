"""What readings of several types share: groups of fields, under the sibling platform's names, and the form of values."""

import math
import struct

from exporter.simulator.answer import Reading
from exporter.simulator.plant import Battery, Measurement

_ROOT3 = math.sqrt(3)


def battery_fields(now: Measurement) -> Reading:
    """Return battery voltage, current, charge and limits. `bmsProtection` is null, as fields of absent parts are."""
    battery = now.battery
    limit = round(now.rated_watts / battery.volts, 1)
    return {
        "bmsProtection": None,
        "bmsStatus": direction(battery),
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
    """Return load power in W and kvar, power factor, and the A of each phase."""
    power, mains = now.watts.load, now.mains
    amps = [round(power / 3 / volts / mains.factor, 1) for volts in mains.phases]
    return {
        "loadActivePower": power,
        "loadIa": amps[0],
        "loadIb": amps[1],
        "loadIc": amps[2],
        "loadPf": mains.factor,
        "loadReactivePower": reactive(power, mains.factor),
    }


def upkeep_fields(now: Measurement, fault_words: int) -> Reading:
    """Return temperatures, states and fault words (all clear), and null for a sensor and a register that this device lacks."""
    heat = now.inverter_temp
    return {
        "dgGridPower": 0.0,
        "lost": False,
        "mvpv": now.solar.volts,
        "pf": now.mains.factor,
        "pfSymbol": 1,
        "selfTime": None,
        "status": 1,
        "temp1": heat,
        "temp2": round(heat + 1.4, 1),
        "temp3": round(heat + 2.1, 1),
        "temp4": now.ambient_temp,
        "temp5": round(heat - 1.2, 1),
        "temp6": None,
        "time": now.time,
        "typeFlag": 0,
        **{f"sysFaultWord{number}": 0 for number in range(1, fault_words + 1)},
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


def direction(battery: Battery) -> int:
    """Return -1 charging, 1 discharging, 0 neither: the state flag of the vendor's app."""
    return (battery.amps > 0) - (battery.amps < 0)


def run_model(now: Measurement) -> int:
    """Return a running mode: 1 on the grid, 0 without it. Made up."""
    return int(now.watts.imported > 0)


def cell_number(now: Measurement, count: int) -> int:
    """Return which of `count` cells, groups or packs is meant, counted from 1."""
    return 1 + int(now.chance.random() * count)
