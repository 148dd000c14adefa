"""The clocks that the exporter goes by, in one place so that a test can turn them."""

import threading
import time


class Clock:
    """Real time.

    Intervals, backoff and staleness go by :meth:`now`, which nothing can step; only what is shown to people or compared with
    an HTTP date goes by :meth:`wall`.
    """

    # Linux's boot-time clock goes on while the machine sleeps, so after a wake old readings are known to be old;
    # elsewhere the monotonic clock is the nearest thing.
    _ID = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

    def now(self) -> float:
        """Seconds since an arbitrary moment; never goes back, not even when the wall clock is set."""
        return time.clock_gettime(self._ID)

    def wall(self) -> float:
        """Unix time in seconds."""
        return time.time()

    def wait(self, condition: threading.Condition, seconds: float) -> None:
        """Wait on a held `condition` for at most `seconds`."""
        condition.wait(seconds)
