"""The Device dashboard: everything about the few devices that are chosen."""

from collections.abc import Callable

from grafana_foundation_sdk.models import dashboard as models

from grafana.frame import Section, datasource, device, device_type, frame, job, limit, power_unit
from grafana.panels import Column, Panel, Query, lines, rows, states
from grafana.queries import DEVICES, STATE, STATE_WORDS, about, age, metric, power, reading, shown, source

_SN = "{{type}} {{deviceSn}}"
_NO_FIELD = "The chosen devices do not report this"
_AS_CHOSEN = "In the unit that you chose above."
_SIGN = "Which sign means which direction is not documented."

_PV_VOLTS = ("vpv", "vpv2", "vpv3", "vpv4", "vpv5", "pv1Volt", "pv2Volt", "pv3Volt")
_PV_AMPERES = ("ipv", "ipv2", "ipv2dc", "ipv3", "ipv4", "ipv5")
_PV_POWERS = ("ppv", "ppv1", "ppv2", "ppv3", "ppv4", "ppv5")
_GRID_POWERS = ("pacToGrid", "powerGird", "toPowerGird", "dgGridPower")
_OUTPUT_POWERS = ("pac", "pcsActivePower", "outPower", "pcsOutputPower")
_BATTERY_POWERS = ("pacToBattery", "pcsBatChargingPower", "bActivePower")
_TEMPERATURES = (
    "temp",
    *(f"temp{number}" for number in range(1, 6)),
    "outTemp",
    "pvTemp",
    "outInductanceTemp",
    "pvInductanceTemp",
)
_FREQUENCIES = ("gridFreq", "fac", "vacFrequency", "bypassFreq")

#: What is counted, and how the types spell it: by the day, and in total.
_ENERGIES = (
    ("PV", ("epvToday",), ("epvTotal",)),
    ("load", ("eloadToday", "loadToday"), ("eLoadTotal", "loadTotal")),
    ("grid", ("egridToday", "gridToday"), ("eGridTotal", "gridTotal")),
    ("fed in", ("etoGridToday", "toGridToday"), ("eToGridTotal", "toGridTotal")),
    ("charged", ("echargeToday", "eChargeToday"), ("ebatChargeTotal", "eBatChargeTotal", "eChargeTotal")),
    ("discharged", ("edischargeToday", "eDischargeToday"), ("ebatDischargeTotal", "eBatDischargeTotal", "eDischargeTotal")),
)
_PCS_UNIT = "Where a PCS has no settled unit, kWh is assumed."


def device_dashboard() -> models.Dashboard:
    variables = [datasource(), job(), device_type(), device(), power_unit(), limit()]
    sections = [_state(), _pv(), _battery(), _grid(), _temperatures(), _energy()]
    text = "Everything about the devices that you choose above. A gap in a line is a time for which there is no reading."
    return frame("atess-device", "ATESS Device", text, variables, sections)


def _state() -> Section:
    return "State", [
        states(
            "State over time",
            "Whether there are fresh values of the device, and if not, why. Nothing is drawn where the exporter was down.",
            [Query(shown(STATE), _SN)],
            STATE_WORDS,
            none="No devices",
        ),
        states(
            "Status as the device says",
            f"{source('status')} What a number stands for differs with the type: the metric's HELP says it.",
            [Query(shown(reading("status")), _SN)],
            width=12,
            none=_NO_FIELD,
        ),
        lines(
            "Age of the data",
            "How long ago, by the device's own clock, its latest reading was taken. Needs `api.timezone` in the exporter's "
            "config. Goes on growing while values are stale.",
            "s",
            [Query(shown(age("atess_device_data_timestamp_seconds")), _SN)],
            height=7,
            low=0,
            steps=((None, "green"), (900, "yellow"), (3600, "red")),
            none="The exporter has no api.timezone",
        ),
        rows(
            "Devices",
            "What the config and the lists of the data loggers say of the devices, how often each is asked, and when "
            "that last worked.",
            [
                Column("Info", shown(f"max without (job, instance) (atess_device_info{{{DEVICES}}})"), hidden=True),
                Column("Interval", shown(about("atess_device_poll_interval_seconds")), "s"),
                Column("Last usable reading", shown(age("atess_device_last_success_timestamp_seconds")), "s"),
            ],
            [("type", "Type"), ("deviceSn", "Device")],
            none="No devices",
            height=7,
        ),
    ]


def _pv() -> Section:
    return "PV inputs", [
        _each("PV power", _AS_CHOSEN, "watt", _PV_POWERS, power, width=24),
        _each("PV voltage", "Some models give a half of their bus, or its negative side.", "volt", _PV_VOLTS),
        _each("PV current", "", "amp", _PV_AMPERES),
        lines(
            "Does the power unit fit?",
            "ppv, in the unit that you chose above, beside vpv times ipv, which are in volts and amperes. Where the choice is "
            "wrong the two are a factor of about 1,000 apart; a factor of a few is a matter of how the inputs are wired.",
            "watt",
            [
                Query(shown(power("ppv")), f"{_SN} ppv as chosen"),
                Query(shown(f"abs({reading('vpv')}) * {reading('ipv')}"), f"{_SN} vpv * ipv"),
            ],
            width=24,
            none=_NO_FIELD,
        ),
    ]


def _battery() -> Section:
    return "Battery", [
        _one("State of charge", "", "percent", ("capacity",), low=0, high=100),
        lines(
            "Battery power",
            f"Voltage times current, so it does not depend on the power unit. {_SIGN} {source('vbat', 'ibat')}",
            "watt",
            [Query(shown(f"{reading('vbat')} * {reading('ibat')}"), _SN)],
            none=_NO_FIELD,
        ),
        _one("Battery voltage", "", "volt", ("vbat",), width=8),
        _each(
            "Battery current",
            f"With the limits that the device reports. {_SIGN}",
            "amp",
            ("ibat", "maxChargeCurr", "maxDischargeCurr"),
            width=8,
        ),
        _each("Battery power as reported", f"{_AS_CHOSEN} {_SIGN}", "watt", _BATTERY_POWERS, power, width=8),
        _each("Highest and lowest cell voltage", "", "volt", ("maxVolt", "minVolt")),
        lines(
            "Spread of cell voltages",
            f"Highest cell voltage minus lowest. The line is for orientation only. {source('maxVolt', 'minVolt')}",
            "volt",
            [Query(shown(f"{reading('maxVolt')} - {reading('minVolt')}"), _SN)],
            low=0,
            steps=((None, "green"), (0.3, "red")),
            none=_NO_FIELD,
        ),
        rows(
            "Where the extreme cells are",
            "Numbers of cell and group as the device gives them. "
            + source("maxVoltGroup", "maxVoltCell", "minVoltGroup", "minVoltCell", "maxTempGroup", "minTempGroup"),
            [
                Column(title, shown(reading(field)))
                for title, field in (
                    ("Highest voltage: group", "maxVoltGroup"),
                    ("cell", "maxVoltCell"),
                    ("Lowest voltage: group", "minVoltGroup"),
                    ("its cell", "minVoltCell"),
                    ("Highest temperature: group", "maxTempGroup"),
                    ("Lowest temperature: group", "minTempGroup"),
                )
            ],
            [("type", "Type"), ("deviceSn", "Device")],
            none=_NO_FIELD,
            height=6,
        ),
    ]


def _grid() -> Section:
    return "Grid, load and output", [
        _one("Load power", _AS_CHOSEN, "watt", ("loadActivePower",), power),
        _each("Grid power", f"{_AS_CHOSEN} Gird is the API's own spelling. {_SIGN}", "watt", _GRID_POWERS, power),
        _each(
            "Output power",
            f"{_AS_CHOSEN} What `pac` stands for differs with the model, and is not documented.",
            "watt",
            _OUTPUT_POWERS,
            power,
        ),
        _each(
            "Apparent power",
            "In kVA by the vendor's documents.",
            "kvoltamp",
            ("loadApparentPower", "outApparentPower", "bApparentPower"),
        ),
        _each("Load current", "", "amp", ("loadIa", "loadIb", "loadIc")),
        _each("Output voltage", "", "volt", ("vacuv", "vacvw", "vacwu", "outv", "vpvuv", "vpvvw", "vpvwu")),
        _each("Frequency", "", "hertz", _FREQUENCIES),
        _each("Power factor", "", "none", ("pf", "loadPf")),
    ]


def _temperatures() -> Section:
    return "Temperatures", [
        _each("Highest and lowest battery temperature", "", "celsius", ("maxTemp", "minTemp")),
        _each("Other temperatures", "What temp1 to temp5 are is not documented.", "celsius", _TEMPERATURES),
    ]


def _energy() -> Section:
    today = tuple(field for _, fields, _ in _ENERGIES for field in fields)
    total = tuple(field for _, _, fields in _ENERGIES for field in fields)
    return "Energy", [
        lines(
            "Energy of the day",
            f"The devices' own daily counters, which begin at 0 at their midnight. {_PCS_UNIT} {source(*today)}",
            "kwatth",
            [Query(shown(reading(*fields)), f"{_SN} {word}") for word, fields, _ in _ENERGIES],
            low=0,
            none=_NO_FIELD,
        ),
        lines(
            "Energy by lifetime counters, per hour",
            f"How much the lifetime counters grew in the last hour. {_PCS_UNIT} {source(*total)}",
            "kwatth",
            [Query(shown(_DEVICE_INCREASE % _increases(*fields)), f"{_SN} {word}") for word, _, fields in _ENERGIES],
            low=0,
            none=_NO_FIELD,
        ),
        rows(
            "Lifetime energy",
            f"The devices' lifetime counters. {_PCS_UNIT} {source(*total)}",
            [Column(word, shown(reading(*fields)), "kwatth") for word, _, fields in _ENERGIES],
            [("type", "Type"), ("deviceSn", "Device")],
            none=_NO_FIELD,
            height=7,
        ),
    ]


_DEVICE_INCREASE = "max by (type, deviceSn) (%s)"


def _increases(*fields: str) -> str:
    """Return how much a counter grew in an hour, from whichever of `fields` the device has."""
    return " or ".join(f"increase({metric(field)}{{{DEVICES}}}[1h])" for field in fields)


def _one(
    title: str,
    text: str,
    unit: str,
    fields: tuple[str, ...],
    expr: Callable[..., str] = reading,
    *,
    width: int = 12,
    low: float | None = None,
    high: float | None = None,
) -> Panel:
    """A line for each device."""
    about = f"{text} {source(*fields)}".strip()
    return lines(title, about, unit, [Query(shown(expr(*fields)), _SN)], width=width, low=low, high=high, none=_NO_FIELD)


def _each(
    title: str, text: str, unit: str, fields: tuple[str, ...], expr: Callable[..., str] = reading, *, width: int = 12
) -> Panel:
    """A line for each device and field; the legend says which field, since what it means is often only its name."""
    about = f"{text} {source(*fields)}".strip()
    return lines(
        title, about, unit, [Query(shown(expr(field)), f"{_SN} {field}") for field in fields], width=width, none=_NO_FIELD
    )
