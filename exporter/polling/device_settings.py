"""The settings of devices as gauges."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final

import structlog

from exporter.api.errors import EnercloError, NotFound
from exporter.api.inferred_paths import ENOUGH_DEVICES, InferredPaths
from exporter.api.reading import MAX_FIELDS, InvalidReadingError, fields_of, numbers
from exporter.catalogue.kinds import BY_NAME, Kind, Kinds
from exporter.catalogue.types import SECONDS_SUFFIX, SETTING_PREFIX, ApiPath, Device
from exporter.clock import Clock
from exporter.config.load import Config
from exporter.logs import LogOnce
from exporter.metrics.dropped_fields import DroppedFields
from exporter.metrics.series import Series
from exporter.polling.job import Job, Request
from exporter.polling.status import PollResult

_log = structlog.get_logger()

#: Intervals after which settings that could not be read again are stale.
_STALE_INTERVALS: Final = 3

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


class Settings:
    """The jobs that read the settings of devices, and what they share."""

    def __init__(self, series: Series, clock: Clock, dropped_fields: DroppedFields) -> None:
        self.series = series
        self.clock = clock
        self.dropped_fields = dropped_fields
        self.inferred_paths = InferredPaths("settings_path")
        self.log_once = LogOnce()
        self._stale_after = math.inf
        self._jobs: dict[tuple[tuple[str, str], ApiPath], SettingsJob] = {}

    def apply(self, config: Config, devices: Iterable[Device]) -> dict[Job, float]:
        """Return the jobs that read the settings of those of `devices` whose type the config names, with their intervals.

        The series of all others are removed.
        """
        paths = {name: path for name in config.settings_types if (path := config.types[name].paths.settings)}
        # another path is asked at once, and what was shown came from the one before
        wanted = {(device.key, paths[device.type]): device for device in devices if device.type in paths}
        for key in self._jobs.keys() - wanted.keys():
            self.series.remove(self._jobs.pop(key).row)
        counts = Counter(device.type for device in wanted.values())
        for key, device in wanted.items():
            if key not in self._jobs:
                self._jobs[key] = SettingsJob(self, device, key[1])
            enough = min(ENOUGH_DEVICES, counts[device.type])
            self._jobs[key].configure(device, config.kinds.get(device.type, BY_NAME), enough)
        interval = config.settings.interval if config.settings else math.inf
        self._stale_after = _STALE_INTERVALS * interval
        return dict.fromkeys(self._jobs.values(), interval)

    def shown(self, key: tuple[str, str]) -> tuple[tuple[str, str | None, int | float], ...]:
        """Return what is shown of the device of this key, as Series.reading() does; nothing if none of it is."""
        rows = (job.row for job in list(self._jobs.values()) if job.key == key)
        return next(map(self.series.reading, rows), ())

    def mark_stale(self) -> None:
        """Drop settings that could not be read again for too long."""
        oldest = self.clock.now() - self._stale_after
        for job in list(self._jobs.values()):
            if job.read_at <= oldest:
                job.mark_stale(oldest)


class SettingsJob(Job):
    """Asks for a device's settings, and shows them."""

    # the first polls need the rate limiter too
    start_gap = 10.0

    def __init__(self, settings: Settings, device: Device, path: ApiPath) -> None:
        super().__init__(device.key)
        self.row = settings.series.add(device.type, device.sn, settings=True)
        #: When what is shown was read.
        self.read_at = math.inf
        self._settings = settings
        self._path = path

    def configure(self, device: Device, kinds: Kinds, enough: int) -> None:
        """Take over what the config says; `enough` devices that are not found are enough to show that the path is wrong."""
        self._device, self._kinds, self._enough = device, kinds, enough
        self._settings.series.rename(self.row, device.sn)

    def mark_stale(self, oldest: float) -> None:
        """Drop what is shown if it is not younger than `oldest`, by the exporter's clock."""
        with self._settings.series.together():
            # once more, under the lock: it may have been read again meanwhile
            if self.read_at <= oldest:
                self.read_at = math.inf
                self._settings.series.clear(self.row)

    @property
    def enabled(self) -> bool:
        """Return whether the path may be right."""
        return not self._settings.inferred_paths.is_off(self._path, self._enough)

    def request(self) -> Request:
        """Return the request for the settings."""
        device, kinds = self._device, self._kinds
        return Request(device.type, self._path.path, device.query, lambda data: read_settings(data, device.sn, kinds))

    def succeeded(self, answer: Mapping[str, int | float], result: PollResult) -> None:
        """Show the settings."""
        settings, device = self._settings, self._device
        settings.inferred_paths.record_answer(self._path)
        with settings.series.together():
            dropped = settings.series.update(self.row, answer)
            self.read_at = settings.clock.now()
        settings.dropped_fields.report(device, dropped)
        if settings.log_once.over(self.key):
            _log.info("settings readable again", device_sn=device.sn, type=device.type)

    def failed(self, error: EnercloError, result: PollResult) -> None:
        """Keep what is shown until it is stale."""
        device = self._device
        log = _log.warning if self._settings.log_once.is_new(self.key, error.reason) else _log.debug
        log("cannot read the settings", device_sn=device.sn, type=device.type, reason=error.reason, error=str(error))
        if isinstance(error, NotFound):
            self._settings.inferred_paths.record_not_found(device.type, self._path, self.key, self._enough)
