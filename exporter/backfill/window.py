"""One window of one device: reads its pages until they are consistent, and turns them into columns.

Each page says in `total` how many rows the window has. That may be wrong, and rows may move from page to page while they are
read. So a pass ends where the pages end, never where `total` says, and a window whose pages are inconsistent is read again until
two passes agree.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import tzinfo
from itertools import pairwise
from typing import Final

from exporter.backfill.fetch import Fetcher, SourceFailed
from exporter.backfill.localtime import DatedRows, date_rows
from exporter.backfill.plan import BackfillPlan, Source
from exporter.backfill.rows import HistoryPage, Row
from exporter.backfill.spill import SampleColumn, Spill
from exporter.config.schema import FieldFilter

#: How often a window is read at most.
MAX_PASSES: Final = 5

#: Pages of one pass at most. A week has 21 with a row every five minutes, and 605 with a row every ten seconds.
MAX_PAGES: Final = 1000

# Notes: what is logged at the end of a run about the windows' pages and rows, with how often it was seen.
SHIFTED = "pages shifted while being read, or total is wrong: read again until two passes agreed"
UNSTABLE = f"pages kept shifting: merged the rows of {MAX_PASSES} passes"
WRONG_TOTAL = "total is not the number of rows"
UNORDERED = "rows were not in order of time"
DUPLICATES = "rows with the same time were merged"
AMBIGUOUS = "local time occurs twice at a clock change: resolved by the order of the rows"
NONEXISTENT = "local time does not exist at a clock change: read as if the clock had not been put forward yet"

#: Counted like a note, but not logged: rows that became samples.
USED = "rows used"

#: The notes that do not mean that a row was dropped.
NOTHING_DROPPED: Final = frozenset({SHIFTED, UNSTABLE, WRONG_TOTAL, UNORDERED, DUPLICATES, AMBIGUOUS, NONEXISTENT, USED})

Passes = list[list[HistoryPage]]


def read_window(fetcher: Fetcher, spill: Spill, plan: BackfillPlan, source: Source, index: int, fields: FieldFilter) -> int:
    """Read the rest of a window into the spill, going on from what that has of it. Return the number of its samples.

    Raises SourceFailed, and what Fetcher.page() raises.
    """
    window = plan.windows[index]
    passes: Passes = spill.pages(source, index) or [[]]
    while True:
        pages = passes[-1]
        while not is_over(pages, plan.page_size):
            page = fetcher.page(source, window, len(pages) + 1, fields)
            spill.add_page(source, index, (len(passes), len(pages) + 1), page)
            pages.append(page)
        if is_settled(passes, plan.zone):
            break
        passes.append([])
    problem = _problem(passes[-1])
    if problem:
        # or the next run would find these pages in the spill, and fail without a request
        spill.forget(source, index)
        raise SourceFailed(f"{window}: {problem}")
    columns, notes = assemble(passes, plan.zone)
    if used := len(_rows(passes[-1])):
        notes[USED] = used
    return spill.finish(source, index, columns, notes)


def is_over(pages: Sequence[HistoryPage], page_size: int) -> bool:
    """Return whether a pass ends here: its last page is empty, repeats an earlier one, or is not full and `total` is reached."""
    if not pages:
        return False
    last = pages[-1]
    if not last.count or _repeats(pages) or len(pages) >= MAX_PAGES:
        return True
    return last.count < page_size and _received(pages) >= (last.total or 0)


def is_settled(passes: Passes, zone: tzinfo) -> bool:
    """Return whether to stop reading: the last pass is consistent or agrees with the one before, or there are enough."""
    last = passes[-1]
    return _is_consistent(last, zone) or len(passes) >= MAX_PASSES or len(last) >= MAX_PAGES or _agree(passes)


def assemble(passes: Passes, zone: tzinfo) -> tuple[dict[str, SampleColumn], dict[str, int]]:
    """Return the columns of all fields that any pass found, in order of time, and the notes with how many rows they are about.

    Of two values for one time the one that was read last counts.
    """
    notes: Counter[str] = Counter()
    samples: dict[str, SampleColumn] = {}
    for pages in passes:
        rows = _rows(pages)
        dated = _date(rows, zone)
        final = pages is passes[-1]
        for index, (row, instant) in enumerate(zip(rows, dated.instants, strict=True)):
            # ambiguous rows are dated by their neighbours, and only the last pass is sure to have those in order
            if final or index not in dated.ambiguous:
                for name, value in zip(row.names, row.values, strict=True):
                    column = samples.setdefault(name, ([], []))
                    column[0].append(instant)
                    column[1].append(value)
        if final:
            _add_notes(notes, pages, dated)
    if len(passes) > 1 and any(map(_received, passes)):
        notes[SHIFTED if _agree(passes) or _is_consistent(passes[-1], zone) else UNSTABLE] = 1
    columns = {}
    for name, column in samples.items():
        values = dict(zip(*column, strict=True))
        times = sorted(values)
        columns[name] = times, [values[time] for time in times]
    return columns, dict(+notes)


def _add_notes(notes: Counter[str], pages: Sequence[HistoryPage], dated: DatedRows) -> None:
    for page in _distinct(pages):
        notes.update(page.dropped)
    if pages[-1].total is not None and pages[-1].total != _received(pages):
        notes[WRONG_TOTAL] = 1
    ups = Counter(before < after for before, after in pairwise(dated.instants) if before != after)
    notes[UNORDERED] = min(ups[True], ups[False])
    notes[DUPLICATES] = len(dated.instants) - len(set(dated.instants))
    notes[AMBIGUOUS] = len(dated.ambiguous)
    notes[NONEXISTENT] = dated.nonexistent


def _problem(pages: Sequence[HistoryPage]) -> str | None:
    """Return why a settled pass cannot be the whole window, or None."""
    if len(pages) >= MAX_PAGES:
        return f"no last page after {MAX_PAGES} pages"
    if _repeats(pages) and _received(pages) != pages[-1].total:
        return (
            f"page {len(pages)} repeats an earlier page, and only {_received(pages)} rows of total {pages[-1].total} came: "
            "rows are missing; set history.window so short that its rows fit on one page"
        )
    return None


def _repeats(pages: Sequence[HistoryPage]) -> bool:
    return any(pages[-1].repeats(page) for page in pages[:-1])


def _distinct(pages: Sequence[HistoryPage]) -> Sequence[HistoryPage]:
    """Return the pages without a last one that repeats an earlier one."""
    return pages[:-1] if _repeats(pages) else pages


def _received(pages: Sequence[HistoryPage]) -> int:
    return sum(page.count for page in _distinct(pages))


def _rows(pages: Sequence[HistoryPage]) -> list[Row]:
    return [row for page in _distinct(pages) for row in page.rows]


def _date(rows: Sequence[Row], zone: tzinfo) -> DatedRows:
    known = {index: row.instant for index, row in enumerate(rows) if row.instant is not None}
    return date_rows([row.time for row in rows], zone, known)


def _agree(passes: Passes) -> bool:
    found = [sorted(row.time for row in _rows(pages)) for pages in passes[-2:]]
    return len(found) == 2 and found[0] == found[1]


def _is_consistent(pages: Sequence[HistoryPage], zone: tzinfo) -> bool:
    """Return whether no row moved while a pass was read: `total` stayed the same and was reached, no row is on two pages."""
    totals = {page.total for page in pages if page.total is not None}
    if not totals and not _received(pages):
        # null, or neither rows nor a total: one bad answer must not lose the window, so read it once more
        return False
    if len(totals) > 1 or _received(pages) < max(totals, default=0):
        return False
    if _repeats(pages):
        return _received(pages) == pages[-1].total
    seen: set[int] = set()
    for page in pages:
        times = {row.time for row in page.rows}
        if _on_two_pages(seen & times, zone):
            return False
        seen |= times
    return True


def _on_two_pages(times: set[int], zone: tzinfo) -> bool:
    """Return whether any of these times, seen on two pages, is not ambiguous, so that it must be the same row."""
    shared = sorted(times)
    return len(date_rows(shared, zone).ambiguous) < len(shared)
