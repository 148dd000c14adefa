from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from exporter.polling.status import DeviceState, DeviceStatus, PollResult
from exporter.web.table import COLUMNS, PAGE_SIZE, Query, QueryError, Table
from tests.helpers.statuses import NOW, status


def serials(query: Query, *devices: DeviceStatus) -> list[str]:
    return [device.sn for device in query.matching(devices)]


def test_without_parameters_failing_devices_come_first_and_all_in_order_of_their_names() -> None:
    query = Query.parse({})
    assert query == Query()
    assert serials(query, status("b"), status("C"), status("a")) == ["a", "b", "C"]
    assert serials(query, status("b"), status("z", state=DeviceState.FAILING), status("a")) == ["z", "a", "b"]


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"state": "upp"}, "state: expected one of failing, gone, stale, waiting, up"),
        ({"state": "UP"}, "state: expected one of"),
        ({"sort": "colour"}, "sort: expected one of device, type, state"),
        ({"sort": "--device"}, "sort: expected one of"),
        ({"page": "x"}, "page: expected a number from 1"),
        ({"page": "-1"}, "page: expected a number from 1"),
        ({"page": "9" * 5000}, "page: expected a number from 1"),
        ({"page": "\u0662"}, "page: expected a number from 1"),
    ],
)
def test_what_there_is_not_is_refused(parameters: dict[str, str], expected: str) -> None:
    with pytest.raises(QueryError, match=expected):
        Query.parse(parameters)


def test_parameters_left_empty_by_a_form_are_none_at_all() -> None:
    assert Query.parse({"q": "", "state": "", "sort": "", "page": ""}) == Query()


@pytest.mark.parametrize(
    "query",
    [
        Query(),
        Query(text="a&b=c #d/é"),
        Query(state=DeviceState.STALE, sort="age", descending=True, page=7),
        Query(text="x", sort="next"),
        Query(sort="device", descending=True),
        Query(fault="bms_communication", sort="faults"),
    ],
)
def test_an_address_asks_for_what_it_was_made_from(query: Query) -> None:
    url = urlsplit(query.url())
    assert url.path == "/devices"
    assert Query.parse(dict(parse_qsl(url.query))) == query


def test_the_plain_table_has_the_plain_address() -> None:
    assert Query(page=3).url(page=1) == "/devices"


def test_a_columns_link_turns_its_order_round_and_begins_at_the_first_page() -> None:
    assert Query(page=4).resorted("age") == "/devices?sort=age"
    assert Query(sort="age").resorted("age") == "/devices?sort=-age"
    assert Query(sort="age", descending=True).resorted("age") == "/devices?sort=age"
    assert Query(text="x").resorted("device") == "/devices?q=x&sort=device"
    assert Query(text="x").resorted("state") == "/devices?q=x&sort=-state"


def test_text_is_sought_word_by_word_in_name_type_labels_and_reasons() -> None:
    one = status("UMD1", info={"site": "Mae Hong Son"})
    two = status("TND2", "hps_central", DeviceState.FAILING, reason="timeout", info={"site": "Pai"})
    three = status("TND3", "hps_central", DeviceState.STALE, stale_cause="frozen")
    found = {
        text: serials(Query(text=text), one, two, three)
        for text in ("umd", "HPS", "hong mae", "site=pai", "timeout", "frozen", "tnd timeout", "tnd nowhere")
    }
    assert found == {
        "umd": ["UMD1"],
        "HPS": ["TND2", "TND3"],
        "hong mae": ["UMD1"],
        "site=pai": ["TND2"],
        "timeout": ["TND2"],
        "frozen": ["TND3"],
        "tnd timeout": ["TND2"],
        "tnd nowhere": [],
    }


def test_a_state_and_a_text_must_both_fit() -> None:
    devices = (status("a1"), status("a2", state=DeviceState.FAILING), status("b", state=DeviceState.FAILING))
    assert serials(Query(text="a", state=DeviceState.FAILING), *devices) == ["a2"]


def test_the_worst_state_is_sorted_first() -> None:
    devices = [
        status(state.value, state=state)
        for state in (DeviceState.UP, DeviceState.WAITING, DeviceState.STALE, DeviceState.GONE, DeviceState.FAILING)
    ]
    assert serials(Query(sort="state"), *devices) == ["failing", "gone", "stale", "waiting", "up"]
    assert serials(Query(sort="state", descending=True), *devices) == ["up", "waiting", "stale", "gone", "failing"]


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize(
    ("column", "low", "high"),
    [
        ("age", {"data_age": 1.0}, {"data_age": 2.0}),
        ("poll", {"last_poll": PollResult(NOW, 1, None)}, {"last_poll": PollResult(NOW - 9, 1, None)}),
        ("duration", {"last_poll": PollResult(NOW, 1, None)}, {"last_poll": PollResult(NOW, 2, None)}),
        ("next", {"next_poll": NOW}, {"next_poll": NOW + 1}),
    ],
)
def test_what_is_unknown_comes_last_either_way(column: str, low: dict[str, Any], high: dict[str, Any], descending: bool) -> None:
    devices = (status("unknown"), status("high", **high), status("low", **low))
    expected = ["high", "low", "unknown"] if descending else ["low", "high", "unknown"]
    assert serials(Query(sort=column, descending=descending), *devices) == expected


@pytest.mark.parametrize("column", [name for name in COLUMNS if name != "device"])
@pytest.mark.parametrize("descending", [False, True])
def test_equals_are_in_order_of_their_names(column: str, descending: bool) -> None:
    devices = [status(sn) for sn in "cab"]
    assert serials(Query(sort=column, descending=descending), *devices) == ["a", "b", "c"]


def test_pages_hold_every_device_once() -> None:
    devices = [status(f"{number:04}") for number in range(2 * PAGE_SIZE + 1)]
    tables = [Table.of(devices, Query(page=page)) for page in (1, 2, 3)]
    assert [entry.sn for table in tables for entry in table.rows] == [device.sn for device in devices]
    assert [(entry.first, entry.last, entry.found, entry.pages) for entry in tables] == [
        (1, 100, 201, 3),
        (101, 200, 201, 3),
        (201, 201, 201, 3),
    ]


def test_beyond_the_last_page_is_the_last_page() -> None:
    devices = [status(str(number)) for number in range(PAGE_SIZE + 1)]
    assert Table.of(devices, Query(page=99)).query.page == 2
    assert Table.of(devices, Query(page=0)).query.page == 1
    empty = Table.of([], Query(page=5))
    assert (empty.query.page, empty.first, empty.last, empty.found, empty.pages) == (1, 0, 0, 0, 1)


def test_counts_are_of_all_devices_and_name_every_state() -> None:
    devices = [status("a"), status("b"), status("c", state=DeviceState.STALE)]
    assert Table.of(devices, Query(text="a")).counts == {
        DeviceState.FAILING: 0,
        DeviceState.GONE: 0,
        DeviceState.STALE: 1,
        DeviceState.WAITING: 0,
        DeviceState.UP: 2,
    }
