"""One page of history: the raw answer -> its rows by columns, by the same rules as a live reading."""

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

NO_TIME = "the row has no time that can be read"
OUTSIDE = "the row is from outside the time that was asked for"


@dataclass(slots=True)
class Block:
    """Rows of a page that have the same fields: their positions in `Page.times`, and the values of each field."""

    names: tuple[str, ...]
    positions: list[int]
    columns: list[Sequence[int | float]]


@dataclass(slots=True)
class HistoryPage:
    """`count` rows came, and the cloud says that there are `total`; `times` are those of the usable ones, in local_seconds().

    `left_out` counts the rows that are not usable, by cause. `instants` has the Unix times of rows that name their zone, by their
    positions in `times`.
    """

    count: int
    total: int | None
    times: list[int] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    instants: dict[int, int] = field(default_factory=dict)

    def repeats(self, other: "HistoryPage") -> bool:
        """Whether it is the same page again."""
        return bool(self.times) and self.times == other.times and self.blocks == other.blocks

    def dump(self) -> bytes:
        """The page as bytes, for the Python that wrote them."""
        blocks = [(block.names, block.positions, block.columns) for block in self.blocks]
        return marshal.dumps((self.count, self.total, self.times, blocks, dict(self.left_out), self.instants))

    @classmethod
    def load(cls, data: bytes) -> "HistoryPage":
        """The page that dump() made bytes of."""
        count, total, times, blocks, left_out, instants = marshal.loads(data)  # noqa: S302 - our own file, see spill
        return cls(count, total, times, [Block(*block) for block in blocks], Counter(left_out), instants)


def read_page(data: Any, device_sn: str, window: Range, choice: FieldFilter, zone: tzinfo, kinds: Kinds) -> HistoryPage:
    """Return the page in an answer's `data`; `zone` is the window's, for rows whose times name one of their own.

    Raises InvalidReadingError where there is none.
    """
    rows, total = _rows(data)
    page = HistoryPage(len(rows), total)
    blocks: dict[tuple[str, ...], tuple[list[int], list[Sequence[int | float]]]] = {}
    for row in rows:
        try:
            reading = read(row, device_sn, kinds)
        except InvalidReadingError as error:
            page.left_out[str(error)] += 1
            continue
        local = moment(reading.time) if reading.time else None
        if local is None:
            page.left_out[NO_TIME] += 1
            continue
        instant = None if local.tzinfo is None else int(local.timestamp())
        if instant is not None:
            local = local.astimezone(zone).replace(tzinfo=None)
        time = local_seconds(local)
        if not window.start <= time < window.end:
            # the window's own end belongs to the next one, and is no news
            if time != window.end:
                page.left_out[OUTSIDE] += 1
            continue
        fields = choice.of(reading.fields)
        positions, values = blocks.setdefault(tuple(fields), ([], []))
        if instant is not None:
            page.instants[len(page.times)] = instant
        positions.append(len(page.times))
        values.append(tuple(fields.values()))
        page.times.append(time)
    page.blocks = [Block(names, positions, list(zip(*values, strict=True))) for names, (positions, values) in blocks.items()]
    return page


def _rows(data: Any) -> tuple[list[Any], int | None]:
    if data is None:
        # nothing was there yet
        return [], None
    if not isinstance(data, dict) or "datas" not in data:
        raise InvalidReadingError("the data are no page of history")
    rows = data["datas"]
    total = data.get("total")
    if not isinstance(total, int) or isinstance(total, bool):
        total = None
    if rows is None and not total:
        rows = []
    if not isinstance(rows, list):
        raise InvalidReadingError("the page of history has no list of rows")
    return rows, total
