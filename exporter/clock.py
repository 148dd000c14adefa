"""The exporter's clock, in one place so that a test can set its own."""

import threading
import time


class Clock:
    """Real time.

    Intervals, backoff and staleness use :meth:`now`, which nobody can set. Only what people read and HTTP dates use :meth:`wall`.
    """

    # CLOCK_BOOTTIME (Linux) also counts the time that the machine sleeps, so that readings are stale when it wakes up
    _ID = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

    def now(self) -> float:
        """Return seconds since an arbitrary moment; they never go back, not even when the wall clock is set."""
        return time.clock_gettime(self._ID)

    def wall(self) -> float:
        """Return Unix time in seconds."""
        return time.time()

    def wait(self, condition: threading.Condition, seconds: float) -> None:
        """Wait on `condition`, whose lock the caller has, for at most `seconds`."""
        condition.wait(seconds)
