"""Faults as a user sees them: a real exporter whose devices answer what the test says."""

import json
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from tests.helpers.docs import example
from tests.helpers.fakes import samples
from tests.helpers.processes import Exporter, eventually, exporter


class _Handler(BaseHTTPRequestHandler):
    server: "_Cloud"

    def do_GET(self) -> None:
        sn = parse_qs(urlsplit(self.path).query)["deviceSn"][0]
        body = json.dumps({"code": 0, "msg": "", "data": self.server.answers[sn]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


class _Cloud(ThreadingHTTPServer):
    daemon_threads = True
    answers: dict[str, Mapping[str, Any]]


@pytest.fixture
def cloud() -> Iterator[_Cloud]:
    with _Cloud(("127.0.0.1", 0), _Handler) as server:
        server.answers = {}
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


def config(cloud: _Cloud, rest: Mapping[str, Any]) -> dict[str, Any]:
    api = {"base_url": f"http://127.0.0.1:{cloud.server_address[1]}/api/v1", "requests_per_minute": 6000}
    return {"api": api, "poll": {"interval": "1s"}, **rest}


def shown(running: Exporter, sn: str) -> dict[str, float]:
    """What is shown of the device's faults, by what follows its serial number and type."""
    found = samples(running.get("/metrics").content)
    lines = {
        name.split(f'deviceSn="{sn}",type=', 1)[-1]: value
        for name, value in found.items()
        if "_device_fault" in name and sn in name
    }
    return {name.partition(",")[2].removesuffix("}") or "count": value for name, value in lines.items()}


def test_a_device_s_faults_are_named_until_the_word_is_clear(tmp_path: Path, cloud: _Cloud) -> None:
    cloud.answers = {
        "TND0D20233": {"status": 3, "sysFaultWord1": 0, "sysFaultWord2": 10240, "sysFaultWord3": 256, "vbat": 1},
        "TND0D20234": {"status": -1, "sysFaultWord1": -1, "sysFaultWord2": -1, "vbat": 1},
        "TND0D20235": {"sysFaultWord1": 2, "sysFaultWord2": "10240", "vbat": 1},
        "TND0D20236": {"vbat": 1},
    }
    named = {
        'fault="bms_communication",severity="fault",code="2.3"': 1,
        'fault="bms",severity="fault",code="2.5"': 1,
        'fault="ac_no_utility",severity="fault",code="3.0"': 1,
        "count": 3,
    }
    with exporter(tmp_path, config(cloud, {"devices": {"hps_central": list(cloud.answers)}})) as running:
        eventually(lambda: shown(running, "TND0D20233") == named)
        eventually(lambda: set(shown(running, "TND0D20235")) >= {'fault="unknown",severity="unknown",code="1.9"', "count"})
        assert shown(running, "TND0D20235")["count"] == 3
        eventually(lambda: b'atess_vbat{deviceSn="TND0D20234"' in running.get("/metrics").content)
        eventually(lambda: b'atess_vbat{deviceSn="TND0D20236"' in running.get("/metrics").content)
        assert shown(running, "TND0D20234") == shown(running, "TND0D20236") == {}
        cloud.answers["TND0D20233"] = {**cloud.answers["TND0D20233"], "sysFaultWord2": 0, "sysFaultWord3": -1}
        eventually(lambda: shown(running, "TND0D20233") == {"count": 0})


def test_the_documented_faults_work_as_they_stand(tmp_path: Path, cloud: _Cloud) -> None:
    documented = yaml.safe_load(example("configure/device-types.md", "low_oil"))
    # the cloud is another
    del documented["api"]
    documented["devices"]["hps_central"] = ["TND1"]
    cloud.answers = {
        # bits 0, 8 and 9, the bytes of 32 bits swapped
        "GEN1": {"alarms": 0x01030000, "fuel": 7},
        "TND1": {"sysFaultWord2": 0x0028, "sysFaultWord7": 0x0200, "sysFaultWord9": 256, "sysFaultWord3": 256},
    }
    with exporter(tmp_path, config(cloud, documented)) as running:
        eventually(
            lambda: (
                shown(running, "GEN1")
                == {
                    'fault="low_oil",severity="warning",code="1.0"': 1,
                    'fault="unknown",severity="unknown",code="1.8"': 1,
                    'fault="no_fuel",severity="stop",code="1.9"': 1,
                    "count": 3,
                }
            )
        )
        eventually(
            lambda: (
                shown(running, "TND1")
                == {
                    'fault="bms_communication",severity="fault",code="2.3"': 1,
                    'fault="bms",severity="fault",code="2.5"': 1,
                    'fault="ac_no_utility",severity="fault",code="3.0"': 1,
                    'fault="fan",severity="warning",code="7.1"': 1,
                    "count": 4,
                }
            )
        )
