"""One look at what is due among 10,000 devices, against `run_pending` of the bare `schedule` library with as many jobs."""

from pathlib import Path

import schedule

from benchmarks.figures import Row, alternately, cpu, ms, ratio
from exporter.api.session import open_session
from exporter.catalogue.types import Device, Evidence
from exporter.clock import Clock
from exporter.config.load import Config
from exporter.config.schema import ApiSection, HistorySection, PollSection
from exporter.config.sharding import Shard
from exporter.config.token import Token
from exporter.metrics.dropped_fields import DroppedFields
from exporter.metrics.names import metric_name
from exporter.metrics.series import Series
from exporter.polling.job import Job
from exporter.polling.readings import Readings
from exporter.polling.scheduler import Scheduler
from exporter.polling.workers import Workers

_DEVICES = 10_000
_INTERVAL = 300.0
_ROUNDS = 15


class _Clock(Clock):
    """Stands still until it is advanced."""

    moment = 1_000_000.0

    def now(self) -> float:
        return self.moment

    def advance(self, seconds: float) -> None:
        self.moment += seconds


class _Workers(Workers[Job]):
    """Take jobs and forget them."""

    alive = 1

    def submit(self, item: Job | None, deadline: float) -> None:
        assert item is not None
        item.in_flight, item.overdue_since = False, None

    def maintain(self) -> None:
        pass


def measure() -> list[Row]:
    """Measure. Return the rows of the table."""
    clock = _Clock()
    scheduler = _scheduler(clock)

    def ours() -> float:
        return cpu(scheduler._jobs.run_pending, 5)

    def tick() -> float:
        # as in life, four a second: 10,000 devices at 5 minutes are 8 due in each
        def one() -> None:
            clock.advance(0.25)
            scheduler.tick()

        return cpu(one, 5)

    bare = schedule.Scheduler()
    for _ in range(_DEVICES):
        bare.every(300).seconds.do(lambda: None)

    def theirs() -> float:
        return cpu(bare.run_pending, 5)

    run, whole, library = alternately(_ROUNDS, ours, tick, theirs)
    return [
        ("`run_pending` of `schedule` itself, none due", ms(library), "1"),
        ("`run_pending`, none due", ms(run), f"{ratio(run, library):.2f}"),
        ("whole tick, 8 devices due", ms(whole), f"{ratio(whole, library):.2f}"),
    ]


def _scheduler(clock: _Clock) -> Scheduler:
    api, token = ApiSection(), Token(value="made-up")
    config = Config(
        path=Path("config.yaml"),
        api=api,
        poll=PollSection(),
        token=token,
        types={},
        kinds={},
        fault_words={},
        devices=(),
        discovery=None,
        settings=None,
        history=HistorySection(),
        fields={},
        shard=Shard(),
    )
    session = open_session(api, token, clock, 100_000.0)
    readings = Readings(session, Series(metric_name, str), clock, DroppedFields(session.metrics))
    scheduler = Scheduler(session, clock, 1, readings.mark_stale)
    scheduler.workers = _Workers(scheduler.work, 1)
    devices = [Device("pbd", f"S{number}", "pbd/data-last", Evidence.DOCUMENTED, _INTERVAL) for number in range(_DEVICES)]
    scheduler.apply(readings.apply(config, devices, 1.0), 100_000.0)
    # past the start, when every device is due soon
    for _ in range(int(2 * _INTERVAL / 5)):
        clock.advance(5)
        scheduler.tick()
    return scheduler
