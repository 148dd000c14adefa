"""Backfill as a whole: clock changes, failures, what stops it and how it goes on, the command line."""

import os
import re
import signal
import subprocess
import sys
import termios
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from structlog.testing import capture_logs

from exporter.backfill import fetch, window
from exporter.backfill.command import backfill
from exporter.backfill.spill import Spill
from exporter.config.load import load
from exporter.simulator import SimDevice
from tests.helpers.backfilling import START, Bench, bench, differences, read_samples
from tests.helpers.processes import TOKEN, running

WEEK = timedelta(days=7)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Bench]:
    devices = [SimDevice("bcu", f"B{number}") for number in range(4)] + [SimDevice("mbms", "M1")]
    with bench(tmp_path, *devices, interval=3600) as it:
        yield it


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Failures are tried again without a pause."""
    monkeypatch.setattr(fetch, "FIRST_PAUSE", 0.0)


@pytest.mark.parametrize(
    ("zone", "start", "fault"),
    [
        ("Europe/Berlin", datetime(2024, 10, 26), None),
        ("Europe/Berlin", datetime(2024, 10, 26), "newest_first"),
        ("Europe/Berlin", datetime(2024, 3, 30), None),
        # here the clocks change at midnight, where windows begin
        ("Africa/Cairo", datetime(2024, 10, 24), None),
        ("Africa/Cairo", datetime(2024, 4, 19), None),
        # and here a window begins within the hour that occurs twice
        ("Europe/Berlin", datetime(2024, 10, 20, 2, 20), None),
    ],
)
def test_a_change_of_clocks_is_resolved_by_order(tmp_path: Path, zone: str, start: datetime, fault: str | None) -> None:
    with bench(tmp_path, SimDevice("bcu", "B1"), zone=ZoneInfo(zone), interval=600, now=datetime(2024, 12, 1)) as site:
        if fault:
            site.cloud.faults.set_all(fault)
        end = start + timedelta(days=8)
        outcome = site.run(start, end)
        assert outcome.code == 0
        wanted = site.truth(start, end)
        twice = 6 if start.month == 10 else 0
        told = [line for line in outcome.logs if line["log_level"] == "warning"]
        assert [(line["event"], line["times"]) for line in told] == ([(window.AMBIGUOUS, 2 * twice)] if twice else [])
        assert differences(read_samples(site.output), wanted) == []
        hours = 8 * 24 + (1 if start.month == 10 else -1)
        assert {len(series) for series in wanted.values()} <= {hours * 6 - 1, hours * 6, hours * 6 + 1}


def test_the_choice_of_fields_and_own_types_are_those_of_the_exporter(site: Bench) -> None:
    outcome = site.run(
        fields={"bcu": {"include": ["v*", "capacity"], "exclude": ["vb*"]}},
        types={"mbms": {"fields": {"ibat": {"meaning": "Current of the east wing", "unit": "A"}}}},
    )
    assert outcome.code == 0
    found = read_samples(site.output)
    assert {metric for metric, sn in found if sn == "B1"} == {"atess_capacity"}
    assert {metric for metric, sn in found if sn == "M1"} == {metric for metric, sn in site.truth() if sn == "M1"}
    assert "mbms: Current of the east wing (says the config), in A" in site.output.read_text()


def test_colliding_names_are_dropped_and_logged_once(site: Bench) -> None:
    site.cloud.faults.set_all("colliding_names")
    outcome = site.run(devices=[("bcu", "B1"), ("bcu", "B2")])
    assert outcome.code == 0
    told = [(line["field"], line["cause"]) for line in outcome.said("field dropped")]
    assert sorted(told) == [("deviceUp", "collision"), ("exporterDevices", "collision"), ("fooBar", "collision")]
    assert set(read_samples(site.output)["atess_foo_bar", "B1"].values()) == {"1"}
    # a field that is known goes before one that came first
    site.output.unlink()
    types = {"bcu": {"fields": {"fooBar": {"meaning": "known"}}}}
    assert site.run(devices=[("bcu", "B1")], types=types).code == 0
    assert set(read_samples(site.output)["atess_foo_bar", "B1"].values()) == {"2"}


def test_a_device_that_fails_does_not_lose_the_others(site: Bench, hasty: None) -> None:
    site.cloud.faults.set("bcu", "B2", "code_400")
    site.cloud.faults.set("bcu", "B3", "code_500")
    outcome = site.run()
    assert outcome.code == 1
    assert outcome.error.splitlines() == [
        "2 of 5 devices failed, so nothing was written:",
        "  B2: bcu, code 400: not found",
        "  B3: bcu, api_error: code 500: fail",
        "What was read is kept. Run it again to retry these, or exclude them (--devices, or the config) to write the others.",
    ] or outcome.error.splitlines()[1:3] == [
        "  B3: bcu, api_error: code 500: fail",
        "  B2: bcu, code 400: not found",
    ]
    assert not site.output.exists()
    asked = Counter(sn for sn, _, _ in site.asked())
    assert (asked["B0"], asked["B1"], asked["M1"]) == (1, 1, 1)
    # not found is not tried again, a failure is, and once more at the end
    assert (asked["B2"], asked["B3"]) == (1, 2 * fetch.MAX_TRIES)
    # one is mended, the other left out: the rest is not asked again
    site.cloud.faults.clear("bcu", "B3")
    site.forget()
    assert site.run(devices=[("bcu", "B0"), ("bcu", "B1"), ("bcu", "B3"), ("mbms", "M1")]).code == 0
    assert {sn for sn, _, _ in site.asked()} == {"B3"}
    site.cloud.remove("bcu", "B2")
    assert differences(read_samples(site.output), site.truth()) == []
    assert not site.partial.exists()


def test_an_inferred_path_that_is_not_found_is_given_up_after_three_devices(site: Bench) -> None:
    types = {"bcu": {"history_path": "bms/wrong"}}
    outcome = site.run(types=types, api={"concurrency": 1})
    # the path is set in the config: nobody inferred it
    assert len(site.asked()) == 5
    assert not outcome.said("inferred path not found")
    for number in range(4):
        site.cloud.faults.set("bcu", f"B{number}", "http_404")
    site.forget()
    outcome = site.run(api={"concurrency": 1})
    (told,) = outcome.said("inferred path not found")
    assert (told["type"], told["path"], told["key"]) == ("bcu", "bms/bcu-data-list", "types.bcu.history_path")
    assert Counter(sn for sn, _, _ in site.asked()) == {"B0": 1, "B1": 1, "B2": 1}
    assert outcome.error.startswith("4 of 5 devices failed")
    site.cloud.faults.clear_all()
    assert site.run().code == 0
    assert differences(read_samples(site.output), site.truth()) == []


def test_a_page_that_fails_now_and_then_is_tried_again(site: Bench, hasty: None) -> None:
    arrived = site.cloud.traffic.arrived
    faults = ["http_503", "truncated_json", "reset", "null_data", "empty_data", "http_500", "huge_body", "code_10012"]

    def arrive(record: Any) -> Any:
        # every page fails once
        site.cloud.faults.clear_all()
        if faults and len(site.cloud.requests) % 2:
            site.cloud.faults.set_all(faults.pop(0))
        return arrived(record)

    site.cloud.traffic.arrived = arrive  # type: ignore[method-assign]
    # the sibling's "too frequent" names no time, which would be a minute
    faults.remove("code_10012")
    outcome = site.run(START, START + timedelta(days=14), api={"concurrency": 1, "timeout": "2s"})
    assert (outcome.code, outcome.error, faults) == (0, "", [])
    assert differences(read_samples(site.output), site.truth(START, START + timedelta(days=14))) == []


def test_a_cloud_that_cannot_be_reached_is_waited_for(site: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exporter.api.circuit_breaker.PROBE_INTERVAL", 0.2)
    monkeypatch.setattr(fetch, "CHECK_INTERVAL", 0.05)
    monkeypatch.setattr(fetch, "FIRST_PAUSE", 0.0)
    arrived = site.cloud.traffic.arrived
    site.cloud.faults.set_all("http_502")

    def arrive(record: Any) -> Any:
        if len(site.cloud.requests) == 30:
            site.cloud.faults.clear_all()
        return arrived(record)

    site.cloud.traffic.arrived = arrive  # type: ignore[method-assign]
    outcome = site.run(api={"concurrency": 2})
    assert outcome.code == 0
    assert len(outcome.said("circuit breaker open")) == 1
    assert len(outcome.said("circuit breaker closed")) == 1
    assert differences(read_samples(site.output), site.truth()) == []


def test_a_bad_time_of_the_cloud_costs_no_device_its_history(site: Bench, hasty: None) -> None:
    arrived = site.cloud.traffic.arrived
    site.cloud.faults.set_all("code_500")

    def arrive(record: Any) -> Any:
        # some devices have used up their tries by then
        if len(site.cloud.requests) == 2 * fetch.MAX_TRIES + 2:
            site.cloud.faults.clear_all()
        return arrived(record)

    site.cloud.traffic.arrived = arrive  # type: ignore[method-assign]
    end = START + 3 * WEEK
    outcome = site.run(START, end, api={"concurrency": 2})
    assert (outcome.code, outcome.error) == (0, "")
    assert outcome.said("reading history failed")
    assert differences(read_samples(site.output), site.truth(START, end)) == []


def test_a_refused_token_ends_it_and_the_next_run_goes_on(site: Bench) -> None:
    assert site.run(devices=[("bcu", "B1"), ("bcu", "BX")]).code == 1
    site.cloud.token = "another"
    outcome = site.run()
    assert outcome.code == 1
    assert outcome.error == ("token refused (code 403: no access): renew it, and run again with the same arguments to resume")
    assert site.partial.exists()
    site.cloud.token = TOKEN
    site.forget()
    assert site.run().code == 0
    assert "B1" not in {sn for sn, _, _ in site.asked()}


def test_a_single_device_that_may_not_be_read_is_only_its_failure(site: Bench) -> None:
    site.cloud.faults.set("bcu", "B1", "code_403")
    outcome = site.run(api={"concurrency": 1})
    assert "1 of 5 devices failed" in outcome.error
    assert "B1: bcu, unauthorized: code 403: no access" in outcome.error


def test_a_token_that_is_renewed_meanwhile_is_used_at_once(site: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    # nobody waits for a probe
    monkeypatch.setattr("exporter.api.circuit_breaker.PROBE_INTERVAL", 1e9)
    file = site.folder / "token"
    file.write_text("old")

    def renew(record: Any) -> Any:
        file.write_text(TOKEN)
        return arrived(record)

    arrived = site.cloud.traffic.arrived
    site.cloud.traffic.arrived = renew  # type: ignore[method-assign]
    path = site.write_config(api={"token_file": str(file), "concurrency": 1})
    config = load(path, {})
    assert backfill(config, START, START + WEEK, None, site.output) == 0


def test_pages_are_asked_for_within_the_budget(site: Bench) -> None:
    # 30 a second: spread evenly, so the last of ten goes out no sooner than nine places after the first
    assert site.run(START, START + 2 * WEEK, api={"requests_per_minute": 1800}).code == 0
    times = [record.at for record in site.cloud.requests]
    assert len(times) == 20
    assert max(times) - min(times) > 0.9 * 19 / 30
    assert site.cloud.max_in_flight <= 4


def test_another_run_with_the_same_output_is_refused_while_one_is_at_work(site: Bench) -> None:
    spill = Spill(site.partial, {})
    assert "another run is using" in site.run().error
    spill.close()


def test_what_is_there_is_never_overwritten(site: Bench) -> None:
    site.output.write_text("precious")
    assert f"{site.output} exists already" in site.run().error
    assert site.output.read_text() == "precious"
    assert not site.partial.exists()


@pytest.mark.parametrize(
    ("sections", "what"),
    [
        ({"history": {"window": "24h"}}, "another history.window: 604800, now 86400"),
        ({"history": {"page_size": 50}}, "another history.page_size: 100, now 50"),
        ({"api": {"timezone": "UTC"}}, "another api.timezone: Asia/Bangkok, now UTC"),
        ({"fields": {"bcu": {"include": ["v*"]}}}, "another choice of fields"),
    ],
)
def test_another_config_is_refused_while_a_run_is_not_done(site: Bench, sections: dict[str, Any], what: str) -> None:
    site.cloud.remove("bcu", "B3")
    devices = [("bcu", "B1"), ("bcu", "B3")]
    assert site.run(devices=devices).code == 1
    site.forget()
    outcome = site.run(devices=devices, **sections)
    assert what in outcome.error
    assert "delete that folder to start afresh" in outcome.error
    assert f"{START + timedelta(days=2)}, now" in site.run(START, START + WEEK).error
    assert not site.asked()


def test_history_is_asked_in_the_windows_and_pages_of_the_config(site: Bench) -> None:
    assert site.run(START, START + WEEK, history={"window": "48h", "page_size": 20}).code == 0
    queries = [record.query for record in site.cloud.requests if record.query["deviceSn"] == "B1"]
    assert {query["pageSize"] for query in queries} == {"20"}
    assert Counter((query["startDate"][:10], query["endDate"][:10]) for query in queries) == {
        ("2024-05-01", "2024-05-03"): 3,
        ("2024-05-03", "2024-05-05"): 3,
        ("2024-05-05", "2024-05-07"): 3,
        ("2024-05-07", "2024-05-08"): 2,
    }
    assert differences(read_samples(site.output), site.truth(START, START + WEEK)) == []


def arguments(site: Bench, *more: str, **sections: Any) -> list[str]:
    return [
        *(sys.executable, "-m", "exporter", "backfill", "--config.file", str(site.write_config(**sections))),
        *("--from", "2024-05-01", "--to", "2024-06-01", "--output", str(site.output), *more),
    ]


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "ATESS_API_TOKEN": TOKEN}
    return subprocess.run(command, capture_output=True, text=True, env=env, check=False, timeout=100)


def test_a_dry_run_says_what_it_would_ask_and_asks_nothing(site: Bench) -> None:
    done = run(arguments(site, "--dry-run", "--label", "job=atess", api={"requests_per_minute": 60}))
    assert (done.returncode, done.stderr) == (0, "")
    *lines, retention = done.stdout.splitlines()[1:]
    assert lines == [
        "bcu: 4 devices, bms/bcu-data-list (inferred, never seen), 25 fields known",
        "mbms: 1 device, bms/mbms-data-list (inferred, never seen), 25 fields known",
        "some 465 requests, if each device uploaded every 5 minutes: 7m45s at 60 a minute",
        "about 1,100,000 samples, if each device has the fields that are known: 92 MB of output, 4.5 MB as Prometheus' blocks",
    ]
    days = re.fullmatch(
        r"to keep .+ needs --storage\.tsdb\.retention\.time=(\d+)d, and a day more for each further day", retention
    )
    assert days
    assert int(days[1]) - (datetime.now(UTC) - START.replace(tzinfo=site.zone)).days in (1, 2)
    assert not site.asked()
    assert sorted(path.name for path in site.folder.iterdir()) == ["config.yaml"]


def test_a_dry_run_says_that_there_is_an_output_already(site: Bench) -> None:
    site.output.write_text("precious")
    done = run(arguments(site, "--dry-run"))
    assert done.stderr == f"{site.output} exists already; name another --output, or move it away\n"
    assert (done.returncode, len(done.stdout.splitlines())) == (1, 6)
    assert site.output.read_text() == "precious"


def test_a_dry_run_says_that_there_is_no_such_folder(site: Bench) -> None:
    folder = site.folder / "none"
    done = run(arguments(site, "--dry-run", "--output", str(folder / "x.om")))
    assert done.stderr == f"{folder} does not exist; make that folder, or name another --output\n"
    assert (done.returncode, len(done.stdout.splitlines())) == (1, 6)
    assert not folder.exists()


def test_a_dry_run_says_how_far_an_earlier_run_came(site: Bench) -> None:
    end = datetime(2024, 6, 1)
    site.cloud.faults.set("bcu", "B3", "code_400")
    assert site.run(START, end).code == 1
    site.forget()
    before = [path.stat().st_size for path in site.partial.iterdir()]
    done = run(arguments(site, "--dry-run"))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == (
        f"{site.partial}: an earlier run read 20 of 25 windows; a run goes on from there, with some 93 requests"
    )
    done = run(arguments(site, "--dry-run", history={"page_size": 50}))
    assert (done.returncode, len(done.stdout.splitlines())) == (1, 6)
    assert "another history.page_size: 100, now 50" in done.stderr
    assert not site.asked()
    assert before == [path.stat().st_size for path in site.partial.iterdir()]
    # and it does go on
    site.cloud.faults.clear_all()
    assert run(arguments(site)).returncode == 0
    assert {sn for sn, _, _ in site.asked()} == {"B3"}


def test_without_named_devices_those_in_the_lists_of_data_loggers_are_read_too(site: Bench) -> None:
    search = {"datalog_sns": ["DLD0D20001"], "types": ["bcu", "mbms", "pcs"]}
    done = run(arguments(site, "--dry-run", devices={"bcu": ["b1"]}, discovery=search))
    assert (done.returncode, [line[:16] for line in done.stdout.splitlines()[1:3]]) == (
        0,
        ["bcu: 4 devices, ", "mbms: 1 device, "],
    )
    assert "reading the lists of data loggers" in done.stderr
    assert {record.path.rpartition("/")[2] for record in site.cloud.requests} == {"list"}
    # pcs has none there
    assert len(site.cloud.requests) == 3
    site.cloud.faults.set("pcs", "DLD0D20001", "code_400")
    config = load(site.write_config(devices={"bcu": ["B1"]}, discovery=search), {"ATESS_API_TOKEN": TOKEN})
    with capture_logs() as logs:
        assert backfill(config, START, START + timedelta(days=2), None, site.output) == 0
    assert [line["type"] for line in logs if line["event"] == "cannot read a device list"] == ["pcs"]
    assert differences(read_samples(site.output), site.truth()) == []


def test_a_list_that_cannot_be_read_ends_it(site: Bench) -> None:
    site.cloud.faults.set("mbms", "DLD0D20001", "code_500")
    done = run(arguments(site, devices={}, discovery={"datalog_sns": ["DLD0D20001"]}))
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "cannot read the list of mbms devices of DLD0D20001: api_error: code 500: fail; "
        "try again, or name the devices with --devices"
    )
    assert not site.partial.exists()


def test_what_cannot_be_done_is_found_before_lists_are_read(site: Bench) -> None:
    site.output.write_text("precious")
    search = {"datalog_sns": ["DLD0D20001"]}
    assert "exists already" in run(arguments(site, devices={}, discovery=search)).stderr
    site.output.unlink()
    assert "is not before" in run(arguments(site, "--from", "2024-07-01", devices={}, discovery=search)).stderr
    assert not site.cloud.requests


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it_in_order_and_it_goes_on_later(site: Bench, number: signal.Signals) -> None:
    reached = threading.Event()
    arrived = site.cloud.traffic.arrived

    def arrive(record: Any) -> Any:
        if len(site.cloud.requests) == 12:
            reached.set()
        return arrived(record)

    site.cloud.traffic.arrived = arrive  # type: ignore[method-assign]
    with running(arguments(site, api={"requests_per_minute": 600}), {"ATESS_API_TOKEN": TOKEN}) as process:
        assert reached.wait(60)
        process.signal(number)
        assert process.popen.wait(30) == 128 + number
        process.wait_for("run it again with the same arguments to resume")
        assert "Traceback" not in process.output
    assert not site.output.exists()
    before = len(site.asked())
    done = run(arguments(site))
    assert done.returncode == 0, done.stderr
    assert "resuming an earlier run" in done.stderr
    # four may have been under way
    assert 45 <= len(site.asked()) <= 45 + 4
    assert before < 45
    assert differences(read_samples(site.output), site.truth(START, datetime(2024, 6, 1))) == []


def test_without_a_terminal_it_writes_plain_lines_and_never_the_token(site: Bench) -> None:
    done = run(arguments(site, "--log.level", "debug"))
    assert done.returncode == 0
    lines = done.stderr.splitlines()
    assert all(re.match(r"ts=\S+ level=\w+ msg=", line) for line in lines)
    assert 'msg="reading history" devices=5 windows=25' in lines[0]
    assert 'msg="backfill written"' in lines[-1]
    assert not done.stdout
    assert TOKEN.rpartition(" ")[2] not in done.stderr


def test_on_a_terminal_it_draws_a_bar(site: Bench) -> None:
    controller, terminal = os.openpty()
    termios.tcsetwinsize(terminal, (50, 160))
    with subprocess.Popen(
        arguments(site, api={"requests_per_minute": 1200}),
        stderr=terminal,
        stdout=subprocess.PIPE,
        env={**os.environ, "ATESS_API_TOKEN": TOKEN, "TERM": "xterm"},
    ) as process:
        os.close(terminal)
        shown = b""
        while True:
            try:
                part = os.read(controller, 65536)
            except OSError:
                break
            if not part:
                break
            shown += part
        assert process.wait(60) == 0
    os.close(controller)
    text = shown.decode()
    assert re.search(r"devices \d/5, windows \d+/25, [\d,]+ samples, \d+ requests left, \d+m\d\ds to go", text), text
    assert 'msg="backfill written"' in text


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--from", "yesterday"], "expected YYYY-MM-DD or YYYY-MM-DDTHH:MM:SS, got 'yesterday'"),
        (["--devices", "B1"], "expected type:deviceSn,... such as pbd:UMD0D23202, got 'B1'"),
        (["--devices", "bcu:"], "expected type:deviceSn"),
        (["--split-by", "week"], "invalid choice: 'week'"),
    ],
)
def test_usage_errors_leave_with_two(site: Bench, more: list[str], message: str) -> None:
    done = run(arguments(site, *more))
    assert (done.returncode, message in done.stderr) == (2, True)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--from", "2024-07-01"], "--from 2024-07-01 00:00:00 is not before --to 2024-06-01 00:00:00"),
        (["--devices", "pbx:1"], "pbx:1: unknown type"),
        (["--output", "/no/such/folder/x.om"], "/no/such/folder does not exist; make that folder"),
        (["--output", "/dev/null/x.om"], "/dev/null is not a directory"),
        (["--output", "/proc/x.om"], "/proc/x.om.partial: "),
        (["--config.file", "/no/such.yaml"], "/no/such.yaml: cannot be read"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_leaves_with_one(site: Bench, more: list[str], message: str) -> None:
    done = run(arguments(site, *more))
    assert (done.returncode, message in done.stderr, len(done.stderr.splitlines())) == (1, True, 1), done.stderr
    assert "Traceback" not in done.stderr
