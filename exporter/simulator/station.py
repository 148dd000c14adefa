"""One device as the cloud sees it: the readings that it has uploaded."""

import math
from dataclasses import dataclass

from exporter.simulator.answer import Reading
from exporter.simulator.clock import Calendar
from exporter.simulator.device import SimDevice
from exporter.simulator.fields import READINGS
from exporter.simulator.fields.states import implausible
from exporter.simulator.noise import unit
from exporter.simulator.plant import Plant


@dataclass(frozen=True)
class Uploads:
    """The instants (seconds since 1970) at which one device uploads: every `interval` seconds, beginning at `offset`."""

    interval: float
    offset: float

    def number(self, timestamp: float) -> int:
        """Return the number of the last upload at or before `timestamp`."""
        return math.floor((timestamp - self.offset) / self.interval)

    def timestamp(self, number: int) -> float:
        """Return when that upload was."""
        return self.offset + number * self.interval

    def between(self, start: float, end: float) -> range:
        """Return the numbers of the uploads from `start` to `end`, both included."""
        first = math.ceil((start - self.offset) / self.interval)
        return range(first, max(self.number(end) + 1, first))


class Station:
    """A device and its uploads. Instants are seconds since 1970, `interval` is the seconds between uploads."""

    def __init__(self, device: SimDevice, seed: int, interval: float, calendar: Calendar) -> None:
        self.device = device
        # Loggers don't upload in step: each device has its own place in the interval.
        self._uploads = Uploads(interval, int(interval * unit(seed, "upload", device.type, device.sn)))
        self._plant = Plant(seed, device)
        self._calendar = calendar
        self._latest: tuple[int, Reading] | None = None

    def lost(self, timestamp: float) -> bool:
        """Return whether the device is offline at that time."""
        since = self.device.offline_since
        return since is not None and timestamp >= since.timestamp()

    def reading(self, timestamp: float) -> Reading:
        """Return the last reading uploaded at or before that time."""
        since = self.device.offline_since
        reached = timestamp if since is None else min(timestamp, since.timestamp())
        return self.upload(self._uploads.number(reached))

    def uploads(self, start: float, end: float) -> range:
        """Return the numbers of the uploads from `start` to `end`, both included."""
        since = self.device.offline_since
        return self._uploads.between(start, end if since is None else min(end, since.timestamp()))

    def upload(self, number: int) -> Reading:
        """Return the reading of one upload; the caller may change it."""
        if self._latest is None or self._latest[0] != number:
            measurement = self._plant.measure(self._calendar, self._uploads.timestamp(number))
            reading = READINGS[self.device.type](measurement)
            self._latest = (number, implausible(reading, number) if self.device.odd else reading)
        return dict(self._latest[1])
