"""When the pages of a window are over, when they can be believed, and what becomes of them."""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from exporter.api.reading import InvalidReadingError
from exporter.backfill import window
from exporter.backfill.plan import Range, Source, local_seconds, local_time
from exporter.backfill.rows import NO_TIME, OUTSIDE, HistoryPage, Row, read_page
from exporter.backfill.spill import Spill
from exporter.backfill.window import assemble, is_over, is_settled
from exporter.catalogue.kinds import BY_NAME
from exporter.catalogue.types import ApiPath, Evidence
from exporter.config.schema import EVERYTHING, FieldFilter

START = local_seconds(datetime(2024, 5, 1))
WINDOW = Range(START, START + 86400)


def row(minute: int, **fields: Any) -> dict[str, Any]:
    return {"deviceSn": "A", "time": str(local_time(START + 60 * minute)), **(fields or {"ppv": minute})}


def page(*rows: Any, total: Any = None) -> HistoryPage:
    return read_page({"datas": list(rows), "total": len(rows) if total is None else total}, "A", WINDOW, EVERYTHING, UTC, BY_NAME)


def pages(*counts: int, total: int) -> list[HistoryPage]:
    """Pages of so many rows, one a minute."""
    found, minute = [], 0
    for count in counts:
        found.append(page(*(row(minute + minutes) for minutes in range(count)), total=total))
        minute += count
    return found


@pytest.mark.parametrize(
    ("counts", "total", "over"),
    [
        ((), 0, False),
        ((0,), 0, True),
        ((0,), 50, True),
        ((3,), 3, True),
        ((3,), 0, True),
        ((3,), 5, False),
        ((3, 2), 5, True),
        ((10,), 10, False),
        ((10, 0), 10, True),
        ((10,), 0, False),
        ((10, 4), 14, True),
        ((10, 4), 20, False),
        ((10, 4, 0), 20, True),
        # more than were asked for
        ((12,), 12, False),
    ],
)
def test_a_pass_is_over_where_the_pages_end(counts: tuple[int, ...], total: int, over: bool) -> None:
    assert is_over(pages(*counts, total=total), 10) is over


def test_a_page_that_comes_again_ends_a_pass() -> None:
    first, second = pages(10, 10, total=30)
    assert not is_over([first, second], 10)
    assert is_over([first, second, first], 10)
    # rows without a time cannot be told apart
    blind = page(*({"deviceSn": "A", "ppv": 1} for _ in range(10)), total=30)
    assert not is_over([blind, blind], 10)


def test_pages_without_end_end() -> None:
    endless = [HistoryPage(10, None, [Row(START + number, None, (), ())]) for number in range(window.MAX_PAGES)]
    assert not is_over(endless[:-1], 10)
    assert is_over(endless, 10)
    assert is_settled([endless], UTC)


@pytest.mark.parametrize(
    ("passes", "settled"),
    [
        ([pages(10, 4, total=14)], True),
        ([pages(10, 4, total=12)], True),
        ([pages(10, 4, total=0)], True),
        ([pages(10, 4, 0, total=15)], False),
        ([[*pages(10, total=14), *pages(4, total=13)]], False),
        ([[*pages(10, total=13), page(row(9), row(10), row(11), total=13)]], False),
        ([pages(10, 4, 0, total=15), pages(10, 4, 0, total=15)], True),
        ([pages(10, 4, 0, total=15), pages(10, 3, 0, total=15)], False),
        ([pages(10, 4, 0, total=15), pages(10, 3, 0, total=15), pages(10, 3, total=13)], True),
        ([pages(10, number, 0, total=20) for number in range(1, window.MAX_PASSES + 1)], True),
    ],
)
def test_pages_that_do_not_fit_together_are_read_again(passes: list[list[HistoryPage]], settled: bool) -> None:
    assert is_settled(passes, UTC) is settled


def test_what_any_pass_found_is_kept_and_what_was_read_last_counts() -> None:
    first = [page(row(1, ppv=1, ipv=1), row(2, ppv=2), total=3)]
    second = [page(row(2, ppv=20), row(3, ppv=30), total=3)]
    columns, notes = assemble([first, second, second], UTC)
    assert columns == {"ppv": ([START + 60, START + 120, START + 180], [1, 20, 30]), "ipv": ([START + 60], [1])}
    assert notes == {window.SHIFTED: 1, window.WRONG_TOTAL: 1}


def test_a_window_that_never_stands_still_is_said() -> None:
    passes = [[page(row(number), total=5)] for number in range(window.MAX_PASSES)]
    columns, notes = assemble(passes, UTC)
    assert columns["ppv"][1] == list(range(window.MAX_PASSES))
    assert notes[window.UNSTABLE] == 1


def test_an_hour_that_occurs_twice_is_dated_by_the_last_pass() -> None:
    zone = ZoneInfo("Europe/Berlin")
    day = Range(local_seconds(datetime(2024, 10, 27)), local_seconds(datetime(2024, 10, 28)))

    def of(*texts: str, total: int) -> HistoryPage:
        rows = [{"deviceSn": "A", "time": f"2024-10-27 {text}:00", "ppv": number} for number, text in enumerate(texts)]
        return read_page({"datas": rows, "total": total}, "A", day, EVERYTHING, zone, BY_NAME)

    # in the first pass a page begins with the last row of the one before: no second pass of the clock
    shifted = [of("01:30", "02:00", "02:30", total=4), of("02:30", "03:00", total=5)]
    assert not is_settled([shifted], zone)
    clean = [of("01:30", "02:00", "02:30", "03:00", total=4)]
    columns, _ = assemble([shifted, clean], zone)
    midnight = int(datetime(2024, 10, 26, 22, tzinfo=UTC).timestamp())
    assert columns["ppv"][0] == [midnight + minutes * 60 for minutes in (90, 120, 150, 240)]


def test_rows_without_fields_make_no_columns_and_are_no_oddity() -> None:
    only = read_page(
        {"datas": [row(1, ppv=1), row(2, ipv=2)], "total": 2}, "A", WINDOW, FieldFilter(include=["ppv"]), UTC, BY_NAME
    )
    columns, notes = assemble([[only]], UTC)
    assert (columns, notes) == ({"ppv": ([START + 60], [1])}, {})


def test_the_rules_of_a_live_reading_hold_for_every_row() -> None:
    rows = [
        row(1, a="12", b="1.50", c=True, d=None, e="word", f=float("nan"), g=[1], h=10**400, lost=False),
        row(2, deviceSn="B", ppv=1),
        {"deviceSn": "A", "ppv": 1},
        row(3, time="soon", ppv=1),
        row(4, ppv=None),
        row(-1, ppv=1),
        row(1440, ppv=1),
        "row",
        None,
    ]
    it = page(*rows)
    assert it.count == 9
    assert it.rows == [Row(START + 60, None, ("a", "b", "c", "lost"), (12, 1.5, 1, 0))]
    assert it.dropped == Counter(
        {
            NO_TIME: 2,
            # the row at the end of the window is the next one's, and is no news
            OUTSIDE: 1,
            "the data are those of another device": 1,
            "no field of the data is a number": 1,
            "the data are a single value, not an object of fields": 1,
            "the data are null, not an object of fields": 1,
        }
    )


@pytest.mark.parametrize("data", [[], "x", 5, {}, {"datas": {}}, {"datas": "x", "total": 0}, {"total": 0}])
def test_what_is_no_page_is_an_invalid_answer_and_no_empty_window(data: Any) -> None:
    with pytest.raises(InvalidReadingError):
        read_page(data, "A", WINDOW, EVERYTHING, UTC, BY_NAME)


def test_null_for_rows_is_an_empty_window_unless_there_should_be_some() -> None:
    assert read_page({"datas": None, "total": 0}, "A", WINDOW, EVERYTHING, UTC, BY_NAME).count == 0
    assert read_page(None, "A", WINDOW, EVERYTHING, UTC, BY_NAME).count == 0
    with pytest.raises(InvalidReadingError):
        read_page({"datas": None, "total": 3}, "A", WINDOW, EVERYTHING, UTC, BY_NAME)


@pytest.mark.parametrize("total", ["7", None, True, 2.5])
def test_a_total_that_is_no_number_says_nothing(total: Any) -> None:
    assert read_page({"datas": [], "total": total}, "A", WINDOW, EVERYTHING, UTC, BY_NAME).total is None


def kept(folder: Path, page: HistoryPage) -> HistoryPage:
    source = Source("pbd", "A", ApiPath(path="pbd/data-list", evidence=Evidence.INFERRED))
    spill = Spill(folder / "spill", {})
    spill.forget(source, 0)
    spill.add_page(source, 0, (1, 1), page)
    spill.close()
    spill = Spill(folder / "spill", {})
    ((found,),) = spill.pages(source, 0)
    spill.close()
    return found


def test_a_page_survives_the_disk(tmp_path: Path) -> None:
    it = page(row(1, a=1, b=0.1 + 0.2, c=10**30), row(2, a=-0.0), "row")
    assert kept(tmp_path, it) == it
    assert repr(kept(tmp_path, it)) == repr(it)


@pytest.mark.parametrize("times", [["2024-05-01T00:01:00", "2024-05-01 00:02:00.0"], ["2024/05/01 0:01", "20240501T000200"]])
def test_times_in_other_forms_are_those_of_a_live_reading(times: list[str]) -> None:
    columns, notes = assemble([[page(*(row(0, time=time, ppv=1) for time in times))]], UTC)
    assert (columns, notes) == ({"ppv": ([START + 60, START + 120], [1, 1])}, {})


def test_a_row_that_names_its_zone_is_dated_by_it(tmp_path: Path) -> None:
    zone = ZoneInfo("Europe/Berlin")
    day = Range(local_seconds(datetime(2024, 10, 27)), local_seconds(datetime(2024, 10, 28)))
    # the local hour from two to three occurs twice, and the device was off the first time
    texts = [
        "2024-10-26T23:59:00Z",
        "2024-10-27T02:30:00+01:00",
        "2024-10-27T10:00:00+07:00",
        "2024-10-27 03:30:00",
        "2024-10-27T23:00:00Z",
    ]
    rows = [{"deviceSn": "A", "time": text, "ppv": number} for number, text in enumerate(texts)]
    found = read_page({"datas": rows, "total": 4}, "A", day, EVERYTHING, zone, BY_NAME)
    assert kept(tmp_path, found) == found
    columns, notes = assemble([[found]], zone)
    instants = [
        datetime(2024, 10, 26, 23, 59, tzinfo=UTC),
        *(datetime(2024, 10, 27, *at, tzinfo=UTC) for at in ((1, 30), (3, 0), (2, 30))),
    ]
    samples = dict(zip([int(instant.timestamp()) for instant in instants], range(4), strict=True))
    assert dict(zip(*columns["ppv"], strict=True)) == samples
    assert window.AMBIGUOUS not in notes


def test_rows_that_name_their_zone_keep_their_places_on_later_pages() -> None:
    first = page(row(1), row(2, time="2024-05-01T00:02:00Z", ppv=2), total=4)
    second = page(row(3, time="2024-05-01T01:03:00+01:00", ppv=3), row(4), total=4)
    columns, _ = assemble([[first, second]], UTC)
    assert columns == {"ppv": ([START + 60 * minute for minute in (1, 2, 3, 4)], [1, 2, 3, 4])}
