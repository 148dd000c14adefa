"""All exposition lines as they are stored.

A line is rendered once, when its value arrives, and only if it changed; a scrape only joins bytes. The same lines serve the
text format 0.0.4 and OpenMetrics 1.0: for gauges the two differ in nothing but the end of the page.

Lines are stored by family and device type: a column has one slot for each device of the type, and the lines of every BLOCK slots
stand together in one piece of text. An update makes its own pieces anew, which takes longer than to put a line of its own into a
list; in return a scrape takes hold of, and joins, only so many pieces, and a line has next to no memory beyond its text. One by
one, the lines of a large fleet lie so scattered in memory that to collect them would be most of a scrape.
"""

import sys
import weakref
from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

#: Slots whose lines stand together.
BLOCK: Final = 8

#: Bytes that a piece takes beside its text, with its place in a list.
_PIECE: Final = sys.getsizeof(b"") + 8


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Snapshot:
    """The exposition of all families at one moment, `length` bytes in pieces; two pages of one `generation` are the same."""

    generation: int
    length: int
    pieces: Sequence[bytes]

    @property
    def memory(self) -> int:
        """Bytes that it takes when all of its lines have been replaced since."""
        return self.length + len(self.pieces) * _PIECE

    def __bytes__(self) -> bytes:
        return b"".join(self.pieces)


class Column:
    """The lines of one family for the devices of one type; `used` counts the slots that hold one.

    `pieces` begin with that of block number `first`, and end with that of the last slot that was reached: a field that few
    devices send, or one that is broken, takes little memory. `ends` has where in its piece the line of every slot ends; an
    empty one ends where the one before it does.
    """

    __slots__ = ("ends", "family", "first", "pieces", "type", "used")

    def __init__(self, family: "Family", device_type: str) -> None:
        self.family = family
        self.type = device_type
        self.first = 0
        self.pieces: list[bytes] = []
        self.ends = array("I")
        self.used = 0

    def reach(self, slot: int) -> None:
        """Have room for a line in `slot`."""
        block = slot // BLOCK
        if not self.pieces:
            self.first = block
        before, behind = self.first - block, block + 1 - self.first - len(self.pieces)
        if behind > 0:
            self.pieces.extend([b""] * behind)
            self.ends.extend([0] * (behind * BLOCK))
        elif before > 0:
            self.pieces[:0] = [b""] * before
            self.ends[:0] = array("I", [0]) * (before * BLOCK)
            self.first = block

    def has(self, slot: int) -> bool:
        """Whether `slot` was reached."""
        return 0 <= slot // BLOCK - self.first < len(self.pieces)

    def line(self, slot: int) -> bytes:
        """Return the line in `slot`; it is empty where there is none."""
        if not self.has(slot):
            return b""
        block, place = divmod(slot, BLOCK)
        block -= self.first
        at = block * BLOCK + place
        return self.pieces[block][self.ends[at - 1] if place else 0 : self.ends[at]]

    def put(self, slot: int, line: bytes) -> int:
        """Have `line` in `slot`, which was reached before. Returns by how many bytes the column is longer now."""
        ends = self.ends
        block, place = divmod(slot, BLOCK)
        block -= self.first
        at = block * BLOCK + place
        piece = self.pieces[block]
        start = ends[at - 1] if place else 0
        end = ends[at]
        self.pieces[block] = piece[:start] + line + piece[end:]
        change = start + len(line) - end
        for later in range(at, (block + 1) * BLOCK):
            ends[later] += change
        self.used += (line != b"") - (start != end)
        return change

    def clear(self) -> None:
        """Have no line in any slot, and no room for one."""
        self.pieces = []
        self.ends = array("I")
        self.used = 0


class Family:
    """A family: its header and its lines, in columns by device type (and variant, where a device has several lines)."""

    __slots__ = ("columns", "field", "header", "name")

    def __init__(self, name: str, field: str | None, help_text: str) -> None:
        self.name = name
        self.field = field
        self.header = _header(name, help_text)
        self.columns: dict[str, Column] = {}


class Exposition:
    """The lines of all families. `help_for` gives the HELP of a metric from the API field that it was (None: it was none).

    Not safe to be called from several threads: Series sees to that.
    """

    def __init__(self, help_for: Callable[[str, str | None], str]) -> None:
        self._help_for = help_for
        self._families: dict[str, Family] = {}
        self._sorted: list[Family] | None = None
        self._generation = 0
        self._length = 0
        #: The last page, as long as anybody has it: those who ask for the same have it in common.
        self._page: Callable[[], Snapshot | None] = lambda: None
        #: How many families have vanished so far, each with its last line.
        self.gone = 0

    def family(self, metric: str) -> Family | None:
        """The family of that name, if there is one now."""
        return self._families.get(metric)

    def column(self, metric: str, field: str | None, device_type: str, variant: str = "") -> Column:
        """The column for devices of a type, made if need be; `variant` tells those apart of which each device has several."""
        family = self._families.get(metric)
        if family is None:
            family = self._families[metric] = Family(metric, field, self._help_for(metric, field))
            self._length += len(family.header)
            self._generation += 1
            self._sorted = None
        key = device_type + variant
        column = family.columns.get(key)
        if column is None:
            column = family.columns[key] = Column(family, device_type)
        return column

    def put(self, column: Column, slot: int, line: bytes) -> None:
        """Have `line` in `slot` of the column."""
        column.reach(slot)
        self._length += column.put(slot, line)
        self._generation += 1

    def put_values(
        self,
        slot: int,
        labels: str,
        columns: Iterable[Column | None],
        prefixes: Iterable[str],
        values: Iterable[int | float],
        shown: Iterable[int | float | None],
    ) -> None:
        """Have lines in `slot`, which was reached before, for those of `values` that are not what is `shown`.

        The same as put() for each, without what so many calls would cost. `prefixes` are the names of the columns' families.
        """
        block, place = divmod(slot, BLOCK)
        labels = "{" + labels + "} "
        longer = 0
        for prefix, column, value, before in zip(prefixes, columns, values, shown, strict=True):
            if value != before and column is not None:
                line = f"{prefix}{labels}{value!r}\n".encode()
                ends = column.ends
                pieces = column.pieces
                own = block - column.first
                at = own * BLOCK + place
                piece = pieces[own]
                start = ends[at - 1] if place else 0
                end = ends[at]
                pieces[own] = piece[:start] + line + piece[end:]
                change = start + len(line) - end
                if change:
                    longer += change
                    for later in range(at, (own + 1) * BLOCK):
                        ends[later] += change
                    if start == end:
                        column.used += 1
        self._length += longer
        self._generation += 1

    def take(self, column: Column, slot: int) -> None:
        """Have no line in `slot` of the column any more. A column goes with its last line, a family with its last column."""
        if column.has(slot):
            self._length += column.put(slot, b"")
            self._generation += 1
        if column.used:
            return
        family = column.family
        for key, candidate in list(family.columns.items()):
            if candidate is column:
                del family.columns[key]
        if not family.columns and self._families.get(family.name) is family:
            self._remove(family)

    def relabel(self, device_type: str, slot: int, before: bytes, after: bytes) -> None:
        """Replace `before`, with which the labels begin, by `after` in all lines in `slot` of that type of device."""
        for family in self._families.values():
            for column in family.columns.values():
                if column.type == device_type and (line := column.line(slot)):
                    self._length += column.put(slot, line.replace(before, after, 1))
        self._generation += 1

    def renew_help(self) -> None:
        """Show the HELP that `help_for` gives now."""
        for family in self._families.values():
            header = _header(family.name, self._help_for(family.name, family.field))
            if header != family.header:
                self._length += len(header) - len(family.header)
                self._generation += 1
                family.header = header

    def drop(self, unwanted: Callable[[Family], bool]) -> None:
        """Take away all `unwanted` families. Who still has their columns may take() lines from them, but not put any."""
        for family in list(filter(unwanted, self._families.values())):
            for column in list(family.columns.values()):
                self._length -= sum(map(len, column.pieces))
                column.clear()
            self._remove(family)

    def page(self) -> Snapshot:
        """The exposition of all families as it is now, in order of their names."""
        page = self._page()
        if page is not None and page.generation == self._generation:
            return page
        if self._sorted is None:
            self._sorted = [self._families[name] for name in sorted(self._families)]
        pieces: list[bytes] = []
        for family in self._sorted:
            pieces.append(family.header)
            for column in family.columns.values():
                pieces.extend(column.pieces)
        # what was collected never changes, so it can be joined, packed and sent at leisure
        page = Snapshot(self._generation, self._length, pieces)
        self._page = weakref.ref(page)
        return page

    def _remove(self, family: Family) -> None:
        del self._families[family.name]
        self.gone += 1
        self._length -= len(family.header)
        self._generation += 1
        self._sorted = None


def _header(name: str, help_text: str) -> bytes:
    return f"# HELP {name} {_escape_help(help_text)}\n# TYPE {name} gauge\n".encode()


def _escape_help(text: str) -> str:
    # The text format and OpenMetrics disagree on whether a quote in HELP is escaped; without one they agree.
    plain = text.replace('"', "'").encode("utf-8", "backslashreplace").decode()
    return plain.replace("\\", "\\\\").replace("\n", "\\n")


def escape_label(text: str) -> str:
    """Return `text` escaped for a label's value; what UTF-8 cannot encode becomes a backslash escape."""
    plain = text.encode("utf-8", "backslashreplace").decode()
    return plain.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
