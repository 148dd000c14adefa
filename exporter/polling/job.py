"""A job: what is asked of the cloud at intervals, when it is due, and what becomes of the answer.

There are three kinds: the reading of a device (target.py), the list of a data logger's devices (discovery.py) and the settings
of a device (device_settings.py). They say what to ask and what to do with the answer or the failure; all else is here and in
scheduler.py.
"""

import math
import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final, NamedTuple

import schedule

from exporter.api.client import internal_error
from exporter.api.errors import EnercloError, InvalidPayload, RateLimited
from exporter.api.rate_limiter import Closed
from exporter.api.session import CircuitOpenError, Session
from exporter.clock import Clock
from exporter.polling.status import PollResult

#: The longest time from a failed request to the next one, in intervals.
MAX_BACKOFF: Final = 8


class Request(NamedTuple):
    """One GET, counted under `device_type`; `read` makes the answer of its data."""

    device_type: str
    path: str
    query: Mapping[str, str]
    read: Callable[[Any], Any]


class Jobs(schedule.Scheduler):
    """The jobs of a scheduler. `moment` is the time of the current tick, read once for all of them."""

    moment = 0.0


class Job(schedule.Job, ABC):
    """Something that is asked of the cloud every `interval` seconds; the kinds of jobs are its subclasses.

    It is due at slots `(k + phase) * interval` of the exporter's clock for whole k. Slots instead of "an interval after the
    last run", which would let every delay push jobs together for good.

    `schedule` keeps the jobs, finds those that should run, and runs them. Its clock is not used: that is the wall clock, and
    when it is stepped or the host's zone changes to summer time, no request may move. So `due` stands for `next_run`.
    """

    #: Lists and settings: few and seldom. They are asked at every slot, whatever failed before; they keep the time at which they
    #: were asked first instead of being spread; they are no polls that can lag; and they say little of the account: another
    #: path, which may be wrong, is no reason to open the circuit breaker.
    rare: ClassVar[bool] = True
    #: The first requests are made within `start_window` seconds, or every `start_gap` seconds, if the rate limiter allows.
    start_window: ClassVar[float] = 0.0
    start_gap: ClassVar[float] = 0.0

    interval: float  # type: ignore[assignment]  # `schedule` counts in whole seconds
    _jobs: Jobs

    def __init__(self, key: tuple[str, str]) -> None:
        super().__init__(1)
        #: What is asked for: a type, and a device or a data logger.
        self.key = key
        #: When it is due next; `early` if that is off its slots, as soon as the rate limiter allows.
        self.due, self.early = math.inf, False
        #: A request is queued or under way, and is a probe of the circuit breaker.
        self.in_flight = self.probe = False
        #: Since when a request is due that has not begun; None if none is.
        self.overdue_since: float | None = None
        #: When a request last began.
        self.last_attempt = -math.inf
        #: The last request failed, or was not made because the circuit breaker was not closed.
        self.down = False
        #: Failures in a row, and the slots to skip before the next request.
        self.failures = self.skips = 0
        self._phase: float | None = None

    @abstractmethod
    def request(self) -> Request:
        """Return what to ask now."""

    @abstractmethod
    def succeeded(self, answer: Any, result: PollResult) -> None:
        """Take in what the request's `read` returned. Whatever this raises counts as a failure."""

    @abstractmethod
    def failed(self, error: EnercloError, result: PollResult) -> None:
        """Take in that there is no usable answer."""

    def suspended(self) -> None:
        """Take in that nothing was asked, because the circuit breaker is not closed."""

    @property
    def enabled(self) -> bool:
        """Return whether there is anything to ask."""
        return True

    @property
    def should_run(self) -> bool:
        """Return whether it is due; for `schedule`."""
        return self._jobs.moment >= self.due

    def run(self) -> None:
        """Hand the request over, and go on to the next slot; for `schedule`."""
        super().run()  # type: ignore[no-untyped-call]
        self.due, self.early = self._next_slot(max(self.due + self.interval, self._jobs.moment)), False

    def join(self, jobs: Jobs, interval: float, phase: float, hand_over: Callable[["Job"], None]) -> None:
        """Become one of `jobs`: `hand_over` is called when it is due. When that is first, `plan_early` says."""
        self.scheduler = self._jobs = jobs
        self.interval = interval
        self._phase = None if self.rare else phase
        self.seconds.do(hand_over, self)

    def change_interval(self, interval: float, now: float) -> None:
        """Take another interval; a shorter one holds at once."""
        if interval != self.interval:
            self.interval = interval
            self.due = min(self.due, self._next_slot(now))

    def plan_early(self, due: float) -> None:
        """Plan the next request off the slots."""
        self.due, self.early = due, True
        if self._phase is None:
            self._phase = due / self.interval % 1.0

    def next_request(self) -> float:
        """Return when the next request is planned, or since when it waits."""
        return self.due + self.skips * self.interval if self.overdue_since is None else self.overdue_since

    def skip_slot(self) -> bool:
        """Return whether no request is to be queued in this slot: it backs off, or the one before is this slot's too."""
        if self.skips:
            self.skips -= 1
            return True
        return self.in_flight or not self.enabled

    def enqueue(self, *, probe: bool) -> float:
        """Mark a request as queued. Return its deadline: the one whose next slot comes first is asked first.

        So a reading never waits for settings, which wait for hours but are not forgotten. A probe goes before all others, and is
        never overdue.
        """
        self.in_flight, self.probe = True, probe
        if probe:
            return -math.inf
        self.overdue_since = self.due
        return self.due + self.interval

    def suspend(self) -> None:
        """Give up this slot, because the circuit breaker is not closed."""
        self.down = True
        self.suspended()

    def resume(self) -> bool:
        """End the backoff: the circuit breaker is closed again. Return whether to ask soon."""
        self.skips = 0
        return self.down

    def ask(self, session: Session, clock: Clock, resume: Callable[[], None]) -> None:
        """Make the request, and call `resume` if its outcome closed the circuit breaker.

        An exception that nobody foresaw is a failure like any other.
        """
        starts: list[float] = []
        ends: list[float] = []

        def began() -> None:
            self.overdue_since = None
            self.last_attempt = clock.now()
            starts.append(self.last_attempt)

        def result(reason: str | None) -> PollResult:
            # of two requests each counts, but not the second one's wait for the rate limiter
            now = clock.now()
            ago = now - starts[0] if starts else 0.0
            return PollResult(clock.wall() - ago, math.fsum([*ends, now]) - math.fsum(starts or [now]), reason)

        def record(error: EnercloError | None) -> None:
            if (self.probe or not self.rare) and session.record(self.key, error):
                resume()

        def fail(error: EnercloError) -> None:
            record(error)
            # otherwise the failure is the account's, and not its own
            if session.circuit_breaker.allow_request() and not isinstance(error, RateLimited):
                self._back_off()
            self.down = True
            self.failed(error, result(error.reason))

        try:
            answer = session.get(*self.request(), probe=self.probe, began=began, retrying=lambda: ends.append(clock.now()))
            self.succeeded(answer, result(None))
        except Closed:
            pass
        except CircuitOpenError:
            self.suspend()
        except EnercloError as error:
            fail(error)
        except Exception as error:  # noqa: BLE001 - it fails this request, and the next one comes when it would after any failure
            session.metrics.failures.labels(self.key[0], InvalidPayload.reason).inc()
            fail(InvalidPayload(internal_error(error, session.token)))
        else:
            self.failures = self.skips = 0
            self.down = False
            record(None)
        finally:
            self.in_flight = False
            self.overdue_since = None

    def _back_off(self) -> None:
        """Skip no slot after one failure, then a growing random number: the next one is 1, 2, 3-4, then 5-8 intervals away.

        Whole slots, so that a fleet that backs off stays spread.
        """
        if not self.rare:
            self.failures += 1
            longest = min(2 ** min(self.failures - 1, 16), MAX_BACKOFF)
            self.skips = random.randint(longest // 2, longest - 1)  # noqa: S311

    def _next_slot(self, earliest: float) -> float:
        """Return the first slot at or after `earliest`, give or take a rounding error."""
        phase = self._phase or 0.0
        return (math.ceil(earliest / self.interval - phase - 1e-6) + phase) * self.interval
