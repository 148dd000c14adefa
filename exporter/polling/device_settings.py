"""The settings of devices as gauges: read one device after the other, rarely."""

import math
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import structlog

from exporter.api.errors import EnercloError, NotFound
from exporter.api.inferred_paths import ENOUGH_DEVICES, InferredPaths
from exporter.api.rate_limiter import Closed
from exporter.api.reading import MAX_FIELDS, InvalidReadingError, fields_of, numbers
from exporter.api.session import CircuitOpenError, Session
from exporter.catalogue.kinds import BY_NAME, Kind, Kinds
from exporter.catalogue.types import SECONDS_SUFFIX, SETTING_PREFIX, Device, DeviceType
from exporter.clock import Clock
from exporter.metrics.dropped_fields import DroppedFields
from exporter.metrics.series import Row, Series
from exporter.polling.loop import Loop

_log = structlog.get_logger()

#: Intervals after which settings that could not be read again are stale.
_STALE_INTERVALS: Final = 3

#: Seconds between two devices in the first round, at the most: the first polls need the rate limiter too. And after an
#: internal error.
_GAP: Final = 10.0

#: Seconds until the next try while the circuit breaker is not closed.
_SUSPENDED_RETRY: Final = 60.0

#: 24:00 is the end of a day: a period that lasts until midnight ends then.
_TIME_OF_DAY: Final = re.compile(r"([01]?\d|2[0-3]|24(?=:00(?::00)?\Z)):([0-5]\d)(?::([0-5]\d))?", re.ASCII)


def read_settings(data: Any, device_sn: str, kinds: Kinds = BY_NAME) -> dict[str, int | float]:
    """Return the gauges in a settings answer: numbers as `setting_<field>`, times of day as `setting_<field>_seconds`.

    The seconds are those after midnight; words and null give no gauge. Raises InvalidReadingError if the data are no object,
    another device's, or too many.
    """
    answer = fields_of(data, device_sn)
    gauges = {SETTING_PREFIX + name: number for name, number in numbers(answer, kinds).items()}
    for name, value in answer.items():
        if isinstance(value, str) and (match := _TIME_OF_DAY.fullmatch(value)) and kinds[name] is not Kind.IDENTITY:
            seconds = int(match[1]) * 3600 + int(match[2]) * 60 + int(match[3] or 0)
            # a number of that very name is the field's own value
            gauges.setdefault(SETTING_PREFIX + name + SECONDS_SUFFIX, seconds)
    if len(gauges) > MAX_FIELDS:
        raise InvalidReadingError(f"the settings have {len(gauges)} numeric fields, more than {MAX_FIELDS}")
    return gauges


@dataclass(frozen=True, slots=True)
class SettingsPlan:
    """Which devices' settings to read, every `interval` seconds."""

    devices: tuple[Device, ...]
    types: Mapping[str, DeviceType]
    interval: float
    kinds: Mapping[str, Kinds] = field(default_factory=dict)


@dataclass(slots=True)
class _Shown:
    row: Row
    read_at: float


class SettingsReader(Loop):
    """Shows the settings of the devices of a plan."""

    retry_after = _GAP

    def __init__(self, session: Session, series: Series, clock: Clock, dropped_fields: DroppedFields) -> None:
        super().__init__("settings loop")
        self._session = session
        self._series = series
        self._clock = clock
        self._dropped_fields = dropped_fields
        self._plan: SettingsPlan | None = None
        self._devices: Mapping[tuple[str, str], Device] = {}
        self._shown: dict[tuple[str, str], _Shown] = {}
        self._next: dict[tuple[str, str], float] = {}
        self._inferred_paths = InferredPaths("settings_path")
        self._lock = threading.Lock()

    def configure(self, plan: SettingsPlan | None) -> None:
        """Read these settings from now on; None reads none. The series of what it no longer covers are removed."""
        with self._lock:
            self._plan = plan
            self._devices = {device.key: device for device in plan.devices} if plan else {}
            for key in self._shown.keys() - self._devices.keys():
                self._series.remove(self._shown.pop(key).row)
            for key, shown in self._shown.items():
                self._series.rename(shown.row, self._devices[key].sn)
            for key in self._next.keys() - self._devices.keys():
                del self._next[key]
            for key in self._next:
                self._next[key] = min(self._next[key], self._clock.now() + (plan.interval if plan else 0.0))
            new = [key for key in self._devices if key not in self._next]
            for index, key in enumerate(new):
                self._next[key] = self._clock.now() + index * min(_GAP, plan.interval / len(new) if plan else 0.0)
        self.wake()

    def step(self) -> float | None:
        """Read what is due. Return the seconds until something is due again, None if nothing will be."""
        try:
            self._read_due()
        except CircuitOpenError:
            return _SUSPENDED_RETRY
        with self._lock:
            return max(0.0, min(self._next.values()) - self._clock.now()) if self._next else None

    def mark_stale(self) -> None:
        """Drop settings that could not be read again for too long."""
        plan = self._plan
        if plan is None:
            return
        # under the lock, so that settings which are read again meanwhile do not go by when they were read before
        with self._lock:
            oldest = self._clock.now() - _STALE_INTERVALS * plan.interval
            for shown in self._shown.values():
                if shown.read_at <= oldest:
                    self._series.clear(shown.row)

    def _read_due(self) -> None:
        plan = self._plan
        if plan is None:
            return
        for device in plan.devices:
            if plan is not self._plan or self._stopped:
                return
            if self._next.get(device.key, math.inf) <= self._clock.now():
                try:
                    self._read(device, plan)
                except (Closed, CircuitOpenError):
                    # not asked, so it stays due
                    raise
                except Exception as error:  # noqa: BLE001 - one bad answer must not end all reading
                    text = f"{type(error).__name__}: {error}"
                    log = _log.error if self._log_once.is_new("read", text) else _log.debug
                    log("internal error in reading settings", error=text)
                self._put_off(device)

    def _put_off(self, device: Device) -> None:
        with self._lock:
            # by the plan of now, which may have another interval
            if self._plan is not None and device.key in self._next:
                self._next[device.key] = self._clock.now() + self._plan.interval

    def _read(self, device: Device, plan: SettingsPlan) -> None:
        path = plan.types[device.type].paths.settings
        enough = min(ENOUGH_DEVICES, sum(other.type == device.type for other in plan.devices))
        if path is None or self._inferred_paths.is_off(path, enough):
            return
        try:
            kinds = plan.kinds.get(device.type, BY_NAME)
            gauges = self._session.get(device.type, path.path, device.query, lambda data: read_settings(data, device.sn, kinds))
        except EnercloError as error:
            log = _log.warning if self._log_once.is_new(device.key, error.reason) else _log.debug
            log("cannot read the settings", device_sn=device.sn, type=device.type, reason=error.reason, error=str(error))
            if isinstance(error, NotFound) and not self._any_shown(device.type):
                self._inferred_paths.record_not_found(device.type, path, enough)
            return
        if self._log_once.over(device.key):
            _log.info("settings readable again", device_sn=device.sn, type=device.type)
        with self._lock:
            # the spelling of now: the plan may be another one by the time of the answer
            wanted = self._devices.get(device.key)
            if wanted is None:
                return
            shown = self._shown.get(device.key)
            if shown is None:
                shown = self._shown[device.key] = _Shown(self._series.add(wanted.type, wanted.sn, settings=True), 0.0)
            shown.read_at = self._clock.now()
            dropped = self._series.update(shown.row, gauges)
        self._dropped_fields.report(device, dropped)

    def _any_shown(self, device_type: str) -> bool:
        return any(shown_type == device_type for shown_type, _ in self._shown)
