"""The Device dashboard: everything about the few devices that are chosen."""

from collections.abc import Callable

from grafana_foundation_sdk.models import dashboard as models

from grafana.faults import NEW_OF_EACH, faults_of_each
from grafana.frame import Section, datasource, device, device_type, exporter_url, frame, job, limit, site
from grafana.panels import Panel, Query, lines, states
from grafana.power import BATTERY_AMPERES, BATTERY_VOLTS, PAC_OF_BATTERY, fits_of_each, power, power_units
from grafana.queries import INFO, STATE, STATE_WORDS, about, age, each, possible, reading, shown, source
from grafana.tables import DEVICE, Column, rows
from grafana.words import state_evidence, state_words

_SN = "{{type}} {{deviceSn}}"
_NO_FIELD = "The chosen devices do not report this"
_AS_CHOSEN = "In the unit that you chose above."
_SIGN = "Which sign means which direction is not documented."

_PV_VOLTS = ("vpv", "vpv2", "vpv3", "vpv4", "vpv5", "pv1Volt", "pv2Volt", "pv3Volt")
_PV_AMPERES = ("ipv", "ipv2", "ipv2dc", "ipv3", "ipv4", "ipv5")
_PV_POWERS = ("ppv", "ppv1", "ppv2", "ppv3", "ppv4", "ppv5")
_GRID_POWERS = ("bActivePower", "pacToGrid", "powerGird", "toPowerGird", "dgGridPower")
_OUTPUT_POWERS = ("pcsActivePower", "outPower", "pcsOutputPower")
_BATTERY_POWERS = ("pacToBattery", "pcsBatChargingPower")
_TEMPERATURES = (
    "temp",
    *(f"temp{number}" for number in range(1, 7)),
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
    ("grid", ("egridToday",), ("eGridTotal",)),
    ("fed in", ("etoGridToday",), ("eToGridTotal",)),
    ("PCS grid", ("gridToday",), ("gridTotal",)),
    ("PCS to grid", ("toGridToday",), ("toGridTotal",)),
    ("charged", ("echargeToday", "eChargeToday"), ("ebatChargeTotal", "eBatChargeTotal", "eChargeTotal")),
    ("discharged", ("edischargeToday", "eDischargeToday"), ("ebatDischargeTotal", "eBatDischargeTotal", "eDischargeTotal")),
)
_PCS = (
    "The load's unit of a PCS is not settled: kWh is assumed. Nor is it which of its two grid counters is which direction: "
    "compare them with the meter."
)

#: Fields of which real answers have numbers that cannot be, beside temperatures.
_DOUBTED = ("capacity", "maxVolt", "minVolt", "maxTemp", "minTemp")


def device_dashboard() -> models.Dashboard:
    variables = [datasource(), job(), site(), device_type(), device(), *power_units(), limit(), exporter_url()]
    sections = [_state(), faults_of_each((*_DOUBTED, *_TEMPERATURES)), _pv(), _battery(), _grid(), _temperatures(), _energy()]
    text = "Everything about the devices that you choose above. A gap in a line is a time for which there is no reading."
    return frame("atess-device", "ATESS Device", text, variables, sections, [NEW_OF_EACH])


def _state() -> Section:
    return "State", [
        states(
            "State over time",
            "Whether there are fresh values of the device, and if not, why. Nothing is drawn where the exporter was down.",
            [Query(shown(STATE), _SN, STATE_WORDS)],
            none="No devices",
        ),
        _words("What it is doing", "The running state that the device reports.", "status"),
        _words("Operation mode", "The mode that the device runs in.", "runModel"),
        _words("Battery state", "What the battery's management system says.", "bmsStatus"),
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
                Column("Info", shown(INFO), hidden=True),
                Column("Interval", shown(about("atess_device_poll_interval_seconds")), "s"),
                Column("Last usable reading", shown(age("atess_device_last_success_timestamp_seconds")), "s"),
            ],
            DEVICE,
            none="No devices",
            height=7,
        ),
    ]


def _pv() -> Section:
    return "PV inputs", [
        _each("PV power", _AS_CHOSEN, "watt", _PV_POWERS, power, width=24),
        _each("PV voltage", "Some models give a half of their bus, or its negative side.", "volt", _PV_VOLTS),
        _each("PV current", "", "amp", _PV_AMPERES),
        fits_of_each(),
    ]


def _battery() -> Section:
    return "Battery", [
        _one("State of charge", "", "percent", ("capacity",), low=0, high=100),
        lines(
            "Battery power",
            f"Voltage times current, so it does not depend on the power unit. {_SIGN} {source(*BATTERY_VOLTS, *BATTERY_AMPERES)}",
            "watt",
            [Query(shown(f"{reading(*BATTERY_VOLTS)} * {reading(*BATTERY_AMPERES)}"), _SN)],
            none=_NO_FIELD,
        ),
        _one("Battery voltage", "", "volt", BATTERY_VOLTS, width=8),
        _each(
            "Battery current",
            f"With the limits that the device reports. {_SIGN}",
            "amp",
            (*BATTERY_AMPERES, "maxChargeCurr", "maxDischargeCurr"),
            width=8,
        ),
        lines(
            "Battery power as reported",
            f"{_AS_CHOSEN} {_SIGN} {source(*_BATTERY_POWERS, 'pac')}",
            "watt",
            [
                *(Query(shown(power(field)), f"{_SN} {field}") for field in _BATTERY_POWERS),
                Query(shown(power("pac", labels=PAC_OF_BATTERY)), f"{_SN} pac"),
            ],
            width=8,
            none=_NO_FIELD,
        ),
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
            DEVICE,
            none=_NO_FIELD,
            height=6,
        ),
    ]


def _grid() -> Section:
    return "Grid, load and output", [
        _one("Load power", _AS_CHOSEN, "watt", ("loadActivePower",), power),
        _each("Grid power", f"{_AS_CHOSEN} Gird is the API's own spelling. {_SIGN}", "watt", _GRID_POWERS, power),
        _each("Output power", _AS_CHOSEN, "watt", _OUTPUT_POWERS, power),
        _each(
            "Apparent power",
            "In kVA by the vendor's documents.",
            "kvoltamp",
            ("loadApparentPower", "pac2", "outApparentPower", "bApparentPower"),
        ),
        _each("Load current", "", "amp", ("loadIa", "loadIb", "loadIc")),
        _each("Output voltage", "", "volt", ("vacuv", "vacvw", "vacwu", "outv", "vpvuv", "vpvvw", "vpvwu")),
        _each("Frequency", "", "hertz", _FREQUENCIES),
        lines(
            "Power factor",
            f"As a ratio; loadPf is in per cent, and is divided by 100. {source('pf', 'loadPf')}",
            "none",
            [Query(shown(reading("pf")), f"{_SN} pf"), Query(shown(f"{reading('loadPf')} / 100"), f"{_SN} loadPf")],
            none=_NO_FIELD,
        ),
    ]


def _temperatures() -> Section:
    return "Temperatures", [
        _each("Highest and lowest battery temperature", "", "celsius", ("maxTemp", "minTemp")),
        _each(
            "Other temperatures",
            "What temp1 to temp4 are is not documented; of a PCS temp5 is the transformer and temp6 the surroundings.",
            "celsius",
            _TEMPERATURES,
        ),
    ]


def _energy() -> Section:
    today = tuple(field for _, fields, _ in _ENERGIES for field in fields)
    total = tuple(field for _, _, fields in _ENERGIES for field in fields)
    return "Energy", [
        lines(
            "Energy of the day",
            f"The devices' own daily counters, which begin at 0 at their midnight. {_PCS} {source(*today)}",
            "kwatth",
            [Query(shown(reading(*fields)), f"{_SN} {word}") for word, fields, _ in _ENERGIES],
            low=0,
            none=_NO_FIELD,
        ),
        lines(
            "Energy by lifetime counters, per hour",
            f"How much the lifetime counters grew in the last hour. {_PCS} {source(*total)}",
            "kwatth",
            [Query(shown(each(_increases(*fields))), f"{_SN} {word}") for word, _, fields in _ENERGIES],
            low=0,
            none=_NO_FIELD,
        ),
        rows(
            "Lifetime energy",
            f"The devices' lifetime counters. {_PCS} {source(*total)}",
            [Column(word, shown(reading(*fields)), "kwatth") for word, _, fields in _ENERGIES],
            DEVICE,
            none=_NO_FIELD,
            height=7,
        ),
    ]


def _increases(*fields: str) -> str:
    """Return how much a counter grew in an hour, from whichever of `fields` the device has."""
    return " or ".join(f"increase(({possible(field)})[1h:1m])" for field in fields)


def _words(title: str, text: str, field: str) -> Panel:
    """A bar over time for each device, with the words of its type for its numbers."""
    asked = [Query(shown(reading(field, labels=types)), _SN, words) for types, words in state_words(field)]
    return states(title, f"{text} {source(field)} {state_evidence(field)}", asked, width=12, none=_NO_FIELD)


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
