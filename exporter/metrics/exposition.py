"""All series as the lines of text that a scrape sends.

What is stored: for each family, and each type in it, a dict of blocks. A block is one bytes object: the lines of up to BLOCK
devices of that type, each behind a newline. A device is in the block of the same number in every family. Its line is found by how
it begins, a newline and `name{deviceSn="A",type="pbd"`; labels hold no newline, so nothing else begins like that. Blocks never
change: to show a value is to put a new block in the old one's place. A family goes with its last line; until then a block without
lines stays as an empty one, because a dict that keys leave and come back to may take twice the room. No position, count or length
is kept beside the text, so none can disagree with it.

Why: a scrape needs every line, and few have changed. So a line is rendered once, when its value arrives and only if it is another
one, and a scrape only collects blocks under the lock; as they never change, they can be joined, packed and sent at leisure. The
text format 0.0.4 and OpenMetrics 1.0 differ, for gauges, in nothing but the end of the page, so the same lines serve both.

Measured against (1,000 devices of 76 fields): one bytes object for each line, which takes ten times as long to join and 16 MB
more, as lines lie scattered in memory; and blocks with the lines' positions kept beside them, which were 3 % faster to update and
took half as much code again. A block of 4 lines fits in the 512 bytes that Python's own allocator serves. With 8, the C library's
heap was left in fragments when all values became stale in an outage and came back; with 4 a soak's memory is level.
"""

import sys
import weakref
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

#: Devices whose lines stand together.
BLOCK: Final = 4

#: Bytes that a piece takes beside its text, with its place in a list.
_PIECE: Final = sys.getsizeof(b"") + 8


@dataclass(frozen=True, slots=True)
class Selection:
    """The samples that a scrape asks for: those with one of these `names` and, as label `type`, one of these `types`.

    None stands for any name or type, "" among the types for samples without that label.
    """

    names: frozenset[str] | None = None
    types: frozenset[str] | None = None

    def has(self, name: str, type: str) -> bool:
        """Return whether a sample of that name and type is one of them."""
        return (self.names is None or name in self.names) and (self.types is None or type in self.types)


EVERYTHING: Final = Selection()


class Snapshot:
    """The exposition of some families at one moment, in pieces, and its `length`: the bytes of text."""

    def __init__(self, pieces: Collection[bytes] = ()) -> None:
        self.pieces: list[bytes] = []
        self.length = 0
        self.add(pieces)

    def add(self, pieces: Collection[bytes]) -> None:
        """Append pieces. They are measured at once, while the processor has them at hand: later it takes 1.4 times as long."""
        self.pieces.extend(pieces)
        self.length += sum(map(len, pieces))

    @property
    def memory(self) -> int:
        """Return the bytes that it takes when all of its lines have been replaced since."""
        return self.length + len(self.pieces) * _PIECE

    def __bytes__(self) -> bytes:
        return b"".join(self.pieces)


class Family:
    """A family as far as it is of one type: its header, and its blocks by their number.

    `field` is the API's field that it shows; None: it shows none.
    """

    __slots__ = ("begin", "blocks", "field", "header", "name", "type")

    def __init__(self, name: str, device_type: str, field: str | None, help_text: str) -> None:
        self.name = name
        self.type = device_type
        self.field = field
        #: How its lines begin.
        self.begin = f"\n{name}".encode()
        self.header = _header(name, help_text)
        self.blocks: defaultdict[int, bytes] = defaultdict(bytes)


class Exposition:
    """The lines of all families. `help_for` gives the HELP of a metric from the API field that it was (None: it was none).

    Not safe to be called from several threads: Series sees to that.
    """

    def __init__(self, help_for: Callable[[str, str | None], str]) -> None:
        self._help_for = help_for
        #: By name and type.
        self._families: defaultdict[str, dict[str, Family]] = defaultdict(dict)
        #: The exposition as it is now, as long as somebody holds it: scrapes of the same one share it.
        self._latest: Callable[[], Snapshot | None] = _none

    def family(self, metric: str, device_type: str) -> Family | None:
        """Return the family of that name and type, None while it has no lines."""
        return self._families.get(metric, {}).get(device_type)

    def field(self, metric: str) -> str | None:
        """Return the field that the family of that name shows, of whatever type; None if none does."""
        return next((family.field for family in self._families.get(metric, {}).values()), None)

    def make(self, metric: str, device_type: str, field: str | None) -> Family:
        """Return the family of that name and type, for a line that is put into it before the next scrape."""
        types = self._families[metric]
        if device_type not in types:
            types[device_type] = Family(metric, device_type, field, self._help_for(metric, field))
        return types[device_type]

    def put(
        self,
        families: Iterable[Family | None],
        block: int,
        labels: str,
        values: Iterable[int | float],
        shown: Iterable[int | float | None],
    ) -> None:
        """Show those of `values` that are not what is `shown` with these labels already, each in its family if it has one."""
        ending = f"{{{labels}}} ".encode()
        for family, value, last in zip(families, values, shown, strict=True):
            if value != last and family is not None:
                begin, blocks = family.begin + ending, family.blocks
                before, _, after = blocks[block].partition(begin)
                _, newline, others = after.partition(b"\n")
                blocks[block] = b"%b%b%a%b%b" % (before, begin, value, newline, others)
        self._latest = _none

    def take(self, family: Family, block: int, labels: str) -> None:
        """Show no line any more whose labels begin with these."""
        begin = family.begin + f"{{{labels}".encode()
        before, found, after = family.blocks.get(block, b"").partition(begin)
        while found:
            _, newline, others = after.partition(b"\n")
            before, found, after = (before + newline + others).partition(begin)
        self._store(family, block, before)

    def replace(self, metric: str, device_type: str, block: int, labels: str, endings: Sequence[bytes]) -> None:
        """Show other lines in place of those whose labels begin with these, which stand together; `endings` follow in each."""
        family = self.make(metric, device_type, None)
        begin = family.begin + f"{{{labels}".encode()
        before, _, after = family.blocks[block].partition(begin)
        _, newline, others = after.rpartition(begin)[2].partition(b"\n")
        self._store(family, block, b"".join((before, *[begin + ending for ending in endings], newline, others)))

    def release(self, block: int) -> None:
        """Give back the room of a block wherever it has no lines: a device of it is gone for good."""
        for family in self._all():
            if not family.blocks.get(block, b"-"):
                del family.blocks[block]

    def relabel(self, block: int, before: str, after: str) -> None:
        """Replace `before`, with which the labels begin, by `after` in all lines in the block that have it."""
        old, new = f"{{{before}".encode(), f"{{{after}".encode()
        for family in self._all():
            if block in family.blocks:
                family.blocks[block] = family.blocks[block].replace(family.begin + old, family.begin + new)
        self._latest = _none

    def renew_help(self) -> None:
        """Show the HELP that `help_for` gives now."""
        for family in self._all():
            header = _header(family.name, self._help_for(family.name, family.field))
            if header != family.header:
                family.header = header
                self._latest = _none

    def _store(self, family: Family, block: int, text: bytes) -> None:
        if text or block in family.blocks:
            family.blocks[block] = text
        # from the end: in an outage the first blocks become empty first
        if not any(reversed(family.blocks.values())) and self.family(family.name, family.type) is family:
            self._forget(family)
        self._latest = _none

    def drop(self, unwanted: Callable[[Family], bool]) -> None:
        """Remove all `unwanted` families. A holder of one may still take() lines from it, but not put() any."""
        for family in list(filter(unwanted, self._all())):
            family.blocks.clear()
            self._forget(family)
            self._latest = _none

    def snapshot(self) -> Snapshot:
        """Return the exposition of all families as it is now, in order of their names."""
        snapshot = self._latest()
        if snapshot is None:
            snapshot = self.part(EVERYTHING)
            self._latest = weakref.ref(snapshot)
        return snapshot

    def part(self, selection: Selection) -> Snapshot:
        """Return what is selected of it."""
        names, types = selection.names, selection.types
        snapshot = Snapshot()
        for name in sorted(self._families if names is None else names & self._families.keys()):
            families = [family for family in self._families[name].values() if types is None or family.type in types]
            if families:
                snapshot.add([families[0].header])
            for family in families:
                snapshot.add(family.blocks.values())
        if pieces := snapshot.pieces:
            # a newline behind the last line instead of before the first
            pieces[0] = pieces[0][1:]
            pieces.append(b"\n")
        return snapshot

    def _all(self) -> Iterator[Family]:
        return (family for types in self._families.values() for family in types.values())

    def _forget(self, family: Family) -> None:
        types = self._families[family.name]
        del types[family.type]
        if not types:
            del self._families[family.name]


def _none() -> None:
    """Stand for a reference to an exposition that is gone."""


def _header(name: str, help_text: str) -> bytes:
    return f"\n# HELP {name} {_escape_help(help_text)}\n# TYPE {name} gauge".encode()


def _escape_help(text: str) -> str:
    # The text format and OpenMetrics disagree on whether a quote in HELP is escaped; without one they agree.
    plain = text.replace('"', "'").encode("utf-8", "backslashreplace").decode()
    return plain.replace("\\", "\\\\").replace("\n", "\\n")


def escape_label(text: str) -> str:
    """Return `text` escaped for a label's value; what UTF-8 cannot encode becomes a backslash escape."""
    plain = text.encode("utf-8", "backslashreplace").decode()
    return plain.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
