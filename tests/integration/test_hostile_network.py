"""500 hostile connections against the exporter's process, with its real limits. How fast it stays: benchmarks/hostile.py."""

import ssl
import sys
from pathlib import Path

import pytest
import requests
import trustme

from exporter.web.limits import LIMITS
from tests.helpers.fakes import samples
from tests.helpers.processes import Exporter, device_lists, eventually, exporter, running, simulated_cloud, write_config
from tools.attackers import Attackers, count_connections, web_config

DEVICES = 300
MEMORY = 50_000_000


def test_hostile_connections_cost_little_and_are_dropped(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "trusted.pem")
    trusted = str(tmp_path / "trusted.pem")
    with simulated_cloud("--fleet", str(DEVICES)) as cloud:
        config = {
            "api": {"base_url": cloud.url, "requests_per_minute": 100_000, "concurrency": 8},
            # every device is polled once within the first interval
            "poll": {"interval": "2s"},
            "devices": device_lists(cloud.devices()),
        }
        arguments = ("--web.config.file", str(web_config(tmp_path, authority)))
        with exporter(tmp_path, config, *arguments) as it, requests.Session() as session:

            def up() -> int:
                """How many devices a well-behaved scraper is told of."""
                answer = session.get(f"{it.url}/metrics", verify=trusted, timeout=60)
                assert answer.status_code == 200
                return sum("atess_device_up{" in name for name in samples(answer.content))

            eventually(lambda: up() == DEVICES, 100)
            write_config(it.config, config | {"poll": {"interval": "1h"}})
            assert session.post(f"{it.url}/-/reload", verify=trusted, timeout=60).status_code == 200
            for _ in range(5):
                up()
            before = it.resident_bytes()
            port = int(it.url.rpartition(":")[2])
            with Attackers(port, ssl.create_default_context(cafile=trusted)) as attackers:
                attackers.hold_slow_heads(200)
                attackers.hold_half_open_handshakes(200)
                attackers.hold_slow_readers(100)
                most = it.resident_bytes()
                assert count_connections(it.process.popen.pid, port) > 300
                for _ in range(10):
                    assert up() == DEVICES
                    most = max(most, it.resident_bytes())
                assert most - before < MEMORY
                # all of them, while the attackers still hold on; one is the scraper's own
                eventually(lambda: count_connections(it.process.popen.pid, port) <= 1, 60)
            assert up() == DEVICES
            assert "Traceback" not in it.process.output
            assert "level=error" not in it.process.output


def test_more_connections_than_there_is_room_for(tmp_path: Path) -> None:
    with simulated_cloud("--devices", "pbd:A") as cloud:
        config = {"api": {"base_url": cloud.url}, "devices": {"pbd": ["A"]}}
        with exporter(tmp_path, config) as it, Attackers(port := int(it.url.rpartition(":")[2])) as attackers:
            for _ in range(7):
                attackers.hold_idle(100)
                assert it.get("/metrics").status_code == 200
            # as many as there may be (web/limits.py), be there as many attackers as there will
            assert count_connections(it.process.popen.pid, port) <= 512
            assert "level=error" not in it.process.output


@pytest.mark.parametrize("coding", ["identity", "gzip"])
def test_slow_readers_of_pages_that_differ_hold_no_more_than_documented(coding: str, tmp_path: Path) -> None:
    with running([sys.executable, "-m", "tests.helpers.changing_metrics"]) as process:
        it = Exporter(process, tmp_path)

        def scrape() -> int:
            answer = requests.get(f"{it.url}/metrics", headers={"Accept-Encoding": coding}, timeout=30)
            return len(answer.content)

        for _ in range(5):
            whole = scrape()
        before = most = it.resident_bytes()
        with Attackers(int(it.url.rpartition(":")[2])) as attackers:
            for _ in range(40):
                attackers.hold_slow_readers(1, coding=coding)
                # made in the order of the requests, so the one before has its page by then
                assert scrape() == whole
                most = max(most, it.resident_bytes())
        # what is held, a page that is being made, and what the connections themselves take
        assert most - before < LIMITS.pending_size + 8_000_000
