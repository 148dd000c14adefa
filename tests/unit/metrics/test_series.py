import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporter.catalogue.faults import Fault
from exporter.metrics.exposition import BLOCK, Selection, escape_label
from exporter.metrics.names import DEVICE_FAMILIES, metric_name
from exporter.metrics.series import Row, Series
from tests.helpers.fakes import samples


@pytest.fixture
def series() -> Series:
    return Series(metric_name, lambda name: f"What {name} means.", ["ppv", "vbat"])


def test_a_reading_becomes_lines_under_its_families(series: Series) -> None:
    row = series.add("pbd", "UMD1")
    series.update(row, {"vbat": 52.5, "ppv": 7})
    assert bytes(series.snapshot()) == (
        b"# HELP atess_ppv What ppv means.\n# TYPE atess_ppv gauge\n"
        b'atess_ppv{deviceSn="UMD1",type="pbd"} 7\n'
        b"# HELP atess_vbat What vbat means.\n# TYPE atess_vbat gauge\n"
        b'atess_vbat{deviceSn="UMD1",type="pbd"} 52.5\n'
    )


def test_every_family_is_one_group_across_types(series: Series) -> None:
    rows = [series.add(kind, f"{kind}{n}") for n in range(3) for kind in ("pbd", "hps_central")]
    for n, row in enumerate(rows):
        series.update(row, {"ppv": n, "vbat": n})
        series.set(row, "atess_device_up", 1)
    lines = bytes(series.snapshot()).decode().splitlines()
    names = [line.split("{")[0].split(" ")[2] if line.startswith("#") else line.split("{")[0] for line in lines]
    assert [name for n, name in enumerate(names) if n == 0 or names[n - 1] != name] == [
        "atess_device_up",
        "atess_ppv",
        "atess_vbat",
    ]
    assert len(lines) == 3 * (2 + 6)


def test_a_field_that_is_missing_now_vanishes_and_others_stay(series: Series) -> None:
    one, two = series.add("pbd", "A"), series.add("pbd", "B")
    series.update(one, {"ppv": 1, "vbat": 2})
    series.update(two, {"ppv": 3, "vbat": 4})
    series.update(one, {"vbat": 5})
    assert samples(series.snapshot()) == {
        'atess_ppv{deviceSn="B",type="pbd"}': 3,
        'atess_vbat{deviceSn="A",type="pbd"}': 5,
        'atess_vbat{deviceSn="B",type="pbd"}': 4,
    }


def test_what_is_shown_of_a_device_can_be_read_back(series: Series) -> None:
    row = series.add("pbd", "UMD1")
    assert series.reading(row) == ()
    series.update(row, {"vbat": 52.5, "deviceUp": 1, "no name": 2, "ppv": 10**300})
    assert series.reading(row) == (
        ("vbat", "atess_vbat", 52.5),
        ("deviceUp", None, 1),
        ("no name", None, 2),
        ("ppv", "atess_ppv", 10**300),
    )
    series.set(row, "atess_device_up", 1)
    series.update(row, {"ppv": 3})
    # as the whole number that it is, which is equal to 3.0
    assert repr(series.reading(row)) == "(('ppv', 'atess_ppv', 3),)"
    series.clear(row)
    assert series.reading(row) == ()
    series.update(row, {"ppv": 3})
    series.remove(row)
    assert series.reading(row) == ()


def test_a_family_without_samples_has_no_header(series: Series) -> None:
    row = series.add("pbd", "A")
    series.update(row, {"ppv": 1, "vbat": 2})
    series.update(row, {"ppv": 1})
    assert b"vbat" not in bytes(series.snapshot())
    series.clear(row)
    assert bytes(series.snapshot()) == b""


def pieces(series: Series) -> dict[str, bytes]:
    """The objects that the exposition is made of, by the metrics of their samples."""
    return {
        name: piece
        for piece in series.snapshot().pieces
        if (name := piece.lstrip(b"\n").partition(b"{")[0].decode()).startswith("atess_")
    }


def test_a_value_that_did_not_change_is_not_rendered_again(series: Series) -> None:
    row = series.add("pbd", "A")
    series.update(row, {"ppv": 1, "vbat": 2})
    before = pieces(series)
    series.update(row, {"ppv": 1, "vbat": 3})
    after = pieces(series)
    assert after["atess_ppv"] is before["atess_ppv"]
    assert after["atess_vbat"] != before["atess_vbat"]


def test_nothing_is_rendered_for_a_value_that_did_not_change(series: Series) -> None:
    rendered = []

    class Number(float):
        def __repr__(self) -> str:
            rendered.append(float(self))
            return super().__repr__()

    row = series.add("pbd", "A")
    for ppv in (1.5, 2.5, 2.5):
        series.update(row, {"ppv": Number(ppv), "vbat": Number(3.5)})
    assert rendered == [1.5, 3.5, 2.5]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1 + 0.2, "0.30000000000000004"),
        (5e-324, "5e-324"),
        (1e22, "1e+22"),
        (100.0, "100.0"),
        (10**25, "10000000000000000000000000"),
        (2**53 + 1, "9007199254740993"),
        (-7, "-7"),
    ],
)
def test_numbers_are_exact(series: Series, value: float, text: str) -> None:
    row = series.add("pbd", "A")
    series.update(row, {"ppv": value})
    assert bytes(series.snapshot()).decode().splitlines()[-1].rpartition(" ")[2] == text


def test_a_large_integer_that_differs_by_one_is_shown(series: Series) -> None:
    row = series.add("pbd", "A")
    for value in (2**53, 2**53 + 1, 2**53):
        series.update(row, {"ppv": value})
        assert bytes(series.snapshot()).endswith(b"%d\n" % value)


def test_every_change_makes_another_page(series: Series) -> None:
    row = series.add("pbd", "A")
    changes: list[Callable[[], object]] = [
        lambda: series.update(row, {"ppv": 1}),
        lambda: series.update(row, {"ppv": 2}),
        lambda: series.update(row, {"vbat": 2}),
        lambda: series.set(row, "atess_device_up", 1),
        lambda: series.set(row, "atess_device_up", None),
        lambda: series.clear(row),
        lambda: series.update(row, {"vbat": 2}),
        lambda: series.remove(row),
    ]
    for change in changes:
        before = series.snapshot()
        change()
        after = series.snapshot()
        assert after is not before
        assert bytes(after) != bytes(before)
        assert series.snapshot() is after


def test_an_unchanged_reading_leaves_the_page_as_it_is(series: Series) -> None:
    row = series.add("pbd", "A")
    series.update(row, {"ppv": 1, "vbat": 2.5})
    before = series.snapshot()
    series.update(row, {"ppv": 1, "vbat": 2.5})
    assert series.snapshot() is before


def test_nothing_is_rendered_again_for_a_field_that_has_no_series(series: Series) -> None:
    row = series.add("pbd", "A")
    series.update(row, {"ppv": 1, "a b": 2})
    before = series.snapshot()
    series.update(row, {"ppv": 1, "a b": 2})
    assert series.snapshot() is before


def test_layouts_that_somebody_keeps_change_nothing(series: Series) -> None:
    """Neither what is shown nor the page's length depends on when a layout that is out of use is freed."""
    rows = [series.add("pbd", f"S{n}") for n in range(3)]
    kept = []
    for _ in range(2):
        for fields in ({"fooBar": 1, "x": 2}, {"foo_bar": 3, "x": 2}, {"foo_bar": 3, "fooBar": 1}, {"x": 1}):
            for row in rows:
                series.update(row, fields)
                kept.append(row.layout)
            page = series.snapshot()
            assert page.length == len(bytes(page))
            shown = {metric_name(name) for name in fields}
            assert samples(page).keys() == {f"{metric}{{{row.labels}}}" for metric in shown for row in rows}
            for row in rows:
                series.clear(row)
            assert bytes(series.snapshot()) == b""


def test_the_lines_of_a_broken_device_take_no_room_for_others(series: Series) -> None:
    rows = [series.add("pbd", f"S{n}") for n in range(100)]
    for row in rows:
        series.update(row, {"ppv": 1})
    series.update(rows[50], {f"own{n}": n for n in range(50)})
    families = series._exposition._all()
    assert sum(len(family.blocks) for family in families if family.name != "atess_ppv") == 50


def test_values_that_come_back_take_no_more_room_than_before(series: Series) -> None:
    rows = [series.add("pbd", f"S{n}") for n in range(42 * BLOCK)]

    def room() -> int:
        for row in rows:
            series.update(row, {"ppv": 1})
        return sum(sys.getsizeof(family.blocks) for family in series._exposition._all())

    before = room()
    for row in rows[: len(rows) // 3]:
        series.clear(row)
    assert room() == before


def test_removed_devices_give_their_room_back(series: Series) -> None:
    rows = [series.add("pbd", f"S{n}") for n in range(42 * BLOCK)]
    for row in rows:
        series.update(row, {"ppv": 1, "vbat": 1})
    for row in rows[2 * BLOCK :]:
        series.remove(row)
    assert [len(family.blocks) for family in series._exposition._all()] == [2, 2]
    assert len(samples(series.snapshot())) == 2 * 2 * BLOCK


def test_settings_are_in_blocks_of_their_own(series: Series) -> None:
    rows = [series.add("pbd", f"S{n}", settings=settings) for n in range(20) for settings in (False, True)]
    kinds: dict[int, set[bool]] = {}
    for row in rows:
        kinds.setdefault(row.block, set()).add(row.settings)
    assert all(len(kind) == 1 for kind in kinds.values())
    assert len(kinds) == 2 * 20 / BLOCK


def test_info_that_changes_is_one_line_still(series: Series) -> None:
    rows = [series.add("pbd", sn) for sn in ("A", "AA")]
    for site in ("x", "y", "}", ""):
        for row in rows:
            series.set(row, "atess_device_info", 1, {"site": site})
    for row in rows:
        series.set(row, "atess_device_info", 1, {"model": "m", "site": "z"})
    assert samples(series.snapshot()) == {
        'atess_device_info{deviceSn="A",type="pbd",model="m",site="z"}': 1,
        'atess_device_info{deviceSn="AA",type="pbd",model="m",site="z"}': 1,
    }
    series.set(rows[0], "atess_device_info", None, {"model": "m"})
    assert list(samples(series.snapshot())) == ['atess_device_info{deviceSn="AA",type="pbd",model="m",site="z"}']


def test_what_is_not_there_can_be_taken_away(series: Series) -> None:
    row = series.add("pbd", "A")
    series.set(row, "atess_device_lost", None)
    series.clear(row)
    series.remove(row)
    assert bytes(series.snapshot()) == b""


def test_devices_that_send_the_same_fields_share_their_layout(series: Series) -> None:
    rows = [series.add("pbd", f"S{n}") for n in range(3)]
    for row in rows:
        series.update(row, {"ppv": 1, "a b": 2})
    assert len({id(row.layout) for row in rows}) == 1
    layout = rows[0].layout
    series.update(rows[0], {"ppv": 2, "a b": 2})
    assert rows[0].layout is layout


def test_fields_in_another_order_keep_their_values(series: Series) -> None:
    row = series.add("pbd", "A")
    series.update(row, {"ppv": 1, "vbat": 2})
    series.update(row, {"vbat": 2, "ppv": 1})
    assert samples(series.snapshot()) == {'atess_ppv{deviceSn="A",type="pbd"}': 1, 'atess_vbat{deviceSn="A",type="pbd"}': 2}


def test_clearing_leaves_what_is_said_about_the_device_itself(series: Series) -> None:
    row = series.add("pbd", "A")
    series.set(row, "atess_device_up", 1)
    series.update(row, {"ppv": 1})
    series.clear(row)
    series.set(row, "atess_device_up", 0)
    assert samples(series.snapshot()) == {'atess_device_up{deviceSn="A",type="pbd"}': 0}
    series.update(row, {"ppv": 1})
    assert samples(series.snapshot())['atess_ppv{deviceSn="A",type="pbd"}'] == 1


def test_a_removed_device_leaves_nothing_and_its_room_serves_the_next(series: Series) -> None:
    old = series.add("pbd", "OLD")
    series.update(old, {"ppv": 1})
    series.set(old, "atess_device_up", 1)
    series.set(old, "atess_device_info", 1, {"site": "x"})
    series.remove(old)
    assert bytes(series.snapshot()) == b""
    new = series.add("pbd", "NEW")
    assert new.block == 0
    series.update(new, {"ppv": 2})
    # a poll of the old device that was still under way
    series.update(old, {"ppv": 9})
    series.set(old, "atess_device_up", 1)
    series.clear(old)
    series.remove(old)
    assert samples(series.snapshot()) == {'atess_ppv{deviceSn="NEW",type="pbd"}': 2}


def test_labels_tell_samples_of_one_family_apart_and_none_takes_one_away(series: Series) -> None:
    row = series.add("pbd", "A")
    series.set(row, "atess_device_stale", 0, {"cause": "failing"})
    series.set(row, "atess_device_stale", 1, {"cause": "frozen"})
    assert samples(series.snapshot()) == {
        'atess_device_stale{deviceSn="A",type="pbd",cause="failing"}': 0,
        'atess_device_stale{deviceSn="A",type="pbd",cause="frozen"}': 1,
    }
    series.set(row, "atess_device_stale", None, {"cause": "failing"})
    series.set(row, "atess_device_stale", None, {"cause": "failing"})
    assert list(samples(series.snapshot())) == ['atess_device_stale{deviceSn="A",type="pbd",cause="frozen"}']


@pytest.mark.parametrize(
    ("fields", "left_out"),
    [
        ({"a b": 1, "ppv": 1}, (("a b", "name"),)),
        ({"fooBar": 1, "foo_bar": 2}, (("foo_bar", "collision"),)),
        ({"Ppv": 1}, (("Ppv", "collision"),)),
        ({"deviceUp": 1}, (("deviceUp", "collision"),)),
        ({"exporterAnything": 1}, (("exporterAnything", "collision"),)),
        ({"deviceSn2": 1}, ()),
    ],
)
def test_what_cannot_be_shown_is_said(series: Series, fields: dict[str, int], left_out: tuple[tuple[str, str], ...]) -> None:
    row = series.add("pbd", "A")
    assert series.update(row, fields) == left_out
    assert series.update(row, fields) == left_out
    shown = {name: value for name, value in fields.items() if name not in dict(left_out)}
    assert samples(series.snapshot()) == {
        f'{metric_name(name)}{{deviceSn="A",type="pbd"}}': value for name, value in shown.items()
    }


def test_a_metric_belongs_to_the_field_that_came_first_while_it_lives(series: Series) -> None:
    one, two = series.add("pbd", "A"), series.add("pbd", "B")
    series.update(one, {"fooBar": 1})
    assert series.update(two, {"foo_bar": 2}) == (("foo_bar", "collision"),)
    series.clear(one)
    series.clear(two)
    assert series.update(two, {"foo_bar": 2}) == ()
    assert b"What foo_bar means." in bytes(series.snapshot())


def test_a_metric_is_free_again_however_often_others_went(series: Series) -> None:
    one, two = series.add("pbd", "A"), series.add("pbd", "B")
    for _ in range(3):
        series.update(one, {"fooBar": 1, "x": 1})
        assert series.update(two, {"foo_bar": 2, "ppv": 3}) == (("foo_bar", "collision"),)
        series.update(one, {"fooBar": 1})
        assert series.update(two, {"foo_bar": 2, "ppv": 3}) == (("foo_bar", "collision"),)
        series.clear(one)
        assert series.update(two, {"foo_bar": 2, "ppv": 3}) == ()
        series.clear(two)


def test_devices_that_send_the_same_unknown_field_both_show_it(series: Series) -> None:
    one, two, other = series.add("pbd", "A"), series.add("pbd", "B"), series.add("pcs", "C")
    for row, fields in ((one, {"fooBar": 1}), (two, {"x": 0, "fooBar": 2}), (other, {"fooBar": 3})):
        assert series.update(row, fields) == ()
    assert sorted(value for name, value in samples(series.snapshot()).items() if "foo_bar" in name) == [1, 2, 3]


def test_a_metric_that_is_free_again_goes_to_who_was_told_that_it_is_not(series: Series) -> None:
    one, two = series.add("pbd", "A"), series.add("pbd", "B")
    series.update(one, {"fooBar": 1})
    assert series.update(two, {"foo_bar": 2, "ppv": 1}) == (("foo_bar", "collision"),)
    series.clear(one)
    assert series.update(two, {"foo_bar": 2, "ppv": 1}) == ()
    assert samples(series.snapshot())['atess_foo_bar{deviceSn="B",type="pbd"}'] == 2


def test_a_device_s_reading_and_its_settings_never_share_a_series(series: Series) -> None:
    reading, settings = series.add("pbd", "A"), series.add("pbd", "A", settings=True)
    assert series.update(settings, {"setting_x": 1, "ppv": 5}) == (("ppv", "collision"),)
    assert series.update(reading, {"setting_x": 2, "settingX": 3, "ppv": 4}) == (
        ("setting_x", "collision"),
        ("settingX", "collision"),
    )
    assert samples(series.snapshot()) == {
        'atess_setting_x{deviceSn="A",type="pbd"}': 1,
        'atess_ppv{deviceSn="A",type="pbd"}': 4,
    }


def test_fresh_fields_for_ever_leave_nothing_behind(series: Series) -> None:
    row = series.add("pbd", "A")
    for n in range(50):
        series.update(row, {f"random{n}": n, "ppv": n})
    assert samples(series.snapshot()) == {
        'atess_ppv{deviceSn="A",type="pbd"}': 49,
        'atess_random49{deviceSn="A",type="pbd"}': 49,
    }
    assert len(series._exposition._families) == 2
    assert len(series._layouts) == 1


@pytest.mark.parametrize(
    "sn", ['quote"s', "back\\slash", "back\\nslash", "new\nline", "<script>", "ünïcode ☀", "\ud800", "\u202eright to left", "\r"]
)
def test_any_serial_number_is_harmless(sn: str) -> None:
    series = Series(metric_name, lambda name: 'A "quoted" \\ help\ntext.')
    row = series.add("pbd", sn)
    series.update(row, {"ppv": 1})
    page = bytes(series.snapshot()).decode()
    plain = sn.encode("utf-8", "backslashreplace").decode()
    for families in (parse_text(page), parse_openmetrics(page + "# EOF\n")):
        (family,) = families
        assert [sample.labels for sample in family.samples] == [{"deviceSn": plain, "type": "pbd"}]
        assert family.documentation == "A 'quoted' \\ help\ntext."


numbers = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
readings = st.dictionaries(st.sampled_from(["ppv", "vbat", "fooBar", "foo_bar", "a b", "x1", "deviceUp"]), numbers)
#: More than one block of either type, and names that look like the beginning of a line or of another's labels.
SERIALS = [
    "S",
    "SS",
    "",
    'S"',
    ",type=",
    "{deviceSn=",
    '\natess_ppv{deviceSn="S",type="pbd"} 1',
    'S",type="pbd"} 5',
    "\n",
    "\\n",
    "S\\",
]
steps = st.lists(
    st.tuples(st.sampled_from(["update", "clear", "remove", "up", "info"]), st.integers(0, 2 * len(SERIALS) - 1), readings),
    max_size=30,
)


@given(steps)
@settings(max_examples=200)
def test_the_page_is_always_what_was_put_into_it(script: list[tuple[str, int, dict[str, float]]]) -> None:
    series = Series(metric_name, lambda name: name)
    devices = [(kind, sn) for sn in SERIALS for kind in ("pbd", "pcs")]
    rows = [series.add(*device) for device in devices]
    shown: dict[int, dict[str, float]] = {}
    info: dict[int, str] = {}
    for action, n, fields in script:
        if action == "update":
            left_out = dict(series.update(rows[n], fields))
            shown[n] = {str(metric_name(name)): value for name, value in fields.items() if name not in left_out}
        elif action == "clear":
            series.clear(rows[n])
            shown.pop(n, None)
        elif action == "up":
            series.set(rows[n], "atess_device_up", 1)
            series.set(rows[n], "atess_device_up", None)
        elif action == "info":
            info[n] = f'site="{escape_label(SERIALS[n % len(SERIALS)])}"'
            series.set(rows[n], "atess_device_info", 1, {"site": SERIALS[n % len(SERIALS)]})
        else:
            series.remove(rows[n])
            shown.pop(n, None)
            info.pop(n, None)
            rows[n] = series.add(*devices[n])
    expected = {f"{metric}{{{rows[n].labels}}}": float(value) for n, fields in shown.items() for metric, value in fields.items()}
    expected |= {f"atess_device_info{{{rows[n].labels},{site}}}": 1.0 for n, site in info.items()}
    page = bytes(series.snapshot())
    assert len(page) == series.snapshot().length
    assert samples(page) == expected
    parsed = list(parse_openmetrics(page.decode() + "# EOF\n"))
    assert [family.name for family in parsed] == sorted(family.name for family in parsed)
    assert sum(len(family.samples) for family in parsed) == len(expected)


def test_a_scrape_sees_each_reading_whole() -> None:
    series = Series(metric_name, lambda name: name)
    rows = [series.add("pbd", f"S{n}") for n in range(20)]
    stop = threading.Event()

    def update() -> None:
        sequence = 0
        while not stop.is_set():
            sequence += 1
            for row in rows:
                series.update(row, {f"f{i}": sequence for i in range(40)})

    updaters = [threading.Thread(target=update) for _ in range(2)]
    for thread in updaters:
        thread.start()
    try:
        for _ in range(200):
            seen: dict[str, set[float]] = {}
            for key, value in samples(series.snapshot()).items():
                seen.setdefault(key.split('"')[1], set()).add(value)
            assert all(len(values) == 1 for values in seen.values())
    finally:
        stop.set()
        for thread in updaters:
            thread.join()


def test_the_families_about_devices_have_help() -> None:
    series = Series(metric_name, lambda name: name)
    row = series.add("pbd", "A")
    for family in DEVICE_FAMILIES:
        series.set(row, family, 1)
    for parsed in parse_openmetrics(bytes(series.snapshot()).decode() + "# EOF\n"):
        assert parsed.type == "gauge"
        assert len(parsed.documentation) > 20


def own(series: Series, row: Row) -> list[str]:
    return [line for line in bytes(series.snapshot()).decode().splitlines() if row.labels in line]


def test_a_device_that_is_renamed_keeps_all_its_samples_and_others_are_left_alone(series: Series) -> None:
    rows = [series.add(kind, f"{kind}{n}") for n in range(20) for kind in ("pbd", "pcs")]
    for n, row in enumerate(rows):
        series.update(row, {"ppv": n, f"own{n}": n})
        series.set(row, "atess_device_stale", 0, {"cause": "failing"})
        series.set(row, "atess_device_stale", 1, {"cause": "frozen"})
        series.set(row, "atess_device_info", 1, {"deviceSn2": row.labels})
    settings = series.add("pbd", "pbd7", settings=True)
    series.update(settings, {"setting_x": 1})
    before = samples(series.snapshot())
    (row,) = [row for row in rows if '"pbd7"' in row.labels]
    old = series.snapshot()
    series.rename(row, 'a longer "name"')
    page = series.snapshot()
    assert page is not old
    assert page.length == len(bytes(page))
    renamed = {
        name.replace('{deviceSn="pbd7",', '{deviceSn="a longer \\"name\\"",') if "setting" not in name else name: value
        for name, value in before.items()
    }
    assert samples(page) == renamed
    series.update(row, {"ppv": 99})
    assert samples(series.snapshot())['atess_ppv{deviceSn="a longer \\"name\\"",type="pbd"}'] == 99
    series.remove(row)
    series.rename(row, "gone")
    assert not own(series, row)


class Told:
    """A series whose HELP and owners can be changed, as a reload does."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.series = Series(metric_name, lambda field: self.texts.get(field, f"Field {field}."))

    def renew(self, **texts: str) -> None:
        self.texts = texts
        self.series.renew(texts)
        page = self.series.snapshot()
        assert page.length == len(bytes(page))

    def helps(self) -> dict[str, str]:
        page = bytes(self.series.snapshot()).decode()
        found = {family.name: family.documentation for family in parse_text(page)}
        assert found == {family.name: family.documentation for family in parse_openmetrics(page + "# EOF\n")}
        return found


def test_a_new_meaning_changes_the_help_and_nothing_else() -> None:
    told = Told()
    row = told.series.add("pbd", "A")
    told.series.update(row, {"ppv": 1, "vbat": 2})
    told.series.set(row, "atess_device_up", 1)
    old = told.series.snapshot()
    before = samples(old)
    assert told.helps()["atess_ppv"] == "Field ppv."
    told.renew(ppv='PV power\nof "all" \\ strings, é')
    assert told.helps() | {"atess_ppv": ""} == {
        "atess_ppv": "",
        "atess_vbat": "Field vbat.",
        "atess_device_up": DEVICE_FAMILIES["atess_device_up"],
    }
    assert told.helps()["atess_ppv"] == "PV power\nof 'all' \\ strings, é"
    assert samples(told.series.snapshot()) == before
    changed = told.series.snapshot()
    assert changed is not old
    told.renew(ppv='PV power\nof "all" \\ strings, é')
    assert told.series.snapshot() is changed
    told.renew()
    assert told.helps()["atess_ppv"] == "Field ppv."


def test_a_field_that_is_declared_owns_its_metric_from_then_on() -> None:
    told = Told()
    rows = [told.series.add("pbd", f"S{n}") for n in range(9)]
    other, second = {"fooBar": 1, "vbat": 2}, {"foo_bar": 3, "fooBar": 1}
    for row in rows:
        assert told.series.update(row, other) == ()
    assert told.series.update(rows[0], second) == (("foo_bar", "collision"),)
    told.renew(foo_bar="The one that counts.")
    # not a sample of the other field under this one's HELP
    assert "atess_foo_bar" not in told.helps()
    for row in rows[1:]:
        # the same reading as before is looked at again
        assert told.series.update(row, other) == (("fooBar", "collision"),)
    assert told.series.update(rows[0], second) == (("fooBar", "collision"),)
    assert samples(told.series.snapshot())['atess_foo_bar{deviceSn="S0",type="pbd"}'] == 3
    assert told.helps()["atess_foo_bar"] == "The one that counts."
    told.renew()
    # it came first, and nobody owns the name any more
    assert told.series.update(rows[0], second) == (("fooBar", "collision"),)
    told.series.remove(rows[0])
    for row in rows[1:]:
        assert told.series.update(row, other) == ()
    page = told.series.snapshot()
    assert page.length == len(bytes(page))
    for row in rows[1:]:
        told.series.remove(row)
    assert bytes(told.series.snapshot()) == b""
    assert told.series.snapshot().length == 0


def test_a_field_named_like_a_family_about_devices_takes_none_away() -> None:
    told = Told()
    row = told.series.add("pbd", "A")
    told.series.set(row, "atess_device_up", 1)
    told.renew(deviceUp="Not ours.")
    assert samples(told.series.snapshot()) == {'atess_device_up{deviceSn="A",type="pbd"}': 1}
    assert told.helps() == {"atess_device_up": DEVICE_FAMILIES["atess_device_up"]}


@settings(deadline=None)
@given(
    st.lists(
        st.one_of(
            st.tuples(
                st.just("update"), st.integers(0, 9), st.dictionaries(st.sampled_from(["aB", "a_b", "c", "C"]), st.integers(0, 9))
            ),
            st.tuples(st.just("rename"), st.integers(0, 9), st.sampled_from(["x", "longer", 'q"'])),
            st.tuples(st.just("renew"), st.just(0), st.sets(st.sampled_from(["aB", "a_b", "c", "C"]))),
            st.tuples(st.just("clear"), st.integers(0, 9), st.none()),
        ),
        max_size=30,
    )
)
def test_whatever_is_renamed_and_declared_the_page_holds_together(script: list[tuple[str, int, Any]]) -> None:
    told = Told()
    rows = [told.series.add("pbd", f"S{n}") for n in range(10)]
    names = [f"S{n}" for n in range(10)]
    sent: dict[int, dict[str, int]] = {}
    declared: set[str] = set()
    for what, number, argument in script:
        if what == "update":
            told.series.update(rows[number], argument)
            sent[number] = argument
        elif what == "rename":
            names[number] = f"{argument}{number}"
            told.series.rename(rows[number], names[number])
        elif what == "clear":
            told.series.clear(rows[number])
            sent.pop(number, None)
        else:
            declared = argument
            told.renew(**dict.fromkeys(argument, "Declared."))
        page = told.series.snapshot()
        assert page.length == len(bytes(page))
        shown = samples(page)
        assert {text.split('"', 1)[1].rsplit('",type', 1)[0].replace('\\"', '"') for text in shown} <= set(names)
    # once everybody has answered again, owners have their names
    for number, fields in sent.items():
        told.series.update(rows[number], fields)
    shown = samples(told.series.snapshot())
    for number, fields in sent.items():
        for field in declared & fields.keys():
            rival = {"aB": "a_b", "a_b": "aB", "c": "C", "C": "c"}[field]
            if rival not in declared:
                assert shown[f"{metric_name(field)}{{{rows[number].labels}}}"] == fields[field]


def _fault(code: str, name: str = "bms") -> Fault:
    return Fault(code, name, "fault", "Text", "sysFaultWord2")


def _faults_shown(series: Series) -> dict[str, float]:
    return {name: value for name, value in samples(series.snapshot()).items() if name.startswith("atess_device_fault")}


def test_faults_are_shown_while_they_are_active(series: Series) -> None:
    one, two = series.add("pbd", "A"), series.add("pbd", "B")
    low, high, other = _fault("2.1", "low"), _fault("2.15", "high"), _fault("3.1", "unknown")
    active = 'atess_device_fault_active{deviceSn="%s",type="pbd",fault="%s",severity="fault",code="%s"}'
    count = 'atess_device_faults{deviceSn="%s",type="pbd"}'
    series.show_faults(one, (low, high))
    series.show_faults(two, (low,))
    both = {active % ("B", "low", "2.1"): 1, count % "B": 1}
    assert _faults_shown(series) == both | {active % ("A", "low", "2.1"): 1, active % ("A", "high", "2.15"): 1, count % "A": 2}
    series.show_faults(one, (high, other))
    assert _faults_shown(series) == both | {
        active % ("A", "high", "2.15"): 1,
        active % ("A", "unknown", "3.1"): 1,
        count % "A": 2,
    }
    # another object that says the same is no other fault
    series.show_faults(one, (_fault("2.15", "high"),))
    assert _faults_shown(series) == both | {active % ("A", "high", "2.15"): 1, count % "A": 1}
    series.show_faults(one, ())
    assert _faults_shown(series) == both | {count % "A": 0}
    series.show_faults(one, None)
    assert _faults_shown(series) == both
    series.rename(two, "b")
    assert _faults_shown(series) == {active % ("b", "low", "2.1"): 1, count % "b": 1}


@pytest.mark.parametrize("end", [Series.clear, Series.remove])
def test_faults_go_with_the_reading(series: Series, end: Callable[[Series, Row], None]) -> None:
    row = series.add("pbd", "A")
    series.update(row, {"ppv": 1})
    series.show_faults(row, (_fault("2.1"),))
    end(series, row)
    assert bytes(series.snapshot()) == b""
    series.show_faults(row, (_fault("2.1"),))
    assert bool(_faults_shown(series)) is (end is Series.clear)


def test_no_field_may_take_the_names_of_the_faults(series: Series) -> None:
    row = series.add("pbd", "A")
    dropped = series.update(row, {"deviceFaults": 1, "deviceFaultActive": 1})
    assert dropped == (("deviceFaults", "collision"), ("deviceFaultActive", "collision"))


TYPES = ("pbd", "pcs", "bcu")


@given(
    devices=st.lists(st.sampled_from(TYPES), max_size=20),
    gone=st.sets(st.integers(0, 19)),
    names=st.sets(st.sampled_from(["atess_ppv", "atess_vbat", "atess_device_up", "atess_setting_ppv", "atess_nothing"])),
    types=st.sets(st.sampled_from([*TYPES, "mbms", ""])),
)
def test_a_part_has_the_samples_of_its_names_and_types(
    devices: list[str], gone: set[int], names: set[str], types: set[str]
) -> None:
    series = Series(metric_name, lambda name: f"What {name} means.")
    for number, kind in enumerate(devices):
        row = series.add(kind, f"S{number}")
        series.update(row, {"ppv": number} if number % 3 else {"vbat": number})
        series.set(row, "atess_device_up", 1)
        series.update(series.add(kind, f"S{number}", settings=True), {"setting_ppv": number})
        if number in gone:
            series.remove(row)
    whole = samples(series.snapshot())
    for selection in (
        Selection(frozenset(names)),
        Selection(None, frozenset(types)),
        Selection(frozenset(names), frozenset(types)),
    ):
        part = series.snapshot(selection)
        assert samples(part) == {
            sample: value
            for sample, value in whole.items()
            if (selection.names is None or sample.split("{")[0] in names)
            and (selection.types is None or sample.split('type="')[1].split('"')[0] in types)
        }
        # no family without samples
        assert all(family.samples for family in parse_text(bytes(part).decode()))
        assert len(list(parse_openmetrics(bytes(part).decode() + "# EOF\n"))) == bytes(part).count(b"# TYPE")
        assert part.length == len(bytes(part))
