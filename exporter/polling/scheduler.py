"""The loop that hands every job to the workers when it is due, spread so that requests never come in a burst."""

import math
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import structlog

from exporter.api.circuit_breaker import Cause
from exporter.api.session import Session
from exporter.clock import Clock
from exporter.logs import LogOnce
from exporter.polling.job import Job, Jobs
from exporter.polling.workers import Workers

_log = structlog.get_logger()

#: Seconds between two looks at what is due.
TICK: Final = 0.25

#: Seconds without a tick after which the loop counts as dead.
DEAD_AFTER: Final = 10.0

_GOLDEN: Final = (math.sqrt(5) - 1) / 2
_LEFT: Final = "left"


class Scheduler:
    """Hands due jobs to the workers, and sends the probes while the circuit breaker is not closed.

    `mark_stale` is called at every tick: what has become too old is told though nobody scrapes.
    """

    def __init__(self, session: Session, clock: Clock, concurrency: int, mark_stale: Callable[[], None]) -> None:
        self.workers = Workers(self.work, concurrency)
        self._mark_stale = mark_stale
        self._session = session
        self._circuit_breaker = session.circuit_breaker
        self._clock = clock
        self._jobs = Jobs()
        self._joined = 0
        self._spacing = 1.0
        self._lock = threading.RLock()
        self._resume = threading.Event()
        self._stopped = threading.Event()
        self._last_tick = clock.now()
        self._log_once = LogOnce()

    def start(self) -> None:
        """Run in a thread of its own."""
        threading.Thread(target=self.run, name="scheduler", daemon=True).start()

    def run(self) -> None:
        """Tick until stopped, whatever a tick does."""
        while not self._stopped.is_set():
            self.run_step()
            self._stopped.wait(TICK)

    def run_step(self) -> None:
        """Tick, and log what that raises once until a tick succeeded."""
        try:
            self.tick()
            self._log_once.over("tick")
        except Exception as error:  # noqa: BLE001 - whatever it is, the next tick may do
            text = f"{type(error).__name__}: {error}"
            log = _log.error if self._log_once.is_new("tick", text) else _log.debug
            log("internal error in the scheduler", error=text)

    def stop(self) -> None:
        """End the loop after the tick that is under way."""
        self._stopped.set()

    def apply(self, intervals: Mapping[Job, float], requests_per_minute: float) -> None:
        """Run these jobs from now on, each at its interval in seconds. Those that stay keep their slots."""
        with self._lock:
            now = self._clock.now()
            for job in self._all():
                if job in intervals:
                    job.change_interval(intervals[job], now)
                else:
                    job.tag(_LEFT)
            self._jobs.clear(_LEFT)
            spacing, self._spacing = self._spacing, 60.0 / requests_per_minute
            # those that were to come by a lower rate need not wait for it
            hurried = [job for job in self._all() if job.early] if self._spacing < spacing else []
            new = [job for job in intervals if job.scheduler is None]
            # Neighbours, whose lines stand together in the series, are polled one after another. So when an outage makes the
            # values of some devices stale, whole blocks of lines go, and not a line of nearly every block: to hold what is left
            # of each in a smaller block takes memory that is not given back.
            counts = Counter(intervals[job] for job in new)
            phases = {interval: iter(sorted(self._next_phase() for _ in range(count))) for interval, count in counts.items()}
            for job in new:
                job.join(self._jobs, intervals[job], next(phases[intervals[job]]), self._hand_over)
            self._circuit_breaker.configure(sum(not job.rare for job in intervals))
            self._start([*hurried, *new])

    def tick(self) -> None:
        """Do what is due now."""
        with self._lock:
            now = self._last_tick = self._jobs.moment = self._clock.now()
            self.workers.maintain()
            if self._resume.is_set():
                self._resume.clear()
                self._start([job for job in self._all() if job.resume()])
            self._jobs.run_pending()
            self._probe(now)
            self._mark_stale()

    def work(self, job: Job) -> None:
        """Make the request of a job; for the workers."""
        job.ask(self._session, self._clock, self.resume)

    def resume(self) -> None:
        """Ask soon for all that is down, whatever its backoff."""
        self._resume.set()

    def lag(self) -> float:
        """Return the seconds by which the most overdue poll is late."""
        now = self._clock.now()
        waiting = (job.due if job.overdue_since is None else job.overdue_since for job in self._all() if not job.rare)
        return max(0.0, now - min(waiting, default=now))

    def problems(self) -> list[str]:
        """Return what is wrong with the loop or the workers beyond what they mend themselves; empty if they live."""
        problems = []
        silent = self._clock.now() - self._last_tick
        if silent > DEAD_AFTER:
            problems.append(f"the scheduler loop has not ticked for {silent:.0f} s")
        if not self.workers.alive:
            problems.append("no worker is alive")
        return problems

    def _all(self) -> list[Job]:
        """Return the jobs of this moment."""
        return list(self._jobs.jobs)  # type: ignore[arg-type]

    def _next_phase(self) -> float:
        """Return the next phase, a golden-ratio step further: however many jobs come later, their slots are spread evenly."""
        self._joined += 1
        return self._joined * _GOLDEN % 1.0

    def _start(self, jobs: Iterable[Job]) -> None:
        """Plan the next request of each job soon, spread evenly and no closer than the rate limiter allows.

        After it each goes to its own slot, at the earliest one interval later: the rush of the start is not repeated. Kinds of
        jobs share the rate, so that neither the first readings nor the lists of many data loggers wait for all of the other.
        """
        kinds: dict[type[Job], list[Job]] = defaultdict(list)
        for job in sorted(jobs, key=lambda job: job.interval):
            kinds[type(job)].append(job)
        wishes = []
        for kind in kinds.values():
            for index, job in enumerate(kind):
                window = min(job.interval, max(job.start_window, job.start_gap * len(kind)))
                wishes.append((max(index * self._spacing, index / len(kind) * window), job))
        now, offset = self._clock.now(), -self._spacing
        for wish, job in sorted(wishes, key=lambda wish: wish[0]):
            offset = max(offset + self._spacing, wish)
            job.plan_early(now + offset)

    def _hand_over(self, job: Job) -> None:
        if job.skip_slot():
            return
        if self._circuit_breaker.allow_request():
            self.workers.submit(job, job.enqueue(probe=False))
        else:
            job.suspend()

    def _probe(self, now: float) -> None:
        """Ask for the device that waited longest; with a cloud that is down, for none more often than at its interval."""
        if not self._circuit_breaker.probe_due:
            return
        down = self._circuit_breaker.cause is Cause.UNREACHABLE
        jobs = self._all()
        idle = [
            job
            for job in [job for job in jobs if not job.rare] or jobs
            if job.enabled and not job.in_flight and (not down or job.last_attempt + job.interval <= now)
        ]
        if idle and self._circuit_breaker.allow_probe():
            job = min(idle, key=lambda job: job.last_attempt)
            self.workers.submit(job, job.enqueue(probe=True))
