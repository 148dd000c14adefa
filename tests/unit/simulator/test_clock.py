from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from exporter.simulator import SimClock

START = datetime(2026, 5, 5, 12, tzinfo=UTC)


def test_runs_at_its_speed_from_its_start() -> None:
    real = 100.0
    clock = SimClock(START, 60.0, timezone=UTC, monotonic=lambda: real)
    assert clock.now() == START
    real = 102.5
    assert clock.now() == START + timedelta(seconds=150)


def test_advance_jumps_simulated_seconds_whatever_the_speed() -> None:
    clock = SimClock(START, 60.0, timezone=UTC, monotonic=lambda: 0.0)
    clock.advance(90)
    clock.advance(0.5)
    assert clock.now() == START + timedelta(seconds=90.5)


def test_shows_its_own_zone_across_a_clock_change() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    clock = SimClock(datetime(2026, 10, 25, 0, 30, tzinfo=UTC), timezone=berlin, monotonic=lambda: 0.0)
    assert clock.now().isoformat() == "2026-10-25T02:30:00+02:00"
    clock.advance(3600)
    assert clock.now().isoformat() == "2026-10-25T02:30:00+01:00"


def test_refuses_a_naive_start_and_going_back() -> None:
    with pytest.raises(ValueError, match="aware"):
        SimClock(START.replace(tzinfo=None), timezone=UTC)
    with pytest.raises(ValueError, match="negative"):
        SimClock(START, -1.0, timezone=UTC)
    with pytest.raises(ValueError, match="forward"):
        SimClock(START, timezone=UTC).advance(-1)
