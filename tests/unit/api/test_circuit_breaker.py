from exporter.api.circuit_breaker import PROBE_INTERVAL, Breaker, CircuitBreaker
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
    assert it.observe(key(1), Unauthorized("no")) is None
    assert it.observe(key(1), Unauthorized("no")) is None
    assert it.observe(key(2), Unauthorized("no")) is None
    assert not it.suspended
    assert it.observe(key(3), Unauthorized("no")) is Breaker.UNAUTHORIZED
    assert it.observe(key(4), Unauthorized("no")) is None
    assert it.suspended


def test_with_one_device_the_first_refusal_suspends(clock: FakeClock) -> None:
    assert account(clock, 1).observe(key(1), Unauthorized("no")) is Breaker.UNAUTHORIZED


def test_one_device_that_is_refused_among_healthy_ones_never_suspends(clock: FakeClock) -> None:
    it = account(clock, 10)
    for n in range(100):
        assert it.observe(key(0), Unauthorized("no")) is None
        assert it.observe(key(n % 9 + 1), None) is None


def test_a_cloud_that_five_devices_cannot_reach_is_down(clock: FakeClock) -> None:
    it = account(clock, 10)
    errors: list[EnercloError] = [ConnectionFailed("x"), TimedOut("x"), HttpStatus(500), HttpStatus(503)]
    for n, error in enumerate(errors):
        assert it.observe(key(n), error) is None
    assert it.observe(key(9), ConnectionFailed("x")) is Breaker.UNREACHABLE


def test_one_broken_device_is_not_a_cloud_that_is_down(clock: FakeClock) -> None:
    it = account(clock, 10)
    for _ in range(100):
        assert it.observe(key(1), TimedOut("x")) is None


def test_two_devices_need_five_failures(clock: FakeClock) -> None:
    it = account(clock, 2)
    outcomes = [it.observe(key(n % 2), TimedOut("x")) for n in range(5)]
    assert outcomes == [None, None, None, None, Breaker.UNREACHABLE]


def test_any_answer_that_took_the_token_shows_that_the_account_works(clock: FakeClock) -> None:
    it = account(clock, 1)
    it.observe(key(1), Unauthorized("no"))
    assert it.observe(key(1), ApiError("code 500")) is Breaker.OPEN
    assert not it.suspended
    it.observe(key(1), Unauthorized("no"))
    assert it.observe(key(1), HttpStatus(302)) is Breaker.OPEN


def test_one_probe_a_minute_while_suspended(clock: FakeClock) -> None:
    it = account(clock, 1)
    assert not it.probe_due()
    it.observe(key(1), Unauthorized("no"))
    assert not it.probe_due()
    clock.advance(PROBE_INTERVAL)
    assert it.probe_due()
    it.probe_taken()
    assert not it.probe_due()
    it.probe_soon()
    assert it.probe_due()
    it.observe(key(1), None)
    assert not it.probe_due()


def test_a_suspension_can_change_its_cause(clock: FakeClock) -> None:
    it = account(clock, 1)
    it.observe(key(1), Unauthorized("no"))
    clock.advance(PROBE_INTERVAL)
    outcomes = [it.observe(key(1), ConnectionFailed("x")) for _ in range(5)]
    assert outcomes[-1] is Breaker.UNREACHABLE
    assert it.observe(key(1), Unauthorized("no")) is Breaker.UNAUTHORIZED


def test_another_account_starts_afresh(clock: FakeClock) -> None:
    it = account(clock, 2)
    for n in range(2):
        it.observe(key(n), Unauthorized("no"))
    assert it.state is Breaker.UNAUTHORIZED
    it.start_afresh()
    assert not it.probe_due()
    # nor is anything left of what was counted
    assert it.observe(key(0), Unauthorized("no")) is None
    assert not it.suspended
