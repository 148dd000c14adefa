"""Local times at a change of clocks: the rows' order tells which pass of an hour they are from."""

from datetime import UTC, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest

from exporter.backfill.localtime import date_rows
from exporter.backfill.plan import local_seconds

BERLIN = ZoneInfo("Europe/Berlin")
# clocks go back from 03:00 to 02:00 at 01:00 UTC
AUTUMN = datetime(2024, 10, 27, 1, tzinfo=UTC)
SPRING = datetime(2024, 3, 31, 1, tzinfo=UTC)


def rows(change: datetime, zone: ZoneInfo, minutes: int = 5, hours: int = 3) -> tuple[list[int], list[int]]:
    """The local times that a device shows around a change, and the true instants."""
    instants = [change + timedelta(minutes=entry) for entry in range(-60 * hours, 60 * hours, minutes)]
    return [local_seconds(instant.astimezone(zone).replace(tzinfo=None)) for instant in instants], [
        int(instant.timestamp()) for instant in instants
    ]


@pytest.mark.parametrize(
    ("change", "zone"),
    [
        (AUTUMN, BERLIN),
        # half an hour back
        (datetime(2024, 4, 6, 15, tzinfo=UTC), ZoneInfo("Australia/Lord_Howe")),
        # back at midnight: the hour before it occurs twice
        (datetime(2024, 10, 31, 21, tzinfo=UTC), ZoneInfo("Africa/Cairo")),
        (datetime(2024, 11, 3, 6, tzinfo=UTC), ZoneInfo("America/New_York")),
    ],
)
def test_the_second_pass_comes_after_the_step_back(change: datetime, zone: ZoneInfo) -> None:
    times, instants = rows(change, zone)
    dated = date_rows(times, zone)
    assert dated.instants == instants
    assert len(dated.ambiguous) in (12, 24)
    assert dated.nonexistent == 0


def test_newest_first_it_is_the_same() -> None:
    times, instants = rows(AUTUMN, BERLIN)
    assert date_rows(times[::-1], BERLIN).instants == instants[::-1]


def test_the_two_passes_need_not_have_the_same_times() -> None:
    times, instants = rows(AUTUMN, BERLIN, minutes=7)
    assert date_rows(times, BERLIN).instants == instants


def test_a_first_pass_that_begins_late_is_still_told_apart() -> None:
    times, instants = rows(AUTUMN, BERLIN)
    # nothing between 01:00 and 02:30
    kept = [n for n, instant in enumerate(instants) if not AUTUMN.timestamp() - 7200 <= instant < AUTUMN.timestamp() - 1800]
    assert date_rows([times[n] for n in kept], BERLIN).instants == [instants[n] for n in kept]


def test_where_the_order_is_that_of_the_text_the_second_of_two_equal_times_is_the_later() -> None:
    times, instants = rows(AUTUMN, BERLIN)
    dated = date_rows(sorted(times), BERLIN)
    assert sorted(dated.instants) == instants


def test_in_no_order_each_time_is_still_had_once() -> None:
    times, instants = rows(AUTUMN, BERLIN)
    shuffled = Random(1).sample(times, len(times))
    assert sorted(date_rows(shuffled, BERLIN).instants) == instants


def test_an_hour_that_came_once_is_the_first() -> None:
    times, instants = rows(AUTUMN, BERLIN)
    kept = [n for n, instant in enumerate(instants) if not 0 <= instant - AUTUMN.timestamp() < 3600]
    assert date_rows([times[n] for n in kept], BERLIN).instants == [instants[n] for n in kept]


def test_two_changes_in_one_window_are_two() -> None:
    one, first = rows(AUTUMN, BERLIN)
    two, second = rows(datetime(2025, 10, 26, 1, tzinfo=UTC), BERLIN)
    assert date_rows(one + two, BERLIN).instants == first + second


def test_a_time_that_does_not_exist_goes_by_the_clock_before_the_change() -> None:
    before, first = rows(SPRING, BERLIN, hours=1)
    # a device that puts its clock forward ten minutes late, from 02:10 to 03:10
    late = [local_seconds(datetime(2024, 3, 31, 2, minute)) for minute in (0, 5)]
    after = [local_seconds(datetime(2024, 3, 31, 3, minute)) for minute in (10, 15)]
    dated = date_rows([*before[:12], *late, *after], BERLIN)
    assert dated.instants == first[:16]
    assert dated.nonexistent == 2
    assert not dated.ambiguous


def test_a_zone_without_changes_has_none() -> None:
    times, instants = rows(AUTUMN, ZoneInfo("Asia/Bangkok"))
    dated = date_rows(times, ZoneInfo("Asia/Bangkok"))
    assert (dated.instants, dated.ambiguous, dated.nonexistent) == (instants, frozenset(), 0)
