from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from exporter.simulator import SimDevice, demo_site, fleet
from exporter.simulator.device import TYPES

NOW = datetime(2026, 5, 5, 12, tzinfo=UTC)


def test_demo_site_has_every_type_live_two_loggers_and_one_device_offline() -> None:
    site = demo_site(NOW)
    live = [device for device in site if device.offline_since is None]
    (offline,) = [device for device in site if device.offline_since is not None]
    assert {device.type for device in live} == set(TYPES)
    assert len(live) == 8
    assert offline.offline_since is not None
    assert offline.offline_since <= NOW - timedelta(hours=1)
    assert len({device.datalog_sn for device in site}) == 2
    assert len({device.sn for device in site}) == len(site)
    assert ("pbd", "UMD0D23202") in {(device.type, device.sn) for device in live}
    assert ("hps_central", "TND0D20233") in {(device.type, device.sn) for device in live}


def test_one_device_of_the_demo_site_has_two_faults_and_one_is_odd() -> None:
    site = demo_site(NOW)
    assert [(device.type, device.faults) for device in site if device.faults] == [("pcs", ("2.3", "7.2"))]
    assert [device.type for device in site if device.odd] == ["hps_string"]


def test_fleet_is_repeatable_unique_and_mostly_pbd_and_hps() -> None:
    devices = fleet(1000, seed=3)
    assert devices == fleet(1000, seed=3)
    assert devices != fleet(1000, seed=4)
    assert len({device.sn for device in devices}) == 1000
    kinds = Counter(device.type for device in devices)
    assert set(kinds) == set(TYPES)
    assert kinds["pbd"] + kinds["hps_central"] + kinds["hps_string"] > 600
    assert len({device.datalog_sn for device in devices}) > 20


@pytest.mark.parametrize("count", [0, 1, 3])
def test_fleet_has_the_size_asked_for(count: int) -> None:
    assert len(fleet(count, seed=1)) == count


def test_a_device_needs_a_known_type_a_serial_and_an_aware_time() -> None:
    with pytest.raises(ValueError, match="unknown device type"):
        SimDevice("toaster", "X")
    with pytest.raises(ValueError, match="serial"):
        SimDevice("pbd", "")
    with pytest.raises(ValueError, match="aware"):
        SimDevice("pbd", "X", offline_since=NOW.replace(tzinfo=None))
