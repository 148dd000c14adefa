"""The simulated cloud: its devices, and what it answers about them."""

import threading
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from exporter.simulator.answer import JSON, Reading
from exporter.simulator.clock import Calendar, SimClock
from exporter.simulator.device import SimDevice
from exporter.simulator.settings import settings
from exporter.simulator.station import Station


class UnknownDevice(LookupError):
    """The cloud has no such device or data logger."""


class Cloud:
    """Everything that the simulated API knows. Safe to use from any thread.

    The same `seed`, devices and simulated time give the same readings. `upload_interval` is in simulated seconds. With a
    `token`, requests that do not carry exactly that `Authorization` are refused; it may be changed at any time.
    """

    def __init__(
        self,
        devices: Iterable[SimDevice],
        clock: SimClock,
        seed: int = 1,
        token: str | None = None,
        upload_interval: float = 300.0,
    ) -> None:
        if not upload_interval > 0:
            raise ValueError("upload_interval must be positive")
        self.clock = clock
        self.token = token
        self._seed = seed
        self._upload_interval = upload_interval
        self._calendar = Calendar(clock.timezone)
        self._lock = threading.RLock()
        self._stations: dict[tuple[str, str], Station] = {}
        self._loggers: set[str] = set()
        for device in devices:
            self.add(device)

    @property
    def devices(self) -> list[SimDevice]:
        """Return all devices, in the order in which they were added."""
        with self._lock:
            return [station.device for station in self._stations.values()]

    def add(self, device: SimDevice) -> None:
        """Add a device. Raises ValueError if there is one of its type and serial already."""
        key = (device.type, device.sn)
        with self._lock:
            if key in self._stations:
                raise ValueError(f"there is a {device.type} {device.sn} already")
            self._stations[key] = Station(device, self._seed, self._upload_interval, self._calendar)
            self._loggers.add(device.datalog_sn)

    def remove(self, type: str, sn: str) -> None:
        """Remove a device: the API answers as if it had never existed. Raises UnknownDevice."""
        with self._lock:
            self._station(type, sn)
            del self._stations[type, sn]

    def move(self, type: str, sn: str, datalog_sn: str) -> None:
        """Move a device to another data logger. Its readings go on. Raises UnknownDevice."""
        with self._lock:
            station = self._station(type, sn)
            station.device = replace(station.device, datalog_sn=datalog_sn)
            self._loggers.add(datalog_sn)

    def reading(self, type: str, sn: str, at: datetime | None = None) -> Reading:
        """Return the reading that the API answers at that time, or now. Raises UnknownDevice."""
        when = (at or self.clock.now()).timestamp()
        with self._lock:
            return self._station(type, sn).reading(when)

    def history(
        self,
        type: str,
        sn: str,
        start: datetime,
        end: datetime,
        page_no: int = 1,
        page_size: int = 100,
        at: datetime | None = None,
    ) -> Reading:
        """Return a page of the readings from `start` to `end`, both included, in order of time, none later than `at` or now."""
        now = (at or self.clock.now()).timestamp()
        with self._lock:
            station = self._station(type, sn)
            uploads = station.uploads(start.timestamp(), min(end.timestamp(), now))
            offset = (page_no - 1) * page_size
            rows: list[JSON] = [station.upload(number) for number in uploads[offset : offset + page_size]]
        return {"datas": rows, "offset": offset, "pageNo": page_no, "pageSize": page_size, "total": len(uploads)}

    def base_info_list(self, type: str, datalog_sn: str, at: datetime | None = None) -> list[JSON]:
        """Return the devices of this type behind a data logger. A logger that ever had a device stays known."""
        now = at or self.clock.now()
        with self._lock:
            if datalog_sn not in self._loggers:
                raise UnknownDevice(f"data logger {datalog_sn}")
            stations = [
                station
                for (kind, _), station in self._stations.items()
                if kind == type and station.device.datalog_sn == datalog_sn
            ]
            return [_base_info(station, number, now) for number, station in enumerate(stations, start=1)]

    def settings(self, type: str, sn: str) -> Reading:
        """Return the settings that the API answers for the device."""
        with self._lock:
            self._station(type, sn)
        return settings(type)

    def _station(self, kind: str, sn: str) -> Station:
        try:
            return self._stations[kind, sn]
        except KeyError:
            raise UnknownDevice(f"{kind} {sn}") from None


def _base_info(station: Station, number: int, now: datetime) -> Reading:
    """Return one element of a list, with exactly the documented fields. Status: "1" online, "0" disconnected."""
    lost = station.lost(now.timestamp())
    return {
        "address": number,
        "dataLogSn": station.device.datalog_sn,
        "deviceNo": number,
        "deviceSn": station.device.sn,
        "firmwareVersion": f"V1.{station.device.type.upper()}.07",
        "lost": lost,
        "status": "0" if lost else "1",
        "systemNo": 1,
        "updateTime": station.reading(now.timestamp())["time"],
    }
