"""What several tests need: a clock that the test turns, workers that work when the test says so, and a config."""

import heapq
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, SupportsBytes

from exporter.catalogue.types import Device, Evidence, load_catalogue
from exporter.clock import Clock
from exporter.config.load import Config
from exporter.config.schema import ApiSection, HistorySection, PollSection
from exporter.config.sharding import Shard
from exporter.config.token import Token
from exporter.polling.job import Job
from exporter.polling.workers import Workers


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


class InlineWorkers(Workers[Job]):
    """Workers for one thread: what was submitted is done by drain()."""

    alive = 1

    def __init__(self, work: Callable[[Job], None]) -> None:
        super().__init__(work, 1)
        self.work = work
        self.queue: list[tuple[float, int, Job]] = []
        self._submitted = 0

    def submit(self, item: Job | None, deadline: float) -> None:
        assert item is not None
        self._submitted += 1
        heapq.heappush(self.queue, (deadline, self._submitted, item))

    def maintain(self) -> None:
        pass

    def drain(self) -> None:
        while self.queue:
            self.work(heapq.heappop(self.queue)[2])


def config(**changes: Any) -> Config:
    """A config without devices, as those who are told what to ask read it."""
    defaults: dict[str, Any] = {
        "path": Path("config.yaml"),
        "api": ApiSection(),
        "poll": PollSection(),
        "token": Token(value="made-up"),
        "types": load_catalogue(),
        "kinds": {},
        "fault_words": {},
        "devices": (),
        "discovery": None,
        "settings": None,
        "history": HistorySection(),
        "fields": {},
        "shard": Shard(),
    }
    return Config(**defaults | changes)


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
        self._lock = threading.RLock()
        self._waits = waits

    def __enter__(self) -> None:
        if not self._lock.acquire(blocking=False):
            self._waits.set()
            self._lock.acquire()

    def __exit__(self, *error: object) -> None:
        self._lock.release()
