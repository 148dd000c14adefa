"""How far a backfill is: a bar on a terminal, a line in the log now and then elsewhere."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from shutil import get_terminal_size
from typing import Final, Never

import structlog
from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from exporter.backfill.plan import BackfillPlan, Source, pages
from exporter.clock import Clock

_log = structlog.get_logger()

#: Seconds between two lines where there is no terminal.
_LINE_EVERY: Final = 30.0


class Progress:
    """Counts what is done; `budget` gives the requests a minute that may be sent. Safe to use from several threads."""

    def __init__(self, plan: BackfillPlan, clock: Clock, budget: Callable[[], float]) -> None:
        self._plan = plan
        self._clock = clock
        self._budget = budget
        self._lock = threading.Lock()
        self._left = dict.fromkeys(plan.sources, len(plan.windows))
        self._windows_read = 0
        self._requests = 0
        self._samples = 0
        self._began = self._said = clock.now()
        self._bar: tqdm[Never] | None = None

    @property
    def windows_left(self) -> int:
        """The windows that are to be read yet."""
        return sum(self._left.values())

    def found(self, source: Source, windows: int) -> None:
        """So many windows of a source are there from a run before, or will never be."""
        with self._lock:
            self._left[source] -= windows

    def asked(self) -> None:
        """A request goes out."""
        with self._lock:
            self._requests += 1

    def read(self, source: Source, samples: int) -> None:
        """A window is whole."""
        with self._lock:
            self._left[source] -= 1
            self._windows_read += 1
            self._samples += samples

    def start(self, samples: int) -> None:
        """Reading begins, with so many samples from runs before."""
        self._samples = samples
        self._began = self._said = self._clock.now()

    def requests_left(self) -> int:
        """An estimate: by what a window took so far, at first by what it should take."""
        windows = self.windows_left
        if self._windows_read:
            return round(windows * self._requests / self._windows_read)
        return round(windows * sum(pages(it, self._plan.page_size) for it in self._plan.windows) / len(self._plan.windows))

    def seconds_left(self) -> float:
        """An estimate: what the budget allows, or what was seen, whichever is slower."""
        seen = (self._clock.now() - self._began) / self._requests if self._requests else 0.0
        return self.requests_left() * max(60.0 / self._budget(), seen)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show it meanwhile, as often as show() is called."""
        if not sys.stderr.isatty():
            yield
            return
        total = len(self._plan.sources) * len(self._plan.windows)
        # some terminals say that they have no columns, and would get no bar
        columns = get_terminal_size().columns
        style = "{percentage:3.0f}%|{bar}| {desc}"
        with logging_redirect_tqdm(), tqdm(total=total, ncols=columns, bar_format=style, leave=False) as self._bar:
            yield

    def show(self) -> None:
        """Say how far it is."""
        with self._lock:
            all_windows = len(self._left) * len(self._plan.windows)
            done = all_windows - self.windows_left
            facts = {
                "devices": f"{sum(not left for left in self._left.values())}/{len(self._left)}",
                "windows": f"{done}/{all_windows}",
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
        elif self._clock.now() - self._said >= _LINE_EVERY:
            self._said = self._clock.now()
            _log.info("backfilling", **facts)


def duration(seconds: float) -> str:
    """Seconds as people say them: the two largest units."""
    minutes, hours = divmod(round(seconds), 60), divmod(round(seconds / 60), 60)
    if seconds < 3600:
        return f"{minutes[0]}m{minutes[1]:02d}s"
    if hours[0] < 24:
        return f"{hours[0]}h{hours[1]:02d}m"
    days = divmod(round(seconds / 3600), 24)
    return f"{days[0]}d{days[1]:02d}h"
