"""The account's circuit breaker: a refused token or an unreachable cloud stops everything but one probe a minute."""

import threading
from collections import Counter
from enum import StrEnum
from typing import Final

from exporter.api.errors import ConnectionFailed, EnercloError, HttpStatus, TimedOut, Unauthorized
from exporter.clock import Clock

#: Seconds between two probes while the breaker is not closed.
PROBE_INTERVAL: Final = 60.0


class Cause(StrEnum):
    """Why the breaker is not closed; label values of atess_exporter_api_suspended."""

    UNAUTHORIZED = "unauthorized"
    UNREACHABLE = "unreachable"


#: How many devices in a row (or all, where there are fewer) must fail alike, none answering in between, before it is the
#: account's failure and not theirs: a device of somebody else's or a broken one must not silence the healthy.
_DEVICES: Final = {Cause.UNAUTHORIZED: 3, Cause.UNREACHABLE: 5}

#: The same for requests, which matters where there are few devices.
_REQUESTS: Final = {Cause.UNAUTHORIZED: 1, Cause.UNREACHABLE: 5}

Key = tuple[str, str]


class CircuitBreaker:
    """Follows the outcome of every request; safe to use from several threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._cause: Cause | None = None
        self._next_probe = 0.0
        self._devices = 1
        #: The requests that failed for each cause since the last one that did not, by device.
        self._failed: dict[Cause, Counter[Key]] = {cause: Counter() for cause in Cause}

    @property
    def cause(self) -> Cause | None:
        """Return why the breaker is not closed; None if it is."""
        return self._cause

    @property
    def probe_due(self) -> bool:
        """Return whether allow_probe() would let a probe go out."""
        return self._cause is not None and self._clock.now() >= self._next_probe

    def configure(self, devices: int) -> None:
        """Set how many devices there are to ask for."""
        with self._lock:
            self._devices = max(1, devices)

    def reset(self) -> None:
        """Close, and forget all outcomes: another account, or another cloud, is asked from now on."""
        with self._lock:
            self._forget_failures()
            self._cause = None

    def allow_request(self) -> bool:
        """Return whether a request that is no probe may go out."""
        return self._cause is None

    def allow_probe(self) -> bool:
        """Return whether a probe may go out now; if so, the next one may PROBE_INTERVAL later."""
        with self._lock:
            due = self.probe_due
            if due:
                self._next_probe = self._clock.now() + PROBE_INTERVAL
            return due

    def probe_soon(self) -> None:
        """Let a probe go out at once: a new token or a new config may end what opened the breaker."""
        with self._lock:
            self._next_probe = self._clock.now()

    def record(self, device: Key, error: EnercloError | None) -> bool:
        """Record how a request for `device` went (None: well). Return whether `cause` is another one now."""
        with self._lock:
            cause = _cause(error)
            if cause is None:
                # whatever it answered, the cloud is there and took the token
                self._forget_failures()
                return self._become(None)
            failed = self._failed[cause]
            failed[device] += 1
            enough = len(failed) >= min(_DEVICES[cause], self._devices) and failed.total() >= _REQUESTS[cause]
            return enough and self._become(cause)

    def _forget_failures(self) -> None:
        for failed in self._failed.values():
            failed.clear()

    def _become(self, cause: Cause | None) -> bool:
        changed = cause is not self._cause
        if self._cause is None:
            self._next_probe = self._clock.now() + PROBE_INTERVAL
        self._cause = cause
        return changed


def _cause(error: EnercloError | None) -> Cause | None:
    """Return what an outcome is a reason to open for; None if it shows that the account works."""
    if isinstance(error, Unauthorized):
        return Cause.UNAUTHORIZED
    if isinstance(error, ConnectionFailed | TimedOut) or (isinstance(error, HttpStatus) and error.status >= 500):
        return Cause.UNREACHABLE
    return None
