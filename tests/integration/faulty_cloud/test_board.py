"""Which fault is set for whom."""

import pytest

from tests.helpers.faulty_cloud import FaultyCloud


@pytest.mark.parametrize(
    ("name", "params"), [("nonsense", {}), ("slow", {"minutes": 1}), ("timeout", {"seconds": 1}), ("http_429", {"x": 1})]
)
def test_faults_are_checked_when_they_are_set(cloud: FaultyCloud, name: str, params: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=name):
        cloud.faults.set("pbd", "P1", name, **params)
    with pytest.raises(ValueError, match=name):
        cloud.faults.set_all(name, **params)


def test_a_devices_own_fault_comes_before_that_of_all(cloud: FaultyCloud) -> None:
    def found(sn: str) -> str | None:
        fault = cloud.faults.find("pbd", sn)
        return fault.name if fault else None

    cloud.faults.set_all("timeout")
    cloud.faults.set("pbd", "P1", "reset")
    assert (found("P1"), found("P2")) == ("reset", "timeout")
    cloud.faults.clear("pbd", "P1")
    assert (found("P1"), found("P2")) == ("timeout", "timeout")
    cloud.faults.clear("pbd", "P1")
    cloud.faults.clear_all()
    assert (found("P1"), found("P2")) == (None, None)
