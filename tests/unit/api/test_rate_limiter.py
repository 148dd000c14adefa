import bisect
import threading
from itertools import pairwise

import pytest

from exporter.api.rate_limiter import Closed, RateLimiter
from exporter.clock import Clock
from tests.helpers.fakes import FakeClock


def most_in_a_minute(times: list[float]) -> int:
    return max(bisect.bisect_left(times, start + 60) - index for index, start in enumerate(times))


@pytest.mark.parametrize("rate", [1, 60, 200, 6000])
def test_no_minute_carries_more_than_the_budget_and_nearly_all_of_it_is_usable(clock: FakeClock, rate: int) -> None:
    budget = RateLimiter(rate, clock)
    times = []
    for _ in range(rate * 3):
        budget.acquire()
        times.append(clock.now())
    assert most_in_a_minute(times) <= rate
    assert times[-1] - times[0] < 60 * (rate * 3 - 1) / rate * 1.005


def test_time_that_went_unused_is_not_saved_up_for_a_burst(clock: FakeClock) -> None:
    budget = RateLimiter(60, clock)
    budget.acquire()
    clock.advance(3600)
    times = []
    for _ in range(5):
        budget.acquire()
        times.append(clock.now())
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert min(gaps) >= 1.0


def test_a_refusal_pauses_everybody_and_halves_the_pace(clock: FakeClock) -> None:
    budget = RateLimiter(60, clock)
    clock.advance(10)
    assert budget.throttle(30) == 30
    start = clock.now()
    budget.acquire()
    assert clock.now() - start == pytest.approx(30)
    budget.acquire()
    assert clock.now() - start == pytest.approx(32, rel=0.01)
    assert budget.requests_per_minute == 30


def test_the_pace_recovers_step_by_step(clock: FakeClock) -> None:
    budget = RateLimiter(60, clock)
    for _ in range(8):
        clock.advance(10)
        budget.throttle(0)
    assert budget.requests_per_minute == 60 / 16
    rates = []
    for _ in range(5):
        clock.advance(300)
        rates.append(budget.requests_per_minute)
    assert rates == [7.5, 15, 30, 60, 60]


def test_refusals_of_requests_in_flight_together_are_one(clock: FakeClock) -> None:
    budget = RateLimiter(60, clock)
    clock.advance(10)
    for _ in range(4):
        budget.throttle(5)
    assert budget.requests_per_minute == 30


@pytest.mark.parametrize(("said", "pause"), [(None, 60), (0, 0), (5, 5), (10**9, 3600)])
def test_how_long_a_refusal_pauses(clock: FakeClock, said: float | None, pause: float) -> None:
    assert RateLimiter(60, clock).throttle(said) == pause


def test_a_higher_rate_holds_at_once(clock: FakeClock) -> None:
    budget = RateLimiter(1, clock)
    budget.acquire()
    budget.configure(600)
    start = clock.now()
    budget.acquire()
    budget.acquire()
    # the one before still counts, at the new rate
    assert clock.now() - start == pytest.approx(0.2, rel=0.01)
    assert budget.requests_per_minute == 600


def test_a_lower_rate_holds_at_once(clock: FakeClock) -> None:
    budget = RateLimiter(600, clock)
    budget.acquire()
    start = clock.now()
    budget.configure(60)
    budget.acquire()
    assert clock.now() - start == pytest.approx(1, rel=0.01)


def test_whoever_waits_by_the_old_rate_goes_on_by_the_new_one() -> None:
    budget = RateLimiter(0.001, Clock())
    budget.acquire()
    went = threading.Event()

    def wait() -> None:
        budget.acquire()
        went.set()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    budget.configure(6000)
    assert went.wait(10)
    thread.join(10)


def test_a_pause_outlives_a_new_rate(clock: FakeClock) -> None:
    budget = RateLimiter(60, clock)
    budget.acquire()
    budget.throttle(120)
    budget.configure(6000)
    start = clock.now()
    budget.acquire()
    assert clock.now() - start == pytest.approx(120)
    assert budget.requests_per_minute == 3000


def test_another_account_starts_afresh_but_within_its_budget(clock: FakeClock) -> None:
    budget = RateLimiter(60, clock)
    budget.acquire()
    budget.throttle(3600)
    budget.configure(30, reset=True)
    assert budget.requests_per_minute == 30
    assert not budget.throttled
    start = clock.now()
    budget.acquire()
    assert clock.now() - start == pytest.approx(2, rel=0.01)


def test_closing_frees_whoever_waits() -> None:
    budget = RateLimiter(0.001, Clock())
    budget.acquire()
    freed = threading.Event()

    def wait() -> None:
        try:
            budget.acquire()
        except Closed:
            freed.set()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    budget.close()
    assert freed.wait(10)
    thread.join(10)


def test_closing_ends_a_sleep(clock: FakeClock) -> None:
    limiter = RateLimiter(60, clock)
    limiter.sleep(0)
    ended = threading.Event()

    def sleep() -> None:
        with pytest.raises(Closed):
            limiter.sleep(3600)
        ended.set()

    thread = threading.Thread(target=sleep, daemon=True)
    thread.start()
    limiter.close()
    assert ended.wait(30)
