"""A device while it is polled: how its polls went, and what is shown of it."""

import marshal
import math
import threading
from dataclasses import replace
from datetime import tzinfo
from itertools import chain
from typing import Final, NamedTuple

import structlog

from exporter.api.errors import EnercloError
from exporter.api.reading import Reading, read
from exporter.api.session import Session
from exporter.catalogue.faults import NO_FAULT_WORDS, FaultWords
from exporter.catalogue.kinds import BY_NAME, Kinds
from exporter.catalogue.types import STATE_FIELD, Device
from exporter.clock import Clock
from exporter.config.schema import EVERYTHING, FieldFilter
from exporter.logs import LogOnce
from exporter.metrics.dropped_fields import DroppedFields
from exporter.metrics.series import Series
from exporter.metrics.unknown_fields import UnknownFields
from exporter.polling.faults import ActiveFaults
from exporter.polling.job import Job, Request
from exporter.polling.own_time import OwnTime
from exporter.polling.status import SUSPENDED, DeviceState, DeviceStatus, FieldValue, PollHistory, PollResult, StaleCause
from exporter.polling.zone_watch import ZoneWatch

_log = structlog.get_logger()

#: Without `stale_after` in the config, values are stale after so many intervals, but at least so many seconds.
_STALE_INTERVALS: Final = 3
_STALE_SECONDS: Final = 900.0

_NO_TEXTS: Final = marshal.dumps(())


class Target:
    """One device, its series and its history. Outcomes may be reported from any thread.

    Values are stale after some time without a usable reading, or without one that moved, by the exporter's own clock. Then they
    are no longer shown; what is said about the device itself stays.
    """

    # there are many targets, and a dictionary for each would be 1.3 KB
    __slots__ = (
        *("_clock", "_error", "_filter", "_lock", "_mark", "_moved_at", "_own_time", "_polls", "_reason"),
        *("_row", "_series", "_stale_after", "_stale_cause", "_success_at", "_success_wall", "_texts", "_up"),
        *("device", "faults", "interval", "kinds", "stale_check_at"),
    )

    def __init__(self, device: Device, series: Series, clock: Clock) -> None:
        self.device = device
        self.interval = device.interval
        self.kinds = BY_NAME
        self.faults = ActiveFaults()
        self._stale_cause: StaleCause | None = None
        #: When its values may next become stale.
        self.stale_check_at = math.inf
        #: When the last usable reading came, and the last one that moved: with another mark, or one that says nothing.
        self._success_at = self._moved_at = clock.now()
        self._mark: str | int | None = None
        self._stale_after = _STALE_SECONDS
        self._series = series
        self._clock = clock
        self._lock = threading.RLock()
        self._up: bool | None = None
        self._filter = EVERYTHING
        self._own_time = OwnTime()
        #: Packed, because most devices have few and all of them together would be felt.
        self._texts = _NO_TEXTS
        self._success_wall: float | None = None
        self._reason: str | None = None
        self._error: str | None = None
        self._polls = PollHistory()
        self._row = series.add(device.type, device.sn)
        with series.together():
            series.set(self._row, "atess_device_info", 1, device.info)
            self._show_stale()

    def configure(
        self,
        device: Device,
        stretch: float,
        stale_after: float | None,
        zone: tzinfo | None,
        field_filter: FieldFilter = EVERYTHING,
        kinds: Kinds = BY_NAME,
        fault_words: FaultWords = NO_FAULT_WORDS,
    ) -> None:
        """Take over what the config says of the device; `stretch` is what pacing multiplies its interval by."""
        with self._lock, self._series.together():
            self._series.rename(self._row, device.sn)
            if device.info != self.device.info:
                # in place of the sample with the labels before: no scrape is without one
                self._series.set(self._row, "atess_device_info", 1, device.info)
            self.device = device
            self.interval = device.interval * stretch
            self._stale_after = stale_after or max(_STALE_INTERVALS * self.interval, _STALE_SECONDS)
            self._series.set(self._row, "atess_device_data_timestamp_seconds", self._own_time.read_in(zone))
            self._filter = field_filter
            self.kinds, self.faults.words = kinds, fault_words
            self._series.set(self._row, "atess_device_lost", None if device.lost is None else int(device.lost))
            self._series.set(self._row, "atess_device_gone", None if device.gone_since is None else 1)
            self._update_staleness()
            self._series.set(self._row, "atess_device_poll_interval_seconds", self.interval)

    def record_success(self, reading: Reading, poll: PollResult) -> tuple[bool, tuple[tuple[str, str], ...]]:
        """Show the `reading` of `poll`. Return whether the device had not been up, and the fields dropped, each with its cause.

        Whatever this raises, the device then stands as if no reading had come, and the poll is yet to be recorded as failed.
        """
        with self._lock:
            success_at, up = self._success_at, self._up
            try:
                result = self._show(reading)
            except Exception:
                self._success_at = success_at
                if up is not None:
                    self._set_up(up)
                self._update_staleness()
                raise
            self._remember(poll)
            self._error = None
            return result

    def _show(self, reading: Reading) -> tuple[bool, tuple[tuple[str, str], ...]]:
        with self._series.together():
            self._success_at = self._clock.now()
            if reading.mark is None or reading.mark != self._mark:
                self._mark, self._moved_at = reading.mark, self._success_at
            came_up = self._set_up(True)
            self._success_wall = self._clock.wall()
            self._series.set(self._row, "atess_device_last_success_timestamp_seconds", self._success_wall)
            self._series.set(self._row, "atess_device_data_timestamp_seconds", self._own_time.take(reading, self._success_wall))
            self._update_staleness()
            if self._stale_cause is not None:
                return came_up, ()
            self._texts = marshal.dumps(reading.texts) if reading.texts else _NO_TEXTS
            dropped = self._series.update(self._row, self._filter.of(reading.fields))
            self.faults.show(self._series, self._row, reading.fields, self._success_wall)
            return came_up, dropped

    def record_failure(self, error: EnercloError, poll: PollResult) -> str:
        """Record that `poll` gave no usable reading. Return what is new of that in words, none if nothing is."""
        with self._lock:
            another = self._polls.last is not None and self._polls.last.reason not in (None, poll.reason)
            self._remember(poll)
            self._error = str(error)
            return "device is down" if self._set_up(False) else "device is down for another reason" if another else ""

    def record_suspension(self) -> None:
        """Record that a due poll was not made, because the circuit breaker is not closed."""
        with self._lock:
            self._reason = SUSPENDED
            self._set_up(False)

    def mark_stale(self) -> StaleCause | None:
        """Drop values that have become too old. Return the cause if they have just become so."""
        if self._clock.now() < self.stale_check_at:
            return None
        with self._lock:
            return self._stale_cause if self._update_staleness() else None

    def remove(self) -> None:
        """Remove the series: the device is no longer polled."""
        self._series.remove(self._row)

    def status(self, next_poll: float | None, failures: int = 0) -> DeviceStatus:
        """Return how the device stands.

        `next_poll` (by the exporter's clock) is when it is to be polled next, after backing off for `failures`.
        """
        with self._lock:
            now, wall = self._clock.now(), self._clock.wall()
            age = None
            if self._success_wall is not None:
                age = now - self._moved_at if self._own_time.timestamp is None else wall - self._own_time.timestamp
            running = self._series.value(self._row, STATE_FIELD)
            return DeviceStatus(
                type=self.device.type,
                sn=self.device.sn,
                info=self.device.info,
                path=self.device.path,
                path_evidence=self.device.evidence,
                state=DeviceState.of(self._up, self._stale_cause, gone=self.device.gone_since is not None),
                reason=self._reason,
                error=self._error,
                stale_cause=self._stale_cause,
                lost=self.device.lost,
                gone_since=self.device.gone_since,
                data_time=self._own_time.text,
                data_time_is_read=self._own_time.is_read,
                data_timestamp=self._own_time.timestamp,
                data_age=age,
                last_success=self._success_wall,
                last_poll=self._polls.last,
                interval=self.interval,
                next_poll=None if next_poll is None else wall + next_poll - now,
                failures=failures,
                faults=self.faults.active,
                running_state=None if running is None else FieldValue(STATE_FIELD, None, running),
            )

    def detail(self, next_poll: float | None, failures: int = 0) -> DeviceStatus:
        """Return the same with the latest reading and the last polls, all of one moment."""
        with self._lock:
            fields = [FieldValue(*field) for field in self._series.reading(self._row)]
            texts = marshal.loads(self._texts)  # noqa: S302 - our own
            return replace(self.status(next_poll, failures), fields=fields, texts=texts, polls=self._polls.all)

    def _remember(self, poll: PollResult) -> None:
        self._polls.add(poll)
        self._reason = poll.reason

    def _update_staleness(self) -> bool:
        """Decide anew whether the values are stale, and drop them if so. Return whether the cause changed."""
        now, limit, before = self._clock.now(), self._stale_after, self._stale_cause
        self._stale_cause, self.stale_check_at = None, min(self._success_at, self._moved_at) + limit
        if now - self._success_at >= limit:
            self._stale_cause, self.stale_check_at = StaleCause.FAILING, math.inf
        elif now - self._moved_at >= limit:
            self._stale_cause, self.stale_check_at = StaleCause.FROZEN, self._success_at + limit
        changed = self._stale_cause is not before
        if changed:
            with self._series.together():
                if self._stale_cause is not None:
                    self._series.clear(self._row)
                    self.faults.forget()
                    self._texts = _NO_TEXTS
                self._show_stale()
        return changed

    def _show_stale(self) -> None:
        for cause in StaleCause:
            self._series.set(self._row, "atess_device_stale", int(self._stale_cause is cause), {"cause": cause.value})

    def _set_up(self, up: bool) -> bool:
        changed = self._up is not up
        if changed:
            self._up = up
            self._series.set(self._row, "atess_device_up", int(up))
        return changed


class Shared(NamedTuple):
    """What the jobs share. One attribute of each: with some more, Python would give each job a dictionary of its own, of 2 KB."""

    session: Session
    dropped_fields: DroppedFields
    unknown_fields: UnknownFields
    log_once: LogOnce
    zones: ZoneWatch


class ReadingJob(Job):
    """Asks for a device's latest reading, and shows it."""

    rare = False
    start_window = 30.0

    def __init__(self, target: Target, shared: Shared) -> None:
        super().__init__(target.device.key)
        self.target = target
        self._shared = shared

    def request(self) -> Request:
        """Return the request for the latest reading."""
        device, kinds, hide = self.target.device, self.target.kinds, self._shared.session.token.hide_in
        return Request(device.type, device.path, device.query, lambda data: read(data, device.sn, kinds, hide))

    def succeeded(self, answer: Reading, result: PollResult) -> None:
        """Show the reading."""
        device = self.target.device
        came_up, dropped = self.target.record_success(answer, result)
        log = _log.info if came_up else _log.debug
        log("device is up" if came_up else "polled", device_sn=device.sn, type=device.type, duration=round(result.duration, 3))
        self._shared.dropped_fields.report(device, dropped)
        self._shared.unknown_fields.report(device, chain(answer.fields, (name for name, _ in answer.texts)))
        for field in self.target.faults.words.unreadable(answer.fields):
            warn = _log.warning if self._shared.log_once.is_new((device.key, field), "word") else _log.debug
            warn("cannot read a fault word", device_sn=device.sn, type=device.type, field=field, value=answer.fields[field])
        self._shared.zones.observe(self.key, answer.time, self.target.interval)
        if answer.unread_time is not None:
            self._shared.session.metrics.times_unreadable.labels(device.type).inc()
            warn = _log.warning if self._shared.log_once.is_new(device.key, "time") else _log.debug
            warn("cannot read the device's own time", device_sn=device.sn, type=device.type, time=answer.unread_time)

    def failed(self, error: EnercloError, result: PollResult) -> None:
        """Keep what is shown until it is stale."""
        device, told = self.target.device, self.target.record_failure(error, result)
        log = _log.bind(device_sn=device.sn, type=device.type, reason=error.reason, error=str(error))
        log = log.bind(remedy=self._shared.session.advise(device, error.reason, str(error)), duration=round(result.duration, 3))
        (log.warning if told else log.debug)(told or "poll failed")

    def suspended(self) -> None:
        """Show that the device is not polled."""
        self.target.record_suspension()
