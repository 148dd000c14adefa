"""What several tests need: a clock that the test turns, and a pool that polls when the test says so."""

import threading
from collections import deque
from collections.abc import Callable
from typing import Any, SupportsBytes

from exporter.catalogue.types import Device, Evidence
from exporter.clock import Clock
from exporter.polling.scheduler import QueuedPoll


class FakeClock(Clock):
    """Stands still until it is told to advance; whoever waits on it takes the time he waits."""

    def __init__(self) -> None:
        self.moment = 1_000_000.0
        self.wall_offset = 1_790_000_000.0

    def now(self) -> float:
        return self.moment

    def wall(self) -> float:
        return self.moment + self.wall_offset

    def wait(self, condition: threading.Condition, seconds: float) -> None:
        self.moment += seconds

    def advance(self, seconds: float) -> None:
        self.moment += seconds


class InlinePool:
    """Workers for one thread: what was submitted is done by drain()."""

    def __init__(self, work: Callable[[QueuedPoll], None]) -> None:
        self.work = work
        self.queue: deque[QueuedPoll] = deque()
        self.alive = 1

    def submit(self, item: QueuedPoll) -> None:
        self.queue.append(item)

    def maintain(self) -> None:
        pass

    def drain(self) -> None:
        while self.queue:
            self.work(self.queue.popleft())


def device(sn: str = "UMD0D23202", type: str = "pbd", interval: float = 300.0, **info: str) -> Device:
    return Device(type, sn, f"{type}/data-last", Evidence.DOCUMENTED, interval, info)


def samples(page: SupportsBytes) -> dict[str, float]:
    """The samples of an exposition: the text before the value -> the value."""
    found = {}
    for line in bytes(page).decode().splitlines():
        if line and not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            assert name not in found, f"twice on the page: {name}"
            found[name] = float(value)
    return found


class FakeClient:
    """Stands where nothing real can: answers at the speed of a fake clock. `answer` gives the data or raises."""

    def __init__(self, answer: Callable[[str], Any]) -> None:
        self.answer = answer
        self.asked: list[str] = []

    def get(self, path: str, query: dict[str, str]) -> Any:
        self.asked.append(query["deviceSn"])
        return self.answer(query["deviceSn"])

    def close(self) -> None:
        pass


class TellingLock:
    """A lock that tells when somebody has to wait for it."""

    def __init__(self, waits: threading.Event) -> None:
        self._lock = threading.Lock()
        self._waits = waits

    def __enter__(self) -> None:
        if not self._lock.acquire(blocking=False):
            self._waits.set()
            self._lock.acquire()

    def __exit__(self, *error: object) -> None:
        self._lock.release()
