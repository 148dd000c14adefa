"""One window of one device: reads its pages until they can be believed, and makes columns of them.

A page tells how many rows there are in `total`, which may lie, and rows may move from page to page while they are read. So the
end is where the pages end, never where `total` says; and a window whose pages do not fit together is read again, until two
passes agree.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import tzinfo
from itertools import chain, pairwise
from typing import Final

from exporter.backfill.fetch import Fetcher, SourceFailed
from exporter.backfill.localtime import Dated, date_rows
from exporter.backfill.plan import Range, Source
from exporter.backfill.rows import HistoryPage
from exporter.backfill.spill import SampleColumn, Spill
from exporter.config.field_filter import FieldFilter

#: How often a window is read, at the most.
MAX_PASSES: Final = 5

#: Pages of one pass; a week has 21 at a row every five minutes, and 605 at a row every ten seconds.
MAX_PAGES: Final = 1000

SHIFTED = "the pages moved while they were read, or total lies: the window was read again until two passes agreed"
RESTLESS = f"the pages went on moving: the window has what {MAX_PASSES} passes found"
WRONG_TOTAL = "total is not the number of rows"
UNORDERED = "the rows were not in order of time"
DOUBLED = "rows of the same time were made one"
TWICE = "the local time occurs twice at a clock change: told apart by the order of the rows"
NEVER = "the local time does not exist, for a clock change: read as if the clock had not been put forward yet"

#: Not told, but counted like a note: rows that have a place in the columns.
USED = "rows that could be used"

#: What is said of the pages and of rows that are kept all the same.
ABOUT_PAGES: Final = frozenset({SHIFTED, RESTLESS, WRONG_TOTAL, UNORDERED, DOUBLED, TWICE, NEVER, USED})

Passes = list[list[HistoryPage]]

_Part = tuple[list[int], Sequence[int | float]]


class WindowReader:
    """Reads windows into the spill; safe to use from several threads."""

    def __init__(self, fetcher: Fetcher, spill: Spill, zone: tzinfo, page_size: int) -> None:
        self._fetcher = fetcher
        self._spill = spill
        self._zone = zone
        self._page_size = page_size

    def read(self, source: Source, index: int, window: Range, choice: FieldFilter) -> int:
        """Make the window whole, going on from what the spill has of it. Returns the number of its samples."""
        passes: Passes = self._spill.pages(source, index) or [[]]
        while True:
            pages = passes[-1]
            while not is_over(pages, self._page_size):
                page = self._fetcher.page(source, window, len(pages) + 1, choice)
                self._spill.keep(source, index, (len(passes), len(pages) + 1), page)
                pages.append(page)
            if is_settled(passes, self._zone):
                break
            passes.append([])
        problem = _problem(passes[-1])
        if problem:
            # the next run shall ask, not find the same again
            self._spill.forget(source, index)
            raise SourceFailed(f"{window}: {problem}")
        columns, notes = assemble(passes, self._zone)
        if used := len(_times(passes[-1])):
            notes[USED] = used
        return self._spill.finish(source, index, columns, notes)


def is_over(pages: Sequence[HistoryPage], page_size: int) -> bool:
    """Whether these pages are a whole pass: the last is empty, or not full and `total` expects no more, or the same again."""
    if not pages:
        return False
    last = pages[-1]
    if not last.count or _repeats(pages) or len(pages) >= MAX_PAGES:
        return True
    return last.count < page_size and _received(pages) >= (last.total or 0)


def is_settled(passes: Passes, zone: tzinfo) -> bool:
    """Whether the last pass can be believed: its pages fit together, or it found what the one before found."""
    last = passes[-1]
    return _fits(last, zone) or len(passes) >= MAX_PASSES or len(last) >= MAX_PAGES or _agree(passes)


def assemble(passes: Passes, zone: tzinfo) -> tuple[dict[str, SampleColumn], dict[str, int]]:
    """The columns of all fields that any pass found, in order of time, and what there is to say, by how many rows.

    Of two values for one time the one that was read last counts.
    """
    notes: Counter[str] = Counter()
    parts: dict[str, list[_Part]] = {}
    for pages in passes:
        dated = date_rows(_times(pages), zone, _known(pages))
        final = pages is passes[-1]
        first = 0
        for page in _distinct(pages):
            for block in page.blocks:
                rows = [first + position for position in block.positions]
                times = [dated.instants[row] for row in rows]
                columns: Sequence[Sequence[int | float]] = block.columns
                if not final and not dated.twice.isdisjoint(rows):
                    # what occurs twice is dated by its neighbours, and only the last pass has them in order for sure
                    kept = [place for place, row in enumerate(rows) if row not in dated.twice]
                    times = [times[place] for place in kept]
                    columns = [[column[place] for place in kept] for column in columns]
                for name, values in zip(block.names, columns, strict=True):
                    parts.setdefault(name, []).append((times, values))
            first += len(page.times)
        if final:
            _note(notes, pages, dated)
    if len(passes) > 1 and any(map(_received, passes)):
        notes[SHIFTED if _agree(passes) or _fits(passes[-1], zone) else RESTLESS] = 1
    return _joined(parts), dict(notes)


def _note(notes: Counter[str], pages: Sequence[HistoryPage], dated: Dated) -> None:
    for page in _distinct(pages):
        notes.update(page.left_out)
    if pages[-1].total is not None and pages[-1].total != _received(pages):
        notes[WRONG_TOTAL] = 1
    ups = Counter(before < after for before, after in pairwise(dated.instants) if before != after)
    notes[UNORDERED] = min(ups[True], ups[False])
    notes[DOUBLED] = len(dated.instants) - len(set(dated.instants))
    notes[TWICE] = len(dated.twice)
    notes[NEVER] = dated.never
    for name in [name for name, count in notes.items() if not count]:
        del notes[name]


def _problem(pages: Sequence[HistoryPage]) -> str | None:
    """Why a settled pass cannot be the whole window, if it cannot."""
    if len(pages) >= MAX_PAGES:
        return f"the pages do not end, {MAX_PAGES} were read"
    if _repeats(pages) and _received(pages) != pages[-1].total:
        return (
            f"page {len(pages)} is one before again, and total is {pages[-1].total} where {_received(pages)} rows came: "
            "rows are missing; set history.window so short that its rows fit on one page"
        )
    return None


def _repeats(pages: Sequence[HistoryPage]) -> bool:
    return any(pages[-1].repeats(page) for page in pages[:-1])


def _distinct(pages: Sequence[HistoryPage]) -> Sequence[HistoryPage]:
    """The pages without a last one that is another one again."""
    return pages[:-1] if _repeats(pages) else pages


def _received(pages: Sequence[HistoryPage]) -> int:
    return sum(page.count for page in _distinct(pages))


def _times(pages: Sequence[HistoryPage]) -> list[int]:
    return list(chain.from_iterable(page.times for page in _distinct(pages)))


def _known(pages: Sequence[HistoryPage]) -> dict[int, int]:
    """Return the Unix times of rows that name their zone, by their positions in _times()."""
    known = {}
    first = 0
    for page in _distinct(pages):
        known.update({first + position: instant for position, instant in page.instants.items()})
        first += len(page.times)
    return known


def _agree(passes: Passes) -> bool:
    return len(passes) > 1 and sorted(_times(passes[-1])) == sorted(_times(passes[-2]))


def _fits(pages: Sequence[HistoryPage], zone: tzinfo) -> bool:
    """Whether the pages of a pass are of one state of the cloud: `total` stood still and was reached, no row was on two pages."""
    totals = {page.total for page in pages if page.total is not None}
    if not totals and not _received(pages):
        # null, or no rows and no word of how many: to be asked once more, or one bad answer would lose the window
        return False
    if len(totals) > 1 or _received(pages) < max(totals, default=0):
        return False
    if _repeats(pages):
        return _received(pages) == pages[-1].total
    seen: set[int] = set()
    for page in pages:
        if _on_two_pages(seen.intersection(page.times), zone):
            return False
        seen.update(page.times)
    return True


def _on_two_pages(times: set[int], zone: tzinfo) -> bool:
    """Whether one of these times, seen on two pages, does not occur twice by itself."""
    shared = sorted(times)
    return len(date_rows(shared, zone).twice) < len(shared)


def _joined(parts: Mapping[str, Sequence[_Part]]) -> dict[str, SampleColumn]:
    """The parts of each field as one column in order of time."""
    joined: dict[str, SampleColumn] = {}
    # most fields have the very same times
    known: dict[tuple[int, ...], tuple[list[int], bool]] = {}
    for name, columns in parts.items():
        key = tuple(id(times) for times, _ in columns)
        if key not in known:
            all_times = list(chain.from_iterable(times for times, _ in columns))
            known[key] = all_times, all(before < after for before, after in pairwise(all_times))
        times, ascending = known[key]
        values = list(chain.from_iterable(values for _, values in columns))
        if not ascending:
            samples = dict(zip(times, values, strict=True))
            times = sorted(samples)
            values = [samples[time] for time in times]
        if times:
            joined[name] = times, values
    return joined
