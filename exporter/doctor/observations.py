"""What the account answered, as the checks read it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Final

from exporter.api.device_list import ListedDevice, read_listing
from exporter.api.reading import InvalidReadingError, Reading, moment, numbers, read
from exporter.catalogue.kinds import BY_NAME, Kinds
from exporter.catalogue.serials import serial_key
from exporter.catalogue.types import Device, DeviceType
from exporter.config.load import Config
from exporter.doctor.exchange import Exchange, Subject, Wire
from exporter.doctor.plan import Plan
from exporter.polling.device_settings import read_settings

#: Purposes of exchanges.
LATEST: Final = "latest"
CANDIDATE: Final = "candidate for the"
WATCH: Final = "repeated"
PAGE: Final = "page of"
LARGER_PAGE: Final = "larger page of"
WINDOW_END: Final = "end of a window of"


@dataclass(frozen=True, slots=True)
class Row:
    """One reading of a device at its own local time: its numbers by name."""

    time: datetime
    numbers: Mapping[str, int | float]


class Track(list[Row]):
    """What is known of a device over time, in order of its own time."""

    @cached_property
    def names(self) -> Mapping[str, str]:
        """Return the names of all its fields, by the same in small letters."""
        return {name.casefold(): name for row in reversed(self) for name in row.numbers}


@dataclass
class Observations:
    """Everything that a run saw. `devices` are those asked, `now` is the Unix time at the end.

    `stopped` says why the run ended early, and is empty otherwise. `resolution` is why the host's name could not be resolved.
    """

    config: Config
    plan: Plan
    devices: list[Device] = field(default_factory=list)
    exchanges: list[Exchange] = field(default_factory=list)
    wire: Wire = field(default_factory=Wire)
    proxy: str = ""
    resolution: str = ""
    stopped: str = ""
    now: float = 0.0

    def of(self, subject: Subject, device_type: str | None = None, *purposes: str) -> list[Exchange]:
        """Return the exchanges about a subject, of one type or of all, with one of the purposes or any."""
        return [
            exchange
            for exchange in self.exchanges
            if exchange.subject is subject
            and (device_type is None or exchange.type == device_type)
            and (not purposes or exchange.purpose in purposes)
        ]

    def kinds(self, device_type: str) -> Kinds:
        """Return the kinds of a type's fields."""
        return self.config.kinds.get(device_type, BY_NAME)

    def reading(self, exchange: Exchange) -> Reading | str:
        """Return the reading that an exchange gave, or why it gave none."""
        if exchange.error is not None:
            return exchange.answer
        try:
            return read(exchange.data, exchange.sn, self.kinds(exchange.type))
        except InvalidReadingError as error:
            return str(error)

    def answers(self, exchange: Exchange) -> bool:
        """Return whether an exchange gave what was asked for."""
        if exchange.error is not None:
            return False
        try:
            match exchange.subject:
                case Subject.READING:
                    return isinstance(self.reading(exchange), Reading)
                case Subject.LIST:
                    read_listing(exchange.data, exchange.type, exchange.sn)
                    return True
                case Subject.SETTINGS:
                    return bool(read_settings(exchange.data, exchange.sn, self.kinds(exchange.type)))
                case Subject.HISTORY:
                    return exchange.data is None or rows_of(exchange) is not None
        except InvalidReadingError:
            return False

    @cached_property
    def types(self) -> list[DeviceType]:
        """Return the types of the devices asked, in the catalogue's order."""
        wanted = {device.type for device in self.devices}
        return [known for name, known in self.config.types.items() if name in wanted]

    def good(self, device_type: str) -> Iterator[tuple[Exchange, Reading]]:
        """Yield the latest readings of a type's devices that are usable, each device once."""
        seen = set()
        for exchange in self.of(Subject.READING, device_type, LATEST, CANDIDATE):
            reading = self.reading(exchange)
            key = serial_key(exchange.sn)
            if isinstance(reading, Reading) and key not in seen:
                seen.add(key)
                yield exchange, reading

    def listed(self) -> list[ListedDevice]:
        """Return the devices in the lists of data loggers."""
        found = []
        for exchange in self.of(Subject.LIST):
            if exchange.error is None:
                try:
                    found += read_listing(exchange.data, exchange.type, exchange.sn)
                except InvalidReadingError:
                    continue
        return found

    def lost(self, device_type: str, sn: str) -> bool | None:
        """Return whether a list says that the device is offline; None where no list says."""
        key = (device_type, serial_key(sn))
        return next((device.lost for device in self.listed() if device.key == key and device.lost is not None), None)

    def track(self, device_type: str, sn: str) -> Track:
        """Return all that is known of a device over time: its history, and its readings."""
        rows = {}
        for exchange in self.exchanges:
            if exchange.type != device_type or serial_key(exchange.sn) != serial_key(sn) or exchange.error is not None:
                continue
            if exchange.subject is Subject.READING:
                answers: list[Any] = [exchange.data]
            elif exchange.subject is Subject.HISTORY:
                answers = rows_of(exchange) or []
            else:
                continue
            for answer in answers:
                if row := self._row(answer, device_type):
                    rows[row.time] = row
        return Track(rows[time] for time in sorted(rows))

    @cached_property
    def tracks(self) -> list[tuple[DeviceType, list[Track]]]:
        """Return each type with the tracks of its devices that gave a usable reading; not before the survey is over."""
        return [
            (known, [track for exchange, _ in self.good(known.type) if (track := self.track(known.type, exchange.sn))])
            for known in self.types
        ]

    def _row(self, answer: Any, device_type: str) -> Row | None:
        if not isinstance(answer, dict) or (time := local_time(answer.get("time"))) is None:
            return None
        return Row(time, numbers(answer, self.kinds(device_type)))


def rows_of(exchange: Exchange) -> list[Any] | None:
    """Return the rows of a page of history; None if it is no such page."""
    data = exchange.data
    if exchange.error is not None or not isinstance(data, dict):
        return None
    rows = data.get("datas")
    return rows if isinstance(rows, list) else [] if rows is None and "datas" in data else None


def local_time(time: Any) -> datetime | None:
    """Return a reading's own time without its zone, if it has one; None if it says nothing about when."""
    found = moment(time) if isinstance(time, str) else None
    return found.replace(tzinfo=None) if found else None
