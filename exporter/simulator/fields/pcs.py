"""The PCS reading: the names that the sibling platform documents, in its spelling (`powerGird`).

Battery (`bvpv`, `bipv`), bypass and phase voltages are as in the vendor's device protocol; other meanings are made up.

`powerGird` is the W taken from the grid and `toPowerGird` the W given to it; `pacToGrid` and `pacToBattery` are the same
flows with a sign. Names that begin with `b` are taken for the bypass, which carries the imported power.
"""

from exporter.simulator.answer import Reading
from exporter.simulator.device import FAULT_WORDS
from exporter.simulator.fields import shared
from exporter.simulator.plant import Measurement


def pcs(now: Measurement) -> Reading:
    """Return the reading of a PCS, with `deviceSn`, in alphabetical order."""
    fields: Reading = {
        "deviceSn": now.sn,
        **shared.battery_fields(now),
        **shared.bus_fields(now),
        **shared.load_fields(now),
        **shared.upkeep_fields(now, FAULT_WORDS["pcs"]),
        **_bypass(now),
        **_output(now),
        **_counters(now),
    }
    return {name: fields[name] for name in sorted(fields)}


def _bypass(now: Measurement) -> Reading:
    power, mains = now.watts.imported, now.mains
    u, v, w = mains.phases
    uv, vw, wu = shared.line_volts(now)
    return {
        "atsBypass": int(power > 0),
        "bActivePower": power,
        "bApparentPower": shared.apparent(power, mains.factor),
        "bReactivePower": shared.reactive(power, mains.factor),
        "bipv": now.battery.amps,
        "bipvu": round(power / 3 / u, 1),
        "bipvv": round(power / 3 / v, 1),
        "bipvw": round(power / 3 / w, 1),
        "bvpv": now.battery.volts,
        "bvpvuv": uv,
        "bvpvvw": vw,
        "bvpvwu": wu,
        "bypassFreq": mains.hertz,
        "gridFreq": mains.hertz,
    }


def _output(now: Measurement) -> Reading:
    watts, mains = now.watts, now.mains
    u, v, w = mains.phases
    uv, vw, wu = shared.line_volts(now)
    output = watts.pv + watts.discharge - watts.charge
    return {
        "alarmCode1": 0,
        "alarmCode2": 0,
        "electricState": 1,
        "gfdi1": 0.0,
        "gfdi2": 0.0,
        "i1a": round(output / 3 / u, 1),
        "i1b": round(output / 3 / v, 1),
        "i1c": round(output / 3 / w, 1),
        "loadApparentPower": shared.apparent(watts.load, mains.factor),
        "outApparentPower": shared.apparent(abs(output), mains.factor),
        "outReactivePower": shared.reactive(output, mains.factor),
        "pacToBattery": watts.charge - watts.discharge,
        "pacToGrid": watts.exported - watts.imported,
        "pcsActivePower": output,
        "powerGird": watts.imported,
        "ppv": watts.pv,
        "pvEnergy": now.kwh_today.pv,
        "risoBatn": 1500.0,
        "risoBatp": 1500.0,
        "toPowerGird": watts.exported,
        "vacFrequency": mains.hertz,
        "vacu": u,
        "vacuv": uv,
        "vacv": v,
        "vacvw": vw,
        "vacw": w,
        "vacwu": wu,
        "vpvuv": u,
        "vpvvw": v,
        "vpvwu": w,
    }


def _counters(now: Measurement) -> Reading:
    """Return energies in kWh, times of the day in minutes, and those in total in hours."""
    today, total = now.kwh_today, now.kwh_total
    busy, ever = now.minutes_today, now.minutes_total
    return {
        "eChargeTimeToday": busy.charge,
        "eChargeTimeTotal": shared.hours(ever.charge),
        "eChargeToday": today.charge,
        "eChargeTotal": total.charge,
        "eDischargeTimeToday": busy.discharge,
        "eDischargeTimeTotal": shared.hours(ever.discharge),
        "eDischargeToday": today.discharge,
        "eDischargeTotal": total.discharge,
        "gridTimeToday": busy.imported,
        "gridTimeTotal": shared.hours(ever.imported),
        "gridToday": today.imported,
        "gridTotal": total.imported,
        "loadTimeToday": busy.load,
        "loadTimeTotal": shared.hours(ever.load),
        "loadToday": today.load,
        "loadTotal": total.load,
        "toGridTimeToday": busy.exported,
        "toGridTimeTotal": shared.hours(ever.exported),
        "toGridToday": today.exported,
        "toGridTotal": total.exported,
    }
