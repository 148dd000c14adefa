from exporter.api.circuit_breaker import PROBE_INTERVAL, Cause, CircuitBreaker
from exporter.api.errors import ApiError, ConnectionFailed, EnercloError, HttpStatus, TimedOut, Unauthorized
from tests.helpers.fakes import FakeClock


def account(clock: FakeClock, devices: int) -> CircuitBreaker:
    made = CircuitBreaker(clock)
    made.configure(devices)
    return made


def key(n: int) -> tuple[str, str]:
    return ("pbd", str(n))


def test_a_token_that_is_refused_for_three_devices_suspends_the_account(clock: FakeClock) -> None:
    it = account(clock, 10)
    assert not it.record(key(1), Unauthorized("no"))
    assert not it.record(key(1), Unauthorized("no"))
    assert not it.record(key(2), Unauthorized("no"))
    assert it.allow_request()
    assert it.record(key(3), Unauthorized("no"))
    assert it.cause is Cause.UNAUTHORIZED
    assert not it.record(key(4), Unauthorized("no"))
    assert not it.allow_request()


def test_with_one_device_the_first_refusal_suspends(clock: FakeClock) -> None:
    it = account(clock, 1)
    assert it.record(key(1), Unauthorized("no"))
    assert it.cause is Cause.UNAUTHORIZED


def test_one_device_that_is_refused_among_healthy_ones_never_suspends(clock: FakeClock) -> None:
    it = account(clock, 10)
    for n in range(100):
        assert not it.record(key(0), Unauthorized("no"))
        assert not it.record(key(n % 9 + 1), None)


def test_a_cloud_that_five_devices_cannot_reach_is_down(clock: FakeClock) -> None:
    it = account(clock, 10)
    errors: list[EnercloError] = [ConnectionFailed("x"), TimedOut("x"), HttpStatus(500), HttpStatus(503)]
    for n, error in enumerate(errors):
        assert not it.record(key(n), error)
    assert it.record(key(9), ConnectionFailed("x"))
    assert it.cause is Cause.UNREACHABLE


def test_one_broken_device_is_not_a_cloud_that_is_down(clock: FakeClock) -> None:
    it = account(clock, 10)
    for _ in range(100):
        assert not it.record(key(1), TimedOut("x"))


def test_two_devices_need_five_failures(clock: FakeClock) -> None:
    it = account(clock, 2)
    outcomes = [it.record(key(n % 2), TimedOut("x")) for n in range(5)]
    assert outcomes == [False, False, False, False, True]
    assert it.cause is Cause.UNREACHABLE


def test_any_answer_that_took_the_token_shows_that_the_account_works(clock: FakeClock) -> None:
    it = account(clock, 1)
    it.record(key(1), Unauthorized("no"))
    assert it.record(key(1), ApiError("code 500"))
    assert it.cause is None
    assert it.allow_request()
    it.record(key(1), Unauthorized("no"))
    assert it.record(key(1), HttpStatus(302))
    assert it.cause is None


def test_one_probe_a_minute_while_suspended(clock: FakeClock) -> None:
    it = account(clock, 1)
    assert not it.allow_probe()
    it.record(key(1), Unauthorized("no"))
    assert not it.allow_probe()
    clock.advance(PROBE_INTERVAL)
    assert it.allow_probe()
    assert not it.allow_probe()
    it.probe_soon()
    assert it.allow_probe()
    it.probe_soon()
    it.record(key(1), None)
    assert not it.allow_probe()


def test_a_probe_is_due_a_minute_after_it_opened_and_not_while_one_is_under_way(clock: FakeClock) -> None:
    breaker = account(clock, 1)
    due = [breaker.probe_due]

    def record(error: EnercloError | None) -> None:
        breaker.record(key(1), error)
        due.append(breaker.probe_due)

    record(Unauthorized("no"))
    clock.advance(PROBE_INTERVAL)
    due.append(breaker.probe_due)
    assert breaker.allow_probe()
    due.append(breaker.probe_due)
    record(Unauthorized("no"))
    breaker.probe_soon()
    due.append(breaker.probe_due)
    assert breaker.allow_probe()
    record(None)
    breaker.probe_soon()
    due.append(breaker.probe_due)
    assert due == [False, False, True, False, False, True, False, False]


def test_a_suspension_can_change_its_cause(clock: FakeClock) -> None:
    it = account(clock, 1)
    it.record(key(1), Unauthorized("no"))
    clock.advance(PROBE_INTERVAL)
    outcomes = [it.record(key(1), ConnectionFailed("x")) for _ in range(5)]
    causes = [it.cause]
    assert outcomes[-1]
    assert it.record(key(1), Unauthorized("no"))
    assert [*causes, it.cause] == [Cause.UNREACHABLE, Cause.UNAUTHORIZED]


def test_another_account_starts_afresh(clock: FakeClock) -> None:
    it = account(clock, 2)
    for n in range(2):
        it.record(key(n), Unauthorized("no"))
    assert it.cause is Cause.UNAUTHORIZED
    it.reset()
    assert not it.allow_probe()
    # nor is anything left of what was counted
    assert not it.record(key(0), Unauthorized("no"))
    assert it.allow_request()
