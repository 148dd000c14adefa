"""500 hostile connections against the exporter's process, with its real limits. How fast it stays: benchmarks/hostile.py."""

import ssl
from pathlib import Path

import requests
import trustme

from benchmarks.hostile import connections, web_config
from tests.integration.attackers import Attackers
from tests.integration.processes import device_lists, eventually, exporter, simulated_cloud
from tests.support import samples

DEVICES = 300
MEMORY = 50_000_000


def test_hostile_connections_cost_little_and_are_dropped(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "trusted.pem")
    trusted = str(tmp_path / "trusted.pem")
    with simulated_cloud("--fleet", str(DEVICES)) as cloud:
        config = {
            "api": {"base_url": cloud.url, "requests_per_minute": 100_000, "concurrency": 8},
            "poll": {"interval": "1h"},
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
            for _ in range(5):
                up()
            before = it.resident_bytes()
            port = int(it.url.rpartition(":")[2])
            with Attackers(port, ssl.create_default_context(cafile=trusted)) as attackers:
                attackers.hold_slow_heads(200)
                attackers.hold_half_open_handshakes(200)
                attackers.hold_slow_readers(100)
                most = it.resident_bytes()
                assert connections(it) > 300
                for _ in range(10):
                    assert up() == DEVICES
                    most = max(most, it.resident_bytes())
                assert most - before < MEMORY
                # all of them, while the attackers still hold on; one is the scraper's own
                eventually(lambda: connections(it) <= 1, 60)
            assert up() == DEVICES
            assert "Traceback" not in it.process.output
            assert "level=error" not in it.process.output


def test_more_connections_than_there_is_room_for(tmp_path: Path) -> None:
    with simulated_cloud("--devices", "pbd:A") as cloud:
        config = {"api": {"base_url": cloud.url}, "devices": {"pbd": ["A"]}}
        with exporter(tmp_path, config) as it, Attackers(int(it.url.rpartition(":")[2])) as attackers:
            for _ in range(7):
                attackers.hold_idle(100)
                assert it.get("/metrics").status_code == 200
            # as many as there may be (web/limits.py), be there as many attackers as there will
            assert connections(it) <= 512
            assert "level=error" not in it.process.output
