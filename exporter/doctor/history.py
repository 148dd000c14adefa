"""How history behaves: order, `total`, page size, the end of a window, and how far back it goes."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

from exporter.catalogue.types import DeviceType
from exporter.doctor.check import Check, Outcome, counted, listed
from exporter.doctor.exchange import Exchange, Subject
from exporter.doctor.observations import CANDIDATE, LARGER_PAGE, LATEST, PAGE, WINDOW_END, Observations, local_time, rows_of
from exporter.doctor.paths import optional_path
from exporter.doctor.survey import DAYS_BACK


def check(seen: Observations) -> Iterator[Check]:
    """Yield the checks of each type's history."""
    if seen.plan.options.quick:
        return
    for known in seen.types:
        if known.paths.history is None:
            continue
        path = optional_path(seen, known, Subject.HISTORY, known.paths.history)
        pages = [page for page in seen.of(Subject.HISTORY, known.type, LATEST, PAGE, CANDIDATE) if rows_of(page)]
        if not pages:
            if path.outcome is Outcome.OK:
                path = Check(path.name, Outcome.WARN, f"{path.seen}, but with no row of the last day", "Try another device.")
            yield path
            continue
        yield path
        yield _order(known, pages)
        yield _pages(seen, known, pages)
        yield _end(seen, known)
        yield _depth(seen, known)


def _times(page: Exchange) -> list[datetime]:
    return [time for row in rows_of(page) or [] if (time := local_time(_time_of(row)))]


def _time_of(row: Any) -> Any:
    return row.get("time") if isinstance(row, dict) else None


def _order(known: DeviceType, pages: Sequence[Exchange]) -> Check:
    times = [time for page in pages for time in _times(page)]
    name = f"history order {known.type}"
    if len(times) < 2:
        return Check(name, Outcome.SKIP, "too few rows to tell")
    up, down = sum(a < b for a, b in pairwise(times)), sum(a > b for a, b in pairwise(times))
    twice = sum(a == b for a, b in pairwise(times))
    text = "oldest first" if up and not down else "newest first" if down and not up else "in no order"
    if twice:
        text += f", {counted(twice, 'row')} twice"
    return Check(name, Outcome.OK, text, settles={"history.order": text})


def _pages(seen: Observations, known: DeviceType, pages: Sequence[Exchange]) -> Check:
    name = f"history pages {known.type}"
    asked = int(pages[0].query["pageSize"])
    counts = [len(rows_of(page) or []) for page in pages]
    whole = [page for page in seen.of(Subject.HISTORY, known.type, PAGE) if page.error is None]
    repeated = len(pages) > 1 and _times(pages[0]) == _times(pages[1])
    total = pages[0].data.get("total")
    parts = []
    config: dict[tuple[str, ...], Any] = {}
    outcome, remedy = Outcome.OK, ""
    settles = {}
    if repeated:
        parts.append("the second page is the first one again")
        outcome, remedy = Outcome.WARN, "Set history.window so small that one page holds it, for backfill."
    elif counts[0] < asked and len(counts) > 1:
        parts.append(f"a page has {counts[0]} rows where {asked} are asked for")
        outcome, remedy = Outcome.WARN, f"Put this into the config: history: {{page_size: {counts[0]}}}"
        config["history", "page_size"] = counts[0]
        settles["history.page"] = f"at most {counts[0]} rows a page"
    elif counts[0] == asked:
        parts.append(f"a page has the {asked} rows that are asked for")
        settles["history.page"] = f"{asked} rows a page are given"
    elif counts[0] > asked:
        parts.append(f"a page has {counts[0]} rows though {asked} are asked for")
    else:
        parts.append(f"one page of {counted(counts[0], 'row')} holds the whole day, so nothing is known of larger ones")
    parts += _larger(seen, known, counts[0])
    ended = counts[-1] < counts[0] or len(whole) > len([page for page in whole if rows_of(page)])
    if not isinstance(total, int) or isinstance(total, bool):
        parts.append("total is missing")
    elif repeated:
        pass
    elif total == sum(counts):
        parts.append(f"total is the number of rows ({total})")
        settles["history.total"] = "total is the number of rows"
    elif ended or total < sum(counts):
        parts.append(f"total says {total} where there are {sum(counts)} rows")
        settles["history.total"] = "total is not the number of rows"
    else:
        parts.append(f"total says {total}, of which {sum(counts)} were read")
    return Check(name, outcome, "; ".join(parts), remedy, settles=settles, config=config)


def _larger(seen: Observations, known: DeviceType, usual: int) -> Iterator[str]:
    for page in seen.of(Subject.HISTORY, known.type, LARGER_PAGE):
        size, rows = page.query["pageSize"], rows_of(page)
        if page.error is not None:
            yield f"pageSize {size} is refused ({page.answer})"
        elif rows is not None:
            yield f"pageSize {size} gives {len(rows)}" + (" as well" if len(rows) == usual else "")


def _end(seen: Observations, known: DeviceType) -> Check:
    name = f"history window {known.type}"
    for page in seen.of(Subject.HISTORY, known.type, WINDOW_END):
        times = {time.isoformat(" ", "seconds") for time in _times(page)}
        start, end = page.query["startDate"], page.query["endDate"]
        if not times or not any(start <= time <= end for time in times):
            return Check(name, Outcome.SKIP, f"a window between two rows gave none of them ({page.answer})")
        words = [
            f"a row at the {place} is {'' if time in times else 'not '}included"
            for place, time in (("start", start), ("end", end))
        ]
        return Check(name, Outcome.OK, "; ".join(words), settles={"history.end": words[1]})
    return Check(name, Outcome.SKIP, "too few rows to ask for a window that ends at one")


def _depth(seen: Observations, known: DeviceType) -> Check:
    name = f"history depth {known.type}"
    there: list[int] = []
    absent: list[int] = []
    refused: list[int] = []
    for days in DAYS_BACK:
        for page in seen.of(Subject.HISTORY, known.type, f"{days} days old"):
            (refused if page.error is not None else there if rows_of(page) else absent).append(days)
    if not there and not absent:
        return Check(name, Outcome.SKIP, "not asked" if not refused else "days that are long past are refused")
    parts = [f"rows of {listed([str(days) for days in there])} days ago"] if there else []
    parts += [f"none of {listed([str(days) for days in absent])} days ago"] if absent else []
    parts += [f"refused for {listed([str(days) for days in refused])} days ago"] if refused else []
    text = "; ".join(parts)
    return Check(name, Outcome.OK, text, settles={"history.depth": text} if there else {})
