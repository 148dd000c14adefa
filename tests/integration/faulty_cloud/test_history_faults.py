"""The faults of history pages, as they look on the wire."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.helpers.bare_http import Get
from tests.helpers.faulty_cloud import FAULTS, FaultyCloud

WINDOW = {"startDate": "2026-05-05 08:00:00", "endDate": "2026-05-05 10:00:00", "pageSize": "10"}
PATH = "pbd/data-list"

Pages = list[dict[str, Any]]


def pages(get: Get, *numbers: int) -> Pages:
    return [get(PATH, deviceSn="P1", pageNo=str(number), **WINDOW).data for number in numbers]


def times(page: dict[str, Any]) -> list[str]:
    return [row["time"] for row in page["datas"]]


def wrong_total(good: Pages, bad: Pages) -> bool:
    return [page["datas"] for page in bad] == [page["datas"] for page in good] and {page["total"] for page in bad} == {31}


def no_total(good: Pages, bad: Pages) -> bool:
    return [page["datas"] for page in bad] == [page["datas"] for page in good] and {page["total"] for page in bad} == {0}


def shifting_pages(good: Pages, bad: Pages) -> bool:
    rows = [row for page in good for row in page["datas"]]
    lost = rows[10]
    return [row for page in bad for row in page["datas"]] == [row for row in rows if row != lost] and bad[1]["total"] == 23


def repeated_page(good: Pages, bad: Pages) -> bool:
    return bad == [good[0]] * 4


def last_page_again(good: Pages, bad: Pages) -> bool:
    return bad == [*good[:3], good[2]]


def newest_first(good: Pages, bad: Pages) -> bool:
    rows = [row for page in good for row in page["datas"]]
    return [row for page in bad for row in page["datas"]] == rows[::-1] and [len(page["datas"]) for page in bad] == [10, 10, 4, 0]


def shuffled_rows(good: Pages, bad: Pages) -> bool:
    return times(bad[0]) != times(good[0]) and sorted(times(bad[0])) == times(good[0])


def doubled_rows(good: Pages, bad: Pages) -> bool:
    return len(bad[0]["datas"]) == 12 and sorted(set(times(bad[0]))) == times(good[0])


def untimed_rows(good: Pages, bad: Pages) -> bool:
    return [page["datas"][0]["time"] for page in bad[:3]] == [None] * 3 and times(bad[0])[1:] == times(good[0])[1:]


def null_fields(good: Pages, bad: Pages) -> bool:
    none = [sum(value is None for value in row.values()) for row in bad[0]["datas"]]
    return none[0] == none[7] == 76 and set(none[1:7]) <= {25, 26} and times(bad[0]) == times(good[0])


def null_window(good: Pages, bad: Pages) -> bool:
    return bad == [*good[:3], None]


def foreign_rows(good: Pages, bad: Pages) -> bool:
    other, text, old = bad[0]["datas"][10:]
    return (other["deviceSn"], text, old["time"][:4]) == ("ANOTHER", "row", "2019") and bad[0]["datas"][:10] == good[0]["datas"]


def iso_rows(good: Pages, bad: Pages) -> bool:
    first = times(good[0])
    rest = [page["datas"][0] | {"time": ""} for page in bad[:3]] == [page["datas"][0] | {"time": ""} for page in good[:3]]
    return rest and times(bad[0])[:2] == [first[0].replace(" ", "T"), f"{first[1]}.0"] and "/" in times(bad[0])[2]


def unreadable_rows(good: Pages, bad: Pages) -> bool:
    wanted: list[Any] = ["2033-00-00 39:77:77", 0, "11/12/2024 08:00:00 PM", "1970-01-01 00:00:00"]
    return times(bad[0])[:4] == wanted and all(time in wanted for page in bad for time in times(page))


def other_days(good: Pages, bad: Pages) -> bool:
    return [times(page) for page in bad] == [["2019" + time[4:] for time in times(page)] for page in good]


CHECKS: dict[str, Callable[[Pages, Pages], bool]] = {
    check.__name__: check
    for check in (
        wrong_total,
        no_total,
        shifting_pages,
        repeated_page,
        last_page_again,
        newest_first,
        shuffled_rows,
        doubled_rows,
        untimed_rows,
        null_fields,
        null_window,
        foreign_rows,
        iso_rows,
        unreadable_rows,
        other_days,
    )
}


def test_every_fault_of_history_is_checked() -> None:
    assert set(CHECKS) == {name for name, text in FAULTS.items() if text.startswith("History:")}


@pytest.mark.parametrize("fault", CHECKS)
def test_a_fault_looks_as_described(cloud: FaultyCloud, get: Get, fault: str) -> None:
    good = pages(get, 1, 2, 3, 4)
    assert [len(page["datas"]) for page in good] == [10, 10, 4, 0]
    assert {page["total"] for page in good} == {24}
    cloud.faults.set("pbd", "P1", fault)
    assert CHECKS[fault](good, pages(get, 1, 2, 3, 4))


def test_pages_shift_only_while_they_are_read_for_the_first_time(cloud: FaultyCloud, get: Get) -> None:
    good = pages(get, 1, 2, 3, 4)
    cloud.faults.set("pbd", "P1", "shifting_pages")
    assert pages(get, 1, 2, 3, 4) != good
    assert pages(get, 1, 2, 3, 4) == good
