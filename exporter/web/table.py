"""The table of devices: which of them are asked for, in which order, and on which page."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlencode

from exporter.polling.status import DeviceState, DeviceStatus, Fleet

#: Devices on one page.
PAGE_SIZE: Final = 100

_SEVERITY: Final = {state: rank for rank, state in enumerate(DeviceState)}


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column of the table; `key` is what it is sorted by, None is unknown and comes last either way."""

    title: str
    key: Callable[[DeviceStatus], float | str | None]


COLUMNS: Final[Mapping[str, TableColumn]] = {
    "device": TableColumn("Device", lambda it: it.sn.casefold()),
    "type": TableColumn("Type", lambda it: it.type),
    "state": TableColumn("State", lambda it: _SEVERITY[it.state]),
    "age": TableColumn("Data", lambda it: it.data_age),
    "poll": TableColumn("Last poll", lambda it: -it.last_poll.at if it.last_poll else None),
    "duration": TableColumn("Took", lambda it: it.last_poll.duration if it.last_poll else None),
    "interval": TableColumn("Interval", lambda it: it.interval),
    "next": TableColumn("Next poll", lambda it: it.next_poll),
}


class QueryError(ValueError):
    """The address asks for something that there is not; the message says what there is."""


@dataclass(frozen=True, slots=True)
class Query:
    """What an address asks of the table."""

    text: str = ""
    state: DeviceState | None = None
    sort: str = "device"
    descending: bool = False
    page: int = 1

    @classmethod
    def parse(cls, parameters: Mapping[str, str]) -> "Query":
        """From the parameters `q`, `state`, `sort` (with `-` in front: descending) and `page`. Raises QueryError."""
        state = parameters.get("state", "")
        if state and state not in list(DeviceState):
            raise QueryError(f"state: expected one of {', '.join(DeviceState)}")
        sort = parameters.get("sort") or "device"
        if sort.removeprefix("-") not in COLUMNS:
            raise QueryError(f"sort: expected one of {', '.join(COLUMNS)}, with - in front for the other way round")
        page = parameters.get("page") or "1"
        if not (page.isascii() and page.isdigit() and len(page) < 10):
            raise QueryError("page: expected a number from 1")
        return cls(
            parameters.get("q", "").strip(),
            DeviceState(state) if state else None,
            sort.removeprefix("-"),
            sort[0] == "-",
            int(page),
        )

    @property
    def order(self) -> str:
        """The parameter `sort` as it stands in an address."""
        return f"-{self.sort}" if self.descending else self.sort

    def url(self, **changes: object) -> str:
        """The address of the table with this query, but for `changes`; what is as it always is stays out of it."""
        query = replace(self, **changes)  # type: ignore[arg-type]
        page = str(query.page) if query.page > 1 else ""
        pairs = {
            "q": query.text,
            "state": query.state or "",
            "sort": "" if query.order == "device" else query.order,
            "page": page,
        }
        parameters = urlencode({name: value for name, value in pairs.items() if value}, errors="surrogatepass")
        return f"/devices?{parameters}" if parameters else "/devices"

    def resorted(self, column: str) -> str:
        """The address of the table sorted by `column`, or the other way round if it is that already."""
        return self.url(sort=column, descending=column == self.sort and not self.descending, page=1)

    def matching(self, devices: Sequence[DeviceStatus]) -> list[DeviceStatus]:
        """Those of `devices` that have the state and every word of the text, in order."""
        words = self.text.casefold().split()
        found = [
            it
            for it in devices
            if (self.state is None or it.state is self.state) and (not words or all(word in _words_of(it) for word in words))
        ]
        found.sort(key=lambda it: (it.sn.casefold(), it.sn, it.type))
        key = COLUMNS[self.sort].key
        known = [(value, it) for it in found if (value := key(it)) is not None]
        known.sort(key=lambda pair: pair[0], reverse=self.descending)
        return [it for _, it in known] + [it for it in found if key(it) is None]


@dataclass(frozen=True, slots=True)
class Table:
    """One page of the devices that `query` asks for; `rows` begin at number `first` of all `found`, counted from 1."""

    query: Query
    fleet: Fleet
    rows: list[DeviceStatus]
    first: int
    found: int
    pages: int

    @classmethod
    def of(cls, fleet: Fleet, query: Query) -> "Table":
        """The page that `query` asks for, or the last one if there are not so many."""
        found = query.matching(fleet.devices)
        pages = max(1, -(-len(found) // PAGE_SIZE))
        page = min(max(query.page, 1), pages)
        start = (page - 1) * PAGE_SIZE
        rows = found[start : start + PAGE_SIZE]
        return cls(replace(query, page=page), fleet, rows, start + 1 if rows else 0, len(found), pages)

    @property
    def last(self) -> int:
        """The number of the last row."""
        return self.first + len(self.rows) - 1 if self.rows else 0


def _words_of(device: DeviceStatus) -> str:
    """What a search for text looks through."""
    labels = " ".join(f"{name}={value}" for name, value in device.info.items())
    return f"{device.sn} {device.type} {device.reason or ''} {device.withheld or ''} {labels}".casefold()
