import json
import math
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.api.reading import (
    _MOMENT,
    MAX_FIELDS,
    MAX_TEXT,
    MAX_TEXTS,
    InvalidReadingError,
    Reading,
    moment,
    numeric,
    read,
    timestamp,
)
from exporter.config.token import Token
from exporter.metrics.names import metric_name

NOW = 1_795_900_000.0


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


@pytest.mark.parametrize("time", [None, "", " ", "none", "--"])
def test_what_is_no_time_counts_as_none(time: object) -> None:
    found = read({"a": 1, "time": time}, "X")
    assert (found.time, found.mark) == (None, None)


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
    assert timestamp("2026-11-22 10:00:00", bangkok, NOW) == 1795316400.0
    assert timestamp("2026-11-22 10:00:00", ZoneInfo("UTC"), NOW) == 1795316400.0 + 7 * 3600


def test_a_time_may_do_without_leading_zeros() -> None:
    utc = ZoneInfo("UTC")
    assert timestamp("2026-3-1 8:05:9", utc, NOW) == timestamp("2026-03-01 08:05:09", utc, NOW)


def test_numbers_as_text_have_a_longest() -> None:
    assert numeric("0." + "5" * 398) == pytest.approx(5 / 9)
    assert numeric("0." + "5" * 399) is None


BERLIN = ZoneInfo("Europe/Berlin")
EIGHT = datetime(2026, 11, 28, 20, tzinfo=BERLIN).timestamp()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-11-28T20:00:00", 0),
        ("2026-11-28t20:00:00", 0),
        ("2026-11-28T20:00:00Z", 3600),
        ("2026-11-28T20:00:00z", 3600),
        ("2026-11-28T20:00:00+00:00", 3600),
        ("2026-11-28T20:00:00+0700", -6 * 3600),
        ("2026-11-28 20:00:00 +07", -6 * 3600),
        ("2026-11-28 20:00:00-03:30", 4.5 * 3600),
        ("2026-11-28 20:00:00.0", 0),
        ("2026-11-28 20:00:00.25", 0.25),
        ("2026-11-28 20:00:00,123456789", 0.123456),
        ("2026-11-28T20:00:00.5Z", 3600.5),
        ("2026-11-28 20:00", 0),
        ("2026-11-28T20:00+01:00", 0),
        ("2026/11/28 20:00:00", 0),
        ("2026/11/28T20:00", 0),
        ("2026-11-28  20:00:00", 0),
        ("20261128T200000", 0),
        ("20261128T2000Z", 3600),
        ("2026-11-28 24:00:00", 4 * 3600),
        ("2026-11-28T24:00", 4 * 3600),
        ("2026-12-31 24:00:00", 33 * 86400 + 4 * 3600),
    ],
)
def test_the_forms_of_iso_8601_are_read(text: str, seconds: float) -> None:
    assert timestamp(text, BERLIN, NOW) == EIGHT + seconds
    assert read({"a": 1, "time": text}, "X") == Reading({"a": 1}, text)


@pytest.mark.parametrize(
    "text",
    [
        *("soon", "2026-11-22", "2026-02-30 10:00:00", "2026-11-22 10:00:00 ", " 2026-11-22 10:00:00", "2026-11-22 10:00:00\n"),
        *("11/28/2026 08:00:00 PM", "28.11.2026 20:00:00", "26-11-28 20:00:00", "2026-11/28 20:00:00", "2026-11-28 8:00:00 PM"),
        *("2033-00-00 39:77:77", "0000-00-00 00:00:00", "48/0/0 0:0:0", "1764360000", "1764360000000", "20261128200000"),
        *("2026-11-28 24:00:01", "2026-11-28 24:30", "2026-11-28 24:00:00.5", "2026-11-28 25:00", "2026-11-28 20:60:00"),
        *("2026-11-28 20:00:60", "2026-11-28 20:00.5", "2026-11-28 20:00:00+99:00", "2026-11-28 20:00:00+01:99"),
        *("2026-11-28 20:00:00 UTC", "2026-11-28T20:00:00Z+01:00", "2026-13-01 20:00:00", "٢٠٢٦-11-28 20:00:00"),
        # clocks that were never set
        *("1970-01-01 00:00:00", "1980-01-06 00:00:00", "2000-01-01 00:12:00", "0001-01-01 00:00:00", "9999-12-31 23:59:59"),
        *("9999-12-31 24:00:00", "0000-01-01 24:00:00", "2026-11-28 20:00:00." + "0" * 5000),
    ],
)
def test_a_time_that_says_nothing_gives_no_timestamp(text: str) -> None:
    for zone in (ZoneInfo("Asia/Bangkok"), ZoneInfo("America/New_York")):
        assert timestamp(text, zone, NOW) is None
    found = read({"a": 1, "time": text}, "X")
    assert found.unread_time
    assert len(found.unread_time) <= MAX_TEXT


@pytest.mark.parametrize(
    ("zone", "local", "changes", "gap"),
    [
        ("Europe/Berlin", "2026-10-25 02:30:00", datetime(2026, 10, 25, 1, tzinfo=UTC), 3600),
        ("America/New_York", "2026-11-01 01:15:00", datetime(2026, 11, 1, 6, tzinfo=UTC), 3600),
        ("Australia/Sydney", "2026-04-05 02:59:59", datetime(2026, 4, 4, 16, tzinfo=UTC), 3600),
        ("America/Santiago", "2026-04-04 23:30:00", datetime(2026, 4, 5, 3, tzinfo=UTC), 3600),
        # half an hour
        ("Australia/Lord_Howe", "2026-04-05 01:45:00", datetime(2026, 4, 4, 15, tzinfo=UTC), 1800),
    ],
)
def test_an_hour_that_occurs_twice_is_the_one_nearest_to_now(zone: str, local: str, changes: datetime, gap: float) -> None:
    at = ZoneInfo(zone)
    before, after = (datetime.fromtimestamp(changes.timestamp() + side, at).utcoffset() for side in (-1, 0))
    assert before is not None
    assert after is not None
    assert (before - after).total_seconds() == gap
    first = datetime.fromisoformat(local).replace(tzinfo=UTC).timestamp() - before.total_seconds()
    assert changes.timestamp() - gap <= first < changes.timestamp()
    for late in (0, 20, 299):
        assert timestamp(local, at, first + late) == first
        assert timestamp(local, at, first + gap + late) == first + gap
    # a device that has been offline since, and a clock that runs ahead
    assert timestamp(local, at, first + 40 * 86400) == first + gap
    assert timestamp(local, at, first - 40 * 86400) == first


def test_the_two_occurrences_in_berlin_by_the_calendar() -> None:
    assert timestamp("2026-10-25 02:30:00", BERLIN, 1792888500.0) == 1792888200.0
    assert timestamp("2026-10-25 02:30:00", BERLIN, 1792892100.0) == 1792891800.0


def test_an_hour_that_does_not_exist_is_read_as_if_the_clock_had_not_been_put_forward() -> None:
    at = datetime(2026, 3, 29, 1, 30, tzinfo=UTC).timestamp()
    for now in (at, at - 3600, at + 86400, at - 86400):
        assert timestamp("2026-03-29 02:30:00", BERLIN, now) == at


@given(
    st.datetimes(datetime(2001, 1, 1), datetime(2098, 12, 31)).map(lambda local: local.replace(microsecond=0)),
    st.sampled_from(["Europe/Berlin", "Australia/Sydney", "Asia/Kathmandu", "America/St_Johns", "UTC"]).map(ZoneInfo),
    st.sampled_from(["%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y/%m/%d %H:%M:%S", "%Y%m%dT%H%M%S", "%Y-%m-%d %H:%M:%S.0"]),
    st.integers(-86400, 86400),
)
def test_every_form_is_the_same_time(local: datetime, zone: ZoneInfo, form: str, late: int) -> None:
    true = [local.replace(tzinfo=zone, fold=fold).timestamp() for fold in (0, 1)]
    now = true[0] + late
    found = timestamp(local.strftime(form), zone, now)
    assert found in true
    if true[0] < true[1]:
        assert found is not None
        assert abs(found - now) == min(abs(one - now) for one in true)
    aware = local.replace(tzinfo=zone)
    tokyo = ZoneInfo("Asia/Tokyo")
    assert timestamp(aware.isoformat(), tokyo, now) == true[0]
    assert timestamp(aware.strftime("%Y%m%dT%H%M%S%z"), tokyo, now) == true[0]


@given(st.text(st.sampled_from("0123456789-/:T .,+Zz"), max_size=40) | st.from_regex(_MOMENT, fullmatch=True))
def test_no_text_makes_reading_its_time_fail(text: str) -> None:
    found = timestamp(text, BERLIN, NOW)
    assert (found is not None) is (moment(text) is not None)
    assert found is None or 978_000_000 < found < 4_103_000_000


ODD_TIMES = [17, 0, 1764360000, 1764360000.5, True, False, [], {}, [2026, 11, 28], {"year": 2026}, "48/0/0 0:0:0", "0", "t1"]


@pytest.mark.parametrize("time", ODD_TIMES)
def test_where_the_time_says_nothing_the_whole_answer_is_what_moves(time: Any) -> None:
    answer = {"deviceSn": "X", "ppv": 1, "mode": "idle", "time": time, "deep": {"a": 1, "b": [1, 2]}}
    mark = read(answer, "X").mark
    assert mark is not None
    turned = {**dict(reversed(list(answer.items()))), "deep": {"b": [1, 2], "a": 1}}
    assert read(json.loads(json.dumps(turned)), "X").mark == mark
    for change in ({"ppv": 2}, {"mode": "busy"}, {"time": "48/0/0 0:0:1"}, {"deep": {"a": 1, "b": [2, 1]}}, {"more": None}):
        assert read(answer | change, "X").mark not in (mark, None)


def test_not_a_number_stands_still_like_any_other_value() -> None:
    one, two = (read(json.loads('{"time": 0, "ppv": NaN, "a": 1}'), "X") for _ in range(2))
    assert one.mark == two.mark


@pytest.mark.parametrize(
    ("time", "shown"),
    [
        (1764360000, "1764360000"),
        (True, "true"),
        ([2026, 11], "a list"),
        ({"y": 2026}, "an object"),
        ("1\n2\u202e\ud800", "1\\n2\\u202e\\ud800"),
        ("9" * 5000, "9" * (MAX_TEXT - 1) + "…"),
        ("key tok-en-1 of 2026", "key <redacted> of 2026"),
        (["tok-en-1"], "a list"),
    ],
)
def test_what_is_shown_of_a_time_that_says_nothing(time: Any, shown: str) -> None:
    assert read({"a": 1, "time": time}, "X", hide=Token(value="Basic tok-en-1").hide_in).time == shown


def test_texts_are_kept_to_be_shown() -> None:
    answer = {"deviceSn": "X", "time": "2026-11-22 10:00:00", "a": 1, "mode": "idle", "on": "1", "alarmCode1": "12E4", "n": None}
    found = read(answer | {"loggerSn": "123456789012", "e": "", "l": ["idle"], "m\n": "a\tb\x00<b>\u2028"}, "X")
    assert found.texts == (
        *(("mode", "idle"), ("alarmCode1", "12E4"), ("loggerSn", "123456789012"), ("e", "")),
        ("m\\n", "a\\tb\\x00<b>\\u2028"),
    )


def test_texts_have_a_longest_and_a_most() -> None:
    long = read({"a": 1, "x" * 5000: "\x00" * 2_000_000, "b": "ü" * MAX_TEXT}, "X").texts
    assert [(len(name), len(text)) for name, text in long] == [(MAX_TEXT, MAX_TEXT), (1, MAX_TEXT)]
    assert long[0][1].endswith("…")
    assert len(read({"a": 1} | {f"t{n}": "word" for n in range(5000)}, "X").texts) == MAX_TEXTS


def test_a_secret_is_in_no_text_not_even_where_it_is_cut() -> None:
    token = Token(value="Basic made-up-secret")
    cut = "x" * (MAX_TEXT - 6) + "made-up-secret"
    echo = {"a": 1, "said": "Authorization: Basic made-up-secret", "cut": cut, "made-up-secret": "w"}
    shown = repr(read(echo, "X", hide=token.hide_in).texts)
    assert shown.count("<reda") == 3
    assert "made" not in shown


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
