"""Groups of fields that the HPS and the PCS reading have in common, under the sibling platform's names."""

import math

from exporter.simulator.fields.values import direction
from exporter.simulator.jsontypes import Reading
from exporter.simulator.plant import Snapshot

_ROOT3 = math.sqrt(3)


def battery_fields(now: Snapshot) -> Reading:
    """Battery voltage, current, charge and limits. `bmsProtection` is null, as fields of absent parts are."""
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


def bus_fields(now: Snapshot) -> Reading:
    """The DC bus and its halves, V."""
    bus = 680.0 if now.solar.volts else 620.0
    return {"bvbus": bus, "bvbusNega": bus / 2, "bvbusPosi": bus / 2}


def load_fields(now: Snapshot) -> Reading:
    """Load power in W and kvar, power factor, and the A of each phase."""
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


def upkeep_fields(now: Snapshot, fault_words: int) -> Reading:
    """Temperatures, states and fault words (all clear); null for a sensor and a register that this device lacks."""
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


def line_volts(now: Snapshot) -> tuple[float, float, float]:
    """Phase-to-phase V: U to V, V to W, W to U."""
    u, v, w = now.mains.phases
    return round((u + v) / 2 * _ROOT3, 1), round((v + w) / 2 * _ROOT3, 1), round((w + u) / 2 * _ROOT3, 1)


def reactive(watts: float, factor: float) -> float:
    """kvar at an active power and a power factor."""
    return round(watts / 1000 * math.tan(math.acos(factor)), 2)


def apparent(watts: float, factor: float) -> float:
    """kVA at an active power and a power factor."""
    return round(watts / 1000 / factor, 2)
