"""The latest reading of every device as series, and what is said about the devices themselves."""

import threading
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from weakref import WeakValueDictionary

from exporter.catalogue.faults import Fault
from exporter.metrics.exposition import BLOCK, EVERYTHING, Exposition, Family, Selection, Snapshot, escape_label
from exporter.metrics.names import DEVICE_FAMILIES, RESERVED_PREFIX, SETTING_PREFIX

#: Below it a double holds every integer.
_EXACT: Final = 2**53


@dataclass(slots=True, weakref_slot=True, eq=False)
class _Layout:
    """What the fields of a reading are: each one's family (None: it is dropped), and why some are dropped.

    Shared by all devices of a type whose fields are the same; `renewals` counts how often owners of names had changed.
    """

    names: tuple[str, ...] = ()
    families: tuple[Family | None, ...] = ()
    dropped: tuple[tuple[str, str], ...] = ()
    renewals: int = 0


#: The block of a row that was removed: a poll that was under way then may still bring a reading.
_GONE: Final = -1

_EMPTY: Final = _Layout()


@dataclass(slots=True, eq=False)
class Row:
    """One device's place in the series. Made, changed and removed only through Series."""

    type: str
    block: int
    labels: str
    settings: bool
    layout: _Layout = _EMPTY
    #: Those of the last reading, and whether it is shown.
    values: Sequence[float] = ()
    shown: bool = False
    faults: tuple[Fault, ...] | None = None

    def keep(self, values: tuple[int | float, ...]) -> None:
        """Keep the values of a reading that is shown.

        An array takes a fifth of a tuple's memory, but holds no integers that are no doubles. It is written in place, and stays
        while no reading is shown: one made anew at every poll would come to lie among what polls leave behind.
        """
        doubles = array("d", values)
        self.shown = True
        if tuple(doubles) != values:
            self.values = values
        elif isinstance(self.values, array) and len(self.values) == len(doubles):
            self.values[:] = doubles
        else:
            self.values = doubles


class Series:
    """All series of all devices; every method is safe to call from any thread.

    `help_for` gives the HELP of an API field; `metric_name` the metric it becomes (None: it cannot be one); `known_fields` are
    those that own their metric's name before any other field that would become the same.
    """

    def __init__(
        self,
        metric_name: Callable[[str], str | None],
        help_for: Callable[[str], str],
        known_fields: Iterable[str] = (),
    ) -> None:
        self._metric_name = metric_name
        self._owners = self._owners_of(known_fields)
        #: How often owners of names have changed.
        self._renewals = 0
        self._exposition = Exposition(
            lambda metric, field: DEVICE_FAMILIES[metric] if field is None else help_for(field),
        )
        #: Those in use, to have each in memory once. Whether one is in here makes no difference to what is shown.
        self._layouts: WeakValueDictionary[object, _Layout] = WeakValueDictionary()
        self._blocks = 0
        #: The blocks that have room, once for each device that they have room for.
        self._free: dict[tuple[str, bool], list[int]] = {}
        self._lock = threading.RLock()

    def together(self) -> AbstractContextManager[bool]:
        """Return a lock: what is put in while it is held reaches a scrape all together or not at all."""
        return self._lock

    def add(self, device_type: str, device_sn: str, *, settings: bool = False) -> Row:
        """Return a place for a device, or for its settings; it has no series until something is put into it."""
        with self._lock:
            # settings and readings have no families in common
            free = self._free.setdefault((device_type, settings), [])
            if not free:
                free.extend([self._blocks] * BLOCK)
                self._blocks += 1
            block = free.pop()
        return Row(device_type, block, _labels(device_type, device_sn), settings)

    def rename(self, row: Row, device_sn: str) -> None:
        """Put another spelling of the device's serial number into all that is shown of it."""
        labels = _labels(row.type, device_sn)
        with self._lock:
            if row.block == _GONE or labels == row.labels:
                return
            self._exposition.relabel(row.block, row.labels, labels)
            row.labels = labels

    def renew(self, known_fields: Iterable[str]) -> None:
        """Show the HELP that `help_for` gives now; from now on `known_fields` own their metrics' names.

        A metric that was another field's until now has no samples until readings bring its owner's.
        """
        owners = self._owners_of(known_fields)
        with self._lock:
            if owners != self._owners:
                self._owners = owners
                self._renewals += 1
                self._exposition.drop(
                    lambda family: family.field is not None and owners.get(family.name, family.field) != family.field
                )
            self._exposition.renew_help()

    def update(self, row: Row, fields: Mapping[str, int | float]) -> tuple[tuple[str, str], ...]:
        """Show `fields` as the device's reading, in place of the one before.

        Return the dropped fields, each with its cause: `name` (it cannot be a metric's name) or `collision` (the metric
        belongs to another field or to the exporter).
        """
        names = tuple(fields)
        values = tuple(fields.values())
        with self._lock:
            if row.block == _GONE:
                return ()
            layout = row.layout
            # with dropped fields: a metric that was another field's may be free by now
            if names != layout.names or layout.renewals != self._renewals or layout.dropped:
                layout = self._change_layout(row, names)
            shown = tuple(row.values) if row.shown else (None,) * len(values)
            if values != shown:
                self._exposition.put(layout.families, row.block, row.labels, values, shown)
                row.keep(values)
            return layout.dropped

    def show_faults(self, row: Row, faults: tuple[Fault, ...] | None) -> None:
        """Show a device's active faults and their number in place of those before; None: its reading says nothing of faults."""
        with self._lock:
            if row.block == _GONE or faults == row.faults:
                return
            before, row.faults = row.faults, faults
            self._exposition.replace("atess_device_fault_active", row.type, row.block, row.labels, _fault_endings(faults or ()))
            if before is None or faults is None or len(before) != len(faults):
                count = () if faults is None else (b"} %d" % len(faults),)
                self._exposition.replace("atess_device_faults", row.type, row.block, row.labels, count)

    def clear(self, row: Row) -> None:
        """Remove the device's reading and its faults; what is said about the device itself stays."""
        with self._lock:
            self._change_layout(row, ())
            self.show_faults(row, None)

    def set(self, row: Row, family: str, value: float | None, labels: Mapping[str, str] | None = None) -> None:
        """Put one of DEVICE_FAMILIES for the device, or with None take it away. `labels` tells several of one family apart."""
        extra = _extra(labels or {})
        with self._lock:
            if row.block == _GONE:
                return
            # whatever its labels say, a device has one line of info; of other families it has one for each set of labels
            shown = self._exposition.family(family, row.type)
            if shown and family == "atess_device_info":
                self._exposition.take(shown, row.block, row.labels)
            elif shown and value is None:
                self._exposition.take(shown, row.block, row.labels + extra)
            if value is not None:
                shown = self._exposition.make(family, row.type, None)
                self._exposition.put([shown], row.block, row.labels + extra, [value], [None])

    def remove(self, row: Row) -> None:
        """Forget the device: its series are gone from the next scrape on, and what is still put into `row` is ignored."""
        with self._lock:
            if row.block == _GONE:
                return
            self._change_layout(row, ())
            for name in DEVICE_FAMILIES:
                if family := self._exposition.family(name, row.type):
                    self._exposition.take(family, row.block, row.labels)
            self._exposition.release(row.block)
            self._free[row.type, row.settings].append(row.block)
            row.block = _GONE

    def reading(self, row: Row) -> tuple[tuple[str, str | None, int | float], ...]:
        """Return what update() last put in and is shown: each field with its metric (None: it is dropped) and its value."""
        with self._lock:
            layout, values = row.layout, tuple(row.values) if row.shown else ()
        metrics = (family.name if family else None for family in layout.families)
        return tuple(zip(layout.names, metrics, map(_whole, values), strict=True))

    def value(self, row: Row, field: str) -> int | float | None:
        """Return the value of one field of that reading, None if it has none."""
        with self._lock:
            names = row.layout.names
            return _whole(row.values[names.index(field)]) if field in names else None

    def snapshot(self, selection: Selection = EVERYTHING) -> Snapshot:
        """Return the exposition of all that is selected, in order of the families' names, each device's reading whole."""
        with self._lock:
            return self._exposition.snapshot() if selection == EVERYTHING else self._exposition.part(selection)

    def _owners_of(self, fields: Iterable[str]) -> Mapping[str, str]:
        return {name: field for field in fields if (name := self._metric_name(field))}

    def _change_layout(self, row: Row, names: tuple[str, ...]) -> _Layout:
        before, row.layout = row.layout, self._layout(row, names) if names else _EMPTY
        if row.layout is not before:
            row.shown = False
            for family in set(before.families).difference(row.layout.families):
                if family is not None:
                    self._exposition.take(family, row.block, row.labels)
        return row.layout

    def _layout(self, row: Row, names: tuple[str, ...]) -> _Layout:
        families: list[Family | None] = []
        dropped = []
        for name in names:
            metric = self._metric_name(name)
            family = None
            if metric is None:
                dropped.append((name, "name"))
            elif not self._may_have(name, metric, row.settings):
                dropped.append((name, "collision"))
            else:
                family = self._exposition.make(metric, row.type, name)
            families.append(family)
        key = (names, tuple(families), tuple(dropped), self._renewals)
        return self._layouts.setdefault(key, _Layout(*key))

    def _may_have(self, field: str, metric: str, settings: bool) -> bool:
        """Return whether `metric` is the field's, and not the exporter's own, of the other kind, or another field's."""
        if metric in DEVICE_FAMILIES or metric.startswith(RESERVED_PREFIX) or metric.startswith(SETTING_PREFIX) is not settings:
            return False
        return (self._owners.get(metric) or self._exposition.field(metric) or field) == field


def _whole(value: int | float) -> int | float:
    """Return a whole number that is kept as a double as the integer that it is."""
    return int(value) if abs(value) < _EXACT and value == int(value) else value


@lru_cache(maxsize=1024)
def _fault_endings(faults: tuple[Fault, ...]) -> tuple[bytes, ...]:
    """Return what follows the device's labels in the line of each fault."""
    return tuple(f"{_extra(fault.labels)}}} 1".encode() for fault in faults)


def _extra(labels: Mapping[str, str]) -> str:
    return "".join(f',{name}="{escape_label(text)}"' for name, text in labels.items())


def _labels(device_type: str, device_sn: str) -> str:
    return f'deviceSn="{escape_label(device_sn)}",type="{escape_label(device_type)}"'
