"""The table of devices: filtered, sorted and paged by the query of its URL."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlencode

from exporter.polling.status import DeviceState, DeviceStatus, count_states
from exporter.web.formatting import number

#: Devices on one page.
PAGE_SIZE: Final = 100

#: The value of the parameter `fault` for devices that have any.
ANY_FAULT: Final = "any"

_SEVERITY: Final = {state: rank for rank, state in enumerate(DeviceState)}


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column of the table. `key` is what it is sorted by; None is unknown and comes last in either direction."""

    title: str
    key: Callable[[DeviceStatus], float | str | None]


COLUMNS: Final[Mapping[str, TableColumn]] = {
    "device": TableColumn("Device", lambda device: device.sn.casefold()),
    "type": TableColumn("Type", lambda device: device.type),
    "state": TableColumn("State", lambda device: _SEVERITY[device.state]),
    "running": TableColumn("Running", lambda device: running_word(device)),
    "faults": TableColumn("Faults", lambda device: None if device.faults is None else -len(device.faults)),
    "age": TableColumn("Data", lambda device: device.data_age),
    "poll": TableColumn("Last poll", lambda device: -device.last_poll.at if device.last_poll else None),
    "duration": TableColumn("Took", lambda device: device.last_poll.duration if device.last_poll else None),
    "interval": TableColumn("Interval", lambda device: device.interval),
    "next": TableColumn("Next poll", lambda device: device.next_poll),
}


def running_word(device: DeviceStatus) -> str | None:
    """Return what the device says that it is doing: a word or, where none is known, the number."""
    running = device.running_state
    if running is None:
        return None
    return running.word or number(running.value)


class QueryError(ValueError):
    """A parameter of the query is invalid; the message says what was expected."""


@dataclass(frozen=True, slots=True)
class Query:
    """The filter, order and page that a URL asks for."""

    text: str = ""
    state: DeviceState | None = None
    fault: str = ""
    #: Failing devices first.
    sort: str = "state"
    descending: bool = False
    page: int = 1

    @classmethod
    def parse(cls, parameters: Mapping[str, str]) -> "Query":
        """Parse the parameters `q`, `state`, `fault`, `sort` (with `-` in front: descending) and `page`. Raises QueryError."""
        state = parameters.get("state", "")
        if state and state not in list(DeviceState):
            raise QueryError(f"state: expected one of {', '.join(DeviceState)}")
        sort = parameters.get("sort") or "state"
        if sort.removeprefix("-") not in COLUMNS:
            raise QueryError(f"sort: expected one of {', '.join(COLUMNS)}, with - in front for descending order")
        page = parameters.get("page") or "1"
        if not (page.isascii() and page.isdigit() and len(page) < 10):
            raise QueryError("page: expected a number from 1")
        return cls(
            parameters.get("q", "").strip(),
            DeviceState(state) if state else None,
            parameters.get("fault", "").strip(),
            sort.removeprefix("-"),
            sort[0] == "-",
            int(page),
        )

    @property
    def order(self) -> str:
        """Return the value of the parameter `sort`."""
        return f"-{self.sort}" if self.descending else self.sort

    def url(self, **changes: object) -> str:
        """Return the URL of the table with this query and `changes`; parameters at their defaults are omitted."""
        query = replace(self, **changes)  # type: ignore[arg-type]
        page = str(query.page) if query.page > 1 else ""
        pairs = {
            "q": query.text,
            "state": query.state or "",
            "fault": query.fault,
            "sort": "" if query.order == "state" else query.order,
            "page": page,
        }
        parameters = urlencode({name: value for name, value in pairs.items() if value}, errors="surrogatepass")
        return f"/devices?{parameters}" if parameters else "/devices"

    def resorted(self, column: str) -> str:
        """Return the URL of the table sorted by `column`; descending if it is sorted by that already."""
        return self.url(sort=column, descending=column == self.sort and not self.descending, page=1)

    def matching(self, devices: Sequence[DeviceStatus]) -> list[DeviceStatus]:
        """Return those of `devices` that are in the state, have the fault and have every word of the text, sorted."""
        words = self.text.casefold().split()
        found = [
            device
            for device in devices
            if (self.state is None or device.state is self.state)
            and (not self.fault or any(self.fault in (ANY_FAULT, active.fault.name) for active in device.faults or ()))
            and (not words or all(word in _searchable(device) for word in words))
        ]
        found.sort(key=lambda device: (device.sn.casefold(), device.sn, device.type))
        key = COLUMNS[self.sort].key
        known = [(value, device) for device in found if (value := key(device)) is not None]
        known.sort(key=lambda pair: pair[0], reverse=self.descending)
        return [device for _, device in known] + [device for device in found if key(device) is None]


@dataclass(frozen=True, slots=True)
class Table:
    """One page of the devices that `query` asks for; `rows` begin at number `first` of all `found`, counted from 1.

    `counts` and `faults` are of all devices: how many are in each state, and how many have each fault.
    """

    query: Query
    counts: Mapping[DeviceState, int]
    faults: Mapping[str, int]
    faulty: int
    rows: list[DeviceStatus]
    first: int
    found: int
    pages: int

    @classmethod
    def of(cls, devices: Sequence[DeviceStatus], query: Query) -> "Table":
        """Return the page that `query` asks for, or the last one if there are fewer."""
        found = query.matching(devices)
        pages = max(1, -(-len(found) // PAGE_SIZE))
        page = min(max(query.page, 1), pages)
        start = (page - 1) * PAGE_SIZE
        rows = found[start : start + PAGE_SIZE]
        faults = Counter(name for device in devices for name in {active.fault.name for active in device.faults or ()})
        faulty = sum(bool(device.faults) for device in devices)
        return cls(
            replace(query, page=page),
            count_states(devices),
            dict(sorted(faults.items())),
            faulty,
            rows,
            start + 1 if rows else 0,
            len(found),
            pages,
        )

    @property
    def last(self) -> int:
        """Return the number of the last row, 0 if there is none."""
        return self.first + len(self.rows) - 1 if self.rows else 0


def _searchable(device: DeviceStatus) -> str:
    """Return the text that a search goes through."""
    labels = " ".join(f"{name}={value}" for name, value in device.info.items())
    faults = " ".join(active.fault.name for active in device.faults or ())
    doing = running_word(device) or ""
    return f"{device.sn} {device.type} {device.reason or ''} {device.stale_cause or ''} {doing} {faults} {labels}".casefold()
