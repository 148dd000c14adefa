"""Whether the account may be asked at all: a refused token or an unreachable cloud stops everything but a probe a minute."""

import threading
from enum import Enum
from typing import Final

from exporter.api.errors import ConnectionFailed, EnercloError, HttpStatus, TimedOut, Unauthorized
from exporter.clock import Clock

#: Seconds between two probes while the account is suspended.
PROBE_INTERVAL: Final = 60.0


class Breaker(Enum):
    """What the cloud makes of the account; the values are label values."""

    OPEN = "open"
    UNAUTHORIZED = "unauthorized"
    UNREACHABLE = "unreachable"


#: How many devices in a row (or all, where there are fewer) must fail alike, none answering in between, before it is the
#: account's failure and not theirs: a device of somebody else's or a broken one must not silence the healthy.
_DEVICES: Final = {Breaker.UNAUTHORIZED: 3, Breaker.UNREACHABLE: 5}

#: The same for requests, which matters where there are few devices.
_REQUESTS: Final = {Breaker.UNAUTHORIZED: 1, Breaker.UNREACHABLE: 5}

Key = tuple[str, str]


class CircuitBreaker:
    """Follows the outcome of every request and tells when the account is suspended and when it may be probed."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._state = Breaker.OPEN
        self._next_probe = 0.0
        self._devices = 1
        self._requests = dict.fromkeys(_REQUESTS, 0)
        self._failed: dict[Breaker, set[Key]] = {state: set() for state in _DEVICES}

    @property
    def state(self) -> Breaker:
        return self._state

    @property
    def suspended(self) -> bool:
        return self._state is not Breaker.OPEN

    def configure(self, devices: int) -> None:
        """Say how many devices there are to ask for."""
        with self._lock:
            self._devices = max(1, devices)

    def start_afresh(self) -> None:
        """Forget what is known of the account: another one, or another cloud, is asked from now on."""
        with self._lock:
            self._forgive()
            self._state = Breaker.OPEN

    def probe_due(self) -> bool:
        """True while suspended, once PROBE_INTERVAL is over since the last probe: one request may go out."""
        with self._lock:
            return self._state is not Breaker.OPEN and self._clock.now() >= self._next_probe

    def probe_taken(self) -> None:
        """A probe goes out."""
        with self._lock:
            self._next_probe = self._clock.now() + PROBE_INTERVAL

    def probe_soon(self) -> None:
        """Something changed (a new token, a new config) that may end a suspension: probe at once."""
        with self._lock:
            self._next_probe = self._clock.now()

    def observe(self, device: Key, error: EnercloError | None) -> Breaker | None:
        """Take note of a request's outcome. Returns the state if it is another one now."""
        with self._lock:
            blamed = _blamed(error)
            if blamed is None:
                # whatever it answered, the cloud is there and took the token
                self._forgive()
                return self._become(Breaker.OPEN)
            self._requests[blamed] += 1
            if len(self._failed[blamed]) < _DEVICES[blamed]:
                self._failed[blamed].add(device)
            enough_devices = len(self._failed[blamed]) >= min(_DEVICES[blamed], self._devices)
            if enough_devices and self._requests[blamed] >= _REQUESTS[blamed]:
                return self._become(blamed)
            return None

    def _forgive(self) -> None:
        for state in _DEVICES:
            self._requests[state] = 0
            self._failed[state].clear()

    def _become(self, state: Breaker) -> Breaker | None:
        if state is self._state:
            return None
        if self._state is Breaker.OPEN:
            self._next_probe = self._clock.now() + PROBE_INTERVAL
        self._state = state
        return state


def _blamed(error: EnercloError | None) -> Breaker | None:
    """Which suspension an outcome speaks for; None if it shows that the account works."""
    if isinstance(error, Unauthorized):
        return Breaker.UNAUTHORIZED
    if isinstance(error, ConnectionFailed | TimedOut) or (isinstance(error, HttpStatus) and error.status >= 500):
        return Breaker.UNREACHABLE
    return None
