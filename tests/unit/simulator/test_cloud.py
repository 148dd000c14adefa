from datetime import datetime, timedelta

import pytest

from exporter.simulator import Cloud, SimClock, SimDevice, UnknownDevice
from exporter.simulator.device import TYPES

SERIALS = {"pbd": "P1", "pcs": "C1", "hps_central": "H1", "hps_string": "S1", "bcu": "B1", "mbms": "M1"}


@pytest.mark.parametrize("kind", TYPES)
def test_readings_are_determined_by_seed_device_and_slot(cloud: Cloud, clock: SimClock, kind: str) -> None:
    sn = SERIALS[kind]
    alone = Cloud([SimDevice(kind, sn)], clock)
    assert alone.reading(kind, sn) == cloud.reading(kind, sn)
    later = clock.now() + timedelta(days=3)
    alone.reading(kind, sn, later)
    assert alone.reading(kind, sn) == cloud.reading(kind, sn)
    assert Cloud([SimDevice(kind, sn)], clock, seed=2).reading(kind, sn) != cloud.reading(kind, sn)


@pytest.mark.parametrize("interval", [1.0, 10.0, 300.0])
def test_a_reading_changes_once_per_upload_interval(clock: SimClock, interval: float) -> None:
    cloud = Cloud([SimDevice("pbd", "P1")], clock, upload_interval=interval)
    seen: dict[str, object] = {}
    for _ in range(100):
        reading = cloud.reading("pbd", "P1")
        assert isinstance(reading["time"], str)
        uploaded = datetime.fromisoformat(reading["time"]).replace(tzinfo=clock.timezone)
        assert timedelta(0) <= clock.now() - uploaded < timedelta(seconds=interval)
        assert seen.setdefault(reading["time"], reading) == reading
        clock.advance(interval / 10)
    assert len(seen) in (10, 11)


def test_the_caller_may_change_what_it_got(cloud: Cloud) -> None:
    cloud.reading("pbd", "P1").clear()
    assert len(cloud.reading("pbd", "P1")) == 78


def test_an_offline_device_keeps_its_last_reading(cloud: Cloud, clock: SimClock) -> None:
    before = cloud.reading("pbd", "P9")
    assert before["time"] < "2026-05-05 10:00:00"  # type: ignore[operator]
    assert before["time"] > "2026-05-05 09:55:00"  # type: ignore[operator]
    clock.advance(86400)
    assert cloud.reading("pbd", "P9") == before
    assert cloud.reading("pbd", "P9", clock.now() - timedelta(days=2)) != before


def test_devices_come_go_and_move(cloud: Cloud) -> None:
    with pytest.raises(ValueError, match="already"):
        cloud.add(SimDevice("pbd", "P1"))
    reading = cloud.reading("pbd", "P2")
    cloud.move("pbd", "P2", "L7")
    assert cloud.reading("pbd", "P2") == reading
    assert [row["deviceSn"] for row in cloud.base_info_list("pbd", "L7") if isinstance(row, dict)] == ["P2"]
    assert len(cloud.base_info_list("pbd", "L1")) == 2
    cloud.remove("pbd", "P2")
    assert cloud.base_info_list("pbd", "L7") == []
    with pytest.raises(UnknownDevice):
        cloud.reading("pbd", "P2")
    with pytest.raises(UnknownDevice):
        cloud.remove("pbd", "P2")
    cloud.add(SimDevice("pbd", "P2", "L7"))
    assert cloud.reading("pbd", "P2") == reading
    assert ("pbd", "P2") in {(device.type, device.sn) for device in cloud.devices}


def test_upload_interval_must_be_positive(clock: SimClock) -> None:
    with pytest.raises(ValueError, match="positive"):
        Cloud([], clock, upload_interval=0)


def test_time_is_the_sites_wall_clock(cloud: Cloud, clock: SimClock) -> None:
    text = str(cloud.reading("pbd", "P1")["time"])
    shown = datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=clock.timezone)
    assert timedelta(0) <= clock.now() - shown < timedelta(minutes=5)
