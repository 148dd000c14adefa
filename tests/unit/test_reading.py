import json
import math
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.reading import MAX_FIELDS, InvalidReadingError, metric_name, numeric, read, timestamp


@pytest.mark.parametrize(
    ("field", "metric"),
    [
        ("ebatChargeTotal", "atess_ebat_charge_total"),
        ("level1ChargeTEMPHighWarning", "atess_level1_charge_temp_high_warning"),
        ("ppv1", "atess_ppv1"),
        ("ipv2dc", "atess_ipv2dc"),
        ("eToGridToday", "atess_e_to_grid_today"),
        ("pv1Volt", "atess_pv1_volt"),
        ("powerGird", "atess_power_gird"),
        ("batSOC", "atess_bat_soc"),
        ("SOC", "atess_soc"),
        ("already_snake", "atess_already_snake"),
        ("__name__", "atess___name__"),
        ("le", "atess_le"),
        ("1st", "atess_1st"),
        ("x" * 120, "atess_" + "x" * 120),
        ("x" * 121, None),
        ("", None),
        ("a b", None),
        ("a-b", None),
        ("a:b", None),
        ("ünïcode", None),
        ("a\n", None),
        ("٣", None),
    ],
)
def test_a_field_s_metric_is_its_name_in_snake_case(field: str, metric: str | None) -> None:
    assert metric_name(field) == metric


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (5, 5),
        (-5, -5),
        (0.46000000834465027, 0.46000000834465027),
        (True, 1),
        (False, 0),
        ("12", 12),
        ("-12.50", -12.5),
        ("+3", 3),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e3", 1000.0),
        ("0123", 123),
        (2**60 + 1, 2**60 + 1),
        ("1152921504606846977", 2**60 + 1),
        (None, None),
        (math.nan, None),
        (math.inf, None),
        (-math.inf, None),
        ("", None),
        (" 12", None),
        ("12\n", None),
        ("1_000", None),
        ("12 V", None),
        ("nan", None),
        ("inf", None),
        ("1e999", None),
        ("0x10", None),
        ("٣", None),
        ("1,5", None),
        (10**400, None),
        ("1" * 400, None),
        ("1" * 5000, None),
        ([1], None),
        ({"a": 1}, None),
    ],
)
def test_numeric_means_a_finite_number_a_boolean_or_wholly_decimal_text(value: object, number: float | None) -> None:
    result = numeric(value)
    assert result == number
    assert type(result) is type(number)


def test_the_largest_double_is_still_a_number() -> None:
    largest = int(1.7976931348623157e308)
    assert numeric(largest) == largest
    assert numeric(-largest) == -largest
    assert numeric(largest + 1) is None
    assert numeric(-largest - 1) is None


def test_identity_fields_are_never_values_even_if_they_look_like_numbers() -> None:
    data = {"deviceSn": "12345678", "time": "20261122", "dataLogSn": 17, "firmwareVersion": "1.2", "ppv": 1, "lost": False}
    reading = read(data, "12345678")
    assert reading.fields == {"ppv": 1, "lost": 0}
    assert reading.time == "20261122"


def test_null_text_and_nonsense_are_left_out_never_zero() -> None:
    reading = read({"a": None, "b": "idle", "c": math.nan, "d": [1], "e": {}, "f": 0}, "X")
    assert reading.fields == {"f": 0}


@pytest.mark.parametrize("time", [None, "", "none", 17, ["2026-11-22 10:00:00"]])
def test_what_is_no_time_counts_as_none(time: object) -> None:
    assert read({"a": 1, "time": time}, "X").time is None


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "the data are null, not an object"),
        ([], "the data are a list, not an object"),
        (5, "the data are a single value, not an object"),
        ({}, "no field of the data is a number"),
        ({"a": None, "deviceSn": "X"}, "no field of the data is a number"),
        ({"a": 1, "deviceSn": "Y"}, "those of another device"),
        ({f"f{i}": i for i in range(MAX_FIELDS + 1)}, "513 numeric fields, more than 512"),
    ],
)
def test_what_is_no_reading_is_refused_with_the_reason(data: object, message: str) -> None:
    with pytest.raises(InvalidReadingError, match=message):
        read(data, "X")


def test_the_most_fields_that_a_reading_may_have() -> None:
    assert len(read({f"f{i}": i for i in range(MAX_FIELDS)}, "X").fields) == MAX_FIELDS


@pytest.mark.parametrize("answered", ["umd1 ", "UMD1", None, 5])
def test_the_answer_s_own_serial_number_is_compared_leniently(answered: object) -> None:
    assert read({"deviceSn": answered, "a": 1}, "UMD1").fields == {"a": 1}


def test_a_reading_s_time_is_read_in_the_zone() -> None:
    bangkok = ZoneInfo("Asia/Bangkok")
    assert timestamp("2026-11-22 10:00:00", bangkok) == 1795316400.0
    assert timestamp("2026-11-22 10:00:00", ZoneInfo("UTC")) == 1795316400.0 + 7 * 3600


def test_a_time_may_do_without_leading_zeros() -> None:
    assert timestamp("2026-3-1 8:05:9", ZoneInfo("UTC")) == timestamp("2026-03-01 08:05:09", ZoneInfo("UTC"))


def test_numbers_as_text_have_a_longest() -> None:
    assert numeric("0." + "5" * 398) == pytest.approx(5 / 9)
    assert numeric("0." + "5" * 399) is None


@pytest.mark.parametrize("text", ["soon", "2026-11-22", "2026-02-30 10:00:00", "2026-11-22 10:00:00 "])
def test_a_time_of_another_form_gives_no_timestamp(text: str) -> None:
    assert timestamp(text, ZoneInfo("Asia/Bangkok")) is None


def test_an_hour_that_occurs_twice_is_its_first() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    assert timestamp("2026-10-25 02:30:00", berlin) == 1792888200.0


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda c: st.lists(c) | st.dictionaries(st.text(), c)
    )
)
def test_any_answer_gives_finite_numbers_or_is_refused(data: object) -> None:
    try:
        reading = read(data, "X")
    except InvalidReadingError:
        return
    assert reading.fields
    for name, value in reading.fields.items():
        assert math.isfinite(float(value))
        assert type(value) in (int, float)
        metric = metric_name(name)
        assert metric is None or metric.isascii()


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_pass_through_json_exactly(value: float) -> None:
    assert numeric(json.loads(json.dumps(value))) == value
