"""CPU of one whole poll (request, envelope, reading, exposition, self-metrics) against a bare `requests.get(...).json()`.

Both ask the same simulated cloud, in a process of its own, for the same answer; only this process' CPU counts.
"""

from collections.abc import Callable

import requests

from benchmarks.figures import Row, alternately, cpu, ratio, us
from benchmarks.programs import TOKEN, simulated_cloud
from benchmarks.verdict import Target as Aim
from exporter import logs
from exporter.api.circuit_breaker import CircuitBreaker
from exporter.api.client import Client
from exporter.api.errors import REASONS
from exporter.api.rate_limiter import RateLimiter
from exporter.api.session import Session
from exporter.catalogue.types import Device, Evidence
from exporter.clock import Clock
from exporter.config.token import Token
from exporter.logs import LogOnce
from exporter.metrics.dropped_fields import DroppedFields
from exporter.metrics.names import metric_name
from exporter.metrics.self_metrics import SelfMetrics
from exporter.metrics.series import Series
from exporter.metrics.unknown_fields import UnknownFields
from exporter.polling.scheduler import Scheduler
from exporter.polling.target import ReadingJob, Shared, Target
from exporter.polling.zone_watch import ZoneWatch

_SN = "UMD0D23202"
_ROUNDS = 20
_POLLS = 50


def measure() -> tuple[list[Row], list[Aim]]:
    """Measure. Return the rows of the table, and the target."""
    logs.configure("warn", "logfmt", str)
    # an upload every simulated second at 1000x: every answer is a new reading
    with simulated_cloud("--devices", f"pbd:{_SN}", "--speed", "1000", "--upload-interval", "1") as url:
        poll = _poller(url)

        def bare() -> None:
            headers = {"Authorization": TOKEN, "Accept-Language": "en"}
            requests.get(f"{url}/pbd/data-last", params={"deviceSn": _SN}, headers=headers, timeout=15).json()

        ours, theirs = alternately(_ROUNDS, lambda: cpu(poll, _POLLS), lambda: cpu(bare, _POLLS))
    table: list[Row] = [
        ("bare `requests.get(...).json()`", us(theirs), "1"),
        ("one whole poll", us(ours), f"{ratio(ours, theirs):.2f}"),
    ]
    return table, [Aim("one poll / bare `requests.get(...).json()`", ratio(ours, theirs), 1.1)]


def _poller(url: str) -> Callable[[], None]:
    """Return a function that makes one whole poll."""
    clock = Clock()
    token = Token(value=TOKEN)
    client = Client(url, token, language="en", timeout=15, concurrency=4)
    metrics = SelfMetrics("0", REASONS, [])
    session = Session(client, token, RateLimiter(100_000_000, clock), CircuitBreaker(clock), metrics)
    scheduler = Scheduler(session, clock, 1, lambda: None)
    device = Device("pbd", _SN, "pbd/data-last", Evidence.DOCUMENTED, 300.0)
    parts = DroppedFields(metrics), UnknownFields(metrics), LogOnce(), ZoneWatch(metrics, clock)
    job = ReadingJob(Target(device, Series(metric_name, str), clock), Shared(session, *parts))
    return lambda: scheduler.work(job)
