"""The settings of devices as gauges: read one after the other, rarely."""

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import structlog

from exporter.api.errors import EnercloError, NotFound
from exporter.api.rate_limiter import Closed
from exporter.api.reading import MAX_FIELDS, InvalidReadingError, fields_of, numbers
from exporter.api.session import Session, SuspendedError
from exporter.catalogue.kinds import BY_NAME, Kind, Kinds
from exporter.catalogue.types import SECONDS_SUFFIX, SETTING_PREFIX, ApiPath, Device, DeviceType, Evidence
from exporter.clock import Clock
from exporter.logs import LogOnce
from exporter.metrics.dropped_fields import DroppedFields
from exporter.metrics.series import Row, Series

_log = structlog.get_logger()

#: Intervals after which settings that could not be read again are no longer shown.
_STALE_INTERVALS: Final = 3

#: Seconds between two devices in the first round, at the most: the first polls need the budget too. And after an internal error.
_GAP: Final = 10.0

#: A path counts as wrong when it is found for none of this many devices (or of all, where there are fewer).
_NOT_FOUND: Final = 3

#: Seconds until the next try while the account is suspended.
_SUSPENDED_RETRY: Final = 60.0

#: 24:00 is the end of a day: a period that lasts until midnight ends then.
_TIME_OF_DAY: Final = re.compile(r"([01]?\d|2[0-3]|24(?=:00(?::00)?\Z)):([0-5]\d)(?::([0-5]\d))?", re.ASCII)


def read_settings(data: Any, device_sn: str, kinds: Kinds = BY_NAME) -> dict[str, int | float]:
    """The gauges in a settings answer: numbers as `setting_<field>`, times of day as `setting_<field>_seconds` after midnight.

    The rest (words, null) is left out. Raises InvalidReadingError if the data are no object, another device's, or too many.
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
    """Whose settings to read, every `interval` seconds."""

    devices: tuple[Device, ...]
    types: Mapping[str, DeviceType]
    interval: float
    kinds: Mapping[str, Kinds] = field(default_factory=dict)


@dataclass(slots=True)
class _Shown:
    row: Row
    read_at: float


class SettingsReader:
    """Shows the settings of the devices of a plan."""

    def __init__(self, cloud: Session, series: Series, clock: Clock, left_out: DroppedFields) -> None:
        self._cloud = cloud
        self._series = series
        self._clock = clock
        self._left_out = left_out
        self._plan: SettingsPlan | None = None
        self._devices: Mapping[tuple[str, str], Device] = {}
        self._shown: dict[tuple[str, str], _Shown] = {}
        self._next: dict[tuple[str, str], float] = {}
        self._not_found: dict[ApiPath, int] = {}
        self._news = LogOnce()
        self._lock = threading.Lock()
        self._changed = threading.Event()
        self._stopped = False

    def configure(self, plan: SettingsPlan | None) -> None:
        """Read these settings from now on; None reads none. What it no longer covers vanishes."""
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
        self._changed.set()

    def run(self) -> None:
        """Read at intervals until stopped; for a thread of its own."""
        while not self._stopped:
            self._changed.clear()
            self._changed.wait(self.step())

    def stop(self) -> None:
        """End the reading."""
        self._stopped = True
        self._changed.set()

    def step(self) -> float | None:
        """Read what is due. Returns the seconds until something is due again, None if nothing will be."""
        try:
            self._read_due()
        except Closed:
            return None
        except SuspendedError:
            return _SUSPENDED_RETRY
        except Exception as error:  # noqa: BLE001 - one bad answer must not end all reading
            text = f"{type(error).__name__}: {error}"
            (_log.error if self._news.is_new("step", text) else _log.debug)("internal error in reading settings", error=text)
            return _GAP
        with self._lock:
            return max(0.0, min(self._next.values()) - self._clock.now()) if self._next else None

    def expire(self) -> None:
        """Withhold settings that could not be read again for long."""
        plan = self._plan
        if plan is None:
            return
        # under the lock, so that settings which are read again meanwhile are not judged by when they were read before
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
            if self._next.get(device.key, float("inf")) <= self._clock.now():
                try:
                    self._read(device, plan)
                except (Closed, SuspendedError):
                    # not asked, so it stays due
                    raise
                except Exception:
                    self._put_off(device)
                    raise
                self._put_off(device)

    def _put_off(self, device: Device) -> None:
        with self._lock:
            # by the plan of now, which may have another interval
            if self._plan is not None and device.key in self._next:
                self._next[device.key] = self._clock.now() + self._plan.interval

    def _read(self, device: Device, plan: SettingsPlan) -> None:
        path = plan.types[device.type].paths.settings
        enough = min(_NOT_FOUND, sum(other.type == device.type for other in plan.devices))
        if path is None or self._not_found.get(path, 0) >= enough:
            return
        try:
            kinds = plan.kinds.get(device.type, BY_NAME)
            gauges = self._cloud.ask(device.type, path.path, device.query, lambda data: read_settings(data, device.sn, kinds))
        except EnercloError as error:
            log = _log.warning if self._news.is_new(device.key, error.reason) else _log.debug
            log("settings could not be read", device_sn=device.sn, type=device.type, reason=error.reason, error=str(error))
            if isinstance(error, NotFound) and path.evidence is Evidence.INFERRED and not self._any_shown(device.type):
                self._not_found[path] = self._not_found.get(path, 0) + 1
                if self._not_found[path] == enough:
                    _log.warning(
                        "settings of a type are switched off: their path is inferred and not found; set the right one",
                        type=device.type,
                        path=path.path,
                        key=f"types.{device.type}.settings_path",
                    )
            return
        if self._news.over(device.key):
            _log.info("settings can be read again", device_sn=device.sn, type=device.type)
        with self._lock:
            # the spelling of now: the plan may be another one by the time of the answer
            wanted = self._devices.get(device.key)
            if wanted is None:
                return
            shown = self._shown.get(device.key)
            if shown is None:
                shown = self._shown[device.key] = _Shown(self._series.add(wanted.type, wanted.sn, settings=True), 0.0)
            shown.read_at = self._clock.now()
            left_out = self._series.update(shown.row, gauges)
        self._left_out.report(device, left_out)

    def _any_shown(self, device_type: str) -> bool:
        return any(shown_type == device_type for shown_type, _ in self._shown)
