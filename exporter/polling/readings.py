"""The readings of devices: which are polled, how, and how they stand."""

import math
from collections.abc import Iterable

import structlog

from exporter.api.session import Session
from exporter.catalogue.faults import NO_FAULT_WORDS
from exporter.catalogue.kinds import BY_NAME
from exporter.catalogue.types import Device
from exporter.clock import Clock
from exporter.config.load import Config
from exporter.config.schema import EVERYTHING
from exporter.logs import LogOnce
from exporter.metrics.dropped_fields import DroppedFields
from exporter.metrics.series import Series
from exporter.metrics.unknown_fields import UnknownFields
from exporter.polling.job import Job
from exporter.polling.status import SUSPENDED, DeviceStatus
from exporter.polling.target import ReadingJob, Shared, Target
from exporter.polling.zone_watch import ZoneFit, ZoneWatch

_log = structlog.get_logger()


class Readings:
    """The jobs that poll devices, and their targets."""

    def __init__(self, session: Session, series: Series, clock: Clock, dropped_fields: DroppedFields) -> None:
        self._session = session
        self._series = series
        self._clock = clock
        self._unknown_fields = UnknownFields(session.metrics)
        self._zones = ZoneWatch(session.metrics, clock)
        self._shared = Shared(session, dropped_fields, self._unknown_fields, LogOnce(), self._zones)
        self._jobs: dict[tuple[str, str], ReadingJob] = {}

    def apply(self, config: Config, devices: Iterable[Device], stretch: float) -> dict[Job, float]:
        """Return the jobs that poll `devices`, with their intervals, which are `stretch` times those of the devices.

        Devices that stay keep their job, readings and history.
        """
        self._unknown_fields.configure(config.types)
        self._zones.configure(config.api.zone)
        self._session.base_url, self._session.types = config.api.base_url, tuple(config.types)

        def configure(target: Target, device: Device) -> None:
            field_filter, kinds = config.fields.get(device.type, EVERYTHING), config.kinds.get(device.type, BY_NAME)
            fault_words = config.fault_words.get(device.type, NO_FAULT_WORDS)
            target.configure(device, stretch, config.poll.stale_after, config.api.zone, field_filter, kinds, fault_words)

        wanted = {device.key: device for device in devices}
        for key in self._jobs.keys() - wanted.keys():
            self._jobs.pop(key).target.remove()
            self._zones.forget(key)
        for key, device in wanted.items():
            if key in self._jobs:
                configure(self._jobs[key].target, device)
                continue
            # nobody knows the target yet, so nobody holds its lock and waits for this one
            with self._series.together():
                target = Target(device, self._series, self._clock)
                configure(target, device)
            self._jobs[key] = ReadingJob(target, self._shared)
        return {job: job.target.interval for job in self._jobs.values()}

    def mark_stale(self) -> None:
        """Mark values stale that have become too old; called before every scrape too, so that it needs no living loop."""
        self._zones.expire()
        now = self._clock.now()
        for job in list(self._jobs.values()):
            # asked here, because a call for each of 10,000 devices would be felt in every scrape
            cause = job.target.mark_stale() if job.target.stale_check_at <= now else None
            if cause is not None:
                device = job.target.device
                _log.warning("device is stale, dropping its values", device_sn=device.sn, type=device.type, cause=cause.value)

    def statuses(self) -> list[DeviceStatus]:
        """Return the status of every device."""
        self.mark_stale()
        fit = self._zones.fit()
        return [self._completed(job, job.target.status(*self._next_poll(job)), fit) for job in list(self._jobs.values())]

    def detail(self, key: tuple[str, str]) -> DeviceStatus | None:
        """Return the status of the device of this key, with its latest reading and last polls; None if it is not polled."""
        self.mark_stale()
        job = self._jobs.get(key)
        return self._completed(job, job.target.detail(*self._next_poll(job)), self._zones.fit()) if job else None

    @property
    def suspension_remedy(self) -> str | None:
        """Return what to do about a suspension, None if there is none."""
        return self._session.suspension_remedy

    def zone_fit(self) -> ZoneFit:
        """Return how the zone of the config fits the readings' own times."""
        self._zones.expire()
        return self._zones.fit()

    def _completed(self, job: ReadingJob, status: DeviceStatus, fit: ZoneFit) -> DeviceStatus:
        """Return the status with what the target does not know."""
        status.zone = fit.of(self._zones.shift(job.key))
        if status.reason is not None:
            suspended = status.reason == SUSPENDED
            advice = None if suspended else self._session.advise(job.target.device, status.reason, status.error or "")
            status.remedy = self.suspension_remedy if suspended else advice
        return status

    def _next_poll(self, job: ReadingJob) -> tuple[float | None, int]:
        """Return when a device is polled next, by the exporter's clock, and after how many failures it backs off until then.

        None while only probes are sent.
        """
        if not self._session.circuit_breaker.allow_request():
            return None, 0
        due = job.next_request()
        # for a moment a new job has no slot yet
        return due if math.isfinite(due) else None, job.failures if job.skips else 0
