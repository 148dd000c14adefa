"""What a backfill makes of every oddity that history can have, over real HTTP: nothing is lost, and it is said once."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from exporter.backfill.fetch import MAX_TRIES
from exporter.backfill.rows import NO_TIME, OUTSIDE
from exporter.metrics.names import metric_name
from exporter.simulator import SimDevice
from tests.helpers.backfilling import START, Bench, Samples, bench, differences, read_samples
from tests.helpers.faulty_cloud import FAULTS
from tests.helpers.history_matrix import MATRIX, SICK, WELL


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Bench]:
    with bench(tmp_path, SimDevice("bcu", SICK), SimDevice("bcu", WELL)) as it:
        yield it


def test_the_matrix_has_every_fault_of_history() -> None:
    assert MATRIX.keys() == {name for name, text in FAULTS.items() if text.startswith("History:")}


@pytest.mark.parametrize("fault", MATRIX)
def test_an_oddity_costs_only_what_the_matrix_says(site: Bench, fault: str) -> None:
    case = MATRIX[fault]
    site.cloud.faults.set("bcu", SICK, fault)
    outcome = site.run()
    asked = site.asked()
    assert len([request for request in asked if request[0] == SICK]) == case.requests
    assert len([request for request in asked if request[0] == WELL]) == 2
    warnings = [line for line in outcome.logs if line["log_level"] == "warning"]
    if case.fails:
        assert (outcome.code, case.fails in outcome.error, site.output.exists()) == (1, True, False)
        assert f"  {SICK}: bcu, " in outcome.error
        site.cloud.faults.clear_all()
        assert site.run().code == 0
        assert {request[0] for request in site.asked()[len(asked) :]} == {SICK}
    else:
        assert (outcome.code, outcome.error) == (0, "")
        assert sorted(line["event"] for line in warnings) == sorted(case.said)
        assert all((line["devices"], line["first_device_sn"]) == (1, SICK) for line in warnings)
    assert differences(read_samples(site.output), wanted(site, case.kept, nulls=fault == "null_fields")) == []


def wanted(site: Bench, kept: Callable[[int], bool], *, nulls: bool) -> Samples:
    """What the cloud holds, without the rows and fields that the fault takes from SICK."""
    found: dict[tuple[str, str], dict[int, str]] = {}
    names = list(reading(site))
    for (metric, sn), series in site.truth().items():
        for number, (time, value) in enumerate(series.items()):
            row = number % 100
            null = nulls and (not row % 7 or names.index(metric) in range(row % 3, len(names), 3))
            if sn == WELL or (kept(row) and not null):
                found.setdefault((metric, sn), {})[time] = value
    return found


def reading(site: Bench) -> dict[str, Any]:
    row = site.cloud.reading("bcu", SICK)
    return {str(metric_name(name)): value for name, value in row.items() if name not in ("deviceSn", "time")}


# null is believed when it is answered twice
@pytest.mark.parametrize(("fault", "requests"), [(None, 3), ("null_window", 5)])
def test_a_window_without_rows_is_empty(tmp_path: Path, fault: str | None, requests: int) -> None:
    gone = SimDevice("bcu", SICK, offline_since=datetime.fromisoformat("2024-05-01T12:00:00+07:00"))
    with bench(tmp_path, gone, SimDevice("bcu", WELL)) as site:
        if fault:
            site.cloud.faults.set("bcu", SICK, fault)
        outcome = site.run(START, START + timedelta(days=20))
        assert (outcome.code, [line for line in outcome.logs if line["log_level"] != "info"]) == (0, [])
        assert differences(read_samples(site.output), site.truth(START, START + timedelta(days=20))) == []
        assert len([request for request in site.asked() if request[0] == SICK]) == requests


def test_no_rows_at_all_are_a_file_without_samples(site: Bench) -> None:
    assert site.run(datetime(2024, 6, 30, 23, 59, 58), datetime(2024, 6, 30, 23, 59, 59)).code == 0
    assert site.output.read_text() == "# EOF\n"


def test_where_every_row_of_all_is_lost_it_is_said_of_each_and_of_all(site: Bench) -> None:
    site.cloud.faults.set("bcu", SICK, "unreadable_rows")
    site.cloud.faults.set("bcu", WELL, "other_days")
    outcome = site.run()
    assert (outcome.code, site.output.exists()) == (1, False)
    assert outcome.error.splitlines()[:3] == [
        "2 of 2 devices failed, so nothing was written (384 rows cannot be used):",
        f"  {SICK}: bcu, none of its rows can be used: 192 times {NO_TIME}",
        f"  {WELL}: bcu, none of its rows can be used: 192 times {OUTSIDE}",
    ]
    asked = len(site.asked())
    site.cloud.faults.clear_all()
    assert site.run().code == 0
    assert len(site.asked()) == 2 * asked
    assert differences(read_samples(site.output), site.truth()) == []


@pytest.mark.parametrize(("fault", "fields"), [("all_null", {}), ("untimed_rows", {"bcu": {"include": ["nothing*"]}})])
def test_rows_with_nothing_that_is_wanted_are_no_loss(site: Bench, fault: str, fields: dict[str, Any]) -> None:
    site.cloud.faults.set("bcu", SICK, fault)
    outcome = site.run(fields=fields)
    assert (outcome.code, outcome.error) == (0, "")
    assert {sn for _, sn in read_samples(site.output)} == (set() if fields else {WELL})


def test_429s_in_the_middle_cost_a_pause_and_nothing_else(site: Bench) -> None:
    arrived = site.cloud.traffic.arrived

    def arrive(record: Any) -> Any:
        # more of them than a page may have failures
        count = len(site.cloud.requests)
        if count == 2:
            site.cloud.faults.set_all("http_429", retry_after="0")
        elif count == 2 + MAX_TRIES + 1:
            site.cloud.faults.clear_all()
        return arrived(record)

    site.cloud.traffic.arrived = arrive  # type: ignore[method-assign]
    outcome = site.run(api={"concurrency": 1})
    assert outcome.code == 0
    assert len(outcome.said("rate limited by the API")) == MAX_TRIES + 1
    asked = site.asked()
    assert len(asked) == 4 + MAX_TRIES + 1
    assert len(set(asked)) == 4
    assert differences(read_samples(site.output), site.truth()) == []
