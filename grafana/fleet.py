"""The Fleet dashboard: all devices together, and which of them need a look."""

from grafana_foundation_sdk.models import dashboard as models

from grafana.faults import NEW_OF_ALL, faults_of_all
from grafana.frame import Section, datasource, device, device_type, exporter_url, frame, job, site
from grafana.panels import Panel, Query, Steps, bars, lines, number
from grafana.power import BATTERY_AMPERES, BATTERY_VOLTS, fits_of_all, power, power_units
from grafana.queries import PRESENT, STATE, STATE_WORDS, about, age, reading, source
from grafana.tables import DEVICE, Column, Label, rows

_TYPE = "{{type}}"

_PV_TODAY = ("epvToday",)
_LOAD_TODAY = ("eloadToday", "loadToday")
_FEED_IN_TODAY = ("etoGridToday",)
_GRID_TODAY = ("egridToday",)
_CHARGED_TODAY = ("echargeToday", "eChargeToday")
_DISCHARGED_TODAY = ("edischargeToday", "eDischargeToday")

_BY_DAY = "The counters are the devices' own, and begin at 0 at the devices' midnight."
_TAKEN_FOR_KWH = "The unit is settled for HPS; that of a PCS is taken to be kWh too."
_NO_PCS = "A PCS is left out: which of its two counters is which direction is not settled."
_NO_READINGS = "No reading"


def fleet() -> models.Dashboard:
    variables = [datasource(), job(), site(), device_type(), device(), *power_units(), exporter_url()]
    sections = [_today(), _devices(), faults_of_all(), _power(), _energy(), _extremes()]
    text = "All ATESS devices together: energy of the day, power now, and which devices need a look."
    return frame("atess-fleet", "ATESS Fleet", text, variables, sections, [NEW_OF_ALL])


def _today() -> Section:
    return "Today and now", [
        _sum("PV energy today", "Energy that the PV inputs made today.", _PV_TODAY),
        _sum("Load today", f"Energy that went to loads today. {_TAKEN_FOR_KWH}", _LOAD_TODAY),
        _sum("Fed into the grid today", f"Energy fed into the grid today. {_NO_PCS}", _FEED_IN_TODAY),
        number(
            "PV power now",
            f"Power of all PV inputs now, in the unit that you chose above. {source('ppv')} A PCS may report again what the PBD "
            "before it makes: choose types above to leave one of them out.",
            "watt",
            [Query(f"sum ({power('ppv')})", "PV")],
            none=_NO_READINGS,
        ),
        number(
            "Load power now",
            f"Active power of all loads now, in the unit that you chose above. {source('loadActivePower')}",
            "watt",
            [Query(f"sum ({power('loadActivePower')})", "load")],
            none=_NO_READINGS,
        ),
        number(
            "State of charge",
            f"Mean over all devices that report one, each counted alike. {source('capacity')}",
            "percent",
            [Query(f"avg ({reading('capacity')})", "mean")],
            none=_NO_READINGS,
            steps=((None, "red"), (20, "yellow"), (40, "green")),
        ),
    ]


def _devices() -> Section:
    bad = ((None, "green"), (1, "red"))
    return "Devices", [
        _count(
            "Up",
            "Devices whose last poll gave a usable reading.",
            f"sum ({about('atess_device_up')})",
            ((None, "red"), (1, "green")),
        ),
        _count(
            "Down",
            "Devices whose last poll failed. Their values stay until they are stale.",
            f"sum (1 - {about('atess_device_up')})",
            bad,
        ),
        _count("Stale: failing", "Devices whose values are stale: no usable reading for too long.", _stale("failing"), bad),
        _count(
            "Stale: frozen",
            "Devices whose values are stale: the cloud answers, but with the same old reading.",
            _stale("frozen"),
            bad,
        ),
        _count(
            "Lost",
            "Devices that are offline according to the list of their data logger. Only known with `discovery` in the "
            "exporter's config.",
            f"sum ({about('atess_device_lost')})",
            bad,
            none="No discovery",
        ),
        _count(
            "With faults",
            "Devices that report a fault. Those that report no fault words do not count.",
            f"sum ({about('atess_device_faults')} > bool 0)",
            bad,
            none="No fault words",
        ),
        rows(
            "Worst devices",
            "Up to 25 devices that are not fresh, the worst first. A click on the serial number shows the device.",
            [
                Column("State", _worst(STATE), words=STATE_WORDS),
                Column("Last usable reading", _worst(age("atess_device_last_success_timestamp_seconds")), "s"),
                Column("Age of its data", _worst(age("atess_device_data_timestamp_seconds")), "s"),
            ],
            DEVICE,
            none="All devices are fresh",
            width=16,
            worst_first="State",
        ),
        rows(
            "By type",
            f"Each type's devices, and those of them that are fresh, with their PV energy today. {source(*_PV_TODAY)}",
            [
                Column("Devices", f"count by (type) ({PRESENT})"),
                Column("Fresh", f"sum by (type) ({STATE} == bool 0)"),
                Column("PV today", f"sum by (type) ({reading(*_PV_TODAY)})", "kwatth"),
            ],
            [Label("type", "Type")],
            none="No devices",
            width=8,
        ),
        lines(
            "Devices by state",
            "How many devices were in which state. No line where the exporter was down.",
            "none",
            [Query(f"sum ({STATE} == bool {value})", words) for value, (words, _) in STATE_WORDS.items()],
            width=24,
            low=0,
            stacked=True,
            none="No devices",
        ),
    ]


def _power() -> Section:
    return "Power and charge", [
        fits_of_all(),
        lines(
            "PV power by type",
            f"Power of the PV inputs, in the unit that you chose above. A device that is stale is missing. {source('ppv')}",
            "watt",
            [Query(f"sum by (type) ({power('ppv')})", _TYPE)],
            low=0,
            none=_NO_READINGS,
        ),
        lines(
            "Load power by type",
            f"Active power of the loads, in the unit that you chose above. {source('loadActivePower')}",
            "watt",
            [Query(f"sum by (type) ({power('loadActivePower')})", _TYPE)],
            none=_NO_READINGS,
        ),
        lines(
            "Battery power by type",
            "Battery voltage times current, so it does not depend on the power unit. Which sign means charging is not "
            f"documented. A battery that is reported by its inverter, its PBD and its BCU counts in each of these "
            f"types. {source(*BATTERY_VOLTS, *BATTERY_AMPERES)}",
            "watt",
            [Query(f"sum by (type) ({reading(*BATTERY_VOLTS)} * {reading(*BATTERY_AMPERES)})", _TYPE)],
            none=_NO_READINGS,
        ),
        lines(
            "State of charge",
            f"Lowest, mean and highest of all devices. {source('capacity')}",
            "percent",
            [Query(f"{word} ({reading('capacity')})", word) for word in ("min", "avg", "max")],
            low=0,
            high=100,
            none=_NO_READINGS,
            steps=((None, "green"), (20, "red")),
        ),
    ]


def _energy() -> Section:
    every = (
        ("PV", _PV_TODAY),
        ("load", _LOAD_TODAY),
        ("grid", _GRID_TODAY),
        ("fed in", _FEED_IN_TODAY),
        ("charged", _CHARGED_TODAY),
        ("discharged", _DISCHARGED_TODAY),
    )
    fields = tuple(field for _, those in every for field in those)
    return "Energy", [
        lines(
            "Energy of the day",
            f"Sums of the devices' daily counters. {_BY_DAY} A device that is stale is missing from the sums. {source(*fields)} "
            f"{_TAKEN_FOR_KWH} Grid and fed in: {_NO_PCS[0].lower()}{_NO_PCS[1:]}",
            "kwatth",
            [Query(f"sum ({reading(*those)})", word) for word, those in every],
            width=16,
            low=0,
            none=_NO_READINGS,
        ),
        bars(
            "PV energy today by type",
            f"{_BY_DAY} {source(*_PV_TODAY)}",
            "kwatth",
            Query(f"sum by (type) ({reading(*_PV_TODAY)})", _TYPE),
            width=8,
            low=0,
            none=_NO_READINGS,
            linked=False,
        ),
    ]


def _extremes() -> Section:
    spread = f"{reading('maxVolt')} - {reading('minVolt')}"
    return "Ten to look at", [
        bars(
            "Least PV energy today",
            f"The ten devices with the least, among those that report it. {source(*_PV_TODAY)}",
            "kwatth",
            Query(f"sort (bottomk (10, {reading(*_PV_TODAY)}))"),
            low=0,
            none=_NO_READINGS,
        ),
        bars(
            "Lowest state of charge",
            f"{source('capacity')}",
            "percent",
            Query(f"sort (bottomk (10, {reading('capacity')}))"),
            low=0,
            high=100,
            none=_NO_READINGS,
            steps=((None, "red"), (20, "yellow"), (40, "green")),
        ),
        bars(
            "Widest spread of cell voltages",
            f"Highest cell voltage minus lowest. The colours are for orientation only. {source('maxVolt', 'minVolt')}",
            "volt",
            Query(f"sort_desc (topk (10, {spread}))"),
            low=0,
            none=_NO_READINGS,
            steps=((None, "green"), (0.1, "yellow"), (0.3, "red")),
        ),
        bars(
            "Hottest batteries",
            f"The colours are for orientation only. {source('maxTemp')}",
            "celsius",
            Query(f"sort_desc (topk (10, {reading('maxTemp')}))"),
            none=_NO_READINGS,
            steps=((None, "green"), (45, "yellow"), (55, "red")),
        ),
    ]


def _sum(title: str, text: str, fields: tuple[str, ...]) -> Panel:
    text = f"{text} {_BY_DAY} {source(*fields)}"
    return number(title, text, "kwatth", [Query(f"sum ({reading(*fields)})", title)], none=_NO_READINGS)


def _count(title: str, text: str, expr: str, steps: Steps, none: str = "No devices") -> Panel:
    return number(title, text, "none", [Query(expr, title)], steps=steps, none=none)


def _stale(cause: str) -> str:
    labels = f', cause="{cause}"'
    return f"sum ({about('atess_device_stale', labels)})"


def _worst(expr: str) -> str:
    return f"({expr}) and on (type, deviceSn) topk (25, {STATE} > 0)"
