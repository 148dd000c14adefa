"""Faults of history pages. Other answers they leave alone."""

import random
from collections.abc import Callable
from dataclasses import replace

from exporter.simulator.answer import JSON, Answer, Reading
from tests.helpers.faulty_cloud.exchange import Exchange
from tests.helpers.faulty_cloud.faults.registry import fault

Rows = list[Reading]


def _changed(answer: Answer, change: Callable[[Rows], Rows], more: int = 0) -> Answer:
    """Return the page with its rows changed, and `more` rows in all than there are."""
    data = answer.data
    if not isinstance(data, dict) or not isinstance(data.get("datas"), list):
        return answer
    rows: list[JSON] = [*change(_rows(answer))]
    total = data["total"]
    return replace(answer, data={**data, "datas": rows, "total": total + more if isinstance(total, int) else total})


def _rows(answer: Answer) -> Rows:
    rows = answer.data.get("datas") if isinstance(answer.data, dict) else None
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


@fault
async def wrong_total(x: Exchange, *, by: int = 7) -> None:
    """History: total is `by` (default 7) more than there are."""
    await x.reply(_changed(x.answer, list, by))


@fault
async def no_total(x: Exchange) -> None:
    """History: total is always 0, as in the vendor's example."""
    answer = x.answer
    if isinstance(answer.data, dict) and "total" in answer.data:
        answer = replace(answer, data={**answer.data, "total": 0})
    await x.reply(answer)


@fault
async def shifting_pages(x: Exchange) -> None:
    """History: while a window is read for the first time its first row vanishes, so the rows on later pages move up by one."""
    page = int(x.history["pageNo"]) if x.history else 1
    if page == 1 or x.before:
        await x.reply(x.answer)
        return
    next_page = _rows(x.ask(pageNo=str(page + 1)))
    await x.reply(_changed(x.answer, lambda rows: rows[1:] + next_page[:1], -1))


@fault
async def repeated_page(x: Exchange) -> None:
    """History: pageNo is ignored, every page is the first."""
    await x.reply(x.ask(pageNo="1") if x.history else x.answer)


@fault
async def last_page_again(x: Exchange) -> None:
    """History: pages beyond the last are the last once more."""
    answer, page = x.answer, int(x.history["pageNo"]) if x.history else 1
    while page > 1 and not _rows(answer):
        page -= 1
        answer = x.ask(pageNo=str(page))
    await x.reply(answer)


@fault
async def newest_first(x: Exchange) -> None:
    """History: the rows run backwards."""
    answer = x.answer
    if x.history and isinstance(answer.data, dict):
        total, size, page = int(str(answer.data["total"])), int(x.history["pageSize"]), int(x.history["pageNo"])
        end = max(0, total - (page - 1) * size)
        rows = [_rows(x.ask(pageNo=str(number), pageSize="1"))[0] for number in range(end, max(0, end - size), -1)]
        answer = _changed(answer, lambda _: rows)
    await x.reply(answer)


@fault
async def shuffled_rows(x: Exchange) -> None:
    """History: the rows of a page are in no order."""
    await x.reply(_changed(x.answer, lambda rows: random.Random(len(rows)).sample(rows, len(rows))))


@fault
async def doubled_rows(x: Exchange) -> None:
    """History: every fifth row comes twice."""
    await x.reply(
        _changed(x.answer, lambda rows: [copy for number, row in enumerate(rows) for copy in [row] * (1 + (not number % 5))])
    )


@fault
async def untimed_rows(x: Exchange) -> None:
    """History: every tenth row has no time, or one that is none."""
    times: tuple[JSON, ...] = (None, "soon", "2024-02-30 10:00:00")
    await x.reply(
        _changed(
            x.answer,
            lambda rows: [row if number % 10 else row | {"time": times[number // 10 % 3]} for number, row in enumerate(rows)],
        )
    )


@fault
async def null_fields(x: Exchange) -> None:
    """History: in each row some fields are null, in every seventh all of them."""
    await x.reply(_changed(x.answer, lambda rows: [_with_nulls(row, number) for number, row in enumerate(rows)]))


def _with_nulls(row: Reading, number: int) -> Reading:
    names = [name for name in row if name not in ("deviceSn", "time")]
    return row | dict.fromkeys(names if not number % 7 else names[number % 3 :: 3])


@fault
async def null_window(x: Exchange) -> None:
    """History: null instead of a page without rows."""
    answer = x.answer
    await x.reply(replace(answer, data=None) if x.history and not _rows(answer) else answer)


@fault
async def foreign_rows(x: Exchange) -> None:
    """History: every page has a row of another device, one that is no object, and one from another year."""
    answer = x.answer
    data = answer.data
    if isinstance(data, dict) and isinstance(data.get("datas"), list) and (rows := _rows(answer)):
        other: list[JSON] = [rows[0] | {"deviceSn": "ANOTHER"}, "row", rows[0] | {"time": "2019-07-01 12:00:00"}]
        answer = replace(answer, data={**data, "datas": [*rows, *other]})
    await x.reply(answer)


@fault
async def iso_rows(x: Exchange) -> None:
    """History: the times are in other forms of ISO 8601."""
    await x.reply(_changed(x.answer, lambda rows: [_in_iso_form(row, number) for number, row in enumerate(rows)]))


def _in_iso_form(row: Reading, number: int) -> Reading:
    time = str(row.get("time"))
    forms = (
        time.replace(" ", "T"),
        f"{time}.0",
        time.replace("-", "/"),
        time.replace("-", "").replace(" ", "T").replace(":", ""),
    )
    return row | {"time": forms[number % len(forms)]}


@fault
async def unreadable_rows(x: Exchange) -> None:
    """History: no row has a time that says when."""
    times: tuple[JSON, ...] = ("2033-00-00 39:77:77", 0, "11/12/2024 08:00:00 PM", "1970-01-01 00:00:00")
    await x.reply(
        _changed(x.answer, lambda rows: [row | {"time": times[number % len(times)]} for number, row in enumerate(rows)])
    )


@fault
async def other_days(x: Exchange) -> None:
    """History: the range that was asked for is ignored."""
    await x.reply(_changed(x.answer, lambda rows: [row | {"time": f"2019{str(row.get('time'))[4:]}"} for row in rows]))
