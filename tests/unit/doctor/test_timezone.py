from pathlib import Path

import pytest

from exporter.doctor.check import Check, Outcome
from exporter.doctor.timezone import check
from tests.helpers.observed import NOW, Observed


def zone(observed: Observed) -> Check:
    (found,) = check(observed.seen)
    return found


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
    assert found.outcome is Outcome.WARN
    assert "no UTC offset fits pcs D1" in found.seen
    assert found.config == {}


def test_times_with_a_zone_of_their_own_need_none(tmp_path: Path) -> None:
    observed = Observed(tmp_path).reading("2026-05-05T18:57:00+07:00")
    assert zone(observed).outcome is Outcome.OK


@pytest.mark.parametrize("time", [None, "soon", "0000-00-00 00:00:00"])
def test_without_a_time_nothing_is_told(tmp_path: Path, time: str | None) -> None:
    observed = Observed(tmp_path).reading(time)
    assert zone(observed).outcome is Outcome.SKIP


def test_clocks_that_do_not_agree_tell_nothing(tmp_path: Path) -> None:
    observed = Observed(tmp_path, zone="UTC").reading("2026-05-05 18:57:00")
    observed.seen.wire.skews.append(3600.0)
    assert zone(observed).outcome is Outcome.SKIP


def test_one_clock_that_is_wrong_does_not_make_the_zone_wrong(tmp_path: Path) -> None:
    observed = Observed(tmp_path, zone="Asia/Bangkok", devices=3).reading("2027-01-01 00:00:00")
    observed.reading("2026-05-05 18:57:00", "D2").reading("2026-05-05 18:58:00", "D3")
    found = zone(observed)
    assert found.outcome is Outcome.WARN
    assert "fits 2 devices" in found.seen
    assert "pcs D1 up to" in found.seen
    assert found.config == {}
    without = Observed(tmp_path, devices=3).reading("2027-01-01 00:00:00")
    without.reading("2026-05-05 18:57:00", "D2").reading("2026-05-05 18:58:00", "D3")
    assert "UTC+07:00 fits 2 devices of 3" in zone(without).seen


def test_devices_that_upload_late_are_not_in_another_zone(tmp_path: Path) -> None:
    found = zone(Observed(tmp_path, zone="Asia/Bangkok").reading("2026-05-05 18:35:00").listed(D1=False))
    assert found.outcome is Outcome.WARN
    assert "no UTC offset fits" in found.seen
    assert "whether it uploads late" in found.remedy


def test_offsets_that_fit_as_many_devices_are_all_told(tmp_path: Path) -> None:
    observed = Observed(tmp_path, devices=2).reading("2026-05-05 18:57:00").reading("2026-05-05 13:57:00", "D2")
    assert "UTC+02:00 or UTC+07:00 fits 1 device of 2, unless they are offline" in zone(observed).seen


def test_a_zone_that_may_fit_by_chance_settles_nothing(tmp_path: Path) -> None:
    assert zone(Observed(tmp_path, zone="Asia/Bangkok").reading("2026-05-05 18:57:00")).settles == {}
    found = zone(Observed(tmp_path, zone="Asia/Bangkok").reading("2026-05-05 18:57:00").listed(D1=False))
    assert found.settles == {"time.zone": "local time, UTC+07:00"}
