"""What doctor asks: the devices, the data loggers, how many requests that takes and how long."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from exporter.catalogue.serials import distinct, serial_key
from exporter.catalogue.types import ApiPath, Device, DeviceType, Evidence
from exporter.config.load import Config

#: Devices of one type that are asked, unless the user names them: what holds for ten holds for the others.
MAX_PER_TYPE: Final = 10

#: Requests for the history of one device: see survey.py.
HISTORY_REQUESTS: Final = 10

#: Seconds between two readings of a watched device, at the most, and how many there are in a watch, at least.
_STEP: Final = 60.0
_STEPS: Final = 20


class PlanError(ValueError):
    """The options and the config make no plan. The message is for the user."""


@dataclass(frozen=True, slots=True)
class DoctorOptions:
    """The options of the command line. `watch` in seconds, 0 for none; `quick` leaves out settings and history."""

    devices: Sequence[tuple[str, str]] = ()
    datalog_sns: Sequence[str] = ()
    watch: float = 0.0
    try_paths: bool = False
    quick: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What to ask. `unasked` counts the devices that are not, because there are so many of their type.

    `discovers` says whether the devices that only the lists have are asked too.
    """

    devices: tuple[Device, ...]
    unasked: int
    datalog_sns: tuple[str, ...]
    types: tuple[DeviceType, ...]
    options: DoctorOptions
    discovers: bool

    @property
    def requests(self) -> int:
        """Return how many requests it takes at the most, without those of a watch."""
        kinds = {device.type for device in self.devices}
        # unknown before the lists are there
        devices = MAX_PER_TYPE * len(self.types) if self.discovers else len(self.devices)
        counted = [known for known in self.types if self.discovers or known.type in kinds]
        lists = len(self.datalog_sns) * sum(known.paths.list is not None for known in self.types)
        tries = sum(len(path.candidates) for known in self.types for path in _paths(known)) if self.options.try_paths else 0
        deep = 0 if self.options.quick else sum((1 + HISTORY_REQUESTS) for _ in counted)
        return devices + lists + tries + deep

    def watch_step(self, devices: int, requests_per_minute: float) -> float:
        """Return the seconds between two rounds of a watch of so many devices."""
        spacing = 60.0 / requests_per_minute * devices * 1.05
        return max(1.0, min(_STEP, self.options.watch / _STEPS), spacing)

    def forecast(self, requests_per_minute: float) -> str:
        """Return what will be sent and how long it takes, for the user."""
        watched = len(self.types if self.discovers else {device.type for device in self.devices})
        rounds = math.floor(self.options.watch / self.watch_step(watched, requests_per_minute)) if self.options.watch else 0
        total = self.requests + watched * rounds
        seconds = self.requests * 60.0 / requests_per_minute + self.options.watch
        text = f"up to {total} GET requests at {requests_per_minute:g} a minute: some {_words(seconds)}"
        if self.unasked:
            text += f"; {self.unasked} more devices are not asked, name them with --devices to ask them"
        return text


def make_plan(config: Config, options: DoctorOptions) -> Plan:
    """Return the plan. Raises PlanError."""
    loggers = list(options.datalog_sns) or (config.discovery.datalog_sns if config.discovery and not options.devices else [])
    types = tuple(config.types.values())
    if options.devices:
        devices, unasked = [_device(config, name, sn) for name, sn in options.devices], 0
    elif options.datalog_sns:
        # those of these data loggers
        devices, unasked = [], 0
    else:
        devices, unasked = sample(config.devices)
    if not devices and not loggers:
        raise PlanError("no devices: list some in the config, name them with --devices, or their data logger with --datalog-sn")
    discovers = not devices or (config.discovery is not None and not options.devices)
    return Plan(tuple(devices), unasked, tuple(distinct(sn.strip() for sn in loggers)), types, options, discovers)


def sample(devices: Sequence[Device]) -> tuple[list[Device], int]:
    """Return at most MAX_PER_TYPE devices of each type, and how many are not asked.

    The first of each type come first, then the second ones: if a token is refused, that soon shows for several types.
    """
    seen: Counter[str] = Counter()
    found = []
    for device in devices:
        seen[device.type] += 1
        if seen[device.type] <= MAX_PER_TYPE:
            found.append((seen[device.type], device))
    found.sort(key=lambda ranked: ranked[0])
    return [device for _, device in found], len(devices) - len(found)


def _device(config: Config, name: str, sn: str) -> Device:
    known = config.types.get(name)
    if known is None:
        raise PlanError(f"{name}:{sn}: unknown type; expected one of {', '.join(sorted(config.types))}")
    listed = next((device for device in config.devices if device.key == (name, serial_key(sn))), None)
    return listed or device_of(config, known, sn)


def device_of(config: Config, known: DeviceType, sn: str) -> Device:
    """Return a device of a type that no list of the config has."""
    return Device(known.type, sn, known.paths.realtime.path, known.paths.realtime.evidence, config.poll.interval)


def _paths(known: DeviceType) -> list[ApiPath]:
    paths = (known.paths.realtime, known.paths.history, known.paths.list, known.paths.settings)
    return [path for path in paths if path is not None and path.evidence is Evidence.INFERRED]


def _words(seconds: float) -> str:
    return f"{math.ceil(seconds / 60)} min" if seconds > 90 else f"{max(1, math.ceil(seconds))} s"
