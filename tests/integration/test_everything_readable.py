"""Discovery, settings, the choice of fields and types of one's own: as a user has them, over real HTTP."""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from tests.helpers.fakes import samples
from tests.helpers.processes import TOKEN, SimulatedCloud, eventually, exporter, simulated_cloud, write_config

TYPES = {"pbd", "pcs", "hps_central", "hps_string", "bcu", "mbms"}


@pytest.fixture(scope="module")
def cloud() -> Iterator[SimulatedCloud]:
    with simulated_cloud("--site", "--speed", "100") as it:
        yield it


def base(cloud: SimulatedCloud) -> dict[str, Any]:
    return {"api": {"base_url": cloud.url, "requests_per_minute": 6000}, "poll": {"interval": "2s"}}


def loggers(cloud: SimulatedCloud) -> list[str]:
    return sorted({request["datalog_sn"] for request in cloud.device_records()})


def test_discovery_finds_all_devices_of_all_types_with_an_empty_static_list(cloud: SimulatedCloud, tmp_path: Path) -> None:
    wanted = set(cloud.devices())
    assert len(loggers(cloud)) == 2
    with exporter(tmp_path, base(cloud) | {"discovery": {"datalog_sns": loggers(cloud), "interval": "1s"}}) as it:

        def up() -> set[tuple[str, str]]:
            return {(m[2], m[1]) for m in re.finditer(r'atess_device_up\{deviceSn="(\w+)",type="(\w+)"\} 1', it.page().decode())}

        eventually(lambda: up() == wanted)
        assert {type for type, _ in wanted} == TYPES
        page = it.page().decode()
        for type, sn in wanted:
            assert re.search(
                rf'atess_device_info{{deviceSn="{sn}",type="{type}",datalogSn="\w+",firmwareVersion="[^"]+"}} 1\n', page
            )
        lost = {m[1] for m in re.finditer(r'atess_device_lost\{deviceSn="(\w+)",type="\w+"\} 1\n', page)}
        assert lost == {record["sn"] for record in cloud.device_records() if record["offline_since"]}


def test_a_device_that_is_gone_stays_and_a_reload_can_end_the_search(tmp_path: Path) -> None:
    with simulated_cloud("--site", "--speed", "100") as own:
        config = base(own) | {"discovery": {"datalog_sns": loggers(own), "interval": "1s"}}
        with exporter(tmp_path, config) as it:

            def shown(name: str, sn: str) -> float | None:
                return samples(it.page()).get(f'atess_device_{name}{{deviceSn="{sn}",type="pbd"}}')

            def stated(sn: str) -> dict[str, Any]:
                document: dict[str, Any] = it.get(f"/devices/pbd/{sn}.json").json()
                return document

            eventually(lambda: shown("up", "UMD0D23203") == 1 and shown("up", "UMD0D23202") == 1)
            assert shown("gone", "UMD0D23203") is None
            before = time.time()
            own.remove("pbd", "UMD0D23203")
            eventually(lambda: shown("gone", "UMD0D23203") == 1)
            # its polls fail as those of any other device
            eventually(lambda: shown("up", "UMD0D23203") == 0)
            assert shown("lost", "UMD0D23203") is None
            document = stated("UMD0D23203")
            assert (document["state"], document["reason"]) == ("gone", "not_found")
            assert before <= document["gone_since_timestamp_seconds"] <= time.time()
            assert it.get("/devices.json?state=gone").json()["counts"]["gone"] == 1
            assert "in no data logger's list any more" in it.get("/devices/pbd/UMD0D23203").text
            assert (stated("UMD0D23202")["state"], stated("UMD0D23202")["gone_since_timestamp_seconds"]) == ("up", None)
            # once the config lists it, it is a device that fails, and when the config does so no more, nothing is left of it
            for devices, gone in (({"pbd": ["UMD0D23203"]}, "failing"), ({}, None)):
                write_config(it.config, config | {"devices": devices})
                assert requests.post(it.url + "/-/reload", timeout=10).status_code == 200
                assert shown("gone", "UMD0D23203") is None
                assert stated("UMD0D23203").get("state") == gone
            write_config(it.config, base(own) | {"devices": {"bcu": ["BCD0D24101"]}})
            assert requests.post(it.url + "/-/reload", timeout=10).status_code == 200
            names = {name for name in samples(it.page()) if name.startswith("atess_device_poll_interval_seconds")}
            assert names == {'atess_device_poll_interval_seconds{deviceSn="BCD0D24101",type="bcu"}'}


def test_a_list_that_is_short_for_a_while_costs_no_reading(tmp_path: Path) -> None:
    with simulated_cloud("--site", "--speed", "100") as own:
        config = base(own) | {"discovery": {"datalog_sns": loggers(own), "interval": "1s"}}
        with exporter(tmp_path, config) as it:

            def gone() -> set[str]:
                return {m[1] for m in re.finditer(r'atess_device_gone\{deviceSn="(\w+)",type="pbd"\} 1\n', it.page().decode())}

            def last_success(sn: str) -> float:
                return samples(it.page())[f'atess_device_last_success_timestamp_seconds{{deviceSn="{sn}",type="pbd"}}']

            device = next(entry for entry in own.device_records() if entry["sn"] == "UMD0D23202")
            eventually(lambda: f'atess_ppv{{deviceSn="{device["sn"]}"' in it.page().decode())
            own.fault("null_data", "pbd", device["datalog_sn"])
            eventually(lambda: device["sn"] in gone())
            since = last_success(device["sn"])
            eventually(lambda: last_success(device["sn"]) > since)
            assert f'atess_ppv{{deviceSn="{device["sn"]}"' in it.page().decode()
            size = f'atess_exporter_discovered_devices{{datalogSn="{device["datalog_sn"]}",type="pbd"}}'
            assert samples(it.page())[size] == 0
            own.heal()
            eventually(lambda: gone() == set())
            assert samples(it.page())[size] > 0


def test_settings_and_the_choice_of_fields(cloud: SimulatedCloud, tmp_path: Path) -> None:
    config = base(cloud) | {
        "devices": {"bcu": ["BCD0D24101"], "pbd": ["UMD0D23202"]},
        "settings": {"types": ["bcu"], "interval": "1h"},
        "fields": {"pbd": {"include": ["ppv*", "vbat"], "exclude": ["ppv1"]}},
    }
    with exporter(tmp_path, config) as it:
        eventually(lambda: "atess_setting_" in it.page().decode() and "atess_vbat{" in it.page().decode())
        eventually(lambda: 'atess_device_up{deviceSn="UMD0D23202",type="pbd"} 1' in it.page().decode())
        names = {
            name.split("{")[0]
            for name in samples(it.page())
            if 'type="pbd"' in name and "atess_device" not in name and "exporter" not in name
        }
        assert names == {"atess_ppv", "atess_ppv2", "atess_ppv3", "atess_ppv4", "atess_ppv5", "atess_vbat"}
        settings = {name for name in samples(it.page()) if name.startswith("atess_setting_")}
        assert 'atess_setting_level1_charge_temp_high_warning{deviceSn="BCD0D24101",type="bcu"}' in settings
        assert len(settings) == 35


def test_a_seventh_type_needs_nothing_but_config(cloud: SimulatedCloud, tmp_path: Path) -> None:
    fields = {
        "vbat": {"meaning": "Voltage of the pack", "unit": "V"},
        "maxTemp": {"meaning": "Hottest cell", "unit": "°C"},
        "status": {"kind": "status", "values": {"0": "off", "1": "on"}},
    }
    config = base(cloud) | {
        "types": {"pack": {"path": "bms/bcu-data-last", "fields": fields}},
        "devices": {"pack": ["BCD0D24101"]},
        "fields": {"pack": {"include": list(fields)}},
    }
    with exporter(tmp_path, config) as it:
        eventually(lambda: "atess_vbat{" in it.page().decode())
        page = it.page().decode()
    served = cloud.served("bcu", "BCD0D24101")
    for metric, field in (("vbat", "vbat"), ("max_temp", "maxTemp"), ("status", "status")):
        value = samples(page.encode())[f'atess_{metric}{{deviceSn="BCD0D24101",type="pack"}}']
        assert value in {reading[field] for reading in served}
    assert "pack: Voltage of the pack (says the config), in V" in page
    assert "pack: Not documented by the vendor (0 off, 1 on; set in the config)" in page
    assert samples(page.encode())['atess_exporter_devices{type="pack"}'] == 1


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "exporter", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, env={"ATESS_API_TOKEN": TOKEN, "PATH": ""}, timeout=60, check=False
    )


def test_the_discover_command_prints_a_device_list_that_the_config_takes(cloud: SimulatedCloud, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    write_config(path, base(cloud))
    arguments = [argument for sn in loggers(cloud) for argument in ("--datalog-sn", sn)]
    result = run("discover", "--config.file", str(path), *arguments)
    assert result.returncode == 0, result.stderr
    lists = yaml.safe_load(result.stdout)["devices"]
    assert {(type, device["deviceSn"]) for type, devices in lists.items() for device in devices} == set(cloud.devices())
    (tmp_path / "found.yaml").write_text(result.stdout)
    write_config(path, base(cloud) | {"device_files": ["found.yaml"]})
    check = run("--config.file", str(path), "--config.check")
    assert check.returncode == 0, check.stderr
    assert f"{len(cloud.devices())} devices" in check.stdout


def test_the_discover_command_with_a_logger_that_does_not_exist(cloud: SimulatedCloud, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    write_config(path, base(cloud))
    result = run("discover", "--config.file", str(path), "--datalog-sn", "NONE")
    assert result.returncode == 1
    assert "reason=not_found" in result.stderr
    assert "Traceback" not in result.stderr
    assert run("discover").returncode == 2


def test_check_says_what_discovery_will_ask_and_how_well_that_is_known(cloud: SimulatedCloud, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    write_config(path, base(cloud) | {"discovery": {"datalog_sns": ["DLD1"], "types": ["bcu", "pcs"]}})
    result = run("--config.file", str(path), "--config.check")
    assert result.returncode == 0
    assert (
        "More devices are looked for on the data loggers DLD1 (bcu: bms/buc-base-info/list, documented by the vendor; "
        "pcs: pcs/base-info/list, inferred, never seen)."
    ) in result.stdout


@pytest.mark.parametrize(
    ("fault", "reason"), [("code_500", "api_error"), ("http_403", "unauthorized"), ("list_data", "invalid_payload")]
)
def test_the_discover_command_fails_when_a_list_cannot_be_read_and_prints_the_others(
    cloud: SimulatedCloud, tmp_path: Path, fault: str, reason: str
) -> None:
    path = tmp_path / "config.yaml"
    write_config(path, base(cloud))
    broken, *others = loggers(cloud)
    cloud.fault(fault, "pbd", broken)
    try:
        arguments = [argument for sn in (*others, broken, f" {broken.lower()}") for argument in ("--datalog-sn", sn)]
        result = run("discover", "--config.file", str(path), *arguments)
    finally:
        cloud.heal()
    assert result.returncode == 1
    assert result.stderr.count("failed to read a list of devices") == 1
    assert f"datalog_sn={broken}" in result.stderr
    assert f"reason={reason}" in result.stderr
    assert "Traceback" not in result.stderr
    lists = yaml.safe_load(result.stdout)["devices"]
    found = {(type, device["deviceSn"]) for type, devices in lists.items() for device in devices}
    hidden = {
        (entry["type"], entry["sn"])
        for entry in cloud.device_records()
        if entry["type"] == "pbd" and entry["datalog_sn"] == broken
    }
    assert found == set(cloud.devices()) - hidden


def test_the_discover_command_survives_what_nobody_foresaw(cloud: SimulatedCloud, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    write_config(path, base(cloud))
    broken = (
        "import exporter.polling.discovery as d\nread = d.read_listing\n"
        "def broken(data, type, sn):\n    if type == 'pbd': raise RuntimeError('not foreseen')\n    return read(data, type, sn)\n"
        "d.read_listing = broken\nfrom exporter.cli import main\nraise SystemExit(main())"
    )
    command = [sys.executable, "-c", broken, "discover", "--config.file", str(path), "--datalog-sn", loggers(cloud)[0]]
    result = subprocess.run(command, capture_output=True, text=True, env={"ATESS_API_TOKEN": TOKEN, "PATH": ""}, check=False)
    assert result.returncode == 1
    assert "not foreseen" in result.stderr
    assert "Traceback" not in result.stderr
    assert "devices:" in result.stdout


def test_the_discover_command_takes_null_for_no_devices(cloud: SimulatedCloud, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    write_config(path, base(cloud))
    arguments = [argument for sn in loggers(cloud) for argument in ("--datalog-sn", sn)]
    for sn in loggers(cloud):
        cloud.fault("null_data", "pbd", sn)
    try:
        result = run("discover", "--config.file", str(path), *arguments)
    finally:
        cloud.heal()
    assert result.returncode == 0, result.stderr
    assert yaml.safe_load(result.stdout)["devices"].keys() == TYPES - {"pbd"}
