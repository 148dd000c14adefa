"""The HPS readings.

Central type: the names that the sibling platform documents, with the fields that the vendor's page and public clients add
and in their spelling where it is known (`eloadToday`); in alphabetical order from `atsBypass` to `vpvwu`, as the vendor's
page says, which leaves out `alarmCode1` and `alarmCode2`. String type: of these (by analogy) what lies between
`bipvBuck1` and `vpvwn`, the ends that the page names. Meanings that the page gives for the HPS100HV and HPS150HV are
kept: `ppv1` is the total PV power, `ppv`, `ppv2` and `ppv3` the powers of PV1 to PV3. Made up among the others:
`bActivePower` is the power at the grid in W, positive while importing; `pac` is the battery's, positive while discharging.
"""

from exporter.simulator.answer import Reading
from exporter.simulator.device import FAULT_WORDS
from exporter.simulator.fields import shared
from exporter.simulator.plant import Measurement


def hps_central(now: Measurement) -> Reading:
    """Return the reading of an HPS of the central type, with `deviceSn`."""
    fields = _fields(now)
    return {name: fields[name] for name in sorted(fields)}


def hps_string(now: Measurement) -> Reading:
    """Return the reading of an HPS of the string type, with `deviceSn`."""
    amps = now.solar.amps
    bucks: Reading = {f"bipvBuck{number}": amps[number - 1] for number in range(1, 6)}
    fields = _fields(now) | bucks
    return {name: fields[name] for name in sorted(fields) if "bipvBuck1" <= name <= "vpvwn"}


def _fields(now: Measurement) -> Reading:
    return {
        "deviceSn": now.sn,
        **shared.battery_fields(now),
        **shared.bus_fields(now),
        **shared.load_fields(now),
        **shared.upkeep_fields(now, FAULT_WORDS["hps_central"]),
        **_inverter(now),
        **_solar(now),
        **_counters(now),
    }


def _inverter(now: Measurement) -> Reading:
    watts, mains, battery = now.watts, now.mains, now.battery
    output = watts.pv + watts.discharge - watts.charge
    u, v, w = mains.phases
    uv, vw, wu = shared.line_volts(now)
    return {
        "atsBypass": 1,
        "bActivePower": watts.imported - watts.exported,
        "bypassFreq": mains.hertz,
        "dgGridSelect": None,
        "fac": mains.hertz,
        "gridFreq": mains.hertz,
        "ibat": battery.amps,
        "ipva": round(output / 3 / u, 1),
        "ipvb": round(output / 3 / v, 1),
        "ipvc": round(output / 3 / w, 1),
        "pac": watts.discharge - watts.charge,
        "pac1": output,
        "pac2": shared.apparent(watts.load, mains.factor),
        "rac": shared.reactive(output, mains.factor),
        "runModel": 5,
        "runStatus": 1,
        "vbat": battery.volts,
        "vpvun": u,
        "vpvuv": uv,
        "vpvvn": v,
        "vpvvw": vw,
        "vpvwn": w,
        "vpvwu": wu,
    }


def _solar(now: Measurement) -> Reading:
    """Return three PV inputs: the first two take two strings each."""
    solar = now.solar
    first, second, third = sum(solar.watts[:2]), sum(solar.watts[2:4]), solar.watts[4]
    amps = [round(power / solar.volts, 1) if solar.volts else 0.0 for power in (first, second, third)]
    half = round(solar.volts / 2, 1)
    return {
        "bipvBuck3": amps[2],
        "iBuck3": amps[2],
        "iBuck4": 0.0,
        "iBuck5": 0.0,
        "ibuck1": amps[0],
        "ibuck2": amps[1],
        "ipv": round(sum(amps), 1),
        "ipv2": amps[1],
        "ppv": first,
        "ppv1": now.watts.pv,
        "ppv2": second,
        "ppv3": third,
        "pv1Volt": solar.volts,
        "pv2NegVolt": -half,
        "pv2Volt": solar.volts,
        "pv3NegVolt": -half,
        "pv3PosVolt": half,
        "pv3Volt": solar.volts,
        "vpv": half,
        "vpv2": -half,
        "vpv3": -half,
    }


def _counters(now: Measurement) -> Reading:
    """Return energies in kWh, times of the day in minutes, and those in total in hours."""
    today, total = now.kwh_today, now.kwh_total
    busy, ever = now.minutes_today, now.minutes_total
    return {
        "eGridTimeToday": busy.imported,
        "eGridTimeTotal": shared.hours(ever.imported),
        "eGridTotal": total.imported,
        "eLoadTimeToday": busy.load,
        "eLoadTimeTotal": shared.hours(ever.load),
        "eLoadTotal": total.load,
        "eToGridTimeToday": busy.exported,
        "eToGridTimeTotal": shared.hours(ever.exported),
        "eToGridTotal": total.exported,
        "ebatChargeTimeTotal": shared.hours(ever.charge),
        "ebatChargeTotal": total.charge,
        "ebatDischargeTimeTotal": shared.hours(ever.discharge),
        "ebatDischargeTotal": total.discharge,
        "echargeTimeToday": busy.charge,
        "echargeToday": today.charge,
        "edischargeTimeToday": busy.discharge,
        "edischargeToday": today.discharge,
        "egridToday": today.imported,
        "eloadToday": today.load,
        "epvTimeToday": busy.pv,
        "epvTimeTotal": shared.hours(ever.pv),
        "epvToday": today.pv,
        "epvTotal": total.pv,
        "etoGridToday": today.exported,
    }
