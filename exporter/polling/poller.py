"""One poll: ask the cloud for a device's latest reading, and tell everybody concerned how it went."""

import threading

import structlog

from exporter.api.circuit_breaker import Breaker
from exporter.api.client import internal_error
from exporter.api.errors import EnercloError, InvalidPayload, RateLimited
from exporter.api.rate_limiter import Closed
from exporter.api.reading import Reading, read
from exporter.api.session import Session, SuspendedError
from exporter.logs import LogOnce
from exporter.metrics.dropped_fields import DroppedFields
from exporter.metrics.self_metrics import SelfMetrics
from exporter.polling.target import Target

_log = structlog.get_logger()


class Poller:
    """Polls targets; safe to use from several threads."""

    def __init__(self, cloud: Session, metrics: SelfMetrics, left_out: DroppedFields) -> None:
        self._cloud = cloud
        self._metrics = metrics
        self._left_out = left_out
        self._news = LogOnce()
        self._lock = threading.Lock()

    def poll(self, target: Target, *, probe: bool = False) -> Breaker | None:
        """Poll once, whatever comes of it: an exception that nobody foresaw is a failed poll too.

        Returns the account's new state if this changed it. While the account is suspended only a `probe` goes out.
        """
        try:
            return self._poll(target, probe=probe)
        except Closed:
            return None
        except SuspendedError:
            target.left_out()
            return None
        except EnercloError as error:
            return self._failed(target, error)
        finally:
            target.ended()

    def _poll(self, target: Target, *, probe: bool) -> Breaker | None:
        device = target.device
        reading = self._cloud.ask(
            device.type,
            device.path,
            device.query,
            lambda data: read(data, device.sn, target.kinds, self._cloud.token.hide_in),
            probe=probe,
            began=target.began,
            retrying=target.paused,
        )
        try:
            return self._succeeded(target, reading)
        except Exception as error:  # noqa: BLE001 - it fails this poll, and the next one comes when it would after any failure
            self._metrics.failures.labels(device.type, InvalidPayload.reason).inc()
            return self._failed(target, InvalidPayload(internal_error(error, self._cloud.token)))

    def _succeeded(self, target: Target, reading: Reading) -> Breaker | None:
        device = target.device
        came_up, left_out = target.succeeded(reading)
        log = _log.info if came_up else _log.debug
        log("device is up" if came_up else "polled", device_sn=device.sn, type=device.type, duration=round(target.duration, 3))
        self._left_out.report(device, left_out)
        if reading.unread_time is not None:
            self._metrics.times_unreadable.labels(device.type).inc()
            warn = _log.warning if self._news.is_new(device.key, "time") else _log.debug
            warn("the device's own time cannot be read", device_sn=device.sn, type=device.type, time=reading.unread_time)
        return self._observe(target, None)

    def _failed(self, target: Target, error: EnercloError) -> Breaker | None:
        device = target.device
        changed = self._observe(target, error)
        account_at_fault = self._cloud.account.suspended or isinstance(error, RateLimited)
        went_down = target.failed(error, back_off=not account_at_fault)
        log = _log.warning if went_down else _log.debug
        log(
            "device is down" if went_down else "poll failed",
            device_sn=device.sn,
            type=device.type,
            reason=error.reason,
            error=str(error),
            duration=round(target.duration, 3),
        )
        return changed

    def _observe(self, target: Target, error: EnercloError | None) -> Breaker | None:
        # one after the other, so that the last word on the page is the account's last state
        with self._lock:
            changed = self._cloud.account.observe(target.device.key, error)
            if changed is not None:
                self._metrics.show_suspension(changed.value)
        if changed is not None:
            if changed is Breaker.OPEN:
                _log.info("the cloud answers again: polling goes on")
            else:
                _log.warning("polling is suspended but for one probe a minute", reason=changed.value, error=str(error))
        return changed
