"""The loop that polls every device at its interval, spread so that requests never come in a burst.

One job of the `schedule` library for each device. The jobs go by the exporter's own clock, not by the wall clock that
`schedule` reads: a wall clock that is stepped, or a host zone's change to or from summer time, moves no poll.
"""

import math
import random
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any, Final, Protocol

import schedule
import structlog

from exporter.api.circuit_breaker import BreakerState, Cause, CircuitBreaker
from exporter.catalogue.kinds import BY_NAME, Kinds
from exporter.catalogue.types import Device
from exporter.clock import Clock
from exporter.config.field_filter import EVERYTHING, FieldFilter
from exporter.metrics.series import Series
from exporter.polling.loop import Loop
from exporter.polling.poller import Poller
from exporter.polling.status import DeviceStatus
from exporter.polling.target import Target

_log = structlog.get_logger()

#: Seconds between two looks at what is due.
TICK: Final = 0.25

#: Within this many seconds of the start every device is polled once, as far as the rate limiter allows.
START_WINDOW: Final = 30.0

#: Seconds without a tick after which the loop counts as dead.
DEAD_AFTER: Final = 10.0

_GOLDEN: Final = (math.sqrt(5) - 1) / 2


@dataclass(frozen=True, slots=True)
class QueuedPoll:
    """A poll for a worker to make."""

    target: Target
    probe: bool = False


class Pool(Protocol):
    """The workers that make the polls."""

    def submit(self, item: QueuedPoll) -> None: ...
    def maintain(self) -> None: ...
    @property
    def alive(self) -> int: ...


@dataclass(frozen=True, slots=True)
class PollingPlan:
    """Which devices to poll, and how. Times are in seconds."""

    devices: tuple[Device, ...]
    stretch: float
    stale_after: float | None
    requests_per_minute: float
    zone: tzinfo | None
    #: The fields that become series, by type; all of a type that is not here.
    filters: Mapping[str, FieldFilter] = field(default_factory=dict)
    #: What the fields of each type are.
    kinds: Mapping[str, Kinds] = field(default_factory=dict)


class _Jobs(schedule.Scheduler):
    """`moment` is the time of the current tick, read once for all jobs."""

    moment = 0.0


class _Job(schedule.Job):
    """A device's job, due at slots `(k + phase) * interval` of the exporter's clock for whole k.

    Slots instead of "an interval after the last run", which would let every delay push jobs together for good.
    """

    def __init__(self, jobs: _Jobs, target: Target, phase: float, due: float) -> None:
        super().__init__(1, jobs)
        self.unit = "seconds"
        self.target = target
        # early: due off its slots, as soon as the rate limiter allows
        self.due, self.early = due, False
        self._jobs = jobs
        self._phase = phase

    @property
    def should_run(self) -> bool:
        return self._jobs.moment >= self.due

    def __lt__(self, other: Any) -> bool:
        return bool(self.due < other.due)

    def run(self) -> Any:
        result = super().run()  # type: ignore[no-untyped-call]
        self.due, self.early = self.next_slot(max(self.due + self.target.interval, self._jobs.moment)), False
        return result

    def next_slot(self, earliest: float) -> float:
        """Return the first slot at or after `earliest`, give or take a rounding error."""
        interval = self.target.interval
        return (math.ceil(earliest / interval - self._phase - 1e-6) + self._phase) * interval


class Scheduler(Loop):
    """Hands due devices to the workers, marks values stale, and sends the probes while the circuit breaker is not closed."""

    retry_after = TICK

    def __init__(
        self, series: Series, poller: Poller, circuit_breaker: CircuitBreaker, clock: Clock, jitter: random.Random
    ) -> None:
        super().__init__("scheduler")
        self.pool: Pool
        self._series = series
        self._poller = poller
        self._circuit_breaker = circuit_breaker
        self._clock = clock
        self._jitter = jitter
        self._jobs = _Jobs()
        self._by_key: dict[tuple[str, str], _Job] = {}
        self._planned = 0
        self._spacing = 1.0
        self._lock = threading.RLock()
        self._resume = threading.Event()
        self._last_tick = clock.now()

    def apply(self, plan: PollingPlan) -> None:
        """Poll the devices of `plan` from now on. Those that stay keep their readings, history and slots."""
        with self._lock:
            wanted = {device.key: device for device in plan.devices}
            for key in self._by_key.keys() - wanted.keys():
                self._by_key.pop(key).target.remove()
            spacing, self._spacing = self._spacing, 60.0 / plan.requests_per_minute
            # those that were to come by a lower rate need not wait for it
            early = [job for job in self._by_key.values() if job.early] if self._spacing < spacing else []
            for key, job in self._by_key.items():
                before = job.target.interval
                _configure(job.target, wanted[key], plan)
                if job.target.interval != before:
                    job.due = min(job.due, job.next_slot(self._clock.now()))
            new = self._add([device for key, device in wanted.items() if key not in self._by_key], plan)
            self._jobs.jobs[:] = self._by_key.values()
            self._circuit_breaker.configure(len(self._by_key))
            self._start([*early, *new])

    def step(self) -> float:
        """Tick. Return the seconds until the next tick."""
        self.tick()
        return TICK

    def tick(self) -> None:
        """Do what is due now."""
        with self._lock:
            now = self._last_tick = self._jobs.moment = self._clock.now()
            self.pool.maintain()
            if self._resume.is_set():
                self._resume.clear()
                self._start([job for job in self._by_key.values() if job.target.resume()])
            self._jobs.run_pending()
            self._probe(now)
            self.mark_stale()

    def mark_stale(self) -> None:
        """Mark values stale that have become too old; called before every scrape too, so that it needs no living loop."""
        now = self._clock.now()
        for job in list(self._by_key.values()):
            # asked here, because a call for each of 10,000 devices would be felt in every scrape
            cause = job.target.mark_stale() if job.target.stale_check_at <= now else None
            if cause is not None:
                device = job.target.device
                _log.warning("device is stale, dropping its values", device_sn=device.sn, type=device.type, cause=cause.value)

    def work(self, poll: QueuedPoll) -> None:
        """Make a poll; for the workers."""
        if self._poller.poll(poll.target, probe=poll.probe):
            self.resume()

    def resume(self) -> None:
        """Poll all devices that are down soon, whatever their backoff."""
        self._resume.set()

    def lag(self) -> float:
        """Return the seconds by which the most overdue poll is late."""
        now = self._clock.now()
        oldest = now
        for job in list(self._by_key.values()):
            since = job.target.overdue_since
            if since is None:
                since = job.due
            if since < oldest:
                oldest = since
        return now - oldest

    def problems(self) -> list[str]:
        """Return what is wrong with the loop or the workers beyond what they mend themselves; empty if they live."""
        problems = []
        silent = self._clock.now() - self._last_tick
        if silent > DEAD_AFTER:
            problems.append(f"the scheduler loop has not ticked for {silent:.0f} s")
        if not self.pool.alive:
            problems.append("no worker is alive")
        return problems

    def statuses(self) -> list[DeviceStatus]:
        """Return the status of every device."""
        self.mark_stale()
        return [job.target.status(self._next_poll(job)) for job in list(self._by_key.values())]

    def detail(self, key: tuple[str, str]) -> DeviceStatus | None:
        """Return the status of the device of this key, with its latest reading and last polls; None if it is not polled."""
        self.mark_stale()
        job = self._by_key.get(key)
        return job.target.detail(self._next_poll(job)) if job else None

    def _next_poll(self, job: _Job) -> float | None:
        """Return when a device is to be polled next, by the exporter's clock; None while only probes are sent."""
        if not self._circuit_breaker.allow_request():
            return None
        target = job.target
        return job.due + target.backoff.slots * target.interval if target.overdue_since is None else target.overdue_since

    def _add(self, devices: Iterable[Device], plan: PollingPlan) -> list[_Job]:
        jobs = []
        for device in devices:
            # nobody knows the target yet, so nobody holds its lock and waits for this one
            with self._series.together():
                target = Target(device, self._series, self._clock, self._jitter)
                _configure(target, device, plan)
            job = self._by_key[device.key] = _Job(self._jobs, target, self._next_phase(), math.inf)
            job.do(self._hand_over, job)
            jobs.append(job)
        return jobs

    def _start(self, jobs: Iterable[_Job]) -> None:
        """Plan the next poll of each job soon, spread evenly and no closer than the rate limiter allows.

        After it each goes to its own slot, at the earliest one interval later: the rush of the start is not repeated.
        """
        now = self._clock.now()
        ordered = sorted(jobs, key=lambda job: job.target.interval)
        for index, job in enumerate(ordered):
            window = min(job.target.interval, START_WINDOW)
            job.due, job.early = now + max(index * self._spacing, index / len(ordered) * window), True

    def _hand_over(self, job: _Job) -> None:
        target = job.target
        if target.skip_slot():
            return
        if self._circuit_breaker.allow_request():
            self._submit(QueuedPoll(target), job.due)
        else:
            target.record_suspension()

    def _probe(self, now: float) -> None:
        """Poll the device that waited longest; with a cloud that is down, none more often than at its interval."""
        if self._circuit_breaker.state is not BreakerState.HALF_OPEN:
            return
        down = self._circuit_breaker.cause is Cause.UNREACHABLE
        idle = [
            job.target
            for job in self._by_key.values()
            if not job.target.in_flight and (not down or job.target.last_attempt + job.target.interval <= now)
        ]
        if idle and self._circuit_breaker.allow_probe():
            self._submit(QueuedPoll(min(idle, key=lambda target: target.last_attempt), probe=True), None)

    def _submit(self, poll: QueuedPoll, due: float | None) -> None:
        poll.target.enqueue(due)
        self.pool.submit(poll)

    def _next_phase(self) -> float:
        """Return the next phase, a golden-ratio step further: however many devices come later, their slots are spread evenly."""
        self._planned += 1
        return self._planned * _GOLDEN % 1.0


def _configure(target: Target, device: Device, plan: PollingPlan) -> None:
    field_filter, kinds = plan.filters.get(device.type, EVERYTHING), plan.kinds.get(device.type, BY_NAME)
    target.configure(device, plan.stretch, plan.stale_after, plan.zone, field_filter, kinds)
