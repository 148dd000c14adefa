"""Which faults are set at the moment."""

import threading
from collections.abc import Callable
from datetime import datetime

from tests.helpers.faulty_cloud.faults.registry import ActiveFault


class FaultBoard:
    """At most one fault for each serial number, and one for everything without a fault of its own. Thread-safe.

    A fault set for a device's serial applies to all endpoints that take it; one set for a data logger's serial to the
    list of its devices. `now` is the simulated time.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._set: dict[tuple[str, str], ActiveFault] = {}
        self._for_all: ActiveFault | None = None

    def set(self, type: str, sn: str, name: str, /, **params: object) -> None:
        """Set the fault with which to answer for this device (or data logger), instead of any set before."""
        active = ActiveFault(name, params, self._now())
        with self._lock:
            self._set[type, sn] = active

    def clear(self, type: str, sn: str) -> None:
        """Take back this device's own fault, if it has one."""
        with self._lock:
            self._set.pop((type, sn), None)

    def set_all(self, name: str, /, **params: object) -> None:
        """Set the fault with which to answer everything that has none of its own."""
        active = ActiveFault(name, params, self._now())
        with self._lock:
            self._for_all = active

    def clear_all(self) -> None:
        """Take back every fault."""
        with self._lock:
            self._set.clear()
            self._for_all = None

    def find(self, type: str, sn: str) -> ActiveFault | None:
        """Return the fault to answer with, or None."""
        with self._lock:
            return self._set.get((type, sn), self._for_all)
