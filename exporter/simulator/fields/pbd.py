"""The PBD reading: the 76 numeric and 2 text fields that the vendor documents, with their documented types."""

from exporter.simulator.answer import Reading
from exporter.simulator.device import FAULT_WORDS
from exporter.simulator.fields.shared import cell_average, cell_number, float32, hours
from exporter.simulator.fields.states import bms_state, fault_words, pbd_running_state
from exporter.simulator.plant import Measurement


def pbd(now: Measurement) -> Reading:
    """Return all fields in alphabetical order: int32 as integers, float with a 32-bit float's tail, double as it is.

    With a fault there are fault words behind them, which the vendor does not document for this type.
    """
    watts, battery, solar = now.watts, now.battery, now.solar
    today, total = now.kwh_today, now.kwh_total
    busy, ever = now.minutes_today, now.minutes_total
    bus = 680 if solar.volts else 620
    volts = int(solar.volts)
    string_watts, string_amps = solar.watts, [round(amps) for amps in solar.amps]
    limit = round(now.rated_watts / battery.volts)
    intake = int(max(watts.charge - watts.pv - watts.discharge, 0))
    output = int(watts.output)
    heat = round(now.inverter_temp)
    return {
        "bipvBuck1": string_amps[0],
        "bipvBuck2": string_amps[1],
        "bipvBuck3": string_amps[2],
        "bipvBuck4": string_amps[3],
        "bipvBuck5": string_amps[4],
        "bmsStatus": bms_state(battery),
        "bmsSystemStatus": 1,
        "bmsVoltStatus": 0,
        "bvbus": bus,
        "capacity": round(100 * battery.soc),
        "checkTime": float32(60.0),
        "deviceSn": now.sn,
        "ebatChargeTimeTotal": hours(ever.charge),
        "ebatChargeTotal": total.charge,
        "ebatDischargeTimeTotal": hours(ever.discharge),
        "ebatDischargeTotal": total.discharge,
        "echargeTimeToday": float32(busy.charge),
        "echargeToday": float32(today.charge),
        "edischargeTimeToday": float32(busy.discharge),
        "edischargeToday": float32(today.discharge),
        "epvTimeToday": float(busy.pv),
        "epvTimeTotal": hours(ever.pv),
        "epvToday": float32(today.pv),
        "epvTotal": total.pv,
        "ibat": round(battery.amps),
        "ipv": sum(string_amps),
        "ipv2dc": string_amps[1],
        "ipv3": string_amps[2],
        "ipv4": string_amps[3],
        "ipv5": string_amps[4],
        "maxChargeCurr": limit,
        "maxDischargeCurr": limit,
        "maxTemp": round(battery.temp_max),
        "maxTempGroup": cell_number(now, 8),
        "maxTempNum": cell_number(now, 24),
        "maxVolt": float32(battery.cell_max),
        "maxVoltCell": cell_number(now, 192),
        "maxVoltGroup": cell_number(now, 8),
        "maxVoltNum": cell_number(now, 24),
        "minTemp": round(battery.temp_min),
        "minTempGroup": cell_number(now, 8),
        "minTempNum": cell_number(now, 24),
        "minVolt": float32(battery.cell_min),
        "minVoltCell": cell_number(now, 192),
        "minVoltGroup": cell_number(now, 8),
        "minVoltNum": cell_number(now, 24),
        "mvpv": float32(cell_average(battery)),
        "outDailyDischarge": float32(today.output),
        "outInductanceCurr1": round(output / bus / 2),
        "outInductanceCurr2": round(output / bus / 2),
        "outInductanceTemp": heat + 3,
        "outPower": output,
        "outTemp": heat + 1,
        "outTotalDischarge": float32(total.output),
        "outi": round(output / bus),
        "outv": bus,
        "pac": output - intake,
        "pcsBatChargingPower": intake,
        "pcsOutputPower": output,
        "ppv": int(watts.pv),
        "ppv1": string_watts[0],
        "ppv2": string_watts[1],
        "ppv3": string_watts[2],
        "ppv4": string_watts[3],
        "ppv5": string_watts[4],
        "pvInductanceTemp": heat + 2,
        "pvTemp": heat,
        "runModel": 0,
        "status": pbd_running_state(now),
        "systemNo": 1,
        "temp": round(now.ambient_temp),
        "time": now.time,
        "vbat": round(battery.volts),
        "vpv": volts,
        "vpv2": volts,
        "vpv3": volts,
        "vpv4": volts,
        "vpv5": volts,
        **(fault_words(now, FAULT_WORDS["pbd"]) if now.faults else {}),
    }
