"""What the cloud was asked and what it answered, for tests to look at."""

import threading
import time
from collections import deque
from dataclasses import dataclass

from exporter.simulator.answer import Reading

KEPT_REQUESTS = 200_000
KEPT_READINGS = 16


@dataclass(frozen=True)
class RequestRecord:
    """One request as it arrived, `at` in seconds of `time.monotonic`. Headers that were not sent are None."""

    at: float
    method: str
    path: str
    query: dict[str, str]
    authorization: str | None
    accept_language: str | None


@dataclass(frozen=True)
class Served:
    """One reading that the real-time endpoint sent, `at` in seconds of `time.monotonic`."""

    at: float
    data: Reading


class Flight:
    """A request that is being answered. Landing twice is the same as landing once."""

    def __init__(self, traffic: "Traffic") -> None:
        self._traffic = traffic
        self._flying = True

    def land(self) -> None:
        """Note that the answer is complete."""
        if self._flying:
            self._flying = False
            self._traffic.landed()


class Traffic:
    """The log of requests and of served readings, and the count of requests in flight. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: deque[RequestRecord] = deque(maxlen=KEPT_REQUESTS)
        self._served: dict[tuple[str, str], deque[Served]] = {}
        self._in_flight = 0
        self._max_in_flight = 0

    @property
    def requests(self) -> list[RequestRecord]:
        """Return the requests since the last `clear`, oldest first, `KEPT_REQUESTS` at most."""
        with self._lock:
            return list(self._requests)

    @property
    def in_flight(self) -> int:
        """Return how many requests have arrived and are not answered yet."""
        return self._in_flight

    @property
    def max_in_flight(self) -> int:
        """Return the most requests that were in flight at once since the last `clear`."""
        return self._max_in_flight

    def served(self, key: tuple[str, str]) -> list[Served]:
        """Return the last `KEPT_READINGS` readings served for the device, oldest first."""
        with self._lock:
            return list(self._served.get(key, ()))

    def clear(self) -> None:
        """Forget the requests, and begin to measure `max_in_flight` anew."""
        with self._lock:
            self._requests.clear()
            self._max_in_flight = self._in_flight

    def arrived(self, record: RequestRecord) -> Flight:
        """Record a request that arrived."""
        with self._lock:
            self._requests.append(record)
            self._in_flight += 1
            self._max_in_flight = max(self._max_in_flight, self._in_flight)
        return Flight(self)

    def landed(self) -> None:
        """Note that a request is answered, or its client gone."""
        with self._lock:
            self._in_flight -= 1

    def serve(self, key: tuple[str, str], data: Reading) -> None:
        """Record a reading that is about to be sent."""
        with self._lock:
            self._served.setdefault(key, deque(maxlen=KEPT_READINGS)).append(Served(time.monotonic(), data))
