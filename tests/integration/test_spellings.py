"""One device in several spellings: listed, discovered and looked at."""

from pathlib import Path
from typing import Any

import pytest
import requests

from tests.helpers.fakes import samples
from tests.helpers.processes import Exporter, SimulatedCloud, eventually, exporter, simulated_cloud, write_config

SN = "UMD0D23202"


@pytest.mark.parametrize("fault", [None, "other_spelling"])
def test_a_device_listed_in_one_spelling_and_discovered_in_another_is_one_and_is_read(tmp_path: Path, fault: str | None) -> None:
    with simulated_cloud("--devices", f"bcu:{SN},bcu:FOUND") as cloud:
        if fault:
            cloud.fault(fault, "bcu", SN)
        with exporter(tmp_path, config(cloud, " umd0d23202")) as it:
            eventually(lambda: up(it) == {"umd0d23202": 1, "FOUND": 1})
            eventually(lambda: "atess_setting_bat_cell_number" in it.page().decode())
            assert about(it, "umd0d23202") == {"umd0d23202"}
            (shown,) = [name for name in samples(it.page()) if name.startswith('atess_device_info{deviceSn="umd0d23202"')]
            assert "firmwareVersion" in shown
            assert requests.get(f"{it.url}/devices.json", timeout=10).json()["counts"]["up"] == 2
            for sn in (SN, "umd0d23202", "%20Umd0d23202"):
                answer = requests.get(f"{it.url}/devices/bcu/{sn}.json", timeout=10)
                assert (answer.status_code, answer.json()["deviceSn"]) == (200, "umd0d23202")
            # a reload that changes nothing but the spelling
            write_config(it.config, config(cloud, SN))
            requests.post(f"{it.url}/-/reload", timeout=10).raise_for_status()
            page = samples(it.page())
            assert page[f'atess_device_up{{deviceSn="{SN}",type="bcu"}}'] == 1
            assert about(it, SN) == {SN}
            # and one after which nobody but discovery has the device
            write_config(it.config, config(cloud))
            requests.post(f"{it.url}/-/reload", timeout=10).raise_for_status()
            assert about(it, SN) == {SN}
            assert "Traceback" not in it.process.output


def config(cloud: SimulatedCloud, *listed: str) -> dict[str, Any]:
    return {
        "api": {"base_url": cloud.url, "requests_per_minute": 6000},
        "poll": {"interval": "1s"},
        "devices": {"bcu": list(listed)},
        "discovery": {
            "datalog_sns": sorted({device["datalog_sn"] for device in cloud.device_records()}),
            "types": ["bcu"],
            "interval": "1s",
        },
        "settings": {"interval": "10s"},
    }


def up(it: Exporter) -> dict[str, float]:
    page = samples(it.page())
    return {name.split('"')[1]: value for name, value in page.items() if name.startswith("atess_device_up{")}


def about(it: Exporter, sn: str) -> set[str]:
    """All spellings of a serial number on the page."""
    labels = (name.split('deviceSn="')[1].split('"')[0] for name in samples(it.page()) if 'deviceSn="' in name)
    return {label for label in labels if label.casefold() == sn.casefold()}
