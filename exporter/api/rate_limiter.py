"""The account's request budget: when the next request may be sent."""

import math
import threading
from typing import Final

from exporter.clock import Clock

#: Requests are spaced this much wider than the budget asks, so that jitter on the way to the cloud does not squeeze one
#: request too many into a minute as the cloud counts it.
_MARGIN: Final = 1.0025

#: Seconds that the whole account waits after a refusal that named no time.
_DEFAULT_PAUSE: Final = 60.0

#: A refusal may not silence the exporter for longer than this, whatever it says, in seconds.
_MAX_PAUSE: Final = 3600.0

_MAX_SLOWDOWN: Final = 16.0

#: Seconds without a refusal after which the pace is doubled again, until it is the configured one.
_RECOVERY: Final = 300.0


class Closed(Exception):
    """The exporter is stopping: no more requests."""


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
        self._slowdown = 1.0
        self._slowed_at = -math.inf
        self._closed = False

    @property
    def requests_per_minute(self) -> float:
        """The rate in force: the configured one, or less after the cloud asked for less."""
        with self._condition:
            return self._requests_per_minute / self._current_slowdown()

    @property
    def slowed(self) -> bool:
        """True while the pace is less than the configured one."""
        with self._condition:
            return self._current_slowdown() > 1.0

    def configure(self, requests_per_minute: float, *, afresh: bool = False) -> None:
        """Change the configured rate; what was sent before still counts.

        Go `afresh` where another account or another cloud is asked from now on: what the one before asked for is over.
        """
        with self._condition:
            self._requests_per_minute = requests_per_minute
            if afresh:
                self._paused_until = self._slowed_at = -math.inf
                self._slowdown = 1.0
            self._condition.notify_all()

    def acquire(self) -> None:
        """Wait until a request may be sent, and take that place. Raises Closed when the exporter stops meanwhile."""
        with self._condition:
            while not self._closed:
                now = self._clock.now()
                # reckoned anew after every wait: the rate may be another one by now
                spacing = 60.0 * _MARGIN * self._current_slowdown() / self._requests_per_minute
                left = max(self._sent + spacing, self._paused_until) - now
                if left <= 0:
                    self._sent = now
                    return
                self._clock.wait(self._condition, left)
            raise Closed

    def slow_down(self, retry_after: float | None) -> float:
        """The cloud found us too fast: pause, then go on at half the pace. Returns the pause in seconds."""
        pause = min(_DEFAULT_PAUSE if retry_after is None else retry_after, _MAX_PAUSE)
        with self._condition:
            now = self._clock.now()
            if now >= self._slowed_at + 1.0:
                # answers to requests that were in flight together are one refusal
                self._slowdown = min(self._current_slowdown() * 2.0, _MAX_SLOWDOWN)
                self._slowed_at = now
            self._paused_until = max(self._paused_until, now + pause)
        return pause

    def close(self) -> None:
        """Let nobody wait any longer."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()

    def _current_slowdown(self) -> float:
        quiet = self._clock.now() - self._slowed_at
        return max(1.0, self._slowdown / 2.0 ** int(min(quiet / _RECOVERY, _MAX_SLOWDOWN)))
