"""`doctor` against two clouds of which it knows nothing: the simulator, and one where everything is otherwise."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from exporter.commands import doctor
from exporter.config.load import load
from exporter.doctor.check import Outcome
from exporter.doctor.examination import examine, settled
from exporter.doctor.plan import DoctorOptions, make_plan
from exporter.doctor.survey import survey
from exporter.simulator import Replay
from tests.helpers.account import KOLKATA, Account, account
from tests.helpers.other_cloud import OTHER, Truth
from tests.helpers.processes import TOKEN, simulated_cloud, write_config

FEW = {"pbd": ["P1"], "pcs": ["C1"]}


@pytest.fixture
def usual(tmp_path: Path) -> Iterator[Account]:
    with account(tmp_path, Truth()) as found:
        yield found


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Account]:
    with account(tmp_path, replace(OTHER, forbidden=frozenset({"P2"})), KOLKATA) as found:
        yield found


def test_the_simulator_is_found_as_it_is(usual: Account) -> None:
    usual.configure(api={"timezone": "Asia/Bangkok"})
    checks = usual.checks(watch=900.0)
    assert [check for check in checks.values() if check.outcome is Outcome.FAIL] == []
    seen = {name: check.seen for name, check in checks.items()}
    assert seen["clock"] == "within 30 s of the cloud's"
    assert seen["token"] == "taken"
    assert seen["reading pcs"].startswith("pcs/data-last (inferred, never seen) answers HTTP 200, code 0 for 1 device")
    assert seen["timezone"].startswith("Asia/Bangkok (UTC+07:00) fits")
    assert "P9 uploaded" not in seen["timezone"]  # its list says that it is offline
    assert seen["upload pbd"].startswith("the time moved 3 times in 15 min, by 5 min: poll.interval 5m and stale_after 15m")
    assert "loadActivePower is in W" in seen["power units pcs"]
    assert "ppv1 is in W" in seen["power units hps_central"]
    assert "outPower is in W" in seen["power units pbd"]
    assert checks["power units pcs"].config["types", "pcs", "fields", "ppv"]["unit"] == "W"
    assert "epvTimeTotal" in seen["time units pbd"].partition(" in h")[0]
    assert "epvTimeToday" in seen["time units pbd"].partition(" in h")[2].partition(" in min")[0]
    assert checks["time units pbd"].outcome is Outcome.OK
    assert "ibat is positive while discharging" in seen["battery sign hps_central"]
    assert "pacToBattery is positive while charging" in seen["battery sign pcs"]
    assert seen["grid direction pcs"].startswith("gridToday is taken from the grid and toGridToday given to it")
    assert seen["list pbd"].endswith("answers: 3 devices, 1 of them offline")
    assert seen["history order pcs"] == "oldest first"
    assert "a page has the 100 rows that are asked for" in seen["history pages pcs"]
    assert "pageSize 200 is refused" in seen["history pages pcs"]
    assert "total is the number of rows (289)" in seen["history pages pcs"]
    assert seen["history window pcs"] == "a row at the start is included; a row at the end is included"
    assert seen["history depth pcs"] == "rows of 7, 30, 90, 365 days ago"
    assert seen["rate"].endswith("nothing was throttled")
    assert {method for method, _, _ in usual.api.requests} == {"GET"}


def test_the_other_cloud_is_found_as_it_is(other: Account) -> None:
    checks = other.checks(watch=900.0, try_paths=True)
    seen = {name: check.seen for name, check in checks.items()}
    assert checks["token"].outcome is Outcome.WARN
    assert seen["token"] == "taken, but refused for 1 device of 8 that answered: pbd P2"
    assert checks["reading pbd"].outcome is Outcome.FAIL
    assert "P2: HTTP 200, code 403" in seen["reading pbd"]
    assert seen["reading pcs"].startswith("pcs/data-last is not found, but pcs/pcs-data-last answers for 1 of 1 device")
    assert checks["reading pcs"].config == {("types", "pcs", "path"): "pcs/pcs-data-last"}
    assert checks["reading pcs"].remedy == "Put this into the config: types: {pcs: {path: pcs/pcs-data-last}}"
    assert checks["history pcs"].config == {("types", "pcs", "history_path"): "pcs/pcs-data-list"}
    assert checks["settings pcs"].outcome is Outcome.WARN
    assert checks["list pbd"].outcome is Outcome.WARN
    for type in ("pbd", "pcs", "hps_central"):
        assert "newPower (number)" in seen[f"fields {type}"]
        assert "newObject (object)" in seen[f"fields {type}"]
        assert "missing: " in seen[f"fields {type}"]
        assert "bvbus" in seen[f"fields {type}"].partition("missing: ")[2]
    assert "temp1 above 150 °C" in seen["values pcs"]
    assert "UTC+05:30 fits" in seen["timezone"]
    assert "Asia/Kolkata" in checks["timezone"].remedy
    assert checks["timezone"].config == {("api", "timezone"): "Asia/Colombo"}
    assert "loadActivePower is in kW" in seen["power units pcs"]
    # W among kW, as the sibling platform's examples have it
    assert "ppv is in W" in seen["power units pcs"]
    assert "ppv1 is in kW" in seen["power units hps_central"]
    assert "outPower is in kW" in seen["power units pbd"]
    # the exporter's help texts say hours
    assert "epvTimeTotal" in seen["time units pbd"].partition(" in min")[0]
    assert " in h" not in seen["time units pbd"]
    assert checks["time units pbd"].outcome is Outcome.WARN
    assert checks["time units pbd"].config["types", "pbd", "fields", "epvTimeTotal"]["unit"] == "min"
    assert "ibat is positive while charging" in seen["battery sign hps_central"]
    assert "pacToBattery is positive while discharging" in seen["battery sign pcs"]
    assert seen["grid direction pcs"].startswith("gridToday is given to the grid and toGridToday taken from it")
    assert "against their names" not in seen["grid direction hps_central"]
    assert seen["history order pcs"] == "newest first"
    assert "a page has 50 rows where 100 are asked for" in seen["history pages hps_central"]
    assert checks["history pages hps_central"].config == {("history", "page_size"): 50}
    assert seen["history window pcs"] == "a row at the start is included; a row at the end is not included"
    assert seen["history depth pcs"] == "rows of 7, 30 days ago; none of 90, 365 days ago"
    assert {method for method, _, _ in other.api.requests} == {"GET"}


def test_what_a_run_settles_is_told(other: Account) -> None:
    other.configure(devices=FEW)
    facts = {fact.fact: fact.answers for fact in settled(other.look(try_paths=True)[1])}
    assert "loadActivePower kW" in " ".join(facts["units of active powers"])
    path = facts["PCS, BCU and MBMS: path of the latest reading"]
    assert "pcs/pcs-data-last, not pcs/data-last (pcs)" in path
    assert any(
        "given to the grid" in answer
        for answer in facts["direction of the PCS' grid energies (`gridToday`, `toGridToday` and their totals)"]
    )
    # documented, so nothing that a run could settle
    assert not any(fact.startswith("PBD and HPS string type: path of the latest") for fact in facts)


def test_the_config_that_follows_is_right(other: Account, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lists = {"pbd": ["P1", "P2"], "pcs": ["C1"], "hps_central": ["H1"]}
    other.configure(devices=lists)
    written = tmp_path / "right.yaml"
    other.command(output=doctor.Output(config=written), try_paths=True)
    config = load(written, {"ATESS_API_TOKEN": TOKEN})
    assert config.types["pcs"].paths.realtime.path == "pcs/pcs-data-last"
    assert config.history.page_size == 50
    assert config.api.timezone == "Asia/Colombo"
    assert config.types["pcs"].fields["loadActivePower"].unit == "kW"
    assert {device.sn for device in config.devices} == {sn for sns in lists.values() for sn in sns}
    assert TOKEN not in written.read_text()
    assert "pcs/pcs-data-last" in capsys.readouterr().out
    other.path.write_text(written.read_text().replace("api:", f"api:\n  token: '{TOKEN}'"))
    again = other.checks()
    # the forbidden device is still one
    assert [name for name, check in again.items() if check.outcome is Outcome.FAIL] == ["reading pbd"]
    # never over a file that is there
    before = written.read_text()
    assert other.command(output=doctor.Output(config=written)) == 1
    assert written.read_text() == before


def test_without_try_paths_nothing_is_tried(other: Account) -> None:
    other.configure(devices=FEW)
    checks = other.checks()
    assert checks["reading pcs"].outcome is Outcome.FAIL
    assert "--try-paths" in checks["reading pcs"].remedy
    assert not any("pcs-data-last" in path for _, path, _ in other.api.requests)
    assert "power units pcs" not in checks


def test_it_says_first_how_many_requests_it_sends(usual: Account, capsys: pytest.CaptureFixture[str]) -> None:
    usual.configure(devices=FEW)
    assert usual.command() == 0
    captured = capsys.readouterr()
    assert captured.err.startswith("Sending up to ")
    most = int(captured.err.split()[3])
    assert 0 < len(usual.api.requests) <= most


def test_json(usual: Account, capsys: pytest.CaptureFixture[str]) -> None:
    usual.configure(devices=FEW)
    assert usual.command(output=doctor.Output("json")) == 0
    found = json.loads(capsys.readouterr().out)
    assert {check["outcome"] for check in found["checks"]} <= {"ok", "warn", "fail", "skip"}
    assert found["requests"] == len(usual.api.requests)
    assert found["settled"]


def test_by_night_it_does_not_guess(tmp_path: Path) -> None:
    """A device that was connected an hour ago has no history that could tell."""
    with account(tmp_path, replace(Truth(), gone=frozenset({"pbd/data-list", "pcs/data-list", "hps/data-list"}))) as night:
        night.configure(devices={"pbd": ["P1"], "pcs": ["C1"], "hps_central": ["H1"]})
        checks = night.checks()
        assert checks["battery sign pcs"].outcome is Outcome.SKIP
        assert "not settled" in checks["battery sign pcs"].seen
        assert "too few to tell" in checks["power units hps_central"].seen
        assert checks["power units hps_central"].settles == {}


def test_a_device_that_may_be_offline_proves_no_zone(tmp_path: Path) -> None:
    with account(tmp_path, Truth()) as usual:
        usual.configure(api={"timezone": "Asia/Karachi"}, devices={"pbd": ["P9"]}, discovery=None)
        checks = usual.checks()
        assert checks["timezone"].outcome is Outcome.WARN
        assert "may as well be offline" in checks["timezone"].seen
        assert checks["timezone"].config == {}
        usual.configure(api={"timezone": "Europe/Berlin"}, devices={"pbd": ["P1"]}, discovery=None)
        checks = usual.checks()
        # ahead of now, which no offline device can be
        assert checks["timezone"].outcome is Outcome.FAIL
        assert "ahead of now" in checks["timezone"].seen
        usual.configure(api={"timezone": "Asia/Kamchatka"}, devices={"pbd": ["P1"]}, discovery=None)
        checks = usual.checks(watch=900.0)
        # behind, but it moves
        assert checks["timezone"].outcome is Outcome.FAIL
        assert "UTC+07:00 fits" in checks["timezone"].seen


def test_what_was_seen_until_it_is_interrupted_counts(usual: Account) -> None:
    def interrupt(number: int, purpose: str) -> None:
        if purpose.startswith("repeated"):
            raise KeyboardInterrupt

    usual.configure(devices=FEW)
    config = load(usual.path, {})
    seen = survey(config, make_plan(config, DoctorOptions(watch=900.0)), usual.clock, interrupt)
    checks = {check.name: check for check in examine(seen)}
    assert checks["run"].seen == "ended early: interrupted"
    assert checks["power units pcs"].outcome is Outcome.OK


def test_a_type_of_the_users_own(usual: Account, tmp_path: Path) -> None:
    usual.configure(types={"johns_genset": {"path": "pbd/data-last"}}, devices={"johns_genset": ["P1"]}, discovery=None)
    assert usual.command(output=doctor.Output(report=tmp_path / "report.md", capture=tmp_path / "kept")) == 0
    for file in (tmp_path / "report.md", *(tmp_path / "kept").iterdir()):
        assert "johns_genset" not in file.read_text()
        assert "johns_genset" not in file.name
    assert "OWN-1" in (tmp_path / "report.md").read_text()
    assert Replay(tmp_path / "kept").devices[0][0] == "own1"


def test_a_terminal_sees_which_request_is_sent(usual: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    usual.configure(devices=FEW)
    shown, terminal = os.openpty()
    with os.fdopen(terminal, "w", encoding="utf-8") as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        assert usual.command(quick=True) == 0
    drawn = os.read(shown, 65536).decode()
    os.close(shown)
    assert "Sending up to " in drawn
    assert re.search(r"1/\d+ latest list of bcu|1/\d+ latest reading of pbd", drawn)


def test_the_command_watches_a_cloud_whose_time_runs_fast(tmp_path: Path) -> None:
    with simulated_cloud("--site", "--speed", "300") as cloud:
        config = tmp_path / "config.yaml"
        api = {"base_url": cloud.url, "requests_per_minute": 6000, "timezone": "Asia/Bangkok"}
        write_config(config, {"api": api, "devices": {"pbd": ["UMD0D23202"]}})
        command = [sys.executable, "-m", "exporter", "doctor", "--config.file", str(config), "--watch", "5s", "--format", "json"]
        environment = {**os.environ, "ATESS_API_TOKEN": TOKEN}
        result = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=100, check=False)
        assert {request["method"] for request in cloud.requests()} == {"GET"}
    assert result.stderr.startswith("Sending up to ")
    assert "Traceback" not in result.stderr
    found = {check["name"]: check for check in json.loads(result.stdout)["checks"]}
    assert re.match(r"the time moved \d+ times? in \d+ s, by 5 min", found["upload pbd"]["seen"])
    # a cloud's clock that runs away from this one's is no zone's
    assert result.returncode == any(check["outcome"] == "fail" for check in found.values())


def test_what_discovery_finds_is_asked_too(usual: Account) -> None:
    usual.configure(devices={"pbd": ["P1"]}, discovery={"datalog_sns": ["L1"]})
    seen, checks = usual.look(quick=True)
    assert {device.sn for device in seen.devices} == {"P1", "P2", "P9", "C1", "H1"}
    assert [path for _, path, query in usual.api.requests if query.get("deviceSn") == "P1"] == ["pbd/data-last"]
    assert next(check for check in checks if check.name == "listed devices").outcome is Outcome.OK


def test_devices_that_a_list_has_not(usual: Account) -> None:
    usual.configure(devices={"pbd": ["P1", "X1"]}, discovery={"datalog_sns": ["L1"]})
    found = usual.checks(quick=True)["listed devices"]
    assert (found.outcome, found.seen) == (Outcome.WARN, "in no list: pbd X1")
    usual.api.truth.gone = frozenset({"pbd/base-info/list"})
    assert "listed devices" not in usual.checks(quick=True) or usual.checks(quick=True)["listed devices"].outcome is Outcome.OK
