import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import structlog
import time_machine

from exporter.api.circuit_breaker import Cause
from exporter.api.errors import ConnectionFailed, EnercloError, HttpStatus, InvalidPayload, RateLimited, Unauthorized
from exporter.api.reading import read
from exporter.catalogue.serials import serial_key
from exporter.catalogue.types import Device
from exporter.config.schema import ApiSection, FieldFilter, PollSection
from exporter.config.token import Token
from exporter.metrics.names import metric_name
from exporter.metrics.series import Row, Series
from exporter.polling.scheduler import TICK
from exporter.polling.status import PollResult
from tests.helpers.fakes import FakeClient, FakeClock, InlineWorkers, TellingLock, device, samples
from tests.helpers.fleet import Fleet, devices, failing


def next_polls(fleet: Fleet) -> dict[str, float]:
    """When each device is to be polled next, by the exporter's clock."""
    return {status.sn: status.next_poll for status in fleet.readings.statuses() if status.next_poll is not None}


def polls(fleet: Fleet) -> Sequence[PollResult]:
    """The last polls of the first device, the latest first."""
    found = fleet.readings.detail(("pbd", serial_key("S0")))
    assert found is not None
    return found.polls


def gaps(times: list[float]) -> list[float]:
    return [later - earlier for earlier, later in pairwise(times)]


def most_in(seconds: float, times: list[float]) -> int:
    return max(sum(start <= time < start + seconds for time in times[n : n + 500]) for n, start in enumerate(times))


@pytest.mark.parametrize(("count", "interval"), [(1, 300), (12, 300), (12, 10), (500, 300), (3, 1)])
def test_every_device_is_first_polled_within_the_start_window(clock: FakeClock, count: int, interval: float) -> None:
    fleet = Fleet(clock, devices(count, interval))
    start = clock.now()
    fleet.run(min(interval, 30) + TICK)
    first = {sn: fleet.times(sn)[0] - start for sn in {sn for _, sn in fleet.sent}}
    assert len(first) == count
    assert max(first.values()) <= min(interval, 30) + TICK


def test_a_fast_device_among_slow_ones_is_first_polled_within_its_own_interval(clock: FakeClock) -> None:
    fleet = Fleet(clock, [*devices(40, 600), device("FAST", interval=2)])
    start = clock.now()
    fleet.run(31)
    assert fleet.times("FAST")[0] - start <= 2 + TICK
    first = sorted(fleet.times(f"S{n}")[0] - start for n in range(40))
    assert all(gap == pytest.approx(30 / 41, abs=TICK + 0.01) for gap in gaps(first))


def test_the_budget_goes_before_the_start_window(clock: FakeClock) -> None:
    fleet = Fleet(clock, devices(100), rate=60)
    fleet.run(120)
    assert len({sn for _, sn in fleet.sent}) == 100
    assert most_in(60, [time for time, _ in fleet.sent]) <= 60


def test_after_the_start_every_device_keeps_its_interval(clock: FakeClock) -> None:
    fleet = Fleet(clock, devices(50))
    fleet.run(3600)
    for n in range(50):
        first, *rest = gaps(fleet.times(f"S{n}"))
        assert 300 - 2 * TICK <= first < 600 + 2 * TICK
        assert all(gap == pytest.approx(300, abs=2 * TICK) for gap in rest)
        assert len(rest) >= 9


def test_a_thousand_devices_are_spread_over_the_interval(clock: FakeClock) -> None:
    fleet = Fleet(clock, devices(1000))
    fleet.run(900)
    late = [time for time, _ in fleet.sent if time > clock.now() - 300]
    per_second = Counter(int(time) for time in late)
    assert len(late) == pytest.approx(1000, abs=10)
    assert max(per_second.values()) <= 2 * 1000 / 300


def test_spread_devices_stay_spread_after_a_stall(clock: FakeClock) -> None:
    fleet = Fleet(clock, devices(300))
    fleet.run(700)
    clock.advance(40)
    fleet.run(700)
    late = Counter(int(time) for time, _ in fleet.sent if time > clock.now() - 300)
    assert max(late.values()) <= 3


def test_a_schedule_over_budget_is_stretched_to_fit(clock: FakeClock) -> None:
    fleet = Fleet(clock, devices(500), rate=60)
    fleet.run(3000)
    assert fleet.value("device_poll_interval_seconds", "S0") == pytest.approx(500 / 0.95)
    times = [time for time, _ in fleet.sent]
    assert most_in(60, times) <= 60
    assert max(max(gaps(fleet.times(f"S{n}"))) for n in range(500)) < 2 * 500 / 0.95 + 2
    assert fleet.scheduler.lag() < 10


def test_fast_and_slow_devices_each_keep_their_own_interval(clock: FakeClock) -> None:
    fleet = Fleet(clock, [device("FAST", interval=10), device("SLOW", interval=600)])
    fleet.run(3700)
    assert all(gap == pytest.approx(10, abs=2 * TICK) for gap in gaps(fleet.times("FAST"))[1:])
    assert all(gap == pytest.approx(600, abs=2 * TICK) for gap in gaps(fleet.times("SLOW"))[1:])


def test_a_device_whose_last_poll_still_runs_is_skipped_and_counts_as_late(clock: FakeClock) -> None:
    fleet = Fleet(clock, devices(1, 10))
    fleet.run(30)
    assert fleet.scheduler.lag() <= TICK
    fleet.workers.drain = lambda: None  # type: ignore[method-assign]
    fleet.run(35)
    assert len(fleet.workers.queue) == 1
    assert 20 < fleet.scheduler.lag() <= 35
    InlineWorkers.drain(fleet.workers)
    assert fleet.scheduler.lag() <= TICK


def test_one_failing_device_backs_off_and_leaves_the_others_alone(clock: FakeClock) -> None:
    fleet = Fleet(clock, devices(10))

    def answer(sn: str) -> Any:
        if sn == "S3":
            raise InvalidPayload("x")
        return {"ppv": 1}

    fleet.answer = answer
    fleet.run(300 * 40)
    assert fleet.up("S3") == 0
    assert fleet.value("device_stale", 'S3",type="pbd",cause="failing') is None
    assert max(gaps(fleet.times("S3"))) <= 8 * 300 + 1
    assert len(fleet.times("S3")) < 15
    for n in {*range(10)} - {3}:
        assert fleet.up(f"S{n}") == 1
        assert max(gaps(fleet.times(f"S{n}"))) < 600
        assert max(gaps(fleet.times(f"S{n}"))[1:]) < 301
    fleet.answer = lambda sn: {"ppv": 2}
    fleet.run(300 * 9)
    assert fleet.value("ppv", "S3") == 2
    assert gaps(fleet.times("S3"))[-1] == pytest.approx(300, abs=1)


@pytest.mark.parametrize("skip", [0, 1, 2, 5])
def test_as_many_slots_are_left_out_as_the_target_says(clock: FakeClock, skip: int) -> None:
    fleet = Fleet(clock, devices(1, 10))
    fleet.run(35)
    fleet.job("S0").skips = skip
    last = fleet.times("S0")[-1]
    fleet.run(90)
    assert next(time for time in fleet.times("S0") if time > last) == pytest.approx(last + 10 * (1 + skip), abs=2 * TICK)


@pytest.mark.parametrize("error", [ConnectionFailed("x"), HttpStatus(502), HttpStatus(503), HttpStatus(504)])
def test_what_may_be_a_passing_fault_is_tried_once_more_within_the_poll(clock: FakeClock, error: EnercloError) -> None:
    fleet = Fleet(clock, devices(1))
    fleet.answer = failing(error)
    fleet.run(31)
    assert len(fleet.sent) == 2
    page = fleet.metrics.render(openmetrics=False).decode()
    assert f'failures_total{{reason="{error.reason}",type="pbd"}} 2.0' in page
    assert 'requests_total{type="pbd"} 2.0' in page


@pytest.mark.parametrize("error", [HttpStatus(500), InvalidPayload("x"), HttpStatus(302)])
def test_what_is_no_passing_fault_is_not_tried_again(clock: FakeClock, error: EnercloError) -> None:
    fleet = Fleet(clock, devices(1))
    fleet.answer = failing(error)
    fleet.run(31)
    assert len(fleet.sent) == 1


def test_a_retry_that_succeeds_is_a_success(clock: FakeClock) -> None:
    fleet = Fleet(clock, devices(1))
    outcomes = iter([ConnectionFailed("x")])

    def answer(sn: str) -> Any:
        for error in outcomes:
            raise error
        return {"ppv": 3}

    fleet.answer = answer
    fleet.run(31)
    assert fleet.value("ppv", "S0") == 3
    assert fleet.up("S0") == 1


def test_a_refused_token_stops_everything_but_a_probe_a_minute(clock: FakeClock) -> None:
    fleet = Fleet(clock, devices(100))
    fleet.run(700)
    fleet.answer = failing(Unauthorized("code 403"))
    fleet.sent.clear()
    fleet.run(3600)
    assert 58 <= len(fleet.sent) <= 66
    assert most_in(60, [time for time, _ in fleet.sent[6:]]) <= 2
    assert fleet.account.cause is Cause.UNAUTHORIZED
    assert all(fleet.up(f"S{n}") == 0 for n in range(100))
    fleet.answer = lambda sn: {"ppv": 1}
    fleet.run(61 + 30)
    assert all(fleet.up(f"S{n}") == 1 for n in range(100))


def test_the_token_file_is_read_again_and_a_new_token_tried_at_once(clock: FakeClock, tmp_path: Any) -> None:
    path = tmp_path / "token"
    path.write_text("old")
    token = Token(path=path)
    fleet = Fleet(clock, devices(10), token=token)

    def answer(sn: str) -> Any:
        if token.reveal() != "new":
            raise Unauthorized("code 403")
        return {"ppv": 1}

    fleet.answer = answer
    fleet.run(65)
    assert not fleet.account.allow_request()
    path.write_text("new\n")
    fleet.run(60 + 30)
    assert all(fleet.up(f"S{n}") == 1 for n in range(10))


def test_an_unreadable_token_file_is_no_reason_to_stop(clock: FakeClock, tmp_path: Any) -> None:
    path = tmp_path / "token"
    path.write_text("old")
    fleet = Fleet(clock, devices(10), token=Token(path=path))
    path.unlink()
    fleet.answer = failing(Unauthorized("code 403"))
    fleet.run(100)
    fleet.answer = lambda sn: {"ppv": 1}
    fleet.run(100)
    assert fleet.up("S0") == 1


def test_a_device_of_somebody_else_s_does_not_silence_the_account(clock: FakeClock) -> None:
    fleet = Fleet(clock, devices(10))

    def answer(sn: str) -> Any:
        if sn == "S0":
            raise Unauthorized("code 403")
        return {"ppv": 1}

    fleet.answer = answer
    fleet.run(7200)
    assert fleet.account.allow_request()
    assert fleet.up("S0") == 0
    assert len(fleet.times("S0")) < 10
    assert all(max(gaps(fleet.times(f"S{n}"))[1:]) < 301 for n in range(1, 10))


def test_too_many_requests_slow_the_whole_account_and_lose_no_device(clock: FakeClock) -> None:
    fleet = Fleet(clock, devices(20), rate=60)
    fleet.run(700)
    refusals = iter([RateLimited("429", 120.0)])

    def answer(sn: str) -> Any:
        for error in refusals:
            raise error
        return {"ppv": 1}

    fleet.answer = answer
    fleet.sent.clear()
    fleet.run(300)
    first, second, third, *_ = [time for time, _ in fleet.sent]
    assert second - first >= 120
    assert third - second >= 2
    fleet.run(900)
    assert all(fleet.up(f"S{n}") == 1 for n in range(20))
    assert fleet.budget.requests_per_minute == 60


@pytest.mark.parametrize("count", [1, 3, 100])
def test_a_cloud_that_is_down_for_a_day_costs_a_probe_s_worth_of_requests_and_then_all_are_back(
    clock: FakeClock, count: int
) -> None:
    fleet = Fleet(clock, devices(count), rate=60)
    fleet.run(1200)
    fleet.answer = failing(ConnectionFailed("refused"))
    fleet.sent.clear()
    fleet.run(86400, tick=1)
    assert len(fleet.sent) <= 24 * 60 + 10
    assert all(fleet.up(f"S{n}") == 0 for n in range(count))
    fleet.answer = lambda sn: {"ppv": 1}
    fleet.sent.clear()
    fleet.run(300)
    assert all(fleet.up(f"S{n}") == 1 for n in range(count))
    assert most_in(60, [time for time, _ in fleet.sent]) <= 60


def test_a_cloud_that_is_down_is_asked_for_no_device_more_often_than_its_interval(clock: FakeClock) -> None:
    fleet = Fleet(clock, devices(2))
    fleet.answer = failing(HttpStatus(500))
    fleet.run(86400, tick=1)
    assert min(gaps(fleet.times("S0"))) >= 300 - 1


def test_a_long_sleep_ends_without_a_burst_and_old_values_are_gone_at_once(clock: FakeClock) -> None:
    fleet = Fleet(clock, devices(100), rate=60)
    fleet.run(1000)
    clock.advance(8 * 3600)
    fleet.readings.mark_stale()
    assert fleet.value("ppv", "S0") is None
    fleet.sent.clear()
    fleet.run(400)
    times = [time for time, _ in fleet.sent]
    assert most_in(60, times) <= 60
    assert {sn for _, sn in fleet.sent} == {f"S{n}" for n in range(100)}
    assert fleet.value("ppv", "S0") is not None


def test_a_wall_clock_that_is_stepped_moves_no_poll(clock: FakeClock) -> None:
    fleet = Fleet(clock, devices(20))
    fleet.run(1000)
    for step in (7200, -7200, -7200, 7200):
        clock.wall_offset += step
        fleet.run(1000)
    for n in range(20):
        assert all(gap == pytest.approx(300, abs=2 * TICK) for gap in gaps(fleet.times(f"S{n}"))[1:])


@pytest.mark.parametrize("moment", ["2026-10-24T22:00:00Z", "2027-03-27T23:00:00Z"])
def test_a_change_to_or_from_summer_time_moves_no_poll(clock: FakeClock, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        with time_machine.travel(datetime.fromisoformat(moment), tick=False) as traveller:
            fleet = Fleet(clock, devices(20))
            for _ in range(5 * 3600):
                traveller.shift(1)
                fleet.run(1, tick=1)
    finally:
        monkeypatch.undo()
        time.tzset()
    for n in range(20):
        assert len(fleet.times(f"S{n}")) >= 58
        assert max(gaps(fleet.times(f"S{n}"))[1:]) <= 302


def test_devices_that_stay_keep_everything_when_others_come_and_go(clock: FakeClock) -> None:
    fleet = Fleet(clock, devices(10))
    fleet.run(1000)
    before = {n: fleet.value("ppv", f"S{n}") for n in range(10)}
    due = next_polls(fleet)
    start = clock.now()
    fleet.apply([*devices(10)[:5], *[device(f"N{n}") for n in range(5)]])
    assert {n: fleet.value("ppv", f"S{n}") for n in range(5)} == {n: before[n] for n in range(5)}
    assert all(fleet.value("ppv", f"S{n}") is None and fleet.up(f"S{n}") is None for n in range(5, 10))
    assert all(next_polls(fleet)[f"S{n}"] == due[f"S{n}"] for n in range(5))
    fleet.run(31)
    assert all(start < fleet.times(f"N{n}")[0] <= start + 31 for n in range(5))
    fleet.run(600)
    assert not any(time > start for n in range(5, 10) for time in fleet.times(f"S{n}"))


def test_a_shorter_interval_takes_effect_at_once(clock: FakeClock) -> None:
    fleet = Fleet(clock, devices(1, 3600))
    fleet.run(100)
    fleet.apply(devices(1, 10))
    fleet.run(30)
    assert len(fleet.times("S0")) == 4
    assert fleet.value("device_poll_interval_seconds", "S0") == 10


def test_a_hundred_reloads_are_no_burst(clock: FakeClock) -> None:
    fleet = Fleet(clock, devices(50), rate=60)
    for n in range(100):
        fleet.apply([*devices(50), device(f"N{n}")])
        fleet.run(5)
    assert most_in(60, [time for time, _ in fleet.sent]) <= 60


def test_a_late_plan_runs_in_the_order_of_what_was_due_first(clock: FakeClock) -> None:
    fleet = Fleet(clock, devices(20))
    fleet.run(1000)
    planned = next_polls(fleet)
    due = sorted(planned, key=planned.__getitem__)
    clock.advance(400)
    fleet.sent.clear()
    fleet.scheduler.tick()
    fleet.workers.drain()
    assert [sn for _, sn in fleet.sent] == due


def test_what_the_plan_says_of_staleness_and_zone_reaches_the_devices(clock: FakeClock) -> None:
    fleet = Fleet(clock, devices(1))
    fleet.answer = lambda sn: {"ppv": 1, "time": "2026-11-22 10:00:00"}
    fleet.apply(
        devices(1),
        poll=PollSection.model_validate({"stale_after": "40s"}),
        api=ApiSection(timezone="Asia/Bangkok"),
        fields={"pbd": FieldFilter(exclude=["vbat"])},
    )
    fleet.run(1)
    assert fleet.value("device_data_timestamp_seconds", "S0") == 1795316400
    assert fleet.value("ppv", "S0") == 1
    fleet.run(40, tick=1)
    assert fleet.value("ppv", "S0") is None


def test_fields_that_are_not_chosen_have_no_series(clock: FakeClock) -> None:
    fleet = Fleet(clock, devices(1))
    fleet.answer = lambda sn: {"ppv": 1, "vbat": 2}
    fleet.apply(devices(1), fields={"pbd": FieldFilter(exclude=["vbat"])})
    fleet.run(1)
    assert fleet.value("ppv", "S0") == 1
    assert fleet.value("vbat", "S0") is None


def test_going_stale_is_told_once(clock: FakeClock, capsys: pytest.CaptureFixture[str]) -> None:
    fleet = Fleet(clock, devices(1))
    fleet.run(31)
    fleet.answer = failing(InvalidPayload("x"))
    capsys.readouterr()
    fleet.run(3600, tick=1)
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "stale" in line]
    assert "device is stale, dropping its values" in line
    assert "cause=failing device_sn=S0 type=pbd" in line


def test_the_loop_ticks_until_it_is_stopped_whatever_a_tick_does(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet = Fleet(clock, devices(1))
    ticks: list[int] = []

    def tick() -> None:
        ticks.append(1)
        if len(ticks) == 3:
            fleet.scheduler.stop()
        raise RuntimeError("broken")

    monkeypatch.setattr(fleet.scheduler, "tick", tick)
    fleet.scheduler.run()
    assert len(ticks) == 3


def test_a_tick_that_goes_on_failing_is_told_once_until_one_succeeded(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet = Fleet(clock, devices(1))
    outcomes = iter([RuntimeError("one"), RuntimeError("one"), None, RuntimeError("one"), ValueError("two"), None])

    def tick() -> None:
        outcome = next(outcomes)
        if outcome is not None:
            raise outcome

    monkeypatch.setattr(fleet.scheduler, "tick", tick)
    with structlog.testing.capture_logs() as lines:
        for _ in range(6):
            fleet.scheduler.run_step()
    event = "internal error in the scheduler"
    assert [(line["event"], line["error"], line["log_level"]) for line in lines] == [
        (event, "RuntimeError: one", "error"),
        (event, "RuntimeError: one", "debug"),
        (event, "RuntimeError: one", "error"),
        (event, "ValueError: two", "error"),
    ]


def test_health_is_about_the_loop_and_the_workers(clock: FakeClock) -> None:
    fleet = Fleet(clock, devices(1))
    # whoever asks before the first tick
    assert fleet.scheduler.problems() == []
    fleet.scheduler.tick()
    assert fleet.scheduler.problems() == []
    clock.advance(10.5)
    assert fleet.scheduler.problems() == ["the scheduler loop has not ticked for 10 s"]
    fleet.scheduler.tick()
    assert fleet.scheduler.problems() == []
    fleet.workers.alive = 0
    assert fleet.scheduler.problems() == ["no worker is alive"]


def test_fields_left_out_are_counted(clock: FakeClock) -> None:
    fleet = Fleet(clock, devices(1, 10))
    fleet.answer = lambda sn: {"ppv": 1, "a b": 2, "deviceUp": 3}
    fleet.run(15)
    page = fleet.metrics.render(openmetrics=False).decode()
    polls = len(fleet.sent)
    assert f'fields_left_out_total{{cause="name",type="pbd"}} {polls}.0' in page
    assert f'fields_left_out_total{{cause="collision",type="pbd"}} {polls}.0' in page


def test_the_lag_does_not_grow_while_a_device_backs_off_whose_poll_outlasted_its_slot(clock: FakeClock) -> None:
    fleet = Fleet(clock, devices(1, 10))
    fleet.run(30)

    def slow(sn: str) -> Any:
        # its next slot comes while its poll is under way
        clock.advance(12)
        fleet.scheduler.tick()
        raise InvalidPayload("x")

    fleet.answer = slow
    while not (fleet.workers.queue or fleet.up("S0") == 0):
        fleet.run(TICK)
    for _ in range(3):
        fleet.job("S0").skips = 5
        for _ in range(160):
            clock.advance(TICK)
            fleet.scheduler.tick()
            assert fleet.scheduler.lag() <= TICK
        fleet.run(40)


def test_a_poll_that_ends_in_an_internal_error_leaves_nothing_to_the_next(clock: FakeClock) -> None:
    fleet = Fleet(clock, devices(1, 10))

    def broken(sn: str) -> Any:
        # its next slot comes meanwhile
        clock.advance(12)
        fleet.scheduler.tick()
        raise RuntimeError("not foreseen")

    fleet.answer = broken
    fleet.run(10)
    job = fleet.job("S0")
    assert (job.in_flight, job.overdue_since) == (False, None)
    assert fleet.up("S0") == 0

    def answer(sn: str) -> Any:
        clock.advance(2)
        return {"ppv": 1}

    fleet.answer = answer
    fleet.run(10)
    assert [(poll.duration, poll.reason) for poll in polls(fleet)] == [(2, None), (12, "invalid_payload")]


def test_a_slot_that_comes_while_a_probe_is_under_way_leaves_the_probe_alone(clock: FakeClock) -> None:
    fleet = Fleet(clock, devices(1, 10))
    fleet.answer = failing(Unauthorized("no"))
    fleet.run(30)
    assert not fleet.account.allow_request()

    def slow(sn: str) -> Any:
        for _ in range(12):
            clock.advance(1)
            fleet.scheduler.tick()
        return {"ppv": 1}

    fleet.answer = slow
    fleet.run(70)
    assert [poll.duration for poll in polls(fleet) if poll.reason is None][-1] == 12


def test_a_reload_that_only_spells_a_device_otherwise_leaves_it_one_with_its_reading(clock: FakeClock) -> None:
    fleet = Fleet(clock, [device("umd1", site="Pai"), device("OTHER")])
    fleet.run(100)
    asked, page = len(fleet.sent), samples(fleet.series.snapshot())
    fleet.apply([device("UMD1", site="Pai"), device("OTHER")])
    fleet.run(100)
    assert samples(fleet.series.snapshot()) == {name.replace('"umd1"', '"UMD1"'): value for name, value in page.items()}
    assert fleet.series.snapshot().length == len(bytes(fleet.series.snapshot()))
    assert len(fleet.sent) == asked
    fleet.run(600)
    assert {sn for _, sn in fleet.sent[asked:]} == {"UMD1", "OTHER"}
    assert fleet.value("ppv", "umd1") is None
    assert (fleet.value("ppv", "UMD1") or 0) > page['atess_ppv{deviceSn="umd1",type="pbd"}']


class Watched(Series):
    """Keeps the page after each change that a scrape could come in between."""

    def __init__(self) -> None:
        super().__init__(metric_name, lambda name: name)
        self.pages: list[dict[str, float]] = []
        self._depth = 0

    @contextmanager
    def together(self) -> Iterator[bool]:
        self._depth += 1
        try:
            yield True
        finally:
            self._depth -= 1
            self._look()

    def set(self, *args: Any, **kwargs: Any) -> None:
        super().set(*args, **kwargs)
        self._look()

    def remove(self, row: Row) -> None:
        super().remove(row)
        self._look()

    def rename(self, *args: Any) -> None:
        super().rename(*args)
        self._look()

    def clear(self, row: Row) -> None:
        super().clear(row)
        self._look()

    def _look(self) -> None:
        if not self._depth:
            self.pages.append(samples(self.snapshot()))


def test_no_scrape_sees_a_device_in_a_half_state(clock: FakeClock) -> None:
    series = Watched()
    fleet = Fleet(clock, [], series=series)
    about = ("atess_device_info{", "atess_device_poll_interval_seconds{")

    def plan(*devices: Device) -> None:
        fleet.apply(list(devices))

    plan(device("A", site="Pai"))
    fleet.run(60)
    plan(device("A", site="Chiang Mai"), device("B"))
    plan(device("a", site="Chiang Mai", row="7"), device("B"))
    fleet.answer = failing(InvalidPayload("x"))
    fleet.run(3000)
    fleet.answer = lambda sn: {"ppv": 1, "time": "2026-01-01 10:00:00"}
    fleet.run(6000)
    assert len(series.pages) > 20
    causes = set()
    for page in series.pages:
        for sn in {name.split('"')[1] for name in page}:
            own = [name for name in page if f'deviceSn="{sn}",' in name]
            for name in about:
                assert len([entry for entry in own if entry.startswith(name)]) == 1, (sn, name)
            stale = {entry.split('cause="')[1]: page[entry] for entry in own if entry.startswith("atess_device_stale{")}
            assert sorted(stale) == ['failing"}', 'frozen"}']
            shown = any(entry.startswith("atess_ppv{") for entry in own)
            now = {name for name, value in stale.items() if value}
            assert len(now) <= 1
            assert not (shown and now), "a stale device shows values"
            causes |= now
        # each under one spelling
        assert len({name.split('"')[1].lower() for name in page}) == len({name.split('"')[1] for name in page})
    assert len(causes) == 2


def test_what_is_said_of_a_suspension_is_the_account_s_last_state_whoever_saw_it(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet = Fleet(clock, devices(2))
    fleet.run(31)
    settled = threading.Event()
    monkeypatch.setattr(fleet.session, "_outcome_lock", TellingLock(settled))
    one, other = fleet.jobs
    record = fleet.account.record

    def recover() -> None:
        fleet.answer = lambda sn: {"ppv": 1}
        other.enqueue(probe=True)
        fleet.scheduler.work(other)
        settled.set()

    recovery = threading.Thread(target=recover)

    def late(key: tuple[str, str], error: EnercloError | None) -> bool:
        changed = record(key, error)
        if changed and fleet.account.cause is Cause.UNAUTHORIZED:
            # the other poll succeeds before this one has said what it saw, or has to wait until it has
            recovery.start()
            assert settled.wait(30)
        return changed

    monkeypatch.setattr(fleet.account, "record", late)
    fleet.account.configure(1)
    fleet.answer = failing(Unauthorized("no"))
    fleet.scheduler.work(one)
    recovery.join(30)
    assert fleet.account.allow_request()
    page = samples(fleet.metrics.render(openmetrics=False))
    assert page['atess_exporter_api_suspended{cause="unauthorized"}'] == 0


def renewing(token: Token, path: Path) -> Callable[[str], Any]:
    """A cloud that takes only the token "new"; what is in the file is renewed while the old one is refused."""

    def answer(sn: str) -> Any:
        if token.reveal() != "new":
            path.write_text("new\n")
            raise Unauthorized("code 401")
        return {"ppv": 1}

    return answer


@pytest.mark.parametrize("count", [1, 2, 3, 10])
def test_a_token_that_was_renewed_is_tried_in_the_same_poll(clock: FakeClock, tmp_path: Path, count: int) -> None:
    path = tmp_path / "token"
    path.write_text("old")
    token = Token(path=path)
    fleet = Fleet(clock, devices(count), rate=60, token=token)
    fleet.answer = renewing(token, path)
    fleet.run(31)
    assert all(fleet.up(f"S{n}") == 1 for n in range(count))
    assert fleet.account.allow_request()
    first, second = [time for time, sn in fleet.sent if sn == fleet.sent[0][1]]
    # within the budget
    assert 1.0 <= second - first <= 1.0 + TICK
    assert len(fleet.sent) == count + 1


def test_a_renewed_token_that_is_refused_too_is_tried_once(clock: FakeClock, tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("old")
    fleet = Fleet(clock, devices(1), token=Token(path=path))

    def answer(sn: str) -> Any:
        path.write_text(f"another {clock.now()} {len(fleet.sent)}")
        raise Unauthorized("code 401")

    fleet.answer = answer
    fleet.run(31)
    assert len(fleet.sent) == 2
    assert fleet.account.cause is Cause.UNAUTHORIZED


def test_a_probe_finds_a_renewed_token_at_once(clock: FakeClock, tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("old")
    token = Token(path=path)
    fleet = Fleet(clock, devices(1), token=token)
    fleet.answer = failing(Unauthorized("code 401"))
    fleet.run(31)
    assert not fleet.account.allow_request()
    fleet.answer = renewing(token, path)
    fleet.sent.clear()
    fleet.run(61)
    assert len(fleet.sent) == 2
    assert fleet.up("S0") == 1


class Swapping:
    """A cloud whose answer comes when somebody has put another client in its place."""

    def __init__(self, fleet: Fleet, error: EnercloError) -> None:
        self.fleet, self.error = fleet, error
        self.asked = 0

    def __call__(self, sn: str) -> Any:
        self.asked += 1
        self.fleet.session.client = FakeClient(lambda sn: {"ppv": 7})  # type: ignore[assignment]
        raise self.error


@pytest.mark.parametrize("error", [Unauthorized("code 401"), RateLimited("429", 3600.0), InvalidPayload("x")])
def test_what_another_account_is_told_after_a_reload_is_no_word_about_this_one(clock: FakeClock, error: EnercloError) -> None:
    fleet = Fleet(clock, devices(1))
    fleet.answer = swapping = Swapping(fleet, error)
    fleet.run(31)
    assert swapping.asked == 1
    assert fleet.value("ppv", "S0") == 7
    assert fleet.account.allow_request()
    assert fleet.budget.requests_per_minute == fleet.rate


def internal_errors(fleet: Fleet) -> float:
    page = samples(fleet.metrics.render(openmetrics=False))
    return page['atess_exporter_api_request_failures_total{reason="invalid_payload",type="pbd"}']


def test_an_exception_while_reading_an_answer_is_a_failed_poll(clock: FakeClock, capsys: pytest.CaptureFixture[str]) -> None:
    fleet = Fleet(clock, devices(2))

    def fail(data: Any, sn: str, *rest: Any) -> Any:
        if sn == "S0":
            raise OverflowError("secret beyond all bounds")
        return read(data, sn, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("exporter.polling.target.read", fail)
        fleet.run(7200)
        failed = internal_errors(fleet)
        assert failed == len(fleet.times("S0")) > 2
        # it backs off as any other that fails, and the others are polled
        assert len(fleet.times("S0")) < 10
        assert len(fleet.times("S1")) >= 23
        assert fleet.up("S0") == 0
        assert fleet.up("S1") == 1
    lines = [line for line in capsys.readouterr().out.splitlines() if "OverflowError" in line and "poll failed" not in line]
    assert len(lines) == 1
    assert "internal error: OverflowError: <redacted> beyond all bounds" in lines[0]
    fleet.run(8 * 300 + 1)
    assert fleet.up("S0") == 1


def test_an_exception_while_taking_in_a_reading_is_a_failed_poll(clock: FakeClock, capsys: pytest.CaptureFixture[str]) -> None:
    fleet = Fleet(clock, devices(2))
    fleet.run(400)
    assert fleet.value("ppv", "S0") is not None
    fleet.sent.clear()
    update = Series.update

    def fail(series: Series, row: Any, fields: Any) -> Any:
        if "S0" in row.labels:
            raise RuntimeError("broken")
        return update(series, row, fields)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Series, "update", fail)
        fleet.run(7200)
        assert internal_errors(fleet) == len(fleet.times("S0")) > 2
        assert len(fleet.times("S0")) < 10
        assert len(fleet.times("S1")) >= 23
        assert fleet.up("S0") == 0
        # what was last shown is too old by now
        assert fleet.value("ppv", "S0") is None
    lines = [line for line in capsys.readouterr().out.splitlines() if "RuntimeError" in line and "poll failed" not in line]
    assert len(lines) == 1
    assert "device is down" in lines[0]
    fleet.run(8 * 300 + 1)
    assert fleet.up("S0") == 1
    assert fleet.value("ppv", "S0") is not None


def test_a_higher_rate_hurries_those_whose_first_turn_is_yet_to_come(clock: FakeClock) -> None:
    fleet = Fleet(clock, devices(4, 3600), rate=0.1)
    fleet.run(31)
    assert len(fleet.sent) == 1
    fleet.rate = 60
    fleet.budget.configure(60)
    fleet.apply(devices(4, 3600))
    fleet.run(31)
    assert {sn for _, sn in fleet.sent} == {f"S{n}" for n in range(4)}
    # nobody else's slot moved
    fleet.run(3500)
    assert len(fleet.sent) < 8


def test_neighbours_are_polled_one_after_another_and_each_interval_is_spread(clock: FakeClock) -> None:
    pairs = [[device(f"S{n}", interval=300), device(f"F{n}", interval=60)] for n in range(40)]
    fleet = Fleet(clock, [one for pair in pairs for one in pair])
    fleet.run(700)
    polls = next_polls(fleet)
    for kind, interval in (("S", 300), ("F", 60)):
        slots = [polls[f"{kind}{n % 40}"] / interval for n in range(41)]
        steps = [gap % 1 for gap in gaps(slots)]
        assert max(steps) < 2 / 40
        assert sum(steps) == pytest.approx(1)
