from exporter.web.limits import TokenBucket
from tests.helpers.fakes import FakeClock


def test_a_burst_and_then_one_every_interval(clock: FakeClock) -> None:
    bucket = TokenBucket(2.0, 3, clock.now)
    assert [bucket.take() for _ in range(5)] == [True, True, True, False, False]
    clock.advance(1.9)
    assert not bucket.take()
    clock.advance(0.2)
    assert [bucket.take() for _ in range(2)] == [True, False]
    clock.advance(1000)
    assert [bucket.take() for _ in range(5)] == [True, True, True, False, False]


def test_no_burst_is_no_request(clock: FakeClock) -> None:
    bucket = TokenBucket(1.0, 0, clock.now)
    clock.advance(1000)
    assert not bucket.take()


def test_a_huge_burst_is_a_number_as_any(clock: FakeClock) -> None:
    bucket = TokenBucket(1e-9, 2**63 - 1, clock.now)
    clock.advance(1e9)
    assert bucket.take()
