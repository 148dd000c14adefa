from pathlib import Path

import pytest

from exporter.doctor.check import Check, Outcome
from exporter.doctor.times import check
from tests.helpers.observed import NOW, Observed


def zone(observed: Observed) -> Check:
    return next(found for found in check(observed.seen) if found.name == "timezone")


def named(observed: Observed, name: str) -> Check:
    return next(found for found in check(observed.seen) if found.name == name)


# 12:00 in UTC
@pytest.mark.parametrize(
    ("time", "offset"),
    [
        ("2026-05-05 18:57:00", "UTC+07:00"),
        ("2026-05-05 21:27:00", "UTC+09:30"),
        ("2026-05-05 07:57:00", "UTC-04:00"),
        ("2026-05-05 11:57:00", "UTC+00:00"),
        # the next day, and a clock half a minute fast
        ("2026-05-06 01:00:30", "UTC+13:00"),
    ],
)
def test_the_offset_of_a_device_that_is_online(tmp_path: Path, time: str, offset: str) -> None:
    found = zone(Observed(tmp_path).reading(time).listed(D1=False))
    assert offset in found.seen
    assert found.outcome is Outcome.WARN
    assert found.settles == {"time.zone": f"local time, {offset}"}
    assert found.config.keys() == {("api", "timezone")}


def test_two_offsets_that_fit_are_both_told(tmp_path: Path) -> None:
    """Half past five and a quarter to six are 15 minutes apart, and a reading may be that old."""
    found = zone(Observed(tmp_path).reading("2026-05-05 17:29:00").listed(D1=False))
    assert "UTC+05:30 or UTC+05:45 fits" in found.seen
    assert found.config == {}
    assert found.settles == {}


def test_a_device_that_may_be_offline_settles_nothing(tmp_path: Path) -> None:
    found = zone(Observed(tmp_path).reading("2026-05-05 18:57:00"))
    assert "UTC+07:00 fits 1 device of 1, unless they are offline" in found.seen
    assert found.settles == {}
    assert found.config == {}


def test_a_device_that_a_list_calls_offline_is_left_out(tmp_path: Path) -> None:
    observed = Observed(tmp_path, devices=2).reading("2026-05-05 13:10:00").reading("2026-05-05 18:57:00", "D2")
    found = zone(observed.listed(D1=True, D2=False))
    assert "UTC+07:00 fits 1 device of 1" in found.seen
    assert zone(Observed(tmp_path).reading("2026-05-05 13:10:00").listed(D1=True)).outcome is Outcome.SKIP


def test_a_zone_that_agrees(tmp_path: Path) -> None:
    found = zone(Observed(tmp_path, zone="Asia/Bangkok").reading("2026-05-05 18:57:00"))
    assert found.outcome is Outcome.OK
    assert "the newest reading is 3 min old" in found.seen


def test_a_time_ahead_of_now_is_never_an_offline_device(tmp_path: Path) -> None:
    found = zone(Observed(tmp_path, zone="UTC").reading("2026-05-05 18:57:00"))
    assert found.outcome is Outcome.FAIL
    assert "1 time up to 7.0 h ahead of now; UTC+07:00 fits" in found.seen
    assert "Asia/Bangkok" in found.remedy
    # it may be offline somewhere further east
    assert "unless they are offline" in found.seen
    assert found.config == {}


def test_a_time_behind_now_may_be_an_offline_device(tmp_path: Path) -> None:
    observed = Observed(tmp_path, zone="Asia/Tokyo").reading("2026-05-05 18:57:00")
    found = zone(observed)
    assert found.outcome is Outcome.WARN
    assert found.config == {}
    assert "--watch" in found.remedy
    # but not one whose time moves
    found = zone(observed.watched("2026-05-05 19:02:00", NOW + 300))
    assert found.outcome is Outcome.FAIL
    assert found.config == {("api", "timezone"): "Etc/GMT-7"}


def test_a_clock_that_no_zone_has(tmp_path: Path) -> None:
    found = zone(Observed(tmp_path, zone="UTC").reading("2026-05-09 00:00:00"))
    assert found.outcome is Outcome.FAIL
    assert "no UTC offset fits pcs D1" in found.seen


def test_times_with_a_zone_of_their_own_need_none(tmp_path: Path) -> None:
    observed = Observed(tmp_path).reading("2026-05-05T18:57:00+07:00")
    assert zone(observed).outcome is Outcome.OK
    assert "with a zone" in named(observed, "time pcs").seen


@pytest.mark.parametrize("time", [None, "soon", "0000-00-00 00:00:00"])
def test_without_a_time_nothing_is_told(tmp_path: Path, time: str | None) -> None:
    observed = Observed(tmp_path).reading(time)
    assert zone(observed).outcome is Outcome.SKIP
    assert named(observed, "time pcs").outcome is Outcome.WARN


def test_clocks_that_do_not_agree_tell_nothing(tmp_path: Path) -> None:
    observed = Observed(tmp_path, zone="UTC").reading("2026-05-05 18:57:00")
    observed.seen.wire.skews.append(3600.0)
    assert zone(observed).outcome is Outcome.SKIP


def test_how_often_the_time_moves(tmp_path: Path) -> None:
    observed = Observed(tmp_path, zone="Asia/Bangkok", watch=900).reading("2026-05-05 18:57:00", at=NOW - 1800)
    for minutes in (0, 10, 20, 30):
        observed.watched(f"2026-05-05 19:{minutes:02}:00" if minutes else "2026-05-05 18:57:00", NOW - 1800 + minutes * 60)
    found = named(observed, "upload pcs")
    assert "the time moved 3 times in 30 min, by 10 min" in found.seen
    # every 5 minutes is within the half and the double
    assert found.outcome is Outcome.OK
    assert found.settles == {"upload.interval": "every 10 min"}


def test_an_interval_that_asks_for_nothing_new(tmp_path: Path) -> None:
    observed = Observed(tmp_path, zone="Asia/Bangkok", watch=3600).reading("2026-05-05 18:30:00", at=NOW - 1800)
    found = named(observed.watched("2026-05-05 19:00:00"), "upload pcs")
    assert found.outcome is Outcome.WARN
    assert found.config == {("poll", "interval"): "30m"}
    assert "5m asks more often than there is anything new" in found.remedy


def test_a_time_that_does_not_move(tmp_path: Path) -> None:
    observed = Observed(tmp_path, zone="Asia/Bangkok", watch=900).reading("2026-05-05 18:57:00", at=NOW - 900)
    found = named(observed.watched("2026-05-05 18:57:00"), "upload pcs")
    assert found.outcome is Outcome.WARN
    assert found.seen == "the time did not move in 15 min"
