"""A simulated day in a real Prometheus, for whoever wants to ask it something: dashboards, rules and alerts.

    with simulated_day(folder) as url:
        sample(url, "sum(atess_epv_today)", at=NOON)

The readings are the simulator's. What is shown of them, and when they are withheld, is decided by the exporter's own Target,
Series and Telemetry, which are told how each poll went; only the clock is not real. The day is 1 June 2026 in Bangkok, from
midnight to midnight, scraped every minute, the same to the byte every time. What happens on it, in local hours:

    06:00  the exporter is restarted: down for three minutes, its counters begin at 0
    09:00  a good reload
    09:30  TND0D20233 loses the grid and its BMS for half an hour, in the numbers of the sibling platform's example
    10:00  UMD0D23203 times out for an hour: `failing` from 10:15
    13:00  the cloud asks for less: a rate_limited answer, half the budget for half an hour
    14:00  TND0D20234 goes offline for good: `frozen` from 14:15, and `lost`
    16:00  a bad reload, mended at 16:10
    17:00  UMD0D23202 is in no data logger's list for 40 minutes, and still answers
    20:00  the token is refused for ten minutes, all devices are left out

All day PND0D21507 has a fault and a warning, and TSD0D22019 sends numbers that cannot be, as in the demo.
"""

import random
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import requests

from exporter.api.errors import REASONS, TimedOut
from exporter.api.reading import read
from exporter.catalogue.faults import FaultWords
from exporter.catalogue.types import Device, Evidence, load_catalogue, load_fault_groups
from exporter.metrics.names import metric_name
from exporter.metrics.self_metrics import SelfMetrics
from exporter.metrics.series import Series
from exporter.polling.status import PollResult
from exporter.polling.target import Target
from exporter.polling.zone_watch import ZoneWatch
from exporter.simulator import Cloud, SimClock, SimDevice, demo_site
from tests.helpers.fakes import FakeClock
from tests.helpers.openmetrics import Pages
from tests.helpers.processes import prometheus_server

ZONE: Final = ZoneInfo("Asia/Bangkok")
_MIDNIGHT: Final = datetime(2026, 6, 1, tzinfo=ZONE)

#: Unix times of the first and the last scrape, and of one at noon.
START: Final = int(_MIDNIGHT.timestamp())
END: Final = START + 86400 - 60
NOON: Final = START + 43200

SCRAPE_INTERVAL: Final = 60
#: Labels that Prometheus puts on what it scrapes.
JOB: Final = "atess"
INSTANCE: Final = "exporter:9837"

_INTERVAL: Final = 300
_BUDGET: Final = 60.0
_OFFLINE: Final = "TND0D20234"
_FAILING: Final = "UMD0D23203"
_FAULTY: Final = "TND0D20233"
_GONE: Final = "UMD0D23202"
_FAULT: Final = {"status": 3, "sysFaultWord2": 10240, "sysFaultWord3": 256}


def clock_time(hour: int, minute: int = 0) -> int:
    """The Unix time of that local time of the simulated day."""
    return START + hour * 3600 + minute * 60


@contextmanager
def simulated_day(folder: Path) -> Iterator[str]:
    """A Prometheus that holds the simulated day, in `folder`; gives its URL. It scrapes nothing and evaluates no rules."""
    write_day(folder / "data")
    with holding(folder) as url:
        yield url


@contextmanager
def loaded(folder: Path, pages: Pages) -> Iterator[str]:
    """A Prometheus that holds these scrapes, in `folder`; gives its URL."""
    _write_blocks(pages, folder / "data")
    with holding(folder) as url:
        yield url


def write_day(data: Path) -> None:
    """Write the simulated day as Prometheus stores it into the folder `data`, which is there only when it is whole."""
    unfinished = data.with_suffix(".unfinished")
    _write_blocks(_Day().pages(), unfinished)
    unfinished.rename(data)


@contextmanager
def holding(folder: Path) -> Iterator[str]:
    """A Prometheus on what `data` in `folder` has; gives its URL."""
    config = folder / "prometheus.yml"
    config.write_text("{}")
    # whatever today is
    with prometheus_server(config, folder / "data", "--storage.tsdb.retention.time=100y") as url:
        yield url


def _write_blocks(pages: Pages, data: Path) -> None:
    tool = shutil.which("promtool")
    assert tool, "no promtool: run the tests by make test"
    text = data.with_suffix(".om")
    pages.write(text)
    # one block for the whole day: promtool reads the file again for every block
    load = [tool, "tsdb", "create-blocks-from", "openmetrics", "--max-block-duration=48h", "--quiet", str(text), str(data)]
    subprocess.run(load, check=True)
    text.unlink()


def sample(url: str, expression: str, at: int) -> list[dict[str, Any]]:
    """The result of an instant query, each element with `metric` and `value`."""
    return _ask(url, "query", query=expression, time=at)


def window(url: str, expression: str, start: int, end: int, step: int) -> list[dict[str, Any]]:
    """The result of a range query, each element with `metric` and `values`."""
    return _ask(url, "query_range", query=expression, start=start, end=end, step=step)


def _ask(url: str, path: str, **query: str | int) -> list[dict[str, Any]]:
    answer = requests.post(f"{url}/api/v1/{path}", data=query, timeout=30)
    assert answer.ok, f"{query['query']}: {answer.text}"
    data = answer.json()["data"]
    if data["resultType"] in ("scalar", "string"):
        return [{"metric": {}, "value": data["result"]}]
    return list(data["result"])


class _Day:
    """The site, minute by minute."""

    def __init__(self) -> None:
        offline = _MIDNIGHT + timedelta(hours=14)
        self._site = [
            replace(device, offline_since=offline if device.sn == _OFFLINE else None) for device in demo_site(_MIDNIGHT)
        ]
        # the cloud's clock stands still: every reading is asked for by its time
        self._cloud = Cloud(self._site, SimClock(_MIDNIGHT, 0, ZONE))
        self._clock = FakeClock()
        self._clock.wall_offset = START - self._clock.moment
        self._start_exporter(START - 3 * 86400)

    def pages(self) -> Pages:
        """Everything that Prometheus would have scraped."""
        pages = Pages({"job": JOB, "instance": INSTANCE})
        for minute in range(1440):
            now = START + 60 * minute
            down = 360 <= minute < 363
            if minute == 363:
                self._start_exporter(now - 20)
            elif not down:
                self._happen(minute, now)
            if not down:
                self._poll(minute, now)
                pages.add(bytes(self._series.snapshot()) + self._own_page(now), now)
            pages.add(_about_the_scrape(not down), now)
            self._clock.advance(60)
        return pages

    def _start_exporter(self, at: int) -> None:
        self._started = at
        self._series = Series(metric_name, lambda field: field)
        self._metrics = SelfMetrics("0.1.0", REASONS, ["unauthorized", "unreachable"])
        self._zones = ZoneWatch(self._metrics, self._clock)
        self._zones.configure(ZONE)
        self._budget = _BUDGET
        self._metrics.show_shard(0, 1)
        self._metrics.watch(lambda: 0.4, lambda: self._budget)
        self._metrics.count_devices(Counter(device.type for device in self._site))
        for (device_type, datalog_sn), count in Counter((device.type, device.datalog_sn) for device in self._site).items():
            self._metrics.discovered.labels(device_type, datalog_sn).set(count)
            self._metrics.list_up.labels(device_type, datalog_sn).set(1)
        self._metrics.demand.set(len(self._site) * 60 / _INTERVAL)
        self._metrics.reload_successful.set(1)
        self._metrics.reload_time.set(at)
        self._latency = random.Random(2)
        self._targets = [self._target(device) for device in self._site]

    def _target(self, it: SimDevice) -> Target:
        info = {"site": "Mae Hong Son", "datalogSn": it.datalog_sn, "firmwareVersion": f"V1.{it.type.upper()}.07"}
        device = Device(it.type, it.sn, f"{it.type}/data-last", Evidence.DOCUMENTED, _INTERVAL, info, lost=False)
        target = Target(device, self._series, self._clock)
        self._configure(target, device)
        return target

    def _configure(self, target: Target, device: Device) -> None:
        words = FaultWords(load_catalogue()[device.type].faults, load_fault_groups())
        target.configure(device, 1.0, None, ZONE, fault_words=words)

    def _happen(self, minute: int, now: int) -> None:
        """What a reload, the cloud or the token's owner do to the whole exporter."""
        metrics = self._metrics
        match minute:
            case 540 | 970:
                metrics.reload_successful.set(1)
                metrics.reload_time.set(now)
            case 960:
                metrics.reload_successful.set(0)
            case 780:
                metrics.requests.labels("pbd").inc()
                metrics.failures.labels("pbd", "rate_limited").inc()
                self._budget = _BUDGET / 2
            case 810:
                self._budget = _BUDGET
            case 870:
                # the next round of discovery sees that it is offline
                for target in self._targets:
                    if target.device.sn == _OFFLINE:
                        self._configure(target, replace(target.device, lost=True))
            case 1020 | 1060:
                gone_since = now if minute == 1020 else None
                for target in self._targets:
                    if target.device.sn == _GONE:
                        lost = False if gone_since is None else None
                        self._configure(target, replace(target.device, lost=lost, gone_since=gone_since))
                        listed = metrics.discovered.labels(target.device.type, target.device.info["datalogSn"])
                        listed.inc(1 if gone_since is None else -1)
            case 1200:
                metrics.suspended.labels("unauthorized").set(1)
            case 1210:
                metrics.suspended.labels("unauthorized").set(0)

    def _poll(self, minute: int, now: int) -> None:
        """The polls of this minute: a device in five, each at its own minute, as the scheduler spreads them."""
        refused = 1200 <= minute < 1210
        if refused:
            # the one probe a minute
            self._request("pbd", "unauthorized")
        first = now - self._started <= 300
        for number, target in enumerate(self._targets):
            if not first and minute % 5 != number % 5:
                target.mark_stale()
            elif refused:
                target.record_suspension()
                target.mark_stale()
            elif target.device.sn == _FAILING and 600 <= minute < 660:
                self._request(target.device.type, "timeout")
                target.record_failure(TimedOut("no answer"), PollResult(now, 15.0, "timeout"))
                target.mark_stale()
            else:
                self._request(target.device.type, None)
                data = self._cloud.reading(target.device.type, target.device.sn, datetime.fromtimestamp(now, ZONE))
                if target.device.sn == _FAULTY and 570 <= minute < 600:
                    data |= _FAULT
                reading = read(data, target.device.sn)
                target.record_success(reading, PollResult(now, 0.0, None))
                self._zones.observe(target.device.key, reading.time, _INTERVAL)

    def _request(self, kind: str, failure: str | None) -> None:
        self._metrics.requests.labels(kind).inc()
        seconds = 15.0 if failure == "timeout" else self._latency.lognormvariate(-1.2, 0.5)
        self._metrics.duration.labels(kind).observe(seconds)
        if failure:
            self._metrics.failures.labels(kind, failure).inc()

    def _own_page(self, now: int) -> bytes:
        """The exporter's own page, but for what is said of this process, which is another one with another clock."""
        age = now - self._started
        said = {
            "process_cpu_seconds_total": 0.4 + 0.0015 * age,
            "process_open_fds": 14,
            "process_resident_memory_bytes": 62e6 + min(age, 86400) * 20.0,
            "process_start_time_seconds": self._started,
            "process_virtual_memory_bytes": 420e6,
            "process_max_fds": 1024,
        }
        lines = []
        for family in self._metrics.registry.collect():
            lines.append(f"# TYPE {family.name} {family.type}")
            for entry in family.samples:
                # prometheus_client's own rendering would take longer than all the rest; none of these labels needs escaping
                labels = ",".join(f'{name}="{value}"' for name, value in entry.labels.items())
                lines.append(f"{entry.name}{{{labels}}} {said.get(entry.name, entry.value)}")
        return ("\n".join(lines) + "\n").encode()


def _about_the_scrape(up: bool) -> bytes:
    """What Prometheus itself adds to every scrape."""
    return f"# TYPE up gauge\nup {int(up)}\n# TYPE scrape_duration_seconds gauge\nscrape_duration_seconds 0.012\n".encode()
