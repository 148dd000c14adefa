"""A few devices in one Series that are fed raw answers, and the property that must hold after every step."""

from collections.abc import Callable, Mapping
from itertools import chain
from typing import Any, Final
from zoneinfo import ZoneInfo

from exporter.api.errors import EnercloError
from exporter.api.reading import MAX_TEXT, MAX_TEXTS, InvalidReadingError, Reading, read, timestamp
from exporter.metrics.names import DEVICE_FAMILIES, RESERVED_PREFIX, metric_name
from exporter.metrics.series import Row, Series
from exporter.polling.device_settings import read_settings
from tests.helpers.fuzzing.oracle import Fields, Key, check_with_parsers, expected, expected_settings, read_page, spelled

#: Type and serial number: two of one type, one number in two types, and texts that labels must escape.
DEVICES: Final = (("pbd", "UMD1"), ("pbd", 'we"i\\rd\nünï☀ \ud800'), ("pcs", "UMD1"))

#: What the catalogue would know; short, because a world is made for every execution.
KNOWN: Final = {"ppv": "PV power. Enerclo field ppv.", "batSOC": 'A "charge" \\ level.\nEnerclo field batSOC.'}

#: Names that are known, foreign, reserved, colliding, or no names at all.
NAMES: Final = (
    *("ppv", "batSOC", "Ppv", "bat_soc", "fooBar", "foo_bar", "FooBar", "fooBAR", "x1", "foo", "vbat"),
    *("deviceSn", "time", "dataLogSn", "datalogSn", "updateTime", "firmwareVersion", "devicesn"),
    *("alarmCode1", "sysFaultWord2", "bmsStatus", "runModel", "status", "states_", "error", "faults3", "codes", "encoded"),
    *(
        "loggerSn",
        "plantId",
        "SN",
        "id",
        "_sn",
        "aid",
        "GRID",
        "simICCID",
        "serialNo",
        "serial_number",
        "serialX",
        "aSn",
        "\u0131d",
    ),
    *("deviceSn2", "deviceUp", "device_up", "deviceInfo", "deviceStale", "deviceDataTimestampSeconds", "exporterDevices"),
    *("exporter_", "exporter", "exporterBuildInfo", "deviceLastSuccessTimestampSeconds", "devicePollIntervalSeconds"),
    *(
        "__name__",
        "le",
        "type",
        "quantile",
        "_",
        "1",
        "1st",
        "foo_total",
        "fooBucket",
        "foo_created",
        "foo_sum",
        "fooInfo",
        "setting_ppv",
    ),
    *("", " ", "a b", "a-b", "a:b", "a\n", 'a"', "a\\", "a}", "ünï", "\ud800", "\U0001f600", "٣", "\u017f", "\u212a", "\x00"),
    *("x" * 120, "x" * 121, "aB" * 60, "atess_ppv", "#", "# EOF", "HELP"),
)

#: JSON values as they are spelled, sensible and not.
VALUES: Final = (
    *("0", "1", "-1", "-0", "0.0", "-0.0", "1.0", "1e0", "52.5", "0.1", "0.46000000834465027", "9007199254740993"),
    *("9007199254740992.0", "1e22", "1e16", "123456789012345678", "5e-324", "1e-400", "2.2250738585072014e-308"),
    *("1.7976931348623157e308", "1.7976931348623159e308", "1e999", "-1e999", "NaN", "Infinity", "-Infinity"),
    *("9" * 400, "-" + "9" * 400, "1" + "0" * 308, "1" + "0" * 309, str(int(1.7976931348623157e308)), "0." + "1" * 400),
    *("true", "false", "null", "[]", "{}", "[1]", '{"a":1}', '""', '" 1"', '"1 "', '"1_0"', '"0x1"', '"nan"', '"inf"'),
    *('"1"', '"-1.5"', '"+3"', '".5"', '"5."', '"1e3"', '"1e999"', '"0012"', '"9007199254740993"', '"٣"', '"1\\n"', '"-"'),
    *('"' + "9" * 309 + '"', '"' + "0" * 399 + '1"', '"' + "0" * 400 + '1"', '"\\u0031"', '"\\ud800"', '"idle"'),
    *(
        '"10:30"',
        '"23:59:59"',
        '"24:00"',
        '"24:00:00"',
        '"24:00:01"',
        '"12E4"',
        '"00E4"',
        '"1685E6"',
        '"123456789012"',
        '"2026-11-28T20:00:00Z"',
        '"2026/11/28 20:00"',
        '"2026-11-28 24:00:00"',
        '"0000-00-00 00:00:00"',
        '"48/0/0 0:0:0"',
        '"2000-01-01 00:00:00"',
        "1764360000",
        '"1:00"',
        '"2026-11-22 10:00:00"',
        '"0001-01-01 00:00:00"',
        '"9999-12-31 23:59:59"',
        '"2026-02-30 10:00:00"',
        '"UMD1"',
    ),
    *('" umd1 "', '"WE\\"I\\\\RD\\nÜNÏ☀ \\ud800"', "200", "403", "400", "10012", "1.", "01", "+1", "-", "1" * 4300, "1" * 4301),
)

_ZONE: Final = ZoneInfo("Asia/Bangkok")
_NOW: Final = 1_790_000_000.0
_LONGEST_MESSAGE: Final = 300


class _Place:
    """A device, or its settings, as it ought to be: which field it shows under which metric, and its samples."""

    __slots__ = ("labels", "row", "settings", "shown", "sn", "texts", "values")

    def __init__(self, row: Row, sn: str, labels: str, settings: bool) -> None:
        self.row = row
        self.settings = settings
        self.sn = sn
        self.labels = labels
        self.shown: dict[str, str] = {}
        #: What it shows, and how that was spelled on the last page.
        self.values: dict[Key, int | float] = {}
        self.texts: dict[Key, str] = {}


class World:
    """Devices whose answers go through `fetch`, which stands for the client: a body in, its data out.

    `parse` says of a page whether it is worth the parsers' time.
    """

    def __init__(
        self,
        fetch: Callable[[bytes], Any],
        parse: Callable[[Mapping[Key, str]], bool] = lambda found: True,
        known: Mapping[str, str] = KNOWN,
    ) -> None:
        self._fetch = fetch
        self._parse = parse
        self._owners = {metric: name for name in known if (metric := metric_name(name))}
        self._series = Series(metric_name, lambda name: known.get(name, f"Enerclo field {name}."), known)
        self._labels: dict[str, dict[str, str]] = {}
        self._gone: Row | None = None
        self._settings: dict[int, _Place] = {}
        self._page = b""
        self._places = [self._settle(*device) for device in DEVICES]
        for place, fields in zip(self._places, ({}, {"ppv": 1, "x1": 1.5}, {"x1": 2.5}), strict=True):
            self._show(place, fields)
        self._check(*self._places)

    def answer(self, n: int, body: bytes) -> None:
        """Device `n` is polled, and the cloud answers `body`."""
        place = self._places[n]
        wanted = expected(body, place.sn)
        try:
            reading = read(self._fetch(body), place.sn)
        except (EnercloError, InvalidReadingError) as error:
            self._refuse(error, wanted)
        else:
            self._accept(place, reading, wanted)

    def settings(self, n: int, body: bytes) -> None:
        """Device `n` is asked for its settings, and the cloud answers `body`."""
        place = self._places[n]
        wanted = expected_settings(body, place.sn)
        try:
            gauges = read_settings(self._fetch(body), place.sn)
        except (EnercloError, InvalidReadingError) as error:
            self._refuse(error, wanted)
            return
        assert gauges == wanted, f"{gauges} instead of {wanted}"
        if n not in self._settings:
            self._settings[n] = self._place(*DEVICES[n], settings=True)
        self._show(self._settings[n], gauges)
        self._check(self._settings[n])

    def clear(self, n: int) -> None:
        """Device `n` has become stale."""
        place = self._places[n]
        self._series.clear(place.row)
        place.shown = {}
        place.values = _own(place.values)
        self._check(place)

    def replace(self, n: int) -> None:
        """Device `n` leaves the config and comes back; what its last poll brought comes too late."""
        place = self._places[n]
        leaving = [place, *([self._settings.pop(n)] if n in self._settings else [])]
        for each in leaving:
            self._series.remove(each.row)
            each.shown = {}
            each.values = {}
        self._gone = leaving[-1].row
        self._check(*leaving)
        place = self._places[n] = self._settle(place.row.type, place.sn)
        self._check(place)

    def late(self, fields: Mapping[str, int | float]) -> None:
        """The device that left last brings a reading all the same."""
        if (gone := self._gone) is None:
            return
        assert self._series.update(gone, fields) == ()
        self._check()
        self._series.set(gone, "atess_device_up", 0)
        self._check()
        self._series.clear(gone)
        self._check()
        self._series.remove(gone)
        self._check()

    def _place(self, kind: str, sn: str, *, settings: bool = False) -> _Place:
        row = self._series.add(kind, sn, settings=settings)
        self._labels[row.labels] = {"deviceSn": sn.encode("utf-8", "backslashreplace").decode(), "type": kind}
        return _Place(row, sn, row.labels, settings)

    def _settle(self, kind: str, sn: str) -> _Place:
        place = self._place(kind, sn)
        self._set(place, "atess_device_up", 1)
        return place

    def _set(self, place: _Place, family: str, value: float | None) -> None:
        self._series.set(place.row, family, value)
        place.values.pop((family, place.labels), None)
        if value is not None:
            place.values[family, place.labels] = value

    def _refuse(self, refusal: Exception, wanted: Fields | type[Exception]) -> None:
        assert type(refusal) is wanted or "nested too deeply" in str(refusal), f"{refusal!r} instead of {wanted}"
        assert 0 < len(str(refusal).encode()) <= _LONGEST_MESSAGE, refusal
        assert bytes(self._series.snapshot()) == self._page, "a refused answer changed the page"

    def _accept(self, place: _Place, reading: Reading, wanted: Fields | type[Exception]) -> None:
        assert type(wanted) is dict, f"{reading.fields} instead of {wanted}"
        assert list(reading.fields.items()) == list(wanted.items())
        self._show(place, reading.fields)
        data_time = timestamp(reading.time, _ZONE, _NOW) if reading.time else None
        # what gives no timestamp is said, and what moves is known of every time that is more than a word
        assert reading.unread_time is None or data_time is None, reading
        assert (reading.mark is None) is (reading.time is None), reading
        assert (reading.whole is None) is (data_time is not None or reading.time is None), reading
        shown = [reading.time or "", reading.unread_time or "", *chain.from_iterable(reading.texts)]
        assert all(text.isprintable() and len(text) <= MAX_TEXT for text in shown), shown
        assert len(reading.texts) <= MAX_TEXTS
        assert reading.fields.keys().isdisjoint(name for name, _ in reading.texts if len(name) < MAX_TEXT), reading
        self._set(place, "atess_device_data_timestamp_seconds", data_time)
        self._check(place)

    def _show(self, place: _Place, fields: Mapping[str, int | float]) -> None:
        left_out = self._series.update(place.row, fields)
        causes = dict(left_out)
        assert len(causes) == len(left_out)
        shown: dict[str, str] = {}
        values: dict[Key, int | float] = {}
        for name, value in fields.items():
            metric = metric_name(name)
            cause = causes.pop(name, None)
            if metric is None:
                assert cause == "name", f"{name!r}: {cause}"
                continue
            must, may = self._collides(place, name, metric, shown)
            assert cause == "collision" if must else cause is None or (may and cause == "collision"), f"{name!r}: {cause}"
            if cause is None:
                shown[metric] = name
                values[metric, place.labels] = value
        assert not causes, f"left out though not in the reading: {causes}"
        place.shown = shown
        place.values = _own(place.values) | values

    def _collides(self, place: _Place, name: str, metric: str, shown: Mapping[str, str]) -> tuple[bool, bool]:
        """Whether the field must, and whether it may, lose its metric to another.

        It may where the device itself showed the metric for another field until now.
        """
        must = (
            metric in DEVICE_FAMILIES
            or metric.startswith(RESERVED_PREFIX)
            or metric.startswith("atess_setting_") is not place.settings
            or self._owners.get(metric, name) != name
            or metric in shown
            or any(other.shown.get(metric, name) != name for other in self._others(place))
        )
        return must, must or place.shown.get(metric, name) != name

    def _others(self, *places: _Place) -> list[_Place]:
        return [other for other in (*self._places, *self._settings.values()) if other not in places]

    def _check(self, *changed: _Place) -> None:
        page = self._page = bytes(self._series.snapshot())
        found = read_page(page)
        rest = dict(found)
        for place in changed:
            place.texts = {}
            for key, value in place.values.items():
                text = rest.pop(key, None)
                assert text is not None, f"{key} is not on the page"
                assert spelled(text) == value, f"{key} is {text}, not {value!r}"
                place.texts[key] = text
        others = {key: text for place in self._others(*changed) for key, text in place.texts.items()}
        assert rest == others, f"other devices show {rest}, not {others}"
        if self._parse(found):
            check_with_parsers(page, found, self._labels)


def _own(values: Mapping[Key, int | float]) -> dict[Key, int | float]:
    """What is said about a device itself, which outlives its readings."""
    return {key: value for key, value in values.items() if key[0] in DEVICE_FAMILIES}
