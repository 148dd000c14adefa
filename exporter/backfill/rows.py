"""One page of history: the API's answer -> rows, read by the same rules as a live reading."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any, NamedTuple

from exporter.api.reading import InvalidReadingError, moment, read
from exporter.backfill.plan import Range, local_seconds
from exporter.catalogue.kinds import Kinds
from exporter.config.schema import FieldFilter

NO_TIME = "row without a readable time"
OUTSIDE = "row outside the requested time range"


class Row(NamedTuple):
    """A usable row: its local time in local_seconds(), its Unix time if the row names a zone of its own, and its numbers.

    Names and values apart, because most rows of a page share their names: a window in memory is half as large.
    """

    time: int
    instant: int | None
    names: tuple[str, ...]
    values: tuple[int | float, ...]


@dataclass(slots=True)
class HistoryPage:
    """A page of `count` rows, of `total` in the window as the API says. `dropped` counts the rows without use by cause."""

    count: int
    total: int | None
    rows: list[Row] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)

    def repeats(self, other: "HistoryPage") -> bool:
        """Return whether it is the same page again."""
        return bool(self.rows) and self.rows == other.rows


def read_page(data: Any, device_sn: str, window: Range, field_filter: FieldFilter, zone: tzinfo, kinds: Kinds) -> HistoryPage:
    """Return the page in an answer's `data`. `zone` is the window's, for rows whose times name a zone of their own.

    Raises InvalidReadingError if `data` is not a page of history.
    """
    rows, total = _rows(data)
    page = HistoryPage(len(rows), total)
    shared: dict[tuple[str, ...], tuple[str, ...]] = {}
    for row in rows:
        try:
            reading = read(row, device_sn, kinds)
        except InvalidReadingError as error:
            page.dropped[str(error)] += 1
            continue
        local = moment(reading.time) if reading.time else None
        if local is None:
            page.dropped[NO_TIME] += 1
            continue
        instant = None if local.tzinfo is None else int(local.timestamp())
        if instant is not None:
            local = local.astimezone(zone).replace(tzinfo=None)
        time = local_seconds(local)
        if window.start <= time < window.end:
            fields = field_filter.of(reading.fields)
            names = tuple(fields)
            page.rows.append(Row(time, instant, shared.setdefault(names, names), tuple(fields.values())))
        elif time != window.end:
            # a row at the window's end comes again with the next window
            page.dropped[OUTSIDE] += 1
    return page


def _rows(data: Any) -> tuple[list[Any], int | None]:
    if data is None:
        # a device without any history yet
        return [], None
    if not isinstance(data, dict) or "datas" not in data:
        raise InvalidReadingError("data is not a page of history")
    rows = data["datas"]
    total = data.get("total")
    if not isinstance(total, int) or isinstance(total, bool):
        total = None
    if rows is None and not total:
        rows = []
    if not isinstance(rows, list):
        raise InvalidReadingError("the page of history has no list of rows")
    return rows, total
