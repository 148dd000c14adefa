"""Whatever a cloud answers, doctor ends with checks: no fault of the simulator costs more than its own device."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from exporter.config.load import load
from exporter.doctor import capture, report
from exporter.doctor.check import Outcome
from exporter.doctor.examination import examine
from exporter.doctor.observations import Observations
from exporter.doctor.output import as_json, as_text
from exporter.doctor.plan import DoctorOptions, make_plan
from exporter.doctor.survey import survey
from exporter.simulator import Replay, ServedCloud, SimClock, SimDevice
from tests.helpers.fakes import FakeClock
from tests.helpers.faulty_cloud import FAULTS, FaultyCloud, serve
from tests.helpers.processes import TOKEN, write_config

SICK, WELL = "SICK0D1", "WELL0D1"
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
FIELDS = [name for name, text in FAULTS.items() if not text.startswith("History:")]
HISTORY = [name for name, text in FAULTS.items() if text.startswith("History:")]


@pytest.fixture(scope="module")
def cloud() -> FaultyCloud:
    clock = SimClock(NOON, timezone=UTC, monotonic=lambda: 0.0)
    return FaultyCloud([SimDevice("pbd", SICK, "DL0D1"), SimDevice("pbd", WELL, "DL0D1")], clock)


@pytest.fixture(scope="module")
def served(cloud: FaultyCloud) -> Iterator[ServedCloud]:
    with serve(cloud) as where:
        yield where


def look(folder: Path, url: str, *sns: str, quick: bool) -> Observations:
    path = folder / "config.yaml"
    api = {"base_url": url, "token": TOKEN, "timeout": "1s", "timezone": "UTC", "requests_per_minute": 600}
    write_config(path, {"api": api, "devices": {"pbd": list(sns)}})
    clock = FakeClock()
    clock.wall_offset = NOON.timestamp() - clock.moment
    config = load(path, {})
    return survey(config, make_plan(config, DoctorOptions(try_paths=True, quick=quick)), clock, lambda number, purpose: None)


def everything(seen: Observations, folder: Path) -> dict[str, str]:
    """What all parts make of the answers: the outcomes of the checks by name. None may fail in itself."""
    checks = examine(seen)
    assert not any("internal error" in check.seen for check in checks)
    as_text(checks, (), "").encode("utf-8")
    json.loads(as_json(checks, (), "", 0)).keys()
    report.as_markdown(seen, checks).encode("utf-8")
    capture.write(seen, folder / "capture")
    if any(exchange.status is not None for exchange in seen.exchanges):
        Replay(folder / "capture")
    return {check.name: check.outcome.value for check in checks}


@pytest.mark.parametrize("fault", FIELDS)
def test_a_fault_of_a_reading(cloud: FaultyCloud, served: ServedCloud, tmp_path: Path, fault: str) -> None:
    cloud.faults.set("pbd", SICK, fault, **({"seconds": 0.1} if fault == "slow" else {}))
    try:
        seen = look(tmp_path, served.url, WELL, SICK, quick=False)
    finally:
        cloud.faults.clear_all()
    outcomes = everything(seen, tmp_path)
    assert outcomes["token"] in (Outcome.OK, Outcome.WARN)
    # the other one is read
    assert any(exchange.sn == WELL for exchange, _ in seen.good("pbd"))


@pytest.mark.parametrize("fault", FIELDS)
def test_a_fault_of_the_only_device(cloud: FaultyCloud, served: ServedCloud, tmp_path: Path, fault: str) -> None:
    cloud.faults.set("pbd", SICK, fault, **({"seconds": 0.1} if fault == "slow" else {}))
    try:
        seen = look(tmp_path, served.url, SICK, quick=True)
    finally:
        cloud.faults.clear_all()
    outcomes = everything(seen, tmp_path)
    assert (Outcome.FAIL in outcomes.values()) != any(seen.good("pbd"))


@pytest.mark.parametrize("fault", HISTORY)
def test_a_fault_of_history(cloud: FaultyCloud, served: ServedCloud, tmp_path: Path, fault: str) -> None:
    cloud.faults.set("pbd", SICK, fault)
    try:
        seen = look(tmp_path, served.url, SICK, quick=False)
    finally:
        cloud.faults.clear_all()
    outcomes = everything(seen, tmp_path)
    assert outcomes["reading pbd"] == Outcome.OK
