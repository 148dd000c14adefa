"""One soak: the simulated cloud in this process, the exporter in its own, and a scrape twice a second that is checked whole."""

import math
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from exporter.simulator import SimClock, fleet
from tests.helpers.faulty_cloud import FaultyCloud, serve
from tests.helpers.processes import TOKEN, Exporter, device_lists, running, write_config
from tools.soak.faults import Injector
from tools.soak.history import History
from tools.soak.page import Page, PageError
from tools.soak.scrape import Scrape, ScrapeError, Scraper, SecondOpinion
from tools.soak.verdict import Judge, Moment
from tools.soak.watch import Log, Watch

#: Ten times as fast as in real life: loggers upload every 300 simulated seconds, and the exporter polls as often.
SPEED: Final = 10.0
INTERVAL: Final = 30.0
STALE_AFTER: Final = 90.0
TIMEOUT: Final = 5.0
CONCURRENCY: Final = 8

#: Part by which the budget is above what the schedule asks for; the exporter fills 95 % of it and needs some for retries.
_SPARE: Final = 1.2

_ZONE: Final = ZoneInfo("Asia/Bangkok")
#: Morning, for readings in which every value moves.
_BEGIN: Final = datetime(2026, 3, 2, 8, 0, tzinfo=_ZONE)

_SCRAPE_EVERY: Final = 0.5
_LOOK_EVERY: Final = 6
_HEALTH_EVERY: Final = 4
_SECOND_OPINION_EVERY: Final = 50


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says. `exporter` is a source tree to take the exporter from instead of this one."""

    seconds: float
    devices: int
    seed: int
    exporter: Path | None

    @property
    def requests_per_minute(self) -> int:
        return math.ceil(self.devices * 60.0 / INTERVAL * _SPARE)


class Soak:
    """All parts of a soak that is under way, and what it counts."""

    def __init__(self, options: Options, cloud: FaultyCloud, exporter: Exporter, launched: float) -> None:
        self.options = options
        self.cloud = cloud
        self.exporter = exporter
        self.begin = time.monotonic()
        self.history = History(cloud, TIMEOUT, options.requests_per_minute, _ZONE)
        self.injector = Injector(cloud, options.seconds, options.seed, self.begin)
        self.judge = Judge(
            self.history, launched=launched, started=self.begin, interval=INTERVAL, stale_after=STALE_AFTER, timeout=TIMEOUT
        )
        self.page = Page(self.history.devices)
        self.watch = Watch(exporter.process.popen.pid)
        self.log = Log(exporter.process)
        self.scrapes: Counter[str] = Counter()
        self.problems: list[str] = []
        self.unhealthy: list[str] = []
        self.health_checks = 0
        self.requests_at_last_scrape = 0
        self.stopped_after = math.inf
        self.exit_code: int | None = None
        self.scraper = Scraper(exporter.url)
        self.opinion = SecondOpinion()
        self._suspended_at = -math.inf

    @property
    def planned_scrapes(self) -> int:
        return int(self.options.seconds / _SCRAPE_EVERY)

    def run(self, tell: Callable[["Soak", float], None]) -> None:
        """Run until the time is over. `tell` is called once a minute with the seconds that have passed."""
        told = self.begin
        try:
            for number in range(self.planned_scrapes):
                left = self.begin + number * _SCRAPE_EVERY - time.monotonic()
                if left < -_SCRAPE_EVERY:
                    # too late for this one: skip it, or all that follow would bunch up
                    continue
                time.sleep(max(0.0, left))
                if self.exporter.process.popen.poll() is not None:
                    self._problem(f"scrape {number}: the exporter has ended")
                    break
                self._step(number)
                if time.monotonic() >= told + 60.0:
                    told += 60.0
                    tell(self, time.monotonic() - self.begin)
        finally:
            self.opinion.close()
            self.scraper.close()

    def stop_exporter(self) -> None:
        """End the exporter as a service manager would, and read the rest of its log."""
        began = time.monotonic()
        with suppress(subprocess.TimeoutExpired):
            self.exit_code = self.exporter.process.end()
        self.stopped_after = time.monotonic() - began
        self.log.read()
        self.history.collect()

    def _step(self, number: int) -> None:
        now = time.monotonic()
        self.injector.advance(now)
        if number % _LOOK_EVERY == 0:
            self.watch.look(now - self.begin)
        try:
            scrape = self.scraper.scrape(openmetrics=number % 2 == 1)
            if number % _HEALTH_EVERY == 0:
                self.health_checks += 1
                illness = self.scraper.illness()
                if illness is not None:
                    self.unhealthy.append(f"after {now - self.begin:.1f} s: {illness}")
        except ScrapeError as error:
            self._problem(f"scrape {number}: {error}")
            scrape = None
        suspended = self.log.read()
        self.injector.met(self.history.collect())
        if suspended or self.injector.account_event:
            self._suspended_at = time.monotonic()
        if scrape is not None:
            self._take(scrape, number)

    def _take(self, scrape: Scrape, number: int) -> None:
        try:
            self.page.take(scrape.body, openmetrics=scrape.openmetrics)
        except PageError as error:
            self._problem(f"scrape {number}: {error}")
            return
        self.requests_at_last_scrape = self.history.requests
        self.scrapes["OpenMetrics" if scrape.openmetrics else "text"] += 1
        if any(value for name, value in self.page.own.items() if name.startswith("atess_exporter_api_suspended{")):
            self._suspended_at = max(self._suspended_at, scrape.answered)
        self.judge.judge(self.page, Moment(scrape.began, scrape.answered, self._suspended_at, self.injector.pause_until))
        if number % _SECOND_OPINION_EVERY == _SECOND_OPINION_EVERY - 1:
            self.opinion.ask(scrape.body, self.page.samples)

    def _problem(self, what: str) -> None:
        self.scrapes["failed"] += 1
        if len(self.problems) < 100:
            self.problems.append(what)


@contextmanager
def soak(options: Options, folder: Path) -> Iterator[Soak]:
    """Start the cloud and the exporter of a soak. `folder` is for the exporter's config."""
    cloud = FaultyCloud(
        fleet(options.devices, options.seed),
        SimClock(_BEGIN, SPEED, _ZONE),
        options.seed,
        TOKEN,
        upload_interval=INTERVAL * SPEED,
    )
    config: dict[str, Any] = {
        "api": {
            "timeout": f"{TIMEOUT:g}s",
            "concurrency": CONCURRENCY,
            "requests_per_minute": options.requests_per_minute,
            "timezone": _ZONE.key,
        },
        "poll": {"interval": f"{INTERVAL:g}s", "stale_after": f"{STALE_AFTER:g}s"},
        "devices": device_lists([(device.type, device.sn) for device in cloud.devices]),
    }
    with serve(cloud) as served:
        config["api"]["base_url"] = served.url
        path = folder / "config.yaml"
        write_config(path, config)
        # -P: not the exporter that happens to be in the working directory
        command = [sys.executable, "-P", "-m", "exporter", "--config.file", str(path), "--web.listen-address", "127.0.0.1:0"]
        environment = {"ATESS_API_TOKEN": TOKEN}
        if options.exporter is not None:
            environment["PYTHONPATH"] = str(options.exporter)
        launched = time.monotonic()
        with running(command, environment) as process:
            yield Soak(options, cloud, Exporter(process, path), launched)
