from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from exporter.doctor.check import Check, Outcome
from exporter.doctor.exchange import Subject
from exporter.doctor.history import check
from exporter.doctor.observations import PAGE, WINDOW_END
from tests.helpers.observed import Observed

START = datetime(2026, 5, 4, 12)


def rows(first: int, count: int) -> list[dict[str, Any]]:
    return [
        {"deviceSn": "D1", "ppv": 1, "time": str(START + timedelta(minutes=5 * number))} for number in range(first, first + count)
    ]


def pages(folder: Path, *found: list[dict[str, Any]], total: Any = None) -> dict[str, Check]:
    observed = Observed(folder).reading("2026-05-05 12:00:00")
    for number, page in enumerate(found, start=1):
        data = {"datas": page, "total": total}
        observed.answer(Subject.HISTORY, data, purpose=PAGE, pageSize="100", pageNo=str(number))
    return {check.name.removesuffix(" pcs"): check for check in check(observed.seen)}


@pytest.mark.parametrize(
    ("found", "total", "words"),
    [
        (
            (rows(0, 100), rows(100, 100), rows(200, 20)),
            220,
            "a page has the 100 rows that are asked for; total is the number of rows",
        ),
        ((rows(0, 50), rows(50, 50), rows(100, 10)), 110, "a page has 50 rows where 100 are asked for; total is the number"),
        ((rows(0, 100), rows(100, 20)), 300, "total says 300 where there are 120 rows"),
        ((rows(0, 100), rows(100, 100)), 300, "total says 300, of which 200 were read"),
        ((rows(0, 100), rows(0, 100)), 300, "the second page is the first one again"),
        ((rows(0, 20),), 20, "one page of 20 rows holds the whole day"),
        ((rows(0, 100), []), None, "total is missing"),
        ((rows(0, 120), []), True, "a page has 120 rows though 100 are asked for; total is missing"),
    ],
)
def test_pages(tmp_path: Path, found: tuple[list[dict[str, Any]], ...], total: Any, words: str) -> None:
    assert words in pages(tmp_path, *found, total=total)["history pages"].seen


def test_a_page_that_is_capped_is_for_the_config(tmp_path: Path) -> None:
    found = pages(tmp_path, rows(0, 50), rows(50, 50), total=400)["history pages"]
    assert found.outcome is Outcome.WARN
    assert found.config == {("history", "page_size"): 50}
    # a short page alone may be all that there is
    assert pages(tmp_path, rows(0, 50), total=50)["history pages"].config == {}


@pytest.mark.parametrize(
    ("page", "words"),
    [
        (rows(0, 5), "oldest first"),
        (rows(0, 5)[::-1], "newest first"),
        (rows(3, 2) + rows(0, 2), "in no order"),
        ([*rows(0, 2), *rows(1, 2)], "oldest first, 1 row twice"),
        (rows(0, 1), "too few rows to tell"),
    ],
)
def test_order(tmp_path: Path, page: list[dict[str, Any]], words: str) -> None:
    assert pages(tmp_path, page)["history order"].seen == words


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (rows(1, 3), "a row at the start is included; a row at the end is included"),
        (rows(1, 2), "a row at the start is included; a row at the end is not included"),
        (rows(2, 2), "a row at the start is not included; a row at the end is included"),
        ([], "gave none of them"),
        # a cloud that ignores the window
        (rows(50, 3), "gave none of them"),
    ],
)
def test_the_end_of_a_window(tmp_path: Path, found: list[dict[str, Any]], words: str) -> None:
    observed = Observed(tmp_path).reading("2026-05-05 12:00:00")
    observed.answer(Subject.HISTORY, {"datas": rows(0, 10)}, purpose=PAGE, pageSize="100")
    start, end = rows(1, 1)[0]["time"], rows(3, 1)[0]["time"]
    observed.answer(Subject.HISTORY, {"datas": found}, purpose=WINDOW_END, pageSize="100", startDate=start, endDate=end)
    assert words in next(one for one in check(observed.seen) if one.name == "history window pcs").seen
