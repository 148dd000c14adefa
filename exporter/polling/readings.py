"""The readings of devices: which are polled, how, and how they stand."""

from collections.abc import Iterable
from itertools import chain

import structlog

from exporter.api.errors import EnercloError
from exporter.api.reading import Reading, read
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
from exporter.polling.job import Job, Request
from exporter.polling.status import DeviceStatus, PollResult
from exporter.polling.target import Target

_log = structlog.get_logger()


class ReadingJob(Job):
    """Asks for a device's latest reading, and shows it."""

    rare = False
    start_window = 30.0

    def __init__(
        self, target: Target, session: Session, dropped_fields: DroppedFields, unknown_fields: UnknownFields, log_once: LogOnce
    ) -> None:
        super().__init__(target.device.key)
        self.target = target
        self._session = session
        self._dropped_fields = dropped_fields
        self._unknown_fields = unknown_fields
        self._log_once = log_once

    def request(self) -> Request:
        """Return the request for the latest reading."""
        device, kinds, hide = self.target.device, self.target.kinds, self._session.token.hide_in
        return Request(device.type, device.path, device.query, lambda data: read(data, device.sn, kinds, hide))

    def succeeded(self, answer: Reading, result: PollResult) -> None:
        """Show the reading."""
        device = self.target.device
        came_up, dropped = self.target.record_success(answer, result)
        log = _log.info if came_up else _log.debug
        log("device is up" if came_up else "polled", device_sn=device.sn, type=device.type, duration=round(result.duration, 3))
        self._dropped_fields.report(device, dropped)
        self._unknown_fields.report(device, chain(answer.fields, (name for name, _ in answer.texts)))
        for field in self.target.faults.words.unreadable(answer.fields):
            warn = _log.warning if self._log_once.is_new((device.key, field), "word") else _log.debug
            warn("cannot read a fault word", device_sn=device.sn, type=device.type, field=field, value=answer.fields[field])
        if answer.unread_time is not None:
            self._session.metrics.times_unreadable.labels(device.type).inc()
            warn = _log.warning if self._log_once.is_new(device.key, "time") else _log.debug
            warn("cannot read the device's own time", device_sn=device.sn, type=device.type, time=answer.unread_time)

    def failed(self, error: EnercloError, result: PollResult) -> None:
        """Keep what is shown until it is stale."""
        device = self.target.device
        went_down = self.target.record_failure(error, result)
        log = _log.warning if went_down else _log.debug
        log(
            "device is down" if went_down else "poll failed",
            device_sn=device.sn,
            type=device.type,
            reason=error.reason,
            error=str(error),
            duration=round(result.duration, 3),
        )

    def suspended(self) -> None:
        """Show that the device is not polled."""
        self.target.record_suspension()


class Readings:
    """The jobs that poll devices, and their targets."""

    def __init__(self, session: Session, series: Series, clock: Clock, dropped_fields: DroppedFields) -> None:
        self._session = session
        self._series = series
        self._clock = clock
        self._dropped_fields = dropped_fields
        self._unknown_fields = UnknownFields(session.metrics)
        self._log_once = LogOnce()
        self._jobs: dict[tuple[str, str], ReadingJob] = {}

    def apply(self, config: Config, devices: Iterable[Device], stretch: float) -> dict[Job, float]:
        """Return the jobs that poll `devices`, with their intervals, which are `stretch` times those of the devices.

        Devices that stay keep their job, readings and history.
        """
        self._unknown_fields.configure(config.types)

        def configure(target: Target, device: Device) -> None:
            field_filter, kinds = config.fields.get(device.type, EVERYTHING), config.kinds.get(device.type, BY_NAME)
            fault_words = config.fault_words.get(device.type, NO_FAULT_WORDS)
            target.configure(device, stretch, config.poll.stale_after, config.api.zone, field_filter, kinds, fault_words)

        wanted = {device.key: device for device in devices}
        for key in self._jobs.keys() - wanted.keys():
            self._jobs.pop(key).target.remove()
        for key, device in wanted.items():
            if key in self._jobs:
                configure(self._jobs[key].target, device)
                continue
            # nobody knows the target yet, so nobody holds its lock and waits for this one
            with self._series.together():
                target = Target(device, self._series, self._clock)
                configure(target, device)
            self._jobs[key] = ReadingJob(target, self._session, self._dropped_fields, self._unknown_fields, self._log_once)
        return {job: job.target.interval for job in self._jobs.values()}

    def mark_stale(self) -> None:
        """Mark values stale that have become too old; called before every scrape too, so that it needs no living loop."""
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
        return [job.target.status(*self._next_poll(job)) for job in list(self._jobs.values())]

    def detail(self, key: tuple[str, str]) -> DeviceStatus | None:
        """Return the status of the device of this key, with its latest reading and last polls; None if it is not polled."""
        self.mark_stale()
        job = self._jobs.get(key)
        return job.target.detail(*self._next_poll(job)) if job else None

    def _next_poll(self, job: ReadingJob) -> tuple[float | None, int]:
        """Return when a device is polled next, by the exporter's clock, and after how many failures it backs off until then.

        None while only probes are sent.
        """
        if not self._session.circuit_breaker.allow_request():
            return None, 0
        return job.next_request(), job.failures if job.skips else 0
