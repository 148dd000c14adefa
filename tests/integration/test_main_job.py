"""The main job whole: the simulated cloud and the exporter as processes, over real HTTP."""

import gzip
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporter.catalogue.types import load_catalogue
from exporter.documentation import field_url
from exporter.metrics.names import DEVICE_FAMILIES
from tests.helpers.fakes import samples
from tests.helpers.processes import (
    TOKEN,
    Exporter,
    SimulatedCloud,
    device_lists,
    eventually,
    exporter,
    nobody_listens,
    prometheus,
    simulated_cloud,
    write_config,
)

TYPES = ("pbd", "pcs", "hps_central", "hps_string", "bcu", "mbms")
DEVICES = [(type, f"{type.upper().replace('_', '')}{n}") for type in TYPES for n in (1, 2)]
OPENMETRICS = "application/openmetrics-text;version=1.0.0"


def config(cloud: SimulatedCloud, devices: list[tuple[str, str]] = DEVICES, **poll: Any) -> dict[str, Any]:
    return {
        "api": {"base_url": cloud.url, "requests_per_minute": 6000, "timezone": "Asia/Bangkok"},
        "poll": {"interval": "2s", **poll},
        "devices": device_lists(devices),
    }


@pytest.fixture(scope="module")
def cloud() -> Iterator[SimulatedCloud]:
    # readings stand still, so that what is served and what is scraped can be compared exactly
    arguments = ["--devices", ",".join(f"{type}:{sn}" for type, sn in DEVICES), "--upload-interval", "86400"]
    with simulated_cloud(*arguments, "--start", "2026-06-01T11:00:00+07:00", "--timezone", "Asia/Bangkok") as it:
        yield it


@pytest.fixture(scope="module")
def running_exporter(cloud: SimulatedCloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exporter]:
    with exporter(tmp_path_factory.mktemp("exporter"), config(cloud), "--log.level", "debug") as it:
        eventually(lambda: sum(name.startswith("atess_device_up{") for name in samples(it.page())) == len(DEVICES))
        yield it


def snake_case(field: str) -> str:
    """The rule of the metrics table, written a second time and differently: character by character."""
    out = ""
    for n, character in enumerate(field):
        after_lower = n > 0 and (field[n - 1].islower() or field[n - 1].isdigit())
        ends_capitals = n > 0 and field[n - 1].isupper() and n + 1 < len(field) and field[n + 1].islower()
        if character.isupper() and (after_lower or ends_capitals):
            out += "_"
        out += character.lower()
    return out


def expected(type: str, sn: str, data: dict[str, Any]) -> dict[str, float]:
    numbers = {name: value for name, value in data.items() if isinstance(value, int | float)}
    return {f'atess_{snake_case(name)}{{deviceSn="{sn}",type="{type}"}}': float(value) for name, value in numbers.items()}


def test_every_numeric_field_of_every_device_appears_with_the_exact_value(
    cloud: SimulatedCloud, running_exporter: Exporter
) -> None:
    page = samples(running_exporter.page())
    values = {
        name: value
        for name, value in page.items()
        if name.startswith("atess_") and not name.startswith(("atess_device_", "atess_exporter_"))
    }
    wanted: dict[str, float] = {}
    for type, sn in DEVICES:
        data = cloud.served(type, sn)[-1]
        if type == "pbd":
            assert len(expected(type, sn, data)) == 76
        wanted |= expected(type, sn, data)
    assert len(wanted) > 12 * 20
    assert values == wanted


def test_every_device_is_described(cloud: SimulatedCloud, running_exporter: Exporter) -> None:
    page = samples(running_exporter.page())
    for type, sn in DEVICES:
        labels = f'deviceSn="{sn}",type="{type}"'
        assert page[f"atess_device_up{{{labels}}}"] == 1
        assert page[f"atess_device_info{{{labels}}}"] == 1
        assert page[f"atess_device_poll_interval_seconds{{{labels}}}"] == 2
        assert abs(page[f"atess_device_last_success_timestamp_seconds{{{labels}}}"] - time.time()) < 60
        own_time = datetime.fromisoformat(f"{cloud.served(type, sn)[-1]['time']}+07:00")
        assert page[f"atess_device_data_timestamp_seconds{{{labels}}}"] == own_time.timestamp()
        for cause in ("failing", "frozen"):
            assert page[f'atess_device_stale{{{labels},cause="{cause}"}}'] == 0


def test_the_cloud_saw_only_gets_with_the_token_verbatim_in_english(cloud: SimulatedCloud, running_exporter: Exporter) -> None:
    seen = cloud.requests()
    assert {request["method"] for request in seen} == {"GET"}
    assert {request["authorization"] for request in seen} == {TOKEN}
    assert {request["accept_language"] for request in seen} == {"en"}
    assert {request["path"].removeprefix("/api/v1/") for request in seen} == {
        "pbd/data-last",
        "pcs/data-last",
        "hps/data-last",
        "hps/data-last-small",
        "bms/bcu-data-last",
        "bms/mbms-data-last",
    }


def test_the_token_is_in_no_page_and_no_log(running_exporter: Exporter) -> None:
    secret = TOKEN.split()[1]
    for path in ("/", "/metrics", "/-/healthy", "/-/ready", "/none"):
        assert secret not in running_exporter.get(path).text
    assert "device is up" in running_exporter.process.output
    assert secret not in running_exporter.process.output


def test_both_formats_parse_and_say_the_same(running_exporter: Exporter) -> None:
    text = running_exporter.get("/metrics")
    openmetrics = running_exporter.get("/metrics", Accept=OPENMETRICS)
    assert text.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert openmetrics.headers["Content-Type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert openmetrics.text.endswith("# EOF\n")

    def values(families: Any) -> dict[tuple[str, Any], float]:
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in families
            for sample in family.samples
            if family.name.startswith("atess_") and not family.name.startswith(("atess_exporter", "atess_device_last"))
        }

    assert values(parse_text(text.text)) == values(parse_openmetrics(openmetrics.text))
    assert len(values(parse_text(text.text))) > 12 * 20


def test_compression_and_head(running_exporter: Exporter) -> None:
    plain = requests.get(running_exporter.url + "/metrics", headers={"Accept-Encoding": "identity"}, timeout=10, stream=True)
    assert "Content-Encoding" not in plain.headers
    packed = requests.get(running_exporter.url + "/metrics", headers={"Accept-Encoding": "gzip"}, timeout=10, stream=True)
    assert packed.headers["Content-Encoding"] == "gzip"
    unpacked = gzip.decompress(packed.raw.read(decode_content=False))
    assert len(unpacked) == pytest.approx(len(plain.content), rel=0.01)
    head = requests.head(running_exporter.url + "/metrics", timeout=10)
    assert head.status_code == 200
    assert head.content == b""
    assert head.headers["Content-Type"].startswith("text/plain")


def test_own_metrics_are_there_from_the_start(running_exporter: Exporter) -> None:
    page = samples(running_exporter.page())
    for type in TYPES:
        assert page[f'atess_exporter_devices{{type="{type}"}}'] == 2
        assert page[f'atess_exporter_api_requests_total{{type="{type}"}}'] >= 2
        assert page[f'atess_exporter_api_request_duration_seconds_count{{type="{type}"}}'] >= 2
        for reason in (
            "timeout",
            "connection",
            "http_status",
            "rate_limited",
            "unauthorized",
            "not_found",
            "api_error",
            "invalid_payload",
        ):
            assert page[f'atess_exporter_api_request_failures_total{{reason="{reason}",type="{type}"}}'] == 0
    # a busy machine may be late at one moment, and is not at every
    eventually(lambda: samples(running_exporter.page())["atess_exporter_poll_lag_seconds"] < 2)
    assert page["atess_exporter_config_last_reload_successful"] == 1
    assert page["atess_exporter_config_last_reload_success_timestamp_seconds"] == pytest.approx(time.time(), abs=300)
    assert page["atess_exporter_api_budget_requests_per_minute"] == 6000
    assert page["atess_exporter_api_demand_requests_per_minute"] == 360
    names = {name.split("{")[0] for name in page}
    assert {"atess_exporter_build_info", "process_resident_memory_bytes", "python_info"} <= names
    assert not {name for name in names if name.endswith("_created")}


def test_promtool_finds_only_what_is_owned(running_exporter: Exporter) -> None:
    promtool = shutil.which("promtool")
    assert promtool, "no promtool: run the tests by make test"
    page = running_exporter.page()
    result = subprocess.run([promtool, "check", "metrics"], input=page, capture_output=True, check=False)
    findings = {tuple(line.split(" ", 1)) for line in result.stderr.decode().splitlines()}
    by_kind: dict[str, set[str]] = {}
    for metric, finding in findings:
        by_kind.setdefault(finding, set()).add(metric)
    gauges = {name.split("{")[0] for name in samples(page) if "deviceSn=" in name}
    # docs/reference/metrics.md says why each of these is owned
    assert by_kind.pop("label names should be written in 'snake_case' not 'camelCase'") == gauges
    assert by_kind.pop('non-counter metrics should not have "_total" suffix') == {
        name for name in gauges if name.endswith("_total")
    }
    assert by_kind.pop("metric names should not contain abbreviated units") == {
        "atess_b_active_power",
        "atess_b_apparent_power",
        "atess_b_reactive_power",
    }
    assert not by_kind


def test_every_family_has_help_that_names_the_api_s_field(running_exporter: Exporter) -> None:
    page = running_exporter.page().decode()
    helps = dict(re.findall(r"^# HELP (\S+) (.+)$", page, re.MULTILINE))
    types = re.findall(r"^# TYPE (\S+) (\S+)$", page, re.MULTILINE)
    assert helps.keys() == {name for name, _ in types}
    families = [name for name, _ in types if name.startswith("atess_") and not name.startswith("atess_exporter_")]
    assert families == sorted(families)
    documented = {field for known in load_catalogue().values() for field in known.known_fields}
    for name in families:
        if name not in DEVICE_FAMILIES:
            match = re.fullmatch(r"(.{8,}?)\. Enerclo field (\w+)\.(?: (\S+))?", helps[name])
            assert match, helps[name]
            assert f"atess_{snake_case(match[2])}" == name
            assert match[3] == (field_url(match[2]) if match[2] in documented else None)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("HEAD", "/", 200),
        ("GET", "/-/healthy", 200),
        ("GET", "/-/ready", 200),
        ("GET", "/nothing", 404),
        ("GET", "/metrics/", 404),
        ("GET", "/%00", 404),
        ("GET", "/../../etc/passwd", 404),
        ("POST", "/metrics", 405),
        ("DELETE", "/", 405),
        ("GET", "/-/reload", 405),
        ("PUT", "/-/healthy", 405),
    ],
)
def test_pages_and_their_status(running_exporter: Exporter, method: str, path: str, status: int) -> None:
    answer = requests.request(method, running_exporter.url + path, timeout=10, allow_redirects=False)
    assert answer.status_code == status
    assert answer.headers["Content-Type"]
    assert ("Allow" in answer.headers) == (status == 405)
    if method != "HEAD":
        assert answer.text.strip()


def test_a_real_prometheus_sees_what_the_cloud_served(cloud: SimulatedCloud, running_exporter: Exporter, tmp_path: Path) -> None:
    with prometheus(tmp_path, running_exporter.url.removeprefix("http://")) as prom:
        eventually(lambda: prom.query("atess_device_up"))
        for type, sn in DEVICES:
            found = prom.query(f'{{type="{type}",deviceSn="{sn}",__name__!~"atess_device_.*"}}')
            wanted = {}
            for name, value in expected(type, sn, cloud.served(type, sn)[-1]).items():
                wanted[frozenset({"__name__": name.split("{")[0], "deviceSn": sn, "type": type}.items())] = value
            assert found == wanted


def test_staleness_as_prometheus_sees_it(cloud: SimulatedCloud, tmp_path: Path) -> None:
    with (
        exporter(tmp_path, config(cloud, stale_after="4s", interval="1s")) as it,
        prometheus(tmp_path, it.url.removeprefix("http://")) as prom,
    ):
        # the cloud's clock stands still here, so without this every device would be frozen
        everybody = {frozenset({"deviceSn": sn, "type": type}.items()) for type, sn in DEVICES}
        eventually(lambda: prom.query("sum by (deviceSn, type) (atess_device_up)").keys() == everybody)
        # the API goes on answering readings whose time does not move: the values go, the device stays up
        eventually(lambda: list(prom.query('atess_device_stale{cause="frozen"}').values()) == [1] * len(DEVICES))
        eventually(lambda: not prom.query("atess_vbat"))
        eventually(lambda: list(prom.query("atess_device_up").values()) == [1] * len(DEVICES))
        # without a time of its own a reading counts by its arrival: the values come back
        cloud.fault("no_time")
        pbds = {frozenset({"deviceSn": sn, "type": type}.items()) for type, sn in DEVICES if type == "pbd"}
        eventually(lambda: pbds <= prom.query("sum by (deviceSn, type) (atess_vbat)").keys())
        # one device begins to fail: only its values go
        lost = {"deviceSn": "PBD1", "type": "pbd"}
        cloud.fault("code_500", "pbd", "PBD1")
        try:
            down = {frozenset({"__name__": "atess_device_up", **lost}.items()): 0}
            eventually(lambda: prom.query('atess_device_stale{deviceSn="PBD1",cause="failing"} == 1'))
            eventually(lambda: prom.query('atess_device_up{deviceSn="PBD1"}') == down)
            eventually(
                lambda: prom.query("sum by (deviceSn, type) (atess_vbat{type='pbd'})").keys() == pbds - {frozenset(lost.items())}
            )
            # a device that leaves the config leaves nothing behind
            write_config(
                it.config,
                config(cloud, [device for device in DEVICES if device != ("pbd", "PBD2")], stale_after="4s", interval="1s"),
            )
            it.process.signal(signal.SIGHUP)
            eventually(lambda: not prom.query('{deviceSn="PBD2"}'))
            assert prom.query('atess_device_up{deviceSn="PBD1"}')
        finally:
            cloud.heal()


def test_a_bad_config_changes_nothing_and_is_said(cloud: SimulatedCloud, tmp_path: Path) -> None:
    with exporter(tmp_path, config(cloud)) as it:
        eventually(lambda: 'atess_device_up{deviceSn="PBD1",type="pbd"} 1' in it.page().decode())
        it.config.write_text("devices:\n  pbd:\n    - A\n    - A\n")
        answer = requests.post(it.url + "/-/reload", timeout=10)
        assert answer.status_code == 500
        assert "config.yaml:4: devices.pbd[1]: deviceSn 'A' is listed twice" in answer.text
        it.process.wait_for("level=error .*listed twice")
        page = samples(it.page())
        assert page["atess_exporter_config_last_reload_successful"] == 0
        assert page['atess_device_up{deviceSn="PBD1",type="pbd"}'] == 1
        write_config(it.config, config(cloud))
        assert requests.post(it.url + "/-/reload", timeout=10).status_code == 200
        assert samples(it.page())["atess_exporter_config_last_reload_successful"] == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_within_two_seconds_with_requests_in_flight(
    cloud: SimulatedCloud, tmp_path: Path, number: signal.Signals
) -> None:
    cloud.fault("timeout")
    try:
        with exporter(tmp_path, config(cloud)) as it:
            eventually(lambda: samples(it.page())['atess_exporter_api_requests_total{type="pbd"}'] >= 1)
            begin = time.monotonic()
            it.process.signal(number)
            assert it.process.popen.wait(10) == 0
            # the promise itself, not a measurement of speed
            assert time.monotonic() - begin < 2
            assert "Traceback" not in it.process.output
    finally:
        cloud.heal()


def test_a_cloud_that_is_down_at_the_start_does_not_stop_it(tmp_path: Path) -> None:
    with nobody_listens() as address:
        settings = {
            "api": {"base_url": f"http://{address}/api/v1", "requests_per_minute": 6000},
            "poll": {"interval": "1s"},
            "devices": {"pbd": ["A"]},
        }
        with exporter(tmp_path, settings) as it:
            eventually(lambda: samples(it.page()).get('atess_device_up{deviceSn="A",type="pbd"}') == 0)
            assert it.get("/-/healthy").status_code == 200
            assert it.get("/-/ready").status_code == 200
            it.process.wait_for('reason=connection error="Connection refused"')
