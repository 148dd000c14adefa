"""The names and JSON types of every reading, against the lists of the vendor's page and of the sibling platform."""

import struct
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from exporter.simulator import Cloud, SimClock, SimDevice
from exporter.simulator.device import TYPES

BANGKOK = ZoneInfo("Asia/Bangkok")


def words(text: str) -> list[str]:
    return text.split()


INT32 = [
    "bipvBuck1",
    "bipvBuck2",
    "bipvBuck3",
    "bipvBuck4",
    "bipvBuck5",
    "bmsStatus",
    "bmsSystemStatus",
    "bmsVoltStatus",
    "bvbus",
    "capacity",
    "ibat",
    "ipv",
    "ipv2dc",
    "ipv3",
    "ipv4",
    "ipv5",
    "maxChargeCurr",
    "maxDischargeCurr",
    "maxTemp",
    "maxTempGroup",
    "maxTempNum",
    "maxVoltCell",
    "maxVoltGroup",
    "maxVoltNum",
    "minTemp",
    "minTempGroup",
    "minTempNum",
    "minVoltCell",
    "minVoltGroup",
    "minVoltNum",
    "outInductanceCurr1",
    "outInductanceCurr2",
    "outInductanceTemp",
    "outPower",
    "outTemp",
    "outi",
    "outv",
    "pac",
    "pcsBatChargingPower",
    "pcsOutputPower",
    "ppv",
    "ppv1",
    "ppv2",
    "ppv3",
    "ppv4",
    "ppv5",
    "pvInductanceTemp",
    "pvTemp",
    "runModel",
    "status",
    "systemNo",
    "temp",
    "vbat",
    "vpv",
    "vpv2",
    "vpv3",
    "vpv4",
    "vpv5",
]
FLOAT = [
    "checkTime",
    "echargeTimeToday",
    "echargeToday",
    "edischargeTimeToday",
    "edischargeToday",
    "epvToday",
    "maxVolt",
    "minVolt",
    "mvpv",
    "outDailyDischarge",
    "outTotalDischarge",
]
DOUBLE = [
    "ebatChargeTimeTotal",
    "ebatChargeTotal",
    "ebatDischargeTimeTotal",
    "ebatDischargeTotal",
    "epvTimeToday",
    "epvTimeTotal",
    "epvTotal",
]
PCS = [
    "alarmCode1",
    "alarmCode2",
    "atsBypass",
    "bActivePower",
    "bApparentPower",
    "bReactivePower",
    "bipv",
    "bipvu",
    "bipvv",
    "bipvw",
    "bmsProtection",
    "bmsStatus",
    "bmsVoltStatus",
    "bvbus",
    "bvbusNega",
    "bvbusPosi",
    "bvpv",
    "bvpvuv",
    "bvpvvw",
    "bvpvwu",
    "bypassFreq",
    "capacity",
    "dgGridPower",
    "eChargeTimeToday",
    "eChargeTimeTotal",
    "eChargeToday",
    "eChargeTotal",
    "eDischargeTimeToday",
    "eDischargeTimeTotal",
    "eDischargeToday",
    "eDischargeTotal",
    "electricState",
    "gfdi1",
    "gfdi2",
    "gridFreq",
    "gridTimeToday",
    "gridTimeTotal",
    "gridToday",
    "gridTotal",
    "i1a",
    "i1b",
    "i1c",
    "loadActivePower",
    "loadApparentPower",
    "loadIa",
    "loadIb",
    "loadIc",
    "loadPf",
    "loadReactivePower",
    "loadTimeToday",
    "loadTimeTotal",
    "loadToday",
    "loadTotal",
    "lost",
    "maxChargeCurr",
    "maxDischargeCurr",
    "maxTemp",
    "maxVolt",
    "minTemp",
    "minVolt",
    "mvpv",
    "outApparentPower",
    "outReactivePower",
    "pacToBattery",
    "pacToGrid",
    "pcsActivePower",
    "pf",
    "pfSymbol",
    "powerGird",
    "ppv",
    "pvEnergy",
    "risoBatn",
    "risoBatp",
    "selfTime",
    "status",
    "sysFaultWord1",
    "sysFaultWord2",
    "sysFaultWord3",
    "sysFaultWord4",
    "sysFaultWord5",
    "sysFaultWord6",
    "sysFaultWord7",
    "sysFaultWord8",
    "temp1",
    "temp2",
    "temp3",
    "temp4",
    "temp5",
    "temp6",
    "time",
    "toGridTimeToday",
    "toGridTimeTotal",
    "toGridToday",
    "toGridTotal",
    "toPowerGird",
    "typeFlag",
    "vacFrequency",
    "vacu",
    "vacuv",
    "vacv",
    "vacvw",
    "vacw",
    "vacwu",
    "vpvuv",
    "vpvvw",
    "vpvwu",
]
SERIALS = {"pbd": "P1", "pcs": "C1", "hps_central": "H1", "hps_string": "S1", "bcu": "B1", "mbms": "M1"}


def test_pbd_has_exactly_the_documented_fields_and_types(cloud: Cloud) -> None:
    reading = cloud.reading("pbd", "P1")
    assert len(INT32) + len(FLOAT) + len(DOUBLE) == 76
    types = {name: type(value) for name, value in reading.items()}
    expected: dict[str, type] = dict.fromkeys(INT32, int)
    expected |= dict.fromkeys(FLOAT + DOUBLE, float)
    expected |= {"deviceSn": str, "time": str}
    assert types == expected
    for name in INT32:
        assert struct.pack("<i", reading[name])
    for name in FLOAT:
        value = reading[name]
        assert struct.unpack("<f", struct.pack("<f", value))[0] == value, name
    # A 32-bit float that was widened shows more digits than a meter has.
    assert any(len(str(reading[name])) > 10 for name in FLOAT)


def test_pcs_has_exactly_the_sibling_platforms_fields(cloud: Cloud) -> None:
    assert set(cloud.reading("pcs", "C1")) == {*PCS, "deviceSn"}


def test_hps_fields_run_from_and_to_the_documented_ends(cloud: Cloud) -> None:
    central, string = list(cloud.reading("hps_central", "H1")), list(cloud.reading("hps_string", "S1"))
    assert central == sorted(central)
    assert (central[0], central[-1]) == ("atsBypass", "vpvwu")
    assert string == sorted(string)
    assert (string[0], string[-1]) == ("bipvBuck1", "vpvwn")
    # What public clients read, in their spelling.
    assert {
        "ppv1", "ppv", "vpv", "ipv", "ipva", "ipvb", "ipvc", "epvToday", "echargeToday", "edischargeToday",
        "egridToday", "etoGridToday", "eloadToday", "fac", "loadActivePower", "time",
    } <= set(central)  # fmt: skip


@pytest.mark.parametrize("kind", TYPES)
def test_every_reading_names_its_device_and_time(cloud: Cloud, kind: str) -> None:
    reading = cloud.reading(kind, SERIALS[kind])
    assert reading["deviceSn"] == SERIALS[kind]
    assert isinstance(reading["time"], str)
    assert len(reading["time"]) == len("2026-05-05 12:00:00")
    assert {type(value) for value in reading.values()} <= {int, float, str, bool, type(None)}


@pytest.mark.parametrize("kind", ["pcs", "hps_central", "hps_string"])
def test_lost_is_a_boolean_and_some_fields_are_null(cloud: Cloud, kind: str) -> None:
    reading = cloud.reading(kind, SERIALS[kind])
    assert reading["lost"] is False
    assert None in reading.values()


def readings_of_a_day(device: SimDevice) -> list[dict[str, Any]]:
    """The device's readings of a day, one every 15 minutes."""
    day = Cloud([device], SimClock(datetime(2026, 5, 5, tzinfo=BANGKOK), timezone=BANGKOK, monotonic=lambda: 0.0))
    start = datetime(2026, 5, 5, tzinfo=BANGKOK)
    return [day.reading(device.type, device.sn, start + timedelta(minutes=15 * step)) for step in range(96)]


@pytest.mark.parametrize(("kind", "states"), [("hps_central", {2, 5}), ("pcs", {2, 5}), ("pbd", {0, 2, 6})])
def test_states_follow_the_sun_and_the_grid(kind: str, states: set[int]) -> None:
    day = readings_of_a_day(SimDevice(kind, "X"))
    assert {reading["status"] for reading in day} <= states
    assert {reading["bmsStatus"] for reading in day} >= {4, 5}
    for reading in day:
        current: Any = reading.get("ibat", reading.get("bipv"))
        assert {4: current <= 0, 5: current >= 0}.get(reading["bmsStatus"], current == 0), reading
        if kind == "hps_central":
            assert (reading["status"] == 2) == (reading["bActivePower"] != 0)


@pytest.mark.parametrize("kind", ["pbd", "pcs", "hps_central", "hps_string"])
def test_a_fault_is_in_its_word_with_the_bytes_swapped(kind: str) -> None:
    at = datetime(2026, 5, 5, 12, tzinfo=BANGKOK)
    cloud = Cloud([SimDevice(kind, "X", faults=("2.3", "2.5", "3.0", "6.15"))], SimClock(at, timezone=BANGKOK))
    reading = cloud.reading(kind, "X", at)
    words = {name: value for name, value in reading.items() if name.startswith("sysFaultWord") and value}
    assert words == {"sysFaultWord2": 10240, "sysFaultWord3": 256, "sysFaultWord6": 128}
    assert reading["status"] == 3
    warned = Cloud([SimDevice(kind, "X", faults=("5.1",) if kind == "pbd" else ("7.2",))], SimClock(at, timezone=BANGKOK))
    assert (warned.reading(kind, "X", at)["status"] == 3) is (kind == "pbd")


def test_an_odd_device_has_values_that_cannot_be_in_three_of_four_readings() -> None:
    day = readings_of_a_day(SimDevice("hps_string", "X", odd=True))
    assert sum(reading["temp1"] == 6523.6 and reading["maxTemp"] == 157 for reading in day) == 24
    assert sum(reading["capacity"] == 48130 for reading in day) == 24
    assert sum(reading["status"] == reading["sysFaultWord2"] == -1 for reading in day) == 24


def test_the_average_cell_voltage_is_no_pv_voltage() -> None:
    for kind in ("pbd", "pcs", "hps_central"):
        for reading in readings_of_a_day(SimDevice(kind, "X"))[40:56]:
            assert reading["minVolt"] <= reading["mvpv"] <= reading["maxVolt"]
