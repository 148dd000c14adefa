"""When a job is due, and what becomes of it, without a cloud."""

import random
from typing import Any

import pytest
import structlog

from exporter.api.circuit_breaker import CircuitBreaker
from exporter.api.errors import REASONS, ConnectionFailed, EnercloError, InvalidPayload, RateLimited, Unauthorized
from exporter.api.rate_limiter import RateLimiter
from exporter.api.session import Session
from exporter.config.token import Token
from exporter.metrics.self_metrics import SelfMetrics
from exporter.polling.job import Job, Request
from exporter.polling.scheduler import TICK, Scheduler
from exporter.polling.status import PollResult
from tests.helpers.fakes import FakeClient, FakeClock, InlineWorkers, samples


class Question(Job):
    """Asks for a device, and keeps what came of it."""

    def __init__(self, sn: str) -> None:
        super().__init__(("pbd", sn))
        self.outcomes: list[tuple[Any, PollResult | None]] = []
        self.wanted = True

    @property
    def enabled(self) -> bool:
        return self.wanted

    def request(self) -> Request:
        return Request("pbd", "path", {"deviceSn": self.key[1]}, lambda data: data)

    def succeeded(self, answer: Any, result: PollResult) -> None:
        self.outcomes.append((answer, result))

    def failed(self, error: EnercloError, result: PollResult) -> None:
        self.outcomes.append((error, result))

    def suspended(self) -> None:
        self.outcomes.append(("suspended", None))


class Frequent(Question):
    rare = False


class Spread(Frequent):
    start_window = 30.0


class Slowly(Question):
    start_gap = 10.0


class Bench:
    """A scheduler with jobs of several kinds; requests take no time but what the rate limiter makes them wait."""

    def __init__(self, clock: FakeClock, rate: float = 60.0) -> None:
        self.clock, self.rate = clock, rate
        self.asked: list[tuple[float, str]] = []
        self.answers: dict[str, Any] = {}
        self.metrics = SelfMetrics("0", REASONS, ["unauthorized", "unreachable"])
        self.breaker = CircuitBreaker(clock)
        limiter = RateLimiter(1e8, clock)
        self.session = Session(FakeClient(self._answer), Token(value="secret"), limiter, self.breaker, self.metrics)  # type: ignore[arg-type]
        self.scheduler = Scheduler(self.session, clock, 1, lambda: None)
        self.workers = self.scheduler.workers = InlineWorkers(self.scheduler.work)

    def run(self, seconds: float) -> None:
        end = self.clock.now() + seconds
        while self.clock.now() < end:
            self.clock.advance(TICK)
            self.scheduler.tick()
            self.workers.drain()

    def times(self, sn: str) -> list[float]:
        return [time for time, asked in self.asked if asked == sn]

    def _answer(self, sn: str) -> Any:
        self.asked.append((self.clock.now(), sn))
        answer = self.answers.get(sn)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def bench(clock: FakeClock) -> Bench:
    random.seed(1)
    return Bench(clock)


def test_failures_back_off_in_whole_slots_up_to_eight_intervals_and_success_ends_it(bench: Bench) -> None:
    seen: list[set[int]] = [set() for _ in range(8)]
    for seed in range(200):
        random.seed(seed)
        job = Frequent("A")
        bench.answers["A"] = InvalidPayload("x")
        for failures in range(8):
            bench.scheduler.work(job)
            seen[failures].add(job.skips + 1)
    assert seen[:3] == [{1}, {2}, {3, 4}]
    assert all(intervals == {5, 6, 7, 8} for intervals in seen[3:])
    bench.answers.clear()
    bench.scheduler.work(job)
    assert job.skips == 0
    bench.answers["A"] = InvalidPayload("x")
    bench.scheduler.work(job)
    assert job.skips == 0


def test_a_hundred_thousand_failures_are_no_problem(bench: Bench) -> None:
    job = Frequent("A")
    job.failures = 100_000
    bench.answers["A"] = InvalidPayload("x")
    bench.scheduler.work(job)
    assert 4 <= job.skips <= 7


@pytest.mark.parametrize("error", [RateLimited("429", 0.0), Unauthorized("no")])
def test_the_account_s_failures_are_not_the_device_s(bench: Bench, error: EnercloError) -> None:
    job = Frequent("A")
    bench.answers["A"] = error
    for _ in range(5):
        job.enqueue(probe=True)
        bench.scheduler.work(job)
    assert (job.failures, job.skips, job.down) == (0, 0, True)


def test_what_is_asked_seldom_does_not_back_off(bench: Bench) -> None:
    job = Question("A")
    bench.answers["A"] = InvalidPayload("x")
    for _ in range(5):
        bench.scheduler.work(job)
    assert job.skips == 0


def test_who_is_asked_soon_when_the_account_is_open_again(bench: Bench) -> None:
    job = Frequent("A")
    assert not job.resume()
    bench.scheduler.work(job)
    assert not job.resume()
    job.suspend()
    assert job.outcomes[-1] == ("suspended", None)
    assert job.resume()
    bench.answers["A"] = InvalidPayload("x")
    for _ in range(4):
        bench.scheduler.work(job)
    assert job.skips > 0
    assert job.resume()
    assert job.skips == 0
    bench.answers.clear()
    bench.scheduler.work(job)
    assert not job.resume()


def test_the_duration_is_that_of_both_requests_without_the_wait_between_them(bench: Bench, clock: FakeClock) -> None:
    took = iter([3.0, 4.0])
    waits = iter([10.0, 20.0])

    def answer(sn: str) -> Any:
        clock.advance(next(took))
        raise ConnectionFailed("x")

    def acquire() -> None:
        clock.advance(next(waits))

    bench.session.client = FakeClient(answer)  # type: ignore[assignment]
    bench.session.rate_limiter.acquire = acquire  # type: ignore[method-assign]
    began = clock.wall() + 10
    job = Frequent("A")
    bench.scheduler.work(job)
    ((error, result),) = job.outcomes
    assert isinstance(error, ConnectionFailed)
    assert result == PollResult(began, 7.0, "connection")
    assert job.last_attempt == clock.now() - 4


def test_an_exception_that_nobody_foresaw_is_a_failure_and_counted(bench: Bench) -> None:
    job = Frequent("A")
    bench.answers["A"] = RuntimeError("the secret is out")
    bench.scheduler.work(job)
    ((error, result),) = job.outcomes
    assert str(error) == "internal error: RuntimeError: the <redacted> is out"
    assert result is not None
    assert (result.duration, result.reason) == (0.0, "invalid_payload")
    assert (job.in_flight, job.down, job.failures) == (False, True, 1)
    page = bench.metrics.render(openmetrics=False).decode()
    assert 'failures_total{reason="invalid_payload",type="pbd"} 1.0' in page


def test_what_is_asked_seldom_is_asked_at_once_and_then_exactly_at_its_interval(bench: Bench, clock: FakeClock) -> None:
    start = clock.now()
    bench.scheduler.apply({Question("A"): 100.0, Question("B"): 100.0}, 60.0)
    bench.run(350)
    first = TICK
    assert [time - start for time in bench.times("A")] == pytest.approx([first, 100, 200, 300], abs=TICK)
    assert [time - start for time in bench.times("B")] == pytest.approx([1, 101, 201, 301], abs=TICK)


def test_a_kind_without_a_window_or_a_gap_is_asked_as_soon_as_the_rate_allows(bench: Bench) -> None:
    bench.scheduler.apply(dict.fromkeys([Question(f"Q{n}") for n in range(100)], 3600.0), 60_000.0)
    bench.run(2 * TICK)
    assert len(bench.asked) == 100


def test_kinds_of_jobs_share_the_rate_at_the_start(bench: Bench) -> None:
    often: dict[Job, float] = dict.fromkeys([Frequent(f"F{n}") for n in range(300)], 300.0)
    seldom: dict[Job, float] = dict.fromkeys([Question(f"Q{n}") for n in range(20)], 3600.0)
    bench.scheduler.apply({**often, **seldom}, 60.0)
    bench.run(45)
    asked = [sn[0] for _, sn in bench.asked]
    # neither waits for all of the other, and together they keep to the rate
    assert asked.count("Q") == 20
    assert asked.count("F") >= 20
    assert len(asked) <= 46


def test_a_kind_with_a_gap_leaves_it_between_its_first_requests(bench: Bench, clock: FakeClock) -> None:
    start = clock.now()
    bench.scheduler.apply(dict.fromkeys([Slowly(f"S{n}") for n in range(4)], 21600.0), 6000.0)
    bench.run(60)
    assert [time - start for time, _ in bench.asked] == pytest.approx([0, 10, 20, 30], abs=TICK)
    # but all are asked within the interval
    bench.asked.clear()
    bench.scheduler.apply(dict.fromkeys([Slowly(f"T{n}") for n in range(4)], 8.0), 6000.0)
    start = clock.now()
    bench.run(7)
    assert [time - start for time, _ in bench.asked] == pytest.approx([0, 2, 4, 6], abs=TICK)


def test_the_sooner_next_slot_is_asked_first_and_nothing_is_forgotten(bench: Bench, clock: FakeClock) -> None:
    seldom, often = Question("SELDOM"), Frequent("OFTEN")
    bench.scheduler.apply({seldom: 3600.0, often: 300.0}, 60_000.0)
    bench.run(2)
    bench.asked.clear()
    seldom.due, often.due = clock.now() + 1, clock.now() + 100
    clock.advance(100)
    bench.scheduler.tick()
    bench.workers.drain()
    assert [sn for _, sn in bench.asked] == ["OFTEN", "SELDOM"]
    # but for what waited for almost its interval
    bench.asked.clear()
    seldom.due, often.due = clock.now() + 1, clock.now() + 3400
    clock.advance(3400)
    bench.scheduler.tick()
    bench.workers.drain()
    assert [sn for _, sn in bench.asked] == ["SELDOM", "OFTEN"]


def test_a_probe_goes_before_all_that_is_queued(bench: Bench) -> None:
    waiting, probe = Frequent("WAITING"), Frequent("PROBE")
    bench.scheduler.apply({waiting: 10.0, probe: 10.0}, 6000.0)
    bench.workers.submit(waiting, waiting.enqueue(probe=False))
    bench.workers.submit(probe, probe.enqueue(probe=True))
    bench.workers.drain()
    assert [sn for _, sn in bench.asked] == ["PROBE", "WAITING"]
    assert probe.overdue_since is None


def test_a_poll_that_began_is_late_no_more_however_long_it_takes(bench: Bench, clock: FakeClock) -> None:
    job = Frequent("A")
    lags = []

    def answer(sn: str) -> Any:
        clock.advance(7)
        lags.append(bench.scheduler.lag())

    bench.session.client = FakeClient(answer)  # type: ignore[assignment]
    bench.scheduler.apply({job: 300.0}, 6000.0)
    bench.run(1)
    assert lags == [0]


def test_what_is_asked_seldom_is_no_poll_that_lags(bench: Bench, clock: FakeClock) -> None:
    bench.scheduler.apply({Question("SELDOM"): 10.0}, 60.0)
    bench.workers.drain = lambda: None  # type: ignore[method-assign]
    bench.run(60)
    assert bench.workers.queue
    assert bench.scheduler.lag() == 0
    bench.scheduler.apply({Frequent("OFTEN"): 10.0}, 60.0)
    bench.run(60)
    assert bench.scheduler.lag() > 20


def test_what_is_asked_seldom_opens_no_circuit_breaker_and_is_probed_only_where_nothing_else_is(bench: Bench) -> None:
    seldom = [Question(f"Q{n}") for n in range(5)]
    often = Frequent("OFTEN")
    for job in seldom:
        bench.answers[job.key[1]] = Unauthorized("no")
    bench.scheduler.apply({**dict.fromkeys(seldom, 10.0), often: 10.0}, 6000.0)
    bench.run(60)
    assert bench.breaker.allow_request()
    bench.answers["OFTEN"] = Unauthorized("no")
    bench.run(20)
    assert not bench.breaker.allow_request()
    bench.asked.clear()
    bench.run(181)
    assert [sn for _, sn in bench.asked] == ["OFTEN"] * 3
    # nothing else is left, and the cloud takes the token again
    bench.scheduler.apply(dict.fromkeys(seldom, 10.0), 6000.0)
    bench.answers.clear()
    bench.asked.clear()
    bench.run(61)
    assert bench.breaker.allow_request()
    bench.run(10)
    assert {sn for _, sn in bench.asked} == {job.key[1] for job in seldom}


def test_a_probe_is_for_what_waited_longest_which_is_first_what_was_never_asked(bench: Bench) -> None:
    one, other = Spread("ONE"), Spread("OTHER")
    bench.scheduler.apply({one: 3600.0, other: 3600.0}, 6000.0)
    bench.run(1)
    bench.answers.update(ONE=Unauthorized("no"), OTHER=Unauthorized("no"))
    for job in (one, other):
        bench.breaker.record(job.key, Unauthorized("no"))
    bench.run(181)
    assert [sn for _, sn in bench.asked] == ["ONE", "OTHER", "ONE", "OTHER"]


def test_a_suspension_is_shown_and_told_at_its_beginning_and_its_end(bench: Bench) -> None:
    def shown() -> float:
        return samples(bench.metrics.render(openmetrics=False))['atess_exporter_api_suspended{cause="unauthorized"}']

    job = Frequent("A")
    bench.answers["A"] = Unauthorized("no")
    with structlog.testing.capture_logs() as log:
        bench.scheduler.apply({job: 10.0}, 6000.0)
        bench.run(1)
        assert shown() == 1
        bench.answers.clear()
        bench.run(61)
    assert shown() == 0
    told = [(line["event"], line["log_level"]) for line in log if "circuit" in line["event"]]
    assert told == [
        ("circuit breaker open, sending one probe a minute", "warning"),
        ("circuit breaker closed, polling all devices again", "info"),
    ]


def test_after_a_suspension_what_fails_by_itself_backs_off_as_before(bench: Bench) -> None:
    well, sick = Frequent("WELL"), Frequent("SICK")
    bench.answers.update(WELL=Unauthorized("no"), SICK=Unauthorized("no"))
    bench.scheduler.apply({well: 10.0, sick: 10.0}, 6000.0)
    bench.run(30)
    assert not bench.breaker.allow_request()
    del bench.answers["WELL"]
    bench.answers["SICK"] = InvalidPayload("x")
    bench.run(120)
    assert bench.breaker.allow_request()
    bench.asked.clear()
    bench.run(400)
    assert len(bench.times("SICK")) < 12
    assert len(bench.times("WELL")) >= 39


def test_workers_that_died_are_replaced_at_every_tick(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    maintained = []
    monkeypatch.setattr(bench.workers, "maintain", lambda: maintained.append(1))
    bench.run(10 * TICK)
    assert len(maintained) == 10


def test_what_was_queued_before_a_suspension_is_suspended_and_late_no_more(bench: Bench) -> None:
    job = Frequent("A")
    bench.scheduler.apply({job: 300.0}, 6000.0)
    bench.clock.advance(1)
    bench.scheduler.tick()
    assert len(bench.workers.queue) == 1
    bench.breaker.record(job.key, Unauthorized("no"))
    bench.clock.advance(10)
    assert bench.scheduler.lag() > 0
    bench.workers.drain()
    assert not bench.asked
    assert job.outcomes == [("suspended", None)]
    assert (job.down, job.in_flight) == (True, False)
    assert bench.scheduler.lag() == 0


def test_the_lag_is_that_of_the_most_overdue(bench: Bench, clock: FakeClock) -> None:
    one, other = Frequent("ONE"), Frequent("OTHER")
    bench.scheduler.apply({one: 300.0, other: 300.0}, 6000.0)
    bench.run(1)
    one.due, other.due = clock.now() - 5, clock.now() - 7
    assert bench.scheduler.lag() == 7


def test_one_probe_goes_out_at_a_time(bench: Bench) -> None:
    jobs = [Spread(f"S{n}") for n in range(3)]
    bench.scheduler.apply(dict.fromkeys(jobs, 3600.0), 6000.0)
    for job in jobs:
        bench.breaker.record(job.key, Unauthorized("no"))
    bench.workers.drain = lambda: None  # type: ignore[method-assign]
    bench.run(59)
    assert not bench.workers.queue
    bench.run(50)
    assert len(bench.workers.queue) == 1


def test_what_has_nothing_to_ask_is_neither_asked_nor_a_probe(bench: Bench) -> None:
    off, on = Question("OFF"), Question("ON")
    off.wanted = False
    bench.answers["ON"] = Unauthorized("no")
    bench.scheduler.apply({off: 10.0, on: 10.0}, 6000.0)
    bench.run(30)
    bench.breaker.record(on.key, Unauthorized("no"))
    bench.asked.clear()
    bench.run(181)
    assert [sn for _, sn in bench.asked] == ["ON"] * 3
    bench.answers.clear()
    bench.run(100)
    assert bench.breaker.allow_request()
    assert not bench.times("OFF")
    off.wanted = True
    bench.run(10)
    assert bench.times("OFF")


def test_what_leaves_is_asked_no_more_and_what_stays_keeps_its_slots(bench: Bench) -> None:
    jobs = [Frequent(f"S{n}") for n in range(4)]
    bench.scheduler.apply(dict.fromkeys(jobs, 10.0), 6000.0)
    bench.run(30)
    due = [job.due for job in jobs]
    bench.scheduler.apply(dict.fromkeys(jobs[:2], 10.0), 6000.0)
    assert [job.due for job in jobs[:2]] == due[:2]
    bench.asked.clear()
    bench.run(30)
    assert {sn for _, sn in bench.asked} == {"S0", "S1"}


def test_another_interval_holds_at_once_if_it_is_shorter_and_else_after_the_next_turn(bench: Bench, clock: FakeClock) -> None:
    job = Question("A")
    bench.scheduler.apply({job: 3600.0}, 6000.0)
    bench.run(10)
    due = job.due
    bench.scheduler.apply({job: 7200.0}, 6000.0)
    assert job.due == due
    bench.scheduler.apply({job: 20.0}, 6000.0)
    assert clock.now() <= job.due <= clock.now() + 20


def test_only_what_waits_for_its_first_turn_is_hurried_by_a_higher_rate(bench: Bench, clock: FakeClock) -> None:
    jobs = [Frequent(f"S{n}") for n in range(4)]
    bench.scheduler.apply(dict.fromkeys(jobs, 3600.0), 0.1)
    bench.run(1)
    assert len(bench.asked) == 1
    slot = jobs[0].due
    # the same hurries nobody, nor does a lower one
    due = [job.due for job in jobs]
    for rate in (0.1, 0.05):
        bench.clock.advance(1)
        bench.scheduler.apply(dict.fromkeys(jobs, 3600.0), rate)
        assert [job.due for job in jobs] == due
    bench.scheduler.apply(dict.fromkeys(jobs, 3600.0), 60.0)
    assert [job.due - clock.now() for job in jobs[1:]] == pytest.approx([0, 1, 2])
    assert jobs[0].due == slot
