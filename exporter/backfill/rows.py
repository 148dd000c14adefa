"""One page of history: the API's answer -> columns of values, by the same rules as a live reading."""

import marshal
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any

from exporter.api.reading import InvalidReadingError, moment, read
from exporter.backfill.plan import Range, local_seconds
from exporter.catalogue.kinds import Kinds
from exporter.config.field_filter import FieldFilter

NO_TIME = "row without a readable time"
OUTSIDE = "row outside the requested time range"


@dataclass(slots=True)
class RowGroup:
    """The rows of a page that have the same fields: their positions in `HistoryPage.times`, and the values of each field."""

    names: tuple[str, ...]
    positions: list[int]
    columns: list[Sequence[int | float]]


@dataclass(slots=True)
class HistoryPage:
    """A page of `count` rows, of `total` in the window as the API says. `times` are those of the usable rows, in local_seconds().

    `dropped` counts the other rows by cause. `instants` has the Unix times of rows whose times name a zone, by their positions in
    `times`.
    """

    count: int
    total: int | None
    times: list[int] = field(default_factory=list)
    groups: list[RowGroup] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)
    instants: dict[int, int] = field(default_factory=dict)

    def repeats(self, other: "HistoryPage") -> bool:
        """Return whether it is the same page again."""
        return bool(self.times) and self.times == other.times and self.groups == other.groups

    def dump(self) -> bytes:
        """Return the page as bytes that only the same version of Python can load."""
        groups = [(group.names, group.positions, group.columns) for group in self.groups]
        return marshal.dumps((self.count, self.total, self.times, groups, dict(self.dropped), self.instants))

    @classmethod
    def load(cls, data: bytes) -> "HistoryPage":
        """Return the page that dump() gave as `data`."""
        count, total, times, groups, dropped, instants = marshal.loads(data)  # noqa: S302 - our own file, see spill
        return cls(count, total, times, [RowGroup(*group) for group in groups], Counter(dropped), instants)


def read_page(data: Any, device_sn: str, window: Range, field_filter: FieldFilter, zone: tzinfo, kinds: Kinds) -> HistoryPage:
    """Return the page in an answer's `data`. `zone` is the window's, for rows whose times name a zone of their own.

    Raises InvalidReadingError if `data` is not a page of history.
    """
    rows, total = _rows(data)
    page = HistoryPage(len(rows), total)
    groups: dict[tuple[str, ...], tuple[list[int], list[Sequence[int | float]]]] = {}
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
        if not window.start <= time < window.end:
            # a row at the window's end comes again with the next window
            if time != window.end:
                page.dropped[OUTSIDE] += 1
            continue
        fields = field_filter.of(reading.fields)
        positions, values = groups.setdefault(tuple(fields), ([], []))
        if instant is not None:
            page.instants[len(page.times)] = instant
        positions.append(len(page.times))
        values.append(tuple(fields.values()))
        page.times.append(time)
    page.groups = [RowGroup(names, positions, list(zip(*values, strict=True))) for names, (positions, values) in groups.items()]
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
