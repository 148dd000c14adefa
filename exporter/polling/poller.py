"""One poll: get a device's latest reading, and record how that went."""

import threading

import structlog

from exporter.api.client import internal_error
from exporter.api.errors import EnercloError, InvalidPayload, RateLimited
from exporter.api.rate_limiter import Closed
from exporter.api.reading import Reading, read
from exporter.api.session import CircuitOpenError, Session
from exporter.logs import LogOnce
from exporter.metrics.dropped_fields import DroppedFields
from exporter.polling.target import Target

_log = structlog.get_logger()


class Poller:
    """Polls targets; safe to use from several threads."""

    def __init__(self, session: Session, dropped_fields: DroppedFields) -> None:
        self._session = session
        self._metrics = session.metrics
        self._dropped_fields = dropped_fields
        self._log_once = LogOnce()
        self._lock = threading.Lock()

    def poll(self, target: Target, *, probe: bool = False) -> bool:
        """Poll once, whatever comes of it: an exception that nobody foresaw is a failed poll too.

        Return whether this closed the circuit breaker. While it is not closed, only a `probe` is sent.
        """
        try:
            return self._poll(target, probe=probe)
        except Closed:
            return False
        except CircuitOpenError:
            target.record_suspension()
            return False
        except EnercloError as error:
            return self._failed(target, error)
        finally:
            target.end()

    def _poll(self, target: Target, *, probe: bool) -> bool:
        device = target.device
        reading = self._session.get(
            device.type,
            device.path,
            device.query,
            lambda data: read(data, device.sn, target.kinds, self._session.token.hide_in),
            probe=probe,
            began=target.begin_request,
            retrying=target.pause,
        )
        try:
            return self._succeeded(target, reading)
        except Exception as error:  # noqa: BLE001 - it fails this poll, and the next one comes when it would after any failure
            self._metrics.failures.labels(device.type, InvalidPayload.reason).inc()
            return self._failed(target, InvalidPayload(internal_error(error, self._session.token)))

    def _succeeded(self, target: Target, reading: Reading) -> bool:
        device = target.device
        came_up, dropped = target.record_success(reading)
        log = _log.info if came_up else _log.debug
        log("device is up" if came_up else "polled", device_sn=device.sn, type=device.type, duration=round(target.duration, 3))
        self._dropped_fields.report(device, dropped)
        if reading.unread_time is not None:
            self._metrics.times_unreadable.labels(device.type).inc()
            warn = _log.warning if self._log_once.is_new(device.key, "time") else _log.debug
            warn("cannot read the device's own time", device_sn=device.sn, type=device.type, time=reading.unread_time)
        return self._record(target, None)

    def _failed(self, target: Target, error: EnercloError) -> bool:
        device = target.device
        closed = self._record(target, error)
        account_at_fault = not self._session.circuit_breaker.allow_request() or isinstance(error, RateLimited)
        went_down = target.record_failure(error, back_off=not account_at_fault)
        log = _log.warning if went_down else _log.debug
        log(
            "device is down" if went_down else "poll failed",
            device_sn=device.sn,
            type=device.type,
            reason=error.reason,
            error=str(error),
            duration=round(target.duration, 3),
        )
        return closed

    def _record(self, target: Target, error: EnercloError | None) -> bool:
        """Record the outcome in the circuit breaker. Return whether that closed it."""
        # one after the other, so that the metric ends with the breaker's last state
        with self._lock:
            transition = self._session.circuit_breaker.record(target.device.key, error)
            if transition is None:
                return False
            self._metrics.show_suspension(transition.cause)
        if transition.cause is None:
            _log.info("circuit breaker closed, polling all devices again")
            return True
        _log.warning("circuit breaker open, sending one probe a minute", reason=transition.cause.value, error=str(error))
        return False
