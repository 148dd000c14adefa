"""Faults of the machine that the exporter runs on."""

import json
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest
import requests

from tests.helpers.fakes import samples
from tests.helpers.processes import TOKEN, SimulatedCloud, eventually, running, simulated_cloud

DEVICES = [("pbd", f"S{n}") for n in range(3)]


@pytest.fixture
def cloud() -> Iterator[SimulatedCloud]:
    with simulated_cloud("--devices", ",".join(f"{type}:{sn}" for type, sn in DEVICES), "--speed", "300") as it:
        yield it


def config(folder: Path, cloud: SimulatedCloud) -> Path:
    path = folder / "config.yaml"
    api = {"base_url": cloud.url, "requests_per_minute": 6000, "token": TOKEN, "timeout": "1s"}
    path.write_text(json.dumps({"api": api, "poll": {"interval": "1s"}, "devices": {"pbd": [sn for _, sn in DEVICES]}}))
    return path


def test_a_full_disk_under_the_logs_stops_nothing(cloud: SimulatedCloud, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "exporter", "--config.file", str(config(tmp_path, cloud)), "--log.level", "debug"]
    with Path("/dev/full").open("w") as full:
        process = psutil.Popen([*command, "--web.listen-address", "127.0.0.1:0"], stderr=full, stdout=full)
        try:
            # it cannot say its address
            (port,) = eventually(
                lambda: [
                    connection.laddr.port for connection in process.net_connections() if connection.status == psutil.CONN_LISTEN
                ]
            )
            eventually(lambda: polls(port) > 10)
            assert requests.get(f"http://127.0.0.1:{port}/-/healthy", timeout=10).status_code == 200
        finally:
            process.terminate()
            assert process.wait(10) == 0


@pytest.mark.timeout(240)  # a cloud that nobody reaches is asked once a minute
def test_descriptors_that_run_out_cost_polls_until_they_are_back(cloud: SimulatedCloud, tmp_path: Path) -> None:
    command = ["prlimit", "--nofile=40", sys.executable, "-m", "exporter", "--config.file", str(config(tmp_path, cloud))]
    with running([*command, "--log.level", "debug", "--web.listen-address", "127.0.0.1:0"]) as process:
        port = int(process.wait_for(r"address=http://127\.0\.0\.1:(\d+)")[1])
        process.wait_for("device is up")
        with ExitStack() as stack:
            for _ in range(60):
                stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=5))
            # the cloud closes the exporter's connections: it needs new ones, and there are no descriptors
            cloud.fault("close")
            # whichever poll is the first to need one; by then all devices may be down because their connections broke, and the
            # next poll may be a probe, a minute later
            process.wait_for("(device is down|poll failed|circuit breaker open).*Too many open files", 90)
        cloud.heal()
        eventually(lambda: down(port) == 0, 120)
        assert requests.get(f"http://127.0.0.1:{port}/-/healthy", timeout=10).status_code == 200
        assert "Traceback" not in process.output


def polls(port: int) -> float:
    try:
        page = samples(requests.get(f"http://127.0.0.1:{port}/metrics", timeout=5).content)
    except requests.ConnectionError:
        return 0
    return page['atess_exporter_api_requests_total{type="pbd"}']


def down(port: int) -> int | None:
    """How many devices are down; None while nobody answers."""
    try:
        page = samples(requests.get(f"http://127.0.0.1:{port}/metrics", timeout=5).content)
    except requests.RequestException:
        return None
    up = [value for name, value in page.items() if name.startswith("atess_device_up")]
    return up.count(0) if len(up) == len(DEVICES) else None
