"""The latest reading of every device as series, and what is said about the devices themselves."""

import threading
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final
from weakref import WeakValueDictionary

from exporter.metrics.exposition import Column, Exposition, Snapshot, escape_label
from exporter.metrics.names import DEVICE_FAMILIES, RESERVED_PREFIX, SETTING_PREFIX

#: Below it a double holds every integer.
_EXACT: Final = 2**53


class _Layout:
    """What the fields of a reading are in terms of columns; shared by all devices of a type that send the same fields.

    `columns` has None for a field that is left out; `judged` counts the families that had gone when that was decided, and
    `owners` are the names' owners by which it was.
    """

    __slots__ = ("__weakref__", "columns", "judged", "names", "owners", "prefixes", "rejected")

    def __init__(
        self,
        names: tuple[str, ...],
        columns: list[Column | None],
        rejected: tuple[tuple[str, str], ...],
        owners: Mapping[str, str],
        judged: int = 0,
    ) -> None:
        self.names = names
        self.owners = owners
        self.judged = judged
        self.columns = columns
        self.prefixes = [column.family.name if column else "" for column in columns]
        self.rejected = rejected


#: The slot of a row that was removed: a poll that was under way then may still bring a reading.
_GONE: Final = -1

_EMPTY: Final = _Layout((), [], (), {})


@dataclass(slots=True, eq=False)
class Row:
    """One device's place in the series. Made, changed and removed only through Series."""

    type: str
    slot: int
    labels: str
    settings: bool
    layout: _Layout = _EMPTY
    values: Sequence[float] = ()


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
        self._exposition = Exposition(
            lambda metric, field: DEVICE_FAMILIES[metric] if field is None else help_for(field),
        )
        self._layouts: WeakValueDictionary[tuple[str, bool, tuple[str, ...]], _Layout] = WeakValueDictionary()
        self._slots: dict[str, int] = {}
        self._free: dict[str, list[int]] = {}
        self._lock = threading.RLock()

    def together(self) -> AbstractContextManager[bool]:
        """What is put in under it is on a page all together or not at all."""
        return self._lock

    def add(self, device_type: str, device_sn: str, *, settings: bool = False) -> Row:
        """A place for a device, or for its settings; it has no series until something is put into it."""
        with self._lock:
            free = self._free.setdefault(device_type, [])
            if free:
                slot = free.pop()
            else:
                slot = self._slots.get(device_type, 0)
                self._slots[device_type] = slot + 1
        return Row(device_type, slot, _labels(device_type, device_sn), settings)

    def rename(self, row: Row, device_sn: str) -> None:
        """Put another spelling of the device's serial number into all that is shown of it."""
        labels = _labels(row.type, device_sn)
        with self._lock:
            if row.slot == _GONE or labels == row.labels:
                return
            self._exposition.relabel(row.type, row.slot, f"{{{row.labels}".encode(), f"{{{labels}".encode())
            row.labels = labels

    def renew(self, known_fields: Iterable[str]) -> None:
        """Show the HELP that `help_for` gives now; from now on `known_fields` own their metrics' names.

        A metric that was another field's until now has no samples until readings bring its owner's.
        """
        owners = self._owners_of(known_fields)
        with self._lock:
            if owners != self._owners:
                self._owners = owners
                self._exposition.drop(lambda it: it.field is not None and owners.get(it.name, it.field) != it.field)
            self._exposition.renew_help()

    def update(self, row: Row, fields: Mapping[str, int | float]) -> tuple[tuple[str, str], ...]:
        """Show `fields` as the device's reading, in place of the one before.

        Returns the fields left out, each with its cause: `name` (it cannot be a metric's name) or `collision` (the metric
        belongs to another field or to the exporter).
        """
        names = tuple(fields)
        values = tuple(fields.values())
        with self._lock:
            if row.slot == _GONE:
                return ()
            if names != row.layout.names or self._is_outdated(row.layout):
                self._change_layout(row, names)
            layout = row.layout
            if values != tuple(row.values):
                shown = row.values or (None,) * len(values)
                self._exposition.put_values(row.slot, row.labels, layout.columns, layout.prefixes, values, shown)
                # an array takes a fifth of a tuple's memory, but holds no integers that are no doubles
                doubles = array("d", values)
                row.values = doubles if tuple(doubles) == values else values
            return layout.rejected

    def clear(self, row: Row) -> None:
        """Show no reading of the device any more; what is said about the device itself stays."""
        with self._lock:
            self._change_layout(row, ())

    def set(self, row: Row, family: str, value: float | None, labels: Mapping[str, str] | None = None) -> None:
        """Put one of DEVICE_FAMILIES for the device, or with None take it away. `labels` tells several of one family apart."""
        extra = "".join(f',{name}="{escape_label(text)}"' for name, text in (labels or {}).items())
        # a column of its own for every set of label values, but one for all texts that info labels may have
        variant = "" if family == "atess_device_info" else extra
        with self._lock:
            if row.slot == _GONE:
                return
            if value is not None:
                column = self._exposition.column(family, None, row.type, variant)
                self._exposition.put(column, row.slot, f"{family}{{{row.labels}{extra}}} {value!r}\n".encode())
            elif (shown := self._exposition.family(family)) and (found := shown.columns.get(row.type + variant)):
                self._exposition.take(found, row.slot)

    def remove(self, row: Row) -> None:
        """Forget the device: all its series are gone from the next page on, and what is still put into `row` is dropped."""
        with self._lock:
            if row.slot == _GONE:
                return
            self._change_layout(row, ())
            for name in DEVICE_FAMILIES:
                family = self._exposition.family(name)
                for column in list(family.columns.values()) if family else ():
                    if column.type == row.type:
                        self._exposition.take(column, row.slot)
            self._free[row.type].append(row.slot)
            row.slot = _GONE

    def reading(self, row: Row) -> tuple[tuple[str, str | None, int | float], ...]:
        """What was last put in by update() and is shown: each field with its metric (None: it is left out) and its value."""
        with self._lock:
            layout, values = row.layout, row.values
        metrics = (column.family.name if column else None for column in layout.columns)
        return tuple(zip(layout.names, metrics, map(_whole, values), strict=True))

    def page(self) -> Snapshot:
        """The exposition of all families in order of their names, each device's reading whole."""
        with self._lock:
            return self._exposition.page()

    def _owners_of(self, fields: Iterable[str]) -> Mapping[str, str]:
        return {name: field for field in fields if (name := self._metric_name(field))}

    def _change_layout(self, row: Row, names: tuple[str, ...]) -> None:
        before = row.layout
        row.layout = self._layout(row, names) if names else _EMPTY
        row.values = ()
        kept = {id(column) for column in row.layout.columns}
        for column in row.layout.columns:
            if column is not None:
                column.reach(row.slot)
        for column in before.columns:
            if column is not None and id(column) not in kept:
                self._exposition.take(column, row.slot)

    def _layout(self, row: Row, names: tuple[str, ...]) -> _Layout:
        key = (row.type, row.settings, names)
        layout = self._layouts.get(key)
        if layout is None or self._is_outdated(layout):
            columns: list[Column | None] = []
            rejected = []
            for name in names:
                metric = self._metric_name(name)
                if metric is None:
                    rejected.append((name, "name"))
                elif not self._may_have(name, metric, row.settings):
                    rejected.append((name, "collision"))
                else:
                    columns.append(self._exposition.column(metric, name, row.type))
                    continue
                columns.append(None)
            layout = self._layouts[key] = _Layout(names, columns, tuple(rejected), self._owners, self._exposition.gone)
        return layout

    def _is_outdated(self, layout: _Layout) -> bool:
        """Whether a metric that was another field's when the layout was made may be free by now, or the other way round."""
        return layout.owners is not self._owners or (layout.judged != self._exposition.gone and bool(layout.rejected))

    def _may_have(self, field: str, metric: str, settings: bool) -> bool:
        """Whether `metric` is the field's: the exporter's own, those of the other kind and those of another field are not."""
        if metric in DEVICE_FAMILIES or metric.startswith(RESERVED_PREFIX) or metric.startswith(SETTING_PREFIX) is not settings:
            return False
        family = self._exposition.family(metric)
        owner = self._owners.get(metric) or (family.field if family else field)
        return owner == field


def _whole(value: int | float) -> int | float:
    """A whole number that is kept as a double, as the integer that it is."""
    return int(value) if abs(value) < _EXACT and value == int(value) else value


def _labels(device_type: str, device_sn: str) -> str:
    return f'deviceSn="{escape_label(device_sn)}",type="{escape_label(device_type)}"'
