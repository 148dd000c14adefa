"""Progress of a backfill: a bar on a terminal, elsewhere a log line now and then."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from shutil import get_terminal_size
from typing import Final, Never

import structlog
from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from exporter.backfill.plan import BackfillPlan, Source
from exporter.backfill.spill import Spill
from exporter.clock import Clock

_log = structlog.get_logger()

#: Seconds between two log lines where there is no terminal.
_LOG_INTERVAL: Final = 30.0


class Progress:
    """Counts what is done, beginning with what `spill` has. `budget` returns the requests a minute that may be sent.

    `complete` has the indices of each source's complete windows. Safe to use from several threads.
    """

    def __init__(self, plan: BackfillPlan, spill: Spill, clock: Clock, budget: Callable[[], float]) -> None:
        self._plan = plan
        self._clock = clock
        self._budget = budget
        self._lock = threading.Lock()
        self.complete = {source: spill.complete_windows(source) for source in plan.sources}
        self._windows = len(plan.sources) * len(plan.windows)
        self._before = sum(map(len, self.complete.values()))
        self._requests = 0
        self._samples = spill.samples
        self._began = self._logged = clock.now()
        self._bar: tqdm[Never] | None = None

    @property
    def windows_left(self) -> int:
        """Return how many windows are still to be read."""
        return self._windows - sum(map(len, self.complete.values()))

    def asked(self) -> None:
        """Count a request that goes out."""
        with self._lock:
            self._requests += 1

    def add_window(self, source: Source, index: int, samples: int) -> None:
        """Count a window that is complete, with the number of its samples."""
        with self._lock:
            self.complete[source].add(index)
            self._samples += samples

    def requests_left(self) -> int:
        """Estimate the requests left: by what a window took so far, at first by what it should take."""
        left = self.windows_left
        if read := self._windows - left - self._before:
            return round(left * self._requests / read)
        return round(left * self._plan.requests / self._windows)

    def seconds_left(self) -> float:
        """Estimate the seconds left: by the rate limit or by the pace so far, whichever is slower."""
        pace = (self._clock.now() - self._began) / self._requests if self._requests else 0.0
        return self.requests_left() * max(60.0 / self._budget(), pace)

    @contextmanager
    def display(self) -> Iterator[None]:
        """Keep a bar on the terminal, if there is one, while the context lasts. It moves when update() is called."""
        if not sys.stderr.isatty():
            yield
            return
        # some terminals report 0 columns, and tqdm would draw nothing
        columns = get_terminal_size().columns
        style = "{percentage:3.0f}%|{bar}| {desc}"
        with logging_redirect_tqdm(), tqdm(total=self._windows, ncols=columns, bar_format=style, leave=False) as self._bar:
            yield

    def update(self) -> None:
        """Move the bar, or log a line if the last is long enough ago."""
        with self._lock:
            done = self._windows - self.windows_left
            devices = sum(len(windows) == len(self._plan.windows) for windows in self.complete.values())
            facts = {
                "devices": f"{devices}/{len(self.complete)}",
                "windows": f"{done}/{self._windows}",
                "samples": self._samples,
                "requests_left": self.requests_left(),
                "time_left": duration(self.seconds_left()),
            }
        if self._bar is not None:
            self._bar.n = done
            self._bar.set_description_str(
                f"devices {facts['devices']}, windows {facts['windows']}, {facts['samples']:,} samples, "
                f"{facts['requests_left']} requests left, {facts['time_left']} to go"
            )
        elif self._clock.now() - self._logged >= _LOG_INTERVAL:
            self._logged = self._clock.now()
            _log.info("backfill in progress", **facts)


def duration(seconds: float) -> str:
    """Return seconds as text in their two largest units, such as `7m45s`."""
    minutes, hours = divmod(round(seconds), 60), divmod(round(seconds / 60), 60)
    if seconds < 3600:
        return f"{minutes[0]}m{minutes[1]:02d}s"
    if hours[0] < 24:
        return f"{hours[0]}h{hours[1]:02d}m"
    days = divmod(round(seconds / 3600), 24)
    return f"{days[0]}d{days[1]:02d}h"
