"""The account's rate limiter: when the next request may be sent."""

import math
import threading
from typing import Final

from exporter.clock import Clock

#: Requests are spaced this much wider than the rate asks, so that jitter on the way to the cloud does not squeeze one
#: request too many into a minute as the cloud counts it.
_MARGIN: Final = 1.0025

#: Seconds that the whole account waits after a "too many requests" that named no time.
_DEFAULT_PAUSE: Final = 60.0

#: Seconds that the cloud can silence the exporter for at the most, whatever it says.
_MAX_PAUSE: Final = 3600.0

#: The configured rate is divided by at most this.
_MAX_DIVISOR: Final = 16.0

#: Seconds without a refusal after which the rate is doubled again, until it is the configured one.
_RECOVERY: Final = 300.0


class Closed(Exception):
    """The rate limiter was closed, because the exporter is stopping: no more requests."""


class RateLimiter:
    """Spaces the requests of all threads evenly: at most `requests_per_minute` in any minute, and never two at once.

    Evenly rather than in bursts, because the vendor publishes no limit: an unknown limiter can be no stricter than even
    spacing at the rate that the user chose.
    """

    def __init__(self, requests_per_minute: float, clock: Clock) -> None:
        self._clock = clock
        self._condition = threading.Condition()
        self._requests_per_minute = requests_per_minute
        #: When the last request was sent, and until when the cloud asked for none.
        self._sent = self._paused_until = -math.inf
        self._divisor = 1.0
        self._throttled_at = -math.inf
        self._closed = False

    @property
    def requests_per_minute(self) -> float:
        """Return the rate of this moment: the configured one, or less while throttled."""
        with self._condition:
            return self._requests_per_minute / self._current_divisor()

    @property
    def throttled(self) -> bool:
        """Return whether the rate is less than the configured one."""
        with self._condition:
            return self._current_divisor() > 1.0

    def configure(self, requests_per_minute: float, *, reset: bool = False) -> None:
        """Change the configured rate; what was sent before still counts.

        With `reset` forget what the cloud asked for: another account, or another cloud, is asked from now on.
        """
        with self._condition:
            self._requests_per_minute = requests_per_minute
            if reset:
                self._paused_until = self._throttled_at = -math.inf
                self._divisor = 1.0
            self._condition.notify_all()

    def acquire(self) -> None:
        """Wait until a request may be sent, and count it as sent. Raises Closed when the exporter stops meanwhile."""
        with self._condition:
            while not self._closed:
                now = self._clock.now()
                # computed anew after every wait: the rate may have changed
                spacing = 60.0 * _MARGIN * self._current_divisor() / self._requests_per_minute
                left = max(self._sent + spacing, self._paused_until) - now
                if left <= 0:
                    self._sent = now
                    return
                self._clock.wait(self._condition, left)
            raise Closed

    def sleep(self, seconds: float) -> None:
        """Wait `seconds`, whatever the rate. Raises Closed when the exporter stops before or meanwhile."""
        with self._condition:
            if self._condition.wait_for(lambda: self._closed, seconds):
                raise Closed

    def throttle(self, retry_after: float | None) -> float:
        """Pause for `retry_after` seconds (None: not said), then go on at half the rate. Return the pause in seconds."""
        pause = min(_DEFAULT_PAUSE if retry_after is None else retry_after, _MAX_PAUSE)
        with self._condition:
            now = self._clock.now()
            if now >= self._throttled_at + 1.0:
                # answers to requests that were in flight together are one refusal
                self._divisor = min(self._current_divisor() * 2.0, _MAX_DIVISOR)
                self._throttled_at = now
            self._paused_until = max(self._paused_until, now + pause)
        return pause

    def close(self) -> None:
        """End all waits: nothing is sent any more."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()

    def _current_divisor(self) -> float:
        quiet = self._clock.now() - self._throttled_at
        return max(1.0, self._divisor / 2.0 ** int(min(quiet / _RECOVERY, _MAX_DIVISOR)))
