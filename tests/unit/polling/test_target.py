from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from exporter.api.errors import TimedOut
from exporter.api.reading import Reading
from exporter.metrics.names import metric_name
from exporter.metrics.series import Series
from exporter.polling.status import KEPT_POLLS, PollResult
from exporter.polling.target import Target
from tests.helpers.fakes import FakeClock, device, samples

FAILURE = TimedOut("no whole answer within 15 s")
FAILED = PollResult(1_790_000_000.0, 15.0, FAILURE.reason)
POLLED = PollResult(1_790_000_300.0, 0.5, None)
KEY = '{deviceSn="UMD0D23202",type="pbd"'


class Bench:
    """A target with its series, and what the page says of it."""

    def __init__(
        self, clock: FakeClock, *, interval: float = 300, stale_after: float | None = None, zone: str | None = None
    ) -> None:
        self.clock = clock
        self.series = Series(metric_name, lambda name: name)
        self.target = Target(device(interval=interval), self.series, clock)
        self.target.configure(device(interval=interval), 1.0, stale_after, ZoneInfo(zone) if zone else None)

    def read(self, time: str | None = None, **fields: float) -> None:
        self.target.record_success(Reading(fields or {"ppv": 1}, time), PollResult(self.clock.wall(), 0.5, None))

    def shown(self, name: str, labels: str = "") -> float | None:
        self.target.mark_stale()
        return samples(self.series.snapshot()).get(f"atess_{name}{KEY}{labels}}}")

    def stale(self) -> dict[str, float | None]:
        return {cause: self.shown("device_stale", f',cause="{cause}"') for cause in ("failing", "frozen")}


def test_before_the_first_poll_nothing_is_claimed(clock: FakeClock) -> None:
    bench = Bench(clock)
    assert bench.shown("device_up") is None
    assert bench.shown("device_info") == 1
    assert bench.shown("device_poll_interval_seconds") == 300
    assert bench.stale() == {"failing": 0, "frozen": 0}


def test_a_success_shows_the_reading_and_when_it_came(clock: FakeClock) -> None:
    bench = Bench(clock, zone="Asia/Bangkok")
    bench.read("2026-11-22 10:00:00", ppv=5)
    assert bench.shown("ppv") == 5
    assert bench.shown("device_up") == 1
    assert bench.shown("device_last_success_timestamp_seconds") == clock.wall()
    assert bench.shown("device_data_timestamp_seconds") == 1795316400


def test_a_device_that_is_gone_is_told_until_it_is_back(clock: FakeClock) -> None:
    bench = Bench(clock)
    for since, shown in ((None, None), (5.0, 1), (None, None)):
        bench.target.configure(replace(device(), gone_since=since), 1.0, None, None)
        assert bench.shown("device_gone") == shown
        assert bench.target.status(None).gone_since == since
        assert (bench.target.status(None).state == "gone") is (since is not None)


def test_without_a_zone_or_a_time_there_is_no_data_timestamp(clock: FakeClock) -> None:
    bench = Bench(clock)
    bench.read("2026-11-22 10:00:00")
    assert bench.shown("device_data_timestamp_seconds") is None
    zoned = Bench(clock, zone="UTC")
    zoned.read("2026-11-22 10:00:00")
    assert zoned.shown("device_data_timestamp_seconds") is not None
    zoned.read(None)
    assert zoned.shown("device_data_timestamp_seconds") is None


def test_another_zone_holds_at_once_for_the_reading_that_is_shown(clock: FakeClock) -> None:
    bench = Bench(clock, zone="UTC")
    bench.read("2026-11-22 10:00:00")
    assert bench.shown("device_data_timestamp_seconds") == 1795341600
    assert bench.target.status(None).data_timestamp == 1795341600
    for zone, timestamp in ((ZoneInfo("Asia/Bangkok"), 1795316400), (None, None), (ZoneInfo("UTC"), 1795341600)):
        bench.target.configure(device(), 1.0, None, zone)
        assert bench.shown("device_data_timestamp_seconds") == timestamp
        assert bench.target.status(None).data_timestamp == timestamp


def test_a_failing_device_keeps_its_values_until_they_are_stale_and_then_only_they_vanish(clock: FakeClock) -> None:
    bench = Bench(clock)
    bench.read("t1", ppv=5)
    success = clock.wall()
    clock.advance(899)
    bench.target.record_failure(FAILURE, FAILED)
    assert bench.shown("ppv") == 5
    assert bench.shown("device_up") == 0
    assert bench.stale() == {"failing": 0, "frozen": 0}
    clock.advance(1)
    assert bench.target.mark_stale() == "failing"
    assert bench.target.mark_stale() is None
    assert bench.shown("ppv") is None
    assert bench.shown("device_up") == 0
    assert bench.shown("device_last_success_timestamp_seconds") == success
    assert bench.stale() == {"failing": 1, "frozen": 0}


def test_a_device_that_never_answered_becomes_stale_too(clock: FakeClock) -> None:
    bench = Bench(clock)
    clock.advance(900)
    assert bench.stale() == {"failing": 1, "frozen": 0}


def test_a_reading_whose_time_stands_still_is_withheld_though_the_api_answers(clock: FakeClock) -> None:
    bench = Bench(clock, interval=100)
    for _ in range(9):
        bench.read("2026-11-22 10:00:00", ppv=5)
        assert bench.shown("ppv") == 5
        clock.advance(100)
    bench.read("2026-11-22 10:00:00", ppv=5)
    assert bench.shown("ppv") is None
    assert bench.shown("device_up") == 1
    assert bench.stale() == {"failing": 0, "frozen": 1}
    clock.advance(100)
    bench.read("2026-11-22 10:05:00", ppv=6)
    assert bench.shown("ppv") == 6
    assert bench.stale() == {"failing": 0, "frozen": 0}


def test_frozen_values_vanish_between_two_polls_too(clock: FakeClock) -> None:
    bench = Bench(clock, interval=600)
    bench.read("t1", ppv=5)
    clock.advance(600)
    bench.read("t1", ppv=5)
    clock.advance(1199)
    assert bench.shown("ppv") == 5
    clock.advance(1)
    assert bench.stale() == {"failing": 0, "frozen": 1}
    assert bench.shown("ppv") is None


def test_a_frozen_device_that_then_fails_is_failing(clock: FakeClock) -> None:
    bench = Bench(clock)
    bench.read("t1")
    clock.advance(1000)
    bench.read("t1")
    assert bench.stale() == {"failing": 0, "frozen": 1}
    clock.advance(900)
    bench.target.record_failure(FAILURE, FAILED)
    assert bench.stale() == {"failing": 1, "frozen": 0}


def test_a_reading_without_time_counts_by_its_arrival(clock: FakeClock) -> None:
    bench = Bench(clock)
    for _ in range(10):
        bench.read(None, ppv=5)
        clock.advance(300)
        assert bench.shown("ppv") == 5
    clock.advance(600)
    assert bench.shown("ppv") is None


@pytest.mark.parametrize(
    ("interval", "stretch", "stale_after", "expected"),
    [(300, 1, None, 900), (10, 1, None, 900), (600, 1, None, 1800), (300, 4, None, 3600), (300, 4, 120.0, 120)],
)
def test_when_values_are_stale(
    clock: FakeClock, interval: float, stretch: float, stale_after: float | None, expected: float
) -> None:
    bench = Bench(clock, interval=interval)
    bench.target.configure(device(interval=interval), stretch, stale_after, None)
    assert bench.shown("device_poll_interval_seconds") == interval * stretch
    bench.read("t1")
    clock.advance(expected - 1)
    assert bench.shown("ppv") == 1
    clock.advance(1)
    assert bench.shown("ppv") is None


def test_changed_info_replaces_the_old(clock: FakeClock) -> None:
    bench = Bench(clock)
    bench.target.configure(device(site="North"), 1.0, None, None)
    bench.target.configure(device(site="South"), 1.0, None, None)
    lines = [name for name in samples(bench.series.snapshot()) if "device_info" in name]
    assert lines == [f'atess_device_info{KEY},site="South"}}']


def test_coming_up_and_going_down_is_news_once(clock: FakeClock) -> None:
    target = Bench(clock).target
    assert target.record_failure(FAILURE, FAILED) == "device is down"
    assert target.record_failure(FAILURE, FAILED) == ""
    assert target.record_success(Reading({"ppv": 1}, None), POLLED)[0]
    assert not target.record_success(Reading({"ppv": 1}, None), POLLED)[0]
    target.record_suspension()
    assert target.record_success(Reading({"ppv": 1}, None), POLLED)[0]


def test_the_latest_polls_are_kept_latest_first(clock: FakeClock) -> None:
    target = Bench(clock).target
    assert target.detail(None).polls == []
    assert target.status(None).last_poll is None
    polls = [
        PollResult(1_790_000_000.5 + number, number / 8, FAILURE.reason if number % 3 else None)
        for number in range(3 * KEPT_POLLS)
    ]
    for number, poll in enumerate(polls, 1):
        if poll.reason:
            target.record_failure(FAILURE, poll)
        else:
            target.record_success(Reading({"ppv": 1}, None), poll)
        assert target.status(None).last_poll == poll
        assert target.detail(None).polls == polls[max(0, number - KEPT_POLLS) : number][::-1]


def test_a_reading_that_cannot_be_shown_is_one_failed_poll(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(clock)
    bench.read("t1", ppv=5)

    def broken(*arguments: object) -> None:
        raise RuntimeError("not foreseen")

    monkeypatch.setattr(bench.series, "update", broken)
    before = bench.target.detail(None)
    with pytest.raises(RuntimeError):
        bench.read("t2", ppv=6)
    after = bench.target.detail(None)
    assert after.polls == before.polls
    assert (after.state, after.reason) == (before.state, None)


def test_another_reason_for_being_down_is_news_once(clock: FakeClock) -> None:
    target = Bench(clock).target
    other = PollResult(FAILED.at, FAILED.duration, "not_found")
    assert target.record_failure(FAILURE, FAILED) == "device is down"
    assert target.record_failure(FAILURE, other) == "device is down for another reason"
    assert target.record_failure(FAILURE, other) == ""
    # a suspension is no poll
    target.record_suspension()
    assert target.record_failure(FAILURE, other) == ""
    target.record_success(Reading({"ppv": 1}, None), POLLED)
    target.record_suspension()
    assert target.record_failure(FAILURE, other) == ""
