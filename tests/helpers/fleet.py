"""The polling side on one thread and a fake clock."""

import random
from collections.abc import Callable
from typing import Any

from exporter.api.circuit_breaker import CircuitBreaker
from exporter.api.errors import REASONS, EnercloError
from exporter.api.rate_limiter import RateLimiter
from exporter.api.session import Session
from exporter.catalogue.serials import serial_key
from exporter.catalogue.types import Device
from exporter.config.token import Token
from exporter.metrics.dropped_fields import DroppedFields
from exporter.metrics.names import metric_name
from exporter.metrics.self_metrics import SelfMetrics
from exporter.metrics.series import Series
from exporter.polling.job import Job
from exporter.polling.pacing import fit
from exporter.polling.readings import Readings
from exporter.polling.scheduler import TICK, Scheduler
from tests.helpers.fakes import FakeClient, FakeClock, InlineWorkers, config, device, samples


class Fleet:
    """The whole polling side on one thread and a fake clock; requests take no time but what the budget makes them wait."""

    def __init__(
        self,
        clock: FakeClock,
        devices: list[Device],
        rate: float = 6000,
        token: Token | None = None,
        series: Series | None = None,
    ) -> None:
        self.clock = clock
        self.sent: list[tuple[float, str]] = []
        self.answer: Callable[[str], Any] = lambda sn: {"ppv": clock.now(), "deviceSn": sn}
        self.client = FakeClient(self._answer)
        self.metrics = SelfMetrics("0", REASONS, ["unauthorized", "unreachable"])
        self.series = series or Series(metric_name, lambda name: name)
        self.budget = RateLimiter(rate, clock)
        self.account = CircuitBreaker(clock)
        self.session = Session(self.client, token or Token(value="secret"), self.budget, self.account, self.metrics)  # type: ignore[arg-type]
        # the jitter of backoff
        random.seed(1)
        self.readings = Readings(self.session, self.series, clock, DroppedFields(self.metrics))
        self.scheduler = Scheduler(self.session, clock, 1, self.readings.mark_stale)
        self.workers = self.scheduler.workers = InlineWorkers(self.scheduler.work)
        self.rate = rate
        self.apply(devices)

    def apply(self, devices: list[Device], **changes: Any) -> None:
        stretch = fit((entry.interval for entry in devices), self.rate).stretch
        self.jobs = self.readings.apply(config(**changes), devices, stretch)
        self.scheduler.apply(self.jobs, self.rate)

    def job(self, sn: str) -> Job:
        return next(job for job in self.jobs if job.key == ("pbd", serial_key(sn)))

    def run(self, seconds: float, tick: float = TICK) -> None:
        end = self.clock.now() + seconds
        while self.clock.now() < end:
            self.clock.advance(tick)
            self.scheduler.tick()
            self.workers.drain()

    def up(self, sn: str) -> float | None:
        return self.value("device_up", sn)

    def value(self, metric: str, sn: str) -> float | None:
        return samples(self.series.snapshot()).get(f'atess_{metric}{{deviceSn="{sn}",type="pbd"}}')

    def times(self, sn: str) -> list[float]:
        return [time for time, asked in self.sent if asked == sn]

    def _answer(self, sn: str) -> Any:
        self.sent.append((self.clock.now(), sn))
        return self.answer(sn)


def devices(count: int, interval: float = 300) -> list[Device]:
    return [device(f"S{n}", interval=interval) for n in range(count)]


def failing(error: EnercloError) -> Callable[[str], Any]:
    def answer(sn: str) -> Any:
        raise error

    return answer
