"""The polling side on one thread and a fake clock."""

import random
from collections.abc import Callable
from typing import Any

from exporter.api.circuit_breaker import CircuitBreaker
from exporter.api.errors import REASONS, EnercloError
from exporter.api.rate_limiter import RateLimiter
from exporter.api.session import Session
from exporter.catalogue.types import Device
from exporter.config.token import Token
from exporter.metrics.dropped_fields import DroppedFields
from exporter.metrics.names import metric_name
from exporter.metrics.self_metrics import SelfMetrics
from exporter.metrics.series import Series
from exporter.polling.pacing import fit
from exporter.polling.poller import Poller
from exporter.polling.scheduler import TICK, PollingPlan, Scheduler
from exporter.polling.target import Target
from tests.helpers.fakes import FakeClient, FakeClock, InlinePool, device, samples


class SeenPoller(Poller):
    """Keeps the targets that it polled, by their serial numbers."""

    def __init__(self, session: Session, dropped: DroppedFields) -> None:
        super().__init__(session, dropped)
        self.targets: dict[str, Target] = {}

    def poll(self, target: Target, *, probe: bool = False) -> bool:
        self.targets[target.device.sn] = target
        return super().poll(target, probe=probe)


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
        self.poller = SeenPoller(self.session, DroppedFields(self.metrics))
        self.scheduler = Scheduler(self.series, self.poller, self.account, clock, random.Random(1))
        self.pool = self.scheduler.pool = InlinePool(self.scheduler.work)
        self.rate = rate
        self.apply(devices)

    def apply(self, devices: list[Device]) -> None:
        stretch = fit((entry.interval for entry in devices), self.rate).stretch
        self.scheduler.apply(PollingPlan(tuple(devices), stretch, None, self.rate, None))

    def run(self, seconds: float, tick: float = TICK) -> None:
        end = self.clock.now() + seconds
        while self.clock.now() < end:
            self.clock.advance(tick)
            self.scheduler.tick()
            self.pool.drain()

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
