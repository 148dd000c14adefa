"""A bounded pool of threads that outlives whatever its work does."""

import itertools
import math
import threading
from collections.abc import Callable
from queue import PriorityQueue
from typing import Generic, TypeVar

import structlog

from exporter.logs import LogOnce

Item = TypeVar("Item")

_log = structlog.get_logger()


class Workers(Generic[Item]):
    """`size` daemon threads that call `work` with every item submitted, the earliest deadline first.

    So what is wanted every few minutes never waits long for what is wanted every few hours, which is not forgotten either.
    Daemon threads, because a request in flight must not hold up the end of the process.
    """

    def __init__(self, work: Callable[[Item], None], size: int) -> None:
        self._work = work
        self._size = size
        #: Deadline, number (of those with one deadline the first goes first, and items need not be compared) and item.
        self._queue: PriorityQueue[tuple[float, int, Item | None]] = PriorityQueue()
        self._numbers = itertools.count()
        self._threads: list[threading.Thread] = []
        self._log_once = LogOnce()

    def submit(self, item: Item, deadline: float) -> None:
        """Queue `item` for a thread that is free; `deadline` is a number that only compares with those of other items."""
        self._queue.put((deadline, next(self._numbers), item))

    def resize(self, size: int) -> None:
        """Change the number of threads; surplus ones end after their current item."""
        for _ in range(self._size - size):
            self._queue.put((-math.inf, next(self._numbers), None))
        self._size = size

    def maintain(self) -> None:
        """Start the threads that are missing, because they never started or died."""
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        while len(self._threads) < self._size:
            thread = threading.Thread(target=self._run, name="worker", daemon=True)
            try:
                thread.start()
            except RuntimeError as error:
                log = _log.error if self._log_once.is_new("start", str(error)) else _log.debug
                log("cannot start a worker, trying again", error=str(error))
                return
            self._log_once.over("start")
            self._threads.append(thread)

    @property
    def alive(self) -> int:
        """Return how many threads live."""
        return sum(thread.is_alive() for thread in self._threads)

    def _run(self) -> None:
        while (item := self._queue.get()[2]) is not None:
            try:
                self._work(item)
            except Exception as error:  # noqa: BLE001 - whatever it is, the next item deserves a worker
                text = f"{type(error).__name__}: {error}"
                (_log.error if self._log_once.is_new("work", text) else _log.debug)("internal error in a worker", error=text)
