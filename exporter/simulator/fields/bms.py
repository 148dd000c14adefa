"""The BCU and MBMS readings. The vendor's index names these endpoints, but no page shows their fields.

Everything here is made up by analogy: the battery fields that PBD and HPS readings have, under the same names.
"""

from exporter.simulator.answer import Reading
from exporter.simulator.fields.shared import cell_number
from exporter.simulator.fields.states import bms_state
from exporter.simulator.plant import Measurement


def bcu(now: Measurement) -> Reading:
    """Return one battery control unit: its battery's charge, voltage, current, and extreme cells. Made up by analogy."""
    battery = now.battery
    limit = round(now.rated_watts / battery.volts, 1)
    return {
        "bmsProtection": None,
        "bmsStatus": bms_state(battery),
        "bmsSystemStatus": 1,
        "bmsVoltStatus": 0,
        "capacity": round(100 * battery.soc),
        "deviceSn": now.sn,
        "ebatChargeTotal": now.kwh_total.charge,
        "ebatDischargeTotal": now.kwh_total.discharge,
        "echargeToday": now.kwh_today.charge,
        "edischargeToday": now.kwh_today.discharge,
        "ibat": battery.amps,
        "lost": False,
        "maxChargeCurr": limit,
        "maxDischargeCurr": limit,
        "maxTemp": battery.temp_max,
        "maxTempGroup": cell_number(now, 8),
        "maxTempNum": cell_number(now, 24),
        "maxVolt": battery.cell_max,
        "maxVoltCell": cell_number(now, 192),
        "maxVoltGroup": cell_number(now, 8),
        "maxVoltNum": cell_number(now, 24),
        "minTemp": battery.temp_min,
        "minTempGroup": cell_number(now, 8),
        "minTempNum": cell_number(now, 24),
        "minVolt": battery.cell_min,
        "minVoltCell": cell_number(now, 192),
        "minVoltGroup": cell_number(now, 8),
        "minVoltNum": cell_number(now, 24),
        "status": 1,
        "temp": now.ambient_temp,
        "time": now.time,
        "vbat": battery.volts,
    }


def mbms(now: Measurement) -> Reading:
    """Return a master of several BCUs: the same for the whole battery, and its number in the system. Made up by analogy."""
    return bcu(now) | {"systemNo": 1}
