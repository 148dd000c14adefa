from typing import Any

import pytest

from exporter.api.reading import read
from exporter.catalogue.kinds import BY_NAME, IDENTITY_FIELDS, Kind, Kinds
from exporter.catalogue.types import load_catalogue
from exporter.config.load import load
from tests.helpers.processes import TOKEN, write_config

CODES = (
    *("alarmCode1", "sysFaultWord8", "status", "runModel", "bmsStatus", "runStatus", "electricState", "workMode", "faultCode"),
    *("errorCode_1", "ALARM_CODE_2", "warnCode", "typeFlag", "stateWord", "alarm1", "fault2", "error", "sys_fault_words"),
)
IDENTITIES = (
    *("loggerSn", "plantId", "dataLogSn", "datalogSn", "deviceSN", "collectorSN", "stationID", "sn", "SN", "id", "ID", "Id"),
    *(
        "plant_id",
        "logger_sn",
        "uuid",
        "deviceUUID",
        "simIccid",
        "imei",
        "serial",
        "serialNumber",
        "serial_no",
        "deviceSerialNum",
    ),
    *("firmwareVersion", "updateTime", "time", "deviceSn", "barCode"),
)
NUMBERS = (
    *(
        "ppv",
        "selfTime",
        "powerGird",
        "GRID",
        "powerGRID",
        "grid",
        "vpvsn",
        "valid",
        "systemNo",
        "maxVoltNum",
        "level2CellVoltHighFault",
    ),
    *("level1CellVoltHighWarning", "batSerialCount", "stateOfCharge", "codec", "modeCurrent", "deviceSn2", "plantIdle", ""),
)


@pytest.mark.parametrize(
    ("names", "kind"), [(CODES, Kind.CODE), (IDENTITIES, Kind.IDENTITY), (NUMBERS, Kind.NUMBER), (["aCode" * 100], Kind.NUMBER)]
)
def test_a_name_tells_the_kind(names: tuple[str, ...], kind: Kind) -> None:
    assert {name: BY_NAME[name] for name in names} == dict.fromkeys(names, kind)


def test_no_documented_measurement_is_taken_for_a_code_or_an_identity() -> None:
    for known in load_catalogue().values():
        for name, field in {**known.fields, **known.settings}.items():
            kind = BY_NAME[name]
            if field.kind in ("instant", "daily_total", "lifetime_total", "limit", "time_of_day"):
                assert kind is Kind.NUMBER, name
            elif field.kind == "timestamp":
                assert kind is Kind.IDENTITY, name
            else:
                assert kind is not Kind.IDENTITY or name in IDENTITY_FIELDS, name


@pytest.mark.parametrize(
    ("value", "number"),
    [
        *(("1685E6", None), ("12E4", None), ("00E4", None), ("1A2B", None), ("1.5", None), ("1.0", None), ("+3", None)),
        *((".5", None), ("5.", None), ("-", None), ("", None), ("--1", None), ("1 ", None), ("٣", None), ("9" * 400, None)),
        *(("0", 0), ("12", 12), ("0012", 12), ("-1", -1), ("9007199254740993", 9007199254740993), ("0" * 399 + "7", 7)),
        *((7, 7), (1.5, 1.5), (1e4, 10000.0), (True, 1), (None, None), (float("inf"), None)),
    ],
)
def test_a_code_counts_as_a_number_where_it_is_one_or_plain_decimal_digits(value: Any, number: float | None) -> None:
    fields = read({"alarmCode1": value, "bmsProtection": value, "a": 1}, "X", Kinds({"bmsProtection"})).fields
    assert fields == ({"a": 1} if number is None else {"alarmCode1": number, "bmsProtection": number, "a": 1})


@pytest.mark.parametrize("value", ["123456789012", 123456789012, 1.5, True, "12E4"])
def test_an_identity_is_never_a_number_of_whatever_kind(value: Any) -> None:
    assert read({"loggerSn": value, "plantId": value, "a": 1}, "X").fields == {"a": 1}


def test_names_without_end_are_not_remembered_without_end() -> None:
    kinds = Kinds()
    assert {kinds[f"code{number}"] for number in range(10_000)} == {Kind.CODE}
    assert kinds["x" * 100_000] is Kind.NUMBER
    assert len(kinds) == 1024


def test_what_the_config_says_of_a_field_goes_before_its_name(tmp_path: Any) -> None:
    kinds = ("instant", "daily_total", "lifetime_total", "limit", "status", "identifier")
    fields: dict[str, Any] = {f"{kind}{name}": {"kind": kind} for kind in kinds for name in ("Code", "Sn", "X")}
    fields |= {"alarmCode7": {"meaning": "Alarms"}, "gridId": {"unit": "A"}, "deviceSn": {"kind": "instant"}}
    path = tmp_path / "config.yaml"
    types = {"own": {"path": "own/data-last", "fields": fields}, "pbd": {"fields": {"bmsStatus": {"kind": "instant"}}}}
    write_config(path, {"devices": {"own": ["X"], "pbd": ["Y"]}, "types": types})
    config = load(path, {"ATESS_API_TOKEN": TOKEN})
    own, pbd = config.kinds["own"], config.kinds["pbd"]
    for kind in ("instant", "daily_total", "lifetime_total", "limit"):
        assert [own[kind + name] for name in ("Code", "Sn", "X")] == [Kind.NUMBER] * 3
    assert [own["status" + name] for name in ("Code", "Sn", "X")] == [Kind.CODE] * 3
    assert [own["identifier" + name] for name in ("Code", "Sn", "X")] == [Kind.CODE, Kind.IDENTITY, Kind.CODE]
    # nobody said of these what they are
    assert (own["alarmCode7"], own["gridId"], own["deviceSn"]) == (Kind.CODE, Kind.IDENTITY, Kind.IDENTITY)
    # what the catalogue knows of one type holds for all, what the config says for its own type
    assert (own["bmsProtection"], own["maxVoltNum"], own["bmsStatus"]) == (Kind.CODE, Kind.CODE, Kind.CODE)
    assert (pbd["bmsStatus"], pbd["bmsProtection"], pbd["alarmCode1"]) == (Kind.NUMBER, Kind.CODE, Kind.CODE)
    assert config.kinds.keys() == config.types.keys()
