"""What doctor lets out of a site: a report, a capture, its lines. None has a secret in it; a capture can be served again."""

import json
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from exporter.commands import doctor
from exporter.simulator import Replay, SimDevice, serve_replay
from tests.helpers.account import Account, account
from tests.helpers.bare_http import getter
from tests.helpers.fakes import samples
from tests.helpers.other_cloud import OTHER, Truth
from tests.helpers.processes import TOKEN, demo_command, eventually, exporter, running
from tests.helpers.site import BANGKOK

CANARY = "cAnArY7Secret"
SERIALS = ("UMD0SECRET1", "UMD0SECRET2", "PND0SECRET3", "TND0SECRET4")
LOGGER = "DLD0SECRET9"
DEVICES = (
    SimDevice("pbd", SERIALS[0], LOGGER),
    SimDevice("pbd", SERIALS[1], LOGGER),
    SimDevice("pcs", SERIALS[2], LOGGER),
    SimDevice("hps_central", SERIALS[3], LOGGER),
)
LISTS = {"pbd": [*SERIALS[:2]], "pcs": [SERIALS[2]], "hps_central": [{"deviceSn": SERIALS[3], "info": {"site": CANARY}}]}
SECRETS = (CANARY, TOKEN, TOKEN.split()[1], *SERIALS, LOGGER, "127.0.0.1", "1234567890", "Asia/Kuching", "/config.yaml")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Account]:
    with account(tmp_path, Truth(canary=CANARY), devices=DEVICES) as found:
        found.configure(devices=LISTS, discovery={"datalog_sns": [LOGGER]}, api={"timezone": "Asia/Kuching"})
        yield found


def leaked(text: str, secrets: tuple[str, ...] = SECRETS) -> list[str]:
    return [secret for secret in secrets if secret.casefold() in text.casefold()]


@pytest.mark.parametrize("truth", [Truth(), OTHER, replace(OTHER, refused=True), Truth(forbidden=frozenset({SERIALS[1]}))])
def test_nothing_leaves_the_site(tmp_path: Path, truth: Truth, capfd: pytest.CaptureFixture[str]) -> None:
    report, capture = tmp_path / "report.md", tmp_path / "capture"
    with account(tmp_path, replace(truth, canary=CANARY), devices=DEVICES) as found:
        found.configure(devices=LISTS, discovery={"datalog_sns": [LOGGER]}, api={"timezone": "Asia/Kuching"})
        found.command(output=doctor.Output(report=report, capture=capture), watch=60.0, try_paths=True)
        found.command(output=doctor.Output("json"))
    output = capfd.readouterr()
    assert leaked(report.read_text()) == []
    for file in capture.iterdir():
        assert leaked(file.read_text()) == [], file
    # the user's own terminal may show the user's own serial numbers
    assert leaked(output.out + output.err, (CANARY, TOKEN, TOKEN.split()[1], "1234567890")) == [CANARY] * (CANARY in output.out)
    assert CANARY not in output.err
    assert not re.search(rf"(?<!site: ){CANARY}", output.out)


def test_the_report_has_what_the_project_needs(site: Account, tmp_path: Path) -> None:
    report = tmp_path / "report.md"
    site.command(output=doctor.Output(report=report))
    text = report.read_text()
    assert "| outPower | number |" in text
    assert "| reading pbd | pbd/data-last | HTTP 200, code 0: 2 |" in text
    assert "## Facts" in text
    seen, _ = site.look()
    assert "PBD-1" in text or len(seen.devices) == 4
    # its tables are tables
    for line in text.splitlines():
        if line.startswith("|"):
            assert line.endswith("|")


def test_a_device_that_is_named_has_an_alias(tmp_path: Path) -> None:
    report = tmp_path / "report.md"
    with account(tmp_path, Truth(forbidden=frozenset({SERIALS[1]})), devices=DEVICES) as found:
        found.configure(devices=LISTS, discovery=None)
        found.command(output=doctor.Output(report=report))
    assert "PBD-2: HTTP 200, code 403" in report.read_text()


def test_identities_stay_apart_and_keep_their_form(site: Account, tmp_path: Path) -> None:
    capture = tmp_path / "capture"
    site.command(output=doctor.Output(capture=capture))
    answers = [json.loads(file.read_text()) for file in sorted(capture.glob("[0-9]*.json"))]
    readings = [answer for answer in answers if answer["subject"] == "reading"]
    made = {answer["query"]["deviceSn"] for answer in readings}
    assert len(made) == 4
    for answer in readings:
        assert answer["data"]["deviceSn"] == answer["query"]["deviceSn"]
        assert re.fullmatch(r"[A-Z]{3}\d[A-Z]{6}\d", answer["data"]["deviceSn"])
    listed = {entry["deviceSn"] for answer in answers if answer["subject"] == "list" for entry in answer["data"]}
    assert listed == made


def device_samples(page: bytes) -> dict[str, float]:
    """The fields and settings on a page, each without the serial number: there is one device of each type."""
    found: dict[str, float] = {}
    for name, value in samples(page).items():
        if re.match(r"atess_(?!device_|exporter_)", name):
            found[re.sub(r'deviceSn="[^"]*"', "", name)] = value
    return found


def test_a_capture_of_the_simulator_gives_the_same_series(tmp_path: Path) -> None:
    capture = tmp_path / "capture"
    devices = [SimDevice("pbd", "UMD0D23202", "DLD0D20001"), SimDevice("pcs", "PND0D21507", "DLD0D20001")]
    with account(tmp_path, Truth(), devices=[*devices, SimDevice("hps_string", "TSD0D22019", "DLD0D20001")]) as found:
        found.configure(devices={}, discovery=None)
        found.command(output=doctor.Output(capture=capture), datalog_sns=["DLD0D20001"])
        polled = {"pbd": ["UMD0D23202"], "pcs": ["PND0D21507"], "hps_string": ["TSD0D22019"]}
        replay = Replay(capture)
        lists: dict[str, list[str]] = {}
        for type, sn in replay.devices:
            lists.setdefault(type, []).append(sn)
        # side by side: settings are read for the first time one every 10 s
        with serve_replay(replay) as served, ThreadPoolExecutor(2) as pool:
            pages = [
                pool.submit(polled_page, tmp_path / "live", found.url, polled),
                pool.submit(polled_page, tmp_path / "again", served.url, lists),
            ]
            live, again = [page.result() for page in pages]
    assert len(live) > 250
    assert again == live


def types_of(names: Iterable[str]) -> set[str]:
    return {name.partition('type="')[2].partition('"')[0] for name in names}


def polled_page(folder: Path, url: str, devices: dict[str, list[str]]) -> dict[str, float]:
    folder.mkdir()
    config: dict[str, Any] = {"api": {"base_url": url, "requests_per_minute": 6000}, "devices": devices}
    with exporter(folder, config | {"settings": {"interval": "1h"}}) as running_exporter:

        def complete() -> dict[str, float]:
            found = device_samples(running_exporter.page())
            fields, settings = (
                types_of(name for name in found if "_setting_" not in name),
                types_of(n for n in found if "_setting_" in n),
            )
            return found if fields >= devices.keys() and settings >= devices.keys() else {}

        return eventually(complete)


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    folder = tmp_path / "kept"
    offline = SimDevice("pbd", "UMD0D23203", "DLD0D20001", offline_since=datetime(2026, 5, 5, 12, tzinfo=BANGKOK))
    devices = [SimDevice("pbd", "UMD0D23202", "DLD0D20001"), offline]
    with account(tmp_path, Truth(forbidden=frozenset({"X"})), devices=devices) as found:
        found.configure(devices={"pbd": ["UMD0D23202", "UMD0D23203", "NOSUCH1"]}, discovery={"datalog_sns": ["DLD0D20001"]})
        found.command(output=doctor.Output(capture=folder), watch=900.0)
    return folder


def test_times_are_moved_to_now_and_go_on(capture: Path) -> None:
    now = [1_800_000_000.0]
    replay = Replay(capture, lambda: now[0])
    live, offline = [sn for _, sn in replay.devices]
    assert replay.utc_offset == 7 * 3600

    def age(sn: str) -> float:
        answer = replay.answer("pbd/data-last", {"deviceSn": sn})
        assert not isinstance(answer, int)
        assert isinstance(answer.data, dict)
        time = datetime.fromisoformat(str(answer.data["time"])).replace(tzinfo=UTC).timestamp()
        return now[0] + 7 * 3600 - time

    assert 0 <= age(live) <= 360
    assert 7 * 3600 <= age(offline) <= 7 * 3600 + 360
    for hours in (0.2, 1.0, 5.0):
        now[0] = 1_800_000_000.0 + hours * 3600
        assert 0 <= age(live) <= 360, hours
        assert age(offline) >= (7 + hours) * 3600


def test_the_simulator_and_the_demo_serve_a_capture(capture: Path) -> None:
    serial = Replay(capture).devices[0][1]
    with running([sys.executable, "-m", "exporter.simulator", "--replay", str(capture)]) as process:
        origin = process.wait_for(r"simulated cloud on (http://[^/]+)")[1]
        get = getter(origin)
        reading = get("pbd/data-last", deviceSn=serial).json
        assert reading["code"] == 0
        assert reading["data"]["deviceSn"] == serial
        assert get("pbd/data-last", deviceSn="another").json["code"] == 400
        assert get("nothing", deviceSn=serial).status == 404
        page = get("pbd/data-list", deviceSn=serial, startDate="2000-01-01", endDate="2100-01-01", pageNo="2", pageSize="50").data
        assert len(page["datas"]) == 50
        assert page["total"] > 200
    with running(demo_command("--replay", str(capture))) as process:
        url = process.wait_for(r"Open (http\S+)/ or scrape")[1]
        import requests

        def served() -> bool:
            return f'atess_device_up{{deviceSn="{serial}",type="pbd"}} 1' in requests.get(f"{url}/metrics", timeout=10).text

        assert eventually(served)
        assert "What was captured in" in process.output


@pytest.mark.parametrize("content", [None, "{}", "no json", '{"paths": {}}', '{"paths": 3}'])
def test_what_is_no_capture_is_refused(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "capture.json").write_text(content)
    with pytest.raises(ValueError, match="capture"):
        Replay(tmp_path)


@pytest.mark.parametrize("command", [["exporter.simulator", "--replay"], ["exporter", "demo", "--replay"]])
def test_what_is_no_capture_is_told(tmp_path: Path, command: list[str]) -> None:
    result = subprocess.run(
        [sys.executable, "-m", *command, str(tmp_path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert result.returncode in (1, 2)
    assert "not a capture of doctor" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_capture_never_goes_over_another(site: Account, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "kept").mkdir()
    assert site.command(output=doctor.Output(capture=tmp_path / "kept")) == 1
    assert "exists already" in capsys.readouterr().err
    assert site.api.requests == []
